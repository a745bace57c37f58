//! Packing, appending, committing, reading and unpacking take their memory once: a counting
//! allocator sees nothing after the first round.
#![expect(unsafe_code, reason = "an allocator can be counted in no other way")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

use engine_journal::disk::{Disk, RealDisk};
use engine_journal::{Reader, RecordHead, Stream, SyncPolicy, Writer, WriterOptions, batch};
use engine_model::{Body, Event, Flags, MarketId, Side, Venue};

thread_local! {
    /// Allocations of this thread: other tests run beside.
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes to the system's allocator unchanged; the counter is a plain cell. The
// default `alloc_zeroed` and `realloc` go through `alloc` and are counted there.
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
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> u64 {
    let before = COUNT.with(Cell::get);
    work();
    COUNT.with(Cell::get) - before
}

fn frame(number: u64) -> [Event; 6] {
    let body = |index| match index {
        0 => Body::Heartbeat { counter: number },
        _ => {
            Body::Level { side: Side::Ask, price_ticks: 60_000 + index * number, size_lots: index }
        }
    };
    [0, 1, 2, 3, 4, 5].map(|index| Event {
        recv_ns: 1_785_000_000_000_000_000 + number,
        venue_ns: 1_785_000_000_000_000_000,
        seq: number,
        market: MarketId(1),
        venue: Venue::Coinbase,
        flags: Flags(u8::from(index == 5)),
        body: body(index),
    })
}

#[test]
fn nothing_is_allocated_after_the_first_round() {
    let base = tempfile::tempdir().expect("a directory");
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let options = WriterOptions { sync: SyncPolicy::None, ..WriterOptions::default() };
    let (mut writer, _) = Writer::open(&disk, base.path(), options).expect("a new journal");
    let (mut bytes, mut events) = (Vec::new(), Vec::new());
    let mut round = |numbers: std::ops::Range<u64>| {
        for number in numbers {
            batch::encode(&frame(number), &mut bytes).expect("a batch");
            let stream = if number % 16 == 0 { Stream::Ledger } else { Stream::Market };
            let head = RecordHead { seq: number, kind: 1, version: 1, time_ns: number };
            writer.append(stream, head, &bytes).expect("a healthy disk");
            if number % 100 == 0 {
                writer.commit(number).expect("a healthy disk");
            }
        }
    };
    round(0..300);
    assert_eq!(allocations(|| round(300..20_000)), 0, "while writing");
    writer.close(0).expect("a healthy disk");

    let mut reader = Reader::open(&disk, base.path()).expect("a journal");
    let mut read = |count: u64| {
        for _ in 0..count {
            let record = reader.next_record().expect("a good journal").expect("more records");
            batch::decode(record.payload, &mut events).expect("a batch");
            assert_eq!(events[..], frame(record.head.seq));
        }
    };
    read(300);
    assert_eq!(allocations(|| read(19_700)), 0, "while reading");
}
