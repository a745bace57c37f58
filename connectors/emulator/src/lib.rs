//! A small market that does not exist: three exchanges and one pool around a hidden fair price.
//!
//! [`market`] is the state machine: given a seed and a script it says, frame by frame, what the
//! venues would have sent, in their own wire formats. [`bundle`] runs it for four minutes and writes
//! the recording that ships with the project; emulators of live venues drive the same state machine
//! from real time.
//!
//! Deliberately absent: any code of the venue crates. Encoder and decoder agree because both follow
//! the venue, not because they share a function. Also absent: floats, clocks, threads and hash maps,
//! so that the same seed gives the same bytes on every machine.
//! Start reading at [`market::Market`].

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
