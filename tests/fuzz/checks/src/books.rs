//! Books built from a decoder's events, beside a plain ordered map of the same levels.

use std::collections::BTreeMap;

use engine_core::market::book::{BookCounts, BookState, Level, MarketBook};
use engine_model::units::PPM_ONE;
use engine_model::{Body, DoubtReason, Event, Flags, MarketId, ParamKey, Side, Venue};

/// What a book must be, in the simplest form that can say it.
#[derive(Debug, Default)]
struct Shadow {
    /// Bids, then asks: size by price.
    sides: [BTreeMap<u64, u64>; 2],
    /// Since a clear without a doubt, by the decoder's own word.
    told_live: bool,
    /// The same, and never crossed at the end of a batch.
    live: bool,
    touched: bool,
    counts: BookCounts,
    /// Sequence of the last levels.
    seq: u64,
}

impl Shadow {
    fn apply(&mut self, event: &Event) {
        match event.body {
            Body::BookClear => {
                self.sides.iter_mut().for_each(BTreeMap::clear);
                (self.told_live, self.live, self.touched) = (true, true, true);
                self.counts.snapshots += 1;
                self.seq = event.seq;
            }
            Body::Level { side, price_ticks, size_lots } => {
                assert!(self.told_live, "a level of a book in doubt: {event:?}");
                if event.venue == Venue::Bitstamp {
                    assert!(event.seq >= self.seq, "an old level overwrites: {event:?}");
                }
                self.seq = event.seq;
                self.set(side, price_ticks, size_lots);
            }
            Body::BookDoubt { reason } => {
                self.told_live = false;
                self.doubt(reason);
            }
            _ => {}
        }
    }

    fn set(&mut self, side: Side, price_ticks: u64, size_lots: u64) {
        if !self.live {
            self.counts.levels_ignored += 1;
            return;
        }
        self.touched = true;
        self.counts.levels += 1;
        let levels = &mut self.sides[side as usize];
        if size_lots > 0 {
            levels.insert(price_ticks, size_lots);
        } else if levels.remove(&price_ticks).is_none() {
            self.counts.deletes_of_missing += 1;
        }
    }

    fn doubt(&mut self, reason: DoubtReason) {
        if core::mem::take(&mut self.live) {
            self.counts.quarantines[reason as usize] += 1;
        }
    }

    fn best(&self, side: Side) -> Option<Level> {
        let levels = &self.sides[side as usize];
        let best = match side {
            Side::Bid => levels.last_key_value(),
            Side::Ask => levels.first_key_value(),
        };
        best.map(|(&price_ticks, &size_lots)| Level { price_ticks, size_lots })
    }

    fn end_batch(&mut self) {
        let bid = self.sides[0].last_key_value().map(|(price, _)| *price);
        let ask = self.sides[1].first_key_value().map(|(price, _)| *price);
        if self.live && bid.zip(ask).is_some_and(|(bid, ask)| bid >= ask) {
            self.doubt(DoubtReason::Crossed);
        }
        self.touched = false;
    }
}

/// A few books, made once and reused: a book takes 9.7 MiB.
#[derive(Debug)]
pub struct Shelf {
    books: Vec<MarketBook>,
    shadows: Vec<Shadow>,
    /// The books' counters before this run.
    before: Vec<BookCounts>,
    used: Vec<bool>,
}

impl Shelf {
    /// Books for the first `books` markets; events of later ones are checked in form only.
    #[must_use]
    pub fn new(books: usize) -> Self {
        let mut shelf = Self {
            books: (0..books).map(|_| MarketBook::new()).collect(),
            shadows: (0..books).map(|_| Shadow::default()).collect(),
            before: vec![BookCounts::default(); books],
            used: vec![true; books],
        };
        shelf.reset();
        shelf
    }

    /// As [`Shelf::reset`], for decoders in the middle of a connection: levels of a book whose
    /// snapshot was not seen here are no mistake, and are ignored.
    pub fn reset_midway(&mut self) {
        self.reset();
        for shadow in &mut self.shadows {
            shadow.told_live = true;
        }
    }

    /// Every book in quarantine and every shadow empty, whatever was before.
    pub fn reset(&mut self) {
        for (book, (at, shadow)) in self.books.iter_mut().zip(self.shadows.iter_mut().enumerate()) {
            if core::mem::take(&mut self.used[at]) {
                let doubt = Body::BookDoubt { reason: DoubtReason::Disconnected };
                for body in [Body::BookClear, doubt] {
                    book.apply(&Event {
                        recv_ns: 0,
                        venue_ns: 0,
                        seq: 0,
                        market: MarketId(0),
                        venue: Venue::Coinbase,
                        flags: Flags(Flags::END_OF_BATCH),
                        body,
                    });
                }
                *shadow = Shadow::default();
                self.before[at] = *book.counts();
            }
        }
    }

    /// Applies one batch: its form first, then book and shadow, which must agree at its end.
    pub fn batch(&mut self, venue: Venue, recv_ns: u64, events: &[Event]) {
        assert_batch(venue, recv_ns, events);
        for event in events {
            let market = usize::from(event.market.0);
            if let Some(book) = self.books.get_mut(market) {
                self.used[market] = true;
                book.apply(event);
                self.shadows[market].apply(event);
            }
        }
        for (book, shadow) in self.books.iter_mut().zip(&mut self.shadows) {
            if shadow.touched {
                book.end_batch();
                shadow.end_batch();
                compare(book, shadow);
            }
        }
    }

    /// Compares what is too slow to compare after every batch.
    pub fn finish(&self) {
        for (at, (book, shadow)) in self.books.iter().zip(&self.shadows).enumerate() {
            if !self.used[at] {
                continue;
            }
            compare(book, shadow);
            let live = book.state() == BookState::Live;
            assert_eq!(live, shadow.live, "market {at}");
            let [bids, asks] = &shadow.sides;
            let level = |(&price_ticks, &size_lots)| Level { price_ticks, size_lots };
            assert!(book.book().levels(Side::Bid).eq(bids.iter().rev().map(level)), "market {at}");
            assert!(book.book().levels(Side::Ask).eq(asks.iter().map(level)), "market {at}");
            assert_counts(book.counts(), &self.before[at], &shadow.counts);
        }
    }

    /// Whether the book of a market is usable.
    #[must_use]
    pub fn is_usable(&self, market: usize) -> bool {
        self.books[market].usable()
    }
}

fn assert_counts(after: &BookCounts, before: &BookCounts, expected: &BookCounts) {
    assert_eq!(after.snapshots - before.snapshots, expected.snapshots);
    assert_eq!(after.levels - before.levels, expected.levels);
    assert_eq!(after.levels_ignored - before.levels_ignored, expected.levels_ignored);
    let missing = after.deletes_of_missing - before.deletes_of_missing;
    assert_eq!(missing, expected.deletes_of_missing);
    assert_eq!(after.faults, before.faults, "a decoder gave what a book refuses");
    for reason in DoubtReason::ALL {
        let times = after.quarantines_for(reason) - before.quarantines_for(reason);
        assert_eq!(times, expected.quarantines_for(reason), "{}", reason.name());
    }
}

fn compare(book: &MarketBook, shadow: &Shadow) {
    assert_eq!(book.usable(), shadow.live);
    assert!(!(book.usable() && book.book().is_crossed()), "a usable book is crossed");
    for side in [Side::Bid, Side::Ask] {
        assert_eq!(book.book().count(side), shadow.sides[side as usize].len());
        assert_eq!(book.book().best(side), shadow.best(side));
    }
}

/// The form that every batch of an exchange has.
fn assert_batch(venue: Venue, recv_ns: u64, events: &[Event]) {
    let Some((last, rest)) = events.split_last() else { panic!("an empty batch") };
    assert!(last.ends_batch() && !rest.iter().any(Event::ends_batch), "{events:?}");
    for event in events {
        assert!(event.venue == venue && event.recv_ns == recv_ns, "{event:?}");
        if let Body::Level { price_ticks, size_lots, .. } = event.body {
            use engine_model::grid::{check_price_ticks, check_size_lots};
            assert!(check_price_ticks(price_ticks).is_ok(), "{event:?}");
            assert!(check_size_lots(size_lots).is_ok(), "{event:?}");
        }
        if event.body == Body::BookClear {
            assert!(event.flags.has(Flags::SNAPSHOT), "{event:?}");
        }
        let is_exchange_event = matches!(
            event.body,
            Body::BookClear
                | Body::Level { .. }
                | Body::BookDoubt { .. }
                | Body::Trade { .. }
                | Body::Ticker { .. }
                | Body::Heartbeat { .. }
                | Body::Status { .. }
                | Body::Timer
                | Body::Param { key: ParamKey::TakerFee, value: 0..PPM_ONE }
        );
        assert!(is_exchange_event, "{event:?}");
    }
}
