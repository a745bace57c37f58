//! What a connection is told: snapshots, and what has happened since.

use std::sync::Arc;

use super::super::channel::Channel;
use super::super::orders::{Row, status_word};
use super::super::products::{self, Day};
use super::super::wire::{self, Candle, Event};
use super::{Connection, HEARTBEAT_NS, Tape};
use crate::exchange::{Exchange, Order, OrderState, PublicTrade, TRADES_KEPT};
use crate::happening::{Change, OrderChange, Side};
use crate::serve::Out;

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
const USER_BATCH: usize = 50;

impl Connection {
    /// The snapshot of a market channel for one product.
    pub(super) fn show(&mut self, now_ns: u64, channel: Channel, name: &str, out: &mut Vec<Out>) {
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
    pub(super) fn show_status(
        &mut self,
        now_ns: u64,
        event: Event,
        only: Option<&str>,
        out: &mut Vec<Out>,
    ) {
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
    pub(super) fn show_orders(&mut self, now_ns: u64, account: &str, out: &mut Vec<Out>) {
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
    pub(super) fn is_wanted(&self, order: &Order) -> bool {
        let wanted = self.subscriptions.products(Channel::User);
        wanted.is_empty() || wanted.contains(&order.asked.product_as_sent)
    }

    pub(super) fn told_order(
        &mut self,
        now_ns: u64,
        kind: OrderChange,
        order: &Order,
        out: &mut Vec<Out>,
    ) {
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

    pub(super) fn told_trade(
        &mut self,
        now_ns: u64,
        name: &str,
        trade: PublicTrade,
        out: &mut Vec<Out>,
    ) {
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
    pub(super) fn flush_trades(&mut self, now_ns: u64, out: &mut Vec<Out>) {
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

    pub(super) fn beat(&mut self, now_ns: u64, out: &mut Vec<Out>) {
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

    pub(super) fn send_candles(&mut self, now_ns: u64, out: &mut Vec<Out>) {
        self.due.candles = now_ns + CANDLES_NS;
        for name in std::mem::take(&mut self.traded) {
            let list = candles_of(&self.desk.exchange(), &name);
            let newest = &list[list.len().saturating_sub(1)..];
            let event = wire::candles(Event::Update, &name, newest);
            self.send(now_ns, Channel::Candles, &event, out);
        }
    }

    pub(super) fn send_ticker_batch(&mut self, now_ns: u64, out: &mut Vec<Out>) {
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
