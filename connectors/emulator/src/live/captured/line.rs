//! One line of a recorder, and decimals as integers.

use serde::Deserialize;

/// Unit of the result of [`e8`], in decimal places.
const PLACES: usize = 8;

/// What kind of line it is, and what it carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A frame of the venue.
    Received(String),
    /// A frame of the client.
    Sent(String),
    /// A request and its answer: address, body of the request, answer.
    Http(String, String, String),
    /// Anything else.
    Other,
}

/// The first line.
#[derive(Debug, Deserialize)]
pub(super) struct Header {
    t: String,
    format: u32,
    pub(super) exchange: String,
}

#[derive(Debug, Deserialize)]
struct Raw<'a> {
    t: String,
    #[serde(borrow)]
    ts: Option<&'a serde_json::value::RawValue>,
    #[serde(default)]
    data: String,
    #[serde(default)]
    url: String,
    #[serde(default)]
    request: String,
}

impl Header {
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let header: Self = serde_json::from_slice(bytes).ok()?;
        (header.t == "header" && header.format == 2).then_some(header)
    }
}

impl Line {
    /// Receive time in Unix nanoseconds, and the line.
    pub(super) fn parse(bytes: &[u8]) -> Option<(u64, Self)> {
        let raw: Raw<'_> = serde_json::from_slice(bytes).ok()?;
        let at_ns = nanoseconds(raw.ts?.get())?;
        let line = match raw.t.as_str() {
            "recv" => Self::Received(raw.data),
            "send" => Self::Sent(raw.data),
            "http" => Self::Http(raw.url, raw.request, raw.data),
            _ => Self::Other,
        };
        Some((at_ns, line))
    }
}

/// Seconds as a decimal, in nanoseconds; digits beyond are cut off.
fn nanoseconds(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let part = part.get(..9).unwrap_or(part);
    let digits: u64 = if part.is_empty() { 0 } else { part.parse().ok()? };
    let scale = 10_u64.pow(u32::try_from(9 - part.len()).ok()?);
    whole.parse::<u64>().ok()?.checked_mul(1_000_000_000)?.checked_add(digits * scale)
}

/// A plain decimal as an integer of 10⁻⁸, exactly; `None` for anything finer, negative or larger.
pub(super) fn e8(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_plain(whole) || !is_plain(part) {
        return None;
    }
    let part = part.trim_end_matches('0');
    if part.len() > PLACES {
        return None;
    }
    let digits: u64 = if part.is_empty() { 0 } else { part.parse().ok()? };
    let scale = 10_u64.pow(u32::try_from(PLACES - part.len()).ok()?);
    whole.parse::<u64>().ok()?.checked_mul(100_000_000)?.checked_add(digits * scale)
}
