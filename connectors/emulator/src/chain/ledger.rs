//! The ledger itself: time, slots, accounts.

use std::sync::Arc;

use solana_pubkey::Pubkey;

use super::account::{
    ASSOCIATED_TOKEN, Account, COMPUTE_BUDGET, LOOKUP_TABLE, MEMO, NATIVE_LOADER, SYSTEM, TOKEN,
    TOKEN_2022, UPGRADEABLE_LOADER, WHIRLPOOL,
};
use super::blocks::{Block, Blocks};
use super::clients::Clients;
use super::layout::{POOL_MARK, PoolAccount, mint_decimals};
use super::market::Market;
use super::overlay::{At, Changes, Overlay};
use super::spec::{LedgerSpec, SlotClock, SpecError};
use super::versions::{HISTORY_SLOTS, Versions};
use crate::happening::{Commitment, Happening};
use crate::market::Rng;

/// Most slots that one call makes: half an hour. The next call goes on from there.
const SLOTS_PER_ADVANCE: usize = 4_500;

/// Most that a node can lag behind, so that its finalised state is still known.
pub const LAG_SLOTS_MAX: u64 = 80;

/// What a ledger has refused or lost. None of it happens in a healthy run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Accounts for which there was no room.
    pub accounts_refused: u64,
    /// Swaps of the market that its queue had no room for.
    pub market_swaps_refused: u64,
    /// Swaps of the market that the program refused.
    pub market_swaps_failed: u64,
    /// Blocks that were abandoned for another fork.
    pub forks: u64,
    /// Slots and accounts of a recording that came for a ledger with its own clock, or the reverse.
    pub wrong_clock: u64,
}

/// A pool that the market knows by price.
#[derive(Clone, Copy, Debug)]
pub(super) struct KnownPool {
    pub(super) address: Pubkey,
    pub(super) decimals_a: u8,
    pub(super) decimals_b: u8,
}

/// A chain. See the module.
#[derive(Debug)]
pub struct Ledger {
    pub(super) seed: u64,
    clock: SlotClock,
    fork_permille: u64,
    pub(super) versions: Versions,
    pub(super) blocks: Blocks,
    pub(super) pools: Vec<KnownPool>,
    pub(super) market: Market,
    pub(super) clients: Clients,
    pub(super) priority_fee_micro_lamports: u64,
    pub(super) tip_median_lamports: u64,
    pub(super) counts: Counts,
    wants_fork: bool,
    out: Vec<Happening>,
}

impl Ledger {
    /// A chain at its start.
    ///
    /// # Errors
    ///
    /// A specification that does not hold together.
    pub fn new(spec: &LedgerSpec) -> Result<Self, SpecError> {
        spec.check()?;
        let mut ledger = Self {
            seed: spec.seed,
            clock: spec.clock,
            fork_permille: spec.fork_permille,
            versions: Versions::default(),
            blocks: Blocks::new(spec.seed, spec.start_ns, spec.start_slot, spec.skip_permille),
            pools: Vec::new(),
            market: Market::default(),
            clients: Clients::new(spec.seed, spec.landing_slots_max, spec.lost_permille),
            priority_fee_micro_lamports: spec.priority_fee_micro_lamports,
            tip_median_lamports: spec.tip_lamports,
            counts: Counts::default(),
            wants_fork: false,
            out: Vec::new(),
        };
        let now_s = spec.start_ns / 1_000_000_000;
        let mut accounts = programs();
        accounts.extend(spec.mints.iter().map(|mint| (mint.address, mint.account())));
        accounts.push(ledger.clients.faucet());
        for pool in &spec.pools {
            accounts.extend(pool.accounts(&spec.mints, now_s)?);
        }
        for wallet in &spec.wallets {
            accounts.extend(wallet.accounts());
        }
        accounts.extend(spec.tables.iter().map(|table| (table.address, table.account())));
        // Everything has existed for as long as the chain remembers.
        let since = spec.start_slot.saturating_sub(HISTORY_SLOTS * 2);
        for (key, account) in accounts {
            ledger.put(since, key, Some(Arc::new(account)));
        }
        if ledger.counts.accounts_refused > 0 {
            return Err(SpecError::TooMany { what: "accounts", most: super::ACCOUNTS_MAX });
        }
        for pool in &spec.pools {
            ledger.know(&pool.address);
        }
        Ok(ledger)
    }

    /// Goes on to a time and says what happened meanwhile, in order. A time before the last one
    /// changes nothing. Unit: Unix nanoseconds of market time.
    pub fn advance(&mut self, now_ns: u64) -> Vec<Happening> {
        if self.clock == SlotClock::Own {
            for _ in 0..SLOTS_PER_ADVANCE {
                if let Some(freeze_ns) = self.blocks.freeze_ns() {
                    if freeze_ns > now_ns {
                        break;
                    }
                    self.freeze(freeze_ns);
                }
                let (_, begin_ns) = self.blocks.next();
                if begin_ns > now_ns {
                    break;
                }
                self.begin(begin_ns);
            }
        }
        std::mem::take(&mut self.out)
    }

    /// When the next thing happens by itself; `None` with a recording's clock. Unit: Unix
    /// nanoseconds.
    #[must_use]
    pub fn due_ns(&self) -> Option<u64> {
        (self.clock == SlotClock::Own)
            .then(|| self.blocks.freeze_ns().unwrap_or_else(|| self.blocks.next().1))
    }

    /// The seed that everything left to chance depends on.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// What was refused or lost so far.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// The newest block of a commitment, as a node sees it that lies `lag` slots behind (at most
    /// 80 count).
    #[must_use]
    pub fn block(&self, commitment: Commitment, lag: u64) -> Block {
        *self.blocks.at(commitment, lag.min(LAG_SLOTS_MAX))
    }

    /// Up to `count` (512 are kept) blocks up to the newest of a commitment, oldest first.
    #[must_use]
    pub fn recent_blocks(&self, commitment: Commitment, lag: u64, count: usize) -> Vec<Block> {
        self.blocks.recent(commitment, lag.min(LAG_SLOTS_MAX), count)
    }

    /// The block of a slot, if it has one that is still remembered.
    #[must_use]
    pub fn block_of_slot(&self, slot: u64) -> Option<&Block> {
        self.blocks.of_slot(slot)
    }

    /// The block with this hash, if it is remembered and not newer than `slot`.
    #[must_use]
    pub fn block_of_hash(&self, hash: &[u8; 32], slot: u64) -> Option<&Block> {
        self.blocks.of_hash(hash, slot)
    }

    /// An account at the end of a slot. Slots before the last 128 count as the oldest of them.
    #[must_use]
    pub fn account(&self, key: &Pubkey, slot: u64) -> Option<&Arc<Account>> {
        self.versions.at(key, self.known_slot(slot))
    }

    /// Every account that exists at the end of a slot and belongs to `owner`, by address.
    pub fn owned_by(
        &self,
        owner: Pubkey,
        slot: u64,
    ) -> impl Iterator<Item = (&Pubkey, &Arc<Account>)> {
        let accounts = self.versions.all_at(self.known_slot(slot));
        accounts.filter(move |(_, account)| account.owner == owner)
    }

    /// The accounts of a recording: a new slot.
    pub fn put_slot(&mut self, now_ns: u64, slot: u64) {
        if self.clock != SlotClock::Recorded || slot <= self.blocks.newest().slot {
            // A slot that does not go on is a fork's; its accounts come with their own slot.
            self.counts.wrong_clock += u64::from(self.clock != SlotClock::Recorded);
            return;
        }
        if self.blocks.freeze_ns().is_some() {
            self.freeze(now_ns);
        }
        let block = self.blocks.open(slot, now_ns);
        self.announce(&block, now_ns);
    }

    /// The accounts of a recording: an account as it is at the end of a slot; `None`: it is gone.
    pub fn put_account(&mut self, now_ns: u64, slot: u64, key: Pubkey, account: Option<Account>) {
        if self.clock != SlotClock::Recorded {
            self.counts.wrong_clock += 1;
            return;
        }
        let is_pool = account.as_ref().is_some_and(|a| a.data.starts_with(&POOL_MARK));
        self.put(slot, key, account.map(Arc::new));
        if is_pool && !self.pools.iter().any(|pool| pool.address == key) {
            self.know(&key);
        }
        let keys = Arc::new([key.to_bytes()]);
        self.out.push(Happening::Accounts { slot, keys, at_ns: now_ns });
    }

    /// Abandons the newest block with the next slot, as a node does that saw another fork win. What
    /// it held is reverted, told with the slot of the older state, and executed again later.
    pub const fn fork(&mut self) {
        self.wants_fork = true;
    }

    fn known_slot(&self, slot: u64) -> u64 {
        slot.max(self.blocks.newest().slot.saturating_sub(HISTORY_SLOTS))
    }

    pub(super) fn put(&mut self, slot: u64, key: Pubkey, account: Option<Arc<Account>>) {
        if !self.versions.put(slot, key, account) {
            self.counts.accounts_refused += 1;
        }
    }

    /// Takes note of a pool and the decimals of its mints, if everything needed is there.
    fn know(&mut self, address: &Pubkey) {
        let slot = u64::MAX;
        let Some(account) = self.versions.at(address, slot) else { return };
        let Some(pool) = PoolAccount::read(&account.data) else { return };
        let decimals = |mint: &Pubkey| mint_decimals(&self.versions.at(mint, slot)?.data);
        let (Some(decimals_a), Some(decimals_b)) = (decimals(&pool.mint_a), decimals(&pool.mint_b))
        else {
            return;
        };
        self.pools.push(KnownPool { address: *address, decimals_a, decimals_b });
    }

    fn begin(&mut self, begin_ns: u64) {
        let (slot, _) = self.blocks.next();
        let by_chance = Rng::new(self.seed.rotate_left(17) ^ slot).chance(self.fork_permille);
        let reverted = if self.wants_fork || by_chance { self.abandon() } else { Vec::new() };
        let block = self.blocks.open(slot, begin_ns);
        self.announce(&block, begin_ns);
        if !reverted.is_empty() {
            let keys = reverted.iter().map(Pubkey::to_bytes).collect();
            let slot = block.parent;
            self.out.push(Happening::Accounts { slot, keys, at_ns: begin_ns });
        }
        if slot.is_multiple_of(HISTORY_SLOTS) {
            self.versions.sweep(slot - HISTORY_SLOTS);
        }
    }

    /// Gives up the newest block; the accounts that it had changed.
    fn abandon(&mut self) -> Vec<Pubkey> {
        self.wants_fork = false;
        let Some(slot) = self.blocks.abandon() else { return Vec::new() };
        self.counts.forks += 1;
        self.market.again();
        self.clients.again(slot);
        let mut keys = self.versions.revert(slot);
        self.pools_first(&mut keys);
        keys
    }

    fn announce(&mut self, block: &Block, at_ns: u64) {
        let root = self.blocks.at(Commitment::Finalized, 0).slot;
        let (slot, parent) = (block.slot, block.parent);
        self.out.push(Happening::Slot { slot, parent, root, at_ns });
    }

    /// Executes the open block and freezes it.
    fn freeze(&mut self, at_ns: u64) {
        let block = *self.blocks.newest();
        let (changes, landed) = self.execute(&block, at_ns);
        let mut keys: Vec<Pubkey> = changes.keys().copied().collect();
        self.pools_first(&mut keys);
        for (key, account) in changes {
            self.put(block.slot, key, account);
        }
        self.blocks.freeze();
        if !keys.is_empty() {
            let keys = keys.iter().map(Pubkey::to_bytes).collect();
            self.out.push(Happening::Accounts { slot: block.slot, keys, at_ns });
        }
        self.out.extend(landed);
        self.out.extend(self.clients.settle(&self.blocks, at_ns));
    }

    /// The market's swaps first: whoever is late meets what they left.
    fn execute(&mut self, block: &Block, at_ns: u64) -> (Changes, Vec<Happening>) {
        let base = At { versions: &self.versions, slot: block.slot };
        let mut overlay = Overlay::over(&base);
        let failed = self.market.execute(&mut overlay, &self.pools, block.time_s());
        self.counts.market_swaps_failed += failed;
        let landed = self.clients.execute(&mut overlay, &self.blocks, block, at_ns);
        (overlay.into_changes(), landed)
    }

    /// Pools before everything else, the rest by address: a node tells them in no order that means
    /// anything, but the same one each time.
    fn pools_first(&self, keys: &mut [Pubkey]) {
        keys.sort_by_key(|key| (!self.pools.iter().any(|pool| pool.address == *key), *key));
    }
}

/// Programs that exist.
fn programs() -> Vec<(Pubkey, Account)> {
    let native = [SYSTEM, COMPUTE_BUDGET].map(|key| (key, Account::program(NATIVE_LOADER)));
    let deployed = [TOKEN, TOKEN_2022, ASSOCIATED_TOKEN, MEMO, LOOKUP_TABLE, WHIRLPOOL];
    let deployed = deployed.map(|key| (key, Account::program(UPGRADEABLE_LOADER)));
    native.into_iter().chain(deployed).collect()
}
