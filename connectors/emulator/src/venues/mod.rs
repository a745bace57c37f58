//! The venues as clients see them: their HTTP calls, their WebSocket frames, their errors.
//!
//! Each is a [`crate::serve::Venue`] over an exchange or the chain. Deliberately absent: sockets,
//! clocks, and any code of the connectors, so that both sides follow the venue and not each other.

pub mod coinbase;
pub mod solana;
