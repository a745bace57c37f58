//! The contract between a connection's bytes and the engine's events.

use engine_model::{Body, Event, Flags, MarketId, Venue};

use crate::odd::OddCounts;

/// One thing that happened on a connection, live or recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input<'a> {
    /// The socket opened: sequence numbers and books start over.
    Connected,
    /// The socket ended: nothing that it said holds any more.
    Closed,
    /// We sent this text.
    Sent(&'a [u8]),
    /// This frame came.
    Received(&'a [u8]),
    /// An HTTP answer: request address, request body where there was one, answer body.
    Http {
        /// Request address, with its query.
        url: &'a str,
        /// Request body; empty for a GET.
        request: &'a [u8],
        /// Answer body.
        body: &'a [u8],
    },
}

/// Where one batch ends, and which line of the recording (or arrival number) it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchEnd {
    /// Index behind the batch's last event in [`Sink::events`].
    pub end: usize,
    /// 1-based line in the decompressed file. A frame that was held back keeps its own line.
    pub line: u64,
}

/// What one input became: zero or more batches. Reused, so that it stops allocating.
#[derive(Clone, Debug, Default)]
pub struct Sink {
    /// Events of all batches, in order.
    pub events: Vec<Event>,
    /// Ends of the batches, in order.
    pub batches: Vec<BatchEnd>,
}

impl Sink {
    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        self.events.clear();
        self.batches.clear();
    }

    /// Events since the last closed batch.
    #[must_use]
    pub fn open_len(&self) -> usize {
        self.events.len() - self.batches.last().map_or(0, |batch| batch.end)
    }

    /// Drops the events since the last closed batch.
    pub fn abandon(&mut self) {
        self.events.truncate(self.batches.last().map_or(0, |batch| batch.end));
    }

    /// Closes a batch: marks its last event. Nothing happens when no event is open.
    pub fn close(&mut self, line: u64) {
        if self.open_len() == 0 {
            return;
        }
        if let Some(last) = self.events.last_mut() {
            last.flags.0 |= Flags::END_OF_BATCH;
        }
        self.batches.push(BatchEnd { end: self.events.len(), line });
    }

    /// Appends one event without flags.
    pub fn push(&mut self, stamp: Stamp, market: MarketId, body: Body) {
        self.events.push(stamp.event(market, body));
    }

    /// The batches as slices with their lines.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &[Event])> {
        let mut start = 0;
        self.batches.iter().map(move |batch| {
            let events = &self.events[start..batch.end];
            start = batch.end;
            (batch.line, events)
        })
    }
}

/// What all events of a frame share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Unit: Unix nanoseconds.
    pub recv_ns: u64,
    /// Unit: Unix nanoseconds; 0 when the venue gives none.
    pub venue_ns: u64,
    /// The venue's sequence; 0 when it has none.
    pub seq: u64,
    /// Where from.
    pub venue: Venue,
}

impl Stamp {
    /// An event with this stamp and no flags.
    #[must_use]
    pub const fn event(self, market: MarketId, body: Body) -> Event {
        Event {
            recv_ns: self.recv_ns,
            venue_ns: self.venue_ns,
            seq: self.seq,
            market,
            venue: self.venue,
            flags: Flags(0),
            body,
        }
    }
}

/// Turns the inputs of one connection into batches of events.
///
/// It holds the venue's protocol state (sequence numbers, joins, symbol table) and nothing else: it
/// opens no socket and reads no clock, so a recording and a live connection go the same way.
/// Any byte string is survived: what cannot be read is counted in [`Decoder::counts`], and the book
/// that it may have concerned is put in doubt. An input never produces a half-applied frame: either
/// all events of a frame's book update, or a [`Body::BookDoubt`].
pub trait Decoder {
    /// Decodes one input that arrived at `recv_ns`, appending whole batches to `out`.
    ///
    /// Every event of `out` carries the `recv_ns` of this call, also those of frames held back
    /// earlier, because that is when the engine can first know them.
    fn decode(&mut self, recv_ns: u64, line: u64, input: Input<'_>, out: &mut Sink);

    /// What was odd so far.
    fn counts(&self) -> &OddCounts;

    /// The symbol table.
    fn markets(&self) -> &crate::markets::Markets;
}
