//! Decimal text to ticks and lots, exactly, and back.
//!
//! A value is first read as a whole number of `10^-places` and then divided by the step. Nothing is
//! rounded anywhere: a value between two steps is [`GridError::OffGrid`].

use core::fmt;

use engine_model::grid::{GRID_PLACES_MAX, Step, check_price_ticks, check_size_lots};
use engine_model::{Grid, GridError};

use crate::digits::{aligned, eight_at, eight_digits, leading_digits, marked_len, not_digits};

/// Powers of ten that fit a `u64`, by exponent.
pub const POW10: [u64; 20] = {
    let mut powers = [1; 20];
    let mut exponent = 1;
    while exponent < 20 {
        powers[exponent] = powers[exponent - 1] * 10;
        exponent += 1;
    }
    powers
};

const _: () = assert!((GRID_PLACES_MAX as usize) < POW10.len());

/// Digits that always fit a `u64`.
const DIGITS_QUICK: usize = 19;

/// Plain decimal text of a price to ticks of `tick`: `1..=PRICE_TICKS_MAX`.
///
/// Any number of leading zeros, and of trailing zeros behind the point, is accepted; a sign, an
/// exponent, a missing digit before or behind the point is not.
///
/// # Errors
///
/// The text's first fault in the order malformed, off the grid, out of range.
pub fn parse_price(text: &[u8], tick: Step) -> Result<u64, GridError> {
    parse_steps(text, tick).and_then(check_price_ticks)
}

/// Plain decimal text of a size to lots of `lot`: `0..=SIZE_LOTS_MAX`.
///
/// # Errors
///
/// As [`parse_price`]; zero is a size.
pub fn parse_size(text: &[u8], lot: Step) -> Result<u64, GridError> {
    parse_steps(text, lot).and_then(check_size_lots)
}

/// Price and size of one level.
///
/// # Errors
///
/// The price's fault, else the size's.
pub fn parse_level(price: &[u8], size: &[u8], grid: &Grid) -> Result<(u64, u64), GridError> {
    Ok((parse_price(price, grid.tick)?, parse_size(size, grid.lot)?))
}

fn parse_steps(text: &[u8], step: Step) -> Result<u64, GridError> {
    match read_quoted(text, 0) {
        Some(read) if read.end == text.len() => {
            read.steps(step).map_or_else(|| parse_any(text, step), Ok)
        }
        _ => parse_any(text, step),
    }
}

/// A short decimal as it stands: `mantissa × 10^-places`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShortDecimal {
    /// Digits without the point.
    pub mantissa: u64,
    /// Digits behind the point.
    pub places: usize,
    /// Index of the first byte that is not part of it.
    pub end: usize,
}

impl ShortDecimal {
    /// As a count of `step`; `None` unless it lies on the grid and all intermediate values fit.
    #[inline]
    #[must_use]
    pub fn steps(self, step: Step) -> Option<u64> {
        let places = usize::from(step.places);
        let units = if self.places <= places {
            self.mantissa.checked_mul(POW10[places - self.places])?
        } else {
            let divisor = *POW10.get(self.places - places)?;
            if !self.mantissa.is_multiple_of(divisor) {
                return None;
            }
            self.mantissa / divisor // exact: checked above
        };
        if step.step == 1 {
            return Some(units);
        }
        // Exact: the remainder is refused.
        units.is_multiple_of(step.step).then(|| units / step.step)
    }
}

/// Reads the plain decimal that starts at `at`; `None` when it is malformed or has more than 19
/// digits (then [`parse_price`] decides).
///
/// Up to eight digits on either side of the point are read at once: their number varies from level to
/// level, and the processor would guess the end of a loop wrong each time.
#[inline]
#[must_use]
pub fn read_quoted(bytes: &[u8], at: usize) -> Option<ShortDecimal> {
    let Some(whole) = eight_at(bytes, at) else { return read_digits(bytes, at) };
    let (whole_len, whole) = leading_digits(whole);
    let point = at + whole_len;
    if whole_len == 0 {
        return None;
    }
    let behind = bytes.get(point).copied();
    if behind != Some(b'.') {
        if whole_len == 8 && behind.is_some_and(|byte| byte.is_ascii_digit()) {
            return read_digits(bytes, at);
        }
        return Some(ShortDecimal { mantissa: whole, places: 0, end: point });
    }
    let Some(fraction) = eight_at(bytes, point + 1) else { return read_digits(bytes, at) };
    let (places, fraction) = leading_digits(fraction);
    let end = point + 1 + places;
    if places == 0 {
        return None;
    }
    if places == 8 && bytes.get(end).is_some_and(u8::is_ascii_digit) {
        return read_digits(bytes, at);
    }
    // At most 16 digits: below 10¹⁶.
    Some(ShortDecimal { mantissa: whole * POW10[places] + fraction, places, end })
}

/// Bytes that [`short_steps`] looks at: eight digits, a point, eight digits, a quote, rounded up.
pub const SHORT_WINDOW: usize = 24;

/// Places up to which `10⁸ × 10^places`, added twice, stays below 2⁶².
const SHORT_PLACES_MAX: usize = 10;

/// Index of the whole part in [`Factors`].
const WHOLE: usize = 9;

/// What digits are worth, in steps of one grid: at `n` from 1 to 8 the last of `n` digits behind the
/// point, at [`WHOLE`] the last before it. Zero where the grid has no such place.
pub type Factors = [u64; 16];

/// Factors of the grids `10^-places`, by places.
static FACTORS: [Factors; SHORT_PLACES_MAX + 1] = {
    let mut grids = [NO_FACTORS; SHORT_PLACES_MAX + 1];
    let mut places = 0;
    while places <= SHORT_PLACES_MAX {
        grids[places][WHOLE] = POW10[places];
        let mut digits = 1;
        while digits <= 8 && digits <= places {
            grids[places][digits] = POW10[places - digits];
            digits += 1;
        }
        places += 1;
    }
    grids
};

/// Of a grid that [`short_steps`] does not read.
static NO_FACTORS: Factors = [0; 16];

/// The factors of a grid; zeros for one that is not a power of ten or too fine.
#[inline(always)]
#[expect(clippy::inline_always, reason = "is moved out of loops where the caller is known")]
#[must_use]
pub fn factors(step: Step) -> &'static Factors {
    let grid = FACTORS.get(usize::from(step.places)).unwrap_or(&NO_FACTORS);
    if step.step == 1 { grid } else { &NO_FACTORS }
}

/// A decimal of at most eight digits on either side of the point and the quote behind it, as a count
/// of a power of ten: the count and the bytes read. `None` for all else.
#[inline(always)]
#[expect(clippy::inline_always, reason = "a third of a frame's time; the grid stays in registers")]
#[must_use]
pub fn short_steps(text: &[u8; SHORT_WINDOW], factors: &Factors) -> Option<(u64, usize)> {
    // Where the point and the quote are is found first and checked later: the next number's place
    // depends on it, and the processor works on that one meanwhile.
    let whole = u64::from_le_bytes(*text.first_chunk()?);
    let whole_len = marked_len(whole);
    let point = whole_len as usize;
    let whole = aligned(whole, whole_len);
    match text[point] {
        b'.' => {
            let fraction = eight_at(text, point + 1)?;
            let len = marked_len(fraction);
            let end = point + 1 + len as usize;
            let fraction = aligned(fraction, len);
            // A digit finer than the grid has the factor zero.
            let factor = factors[len as usize];
            if text[end] != b'"' || factor == 0 || not_digits(whole) | not_digits(fraction) != 0 {
                return None;
            }
            let units = eight_digits(whole) * factors[WHOLE] + eight_digits(fraction) * factor;
            Some((units, end + 1))
        }
        b'"' if factors[WHOLE] != 0 && not_digits(whole) == 0 => {
            Some((eight_digits(whole) * factors[WHOLE], point + 1))
        }
        _ => None,
    }
}

/// One digit after the other: near the end of a text, and for long numbers.
fn read_digits(bytes: &[u8], at: usize) -> Option<ShortDecimal> {
    let mut mantissa = 0_u64;
    let mut index = at;
    while let Some(digit) = digit_at(bytes, index) {
        mantissa = mantissa.wrapping_mul(10).wrapping_add(digit);
        index += 1;
    }
    let whole = index - at;
    if whole == 0 {
        return None;
    }
    let mut places = 0;
    if bytes.get(index) == Some(&b'.') {
        index += 1;
        let start = index;
        while let Some(digit) = digit_at(bytes, index) {
            mantissa = mantissa.wrapping_mul(10).wrapping_add(digit);
            index += 1;
        }
        places = index - start;
        if places == 0 {
            return None;
        }
    }
    (whole + places <= DIGITS_QUICK).then_some(ShortDecimal { mantissa, places, end: index })
}

#[inline]
fn digit_at(bytes: &[u8], index: usize) -> Option<u64> {
    let digit = bytes.get(index)?.wrapping_sub(b'0');
    (digit <= 9).then_some(u64::from(digit))
}

/// Any length: counts what does not fit instead of stopping, so that text is always read to its end.
#[cold]
fn parse_any(text: &[u8], step: Step) -> Result<u64, GridError> {
    let (whole, fraction) = match memchr::memchr(b'.', text) {
        Some(point) => (&text[..point], Some(&text[point + 1..])),
        None => (text, None),
    };
    let is_digits = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    if !is_digits(whole) || !fraction.is_none_or(is_digits) {
        return Err(GridError::Malformed);
    }
    let fraction = fraction.unwrap_or_default();
    let places = usize::from(step.places);
    let (kept, beyond) = fraction.split_at(fraction.len().min(places));
    if beyond.iter().any(|digit| *digit != b'0') {
        return Err(GridError::OffGrid);
    }
    // Long division: the quotient may leave its type, the remainder decides first.
    let step = u128::from(step.step.max(1));
    let (mut remainder, mut count) = (0_u128, Some(0_u128));
    let padding = core::iter::repeat_n(&b'0', places - kept.len());
    for digit in whole.iter().chain(kept).chain(padding) {
        // At most ten times a `u64`.
        let part = remainder * 10 + u128::from(digit - b'0');
        remainder = part % step;
        // Rounded down; the remainder goes on.
        count = count.and_then(|count| count.checked_mul(10)?.checked_add(part / step));
    }
    if remainder != 0 {
        return Err(GridError::OffGrid);
    }
    count.and_then(|count| u64::try_from(count).ok()).ok_or(GridError::OutOfRange)
}

/// An increment of a venue's metadata: plain (`0.01`, `10`) or with an exponent (`1e-8`, `5E-1`).
///
/// `None` for zero, a sign, text, or a step finer than 10⁻¹⁸ or above a `u64`.
#[must_use]
pub fn parse_step(text: &str) -> Option<Step> {
    let (digits, exponent) = match text.split_once(['e', 'E']) {
        Some((digits, exponent)) => (digits, parse_exponent(exponent)?),
        None => (text, 0),
    };
    let (whole, fraction) = match digits.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (digits, ""),
    };
    if whole.is_empty() {
        return None;
    }
    let mut mantissa = 0_u64;
    let mut exponent = exponent - i64::try_from(fraction.len()).ok()?;
    let trimmed = fraction.trim_end_matches('0');
    exponent += i64::try_from(fraction.len() - trimmed.len()).ok()?;
    for byte in whole.bytes().chain(trimmed.bytes()) {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        mantissa = mantissa.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    if mantissa == 0 {
        return None;
    }
    while exponent < 0 && mantissa.is_multiple_of(10) {
        mantissa /= 10; // exact
        exponent += 1;
    }
    if exponent < 0 {
        let places = u8::try_from(-exponent).ok().filter(|places| *places <= GRID_PLACES_MAX)?;
        return Some(Step { step: mantissa, places });
    }
    let factor = POW10.get(usize::try_from(exponent).ok()?)?;
    Some(Step { step: mantissa.checked_mul(*factor)?, places: 0 })
}

fn parse_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || digits.len() > 3 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let size: i64 = digits.parse().ok()?;
    Some(if text.starts_with('-') { -size } else { size })
}

/// A count of steps that prints as a plain decimal, exactly, without trailing zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plain {
    count: u64,
    step: Step,
}

impl Plain {
    /// `count` steps of `step`: ticks of a tick, lots of a lot.
    #[must_use]
    pub const fn new(count: u64, step: Step) -> Self {
        Self { count, step }
    }
}

impl fmt::Display for Plain {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut units = u128::from(self.count) * u128::from(self.step.step);
        let mut places = self.step.places;
        while places > 0 && units.is_multiple_of(10) {
            units /= 10; // exact
            places -= 1;
        }
        if places == 0 {
            return write!(out, "{units}");
        }
        let (one, places) = (10_u128.pow(places.into()), usize::from(places));
        // Whole part and remainder: together exact.
        write!(out, "{}.{:0places$}", units / one, units % one)
    }
}

/// Ticks or lots as plain decimal text, exact, without trailing zeros.
#[must_use]
pub fn format(count: u64, step: Step) -> String {
    Plain::new(count, step).to_string()
}

#[cfg(test)]
#[path = "decimal_tests.rs"]
mod tests;
