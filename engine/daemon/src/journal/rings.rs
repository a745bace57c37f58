//! Every thread and every ring of a run, in one table.
//!
//! | thread | what it does | count |
//! | --- | --- | --- |
//! | `decode` | reads recordings or a journal, decodes, commits whole batches | as many as asked for |
//! | `core` | merges, steps the core, hands records on; the command's own thread | 1 |
//! | `journal` | packs, writes, chains, syncs | 1 where a journal is written |
//!
//! | ring | from → to | slots × bytes | when full |
//! | --- | --- | --- | --- |
//! | events of a source | `decode` → `core` | 132,096 × 64 | the reader waits; live it drops and says so with a doubt |
//! | heads of a source | `decode` → `core` | 8,192 × 48 | as its events |
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
