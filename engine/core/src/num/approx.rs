//! Positive numbers with 64 significant bits and a wide exponent, in integers only.
//!
//! They locate the best size and order curve pieces; they never hold money. Each operation
//! truncates, with a relative error below 2⁻⁶². Near the optimum profit is flat, so such an error
//! in the size costs its square, and the size found is re-priced with exact integers anyway.

use core::cmp::Ordering;

/// `mantissa × 2^exponent`; the mantissa has its top bit set, or is zero for zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Approx {
    mantissa: u64,
    exponent: i32,
}

impl Approx {
    /// Zero.
    pub const ZERO: Self = Self { mantissa: 0, exponent: i32::MIN };
    /// One.
    pub const ONE: Self = Self { mantissa: 1 << 63, exponent: -63 };

    /// The nearest value at or below `value`.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the shifts leave 64 bits")]
    pub const fn from_u128(value: u128) -> Self {
        if value == 0 {
            return Self::ZERO;
        }
        let zeros = value.leading_zeros().cast_signed();
        let mantissa = if zeros >= 64 {
            (value as u64) << (zeros - 64)
        } else {
            (value >> (64 - zeros)) as u64
        };
        Self { mantissa, exponent: 64 - zeros }
    }

    /// `numerator / denominator`.
    ///
    /// # Panics
    ///
    /// When the denominator is zero.
    #[must_use]
    pub const fn ratio(numerator: u128, denominator: u128) -> Self {
        Self::from_u128(numerator).div(Self::from_u128(denominator))
    }

    /// Whether this is zero.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.mantissa == 0
    }

    /// This times `2^bits`.
    #[must_use]
    pub const fn shifted(self, bits: i32) -> Self {
        if self.is_zero() { self } else { Self { exponent: self.exponent + bits, ..self } }
    }

    /// Product.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the shifts leave 64 bits")]
    pub const fn mul(self, other: Self) -> Self {
        if self.is_zero() || other.is_zero() {
            return Self::ZERO;
        }
        let wide = self.mantissa as u128 * other.mantissa as u128;
        let exponent = self.exponent + other.exponent;
        if wide >> 127 == 1 {
            Self { mantissa: (wide >> 64) as u64, exponent: exponent + 64 }
        } else {
            Self { mantissa: (wide >> 63) as u64, exponent: exponent + 63 }
        }
    }

    /// Square.
    #[must_use]
    pub const fn squared(self) -> Self {
        self.mul(self)
    }

    /// Quotient.
    ///
    /// # Panics
    ///
    /// When `other` is zero.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the shifts leave 64 bits")]
    pub const fn div(self, other: Self) -> Self {
        assert!(!other.is_zero(), "Invariant: callers divide by prices, rates and liquidity only");
        if self.is_zero() {
            return Self::ZERO;
        }
        let bits = if self.mantissa >= other.mantissa { 63 } else { 64 };
        let wide = ((self.mantissa as u128) << bits) / other.mantissa as u128;
        Self { mantissa: wide as u64, exponent: self.exponent - other.exponent - bits }
    }

    /// Square root.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the root of 128 bits has 64")]
    pub const fn sqrt(self) -> Self {
        if self.is_zero() {
            return Self::ZERO;
        }
        let bits = if self.exponent & 1 == 0 { 64 } else { 63 };
        let root = ((self.mantissa as u128) << bits).isqrt() as u64;
        // The root of [2^126, 2^128) has its top bit set.
        Self { mantissa: root, exponent: (self.exponent - bits) / 2 }
    }

    /// Sum.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the shifts leave 64 bits")]
    pub const fn add(self, other: Self) -> Self {
        let (large, small) = if self.is_below(other) { (other, self) } else { (self, other) };
        if small.is_zero() {
            return large;
        }
        let shift = large.exponent - small.exponent;
        if shift > 63 {
            return large;
        }
        let sum = large.mantissa as u128 + (small.mantissa >> shift) as u128;
        if sum >> 64 == 1 {
            Self { mantissa: (sum >> 1) as u64, exponent: large.exponent + 1 }
        } else {
            Self { mantissa: sum as u64, exponent: large.exponent }
        }
    }

    /// Difference; zero when `other` is larger.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        if other.is_zero() {
            return self;
        }
        if !other.is_below(self) {
            return Self::ZERO;
        }
        let shift = self.exponent - other.exponent;
        let taken = if shift > 63 { 0 } else { other.mantissa >> shift };
        let rest = self.mantissa - taken;
        if rest == 0 {
            return Self::ZERO;
        }
        let zeros = rest.leading_zeros();
        Self { mantissa: rest << zeros, exponent: self.exponent - zeros.cast_signed() }
    }

    /// Whether this is smaller than `other`.
    #[must_use]
    pub const fn is_below(self, other: Self) -> bool {
        if self.is_zero() || other.is_zero() {
            return self.is_zero() && !other.is_zero();
        }
        self.exponent < other.exponent
            || (self.exponent == other.exponent && self.mantissa < other.mantissa)
    }

    /// Rounded down; `u128::MAX` when it does not fit.
    #[must_use]
    pub const fn floor_u128(self) -> u128 {
        if self.is_zero() || self.exponent <= -64 {
            0
        } else if self.exponent <= 0 {
            (self.mantissa >> -self.exponent) as u128
        } else if self.exponent <= 64 {
            (self.mantissa as u128) << self.exponent
        } else {
            u128::MAX
        }
    }
}

impl PartialOrd for Approx {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Approx {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.is_below(*other) {
            Ordering::Less
        } else if other.is_below(*self) {
            Ordering::Greater
        } else {
            Ordering::Equal
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// |a − b| ≤ b × 2^-bits, in integers.
    fn close(a: u128, b: u128, bits: u32) -> bool {
        a.abs_diff(b) <= (b >> bits) + 1
    }

    proptest! {
        #[test]
        fn operations_stay_within_their_error(a in 1_u128..1 << 62, b in 1_u128..1 << 62) {
            let (x, y) = (Approx::from_u128(a), Approx::from_u128(b));
            prop_assert_eq!(x.floor_u128(), a);
            prop_assert!(close(x.mul(y).floor_u128(), a * b, 60));
            prop_assert_eq!(x.add(y).floor_u128(), a + b);
            prop_assert_eq!(x.saturating_sub(y).floor_u128(), a.saturating_sub(b));
            prop_assert_eq!(x.cmp(&y), a.cmp(&b));
            prop_assert!(close(x.shifted(64).div(y).floor_u128(), (a << 64) / b, 60));
            prop_assert!(close(x.shifted(40).sqrt().floor_u128(), (a << 40).isqrt(), 60));
        }
    }

    #[test]
    fn edges() {
        assert_eq!(Approx::from_u128(u128::MAX).floor_u128() >> 64, u128::from(u64::MAX));
        assert_eq!(Approx::from_u128(u128::MAX).shifted(1).floor_u128(), u128::MAX);
        assert_eq!(Approx::ONE.floor_u128(), 1);
        assert_eq!(Approx::ratio(1, 3).mul(Approx::from_u128(9)).floor_u128(), 2);
        assert_eq!(Approx::ZERO.sqrt(), Approx::ZERO);
        assert_eq!(Approx::ZERO.add(Approx::ONE), Approx::ONE);
        assert!(Approx::ZERO.is_below(Approx::ONE));
    }
}
