//! `riptide inspect book`: the books of a recording, row by row.
//!
//! The recording goes through the venue's decoder and the engine's book, exactly as a live
//! connection would. Grids come from the recording's own HTTP answers, else every value is counted
//! in steps of 10⁻⁸. Rows come in the order in which the books change; a Bitstamp diff that waited
//! for its snapshot comes at the join with its own line.

mod reader;

use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::Path;

use connector_net::capture::{Capture, CaptureError, CaptureFault, Kind};
use engine_model::{Grid, Venue};
use indicatif::{ProgressBar, ProgressStyle};

use crate::cli_output::{Exit, Failure, Form, note, write_failed};
use reader::Reader;

/// Most books of one recording. Each may take 16 MiB.
const BOOKS_MAX: usize = 256;
/// Lines between two steps of the progress bar.
const PROGRESS_LINES: u64 = 1_000;

const HEADER: &str = "line,symbol,bid,bid_qty,ask,ask_qty,n_bids,n_asks\n";

/// The command.
#[must_use]
pub fn run(path: &Path, venue: Option<Venue>) -> Exit {
    let capture = match Capture::open(path) {
        Ok(capture) => capture,
        Err(error) => return capture_failure(&error).report(Form::Text),
    };
    let found = match venue {
        Some(venue) => Ok(Some(venue)),
        None => capture.venue(),
    };
    let venue = match found {
        Ok(venue) => venue,
        Err(error) => return capture_failure(&error).report(Form::Text),
    };
    let Some(venue) = venue else {
        let says = format!("{}: does not say whose recording it is", capture.name());
        return Failure::new(Exit::Usage, says, "name it: --venue coinbase|gemini|bitstamp")
            .report(Form::Text);
    };
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let mut notes = Notes::default();
    let result = inspect(&capture, venue, &mut out, &mut notes)
        .and_then(|()| out.flush().map_err(InspectError::Write));
    notes.report();
    match result {
        Ok(()) => Exit::Ok,
        Err(InspectError::Write(error)) => write_failed(&error),
        Err(InspectError::Capture(error)) => {
            // The rows before the damage are right: they are given out.
            match out.flush() {
                Ok(()) => capture_failure(&error).report(Form::Text),
                Err(error) => write_failed(&error),
            }
        }
        Err(InspectError::NoBooks) => Failure::new(
            Exit::Usage,
            format!("{} has pools, not order books", venue.name()),
            "inspect quote prices a pool",
        )
        .report(Form::Text),
    }
}

/// A recording that cannot be used, as an error of the command line.
#[must_use]
pub fn capture_failure(error: &CaptureError) -> Failure {
    let hint = match &error.fault {
        CaptureFault::Open { source } if error.is_missing_file() => {
            return Failure::unreadable(Path::new(&*error.name), source);
        }
        CaptureFault::Open { .. } | CaptureFault::Read { .. } => "check that it is a regular file",
        CaptureFault::Zstd { .. } | CaptureFault::Cut => {
            "fetch the file again; what lies before the place is right"
        }
        CaptureFault::TooLarge | CaptureFault::LineTooLong { .. } => "split the recording",
        CaptureFault::NotARecording { .. } => {
            "expected a recording in format v1 (text lines) or v2 (JSON lines), plain or zstd"
        }
        CaptureFault::NotUtf8 | CaptureFault::BadLine { .. } | CaptureFault::TooManyConnections => {
            "the file is damaged at that place; fetch it again"
        }
    };
    Failure::new(Exit::BadData, error.to_string(), hint)
}

/// Most notes that are written out.
const NOTES_MAX: usize = 1_000;

/// What is to be said beside the rows.
#[derive(Debug, Default)]
pub struct Notes {
    lines: Vec<String>,
    left_out: u64,
}

impl Notes {
    fn add(&mut self, line: String) {
        if self.lines.len() < NOTES_MAX {
            self.lines.push(line);
        } else {
            self.left_out += 1;
        }
    }

    /// The notes so far, each one line.
    #[must_use]
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    fn report(&self) {
        for line in &self.lines {
            note(&format!("note: {line}\n"));
        }
        if self.left_out > 0 {
            note(&format!("note: {} more notes\n", self.left_out));
        }
    }
}

/// Why the rows stop.
#[derive(Debug)]
pub enum InspectError {
    /// They could not be written.
    Write(io::Error),
    /// The recording ends badly.
    Capture(CaptureError),
    /// A venue without order books.
    NoBooks,
}

/// Writes the rows of a recording to `out`, and what is to be said beside them to `notes`.
///
/// # Errors
///
/// [`InspectError`]; rows before it have been written.
pub fn inspect(
    capture: &Capture,
    venue: Venue,
    out: &mut impl Write,
    notes: &mut Notes,
) -> Result<(), InspectError> {
    let grids = metadata(capture, venue);
    let mut reader = Reader::new(venue, grids, notes)?;
    out.write_all(HEADER.as_bytes()).map_err(InspectError::Write)?;
    let progress = progress_bar(capture.text_bytes());
    let mut records = capture.records();
    while let Some(record) = records.next() {
        let record = record.map_err(InspectError::Capture)?;
        if record.line.is_multiple_of(PROGRESS_LINES) {
            progress.set_position(records.offset_bytes() as u64);
        }
        reader.take(record, out)?;
    }
    progress.finish_and_clear();
    reader.finish();
    Ok(())
}

/// A bar on standard error, where a person looks at it and rows go elsewhere.
fn progress_bar(bytes: usize) -> ProgressBar {
    if !io::stderr().is_terminal() || io::stdout().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {percent}% of {total_bytes} {eta}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(bytes as u64).with_style(style)
}

/// The grids that the recording's own HTTP answers name, as far as it can be read.
fn metadata(capture: &Capture, venue: Venue) -> Vec<(Box<str>, Grid)> {
    let mut grids = Vec::new();
    // The damage that ends this reading is met and named again behind the last good row.
    for record in capture.records().map_while(Result::ok) {
        let Kind::Http { url, .. } = &record.kind else { continue };
        let body = record.data.as_bytes();
        grids.extend(match venue {
            Venue::Coinbase => connector_coinbase::metadata(url, body),
            Venue::Gemini => connector_gemini::metadata(url, body),
            Venue::Bitstamp => connector_bitstamp::metadata(url, body),
            Venue::Solana => Vec::new(),
        });
    }
    grids
}
