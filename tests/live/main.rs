//! The whole engine against emulated venues over real sockets, while things go wrong.
//!
//! Each scenario starts a world of its own and the engine as `riptide run` does, lets one thing happen
//! and judges what the journal says of it: that the market was put in doubt in time, that nothing was
//! decided on it until its next snapshot, that it came back by itself, and that the others went on.
//! At the end the market stands still, and every book is compared with its venue's. Market time runs
//! faster than the machine's; deadlines are market time, so a test waits less.
#![expect(clippy::print_stdout, reason = "campaigns and repeats are told to who runs them")]

/// The daemon's allocator: what the campaign measures of memory is then what a daemon would show.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

mod bitstamp;
mod campaign;
mod coinbase;
mod gemini;
mod gemini_v2;
mod harness;
mod keys;
mod limits;
mod nodes;
mod row;
mod slow;
mod solana;
mod story;
mod told;
