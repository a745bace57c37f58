//! The venues as clients see them: their HTTP calls, their WebSocket frames, their errors.
//!
//! Each is a [`crate::serve::Venue`] over an exchange or the chain. Deliberately absent: sockets,
//! clocks, and any code of the connectors, so that both sides follow the venue and not each other.

pub mod bitstamp;
mod candles;
pub mod coinbase;
pub mod gemini;
mod mirror;
mod sign;
pub mod solana;
mod words;

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod fixture;
