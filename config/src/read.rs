//! Readers of single values. Each returns a closure for [`Section`](crate::section::Section).

use core::ops::RangeInclusive;

use crate::decimal::{Decimal, DecimalError};
use crate::problem::{Fault, fault, nearest_hint, shown};
use crate::section::Read;
use crate::tree::{Node, Value};

fn wrong_kind(wanted: &str, node: &Node) -> Fault {
    fault(format!("it is {}", node.value.kind()), format!("write {wanted}"))
}

/// The digits of a number, written as a number or as text.
fn digits(node: &Node) -> Result<&str, Fault> {
    match &node.value {
        Value::Number(text) | Value::Text(text) => Ok(text),
        Value::Bool(_) | Value::List(_) | Value::Table(_) | Value::Other(_) => {
            Err(wrong_kind("a plain number such as 1.5", node))
        }
    }
}

fn decimal_of(node: &Node) -> Result<Decimal, Fault> {
    let text = digits(node)?;
    Decimal::parse(text).map_err(|error| match error {
        DecimalError::Malformed => fault(
            format!("\"{}\" is not a plain decimal", shown(text)),
            "write digits with at most one point, no exponent: 0.00001",
        ),
        DecimalError::Negative => {
            fault(format!("{} is negative", shown(text)), "write zero or more")
        }
        DecimalError::TooLong => fault(
            format!("{} has too many digits", shown(text)),
            "at most 18 places, and all digits together at most 18446744073709551615",
        ),
    })
}

/// A whole number within bounds.
pub(crate) fn integer(bounds: RangeInclusive<u64>) -> impl Read<u64> {
    move |node| {
        let decimal = decimal_of(node)?;
        let range = format!("a whole number from {} to {}", bounds.start(), bounds.end());
        match decimal.scaled(0) {
            Some(number) if bounds.contains(&number) => Ok(number),
            Some(number) => {
                Err(fault(format!("{number} is out of range"), format!("write {range}")))
            }
            None => Err(fault(format!("{decimal} is not whole"), format!("write {range}"))),
        }
    }
}

/// As [`integer`], for a bound that fits 32 bits.
pub(crate) fn integer_u32(bounds: RangeInclusive<u32>) -> impl Read<u32> {
    let read = integer(u64::from(*bounds.start())..=u64::from(*bounds.end()));
    move |node| {
        let number = read(node)?;
        u32::try_from(number).map_err(|_| fault(format!("{number} is out of range"), "see above"))
    }
}

/// Parts per million from another unit: `ppm_places` is 2 for basis points, 4 for percent.
fn ppm(unit: &'static str, ppm_places: u8, bounds: RangeInclusive<u32>) -> impl Read<u32> {
    move |node| {
        let decimal = decimal_of(node)?;
        let places_fault = || {
            fault(
                format!("{decimal} {unit} has more than {ppm_places} places"),
                format!("round it to {ppm_places} places: the engine counts parts per million"),
            )
        };
        let one = 10_u64.pow(u32::from(ppm_places));
        let (min, max) = (*bounds.start(), *bounds.end());
        let limits = u64::from(min) * one..=u64::from(max) * one;
        let range =
            || fault(format!("{decimal} {unit} is out of range"), format!("write {min} to {max}"));
        if decimal.places > ppm_places {
            return Err(places_fault());
        }
        let scaled =
            decimal.scaled(ppm_places).filter(|it| limits.contains(it)).ok_or_else(range)?;
        u32::try_from(scaled).map_err(|_| range())
    }
}

/// Basis points to parts per million, exactly: at most two places. `bps_max` is inclusive.
pub(crate) fn bps_as_ppm(bps_max: u32) -> impl Read<u32> {
    bps_as_ppm_within(0..=bps_max)
}

/// As [`bps_as_ppm`], with a lower bound as well. Unit of the bounds: basis points.
pub(crate) fn bps_as_ppm_within(bounds: RangeInclusive<u32>) -> impl Read<u32> {
    ppm("bps", 2, bounds)
}

/// Percent to parts per million, exactly: at most four places. `percent_max` is inclusive.
pub(crate) fn percent_as_ppm(percent_max: u32) -> impl Read<u32> {
    percent_as_ppm_within(0..=percent_max)
}

/// As [`percent_as_ppm`], with a lower bound as well. Unit of the bounds: percent.
pub(crate) fn percent_as_ppm_within(bounds: RangeInclusive<u32>) -> impl Read<u32> {
    ppm("percent", 4, bounds)
}

/// A ratio such as 0.995 to parts per million, exactly: at most six places. Unit of the bounds:
/// parts per million.
pub(crate) fn ratio_as_ppm(bounds_ppm: RangeInclusive<u32>) -> impl Read<u32> {
    move |node| {
        let decimal = decimal_of(node)?;
        if decimal.places > 6 {
            return Err(fault(
                format!("{decimal} has more than 6 places"),
                "round it to 6 places: the engine counts parts per million",
            ));
        }
        let inside = decimal.scaled(6).and_then(|ppm| u32::try_from(ppm).ok());
        inside.filter(|ppm| bounds_ppm.contains(ppm)).ok_or_else(|| {
            let bound = |ppm: u32| Decimal::of(u64::from(ppm), 6);
            let hint =
                format!("write {} to {}", bound(*bounds_ppm.start()), bound(*bounds_ppm.end()));
            fault(format!("{decimal} is out of range"), hint)
        })
    }
}

/// US dollars above zero to micros (10⁻⁶), exactly: at most six places. `usd_max` is inclusive.
pub(crate) fn usd_as_micros(usd_max: u64) -> impl Read<u64> {
    move |node| {
        let decimal = positive_amount(6)(node)?;
        decimal.scaled(6).filter(|micros| *micros <= usd_max * 1_000_000).ok_or_else(|| {
            fault(format!("{decimal} is out of range"), format!("write up to {usd_max}"))
        })
    }
}

/// A decimal with at most `places_max` places, below `10^12`.
pub(crate) fn amount(places_max: u8) -> impl Read<Decimal> {
    move |node| {
        let decimal = decimal_of(node)?;
        if decimal.places > places_max {
            return Err(fault(
                format!("{decimal} has more than {places_max} places"),
                "that is finer than the asset's \"decimals\"",
            ));
        }
        // 10¹² with 6 places still fits; no venue takes an order of that size.
        if decimal.scaled_down(0).is_none_or(|whole| whole >= 1_000_000_000_000) {
            return Err(fault(format!("{decimal} is out of range"), "write less than 10^12"));
        }
        Ok(decimal)
    }
}

/// As [`amount`], above zero.
pub(crate) fn positive_amount(places_max: u8) -> impl Read<Decimal> {
    let read = amount(places_max);
    move |node| {
        let decimal = read(node)?;
        if decimal.is_zero() {
            return Err(fault("zero is no amount here", "write more than zero, or leave it out"));
        }
        Ok(decimal)
    }
}

/// Seconds with a sign, exact to the nanosecond.
pub(crate) fn signed_seconds_ns(seconds_max: u32) -> impl Read<i64> {
    move |node| {
        let text = digits(node)?;
        let (is_negative, magnitude) =
            text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let bad = || {
            fault(
                format!("\"{}\" is not a number of seconds", shown(text)),
                format!("write plain decimal seconds, at most 9 places, up to {seconds_max}"),
            )
        };
        let ns = Decimal::parse(magnitude)
            .ok()
            .filter(|_| !magnitude.starts_with('-'))
            .and_then(|decimal| decimal.scaled(9))
            .filter(|ns| *ns <= u64::from(seconds_max) * 1_000_000_000)
            .and_then(|ns| i64::try_from(ns).ok())
            .ok_or_else(bad)?;
        Ok(if is_negative { -ns } else { ns })
    }
}

/// True or false.
pub(crate) fn flag(node: &Node) -> Result<bool, Fault> {
    match node.value {
        Value::Bool(flag) => Ok(flag),
        Value::Text(_) | Value::Number(_) | Value::List(_) | Value::Table(_) | Value::Other(_) => {
            Err(wrong_kind("true or false", node))
        }
    }
}

/// Text of `1..=bytes_max` bytes without control characters.
pub(crate) fn text(bytes_max: usize) -> impl Read<String> {
    move |node| {
        let Value::Text(text) = &node.value else {
            return Err(wrong_kind("text in double quotes", node));
        };
        if text.is_empty() || text.len() > bytes_max || text.chars().any(char::is_control) {
            let says = format!("\"{}\" is empty, too long or not printable", shown(text));
            return Err(fault(says, format!("write 1 to {bytes_max} bytes")));
        }
        Ok(text.clone())
    }
}

/// Letters, digits and `: _ - / +`.
pub(crate) fn name(bytes_max: usize) -> impl Read<String> {
    let read = text(bytes_max);
    move |node| {
        let name = read(node)?;
        if name.chars().all(|c| c.is_ascii_alphanumeric() || ":_-/+".contains(c)) {
            Ok(name)
        } else {
            let says = format!("\"{}\" is no name", shown(&name));
            Err(fault(says, "use letters, digits and : _ - / +"))
        }
    }
}

/// One of a closed set of words.
pub(crate) fn word<T: Copy + 'static>(words: &'static [(&'static str, T)]) -> impl Read<T> {
    move |node| {
        let Value::Text(text) = &node.value else {
            return Err(wrong_kind("text in double quotes", node));
        };
        words.iter().find(|(word, _)| word == text).map(|(_, value)| *value).ok_or_else(|| {
            let hint = nearest_hint(text, words.iter().map(|(word, _)| *word));
            fault(format!("\"{}\" is not known", shown(text)), hint)
        })
    }
}

/// A chain address: 32 bytes in base58.
pub(crate) fn address(node: &Node) -> Result<[u8; 32], Fault> {
    let Value::Text(text) = &node.value else {
        return Err(wrong_kind("a base58 address in double quotes", node));
    };
    let mut bytes = [0; 32];
    match bs58::decode(text).onto(&mut bytes) {
        Ok(32) => Ok(bytes),
        _ => Err(fault(
            format!("\"{}\" is no address of 32 bytes in base58", shown(text)),
            "copy it from an explorer; letters matter, and 0 O I l do not occur",
        )),
    }
}

/// A list of at most `count_max` values without doubles.
pub(crate) fn list<T: PartialEq>(count_max: usize, read: impl Read<T>) -> impl Read<Vec<T>> {
    move |node| {
        let Value::List(items) = &node.value else {
            return Err(wrong_kind("a list such as [\"a\", \"b\"]", node));
        };
        if items.len() > count_max {
            return Err(fault(format!("{} entries", items.len()), format!("at most {count_max}")));
        }
        let mut list = Vec::with_capacity(items.len());
        for item in items {
            let value = read(item)?;
            if list.contains(&value) {
                return Err(fault("the same entry twice", "remove one"));
            }
            list.push(value);
        }
        Ok(list)
    }
}
