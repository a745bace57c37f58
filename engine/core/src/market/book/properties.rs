//! Any sequence of operations gives the book that an ordered map gives, whatever the window size.

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use engine_model::Side;
use engine_model::units::PRICE_TICKS_MAX;
use proptest::prelude::*;

use super::{Book, Change, Level, StepCost};

/// Window sizes to compare: one word, a few words, more than one summary, the default.
const WINDOWS_LOG2: [u32; 4] = [6, 9, 13, super::WINDOW_TICKS_LOG2];

#[derive(Clone, Copy, Debug)]
enum Op {
    /// Relative to the centre.
    Near {
        side: Side,
        offset: i64,
        size_lots: u64,
    },
    /// Absolute price.
    Far {
        side: Side,
        price_ticks: u64,
        size_lots: u64,
    },
    /// The market moves: later `Near` prices are around this one.
    Jump {
        price_ticks: u64,
    },
    /// The best level goes away.
    DeleteBest {
        side: Side,
    },
    Clear,
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Bid), Just(Side::Ask)]
}

fn price() -> impl Strategy<Value = u64> {
    prop_oneof![
        1_u64..200,
        1_u64..1_000_000,
        1_u64..=PRICE_TICKS_MAX,
        // An ask that exists, on the finest grid in use; and the ends of the range.
        Just(1_234_567_891_234_000_000),
        Just(PRICE_TICKS_MAX),
        Just(PRICE_TICKS_MAX - 1),
        Just(1),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let size = prop_oneof![3 => 1_u64..9, 2 => Just(0_u64)];
    prop_oneof![
        30 => (side(), -60_i64..60, size.clone())
            .prop_map(|(side, offset, size_lots)| Op::Near { side, offset, size_lots }),
        20 => (side(), -6_000_i64..6_000, size.clone())
            .prop_map(|(side, offset, size_lots)| Op::Near { side, offset, size_lots }),
        10 => (side(), -600_000_i64..600_000, size.clone())
            .prop_map(|(side, offset, size_lots)| Op::Near { side, offset, size_lots }),
        8 => (side(), price(), size)
            .prop_map(|(side, price_ticks, size_lots)| Op::Far { side, price_ticks, size_lots }),
        2 => price().prop_map(|price_ticks| Op::Jump { price_ticks }),
        8 => side().prop_map(|side| Op::DeleteBest { side }),
        1 => Just(Op::Clear),
    ]
}

/// The referee: two ordered maps.
#[derive(Default)]
struct Oracle {
    bids: BTreeMap<u64, u64>,
    asks: BTreeMap<u64, u64>,
}

impl Oracle {
    fn side(&mut self, side: Side) -> &mut BTreeMap<u64, u64> {
        match side {
            Side::Bid => &mut self.bids,
            Side::Ask => &mut self.asks,
        }
    }

    fn set(&mut self, side: Side, price_ticks: u64, size_lots: u64) -> Change {
        let map = self.side(side);
        let before = if size_lots == 0 {
            map.remove(&price_ticks)
        } else {
            map.insert(price_ticks, size_lots)
        };
        match (before, size_lots) {
            (None, 0) => Change::DeleteOfMissing,
            (None, _) => Change::Inserted,
            (Some(_), 0) => Change::Deleted,
            (Some(_), _) => Change::Replaced,
        }
    }

    /// Best first, at most `count`.
    fn top(&mut self, side: Side, count: usize) -> Vec<Level> {
        let level = |(price_ticks, size_lots): (&u64, &u64)| Level {
            price_ticks: *price_ticks,
            size_lots: *size_lots,
        };
        let map = self.side(side);
        match side {
            Side::Bid => map.iter().rev().take(count).map(level).collect(),
            Side::Ask => map.iter().take(count).map(level).collect(),
        }
    }
}

fn check_same(book: &Book, oracle: &mut Oracle, everything: bool) -> Result<(), TestCaseError> {
    for side in [Side::Bid, Side::Ask] {
        prop_assert_eq!(book.count(side), oracle.side(side).len());
        let top = oracle.top(side, 5);
        prop_assert_eq!(book.best(side), top.first().copied());
        let mut out = [Level::default(); 5];
        let copied = book.copy_top(side, &mut out);
        prop_assert_eq!(&out[..copied], &top[..]);
        if everything {
            let all = oracle.top(side, usize::MAX);
            prop_assert_eq!(book.levels(side).collect::<Vec<_>>(), all);
        }
    }
    let crossed = match (oracle.top(Side::Bid, 1).first(), oracle.top(Side::Ask, 1).first()) {
        (Some(bid), Some(ask)) => bid.price_ticks >= ask.price_ticks,
        _ => false,
    };
    prop_assert_eq!(book.is_crossed(), crossed);
    if everything {
        book.assert_sound();
    }
    Ok(())
}

fn apply(
    books: &mut [Book],
    oracle: &mut Oracle,
    (side, price_ticks, size_lots): (Side, u64, u64),
) -> Result<(), TestCaseError> {
    let expected = oracle.set(side, price_ticks, size_lots);
    for book in books {
        prop_assert_eq!(book.set(side, price_ticks, size_lots), Ok(expected));
    }
    Ok(())
}

fn check(ops: &[Op]) -> Result<(), TestCaseError> {
    let mut books = WINDOWS_LOG2.map(Book::with_window_log2);
    let mut oracle = Oracle::default();
    let mut centre: u64 = 6_508_366;
    for (index, op) in ops.iter().enumerate() {
        match *op {
            Op::Near { side, offset, size_lots } => {
                let price = centre.saturating_add_signed(offset).clamp(1, PRICE_TICKS_MAX);
                apply(&mut books, &mut oracle, (side, price, size_lots))?;
            }
            Op::Far { side, price_ticks, size_lots } => {
                apply(&mut books, &mut oracle, (side, price_ticks, size_lots))?;
            }
            Op::Jump { price_ticks } => centre = price_ticks,
            Op::DeleteBest { side } => {
                let best = oracle.top(side, 1);
                let price = best.first().map_or(1, |level| level.price_ticks);
                apply(&mut books, &mut oracle, (side, price, 0))?;
            }
            Op::Clear => {
                oracle = Oracle::default();
                books.iter_mut().for_each(Book::clear);
            }
        }
        for book in &books {
            check_same(book, &mut oracle, index % 24 == 0 || index + 1 == ops.len())?;
        }
    }
    for book in &books {
        let worst = book.worst_step();
        prop_assert!(worst.levels_moved <= StepCost::LEVELS_MOVED_MAX);
        prop_assert!(worst.entries_shifted <= StepCost::ENTRIES_SHIFTED_MAX);
        prop_assert!(worst.words_scanned <= StepCost::WORDS_SCANNED_MAX);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_book_of_an_ordered_map(ops in prop::collection::vec(op(), 1..700)) {
        check(&ops)?;
    }

    /// Snapshots in three orders, each over the last book, give the same book.
    #[test]
    fn the_order_of_a_snapshot_does_not_matter(
        mut levels in prop::collection::btree_map(1_u64..3_000_000, 1_u64..9, 1..800),
        seed in any::<u64>(),
    ) {
        levels.insert(PRICE_TICKS_MAX, 1);
        let ascending: Vec<_> = levels.into_iter().collect();
        let mut descending = ascending.clone();
        descending.reverse();
        let mut mixed = ascending.clone();
        mixed.sort_by_key(|(price, _)| (price ^ seed).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mut books = WINDOWS_LOG2.map(Book::with_window_log2);
        for order in [&ascending, &descending, &mixed] {
            for book in &mut books {
                book.clear();
                for side in [Side::Bid, Side::Ask] {
                    for (price, size) in order {
                        prop_assert_eq!(book.set(side, *price, *size), Ok(Change::Inserted));
                    }
                }
                book.assert_sound();
                let asks: Vec<_> =
                    book.levels(Side::Ask).map(|level| (level.price_ticks, level.size_lots)).collect();
                prop_assert_eq!(&asks, &ascending);
                let bids: Vec<_> =
                    book.levels(Side::Bid).map(|level| (level.price_ticks, level.size_lots)).collect();
                prop_assert_eq!(&bids, &descending);
            }
        }
        prop_assert_eq!(vec![books[0].best(Side::Bid)], vec![books[3].best(Side::Bid)]);
    }
}
