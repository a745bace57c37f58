//! One step of a swap: from a price towards a target at one liquidity and one fee rate.
//!
//! Inputs are rounded up, outputs down, always in the pool's favour. Source: reference page
//! "On-chain venues", 3.3.

use crate::wide::{Rounding, U256, div, high, low, mul_u128, to_u64, to_u128};

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
pub fn delta_b(
    sqrt_price_0: u128,
    sqrt_price_1: u128,
    liquidity: u128,
    rounding: Rounding,
) -> Result<u64, SwapError> {
    delta_b_wide(sqrt_price_0, sqrt_price_1, liquidity, rounding).units()
}

fn delta_a_wide(
    p0: u128,
    p1: u128,
    liquidity: u128,
    rounding: Rounding,
) -> Result<Delta, SwapError> {
    let product = mul_u128(liquidity, p0.abs_diff(p1));
    let limbs = product.as_limbs();
    if limbs[3] != 0 {
        return Err(SwapError::MultiplicationOverflow);
    }
    let numerator = U256::from_limbs([0, limbs[0], limbs[1], limbs[2]]);
    let quotient = div(numerator, mul_u128(p0, p1), rounding).ok_or(SwapError::DivideByZero)?;
    Ok(to_u64(quotient).map_or(Delta::TooLarge, Delta::Units))
}

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

    /// The step of [`Leg::step`] where it is known that the amount does not complete it and that a
    /// whole step's amounts exist. No amount of a part is then above that of the whole.
    #[inline]
    pub(super) fn part(&self, remaining: u64, fixed: Fixed) -> Result<Step, SwapError> {
        match fixed {
            Fixed::Input => {
                let usable = net_of_fee(remaining, self.fee_rate_ppm);
                let next = self.next_price(usable, fixed)?;
                let amount_out = self.delta_out(next)?.units()?;
                let amount_in = self.input_moved(next, usable)?;
                // All that is left and buys nothing becomes fee.
                let fee =
                    remaining.checked_sub(amount_in).ok_or(SwapError::AmountRemainingOverflow)?;
                Ok(Step { sqrt_price: next, amount_in, amount_out, fee })
            }
            Fixed::Output => {
                let next = self.next_price(remaining, fixed)?;
                let amount_in = self.delta_in(next)?.units()?;
                // The price is rounded so that it gives at least what is wanted.
                Ok(Step {
                    sqrt_price: next,
                    amount_in,
                    amount_out: remaining,
                    fee: self.fee_on(amount_in),
                })
            }
        }
    }

    /// Input that moved the price to `next`, which [`Leg::next_price`] gave for `usable`.
    #[inline]
    fn input_moved(&self, next: u128, usable: u64) -> Result<u64, SwapError> {
        if self.direction == Direction::AToB && self.moved_all(next, usable) {
            return Ok(usable);
        }
        self.delta_in(next)?.units()
    }

    /// Whether `⌈L · 2⁶⁴ · (s − next) / (s · next)⌉` is `usable`, told without a division: it is
    /// never above, and it is not below iff `L · 2⁶⁴ · (s − next) > (usable − 1) · s · next`.
    #[inline]
    fn moved_all(&self, next: u128, usable: u64) -> bool {
        let Some(less) = usable.checked_sub(1) else { return false };
        let moved = mul_u128(self.liquidity, self.sqrt_price - next);
        let bar = mul_by_u64(mul_u128(self.sqrt_price, next), less);
        // `moved` has an implicit zero limb below: the bar's lowest limb only makes it larger.
        let above = [bar[1], bar[2], bar[3], bar[4]];
        moved > U256::from_limbs(above)
    }

    /// A step all the way to the target; `None` where one of its amounts does not exist.
    pub(super) fn whole(&self) -> Option<Step> {
        let amount_in = self.delta_in(self.target).ok()?.units().ok()?;
        let amount_out = self.delta_out(self.target).ok()?.units().ok()?;
        let fee = self.fee_on(amount_in);
        Some(Step { sqrt_price: self.target, amount_in, amount_out, fee })
    }

    /// Price after `units` of the fixed side, in the pool's favour.
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

/// The full product, lowest limb first.
#[inline]
fn mul_by_u64(wide: U256, factor: u64) -> [u64; 5] {
    let mut product = [0; 5];
    let mut carry = 0_u128;
    for (place, limb) in product.iter_mut().zip(wide.as_limbs()) {
        // At most (2⁶⁴ − 1)² + 2⁶⁴ − 1: inside 128 bits.
        let sum = u128::from(*limb) * u128::from(factor) + carry;
        *place = low(sum);
        carry = sum >> 64;
    }
    product[4] = low(carry);
    product
}

/// `⌊remaining · (10⁶ − f) / 10⁶⌋`.
pub(super) fn net_of_fee(remaining: u64, fee_rate_ppm: u32) -> u64 {
    // Split at the denominator: no product leaves 64 bits, no wide division is needed.
    let net = FEE_DENOMINATOR - u64::from(fee_rate_ppm);
    let (whole, rest) = (remaining / FEE_DENOMINATOR, remaining % FEE_DENOMINATOR);
    whole * net + rest * net / FEE_DENOMINATOR
}

/// `⌈L · s · 2⁶⁴ / (L · 2⁶⁴ ± units · s)⌉`: plus for an input of A, minus for an output.
fn next_price_from_a(
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
    let numerator = U256::from_limbs([0, limbs[0], limbs[1], limbs[2]]);
    let reserve = U256::from_limbs([0, low(liquidity), high(liquidity), 0]);
    let moved = mul_u128(u128::from(units), sqrt_price);
    let denominator = match fixed {
        // At most 2¹⁹² + 2¹⁶⁰.
        Fixed::Input => reserve + moved,
        Fixed::Output if reserve <= moved => return Err(SwapError::DivideByZero),
        Fixed::Output => reserve - moved,
    };
    let price = div(numerator, denominator, Rounding::Up).ok_or(SwapError::DivideByZero)?;
    to_u128(price).ok_or(SwapError::SqrtPriceOutOfBounds)
}
