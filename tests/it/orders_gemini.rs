//! Orders at Gemini, over a socket: what is booked is what the venue's balances say, also where answers
//! were lost.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use connector_emulator::config::{AccountConfig, Decimal, EmulateConfig};
use connector_emulator::keys::Credentials;
use connector_emulator::serve::{self, Executes, Fault, FaultOrder, Reach, Running};
use connector_emulator::world::world;
use connector_gemini::orders::GeminiOrders;
use connector_gemini::sign::{Key, Nonces, post};
use connector_link::http::Http;
use connector_link::net::Net;
use connector_net::session::{Fetch, Fetched};
use connector_orders::venue::{
    About, Asked, FillSays, Order, OrderVenue as _, Reject, Says, Survey, Verdict,
};
use connector_orders::{
    ClientId, Effect, Gate, Gateway, Instrument, Intent, Lineage, OrderKey, Report, Side, Stage,
    Told,
};
use engine_model::grid::Step;
use engine_model::{Grid, InstrumentId};
use serde_json::Value;

use crate::support::shared;

/// Longest that anything is waited for, however slow the machine.
const PATIENCE: Duration = Duration::from_mins(1);
/// How much faster than the machine's time the market runs: nonces in seconds bear one request a second.
const SCALE: u32 = 10;
const S: u64 = 1_000_000_000;
const SOL: InstrumentId = InstrumentId(0);
/// Of the emulated venue: 10⁻⁸ in a tick, in a lot.
const TICK_E8: u64 = 100_000;
const LOT_E8: u64 = 100;

/// A world that stands still, and a gateway to its Gemini.
struct Desk {
    running: Running,
    gateway: Gateway,
    key: Key,
    nonces: Nonces,
    http: Http,
    runtime: tokio::runtime::Runtime,
    next_trade: u64,
    reports: BTreeMap<OrderKey, Report>,
    balances: BTreeMap<String, (i128, i128)>,
    other: Vec<Told>,
}

impl Desk {
    fn start() -> Self {
        let balance =
            |asset: &str, whole: &str| (asset.to_owned(), Decimal::parse(whole).expect("decimal"));
        let config = EmulateConfig {
            seed: 5,
            control_port: None,
            start_unix_s: Some(1_790_000_000),
            time_scale: SCALE,
            accounts: vec![AccountConfig {
                venue: "gemini".to_owned(),
                name: "test".to_owned(),
                balances: [balance("USD", "500000"), balance("SOL", "100")].into(),
            }],
            ..EmulateConfig::default()
        };
        let world = world(&config).expect("the world is sound");
        let running = serve::start(world.options).expect("the venues listen");
        let key = world.keys.iter().find_map(|keys| match &keys.credentials {
            Credentials::Gemini { key, secret } => {
                Some(Key { id: key.clone(), secret: secret.clone() })
            }
            Credentials::Coinbase { .. }
            | Credentials::Bitstamp { .. }
            | Credentials::Solana { .. } => None,
        });
        let key = key.expect("the account has a key");
        let address = running.venue("gemini").and_then(|bound| bound.plain).expect("it listens");
        let nonces = Nonces::seconds();
        let orders = GeminiOrders::new(key.clone(), nonces.clone(), format!("http://{address}"));
        let grid = Grid { tick: Step { step: 1, places: 3 }, lot: Step { step: 1, places: 6 } };
        let sol = Instrument { symbol: "solusd".into(), quote: "USD".into(), grid };
        let list = BTreeMap::from([(SOL, sol)]);
        let mut gateway = Gateway::new(Box::new(orders), Lineage::new("test", 1), list, 0);
        gateway.stream(true);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let desk = Self {
            running,
            gateway,
            key,
            nonces,
            http: Http::new(&Net::new(None).expect("no file")).expect("a client"),
            runtime: runtime.expect("a runtime"),
            next_trade: 1,
            reports: BTreeMap::new(),
            balances: BTreeMap::new(),
            other: Vec::new(),
        };
        let from = Instant::now();
        while desk.levels("asks").len() < 3 || desk.levels("bids").len() < 3 {
            assert!(from.elapsed() < PATIENCE, "the market opens");
            std::thread::sleep(Duration::from_millis(5));
        }
        desk.running.freeze();
        std::thread::sleep(Duration::from_millis(50));
        desk
    }

    /// Price and size of each level, best first. Unit: 10⁻⁸.
    fn levels(&self, side: &str) -> Vec<(u64, u64)> {
        let truth = self.running.truth().expect("the world tells");
        let levels = truth["exchanges"]["gemini"]["SOL-USD"][side].clone();
        serde_json::from_value(levels).expect("levels")
    }

    fn fetch(
        &self,
        fetch: &Fetch,
    ) -> Result<connector_link::http::Answered, connector_net::session::FetchFailure> {
        self.runtime.block_on(self.http.fetch(fetch))
    }

    /// Carries out whatever is due, one thing after the other, until something is so.
    fn run(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let from = Instant::now();
        loop {
            while let Some(effect) = self.gateway.effect(self.running.clock().now_ns(), Gate::Open)
            {
                let (Effect::Place(fetch, _) | Effect::Cancel(fetch) | Effect::Ask(fetch)) = effect;
                let result = self.fetch(&fetch);
                let (tag, url, request) = (fetch.tag, &*fetch.url, fetch.body.as_bytes());
                let end = match &result {
                    Ok(it) => Fetched::Answer {
                        tag,
                        status: it.status,
                        url,
                        request,
                        body: &it.body,
                        retry_after_ms: it.retry_after_ms,
                    },
                    Err(why) => Fetched::Failed { tag, why: *why },
                };
                self.gateway.answered(self.running.clock().now_ns(), &end);
            }
            while let Some(told) = self.gateway.told() {
                match told {
                    Told::Order(report) => {
                        self.reports.insert(report.key, report);
                    }
                    Told::Balance(it) => {
                        self.balances.insert(it.asset, (it.total_e18, it.available_e18));
                    }
                    Told::Surveyed(_) => {}
                    other @ (Told::Foreign(_) | Told::KeyRefused) => self.other.push(other),
                }
            }
            if is_so(self) {
                return;
            }
            assert!(from.elapsed() < PATIENCE, "waited for: {what}\n{:#?}", self.reports);
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn take(&mut self, side: Side, size_e8: u64, limit_e8: u64) -> OrderKey {
        let key = OrderKey { trade: self.next_trade, leg: 0, attempt: 0 };
        self.next_trade += 1;
        self.gateway.take(Intent {
            key,
            instrument: SOL,
            side,
            size_lots: size_e8 / LOT_E8,
            limit_ticks: limit_e8 / TICK_E8,
            reduces: false,
            seq: 0,
            send_until_ns: self.running.clock().now_ns() + 60 * S,
        });
        key
    }

    /// Places an order and follows it to its end.
    fn trade(&mut self, side: Side, size_e8: u64, limit_e8: u64) -> Report {
        let key = self.take(side, size_e8, limit_e8);
        let is_over = |desk: &Self| desk.reports.get(&key).is_some_and(Report::is_settled);
        self.run("an order is over", is_over);
        let report = self.reports[&key];
        assert_eq!(report.contradiction, None, "{report:?}");
        report
    }

    /// What the account holds of quote and base.
    fn holds(&mut self) -> (i128, i128) {
        self.balances.clear();
        self.gateway.survey(Survey::Balances);
        self.run("balances come", |desk| desk.balances.len() >= 2);
        let (usd, sol) = (self.balances["USD"], self.balances["SOL"]);
        assert!(usd.0 == usd.1 && sol.0 == sol.1, "nothing is left reserved");
        (usd.0, sol.0)
    }

    /// All fills since then, read by another user of the key: its nonces are of the same count.
    fn fills(&self, from_ns: u64) -> Vec<FillSays> {
        let mut venue = GeminiOrders::new(self.key.clone(), self.nonces.clone(), self.url());
        let what = Survey::FillsSince(from_ns);
        let fetch = venue.survey(self.running.clock().now_ns(), 1, what, None);
        let answered = self.fetch(&fetch).expect("an answer");
        let (status, body) = (answered.status, &*answered.body);
        let (tag, url, request) = (1, "", [].as_slice());
        let end = Fetched::Answer { tag, status, url, request, body, retry_after_ms: None };
        let mut says = Vec::new();
        assert_eq!(venue.read(&Asked::Survey(what), &end, &mut says), Verdict::Understood);
        let fills = says.into_iter().filter_map(|says| match says {
            Says::Fill(fill) => Some(fill),
            Says::Order(_) | Says::Balance(_) => None,
        });
        fills.collect()
    }

    /// Where the venue listens.
    fn url(&self) -> String {
        let bound = self.running.venue("gemini").and_then(|bound| bound.plain);
        format!("http://{}", bound.expect("it listens"))
    }

    fn begin(&self, fault: Fault) -> u64 {
        self.running.fault(FaultOrder::new("gemini", fault, 4_000)).expect("it begins")
    }
}

/// Of placements only.
fn placements() -> Reach {
    Reach { path: "/v1/order/new".to_owned() }
}

fn e18(e8: u64) -> i128 {
    i128::from(e8) * 10_i128.pow(10)
}

/// Quote that these moved, fees left out, and fees; base. Sells count below zero.
fn sums(parts: impl Iterator<Item = (Side, i128, i128, i128)>) -> [i128; 3] {
    parts.fold([0; 3], |[quote, fee, base], (side, of_quote, of_fee, of_base)| match side {
        Side::Buy => [quote - of_quote, fee + of_fee, base + of_base],
        Side::Sell => [quote + of_quote, fee + of_fee, base - of_base],
    })
}

fn of_report((side, report): &(Side, Report)) -> (Side, i128, i128, i128) {
    let fee = report.fee_e18.expect("settled");
    (*side, report.quote_e18.expect("settled"), fee, report.filled_e18)
}

fn of_fill(fill: &FillSays) -> (Side, i128, i128, i128) {
    (fill.side.expect("it says"), fill.quote_e18, fill.fee_e18, fill.size_e18)
}

/// As the emulated ledger books it: to 10⁻⁸, against the client. The venue states price and size of a
/// fill, not what it books.
fn as_booked(fill: &FillSays) -> (Side, i128, i128, i128) {
    let (side, quote, fee, base) = of_fill(fill);
    let unit = 10_i128.pow(10);
    let left = quote % unit;
    let up = if left == 0 || side == Side::Sell { 0 } else { unit };
    (side, quote - left + up, fee, base)
}

#[test]
fn what_is_booked_of_gemini_orders_is_what_its_balances_say() {
    let mut desk = Desk::start();
    let (from_ns, before) = (desk.running.clock().now_ns(), desk.holds());

    let (price, size) = desk.levels("asks")[0];
    let whole = (size / 2).min(1_000_000_000) / LOT_E8 * LOT_E8;
    let filled = desk.trade(Side::Buy, whole, price);
    assert_eq!((filled.stage, filled.filled_e18), (Stage::Done, e18(whole)));
    // One size at one price: its money is known to the last digit.
    assert_eq!(filled.quote_e18, Some(e18(whole) * e18(price) / 10_i128.pow(18)));

    let left = desk.levels("asks")[0].1;
    let partly = desk.trade(Side::Buy, (left + 100_000_000) / LOT_E8 * LOT_E8, price);
    assert_eq!((partly.stage, partly.filled_e18), (Stage::Done, e18(left)));

    let bid = desk.levels("bids")[0].0;
    let missed = desk.trade(Side::Buy, 100_000_000, bid);
    assert_eq!((missed.stage, missed.filled_e18, missed.fee_e18), (Stage::Done, 0, Some(0)));

    let refused = desk.trade(Side::Buy, 900_000 * 100_000_000, desk.levels("asks")[0].0);
    assert_eq!(refused.stage, Stage::Refused(Reject::Funds));

    // Several levels: several executions, at several prices.
    let third = desk.levels("asks")[2].0;
    let through = desk.levels("asks").iter().take(3).map(|(_, size)| *size).sum::<u64>();
    let swept = desk.trade(Side::Buy, through.min(500_000_000_000), third);
    assert_eq!(swept.stage, Stage::Done);

    let sold = desk.trade(Side::Sell, 2_500_000, bid);
    assert_eq!((sold.stage, sold.filled_e18), (Stage::Done, e18(2_500_000)));

    let mut traded: Vec<(Side, Report)> =
        [filled, partly, missed, swept].map(|report| (Side::Buy, report)).into();
    traded.push((Side::Sell, sold));
    let reports = traded.iter().map(of_report);
    let fills = desk.fills(from_ns);
    assert_eq!(sums(reports), sums(fills.iter().map(of_fill)));
    let [quote, fee, base] = sums(fills.iter().map(as_booked));
    assert_eq!(desk.holds(), (before.0 + quote - fee, before.1 + base), "to the unit");

    // Something else that uses the key, with nonces of the same count, comes in between.
    let nonce = desk.nonces.next(desk.running.clock().now_ns());
    let fees = post(&desk.key, 1, &desk.url(), "/v1/notionalvolume", nonce);
    assert_eq!(desk.fetch(&fees).map(|answered| answered.status), Ok(200));

    // The same fills once more, from the account's list: nothing is new, and nothing is foreign.
    let known = desk.reports.clone();
    for what in [Survey::FillsSince(from_ns), Survey::OpenOrders] {
        desk.gateway.survey(what);
    }
    desk.holds();
    assert_eq!((desk.reports, desk.other), (known, vec![]));
}

#[test]
fn a_lost_answer_of_gemini_ends_in_what_really_was() {
    let mut desk = Desk::start();
    let before = desk.holds();
    let (price, size) = desk.levels("asks")[0];
    // With five decimals at most, so that its value has no more than the venue's ledger.
    let some = (size / 4).min(100_000_000) / 1_000 * 1_000;
    let first = Executes::First;
    let rows = [
        ("hangs, and is done", Fault::Hang { executes: first, reach: placements() }, true),
        (
            "fails, and is done",
            Fault::ServerError { status: 502, executes: first, reach: placements() },
            true,
        ),
        (
            "fails, and is not done",
            Fault::ServerError { status: 503, executes: Executes::Not, reach: placements() },
            false,
        ),
    ];
    let mut bought = Vec::new();
    for (shows, fault, is_done) in rows {
        let number = desk.begin(fault);
        let key = desk.take(Side::Buy, some, price);
        desk.run("it is unknown", |desk| {
            desk.reports.get(&key).is_some_and(|report| report.stage == Stage::Unknown)
        });
        desk.running.end_fault(number);
        let placed_ns = desk.running.clock().now_ns();
        desk.run("it is settled", |desk| desk.reports[&key].is_settled());
        let report = desk.reports[&key];
        if is_done {
            assert_eq!((report.stage, report.filled_e18), (Stage::Done, e18(some)), "{shows}");
            bought.push((Side::Buy, report));
        } else {
            let waited_ns = desk.running.clock().now_ns() - placed_ns;
            assert_eq!((report.stage, report.filled_e18), (Stage::Absent, 0), "{shows}");
            assert!(waited_ns > 9 * S, "{shows}: only once it cannot come up any more");
        }
        assert_eq!(report.contradiction, None, "{shows}");
    }
    let [quote, fee, base] = sums(bought.iter().map(of_report));
    assert_eq!(desk.holds(), (before.0 + quote - fee, before.1 + base), "each was placed once");
    assert_eq!(desk.other, vec![]);
}

#[test]
fn gemini_answers_as_recorded_are_read() {
    let Some(path) = shared("gemini/rest_recorded.jsonl.zst") else { return };
    let bytes = std::fs::read(path).expect("read");
    let text = String::from_utf8(zstd::decode_all(&*bytes).expect("zstd")).expect("text");
    let key = Key { id: "account-x".into(), secret: "x".into() };
    let mut venue = GeminiOrders::new(key, Nonces::seconds(), String::new());
    let mut counts = BTreeMap::new();
    for line in text.lines() {
        let row: Value = serde_json::from_str(line).expect("a line");
        let (answer, path) = (&row["response"], row["path"].as_str().expect("a path"));
        let is_error = answer["result"] == "error";
        let body = answer.to_string();
        let client_id =
            ClientId::of(Lineage::new("x", 1), OrderKey { trade: 1, leg: 0, attempt: 0 });
        let instrument =
            Instrument { symbol: "btcusd".into(), quote: "USD".into(), grid: Grid::DEFAULT };
        let (venue_id, side) = (answer["order_id"].as_str(), Side::Buy);
        let (size_lots, limit_ticks, sent_ns) = (1, 1, 0);
        let instrument = &instrument;
        let client_id = &client_id;
        let order =
            Order { client_id, venue_id, instrument, side, size_lots, limit_ticks, sent_ns };
        let asked = match path {
            "/v1/order/new" => Asked::Place(order),
            "/v1/order/cancel" => Asked::Cancel(order),
            "/v1/order/status" => Asked::About(order, About::State),
            "/v1/orders" => Asked::Survey(Survey::OpenOrders),
            "/v1/mytrades" => Asked::Survey(Survey::FillsSince(0)),
            "/v1/balances" => Asked::Survey(Survey::Balances),
            _ => continue,
        };
        let status = if is_error { 400 } else { 200 };
        let (tag, url, request, body) = (1, "", [].as_slice(), body.as_bytes());
        let end = Fetched::Answer { tag, status, url, request, body, retry_after_ms: None };
        let mut says = Vec::new();
        let verdict = venue.read(&asked, &end, &mut says);
        match (path, is_error) {
            ("/v1/order/new", true) => assert!(matches!(verdict, Verdict::Refused(..)), "{line}"),
            (_, true) => assert!(matches!(verdict, Verdict::Unclear(_)), "{line}"),
            (_, false) => assert_eq!(verdict, Verdict::Understood, "{line}"),
        }
        let rows = answer.as_array().map_or(usize::from(!is_error && answer.is_object()), Vec::len);
        assert_eq!(says.len(), rows, "{line}");
        let is_fill = |says: &&Says| matches!(says, Says::Fill(fill) if fill.fee_asset == "USD");
        *counts.entry(path.to_owned()).or_insert(0) += 1 + says.iter().filter(is_fill).count();
    }
    assert!(counts.len() == 6 && counts["/v1/mytrades"] > 5, "{counts:?}");
}
