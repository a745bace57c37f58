//! The emulated market is neither a gift nor a desert: with the entry fees that venues publish, gaps
//! open and close as in life. Everything here runs in market time, without sockets.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use config::Config;
use connector_emulator::chain::{Ledger, LedgerSpec, SOL_USDC_POOL, SharedLedger};
use connector_emulator::exchange::{Exchange, SharedExchange};
use connector_emulator::happening::{ExchangeId, Happening, Side};
use connector_emulator::live::{Market, MarketSpec, exchange_spec};
use connector_emulator::serve::Feed;
use connector_solana::events::{push_absent_array, push_array, push_pool};
use connector_solana::layout::{PoolAccount, TickArrayView};
use engine_core::execution::Outcome;
use engine_core::outbox::{Decided, Decision, Fate};
use engine_core::{Core, NoProbe, Outbox, Output};
use engine_daemon::replay::tables::{from_config, settings_from};
use engine_model::event::{Event, Flags};
use engine_model::{Body, MarketId, ParamKey, Venue};

use super::support::budget;

/// Begin of every run.
const START_NS: u64 = 1_786_316_400_000_000_000;

/// How often the feed is asked. Unit: nanoseconds of market time.
const STEP_NS: u64 = 5_000_000;

/// First moments of a world, in which connections would still be made.
const WARM_UP_NS: u64 = 3_000_000_000;

/// A stretch of time in which every venue must have seen an opportunity traded.
const STRETCH_NS: u64 = 30_000_000_000;

/// Market time of one run.
const RUN_NS: u64 = 120_000_000_000;

/// A market of the core, and what an exchange calls it.
struct Row {
    id: MarketId,
    venue: Venue,
    exchange: ExchangeId,
    product: &'static str,
    tick_e8: u64,
    lot_e8: u64,
}

/// A world, and the core that watches it.
struct Scene {
    feed: Market,
    exchanges: [SharedExchange; 3],
    ledger: SharedLedger,
    rows: Vec<Row>,
    pool: MarketId,
    core: Core,
    out: Outbox,
    decided: Vec<Decided>,
    bodies: Vec<Body>,
    /// Market time with an opportunity open. Unit: nanoseconds.
    open_ns: u64,
    /// Of it in the first stretch.
    open_first_ns: u64,
    /// Opportunities that are open.
    open: u32,
    last_ns: u64,
}

fn scene(seed: u64) -> Scene {
    let file = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../config/example/demo.toml"));
    let text = std::fs::read_to_string(file).expect("the demo's configuration");
    let config =
        Config::parse("demo.toml", &text).unwrap_or_else(|problems| panic!("{problems:?}"));
    let (tables, names) = from_config(&config, &[]);
    let spec = MarketSpec::new(seed, START_NS);
    let ids = [ExchangeId::Coinbase, ExchangeId::Gemini, ExchangeId::Bitstamp];
    let exchanges =
        ids.map(|id| Arc::new(Mutex::new(Exchange::new(id, exchange_spec(id, Vec::new())))));
    let ledger = LedgerSpec::sol_usdc(seed, START_NS, spec.pool_price_e8());
    let ledger = Arc::new(Mutex::new(Ledger::new(&ledger).expect("a good specification")));
    let feed = Market::new(spec, exchanges.clone(), ledger.clone());
    let id = |name: &str| {
        let at = names.markets.iter().position(|known| known == name).expect("a market");
        MarketId(u16::try_from(at).expect("few markets"))
    };
    let rows = [
        ("coinbase:SOL-USD", Venue::Coinbase, "SOL-USD"),
        ("coinbase:BTC-USD", Venue::Coinbase, "BTC-USD"),
        ("gemini:SOL-USD", Venue::Gemini, "SOL-USD"),
        ("gemini:BTC-USD", Venue::Gemini, "BTC-USD"),
        ("bitstamp:SOL-USD", Venue::Bitstamp, "SOL-USD"),
        ("bitstamp:USDC-USD", Venue::Bitstamp, "USDC-USD"),
    ];
    let rows = rows.map(|(name, venue, product)| {
        let exchange = ids[venue as usize];
        let shared = exchanges[venue as usize].lock().expect("whole");
        let known = shared.product(product).expect("listed");
        let (tick_e8, lot_e8) = (known.tick_e8, known.lot_e8);
        Row { id: id(name), venue, exchange, product, tick_e8, lot_e8 }
    });
    let core = Core::with_settings(tables, settings_from(&config)).expect("tables that fit");
    let out = Outbox::for_pairs(core.pairs().len());
    let mut scene = Scene {
        feed,
        exchanges,
        ledger,
        rows: rows.into(),
        pool: id("orca:SOL-USDC"),
        core,
        out,
        decided: Vec::new(),
        bodies: Vec::new(),
        open_ns: 0,
        open_first_ns: 0,
        open: 0,
        last_ns: START_NS,
    };
    scene.snapshots();
    scene
}

impl Scene {
    /// Takes one batch.
    fn batch(&mut self, at_ns: u64, market: MarketId, venue: Venue, flags: u8) {
        let bodies = std::mem::take(&mut self.bodies);
        if self.open > 0 {
            self.open_ns += at_ns - self.last_ns;
            if at_ns <= START_NS + STRETCH_NS {
                self.open_first_ns = self.open_ns;
            }
        }
        self.last_ns = at_ns;
        for (index, body) in bodies.iter().enumerate() {
            let is_last = index + 1 == bodies.len();
            let flags = Flags(flags | if is_last { Flags::END_OF_BATCH } else { 0 });
            let event =
                Event { recv_ns: at_ns, venue_ns: 0, seq: 0, market, venue, flags, body: *body };
            self.core.step(&event, &mut self.out, &mut NoProbe);
            self.note();
        }
        self.bodies = bodies;
        self.bodies.clear();
    }

    /// Keeps what was decided.
    fn note(&mut self) {
        for output in self.out.outputs() {
            let Output::Decided(decided) = output else { continue };
            self.open += u32::from(matches!(decided.decision, Decision::Opened { .. }));
            self.open -= u32::from(matches!(decided.decision, Decision::Closed { .. }));
            self.decided.push(*decided);
        }
        self.out.clear();
    }

    /// Every book and the pool as they stand.
    fn snapshots(&mut self) {
        self.bodies.push(Body::Clock { wall_ns: START_NS });
        self.batch(START_NS, Event::NO_MARKET, Venue::Coinbase, 0);
        for index in 0..self.rows.len() {
            let row = &self.rows[index];
            let exchange = self.exchanges[row.exchange as usize].lock().expect("whole");
            self.bodies.push(Body::BookClear);
            for (side, of) in [
                (Side::Bid, engine_model::event::Side::Bid),
                (Side::Ask, engine_model::event::Side::Ask),
            ] {
                let levels = exchange.levels(row.product, side, 0);
                self.bodies.extend(levels.iter().map(|(price, size)| Body::Level {
                    side: of,
                    price_ticks: price / row.tick_e8,
                    size_lots: size / row.lot_e8,
                }));
            }
            drop(exchange);
            let (id, venue) = (row.id, row.venue);
            self.batch(START_NS, id, venue, Flags::SNAPSHOT);
        }
        self.pool(START_NS);
        self.feed.advance(START_NS);
    }

    /// The pool's accounts as they stand, all of them.
    fn pool(&mut self, at_ns: u64) {
        let ledger = self.ledger.lock().expect("whole");
        let slot = u64::MAX;
        let account = ledger.account(&SOL_USDC_POOL, slot).expect("the pool").clone();
        let pool = PoolAccount::parse(&account.data).expect("a pool");
        push_pool(&pool, &mut self.bodies);
        let span = i32::from(pool.tick_spacing) * 88;
        let here = pool.tick_current_index.div_euclid(span);
        for array in here - 4..=here + 4 {
            let start = array * span;
            let key = connector_solana::address::tick_array_address(
                &connector_emulator::chain::WHIRLPOOL,
                &SOL_USDC_POOL,
                start,
            );
            match ledger.account(&key, slot) {
                Some(account) => {
                    let view = TickArrayView::parse(&account.data).expect("a tick array");
                    push_array(&view, pool.tick_spacing, &mut self.bodies);
                }
                None => push_absent_array(start, &mut self.bodies),
            }
        }
        drop(ledger);
        self.batch(at_ns, self.pool, Venue::Solana, Flags::SNAPSHOT);
    }

    fn slot(&mut self, at_ns: u64, slot: u64, parent: u64, root: u64) {
        for market in [Event::NO_MARKET, self.pool] {
            let event = Event {
                recv_ns: at_ns,
                venue_ns: 0,
                seq: slot,
                market,
                venue: Venue::Solana,
                flags: Flags(Flags::END_OF_BATCH),
                body: Body::Slot { parent, root },
            };
            self.core.step(&event, &mut self.out, &mut NoProbe);
            self.note();
        }
    }

    fn take(&mut self, what: &Happening) {
        let row = |scene: &Self, exchange: ExchangeId, product: &str| {
            let is_it = |row: &&Row| row.exchange == exchange && row.product == product;
            let row = scene.rows.iter().find(is_it).expect("a market of the demo");
            (row.id, row.venue, row.tick_e8, row.lot_e8)
        };
        match what {
            Happening::Book { exchange, product, at_ns, changes, .. } => {
                let (id, venue, tick, lot) = row(self, *exchange, product);
                self.bodies.extend(changes.iter().map(|change| Body::Level {
                    side: side(change.side),
                    price_ticks: change.price_e8 / tick,
                    size_lots: change.size_e8 / lot,
                }));
                self.batch((*at_ns).max(self.last_ns), id, venue, 0);
            }
            Happening::Trade { exchange, product, at_ns, trade_id, maker, price_e8, size_e8 } => {
                let (id, venue, tick, lot) = row(self, *exchange, product);
                self.bodies.push(Body::Trade {
                    maker_side: side(*maker),
                    price_ticks: price_e8 / tick,
                    size_lots: size_e8 / lot,
                    trade_id: *trade_id,
                });
                self.batch((*at_ns).max(self.last_ns), id, venue, 0);
            }
            Happening::Slot { slot, parent, root, at_ns } => {
                self.slot(*at_ns, *slot, *parent, *root);
                if slot.is_multiple_of(25) {
                    self.bodies.push(Body::Param { key: ParamKey::PriorityFee, value: 50_000 });
                    self.batch(*at_ns, Event::NO_MARKET, Venue::Solana, 0);
                }
            }
            Happening::Accounts { at_ns, .. } => self.pool(*at_ns),
            Happening::Order { .. }
            | Happening::Balance { .. }
            | Happening::Status { .. }
            | Happening::Signature { .. } => {}
        }
    }
}

const fn side(side: Side) -> engine_model::event::Side {
    match side {
        Side::Bid => engine_model::event::Side::Bid,
        Side::Ask => engine_model::event::Side::Ask,
    }
}

/// What a run has shown.
#[derive(Debug, Default)]
struct Figures {
    open_permille: u64,
    /// The same over the first stretch alone: what a short demonstration would print.
    open_first_permille: u64,
    opportunities: usize,
    life_ms_median: u64,
    trades: usize,
    outcomes: BTreeMap<&'static str, u32>,
    /// Trades that ended otherwise than planned, or made less than predicted.
    worse: usize,
    as_predicted: usize,
    refused: BTreeMap<&'static str, u32>,
    /// When each venue saw an opportunity traded. Unit: nanoseconds since start.
    traded_ns: BTreeMap<&'static str, Vec<u64>>,
    /// Halts: the demonstration's limits are wide, so that none ends it.
    halts: u32,
    net_usd_micros: i128,
}

impl Figures {
    fn line(&self) -> String {
        let percent = |permille: u64| format!("{}.{} %", permille / 10, permille % 10);
        format!(
            "net edge positive {} of the time ({} in the first 30 s), {} opportunities of {} ms in \
             the median, {} trades, {} worse than planned, {:?}, not traded {:?}, net {} USD",
            percent(self.open_permille),
            percent(self.open_first_permille),
            self.opportunities,
            self.life_ms_median,
            self.trades,
            self.worse,
            self.outcomes,
            self.refused,
            self.net_usd_micros / 1_000_000,
        )
    }
}

fn run(seed: u64) -> Figures {
    let mut scene = scene(seed);
    let mut now_ns = START_NS;
    while now_ns < START_NS + RUN_NS {
        now_ns += STEP_NS;
        for what in scene.feed.advance(now_ns) {
            scene.take(&what);
        }
    }
    figures(&scene)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "four kinds of decision tell the figures")]
fn figures(scene: &Scene) -> Figures {
    let mut figures = Figures {
        open_permille: scene.open_ns * 1_000 / RUN_NS,
        open_first_permille: scene.open_first_ns * 1_000 / STRETCH_NS,
        ..Figures::default()
    };
    let mut lives = Vec::new();
    for decided in &scene.decided {
        match &decided.decision {
            Decision::Closed { opportunity, fate } => {
                lives.push(opportunity.duration_ns() / 1_000_000);
                if !matches!(fate, Fate::Traded(_)) {
                    *figures.refused.entry(fate.name()).or_default() += 1;
                }
            }
            Decision::Approved { plan, .. } => {
                for leg in &plan.legs {
                    let times = figures.traded_ns.entry(leg.venue.name()).or_default();
                    times.push(decided.at_ns - START_NS);
                }
            }
            Decision::Ended(end) => {
                figures.trades += 1;
                *figures.outcomes.entry(end.outcome.name()).or_default() += 1;
                let predicted = end.trade.plan().predicted_net;
                let made = end.pnl.map_or(i128::MIN, |pnl| pnl.net);
                let is_worse = end.outcome != Outcome::BothFilled || made < predicted;
                figures.worse += usize::from(is_worse);
                figures.as_predicted += usize::from(!is_worse);
                figures.net_usd_micros += end.pnl.map_or(0, |pnl| pnl.net_numeraire);
            }
            Decision::Halt(_) => figures.halts += 1,
            _ => {}
        }
    }
    lives.sort_unstable();
    figures.opportunities = lives.len();
    figures.life_ms_median = lives.get(lives.len() / 2).copied().unwrap_or(0);
    figures
}

#[test]
fn gaps_open_and_close_as_in_life() {
    let mut missing = Vec::new();
    for seed in 1..=budget("RIPTIDE_CALIBRATION_SEEDS", 8) {
        let figures = run(seed);
        println!("seed {seed}: {}", figures.line());
        assert!(figures.open_permille <= 50, "seed {seed}");
        assert!(figures.open_first_permille <= 50, "seed {seed}");
        assert_eq!(figures.halts, 0, "seed {seed}");
        assert!(figures.life_ms_median < 1_000, "seed {seed}");
        assert!(figures.worse * 3 >= figures.trades && figures.trades > 0, "seed {seed}");
        assert!(figures.as_predicted > 0, "seed {seed}: some work out");
        for venue in Venue::ALL {
            let times = figures.traded_ns.get(venue.name()).cloned().unwrap_or_default();
            let mut from_ns = 0;
            while from_ns + STRETCH_NS <= RUN_NS {
                let stretch = from_ns + WARM_UP_NS..from_ns + STRETCH_NS;
                if !times.iter().any(|at| stretch.contains(at)) {
                    missing.push(format!("seed {seed}: {} in {stretch:?}", venue.name()));
                    break;
                }
                from_ns += 1_000_000_000;
            }
        }
    }
    assert!(missing.is_empty(), "nothing traded: {missing:?}");
}
