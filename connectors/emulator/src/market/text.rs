//! How venues spell numbers and times. Integers in, text out; nothing rounds.

/// `units × 10^-places` without trailing zeros: `65062.5`, `0`, `0.00583`.
#[must_use]
pub(super) fn trimmed(units: u64, places: u32) -> String {
    let full = padded(units, places);
    if !full.contains('.') {
        return full;
    }
    full.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// As [`trimmed`], with at least one digit behind the point: `30.0`, `0.0`, `77.412`.
#[must_use]
pub(super) fn one_place(units: u64, places: u32) -> String {
    let text = trimmed(units, places);
    if text.contains('.') { text } else { text + ".0" }
}

/// `units × 10^-places` with all its places: `0.00000000`, `77.42`.
#[must_use]
pub(super) fn padded(units: u64, places: u32) -> String {
    if places == 0 {
        return units.to_string();
    }
    let one = 10_u64.pow(places);
    let width = usize::try_from(places).expect("Invariant: places are below twenty");
    format!("{}.{:0width$}", units / one, units % one)
}

/// Seconds as a recorder writes them: `1786316400.5`, from Unix nanoseconds.
#[must_use]
pub(super) fn seconds(unix_ns: u64) -> String {
    one_place(unix_ns, 9)
}

/// `2026-08-09T23:00:00.123456Z` from Unix nanoseconds, fraction without trailing zeros.
#[must_use]
pub(super) fn rfc3339(unix_ns: u64) -> String {
    let (date, clock, fraction) = parts(unix_ns);
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{date}T{clock}{point}{fraction}Z")
}

/// `2026-08-09 23:00:00.123456789 +0000 UTC m=+41691.260485341`: the form of Go's run time.
#[must_use]
pub(super) fn go_time(unix_ns: u64, since_start_ns: u64) -> String {
    let (date, clock, fraction) = parts(unix_ns);
    format!("{date} {clock}.{fraction} +0000 UTC m=+{}", padded(since_start_ns, 9))
}

/// Date, time of day and nine digits of fraction.
fn parts(unix_ns: u64) -> (String, String, String) {
    let unix_s = unix_ns / 1_000_000_000;
    let (days, second) = (unix_s / 86_400, unix_s % 86_400);
    let (year, month, day) = civil(days);
    let clock = format!("{:02}:{:02}:{:02}", second / 3_600, second / 60 % 60, second % 60);
    (format!("{year:04}-{month:02}-{day:02}"), clock, format!("{:09}", unix_ns % 1_000_000_000))
}

/// Year, month and day of a count of days since 1970-01-01, by counting years and months: a
/// recording spans minutes, so speed is no matter.
fn civil(mut days: u64) -> (u64, u64, u64) {
    let leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let mut year = 1970;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let february = 28 + u64::from(leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (year, month, days + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_spelt_as_each_venue_does() {
        for (units, places, trim, one, pad) in [
            (7_742, 2, "77.42", "77.42", "77.42"),
            (7_700, 2, "77", "77.0", "77.00"),
            (0, 8, "0", "0.0", "0.00000000"),
            (583_000, 8, "0.00583", "0.00583", "0.00583000"),
            (1_234_567_891_234, 2, "12345678912.34", "12345678912.34", "12345678912.34"),
            (70, 0, "70", "70.0", "70"),
        ] {
            assert_eq!(trimmed(units, places), trim, "{units}e-{places} trimmed");
            assert_eq!(one_place(units, places), one, "{units}e-{places} one place");
            assert_eq!(padded(units, places), pad, "{units}e-{places} padded");
        }
    }

    #[test]
    fn times_are_spelt_as_each_venue_does() {
        for (unix_ns, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400_000_000_000, "2000-02-29T00:00:00Z"),
            (1_786_309_548_228_568_804, "2026-08-09T21:05:48.228568804Z"),
            (1_786_316_400_500_000_000, "2026-08-09T23:00:00.5Z"),
            (1_767_225_599_999_999_999, "2025-12-31T23:59:59.999999999Z"),
        ] {
            assert_eq!(rfc3339(unix_ns), text, "{unix_ns}");
        }
        assert_eq!(
            go_time(1_786_309_548_854_840_045, 41_691_260_485_341),
            "2026-08-09 21:05:48.854840045 +0000 UTC m=+41691.260485341"
        );
        assert_eq!(seconds(1_786_316_400_123_456_000), "1786316400.123456");
    }
}
