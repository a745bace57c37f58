//! What the daemon measures of its machine, for the core to judge: R33 to R36, and sleep.
//!
//! Once a second everything is looked at. A value is stated when it lies beyond half its limit, and all
//! of them while a halt is latched: such a halt ends on what was stated, never on silence.

use engine_core::risk::Limits;
use engine_model::{EngineFault, Venue};
use rustix::time::{ClockId, clock_gettime};

use crate::journal::writer::Durable;

/// Waits that are told apart in one second, by powers of two: up to about four seconds. Unit: ns.
const WAIT_BUCKETS: usize = 33;
/// Records whose writing is followed: one for each look of a second.
const MARKS_MAX: usize = 64;
/// How often values are looked at. Unit: nanoseconds.
const EVERY_NS: u64 = 1_000_000_000;

/// One value to state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stated {
    /// Whose; counts for ring overflows alone.
    pub venue: Venue,
    /// Which measurement.
    pub fault: EngineFault,
    /// In its unit.
    pub value: u64,
}

/// Measures.
#[derive(Debug)]
pub struct Machine {
    limits: Limits,
    /// Waits of this second by power of two.
    waits: [u32; WAIT_BUCKETS],
    longest_step_ns: u64,
    lost_batches: [u64; Venue::ALL.len()],
    /// Records and when they were handed on, oldest first.
    marks: std::collections::VecDeque<(u64, u64)>,
    durable: Durable,
    asleep_ns: u64,
    next_ns: u64,
    disk: Option<(u64, u64)>,
}

/// Time that the machine has slept since it was started. Unit: nanoseconds.
fn slept_ns() -> u64 {
    let ns = |id| {
        let time = clock_gettime(id);
        u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000
            + u64::try_from(time.tv_nsec).unwrap_or(0)
    };
    ns(ClockId::Boottime).saturating_sub(ns(ClockId::Monotonic))
}

impl Machine {
    /// Begins to measure.
    #[must_use]
    pub fn new(limits: Limits, durable: Durable) -> Self {
        Self {
            limits,
            waits: [0; WAIT_BUCKETS],
            longest_step_ns: 0,
            lost_batches: [0; Venue::ALL.len()],
            marks: std::collections::VecDeque::with_capacity(MARKS_MAX),
            durable,
            asleep_ns: slept_ns(),
            next_ns: 0,
            disk: None,
        }
    }

    /// The limits are others from here on.
    pub const fn renew(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// A batch waited so long in its ring, and its step took so long. Unit: nanoseconds.
    #[inline]
    pub fn stepped(&mut self, waited_ns: u64, step_ns: u64) {
        let bucket = (u64::BITS - waited_ns.leading_zeros()) as usize;
        self.waits[bucket.min(WAIT_BUCKETS - 1)] += 1;
        self.longest_step_ns = self.longest_step_ns.max(step_ns);
    }

    /// A reader of this venue found its ring full.
    pub fn lost(&mut self, venue: Venue, batches: u64) {
        self.lost_batches[venue as usize] += batches;
    }

    /// The records handed on so far, now.
    pub fn mark(&mut self, seq: u64, now_ns: u64) {
        let durable = self.durable.get();
        while self.marks.front().is_some_and(|(seq, _)| *seq <= durable) {
            self.marks.pop_front();
        }
        let is_new = self.marks.back().is_none_or(|(last, _)| *last < seq);
        if is_new && seq > durable && self.marks.len() < MARKS_MAX {
            self.marks.push_back((seq, now_ns));
        }
    }

    /// What is free of the journal's disk: parts per million, and bytes.
    pub const fn disk(&mut self, free_ppm: u64, free_bytes: u64) {
        self.disk = Some((free_ppm, free_bytes));
    }

    /// The wait that 99 of 100 batches of this second did not exceed, rounded up to a power of two.
    fn wait_p99_ns(&self) -> u64 {
        let total: u64 = self.waits.iter().map(|count| u64::from(*count)).sum();
        let rank = (total * 99).div_ceil(100);
        let mut seen = 0;
        for (bucket, count) in self.waits.iter().enumerate() {
            seen += u64::from(*count);
            if total > 0 && seen >= rank {
                return 1 << bucket;
            }
        }
        0
    }

    /// What needs stating now; nothing between two seconds.
    pub fn due(&mut self, now_ns: u64, backlog_ppm: u64, is_halted: bool) -> Vec<Stated> {
        if now_ns < self.next_ns {
            return Vec::new();
        }
        self.next_ns = now_ns.saturating_add(EVERY_NS);
        let lag_ns = self.marks.front().map_or(0, |(_, at_ns)| now_ns.saturating_sub(*at_ns));
        let limits = &self.limits;
        let below = [
            (EngineFault::CoreLag, self.wait_p99_ns(), limits.core_lag_ns_max),
            (EngineFault::SlowStep, self.longest_step_ns, limits.core_step_ns_max),
            (EngineFault::JournalLag, lag_ns, limits.journal_lag_ns_max),
            (EngineFault::JournalBacklog, backlog_ppm, limits.journal_backlog_ppm_max),
        ];
        let venue = Venue::Coinbase;
        let mut all: Vec<Stated> = Vec::new();
        for (fault, value, limit) in below {
            if is_halted || value > limit / 2 {
                all.push(Stated { venue, fault, value });
            }
        }
        if let Some((free_ppm, free_bytes)) = self.disk {
            let above = [
                (EngineFault::DiskFreeShare, free_ppm, limits.disk_free_ppm_min),
                (EngineFault::DiskFreeBytes, free_bytes, limits.disk_free_bytes_min),
            ];
            for (fault, value, limit) in above {
                if is_halted || value < limit.saturating_mul(2) {
                    all.push(Stated { venue, fault, value });
                }
            }
        }
        for venue in Venue::ALL {
            let value = core::mem::take(&mut self.lost_batches[venue as usize]);
            if value > 0 {
                all.push(Stated { venue, fault: EngineFault::RingOverflow, value });
            }
        }
        let asleep_ns = slept_ns();
        let gained_ns = asleep_ns.saturating_sub(self.asleep_ns);
        self.asleep_ns = asleep_ns;
        if gained_ns > limits.clock_step_ns_max / 2 {
            all.push(Stated { venue, fault: EngineFault::Slept, value: gained_ns });
        }
        self.waits = [0; WAIT_BUCKETS];
        self.longest_step_ns = 0;
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn faults(stated: &[Stated]) -> Vec<(EngineFault, u64)> {
        stated.iter().map(|it| (it.fault, it.value)).collect()
    }

    #[test]
    fn a_calm_machine_says_nothing_and_a_halted_one_everything() {
        let mut machine = Machine::new(Limits::default(), Durable::default());
        machine.stepped(1_000, 2_000);
        assert_eq!(machine.due(SECOND, 0, false), []);
        machine.disk(900_000, 1 << 40);
        machine.stepped(1_000, 2_000);
        let all = faults(&machine.due(2 * SECOND, 7, true));
        assert_eq!(
            all,
            [
                (EngineFault::CoreLag, 1_024),
                (EngineFault::SlowStep, 2_000),
                (EngineFault::JournalLag, 0),
                (EngineFault::JournalBacklog, 7),
                (EngineFault::DiskFreeShare, 900_000),
                (EngineFault::DiskFreeBytes, 1 << 40),
            ]
        );
        assert_eq!(machine.due(2 * SECOND + 1, 999_999, true), [], "once a second");
    }

    #[test]
    fn what_is_beyond_half_its_limit_is_stated() {
        let limits = Limits::default();
        let durable = Durable::default();
        let mut machine = Machine::new(limits, durable.clone());
        for _ in 0..98 {
            machine.stepped(10, 10);
        }
        for _ in 0..2 {
            machine.stepped(limits.core_lag_ns_max, limits.core_step_ns_max);
        }
        machine.lost(Venue::Gemini, 3);
        machine.mark(5, SECOND);
        machine.mark(6, 2 * SECOND);
        let stated = machine.due(3 * SECOND, limits.journal_backlog_ppm_max, false);
        let kinds: Vec<EngineFault> = stated.iter().map(|it| it.fault).collect();
        assert_eq!(
            kinds,
            [
                EngineFault::CoreLag,
                EngineFault::SlowStep,
                EngineFault::JournalLag,
                EngineFault::JournalBacklog,
                EngineFault::RingOverflow,
            ]
        );
        assert_eq!(stated[2].value, 2 * SECOND);
        assert_eq!((stated[4].venue, stated[4].value), (Venue::Gemini, 3));
        // Once it is on disk it waits no more, and what was lost is said once.
        durable.set(6);
        machine.mark(6, 4 * SECOND);
        assert_eq!(machine.due(4 * SECOND, 0, false), []);
    }
}
