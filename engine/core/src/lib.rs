//! The pure state machine: events go in one at a time, what follows from them comes out.
//!
//! Order of the modules: [`num`] and [`timers`], [`tables`], [`market`] (books, pools, rates,
//! balances), [`signal`], [`risk`], [`execution`], [`outbox`], [`explain`], [`probe`], [`desk`],
//! [`step`], [`state`]. A module uses those to its left only. Deliberately absent: I/O, clocks,
//! threads, floats, hash maps and randomness; time is the receive time of the event. The crate is
//! `no_std` and links integers of 256 bits and `serde` (its stored form) besides our own, which is
//! why it cannot reach the outside. Start reading at [`step::Core::step`].
#![no_std]

extern crate alloc;

pub mod desk;
pub mod execution;
pub mod explain;
pub mod market;
pub mod num;
pub mod outbox;
pub mod probe;
pub mod risk;
pub mod signal;
pub mod state;
pub mod step;
pub mod tables;
pub mod timers;

pub use desk::Settings;
pub use outbox::{Decided, Decision, Fate, Outbox, Output};
pub use probe::{NoProbe, Probe, Stage};
pub use step::{Core, Taken};
pub use tables::Tables;
