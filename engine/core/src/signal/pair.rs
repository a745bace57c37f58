//! One pair at one moment: two legs, the costs besides theirs, and the limits of the size.

use super::leg::Leg;

/// Limits that the size is chosen within. Given as inputs; risk checks the result again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// Position room, order quantity and inventory of the sold base, whichever is least. Unit:
    /// atoms.
    pub base_atoms: u128,
    /// What the buying venue's balance can pay, fees included. Unit: quote units of the buy leg.
    pub buy_total: u128,
    /// Highest notional of the buy leg. Unit: quote units of the buy leg.
    pub buy_notional: u128,
    /// Highest notional of the sell leg. Unit: quote units of the sell leg.
    pub sell_notional: u128,
}

impl Caps {
    /// No limit but the depth of both legs.
    pub const NONE: Self = Self {
        base_atoms: u128::MAX,
        buy_total: u128::MAX,
        buy_notional: u128::MAX,
        sell_notional: u128::MAX,
    };
}

/// A pair at one moment: everything that sizing looks at.
#[derive(Clone, Copy, Debug)]
pub struct PairQuote<'a> {
    /// Where base is bought.
    pub buy: Leg<'a>,
    /// Where base is sold.
    pub sell: Leg<'a>,
    /// Smallest tradable step of the pair. Unit: atoms; a multiple of both legs' steps.
    pub lot_atoms: u128,
    /// Costs of the pair besides the legs' own.
    pub terms: Terms,
    /// Limits.
    pub caps: Caps,
}

/// Costs of a pair besides those of its legs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Base fee and priority fee of the pair's chain legs. Unit: pair money, rounded up.
    pub network: u128,
    /// Tips of the chain legs. Unit: pair money, rounded up.
    pub tip: u128,
    /// Expected cost of chain legs that fail and still pay base and priority fee. Unit: pair
    /// money, rounded up.
    pub failed_landing: u128,
    /// Expected cost of a missed second leg: probability × cost of unwinding. Unit: parts per
    /// million of what the sell leg yields.
    pub broken_leg_ppm: u32,
    /// Taken off for the price moving before the orders arrive. Unit: parts per million of what
    /// the sell leg yields.
    pub latency_buffer_ppm: u32,
}

impl Terms {
    /// The part that does not depend on the size. Unit: pair money.
    #[must_use]
    pub fn idle_cost(&self) -> i128 {
        let sum = self.network.saturating_add(self.tip).saturating_add(self.failed_landing);
        i128::try_from(sum).unwrap_or(i128::MAX)
    }

    /// The part that grows with the size, in parts per million of what the sell leg yields.
    #[must_use]
    pub const fn proportional_ppm(&self) -> u64 {
        self.broken_leg_ppm as u64 + self.latency_buffer_ppm as u64
    }
}
