//! Those who swap with the pool: passers-by, arbitrageurs, and now and then a whale.

use solana_pubkey::Pubkey;

use super::locked;
use super::quoter::shifted;
use crate::chain::{BaseSide, SharedLedger};
use crate::market::Rng;

/// Arbitrageurs act beyond this distance from the hidden price and come back to it: the pool's fee of
/// 0.3 % and a little. Unit: ppm.
const BAND_PPM: i64 = 3_200;

/// A gap of this much more is worth a race: somebody closes it in the next slot. Unit: ppm.
const RACE_PPM: i64 = 3_000;

/// More than anybody holds. Unit: e8 of the base.
const DEEP_E8: u64 = 1_000_000_000_000_000;

/// A thousandth of a coin. Unit: e8.
const MILLI_E8: u64 = 100_000;

/// Everybody at the pool.
#[derive(Debug)]
pub(super) struct Swappers {
    ledger: SharedLedger,
    pool: Pubkey,
    rng: Rng,
    /// A whale comes with the next slot: how far it takes the price from the hidden one. Unit: ppm.
    pub(super) whale_ppm: Option<i64>,
}

impl Swappers {
    /// Swappers of the ledger's first pool; none where it has no pool.
    pub(super) fn new(ledger: &SharedLedger, rng: Rng) -> Option<Self> {
        let pool = *locked(ledger).pools().first()?;
        Some(Self { ledger: ledger.clone(), pool, rng, whale_ppm: None })
    }

    /// The pool's price in the newest block. Unit: e8 of its quote.
    pub(super) fn price_e8(&self) -> u64 {
        locked(&self.ledger).price_e8(&self.pool)
    }

    /// What they want of the slot that is about to end, given the hidden price in the pool's quote.
    pub(super) fn act(&mut self, fair_e8: u64) {
        let mut ledger = locked(&self.ledger);
        // Drawn first, so that the luck of a slot does not depend on the price.
        let passes = self.rng.chance(250).then(|| {
            let side = if self.rng.chance(500) { BaseSide::Buy } else { BaseSide::Sell };
            (side, self.rng.between(100, 30_000))
        });
        let sleeps = self.rng.chance(300);
        let share_ppm = self.rng.between(600_000, 950_000);
        if let Some((side, milli)) = passes {
            ledger.market_swap(&self.pool, side, milli * MILLI_E8);
        }
        if let Some(ppm) = self.whale_ppm.take() {
            let side = if ppm > 0 { BaseSide::Buy } else { BaseSide::Sell };
            ledger.market_swap_to(&self.pool, side, DEEP_E8, shifted(fair_e8, ppm));
            return;
        }
        let price = ledger.price_e8(&self.pool);
        let (low, high) = (shifted(fair_e8, -BAND_PPM), shifted(fair_e8, BAND_PPM));
        let (side, edge) = match price {
            price if price > high => (BaseSide::Sell, high),
            price if price < low => (BaseSide::Buy, low),
            _ => return,
        };
        let is_race = price > shifted(high, RACE_PPM) || price < shifted(low, -RACE_PPM);
        if sleeps && !is_race {
            return;
        }
        let share = if is_race { 1_000_000 } else { share_ppm };
        let gap = u128::from(price.abs_diff(edge)) * u128::from(share) / 1_000_000;
        let gap = u64::try_from(gap).unwrap_or(0);
        let target = match side {
            BaseSide::Buy => price + gap,
            BaseSide::Sell => price - gap,
        };
        ledger.market_swap_to(&self.pool, side, DEEP_E8, target);
    }
}
