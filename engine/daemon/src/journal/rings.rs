//! Every thread and every ring of a run, in one table. All threads use the process's allocator,
//! mimalloc; the core allocates nothing after warm-up.
//!
//! | thread | what it does | count | waits |
//! | --- | --- | --- | --- |
//! | `decode` | replay: reads recordings or a journal, decodes, commits whole batches | as many as asked for | for room |
//! | `read-<venue>` | live: reads the sockets of one venue, decodes, publishes | 1 a venue; none where `inline` | `spin` or `park` |
//! | `core` | merges, steps the core, hands records on; hosts the readers where `inline` | 1 | `spin`, `park` or `inline` |
//! | `journal` | packs, writes, chains, syncs | 1 where a journal is written | sleeps 0.2 ms |
//! | `latency` | live: adds up histograms, writes them beside the journal | 1 | `park` |
//! | `cold` | live: makes requests where the readers have no runtime of their own | 1; none where `inline` | `park` |
//! | `dial` | live: connects a polled socket, then ends | at most 1 a link, where `spin` | `park` |
//! | `record-<venue>` | live: packs raw captures | 1 a venue where asked for | `park` |
//!
//! | ring | from → to | slots × bytes | when full |
//! | --- | --- | --- | --- |
//! | events of a source | `decode` → `core` | 132,096 × 64 | the reader waits |
//! | events of a link | reader → `core` | `runtime.ring_events` × 64 | the batch is lost, counted, said by a `Gap` before anything newer of its markets, and the markets are asked for anew |
//! | heads of either | reader → `core` | 8,192 × 48 | as its events |
//! | requests to a link | `core` → reader | 256 × 16 | counted; asked again when the book is looked over next |
//! | orders to the core | supervisor → `core` | 64 × 40 | the supervisor waits |
//! | latencies | `core` → `latency` | 2 × 1.1 MB, swapped | the interval goes on |
//! | inputs for a capture | reader → `record-<venue>` | bounded by bytes | the input is lost, counted, and the capture says so |
//! | market records | `core` → `journal` | 264,192 × 64 | the core takes no more input |
//! | heads of records | `core` → `journal` | 16,384 × 32 | the core takes no more input |
//! | ledger records | `core` → `journal` | 4,096 and more × 1,536 | the core takes no more input |
//!
//! A core that takes no more input lets the rings in front of it fill: nothing is lost in silence,
//! and no decision is made that could not be recorded.

use engine_core::Outbox;

/// Slots of the market-record ring: two of the largest batches.
pub const MARKET_EVENTS: usize = 2 * (131_072 + 1_024);

/// Slots of the ring of record heads.
pub const HEADS: usize = 16_384;

/// Slots of the ledger ring besides those that one step may need.
pub const LEDGER_SPARE: usize = 4_096;

/// Slots of the ledger ring: always room for the largest batch besides what waits. A batch speaks
/// at its first event (timers) and at its last.
#[must_use]
pub const fn ledger_slots(pairs: usize) -> usize {
    2 * Outbox::capacity_for(pairs) + LEDGER_SPARE
}
