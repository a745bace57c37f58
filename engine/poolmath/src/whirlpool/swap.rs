//! The plain swap loop: nothing is cached, everything is computed as the program does.

use super::step::{Fixed, Step};
use super::walk::{Walk, gate};
use super::{Direction, Oracle, Pool, SwapError, SwapRequest, SwapResult, TickArraySet};

/// Unit of the protocol's share: 10⁻⁴ of the fee.
const PROTOCOL_DENOMINATOR: u128 = 10_000;

/// What has been moved so far.
struct Ledger {
    fixed: Fixed,
    /// Left of the fixed side.
    remaining: u64,
    /// Moved of the other side.
    total: u64,
    fee: u64,
    protocol_fee: u64,
    fee_growth: u128,
    protocol_fee_rate: u16,
}

impl Ledger {
    fn book(&mut self, step: &Step, liquidity: u128) -> Result<(), SwapError> {
        let with_fee = step.amount_in.checked_add(step.fee).ok_or(SwapError::AmountCalcOverflow)?;
        let (consumed, produced) = match self.fixed {
            Fixed::Input => (with_fee, step.amount_out),
            Fixed::Output => (step.amount_out, with_fee),
        };
        self.remaining =
            self.remaining.checked_sub(consumed).ok_or(SwapError::AmountRemainingOverflow)?;
        self.total = self.total.checked_add(produced).ok_or(SwapError::AmountCalcOverflow)?;
        // The fees of all steps are a part of the input, which fits.
        self.fee += step.fee;
        // Rounded down; at most a quarter of the fee by the program's bound, never above it here.
        let share =
            u128::from(step.fee) * u128::from(self.protocol_fee_rate) / PROTOCOL_DENOMINATOR;
        let share = u64::try_from(share).unwrap_or(u64::MAX).min(step.fee);
        self.protocol_fee += share;
        // Rounded down; without liquidity nobody earns.
        let growth = (u128::from(step.fee - share) << 64).checked_div(liquidity).unwrap_or(0);
        self.fee_growth = self.fee_growth.wrapping_add(growth);
        Ok(())
    }
}

/// Swaps, without changing anything: what the program would move, charge and write.
///
/// The oracle is looked at for adaptive-fee pools only. An exact input that reaches the price limit
/// is a legal partial fill: `amount_in` is then below the amount asked for.
///
/// # Errors
/// The program's named cases, and our own: [`SwapError::TooManySteps`],
/// [`SwapError::UnknownArray`], [`SwapError::OracleMissing`], [`SwapError::InvalidState`].
pub fn swap(
    pool: &Pool,
    oracle: Option<&Oracle>,
    arrays: &TickArraySet,
    request: &SwapRequest,
) -> Result<SwapResult, SwapError> {
    let direction = request.direction;
    let limit = gate(pool, oracle, arrays, direction, request.sqrt_price_limit, request.now_s)?;
    let amount = request.amount.units();
    if amount == 0 {
        return Err(SwapError::ZeroTradableAmount);
    }
    let mut walk = Walk::begin(
        pool,
        oracle,
        arrays,
        direction,
        limit,
        request.now_s,
        request.inner_steps_max,
    )?;
    let mut ledger = Ledger {
        fixed: request.amount.fixed(),
        remaining: amount,
        total: 0,
        fee: 0,
        protocol_fee: 0,
        fee_growth: match direction {
            Direction::AToB => pool.fee_growth_global_a,
            Direction::BToA => pool.fee_growth_global_b,
        },
        protocol_fee_rate: pool.protocol_fee_rate,
    };
    while ledger.remaining > 0 && !walk.at_limit() {
        let stretch = walk.stretch()?;
        loop {
            let (leg, aim) = walk.aim(&stretch)?;
            let step = leg.step(ledger.remaining, ledger.fixed)?;
            ledger.book(&step, walk.liquidity)?;
            walk.settle(&stretch, &aim, step.sqrt_price);
            if ledger.remaining == 0 || walk.sqrt_price == stretch.target {
                break;
            }
        }
        walk.leave(&stretch)?;
    }
    if ledger.fixed == Fixed::Output && ledger.remaining > 0 && request.sqrt_price_limit == 0 {
        return Err(SwapError::PartialFillError);
    }
    Ok(result(&walk, &ledger, amount, direction))
}

fn result(walk: &Walk<'_>, ledger: &Ledger, amount: u64, direction: Direction) -> SwapResult {
    let moved = amount - ledger.remaining;
    let (amount_in, amount_out) = match ledger.fixed {
        Fixed::Input => (moved, ledger.total),
        Fixed::Output => (ledger.total, moved),
    };
    let (amount_a, amount_b) = match direction {
        Direction::AToB => (amount_in, amount_out),
        Direction::BToA => (amount_out, amount_in),
    };
    SwapResult {
        amount_a,
        amount_b,
        fee_amount: ledger.fee,
        protocol_fee: ledger.protocol_fee,
        sqrt_price: walk.sqrt_price,
        tick_current_index: walk.tick(),
        liquidity: walk.liquidity,
        fee_growth_global: ledger.fee_growth,
        ticks_crossed: walk.ticks_crossed,
        inner_steps: walk.inner_steps,
        adaptive: walk.variables(),
        direction,
    }
}
