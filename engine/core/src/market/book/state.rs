//! Whether a market's book may be used: the book, and what its events say about it.

use engine_model::{Body, DoubtReason, Event, Side};
use serde::{Deserialize, Serialize};

use super::{Book, BookFault, Change};

/// How far a market's book can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum BookState {
    /// No snapshot has come yet.
    Empty,
    /// A snapshot and every update since.
    Live,
    /// In quarantine, for the reason that came first, until the next snapshot.
    Doubt(DoubtReason),
}

/// What was met in a market's events. 2⁶⁴ of any do not happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookCounts {
    /// Snapshots begun.
    pub snapshots: u64,
    /// Levels set or deleted.
    pub levels: u64,
    /// Levels that came without a snapshot or in quarantine, and were not applied.
    pub levels_ignored: u64,
    /// Deletes of levels that were not there. Venues send them; the book is right all the same.
    pub deletes_of_missing: u64,
    /// Levels that the book refused.
    pub faults: u64,
    /// Times that the book went into quarantine, by [`DoubtReason`] index.
    pub quarantines: [u64; DoubtReason::ALL.len()],
}

impl BookCounts {
    /// Times that the book went into quarantine for this reason.
    #[must_use]
    pub const fn quarantines_for(&self, reason: DoubtReason) -> u64 {
        self.quarantines[reason as usize]
    }
}

/// A book with its state. It takes any sequence of events without a panic.
///
/// The owner gives it the events of its market in order with [`MarketBook::apply`], and calls
/// [`MarketBook::end_batch`] on every book that a batch touched when the batch's last event belongs
/// to another market. Between the first event of a batch and its end the book is not usable: it may
/// be crossed there and be right at the end.
#[derive(Clone, Debug)]
pub struct MarketBook {
    book: Book,
    state: BookState,
    /// A batch has changed the book and not ended.
    is_open: bool,
    last_event_recv_ns: u64,
    counts: BookCounts,
}

impl Default for MarketBook {
    fn default() -> Self {
        Self::new()
    }
}

impl MarketBook {
    /// An empty book without a snapshot. All memory is taken here.
    #[must_use]
    pub fn new() -> Self {
        Self {
            book: Book::new(),
            state: BookState::Empty,
            is_open: false,
            last_event_recv_ns: 0,
            counts: BookCounts::default(),
        }
    }

    /// A book as it was saved between batches.
    pub(crate) const fn restored(
        book: Book,
        state: BookState,
        last_event_recv_ns: u64,
        counts: BookCounts,
    ) -> Self {
        Self { book, state, is_open: false, last_event_recv_ns, counts }
    }

    /// Applies one event of this market, and ends the batch if the event does.
    pub fn apply(&mut self, event: &Event) {
        match event.body {
            Body::BookClear => self.begin_snapshot(),
            Body::Level { side, price_ticks, size_lots } => self.set(side, price_ticks, size_lots),
            Body::BookDoubt { reason } => self.doubt(reason),
            Body::Gap { .. } => self.doubt(DoubtReason::Lost),
            Body::Trade { .. }
            | Body::Ticker { .. }
            | Body::Heartbeat { .. }
            | Body::Status { .. } => {}
            // Not a book's. No sign of life of its connection either.
            Body::PoolPrice { .. }
            | Body::PoolMeta { .. }
            | Body::TickArrayBegin { .. }
            | Body::Tick { .. }
            | Body::OracleConstants { .. }
            | Body::OracleVariables { .. }
            | Body::Slot { .. }
            | Body::Param { .. }
            | Body::Clock { .. }
            | Body::Command(_)
            | Body::Engine { .. }
            | Body::Timer => return self.end_batch_of(event),
        }
        self.note_alive(event.recv_ns);
        self.end_batch_of(event);
    }

    /// Ends a batch that touched this book: from here on it is usable, unless it is crossed.
    pub fn end_batch(&mut self) {
        if self.is_open {
            self.is_open = false;
            if self.state == BookState::Live && self.book.is_crossed() {
                self.doubt(DoubtReason::Crossed);
            }
        }
    }

    /// Leaves this much at a price, as a simulated order that took the rest does: the level stays so
    /// until the venue next states it.
    pub fn consume(&mut self, side: Side, price_ticks: u64, left_lots: u64) {
        let changed = self.book.set(side, price_ticks, left_lots);
        assert!(changed.is_ok(), "Invariant: a level that was read can be reduced");
    }

    /// Notes that the market's connection was alive, for instance by a heartbeat without a market.
    pub fn note_alive(&mut self, recv_ns: u64) {
        self.last_event_recv_ns = self.last_event_recv_ns.max(recv_ns);
    }

    /// Whether the book is that of the venue: live, and not in the middle of a batch. The caller
    /// checks its age ([`MarketBook::age_ns`]) beside.
    #[must_use]
    pub fn usable(&self) -> bool {
        self.state == BookState::Live && !self.is_open
    }

    /// How long ago the last sign of life was, at `now_ns`; 0 if it lies ahead. Unit: nanoseconds.
    #[must_use]
    pub const fn age_ns(&self, now_ns: u64) -> u64 {
        now_ns.saturating_sub(self.last_event_recv_ns)
    }

    /// The state, also in the middle of a batch.
    #[must_use]
    pub const fn state(&self) -> BookState {
        self.state
    }

    /// The levels, whatever the state: in quarantine they are those before it.
    #[must_use]
    pub const fn book(&self) -> &Book {
        &self.book
    }

    /// Receive time of the last sign of life; 0 before the first. Unit: Unix nanoseconds.
    #[must_use]
    pub const fn last_event_recv_ns(&self) -> u64 {
        self.last_event_recv_ns
    }

    /// What was met so far.
    #[must_use]
    pub const fn counts(&self) -> &BookCounts {
        &self.counts
    }

    fn begin_snapshot(&mut self) {
        self.book.clear();
        self.state = BookState::Live;
        self.is_open = true;
        self.counts.snapshots += 1;
    }

    fn set(&mut self, side: Side, price_ticks: u64, size_lots: u64) {
        if self.state != BookState::Live {
            self.counts.levels_ignored += 1;
            return;
        }
        self.is_open = true;
        match self.book.set(side, price_ticks, size_lots) {
            Ok(Change::Inserted | Change::Replaced | Change::Deleted) => self.counts.levels += 1,
            Ok(Change::DeleteOfMissing) => {
                self.counts.levels += 1;
                self.counts.deletes_of_missing += 1;
            }
            Err(fault) => {
                self.counts.faults += 1;
                self.doubt(match fault {
                    BookFault::TooLarge => DoubtReason::TooLarge,
                    BookFault::OutOfRange => DoubtReason::OutOfRange,
                });
            }
        }
    }

    /// Puts the book in quarantine. The first reason stays.
    fn doubt(&mut self, reason: DoubtReason) {
        match self.state {
            BookState::Empty | BookState::Live => {
                self.state = BookState::Doubt(reason);
                self.counts.quarantines[reason as usize] += 1;
            }
            BookState::Doubt(_) => {}
        }
    }

    fn end_batch_of(&mut self, event: &Event) {
        if event.ends_batch() {
            self.end_batch();
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use engine_model::{Flags, MarketId, ParamKey, Venue};
    use proptest::prelude::*;

    use super::*;

    fn event(recv_ns: u64, flags: u8, body: Body) -> Event {
        Event {
            recv_ns,
            venue_ns: 0,
            seq: 0,
            market: MarketId(0),
            venue: Venue::Coinbase,
            flags: Flags(flags),
            body,
        }
    }

    fn bid(price_ticks: u64, size_lots: u64) -> Body {
        Body::Level { side: Side::Bid, price_ticks, size_lots }
    }

    fn ask(price_ticks: u64, size_lots: u64) -> Body {
        Body::Level { side: Side::Ask, price_ticks, size_lots }
    }

    fn doubt(reason: DoubtReason) -> Body {
        Body::BookDoubt { reason }
    }

    #[test]
    fn from_empty_to_live_to_doubt_and_back() {
        use BookState::{Doubt, Empty, Live};
        const END: u8 = Flags::END_OF_BATCH;
        let gap = DoubtReason::SequenceGap;
        // (what it shows, flags, event, state, usable, levels)
        let rows: [(&str, u8, Body, BookState, bool, usize); 24] = [
            ("no snapshot yet", END, bid(9, 1), Empty, false, 0),
            ("snapshot begins", 0, Body::BookClear, Live, false, 0),
            ("middle of it", 0, bid(10, 1), Live, false, 1),
            ("end of it", END, ask(12, 1), Live, true, 2),
            ("crossed in between", 0, bid(13, 1), Live, false, 3),
            ("right at the end", END, ask(12, 0), Live, true, 2),
            ("missing delete", END, ask(50, 0), Live, true, 2),
            ("crossed at the end", END, ask(13, 1), Doubt(DoubtReason::Crossed), false, 3),
            ("uncrossing does not help", END, bid(13, 0), Doubt(DoubtReason::Crossed), false, 3),
            ("the first reason stays", END, doubt(gap), Doubt(DoubtReason::Crossed), false, 3),
            ("second snapshot", 0, Body::BookClear, Live, false, 0),
            ("its only level", END, bid(5, 1), Live, true, 1),
            ("gap", END, doubt(gap), Doubt(gap), false, 1),
            ("ignored", END, bid(6, 1), Doubt(gap), false, 1),
            ("an empty snapshot", END, Body::BookClear, Live, true, 0),
            ("bad price", END, bid(0, 1), Doubt(DoubtReason::OutOfRange), false, 0),
            ("snapshot with a bad frame", 0, Body::BookClear, Live, false, 0),
            ("in it", END, doubt(DoubtReason::BadFrame), Doubt(DoubtReason::BadFrame), false, 0),
            ("again", 0, Body::BookClear, Live, false, 0),
            ("batch ended elsewhere", 0, bid(8, 2), Live, false, 1),
            ("trade ends it", END, Body::Heartbeat { counter: 1 }, Live, true, 1),
            ("cost", END, Body::Param { key: ParamKey::TakerFee, value: 1 }, Live, true, 1),
            ("time", END, Body::Timer, Live, true, 1),
            (
                "disconnected",
                END,
                doubt(DoubtReason::Disconnected),
                Doubt(DoubtReason::Disconnected),
                false,
                1,
            ),
        ];
        let mut market = MarketBook::new();
        for (at, (shows, flags, body, state, usable, levels)) in rows.into_iter().enumerate() {
            market.apply(&event(at as u64, flags, body));
            assert_eq!((market.state(), market.usable()), (state, usable), "{shows}");
            let count = market.book().count(Side::Bid) + market.book().count(Side::Ask);
            assert_eq!(count, levels, "{shows}");
        }
        let counts = market.counts();
        assert_eq!((counts.snapshots, counts.faults, counts.deletes_of_missing), (5, 1, 1));
        assert_eq!((counts.levels, counts.levels_ignored), (8, 3));
        for (reason, times) in [
            (DoubtReason::Crossed, 1),
            (gap, 1),
            (DoubtReason::OutOfRange, 1),
            (DoubtReason::BadFrame, 1),
            (DoubtReason::Disconnected, 1),
            (DoubtReason::TooLarge, 0),
        ] {
            assert_eq!(counts.quarantines_for(reason), times, "{}", reason.name());
        }
    }

    #[test]
    fn the_owner_may_end_a_batch() {
        let mut market = MarketBook::new();
        market.apply(&event(1, 0, Body::BookClear));
        market.apply(&event(1, 0, bid(10, 1)));
        assert!(!market.usable());
        market.end_batch();
        assert!(market.usable());
        market.apply(&event(2, 0, ask(10, 1)));
        market.end_batch();
        assert_eq!(market.state(), BookState::Doubt(DoubtReason::Crossed));
    }

    #[test]
    fn too_many_levels_are_a_quarantine_until_the_next_snapshot() {
        let mut market = MarketBook::new();
        market.apply(&event(1, 0, Body::BookClear));
        for price in 1..=crate::market::book::LEVELS_MAX as u64 + 5 {
            market.apply(&event(1, 0, bid(price, 1)));
        }
        assert_eq!(market.state(), BookState::Doubt(DoubtReason::TooLarge));
        assert_eq!((market.counts().faults, market.counts().levels_ignored), (1, 4));
        market.apply(&event(2, 1, Body::BookClear));
        assert!(market.usable());
    }

    #[test]
    fn age_counts_from_the_last_sign_of_life() {
        let mut market = MarketBook::new();
        market.apply(&event(1_000, 1, Body::BookClear));
        market.apply(&event(4_000, 1, Body::Param { key: ParamKey::TakerFee, value: 1 }));
        assert_eq!(market.age_ns(3_000), 2_000, "a cost is no sign of life");
        market.note_alive(2_500);
        assert_eq!((market.age_ns(3_000), market.age_ns(0)), (500, 0));
        assert_eq!(market.last_event_recv_ns(), 2_500);
    }

    fn body() -> impl Strategy<Value = Body> {
        let side = prop_oneof![Just(Side::Bid), Just(Side::Ask)];
        let price = prop_oneof![0_u64..40, any::<u64>(), Just(1 << 62)];
        let size = prop_oneof![0_u64..4, any::<u64>()];
        prop_oneof![
            2 => Just(Body::BookClear),
            20 => (side, price, size).prop_map(|(side, price_ticks, size_lots)| Body::Level {
                side,
                price_ticks,
                size_lots
            }),
            1 => (0..DoubtReason::ALL.len())
                .prop_map(|index| Body::BookDoubt { reason: DoubtReason::ALL[index] }),
            1 => Just(Body::Timer),
            1 => Just(Body::Ticker { bid_ticks: 0, ask_ticks: 0, last_ticks: 0 }),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn any_events_are_survived_and_a_usable_book_is_never_crossed(
            events in prop::collection::vec((body(), 0_u8..4, 0_u64..9), 0..300),
        ) {
            let mut market = MarketBook::new();
            let events: Vec<_> =
                events.into_iter().map(|(body, flags, ns)| event(ns, flags, body)).collect();
            for event in &events {
                market.apply(event);
                prop_assert!(!(market.usable() && market.book().is_crossed()));
                if event.ends_batch() {
                    prop_assert_eq!(market.usable(), market.state() == BookState::Live);
                }
            }
            let quarantines: u64 = market.counts().quarantines.iter().sum();
            prop_assert!(quarantines <= market.counts().snapshots + 1);
        }
    }
}
