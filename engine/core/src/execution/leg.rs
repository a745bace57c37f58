//! The states that one order passes through. Only evidence from its venue ends it.

use serde::{Deserialize, Serialize};

/// Where an order stands. Amounts are in the order's own steps (lots, or base units of a pool).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LegState {
    /// Sized and limited.
    Planned,
    /// Risk let it pass.
    Approved,
    /// Its intent is on disk. Passed over where nothing real is sent.
    Durable,
    /// On its way; the venue has said nothing.
    Sent,
    /// The venue holds it, this much filled.
    Working {
        /// Unit: steps.
        filled: u64,
    },
    /// The answer was lost: it may be live, filled or absent. The venue is asked, never assumed.
    Unknown {
        /// Known to be filled. Unit: steps.
        filled: u64,
    },
    /// Over, with this much filled; less than ordered when the rest was cancelled.
    Filled {
        /// Unit: steps.
        filled: u64,
    },
    /// The venue, or the program on the chain, refused it. Nothing filled.
    Rejected,
    /// Proven never to happen any more. Nothing filled.
    Expired,
}

/// What can happen to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LegEvent {
    /// Risk let it pass.
    Approved,
    /// Its intent is on disk.
    Durable,
    /// It was handed over.
    Sent,
    /// Time-out, broken link or unreadable reply.
    AnswerLost,
    /// The venue says that it is open with this much filled.
    ReportedOpen {
        /// Unit: steps.
        filled: u64,
    },
    /// The venue says that it is over with this much filled.
    ReportedDone {
        /// Unit: steps.
        filled: u64,
    },
    /// The venue says that it was never taken.
    Rejected,
    /// It is proven that it cannot happen any more.
    Expired,
}

/// A report that contradicts what is known. Trading stops until somebody has looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contradiction {
    /// What was known.
    pub state: LegState,
    /// What was reported.
    pub event: LegEvent,
}

impl LegState {
    /// Known to be filled. Unit: steps.
    #[must_use]
    pub const fn filled(self) -> u64 {
        match self {
            Self::Working { filled } | Self::Unknown { filled } | Self::Filled { filled } => filled,
            Self::Planned
            | Self::Approved
            | Self::Durable
            | Self::Sent
            | Self::Rejected
            | Self::Expired => 0,
        }
    }

    /// Whether nothing more can come.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Filled { .. } | Self::Rejected | Self::Expired)
    }

    /// The state after an event.
    ///
    /// # Errors
    ///
    /// [`Contradiction`] for every pair that the table does not list.
    pub fn after(self, event: LegEvent) -> Result<Self, Contradiction> {
        use LegEvent as On;
        let had = self.filled();
        match (self, event) {
            (Self::Planned, On::Approved) => Ok(Self::Approved),
            (Self::Approved, On::Durable) => Ok(Self::Durable),
            (Self::Approved | Self::Durable, On::Sent) => Ok(Self::Sent),

            (Self::Sent | Self::Working { .. } | Self::Unknown { .. }, On::AnswerLost) => {
                Ok(Self::Unknown { filled: had })
            }
            (
                Self::Sent | Self::Working { .. } | Self::Unknown { .. },
                On::ReportedOpen { filled },
            ) if had <= filled => Ok(Self::Working { filled }),
            (
                Self::Sent | Self::Working { .. } | Self::Unknown { .. },
                On::ReportedDone { filled },
            ) if had <= filled => Ok(Self::Filled { filled }),
            // Nothing may have filled of what never was.
            (Self::Sent | Self::Working { .. } | Self::Unknown { .. }, On::Rejected)
                if had == 0 =>
            {
                Ok(Self::Rejected)
            }
            (Self::Sent | Self::Working { .. } | Self::Unknown { .. }, On::Expired) if had == 0 => {
                Ok(Self::Expired)
            }

            // Venues repeat and reorder: old news changes nothing.
            (
                Self::Working { .. } | Self::Unknown { .. } | Self::Filled { .. },
                On::ReportedOpen { filled },
            ) if filled <= had => Ok(self),
            (Self::Filled { .. }, On::ReportedDone { filled }) if filled == had => Ok(self),
            (Self::Rejected, On::Rejected) | (Self::Expired, On::Expired) => Ok(self),

            (state, event) => Err(Contradiction { state, event }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::LegEvent as On;
    use super::LegState::{
        Approved, Durable, Expired, Filled, Planned, Rejected, Sent, Unknown, Working,
    };
    #[test]
    fn transitions() {
        let (three, five) = (3, 5);
        let working = Working { filled: five };
        // What the row shows, state, event, state after (none: refused).
        let rows = [
            ("first risk", Planned, On::Approved, Some(Approved)),
            ("nothing unapproved is sent", Planned, On::Sent, None),
            ("on disk", Approved, On::Durable, Some(Durable)),
            ("sent once durable", Durable, On::Sent, Some(Sent)),
            ("sent where durability is relaxed", Approved, On::Sent, Some(Sent)),
            ("never sent twice", Sent, On::Sent, None),
            ("a lost answer is no rejection", Sent, On::AnswerLost, Some(Unknown { filled: 0 })),
            (
                "losing touch keeps the known fill",
                working,
                On::AnswerLost,
                Some(Unknown { filled: five }),
            ),
            ("a fill before the acknowledgement", Sent, On::ReportedDone { filled: 3 }, {
                Some(Filled { filled: three })
            }),
            ("evidence ends the unknown", Unknown { filled: 3 }, On::ReportedDone { filled: 5 }, {
                Some(Filled { filled: five })
            }),
            ("the unknown was never there", Unknown { filled: 0 }, On::Expired, Some(Expired)),
            ("what has filled was there", Unknown { filled: 3 }, On::Expired, None),
            ("what has filled was not refused", working, On::Rejected, None),
            ("old news is ignored", working, On::ReportedOpen { filled: three }, Some(working)),
            ("a final fill never shrinks", working, On::ReportedDone { filled: three }, None),
            ("over is over", Filled { filled: three }, On::ReportedOpen { filled: five }, None),
            ("said twice", Rejected, On::Rejected, Some(Rejected)),
            ("a late fill after all", Rejected, On::ReportedDone { filled: 1 }, None),
        ];
        for (shows, state, event, after) in rows {
            assert_eq!(state.after(event).ok(), after, "{shows}");
        }
    }

    #[test]
    fn only_the_last_three_are_over() {
        for (state, over) in [
            (Planned, false),
            (Sent, false),
            (Working { filled: 1 }, false),
            (Unknown { filled: 1 }, false),
            (Filled { filled: 0 }, true),
            (Rejected, true),
            (Expired, true),
        ] {
            assert_eq!(state.is_over(), over, "{state:?}");
        }
    }
}
