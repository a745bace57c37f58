//! Long division by two- and three-limb divisors.
//!
//! Products of liquidity and prices divided by products of prices: the quotient has one or two
//! 64-bit digits nearly always, and a digit costs one hardware division. Source: Knuth, The Art of
//! Computer Programming, volume 2, 4.3.1, algorithm D.

use super::{U256, high, low};

/// Quotient, and whether something remained; `None` for a quotient of more than 128 bits. The
/// denominator is not zero. The way of the swap steps: no 256-bit value is built for the answer.
#[inline]
pub(crate) fn short_quotient(n: [u64; 4], d: [u64; 4]) -> Option<(u128, bool)> {
    if d[3] | d[2] == 0 && d[1] != 0 {
        let shift = d[1].leading_zeros();
        let divisor = pair(d[1], d[0]) << shift;
        let (upper, lower, rest) = digits_2(shifted(n, shift), divisor)?;
        return Some((pair(upper, lower), rest != 0));
    }
    let (quotient, rest) = div_rem(U256::from_limbs(n), U256::from_limbs(d));
    Some((super::to_u128(quotient)?, !rest.is_zero()))
}

/// `⌊part · 2⁶⁴ / whole⌋`, and whether something remained; the part is below the whole.
#[inline]
pub(crate) fn fraction(part: u128, whole: u128) -> (u64, bool) {
    let shift = whole.leading_zeros();
    // The part is the smaller one: no bit of it is pushed out.
    let part = part << shift;
    let (quotient, rest) = digit([0, low(part), high(part)], whole << shift);
    (quotient, rest != 0)
}

/// The same for a whole of exactly three limbs; `None` for another, or a part not below it.
#[inline]
pub(crate) fn fraction_wide(part: U256, whole: U256) -> Option<(u64, bool)> {
    let (n, d) = (part.as_limbs(), whole.as_limbs());
    if d[3] != 0 || d[2] == 0 || part >= whole {
        return None;
    }
    let shift = d[2].leading_zeros();
    // The part is the smaller one: no bit of it is pushed out.
    let [n0, n1, n2, ..] = shifted([n[0], n[1], n[2], 0], shift);
    let [d0, d1, d2, ..] = shifted([d[0], d[1], d[2], 0], shift);
    let (quotient, rest) = digit_3([0, n0, n1, n2], [d0, d1, d2]);
    Some((quotient, rest != [0; 3]))
}

/// Quotient and remainder; the denominator is not zero.
#[inline]
pub(super) fn div_rem(numerator: U256, denominator: U256) -> (U256, U256) {
    let n = *numerator.as_limbs();
    let d = *denominator.as_limbs();
    if d[3] | d[2] == 0 {
        if d[1] != 0 {
            if let Some(result) = div_rem_2(n, [d[0], d[1]]) {
                return result;
            }
        } else if n[3] | n[2] == 0 {
            let (n, d) = (pair(n[1], n[0]), u128::from(d[0]));
            return (super::from_u128(n / d), super::from_u128(n % d));
        }
    } else if d[3] == 0 {
        return div_rem_3(n, [d[0], d[1], d[2]]);
    }
    numerator.div_rem(denominator)
}

#[inline]
const fn pair(top: u64, bottom: u64) -> u128 {
    (top as u128) << 64 | bottom as u128
}

/// The limbs shifted left by `bits` (below 64), with one more limb on top.
#[inline]
const fn shifted(n: [u64; 4], bits: u32) -> [u64; 5] {
    if bits == 0 {
        return [n[0], n[1], n[2], n[3], 0];
    }
    let back = 64 - bits;
    [
        n[0] << bits,
        n[1] << bits | n[0] >> back,
        n[2] << bits | n[1] >> back,
        n[3] << bits | n[2] >> back,
        n[3] >> back,
    ]
}

/// One digit: three limbs by a divisor of two whose top bit is set. The upper two limbs are below
/// the divisor, so that the quotient has one limb.
#[inline]
fn digit(n: [u64; 3], divisor: u128) -> (u64, u128) {
    let (d1, d0) = (high(divisor), low(divisor));
    debug_assert!(d1 >> 63 == 1, "normalised");
    debug_assert!(pair(n[2], n[1]) < divisor, "one limb of quotient");
    let upper = pair(n[2], n[1]);
    // The trial digit from the divisor's top limb is never too small, and at most two too large.
    let (mut quotient, mut rest) = if n[2] == d1 {
        (u64::MAX, u128::from(n[1]) + u128::from(d1))
    } else {
        let trial = low(upper / u128::from(d1));
        (trial, upper - u128::from(trial) * u128::from(d1))
    };
    let mut product = u128::from(quotient) * u128::from(d0);
    while high(rest) == 0 && product > pair(low(rest), n[0]) {
        quotient -= 1;
        rest += u128::from(d1);
        product -= u128::from(d0);
    }
    // The difference is a remainder below the divisor: the limb that wraps away is zero.
    (quotient, pair(low(rest), n[0]).wrapping_sub(product))
}

/// By a divisor of two limbs, the upper one not zero; `None` where the quotient has more than two.
#[inline]
fn div_rem_2(n: [u64; 4], d: [u64; 2]) -> Option<(U256, U256)> {
    let shift = d[1].leading_zeros();
    let divisor = pair(d[1], d[0]) << shift;
    let (upper, lower, rest) = digits_2(shifted(n, shift), divisor)?;
    Some((U256::from_limbs([lower, upper, 0, 0]), super::from_u128(rest >> shift)))
}

/// Two digits, the upper first, and the remainder, of a numerator shifted like its divisor; `None`
/// where the quotient has more than two.
#[inline]
fn digits_2(n: [u64; 5], divisor: u128) -> Option<(u64, u64, u128)> {
    if n[4] != 0 || pair(n[3], n[2]) >= divisor {
        return None;
    }
    let (upper, rest) = if n[3] == 0 && pair(n[2], n[1]) < divisor {
        (0, pair(n[2], n[1]))
    } else {
        digit([n[1], n[2], n[3]], divisor)
    };
    let (lower, rest) = digit([n[0], low(rest), high(rest)], divisor);
    Some((upper, lower, rest))
}

/// By a divisor of three limbs, the top one not zero: the quotient has at most two.
fn div_rem_3(n: [u64; 4], d: [u64; 3]) -> (U256, U256) {
    let shift = d[2].leading_zeros();
    let [d0, d1, d2, ..] = shifted([d[0], d[1], d[2], 0], shift);
    let n = shifted(n, shift);
    // The top limb is below the divisor's: it is what the shift pushed out.
    let (upper, rest) = digit_3([n[1], n[2], n[3], n[4]], [d0, d1, d2]);
    let (lower, rest) = digit_3([n[0], rest[0], rest[1], rest[2]], [d0, d1, d2]);
    let rest = U256::from_limbs([rest[0], rest[1], rest[2], 0]);
    (U256::from_limbs([lower, upper, 0, 0]), rest >> shift as usize)
}

/// One digit: four limbs by a divisor of three whose top bit is set; the upper three limbs are
/// below the divisor.
#[inline]
fn digit_3(n: [u64; 4], d: [u64; 3]) -> (u64, [u64; 3]) {
    let divisor = pair(d[2], d[1]);
    let upper = pair(n[3], n[2]);
    // Equal upper limbs: the true digit is 2⁶⁴ − 1 or one less, as the trial below would overflow.
    let mut quotient =
        if upper >= divisor { u64::MAX } else { digit([n[1], n[2], n[3]], divisor).0 };
    loop {
        // From two limbs of the divisor the trial is at most one too large.
        let p0 = u128::from(quotient) * u128::from(d[0]);
        let p1 = u128::from(quotient) * u128::from(d[1]) + u128::from(high(p0));
        let p2 = u128::from(quotient) * u128::from(d[2]) + u128::from(high(p1));
        let (r0, borrow) = n[0].overflowing_sub(low(p0));
        let (r1, borrow) = borrowing_sub(n[1], low(p1), borrow);
        let (r2, borrow) = borrowing_sub(n[2], low(p2), borrow);
        let (_, borrow) = borrowing_sub(n[3], high(p2), borrow);
        if !borrow {
            return (quotient, [r0, r1, r2]);
        }
        quotient -= 1;
    }
}

#[inline]
const fn borrowing_sub(a: u64, b: u64, borrow: bool) -> (u64, bool) {
    let (difference, first) = a.overflowing_sub(b);
    let (difference, second) = difference.overflowing_sub(borrow as u64);
    (difference, first | second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Limbs at and near their bounds are where trial digits go wrong.
    fn limb() -> impl Strategy<Value = u64> {
        prop_oneof![
            any::<u64>(),
            Just(0),
            Just(1),
            Just(u64::MAX),
            Just(u64::MAX - 1),
            Just(1 << 63),
            Just((1 << 63) - 1),
            Just((1 << 63) + 1),
        ]
    }

    fn number() -> impl Strategy<Value = U256> {
        ([limb(), limb(), limb(), limb()], 0_usize..256)
            .prop_map(|(limbs, shift)| U256::from_limbs(limbs) >> shift)
    }

    fn divisor() -> impl Strategy<Value = U256> {
        number().prop_map(|number| if number.is_zero() { U256::ONE } else { number })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn equals_the_general_division(n in number(), d in divisor()) {
            let (quotient, rest) = n.div_rem(d);
            prop_assert_eq!(div_rem(n, d), (quotient, rest));
            prop_assert_eq!(
                short_quotient(*n.as_limbs(), *d.as_limbs()),
                crate::wide::to_u128(quotient).map(|quotient| (quotient, !rest.is_zero()))
            );
        }

        #[test]
        fn fractions_equal_the_general_division(a in number(), b in number()) {
            let [a, b] = [a, b].map(|n| crate::wide::from_u128(crate::wide::to_u128(n).unwrap_or(9)));
            let (part, whole) = (a.min(b), a.max(b));
            if part < whole {
                let (quotient, rest) = (part << 64_usize).div_rem(whole);
                let narrow = |n| crate::wide::to_u128(n).expect("128 bits");
                let (found, inexact) = fraction(narrow(part), narrow(whole));
                prop_assert_eq!((U256::from(found), inexact), (quotient, !rest.is_zero()));
            }
        }

        #[test]
        fn wide_fractions_equal_the_general_division(a in number(), b in number()) {
            let [a, b] = [a, b].map(|n| n >> 64_usize);
            let (part, whole) = (a.min(b), a.max(b));
            if let Some(found) = fraction_wide(part, whole) {
                let (quotient, rest) = (part << 64_usize).div_rem(whole);
                prop_assert_eq!((U256::from(found.0), found.1), (quotient, !rest.is_zero()));
            } else {
                prop_assert!(part == whole || whole < U256::from(1) << 128_usize);
            }
        }

        #[test]
        fn multiples_of_the_divisor_and_their_neighbours(d in divisor(), q in limb()) {
            if let Some(n) = d.checked_mul(U256::from(q)) {
                prop_assert_eq!(div_rem(n, d), (U256::from(q), U256::ZERO));
                if let Some(less) = n.checked_sub(U256::ONE) {
                    prop_assert_eq!(div_rem(less, d), less.div_rem(d));
                }
            }
        }
    }
}
