//! A node that exists in memory, and a clock that drives a session against it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use connector_net::session::{Ask, Asks, Cause, Fetch, Fetched, Now, Protocol};
use connector_net::{Input, Market, Markets, Sink};
use connector_solana::PoolExpected;
use connector_solana::address::{
    TOKEN_PROGRAM, USDC_MINT, WHIRLPOOL_PROGRAM, WRAPPED_SOL_MINT, tick_array_address,
};
use connector_solana::session::{Node, Settings, SolanaSession, WantedPool};
use engine_model::{Body, Event, Grid, MarketId};
use engine_poolmath::whirlpool::sqrt_price_at_tick;
use serde_json::{Value, json};
use solana_pubkey::{Pubkey, pubkey};

use crate::common::{PoolFields, fixed_array_bytes, mint_bytes, pool_bytes};

pub(crate) const POOL: Pubkey = pubkey!("HJPjoWUrhoZzkNfRpHuieeFk9WcZWjwy6PBjZ81ngndJ");
pub(crate) const MARKET: MarketId = MarketId(3);
pub(crate) const MS: u64 = 1_000_000;
pub(crate) const SLOT_MS: u64 = 400;
/// Ticks of an array at spacing 64.
pub(crate) const SPAN: i32 = 5_632;

pub(crate) fn array_at(number: i32) -> Pubkey {
    tick_array_address(&WHIRLPOOL_PROGRAM, &POOL, number * SPAN)
}

/// A pool account at a tick.
pub(crate) fn pool_at(tick: i32) -> Vec<u8> {
    pool_bytes(&PoolFields {
        tick_spacing: 64,
        fee_tier_index: 64,
        fee_rate_ppm: 3_000,
        protocol_fee_rate: 1_300,
        liquidity: 1_000_000,
        sqrt_price: sqrt_price_at_tick(tick),
        tick_current_index: tick,
        mint_a: WRAPPED_SOL_MINT,
        mint_b: USDC_MINT,
    })
}

/// How a node answers requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Well,
    /// With this error object.
    Error(Value),
    /// With this status and this many milliseconds of `Retry-After`.
    Status(u16, Option<u64>),
    /// Not at all.
    Unreachable,
    /// Not yet: the request is kept.
    Silent,
}

/// The chain as one node sees it.
pub(crate) struct FakeNode {
    pub(crate) accounts: BTreeMap<Pubkey, (Pubkey, Vec<u8>)>,
    pub(crate) slot: u64,
    pub(crate) mood: Mood,
    /// Subscriptions by number.
    pub(crate) subscriptions: BTreeMap<u64, Pubkey>,
    /// Accounts of which nothing is told although they are subscribed to.
    pub(crate) deaf: BTreeSet<Pubkey>,
    /// Whether subscription requests are answered.
    pub(crate) confirms: bool,
    /// Answer to the next subscription requests instead of a number.
    pub(crate) refuses: Option<i64>,
    /// Whether data is written as base64 of a zstd frame.
    pub(crate) is_packed: bool,
    next_subscription: u64,
}

impl FakeNode {
    pub(crate) fn new() -> Self {
        let mut accounts = BTreeMap::new();
        accounts.insert(POOL, (WHIRLPOOL_PROGRAM, pool_at(100)));
        for number in -6..=6 {
            let data = fixed_array_bytes(&POOL, number * SPAN, &[(80, i128::from(number) + 10)]);
            accounts.insert(array_at(number), (WHIRLPOOL_PROGRAM, data));
        }
        accounts.insert(WRAPPED_SOL_MINT, (TOKEN_PROGRAM, mint_bytes(None, &[])));
        accounts.insert(USDC_MINT, (TOKEN_PROGRAM, mint_bytes(None, &[])));
        Self {
            accounts,
            slot: 1_000,
            mood: Mood::Well,
            subscriptions: BTreeMap::new(),
            deaf: BTreeSet::new(),
            confirms: true,
            refuses: None,
            is_packed: false,
            next_subscription: 50,
        }
    }

    fn value(&self, key: &Pubkey) -> Value {
        let Some((owner, data)) = self.accounts.get(key) else { return Value::Null };
        let (text, encoding) = if self.is_packed {
            let packed = zstd::bulk::compress(data, 3).expect("packs");
            (STANDARD.encode(packed), "base64+zstd")
        } else {
            (STANDARD.encode(data), "base64")
        };
        json!({"lamports": 1, "data": [text, encoding], "owner": owner.to_string(),
               "executable": false, "rentEpoch": u64::MAX, "space": data.len()})
    }

    /// The frame that tells an account.
    pub(crate) fn notification(&self, key: &Pubkey, slot: u64) -> Vec<String> {
        let told = self.subscriptions.iter().filter(|(_, subscribed)| *subscribed == key);
        told.filter(|_| !self.deaf.contains(key))
            .map(|(id, _)| {
                json!({"jsonrpc": "2.0", "method": "accountNotification", "params": {
                    "result": {"context": {"slot": slot}, "value": self.value(key)},
                    "subscription": id}})
                .to_string()
            })
            .collect()
    }

    fn answer_frame(&mut self, text: &str) -> Option<String> {
        let request: Value = serde_json::from_str(text).expect("a request is JSON");
        let id = &request["id"];
        if !self.confirms {
            return None;
        }
        if let Some(code) = self.refuses {
            return Some(json!({"jsonrpc": "2.0", "error": {"code": code}, "id": id}).to_string());
        }
        let result = match request["method"].as_str().expect("a method") {
            "accountUnsubscribe" => {
                let number = request["params"][0].as_u64().expect("a number");
                json!(self.subscriptions.remove(&number).is_some())
            }
            method => {
                self.next_subscription += 1;
                if method == "accountSubscribe" {
                    let key = request["params"][0].as_str().expect("a key");
                    let key = key.parse().expect("an address");
                    self.subscriptions.insert(self.next_subscription, key);
                }
                json!(self.next_subscription)
            }
        };
        Some(json!({"jsonrpc": "2.0", "result": result, "id": id}).to_string())
    }

    /// Status and body for a request.
    fn answer(&self, fetch: &Fetch) -> (u16, String) {
        if fetch.url.ends_with("/tip_floor") {
            return (200, "[{\"landed_tips_75th_percentile\":0.0001}]".to_owned());
        }
        let request: Value = serde_json::from_str(&fetch.body).expect("a request is JSON");
        let context = json!({"slot": self.slot});
        let params = &request["params"];
        let least = params[1]["minContextSlot"].as_u64().unwrap_or(0);
        let key = |text: &Value| text.as_str().expect("a key").parse().expect("an address");
        let result = match request["method"].as_str().expect("a method") {
            _ if least > self.slot => {
                let error = json!({"code": -32_016, "data": {"contextSlot": self.slot}});
                return (200, json!({"jsonrpc": "2.0", "error": error, "id": 1}).to_string());
            }
            "getAccountInfo" => json!({"context": context, "value": self.value(&key(&params[0]))}),
            "getMultipleAccounts" => {
                let keys = params[0].as_array().expect("keys");
                let values: Vec<_> = keys.iter().map(|text| self.value(&key(text))).collect();
                json!({"context": context, "value": values})
            }
            "getSlot" => json!(self.slot),
            "getRecentPrioritizationFees" => json!([{"slot": 1, "prioritizationFee": 77}]),
            method => panic!("a session does not use {method}"),
        };
        (200, json!({"jsonrpc": "2.0", "result": result, "id": 1}).to_string())
    }
}

/// A session, its nodes and time.
pub(crate) struct Drive {
    pub(crate) session: SolanaSession,
    pub(crate) nodes: Vec<FakeNode>,
    pub(crate) now_ns: u64,
    line: u64,
    /// Which node the connection is to.
    pub(crate) on: usize,
    pub(crate) left: Vec<Cause>,
    /// Everything said on the connection, and every request as method and body.
    pub(crate) sent: Vec<String>,
    pub(crate) asked: Vec<(u64, usize, String)>,
    pub(crate) batches: Vec<Vec<Event>>,
    kept: Vec<Fetch>,
    next_slot_ns: u64,
    /// Whether nodes make slots and tell them.
    pub(crate) is_ticking: bool,
}

pub(crate) fn settings(nodes: usize) -> Settings {
    let nodes = (0..nodes).map(|number| Node {
        rpc_url: format!("https://node{number}.test/?api-key=SECRET"),
        ws_url: format!("wss://node{number}.test/?api-key=SECRET"),
    });
    let expected = PoolExpected {
        pool: POOL,
        programs: vec![WHIRLPOOL_PROGRAM],
        mint_a: WRAPPED_SOL_MINT,
        mint_b: USDC_MINT,
    };
    Settings::new(nodes.collect(), vec![WantedPool { expected, decimals: None }])
}

impl Drive {
    pub(crate) fn new(settings: Settings) -> Self {
        let nodes = settings.nodes.iter().map(|_| FakeNode::new()).collect();
        let markets = (MARKET.0..).zip(&settings.pools).map(|(id, pool)| Market {
            symbol: pool.expected.pool.to_string().into(),
            id: MarketId(id),
            grid: Grid::DEFAULT,
        });
        let markets = Markets::closed(markets.collect());
        Self {
            session: SolanaSession::new(settings, markets),
            nodes,
            now_ns: 1_000_000 * MS,
            line: 0,
            on: 0,
            left: Vec::new(),
            sent: Vec::new(),
            asked: Vec::new(),
            batches: Vec::new(),
            kept: Vec::new(),
            next_slot_ns: 0,
            is_ticking: true,
        }
    }

    /// A session that has been live for a second.
    pub(crate) fn live(settings: Settings) -> Self {
        let mut drive = Self::new(settings);
        drive.open();
        drive.run(1_000);
        assert!(drive.is_live(), "{:?}", drive.session.problems());
        drive.batches.clear();
        drive
    }

    pub(crate) fn is_live(&mut self) -> bool {
        let live = self.batches.iter().flatten().filter(|event| event.market == MARKET).fold(
            None,
            |live, event| match event.body {
                Body::BookClear => Some(true),
                Body::BookDoubt { .. } => Some(false),
                _ => live,
            },
        );
        live.unwrap_or(false)
    }

    fn now(&mut self) -> Now {
        self.line += 1;
        Now { ns: self.now_ns, line: self.line }
    }

    fn take(&mut self, out: &Sink) {
        self.batches.extend(out.iter().map(|(_, events)| events.to_vec()));
    }

    /// Connects to whichever node the session wants.
    pub(crate) fn open(&mut self) {
        let endpoint = self.session.endpoint(self.now_ns);
        self.on = (0..self.nodes.len())
            .find(|number| endpoint.url.starts_with(&format!("wss://node{number}.")))
            .expect("one of the nodes");
        self.nodes[self.on].subscriptions.clear();
        let now = self.now();
        let (mut out, mut asks) = (Sink::default(), Asks::default());
        self.session.decoder().decode(now.ns, now.line, Input::Connected, &mut out);
        self.session.opened(now, &mut out, &mut asks);
        self.take(&out);
        self.carry_out(asks);
    }

    /// The connection ends.
    pub(crate) fn close(&mut self, cause: Cause) {
        let now = self.now();
        let mut out = Sink::default();
        self.session.decoder().decode(now.ns, now.line, Input::Closed, &mut out);
        self.session.closed(now, cause);
        self.kept.clear();
        self.take(&out);
    }

    /// Does what is asked for, and everything that follows at once.
    fn carry_out(&mut self, asks: Asks) {
        let mut waiting: VecDeque<Ask> = asks.list.into();
        let mut leaves = None;
        while let Some(ask) = waiting.pop_front() {
            let more = match ask {
                Ask::Send(text) => self.send(&text),
                Ask::SendSecret { .. } => panic!("a session has no secrets"),
                Ask::Mend(_) => panic!("a session mends its pools itself"),
                Ask::Fetch(fetch) => self.fetch(fetch),
                Ask::Reconnect(cause) => {
                    leaves = leaves.or(Some(cause));
                    continue;
                }
            };
            waiting.extend(more.list);
        }
        if let Some(cause) = leaves {
            self.left.push(cause);
            self.close(cause);
            self.open();
        }
    }

    fn send(&mut self, text: &str) -> Asks {
        self.sent.push(text.to_owned());
        let now = self.now();
        let mut none = Sink::default();
        self.session.decoder().decode(now.ns, now.line, Input::Sent(text.as_bytes()), &mut none);
        assert!(none.events.is_empty(), "what a sent frame gives is read by nobody");
        match self.nodes[self.on].answer_frame(text) {
            Some(answer) => self.frame_asks(&answer),
            None => Asks::default(),
        }
    }

    fn frame_asks(&mut self, text: &str) -> Asks {
        let now = self.now();
        let (mut out, mut more, mut asks) = (Sink::default(), Sink::default(), Asks::default());
        let input = Input::Received(text.as_bytes());
        self.session.decoder().decode(now.ns, now.line, input, &mut out);
        self.session.received(now, text.as_bytes(), &out.events, &mut more, &mut asks);
        self.take(&out);
        self.take(&more);
        for event in &out.events {
            if let Body::BookDoubt { .. } = event.body {
                // As the link does.
                self.session.resync(now, event.market, &mut more, &mut asks);
            }
        }
        asks
    }

    /// A frame of the node.
    pub(crate) fn frame(&mut self, text: &str) {
        let asks = self.frame_asks(text);
        self.carry_out(asks);
    }

    fn fetch(&mut self, fetch: Fetch) -> Asks {
        let node = (0..self.nodes.len())
            .find(|number| fetch.url.contains(&format!("node{number}.")))
            .unwrap_or(self.on);
        let request: Value = serde_json::from_str(&fetch.body).unwrap_or_default();
        let method = request["method"].as_str().unwrap_or("GET").to_owned();
        self.asked.push((self.now_ns, node, method));
        let (status, body, retry) = match self.nodes[node].mood.clone() {
            Mood::Well => {
                let (status, body) = self.nodes[node].answer(&fetch);
                (status, body, None)
            }
            Mood::Error(error) => {
                (200, json!({"jsonrpc": "2.0", "error": error, "id": 1}).to_string(), None)
            }
            Mood::Status(status, retry) => (status, String::new(), retry),
            Mood::Unreachable => {
                let why = connector_net::session::FetchFailure::Unreachable;
                return self.ended(&Fetched::Failed { tag: fetch.tag, why });
            }
            Mood::Silent => {
                self.kept.push(fetch);
                return Asks::default();
            }
        };
        self.ended(&Fetched::Answer {
            tag: fetch.tag,
            status,
            url: &fetch.url,
            request: fetch.body.as_bytes(),
            body: body.as_bytes(),
            retry_after_ms: retry,
        })
    }

    fn ended(&mut self, end: &Fetched<'_>) -> Asks {
        let now = self.now();
        let (mut out, mut more, mut asks) = (Sink::default(), Sink::default(), Asks::default());
        if let Fetched::Answer { status: 200..=299, url, request, body, .. } = *end {
            let input = Input::Http { url, request, body };
            self.session.decoder().decode(now.ns, now.line, input, &mut out);
        }
        self.session.fetched(now, end, &out.events, &mut more, &mut asks);
        self.take(&out);
        self.take(&more);
        asks
    }

    /// Answers the requests that were kept, as the nodes are now.
    pub(crate) fn answer_kept(&mut self) {
        for fetch in core::mem::take(&mut self.kept) {
            let asks = self.fetch(fetch);
            self.carry_out(asks);
        }
    }

    /// Events were lost on the way to the core.
    pub(crate) fn mend(&mut self) {
        let now = self.now();
        let (mut out, mut asks) = (Sink::default(), Asks::default());
        self.session.resync(now, MARKET, &mut out, &mut asks);
        self.take(&out);
        self.carry_out(asks);
    }

    fn slots(&mut self) {
        for node in &mut self.nodes {
            node.slot += 1;
        }
        let slot = self.nodes[self.on].slot;
        let text = json!({"jsonrpc": "2.0", "method": "slotNotification", "params": {
            "result": {"slot": slot, "parent": slot - 1, "root": slot - 32}, "subscription": 1}});
        self.frame(&text.to_string());
    }

    /// Lets time pass.
    pub(crate) fn run(&mut self, ms: u64) {
        let end_ns = self.now_ns + ms * MS;
        while self.now_ns < end_ns {
            self.now_ns += 10 * MS;
            if self.is_ticking && self.now_ns >= self.next_slot_ns {
                self.next_slot_ns = self.now_ns + SLOT_MS * MS;
                self.slots();
            }
            if self.session.due_ns() <= self.now_ns {
                let now = self.now();
                let (mut out, mut asks) = (Sink::default(), Asks::default());
                self.session.time(now, &mut out, &mut asks);
                self.take(&out);
                self.carry_out(asks);
            }
        }
    }

    /// Changes an account on every node and tells it.
    pub(crate) fn change(&mut self, key: &Pubkey, data: &[u8]) {
        for node in &mut self.nodes {
            node.accounts.insert(*key, (WHIRLPOOL_PROGRAM, data.to_vec()));
        }
        let slot = self.nodes[self.on].slot;
        for text in self.nodes[self.on].notification(key, slot) {
            self.frame(&text);
        }
    }

    /// Requests with this method so far.
    pub(crate) fn asked_for(&self, method: &str) -> usize {
        self.asked.iter().filter(|(_, _, asked)| asked == method).count()
    }

    /// Bodies of the pool's events so far.
    pub(crate) fn bodies(&self) -> Vec<Body> {
        let events = self.batches.iter().flatten();
        events.filter(|event| event.market == MARKET).map(|event| event.body).collect()
    }

    /// The arrays that the reader of the events knows, by number, with the net liquidity of their
    /// last tick.
    pub(crate) fn arrays(&self) -> BTreeMap<i32, Option<u64>> {
        let mut arrays = BTreeMap::new();
        for body in self.bodies() {
            match body {
                Body::BookClear => arrays.clear(),
                Body::TickArrayBegin { start_tick_index, .. } => {
                    arrays.insert(start_tick_index / SPAN, None);
                }
                Body::Tick { index, liquidity_net } => {
                    arrays.insert(index.div_euclid(SPAN), Some(liquidity_net[0]));
                }
                _ => {}
            }
        }
        arrays
    }
}
