//! The program's own single-range swap cases.

use engine_poolmath::whirlpool::{
    Amount, Direction, Existence, INNER_STEPS_DEFAULT, MAX_TICK, MIN_TICK, Pool, SwapRequest,
    TickArraySet, required_arrays, sqrt_price_at_tick, swap,
};
use serde_json::Value;

use super::data::{number, shared_text};

struct Outcome {
    successes: usize,
    failures: usize,
}

fn run_file(path: &str) -> Option<Outcome> {
    let cases: Vec<Value> = serde_json::from_str(&shared_text(path)?).expect("a list of cases");
    let mut outcome = Outcome { successes: 0, failures: 0 };
    for case in &cases {
        run_case(case, &mut outcome);
    }
    Some(outcome)
}

/// The limit of a case: the last tick of the third array in the direction of the trade.
fn limit(pool: &Pool, direction: Direction) -> u128 {
    let start = pool.array_start(pool.tick_current_index);
    let span = pool.array_span();
    let tick = match direction {
        Direction::AToB => start - 2 * span,
        Direction::BToA => start + 3 * span - 1,
    };
    sqrt_price_at_tick(tick.clamp(MIN_TICK, MAX_TICK))
}

fn run_case(case: &Value, outcome: &mut Outcome) {
    let name = &case["testId"];
    let tick = number(&case["currTickIndex"]);
    let spacing = number(&case["tickSpacing"]);
    let pool = Pool {
        tick_spacing: spacing,
        fee_tier_index: spacing,
        fee_rate_ppm: number(&case["feeRate"]),
        protocol_fee_rate: number(&case["protocolFeeRate"]),
        liquidity: number(&case["liquidity"]),
        sqrt_price: sqrt_price_at_tick(tick),
        tick_current_index: tick,
        fee_growth_global_a: 0,
        fee_growth_global_b: 0,
    };
    let direction = if case["aToB"] == true { Direction::AToB } else { Direction::BToA };
    let units = number(&case["tradeAmount"]);
    let exact_in = case["amountIsInput"] == true;
    let amount = if exact_in { Amount::ExactIn(units) } else { Amount::ExactOut(units) };
    let mut arrays = TickArraySet::with_capacity(3, spacing);
    for start in required_arrays(&pool, direction).starts() {
        arrays.begin(*start, Existence::Absent).expect("room for three");
    }
    let request = SwapRequest {
        amount,
        direction,
        sqrt_price_limit: limit(&pool, direction),
        now_s: 0,
        inner_steps_max: INNER_STEPS_DEFAULT,
    };
    let expected = &case["expectation"];
    let exception = expected["exception"].as_str().expect("a name, or nothing");
    match swap(&pool, None, &arrays, &request) {
        Ok(result) => {
            assert_eq!(exception, "", "case {name} succeeded");
            assert_eq!(result.amount_a, number::<u64>(&expected["amountA"]), "case {name}");
            assert_eq!(result.amount_b, number::<u64>(&expected["amountB"]), "case {name}");
            assert_eq!(result.liquidity, number::<u128>(&expected["nextLiquidity"]), "case {name}");
            let (tick, price) = (&expected["nextTickIndex"], &expected["nextSqrtPrice"]);
            assert_eq!(result.tick_current_index, number::<i32>(tick), "case {name}");
            assert_eq!(result.sqrt_price, number::<u128>(price), "case {name}");
            let growth = number::<u128>(&expected["nextFeeGrowthGlobal"]);
            assert_eq!(result.fee_growth_global, growth, "case {name}");
            let protocol_fee = number::<u64>(&expected["nextProtocolFee"]);
            assert_eq!(result.protocol_fee, protocol_fee, "case {name}");
            outcome.successes += 1;
        }
        Err(error) => {
            assert_eq!(error.name(), exception, "case {name}");
            outcome.failures += 1;
        }
    }
}

#[test]
fn program_vectors_are_equal() {
    let Some(outcome) = run_file("solana/whirlpool_swap_vectors.json.zst") else { return };
    assert_eq!(outcome.successes + outcome.failures, 2_560);
    assert!(outcome.successes > 0 && outcome.failures > 0);
}

#[test]
fn program_vectors_of_splash_pools_are_equal() {
    let Some(outcome) = run_file("solana/whirlpool_swap_vectors_splash.json.zst") else { return };
    assert_eq!(outcome.successes + outcome.failures, 1_440);
    assert!(outcome.successes > 0 && outcome.failures > 0);
}
