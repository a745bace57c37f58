//! Where the core tells how far it is and what its decisions rest on. Write-only: nothing comes
//! back, so time stays outside.

use crate::execution::venue::Flight;
use crate::explain::{Judgement, Seen};
use crate::signal::evaluation::Evaluation;

/// Stages inside one step of the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Applying events to books, pools and levels.
    Book,
    /// Rebuilding cached pool paths.
    Quote,
    /// Evaluating the pairs that changed.
    Signal,
    /// Taking what the signal let pass through risk into trades.
    Risk,
}

/// Told by the core when a stage begins and ends, and what it looks at. Implementations may read a
/// clock; the core sees nothing of it. What an implementation leaves out costs nothing.
pub trait Probe {
    /// A stage begins.
    fn enter(&mut self, stage: Stage);
    /// The stage begun last ends.
    fn leave(&mut self, stage: Stage);

    /// A pair was looked at, on this state.
    #[inline]
    fn looked(&mut self, seen: &Seen<'_>, look: &Evaluation) {
        let _ = (seen, look);
    }

    /// Risk is about to judge a plan, on this state.
    #[inline]
    fn judged(&mut self, seen: &Seen<'_>, judgement: &Judgement<'_>) {
        let _ = (seen, judgement);
    }

    /// An order is about to meet this state.
    #[inline]
    fn executing(&mut self, seen: &Seen<'_>, flight: &Flight) {
        let _ = (seen, flight);
    }
}

/// Measures nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProbe;

impl Probe for NoProbe {
    fn enter(&mut self, _: Stage) {}
    fn leave(&mut self, _: Stage) {}
}
