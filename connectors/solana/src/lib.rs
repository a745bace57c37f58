//! Solana as Riptide sees it: accounts of Orca Whirlpool and the token programs, files of them, and
//! the frames of a node's subscriptions, turned into events.
//!
//! Layout: [`layout`] reads account bytes, [`address`] derives addresses, [`data`] undoes the text
//! forms of account data, [`events`] turns accounts into event bodies, [`decoder`] does so for a
//! node's frames. [`accounts`] and [`input`] read files, [`quote`] and [`swaps`] are the two commands
//! that work on them, with their [`outcome`].
//!
//! Deliberately absent: sockets, clocks, transactions, and any knowledge of strategy.
//! Start reading at [`decoder::SolanaDecoder`].

pub mod accounts;
pub mod address;
pub mod data;
pub mod decoder;
pub mod events;
pub mod input;
pub mod layout;
pub mod outcome;
pub mod quote;
pub mod session;
pub mod swaps;

pub use decoder::{PoolExpected, SolanaDecoder};
