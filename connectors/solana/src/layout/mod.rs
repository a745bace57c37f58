//! Account bytes to typed fields: Orca Whirlpool's accounts and the two token programs'.
//!
//! Every length, discriminator, tag and bound is checked and a violation has a name; no byte string
//! panics. The accounts of the hot path (pool, tick arrays, oracle) are read without allocation.
//! Offsets are those of the deployed programs; integers are little-endian.

mod oracle;
mod pool;
mod tick_array;
mod tiers;
mod token;

pub use oracle::{ORACLE_BYTES, OracleAccount};
pub use pool::{POOL_BYTES, PoolAccount};
pub use tick_array::{
    DYNAMIC_ARRAY_BYTES_MAX, DYNAMIC_ARRAY_BYTES_MIN, FIXED_ARRAY_BYTES, TickArrayView, TickRecord,
    array_ticks, start_is_valid,
};
pub use tiers::{
    ADAPTIVE_FEE_TIER_BYTES, AdaptiveFeeTierAccount, CONFIG_BYTES, ConfigAccount, FEE_TIER_BYTES,
    FeeTierAccount,
};
pub use token::{
    MINT_BYTES, MintAccount, MintPowers, TOKEN_ACCOUNT_BYTES, TokenAccount, TokenAccountState,
};

use solana_pubkey::Pubkey;

/// Highest static fee. Unit: parts per million.
pub const FEE_RATE_PPM_MAX: u16 = 60_000;
/// Highest protocol share. Unit: 10⁻⁴ of the fee.
pub const PROTOCOL_FEE_RATE_MAX: u16 = 2_500;

/// What an account of the Whirlpool program is, by its first eight bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AccountKind {
    /// A pool.
    Pool,
    /// A tick array with room for all ticks.
    FixedTickArray,
    /// A tick array that grows with its initialised ticks.
    DynamicTickArray,
    /// Adaptive-fee state of a pool.
    Oracle,
    /// A classic fee tier.
    FeeTier,
    /// A fee tier of adaptive-fee pools.
    AdaptiveFeeTier,
    /// Configuration of a deployment.
    Config,
}

impl AccountKind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Pool,
        Self::FixedTickArray,
        Self::DynamicTickArray,
        Self::Oracle,
        Self::FeeTier,
        Self::AdaptiveFeeTier,
        Self::Config,
    ];

    /// First eight bytes of such an account.
    #[must_use]
    pub const fn discriminator(self) -> [u8; 8] {
        match self {
            Self::Pool => [0x3f, 0x95, 0xd1, 0x0c, 0xe1, 0x80, 0x63, 0x09],
            Self::FixedTickArray => [0x45, 0x61, 0xbd, 0xbe, 0x6e, 0x07, 0x42, 0xbb],
            Self::DynamicTickArray => [0x11, 0xd8, 0xf6, 0x8e, 0xe1, 0xc7, 0xda, 0x38],
            Self::Oracle => [0x8b, 0xc2, 0x83, 0xb3, 0x8c, 0xb3, 0xe5, 0xf4],
            Self::FeeTier => [0x38, 0x4b, 0x9f, 0x4c, 0x8e, 0x44, 0xbe, 0x69],
            Self::AdaptiveFeeTier => [0x93, 0x10, 0x90, 0x74, 0x2f, 0x92, 0x95, 0x2e],
            Self::Config => [0x9d, 0x14, 0x31, 0xe0, 0xd9, 0x57, 0xc1, 0xfe],
        }
    }

    /// The name used in messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pool => "pool",
            Self::FixedTickArray => "fixed tick array",
            Self::DynamicTickArray => "dynamic tick array",
            Self::Oracle => "oracle",
            Self::FeeTier => "fee tier",
            Self::AdaptiveFeeTier => "adaptive fee tier",
            Self::Config => "config",
        }
    }

    /// The kind that these bytes announce.
    #[must_use]
    pub fn of(data: &[u8]) -> Option<Self> {
        let head = data.first_chunk::<8>()?;
        Self::ALL.into_iter().find(|kind| kind.discriminator() == *head)
    }
}

/// Why account bytes are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// The length fits no account of this kind.
    #[error("{what} of {bytes} bytes (expected {expected})")]
    Length {
        /// What was being read.
        what: &'static str,
        /// Bytes given.
        bytes: usize,
        /// Bytes of the layout, or the least where it varies.
        expected: usize,
    },
    /// The first eight bytes are another kind's, or no kind's.
    #[error("{what} with a wrong discriminator")]
    Discriminator {
        /// What was being read.
        what: &'static str,
    },
    /// A number outside what the program allows.
    #[error("{field} {value} is outside {low}..={high}")]
    OutOfBounds {
        /// Field name.
        field: &'static str,
        /// Its value, clamped to the type.
        value: i128,
        /// Least accepted.
        low: i128,
        /// Most accepted.
        high: i128,
    },
    /// A byte that stands for a choice has a value that stands for none.
    #[error("{field} has tag {tag}")]
    Tag {
        /// Field name.
        field: &'static str,
        /// Its value.
        tag: u8,
    },
    /// Tick index and square-root price do not belong together.
    #[error("tick {tick_current_index} does not belong to square-root price {sqrt_price}")]
    PriceTick {
        /// Tick of the account.
        tick_current_index: i32,
        /// Q64.64.
        sqrt_price: u128,
    },
    /// Token A must be the lower of the two mints.
    #[error("mints are not in ascending order")]
    MintOrder,
    /// Not the first tick of any array at this spacing.
    #[error("tick array start {start_tick_index} is not valid at spacing {tick_spacing}")]
    ArrayStart {
        /// First tick of the account.
        start_tick_index: i32,
        /// Spacing of the pool.
        tick_spacing: u16,
    },
    /// The bitmap of a dynamic tick array names other slots than the tags do.
    #[error("bitmap and tag of slot {slot} disagree")]
    Bitmap {
        /// Slot in the array.
        slot: usize,
    },
    /// More net than gross liquidity in one tick.
    #[error("slot {slot} has more net than gross liquidity")]
    NetAboveGross {
        /// Slot in the array.
        slot: usize,
    },
    /// Bytes behind the end of the content that are not zero.
    #[error("{what} has content behind its end")]
    Trailing {
        /// What was being read.
        what: &'static str,
    },
    /// The list of mint extensions is cut or repeats one.
    #[error("mint extension {extension} at byte {offset} is cut, repeated or of a wrong length")]
    Extension {
        /// Its type number.
        extension: u16,
        /// Where it begins.
        offset: usize,
    },
    /// The account exists but was never initialised.
    #[error("{what} is not initialised")]
    Uninitialised {
        /// What was being read.
        what: &'static str,
    },
}

/// The pool that a tick array or an oracle says it belongs to. Nothing else of it is checked.
#[must_use]
pub fn pool_of(data: &[u8]) -> Option<Pubkey> {
    let offset = match AccountKind::of(data)? {
        AccountKind::FixedTickArray => tick_array::FIXED_POOL_AT,
        AccountKind::DynamicTickArray => tick_array::DYNAMIC_POOL_AT,
        AccountKind::Oracle => oracle::POOL_AT,
        AccountKind::Pool
        | AccountKind::FeeTier
        | AccountKind::AdaptiveFeeTier
        | AccountKind::Config => return None,
    };
    Some(Pubkey::new_from_array(*data.get(offset..)?.first_chunk::<32>()?))
}

/// `N` bytes at `offset`. The length was checked when the layout was chosen.
pub(crate) fn bytes_at<const N: usize>(data: &[u8], offset: usize) -> [u8; N] {
    *data[offset..].first_chunk::<N>().expect("Invariant: the length of the layout was checked")
}

pub(crate) fn u16_at(data: &[u8], offset: usize) -> u16 {
    u16::from_le_bytes(bytes_at(data, offset))
}

pub(crate) fn u32_at(data: &[u8], offset: usize) -> u32 {
    u32::from_le_bytes(bytes_at(data, offset))
}

pub(crate) fn i32_at(data: &[u8], offset: usize) -> i32 {
    i32::from_le_bytes(bytes_at(data, offset))
}

pub(crate) fn u64_at(data: &[u8], offset: usize) -> u64 {
    u64::from_le_bytes(bytes_at(data, offset))
}

pub(crate) fn u128_at(data: &[u8], offset: usize) -> u128 {
    u128::from_le_bytes(bytes_at(data, offset))
}

pub(crate) fn i128_at(data: &[u8], offset: usize) -> i128 {
    i128::from_le_bytes(bytes_at(data, offset))
}

pub(crate) fn key_at(data: &[u8], offset: usize) -> Pubkey {
    Pubkey::new_from_array(bytes_at(data, offset))
}

/// Checks the discriminator and an exact length.
pub(crate) fn check_head(data: &[u8], kind: AccountKind, bytes: usize) -> Result<(), LayoutError> {
    if data.len() != bytes {
        let what = kind.name();
        return Err(LayoutError::Length { what, bytes: data.len(), expected: bytes });
    }
    if data[..8] != kind.discriminator() {
        return Err(LayoutError::Discriminator { what: kind.name() });
    }
    Ok(())
}

/// Checks `low..=high`.
pub(crate) fn check_range<T: Copy + PartialOrd + Into<i128>>(
    field: &'static str,
    value: T,
    low: T,
    high: T,
) -> Result<T, LayoutError> {
    if value < low || value > high {
        let (value, low, high) = (value.into(), low.into(), high.into());
        return Err(LayoutError::OutOfBounds { field, value, low, high });
    }
    Ok(value)
}
