//! The state of a pool under replay, and the comparison of every event.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use engine_poolmath::whirlpool::{
    ARRAYS_PER_SWAP, Amount, Direction, Existence, INNER_STEPS_DEFAULT, MAX_TICK, Pool, SwapError,
    SwapRequest, TickArraySet, delta_a, delta_b, required_arrays, sqrt_price_at_tick, swap,
};
use engine_poolmath::wide::Rounding;

use super::file::{
    Derived, Header, Line, LineProblem, LiquidityChange, Swap, check_usable, read_line,
};
use super::{MISMATCHES_NAMED_MAX, Mismatch, SwapFileError, SwapsReport};

/// Runs the text of a file.
pub(super) fn run(file: &str, text: &[u8]) -> Result<SwapsReport, SwapFileError> {
    let fail = |line, problem| SwapFileError::Line { file: file.into(), line, problem };
    let mut lines = text
        .split(|byte| *byte == b'\n')
        .enumerate()
        .map(|(index, line)| (index + 1, line.trim_ascii()))
        .filter(|(_, line)| !line.is_empty());
    let Some((first, line)) = lines.next() else {
        return Err(SwapFileError::Empty { file: file.into() });
    };
    let Line::Header(header) = read_line(line).map_err(|problem| fail(first, problem))? else {
        return Err(fail(first, LineProblem::Order("the first line is no header")));
    };
    let mut replay = Replay::new(&header);
    for (number, line) in lines {
        let event = read_line(line).map_err(|problem| fail(number, problem))?;
        replay.apply(number, &event).map_err(|problem| fail(number, problem))?;
    }
    Ok(replay.finish(&header))
}

struct Replay {
    pool: Pool,
    /// Net and gross liquidity by tick index.
    ticks: BTreeMap<i32, (i128, u128)>,
    arrays: TickArraySet,
    report: SwapsReport,
}

/// Field by field where recorded and ours differ.
#[derive(Default)]
struct Differences(String);

impl Differences {
    fn compare<T: Copy + PartialEq + std::fmt::Display>(
        &mut self,
        field: &str,
        recorded: T,
        ours: T,
    ) {
        if recorded != ours {
            self.add(&format!("{field} recorded {recorded}, ours {ours}"));
        }
    }

    fn compare_if<T: Copy + PartialEq + std::fmt::Display>(
        &mut self,
        field: &str,
        recorded: Option<T>,
        ours: T,
    ) {
        if let Some(recorded) = recorded {
            self.compare(field, recorded, ours);
        }
    }

    fn add(&mut self, text: &str) {
        if !self.0.is_empty() {
            self.0 += "; ";
        }
        self.0 += text;
    }
}

impl Replay {
    fn new(header: &Header) -> Self {
        let start = &header.start;
        Self {
            pool: Pool {
                tick_spacing: header.tick_spacing,
                // A recorded pool of this format has a classic tier, so no oracle.
                fee_tier_index: header.tick_spacing,
                fee_rate_ppm: header.fee_rate,
                protocol_fee_rate: header.protocol_fee_rate,
                liquidity: start.pool.liquidity.0,
                sqrt_price: start.pool.sqrt_price.0,
                tick_current_index: start.pool.tick_current_index,
                fee_growth_global_a: 0,
                fee_growth_global_b: 0,
            },
            ticks: start
                .ticks
                .iter()
                .map(|(index, net, gross)| (*index, (net.0, gross.0)))
                .collect(),
            arrays: TickArraySet::with_capacity(ARRAYS_PER_SWAP, header.tick_spacing),
            report: SwapsReport {
                events: 0,
                swaps: 0,
                liquidity_changes: 0,
                mismatches: 0,
                final_state_equal: false,
                named: Vec::new(),
                final_difference: String::new(),
            },
        }
    }

    fn apply(&mut self, line: usize, event: &Line) -> Result<(), LineProblem> {
        self.report.events += 1;
        let differences = match event {
            Line::Header(_) => return Err(LineProblem::Order("a second header")),
            Line::Swap(event) => {
                self.report.swaps += 1;
                self.swap(event)
            }
            Line::Increase(change) => {
                self.report.liquidity_changes += 1;
                self.check_change(change)?;
                self.change(change, Rounding::Up)
            }
            Line::Decrease(change) => {
                self.report.liquidity_changes += 1;
                self.check_change(change)?;
                self.change(change, Rounding::Down)
            }
        };
        if !differences.0.is_empty() {
            self.report.mismatches += 1;
            if self.report.named.len() < MISMATCHES_NAMED_MAX {
                self.report.named.push(Mismatch { line, difference: differences.0 });
            }
        }
        Ok(())
    }

    fn check_change(&self, change: &LiquidityChange) -> Result<(), LineProblem> {
        check_usable("tick_lower", change.tick_lower, self.pool.tick_spacing)?;
        check_usable("tick_upper", change.tick_upper, self.pool.tick_spacing)
    }

    fn swap(&mut self, event: &Swap) -> Differences {
        let mut differences = Differences::default();
        let direction = if event.a_to_b { Direction::AToB } else { Direction::BToA };
        self.fill_arrays(direction);
        let amount = event.amount.0;
        let request = SwapRequest {
            amount: if event.exact_in { Amount::ExactIn(amount) } else { Amount::ExactOut(amount) },
            direction,
            sqrt_price_limit: event.sqrt_price_limit.0,
            now_s: event.time,
            inner_steps_max: INNER_STEPS_DEFAULT,
        };
        match swap(&self.pool, None, &self.arrays, &request) {
            Ok(result) => {
                differences.compare("amount_in", event.amount_in.0, result.amount_in());
                differences.compare("amount_out", event.amount_out.0, result.amount_out());
                let crossed = event.derived_ticks_crossed;
                differences.compare_if("ticks_crossed", crossed, result.ticks_crossed);
                result.apply(&mut self.pool, None);
            }
            Err(error) => differences.add(&format!("recorded a success, ours {error}")),
        }
        self.compare_derived(&event.derived, &mut differences);
        differences
    }

    /// The arrays that the swap may walk; what holds no tick is uninitialised either way.
    fn fill_arrays(&mut self, direction: Direction) {
        let length = self.pool.array_span();
        self.arrays.reset(self.pool.tick_spacing);
        for start in required_arrays(&self.pool, direction).starts() {
            let room = "Invariant: the set was made for as many arrays as a swap may walk";
            self.arrays.begin(*start, Existence::Present).expect(room);
            for (index, (net, _)) in self.ticks.range(*start..*start + length) {
                self.arrays.set_tick(*index, *net).expect("Invariant: usable and in this array");
            }
        }
    }

    /// A position grows (`Up`: what it pays in is rounded up) or shrinks (`Down`: what it gets).
    fn change(&mut self, change: &LiquidityChange, rounding: Rounding) -> Differences {
        let mut differences = Differences::default();
        match self.change_amounts(change, rounding) {
            Ok((amount_a, amount_b)) => {
                differences.compare("amount_a", change.amount_a.0, amount_a);
                differences.compare("amount_b", change.amount_b.0, amount_b);
            }
            Err(error) => differences.add(&format!("recorded a success, ours {error}")),
        }
        if self.move_liquidity(change, rounding).is_none() {
            differences.add("liquidity that is not there is taken away, or overflows");
        }
        self.compare_derived(&change.derived, &mut differences);
        differences
    }

    /// Token amounts of a liquidity change, which go by the tick index, not by the price.
    fn change_amounts(
        &self,
        change: &LiquidityChange,
        rounding: Rounding,
    ) -> Result<(u64, u64), SwapError> {
        let (tick, price, liquidity) =
            (self.pool.tick_current_index, self.pool.sqrt_price, change.liquidity.0);
        let low = sqrt_price_at_tick(change.tick_lower);
        let high = sqrt_price_at_tick(change.tick_upper);
        Ok(if tick < change.tick_lower {
            (delta_a(low, high, liquidity, rounding)?, 0)
        } else if tick < change.tick_upper {
            (delta_a(price, high, liquidity, rounding)?, delta_b(low, price, liquidity, rounding)?)
        } else {
            (0, delta_b(low, high, liquidity, rounding)?)
        })
    }

    /// Moves ticks and the pool's liquidity; `None` leaves them as they were.
    fn move_liquidity(&mut self, change: &LiquidityChange, rounding: Rounding) -> Option<()> {
        let liquidity = change.liquidity.0;
        let signed = i128::try_from(liquidity).ok()?;
        let signed = if rounding == Rounding::Up { signed } else { -signed };
        let lower = self.moved_tick(change.tick_lower, signed, signed)?;
        let upper = self.moved_tick(change.tick_upper, -signed, signed)?;
        let in_range =
            (change.tick_lower..change.tick_upper).contains(&self.pool.tick_current_index);
        if in_range {
            self.pool.liquidity = self.pool.liquidity.checked_add_signed(signed)?;
        }
        self.set_tick(change.tick_lower, lower);
        self.set_tick(change.tick_upper, upper);
        Some(())
    }

    fn moved_tick(&self, index: i32, net: i128, gross: i128) -> Option<(i128, u128)> {
        let (net_before, gross_before) = self.ticks.get(&index).copied().unwrap_or((0, 0));
        Some((net_before.checked_add(net)?, gross_before.checked_add_signed(gross)?))
    }

    fn set_tick(&mut self, index: i32, tick: (i128, u128)) {
        debug_assert!(index <= MAX_TICK, "checked when the line was read");
        match self.ticks.entry(index) {
            Entry::Occupied(entry) if tick.1 == 0 => drop(entry.remove()),
            Entry::Occupied(mut entry) => drop(entry.insert(tick)),
            Entry::Vacant(entry) => drop(entry.insert(tick)),
        }
    }

    fn compare_derived(&self, derived: &Derived, differences: &mut Differences) {
        let price = derived.sqrt_price.map(|price| price.0);
        differences.compare_if("sqrt_price", price, self.pool.sqrt_price);
        differences.compare_if("tick", derived.tick, self.pool.tick_current_index);
        let liquidity = derived.liquidity.map(|liquidity| liquidity.0);
        differences.compare_if("liquidity", liquidity, self.pool.liquidity);
    }

    fn finish(mut self, header: &Header) -> SwapsReport {
        let end = &header.recorded_end;
        let mut differences = Differences::default();
        differences.compare("sqrt_price", end.sqrt_price.0, self.pool.sqrt_price);
        differences.compare("tick", end.tick_current_index, self.pool.tick_current_index);
        differences.compare("liquidity", end.liquidity.0, self.pool.liquidity);
        self.report.final_state_equal = differences.0.is_empty();
        self.report.final_difference = differences.0;
        self.report
    }
}
