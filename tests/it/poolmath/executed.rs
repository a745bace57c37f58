//! Swaps that the program itself executed, adaptive fees included.

use engine_poolmath::whirlpool::{
    AdaptiveConstants, AdaptiveVariables, Amount, Direction, INNER_STEPS_DEFAULT, Oracle, Path,
    Pool, SwapError, SwapRequest, SwapResult, TickArraySet, swap,
};
use serde_json::Value;

use super::data::{arrays_around, number, shared_text};

struct Case {
    line: usize,
    pool: Pool,
    oracle: Option<Oracle>,
    arrays: TickArraySet,
    request: SwapRequest,
    result: Value,
}

impl Case {
    fn parse(line: usize, text: &str) -> Self {
        let value: Value = serde_json::from_str(text).expect("one case per line");
        let spacing: u16 = number(&value["tick_spacing"]);
        let oracle = (!value["oracle"].is_null()).then(|| oracle(&value["oracle"]));
        let pool = Pool {
            tick_spacing: spacing,
            // Any index but the spacing marks the pool as adaptive.
            fee_tier_index: spacing + if oracle.is_some() { 1_024 } else { 0 },
            fee_rate_ppm: number(&value["fee_rate"]),
            protocol_fee_rate: number(&value["protocol_fee_rate"]),
            liquidity: number(&value["liquidity"]),
            sqrt_price: number(&value["sqrt_price"]),
            tick_current_index: number(&value["tick"]),
            fee_growth_global_a: 0,
            fee_growth_global_b: 0,
        };
        let ticks: Vec<(i32, i128)> = value["ticks"]
            .as_object()
            .expect("ticks by index")
            .iter()
            .map(|(tick, net_gross)| (tick.parse().expect("a tick"), number(&net_gross[0])))
            .collect();
        let units = number(&value["amount"]);
        let exact_in = value["exact_in"] == true;
        let request = SwapRequest {
            amount: if exact_in { Amount::ExactIn(units) } else { Amount::ExactOut(units) },
            direction: if value["a_to_b"] == true { Direction::AToB } else { Direction::BToA },
            sqrt_price_limit: number(&value["sqrt_price_limit"]),
            now_s: number(&value["now"]),
            inner_steps_max: INNER_STEPS_DEFAULT,
        };
        let arrays = arrays_around(&pool, &ticks);
        Self { line, pool, oracle, arrays, request, result: value["result"].clone() }
    }

    fn swap(&self, inner_steps_max: u32) -> Result<SwapResult, SwapError> {
        let request = SwapRequest { inner_steps_max, ..self.request };
        swap(&self.pool, self.oracle.as_ref(), &self.arrays, &request)
    }

    /// The path's quote equals the swap's, where the swap has no limit of its own.
    fn check_path(&self, result: Result<SwapResult, SwapError>) {
        if self.request.sqrt_price_limit != 0 {
            return;
        }
        let mut path = Path::with_capacity(INNER_STEPS_DEFAULT);
        let (direction, now_s) = (self.request.direction, self.request.now_s);
        path.rebuild(&self.pool, self.oracle.as_ref(), &self.arrays, direction, now_s);
        let quoted = path.quote(self.request.amount);
        let swapped = result.map(|r| (r.amount_in(), r.amount_out(), r.fee_amount));
        assert_eq!(
            quoted.map(|q| (q.amount_in, q.amount_out, q.fee_amount)),
            swapped,
            "line {}",
            self.line
        );
    }

    fn check_success(&self, result: &SwapResult) {
        let (line, expected) = (self.line, &self.result);
        let delta_a: i128 = number(&expected["delta_a"]);
        let delta_b: i128 = number(&expected["delta_b"]);
        let (paid, got, fee_index) = match self.request.direction {
            Direction::AToB => (-delta_a, delta_b, 0),
            Direction::BToA => (-delta_b, delta_a, 1),
        };
        assert_eq!(i128::from(result.amount_in()), paid, "line {line}");
        assert_eq!(i128::from(result.amount_out()), got, "line {line}");
        assert_eq!(result.liquidity, number::<u128>(&expected["liquidity"]), "line {line}");
        assert_eq!(result.sqrt_price, number::<u128>(&expected["sqrt_price"]), "line {line}");
        assert_eq!(result.tick_current_index, number::<i32>(&expected["tick"]), "line {line}");
        let fee: u64 = number(&expected["protocol_fee"][fee_index]);
        assert_eq!(result.protocol_fee, fee, "line {line}");
        let written = (!expected["oracle"].is_null()).then(|| variables(&expected["oracle"]));
        assert_eq!(result.adaptive, written, "line {line}");
    }
}

fn variables(value: &Value) -> AdaptiveVariables {
    AdaptiveVariables {
        last_reference_update_timestamp: number(&value["last_ref"]),
        last_major_swap_timestamp: number(&value["last_major"]),
        volatility_reference: number(&value["vref"]),
        tick_group_index_reference: number(&value["ref_idx"]),
        volatility_accumulator: number(&value["vacc"]),
    }
}

fn oracle(value: &Value) -> Oracle {
    let constants = &value["c"];
    Oracle {
        trade_enable_timestamp: 0,
        constants: AdaptiveConstants {
            filter_period: number(&constants["filter"]),
            decay_period: number(&constants["decay"]),
            reduction_factor: number(&constants["red"]),
            adaptive_fee_control_factor: number(&constants["ctrl"]),
            max_volatility_accumulator: number(&constants["maxva"]),
            tick_group_size: number(&constants["tgs"]),
            major_swap_threshold_ticks: number(&constants["major"]),
        },
        variables: variables(&value["v"]),
    }
}

#[test]
fn executed_swaps_are_equal() {
    let Some(text) = shared_text("executed/orca_whirlpool.jsonl.zst") else { return };
    let (mut successes, mut named, mut too_many) = (0, 0, Vec::new());
    for (i, line) in text.lines().enumerate() {
        let case = Case::parse(i + 1, line);
        let result = case.swap(INNER_STEPS_DEFAULT);
        case.check_path(result);
        let Some(failure) = case.result["error"].as_str() else {
            case.check_success(&result.unwrap_or_else(|e| panic!("line {}: {e}", case.line)));
            successes += 1;
            continue;
        };
        if result == Err(SwapError::TooManySteps) {
            too_many.push(case.line);
        }
        if failure.contains("ProgramFailedToComplete") {
            // The compute limit: the cap on steps is there for it.
            assert_eq!(result, Err(SwapError::TooManySteps), "line {}", case.line);
        } else if failure.contains("InstructionErrorCustom(1)") {
            // The test's own token account ran dry, which the recorded state does not show.
            assert!([422, 488].contains(&case.line), "line {}", case.line);
            assert!(result.is_ok(), "line {}", case.line);
        } else {
            let result = case.swap(1_000);
            let code = result.expect_err("the program failed").code().expect("the program's case");
            let expected = format!("InstructionErrorCustom({code})");
            assert!(failure.contains(&expected), "line {}: {failure}, not {code}", case.line);
            assert!([6017, 6030, 6038, 6039].contains(&code), "line {}", case.line);
            named += 1;
        }
    }
    assert_eq!((successes, named), (656, 173));
    assert_eq!(too_many, [290, 519, 728, 768, 783]);
}

#[test]
fn a_higher_cap_on_steps_gives_the_programs_own_error() {
    let Some(text) = shared_text("executed/orca_whirlpool.jsonl.zst") else { return };
    for line in [519, 728, 783] {
        let case = Case::parse(line, text.lines().nth(line - 1).expect("833 lines"));
        assert_eq!(case.swap(INNER_STEPS_DEFAULT), Err(SwapError::TooManySteps), "line {line}");
        let error = case.swap(1_000).expect_err("exhausted arrays");
        assert_eq!(error.code(), Some(6038), "line {line}");
    }
}
