//! Order events v1: what happens to an account's orders.

use std::sync::Arc;

use super::auth::verify;
use super::desk::{Desk, Symbol};
use super::wire::{
    Fate, average, fate, option_word, price, put, refusal, remaining_e8, side_word, type_word,
};
use crate::exchange::{Fill, Order};
use crate::happening::{Happening, OrderChange};
use crate::serve::{Dialect, Disturbance, HttpAnswer, HttpRequest, Out};
use crate::venues::words::{pairs, quoted, trimmed};

/// Pace of heartbeats. Unit: nanoseconds.
const HEARTBEAT_NS: u64 = 5_000_000_000;

/// Values of one filter: every symbol and every kind of event, and some keys.
const FILTERS_MAX: usize = 64;

/// Close codes: service restart, policy.
const RESTART: u16 = 1012;
const POLICY: u16 = 1008;

/// One connection.
pub(super) struct OrderEvents {
    desk: Arc<Desk>,
    account: Arc<str>,
    symbols: Vec<String>,
    kinds: Vec<String>,
    sessions: Vec<String>,
    wants_heartbeat: bool,
    socket_sequence: u64,
    heartbeats: u64,
    next_heartbeat_ns: u64,
    events: u64,
    /// Orders up to here were told when the connection opened, or came before it.
    opened_ns: u64,
}

impl OrderEvents {
    /// The handshake: authentication in headers, filters in the query, which is not signed.
    pub(super) fn open(
        desk: &Arc<Desk>,
        now_ns: u64,
        request: &HttpRequest,
    ) -> Result<Self, HttpAnswer> {
        let is_unsigned = request.header("x-gemini-apikey").is_none();
        let account = match &desk.settings.unsigned_events {
            Some(account) if is_unsigned => account.clone(),
            _ => verify(desk, now_ns, request)?.key.account.clone(),
        };
        let query = pairs(&request.query);
        let filter = |name: &str| -> Vec<String> {
            let wanted = query.iter().filter(|(known, _)| known == name);
            wanted.map(|(_, value)| value.clone()).take(FILTERS_MAX).collect()
        };
        Ok(Self {
            desk: desk.clone(),
            account,
            symbols: filter("symbolFilter").iter().map(|name| name.to_ascii_lowercase()).collect(),
            kinds: filter("eventTypeFilter"),
            sessions: filter("apiSessionFilter"),
            wants_heartbeat: filter("heartbeat").iter().any(|value| value == "true"),
            socket_sequence: 0,
            heartbeats: 0,
            next_heartbeat_ns: now_ns + HEARTBEAT_NS,
            events: 0,
            opened_ns: now_ns,
        })
    }

    fn is_wanted(&self, kind: &str, symbol: &Symbol, order: &Order) -> bool {
        let allows = |list: &[String], value: &str| {
            list.is_empty() || list.iter().any(|known| known == value)
        };
        allows(&self.kinds, kind)
            && allows(&self.symbols, &symbol.lower)
            && allows(&self.sessions, self.session_name(order))
    }

    /// The key that placed an order; orders of the current WebSocket carry none.
    fn session_name(&self, order: &Order) -> &str {
        self.desk.key_of_session(order.asked.session).map_or("", |key| key.key.as_str())
    }

    /// Sends one event in its array.
    fn send(
        &mut self,
        kind: &str,
        at_ns: u64,
        order: &Order,
        extra: (Option<&Fill>, Option<&str>),
        out: &mut Vec<Out>,
    ) {
        let Some(index) = self.desk.index_of(&order.asked.product) else { return };
        let desk = self.desk.clone();
        let symbol = &desk.symbols[index];
        if !self.is_wanted(kind, symbol, order) {
            return;
        }
        self.events += 1;
        let event_id = order.id + self.events;
        let session = self.session_name(order).to_owned();
        let text =
            event(symbol, order, (kind, at_ns, event_id), &session, extra, self.socket_sequence);
        self.socket_sequence += 1;
        out.push(Out::Text(format!("[{text}]")));
    }
}

/// One event.
fn event(
    symbol: &Symbol,
    order: &Order,
    what: (&str, u64, u64),
    session: &str,
    extra: (Option<&Fill>, Option<&str>),
    socket_sequence: u64,
) -> String {
    let (kind, at_ns, event_id) = what;
    let (fill, reason) = extra;
    let asked = &order.asked;
    let state = fate(order);
    // A refused or cancelled order was not live when it was accepted either.
    let is_live = state == Fate::Live
        || (matches!(kind, "accepted" | "fill") && !matches!(state, Fate::Refused(_)) && {
            kind == "accepted" || remaining_e8(order) > 0
        });
    let is_cancelled =
        matches!(kind, "cancelled" | "closed") && matches!(state, Fate::Cancelled(_));
    let mut text = format!(
        "{{\"type\":\"{kind}\",\"order_id\":\"{}\",\"event_id\":\"{event_id}\",\
         \"account_name\":\"primary\"",
        order.id
    );
    if !session.is_empty() {
        put(&mut text, format_args!(",\"api_session\":{}", quoted(session)));
    }
    if !asked.client_id.is_empty() {
        put(&mut text, format_args!(",\"client_order_id\":{}", quoted(&asked.client_id)));
    }
    put(
        &mut text,
        format_args!(",\"symbol\":\"{}\",\"side\":\"{}\"", symbol.lower, side_word(asked.side)),
    );
    if let Some(option) = option_word(order) {
        put(&mut text, format_args!(",\"behavior\":\"{option}\""));
    }
    if let Some(reason) = reason {
        put(&mut text, format_args!(",\"reason\":{}", quoted(reason)));
    }
    put(
        &mut text,
        format_args!(
            ",\"order_type\":\"{}\",\"timestamp\":\"{}\",\"timestampms\":{},\"is_live\":{is_live},\
             \"is_cancelled\":{is_cancelled},\"is_hidden\":false",
            type_word(order),
            at_ns / 1_000_000_000,
            at_ns / 1_000_000,
        ),
    );
    if !matches!(kind, "accepted" | "rejected") {
        put(
            &mut text,
            format_args!(
                ",\"avg_execution_price\":\"{}\",\"executed_amount\":\"{}\",\
                 \"remaining_amount\":\"{}\"",
                average(order),
                trimmed(order.filled_e8),
                trimmed(remaining_e8(order))
            ),
        );
    }
    put(&mut text, format_args!(",\"original_amount\":\"{}\"", trimmed(asked.size_e8)));
    if let Some(limit) = asked.limit_e8 {
        put(&mut text, format_args!(",\"price\":\"{}\"", price(symbol, limit)));
    }
    if let Some(fill) = fill {
        let word = if fill.is_taker { "Taker" } else { "Maker" };
        put(
            &mut text,
            format_args!(
                ",\"fill\":{{\"trade_id\":\"{}\",\"liquidity\":\"{word}\",\"price\":\"{}\",\
                 \"amount\":\"{}\",\"fee\":\"{}\",\"fee_currency\":\"{}\"}}",
                fill.trade_id,
                price(symbol, fill.price_e8),
                trimmed(fill.size_e8),
                trimmed(fill.fee_e8),
                symbol.quote
            ),
        );
    }
    put(&mut text, format_args!(",\"socket_sequence\":{socket_sequence}}}"));
    text
}

fn list(values: &[String]) -> String {
    values.iter().map(|value| quoted(value)).collect::<Vec<_>>().join(",")
}

impl Dialect for OrderEvents {
    fn opened(&mut self, now_ns: u64, out: &mut Vec<Out>) {
        self.opened_ns = now_ns;
        self.next_heartbeat_ns = now_ns + HEARTBEAT_NS;
        out.push(Out::Text(format!(
            "{{\"type\":\"subscription_ack\",\"accountId\":5365,\
             \"subscriptionId\":\"ws-order-events-5365-{:x}\",\"symbolFilter\":[{}],\
             \"apiSessionFilter\":[{}],\"eventTypeFilter\":[{}]}}",
            self.desk.new_session(),
            list(&self.symbols),
            list(&self.sessions),
            list(&self.kinds)
        )));
        self.socket_sequence = 1;
        let orders = self.desk.exchange().orders(&self.account);
        for order in orders.iter().rev().filter(|order| fate(order) == Fate::Live) {
            self.send("initial", now_ns, order, (None, None), out);
        }
    }

    /// Nothing is asked for here: everything is in the address.
    fn text(&mut self, _: u64, _: &str, _: &mut Vec<Out>) {}

    fn happened(&mut self, _: u64, what: &Happening, out: &mut Vec<Out>) {
        let Happening::Order { exchange, kind, order, fill, at_ns } = what else { return };
        let is_ours = *exchange == self.desk.exchange_id() && order.asked.account == self.account;
        // What waited in the queue when the connection opened is in the orders told first.
        if !is_ours || *at_ns < self.opened_ns {
            return;
        }
        let fill = fill.as_deref();
        match (kind, fate(order)) {
            (OrderChange::Accepted, _) => self.send("accepted", *at_ns, order, (None, None), out),
            (OrderChange::Booked, _) => self.send("booked", *at_ns, order, (None, None), out),
            (OrderChange::Fill, _) => self.send("fill", *at_ns, order, (fill, None), out),
            (OrderChange::Cancelled, Fate::Cancelled(reason)) => {
                self.send("cancelled", *at_ns, order, (None, Some(reason)), out);
            }
            (OrderChange::Cancelled, _) => self.send("cancelled", *at_ns, order, (None, None), out),
            (OrderChange::Rejected, Fate::Cancelled(reason)) => {
                self.send("accepted", *at_ns, order, (None, None), out);
                self.send("cancelled", *at_ns, order, (None, Some(reason)), out);
                self.send("closed", *at_ns, order, (None, None), out);
            }
            (OrderChange::Rejected, Fate::Refused(why)) => {
                let reason = refusal(why, "").1;
                self.send("rejected", *at_ns, order, (None, Some(reason)), out);
            }
            (OrderChange::Rejected, Fate::Live | Fate::Done) => {
                self.send("rejected", *at_ns, order, (None, None), out);
            }
            (OrderChange::Closed, _) => self.send("closed", *at_ns, order, (None, None), out),
        }
    }

    fn tick(&mut self, now_ns: u64, out: &mut Vec<Out>) {
        self.desk.sweep(now_ns);
        if self.wants_heartbeat && now_ns >= self.next_heartbeat_ns {
            self.next_heartbeat_ns += HEARTBEAT_NS;
            out.push(Out::Text(format!(
                "{{\"type\":\"heartbeat\",\"timestampms\":{},\"sequence\":{},\
                 \"trace_id\":\"{:020x}\",\"socket_sequence\":{}}}",
                now_ns / 1_000_000,
                self.heartbeats,
                now_ns,
                self.socket_sequence
            )));
            self.heartbeats += 1;
            self.socket_sequence += 1;
        }
    }

    fn disturb(&mut self, _: u64, what: &Disturbance, out: &mut Vec<Out>) -> bool {
        match what {
            Disturbance::GiantFrame { bytes } => {
                out.push(Out::Text(format!(
                    "{{\"type\":\"heartbeat\",\"trace_id\":\"{}\",\"socket_sequence\":{}}}",
                    "x".repeat(*bytes),
                    self.socket_sequence
                )));
                self.socket_sequence += 1;
            }
            Disturbance::Maintenance => out.push(Out::Close(RESTART, "maintenance".to_owned())),
            Disturbance::AuthExpired => out.push(Out::Close(POLICY, "unauthorized".to_owned())),
            Disturbance::SubscriptionDropped => self.kinds = vec!["none".to_owned()],
            Disturbance::AuthRestored
            | Disturbance::CrossedBook { .. }
            | Disturbance::SlotLag { .. }
            | Disturbance::SplitSlot { .. }
            | Disturbance::MissingAccounts { .. } => return false,
        }
        true
    }
}
