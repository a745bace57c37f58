//! Costs that venues state in HTTP answers: exact integers from decimal text, and their events.
//!
//! A cost is rounded up: what is reckoned with is never less than what is charged.

use engine_model::units::PPM_ONE;
use engine_model::{Body, GridError, ParamKey};

use crate::books::Refusal;
use crate::decode::{Sink, Stamp};
use crate::markets::Markets;
use crate::odd::OddCounts;

/// Decimal digits of the largest `u64`.
const U64_DIGITS: i64 = 20;

/// A plain decimal or the text of a JSON number (`0.4`, `5e-06`), times `10^shift`, rounded up.
///
/// # Errors
///
/// [`GridError::Malformed`] for text that is no number, [`GridError::OutOfRange`] for a number below
/// zero (a minus sign, whatever follows) or above a `u64`.
pub fn scaled_up(text: &[u8], shift: u8) -> Result<u64, GridError> {
    let (text, is_negative) = text.strip_prefix(b"-").map_or((text, false), |rest| (rest, true));
    let (number, exponent) = match text.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        Some(at) => (&text[..at], exponent(&text[at + 1..])?),
        None => (text, 0),
    };
    let (whole, fraction) = match number.iter().position(|byte| *byte == b'.') {
        Some(at) => (&number[..at], Some(&number[at + 1..])),
        None => (number, None),
    };
    let is_digits = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    if !is_digits(whole) || !fraction.is_none_or(is_digits) {
        return Err(GridError::Malformed);
    }
    if is_negative {
        return Err(GridError::OutOfRange);
    }
    let digits = whole.iter().chain(fraction.unwrap_or_default());
    let zeros = digits.clone().take_while(|digit| **digit == b'0').count();
    let significant = digits.skip(zeros).map(|digit| u64::from(digit - b'0'));
    let length = |count: usize| i64::try_from(count).expect("Invariant: lengths fit an i64");
    // Significant digits in front of the point once the number is shifted; may be below zero.
    let kept = length(whole.len()) - length(zeros) + i64::from(shift) + exponent;
    shifted_up(significant, kept)
}

/// The integer of the first `kept` digits, padded with zeros; one more where a rest was cut off.
fn shifted_up(mut digits: impl Iterator<Item = u64>, kept: i64) -> Result<u64, GridError> {
    let mut digits = core::iter::from_fn(move || digits.next()).peekable();
    if digits.peek().is_none() {
        return Ok(0);
    }
    if kept > U64_DIGITS {
        return Err(GridError::OutOfRange);
    }
    let mut value = 0_u64;
    for _ in 0..kept {
        let digit = digits.next().unwrap_or(0);
        value = value
            .checked_mul(10)
            .and_then(|value| value.checked_add(digit))
            .ok_or(GridError::OutOfRange)?;
    }
    let has_rest = digits.any(|digit| digit != 0);
    value.checked_add(u64::from(has_rest)).ok_or(GridError::OutOfRange)
}

/// The number behind an `e`. What has more digits than any real exponent is cut to one as extreme.
fn exponent(text: &[u8]) -> Result<i64, GridError> {
    /// Beyond the length of any text, and far from the edges of the type.
    const EXTREME: i64 = i64::MAX / 4;
    let (digits, sign) = match text.split_first() {
        Some((b'-', digits)) => (digits, -1),
        Some((b'+', digits)) => (digits, 1),
        _ => (text, 1),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(GridError::Malformed);
    }
    let size = digits
        .iter()
        .fold(0_i64, |size, digit| size.saturating_mul(10).saturating_add(i64::from(digit - b'0')));
    Ok(sign * size.min(EXTREME))
}

/// A taker fee in parts per million, rounded up, from text in units of `10^-shift` millionths: a
/// fraction has shift 6, a percentage 4, basis points 2.
///
/// # Errors
///
/// As [`scaled_up`]; [`GridError::OutOfRange`] too for a fee that rounds up to 100 % or more.
pub fn taker_fee_ppm(text: &[u8], shift: u8) -> Result<u64, GridError> {
    let ppm = scaled_up(text, shift)?;
    if ppm < PPM_ONE { Ok(ppm) } else { Err(GridError::OutOfRange) }
}

/// Whether an address without its query, fragment and last slash ends like this.
#[must_use]
pub fn path_ends_with(url: &str, ending: &str) -> bool {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    path.strip_suffix('/').unwrap_or(path).ends_with(ending)
}

/// Says of every market of the table that this is its taker fee (parts per million) now, as one
/// batch; an answer that could not be read is counted and changes nothing.
pub fn publish_taker_fee(
    answer: Result<u64, Refusal>,
    markets: &Markets,
    (stamp, line): (Stamp, u64),
    counts: &mut OddCounts,
    out: &mut Sink,
) {
    match answer {
        Ok(value) => {
            for market in markets.list() {
                out.push(stamp, market.id, Body::Param { key: ParamKey::TakerFee, value });
            }
            out.close(line);
        }
        Err(refusal) => counts.add(refusal.odd),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MALFORMED: Result<u64, GridError> = Err(GridError::Malformed);
    const OUT_OF_RANGE: Result<u64, GridError> = Err(GridError::OutOfRange);

    #[test]
    fn numbers_are_scaled_and_rounded_up() {
        let rows: &[(&str, u8, Result<u64, GridError>)] = &[
            ("0.0050", 6, Ok(5_000)),
            ("0.400", 4, Ok(4_000)),
            ("40", 2, Ok(4_000)),
            ("0", 6, Ok(0)),
            ("0.000e5", 6, Ok(0)),
            ("0e999999999999999999999999", 6, Ok(0)),
            ("000012.50", 1, Ok(125)),
            ("0.0000001", 6, Ok(1)),
            ("0.00400001", 6, Ok(4_001)),
            ("0.004000000", 6, Ok(4_000)),
            ("1.00000000000000000000000000001", 0, Ok(2)),
            ("5e-06", 9, Ok(5_000)),
            ("5E-6", 9, Ok(5_000)),
            ("1.5e+1", 9, Ok(15_000_000_000)),
            ("0.00826274555000001", 9, Ok(8_262_746)),
            ("9.952174575705424e-06", 9, Ok(9_953)),
            ("1e-999999999999999999999999", 9, Ok(1)),
            ("1e-9223372036854775808", 9, Ok(1)),
            ("18446744073709551615", 0, Ok(u64::MAX)),
            ("18446744073709551616", 0, OUT_OF_RANGE),
            ("18446744073709551615.1", 0, OUT_OF_RANGE),
            ("1e20", 0, OUT_OF_RANGE),
            ("1e999999999999999999999999", 0, OUT_OF_RANGE),
            ("-0.1", 6, OUT_OF_RANGE),
            ("-0", 6, OUT_OF_RANGE),
            ("", 6, MALFORMED),
            ("-", 6, MALFORMED),
            ("--1", 6, MALFORMED),
            ("+1", 6, MALFORMED),
            (".5", 6, MALFORMED),
            ("5.", 6, MALFORMED),
            ("1.2.3", 6, MALFORMED),
            ("1e", 6, MALFORMED),
            ("1e-", 6, MALFORMED),
            ("1e1.5", 6, MALFORMED),
            ("1e2e3", 6, MALFORMED),
            (" 1", 6, MALFORMED),
            ("NaN", 6, MALFORMED),
            ("\"1\"", 6, MALFORMED),
        ];
        for (text, shift, expected) in rows {
            assert_eq!(scaled_up(text.as_bytes(), *shift), *expected, "{text} at {shift}");
        }
    }

    #[test]
    fn a_fee_stays_below_everything() {
        let rows: &[(&str, u8, Result<u64, GridError>)] = &[
            ("0", 6, Ok(0)),
            ("0.999999", 6, Ok(999_999)),
            ("0.9999991", 6, OUT_OF_RANGE),
            ("1", 6, OUT_OF_RANGE),
            ("99.9999", 4, Ok(999_999)),
            ("100", 4, OUT_OF_RANGE),
            ("9999", 2, Ok(999_900)),
            ("10000", 2, OUT_OF_RANGE),
            ("x", 2, MALFORMED),
        ];
        for (text, shift, expected) in rows {
            assert_eq!(taker_fee_ppm(text.as_bytes(), *shift), *expected, "{text} at {shift}");
        }
    }

    #[test]
    fn an_address_is_known_by_its_path() {
        let rows = [
            ("https://x/a/fees", true),
            ("https://x/a/fees/", true),
            ("https://x/a/fees?b=/c", true),
            ("https://x/a/fees/?b#c", true),
            ("https://x/a/fees/btc", false),
            ("https://x/?a=/fees", false),
            ("", false),
        ];
        for (url, expected) in rows {
            assert_eq!(path_ends_with(url, "/fees"), expected, "{url}");
        }
    }

    proptest! {
        #[test]
        fn every_spelling_of_a_number_is_the_same_integer(
            mantissa in 0_u64..1 << 40, places in 0_usize..30, moved in -20_i64..20, shift in 0_u8..10,
        ) {
            let digits = format!("{mantissa:0>width$}", width = places + 1);
            let (whole, fraction) = digits.split_at(digits.len() - places);
            let point = if places == 0 { "" } else { "." };
            let text = format!("{whole}{point}{fraction}e{moved}");
            let power = i64::from(shift) + moved - i64::try_from(places).expect("small");
            let expected = if power >= 0 {
                u32::try_from(power).ok().and_then(|power| 10_u128.checked_pow(power))
                    .and_then(|factor| factor.checked_mul(mantissa.into()))
            } else {
                let power = u32::try_from(-power).expect("small");
                Some(u128::from(mantissa).div_ceil(10_u128.checked_pow(power).unwrap_or(u128::MAX)))
            };
            let expected = expected.or((mantissa == 0).then_some(0));
            let expected = expected.and_then(|value| u64::try_from(value).ok());
            prop_assert_eq!(
                scaled_up(text.as_bytes(), shift), expected.ok_or(GridError::OutOfRange), "{}", text
            );
        }

        #[test]
        fn any_bytes_are_survived(text in "[-+.eE0-9]{0,40}|.{0,20}", shift: u8) {
            let _ = scaled_up(text.as_bytes(), shift);
        }
    }
}
