//! What is due, and what is asked for next.

use std::collections::BTreeSet;

use connector_net::session::{Asks, Cause, Fetch};
use solana_pubkey::Pubkey;

use super::pool::{Stage, Task};
use super::{About, Bounds, Pending, SUSPECTS_MAX, SolanaSession, What, rpc};

/// Keys behind a pool's own accounts: two mints, the fee tier, the configuration.
const FEE_KEYS: usize = 4;

impl SolanaSession {
    pub(super) fn ask(
        &mut self,
        what: What,
        node: usize,
        now_ns: u64,
        make: impl FnOnce(u64) -> Fetch,
    ) -> Fetch {
        self.last_tag += 1;
        let tag = self.last_tag;
        self.pending.insert(tag, Pending { what, node, asked_ns: now_ns });
        make(tag)
    }

    /// A wait before the next attempt: doubling, and anywhere in its upper half.
    pub(super) fn retry_in_ns(&mut self, tries: u32) -> u64 {
        let Bounds { retry_first_ns, retry_most_ns, .. } = self.settings.bounds;
        let doubled = retry_first_ns.saturating_mul(1_u64 << tries.min(32));
        let bound = doubled.min(retry_most_ns);
        bound / 2 + self.jitter.up_to(bound / 2)
    }

    /// Does whatever is due, and works out what is due next.
    pub(super) fn step(&mut self, now_ns: u64, asks: &mut Asks) {
        if !self.is_open || self.leaving.is_some() {
            self.next_ns = u64::MAX;
            return;
        }
        let silence_ns = self.settings.bounds.slot_silence_ns;
        if now_ns.saturating_sub(self.clocks.slot_ns) >= silence_ns {
            self.leave(Cause::Silent, now_ns, asks);
        } else if !self.subs.ask_late(now_ns, asks) {
            self.leave(Cause::VenueError, now_ns, asks);
        } else if self.is_behind_other() {
            self.leave(Cause::Lagging, now_ns, asks);
        } else if self.is_pool_missing(now_ns) {
            self.leave(Cause::SnapshotLate, now_ns, asks);
        } else if self.nodes.better(now_ns).is_some() {
            self.leave(Cause::Preferred, now_ns, asks);
        } else {
            self.judge_suspects(now_ns, asks);
            for index in 0..self.tasks.len() {
                self.advance(index, now_ns, asks);
            }
            self.poll(now_ns, asks);
        }
        self.next_ns = self.next_due_ns();
    }

    /// Whether the other connection of this chain is ahead of this one by more than is allowed.
    pub(super) fn is_behind_other(&self) -> bool {
        let reached = self.slot.saturating_add(self.settings.bounds.lag_slots_max);
        self.slot > 0 && self.nodes.has_others() && self.shared.other_slot() > reached
    }

    /// Whether a pool has been without a state for too long, and nothing explains it that another
    /// connection would not mend.
    pub(super) fn is_pool_missing(&mut self, now_ns: u64) -> bool {
        let Self { tasks, decoder, problems, settings, .. } = self;
        let mut is_missing = false;
        for (index, task) in tasks.iter_mut().enumerate() {
            if decoder.is_live(task.pool()) || problems.contains_key(&About::Pool(index)) {
                task.missing_ns = None;
            } else {
                let since_ns = *task.missing_ns.get_or_insert(now_ns);
                is_missing |= now_ns.saturating_sub(since_ns) >= settings.bounds.live_within_ns;
            }
        }
        is_missing
    }

    pub(super) fn next_due_ns(&self) -> u64 {
        if self.leaving.is_some() {
            return u64::MAX;
        }
        let clocks = &self.clocks;
        let mut due = self.subs.due_ns();
        for task in &self.tasks {
            if let Some(since_ns) = task.missing_ns {
                due = due.min(since_ns.saturating_add(self.settings.bounds.live_within_ns));
            }
            if matches!(task.stage, Stage::Locate | Stage::Read) && task.tag.is_none() {
                due = due.min(task.retry_ns.max(clocks.quiet_until_ns));
            }
        }
        let polls = clocks.check_ns.min(clocks.fees_ns).max(clocks.quiet_until_ns);
        due.min(polls).min(clocks.lag_ns).min(clocks.tip_ns)
    }

    /// Takes a pool as far as it gets.
    pub(super) fn advance(&mut self, index: usize, now_ns: u64, asks: &mut Asks) {
        let pool = *self.tasks[index].pool();
        if self.tasks[index].stage == Stage::Live {
            self.follow(index, &pool, now_ns, asks);
        }
        if self.tasks[index].stage == Stage::Subscribe {
            let Self { tasks, subs, slot, .. } = self;
            let task = &mut tasks[index];
            for key in &task.keys {
                subs.want(key, now_ns, asks);
            }
            if *slot > 0 && task.keys.iter().all(|key| subs.is_confirmed(key)) {
                task.enter(Stage::Read, now_ns);
                task.slot_min = (*slot).max(task.located.map_or(0, |located| located.slot));
            }
        }
        let task = &self.tasks[index];
        let is_due = task.tag.is_none() && now_ns >= task.retry_ns.max(self.clocks.quiet_until_ns);
        if is_due && matches!(task.stage, Stage::Locate | Stage::Read) {
            self.ask_for(index, now_ns, asks);
        }
    }

    /// Asks for a pool's account, or for everything that it needs.
    pub(super) fn ask_for(&mut self, index: usize, now_ns: u64, asks: &mut Asks) {
        let (node, encoding) = (self.nodes.current(), self.settings.encoding);
        let url = self.rpc_url(node).to_owned();
        let task = &self.tasks[index];
        let fetch = if task.stage == Stage::Locate {
            let pool = *task.pool();
            let make = |tag| rpc::account(tag, &url, &pool, encoding);
            self.ask(What::Locate(index), node, now_ns, make)
        } else {
            let (keys, slot_min) = (task.keys.clone(), task.slot_min);
            self.counts.reads += 1;
            let make = |tag| rpc::accounts(tag, &url, &keys, encoding, slot_min);
            self.ask(What::Read(index), node, now_ns, make)
        };
        self.tasks[index].tag = Some(fetch.tag);
        asks.fetch(fetch);
    }

    /// Looks after a pool that is watched: one in doubt is read again, one whose price has left its
    /// array gets another window.
    pub(super) fn follow(&mut self, index: usize, pool: &Pubkey, now_ns: u64, asks: &mut Asks) {
        if !self.decoder.is_live(pool) {
            let slot_min = self.slot;
            let task = &mut self.tasks[index];
            task.enter(Stage::Read, now_ns);
            task.slot_min = slot_min;
            return;
        }
        let Some(tick) = self.decoder.tick(pool) else { return };
        if self.tasks[index].is_aimed_at(tick) {
            return;
        }
        self.counts.moves += 1;
        let Self { tasks, subs, settings, decoder, .. } = self;
        let task = &mut tasks[index];
        task.aim(tick, &settings.bounds, &|key| subs.is_asked(key));
        // Fee accounts and mints are no parts of the state; arrays and the oracle are.
        let is_had = |key: &Pubkey| subs.is_confirmed(key) && decoder.knows(pool, key);
        let arrays = task.keys.len().saturating_sub(FEE_KEYS);
        if task.keys[..arrays].iter().all(is_had) {
            self.release(asks);
        } else {
            task.enter(Stage::Subscribe, now_ns);
        }
    }

    /// Ends the subscriptions that no pool needs any more.
    pub(super) fn release(&mut self, asks: &mut Asks) {
        let needed: BTreeSet<Pubkey> =
            self.tasks.iter().flat_map(|task| task.keys.iter().copied()).collect();
        let gone: Vec<Pubkey> =
            self.subs.keys().filter(|key| !needed.contains(*key)).copied().collect();
        for key in gone {
            let subscription = self.decoder.subscription(&key);
            self.subs.end(&key, subscription, asks);
        }
    }

    /// Makes subscriptions anew that have not told what an answer has shown.
    pub(super) fn judge_suspects(&mut self, now_ns: u64, asks: &mut Asks) {
        if self.suspects.is_empty() {
            return;
        }
        let suspects = core::mem::take(&mut self.suspects);
        for (missed, found_ns) in suspects {
            let key = missed.pubkey;
            let owner = self.tasks.iter().position(|task| task.keys.contains(&key));
            let has_told = self.decoder.streamed_ns(&key) >= found_ns;
            let Some(index) = owner.filter(|_| !has_told) else { continue };
            let due = missed.slot.saturating_add(self.settings.bounds.suspect_slots);
            if self.slot <= due {
                self.suspects.push((missed, found_ns));
                continue;
            }
            self.counts.stopped += 1;
            let subscription = self.decoder.subscription(&key);
            self.subs.again(&key, subscription, now_ns, asks);
            self.tasks[index].enter(Stage::Subscribe, now_ns);
        }
    }

    /// Takes note of the accounts of which an answer has shown more than the stream.
    pub(super) fn suspect(&mut self, now_ns: u64) {
        for missed in self.decoder.take_missed() {
            self.counts.differing += 1;
            let is_known = self.suspects.iter().any(|(known, _)| known.pubkey == missed.pubkey);
            // What is not subscribed owes nothing.
            let is_told = self.subs.is_confirmed(&missed.pubkey);
            if is_told && !is_known && self.suspects.len() < SUSPECTS_MAX {
                self.suspects.push((missed, now_ns));
            }
        }
    }

    /// Asks what is asked for again and again.
    pub(super) fn poll(&mut self, now_ns: u64, asks: &mut Asks) {
        let bounds = self.settings.bounds;
        let node = self.nodes.current();
        let may_ask = now_ns >= self.clocks.quiet_until_ns;
        if may_ask && now_ns >= self.clocks.check_ns {
            self.clocks.check_ns = now_ns.saturating_add(bounds.check_every_ns);
            self.check_all(now_ns, asks);
        }
        if now_ns >= self.clocks.lag_ns {
            self.clocks.lag_ns = now_ns.saturating_add(bounds.lag_every_ns);
            for other in (0..self.nodes.len()).filter(|other| *other != node) {
                let is_asked = |it: &Pending| it.what == What::Slot && it.node == other;
                if !self.pending.values().any(is_asked) {
                    let url = self.rpc_url(other).to_owned();
                    asks.fetch(self.ask(What::Slot, other, now_ns, |tag| rpc::slot(tag, &url)));
                }
            }
        }
        if may_ask && now_ns >= self.clocks.fees_ns {
            self.clocks.fees_ns = now_ns.saturating_add(bounds.fees_every_ns);
            self.fees_of = (self.fees_of + 1) % self.tasks.len().max(1);
            if let Some(keys) = self.tasks.get(self.fees_of).and_then(Task::written_keys) {
                let url = self.rpc_url(node).to_owned();
                asks.fetch(self.ask(What::Fees, node, now_ns, |tag| rpc::fees(tag, &url, &keys)));
            }
        }
        if now_ns >= self.clocks.tip_ns {
            self.clocks.tip_ns = now_ns.saturating_add(bounds.tip_every_ns);
            if let Some(url) = self.settings.tip_url.clone() {
                asks.fetch(self.ask(What::Tip, node, now_ns, |tag| rpc::tip(tag, &url)));
            }
        }
    }

    /// Reads every watched pool again, as many in one request as it takes.
    pub(super) fn check_all(&mut self, now_ns: u64, asks: &mut Asks) {
        if self.pending.values().any(|pending| pending.what == What::Check) {
            return;
        }
        let mut groups: Vec<Vec<Pubkey>> = Vec::new();
        for task in self.tasks.iter().filter(|task| task.stage == Stage::Live) {
            let new = |keys: &[Pubkey]| {
                task.keys.iter().filter(|key| !keys.contains(key)).copied().collect::<Vec<_>>()
            };
            match groups.last_mut() {
                Some(keys) if keys.len() + new(keys).len() <= self.keys_max => {
                    let added = new(keys);
                    keys.extend(added);
                }
                Some(_) | None => groups.push(task.keys.clone()),
            }
        }
        let (node, encoding) = (self.nodes.current(), self.settings.encoding);
        let url = self.rpc_url(node).to_owned();
        // An answer of a node that lies farther behind is worth nothing, and says so by an error.
        let slot_min = self.slot.saturating_sub(self.settings.bounds.lag_slots_max);
        for keys in groups {
            let make = |tag| rpc::accounts(tag, &url, &keys, encoding, slot_min);
            asks.fetch(self.ask(What::Check, node, now_ns, make));
        }
    }

    /// Takes note of the slot that the connection has reached. True for its first.
    pub(super) fn note_slot(&mut self, now_ns: u64) -> bool {
        let slot = self.decoder.slot();
        if slot <= self.slot {
            return false;
        }
        let is_first = self.slot == 0;
        self.slot = slot;
        self.clocks.slot_ns = now_ns;
        self.shared.set_pool_slot(slot);
        is_first
    }
}
