//! A Whirlpool: 653 bytes.

use engine_poolmath::whirlpool::{
    MAX_SQRT_PRICE, MAX_TICK, MIN_SQRT_PRICE, MIN_TICK, Pool, sqrt_price_at_tick,
};
use solana_pubkey::Pubkey;

use super::{
    AccountKind, FEE_RATE_PPM_MAX, LayoutError, PROTOCOL_FEE_RATE_MAX, check_head, check_range,
    i32_at, key_at, u16_at, u64_at, u128_at,
};

/// Length of a pool account. Unit: bytes.
pub const POOL_BYTES: usize = 653;

/// A pool account without its reward infos, which no price depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolAccount {
    /// Deployment's configuration account.
    pub config: Pubkey,
    /// Bump of the pool's own address.
    pub bump: u8,
    /// Distance between usable ticks. At least 1; 32768 and up is a full-range pool.
    pub tick_spacing: u16,
    /// Seed of the pool's address; other than the spacing for adaptive-fee pools.
    pub fee_tier_index: u16,
    /// Unit: parts per million of the input.
    pub fee_rate_ppm: u16,
    /// Unit: 10⁻⁴ of the fee.
    pub protocol_fee_rate: u16,
    /// Liquidity in the current range.
    pub liquidity: u128,
    /// Q64.64, token B base units per token A base unit, square root.
    pub sqrt_price: u128,
    /// Current tick; one below floor(log price) after a fall that stopped on an initialised tick.
    pub tick_current_index: i32,
    /// Unit: base units of token A.
    pub protocol_fee_owed_a: u64,
    /// Unit: base units of token B.
    pub protocol_fee_owed_b: u64,
    /// Mint of token A.
    pub mint_a: Pubkey,
    /// The pool's token account for A.
    pub vault_a: Pubkey,
    /// Q64.64 per unit of liquidity, wrapping.
    pub fee_growth_global_a: u128,
    /// Mint of token B.
    pub mint_b: Pubkey,
    /// The pool's token account for B.
    pub vault_b: Pubkey,
    /// Q64.64 per unit of liquidity, wrapping.
    pub fee_growth_global_b: u128,
}

impl PoolAccount {
    /// Reads a pool account.
    ///
    /// # Errors
    ///
    /// [`LayoutError`] for a wrong length or discriminator, a rate, price or tick outside the
    /// program's bounds, a tick that does not belong to the price, or mints out of order.
    pub fn parse(data: &[u8]) -> Result<Self, LayoutError> {
        check_head(data, AccountKind::Pool, POOL_BYTES)?;
        let account = Self {
            config: key_at(data, 8),
            bump: data[40],
            tick_spacing: u16_at(data, 41),
            fee_tier_index: u16_at(data, 43),
            fee_rate_ppm: u16_at(data, 45),
            protocol_fee_rate: u16_at(data, 47),
            liquidity: u128_at(data, 49),
            sqrt_price: u128_at(data, 65),
            tick_current_index: i32_at(data, 81),
            protocol_fee_owed_a: u64_at(data, 85),
            protocol_fee_owed_b: u64_at(data, 93),
            mint_a: key_at(data, 101),
            vault_a: key_at(data, 133),
            fee_growth_global_a: u128_at(data, 165),
            mint_b: key_at(data, 181),
            vault_b: key_at(data, 213),
            fee_growth_global_b: u128_at(data, 245),
        };
        account.check()?;
        Ok(account)
    }

    fn check(&self) -> Result<(), LayoutError> {
        check_range("tick_spacing", self.tick_spacing, 1, u16::MAX)?;
        check_range("fee_rate", self.fee_rate_ppm, 0, FEE_RATE_PPM_MAX)?;
        check_range("protocol_fee_rate", self.protocol_fee_rate, 0, PROTOCOL_FEE_RATE_MAX)?;
        if self.sqrt_price < MIN_SQRT_PRICE || self.sqrt_price > MAX_SQRT_PRICE {
            return Err(LayoutError::OutOfBounds {
                field: "sqrt_price",
                value: i128::try_from(self.sqrt_price).unwrap_or(i128::MAX),
                low: MIN_SQRT_PRICE.cast_signed(),
                high: MAX_SQRT_PRICE.cast_signed(),
            });
        }
        // A fall that stops on the lowest tick leaves the index one below it.
        check_range("tick_current_index", self.tick_current_index, MIN_TICK - 1, MAX_TICK)?;
        if !self.tick_fits_price() {
            return Err(LayoutError::PriceTick {
                tick_current_index: self.tick_current_index,
                sqrt_price: self.sqrt_price,
            });
        }
        if self.mint_a >= self.mint_b {
            return Err(LayoutError::MintOrder);
        }
        Ok(())
    }

    /// Every swap leaves price(tick) <= price <= price(tick + 1), the upper edge included because
    /// of the falls that stop on a tick. An account where that fails has another layout than ours.
    fn tick_fits_price(&self) -> bool {
        let tick = self.tick_current_index;
        let above_low = tick < MIN_TICK || sqrt_price_at_tick(tick) <= self.sqrt_price;
        let below_high = tick >= MAX_TICK || self.sqrt_price <= sqrt_price_at_tick(tick + 1);
        above_low && below_high
    }

    /// Whether the fee moves with volatility, so that the oracle account exists.
    #[must_use]
    pub const fn is_adaptive(&self) -> bool {
        self.fee_tier_index != self.tick_spacing
    }

    /// The fields that a swap reads.
    #[must_use]
    pub const fn to_pool(&self) -> Pool {
        Pool {
            tick_spacing: self.tick_spacing,
            fee_tier_index: self.fee_tier_index,
            fee_rate_ppm: self.fee_rate_ppm,
            protocol_fee_rate: self.protocol_fee_rate,
            liquidity: self.liquidity,
            sqrt_price: self.sqrt_price,
            tick_current_index: self.tick_current_index,
            fee_growth_global_a: self.fee_growth_global_a,
            fee_growth_global_b: self.fee_growth_global_b,
        }
    }
}
