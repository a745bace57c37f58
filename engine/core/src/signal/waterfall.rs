//! What a trade of a given size makes, part by part, in whole units that sum exactly.

use engine_model::units::PPM_ONE;
use serde::{Deserialize, Serialize};

use super::leg::{LegError, LegQuote};
use super::pair::PairQuote;
use crate::market::take::Take;
use crate::num::ratio::{Ratio, mul_div_ceil};

/// Net profit in parts. Unit: pair money. `gross` minus every other part is the net, exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Waterfall {
    /// Both curves walked with fees added back, at the middle rate.
    pub gross: i128,
    /// Taker fees of the book legs.
    pub taker_fees: i128,
    /// Fees of the pool legs.
    pub pool_fees: i128,
    /// Base fee and priority fee.
    pub network: i128,
    /// Tips.
    pub tip: i128,
    /// Expected cost of failed landings and broken legs.
    pub expected_failure: i128,
    /// From the middle rate to the side a conversion hits, and declared equivalences.
    pub conversion: i128,
    /// Latency buffer.
    pub latency_buffer: i128,
    /// What rounding each part against us leaves over; may be negative.
    pub rounding: i128,
}

impl Waterfall {
    /// Names and values of the parts in their order, `gross` first.
    #[must_use]
    pub const fn parts(&self) -> [(&'static str, i128); 9] {
        [
            ("gross", self.gross),
            ("taker_fees", self.taker_fees),
            ("pool_fees", self.pool_fees),
            ("network", self.network),
            ("tip", self.tip),
            ("expected_failure", self.expected_failure),
            ("conversion", self.conversion),
            ("latency_buffer", self.latency_buffer),
            ("rounding", self.rounding),
        ]
    }

    /// Every part but the gross, added up.
    #[must_use]
    pub const fn costs(&self) -> i128 {
        self.taker_fees
            + self.pool_fees
            + self.network
            + self.tip
            + self.expected_failure
            + self.conversion
            + self.latency_buffer
            + self.rounding
    }
}

/// A size priced exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Priced {
    /// The buy leg, in its quote units.
    pub buy: LegQuote,
    /// The sell leg, in its quote units.
    pub sell: LegQuote,
    /// The parts of the net.
    pub waterfall: Waterfall,
    /// Net profit. Unit: pair money.
    pub net: i128,
    /// Gross notional of the buy leg. Unit: pair money at the middle rate.
    pub notional: u128,
}

/// Why a size has no price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PricingError {
    /// The buy leg refuses.
    Buy(LegError),
    /// The sell leg refuses.
    Sell(LegError),
    /// A figure above 2¹²⁶.
    Overflow,
}

/// Prices `atoms` (a multiple of the pair's lot) exactly.
///
/// Rounding: every cost up, every yield down.
///
/// # Errors
///
/// [`PricingError`] when a leg cannot trade that much or a figure is out of range.
pub fn price(pair: &PairQuote<'_>, atoms: u128) -> Result<Priced, PricingError> {
    let buy = pair.buy.quote(Take::Buy, atoms).map_err(PricingError::Buy)?;
    let sell = pair.sell.quote(Take::Sell, atoms).map_err(PricingError::Sell)?;
    assemble(pair, buy, sell).ok_or(PricingError::Overflow)
}

/// Figures of one leg in pair money.
struct InMoney {
    gross: u128,
    taker_fee: u128,
    pool_fee: u128,
    /// Paid or received at the side a conversion hits, equivalence included.
    total: u128,
    /// What conversion and equivalence take.
    conversion: i128,
}

fn signed(amount: u128) -> Option<i128> {
    i128::try_from(amount).ok().filter(|amount| *amount < 1 << 126)
}

fn ppm_up(amount: u128, ppm: u64) -> Option<u128> {
    if ppm == 0 { Some(0) } else { mul_div_ceil(amount, u128::from(ppm), u128::from(PPM_ONE)) }
}

fn in_money(leg: &super::leg::Leg<'_>, take: Take, quote: LegQuote) -> Option<InMoney> {
    let (mid, hit) = (leg.conversion.mid, leg.conversion.hit);
    let against_us = |ratio: Ratio, amount| match take {
        Take::Buy => ratio.apply_ceil(amount),
        Take::Sell => ratio.apply_floor(amount),
    };
    let total_hit = against_us(hit, quote.total)?;
    let total_mid = against_us(mid, quote.total)?;
    let equivalence = ppm_up(total_hit, u64::from(leg.equivalence_ppm))?;
    let total = match take {
        Take::Buy => total_hit.checked_add(equivalence)?,
        Take::Sell => total_hit.saturating_sub(equivalence),
    };
    let conversion = match take {
        Take::Buy => signed(total)? - signed(total_mid)?,
        Take::Sell => signed(total_mid)? - signed(total)?,
    };
    Some(InMoney {
        gross: against_us(mid, quote.gross)?,
        taker_fee: mid.apply_ceil(quote.taker_fee)?,
        pool_fee: mid.apply_ceil(quote.pool_fee)?,
        total,
        conversion,
    })
}

fn assemble(pair: &PairQuote<'_>, buy: LegQuote, sell: LegQuote) -> Option<Priced> {
    let paid = in_money(&pair.buy, Take::Buy, buy)?;
    let received = in_money(&pair.sell, Take::Sell, sell)?;
    let terms = &pair.terms;
    let broken_leg = ppm_up(received.total, u64::from(terms.broken_leg_ppm))?;
    let latency_buffer = ppm_up(received.total, u64::from(terms.latency_buffer_ppm))?;
    let mut waterfall = Waterfall {
        gross: signed(received.gross)? - signed(paid.gross)?,
        taker_fees: signed(received.taker_fee)? + signed(paid.taker_fee)?,
        pool_fees: signed(received.pool_fee)? + signed(paid.pool_fee)?,
        network: signed(terms.network)?,
        tip: signed(terms.tip)?,
        expected_failure: signed(terms.failed_landing)? + signed(broken_leg)?,
        conversion: paid.conversion + received.conversion,
        latency_buffer: signed(latency_buffer)?,
        rounding: 0,
    };
    let net = signed(received.total)?
        - signed(paid.total)?
        - waterfall.network
        - waterfall.tip
        - waterfall.expected_failure
        - waterfall.latency_buffer;
    waterfall.rounding = waterfall.gross - waterfall.costs() - net;
    assert_eq!(waterfall.gross - waterfall.costs(), net, "Invariant: the parts sum to the net");
    Some(Priced { buy, sell, waterfall, net, notional: paid.gross })
}
