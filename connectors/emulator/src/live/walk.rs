//! A hidden price: everybody follows it, nobody sees it.

use std::collections::VecDeque;

use crate::market::Rng;

/// One step of a walk. Unit: microseconds.
pub(super) const STEP_US: u64 = 10_000;

/// Steps that are remembered: 5.12 s, far more than any follower's lag.
const STEPS_KEPT: usize = 512;

/// Most steps that one question makes up for: two minutes. The world asks every few milliseconds; a
/// price that nobody has asked for may stand still.
const STEPS_AT_ONCE: u64 = 12_000;

/// How a price walks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gait {
    /// Where it starts, and where it is drawn to. Unit: micro-USD.
    pub(super) start_micros: u64,
    /// Spread of a step. Unit: 10⁻⁹. Its standard deviation is 0.58 of that; a hundred steps are a
    /// second.
    pub(super) spread_ppb: i64,
    /// Share of the distance to the start that a step takes back, as a power of two.
    pub(super) home_shift: u32,
    /// Spread of a jump. Unit: ppm; 0 for a price that does not jump.
    pub(super) jump_ppm: i64,
}

/// A random walk with jumps. Its steps depend on the seed and their number, not on who asks.
#[derive(Clone, Debug)]
pub(super) struct Walk {
    rng: Rng,
    gait: Gait,
    /// Newest last. Never empty. Unit: micro-USD.
    values: VecDeque<u64>,
    /// Number of the newest step.
    newest: u64,
}

impl Walk {
    pub(super) fn new(rng: Rng, gait: Gait) -> Self {
        assert!(gait.start_micros > 0, "Invariant: a price is positive");
        Self { rng, gait, values: VecDeque::from([gait.start_micros]), newest: 0 }
    }

    /// The price at a time of the world; the oldest remembered for times before. Unit: micro-USD.
    pub(super) fn at(&mut self, at_us: u64) -> u64 {
        let index = at_us / STEP_US;
        for _ in 0..index.saturating_sub(self.newest).min(STEPS_AT_ONCE) {
            self.step();
        }
        self.newest = self.newest.max(index);
        let back = usize::try_from(self.newest - index).unwrap_or(usize::MAX);
        let position = (self.values.len() - 1).saturating_sub(back);
        self.values[position]
    }

    fn step(&mut self) {
        self.newest += 1;
        let last = i128::from(self.values.back().copied().unwrap_or(self.gait.start_micros));
        let home = (i128::from(self.gait.start_micros) - last) >> self.gait.home_shift;
        let noise = last * i128::from(self.rng.bell(self.gait.spread_ppb)) / 1_000_000_000;
        // Drawn in every step, so that the luck of a step depends on its number alone.
        let luck = (self.rng.chance(350), self.rng.bell(self.gait.jump_ppm.max(1)));
        let jumps = self.gait.jump_ppm > 0 && super::calendar::may_jump(self.newest * STEP_US);
        let jump = if jumps && luck.0 { last * i128::from(luck.1) / 1_000_000 } else { 0 };
        let next = (last + home + noise + jump).max(1);
        self.values.push_back(u64::try_from(next).unwrap_or(self.gait.start_micros));
        if self.values.len() > STEPS_KEPT {
            self.values.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GAIT: Gait =
        Gait { start_micros: 77_420_000, spread_ppb: 24_000, home_shift: 16, jump_ppm: 2_000 };

    #[test]
    fn a_walk_depends_on_time_and_not_on_who_asks() {
        let mut often = Walk::new(Rng::new(3), GAIT);
        let mut rarely = Walk::new(Rng::new(3), GAIT);
        for at_us in (0..60_000_000).step_by(3_700) {
            often.at(at_us);
        }
        assert_eq!(often.at(60_000_000), rarely.at(60_000_000));
        assert_eq!(often.at(58_000_000), rarely.at(58_000_000), "looking back gives what was");
        assert_ne!(often.at(60_000_000), GAIT.start_micros);
    }

    #[test]
    fn a_walk_stays_near_for_an_hour() {
        let mut walk = Walk::new(Rng::new(9), GAIT);
        for at_us in (0..3_600_000_000_u64).step_by(1_000_000) {
            let price = walk.at(at_us);
            assert!((70_000_000..85_000_000).contains(&price), "{at_us} us: {price}");
        }
    }
}
