//! The desk: it takes what the signal let pass through risk into a trade, and sees trades through.
//!
//! [`facts`] gathers what the checks look at, [`watch`] keeps halts and their causes, [`machine`] those
//! of the machine beneath, [`settle`] books what venues answer. Decisions go to the outbox, each with its number. The desk changes the
//! world in one way only: simulated fills consume what they took.

mod facts;
mod machine;
mod marks;
mod renew;
mod settle;
mod watch;

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use engine_model::units::PPM_ONE;
use engine_model::{InstrumentId, MarketId, PairId, Venue};
use serde::{Deserialize, Serialize};

use crate::execution::spec::{Retrade, Venues};
use crate::execution::trade::{Answer, Hedge, Next, Order, Purpose};
use crate::execution::venue::{Flight, Flights};
use crate::execution::{Plan, Spec, Trade};
use crate::explain::{Judgement, Seen};
use crate::market::world::{Margins, World};
use crate::outbox::{Decided, Decision, Fate, Outbox, Output, Refusal};
use crate::probe::Probe;
use crate::risk::agreement::Hysteresis;
use crate::risk::daily::Daily;
use crate::risk::drift::Drift;
use crate::risk::duplicates::{ClientKey, Duplicates};
use crate::risk::exposure::{Positions, Unhedged};
use crate::risk::failures::Failures;
use crate::risk::halt::{Counts, HaltReason, Halts, Subject};
use crate::risk::machine::Machine;
use crate::risk::shortfall::Shortfall;
use crate::risk::staleness::{FeedScope, Staleness};
use crate::risk::streak::Streak;
use crate::risk::throttle::{Repeats, Throttle, VenueRate};
use crate::risk::{Approved, Check, Limits, approve, approve_reducing};
use crate::signal::evaluation::Evaluation;
use crate::signal::opportunity::Opportunity;
use crate::tables::{PairSpec, Tables};
use crate::timers::{TRADES_MAX, TimerId, Timers};

/// What the desk is built with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Limits of the risk controls.
    pub limits: Limits,
    /// How trades are executed.
    pub execution: Spec,
    /// Whether a stale feed halts everything or the pairs on its market.
    pub stale_scope: FeedScope,
    /// Whether losses in a row halt, or only warn.
    pub losses: OnLosses,
    /// Messages that each venue takes, by venue index.
    pub rates: [VenueRate; Venue::ALL.len()],
    /// Largest order by canonical base asset. Unit: 10⁻¹⁸ of a whole base unit.
    pub size_max_e18: Vec<(engine_model::AssetId, u128)>,
}

/// What losing trades in a row do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnLosses {
    /// Trading halts.
    Halt,
    /// Somebody is told.
    Warn,
}

impl Settings {
    /// Opportunities are stated and none is traded.
    #[must_use]
    pub fn watching() -> Self {
        let rate = VenueRate { burst_messages: 10, messages: 10, window_ns: 1_000_000_000 };
        Self {
            limits: Limits::default(),
            execution: Spec::OFF,
            stale_scope: FeedScope::Market,
            losses: OnLosses::Halt,
            rates: [rate; Venue::ALL.len()],
            size_max_e18: Vec::new(),
        }
    }

    /// What the sizing leaves untouched, so that an order at its limit still passes.
    pub(crate) fn margins(&self, tables: &Tables) -> Margins {
        if self.execution.venues == Venues::None {
            return Margins::NONE;
        }
        let limits = &self.limits;
        let ppm = |ppm: u64| u32::try_from(ppm).unwrap_or(u32::MAX);
        let slippage_ppm = self.execution.slippage_ppm;
        let notional = u128::try_from(limits.order_notional_usd_micros_max).unwrap_or(0);
        Margins {
            order_notional_max: marks::micros_to_units(tables, notional),
            // The limit price may lie as far beyond the average as the collar lets it.
            notional_ppm: ppm(limits.reference_collar_ppm).saturating_add(slippage_ppm),
            buffer_ppm: ppm(limits.balance_buffer_ppm),
            slippage_ppm,
        }
    }
}

/// What one pair's opportunity has come to so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct PairState {
    /// Its last trade.
    traded: Option<u64>,
    /// Why risk last refused it.
    refused: Option<(Check, Option<HaltReason>)>,
}

/// Everything the desk remembers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    flights: Flights,
    trades: [Option<Trade>; TRADES_MAX],
    trades_opened: u64,
    pairs: Box<[PairState]>,
    halts: Halts,
    staleness: Staleness,
    daily: Daily,
    streak: Streak,
    throttle: Throttle,
    repeats: Repeats,
    duplicates: Duplicates,
    failures: Failures,
    shortfall: Shortfall,
    positions: Positions,
    /// What the positions were taken in at, by canonical asset. Unit: numeraire units.
    carried: Box<[i128]>,
    /// The part of it that belongs to each trade under way.
    carried_by: [i128; TRADES_MAX],
    unhedged: Unhedged,
    has_warned_of_failures: bool,
    agreement: Hysteresis,
    peg: Hysteresis,
    drift: Drift,
    machine: Machine,
    has_begun: bool,
    /// The limits are others since the last event.
    is_renewed: bool,
}

/// The desk.
#[derive(Debug)]
pub struct Desk {
    settings: Settings,
    subjects: Vec<Subject>,
    /// Looks of the batch that the signal let pass, best first once sorted.
    candidates: Vec<(i128, Evaluation, u64)>,
    state: State,
}

/// What the desk works on besides itself.
pub(crate) struct Hands<'a> {
    pub(crate) world: &'a mut World,
    pub(crate) pairs: &'a [PairSpec],
    pub(crate) timers: &'a mut Timers,
    pub(crate) out: &'a mut Outbox,
    pub(crate) seq: &'a mut u64,
    pub(crate) now_ns: u64,
    /// Markets that simulated fills have changed.
    pub(crate) touched: &'a mut Vec<MarketId>,
}

impl Hands<'_> {
    #[expect(clippy::large_types_passed_by_value, reason = "moved into the list it is for")]
    pub(crate) fn decide(&mut self, decision: Decision) {
        *self.seq += 1;
        self.out.push(Output::Decided(Decided { seq: *self.seq, at_ns: self.now_ns, decision }));
    }
}

impl Desk {
    pub(crate) fn new(tables: &Tables, pairs: &[PairSpec], settings: Settings) -> Self {
        let (markets, assets) = (tables.markets.len(), tables.assets.len());
        let limits = &settings.limits;
        let subject = |pair: &PairSpec| {
            let spec = |id: InstrumentId| tables.market_of(id);
            let settles = |id: InstrumentId| tables.instruments[id.index()].settles_in;
            Subject {
                pair: pair.id,
                markets: [pair.buy, pair.sell].map(|id| tables.instruments[id.index()].market),
                venues: [spec(pair.buy).venue, spec(pair.sell).venue],
                assets: [
                    tables.assets[spec(pair.buy).base.index()].counts_as,
                    settles(pair.buy),
                    settles(pair.sell),
                ],
            }
        };
        let state = State {
            flights: Flights::default(),
            trades: [None; TRADES_MAX],
            trades_opened: 0,
            pairs: vec![PairState::default(); pairs.len()].into_boxed_slice(),
            halts: Halts::new(Counts { markets, pairs: pairs.len(), assets }),
            staleness: Staleness::new(markets),
            daily: Daily::new(0),
            streak: Streak::new(),
            throttle: Throttle::new(settings.rates, limits, 0),
            repeats: Repeats::new(pairs.len(), limits),
            duplicates: Duplicates::new(),
            failures: Failures::new(),
            shortfall: Shortfall::new(limits),
            positions: Positions::new(assets),
            carried: vec![0; assets].into_boxed_slice(),
            carried_by: [0; TRADES_MAX],
            unhedged: Unhedged::new(),
            has_warned_of_failures: false,
            agreement: Hysteresis::new(pairs.len()),
            peg: Hysteresis::new(assets),
            drift: Drift::new(markets),
            machine: Machine::new(),
            has_begun: false,
            is_renewed: false,
        };
        Self {
            subjects: pairs.iter().map(subject).collect(),
            candidates: Vec::with_capacity(pairs.len()),
            settings,
            state,
        }
    }

    /// Everything the desk remembers.
    pub(crate) const fn state(&self) -> &State {
        &self.state
    }

    /// Takes a saved state over; none when it is one of other tables.
    pub(crate) fn restore(&mut self, saved: State) -> Option<()> {
        let own = &self.state;
        let fits = saved.pairs.len() == own.pairs.len() && saved.carried.len() == own.carried.len();
        // The other parts are as long as these or check their indices themselves.
        fits.then(|| self.state = saved)
    }

    /// Whether approved trades are carried out.
    pub(crate) fn is_trading(&self) -> bool {
        self.settings.execution.venues != Venues::None
    }

    /// What the desk was built with.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Trades under way.
    pub fn trades(&self) -> impl Iterator<Item = &Trade> {
        self.state.trades.iter().flatten()
    }

    /// The halt set.
    #[must_use]
    pub const fn halts(&self) -> &Halts {
        &self.state.halts
    }

    /// Result of the day so far, unrealised gains left out; none when it is not known. Unit: micros
    /// of the numeraire.
    #[must_use]
    pub fn daily_result(&self) -> Option<i128> {
        self.state.daily.result()
    }

    /// An opportunity of a pair began.
    pub(crate) fn opened(&mut self, pair: PairId) {
        self.state.pairs[pair.index()] = PairState::default();
    }

    /// What became of an opportunity that has ended.
    pub(crate) fn fate(&self, opportunity: &Opportunity) -> Fate {
        let pair = &self.state.pairs[opportunity.pair.index()];
        match (pair.traded, pair.refused) {
            (Some(trade), _) => Fate::Traded(trade),
            (None, Some((_, Some(halt)))) => Fate::Halted(halt),
            (None, Some((check, None))) => Fate::Refused(check),
            (None, None) => Fate::Signal(opportunity.peak.code),
        }
    }

    /// Notes a look that the signal let pass, with its opportunity's number.
    pub(crate) fn note_candidate(
        &mut self,
        world: &World,
        pair: &PairSpec,
        look: &Evaluation,
        opportunity: u64,
    ) {
        if !self.is_trading() {
            return;
        }
        let state = &self.state.pairs[pair.id.index()];
        let is_free = match (state.traded, self.settings.execution.retrade) {
            (None, _) => true,
            (Some(_), Retrade::Once) => false,
            (Some(trade), Retrade::Again) => self.trades().all(|it| it.id() != trade),
        };
        if !is_free {
            return;
        }
        // Best first by profit in one money. Without a rate it goes last, and risk refuses it.
        let worth = world.worth(pair.money, world.tables.numeraire, look.at_ns);
        let worth = worth.ok().and_then(|worth| worth.of_result(look.net)).unwrap_or(i128::MIN);
        self.candidates.push((worth, *look, opportunity));
    }

    /// Takes the candidates of a batch through risk, the most profitable first.
    pub(crate) fn consider(&mut self, hands: &mut Hands<'_>, probe: &mut impl Probe) {
        if self.candidates.is_empty() {
            return;
        }
        // Stable by construction: pair numbers break ties, whatever order the batch came in.
        self.candidates
            .sort_unstable_by_key(|(worth, look, _)| (core::cmp::Reverse(*worth), look.pair));
        self.mark_positions(hands);
        for index in 0..self.candidates.len() {
            let (_, look, opportunity) = self.candidates[index];
            self.consider_one(hands, &look, opportunity, probe);
        }
        self.candidates.clear();
    }

    fn consider_one(
        &mut self,
        hands: &mut Hands<'_>,
        look: &Evaluation,
        opportunity: u64,
        probe: &mut impl Probe,
    ) {
        let pair = &hands.pairs[look.pair.index()];
        let Ok(plan) = hands.world.plan(pair, look, opportunity, &self.settings.execution) else {
            // An earlier trade of this batch has taken what the look saw; the next look decides.
            return;
        };
        let (facts, halt) = self.facts(hands, pair, &plan);
        let judgement = Judgement {
            plan: &plan,
            facts: &facts,
            limits: &self.settings.limits,
            halts: &self.state.halts,
            subject: &self.subjects[pair.id.index()],
        };
        probe.judged(&Seen::new(hands.world, hands.now_ns), &judgement);
        match approve(plan, &facts, &self.settings.limits) {
            Ok(approved) => self.open(hands, approved),
            Err(refused) => {
                let verdict = refused.verdict;
                let Some(denial) = verdict.first else { return };
                let halt = halt.filter(|_| denial.check == Check::TradingState);
                let reason = Some((denial.check, halt));
                let is_new = self.state.pairs[look.pair.index()].refused != reason;
                self.state.pairs[look.pair.index()].refused = reason;
                if is_new {
                    hands.decide(Decision::Refused(Refusal {
                        opportunity,
                        pair: look.pair,
                        seq: look.seq,
                        base_atoms: look.base_atoms,
                        net: look.net,
                        denial,
                        failed: verdict.failed,
                        halt,
                    }));
                }
                self.after_refusal(hands, &plan, &denial, is_new);
            }
        }
    }

    fn open(&mut self, hands: &mut Hands<'_>, approved: Approved<Plan>) {
        let Some(slot) = self.state.trades.iter().position(Option::is_none) else { return };
        self.state.trades_opened += 1;
        let id = self.state.trades_opened;
        let mut trade = Trade::open(id, approved);
        let plan = *trade.plan();
        self.state.pairs[plan.pair.index()].traded = Some(id);
        self.state.halts.note_trade(plan.pair);
        hands.world.pair_scale_ppm[plan.pair.index()] = 1_000_000;
        for leg in &plan.legs {
            hands.world.balances.reserve(leg.pays_from, leg.need);
        }
        hands.decide(Decision::Approved { trade: id, plan });
        if let Err(breach) = self.state.repeats.note(plan.pair, hands.now_ns, &self.settings.limits)
        {
            self.latch_repeats(hands, breach);
        }
        for order in trade.opening_orders().into_iter().flatten() {
            self.send(hands, slot, &plan, order);
        }
        self.state.trades[slot] = Some(trade);
    }

    /// Hands an order to the simulated venue.
    fn send(&mut self, hands: &mut Hands<'_>, slot: usize, plan: &Plan, order: Order) {
        let (now_ns, limits) = (hands.now_ns, &self.settings.limits);
        let leg = &plan.legs[usize::from(order.id().leg)];
        let key =
            ClientKey { trade: order.id().trade, leg: order.id().leg, attempt: order.id().attempt };
        let content = facts::content(&order);
        // Both were asked before the approval; here they are only remembered.
        let _ = self.state.throttle.take_order(order.venue(), now_ns, limits);
        let _ = self.state.duplicates.note(&content, key, now_ns, limits);
        if let (Purpose::Open, Some(price)) = (order.purpose(), facts::own_price(leg, &order)) {
            self.state.drift.note(order.market(), price, now_ns);
        }
        hands.decide(Decision::Sent(order));
        let spec = &self.settings.execution;
        let landing_slot =
            if leg.is_chain { hands.world.chain_slot + spec.landing_slots } else { 0 };
        let failure_ppm = hands.world.tables.costs.landing_failure_ppm;
        let id = order.id();
        let flight = Flight {
            order,
            trade_slot: u8::try_from(slot).expect("Invariant: few trades are under way"),
            has_arrived: false,
            landing_slot,
            fails: leg.is_chain && spec.fails_to_land(id.trade, id.leg, id.attempt, failure_ppm),
            network_lamports: if leg.is_chain { plan.network_lamports } else { 0 },
            tip_lamports: if leg.is_chain { plan.tip_lamports } else { 0 },
        };
        let due_ns = now_ns.saturating_add(spec.latency_of(flight.order.venue()));
        let place = self.state.flights.put(flight);
        let place = place.expect("Invariant: each trade has at most two orders under way");
        hands.timers.set(TimerId::Order(place), due_ns);
    }

    /// An order has reached its venue, or has waited too long for its slot.
    pub(crate) fn order_due(&mut self, hands: &mut Hands<'_>, place: u8, probe: &mut impl Probe) {
        let chain_slot = hands.world.chain_slot;
        let timeout_ns = self.settings.execution.landing_timeout_ns;
        let Some(flight) = self.state.flights.get_mut(place) else { return };
        if flight.landing_slot == 0 {
            self.execute(hands, place, probe);
        } else if flight.has_arrived {
            self.end_flight(hands, place, Answer::Expired);
        } else {
            flight.has_arrived = true;
            let is_due = flight.landing_slot <= chain_slot;
            if is_due {
                self.execute(hands, place, probe);
            } else {
                hands.timers.set(TimerId::Order(place), hands.now_ns.saturating_add(timeout_ns));
            }
        }
    }

    /// Chain legs whose slot has come, once a batch has been applied.
    pub(crate) fn land(&mut self, hands: &mut Hands<'_>, probe: &mut impl Probe) {
        while let Some(place) = self.state.flights.landed(hands.world.chain_slot) {
            self.execute(hands, place, probe);
        }
    }

    fn execute(&mut self, hands: &mut Hands<'_>, place: u8, probe: &mut impl Probe) {
        let Some(flight) = self.state.flights.get_mut(place) else { return };
        let flight = *flight;
        probe.executing(&Seen::new(hands.world, hands.now_ns), &flight);
        let answer = hands.world.execute(&flight, hands.now_ns);
        hands.touched.push(flight.order.market());
        self.end_flight(hands, place, answer);
    }

    fn end_flight(&mut self, hands: &mut Hands<'_>, place: u8, answer: Answer) {
        hands.timers.cancel(TimerId::Order(place));
        let Some(flight) = self.state.flights.take(place) else { return };
        self.answered(hands, &flight, &answer);
        self.go_on(hands, usize::from(flight.trade_slot));
    }

    /// Does what comes next in a trade.
    fn go_on(&mut self, hands: &mut Hands<'_>, slot: usize) {
        let Some(mut trade) = self.state.trades[slot] else { return };
        let plan = *trade.plan();
        loop {
            match trade.next() {
                Next::Wait => break,
                Next::Open { leg, steps } => {
                    let order = trade.second_order(leg, steps);
                    self.send(hands, slot, &plan, order);
                }
                Next::Hedge { leg, take, steps, purpose } => {
                    let hedge = self.hedge(hands, &trade, (leg, take, steps, purpose));
                    match hedge {
                        Some(approved) => {
                            let order = trade.hedge_order(approved);
                            self.send(hands, slot, &plan, order);
                        }
                        None => trade.give_up(purpose),
                    }
                }
                Next::Done(outcome) => {
                    self.state.trades[slot] = None;
                    self.ended(hands, &trade, slot, outcome);
                    return;
                }
            }
        }
        self.state.trades[slot] = Some(trade);
    }

    /// An approved order that makes an exposure smaller; none when risk refuses it, its time is over
    /// or the market gives nothing within its bound.
    fn hedge(
        &mut self,
        hands: &mut Hands<'_>,
        trade: &Trade,
        (leg, take, steps, purpose): (u8, crate::market::take::Take, u64, Purpose),
    ) -> Option<Approved<Hedge>> {
        let spec = &self.settings.execution;
        let plan = trade.plan();
        let planned = &plan.legs[usize::from(leg)];
        let open_ns = hands.now_ns - trade.open_since_ns().unwrap_or(hands.now_ns);
        let bound_ppm = match purpose {
            Purpose::Open | Purpose::Again | Purpose::Unwind => spec.unwind_ppm,
            Purpose::UnwindHard => spec.unwind_hard_ppm,
        };
        let is_late = purpose == Purpose::Again && open_ns > spec.hedge_timeout_ns;
        let limit = hands.world.limit_at(planned.instrument, take, steps, bound_ppm, hands.now_ns);
        let reachable =
            limit.filter(|limit| hands.world.is_reachable(planned.market, take, *limit));
        let atoms = u128::from(steps) * u128::from(planned.atoms_per_step);
        let size_e18 = atoms * plan.e18_per_atom();
        let shown = limit.unwrap_or(planned.limit);
        let hedge = Hedge { leg, take, steps, size_e18, limit: shown, purpose };
        let Some(limit) = reachable.filter(|_| !is_late) else {
            hands.decide(Decision::HedgeRefused { trade: trade.id(), hedge, denial: None });
            return None;
        };
        let hedge = Hedge { limit, ..hedge };
        let facts = self.reducing_facts(hands, trade, &hedge);
        match approve_reducing(hedge, &facts, &self.settings.limits) {
            Ok(approved) => Some(approved),
            Err(refused) => {
                let denial = refused.verdict.first;
                hands.decide(Decision::HedgeRefused { trade: trade.id(), hedge, denial });
                None
            }
        }
    }

    /// Share of the usual order size that a pair's next trade may have.
    fn scale_of(&self, pair: PairId) -> u32 {
        let ppm = self.state.halts.size_ppm(pair, &self.settings.limits).min(PPM_ONE);
        u32::try_from(ppm).unwrap_or(0)
    }
}
