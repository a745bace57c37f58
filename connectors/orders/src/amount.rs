//! Decimal text of a venue to whole numbers of 10⁻¹⁸, exactly.
//!
//! What a venue reports is booked to the last digit that it reports. A number with digits behind the
//! eighteenth place is not rounded away in silence: [`parse`] refuses it, [`parse_cost`] takes the next
//! larger one, which is against us.

/// Places behind the point.
const PLACES: usize = 18;

/// One whole. Unit: 10⁻¹⁸.
pub const ONE_E18: i128 = 1_000_000_000_000_000_000;

/// Longest text that is read: 20 digits before the point and what no venue writes behind it.
const LEN_MAX: usize = 64;

/// Digits before the point: 10²⁰ whole units of anything are more than there are.
const WHOLE_MAX: usize = 20;

/// Why a text is no amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// Not a plain decimal: empty, an exponent, a sign where none may be, text.
    #[error("not a plain decimal number")]
    Malformed,
    /// More than 10²⁰.
    #[error("larger than any amount that can be")]
    OutOfRange,
    /// Digits behind the eighteenth place.
    #[error("finer than 10^-18")]
    TooFine,
}

/// A number that is not negative. Unit: 10⁻¹⁸.
///
/// # Errors
///
/// [`AmountError`].
pub fn parse(text: &str) -> Result<i128, AmountError> {
    let (e18, is_exact) = read(text)?;
    if is_exact { Ok(e18) } else { Err(AmountError::TooFine) }
}

/// As [`parse`], rounded up where it is finer: fees and prices of what was bought.
///
/// # Errors
///
/// [`AmountError`], never [`AmountError::TooFine`].
pub fn parse_cost(text: &str) -> Result<i128, AmountError> {
    let (e18, is_exact) = read(text)?;
    Ok(if is_exact { e18 } else { e18 + 1 })
}

/// As [`parse`], with a minus in front where there is one: balances, and fees that are rebates.
///
/// # Errors
///
/// [`AmountError`].
pub fn parse_signed(text: &str) -> Result<i128, AmountError> {
    match text.strip_prefix('-') {
        Some(rest) => parse(rest).map(|e18| -e18),
        None => parse(text),
    }
}

fn read(text: &str) -> Result<(i128, bool), AmountError> {
    if text.len() > LEN_MAX {
        return Err(AmountError::Malformed);
    }
    let (whole, fraction) = match text.split_once('.') {
        Some((_, "")) => return Err(AmountError::Malformed),
        Some(parts) => parts,
        None => (text, ""),
    };
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) {
        return Err(AmountError::Malformed);
    }
    let whole = whole.trim_start_matches('0');
    if whole.len() > WHOLE_MAX {
        return Err(AmountError::OutOfRange);
    }
    let digits = whole.bytes().chain(fraction.bytes().chain(core::iter::repeat(b'0')).take(PLACES));
    // At most 38 digits, the first of which is no larger than what 10³⁸ has.
    let e18 = digits.fold(0_i128, |sum, digit| sum * 10 + i128::from(digit - b'0'));
    let is_exact = fraction.bytes().skip(PLACES).all(|digit| digit == b'0');
    Ok((e18, is_exact))
}

/// The product of two amounts, rounded up: what a size costs at a price. None out of range.
#[must_use]
pub fn product_up(left_e18: i128, right_e18: i128) -> Option<i128> {
    let (left, right) = (u128::try_from(left_e18).ok()?, u128::try_from(right_e18).ok()?);
    let one = ONE_E18.unsigned_abs();
    // (a + b)(c + d) with a and c whole, b and d behind the point; only b × d is rounded.
    let (a, b) = (left / one, left % one);
    let whole = a.checked_mul(right)?;
    let (c, d) = (right / one, right % one);
    let cross = b.checked_mul(c)?;
    let behind = (b * d).div_ceil(one);
    i128::try_from(whole.checked_add(cross)?.checked_add(behind)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const E: i128 = ONE_E18;

    #[test]
    fn text_is_read_exactly_or_refused() {
        let rows: &[(&str, Result<i128, AmountError>)] = &[
            ("0", Ok(0)),
            ("1", Ok(E)),
            ("007.50", Ok(7 * E + E / 2)),
            ("5.4000009", Ok(5_400_000_900_000_000_000)),
            ("0.000000000000000001", Ok(1)),
            ("0.0000000000000000010", Ok(1)),
            ("0.0000000000000000001", Err(AmountError::TooFine)),
            ("99999999999999999999.999999999999999999", Ok(10_i128.pow(38) - 1)),
            ("100000000000000000000", Err(AmountError::OutOfRange)),
            ("", Err(AmountError::Malformed)),
            (".5", Err(AmountError::Malformed)),
            ("5.", Err(AmountError::Malformed)),
            ("-1", Err(AmountError::Malformed)),
            ("+1", Err(AmountError::Malformed)),
            ("1e3", Err(AmountError::Malformed)),
            ("1,000", Err(AmountError::Malformed)),
            ("1.2.3", Err(AmountError::Malformed)),
            ("NaN", Err(AmountError::Malformed)),
            (" 1", Err(AmountError::Malformed)),
            ("\u{0661}", Err(AmountError::Malformed)),
        ];
        for (text, expected) in rows {
            assert_eq!(parse(text), *expected, "{text}");
        }
        assert_eq!(parse(&"0".repeat(65)), Err(AmountError::Malformed));
    }

    #[test]
    fn costs_round_up_and_signs_are_read_where_they_may_be() {
        assert_eq!(parse_cost("0.0000000000000000001"), Ok(1));
        assert_eq!(parse_cost("0.0000000000000000010"), Ok(1));
        assert_eq!(parse_signed("-0.5"), Ok(-E / 2));
        assert_eq!(parse_signed("--1"), Err(AmountError::Malformed));
    }

    #[test]
    fn products_are_never_too_small() {
        let rows = [
            (E, E, Some(E)),
            (1, 1, Some(1)),
            (E / 2, E / 2, Some(E / 4)),
            (3, E / 2, Some(2)),
            (60_000 * E + E / 100, E / 100, Some(600 * E + E / 10_000)),
            (0, i128::MAX, Some(0)),
            (i128::MAX, 2 * E, None),
            (-1, E, None),
        ];
        for (left, right, expected) in rows {
            assert_eq!(product_up(left, right), expected, "{left} {right}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_reads_back(whole in 0_u64.., fraction in 0_u64..1_000_000_000_000_000_000) {
            let text = format!("{whole}.{fraction:018}");
            let expected = i128::from(whole) * E + i128::from(fraction);
            proptest::prop_assert_eq!(parse(&text), Ok(expected));
        }
    }
}
