//! What things are worth to risk: marks of positions, prices of currencies, micros of the numeraire.

use engine_model::units::{MICROS_PER_UNIT, PPM_ONE};
use engine_model::{AssetId, MarketId, PairId, Side};

use super::{Desk, Hands};
use crate::market::rates;
use crate::market::take::Take;
use crate::market::world::{Market, World};
use crate::num::ratio::{Ratio, mul_div_ceil, mul_div_floor};
use crate::risk::agreement::{self, Reading};
use crate::tables::{MarketKind, PairSpec, Tables};

/// A pool's spot price is read off for so many base units: precise to nine digits and more.
const SPOT_UNITS: u64 = 1_000_000_000_000;

/// Micros of the numeraire in its own units, rounded down.
pub(super) fn micros_to_units(tables: &Tables, micros: u128) -> u128 {
    let power = 10_u128.pow(u32::from(tables.assets[tables.numeraire.index()].decimals));
    mul_div_floor(micros, power, u128::from(MICROS_PER_UNIT)).unwrap_or(u128::MAX)
}

/// Units of the numeraire in micros, rounded up; none when there are none or out of range.
pub(super) fn units_to_micros(tables: &Tables, units: Option<u128>) -> Option<i128> {
    let power = 10_u128.pow(u32::from(tables.assets[tables.numeraire.index()].decimals));
    let micros = mul_div_ceil(units?, u128::from(MICROS_PER_UNIT), power)?;
    i128::try_from(micros).ok()
}

/// A result in units of the numeraire in micros: gains down, losses up.
pub(super) fn result_to_micros(tables: &Tables, units: i128) -> Option<i128> {
    if units < 0 {
        return units_to_micros(tables, Some(units.unsigned_abs())).map(|micros| -micros);
    }
    let power = 10_u128.pow(u32::from(tables.assets[tables.numeraire.index()].decimals));
    let micros = mul_div_floor(units.unsigned_abs(), u128::from(MICROS_PER_UNIT), power)?;
    i128::try_from(micros).ok()
}

/// Bid and ask of a currency in the numeraire, in parts per million: down and up.
pub(super) fn price_band(world: &World, asset: AssetId) -> Option<(u64, u64)> {
    let price = |take| currency_price(world, asset, take);
    let (bid, ask) = (price(Take::Sell)?, price(Take::Buy)?);
    let low = bid.apply_floor(u128::from(PPM_ONE))?;
    let high = ask.apply_ceil(u128::from(PPM_ONE))?;
    Some((u64::try_from(low).ok()?, u64::try_from(high).ok()?))
}

/// Whole numeraire for one whole unit of a currency, without fees.
fn currency_price(world: &World, asset: AssetId, take: Take) -> Option<Ratio> {
    let tables = &world.tables;
    let found = rates::find(tables, asset, tables.numeraire)?;
    let (touch, _) = world.touch(found.0.market)?;
    let per_unit = rates::conversion(tables, found, touch, 0, take)?.hit;
    let decimals = |id: AssetId| i32::from(tables.assets[id.index()].decimals);
    per_unit.mul(Ratio::power_of_ten(decimals(asset) - decimals(tables.numeraire))?)
}

/// Quote units for 10⁻¹⁸ of a whole base unit at a market's side (a sale hits the bid), or at its
/// middle; none when the market is of no use.
pub(super) fn price_e18(world: &World, market: MarketId, side: Option<Take>) -> Option<Ratio> {
    let spec = &world.tables.markets[market.index()];
    let quote_decimals = i32::from(world.tables.assets[spec.quote.index()].decimals);
    match (&world.markets[market.index()], spec.kind) {
        (Market::Book(book), MarketKind::Book { grid }) if book.usable() => {
            let best = |side| book.book().best(side).map(|it| u128::from(it.price_ticks));
            // A side counts even where the other is empty: our own fill may have emptied it.
            let ticks = match side {
                Some(Take::Sell) => Ratio::new(best(Side::Bid)?, 1),
                Some(Take::Buy) => Ratio::new(best(Side::Ask)?, 1),
                None => Ratio::new(best(Side::Bid)? + best(Side::Ask)?, 2),
            };
            let places = quote_decimals - i32::from(grid.tick.places) - 18;
            ticks.mul(Ratio::new(u128::from(grid.tick.step), 1))?.mul(Ratio::power_of_ten(places)?)
        }
        (Market::Pool(pool), MarketKind::Pool { base }) => {
            let sqrt_price = pool.pool()?.sqrt_price;
            let quote = crate::execution::venue::spot_quote(sqrt_price, base, SPOT_UNITS)?;
            let decimals = i32::from(world.tables.assets[spec.base.index()].decimals);
            Ratio::new(quote, u128::from(SPOT_UNITS)).mul(Ratio::power_of_ten(decimals - 18)?)
        }
        (Market::Book(_) | Market::Pool(_), _) => None,
    }
}

impl Desk {
    /// Marks of a base asset: of the two markets that were proven last, at the side that a closing
    /// sale or purchase would hit, or at the middle. Unit: micros of the numeraire per 10⁻¹⁸ of a whole unit.
    pub(super) fn marks_of(world: &World, base: AssetId, side: Option<Take>, now_ns: u64) -> Marks {
        let mut marks = Marks::default();
        let mut last: Option<MarketId> = None;
        for _ in 0..marks.list.len() {
            let mut freshest: Option<(u64, MarketId)> = None;
            for (index, spec) in (0_u16..).zip(&world.tables.markets) {
                let market = MarketId(index);
                let is_base = world.tables.assets[spec.base.index()].counts_as == base;
                let proved_ns = world.proved_ns[market.index()];
                let is_new = Some(market) != last;
                if is_base
                    && is_new
                    && proved_ns > 0
                    && freshest.is_none_or(|(best, _)| best < proved_ns)
                    && Self::mark(world, market, side, now_ns).is_some()
                {
                    freshest = Some((proved_ns, market));
                }
            }
            let Some((_, market)) = freshest else { break };
            if let Some(mark) = Self::mark(world, market, side, now_ns) {
                marks.list[marks.count] = mark;
                marks.count += 1;
            }
            last = Some(market);
        }
        marks
    }

    /// Micros of the numeraire for 10⁻¹⁸ of a whole base unit at one market.
    pub(super) fn mark(
        world: &World,
        market: MarketId,
        side: Option<Take>,
        now_ns: u64,
    ) -> Option<Ratio> {
        let quote = world.tables.markets[market.index()].quote;
        let worth = world.worth(quote, world.tables.numeraire, now_ns).ok()?;
        let rate = match side {
            None => worth.mid,
            Some(Take::Sell) => worth.dispose,
            Some(Take::Buy) => worth.acquire,
        };
        let decimals = i32::from(world.tables.assets[world.tables.numeraire.index()].decimals);
        price_e18(world, market, side)?.mul(rate)?.mul(Ratio::power_of_ten(6 - decimals)?)
    }

    /// Both legs' own prices of the base in the numeraire.
    fn prices(world: &World, pair: &PairSpec, now_ns: u64) -> [Option<Ratio>; 2] {
        [pair.buy, pair.sell].map(|instrument| {
            let market = world.tables.instruments[instrument.index()].market;
            Self::mark(world, market, None, now_ns)
        })
    }

    /// By how much both legs' own prices of the base differ, rounded up; none when one is missing.
    pub(super) fn disagreement_ppm(world: &World, pair: &PairSpec, now_ns: u64) -> Option<u64> {
        let [Some(a), Some(b)] = Self::prices(world, pair, now_ns) else { return None };
        // a / b as a ratio, then its distance from one.
        let ratio = a.mul(b.inverted()?)?;
        let (low, high) = (ratio.num.min(ratio.den), ratio.num.max(ratio.den));
        if low == 0 {
            return None;
        }
        u64::try_from(mul_div_ceil(high - low, u128::from(PPM_ONE), low)?).ok()
    }

    pub(super) fn agreement_reading(&self, world: &World, pair: &PairSpec, now_ns: u64) -> Reading {
        let [a, b] = Self::prices(world, pair, now_ns);
        agreement::disagreement(a, b, &self.settings.limits)
    }

    pub(super) fn peg_reading(&self, world: &World, asset: AssetId) -> Reading {
        let price = |take| currency_price(world, asset, take);
        let limits = &self.settings.limits;
        let (bid, ask) = (price(Take::Sell), price(Take::Buy));
        match (agreement::peg(bid, limits), agreement::peg(ask, limits)) {
            (Reading::Beyond(breach), _) | (_, Reading::Beyond(breach)) => Reading::Beyond(breach),
            (Reading::Missing, _) | (_, Reading::Missing) => Reading::Missing,
            (Reading::Calm, Reading::Calm) => Reading::Calm,
            (Reading::Calm | Reading::Within, Reading::Calm | Reading::Within) => Reading::Within,
        }
    }

    /// Values every position at the side that closing it would hit, and takes the unrealised part
    /// into the day's result.
    pub(super) fn mark_positions(&mut self, hands: &mut Hands<'_>) {
        let mut unrealised = Some(0_i128);
        for index in 0..self.state.carried.len() {
            let asset = AssetId(u16::try_from(index).expect("Invariant: assets are few"));
            let Some(held) = self.state.positions.position_e18(asset) else {
                unrealised = None;
                break;
            };
            let carried = self.state.carried[index];
            if held == 0 && carried == 0 {
                continue;
            }
            let value = Self::value_of(hands.world, asset, held, hands.now_ns);
            unrealised = match (unrealised, value) {
                (Some(sum), Some(value)) => sum.checked_add(value - carried),
                (Some(_) | None, _) => None,
            };
        }
        let verdict = self.state.daily.note_unrealised(unrealised, &self.settings.limits);
        self.after_daily(hands, &verdict);
        self.watch_positions(hands);
    }

    /// Value of a position at the worse side of its freshest markets. Unit: micros; gains down.
    pub(super) fn value_of(
        world: &World,
        asset: AssetId,
        held_e18: i128,
        now_ns: u64,
    ) -> Option<i128> {
        if held_e18 == 0 {
            return Some(0);
        }
        let side = if held_e18 > 0 { Take::Sell } else { Take::Buy };
        let marks = Self::marks_of(world, asset, Some(side), now_ns);
        let amount = held_e18.unsigned_abs();
        let each = marks.as_slice().iter();
        if held_e18 > 0 {
            let lowest = each.map(|mark| mark.apply_floor(amount)).min()??;
            i128::try_from(lowest).ok()
        } else {
            let highest = each.map(|mark| mark.apply_ceil(amount)).max()??;
            i128::try_from(highest).ok().map(|value| -value)
        }
    }

    pub(super) fn pair_of<'a>(hands: &Hands<'a>, pair: PairId) -> &'a PairSpec {
        &hands.pairs[pair.index()]
    }
}

/// Up to two marks.
pub(super) struct Marks {
    list: [Ratio; 2],
    count: usize,
}

impl Default for Marks {
    fn default() -> Self {
        Self { list: [Ratio::ONE; 2], count: 0 }
    }
}

impl Marks {
    pub(super) fn as_slice(&self) -> &[Ratio] {
        &self.list[..self.count]
    }
}
