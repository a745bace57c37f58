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

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::super::ring::testing::{Random, restored};
    use super::*;

    /// What the last of these trades states.
    fn last(trades: &[(i128, i128)]) -> Option<Breach> {
        let limits = Limits::default();
        let mut shortfall = Shortfall::new(&limits);
        let notes = trades.iter().map(|(predicted, realised)| {
            shortfall = restored(&shortfall);
            shortfall.note(*predicted, *realised, &limits)
        });
        notes.last().flatten()
    }

    #[test]
    fn a_mean_shortfall_above_half_over_twenty_trades_halts() {
        let nineteen = |realised| [(100, realised); 19].to_vec();
        for (shows, trades, halts) in [
            ("nineteen state nothing", nineteen(-100), false),
            ("1 micro less", [nineteen(50), [(100, 51)].to_vec()].concat(), false),
            ("at the limit", [nineteen(50), [(100, 50)].to_vec()].concat(), false),
            ("1 micro more", [nineteen(50), [(100, 49)].to_vec()].concat(), true),
            ("all lost", [nineteen(-100), [(100, -100)].to_vec()].concat(), true),
            ("better than predicted", [nineteen(900), [(100, 0)].to_vec()].concat(), false),
            ("a large one weighs more", [nineteen(100), [(10_000, 0)].to_vec()].concat(), true),
            (
                "the oldest leaves",
                [[(100, -9_999)].to_vec(), [(100, 50); 20].to_vec()].concat(),
                false,
            ),
            ("nothing predicted or earned", [(0, 0); 20].to_vec(), false),
            ("nothing predicted, lost", [(0, -1); 20].to_vec(), true),
            ("a loss predicted and made", [(-10, -12); 20].to_vec(), true),
            ("overflow", [(i128::MAX, 0); 20].to_vec(), true),
            ("overflow", [(i128::MIN, i128::MAX); 20].to_vec(), true),
        ] {
            assert_eq!(last(&trades).is_some(), halts, "{shows}");
        }
        let half_and_more = [nineteen(50), [(100, 30)].to_vec()].concat();
        assert_eq!(last(&half_and_more), Some(Breach { observed: 510_000, limit: 500_000 }));
    }

    #[test]
    fn a_reset_begins_anew_and_a_resize_keeps_the_newest() {
        let limits = Limits::default();
        let mut shortfall = Shortfall::new(&limits);
        for _ in 0..20 {
            shortfall.note(100, 0, &limits);
        }
        let fewer = Limits { shortfall_trades: 2, ..limits };
        let mut resized = shortfall.clone();
        resized.resize(&fewer);
        assert_eq!(resized.note(100, 100, &fewer), None);
        assert!(resized.note(100, -1, &fewer).is_some());
        shortfall.reset();
        for _ in 0..19 {
            assert_eq!(shortfall.note(100, 0, &limits), None);
        }
        assert!(shortfall.note(100, 0, &limits).is_some());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]

        #[test]
        fn the_statement_is_that_of_the_last_twenty(seed: u64) {
            let (mut random, limits) = (Random(seed), Limits::default());
            let mut shortfall = Shortfall::new(&limits);
            let mut trades: Vec<(i128, i128)> = Vec::new();
            for n in 0..10_000 {
                let predicted = i128::from(random.below(1_000_000));
                let trade = (predicted, predicted / 2 + random.signed(200_000));
                trades.push(trade);
                let stated = shortfall.note(trade.0, trade.1, &limits).is_some();
                let newest = &trades[trades.len().saturating_sub(20)..];
                let predicted: i128 = newest.iter().map(|trade| trade.0).sum();
                let realised: i128 = newest.iter().map(|trade| trade.1).sum();
                let expected = newest.len() == 20 && 2 * (predicted - realised) > predicted;
                prop_assert_eq!(stated, expected);
                if n % 1_000 == 0 {
                    shortfall = restored(&shortfall);
                }
            }
        }
    }
}
