//! Solana as Riptide sees it: accounts of Orca Whirlpool and the token programs, files of them, and
//! the frames of a node's subscriptions, turned into events.
//!
//! Layout: [`layout`] reads account bytes, [`address`] derives addresses, [`data`] undoes the text
//! forms of account data, [`accounts`] reads files of accounts.
//!
//! Deliberately absent: sockets, clocks, transactions, and any knowledge of strategy.
//! Start reading at [`layout`].

pub mod accounts;
pub mod address;
pub mod data;
pub mod input;
pub mod layout;
pub mod outcome;
pub mod quote;
pub mod swaps;
