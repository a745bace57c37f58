//! From records to rows: one decoder for each connection, one book for each market.

use std::io::{self, Write};

use connector_bitstamp::BitstampDecoder;
use connector_coinbase::CoinbaseDecoder;
use connector_gemini::GeminiDecoder;
use connector_net::capture::{Kind, Record};
use connector_net::decimal::Plain;
use connector_net::{Decoder, Input, Markets, OddCounts, Sink};
use engine_core::market::book::{Book, BookState, MarketBook};
use engine_model::{Body, Event, Grid, Side, Venue};

use super::{BOOKS_MAX, InspectError, Notes};

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

/// Takes the records of one recording in file order.
pub(super) struct Reader<'a, 'm> {
    venue: Venue,
    grids: Vec<(Box<str>, Grid)>,
    links: Vec<Link>,
    /// HTTP answers so far. A recorder may write those of a connection before it.
    http: Vec<Record<'a>>,
    notes: &'m mut Notes,
}

impl<'a, 'm> Reader<'a, 'm> {
    /// A reader that has met no connection yet. A venue without order books is refused.
    pub(super) fn new(
        venue: Venue,
        grids: Vec<(Box<str>, Grid)>,
        notes: &'m mut Notes,
    ) -> Result<Self, InspectError> {
        let reader = Self { venue, grids, links: Vec::new(), http: Vec::new(), notes };
        reader.decoder().map(|_| reader)
    }

    fn decoder(&self) -> Result<VenueDecoder, InspectError> {
        let markets = Markets::open(self.grids.clone());
        Ok(match self.venue {
            Venue::Coinbase => VenueDecoder::Coinbase(Box::new(CoinbaseDecoder::new(markets))),
            Venue::Gemini => VenueDecoder::Gemini(Box::new(GeminiDecoder::new(markets))),
            Venue::Bitstamp => VenueDecoder::Bitstamp(Box::new(BitstampDecoder::new(markets))),
            Venue::Solana => return Err(InspectError::NoBooks),
        })
    }

    /// Takes one record and writes the rows that follow from it.
    pub(super) fn take(
        &mut self,
        record: Record<'a>,
        out: &mut impl Write,
    ) -> Result<(), InspectError> {
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
            Kind::Connected { .. } | Kind::Closed => self.connect(&record, out),
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
    pub(super) fn finish(&mut self) {
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
                Body::BookClear
                | Body::Level { .. }
                | Body::BookDoubt { .. }
                | Body::Gap { .. }
                | Body::Timer => true,
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
                | Body::Param { .. }
                | Body::Clock { .. }
                | Body::Command(_)
                | Body::Engine { .. } => false,
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
    book: &Book,
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
