//! Rows of `risk_events`: what was refused, halted, warned of and ordered.

use engine_core::outbox::{Decided, Decision, Warning};
use engine_core::risk::halt::{Breach, Change, ChangeKind, ClearRefused, HaltReason, Scope};
use engine_core::risk::{CheckSet, Denial};
use engine_model::{Command, PairId, Role};

use crate::decisions::side;
use crate::error::StoreError;
use crate::rows::{Again, Place, Row, Rows};
use crate::run::Run;

/// Writes a decision that is an event of risk; others are passed over.
pub(crate) fn take(
    rows: &mut Rows<'_>,
    place: Place<'_>,
    run: &Run,
    decided: &Decided,
) -> Result<(), StoreError> {
    let event = match &decided.decision {
        Decision::Refused(refusal) => {
            let denial = &refusal.denial;
            let (reason, control) = refusal.halt.map_or_else(
                || (denial.check.name(), denial.check.control()),
                |halt| (halt.name(), halt.control()),
            );
            Event {
                control: Some(control),
                opportunity: Some(refusal.opportunity),
                pair: Some(refusal.pair),
                denial: Some(*denial),
                failed: Some(refusal.failed),
                size: Some((refusal.base_atoms, refusal.net)),
                ..Event::new("refused", reason)
            }
        }
        Decision::HedgeRefused { trade, hedge, denial } => Event {
            control: denial.map(|it| it.check.control()),
            trade: Some(*trade),
            leg: Some(hedge.leg),
            denial: *denial,
            detail: Some(format!(
                "{} {} {} steps",
                hedge.purpose.name(),
                side(hedge.take),
                hedge.steps
            )),
            ..Event::new("hedge_refused", denial.map_or("no_price", |it| it.check.name()))
        },
        Decision::Halt(change) => halt(run, change),
        Decision::Warned(warning) => {
            let (reason, control, breach) = match warning {
                Warning::DailyLoss(breach) => ("daily_loss", "R09", breach),
                Warning::FailureRate(breach) => ("failure_rate", "R30", breach),
                Warning::ConsecutiveLosses(breach) => ("consecutive_losses", "R11", breach),
                Warning::Clock(breach) => ("clock", "R32", breach),
            };
            let control = Some(control);
            Event { control, breach: Some(*breach), ..Event::new("warned", reason) }
        }
        Decision::Suspect(market) => {
            Event { scope: Some(run.market(*market)), ..Event::new("suspect", "market_data") }
        }
        Decision::CommandTaken(command) => {
            let (name, detail) = command_text(*command);
            Event { detail, ..Event::new("command_taken", name) }
        }
        Decision::CommandRefused { command, why } => {
            let (name, detail) = command_text(*command);
            let detail = detail.map_or_else(String::new, |it| it + ": ") + refused_text(*why);
            Event { detail: Some(detail), ..Event::new("command_refused", name) }
        }
        Decision::Contradiction(order) => Event {
            trade: Some(order.trade),
            leg: Some(order.leg),
            detail: Some(format!("attempt {}", order.attempt)),
            ..Event::new("contradiction", "contradiction")
        },
        Decision::Opened { .. }
        | Decision::Closed { .. }
        | Decision::Approved { .. }
        | Decision::Sent(_)
        | Decision::Answered { .. }
        | Decision::Ended(_)
        | Decision::Checkpoint(_) => return Ok(()),
    };
    event.write(rows, place, run, decided.at_ns)
}

fn halt(run: &Run, change: &Change) -> Event {
    let kind = match change.kind {
        ChangeKind::Latched => "halt_latched",
        ChangeKind::Escalated => "halt_escalated",
        ChangeKind::HandedToOperator => "halt_handed_to_operator",
        ChangeKind::Cleared => "halt_cleared",
        ChangeKind::Resumed => "halt_resumed",
    };
    let halt = &change.halt;
    Event {
        control: Some(halt.reason.control()),
        scope: Some(match halt.scope {
            Scope::Global => "global".to_owned(),
            Scope::Strategy => "strategy".to_owned(),
            Scope::Venue(venue) => venue.name().to_owned(),
            Scope::Market(market) => run.market(market),
            Scope::Pair(pair) => run.pair(pair),
            Scope::Asset(asset) => run.asset(asset),
        }),
        pair: match halt.scope {
            Scope::Pair(pair) => Some(pair),
            Scope::Global
            | Scope::Strategy
            | Scope::Venue(_)
            | Scope::Market(_)
            | Scope::Asset(_) => None,
        },
        breach: Some(halt.breach),
        ..Event::new(kind, halt.reason.name())
    }
}

/// A command's name, and what it names.
fn command_text(command: Command) -> (&'static str, Option<String>) {
    match command {
        Command::Pause => ("pause", None),
        Command::Resume => ("resume", None),
        Command::Kill => ("kill", None),
        Command::ReduceOnly => ("reduce_only", None),
        Command::ClearHalt { reason, role } => {
            let reason = HaltReason::from_number(reason).map_or("unknown", HaltReason::name);
            ("clear_halt", Some(format!("{reason} as {}", role_text(role))))
        }
    }
}

const fn role_text(role: Role) -> &'static str {
    match role {
        Role::Operator => "operator",
        Role::Admin => "admin",
    }
}

const fn refused_text(why: ClearRefused) -> &'static str {
    match why {
        ClearRefused::NotActive => "not_active",
        ClearRefused::RoleTooLow { needed: Role::Operator } => "needs_operator",
        ClearRefused::RoleTooLow { needed: Role::Admin } => "needs_admin",
        ClearRefused::TextMissing => "text_missing",
        ClearRefused::CauseStillPresent => "cause_still_present",
        ClearRefused::NeedsPerson => "needs_person",
        ClearRefused::TooSoon => "too_soon",
    }
}

/// One row in the making.
struct Event {
    kind: &'static str,
    reason: &'static str,
    control: Option<&'static str>,
    scope: Option<String>,
    opportunity: Option<u64>,
    trade: Option<u64>,
    pair: Option<PairId>,
    leg: Option<u8>,
    denial: Option<Denial>,
    breach: Option<Breach>,
    failed: Option<CheckSet>,
    /// Unit: atoms, and the pair's money.
    size: Option<(u128, i128)>,
    detail: Option<String>,
}

impl Event {
    const fn new(kind: &'static str, reason: &'static str) -> Self {
        Self {
            kind,
            reason,
            control: None,
            scope: None,
            opportunity: None,
            trade: None,
            pair: None,
            leg: None,
            denial: None,
            breach: None,
            failed: None,
            size: None,
            detail: None,
        }
    }

    fn write(
        self,
        rows: &mut Rows<'_>,
        place: Place<'_>,
        run: &Run,
        at_ns: u64,
    ) -> Result<(), StoreError> {
        let id = place.int("run", run.id)?;
        let known = |table, column: &'static str, number: Option<u64>| match number {
            Some(number) => rows.known(table, column, id, place.int(column, number)?),
            None => Ok(None),
        };
        let opportunity = known("opportunities", "opportunity", self.opportunity)?;
        let trade = known("trades", "trade", self.trade)?;
        let (observed, limit) = match (&self.denial, &self.breach) {
            (Some(denial), _) => (denial.observed.value(), Some(denial.limit)),
            (None, Some(breach)) => (Some(breach.observed), Some(breach.limit)),
            (None, None) => (None, None),
        };
        let leg = self.leg.or(self.denial.and_then(|it| it.leg));
        let check = self.denial.map(|it| it.check);
        let failed = self.failed.map(|set| {
            let names: Vec<&str> = set.iter().map(engine_core::risk::Check::name).collect();
            names.join(",")
        });
        let row = Row::of(place)
            .int("seq", place.seq)?
            .int("run", run.id)?
            .int("at_ns", at_ns)?
            .text("kind", self.kind)
            .text("reason", self.reason)
            .text_or_null("control", self.control)
            .text_or_null("scope", self.scope)
            .int_or_null("opportunity", opportunity)?
            .int_or_null("trade", trade)?
            .int_or_null("pair", self.pair.map(|it| it.0))?
            .text_or_null("check_name", check.map(engine_core::risk::Check::name))
            .int_or_null("leg", leg)?
            .text_or_null("observed", observed.map(|it| it.to_string()))
            .text_or_null("limit_value", limit.map(|it| it.to_string()))
            .text_or_null("unit", check.map(engine_core::risk::Check::unit))
            .text_or_null("failed_checks", failed)
            .int_or_null("atoms", self.size.map(|it| it.0))?
            .int_or_null("net", self.size.map(|it| it.1))?
            .text_or_null("detail", self.detail);
        rows.put("risk_events", &row, (1, Again::Refuse), None).map(|_| ())
    }
}
