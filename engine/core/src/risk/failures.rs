//! Share of trades that failed lately.

use serde::{Deserialize, Serialize};

use super::halt::Breach;
use super::limits::Limits;
use super::ring::{Ring, is_inside};

/// Trades remembered. The trade limits allow 100 an hour; with every limit raised tenfold the
/// window would hold 250. 512 × 16 bytes is 8 KB. Of more, the newest count.
pub const OUTCOMES_MAX: usize = 512;

/// How an executed trade ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// As planned, or with less than planned.
    #[default]
    Done,
    /// Refused, missed, unwound or handed over.
    Failed,
}

/// What the failure rate calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureLevel {
    /// Nothing.
    Fine,
    /// A warning; it is given once until the rate is back. Rate in parts per million.
    Warn(Breach),
    /// A halt of the strategy. Rate in parts per million.
    Halt(Breach),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Ended {
    at_ns: u64,
    outcome: Outcome,
}

/// Outcomes in a sliding window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failures {
    ended: Ring<Ended>,
    failed_count: u32,
    has_warned: bool,
}

impl Default for Failures {
    fn default() -> Self {
        Self::new()
    }
}

impl Failures {
    /// No trade yet.
    #[must_use]
    pub fn new() -> Self {
        Self { ended: Ring::new(OUTCOMES_MAX), failed_count: 0, has_warned: false }
    }

    /// Trades inside the window at the last call, and how many of them failed.
    #[must_use]
    pub fn counts(&self) -> (u32, u32) {
        (u32::try_from(self.ended.count()).unwrap_or(u32::MAX), self.failed_count)
    }

    /// A trade ended.
    pub fn note(&mut self, outcome: Outcome, now_ns: u64, limits: &Limits) -> FailureLevel {
        self.failed_count += u32::from(outcome == Outcome::Failed);
        let displaced = self.ended.push(Ended { at_ns: now_ns, outcome });
        self.forget(displaced);
        self.level(now_ns, limits)
    }

    /// What the rate calls for now: too few trades call for nothing, not even a warning.
    pub fn level(&mut self, now_ns: u64, limits: &Limits) -> FailureLevel {
        while let Some(oldest) = self.ended.oldest()
            && !is_inside(limits.failure_window_ns, oldest.at_ns, now_ns)
        {
            let left = self.ended.pop();
            self.forget(left);
        }
        let (count, failed_count) = self.counts();
        // failed / count against ppm / 10⁶, without division.
        let failed = u128::from(failed_count) * 1_000_000;
        let share = |ppm: u64| u128::from(count) * u128::from(ppm);
        let is_judged = count > 0 && count >= limits.failure_trades_min;
        let breach = |limit_ppm: u64| Breach {
            observed: i128::from(u64::from(failed_count) * 1_000_000 / u64::from(count.max(1))),
            limit: i128::from(limit_ppm), // the observed rate is rounded down, for display
        };
        if is_judged && failed >= share(limits.failure_halt_ppm) {
            self.has_warned = true;
            return FailureLevel::Halt(breach(limits.failure_halt_ppm));
        }
        let is_high = is_judged && failed > share(limits.failure_warn_ppm);
        let is_new = is_high && !self.has_warned;
        self.has_warned = is_high;
        if is_new {
            FailureLevel::Warn(breach(limits.failure_warn_ppm))
        } else {
            FailureLevel::Fine
        }
    }

    fn forget(&mut self, left: Option<Ended>) {
        let has_failed = left.is_some_and(|ended| ended.outcome == Outcome::Failed);
        self.failed_count -= u32::from(has_failed);
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::VecDeque;

    use proptest::prelude::*;

    use super::super::ring::testing::{Random, restored};
    use super::*;

    const MINUTE: u64 = 60_000_000_000;
    const START: u64 = 1_700_000_000_000_000_000;

    /// The level after so many trades at one moment, the failed ones last.
    fn after(failed: u32, done: u32) -> (Failures, FailureLevel) {
        let (mut failures, limits) = (Failures::new(), Limits::default());
        let mut level = FailureLevel::Fine;
        for n in 0..failed + done {
            let outcome = if n < done { Outcome::Done } else { Outcome::Failed };
            level = failures.note(outcome, START, &limits);
        }
        (failures, level)
    }

    fn name(level: FailureLevel) -> &'static str {
        match level {
            FailureLevel::Fine => "fine",
            FailureLevel::Warn(_) => "warn",
            FailureLevel::Halt(_) => "halt",
        }
    }

    #[test]
    fn the_failure_rate_warns_above_a_tenth_and_halts_at_three() {
        for (failed, done, expected) in [
            (0, 0, "fine"),
            (9, 0, "fine"),
            (10, 0, "halt"),
            (3, 6, "fine"),
            (3, 7, "halt"),
            (2, 8, "warn"),
            (29, 71, "fine"), // it has warned on the way
            (30, 70, "halt"),
            (1, 9, "fine"),
            (10, 90, "fine"),
            (11, 90, "warn"),
        ] {
            let (_, level) = after(failed, done);
            assert_eq!(name(level), expected, "{failed} of {}", failed + done);
        }
        let breach = Breach { observed: 300_000, limit: 300_000 };
        assert_eq!(after(3, 7).1, FailureLevel::Halt(breach));
    }

    #[test]
    fn outcomes_leave_the_window_after_fifteen_minutes() {
        let limits = Limits::default();
        for (age_ns, expected) in
            [(15 * MINUTE - 1, "halt"), (15 * MINUTE, "fine"), (15 * MINUTE + 1, "fine")]
        {
            let mut failures = restored(&after(5, 5).0);
            assert_eq!(name(failures.level(START + age_ns, &limits)), expected, "{age_ns}");
        }
    }

    #[test]
    fn the_warning_is_given_once_until_the_rate_is_back() {
        let limits = Limits::default();
        let mut failures = after(1, 9).0;
        assert_eq!(name(failures.note(Outcome::Failed, START, &limits)), "warn");
        assert_eq!(name(failures.note(Outcome::Done, START, &limits)), "fine");
        for _ in 0..10 {
            failures.note(Outcome::Done, START, &limits); // 2 of 22
        }
        assert_eq!(name(failures.note(Outcome::Failed, START, &limits)), "warn");
    }

    #[test]
    fn the_newest_outcomes_count_when_there_are_too_many() {
        let limits = Limits::default();
        let mut failures = Failures::new();
        for _ in 0..OUTCOMES_MAX {
            failures.note(Outcome::Failed, START, &limits);
        }
        for n in 1..=OUTCOMES_MAX {
            failures.note(Outcome::Done, START, &limits);
            let failed = u32::try_from(OUTCOMES_MAX - n).expect("is small");
            assert_eq!(failures.counts(), (512, failed));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]

        #[test]
        fn the_level_is_that_of_the_window(seed: u64) {
            let (mut random, limits) = (Random(seed), Limits::default());
            let (mut failures, mut now_ns) = (Failures::new(), START);
            let mut model: VecDeque<(u64, bool)> = VecDeque::new();
            for n in 0..10_000 {
                now_ns += random.below(MINUTE);
                let has_failed = random.below(4) == 0;
                let outcome = if has_failed { Outcome::Failed } else { Outcome::Done };
                let level = failures.note(outcome, now_ns, &limits);
                model.push_back((now_ns, has_failed));
                while model.front().is_some_and(|(at_ns, _)| now_ns - at_ns >= 15 * MINUTE) {
                    model.pop_front();
                }
                let failed = model.iter().filter(|(_, has_failed)| *has_failed).count();
                let halts = model.len() >= 10 && failed * 10 >= model.len() * 3;
                prop_assert_eq!(name(level) == "halt", halts);
                let is_high = model.len() >= 10 && failed * 10 > model.len();
                prop_assert!(is_high || name(level) == "fine");
                if n % 1_000 == 0 {
                    failures = restored(&failures);
                }
            }
        }
    }
}
