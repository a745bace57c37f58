//! Limits and constants of the decision path's integers.
//!
//! Prices are ticks and sizes are lots of one market ([`crate::grid::Grid`]); money is micros
//! (10⁻⁶) of a named currency; fees are parts per million; time is nanoseconds.

/// Highest accepted price. Unit: ticks. A price is `1..=PRICE_TICKS_MAX`.
///
/// 2⁶²: an ask at 12,345,678,912.34 exists and, on a grid of 10⁻⁸, is 1.2 × 10¹⁸ ticks.
pub const PRICE_TICKS_MAX: u64 = 1 << 62;

/// Highest accepted size. Unit: lots. A size is `0..=SIZE_LOTS_MAX`; zero deletes a level.
pub const SIZE_LOTS_MAX: u64 = 1 << 62;

// A price times a size never overflows the notional type, and 8 such products may be added.
const _: () = assert!(PRICE_TICKS_MAX.ilog2() + SIZE_LOTS_MAX.ilog2() + 3 < u128::BITS);

/// Denominator of fees and rates stated in parts per million.
pub const PPM_ONE: u64 = 1_000_000;

/// Micros in one whole unit of a currency.
pub const MICROS_PER_UNIT: u64 = 1_000_000;

/// Lamports in one SOL.
pub const LAMPORTS_PER_SOL: u64 = 1_000_000_000;

/// Nanoseconds in one millisecond.
pub const NS_PER_MS: u64 = 1_000_000;
