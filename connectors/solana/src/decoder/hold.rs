//! What a live pool holds until its slot is over, and what is told before that.

use connector_net::books::BookState;
use connector_net::decode::Sink;
use connector_net::{Odd, OddCounts};
use engine_model::{Body, DoubtReason, Flags};
use solana_pubkey::Pubkey;

use super::Provisional;
use super::pools::{Arrival, Part, Pools, Refused, Role, Shown};
use crate::events;
use crate::layout::{self, PoolAccount};

/// Most events that may wait for the end of a slot: eleven full arrays and the pool. One slot of one
/// pool rarely touches three.
const HELD_EVENTS_MAX: usize = 1_024;

impl Pools {
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
        let alone = was_empty || self.states[position].held_alone;
        let done = self.push_update(role, pubkey, shown, &mut held);
        let full = held.len() > HELD_EVENTS_MAX;
        let pool = &mut self.states[position];
        pool.held = held;
        match done {
            Ok((account, bitmap)) if !full => {
                pool.newest_slot = slot;
                pool.held_line = arrival.line;
                if was_empty {
                    pool.held_since_ns = arrival.recv_ns;
                }
                pool.held_alone = alone && account.is_some();
                pool.held_account = account.or(pool.held_account);
                self.note_checked(role, pubkey, slot, (shown, bitmap));
                if let Some(account) = account {
                    self.moved = true;
                    self.publish_provisional(position, &account, arrival, out);
                }
            }
            Ok(_) => {
                counts.add(Odd::BufferFull);
                self.doubt(position, DoubtReason::TooLarge, slot, arrival, out);
            }
            Err(_) => {
                counts.add(Odd::BadAccount);
                self.doubt(position, DoubtReason::BadAccount, slot, arrival, out);
            }
        }
    }

    /// Appends what an account of a live pool says. Gives the pool's own account, and the initialised
    /// ticks of an array.
    fn push_update(
        &mut self,
        role: Role,
        pubkey: &Pubkey,
        shown: Option<Shown<'_>>,
        out: &mut Vec<Body>,
    ) -> Result<(Option<PoolAccount>, u128), Refused> {
        let position = role.pool;
        match (role.part, shown) {
            (Part::Pool, Some(shown)) => {
                let account = self.read_same_pool(position, pubkey, shown)?;
                events::push_pool(&account, out);
                Ok((Some(account), 0))
            }
            (Part::Array { .. } | Part::Oracle, Some(shown)) => {
                let pool_key = layout::pool_of(shown.data).ok_or(Refused::Bad)?;
                match self.role(&pool_key) {
                    Some(Role { pool, part: Part::Pool }) if pool == position => {}
                    _ => return Err(Refused::Bad),
                }
                Ok((None, self.push_part(position, &pool_key, pubkey, shown, out)?))
            }
            (Part::Array { start_tick_index }, None) => {
                events::push_absent_array(start_tick_index, out);
                Ok((None, 0))
            }
            // A pool and its oracle cannot be closed.
            (Part::Pool | Part::Oracle, None) => Err(Refused::Bad),
        }
    }

    /// Reads the account of a pool that lives: what may not change has not.
    pub(super) fn read_same_pool(
        &self,
        position: usize,
        pubkey: &Pubkey,
        shown: Shown<'_>,
    ) -> Result<PoolAccount, Refused> {
        let account = self.read_pool(pubkey, shown)?;
        let pool = &self.states[position];
        let same = pool.fixed.is_some_and(|fixed| {
            shown.owner == pool.program
                && fixed.tick_spacing == account.tick_spacing
                && fixed.fee_tier_index == account.fee_tier_index
                && fixed.mint_a == account.mint_a
                && fixed.mint_b == account.mint_b
        });
        if same { Ok(account) } else { Err(Refused::Bad) }
    }

    /// Tells a pool's price before its slot is over, where it may be told.
    fn publish_provisional(
        &self,
        position: usize,
        account: &PoolAccount,
        arrival: Arrival,
        out: &mut Sink,
    ) {
        let pool = &self.states[position];
        let is_told = self.provisional == Provisional::On && pool.held_alone && !pool.restate;
        if !is_told || !self.is_in_range(position, account) {
            return;
        }
        let stamp = arrival.stamp(pool.newest_slot);
        let market = self.markets.get(position).id;
        for body in events::pool_bodies(account) {
            let mut event = stamp.event(market, body);
            event.flags = Flags(Flags::PROVISIONAL);
            out.events.push(event);
        }
        out.close(arrival.line);
    }

    /// Publishes what a pool holds as one batch, under the line of its last frame.
    fn publish(&mut self, position: usize, recv_ns: u64, out: &mut Sink) {
        let pool = &mut self.states[position];
        if pool.held.is_empty() {
            return;
        }
        let arrival = Arrival { recv_ns, line: pool.held_line };
        if pool.restate {
            if self.publish_known(position, arrival, out).is_err() {
                let slot = self.newest_slot(position);
                self.doubt(position, DoubtReason::BadAccount, slot, arrival, out);
            }
            return;
        }
        pool.complete = pool.held_account.take().or(pool.complete);
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

    /// When the first of what is held must be published; `u64::MAX` where nothing is. Unit: Unix
    /// nanoseconds.
    pub(super) fn next_due_ns(&self) -> u64 {
        let held = self.states.iter().filter(|pool| !pool.held.is_empty());
        held.map(|pool| pool.held_since_ns.saturating_add(self.hold_ns)).min().unwrap_or(u64::MAX)
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
}
