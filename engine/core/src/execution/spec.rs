//! How trades are executed, as the operator configured it.

use engine_model::Venue;
use serde::{Deserialize, Serialize};

/// Which leg goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LegOrder {
    /// The leg on a chain; between two of a kind the slower venue's, then the buy.
    DexFirst,
    /// The leg at an exchange; between two of a kind the slower venue's, then the buy.
    CexFirst,
    /// Both at once.
    Simultaneous,
}

/// Whether one opportunity may be traded more than once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Retrade {
    /// One trade in each life of an opportunity.
    Once,
    /// Again as soon as the trade before has ended.
    Again,
}

/// Whether approved trades are carried out at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Venues {
    /// Nothing is traded, not even in simulation: opportunities are only stated.
    None,
    /// Both legs go to the simulated venues.
    Simulated,
}

/// Execution as configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// Where orders go.
    pub venues: Venues,
    /// Which leg goes first.
    pub leg_order: LegOrder,
    /// Whether an opportunity may be traded again.
    pub retrade: Retrade,
    /// From a decision to the venue's book, by venue index. Unit: nanoseconds.
    pub latency_ns: [u64; Venue::ALL.len()],
    /// Slots from the decision to the slot in which a chain leg lands.
    pub landing_slots: u64,
    /// A chain leg that has not landed for so long has expired. Unit: nanoseconds.
    pub landing_timeout_ns: u64,
    /// Seed of the simulated failed landings.
    pub seed: u64,
    /// How far an opening order's limit lies beyond the planned price. Unit: parts per million.
    pub slippage_ppm: u32,
    /// Bound of hedges and unwinds. Unit: parts per million of the market's own price.
    pub unwind_ppm: u32,
    /// The bound after the first has failed, once.
    pub unwind_hard_ppm: u32,
    /// What a trade is taken to lose at worst, besides its fees. Unit: parts per million of its larger
    /// leg.
    pub worst_case_loss_ppm: u32,
    /// The missed leg is tried again for so long before it is unwound. Unit: nanoseconds.
    pub hedge_timeout_ns: u64,
}

impl Spec {
    /// Nothing is traded.
    pub const OFF: Self = Self {
        venues: Venues::None,
        leg_order: LegOrder::DexFirst,
        retrade: Retrade::Once,
        latency_ns: [0; Venue::ALL.len()],
        landing_slots: 2,
        landing_timeout_ns: 60_000_000_000,
        seed: 1,
        slippage_ppm: 500,
        unwind_ppm: 5_000,
        unwind_hard_ppm: 20_000,
        worst_case_loss_ppm: 10_000,
        hedge_timeout_ns: 2_000_000_000,
    };

    /// From a decision to a venue's book. Unit: nanoseconds.
    #[must_use]
    pub const fn latency_of(&self, venue: Venue) -> u64 {
        self.latency_ns[venue as usize]
    }

    /// Whether this attempt of a chain leg fails to land: the same for the same seed, whatever else
    /// happens. `failure_ppm` is its probability in parts per million.
    #[must_use]
    pub const fn fails_to_land(&self, trade: u64, leg: u8, attempt: u8, failure_ppm: u32) -> bool {
        let leg = ((leg as u64) << 8) | attempt as u64;
        let drawn = mixed(mixed(self.seed ^ mixed(trade)) ^ leg);
        // The high half scaled to a million: unbiased to one part in four thousand.
        ((drawn >> 32) * 1_000_000) >> 32 < failure_ppm as u64
    }
}

/// `SplitMix64`'s finaliser.
const fn mixed(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn landings_fail_as_often_as_told_and_by_seed() {
        for (ppm, low, high) in
            [(0, 0, 0), (50_000, 450, 550), (1_000_000, 10_000, 10_000), (500_000, 4_800, 5_200)]
        {
            let failed = (0..10_000).filter(|trade| Spec::OFF.fails_to_land(*trade, 1, 0, ppm));
            let count = failed.count();
            assert!((low..=high).contains(&count), "{ppm} ppm: {count} of 10,000");
        }
        let drawn = |seed, leg, attempt| -> alloc::vec::Vec<bool> {
            let spec = Spec { seed, ..Spec::OFF };
            (0..64).map(|trade| spec.fails_to_land(trade, leg, attempt, 500_000)).collect()
        };
        assert_eq!(drawn(1, 0, 0), drawn(1, 0, 0));
        for other in [drawn(2, 0, 0), drawn(1, 1, 0), drawn(1, 0, 1)] {
            assert_ne!(drawn(1, 0, 0), other);
        }
    }
}
