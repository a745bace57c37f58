//! Recorded update frames through whole engines: one frame is one event for everybody.
//!
//! What an engine takes its events from is made beforehand (ours takes them from a journal). Every side begins a pass with the books
//! of the snapshots and goes on from turn to turn; after each turn it states the best prices that
//! its engine holds, and they must be those of our book.

mod barter_side;
mod riptide_side;

use std::ops::Range;
use std::rc::Rc;

use ::barter::engine::state::instrument::data::DefaultInstrumentMarketData as BestOnly;
use benches::frames::{Feed, Frame, Ours};
use benches::streams::Update;
use connector_net::{Market, Sink};
use engine_core::market::book::{Book, Level};
use engine_model::{Body, Side};

use crate::turns::{Item, Target, Work};
use barter_side::{BarterSide, FullBook};
use benches::scene::Scene;
use riptide_side::RiptideSide;

/// Update frames in one turn: half a millisecond for the slowest side.
const FRAMES: usize = 40;

/// Best bid and best ask.
type Top = [Option<Level>; 2];

/// One frame, decoded.
pub(crate) struct Batch {
    /// Position of its market in [`Recording::markets`].
    market: usize,
    /// When the venue says it happened. Unit: Unix nanoseconds.
    venue_ns: u64,
    /// When it was received. Unit: Unix nanoseconds.
    recv_ns: u64,
    /// The venue's sequence number.
    seq: u64,
    /// Its levels, in the frame's order.
    levels: Vec<Update>,
    /// The market's best levels after it.
    top: Top,
}

/// What every side is made of, and what it is compared with.
pub(crate) struct Recording {
    /// Symbols and grids.
    markets: Vec<Market>,
    /// The frames that every pass begins behind, one of each market.
    snapshots: Vec<Batch>,
    /// The frames that are timed.
    updates: Vec<Batch>,
    /// Ranges of `updates`.
    turns: Vec<Range<usize>>,
    /// [`tops_sum`] after each turn.
    sums: Vec<u64>,
}

impl Recording {
    fn new(feed: &Feed) -> Self {
        let mut decoder = feed.decoder();
        let mut books: Vec<Book> = feed.markets.iter().map(|_| Book::new()).collect();
        let mut read = |frame| batch(feed, frame, &mut decoder, &mut books);
        let snapshots: Vec<Batch> = feed.snapshots.iter().map(&mut read).collect();
        let updates: Vec<Batch> = feed.updates.iter().map(&mut read).collect();
        assert_eq!(snapshots.len(), feed.markets.len(), "one snapshot of each market");

        let starts = (0..updates.len()).step_by(FRAMES);
        let turns: Vec<_> = starts.map(|start| start..updates.len().min(start + FRAMES)).collect();
        let mut tops = vec![Top::default(); feed.markets.len()];
        for batch in &snapshots {
            tops[batch.market] = batch.top;
        }
        let mut sums = Vec::with_capacity(turns.len());
        for turn in &turns {
            for batch in &updates[turn.clone()] {
                tops[batch.market] = batch.top;
            }
            sums.push(tops.iter().map(ticks).fold(0, u64::wrapping_add));
        }
        Self { markets: feed.markets.clone(), snapshots, updates, turns, sums }
    }

    fn levels(batches: &[Batch]) -> usize {
        batches.iter().map(|batch| batch.levels.len()).sum()
    }
}

/// Both best prices, added up. Unit: ticks.
fn ticks(top: &Top) -> u64 {
    top.iter().flatten().map(|level| level.price_ticks).fold(0, u64::wrapping_add)
}

fn batch(feed: &Feed, frame: &Frame, decoder: &mut Ours, books: &mut [Book]) -> Batch {
    let mut out = Sink::default();
    decoder.decode(frame, &mut out);
    assert_eq!(out.batches.len(), 1, "line {}: one batch", frame.line);
    let head = out.events[0];
    let of_head = |market: &Market| market.id == head.market;
    let market = feed.markets.iter().position(of_head).expect("a market of the recording");
    let mut levels = Vec::with_capacity(frame.levels);
    for event in &out.events {
        assert_eq!(event.market, head.market, "line {}: one market", frame.line);
        if let Body::Level { side, price_ticks, size_lots } = event.body {
            books[market].set(side, price_ticks, size_lots).expect("a level in range");
            levels.push(Update { side, price_ticks, size_lots });
        }
    }
    let top = [books[market].best(Side::Bid), books[market].best(Side::Ask)];
    let (venue_ns, recv_ns, seq) = (head.venue_ns, head.recv_ns, head.seq);
    Batch { market, venue_ns, recv_ns, seq, levels, top }
}

/// Every side holds our book's best prices after every turn, in two passes.
fn prove(item: &mut Item, recording: &Recording) {
    for (name, work) in &mut item.sides {
        for pass in 0..2 {
            for (turn, sum) in recording.sums.iter().enumerate() {
                work.prepare(turn);
                assert_eq!(work.run(turn), *sum, "{name}, pass {pass}, turn {turn}");
            }
        }
    }
}

/// The Coinbase recording. barter keeps a side of a book in one sorted vector, so that it moves up to
/// a megabyte per new level; hence also books that begin with their best levels only, and an engine
/// that is told the best prices and keeps no book at all.
///
/// Ours reads its events from a journal, the others' are made beforehand. `ours` has the recording's
/// two markets, as barter; `ours-comparing` has a counterpart for each, so that every frame is also
/// compared with another venue.
///
/// A side is a line here: a [`Work`] whose turns are those of the recording and return the sum of
/// both best prices of all markets.
pub(crate) fn item() -> Item {
    let feed = Feed::coinbase();
    let recording = Rc::new(Recording::new(&feed));
    let alone = Scene::alone(&feed);
    let sides: Vec<(&'static str, Box<dyn Work>)> = vec![
        ("ours", Box::new(RiptideSide::new(&recording, alone))),
        ("ours-comparing", Box::new(RiptideSide::comparing(&recording, &feed))),
        ("barter", Box::new(BarterSide::<FullBook>::new(&recording, usize::MAX))),
        ("barter-5000-levels", Box::new(BarterSide::<FullBook>::new(&recording, 5_000))),
        ("barter-best-only", Box::new(BarterSide::<BestOnly>::new(&recording, 1))),
    ];
    let mut item = Item {
        unit: "frame",
        turn_units: recording.turns.iter().map(ExactSizeIterator::len).collect(),
        sides,
        targets: vec![
            Target { peer: "barter", at_least: 12.0 },
            Target { peer: "barter-5000-levels", at_least: 12.0 },
        ],
        less: None,
        notes: vec![format!(
            "{} frames of {} levels in all, after snapshots of {} levels; best prices equal after \
             each {FRAMES}",
            recording.updates.len(),
            Recording::levels(&recording.updates),
            Recording::levels(&recording.snapshots),
        )],
    };
    prove(&mut item, &recording);
    item
}
