//! What the derived part promises: gaps that open, peak and close, short and long, and one depeg.
//!
//! Edges here are those of the best prices alone, net of the published entry-tier fees; what can be
//! traded of them is for the engine to find out.

use rust_decimal::Decimal;

use super::view::{Place, View};

/// Taker fee of Coinbase, Gemini and Bitstamp, and the pool's fee. Unit: bps.
const FEES_BPS: [i64; 4] = [90, 40, 40, 30];

/// A gap between buying here and selling there.
#[derive(Clone, Copy, Debug)]
struct Gap {
    buy: usize,
    sell: usize,
    opened_us: u64,
    closed_us: u64,
    /// Unit: bps, rounded down.
    peak_bps: i64,
}

/// (bid, ask) in USD of the three exchanges and the pool.
fn prices(view: &View) -> Option<[(Decimal, Decimal); 4]> {
    let best = |place: Place| {
        let [bid, ask] = view.books[place as usize].best()?;
        Some((bid.0, ask.0))
    };
    let (peg, pool) = (best(Place::Peg)?, view.pool?);
    let pool = (pool * peg.0, pool * peg.1);
    Some([best(Place::Coinbase)?, best(Place::Gemini)?, best(Place::Bitstamp)?, pool])
}

fn gaps() -> Vec<Gap> {
    let mut view = View::open();
    let mut open: [[Option<Gap>; 4]; 4] = [[None; 4]; 4];
    let mut closed = Vec::new();
    while let Some((at_us, place)) = view.step() {
        let (Some(_), Some(prices)) = (place, prices(&view)) else { continue };
        for (buy, sell) in (0..4).flat_map(|buy| (0..4).map(move |sell| (buy, sell))) {
            if buy == sell {
                continue;
            }
            let ratio = prices[sell].0 / prices[buy].1 - Decimal::ONE;
            let gross: i64 = (ratio * Decimal::from(10_000)).floor().try_into().expect("small");
            let net_bps = gross - FEES_BPS[buy] - FEES_BPS[sell] - 2;
            let slot = &mut open[buy][sell];
            if net_bps > 0 {
                let fresh = Gap { buy, sell, opened_us: at_us, closed_us: 0, peak_bps: net_bps };
                let gap = slot.get_or_insert(fresh);
                gap.peak_bps = gap.peak_bps.max(net_bps);
            } else if let Some(mut gap) = slot.take() {
                gap.closed_us = at_us;
                closed.push(gap);
            }
        }
    }
    closed
}

#[test]
fn every_episode_is_there() {
    let gaps = gaps();
    for (what, buy, sell, from_ms, length_ms, peak_bps) in [
        ("Gemini rich for 4 s", 2, 1, 10_500, 3_000..4_200, 80..120),
        ("Bitstamp cheap for 60 ms", 2, 1, 22_000, 30..100, 90..140),
        ("the pool sleeps through a rise", 3, 1, 30_000, 3_000..4_500, 120..190),
        ("Gemini rich for 90 ms", 2, 1, 42_000, 60..100, 50..100),
        ("Coinbase rich for 2.5 s", 1, 0, 48_000, 2_000..3_000, 80..130),
        ("Bitstamp cheap while its asks run out", 2, 1, 56_000, 300..600, 60..100),
        ("the pool sleeps through the depeg", 3, 2, 64_000, 3_000..8_000, 500..800),
        ("the pool sleeps through the recovery", 1, 3, 74_000, 3_000..8_000, 500..800),
        ("Coinbase cheap for 70 ms", 0, 1, 84_000, 40..100, 90..150),
        ("a whale leaves the pool cheap", 3, 1, 90_000, 4_000..7_000, 40..100),
        ("Bitstamp cheap for 5 s", 2, 1, 100_700, 3_000..5_000, 60..100),
        ("Bitstamp two seconds behind", 1, 2, 110_000, 1_500..2_500, 150..300),
        ("a whale leaves the pool rich", 1, 3, 168_000, 4_000..5_000, 60..100),
        ("Bitstamp cheap and Gemini rich for 2 s", 2, 1, 180_000, 1_800..2_100, 50..90),
        ("the same for 45 ms", 2, 1, 196_000, 20..60, 50..90),
        ("the same until a second leg would arrive", 2, 1, 204_000, 50..100, 50..90),
        ("the same until its bids vanish", 2, 1, 212_000, 50..100, 50..90),
    ] {
        let found = gaps.iter().find(|gap| {
            let length = (gap.closed_us - gap.opened_us) / 1_000;
            (gap.buy, gap.sell) == (buy, sell)
                && (from_ms..from_ms + 1_500).contains(&(gap.opened_us / 1_000))
                && length_ms.contains(&length)
                && peak_bps.contains(&gap.peak_bps)
        });
        assert!(found.is_some(), "{what}: {gaps:#?}");
    }
}

#[test]
fn nothing_opens_where_nothing_is_arranged() {
    let quiet =
        [(2_000, 9_900), (15_000, 21_900), (36_000, 41_900), (52_000, 55_900), (120_000, 167_700)];
    for gap in gaps() {
        let at_ms = gap.opened_us / 1_000;
        assert!(!quiet.iter().any(|(from, to)| (*from..*to).contains(&at_ms)), "{gap:?}");
    }
}

#[test]
fn the_peg_breaks_once_and_recovers() {
    let (low, high) = (Decimal::new(94, 2), Decimal::new(999, 3));
    let mut view = View::open();
    let (mut below_us, mut broke_us, mut last) = (0, None, high);
    while let Some((at_us, place)) = view.step() {
        if place != Some(Place::Peg) {
            continue;
        }
        let [bid, _] = view.books[Place::Peg as usize].best().expect("both sides");
        if bid.0 < low {
            broke_us.get_or_insert(at_us);
            below_us = at_us;
        }
        last = bid.0;
    }
    let length_us = below_us - broke_us.expect("it breaks");
    assert!((8_000_000..12_000_000).contains(&length_us), "{length_us} us below 0.94");
    assert!(last > high, "{last}");
}

#[test]
fn a_later_fill_finds_less_and_a_second_leg_finds_nothing() {
    let mut view = View::open();
    let (mut asks, mut bids) = (Vec::new(), Vec::new());
    while let Some((at_us, place)) = view.step() {
        let ms = at_us / 1_000;
        let near = Decimal::new(5, 2);
        if place == Some(Place::Bitstamp) && (56_000..56_700).contains(&ms) {
            let book = &view.books[Place::Bitstamp as usize];
            let best = book.best().expect("both sides")[1].0;
            let size: Decimal = book.asks.range(..=best + near).map(|(_, size)| size).sum();
            asks.push(size);
        }
        if place == Some(Place::Gemini) && (100_900..101_300).contains(&ms) {
            bids.push(view.books[Place::Gemini as usize].best().expect("both sides")[0].1);
        }
    }
    assert!(asks.contains(&Decimal::from(12)), "{asks:?}");
    assert!(asks.contains(&Decimal::from(2)), "{asks:?}");
    assert!(bids.contains(&Decimal::new(3, 1)), "{bids:?}");
}
