//! Where the core tells how far it is. Write-only: nothing comes back, so time stays outside.

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

/// Told by the core when a stage begins and ends. Implementations may read a clock; the core sees
/// nothing of it.
pub trait Probe {
    /// A stage begins.
    fn enter(&mut self, stage: Stage);
    /// The stage begun last ends.
    fn leave(&mut self, stage: Stage);
}

/// Measures nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProbe;

impl Probe for NoProbe {
    fn enter(&mut self, _: Stage) {}
    fn leave(&mut self, _: Stage) {}
}
