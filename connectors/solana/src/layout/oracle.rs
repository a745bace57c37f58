//! The oracle of an adaptive-fee pool: 254 bytes.

use engine_poolmath::whirlpool::{AdaptiveConstants, AdaptiveVariables, Oracle};
use solana_pubkey::Pubkey;

use super::{
    AccountKind, LayoutError, check_head, check_range, i32_at, key_at, u16_at, u32_at, u64_at,
};

/// Length of an oracle account. Unit: bytes.
pub const ORACLE_BYTES: usize = 254;

/// Length of the constants in an account. Unit: bytes.
pub(super) const CONSTANTS_BYTES: usize = 18;

/// Reads the constants at `offset` of bytes that are long enough.
pub(super) fn read_constants(data: &[u8], offset: usize) -> Result<AdaptiveConstants, LayoutError> {
    let constants = AdaptiveConstants {
        filter_period: u16_at(data, offset),
        decay_period: u16_at(data, offset + 2),
        reduction_factor: u16_at(data, offset + 4),
        adaptive_fee_control_factor: u32_at(data, offset + 6),
        max_volatility_accumulator: u32_at(data, offset + 10),
        tick_group_size: u16_at(data, offset + 14),
        major_swap_threshold_ticks: u16_at(data, offset + 16),
    };
    // The arithmetic divides by the group, and a factor above one would grow what it reduces.
    check_range("tick_group_size", constants.tick_group_size, 1, u16::MAX)?;
    check_range("reduction_factor", constants.reduction_factor, 0, 10_000)?;
    Ok(constants)
}

/// Where the oracle names its pool.
pub(super) const POOL_AT: usize = 8;

/// An oracle account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OracleAccount {
    /// The pool that the oracle belongs to.
    pub pool: Pubkey,
    /// Unix seconds; swaps before it are refused by the program.
    pub trade_enable_timestamp: u64,
    /// Constants.
    pub constants: AdaptiveConstants,
    /// Variables.
    pub variables: AdaptiveVariables,
}

impl OracleAccount {
    /// Reads an oracle account.
    ///
    /// # Errors
    ///
    /// [`LayoutError`] for a wrong length or discriminator, or constants outside their bounds.
    pub fn parse(data: &[u8]) -> Result<Self, LayoutError> {
        check_head(data, AccountKind::Oracle, ORACLE_BYTES)?;
        Ok(Self {
            pool: key_at(data, POOL_AT),
            trade_enable_timestamp: u64_at(data, 40),
            constants: read_constants(data, 48)?,
            variables: AdaptiveVariables {
                last_reference_update_timestamp: u64_at(data, 82),
                last_major_swap_timestamp: u64_at(data, 90),
                volatility_reference: u32_at(data, 98),
                tick_group_index_reference: i32_at(data, 102),
                volatility_accumulator: u32_at(data, 106),
            },
        })
    }

    /// What a swap reads.
    #[must_use]
    pub const fn to_oracle(&self) -> Oracle {
        Oracle {
            trade_enable_timestamp: self.trade_enable_timestamp,
            constants: self.constants,
            variables: self.variables,
        }
    }
}
