//! The journal: append-only segments of records that are the truth about a run.
//!
//! A journal directory holds two streams that share one sequence: `market` (books, pools, slots,
//! rates) and `ledger` (commands, approvals, fills, halts). Each is a row of preallocated segments.
//! Records become a *commit group* by a commit record that carries a BLAKE3 chain; a group is
//! *acknowledged* once a sync has covered it.
//!
//! Layout: [`format`](mod@format) is the bytes, [`disk`] the one trait all files go through (and a
//! simulated disk for tests), [`writer`] appends, [`reader`] returns both streams merged,
//! [`anchor`] keeps states of the core, [`retention`] compresses and deletes whole segments,
//! [`batch`] packs the events of one frame into one record. Limits are in [`limits`].
//!
//! Deliberately absent: clocks (every time is handed in), threads, any knowledge of what a payload
//! means, and any repair by a reader. Start reading at [`format`](mod@format), then [`writer`].

pub mod anchor;
pub mod batch;
pub mod disk;
pub mod error;
pub mod format;
mod lane;
pub mod limits;
pub mod reader;
pub mod records;
pub mod retention;
mod scan;
mod segment;
mod source;
mod start;
pub mod writer;

pub use error::JournalError;
pub use format::{RecordHead, Stream};
pub use reader::{Reader, Record};
pub use writer::{Committed, Recovered, SyncPolicy, Writer, WriterOptions};
