//! One step of a swap: from a price towards a target at one liquidity and one fee rate.
//!
//! Inputs are rounded up, outputs down, always in the pool's favour. Source: reference page
//! "On-chain venues", 3.3.

use crate::wide::{
    Rounding, U256, fraction, fraction_wide, high, low, mul_u128, short_quotient, to_u128,
};

use super::{Amount, Direction, MAX_SQRT_PRICE, MIN_SQRT_PRICE, SwapError};

/// Fee rates are millionths.
pub(super) const FEE_DENOMINATOR: u64 = 1_000_000;

/// A token amount, or why it is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Delta {
    Units(u64),
    /// Above `u64`.
    TooLarge,
    /// Liquidity times price difference at or above 2¹²⁸.
    ShiftOverflow,
}

impl Delta {
    const fn units(self) -> Result<u64, SwapError> {
        match self {
            Self::Units(units) => Ok(units),
            Self::TooLarge => Err(SwapError::TokenMaxExceeded),
            Self::ShiftOverflow => Err(SwapError::MultiplicationShiftRightOverflow),
        }
    }
}

/// Token A between two square-root prices: `L · 2⁶⁴ · (hi − lo) / (hi · lo)`, rounded as told.
/// Raw units; the order of the prices does not matter.
///
/// # Errors
/// [`SwapError::MultiplicationOverflow`] where `L · (hi − lo)` needs more than 192 bits,
/// [`SwapError::TokenMaxExceeded`] above `u64`, [`SwapError::DivideByZero`] for a price of zero.
#[inline]
pub fn delta_a(
    sqrt_price_0: u128,
    sqrt_price_1: u128,
    liquidity: u128,
    rounding: Rounding,
) -> Result<u64, SwapError> {
    delta_a_wide(sqrt_price_0, sqrt_price_1, liquidity, rounding)?.units()
}

/// Token B between two square-root prices: `L · (hi − lo) / 2⁶⁴`, rounded as told. Raw units; the
/// order of the prices does not matter.
///
/// # Errors
/// [`SwapError::MultiplicationShiftRightOverflow`] where `L · (hi − lo)` needs more than 128 bits,
/// [`SwapError::TokenMaxExceeded`] above `u64`.
#[inline]
pub fn delta_b(
    sqrt_price_0: u128,
    sqrt_price_1: u128,
    liquidity: u128,
    rounding: Rounding,
) -> Result<u64, SwapError> {
    delta_b_wide(sqrt_price_0, sqrt_price_1, liquidity, rounding).units()
}

#[inline]
fn delta_a_wide(
    p0: u128,
    p1: u128,
    liquidity: u128,
    rounding: Rounding,
) -> Result<Delta, SwapError> {
    let difference = p0.abs_diff(p1);
    let denominator = mul_u128(p0, p1);
    // Nearly always both fit, and the quotient is one digit.
    if let (Some(product), Some(whole)) = (liquidity.checked_mul(difference), to_u128(denominator))
        && product < whole
    {
        let (floor, inexact) = fraction(product, whole);
        let up = u64::from(rounding == Rounding::Up && inexact);
        return Ok(floor.checked_add(up).map_or(Delta::TooLarge, Delta::Units));
    }
    delta_a_long(mul_u128(liquidity, difference), denominator, rounding)
}

/// `product · 2⁶⁴ / denominator`, rounded as told.
fn delta_a_long(product: U256, denominator: U256, rounding: Rounding) -> Result<Delta, SwapError> {
    let limbs = product.as_limbs();
    if limbs[3] != 0 {
        return Err(SwapError::MultiplicationOverflow);
    }
    if denominator.is_zero() {
        return Err(SwapError::DivideByZero);
    }
    let digit = fraction_wide(product, denominator).map(|(q, inexact)| (u128::from(q), inexact));
    let numerator = [0, limbs[0], limbs[1], limbs[2]];
    let quotient = digit.or_else(|| short_quotient(numerator, *denominator.as_limbs()));
    let Some((floor, inexact)) = quotient else { return Ok(Delta::TooLarge) };
    let up = rounding == Rounding::Up && inexact;
    // A quotient of 128 bits is above `u64` with or without one more.
    let quotient = floor.saturating_add(u128::from(up));
    Ok(u64::try_from(quotient).map_or(Delta::TooLarge, Delta::Units))
}

#[inline]
fn delta_b_wide(p0: u128, p1: u128, liquidity: u128, rounding: Rounding) -> Delta {
    let Some(product) = liquidity.checked_mul(p0.abs_diff(p1)) else {
        return Delta::ShiftOverflow;
    };
    let floor = u64::try_from(product >> 64).unwrap_or(u64::MAX); // Always fits: 128 − 64 bits.
    let inexact = product << 64 != 0;
    match rounding {
        Rounding::Up if inexact => floor.checked_add(1).map_or(Delta::TooLarge, Delta::Units),
        Rounding::Up | Rounding::Down => Delta::Units(floor),
    }
}

/// Whether the fixed side of a step is its input or its output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fixed {
    Input,
    Output,
}

impl Amount {
    /// Which side it fixes.
    #[inline]
    pub(super) const fn fixed(self) -> Fixed {
        match self {
            Self::ExactIn(_) => Fixed::Input,
            Self::ExactOut(_) => Fixed::Output,
        }
    }
}

/// Where a step starts and where it may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Leg {
    pub(super) sqrt_price: u128,
    pub(super) target: u128,
    pub(super) liquidity: u128,
    pub(super) fee_rate_ppm: u32,
    pub(super) direction: Direction,
}

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) sqrt_price: u128,
    /// Without the fee.
    pub(super) amount_in: u64,
    pub(super) amount_out: u64,
    pub(super) fee: u64,
}

impl Leg {
    fn delta_in(&self, to: u128) -> Result<Delta, SwapError> {
        match self.direction {
            Direction::AToB => delta_a_wide(self.sqrt_price, to, self.liquidity, Rounding::Up),
            Direction::BToA => Ok(delta_b_wide(self.sqrt_price, to, self.liquidity, Rounding::Up)),
        }
    }

    fn delta_out(&self, to: u128) -> Result<Delta, SwapError> {
        match self.direction {
            Direction::AToB => {
                Ok(delta_b_wide(self.sqrt_price, to, self.liquidity, Rounding::Down))
            }
            Direction::BToA => delta_a_wide(self.sqrt_price, to, self.liquidity, Rounding::Down),
        }
    }

    fn delta_fixed(&self, to: u128, fixed: Fixed) -> Result<Delta, SwapError> {
        match fixed {
            Fixed::Input => self.delta_in(to),
            Fixed::Output => self.delta_out(to),
        }
    }

    fn delta_unfixed(&self, to: u128, fixed: Fixed) -> Result<Delta, SwapError> {
        match fixed {
            Fixed::Input => self.delta_out(to),
            Fixed::Output => self.delta_in(to),
        }
    }

    /// The fee on an input without fee, rounded up: `⌈amount · f / (10⁶ − f)⌉`.
    pub(super) fn fee_on(&self, amount_in: u64) -> u64 {
        // Split at the denominator: no product leaves 64 bits, no wide division is needed.
        let rate = u64::from(self.fee_rate_ppm);
        let net = FEE_DENOMINATOR - rate;
        let (whole, rest) = (amount_in / net, amount_in % net);
        // The rate is at most a tenth, so that the fee is at most a ninth of the amount.
        whole * rate + (rest * rate).div_ceil(net)
    }

    /// Takes a step with `remaining` left of the fixed side.
    pub(super) fn step(&self, remaining: u64, fixed: Fixed) -> Result<Step, SwapError> {
        let to_target = self.delta_fixed(self.target, fixed)?;
        let usable = match fixed {
            Fixed::Input => net_of_fee(remaining, self.fee_rate_ppm),
            Fixed::Output => remaining,
        };
        let next = match to_target {
            Delta::Units(units) if units <= usable => self.target,
            Delta::Units(_) | Delta::TooLarge | Delta::ShiftOverflow => {
                self.next_price(usable, fixed)?
            }
        };
        let reached = next == self.target;
        let unfixed = self.delta_unfixed(next, fixed)?.units()?;
        let moved = match to_target {
            Delta::Units(units) if reached => units,
            Delta::Units(_) | Delta::TooLarge | Delta::ShiftOverflow => {
                self.delta_fixed(next, fixed)?.units()?
            }
        };
        let (amount_in, amount_out) = match fixed {
            Fixed::Input => (moved, unfixed),
            Fixed::Output => (unfixed, moved.min(remaining)),
        };
        let fee = match fixed {
            // All that is left and buys nothing becomes fee.
            Fixed::Input if !reached => {
                remaining.checked_sub(amount_in).ok_or(SwapError::AmountRemainingOverflow)?
            }
            Fixed::Input | Fixed::Output => self.fee_on(amount_in),
        };
        Ok(Step { sqrt_price: next, amount_in, amount_out, fee })
    }

    /// A step all the way to the target; `None` where one of its amounts does not exist.
    pub(super) fn whole(&self) -> Option<Step> {
        let amount_in = self.delta_in(self.target).ok()?.units().ok()?;
        let amount_out = self.delta_out(self.target).ok()?.units().ok()?;
        let fee = self.fee_on(amount_in);
        Some(Step { sqrt_price: self.target, amount_in, amount_out, fee })
    }

    /// Price after `units` of the fixed side, in the pool's favour.
    #[inline]
    pub(super) fn next_price(&self, units: u64, fixed: Fixed) -> Result<u128, SwapError> {
        let (price, liquidity) = (self.sqrt_price, self.liquidity);
        let next = match (self.direction, fixed) {
            (Direction::AToB, Fixed::Input) | (Direction::BToA, Fixed::Output) => {
                next_price_from_a(price, liquidity, units, fixed)?
            }
            (Direction::BToA, Fixed::Input) => {
                let moved = (u128::from(units) << 64)
                    .checked_div(liquidity)
                    .ok_or(SwapError::DivideByZero)?;
                price.checked_add(moved).ok_or(SwapError::SqrtPriceOutOfBounds)?
            }
            (Direction::AToB, Fixed::Output) => {
                if liquidity == 0 {
                    return Err(SwapError::DivideByZero);
                }
                let moved = (u128::from(units) << 64).div_ceil(liquidity);
                price.checked_sub(moved).ok_or(SwapError::SqrtPriceOutOfBounds)?
            }
        };
        if (MIN_SQRT_PRICE..=MAX_SQRT_PRICE).contains(&next) {
            Ok(next)
        } else {
            Err(SwapError::SqrtPriceOutOfBounds)
        }
    }
}

/// `⌊remaining · (10⁶ − f) / 10⁶⌋`.
#[inline]
pub(super) fn net_of_fee(remaining: u64, fee_rate_ppm: u32) -> u64 {
    // Split at the denominator: no product leaves 64 bits, no wide division is needed.
    let net = FEE_DENOMINATOR - u64::from(fee_rate_ppm);
    let (whole, rest) = (remaining / FEE_DENOMINATOR, remaining % FEE_DENOMINATOR);
    whole * net + rest * net / FEE_DENOMINATOR
}

/// `⌈L · s · 2⁶⁴ / (L · 2⁶⁴ ± units · s)⌉`: plus for an input of A, minus for an output.
#[inline]
pub(super) fn next_price_from_a(
    sqrt_price: u128,
    liquidity: u128,
    units: u64,
    fixed: Fixed,
) -> Result<u128, SwapError> {
    let product = mul_u128(liquidity, sqrt_price);
    let limbs = product.as_limbs();
    if limbs[3] != 0 {
        return Err(SwapError::MultiplicationOverflow);
    }
    // Both are sums of at most 2¹⁹² and 2¹⁶⁰.
    let reserve = U256::from_limbs([0, low(liquidity), high(liquidity), 0]);
    let moved = mul_u128(u128::from(units), sqrt_price);
    let denominator = match fixed {
        Fixed::Input => reserve + moved,
        Fixed::Output if reserve <= moved => return Err(SwapError::DivideByZero),
        Fixed::Output => reserve - moved,
    };
    if denominator.is_zero() {
        return Err(SwapError::DivideByZero);
    }
    // Nearly always both fit: the whole part of the quotient is below 2³², mostly zero.
    if let (Some(product), Some(whole)) = (to_u128(product), to_u128(denominator)) {
        let (upper, rest) =
            if product < whole { (0, product) } else { (product / whole, product % whole) };
        let (lower, inexact) = fraction(rest, whole);
        let price = u128::from(lower) + u128::from(inexact);
        let upper = u64::try_from(upper).map_err(|_| SwapError::SqrtPriceOutOfBounds)?;
        return (u128::from(upper) << 64).checked_add(price).ok_or(SwapError::SqrtPriceOutOfBounds);
    }
    let numerator = [0, limbs[0], limbs[1], limbs[2]];
    let (floor, inexact) = short_quotient(numerator, *denominator.as_limbs())
        .ok_or(SwapError::SqrtPriceOutOfBounds)?;
    floor.checked_add(u128::from(inexact)).ok_or(SwapError::SqrtPriceOutOfBounds)
}
