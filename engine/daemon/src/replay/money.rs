//! Whole units as people read them: decimals, basis points, durations.

/// `units × 10^-decimals` with all of its places, for instance `-0.412803`.
#[must_use]
pub fn plain(units: i128, decimals: u8) -> String {
    let sign = if units < 0 { "-" } else { "" };
    let digits = units.unsigned_abs();
    if decimals == 0 {
        return format!("{sign}{digits}");
    }
    let scale = 10_u128.pow(u32::from(decimals.min(38)));
    let (whole, fraction) = (digits / scale, digits % scale);
    format!("{sign}{whole}.{fraction:0width$}", width = usize::from(decimals))
}

/// As [`plain`], without trailing zeros behind the point.
#[must_use]
pub fn trimmed(units: u128, decimals: u8) -> String {
    let text = plain(i128::try_from(units).unwrap_or(i128::MAX), decimals);
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// Parts per million as basis points, for instance `-12.34`.
#[must_use]
pub fn bps(ppm: i64) -> String {
    if ppm == i64::MIN { "none".to_owned() } else { plain(i128::from(ppm), 2) }
}

/// A ratio of two amounts in basis points with two places, rounded down; none for a zero whole.
#[must_use]
pub fn ratio_ppm(part: i128, whole: u128) -> Option<i64> {
    let whole = i128::try_from(whole).ok().filter(|whole| *whole > 0)?;
    i64::try_from(part.checked_mul(1_000_000)?.div_euclid(whole)).ok()
}

/// Nanoseconds in the unit that suits them.
#[must_use]
pub fn duration(ns: u64) -> String {
    let text = |value: u64, places: u8, unit: &str| {
        format!("{} {unit}", trimmed(u128::from(value), places))
    };
    match ns {
        0..1_000 => text(ns, 0, "ns"),
        1_000..1_000_000 => text(ns / 10, 2, "µs"),
        1_000_000..1_000_000_000 => text(ns / 10_000, 2, "ms"),
        _ => text(ns / 10_000_000, 2, "s"),
    }
}

/// A count with thousands apart.
#[must_use]
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts() {
        for (units, decimals, text) in [
            (0, 6, "0.000000"),
            (-412_803, 6, "-0.412803"),
            (1_234_567, 2, "12345.67"),
            (5, 0, "5"),
            (-1, 8, "-0.00000001"),
        ] {
            assert_eq!(plain(units, decimals), text);
        }
        assert_eq!(trimmed(1_500_000, 6), "1.5");
        assert_eq!(trimmed(2_000_000, 6), "2");
        assert_eq!(bps(-1_234), "-12.34");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(ratio_ppm(-1, 3), Some(-333_334));
        assert_eq!(ratio_ppm(1, 0), None);
    }

    #[test]
    fn durations() {
        for (ns, text) in
            [(999, "999 ns"), (1_500, "1.5 µs"), (63_000_000, "63 ms"), (3_400_000_000, "3.4 s")]
        {
            assert_eq!(duration(ns), text);
        }
    }
}
