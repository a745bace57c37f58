//! Reader for recorded feeds: recorder formats v1 and v2, plain or zstd.
//!
//! * v1, one text line each: `URL <-> T` connected; `URL <- T: TEXT` sent; `T: TEXT` received;
//!   `URL -> T: TEXT` HTTP answer; `configuration: JSON`. Blank lines occur. A received line names
//!   no connection: it belongs to the one that was opened last.
//! * v2, one JSON object per line: `t` is `header`, `http`, `connect`, `send` or `recv`; `ts` is
//!   the local time in seconds, `conn` the connection's name, `data` the exact text as a JSON
//!   string, `addr` or `url` the address. Keys come in any order. An `http` line may carry the body
//!   of its request in `request`. Other kinds of line are counted and skipped.
//!
//! The decompressed text is held once and records borrow from it; only text with JSON escapes is
//! copied, one record at a time. Whatever is wrong is a [`CaptureError`] that names file, line and
//! offset. A cut is noticed in a compressed file anywhere, in plain text where it falls inside a
//! line; plain text cut between two lines is a shorter recording.
//!
//! What HTTP answers mean (grids, snapshots) is left to the venue crates.
//! Start reading at [`Capture::open`].

mod error;
mod load;
mod time;
mod v1;
mod v2;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::path::Path;

use engine_model::Venue;

pub use error::{CaptureError, CaptureFault, Offset};
pub use load::{CAPTURE_BYTES_MAX, LINE_BYTES_MAX};
pub use time::{TimeError, parse_seconds_ns};

use crate::decode::Input;

/// Most connections one capture may name. A recorder opens tens.
pub const CONNECTIONS_MAX: usize = 4096;

/// Lines in which the venue is looked for. Real files show it in the first three.
const VENUE_LINES_MAX: usize = 4096;

/// Format of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Text lines.
    V1,
    /// JSON lines.
    V2,
}

/// A recording in memory.
pub struct Capture {
    name: Box<str>,
    text: String,
    format: Format,
}

/// What a line of a recording says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind<'a> {
    /// The socket opened.
    Connected {
        /// Its address; empty when not recorded.
        addr: Cow<'a, str>,
    },
    /// The socket ended.
    Closed,
    /// We sent the text.
    Sent,
    /// The frame came.
    Received,
    /// An HTTP answer; the record's text is its body.
    Http {
        /// Request address, with its query.
        url: Cow<'a, str>,
        /// Request body; empty for a GET.
        request: Cow<'a, str>,
    },
}

/// One line of a recording that a decoder takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Local receive time. Unit: Unix nanoseconds.
    pub recv_ns: u64,
    /// 1-based line in the decompressed file.
    pub line: u64,
    /// Number of the connection's name, in order of appearance; see [`Records::connections`].
    pub conn: u32,
    /// What happened.
    pub kind: Kind<'a>,
    /// Frame, sent text or HTTP body; empty for [`Kind::Connected`] and [`Kind::Closed`].
    pub data: Cow<'a, str>,
}

impl core::fmt::Debug for Capture {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // Not the text: it has megabytes.
        formatter
            .debug_struct("Capture")
            .field("name", &self.name)
            .field("format", &self.format)
            .field("text_bytes", &self.text.len())
            .finish()
    }
}

impl Record<'_> {
    /// The record as a decoder takes it.
    #[must_use]
    pub fn input(&self) -> Input<'_> {
        match &self.kind {
            Kind::Connected { .. } => Input::Connected,
            Kind::Closed => Input::Closed,
            Kind::Sent => Input::Sent(self.data.as_bytes()),
            Kind::Received => Input::Received(self.data.as_bytes()),
            Kind::Http { url, request } => {
                Input::Http { url, request: request.as_bytes(), body: self.data.as_bytes() }
            }
        }
    }
}

impl Capture {
    /// Reads a recording from a file. zstd is recognised by its magic number, not by the name.
    ///
    /// # Errors
    ///
    /// [`CaptureError`]: the file cannot be read, is too large, is cut or damaged inside its
    /// compression, is not UTF-8, or does not begin as a recording.
    pub fn open(path: &Path) -> Result<Self, CaptureError> {
        let name = path.display().to_string();
        let file = std::fs::File::open(path)
            .map_err(|source| CaptureError::whole(&name, CaptureFault::Open { source }))?;
        let text = load::load(&name, std::io::BufReader::new(file))?;
        Self::from_text(&name, text)
    }

    /// Reads a recording from bytes, plain or zstd. `name` stands in messages.
    ///
    /// # Errors
    ///
    /// As [`Capture::open`].
    pub fn from_bytes(name: &str, bytes: &[u8]) -> Result<Self, CaptureError> {
        Self::from_text(name, load::load(name, bytes)?)
    }

    fn from_text(name: &str, text: String) -> Result<Self, CaptureError> {
        let format = detect(&text).map_err(|(line, offset, says)| {
            CaptureError::at(name, line, offset, CaptureFault::NotARecording { says })
        })?;
        Ok(Self { name: name.into(), text, format })
    }

    /// Continues a recording with the next file of its series: one text, whose line numbers go on.
    ///
    /// # Errors
    ///
    /// [`CaptureError`] where both together are larger than any recording may be.
    pub fn append(&mut self, next: &Self) -> Result<(), CaptureError> {
        if self.text.len().saturating_add(next.text.len()) > load::CAPTURE_BYTES_MAX {
            return Err(CaptureError::whole(&next.name, CaptureFault::TooLarge));
        }
        if !self.text.ends_with('\n') {
            self.text.push('\n');
        }
        self.text.push_str(&next.text);
        Ok(())
    }

    /// The name that messages carry.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Format of the recording.
    #[must_use]
    pub const fn format(&self) -> Format {
        self.format
    }

    /// Length of the decompressed text. Unit: bytes.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        self.text.len()
    }

    /// The records in file order. The first error ends the iteration.
    #[must_use]
    pub fn records(&self) -> Records<'_> {
        Records {
            capture: self,
            offset: 0,
            line: 0,
            names: Vec::new(),
            current: None,
            exchange: None,
            unknown_kinds: 0,
            ended: false,
        }
    }

    /// Whose recording it is: by the header's `exchange`, else by the first address of a venue.
    ///
    /// The Coinbase Exchange feed of 2021 is another protocol than Advanced Trade and is no venue
    /// here, as is a recording that names none: `None`.
    ///
    /// # Errors
    ///
    /// [`CaptureError`] where a line is damaged before an address names the venue, or is the first
    /// behind a header that does: such a recording has no use.
    pub fn venue(&self) -> Result<Option<Venue>, CaptureError> {
        let mut records = self.records();
        for _ in 0..VENUE_LINES_MAX {
            let record = records.next().transpose()?;
            if let Some(exchange) = records.exchange() {
                return Ok(Venue::from_name(&exchange.to_ascii_lowercase()));
            }
            let Some(record) = record else { return Ok(None) };
            let by_address = match &record.kind {
                Kind::Connected { addr } => venue_of_address(addr),
                Kind::Http { url, .. } => venue_of_address(url),
                Kind::Closed | Kind::Sent | Kind::Received => None,
            };
            if by_address.is_some() {
                return Ok(by_address);
            }
        }
        Ok(None)
    }
}

/// The venue of a public address.
fn venue_of_address(address: &str) -> Option<Venue> {
    let host = address.split_once("://")?.1;
    let host = host.split(['/', '?', ':']).next().unwrap_or(host);
    let of = |domain: &str| {
        host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    if of("bitstamp.net") {
        Some(Venue::Bitstamp)
    } else if of("gemini.com") {
        Some(Venue::Gemini)
    } else if host == "api.coinbase.com" || host.starts_with("advanced-trade-ws") {
        Some(Venue::Coinbase)
    } else if of("solana.com") {
        Some(Venue::Solana)
    } else {
        None
    }
}

/// Decides the format by the first line that is not blank.
fn detect(text: &str) -> Result<Format, (u64, usize, &'static str)> {
    let mut offset = 0;
    for (index, line) in text.split('\n').enumerate() {
        let number = index as u64 + 1;
        if line.trim().is_empty() {
            offset += line.len() + 1;
            continue;
        }
        let is_cut = offset + line.len() == text.len();
        if line.trim_start().starts_with('{') {
            return v2::looks_like(line)
                .map(|()| Format::V2)
                .map_err(|says| (number, offset, says));
        }
        return match v1::parse(line) {
            Ok(_) => Ok(Format::V1),
            Err(_) if is_cut => {
                Err((number, offset, "its only line is neither recorder v1 nor v2, or is cut"))
            }
            Err(_) => Err((number, offset, "its first line is neither recorder v1 nor v2")),
        };
    }
    Err((1, 0, "it holds no line"))
}

/// Iterator over the records of a capture.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    capture: &'a Capture,
    offset: usize,
    line: u64,
    names: Vec<Cow<'a, str>>,
    /// The connection that v1's received lines belong to.
    current: Option<u32>,
    exchange: Option<Cow<'a, str>>,
    unknown_kinds: u64,
    ended: bool,
}

/// A line before its connection has a number.
#[derive(Debug, PartialEq, Eq)]
enum Parsed<'a> {
    /// A record, and the name of its connection (`None`: the one opened last).
    Record { conn: Option<Cow<'a, str>>, recv_ns: u64, kind: Kind<'a>, data: Cow<'a, str> },
    /// The header of a v2 file.
    Header { exchange: Option<Cow<'a, str>> },
    /// A line that says nothing to a decoder.
    Skip,
    /// A v2 line of a kind that is not known.
    UnknownKind,
}

/// Why a line is not a record: what is wrong, and where in the line. Unit: bytes.
#[derive(Debug, PartialEq, Eq)]
struct LineFault {
    column: usize,
    says: String,
}

impl<'a> Records<'a> {
    /// Names of the connections met so far, by number.
    #[must_use]
    pub fn connections(&self) -> &[Cow<'a, str>] {
        &self.names
    }

    /// `exchange` of the header, once it was met.
    #[must_use]
    pub fn exchange(&self) -> Option<&str> {
        self.exchange.as_deref()
    }

    /// Lines skipped so far because their kind is not known.
    #[must_use]
    pub const fn unknown_kinds(&self) -> u64 {
        self.unknown_kinds
    }

    /// How far the reading has come. Unit: bytes of the decompressed text.
    #[must_use]
    pub const fn offset_bytes(&self) -> usize {
        self.offset
    }

    /// The next line, whether it ends with a line feed, and its offset.
    fn next_line(&mut self) -> Option<(&'a str, bool, usize)> {
        let rest = &self.capture.text[self.offset..];
        if rest.is_empty() {
            return None;
        }
        let start = self.offset;
        self.line += 1;
        if let Some(end) = memchr::memchr(b'\n', rest.as_bytes()) {
            self.offset += end + 1;
            Some((&rest[..end], true, start))
        } else {
            self.offset += rest.len();
            Some((rest, false, start))
        }
    }

    fn fail(&mut self, offset: usize, fault: CaptureFault) -> CaptureError {
        self.ended = true;
        CaptureError::at(&self.capture.name, self.line, offset, fault)
    }

    fn connection(&mut self, name: Cow<'a, str>) -> Option<u32> {
        let index = match self.names.iter().position(|known| *known == name) {
            Some(index) => index,
            None if self.names.len() < CONNECTIONS_MAX => {
                self.names.push(name);
                self.names.len() - 1
            }
            None => return None,
        };
        u32::try_from(index).ok()
    }

    fn parse_line(&self, line: &'a str) -> Result<Parsed<'a>, LineFault> {
        match self.capture.format {
            Format::V1 => v1::parse(line),
            Format::V2 => v2::parse(line),
        }
    }

    /// Numbers the connection of a parsed record. `None`: too many names.
    fn number(&mut self, name: Option<Cow<'a, str>>, kind: &Kind<'a>) -> Option<u32> {
        match (name, self.current) {
            (None, Some(current)) => Some(current),
            (None, None) => {
                // A recording that begins in the middle of a connection.
                let conn = self.connection(Cow::Borrowed(""))?;
                self.current = Some(conn);
                Some(conn)
            }
            (Some(name), _) => {
                let conn = self.connection(name)?;
                if matches!(kind, Kind::Connected { .. }) {
                    self.current = Some(conn);
                }
                Some(conn)
            }
        }
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, CaptureError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            let (line, is_whole, start) = self.next_line()?;
            if line.len() > LINE_BYTES_MAX {
                return Some(
                    Err(self.fail(start, CaptureFault::LineTooLong { bytes: line.len() })),
                );
            }
            if line.trim().is_empty() {
                continue;
            }
            let parsed = match self.parse_line(line) {
                Ok(_) if !is_whole && !is_complete(self.capture.format, line) => {
                    let end = start + line.len();
                    return Some(Err(self.fail(end, CaptureFault::Cut)));
                }
                Ok(parsed) => parsed,
                Err(fault) => {
                    let offset = start + fault.column;
                    let fault = if is_whole {
                        CaptureFault::BadLine { says: fault.says }
                    } else {
                        CaptureFault::Cut
                    };
                    return Some(Err(self.fail(offset, fault)));
                }
            };
            match parsed {
                Parsed::Record { conn, recv_ns, kind, data } => {
                    let Some(conn) = self.number(conn, &kind) else {
                        return Some(Err(self.fail(start, CaptureFault::TooManyConnections)));
                    };
                    return Some(Ok(Record { recv_ns, line: self.line, conn, kind, data }));
                }
                Parsed::Header { exchange } => self.exchange = exchange,
                Parsed::Skip => {}
                Parsed::UnknownKind => self.unknown_kinds += 1,
            }
        }
        None
    }
}

/// Whether the last line of a text without a final line feed proves by itself that it is whole.
///
/// A JSON object that parsed is. A v1 line is when it carries a whole JSON object or list.
fn is_complete(format: Format, line: &str) -> bool {
    match format {
        Format::V2 => true,
        Format::V1 => v1::payload(line).is_some_and(|text| {
            text.starts_with(['{', '['])
                && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
        }),
    }
}
