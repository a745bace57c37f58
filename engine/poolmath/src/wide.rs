//! 256-bit helpers on [`U256`]: products of 128-bit factors, division with a stated rounding, and
//! the integer square root.

pub use ruint::aliases::U256;

mod long_division;

use long_division::div_rem;
pub(crate) use long_division::{fraction, fraction_wide, short_quotient};

/// Which way a division or a shift loses its remainder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rounding {
    /// To the next integer at or below.
    Down,
    /// To the next integer at or above.
    Up,
}

/// The low 64 bits.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the low half is what is wanted")]
pub(crate) const fn low(wide: u128) -> u64 {
    wide as u64
}

/// The high 64 bits.
#[inline]
pub(crate) const fn high(wide: u128) -> u64 {
    low(wide >> 64)
}

/// The full product of two 128-bit factors. Exact.
#[inline]
#[must_use]
pub const fn mul_u128(a: u128, b: u128) -> U256 {
    let (a0, a1) = (low(a) as u128, high(a) as u128);
    let (b0, b1) = (low(b) as u128, high(b) as u128);
    let p00 = a0 * b0;
    let p01 = a0 * b1;
    let p10 = a1 * b0;
    let p11 = a1 * b1;
    // Each sum below is at most 3·(2⁶⁴ − 1), far inside 128 bits.
    let mid = high(p00) as u128 + low(p01) as u128 + low(p10) as u128;
    let top = p11 + high(p01) as u128 + high(p10) as u128 + high(mid) as u128;
    U256::from_limbs([low(p00), low(mid), low(top), high(top)])
}

/// The value as `u128`, or `None` where it needs more bits.
#[inline]
#[must_use]
pub const fn to_u128(value: U256) -> Option<u128> {
    let limbs = value.as_limbs();
    if limbs[2] | limbs[3] != 0 {
        return None;
    }
    Some((limbs[1] as u128) << 64 | limbs[0] as u128)
}

/// The value as `u64`, or `None` where it needs more bits.
#[inline]
#[must_use]
pub const fn to_u64(value: U256) -> Option<u64> {
    let limbs = value.as_limbs();
    if limbs[1] | limbs[2] | limbs[3] != 0 {
        return None;
    }
    Some(limbs[0])
}

/// `value` widened. Exact.
#[inline]
#[must_use]
pub const fn from_u128(value: u128) -> U256 {
    U256::from_limbs([low(value), high(value), 0, 0])
}

/// `numerator / denominator`, rounded as told; `None` for a zero denominator.
#[inline]
#[must_use]
pub fn div(numerator: U256, denominator: U256, rounding: Rounding) -> Option<U256> {
    if denominator.is_zero() {
        return None;
    }
    let (quotient, remainder) = div_rem(numerator, denominator);
    match rounding {
        // A quotient of 2²⁵⁶ − 1 has the denominator 1 and no remainder: the sum cannot overflow.
        Rounding::Up if !remainder.is_zero() => Some(quotient + U256::ONE),
        Rounding::Up | Rounding::Down => Some(quotient),
    }
}

/// `⌊numerator / denominator⌋`; `None` for a zero denominator.
#[inline]
#[must_use]
pub fn div_floor(numerator: U256, denominator: U256) -> Option<U256> {
    div(numerator, denominator, Rounding::Down)
}

/// `⌈numerator / denominator⌉`; `None` for a zero denominator.
#[inline]
#[must_use]
pub fn div_ceil(numerator: U256, denominator: U256) -> Option<U256> {
    div(numerator, denominator, Rounding::Up)
}

/// `⌊a · b / denominator⌋` without losing a bit in between; `None` for a zero denominator or a
/// result above `u128`.
#[inline]
#[must_use]
pub fn mul_div_floor(a: u128, b: u128, denominator: u128) -> Option<u128> {
    div_floor(mul_u128(a, b), from_u128(denominator)).and_then(to_u128)
}

/// `⌈a · b / denominator⌉` without losing a bit in between; `None` for a zero denominator or a
/// result above `u128`.
#[inline]
#[must_use]
pub fn mul_div_ceil(a: u128, b: u128, denominator: u128) -> Option<u128> {
    div_ceil(mul_u128(a, b), from_u128(denominator)).and_then(to_u128)
}

/// `⌊√value⌋`, by Newton's method from above.
#[must_use]
pub fn isqrt(value: U256) -> u128 {
    if let Some(narrow) = to_u128(value) {
        return narrow.isqrt();
    }
    // √value < 2^⌈bits/2⌉: a start at or above the root makes the sequence fall until it is there.
    let half_bits = value.bit_len().div_ceil(2);
    let mut root = if half_bits >= 128 { u128::MAX } else { (1_u128 << half_bits) - 1 };
    // Floor of Newton's step: (root + ⌊value / root⌋) / 2, with the sum's carry kept.
    loop {
        let quotient = div_rem(value, from_u128(root)).0;
        // `root` is at or above the true root, so the quotient is at or below it: it fits.
        let Some(quotient) = to_u128(quotient) else { return root };
        if quotient >= root {
            return root;
        }
        root = quotient + (root - quotient) / 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn products_of_the_largest_factors_are_exact() {
        let max = from_u128(u128::MAX);
        assert_eq!(mul_u128(u128::MAX, u128::MAX), max * max);
        assert_eq!(mul_u128(u128::MAX, 0), U256::ZERO);
        assert_eq!(mul_u128(1 << 64, 1 << 64), U256::from(1_u8) << 128_usize);
    }

    #[test]
    fn division_rounds_as_told() {
        let seven = U256::from(7_u8);
        let two = U256::from(2_u8);
        assert_eq!(div_floor(seven, two), Some(U256::from(3_u8)));
        assert_eq!(div_ceil(seven, two), Some(U256::from(4_u8)));
        assert_eq!(div_ceil(U256::from(8_u8), two), Some(U256::from(4_u8)));
        assert_eq!(div_ceil(seven, U256::ZERO), None);
        assert_eq!(div_ceil(U256::MAX, U256::ONE), Some(U256::MAX));
    }

    #[test]
    fn square_roots_at_the_edges() {
        let top = mul_u128(u128::MAX, u128::MAX);
        assert_eq!(isqrt(top), u128::MAX);
        assert_eq!(isqrt(top - U256::ONE), u128::MAX - 1);
        assert_eq!(isqrt(U256::MAX), u128::MAX);
        assert_eq!(isqrt(U256::ZERO), 0);
        assert_eq!(isqrt(U256::from(1_u8) << 128_usize), 1 << 64);
    }

    proptest! {
        #[test]
        fn product_equals_the_general_one(a: u128, b: u128) {
            prop_assert_eq!(mul_u128(a, b), from_u128(a) * from_u128(b));
        }

        #[test]
        fn square_root_is_the_floor(limbs: [u64; 4], shift in 0_usize..256) {
            let value = U256::from_limbs(limbs) >> shift;
            let root = isqrt(value);
            prop_assert!(mul_u128(root, root) <= value);
            if let Some(above) = root.checked_add(1) {
                prop_assert!(mul_u128(above, above) > value);
            }
        }

        #[test]
        fn quotient_times_denominator_gives_back(n: [u64; 4], d: [u64; 4], s in 0_usize..256, t in 0_usize..256) {
            let (n, d) = (U256::from_limbs(n) >> s, U256::from_limbs(d) >> t);
            prop_assume!(!d.is_zero());
            let floor = div_floor(n, d).expect("not zero");
            let ceil = div_ceil(n, d).expect("not zero");
            prop_assert!(floor * d <= n);
            prop_assert!(n - floor * d < d);
            prop_assert_eq!(ceil - floor, U256::from(u8::from(floor * d != n)));
        }
    }
}
