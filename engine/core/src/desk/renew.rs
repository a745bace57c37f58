//! Other settings over the same memory: what a run takes over from the one before.

use super::{Desk, Hands};
use crate::outbox::{Decision, Warning};
use crate::risk::failures::FailureLevel;
use crate::risk::halt::{HaltReason, Scope};
use crate::timers::TimerId;

impl Desk {
    /// The settings are others from here on. What is kept in their measure is made anew; what they
    /// say of the present is asked by timers that are due before the next event.
    pub(crate) fn renew(&mut self, hands: &mut Hands<'_>) {
        if !self.state.has_begun {
            self.begin(hands);
        }
        let limits = self.settings.limits;
        self.state.throttle.set_rates(self.settings.rates);
        self.state.repeats.resize(&limits);
        self.state.shortfall.resize(&limits);
        for pair in hands.pairs {
            let scope = self.settings.stale_scope;
            for instrument in [pair.buy, pair.sell] {
                let market = hands.world.tables.instruments[instrument.index()].market;
                self.state.staleness.watch(market, scope, hands.now_ns);
            }
            hands.world.pair_scale_ppm[pair.id.index()] = self.scale_of(pair.id);
        }
        self.state.is_renewed = true;
        for timer in [TimerId::Day, TimerId::Stale, TimerId::Watch] {
            hands.timers.set(timer, hands.now_ns);
        }
    }

    /// What other limits say of what was counted under those before.
    pub(crate) fn judge_anew(&mut self, hands: &mut Hands<'_>) {
        if !core::mem::replace(&mut self.state.is_renewed, false) {
            return;
        }
        let limits = self.settings.limits;
        self.watch_positions(hands);
        match self.state.failures.level(hands.now_ns, &limits) {
            FailureLevel::Fine => self.state.has_warned_of_failures = false,
            FailureLevel::Warn(breach) => {
                if !core::mem::replace(&mut self.state.has_warned_of_failures, true) {
                    hands.decide(Decision::Warned(Warning::FailureRate(breach)));
                }
            }
            FailureLevel::Halt(breach) => {
                self.latch(hands, HaltReason::FailureRate, Scope::Strategy, breach);
            }
        }
    }
}
