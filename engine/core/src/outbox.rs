//! What one step of the core says. Fixed capacity, allocated once.

use alloc::vec::Vec;

use crate::signal::evaluation::Evaluation;
use crate::signal::opportunity::Opportunity;

/// One statement.
#[expect(clippy::large_enum_variant, reason = "kept inline so that nothing is allocated")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// A pair was looked at.
    Evaluated(Evaluation),
    /// An opportunity of the evaluation just before began; this is its number.
    Opened(u64),
    /// An opportunity ended with the evaluation just before.
    Closed(Opportunity),
}

/// Output of one step. The caller drains it before the next.
#[derive(Debug)]
pub struct Outbox {
    outputs: Vec<Output>,
    capacity: usize,
}

impl Outbox {
    /// Room for one step of a core with this many pairs: each is evaluated at most once a step
    /// and says at most two things.
    #[must_use]
    pub fn for_pairs(pairs: usize) -> Self {
        let capacity = 2 * pairs;
        Self { outputs: Vec::with_capacity(capacity), capacity }
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
    pub(crate) fn push(&mut self, output: Output) {
        assert!(self.outputs.len() < self.capacity, "Invariant: a step keeps its budget");
        self.outputs.push(output);
    }
}
