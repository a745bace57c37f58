//! Timestamps of venues to Unix nanoseconds, exactly.

use crate::decimal::POW10;
use crate::digits::{eight_at, leading_digits};

/// Nanoseconds in one second.
pub const NS_PER_S: u64 = 1_000_000_000;

/// RFC 3339 with 0 to 9 fraction digits to Unix nanoseconds.
///
/// `Z` or a numeric offset. `None` when malformed, not a date of the calendar, a leap second, before
/// 1970 or after the year 2554 (the end of a `u64`).
#[must_use]
pub fn parse_rfc3339(text: &[u8]) -> Option<u64> {
    let minute = parse_minute(text.first_chunk()?)?;
    parse_in_minute(minute, &text[MINUTE_LEN..])
}

/// Bytes of `2026-08-09T21:05:`.
const MINUTE_LEN: usize = 17;

/// Unix seconds at the start of the minute that `2026-08-09T21:05:` names.
fn parse_minute(text: &[u8; MINUTE_LEN]) -> Option<i64> {
    let year = i64::from(two(text, 0)?) * 100 + i64::from(two(text, 2)?);
    let (month, day) = (two(text, 5)?, two(text, 8)?);
    let (hour, minute) = (two(text, 11)?, two(text, 14)?);
    let separators = text[4] == b'-'
        && text[7] == b'-'
        && matches!(text[10], b'T' | b't')
        && text[13] == b':'
        && text[16] == b':';
    if !separators || hour > 23 || minute > 59 || day == 0 || day > days_in_month(year, month)? {
        return None;
    }
    let days = days_from_1970(year, i64::from(month), i64::from(day));
    Some(days * 86_400 + i64::from(hour) * 3_600 + i64::from(minute) * 60)
}

/// Seconds, fraction and zone behind a minute.
fn parse_in_minute(minute_s: i64, text: &[u8]) -> Option<u64> {
    let second = two(text, 0)?;
    if second > 59 {
        return None;
    }
    let (fraction_ns, zone) = match text.get(2)? {
        b'.' => parse_fraction(&text[3..])?,
        _ => (0, &text[2..]),
    };
    let unix_s = minute_s + i64::from(second) - parse_zone(zone)?;
    u64::try_from(unix_s).ok()?.checked_mul(NS_PER_S)?.checked_add(fraction_ns)
}

fn parse_fraction(text: &[u8]) -> Option<(u64, &[u8])> {
    let (mut digits, mut value) = match eight_at(text, 0) {
        Some(eight) => leading_digits(eight),
        None => (0, 0),
    };
    if digits == 0 || digits == 8 {
        // Near the end of the text, or long: one digit after the other.
        while let Some(digit @ b'0'..=b'9') = text.get(digits) {
            value = value * 10 + u64::from(digit - b'0');
            digits += 1;
            if digits > 9 {
                return None;
            }
        }
    }
    (digits > 0).then(|| (value * POW10[9 - digits], &text[digits..]))
}

/// Offset of the zone in seconds.
fn parse_zone(text: &[u8]) -> Option<i64> {
    match text {
        b"Z" | b"z" => Some(0),
        [sign @ (b'+' | b'-'), offset @ ..] if offset.len() == 5 && offset[2] == b':' => {
            let (hours, minutes) = (two(offset, 0)?, two(offset, 3)?);
            let size = i64::from(hours) * 3_600 + i64::from(minutes) * 60;
            (hours <= 23 && minutes <= 59).then_some(if *sign == b'-' { -size } else { size })
        }
        _ => None,
    }
}

#[inline]
fn two(text: &[u8], at: usize) -> Option<u8> {
    let tens = text.get(at)?.wrapping_sub(b'0');
    let ones = text.get(at + 1)?.wrapping_sub(b'0');
    (tens <= 9 && ones <= 9).then(|| tens * 10 + ones)
}

fn days_in_month(year: i64, month: u8) -> Option<u8> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 => Some(if leap { 29 } else { 28 }),
        _ => None,
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar, with years that begin in March.
/// Divisions are of non-negative numbers (year 0 is shifted to 1 era) and round down.
fn days_from_1970(year: i64, month: i64, day: i64) -> i64 {
    let shifted = if month > 2 { year } else { year - 1 } + 400; // keeps it positive
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + day_of_year - 719_468 - 146_097
}

/// Unix milliseconds to nanoseconds; `None` past the end of a `u64`.
#[must_use]
pub const fn ms_to_ns(ms: u64) -> Option<u64> {
    ms.checked_mul(1_000_000)
}

/// Unix microseconds in plain digits, as Bitstamp writes them; `None` unless the nanoseconds fit.
#[must_use]
pub fn parse_micros(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 19 {
        return None;
    }
    let mut micros = 0_u64;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        micros = micros.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    micros.checked_mul(1_000).is_some().then_some(micros)
}

/// Reads RFC 3339 as [`parse_rfc3339`] does, and remembers the minute: a connection's timestamps
/// share it, so that only seconds and fraction are left to read.
#[derive(Clone, Copy, Debug)]
pub struct MinuteMemo {
    text: [u8; MINUTE_LEN],
    unix_s: i64,
}

impl Default for MinuteMemo {
    /// Begins with a true pair: whatever text a new memo held instead could come from a wire.
    fn default() -> Self {
        Self { text: *b"1970-01-01T00:00:", unix_s: 0 }
    }
}

impl MinuteMemo {
    /// Unix nanoseconds, exactly as [`parse_rfc3339`].
    #[inline]
    pub fn parse(&mut self, text: &[u8]) -> Option<u64> {
        let minute: &[u8; MINUTE_LEN] = text.first_chunk()?;
        if *minute != self.text {
            self.unix_s = parse_minute(minute)?;
            self.text = *minute;
        }
        parse_in_minute(self.unix_s, &text[MINUTE_LEN..])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn timestamps_and_their_nanoseconds() {
        let rows: &[(&str, Option<u64>)] = &[
            ("1970-01-01T00:00:00Z", Some(0)),
            ("1970-01-01T00:00:00.000000001Z", Some(1)),
            ("2026-08-09T21:05:48.228568804Z", Some(1_786_309_548_228_568_804)),
            ("2026-08-09T21:05:48.50436Z", Some(1_786_309_548_504_360_000)),
            ("2026-08-09T21:05:48Z", Some(1_786_309_548_000_000_000)),
            ("2026-08-09t21:05:48z", Some(1_786_309_548_000_000_000)),
            ("2026-08-09T23:05:48+02:00", Some(1_786_309_548_000_000_000)),
            ("2026-08-09T16:35:48-04:30", Some(1_786_309_548_000_000_000)),
            ("2000-02-29T00:00:00Z", Some(951_782_400_000_000_000)),
            ("2554-07-21T23:34:33.709551615Z", Some(u64::MAX)),
            ("2554-07-21T23:34:33.709551616Z", None),
            ("2100-02-29T00:00:00Z", None),
            ("2026-02-30T00:00:00Z", None),
            ("2026-13-01T00:00:00Z", None),
            ("2026-00-01T00:00:00Z", None),
            ("2026-01-00T00:00:00Z", None),
            ("2026-01-01T24:00:00Z", None),
            ("2026-01-01T00:60:00Z", None),
            ("2026-01-01T00:00:60Z", None),
            ("1969-12-31T23:59:59.999999999Z", None),
            ("0001-01-01T00:00:00Z", None),
            ("0000-01-01T00:00:00Z", None),
            ("2026-01-01T00:00:00.Z", None),
            ("2026-01-01T00:00:00.1234567891Z", None),
            ("2026-01-01T00:00:00", None),
            ("2026-01-01T00:00:00+0200", None),
            ("2026-01-01 00:00:00Z", None),
            ("2026-01-01T00:00:00ZZ", None),
            ("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x0022Z", None),
            ("", None),
        ];
        let mut memo = MinuteMemo::default();
        for (text, expected) in rows {
            assert_eq!(MinuteMemo::default().parse(text.as_bytes()), *expected, "{text} when new");
            assert_eq!(parse_rfc3339(text.as_bytes()), *expected, "{text}");
            assert_eq!(memo.parse(text.as_bytes()), *expected, "{text} with a memory");
        }
    }

    #[test]
    fn microseconds_in_digits() {
        assert_eq!(parse_micros(b"1617654352436435"), Some(1_617_654_352_436_435));
        for text in ["", "-1", "1.5", "18446744073709552", "99999999999999999999", "1617654352a"] {
            assert_eq!(parse_micros(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_second_up_to_2554_is_counted(second in 0_u64..18_446_744_073) {
            // The inverse, by walking years and months: slow and obvious.
            let (mut days, rest) = (second / 86_400, second % 86_400);
            let mut year = 1970;
            let length = |year: i64| (1..=12).map(|month| u64::from(days_in_month(year, month).expect("a month"))).sum::<u64>();
            while days >= length(year) {
                days -= length(year);
                year += 1;
            }
            let mut month = 1;
            while days >= u64::from(days_in_month(year, month).expect("a month")) {
                days -= u64::from(days_in_month(year, month).expect("a month"));
                month += 1;
            }
            let text = format!(
                "{year:04}-{month:02}-{:02}T{:02}:{:02}:{:02}Z",
                days + 1, rest / 3_600, rest / 60 % 60, rest % 60
            );
            prop_assert_eq!(parse_rfc3339(text.as_bytes()), Some(second * NS_PER_S));
        }
    }
}
