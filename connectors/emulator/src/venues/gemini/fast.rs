//! The current WebSocket: one connection.

mod faults;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::auth::verify_upgrade;
use super::desk::Desk;
use super::streams::{self, Kind, Stream};
use super::wire::error;
use super::{fast_orders, streams::parse};
use crate::happening::{Change, Happening};
use crate::serve::{Dialect, Disturbance, HttpAnswer, HttpRequest, Out};
use crate::venues::mirror::Mirror;
use crate::venues::words::{pairs, pick};

/// Streams of one request; more are refused.
const STREAMS_PER_FRAME: usize = 25;

/// Streams of one request that make the venue close the connection.
const STREAMS_FATAL: usize = 100;

/// Streams of one connection: every kind for every product of an emulated venue, many times over.
const STREAMS_MAX: usize = 512;

/// The server's pings. Unit: nanoseconds.
const PING_NS: u64 = 20_000_000_000;

/// Window of the request limits. Unit: nanoseconds.
const WINDOW_NS: u64 = 10_000_000_000;

/// Requests in a window.
const WEIGHT_MAX: u32 = 7_000;

/// Orders in a window.
const ORDERS_MAX: u32 = 3_500;

/// Close code: message too big.
const TOO_BIG: u16 = 1009;

/// A refusal of a request: status, code, message.
pub(super) type Refusal = (u16, i32, String);

pub(super) fn bad(text: impl Into<String>) -> Refusal {
    (400, -1013, text.into())
}

/// How many requests there were in the current window.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    since_ns: u64,
    weight: u32,
    orders: u32,
}

/// What becomes of orders when the connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AtEnd {
    Keep,
    Cancel,
}

/// One connection.
pub(super) struct Fast {
    pub(super) desk: Arc<Desk>,
    /// Whose, where it is authenticated.
    pub(super) account: Option<Arc<str>>,
    /// Its number, for its orders.
    pub(super) session: u64,
    at_end: AtEnd,
    /// Levels of the first frame of a differential stream; 0 all, `None` no such frame.
    snapshot: Option<usize>,
    mirrors: BTreeMap<usize, Mirror>,
    last_trades: BTreeMap<usize, (u64, u64)>,
    streams: Vec<Stream>,
    next_ping_ns: u64,
    window: Window,
}

impl Fast {
    /// The handshake: options in the query, authentication in the headers.
    pub(super) fn open(
        desk: &Arc<Desk>,
        now_ns: u64,
        request: &HttpRequest,
    ) -> Result<Self, HttpAnswer> {
        let key = verify_upgrade(desk, now_ns, request)?;
        let query = pairs(&request.query);
        let snapshot =
            match pick(&query, "snapshot") {
                None | Some("0") => None,
                Some("-1") => Some(0),
                Some(text) => Some(text.parse().map_err(|_| {
                    error(400, "Bad Request", &format!("Invalid snapshot '{text}'"))
                })?),
            };
        let wants_cancel = pick(&query, "cancelOnDisconnect") == Some("true");
        Ok(Self {
            desk: desk.clone(),
            account: key.map(|key| key.account.clone()),
            session: desk.new_session(),
            at_end: if wants_cancel { AtEnd::Cancel } else { AtEnd::Keep },
            snapshot,
            mirrors: BTreeMap::new(),
            last_trades: BTreeMap::new(),
            streams: Vec::new(),
            next_ping_ns: now_ns + PING_NS,
            window: Window::default(),
        })
    }

    fn request(&mut self, now_ns: u64, request: &Value, out: &mut Vec<Out>) {
        let id = match &request["id"] {
            id @ (Value::Number(_) | Value::String(_)) => id.to_string(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => "null".to_owned(),
        };
        let method = request["method"].as_str().unwrap_or_default().to_ascii_lowercase();
        let result = self
            .count(now_ns, method.starts_with("order."))
            .and_then(|()| self.run(now_ns, &method, &request["params"], out));
        let text = match result {
            Ok(None) => format!("{{\"id\":{id},\"status\":200}}"),
            Ok(Some(result)) => format!("{{\"id\":{id},\"status\":200,\"result\":{result}}}"),
            Err((status, code, message)) => format!(
                "{{\"id\":{id},\"status\":{status},\"error\":{{\"code\":{code},\"msg\":{}}}}}",
                Value::from(message)
            ),
        };
        out.push(Out::Text(text));
    }

    fn count(&mut self, now_ns: u64, is_order: bool) -> Result<(), Refusal> {
        if now_ns >= self.window.since_ns + WINDOW_NS {
            self.window = Window { since_ns: now_ns, weight: 0, orders: 0 };
        }
        self.window.weight += 1;
        self.window.orders += u32::from(is_order);
        if self.window.weight > WEIGHT_MAX || self.window.orders > ORDERS_MAX {
            return Err((429, -1003, "Too many requests".to_owned()));
        }
        Ok(())
    }

    fn run(
        &mut self,
        now_ns: u64,
        method: &str,
        params: &Value,
        out: &mut Vec<Out>,
    ) -> Result<Option<String>, Refusal> {
        match method {
            "subscribe" => self.subscribe(now_ns, params, out).map(|()| None),
            "unsubscribe" => self.unsubscribe(params).map(|()| None),
            "list_subscriptions" => {
                let list: Vec<String> = self
                    .streams
                    .iter()
                    .map(|stream| Value::from(stream.name.as_str()).to_string())
                    .collect();
                Ok(Some(format!("[{}]", list.join(","))))
            }
            "ping" => Ok(None),
            "time" => Ok(Some(format!("{{\"serverTime\":{}}}", now_ns / 1_000_000))),
            "conninfo" => Ok(Some(self.limits())),
            "depth" => self.depth(params).map(Some),
            "order.place" => fast_orders::place(self, now_ns, params).map(Some),
            "order.cancel" => fast_orders::cancel(self, now_ns, params).map(Some),
            "order.cancel_all" => fast_orders::cancel_many(self, now_ns, None).map(Some),
            "order.cancel_session" => {
                fast_orders::cancel_many(self, now_ns, Some(self.session)).map(Some)
            }
            _ => Err((400, -1020, format!("Unsupported operation: {method}"))),
        }
    }

    fn limits(&self) -> String {
        let row = |kind: &str, interval: &str, number: u32, limit: u32, count: u32| {
            format!(
                "{{\"rateLimitType\":\"{kind}\",\"interval\":\"{interval}\",\
                 \"intervalNum\":{number},\"limit\":{limit},\"count\":{count}}}"
            )
        };
        format!(
            "{{\"rateLimits\":[{},{},{},{}]}}",
            row("REQUEST_WEIGHT", "SECOND", 10, WEIGHT_MAX, self.window.weight),
            row("ORDERS", "SECOND", 10, ORDERS_MAX, self.window.orders),
            row("ORDERS", "DAY", 1, 10_000_000, self.window.orders),
            row("CONNECTIONS", "MINUTE", 5, 300, 1),
        )
    }

    /// One bad name refuses the whole frame.
    fn subscribe(
        &mut self,
        now_ns: u64,
        params: &Value,
        out: &mut Vec<Out>,
    ) -> Result<(), Refusal> {
        let names = names(params)?;
        if names.len() >= STREAMS_FATAL {
            out.push(Out::Close(TOO_BIG, "message too big".to_owned()));
            return Err(bad("Too many streams"));
        }
        if names.len() > STREAMS_PER_FRAME || self.streams.len() + names.len() > STREAMS_MAX {
            return Err(bad("Too many streams"));
        }
        let mut added = Vec::new();
        for name in names {
            let stream = parse(&self.desk, now_ns, name)
                .ok_or_else(|| bad(format!("Invalid stream name: {name}")))?;
            if stream.kind.is_private() && self.account.is_none() {
                return Err((401, -1002, format!("Unauthorized stream: {name}")));
            }
            added.push(stream);
        }
        for mut stream in added {
            if !self.streams.iter().any(|known| known.name == stream.name) {
                self.start(&mut stream, out);
                self.streams.push(stream);
            }
        }
        Ok(())
    }

    /// Where a new stream begins. A snapshot goes out before the acknowledgement, as it may.
    fn start(&mut self, stream: &mut Stream, out: &mut Vec<Out>) {
        let Some(symbol) = self.desk.symbols.get(stream.symbol) else { return };
        match stream.kind {
            Kind::Depth | Kind::Partial(_) | Kind::Ticker => {
                let mirror = self
                    .mirrors
                    .entry(stream.symbol)
                    .or_insert_with(|| Mirror::of(&self.desk.exchange(), &symbol.name));
                stream.last = mirror.update_id();
                if let (Kind::Depth, Some(levels)) = (stream.kind, self.snapshot) {
                    out.push(Out::Text(streams::snapshot(symbol, mirror, levels)));
                }
            }
            Kind::Trade => {
                let newest = self.desk.exchange().trades(&symbol.name, 1);
                stream.last = newest.first().map_or(0, |trade| trade.trade_id);
            }
            Kind::OrdersAccount | Kind::OrdersSession | Kind::Balances | Kind::Silent => {}
        }
    }

    fn unsubscribe(&mut self, params: &Value) -> Result<(), Refusal> {
        let names = names(params)?;
        self.streams.retain(|stream| !names.contains(&stream.name.as_str()));
        self.forget_mirrors();
        Ok(())
    }

    /// A product that no stream shows is not copied any more: its next stream begins anew.
    fn forget_mirrors(&mut self) {
        let streams = &self.streams;
        let uses = |stream: &Stream, symbol: usize| {
            stream.symbol == symbol
                && matches!(stream.kind, Kind::Depth | Kind::Partial(_) | Kind::Ticker)
        };
        self.mirrors.retain(|symbol, _| streams.iter().any(|stream| uses(stream, *symbol)));
    }

    /// A book on request.
    fn depth(&self, params: &Value) -> Result<String, Refusal> {
        let name = params["symbol"].as_str().ok_or_else(|| bad("Missing symbol"))?;
        let symbol =
            self.desk.symbol(name).ok_or_else(|| bad(format!("Invalid symbol: {name}")))?;
        let given = &params["limit"];
        let limit = if given.is_null() { Some(100) } else { given.as_u64() };
        let limit = limit
            .filter(|limit| (1..=5_000).contains(limit))
            .ok_or_else(|| bad("Invalid limit: 1 to 5000"))?;
        let mirror = Mirror::of(&self.desk.exchange(), &symbol.name);
        let levels = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(format!(
            "{{\"lastUpdateId\":{},{}}}",
            mirror.update_id(),
            streams::both_sides(symbol, &mirror, levels)
        ))
    }

    /// Sends what is due.
    fn flush(&mut self, now_ns: u64, out: &mut Vec<Out>) {
        for stream in &mut self.streams {
            if stream.kind == Kind::Balances && stream.pending_u > 0 && now_ns >= stream.next_ns {
                stream.next_ns = now_ns + stream.every_ns;
                stream.pending_u = 0;
                let account = self.account.clone().unwrap_or_default();
                let mark = std::mem::take(&mut stream.shown);
                let currencies: Vec<&str> = mark.split(',').collect();
                out.push(Out::Text(fast_orders::balances(
                    &self.desk,
                    now_ns,
                    &account,
                    &currencies,
                )));
                continue;
            }
            let Some(symbol) = self.desk.symbols.get(stream.symbol) else { continue };
            let Some(mirror) = self.mirrors.get(&stream.symbol) else { continue };
            let last = self.last_trades.get(&stream.symbol).copied();
            out.extend(stream.flush(now_ns, symbol, mirror, last).map(Out::Text));
        }
    }

    fn book(
        &mut self,
        now_ns: u64,
        what: (&str, u64, u64),
        changes: &[Change],
        out: &mut Vec<Out>,
    ) {
        let (product, update_id, at_ns) = what;
        let Some(index) = self.desk.index_of(product) else { return };
        let Some(mirror) = self.mirrors.get_mut(&index) else { return };
        if !mirror.apply(update_id, at_ns, changes) {
            return;
        }
        for stream in self.streams.iter_mut().filter(|stream| stream.symbol == index) {
            if matches!(stream.kind, Kind::Depth | Kind::Partial(_) | Kind::Ticker) {
                out.extend(stream.turn(at_ns, &self.desk.symbols[index]).map(Out::Text));
                stream.add(update_id, at_ns, changes);
            }
        }
        self.flush(now_ns, out);
    }
}

/// `params` of a subscription: an array of texts.
fn names(params: &Value) -> Result<Vec<&str>, Refusal> {
    let list = params.as_array().ok_or_else(|| bad("params must be an array"))?;
    let names: Option<Vec<&str>> = list.iter().map(Value::as_str).collect();
    names.filter(|names| !names.is_empty()).ok_or_else(|| bad("params must be stream names"))
}

impl Dialect for Fast {
    fn opened(&mut self, now_ns: u64, _: &mut Vec<Out>) {
        self.next_ping_ns = now_ns + PING_NS;
    }

    fn text(&mut self, now_ns: u64, text: &str, out: &mut Vec<Out>) {
        match serde_json::from_str::<Value>(text) {
            Ok(request) if request.is_object() => self.request(now_ns, &request, out),
            _ => out.push(Out::Text(
                "{\"id\":null,\"status\":400,\"error\":{\"code\":-1013,\"msg\":\"Invalid JSON\"}}"
                    .to_owned(),
            )),
        }
    }

    fn happened(&mut self, now_ns: u64, what: &Happening, out: &mut Vec<Out>) {
        let ours = self.desk.exchange_id();
        // What was due before comes first.
        self.flush(now_ns, out);
        match what {
            Happening::Book { exchange, product, at_ns, update_id, changes, .. }
                if *exchange == ours =>
            {
                self.book(now_ns, (product, *update_id, *at_ns), changes, out);
            }
            Happening::Trade { exchange, product, at_ns, trade_id, maker, price_e8, size_e8 }
                if *exchange == ours =>
            {
                let Some(index) = self.desk.index_of(product) else { return };
                self.last_trades.insert(index, (*price_e8, *size_e8));
                let of_trades = |stream: &&mut Stream| {
                    stream.kind == Kind::Trade && stream.symbol == index && stream.last < *trade_id
                };
                if let Some(stream) = self.streams.iter_mut().find(of_trades) {
                    stream.last = *trade_id;
                    let print = (*price_e8, *size_e8);
                    let symbol = &self.desk.symbols[index];
                    out.push(Out::Text(streams::trade(symbol, *at_ns, *trade_id, *maker, print)));
                }
            }
            Happening::Order { exchange, kind, order, fill, at_ns } if *exchange == ours => {
                let of_account = self.account.as_ref() == Some(&order.asked.account);
                let is_wanted = |stream: &Stream| match stream.kind {
                    Kind::OrdersAccount => true,
                    Kind::OrdersSession => order.asked.session == self.session,
                    Kind::Ticker
                    | Kind::Partial(_)
                    | Kind::Depth
                    | Kind::Trade
                    | Kind::Balances
                    | Kind::Silent => false,
                };
                if of_account && self.streams.iter().any(is_wanted) {
                    let frames =
                        fast_orders::events(&self.desk, *at_ns, *kind, order, fill.as_deref());
                    out.extend(frames.into_iter().map(Out::Text));
                }
            }
            Happening::Balance { exchange, account, currency, .. } if *exchange == ours => {
                if self.account.as_ref() == Some(account) {
                    for stream in self.streams.iter_mut().filter(|s| s.kind == Kind::Balances) {
                        stream.pending_u = 1;
                        if !stream.shown.split(',').any(|known| *known == **currency) {
                            if !stream.shown.is_empty() {
                                stream.shown.push(',');
                            }
                            stream.shown.push_str(currency);
                        }
                    }
                    self.flush(now_ns, out);
                }
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
        self.flush(now_ns, out);
        if now_ns >= self.next_ping_ns {
            self.next_ping_ns = now_ns + PING_NS;
            out.push(Out::Ping((now_ns / 1_000_000).to_string().into_bytes()));
        }
    }

    fn disturb(&mut self, now_ns: u64, what: &Disturbance, out: &mut Vec<Out>) -> bool {
        self.express(now_ns, what, out)
    }

    fn too_many(&mut self, _: u64, out: &mut Vec<Out>) {
        out.push(Out::Text(
            "{\"id\":null,\"status\":429,\"error\":{\"code\":-1003,\"msg\":\"Too many requests\"}}"
                .to_owned(),
        ));
    }

    fn closed(&mut self, now_ns: u64) {
        if let (AtEnd::Cancel, Some(account)) = (self.at_end, &self.account) {
            self.desk.cancel_later(now_ns, account, self.session);
        }
    }
}
