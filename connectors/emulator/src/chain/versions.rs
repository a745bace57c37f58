//! Accounts as they were at the end of recent slots.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use solana_pubkey::Pubkey;

use super::account::Account;

/// Most accounts: a few pools with their arrays, and every wallet that a long run of clients makes.
pub const ACCOUNTS_MAX: usize = 16_384;

/// Slots whose states are kept: the 32 behind the root, and a node that lags by dozens more.
pub const HISTORY_SLOTS: u64 = 128;

/// A state from a slot on; `None`: the account does not exist.
#[derive(Clone, Debug)]
struct Version {
    slot: u64,
    account: Option<Arc<Account>>,
}

/// Every account with its recent states.
#[derive(Clone, Debug, Default)]
pub(crate) struct Versions {
    accounts: BTreeMap<Pubkey, VecDeque<Version>>,
}

impl Versions {
    /// The state at the end of `slot`, which lies within [`HISTORY_SLOTS`] of the newest.
    pub(crate) fn at(&self, key: &Pubkey, slot: u64) -> Option<&Arc<Account>> {
        let list = self.accounts.get(key)?;
        list.iter().rev().find(|version| version.slot <= slot)?.account.as_ref()
    }

    /// Whether an account is known at all, in whatever state.
    pub(crate) fn knows(&self, key: &Pubkey) -> bool {
        self.accounts.contains_key(key)
    }

    /// Accounts known.
    pub(crate) fn len(&self) -> usize {
        self.accounts.len()
    }

    /// Accounts that exist at the end of `slot`, by address.
    pub(crate) fn all_at(&self, slot: u64) -> impl Iterator<Item = (&Pubkey, &Arc<Account>)> {
        self.accounts.keys().filter_map(move |key| Some((key, self.at(key, slot)?)))
    }

    /// Sets the state from `slot` on. Forgets states that [`HISTORY_SLOTS`] leaves behind. False:
    /// there is no room for another account.
    pub(crate) fn put(&mut self, slot: u64, key: Pubkey, account: Option<Arc<Account>>) -> bool {
        if !self.knows(&key) && self.len() == ACCOUNTS_MAX {
            return false;
        }
        let list = self.accounts.entry(key).or_default();
        let place = list.iter().rposition(|version| version.slot <= slot);
        match place {
            Some(at) if list[at].slot == slot => list[at].account = account,
            Some(at) => list.insert(at + 1, Version { slot, account }),
            None => list.push_front(Version { slot, account }),
        }
        let oldest = slot.saturating_sub(HISTORY_SLOTS);
        while list.get(1).is_some_and(|second| second.slot <= oldest) {
            list.pop_front();
        }
        true
    }

    /// Forgets what `slot` and later ones changed; the addresses that this concerns.
    pub(crate) fn revert(&mut self, slot: u64) -> Vec<Pubkey> {
        let mut changed = Vec::new();
        for (key, list) in &mut self.accounts {
            let before = list.len();
            while list.back().is_some_and(|version| version.slot >= slot) {
                list.pop_back();
            }
            if list.len() < before {
                changed.push(*key);
            }
        }
        self.accounts.retain(|_, list| !list.is_empty());
        changed
    }

    /// Every address, in order.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &Pubkey> {
        self.accounts.keys()
    }

    /// Whether an account has a state of its own for this slot.
    pub(crate) fn has_changed_in(&self, key: &Pubkey, slot: u64) -> bool {
        let list = self.accounts.get(key);
        list.is_some_and(|list| list.iter().rev().any(|version| version.slot == slot))
    }

    /// Forgets accounts that have not existed since `slot`.
    pub(crate) fn sweep(&mut self, slot: u64) {
        let is_gone =
            |list: &VecDeque<Version>| list.iter().all(|v| v.account.is_none() && v.slot <= slot);
        self.accounts.retain(|_, list| !is_gone(list));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wallet(lamports: u64) -> Arc<Account> {
        Arc::new(Account::wallet(lamports))
    }

    fn lamports(versions: &Versions, key: &Pubkey, slot: u64) -> Option<u64> {
        versions.at(key, slot).map(|account| account.lamports)
    }

    #[test]
    fn each_slot_has_its_own_state() {
        let key = Pubkey::new_from_array([7; 32]);
        let mut versions = Versions::default();
        assert!(versions.put(10, key, Some(wallet(1))));
        assert!(versions.put(12, key, Some(wallet(2))));
        assert!(versions.put(13, key, None));
        for (slot, expected) in
            [(9, None), (10, Some(1)), (11, Some(1)), (12, Some(2)), (13, None), (99, None)]
        {
            assert_eq!(lamports(&versions, &key, slot), expected, "slot {slot}");
        }
        assert_eq!(versions.revert(12), [key]);
        assert_eq!(lamports(&versions, &key, 99), Some(1));
    }

    #[test]
    fn the_past_is_forgotten_but_not_the_present() {
        let key = Pubkey::new_from_array([7; 32]);
        let mut versions = Versions::default();
        for slot in 0..1_000 {
            assert!(versions.put(slot, key, Some(wallet(slot + 1))));
        }
        assert!(
            versions.accounts[&key].len() <= usize::try_from(HISTORY_SLOTS).expect("small") + 1
        );
        assert_eq!(lamports(&versions, &key, 999 - HISTORY_SLOTS), Some(1_000 - HISTORY_SLOTS));
        // An account that never changes keeps its only state.
        let quiet = Pubkey::new_from_array([8; 32]);
        assert!(versions.put(0, quiet, Some(wallet(5))));
        assert_eq!(lamports(&versions, &quiet, 10_000), Some(5));
    }

    #[test]
    fn no_more_accounts_than_said() {
        let mut versions = Versions::default();
        for index in 0..ACCOUNTS_MAX as u64 {
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&index.to_le_bytes());
            assert!(versions.put(1, Pubkey::new_from_array(bytes), Some(wallet(1))));
        }
        assert!(!versions.put(1, Pubkey::new_from_array([0xff; 32]), Some(wallet(1))));
        assert!(versions.put(2, Pubkey::new_from_array([0; 32]), Some(wallet(2))));
    }
}
