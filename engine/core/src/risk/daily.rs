//! The day's result: loss limit, warning and fall from the peak.

use serde::{Deserialize, Serialize};

use super::halt::Breach;
use super::limits::Limits;

/// Seconds in a day. Unix time has no leap seconds.
const SECONDS_PER_DAY: u64 = 86_400;

/// Day of a wall-clock time, counted from 1970-01-01 UTC. Rounds down: 00:00:00 begins a day.
#[must_use]
pub const fn day_of(wall_seconds: u64) -> u64 {
    wall_seconds / SECONDS_PER_DAY
}

/// What a note did to the limits. A halt is stated at every note at or beyond its limit, so that a
/// halt set that has lost it learns of it again; the warning is stated once a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DailyVerdict {
    /// R09: the loss reached the warning, for the first time today.
    pub warn: Option<Breach>,
    /// R08: the loss is at or beyond its limit. `observed` is the result, so it is negative.
    pub loss: Option<Breach>,
    /// R12: the fall from the day's peak is at or beyond its limit.
    pub drawdown: Option<Breach>,
}

/// The day's result. Amounts are micros of the numeraire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Daily {
    day: u64,
    realised: i128,
    /// Marked at the side one would have to hit; none while a mark is missing.
    unrealised: Option<i128>,
    /// Highest result of the day, which begins at 0: a first loss is a fall as well.
    peak: i128,
    has_warned: bool,
    /// A sum left the range of its type. What the day's result is, is then unknown.
    has_overflowed: bool,
}

impl Daily {
    /// A day without a result.
    #[must_use]
    pub const fn new(day: u64) -> Self {
        Self {
            day,
            realised: 0,
            unrealised: Some(0),
            peak: 0,
            has_warned: false,
            has_overflowed: false,
        }
    }

    /// The day that is counted.
    #[must_use]
    pub const fn day(&self) -> u64 {
        self.day
    }

    /// Realised net of all fees since the day began.
    #[must_use]
    pub const fn realised(&self) -> i128 {
        self.realised
    }

    /// Realised net plus the unrealised loss; an unrealised gain never offsets. None when a mark is
    /// missing or a sum overflowed.
    #[must_use]
    pub fn result(&self) -> Option<i128> {
        if self.has_overflowed {
            return None;
        }
        self.realised.checked_add(self.unrealised?.min(0))
    }

    /// The day's result if the worst happens to one more trade, for the check that it stays above
    /// `-daily_loss`. A worst case that is no loss counts as zero. None denies.
    #[must_use]
    pub fn projected(&self, worst_case_loss: i128) -> Option<i128> {
        self.result()?.checked_sub(worst_case_loss.max(0))
    }

    /// A trade ended with this net result.
    pub fn note_realised(&mut self, net: i128, limits: &Limits) -> DailyVerdict {
        match self.realised.checked_add(net) {
            Some(sum) => self.realised = sum,
            None => self.has_overflowed = true,
        }
        self.judge(limits)
    }

    /// What is held is worth this much more or less than it cost; none when a mark is missing.
    pub fn note_unrealised(&mut self, unrealised: Option<i128>, limits: &Limits) -> DailyVerdict {
        self.unrealised = unrealised;
        self.judge(limits)
    }

    /// The wall clock shows a day. A later one begins a new count, an earlier one changes nothing.
    /// Latched halts are not reset here or anywhere by the time of day.
    pub fn roll(&mut self, day: u64, limits: &Limits) -> DailyVerdict {
        if day > self.day {
            let unrealised = self.unrealised; // what is still held is as good or bad as before
            *self = Self { unrealised, ..Self::new(day) };
        }
        self.judge(limits)
    }

    /// Compares with the limits. With a mark missing, the loss is judged by what is realised alone:
    /// that much is certain, and no new trade passes [`Self::projected`] meanwhile.
    fn judge(&mut self, limits: &Limits) -> DailyVerdict {
        let loss_at = -limits.daily_loss_usd_micros;
        let known = if self.unrealised.is_some() { self.result() } else { Some(self.realised) };
        let Some(result) = known.filter(|_| !self.has_overflowed) else {
            // A result that cannot be stated is the worst one.
            let observed = i128::MIN;
            let loss = Some(Breach { observed, limit: loss_at });
            return DailyVerdict { loss, ..DailyVerdict::default() };
        };
        self.peak = self.peak.max(result);
        let mut verdict = DailyVerdict::default();
        let warn_at = -limits.daily_loss_warn_usd_micros;
        if result <= warn_at && !self.has_warned {
            self.has_warned = true;
            verdict.warn = Some(Breach { observed: result, limit: warn_at });
        }
        if result <= loss_at {
            verdict.loss = Some(Breach { observed: result, limit: loss_at });
        }
        let fall = self.peak.checked_sub(result).unwrap_or(i128::MAX);
        if fall >= limits.drawdown_usd_micros {
            verdict.drawdown = Some(Breach { observed: fall, limit: limits.drawdown_usd_micros });
        }
        verdict
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::ring::testing::{Random, restored};
    use super::*;

    const USD: i128 = 1_000_000;

    fn daily() -> (Daily, Limits) {
        (Daily::new(19_000), Limits::default())
    }

    #[test]
    fn daily_loss_halts_at_the_limit() {
        for (shows, net, halts) in [
            ("1 micro above", -500 * USD + 1, false),
            ("at the limit", -500 * USD, true),
            ("1 micro below", -500 * USD - 1, true),
            ("lowest", i128::MIN, true),
            ("zero", 0, false),
            ("highest", i128::MAX, false),
        ] {
            let (mut daily, limits) = daily();
            let loss = daily.note_realised(net, &limits).loss;
            let breach = Breach { observed: net, limit: -500 * USD };
            assert_eq!(loss, halts.then_some(breach), "{shows}");
        }
    }

    #[test]
    fn daily_loss_warns_once_at_the_limit() {
        for (net, warns) in [(-400 * USD + 1, false), (-400 * USD, true), (-400 * USD - 1, true)] {
            let (mut daily, limits) = daily();
            assert_eq!(daily.note_realised(net, &limits).warn.is_some(), warns, "{net}");
            assert!(daily.note_realised(0, &limits).warn.is_none(), "once a day");
            daily.note_realised(500 * USD, &limits);
            let again = daily.note_realised(-550 * USD, &limits);
            assert_eq!(again.warn.is_some(), !warns, "once a day, even after a recovery");
            let next_day = daily.day() + 1;
            daily.roll(next_day, &limits);
            assert!(daily.note_realised(-400 * USD, &limits).warn.is_some(), "again tomorrow");
        }
    }

    #[test]
    fn drawdown_halts_at_the_fall_from_the_peak() {
        for (shows, gain, fall, halts) in [
            ("1 micro less", 700 * USD, 300 * USD - 1, false),
            ("at the limit", 700 * USD, 300 * USD, true),
            ("1 micro more", 700 * USD, 300 * USD + 1, true),
            ("from zero", 0, 300 * USD, true),
            ("from zero, 1 micro less", 0, 300 * USD - 1, false),
            ("a first loss counts from zero", -USD, 299 * USD, true),
        ] {
            let (mut daily, limits) = daily();
            daily.note_realised(gain, &limits);
            let drawdown = daily.note_realised(-fall, &limits).drawdown;
            assert_eq!(drawdown.is_some(), halts, "{shows}");
            if gain > 0 {
                let breach = Breach { observed: fall, limit: 300 * USD };
                assert_eq!(drawdown, halts.then_some(breach));
            }
        }
    }

    #[test]
    fn unrealised_gains_never_offset_and_losses_count() {
        let (mut daily, limits) = daily();
        daily.note_realised(-450 * USD, &limits);
        assert!(daily.note_unrealised(Some(900 * USD), &limits).loss.is_none());
        assert_eq!(daily.result(), Some(-450 * USD));
        assert!(daily.note_unrealised(Some(-50 * USD + 1), &limits).loss.is_none());
        assert!(daily.note_unrealised(Some(-50 * USD), &limits).loss.is_some());
        assert!(daily.note_unrealised(Some(i128::MIN), &limits).loss.is_some(), "overflow");
    }

    #[test]
    fn a_missing_mark_denies_and_halts_nothing() {
        let (mut daily, limits) = daily();
        daily.note_realised(-499 * USD, &limits);
        assert_eq!(daily.note_unrealised(None, &limits).loss, None);
        assert_eq!((daily.result(), daily.projected(0)), (None, None));
        assert!(daily.note_realised(-USD, &limits).loss.is_some(), "what is realised counts");
    }

    #[test]
    fn the_projection_takes_the_worst_case_off() {
        let (mut daily, limits) = daily();
        daily.note_realised(-100 * USD, &limits);
        for (worst_case, projected) in [
            (0, Some(-100 * USD)),
            (-5 * USD, Some(-100 * USD)),
            (400 * USD - 1, Some(-500 * USD + 1)),
            (400 * USD, Some(-500 * USD)),
            (i128::MIN, Some(-100 * USD)),
            (i128::MAX, None),
        ] {
            assert_eq!(daily.projected(worst_case), projected, "{worst_case}");
        }
    }

    #[test]
    fn an_overflow_halts() {
        for (first, second) in [(i128::MAX, 1), (i128::MIN, -1)] {
            let (mut daily, limits) = daily();
            daily.note_realised(first, &limits);
            assert!(daily.note_realised(second, &limits).loss.is_some());
            assert_eq!((daily.result(), daily.projected(0)), (None, None));
            assert!(daily.note_realised(0, &limits).loss.is_some(), "it stays unknown");
        }
    }

    #[test]
    fn midnight_resets_the_counter_and_never_runs_back() {
        assert_eq!((day_of(0), day_of(86_399), day_of(86_400)), (0, 0, 1));
        let (mut daily, limits) = daily();
        daily.note_realised(-600 * USD, &limits);
        daily.note_unrealised(Some(-20 * USD), &limits);
        assert!(daily.roll(18_999, &limits).loss.is_some());
        assert!(daily.roll(19_000, &limits).loss.is_some());
        assert_eq!(daily.roll(19_001, &limits), DailyVerdict::default());
        assert_eq!((daily.realised(), daily.result()), (0, Some(-20 * USD)));
        daily.note_unrealised(Some(-500 * USD), &limits);
        assert!(daily.roll(19_002, &limits).loss.is_some(), "what is held is still that bad");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]

        /// Trades stop at the halt and pass the projected check, so the loss never passes the limit
        /// by more than a trade loses beyond its worst case.
        #[test]
        fn the_loss_never_passes_the_limit_by_more_than_the_slack(seed: u64) {
            let (mut random, (mut daily, limits)) = (Random(seed), daily());
            let (worst_case, slack) = (40 * USD, 2 * USD);
            let (mut other, mut peak) = (daily.clone(), 0);
            for n in 0..10_000 {
                let projected = daily.projected(worst_case).expect("is known");
                if projected <= -limits.daily_loss_usd_micros {
                    continue;
                }
                let net = random.signed(42_000_000);
                let net = net.max(-(worst_case + slack));
                let verdict = daily.note_realised(net, &limits);
                prop_assert_eq!(&verdict, &other.note_realised(net, &limits));
                let result = daily.result().expect("is known");
                peak = result.max(peak);
                prop_assert!(result >= -limits.daily_loss_usd_micros - slack);
                prop_assert_eq!(verdict.loss.is_some(), result <= -500 * USD);
                prop_assert_eq!(verdict.drawdown.is_some(), peak - result >= 300 * USD);
                if n % 1_000 == 0 {
                    other = restored(&other);
                }
            }
            prop_assert_eq!(daily, other);
        }
    }
}
