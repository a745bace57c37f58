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
