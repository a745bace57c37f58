//! The latch under load: orders leave one after the other over real sockets until it is set at a random
//! moment. No first byte of an order may leave after that, and what has not left has never been: the
//! account's balance is the sum of what the orders report. `RIPTIDE_LATCH_ROUNDS` says how often.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use connector_coinbase::{CoinbaseOrders, Key};
use connector_emulator::config::{AccountConfig, Decimal, EmulateConfig};
use connector_emulator::keys::Credentials;
use connector_emulator::serve::{self, Running};
use connector_emulator::world::world;
use connector_link::Clock;
use connector_link::clock::monotonic_ns;
use connector_link::kept::{Kept, Kind};
use connector_link::net::Net;
use connector_link::orders::{Driven, Order, Tell, Watermark, drive};
use connector_orders::venue::Survey;
use connector_orders::{
    Gate, Gateway, Instrument, Intent, Latch, Lineage, NotSent, OrderKey, Report, Side, Stage, Told,
};
use engine_model::grid::Step;
use engine_model::{Grid, InstrumentId};
use tokio::sync::mpsc;

const SOL: InstrumentId = InstrumentId(0);
/// Orders of a round, one a millisecond.
const ORDERS: u64 = 40;
/// Rounds where nothing else is asked for.
const ROUNDS_DEFAULT: u64 = 10;

/// What was told, and when first bytes left.
#[derive(Default)]
struct Seen {
    reports: BTreeMap<OrderKey, Report>,
    left_ns: Vec<u64>,
    sol_e18: Option<i128>,
    odd: Vec<Told>,
}

struct Watcher(Arc<Mutex<Seen>>);

impl Tell for Watcher {
    fn told(&mut self, told: Told) {
        let mut seen = self.0.lock().expect("nobody panics with it");
        match told {
            Told::Order(report) => {
                seen.reports.insert(report.key, report);
            }
            Told::Balance(says) if says.asset == "SOL" => seen.sol_e18 = Some(says.total_e18),
            Told::Balance(_) | Told::Surveyed(_) => {}
            Told::Foreign(_) | Told::KeyRefused => seen.odd.push(told),
        }
    }

    fn left(&mut self, kind: Kind, first_byte_ns: u64) {
        if matches!(kind, Kind::Order { .. }) {
            self.0.lock().expect("nobody panics with it").left_ns.push(first_byte_ns);
        }
    }
}

fn venue() -> (Running, Key) {
    let whole = |(asset, amount): (&str, &str)| {
        (asset.to_owned(), Decimal::parse(amount).expect("a decimal"))
    };
    let config = EmulateConfig {
        seed: 23,
        control_port: None,
        accounts: vec![AccountConfig {
            venue: "coinbase".to_owned(),
            name: "test".to_owned(),
            balances: [("USD", "3000000"), ("SOL", "0")].map(whole).into(),
        }],
        ..EmulateConfig::default()
    };
    let world = world(&config).expect("a sound world");
    let running = serve::start(world.options).expect("it listens");
    let key = world.keys.iter().find_map(|keys| {
        let Credentials::Coinbase { ed25519_name, ed25519_base64, .. } = &keys.credentials else {
            return None;
        };
        Some(Key::new(ed25519_name, ed25519_base64).expect("the world's own key"))
    });
    (running, key.expect("a key"))
}

struct Round {
    orders: mpsc::Sender<Order>,
    seen: Arc<Mutex<Seen>>,
    latch: Arc<Latch>,
    task: tokio::task::JoinHandle<Gateway>,
}

fn start(number: u64, address: &str, key: &Key) -> Round {
    let latch = Arc::new(Latch::default());
    let net = Net::new(None).expect("no authorities");
    let kept = Arc::new(Kept::new(net, Arc::clone(&latch), address).expect("an address"));
    let grid = Grid { tick: Step::decimal(2), lot: Step::decimal(8) };
    let sol = Instrument { symbol: "SOL-USD".into(), quote: "USD".into(), grid };
    let epoch = u16::try_from(number).expect("few rounds");
    let gateway = Gateway::new(
        Box::new(CoinbaseOrders::new(address, key.clone())),
        Lineage::new("latch", epoch),
        BTreeMap::from([(SOL, sol)]),
        0,
    );
    let (orders, order_ends) = mpsc::channel(256);
    let seen = Arc::new(Mutex::new(Seen::default()));
    let driven = Driven {
        gateway,
        kept,
        orders: order_ends,
        watermark: Arc::new(Watermark::default()),
        latch: Arc::clone(&latch),
        clock: Clock::new(),
        tell: Watcher(Arc::clone(&seen)),
    };
    Round { orders, seen, latch, task: tokio::spawn(drive(driven)) }
}

/// Two in a hundred above the best price: it fills, and the venue does not find it odd. Unit: ticks.
fn limit_ticks(running: &Running) -> u64 {
    for _ in 0..1_000 {
        let truth = running.truth().expect("the truth");
        let asks = truth["exchanges"]["coinbase"]["SOL-USD"]["asks"].clone();
        let asks: Vec<(u64, u64)> = serde_json::from_value(asks).expect("levels");
        if let Some((price_e8, _)) = asks.first() {
            return price_e8 / 1_000_000 * 102 / 100;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("the book stays empty")
}

fn intent(trade: u64, limit_ticks: u64) -> Intent {
    Intent {
        key: OrderKey { trade, leg: 0, attempt: 0 },
        instrument: SOL,
        side: Side::Buy,
        // 0.1.
        size_lots: 10_000_000,
        limit_ticks,
        reduces: false,
        seq: 0,
        send_until_ns: u64::MAX,
    }
}

impl Round {
    async fn until(&self, what: &str, is_so: impl Fn(&Seen) -> bool) {
        for _ in 0..3_000 {
            if is_so(&self.seen.lock().expect("nobody panics with it")) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("waited for: {what}: {:#?}", self.seen.lock().expect("free").reports);
    }

    async fn play(self, (kill_us, ticks): (u64, u64), before_e18: i128) -> (i128, u64) {
        self.latch.set(Gate::Open);
        self.orders.send(Order::Stream(true)).await.expect("it listens");
        let orders = self.orders.clone();
        let feeding = tokio::spawn(async move {
            for trade in 1..=ORDERS {
                orders.send(Order::Place(intent(trade, ticks))).await.expect("it listens");
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        // A thread of its own, as a signal or a watchdog would be.
        let latch = Arc::clone(&self.latch);
        let killing = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_micros(kill_us));
            latch.kill(monotonic_ns)
        });
        feeding.await.expect("no panic");
        let killed_ns = killing.join().expect("no panic");
        let count = usize::try_from(ORDERS).expect("few");
        self.until("every order is over", |seen| {
            seen.reports.len() == count && seen.reports.values().all(Report::is_settled)
        })
        .await;
        for left_ns in &self.seen.lock().expect("free").left_ns {
            assert!(*left_ns <= killed_ns, "{} ns after the latch", left_ns - killed_ns);
        }
        self.orders.send(Order::Survey(Survey::Balances)).await.expect("it listens");
        self.until("the balance", |seen| seen.sol_e18.is_some()).await;
        self.orders.send(Order::Stop).await.expect("it listens");
        drop(self.task.await.expect("no panic"));
        let seen = self.seen.lock().expect("free");
        assert!(seen.odd.is_empty(), "{:?}", seen.odd);
        let mut filled_e18 = 0;
        let mut held_back = 0;
        for report in seen.reports.values() {
            assert_eq!(report.contradiction, None, "{report:?}");
            if report.stage == Stage::Done {
                filled_e18 += report.filled_e18;
            } else {
                assert_eq!(report.stage, Stage::NotSent(NotSent::Halted), "{report:?}");
                assert_eq!(report.filled_e18, 0);
                held_back += 1;
            }
        }
        let now_e18 = seen.sol_e18.expect("told");
        assert_eq!(now_e18 - before_e18, filled_e18, "what was held back never arrived");
        (now_e18, held_back)
    }
}

#[test]
fn no_order_leaves_after_the_latch_and_what_is_held_back_never_arrives() {
    let asked = std::env::var("RIPTIDE_LATCH_ROUNDS").ok();
    let rounds = asked.map_or(ROUNDS_DEFAULT, |text| text.parse().expect("rounds"));
    let (running, key) = venue();
    let bound = running.venue("coinbase").and_then(|bound| bound.plain).expect("it listens");
    let address = format!("http://{bound}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let (mut sol_e18, mut held_back) = (0, 0);
    let mut seed = 7_u64;
    for number in 1..=rounds {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let kill_us = (seed >> 33) % 60_000;
        let round = runtime.block_on(async { start(number, &address, &key) });
        let (now_e18, held) =
            runtime.block_on(round.play((kill_us, limit_ticks(&running)), sol_e18));
        sol_e18 = now_e18;
        held_back += held;
    }
    assert!(held_back > 0 && sol_e18 > 0, "some left and some did not: {held_back} {sol_e18}");
}
