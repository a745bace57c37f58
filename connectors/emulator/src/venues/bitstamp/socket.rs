//! WebSocket v2: one connection.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::desk::{Desk, Pair};
use super::frames::{self, Rows};
use crate::exchange::PublicTrade;
use crate::happening::{Change, Happening, OrderChange, Side};
use crate::serve::{Dialect, Disturbance, Out};
use crate::venues::mirror::Mirror;

/// Channels of one connection; one more ends it without a word.
const CHANNELS_MAX: usize = 1_024;

/// The server's pings. Unit: nanoseconds.
const PING_NS: u64 = 54_000_000_000;

/// From the request to reconnect to the end. Unit: nanoseconds.
const GOING_NS: u64 = 5_000_000_000;

/// Age limit of a connection. Unit: nanoseconds.
const AGE_NS: u64 = 90 * 86_400_000_000_000;

/// Close codes: normal, going away.
const NORMAL: u16 = 1000;
const GOING_AWAY: u16 = 1001;

/// What a channel tells.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Trades,
    Book(Rows),
    Diff,
    MyOrders(Arc<str>),
    MyTrades(Arc<str>),
    /// Acknowledged and silent: a market that does not exist, or that has no such events.
    Silent,
}

/// One subscription.
#[derive(Clone, Debug)]
struct Channel {
    name: String,
    kind: Kind,
    /// Number of the market.
    pair: Option<usize>,
    /// Trades up to here were before it.
    last_trade: u64,
}

/// One connection.
pub(super) struct Socket {
    desk: Arc<Desk>,
    number: u64,
    channels: Vec<Channel>,
    mirrors: BTreeMap<usize, Mirror>,
    opened_ns: u64,
    next_ping_ns: u64,
    ends_ns: Option<u64>,
}

/// Why a channel was refused: code and message.
type Refusal = (Option<u32>, &'static str);

const BAD_CHANNEL: Refusal = (None, "Invalid channel provided.");
const BAD_SUBSCRIPTION: Refusal = (None, "Bad subscription string.");
const UNAUTHORIZED: Refusal = (Some(4009), "Connection is unauthorized.");

impl Socket {
    pub(super) fn new(desk: &Arc<Desk>, now_ns: u64) -> Self {
        Self {
            desk: desk.clone(),
            number: desk.new_connection(),
            channels: Vec::new(),
            mirrors: BTreeMap::new(),
            opened_ns: now_ns,
            next_ping_ns: now_ns + PING_NS,
            ends_ns: None,
        }
    }

    /// Reads a channel's name. Public channels take any market: one that does not exist is silent.
    fn parse(&self, now_ns: u64, name: &str, auth: Option<&str>) -> Result<Channel, Refusal> {
        if let Some(private) = name.strip_prefix("private-") {
            return self.parse_private(now_ns, name, private, auth);
        }
        let kinds = [
            ("live_trades_", Kind::Trades),
            ("order_book_", Kind::Book(Rows::Plain)),
            ("detail_order_book_", Kind::Book(Rows::WithOrders)),
            ("diff_order_book_", Kind::Diff),
            ("funding_rate_", Kind::Silent),
        ];
        let found = kinds
            .into_iter()
            .find_map(|(prefix, kind)| name.strip_prefix(prefix).map(|symbol| (kind, symbol)));
        // Single orders of others (`live_orders_`) do not exist in this market: refused, not faked.
        let (kind, symbol) = found.ok_or(BAD_CHANNEL)?;
        let is_word = symbol.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if symbol.is_empty() || !is_word {
            return Err(BAD_SUBSCRIPTION);
        }
        let pair = self.desk.pairs.iter().position(|pair| pair.symbol == symbol);
        let kind = if pair.is_some() { kind } else { Kind::Silent };
        Ok(Channel { name: name.to_owned(), kind, pair, last_trade: 0 })
    }

    /// `my_orders_solusd-4242` with a token. The token counts now and never again.
    fn parse_private(
        &self,
        now_ns: u64,
        name: &str,
        private: &str,
        auth: Option<&str>,
    ) -> Result<Channel, Refusal> {
        let (rest, user) = private.rsplit_once('-').ok_or(BAD_CHANNEL)?;
        let prefixes = ["my_orders_", "my_trades_", "live_trades_"];
        let (prefix, symbol) = prefixes
            .into_iter()
            .find_map(|prefix| rest.strip_prefix(prefix).map(|symbol| (prefix, symbol)))
            .ok_or(BAD_CHANNEL)?;
        let token = auth.and_then(|text| self.desk.redeem(now_ns, self.number, text));
        let token = token.filter(|token| token.user_id.to_string() == user).ok_or(UNAUTHORIZED)?;
        let pair = self.desk.pairs.iter().position(|pair| pair.symbol == symbol);
        let kind = match (prefix, pair) {
            ("my_orders_", Some(_)) => Kind::MyOrders(token.account),
            ("my_trades_", Some(_)) => Kind::MyTrades(token.account),
            // The exchange refuses self-trades, so there are none to tell.
            _ => Kind::Silent,
        };
        Ok(Channel { name: name.to_owned(), kind, pair, last_trade: 0 })
    }

    fn subscribe(&mut self, now_ns: u64, data: &Value, out: &mut Vec<Out>) {
        let Some(name) = data["channel"].as_str().filter(|name| !name.is_empty()) else {
            let (code, message) = BAD_SUBSCRIPTION;
            out.push(Out::Text(frames::error(code, message, "")));
            return;
        };
        match self.parse(now_ns, name, data["auth"].as_str()) {
            Err((code, message)) => out.push(Out::Text(frames::error(code, message, ""))),
            Ok(_) if self.channels.len() >= CHANNELS_MAX => {
                out.push(Out::Close(NORMAL, String::new()));
            }
            Ok(channel) => {
                if !self.channels.iter().any(|known| known.name == channel.name) {
                    self.start(channel);
                }
                out.push(Out::Text(frames::reply("bts:subscription_succeeded", name, "{}")));
            }
        }
    }

    fn start(&mut self, mut channel: Channel) {
        if let Some(index) = channel.pair {
            let exchange = self.desk.exchange();
            let name = &self.desk.pairs[index].name;
            let newest = exchange.trades(name, 1);
            channel.last_trade = newest.first().map_or(0, |trade| trade.trade_id);
            if matches!(channel.kind, Kind::Book(_) | Kind::Diff) {
                self.mirrors.entry(index).or_insert_with(|| Mirror::of(&exchange, name));
            }
        }
        self.channels.push(channel);
    }

    fn unsubscribe(&mut self, data: &Value, out: &mut Vec<Out>) {
        let name = data["channel"].as_str().unwrap_or_default();
        let before = self.channels.len();
        self.channels.retain(|channel| channel.name != name);
        self.forget_mirrors();
        out.push(Out::Text(if self.channels.len() < before {
            frames::reply("bts:unsubscription_succeeded", name, "{}")
        } else {
            frames::error(BAD_SUBSCRIPTION.0, BAD_SUBSCRIPTION.1, "")
        }));
    }

    fn forget_mirrors(&mut self) {
        let channels = &self.channels;
        self.mirrors.retain(|index, _| {
            channels.iter().any(|channel| {
                channel.pair == Some(*index) && matches!(channel.kind, Kind::Book(_) | Kind::Diff)
            })
        });
    }

    fn index_of(&self, product: &str) -> Option<usize> {
        self.desk.pairs.iter().position(|pair| *pair.name == *product)
    }

    fn book(&mut self, product: &str, what: (u64, u64), changes: &[Change], out: &mut Vec<Out>) {
        let Some(index) = self.index_of(product) else { return };
        let Some(mirror) = self.mirrors.get_mut(&index) else { return };
        let (update_id, at_ns) = what;
        if !mirror.apply(update_id, at_ns, changes) {
            return;
        }
        let pair = &self.desk.pairs[index];
        for channel in self.channels.iter().filter(|channel| channel.pair == Some(index)) {
            match channel.kind {
                Kind::Diff => out.push(Out::Text(frames::diff(pair, at_ns / 1_000, changes))),
                Kind::Book(rows) => out.push(Out::Text(frames::book(pair, mirror, rows))),
                Kind::Trades | Kind::MyOrders(_) | Kind::MyTrades(_) | Kind::Silent => {}
            }
        }
    }

    fn trade(&mut self, product: &str, trade: &PublicTrade, out: &mut Vec<Out>) {
        let Some(index) = self.index_of(product) else { return };
        let pair = &self.desk.pairs[index];
        let is_wanted = |channel: &&mut Channel| {
            channel.kind == Kind::Trades
                && channel.pair == Some(index)
                && channel.last_trade < trade.trade_id
        };
        for channel in self.channels.iter_mut().filter(is_wanted) {
            channel.last_trade = trade.trade_id;
            out.push(Out::Text(frames::trade(pair, trade)));
        }
    }

    fn order(&self, what: &Happening, out: &mut Vec<Out>) {
        let Happening::Order { kind, order, fill, at_ns, .. } = what else { return };
        let Some(index) = self.index_of(&order.asked.product) else { return };
        let pair = &self.desk.pairs[index];
        let event = match kind {
            OrderChange::Accepted => Some("order_created"),
            // What a fill leaves of nothing is told by the end of the order.
            OrderChange::Fill if order.filled_e8 < order.asked.size_e8 => Some("order_changed"),
            OrderChange::Closed => Some("order_deleted"),
            OrderChange::Fill
            | OrderChange::Booked
            | OrderChange::Cancelled
            | OrderChange::Rejected => None,
        };
        for channel in self.channels.iter().filter(|channel| channel.pair == Some(index)) {
            match &channel.kind {
                Kind::MyOrders(account) if *account == order.asked.account => {
                    let text = event.map(|event| {
                        frames::my_order(pair, &channel.name, event, at_ns / 1_000, order)
                    });
                    out.extend(text.map(Out::Text));
                }
                Kind::MyTrades(account) if *account == order.asked.account => {
                    let text = fill
                        .as_ref()
                        .map(|fill| frames::my_trade(pair, &channel.name, order, fill));
                    out.extend(text.map(Out::Text));
                }
                Kind::MyOrders(_)
                | Kind::MyTrades(_)
                | Kind::Trades
                | Kind::Book(_)
                | Kind::Diff
                | Kind::Silent => {}
            }
        }
    }

    /// The market that a fault of a book is shown on.
    fn diff_market(&self, product: Option<&str>) -> Option<(&Pair, &Mirror)> {
        let wanted = product.map(|name| self.index_of(name));
        let channel = self.channels.iter().find(|channel| {
            channel.kind == Kind::Diff && wanted.is_none_or(|wanted| wanted == channel.pair)
        })?;
        let index = channel.pair?;
        Some((&self.desk.pairs[index], self.mirrors.get(&index)?))
    }

    fn cross(&self, product: &str, out: &mut Vec<Out>) -> bool {
        let Some((pair, mirror)) = self.diff_market(Some(product)) else { return false };
        let Some((ask, size_e8)) = mirror.best(Side::Ask) else { return false };
        // The truth's next change comes later than its last by a microsecond at least.
        let at_us = mirror.updated_ns() / 1_000 + 1;
        let bid = Change { side: Side::Bid, price_e8: ask + pair.tick_e8, size_e8 };
        out.push(Out::Text(frames::diff(pair, at_us, &[bid])));
        true
    }

    /// Deletions of levels far away that were never there, at the time of the last change.
    fn giant(&self, bytes: usize, out: &mut Vec<Out>) {
        let Some((pair, mirror)) = self.diff_market(None) else {
            let padding =
                format!("{{\"status\":\"success\",\"padding\":\"{}\"}}", "x".repeat(bytes));
            out.push(Out::Text(frames::reply("bts:heartbeat", "", &padding)));
            return;
        };
        let far = mirror.best(Side::Ask).map_or(pair.tick_e8, |(at, _)| at * 4);
        // A row takes at least 20 bytes.
        let rows: Vec<Change> = (0..=bytes as u64 / 20)
            .map(|number| Change {
                side: Side::Ask,
                price_e8: far + number * pair.tick_e8,
                size_e8: 0,
            })
            .collect();
        out.push(Out::Text(frames::diff(pair, mirror.updated_ns() / 1_000, &rows)));
    }
}

impl Dialect for Socket {
    fn opened(&mut self, now_ns: u64, _: &mut Vec<Out>) {
        self.opened_ns = now_ns;
        self.next_ping_ns = now_ns + PING_NS;
    }

    fn text(&mut self, now_ns: u64, text: &str, out: &mut Vec<Out>) {
        let Ok(request) = serde_json::from_str::<Value>(text) else {
            out.push(Out::Text(frames::error(None, "Incorrect JSON format.", "")));
            return;
        };
        match request["event"].as_str() {
            Some("bts:subscribe") => self.subscribe(now_ns, &request["data"], out),
            Some("bts:unsubscribe") => self.unsubscribe(&request["data"], out),
            Some("bts:heartbeat") => {
                out.push(Out::Text(frames::reply("bts:heartbeat", "", "{\"status\":\"success\"}")));
            }
            _ => {
                let (code, message) = BAD_SUBSCRIPTION;
                out.push(Out::Text(frames::error(code, message, "")));
            }
        }
    }

    fn happened(&mut self, _: u64, what: &Happening, out: &mut Vec<Out>) {
        let ours = self.desk.exchange_id();
        match what {
            Happening::Book { exchange, product, at_ns, update_id, changes, .. }
                if *exchange == ours =>
            {
                self.book(product, (*update_id, *at_ns), changes, out);
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
            Happening::Order { exchange, .. } if *exchange == ours => self.order(what, out),
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
        if self.ends_ns.is_some_and(|ends_ns| now_ns >= ends_ns) {
            out.push(Out::Close(GOING_AWAY, String::new()));
            return;
        }
        if self.ends_ns.is_none() && now_ns >= self.opened_ns + AGE_NS {
            self.going(now_ns, out);
        }
        if now_ns >= self.next_ping_ns {
            self.next_ping_ns = now_ns + PING_NS;
            out.push(Out::Ping(Vec::new()));
        }
    }

    fn disturb(&mut self, now_ns: u64, what: &Disturbance, out: &mut Vec<Out>) -> bool {
        match what {
            Disturbance::CrossedBook { product } => return self.cross(product, out),
            Disturbance::GiantFrame { bytes } => self.giant(*bytes, out),
            Disturbance::Maintenance => self.going(now_ns, out),
            Disturbance::SubscriptionDropped => {
                if self.channels.is_empty() {
                    return false;
                }
                self.channels.remove(0);
                self.forget_mirrors();
            }
            // Tokens are checked when a channel is asked for, and never after.
            Disturbance::AuthExpired
            | Disturbance::AuthRestored
            | Disturbance::SlotLag { .. }
            | Disturbance::SplitSlot { .. }
            | Disturbance::MissingAccounts { .. } => return false,
        }
        true
    }
}

impl Socket {
    /// Asks the client to connect anew, and ends some seconds later.
    fn going(&mut self, now_ns: u64, out: &mut Vec<Out>) {
        self.ends_ns = Some(now_ns + GOING_NS);
        out.push(Out::Text(frames::reply("bts:request_reconnect", "", "\"\"")));
    }
}
