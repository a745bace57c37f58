//! When to try again, and how often something may be done.

use std::collections::VecDeque;

/// Pseudo-random numbers for spreading attempts in time (`SplitMix64`). Not for secrets.
#[derive(Clone, Debug)]
pub struct Jitter(u64);

impl Jitter {
    /// A sequence of its own for each seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Up to and including `most`.
    pub const fn up_to(&mut self, most: u64) -> u64 {
        match most.checked_add(1) {
            Some(span) => self.next() % span,
            None => self.next(),
        }
    }
}

/// How long to wait between attempts. Durations in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackoffSpec {
    /// Most before the first attempt after an end.
    pub first_ns: u64,
    /// Most before any attempt.
    pub most_ns: u64,
    /// A connection must have held this long for the waits to begin anew.
    pub held_ns: u64,
    /// Least between two attempts.
    pub between_ns: u64,
}

impl Default for BackoffSpec {
    fn default() -> Self {
        const MS: u64 = 1_000_000;
        Self {
            first_ns: 250 * MS,
            most_ns: 30_000 * MS,
            held_ns: 60_000 * MS,
            between_ns: 1_000 * MS,
        }
    }
}

/// Full jitter: each wait lies anywhere between nothing and a bound that doubles with each failure.
/// Clients that were cut off together do not come back together.
#[derive(Clone, Debug)]
pub struct Backoff {
    spec: BackoffSpec,
    jitter: Jitter,
    failures: u32,
    last_attempt_ns: u64,
}

impl Backoff {
    /// None has failed so far.
    #[must_use]
    pub const fn new(spec: BackoffSpec, seed: u64) -> Self {
        Self { spec, jitter: Jitter::new(seed), failures: 0, last_attempt_ns: 0 }
    }

    /// An attempt is made now.
    pub const fn attempt(&mut self, now_ns: u64) {
        self.last_attempt_ns = now_ns;
    }

    /// A connection that was open since `open_ns` (or was never) has ended: when to try again.
    pub fn ended(&mut self, now_ns: u64, open_ns: Option<u64>) -> u64 {
        let held = open_ns.is_some_and(|open| now_ns.saturating_sub(open) >= self.spec.held_ns);
        self.failures = if held { 0 } else { self.failures };
        let doubled = self.spec.first_ns.saturating_mul(1 << self.failures.min(32));
        let wait_ns = self.jitter.up_to(doubled.min(self.spec.most_ns));
        self.failures = self.failures.saturating_add(1);
        let soonest = self.last_attempt_ns.saturating_add(self.spec.between_ns);
        now_ns.saturating_add(wait_ns).max(soonest)
    }

    /// Failures since a connection held.
    #[must_use]
    pub const fn failures(&self) -> u32 {
        self.failures
    }
}

/// So many in any second, no more.
#[derive(Clone, Debug)]
pub struct Budget {
    per_s: u32,
    /// Times of the last ones, oldest first; never more than `per_s`.
    times: VecDeque<u64>,
    halved_until_ns: u64,
    closed_until_ns: u64,
}

const SECOND_NS: u64 = 1_000_000_000;

/// How long a budget stays halved after the venue has said that it was too much.
const HALVED_NS: u64 = 600 * SECOND_NS;

impl Budget {
    /// A budget of `per_s` in any second; at least one.
    #[must_use]
    pub fn new(per_s: u32) -> Self {
        let per_s = per_s.max(1);
        Self {
            per_s,
            times: VecDeque::with_capacity(per_s as usize),
            halved_until_ns: 0,
            closed_until_ns: 0,
        }
    }

    /// When one more is allowed: now or later.
    #[must_use]
    pub fn next_ns(&self, now_ns: u64) -> u64 {
        let allowed =
            if now_ns < self.halved_until_ns { self.per_s.div_ceil(2) } else { self.per_s }
                as usize;
        let full = self.times.len().checked_sub(allowed).and_then(|index| self.times.get(index));
        let room_ns = full.map_or(0, |oldest| oldest.saturating_add(SECOND_NS));
        room_ns.max(self.closed_until_ns)
    }

    /// Takes one if it is allowed now.
    pub fn take(&mut self, now_ns: u64) -> bool {
        if self.next_ns(now_ns) > now_ns {
            return false;
        }
        if self.times.len() >= self.per_s as usize {
            self.times.pop_front();
        }
        self.times.push_back(now_ns);
        true
    }

    /// The venue said that it was too much: nothing for so long, and half of it for ten minutes.
    pub const fn refused(&mut self, now_ns: u64, wait_ns: u64) {
        let until_ns = now_ns.saturating_add(wait_ns);
        if until_ns > self.closed_until_ns {
            self.closed_until_ns = until_ns;
        }
        self.halved_until_ns = now_ns.saturating_add(HALVED_NS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn waits_double_up_to_their_bound_and_begin_anew_once_held() {
        let spec = BackoffSpec::default();
        for seed in 0..200 {
            let mut backoff = Backoff::new(spec, seed);
            let mut now = 1_000_000 * MS;
            for failure in 0..12_u32 {
                backoff.attempt(now);
                let bound = ((250 * MS) << failure).min(30_000 * MS);
                let next = backoff.ended(now, None);
                assert!(next >= now + spec.between_ns, "at most one attempt a second");
                assert!(next <= now + bound.max(spec.between_ns), "{failure}: {next}");
                now = next;
            }
            // An hour open without holding its time between failures counts; a short one does not.
            assert_eq!(backoff.failures(), 12);
            backoff.ended(now + 59_999 * MS, Some(now));
            assert_eq!(backoff.failures(), 13);
            let next = backoff.ended(now + 200_000 * MS, Some(now));
            assert_eq!(backoff.failures(), 1);
            assert!(next <= now + 200_250 * MS);
        }
    }

    #[test]
    fn waits_are_spread_over_their_whole_range() {
        let mut thirds = [0; 3];
        for seed in 0..3_000 {
            let mut backoff =
                Backoff::new(BackoffSpec { between_ns: 0, ..BackoffSpec::default() }, seed);
            let wait = backoff.ended(0, None);
            thirds[usize::try_from((wait * 3 / (250 * MS + 1)).min(2)).expect("small")] += 1;
        }
        assert!(thirds.iter().all(|third| (800..1_200).contains(third)), "{thirds:?}");
    }

    #[test]
    fn no_second_holds_more_than_its_budget() {
        let mut budget = Budget::new(8);
        let mut taken: Vec<u64> = Vec::new();
        for now in (0..5_000 * MS).step_by(7_000_000) {
            if budget.take(now) {
                taken.push(now);
            } else {
                assert!(budget.next_ns(now) > now && budget.next_ns(now) <= now + 1_000 * MS);
            }
        }
        assert_eq!(taken.len(), 40);
        assert!(taken.windows(9).all(|nine| nine[8] - nine[0] >= 1_000 * MS));
        budget.refused(5_000 * MS, 2_000 * MS);
        assert!(!budget.take(6_999 * MS));
        let after = (7_000..8_000).filter(|ms| budget.take(ms * MS)).count();
        assert_eq!(after, 4, "half of it");
        let later = (700_000..701_000).filter(|ms| budget.take(ms * MS)).count();
        assert_eq!(later, 8, "and all of it again after ten minutes");
    }
}
