//! The one word that says what may leave: read by the core, by every gateway directly before the first
//! byte of an order, and by whoever watches over both.
//!
//! A kill is final for the process: nothing here takes it back. The first one wins. Its time is taken when
//! the last write that had passed before it has returned: no first byte of an order is written after that time.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::gateway::Gate;

const OPEN: u64 = 0;
const REDUCING: u64 = 1;
/// Stopped by the core's own halts: it may be taken back.
const HALTED: u64 = 2;
/// A kill has begun: nothing passes any more, and what has passed may still be in its write.
const KILLING: u64 = 3;
/// Values from here on are times of a kill.
const KILLED: u64 = 1 << 16;

/// What may leave.
#[derive(Debug)]
pub struct Latch {
    word: AtomicU64,
    /// First writes of orders that have passed and not returned.
    passing: AtomicU32,
}

/// A first write that may happen: it holds the latch's time back until it is dropped.
#[derive(Debug)]
pub struct Pass<'a>(&'a Latch);

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.0.passing.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Default for Latch {
    /// Nothing may leave until somebody says otherwise.
    fn default() -> Self {
        Self { word: AtomicU64::new(HALTED), passing: AtomicU32::new(0) }
    }
}

impl Latch {
    /// Stops everything but cancels, for good. `now` reads the machine's monotonic clock. Gives the time
    /// of the kill that counts. It waits for writes that do not block: microseconds.
    pub fn kill(&self, now: impl Fn() -> u64) -> u64 {
        let mut known = self.word.load(Ordering::SeqCst);
        while known < KILLING {
            match self.word.compare_exchange(known, KILLING, Ordering::SeqCst, Ordering::SeqCst) {
                Ok(_) => {
                    // Whoever entered before sees the open gate and is counted; whoever comes now sees the
                    // word.
                    while self.passing.load(Ordering::SeqCst) > 0 {
                        std::thread::yield_now();
                    }
                    let at_ns = now().max(KILLED);
                    self.word.store(at_ns, Ordering::SeqCst);
                    return at_ns;
                }
                Err(other) => known = other,
            }
        }
        while known == KILLING {
            std::thread::yield_now();
            known = self.word.load(Ordering::SeqCst);
        }
        known
    }

    /// What the core lets pass. False: killed, nothing changes that.
    pub fn set(&self, gate: Gate) -> bool {
        let wanted = match gate {
            Gate::Open => OPEN,
            Gate::Reducing => REDUCING,
            Gate::Shut => HALTED,
        };
        let mut known = self.word.load(Ordering::SeqCst);
        while known < KILLING {
            match self.word.compare_exchange(known, wanted, Ordering::SeqCst, Ordering::SeqCst) {
                Ok(_) => return true,
                Err(other) => known = other,
            }
        }
        false
    }

    /// What may leave now.
    #[must_use]
    pub fn gate(&self) -> Gate {
        match self.word.load(Ordering::SeqCst) {
            OPEN => Gate::Open,
            REDUCING => Gate::Reducing,
            _ => Gate::Shut,
        }
    }

    /// Asks for the first write of an order; none: it must not happen. Hold it until the write returns,
    /// which must not block.
    #[must_use]
    pub fn pass(&self, reduces: bool) -> Option<Pass<'_>> {
        self.passing.fetch_add(1, Ordering::SeqCst);
        let pass = Pass(self);
        self.gate().lets(reduces).then_some(pass)
    }

    /// When everything was stopped for good. Unit: nanoseconds of the machine's monotonic clock.
    #[must_use]
    pub fn killed_ns(&self) -> Option<u64> {
        let known = self.word.load(Ordering::SeqCst);
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
        let first = latch.kill(|| 1_000_000);
        assert_eq!((first, latch.kill(|| 2_000_000)), (1_000_000, 1_000_000), "the first counts");
        for gate in [Gate::Open, Gate::Reducing] {
            assert!(!latch.set(gate));
            assert_eq!(latch.gate(), Gate::Shut);
        }
        // A machine that has just started has small times.
        let latch = Latch::default();
        latch.kill(|| 3);
        assert!(!latch.set(Gate::Open) && latch.killed_ns().is_some());
    }

    #[test]
    fn nothing_is_written_after_the_time_of_the_kill() {
        use std::sync::Arc;
        use std::sync::atomic::AtomicU64;
        for round in 0..200_u64 {
            let latch = Arc::new(Latch::default());
            latch.set(Gate::Open);
            // A clock that every write moves: what was written after the kill has a later time.
            let clock = Arc::new(AtomicU64::new(KILLED));
            let writers: Vec<_> = (0..3)
                .map(|_| {
                    let (latch, clock) = (Arc::clone(&latch), Arc::clone(&clock));
                    std::thread::spawn(move || {
                        let mut last = 0;
                        while let Some(_pass) = latch.pass(false) {
                            last = clock.fetch_add(1, Ordering::SeqCst);
                        }
                        last
                    })
                })
                .collect();
            for _ in 0..round * 10 {
                std::hint::spin_loop();
            }
            let killed = latch.kill(|| clock.fetch_add(1, Ordering::SeqCst));
            for writer in writers {
                let last = writer.join().expect("no panic");
                assert!(last < killed, "written at {last}, killed at {killed}");
            }
        }
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
