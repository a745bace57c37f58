//! What a decision rested on, to be read and never to be changed.
//!
//! The core shows the state that it looked at to its [`Probe`](crate::probe::Probe) at the moment
//! it decides: afterwards reservations and fills have changed it.

use crate::execution::plan::Plan;
use crate::market::world::World;
use crate::risk::halt::{Halt, Halts, Subject};
use crate::risk::{Facts, Limits};

/// The state at one moment, read only.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    world: &'a World,
    now_ns: u64,
}

impl<'a> Seen<'a> {
    pub(crate) const fn new(world: &'a World, now_ns: u64) -> Self {
        Self { world, now_ns }
    }

    /// Core time. Unit: nanoseconds.
    #[must_use]
    pub const fn now_ns(&self) -> u64 {
        self.now_ns
    }

    /// Highest slot of the chain.
    #[must_use]
    pub const fn chain_slot(&self) -> u64 {
        self.world.chain_slot
    }
}

/// A plan as it comes before risk, with everything that the checks look at.
#[derive(Clone, Copy, Debug)]
pub struct Judgement<'a> {
    /// What is judged.
    pub plan: &'a Plan,
    /// What the checks look at.
    pub facts: &'a Facts,
    /// What they hold it against.
    pub limits: &'a Limits,
    pub(crate) halts: &'a Halts,
    pub(crate) subject: &'a Subject,
}

impl Judgement<'_> {
    /// The halts in force for the plan's pair, in the order in which they were latched.
    pub fn halts(&self) -> impl Iterator<Item = &Halt> {
        self.halts.iter().filter(|halt| halt.scope.covers(self.subject))
    }
}
