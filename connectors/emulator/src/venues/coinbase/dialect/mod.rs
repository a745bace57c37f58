//! One connection: subscriptions in, frames out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Deserialize;

use super::auth::Caller;
use super::channel::{Channel, Subscriptions};
use super::desk::Desk;
use super::orders::user_id;
use super::products;
use super::wire::{self, Envelope, Event};
use crate::exchange::PublicTrade;
use crate::happening::{ExchangeId, Happening};
use crate::serve::{CLOSE_POLICY, Dialect, Disturbance, Out};

mod disturb;
mod told;

/// A connection that has not subscribed by then is closed. Unit: nanoseconds.
const SUBSCRIBE_DEADLINE_NS: u64 = 5_000_000_000;

/// A connection that has been sent nothing for this long is closed: the venue does so after 60 to 90
/// seconds. Unit: nanoseconds.
const IDLE_NS: u64 = 75_000_000_000;

/// Time between heartbeats. Unit: nanoseconds.
const HEARTBEAT_NS: u64 = 1_000_000_000;

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
