//! The order book of one market: price levels of two sides, exact, in memory taken once.
//!
//! Prices near the touch live in a window with one place a tick (`window`), all others in sorted
//! blocks (`far`); which of the two holds a level (`ladder`) cannot be seen from outside. The best price of
//! either side is a load. No operation allocates after [`Book::new`], and each has a bound that
//! does not depend on the price: [`Book::worst_step`] tells the most that one event has cost.
//!
//! Deliberately absent: sequence numbers, joins and time. Decoders keep the first two;
//! [`MarketBook`] decides from events whether the book may be used.

mod far;
mod ladder;
mod state;
mod window;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

use engine_model::Side;
use engine_model::units::{PRICE_TICKS_MAX, SIZE_LOTS_MAX};

use far::{Arena, Far};
use ladder::Ladder;

pub use state::{BookCounts, BookState, MarketBook};

/// Most levels of one book, both sides together. A real BTC book has 46,000.
pub const LEVELS_MAX: usize = 131_072;

/// Most heap memory of one book. Unit: bytes.
pub const MEMORY_BYTES_MAX: usize = 16 << 20;

/// Ticks of one side's window, as a power of two: 2 MiB of sizes. On a BTC book with ticks of one
/// cent it reaches 2,290 USD from the best price, where 91 % of the updates fall.
const WINDOW_TICKS_LOG2: u32 = 18;

/// Heap memory with the default window: per side sizes, three bitmaps and a directory; one arena.
const MEMORY_BYTES: usize = {
    let ticks = 1_usize << WINDOW_TICKS_LOG2;
    let window = ticks * size_of::<u64>() + ticks / 8 + ticks / 512 + ticks.div_ceil(32_768);
    2 * (window + Far::memory_bytes()) + Arena::memory_bytes()
};
const _: () = assert!(MEMORY_BYTES <= MEMORY_BYTES_MAX);

/// Mirrors ask prices, so that on both sides the highest key is the best. Keys are
/// `1..=PRICE_TICKS_MAX`, as prices are, and 0 stands for "none".
const MIRROR: u64 = PRICE_TICKS_MAX + 1;

/// One price and the size that rests there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Level {
    /// Unit: ticks.
    pub price_ticks: u64,
    /// Unit: lots. Never zero in a book.
    pub size_lots: u64,
}

/// What one [`Book::set`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// A level appeared.
    Inserted,
    /// A level has the size given now; it may have had it before.
    Replaced,
    /// A level went away.
    Deleted,
    /// Zero was set where no level was. Venues do it; it changes nothing.
    DeleteOfMissing,
}

/// Why one [`Book::set`] was refused. The book is as it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BookFault {
    /// The book holds [`LEVELS_MAX`] levels. The caller quarantines it.
    TooLarge,
    /// A price outside `1..=PRICE_TICKS_MAX` or a size above `SIZE_LOTS_MAX`: a decoder's mistake.
    /// The caller quarantines the book.
    OutOfRange,
}

impl core::fmt::Display for BookFault {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::TooLarge => write!(out, "more than {LEVELS_MAX} levels"),
            Self::OutOfRange => out.write_str("price or size outside the accepted range"),
        }
    }
}

impl core::error::Error for BookFault {}

/// The most that one event has cost, each part on its own, since the book was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StepCost {
    /// Levels that changed between window and far blocks, at most [`StepCost::LEVELS_MOVED_MAX`].
    pub levels_moved: u32,
    /// Entries of sorted arrays (16 bytes each, 12 in the directory) that made room or closed up, at
    /// most [`StepCost::ENTRIES_SHIFTED_MAX`].
    pub entries_shifted: u32,
    /// Bitmap words read to find the best price again, at most [`StepCost::WORDS_SCANNED_MAX`].
    pub words_scanned: u32,
}

impl StepCost {
    /// Bound of `levels_moved`.
    pub const LEVELS_MOVED_MAX: u32 = ladder::MOVES_MAX;
    /// Bound of `entries_shifted`: one event changes the far blocks once and moves
    /// [`StepCost::LEVELS_MOVED_MAX`] levels, and each of these shifts one block, at most splits it
    /// and joins twice, with a directory of all blocks to shift each time.
    #[expect(clippy::cast_possible_truncation, reason = "274,000")]
    pub const ENTRIES_SHIFTED_MAX: u32 =
        (ladder::MOVES_MAX + 1) * 3 * (far::BLOCK_LEVELS + far::BLOCKS_MAX) as u32;
    /// Bound of `words_scanned` with the default window: three bitmaps, down and up again.
    pub const WORDS_SCANNED_MAX: u32 = 6;

    fn note_words(&mut self, words: u32) {
        self.words_scanned = self.words_scanned.max(words);
    }

    fn note_shifted(&mut self, entries: u32) {
        self.entries_shifted = self.entries_shifted.max(entries);
    }

    fn note_moves(&mut self, levels: u32, entries: u32) {
        self.levels_moved = self.levels_moved.max(levels);
        self.note_shifted(entries);
    }
}

/// The book of one market. About 9.7 MiB, of which untouched pages cost nothing.
#[derive(Clone, Debug)]
pub struct Book {
    /// Bids, then asks.
    sides: [Ladder; 2],
    arena: Arena,
    worst: StepCost,
}

impl Default for Book {
    fn default() -> Self {
        Self::new()
    }
}

impl Book {
    /// An empty book. All memory is taken here.
    #[must_use]
    pub fn new() -> Self {
        Self::with_window_log2(WINDOW_TICKS_LOG2)
    }

    /// An empty book with windows of `2^window_ticks_log2` ticks a side: for tests and measurement,
    /// because every window size gives the same book.
    ///
    /// # Panics
    ///
    /// Outside `6..=19`: less than one word, or more than [`MEMORY_BYTES_MAX`].
    #[must_use]
    pub fn with_window_log2(window_ticks_log2: u32) -> Self {
        let sides = [Ladder::new(window_ticks_log2), Ladder::new(window_ticks_log2)];
        let book = Self { sides, arena: Arena::new(), worst: StepCost::default() };
        assert!(book.memory_bytes() <= MEMORY_BYTES_MAX, "window of 2^{window_ticks_log2} ticks");
        book
    }

    /// Forgets every level, keeps the memory and [`Book::worst_step`]. Cost: 64 KiB of bitmap.
    pub fn clear(&mut self) {
        for side in &mut self.sides {
            side.clear();
        }
        self.arena.clear();
    }

    /// Sets the size that rests at a price: absolute, never a difference; zero deletes.
    ///
    /// # Errors
    ///
    /// [`BookFault`]; the book is unchanged then.
    #[inline]
    pub fn set(
        &mut self,
        side: Side,
        price_ticks: u64,
        size_lots: u64,
    ) -> Result<Change, BookFault> {
        if price_ticks.wrapping_sub(1) >= PRICE_TICKS_MAX || size_lots > SIZE_LOTS_MAX {
            return Err(BookFault::OutOfRange);
        }
        let key = key_of(side, price_ticks);
        if self.is_full() && self.would_add(side, key, size_lots) {
            return Err(BookFault::TooLarge);
        }
        let Self { sides, arena, worst } = self;
        Ok(sides[side as usize].set(arena, worst, key, size_lots))
    }

    /// The best level of a side.
    #[inline]
    #[must_use]
    pub const fn best(&self, side: Side) -> Option<Level> {
        let (key, size_lots) = self.sides[side as usize].best();
        if key == 0 {
            return None;
        }
        Some(Level { price_ticks: price_of(side, key), size_lots })
    }

    /// Levels of a side.
    #[must_use]
    pub const fn count(&self, side: Side) -> usize {
        self.sides[side as usize].count()
    }

    /// The levels of a side, best first.
    pub fn levels(&self, side: Side) -> impl Iterator<Item = Level> + Clone + '_ {
        self.sides[side as usize]
            .levels(&self.arena)
            .map(move |(key, size_lots)| Level { price_ticks: price_of(side, key), size_lots })
    }

    /// Copies the best levels of a side, best first, and returns how many there were room for.
    pub fn copy_top(&self, side: Side, out: &mut [Level]) -> usize {
        let mut copied = 0;
        for (slot, level) in out.iter_mut().zip(self.levels(side)) {
            *slot = level;
            copied += 1;
        }
        copied
    }

    /// Whether the best bid is at or above the best ask. An empty side crosses nothing.
    #[must_use]
    pub const fn is_crossed(&self) -> bool {
        match (self.best(Side::Bid), self.best(Side::Ask)) {
            (Some(bid), Some(ask)) => bid.price_ticks >= ask.price_ticks,
            (None, _) | (_, None) => false,
        }
    }

    /// The most that one event has cost so far, over every snapshot.
    #[must_use]
    pub const fn worst_step(&self) -> StepCost {
        self.worst
    }

    /// Heap memory taken by this book. Unit: bytes.
    #[must_use]
    pub const fn memory_bytes(&self) -> usize {
        self.sides[0].memory_bytes() + self.sides[1].memory_bytes() + Arena::memory_bytes()
    }

    #[inline]
    const fn is_full(&self) -> bool {
        self.sides[0].count() + self.sides[1].count() >= LEVELS_MAX
    }

    /// Apart and cold, so that the usual update does not branch on what it is.
    #[cold]
    #[inline(never)]
    fn would_add(&self, side: Side, key: u64, size_lots: u64) -> bool {
        size_lots != 0 && !self.sides[side as usize].holds(&self.arena, key)
    }

    /// Checks the structure against itself.
    #[cfg(test)]
    fn assert_sound(&self) {
        for side in &self.sides {
            side.assert_sound(&self.arena);
        }
    }
}

#[inline]
const fn key_of(side: Side, price_ticks: u64) -> u64 {
    match side {
        Side::Bid => price_ticks,
        Side::Ask => MIRROR - price_ticks,
    }
}

#[inline]
const fn price_of(side: Side, key: u64) -> u64 {
    match side {
        Side::Bid => key,
        Side::Ask => MIRROR - key,
    }
}
