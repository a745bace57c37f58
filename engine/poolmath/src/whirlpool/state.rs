//! What a swap needs to know and what it tells.

use super::{MAX_SQRT_PRICE, MIN_SQRT_PRICE, SPLASH_SPACING_MIN, TICKS_PER_ARRAY_I32};
use serde::{Deserialize, Serialize};

/// The fields of a pool account that a swap depends on or changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// Distance between usable ticks, above zero.
    pub tick_spacing: u16,
    /// Equals the spacing for a classic fee tier, differs for an adaptive-fee pool.
    pub fee_tier_index: u16,
    /// Base fee. Unit: parts per million of the input.
    pub fee_rate_ppm: u16,
    /// The protocol's share. Unit: 10⁻⁴ of the fee.
    pub protocol_fee_rate: u16,
    /// Liquidity in the current range. It rules, also where it differs from the sum of the ticks.
    pub liquidity: u128,
    /// Square-root price, Q64.64.
    pub sqrt_price: u128,
    /// Current tick: the floor of the price, or one lower after a swap from A to B that stopped
    /// exactly on an initialised tick.
    pub tick_current_index: i32,
    /// Fees per unit of liquidity in token A, Q64.64, wrapping.
    pub fee_growth_global_a: u128,
    /// Fees per unit of liquidity in token B, Q64.64, wrapping.
    pub fee_growth_global_b: u128,
}

impl Pool {
    /// Whether an oracle decides a part of the fee.
    #[inline]
    #[must_use]
    pub const fn is_adaptive(&self) -> bool {
        self.fee_tier_index != self.tick_spacing
    }

    /// Whether only the full range can hold liquidity.
    #[inline]
    #[must_use]
    pub const fn is_splash(&self) -> bool {
        self.tick_spacing >= SPLASH_SPACING_MIN
    }

    /// Ticks covered by one tick array.
    #[inline]
    #[must_use]
    pub const fn array_span(&self) -> i32 {
        // At most 88 · 65,535.
        TICKS_PER_ARRAY_I32 * self.tick_spacing as i32
    }

    /// First tick of the array that holds `tick`: the multiple of the span at or below it.
    ///
    /// # Panics
    /// For a spacing of zero, which no pool has, and for ticks at the ends of `i32`.
    #[inline]
    #[must_use]
    pub const fn array_start(&self, tick: i32) -> i32 {
        let span = self.array_span();
        tick.div_euclid(span) * span
    }
}

/// Constants of a pool's adaptive fee.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdaptiveConstants {
    /// Within it the references stay. Unit: seconds.
    pub filter_period: u16,
    /// Within it the volatility decays, beyond it is forgotten. Unit: seconds.
    pub decay_period: u16,
    /// What is left after a decay. Unit: 10⁻⁴.
    pub reduction_factor: u16,
    /// Weight of volatility in the fee.
    pub adaptive_fee_control_factor: u32,
    /// Cap of the accumulator. Unit: 10⁻⁴ of a tick group.
    pub max_volatility_accumulator: u32,
    /// Ticks that share one fee, above zero.
    pub tick_group_size: u16,
    /// A swap that moves the price at least this far is a major one. Unit: ticks.
    pub major_swap_threshold_ticks: u16,
}

/// Variables of a pool's adaptive fee; every swap writes them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdaptiveVariables {
    /// Unix seconds.
    pub last_reference_update_timestamp: u64,
    /// Unix seconds.
    pub last_major_swap_timestamp: u64,
    /// Unit: 10⁻⁴ of a tick group.
    pub volatility_reference: u32,
    /// Tick group (tick divided by the group size, rounded down) that distance is measured from.
    pub tick_group_index_reference: i32,
    /// Unit: 10⁻⁴ of a tick group.
    pub volatility_accumulator: u32,
}

/// The oracle account of an adaptive-fee pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Oracle {
    /// No swap before. Unit: Unix seconds.
    pub trade_enable_timestamp: u64,
    /// Set at creation.
    pub constants: AdaptiveConstants,
    /// Written by swaps.
    pub variables: AdaptiveVariables,
}

/// Which way a swap goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// Token A in, token B out; the price falls.
    AToB,
    /// Token B in, token A out; the price rises.
    BToA,
}

impl Direction {
    /// The bound the price can reach.
    #[inline]
    pub(super) const fn bound(self) -> u128 {
        match self {
            Self::AToB => MIN_SQRT_PRICE,
            Self::BToA => MAX_SQRT_PRICE,
        }
    }

    /// The one of two targets that the price meets first.
    #[inline]
    pub(super) fn nearer(self, a: u128, b: u128) -> u128 {
        match self {
            Self::AToB => a.max(b),
            Self::BToA => a.min(b),
        }
    }
}

/// The amount that the caller fixes. Unit: raw token units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Amount {
    /// So much of the input token, fee included.
    ExactIn(u64),
    /// So much of the output token.
    ExactOut(u64),
}

impl Amount {
    /// The number alone.
    #[inline]
    #[must_use]
    pub const fn units(self) -> u64 {
        match self {
            Self::ExactIn(units) | Self::ExactOut(units) => units,
        }
    }
}

/// What to swap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SwapRequest {
    /// The fixed amount.
    pub amount: Amount,
    /// Which way.
    pub direction: Direction,
    /// Where the price stops, Q64.64; 0 for none.
    pub sqrt_price_limit: u128,
    /// Block time to assume; only adaptive-fee pools look at it. Unit: Unix seconds.
    pub now_s: u64,
    /// Steps allowed before [`super::SwapError::TooManySteps`].
    pub inner_steps_max: u32,
}

/// What a swap does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SwapResult {
    /// Token A moved, fee included where A is the input. Unit: raw units.
    pub amount_a: u64,
    /// Token B moved, fee included where B is the input. Unit: raw units.
    pub amount_b: u64,
    /// The whole fee, the protocol's share included. Unit: raw units of the input token.
    pub fee_amount: u64,
    /// The protocol's share, each step rounded down. Unit: raw units of the input token.
    pub protocol_fee: u64,
    /// Price after, Q64.64.
    pub sqrt_price: u128,
    /// Tick after.
    pub tick_current_index: i32,
    /// Liquidity after.
    pub liquidity: u128,
    /// The input token's fee growth after, Q64.64, wrapping.
    pub fee_growth_global: u128,
    /// Initialised ticks crossed.
    pub ticks_crossed: u32,
    /// Steps taken.
    pub inner_steps: u32,
    /// Oracle variables after; `None` for a static fee.
    pub adaptive: Option<AdaptiveVariables>,
    /// Which way it went.
    pub direction: Direction,
}

impl SwapResult {
    /// Input token moved, fee included. Unit: raw units.
    #[must_use]
    pub const fn amount_in(&self) -> u64 {
        match self.direction {
            Direction::AToB => self.amount_a,
            Direction::BToA => self.amount_b,
        }
    }

    /// Output token moved. Unit: raw units.
    #[must_use]
    pub const fn amount_out(&self) -> u64 {
        match self.direction {
            Direction::AToB => self.amount_b,
            Direction::BToA => self.amount_a,
        }
    }

    /// The pool and its oracle as the swap leaves them.
    pub fn apply(&self, pool: &mut Pool, oracle: Option<&mut Oracle>) {
        pool.sqrt_price = self.sqrt_price;
        pool.tick_current_index = self.tick_current_index;
        pool.liquidity = self.liquidity;
        match self.direction {
            Direction::AToB => pool.fee_growth_global_a = self.fee_growth_global,
            Direction::BToA => pool.fee_growth_global_b = self.fee_growth_global,
        }
        if let (Some(oracle), Some(variables)) = (oracle, self.adaptive) {
            oracle.variables = variables;
        }
    }
}
