//! Lines of recorder format v1.

use std::borrow::Cow;

use super::{Kind, LineFault, Parsed, parse_seconds_ns};

/// Name of the connection that HTTP answers belong to; v1 gives them none.
const HTTP_NAME: &str = "http";

fn fault(column: usize, says: impl Into<String>) -> LineFault {
    LineFault { column, says: says.into() }
}

/// `T: TEXT` or `T`, as time and text.
fn stamped(text: &str, column: usize) -> Result<(u64, &str), LineFault> {
    let (time, data) = text
        .split_once(": ")
        .ok_or_else(|| fault(column, "no \": \" between a line's time and its text"))?;
    let recv_ns = parse_seconds_ns(time).map_err(|error| fault(column, error.to_string()))?;
    Ok((recv_ns, data))
}

/// Reads one line that is not blank.
pub(super) fn parse(line: &str) -> Result<Parsed<'_>, LineFault> {
    if line.as_bytes().first().is_some_and(u8::is_ascii_digit) {
        let (recv_ns, data) = stamped(line, 0)?;
        let kind = Kind::Received;
        return Ok(Parsed::Record { conn: None, recv_ns, kind, data: Cow::Borrowed(data) });
    }
    if line.starts_with("configuration: ") {
        return Ok(Parsed::Skip);
    }
    let (url, rest) = line
        .split_once(' ')
        .filter(|(url, _)| url.contains("://"))
        .ok_or_else(|| fault(0, "a line that begins with neither a time nor an address"))?;
    let column = line.len() - rest.len();
    if let Some(time) = rest.strip_prefix("<-> ") {
        let recv_ns =
            parse_seconds_ns(time).map_err(|error| fault(column + 4, error.to_string()))?;
        return Ok(Parsed::Record {
            conn: Some(Cow::Borrowed(url)),
            recv_ns,
            kind: Kind::Connected { addr: Cow::Borrowed(url) },
            data: Cow::Borrowed(""),
        });
    }
    if let Some(sent) = rest.strip_prefix("<- ") {
        let (recv_ns, data) = stamped(sent, column + 3)?;
        let conn = Some(Cow::Borrowed(url));
        return Ok(Parsed::Record { conn, recv_ns, kind: Kind::Sent, data: Cow::Borrowed(data) });
    }
    if let Some(answer) = rest.strip_prefix("-> ") {
        let (recv_ns, data) = stamped(answer, column + 3)?;
        return Ok(Parsed::Record {
            conn: Some(Cow::Borrowed(HTTP_NAME)),
            recv_ns,
            kind: Kind::Http { url: Cow::Borrowed(url), request: Cow::Borrowed("") },
            data: Cow::Borrowed(data),
        });
    }
    Err(fault(column, "none of \"<->\", \"<-\" and \"->\" behind the address"))
}

/// The text of a line behind its time, for lines that have one.
pub(super) fn payload(line: &str) -> Option<&str> {
    line.split_once(": ").map(|(_, text)| text)
}
