//! The one word that says what may leave: read by the core, by every gateway directly before the first
//! byte of an order, and by whoever watches over both.
//!
//! A kill is final for the process: nothing here takes it back. The first one wins, with its time.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::gateway::Gate;

const OPEN: u64 = 0;
const REDUCING: u64 = 1;
/// Stopped by the core's own halts: it may be taken back.
const HALTED: u64 = 2;
/// Values from here on are times of a kill.
const KILLED: u64 = 1 << 16;

/// What may leave.
#[derive(Debug)]
pub struct Latch(AtomicU64);

impl Default for Latch {
    /// Nothing may leave until somebody says otherwise.
    fn default() -> Self {
        Self(AtomicU64::new(HALTED))
    }
}

impl Latch {
    /// Stops everything but cancels, for good. `at_ns` is the machine's monotonic time. Gives the time
    /// of the kill that counts.
    pub fn kill(&self, at_ns: u64) -> u64 {
        let mut known = self.0.load(Ordering::SeqCst);
        loop {
            if known >= KILLED {
                return known;
            }
            let wanted = at_ns.max(KILLED);
            match self.0.compare_exchange(known, wanted, Ordering::SeqCst, Ordering::SeqCst) {
                Ok(_) => return wanted,
                Err(now) => known = now,
            }
        }
    }

    /// What the core lets pass. False: killed, nothing changes that.
    pub fn set(&self, gate: Gate) -> bool {
        let wanted = match gate {
            Gate::Open => OPEN,
            Gate::Reducing => REDUCING,
            Gate::Shut => HALTED,
        };
        let mut known = self.0.load(Ordering::SeqCst);
        loop {
            if known >= KILLED {
                return false;
            }
            match self.0.compare_exchange(known, wanted, Ordering::SeqCst, Ordering::SeqCst) {
                Ok(_) => return true,
                Err(now) => known = now,
            }
        }
    }

    /// What may leave now.
    #[must_use]
    pub fn gate(&self) -> Gate {
        match self.0.load(Ordering::SeqCst) {
            OPEN => Gate::Open,
            REDUCING => Gate::Reducing,
            _ => Gate::Shut,
        }
    }

    /// When everything was stopped for good. Unit: nanoseconds of the machine's monotonic clock.
    #[must_use]
    pub fn killed_ns(&self) -> Option<u64> {
        let known = self.0.load(Ordering::SeqCst);
        (known >= KILLED).then_some(known)
    }
}

impl Gate {
    /// Whether an order may pass that makes an exposure smaller, or does not.
    #[must_use]
    pub const fn lets(self, reduces: bool) -> bool {
        match self {
            Self::Open => true,
            Self::Reducing => reduces,
            Self::Shut => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_until_somebody_says_so_and_nothing_after_a_kill() {
        let latch = Latch::default();
        assert_eq!(latch.gate(), Gate::Shut);
        for gate in [Gate::Open, Gate::Reducing, Gate::Shut, Gate::Open] {
            assert!(latch.set(gate));
            assert_eq!((latch.gate(), latch.killed_ns()), (gate, None));
        }
        let first = latch.kill(1_000_000);
        assert_eq!((first, latch.kill(2_000_000)), (1_000_000, 1_000_000), "the first counts");
        for gate in [Gate::Open, Gate::Reducing] {
            assert!(!latch.set(gate));
            assert_eq!(latch.gate(), Gate::Shut);
        }
        // A machine that has just started has small times.
        let latch = Latch::default();
        latch.kill(3);
        assert!(!latch.set(Gate::Open) && latch.killed_ns().is_some());
    }

    #[test]
    fn what_passes_which_gate() {
        let rows = [
            (Gate::Open, false, true),
            (Gate::Open, true, true),
            (Gate::Reducing, false, false),
            (Gate::Reducing, true, true),
            (Gate::Shut, false, false),
            (Gate::Shut, true, false),
        ];
        for (gate, reduces, passes) in rows {
            assert_eq!(gate.lets(reduces), passes, "{gate:?} {reduces}");
        }
    }
}
