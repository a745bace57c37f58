//! What one step of the core says. Fixed capacity, allocated once.

use alloc::vec::Vec;

use engine_model::{Command, MarketId, PairId};
use serde::{Deserialize, Serialize};

use crate::execution::plan::Plan;
use crate::execution::trade::{Answer, Hedge, Order, OrderId, Outcome};
use crate::execution::{Pnl, Trade};
use crate::risk::halt::{Breach, Change, ClearRefused, HaltReason, SCOPED_HALTS_MAX};
use crate::risk::{Check, CheckSet, Denial};
use crate::signal::evaluation::{Code, Evaluation};
use crate::signal::opportunity::Opportunity;
use crate::tables::MARKETS_MAX;
use crate::timers::TRADES_MAX;

/// What became of an opportunity. Each has exactly one fate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Fate {
    /// It was traded; the number of its last trade.
    Traded(u64),
    /// Risk refused every look that the signal let pass; the reason of the last.
    Refused(Check),
    /// As [`Fate::Refused`], because of this halt.
    Halted(HaltReason),
    /// The signal let no look pass; the code of the best.
    Signal(Code),
}

impl Fate {
    /// The name used in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Traded(_) => "traded",
            Self::Refused(check) => check.name(),
            Self::Halted(reason) => reason.name(),
            Self::Signal(code) => code.name(),
        }
    }
}

/// Risk refused a trade, for another reason than it last refused the same opportunity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The opportunity's number.
    pub opportunity: u64,
    /// The pair.
    pub pair: PairId,
    /// Number of the event that decided.
    pub seq: u64,
    /// Size looked at. Unit: atoms.
    pub base_atoms: u128,
    /// Net profit looked at. Unit: pair money.
    pub net: i128,
    /// The first failed check, which is the reason.
    pub denial: Denial,
    /// All failed checks.
    pub failed: CheckSet,
    /// The halt in force, when the reason is one.
    pub halt: Option<HaltReason>,
}

/// A trade has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TradeEnd {
    /// The trade as it ended.
    pub trade: Trade,
    /// How.
    pub outcome: Outcome,
    /// What it made; none when a figure is out of range, which halts.
    pub pnl: Option<Pnl>,
}

/// Something that a person should know and that stops nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Warning {
    /// The day's loss has reached the warning.
    DailyLoss(Breach),
    /// More executions than usual fail.
    FailureRate(Breach),
    /// Losing trades in a row, where that does not halt.
    ConsecutiveLosses(Breach),
    /// The wall clock moves away from core time.
    Clock(Breach),
}

/// What the core decided. Each has a number of its own in the sequence of the events.
#[expect(clippy::large_enum_variant, reason = "kept inline so that nothing is allocated")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Decision {
    /// An opportunity began.
    Opened {
        /// Its number.
        opportunity: u64,
        /// The look that opened it.
        look: Evaluation,
    },
    /// An opportunity ended.
    Closed {
        /// Its life.
        opportunity: Opportunity,
        /// What became of it.
        fate: Fate,
    },
    /// Risk refused a trade.
    Refused(Refusal),
    /// Risk approved a trade.
    Approved {
        /// The trade's number.
        trade: u64,
        /// What was approved.
        plan: Plan,
    },
    /// An order goes out.
    Sent(Order),
    /// A venue answered.
    Answered {
        /// Which order.
        order: OrderId,
        /// What it said.
        answer: Answer,
    },
    /// Risk refused an order that would have made an exposure smaller, or nothing could be had.
    HedgeRefused {
        /// The trade's number.
        trade: u64,
        /// What was wanted.
        hedge: Hedge,
        /// The first failed check; none when the market gave no price within the bound.
        denial: Option<Denial>,
    },
    /// A trade ended.
    Ended(TradeEnd),
    /// A halt was latched, made stricter, or taken away.
    Halt(Change),
    /// Nothing was stopped, but somebody should know.
    Warned(Warning),
    /// A market's data look too good to be true: it should be asked for a fresh snapshot.
    Suspect(MarketId),
    /// An operator's command was taken.
    CommandTaken(Command),
    /// An operator's command was refused.
    CommandRefused {
        /// Which.
        command: Command,
        /// Why.
        why: ClearRefused,
    },
    /// An answer contradicts what was known of an order.
    Contradiction(OrderId),
    /// Every look so far in one number: looks are too many to be recorded one by one, and two runs
    /// that differ in one are told apart here.
    Checkpoint(u64),
}

impl Decision {
    /// The name used in reports.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Opened { .. } => "opened",
            Self::Closed { .. } => "closed",
            Self::Refused(_) => "refused",
            Self::Approved { .. } => "approved",
            Self::Sent(_) => "sent",
            Self::Answered { .. } => "answered",
            Self::HedgeRefused { .. } => "hedge_refused",
            Self::Ended(_) => "ended",
            Self::Halt(_) => "halt",
            Self::Warned(_) => "warned",
            Self::Suspect(_) => "suspect",
            Self::CommandTaken(_) => "command_taken",
            Self::CommandRefused { .. } => "command_refused",
            Self::Contradiction(_) => "contradiction",
            Self::Checkpoint(_) => "checkpoint",
        }
    }
}

/// A decision with its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// Number in the sequence that events and decisions share.
    pub seq: u64,
    /// Core time. Unit: nanoseconds.
    pub at_ns: u64,
    /// What.
    pub decision: Decision,
}

/// One statement.
#[expect(clippy::large_enum_variant, reason = "kept inline so that nothing is allocated")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// A pair was looked at.
    Evaluated(Evaluation),
    /// Something was decided.
    Decided(Decided),
}

/// The most halts that may be latched at once.
const HALTS_MAX: usize = SCOPED_HALTS_MAX + HaltReason::ALL.len();

/// Statements besides those about pairs that one step may make: a halt for each market that goes stale
/// at one deadline, and again where the clock steps, with a suspicion of each; each halt that ends by
/// itself or by one command; and 40 for each trade: four rungs with an order, an answer and a refusal
/// each, its end, and what that latches.
const BESIDE_PAIRS: usize = 3 * MARKETS_MAX + 2 * HALTS_MAX + 40 * TRADES_MAX + 64;

/// Statements about one pair in one step. It is looked at twice at most, by a timer and by the event,
/// and each look is stated, may open or close an opportunity, and may be refused with both markets
/// suspected.
const OF_PAIR: usize = 2 * 5;

/// Output of one step. The caller drains it before the next.
#[derive(Debug)]
pub struct Outbox {
    outputs: Vec<Output>,
    capacity: usize,
}

impl Outbox {
    /// Room for one step of a core with this many pairs.
    #[must_use]
    pub fn for_pairs(pairs: usize) -> Self {
        let capacity = Self::capacity_for(pairs);
        Self { outputs: Vec::with_capacity(capacity), capacity }
    }

    /// The most that one step of a core with this many pairs says.
    #[must_use]
    pub const fn capacity_for(pairs: usize) -> usize {
        OF_PAIR * pairs + BESIDE_PAIRS
    }

    /// The statements in order.
    #[must_use]
    pub fn outputs(&self) -> &[Output] {
        &self.outputs
    }

    /// Forgets them, keeps the memory.
    pub fn clear(&mut self) {
        self.outputs.clear();
    }

    #[expect(clippy::large_types_passed_by_value, reason = "moved into the list it is for")]
    #[inline]
    pub(crate) fn push(&mut self, output: Output) {
        assert!(self.outputs.len() < self.capacity, "Invariant: a step keeps its budget");
        self.outputs.push(output);
    }
}
