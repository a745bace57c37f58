//! The life of an opportunity: opened, peak, closed. Not one row per tick.

use engine_model::PairId;
use serde::{Deserialize, Serialize};

use super::evaluation::Evaluation;

/// A stretch of time in which a pair's best net profit was positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opportunity {
    /// Number in order of opening, from 1.
    pub id: u64,
    /// Which pair.
    pub pair: PairId,
    /// Receive time of the event that opened it. Unit: Unix nanoseconds.
    pub opened_ns: u64,
    /// Receive time of the event that ended it, or of the newest one while open.
    pub closed_ns: u64,
    /// The evaluation with the highest net profit; the first of equals.
    pub peak: Evaluation,
    /// The evaluation that opened it.
    pub first: Evaluation,
    /// Evaluations while open.
    pub evaluations: u64,
}

impl Opportunity {
    /// How long it lived. Unit: nanoseconds.
    #[must_use]
    pub const fn duration_ns(&self) -> u64 {
        self.closed_ns - self.opened_ns
    }
}

/// What an evaluation did to its pair's opportunity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "kept inline so that nothing is allocated")]
pub enum Change {
    /// There is none and was none, or it goes on.
    None,
    /// One began.
    Opened(u64),
    /// One ended.
    Closed(Opportunity),
}

/// Opportunities of all pairs.
#[derive(Debug, Serialize, Deserialize)]
pub struct Tracker {
    open: alloc::vec::Vec<Option<Opportunity>>,
    opened: u64,
    open_count: u32,
}

impl Tracker {
    /// For this many pairs.
    #[must_use]
    pub fn new(pairs: usize) -> Self {
        Self { open: alloc::vec![None; pairs], opened: 0, open_count: 0 }
    }

    /// Takes one evaluation into account.
    pub fn observe(&mut self, evaluation: &Evaluation) -> Change {
        let slot = &mut self.open[evaluation.pair.index()];
        let alive = evaluation.is_opportunity();
        match slot {
            None if alive => {
                self.opened += 1;
                self.open_count += 1;
                *slot = Some(Opportunity {
                    id: self.opened,
                    pair: evaluation.pair,
                    opened_ns: evaluation.at_ns,
                    closed_ns: evaluation.at_ns,
                    peak: *evaluation,
                    first: *evaluation,
                    evaluations: 1,
                });
                Change::Opened(self.opened)
            }
            None => Change::None,
            Some(opportunity) => {
                opportunity.closed_ns = evaluation.at_ns;
                if alive {
                    opportunity.evaluations += 1;
                    if evaluation.net > opportunity.peak.net {
                        opportunity.peak = *evaluation;
                    }
                    Change::None
                } else {
                    let ended = *opportunity;
                    *slot = None;
                    self.open_count -= 1;
                    Change::Closed(ended)
                }
            }
        }
    }

    /// Whether a pair has one open.
    #[must_use]
    pub fn is_open(&self, pair: PairId) -> bool {
        self.open[pair.index()].is_some()
    }

    /// Whether it is a tracker of so many pairs, and counts itself right.
    #[must_use]
    pub fn fits(&self, pairs: usize) -> bool {
        self.open.len() == pairs && self.open.iter().flatten().count() == self.open_count as usize
    }

    /// Whether any pair has one open.
    #[must_use]
    pub const fn any_open(&self) -> bool {
        self.open_count > 0
    }

    /// The number of a pair's open one.
    #[must_use]
    pub fn open_id(&self, pair: PairId) -> Option<u64> {
        self.open[pair.index()].as_ref().map(|opportunity| opportunity.id)
    }

    /// Those still open, in pair order.
    pub fn still_open(&self) -> impl Iterator<Item = &Opportunity> {
        self.open.iter().flatten()
    }

    /// How many have opened so far.
    #[must_use]
    pub const fn opened(&self) -> u64 {
        self.opened
    }
}
