//! What nodes ask of a ledger beyond single accounts.

use solana_pubkey::Pubkey;

use super::account::{Account, TOKEN, WHIRLPOOL};
use super::clients::Record;
use super::layout::{ArrayAccount, TokenAccount, mint_decimals};
use super::ledger::Ledger;

/// Tokens of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// Mint.
    pub mint: Pubkey,
    /// Whose.
    pub owner: Pubkey,
    /// Unit: raw units.
    pub amount: u64,
    /// Decimals of the mint.
    pub decimals: u8,
}

/// Whether an account is a tick array of a pool.
#[must_use]
pub fn is_tick_array(account: &Account) -> bool {
    account.owner == WHIRLPOOL && ArrayAccount::read(&account.data).is_some()
}

impl Ledger {
    /// Tokens of an account at the end of a slot; `None` where it is no token account.
    #[must_use]
    pub fn tokens(&self, key: &Pubkey, slot: u64) -> Option<Tokens> {
        let account = self.account(key, slot).filter(|account| account.owner == TOKEN)?;
        let token = TokenAccount::read(&account.data)?;
        let decimals = mint_decimals(&self.account(&token.mint, slot)?.data)?;
        Some(Tokens { mint: token.mint, owner: token.owner, amount: token.amount, decimals })
    }

    /// Whether an account changed in this very slot, as far as the ledger remembers.
    #[must_use]
    pub fn has_changed_in(&self, key: &Pubkey, slot: u64) -> bool {
        self.versions.has_changed_in(key, slot)
    }

    /// Every account that changed in this very slot, by address.
    pub fn changed_in(&self, slot: u64) -> impl Iterator<Item = &Pubkey> {
        self.versions.keys().filter(move |key| self.versions.has_changed_in(key, slot))
    }

    /// Transactions of clients that landed in this very slot, in order.
    #[must_use]
    pub fn records_in(&self, slot: u64) -> Vec<&Record> {
        self.clients.records_in(slot)
    }

    /// Whether a transaction waits for a block.
    #[must_use]
    pub fn is_waiting(&self, id: &[u8; 64]) -> bool {
        self.clients.is_waiting(id)
    }

    /// Slots of the blocks above `after` and up to `last`, oldest first.
    #[must_use]
    pub fn slots_between(&self, after: u64, last: u64) -> Vec<u64> {
        self.blocks.slots_between(after, last)
    }
}
