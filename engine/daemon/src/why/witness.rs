//! Watches the core decide again, and keeps what one opportunity or one moment rested on.

use engine_core::execution::Plan;
use engine_core::execution::trade::OrderId;
use engine_core::execution::venue::Flight;
use engine_core::explain::{Grounds, Judgement, Seen, Standing};
use engine_core::risk::halt::Halt;
use engine_core::risk::{CheckResult, Checked, for_each_check};
use engine_core::signal::evaluation::Evaluation;
use engine_core::tables::PairSpec;
use engine_core::{Probe, Stage};

/// Judgements kept of one opportunity. Its refusals change their reason a few times at most.
const JUDGEMENTS_MAX: usize = 256;

/// A look with what it rested on.
#[derive(Clone, Debug)]
pub struct Looked {
    /// The look.
    pub look: Evaluation,
    /// What it rested on.
    pub grounds: Grounds,
    /// Slot of the chain.
    pub chain_slot: u64,
}

/// A plan that came before risk.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The plan.
    pub plan: Plan,
    /// Every check, in order.
    pub checks: Vec<Checked>,
    /// Halts in force for the pair.
    pub halts: Vec<Halt>,
    /// The look that it was made from.
    pub looked: Option<Looked>,
    /// Where both markets stood.
    pub standings: [Standing; 2],
}

impl Judged {
    /// The failed checks, first the reason.
    pub fn failed(&self) -> impl Iterator<Item = &Checked> {
        self.checks.iter().filter(|it| it.result == CheckResult::Failed)
    }

    fn is_like(&self, other: &Self) -> bool {
        let key = |it: &Checked| (it.check, it.leg);
        self.failed().map(key).eq(other.failed().map(key)) && self.halts == other.halts
    }
}

/// The state that an order met.
#[derive(Clone, Debug)]
pub struct Met {
    /// The order.
    pub order: OrderId,
    /// Where its market stood.
    pub standing: Standing,
    /// When. Unit: core time in nanoseconds.
    pub at_ns: u64,
    /// Slot of the chain.
    pub chain_slot: u64,
    /// Slot in which it was to land; 0 for a book.
    pub landing_slot: u64,
    /// What the pool would have taken or given for all of it. Unit: quote units.
    pub pool_total: Option<u64>,
}

/// What is watched for.
#[derive(Clone, Debug)]
pub enum Subject {
    /// The life of an opportunity that begins with this look.
    Life {
        /// Its number.
        id: u64,
        /// The look that opens it.
        first: Box<Evaluation>,
        /// Its trades.
        trades: Vec<u64>,
    },
    /// The last look at or before a time.
    Moment {
        /// Unit: core time in nanoseconds.
        at_ns: u64,
    },
}

/// Keeps what was asked for. Changes nothing.
#[derive(Debug)]
pub struct Witness {
    pair: PairSpec,
    subject: Subject,
    /// The first look of the life.
    pub first: Option<Looked>,
    /// Its best one so far.
    pub peak: Option<Looked>,
    /// The look that ended it.
    pub closing: Option<Looked>,
    /// Looks of the life.
    pub looks: u64,
    /// The newest look of the life, or the last one before the moment.
    pub newest: Option<Looked>,
    /// Plans that came before risk, where the result changed, and every approved one.
    pub judged: Vec<Judged>,
    /// What orders met.
    pub met: Vec<Met>,
}

impl Witness {
    /// For one pair.
    #[must_use]
    pub const fn new(pair: PairSpec, subject: Subject) -> Self {
        Self {
            pair,
            subject,
            first: None,
            peak: None,
            closing: None,
            looks: 0,
            newest: None,
            judged: Vec::new(),
            met: Vec::new(),
        }
    }

    fn live(&mut self, looked: Looked, begins: bool) {
        if begins {
            self.first = Some(looked.clone());
        } else if self.first.is_none() || self.closing.is_some() {
            return;
        }
        if !looked.look.is_opportunity() {
            self.closing = Some(looked);
            return;
        }
        self.looks += 1;
        if self.peak.as_ref().is_none_or(|peak| looked.look.net > peak.look.net) {
            self.peak = Some(looked.clone());
        }
        self.newest = Some(looked);
    }

    fn keep(&mut self, judged: Judged) {
        let is_approved = judged.failed().next().is_none();
        let is_new = self.judged.last().is_none_or(|last| !last.is_like(&judged));
        if is_approved || (is_new && self.judged.len() < JUDGEMENTS_MAX) {
            self.judged.push(judged);
        }
    }
}

impl Probe for Witness {
    fn enter(&mut self, _: Stage) {}

    fn leave(&mut self, _: Stage) {}

    fn looked(&mut self, seen: &Seen<'_>, look: &Evaluation) {
        if look.pair != self.pair.id {
            return;
        }
        let begins = match &self.subject {
            Subject::Life { first, .. } => self.first.is_none() && *look == **first,
            Subject::Moment { at_ns } if look.at_ns > *at_ns => return,
            Subject::Moment { .. } => false,
        };
        let is_life = matches!(self.subject, Subject::Life { .. });
        if is_life && !begins && (self.first.is_none() || self.closing.is_some()) {
            return;
        }
        let grounds = seen.grounds(&self.pair, look);
        let looked = Looked { look: *look, grounds, chain_slot: seen.chain_slot() };
        if is_life {
            self.live(looked, begins);
        } else {
            // What came before risk then belongs to an earlier look.
            self.judged.clear();
            self.newest = Some(looked);
        }
    }

    fn judged(&mut self, seen: &Seen<'_>, judgement: &Judgement<'_>) {
        let plan = judgement.plan;
        let is_ours = plan.pair == self.pair.id
            && match &self.subject {
                Subject::Life { id, .. } => plan.opportunity == *id,
                Subject::Moment { at_ns } => plan.decided_ns <= *at_ns,
            };
        if !is_ours {
            return;
        }
        let mut checks = Vec::new();
        for_each_check(judgement.facts, judgement.limits, |checked| checks.push(checked));
        let is_of = |it: &&Looked| it.look.seq == plan.seq && it.look.at_ns == plan.decided_ns;
        let looked = self.newest.as_ref().filter(is_of).cloned();
        self.keep(Judged {
            plan: *plan,
            checks,
            halts: judgement.halts().copied().collect(),
            looked,
            standings: [&plan.legs[0], &plan.legs[1]].map(|leg| seen.standing(leg.market)),
        });
    }

    fn executing(&mut self, seen: &Seen<'_>, flight: &Flight) {
        let order = flight.order.id();
        let Subject::Life { trades, .. } = &self.subject else { return };
        if trades.contains(&order.trade) {
            self.met.push(Met {
                order,
                standing: seen.standing(flight.order.market()),
                at_ns: seen.now_ns(),
                chain_slot: seen.chain_slot(),
                landing_slot: flight.landing_slot,
                pool_total: seen.pool_total(flight),
            });
        }
    }
}
