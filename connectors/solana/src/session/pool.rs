//! One pool of a session: where it stands, and which accounts it needs.

use std::collections::BTreeMap;

use solana_pubkey::Pubkey;

use super::settings::{Bounds, WantedPool};
use crate::address;
use crate::layout::{AccountKind, PoolAccount, array_ticks, start_is_valid};

/// Most addresses of arrays remembered for one pool. Deriving them again costs 15 microseconds each.
const ADDRESSES_MAX: usize = 256;

/// What comes next for a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Its own account, which says where its price is.
    Locate,
    /// Confirmations of its subscriptions.
    Subscribe,
    /// One answer with everything.
    Read,
    /// Nothing: it is watched.
    Live,
}

/// What a pool's account says of the others that it needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Located {
    program: Pubkey,
    account: PoolAccount,
    pub(super) slot: u64,
}

/// One pool.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) wanted: WantedPool,
    pub(super) stage: Stage,
    pub(super) located: Option<Located>,
    /// Number of its array that holds the price.
    base: i32,
    /// Addresses of arrays by number: first tick over length.
    arrays: BTreeMap<i32, Pubkey>,
    /// Everything that it needs: itself first, then its arrays from low to high.
    pub(super) keys: Vec<Pubkey>,
    /// The read must show at least this slot.
    pub(super) slot_min: u64,
    pub(super) retry_ns: u64,
    pub(super) tries: u32,
    /// Request under way.
    pub(super) tag: Option<u64>,
    /// Since when it has no state; `None` while it has one. Unit: Unix nanoseconds.
    pub(super) missing_ns: Option<u64>,
}

impl Task {
    pub(super) fn new(wanted: WantedPool) -> Self {
        Self {
            wanted,
            stage: Stage::Locate,
            located: None,
            base: 0,
            arrays: BTreeMap::new(),
            keys: Vec::new(),
            slot_min: 0,
            retry_ns: 0,
            tries: 0,
            tag: None,
            missing_ns: None,
        }
    }

    pub(super) fn pool(&self) -> &Pubkey {
        &self.wanted.expected.pool
    }

    /// Goes on to a stage that may be tried at once.
    pub(super) fn enter(&mut self, stage: Stage, now_ns: u64) {
        self.stage = stage;
        self.retry_ns = now_ns;
        self.tries = 0;
        self.tag = None;
    }

    /// Takes the pool's account. The error says what is wrong with it, for an operator.
    pub(super) fn locate(
        &mut self,
        slot: u64,
        account: Option<(Pubkey, &[u8])>,
    ) -> Result<(), String> {
        let expected = &self.wanted.expected;
        let pool = expected.pool;
        let Some((owner, data)) = account else {
            return Err(format!("pool {pool}: there is no account at this address"));
        };
        if !expected.programs.contains(&owner) {
            let programs: Vec<_> = expected.programs.iter().map(Pubkey::to_string).collect();
            let programs = programs.join(" or ");
            return Err(format!("pool {pool} belongs to program {owner}, expected {programs}"));
        }
        if AccountKind::of(data) != Some(AccountKind::Pool) {
            let what = AccountKind::of(data).map_or("no account of the program", AccountKind::name);
            return Err(format!("pool {pool}: what stands at this address is {what}, no pool"));
        }
        let account = PoolAccount::parse(data)
            .map_err(|error| format!("pool {pool} cannot be read: {error}"))?;
        for (token, found, wanted) in
            [("A", account.mint_a, expected.mint_a), ("B", account.mint_b, expected.mint_b)]
        {
            if found != wanted {
                return Err(format!("pool {pool}: token {token} is {found}, expected {wanted}"));
            }
        }
        self.located = Some(Located { program: owner, account, slot });
        Ok(())
    }

    fn number(&self, tick: i32) -> Option<i32> {
        let spacing = self.located?.account.tick_spacing;
        Some(tick.div_euclid(array_ticks(spacing)))
    }

    /// Whether the accounts are those around this tick.
    pub(super) fn is_aimed_at(&self, tick: i32) -> bool {
        !self.keys.is_empty() && self.number(tick) == Some(self.base)
    }

    /// Chooses the accounts around the tick of the pool's account.
    pub(super) fn aim_at_account(&mut self, bounds: &Bounds) {
        if let Some(located) = self.located {
            self.aim(located.account.tick_current_index, bounds, &|_| false);
        }
    }

    /// Chooses the accounts around a tick: arrays that are required, and those a little farther out
    /// that are had already.
    pub(super) fn aim(&mut self, tick: i32, bounds: &Bounds, had: &dyn Fn(&Pubkey) -> bool) {
        let (Some(located), Some(base)) = (self.located, self.number(tick)) else { return };
        let Located { program, account, .. } = located;
        let pool = *self.pool();
        self.base = base;
        if self.arrays.len() > ADDRESSES_MAX {
            self.arrays.clear();
        }
        let required = i32::from(bounds.arrays_each_way);
        let kept = required + i32::from(bounds.arrays_kept);
        let mut keys = vec![pool];
        for offset in -kept..=kept {
            let number = base.saturating_add(offset);
            let start = number.saturating_mul(array_ticks(account.tick_spacing));
            if !start_is_valid(start, account.tick_spacing) {
                continue;
            }
            let derive = || address::tick_array_address(&program, &pool, start);
            let key = *self.arrays.entry(number).or_insert_with(derive);
            if offset.abs() <= required || had(&key) {
                keys.push(key);
            }
        }
        if account.is_adaptive() {
            keys.push(address::oracle_address(&program, &pool));
        }
        let tier = address::fee_tier_address(&program, &account.config, account.fee_tier_index);
        keys.extend([account.mint_a, account.mint_b, tier, account.config]);
        self.keys = keys;
    }

    /// Accounts of which recent transactions that traded in the pool wrote every one.
    pub(super) fn written_keys(&self) -> Option<[Pubkey; 3]> {
        let account = self.located?.account;
        Some([*self.pool(), account.vault_a, account.vault_b])
    }
}
