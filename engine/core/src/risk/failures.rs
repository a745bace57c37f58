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
