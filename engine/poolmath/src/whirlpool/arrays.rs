//! Tick arrays of one pool: which ticks hold liquidity, and where nothing is known.

use alloc::vec::Vec;
use core::fmt;

use super::{MAX_TICK, MIN_TICK, TICKS_PER_ARRAY, TICKS_PER_ARRAY_I32};

/// One tick array: 88 neighbouring usable ticks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TickArray {
    /// First tick, a multiple of 88 · spacing.
    pub start_tick_index: i32,
    /// Bit `i`: slot `i` is initialised. Bits 88 and up are zero.
    pub bitmap: u128,
    /// Liquidity added when the price rises through slot `i`; zero where not initialised.
    pub liquidity_net: [i128; TICKS_PER_ARRAY],
}

impl TickArray {
    /// An array without initialised ticks.
    #[must_use]
    pub const fn empty(start_tick_index: i32) -> Self {
        Self { start_tick_index, bitmap: 0, liquidity_net: [0; TICKS_PER_ARRAY] }
    }
}

/// What is known of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArraySlot<'a> {
    /// The account exists.
    Present(&'a TickArray),
    /// The account does not exist on chain: all its ticks are uninitialised.
    Absent,
    /// Nothing is known.
    Unknown,
}

/// Whether an array's account exists on chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Existence {
    /// It does.
    Present,
    /// It does not; it counts as all-uninitialised.
    Absent,
}

/// Why an array or tick was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SetError {
    /// The set already holds as many arrays as it was made for.
    Full {
        /// That many.
        capacity: usize,
    },
    /// Not a multiple of 88 · spacing, or beyond the global range of ticks.
    BadStart {
        /// The start given.
        start_tick_index: i32,
    },
    /// Not a usable tick of a present array of this set.
    BadTick {
        /// The tick given.
        tick_index: i32,
    },
}

impl fmt::Display for SetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { capacity } => write!(f, "no room for more than {capacity} tick arrays"),
            Self::BadStart { start_tick_index } => {
                write!(f, "{start_tick_index} is not the first tick of an array")
            }
            Self::BadTick { tick_index } => {
                write!(f, "{tick_index} is not a usable tick of an array that is present")
            }
        }
    }
}

impl core::error::Error for SetError {}

/// One array of a set.
#[derive(Clone, Debug)]
struct Entry {
    start_tick_index: i32,
    existence: Existence,
    /// Where its ticks are; each entry keeps its place, so nothing large moves on insertion.
    storage: usize,
}

/// The tick arrays of one pool that are known. Fixed capacity, allocated once.
#[derive(Clone, Debug)]
pub struct TickArraySet {
    tick_spacing: u16,
    /// Sorted by start.
    entries: Vec<Entry>,
    storage: Vec<TickArray>,
    capacity: usize,
}

impl TickArraySet {
    /// An empty set for `arrays` arrays (1,440 bytes each) of a pool with this spacing.
    ///
    /// # Panics
    /// For a spacing of zero.
    #[must_use]
    pub fn with_capacity(arrays: usize, tick_spacing: u16) -> Self {
        assert!(tick_spacing > 0, "a pool's tick spacing is above zero");
        Self {
            tick_spacing,
            entries: Vec::with_capacity(arrays),
            storage: Vec::with_capacity(arrays),
            capacity: arrays,
        }
    }

    /// Forgets every array and takes a new spacing. Allocates nothing.
    ///
    /// # Panics
    /// For a spacing of zero.
    pub fn reset(&mut self, tick_spacing: u16) {
        assert!(tick_spacing > 0, "a pool's tick spacing is above zero");
        self.tick_spacing = tick_spacing;
        self.entries.clear();
        self.storage.clear();
    }

    /// Spacing of the pool.
    #[must_use]
    pub const fn tick_spacing(&self) -> u16 {
        self.tick_spacing
    }

    /// Arrays known, absent ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no array is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Arrays it can hold.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.capacity
    }

    /// Ticks covered by one array.
    const fn span(&self) -> i32 {
        TICKS_PER_ARRAY_I32 * self.tick_spacing as i32
    }

    /// Starts an array anew: known, without initialised ticks. Replaces what was known of it.
    ///
    /// # Errors
    /// [`SetError::BadStart`], or [`SetError::Full`] for one array too many (nothing is evicted).
    pub fn begin(&mut self, start_tick_index: i32, existence: Existence) -> Result<(), SetError> {
        let in_range = start_tick_index <= MAX_TICK && start_tick_index > MIN_TICK - self.span();
        if !in_range || start_tick_index % self.span() != 0 {
            return Err(SetError::BadStart { start_tick_index });
        }
        match self.find(start_tick_index) {
            Ok(at) => {
                let entry = &mut self.entries[at];
                entry.existence = existence;
                self.storage[entry.storage].bitmap = 0;
                self.storage[entry.storage].liquidity_net = [0; TICKS_PER_ARRAY];
            }
            Err(at) => {
                if self.entries.len() == self.capacity {
                    return Err(SetError::Full { capacity: self.capacity });
                }
                let storage = self.storage.len();
                self.storage.push(TickArray::empty(start_tick_index));
                self.entries.insert(at, Entry { start_tick_index, existence, storage });
            }
        }
        Ok(())
    }

    /// Marks a tick of a present array as initialised.
    ///
    /// # Errors
    /// [`SetError::BadTick`] where the tick is not a multiple of the spacing, or its array was not
    /// begun as present.
    pub fn set_tick(&mut self, tick_index: i32, liquidity_net: i128) -> Result<(), SetError> {
        let bad = SetError::BadTick { tick_index };
        let spacing = i32::from(self.tick_spacing);
        if !(MIN_TICK..=MAX_TICK).contains(&tick_index) || tick_index % spacing != 0 {
            return Err(bad);
        }
        let span = self.span();
        let start = tick_index.div_euclid(span) * span;
        let Ok(at) = self.find(start) else { return Err(bad) };
        let entry = &self.entries[at];
        if entry.existence == Existence::Absent {
            return Err(bad);
        }
        // Between 0 and 87 by the definition of `start`.
        let slot = usize::try_from((tick_index - start) / spacing).map_err(|_| bad)?;
        let array = &mut self.storage[entry.storage];
        array.bitmap |= 1 << slot;
        array.liquidity_net[slot] = liquidity_net;
        Ok(())
    }

    /// Takes a whole array. Replaces what was known of it.
    ///
    /// # Errors
    /// As [`TickArraySet::begin`].
    pub fn replace(&mut self, array: &TickArray) -> Result<(), SetError> {
        self.begin(array.start_tick_index, Existence::Present)?;
        if let Ok(at) = self.find(array.start_tick_index) {
            let storage = self.entries[at].storage;
            self.storage[storage].clone_from(array);
            // Bits beyond the slots mean nothing.
            self.storage[storage].bitmap &= (1 << TICKS_PER_ARRAY) - 1;
        }
        Ok(())
    }

    /// What is known of the array that starts there.
    #[inline]
    #[must_use]
    pub fn slot(&self, start_tick_index: i32) -> ArraySlot<'_> {
        match self.find(start_tick_index) {
            Ok(at) => {
                let entry = &self.entries[at];
                match entry.existence {
                    Existence::Present => ArraySlot::Present(&self.storage[entry.storage]),
                    Existence::Absent => ArraySlot::Absent,
                }
            }
            Err(_) => ArraySlot::Unknown,
        }
    }

    /// The known arrays by rising start; `None` stands for one that does not exist on chain.
    pub fn iter(&self) -> impl Iterator<Item = (i32, Option<&TickArray>)> {
        self.entries.iter().map(|entry| {
            let array = match entry.existence {
                Existence::Present => Some(&self.storage[entry.storage]),
                Existence::Absent => None,
            };
            (entry.start_tick_index, array)
        })
    }

    fn find(&self, start_tick_index: i32) -> Result<usize, usize> {
        self.entries.binary_search_by_key(&start_tick_index, |entry| entry.start_tick_index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_are_kept_sorted_and_replaced() {
        let mut set = TickArraySet::with_capacity(3, 64);
        set.begin(5632, Existence::Present).expect("room");
        set.begin(-5632, Existence::Absent).expect("room");
        set.begin(0, Existence::Present).expect("room");
        set.set_tick(64, 7).expect("present");
        set.set_tick(11200, -7).expect("last slot");
        let starts: Vec<i32> = set.iter().map(|(start, _)| start).collect();
        assert_eq!(starts, [-5632, 0, 5632]);
        assert_eq!(set.slot(-5632), ArraySlot::Absent);
        assert_eq!(set.slot(11264), ArraySlot::Unknown);
        let ArraySlot::Present(array) = set.slot(0) else { panic!("present") };
        assert_eq!((array.bitmap, array.liquidity_net[1]), (2, 7));
        let ArraySlot::Present(array) = set.slot(5632) else { panic!("present") };
        assert_eq!((array.bitmap, array.liquidity_net[87]), (1 << 87, -7));

        set.begin(0, Existence::Present).expect("replaced");
        assert_eq!(set.slot(0), ArraySlot::Present(&TickArray::empty(0)));
        assert_eq!(set.begin(11264, Existence::Absent), Err(SetError::Full { capacity: 3 }));
        assert_eq!(set.len(), 3);
    }

    #[test]
    fn bad_starts_and_ticks_are_refused() {
        let mut set = TickArraySet::with_capacity(3, 8);
        assert_eq!(
            set.begin(8, Existence::Present),
            Err(SetError::BadStart { start_tick_index: 8 })
        );
        set.begin(0, Existence::Present).expect("room");
        set.begin(704, Existence::Absent).expect("room");
        for tick_index in [4, -8, 704] {
            assert_eq!(set.set_tick(tick_index, 1), Err(SetError::BadTick { tick_index }));
        }
    }
}
