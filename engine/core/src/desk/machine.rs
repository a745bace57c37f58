//! What the state of the machine calls for: R32 to R36.

use engine_model::{EngineFault, MarketId, Venue};

use super::{Desk, Hands};
use crate::outbox::{Decision, Warning};
use crate::risk::halt::{Breach, Cause, ChangeKind, HaltReason, Scope};
use crate::risk::machine::{self, Machine};
use crate::risk::staleness::FeedChange;
use crate::tables::MARKETS_MAX;

impl Desk {
    /// The wall clock was stated.
    pub(crate) fn note_clock(&mut self, hands: &mut Hands<'_>) {
        let limits = self.settings.limits;
        let offset_ns = hands.world.wall_offset_ns;
        let verdict = self.state.machine.note_clock(offset_ns, hands.now_ns, &limits);
        if let Some(breach) = verdict.warn {
            hands.decide(Decision::Warned(Warning::Clock(breach)));
        }
        if let Some(breach) = verdict.halt {
            self.latch_machine(hands, HaltReason::Clock, Scope::Global, breach);
        }
        if verdict.step.is_some() {
            self.expire_feeds(hands);
        }
    }

    /// A measurement of the machine was stated.
    pub(crate) fn note_machine(
        &mut self,
        hands: &mut Hands<'_>,
        venue: Venue,
        fault: EngineFault,
        value: u64,
    ) {
        let limits = self.settings.limits;
        if fault == EngineFault::Slept && Machine::slept(value, &limits).is_some() {
            self.expire_feeds(hands);
        }
        let found = self.state.machine.note(venue, fault, value, hands.now_ns, &limits);
        if let Some((reason, scope, breach)) = found {
            self.latch_machine(hands, reason, scope, breach);
        }
    }

    /// Whether the core waits for statements of this measurement: a halt ends only on them.
    #[must_use]
    pub fn waits_for(&self, fault: EngineFault) -> bool {
        let reason = machine::reason_of(fault);
        reason.is_some_and(|reason| self.state.halts.iter().any(|halt| halt.reason == reason))
    }

    fn latch_machine(
        &mut self,
        hands: &mut Hands<'_>,
        reason: HaltReason,
        scope: Scope,
        breach: Breach,
    ) {
        let cause = Cause::new(reason, scope, breach);
        let Some(change) = self.state.halts.latch(&cause, hands.now_ns) else { return };
        hands.decide(Decision::Halt(change));
        if change.kind != ChangeKind::Latched {
            return;
        }
        let limits = self.settings.limits;
        if self.state.machine.latched(reason, scope, hands.now_ns, &limits)
            && let Some(change) = self.state.halts.hand_over(reason, scope)
        {
            hands.decide(Decision::Halt(change));
        }
        if reason == HaltReason::CoreLag {
            self.suspect_feeds(hands);
        }
    }

    /// No age can be believed: every feed has to prove its book anew, from a snapshot on.
    fn expire_feeds(&mut self, hands: &mut Hands<'_>) {
        let limits = self.settings.limits;
        let mut found: [Option<Breach>; MARKETS_MAX] = [None; MARKETS_MAX];
        self.state.staleness.expire_all(&limits, |market, change| {
            if let FeedChange::Stale(breach) = change {
                found[market.index()] = Some(breach);
            }
        });
        for (index, breach) in (0_u16..).zip(found) {
            if let Some(breach) = breach {
                self.feed_stale(hands, MarketId(index), breach);
            }
        }
        self.arm_stale(hands);
        self.suspect_feeds(hands);
    }

    /// Asks for a snapshot of every book that an enabled pair needs.
    fn suspect_feeds(&self, hands: &mut Hands<'_>) {
        for index in 0..hands.world.markets.len() {
            let market = MarketId(u16::try_from(index).expect("Invariant: markets are few"));
            if self.state.staleness.halt_scope(market).is_some() {
                hands.decide(Decision::Suspect(market));
            }
        }
    }
}
