//! The one clock of a process: Unix time at its start, and what the monotonic clock has counted since.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// `CLOCK_MONOTONIC` of this machine. Unit: nanoseconds.
#[must_use]
pub fn monotonic_ns() -> u64 {
    nanos(ClockId::Monotonic)
}

/// What the wall clock shows. Unit: Unix nanoseconds.
#[must_use]
pub fn wall_ns() -> u64 {
    nanos(ClockId::Realtime)
}

fn nanos(id: ClockId) -> u64 {
    let time = clock_gettime(id);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}

/// Unix time that never runs back and never jumps. A wall clock that is set does not change it; the
/// difference is for the core to judge, by clock events.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Monotonic time at the start. Unit: nanoseconds.
    from_ns: u64,
    /// Unix time at the start. Unit: nanoseconds.
    unix_ns: u64,
    /// How much faster than the machine's time it runs: 1, more in simulated campaigns only.
    scale: u32,
}

impl Clock {
    /// Starts at the wall clock.
    #[must_use]
    pub fn new() -> Self {
        Self::scaled(wall_ns(), 1)
    }

    /// Starts at `unix_ns` and runs `scale` times as fast as the machine's time: for tests against
    /// emulated venues that do the same.
    #[must_use]
    pub fn scaled(unix_ns: u64, scale: u32) -> Self {
        Self { from_ns: monotonic_ns(), unix_ns, scale: scale.max(1) }
    }

    /// Now. Unit: Unix nanoseconds.
    #[must_use]
    #[inline]
    pub fn now_ns(&self) -> u64 {
        self.at_monotonic(monotonic_ns())
    }

    /// The time of this clock at a moment of the machine's. Unit: nanoseconds.
    #[must_use]
    pub const fn at_monotonic(&self, monotonic_ns: u64) -> u64 {
        self.unix_ns + monotonic_ns.saturating_sub(self.from_ns) * self.scale as u64
    }

    /// The machine's moment at which this clock shows `unix_ns`. Unit: nanoseconds.
    #[must_use]
    pub const fn monotonic_at(&self, unix_ns: u64) -> u64 {
        self.from_ns + unix_ns.saturating_sub(self.unix_ns) / self.scale as u64
    }

    /// How much faster than the machine's time it runs.
    #[must_use]
    pub const fn scale(&self) -> u32 {
        self.scale
    }

    /// How long this clock's duration takes the machine; at least a nanosecond of a duration above 0.
    #[must_use]
    pub fn real(&self, ns: u64) -> Duration {
        Duration::from_nanos(ns.div_ceil(u64::from(self.scale)))
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}
