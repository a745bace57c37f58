//! Our own order prices of the last minute, market by market: what the drift collar looks at.

use alloc::boxed::Box;

use engine_model::MarketId;
use serde::{Deserialize, Serialize};

use super::facts::OwnPrices;
use super::limits::Limits;
use super::ring::{Ring, is_inside};

/// Orders remembered of one market. Trades are limited to 100 in an hour over all pairs; the rest
/// is room for hedges. 128 × 32 bytes is 4 KB a market.
pub const PRICES_MAX: usize = 128;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Priced {
    at_ns: u64,
    price: u128,
}

/// Remembers at which prices we ordered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drift {
    /// By market.
    sent: Box<[Ring<Priced>]>,
}

impl Drift {
    /// No order yet on any of `markets` markets.
    #[must_use]
    pub fn new(markets: usize) -> Self {
        Self { sent: (0..markets).map(|_| Ring::new(PRICES_MAX)).collect() }
    }

    /// Remembers the limit price of an order that was sent, on the scale of the market's other
    /// prices. A market outside the tables is ignored here and never known below.
    pub fn note(&mut self, market: MarketId, price: u128, now_ns: u64) {
        if let Some(sent) = self.sent.get_mut(market.index()) {
            sent.push(Priced { at_ns: now_ns, price });
        }
    }

    /// Lowest and highest price inside the window; an order exactly as old as the window has left
    /// it. None where that cannot be said: the market is outside the tables, or more orders are
    /// inside the window than are remembered.
    #[must_use]
    pub fn own_prices(&self, market: MarketId, now_ns: u64, limits: &Limits) -> Option<OwnPrices> {
        let sent = self.sent.get(market.index())?;
        let is_live = |sent: &Priced| is_inside(limits.drift_window_ns, sent.at_ns, now_ns);
        if sent.is_full() && sent.oldest().as_ref().is_some_and(is_live) {
            return None;
        }
        let live = || sent.iter().filter(is_live).map(|sent| sent.price);
        Some(match (live().min(), live().max()) {
            (Some(low), Some(high)) => OwnPrices::Within { low, high },
            _ => OwnPrices::Never,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE_NS: u64 = 60_000_000_000;
    const MARKET: MarketId = MarketId(1);

    #[test]
    fn own_prices_leave_after_a_minute() {
        let (mut drift, limits) = (Drift::new(2), Limits::default());
        drift.note(MARKET, 105, 1);
        drift.note(MARKET, 95, 3);
        drift.note(MARKET, 100, 5);
        let within = |low, high| Some(OwnPrices::Within { low, high });
        for (now_ns, expected) in [
            (5, within(95, 105)),
            (MINUTE_NS, within(95, 105)),
            (MINUTE_NS + 1, within(95, 100)),
            (MINUTE_NS + 2, within(95, 100)),
            (MINUTE_NS + 3, within(100, 100)),
            (MINUTE_NS + 5, Some(OwnPrices::Never)),
            (u64::MAX, Some(OwnPrices::Never)),
        ] {
            assert_eq!(drift.own_prices(MARKET, now_ns, &limits), expected, "{now_ns}");
        }
        assert_eq!(drift.own_prices(MarketId(0), 5, &limits), Some(OwnPrices::Never));
    }

    #[test]
    fn what_is_not_known_is_not_said() {
        let (mut drift, limits) = (Drift::new(2), Limits::default());
        assert_eq!(drift.own_prices(MarketId(2), 0, &limits), None);
        drift.note(MarketId(2), 1, 0);
        let prices = u64::try_from(PRICES_MAX).expect("a small number");
        for at_ns in 0..prices - 1 {
            drift.note(MARKET, 7, at_ns);
        }
        let within = Some(OwnPrices::Within { low: 7, high: 7 });
        assert_eq!(drift.own_prices(MARKET, prices, &limits), within);
        drift.note(MARKET, 7, prices);
        assert_eq!(drift.own_prices(MARKET, prices, &limits), None);
        assert_eq!(drift.own_prices(MARKET, MINUTE_NS, &limits), within);
    }

    #[test]
    fn a_restored_drift_goes_on_as_the_original() {
        let (mut drift, limits) = (Drift::new(2), Limits::default());
        drift.note(MARKET, 5, 1);
        let bytes = postcard::to_allocvec(&drift).expect("plain data");
        let mut again: Drift = postcard::from_bytes(&bytes).expect("what was written");
        for of in [&mut drift, &mut again] {
            of.note(MARKET, 9, 2);
        }
        assert_eq!(drift, again);
        assert_eq!(
            again.own_prices(MARKET, 2, &limits),
            Some(OwnPrices::Within { low: 5, high: 9 })
        );
    }
}
