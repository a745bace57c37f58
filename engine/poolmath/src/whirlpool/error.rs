//! Why a swap is refused: the program's own named cases, and three of ours.

use core::fmt;

/// Why there is no quote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SwapError {
    /// Program error 6006.
    DivideByZero,
    /// Program error 6011: a price or limit outside the global bounds.
    SqrtPriceOutOfBounds,
    /// Program error 6014: crossing a tick takes the liquidity above `u128`.
    LiquidityOverflow,
    /// Program error 6015: crossing a tick takes the liquidity below zero.
    LiquidityUnderflow,
    /// Program error 6017: an amount of one step above `u64`.
    TokenMaxExceeded,
    /// Program error 6022: the time given lies before the oracle's last update.
    InvalidTimestamp,
    /// Program error 6023: the tick arrays do not hold the current tick.
    InvalidTickArraySequence,
    /// Program error 6030: liquidity times price difference above 128 bits.
    MultiplicationShiftRightOverflow,
    /// Program error 6033: a product above 256 bits.
    MultiplicationOverflow,
    /// Program error 6034: the price limit is not beyond the current price.
    InvalidSqrtPriceLimitDirection,
    /// Program error 6035: nothing to swap.
    ZeroTradableAmount,
    /// Program error 6038: the swap would leave the three tick arrays it may use.
    TickArraySequenceInvalidIndex,
    /// Program error 6039: a running total above `u64`.
    AmountCalcOverflow,
    /// Program error 6040: a step took more than was left.
    AmountRemainingOverflow,
    /// Program error 6052: a transfer fee cannot be computed.
    TransferFeeCalculationError,
    /// Program error 6057: an exact output without a price limit cannot be filled.
    PartialFillError,
    /// Program error 6064: before the pool's first trading time.
    TradeIsNotEnabled,
    /// Ours: more inner steps than allowed; on chain it would run into the compute limit.
    TooManySteps,
    /// Ours: the walk needs a tick array of which nothing is known.
    UnknownArray {
        /// First tick of that array.
        start_tick_index: i32,
    },
    /// Ours: an adaptive-fee pool was given without its oracle.
    OracleMissing,
    /// Ours: the walk leaves the range between the two initialised ticks around the price, and only
    /// that range is known to hold.
    BeyondCurrentRange,
    /// Ours: the state contradicts the program's own bounds (zero spacing or tick group, a price or
    /// tick outside the global range).
    InvalidState,
}

impl SwapError {
    /// The program's custom error code; `None` for our own cases.
    #[must_use]
    pub const fn code(&self) -> Option<u32> {
        Some(match self {
            Self::DivideByZero => 6006,
            Self::SqrtPriceOutOfBounds => 6011,
            Self::LiquidityOverflow => 6014,
            Self::LiquidityUnderflow => 6015,
            Self::TokenMaxExceeded => 6017,
            Self::InvalidTimestamp => 6022,
            Self::InvalidTickArraySequence => 6023,
            Self::MultiplicationShiftRightOverflow => 6030,
            Self::MultiplicationOverflow => 6033,
            Self::InvalidSqrtPriceLimitDirection => 6034,
            Self::ZeroTradableAmount => 6035,
            Self::TickArraySequenceInvalidIndex => 6038,
            Self::AmountCalcOverflow => 6039,
            Self::AmountRemainingOverflow => 6040,
            Self::TransferFeeCalculationError => 6052,
            Self::PartialFillError => 6057,
            Self::TradeIsNotEnabled => 6064,
            Self::TooManySteps
            | Self::UnknownArray { .. }
            | Self::OracleMissing
            | Self::BeyondCurrentRange
            | Self::InvalidState => return None,
        })
    }

    /// The case's name, spelled as the program spells it where it is the program's.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::DivideByZero => "DivideByZero",
            Self::SqrtPriceOutOfBounds => "SqrtPriceOutOfBounds",
            Self::LiquidityOverflow => "LiquidityOverflow",
            Self::LiquidityUnderflow => "LiquidityUnderflow",
            Self::TokenMaxExceeded => "TokenMaxExceeded",
            Self::InvalidTimestamp => "InvalidTimestamp",
            Self::InvalidTickArraySequence => "InvalidTickArraySequence",
            Self::MultiplicationShiftRightOverflow => "MultiplicationShiftRightOverflow",
            Self::MultiplicationOverflow => "MultiplicationOverflow",
            Self::InvalidSqrtPriceLimitDirection => "InvalidSqrtPriceLimitDirection",
            Self::ZeroTradableAmount => "ZeroTradableAmount",
            Self::TickArraySequenceInvalidIndex => "TickArraySequenceInvalidIndex",
            Self::AmountCalcOverflow => "AmountCalcOverflow",
            Self::AmountRemainingOverflow => "AmountRemainingOverflow",
            Self::TransferFeeCalculationError => "TransferFeeCalculationError",
            Self::PartialFillError => "PartialFillError",
            Self::TradeIsNotEnabled => "TradeIsNotEnabled",
            Self::TooManySteps => "TooManySteps",
            Self::UnknownArray { .. } => "UnknownArray",
            Self::OracleMissing => "OracleMissing",
            Self::BeyondCurrentRange => "BeyondCurrentRange",
            Self::InvalidState => "InvalidState",
        }
    }
}

impl fmt::Display for SwapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        if let Self::UnknownArray { start_tick_index } = self {
            write!(f, " (nothing is known of the tick array that starts at {start_tick_index})")?;
        }
        if let Some(code) = self.code() {
            write!(f, " (program error {code})")?;
        }
        Ok(())
    }
}

impl core::error::Error for SwapError {}
