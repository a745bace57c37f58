//! Worked swaps: outputs of the program's binary (reference page "On-chain venues", section 8).

use super::{
    AdaptiveConstants, AdaptiveVariables, Amount, Direction, Existence, INNER_STEPS_DEFAULT,
    Oracle, Path, Pool, SwapError, SwapRequest, SwapResult, TickArraySet, required_arrays,
    sqrt_price_at_tick, swap, token_swap,
};
use crate::token2022::TransferFee;

use Amount::{ExactIn, ExactOut};
use Direction::{AToB, BToA};

/// What is listed of a result.
#[derive(Debug, PartialEq, Eq)]
struct Listed {
    amount_a: u64,
    amount_b: u64,
    sqrt_price: u128,
    tick: i32,
    liquidity: u128,
    protocol_fee: u64,
}

impl From<SwapResult> for Listed {
    fn from(result: SwapResult) -> Self {
        Self {
            amount_a: result.amount_a,
            amount_b: result.amount_b,
            sqrt_price: result.sqrt_price,
            tick: result.tick_current_index,
            liquidity: result.liquidity,
            protocol_fee: result.protocol_fee,
        }
    }
}

struct Market {
    pool: Pool,
    oracle: Option<Oracle>,
    ticks: &'static [(i32, i128)],
    now_s: u64,
}

impl Market {
    fn arrays(&self, direction: Direction) -> TickArraySet {
        let mut set = TickArraySet::with_capacity(3, self.pool.tick_spacing);
        for start in required_arrays(&self.pool, direction).starts() {
            set.begin(*start, Existence::Present).expect("room for three");
        }
        for (tick, net) in self.ticks {
            // Ticks beyond the three arrays are not needed.
            let _ = set.set_tick(*tick, *net);
        }
        set
    }

    fn request(&self, direction: Direction, amount: Amount, sqrt_price_limit: u128) -> SwapRequest {
        let inner_steps_max = INNER_STEPS_DEFAULT;
        SwapRequest { amount, direction, sqrt_price_limit, now_s: self.now_s, inner_steps_max }
    }

    /// The swap, after the path of the same state has given the same amounts.
    fn swap(
        &self,
        direction: Direction,
        amount: Amount,
        sqrt_price_limit: u128,
    ) -> Result<SwapResult, SwapError> {
        let arrays = self.arrays(direction);
        let request = self.request(direction, amount, sqrt_price_limit);
        let result = swap(&self.pool, self.oracle.as_ref(), &arrays, &request);
        if sqrt_price_limit == 0 {
            let mut path = Path::with_capacity(INNER_STEPS_DEFAULT);
            path.rebuild(&self.pool, self.oracle.as_ref(), &arrays, direction, self.now_s);
            assert_eq!(
                path.quote(amount).map(|q| (q.amount_in, q.amount_out, q.fee_amount)),
                result.map(|r| (r.amount_in(), r.amount_out(), r.fee_amount))
            );
        }
        result
    }
}

fn pool(spacing: u16, fees: (u16, u16), liquidity: u128, sqrt_price: u128, tick: i32) -> Pool {
    Pool {
        tick_spacing: spacing,
        fee_tier_index: spacing,
        fee_rate_ppm: fees.0,
        protocol_fee_rate: fees.1,
        liquidity,
        sqrt_price,
        tick_current_index: tick,
        fee_growth_global_a: 0,
        fee_growth_global_b: 0,
    }
}

fn static_market(pool: Pool, ticks: &'static [(i32, i128)]) -> Market {
    Market { pool, oracle: None, ticks, now_s: 0 }
}

/// Vector 1: one range, both directions, both amounts, and out of the arrays.
fn one_range() -> Market {
    static_market(
        pool(64, (3_000, 1_300), 1_000_000_000_000, 1 << 64, 0),
        &[(-640, 1_000_000_000_000), (640, -1_000_000_000_000)],
    )
}

#[test]
fn vector_1_exact_input() {
    let listed = one_range().swap(AToB, ExactIn(1_000_000_000), 0).map(Listed::from);
    assert_eq!(
        listed,
        Ok(Listed {
            amount_a: 1_000_000_000,
            amount_b: 996_006_981,
            sqrt_price: 18_428_370_987_834_680_440,
            tick: -20,
            liquidity: 1_000_000_000_000,
            protocol_fee: 390_000,
        })
    );
    let rising = one_range().swap(BToA, ExactIn(1_000_000_000), 0).expect("a swap");
    assert_eq!((rising.amount_b, rising.amount_a), (1_000_000_000, 996_006_981));
    assert_eq!(rising.sqrt_price, 18_465_135_477_551_040_038);
    assert_eq!(rising.tick_current_index, 19);
}

#[test]
fn vector_1_exact_output_and_exhaustion() {
    let result = one_range().swap(AToB, ExactOut(1_000_000_000), 0).expect("a swap");
    assert_eq!((result.amount_a, result.amount_b), (1_004_013_042, 1_000_000_000));
    assert_eq!(result.sqrt_price, 18_428_297_329_635_842_064);
    assert_eq!((result.tick_current_index, result.protocol_fee), (-21, 391_565));
    let error = one_range().swap(AToB, ExactIn(1_000_000_000_000), 0);
    assert_eq!(error.map_err(|e| e.code()), Err(Some(6038)));
}

#[test]
fn vector_2_walks_through_empty_ticks_first() {
    let market = static_market(
        pool(4, (100, 0), 0, 19_176_058_913_304_804_002, 775),
        &[(520, 586_444_222_604), (628, -586_444_222_604)],
    );
    let result = market.swap(AToB, ExactIn(38_868_996), 0).expect("a swap");
    assert_eq!((result.amount_a, result.amount_b), (38_868_996, 41_381_146));
    assert_eq!(result.liquidity, 586_444_222_604);
    assert_eq!(result.sqrt_price, 19_033_830_110_874_618_025);
    assert_eq!((result.tick_current_index, result.ticks_crossed), (626, 1));
}

#[test]
fn vector_3_exact_output_across_a_tick() {
    let market = static_market(
        pool(8, (3_000, 1_300), 16_613_155_668_107, 5_831_512_201_404_006_169, -23_034),
        &[
            (-23_704, 9_393_829_692_664),
            (-23_048, 7_219_325_975_443),
            (-23_024, -7_219_325_975_443),
            (-22_688, -9_393_829_692_664),
        ],
    );
    assert_eq!(
        market.swap(BToA, ExactOut(133_653_798_956), 0).map(Listed::from),
        Ok(Listed {
            amount_a: 133_653_798_956,
            amount_b: 13_448_749_618,
            sqrt_price: 5_855_739_627_515_730_609,
            tick: -22_951,
            liquidity: 9_393_829_692_664,
            protocol_fee: 5_245_012,
        })
    );
}

#[test]
fn vector_4_exact_output_with_a_limit_beyond() {
    let market = static_market(
        pool(8, (10_000, 2_500), 7_614_931_061_753, 141_360_102_442_626_678_793, 40_730),
        &[(40_728, 7_614_931_061_753), (40_744, -7_614_931_061_753)],
    );
    let limit = 139_656_616_257_018_648_919;
    assert_eq!(
        market.swap(AToB, ExactOut(7_251_079_650), limit).map(Listed::from),
        Ok(Listed {
            amount_a: 124_740_419,
            amount_b: 7_251_079_650,
            sqrt_price: 141_342_537_108_222_871_150,
            tick: 40_728,
            liquidity: 7_614_931_061_753,
            protocol_fee: 311_851,
        })
    );
}

fn adaptive(mut pool: Pool, oracle: ([u32; 7], (u64, u64, u32, i32, u32))) -> (Pool, Oracle) {
    pool.fee_tier_index = pool.tick_spacing + 1_024;
    let narrow = |i: usize| u16::try_from(oracle.0[i]).expect("16 bits");
    let (last_ref, last_major, reference, index, accumulator) = oracle.1;
    let oracle = Oracle {
        trade_enable_timestamp: 0,
        constants: AdaptiveConstants {
            filter_period: narrow(0),
            decay_period: narrow(1),
            reduction_factor: narrow(2),
            adaptive_fee_control_factor: oracle.0[3],
            max_volatility_accumulator: oracle.0[4],
            tick_group_size: narrow(5),
            major_swap_threshold_ticks: narrow(6),
        },
        variables: AdaptiveVariables {
            last_reference_update_timestamp: last_ref,
            last_major_swap_timestamp: last_major,
            volatility_reference: reference,
            tick_group_index_reference: index,
            volatility_accumulator: accumulator,
        },
    };
    (pool, oracle)
}

#[test]
fn vector_5_volatility_at_its_cap() {
    let (pool, oracle) = adaptive(
        pool(2, (25_852, 1_300), 455_731_064_915_033, 27_870_872_917_630_662_696, 8_254),
        ([10, 86, 6_372, 249, 50_000, 2, 50], (1_700_000_354, 1_700_000_364, 5_760, 4_097, 16_079)),
    );
    let ticks = &[
        (8_156, 455_731_064_817_988),
        (8_244, 97_045),
        (8_256, -97_045),
        (8_352, -455_731_064_817_988),
    ];
    let market = Market { pool, oracle: Some(oracle), ticks, now_s: 1_700_000_364 };
    let result = market.swap(BToA, ExactIn(409_595_290_294), 0).expect("a swap");
    assert_eq!(
        Listed::from(result),
        Listed {
            amount_a: 174_689_242_496,
            amount_b: 409_595_290_294,
            sqrt_price: 27_887_023_587_538_382_306,
            tick: 8_265,
            liquidity: 455_731_064_817_988,
            protocol_fee: 1_376_604_715,
        }
    );
    let after = AdaptiveVariables { volatility_accumulator: 50_000, ..oracle.variables };
    assert_eq!(result.adaptive, Some(after));
}

#[test]
fn vector_6_references_are_forgotten() {
    let (pool, oracle) = adaptive(
        pool(2, (500, 300), 511_291_050_409, 6_588_651_051_464_903_353, -20_592),
        (
            [20, 420, 7_990, 52_451, 1_000_000, 2, 71],
            (1_700_000_317, 1_700_000_317, 370_047, -10_318, 44_360),
        ),
    );
    let ticks = &[
        (-20_642, 1_789_705_532),
        (-20_592, 509_501_344_877),
        (-20_588, -509_501_344_877),
        (-20_568, -1_789_705_532),
    ];
    let market = Market { pool, oracle: Some(oracle), ticks, now_s: 1_700_000_742 };
    let result = market.swap(BToA, ExactOut(7_714_697), 0).expect("a swap");
    assert_eq!((result.amount_a, result.amount_b), (7_714_697, 984_674));
    assert_eq!(result.sqrt_price, 6_588_686_559_473_361_504);
    assert_eq!((result.tick_current_index, result.protocol_fee), (-20_592, 14));
    assert_eq!(
        result.adaptive,
        Some(AdaptiveVariables {
            last_reference_update_timestamp: 1_700_000_742,
            last_major_swap_timestamp: 1_700_000_317,
            volatility_reference: 0,
            tick_group_index_reference: -10_296,
            volatility_accumulator: 0,
        })
    );
}

#[test]
fn a_swap_is_major_from_its_threshold_on() {
    let (pool, oracle) = adaptive(
        pool(64, (3_000, 0), 1_000_000_000_000, 1 << 64, 0),
        ([10, 100, 5_000, 0, 0, 64, 50], (1_000, 1_000, 0, 0, 0)),
    );
    let ticks = &[(-640, 1_000_000_000_000), (640, -1_000_000_000_000)];
    let market = Market { pool, oracle: Some(oracle), ticks, now_s: 1_005 };
    // From 1.0 the threshold of 50 ticks is the price of tick 50, exactly.
    let threshold = sqrt_price_at_tick(50);
    for (limit, last_major_s) in [(threshold - 1, 1_000), (threshold, 1_005)] {
        let result = market.swap(BToA, ExactIn(u64::MAX), limit).expect("a partial fill");
        assert_eq!(result.sqrt_price, limit);
        let after = result.adaptive.expect("an adaptive pool");
        assert_eq!(after.last_major_swap_timestamp, last_major_s);
    }
}

#[test]
fn adaptive_pools_are_refused_without_time_or_oracle() {
    let (pool, mut oracle) = adaptive(
        pool(64, (3_000, 0), 1_000_000_000_000, 1 << 64, 0),
        ([10, 100, 5_000, 0, 0, 64, 50], (1_000, 1_002, 0, 0, 0)),
    );
    oracle.trade_enable_timestamp = 1_001;
    let mut market = Market { pool, oracle: Some(oracle), ticks: &[], now_s: 1_000 };
    let refusal = |market: &Market| market.swap(BToA, ExactIn(1), 0).map_err(|e| e.code());
    assert_eq!(refusal(&market), Err(Some(6064)));
    market.now_s = 1_001;
    assert_eq!(refusal(&market), Err(Some(6022)));
    market.now_s = 1_002;
    assert!(refusal(&market).is_ok());
    market.oracle = None;
    assert_eq!(market.swap(BToA, ExactIn(1), 0), Err(SwapError::OracleMissing));
}

#[test]
fn refusals_before_the_walk() {
    let market = one_range();
    for (direction, limit, amount, expected) in [
        (AToB, 1 << 64, 1, SwapError::InvalidSqrtPriceLimitDirection),
        (BToA, 1 << 64, 1, SwapError::InvalidSqrtPriceLimitDirection),
        (AToB, 1, 1, SwapError::SqrtPriceOutOfBounds),
        (BToA, u128::MAX, 1, SwapError::SqrtPriceOutOfBounds),
        (AToB, 0, 0, SwapError::ZeroTradableAmount),
    ] {
        assert_eq!(market.swap(direction, ExactIn(amount), limit), Err(expected));
    }
    let empty = TickArraySet::with_capacity(1, 64);
    let unknown = swap(&market.pool, None, &empty, &market.request(AToB, ExactIn(1), 0));
    assert_eq!(unknown, Err(SwapError::UnknownArray { start_tick_index: 0 }));
}

#[test]
fn transfer_fees_wrap_the_swap() {
    let market = one_range();
    let arrays = market.arrays(AToB);
    let fees = token_swap::MintFees {
        a: TransferFee { bps: 100, maximum: u64::MAX },
        b: TransferFee { bps: 50, maximum: 1_000_000 },
    };
    let run = |amount, limit| {
        let request = market.request(AToB, amount, limit);
        token_swap::token_swap(&market.pool, None, &arrays, &fees, &request).expect("a swap")
    };
    // 1 % of 1,010,101,011 is 10,101,010.11: 10,101,011 stay with the mint, vector 1 swaps the rest.
    let paid = run(ExactIn(1_010_101_011), 0);
    assert_eq!(paid.swap.amount_in(), 1_000_000_000);
    assert_eq!(paid.amounts.amount_in, 1_010_101_011);
    assert_eq!(paid.amounts.transfer_fee_in, 10_101_011);
    assert_eq!(paid.amounts.transfer_fee_out, 1_000_000);
    assert_eq!(paid.amounts.amount_out, 995_006_981);
    // The wanted output is grossed up by the cap, then the input by its 1 %.
    let wanted = run(ExactOut(999_000_000), 0);
    assert_eq!((wanted.swap.amount_in(), wanted.swap.amount_out()), (1_004_013_042, 1_000_000_000));
    assert_eq!(wanted.amounts.amount_out, 999_000_000);
    assert_eq!(wanted.amounts.amount_in, 1_014_154_588);
    assert_eq!(wanted.amounts.transfer_fee_in, 10_141_546);
    // A swap that stops at its limit pays for what the pool took, not for what was offered.
    let partial = run(ExactIn(2_000_000_000), 18_428_370_987_834_680_440);
    assert!(partial.swap.amount_in() < 1_980_000_000);
    assert_eq!(
        partial.amounts.amount_in - partial.amounts.transfer_fee_in,
        partial.swap.amount_in()
    );
}
