//! What a frame does: sequence, snapshots, doubts, and the events of every channel.

use connector_net::books::{BookState, Books, ReadPath, Refusal, frame_text};
use connector_net::decimal::{parse_level, parse_size};
use connector_net::decode::Stamp;
use connector_net::rates::publish_taker_fee;
use connector_net::scan::{Bounded, Text};
use connector_net::time::parse_rfc3339;
use connector_net::{Decoder, Input, Markets, Odd, OddCounts, Sink};
use engine_model::{Body, DoubtReason, Event, Flags, Side, Venue};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::fast;
use crate::fees;
use crate::wire;

/// Decodes the frames of one connection.
///
/// # Sequence
///
/// `sequence_num` counts the messages of all channels from 0. A jump means that something of any
/// channel was lost: every live book is put in doubt and its updates are ignored until its next
/// snapshot. A lower or repeated number is ignored. A frame that cannot be read may have been an
/// update of any book, so it too puts all of them in doubt.
///
/// # Trades
///
/// The venue writes the newest trade first; events are emitted oldest first, so that trade ids rise.
/// `side` is the maker's. The trades of a `market_trades` snapshot are history: they are counted in
/// [`CoinbaseDecoder::history_trades`], set the last known trade id, and are not emitted.
///
/// # Times
///
/// Events carry the message's `timestamp`, trades their own `time`. The `event_time` of a level is
/// checked to be a timestamp (an unreadable one is counted once per frame) and not kept.
///
/// # Fees
///
/// A `transaction_summary` answer states the taker fee of every market of the table, as one batch.
#[derive(Clone, Debug)]
pub struct CoinbaseDecoder {
    markets: Markets,
    books: Books,
    counts: OddCounts,
    path: ReadPath,
    learned: fast::Learned,
    /// Sequence number of the next message.
    next_seq: u64,
    heartbeat: Option<u64>,
    /// Last trade id by market position; 0 where none was seen.
    trade_ids: Vec<u64>,
    history_trades: u64,
}

/// One frame: when it came, where it stands, and what it carries.
#[derive(Clone, Copy)]
struct Frame {
    line: u64,
    stamp: Stamp,
}

impl Decoder for CoinbaseDecoder {
    fn decode(&mut self, recv_ns: u64, line: u64, input: Input<'_>, out: &mut Sink) {
        match input {
            Input::Connected | Input::Closed => self.connected(recv_ns, line, out),
            Input::Received(frame) => self.received(recv_ns, line, frame, out),
            Input::Http { url, body, .. } if fees::is_fees(url) => {
                let arrival = (stamp(recv_ns, 0, 0), line);
                let answer = fees::read(body);
                publish_taker_fee(answer, &self.markets, arrival, &mut self.counts, out);
            }
            Input::Sent(_) | Input::Http { .. } => {}
        }
    }

    fn counts(&self) -> &OddCounts {
        &self.counts
    }

    fn markets(&self) -> &Markets {
        &self.markets
    }
}

const fn stamp(recv_ns: u64, venue_ns: u64, seq: u64) -> Stamp {
    Stamp { recv_ns, venue_ns, seq, venue: Venue::Coinbase }
}

impl CoinbaseDecoder {
    /// A decoder for a connection with these markets.
    #[must_use]
    pub fn new(markets: Markets) -> Self {
        Self {
            markets,
            books: Books::default(),
            counts: OddCounts::default(),
            path: ReadPath::default(),
            learned: fast::Learned::default(),
            next_seq: 0,
            heartbeat: None,
            trade_ids: Vec::new(),
            history_trades: 0,
        }
    }

    /// The same, reading by this path. Events do not depend on it.
    #[must_use]
    pub const fn with_path(mut self, path: ReadPath) -> Self {
        self.path = path;
        self
    }

    /// Trades of snapshots: already history when the connection began, and not emitted.
    #[must_use]
    pub const fn history_trades(&self) -> u64 {
        self.history_trades
    }

    fn connected(&mut self, recv_ns: u64, line: u64, out: &mut Sink) {
        let stamp = stamp(recv_ns, 0, 0);
        self.books.restart(&self.markets, stamp, out);
        out.close(line);
        self.next_seq = 0;
        self.heartbeat = None;
        self.trade_ids.clear();
    }

    fn received(&mut self, recv_ns: u64, line: u64, frame: &[u8], out: &mut Sink) {
        self.counts.frames += 1;
        debug_assert_eq!(out.open_len(), 0, "a batch was left open");
        if self.path == ReadPath::FastThenTyped
            && frame.len() <= connector_net::books::FRAME_BYTES_MAX
        {
            let expected = fast::Expected {
                markets: &self.markets,
                books: &self.books,
                seq: self.next_seq,
                recv_ns,
            };
            if let Some(book) = fast::read(frame, expected, &mut self.learned, out) {
                self.settle(recv_ns, line, book, out);
                return;
            }
            out.abandon();
        }
        if let Err(refusal) = self.typed(recv_ns, line, frame, out) {
            // Nobody knows whose frame it was.
            out.abandon();
            self.counts.add(refusal.odd);
            let stamp = stamp(recv_ns, 0, 0);
            self.books.doubt_all(refusal.doubt, &self.markets, stamp, out);
            out.close(line);
        }
    }

    /// The plain case: the levels are in the sink.
    fn settle(&mut self, recv_ns: u64, line: u64, book: fast::BookFrame, out: &mut Sink) {
        if book.is_snapshot {
            self.books.snapshot(book.position, &mut self.counts);
        } else {
            self.counts.fast += 1;
            if out.open_len() == 0 {
                let stamp = stamp(recv_ns, book.venue_ns, self.next_seq);
                out.push(stamp, self.markets.get(book.position).id, Body::Timer);
            }
        }
        self.next_seq += 1;
        self.count_latency(recv_ns, book.venue_ns);
        out.close(line);
    }

    fn count_latency(&mut self, recv_ns: u64, venue_ns: u64) {
        if recv_ns < venue_ns {
            self.counts.add(Odd::NegativeLatency);
        }
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
        let Some(channel) = &envelope.channel else {
            return self.without_channel(&envelope);
        };
        let seq = envelope.sequence_num.ok_or(Refusal::BAD_SHAPE)?;
        let venue_ns = self.read_time(envelope.timestamp.as_ref());
        let frame = Frame { line, stamp: stamp(recv_ns, venue_ns, seq) };
        if !self.take_sequence(frame, out) {
            return Ok(());
        }
        self.count_latency(recv_ns, venue_ns);
        let events = envelope.events;
        match &*channel.0 {
            "l2_data" => self.book_events(frame, events, out)?,
            "market_trades" => self.with_events(events, |this, list| {
                this.trades(frame, list, out);
            }),
            "ticker" | "ticker_batch" => self.with_events(events, |this, list| {
                this.tickers(frame, list, out);
            }),
            "status" => self.with_events(events, |this, list| this.status(frame, list, out)),
            "heartbeats" => self.with_events(events, |this, list| {
                this.heartbeats(frame, list, out);
            }),
            "subscriptions" => {}
            "candles" | "user" | "futures_balance_summary" => {
                self.counts.add(Odd::UnknownChannel);
            }
            // Nothing else is documented: it may be a book under another name.
            _ => return Err(Refusal { odd: Odd::UnknownChannel, ..Refusal::BAD_SHAPE }),
        }
        out.close(line);
        Ok(())
    }

    /// Error messages have neither channel nor sequence number.
    fn without_channel(&mut self, envelope: &wire::Envelope<'_>) -> Result<(), Refusal> {
        match &envelope.kind {
            Some(Text(kind)) if kind == "error" => self.counts.add(Odd::VenueError),
            Some(_) if envelope.events.is_none() => self.counts.add(Odd::UnknownChannel),
            _ => return Err(Refusal::BAD_SHAPE),
        }
        Ok(())
    }

    fn read_time(&mut self, text: Option<&Text<'_>>) -> u64 {
        text.and_then(|text| parse_rfc3339(text.bytes())).unwrap_or_else(|| {
            self.counts.add(Odd::BadTime);
            0
        })
    }

    /// Whether the frame is to be read on; a gap puts the books in doubt first.
    fn take_sequence(&mut self, frame: Frame, out: &mut Sink) -> bool {
        let seq = frame.stamp.seq;
        if seq < self.next_seq {
            self.counts.add(Odd::SequenceRepeat);
            return false;
        }
        if seq > self.next_seq {
            self.counts.add(Odd::SequenceGap);
            self.books.doubt_all(DoubtReason::SequenceGap, &self.markets, frame.stamp, out);
            out.close(frame.line);
        }
        self.next_seq = seq.saturating_add(1);
        true
    }

    /// The events of a channel that is not a book's: what cannot be read is counted and skipped.
    fn with_events<'a, T: Deserialize<'a>>(
        &mut self,
        events: Option<&'a RawValue>,
        take: impl FnOnce(&mut Self, &[T]),
    ) {
        let list = events.and_then(|raw| serde_json::from_str::<Bounded<T>>(raw.get()).ok());
        match list {
            Some(list) if !list.over => take(self, &list.list),
            _ => self.counts.add(Odd::BadShape),
        }
    }

    fn book_events(
        &mut self,
        frame: Frame,
        events: Option<&RawValue>,
        out: &mut Sink,
    ) -> Result<(), Refusal> {
        let raw = events.ok_or(Refusal::BAD_SHAPE)?;
        let events: Bounded<wire::BookEvent<'_>> =
            serde_json::from_str(raw.get()).map_err(|_| Refusal::BAD_SHAPE)?;
        if events.over {
            return Err(Refusal::TOO_LARGE);
        }
        let is_own_update = |event: &wire::BookEvent<'_>| {
            &*event.kind.0 != "snapshot" && self.markets.find_or_add(&event.product_id.0).is_some()
        };
        self.counts.typed += u64::from(events.list.iter().any(is_own_update));
        // Positions of the markets in this frame, and of those with a snapshot in it.
        let mut touched = Vec::new();
        let mut snapshots = Vec::new();
        let mut bad_time = false;
        let mut refused = None;
        for event in &events.list {
            let Some(position) = self.markets.find_or_add(&event.product_id.0) else {
                self.counts.add(Odd::UnknownMarket);
                continue;
            };
            let is_update = &*event.kind.0 == "update";
            let is_live =
                self.books.state(position) == BookState::Live || snapshots.contains(&position);
            if is_update && !is_live {
                self.counts.add(Odd::BeforeSnapshot);
                continue;
            }
            touched.push(position);
            if !is_update {
                snapshots.push(position);
            }
            match self.book_event(frame.stamp, position, event, out) {
                Ok(times_fit) => bad_time |= !times_fit,
                Err(refusal) => {
                    refused = refused.or(Some(refusal));
                }
            }
        }
        if let Some(refusal) = refused {
            self.refuse(frame, refusal, touched, out);
            return Ok(());
        }
        if bad_time {
            self.counts.add(Odd::BadTime);
        }
        for position in snapshots {
            self.books.snapshot(position, &mut self.counts);
        }
        Ok(())
    }

    /// Pushes one event's levels; tells whether all their times were readable.
    fn book_event(
        &mut self,
        stamp: Stamp,
        position: usize,
        event: &wire::BookEvent<'_>,
        out: &mut Sink,
    ) -> Result<bool, Refusal> {
        let market = self.markets.get(position);
        let flags = match &*event.kind.0 {
            "snapshot" => Flags::SNAPSHOT,
            "update" => 0,
            _ => return Err(Refusal::BAD_SHAPE),
        };
        if event.updates.over {
            return Err(Refusal::TOO_LARGE);
        }
        let head = Event { flags: Flags(flags), ..stamp.event(market.id, Body::BookClear) };
        if flags != 0 {
            out.events.push(head);
        } else if event.updates.list.is_empty() {
            out.events.push(Event { body: Body::Timer, ..head });
        }
        let mut times_fit = true;
        for level in &event.updates.list {
            let side = match &*level.side.0 {
                "bid" => Side::Bid,
                "offer" => Side::Ask,
                _ => return Err(Refusal::BAD_SHAPE),
            };
            let time = level.event_time.as_ref();
            times_fit &= time.is_none_or(|time| parse_rfc3339(time.bytes()).is_some());
            let (price, size) = (level.price_level.bytes(), level.new_quantity.bytes());
            let (price_ticks, size_lots) =
                parse_level(price, size, &market.grid).map_err(Refusal::of_value)?;
            out.events.push(Event { body: Body::Level { side, price_ticks, size_lots }, ..head });
        }
        Ok(times_fit)
    }

    /// Drops a book frame and puts every market in it in doubt.
    fn refuse(&mut self, frame: Frame, refusal: Refusal, mut touched: Vec<usize>, out: &mut Sink) {
        out.abandon();
        self.counts.add(refusal.odd);
        touched.sort_unstable();
        touched.dedup();
        for position in touched {
            self.books.doubt(position, refusal.doubt, &self.markets, frame.stamp, out);
        }
    }

    fn trades(&mut self, frame: Frame, events: &[wire::TradesEvent<'_>], out: &mut Sink) {
        for event in events {
            let is_history = &*event.kind.0 == "snapshot";
            for trade in event.trades.list.iter().rev() {
                let Some(position) = self.markets.find_or_add(&trade.product_id.0) else {
                    self.counts.add(Odd::UnknownMarket);
                    continue;
                };
                if self.trade_ids.len() <= position {
                    self.trade_ids.resize(position + 1, 0);
                }
                let (id, last) = (trade.id.0, self.trade_ids[position]);
                if is_history {
                    self.history_trades += 1;
                    self.trade_ids[position] = last.max(id);
                    continue;
                }
                if last != 0 && id <= last {
                    self.counts.add(Odd::SequenceRepeat);
                    continue;
                }
                if last != 0 && id - last > 1 {
                    self.counts.add(Odd::TradeGap);
                }
                self.trade_ids[position] = id;
                self.trade(frame, position, trade, out);
            }
        }
    }

    fn trade(&mut self, frame: Frame, position: usize, trade: &wire::Trade<'_>, out: &mut Sink) {
        let venue_ns = self.read_time(Some(&trade.time));
        let market = self.markets.get(position);
        let maker_side = match &*trade.side.0 {
            "BUY" => Side::Bid,
            "SELL" => Side::Ask,
            _ => return self.counts.add(Odd::BadShape),
        };
        match parse_level(trade.price.bytes(), trade.size.bytes(), &market.grid) {
            Ok((price_ticks, size_lots)) => {
                let trade_id = trade.id.0;
                let body = Body::Trade { maker_side, price_ticks, size_lots, trade_id };
                out.push(Stamp { venue_ns, ..frame.stamp }, market.id, body);
            }
            Err(error) => self.counts.add(Refusal::of_value(error).odd),
        }
    }

    fn tickers(&mut self, frame: Frame, events: &[wire::TickersEvent<'_>], out: &mut Sink) {
        for ticker in events.iter().flat_map(|event| &event.tickers.list) {
            let Some(position) = self.markets.find_or_add(&ticker.product_id.0) else {
                self.counts.add(Odd::UnknownMarket);
                continue;
            };
            let market = self.markets.get(position);
            // Absent, empty and zero all mean that there is no such price.
            let ticks = |text: &Option<Text<'_>>| match text {
                Some(text) if !text.0.is_empty() => parse_size(text.bytes(), market.grid.tick),
                _ => Ok(0),
            };
            let prices = (ticks(&ticker.best_bid), ticks(&ticker.best_ask), ticks(&ticker.price));
            match prices {
                (Ok(bid_ticks), Ok(ask_ticks), Ok(last_ticks)) => {
                    let body = Body::Ticker { bid_ticks, ask_ticks, last_ticks };
                    out.push(frame.stamp, market.id, body);
                }
                (Err(error), _, _) | (_, Err(error), _) | (_, _, Err(error)) => {
                    self.counts.add(Refusal::of_value(error).odd);
                }
            }
        }
    }

    fn status(&mut self, frame: Frame, events: &[wire::StatusEvent<'_>], out: &mut Sink) {
        for product in events.iter().flat_map(|event| &event.products.list) {
            // The channel names every product of the venue; those are not met for being named.
            let Some(position) = self.markets.find(product.id.bytes()) else {
                self.counts.add(Odd::UnknownMarket);
                continue;
            };
            let tradable = u8::from(&*product.status.0 == "online");
            out.push(frame.stamp, self.markets.get(position).id, Body::Status { tradable });
        }
    }

    fn heartbeats(&mut self, frame: Frame, events: &[wire::Heartbeat], out: &mut Sink) {
        for beat in events {
            let counter = beat.heartbeat_counter.0;
            if self.heartbeat.is_some_and(|last| counter != last.wrapping_add(1)) {
                self.counts.add(Odd::HeartbeatGap);
            }
            self.heartbeat = Some(counter);
            out.push(frame.stamp, Event::NO_MARKET, Body::Heartbeat { counter });
        }
    }
}

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
