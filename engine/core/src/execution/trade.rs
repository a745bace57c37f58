//! The machine over two legs: which order comes next, until both sides are level again.
//!
//! A trade is made from an approved plan and from nothing else, and orders are made by a trade and
//! by nothing else: what risk has not seen cannot be written down. Sequence: the first leg, then
//! the second for as much as the first filled (or both at once); what is missing is tried again;
//! what is left then is unwound within a bound, then within a wider one, then a person is called.

use engine_model::{InstrumentId, MarketId, Venue};
use serde::{Deserialize, Serialize};

use super::leg::{Contradiction, LegEvent, LegState};
use super::plan::{Limit, Plan};
use super::pnl::Moved;
use crate::market::take::Take;
use crate::risk::{Approved, Reduces};
use crate::signal::leg::LegQuote;

/// Identity of an order: its client order id at a venue is made from these and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OrderId {
    /// The trade's number.
    pub trade: u64,
    /// Whose instrument: 0 the buy leg's, 1 the sell leg's.
    pub leg: u8,
    /// Counts the orders of that leg from 0; grows only after the one before is proven over.
    pub attempt: u8,
}

/// What an order is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Purpose {
    /// To carry out the plan.
    Open,
    /// To try the missing leg again.
    Again,
    /// To take back the leg that filled, within the bound.
    Unwind,
    /// The same within the wider bound.
    UnwindHard,
}

impl Purpose {
    /// The name used in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Again => "again",
            Self::Unwind => "unwind",
            Self::UnwindHard => "unwind_hard",
        }
    }
}

/// An order: only a [`Trade`] makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    id: OrderId,
    purpose: Purpose,
    instrument: InstrumentId,
    market: MarketId,
    venue: Venue,
    take: Take,
    steps: u64,
    limit: Limit,
}

impl Order {
    /// Identity.
    #[must_use]
    pub const fn id(&self) -> OrderId {
        self.id
    }

    /// What it is for.
    #[must_use]
    pub const fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// What is traded.
    #[must_use]
    pub const fn instrument(&self) -> InstrumentId {
        self.instrument
    }

    /// Where.
    #[must_use]
    pub const fn market(&self) -> MarketId {
        self.market
    }

    /// At which venue.
    #[must_use]
    pub const fn venue(&self) -> Venue {
        self.venue
    }

    /// Whether it buys or sells base.
    #[must_use]
    pub const fn take(&self) -> Take {
        self.take
    }

    /// How much. Unit: lots, or base units of a pool.
    #[must_use]
    pub const fn steps(&self) -> u64 {
        self.steps
    }

    /// The worst that it accepts.
    #[must_use]
    pub const fn limit(&self) -> Limit {
        self.limit
    }
}

/// What a venue said of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// Over. What is not filled was cancelled; nothing filled is a miss.
    Done {
        /// Unit: steps.
        steps: u64,
        /// What that moved. Unit: quote units.
        quote: LegQuote,
        /// What the transaction cost, for a chain leg. Unit: lamports.
        network_lamports: u64,
        /// Unit: lamports.
        tip_lamports: u64,
    },
    /// The transaction landed and failed: nothing moved but its fee.
    Failed {
        /// Whether the limit was the reason, else the landing itself.
        by_limit: bool,
        /// Unit: lamports.
        network_lamports: u64,
    },
    /// It never landed and cannot any more.
    Expired,
}

/// How a trade ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Outcome {
    /// Both legs, as planned.
    BothFilled = 0,
    /// Both legs level, for less than planned.
    Partial = 1,
    /// The second leg was missed and filled when tried again.
    MissedHedged = 2,
    /// The second leg was missed, and the first taken back.
    MissedUnwound = 3,
    /// The first leg's transaction landed and failed; only its fee was lost.
    FailedLanding = 4,
    /// The first leg did not fill. Nothing happened.
    NotFilled = 5,
    /// Left open: a person must act.
    HandedOver = 6,
}

impl Outcome {
    /// Every outcome, in index order.
    pub const ALL: [Self; 7] = [
        Self::BothFilled,
        Self::Partial,
        Self::MissedHedged,
        Self::MissedUnwound,
        Self::FailedLanding,
        Self::NotFilled,
        Self::HandedOver,
    ];

    /// The name used in reports and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BothFilled => "both_filled",
            Self::Partial => "partial",
            Self::MissedHedged => "missed_hedged",
            Self::MissedUnwound => "missed_unwound",
            Self::FailedLanding => "failed_landing",
            Self::NotFilled => "not_filled",
            Self::HandedOver => "handed_over",
        }
    }

    /// Whether it counts as a failed execution.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        !matches!(self, Self::BothFilled | Self::Partial)
    }
}

/// What has to happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// An answer is awaited.
    Wait,
    /// The second leg goes out, for this much. Unit: steps of that leg.
    Open {
        /// Leg.
        leg: u8,
        /// Unit: steps.
        steps: u64,
    },
    /// This much has to be bought or sold on a leg's instrument to be level again. Unit: steps.
    Hedge {
        /// Leg.
        leg: u8,
        /// Which way.
        take: Take,
        /// Unit: steps of that leg.
        steps: u64,
        /// What for; it says how far the limit may go.
        purpose: Purpose,
    },
    /// It is over.
    Done(Outcome),
}

/// An order that makes an exposure smaller, before risk has seen it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hedge {
    /// Leg whose instrument it trades.
    pub leg: u8,
    /// Which way.
    pub take: Take,
    /// Unit: steps of that leg.
    pub steps: u64,
    /// The same in units of 10⁻¹⁸ of a whole base unit.
    pub size_e18: u128,
    /// The worst that it accepts.
    pub limit: Limit,
    /// What for.
    pub purpose: Purpose,
}

impl Reduces for Hedge {
    fn take(&self) -> Take {
        self.take
    }

    fn size_e18(&self) -> u128 {
        self.size_e18
    }
}

/// A trade under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trade {
    id: u64,
    plan: Plan,
    /// State of the newest order of each leg's instrument.
    states: [LegState; 2],
    attempts: [u8; 2],
    moved: [Moved; 2],
    network_lamports: u128,
    tip_lamports: u128,
    /// Rung of the ladder that is reached.
    purpose: Purpose,
    /// Whether the second leg's opening order went out.
    second_sent: bool,
    failed_landings: u8,
    unwound: bool,
    /// Whether each leg's balance is still promised to its opening order.
    reserved: [bool; 2],
    /// Since when the legs differ. Unit: core time in nanoseconds.
    open_since_ns: Option<u64>,
}

impl Trade {
    /// A trade from an approved plan.
    #[must_use]
    pub fn open(id: u64, approved: Approved<Plan>) -> Self {
        Self {
            id,
            plan: approved.into_inner(),
            states: [LegState::Approved; 2],
            attempts: [0; 2],
            moved: [Moved::default(); 2],
            network_lamports: 0,
            tip_lamports: 0,
            purpose: Purpose::Open,
            second_sent: false,
            failed_landings: 0,
            unwound: false,
            reserved: [true; 2],
            open_since_ns: None,
        }
    }

    /// Number in order of approval, from 1.
    #[must_use]
    pub const fn id(&self) -> u64 {
        self.id
    }

    /// What was approved.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What the orders of each leg's instrument have moved.
    #[must_use]
    pub const fn moved(&self) -> &[Moved; 2] {
        &self.moved
    }

    /// State of the newest order of each leg's instrument.
    #[must_use]
    pub const fn states(&self) -> [LegState; 2] {
        self.states
    }

    /// Base and priority fees so far, and tips. Unit: lamports.
    #[must_use]
    pub const fn lamports(&self) -> (u128, u128) {
        (self.network_lamports, self.tip_lamports)
    }

    /// Orders that a leg's instrument has had: the number of its next attempt.
    #[must_use]
    pub fn attempts(&self, leg: u8) -> u8 {
        self.attempts[usize::from(leg)]
    }

    /// Since when the legs differ. Unit: core time in nanoseconds.
    #[must_use]
    pub const fn open_since_ns(&self) -> Option<u64> {
        self.open_since_ns
    }

    /// Bought minus sold. Unit: atoms.
    #[must_use]
    pub fn imbalance_atoms(&self) -> i128 {
        let sum = |of: fn(&Moved) -> u128| of(&self.moved[0]) + of(&self.moved[1]);
        let bought = i128::try_from(sum(|it| it.bought_atoms));
        let sold = i128::try_from(sum(|it| it.sold_atoms));
        let range = "Invariant: sizes are far below 2^127 atoms";
        bought.expect(range) - sold.expect(range)
    }

    /// The opening order of the leg that goes first, or of each leg where both go at once.
    pub fn opening_orders(&mut self) -> [Option<Order>; 2] {
        if let Some(leg) = self.plan.first {
            return [Some(self.opening_order(leg, u64::MAX)), None];
        }
        self.second_sent = true;
        [0, 1].map(|leg| Some(self.opening_order(leg, u64::MAX)))
    }

    /// The opening order of the second leg, for as much as the first filled.
    pub fn second_order(&mut self, leg: u8, steps: u64) -> Order {
        assert!(!self.second_sent, "Invariant: a plan has two opening orders");
        self.second_sent = true;
        self.opening_order(leg, steps)
    }

    fn opening_order(&mut self, leg: u8, steps_max: u64) -> Order {
        let planned = &self.plan.legs[usize::from(leg)];
        let steps = planned.steps.min(steps_max);
        // A smaller total for a smaller size, never a looser price.
        let limit = match planned.limit {
            Limit::Price { ticks } => Limit::Price { ticks },
            Limit::Total { quote } => {
                Limit::Total { quote: share(planned.take, quote, steps, planned.steps) }
            }
        };
        self.order(leg, planned.take, steps, limit, Purpose::Open)
    }

    /// An order that makes the exposure smaller.
    pub fn hedge_order(&mut self, approved: Approved<Hedge>) -> Order {
        let hedge = approved.into_inner();
        let planned = &self.plan.legs[usize::from(hedge.leg)];
        let atoms = u128::from(hedge.steps) * u128::from(planned.atoms_per_step);
        let imbalance = self.imbalance_atoms();
        let is_smaller = match hedge.take {
            Take::Sell => imbalance > 0,
            Take::Buy => imbalance < 0,
        };
        assert!(is_smaller && atoms <= imbalance.unsigned_abs(), "Invariant: a hedge reduces");
        self.purpose = hedge.purpose;
        self.order(hedge.leg, hedge.take, hedge.steps, hedge.limit, hedge.purpose)
    }

    fn order(&mut self, leg: u8, take: Take, steps: u64, limit: Limit, purpose: Purpose) -> Order {
        let index = usize::from(leg);
        let planned = &self.plan.legs[index];
        let id = OrderId { trade: self.id, leg, attempt: self.attempts[index] };
        self.attempts[index] += 1;
        let sent = LegState::Approved.after(LegEvent::Sent);
        self.states[index] = sent.expect("Invariant: an approved order may be sent");
        Order {
            id,
            purpose,
            instrument: planned.instrument,
            market: planned.market,
            venue: planned.venue,
            take,
            steps,
            limit,
        }
    }

    /// Takes a venue's answer in. Facts are booked whatever was expected.
    ///
    /// # Errors
    ///
    /// [`Contradiction`] when the answer does not fit what is known; it is booked all the same.
    pub fn on_answer(
        &mut self,
        order: &Order,
        answer: &Answer,
        now_ns: u64,
    ) -> Result<(), Contradiction> {
        let leg = usize::from(order.id.leg);
        let event = match *answer {
            Answer::Done { steps, quote, network_lamports, tip_lamports } => {
                self.book(leg, order.take, steps, &quote);
                self.network_lamports += u128::from(network_lamports);
                self.tip_lamports += u128::from(tip_lamports);
                self.unwound |= order.purpose >= Purpose::Unwind && steps > 0;
                LegEvent::ReportedDone { filled: steps }
            }
            Answer::Failed { network_lamports, .. } => {
                self.network_lamports += u128::from(network_lamports);
                self.failed_landings = self.failed_landings.saturating_add(1);
                LegEvent::Rejected
            }
            Answer::Expired => LegEvent::Expired,
        };
        self.states[leg] = self.states[leg].after(event)?;
        if self.imbalance_atoms() == 0 {
            self.open_since_ns = None;
        } else if self.open_since_ns.is_none() {
            self.open_since_ns = Some(now_ns);
        }
        Ok(())
    }

    fn book(&mut self, leg: usize, take: Take, steps: u64, quote: &LegQuote) {
        let atoms = u128::from(steps) * u128::from(self.plan.legs[leg].atoms_per_step);
        let moved = &mut self.moved[leg];
        match take {
            Take::Buy => {
                moved.bought_atoms += atoms;
                moved.paid += quote.total;
                moved.gross_paid += quote.gross;
            }
            Take::Sell => {
                moved.sold_atoms += atoms;
                moved.received += quote.total;
                moved.gross_received += quote.gross;
            }
        }
        moved.taker_fees += quote.taker_fee;
        moved.pool_fees += quote.pool_fee;
    }

    /// What has to happen next. Pure: asking twice gives the same.
    #[must_use]
    pub fn next(&self) -> Next {
        let is_waiting = |state: LegState| {
            !matches!(state, LegState::Planned | LegState::Approved | LegState::Durable)
                && !state.is_over()
        };
        if self.states.into_iter().any(is_waiting) {
            return Next::Wait;
        }
        if let (Some(first), false) = (self.plan.first, self.second_sent) {
            let second = 1 - first;
            let filled = self.imbalance_atoms().unsigned_abs();
            if filled == 0 {
                return Next::Done(self.outcome());
            }
            let steps = self.placeable(second, filled);
            if steps > 0 {
                return Next::Open { leg: second, steps };
            }
        }
        self.level_again()
    }

    /// The rung of the ladder after the one that has been tried.
    fn level_again(&self) -> Next {
        let imbalance = self.imbalance_atoms();
        let atoms = imbalance.unsigned_abs();
        // Long: sell on the sell leg, or take the purchase back on the buy leg. Short: the reverse.
        let (take, missing, other) =
            if imbalance > 0 { (Take::Sell, 1, 0) } else { (Take::Buy, 0, 1) };
        let rungs = match self.purpose {
            Purpose::Open => [Purpose::Again, Purpose::Unwind, Purpose::UnwindHard].as_slice(),
            Purpose::Again => &[Purpose::Unwind, Purpose::UnwindHard],
            Purpose::Unwind => &[Purpose::UnwindHard],
            Purpose::UnwindHard => &[],
        };
        // What no venue takes is residual inventory, not an exposure that anybody could hedge.
        if self.placeable(missing, atoms) == 0 && self.placeable(other, atoms) == 0 {
            return Next::Done(self.outcome());
        }
        for purpose in rungs.iter().copied() {
            let leg = if purpose == Purpose::Again { missing } else { other };
            let steps = self.placeable(leg, atoms);
            if steps > 0 {
                return Next::Hedge { leg, take, steps, purpose };
            }
        }
        Next::Done(Outcome::HandedOver)
    }

    /// Whether a leg's balance is still promised to its opening order.
    #[must_use]
    pub fn is_reserved(&self, leg: u8) -> bool {
        self.reserved[usize::from(leg)]
    }

    /// Takes a leg's promise back; true the first time.
    pub fn release(&mut self, leg: u8) -> bool {
        core::mem::replace(&mut self.reserved[usize::from(leg)], false)
    }

    /// Gives a rung up without an order: nothing could be had within its bound.
    pub fn give_up(&mut self, purpose: Purpose) {
        assert!(self.purpose < purpose, "Invariant: rungs are climbed upwards");
        self.purpose = purpose;
    }

    /// Nothing more is opened: what the first leg fills is not followed by the second.
    pub const fn forgo_second(&mut self) {
        self.second_sent = true;
    }

    /// Whole steps of a leg in so many atoms, rounded down; 0 where its venue takes no order so
    /// small.
    fn placeable(&self, leg: u8, atoms: u128) -> u64 {
        let planned = &self.plan.legs[usize::from(leg)];
        let steps = u64::try_from(atoms / u128::from(planned.atoms_per_step)).unwrap_or(u64::MAX);
        if steps < planned.steps_min { 0 } else { steps }
    }

    fn outcome(&self) -> Outcome {
        let bought = self.moved[0].bought_atoms + self.moved[1].bought_atoms;
        let sold = self.moved[0].sold_atoms + self.moved[1].sold_atoms;
        if self.unwound {
            Outcome::MissedUnwound
        } else if self.purpose == Purpose::Again {
            Outcome::MissedHedged
        } else if bought.max(sold) == 0 {
            if self.failed_landings > 0 { Outcome::FailedLanding } else { Outcome::NotFilled }
        } else if bought == self.plan.atoms && sold == self.plan.atoms {
            Outcome::BothFilled
        } else {
            Outcome::Partial
        }
    }
}

/// The limit of a part of an order: `quote × steps / of`, against nobody but us never looser.
fn share(take: Take, quote: u64, steps: u64, of: u64) -> u64 {
    let product = u128::from(quote) * u128::from(steps);
    let of = u128::from(of.max(1));
    let part = match take {
        Take::Buy => product / of,
        Take::Sell => product.div_ceil(of),
    };
    u64::try_from(part).unwrap_or(u64::MAX)
}
