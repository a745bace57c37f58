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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::ring::testing::{Random, restored};
    use super::*;

    const SECOND: u64 = 1_000_000_000;
    const START: u64 = 1_700_000_000 * SECOND;

    #[expect(clippy::unnecessary_wraps, reason = "rows without a price stand beside these")]
    const fn price(num: u128, den: u128) -> Option<Ratio> {
        Some(Ratio { num, den })
    }

    fn name(reading: Reading) -> &'static str {
        match reading {
            Reading::Calm => "calm",
            Reading::Within => "within",
            Reading::Beyond(_) => "beyond",
            Reading::Missing => "missing",
        }
    }

    #[test]
    fn references_more_than_two_percent_apart_are_beyond() {
        let limits = Limits::default();
        let huge = u128::MAX;
        for (shows, a, b, expected) in [
            ("equal", price(7, 3), price(14, 6), "calm"),
            ("1 unit under half", price(1_000_000, 1), price(1_009_999, 1), "calm"),
            ("at half", price(1_000_000, 1), price(1_010_000, 1), "calm"),
            ("1 unit over half", price(1_000_000, 1), price(1_010_001, 1), "within"),
            ("1 unit under", price(1_000_000, 1), price(1_019_999, 1), "within"),
            ("at the limit", price(1_000_000, 1), price(1_020_000, 1), "within"),
            ("1 unit over", price(1_000_000, 1), price(1_020_001, 1), "beyond"),
            ("denominators count", price(1, 1_020_000), price(1, 1_000_000), "within"),
            ("denominators count", price(1, 1_020_001), price(1, 1_000_000), "beyond"),
            ("the widest", price(huge, 1), price(1, huge), "beyond"),
            ("wide and near", price(huge, huge - 1), price(huge - 1, huge), "calm"),
            ("no price", None, price(1, 1), "missing"),
            ("zero", price(0, 1), price(1, 1), "missing"),
            ("both zero", price(0, 1), price(0, 1), "missing"),
            ("no denominator", price(1, 0), price(1, 1), "missing"),
        ] {
            assert_eq!(name(disagreement(a, b, &limits)), expected, "{shows}");
            assert_eq!(name(disagreement(b, a, &limits)), expected, "{shows}, exchanged");
        }
        let observed = disagreement(price(3, 1), price(4, 1), &limits);
        assert_eq!(observed, Reading::Beyond(Breach { observed: 333_334, limit: 20_000 }));
        let widest = disagreement(price(huge, 1), price(1, huge), &limits);
        assert_eq!(widest, Reading::Beyond(Breach { observed: i128::MAX, limit: 20_000 }));
    }

    #[test]
    fn a_currency_outside_its_band_is_beyond() {
        let limits = Limits::default();
        let huge = u128::MAX;
        for (shows, price, expected) in [
            ("one", price(5, 5), "calm"),
            ("under the low edge", price(994_999_999, 1_000_000_000), "beyond"),
            ("low edge", price(995, 1_000), "within"),
            ("over the low edge", price(995_000_001, 1_000_000_000), "within"),
            ("under the low half", price(9_974_999, 10_000_000), "within"),
            ("low half", price(9_975, 10_000), "calm"),
            ("high half", price(10_025, 10_000), "calm"),
            ("over the high half", price(10_025_001, 10_000_000), "within"),
            ("under the high edge", price(1_004_999_999, 1_000_000_000), "within"),
            ("high edge", price(1_005, 1_000), "within"),
            ("over the high edge", price(1_005_000_001, 1_000_000_000), "beyond"),
            ("widest", price(huge, 1), "beyond"),
            ("narrowest", price(1, huge), "beyond"),
            ("wide and near", price(huge, huge - 1), "calm"),
            ("no price", None, "missing"),
            ("zero", price(0, 1), "missing"),
            ("no denominator", price(1, 0), "missing"),
        ] {
            assert_eq!(name(peg(price, &limits)), expected, "{shows}");
        }
        let low = Reading::Beyond(Breach { observed: 994_999, limit: 995_000 });
        assert_eq!(peg(price(9_949_999, 10_000_000), &limits), low);
        let high = Reading::Beyond(Breach { observed: 1_005_001, limit: 1_005_000 });
        assert_eq!(peg(price(10_050_001, 10_000_000), &limits), high);
    }

    #[test]
    fn a_value_trips_once_and_is_calm_from_its_first_calm_reading() {
        let limits = Limits::default();
        let breach = Breach { observed: 3, limit: 2 };
        let beyond = Reading::Beyond(breach);
        let mut values = Hysteresis::new(2);
        for (second, reading, states, calm_since) in [
            (0, Reading::Calm, None, Some(0)),
            (1, beyond, Some(breach), None),
            (2, beyond, None, None),
            (3, Reading::Within, None, None),
            (4, Reading::Calm, None, Some(4)),
            (5, Reading::Calm, None, Some(4)),
            (6, Reading::Missing, None, None),
            (7, Reading::Calm, None, Some(7)),
        ] {
            values = restored(&values);
            let now_ns = START + second * SECOND;
            assert_eq!(values.note(1, reading, now_ns), states, "{second}");
            let calm_since_ns = calm_since.map(|second: u64| START + second * SECOND);
            assert_eq!(values.calm_since_ns(1), calm_since_ns, "{second}");
            assert_eq!(values.is_tripped(1), second >= 1);
            assert!(!values.is_tripped(0));
        }
        assert_eq!(values.resume_at_ns(1, &limits), Some(START + 67 * SECOND));
        assert_eq!(values.resume_at_ns(0, &limits), None);
        values.reset(1);
        assert_eq!(values.resume_at_ns(1, &limits), None);
        assert_eq!(values.note(1, beyond, START), Some(breach));
        // Outside the tables: closed.
        assert!(values.note(2, Reading::Calm, START).is_some());
        assert!(values.is_tripped(2));
        assert_eq!(values.calm_since_ns(usize::MAX), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]

        /// 10,000 readings: the state is that of the readings since the last trip and reset.
        #[test]
        fn a_value_stays_tripped_until_reset(seed: u64) {
            let (mut random, limits) = (Random(seed), Limits::default());
            let mut values = Hysteresis::new(1);
            let (mut is_tripped, mut calm_since_ns) = (false, None);
            for n in 0..10_000_u64 {
                let now_ns = START + n;
                let other = u128::from(1_000_000 + random.below(30_000));
                let reading = disagreement(price(1_000_000, 1), price(other, 1), &limits);
                let stated = values.note(0, reading, now_ns);
                prop_assert_eq!(stated.is_some(), other > 1_020_000 && !is_tripped);
                is_tripped |= other > 1_020_000;
                calm_since_ns =
                    if other <= 1_010_000 { calm_since_ns.or(Some(now_ns)) } else { None };
                if random.below(10) == 0 {
                    values.reset(0);
                    is_tripped = false;
                }
                if n % 1_000 == 0 {
                    values = restored(&values);
                }
                prop_assert_eq!(values.is_tripped(0), is_tripped);
                prop_assert_eq!(values.calm_since_ns(0), calm_since_ns);
            }
        }
    }
}
