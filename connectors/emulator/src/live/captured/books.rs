//! Frames of the exchanges: what they say about books and trades.

use std::collections::{BTreeMap, VecDeque};

use serde::Deserialize;
use serde_json::Value;

use super::CapturedCounts;
use super::line::{Line, e8};
use crate::exchange::Exchange;
use crate::happening::{Change, ExchangeId, Side};

/// Diffs that wait for a Bitstamp book: minutes of a busy pair; beyond it the oldest goes, which the
/// book that comes then contains.
const WAITING_MAX: usize = 20_000;

/// A Bitstamp diff: its microtimestamp and what it changes.
type Diff = (u64, Vec<Change>);

/// What is remembered between frames.
#[derive(Debug, Default)]
pub(super) struct Books {
    /// Bitstamp diffs that wait for a book, by product.
    waiting: BTreeMap<String, VecDeque<Diff>>,
    /// Microtimestamp of the Bitstamp book in use, by product: what a diff at or before it says, the book
    /// contains.
    book_us: BTreeMap<String, u64>,
    /// Products whose book has been shown, by exchange.
    shown: Vec<(ExchangeId, String)>,
    /// Products that the client subscribed to, by exchange.
    wanted: Vec<(ExchangeId, String)>,
}

#[derive(Deserialize)]
struct CoinbaseFrame {
    channel: String,
    #[serde(default)]
    events: Vec<CoinbaseEvent>,
}

#[derive(Deserialize)]
struct CoinbaseEvent {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    product_id: String,
    #[serde(default)]
    updates: Vec<CoinbaseLevel>,
    #[serde(default)]
    trades: Vec<CoinbaseTrade>,
}

#[derive(Deserialize)]
struct CoinbaseLevel {
    side: String,
    price_level: String,
    new_quantity: String,
}

#[derive(Deserialize)]
struct CoinbaseTrade {
    product_id: String,
    price: String,
    size: String,
    side: String,
}

#[derive(Deserialize)]
struct GeminiFrame {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    symbol: String,
    #[serde(default)]
    changes: Vec<[String; 3]>,
    auction_events: Option<Vec<Value>>,
    #[serde(default)]
    price: String,
    #[serde(default)]
    quantity: String,
    #[serde(default)]
    side: String,
}

#[derive(Deserialize)]
struct BitstampFrame {
    event: String,
    #[serde(default)]
    channel: String,
    data: Value,
}

#[derive(Deserialize)]
struct BitstampBook {
    microtimestamp: String,
    bids: Vec<[String; 2]>,
    asks: Vec<[String; 2]>,
}

impl Books {
    /// Plays one line. True when every book that the client wanted has been shown.
    pub(super) fn take(
        &mut self,
        now_ns: u64,
        id: ExchangeId,
        line: &Line,
        exchange: &mut Exchange,
        counts: &mut CapturedCounts,
    ) -> bool {
        let played = match (id, line) {
            (ExchangeId::Coinbase, Line::Received(text)) => {
                self.coinbase(now_ns, text, exchange, counts)
            }
            (ExchangeId::Gemini, Line::Received(text)) => {
                self.gemini(now_ns, text, exchange, counts)
            }
            (ExchangeId::Bitstamp, Line::Received(text)) => {
                self.bitstamp(now_ns, text, exchange, counts)
            }
            (ExchangeId::Bitstamp, Line::Http(url, _, text)) => {
                self.bitstamp_book(now_ns, url, text, exchange, counts)
            }
            (_, Line::Sent(text)) => {
                self.subscribed(id, text, exchange);
                Some(())
            }
            (_, Line::Http(..) | Line::Other) => Some(()),
        };
        if played.is_none() {
            counts.malformed += 1;
        }
        let mut wanted = self.wanted.iter().filter(|(of, _)| *of == id).peekable();
        wanted.peek().is_some() && wanted.all(|one| self.shown.contains(one))
    }

    fn show(&mut self, id: ExchangeId, product: &str) {
        let entry = (id, product.to_owned());
        if !self.shown.contains(&entry) {
            self.shown.push(entry);
        }
    }

    /// Notes whose books the client asked for.
    fn subscribed(&mut self, id: ExchangeId, text: &str, exchange: &Exchange) {
        for product in exchange.products() {
            let (base, quote) = (&product.base, &product.quote);
            let spelled = match id {
                ExchangeId::Coinbase => format!("\"{base}-{quote}\""),
                ExchangeId::Gemini => format!("\"{base}{quote}\""),
                ExchangeId::Bitstamp => {
                    format!("diff_order_book_{base}{quote}\"").to_ascii_lowercase()
                }
            };
            let is_book = id != ExchangeId::Coinbase || text.contains("\"level2\"");
            let entry = (id, product.name.to_string());
            if is_book && text.contains(&spelled) && !self.wanted.contains(&entry) {
                self.wanted.push(entry);
            }
        }
    }

    fn coinbase(
        &mut self,
        now_ns: u64,
        text: &str,
        exchange: &mut Exchange,
        counts: &mut CapturedCounts,
    ) -> Option<()> {
        let frame: CoinbaseFrame = serde_json::from_str(text).ok()?;
        match frame.channel.as_str() {
            "l2_data" => {
                for event in frame.events {
                    if !is_known(exchange, &event.product_id, counts) {
                        continue;
                    }
                    let levels = event.updates.iter().filter_map(|level| {
                        let side = if level.side == "bid" { Side::Bid } else { Side::Ask };
                        change(side, &level.price_level, &level.new_quantity, counts)
                    });
                    let levels: Vec<Change> = levels.collect();
                    if event.kind == "snapshot" {
                        replace(now_ns, exchange, &event.product_id, levels);
                        self.show(ExchangeId::Coinbase, &event.product_id);
                    } else {
                        exchange.set_levels(now_ns, &event.product_id, &levels);
                    }
                }
            }
            "market_trades" => {
                let trades = frame.events.into_iter().flat_map(|event| event.trades);
                // Newest first.
                for trade in trades.collect::<Vec<_>>().into_iter().rev() {
                    // Its side is the maker's.
                    let maker = if trade.side == "BUY" { Side::Bid } else { Side::Ask };
                    let price = (trade.price.as_str(), trade.size.as_str());
                    print(now_ns, exchange, &trade.product_id, maker, price, counts);
                }
            }
            _ => counts.other += 1,
        }
        Some(())
    }

    fn gemini(
        &mut self,
        now_ns: u64,
        text: &str,
        exchange: &mut Exchange,
        counts: &mut CapturedCounts,
    ) -> Option<()> {
        let frame: GeminiFrame = serde_json::from_str(text).ok()?;
        let product = joined(&frame.symbol.to_ascii_uppercase(), exchange).unwrap_or_default();
        match frame.kind.as_str() {
            "l2_updates" => {
                if !is_known(exchange, &product, counts) {
                    return Some(());
                }
                let levels = frame.changes.iter().filter_map(|[side, price, size]| {
                    let side = if side == "buy" { Side::Bid } else { Side::Ask };
                    change(side, price, size, counts)
                });
                let levels: Vec<Change> = levels.collect();
                // The first frame of a subscription says so by the auctions that it lists.
                if frame.auction_events.is_some() {
                    replace(now_ns, exchange, &product, levels);
                    self.show(ExchangeId::Gemini, &product);
                } else {
                    exchange.set_levels(now_ns, &product, &levels);
                }
            }
            "trade" => {
                // Its side is the taker's.
                let maker = if frame.side == "buy" { Side::Ask } else { Side::Bid };
                let price = (frame.price.as_str(), frame.quantity.as_str());
                print(now_ns, exchange, &product, maker, price, counts);
            }
            _ => counts.other += 1,
        }
        Some(())
    }

    fn bitstamp(
        &mut self,
        now_ns: u64,
        text: &str,
        exchange: &mut Exchange,
        counts: &mut CapturedCounts,
    ) -> Option<()> {
        let frame: BitstampFrame = serde_json::from_str(text).ok()?;
        let channel = frame.channel.as_str();
        if let Some(symbol) = channel.strip_prefix("diff_order_book_")
            && frame.event == "data"
        {
            let product = joined(&symbol.to_ascii_uppercase(), exchange).unwrap_or_default();
            if !is_known(exchange, &product, counts) {
                return Some(());
            }
            let (at_us, levels) = bitstamp_levels(frame.data, counts)?;
            if let Some(book_us) = self.book_us.get(&product) {
                if at_us > *book_us {
                    exchange.set_levels(now_ns, &product, &levels);
                }
            } else {
                let waiting = self.waiting.entry(product).or_default();
                if waiting.len() >= WAITING_MAX {
                    waiting.pop_front();
                }
                waiting.push_back((at_us, levels));
            }
        } else if let Some(symbol) = channel.strip_prefix("live_trades_")
            && frame.event == "trade"
        {
            let product = joined(&symbol.to_ascii_uppercase(), exchange).unwrap_or_default();
            let text = |key: &str| frame.data.get(key).and_then(Value::as_str).unwrap_or_default();
            // 0 is a taker who buys.
            let buys = frame.data.get("type").and_then(Value::as_u64) == Some(0);
            let maker = if buys { Side::Ask } else { Side::Bid };
            let price = (text("price_str"), text("amount_str"));
            print(now_ns, exchange, &product, maker, price, counts);
        } else {
            counts.other += 1;
        }
        Some(())
    }

    /// A whole book over HTTP: diffs that are newer than it are applied on top.
    fn bitstamp_book(
        &mut self,
        now_ns: u64,
        url: &str,
        text: &str,
        exchange: &mut Exchange,
        counts: &mut CapturedCounts,
    ) -> Option<()> {
        let Some((_, rest)) = url.split_once("/order_book/") else {
            counts.other += 1;
            return Some(());
        };
        let symbol = rest.split(['/', '?']).next().unwrap_or_default().to_ascii_uppercase();
        let product = joined(&symbol, exchange).unwrap_or_default();
        if !is_known(exchange, &product, counts) {
            return Some(());
        }
        let (at_us, levels) = bitstamp_levels(serde_json::from_str(text).ok()?, counts)?;
        replace(now_ns, exchange, &product, levels);
        for (diff_us, levels) in self.waiting.remove(&product).unwrap_or_default() {
            if diff_us > at_us {
                exchange.set_levels(now_ns, &product, &levels);
            }
        }
        self.show(ExchangeId::Bitstamp, &product);
        self.book_us.insert(product, at_us);
        Some(())
    }
}

/// Microtimestamp and levels of a Bitstamp book or diff.
fn bitstamp_levels(data: Value, counts: &mut CapturedCounts) -> Option<Diff> {
    let book: BitstampBook = serde_json::from_value(data).ok()?;
    let mut levels = Vec::with_capacity(book.bids.len() + book.asks.len());
    for (side, rows) in [(Side::Bid, &book.bids), (Side::Ask, &book.asks)] {
        levels.extend(rows.iter().filter_map(|[price, size]| change(side, price, size, counts)));
    }
    Some((book.microtimestamp.parse().ok()?, levels))
}

fn change(side: Side, price: &str, size: &str, counts: &mut CapturedCounts) -> Option<Change> {
    let both = e8(price).zip(e8(size));
    if both.is_none() {
        counts.off_grid += 1;
    }
    both.map(|(price_e8, size_e8)| Change { side, price_e8, size_e8 })
}

fn print(
    now_ns: u64,
    exchange: &mut Exchange,
    product: &str,
    maker: Side,
    (price, size): (&str, &str),
    counts: &mut CapturedCounts,
) {
    if !is_known(exchange, product, counts) {
        return;
    }
    match e8(price).zip(e8(size)) {
        Some((price, size)) => exchange.print(now_ns, product, maker, price, size),
        None => counts.off_grid += 1,
    }
}

/// Nothing rests but these levels.
fn replace(now_ns: u64, exchange: &mut Exchange, product: &str, levels: Vec<Change>) {
    let mut changes = Vec::new();
    for side in [Side::Bid, Side::Ask] {
        let gone = exchange.levels(product, side, 0).into_iter();
        changes.extend(gone.map(|(price_e8, _)| Change { side, price_e8, size_e8: 0 }));
    }
    changes.extend(levels);
    exchange.set_levels(now_ns, product, &changes);
}

fn is_known(exchange: &Exchange, product: &str, counts: &mut CapturedCounts) -> bool {
    let is_known = exchange.product(product).is_some();
    counts.unknown_products += u64::from(!is_known);
    is_known
}

/// The product whose base and quote, written together, are this.
fn joined(symbol: &str, exchange: &Exchange) -> Option<String> {
    let is_it =
        |base: &str, quote: &str| symbol.strip_prefix(base).is_some_and(|rest| rest == quote);
    let product = exchange.products().iter().find(|one| is_it(&one.base, &one.quote))?;
    Some(product.name.to_string())
}
