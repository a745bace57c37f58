//! The last step of a quote: the part of a segment that an amount pays for.
//!
//! The same numbers as [`Leg::step`], where it is known that the amount does not complete the
//! segment and that the whole segment's amounts exist. Then the price stops inside, no amount of
//! the part is above that of the whole, and what `step` computes to find this out is left out.

use crate::wide::{Rounding, U256, low, mul_u128};

use super::step::{Fixed, Leg, Step, net_of_fee, next_price_from_a};
use super::{Direction, SwapError, delta_a, delta_b};

impl Leg {
    /// A step with `remaining` of the fixed side, above zero and not enough for the target.
    #[inline]
    pub(super) fn part(&self, remaining: u64, fixed: Fixed) -> Result<Step, SwapError> {
        match (self.direction, fixed) {
            (Direction::AToB, Fixed::Input) => self.part_of_a_in(remaining),
            (Direction::AToB, Fixed::Output) => self.part_of_b_out(remaining),
            (Direction::BToA, Fixed::Input) => self.part_of_b_in(remaining),
            (Direction::BToA, Fixed::Output) => self.part_of_a_out(remaining),
        }
    }

    #[inline]
    fn part_of_a_in(&self, remaining: u64) -> Result<Step, SwapError> {
        let usable = net_of_fee(remaining, self.fee_rate_ppm);
        let next = next_price_from_a(self.sqrt_price, self.liquidity, usable, Fixed::Input)?;
        let amount_out = delta_b(self.sqrt_price, next, self.liquidity, Rounding::Down)?;
        let amount_in = if self.took_all(next, usable) {
            usable
        } else {
            delta_a(self.sqrt_price, next, self.liquidity, Rounding::Up)?
        };
        step_of_input(next, amount_in, amount_out, remaining)
    }

    #[inline]
    fn part_of_b_in(&self, remaining: u64) -> Result<Step, SwapError> {
        let usable = u128::from(net_of_fee(remaining, self.fee_rate_ppm)) << 64;
        let moved = usable.checked_div(self.liquidity).ok_or(SwapError::DivideByZero)?;
        let next = self.sqrt_price + moved;
        // Not above `usable`, by the division's rounding; rounded up.
        let taken = self.liquidity * moved;
        let amount_in = low(taken >> 64) + u64::from(low(taken) != 0);
        let amount_out = delta_a(self.sqrt_price, next, self.liquidity, Rounding::Down)?;
        step_of_input(next, amount_in, amount_out, remaining)
    }

    #[inline]
    fn part_of_a_out(&self, remaining: u64) -> Result<Step, SwapError> {
        let next = next_price_from_a(self.sqrt_price, self.liquidity, remaining, Fixed::Output)?;
        let amount_in = delta_b(self.sqrt_price, next, self.liquidity, Rounding::Up)?;
        Ok(self.step_of_output(next, amount_in, remaining))
    }

    #[inline]
    fn part_of_b_out(&self, remaining: u64) -> Result<Step, SwapError> {
        if self.liquidity == 0 {
            return Err(SwapError::DivideByZero);
        }
        let moved = (u128::from(remaining) << 64).div_ceil(self.liquidity);
        let next = self.sqrt_price.checked_sub(moved).ok_or(SwapError::SqrtPriceOutOfBounds)?;
        let amount_in = delta_a(self.sqrt_price, next, self.liquidity, Rounding::Up)?;
        Ok(self.step_of_output(next, amount_in, remaining))
    }

    /// The price is rounded so that it gives at least what is wanted; no more is given.
    #[inline]
    fn step_of_output(&self, next: u128, amount_in: u64, amount_out: u64) -> Step {
        Step { sqrt_price: next, amount_in, amount_out, fee: self.fee_on(amount_in) }
    }

    /// Whether `⌈L · 2⁶⁴ · (s − next) / (s · next)⌉` is `usable`, told without a division: it is
    /// never above, and it is not below iff `L · 2⁶⁴ · (s − next) > (usable − 1) · s · next`.
    #[inline]
    fn took_all(&self, next: u128, usable: u64) -> bool {
        let Some(less) = usable.checked_sub(1) else { return false };
        let moved = mul_u128(self.liquidity, self.sqrt_price - next);
        let bar = mul_by_u64(mul_u128(self.sqrt_price, next), less);
        // `moved` has an implicit zero limb below: the bar's lowest limb only makes it larger.
        moved > U256::from_limbs([bar[1], bar[2], bar[3], bar[4]])
    }
}

/// All that is left and buys nothing becomes fee.
#[inline]
fn step_of_input(
    next: u128,
    amount_in: u64,
    amount_out: u64,
    remaining: u64,
) -> Result<Step, SwapError> {
    let fee = remaining.checked_sub(amount_in).ok_or(SwapError::AmountRemainingOverflow)?;
    Ok(Step { sqrt_price: next, amount_in, amount_out, fee })
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
