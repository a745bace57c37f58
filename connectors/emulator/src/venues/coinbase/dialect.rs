//! One connection: subscriptions in, frames out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Deserialize;

use super::auth::Caller;
use super::channel::{Channel, Subscriptions};
use super::desk::Desk;
use super::orders::{Row, status_word, user_id};
use super::products::{self, Day};
use super::wire::{self, Candle, Envelope, Event};
use crate::exchange::{Exchange, Order, OrderState, PublicTrade, TRADES_KEPT};
use crate::happening::{Change, ExchangeId, Happening, OrderChange, Side};
use crate::serve::{CLOSE_POLICY, Dialect, Disturbance, Out};

#[path = "disturb.rs"]
mod disturb;

/// A connection that has not subscribed by then is closed. Unit: nanoseconds.
const SUBSCRIBE_DEADLINE_NS: u64 = 5_000_000_000;

/// A connection that has been sent nothing for this long is closed: the venue does so after 60 to 90
/// seconds. Unit: nanoseconds.
const IDLE_NS: u64 = 75_000_000_000;

/// Time between heartbeats. Unit: nanoseconds.
const HEARTBEAT_NS: u64 = 1_000_000_000;

/// Heartbeats made up for at once when time has leapt; what is beyond is left out of the count.
const HEARTBEATS_LATE_MAX: u32 = 5;

/// Time between two frames of trades, of candles, of batched tickers. Unit: nanoseconds.
const TRADES_NS: u64 = 250_000_000;
const CANDLES_NS: u64 = 1_000_000_000;
const TICKER_BATCH_NS: u64 = 5_000_000_000;

/// Trades held back at most; then they go at once.
const TRADES_HELD_MAX: usize = 500;

/// Trades in a snapshot.
const TRADES_SHOWN: usize = 100;

/// Width of the buckets of `candles`. Unit: seconds.
const CANDLE_S: u64 = 300;

/// Buckets in a snapshot.
const CANDLES_SHOWN: usize = 100;

/// Orders in one message of the `user` snapshot.
pub(super) const USER_BATCH: usize = 50;

/// Close code of a server that goes away.
const CLOSE_AWAY: u16 = 1001;

/// What a client sends.
#[derive(Deserialize)]
struct Message {
    #[serde(rename = "type")]
    kind: String,
    channel: Option<String>,
    #[serde(default)]
    product_ids: Option<Vec<String>>,
    jwt: Option<String>,
}

/// Trades of one product on their way to the client.
#[derive(Debug, Default)]
struct Tape {
    /// Newest trade in the snapshot.
    shown: u64,
    /// Oldest first.
    held: Vec<PublicTrade>,
}

/// Times at which something is due. Unit: Unix nanoseconds.
#[derive(Debug, Default)]
struct Due {
    heartbeat: u64,
    trades: u64,
    candles: u64,
    ticker_batch: u64,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    desk: Arc<Desk>,
    envelope: Envelope,
    subscriptions: Subscriptions,
    /// When the client must have subscribed; `None` once it has.
    deadline_ns: Option<u64>,
    last_sent_ns: u64,
    /// Update that each subscribed book has been told up to.
    books: BTreeMap<String, u64>,
    tapes: BTreeMap<String, Tape>,
    /// Products that have traded since their last candle.
    traded: BTreeSet<String>,
    due: Due,
    heartbeats: u64,
    /// Whose orders are told, and from when on. Unit of the time: Unix nanoseconds.
    user: Option<(Arc<str>, u64)>,
    is_over: bool,
}

impl Connection {
    pub(super) fn new(desk: Arc<Desk>) -> Self {
        Self {
            desk,
            envelope: Envelope::default(),
            subscriptions: Subscriptions::default(),
            deadline_ns: None,
            last_sent_ns: 0,
            books: BTreeMap::new(),
            tapes: BTreeMap::new(),
            traded: BTreeSet::new(),
            due: Due::default(),
            heartbeats: 0,
            user: None,
            is_over: false,
        }
    }

    fn send(&mut self, now_ns: u64, channel: Channel, event: &str, out: &mut Vec<Out>) {
        self.last_sent_ns = now_ns;
        out.push(Out::Text(self.envelope.frame(channel.delivered_as(), now_ns, event)));
    }

    fn refuse(&mut self, now_ns: u64, message: &str, out: &mut Vec<Out>) {
        self.last_sent_ns = now_ns;
        out.push(Out::Text(wire::error(message)));
    }

    fn close(&mut self, code: u16, reason: &str, out: &mut Vec<Out>) {
        self.is_over = true;
        out.push(Out::Close(code, reason.to_owned()));
    }

    /// What is wrong with a message, or nothing.
    fn obey(&mut self, now_ns: u64, text: &str, out: &mut Vec<Out>) -> Result<(), String> {
        let message: Message =
            serde_json::from_str(text).map_err(|_| "failed to parse message".to_owned())?;
        let token = message.jwt.as_deref().filter(|token| !token.is_empty());
        if token.is_none() && !self.desk.takes_public_message(now_ns) {
            return Err("rate limit exceeded".to_owned());
        }
        let is_new = match message.kind.as_str() {
            "subscribe" => true,
            "unsubscribe" => false,
            other => return Err(format!("unknown message type: {other}")),
        };
        let name = message.channel.ok_or("channel is missing")?;
        let channel = Channel::of(&name).ok_or_else(|| format!("unknown channel: {name}"))?;
        let caller = token.map(|token| self.desk.subscriber(now_ns, token)).transpose();
        let caller = caller.map_err(|_| "authentication failure".to_owned())?;
        if channel == Channel::User && caller.is_none() {
            return Err("authentication failure".to_owned());
        }
        let asked = message.product_ids.unwrap_or_default();
        if is_new {
            self.deadline_ns = None;
            self.subscribe(now_ns, channel, &asked, caller, out)
        } else {
            self.unsubscribe(now_ns, channel, &asked, out)
        }
    }

    /// Names as the channel answers them: those of the books, except that orders keep theirs.
    fn names(&self, channel: Channel, asked: &[String]) -> Result<Vec<String>, String> {
        let exchange = self.desk.exchange();
        let name = |id: &String| {
            let named = products::find(&exchange, id)
                .ok_or_else(|| format!("product not found: {}", id.escape_default()))?;
            let is_kept = matches!(channel, Channel::User | Channel::Status);
            Ok(if is_kept { named.id } else { named.product.name.to_string() })
        };
        asked.iter().map(name).collect()
    }

    fn subscribe(
        &mut self,
        now_ns: u64,
        channel: Channel,
        asked: &[String],
        caller: Option<Caller>,
        out: &mut Vec<Out>,
    ) -> Result<(), String> {
        if asked.is_empty() && channel.needs_products() {
            return Err("product_ids is missing".to_owned());
        }
        let names = self.names(channel, asked)?;
        match (channel, caller) {
            (Channel::Heartbeats, _) => {
                self.due.heartbeat = now_ns + HEARTBEAT_NS;
                self.heartbeats = self.desk.uptime_ns(now_ns) / HEARTBEAT_NS;
                self.subscriptions.add(channel, &[]);
            }
            (Channel::User, Some(caller)) => {
                self.user = Some((Arc::clone(&caller.account), now_ns));
                self.subscriptions.remove(channel, &[]);
                self.subscriptions.add(channel, &names);
                self.show_orders(now_ns, &caller.account, out);
            }
            (Channel::Status | Channel::User, _) => {
                self.subscriptions.add(channel, &names);
                self.show_status(now_ns, Event::Snapshot, None, out);
            }
            (
                Channel::Candles
                | Channel::Level2
                | Channel::MarketTrades
                | Channel::Ticker
                | Channel::TickerBatch,
                _,
            ) => {
                self.subscriptions.add(channel, &names);
                for name in &names {
                    self.show(now_ns, channel, name, out);
                }
            }
        }
        self.acknowledge(now_ns, out);
        Ok(())
    }

    fn unsubscribe(
        &mut self,
        now_ns: u64,
        channel: Channel,
        asked: &[String],
        out: &mut Vec<Out>,
    ) -> Result<(), String> {
        let names = self.names(channel, asked)?;
        self.subscriptions.remove(channel, &names);
        self.forget_unsubscribed();
        self.acknowledge(now_ns, out);
        Ok(())
    }

    /// Drops what is kept for channels that are no longer subscribed.
    fn forget_unsubscribed(&mut self) {
        let subscriptions = &self.subscriptions;
        self.books.retain(|name, _| subscriptions.covers(Channel::Level2, name));
        self.tapes.retain(|name, _| subscriptions.covers(Channel::MarketTrades, name));
        self.traded.retain(|name| subscriptions.covers(Channel::Candles, name));
        if !subscriptions.has(Channel::User) {
            self.user = None;
        }
    }

    fn acknowledge(&mut self, now_ns: u64, out: &mut Vec<Out>) {
        let account = self.user.as_ref().map(|(account, _)| user_id(account));
        let list = self.subscriptions.iter().map(|(channel, names)| {
            let names = match channel {
                Channel::Heartbeats => vec!["heartbeats".to_owned()],
                Channel::User => account.iter().cloned().collect(),
                Channel::Candles
                | Channel::Level2
                | Channel::MarketTrades
                | Channel::Status
                | Channel::Ticker
                | Channel::TickerBatch => names.to_vec(),
            };
            (channel.name(), names)
        });
        let event = wire::subscriptions(list);
        self.last_sent_ns = now_ns;
        out.push(Out::Text(self.envelope.frame("subscriptions", now_ns, &event)));
    }

    /// The snapshot of a market channel for one product.
    fn show(&mut self, now_ns: u64, channel: Channel, name: &str, out: &mut Vec<Out>) {
        let desk = Arc::clone(&self.desk);
        let exchange = desk.exchange();
        let event = match channel {
            Channel::Level2 => {
                self.books.insert(name.to_owned(), exchange.update_id(name));
                let event_ns = exchange.updated_ns(name).min(now_ns);
                wire::levels(Event::Snapshot, name, event_ns, &book_of(&exchange, name))
            }
            Channel::MarketTrades => {
                let list = exchange.trades(name, TRADES_SHOWN);
                let shown = list.first().map_or(0, |trade| trade.trade_id);
                self.tapes.insert(name.to_owned(), Tape { shown, held: Vec::new() });
                wire::trades(Event::Snapshot, list.iter().map(|trade| (name, trade)))
            }
            Channel::Candles => {
                let list = candles_of(&exchange, name);
                let first = list.len().saturating_sub(CANDLES_SHOWN);
                wire::candles(Event::Snapshot, name, &list[first..])
            }
            Channel::Ticker | Channel::TickerBatch => {
                self.due.ticker_batch = self.due.ticker_batch.max(now_ns + TICKER_BATCH_NS);
                ticker_of(&exchange, now_ns, Event::Snapshot, channel, name)
            }
            Channel::Heartbeats | Channel::Status | Channel::User => return,
        };
        drop(exchange);
        self.send(now_ns, channel, &event, out);
    }

    /// Products of the `status` channel: all that are subscribed, or the one that changed.
    fn show_status(&mut self, now_ns: u64, event: Event, only: Option<&str>, out: &mut Vec<Out>) {
        let wanted = self.subscriptions.products(Channel::Status);
        let mut list = products::all(&self.desk.exchange());
        list.retain(|named| {
            (wanted.is_empty() || wanted.contains(&named.id))
                && only.is_none_or(|name| name == &*named.product.name)
        });
        if !list.is_empty() {
            self.send(now_ns, Channel::Status, &wire::status(event, &list), out);
        }
    }

    /// The snapshot of an account's open orders: full messages of 50 rows, then one with fewer.
    fn show_orders(&mut self, now_ns: u64, account: &str, out: &mut Vec<Out>) {
        let (fees, mut list) = {
            let exchange = self.desk.exchange();
            (exchange.fees(), exchange.orders(account))
        };
        list.retain(|order| order.state == OrderState::Open && self.is_wanted(order));
        let row = |order: &Arc<Order>| Row::new(order, fees).user(status_word(order.state));
        let rows: Vec<String> = list.iter().map(row).collect();
        for batch in rows.chunks(USER_BATCH) {
            self.send(now_ns, Channel::User, &wire::user(Event::Snapshot, batch), out);
        }
        if rows.len().is_multiple_of(USER_BATCH) {
            self.send(now_ns, Channel::User, &wire::user(Event::Snapshot, &[]), out);
        }
    }

    /// Whether the `user` channel tells of an order's product.
    fn is_wanted(&self, order: &Order) -> bool {
        let wanted = self.subscriptions.products(Channel::User);
        wanted.is_empty() || wanted.contains(&order.asked.product_as_sent)
    }

    fn told_order(&mut self, now_ns: u64, kind: OrderChange, order: &Order, out: &mut Vec<Out>) {
        let status = match kind {
            OrderChange::Accepted => "PENDING",
            OrderChange::Booked | OrderChange::Fill | OrderChange::Cancelled => {
                status_word(order.state)
            }
            // A market order by amount ends without a last fill that says so.
            OrderChange::Closed
                if order.asked.quote_e8.is_some() && order.state == OrderState::Filled =>
            {
                "FILLED"
            }
            // What is refused at once never was an order here, and the rest has been told.
            OrderChange::Closed | OrderChange::Rejected => return,
        };
        let fees = self.desk.exchange().fees();
        let rows = [Row::new(order, fees).user(status)];
        self.send(now_ns, Channel::User, &wire::user(Event::Update, &rows), out);
    }

    fn told_trade(&mut self, now_ns: u64, name: &str, trade: PublicTrade, out: &mut Vec<Out>) {
        if self.subscriptions.covers(Channel::Candles, name) {
            self.traded.insert(name.to_owned());
        }
        if self.subscriptions.covers(Channel::Ticker, name) {
            let event =
                ticker_of(&self.desk.exchange(), now_ns, Event::Update, Channel::Ticker, name);
            self.send(now_ns, Channel::Ticker, &event, out);
        }
        let Some(tape) = self.tapes.get_mut(name) else { return };
        if trade.trade_id > tape.shown {
            tape.held.push(trade);
            if tape.held.len() >= TRADES_HELD_MAX {
                self.flush_trades(now_ns, out);
            }
        }
    }

    /// Sends the trades held back, newest first, one message per product.
    fn flush_trades(&mut self, now_ns: u64, out: &mut Vec<Out>) {
        self.due.trades = now_ns + TRADES_NS;
        let mut tapes = std::mem::take(&mut self.tapes);
        for (name, tape) in tapes.iter_mut().filter(|(_, tape)| !tape.held.is_empty()) {
            let rows = tape.held.iter().rev().map(|trade| (name.as_str(), trade));
            let event = wire::trades(Event::Update, rows);
            tape.held.clear();
            self.send(now_ns, Channel::MarketTrades, &event, out);
        }
        self.tapes = tapes;
    }

    fn beat(&mut self, now_ns: u64, out: &mut Vec<Out>) {
        let mut late = 0;
        while self.subscriptions.has(Channel::Heartbeats) && self.due.heartbeat <= now_ns {
            if late == HEARTBEATS_LATE_MAX {
                self.due.heartbeat = now_ns + HEARTBEAT_NS;
                return;
            }
            late += 1;
            self.due.heartbeat += HEARTBEAT_NS;
            self.heartbeats += 1;
            let event = wire::heartbeat(now_ns, self.desk.uptime_ns(now_ns), self.heartbeats);
            self.send(now_ns, Channel::Heartbeats, &event, out);
        }
    }

    fn send_candles(&mut self, now_ns: u64, out: &mut Vec<Out>) {
        self.due.candles = now_ns + CANDLES_NS;
        for name in std::mem::take(&mut self.traded) {
            let list = candles_of(&self.desk.exchange(), &name);
            let newest = &list[list.len().saturating_sub(1)..];
            let event = wire::candles(Event::Update, &name, newest);
            self.send(now_ns, Channel::Candles, &event, out);
        }
    }

    fn send_ticker_batch(&mut self, now_ns: u64, out: &mut Vec<Out>) {
        self.due.ticker_batch = now_ns + TICKER_BATCH_NS;
        let channel = Channel::TickerBatch;
        for name in self.subscriptions.products(channel).to_vec() {
            let event = ticker_of(&self.desk.exchange(), now_ns, Event::Update, channel, &name);
            self.send(now_ns, channel, &event, out);
        }
    }
}

/// Every level of a book, bids first, each side best first.
fn book_of(exchange: &Exchange, name: &str) -> Vec<Change> {
    let side = |side: Side| {
        let levels = exchange.levels(name, side, 0).into_iter();
        levels.map(move |(price_e8, size_e8)| Change { side, price_e8, size_e8 })
    };
    side(Side::Bid).chain(side(Side::Ask)).collect()
}

fn candles_of(exchange: &Exchange, name: &str) -> Vec<Candle> {
    Candle::of(&exchange.trades(name, TRADES_KEPT), CANDLE_S)
}

fn ticker_of(
    exchange: &Exchange,
    now_ns: u64,
    event: Event,
    channel: Channel,
    name: &str,
) -> String {
    let best = |side| exchange.levels(name, side, 1).first().copied();
    let touch = (channel == Channel::Ticker).then(|| [best(Side::Bid), best(Side::Ask)]);
    wire::ticker(event, name, &Day::of(exchange, name, now_ns), touch)
}

impl Dialect for Connection {
    fn opened(&mut self, now_ns: u64, out: &mut Vec<Out>) {
        let _ = out;
        self.desk.uptime_ns(now_ns);
        self.deadline_ns = Some(now_ns + SUBSCRIBE_DEADLINE_NS);
        self.last_sent_ns = now_ns;
    }

    fn text(&mut self, now_ns: u64, text: &str, out: &mut Vec<Out>) {
        if self.is_over {
            return;
        }
        if let Err(message) = self.obey(now_ns, text, out) {
            self.refuse(now_ns, &message, out);
        }
    }

    fn too_many(&mut self, now_ns: u64, out: &mut Vec<Out>) {
        if !self.is_over {
            self.refuse(now_ns, "rate limit exceeded", out);
        }
    }

    fn happened(&mut self, now_ns: u64, what: &Happening, out: &mut Vec<Out>) {
        const HERE: ExchangeId = ExchangeId::Coinbase;
        if self.is_over {
            return;
        }
        match what {
            Happening::Book { exchange: HERE, product, at_ns, update_id, changes, .. } => {
                let Some(told) = self.books.get_mut(&**product) else { return };
                if *update_id > *told {
                    *told = *update_id;
                    let event = wire::levels(Event::Update, product, *at_ns, changes);
                    self.send(now_ns, Channel::Level2, &event, out);
                }
            }
            Happening::Trade {
                exchange: HERE,
                product,
                at_ns,
                trade_id,
                maker,
                price_e8,
                size_e8,
            } => {
                let trade = PublicTrade {
                    trade_id: *trade_id,
                    maker: *maker,
                    price_e8: *price_e8,
                    size_e8: *size_e8,
                    at_ns: *at_ns,
                };
                self.told_trade(now_ns, product, trade, out);
            }
            Happening::Order { exchange: HERE, kind, order, at_ns, .. } => {
                let is_theirs = self.user.as_ref().is_some_and(|(account, since_ns)| {
                    *account == order.asked.account && *since_ns <= *at_ns
                });
                if is_theirs && self.is_wanted(order) {
                    self.told_order(now_ns, *kind, order, out);
                }
            }
            Happening::Status { exchange: HERE, product, .. } => {
                if self.subscriptions.has(Channel::Status) {
                    self.show_status(now_ns, Event::Update, Some(product), out);
                }
            }
            // Other exchanges, and balances, for which this venue has no channel.
            Happening::Book { .. }
            | Happening::Trade { .. }
            | Happening::Order { .. }
            | Happening::Status { .. }
            | Happening::Balance { .. }
            | Happening::Slot { .. }
            | Happening::Accounts { .. }
            | Happening::Signature { .. } => {}
        }
    }

    fn tick(&mut self, now_ns: u64, out: &mut Vec<Out>) {
        if self.is_over {
            return;
        }
        if self.deadline_ns.is_some_and(|deadline_ns| deadline_ns <= now_ns) {
            return self.close(CLOSE_POLICY, "no subscribe message received", out);
        }
        self.beat(now_ns, out);
        if self.due.trades <= now_ns {
            self.flush_trades(now_ns, out);
        }
        if self.due.candles <= now_ns {
            self.send_candles(now_ns, out);
        }
        if self.due.ticker_batch <= now_ns {
            self.send_ticker_batch(now_ns, out);
        }
        if self.last_sent_ns + IDLE_NS <= now_ns {
            self.close(CLOSE_AWAY, "idle", out);
        }
    }

    fn disturb(&mut self, now_ns: u64, what: &Disturbance, out: &mut Vec<Out>) -> bool {
        !self.is_over && self.express(now_ns, what, out)
    }
}
