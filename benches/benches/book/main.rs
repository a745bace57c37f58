//! Book update plus best prices: our book against two `BTreeMap<i64, i64>`.
//!
//! First the ratios, each the median of short turns that alternate, so that a busy machine slows
//! both sides and a turn that was interrupted does not count; then divan's table of the same work.
//! Streams: the recorded Coinbase BTC one, a deep one modelled on it, and one at the touch.
#![expect(clippy::print_stdout, reason = "a benchmark reports on standard output")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Instant;

use engine_core::market::book::{Book, Level};
use engine_model::Side;

use benches::streams::{self, Stream, Update};

/// Passes over a stream of which the median turn counts.
const ROUNDS: usize = 61;

/// Most updates in one timed turn: some tens of microseconds, far below a scheduler's slice. In
/// longer turns a busy machine interrupts the slower side only, and flatters the ratio.
const TURN_UPDATES: usize = 2_500;

fn main() {
    for stream in [streams::coinbase_btc(), streams::deep(), streams::near_touch()] {
        print_ratio(&stream);
    }
    divan::main();
}

/// A book as a reader of updates sees it.
trait Target {
    fn load(snapshot: &[Update]) -> Self;
    /// Applies one update; the sum of both best prices, so that they are read.
    fn apply(&mut self, update: Update) -> u64;
}

impl Target for Book {
    fn load(snapshot: &[Update]) -> Self {
        let mut book = Self::new();
        for update in snapshot {
            book.apply(*update);
        }
        book
    }

    fn apply(&mut self, update: Update) -> u64 {
        let changed = self.set(update.side, update.price_ticks, update.size_lots);
        assert!(changed.is_ok(), "streams stay in range");
        let bid = self.best(Side::Bid).map_or(0, |level| level.price_ticks);
        let ask = self.best(Side::Ask).map_or(0, |level| level.price_ticks);
        bid.wrapping_add(ask)
    }
}

/// What a reader would write first.
#[derive(Clone, Default)]
struct Maps {
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
}

impl Target for Maps {
    fn load(snapshot: &[Update]) -> Self {
        let mut maps = Self::default();
        for update in snapshot {
            maps.apply(*update);
        }
        maps
    }

    fn apply(&mut self, update: Update) -> u64 {
        let side = match update.side {
            Side::Bid => &mut self.bids,
            Side::Ask => &mut self.asks,
        };
        if update.size_lots == 0 {
            side.remove(&update.price_ticks.cast_signed());
        } else {
            side.insert(update.price_ticks.cast_signed(), update.size_lots.cast_signed());
        }
        let bid = self.bids.last_key_value().map_or(0, |(price, _)| *price);
        let ask = self.asks.first_key_value().map_or(0, |(price, _)| *price);
        bid.wrapping_add(ask).cast_unsigned()
    }
}

/// Applies the whole stream once. It ends where it began, so it may be applied again.
fn pass(target: &mut impl Target, updates: &[Update]) -> u64 {
    let mut sum = 0_u64;
    for update in updates {
        sum = sum.wrapping_add(target.apply(*update));
    }
    sum
}

/// Nanoseconds of one turn, and the sum that proves that both sides saw the same best prices.
fn timed(target: &mut impl Target, updates: &[Update]) -> (f64, u64) {
    let mut sum = 0;
    let turn_ns = ns(|| {
        sum = pass(black_box(target), black_box(updates));
        sum
    });
    (turn_ns, sum)
}

fn print_ratio(stream: &Stream) {
    let (mut book, mut maps) = (Book::load(&stream.snapshot), Maps::load(&stream.snapshot));
    let (mut ours, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        for turn in stream.updates.chunks(TURN_UPDATES) {
            let (book_ns, book_sum) = timed(&mut book, turn);
            let (maps_ns, maps_sum) = timed(&mut maps, turn);
            assert_eq!(book_sum, maps_sum, "the same best prices after every update");
            let updates = f64::from(u32::try_from(turn.len()).expect("thousands"));
            ours.push(book_ns / updates);
            theirs.push(maps_ns / updates);
            ratios.push(book_ns / maps_ns);
        }
    }
    println!(
        "{}: {} levels, {} updates",
        stream.name,
        stream.snapshot.len(),
        stream.updates.len() / 2
    );
    println!(
        "  again and again: book {:.1} ns, BTreeMap {:.1} ns an update, ratio {:.3}",
        median(&mut ours),
        median(&mut theirs),
        median(&mut ratios)
    );
    print_once(stream, &mut book);
    println!("  worst step {:?}, {} bytes", book.worst_step(), book.memory_bytes());
}

/// A second snapshot, then the stream once: no pattern that a branch predictor could have learnt.
fn print_once(stream: &Stream, book: &mut Book) {
    let updates = &stream.updates[..stream.updates.len() / 2];
    let mut maps = Maps::default();
    let (mut load_ratios, mut pass_ratios) = (Vec::new(), Vec::new());
    let (mut loads, mut passes) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let book_load_ns = ns(|| {
            book.clear();
            pass(book, &stream.snapshot)
        });
        let book_pass_ns = ns(|| pass(book, updates));
        let maps_load_ns = ns(|| {
            maps.bids.clear();
            maps.asks.clear();
            pass(&mut maps, &stream.snapshot)
        });
        let maps_pass_ns = ns(|| pass(&mut maps, updates));
        loads.push(book_load_ns);
        load_ratios.push(book_load_ns / maps_load_ns);
        passes.push(book_pass_ns);
        pass_ratios.push(book_pass_ns / maps_pass_ns);
    }
    println!(
        "  a snapshot: {:.2} ms, ratio {:.3}; then the stream once: {:.1} ns an update, ratio {:.3}",
        median(&mut loads) / 1e6,
        median(&mut load_ratios),
        median(&mut passes) / f64::from(u32::try_from(updates.len()).expect("thousands")),
        median(&mut pass_ratios),
    );
}

#[expect(clippy::cast_precision_loss, reason = "figures for a reader")]
fn ns(work: impl FnOnce() -> u64) -> f64 {
    let start = Instant::now();
    black_box(work());
    start.elapsed().as_nanos() as f64
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn bench_stream<T: Target>(bencher: divan::Bencher<'_, '_>, stream: &Stream) {
    let mut target = T::load(&stream.snapshot);
    bencher
        .counter(divan::counter::ItemsCount::new(stream.updates.len()))
        .bench_local(|| pass(black_box(&mut target), black_box(&stream.updates)));
}

/// What a sizing reads of a book.
#[divan::bench]
fn top_20_of_both_sides(bencher: divan::Bencher<'_, '_>) {
    let book = Book::load(&streams::deep().snapshot);
    let mut top = [Level::default(); 20];
    bencher.bench_local(|| {
        let book = black_box(&book);
        book.copy_top(Side::Bid, black_box(&mut top))
            + book.copy_top(Side::Ask, black_box(&mut top))
    });
}

#[divan::bench(types = [Book, Maps])]
fn deep<T: Target>(bencher: divan::Bencher<'_, '_>) {
    bench_stream::<T>(bencher, &streams::deep());
}

#[divan::bench(types = [Book, Maps])]
fn near_touch<T: Target>(bencher: divan::Bencher<'_, '_>) {
    bench_stream::<T>(bencher, &streams::near_touch());
}

#[divan::bench(types = [Book, Maps])]
fn coinbase_btc<T: Target>(bencher: divan::Bencher<'_, '_>) {
    bench_stream::<T>(bencher, &streams::coinbase_btc());
}
