//! A trade as it is shown: what was planned, what went out, what came back, what it made.

use engine_core::execution::plan::PlannedLeg;
use engine_core::execution::trade::{Answer, Order, OrderId};
use engine_core::execution::{Plan, Pnl};
use engine_core::explain::Standing;
use engine_core::market::take::Take;
use engine_core::outbox::{Decided, Decision, TradeEnd};
use engine_core::signal::waterfall::Waterfall;
use engine_core::tables::PairSpec;
use serde::Serialize;

use super::checks::leg_name;
use super::names::{Buys, Namer};
use super::survey::trade_of;
use super::view::difference;
use super::witness::{Judged, Met};
use crate::replay::money::{duration, plain, ratio_ppm};

/// One line of a trade's history.
#[derive(Clone, Debug, Serialize)]
pub struct StepShown {
    /// From the start of the run.
    pub since_start: String,
    /// Unix nanoseconds.
    pub at_ns: u64,
    /// Name of the decision.
    pub decision: &'static str,
    /// What happened.
    pub says: String,
}

/// One part of the result beside what was expected of it.
#[derive(Clone, Debug, Serialize)]
pub struct PartShown {
    /// Which.
    pub part: &'static str,
    /// As the decision expected it; none where it expects no such part.
    pub expected: Option<String>,
    /// As it came; none where a result has no such part.
    pub made: Option<String>,
    /// What that changes in the net: gains positive.
    pub changes_net: String,
}

/// A trade.
#[derive(Clone, Debug, Serialize)]
pub struct TradeShown {
    /// Its number.
    pub id: u64,
    /// How it ended; none when it had not.
    pub outcome: Option<&'static str>,
    /// Its history.
    pub steps: Vec<StepShown>,
    /// What the parts are in.
    pub money: String,
    /// The result, part by part.
    pub parts: Vec<PartShown>,
    /// Net profit that was expected.
    pub expected_net: String,
    /// Net profit that came, none when it is not known.
    pub net: Option<String>,
    /// The same in the numeraire.
    pub net_numeraire: Option<String>,
    /// The result in its own units, as recorded.
    pub net_units: Option<String>,
}

/// What a trade's history is told from.
pub struct Told<'a> {
    /// Names.
    pub namer: Namer<'a>,
    /// The pair.
    pub pair: &'a PairSpec,
    /// Its plan as it came before risk.
    pub judged: Option<&'a Judged>,
    /// What orders met.
    pub met: &'a [Met],
    /// Every decision about the opportunity.
    pub decisions: &'a [Decided],
}

impl Told<'_> {
    /// The history of one trade; none when its approval is not among the decisions.
    #[must_use]
    pub fn trade(&self, id: u64) -> Option<TradeShown> {
        let plan = self.decisions.iter().find_map(|it| {
            let Decision::Approved { trade, plan } = &it.decision else { return None };
            (*trade == id).then_some(plan)
        })?;
        let mut orders: Vec<Order> = Vec::new();
        let mut steps = Vec::new();
        let mut ended: Option<&TradeEnd> = None;
        for decided in self.decisions {
            if let Some(says) = self.step(plan, id, &mut orders, decided, &mut ended) {
                steps.push(StepShown {
                    since_start: self.namer.since(decided.at_ns),
                    at_ns: decided.at_ns,
                    decision: decided.decision.name(),
                    says,
                });
            }
        }
        let pnl = ended.and_then(|end| end.pnl);
        let (namer, money) = (&self.namer, plan.money);
        let waterfall = self.judged.and_then(|it| it.looked.as_ref()).map(|it| it.look.waterfall);
        let numeraire = namer.tables().numeraire;
        Some(TradeShown {
            id,
            outcome: ended.map(|end| end.outcome.name()),
            steps,
            money: namer.asset(money).to_owned(),
            parts: match (waterfall, pnl) {
                (Some(waterfall), Some(pnl)) => parts(&waterfall, &pnl, namer.decimals(money)),
                _ => Vec::new(),
            },
            expected_net: namer.result(plan.predicted_net, money),
            net: pnl.map(|pnl| namer.result(pnl.net, money)),
            net_numeraire: pnl.map(|pnl| namer.result(pnl.net_numeraire, numeraire)),
            net_units: pnl.map(|pnl| pnl.net.to_string()),
        })
    }

    /// What one decision says of a trade; none when it is about another.
    fn step<'d>(
        &self,
        plan: &Plan,
        id: u64,
        orders: &mut Vec<Order>,
        decided: &'d Decided,
        ended: &mut Option<&'d TradeEnd>,
    ) -> Option<String> {
        let namer = &self.namer;
        if trade_of(&decided.decision) != Some(id) {
            return None;
        }
        match &decided.decision {
            Decision::Approved { .. } => {
                let first = match plan.first {
                    Some(leg) => format!("the {} leg first", leg_name(leg)),
                    None => "both legs at once".to_owned(),
                };
                let size = namer.size(plan.atoms, self.pair);
                let net = namer.result(plan.predicted_net, plan.money);
                Some(format!("{size}, expected net {net}; {first}"))
            }
            Decision::Sent(order) => {
                orders.push(*order);
                Some(self.sent(plan, order))
            }
            Decision::Answered { order, answer } => {
                let sent = orders.iter().find(|it| it.id() == *order)?;
                Some(self.answered(plan, sent, answer, decided.at_ns))
            }
            Decision::HedgeRefused { hedge, denial, .. } => {
                let leg = &plan.legs[usize::from(hedge.leg)];
                let what = namer.steps(leg.market, hedge.steps);
                let why = match denial {
                    Some(denial) => denial.to_string(),
                    None => "the market gives nothing within the bound, or its time is over".into(),
                };
                let (name, verb) = (namer.instrument(leg.instrument), verb(hedge.take));
                Some(format!("{}: {verb} {what} at {name}: {why}", hedge.purpose.name()))
            }
            Decision::Contradiction(order) => {
                Some(format!("the answer to the {} order contradicts it", leg_name(order.leg)))
            }
            Decision::Ended(end) => {
                *ended = Some(end);
                Some(match &end.pnl {
                    Some(pnl) => {
                        format!("{}, net {}", end.outcome.name(), namer.result(pnl.net, plan.money))
                    }
                    None => format!("{}, its result is out of range", end.outcome.name()),
                })
            }
            Decision::Opened { .. }
            | Decision::Closed { .. }
            | Decision::Refused(_)
            | Decision::Halt(_)
            | Decision::Warned(_)
            | Decision::Suspect(_)
            | Decision::CommandTaken(_)
            | Decision::CommandRefused { .. }
            | Decision::Checkpoint(_) => None,
        }
    }

    fn sent(&self, plan: &Plan, order: &Order) -> String {
        let namer = &self.namer;
        let leg = &plan.legs[usize::from(order.id().leg)];
        let limit = namer.limit(order.instrument(), order.limit(), Buys::from(order.take()));
        let lands = match self.met_by(order.id()) {
            Some(met) if leg.is_chain => format!(" · lands in slot {} or later", met.landing_slot),
            _ => String::new(),
        };
        format!(
            "{}: {} {} at {}, {limit}{lands}",
            order.purpose().name(),
            verb(order.take()),
            namer.steps(order.market(), order.steps()),
            namer.instrument(order.instrument()),
        )
    }

    fn answered(&self, plan: &Plan, order: &Order, answer: &Answer, at_ns: u64) -> String {
        let namer = &self.namer;
        let leg = &plan.legs[usize::from(order.id().leg)];
        let mut words = vec![self.filled(leg, order, answer)];
        if let Some(met) = self.met_by(order.id()) {
            let at = |standing: &Standing| standing_prices(namer, standing);
            let then = self.judged.map(|it| at(&it.standings[usize::from(order.id().leg)]));
            words.push(match then {
                Some(then) => format!("market {then} at the decision, {} now", at(&met.standing)),
                None => format!("market {} now", at(&met.standing)),
            });
            let is_failed = !matches!(answer, Answer::Done { .. });
            if let (Some(total), true) = (met.pool_total, is_failed) {
                let total = namer.amount(total.into(), namer.settles_in(order.instrument()));
                words.push(format!("all of it would have come to {total}"));
            }
            if leg.is_chain {
                words.push(format!("slot {} (due {})", met.chain_slot, met.landing_slot));
            }
        }
        let after_ns = at_ns.saturating_sub(plan.decided_ns);
        words.push(format!("{} after the decision", duration(after_ns)));
        format!("{} {}", namer.instrument(order.instrument()), words.join(" · "))
    }

    fn filled(&self, leg: &PlannedLeg, order: &Order, answer: &Answer) -> String {
        let namer = &self.namer;
        match answer {
            Answer::Done { steps: 0, .. } => "filled nothing".to_owned(),
            Answer::Done { steps, quote, .. } => {
                let settles = namer.settles_in(order.instrument());
                let got = namer.average(order.instrument(), quote.gross, *steps);
                let planned = namer.average(order.instrument(), leg.expected.gross, leg.steps);
                // Of a hedge the decision expected nothing; its prices still compare.
                let moved = price_change(leg, quote.gross, *steps).map_or(String::new(), |ppm| {
                    format!(", {} % from it", difference(ppm.into(), 4))
                });
                format!(
                    "{} {} of {} for {} at {} on average (decision {}{moved})",
                    if order.take() == Take::Buy { "bought" } else { "sold" },
                    namer.steps(order.market(), *steps),
                    namer.steps(order.market(), order.steps()),
                    namer.amount(quote.total, settles),
                    got.unwrap_or_default(),
                    planned.unwrap_or_default(),
                )
            }
            Answer::Failed { by_limit: true, network_lamports } => {
                format!("failed: beyond its limit; cost {network_lamports} lamports")
            }
            Answer::Failed { by_limit: false, network_lamports } => {
                format!("failed to land; cost {network_lamports} lamports")
            }
            Answer::Expired => "expired: it never landed".to_owned(),
        }
    }

    fn met_by(&self, order: OrderId) -> Option<&Met> {
        self.met.iter().find(|it| it.order == order)
    }
}

const fn verb(take: Take) -> &'static str {
    match take {
        Take::Buy => "buy",
        Take::Sell => "sell",
    }
}

fn standing_prices(namer: &Namer<'_>, standing: &Standing) -> String {
    let market = standing.market;
    match (standing.touch, standing.sqrt_price) {
        (Some(touch), _) => {
            let price = |ticks| namer.price(market, ticks);
            format!("{} / {}", price(touch.bid_ticks), price(touch.ask_ticks))
        }
        (None, Some(sqrt_price)) => namer.pool_price(market, sqrt_price),
        (None, None) => "unknown".to_owned(),
    }
}

/// By how much an average price lies above the planned one. Unit: parts per million, rounded down;
/// none where nothing was planned or a figure is out of range.
fn price_change(leg: &PlannedLeg, gross: u128, steps: u64) -> Option<i64> {
    let got = gross.checked_mul(leg.steps.into())?;
    let planned = leg.expected.gross.checked_mul(steps.into())?;
    let moved = i128::try_from(got).ok()? - i128::try_from(planned).ok()?;
    ratio_ppm(moved, planned)
}

/// Result and expectation side by side. The gains of a result are its gross and its residual.
fn parts(expected: &Waterfall, made: &Pnl, decimals: u8) -> Vec<PartShown> {
    let made_of = |name: &str| made.parts().into_iter().find(|it| it.0 == name).map(|it| it.1);
    let mut parts = Vec::new();
    let mut add = |part: &'static str, expected: Option<i128>, made: Option<i128>| {
        let more = made.unwrap_or(0) - expected.unwrap_or(0);
        let is_gain = matches!(part, "gross" | "residual");
        if expected.unwrap_or(0) == 0 && made.unwrap_or(0) == 0 {
            return;
        }
        parts.push(PartShown {
            part,
            expected: expected.map(|units| plain(units, decimals)),
            made: made.map(|units| plain(units, decimals)),
            changes_net: difference(if is_gain { more } else { -more }, decimals),
        });
    };
    for (name, value) in expected.parts() {
        add(name, Some(value), made_of(name));
    }
    for (name, value) in made.parts() {
        if expected.parts().iter().all(|it| it.0 != name) {
            add(name, None, Some(value));
        }
    }
    let net = expected.gross - expected.costs();
    parts.push(PartShown {
        part: "net",
        expected: Some(plain(net, decimals)),
        made: Some(plain(made.net, decimals)),
        changes_net: difference(made.net - net, decimals),
    });
    parts
}
