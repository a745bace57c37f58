//! How the exchanges' texts spell numbers, times and queries. Integers of 10⁻⁸ in, text out, and
//! back; nothing rounds and no float appears.

use crate::happening::E8;

/// Why a decimal text is not a number of 10⁻⁸.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadNumber {
    /// Not a plain decimal, negative, or beyond what 64 bits hold.
    Malformed,
    /// More than eight places that are not zero.
    TooFine,
}

/// Reads a plain decimal (`0.25`, `60001.00`, `.5`) as e8.
///
/// # Errors
///
/// [`BadNumber`]: signs, exponents, blanks and anything finer than 10⁻⁸ are refused.
pub(crate) fn parse_e8(text: &str) -> Result<u64, BadNumber> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if whole.is_empty() && fraction.is_empty() {
        return Err(BadNumber::Malformed);
    }
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole) || !is_digits(fraction) {
        return Err(BadNumber::Malformed);
    }
    let kept = fraction.trim_end_matches('0');
    if kept.len() > 8 {
        return Err(BadNumber::TooFine);
    }
    let digits = format!("{whole}{kept:0<8}");
    digits.parse().map_err(|_| BadNumber::Malformed)
}

/// Decimal places that a step needs: 2 for 0.01, 0 for 1 and 10.
pub(crate) fn places_of(step_e8: u64) -> u32 {
    let mut places = 8;
    let mut rest = step_e8.max(1);
    while places > 0 && rest.is_multiple_of(10) {
        rest /= 10;
        places -= 1;
    }
    places
}

/// Without trailing zeros: `77.42`, `0`, `30`.
pub(crate) fn trimmed(amount_e8: u64) -> String {
    at_least(amount_e8, 0)
}

/// With at least one digit behind the point: `30.0`, `0.0`, `77.412`.
pub(crate) fn one_place(amount_e8: u64) -> String {
    at_least(amount_e8, 1)
}

/// With so many places, and more where the amount needs them: `0.50`, `10.00`, `0.123`. Never
/// fewer than the amount has, so that no text loses money.
pub(crate) fn at_least(amount_e8: u64, places: u32) -> String {
    let (whole, rest) = (amount_e8 / E8, amount_e8 % E8);
    let mut fraction = format!("{rest:08}");
    let wanted = places as usize;
    while fraction.len() > wanted && fraction.ends_with('0') {
        fraction.pop();
    }
    while fraction.len() < wanted {
        fraction.push('0');
    }
    if fraction.is_empty() { whole.to_string() } else { format!("{whole}.{fraction}") }
}

/// As [`at_least`], with a sign where the amount is negative.
pub(crate) fn signed(amount_e8: u64, is_negative: Sign, places: u32) -> String {
    let text = at_least(amount_e8, places);
    match is_negative {
        Sign::Minus if amount_e8 > 0 => format!("-{text}"),
        Sign::Minus | Sign::Plus => text,
    }
}

/// Sign of a printed amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    /// Positive.
    Plus,
    /// Negative.
    Minus,
}

/// `value / size` as an e8 price, rounded to the nearest 10⁻⁸; 0 where nothing traded. For averages
/// that venues report; no money follows from it.
pub(crate) fn average_e8(value_e8: u64, size_e8: u64) -> u64 {
    if size_e8 == 0 {
        return 0;
    }
    let size = u128::from(size_e8);
    let price = (u128::from(value_e8) * u128::from(E8) + size / 2) / size;
    u64::try_from(price).unwrap_or(u64::MAX)
}

/// `2026-01-02 03:04:05.123456` in UTC, with so many digits behind the second (0 to 9).
pub(crate) fn clock_text(unix_ns: u64, places: usize) -> String {
    let unix_s = unix_ns / 1_000_000_000;
    let (year, month, day) = civil(unix_s / 86_400);
    let second = unix_s % 86_400;
    let fraction = format!("{:09}", unix_ns % 1_000_000_000);
    let point = if places == 0 { "" } else { "." };
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}{point}{}",
        second / 3_600,
        second / 60 % 60,
        second % 60,
        &fraction[..places.min(9)]
    )
}

/// Year, month and day of a count of days since 1970-01-01: the calendar shifted to start in March,
/// so that the leap day is a year's last.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468; // days from 0000-03-01 to 1970-01-01
    let era = shifted / 146_097; // days of 400 years
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

/// Pairs of a query or a form, percent-decoded, `+` for a blank, in order.
pub(crate) fn pairs(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            (decoded(name), decoded(value))
        })
        .collect()
}

/// First value of a name.
pub(crate) fn pick<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

fn decoded(text: &str) -> String {
    let blanks = text.replace('+', " ");
    percent_encoding::percent_decode_str(&blanks).decode_utf8_lossy().into_owned()
}

/// A JSON string with its quotes and escapes.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("Invariant: writing to a string cannot fail");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_exactly_or_refused() {
        for (text, want) in [
            ("0", Ok(0)),
            ("1", Ok(100_000_000)),
            ("0.00000001", Ok(1)),
            ("60001.00", Ok(6_000_100_000_000)),
            (".5", Ok(50_000_000)),
            ("5.", Ok(500_000_000)),
            ("0.1000000000", Ok(10_000_000)),
            ("0.000000001", Err(BadNumber::TooFine)),
            ("", Err(BadNumber::Malformed)),
            (".", Err(BadNumber::Malformed)),
            ("-1", Err(BadNumber::Malformed)),
            ("1e3", Err(BadNumber::Malformed)),
            ("1 ", Err(BadNumber::Malformed)),
            ("184467440738", Err(BadNumber::Malformed)),
            ("184467440737.09551615", Ok(u64::MAX)),
        ] {
            assert_eq!(parse_e8(text), want, "{text:?}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut seed = 7_u64;
        for _ in 0..2_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let amount = seed >> (seed % 60);
            for places in [0, 1, 2, 5, 8, 10] {
                let text = at_least(amount, places);
                assert_eq!(parse_e8(&text), Ok(amount), "{text}");
            }
        }
    }

    #[test]
    fn places_and_averages() {
        for (step, want) in [(1, 8), (100, 6), (1_000_000, 2), (E8, 0), (10 * E8, 0), (50_000, 4)] {
            assert_eq!(places_of(step), want, "{step}");
        }
        assert_eq!(average_e8(0, 0), 0);
        assert_eq!(average_e8(200 * E8, 3 * E8), 6_666_666_667);
        assert_eq!(at_least(1_050_000_000, 2), "10.50");
        assert_eq!(one_place(0), "0.0");
        assert_eq!(signed(5 * E8, Sign::Minus, 2), "-5.00");
    }

    #[test]
    fn times_are_calendar_times() {
        for (unix_ns, places, text) in [
            (0, 0, "1970-01-01 00:00:00"),
            (951_782_400_000_000_000, 0, "2000-02-29 00:00:00"),
            (1_767_225_600_123_456_789, 6, "2026-01-01 00:00:00.123456"),
            (1_767_225_599_999_999_999, 9, "2025-12-31 23:59:59.999999999"),
        ] {
            assert_eq!(clock_text(unix_ns, places), text);
        }
    }

    #[test]
    fn queries_are_decoded() {
        let list = pairs("a=1&b=x%2Fy+z&&c");
        assert_eq!(pick(&list, "b"), Some("x/y z"));
        assert_eq!(pick(&list, "c"), Some(""));
        assert_eq!(pick(&list, "d"), None);
    }
}
