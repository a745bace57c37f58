//! Venues that do not exist: emulated exchanges and an emulated chain behind the venues' own
//! protocols, and the small market that wrote the shipped recording.
//!
//! [`world::world`] builds everything from a configuration ([`config`]): [`exchange`]s that match
//! orders, a [`chain`] that executes swaps, a [`live`] market that moves both, and the [`venues`]
//! that tell clients about them. [`serve::start`] puts sockets, market time, limits and faults
//! around them. [`market`] is the older state machine whose frames [`bundle`] recorded.
//!
//! Deliberately absent: any code of the venue crates. Encoder and decoder agree because both follow
//! the venue, not because they share a function. Also absent outside [`serve`]: floats, clocks,
//! threads and hash maps, so that the same seed gives the same world on every machine.
//! Start reading at [`world::world`].

pub mod bundle;
pub mod chain;
pub mod config;
pub mod exchange;
pub mod happening;
pub mod keys;
pub mod live;
pub mod market;
pub mod serve;
pub mod venues;
pub mod world;
