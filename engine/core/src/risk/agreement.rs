//! Whether prices can be believed: references against each other (R25), and settlement currencies
//! against the numeraire (R26).
//!
//! Both are watched with hysteresis: a value beyond its threshold trips, and only one that has been
//! inside half the threshold for long enough lets the halt end. Comparisons are of products, so
//! nothing is rounded.

use alloc::boxed::Box;
use alloc::vec;

use engine_model::units::PPM_ONE;
use ruint::Uint;
use serde::{Deserialize, Serialize};

use super::halt::Breach;
use super::limits::Limits;
use crate::num::ratio::Ratio;

/// Holds a product of two 128-bit numbers and a share of up to 64 bits without overflow.
type Wide = Uint<320, 5>;

/// Where a value lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Inside half the threshold, its edge included.
    Calm,
    /// Inside the threshold, its edge included.
    Within,
    /// Beyond it.
    Beyond(Breach),
    /// A price is missing or zero, which is no price: no halt is made of it and none ends by it.
    /// Trades that need it are refused elsewhere.
    Missing,
}

/// How far two prices of one asset are apart, measured on the lower one, which makes the larger
/// share. The observed share is rounded up, for display.
#[must_use]
pub fn disagreement(a: Option<Ratio>, b: Option<Ratio>, limits: &Limits) -> Reading {
    let (Some(a), Some(b)) = (known(a), known(b)) else { return Reading::Missing };
    let (left, right) = (product(a.num, b.den), product(b.num, a.den));
    let (low, high) = (left.min(right), left.max(right));
    let limit_ppm = limits.reference_disagreement_ppm_max;
    // (high - low) / low against ppm / 10⁶, and twice that against half of it.
    let apart = (high - low) * Wide::from(PPM_ONE);
    let allowed = low * Wide::from(limit_ppm);
    if apart > allowed {
        let observed = shown(apart.div_ceil(low));
        return Reading::Beyond(Breach { observed, limit: i128::from(limit_ppm) });
    }
    if apart * Wide::from(2) <= allowed { Reading::Calm } else { Reading::Within }
}

/// How far a settlement currency is from one unit of the numeraire. The observed price in parts per
/// million is rounded away from one, for display.
#[must_use]
pub fn peg(price: Option<Ratio>, limits: &Limits) -> Reading {
    let Some(price) = known(price) else { return Reading::Missing };
    let one = u128::from(PPM_ONE);
    let (low, high) = (limits.quote_currency_ppm_min, limits.quote_currency_ppm_max);
    // price against edge / 10⁶; the half-way edges are (edge + 10⁶) / 2, so both sides double.
    let scaled = product(price.num, one);
    let at = |ppm: u128| product(price.den, ppm);
    if scaled < at(low.into()) {
        let observed = shown(scaled / Wide::from(price.den));
        return Reading::Beyond(Breach { observed, limit: i128::from(low) });
    }
    if scaled > at(high.into()) {
        let observed = shown(scaled.div_ceil(Wide::from(price.den)));
        return Reading::Beyond(Breach { observed, limit: i128::from(high) });
    }
    let doubled = scaled * Wide::from(2);
    let is_calm = doubled >= at(u128::from(low) + one) && doubled <= at(u128::from(high) + one);
    if is_calm { Reading::Calm } else { Reading::Within }
}

fn known(price: Option<Ratio>) -> Option<Ratio> {
    price.filter(|price| price.num > 0 && price.den > 0)
}

fn product(a: u128, b: u128) -> Wide {
    Wide::from(a) * Wide::from(b)
}

fn shown(value: Wide) -> i128 {
    i128::try_from(value).unwrap_or(i128::MAX)
}

/// One watched value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Watched {
    is_tripped: bool,
    calm_since_ns: Option<u64>,
}

/// Remembers, for each of a fixed number of values, whether it has tripped and since when it is
/// calm. One for the references, by pair: 4,096 × 24 bytes is 98 KB; one for the pegs, by asset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hysteresis {
    values: Box<[Watched]>,
}

impl Hysteresis {
    /// Nothing tripped.
    #[must_use]
    pub fn new(value_count: usize) -> Self {
        Self { values: vec![Watched::default(); value_count].into_boxed_slice() }
    }

    /// A value was read. States the breach when it trips, once: it is tripped until
    /// [`Self::reset`]. An index outside the tables reads as beyond every time.
    pub fn note(&mut self, index: usize, reading: Reading, now_ns: u64) -> Option<Breach> {
        let Some(value) = self.values.get_mut(index) else {
            return Some(Breach { observed: i128::MAX, limit: 0 });
        };
        value.calm_since_ns = match reading {
            Reading::Calm => value.calm_since_ns.or(Some(now_ns)),
            Reading::Within | Reading::Beyond(_) | Reading::Missing => None,
        };
        match reading {
            Reading::Beyond(breach) if !value.is_tripped => {
                value.is_tripped = true;
                Some(breach)
            }
            Reading::Calm | Reading::Within | Reading::Beyond(_) | Reading::Missing => None,
        }
    }

    /// Whether a value has tripped and its halt has not ended.
    #[must_use]
    pub fn is_tripped(&self, index: usize) -> bool {
        self.values.get(index).is_none_or(|value| value.is_tripped)
    }

    /// Since when a value is calm without a break; none while it is not.
    #[must_use]
    pub fn calm_since_ns(&self, index: usize) -> Option<u64> {
        self.values.get(index)?.calm_since_ns
    }

    /// When a tripped value will have been calm for long enough, if it stays so.
    #[must_use]
    pub fn resume_at_ns(&self, index: usize, limits: &Limits) -> Option<u64> {
        let value = self.values.get(index).filter(|value| value.is_tripped)?;
        Some(value.calm_since_ns?.saturating_add(limits.agreement_resume_ns))
    }

    /// The halt of a value has ended: it may trip again.
    pub fn reset(&mut self, index: usize) {
        if let Some(value) = self.values.get_mut(index) {
            value.is_tripped = false;
        }
    }
}
