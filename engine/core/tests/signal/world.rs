//! A small market to look at: two books on SOL, a USDC/USD book, and a pool on wrapped SOL.

use engine_core::num::ratio::Ratio;
use engine_core::signal::evaluation::Evaluation;
use engine_core::signal::opportunity::Opportunity;
use engine_core::tables::BaseToken;
use engine_core::tables::{
    AssetSpec, CapSpec, CostSpec, InstrumentSpec, LevelSpec, MarketKind, MarketSpec, RateSpec,
    SameVenuePairs, SignalSpec, Tables,
};
use engine_core::{Core, NoProbe, Outbox, Output};
use engine_model::event::halves;
use engine_model::grid::Step;
use engine_model::{AssetId, Body, Event, Flags, Grid, MarketId, ParamKey, Side, Venue};
use engine_poolmath::whirlpool::sqrt_price_at_tick;

pub(crate) const USD: AssetId = AssetId(0);
pub(crate) const SOL: AssetId = AssetId(1);
pub(crate) const USDC: AssetId = AssetId(2);
pub(crate) const WSOL: AssetId = AssetId(3);

/// Coinbase SOL-USD, with a USDC alias.
pub(crate) const COINBASE: MarketId = MarketId(0);
/// Gemini SOL-USD.
pub(crate) const GEMINI: MarketId = MarketId(1);
/// Bitstamp USDC-USD: states the rate.
pub(crate) const PEG: MarketId = MarketId(2);
/// Orca WSOL/USDC.
pub(crate) const POOL: MarketId = MarketId(3);

pub(crate) const SECOND: u64 = 1_000_000_000;
pub(crate) const START: u64 = 1_786_316_400 * SECOND;

fn asset(decimals: u8, counts_as: AssetId, equivalence_ppm: u32) -> AssetSpec {
    AssetSpec { decimals, counts_as, equivalence_ppm }
}

fn book(venue: Venue, base: AssetId, quote: AssetId, tick: u8) -> MarketSpec {
    MarketSpec {
        venue,
        kind: MarketKind::Book { grid: Grid { tick: Step::decimal(tick), lot: Step::decimal(6) } },
        base,
        quote,
        taker_fee_ppm: 1_000,
        stale_after_ns: 5 * SECOND,
        stale_after_slots: u64::MAX,
        min_order_size_e18: 0,
        min_order_notional: 0,
    }
}

pub(crate) fn tables() -> Tables {
    let instrument = |market, settles_in| InstrumentSpec {
        market,
        settles_in,
        base_balance: None,
        quote_balance: None,
    };
    let mut pool = book(Venue::Solana, WSOL, USDC, 2);
    pool.kind = MarketKind::Pool { base: BaseToken::A };
    pool.taker_fee_ppm = 0;
    pool.stale_after_slots = 8;
    Tables {
        numeraire: USD,
        assets: vec![asset(6, USD, 0), asset(9, SOL, 0), asset(6, USDC, 0), asset(9, SOL, 10)],
        markets: vec![
            book(Venue::Coinbase, SOL, USD, 2),
            book(Venue::Gemini, SOL, USD, 2),
            book(Venue::Bitstamp, USDC, USD, 5),
            pool,
        ],
        instruments: vec![
            instrument(COINBASE, USD),
            instrument(COINBASE, USDC),
            instrument(GEMINI, USD),
            instrument(PEG, USD),
            instrument(POOL, USDC),
        ],
        rates: vec![RateSpec { from: USDC, to: USD, market: PEG, max_age_ns: 3 * SECOND }],
        costs: CostSpec {
            compute_unit_limit: 200_000,
            base_fee_lamports: 5_000,
            priority_fee: LevelSpec { start: Some(50_000), max_age_ns: 60 * SECOND },
            tip: LevelSpec { start: Some(10_000), max_age_ns: 0 },
            fee_tier_max_age_ns: 0,
            coin_price: Some((COINBASE, 10 * SECOND)),
            landing_failure_ppm: 50_000,
            broken_leg_ppm: 20,
            latency_buffer_ppm: 100,
        },
        caps: CapSpec { order_notional: None, base_size_e18: Vec::new() },
        signal: SignalSpec {
            min_edge_ppm: 0,
            same_venue_pairs: SameVenuePairs::Skip,
            inner_steps_max: 100,
            tick_arrays_max: 8,
            sweep_ns: SECOND / 10,
        },
    }
}

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
                    Output::Opened(_) => (),
                    Output::Closed(opportunity) => self.closed.push(*opportunity),
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
        let bodies = Self::pool_bodies(tick, liquidity, 64);
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
        let mut bodies = Self::pool_bodies(tick, liquidity, 1_025);
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

    fn pool_bodies(tick: i32, liquidity: u128, fee_tier_index: u16) -> Vec<Body> {
        let sqrt_price = sqrt_price_at_tick(tick);
        let [lo, hi] = halves(sqrt_price);
        let mut bodies = vec![
            Body::BookClear,
            Body::PoolPrice {
                sqrt_price_hi: u32::try_from(hi).expect("within the program's bounds"),
                sqrt_price_lo: lo,
                liquidity: halves(liquidity),
            },
            Body::PoolMeta {
                tick_current_index: tick,
                tick_spacing: 64,
                fee_tier_index,
                fee_rate_ppm: 300,
                protocol_fee_rate: 1_300,
            },
        ];
        let span = 88 * 64;
        for array in -2..=2 {
            let start_tick_index = tick.div_euclid(span) * span + array * span;
            bodies.push(Body::TickArrayBegin { start_tick_index, exists: 1 });
        }
        bodies
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
