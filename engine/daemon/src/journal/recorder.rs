//! The core's side of the journal: records go into rings, and nothing here touches a file.

use std::time::Instant;

use engine_core::Outbox;
use engine_core::outbox::Decided;
use engine_journal::records::{Begin, End};
use engine_model::{Body, Event, Flags, Venue};
use rtrb::{Consumer, Producer, RingBuffer};

use super::rings::{HEADS, MARKET_EVENTS, ledger_slots};

/// Head of a batch on its way to the writer.
#[derive(Clone, Copy, Debug)]
pub struct BatchHead {
    /// Number of the batch.
    pub seq: u64,
    /// Its events in the ring.
    pub events: usize,
}

/// What goes into the ledger besides batches.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all are decisions, kept inline")]
pub enum Item {
    /// A run begins.
    Begin(Box<Begin>, u64),
    /// A decision.
    Decided(Decided),
    /// The whole state after everything so far.
    Anchor {
        /// Number of the last record that the state has seen.
        seq: u64,
        /// Core time. Unit: nanoseconds.
        at_ns: u64,
        /// The state.
        state: Vec<u8>,
    },
    /// The run ended.
    End(End, u64, u64),
}

/// The consuming ends, for the writer.
pub struct Tapes {
    /// Events of batches.
    pub events: Consumer<Event>,
    /// Heads of batches.
    pub heads: Consumer<BatchHead>,
    /// Everything else.
    pub ledger: Consumer<Item>,
}

/// The core's ends.
pub struct Recorder {
    events: Producer<Event>,
    heads: Producer<BatchHead>,
    ledger: Producer<Item>,
    /// Ledger slots that one batch may need.
    batch_items: usize,
    /// Time that the core has waited for room. Unit: nanoseconds.
    pub waited_ns: u64,
}

/// The writer has ended before the core: its own error says why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriterGone;

/// A recorder and its tapes for a core with so many pairs.
#[must_use]
pub fn tapes(pairs: usize) -> (Recorder, Tapes) {
    let (mut event_in, mut events) = RingBuffer::new(MARKET_EVENTS);
    touch(&mut event_in, &mut events);
    let (head_in, heads) = RingBuffer::new(HEADS);
    let (item_in, ledger) = RingBuffer::new(ledger_slots(pairs));
    let recorder = Recorder {
        events: event_in,
        heads: head_in,
        ledger: item_in,
        batch_items: 2 * Outbox::capacity_for(pairs),
        waited_ns: 0,
    };
    (recorder, Tapes { events, heads, ledger })
}

/// Writes every slot once: the core's thread shall not wait for the system to find its pages.
fn touch(producer: &mut Producer<Event>, consumer: &mut Consumer<Event>) {
    let blank = Event {
        recv_ns: 0,
        venue_ns: 0,
        seq: 0,
        market: Event::NO_MARKET,
        venue: Venue::Coinbase,
        flags: Flags(0),
        body: Body::Timer,
    };
    while producer.push(blank).is_ok() {}
    if let Ok(chunk) = consumer.read_chunk(consumer.slots()) {
        chunk.commit_all();
    }
}

impl Recorder {
    /// Waits until a batch of so many events, and all that the core may say of it, has room.
    ///
    /// # Errors
    ///
    /// [`WriterGone`].
    #[inline]
    pub fn wait_for_room(&mut self, events: usize) -> Result<(), WriterGone> {
        if self.has_room(events) { Ok(()) } else { self.wait(events) }
    }

    /// How full the fullest record ring is. Unit: parts per million of its room.
    pub fn backlog_ppm(&mut self) -> u64 {
        let used = |room: usize, slots: usize| {
            (room.saturating_sub(slots) as u64).saturating_mul(1_000_000) / (room as u64).max(1)
        };
        let events = used(MARKET_EVENTS, self.events.slots());
        let heads = used(HEADS, self.heads.slots());
        let ledger = used(self.ledger.buffer().capacity(), self.ledger.slots());
        events.max(heads).max(ledger)
    }

    fn has_room(&mut self, events: usize) -> bool {
        self.events.slots() >= events
            && self.heads.slots() >= 1
            && self.ledger.slots() >= self.batch_items
    }

    #[cold]
    fn wait(&mut self, events: usize) -> Result<(), WriterGone> {
        assert!(events <= MARKET_EVENTS, "Invariant: a ring holds the largest batch");
        let from = Instant::now();
        while !self.has_room(events) {
            if self.ledger.is_abandoned() {
                return Err(WriterGone);
            }
            std::thread::yield_now();
        }
        self.waited_ns += u64::try_from(from.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Ok(())
    }

    /// Hands on the events of a batch. There is room: it was waited for.
    #[inline]
    pub fn events(&mut self, events: &[Event]) {
        let pushed = self.events.push_entire_slice(events);
        pushed.expect("Invariant: there was room and nobody else writes");
    }

    /// Hands on the head of a batch whose events were handed on, before what was decided after it.
    #[inline]
    pub fn head(&mut self, head: BatchHead) {
        self.heads.push(head).expect("Invariant: there was room and nobody else pushes");
    }

    /// Hands on a decision.
    pub fn decided(&mut self, decided: &Decided) {
        self.item(Item::Decided(*decided));
    }

    /// Hands on something for the ledger.
    pub fn item(&mut self, item: Item) {
        self.ledger.push(item).expect("Invariant: there was room and nobody else pushes");
    }

    /// Whether the writer still takes records.
    #[must_use]
    pub fn is_written(&self) -> bool {
        !self.ledger.is_abandoned()
    }
}

#[cfg(test)]
mod tests {
    use engine_model::{Body, Flags, Venue};

    use super::*;

    const EVENT: Event = Event {
        recv_ns: 1,
        venue_ns: 0,
        seq: 0,
        market: Event::NO_MARKET,
        venue: Venue::Coinbase,
        flags: Flags(Flags::END_OF_BATCH),
        body: Body::Timer,
    };

    /// A full ring keeps the core from taking input; nothing is dropped, and room is seen at once.
    #[test]
    fn a_full_ring_holds_the_core_until_the_writer_has_taken() {
        let (mut recorder, mut tapes) = tapes(4);
        let whole = vec![EVENT; MARKET_EVENTS];
        recorder.events(&whole);
        recorder.head(BatchHead { seq: 1, events: whole.len() });
        assert!(recorder.has_room(0) && !recorder.has_room(1));
        let taker = std::thread::spawn(move || {
            while tapes.heads.pop().is_err() {
                std::thread::yield_now();
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
            let chunk = tapes.events.read_chunk(MARKET_EVENTS).expect("all of it");
            let count = chunk.len();
            chunk.commit_all();
            (tapes, count)
        });
        assert_eq!(recorder.wait_for_room(1), Ok(()));
        assert!(recorder.waited_ns > 0);
        let (tapes, count) = taker.join().expect("it ends");
        assert_eq!(count, whole.len(), "nothing was dropped");
        // A writer that has gone is told, not waited for.
        recorder.events(&whole);
        drop(tapes);
        assert_eq!(recorder.wait_for_room(1), Err(WriterGone));
        assert!(!recorder.is_written());
    }
}
