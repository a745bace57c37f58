//! The hidden price that everybody follows, each with a lag of its own.

use std::collections::VecDeque;

use super::rng::Rng;
use super::script::Track;

/// One step of the walk. Unit: microseconds.
const STEP_US: u64 = 10_000;

/// Steps that are remembered: 5.12 s, far more than any follower's lag.
const STEPS_KEPT: usize = 512;

/// Spread of one step. Unit: 10⁻⁹. About 2 × 10⁻⁶ per step is 0.2 % in two minutes.
const STEP_SPREAD_PPB: i64 = 3_400;

/// A random walk in integer micro-USD, drawn towards where it started.
#[derive(Clone, Debug)]
pub(super) struct Fair {
    rng: Rng,
    start_micros: u64,
    /// Newest last. Never empty.
    walk: VecDeque<u64>,
    /// Index of the newest step.
    newest: u64,
}

impl Fair {
    /// A walk that begins at `start_micros`.
    pub(super) fn new(rng: Rng, start_micros: u64) -> Self {
        assert!(start_micros > 0, "Invariant: a price is positive");
        Self { rng, start_micros, walk: VecDeque::from([start_micros]), newest: 0 }
    }

    /// The walk's price at a time, shifted as the script says. Rounds down. Unit: micro-USD.
    pub(super) fn at(&mut self, at_us: u64, shift_ppm: &Track) -> u64 {
        let index = at_us / STEP_US;
        while self.newest < index {
            self.step();
        }
        let back = usize::try_from(self.newest - index).unwrap_or(usize::MAX);
        let position = (self.walk.len() - 1).saturating_sub(back);
        shifted(self.walk[position], shift_ppm.at(at_us / 1_000), 1_000_000)
    }

    fn step(&mut self) {
        let last = *self.walk.back().expect("Invariant: the walk is never empty");
        // Drawn back by 1/4096 of the distance: the walk stays within about a percent.
        let home = (i128::from(self.start_micros) - i128::from(last)) / 4_096;
        let noise = i128::from(last) * i128::from(self.rng.bell(STEP_SPREAD_PPB)) / 1_000_000_000;
        let next = (i128::from(last) + home + noise).max(1);
        self.walk
            .push_back(u64::try_from(next).expect("Invariant: the price stays near its start"));
        if self.walk.len() > STEPS_KEPT {
            self.walk.pop_front();
        }
        self.newest += 1;
    }
}

/// `value × (one + shift) / one`, rounded down, at least 1.
pub(super) fn shifted(value: u64, shift: i64, one: i64) -> u64 {
    let wide = i128::from(value) * (i128::from(one) + i128::from(shift)) / i128::from(one);
    u64::try_from(wide.max(1)).expect("Invariant: shifts are far below the value's headroom")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_walk_stays_near_and_remembers() {
        let mut fair = Fair::new(Rng::new(3), 77_420_000);
        let flat = Track::flat(0);
        assert_eq!(fair.at(0, &flat), 77_420_000);
        let early = fair.at(1_000_000, &flat);
        for at_us in (1_000_000..120_000_000).step_by(10_000) {
            let price = fair.at(at_us, &flat);
            assert!(price.abs_diff(77_420_000) < 774_200, "{at_us} us: {price}");
        }
        let mut again = Fair::new(Rng::new(3), 77_420_000);
        again.at(2_000_000, &flat);
        assert_eq!(again.at(1_000_000, &flat), early, "looking back gives what was");
    }

    #[test]
    fn shifts_round_down() {
        for (value, shift, expected) in
            [(1_000_000, 1, 1_000_001), (999_999, 1, 999_999), (77_420_000, -20_000, 75_871_600)]
        {
            assert_eq!(shifted(value, shift, 1_000_000), expected, "{value} {shift}");
        }
    }
}
