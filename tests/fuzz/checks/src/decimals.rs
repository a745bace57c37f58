//! Decimals and times against references that are slow and obvious.
//!
//! An input is three bytes for a grid and then texts, one a line.

use connector_net::capture::{TimeError, parse_seconds_ns};
use connector_net::decimal::{format, parse_price, parse_size, parse_step, read_quoted};
use connector_net::rates::{scaled_up, taker_fee_ppm};
use connector_net::time::{MinuteMemo, parse_micros, parse_rfc3339};
use engine_model::GridError;
use engine_model::grid::{GRID_PLACES_MAX, Step};
use engine_model::units::{PPM_ONE, PRICE_TICKS_MAX, SIZE_LOTS_MAX};

use crate::bytes::Bytes;

/// Texts of one input that are looked at.
const TEXTS_MAX: usize = 64;
/// Steps of grids: the usual, and those at which products leave their words.
const STEPS: [u64; 12] =
    [1, 1, 1, 2, 5, 25, 10, 1_000, 7, (1 << 32) + 1, 10_000_000_000_000_000_000, u64::MAX];

/// Checks the texts of an input.
pub fn check(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let step = Step { step: bytes.pick(&STEPS), places: bytes.u8() % (GRID_PLACES_MAX + 1) };
    let mut memo = MinuteMemo::default();
    for text in bytes.rest().split(|byte| *byte == b'\n').take(TEXTS_MAX) {
        check_grid(text, step);
        check_step(text);
        check_scaled(text, step.places % 10);
        check_times(text, &mut memo);
    }
}

/// Whole part and fraction of a plain decimal.
fn plain(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut parts = text.splitn(2, |byte| *byte == b'.');
    let whole = parts.next()?;
    let fraction = parts.next();
    let is_digits = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    let good = is_digits(whole) && fraction.is_none_or(is_digits);
    good.then_some((whole, fraction.unwrap_or_default()))
}

/// A decimal on a grid, digit by digit: long division of the digits by the step.
fn reference(text: &[u8], step: Step, low: u64, high: u64) -> Result<u64, GridError> {
    let (whole, fraction) = plain(text).ok_or(GridError::Malformed)?;
    let places = usize::from(step.places);
    let (kept, beyond) = fraction.split_at(fraction.len().min(places));
    let padding = core::iter::repeat_n(&b'0', places - kept.len());
    let (mut quotient, mut is_large, mut remainder) = (0_u128, false, 0_u128);
    for digit in whole.iter().chain(kept).chain(padding) {
        remainder = remainder * 10 + u128::from(digit - b'0');
        quotient = quotient * 10 + remainder / u128::from(step.step);
        remainder %= u128::from(step.step);
        if quotient > u128::from(u64::MAX) {
            (is_large, quotient) = (true, u128::from(u64::MAX));
        }
    }
    if remainder != 0 || beyond.iter().any(|digit| *digit != b'0') {
        return Err(GridError::OffGrid);
    }
    let count = u64::try_from(quotient).map_err(|_| GridError::OutOfRange)?;
    let is_good = !is_large && (low..=high).contains(&count);
    if is_good { Ok(count) } else { Err(GridError::OutOfRange) }
}

fn check_grid(text: &[u8], step: Step) {
    let shown = String::from_utf8_lossy(text);
    let price = parse_price(text, step);
    assert_eq!(price, reference(text, step, 1, PRICE_TICKS_MAX), "{shown} on {step:?}");
    let size = parse_size(text, step);
    assert_eq!(size, reference(text, step, 0, SIZE_LOTS_MAX), "{shown} on {step:?}");
    if let Ok(count) = size {
        let again = format(count, step);
        assert_eq!(parse_size(again.as_bytes(), step), Ok(count), "{shown} printed as {again}");
        let tidy = !again.contains('.') || !again.ends_with(['0', '.']);
        assert!(tidy, "{shown} printed as {again}");
    }
    // What a scanner reads without knowing where the text ends.
    if let Some(read) = read_quoted(text, 0) {
        let until = &text[..read.end];
        assert!(plain(until).is_some(), "{shown}");
        if let Some(steps) = read.steps(step) {
            let exact = reference(until, step, 0, u64::MAX);
            assert_eq!(exact, Ok(steps), "{shown} on {step:?}");
        }
    }
}

/// A step that was read prints and reads as itself.
fn check_step(text: &[u8]) {
    let Ok(text) = core::str::from_utf8(text) else { return };
    let Some(step) = parse_step(text) else { return };
    assert!(step.is_valid(), "{text}: {step:?}");
    let again = format(1, step);
    assert_eq!(parse_step(&again).map(|step| format(1, step)), Some(again), "{text}");
    // On its own grid it is one step.
    if let Some((whole, fraction)) = plain(text.as_bytes())
        && fraction.len() <= usize::from(GRID_PLACES_MAX)
        && whole.len() < 10
    {
        assert_eq!(parse_price(text.as_bytes(), step), Ok(1), "{text}: {step:?}");
    }
}

/// Costs in the units of the engine: the digits in front of the shifted point, rounded up.
fn check_scaled(text: &[u8], shift: u8) {
    let shown = String::from_utf8_lossy(text);
    let scaled = scaled_up(text, shift);
    if let Some(expected) = scaled_reference(text, shift) {
        assert_eq!(scaled, expected, "{shown} times 10^{shift}");
    }
    let fee = taker_fee_ppm(text, shift);
    match scaled {
        Ok(ppm) if ppm < PPM_ONE => assert_eq!(fee, Ok(ppm), "{shown}"),
        Ok(_) => assert_eq!(fee, Err(GridError::OutOfRange), "{shown}"),
        Err(error) => assert_eq!(fee, Err(error), "{shown}"),
    }
}

/// `None` for exponents whose zeros would not fit on a page.
fn scaled_reference(text: &[u8], shift: u8) -> Option<Result<u64, GridError>> {
    let malformed = Some(Err(GridError::Malformed));
    let Ok(text) = core::str::from_utf8(text) else { return malformed };
    let (number, exponent) = match text.split_once(['e', 'E']) {
        None => (text, 0),
        Some((number, exponent)) => {
            let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
                return malformed;
            }
            (number, exponent.parse::<isize>().ok().filter(|it| it.unsigned_abs() < 500)?)
        }
    };
    let positive = number.strip_prefix('-').unwrap_or(number);
    if plain(positive.as_bytes()).is_none() {
        return malformed;
    }
    if positive.len() < number.len() {
        return Some(Err(GridError::OutOfRange));
    }
    // So many zeros on both sides that the point stays among the digits.
    let margin = "0".repeat(600);
    let (whole, fraction) = positive.split_once('.').unwrap_or((positive, ""));
    let digits = format!("{margin}{whole}{fraction}{margin}");
    let point = (margin.len() + whole.len() + usize::from(shift)).checked_add_signed(exponent)?;
    let (kept, rest) = digits.split_at(point);
    let kept = kept.trim_start_matches('0');
    let value = if kept.is_empty() { Some(0) } else { kept.parse::<u64>().ok() };
    let has_rest = rest.bytes().any(|digit| digit != b'0');
    let up = value.and_then(|value| value.checked_add(u64::from(has_rest)));
    Some(up.ok_or(GridError::OutOfRange))
}

fn check_times(text: &[u8], memo: &mut MinuteMemo) {
    let shown = String::from_utf8_lossy(text);
    let time = parse_rfc3339(text);
    assert_eq!(memo.parse(text), time, "{shown} with a memory");
    if let Some(ns) = time {
        let printed = rfc3339(ns);
        assert_eq!(parse_rfc3339(printed.as_bytes()), Some(ns), "{shown} printed as {printed}");
        if text.len() >= 20 && text.ends_with(b"Z") && text[10] == b'T' {
            assert_eq!(&text[..19], &printed.as_bytes()[..19], "{shown}");
        }
    }
    let Ok(text) = core::str::from_utf8(text) else { return };
    let digits = !text.is_empty() && text.len() <= 19 && text.bytes().all(|b| b.is_ascii_digit());
    let micros = text.parse::<u64>().ok().filter(|it| digits && it.checked_mul(1_000).is_some());
    assert_eq!(parse_micros(text.as_bytes()), micros, "{shown}");
    let seconds = match plain(text.as_bytes()) {
        None => Err(TimeError::Malformed),
        Some((whole, fraction)) => {
            let digits = whole.iter().chain(fraction.iter().chain([b'0'; 9].iter()).take(9));
            digits
                .copied()
                .try_fold(0_u64, |ns, digit| {
                    ns.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
                })
                .ok_or(TimeError::OutOfRange)
        }
    };
    assert_eq!(parse_seconds_ns(text), seconds, "{shown}");
}

/// Unix nanoseconds as a timestamp, by walking the years and months.
fn rfc3339(ns: u64) -> String {
    let (seconds, fraction) = (ns / 1_000_000_000, ns % 1_000_000_000);
    let (mut days, rest) = (seconds / 86_400, seconds % 86_400);
    let is_leap =
        |year: u64| year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    let mut year = 1970;
    loop {
        let length = if is_leap(year) { 366 } else { 365 };
        if days < length {
            break;
        }
        days -= length;
        year += 1;
    }
    let february = if is_leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    format!(
        "{year:04}-{month:02}-{:02}T{:02}:{:02}:{:02}.{fraction:09}Z",
        days + 1,
        rest / 3_600,
        rest / 60 % 60,
        rest % 60
    )
}
