//! Lines of recorder format v2.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Kind, LineFault, Parsed, parse_seconds_ns};

/// Text that is borrowed where it has no escapes. serde borrows a `Cow` only as a direct field.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// The keys that mean something. Others are ignored, doubled ones refused.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    t: Cow<'a, str>,
    #[serde(borrow)]
    ts: Option<&'a RawValue>,
    #[serde(borrow)]
    conn: Option<Text<'a>>,
    #[serde(borrow)]
    data: Option<Text<'a>>,
    #[serde(borrow)]
    addr: Option<Text<'a>>,
    #[serde(borrow)]
    url: Option<Text<'a>>,
    #[serde(borrow)]
    request: Option<Text<'a>>,
    #[serde(borrow)]
    exchange: Option<Text<'a>>,
    #[serde(borrow)]
    format: Option<&'a RawValue>,
}

fn fault(says: impl Into<String>) -> LineFault {
    LineFault { column: 0, says: says.into() }
}

fn missing(key: &str, kind: &str) -> LineFault {
    fault(format!("a line of kind \"{kind}\" without \"{key}\""))
}

/// Whether the first line is one of a v2 recording.
pub(super) fn looks_like(line: &str) -> Result<(), &'static str> {
    let first: Line<'_> = serde_json::from_str(line).map_err(|error| {
        if error.is_eof() {
            "its first line is a JSON object that is not closed"
        } else {
            "its first line is no JSON object of a recording (no \"t\")"
        }
    })?;
    match (&*first.t, first.format.map(RawValue::get)) {
        ("header", Some("2")) | ("http" | "connect" | "close" | "send" | "recv", _) => Ok(()),
        ("header", Some(_)) => Err("its header names a format other than 2"),
        ("header", None) => Err("its header names no recorder format (\"format\":2)"),
        _ => Err("its first line is of a kind that no recorder writes"),
    }
}

/// Reads one line that is not blank.
pub(super) fn parse(text: &str) -> Result<Parsed<'_>, LineFault> {
    let line: Line<'_> = serde_json::from_str(text).map_err(|error| LineFault {
        column: error.column().saturating_sub(1),
        says: format!("not a recorder line: {error}"),
    })?;
    let kind = match &*line.t {
        "header" => return Ok(Parsed::Header { exchange: line.exchange.map(|it| it.0) }),
        "connect" => Kind::Connected { addr: line.addr.map_or(Cow::Borrowed(""), |it| it.0) },
        // What the recorder lost may have been anything: as if the connection had ended.
        "close" | "lost" => Kind::Closed,
        "send" => Kind::Sent,
        "recv" => Kind::Received,
        "http" => Kind::Http {
            url: line.url.ok_or_else(|| missing("url", "http"))?.0,
            request: line.request.map_or(Cow::Borrowed(""), |it| it.0),
        },
        _ => return Ok(Parsed::UnknownKind),
    };
    let ts = line.ts.ok_or_else(|| missing("ts", &line.t))?;
    let recv_ns = parse_seconds_ns(ts.get()).map_err(|error| fault(error.to_string()))?;
    let conn = line.conn.ok_or_else(|| missing("conn", &line.t))?.0;
    let data = match (line.data, &kind) {
        (_, Kind::Connected { .. } | Kind::Closed) => Cow::Borrowed(""),
        (Some(data), _) => data.0,
        (None, _) => return Err(missing("data", &line.t)),
    };
    Ok(Parsed::Record { conn: Some(conn), recv_ns, kind, data })
}
