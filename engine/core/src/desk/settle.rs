//! Books what venues answer: balances, positions, results.

use engine_model::AssetId;

use super::{Desk, Hands, OnLosses, marks};
use crate::execution::plan::{base_units_ceil, base_units_floor};
use crate::execution::pnl::{Moved, add_up};
use crate::execution::trade::{Answer, Outcome, Purpose};
use crate::execution::venue::Flight;
use crate::execution::{Plan, Trade};
use crate::market::take::Take;
use crate::market::world::World;
use crate::num::ratio::{Ratio, mul_div_ceil, mul_div_floor};
use crate::outbox::{Decision, TradeEnd, Warning};
use crate::risk::failures::{FailureLevel, Outcome as Counted};
use crate::risk::halt::{Breach, HaltReason, Scope};
use crate::signal::leg::LegQuote;

/// Evidence of what has no measure.
const NO_MEASURE: Breach = Breach { observed: 1, limit: 0 };

impl Desk {
    /// Takes an answer in: what it says is booked first, then compared with what was known.
    pub(super) fn answered(&mut self, hands: &mut Hands<'_>, flight: &Flight, answer: &Answer) {
        let order = &flight.order;
        hands.decide(Decision::Answered { order: order.id(), answer: *answer });
        let slot = usize::from(flight.trade_slot);
        let Some(mut trade) = self.state.trades[slot] else { return };
        if order.purpose() == Purpose::Open && trade.release(order.id().leg) {
            let leg = &trade.plan().legs[usize::from(order.id().leg)];
            hands.world.balances.release(leg.pays_from, leg.need);
        }
        if let Answer::Done { steps, quote, .. } = answer
            && *steps > 0
        {
            self.book_fill(hands, &trade, flight, *steps, quote);
        }
        if trade.on_answer(order, answer, hands.now_ns).is_err() {
            hands.decide(Decision::Contradiction(order.id()));
            self.latch(hands, HaltReason::Contradiction, Scope::Global, NO_MEASURE);
        }
        // A kill finishes nothing: what is half done stays for a person to look at.
        if self.state.halts.iter().any(|halt| halt.reason == HaltReason::KillSwitch) {
            trade.forgo_second();
        }
        self.state.trades[slot] = Some(trade);
        let open = trade.imbalance_atoms().unsigned_abs();
        let base = base_of(hands.world, trade.plan());
        let held = open.checked_mul(trade.plan().e18_per_atom());
        let held = held.and_then(|held| i128::try_from(held).ok());
        // What cannot be valued counts as more than any limit.
        let micros = held.and_then(|held| Self::value_of(hands.world, base, -held, hands.now_ns));
        let micros = micros.map_or(i128::MAX.unsigned_abs(), i128::unsigned_abs);
        self.state.unhedged.note(trade.id(), micros, hands.now_ns);
        self.watch_unhedged(hands);
    }

    fn book_fill(
        &mut self,
        hands: &mut Hands<'_>,
        trade: &Trade,
        flight: &Flight,
        steps: u64,
        quote: &LegQuote,
    ) {
        let plan = trade.plan();
        let order = &flight.order;
        let leg = &plan.legs[usize::from(order.id().leg)];
        let atoms = u128::from(steps) * u128::from(leg.atoms_per_step);
        let world = &mut *hands.world;
        let spec = world.tables.market_of(order.instrument());
        let (venue_base, base) = (spec.base, base_of(world, plan));
        let decimals = world.tables.assets[venue_base.index()].decimals;
        let settles_in = world.tables.instruments[order.instrument().index()].settles_in;
        let settle_decimals = world.tables.assets[settles_in.index()].decimals;
        let (base_id, quote_id) = (
            world.balances.base_of(order.instrument()),
            world.balances.quote_of(order.instrument()),
        );
        // Against us: what is given rounds up, what is taken rounds down.
        let is_covered = match order.take() {
            Take::Buy => {
                let got = base_units_floor(atoms, plan.atom_places, decimals).unwrap_or(0);
                world.balances.receive(base_id, got);
                world.balances.spend(quote_id, quote.total)
            }
            Take::Sell => {
                let given = base_units_ceil(atoms, plan.atom_places, decimals);
                world.balances.receive(quote_id, quote.total);
                world.balances.spend(base_id, given.unwrap_or(u128::MAX))
            }
        };
        let sign = |amount: Option<u128>, is_gain: bool| {
            let amount = amount.and_then(|it| i128::try_from(it).ok()).unwrap_or(i128::MAX / 4);
            if is_gain { amount } else { -amount }
        };
        let is_buy = order.take() == Take::Buy;
        let base_e18 = sign(atoms.checked_mul(plan.e18_per_atom()), is_buy);
        self.state.positions.note_fill(base, base_e18);
        let numeraire = world.tables.numeraire;
        let units = leg.worth.mid.apply_ceil(quote.total);
        let units = units.and_then(|units| plan.numeraire.mid.apply_ceil(units));
        let value = marks::units_to_micros(&world.tables, units).unwrap_or(i128::MAX / 4);
        let value = if is_buy { value } else { -value };
        self.state.carried[base.index()] += value;
        self.state.carried_by[usize::from(flight.trade_slot)] += value;
        if settles_in != numeraire {
            let scale = 10_u128.pow(u32::from(18 - settle_decimals));
            let change = sign(quote.total.checked_mul(scale), !is_buy);
            self.state.positions.note_fill(settles_in, change);
            self.state.carried[settles_in.index()] -= value;
        }
        if !is_covered {
            self.latch(hands, HaltReason::Contradiction, Scope::Global, NO_MEASURE);
        }
    }

    /// A trade is over: its result counts.
    pub(super) fn ended(
        &mut self,
        hands: &mut Hands<'_>,
        trade: &Trade,
        slot: usize,
        outcome: Outcome,
    ) {
        let plan = trade.plan();
        let mut trade = *trade;
        for (leg, planned) in (0_u8..).zip(&plan.legs) {
            if trade.release(leg) {
                hands.world.balances.release(planned.pays_from, planned.need);
            }
        }
        let residual = self.residual(hands.world, &trade);
        let (network, tip) = trade.lamports();
        let pnl = residual.and_then(|residual| add_up(plan, trade.moved(), network, tip, residual));
        hands.decide(Decision::Ended(TradeEnd { trade, outcome, pnl }));
        let base = base_of(hands.world, plan).index();
        let carried = core::mem::take(&mut self.state.carried_by[slot]);
        let left = residual.and_then(|it| plan.numeraire.of_result(it));
        let left = left.and_then(|units| marks::result_to_micros(&hands.world.tables, units));
        self.state.carried[base] += left.unwrap_or(0) - carried;
        if outcome == Outcome::HandedOver {
            self.latch(hands, HaltReason::BrokenTrade, Scope::Global, NO_MEASURE);
        } else {
            self.state.unhedged.note(trade.id(), 0, hands.now_ns);
        }
        let result =
            pnl.and_then(|it| marks::result_to_micros(&hands.world.tables, it.net_numeraire));
        let Some(result) = result else {
            self.latch(hands, HaltReason::Contradiction, Scope::Global, NO_MEASURE);
            return;
        };
        self.count(hands, plan, outcome, result);
        self.watch_unhedged(hands);
        self.mark_positions(hands);
    }

    fn count(&mut self, hands: &mut Hands<'_>, plan: &Plan, outcome: Outcome, result: i128) {
        let limits = self.settings.limits;
        let verdict = self.state.daily.note_realised(result, &limits);
        self.after_daily(hands, &verdict);
        if let Some(breach) = self.state.streak.note(result, &limits) {
            match self.settings.losses {
                OnLosses::Halt => {
                    self.latch(hands, HaltReason::ConsecutiveLosses, Scope::Global, breach);
                }
                OnLosses::Warn => {
                    hands.decide(Decision::Warned(Warning::ConsecutiveLosses(breach)));
                }
            }
        }
        let counted = if outcome.is_failure() { Counted::Failed } else { Counted::Done };
        match self.state.failures.note(counted, hands.now_ns, &limits) {
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
        let predicted = plan.numeraire.of_result(plan.predicted_net);
        let predicted =
            predicted.and_then(|units| marks::result_to_micros(&hands.world.tables, units));
        if let Some(breach) =
            self.state.shortfall.note(predicted.unwrap_or(i128::MAX), result, &limits)
        {
            self.latch(hands, HaltReason::Shortfall, Scope::Strategy, breach);
        }
    }

    /// What was bought and not sold, or sold and not bought, at the worse of both markets' sides
    /// that closing it would hit. Where no market tells, at what it cost, worse by the hard bound of
    /// an unwind. Unit: pair money.
    fn residual(&self, world: &World, trade: &Trade) -> Option<i128> {
        let plan = trade.plan();
        let open = trade.imbalance_atoms();
        if open == 0 {
            return Some(0);
        }
        let amount_e18 = open.unsigned_abs().checked_mul(plan.e18_per_atom())?;
        let take = if open > 0 { Take::Sell } else { Take::Buy };
        let mut worst: Option<u128> = None;
        for leg in &plan.legs {
            let Some(price) = marks::price_e18(world, leg.market, Some(take)) else { continue };
            // The price counts in the market's own quote, the leg in what it settles in.
            let decimals = |id: AssetId| i32::from(world.tables.assets[id.index()].decimals);
            let settles_in = world.tables.instruments[leg.instrument.index()].settles_in;
            let quote = world.tables.markets[leg.market.index()].quote;
            let price = price.mul(Ratio::power_of_ten(decimals(settles_in) - decimals(quote))?)?;
            let value = match take {
                Take::Sell => {
                    price.apply_floor(amount_e18).and_then(|it| leg.worth.dispose.apply_floor(it))
                }
                Take::Buy => {
                    price.apply_ceil(amount_e18).and_then(|it| leg.worth.acquire.apply_ceil(it))
                }
            }?;
            worst = Some(match (worst, take) {
                (None, _) => value,
                (Some(other), Take::Sell) => other.min(value),
                (Some(other), Take::Buy) => other.max(value),
            });
        }
        let value = worst.or_else(|| self.at_cost(plan, trade.moved(), open.unsigned_abs()))?;
        let value = i128::try_from(value).ok()?;
        Some(if open > 0 { value } else { -value })
    }

    fn at_cost(&self, plan: &Plan, moved: &[Moved; 2], open_atoms: u128) -> Option<u128> {
        let bound = u128::from(self.settings.execution.unwind_hard_ppm);
        let is_long = moved[0].bought_atoms + moved[1].bought_atoms
            > moved[0].sold_atoms + moved[1].sold_atoms;
        let (mut atoms, mut money) = (0_u128, 0_u128);
        for (leg, moved) in plan.legs.iter().zip(moved) {
            let (of, quote) = if is_long {
                (moved.bought_atoms, leg.worth.acquire.apply_ceil(moved.paid)?)
            } else {
                (moved.sold_atoms, leg.worth.dispose.apply_floor(moved.received)?)
            };
            atoms += of;
            money = money.checked_add(quote)?;
        }
        let part = mul_div_floor(money, open_atoms, atoms.max(1))?;
        if is_long {
            mul_div_floor(part, 1_000_000_u128.saturating_sub(bound), 1_000_000)
        } else {
            mul_div_ceil(part, 1_000_000 + bound, 1_000_000)
        }
    }
}

/// The canonical base asset of a plan.
pub(super) fn base_of(world: &World, plan: &Plan) -> AssetId {
    let base = world.tables.market_of(plan.legs[0].instrument).base;
    world.tables.assets[base.index()].counts_as
}
