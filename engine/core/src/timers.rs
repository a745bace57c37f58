//! When the core has to look again without being told anything new.
//!
//! A timer fires by (deadline, place in [`TimerId`]) before the first event at or after its
//! deadline. Each exists once; setting it again moves it.

use serde::{Deserialize, Serialize};

/// Orders that may be under way at the simulated venue.
pub const ORDERS_MAX: usize = 16;
/// Trades that may be under way.
pub const TRADES_MAX: usize = 8;

/// What is waited for. The order is the order of firing at one deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TimerId {
    /// Midnight, UTC.
    Day,
    /// A feed may have become stale.
    Stale,
    /// A halt may clear by itself, or an exposure has lasted too long.
    Watch,
    /// An order reaches its venue, or is given up.
    Order(u8),
    /// Open opportunities are looked over for staleness.
    Sweep,
}

const COUNT: usize = 4 + ORDERS_MAX;
const OFF: u64 = u64::MAX;

impl TimerId {
    const fn index(self) -> usize {
        match self {
            Self::Day => 0,
            Self::Stale => 1,
            Self::Watch => 2,
            Self::Order(slot) => 3 + slot as usize,
            Self::Sweep => COUNT - 1,
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "below COUNT, which is below 256")]
    const fn at(index: usize) -> Self {
        match index {
            0 => Self::Day,
            1 => Self::Stale,
            2 => Self::Watch,
            _ if index < 3 + ORDERS_MAX => Self::Order((index - 3) as u8),
            _ => Self::Sweep,
        }
    }
}

/// Every timer with its deadline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timers {
    due_ns: [u64; COUNT],
    next_ns: u64,
}

impl Default for Timers {
    fn default() -> Self {
        Self { due_ns: [OFF; COUNT], next_ns: OFF }
    }
}

impl Timers {
    /// Sets a timer, or moves it. Unit: core time in nanoseconds.
    pub fn set(&mut self, id: TimerId, due_ns: u64) {
        self.due_ns[id.index()] = due_ns;
        self.find_next();
    }

    /// Takes a timer back. One that is not set stays so.
    pub fn cancel(&mut self, id: TimerId) {
        self.set(id, OFF);
    }

    /// Whether a timer is set.
    #[must_use]
    pub const fn is_set(&self, id: TimerId) -> bool {
        self.due_ns[id.index()] != OFF
    }

    /// Whether one is due at this time.
    #[inline]
    #[must_use]
    pub const fn is_due(&self, now_ns: u64) -> bool {
        self.next_ns <= now_ns
    }

    /// Takes the first timer that is due at `now_ns`, with its deadline.
    pub fn take_due(&mut self, now_ns: u64) -> Option<(u64, TimerId)> {
        if !self.is_due(now_ns) {
            return None;
        }
        let index = self.due_ns.iter().position(|due_ns| *due_ns == self.next_ns)?;
        let fired = (self.next_ns, TimerId::at(index));
        self.due_ns[index] = OFF;
        self.find_next();
        Some(fired)
    }

    fn find_next(&mut self) {
        self.next_ns = self.due_ns.iter().copied().min().unwrap_or(OFF);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_timer_has_a_place_of_its_own() {
        for index in 0..COUNT {
            assert_eq!(TimerId::at(index).index(), index);
        }
        assert!((1..COUNT).all(|index| TimerId::at(index - 1) < TimerId::at(index)));
    }

    #[test]
    fn they_fire_by_deadline_and_then_by_place() {
        let mut timers = Timers::default();
        timers.set(TimerId::Sweep, 10);
        timers.set(TimerId::Order(3), 10);
        timers.set(TimerId::Order(2), 11);
        timers.set(TimerId::Day, 12);
        timers.set(TimerId::Day, 30);
        timers.set(TimerId::Watch, 5);
        timers.cancel(TimerId::Watch);
        assert_eq!(timers.take_due(9), None);
        assert_eq!(timers.take_due(20), Some((10, TimerId::Order(3))));
        assert_eq!(timers.take_due(20), Some((10, TimerId::Sweep)));
        assert!(!timers.is_set(TimerId::Sweep) && timers.is_set(TimerId::Day));
        assert_eq!(timers.take_due(11), Some((11, TimerId::Order(2))));
        assert_eq!(timers.take_due(29), None);
        assert_eq!(timers.take_due(30), Some((30, TimerId::Day)));
        assert_eq!(timers.take_due(u64::MAX - 1), None);
    }
}
