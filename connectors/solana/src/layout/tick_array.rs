//! Tick arrays, in the fixed form (9,988 bytes) and the dynamic one (148 to 10,004 bytes).

use engine_poolmath::whirlpool::{
    Existence, MAX_TICK, MIN_TICK, SetError, TICKS_PER_ARRAY, TickArraySet,
};
use solana_pubkey::Pubkey;

use super::{AccountKind, LayoutError, check_head, i32_at, i128_at, key_at, u128_at};

/// Length of the fixed form. Unit: bytes.
pub const FIXED_ARRAY_BYTES: usize = 9_988;
/// Length of the dynamic form without an initialised tick. Unit: bytes.
pub const DYNAMIC_ARRAY_BYTES_MIN: usize = 148;
/// Length of the dynamic form with every tick initialised. Unit: bytes.
pub const DYNAMIC_ARRAY_BYTES_MAX: usize = 10_004;

/// One tick of the fixed form: tag and content. Unit: bytes.
const FIXED_TICK_BYTES: usize = 113;
const FIXED_TICKS_AT: usize = 12;
pub(super) const FIXED_POOL_AT: usize = 9_956;
/// Content of an initialised tick in the dynamic form, behind its tag. Unit: bytes.
const DYNAMIC_TICK_BYTES: usize = 112;
pub(super) const DYNAMIC_POOL_AT: usize = 12;
const DYNAMIC_BITMAP_AT: usize = 44;
const DYNAMIC_TICKS_AT: usize = 60;

/// The same as a distance.
const TICKS_PER_ARRAY_I32: i32 = 88;
const _: () = assert!(TICKS_PER_ARRAY_I32 as usize == TICKS_PER_ARRAY);

const _: () =
    assert!(FIXED_TICKS_AT + TICKS_PER_ARRAY * FIXED_TICK_BYTES + 32 == FIXED_ARRAY_BYTES);
const _: () = assert!(DYNAMIC_TICKS_AT + TICKS_PER_ARRAY == DYNAMIC_ARRAY_BYTES_MIN);
const _: () = assert!(
    DYNAMIC_ARRAY_BYTES_MIN + TICKS_PER_ARRAY * DYNAMIC_TICK_BYTES == DYNAMIC_ARRAY_BYTES_MAX
);

/// One initialised tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TickRecord {
    /// Tick index.
    pub index: i32,
    /// Liquidity added when the price rises through the tick.
    pub liquidity_net: i128,
    /// Liquidity of all positions that end here, in either direction.
    pub liquidity_gross: u128,
}

/// Ticks that one array covers at this spacing.
#[must_use]
pub const fn array_ticks(tick_spacing: u16) -> i32 {
    tick_spacing as i32 * TICKS_PER_ARRAY_I32
}

/// Whether an array may begin at this tick: a multiple of its length within the bounds, or the one
/// array that holds the lowest tick without beginning on it.
#[must_use]
pub const fn start_is_valid(start_tick_index: i32, tick_spacing: u16) -> bool {
    let ticks = array_ticks(tick_spacing);
    tick_spacing > 0
        && start_tick_index % ticks == 0
        && start_tick_index <= MAX_TICK
        && start_tick_index > MIN_TICK - ticks
}

/// A checked tick array, still in the account's bytes.
#[derive(Clone, Copy, Debug)]
pub struct TickArrayView<'a> {
    data: &'a [u8],
    kind: AccountKind,
    /// Bit i: slot i is initialised.
    bitmap: u128,
    start_tick_index: i32,
    pool: Pubkey,
}

impl<'a> TickArrayView<'a> {
    /// Reads either form. Nothing is copied and nothing allocated.
    ///
    /// # Errors
    ///
    /// [`LayoutError`] for a wrong length or discriminator, a tag that is neither 0 nor 1, a bitmap
    /// that contradicts the tags, content behind the last tick, or a tick with more net than gross
    /// liquidity. What depends on the pool's spacing is checked by [`Self::check_spacing`].
    pub fn parse(data: &'a [u8]) -> Result<Self, LayoutError> {
        let view = if data.starts_with(&AccountKind::DynamicTickArray.discriminator()) {
            Self::parse_dynamic(data)?
        } else {
            Self::parse_fixed(data)?
        };
        view.check_liquidity()?;
        Ok(view)
    }

    fn parse_fixed(data: &'a [u8]) -> Result<Self, LayoutError> {
        check_head(data, AccountKind::FixedTickArray, FIXED_ARRAY_BYTES)?;
        let mut bitmap = 0;
        for slot in 0..TICKS_PER_ARRAY {
            match data[FIXED_TICKS_AT + slot * FIXED_TICK_BYTES] {
                0 => {}
                1 => bitmap |= 1 << slot,
                tag => return Err(LayoutError::Tag { field: "tick", tag }),
            }
        }
        Ok(Self {
            data,
            kind: AccountKind::FixedTickArray,
            bitmap,
            start_tick_index: i32_at(data, 8),
            pool: key_at(data, FIXED_POOL_AT),
        })
    }

    fn parse_dynamic(data: &'a [u8]) -> Result<Self, LayoutError> {
        let what = AccountKind::DynamicTickArray.name();
        let bytes = data.len();
        if !(DYNAMIC_ARRAY_BYTES_MIN..=DYNAMIC_ARRAY_BYTES_MAX).contains(&bytes) {
            return Err(LayoutError::Length { what, bytes, expected: DYNAMIC_ARRAY_BYTES_MIN });
        }
        let bitmap = u128_at(data, DYNAMIC_BITMAP_AT);
        if bitmap >> TICKS_PER_ARRAY != 0 {
            return Err(LayoutError::Bitmap { slot: TICKS_PER_ARRAY });
        }
        let end = DYNAMIC_TICKS_AT + TICKS_PER_ARRAY + content_bytes(bitmap);
        if bytes < end {
            return Err(LayoutError::Length { what, bytes, expected: end });
        }
        for slot in 0..TICKS_PER_ARRAY {
            let tag = data[dynamic_offset(bitmap, slot)];
            if tag > 1 {
                return Err(LayoutError::Tag { field: "tick", tag });
            }
            if u128::from(tag) != bitmap >> slot & 1 {
                return Err(LayoutError::Bitmap { slot });
            }
        }
        // Room that the program has not handed back yet is zero.
        if data[end..].iter().any(|byte| *byte != 0) {
            return Err(LayoutError::Trailing { what });
        }
        Ok(Self {
            data,
            kind: AccountKind::DynamicTickArray,
            bitmap,
            start_tick_index: i32_at(data, 8),
            pool: key_at(data, DYNAMIC_POOL_AT),
        })
    }

    fn check_liquidity(&self) -> Result<(), LayoutError> {
        for slot in self.slots() {
            let (liquidity_net, liquidity_gross) = self.liquidity(slot);
            if liquidity_net.unsigned_abs() > liquidity_gross {
                return Err(LayoutError::NetAboveGross { slot });
            }
        }
        Ok(())
    }

    /// Checks what depends on the pool's spacing.
    ///
    /// # Errors
    ///
    /// [`LayoutError::ArrayStart`], or [`LayoutError::OutOfBounds`] for an initialised tick beyond
    /// the program's.
    pub fn check_spacing(&self, tick_spacing: u16) -> Result<(), LayoutError> {
        let start_tick_index = self.start_tick_index;
        if !start_is_valid(start_tick_index, tick_spacing) {
            return Err(LayoutError::ArrayStart { start_tick_index, tick_spacing });
        }
        for tick in self.ticks(tick_spacing) {
            super::check_range("tick", tick.index, MIN_TICK, MAX_TICK)?;
        }
        Ok(())
    }

    /// Fixed or dynamic.
    #[must_use]
    pub const fn kind(&self) -> AccountKind {
        self.kind
    }

    /// First tick of the array.
    #[must_use]
    pub const fn start_tick_index(&self) -> i32 {
        self.start_tick_index
    }

    /// The pool that the array belongs to.
    #[must_use]
    pub const fn pool(&self) -> Pubkey {
        self.pool
    }

    /// Bit i: slot i is initialised. Bits 88 and up are zero.
    #[must_use]
    pub const fn bitmap(&self) -> u128 {
        self.bitmap
    }

    /// The initialised ticks in ascending order.
    ///
    /// Call [`Self::check_spacing`] with the same spacing first; without it an index of a corrupt
    /// account may saturate.
    pub fn ticks(&self, tick_spacing: u16) -> impl Iterator<Item = TickRecord> + use<'a> {
        let view = *self;
        view.slots().map(move |slot| {
            let (liquidity_net, liquidity_gross) = view.liquidity(slot);
            // A slot number is below 88.
            #[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "< 88")]
            let offset = slot as i32 * i32::from(tick_spacing);
            let index = view.start_tick_index.saturating_add(offset);
            TickRecord { index, liquidity_net, liquidity_gross }
        })
    }

    /// Puts the array into a set of the same spacing, in place of what the set knew of it.
    ///
    /// # Errors
    ///
    /// [`SetError`] for a full set, or an array that [`Self::check_spacing`] would refuse.
    pub fn fill(&self, set: &mut TickArraySet) -> Result<(), SetError> {
        set.begin(self.start_tick_index, Existence::Present)?;
        self.ticks(set.tick_spacing())
            .try_for_each(|tick| set.set_tick(tick.index, tick.liquidity_net))
    }

    /// Initialised slots in ascending order.
    fn slots(&self) -> impl Iterator<Item = usize> + use<> {
        let mut left = self.bitmap;
        core::iter::from_fn(move || {
            if left == 0 {
                return None;
            }
            let slot = left.trailing_zeros() as usize;
            left &= left - 1;
            Some(slot)
        })
    }

    /// Net and gross liquidity of an initialised slot.
    fn liquidity(&self, slot: usize) -> (i128, u128) {
        let tag_at = if self.kind == AccountKind::FixedTickArray {
            FIXED_TICKS_AT + slot * FIXED_TICK_BYTES
        } else {
            dynamic_offset(self.bitmap, slot)
        };
        (i128_at(self.data, tag_at + 1), u128_at(self.data, tag_at + 17))
    }
}

/// Bytes of all tick contents.
const fn content_bytes(bitmap: u128) -> usize {
    bitmap.count_ones() as usize * DYNAMIC_TICK_BYTES
}

/// Where the tag of a slot stands: a byte per slot and the contents of the initialised ones before.
const fn dynamic_offset(bitmap: u128, slot: usize) -> usize {
    DYNAMIC_TICKS_AT + slot + content_bytes(bitmap & ((1 << slot) - 1))
}
