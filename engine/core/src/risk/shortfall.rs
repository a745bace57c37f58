//! Whether trades earn what was predicted.

use serde::{Deserialize, Serialize};

use super::halt::Breach;
use super::limits::Limits;
use super::ring::Ring;

/// Result of one trade against its prediction. Unit: micros of the numeraire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Trade {
    predicted: i128,
    realised: i128,
}

/// The last trades, as many as the mean is taken over. 20 × 32 bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shortfall {
    trades: Ring<Trade>,
}

impl Shortfall {
    /// No trade yet.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self { trades: Ring::new(capacity(limits)) }
    }

    /// A trade that was predicted to earn `predicted` has earned `realised`. States R31 while the
    /// mean shortfall of the last trades is above its share of their mean prediction.
    ///
    /// Both means are over the same trades, so the sums are compared and nothing is divided. That
    /// weighs a trade by its size: a large trade that earns nothing is not excused by small ones
    /// that do. Fewer trades than the mean is taken over state nothing; a sum that overflows states
    /// R31.
    pub fn note(&mut self, predicted: i128, realised: i128, limits: &Limits) -> Option<Breach> {
        self.trades.push(Trade { predicted, realised });
        if !self.trades.is_full() {
            return None;
        }
        let limit = i128::from(limits.shortfall_ppm_max);
        let Some((missing, predicted)) = self.sums() else {
            return Some(Breach { observed: i128::MAX, limit });
        };
        let (Some(missing_scaled), Some(allowed_scaled)) =
            (missing.checked_mul(1_000_000), predicted.checked_mul(limit))
        else {
            return Some(Breach { observed: i128::MAX, limit });
        };
        // For display, rounded towards zero. Nothing predicted and something lost has no share.
        let share = if predicted > 0 { missing_scaled / predicted } else { i128::MAX };
        (missing_scaled > allowed_scaled).then_some(Breach { observed: share, limit })
    }

    /// Whoever cleared the halt has looked at the trades: the mean begins anew.
    pub fn reset(&mut self) {
        self.trades.clear();
    }

    /// Takes the mean over another number of trades, outside the running decisions: this allocates.
    /// The newest trades stay.
    pub fn resize(&mut self, limits: &Limits) {
        let mut trades = Ring::new(capacity(limits));
        for trade in self.trades.iter() {
            trades.push(trade);
        }
        self.trades = trades;
    }

    /// Predicted less realised, and predicted.
    fn sums(&self) -> Option<(i128, i128)> {
        let mut sums = (0_i128, 0_i128);
        for Trade { predicted, realised } in self.trades.iter() {
            sums.0 = sums.0.checked_add(predicted.checked_sub(realised)?)?;
            sums.1 = sums.1.checked_add(predicted)?;
        }
        Some(sums)
    }
}

/// At least one: a mean over nothing would never state anything.
fn capacity(limits: &Limits) -> usize {
    usize::try_from(limits.shortfall_trades).unwrap_or(usize::MAX).max(1)
}
