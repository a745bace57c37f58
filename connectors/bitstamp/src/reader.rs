//! Frames and HTTP answers to events.

mod answers;

use connector_net::audit::Audit;
use connector_net::books::{
    BookState, Books, FRAME_BYTES_MAX, FRAME_LEVELS_MAX, ReadPath, Refusal, frame_text,
};
use connector_net::decimal::parse_level;
use connector_net::decode::Stamp;
use connector_net::time::parse_micros;
use connector_net::{Decoder, Input, Markets, Odd, OddCounts, Sink};
use engine_model::{Body, DoubtReason, Event, Flags, Side, Venue};
use serde_json::value::RawValue;

use crate::fast;
use crate::fees;
use crate::join::{HELD_LEVELS_ALL_MAX, Join, Verdict};
use crate::wire;

/// Channels of diffs, before the symbol.
pub(crate) const DIFF_PREFIX: &str = "diff_order_book_";
/// Channels of trades, before the symbol.
pub(crate) const TRADES_PREFIX: &str = "live_trades_";
/// Channels that the venue documents and this decoder does not use.
const UNUSED_PREFIXES: [&str; 5] =
    ["order_book_", "detail_order_book_", "live_orders_", "funding_rate_", "private-"];

/// Decodes the frames of one connection, and the REST books that its diffs are joined to.
///
/// A REST book is any HTTP answer whose address holds `/order_book/<symbol>`. It becomes a snapshot
/// batch of its own, and every held-back diff a batch with its own line. Some recorders write the
/// HTTP answers of a connection before the line that opens it: a REST book received later (by its
/// clock) than the opening belongs to the new connection and stays.
///
/// An answer of `fees/trading` states the taker fees of the table's markets, as one batch.
///
/// There is no sequence number, so a lost frame cannot be seen; a frame that cannot be read may have
/// been a diff of any market and puts every book in doubt. See the `join` module for the rule. With
/// [`BitstampDecoder::with_audit`] books that were asked for to be compared show what was lost.
#[derive(Clone, Debug)]
pub struct BitstampDecoder {
    markets: Markets,
    books: Books,
    counts: OddCounts,
    path: ReadPath,
    learned: fast::Learned,
    /// By position in the table.
    joins: Vec<Join>,
    /// Levels held back in all joins.
    held_levels: usize,
    /// A frame of this connection could not be read: it may have been a diff of a market without
    /// a join so far.
    is_lossy: bool,
    /// Newest microtimestamp that this connection, or an answer to it, has shown.
    newest_micros: u64,
    audit: Option<Audit>,
}

impl Decoder for BitstampDecoder {
    fn decode(&mut self, recv_ns: u64, line: u64, input: Input<'_>, out: &mut Sink) {
        let first = out.events.len();
        // Nobody looks at events of what is sent.
        if self.audit.is_some() && !matches!(input, Input::Sent(_)) {
            self.audit_due(recv_ns, line, out);
        }
        match input {
            Input::Connected => self.connected(recv_ns, line, out),
            Input::Closed => self.closed(recv_ns, line, out),
            Input::Received(frame) => self.received(recv_ns, line, frame, out),
            Input::Http { url, body, .. } if fees::is_fees(url) => {
                fees::publish(body, &self.markets, stamp(recv_ns, 0), &mut self.counts, out);
                out.close(line);
            }
            Input::Http { url, body, .. } => self.answered(recv_ns, line, url, body, out),
            Input::Sent(_) => {}
        }
        if let Some(audit) = &mut self.audit {
            audit.note(&out.events[first..]);
        }
    }

    fn counts(&self) -> &OddCounts {
        &self.counts
    }

    fn markets(&self) -> &Markets {
        &self.markets
    }
}

const fn stamp(recv_ns: u64, micros: u64) -> Stamp {
    // Microseconds come from `parse_micros`, which has proven that the nanoseconds fit.
    Stamp { recv_ns, venue_ns: micros * 1_000, seq: micros, venue: Venue::Bitstamp }
}

impl BitstampDecoder {
    /// A decoder for a connection with these markets.
    #[must_use]
    pub fn new(markets: Markets) -> Self {
        Self {
            markets,
            books: Books::default(),
            counts: OddCounts::default(),
            path: ReadPath::default(),
            learned: fast::Learned::default(),
            joins: Vec::new(),
            held_levels: 0,
            is_lossy: false,
            newest_micros: 0,
            audit: None,
        }
    }

    /// The same, reading by this path. Events do not depend on it.
    #[must_use]
    pub const fn with_path(mut self, path: ReadPath) -> Self {
        self.path = path;
        self
    }

    /// Symbols whose book was joined although no diff at or before the REST book was seen: that no
    /// diff is missing between the two is likely, but not proven.
    pub fn unproven_joins(&self) -> impl Iterator<Item = &str> {
        let markets = self.markets.list().iter().zip(&self.joins);
        markets
            .filter(|(_, join)| join.is_joined && !join.is_proven)
            .map(|(market, _)| &*market.symbol)
    }

    fn connected(&mut self, recv_ns: u64, line: u64, out: &mut Sink) {
        for position in 0..self.joins.len() {
            let join = &mut self.joins[position];
            let is_of_this_connection = self.books.state(position) == BookState::Live
                && join.snapshot_recv_ns >= recv_ns
                && join.diffs_since == 0;
            if is_of_this_connection {
                join.is_proven = false;
                continue;
            }
            join.restart();
            if self.books.state(position) == BookState::Live {
                let reason = DoubtReason::Disconnected;
                self.books.doubt(position, reason, &self.markets, stamp(recv_ns, 0), out);
            }
            self.books.set(position, BookState::Empty);
        }
        self.held_levels = self.joins.iter().map(|join| join.held_events.len()).sum();
        self.is_lossy = false;
        self.newest_micros = 0;
        out.close(line);
    }

    /// Nothing that this connection said holds any more.
    fn closed(&mut self, recv_ns: u64, line: u64, out: &mut Sink) {
        self.joins.iter_mut().for_each(Join::restart);
        self.books.restart(&self.markets, stamp(recv_ns, 0), out);
        self.held_levels = 0;
        self.is_lossy = false;
        self.newest_micros = 0;
        out.close(line);
    }

    /// Position of a market, with a join of its own.
    fn position(&mut self, symbol: &str) -> Option<usize> {
        let position = self.markets.find_or_add(symbol);
        if position.is_none() {
            self.counts.add(Odd::UnknownMarket);
        }
        position
    }

    fn join(&mut self, position: usize) -> &mut Join {
        if self.joins.len() <= position {
            let is_lossy = self.is_lossy;
            self.joins.resize_with(position + 1, || Join::begun(is_lossy));
        }
        &mut self.joins[position]
    }

    fn received(&mut self, recv_ns: u64, line: u64, frame: &[u8], out: &mut Sink) {
        self.counts.frames += 1;
        debug_assert_eq!(out.open_len(), 0, "a batch was left open");
        if self.path == ReadPath::FastThenTyped && frame.len() <= FRAME_BYTES_MAX {
            let read = fast::read_diff(frame, &self.markets, recv_ns, &self.learned, out);
            if let Some((position, micros)) = read {
                self.counts.fast += 1;
                self.diff(recv_ns, line, position, micros, out);
                return;
            }
            out.abandon();
        }
        if let Err(refusal) = self.typed(recv_ns, line, frame, out) {
            // Nobody knows whose frame it was.
            out.abandon();
            self.counts.add(refusal.odd);
            let since = (recv_ns, self.newest_micros);
            self.joins.iter_mut().for_each(|join| join.lose(since));
            self.is_lossy = true;
            self.held_levels = 0;
            self.books.doubt_all(refusal.doubt, &self.markets, stamp(recv_ns, 0), out);
            out.close(line);
        }
    }

    /// Reads any frame. An error means that it may have been a diff of any market.
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
        let event = envelope.event.as_ref().ok_or(Refusal::BAD_SHAPE)?;
        let channel = envelope.channel.as_ref().map_or("", |channel| &channel.0);
        if let Some(control) = event.0.strip_prefix("bts:") {
            self.control(recv_ns, control, channel, out);
            out.close(line);
            return Ok(());
        }
        if let Some(symbol) = channel.strip_prefix(DIFF_PREFIX) {
            if &*event.0 != "data" {
                return Err(Refusal { odd: Odd::UnknownChannel, ..Refusal::BAD_SHAPE });
            }
            self.typed_diff(recv_ns, line, symbol, envelope.data, out);
        } else if let Some(symbol) = channel.strip_prefix(TRADES_PREFIX) {
            self.trade(recv_ns, symbol, envelope.data, out);
            out.close(line);
        } else if UNUSED_PREFIXES.iter().any(|prefix| channel.starts_with(prefix)) {
            self.counts.add(Odd::UnknownChannel);
        } else {
            // Nothing else is documented: it may be a diff under another name.
            return Err(Refusal { odd: Odd::UnknownChannel, ..Refusal::BAD_SHAPE });
        }
        Ok(())
    }

    /// Events about the connection itself.
    fn control(&mut self, recv_ns: u64, event: &str, channel: &str, out: &mut Sink) {
        let symbol = channel.strip_prefix(DIFF_PREFIX);
        match (event, symbol) {
            ("subscription_succeeded", Some(symbol)) => {
                let Some(position) = self.position(symbol) else { return };
                if self.join(position).is_acknowledged() {
                    // It had ended meanwhile, and nobody has said so.
                    self.ended(position, recv_ns, out);
                }
                let since = (recv_ns, self.newest_micros);
                self.join(position).acknowledged(since);
            }
            ("unsubscription_succeeded", Some(symbol)) => {
                if let Some(position) = self.position(symbol) {
                    self.ended(position, recv_ns, out);
                    self.join(position).unsubscribed();
                }
            }
            ("subscription_succeeded" | "unsubscription_succeeded", None) => {}
            ("heartbeat", _) => {
                out.push(stamp(recv_ns, 0), Event::NO_MARKET, Body::Heartbeat { counter: 0 });
            }
            ("request_reconnect", _) => self.counts.add(Odd::ReconnectRequest),
            ("error", _) => self.counts.add(Odd::VenueError),
            _ => self.counts.add(Odd::UnknownChannel),
        }
    }

    /// One market's channel has ended. A book that is in doubt already is mended so: that is no doubt more.
    fn ended(&mut self, position: usize, recv_ns: u64, out: &mut Sink) {
        if self.books.state(position) == BookState::Doubted {
            self.forget(position, recv_ns);
        } else {
            self.lose(position, DoubtReason::Disconnected, stamp(recv_ns, 0), out);
        }
    }

    fn forget(&mut self, position: usize, recv_ns: u64) {
        let freed = self.join(position).held_events.len();
        let since = (recv_ns, self.newest_micros);
        self.join(position).lose(since);
        self.held_levels -= freed;
    }

    /// One market's diffs have a hole of unknown time.
    fn lose(&mut self, position: usize, doubt: DoubtReason, stamp: Stamp, out: &mut Sink) {
        self.forget(position, stamp.recv_ns);
        self.books.doubt(position, doubt, &self.markets, stamp, out);
    }

    fn typed_diff(
        &mut self,
        recv_ns: u64,
        line: u64,
        symbol: &str,
        data: Option<&RawValue>,
        out: &mut Sink,
    ) {
        let Some(position) = self.position(symbol) else { return };
        self.counts.typed += 1;
        match self.levels(recv_ns, position, data.map(RawValue::get), Flags(0), out) {
            Ok(micros) => self.diff(recv_ns, line, position, micros, out),
            Err((refusal, micros)) => {
                out.abandon();
                self.counts.add(refusal.odd);
                let stamp = stamp(recv_ns, micros.unwrap_or(0));
                self.lose(position, refusal.doubt, stamp, out);
                if let Some(micros) = micros {
                    self.join(position).lose_until(recv_ns, micros);
                }
                out.close(line);
            }
        }
    }

    /// Pushes a book object's levels; its microtimestamp, which a refusal carries if it was readable.
    fn levels(
        &self,
        recv_ns: u64,
        position: usize,
        data: Option<&str>,
        flags: Flags,
        out: &mut Sink,
    ) -> Result<u64, (Refusal, Option<u64>)> {
        let shape = (Refusal::BAD_SHAPE, None);
        let book: wire::Book<'_> = match data.map(serde_json::from_str) {
            Some(Ok(book)) => book,
            Some(Err(error)) => return Err((Refusal::of_json(&error), None)),
            None => return Err(shape),
        };
        let micros = parse_micros(book.microtimestamp.bytes()).ok_or(shape)?;
        let count = book.bids.list.len() + book.asks.list.len();
        if book.bids.over || book.asks.over || count > FRAME_LEVELS_MAX {
            return Err((Refusal::TOO_LARGE, Some(micros)));
        }
        let market = self.markets.get(position);
        let head = Event { flags, ..stamp(recv_ns, micros).event(market.id, Body::BookClear) };
        if flags.has(Flags::SNAPSHOT) {
            out.events.push(head);
        }
        for (side, levels) in [(Side::Bid, &book.bids.list), (Side::Ask, &book.asks.list)] {
            for wire::Level(price, size) in levels {
                let (price_ticks, size_lots) =
                    parse_level(price.bytes(), size.bytes(), &market.grid)
                        .map_err(|error| (Refusal::of_value(error), Some(micros)))?;
                let body = Body::Level { side, price_ticks, size_lots };
                out.events.push(Event { body, ..head });
            }
        }
        Ok(micros)
    }

    /// A diff whose levels are in the sink.
    fn diff(&mut self, recv_ns: u64, line: u64, position: usize, micros: u64, out: &mut Sink) {
        if recv_ns < micros * 1_000 {
            self.counts.add(Odd::NegativeLatency);
        }
        self.newest_micros = self.newest_micros.max(micros);
        if self.books.state(position) == BookState::Live {
            self.apply(recv_ns, line, position, micros, out);
            return;
        }
        let start = out.events.len() - out.open_len();
        let before = self.join(position).held_events.len();
        let room = HELD_LEVELS_ALL_MAX - self.held_levels;
        if !self.join(position).hold(recv_ns, micros, line, (&out.events[start..], room)) {
            self.counts.add(Odd::BufferFull);
        }
        self.held_levels += self.join(position).held_events.len();
        self.held_levels -= before;
        out.abandon();
    }

    /// Closes the open levels as a batch of a live book, unless they must not be applied.
    fn apply(&mut self, recv_ns: u64, line: u64, position: usize, micros: u64, out: &mut Sink) {
        let start = out.events.len() - out.open_len();
        match self.join(position).judge(micros, &out.events[start..]) {
            Verdict::Apply => {
                if out.open_len() == 0 {
                    let market = self.markets.get(position).id;
                    out.push(stamp(recv_ns, micros), market, Body::Timer);
                }
            }
            Verdict::Contained => {
                self.counts.add(Odd::StaleUpdate);
                out.abandon();
            }
            Verdict::Copy => {
                self.counts.add(Odd::SequenceRepeat);
                out.abandon();
            }
            Verdict::Late => {
                out.abandon();
                self.counts.add(Odd::SequenceGap);
                let doubt = DoubtReason::SequenceGap;
                self.lose(position, doubt, stamp(recv_ns, micros), out);
                self.join(position).lose_until(recv_ns, micros);
            }
        }
        out.close(line);
    }

    fn trade(&mut self, recv_ns: u64, symbol: &str, data: Option<&RawValue>, out: &mut Sink) {
        let trade = data.and_then(|raw| serde_json::from_str::<wire::Trade<'_>>(raw.get()).ok());
        let Some(trade) = trade else { return self.counts.add(Odd::BadShape) };
        let Some(position) = self.position(symbol) else { return };
        let maker_side = match trade.taker {
            0 => Side::Ask,
            1 => Side::Bid,
            _ => return self.counts.add(Odd::BadShape),
        };
        let micros = parse_micros(trade.microtimestamp.bytes()).unwrap_or_else(|| {
            self.counts.add(Odd::BadTime);
            0
        });
        if recv_ns < micros * 1_000 {
            self.counts.add(Odd::NegativeLatency);
        }
        let market = self.markets.get(position);
        match parse_level(trade.price_str.bytes(), trade.amount_str.bytes(), &market.grid) {
            Ok((price_ticks, size_lots)) => {
                let trade_id = trade.id;
                let body = Body::Trade { maker_side, price_ticks, size_lots, trade_id };
                out.push(stamp(recv_ns, micros), market.id, body);
            }
            Err(error) => self.counts.add(Refusal::of_value(error).odd),
        }
    }
}

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
