//! What is held and what is held by halves: positions (R10) and unhedged legs (R27).

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use engine_model::AssetId;
use serde::{Deserialize, Serialize};

use super::halt::Breach;
use super::limits::Limits;
use crate::num::ratio::{Ratio, mul_div_ceil};

/// Trades with an unhedged part at one time. Two are allowed in flight; handed-over ones stay until
/// a person has settled them. 32 × 48 bytes is 1.5 KB.
pub const UNHEDGED_MAX: usize = 32;

/// Worst case of open, unknown and in-flight orders of one asset. Unit: 10⁻¹⁸ of a whole unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reserve {
    /// What would be added if every purchase filled and no sale did.
    pub buys_e18: u128,
    /// What would be taken if every sale filled and no purchase did.
    pub sells_e18: u128,
}

/// Holdings of every canonical asset over all venues, less the configured base inventory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Positions {
    /// By asset index. Unit: 10⁻¹⁸ of a whole unit; none after an overflow.
    positions: Box<[Option<i128>]>,
}

impl Positions {
    /// Every position zero: the holdings are the base inventory.
    #[must_use]
    pub fn new(asset_count: usize) -> Self {
        Self { positions: vec![Some(0); asset_count].into_boxed_slice() }
    }

    /// Position of an asset, negative when short. None for an asset outside the tables and after an
    /// overflow: not known.
    #[must_use]
    pub fn position_e18(&self, asset: AssetId) -> Option<i128> {
        self.positions.get(asset.index()).copied().flatten()
    }

    /// States a position: at the start, and after a reconciliation.
    pub fn set(&mut self, asset: AssetId, position_e18: i128) {
        if let Some(position) = self.positions.get_mut(asset.index()) {
            *position = Some(position_e18);
        }
    }

    /// A fill changed the holdings. An overflow makes the position unknown until [`Self::set`].
    pub fn note_fill(&mut self, asset: AssetId, change_e18: i128) {
        if let Some(position) = self.positions.get_mut(asset.index()) {
            *position = position.and_then(|held| held.checked_add(change_e18));
        }
    }

    /// Largest absolute position if any part of the reserve and of this order fills. A purchase
    /// has a positive `order_e18`. None when the position is not known or a sum overflows.
    #[must_use]
    pub fn worst_case_e18(
        &self,
        asset: AssetId,
        reserve: Reserve,
        order_e18: i128,
    ) -> Option<u128> {
        let position = self.position_e18(asset)?;
        let buys = i128::try_from(reserve.buys_e18).ok()?.checked_add(order_e18.max(0))?;
        let sells = i128::try_from(reserve.sells_e18).ok()?.checked_sub(order_e18.min(0))?;
        let longest = position.checked_add(buys)?.unsigned_abs();
        let shortest = position.checked_sub(sells)?.unsigned_abs();
        Some(longest.max(shortest))
    }

    /// R10 on what is observed: a position above the limit asks for a reduction.
    ///
    /// A flat position needs no mark. One that is not flat and cannot be valued is above any limit.
    #[must_use]
    pub fn breach(&self, asset: AssetId, marks: &[Ratio], limits: &Limits) -> Option<Breach> {
        let limit = limits.position_usd_micros_max;
        let unknown = Breach { observed: i128::MAX, limit };
        let Some(position) = self.position_e18(asset) else { return Some(unknown) };
        if position == 0 {
            return None;
        }
        let value = value_usd_micros(position.unsigned_abs(), marks);
        let observed = value.and_then(|value| i128::try_from(value).ok());
        let observed = observed.unwrap_or(i128::MAX);
        (observed > limit).then_some(Breach { observed, limit })
    }
}

/// Value of an absolute amount at the worst of the marks given: the highest, for long and short.
/// Rounds up. Unit: micros of the numeraire; a mark is micros per 10⁻¹⁸ of a whole unit.
///
/// None without a mark, at a mark of zero or without a denominator, and on overflow.
#[must_use]
pub fn value_usd_micros(amount_e18: u128, marks: &[Ratio]) -> Option<u128> {
    let mut worst = None;
    for mark in marks {
        if mark.num == 0 || mark.den == 0 {
            return None;
        }
        worst = worst.max(Some(mul_div_ceil(amount_e18, mark.num, mark.den)?));
    }
    worst
}

/// One trade's unhedged part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Open {
    trade: u64,
    since_ns: u64,
    /// Unit: micros of the numeraire; above zero.
    notional_usd_micros: u128,
}

/// What the unhedged legs call for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnhedgedLevel {
    /// Nothing is unhedged.
    Flat,
    /// Something is, within the limits.
    Within,
    /// The sum of notionals is above its limit: reduce and hedge. Unit: micros of the numeraire.
    TooLarge(Breach),
    /// The oldest is above its age: reduce and hedge. Unit: nanoseconds.
    TooOld(Breach),
    /// The oldest should have been flat by now: halt. Unit: nanoseconds.
    NotFlat(Breach),
}

/// Unhedged legs by trade. The capacity is reserved on restoring as in [`Unhedged::new`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "UnhedgedParts")]
pub struct Unhedged {
    /// In the order in which they began; at most [`UNHEDGED_MAX`].
    open: Vec<Open>,
    /// Trades that found no room; while there is one, everything is too large.
    lost_count: u32,
}

/// What unhedged legs are read back from.
#[derive(Deserialize)]
struct UnhedgedParts {
    open: Vec<Open>,
    lost_count: u32,
}

impl From<UnhedgedParts> for Unhedged {
    fn from(parts: UnhedgedParts) -> Self {
        let mut unhedged = Self { lost_count: parts.lost_count, ..Self::new() };
        for open in parts.open {
            unhedged.begin(open);
        }
        unhedged
    }
}

impl Default for Unhedged {
    fn default() -> Self {
        Self::new()
    }
}

impl Unhedged {
    /// Everything hedged.
    #[must_use]
    pub fn new() -> Self {
        Self { open: Vec::with_capacity(UNHEDGED_MAX), lost_count: 0 }
    }

    /// The notional of a trade that is filled on one side only is now this; zero ends it. Its age
    /// counts from when it last was zero.
    pub fn note(&mut self, trade: u64, notional_usd_micros: u128, now_ns: u64) {
        match self.open.iter().position(|open| open.trade == trade) {
            Some(index) if notional_usd_micros == 0 => {
                self.open.remove(index);
            }
            Some(index) => self.open[index].notional_usd_micros = notional_usd_micros,
            None if notional_usd_micros == 0 => (),
            None => self.begin(Open { trade, since_ns: now_ns, notional_usd_micros }),
        }
    }

    /// A person has settled every trade but these, and what found no room.
    pub fn forget_all_but(&mut self, is_running: impl Fn(u64) -> bool) {
        self.lost_count = 0;
        self.open.retain(|open| is_running(open.trade));
    }

    /// What the legs call for now; the worst comes first.
    #[must_use]
    pub fn level(&self, now_ns: u64, limits: &Limits) -> UnhedgedLevel {
        let oldest_ns = self.open.iter().map(|open| open.since_ns).min();
        let age_ns = oldest_ns.map_or(0, |since_ns| now_ns.saturating_sub(since_ns));
        let age =
            |limit_ns: u64| Breach { observed: i128::from(age_ns), limit: i128::from(limit_ns) };
        if age_ns > limits.unhedged_halt_age_ns {
            return UnhedgedLevel::NotFlat(age(limits.unhedged_halt_age_ns));
        }
        let limit = limits.unhedged_usd_micros_max;
        let observed = self.notional_usd_micros();
        if observed.is_none_or(|sum| sum > limit) {
            return UnhedgedLevel::TooLarge(Breach {
                observed: observed.unwrap_or(i128::MAX),
                limit,
            });
        }
        if age_ns > limits.unhedged_age_ns_max {
            return UnhedgedLevel::TooOld(age(limits.unhedged_age_ns_max));
        }
        if self.open.is_empty() { UnhedgedLevel::Flat } else { UnhedgedLevel::Within }
    }

    /// Sum of the notionals; none when it is not known.
    #[must_use]
    pub fn notional_usd_micros(&self) -> Option<i128> {
        let mut sum = 0_u128;
        for open in &self.open {
            sum = sum.checked_add(open.notional_usd_micros)?;
        }
        i128::try_from(sum).ok().filter(|_| self.lost_count == 0)
    }

    /// Next time at which age alone changes the level: one nanosecond above a limit.
    #[must_use]
    pub fn next_deadline_ns(&self, now_ns: u64, limits: &Limits) -> Option<u64> {
        let since_ns = self.open.iter().map(|open| open.since_ns).min()?;
        let limits_ns = [limits.unhedged_age_ns_max, limits.unhedged_halt_age_ns];
        let deadlines = limits_ns.map(|ns| since_ns.saturating_add(ns).saturating_add(1));
        deadlines.into_iter().filter(|deadline_ns| *deadline_ns > now_ns).min()
    }

    fn begin(&mut self, open: Open) {
        if self.open.len() < UNHEDGED_MAX {
            self.open.push(open);
        } else {
            self.lost_count = self.lost_count.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests;
