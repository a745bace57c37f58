//! Receive times: decimal seconds as text, to whole nanoseconds.

/// Why a text is no receive time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// Not `digits` or `digits.digits`.
    #[error("a time that is not plain decimal seconds")]
    Malformed,
    /// After the year 2554, where nanoseconds leave 64 bits.
    #[error("a time that is out of range")]
    OutOfRange,
}

/// Decimal seconds to nanoseconds, exactly and without floats.
///
/// Digits behind the ninth place of the fraction are cut off (rounded down): recorders print a
/// binary float's digits, of which at most seven mean anything.
///
/// # Errors
///
/// [`TimeError`]: a sign, an exponent, no digit before or behind the point, or out of range.
pub fn parse_seconds_ns(text: &str) -> Result<u64, TimeError> {
    let (whole, fraction) = match text.split_once('.') {
        Some((_, "")) => return Err(TimeError::Malformed),
        Some((whole, fraction)) => (whole, fraction),
        None => (text, ""),
    };
    if whole.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit())
    {
        return Err(TimeError::Malformed);
    }
    let digits = whole.bytes().chain(fraction.bytes().chain(core::iter::repeat(b'0')).take(9));
    let mut ns: u64 = 0;
    for digit in digits {
        ns = ns
            .checked_mul(10)
            .and_then(|ns| ns.checked_add(u64::from(digit - b'0')))
            .ok_or(TimeError::OutOfRange)?;
    }
    Ok(ns)
}
