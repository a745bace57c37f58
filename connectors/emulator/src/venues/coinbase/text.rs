//! How the venue spells numbers and times, beside what it shares with the others. Integers in, text
//! out; nothing rounds.

pub(super) use super::super::words::{BadNumber, pairs, parse_e8, quoted, trimmed as e8};

/// `units × 10^-places` without trailing zeros: `65062.5`, `0`, `0.00583`.
pub(super) fn trimmed(units: impl Into<u128>, places: u32) -> String {
    let full = padded(units, places);
    if !full.contains('.') {
        return full;
    }
    full.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// `units × 10^-places` with all its places: `0.00000000`, `77.42`.
pub(super) fn padded(units: impl Into<u128>, places: u32) -> String {
    let units = units.into();
    if places == 0 {
        return units.to_string();
    }
    let one = 10_u128.pow(places);
    let width = usize::try_from(places).expect("Invariant: places are below forty");
    format!("{}.{:0width$}", units / one, units % one)
}

/// `2026-08-09T23:00:00.123456Z` from Unix nanoseconds, fraction without trailing zeros.
pub(super) fn rfc3339(unix_ns: u64) -> String {
    let (date, clock, fraction) = parts(unix_ns);
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{date}T{clock}{point}{fraction}Z")
}

/// As [`rfc3339`], cut to microseconds: exchanges stamp events no finer.
pub(super) fn rfc3339_us(unix_ns: u64) -> String {
    rfc3339(unix_ns / 1_000 * 1_000)
}

/// `2026-08-09 23:00:00.12345 +0000 UTC m=+41691.260485341`: the form of Go's run time, whose
/// fraction loses its trailing zeros and whose run time keeps them.
pub(super) fn go_time(unix_ns: u64, since_start_ns: u64) -> String {
    let (date, clock, fraction) = parts(unix_ns);
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{date} {clock}{point}{fraction} +0000 UTC m=+{}", padded(since_start_ns, 9))
}

/// Date, time of day and nine digits of fraction.
fn parts(unix_ns: u64) -> (String, String, String) {
    let unix_s = unix_ns / 1_000_000_000;
    let (days, second) = (unix_s / 86_400, unix_s % 86_400);
    let (year, month, day) = civil(days);
    let clock = format!("{:02}:{:02}:{:02}", second / 3_600, second / 60 % 60, second % 60);
    (format!("{year:04}-{month:02}-{day:02}"), clock, format!("{:09}", unix_ns % 1_000_000_000))
}

const fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

/// Days of the months of a year.
const fn months(year: u64) -> [u64; 12] {
    let february = if is_leap(year) { 29 } else { 28 };
    [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
}

/// Days from 1970-01-01 to the first of January of a year from 1970 on.
const fn days_before(year: u64) -> u64 {
    let past = year - 1;
    365 * (year - 1970) + (past / 4 - past / 100 + past / 400)
        - (1969 / 4 - 1969 / 100 + 1969 / 400)
}

/// Year, month and day of a count of days since 1970-01-01.
fn civil(days: u64) -> (u64, u64, u64) {
    // At most one year too late: no year is longer than 366 days nor shorter than 365.
    let mut year = 1970 + days / 365;
    while days < days_before(year) {
        year -= 1;
    }
    let mut left = days - days_before(year);
    let mut month = 1;
    for length in months(year) {
        if left < length {
            break;
        }
        left -= length;
        month += 1;
    }
    (year, month, left + 1)
}

/// Unix nanoseconds of `2026-01-01T00:00:00[.fraction]Z`, also with an offset `+00:00`. `None` for
/// anything else, for years before 1970 and from 2500 on.
pub(super) fn parse_rfc3339(text: &str) -> Option<u64> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let time = ["Z", "z", "+00:00"].iter().find_map(|zone| time.strip_suffix(zone))?;
    let (clock, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let number = |part: &str, width: usize| {
        (part.len() == width && part.bytes().all(|b| b.is_ascii_digit()))
            .then(|| part.parse::<u64>().ok())
            .flatten()
    };
    let (mut date, mut clock) = (date.split('-'), clock.split(':'));
    let year = number(date.next()?, 4)?;
    let (month, day) = (number(date.next()?, 2)?, number(date.next()?, 2)?);
    let hour = number(clock.next()?, 2)?;
    let (minute, second) = (number(clock.next()?, 2)?, number(clock.next()?, 2)?);
    let is_whole = date.next().is_none() && clock.next().is_none();
    if !is_whole || !(1970..2500).contains(&year) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let month_index = usize::try_from(month.checked_sub(1)?).ok()?;
    let length = *months(year).get(month_index)?;
    if !(1..=length).contains(&day) || !(1..=9).contains(&fraction.len()) {
        return None;
    }
    let digits = number(fraction, fraction.len())?;
    let scale = 10_u64.pow(9 - u32::try_from(fraction.len()).ok()?);
    let days = days_before(year) + months(year)[..month_index].iter().sum::<u64>() + day - 1;
    Some((days * 86_400 + hour * 3_600 + minute * 60 + second) * 1_000_000_000 + digits * scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_spelt_without_rounding() {
        for (units, places, trim, pad) in [
            (7_742_u64, 2, "77.42", "77.42"),
            (7_700, 2, "77", "77.00"),
            (0, 8, "0", "0.00000000"),
            (583_000, 8, "0.00583", "0.00583000"),
            (70, 0, "70", "70"),
            (u64::MAX, 8, "184467440737.09551615", "184467440737.09551615"),
        ] {
            assert_eq!(trimmed(units, places), trim, "{units}e-{places} trimmed");
            assert_eq!(padded(units, places), pad, "{units}e-{places} padded");
        }
    }

    #[test]
    fn times_are_spelt_and_read_alike() {
        for (unix_ns, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400_000_000_000, "2000-02-29T00:00:00Z"),
            (951_868_800_000_000_000, "2000-03-01T00:00:00Z"),
            (1_786_309_548_228_568_804, "2026-08-09T21:05:48.228568804Z"),
            (1_786_316_400_500_000_000, "2026-08-09T23:00:00.5Z"),
            (1_767_225_599_999_999_999, "2025-12-31T23:59:59.999999999Z"),
            (4_107_542_400_000_000_000, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(unix_ns), text, "{unix_ns}");
            assert_eq!(parse_rfc3339(text), Some(unix_ns), "{text}");
        }
        assert_eq!(rfc3339_us(1_786_309_548_228_568_804), "2026-08-09T21:05:48.228568Z");
        assert_eq!(
            go_time(1_786_309_553_855_244_860, 41_696_260_890_155),
            "2026-08-09 21:05:53.85524486 +0000 UTC m=+41696.260890155"
        );
        assert_eq!(
            go_time(1_786_309_548_854_840_045, 41_691_260_485_341),
            "2026-08-09 21:05:48.854840045 +0000 UTC m=+41691.260485341"
        );
        for day in 0..60_000 {
            let at_ns = day * 86_400_000_000_000;
            assert_eq!(parse_rfc3339(&rfc3339(at_ns)), Some(at_ns), "day {day}");
        }
        for text in [
            "",
            "2026-01-01",
            "2026-01-01T00:00:00",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00.0123456789Z",
            "1969-12-31T00:00:00Z",
            "2026-1-01T00:00:00Z",
            "2026-01-01T00:00:00+01:00",
        ] {
            assert_eq!(parse_rfc3339(text), None, "{text}");
        }
    }
}
