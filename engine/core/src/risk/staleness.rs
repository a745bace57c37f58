//! R06: whether each required feed still proves its book current.
//!
//! A feed is the data of one market. What proves it is decided by whoever decodes it: a change of
//! the book, or an in-sequence heartbeat where heartbeats carry the sequence; for a sequenced
//! connection every frame proves all its books. This module keeps the times and compares.

use alloc::boxed::Box;
use alloc::vec;

use engine_model::MarketId;
use serde::{Deserialize, Serialize};

use super::halt::{Breach, FeedRecovery, Scope};
use super::limits::Limits;

/// What halts when a feed is stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FeedScope {
    /// Everything.
    Global,
    /// Pairs with a leg on the market.
    Market,
}

/// What a feed's message showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The book as it was kept is current.
    Update,
    /// The book was rebuilt from a snapshot.
    Snapshot,
}

/// How a feed's state changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedChange {
    /// It went stale: latch `stale_data` for its scope.
    Stale(Breach),
    /// It proves its book again; the halt may end once [`Staleness::recovery`] says enough.
    Fresh,
    /// It was silent for too long and is heard again, and no sweep ran between: latch all the same.
    Lapsed(Breach),
}

/// How a feed recovers from going stale.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Outage {
    /// First proof since; none while stale or in doubt.
    fresh_since_ns: Option<u64>,
    update_count: u32,
    is_rebuilt: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Feed {
    /// None when no enabled pair needs the market.
    scope: Option<FeedScope>,
    watched_since_ns: u64,
    proof_ns: Option<u64>,
    is_stale: bool,
    /// The last time it was stale; none if it never was.
    outage: Option<Outage>,
}

impl Feed {
    /// Time from which its age counts: nothing at all is as bad as nothing more.
    fn silent_since_ns(&self) -> u64 {
        self.proof_ns.map_or(self.watched_since_ns, |at_ns| at_ns.max(self.watched_since_ns))
    }

    fn breach(&self, now_ns: u64, limits: &Limits) -> Option<Breach> {
        let silent_ns = now_ns.saturating_sub(self.silent_since_ns());
        let breach =
            Breach { observed: i128::from(silent_ns), limit: i128::from(limits.feed_age_ns_max) };
        (silent_ns > limits.feed_age_ns_max).then_some(breach)
    }

    fn go_stale(&mut self) {
        (self.is_stale, self.outage) = (true, Some(Outage::default()));
    }
}

/// Every feed's age. 256 markets × 72 bytes is 18 KB.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Staleness {
    /// By market index.
    feeds: Box<[Feed]>,
}

impl Staleness {
    /// Watches nothing yet.
    #[must_use]
    pub fn new(market_count: usize) -> Self {
        Self { feeds: vec![Feed::default(); market_count].into_boxed_slice() }
    }

    /// An enabled pair needs the market from now on: its age counts from its last proof, but not
    /// from before this call. A market outside the tables is ignored; no pair can need it.
    pub fn watch(&mut self, market: MarketId, scope: FeedScope, now_ns: u64) {
        if let Some(feed) = self.feeds.get_mut(market.index()) {
            if feed.scope.is_none() {
                feed.watched_since_ns = now_ns;
            }
            feed.scope = Some(scope);
        }
    }

    /// No enabled pair needs the market any more. What it halted stays halted.
    pub fn unwatch(&mut self, market: MarketId) {
        if let Some(feed) = self.feeds.get_mut(market.index()) {
            *feed = Feed { proof_ns: feed.proof_ns, ..Feed::default() };
        }
    }

    /// Scope of the halt that a market's feed causes; none when it is not watched.
    #[must_use]
    pub fn halt_scope(&self, market: MarketId) -> Option<Scope> {
        match self.feeds.get(market.index())?.scope? {
            FeedScope::Global => Some(Scope::Global),
            FeedScope::Market => Some(Scope::Market(market)),
        }
    }

    /// Age of the last proof; none means "never".
    #[must_use]
    pub fn age_ns(&self, market: MarketId, now_ns: u64) -> Option<u64> {
        let proof_ns = self.feeds.get(market.index())?.proof_ns?;
        Some(now_ns.saturating_sub(proof_ns))
    }

    /// Whether a watched feed is stale as of the last call that took a time.
    #[must_use]
    pub fn is_stale(&self, market: MarketId) -> bool {
        self.feeds.get(market.index()).is_some_and(|feed| feed.is_stale)
    }

    /// A market's feed proved its book. Costs the same whatever the number of feeds.
    pub fn note(
        &mut self,
        market: MarketId,
        proof: Proof,
        now_ns: u64,
        limits: &Limits,
    ) -> Option<FeedChange> {
        let feed = self.feeds.get_mut(market.index())?;
        let lapsed = match feed.breach(now_ns, limits) {
            Some(breach) if feed.scope.is_some() && !feed.is_stale => Some(breach),
            _ => None,
        };
        if lapsed.is_some() {
            feed.go_stale();
        }
        feed.proof_ns = Some(feed.proof_ns.map_or(now_ns, |at_ns| at_ns.max(now_ns)));
        let was_stale = core::mem::replace(&mut feed.is_stale, false);
        if let Some(outage) = &mut feed.outage {
            outage.fresh_since_ns = outage.fresh_since_ns.or(Some(now_ns));
            outage.update_count = outage.update_count.saturating_add(1);
            outage.is_rebuilt |= proof == Proof::Snapshot;
        }
        match lapsed {
            Some(breach) => Some(FeedChange::Lapsed(breach)),
            None => was_stale.then_some(FeedChange::Fresh),
        }
    }

    /// A market's book is in doubt: whatever it had shown of its recovery begins anew.
    pub fn note_doubt(&mut self, market: MarketId) {
        if let Some(outage) =
            self.feeds.get_mut(market.index()).and_then(|feed| feed.outage.as_mut())
        {
            *outage = Outage::default();
        }
    }

    /// Finds the feeds that went stale. To be called by a timer at [`Self::next_deadline_ns`], which
    /// is asked again after each sweep, each [`Self::watch`] and each [`FeedChange`].
    pub fn sweep(
        &mut self,
        now_ns: u64,
        limits: &Limits,
        mut each: impl FnMut(MarketId, FeedChange),
    ) {
        for (index, feed) in (0_u16..).zip(&mut self.feeds) {
            if feed.scope.is_none() || feed.is_stale {
                continue;
            }
            if let Some(breach) = feed.breach(now_ns, limits) {
                feed.go_stale();
                each(MarketId(index), FeedChange::Stale(breach));
            }
        }
    }

    /// Every watched feed is stale at once: the machine slept, so no age can be believed.
    pub fn expire_all(&mut self, limits: &Limits, mut each: impl FnMut(MarketId, FeedChange)) {
        let limit = i128::from(limits.feed_age_ns_max);
        let change = FeedChange::Stale(Breach { observed: i128::from(u64::MAX), limit });
        for (index, feed) in (0_u16..).zip(&mut self.feeds) {
            if feed.scope.is_some() && !feed.is_stale {
                feed.go_stale();
                each(MarketId(index), change);
            }
        }
    }

    /// First time at which a feed may go stale if nothing comes: one nanosecond above the limit.
    /// None when no watched feed is fresh. It only moves to later, so a timer set for it may fire
    /// for nothing and never too late.
    #[must_use]
    pub fn next_deadline_ns(&self, limits: &Limits) -> Option<u64> {
        let fresh = self.feeds.iter().filter(|feed| feed.scope.is_some() && !feed.is_stale);
        let silent_since_ns = fresh.map(Feed::silent_since_ns).min()?;
        Some(silent_since_ns.saturating_add(limits.feed_age_ns_max).saturating_add(1))
    }

    /// How far the watched feeds of a halt's scope have recovered. Feeds that were never stale have
    /// nothing to recover from. With no such feed nothing recovers.
    #[must_use]
    pub fn recovery(&self, scope: Scope) -> FeedRecovery {
        let mut recovery =
            FeedRecovery { fresh_since_ns: None, updates_min: u32::MAX, unrebuilt_count: 0 };
        let mut is_fresh = true;
        for (index, feed) in (0_u16..).zip(&self.feeds) {
            if self.halt_scope(MarketId(index)) != Some(scope) {
                continue;
            }
            let since_ns = match feed.outage {
                None => Some(feed.watched_since_ns),
                Some(outage) => {
                    recovery.updates_min = recovery.updates_min.min(outage.update_count);
                    recovery.unrebuilt_count += u32::from(!outage.is_rebuilt);
                    outage.fresh_since_ns
                }
            };
            is_fresh &= since_ns.is_some() && !feed.is_stale;
            recovery.fresh_since_ns = recovery.fresh_since_ns.max(since_ns);
        }
        recovery.fresh_since_ns = recovery.fresh_since_ns.filter(|_| is_fresh);
        recovery
    }
}

#[cfg(test)]
mod tests;
