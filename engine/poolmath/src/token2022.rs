//! Transfer fees of Token-2022 mints.
//!
//! Source: reference page "On-chain venues", section 2.

/// Denominator of a fee in basis points.
const BPS: u128 = 10_000;

/// A mint's transfer fee in one epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TransferFee {
    /// Unit: basis points of the amount sent, at most 10,000.
    pub bps: u16,
    /// Cap. Unit: raw token units.
    pub maximum: u64,
}

impl TransferFee {
    /// No fee.
    pub const NONE: Self = Self { bps: 0, maximum: 0 };

    /// What is withheld from `gross`: `min(⌈gross · bps / 10⁴⌉, maximum)`. Raw units.
    #[inline]
    #[must_use]
    pub fn fee(&self, gross: u64) -> u64 {
        if self.bps == 0 || gross == 0 {
            return 0;
        }
        let fee = (u128::from(gross) * u128::from(self.bps)).div_ceil(BPS);
        u64::try_from(fee).unwrap_or(u64::MAX).min(self.maximum).min(gross)
    }

    /// What arrives of `gross`. Raw units.
    #[inline]
    #[must_use]
    pub fn net(&self, gross: u64) -> u64 {
        gross - self.fee(gross)
    }

    /// The amount to send so that exactly `net` arrives; `None` above `u64` or for a fee rate above
    /// the whole. Raw units, rounded up.
    #[must_use]
    pub fn gross_for_net(&self, net: u64) -> Option<u64> {
        if self.bps == 0 || net == 0 {
            return Some(net);
        }
        let rest = BPS.checked_sub(u128::from(self.bps))?;
        if rest == 0 {
            return net.checked_add(self.maximum);
        }
        let uncapped = (u128::from(net) * BPS).div_ceil(rest);
        // The quotient is at least `net`, since the denominator is at most 10⁴.
        if uncapped - u128::from(net) >= u128::from(self.maximum) {
            return net.checked_add(self.maximum);
        }
        u64::try_from(uncapped).ok()
    }
}

/// The two fees of a mint: a change is announced for a later epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TransferFeeConfig {
    /// Applies before the newer one's epoch.
    pub older: TransferFee,
    /// Applies from its epoch on.
    pub newer: TransferFee,
    /// First epoch of `newer`.
    pub newer_epoch: u64,
}

impl TransferFeeConfig {
    /// The fee in force.
    #[must_use]
    pub const fn at(&self, epoch: u64) -> TransferFee {
        if epoch >= self.newer_epoch { self.newer } else { self.older }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fees_round_up_and_are_capped() {
        // (bps, maximum, gross, fee)
        for (bps, maximum, gross, fee) in [
            (0, 5, 1_000, 0),
            (100, u64::MAX, 0, 0),
            (100, u64::MAX, 1, 1),
            (100, u64::MAX, 100, 1),
            (100, u64::MAX, 101, 2),
            (100, 1, 101, 1),
            (10_000, u64::MAX, 77, 77),
            (10_000, 5, 77, 5),
            (9_999, u64::MAX, u64::MAX, 18_444_899_399_302_180_660),
        ] {
            assert_eq!(TransferFee { bps, maximum }.fee(gross), fee, "{bps} {maximum} {gross}");
        }
    }

    #[test]
    fn gross_amounts() {
        for (bps, maximum, net, gross) in [
            (0, 5, 1_000, Some(1_000)),
            (100, 5, 0, Some(0)),
            (100, u64::MAX, 99, Some(100)),
            (100, u64::MAX, 100, Some(102)),
            (100, 1, 1_000, Some(1_001)),
            (10_000, 5, 7, Some(12)),
            (10_000, u64::MAX, 7, None),
            (5_000, u64::MAX, u64::MAX, None),
        ] {
            assert_eq!(TransferFee { bps, maximum }.gross_for_net(net), gross, "{bps} {net}");
        }
    }

    #[test]
    fn the_newer_fee_starts_with_its_epoch() {
        let older = TransferFee { bps: 1, maximum: 1 };
        let newer = TransferFee { bps: 2, maximum: 2 };
        let config = TransferFeeConfig { older, newer, newer_epoch: 700 };
        assert_eq!(config.at(699), older);
        assert_eq!(config.at(700), newer);
    }

    proptest! {
        #[test]
        fn what_was_grossed_up_arrives(bps in 0_u16..10_000, maximum: u64, net: u64) {
            let fee = TransferFee { bps, maximum };
            if let Some(gross) = fee.gross_for_net(net) {
                prop_assert_eq!(fee.net(gross), net);
                // And nothing less would do.
                prop_assert!(gross == 0 || fee.net(gross - 1) < net);
            }
        }
    }
}
