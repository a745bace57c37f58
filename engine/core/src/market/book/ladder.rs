//! One side of a book, seen as keys of which the highest is the best.
//!
//! A level lives in the window if and only if its key is in `lo..hi`, else in the far blocks; the
//! best level is cached whichever of the two holds it. So nothing that a caller can see depends on
//! where the window lies, and the window may follow the best price slowly: [`MOVES_MAX`] levels an
//! event, any number of empty ticks.

use super::far::{Arena, Far, Place};
use super::window::Window;
use super::{Change, StepCost};

/// Levels that one event may move between window and far blocks. Twelve would keep up with the
/// worst snapshot order (each level enters once and leaves once); a move costs about 50 ns.
pub(super) const MOVES_MAX: u32 = 16;

/// The share of the window kept free beyond the best price is `1 / HEADROOM_PARTS`.
const HEADROOM_PARTS: u64 = 8;

/// One side of a book.
#[derive(Clone, Debug)]
pub(super) struct Ladder {
    window: Window,
    far: Far,
    /// The window holds exactly the levels with keys in `lo..hi`.
    lo: u64,
    hi: u64,
    /// Where the window is going: `aim_hi - window.ticks()..aim_hi`, cut off at zero.
    aim_hi: u64,
    /// Whether the window is not yet there.
    moving: bool,
    /// Highest key; 0 when there is no level.
    best_key: u64,
    /// Size at `best_key`. Unit: lots.
    best_size_lots: u64,
    count: usize,
}

impl Ladder {
    pub(super) fn new(window_ticks_log2: u32) -> Self {
        let window = Window::new(window_ticks_log2);
        let far = Far::new();
        Self {
            window,
            far,
            lo: 0,
            hi: 0,
            aim_hi: 0,
            moving: false,
            best_key: 0,
            best_size_lots: 0,
            count: 0,
        }
    }

    /// Heap memory. Unit: bytes.
    pub(super) const fn memory_bytes(&self) -> usize {
        self.window.memory_bytes() + Far::memory_bytes()
    }

    /// Forgets every level. The caller clears the arena too.
    pub(super) fn clear(&mut self) {
        if !self.window.is_empty() {
            self.window.clear();
        }
        self.far.clear();
        (self.lo, self.hi, self.aim_hi, self.moving) = (0, 0, 0, false);
        (self.best_key, self.best_size_lots, self.count) = (0, 0, 0);
    }

    /// Key and size of the best level; key 0 when there is none.
    #[inline]
    pub(super) const fn best(&self) -> (u64, u64) {
        (self.best_key, self.best_size_lots)
    }

    #[inline]
    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// Whether a level rests at `key`.
    pub(super) fn holds(&self, arena: &Arena, key: u64) -> bool {
        if self.covers(key) { self.window.holds(key) } else { self.far.holds(arena, key) }
    }

    /// Sets the size at `key`; zero deletes.
    #[inline]
    pub(super) fn set(
        &mut self,
        arena: &mut Arena,
        worst: &mut StepCost,
        key: u64,
        size_lots: u64,
    ) -> Change {
        let is_near = self.covers(key);
        let was_there = if is_near {
            self.window.put(key, size_lots)
        } else {
            self.set_far(arena, worst, key, size_lots)
        };
        let is_there = size_lots != 0;
        self.count = self.count + usize::from(is_there) - usize::from(was_there);
        if key >= self.best_key {
            self.follow_best(arena, worst, key, size_lots);
        }
        if self.moving {
            if is_near {
                self.far.begin_event();
            }
            self.move_window(arena, worst);
        }
        match (was_there, is_there) {
            (false, false) => Change::DeleteOfMissing,
            (false, true) => Change::Inserted,
            (true, false) => Change::Deleted,
            (true, true) => Change::Replaced,
        }
    }

    /// The levels, best first.
    pub(super) fn levels<'a>(&'a self, arena: &'a Arena) -> Keys<'a> {
        let near = if self.best_key != 0 && self.covers(self.best_key) {
            Some(self.best_key)
        } else {
            self.window.below(self.hi, self.lo).0
        };
        let far = self.far.last_place().map(|place| (place, self.far.level(arena, place)));
        Keys { ladder: self, arena, near, far }
    }

    #[inline]
    const fn covers(&self, key: u64) -> bool {
        key.wrapping_sub(self.lo) < self.hi.wrapping_sub(self.lo)
    }

    #[inline(never)]
    fn set_far(
        &mut self,
        arena: &mut Arena,
        worst: &mut StepCost,
        key: u64,
        size_lots: u64,
    ) -> bool {
        self.far.begin_event();
        let was_there = if size_lots == 0 {
            self.far.remove(arena, key).is_some()
        } else {
            self.far.put(arena, key, size_lots)
        };
        worst.note_shifted(self.far.shifted());
        was_there
    }

    /// After a change at `key`, which is at or above the best: finds the best again.
    #[inline]
    fn follow_best(&mut self, arena: &Arena, worst: &mut StepCost, key: u64, size_lots: u64) {
        if size_lots != 0 {
            let is_new = key != self.best_key;
            (self.best_key, self.best_size_lots) = (key, size_lots);
            if is_new {
                self.aim();
            }
        } else if key == self.best_key {
            self.find_best(arena, worst);
            self.aim();
        }
        // Else nothing was there, better than the best.
    }

    /// Finds the best after it was deleted.
    fn find_best(&mut self, arena: &Arena, worst: &mut StepCost) {
        let (near, words) = self.window.below(self.hi.min(self.best_key.max(self.lo)), self.lo);
        worst.note_words(words);
        let near = near.map_or((0, 0), |key| (key, self.window.size_lots(key)));
        let far = self.far.highest(arena).unwrap_or((0, 0));
        (self.best_key, self.best_size_lots) = near.max(far);
    }

    /// Gives the window a new place to go to when the best price has come near its end, or has gone
    /// far from it. In between it stays, so that a price that swings moves nothing.
    #[inline]
    fn aim(&mut self) {
        let headroom = self.window.ticks() / HEADROOM_PARTS;
        let room = self.aim_hi.wrapping_sub(self.best_key);
        if room.wrapping_sub(headroom / 2) > 2 * headroom && self.best_key != 0 {
            self.aim_hi = self.best_key + headroom;
            self.moving = true;
        }
    }

    /// Moves at most [`MOVES_MAX`] levels on the way to the window's new place.
    #[inline(never)]
    fn move_window(&mut self, arena: &mut Arena, worst: &mut StepCost) {
        let aim_lo = self.aim_hi.saturating_sub(self.window.ticks());
        let mut moves = 0;
        let done = self.shrink(arena, aim_lo, &mut moves) && self.grow(arena, aim_lo, &mut moves);
        self.moving = !done;
        worst.note_moves(moves, self.far.shifted());
        assert!(self.hi - self.lo <= self.window.ticks(), "one tick, one place in the ring");
    }

    /// Hands levels outside the new place to the far blocks. True when none is left.
    fn shrink(&mut self, arena: &mut Arena, aim_lo: u64, moves: &mut u32) -> bool {
        while let Some(key) = self.window.at_or_above(self.lo, self.hi.min(aim_lo)).0 {
            if *moves == MOVES_MAX {
                return false;
            }
            self.hand_out(arena, key);
            self.lo = key + 1;
            *moves += 1;
        }
        while let Some(key) = self.window.below(self.hi, self.lo.max(self.aim_hi)).0 {
            if *moves == MOVES_MAX {
                return false;
            }
            self.hand_out(arena, key);
            self.hi = key;
            *moves += 1;
        }
        if self.window.is_empty() {
            // Nothing to take along: begin at the best price, and grow from there.
            let start = self.best_key.clamp(aim_lo, self.aim_hi);
            (self.lo, self.hi) = (start, start);
        } else {
            (self.lo, self.hi) = (self.lo.max(aim_lo), self.hi.min(self.aim_hi));
        }
        true
    }

    /// Takes levels of the new place from the far blocks. True when none is left.
    fn grow(&mut self, arena: &mut Arena, aim_lo: u64, moves: &mut u32) -> bool {
        while self.hi < self.aim_hi {
            let Some(key) = self.far.at_or_above(arena, self.hi).filter(|key| *key < self.aim_hi)
            else {
                self.hi = self.aim_hi;
                break;
            };
            if *moves == MOVES_MAX {
                return false;
            }
            self.take_in(arena, key);
            self.hi = key + 1;
            *moves += 1;
        }
        while self.lo > aim_lo {
            let Some(key) = self.far.below(arena, self.lo).filter(|key| *key >= aim_lo) else {
                self.lo = aim_lo;
                break;
            };
            if *moves == MOVES_MAX {
                return false;
            }
            self.take_in(arena, key);
            self.lo = key;
            *moves += 1;
        }
        true
    }

    fn hand_out(&mut self, arena: &mut Arena, key: u64) {
        let size_lots = self.window.size_lots(key);
        let was_near = self.window.put(key, 0);
        assert!(was_near, "Invariant: the window found this key");
        let was_far = self.far.put(arena, key, size_lots);
        assert!(!was_far, "Invariant: a level lives in one place");
    }

    fn take_in(&mut self, arena: &mut Arena, key: u64) {
        let size_lots = self.far.remove(arena, key);
        let was_near = self.window.put(key, size_lots.unwrap_or(0));
        assert!(size_lots.is_some(), "Invariant: the far blocks found this key");
        assert!(!was_near, "Invariant: a level lives in one place");
    }

    /// Checks the side against itself: every level in its place, the best and the count right.
    #[cfg(test)]
    pub(super) fn assert_sound(&self, arena: &Arena) {
        self.far.assert_sound(arena);
        assert!(self.hi - self.lo <= self.window.ticks());
        let mut last = u64::MAX;
        let mut count = 0;
        for (key, size_lots) in self.levels(arena) {
            assert!(key < last && size_lots > 0);
            assert_eq!(self.window.holds(key) && self.covers(key), self.covers(key));
            assert_eq!(self.far.holds(arena, key), !self.covers(key));
            (last, count) = (key, count + 1);
        }
        assert_eq!(count, self.count);
        assert_eq!(self.levels(arena).next().unwrap_or((0, 0)), self.best());
    }

    /// Levels in the window, to see in tests that it is where it should be.
    #[cfg(test)]
    pub(super) fn near_count(&self, arena: &Arena) -> usize {
        self.levels(arena).filter(|(key, _)| self.covers(*key)).count()
    }
}

/// Iterator over keys and sizes, best first.
#[derive(Clone, Debug)]
pub(super) struct Keys<'a> {
    ladder: &'a Ladder,
    arena: &'a Arena,
    /// The next key of the window.
    near: Option<u64>,
    /// The next place of the far blocks, with its key and size.
    far: Option<(Place, (u64, u64))>,
}

impl Iterator for Keys<'_> {
    type Item = (u64, u64);

    #[inline]
    fn next(&mut self) -> Option<(u64, u64)> {
        if let Some(key) = self.near
            && self.far.is_none_or(|(_, (far_key, _))| far_key < key)
        {
            let Ladder { window, lo, .. } = self.ladder;
            self.near = window.below(key, *lo).0;
            return Some((key, window.size_lots(key)));
        }
        let (place, level) = self.far?;
        let far = &self.ladder.far;
        self.far = far.place_below(place).map(|place| (place, far.level(self.arena, place)));
        Some(level)
    }
}
