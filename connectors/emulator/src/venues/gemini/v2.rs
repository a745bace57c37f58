//! Market data v2 (archived): `l2` with trades, and candles. No sequence of any kind.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::desk::{Desk, Symbol};
use super::public::{CANDLES_MAX, rows};
use super::wire::taker_word;
use crate::exchange::PublicTrade;
use crate::happening::{Change, Happening, Side};
use crate::serve::{Dialect, Disturbance, Out};
use crate::venues::candles::candles;
use crate::venues::mirror::Mirror;
use crate::venues::words::one_place;

/// Pace of heartbeats. Unit: nanoseconds.
const HEARTBEAT_NS: u64 = 5_000_000_000;

/// Trades in a first frame.
const HISTORY: usize = 50;

/// Event numbers count apart from trade numbers.
const EVENT_FIRST: u64 = 1_764_551_741_000_000;

/// Close code: service restart.
const RESTART: u16 = 1012;

/// Candle feeds of one connection: every name for every product.
const CANDLE_FEEDS_MAX: usize = 128;

/// One candle subscription.
struct CandleFeed {
    name: String,
    step_ms: u64,
    symbol: usize,
}

/// A book subscription.
struct BookFeed {
    mirror: Mirror,
    last_trade: u64,
}

/// One connection.
pub(super) struct MarketDataV2 {
    desk: Arc<Desk>,
    books: BTreeMap<usize, BookFeed>,
    candles: Vec<CandleFeed>,
    next_heartbeat_ns: u64,
}

impl MarketDataV2 {
    pub(super) fn new(desk: &Arc<Desk>, now_ns: u64) -> Self {
        Self {
            desk: desk.clone(),
            books: BTreeMap::new(),
            candles: Vec::new(),
            next_heartbeat_ns: now_ns + HEARTBEAT_NS,
        }
    }

    fn subscribe(&mut self, subscription: &Value, out: &mut Vec<Out>) {
        let symbols = self.symbols(subscription);
        let name = subscription["name"].as_str().unwrap_or_default();
        let is_known = name == "l2" || step_ms(name).is_some();
        if symbols.is_empty() || !is_known {
            let reason = if is_known { "NoValidTradingPairs" } else { "InvalidSubscription" };
            out.push(Out::Text(format!("{{\"result\":\"error\",\"reason\":\"{reason}\"}}")));
            return;
        }
        for index in symbols {
            match step_ms(name) {
                None => self.subscribe_book(index, out),
                Some(step_ms) => self.subscribe_candles(name, step_ms, index, out),
            }
        }
    }

    fn subscribe_book(&mut self, index: usize, out: &mut Vec<Out>) {
        let symbol = &self.desk.symbols[index];
        let (mirror, trades) = {
            let exchange = self.desk.exchange();
            (Mirror::of(&exchange, &symbol.name), exchange.trades(&symbol.name, HISTORY))
        };
        out.push(Out::Text(snapshot(symbol, &mirror, &trades)));
        let last_trade = trades.first().map_or(0, |trade| trade.trade_id);
        self.books.insert(index, BookFeed { mirror, last_trade });
    }

    fn subscribe_candles(&mut self, name: &str, step_ms: u64, index: usize, out: &mut Vec<Out>) {
        let is_new = !self.candles.iter().any(|feed| feed.name == name && feed.symbol == index);
        if is_new && self.candles.len() < CANDLE_FEEDS_MAX {
            self.candles.push(CandleFeed { name: name.to_owned(), step_ms, symbol: index });
        }
        let symbol = &self.desk.symbols[index];
        let trades = self.desk.exchange().trades(&symbol.name, usize::MAX);
        out.push(Out::Text(candle_frame(
            symbol,
            name,
            &rows(&candles(&trades, step_ms, CANDLES_MAX)),
        )));
    }

    fn unsubscribe(&mut self, subscription: &Value) {
        let symbols = self.symbols(subscription);
        let name = subscription["name"].as_str().unwrap_or_default();
        if name == "l2" {
            self.books.retain(|index, _| !symbols.contains(index));
        }
        self.candles.retain(|feed| feed.name != name || !symbols.contains(&feed.symbol));
    }

    /// Symbols of a subscription that exist. Upper case only.
    fn symbols(&self, subscription: &Value) -> Vec<usize> {
        let names = subscription["symbols"].as_array().map_or(&[] as &[Value], Vec::as_slice);
        let place = |name: &Value| {
            let name = name.as_str()?;
            self.desk.symbols.iter().position(|symbol| symbol.upper == name)
        };
        names.iter().filter_map(place).collect()
    }

    fn trade(&mut self, product: &str, trade: &PublicTrade, out: &mut Vec<Out>) {
        let Some(index) = self.desk.index_of(product) else { return };
        let symbol = &self.desk.symbols[index];
        if let Some(feed) = self.books.get_mut(&index)
            && feed.last_trade < trade.trade_id
        {
            feed.last_trade = trade.trade_id;
            out.push(Out::Text(trade_text(symbol, trade)));
        }
        for feed in self.candles.iter().filter(|feed| feed.symbol == index) {
            let trades = self.desk.exchange().trades(&symbol.name, usize::MAX);
            let newest = rows(&candles(&trades, feed.step_ms, 1));
            out.push(Out::Text(candle_frame(symbol, &feed.name, &newest)));
        }
    }

    fn cross(&self, product: &str, out: &mut Vec<Out>) -> bool {
        let Some(index) = self.desk.index_of(product) else { return false };
        let (Some(feed), symbol) = (self.books.get(&index), &self.desk.symbols[index]) else {
            return false;
        };
        let Some((ask, size_e8)) = feed.mirror.best(Side::Ask) else { return false };
        let bid = Change { side: Side::Bid, price_e8: ask + symbol.tick_e8, size_e8 };
        out.push(Out::Text(update(symbol, &[bid])));
        true
    }

    /// Deletions of levels far away that were never there: well-formed, and without effect.
    fn giant(&self, bytes: usize, out: &mut Vec<Out>) {
        let Some((index, feed)) = self.books.first_key_value() else {
            let text = format!("{{\"padding\":\"{}\",\"type\":\"heartbeat\"}}", "x".repeat(bytes));
            out.push(Out::Text(text));
            return;
        };
        let symbol = &self.desk.symbols[*index];
        let far = feed.mirror.best(Side::Ask).map_or(symbol.tick_e8, |(at, _)| at * 4);
        // A row takes at least 16 bytes.
        let rows: Vec<Change> = (0..=bytes as u64 / 16)
            .map(|number| Change {
                side: Side::Ask,
                price_e8: far + number * symbol.tick_e8,
                size_e8: 0,
            })
            .collect();
        out.push(Out::Text(update(symbol, &rows)));
    }
}

/// Step of a candle feed's name. Unit: milliseconds.
fn step_ms(name: &str) -> Option<u64> {
    Some(match name {
        "candles_1m" => 60_000,
        "candles_5m" => 300_000,
        "candles_15m" => 900_000,
        "candles_30m" => 1_800_000,
        "candles_1h" => 3_600_000,
        "candles_6h" => 21_600_000,
        "candles_1d" => 86_400_000,
        _ => return None,
    })
}

fn changes(list: impl Iterator<Item = Change>) -> String {
    let rows: Vec<String> = list
        .map(|change| {
            let side = match change.side {
                Side::Bid => "buy",
                Side::Ask => "sell",
            };
            format!(
                "[\"{side}\",\"{}\",\"{}\"]",
                one_place(change.price_e8),
                one_place(change.size_e8)
            )
        })
        .collect();
    rows.join(",")
}

/// Changed levels: an update has neither `trades` nor `auction_events`.
fn update(symbol: &Symbol, list: &[Change]) -> String {
    format!(
        "{{\"changes\":[{}],\"symbol\":\"{}\",\"type\":\"l2_updates\"}}",
        changes(list.iter().copied()),
        symbol.upper
    )
}

/// The first frame of a symbol: the whole book, best first, and recent trades, oldest first.
fn snapshot(symbol: &Symbol, mirror: &Mirror, trades: &[PublicTrade]) -> String {
    let levels = [Side::Bid, Side::Ask].into_iter().flat_map(|side| {
        mirror.levels(side, 0).into_iter().map(move |(price_e8, size_e8)| Change {
            side,
            price_e8,
            size_e8,
        })
    });
    let trades: Vec<String> = trades.iter().rev().map(|trade| trade_text(symbol, trade)).collect();
    format!(
        "{{\"auction_events\":[],\"changes\":[{}],\"symbol\":\"{}\",\"trades\":[{}],\
         \"type\":\"l2_updates\"}}",
        changes(levels),
        symbol.upper,
        trades.join(",")
    )
}

fn trade_text(symbol: &Symbol, trade: &PublicTrade) -> String {
    format!(
        "{{\"event_id\":{},\"price\":\"{}\",\"quantity\":\"{}\",\"side\":\"{}\",\"symbol\":\"{}\",\
         \"tid\":{},\"timestamp\":{},\"type\":\"trade\"}}",
        EVENT_FIRST + trade.trade_id,
        one_place(trade.price_e8),
        one_place(trade.size_e8),
        taker_word(trade.maker),
        symbol.upper,
        trade.trade_id,
        trade.at_ns / 1_000_000,
    )
}

fn candle_frame(symbol: &Symbol, name: &str, rows: &str) -> String {
    format!("{{\"type\":\"{name}_updates\",\"symbol\":\"{}\",\"changes\":{rows}}}", symbol.upper)
}

impl Dialect for MarketDataV2 {
    fn opened(&mut self, now_ns: u64, _: &mut Vec<Out>) {
        self.next_heartbeat_ns = now_ns + HEARTBEAT_NS;
    }

    fn text(&mut self, _: u64, text: &str, out: &mut Vec<Out>) {
        let request: Value = serde_json::from_str(text).unwrap_or_default();
        let list = request["subscriptions"].as_array().map_or(&[] as &[Value], Vec::as_slice);
        match request["type"].as_str() {
            Some("subscribe") if !list.is_empty() => {
                for subscription in list {
                    self.subscribe(subscription, out);
                }
            }
            Some("unsubscribe") if !list.is_empty() => {
                for subscription in list {
                    self.unsubscribe(subscription);
                }
            }
            _ => {
                let text = "{\"result\":\"error\",\"reason\":\"InvalidJson\"}";
                out.push(Out::Text(text.to_owned()));
            }
        }
    }

    fn happened(&mut self, _: u64, what: &Happening, out: &mut Vec<Out>) {
        let ours = self.desk.exchange_id();
        match what {
            Happening::Book { exchange, product, at_ns, update_id, changes, .. }
                if *exchange == ours =>
            {
                let Some(index) = self.desk.index_of(product) else { return };
                let Some(feed) = self.books.get_mut(&index) else { return };
                if feed.mirror.apply(*update_id, *at_ns, changes) {
                    out.push(Out::Text(update(&self.desk.symbols[index], changes)));
                }
            }
            Happening::Trade { exchange, product, at_ns, trade_id, maker, price_e8, size_e8 }
                if *exchange == ours =>
            {
                let trade = PublicTrade {
                    trade_id: *trade_id,
                    maker: *maker,
                    price_e8: *price_e8,
                    size_e8: *size_e8,
                    at_ns: *at_ns,
                };
                self.trade(product, &trade, out);
            }
            Happening::Book { .. }
            | Happening::Trade { .. }
            | Happening::Order { .. }
            | Happening::Balance { .. }
            | Happening::Status { .. }
            | Happening::Slot { .. }
            | Happening::Accounts { .. }
            | Happening::Signature { .. } => {}
        }
    }

    fn tick(&mut self, now_ns: u64, out: &mut Vec<Out>) {
        self.desk.sweep(now_ns);
        if now_ns >= self.next_heartbeat_ns {
            self.next_heartbeat_ns += HEARTBEAT_NS;
            let at_ms = now_ns / 1_000_000;
            out.push(Out::Text(format!("{{\"timestamp\":{at_ms},\"type\":\"heartbeat\"}}")));
        }
    }

    fn disturb(&mut self, _: u64, what: &Disturbance, out: &mut Vec<Out>) -> bool {
        match what {
            Disturbance::CrossedBook { product } => self.cross(product, out),
            Disturbance::GiantFrame { bytes } => {
                self.giant(*bytes, out);
                true
            }
            Disturbance::Maintenance => {
                out.push(Out::Close(RESTART, "maintenance".to_owned()));
                true
            }
            Disturbance::SubscriptionDropped => self.books.pop_first().is_some(),
            // Nobody authenticates here.
            Disturbance::AuthExpired
            | Disturbance::AuthRestored
            | Disturbance::SlotLag { .. }
            | Disturbance::SplitSlot { .. }
            | Disturbance::MissingAccounts { .. } => false,
        }
    }
}
