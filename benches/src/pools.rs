//! A real pool's shape, and amounts that cross a given number of its ticks.
//!
//! The SOL/USDC Whirlpool `HJPj`… at slot 165023999: spacing 64, every usable tick near the price is
//! initialised, so that seventeen crossings stay within three tick arrays in either direction.

use engine_poolmath::whirlpool::{Amount, Direction, Existence, Path, Pool, TickArraySet};

/// Pool, arrays and a path in each direction.
#[derive(Clone, Debug)]
pub struct RealPool {
    /// The pool account.
    pub pool: Pool,
    /// Initialised ticks, `(index, liquidity_net)`, rising.
    pub ticks: Vec<(i32, i128)>,
    /// All tick arrays.
    pub arrays: TickArraySet,
    /// SOL in, USDC out.
    pub a_to_b: Path,
    /// USDC in, SOL out.
    pub b_to_a: Path,
}

/// A trade that crosses a known number of ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crossing {
    /// Which way.
    pub direction: Direction,
    /// Ends inside a segment.
    pub amount: Amount,
    /// Initialised ticks crossed.
    pub ticks: u32,
}

const SHAPE: &str = include_str!("../../tests/data/solana/whirlpool_hjpj_slot165023999_shape.txt");

impl RealPool {
    /// The pool with paths of at most `steps_max` steps.
    #[must_use]
    pub fn with_steps(steps_max: u32) -> Self {
        let pool = Pool {
            tick_spacing: 64,
            fee_tier_index: 64,
            fee_rate_ppm: 3_000,
            protocol_fee_rate: 300,
            liquidity: 87_100_270_923_313,
            sqrt_price: 2_185_534_157_262_790_753,
            tick_current_index: -42_663,
            fee_growth_global_a: 0,
            fee_growth_global_b: 0,
        };
        let ticks: Vec<(i32, i128)> = SHAPE.lines().filter_map(tick).collect();
        let mut arrays = TickArraySet::with_capacity(64, pool.tick_spacing);
        let first = pool.array_start(ticks.first().map_or(0, |(index, _)| *index));
        let last = ticks.last().map_or(0, |(index, _)| *index);
        let mut start = first;
        while start <= last {
            arrays.begin(start, Existence::Present).expect("room for every array");
            for (index, net) in &ticks {
                if pool.array_start(*index) == start {
                    arrays.set_tick(*index, *net).expect("a usable tick");
                }
            }
            start += pool.array_span();
        }
        let path = |direction| {
            let mut path = Path::with_capacity(steps_max);
            path.rebuild(&pool, None, &arrays, direction, 0);
            path
        };
        let (a_to_b, b_to_a) = (path(Direction::AToB), path(Direction::BToA));
        Self { pool, ticks, arrays, a_to_b, b_to_a }
    }

    /// The path of a direction.
    #[must_use]
    pub const fn path(&self, direction: Direction) -> &Path {
        match direction {
            Direction::AToB => &self.a_to_b,
            Direction::BToA => &self.b_to_a,
        }
    }

    /// Exact input and exact output in both directions, each ending in the middle of the segment
    /// behind `ticks` crossings.
    ///
    /// # Panics
    ///
    /// When the paths cross fewer ticks.
    #[must_use]
    pub fn crossings(&self, ticks: u32) -> Vec<Crossing> {
        let mut found = Vec::new();
        for direction in [Direction::AToB, Direction::BToA] {
            let segments = self.path(direction).segments();
            let at = segments
                .iter()
                .position(|segment| segment.ticks_crossed > ticks)
                .expect("more ticks than are asked for");
            let start = at
                .checked_sub(1)
                .map_or((0, 0), |i| (segments[i].amount_in_end, segments[i].amount_out_end));
            let end = (segments[at].amount_in_end, segments[at].amount_out_end);
            // Somewhere in the middle: the exact place does not matter, so the halves round down.
            let input = start.0 + (end.0 - start.0) / 2;
            let output = start.1 + (end.1 - start.1) / 2;
            for amount in [Amount::ExactIn(input), Amount::ExactOut(output)] {
                found.push(Crossing { direction, amount, ticks });
            }
        }
        found
    }
}

fn tick(line: &str) -> Option<(i32, i128)> {
    let mut words = line.strip_prefix("tick ")?.split(' ');
    let index = words.next()?.parse().ok()?;
    let net = words.next()?.parse().ok()?;
    Some((index, net))
}

#[cfg(test)]
mod tests {
    use engine_poolmath::whirlpool::{INNER_STEPS_DEFAULT, SwapRequest, swap};

    use super::*;

    #[test]
    fn amounts_cross_what_they_say() {
        let pool = RealPool::with_steps(INNER_STEPS_DEFAULT);
        for ticks in [0, 1, 4, 17] {
            let crossings = pool.crossings(ticks);
            assert_eq!(crossings.len(), 4);
            for Crossing { direction, amount, ticks } in crossings {
                let request = SwapRequest {
                    amount,
                    direction,
                    sqrt_price_limit: 0,
                    now_s: 0,
                    inner_steps_max: INNER_STEPS_DEFAULT,
                };
                let result = swap(&pool.pool, None, &pool.arrays, &request).expect("it fits");
                assert_eq!(result.ticks_crossed, ticks, "{direction:?} {amount:?}");
            }
        }
    }
}
