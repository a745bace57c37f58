//! WebSocket frames, in the key order of the venue's recordings.

use std::fmt::Write as _;

use super::products::{Day, Named, status_of};
use super::text::{e8, go_time, quoted, rfc3339, rfc3339_us};
use crate::exchange::PublicTrade;
use crate::happening::{Change, Side};

/// Whether an event states everything or what has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// Everything.
    Snapshot,
    /// What has changed.
    Update,
}

impl Event {
    const fn word(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Update => "update",
        }
    }
}

/// The envelopes of one connection: one count over all its channels, from 0.
#[derive(Clone, Debug, Default)]
pub(super) struct Envelope {
    sequence: u64,
}

impl Envelope {
    /// A frame with one event.
    pub(super) fn frame(&mut self, channel: &str, now_ns: u64, event: &str) -> String {
        let sequence = self.sequence;
        self.sequence += 1;
        format!(
            "{{\"channel\":\"{channel}\",\"timestamp\":\"{}\",\"sequence_num\":{sequence},\
             \"events\":[{event}]}}",
            rfc3339(now_ns)
        )
    }
}

/// An error: neither channel nor sequence number.
pub(super) fn error(message: &str) -> String {
    format!("{{\"type\":\"error\",\"message\":{}}}", quoted(message))
}

/// Levels of one book. `event_ns` is the exchange's own time of them.
pub(super) fn levels(event: Event, product: &str, event_ns: u64, changes: &[Change]) -> String {
    let time = rfc3339_us(event_ns);
    // A row takes about 110 bytes; a large book has tens of thousands of them.
    let mut list = String::with_capacity(changes.len() * 112);
    for change in changes {
        let side = match change.side {
            Side::Bid => "bid",
            Side::Ask => "offer",
        };
        let comma = if list.is_empty() { "" } else { "," };
        let _ = write!(
            list,
            "{comma}{{\"side\":\"{side}\",\"event_time\":\"{time}\",\"price_level\":\"{}\",\
             \"new_quantity\":\"{}\"}}",
            e8(change.price_e8),
            e8(change.size_e8),
        );
    }
    let kind = event.word();
    format!("{{\"type\":\"{kind}\",\"product_id\":\"{product}\",\"updates\":[{list}]}}")
}

/// Trades, newest first, each with its product. The side is the maker's.
pub(super) fn trades<'t>(
    event: Event,
    list: impl Iterator<Item = (&'t str, &'t PublicTrade)>,
) -> String {
    let rows: Vec<String> = list.map(|(product, trade)| trade_row(product, trade)).collect();
    format!("{{\"type\":\"{}\",\"trades\":[{}]}}", event.word(), rows.join(","))
}

/// One trade; the REST ticker spells it alike.
pub(super) fn trade_row(product: &str, trade: &PublicTrade) -> String {
    format!(
        "{{\"product_id\":\"{product}\",\"trade_id\":\"{}\",\"price\":\"{}\",\"size\":\"{}\",\
         \"time\":\"{}\",\"side\":\"{}\"}}",
        trade.trade_id,
        e8(trade.price_e8),
        e8(trade.size_e8),
        rfc3339_us(trade.at_ns),
        maker_word(trade.maker),
    )
}

/// The maker's side in a trade.
pub(super) const fn maker_word(maker: Side) -> &'static str {
    match maker {
        Side::Bid => "BUY",
        Side::Ask => "SELL",
    }
}

/// Best levels beside a ticker: bid, then ask, price and size in e8.
pub(super) type Touch = [Option<(u64, u64)>; 2];

/// A ticker; without a touch it is one of `ticker_batch`.
pub(super) fn ticker(event: Event, product: &str, day: &Day, touch: Option<Touch>) -> String {
    let mut row = format!(
        "{{\"type\":\"ticker\",\"product_id\":\"{product}\",\"price\":\"{}\",\
         \"volume_24_h\":\"{}\",\"low_24_h\":\"{low}\",\"high_24_h\":\"{high}\",\
         \"low_52_w\":\"{low}\",\"high_52_w\":\"{high}\",\"price_percent_chg_24_h\":\"{}\"",
        e8(day.last),
        e8(day.volume),
        day.change_percent(),
        low = e8(day.low),
        high = e8(day.high),
    );
    if let Some([bid, ask]) = touch {
        let (bid, ask) = (bid.unwrap_or_default(), ask.unwrap_or_default());
        let _ = write!(
            row,
            ",\"best_bid\":\"{}\",\"best_ask\":\"{}\",\"best_bid_quantity\":\"{}\",\
             \"best_ask_quantity\":\"{}\"",
            e8(bid.0),
            e8(ask.0),
            e8(bid.1),
            e8(ask.1)
        );
    }
    format!("{{\"type\":\"{}\",\"tickers\":[{row}}}]}}", event.word())
}

/// One candle of a product. Unit of the start: Unix seconds; of the rest: e8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Candle {
    /// Start of the bucket.
    pub(super) start_s: u64,
    /// First price.
    pub(super) open: u64,
    /// Highest price.
    pub(super) high: u64,
    /// Lowest price.
    pub(super) low: u64,
    /// Last price.
    pub(super) close: u64,
    /// Base traded; saturates.
    pub(super) volume: u64,
}

impl Candle {
    /// Buckets of a width that hold trades, oldest first, from trades newest first.
    pub(super) fn of(trades: &[PublicTrade], width_s: u64) -> Vec<Self> {
        let mut list: Vec<Self> = Vec::new();
        for trade in trades.iter().rev() {
            let at_s = trade.at_ns / 1_000_000_000;
            let start_s = at_s - at_s % width_s.max(1);
            let price = trade.price_e8;
            match list.last_mut().filter(|last| last.start_s == start_s) {
                Some(last) => {
                    last.high = last.high.max(price);
                    last.low = last.low.min(price);
                    last.close = price;
                    last.volume = last.volume.saturating_add(trade.size_e8);
                }
                None => list.push(Self {
                    start_s,
                    open: price,
                    high: price,
                    low: price,
                    close: price,
                    volume: trade.size_e8,
                }),
            }
        }
        list
    }

    /// The fields that WebSocket and REST share, without braces.
    pub(super) fn fields(&self) -> String {
        format!(
            "\"start\":\"{}\",\"high\":\"{}\",\"low\":\"{}\",\"open\":\"{}\",\"close\":\"{}\",\
             \"volume\":\"{}\"",
            self.start_s,
            e8(self.high),
            e8(self.low),
            e8(self.open),
            e8(self.close),
            e8(self.volume)
        )
    }
}

/// Candles of one product, oldest first.
pub(super) fn candles(event: Event, product: &str, list: &[Candle]) -> String {
    let row = |candle: &Candle| format!("{{{},\"product_id\":\"{product}\"}}", candle.fields());
    let rows: Vec<String> = list.iter().map(row).collect();
    format!("{{\"type\":\"{}\",\"candles\":[{}]}}", event.word(), rows.join(","))
}

/// Products and whether they trade.
pub(super) fn status(event: Event, list: &[Named]) -> String {
    let row = |named: &Named| {
        let (product, quote) = (&named.product, named.quote());
        format!(
            "{{\"product_type\":\"SPOT\",\"id\":\"{}\",\"base_currency\":\"{base}\",\
             \"quote_currency\":\"{quote}\",\"base_increment\":\"{}\",\"quote_increment\":\"{}\",\
             \"display_name\":\"{base}/{quote}\",\"status\":\"{}\",\"status_message\":\"\",\
             \"min_market_funds\":\"{}\"}}",
            named.id,
            e8(product.lot_e8),
            e8(product.tick_e8),
            status_of(product.status),
            e8(product.notional_min_e8),
            base = product.base,
        )
    };
    let rows: Vec<String> = list.iter().map(row).collect();
    format!("{{\"type\":\"{}\",\"products\":[{}]}}", event.word(), rows.join(","))
}

/// One heartbeat; `since_ns` is how long the venue runs.
pub(super) fn heartbeat(now_ns: u64, since_ns: u64, counter: u64) -> String {
    format!(
        "{{\"current_time\":\"{}\",\"heartbeat_counter\":{counter}}}",
        go_time(now_ns, since_ns)
    )
}

/// Everything that a connection is subscribed to: channels by name, each with its list.
pub(super) fn subscriptions<'s>(list: impl Iterator<Item = (&'s str, Vec<String>)>) -> String {
    let row = |(channel, names): (&str, Vec<String>)| {
        let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
        format!("\"{channel}\":[{}]", names.join(","))
    };
    let rows: Vec<String> = list.map(row).collect();
    format!("{{\"subscriptions\":{{{}}}}}", rows.join(","))
}

/// Rows of orders, as [`super::orders::Row::user`] spells them.
pub(super) fn user(event: Event, rows: &[String]) -> String {
    format!(
        "{{\"type\":\"{}\",\"orders\":[{}],\"positions\":{{\"perpetual_futures_positions\":[],\
         \"expiring_futures_positions\":[]}}}}",
        event.word(),
        rows.join(",")
    )
}
