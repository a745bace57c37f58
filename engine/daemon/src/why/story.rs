//! The whole answer: what was asked for, what it rested on, what became of it and why.

use std::path::Path;

use engine_core::Fate;
use engine_core::execution::Plan;
use engine_core::outbox::{Decided, Decision, Refusal};
use engine_core::risk::Limits;
use engine_core::risk::halt::{Halt, HaltReason, Latch, Scope};
use engine_core::signal::evaluation::Code;
use engine_core::signal::opportunity::Opportunity;
use engine_core::tables::PairSpec;
use serde::Serialize;

use super::checks::{CheckShown, needs_of_code};
use super::names::{Namer, utc};
use super::rerun::{Rerun, Until, rerun};
use super::survey::{RunSurvey, Summary};
use super::trade::{Told, TradeShown};
use super::view::LookShown;
use super::witness::{Judged, Looked, Subject, Witness};
use crate::cli_output::{Exit, Failure};
use crate::journal::runs::build;
use crate::replay::money::{duration, plain};
use crate::replay::trades::fate as fate_text;

/// An opportunity's life.
#[derive(Clone, Debug, Serialize)]
pub struct LifeShown {
    /// Its number in its run.
    pub id: u64,
    /// UTC.
    pub opened: String,
    /// From the start of the run.
    pub since_start: String,
    /// How long it lived, or has lived.
    pub lived: String,
    /// The same in nanoseconds.
    pub lived_ns: u64,
    /// Looks at it.
    pub looks: u64,
    /// Code of the look that ended it; none when it was open at the end.
    pub ended_by: Option<&'static str>,
}

/// One recorded refusal.
#[derive(Clone, Debug, Serialize)]
pub struct RefusalShown {
    /// From the start of the run.
    pub since_start: String,
    /// Number of the decision.
    pub seq: u64,
    /// The reason with what it saw.
    pub reason: CheckShown,
    /// The halt, where that is the reason.
    pub halt: Option<&'static str>,
}

/// One halt in force.
#[derive(Clone, Debug, Serialize)]
pub struct HaltShown {
    /// Its reason code.
    pub reason: &'static str,
    /// Its control.
    pub control: &'static str,
    /// What it covers.
    pub scope: String,
    /// UTC.
    pub since: String,
    /// From the start of the run.
    pub since_start: String,
    /// What set it.
    pub observed: String,
    /// What was allowed.
    pub limit: String,
    /// Who may end it.
    pub ends: &'static str,
}

/// What risk said.
#[derive(Clone, Debug, Serialize)]
pub struct DecisionShown {
    /// From the start of the run.
    pub since_start: String,
    /// `approved` or `refused`.
    pub verdict: &'static str,
    /// The look that it was about.
    pub look: Option<LookShown>,
    /// Halts in force.
    pub halts: Vec<HaltShown>,
    /// Every check, in order.
    pub checks: Vec<CheckShown>,
}

/// The whole answer.
#[derive(Clone, Debug, Serialize)]
pub struct Story {
    /// Directory of the journal.
    pub journal: String,
    /// Its run.
    pub part: String,
    /// Where base is bought.
    pub buy: String,
    /// Where it is sold.
    pub sell: String,
    /// The opportunity asked for, or the one that the moment belongs to.
    pub opportunity: Option<LifeShown>,
    /// The moment asked for, UTC; none when an opportunity was asked for.
    pub asked_at: Option<String>,
    /// What became of it, in one line.
    pub fate: String,
    /// Its code.
    pub fate_code: &'static str,
    /// The first look of an opportunity.
    pub first: Option<LookShown>,
    /// Its best look.
    pub peak: Option<LookShown>,
    /// The look that ended it, or the one that was asked for.
    pub last: Option<LookShown>,
    /// What risk said last, or when it approved.
    pub decision: Option<DecisionShown>,
    /// Recorded refusals, in order.
    pub refusals: Vec<RefusalShown>,
    /// What would have had to be different.
    pub needs: Vec<String>,
    /// Trades.
    pub trades: Vec<TradeShown>,
    /// Decisions about it that were compared with the recorded ones.
    pub compared: usize,
    /// Where replayed and recorded numbers part; empty when they do not.
    pub differences: Vec<String>,
    /// The build that wrote the journal, where it is another.
    pub other_build: Option<String>,
}

/// One run with what it is read from.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// Directory of the journal.
    pub dir: &'a Path,
    /// All of its runs.
    pub all: &'a [RunSurvey],
    /// The run.
    pub run: &'a RunSurvey,
}

impl<'a> Place<'a> {
    const fn namer(&self) -> Namer<'a> {
        Namer::new(self.run)
    }

    fn story(&self, pair: &PairSpec) -> Story {
        let (buy, sell) = self.run.route(pair);
        let other_build = (self.run.begin.build != build()).then(|| self.run.begin.build.clone());
        Story {
            journal: self.dir.display().to_string(),
            part: self.run.name(self.all),
            buy: buy.to_owned(),
            sell: sell.to_owned(),
            opportunity: None,
            asked_at: None,
            fate: String::new(),
            fate_code: "",
            first: None,
            peak: None,
            last: None,
            decision: None,
            refusals: Vec::new(),
            needs: Vec::new(),
            trades: Vec::new(),
            compared: 0,
            differences: Vec::new(),
            other_build,
        }
    }

    /// Explains an opportunity.
    ///
    /// # Errors
    ///
    /// As [`rerun`].
    pub fn life(&self, summary: &Summary) -> Result<Story, Failure> {
        let (namer, run) = (self.namer(), self.run);
        let pair = &run.pairs[summary.first.pair.index()];
        let (first, trades) = (Box::new(summary.first), summary.trades.clone());
        let mut witness = Witness::new(*pair, Subject::Life { id: summary.id, first, trades });
        let is_open = summary.is_open() || summary.trades_open > 0;
        let until = if is_open { Until::End } else { Until::Seq(summary.last_seq) };
        let from = Some(summary.opened_seq);
        let rerun = rerun(self.dir, run, from, until, Some(summary.id), &mut witness)?;
        let mut story = self.story(pair);
        story.compared = rerun.recorded.len();
        story.differences = differences(run, summary, &rerun, &witness);
        let ended = witness.closing.as_ref().map(|it| it.look);
        let fate = rerun.open.as_ref().map_or(summary.fate, |(_, fate)| *fate);
        story.opportunity = Some(life_shown(&namer, summary, &rerun, &witness));
        story.fate = fate_text(fate);
        story.fate_code = fate.name();
        let look =
            |looked: &Option<Looked>| looked.as_ref().map(|it| LookShown::new(&namer, pair, it));
        story.first = look(&witness.first);
        story.peak = look(&witness.peak);
        story.last = look(&witness.closing);
        story.refusals = refusals(&namer, &rerun.recorded, &witness);
        let decisive = decisive(&rerun.recorded, &witness);
        story.decision = decisive.map(|it| self.decision(pair, it));
        story.needs = match (decisive, &witness.peak) {
            (Some(judged), _) => needs(&namer, judged),
            (None, Some(peak)) if peak.look.code == Code::Tradable => {
                not_judged(run, ended.is_none())
            }
            (None, Some(peak)) => needs_of_code(&namer, pair, peak),
            (None, None) => Vec::new(),
        };
        for trade in &summary.trades {
            let told = Told {
                namer,
                pair,
                judged: approved(&rerun.recorded, &witness, *trade),
                met: &witness.met,
                decisions: &rerun.recorded,
            };
            story.trades.extend(told.trade(*trade));
        }
        Ok(story)
    }

    /// Explains the last look at a pair at or before a time.
    ///
    /// # Errors
    ///
    /// As [`rerun`], and when there was no look yet.
    pub fn moment(&self, pair: &PairSpec, at_ns: u64) -> Result<Story, Failure> {
        let (namer, run) = (self.namer(), self.run);
        let mut witness = Witness::new(*pair, Subject::Moment { at_ns });
        rerun(self.dir, run, None, Until::After(at_ns), None, &mut witness)?;
        let (buy, sell) = run.route(pair);
        let Some(looked) = &witness.newest else {
            return Err(Failure::new(
                Exit::Usage,
                format!("nothing was known of {buy} → {sell} until {}", namer.since(at_ns)),
                "name a later time: a pair is looked at once one of its markets changes",
            ));
        };
        let mut story = self.story(pair);
        let look = &looked.look;
        story.asked_at = Some(utc(at_ns));
        story.last = Some(LookShown::new(&namer, pair, looked));
        let owner = run.opportunities.iter().rev().find(|it| {
            it.first.pair == pair.id
                && it.first.at_ns <= look.at_ns
                && it.opened_seq.saturating_sub(1) <= look.seq.max(it.first.seq)
                && it.closed_ns.is_none_or(|closed_ns| {
                    look.at_ns < closed_ns || (look.at_ns == closed_ns && look.is_opportunity())
                })
        });
        story.opportunity = owner.filter(|_| look.is_opportunity()).map(|it| LifeShown {
            id: it.id,
            opened: utc(it.first.at_ns),
            since_start: namer.since(it.first.at_ns),
            lived: duration(it.closed_ns.unwrap_or(run.span_ns.1) - it.first.at_ns),
            lived_ns: it.closed_ns.unwrap_or(run.span_ns.1) - it.first.at_ns,
            looks: it.looks.unwrap_or(0),
            ended_by: None,
        });
        let judged = witness.judged.last();
        story.decision = judged.map(|it| self.decision(pair, it));
        (story.fate, story.fate_code) = match judged.map(|it| it.failed().next()) {
            Some(None) => ("approved: a trade was made of it".to_owned(), "approved"),
            Some(Some(failed)) => {
                let (name, control) = (failed.check.name(), failed.check.control());
                (format!("refused: {name} ({control})"), name)
            }
            None if look.code == Code::Tradable => {
                let fate = story.opportunity.as_ref().and(owner).map(|it| fate_text(it.fate));
                let fate = fate.map_or(String::new(), |it| format!(" ({it})"));
                (format!("tradable, and no new trade was wanted then{fate}"), "tradable")
            }
            None => (format!("signal: {}", look.code.name()), look.code.name()),
        };
        story.needs = match judged {
            Some(judged) => needs(&namer, judged),
            None if look.code == Code::Tradable => not_judged(run, false),
            None => needs_of_code(&namer, pair, looked),
        };
        if story.last.as_ref().is_some_and(|it| it.is_reproduced == Some(false)) {
            story
                .differences
                .push("the look priced again from its levels gives another net".into());
        }
        Ok(story)
    }

    fn decision(&self, pair: &PairSpec, judged: &Judged) -> DecisionShown {
        let namer = self.namer();
        let plan = &judged.plan;
        DecisionShown {
            since_start: namer.since(plan.decided_ns),
            verdict: if judged.failed().next().is_none() { "approved" } else { "refused" },
            look: judged.looked.as_ref().map(|it| LookShown::new(&namer, pair, it)),
            halts: judged.halts.iter().map(|it| self.halt(it)).collect(),
            checks: judged.checks.iter().map(|it| CheckShown::new(&namer, plan, it)).collect(),
        }
    }

    fn halt(&self, halt: &Halt) -> HaltShown {
        let namer = self.namer();
        let scope = match halt.scope {
            Scope::Global => "everything".to_owned(),
            Scope::Strategy => "the strategy".to_owned(),
            Scope::Venue(venue) => venue.name().to_owned(),
            Scope::Market(market) => namer.market(market).to_owned(),
            Scope::Pair(pair) => {
                let (buy, sell) = self.run.route(&self.run.pairs[pair.index()]);
                format!("{buy} → {sell}")
            }
            Scope::Asset(asset) => namer.asset(asset).to_owned(),
        };
        let value = |value: i128| self.halt_value(halt, value);
        HaltShown {
            reason: halt.reason.name(),
            control: halt.reason.control(),
            scope,
            since: utc(halt.since_ns),
            since_start: namer.since(halt.since_ns),
            observed: value(halt.breach.observed),
            limit: value(halt.breach.limit),
            ends: match halt.latch {
                Latch::Auto => "by itself",
                Latch::Operator => "by an operator",
                Latch::Admin => "by an admin",
            },
        }
    }

    /// A halt's evidence in the unit of its control.
    fn halt_value(&self, halt: &Halt, value: i128) -> String {
        let namer = self.namer();
        let is_limit = |of: fn(&Limits) -> i128| {
            self.run.begins().any(|begin| halt.breach.limit == of(&begin.settings.limits))
        };
        let money = || format!("{} {}", plain(value, 6), namer.asset(namer.tables().numeraire));
        let time = || u64::try_from(value).map_or_else(|_| value.to_string(), duration);
        let share = || format!("{} %", plain(value, 4));
        match halt.reason {
            HaltReason::DailyLoss | HaltReason::Drawdown | HaltReason::Position => money(),
            // Too large or too long: the limit says which.
            HaltReason::UnhedgedExposure if is_limit(|it| it.unhedged_usd_micros_max) => money(),
            // Too old or too many, too little of the disk or in all: the limit says which.
            HaltReason::JournalLag if is_limit(|it| it.journal_backlog_ppm_max.into()) => share(),
            HaltReason::DiskSpace if is_limit(|it| it.disk_free_ppm_min.into()) => share(),
            HaltReason::DiskSpace => format!("{value} bytes"),
            HaltReason::StaleData
            | HaltReason::UnhedgedExposure
            | HaltReason::Clock
            | HaltReason::CoreLag
            | HaltReason::JournalLag => time(),
            HaltReason::ReferenceDisagreement
            | HaltReason::Depeg
            | HaltReason::FailureRate
            | HaltReason::Shortfall => share(),
            HaltReason::RingOverflow => format!("{value} overflows"),
            HaltReason::JournalError => format!("{value} failures"),
            HaltReason::ConsecutiveLosses => format!("{value} losses in a row"),
            HaltReason::RepeatedExecution => format!("{value} trades"),
            HaltReason::ManualPause
            | HaltReason::KillSwitch
            | HaltReason::BrokenTrade
            | HaltReason::Contradiction => value.to_string(),
        }
    }
}

fn life_shown(namer: &Namer<'_>, summary: &Summary, rerun: &Rerun, witness: &Witness) -> LifeShown {
    let open: Option<&Opportunity> = rerun.open.as_ref().map(|(it, _)| it);
    let newest_ns = open.map_or(summary.first.at_ns, |it| it.closed_ns);
    let lived_ns = summary.closed_ns.unwrap_or(newest_ns) - summary.first.at_ns;
    LifeShown {
        id: summary.id,
        opened: utc(summary.first.at_ns),
        since_start: namer.since(summary.first.at_ns),
        lived: duration(lived_ns),
        lived_ns,
        looks: summary.looks.or(open.map(|it| it.evaluations)).unwrap_or(witness.looks),
        ended_by: witness.closing.as_ref().map(|it| it.look.code.name()),
    }
}

/// Whether the core decided again what is recorded.
fn differences(
    run: &RunSurvey,
    summary: &Summary,
    rerun: &Rerun,
    witness: &Witness,
) -> Vec<String> {
    let mut found = Vec::new();
    let sides = rerun.recorded.iter().zip(&rerun.replayed);
    if let Some((recorded, replayed)) = sides.clone().find(|(a, b)| a != b) {
        found.push(format!(
            "record {} ({}) comes as {} ({})",
            recorded.seq,
            recorded.decision.name(),
            replayed.seq,
            replayed.decision.name()
        ));
    }
    let (recorded, replayed) = (rerun.recorded.len(), rerun.replayed.len());
    // A crash takes the tail of one stream and leaves that of the other.
    if recorded != replayed && run.is_ended {
        found.push(format!("{recorded} decisions are recorded, {replayed} were made again"));
    }
    if witness.first.is_none() {
        found.push("the look that opened it was not made again".to_owned());
    }
    let peak = witness.peak.as_ref().map(|it| it.look);
    let own = summary.peak.or_else(|| rerun.open.as_ref().map(|(it, _)| it.peak));
    if own != peak {
        found.push("its best look is another one".to_owned());
    }
    if summary.looks.is_some_and(|looks| looks != witness.looks) {
        found.push(format!("it had {} looks", witness.looks));
    }
    let looked = [&witness.first, &witness.peak].into_iter().flatten();
    for looked in looked.chain(witness.judged.iter().filter_map(|it| it.looked.as_ref())) {
        let priced = looked.grounds.priced.map(|it| (it.net, it.waterfall));
        if priced != Some((looked.look.net, looked.look.waterfall)) {
            let seq = looked.look.seq;
            found.push(format!("the look at {seq} priced again from its levels gives another net"));
        }
    }
    for decided in &rerun.recorded {
        if let Decision::Refused(refusal) = &decided.decision {
            let seen = judged_of(refusal, witness).and_then(|it| it.failed().next().copied());
            let is_same = seen.is_some_and(|it| {
                let denial = &refusal.denial;
                (it.check, it.leg, it.observed, it.limit)
                    == (denial.check, denial.leg, denial.observed, denial.limit)
            });
            if !is_same {
                found.push(format!("refusal {} was for another reason", decided.seq));
            }
        }
    }
    found
}

fn judged_of<'a>(refusal: &Refusal, witness: &'a Witness) -> Option<&'a Judged> {
    witness
        .judged
        .iter()
        .find(|it| it.plan.seq == refusal.seq && it.plan.predicted_net == refusal.net)
}

fn plan_of(decisions: &[Decided], trade_wanted: Option<u64>) -> Option<&Plan> {
    decisions.iter().find_map(|it| {
        let Decision::Approved { trade, plan } = &it.decision else { return None };
        trade_wanted.is_none_or(|wanted| wanted == *trade).then_some(plan)
    })
}

fn approved<'a>(decisions: &[Decided], witness: &'a Witness, id: u64) -> Option<&'a Judged> {
    let plan = plan_of(decisions, Some(id))?;
    witness.judged.iter().find(|it| it.plan == *plan)
}

/// The judgement that made its fate: the approval of its first trade, or the last refusal.
fn decisive<'a>(decisions: &[Decided], witness: &'a Witness) -> Option<&'a Judged> {
    if let Some(plan) = plan_of(decisions, None) {
        return witness.judged.iter().find(|it| it.plan == *plan);
    }
    let last = decisions.iter().rev().find_map(|it| {
        if let Decision::Refused(refusal) = &it.decision { Some(refusal) } else { None }
    })?;
    judged_of(last, witness)
}

fn refusals(namer: &Namer<'_>, decisions: &[Decided], witness: &Witness) -> Vec<RefusalShown> {
    let mut shown = Vec::new();
    for decided in decisions {
        let Decision::Refused(refusal) = &decided.decision else { continue };
        let Some(judged) = judged_of(refusal, witness) else { continue };
        let Some(failed) = judged.failed().next() else { continue };
        shown.push(RefusalShown {
            since_start: namer.since(decided.at_ns),
            seq: decided.seq,
            reason: CheckShown::new(namer, &judged.plan, failed),
            halt: refusal.halt.map(HaltReason::name),
        });
    }
    shown
}

/// What each failed check would have needed.
fn needs(namer: &Namer<'_>, judged: &Judged) -> Vec<String> {
    let of = |checked| {
        let shown = CheckShown::new(namer, &judged.plan, checked);
        let leg = shown.leg.map_or(String::new(), |leg| format!(", {leg} leg"));
        let needs = shown.needs.unwrap_or_default();
        format!("{} ({}){leg}: {needs}", shown.check, shown.control)
    };
    judged.failed().map(of).collect()
}

fn not_judged(run: &RunSurvey, is_open: bool) -> Vec<String> {
    use engine_core::execution::spec::Venues;
    if run.begin.settings.execution.venues == Venues::None {
        return vec!["trading has to be on: this run only states opportunities".to_owned()];
    }
    if is_open {
        return Vec::new();
    }
    vec!["it was traded already, or another trade of the same moment took what it saw".to_owned()]
}

/// The name of a fate for a table.
#[must_use]
pub fn fate_name(fate: Fate) -> String {
    fate_text(fate)
}
