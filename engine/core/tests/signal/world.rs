//! A small market to look at: two books on SOL, a USDC/USD book, and a pool on wrapped SOL.

#[path = "../common/mod.rs"]
mod common;

pub(crate) use common::*;
use engine_core::num::ratio::Ratio;
use engine_core::outbox::Decision;
use engine_core::signal::evaluation::Evaluation;
use engine_core::signal::opportunity::Opportunity;
use engine_core::tables::Tables;
use engine_core::{Core, NoProbe, Outbox, Output};
use engine_model::{Body, Event, Flags, MarketId, ParamKey, Side, Venue};

/// A core and what it said last.
pub(crate) struct World {
    pub(crate) core: Core,
    out: Outbox,
    pub(crate) now_ns: u64,
    pub(crate) evaluations: Vec<Evaluation>,
    pub(crate) closed: Vec<Opportunity>,
}

impl World {
    pub(crate) fn new(tables: Tables) -> Self {
        let core = Core::new(tables).expect("the tables fit together");
        let out = Outbox::for_pairs(core.pairs().len());
        Self { core, out, now_ns: START, evaluations: Vec::new(), closed: Vec::new() }
    }

    /// Both books at 77.00 / 77.01, the peg at par, no pool yet.
    pub(crate) fn quiet(tables: Tables) -> Self {
        let mut world = Self::new(tables);
        world.book(PEG, 99_999, 100_001, 1_000_000_000_000);
        world.book(COINBASE, 7_700, 7_701, 10_000_000);
        world.book(GEMINI, 7_700, 7_701, 10_000_000);
        world
    }

    pub(crate) fn batch(&mut self, market: MarketId, bodies: &[Body]) {
        let venue = self.core.tables().markets[market.index()].venue;
        self.evaluations.clear();
        for (index, body) in bodies.iter().enumerate() {
            let last = index + 1 == bodies.len();
            let event = Event {
                recv_ns: self.now_ns,
                venue_ns: 0,
                seq: 100,
                market,
                venue,
                flags: Flags(if last { Flags::END_OF_BATCH } else { 0 }),
                body: *body,
            };
            self.core.step(&event, &mut self.out, &mut NoProbe);
            for output in self.out.outputs() {
                match output {
                    Output::Evaluated(evaluation) => self.evaluations.push(*evaluation),
                    Output::Decided(decided) => {
                        if let Decision::Closed { opportunity, .. } = decided.decision {
                            self.closed.push(opportunity);
                        }
                    }
                }
            }
            self.out.clear();
        }
    }

    /// A book of one level a side. Units: ticks and lots.
    pub(crate) fn book(&mut self, market: MarketId, bid: u64, ask: u64, size_lots: u64) {
        let level = |side, price_ticks| Body::Level { side, price_ticks, size_lots };
        self.batch(market, &[Body::BookClear, level(Side::Bid, bid), level(Side::Ask, ask)]);
    }

    /// A pool at a tick (−25,650 is near 77 USDC), with five tick arrays and one liquidity.
    pub(crate) fn pool(&mut self, tick: i32, liquidity: u128) {
        let bodies = pool_bodies(tick, liquidity, 64);
        self.batch(POOL, &bodies);
    }

    /// The same with a fee that follows volatility, which was high at `last_reference_s`.
    pub(crate) fn adaptive_pool(
        &mut self,
        tick: i32,
        liquidity: u128,
        filter_period: u16,
        last_reference_s: u64,
    ) {
        let mut bodies = pool_bodies(tick, liquidity, 1_025);
        bodies.push(Body::OracleConstants {
            filter_period,
            decay_period: 600,
            reduction_factor: 5_000,
            tick_group_size: 64,
            major_swap_threshold_ticks: 64,
            adaptive_fee_control_factor: 100,
            max_volatility_accumulator: 350_000,
            trade_enable_timestamp: 0,
        });
        bodies.push(Body::OracleVariables {
            volatility_reference: 0,
            last_reference_update_timestamp: last_reference_s,
            last_major_swap_timestamp: last_reference_s,
            tick_group_index_reference: tick.div_euclid(64),
            volatility_accumulator: 300_000,
        });
        self.batch(POOL, &bodies);
    }

    /// The chain, or the pool's own connection, has seen a slot. Pools start at slot 100.
    pub(crate) fn slot(&mut self, market: MarketId, slot: u64) {
        let event = Event {
            recv_ns: self.now_ns,
            venue_ns: 0,
            seq: slot,
            market,
            venue: Venue::Solana,
            flags: Flags(Flags::END_OF_BATCH),
            body: Body::Slot { parent: slot - 1, root: slot - 32 },
        };
        self.core.step(&event, &mut self.out, &mut NoProbe);
        self.out.clear();
    }

    pub(crate) fn param(&mut self, key: ParamKey, value: u64, market: MarketId) {
        self.batch(market, &[Body::Param { key, value }]);
    }

    pub(crate) fn wait(&mut self, ns: u64) {
        self.now_ns += ns;
    }

    /// The newest evaluation of the pair that buys on one instrument and sells on another.
    pub(crate) fn look(&self, buy: u16, sell: u16) -> Evaluation {
        let pair = self.core.pairs().iter().find(|it| (it.buy.0, it.sell.0) == (buy, sell));
        let pair = pair.expect("the pair exists").id;
        *self.evaluations.iter().find(|it| it.pair == pair).expect("the pair was looked at")
    }
}

/// One.
pub(crate) const ONE: Ratio = Ratio::ONE;
