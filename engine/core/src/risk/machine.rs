//! R32 to R36: the machine that the engine runs on, as far as it says how it is: its clock, the time
//! that events and records wait, what readers lost, the journal's disk.
//!
//! Each value is compared when it is stated. A halt of them ends once every value that it depends on
//! has been stated calm for long enough since it was latched: silence proves nothing.

use engine_model::{EngineFault, Venue};
use serde::{Deserialize, Serialize};

use super::halt::{Breach, HaltReason, Scope};
use super::limits::Limits;
use super::ring::is_inside;

/// Halts of one kind that are remembered: the fourth in an hour is the first that needs a person.
pub const REPEATS_KEPT: usize = 3;

/// Overflows of one venue that are remembered, and so the highest count that may be a limit.
pub const OVERFLOWS_KEPT: usize = 16;

/// Where a stated value lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Level {
    /// Below half its limit; above twice of it where more is better.
    Calm,
    /// Neither calm nor beyond.
    #[default]
    Within,
    /// Beyond its limit.
    Beyond,
}

impl Level {
    const fn below(value: u64, limit: u64) -> Self {
        if value > limit {
            Self::Beyond
        } else if value < limit.div_ceil(2) {
            // Twice the value is less than the limit, without a product.
            Self::Calm
        } else {
            Self::Within
        }
    }

    const fn above(value: u64, limit: u64) -> Self {
        if value < limit {
            Self::Beyond
        } else if value > limit.saturating_mul(2) {
            Self::Calm
        } else {
            Self::Within
        }
    }
}

/// A value as it was stated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Gauge {
    level: Level,
    /// First statement of the calm that lasts; none while it does not.
    calm_since_ns: Option<u64>,
    /// Last statement.
    stated_ns: u64,
}

impl Gauge {
    fn note(&mut self, level: Level, now_ns: u64) {
        (self.level, self.stated_ns) = (level, now_ns);
        self.calm_since_ns = match level {
            Level::Calm => self.calm_since_ns.or(Some(now_ns)),
            Level::Within | Level::Beyond => None,
        };
    }

    /// Whether statements, not their absence, have shown calm for so long.
    fn is_calm_for(&self, ns: u64) -> bool {
        self.calm_since_ns.is_some_and(|since_ns| self.stated_ns.saturating_sub(since_ns) >= ns)
    }
}

/// Values that are followed, each by its place.
#[derive(Clone, Copy)]
enum Place {
    Clock,
    CoreLag,
    SlowStep,
    JournalLag,
    JournalBacklog,
    DiskFreeShare,
    DiskFreeBytes,
}

/// How many places there are.
const PLACES: usize = 7;

/// Kinds of halt whose repetition is counted: lag of core and journal, and overflow by venue.
const REPEATING: usize = 2 + Venue::ALL.len();

/// What the newest statement of the clock calls for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClockVerdict {
    /// Too far away to go unsaid; stated once until it is back within half of that.
    pub warn: Option<Breach>,
    /// Too far away to trade.
    pub halt: Option<Breach>,
    /// It stepped: nothing that was proven before is proven now.
    pub step: Option<Breach>,
}

/// All that is known of the machine. About 0.9 KB.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    gauges: [Gauge; PLACES],
    clock_offset_ns: Option<i64>,
    has_warned_of_clock: bool,
    /// Newest first, by venue.
    overflows: [[Option<u64>; OVERFLOWS_KEPT]; Venue::ALL.len()],
    /// When halts were latched, newest first.
    latched: [[Option<u64>; REPEATS_KEPT]; REPEATING],
}

impl Machine {
    /// Nothing was stated yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The wall clock was stated: it is so far from core time. Unit: nanoseconds.
    pub fn note_clock(&mut self, offset_ns: i64, now_ns: u64, limits: &Limits) -> ClockVerdict {
        let away_ns = offset_ns.unsigned_abs();
        let breach = |observed: u64, limit: u64| Breach {
            observed: i128::from(observed),
            limit: i128::from(limit),
        };
        let before_ns = self.clock_offset_ns.replace(offset_ns);
        let step_ns = before_ns.map_or(0, |before_ns| offset_ns.abs_diff(before_ns));
        let level = Level::below(away_ns, limits.clock_offset_ns_max);
        self.gauges[Place::Clock as usize].note(level, now_ns);
        let warns = Level::below(away_ns, limits.clock_warn_ns);
        let is_new = warns == Level::Beyond && !self.has_warned_of_clock;
        self.has_warned_of_clock = match warns {
            Level::Beyond => true,
            Level::Within => self.has_warned_of_clock,
            Level::Calm => false,
        };
        ClockVerdict {
            warn: is_new.then(|| breach(away_ns, limits.clock_warn_ns)),
            halt: (level == Level::Beyond).then(|| breach(away_ns, limits.clock_offset_ns_max)),
            step: (step_ns > limits.clock_step_ns_max)
                .then(|| breach(step_ns, limits.clock_step_ns_max)),
        }
    }

    /// The machine slept for so long: beyond the limit of a step, no age can be believed.
    #[must_use]
    pub fn slept(value_ns: u64, limits: &Limits) -> Option<Breach> {
        let limit_ns = limits.clock_step_ns_max;
        let breach = Breach { observed: i128::from(value_ns), limit: i128::from(limit_ns) };
        (value_ns > limit_ns).then_some(breach)
    }

    /// A value was stated. The halt that it calls for, and its scope.
    pub fn note(
        &mut self,
        venue: Venue,
        fault: EngineFault,
        value: u64,
        now_ns: u64,
        limits: &Limits,
    ) -> Option<(HaltReason, Scope, Breach)> {
        let (place, limit) = match fault {
            EngineFault::CoreLag => (Place::CoreLag, limits.core_lag_ns_max),
            EngineFault::SlowStep => (Place::SlowStep, limits.core_step_ns_max),
            EngineFault::JournalLag => (Place::JournalLag, limits.journal_lag_ns_max),
            EngineFault::JournalBacklog => (Place::JournalBacklog, limits.journal_backlog_ppm_max),
            EngineFault::DiskFreeShare => (Place::DiskFreeShare, limits.disk_free_ppm_min),
            EngineFault::DiskFreeBytes => (Place::DiskFreeBytes, limits.disk_free_bytes_min),
            EngineFault::RingOverflow => {
                let breach = self.note_overflow(venue, value, now_ns, limits)?;
                return Some((HaltReason::RingOverflow, Scope::Venue(venue), breach));
            }
            EngineFault::JournalError => {
                let breach = Breach { observed: i128::from(value), limit: 0 };
                let reason = HaltReason::JournalError;
                return (value > 0).then_some((reason, Scope::Global, breach));
            }
            // It concerns feeds and halts nothing by itself.
            EngineFault::Slept => return None,
        };
        let level = match place {
            Place::DiskFreeShare | Place::DiskFreeBytes => Level::above(value, limit),
            Place::Clock
            | Place::CoreLag
            | Place::SlowStep
            | Place::JournalLag
            | Place::JournalBacklog => Level::below(value, limit),
        };
        self.gauges[place as usize].note(level, now_ns);
        let breach = Breach { observed: i128::from(value), limit: i128::from(limit) };
        let reason = reason_of(fault)?;
        (level == Level::Beyond).then_some((reason, Scope::Global, breach))
    }

    /// One overflow, however much it lost; nothing lost is none.
    fn note_overflow(
        &mut self,
        venue: Venue,
        lost: u64,
        now_ns: u64,
        limits: &Limits,
    ) -> Option<Breach> {
        if lost == 0 {
            return None;
        }
        let times = &mut self.overflows[venue as usize];
        times.rotate_right(1);
        times[0] = Some(now_ns);
        let count = self.overflows_within(venue, limits.ring_overflow_window_ns, now_ns);
        let limit = limits.ring_overflows_halt;
        let breach = Breach { observed: i128::from(count), limit: i128::from(limit) };
        (count >= limit).then_some(breach)
    }

    fn overflows_within(&self, venue: Venue, window_ns: u64, now_ns: u64) -> u32 {
        let times = self.overflows[venue as usize].iter().flatten();
        let inside = times.filter(|at_ns| is_inside(window_ns, **at_ns, now_ns)).count();
        u32::try_from(inside).unwrap_or(u32::MAX)
    }

    /// A halt of these was latched: its recovery begins now. True when it was one too many in the
    /// window, and so does not end by itself.
    pub fn latched(
        &mut self,
        reason: HaltReason,
        scope: Scope,
        now_ns: u64,
        limits: &Limits,
    ) -> bool {
        for place in places_of(reason) {
            self.gauges[*place as usize].calm_since_ns = None;
        }
        let Some(index) = repeating(reason, scope) else { return false };
        let window_ns = limits.lag_repeat_window_ns;
        let times = &mut self.latched[index];
        let recent = times.iter().flatten().filter(|at_ns| is_inside(window_ns, **at_ns, now_ns));
        // More than are remembered cannot be told apart, so a higher limit counts as that many.
        let repeats_max = usize::try_from(limits.lag_repeats_max).unwrap_or(usize::MAX);
        let is_too_often = recent.count() >= repeats_max.min(REPEATS_KEPT);
        times.rotate_right(1);
        times[0] = Some(now_ns);
        is_too_often
    }

    /// A person has cleared a halt of these: its repetitions count from here.
    pub fn cleared(&mut self, reason: HaltReason, scope: Scope) {
        if let Some(index) = repeating(reason, scope) {
            self.latched[index] = [None; REPEATS_KEPT];
        }
    }

    /// Whether a halt of these may end by itself.
    #[must_use]
    pub fn has_recovered(
        &self,
        reason: HaltReason,
        scope: Scope,
        now_ns: u64,
        limits: &Limits,
    ) -> bool {
        if let (HaltReason::RingOverflow, Scope::Venue(venue)) = (reason, scope) {
            // Overflows are stated when they happen, so here silence is calm.
            let window_ns = limits.ring_overflow_window_ns.saturating_add(limits.lag_resume_ns);
            let count = self.overflows_within(venue, window_ns, now_ns);
            return count < limits.ring_overflows_halt.div_ceil(2);
        }
        let places = places_of(reason);
        let calm_ns = match places.first() {
            Some(Place::Clock) => limits.clock_resume_ns,
            Some(Place::DiskFreeShare | Place::DiskFreeBytes) => limits.disk_resume_ns,
            Some(Place::CoreLag | Place::SlowStep | Place::JournalLag | Place::JournalBacklog)
            | None => limits.lag_resume_ns,
        };
        !places.is_empty()
            && places.iter().all(|place| self.gauges[*place as usize].is_calm_for(calm_ns))
    }

    /// Whether what caused a halt of these is gone, by the newest statements.
    #[must_use]
    pub fn is_within(
        &self,
        reason: HaltReason,
        scope: Scope,
        now_ns: u64,
        limits: &Limits,
    ) -> bool {
        if let (HaltReason::RingOverflow, Scope::Venue(venue)) = (reason, scope) {
            let window_ns = limits.ring_overflow_window_ns;
            return self.overflows_within(venue, window_ns, now_ns) < limits.ring_overflows_halt;
        }
        let places = places_of(reason);
        !places.is_empty()
            && places.iter().all(|place| self.gauges[*place as usize].level != Level::Beyond)
    }
}

/// The halt that a value belongs to; none where it halts nothing by itself.
#[must_use]
pub const fn reason_of(fault: EngineFault) -> Option<HaltReason> {
    match fault {
        EngineFault::CoreLag | EngineFault::SlowStep => Some(HaltReason::CoreLag),
        EngineFault::RingOverflow => Some(HaltReason::RingOverflow),
        EngineFault::JournalLag | EngineFault::JournalBacklog => Some(HaltReason::JournalLag),
        EngineFault::JournalError => Some(HaltReason::JournalError),
        EngineFault::DiskFreeShare | EngineFault::DiskFreeBytes => Some(HaltReason::DiskSpace),
        EngineFault::Slept => None,
    }
}

/// Values on which the end of a halt depends.
#[expect(clippy::wildcard_enum_match_arm, reason = "most halts depend on none of these")]
const fn places_of(reason: HaltReason) -> &'static [Place] {
    match reason {
        HaltReason::Clock => &[Place::Clock],
        HaltReason::CoreLag => &[Place::CoreLag, Place::SlowStep],
        HaltReason::JournalLag => &[Place::JournalLag, Place::JournalBacklog],
        HaltReason::DiskSpace => &[Place::DiskFreeShare, Place::DiskFreeBytes],
        _ => &[],
    }
}

const fn repeating(reason: HaltReason, scope: Scope) -> Option<usize> {
    match (reason, scope) {
        (HaltReason::CoreLag, _) => Some(0),
        (HaltReason::JournalLag, _) => Some(1),
        (HaltReason::RingOverflow, Scope::Venue(venue)) => Some(2 + venue as usize),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
