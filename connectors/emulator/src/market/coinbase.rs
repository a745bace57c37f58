//! Coinbase Advanced Trade frames, in the key order of the venue's recordings.

use std::fmt::Write as _;

use super::ladder::{Change, Ladder, Print, Side};
use super::text::{go_time, rfc3339, trimmed};

/// Decimal places of a price: one tick is 0.01.
const PRICE_PLACES: u32 = 2;

/// Decimal places of a size: one lot is 10⁻⁸.
const SIZE_PLACES: u32 = 8;

/// The market's name.
const PRODUCT: &str = "SOL-USD";

/// One connection: its sequence counts over all channels.
#[derive(Clone, Debug)]
pub(super) struct Coinbase {
    sequence: u64,
    heartbeat: u64,
    trade_id: u64,
    channels: Vec<&'static str>,
}

impl Coinbase {
    pub(super) const ADDRESS: &'static str = "wss://advanced-trade-ws.coinbase.com";
    pub(super) const PRODUCTS_URL: &'static str =
        "https://api.coinbase.com/api/v3/brokerage/market/products";
    /// Channels in the order in which they are subscribed.
    pub(super) const CHANNELS: [&'static str; 3] = ["market_trades", "level2", "heartbeats"];

    pub(super) const fn new() -> Self {
        Self { sequence: 0, heartbeat: 41_690, trade_id: 284_117_300, channels: Vec::new() }
    }

    /// The product list: the market and its USDC alias.
    pub(super) fn products(price_ticks: u64) -> String {
        let price = trimmed(price_ticks, PRICE_PLACES);
        let one = |id: &str, quote: &str, alias: &str, alias_to: &str| {
            format!(
                "{{\"product_id\":\"{id}\", \"price\":\"{price}\", \"base_increment\":\"0.00000001\", \
                 \"quote_increment\":\"0.01\", \"quote_min_size\":\"1\", \
                 \"quote_max_size\":\"25000000\", \"base_min_size\":\"0.00000001\", \
                 \"base_max_size\":\"1274000\", \"base_name\":\"Solana\", \
                 \"quote_name\":\"{quote}\", \"is_disabled\":false, \"status\":\"online\", \
                 \"cancel_only\":false, \"limit_only\":false, \"post_only\":false, \
                 \"trading_disabled\":false, \"auction_mode\":false, \"product_type\":\"SPOT\", \
                 \"quote_currency_id\":\"{}\", \"base_currency_id\":\"SOL\", \"alias\":\"{alias}\", \
                 \"alias_to\":[{alias_to}], \"view_only\":false, \"price_increment\":\"0.01\", \
                 \"display_name\":\"{id}\", \"product_venue\":\"CBE\"}}",
                &id[4..]
            )
        };
        format!(
            "{{\"products\":[{}, {}], \"num_products\":2, \"pagination\":{{\"prev_cursor\":\"\", \
             \"next_cursor\":\"\", \"has_next\":false, \"has_prev\":false}}}}",
            one(PRODUCT, "US Dollar", "", "\"SOL-USDC\""),
            one("SOL-USDC", "USDC", PRODUCT, "")
        )
    }

    /// What the client sends to subscribe one channel.
    pub(super) fn subscribe(channel: &str) -> String {
        format!(
            "{{\"type\":\"subscribe\",\"product_ids\":[\"{PRODUCT}\"],\"channel\":\"{channel}\"}}"
        )
    }

    /// The acknowledgement: everything subscribed so far, by name.
    pub(super) fn subscribed(&mut self, channel: &'static str, at_ns: u64) -> String {
        self.channels.push(channel);
        self.channels.sort_unstable();
        let list: Vec<String> = self
            .channels
            .iter()
            .map(|name| {
                let value = if *name == "heartbeats" { "heartbeats" } else { PRODUCT };
                format!("\"{name}\":[\"{value}\"]")
            })
            .collect();
        self.frame("subscriptions", at_ns, &format!("{{\"subscriptions\":{{{}}}}}", list.join(",")))
    }

    /// The whole book.
    pub(super) fn snapshot(&mut self, at_ns: u64, event_ns: u64, book: &Ladder) -> String {
        let changes: Vec<Change> = [Side::Bid, Side::Ask]
            .into_iter()
            .flat_map(|side| {
                book.levels(side).map(move |(price_ticks, size_lots)| Change {
                    side,
                    price_ticks,
                    size_lots,
                })
            })
            .collect();
        self.book("snapshot", at_ns, event_ns, &changes)
    }

    /// Changed levels.
    pub(super) fn update(&mut self, at_ns: u64, event_ns: u64, changes: &[Change]) -> String {
        self.book("update", at_ns, event_ns, changes)
    }

    /// Trades, newest first; `side` is the maker's.
    pub(super) fn trades(&mut self, snapshot: bool, at_ns: u64, prints: &[(u64, Print)]) -> String {
        let first = self.trade_id;
        self.trade_id += u64::try_from(prints.len()).expect("Invariant: a batch is short");
        let mut list = Vec::new();
        for (offset, (event_ns, print)) in (0_u64..).zip(prints) {
            let side = match print.maker {
                Side::Bid => "BUY",
                Side::Ask => "SELL",
            };
            list.push(format!(
                "{{\"product_id\":\"{PRODUCT}\",\"trade_id\":\"{}\",\"price\":\"{}\",\
                 \"size\":\"{}\",\"time\":\"{}\",\"side\":\"{side}\"}}",
                first + offset,
                trimmed(print.price_ticks, PRICE_PLACES),
                trimmed(print.size_lots, SIZE_PLACES),
                rfc3339(*event_ns),
            ));
        }
        list.reverse();
        let kind = if snapshot { "snapshot" } else { "update" };
        let event = format!("{{\"type\":\"{kind}\",\"trades\":[{}]}}", list.join(","));
        self.frame("market_trades", at_ns, &event)
    }

    /// One heartbeat.
    pub(super) fn heartbeat(&mut self, at_ns: u64) -> String {
        self.heartbeat += 1;
        let since = self.heartbeat * 1_000_000_000 + 260_485_341;
        let event = format!(
            "{{\"current_time\":\"{}\",\"heartbeat_counter\":{}}}",
            go_time(at_ns, since),
            self.heartbeat
        );
        self.frame("heartbeats", at_ns, &event)
    }

    fn book(&mut self, kind: &str, at_ns: u64, event_ns: u64, changes: &[Change]) -> String {
        let time = rfc3339(event_ns);
        let mut list = String::new();
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
                trimmed(change.price_ticks, PRICE_PLACES),
                trimmed(change.size_lots, SIZE_PLACES),
            );
        }
        let event =
            format!("{{\"type\":\"{kind}\",\"product_id\":\"{PRODUCT}\",\"updates\":[{list}]}}");
        self.frame("l2_data", at_ns, &event)
    }

    fn frame(&mut self, channel: &str, at_ns: u64, event: &str) -> String {
        let sequence = self.sequence;
        self.sequence += 1;
        format!(
            "{{\"channel\":\"{channel}\",\"timestamp\":\"{}\",\"sequence_num\":{sequence},\
             \"events\":[{event}]}}",
            rfc3339(at_ns)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames of the recording of 2026-08-09 with this market's name in them.
    #[test]
    fn frames_are_spelt_like_recorded_ones() {
        let mut wire = Coinbase { sequence: 16, ..Coinbase::new() };
        let change = Change { side: Side::Ask, price_ticks: 6_508_371, size_lots: 6_000_000 };
        assert_eq!(
            wire.update(1_786_309_548_507_227_366, 1_786_309_548_278_410_000, &[change]),
            r#"{"channel":"l2_data","timestamp":"2026-08-09T21:05:48.507227366Z","sequence_num":16,"events":[{"type":"update","product_id":"SOL-USD","updates":[{"side":"offer","event_time":"2026-08-09T21:05:48.27841Z","price_level":"65083.71","new_quantity":"0.06"}]}]}"#
        );
        wire.trade_id = 1_068_572_091;
        let print =
            Print { maker: Side::Ask, price_ticks: 6_508_367, size_lots: 1_034_361, left_lots: 0 };
        assert_eq!(
            wire.trades(false, 1_786_309_548_251_397_169, &[(1_786_309_548_167_634_000, print)]),
            r#"{"channel":"market_trades","timestamp":"2026-08-09T21:05:48.251397169Z","sequence_num":17,"events":[{"type":"update","trades":[{"product_id":"SOL-USD","trade_id":"1068572091","price":"65083.67","size":"0.01034361","time":"2026-08-09T21:05:48.167634Z","side":"SELL"}]}]}"#
        );
        assert_eq!(
            wire.subscribed("market_trades", 1_786_309_548_228_846_629),
            r#"{"channel":"subscriptions","timestamp":"2026-08-09T21:05:48.228846629Z","sequence_num":18,"events":[{"subscriptions":{"market_trades":["SOL-USD"]}}]}"#
        );
    }
}
