//! The state of each pool of a connection: what is held, what was published, what is in doubt.

use std::collections::BTreeMap;

use connector_net::books::{BookState, mark_snapshot};
use connector_net::decode::{Sink, Stamp};
use connector_net::{Markets, Odd, OddCounts};
use engine_model::units::NS_PER_MS;
use engine_model::{Body, DoubtReason, MarketId, Venue};
use solana_pubkey::Pubkey;

use super::PoolExpected;
use crate::address;
use crate::events;
use crate::layout::{
    self, AccountKind, LayoutError, OracleAccount, PoolAccount, TickArrayView, array_ticks,
    start_is_valid,
};

/// Most events that may wait for the end of a slot: eleven full arrays and the pool. One slot of one
/// pool rarely touches three.
const HELD_EVENTS_MAX: usize = 1_024;

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
    /// What must not change while the pool lives; from the bootstrap.
    fixed: Option<PoolAccount>,
    program: Pubkey,
    /// Slot of the bootstrap. Earlier frames are older than what it showed.
    snapshot_slot: u64,
    /// Highest slot published or held.
    newest_slot: u64,
    held: Vec<Body>,
    held_since_ns: u64,
    held_line: u64,
}

impl PoolState {
    fn forget(&mut self) {
        self.held.clear();
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
    states: Vec<PoolState>,
    roles: BTreeMap<Pubkey, Role>,
    hold_ns: u64,
}

impl Pools {
    pub(super) fn new(markets: Markets, expected: Vec<PoolExpected>, hold_ms: u64) -> Self {
        Self {
            markets,
            expected,
            states: Vec::new(),
            roles: BTreeMap::new(),
            hold_ns: hold_ms.saturating_mul(NS_PER_MS),
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
        self.learn(*pubkey, Role { pool: position, part: Part::Pool }).ok()?;
        Some(position)
    }

    /// Reads the pool account for `position` and checks it against what is expected of the pool.
    fn read_pool(&self, pubkey: &Pubkey, shown: Shown<'_>) -> Result<PoolAccount, Refused> {
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
        let account = self.read_pool(pubkey, own.ok_or(Refused::Bad)?)?;
        let program = own.map(|shown| shown.owner).unwrap_or_default();
        {
            let pool = &mut self.states[position];
            // What is held of the same slot shows its end, so it is never older than the answer.
            if pool.newest_slot != slot {
                pool.held.clear();
            }
            pool.fixed = Some(account);
            pool.program = program;
            pool.snapshot_slot = slot;
            pool.newest_slot = slot;
        }
        let mut bodies = vec![Body::BookClear];
        events::push_pool(&account, &mut bodies);
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
        self.push_absent(position, (pubkey, &account), shown, &mut bodies)?;
        let market = self.markets.get(position).id;
        let stamp = arrival.stamp(slot);
        for body in bodies {
            out.push(stamp, market, body);
        }
        mark_snapshot(out);
        out.close(arrival.line);
        self.states[position].state = BookState::Live;
        Ok(())
    }

    /// Whether an account that names no pool should have named this one.
    fn must_be_part(&self, position: usize, pubkey: &Pubkey, data: &[u8]) -> bool {
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

    /// Appends an array or oracle of a pool whose fixed part is known.
    fn push_part(
        &mut self,
        position: usize,
        pool_key: &Pubkey,
        pubkey: &Pubkey,
        shown: Shown<'_>,
        out: &mut Vec<Body>,
    ) -> Result<(), Refused> {
        let pool = &self.states[position];
        let fixed = pool.fixed.ok_or(Refused::Foreign)?;
        if shown.owner != pool.program {
            return Err(Refused::Bad);
        }
        let part = match AccountKind::of(shown.data).ok_or(Refused::Bad)? {
            AccountKind::FixedTickArray | AccountKind::DynamicTickArray => {
                let view = TickArrayView::parse(shown.data)?;
                view.check_spacing(fixed.tick_spacing)?;
                events::push_array(&view, fixed.tick_spacing, out);
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
            Some(known) if known == role => Ok(()),
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
                self.learn(*pubkey, role)
            }
        }
    }

    /// Appends the arrays that the bootstrap asked for and the chain does not have. Which array an
    /// address without an account stands for is found by deriving those around the price.
    fn push_absent(
        &mut self,
        position: usize,
        (pool_key, account): (&Pubkey, &PoolAccount),
        shown: &[(Pubkey, Option<Shown<'_>>)],
        out: &mut Vec<Body>,
    ) -> Result<(), Refused> {
        let absent = || shown.iter().filter(|(_, shown)| shown.is_none()).map(|(key, _)| key);
        if absent().any(|key| self.role(key).is_none()) {
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
        }
        for key in absent() {
            if let Some(Role { pool, part: Part::Array { start_tick_index } }) = self.role(key)
                && pool == position
            {
                events::push_absent_array(start_tick_index, out);
            }
        }
        Ok(())
    }

    /// Holds an account of a live pool until its slot is over.
    pub(super) fn hold(
        &mut self,
        role: Role,
        pubkey: &Pubkey,
        slot: u64,
        shown: Option<Shown<'_>>,
        (arrival, counts, out): (Arrival, &mut OddCounts, &mut Sink),
    ) {
        let position = role.pool;
        let pool = &self.states[position];
        if slot < pool.snapshot_slot {
            // Older than what the bootstrap has shown already.
            counts.add(Odd::StaleUpdate);
            return;
        }
        if slot < pool.newest_slot {
            counts.add(Odd::SlotBackwards);
            self.doubt(position, DoubtReason::Fork, slot, arrival, out);
            return;
        }
        if slot > pool.newest_slot {
            self.publish(position, arrival.recv_ns, out);
        }
        let mut held = core::mem::take(&mut self.states[position].held);
        let was_empty = held.is_empty();
        let done = self.push_update(role, pubkey, shown, &mut held);
        let full = held.len() > HELD_EVENTS_MAX;
        let pool = &mut self.states[position];
        pool.held = held;
        match done {
            Ok(()) if !full => {
                pool.newest_slot = slot;
                pool.held_line = arrival.line;
                if was_empty {
                    pool.held_since_ns = arrival.recv_ns;
                }
            }
            Ok(()) => {
                counts.add(Odd::BufferFull);
                self.doubt(position, DoubtReason::TooLarge, slot, arrival, out);
            }
            Err(_) => {
                counts.add(Odd::BadAccount);
                self.doubt(position, DoubtReason::BadAccount, slot, arrival, out);
            }
        }
    }

    fn push_update(
        &mut self,
        role: Role,
        pubkey: &Pubkey,
        shown: Option<Shown<'_>>,
        out: &mut Vec<Body>,
    ) -> Result<(), Refused> {
        let position = role.pool;
        match (role.part, shown) {
            (Part::Pool, Some(shown)) => {
                let account = self.read_pool(pubkey, shown)?;
                let pool = &self.states[position];
                let same = pool.fixed.is_some_and(|fixed| {
                    shown.owner == pool.program
                        && fixed.tick_spacing == account.tick_spacing
                        && fixed.fee_tier_index == account.fee_tier_index
                        && fixed.mint_a == account.mint_a
                        && fixed.mint_b == account.mint_b
                });
                if !same {
                    return Err(Refused::Bad);
                }
                events::push_pool(&account, out);
                Ok(())
            }
            (Part::Array { .. } | Part::Oracle, Some(shown)) => {
                let pool_key = layout::pool_of(shown.data).ok_or(Refused::Bad)?;
                match self.role(&pool_key) {
                    Some(Role { pool, part: Part::Pool }) if pool == position => {}
                    _ => return Err(Refused::Bad),
                }
                self.push_part(position, &pool_key, pubkey, shown, out)
            }
            (Part::Array { start_tick_index }, None) => {
                events::push_absent_array(start_tick_index, out);
                Ok(())
            }
            // A pool and its oracle cannot be closed.
            (Part::Pool | Part::Oracle, None) => Err(Refused::Bad),
        }
    }

    /// Publishes what a pool holds as one batch, under the line of its last frame.
    fn publish(&mut self, position: usize, recv_ns: u64, out: &mut Sink) {
        let pool = &mut self.states[position];
        if pool.held.is_empty() {
            return;
        }
        let arrival = Arrival { recv_ns, line: pool.held_line };
        let stamp = arrival.stamp(pool.newest_slot);
        let market = self.markets.get(position).id;
        for body in pool.held.drain(..) {
            out.push(stamp, market, body);
        }
        out.close(arrival.line);
    }

    /// Publishes what belongs to slots before this one: the node is done with them.
    pub(super) fn publish_before(&mut self, slot: u64, recv_ns: u64, out: &mut Sink) {
        for position in 0..self.states.len() {
            if self.states[position].newest_slot < slot {
                self.publish(position, recv_ns, out);
            }
        }
    }

    /// Publishes what was held long enough.
    pub(super) fn publish_overdue(&mut self, recv_ns: u64, out: &mut Sink) {
        for position in 0..self.states.len() {
            let held_ns = recv_ns.saturating_sub(self.states[position].held_since_ns);
            if held_ns >= self.hold_ns {
                self.publish(position, recv_ns, out);
            }
        }
    }

    /// Puts a pool in doubt, as a batch of its own; what it held is dropped. A pool that has shown
    /// nothing yet has nothing to doubt.
    pub(super) fn doubt(
        &mut self,
        position: usize,
        reason: DoubtReason,
        slot: u64,
        arrival: Arrival,
        out: &mut Sink,
    ) {
        let pool = &mut self.states[position];
        pool.forget();
        if pool.state != BookState::Live {
            return;
        }
        pool.state = BookState::Doubted;
        out.push(arrival.stamp(slot), self.markets.get(position).id, Body::BookDoubt { reason });
        out.close(arrival.line);
    }

    /// Puts every live pool in doubt.
    pub(super) fn doubt_all(&mut self, reason: DoubtReason, arrival: Arrival, out: &mut Sink) {
        for position in 0..self.states.len() {
            self.doubt(position, reason, 0, arrival, out);
        }
    }

    /// The connection began anew: live pools are in doubt and all wait for a bootstrap.
    pub(super) fn restart(&mut self, arrival: Arrival, out: &mut Sink) {
        self.doubt_all(DoubtReason::Disconnected, arrival, out);
        for pool in &mut self.states {
            pool.state = BookState::Empty;
        }
    }

    /// Highest slot that a live pool has shown.
    pub(super) fn newest_slot(&self, position: usize) -> u64 {
        self.states.get(position).map_or(0, |pool| pool.newest_slot)
    }
}
