//! Who has how much.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::spec::{AccountSpec, Balance};

/// One currency of an account. Unit: e8.
#[derive(Clone, Copy, Debug, Default)]
struct Purse {
    available: u64,
    held: u64,
}

/// The balances of every account.
#[derive(Clone, Debug, Default)]
pub(super) struct Funds {
    accounts: BTreeMap<Arc<str>, BTreeMap<Arc<str>, Purse>>,
}

impl Funds {
    pub(super) fn new(accounts: &[AccountSpec]) -> Self {
        let mut funds = Self::default();
        for account in accounts {
            let purses = funds.accounts.entry(account.name.clone()).or_default();
            for (currency, amount) in &account.balances_e8 {
                purses.insert(currency.clone(), Purse { available: *amount, held: 0 });
            }
        }
        funds
    }

    pub(super) fn knows(&self, account: &str) -> bool {
        self.accounts.contains_key(account)
    }

    /// By currency.
    pub(super) fn list(&self, account: &str) -> Vec<Balance> {
        let purses = self.accounts.get(account).into_iter().flatten();
        purses
            .map(|(currency, purse)| Balance {
                currency: currency.clone(),
                available_e8: purse.available,
                held_e8: purse.held,
            })
            .collect()
    }

    pub(super) fn available(&self, account: &str, currency: &str) -> u64 {
        self.accounts
            .get(account)
            .and_then(|purses| purses.get(currency))
            .map_or(0, |purse| purse.available)
    }

    /// Adds to what is available. Saturates.
    pub(super) fn credit(&mut self, account: &Arc<str>, currency: &Arc<str>, amount: u64) {
        let purse = self.purse(account, currency);
        purse.available = purse.available.saturating_add(amount);
    }

    /// Takes from what is available, as far as it goes; gives what was taken.
    pub(super) fn debit(&mut self, account: &Arc<str>, currency: &Arc<str>, amount: u64) -> u64 {
        let purse = self.purse(account, currency);
        let taken = amount.min(purse.available);
        purse.available -= taken;
        taken
    }

    /// Moves from available to held, as far as it goes; gives what was moved.
    pub(super) fn hold(&mut self, account: &Arc<str>, currency: &Arc<str>, amount: u64) -> u64 {
        let purse = self.purse(account, currency);
        let moved = amount.min(purse.available);
        purse.available -= moved;
        purse.held += moved;
        moved
    }

    /// Moves back from held to available, as far as it goes.
    pub(super) fn release(&mut self, account: &Arc<str>, currency: &Arc<str>, amount: u64) {
        let purse = self.purse(account, currency);
        let moved = amount.min(purse.held);
        purse.held -= moved;
        purse.available = purse.available.saturating_add(moved);
    }

    fn purse(&mut self, account: &Arc<str>, currency: &Arc<str>) -> &mut Purse {
        self.accounts.entry(account.clone()).or_default().entry(currency.clone()).or_default()
    }
}
