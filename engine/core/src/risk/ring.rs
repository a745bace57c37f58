//! A queue of fixed capacity: what every window of the risk trackers is kept in.

use alloc::boxed::Box;
use alloc::vec;

use serde::{Deserialize, Serialize};

/// A first-in, first-out queue whose capacity never changes after [`Ring::new`].
///
/// Its serialised form holds every slot, so that a restored ring has the capacity of the original.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Parts<T>", bound(deserialize = "T: Copy + Default + Deserialize<'de>"))]
pub struct Ring<T: Copy + Default> {
    slots: Box<[T]>,
    /// Index of the oldest entry.
    first_index: usize,
    count: usize,
}

/// What a ring is read back from, before its indices are known to be in range.
#[derive(Deserialize)]
struct Parts<T> {
    slots: Box<[T]>,
    first_index: usize,
    count: usize,
}

/// A serialised ring whose indices point outside its slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct BadRing;

impl core::fmt::Display for BadRing {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("ring indices outside the slots")
    }
}

impl<T: Copy + Default> TryFrom<Parts<T>> for Ring<T> {
    type Error = BadRing;

    fn try_from(parts: Parts<T>) -> Result<Self, BadRing> {
        let Parts { slots, first_index, count } = parts;
        let in_range = count <= slots.len() && first_index < slots.len().max(1);
        if in_range { Ok(Self { slots, first_index, count }) } else { Err(BadRing) }
    }
}

impl<T: Copy + Default> Ring<T> {
    /// An empty ring. The only place that allocates.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { slots: vec![T::default(); capacity].into_boxed_slice(), first_index: 0, count: 0 }
    }

    /// Entries held.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Most entries it can hold.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.slots.len()
    }

    /// Whether another entry would displace the oldest.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.count == self.slots.len()
    }

    /// The oldest entry.
    #[must_use]
    pub fn oldest(&self) -> Option<T> {
        self.iter().next()
    }

    /// Appends an entry; the oldest gives way and is returned when there is no room. A ring of
    /// capacity zero gives the entry back.
    pub fn push(&mut self, entry: T) -> Option<T> {
        if self.slots.is_empty() {
            return Some(entry);
        }
        let displaced = if self.is_full() { self.pop() } else { None };
        let index = (self.first_index + self.count) % self.slots.len();
        self.slots[index] = entry;
        self.count += 1;
        displaced
    }

    /// Takes the oldest entry.
    pub fn pop(&mut self) -> Option<T> {
        let oldest = self.oldest()?;
        self.first_index = (self.first_index + 1) % self.slots.len();
        self.count -= 1;
        Some(oldest)
    }

    /// Forgets every entry; the capacity stays.
    pub fn clear(&mut self) {
        (self.first_index, self.count) = (0, 0);
    }

    /// Entries from the oldest to the newest.
    pub fn iter(&self) -> impl Iterator<Item = T> {
        let (wrapped, from_first) = self.slots.split_at(self.first_index);
        from_first.iter().chain(wrapped).take(self.count).copied()
    }
}

/// Whether something that happened at `at_ns` still counts at `now_ns`.
///
/// A window of length `w` holds what is younger than `w`: exactly `w` old has left it.
#[must_use]
pub const fn is_inside(window_ns: u64, at_ns: u64, now_ns: u64) -> bool {
    now_ns.saturating_sub(at_ns) < window_ns
}

#[cfg(test)]
pub(super) mod testing {
    //! What the tests of the trackers share.

    use serde::Serialize;
    use serde::de::DeserializeOwned;

    /// The value after a trip through bytes, as at the start from an anchor.
    pub(crate) fn restored<T: Serialize + DeserializeOwned>(value: &T) -> T {
        let bytes = postcard::to_allocvec(value).expect("serialises");
        postcard::from_bytes(&bytes).expect("reads back")
    }

    /// `SplitMix64`: a long sequence from one seed that proptest can shrink.
    #[derive(Debug)]
    pub(crate) struct Random(pub(crate) u64);

    impl Random {
        pub(crate) fn next(&mut self) -> u64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ (mixed >> 31)
        }

        /// A number below `bound`.
        pub(crate) fn below(&mut self, bound: u64) -> u64 {
            self.next() % bound
        }

        /// An amount within `±bound`.
        pub(crate) fn signed(&mut self, bound: u64) -> i128 {
            i128::from(self.below(2 * bound + 1)) - i128::from(bound)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{Random, restored};
    use super::*;
    use alloc::collections::VecDeque;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_ring_is_a_queue_of_its_newest(seed: u64, capacity in 0_usize..9) {
            let (mut random, mut ring, mut model) =
                (Random(seed), Ring::new(capacity), VecDeque::new());
            for _ in 0..200 {
                match random.below(4) {
                    0 => prop_assert_eq!(ring.pop(), model.pop_front()),
                    1 if random.below(9) == 0 => ring = restored(&ring),
                    _ => {
                        let entry = random.next();
                        model.push_back(entry);
                        let displaced =
                            if model.len() > capacity { model.pop_front() } else { None };
                        prop_assert_eq!(ring.push(entry), displaced);
                    }
                }
                prop_assert_eq!(ring.iter().collect::<Vec<_>>(), Vec::from(model.clone()));
                prop_assert_eq!(ring.capacity(), capacity);
            }
        }
    }

    #[test]
    fn indices_outside_the_slots_are_refused() {
        for (shows, slots, first_index, count, ok) in [
            ("in range", 3_usize, 2_usize, 3_usize, true),
            ("no slots", 0, 0, 0, true),
            ("too many", 3, 0, 4, false),
            ("begins outside", 3, 3, 1, false),
        ] {
            let parts = (vec![7_u64; slots], first_index, count);
            let bytes = postcard::to_allocvec(&parts).expect("serialises");
            assert_eq!(postcard::from_bytes::<Ring<u64>>(&bytes).is_ok(), ok, "{shows}");
        }
    }

    #[test]
    fn a_window_ends_exactly_at_its_length() {
        for (now_ns, inside) in [(5, true), (10, true), (109, true), (110, false), (111, false)] {
            assert_eq!(is_inside(100, 10, now_ns), inside, "{now_ns}");
        }
    }
}
