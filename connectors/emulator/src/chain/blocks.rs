//! Slots, blocks, their hashes and how settled they are.

use std::collections::VecDeque;

use sha2::{Digest as _, Sha256};

use crate::happening::Commitment;
use crate::market::Rng;

/// From one slot to the next. Unit: nanoseconds of market time.
pub const SLOT_NS: u64 = 400_000_000;

/// A blockhash is good for so many blocks after its own.
pub const BLOCKHASH_BLOCKS: u64 = 150;

/// Blocks behind the newest at which a block counts as confirmed.
pub const CONFIRMED_BLOCKS: u64 = 2;

/// Blocks behind the newest at which a block is rooted.
pub const FINALIZED_BLOCKS: u64 = 32;

/// From a slot's beginning until its bank is frozen, at most. Unit: nanoseconds.
const FREEZE_NS: u64 = 362_000_000;

/// Most by which a bank is frozen earlier. Unit: nanoseconds.
const FREEZE_JITTER_NS: u64 = 24_000_000;

/// Most by which a slot begins late. Unit: nanoseconds.
const BEGIN_JITTER_NS: u64 = 8_000_000;

/// Blocks remembered: a node knows 300 hashes, and a lagging one looks further back.
const BLOCKS_KEPT: usize = 512;

/// Blocks made before the first one, so that everything has a past.
const BLOCKS_BEFORE: u64 = 320;

/// Slots of the chain that never got a block; block heights are smaller by these.
const HEIGHT_BEHIND: u64 = 21_873_446;

/// One block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Its slot.
    pub slot: u64,
    /// Slot of the block before.
    pub parent: u64,
    /// Blocks below it.
    pub height: u64,
    /// Its hash.
    pub hash: [u8; 32],
    /// When its slot began. Unit: Unix nanoseconds.
    pub begin_ns: u64,
}

impl Block {
    /// The time that programs see. Unit: Unix seconds.
    #[must_use]
    pub const fn time_s(&self) -> u64 {
        self.begin_ns / 1_000_000_000
    }
}

/// Recent blocks, oldest first. The last one may still be in the making.
#[derive(Clone, Debug)]
pub(crate) struct Blocks {
    seed: u64,
    start_ns: u64,
    start_slot: u64,
    skip_permille: u64,
    list: VecDeque<Block>,
    /// Whether the last block is in the making.
    is_open: bool,
    /// Abandoned blocks, so that a slot that comes again gets another hash.
    forks: u64,
}

impl Blocks {
    pub(crate) fn new(seed: u64, start_ns: u64, start_slot: u64, skip_permille: u64) -> Self {
        let mut blocks = Self {
            seed,
            start_ns,
            start_slot,
            skip_permille,
            list: VecDeque::new(),
            is_open: false,
            forks: 0,
        };
        for slot in start_slot - BLOCKS_BEFORE..=start_slot {
            let begin_ns = start_ns.saturating_sub((start_slot + 1 - slot) * SLOT_NS);
            blocks.push(slot, slot - 1, begin_ns);
        }
        blocks
    }

    fn push(&mut self, slot: u64, parent: u64, begin_ns: u64) {
        let height = match self.list.back() {
            Some(last) => last.height + 1,
            None => slot.saturating_sub(HEIGHT_BEHIND),
        };
        if self.list.len() == BLOCKS_KEPT {
            self.list.pop_front();
        }
        let mut hasher = Sha256::new();
        for part in [self.seed, slot, self.forks] {
            hasher.update(part.to_le_bytes());
        }
        self.list.push_back(Block {
            slot,
            parent,
            height,
            hash: hasher.finalize().into(),
            begin_ns,
        });
    }

    /// Chance of one slot, whatever was asked before.
    fn rng(&self, slot: u64) -> Rng {
        Rng::new(self.seed ^ slot.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// The next slot that gets a block, and when it begins. Unit: Unix nanoseconds.
    pub(crate) fn next(&self) -> (u64, u64) {
        let mut slot = self.newest().slot + 1;
        // Two in a row at most: a leader has four slots and rarely loses them all.
        for _ in 0..2 {
            if !self.rng(slot).chance(self.skip_permille) {
                break;
            }
            slot += 1;
        }
        let jitter = self.rng(slot).below(BEGIN_JITTER_NS);
        (slot, self.start_ns + (slot - self.start_slot - 1) * SLOT_NS + jitter)
    }

    /// When the open block is frozen; `None` where none is open. Unit: Unix nanoseconds.
    pub(crate) fn freeze_ns(&self) -> Option<u64> {
        let open = self.list.back().filter(|_| self.is_open)?;
        Some(open.begin_ns + FREEZE_NS - self.rng(open.slot).below(FREEZE_JITTER_NS))
    }

    /// Opens a block on top of the newest.
    pub(crate) fn open(&mut self, slot: u64, begin_ns: u64) -> Block {
        let parent = self.newest().slot;
        self.push(slot, parent, begin_ns);
        self.is_open = true;
        *self.newest()
    }

    /// Freezes the open block.
    pub(crate) const fn freeze(&mut self) {
        self.is_open = false;
    }

    /// Gives up the newest block, which is frozen and not confirmed; its slot.
    pub(crate) fn abandon(&mut self) -> Option<u64> {
        if self.is_open || self.list.len() < 2 {
            return None;
        }
        self.forks += 1;
        self.list.pop_back().map(|block| block.slot)
    }

    /// The newest block, open or not.
    pub(crate) fn newest(&self) -> &Block {
        self.list.back().expect("Invariant: blocks are made at the start and one always stays")
    }

    /// Place of the newest frozen block of a node that is `lag` slots behind.
    fn place(&self, commitment: Commitment, lag: u64) -> usize {
        let frozen = self.list.len() - 1 - usize::from(self.is_open);
        let newest = self.list[frozen].slot.saturating_sub(lag);
        let seen = self.list.partition_point(|block| block.slot <= newest).saturating_sub(1);
        let behind = match commitment {
            Commitment::Processed => 0,
            Commitment::Confirmed => CONFIRMED_BLOCKS,
            Commitment::Finalized => FINALIZED_BLOCKS,
        };
        seen.saturating_sub(usize::try_from(behind).unwrap_or(usize::MAX)).min(frozen)
    }

    /// The newest block of a commitment, as a node sees it that is `lag` slots behind.
    pub(crate) fn at(&self, commitment: Commitment, lag: u64) -> &Block {
        &self.list[self.place(commitment, lag)]
    }

    /// The block of a slot.
    pub(crate) fn of_slot(&self, slot: u64) -> Option<&Block> {
        let place = self.list.partition_point(|block| block.slot < slot);
        self.list.get(place).filter(|block| block.slot == slot)
    }

    /// Up to `count` blocks before and including the newest of a commitment, oldest first.
    pub(crate) fn recent(&self, commitment: Commitment, lag: u64, count: usize) -> Vec<Block> {
        let end = self.place(commitment, lag) + 1;
        self.list.range(end.saturating_sub(count)..end).copied().collect()
    }

    /// Slots of the blocks above `after` and up to `last`, oldest first.
    pub(crate) fn slots_between(&self, after: u64, last: u64) -> Vec<u64> {
        let first = self.list.partition_point(|block| block.slot <= after);
        let blocks = self.list.range(first..).take_while(|block| block.slot <= last);
        blocks.map(|block| block.slot).collect()
    }

    /// The block with a hash that is not newer than `slot`.
    pub(crate) fn of_hash(&self, hash: &[u8; 32], slot: u64) -> Option<&Block> {
        self.list.iter().rev().find(|block| block.slot <= slot && block.hash == *hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(skip_permille: u64) -> Blocks {
        Blocks::new(7, 1_000_000_000_000_000_000, 442_310_000, skip_permille)
    }

    #[test]
    fn slots_follow_the_clock_and_heights_count_blocks() {
        let mut blocks = blocks(100);
        let (mut skipped, first) = (0, blocks.newest().height);
        for round in 1..=500_u64 {
            let before = *blocks.newest();
            let (slot, begin_ns) = blocks.next();
            assert_eq!(blocks.next(), (slot, begin_ns), "asking changes nothing");
            let block = blocks.open(slot, begin_ns);
            assert_eq!((block.parent, block.height), (before.slot, first + round));
            let grid = 1_000_000_000_000_000_000 + (slot - 442_310_001) * SLOT_NS;
            assert!((grid..grid + BEGIN_JITTER_NS).contains(&begin_ns));
            let freeze_ns = blocks.freeze_ns().expect("open");
            assert!(freeze_ns > begin_ns && freeze_ns < grid + SLOT_NS);
            assert!(slot - before.slot <= 3);
            skipped += slot - before.slot - 1;
            blocks.freeze();
            assert_eq!(blocks.freeze_ns(), None);
        }
        assert!((20..120).contains(&skipped), "{skipped}");
        assert_eq!(blocks.list.len(), BLOCKS_KEPT);
    }

    #[test]
    fn commitments_lie_behind_each_other() {
        let mut blocks = blocks(0);
        let (slot, begin_ns) = blocks.next();
        blocks.open(slot, begin_ns);
        let seen = |blocks: &Blocks, lag| {
            [Commitment::Processed, Commitment::Confirmed, Commitment::Finalized]
                .map(|commitment| slot - blocks.at(commitment, lag).slot)
        };
        assert_eq!(seen(&blocks, 0), [1, 3, 33], "the open block is not seen");
        assert_eq!(seen(&blocks, 25), [26, 28, 58]);
        blocks.freeze();
        assert_eq!(seen(&blocks, 0), [0, 2, 32]);
    }

    #[test]
    fn an_abandoned_slot_is_no_parent_and_its_hash_is_unknown() {
        let mut blocks = blocks(0);
        let (slot, begin_ns) = blocks.next();
        let lost = blocks.open(slot, begin_ns);
        assert_eq!(blocks.abandon(), None, "still open");
        blocks.freeze();
        assert!(blocks.of_hash(&lost.hash, slot).is_some());
        assert_eq!(blocks.abandon(), Some(slot));
        let next = blocks.open(slot + 1, begin_ns + SLOT_NS);
        assert_eq!((next.parent, next.height), (slot - 1, lost.height));
        assert_eq!(blocks.of_hash(&lost.hash, slot + 1), None);
        assert_eq!(blocks.of_slot(slot), None);
        assert_eq!(blocks.of_slot(slot + 1), Some(&next));
    }
}
