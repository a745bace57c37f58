//! Losing trades in a row.

use serde::{Deserialize, Serialize};

use super::halt::Breach;
use super::limits::Limits;

/// Counts completed trades that lost, since the last one that gained.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Streak {
    loss_count: u32,
}

impl Streak {
    /// No trade yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { loss_count: 0 }
    }

    /// Losses in a row.
    #[must_use]
    pub const fn loss_count(&self) -> u32 {
        self.loss_count
    }

    /// A trade completed with this net result after all fees, an unwound one with its real result.
    /// A loss counts, zero changes nothing, a gain clears. States R11 while the count is above its
    /// limit.
    pub fn note(&mut self, net: i128, limits: &Limits) -> Option<Breach> {
        match net {
            ..0 => self.loss_count = self.loss_count.saturating_add(1),
            0 => (),
            1.. => self.loss_count = 0,
        }
        let (observed, limit) = (self.loss_count, limits.consecutive_losses_max);
        let breach = Breach { observed: i128::from(observed), limit: i128::from(limit) };
        (observed > limit).then_some(breach)
    }

    /// Whoever cleared the halt has looked at the losses: the count begins anew.
    pub fn reset(&mut self) {
        self.loss_count = 0;
    }
}
