//! The fee that follows volatility, one tick group at a time.
//!
//! Source: reference page "On-chain venues", 3.5.

use crate::wide::mul_u128;

use super::{
    AdaptiveConstants, AdaptiveVariables, Direction, MAX_SQRT_PRICE, MAX_TICK, MIN_TICK, Oracle,
    SwapError, sqrt_price_at_tick, tick_at_sqrt_price,
};

/// Highest fee rate of an adaptive pool. Unit: parts per million.
pub const FEE_RATE_MAX_PPM: u32 = 100_000;

/// After so long the references are forgotten whatever happened. Unit: seconds.
const REFERENCE_AGE_MAX_S: u64 = 3_600;
/// One tick group in the accumulator's unit, and the denominator of the reduction factor.
const GROUP_UNITS: u32 = 10_000;
/// `10⁵ · GROUP_UNITS²`: denominator of the fee formula.
const FEE_SCALE: u128 = 100_000 * (GROUP_UNITS as u128) * (GROUP_UNITS as u128);

/// The fee of a swap in progress.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fee {
    Static { rate_ppm: u32 },
    Adaptive(AdaptiveFee),
}

/// Where the next step may go and what it pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Aim {
    pub(super) target: u128,
    pub(super) fee_rate_ppm: u32,
    /// Whether group edges are ignored.
    skips_groups: bool,
}

impl Fee {
    pub(super) fn aim(&mut self, target: u128, liquidity: u128, direction: Direction) -> Aim {
        match self {
            Self::Static { rate_ppm } => {
                Aim { target, fee_rate_ppm: *rate_ppm, skips_groups: false }
            }
            Self::Adaptive(fee) => fee.aim(target, liquidity, direction),
        }
    }

    /// Takes note of a step. `tick_reached` is the next tick where its price was reached.
    pub(super) fn settle(
        &mut self,
        aim: &Aim,
        sqrt_price: u128,
        tick_reached: Option<i32>,
        direction: Direction,
    ) {
        match self {
            Self::Static { .. } => {}
            Self::Adaptive(fee) => fee.settle(aim, sqrt_price, tick_reached, direction),
        }
    }

    /// Oracle variables after the swap moved the price between these two.
    pub(super) fn finish(&self, before: u128, after: u128) -> Option<AdaptiveVariables> {
        match self {
            Self::Static { .. } => None,
            Self::Adaptive(fee) => Some(fee.finish(before, after)),
        }
    }
}

/// State of an adaptive fee during one swap.
#[derive(Clone, Copy, Debug)]
pub(super) struct AdaptiveFee {
    constants: AdaptiveConstants,
    variables: AdaptiveVariables,
    base_rate_ppm: u32,
    now_s: u64,
    /// Tick group of the next step.
    group: i32,
    /// Groups in which the fee still varies, both ends included; outside it is at its cap.
    core_low: i64,
    core_high: i64,
}

impl AdaptiveFee {
    /// Brings the references up to date; errors where time runs backwards.
    pub(super) fn begin(
        oracle: &Oracle,
        base_rate_ppm: u16,
        tick_current_index: i32,
        now_s: u64,
    ) -> Result<Self, SwapError> {
        let constants = oracle.constants;
        let mut variables = oracle.variables;
        let group = tick_current_index.div_euclid(i32::from(constants.tick_group_size));
        refresh_references(&constants, &mut variables, group, now_s)?;
        let room =
            constants.max_volatility_accumulator.saturating_sub(variables.volatility_reference);
        let reach = i64::from(room.div_ceil(GROUP_UNITS));
        let centre = i64::from(variables.tick_group_index_reference);
        Ok(Self {
            constants,
            variables,
            base_rate_ppm: u32::from(base_rate_ppm),
            now_s,
            group,
            core_low: centre - reach,
            core_high: centre + reach,
        })
    }

    fn update_accumulator(&mut self) {
        let reference = i64::from(self.variables.tick_group_index_reference);
        let distance = reference.abs_diff(i64::from(self.group));
        let units = u64::from(self.variables.volatility_reference)
            .saturating_add(distance.saturating_mul(u64::from(GROUP_UNITS)))
            .min(u64::from(self.constants.max_volatility_accumulator));
        self.variables.volatility_accumulator = u32::try_from(units).unwrap_or(u32::MAX);
    }

    /// `min(base + ⌈control · (accumulator · group size)² / (10⁵ · 10⁸)⌉, 10 %)`.
    fn rate_ppm(&self) -> u32 {
        // (2³² · 2¹⁶)² · 2³² is 2¹²⁸, and every factor is below its power of two.
        let crossed = u128::from(self.variables.volatility_accumulator)
            * u128::from(self.constants.tick_group_size);
        let weighted = u128::from(self.constants.adaptive_fee_control_factor) * (crossed * crossed);
        let adaptive = weighted.div_ceil(FEE_SCALE).min(u128::from(FEE_RATE_MAX_PPM));
        let adaptive = u32::try_from(adaptive).unwrap_or(FEE_RATE_MAX_PPM);
        (self.base_rate_ppm + adaptive).min(FEE_RATE_MAX_PPM)
    }

    fn aim(&mut self, target: u128, liquidity: u128, direction: Direction) -> Aim {
        self.update_accumulator();
        let fee_rate_ppm = self.rate_ppm();
        let group = i64::from(self.group);
        let outside = group < self.core_low || group > self.core_high;
        // Without liquidity or without a volatile part one step does for all groups.
        let uniform = liquidity == 0 || self.constants.adaptive_fee_control_factor == 0;
        let edge = match (uniform, outside) {
            (true, _) => None,
            (false, true) => self.core_edge_ahead(direction),
            (false, false) => Some(self.edge_price(match direction {
                Direction::AToB => group,
                Direction::BToA => group + 1,
            })),
        };
        let skips_groups = uniform || outside;
        let target = edge.map_or(target, |edge| direction.nearer(target, edge));
        Aim { target, fee_rate_ppm, skips_groups }
    }

    /// Price of the core's edge where the swap moves towards the core from outside; `None` where it
    /// moves away, or where the edge lies beyond the global bounds.
    fn core_edge_ahead(&self, direction: Direction) -> Option<u128> {
        let group = i64::from(self.group);
        let edge_group = match direction {
            Direction::BToA if group < self.core_low => self.core_low,
            Direction::AToB if group > self.core_high => self.core_high + 1,
            Direction::AToB | Direction::BToA => return None,
        };
        let tick = i32::try_from(edge_group * i64::from(self.constants.tick_group_size)).ok()?;
        (MIN_TICK..=MAX_TICK).contains(&tick).then(|| sqrt_price_at_tick(tick))
    }

    /// Price of a group's first tick, clamped to the global bounds.
    fn edge_price(&self, group: i64) -> u128 {
        let tick = group * i64::from(self.constants.tick_group_size);
        let tick = tick.clamp(i64::from(MIN_TICK), i64::from(MAX_TICK));
        // Clamped to i32 bounds a line above.
        i32::try_from(tick).map_or(MAX_SQRT_PRICE, sqrt_price_at_tick)
    }

    fn settle(
        &mut self,
        aim: &Aim,
        sqrt_price: u128,
        tick_reached: Option<i32>,
        direction: Direction,
    ) {
        if aim.skips_groups {
            let tick = tick_reached.unwrap_or_else(|| tick_at_sqrt_price(sqrt_price));
            let size = i32::from(self.constants.tick_group_size);
            let on_edge = tick % size == 0 && sqrt_price_at_tick(tick) == sqrt_price;
            let last = match direction {
                // Exactly on an edge, the group traversed last is the one below it.
                Direction::BToA if on_edge => tick / size - 1,
                Direction::AToB | Direction::BToA => tick.div_euclid(size),
            };
            let further = match direction {
                Direction::AToB => last < self.group,
                Direction::BToA => last > self.group,
            };
            if further {
                self.group = last;
                self.update_accumulator();
            }
        }
        self.group += match direction {
            Direction::AToB => -1,
            Direction::BToA => 1,
        };
    }

    fn finish(&self, before: u128, after: u128) -> AdaptiveVariables {
        let mut variables = self.variables;
        let threshold = i32::from(self.constants.major_swap_threshold_ticks);
        let (low, high) = (before.min(after), before.max(after));
        // ⌊low · price(threshold) / 2⁶⁴⌋; both factors are below 2⁹⁷, so three limbs hold it.
        let product = mul_u128(low, sqrt_price_at_tick(threshold));
        if from_limbs_above_64(product) <= high {
            variables.last_major_swap_timestamp = self.now_s;
        }
        variables
    }
}

/// `⌊product / 2⁶⁴⌋` of a product below 2¹⁹².
fn from_limbs_above_64(product: crate::wide::U256) -> u128 {
    let limbs = product.as_limbs();
    if limbs[3] != 0 {
        return u128::MAX;
    }
    u128::from(limbs[2]) << 64 | u128::from(limbs[1])
}

fn refresh_references(
    constants: &AdaptiveConstants,
    variables: &mut AdaptiveVariables,
    group: i32,
    now_s: u64,
) -> Result<(), SwapError> {
    let last = variables.last_reference_update_timestamp.max(variables.last_major_swap_timestamp);
    let elapsed_s = now_s.checked_sub(last).ok_or(SwapError::InvalidTimestamp)?;
    // Not below zero: `last` is the later of the two times.
    let reference_age_s = now_s - variables.last_reference_update_timestamp;
    let reference = if reference_age_s > REFERENCE_AGE_MAX_S {
        0
    } else if elapsed_s < u64::from(constants.filter_period) {
        return Ok(());
    } else if elapsed_s < u64::from(constants.decay_period) {
        // Rounded down.
        u64::from(variables.volatility_accumulator) * u64::from(constants.reduction_factor)
            / u64::from(GROUP_UNITS)
    } else {
        0
    };
    variables.volatility_reference = u32::try_from(reference).unwrap_or(u32::MAX);
    variables.tick_group_index_reference = group;
    variables.last_reference_update_timestamp = now_s;
    Ok(())
}
