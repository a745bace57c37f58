//! What is known of a live pool's accounts, and how an answer is compared with it.
//!
//! A notification tells one account, an answer many at one slot. While a subscription holds, the
//! newest notification of an account is its state, and an answer can only agree, be older, or show
//! that a notification is missing. So both are put together account by account, by slot: an answer
//! that adds nothing publishes nothing, and one that does is published as a whole state.

use std::collections::BTreeMap;

use connector_net::decode::Sink;
use connector_net::{Odd, OddCounts};
use engine_model::DoubtReason;
use solana_pubkey::Pubkey;

use super::pools::{Arrival, Part, Pools, Refused, Role, Shown};
use crate::layout::{self, AccountKind, PoolAccount, TickArrayView};

/// Most accounts remembered as missed until somebody asks: those of one answer, ten times over.
const MISSED_MAX: usize = 1_000;

/// The newest state of one account.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) slot: u64,
    owner: Pubkey,
    /// False: the chain has no such account, `data` is empty.
    exists: bool,
    data: Vec<u8>,
    /// When a notification last told it; 0 for never.
    pub(super) streamed_ns: u64,
}

impl Known {
    fn shown(&self) -> Option<Shown<'_>> {
        self.exists.then_some(Shown { owner: self.owner, data: &self.data })
    }

    fn is(&self, shown: Option<Shown<'_>>) -> bool {
        match shown {
            Some(shown) => self.exists && self.owner == shown.owner && self.data == shown.data,
            None => !self.exists,
        }
    }

    fn set(&mut self, slot: u64, shown: Option<Shown<'_>>) {
        self.slot = slot;
        self.exists = shown.is_some();
        self.data.clear();
        if let Some(shown) = shown {
            self.owner = shown.owner;
            self.data.extend_from_slice(shown.data);
        }
    }
}

/// An account of which an answer shows a newer state than the stream has told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missed {
    /// Its address.
    pub pubkey: Pubkey,
    /// Slot of the answer.
    pub slot: u64,
}

/// The addresses that somebody still listens to.
pub(super) type Subscribed<'a> = &'a dyn Fn(&Pubkey) -> bool;

impl Pools {
    /// Remembers an account, if it is one of this pool's. The layout of an array was checked before.
    pub(super) fn note(
        &mut self,
        position: usize,
        pubkey: &Pubkey,
        slot: u64,
        shown: Option<Shown<'_>>,
    ) -> Result<(), Refused> {
        let Some(Role { pool, part }) = self.role(pubkey).filter(|role| role.pool == position)
        else {
            return Ok(());
        };
        let bitmap = match (part, shown) {
            (Part::Array { .. }, Some(shown)) => TickArrayView::parse(shown.data)?.bitmap(),
            (Part::Array { .. } | Part::Pool | Part::Oracle, _) => 0,
        };
        self.note_checked(Role { pool, part }, pubkey, slot, (shown, bitmap));
        Ok(())
    }

    /// Remembers an account whose ticks are known.
    pub(super) fn note_checked(
        &mut self,
        role: Role,
        pubkey: &Pubkey,
        slot: u64,
        (shown, bitmap): (Option<Shown<'_>>, u128),
    ) {
        let pool = &mut self.states[role.pool];
        match pool.known.get_mut(pubkey) {
            Some(known) => known.set(slot, shown),
            None => pool.known.entry(*pubkey).or_default().set(slot, shown),
        }
        if let Part::Array { start_tick_index } = role.part {
            pool.bitmaps.insert(start_tick_index, bitmap);
        }
    }

    /// A notification of an account has come.
    pub(super) fn note_streamed(&mut self, role: Role, pubkey: &Pubkey, recv_ns: u64) {
        if let Some(known) = self.states[role.pool].known.get_mut(pubkey) {
            known.streamed_ns = recv_ns;
        }
    }

    /// Whether an account of an answer is a part of this pool. An error where it should be and says
    /// that it is not.
    fn is_part(
        &self,
        (position, pool_key): (usize, &Pubkey),
        key: &Pubkey,
        shown: Option<Shown<'_>>,
    ) -> Result<bool, Refused> {
        let has_role = self.role(key).is_some_and(|role| role.pool == position);
        let Some(shown) = shown else { return Ok(has_role) };
        if key == pool_key || layout::pool_of(shown.data) == Some(*pool_key) {
            return Ok(true);
        }
        let is_of_none = layout::pool_of(shown.data).is_none();
        if is_of_none && self.must_be_part(position, key, shown.data) {
            return Err(Refused::Bad);
        }
        Ok(false)
    }

    /// Puts an answer together with what is known of a live pool. Publishes the whole state where
    /// anything is new, at once or with the end of the slot that is under way; what is neither in
    /// the answer nor subscribed is forgotten.
    ///
    /// An error leaves the pool to be doubted.
    pub(super) fn merge(
        &mut self,
        (position, pool_key): (usize, &Pubkey),
        slot: u64,
        shown: &[(Pubkey, Option<Shown<'_>>)],
        subscribed: Subscribed<'_>,
        (arrival, counts, out): (Arrival, &mut OddCounts, &mut Sink),
    ) -> Result<(), Refused> {
        if let Some(account) = self.states[position].fixed {
            self.learn_absent((position, pool_key), &account, shown)?;
        }
        let mut changed: Vec<(Pubkey, Option<Shown<'_>>)> = Vec::new();
        for (key, account) in shown {
            if !self.is_part((position, pool_key), key, *account)? {
                continue;
            }
            match self.states[position].known.get(key) {
                Some(known) if known.slot >= slot || known.is(*account) => {}
                Some(_) => {
                    if self.missed.len() < MISSED_MAX {
                        self.missed.push(Missed { pubkey: *key, slot });
                    }
                    changed.push((*key, *account));
                }
                None => changed.push((*key, *account)),
            }
        }
        let in_answer = |key: &Pubkey| shown.iter().any(|(shown, _)| shown == key);
        let known = self.states[position].known.keys();
        let gone: Vec<Pubkey> =
            known.filter(|key| !in_answer(key) && !subscribed(key)).copied().collect();
        if changed.is_empty() && gone.is_empty() {
            if slot < self.states[position].snapshot_slot {
                counts.add(Odd::StaleUpdate);
            } else {
                self.agreed += 1;
            }
            return Ok(());
        }
        counts.add(Odd::RepeatSnapshot);
        self.check_parts((position, pool_key), &changed)?;
        for key in &gone {
            self.drop_known(position, key);
        }
        for (key, account) in changed {
            // What nobody has listened to yet is learned here; what was never seen has no role.
            self.note(position, &key, slot, account)?;
        }
        let pool = &mut self.states[position];
        pool.snapshot_slot = pool.snapshot_slot.max(slot);
        if pool.newest_slot < slot {
            // Slots before the answer's are over, and the answer holds what they did.
            pool.held.clear();
            pool.newest_slot = slot;
        }
        self.restate(position, arrival, out)
    }

    /// Checks accounts as if they were published, and learns their addresses.
    fn check_parts(
        &mut self,
        (position, pool_key): (usize, &Pubkey),
        accounts: &[(Pubkey, Option<Shown<'_>>)],
    ) -> Result<(), Refused> {
        let mut bodies = Vec::new();
        for (key, account) in accounts {
            match account {
                Some(account) if key == pool_key => self.check_pool(position, key, *account)?,
                Some(account) => {
                    self.push_part(position, pool_key, key, *account, &mut bodies)?;
                    bodies.clear();
                }
                // A pool and its oracle cannot be closed.
                None => match self.role(key) {
                    Some(Role { part: Part::Array { .. }, .. }) => {}
                    Some(Role { part: Part::Pool | Part::Oracle, .. }) | None => {
                        return Err(Refused::Bad);
                    }
                },
            }
        }
        Ok(())
    }

    fn check_pool(&self, position: usize, key: &Pubkey, shown: Shown<'_>) -> Result<(), Refused> {
        self.read_same_pool(position, key, shown).map(|_| ())
    }

    fn drop_known(&mut self, position: usize, key: &Pubkey) {
        let role = self.role(key);
        let pool = &mut self.states[position];
        pool.known.remove(key);
        if let Some(Role { part: Part::Array { start_tick_index }, .. }) = role {
            pool.bitmaps.remove(&start_tick_index);
        }
    }

    /// Publishes all that is known of a live pool: now, or with the slot that is under way.
    fn restate(
        &mut self,
        position: usize,
        arrival: Arrival,
        out: &mut Sink,
    ) -> Result<(), Refused> {
        if self.states[position].held.is_empty() {
            self.publish_known(position, arrival, out)
        } else {
            self.states[position].restate = true;
            Ok(())
        }
    }

    /// Publishes all that is known as one batch, in place of what is held.
    pub(super) fn publish_known(
        &mut self,
        position: usize,
        arrival: Arrival,
        out: &mut Sink,
    ) -> Result<(), Refused> {
        let pool = &mut self.states[position];
        pool.held.clear();
        pool.held_account = None;
        pool.restate = false;
        let pool_key = pool.pubkey;
        let known = core::mem::take(&mut pool.known);
        let done = self.known_bodies((position, &pool_key), &known);
        self.states[position].known = known;
        let (account, bodies) = done?;
        self.states[position].complete = Some(account);
        self.publish_state(position, bodies, arrival, out);
        Ok(())
    }

    fn known_bodies(
        &mut self,
        (position, pool_key): (usize, &Pubkey),
        known: &BTreeMap<Pubkey, Known>,
    ) -> Result<(PoolAccount, Vec<engine_model::Body>), Refused> {
        let own = known.get(pool_key).and_then(Known::shown).ok_or(Refused::Bad)?;
        let account = self.read_same_pool(position, pool_key, own)?;
        let shown: Vec<_> = known.iter().map(|(key, known)| (*key, known.shown())).collect();
        let bodies = self.state_bodies((position, pool_key), &account, &shown)?;
        Ok((account, bodies))
    }

    /// Takes the answer for an account whose pool was not asked for with it.
    pub(super) fn merge_part(
        &mut self,
        role: Role,
        pubkey: &Pubkey,
        slot: u64,
        shown: Option<Shown<'_>>,
        (arrival, counts, out): (Arrival, &mut OddCounts, &mut Sink),
    ) {
        let pool = &self.states[role.pool];
        match pool.known.get(pubkey) {
            Some(known) if known.slot > slot => return counts.add(Odd::StaleUpdate),
            Some(known) if known.is(shown) => return,
            Some(_) | None => {}
        }
        if slot >= pool.newest_slot {
            return self.hold(role, pubkey, slot, shown, (arrival, counts, out));
        }
        // Other accounts of the pool are ahead; of this one nothing newer was told.
        let pool_key = pool.pubkey;
        let done = self
            .check_parts((role.pool, &pool_key), &[(*pubkey, shown)])
            .and_then(|()| self.note(role.pool, pubkey, slot, shown))
            .and_then(|()| self.restate(role.pool, arrival, out));
        if done.is_err() {
            counts.add(Odd::BadAccount);
            self.doubt(role.pool, DoubtReason::BadAccount, slot, arrival, out);
        }
    }

    /// Learns what the addresses without an account of an answer without pools stand for.
    pub(super) fn learn_absent_of_live(&mut self, shown: &[(Pubkey, Option<Shown<'_>>)]) {
        for position in 0..self.states.len() {
            let pool = &self.states[position];
            let pool_key = pool.pubkey;
            if let Some(account) = pool.held_account.or(pool.complete) {
                // No room for an address: its account stays unknown, and so does its array.
                let _ = self.learn_absent((position, &pool_key), &account, shown);
            }
        }
    }

    /// Nobody listens to an account any more: what it was is no state of the pool.
    pub(super) fn forget_part(&mut self, pubkey: &Pubkey, arrival: Arrival, out: &mut Sink) {
        let Some(Role { pool: position, part }) = self.role(pubkey) else { return };
        if part == Part::Pool || !self.states[position].known.contains_key(pubkey) {
            return;
        }
        self.drop_known(position, pubkey);
        if self.restate(position, arrival, out).is_err() {
            self.doubt(position, DoubtReason::BadAccount, 0, arrival, out);
        }
    }

    /// Whether a pool account of a later slot may be told before its slot is over: its fee depends
    /// on nothing else, its liquidity is the same, and no initialised tick lies on the way.
    pub(super) fn is_in_range(&self, position: usize, account: &PoolAccount) -> bool {
        let pool = &self.states[position];
        let Some(complete) = &pool.complete else { return false };
        // The fee of an adaptive pool lies in its oracle, which has not come yet.
        if account.is_adaptive() || account.liquidity != complete.liquidity {
            return false;
        }
        let ticks = [complete.tick_current_index, account.tick_current_index];
        let (low, high) = (ticks[0].min(ticks[1]), ticks[0].max(ticks[1]));
        no_tick_within(&pool.bitmaps, account.tick_spacing, low, high)
    }
}

/// Over how many tick arrays a price may move and still be looked at for its range. A move over more
/// waits for the end of its slot.
const RANGE_ARRAYS_MAX: i32 = 8;

/// Whether all arrays from `low` to `high` are known and none of the ticks above `low` up to and
/// with `high` is initialised.
fn no_tick_within(bitmaps: &BTreeMap<i32, u128>, tick_spacing: u16, low: i32, high: i32) -> bool {
    if low == high {
        return true;
    }
    let (spacing, length) = (i32::from(tick_spacing), layout::array_ticks(tick_spacing));
    let (first, last) = ((low + 1).div_euclid(length), high.div_euclid(length));
    if last - first >= RANGE_ARRAYS_MAX {
        return false;
    }
    (first..=last).all(|array| {
        let start = array * length;
        let Some(bitmap) = bitmaps.get(&start) else { return false };
        let mut left = *bitmap;
        while left != 0 {
            let slot = left.trailing_zeros().cast_signed();
            let tick = start + slot * spacing;
            if tick > low && tick <= high {
                return false;
            }
            left &= left - 1;
        }
        true
    })
}

/// Whether this account says what it is: a pool's part, or nothing of it.
pub(super) fn is_fee_account(data: &[u8]) -> bool {
    matches!(
        AccountKind::of(data),
        Some(AccountKind::FeeTier | AccountKind::AdaptiveFeeTier | AccountKind::Config)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_ends_on_initialised_ticks_and_unknown_arrays() {
        // Spacing 64: arrays of 5632 ticks. Initialised: 640 and 5632 + 64.
        let bitmaps = BTreeMap::from([(0, 1_u128 << 10), (5_632, 1 << 1), (-5_632, 0)]);
        let rows = [
            (100, 100, true, "no way at all"),
            (100, 639, true, "right below the tick"),
            (100, 640, false, "on the tick"),
            (640, 5_695, true, "from the tick over the end of its array"),
            (640, 5_696, false, "on the tick of the next"),
            (5_696, 11_263, true, "to the end of what is known"),
            (5_696, 11_264, false, "beyond it"),
            (-5_633, 100, true, "the tick below counts for the way up from it alone"),
            (-5_634, 100, false, "below what is known"),
            (-443_636, 443_636, false, "too far to look"),
        ];
        for (low, high, expected, shows) in rows {
            assert_eq!(no_tick_within(&bitmaps, 64, low, high), expected, "{shows}");
        }
    }
}
