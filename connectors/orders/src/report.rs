//! What a gateway tells the core.

use crate::client_id::OrderKey;
use crate::venue::{BalanceSays, Reject, Side, Survey};

/// How far an order has come, as far as its venue has proven it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It was handed to the socket: from here on it may exist.
    Sent,
    /// The venue has it, and it may still fill.
    Working,
    /// Nothing is known from its last answer: it may be live, over, or absent.
    Unknown,
    /// Nothing more can fill. The amounts of the report are final once it is settled.
    Done,
    /// The venue did not take it.
    Refused(Reject),
    /// Proven never to have arrived, and never to arrive.
    Absent,
    /// It never left: no byte of it was written.
    NotSent(NotSent),
}

impl Stage {
    /// Whether nothing more can come of the order.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Refused(_) | Self::Absent | Self::NotSent(_))
    }
}

/// Why an order never left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NotSent {
    /// Trading was stopped before its first byte.
    Halted,
    /// It waited too long, for the disk or for room in the budget.
    TooOld,
    /// The gateway has no room for it, or does not know its instrument.
    NoRoom,
}

/// A statement of a venue that cannot be true of an order as it was placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Contradiction {
    /// More has filled than was ordered.
    Overfill,
    /// The other side than was ordered.
    WrongSide,
    /// Another instrument than was ordered.
    WrongInstrument,
    /// At a worse price than the limit.
    WorseThanLimit,
    /// Something filled of an order that was refused, absent or never sent.
    FilledAfterAll,
    /// The order and its fills state different amounts.
    FillsDisagree,
    /// A fee in a currency that is not the order's quote.
    FeeAsset,
    /// More fills than one order can have.
    TooManyFills,
}

/// How an order stands now. Amounts are cumulative, so that a report that comes twice says nothing new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// Which order.
    pub key: OrderKey,
    /// How far it has come.
    pub stage: Stage,
    /// Base known to be filled. Unit: 10⁻¹⁸.
    pub filled_e18: i128,
    /// Quote that this moved, fees left out; none while not known. Unit: 10⁻¹⁸.
    pub quote_e18: Option<i128>,
    /// Fees; none while not known. Unit: 10⁻¹⁸ of the quote currency.
    pub fee_e18: Option<i128>,
    /// The first contradiction, where there was one. What was stated is in the amounts all the same.
    pub contradiction: Option<Contradiction>,
}

impl Report {
    /// Whether stage and money are final.
    #[must_use]
    pub const fn is_settled(&self) -> bool {
        match self.stage {
            Stage::Done => self.quote_e18.is_some() && self.fee_e18.is_some(),
            Stage::Refused(_) | Stage::Absent | Stage::NotSent(_) => true,
            Stage::Sent | Stage::Working | Stage::Unknown => false,
        }
    }
}

/// An order or fill that no order of this engine explains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// The venue's name of the order.
    pub venue_id: String,
    /// Our name, where one was repeated.
    pub client_id: Option<String>,
    /// What is traded, as the venue spells it.
    pub symbol: String,
    /// Which way, where it says.
    pub side: Option<Side>,
    /// Whether the name is of this instance: an order that a restored or lost journal does not know.
    pub is_ours: bool,
}

/// One statement to the core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Of an order of ours.
    Order(Report),
    /// Of somebody else's, once for each name.
    Foreign(Foreign),
    /// Of a balance.
    Balance(BalanceSays),
    /// A question about the account has been answered whole; what it said came before.
    Surveyed(Survey),
    /// The venue refuses the key: nothing is sent until an operator has looked.
    KeyRefused,
}
