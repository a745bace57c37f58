//! A book takes its memory once: a counting allocator sees nothing after the first snapshot.
#![expect(unsafe_code, reason = "an allocator can be counted in no other way")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use engine_core::market::book::{Book, BookState, Level, MarketBook};
use engine_model::{Body, DoubtReason, Event, Flags, MarketId, Side, Venue};

thread_local! {
    /// Allocations of this thread: other tests run beside.
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes to the system's allocator unchanged; the counter is a plain cell.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract of `GlobalAlloc::alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: `memory` came from `System` with this layout.
        unsafe { System.dealloc(memory, layout) }
    }

    // Without these two the default ones would go through `alloc` above: counted just the same, but
    // a fresh book would touch all its pages.
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract of `GlobalAlloc::alloc_zeroed`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract of `GlobalAlloc::realloc`.
        unsafe { System.realloc(memory, layout, new_size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> u64 {
    let before = COUNT.with(Cell::get);
    work();
    COUNT.with(Cell::get) - before
}

/// A repeatable generator.
struct Draws(u64);

impl Draws {
    fn below(&mut self, end: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

fn event(flags: u8, body: Body) -> Event {
    let (market, venue) = (MarketId(0), Venue::Coinbase);
    Event { recv_ns: 1, venue_ns: 0, seq: 0, market, venue, flags: Flags(flags), body }
}

fn level(side: Side, price_ticks: u64, size_lots: u64) -> Event {
    event(0, Body::Level { side, price_ticks, size_lots })
}

/// A whole day in small: levels near and far, a price that runs, too many levels, new snapshots.
fn live_through(market: &mut MarketBook, draws: &mut Draws) {
    for centre in [6_500_000_u64, 6_500_500, 9_000_000, 400_000] {
        market.apply(&event(0, Body::BookClear));
        for _ in 0..60_000 {
            let reach = 1 << (4 + draws.below(18));
            let distance = 1 + draws.below(reach);
            market.apply(&level(Side::Bid, centre.saturating_sub(distance).max(1), 5));
            market.apply(&level(Side::Ask, centre + distance, 5));
        }
        market.apply(&level(Side::Ask, 1_234_567_891_234_000_000, 1));
        market.end_batch();
        assert_eq!(market.state(), BookState::Live);
        for step in 0..20_000 {
            let price = centre + step * 40;
            market.apply(&level(Side::Ask, centre + 1 + draws.below(step * 40 + 40), 0));
            market.apply(&level(Side::Bid, price, 1 + draws.below(3)));
        }
        let mut top = [Level::default(); 50];
        assert_eq!(market.book().copy_top(Side::Bid, &mut top), 50);
        for index in 0..200_000_u64 {
            market.apply(&level(Side::Bid, 1 + index * 1_000, 1));
        }
        assert_eq!(market.state(), BookState::Doubt(DoubtReason::TooLarge));
    }
}

#[test]
fn nothing_is_allocated_after_the_book_is_made() {
    let mut market = MarketBook::new();
    let mut draws = Draws(1);
    assert_eq!(allocations(|| live_through(&mut market, &mut draws)), 0);
    assert_eq!(market.counts().snapshots, 4);
}

#[test]
fn a_clone_has_its_memory_too() {
    let mut market = MarketBook::new().clone();
    let mut draws = Draws(2);
    assert_eq!(allocations(|| live_through(&mut market, &mut draws)), 0);
}

#[test]
fn the_counter_counts() {
    assert!(allocations(|| drop(Book::new())) > 0);
}
