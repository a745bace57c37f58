//! What each decision of the core becomes in the tables.

use engine_core::Fate;
use engine_core::execution::plan::{Limit, Plan};
use engine_core::execution::trade::{Answer, Order, OrderId};
use engine_core::execution::{Pnl, Trade};
use engine_core::market::take::Take;
use engine_core::outbox::{Decided, Decision, TradeEnd};
use engine_core::signal::evaluation::Evaluation;
use engine_core::signal::opportunity::Opportunity;

use crate::error::StoreError;
use crate::risk_events;
use crate::rows::{Again, Parent, Place, Row, Rows};
use crate::run::Run;

/// Nanoseconds in a UTC day. Unix time has no leap seconds.
const DAY_NS: u64 = 86_400_000_000_000;

/// Whether a decision has its place in the tables, or is about what began before the ledger does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It is in the tables, or is of no kind that is.
    In,
    /// What it is about is not there.
    Orphan,
}

impl Taken {
    fn when(is_in: bool) -> Self {
        if is_in { Self::In } else { Self::Orphan }
    }
}

const OPPORTUNITY: Parent =
    Parent { table: "opportunities", key: &[("run", 1), ("opportunity", 3)] };
const TRADE: Parent = Parent { table: "trades", key: &[("run", 1), ("trade", 2)] };
const LEG: Parent = Parent { table: "legs", key: &[("run", 1), ("trade", 2), ("leg", 3)] };
const ORDER: Parent =
    Parent { table: "orders", key: &[("run", 1), ("trade", 2), ("leg", 3), ("attempt", 4)] };

/// Writes one decision.
pub(crate) fn take(
    rows: &mut Rows<'_>,
    place: Place<'_>,
    run: &Run,
    decided: &Decided,
) -> Result<Taken, StoreError> {
    let at = Moment { place, run, at_ns: decided.at_ns };
    match &decided.decision {
        Decision::Opened { opportunity, look } => at.opened(rows, *opportunity, look),
        Decision::Closed { opportunity, fate } => at.closed(rows, opportunity, *fate),
        Decision::Approved { trade, plan } => at.approved(rows, *trade, plan),
        Decision::Sent(order) => at.sent(rows, order),
        Decision::Answered { order, answer } => at.answered(rows, *order, answer),
        Decision::Ended(end) => at.ended(rows, end),
        Decision::Refused(_)
        | Decision::HedgeRefused { .. }
        | Decision::Halt(_)
        | Decision::Warned(_)
        | Decision::Suspect(_)
        | Decision::CommandTaken(_)
        | Decision::CommandRefused { .. }
        | Decision::Contradiction(_) => {
            risk_events::take(rows, place, run, decided).map(|()| Taken::In)
        }
        // Proves that two runs are the same; says nothing about one.
        Decision::Checkpoint(_) => Ok(Taken::In),
    }
}

/// Name of a side in the tables.
pub(crate) const fn side(take: Take) -> &'static str {
    match take {
        Take::Buy => "buy",
        Take::Sell => "sell",
    }
}

fn limits(limit: Limit) -> (Option<u64>, Option<u64>) {
    match limit {
        Limit::Price { ticks } => (Some(ticks), None),
        Limit::Total { quote } => (None, Some(quote)),
    }
}

/// A decision's place and time.
struct Moment<'a> {
    place: Place<'a>,
    run: &'a Run,
    at_ns: u64,
}

impl<'a> Moment<'a> {
    fn row(&self) -> Result<Row<'a>, StoreError> {
        Row::of(self.place).int("run", self.run.id)
    }

    fn opportunity(
        &self,
        (id, first, peak): (u64, &Evaluation, &Evaluation),
    ) -> Result<Row<'a>, StoreError> {
        self.row()?
            .int("opportunity", id)?
            .int("pair", first.pair.0)?
            .int("opened_seq", first.seq)?
            .int("opened_ns", first.at_ns)?
            .int("first_net", first.net)?
            .int("peak_seq", peak.seq)?
            .int("peak_ns", peak.at_ns)?
            .int("peak_atoms", peak.base_atoms)?
            .int("peak_notional", peak.notional)?
            .int("peak_net", peak.net)
            .map(|row| row.text("peak_code", peak.code.name()))
    }

    fn opened(&self, rows: &mut Rows<'_>, id: u64, look: &Evaluation) -> Result<Taken, StoreError> {
        let row = self.opportunity((id, look, look))?;
        rows.put("opportunities", &row, (2, Again::Refuse), None).map(Taken::when)
    }

    fn closed(
        &self,
        rows: &mut Rows<'_>,
        life: &Opportunity,
        fate: Fate,
    ) -> Result<Taken, StoreError> {
        let duration_ns = life.closed_ns.checked_sub(life.opened_ns);
        let duration_ns = duration_ns.ok_or_else(|| self.place.bad("it ended before it began"))?;
        let (kind, reason, trade) = match fate {
            Fate::Traded(trade) => ("traded", None, Some(trade)),
            Fate::Refused(check) => ("refused", Some(check.name()), None),
            Fate::Halted(halt) => ("halted", Some(halt.name()), None),
            Fate::Signal(code) => ("signal", Some(code.name()), None),
        };
        let row = self
            .opportunity((life.id, &life.first, &life.peak))?
            .int("closed_seq", self.place.seq)?
            .int("closed_ns", life.closed_ns)?
            .int("duration_ns", duration_ns)?
            .int("looks", life.evaluations)?
            .text("fate", kind)
            .text_or_null("fate_reason", reason)
            .int_or_null("fate_trade", trade)?;
        rows.put("opportunities", &row, (2, Again::Replace), None).map(Taken::when)
    }

    fn trade(&self, id: u64, plan: &Plan) -> Result<Row<'a>, StoreError> {
        self.row()?
            .int("trade", id)?
            .int("opportunity", plan.opportunity)?
            .int("pair", plan.pair.0)?
            .int("decided_seq", plan.seq)?
            .int("decided_ns", plan.decided_ns)?
            .int("decided_wall_ns", plan.decided_wall_ns)?
            .int_or_null("first_leg", plan.first)?
            .int("planned_atoms", plan.atoms)?
            .int("planned_notional", plan.notional)?
            .int("predicted_net", plan.predicted_net)
    }

    fn approved(&self, rows: &mut Rows<'_>, id: u64, plan: &Plan) -> Result<Taken, StoreError> {
        let row = self.trade(id, plan)?;
        if !rows.put("trades", &row, (2, Again::Refuse), Some(OPPORTUNITY))? {
            return Ok(Taken::Orphan);
        }
        self.legs(rows, id, plan, None)?;
        Ok(Taken::In)
    }

    fn legs(
        &self,
        rows: &mut Rows<'_>,
        id: u64,
        plan: &Plan,
        ended: Option<&Trade>,
    ) -> Result<(), StoreError> {
        for (number, leg) in (0_u8..).zip(&plan.legs) {
            let (ticks, total) = limits(leg.limit);
            let mut row = self
                .row()?
                .int("trade", id)?
                .int("leg", number)?
                .int("instrument", leg.instrument.0)?
                .text("side", side(leg.take))
                .int("planned_steps", leg.steps)?
                .int("atoms_per_step", leg.atoms_per_step)?
                .int("expected_total", leg.expected.total)?
                .int_or_null("limit_ticks", ticks)?
                .int_or_null("limit_total", total)?;
            if let Some(trade) = ended {
                let moved = &trade.moved()[usize::from(number)];
                row = row
                    .int("orders", trade.attempts(number))?
                    .int("bought_atoms", moved.bought_atoms)?
                    .int("sold_atoms", moved.sold_atoms)?
                    .int("paid", moved.paid)?
                    .int("received", moved.received)?
                    .int("taker_fees", moved.taker_fees)?
                    .int("pool_fees", moved.pool_fees)?;
            }
            rows.put("legs", &row, (3, Again::Replace), Some(TRADE))?;
        }
        Ok(())
    }

    fn order(&self, id: OrderId) -> Result<Row<'a>, StoreError> {
        self.row()?.int("trade", id.trade)?.int("leg", id.leg)?.int("attempt", id.attempt)
    }

    fn sent(&self, rows: &mut Rows<'_>, order: &Order) -> Result<Taken, StoreError> {
        let (ticks, total) = limits(order.limit());
        let row = self
            .order(order.id())?
            .text("purpose", order.purpose().name())
            .int("instrument", order.instrument().0)?
            .text("side", side(order.take()))
            .int("steps", order.steps())?
            .int_or_null("limit_ticks", ticks)?
            .int_or_null("limit_total", total)?
            .int("sent_seq", self.place.seq)?
            .int("sent_ns", self.at_ns)?;
        rows.put("orders", &row, (4, Again::Refuse), Some(LEG)).map(Taken::when)
    }

    fn answered(
        &self,
        rows: &mut Rows<'_>,
        order: OrderId,
        answer: &Answer,
    ) -> Result<Taken, StoreError> {
        let (name, steps, network, tip) = match *answer {
            Answer::Done { steps, network_lamports, tip_lamports, .. } => {
                ("done", steps, network_lamports, tip_lamports)
            }
            Answer::Failed { by_limit: true, network_lamports } => {
                ("failed_by_limit", 0, network_lamports, 0)
            }
            Answer::Failed { by_limit: false, network_lamports } => {
                ("failed_landing", 0, network_lamports, 0)
            }
            Answer::Expired => ("expired", 0, 0, 0),
        };
        let row = self
            .order(order)?
            .int("answered_seq", self.place.seq)?
            .int("answered_ns", self.at_ns)?
            .text("answer", name)
            .int("filled_steps", steps)?
            .int("network_lamports", network)?
            .int("tip_lamports", tip)?;
        if !rows.update("orders", 4, &row)? {
            return Ok(Taken::Orphan);
        }
        let Answer::Done { steps: 1.., quote, .. } = answer else { return Ok(Taken::In) };
        let row = self
            .order(order)?
            .int("seq", self.place.seq)?
            .int("at_ns", self.at_ns)?
            .int("steps", steps)?
            .int("gross", quote.gross)?
            .int("taker_fee", quote.taker_fee)?
            .int("pool_fee", quote.pool_fee)?
            .int("total", quote.total)?
            .int("last_ticks", quote.limit_price_ticks)?;
        rows.put("fills", &row, (4, Again::Refuse), Some(ORDER)).map(Taken::when)
    }

    fn ended(&self, rows: &mut Rows<'_>, end: &TradeEnd) -> Result<Taken, StoreError> {
        let (trade, wall_ns) = (&end.trade, self.run.wall_ns(self.at_ns));
        let (network, tip) = trade.lamports();
        let mut row = self
            .trade(trade.id(), trade.plan())?
            .int("ended_seq", self.place.seq)?
            .int("ended_ns", self.at_ns)?
            .int("ended_wall_ns", wall_ns)?
            .text("outcome", end.outcome.name())
            .int("network_lamports", network)?
            .int("tip_lamports", tip)?;
        if let Some(pnl) = &end.pnl {
            row = result(row, pnl)?;
        }
        if !rows.put("trades", &row, (2, Again::Replace), Some(OPPORTUNITY))? {
            return Ok(Taken::Orphan);
        }
        self.legs(rows, trade.id(), trade.plan(), Some(trade))?;
        self.day(rows, wall_ns, end)?;
        Ok(Taken::In)
    }

    fn day(&self, rows: &mut Rows<'_>, wall_ns: u64, end: &TradeEnd) -> Result<(), StoreError> {
        // A result out of range is in no sum, but the trade is counted.
        let pnl = end.pnl.unwrap_or_default();
        let row = self
            .row()?
            // Rounds down: a day begins at 00:00:00.
            .int("day", wall_ns / DAY_NS)?
            .int("money", end.trade.plan().money.0)?
            .int("trades", 1)?
            .int("wins", i64::from(pnl.net_numeraire > 0))?
            .int("losses", i64::from(pnl.net_numeraire < 0))?
            .int("unpriced", i64::from(end.pnl.is_none()))?;
        rows.put("daily_pnl", &result(row, &pnl)?, (3, Again::Add), None)?;
        Ok(())
    }
}

/// Columns of a result: the parts under the names that the core gives them.
fn result<'a>(row: Row<'a>, pnl: &Pnl) -> Result<Row<'a>, StoreError> {
    let totals = [("net", pnl.net), ("net_numeraire", pnl.net_numeraire)];
    pnl.parts().into_iter().chain(totals).try_fold(row, |row, (part, amount)| row.int(part, amount))
}
