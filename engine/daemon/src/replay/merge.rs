//! All batches of all sources in one order: (receive time, source number, line).
//!
//! Each source has a lane: its decoder, and two lock-free rings to the core's side (events, and one
//! head per batch). A batch is committed whole before its head, so whoever sees a head can take the
//! batch. Lanes are pumped by worker threads, or by the core's own thread when there is one thread;
//! the order that comes out is the same.

use std::time::Instant;

use connector_net::Sink;
use engine_model::{Body, DoubtReason, Event, Flags};
use engine_telemetry::{Stage, StageHistograms};
use indicatif::ProgressBar;
use rtrb::{Consumer, Producer, RingBuffer};

use super::source::{Decoded, Source, SourceStats};
use crate::journal::feed::JournalFeed;

/// Events a ring holds: the largest book (131,072 levels) and its clear. 64 bytes each: 8.4 MB.
const RING_EVENTS: usize = 131_072 + 1_024;
/// Heads a ring holds. 48 bytes each.
const RING_HEADS: usize = 8_192;

/// Head of a batch on its way to the core.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    recv_ns: u64,
    line: u64,
    events: usize,
    sent: Instant,
}

/// What a lane reads.
pub enum Feed<'a> {
    /// A recording, through its decoders.
    Capture(Box<Source<'a>>),
    /// One run of a journal.
    Journal(Box<JournalFeed>),
}

impl Feed<'_> {
    fn advance(&mut self, sink: &mut Sink) -> Option<Decoded> {
        match self {
            Self::Capture(source) => source.advance(sink),
            Self::Journal(feed) => feed.advance(sink),
        }
    }

    /// Bytes read so far.
    fn bytes(&self) -> u64 {
        match self {
            Self::Capture(source) => source.stats.bytes,
            Self::Journal(feed) => feed.stats.bytes,
        }
    }

    fn into_stats(self) -> SourceStats {
        match self {
            Self::Capture(source) => source.into_stats(),
            Self::Journal(feed) => feed.into_stats(),
        }
    }
}

/// The producing side of a source.
pub struct Lane<'a> {
    source: Option<Feed<'a>>,
    sink: Sink,
    decoded: Option<Decoded>,
    /// Batches of the sink that were sent.
    sent: usize,
    rings: Option<(Producer<Event>, Producer<Head>)>,
    stats: SourceStats,
    histograms: StageHistograms,
    /// Batches larger than the ring, replaced by a doubt.
    oversized: u64,
    bar: ProgressBar,
    /// Bytes of the source that the bar has been told of.
    told_bytes: u64,
}

/// Bytes between two updates of the progress bar.
const PROGRESS_BYTES: u64 = 256 * 1024;

/// What a lane did when it was pumped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pumped {
    /// It got on.
    Progress,
    /// A ring is full.
    Full,
    /// Everything is sent; the rings are given up.
    Done,
}

/// The consuming side of a source.
pub struct Port {
    events: Consumer<Event>,
    heads: Consumer<Head>,
    head: Option<Head>,
    done: bool,
}

/// A lane and its port.
#[must_use]
pub fn lane<'a>(source: Feed<'a>, bar: &ProgressBar) -> (Lane<'a>, Port) {
    let (event_in, event_out) = RingBuffer::new(RING_EVENTS);
    let (head_in, head_out) = RingBuffer::new(RING_HEADS);
    let lane = Lane {
        source: Some(source),
        sink: Sink::default(),
        decoded: None,
        sent: 0,
        rings: Some((event_in, head_in)),
        stats: SourceStats::default(),
        histograms: StageHistograms::new(),
        oversized: 0,
        bar: bar.clone(),
        told_bytes: 0,
    };
    (lane, Port { events: event_out, heads: head_out, head: None, done: false })
}

impl Lane<'_> {
    /// Sends one batch, or decodes one record.
    pub fn pump(&mut self) -> Pumped {
        let (Some(source), Some((events, heads))) = (&mut self.source, &mut self.rings) else {
            return Pumped::Done;
        };
        if events.is_abandoned() {
            // The core's side is gone: it failed, and says so itself.
            self.rings = None;
            return Pumped::Done;
        }
        if let Some(decoded) = self.decoded {
            let from = self.sent.checked_sub(1).map_or(0, |last| self.sink.batches[last].end);
            if let Some(batch) = self.sink.batches.get(self.sent) {
                let slice = &self.sink.events[from..batch.end];
                let oversized = slice.len() > RING_EVENTS;
                let doubts = if oversized { shed(slice) } else { Vec::new() };
                let slice = if oversized { doubts.as_slice() } else { slice };
                if heads.is_full() || events.slots() < slice.len() {
                    return Pumped::Full;
                }
                let sent = events.push_entire_slice(slice);
                sent.expect("Invariant: there was room and nobody else writes");
                self.oversized += u64::from(oversized);
                let head = Head {
                    recv_ns: decoded.recv_ns,
                    line: decoded.line,
                    events: slice.len(),
                    sent: Instant::now(),
                };
                heads.push(head).expect("Invariant: there was room and nobody else pushes");
                self.sent += 1;
                return Pumped::Progress;
            }
        }
        self.sent = 0;
        self.decoded = source.advance(&mut self.sink);
        if let Some(decoded) = self.decoded {
            self.histograms.record(Stage::Decode, decoded.decode_ns);
            let untold = source.bytes() - self.told_bytes;
            if untold >= PROGRESS_BYTES {
                self.bar.inc(untold);
                self.told_bytes = source.bytes();
            }
            return Pumped::Progress;
        }
        if let Some(source) = self.source.take() {
            self.stats = source.into_stats();
        }
        self.rings = None;
        Pumped::Done
    }

    /// What the source did. Complete once it is done.
    #[must_use]
    pub fn into_stats(self) -> (SourceStats, StageHistograms, u64) {
        (self.stats, self.histograms, self.oversized)
    }
}

/// A batch that no ring holds is more than any book may have: every market in it is told so
/// instead.
fn shed(batch: &[Event]) -> Vec<Event> {
    let mut doubts: Vec<Event> = Vec::new();
    for event in batch {
        if !doubts.iter().any(|doubt| doubt.market == event.market) {
            let body = Body::BookDoubt { reason: DoubtReason::TooLarge };
            doubts.push(Event { body, flags: Flags::default(), ..*event });
        }
    }
    if let Some(last) = doubts.last_mut() {
        last.flags = Flags(Flags::END_OF_BATCH);
    }
    doubts
}

impl Port {
    /// Makes the next head known, waiting for it with `idle`. False: the source has ended.
    fn fill(&mut self, mut idle: impl FnMut()) -> bool {
        while self.head.is_none() && !self.done {
            // Asked before the look, so that nothing sent before the end is missed.
            let ended = self.heads.is_abandoned();
            match self.heads.pop() {
                Ok(head) => self.head = Some(head),
                Err(_) if ended => self.done = true,
                Err(_) => idle(),
            }
        }
        self.head.is_some()
    }
}

/// Takes the earliest batch of all ports and hands its events over, in two pieces where it wraps
/// around the end of its ring. False: all have ended.
pub fn next_batch(
    ports: &mut [Port],
    mut idle: impl FnMut(usize),
    histograms: &mut StageHistograms,
    take: impl FnOnce(&[Event], &[Event]),
) -> bool {
    let mut earliest: Option<(usize, Head)> = None;
    for (number, port) in ports.iter_mut().enumerate() {
        if !port.fill(|| idle(number)) {
            continue;
        }
        if let Some(head) = port.head {
            let key = |head: &Head, number: usize| (head.recv_ns, number, head.line);
            if earliest.is_none_or(|(other, found)| key(&head, number) < key(&found, other)) {
                earliest = Some((number, head));
            }
        }
    }
    let Some((number, head)) = earliest else { return false };
    let port = &mut ports[number];
    port.head = None;
    let waited = u64::try_from(head.sent.elapsed().as_nanos()).unwrap_or(u64::MAX);
    histograms.record(Stage::Ring, waited);
    let chunk = port.events.read_chunk(head.events);
    let chunk = chunk.expect("Invariant: a batch is committed before its head");
    let (first, second) = chunk.as_slices();
    take(first, second);
    chunk.commit_all();
    true
}

/// Runs lanes until all are done. A full ring of one never keeps another from getting on, so the
/// merge, which waits for the emptiest, always gets what it waits for.
pub fn pump_all(lanes: &mut [Lane<'_>]) {
    loop {
        let (mut done, mut idle) = (true, true);
        for lane in lanes.iter_mut() {
            match lane.pump() {
                Pumped::Progress => (done, idle) = (false, false),
                Pumped::Full => done = false,
                Pumped::Done => (),
            }
        }
        if done {
            return;
        }
        if idle {
            std::thread::yield_now();
        }
    }
}

#[cfg(test)]
mod tests {
    use engine_model::{MarketId, Venue};

    use super::*;

    #[test]
    fn a_batch_that_is_too_large_doubts_each_of_its_markets_once() {
        let event = |market| Event {
            recv_ns: 7,
            venue_ns: 0,
            seq: 0,
            market: MarketId(market),
            venue: Venue::Coinbase,
            flags: Flags::default(),
            body: Body::BookClear,
        };
        let doubts = shed(&[event(3), event(3), event(1), event(3)]);
        let markets: Vec<u16> = doubts.iter().map(|doubt| doubt.market.0).collect();
        assert_eq!(markets, [3, 1]);
        assert!(doubts.iter().all(|doubt| matches!(doubt.body, Body::BookDoubt { .. })));
        assert!(!doubts[0].ends_batch() && doubts[1].ends_batch());
    }
}
