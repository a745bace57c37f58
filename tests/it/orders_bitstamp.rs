//! Orders at Bitstamp over a real socket: what the gateway tells is what the account shows, to the unit.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use connector_bitstamp::orders::BitstampOrders;
use connector_bitstamp::sign::Key;
use connector_emulator::config::{AccountConfig, Decimal, EmulateConfig};
use connector_emulator::keys::{AccountKeys, Credentials};
use connector_emulator::serve::{self, Executes, Fault, FaultOrder, Reach, Running};
use connector_emulator::world::world;
use connector_link::Net;
use connector_link::http::Http;
use connector_net::session::Fetched;
use connector_orders::gateway::{Effect, Gate, Gateway};
use connector_orders::venue::{Instrument, Intent, Reject, Side, Survey};
use connector_orders::{Lineage, OrderKey, Report, Stage, Told};
use engine_model::grid::Step;
use engine_model::{Grid, InstrumentId};

const SOL: InstrumentId = InstrumentId(0);
/// One lot, and the smallest step of the account's money. Unit: 10⁻¹⁸.
const E8: i128 = 10_i128.pow(10);
/// Lots of one SOL.
const SOL_LOTS: u64 = 100_000_000;
const SECOND_NS: u64 = 1_000_000_000;
/// How much faster than the machine's time the venue's runs.
const SCALE: u32 = 20;
/// Longest that anything is waited for, however slow the machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// The venue, a gateway on it, and what that has told.
struct Desk {
    running: Running,
    gateway: Gateway,
    http: Http,
    runtime: tokio::runtime::Runtime,
    started_ns: u64,
    trades: u64,
    reports: BTreeMap<OrderKey, Report>,
    totals: BTreeMap<String, i128>,
    /// What was told that is neither an order of ours nor a balance.
    odd: Vec<Told>,
}

fn start() -> (Running, Vec<AccountKeys>) {
    let amount = |text| Decimal::parse(text).expect("a decimal");
    let balances = [("USD", amount("10000000")), ("SOL", amount("5000"))];
    let account = AccountConfig {
        venue: "bitstamp".to_owned(),
        name: "test".to_owned(),
        balances: balances.map(|(currency, amount)| (currency.to_owned(), amount)).into(),
    };
    let config = EmulateConfig {
        seed: 5,
        control_port: None,
        start_unix_s: Some(1_790_000_000),
        time_scale: SCALE,
        accounts: vec![account],
        ..EmulateConfig::default()
    };
    let world = world(&config).expect("the world is sound");
    (serve::start(world.options).expect("the venues listen"), world.keys)
}

impl Desk {
    fn open() -> Self {
        let (running, keys) = start();
        let (id, secret) = match &keys[0].credentials {
            Credentials::Bitstamp { key, secret, .. } => (key.clone(), secret.clone()),
            Credentials::Coinbase { .. }
            | Credentials::Gemini { .. }
            | Credentials::Solana { .. } => {
                unreachable!("Invariant: the one account is Bitstamp's")
            }
        };
        let plain = running.venue("bitstamp").and_then(|bound| bound.plain).expect("it listens");
        let key = Key { id, secret, nonce_salt: 1 };
        let venue = BitstampOrders::new(key, &format!("http://{plain}/api/v2"));
        let grid = Grid { tick: Step { step: 1, places: 2 }, lot: Step { step: 1, places: 8 } };
        let sol = Instrument { symbol: "solusd".to_owned(), quote: "USD".to_owned(), grid };
        let instruments = BTreeMap::from([(SOL, sol)]);
        let mut gateway = Gateway::new(Box::new(venue), Lineage::new("it", 1), instruments, 1);
        gateway.stream(true);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let mut desk = Self {
            started_ns: running.clock().now_ns(),
            running,
            gateway,
            http: Http::new(&Net::new(None).expect("no file")).expect("no file"),
            runtime: runtime.expect("a runtime"),
            trades: 0,
            reports: BTreeMap::new(),
            totals: BTreeMap::new(),
            odd: Vec::new(),
        };
        // Books stand still from here on: what an order meets is what was looked up before.
        desk.until("a book", |desk| {
            !desk.levels("asks").is_empty() && !desk.levels("bids").is_empty()
        });
        desk.running.freeze();
        std::thread::sleep(Duration::from_millis(50));
        desk
    }

    fn now_ns(&self) -> u64 {
        self.running.clock().now_ns()
    }

    /// Price and size of the levels of a side, best first. Unit: e8.
    fn levels(&self, side: &str) -> Vec<(u64, u64)> {
        let truth = self.running.truth().expect("the world tells");
        let levels = &truth["exchanges"]["bitstamp"]["SOL-USD"][side];
        serde_json::from_value(levels.clone()).expect("prices and sizes")
    }

    /// Everything that is to be done now.
    fn turn(&mut self) {
        let now_ns = self.now_ns();
        while let Some(effect) = self.gateway.effect(now_ns, Gate::Open) {
            let (Effect::Place(fetch, _) | Effect::Cancel(fetch) | Effect::Ask(fetch)) = effect;
            let result = self.runtime.block_on(self.http.fetch(&fetch));
            let tag = fetch.tag;
            let end = match &result {
                Ok(answered) => Fetched::Answer {
                    tag,
                    status: answered.status,
                    url: &fetch.url,
                    request: fetch.body.as_bytes(),
                    body: &answered.body,
                    retry_after_ms: answered.retry_after_ms,
                },
                Err(why) => Fetched::Failed { tag, why: *why },
            };
            let now_ns = self.running.clock().now_ns();
            self.gateway.answered(now_ns, &end);
        }
        while let Some(told) = self.gateway.told() {
            match told {
                Told::Order(report) => {
                    self.reports.insert(report.key, report);
                }
                Told::Balance(balance) => {
                    assert_eq!(balance.total_e18, balance.available_e18, "nothing rests");
                    self.totals.insert(balance.asset, balance.total_e18);
                }
                Told::Surveyed(_) => {}
                Told::Foreign(_) | Told::KeyRefused => self.odd.push(told),
            }
        }
    }

    fn until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let from = Instant::now();
        while !is_so(self) {
            assert!(from.elapsed() < PATIENCE, "waited for {what}: {:?}", self.reports);
            self.turn();
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn place(&mut self, side: Side, size_lots: u64, limit_e8: u64) -> OrderKey {
        self.trades += 1;
        let key = OrderKey { trade: self.trades, leg: 0, attempt: 0 };
        self.gateway.take(Intent {
            key,
            instrument: SOL,
            side,
            size_lots,
            limit_ticks: limit_e8 / 1_000_000,
            reduces: false,
            seq: 1,
            send_until_ns: self.now_ns() + 3_600 * SECOND_NS,
        });
        key
    }

    /// Places an order and waits for its end.
    fn ended(&mut self, side: Side, size_lots: u64, limit_e8: u64) -> Report {
        let key = self.place(side, size_lots, limit_e8);
        self.settled(key)
    }

    fn settled(&mut self, key: OrderKey) -> Report {
        self.until("an end", |desk| desk.reports.get(&key).is_some_and(Report::is_settled));
        let report = self.reports[&key];
        assert_eq!(report.contradiction, None, "{report:?}");
        report
    }

    /// Totals of SOL and USD, as the venue states them now.
    fn holdings(&mut self) -> (i128, i128) {
        self.totals.clear();
        self.gateway.survey(Survey::Balances);
        self.until("balances", |desk| desk.totals.len() == 2);
        (self.totals["SOL"], self.totals["USD"])
    }

    /// Places while a fault stands between us and the answer; gives the end that came out.
    fn lost(&mut self, fault: Fault, size_lots: u64, limit_e8: u64) -> Report {
        let order = FaultOrder::new("bitstamp", fault, 20_000);
        let number = self.running.fault(order).expect("it can begin");
        let key = self.place(Side::Buy, size_lots, limit_e8);
        let is_doubted =
            |desk: &Self| desk.reports.get(&key).is_some_and(|report| report.stage != Stage::Sent);
        self.until("a lost answer", is_doubted);
        assert_eq!(self.reports[&key].stage, Stage::Unknown, "nothing is known at first");
        self.running.end_fault(number);
        self.settled(key)
    }
}

fn reach() -> Reach {
    Reach { path: "/buy/".to_owned() }
}

/// What so much costs at these levels. Unit: 10⁻¹⁸, each level's share rounded up to 10⁻⁸.
fn cost_e18(levels: &[(u64, u64)], mut size: u64) -> i128 {
    let mut sum = 0;
    for (price, there) in levels {
        let taken = size.min(*there);
        size -= taken;
        sum += (i128::from(*price) * i128::from(taken) + 99_999_999) / 100_000_000;
    }
    assert_eq!(size, 0, "the book is deep enough");
    sum * E8
}

/// Quote and fee of a settled report.
fn money(report: &Report) -> (i128, i128) {
    (report.quote_e18.expect("settled"), report.fee_e18.expect("settled"))
}

#[test]
fn orders_end_as_the_account_shows() {
    let mut desk = Desk::open();
    let before = desk.holdings();
    let (mut sol, mut usd) = before;

    // Over two levels, whole.
    let asks = desk.levels("asks");
    let size = asks[0].1 + asks[1].1 / 2;
    let whole = desk.ended(Side::Buy, size, asks[2].0);
    assert_eq!((whole.stage, whole.filled_e18), (Stage::Done, i128::from(size) * E8));
    assert_eq!(money(&whole).0, cost_e18(&asks, size));

    // More than the best level has, at its price.
    let asks = desk.levels("asks");
    let partly = desk.ended(Side::Buy, asks[0].1 + SOL_LOTS, asks[0].0);
    assert_eq!((partly.stage, partly.filled_e18), (Stage::Done, i128::from(asks[0].1) * E8));

    // Below everybody.
    let bids = desk.levels("bids");
    let none = desk.ended(Side::Buy, SOL_LOTS, bids[0].0);
    assert_eq!((none.stage, none.filled_e18, money(&none)), (Stage::Done, 0, (0, 0)));

    // More than there is money for.
    let asks = desk.levels("asks");
    let refused = desk.ended(Side::Buy, 500_000 * SOL_LOTS, asks[0].0);
    assert_eq!((refused.stage, refused.filled_e18), (Stage::Refused(Reject::Funds), 0));

    // And back.
    let sold = desk.ended(Side::Sell, SOL_LOTS, bids[1].0);
    assert_eq!((sold.stage, sold.filled_e18), (Stage::Done, i128::from(SOL_LOTS) * E8));

    for report in [whole, partly] {
        let (quote, fee) = money(&report);
        (sol, usd) = (sol + report.filled_e18, usd - quote - fee);
    }
    let (quote, fee) = money(&sold);
    (sol, usd) = (sol - sold.filled_e18, usd + quote - fee);
    assert_eq!(desk.holdings(), (sol, usd));
    assert_ne!((sol, usd), before);

    // The account's own list says nothing new, and nothing is foreign.
    let told = desk.reports.clone();
    desk.gateway.survey(Survey::FillsSince(desk.started_ns));
    desk.gateway.survey(Survey::OpenOrders);
    assert_eq!(desk.holdings(), (sol, usd));
    assert_eq!((&desk.reports, desk.odd.len()), (&told, 0), "{:?}", desk.odd);
    desk.running.stop().expect("it ends in order");
}

#[test]
fn a_lost_answer_ends_in_the_truth() {
    let mut desk = Desk::open();
    let (mut sol, mut usd) = desk.holdings();
    let asks = desk.levels("asks");
    let limit_e8 = asks[2].0;
    let rows = [
        (Fault::Hang { executes: Executes::First, reach: reach() }, true),
        (Fault::ServerError { status: 502, executes: Executes::First, reach: reach() }, true),
        (Fault::Hang { executes: Executes::Not, reach: reach() }, false),
        (Fault::ServerError { status: 500, executes: Executes::Not, reach: reach() }, false),
    ];
    for (fault, is_executed) in rows {
        let name = format!("{fault:?}");
        let from_ns = desk.now_ns();
        let report = desk.lost(fault, SOL_LOTS / 4, limit_e8);
        if is_executed {
            assert_eq!((report.stage, report.filled_e18), (Stage::Done, 25_000_000 * E8), "{name}");
            let (quote, fee) = money(&report);
            (sol, usd) = (sol + report.filled_e18, usd - quote - fee);
        } else {
            // Other orders of this market and side have filled a moment ago: theirs are known.
            assert_eq!((report.stage, report.filled_e18), (Stage::Absent, 0), "{name}");
            assert!(desk.now_ns() - from_ns >= 12 * SECOND_NS, "{name}: not before it cannot come");
        }
        assert_eq!(desk.holdings(), (sol, usd), "{name}");
    }
    assert!(desk.odd.is_empty(), "{:?}", desk.odd);
    desk.running.stop().expect("it ends in order");
}
