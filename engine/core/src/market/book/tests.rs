//! Tables and edges of the book.

use alloc::vec::Vec;

use engine_model::Side;
use engine_model::units::{PRICE_TICKS_MAX, SIZE_LOTS_MAX};

use super::{Book, BookFault, Change, LEVELS_MAX, Level, MEMORY_BYTES, MEMORY_BYTES_MAX, StepCost};

/// A repeatable shuffle: a full-period generator modulo 2⁶⁴, high bits used.
struct Steps(u64);

impl Steps {
    fn below(&mut self, end: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

#[expect(clippy::unnecessary_wraps, reason = "what the best price is compared with")]
fn level(price_ticks: u64, size_lots: u64) -> Option<Level> {
    Some(Level { price_ticks, size_lots })
}

#[test]
fn one_update_after_the_other() {
    use Change::{DeleteOfMissing, Deleted, Inserted, Replaced};
    use Side::{Ask, Bid};
    let far = 1_234_567_891_234_000_000;
    // (what it shows, side, price, size, change, best bid, best ask)
    let rows = [
        ("first bid", Bid, 100, 5, Inserted, level(100, 5), None),
        ("first ask", Ask, 110, 6, Inserted, level(100, 5), level(110, 6)),
        ("worse bid", Bid, 90, 1, Inserted, level(100, 5), level(110, 6)),
        ("better bid", Bid, 105, 2, Inserted, level(105, 2), level(110, 6)),
        ("best replaced", Bid, 105, 3, Replaced, level(105, 3), level(110, 6)),
        ("far ask", Ask, far, 7, Inserted, level(105, 3), level(110, 6)),
        ("best deleted", Bid, 105, 0, Deleted, level(100, 5), level(110, 6)),
        ("deleted again", Bid, 105, 0, DeleteOfMissing, level(100, 5), level(110, 6)),
        ("the far ask is best", Ask, 110, 0, Deleted, level(100, 5), level(far, 7)),
        ("far replaced", Ask, far, 8, Replaced, level(100, 5), level(far, 8)),
        ("far missing", Ask, far + 1, 0, DeleteOfMissing, level(100, 5), level(far, 8)),
        ("back near", Ask, 111, 9, Inserted, level(100, 5), level(111, 9)),
        ("far deleted", Ask, far, 0, Deleted, level(100, 5), level(111, 9)),
        ("side empty", Ask, 111, 0, Deleted, level(100, 5), None),
        ("lowest price", Bid, 1, 1, Inserted, level(100, 5), None),
        (
            "highest price",
            Bid,
            PRICE_TICKS_MAX,
            SIZE_LOTS_MAX,
            Inserted,
            level(PRICE_TICKS_MAX, SIZE_LOTS_MAX),
            None,
        ),
    ];
    let mut book = Book::new();
    for (shows, side, price, size, change, bid, ask) in rows {
        assert_eq!(book.set(side, price, size), Ok(change), "{shows}");
        assert_eq!((book.best(Side::Bid), book.best(Side::Ask)), (bid, ask), "{shows}");
        book.assert_sound();
    }
}

#[test]
fn out_of_range_is_refused_and_changes_nothing() {
    let mut book = Book::new();
    book.set(Side::Bid, 7, 7).expect("in range");
    for (price, size) in
        [(0, 1), (0, 0), (PRICE_TICKS_MAX + 1, 1), (u64::MAX, 1), (5, SIZE_LOTS_MAX + 1)]
    {
        for side in [Side::Bid, Side::Ask] {
            assert_eq!(book.set(side, price, size), Err(BookFault::OutOfRange), "{price} {size}");
        }
    }
    assert_eq!((book.count(Side::Bid), book.count(Side::Ask)), (1, 0));
}

#[test]
fn crossed_is_at_or_above() {
    for (bid, ask, crossed) in [(9, 10, false), (10, 10, true), (11, 10, true)] {
        let mut book = Book::new();
        book.set(Side::Bid, bid, 1).expect("in range");
        assert!(!book.is_crossed(), "one side alone");
        book.set(Side::Ask, ask, 1).expect("in range");
        assert_eq!(book.is_crossed(), crossed, "{bid} {ask}");
    }
}

#[test]
fn memory_stays_below_its_limit() {
    let book = Book::new();
    assert_eq!(book.memory_bytes(), MEMORY_BYTES, "the sum checked at compile time");
    assert!(book.memory_bytes() <= MEMORY_BYTES_MAX);
    assert!(Book::with_window_log2(19).memory_bytes() <= MEMORY_BYTES_MAX);
}

#[test]
fn full_is_refused_for_new_levels_only() {
    for spread in [1, 3, 1_000_003] {
        let mut book = Book::new();
        for index in 0..LEVELS_MAX as u64 {
            let side = if index % 3 == 0 { Side::Ask } else { Side::Bid };
            let price = 1 + index * spread;
            assert_eq!(book.set(side, price, 1), Ok(Change::Inserted), "{index} of {spread}");
        }
        let new = 1 + LEVELS_MAX as u64 * spread;
        assert_eq!(book.set(Side::Bid, new, 1), Err(BookFault::TooLarge));
        assert_eq!(book.set(Side::Ask, new, 1), Err(BookFault::TooLarge));
        assert_eq!(book.set(Side::Bid, new, 0), Ok(Change::DeleteOfMissing));
        assert_eq!(book.set(Side::Ask, 1, 2), Ok(Change::Replaced));
        assert_eq!(book.set(Side::Ask, 1, 0), Ok(Change::Deleted));
        assert_eq!(book.set(Side::Bid, new, 1), Ok(Change::Inserted));
        assert_eq!(book.best(Side::Bid), level(new, 1));
        book.assert_sound();
        book.clear();
        assert_eq!(book.count(Side::Bid) + book.count(Side::Ask), 0);
        assert_eq!(book.set(Side::Bid, 4, 1), Ok(Change::Inserted));
    }
}

#[test]
fn a_full_book_of_far_levels_fits_the_arena_in_any_order() {
    // One word of window, so nearly all levels are far; filled, thinned and filled at random, which
    // is what leaves blocks half empty.
    let mut book = Book::with_window_log2(6);
    let mut steps = Steps(7);
    for round in 0..4 {
        let mut refused = 0;
        while refused < 100 {
            let side = if steps.below(2) == 0 { Side::Bid } else { Side::Ask };
            match book.set(side, 1 + steps.below(400_000) * 1_000, 1 + round) {
                Ok(_) => {}
                Err(BookFault::TooLarge) => refused += 1,
                Err(BookFault::OutOfRange) => panic!("in range"),
            }
        }
        assert_eq!(book.count(Side::Bid) + book.count(Side::Ask), LEVELS_MAX);
        book.assert_sound();
        for price in 0..400_000 {
            if price % 16 != round {
                book.set(Side::Bid, 1 + price * 1_000, 0).expect("in range");
                book.set(Side::Ask, 1 + price * 1_000, 0).expect("in range");
            }
        }
        book.assert_sound();
    }
    assert!(book.worst_step().entries_shifted <= StepCost::ENTRIES_SHIFTED_MAX);
}

/// 46,000 levels as a real book has them: dense near the touch, thin far away, one absurd.
fn wide_book() -> Vec<(Side, u64)> {
    let mut levels = Vec::new();
    let (mut up, mut down) = (6_508_367_u64, 6_508_366_u64);
    for rank in 0..23_000_u64 {
        levels.push((Side::Ask, up));
        up += 1 + rank / 40;
        levels.push((Side::Bid, down));
        down -= 1 + rank / 160;
    }
    levels.push((Side::Ask, 1_234_567_891_234));
    levels
}

#[test]
fn snapshots_in_any_order_load_the_window_within_its_bounds() {
    let best_first = wide_book();
    let worst_first: Vec<_> = best_first.iter().rev().copied().collect();
    let mut mixed = best_first.clone();
    let mut steps = Steps(11);
    for index in (1..mixed.len()).rev() {
        mixed.swap(index, usize::try_from(steps.below(index as u64 + 1)).expect("small"));
    }
    for (order, levels) in [("best", &best_first), ("worst", &worst_first), ("mixed", &mixed)] {
        let mut book = Book::new();
        for (side, price) in levels {
            assert_eq!(book.set(*side, *price, 3), Ok(Change::Inserted), "{order}");
        }
        book.assert_sound();
        let worst = book.worst_step();
        assert!(worst.levels_moved <= StepCost::LEVELS_MOVED_MAX, "{order}: {worst:?}");
        for side in [Side::Bid, Side::Ask] {
            assert_eq!(book.count(side), best_first.iter().filter(|level| level.0 == side).count());
            let near = book.sides[side as usize].near_count(&book.arena);
            assert!(near > 4_000, "{order}: the window follows the touch, {near} levels near");
        }
    }
}

#[test]
fn the_window_follows_a_market_that_runs_away() {
    // 3,000 bids of which the best comes and the worst goes: far beyond the window's width.
    let mut book = Book::with_window_log2(12);
    for step in 0..30_000_u64 {
        book.set(Side::Bid, 1_000 + 7 * step, 1).expect("in range");
        if step >= 3_000 {
            assert_eq!(book.set(Side::Bid, 1_000 + 7 * (step - 3_000), 0), Ok(Change::Deleted));
        }
    }
    book.assert_sound();
    assert_eq!(
        (book.count(Side::Bid), book.best(Side::Bid)),
        (3_000, level(1_000 + 7 * 29_999, 1))
    );
    let near = book.sides[0].near_count(&book.arena);
    assert!(near > 400, "{near} levels in a window for 585");
}

#[test]
fn jumps_are_followed_a_few_levels_an_event_and_each_event_is_counted_alone() {
    let mut book = Book::with_window_log2(12);
    for price in (10_001..=13_000).rev() {
        book.set(Side::Bid, price, 1).expect("in range");
    }
    assert_eq!(book.sides[0].near_count(&book.arena), 3_000);
    // Up: the old levels leave, while updates still meet them in the window.
    book.set(Side::Bid, 1_000_000, 1).expect("in range");
    let mut events = 1;
    while book.sides[0].near_count(&book.arena) > 1 {
        assert_eq!(book.set(Side::Bid, 13_000, 1 + events), Ok(Change::Replaced));
        assert_eq!(book.best(Side::Bid), level(1_000_000, 1));
        events += 1;
    }
    // The last step takes the new best in as well.
    assert_eq!(events, 3_001_u64.div_ceil(16));
    // Down: they come back.
    book.set(Side::Bid, 1_000_000, 0).expect("in range");
    let mut events = 1;
    while book.sides[0].near_count(&book.arena) < 3_000 {
        assert_eq!(book.set(Side::Bid, 13_000, 1 + events), Ok(Change::Replaced));
        assert_eq!(book.best(Side::Bid), level(13_000, 1 + events));
        events += 1;
    }
    assert_eq!(events, 3_000_u64.div_ceil(16));
    book.assert_sound();
    // Each of 16 levels shifts the one behind it, one in 32 splits a block: not the sum over all.
    let StepCost { levels_moved, entries_shifted, .. } = book.worst_step();
    assert_eq!(levels_moved, 16);
    assert!((16..300).contains(&entries_shifted), "{entries_shifted} entries shifted");
}
