//! What one asset is worth in another, at the side we would hit.

use engine_model::units::PPM_ONE;
use engine_model::{AssetId, Side};

use super::book::Book;
use super::take::Take;
use crate::num::ratio::Ratio;
use crate::tables::{MarketKind, RateSpec, Tables};

/// What one quote unit of a leg is worth in pair money.
#[derive(Clone, Copy, Debug)]
pub struct Conversion {
    /// At the middle of the rate's book: what gross profit is stated at.
    pub mid: Ratio,
    /// At the side that a conversion would hit, taker fee of that book included.
    pub hit: Ratio,
}

impl Conversion {
    /// The leg settles in the asset the pair accounts in.
    pub const NONE: Self = Self { mid: Ratio::ONE, hit: Ratio::ONE };
}

/// Best prices of a rate's book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touch {
    /// Unit: ticks.
    pub bid_ticks: u64,
    /// Unit: ticks.
    pub ask_ticks: u64,
}

impl Touch {
    /// Of a book; none when a side is empty.
    #[must_use]
    pub fn of(book: &Book) -> Option<Self> {
        let bid_ticks = book.best(Side::Bid)?.price_ticks;
        let ask_ticks = book.best(Side::Ask)?.price_ticks;
        Some(Self { bid_ticks, ask_ticks })
    }
}

/// The direction in which a rate answers a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quoted {
    /// The book's base is the asset converted.
    Direct,
    /// The book's quote is.
    Inverse,
}

/// The rate between two assets and how it is quoted, when one is configured.
#[must_use]
pub fn find(tables: &Tables, from: AssetId, to: AssetId) -> Option<(RateSpec, Quoted)> {
    let direct = |rate: &&RateSpec| rate.from == from && rate.to == to;
    let inverse = |rate: &&RateSpec| rate.from == to && rate.to == from;
    let rates = &tables.rates;
    rates
        .iter()
        .find(direct)
        .map(|rate| (*rate, Quoted::Direct))
        .or_else(|| rates.iter().find(inverse).map(|rate| (*rate, Quoted::Inverse)))
}

/// Units of `to` for one unit of `from`: a buy leg must acquire `from`, a sell leg disposes of it.
///
/// The taker fee of the rate's book is part of the hit side. None when a figure is out of range.
#[must_use]
pub fn conversion(
    tables: &Tables,
    (rate, quoted): (RateSpec, Quoted),
    touch: Touch,
    taker_fee_ppm: u32,
    take: Take,
) -> Option<Conversion> {
    let market = &tables.markets[rate.market.index()];
    let MarketKind::Book { grid } = market.kind else { return None };
    let decimals = |asset: AssetId| i32::from(tables.assets[asset.index()].decimals);
    let exponent = decimals(rate.to) - decimals(rate.from) - i32::from(grid.tick.places);
    let scale = Ratio::power_of_ten(exponent)?.mul(Ratio::new(u128::from(grid.tick.step), 1))?;
    let at = |ticks: u128, den: u128| scale.mul(Ratio::new(ticks, den));
    let mid = at(u128::from(touch.bid_ticks) + u128::from(touch.ask_ticks), 2)?;
    // Acquiring the book's base, or disposing of its quote, lifts the ask; the others hit the bid.
    let lifts_ask = (take == Take::Buy) == (quoted == Quoted::Direct);
    let ppm = u128::from(PPM_ONE);
    let hit = if lifts_ask {
        let paid = Ratio::new(ppm + u128::from(taker_fee_ppm), ppm);
        at(u128::from(touch.ask_ticks), 1)?.mul(paid)?
    } else {
        let kept = Ratio::new(ppm.checked_sub(u128::from(taker_fee_ppm))?, ppm);
        at(u128::from(touch.bid_ticks), 1)?.mul(kept)?
    };
    match quoted {
        Quoted::Direct => Some(Conversion { mid, hit }),
        Quoted::Inverse => Some(Conversion { mid: mid.inverted()?, hit: hit.inverted()? }),
    }
}
