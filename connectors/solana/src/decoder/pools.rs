//! The state of each pool of a connection: what is held, what was published, what is in doubt.

use std::collections::BTreeMap;

use connector_net::Markets;
use connector_net::books::{BookState, mark_snapshot};
use connector_net::decode::{Sink, Stamp};
use engine_model::units::NS_PER_MS;
use engine_model::{Body, MarketId, Venue};
use solana_pubkey::Pubkey;

use super::known::{Known, Missed};
use super::{PoolExpected, Provisional};
use crate::address;
use crate::events;
use crate::layout::{
    self, AccountKind, LayoutError, OracleAccount, PoolAccount, TickArrayView, array_ticks,
    start_is_valid,
};

/// Most addresses that may be learned. A connection carries fewer subscriptions than that.
const ADDRESSES_MAX: usize = 4_096;

/// How many arrays on each side of the current one are tried when an address without an account
/// must be told apart: 65 derivations of some 15 microseconds, once per bootstrap.
const ABSENT_ARRAYS_EACH_WAY: i32 = 32;

/// What an address stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Role {
    /// Position of the pool in the markets.
    pub(super) pool: usize,
    pub(super) part: Part,
}

/// Part of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Pool,
    Array { start_tick_index: i32 },
    Oracle,
}

/// Why an account was not applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Contradicts its layout, owner, address or pool.
    Bad,
    /// Nothing that this connection follows.
    Foreign,
}

impl From<LayoutError> for Refused {
    fn from(_: LayoutError) -> Self {
        Self::Bad
    }
}

/// An account of the chain, its data decoded. `None`: the chain has none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown<'a> {
    pub(super) owner: Pubkey,
    pub(super) data: &'a [u8],
}

impl<'a> Shown<'a> {
    /// Leaves out what is an address with nothing but lamports.
    pub(super) fn existing(owner: Pubkey, data: &'a [u8]) -> Option<Self> {
        let vacant = owner == address::SYSTEM_PROGRAM && data.is_empty();
        (!vacant).then_some(Self { owner, data })
    }
}

/// When and where an input came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    pub(super) recv_ns: u64,
    pub(super) line: u64,
}

impl Arrival {
    pub(super) const fn stamp(self, seq: u64) -> Stamp {
        Stamp { recv_ns: self.recv_ns, venue_ns: 0, seq, venue: Venue::Solana }
    }
}

/// One pool.
#[derive(Debug, Default)]
pub(super) struct PoolState {
    pub(super) state: BookState,
    pub(super) pubkey: Pubkey,
    /// What must not change while the pool lives; from the bootstrap.
    pub(super) fixed: Option<PoolAccount>,
    pub(super) program: Pubkey,
    /// Slot of the bootstrap. Earlier frames are older than what it showed.
    pub(super) snapshot_slot: u64,
    /// Highest slot published or held.
    pub(super) newest_slot: u64,
    pub(super) held: Vec<Body>,
    pub(super) held_since_ns: u64,
    pub(super) held_line: u64,
    /// The newest pool account held.
    pub(super) held_account: Option<PoolAccount>,
    /// Whether what is held is the pool's account alone.
    pub(super) held_alone: bool,
    /// The newest pool account published with its whole slot.
    pub(super) complete: Option<PoolAccount>,
    /// Newest account of each address, whatever of it was published.
    pub(super) known: BTreeMap<Pubkey, Known>,
    /// Initialised ticks of each known array, by its first tick.
    pub(super) bitmaps: BTreeMap<i32, u128>,
    /// Whether the end of the slot publishes all that is known, not what is held alone.
    pub(super) restate: bool,
}

impl PoolState {
    pub(super) fn forget(&mut self) {
        self.held.clear();
        self.held_account = None;
        self.restate = false;
        self.complete = None;
        self.known.clear();
        self.bitmaps.clear();
        self.snapshot_slot = 0;
        self.newest_slot = 0;
    }
}

/// All pools of a connection.
#[derive(Debug)]
pub(super) struct Pools {
    pub(super) markets: Markets,
    expected: Vec<PoolExpected>,
    /// By position in the markets.
    pub(super) states: Vec<PoolState>,
    roles: BTreeMap<Pubkey, Role>,
    pub(super) hold_ns: u64,
    pub(super) provisional: Provisional,
    pub(super) missed: Vec<Missed>,
    /// Answers that agreed with what was known.
    pub(super) agreed: u64,
    /// Whether a pool's own account has come since somebody asked.
    pub(super) moved: bool,
}

impl Pools {
    pub(super) fn new(markets: Markets, expected: Vec<PoolExpected>, hold_ms: u64) -> Self {
        Self {
            markets,
            expected,
            states: Vec::new(),
            roles: BTreeMap::new(),
            hold_ns: hold_ms.saturating_mul(NS_PER_MS),
            provisional: Provisional::Off,
            missed: Vec::new(),
            agreed: 0,
            moved: false,
        }
    }

    pub(super) fn state(&self, position: usize) -> BookState {
        self.states.get(position).map_or(BookState::Empty, |pool| pool.state)
    }

    pub(super) fn role(&self, pubkey: &Pubkey) -> Option<Role> {
        self.roles.get(pubkey).copied()
    }

    /// Market of the pool at this address, if it has had its bootstrap and is not in doubt.
    pub(super) fn live_market(&self, pubkey: &Pubkey) -> Option<MarketId> {
        let Some(Role { pool, part: Part::Pool }) = self.role(pubkey) else { return None };
        (self.state(pool) == BookState::Live).then(|| self.markets.get(pool).id)
    }

    /// Whether the configuration names this pool.
    pub(super) fn expects(&self, pubkey: &Pubkey) -> bool {
        self.expected.iter().any(|expected| expected.pool == *pubkey)
    }

    /// Market and expected mints of a configured pool.
    pub(super) fn market_and_mints(&self, pubkey: &Pubkey) -> Option<(MarketId, [Pubkey; 2])> {
        let expected = self.expected.iter().find(|expected| expected.pool == *pubkey)?;
        let position = self.markets.find(pubkey.to_string().as_bytes())?;
        Some((self.markets.get(position).id, [expected.mint_a, expected.mint_b]))
    }

    /// Configured pools with this mint.
    pub(super) fn expected_with(&self, mint: &Pubkey) -> impl Iterator<Item = &Pubkey> {
        let with = self.expected.iter().filter(|one| one.mint_a == *mint || one.mint_b == *mint);
        with.map(|one| &one.pool)
    }

    fn learn(&mut self, pubkey: Pubkey, role: Role) -> Result<(), Refused> {
        if self.roles.len() >= ADDRESSES_MAX {
            return Err(Refused::Foreign);
        }
        self.roles.insert(pubkey, role);
        Ok(())
    }

    /// Position of the pool at an address; an open table takes a new one.
    pub(super) fn find_pool(&mut self, pubkey: &Pubkey) -> Option<usize> {
        if let Some(Role { pool, part: Part::Pool }) = self.role(pubkey) {
            return Some(pool);
        }
        let position = self.markets.find_or_add(&pubkey.to_string())?;
        while self.states.len() <= position {
            self.states.push(PoolState::default());
        }
        self.states[position].pubkey = *pubkey;
        self.learn(*pubkey, Role { pool: position, part: Part::Pool }).ok()?;
        Some(position)
    }

    /// Reads the pool account for `position` and checks it against what is expected of the pool.
    pub(super) fn read_pool(
        &self,
        pubkey: &Pubkey,
        shown: Shown<'_>,
    ) -> Result<PoolAccount, Refused> {
        let account = PoolAccount::parse(shown.data)?;
        let good = match self.expected.iter().find(|expected| expected.pool == *pubkey) {
            Some(expected) => {
                expected.programs.contains(&shown.owner)
                    && expected.mint_a == account.mint_a
                    && expected.mint_b == account.mint_b
            }
            None => address::is_whirlpool_program(&shown.owner),
        };
        if good { Ok(account) } else { Err(Refused::Bad) }
    }

    /// Starts a pool anew from a bootstrap: one batch, cleared first, pool before everything else.
    pub(super) fn bootstrap(
        &mut self,
        (position, pubkey): (usize, &Pubkey),
        slot: u64,
        shown: &[(Pubkey, Option<Shown<'_>>)],
        arrival: Arrival,
        out: &mut Sink,
    ) -> Result<(), Refused> {
        let own = shown.iter().find(|(key, _)| key == pubkey).and_then(|(_, shown)| *shown);
        let own = own.ok_or(Refused::Bad)?;
        let account = self.read_pool(pubkey, own)?;
        {
            let pool = &mut self.states[position];
            pool.held.clear();
            pool.forget();
            pool.fixed = Some(account);
            pool.program = own.owner;
        }
        let bodies = self.state_bodies((position, pubkey), &account, shown)?;
        for (key, shown) in shown {
            self.note(position, key, slot, *shown)?;
        }
        let pool = &mut self.states[position];
        pool.snapshot_slot = slot;
        pool.newest_slot = slot;
        pool.complete = Some(account);
        self.publish_state(position, bodies, arrival, out);
        Ok(())
    }

    /// The whole state of a pool as the bodies of a snapshot.
    pub(super) fn state_bodies(
        &mut self,
        (position, pubkey): (usize, &Pubkey),
        account: &PoolAccount,
        shown: &[(Pubkey, Option<Shown<'_>>)],
    ) -> Result<Vec<Body>, Refused> {
        let mut bodies = vec![Body::BookClear];
        events::push_pool(account, &mut bodies);
        for (key, shown) in shown {
            let Some(shown) = shown else { continue };
            match layout::pool_of(shown.data) {
                Some(pool) if pool == *pubkey => {
                    self.push_part(position, pubkey, key, *shown, &mut bodies)?;
                }
                // An array or oracle that does not even say whose it is, or no longer is one.
                None if self.must_be_part(position, key, shown.data) => return Err(Refused::Bad),
                Some(_) | None => {}
            }
        }
        self.learn_absent((position, pubkey), account, shown)?;
        self.push_absent(position, shown, &mut bodies);
        Ok(bodies)
    }

    /// Publishes the whole state of a pool as one batch, in its newest slot.
    pub(super) fn publish_state(
        &mut self,
        position: usize,
        bodies: Vec<Body>,
        arrival: Arrival,
        out: &mut Sink,
    ) {
        let market = self.markets.get(position).id;
        let stamp = arrival.stamp(self.states[position].newest_slot);
        for body in bodies {
            out.push(stamp, market, body);
        }
        mark_snapshot(out);
        out.close(arrival.line);
        self.states[position].state = BookState::Live;
    }

    /// Whether an account that names no pool should have named this one.
    pub(super) fn must_be_part(&self, position: usize, pubkey: &Pubkey, data: &[u8]) -> bool {
        match self.role(pubkey) {
            Some(Role { pool, part }) => pool == position && part != Part::Pool,
            None => matches!(
                AccountKind::of(data),
                Some(
                    AccountKind::FixedTickArray
                        | AccountKind::DynamicTickArray
                        | AccountKind::Oracle
                )
            ),
        }
    }

    /// Appends an array or oracle of a pool whose fixed part is known. Gives the initialised ticks
    /// of an array, nothing for an oracle.
    pub(super) fn push_part(
        &mut self,
        position: usize,
        pool_key: &Pubkey,
        pubkey: &Pubkey,
        shown: Shown<'_>,
        out: &mut Vec<Body>,
    ) -> Result<u128, Refused> {
        let pool = &self.states[position];
        let fixed = pool.fixed.ok_or(Refused::Foreign)?;
        if shown.owner != pool.program {
            return Err(Refused::Bad);
        }
        let mut bitmap = 0;
        let part = match AccountKind::of(shown.data).ok_or(Refused::Bad)? {
            AccountKind::FixedTickArray | AccountKind::DynamicTickArray => {
                let view = TickArrayView::parse(shown.data)?;
                view.check_spacing(fixed.tick_spacing)?;
                events::push_array(&view, fixed.tick_spacing, out);
                bitmap = view.bitmap();
                Part::Array { start_tick_index: view.start_tick_index() }
            }
            AccountKind::Oracle => {
                events::push_oracle(&OracleAccount::parse(shown.data)?, out);
                Part::Oracle
            }
            AccountKind::Pool
            | AccountKind::FeeTier
            | AccountKind::AdaptiveFeeTier
            | AccountKind::Config => return Err(Refused::Bad),
        };
        let role = Role { pool: position, part };
        match self.role(pubkey) {
            Some(known) if known == role => Ok(bitmap),
            Some(_) => Err(Refused::Bad),
            None => {
                // Once per address: what an account says of itself must lead to where it stands.
                let derived = match part {
                    Part::Array { start_tick_index } => {
                        address::tick_array_address(&shown.owner, pool_key, start_tick_index)
                    }
                    Part::Oracle => address::oracle_address(&shown.owner, pool_key),
                    Part::Pool => *pool_key,
                };
                if derived != *pubkey {
                    return Err(Refused::Bad);
                }
                self.learn(*pubkey, role)?;
                Ok(bitmap)
            }
        }
    }

    /// Learns which of a pool's parts the addresses without an account stand for, by deriving those
    /// around its price.
    pub(super) fn learn_absent(
        &mut self,
        (position, pool_key): (usize, &Pubkey),
        account: &PoolAccount,
        shown: &[(Pubkey, Option<Shown<'_>>)],
    ) -> Result<(), Refused> {
        let absent = || shown.iter().filter(|(_, shown)| shown.is_none()).map(|(key, _)| key);
        if absent().all(|key| self.role(key).is_some()) {
            return Ok(());
        }
        let program = self.states[position].program;
        let length = array_ticks(account.tick_spacing);
        let base = account.tick_current_index.div_euclid(length) * length;
        for array in -ABSENT_ARRAYS_EACH_WAY..=ABSENT_ARRAYS_EACH_WAY {
            let start_tick_index = base.saturating_add(array.saturating_mul(length));
            if start_is_valid(start_tick_index, account.tick_spacing) {
                let key = address::tick_array_address(&program, pool_key, start_tick_index);
                if absent().any(|absent| *absent == key) {
                    let part = Part::Array { start_tick_index };
                    self.learn(key, Role { pool: position, part })?;
                }
            }
        }
        let key = address::oracle_address(&program, pool_key);
        if absent().any(|absent| *absent == key) {
            self.learn(key, Role { pool: position, part: Part::Oracle })?;
        }
        Ok(())
    }

    /// Appends the arrays that an answer asked for and the chain does not have.
    fn push_absent(
        &self,
        position: usize,
        shown: &[(Pubkey, Option<Shown<'_>>)],
        out: &mut Vec<Body>,
    ) {
        for (key, shown) in shown {
            if shown.is_none()
                && let Some(Role { pool, part: Part::Array { start_tick_index } }) = self.role(key)
                && pool == position
            {
                events::push_absent_array(start_tick_index, out);
            }
        }
    }

    /// Highest slot that a live pool has shown.
    pub(super) fn newest_slot(&self, position: usize) -> u64 {
        self.states.get(position).map_or(0, |pool| pool.newest_slot)
    }
}
