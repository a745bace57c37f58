//! Market time: the wall clock's or one that starts where it is told and may run faster.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Fastest market time. At a thousand a millisecond of the machine is a second of the market, and
/// nothing the server does in between could be told apart.
pub const SCALE_MAX: u32 = 1_000;

const YEAR: Duration = Duration::from_hours(8_760);

/// Real time to market time. Everything that the emulator waits for is said in market time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start_unix_ns: u64,
    scale: u32,
    origin: Instant,
}

impl Clock {
    /// A clock that shows `start_unix_ns` now and runs `scale` times as fast as the machine's
    /// (kept within 1 and [`SCALE_MAX`]).
    #[must_use]
    pub fn start(start_unix_ns: u64, scale: u32) -> Self {
        Self { start_unix_ns, scale: scale.clamp(1, SCALE_MAX), origin: Instant::now() }
    }

    /// The wall clock. Unit: Unix nanoseconds.
    #[must_use]
    pub fn wall_unix_ns() -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }

    /// Market time. Never decreases. Unit: Unix nanoseconds.
    #[must_use]
    pub fn now_ns(&self) -> u64 {
        let real_ns = u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.start_unix_ns.saturating_add(real_ns.saturating_mul(u64::from(self.scale)))
    }

    /// Market time at the start. Unit: Unix nanoseconds.
    #[must_use]
    pub const fn start_unix_ns(&self) -> u64 {
        self.start_unix_ns
    }

    /// How many times faster than real time the market runs.
    #[must_use]
    pub const fn scale(&self) -> u32 {
        self.scale
    }

    /// How long a span of market time takes on the machine's clock, rounded up.
    #[must_use]
    pub fn real(&self, market_ns: u64) -> Duration {
        Duration::from_nanos(market_ns.div_ceil(u64::from(self.scale)))
    }

    /// When a market time is reached; one before the start is at the start, and one beyond what the
    /// machine can count to is a year from then.
    #[must_use]
    pub fn instant(&self, market_ns: u64) -> Instant {
        let after = self.real(market_ns.saturating_sub(self.start_unix_ns));
        self.origin.checked_add(after).unwrap_or(self.origin + YEAR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn market_time_runs_as_fast_as_told() {
        let clock = Clock::start(1_000_000_000, 20);
        assert_eq!(clock.real(1_000_000_000), Duration::from_millis(50));
        assert_eq!(clock.real(1), Duration::from_nanos(1), "a wait is never rounded to nothing");
        let (a, b) = (clock.now_ns(), clock.now_ns());
        assert!(a >= 1_000_000_000 && b >= a);
        let later = clock.instant(2_000_000_000);
        assert_eq!(later.duration_since(clock.origin), Duration::from_millis(50));
        assert_eq!(clock.instant(5), clock.origin);
        assert!(clock.instant(u64::MAX) > later);
        assert_eq!(Clock::start(0, 0).scale(), 1);
        assert_eq!(Clock::start(0, u32::MAX).scale(), SCALE_MAX);
    }
}
