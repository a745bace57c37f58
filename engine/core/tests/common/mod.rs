//! Tables of a small market, and what states a pool in it.

use engine_core::tables::{
    AssetSpec, BaseToken, CapSpec, CostSpec, InstrumentSpec, LevelSpec, MarketKind, MarketSpec,
    RateSpec, SameVenuePairs, SignalSpec, Tables,
};
use engine_model::event::halves;
use engine_model::grid::Step;
use engine_model::{AssetId, Body, Grid, MarketId, Venue};
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

/// A pool at a tick (−25,650 is near 77 USDC), with five tick arrays and one liquidity.
pub(crate) fn pool_bodies(tick: i32, liquidity: u128, fee_tier_index: u16) -> Vec<Body> {
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
