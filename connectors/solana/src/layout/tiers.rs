//! Fee tiers and the configuration of a deployment.

use engine_poolmath::whirlpool::AdaptiveConstants;
use solana_pubkey::Pubkey;

use super::oracle::{CONSTANTS_BYTES, read_constants};
use super::{
    AccountKind, FEE_RATE_PPM_MAX, LayoutError, PROTOCOL_FEE_RATE_MAX, check_head, check_range,
    key_at, u16_at,
};

/// Length of a fee tier. Unit: bytes.
pub const FEE_TIER_BYTES: usize = 44;
/// Length of an adaptive fee tier. Unit: bytes.
pub const ADAPTIVE_FEE_TIER_BYTES: usize = 256;
/// Length of a deployment's configuration. Unit: bytes.
pub const CONFIG_BYTES: usize = 108;

const ADAPTIVE_CONSTANTS_AT: usize = 110;
const _: () = assert!(ADAPTIVE_CONSTANTS_AT + CONSTANTS_BYTES == 128);

/// A classic fee tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeeTierAccount {
    /// Deployment's configuration account.
    pub config: Pubkey,
    /// Spacing of its pools, and its index.
    pub tick_spacing: u16,
    /// Unit: parts per million.
    pub default_fee_rate_ppm: u16,
}

impl FeeTierAccount {
    /// Reads a fee tier.
    ///
    /// # Errors
    ///
    /// [`LayoutError`] for a wrong length or discriminator, a spacing of zero or a fee above the
    /// program's highest.
    pub fn parse(data: &[u8]) -> Result<Self, LayoutError> {
        check_head(data, AccountKind::FeeTier, FEE_TIER_BYTES)?;
        Ok(Self {
            config: key_at(data, 8),
            tick_spacing: check_range("tick_spacing", u16_at(data, 40), 1, u16::MAX)?,
            default_fee_rate_ppm: check_fee(u16_at(data, 42))?,
        })
    }
}

/// A fee tier of adaptive-fee pools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdaptiveFeeTierAccount {
    /// Deployment's configuration account.
    pub config: Pubkey,
    /// Index, and seed of its pools' addresses. Never equal to the spacing.
    pub fee_tier_index: u16,
    /// Spacing of its pools.
    pub tick_spacing: u16,
    /// Who may open pools; the zero key for everybody.
    pub initialize_pool_authority: Pubkey,
    /// Who may change a pool's base fee.
    pub delegated_fee_authority: Pubkey,
    /// Unit: parts per million.
    pub default_base_fee_rate_ppm: u16,
    /// What its pools' oracles begin with.
    pub constants: AdaptiveConstants,
}

impl AdaptiveFeeTierAccount {
    /// Reads an adaptive fee tier.
    ///
    /// # Errors
    ///
    /// [`LayoutError`] for a wrong length or discriminator, or a field outside its bounds.
    pub fn parse(data: &[u8]) -> Result<Self, LayoutError> {
        check_head(data, AccountKind::AdaptiveFeeTier, ADAPTIVE_FEE_TIER_BYTES)?;
        let (fee_tier_index, tick_spacing) = (u16_at(data, 40), u16_at(data, 42));
        check_range("tick_spacing", tick_spacing, 1, u16::MAX)?;
        if fee_tier_index == tick_spacing {
            // The program tells the two kinds of pool apart by this very difference.
            return Err(LayoutError::OutOfBounds {
                field: "fee_tier_index",
                value: fee_tier_index.into(),
                low: i128::from(tick_spacing) + 1,
                high: u16::MAX.into(),
            });
        }
        Ok(Self {
            config: key_at(data, 8),
            fee_tier_index,
            tick_spacing,
            initialize_pool_authority: key_at(data, 44),
            delegated_fee_authority: key_at(data, 76),
            default_base_fee_rate_ppm: check_fee(u16_at(data, 108))?,
            constants: read_constants(data, ADAPTIVE_CONSTANTS_AT)?,
        })
    }
}

/// Configuration of one deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfigAccount {
    /// Who may change fees.
    pub fee_authority: Pubkey,
    /// Who may collect the protocol's share.
    pub collect_protocol_fees_authority: Pubkey,
    /// Who may change reward authorities.
    pub reward_emissions_super_authority: Pubkey,
    /// Unit: 10⁻⁴ of the fee.
    pub default_protocol_fee_rate: u16,
    /// Bits as the program defines them.
    pub feature_flags: u16,
}

impl ConfigAccount {
    /// Reads a deployment's configuration.
    ///
    /// # Errors
    ///
    /// [`LayoutError`] for a wrong length or discriminator, or a protocol share above the highest.
    pub fn parse(data: &[u8]) -> Result<Self, LayoutError> {
        check_head(data, AccountKind::Config, CONFIG_BYTES)?;
        let rate = u16_at(data, 104);
        Ok(Self {
            fee_authority: key_at(data, 8),
            collect_protocol_fees_authority: key_at(data, 40),
            reward_emissions_super_authority: key_at(data, 72),
            default_protocol_fee_rate: check_range(
                "default_protocol_fee_rate",
                rate,
                0,
                PROTOCOL_FEE_RATE_MAX,
            )?,
            feature_flags: u16_at(data, 106),
        })
    }
}

fn check_fee(rate_ppm: u16) -> Result<u16, LayoutError> {
    check_range("default_fee_rate", rate_ppm, 0, FEE_RATE_PPM_MAX)
}
