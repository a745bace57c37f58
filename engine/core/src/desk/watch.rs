//! Keeps the halts: what latches them, what clears them, and when to look again.

use engine_model::{AssetId, Body, Command, Event, MarketId, Role, Venue};

use super::{Desk, Hands};
use crate::execution::plan::Plan;
use crate::outbox::{Decision, Warning};
use crate::risk::agreement::Reading;
use crate::risk::daily::{DailyVerdict, day_of};
use crate::risk::exposure::UnhedgedLevel;
use crate::risk::failures::FailureLevel;
use crate::risk::halt::{
    Actor, Breach, Cause, CauseKind, CauseNow, Change, ChangeKind, ClearRefused, HaltReason, Latch,
    Scope, Written,
};
use crate::risk::staleness::{FeedChange, Proof};
use crate::risk::{Check, Denial};
use crate::tables::{MARKETS_MAX, PairSpec, Tables};
use crate::timers::TimerId;

const NS_PER_SECOND: u64 = 1_000_000_000;
const NS_PER_DAY: u64 = 86_400 * NS_PER_SECOND;

/// A halt that may end by itself is looked at this often. Unit: nanoseconds.
const RESUME_EVERY_NS: u64 = NS_PER_SECOND;

impl Desk {
    /// The first event: feeds are watched from here on, and the day is known.
    pub(crate) fn begin(&mut self, hands: &mut Hands<'_>) {
        for pair in hands.pairs {
            for instrument in [pair.buy, pair.sell] {
                let market = hands.world.tables.instruments[instrument.index()].market;
                self.state.staleness.watch(market, self.settings.stale_scope, hands.now_ns);
            }
        }
        self.state.has_begun = true;
        self.state
            .daily
            .roll(day_of(hands.world.wall_ns(hands.now_ns) / NS_PER_SECOND), &self.settings.limits);
        // Nothing is held that was not there at the start, so nothing is unrealised.
        self.state.daily.note_unrealised(Some(0), &self.settings.limits);
        self.arm_stale(hands);
        Self::arm_day(hands);
    }

    /// Sets the timer of the next midnight, UTC.
    pub(crate) fn arm_day(hands: &mut Hands<'_>) {
        let wall_ns = hands.world.wall_ns(hands.now_ns);
        let left_ns = NS_PER_DAY - wall_ns % NS_PER_DAY;
        hands.timers.set(TimerId::Day, hands.now_ns.saturating_add(left_ns));
    }

    /// The wall clock shows another day.
    pub(crate) fn day_due(&mut self, hands: &mut Hands<'_>) {
        let day = day_of(hands.world.wall_ns(hands.now_ns) / NS_PER_SECOND);
        let verdict = self.state.daily.roll(day, &self.settings.limits);
        self.after_daily(hands, &verdict);
        self.judge_anew(hands);
        Self::arm_day(hands);
    }

    /// Takes what an event says of its feed.
    #[expect(clippy::wildcard_enum_match_arm, reason = "what proves no feed is all the rest")]
    pub(crate) fn note_feed(&mut self, hands: &mut Hands<'_>, event: &Event) {
        let proof = match event.body {
            Body::BookClear => Proof::Snapshot,
            Body::BookDoubt { .. } | Body::Gap { .. } => {
                self.state.staleness.note_doubt(event.market);
                return;
            }
            Body::Level { .. } | Body::PoolMeta { .. } if event.ends_batch() => Proof::Update,
            Body::Slot { .. } | Body::Timer | Body::Heartbeat { .. }
                if matches!(event.venue, Venue::Coinbase | Venue::Solana) =>
            {
                Proof::Update
            }
            _ => return,
        };
        // Whatever keeps a connection alive proves nothing of a book that is in doubt.
        if proof == Proof::Update && !hands.world.is_live(event.market) {
            return;
        }
        let (now_ns, limits) = (hands.now_ns, self.settings.limits);
        match self.state.staleness.note(event.market, proof, now_ns, &limits) {
            None => (),
            Some(FeedChange::Fresh) => self.arm_stale(hands),
            Some(FeedChange::Stale(breach) | FeedChange::Lapsed(breach)) => {
                self.feed_stale(hands, event.market, breach);
                self.arm_stale(hands);
            }
        }
    }

    /// A feed may have gone stale.
    pub(crate) fn stale_due(&mut self, hands: &mut Hands<'_>) {
        let limits = self.settings.limits;
        // Room for every market: all may be due at once, ten seconds after the start.
        let mut found: [Option<(MarketId, Breach)>; MARKETS_MAX] = [None; MARKETS_MAX];
        self.state.staleness.sweep(hands.now_ns, &limits, |market, change| {
            if let FeedChange::Stale(breach) = change {
                found[market.index()] = Some((market, breach));
            }
        });
        for (market, breach) in found.into_iter().flatten() {
            self.feed_stale(hands, market, breach);
        }
        self.arm_stale(hands);
    }

    pub(super) fn feed_stale(&mut self, hands: &mut Hands<'_>, market: MarketId, breach: Breach) {
        if let Some(scope) = self.state.staleness.halt_scope(market) {
            self.latch(hands, HaltReason::StaleData, scope, breach);
        }
    }

    pub(super) fn arm_stale(&mut self, hands: &mut Hands<'_>) {
        match self.state.staleness.next_deadline_ns(&self.settings.limits) {
            Some(due_ns) => hands.timers.set(TimerId::Stale, due_ns.max(hands.now_ns + 1)),
            None => hands.timers.cancel(TimerId::Stale),
        }
    }

    /// Latches a halt and says so, unless the set already says as much.
    pub(super) fn latch(
        &mut self,
        hands: &mut Hands<'_>,
        reason: HaltReason,
        scope: Scope,
        breach: Breach,
    ) {
        let cause = Cause::new(reason, scope, breach);
        self.latch_cause(hands, &cause);
    }

    fn latch_cause(&mut self, hands: &mut Hands<'_>, cause: &Cause) {
        if let Some(change) = self.state.halts.latch(cause, hands.now_ns) {
            hands.decide(Decision::Halt(change));
        }
    }

    pub(super) fn latch_repeats(&mut self, hands: &mut Hands<'_>, breach: Breach) {
        self.latch(hands, HaltReason::RepeatedExecution, Scope::Strategy, breach);
    }

    /// What the day's result calls for.
    pub(super) fn after_daily(&mut self, hands: &mut Hands<'_>, verdict: &DailyVerdict) {
        if let Some(breach) = verdict.warn {
            hands.decide(Decision::Warned(Warning::DailyLoss(breach)));
        }
        if let Some(breach) = verdict.loss {
            self.latch(hands, HaltReason::DailyLoss, Scope::Global, breach);
        }
        if let Some(breach) = verdict.drawdown {
            self.latch(hands, HaltReason::Drawdown, Scope::Global, breach);
        }
    }

    /// What a refusal calls for besides itself.
    #[expect(clippy::wildcard_enum_match_arm, reason = "most refusals call for nothing else")]
    pub(super) fn after_refusal(
        &mut self,
        hands: &mut Hands<'_>,
        plan: &Plan,
        denial: &Denial,
        is_new: bool,
    ) {
        let pair = Self::pair_of(hands, plan.pair);
        match denial.check {
            // Too good to be true is wrong data until a snapshot says otherwise.
            Check::EdgeMax if is_new => {
                for leg in &plan.legs {
                    hands.decide(Decision::Suspect(leg.market));
                }
            }
            Check::ReferenceAgreement => self.watch_agreement(hands, pair),
            Check::QuoteCurrency => {
                for asset in settlements(&hands.world.tables, pair) {
                    self.watch_peg(hands, asset);
                }
            }
            Check::PairTrades | Check::AllTrades => {
                let observed = denial.observed.value().unwrap_or(i128::MAX);
                self.latch_repeats(hands, Breach { observed, limit: denial.limit });
            }
            _ => (),
        }
    }

    fn watch_agreement(&mut self, hands: &mut Hands<'_>, pair: &PairSpec) {
        let reading = self.agreement_reading(hands.world, pair, hands.now_ns);
        let index = pair.id.index();
        if let Some(breach) = self.state.agreement.note(index, reading, hands.now_ns) {
            let scope = Scope::Pair(pair.id);
            self.latch(hands, HaltReason::ReferenceDisagreement, scope, breach);
        }
    }

    fn watch_peg(&mut self, hands: &mut Hands<'_>, asset: AssetId) {
        if asset == hands.world.tables.numeraire {
            return;
        }
        let reading = self.peg_reading(hands.world, asset);
        if let Some(breach) = self.state.peg.note(asset.index(), reading, hands.now_ns) {
            self.latch(hands, HaltReason::Depeg, Scope::Asset(asset), breach);
        }
    }

    /// A pair is being looked at: values that have tripped are followed until they are calm.
    pub(crate) fn follow(&mut self, hands: &mut Hands<'_>, pair: &PairSpec) {
        if self.state.agreement.is_tripped(pair.id.index()) {
            self.watch_agreement(hands, pair);
        }
        for asset in settlements(&hands.world.tables, pair) {
            if self.state.peg.is_tripped(asset.index()) {
                self.watch_peg(hands, asset);
            }
        }
    }

    pub(super) fn watch_unhedged(&mut self, hands: &mut Hands<'_>) {
        let limits = self.settings.limits;
        let cause = match self.state.unhedged.level(hands.now_ns, &limits) {
            UnhedgedLevel::Flat | UnhedgedLevel::Within => None,
            UnhedgedLevel::TooLarge(breach) | UnhedgedLevel::TooOld(breach) => {
                Some(Cause::new(HaltReason::UnhedgedExposure, Scope::Global, breach))
            }
            UnhedgedLevel::NotFlat(breach) => {
                Some(Cause::new(HaltReason::UnhedgedExposure, Scope::Global, breach).halted())
            }
        };
        if let Some(cause) = cause {
            self.latch_cause(hands, &cause);
        }
    }

    /// Looks whether halts end by themselves, and at what has lasted too long.
    pub(crate) fn watch_due(&mut self, hands: &mut Hands<'_>) {
        self.watch_unhedged(hands);
        self.mark_positions(hands);
        loop {
            let ended = self.state.halts.iter().find_map(|halt| {
                (halt.latch == Latch::Auto)
                    .then(|| self.resumable(halt.reason, halt.scope, hands.now_ns))
                    .flatten()
            });
            let Some((reason, scope)) = ended else { break };
            if !self.resume(hands, reason, scope) {
                break;
            }
        }
    }

    /// Whether a halt's own rule lets it end, asked on a copy of the set's bookkeeping.
    fn resumable(
        &self,
        reason: HaltReason,
        scope: Scope,
        now_ns: u64,
    ) -> Option<(HaltReason, Scope)> {
        let limits = &self.settings.limits;
        let is_calm = |since_ns: Option<u64>| {
            since_ns.is_some_and(|since_ns| now_ns - since_ns >= limits.agreement_resume_ns)
        };
        let is_over = match (reason, scope) {
            (HaltReason::StaleData, _) => {
                let recovery = self.state.staleness.recovery(scope);
                recovery.fresh_since_ns.is_some_and(|since_ns| {
                    now_ns - since_ns >= limits.stale_resume_fresh_ns
                        && recovery.updates_min >= limits.stale_resume_updates_min
                        && recovery.unrebuilt_count == 0
                })
            }
            (HaltReason::ReferenceDisagreement, Scope::Pair(pair)) => {
                is_calm(self.state.agreement.calm_since_ns(pair.index()))
            }
            (HaltReason::Depeg, Scope::Asset(asset)) => {
                is_calm(self.state.peg.calm_since_ns(asset.index()))
            }
            _ if reason.is_of_machine() => {
                self.state.machine.has_recovered(reason, scope, now_ns, limits)
            }
            _ => false,
        };
        is_over.then_some((reason, scope))
    }

    fn resume(&mut self, hands: &mut Hands<'_>, reason: HaltReason, scope: Scope) -> bool {
        let (now_ns, limits) = (hands.now_ns, self.settings.limits);
        let subjects = &self.subjects;
        let halts = &mut self.state.halts;
        let changed = match (reason, scope) {
            (HaltReason::StaleData, _) => {
                let recovery = self.state.staleness.recovery(scope);
                halts.resume_stale(scope, recovery, now_ns, &limits, subjects)
            }
            _ if reason.is_of_machine() => halts.resume_recovered((reason, scope), subjects),
            (_, Scope::Pair(pair)) => {
                let calm = self.state.agreement.calm_since_ns(pair.index());
                halts.resume_calm((reason, scope), calm, now_ns, &limits, subjects)
            }
            (_, Scope::Asset(asset)) => {
                let calm = self.state.peg.calm_since_ns(asset.index());
                halts.resume_calm((reason, scope), calm, now_ns, &limits, subjects)
            }
            _ => return false,
        };
        let Ok(change) = changed else { return false };
        self.resumed(hands, change);
        true
    }

    /// A halt is gone, or has become a person's to clear.
    fn resumed(&mut self, hands: &mut Hands<'_>, change: Change) {
        hands.decide(Decision::Halt(change));
        if change.kind == ChangeKind::Cleared {
            self.state.machine.cleared(change.halt.reason, change.halt.scope);
        }
        match (change.halt.reason, change.halt.scope) {
            (HaltReason::ReferenceDisagreement, Scope::Pair(pair)) => {
                self.state.agreement.reset(pair.index());
            }
            (HaltReason::Depeg, Scope::Asset(asset)) => self.state.peg.reset(asset.index()),
            (HaltReason::ConsecutiveLosses, _) => self.state.streak.reset(),
            (HaltReason::Shortfall, _) => self.state.shortfall.reset(),
            (HaltReason::BrokenTrade, _) => {
                // A person has settled it: what is left is a position, and watched as one.
                let running = self.state.trades.iter().flatten();
                self.state
                    .unhedged
                    .forget_all_but(|trade| running.clone().any(|it| it.id() == trade));
            }
            _ => (),
        }
        for pair in hands.pairs {
            hands.world.pair_scale_ppm[pair.id.index()] = self.scale_of(pair.id);
        }
    }

    /// When to look next. Set anew after each batch, so that a pause in the input is one look.
    pub(crate) fn arm_watch(&mut self, hands: &mut Hands<'_>) {
        let limits = &self.settings.limits;
        let deadline_ns = self.state.unhedged.next_deadline_ns(hands.now_ns, limits);
        let may_resume = self.state.halts.iter().any(|halt| halt.latch == Latch::Auto);
        let is_held = self.state.carried.iter().any(|carried| *carried != 0);
        if hands.timers.is_set(TimerId::Watch) && deadline_ns.is_none() {
            return;
        }
        let periodic_ns =
            (may_resume || is_held).then(|| hands.now_ns.saturating_add(RESUME_EVERY_NS));
        let due_ns = match (deadline_ns, periodic_ns) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        if let Some(due_ns) = due_ns {
            hands.timers.set(TimerId::Watch, due_ns);
        }
    }

    /// Takes an operator's command.
    pub(crate) fn command(&mut self, hands: &mut Hands<'_>, command: Command) {
        let asked = Breach { observed: 1, limit: 0 };
        match command {
            Command::Pause => self.latch(hands, HaltReason::ManualPause, Scope::Global, asked),
            Command::Kill => self.latch(hands, HaltReason::KillSwitch, Scope::Global, asked),
            Command::ReduceOnly => {
                let cause = Cause {
                    state: crate::risk::halt::HaltState::Reducing,
                    ..Cause::new(HaltReason::ManualPause, Scope::Global, asked)
                };
                self.latch_cause(hands, &cause);
            }
            Command::Resume => {
                let reason = HaltReason::ManualPause as u8;
                return self.clear(hands, command, reason, Role::Operator);
            }
            Command::ClearHalt { reason, role } => return self.clear(hands, command, reason, role),
        }
        hands.decide(Decision::CommandTaken(command));
    }

    /// Clears every halt of a reason, or says why not.
    fn clear(&mut self, hands: &mut Hands<'_>, command: Command, reason: u8, role: Role) {
        // The admin surface takes no command without a text; the core relies on that.
        let actor = Actor { role, text: Written::Given };
        let (mut cleared, mut kept) = (0, 0);
        let mut why = ClearRefused::NotActive;
        while let Some(reason) = HaltReason::from_number(reason) {
            // Those that have to stay are passed over: one scope does not hold the others.
            let scope = {
                let mut found = self.state.halts.iter().filter(|halt| halt.reason == reason);
                found.nth(kept).map(|halt| halt.scope)
            };
            let Some(scope) = scope else { break };
            let cause = self.cause_now(hands, reason, scope);
            let subjects = &self.subjects;
            match self.state.halts.clear((reason, scope), actor, cause, subjects) {
                Ok(change) => {
                    cleared += 1;
                    self.resumed(hands, change);
                }
                Err(refused) => {
                    why = refused;
                    kept += 1;
                }
            }
        }
        let is_done = cleared > 0 && why == ClearRefused::NotActive;
        hands.decide(if is_done {
            Decision::CommandTaken(command)
        } else {
            Decision::CommandRefused { command, why }
        });
    }

    fn cause_now(&mut self, hands: &Hands<'_>, reason: HaltReason, scope: Scope) -> CauseNow {
        if reason.cause() == CauseKind::Reviewed {
            return CauseNow::Gone;
        }
        let limits = &self.settings.limits;
        let calm = |reading: Reading| matches!(reading, Reading::Calm | Reading::Within);
        let is_gone = match (reason, scope) {
            (HaltReason::StaleData, _) => {
                self.state.staleness.recovery(scope).fresh_since_ns.is_some()
            }
            (HaltReason::DailyLoss, _) => {
                self.state.daily.result().is_some_and(|it| it > -limits.daily_loss_usd_micros)
            }
            (HaltReason::Drawdown, _) => {
                let verdict = self.state.daily.clone().note_realised(0, limits);
                verdict.drawdown.is_none()
            }
            (HaltReason::ReferenceDisagreement, Scope::Pair(pair)) => {
                let pair = &hands.pairs[pair.index()];
                calm(self.agreement_reading(hands.world, pair, hands.now_ns))
            }
            (HaltReason::Depeg, Scope::Asset(asset)) => calm(self.peg_reading(hands.world, asset)),
            (HaltReason::UnhedgedExposure, _) => matches!(
                self.state.unhedged.level(hands.now_ns, limits),
                UnhedgedLevel::Flat | UnhedgedLevel::Within
            ),
            (HaltReason::FailureRate, _) => {
                !matches!(self.state.failures.level(hands.now_ns, limits), FailureLevel::Halt(_))
            }
            (HaltReason::RepeatedExecution, _) => {
                self.state.repeats.total_count(hands.now_ns, limits) < limits.trades_max
            }
            (HaltReason::Position, Scope::Asset(asset)) => {
                let marks = Self::marks_of(hands.world, asset, None, hands.now_ns);
                self.state.positions.breach(asset, marks.as_slice(), limits).is_none()
            }
            _ if reason.is_of_machine() => {
                self.state.machine.is_within(reason, scope, hands.now_ns, limits)
            }
            _ => false,
        };
        if is_gone { CauseNow::Gone } else { CauseNow::Present }
    }

    /// Positions that are above the limit as they are.
    pub(super) fn watch_positions(&mut self, hands: &mut Hands<'_>) {
        for index in 0..self.state.carried.len() {
            let asset = AssetId(u16::try_from(index).expect("Invariant: assets are few"));
            if self.state.positions.position_e18(asset) == Some(0) {
                continue;
            }
            let marks = Self::marks_of(hands.world, asset, None, hands.now_ns);
            let limits = &self.settings.limits;
            if let Some(breach) = self.state.positions.breach(asset, marks.as_slice(), limits) {
                self.latch(hands, HaltReason::Position, Scope::Asset(asset), breach);
            }
        }
    }
}

/// Settlement currencies of a pair.
fn settlements(tables: &Tables, pair: &PairSpec) -> [AssetId; 2] {
    [pair.buy, pair.sell].map(|id| tables.instruments[id.index()].settles_in)
}
