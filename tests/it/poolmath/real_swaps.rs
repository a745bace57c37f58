//! A day of a real pool, replayed: swaps and liquidity changes in chain order.

use std::collections::BTreeMap;

use engine_poolmath::whirlpool::{
    Amount, Direction, Existence, INNER_STEPS_DEFAULT, Pool, SwapRequest, TickArraySet, delta_a,
    delta_b, required_arrays, sqrt_price_at_tick, swap,
};
use engine_poolmath::wide::Rounding;
use serde_json::Value;

use super::data::{number, shared_text};

/// A pool with the net and gross liquidity of its ticks.
struct Replay {
    pool: Pool,
    ticks: BTreeMap<i32, (i128, u128)>,
}

impl Replay {
    fn start(header: &Value) -> Self {
        let spacing = number(&header["tick_spacing"]);
        let start = &header["start"];
        let pool = Pool {
            tick_spacing: spacing,
            fee_tier_index: spacing,
            fee_rate_ppm: number(&header["fee_rate"]),
            protocol_fee_rate: number(&header["protocol_fee_rate"]),
            liquidity: number(&start["liquidity"]),
            sqrt_price: number(&start["sqrt_price"]),
            tick_current_index: number(&start["tick_current_index"]),
            fee_growth_global_a: 0,
            fee_growth_global_b: 0,
        };
        let ticks = start["ticks"].as_array().expect("a list").iter();
        let ticks = ticks.map(|t| (number(&t[0]), (number(&t[1]), number(&t[2])))).collect();
        Self { pool, ticks }
    }

    fn arrays(&self, direction: Direction) -> TickArraySet {
        let mut set = TickArraySet::with_capacity(3, self.pool.tick_spacing);
        let span = self.pool.array_span();
        for start in required_arrays(&self.pool, direction).starts() {
            set.begin(*start, Existence::Present).expect("room for three");
            for (tick, (net, _)) in self.ticks.range(*start..start + span) {
                set.set_tick(*tick, *net).expect("a tick of this array");
            }
        }
        set
    }

    /// Whether the swap moved what was recorded.
    fn swap(&mut self, event: &Value) -> bool {
        let units = number(&event["amount"]);
        let exact_in = event["exact_in"] == true;
        let direction = if event["a_to_b"] == true { Direction::AToB } else { Direction::BToA };
        let request = SwapRequest {
            amount: if exact_in { Amount::ExactIn(units) } else { Amount::ExactOut(units) },
            direction,
            sqrt_price_limit: number(&event["sqrt_price_limit"]),
            now_s: number(&event["time"]),
            inner_steps_max: INNER_STEPS_DEFAULT,
        };
        let Ok(result) = swap(&self.pool, None, &self.arrays(direction), &request) else {
            return false;
        };
        result.apply(&mut self.pool, None);
        result.amount_in() == number::<u64>(&event["amount_in"])
            && result.amount_out() == number::<u64>(&event["amount_out"])
    }

    /// Whether the liquidity change moved what was recorded: deposits round up, withdrawals down.
    fn change(&mut self, event: &Value, increases: bool) -> bool {
        let (lower, upper): (i32, i32) =
            (number(&event["tick_lower"]), number(&event["tick_upper"]));
        let liquidity: u128 = number(&event["liquidity"]);
        let rounding = if increases { Rounding::Up } else { Rounding::Down };
        let (low, high) = (sqrt_price_at_tick(lower), sqrt_price_at_tick(upper));
        // The current tick decides, not the price: they differ after a stop on a tick.
        let tick = self.pool.tick_current_index;
        let price = if tick < lower {
            low
        } else if tick < upper {
            self.pool.sqrt_price
        } else {
            high
        };
        let amount_a = delta_a(price, high, liquidity, rounding).expect("fits");
        let amount_b = delta_b(low, price, liquidity, rounding).expect("fits");
        let net = i128::try_from(liquidity).expect("fits") * if increases { 1 } else { -1 };
        for (index, net) in [(lower, net), (upper, -net)] {
            let entry = self.ticks.entry(index).or_default();
            entry.0 += net;
            entry.1 = if increases { entry.1 + liquidity } else { entry.1 - liquidity };
            if entry.1 == 0 {
                self.ticks.remove(&index);
            }
        }
        if (lower..upper).contains(&tick) {
            self.pool.liquidity = self.pool.liquidity.checked_add_signed(net).expect("in range");
        }
        amount_a == number::<u64>(&event["amount_a"])
            && amount_b == number::<u64>(&event["amount_b"])
    }
}

fn replay(path: &str) -> Option<(usize, usize)> {
    let text = shared_text(path)?;
    let mut lines = text.lines().map(|l| serde_json::from_str::<Value>(l).expect("JSON"));
    let header = lines.next().expect("a header");
    let mut replay = Replay::start(&header);
    let (mut swaps, mut changes) = (0, 0);
    for (i, event) in lines.enumerate() {
        let equal = match event["t"].as_str() {
            Some("swap") => {
                swaps += 1;
                replay.swap(&event)
            }
            Some(kind @ ("increase" | "decrease")) => {
                changes += 1;
                replay.change(&event, kind == "increase")
            }
            other => panic!("line {}: unknown event {other:?}", i + 2),
        };
        assert!(equal, "line {}: {event}", i + 2);
    }
    let end = &header["recorded_end"];
    assert_eq!(replay.pool.sqrt_price, number::<u128>(&end["sqrt_price"]));
    assert_eq!(replay.pool.tick_current_index, number::<i32>(&end["tick_current_index"]));
    assert_eq!(replay.pool.liquidity, number::<u128>(&end["liquidity"]));
    Some((swaps, changes))
}

#[test]
fn a_day_of_orca_usdc_is_equal() {
    let path = "solana/whirlpool_real_swaps_20220406_orca_usdc_ts128.jsonl.zst";
    let Some(counts) = replay(path) else { return };
    assert_eq!(counts, (930, 178));
}

#[test]
fn a_day_of_sol_usdc_is_equal() {
    let path = "solana/whirlpool_real_swaps_20220406_sol_usdc_ts64.jsonl.zst";
    let Some(counts) = replay(path) else { return };
    assert_eq!(counts, (14, 3));
}
