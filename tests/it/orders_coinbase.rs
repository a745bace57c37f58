//! Orders at Coinbase over a socket: what is booked of them is what the account's balances say, also
//! where answers were lost.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use connector_coinbase::{CoinbaseOrders, Key};
use connector_emulator::config::{AccountConfig, Decimal, EmulateConfig};
use connector_emulator::keys::Credentials;
use connector_emulator::serve::{self, Executes, Fault, FaultOrder, Reach, Running};
use connector_emulator::world::world;
use connector_link::http::Http;
use connector_link::net::Net;
use connector_net::session::{Fetch, Fetched};
use connector_orders::venue::{Reject, Survey};
use connector_orders::{
    Effect, Gate, Gateway, Instrument, Intent, Lineage, OrderKey, Report, Side, Stage, Told,
};
use engine_model::grid::Step;
use engine_model::{Grid, InstrumentId};

/// Longest wait for anything, on whatever machine.
const PATIENCE: Duration = Duration::from_mins(1);
/// The market's time runs faster than the machine's: absence takes more than ten seconds to prove.
const SCALE: u32 = 10;
const S: u64 = 1_000_000_000;
const E8: u64 = 100_000_000;
const SOL: InstrumentId = InstrumentId(0);
/// The venue's price step. Unit: 10⁻⁸.
const TICK_E8: u64 = 1_000_000;

/// Which of the account's two keys signs.
#[derive(Clone, Copy)]
enum Signs {
    P256,
    Ed25519,
}

/// A gateway to the Coinbase of a world that stands still.
struct Desk {
    running: Running,
    gateway: Gateway,
    gate: Gate,
    http: Http,
    runtime: tokio::runtime::Runtime,
    trades: u64,
    reports: BTreeMap<OrderKey, Report>,
    /// Total and available.
    balances: BTreeMap<String, (i128, i128)>,
    strange: Vec<Told>,
    /// Paths of what was asked since the last look.
    asked: Vec<String>,
}

fn key_of(credentials: &Credentials, signs: Signs) -> Option<Key> {
    let Credentials::Coinbase { es256_name, es256_pem, ed25519_name, ed25519_base64 } = credentials
    else {
        return None;
    };
    let key = match signs {
        Signs::P256 => Key::new(es256_name, es256_pem),
        Signs::Ed25519 => Key::new(ed25519_name, ed25519_base64),
    };
    Some(key.expect("the world's own key"))
}

impl Desk {
    fn open(signs: Signs) -> Self {
        let held = [("USD", "300000"), ("SOL", "50")];
        let whole = |(asset, amount): (&str, &str)| {
            (asset.to_owned(), Decimal::parse(amount).expect("a decimal"))
        };
        let config = EmulateConfig {
            seed: 23,
            control_port: None,
            start_unix_s: Some(1_790_000_000),
            time_scale: SCALE,
            accounts: vec![AccountConfig {
                venue: "coinbase".to_owned(),
                name: "test".to_owned(),
                balances: held.map(whole).into(),
            }],
            ..EmulateConfig::default()
        };
        let world = world(&config).expect("a sound world");
        let running = serve::start(world.options).expect("it listens");
        let key = world.keys.iter().find_map(|keys| key_of(&keys.credentials, signs));
        let bound = running.venue("coinbase").and_then(|bound| bound.plain).expect("it listens");
        let orders = CoinbaseOrders::new(&format!("http://{bound}"), key.expect("a key"));
        let grid = Grid { tick: Step::decimal(2), lot: Step::decimal(8) };
        let sol = Instrument { symbol: "SOL-USD".into(), quote: "USD".into(), grid };
        let instruments = BTreeMap::from([(SOL, sol)]);
        let mut gateway = Gateway::new(Box::new(orders), Lineage::new("it", 1), instruments, 0);
        gateway.stream(true);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let desk = Self {
            running,
            gateway,
            gate: Gate::Open,
            http: Http::new(&Net::new(None).expect("no authorities")).expect("a client"),
            runtime: runtime.expect("a runtime"),
            trades: 0,
            reports: BTreeMap::new(),
            balances: BTreeMap::new(),
            strange: Vec::new(),
            asked: Vec::new(),
        };
        let since = Instant::now();
        while ["bids", "asks"].iter().any(|side| desk.book(side).len() < 8) {
            assert!(since.elapsed() < PATIENCE, "the book fills");
            std::thread::sleep(Duration::from_millis(5));
        }
        desk.running.freeze();
        // What was under way when the world stopped is through by then.
        std::thread::sleep(Duration::from_millis(50));
        desk
    }

    fn now_ns(&self) -> u64 {
        self.running.clock().now_ns()
    }

    /// Price and size by level, best first. Unit: 10⁻⁸.
    fn book(&self, side: &str) -> Vec<(u64, u64)> {
        let truth = self.running.truth().expect("the truth");
        let levels = truth["exchanges"]["coinbase"]["SOL-USD"][side].clone();
        serde_json::from_value(levels).expect("levels")
    }

    /// A limit beyond all levels that this much takes, and what it is worth there. The venue rounds
    /// money to 10⁻⁸ against us, which at the very limit would be worse than the limit.
    fn beyond(&self, side: &str, size_e8: u64) -> (u64, i128) {
        let (mut left, mut value) = (size_e8, 0);
        for (price, size) in self.book(side) {
            let part = left.min(size);
            value += i128::from(part) * i128::from(price) * 100;
            left -= part;
            if left == 0 {
                let limit = if side == "asks" { price + TICK_E8 } else { price - TICK_E8 };
                return (limit, value);
            }
        }
        panic!("the book holds too little")
    }

    fn carry_out(&mut self, fetch: &Fetch) {
        let path = fetch.url.split_once("/brokerage").map_or("", |(_, path)| path);
        self.asked.push(path.split(['?', '&']).next().unwrap_or_default().to_owned());
        let result = self.runtime.block_on(self.http.fetch(fetch));
        let end = match &result {
            Ok(answered) => Fetched::Answer {
                tag: fetch.tag,
                status: answered.status,
                url: &fetch.url,
                request: fetch.body.as_bytes(),
                body: &answered.body,
                retry_after_ms: answered.retry_after_ms,
            },
            Err(why) => Fetched::Failed { tag: fetch.tag, why: *why },
        };
        self.gateway.answered(self.now_ns(), &end);
    }

    /// Does whatever is due, until something is so.
    fn until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let since = Instant::now();
        loop {
            while let Some(effect) = self.gateway.effect(self.now_ns(), self.gate) {
                let (Effect::Place(fetch, _) | Effect::Cancel(fetch) | Effect::Ask(fetch)) = effect;
                self.carry_out(&fetch);
                while let Some(told) = self.gateway.told() {
                    self.hear(told);
                }
            }
            if is_so(self) {
                return;
            }
            let reports = &self.reports;
            assert!(since.elapsed() < PATIENCE, "{what}: {reports:#?} {:?}", self.asked);
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn hear(&mut self, told: Told) {
        match told {
            Told::Order(report) => {
                self.reports.insert(report.key, report);
            }
            Told::Balance(says) => {
                self.balances.insert(says.asset, (says.total_e18, says.available_e18));
            }
            Told::Surveyed(_) => {}
            strange @ (Told::Foreign(_) | Told::KeyRefused) => self.strange.push(strange),
        }
    }

    fn take(&mut self, side: Side, size_lots: u64, limit_e8: u64) -> OrderKey {
        self.trades += 1;
        let key = OrderKey { trade: self.trades, leg: 0, attempt: 0 };
        self.gateway.take(Intent {
            key,
            instrument: SOL,
            side,
            size_lots,
            limit_ticks: limit_e8 / TICK_E8,
            // So that it may leave through a gate that lets nothing be repeated.
            reduces: true,
            seq: 0,
            send_until_ns: self.now_ns() + 50 * S,
        });
        key
    }

    /// Follows an order to its end.
    fn settled(&mut self, key: OrderKey) -> Report {
        let is_over = |desk: &Self| desk.reports.get(&key).is_some_and(Report::is_settled);
        self.until("an order settles", is_over);
        let report = self.reports[&key];
        assert_eq!(report.contradiction, None, "{report:?}");
        report
    }

    fn trade(&mut self, side: Side, size_lots: u64, limit_e8: u64) -> Report {
        let key = self.take(side, size_lots, limit_e8);
        self.settled(key)
    }

    /// Quote and base of the account.
    fn holds(&mut self) -> (i128, i128) {
        self.balances.clear();
        self.gateway.survey(Survey::Balances);
        self.until("the balances", |desk| desk.balances.len() == 2);
        assert!(self.balances.values().all(|(total, free)| total == free), "nothing is reserved");
        (self.balances["USD"].0, self.balances["SOL"].0)
    }
}

fn e18(e8: u64) -> i128 {
    i128::from(e8) * 10_i128.pow(10)
}

/// What a report has moved of quote, fees included, and of base.
fn moved(side: Side, report: &Report) -> (i128, i128) {
    let (quote, fee) = (report.quote_e18.expect("known"), report.fee_e18.expect("known"));
    match side {
        Side::Buy => (-quote - fee, report.filled_e18),
        Side::Sell => (quote - fee, -report.filled_e18),
    }
}

#[test]
fn coinbase_balances_are_what_was_booked_to_the_unit() {
    for signs in [Signs::P256, Signs::Ed25519] {
        let mut desk = Desk::open(signs);
        let from_ns = desk.now_ns();
        let mut expected = desk.holds();
        let mut book = |side: Side, report: &Report| {
            let (usd, sol) = moved(side, report);
            expected = (expected.0 + usd, expected.1 + sol);
        };

        let some = E8 / 2;
        let (limit, value) = desk.beyond("asks", some);
        let filled = desk.trade(Side::Buy, some, limit);
        assert_eq!((filled.stage, filled.filled_e18), (Stage::Done, e18(some)));
        let quote = filled.quote_e18.expect("known");
        assert!((value..value + 100 * e18(1)).contains(&quote), "{quote} {value}");
        assert!(filled.fee_e18 > Some(0));
        book(Side::Buy, &filled);

        // Four levels, and more than they hold.
        let levels = desk.book("asks");
        let held: u64 = levels[..4].iter().map(|(_, size)| size).sum();
        let partly = desk.trade(Side::Buy, held + E8, levels[3].0);
        assert_eq!((partly.stage, partly.filled_e18), (Stage::Done, e18(held)));
        book(Side::Buy, &partly);

        // At the bid nobody sells.
        let bid = desk.book("bids")[0].0;
        let missed = desk.trade(Side::Buy, E8, bid);
        assert_eq!((missed.stage, missed.filled_e18, missed.fee_e18), (Stage::Done, 0, Some(0)));

        let next_ask = desk.book("asks")[0].0;
        let refused = desk.trade(Side::Buy, 100_000 * E8, next_ask);
        assert_eq!(refused.stage, Stage::Refused(Reject::Funds));
        let small = desk.trade(Side::Buy, 1, next_ask);
        assert_eq!(small.stage, Stage::Refused(Reject::Size));

        let (limit, value) = desk.beyond("bids", 123_456_789);
        let sold = desk.trade(Side::Sell, 123_456_789, limit);
        assert_eq!((sold.stage, sold.filled_e18), (Stage::Done, e18(123_456_789)));
        let quote = sold.quote_e18.expect("known");
        assert!((value - 100 * e18(1)..=value).contains(&quote), "{quote} {value}");
        book(Side::Sell, &sold);
        assert_eq!(desk.holds(), expected);

        // Every fill once more, from the account's list: it is known, and agrees.
        let known = desk.reports.clone();
        desk.gateway.survey(Survey::FillsSince(from_ns));
        desk.gateway.survey(Survey::OpenOrders);
        assert_eq!(desk.holds(), expected);
        assert_eq!(desk.strange, []);
        for (key, before) in &known {
            // A fill states price and size alone: their product lacks what the venue rounded.
            let after = desk.reports[key];
            assert_eq!(after, Report { quote_e18: after.quote_e18, ..*before });
            let money = [before, &after].map(|report| report.quote_e18.expect("known"));
            assert!((money[0] - money[1]).abs() < 100 * e18(1), "{money:?}");
        }
    }
}

#[test]
fn a_lost_answer_of_coinbase_ends_in_what_was() {
    let mut desk = Desk::open(Signs::Ed25519);
    let mut expected = desk.holds();
    let some = E8 / 10;
    let (limit, _) = desk.beyond("asks", 10 * some);
    let reach = || Reach { path: "/brokerage/orders".to_owned() };
    let failing = |executes| Fault::ServerError { status: 502, executes, reach: reach() };
    let hanging = Fault::Hang { executes: Executes::First, reach: reach() };
    let list = "/orders/historical/batch";
    let rows = [
        // Repeated: the venue names the first, or takes it now.
        ("hangs and is done", Gate::Open, hanging, true, "/orders"),
        ("fails and is done", Gate::Open, failing(Executes::First), true, "/orders"),
        ("fails, then is done", Gate::Open, failing(Executes::Not), true, "/orders"),
        // Not to be repeated: looked for in the list.
        ("fails, is done, is found", Gate::Reducing, failing(Executes::First), true, list),
        ("fails, is not there", Gate::Reducing, failing(Executes::Not), false, list),
    ];
    for (shows, gate, fault, is_done, how) in rows {
        desk.gate = gate;
        let order = FaultOrder::new("coinbase", fault, 4_000);
        let number = desk.running.fault(order).expect("it begins");
        let key = desk.take(Side::Buy, some, limit);
        desk.until("it is unknown", |desk| {
            desk.reports.get(&key).is_some_and(|report| report.stage == Stage::Unknown)
        });
        desk.running.end_fault(number);
        desk.asked.clear();
        let since_ns = desk.now_ns();
        let report = desk.settled(key);
        assert_eq!(desk.asked.first().map(String::as_str), Some(how), "{shows}");
        if is_done {
            assert_eq!((report.stage, report.filled_e18), (Stage::Done, e18(some)), "{shows}");
            let (usd, sol) = moved(Side::Buy, &report);
            expected = (expected.0 + usd, expected.1 + sol);
        } else {
            // Although orders of the same market and side have filled at that time.
            assert_eq!(report.stage, Stage::Absent, "{shows}");
            assert!(
                desk.now_ns() - since_ns > 9 * S,
                "{shows}: not before it cannot come any more"
            );
        }
    }
    assert_eq!(desk.holds(), expected, "each was made once");
    assert_eq!(desk.strange, []);
}
