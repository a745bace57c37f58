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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::ring::testing::{Random, restored};
    use super::*;

    #[test]
    fn the_sixth_loss_in_a_row_halts() {
        let limits = Limits::default();
        for (shows, nets, halts) in [
            ("fifth", &[-1, -1, -1, -1, -1][..], false),
            ("sixth", &[-1, -1, -1, -1, -1, -1], true),
            ("seventh", &[-1, -1, -1, -1, -1, -1, -1], true),
            ("zero leaves the streak", &[-1, -1, -1, 0, 0, -1, -1, -1], true),
            ("a zero is no loss", &[-1, -1, -1, -1, -1, 0], false),
            ("a gain clears", &[-1, -1, -1, -1, -1, 1, -1], false),
            ("extremes", &[i128::MIN, i128::MIN, i128::MAX, i128::MIN], false),
        ] {
            let mut streak = Streak::new();
            let last = nets.iter().map(|net| streak.note(*net, &limits)).last().flatten();
            assert_eq!(last.is_some(), halts, "{shows}");
        }
        let mut streak = Streak { loss_count: u32::MAX };
        assert!(streak.note(-1, &limits).is_some(), "the counter stays at its end");
        streak.reset();
        assert_eq!(streak.note(-1, &limits), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]

        #[test]
        fn the_streak_is_the_losses_since_the_last_gain(seed: u64) {
            let (mut random, limits) = (Random(seed), Limits::default());
            let (mut streak, mut since_gain) = (Streak::new(), 0_u32);
            for n in 0..10_000 {
                let net = random.signed(2);
                since_gain = match net { ..0 => since_gain + 1, 0 => since_gain, _ => 0 };
                let expected = Breach { observed: i128::from(since_gain), limit: 5 };
                let breach = (since_gain > 5).then_some(expected);
                prop_assert_eq!(streak.note(net, &limits), breach);
                if n % 1_000 == 0 {
                    streak = restored(&streak);
                }
            }
        }
    }
}
