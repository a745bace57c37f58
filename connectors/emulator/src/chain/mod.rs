//! A chain of its own: accounts, slots, pools that real swaps move, and transactions of clients.
//!
//! [`Ledger`] is the truth that every emulated node shows. It makes a slot every 400 ms of market
//! time, executes the market's swaps and the clients' transactions at its end, keeps the accounts as
//! they were at the end of recent slots, and says in order what has happened. Swaps are those of the
//! pool's program, computed on the bytes of the accounts.
//!
//! The same specification and the same calls give the same chain. Deliberately absent: votes,
//! validators, rent collection, and programs other than those an arbitrageur's transaction names.
//! Start reading at [`Ledger::advance`].

mod account;
mod blocks;
mod clients;
#[cfg(test)]
pub(crate) mod kit;
mod layout;
mod ledger;
mod market;
mod overlay;
mod price;
mod read;
mod spec;
mod swap;
#[cfg(test)]
mod tests;
mod tx;
mod versions;

use std::sync::{Arc, Mutex};

pub use account::{
    ASSOCIATED_TOKEN, Account, COMPUTE_BUDGET, LOOKUP_TABLE, MEMO, SOL_USDC_POOL, SYSTEM, TOKEN,
    TOKEN_2022, USDC, WHIRLPOOL, WSOL, associated_token_address, fee_tier_address, oracle_address,
    pool_address,
};
pub use blocks::{BLOCKHASH_BLOCKS, Block, CONFIRMED_BLOCKS, FINALIZED_BLOCKS, SLOT_NS};
pub use clients::{AIRDROP_LAMPORTS_MAX, ClientCounts, Record, Simulated, SimulatedHash};
pub use ledger::{Counts, LAG_SLOTS_MAX, Ledger};
pub use market::BaseSide;
pub use read::{Tokens, is_tick_array};
pub use spec::{
    LedgerSpec, MintSpec, POOLS_MAX, PoolSpec, PoolTick, SlotClock, SpecError, TABLE_ADDRESSES_MAX,
    TABLES_MAX, TableSpec, WALLETS_MAX, WalletSpec,
};
pub use tx::{
    Budget, ClientTransaction, Executed, LAMPORTS_PER_SIGNATURE, TRANSACTION_BYTES_MAX,
    TokenBalance, Undecodable,
};
pub use versions::{ACCOUNTS_MAX, HISTORY_SLOTS};

/// A ledger that nodes and the market share.
pub type SharedLedger = Arc<Mutex<Ledger>>;
