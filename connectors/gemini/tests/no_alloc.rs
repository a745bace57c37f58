//! Frames of the current feed are read without allocating: a counting allocator sees nothing after the
//! first round, with comparisons of books and without.
#![expect(unsafe_code, reason = "an allocator can be counted in no other way")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use connector_gemini::CurrentDecoder;
use connector_net::audit::AuditSettings;
use connector_net::{Decoder, Input, Market, Markets, Sink};
use engine_model::grid::Step;
use engine_model::{Grid, MarketId};

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

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract of `GlobalAlloc::realloc`.
        unsafe { System.realloc(memory, layout, new_size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn depth(first: u64, last: u64) -> String {
    format!(
        r#"{{"e":"depthUpdate","E":1767225600123456789,"s":"btcusd","U":{first},"u":{last},"b":[["59999.99","0.51000000"],["59999.50","0.00000000"]],"a":[["60000.01","1.25000000"],["78123456.99","12.5"]]}}"#
    )
}

#[test]
fn frames_are_read_without_allocating() {
    let others = [
        r#"{"E":1767225600300000000,"s":"btcusd","t":2840140956529623,"p":"60000.01","q":"0.0025","m":false}"#,
        r#"{"u":9000000161,"E":1767225600223456789,"s":"btcusd","b":"59999.50","B":"2.0","a":"60000.01","A":"0.4"}"#,
        r#"{"id":0,"status":200}"#,
    ];
    for audit in [None, Some(AuditSettings::default())] {
        let grid = Grid { tick: Step::decimal(2), lot: Step::decimal(8) };
        let market = Market { symbol: "BTCUSD".into(), id: MarketId(0), grid };
        let mut decoder = CurrentDecoder::new(Markets::closed(vec![market]));
        if let Some(audit) = audit {
            decoder = decoder.with_audit(audit);
        }
        let mut out = Sink::default();
        decoder.decode(1, 1, Input::Received(depth(10, 10).as_bytes()), &mut out);
        let frames: Vec<String> = (10..510).map(|id| depth(id, id + 1)).collect();
        let mut feed = |frames: &[String]| {
            for frame in frames {
                out.clear();
                decoder.decode(2, 2, Input::Received(frame.as_bytes()), &mut out);
                assert_eq!(out.events.len(), 4);
                for other in others {
                    out.clear();
                    decoder.decode(2, 2, Input::Received(other.as_bytes()), &mut out);
                    assert_eq!(out.events.len(), 1);
                }
            }
        };
        feed(&frames[..10]);
        let before = COUNT.with(Cell::get);
        feed(&frames[10..]);
        assert_eq!(COUNT.with(Cell::get), before, "{audit:?}");
        let counts = decoder.counts();
        assert_eq!((counts.fast, counts.typed), (500, 0));
        let start = COUNT.with(Cell::get);
        drop(vec![0_u8; 9]);
        assert!(COUNT.with(Cell::get) > start, "the allocator counts");
    }
}
