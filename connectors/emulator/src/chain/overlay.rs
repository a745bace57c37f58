//! Accounts as a slot or a transaction is changing them, before anybody else sees it.

use std::collections::BTreeMap;
use std::sync::Arc;

use solana_pubkey::Pubkey;

use super::account::Account;
use super::versions::Versions;

/// Somewhere that accounts can be read.
pub(crate) trait View {
    /// An account that exists.
    fn get(&self, key: &Pubkey) -> Option<&Arc<Account>>;
}

/// The accounts at the end of a slot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At<'a> {
    pub(crate) versions: &'a Versions,
    pub(crate) slot: u64,
}

impl View for At<'_> {
    fn get(&self, key: &Pubkey) -> Option<&Arc<Account>> {
        self.versions.at(key, self.slot)
    }
}

/// What has changed, by address. `None`: the account is gone.
pub(crate) type Changes = BTreeMap<Pubkey, Option<Arc<Account>>>;

/// Changes on top of something that does not change.
pub(crate) struct Overlay<'a> {
    below: &'a dyn View,
    changes: Changes,
}

impl<'a> Overlay<'a> {
    /// Nothing changed yet.
    pub(crate) fn over(below: &'a dyn View) -> Self {
        Self { below, changes: Changes::new() }
    }

    /// Sets an account. One without lamports is gone.
    pub(crate) fn set(&mut self, key: Pubkey, account: Account) {
        let account = (account.lamports > 0).then(|| Arc::new(account));
        self.changes.insert(key, account);
    }

    /// Changes an account in place; false where it does not exist.
    pub(crate) fn edit(&mut self, key: &Pubkey, change: impl FnOnce(&mut Account)) -> bool {
        let Some(account) = self.get(key) else { return false };
        let mut account = Account::clone(account);
        change(&mut account);
        self.set(*key, account);
        true
    }

    /// Takes changes over.
    pub(crate) fn apply(&mut self, changes: Changes) {
        self.changes.extend(changes);
    }

    /// What has changed.
    pub(crate) fn into_changes(self) -> Changes {
        self.changes
    }
}

impl View for Overlay<'_> {
    fn get(&self, key: &Pubkey) -> Option<&Arc<Account>> {
        match self.changes.get(key) {
            Some(changed) => changed.as_ref(),
            None => self.below.get(key),
        }
    }
}
