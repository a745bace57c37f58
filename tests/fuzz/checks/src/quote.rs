//! Pools out of bytes: a path's quote is the plain swap's, errors included.

use std::cell::RefCell;

use engine_poolmath::whirlpool::{
    AdaptiveConstants, AdaptiveVariables, Amount, Direction, Existence, INNER_STEPS_DEFAULT,
    MAX_SQRT_PRICE, MAX_TICK, MIN_SQRT_PRICE, MIN_TICK, Oracle, Path, Pool, TickArraySet,
    sqrt_price_at_tick,
};

use crate::bytes::Bytes;
use crate::pools::{Chain, Outcome, assert_ordered, compare, edges};

const SPACINGS: [u16; 12] = [1, 2, 4, 8, 16, 64, 64, 96, 128, 256, 32_896, 65_535];
const FEES_PPM: [u16; 10] = [0, 1, 100, 400, 1_000, 2_500, 3_000, 10_000, 30_000, 60_000];
/// Unit: Unix seconds.
const EPOCH_S: u64 = 1_700_000_000;
/// Arrays that one set can hold: three each way, and what lies between.
const ARRAYS_MAX: usize = 8;
/// Amounts of one input, in each direction.
const AMOUNTS_MAX: usize = 6;

thread_local! {
    static BENCH: RefCell<(TickArraySet, Path)> = RefCell::new((
        TickArraySet::with_capacity(ARRAYS_MAX, 1),
        Path::with_capacity(INNER_STEPS_DEFAULT),
    ));
}

/// Checks the pool and the amounts of an input.
pub fn check(data: &[u8]) {
    explore(data);
}

/// The same, telling how far it led.
#[expect(clippy::must_use_candidate, reason = "a check is called for its panics")]
pub fn explore(data: &[u8]) -> Outcome {
    BENCH.with_borrow_mut(|(arrays, path)| run(&mut Bytes::new(data), arrays, path))
}

fn run(bytes: &mut Bytes<'_>, arrays: &mut TickArraySet, path: &mut Path) -> Outcome {
    let mut outcome = Outcome::default();
    let pool = read_pool(bytes);
    let oracle = (pool.is_adaptive() && bytes.u8() != 0).then(|| read_oracle(bytes, &pool));
    let now_s = (EPOCH_S + u64::from(bytes.u16())).saturating_sub(100);
    read_arrays(bytes, &pool, arrays);
    let mut amounts = [Amount::ExactIn(0); AMOUNTS_MAX];
    for amount in &mut amounts {
        let is_in = bytes.u8().is_multiple_of(2);
        let units = u64::try_from(bytes.magnitude(64)).unwrap_or(u64::MAX);
        *amount = if is_in { Amount::ExactIn(units) } else { Amount::ExactOut(units) };
    }
    let chain = Chain {
        pool: &pool,
        oracle: oracle.as_ref(),
        arrays,
        now_s,
        inner_steps_max: INNER_STEPS_DEFAULT,
    };
    for direction in [Direction::AToB, Direction::BToA] {
        path.rebuild(&pool, chain.oracle, arrays, direction, now_s);
        assert_ordered(&pool, path);
        for amount in amounts {
            compare(&chain, path, amount, &mut outcome);
        }
        for amount in edges(path, 2).chain([Amount::ExactIn(u64::MAX), Amount::ExactOut(u64::MAX)])
        {
            compare(&chain, path, amount, &mut outcome);
        }
    }
    outcome
}

fn read_pool(bytes: &mut Bytes<'_>) -> Pool {
    let tick_spacing = bytes.pick(&SPACINGS);
    let is_adaptive = bytes.u8() % 4 == 1;
    let tick = bytes.i32() % (MAX_TICK + 2);
    let inside = u128::from(bytes.u64());
    let (sqrt_price, tick_current_index) = match bytes.u8() % 8 {
        // Any price with any tick: no account passes its checks with most of them, and the answers
        // mean nothing, but there must be some.
        0 => (bytes.magnitude(100), tick),
        // One lower: what a swap leaves that stopped exactly on an initialised tick.
        1 => (sqrt_price_at_tick(tick.clamp(MIN_TICK, MAX_TICK)), tick.max(MIN_TICK) - 1),
        _ => {
            let tick = tick.clamp(MIN_TICK, MAX_TICK - 1);
            let (low, high) = (sqrt_price_at_tick(tick), sqrt_price_at_tick(tick + 1));
            ((low + inside % (high - low)).clamp(MIN_SQRT_PRICE, MAX_SQRT_PRICE), tick)
        }
    };
    Pool {
        tick_spacing,
        fee_tier_index: if is_adaptive { tick_spacing ^ 0x400 } else { tick_spacing },
        fee_rate_ppm: bytes.pick(&FEES_PPM),
        protocol_fee_rate: bytes.u16() % 2_501,
        liquidity: bytes.magnitude(128),
        sqrt_price,
        tick_current_index,
        fee_growth_global_a: 0,
        fee_growth_global_b: 0,
    }
}

fn read_oracle(bytes: &mut Bytes<'_>, pool: &Pool) -> Oracle {
    // Groups that divide the spacing are what the program allows; any other is survived as well.
    let tick_group_size = match bytes.u8() {
        0 => bytes.u16(),
        byte => (pool.tick_spacing >> (byte % 8)).max(1),
    };
    let group = pool.tick_current_index.div_euclid(i32::from(tick_group_size.max(1)));
    let max_volatility_accumulator =
        bytes.pick(&[0, 50_000, 350_000, 1_000_000, 4_000_000, u32::MAX]);
    let volatility = |bytes: &mut Bytes<'_>| {
        let most = u64::from(max_volatility_accumulator) + 1;
        u32::try_from(bytes.u64() % most).unwrap_or(u32::MAX)
    };
    let (volatility_reference, volatility_accumulator) = (volatility(bytes), volatility(bytes));
    Oracle {
        trade_enable_timestamp: EPOCH_S.saturating_sub(u64::from(bytes.u8())),
        constants: AdaptiveConstants {
            filter_period: bytes.u16() % 64,
            decay_period: bytes.u16() % 1_024,
            reduction_factor: bytes.u16() % 10_001,
            adaptive_fee_control_factor: u32::from(bytes.u16()) % 100_000,
            max_volatility_accumulator,
            tick_group_size,
            major_swap_threshold_ticks: bytes.u16(),
        },
        variables: AdaptiveVariables {
            last_reference_update_timestamp: EPOCH_S - u64::from(bytes.u8()),
            last_major_swap_timestamp: EPOCH_S - u64::from(bytes.u8()),
            volatility_reference,
            tick_group_index_reference: group.saturating_add(i32::from(bytes.u8()) - 128),
            volatility_accumulator,
        },
    }
}

/// Arrays around the price, each present, absent or unknown, and ticks in them.
fn read_arrays(bytes: &mut Bytes<'_>, pool: &Pool, arrays: &mut TickArraySet) {
    arrays.reset(pool.tick_spacing);
    let (span, base) = (pool.array_span(), pool.array_start(pool.tick_current_index));
    let known = bytes.u16();
    for offset in -3..=3_i32 {
        let existence = match known >> (2 * (offset + 3)) & 3 {
            0 => continue,
            1 => Existence::Absent,
            _ => Existence::Present,
        };
        // Arrays beyond the range of ticks are refused.
        let _ = arrays.begin(base.saturating_add(span.saturating_mul(offset)), existence);
    }
    let count = bytes.u8() % 64;
    let bits_max = bytes.pick(&[40, 60, 90, 118, 127]);
    for _ in 0..count {
        let slot = i32::from(bytes.u16() % (7 * 88)) - 3 * 88;
        let net = i128::try_from(bytes.magnitude(bits_max)).unwrap_or(i128::MAX);
        let net = if bytes.u8().is_multiple_of(2) { net } else { -net };
        let tick = base.saturating_add(slot.saturating_mul(i32::from(pool.tick_spacing)));
        // So are ticks of arrays that are not present.
        let _ = arrays.set_tick(tick, net);
        if bytes.is_empty() {
            break;
        }
    }
}
