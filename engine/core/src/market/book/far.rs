//! Levels outside the window: sorted blocks in an arena, and per side a sorted directory of blocks.
//!
//! Two levels of arrays instead of a tree of nodes: everything that has to move moves in one piece,
//! and a search is five rounds of comparisons that do not wait for each other, where a bisection
//! would wait 16 times. Neighbouring blocks that fit into three quarters of one are joined; so any two
//! neighbours hold more than that together, which bounds the arena.

use alloc::boxed::Box;
use alloc::vec;

use super::LEVELS_MAX;

/// Levels a block can hold: 1 KiB, sixteen cache lines.
pub(super) const BLOCK_LEVELS: usize = 64;

/// Two neighbours with this many levels or fewer become one block. Below [`BLOCK_LEVELS`], so that
/// a level that comes and goes at the edge does not split and join for ever.
const JOIN_LEVELS: usize = 48;

/// Blocks of the arena: with any two neighbours above [`JOIN_LEVELS`], `n` levels of one side take
/// at most `2n / 49 + 1` blocks; one more exists between a split and the joins that follow it.
pub(super) const BLOCKS_MAX: usize = 2 * LEVELS_MAX / (JOIN_LEVELS + 1) + 4;

/// Keys compared in one round of a search.
const RUN: usize = 8;

/// Places of a directory: whole strides of `RUN * RUN`, so that rounds need no end.
const FIRSTS_MAX: usize = BLOCKS_MAX.next_multiple_of(RUN * RUN);

/// Stands behind the last key of a block or directory: above every key.
const NONE: u64 = u64::MAX >> 1;

const _: () = assert!(NONE > super::MIRROR, "differences of keys have a sign");
const _: () = assert!(BLOCK_LEVELS == RUN * RUN, "two rounds find a place in a block");
const _: () = assert!(JOIN_LEVELS < BLOCK_LEVELS);
const _: () = assert!(BLOCKS_MAX < u16::MAX as usize, "block ids have 16 bits");

type Half = [u64; BLOCK_LEVELS];

/// The blocks of both sides.
#[derive(Clone, Debug)]
pub(super) struct Arena {
    /// [`NONE`] behind the last level.
    keys: Box<[Half]>,
    /// Unit: lots. Meaningful where there is a key.
    sizes: Box<[Half]>,
    /// Ids that were used and given back: the first `free_count`. No vector here and below: boxed
    /// slices cannot grow by mistake, and a clone has their full length.
    free: Box<[u16]>,
    free_count: usize,
    /// Ids from here on were never used since the last clear.
    fresh: u16,
}

impl Arena {
    pub(super) fn new() -> Self {
        Self {
            keys: vec![[0; BLOCK_LEVELS]; BLOCKS_MAX].into_boxed_slice(),
            sizes: vec![[0; BLOCK_LEVELS]; BLOCKS_MAX].into_boxed_slice(),
            free: vec![0; BLOCKS_MAX].into_boxed_slice(),
            free_count: 0,
            fresh: 0,
        }
    }

    /// Takes every block back, whoever has it: the directories must be cleared too.
    pub(super) fn clear(&mut self) {
        self.free_count = 0;
        self.fresh = 0;
    }

    /// Heap memory. Unit: bytes.
    pub(super) const fn memory_bytes() -> usize {
        BLOCKS_MAX * (2 * size_of::<Half>() + size_of::<u16>())
    }

    fn take(&mut self) -> u16 {
        if let Some(last) = self.free_count.checked_sub(1) {
            self.free_count = last;
            return self.free[last];
        }
        let id = self.fresh;
        assert!(
            usize::from(id) < BLOCKS_MAX,
            "Invariant: joins keep {LEVELS_MAX} levels in bounds"
        );
        self.fresh += 1;
        id
    }

    fn give_back(&mut self, id: u16) {
        assert!(self.free_count < BLOCKS_MAX, "Invariant: a block is given back once");
        self.free[self.free_count] = id;
        self.free_count += 1;
    }
}

/// What a directory knows of a block beside its first key.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    id: u16,
    /// Levels in the block, `1..=BLOCK_LEVELS`.
    count: u16,
}

/// Position of a level: block by place in the directory, and place in the block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    block: usize,
    at: usize,
}

/// The far levels of one side, by ascending key.
#[derive(Clone, Debug)]
pub(super) struct Far {
    /// First key of each block, then [`NONE`]; apart from `entries`, because the search reads these
    /// alone. Shape: [`FIRSTS_MAX`].
    firsts: Box<[u64]>,
    /// One for each block. Shape: [`BLOCKS_MAX`], of which `count` are in use.
    entries: Box<[Entry]>,
    /// Blocks of this side.
    count: usize,
    /// Array entries moved since [`Far::begin_event`].
    shifted: u32,
}

impl Far {
    pub(super) fn new() -> Self {
        Self {
            firsts: vec![NONE; FIRSTS_MAX].into_boxed_slice(),
            entries: vec![Entry::default(); BLOCKS_MAX].into_boxed_slice(),
            count: 0,
            shifted: 0,
        }
    }

    /// Forgets every level; the arena takes the blocks back on its own.
    pub(super) fn clear(&mut self) {
        self.firsts[..self.count].fill(NONE);
        self.count = 0;
    }

    /// Heap memory. Unit: bytes.
    pub(super) const fn memory_bytes() -> usize {
        FIRSTS_MAX * size_of::<u64>() + BLOCKS_MAX * size_of::<Entry>()
    }

    /// Starts counting anew.
    pub(super) fn begin_event(&mut self) {
        self.shifted = 0;
    }

    /// Array entries moved since [`Far::begin_event`].
    pub(super) const fn shifted(&self) -> u32 {
        self.shifted
    }

    /// Sets the size at `key` and says whether a level was there before. `size_lots` is not zero.
    pub(super) fn put(&mut self, arena: &mut Arena, key: u64, size_lots: u64) -> bool {
        if self.count == 0 {
            self.add_block(arena, 0, key, size_lots);
            return false;
        }
        let (place, found) = self.search(arena, key);
        let Entry { id, count } = self.entries[place.block];
        if found {
            arena.sizes[usize::from(id)][place.at] = size_lots;
            return true;
        }
        if usize::from(count) < BLOCK_LEVELS {
            self.insert_at(arena, place, key, size_lots);
        } else if place.at == BLOCK_LEVELS {
            // In venue order levels come one after the other: full blocks are left behind.
            self.add_block(arena, place.block + 1, key, size_lots);
            self.join_around(arena, place.block + 1);
        } else if place.at == 0 {
            self.add_block(arena, place.block, key, size_lots);
            self.join_around(arena, place.block);
        } else {
            self.split(arena, place.block);
            let half = BLOCK_LEVELS / 2;
            if place.at <= half {
                self.insert_at(arena, place, key, size_lots);
            } else {
                let place = Place { block: place.block + 1, at: place.at - half };
                self.insert_at(arena, place, key, size_lots);
            }
            // The halves do not fit together, but each may fit to its other neighbour.
            self.join_with_next(arena, place.block + 1);
            self.join_around(arena, place.block);
        }
        false
    }

    /// Whether a level rests at `key`.
    pub(super) fn holds(&self, arena: &Arena, key: u64) -> bool {
        self.count != 0 && self.search(arena, key).1
    }

    /// Removes the level at `key`; its size, if there was one.
    pub(super) fn remove(&mut self, arena: &mut Arena, key: u64) -> Option<u64> {
        if self.count == 0 {
            return None;
        }
        let (Place { block, at }, found) = self.search(arena, key);
        if !found {
            return None;
        }
        let Entry { id, count } = self.entries[block];
        let (id, count) = (usize::from(id), usize::from(count));
        let size_lots = arena.sizes[id][at];
        arena.keys[id].copy_within(at + 1..count, at);
        arena.sizes[id].copy_within(at + 1..count, at);
        arena.keys[id][count - 1] = NONE;
        self.note_shifted(count - 1 - at);
        self.entries[block].count -= 1;
        self.note_first(arena, block);
        if count == 1 {
            self.drop_block(arena, block);
        } else {
            self.join_around(arena, block);
        }
        Some(size_lots)
    }

    /// The level with the highest key.
    #[inline]
    pub(super) fn highest(&self, arena: &Arena) -> Option<(u64, u64)> {
        self.last_place().map(|place| self.level(arena, place))
    }

    /// Place of the highest level.
    #[inline]
    pub(super) fn last_place(&self) -> Option<Place> {
        let block = self.count.checked_sub(1)?;
        Some(Place { block, at: usize::from(self.entries[block].count) - 1 })
    }

    /// The next place down.
    pub(super) fn place_below(&self, place: Place) -> Option<Place> {
        if place.at > 0 {
            return Some(Place { block: place.block, at: place.at - 1 });
        }
        let block = place.block.checked_sub(1)?;
        Some(Place { block, at: usize::from(self.entries[block].count) - 1 })
    }

    /// Key and size of a place that exists.
    pub(super) fn level(&self, arena: &Arena, place: Place) -> (u64, u64) {
        let id = usize::from(self.entries[place.block].id);
        (arena.keys[id][place.at], arena.sizes[id][place.at])
    }

    /// The lowest key at or above `key`.
    pub(super) fn at_or_above(&self, arena: &Arena, key: u64) -> Option<u64> {
        if self.count == 0 {
            return None;
        }
        let (Place { block, at }, _) = self.search(arena, key);
        let Entry { id, count } = self.entries[block];
        if at < usize::from(count) {
            return Some(arena.keys[usize::from(id)][at]);
        }
        self.firsts.get(block + 1).copied().filter(|key| *key != NONE)
    }

    /// The highest key below `key`.
    pub(super) fn below(&self, arena: &Arena, key: u64) -> Option<u64> {
        if self.count == 0 {
            return None;
        }
        let (place, _) = self.search(arena, key);
        self.place_below(place).map(|place| self.level(arena, place).0)
    }

    /// Where `key` is, or where it would go: at the end of its block rather than before the next.
    /// There is at least one block.
    fn search(&self, arena: &Arena, key: u64) -> (Place, bool) {
        const STRIDE: usize = RUN * RUN;
        // The block is the last that does not begin above the key, or the first of all.
        let above = key + 1;
        let strides = self.count.div_ceil(STRIDE);
        let heads = (1..strides).map(|stride| is_below(self.firsts[stride * STRIDE], above));
        let stride = heads.sum::<usize>() * STRIDE;
        let firsts: &Half = part(&self.firsts, stride);
        let block = (stride + place_in(firsts, above)).saturating_sub(1);
        let Entry { id, count } = self.entries[block];
        let keys = &arena.keys[usize::from(id)];
        let at = place_in(keys, key);
        assert!(at <= usize::from(count), "Invariant: no key is above the padding");
        (Place { block, at }, keys.get(at) == Some(&key))
    }

    /// Keeps the directory's first key of a block in step with the block.
    fn note_first(&mut self, arena: &Arena, block: usize) {
        self.firsts[block] = arena.keys[usize::from(self.entries[block].id)][0];
    }

    fn insert_entry(&mut self, block: usize, first: u64, entry: Entry) {
        let count = self.count;
        assert!(count < BLOCKS_MAX, "Invariant: a directory is as large as the arena");
        self.firsts.copy_within(block..count, block + 1);
        self.firsts[block] = first;
        self.entries.copy_within(block..count, block + 1);
        self.entries[block] = entry;
        self.count += 1;
        self.note_shifted(count - block);
    }

    fn remove_entry(&mut self, block: usize) {
        let count = self.count;
        self.firsts.copy_within(block + 1..count, block);
        self.firsts[count - 1] = NONE;
        self.entries.copy_within(block + 1..count, block);
        self.count -= 1;
        self.note_shifted(count - 1 - block);
    }

    /// Inserts into a block that has room.
    fn insert_at(&mut self, arena: &mut Arena, place: Place, key: u64, size_lots: u64) {
        let Place { block, at } = place;
        let Entry { id, count } = self.entries[block];
        let (id, count) = (usize::from(id), usize::from(count));
        assert!(count < BLOCK_LEVELS, "Invariant: the caller made room");
        arena.keys[id].copy_within(at..count, at + 1);
        arena.sizes[id].copy_within(at..count, at + 1);
        self.note_shifted(count - at);
        arena.keys[id][at] = key;
        arena.sizes[id][at] = size_lots;
        self.entries[block].count += 1;
        self.note_first(arena, block);
    }

    /// Adds a block of one level at `block` of the directory.
    fn add_block(&mut self, arena: &mut Arena, block: usize, key: u64, size_lots: u64) {
        let id = arena.take();
        let keys = &mut arena.keys[usize::from(id)];
        keys.fill(NONE);
        keys[0] = key;
        arena.sizes[usize::from(id)][0] = size_lots;
        self.insert_entry(block, key, Entry { id, count: 1 });
    }

    /// Moves the upper half of a full block into a new one behind it.
    fn split(&mut self, arena: &mut Arena, block: usize) {
        const HALF_COUNT: u16 = 32;
        const HALF: usize = HALF_COUNT as usize;
        const { assert!(2 * HALF == BLOCK_LEVELS) };
        let from = usize::from(self.entries[block].id);
        let new_id = arena.take();
        let to = usize::from(new_id);
        let (keys, sizes) = (arena.keys[from], arena.sizes[from]);
        arena.keys[to][..HALF].copy_from_slice(&keys[HALF..]);
        arena.keys[to][HALF..].fill(NONE);
        arena.keys[from][HALF..].fill(NONE);
        arena.sizes[to][..HALF].copy_from_slice(&sizes[HALF..]);
        self.note_shifted(HALF);
        self.entries[block].count = HALF_COUNT;
        self.insert_entry(block + 1, keys[HALF], Entry { id: new_id, count: HALF_COUNT });
    }

    /// Joins `block` with either neighbour where both fit into [`JOIN_LEVELS`].
    fn join_around(&mut self, arena: &mut Arena, block: usize) {
        self.join_with_next(arena, block);
        if let Some(before) = block.checked_sub(1) {
            self.join_with_next(arena, before);
        }
    }

    fn join_with_next(&mut self, arena: &mut Arena, block: usize) {
        if block + 1 >= self.count {
            return;
        }
        let (lower, upper) = (self.entries[block], self.entries[block + 1]);
        let (kept, moved) = (usize::from(lower.count), usize::from(upper.count));
        if kept + moved > JOIN_LEVELS {
            return;
        }
        let (to, from) = (usize::from(lower.id), usize::from(upper.id));
        let (keys, sizes) = (arena.keys[from], arena.sizes[from]);
        arena.keys[to][kept..kept + moved].copy_from_slice(&keys[..moved]);
        arena.sizes[to][kept..kept + moved].copy_from_slice(&sizes[..moved]);
        self.note_shifted(moved);
        self.entries[block].count += upper.count;
        self.drop_block(arena, block + 1);
    }

    fn drop_block(&mut self, arena: &mut Arena, block: usize) {
        arena.give_back(self.entries[block].id);
        self.remove_entry(block);
    }

    fn note_shifted(&mut self, entries: usize) {
        self.shifted = self.shifted.saturating_add(u32::try_from(entries).unwrap_or(u32::MAX));
    }

    /// Checks everything the module promises about its own shape.
    #[cfg(test)]
    pub(super) fn assert_sound(&self, arena: &Arena) {
        assert!(self.firsts[self.count..].iter().all(|first| *first == NONE));
        let mut last = None;
        for (block, entry) in self.entries[..self.count].iter().enumerate() {
            let (keys, rest) = arena.keys[usize::from(entry.id)].split_at(usize::from(entry.count));
            assert!(rest.iter().all(|key| *key == NONE), "padding of block {block}");
            assert_eq!(keys.first(), Some(&self.firsts[block]), "first key of block {block}");
            for key in keys {
                assert!(last < Some(*key), "ascending");
                last = Some(*key);
            }
        }
        for pair in self.entries[..self.count].windows(2) {
            assert!(usize::from(pair[0].count + pair[1].count) > JOIN_LEVELS, "{pair:?}");
        }
    }
}

/// 1 when `here` is below `key`, else 0: the sign of the difference.
#[inline]
const fn is_below(here: u64, key: u64) -> usize {
    (here.wrapping_sub(key) >> (u64::BITS - 1)) as usize
}

/// How many of the keys, ascending and padded, are below `key`: first which run, then where in it.
#[inline]
fn place_in(keys: &Half, key: u64) -> usize {
    let run = (1..RUN).map(|run| is_below(keys[run * RUN], key)).sum::<usize>() * RUN;
    let run_keys: &[u64; RUN] = part(keys, run);
    run + run_keys.iter().map(|here| is_below(*here, key)).sum::<usize>()
}

/// `N` entries from `start` on, as an array, which has no length to check.
#[inline]
fn part<const N: usize>(entries: &[u64], start: usize) -> &[u64; N] {
    entries[start..].first_chunk().expect("Invariant: arrays end with whole runs")
}

#[cfg(test)]
mod properties {
    use alloc::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// Keys from a small range, so that blocks fill, split, join and empty.
        #[test]
        fn the_same_levels_as_an_ordered_map(
            ops in prop::collection::vec((1_u64..900, 0_u64..3), 1..4_000),
            probes in prop::collection::vec(0_u64..1_000, 20),
        ) {
            let (mut far, mut arena, mut map) = (Far::new(), Arena::new(), BTreeMap::new());
            for (key, size) in ops {
                if size == 0 {
                    prop_assert_eq!(far.remove(&mut arena, key), map.remove(&key));
                } else {
                    prop_assert_eq!(far.put(&mut arena, key, size), map.insert(key, size).is_some());
                }
            }
            far.assert_sound(&arena);
            prop_assert_eq!(far.highest(&arena), map.last_key_value().map(|(k, v)| (*k, *v)));
            for probe in probes {
                let above = map.range(probe..).next().map(|(key, _)| *key);
                let below = map.range(..probe).next_back().map(|(key, _)| *key);
                prop_assert_eq!(far.at_or_above(&arena, probe), above);
                prop_assert_eq!(far.below(&arena, probe), below);
                prop_assert_eq!(far.holds(&arena, probe), map.contains_key(&probe));
            }
        }
    }
}
