//! Decimals as they are written: exact, never through floats.

use core::fmt;

/// Most decimal places a configured number may have.
pub const DECIMAL_PLACES_MAX: u8 = 18;

/// A non-negative decimal: `mantissa × 10^-places`, without trailing zeros behind the point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decimal {
    /// All digits.
    pub mantissa: u64,
    /// Decimal places, `0..=DECIMAL_PLACES_MAX`.
    pub places: u8,
}

/// Why a text is no decimal of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DecimalError {
    /// Not `digits` or `digits.digits`.
    Malformed,
    /// A minus sign.
    Negative,
    /// More places than [`DECIMAL_PLACES_MAX`], or more than 64 bits of digits.
    TooLong,
}

impl Decimal {
    /// Reads a plain decimal.
    pub(crate) fn parse(text: &str) -> Result<Self, DecimalError> {
        if let Some(rest) = text.strip_prefix('-') {
            return match Self::parse_digits(rest)? {
                zero @ Self { mantissa: 0, .. } => Ok(zero),
                _ => Err(DecimalError::Negative),
            };
        }
        Self::parse_digits(text.strip_prefix('+').unwrap_or(text))
    }

    fn parse_digits(text: &str) -> Result<Self, DecimalError> {
        let (whole, fraction) = match text.split_once('.') {
            Some((_, "")) => return Err(DecimalError::Malformed),
            Some(parts) => parts,
            None => (text, ""),
        };
        if whole.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|it| it.is_ascii_digit())
        {
            return Err(DecimalError::Malformed);
        }
        let fraction = fraction.trim_end_matches('0');
        let places = u8::try_from(fraction.len())
            .ok()
            .filter(|places| *places <= DECIMAL_PLACES_MAX)
            .ok_or(DecimalError::TooLong)?;
        let mut mantissa: u64 = 0;
        for digit in whole.bytes().chain(fraction.bytes()) {
            mantissa = mantissa
                .checked_mul(10)
                .and_then(|it| it.checked_add(u64::from(digit - b'0')))
                .ok_or(DecimalError::TooLong)?;
        }
        Ok(Self { mantissa, places })
    }

    /// `mantissa × 10^-places`, as it would be written.
    pub(crate) const fn of(mut mantissa: u64, mut places: u8) -> Self {
        while places > 0 && mantissa.is_multiple_of(10) {
            mantissa /= 10; // exact
            places -= 1;
        }
        Self { mantissa, places }
    }

    /// The number in units of `10^-places`, exactly.
    ///
    /// `None` when it has more places than that, or does not fit.
    #[must_use]
    pub fn scaled(self, places: u8) -> Option<u64> {
        let shift = places.checked_sub(self.places)?;
        self.mantissa.checked_mul(10_u64.checked_pow(u32::from(shift))?)
    }

    /// As [`Decimal::scaled`], rounded down to the unit where it lies between two.
    ///
    /// `None` when it does not fit.
    #[must_use]
    pub fn scaled_down(self, places: u8) -> Option<u64> {
        match self.places.checked_sub(places) {
            Some(excess) => Some(self.mantissa / 10_u64.checked_pow(u32::from(excess))?),
            None => self.scaled(places),
        }
    }

    /// Whether it is zero.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.mantissa == 0
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:0width$}", self.mantissa, width = usize::from(self.places) + 1);
        let (whole, fraction) = digits.split_at(digits.len() - usize::from(self.places));
        if fraction.is_empty() {
            formatter.write_str(whole)
        } else {
            write!(formatter, "{whole}.{fraction}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact() {
        let of = |mantissa, places| Ok(Decimal { mantissa, places });
        for (shows, text, want) in [
            ("whole", "12", of(12, 0)),
            ("a fraction", "0.01", of(1, 2)),
            ("trailing zeros go", "1.500", of(15, 1)),
            ("only zeros behind the point", "7.000", of(7, 0)),
            ("zeros of the whole part stay", "700", of(700, 0)),
            ("zero", "0.0", of(0, 0)),
            ("negative zero", "-0.0", of(0, 0)),
            ("a plus sign", "+1", of(1, 0)),
            ("18 places", "0.000000000000000001", of(1, 18)),
            ("the largest", "18446744073709551615", of(u64::MAX, 0)),
            ("19 places", "0.0000000000000000001", Err(DecimalError::TooLong)),
            ("one above the largest", "18446744073709551616", Err(DecimalError::TooLong)),
            ("negative", "-1", Err(DecimalError::Negative)),
            ("exponent", "1e3", Err(DecimalError::Malformed)),
            ("no digit before the point", ".5", Err(DecimalError::Malformed)),
            ("no digit behind the point", "5.", Err(DecimalError::Malformed)),
            ("two signs", "-+1", Err(DecimalError::Malformed)),
            ("negative text", "-x", Err(DecimalError::Malformed)),
            ("empty", "", Err(DecimalError::Malformed)),
            ("text", "inf", Err(DecimalError::Malformed)),
        ] {
            assert_eq!(Decimal::parse(text), want, "{shows}: {text}");
        }
    }

    #[test]
    fn scaling_is_exact_or_says_no() {
        for (text, places, exact, down) in [
            ("1.5", 2, Some(150), Some(150)),
            ("1.5", 1, Some(15), Some(15)),
            ("1.59", 1, None, Some(15)),
            ("0.000000000000000001", 0, None, Some(0)),
            ("18446744073709551615", 1, None, None),
            ("0", 18, Some(0), Some(0)),
            ("1", 30, None, None),
        ] {
            let decimal = Decimal::parse(text).expect(text);
            assert_eq!(decimal.scaled(places), exact, "{text} at {places}");
            assert_eq!(decimal.scaled_down(places), down, "{text} at {places}");
        }
    }

    #[test]
    fn text_comes_back() {
        for text in ["0", "12", "0.01", "1.5", "0.000000000000000001", "18446744073709551615"] {
            assert_eq!(Decimal::parse(text).expect(text).to_string(), text);
        }
    }
}
