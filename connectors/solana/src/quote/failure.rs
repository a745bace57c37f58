//! Why there is no quote, and what to do about it.

use std::fmt;

use engine_poolmath::whirlpool::SwapError;
use serde::Serialize;
use solana_pubkey::Pubkey;

use crate::accounts::AccountFileError;
use crate::layout::LayoutError;

/// Which account of a quote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The pool itself.
    Pool,
    /// Its adaptive-fee oracle.
    Oracle,
    /// The tick array that begins at this tick.
    TickArray {
        /// First tick.
        start_tick_index: i32,
    },
    /// One of its mints.
    Mint,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pool => f.write_str("pool"),
            Self::Oracle => f.write_str("oracle"),
            Self::TickArray { start_tick_index } => write!(f, "tick array {start_tick_index}"),
            Self::Mint => f.write_str("mint"),
        }
    }
}

/// Why there is no quote.
#[derive(Debug, thiserror::Error)]
pub enum QuoteFailure {
    /// The file of accounts cannot be read.
    #[error(transparent)]
    File(#[from] AccountFileError),
    /// `--pool` is no address.
    #[error("{text:?} is not an address")]
    PoolAddress {
        /// What was given.
        text: String,
    },
    /// An account that the quote needs is not in the file.
    #[error("{role} {address} is not in the file")]
    AccountAbsent {
        /// Which one.
        role: Role,
        /// Where it must stand.
        address: Pubkey,
    },
    /// The chain has no such account, and the quote cannot do without.
    #[error("{role} {address} does not exist on chain, says the file")]
    AccountNonexistent {
        /// Which one.
        role: Role,
        /// Where it would stand.
        address: Pubkey,
    },
    /// An account that belongs to another program.
    #[error("{role} {address} is owned by {owner}")]
    AccountOwner {
        /// Which one.
        role: Role,
        /// Where it stands.
        address: Pubkey,
        /// Its owner.
        owner: Pubkey,
    },
    /// An account whose bytes contradict its layout.
    #[error("{role} {address}: {problem}")]
    BadAccount {
        /// Which one.
        role: Role,
        /// Where it stands.
        address: Pubkey,
        /// How.
        problem: LayoutError,
    },
    /// An array or oracle that names another pool, or an array that begins elsewhere.
    #[error("{role} {address} belongs to another place (pool {pool})")]
    AccountElsewhere {
        /// Which one was wanted.
        role: Role,
        /// Where it stands.
        address: Pubkey,
        /// The pool that it names.
        pool: Pubkey,
    },
    /// An adaptive fee depends on the time.
    #[error("pool {pool} has an adaptive fee, which depends on the time")]
    NowMissing {
        /// The pool.
        pool: Pubkey,
    },
    /// A transfer fee depends on the epoch.
    #[error("mint {mint} has a transfer fee, which depends on the epoch")]
    EpochMissing {
        /// The mint.
        mint: Pubkey,
    },
    /// The swap itself is refused.
    #[error("{0}")]
    Swap(#[from] SwapError),
}

impl QuoteFailure {
    /// Its name: the program's where the program would refuse.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::File(_) => "AccountFile",
            Self::PoolAddress { .. } => "PoolAddress",
            Self::AccountAbsent { .. } => "AccountAbsent",
            Self::AccountNonexistent { .. } => "AccountNonexistent",
            Self::AccountOwner { .. } => "AccountOwner",
            Self::BadAccount { .. } => "BadAccount",
            Self::AccountElsewhere { .. } => "AccountElsewhere",
            Self::NowMissing { .. } => "NowMissing",
            Self::EpochMissing { .. } => "EpochMissing",
            Self::Swap(error) => error.name(),
        }
    }

    /// The program's error code, where the program would refuse.
    #[must_use]
    pub const fn code(&self) -> Option<u32> {
        match self {
            Self::Swap(error) => error.code(),
            Self::File(_)
            | Self::PoolAddress { .. }
            | Self::AccountAbsent { .. }
            | Self::AccountNonexistent { .. }
            | Self::AccountOwner { .. }
            | Self::BadAccount { .. }
            | Self::AccountElsewhere { .. }
            | Self::NowMissing { .. }
            | Self::EpochMissing { .. } => None,
        }
    }

    /// The account that the failure is about.
    #[must_use]
    pub const fn address(&self) -> Option<Pubkey> {
        match self {
            Self::AccountAbsent { address, .. }
            | Self::AccountNonexistent { address, .. }
            | Self::AccountOwner { address, .. }
            | Self::BadAccount { address, .. }
            | Self::AccountElsewhere { address, .. } => Some(*address),
            Self::NowMissing { pool } => Some(*pool),
            Self::EpochMissing { mint } => Some(*mint),
            Self::File(_) | Self::PoolAddress { .. } | Self::Swap(_) => None,
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::File(_) => {
                "give a JSON file (plain or zstd) with a list of accounts, an object with \
                 `accounts`, or an object of `solana account` forms"
            }
            Self::PoolAddress { .. } => "give the pool's address in base58",
            Self::AccountAbsent { .. } => {
                "add the account to the file, or {\"pubkey\":…,\"account\":null} if the chain has none"
            }
            Self::AccountNonexistent { .. } => "check the address and the cluster it was read from",
            Self::AccountOwner { .. } => "check the address; only Orca Whirlpools are quoted",
            Self::BadAccount { .. } | Self::AccountElsewhere { .. } => "read the account again",
            Self::NowMissing { .. } => "add --now with the Unix time of the swap in seconds",
            Self::EpochMissing { .. } => "add --epoch with the epoch of the swap",
            Self::Swap(_) => "the pool's program would refuse this swap too; try another amount",
        }
    }
}

/// A failure as JSON.
#[derive(Serialize)]
pub(super) struct FailureReport {
    error: &'static str,
    /// Null where the program has no code for it.
    code: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
}

impl FailureReport {
    pub(super) fn of(failure: &QuoteFailure) -> Self {
        let address = failure.address().map(|address| address.to_string());
        Self { error: failure.name(), code: failure.code(), address }
    }
}
