//! Transactions: what a client sends, what that costs, and what it does to accounts.

mod budget;
mod client;
mod context;
#[cfg(test)]
mod executed;
mod load;
mod programs;
mod run;
#[cfg(test)]
mod tests;

pub use budget::{Budget, LAMPORTS_PER_SIGNATURE};
pub use client::{ClientTransaction, TRANSACTION_BYTES_MAX, Undecodable};
pub(crate) use run::process;
pub use run::{Executed, TokenBalance};
