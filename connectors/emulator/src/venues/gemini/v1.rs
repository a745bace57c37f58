//! Market data v1 (archived): one market, or several on one connection.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::desk::{Desk, Symbol};
use super::wire::{bad_symbol, price};
use crate::happening::{Change, Happening, Side};
use crate::serve::{Dialect, Disturbance, HttpAnswer, HttpRequest, Out};
use crate::venues::mirror::Mirror;
use crate::venues::words::{pairs, pick, trimmed};

/// Pace of heartbeats. Unit: nanoseconds.
const HEARTBEAT_NS: u64 = 5_000_000_000;

/// Close code: service restart.
const RESTART: u16 = 1012;

/// What a connection asked for.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "the flags of the address, one by one")]
struct Wants {
    heartbeat: bool,
    bids: bool,
    offers: bool,
    trades: bool,
    top: bool,
    /// Several markets: each event names its own.
    names: bool,
}

/// One market of the connection.
struct Feed {
    mirror: Mirror,
    last_trade: u64,
    /// Price and time of the last trade by resting side: a level that shrinks with it was traded.
    traded: Option<(Side, u64, u64)>,
    /// Best levels told, bid then ask.
    top: [Option<(u64, u64)>; 2],
}

/// One connection.
pub(super) struct MarketDataV1 {
    desk: Arc<Desk>,
    wants: Wants,
    feeds: BTreeMap<usize, Feed>,
    socket_sequence: u64,
    next_heartbeat_ns: u64,
}

impl MarketDataV1 {
    /// `/v1/marketdata/{symbol}`.
    pub(super) fn single(
        desk: &Arc<Desk>,
        now_ns: u64,
        symbol: &str,
        request: &HttpRequest,
    ) -> Result<Self, HttpAnswer> {
        Self::open(desk, now_ns, &[symbol], request, false)
    }

    /// `/v1/multimarketdata?symbols=...`.
    pub(super) fn multi(
        desk: &Arc<Desk>,
        now_ns: u64,
        request: &HttpRequest,
    ) -> Result<Self, HttpAnswer> {
        let query = pairs(&request.query);
        let symbols: Vec<&str> = pick(&query, "symbols").unwrap_or_default().split(',').collect();
        Self::open(desk, now_ns, &symbols, request, true)
    }

    fn open(
        desk: &Arc<Desk>,
        now_ns: u64,
        symbols: &[&str],
        request: &HttpRequest,
        names: bool,
    ) -> Result<Self, HttpAnswer> {
        let query = pairs(&request.query);
        let flag = |name: &str, otherwise: bool| match pick(&query, name) {
            Some(text) => text == "true",
            None => otherwise,
        };
        // Naming any kind of event leaves out those that are not named.
        let is_plain = ["bids", "offers", "trades"].iter().all(|name| pick(&query, name).is_none());
        let wants = Wants {
            heartbeat: flag("heartbeat", false),
            bids: flag("bids", is_plain),
            offers: flag("offers", is_plain),
            trades: flag("trades", is_plain),
            top: flag("top_of_book", false),
            names,
        };
        let mut feeds = BTreeMap::new();
        for text in symbols {
            let symbol = desk.symbol(text).ok_or_else(|| bad_symbol(desk, text))?;
            let index = desk.index_of(&symbol.name).ok_or_else(|| bad_symbol(desk, text))?;
            let feed =
                Feed { mirror: Mirror::default(), last_trade: 0, traded: None, top: [None; 2] };
            feeds.insert(index, feed);
        }
        let next_heartbeat_ns = now_ns + HEARTBEAT_NS;
        Ok(Self { desk: desk.clone(), wants, feeds, socket_sequence: 0, next_heartbeat_ns })
    }

    const fn wants_side(&self, side: Side) -> bool {
        match side {
            Side::Bid => self.wants.bids,
            Side::Ask => self.wants.offers,
        }
    }

    /// An update frame; none without events.
    fn send(&mut self, at_ns: u64, event_id: u64, events: &[String], out: &mut Vec<Out>) {
        if events.is_empty() {
            return;
        }
        out.push(Out::Text(format!(
            "{{\"type\":\"update\",\"eventId\":{event_id},\"timestamp\":{},\"timestampms\":{},\
             \"socket_sequence\":{},\"events\":[{}]}}",
            at_ns / 1_000_000_000,
            at_ns / 1_000_000,
            self.socket_sequence,
            events.join(",")
        )));
        self.socket_sequence += 1;
    }

    /// A change of a level.
    fn change(&self, symbol: &Symbol, what: Change, delta: &str, reason: &str) -> String {
        let side = match what.side {
            Side::Bid => "bid",
            Side::Ask => "ask",
        };
        let name = self.name(symbol);
        format!(
            "{{\"type\":\"change\",{name}\"side\":\"{side}\",\"price\":\"{}\",\
             \"remaining\":\"{}\",{delta}\"reason\":\"{reason}\"}}",
            price(symbol, what.price_e8),
            trimmed(what.size_e8),
        )
    }

    fn name(&self, symbol: &Symbol) -> String {
        if self.wants.names { format!("\"symbol\":\"{}\",", symbol.upper) } else { String::new() }
    }

    fn first_frame(&mut self, index: usize, out: &mut Vec<Out>) {
        let desk = self.desk.clone();
        let symbol = &desk.symbols[index];
        let (mirror, last_trade) = {
            let exchange = desk.exchange();
            let newest = exchange.trades(&symbol.name, 1);
            let newest = newest.first().map_or(0, |trade| trade.trade_id);
            (Mirror::of(&exchange, &symbol.name), newest)
        };
        let depth = usize::from(self.wants.top);
        let mut events = Vec::new();
        for side in [Side::Bid, Side::Ask] {
            if !self.wants_side(side) {
                continue;
            }
            for (price_e8, size_e8) in mirror.levels(side, depth) {
                let delta = format!("\"delta\":\"{}\",", trimmed(size_e8));
                let what = Change { side, price_e8, size_e8 };
                events.push(self.change(symbol, what, &delta, "initial"));
            }
        }
        let (at_ns, event_id) = (mirror.updated_ns(), mirror.update_id());
        if let Some(feed) = self.feeds.get_mut(&index) {
            feed.top = [mirror.best(Side::Bid), mirror.best(Side::Ask)];
            feed.mirror = mirror;
            feed.last_trade = last_trade;
        }
        self.send(at_ns, event_id, &events, out);
    }

    fn book(&mut self, index: usize, what: (u64, u64), changes: &[Change], out: &mut Vec<Out>) {
        let desk = self.desk.clone();
        let symbol = &desk.symbols[index];
        let (update_id, at_ns) = what;
        let Some(mut feed) = self.feeds.remove(&index) else { return };
        let before: Vec<u64> =
            changes.iter().map(|row| feed.mirror.size(row.side, row.price_e8)).collect();
        let is_new = feed.mirror.apply(update_id, at_ns, changes);
        let events: Vec<String> = if !is_new {
            Vec::new()
        } else if self.wants.top {
            self.top_events(symbol, &mut feed)
        } else {
            changes
                .iter()
                .zip(before)
                .filter(|(row, _)| self.wants_side(row.side))
                .map(|(row, before)| self.level_event(symbol, &feed, *row, before, at_ns))
                .collect()
        };
        self.feeds.insert(index, feed);
        self.send(at_ns, update_id, &events, out);
    }

    fn level_event(
        &self,
        symbol: &Symbol,
        feed: &Feed,
        row: Change,
        before: u64,
        at_ns: u64,
    ) -> String {
        let sign = if row.size_e8 < before { "-" } else { "" };
        let delta = format!("\"delta\":\"{sign}{}\",", trimmed(row.size_e8.abs_diff(before)));
        // The exchange tells a trade before the book, within microseconds of it.
        let is_traded = feed.traded.is_some_and(|(side, at, traded_ns)| {
            side == row.side && at == row.price_e8 && at_ns.abs_diff(traded_ns) < 1_000_000
        });
        let reason = match row.size_e8 < before {
            true if is_traded => "trade",
            true => "cancel",
            false => "place",
        };
        self.change(symbol, row, &delta, reason)
    }

    fn top_events(&self, symbol: &Symbol, feed: &mut Feed) -> Vec<String> {
        let mut events = Vec::new();
        for (place, side) in [Side::Bid, Side::Ask].into_iter().enumerate() {
            let best = feed.mirror.best(side);
            if best == feed.top[place] || !self.wants_side(side) {
                continue;
            }
            feed.top[place] = best;
            let (price_e8, size_e8) = best.unwrap_or_default();
            let what = Change { side, price_e8, size_e8 };
            events.push(self.change(symbol, what, "", "top-of-book"));
        }
        events
    }
}

impl Dialect for MarketDataV1 {
    fn opened(&mut self, now_ns: u64, out: &mut Vec<Out>) {
        self.next_heartbeat_ns = now_ns + HEARTBEAT_NS;
        let markets: Vec<usize> = self.feeds.keys().copied().collect();
        for index in markets {
            self.first_frame(index, out);
        }
    }

    /// Nothing is asked for here: everything is in the address.
    fn text(&mut self, _: u64, _: &str, _: &mut Vec<Out>) {}

    fn happened(&mut self, _: u64, what: &Happening, out: &mut Vec<Out>) {
        let ours = self.desk.exchange_id();
        match what {
            Happening::Book { exchange, product, at_ns, update_id, changes, .. }
                if *exchange == ours =>
            {
                let Some(index) = self.desk.index_of(product) else { return };
                self.book(index, (*update_id, *at_ns), changes, out);
            }
            Happening::Trade { exchange, product, at_ns, trade_id, maker, price_e8, size_e8 }
                if *exchange == ours =>
            {
                let Some(index) = self.desk.index_of(product) else { return };
                let Some(feed) = self.feeds.get_mut(&index) else { return };
                if feed.last_trade >= *trade_id {
                    return;
                }
                feed.last_trade = *trade_id;
                feed.traded = Some((*maker, *price_e8, *at_ns));
                if !self.wants.trades {
                    return;
                }
                let desk = self.desk.clone();
                let symbol = &desk.symbols[index];
                let word = match maker {
                    Side::Bid => "bid",
                    Side::Ask => "ask",
                };
                let event = format!(
                    "{{\"type\":\"trade\",{}\"tid\":{trade_id},\"price\":\"{}\",\"amount\":\"{}\",\
                     \"makerSide\":\"{word}\"}}",
                    self.name(symbol),
                    price(symbol, *price_e8),
                    trimmed(*size_e8)
                );
                self.send(*at_ns, *trade_id, &[event], out);
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
        if self.wants.heartbeat && now_ns >= self.next_heartbeat_ns {
            self.next_heartbeat_ns += HEARTBEAT_NS;
            out.push(Out::Text(format!(
                "{{\"type\":\"heartbeat\",\"timestampms\":{},\"socket_sequence\":{}}}",
                now_ns / 1_000_000,
                self.socket_sequence
            )));
            self.socket_sequence += 1;
        }
    }

    fn disturb(&mut self, now_ns: u64, what: &Disturbance, out: &mut Vec<Out>) -> bool {
        match what {
            Disturbance::CrossedBook { product } => {
                let desk = self.desk.clone();
                let Some(index) = desk.index_of(product) else { return false };
                let Some(feed) = self.feeds.get(&index) else { return false };
                let Some((ask, size_e8)) = feed.mirror.best(Side::Ask) else { return false };
                let (symbol, event_id) = (&desk.symbols[index], feed.mirror.update_id());
                let price_e8 = ask + symbol.tick_e8;
                let delta = format!("\"delta\":\"{}\",", trimmed(size_e8));
                let bid = Change { side: Side::Bid, price_e8, size_e8 };
                let event = self.change(symbol, bid, &delta, "place");
                self.send(now_ns, event_id, &[event], out);
            }
            Disturbance::GiantFrame { bytes } => {
                let desk = self.desk.clone();
                let Some((index, feed)) = self.feeds.first_key_value() else { return false };
                let (symbol, event_id) = (&desk.symbols[*index], feed.mirror.update_id());
                let far = feed.mirror.best(Side::Ask).map_or(symbol.tick_e8, |(at, _)| at * 4);
                // An event takes at least 80 bytes.
                let events: Vec<String> = (0..=*bytes as u64 / 80)
                    .map(|number| {
                        let price_e8 = far + number * symbol.tick_e8;
                        let row = Change { side: Side::Ask, price_e8, size_e8: 0 };
                        self.change(symbol, row, "\"delta\":\"0\",", "cancel")
                    })
                    .collect();
                self.send(now_ns, event_id, &events, out);
            }
            Disturbance::Maintenance => out.push(Out::Close(RESTART, "maintenance".to_owned())),
            Disturbance::SubscriptionDropped => return self.feeds.pop_first().is_some(),
            Disturbance::AuthExpired
            | Disturbance::AuthRestored
            | Disturbance::SlotLag { .. }
            | Disturbance::SplitSlot { .. }
            | Disturbance::MissingAccounts { .. } => return false,
        }
        true
    }
}
