//! Swaps of pools whose mints charge a transfer fee: the fees wrap the swap.
//!
//! Source: reference page "On-chain venues", 3.4.

use crate::token2022::TransferFee;

use super::{Amount, Direction, Oracle, Pool, SwapError, SwapRequest, SwapResult, TickArraySet};

/// Transfer fees of a pool's two mints in the epoch of the swap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct MintFees {
    /// Of token A.
    pub a: TransferFee,
    /// Of token B.
    pub b: TransferFee,
}

impl MintFees {
    const fn input(&self, direction: Direction) -> TransferFee {
        match direction {
            Direction::AToB => self.a,
            Direction::BToA => self.b,
        }
    }

    const fn output(&self, direction: Direction) -> TransferFee {
        match direction {
            Direction::AToB => self.b,
            Direction::BToA => self.a,
        }
    }
}

/// What the trader pays and gets. Unit: raw token units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenAmounts {
    /// Taken from the trader, transfer fee included.
    pub amount_in: u64,
    /// Received by the trader, transfer fee taken off.
    pub amount_out: u64,
    /// Withheld by the input mint.
    pub transfer_fee_in: u64,
    /// Withheld by the output mint.
    pub transfer_fee_out: u64,
}

/// A swap with its transfer fees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenSwap {
    /// What the trader pays and gets.
    pub amounts: TokenAmounts,
    /// What the pool saw.
    pub swap: SwapResult,
}

/// The amount that the pool sees: an exact input less the input mint's fee, an exact output grossed
/// up by the output mint's.
///
/// # Errors
/// [`SwapError::TransferFeeCalculationError`] where grossing up leaves `u64`.
pub fn pool_amount(
    amount: Amount,
    fees: &MintFees,
    direction: Direction,
) -> Result<Amount, SwapError> {
    match amount {
        Amount::ExactIn(gross) => Ok(Amount::ExactIn(fees.input(direction).net(gross))),
        Amount::ExactOut(net) => fees
            .output(direction)
            .gross_for_net(net)
            .map(Amount::ExactOut)
            .ok_or(SwapError::TransferFeeCalculationError),
    }
}

/// The trader's side of what the pool moved (`pool_in` and `pool_out`, pool fee included) for the
/// `amount` asked for.
///
/// # Errors
/// [`SwapError::TransferFeeCalculationError`] where grossing up leaves `u64`.
pub fn trader_amounts(
    amount: Amount,
    fees: &MintFees,
    direction: Direction,
    pool_in: u64,
    pool_out: u64,
) -> Result<TokenAmounts, SwapError> {
    let input = fees.input(direction);
    let amount_in = match amount {
        // The pool took all that arrived: the trader pays what he said.
        Amount::ExactIn(gross) if input.net(gross) == pool_in => gross,
        Amount::ExactIn(_) | Amount::ExactOut(_) => {
            input.gross_for_net(pool_in).ok_or(SwapError::TransferFeeCalculationError)?
        }
    };
    let transfer_fee_out = fees.output(direction).fee(pool_out);
    Ok(TokenAmounts {
        amount_in,
        amount_out: pool_out - transfer_fee_out,
        transfer_fee_in: input.fee(amount_in),
        transfer_fee_out,
    })
}

/// [`super::swap`] with transfer fees: `request.amount` is what the trader sends or wants to get.
///
/// # Errors
/// Those of [`super::swap`], and [`SwapError::TransferFeeCalculationError`].
pub fn token_swap(
    pool: &Pool,
    oracle: Option<&Oracle>,
    arrays: &TickArraySet,
    fees: &MintFees,
    request: &SwapRequest,
) -> Result<TokenSwap, SwapError> {
    let direction = request.direction;
    let inner = SwapRequest { amount: pool_amount(request.amount, fees, direction)?, ..*request };
    let swap = super::swap(pool, oracle, arrays, &inner)?;
    let amounts =
        trader_amounts(request.amount, fees, direction, swap.amount_in(), swap.amount_out())?;
    Ok(TokenSwap { amounts, swap })
}
