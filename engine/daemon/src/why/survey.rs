//! What a journal says happened: its runs, and each opportunity with its fate, in one line each.

use std::collections::BTreeMap;
use std::path::Path;

use engine_core::Fate;
use engine_core::outbox::{Decided, Decision};
use engine_core::signal::evaluation::Evaluation;
use engine_core::tables::PairSpec;
use engine_journal::records::{self, Begin};
use engine_journal::{Reader, Record};

use crate::cli_output::{Exit, Failure};
use crate::journal::runs::{check_version, disk, failure, unreadable};

/// One opportunity as its decisions tell.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Its number in its run.
    pub id: u64,
    /// Number of the decision that opened it.
    pub opened_seq: u64,
    /// The look that did.
    pub first: Evaluation,
    /// The look with the most profit; none while it is open.
    pub peak: Option<Evaluation>,
    /// When it ended; none when it was open at the end. Unit: Unix nanoseconds.
    pub closed_ns: Option<u64>,
    /// Looks while it was open; none when it was open at the end.
    pub looks: Option<u64>,
    /// What became of it, or of one that is open so far.
    pub fate: Fate,
    /// Its trades.
    pub trades: Vec<u64>,
    /// Number of the last decision about it or one of its trades.
    pub last_seq: u64,
    /// Trades that have not ended.
    pub trades_open: usize,
}

impl Summary {
    /// Whether it was open at the end of its run.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.closed_ns.is_none()
    }
}

/// One run of a journal.
#[derive(Debug)]
pub struct RunSurvey {
    /// Number of its first record.
    pub seq: u64,
    /// How it began.
    pub begin: Begin,
    /// Where it went on under another configuration, with the first record of each.
    pub continued: Vec<(u64, Begin)>,
    /// Its pairs.
    pub pairs: Vec<PairSpec>,
    /// Time of its first and its last record. Unit: Unix nanoseconds.
    pub span_ns: (u64, u64),
    /// Whether it ended in order; one that was killed may lack the end of either stream.
    pub is_ended: bool,
    /// Opportunities in the order in which they opened.
    pub opportunities: Vec<Summary>,
    /// Number of the record that ends it, or the part of it so far.
    end_seq: Option<u64>,
    /// Place of the opportunity of each trade that has not ended.
    trades: BTreeMap<u64, usize>,
}

impl RunSurvey {
    fn new(dir: &Path, seq: u64, begin: Begin) -> Result<Self, Failure> {
        let pairs = begin.tables.check().and_then(|()| begin.tables.pairs());
        let pairs =
            pairs.map_err(|error| unreadable(dir, seq, &format!("the run's tables: {error:?}")))?;
        let span_ns = (begin.clock.0, begin.clock.0);
        let (opportunities, trades) = (Vec::new(), BTreeMap::new());
        Ok(Self {
            seq,
            begin,
            continued: Vec::new(),
            pairs,
            span_ns,
            is_ended: false,
            opportunities,
            end_seq: None,
            trades,
        })
    }

    /// Every beginning: its own, and those of its continuations.
    pub fn begins(&self) -> impl Iterator<Item = &Begin> {
        core::iter::once(&self.begin).chain(self.continued.iter().map(|(_, begin)| begin))
    }

    /// The beginning that is in force at a record.
    #[must_use]
    pub fn begin_at(&self, seq: u64) -> &Begin {
        let continued = self.continued.iter().rev().find(|(first, _)| *first <= seq);
        continued.map_or(&self.begin, |(_, begin)| begin)
    }

    /// The continuation whose first record this is.
    #[must_use]
    pub fn continued_at(&self, seq: u64) -> Option<&Begin> {
        self.continued.iter().find(|(first, _)| *first == seq).map(|(_, begin)| begin)
    }

    /// How `--part` names it: the part, and the number of its first record where that is needed.
    #[must_use]
    pub fn name(&self, all: &[Self]) -> String {
        let part = &self.begin.part;
        let same = all.iter().filter(|run| run.begin.part == *part).count();
        if same > 1 { format!("{part}@{}", self.seq) } else { part.clone() }
    }

    /// Buying and selling instrument of a pair.
    #[must_use]
    pub fn route(&self, pair: &PairSpec) -> (&str, &str) {
        let name = |index: usize| self.begin.names.instruments.get(index).map_or("?", |it| it);
        (name(pair.buy.index()), name(pair.sell.index()))
    }

    fn decided(&mut self, decided: &Decided) {
        match &decided.decision {
            Decision::Opened { opportunity, look } => self.opportunities.push(Summary {
                id: *opportunity,
                opened_seq: decided.seq,
                first: *look,
                peak: None,
                closed_ns: None,
                looks: None,
                fate: Fate::Signal(look.code),
                trades: Vec::new(),
                last_seq: decided.seq,
                trades_open: 0,
            }),
            Decision::Closed { opportunity, fate } => {
                self.about(opportunity.id, decided.seq, |it| {
                    it.peak = Some(opportunity.peak);
                    it.closed_ns = Some(opportunity.closed_ns);
                    it.looks = Some(opportunity.evaluations);
                    it.fate = *fate;
                });
            }
            Decision::Refused(refusal) => self.about(refusal.opportunity, decided.seq, |it| {
                it.fate = match refusal.halt {
                    _ if !it.trades.is_empty() => it.fate,
                    Some(halt) => Fate::Halted(halt),
                    None => Fate::Refused(refusal.denial.check),
                };
            }),
            Decision::Approved { trade, plan } => {
                let place = self.place(plan.opportunity);
                if let Some(place) = place {
                    self.trades.insert(*trade, place);
                }
                self.about(plan.opportunity, decided.seq, |it| {
                    it.fate = Fate::Traded(*trade);
                    it.trades.push(*trade);
                    it.trades_open += 1;
                });
            }
            Decision::Sent(order) => self.about_trade(order.id().trade, decided.seq),
            Decision::Answered { order, .. } | Decision::Contradiction(order) => {
                self.about_trade(order.trade, decided.seq);
            }
            Decision::HedgeRefused { trade, .. } => self.about_trade(*trade, decided.seq),
            Decision::Ended(end) => {
                self.about_trade(end.trade.id(), decided.seq);
                if let Some(place) = self.trades.remove(&end.trade.id()) {
                    self.opportunities[place].trades_open -= 1;
                }
            }
            Decision::Halt(_)
            | Decision::Warned(_)
            | Decision::Suspect(_)
            | Decision::CommandTaken(_)
            | Decision::CommandRefused { .. }
            | Decision::Checkpoint(_) => (),
        }
    }

    fn place(&self, id: u64) -> Option<usize> {
        self.opportunities.binary_search_by_key(&id, |it| it.id).ok()
    }

    fn about(&mut self, id: u64, seq: u64, change: impl FnOnce(&mut Summary)) {
        if let Some(place) = self.place(id) {
            self.opportunities[place].last_seq = seq;
            change(&mut self.opportunities[place]);
        }
    }

    fn about_trade(&mut self, trade: u64, seq: u64) {
        if let Some(place) = self.trades.get(&trade) {
            self.opportunities[*place].last_seq = seq;
        }
    }
}

/// The trade that a decision is about; none where it is about none.
#[must_use]
pub const fn trade_of(decision: &Decision) -> Option<u64> {
    match decision {
        Decision::Approved { trade, .. } | Decision::HedgeRefused { trade, .. } => Some(*trade),
        Decision::Sent(order) => Some(order.id().trade),
        Decision::Answered { order, .. } | Decision::Contradiction(order) => Some(order.trade),
        Decision::Ended(end) => Some(end.trade.id()),
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

/// The opportunity that a decision names; none where it names none.
#[must_use]
pub const fn opportunity_of(decision: &Decision) -> Option<u64> {
    match decision {
        Decision::Opened { opportunity, .. } => Some(*opportunity),
        Decision::Closed { opportunity, .. } => Some(opportunity.id),
        Decision::Refused(refusal) => Some(refusal.opportunity),
        Decision::Approved { plan, .. } => Some(plan.opportunity),
        Decision::Sent(_)
        | Decision::Answered { .. }
        | Decision::HedgeRefused { .. }
        | Decision::Ended(_)
        | Decision::Halt(_)
        | Decision::Warned(_)
        | Decision::Suspect(_)
        | Decision::CommandTaken(_)
        | Decision::CommandRefused { .. }
        | Decision::Contradiction(_)
        | Decision::Checkpoint(_) => None,
    }
}

/// Reads a whole journal once, so that damage is met before anything is explained.
///
/// # Errors
///
/// [`Failure`] naming file and offset, or when there is no run.
pub fn survey(dir: &Path) -> Result<Vec<RunSurvey>, Failure> {
    let mut reader = Reader::open(&disk(), dir).map_err(|error| failure(&error))?;
    let mut runs: Vec<RunSurvey> = Vec::new();
    while let Some(record) = reader.next_record().map_err(|error| failure(&error))? {
        take(dir, &mut runs, &record)?;
    }
    if runs.is_empty() {
        return Err(Failure::new(
            Exit::BadData,
            format!("{}: the journal holds no run", dir.display()),
            "nothing was recorded, or its beginning is gone",
        ));
    }
    Ok(runs)
}

fn take(dir: &Path, runs: &mut Vec<RunSurvey>, record: &Record<'_>) -> Result<(), Failure> {
    let (seq, kind) = (record.head.seq, record.head.kind);
    if matches!(kind, records::BEGIN | records::DECISION) {
        check_version(dir, seq, record.head.version)?;
    }
    if kind == records::BEGIN {
        let begin: Begin = records::decode(record.payload)
            .map_err(|error| unreadable(dir, seq, &format!("the run's start: {error}")))?;
        // One history: numbers, lives and trades go on.
        match runs.last_mut() {
            Some(run) if begin.from_anchor.is_some() && run.end_seq == begin.from_anchor => {
                run.is_ended = false;
                run.continued.push((seq, begin));
            }
            _ => runs.push(RunSurvey::new(dir, seq, begin)?),
        }
    }
    let Some(run) = runs.last_mut() else { return Ok(()) };
    run.span_ns.1 = run.span_ns.1.max(record.head.time_ns);
    if kind == records::END {
        (run.is_ended, run.end_seq) = (true, Some(seq));
    }
    if kind == records::DECISION {
        let decided = records::decode_decision(record.payload)
            .map_err(|error| unreadable(dir, seq, &format!("a decision: {error}")))?;
        run.decided(&decided);
    }
    Ok(())
}
