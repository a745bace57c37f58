//! Exact rationals and 256-bit products for money.

use ruint::aliases::U256;
use serde::{Deserialize, Serialize};

use super::approx::Approx;

/// A positive rational `num / den`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ratio {
    /// Numerator.
    pub num: u128,
    /// Denominator, never zero.
    pub den: u128,
}

impl Ratio {
    /// One.
    pub const ONE: Self = Self { num: 1, den: 1 };

    /// `num / den` in lowest terms.
    ///
    /// # Panics
    ///
    /// When `den` is zero.
    #[must_use]
    pub const fn new(num: u128, den: u128) -> Self {
        assert!(den > 0, "Invariant: denominators are positive");
        let divisor = gcd(num, den);
        Self { num: num / divisor, den: den / divisor }
    }

    /// Ten to the power of `exponent`, which may be negative; none beyond ±38.
    #[must_use]
    pub const fn power_of_ten(exponent: i32) -> Option<Self> {
        match 10_u128.checked_pow(exponent.unsigned_abs()) {
            Some(power) if exponent >= 0 => Some(Self { num: power, den: 1 }),
            Some(power) => Some(Self { num: 1, den: power }),
            None => None,
        }
    }

    /// Product in lowest terms; none on overflow.
    #[must_use]
    pub const fn mul(self, other: Self) -> Option<Self> {
        let left = Self::new(self.num, other.den);
        let right = Self::new(other.num, self.den);
        match (left.num.checked_mul(right.num), left.den.checked_mul(right.den)) {
            (Some(num), Some(den)) => Some(Self { num, den }),
            _ => None,
        }
    }

    /// One over this; none for zero.
    #[must_use]
    pub const fn inverted(self) -> Option<Self> {
        if self.num == 0 { None } else { Some(Self { num: self.den, den: self.num }) }
    }

    /// Whether this is exactly one.
    #[must_use]
    pub const fn is_one(self) -> bool {
        self.num == self.den
    }

    /// `amount × self`, rounded up; none on overflow.
    #[must_use]
    pub fn apply_ceil(self, amount: u128) -> Option<u128> {
        mul_div_ceil(amount, self.num, self.den)
    }

    /// `amount × self`, rounded down; none on overflow.
    #[must_use]
    pub fn apply_floor(self, amount: u128) -> Option<u128> {
        mul_div_floor(amount, self.num, self.den)
    }

    /// As 64 significant bits.
    #[must_use]
    pub const fn approx(self) -> Approx {
        if self.is_one() { Approx::ONE } else { Approx::ratio(self.num, self.den) }
    }
}

/// Greatest common divisor; of zero and `b` it is `b`.
#[must_use]
pub const fn gcd(a: u128, b: u128) -> u128 {
    let (mut a, mut b) = (a, b);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    if a == 0 { 1 } else { a }
}

/// `floor(a × b / den)`; none above `u128`.
#[must_use]
pub fn mul_div_floor(a: u128, b: u128, den: u128) -> Option<u128> {
    if b == den {
        return Some(a);
    }
    if let Some(product) = a.checked_mul(b) {
        return Some(divided(product, den));
    }
    let wide = U256::from(a) * U256::from(b);
    u128::try_from(wide / U256::from(den)).ok()
}

/// `ceil(a × b / den)`; none above `u128`.
#[must_use]
pub fn mul_div_ceil(a: u128, b: u128, den: u128) -> Option<u128> {
    if b == den {
        return Some(a);
    }
    if let Some(product) = a.checked_mul(b) {
        let quotient = divided(product, den);
        return Some(quotient + u128::from(quotient * den != product));
    }
    let wide = U256::from(a) * U256::from(b);
    let (quotient, rest) = wide.div_rem(U256::from(den));
    let quotient = u128::try_from(quotient).ok()?;
    if rest.is_zero() { Some(quotient) } else { quotient.checked_add(1) }
}

/// Division that takes the machine's 64-bit instruction when both sides fit it.
#[expect(clippy::cast_possible_truncation, reason = "checked in the condition")]
const fn divided(a: u128, b: u128) -> u128 {
    if (a | b) >> 64 == 0 { (a as u64 / b as u64) as u128 } else { a / b }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rounding_brackets_the_quotient(a: u64, b: u64, den in 1_u64..) {
            let (a, b, den) = (u128::from(a), u128::from(b), u128::from(den));
            let (down, up) = (mul_div_floor(a, b, den), mul_div_ceil(a, b, den));
            prop_assert_eq!(down, Some(a * b / den));
            prop_assert_eq!(up, Some((a * b).div_ceil(den)));
        }

        #[test]
        fn wide_products_divide_exactly(a: u128, b in 1_u128..) {
            prop_assert_eq!(mul_div_floor(a, b, b), Some(a));
            prop_assert_eq!(mul_div_ceil(a, b, b), Some(a));
            let half = a / 2;
            prop_assert_eq!(mul_div_floor(half, u128::MAX, u128::MAX - 1).is_some(), true);
        }
    }

    #[test]
    fn edges() {
        assert_eq!(mul_div_floor(u128::MAX, 2, 1), None);
        assert_eq!(mul_div_ceil(u128::MAX, 3, 2), None);
        assert_eq!(mul_div_ceil(u128::MAX, 2, 3), Some(u128::MAX / 3 * 2));
        assert_eq!(Ratio::new(6, 4), Ratio { num: 3, den: 2 });
        assert_eq!(Ratio::power_of_ten(-2), Some(Ratio { num: 1, den: 100 }));
        assert_eq!(Ratio::power_of_ten(39), None);
        assert_eq!(Ratio::new(0, 5).inverted(), None);
        assert_eq!(gcd(0, 7), 7);
    }
}
