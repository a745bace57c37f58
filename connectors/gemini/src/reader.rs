//! What a frame does: snapshots, doubts, and the events of every message type.

use connector_net::audit::{Audit, AuditCounts, AuditSettings};
use connector_net::books::{BookState, Books, FRAME_BYTES_MAX, ReadPath, Refusal, frame_text};
use connector_net::decimal::parse_level;
use connector_net::decode::Stamp;
use connector_net::rates::publish_taker_fee;
use connector_net::scan::{Bounded, Counted};
use connector_net::time::ms_to_ns;
use connector_net::{Decoder, Input, Markets, Odd, OddCounts, Sink};
use engine_model::{Body, Event, Flags, MarketId, Side, Venue};
use serde_json::value::RawValue;

use crate::audit::Audited;
use crate::fast;
use crate::fees;
use crate::wire;

/// Decodes the frames of one connection.
///
/// # Books
///
/// An `l2_updates` message with the key `trades` or `auction_events` is a snapshot, any other one an
/// update. There are no sequence numbers, so a lost frame cannot be seen; a frame that cannot be
/// read may have been an update of any book and puts all of them in doubt. The venue sends a new
/// snapshot on a new connection only.
///
/// # Trades
///
/// `side` is taken as the taker's (the venue does not say); prints outside the book (`block`,
/// `auction`) are counted as unknown and not emitted. The trades of a snapshot are history: counted
/// in [`GeminiDecoder::history_trades`], not emitted.
///
/// # Times
///
/// Book messages carry none: `venue_ns` is 0. Trades and heartbeats carry milliseconds.
///
/// # HTTP books
///
/// With [`GeminiDecoder::with_audit`] a `/v1/book/` answer is compared with the book of its symbol;
/// two differences in a row put it in doubt.
///
/// # Fees
///
/// A `notionalvolume` answer states the taker fee of every market of the table, as one batch.
#[derive(Clone, Debug)]
pub struct GeminiDecoder {
    markets: Markets,
    books: Books,
    counts: OddCounts,
    path: ReadPath,
    learned: fast::Learned,
    history_trades: u64,
    audit: Option<Audit>,
}

impl Decoder for GeminiDecoder {
    fn decode(&mut self, recv_ns: u64, line: u64, input: Input<'_>, out: &mut Sink) {
        let begin = out.events.len();
        // Nobody looks at events of what is sent.
        if !matches!(input, Input::Sent(_))
            && let Some(mut audited) = self.audited()
        {
            audited.due(stamp(recv_ns, 0), line, out);
        }
        match input {
            Input::Connected | Input::Closed => {
                self.books.restart(&self.markets, stamp(recv_ns, 0), out);
                out.close(line);
            }
            Input::Received(frame) => self.received(recv_ns, line, frame, out),
            Input::Http { url, body, .. } if fees::is_fees(url) => {
                let arrival = (stamp(recv_ns, 0), line);
                let answer = fees::read(body);
                publish_taker_fee(answer, &self.markets, arrival, &mut self.counts, out);
            }
            Input::Http { url, body, .. } => {
                if let Some(mut audited) = self.audited() {
                    audited.answered(stamp(recv_ns, 0), url, body);
                }
            }
            Input::Sent(_) => {}
        }
        if let Some(audit) = &mut self.audit {
            audit.note(&out.events[begin..]);
        }
    }

    fn counts(&self) -> &OddCounts {
        &self.counts
    }

    fn markets(&self) -> &Markets {
        &self.markets
    }
}

const fn stamp(recv_ns: u64, venue_ns: u64) -> Stamp {
    Stamp { recv_ns, venue_ns, seq: 0, venue: Venue::Gemini }
}

impl GeminiDecoder {
    /// A decoder for a connection with these markets.
    #[must_use]
    pub fn new(markets: Markets) -> Self {
        Self {
            markets,
            books: Books::default(),
            counts: OddCounts::default(),
            path: ReadPath::default(),
            learned: fast::Learned::default(),
            history_trades: 0,
            audit: None,
        }
    }

    /// The same, reading by this path. Events do not depend on it.
    #[must_use]
    pub const fn with_path(mut self, path: ReadPath) -> Self {
        self.path = path;
        self
    }

    /// The same, comparing every HTTP book that it is given with the one that it has made.
    #[must_use]
    pub fn with_audit(mut self, settings: AuditSettings) -> Self {
        self.audit = Some(Audit::new(settings));
        self
    }

    /// How comparisons ended; all zero where nothing is compared.
    #[must_use]
    pub fn audit_counts(&self) -> AuditCounts {
        self.audit.as_ref().map_or_else(AuditCounts::default, Audit::counts)
    }

    /// Comparisons of a market that failed in a row.
    #[must_use]
    pub fn audit_strikes(&self, market: MarketId) -> u32 {
        self.audit.as_ref().map_or(0, |audit| audit.strikes(market))
    }

    /// Does the work for comparisons that frames have put off. Events do not depend on it.
    pub fn catch_up(&mut self) {
        if let Some(audit) = &mut self.audit {
            audit.catch_up();
        }
    }

    fn audited(&mut self) -> Option<Audited<'_>> {
        let Self { markets, books, counts, audit, .. } = self;
        audit.as_mut().map(|audit| Audited { audit, markets, books, counts })
    }

    /// Trades of snapshots: already history when the connection began, and not emitted.
    #[must_use]
    pub const fn history_trades(&self) -> u64 {
        self.history_trades
    }

    fn received(&mut self, recv_ns: u64, line: u64, frame: &[u8], out: &mut Sink) {
        self.counts.frames += 1;
        debug_assert_eq!(out.open_len(), 0, "a batch was left open");
        if self.path == ReadPath::FastThenTyped && frame.len() <= FRAME_BYTES_MAX {
            let expected = fast::Expected { markets: &self.markets, books: &self.books, recv_ns };
            if let Some(book) = fast::read(frame, expected, &self.learned, out) {
                self.counts.fast += u64::from(!book.is_snapshot);
                self.settle(recv_ns, line, book, out);
                return;
            }
            out.abandon();
        }
        if let Err(refusal) = self.typed(recv_ns, line, frame, out) {
            // Nobody knows whose frame it was.
            self.counts.add(refusal.odd);
            self.books.doubt_all(refusal.doubt, &self.markets, stamp(recv_ns, 0), out);
            out.close(line);
        }
    }

    /// The levels are in the sink: the frame counts as applied.
    fn settle(&mut self, recv_ns: u64, line: u64, book: fast::BookFrame, out: &mut Sink) {
        if book.is_snapshot {
            self.books.snapshot(book.position, &mut self.counts);
            self.history_trades += book.history_trades;
        } else if out.open_len() == 0 {
            out.push(stamp(recv_ns, 0), self.markets.get(book.position).id, Body::Timer);
        }
        out.close(line);
    }

    /// Reads any frame. An error means that it may have been an update of any book.
    fn typed(
        &mut self,
        recv_ns: u64,
        line: u64,
        frame: &[u8],
        out: &mut Sink,
    ) -> Result<(), Refusal> {
        let text = frame_text(frame)?;
        let envelope: wire::Envelope<'_> =
            serde_json::from_str(text).map_err(|error| Refusal::of_json(&error))?;
        let Some(kind) = &envelope.kind else {
            let result = envelope.result.as_ref().ok_or(Refusal::BAD_SHAPE)?;
            let is_error = &*result.0 == "error";
            self.counts.add(if is_error { Odd::VenueError } else { Odd::UnknownChannel });
            return Ok(());
        };
        match &*kind.0 {
            "l2_updates" => return self.book(recv_ns, line, &envelope, out),
            "trade" => match serde_json::from_str(text) {
                Ok(trade) => self.trade(recv_ns, &trade, out),
                Err(_) => self.counts.add(Odd::BadShape),
            },
            "heartbeat" => match serde_json::from_str(text) {
                Ok(beat) => self.heartbeat(recv_ns, &beat, out),
                Err(_) => self.counts.add(Odd::BadShape),
            },
            // Something new with levels may be a book under another name.
            other if envelope.changes.is_some() && !other.starts_with("candles_") => {
                return Err(Refusal { odd: Odd::UnknownChannel, ..Refusal::BAD_SHAPE });
            }
            _ => self.counts.add(Odd::UnknownChannel),
        }
        out.close(line);
        Ok(())
    }

    fn book(
        &mut self,
        recv_ns: u64,
        line: u64,
        envelope: &wire::Envelope<'_>,
        out: &mut Sink,
    ) -> Result<(), Refusal> {
        let is_snapshot = envelope.trades.is_some() || envelope.auction_events.is_some();
        let symbol = envelope.symbol.as_ref().ok_or(Refusal::BAD_SHAPE)?;
        let Some(position) = self.markets.find_or_add(&symbol.0) else {
            self.counts.add(Odd::UnknownMarket);
            return Ok(());
        };
        self.counts.typed += u64::from(!is_snapshot);
        if !is_snapshot && self.books.state(position) != BookState::Live {
            self.counts.add(Odd::BeforeSnapshot);
            return Ok(());
        }
        let read = self.levels(recv_ns, position, is_snapshot, envelope, out);
        match read {
            Ok(history_trades) => {
                let book = fast::BookFrame { position, is_snapshot, history_trades };
                self.settle(recv_ns, line, book, out);
            }
            Err(refusal) => {
                out.abandon();
                self.counts.add(refusal.odd);
                let stamp = stamp(recv_ns, 0);
                self.books.doubt(position, refusal.doubt, &self.markets, stamp, out);
                out.close(line);
            }
        }
        Ok(())
    }

    /// Pushes the levels; the number of trades that a snapshot brought along.
    fn levels(
        &self,
        recv_ns: u64,
        position: usize,
        is_snapshot: bool,
        envelope: &wire::Envelope<'_>,
        out: &mut Sink,
    ) -> Result<u64, Refusal> {
        let changes: Bounded<wire::Change<'_>> = read_raw(envelope.changes)?;
        if changes.over {
            return Err(Refusal::TOO_LARGE);
        }
        let trades: Option<Counted> =
            envelope.trades.map_or(Ok(None), |raw| read_raw(Some(raw)))?;
        let market = self.markets.get(position);
        let flags = Flags(if is_snapshot { Flags::SNAPSHOT } else { 0 });
        let head = Event { flags, ..stamp(recv_ns, 0).event(market.id, Body::BookClear) };
        if is_snapshot {
            out.events.push(head);
        }
        for wire::Change(side, price, size) in &changes.list {
            let side = match &*side.0 {
                "buy" => Side::Bid,
                "sell" => Side::Ask,
                _ => return Err(Refusal::BAD_SHAPE),
            };
            let (price_ticks, size_lots) = parse_level(price.bytes(), size.bytes(), &market.grid)
                .map_err(Refusal::of_value)?;
            out.events.push(Event { body: Body::Level { side, price_ticks, size_lots }, ..head });
        }
        Ok(trades.map_or(0, |trades| trades.0))
    }

    fn trade(&mut self, recv_ns: u64, trade: &wire::Trade<'_>, out: &mut Sink) {
        let Some(position) = self.markets.find_or_add(&trade.symbol.0) else {
            return self.counts.add(Odd::UnknownMarket);
        };
        let maker_side = match &*trade.side.0 {
            "buy" => Side::Ask,
            "sell" => Side::Bid,
            "block" | "auction" => return self.counts.add(Odd::UnknownChannel),
            _ => return self.counts.add(Odd::BadShape),
        };
        let venue_ns = self.read_time(recv_ns, Some(trade.timestamp));
        let market = self.markets.get(position);
        match parse_level(trade.price.bytes(), trade.quantity.bytes(), &market.grid) {
            Ok((price_ticks, size_lots)) => {
                let trade_id = trade.event_id;
                let body = Body::Trade { maker_side, price_ticks, size_lots, trade_id };
                out.push(stamp(recv_ns, venue_ns), market.id, body);
            }
            Err(error) => self.counts.add(Refusal::of_value(error).odd),
        }
    }

    fn heartbeat(&mut self, recv_ns: u64, beat: &wire::Heartbeat, out: &mut Sink) {
        let venue_ns = self.read_time(recv_ns, beat.timestamp);
        let body = Body::Heartbeat { counter: 0 };
        out.push(stamp(recv_ns, venue_ns), Event::NO_MARKET, body);
    }

    fn read_time(&mut self, recv_ns: u64, ms: Option<u64>) -> u64 {
        let Some(venue_ns) = ms.and_then(ms_to_ns) else {
            self.counts.add(Odd::BadTime);
            return 0;
        };
        if recv_ns < venue_ns {
            self.counts.add(Odd::NegativeLatency);
        }
        venue_ns
    }
}

/// Reads a part whose syntax the envelope has proven already.
fn read_raw<'a, T: serde::Deserialize<'a>>(raw: Option<&'a RawValue>) -> Result<T, Refusal> {
    let raw = raw.ok_or(Refusal::BAD_SHAPE)?;
    serde_json::from_str(raw.get()).map_err(|_| Refusal::BAD_SHAPE)
}

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
