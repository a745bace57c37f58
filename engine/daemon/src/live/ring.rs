//! From a reader to the core: whole batches, and what had no room is said.

use connector_link::outlet::Lost;
use connector_link::{Clock, Outlet};
use connector_net::Sink;
use engine_model::{Body, DoubtReason, Event, Flags, MarketId, Venue};
use rtrb::{Consumer, Producer, RingBuffer};

/// Slots of heads: a batch has one event at least, and most have several.
const HEADS: usize = 8_192;

/// Head of a batch on its way to the core.
#[derive(Clone, Copy, Debug)]
pub struct LiveHead {
    /// When its bytes left the socket. Unit: Unix nanoseconds.
    pub recv_ns: u64,
    /// When it was handed on. Unit: Unix nanoseconds.
    pub sent_ns: u64,
    /// Its events in the ring.
    pub events: usize,
    /// The venue's sequence of its last event; 0 where it has none.
    pub seq: u64,
    /// Whose it is.
    pub venue: Venue,
}

/// How the core's thread is told that something came.
pub trait Wake {
    /// Something came.
    fn wake(&self);
}

/// Nobody needs to be told: the core looks all the time, or looks next.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoWake;

impl Wake for NoWake {
    fn wake(&self) {}
}

/// The producing end.
pub struct RingOutlet<W> {
    events: Producer<Event>,
    heads: Producer<LiveHead>,
    capacity: usize,
    venue: Venue,
    clock: Clock,
    wake: W,
    /// Markets of which batches were lost and the core was not told yet. At most one entry each, and
    /// one for what belongs to no market.
    owed: Vec<Owed>,
    /// Newest receive time handed on. Unit: Unix nanoseconds.
    newest_ns: u64,
}

#[derive(Clone, Copy, Debug)]
struct Owed {
    market: MarketId,
    batches: u64,
    events: u64,
}

/// The consuming end.
pub struct LivePort {
    events: Consumer<Event>,
    heads: Consumer<LiveHead>,
}

/// A ring of so many events, whose slots are touched once so that no thread waits for pages later.
#[must_use]
pub fn ring<W: Wake>(
    slots: usize,
    venue: Venue,
    clock: Clock,
    wake: W,
) -> (RingOutlet<W>, LivePort) {
    let (mut events, mut events_out) = RingBuffer::new(slots);
    let (heads, heads_out) = RingBuffer::new(HEADS);
    let blank = event(venue, 0, Event::NO_MARKET, Body::Timer);
    while events.push(blank).is_ok() {}
    if let Ok(chunk) = events_out.read_chunk(slots) {
        chunk.commit_all();
    }
    let outlet = RingOutlet {
        events,
        heads,
        capacity: slots,
        venue,
        clock,
        wake,
        owed: Vec::new(),
        newest_ns: 0,
    };
    (outlet, LivePort { events: events_out, heads: heads_out })
}

const fn event(venue: Venue, recv_ns: u64, market: MarketId, body: Body) -> Event {
    let flags = Flags(Flags::END_OF_BATCH);
    Event { recv_ns, venue_ns: 0, seq: 0, market, venue, flags, body }
}

impl<W: Wake> RingOutlet<W> {
    fn push(&mut self, events: &[Event]) -> bool {
        if self.heads.is_full() || self.events.slots() < events.len() {
            return false;
        }
        let Some(last) = events.last() else { return true };
        let (recv_ns, seq) = (last.recv_ns, last.seq);
        if self.events.push_entire_slice(events).is_err() {
            return false;
        }
        self.newest_ns = self.newest_ns.max(recv_ns);
        let sent_ns = self.clock.now_ns();
        let head = LiveHead { recv_ns, sent_ns, events: events.len(), seq, venue: self.venue };
        self.heads.push(head).is_ok()
    }

    /// Tells the core what it missed, before anything newer of the same market.
    fn pay(&mut self) {
        while let Some(owed) = self.owed.first().copied() {
            let body = Body::Gap { batches: owed.batches, events: owed.events };
            let gap = event(self.venue, self.newest_ns, owed.market, body);
            if !self.push(&[gap]) {
                return;
            }
            self.owed.remove(0);
        }
    }

    fn owes(&self, events: &[Event]) -> bool {
        // What only says that markets live changes no book.
        let is_alive = |event: &Event| matches!(event.body, Body::Timer);
        !events.iter().all(is_alive)
            && events.iter().any(|event| self.owed.iter().any(|owed| owed.market == event.market))
    }

    fn lose(&mut self, events: &[Event], lost: &mut Vec<Lost>) {
        let mut counted: Vec<MarketId> = Vec::new();
        for event in events {
            let changes = !matches!(event.body, Body::Timer);
            let market = if changes { event.market } else { Event::NO_MARKET };
            let is_new = !counted.contains(&market);
            if is_new {
                counted.push(market);
            }
            let batches = u64::from(is_new);
            match self.owed.iter_mut().find(|owed| owed.market == market) {
                Some(owed) => {
                    owed.events += 1;
                    owed.batches += batches;
                }
                None => self.owed.push(Owed { market, batches: 1, events: 1 }),
            }
            match lost.iter_mut().find(|it| it.market == market) {
                Some(it) => it.events += 1,
                None => lost.push(Lost { market, events: 1, too_large: 0 }),
            }
        }
    }

    /// A batch that no ring holds: every market in it is told so, and then that its events are lost. It
    /// may have been one frame that went wrong, so that the market is made good like any other.
    fn oversized(&mut self, events: &[Event], lost: &mut Vec<Lost>) {
        let mut told: Vec<MarketId> = Vec::new();
        for it in events {
            if told.contains(&it.market) {
                continue;
            }
            told.push(it.market);
            let body = Body::BookDoubt { reason: DoubtReason::TooLarge };
            // Where this has no room, the loss alone says it.
            self.push(&[event(self.venue, it.recv_ns, it.market, body)]);
        }
        self.lose(events, lost);
        for it in lost.iter_mut().filter(|it| told.contains(&it.market)) {
            it.too_large = it.too_large.max(events.len() as u64);
        }
    }
}

impl<W: Wake> Outlet for RingOutlet<W> {
    fn publish(&mut self, sink: &Sink, lost: &mut Vec<Lost>) {
        if !self.owed.is_empty() {
            self.pay();
        }
        for (_, events) in sink.iter() {
            if events.len() > self.capacity {
                self.oversized(events, lost);
            } else if (!self.owed.is_empty() && self.owes(events)) || !self.push(events) {
                self.lose(events, lost);
            }
        }
        self.wake.wake();
    }

    fn tick(&mut self) {
        if !self.owed.is_empty() {
            self.pay();
            self.wake.wake();
        }
    }
}

impl LivePort {
    /// The next head.
    pub fn head(&mut self) -> Option<LiveHead> {
        self.heads.peek().ok().copied()
    }

    /// Takes the batch of the head that was looked at, in two pieces where it wraps around.
    pub fn take<T>(&mut self, head: &LiveHead, take: impl FnOnce(&[Event], &[Event]) -> T) -> T {
        let _ = self.heads.pop();
        let chunk = self.events.read_chunk(head.events);
        let chunk = chunk.expect("Invariant: a batch is committed before its head");
        let (first, second) = chunk.as_slices();
        let taken = take(first, second);
        chunk.commit_all();
        taken
    }

    /// Events that wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.events.slots()
    }
}

#[cfg(test)]
mod tests {
    use connector_net::decode::Stamp;

    use super::*;

    const VENUE: Venue = Venue::Coinbase;

    fn batch(sink: &mut Sink, recv_ns: u64, market: u16, events: usize) {
        let stamp = Stamp { recv_ns, venue_ns: 0, seq: 0, venue: VENUE };
        for _ in 0..events {
            sink.push(stamp, MarketId(market), Body::BookClear);
        }
        sink.close(1);
    }

    fn bodies(port: &mut LivePort) -> Vec<(u16, Body, usize)> {
        let mut all = Vec::new();
        while let Some(head) = port.head() {
            all.push(port.take(&head, |first, second| {
                (first[0].market.0, first[0].body, first.len() + second.len())
            }));
        }
        all
    }

    /// What was lost is said once there is room, before anything newer of that market; other markets
    /// go on as soon as there is room for them.
    #[test]
    fn what_had_no_room_is_said_before_anything_newer() {
        let (mut outlet, mut port) = ring(8, VENUE, Clock::new(), NoWake);
        let mut lost = Vec::new();
        let mut sink = Sink::default();
        batch(&mut sink, 1, 0, 6);
        batch(&mut sink, 2, 1, 4);
        batch(&mut sink, 3, 1, 1);
        batch(&mut sink, 4, 0, 1);
        outlet.publish(&sink, &mut lost);
        assert_eq!(lost, [Lost { market: MarketId(1), events: 5, too_large: 0 }]);
        assert_eq!(bodies(&mut port), [(0, Body::BookClear, 6), (0, Body::BookClear, 1)]);
        sink.clear();
        lost.clear();
        batch(&mut sink, 5, 1, 2);
        outlet.publish(&sink, &mut lost);
        assert!(lost.is_empty());
        let gap = Body::Gap { batches: 2, events: 5 };
        assert_eq!(bodies(&mut port), [(1, gap, 1), (1, Body::BookClear, 2)]);
    }

    /// Every event that went in comes out or is counted in a gap, whatever the consumer does.
    #[test]
    fn nothing_is_lost_without_being_counted() {
        let (mut outlet, mut port) = ring(64, VENUE, Clock::new(), NoWake);
        let mut random = connector_net::session::Jitter::new(7);
        let (mut put, mut taken, mut told, mut reported) = (0_u64, 0_u64, 0_u64, 0_u64);
        for round in 0..20_000_u64 {
            let mut sink = Sink::default();
            for _ in 0..random.up_to(3) {
                let events = 1 + random.up_to(20);
                batch(
                    &mut sink,
                    round,
                    u16::try_from(random.up_to(5)).expect("small"),
                    1 + usize::try_from(events).expect("small"),
                );
                put += 1 + events;
            }
            let mut lost = Vec::new();
            outlet.publish(&sink, &mut lost);
            reported += lost.iter().map(|it| it.events).sum::<u64>();
            if random.up_to(4) == 0 || round > 19_990 {
                outlet.tick();
                for (_, body, events) in bodies(&mut port) {
                    if let Body::Gap { events, .. } = body {
                        told += events;
                    } else {
                        taken += events as u64;
                    }
                }
            }
        }
        for _ in 0..8 {
            outlet.tick();
            for (_, body, events) in bodies(&mut port) {
                if let Body::Gap { events, .. } = body {
                    told += events;
                } else {
                    taken += events as u64;
                }
            }
        }
        assert!(told > 1_000 && taken > 1_000, "{told} {taken}");
        assert_eq!((put, reported), (taken + told, told));
    }

    #[test]
    fn a_batch_that_no_ring_holds_is_a_doubt_and_is_lost() {
        let (mut outlet, mut port) = ring(8, VENUE, Clock::new(), NoWake);
        let (mut lost, mut sink) = (Vec::new(), Sink::default());
        batch(&mut sink, 1, 3, 9);
        outlet.publish(&sink, &mut lost);
        assert_eq!(lost, [Lost { market: MarketId(3), events: 9, too_large: 9 }]);
        outlet.tick();
        let doubt = Body::BookDoubt { reason: DoubtReason::TooLarge };
        let gap = Body::Gap { batches: 1, events: 9 };
        assert_eq!(bodies(&mut port), [(3, doubt, 1), (3, gap, 1)]);
    }
}
