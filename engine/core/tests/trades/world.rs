//! A small market with a desk: every step's decisions are kept.

#[path = "../common/mod.rs"]
mod common;

pub(crate) use common::*;
use engine_core::desk::Settings;
use engine_core::execution::spec::{Spec, Venues};
use engine_core::execution::trade::{Answer, Order, Outcome};
use engine_core::execution::{Plan, Pnl};
use engine_core::market::book::Level;
use engine_core::market::world::Market;
use engine_core::outbox::{Decided, Decision, TradeEnd};
use engine_core::risk::halt::HaltReason;
use engine_core::state::State;
use engine_core::tables::Tables;
use engine_core::{Core, NoProbe, Outbox, Output, Taken};
use engine_model::{Body, Command, Event, Flags, MarketId, Side, Venue};

/// A millisecond in nanoseconds.
pub(crate) const MS: u64 = 1_000_000;
/// From a decision to Coinbase's, Gemini's, Bitstamp's book and to a leader.
pub(crate) const LATENCY_MS: [u64; 4] = [60, 50, 85, 120];

/// Both venues hold 10,000 of each currency and 100 SOL; nothing is capped besides.
pub(crate) fn funded() -> Tables {
    let mut tables = tables();
    for instrument in &mut tables.instruments {
        instrument.base_balance = Some(100_000_000_000);
        instrument.quote_balance = Some(10_000_000_000);
    }
    // Coinbase's USDC alias: nobody has said what lies there, so nothing is traded on it.
    tables.instruments[1].quote_balance = None;
    tables
}

pub(crate) fn settings(change: impl FnOnce(&mut Settings)) -> Settings {
    let mut settings = Settings::watching();
    settings.execution =
        Spec { venues: Venues::Simulated, latency_ns: LATENCY_MS.map(|ms| ms * MS), ..Spec::OFF };
    settings.limits.unwind_hard_collar_ppm = u64::from(settings.execution.unwind_hard_ppm);
    change(&mut settings);
    settings
}

/// A core and everything that it decided.
pub(crate) struct World {
    pub(crate) core: Core,
    out: Outbox,
    pub(crate) now_ns: u64,
    pub(crate) decisions: Vec<Decided>,
}

impl World {
    pub(crate) fn new(tables: Tables, settings: Settings) -> Self {
        let core = Core::with_settings(tables, settings).expect("the tables fit together");
        let out = Outbox::for_pairs(core.pairs().len());
        Self { core, out, now_ns: START, decisions: Vec::new() }
    }

    /// Both books at 77.00 / 77.01 with 10 SOL a side, the peg at par, no pool yet.
    pub(crate) fn quiet(change: impl FnOnce(&mut Settings)) -> Self {
        Self::quiet_in(funded(), settings(change))
    }

    pub(crate) fn quiet_in(tables: Tables, settings: Settings) -> Self {
        let mut world = Self::new(tables, settings);
        world.book(PEG, 99_999, 100_001, 1_000_000_000_000);
        world.book(COINBASE, 7_700, 7_701, 10_000_000);
        world.book(GEMINI, 7_700, 7_701, 10_000_000);
        world
    }

    /// The same, and Gemini pays a dollar more now: bought at Coinbase, sold at Gemini.
    pub(crate) fn with_gap(change: impl FnOnce(&mut Settings)) -> Self {
        let mut world = Self::quiet(change);
        world.book(GEMINI, 7_800, 7_801, 10_000_000);
        world
    }

    /// The pool a dollar below Gemini: bought on chain, sold at Gemini.
    pub(crate) fn with_cheap_pool(change: impl FnOnce(&mut Settings)) -> Self {
        Self::cheap_pool_in(funded(), change)
    }

    pub(crate) fn cheap_pool_in(tables: Tables, change: impl FnOnce(&mut Settings)) -> Self {
        let mut world = Self::quiet_in(tables, settings(change));
        // It goes on pricing the chain's coin and is left out of trades.
        world.batch(COINBASE, &[Body::Status { tradable: 0 }]);
        world.slot(100);
        world.pool(-25_650, 1 << 46);
        world.book(GEMINI, 7_800, 7_801, 10_000_000);
        world
    }

    /// Goes on with a core that was written down and read back.
    pub(crate) fn restore(&mut self) {
        let (tables, settings) = (self.core.tables().clone(), self.core.desk().settings().clone());
        let bytes = postcard::to_allocvec(&self.core).expect("a state can be written");
        let state: State = postcard::from_bytes(&bytes).expect("and read");
        self.core = state.into_core(tables, settings).expect("it fits");
    }

    pub(crate) fn step(&mut self, event: &Event) -> Taken {
        let taken = self.core.step(event, &mut self.out, &mut NoProbe);
        for output in self.out.outputs() {
            if let Output::Decided(decided) = output {
                self.decisions.push(*decided);
            }
        }
        self.out.clear();
        taken
    }

    pub(crate) fn event(&self, market: MarketId, body: Body) -> Event {
        let venue = self.core.tables().markets.get(market.index());
        Event {
            recv_ns: self.now_ns,
            venue_ns: 0,
            seq: 100,
            market,
            venue: venue.map_or(Venue::Coinbase, |spec| spec.venue),
            flags: Flags(Flags::END_OF_BATCH),
            body,
        }
    }

    pub(crate) fn batch(&mut self, market: MarketId, bodies: &[Body]) {
        for (index, body) in bodies.iter().enumerate() {
            let mut event = self.event(market, *body);
            if index + 1 < bodies.len() {
                event.flags = Flags(0);
            }
            self.step(&event);
        }
    }

    /// A book of one level a side. Units: ticks and lots.
    pub(crate) fn book(&mut self, market: MarketId, bid: u64, ask: u64, size_lots: u64) {
        let level = |side, price_ticks| Body::Level { side, price_ticks, size_lots };
        self.batch(market, &[Body::BookClear, level(Side::Bid, bid), level(Side::Ask, ask)]);
    }

    /// One level is stated; the others stay.
    pub(crate) fn level(&mut self, market: MarketId, side: Side, price_ticks: u64, lots: u64) {
        self.batch(market, &[Body::Level { side, price_ticks, size_lots: lots }]);
    }

    pub(crate) fn pool(&mut self, tick: i32, liquidity: u128) {
        let bodies = pool_bodies(tick, liquidity, 64);
        self.batch(POOL, &bodies);
    }

    /// The chain and the pool's connection have seen a slot.
    pub(crate) fn slot(&mut self, slot: u64) {
        for market in [Event::NO_MARKET, POOL] {
            let mut event = self.event(market, Body::Slot { parent: slot - 1, root: slot - 32 });
            event.venue = Venue::Solana;
            event.seq = slot;
            event.flags = Flags(if market == POOL { Flags::END_OF_BATCH } else { 0 });
            self.step(&event);
        }
    }

    pub(crate) fn command(&mut self, command: Command) {
        let event = self.event(Event::NO_MARKET, Body::Command(command));
        self.step(&event);
    }

    /// Time passes, and a tick says so.
    pub(crate) fn tick(&mut self, ns: u64) -> Taken {
        self.now_ns += ns;
        let event = self.event(Event::NO_MARKET, Body::Timer);
        self.step(&event)
    }

    pub(crate) fn sent(&self) -> Vec<Order> {
        self.decisions
            .iter()
            .filter_map(
                |it| if let Decision::Sent(order) = it.decision { Some(order) } else { None },
            )
            .collect()
    }

    /// When each answer came, since the start, and what it was. Unit: nanoseconds.
    pub(crate) fn answers(&self) -> Vec<(u64, Answer)> {
        self.decisions
            .iter()
            .filter_map(|it| {
                if let Decision::Answered { answer, .. } = it.decision {
                    Some((it.at_ns - START, answer))
                } else {
                    None
                }
            })
            .collect()
    }

    pub(crate) fn ends(&self) -> Vec<TradeEnd> {
        self.decisions
            .iter()
            .filter_map(|it| if let Decision::Ended(end) = it.decision { Some(end) } else { None })
            .collect()
    }

    pub(crate) fn plans(&self) -> Vec<Plan> {
        self.decisions
            .iter()
            .filter_map(|it| {
                if let Decision::Approved { plan, .. } = it.decision { Some(plan) } else { None }
            })
            .collect()
    }

    /// The only trade there was, which is over.
    pub(crate) fn only_end(&self) -> (Outcome, Pnl) {
        let ends = self.ends();
        let [end] = ends.as_slice() else { panic!("one trade: {ends:?}") };
        (end.outcome, end.pnl.expect("in range"))
    }

    pub(crate) fn halts(&self) -> Vec<HaltReason> {
        self.core.desk().halts().iter().map(|halt| halt.reason).collect()
    }

    /// Best level of a side of a book.
    pub(crate) fn best(&self, market: MarketId, side: Side) -> Option<Level> {
        match &self.core.markets()[market.index()] {
            Market::Book(book) => book.book().best(side),
            Market::Pool(_) => None,
        }
    }

    /// The pool's square-root price.
    pub(crate) fn root(&self) -> u128 {
        match &self.core.markets()[POOL.index()] {
            Market::Pool(pool) => pool.pool().expect("stated").sqrt_price,
            Market::Book(_) => panic!("a pool"),
        }
    }

    pub(crate) fn reserved(&self) -> u128 {
        self.core.balances().list().iter().map(|balance| balance.reserved).sum()
    }
}
