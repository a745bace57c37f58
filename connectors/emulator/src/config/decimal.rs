//! Amounts and prices, read from their text and never through a float.

use serde::{Deserialize, Deserializer, de};

/// A number without a sign, with at most nine decimals. In TOML a text (`"77.42"`) or an integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Decimal {
    /// Unit: 10⁻⁹.
    nanos: u128,
}

const PLACES: usize = 9;

/// Digits before the point: no amount of any currency needs more.
const WHOLE_DIGITS_MAX: usize = 15;

impl Decimal {
    /// From a text like `77.42`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, rest) = text.split_once('.').unwrap_or((text, "0"));
        let is_sound = (1..=WHOLE_DIGITS_MAX).contains(&whole.len())
            && (1..=PLACES).contains(&rest.len())
            && whole.bytes().chain(rest.bytes()).all(|byte| byte.is_ascii_digit());
        if !is_sound {
            return None;
        }
        let nanos = format!("{whole}{rest:0<PLACES$}").parse().ok()?;
        Some(Self { nanos })
    }

    /// In units of 10^-`places`; none where it is finer than that, or too large.
    #[must_use]
    pub fn units(self, places: u32) -> Option<u64> {
        let step = 10_u128.checked_pow(9_u32.checked_sub(places)?)?;
        if !self.nanos.is_multiple_of(step) {
            return None;
        }
        u64::try_from(self.nanos / step).ok()
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Decimal;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a decimal in quotes, like \"77.42\", or a whole number")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Decimal, E> {
                let unexpected = de::Unexpected::Str(text);
                Decimal::parse(text).ok_or_else(|| E::invalid_value(unexpected, &self))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Decimal, E> {
                self.visit_str(&number.to_string())
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_exactly() {
        let units = |text: &str, places| Decimal::parse(text).and_then(|it| it.units(places));
        assert_eq!(units("77.42", 6), Some(77_420_000));
        assert_eq!(units("77.42", 1), None, "finer than the unit");
        assert_eq!(units("0.000000001", 9), Some(1));
        assert_eq!(units("100000", 8), Some(10_000_000_000_000));
        assert_eq!(units("999999999999999", 9), None, "beyond 64 bits");
        assert_eq!(units("1", 10), None);
        for text in ["", ".5", "5.", "-1", "1e3", "1_000", "0.0000000001", "1234567890123456", "१"]
        {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }
}
