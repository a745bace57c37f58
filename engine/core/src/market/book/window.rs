//! Levels near the touch: one size per tick in a ring, and a bitmap of the ticks that hold one.
//!
//! The ring index of a key is its low bits, so that sliding the window moves no level that stays.
//! The bitmap alone says whether a tick is occupied: sizes of free ticks are never read, which makes
//! clearing cheap and lets an update store its size without waiting for the old one.
//! Two more bitmaps, of non-zero words and of non-zero groups, find the next level in a few words.

use alloc::boxed::Box;
use alloc::vec;

const WORD_BITS: usize = 64;

// A ring index is a `u64` cut to the mask; it must survive the cast.
const _: () = assert!(usize::BITS >= 64);

/// Ring of ticks. It does not know which keys it covers: the caller keeps that range, at most
/// [`Window::ticks`] wide, and asks for keys inside it only.
#[derive(Clone, Debug)]
pub(super) struct Window {
    /// Unit: lots. Meaningful where the bit in `words` is set.
    sizes: Box<[u64]>,
    /// One bit a tick.
    words: Box<[u64]>,
    /// One bit a word.
    groups: Box<[u64]>,
    /// One bit a group.
    tops: Box<[u64]>,
    mask: u64,
}

impl Window {
    /// All memory is taken here. Shape: `2^ticks_log2` ticks, at least one word.
    pub(super) fn new(ticks_log2: u32) -> Self {
        assert!((6..=24).contains(&ticks_log2), "window of 2^{ticks_log2} ticks");
        let ticks = 1_usize << ticks_log2;
        let words = ticks / WORD_BITS;
        let groups = words.div_ceil(WORD_BITS);
        let tops = groups.div_ceil(WORD_BITS);
        Self {
            sizes: vec![0; ticks].into_boxed_slice(),
            words: vec![0; words].into_boxed_slice(),
            groups: vec![0; groups].into_boxed_slice(),
            tops: vec![0; tops].into_boxed_slice(),
            mask: (ticks - 1) as u64,
        }
    }

    /// Width of the ring. Unit: ticks.
    pub(super) const fn ticks(&self) -> u64 {
        self.mask + 1
    }

    /// Heap memory. Unit: bytes.
    pub(super) const fn memory_bytes(&self) -> usize {
        let entries = self.sizes.len() + self.words.len() + self.groups.len() + self.tops.len();
        entries * size_of::<u64>()
    }

    /// Frees every tick. Cost: one bit a tick is written, not its size.
    pub(super) fn clear(&mut self) {
        self.words.fill(0);
        self.groups.fill(0);
        self.tops.fill(0);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tops.iter().all(|top| *top == 0)
    }

    /// Whether a level rests at `key`.
    #[inline]
    pub(super) fn holds(&self, key: u64) -> bool {
        let at = self.slot(key);
        self.words[at / WORD_BITS] >> (at % WORD_BITS) & 1 != 0
    }

    /// The size at an occupied key. Unit: lots.
    #[inline]
    pub(super) fn size_lots(&self, key: u64) -> u64 {
        self.sizes[self.slot(key)]
    }

    /// Sets the size at `key`, zero frees it, and says whether a level was there before.
    ///
    /// Nearly free of branches, because whether an update inserts, replaces or deletes, and whether
    /// it empties a word, is not predictable in a real stream. That a group empties is rare.
    #[inline]
    pub(super) fn put(&mut self, key: u64, size_lots: u64) -> bool {
        let slot = self.slot(key);
        self.sizes[slot] = size_lots;
        let (index, bit) = (slot / WORD_BITS, slot % WORD_BITS);
        let before = self.words[index];
        let word = with_bit(before, bit, size_lots != 0);
        self.words[index] = word;
        let (group_index, group_bit) = (index / WORD_BITS, index % WORD_BITS);
        let group_before = self.groups[group_index];
        let group = with_bit(group_before, group_bit, word != 0);
        self.groups[group_index] = group;
        if (group_before == 0) != (group == 0) {
            let (top, bit) = (group_index / WORD_BITS, group_index % WORD_BITS);
            self.tops[top] = with_bit(self.tops[top], bit, group != 0);
        }
        before >> bit & 1 != 0
    }

    /// The highest occupied key in `lo..key`, and how many words were read.
    ///
    /// `lo` is the low end of the caller's range: a hit that lies further down is a higher key met
    /// after the ring wrapped.
    #[inline]
    pub(super) fn below(&self, key: u64, lo: u64) -> (Option<u64>, u32) {
        let (found, words) = self.slot_below(self.slot(key));
        let hit = found.and_then(|slot| {
            // `1..=ticks`: the slot of `key` itself is that of the lowest key of a full range.
            let distance = (key.wrapping_sub(slot as u64).wrapping_sub(1) & self.mask) + 1;
            let room = key.saturating_sub(lo);
            (distance <= room).then(|| key - distance)
        });
        (hit, words)
    }

    /// The lowest occupied key in `key..hi`, and how many words were read.
    pub(super) fn at_or_above(&self, key: u64, hi: u64) -> (Option<u64>, u32) {
        let (found, words) = self.slot_at_or_above(self.slot(key));
        let hit = found.and_then(|slot| {
            let distance = (slot as u64).wrapping_sub(key) & self.mask;
            let room = hi.saturating_sub(key);
            (distance < room).then(|| key + distance)
        });
        (hit, words)
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "usize has 64 bits, asserted above")]
    const fn slot(&self, key: u64) -> usize {
        (key & self.mask) as usize
    }

    /// Next occupied slot going down from `from`, not itself first, around the ring.
    #[inline]
    fn slot_below(&self, from: usize) -> (Option<usize>, u32) {
        let word = from / WORD_BITS;
        let bits = self.words[word] & low_bits(from % WORD_BITS);
        if bits != 0 {
            return (Some(word * WORD_BITS + highest(bits)), 1);
        }
        let group = word / WORD_BITS;
        let bits = self.groups[group] & low_bits(word % WORD_BITS);
        if bits != 0 {
            return (Some(self.highest_of_word(group * WORD_BITS + highest(bits))), 3);
        }
        let top = group / WORD_BITS;
        let bits = self.tops[top] & low_bits(group % WORD_BITS);
        if bits != 0 {
            return (Some(self.highest_of_group(top * WORD_BITS + highest(bits))), 5);
        }
        // Around the ring; the last one visited is `top` itself, for the slots at and above `from`.
        let mut words = 5;
        for step in 1..=self.tops.len() {
            let index = (top + self.tops.len() - step) % self.tops.len();
            words += 1;
            if self.tops[index] != 0 {
                let group = index * WORD_BITS + highest(self.tops[index]);
                return (Some(self.highest_of_group(group)), words);
            }
        }
        (None, words)
    }

    /// Next occupied slot going up from `from`, itself first, around the ring.
    fn slot_at_or_above(&self, from: usize) -> (Option<usize>, u32) {
        let word = from / WORD_BITS;
        let bits = self.words[word] & !low_bits(from % WORD_BITS);
        if bits != 0 {
            return (Some(word * WORD_BITS + lowest(bits)), 1);
        }
        let group = word / WORD_BITS;
        let bits = self.groups[group] & !low_bits(word % WORD_BITS) & !(1 << (word % WORD_BITS));
        if bits != 0 {
            return (Some(self.lowest_of_word(group * WORD_BITS + lowest(bits))), 3);
        }
        let top = group / WORD_BITS;
        let bits = self.tops[top] & !low_bits(group % WORD_BITS) & !(1 << (group % WORD_BITS));
        if bits != 0 {
            return (Some(self.lowest_of_group(top * WORD_BITS + lowest(bits))), 5);
        }
        let mut words = 5;
        for step in 1..=self.tops.len() {
            let index = (top + step) % self.tops.len();
            words += 1;
            if self.tops[index] != 0 {
                let group = index * WORD_BITS + lowest(self.tops[index]);
                return (Some(self.lowest_of_group(group)), words);
            }
        }
        (None, words)
    }

    fn highest_of_group(&self, group: usize) -> usize {
        self.highest_of_word(group * WORD_BITS + highest(self.groups[group]))
    }

    fn highest_of_word(&self, word: usize) -> usize {
        word * WORD_BITS + highest(self.words[word])
    }

    fn lowest_of_group(&self, group: usize) -> usize {
        self.lowest_of_word(group * WORD_BITS + lowest(self.groups[group]))
    }

    fn lowest_of_word(&self, word: usize) -> usize {
        word * WORD_BITS + lowest(self.words[word])
    }
}

/// `word` with the bit at `bit` set or cleared.
#[inline]
const fn with_bit(word: u64, bit: usize, value: bool) -> u64 {
    word & !(1 << bit) | (value as u64) << bit
}

/// The bits below `bit`, which is `0..64`.
#[inline]
const fn low_bits(bit: usize) -> u64 {
    (1 << bit) - 1
}

/// Index of the highest set bit of a word that is not zero.
#[inline]
const fn highest(bits: u64) -> usize {
    bits.ilog2() as usize
}

/// Index of the lowest set bit of a word that is not zero.
#[inline]
const fn lowest(bits: u64) -> usize {
    bits.trailing_zeros() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_found_over_words_groups_tops_and_the_wrap() {
        // What it shows, ring, keys, from, expected below, expected at or above.
        type Row = (&'static str, u32, &'static [u64], u64, Option<u64>, Option<u64>);
        let rows: [Row; 9] = [
            ("nothing there", 6, &[], 100, None, None),
            ("same word", 6, &[98, 101], 100, Some(98), Some(101)),
            ("itself counts above only", 6, &[100], 100, None, Some(100)),
            ("a word further", 12, &[5_000, 5_900], 5_500, Some(5_000), Some(5_900)),
            ("a group further", 18, &[100_000, 200_000], 150_000, Some(100_000), Some(200_000)),
            ("a top further", 20, &[500_000, 1_200_000], 800_000, Some(500_000), Some(1_200_000)),
            ("over the wrap", 6, &[60, 70], 65, Some(60), Some(70)),
            ("only above", 9, &[600], 599, None, Some(600)),
            ("only below", 9, &[598], 599, Some(598), None),
        ];
        for (shows, ticks_log2, keys, from, below, above) in rows {
            let mut window = Window::new(ticks_log2);
            let half = window.ticks() / 2;
            for key in keys {
                assert!(!window.put(*key, 7), "{shows}");
                assert!(window.holds(*key), "{shows}");
            }
            let (lo, hi) = (from.saturating_sub(half), from.saturating_sub(half) + 2 * half);
            assert_eq!(window.below(from, lo).0, below, "below: {shows}");
            assert_eq!(window.at_or_above(from, hi).0, above, "above: {shows}");
        }
    }

    #[test]
    fn a_higher_key_met_after_the_wrap_is_not_below() {
        let mut window = Window::new(6);
        window.put(130, 1);
        assert_eq!(window.below(128, 100).0, None);
        assert_eq!(window.at_or_above(131, 164).0, None);
    }

    #[test]
    fn the_lowest_key_of_a_full_range_shares_a_slot_with_its_end() {
        let mut window = Window::new(6);
        window.put(100, 1);
        assert_eq!(window.below(164, 100).0, Some(100));
        assert_eq!(window.below(100, 100).0, None);
    }

    #[test]
    fn clearing_frees_what_sizes_remember() {
        let mut window = Window::new(9);
        window.put(1_000, 5);
        window.clear();
        assert!(window.is_empty() && !window.holds(1_000));
        assert!(!window.put(1_000, 6), "an insert, not a replacement");
    }
}
