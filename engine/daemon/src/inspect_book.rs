//! `riptide inspect book`: the books of a recording, row by row.
//!
//! The recording goes through the venue's decoder and the engine's book, exactly as a live
//! connection would. Grids come from the recording's own HTTP answers, else every value is counted
//! in steps of 10⁻⁸. Rows come in the order in which the books change; a Bitstamp diff that waited
//! for its snapshot comes at the join with its own line.

use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::Path;

use connector_bitstamp::BitstampDecoder;
use connector_coinbase::CoinbaseDecoder;
use connector_gemini::GeminiDecoder;
use connector_net::capture::{Capture, CaptureError, CaptureFault, Kind, Record};
use connector_net::decimal::Plain;
use connector_net::{Decoder, Input, Markets, OddCounts, Sink};
use engine_core::market::book::{BookState, MarketBook};
use engine_model::{Body, Event, Grid, Side, Venue};
use indicatif::{ProgressBar, ProgressStyle};

use crate::cli_output::{Exit, Failure, Form, note, write_failed};

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
    let Some(venue) = venue.or_else(|| capture.venue()) else {
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
    let grids = metadata(capture, venue).map_err(InspectError::Capture)?;
    let mut reader = Reader { venue, grids, links: Vec::new(), http: Vec::new(), notes };
    // A decoder for this venue exists, or nothing is written at all.
    reader.decoder()?;
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

/// The grids that the recording's own HTTP answers name.
fn metadata(capture: &Capture, venue: Venue) -> Result<Vec<(Box<str>, Grid)>, CaptureError> {
    let mut grids = Vec::new();
    for record in capture.records() {
        let record = record?;
        let Kind::Http { url, .. } = &record.kind else { continue };
        let body = record.data.as_bytes();
        grids.extend(match venue {
            Venue::Coinbase => connector_coinbase::metadata(url, body),
            Venue::Gemini => connector_gemini::metadata(url, body),
            Venue::Bitstamp => connector_bitstamp::metadata(url, body),
            Venue::Solana => Vec::new(),
        });
    }
    Ok(grids)
}

/// A decoder of a venue with order books.
enum VenueDecoder {
    Coinbase(Box<CoinbaseDecoder>),
    Gemini(Box<GeminiDecoder>),
    Bitstamp(Box<BitstampDecoder>),
}

impl VenueDecoder {
    fn decode(&mut self, recv_ns: u64, line: u64, input: Input<'_>, sink: &mut Sink) {
        match self {
            Self::Coinbase(decoder) => decoder.decode(recv_ns, line, input, sink),
            Self::Gemini(decoder) => decoder.decode(recv_ns, line, input, sink),
            Self::Bitstamp(decoder) => decoder.decode(recv_ns, line, input, sink),
        }
    }

    fn markets(&self) -> &Markets {
        match self {
            Self::Coinbase(decoder) => decoder.markets(),
            Self::Gemini(decoder) => decoder.markets(),
            Self::Bitstamp(decoder) => decoder.markets(),
        }
    }

    fn counts(&self) -> &OddCounts {
        match self {
            Self::Coinbase(decoder) => decoder.counts(),
            Self::Gemini(decoder) => decoder.counts(),
            Self::Bitstamp(decoder) => decoder.counts(),
        }
    }
}

/// One connection of the recording: its decoder and its books.
struct Link {
    conn: u32,
    decoder: VenueDecoder,
    sink: Sink,
    /// By index of the market; made at its first snapshot.
    books: Vec<Option<BookRow>>,
}

/// A book and whether its doubt has been named.
struct BookRow {
    book: Box<MarketBook>,
    is_doubt_named: bool,
}

struct Reader<'a, 'm> {
    venue: Venue,
    grids: Vec<(Box<str>, Grid)>,
    links: Vec<Link>,
    /// HTTP answers so far. A recorder may write those of a connection before it.
    http: Vec<Record<'a>>,
    notes: &'m mut Notes,
}

impl<'a> Reader<'a, '_> {
    fn decoder(&self) -> Result<VenueDecoder, InspectError> {
        let markets = Markets::open(self.grids.clone());
        Ok(match self.venue {
            Venue::Coinbase => VenueDecoder::Coinbase(Box::new(CoinbaseDecoder::new(markets))),
            Venue::Gemini => VenueDecoder::Gemini(Box::new(GeminiDecoder::new(markets))),
            Venue::Bitstamp => VenueDecoder::Bitstamp(Box::new(BitstampDecoder::new(markets))),
            Venue::Solana => return Err(InspectError::NoBooks),
        })
    }

    fn take(&mut self, record: Record<'a>, out: &mut impl Write) -> Result<(), InspectError> {
        match &record.kind {
            Kind::Http { .. } => {
                for index in 0..self.links.len() {
                    self.give(index, &record, out)?;
                }
                // Only Bitstamp's books begin with an HTTP answer.
                if self.venue == Venue::Bitstamp {
                    self.http.push(record);
                }
                Ok(())
            }
            Kind::Connected { .. } => self.connect(&record, out),
            Kind::Sent | Kind::Received => {
                let index = match self.link_of(record.conn) {
                    Some(index) => index,
                    None => self.open_in_the_middle(record.conn, out)?,
                };
                self.give(index, &record, out)
            }
        }
    }

    /// A connection begins. Answers that stand before it in the file and are its own come after:
    /// for a first connection all of them, for a further one those that were received later.
    fn connect(&mut self, record: &Record<'a>, out: &mut impl Write) -> Result<(), InspectError> {
        let (index, since_ns) = match self.link_of(record.conn) {
            Some(index) => (index, record.recv_ns),
            None => (self.open(record.conn)?, 0),
        };
        self.give(index, record, out)?;
        self.give_http(index, since_ns, out)
    }

    fn give_http(
        &mut self,
        index: usize,
        since_ns: u64,
        out: &mut impl Write,
    ) -> Result<(), InspectError> {
        let http = std::mem::take(&mut self.http);
        for answer in http.iter().filter(|answer| answer.recv_ns >= since_ns) {
            self.give(index, answer, out)?;
        }
        self.http = http;
        Ok(())
    }

    /// A connection whose beginning was not recorded.
    fn open_in_the_middle(
        &mut self,
        conn: u32,
        out: &mut impl Write,
    ) -> Result<usize, InspectError> {
        let index = self.open(conn)?;
        self.give_http(index, 0, out)?;
        Ok(index)
    }

    fn link_of(&self, conn: u32) -> Option<usize> {
        self.links.iter().position(|link| link.conn == conn)
    }

    fn open(&mut self, conn: u32) -> Result<usize, InspectError> {
        let decoder = self.decoder()?;
        self.links.push(Link { conn, decoder, sink: Sink::default(), books: Vec::new() });
        Ok(self.links.len() - 1)
    }

    fn give(
        &mut self,
        index: usize,
        record: &Record<'_>,
        out: &mut impl Write,
    ) -> Result<(), InspectError> {
        let is_bitstamp = self.venue == Venue::Bitstamp;
        let link = &mut self.links[index];
        let mut sink = std::mem::take(&mut link.sink);
        sink.clear();
        link.decoder.decode(record.recv_ns, record.line, record.input(), &mut sink);
        for (line, events) in sink.iter() {
            let is_row = !(is_bitstamp && events.iter().any(|it| it.body == Body::BookClear));
            link.apply(line, events, is_row, out, self.notes)?;
        }
        link.sink = sink;
        Ok(())
    }

    /// What is said once, at the end.
    fn finish(&mut self) {
        let mut counts = OddCounts::default();
        for link in &self.links {
            counts.merge(link.decoder.counts());
            if let VenueDecoder::Bitstamp(decoder) = &link.decoder {
                for symbol in decoder.unproven_joins() {
                    self.notes.add(format!(
                        "{symbol}: join not proven by an older diff: the snapshot may miss \
                         an update"
                    ));
                }
            }
        }
        let odd: Vec<String> =
            counts.seen().map(|(odd, count)| format!("{} {count}", odd.name())).collect();
        if !odd.is_empty() {
            self.notes.add(format!("odd in this recording: {}", odd.join(", ")));
        }
    }
}

impl Link {
    /// Applies a batch and writes a row for each book that it is about.
    fn apply(
        &mut self,
        line: u64,
        events: &[Event],
        is_row: bool,
        out: &mut impl Write,
        notes: &mut Notes,
    ) -> Result<(), InspectError> {
        let mut touched: Vec<usize> = Vec::new();
        for event in events {
            if event.market == Event::NO_MARKET {
                continue;
            }
            let market = event.market.index();
            if event.body == Body::BookClear {
                self.make_book(line, market, notes);
            }
            let Some(Some(row)) = self.books.get_mut(market) else { continue };
            row.book.apply(event);
            let is_of_book = match event.body {
                // A timer with a market: an update of its book without a level.
                Body::BookClear | Body::Level { .. } | Body::BookDoubt { .. } | Body::Timer => true,
                Body::Trade { .. }
                | Body::Ticker { .. }
                | Body::Heartbeat { .. }
                | Body::Status { .. }
                | Body::PoolPrice { .. }
                | Body::PoolMeta { .. }
                | Body::TickArrayBegin { .. }
                | Body::Tick { .. }
                | Body::OracleConstants { .. }
                | Body::OracleVariables { .. }
                | Body::Slot { .. }
                | Body::Param { .. } => false,
            };
            if is_of_book && !touched.contains(&market) {
                touched.push(market);
            }
        }
        for market in touched {
            let Some(Some(row)) = self.books.get_mut(market) else { continue };
            row.book.end_batch();
            let described = self.decoder.markets().get(market);
            match row.book.state() {
                BookState::Live => {
                    row.is_doubt_named = false;
                    if is_row {
                        write_row(line, &described.symbol, &described.grid, row.book.book(), out)
                            .map_err(InspectError::Write)?;
                    }
                }
                BookState::Doubt(reason) if !row.is_doubt_named => {
                    row.is_doubt_named = true;
                    notes.add(format!(
                        "line {line}: {} is in doubt ({}); no rows until its next snapshot",
                        described.symbol,
                        reason.name()
                    ));
                }
                BookState::Doubt(_) | BookState::Empty => {}
            }
        }
        Ok(())
    }

    fn make_book(&mut self, line: u64, market: usize, notes: &mut Notes) {
        if self.books.len() <= market {
            self.books.resize_with(market + 1, || None);
        }
        if self.books[market].is_some() {
            return;
        }
        if self.books.iter().flatten().count() >= BOOKS_MAX {
            let symbol = &self.decoder.markets().get(market).symbol;
            notes.add(format!("line {line}: {symbol} is left out: book {BOOKS_MAX} was the last"));
            return;
        }
        let book = Box::new(MarketBook::new());
        self.books[market] = Some(BookRow { book, is_doubt_named: false });
    }
}

fn write_row(
    line: u64,
    symbol: &str,
    grid: &Grid,
    book: &engine_core::market::book::Book,
    out: &mut impl Write,
) -> io::Result<()> {
    write!(out, "{line},{symbol}")?;
    for side in [Side::Bid, Side::Ask] {
        match book.best(side) {
            Some(level) => write!(
                out,
                ",{},{}",
                Plain::new(level.price_ticks, grid.tick),
                Plain::new(level.size_lots, grid.lot)
            )?,
            None => out.write_all(b",,")?,
        }
    }
    writeln!(out, ",{},{}", book.count(Side::Bid), book.count(Side::Ask))
}
