//! From a look at a pair to two orders with limits, and everything needed to account for them.

use engine_model::units::PPM_ONE;
use engine_model::{AssetId, InstrumentId, MarketId, PairId, Venue};
use serde::{Deserialize, Serialize};

use super::spec::{LegOrder, Spec};
use crate::market::balances::BalanceId;
use crate::market::pool::At;
use crate::market::take::Take;
use crate::market::world::World;
use crate::num::ratio::{Ratio, mul_div_ceil, mul_div_floor};
use crate::signal::evaluation::{Code, Evaluation};
use crate::signal::leg::LegQuote;
use crate::tables::{MarketKind, PairSpec};

/// The worst that an order accepts. An order without one cannot be written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Limit {
    /// Of a book: no price beyond this. Unit: ticks.
    Price {
        /// Highest price of a buy, lowest of a sale.
        ticks: u64,
    },
    /// Of a pool: no total beyond this. Unit: quote units.
    Total {
        /// Most that a buy pays, least that a sale brings.
        quote: u64,
    },
}

/// What one unit of an asset is worth in another, at the moment of the decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worth {
    /// At the middle of the rate's book.
    pub mid: Ratio,
    /// What acquiring one costs, fee included.
    pub acquire: Ratio,
    /// What disposing of one brings, fee taken off.
    pub dispose: Ratio,
}

impl Worth {
    /// The same asset.
    pub const ONE: Self = Self { mid: Ratio::ONE, acquire: Ratio::ONE, dispose: Ratio::ONE };

    /// A result at the side that converting it would hit: gains down, losses up.
    #[must_use]
    pub fn of_result(&self, amount: i128) -> Option<i128> {
        if amount >= 0 {
            i128::try_from(self.dispose.apply_floor(amount.unsigned_abs())?).ok()
        } else {
            i128::try_from(self.acquire.apply_ceil(amount.unsigned_abs())?).ok().map(|it| -it)
        }
    }
}

/// One leg as planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedLeg {
    /// What is traded.
    pub instrument: InstrumentId,
    /// Its market.
    pub market: MarketId,
    /// Its venue.
    pub venue: Venue,
    /// Whether base is bought or sold.
    pub take: Take,
    /// Whether it is a transaction on a chain.
    pub is_chain: bool,
    /// Atoms in one step (lot, or base unit of a pool).
    pub atoms_per_step: u64,
    /// How much. Unit: steps.
    pub steps: u64,
    /// The least that the venue takes, at any price that this trade may come to. Unit: steps.
    pub steps_min: u64,
    /// The worst that is accepted.
    pub limit: Limit,
    /// What the state at the decision would give. Unit: quote units.
    pub expected: LegQuote,
    /// The settlement currency in pair money.
    pub worth: Worth,
    /// Declared cost of the base being an equivalent. Unit: parts per million of the value.
    pub equivalence_ppm: u32,
    /// Where that which is given comes from.
    pub pays_from: BalanceId,
    /// The most that it can give, at the limit and with fees. Unit: units of that balance.
    pub need: u128,
    /// Value of the order at its limit, rounded up. Unit: units of the numeraire.
    pub notional_numeraire: u128,
}

/// A trade as planned: what risk judges and, once approved, what is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The opportunity's number.
    pub opportunity: u64,
    /// The pair.
    pub pair: PairId,
    /// Number of the event that decided.
    pub seq: u64,
    /// Core time of the decision. Unit: nanoseconds.
    pub decided_ns: u64,
    /// Wall time of the decision. Unit: Unix nanoseconds.
    pub decided_wall_ns: u64,
    /// Size. Unit: atoms.
    pub atoms: u128,
    /// An atom is `10^-atom_places` of a whole base unit.
    pub atom_places: u8,
    /// Buy leg, sell leg.
    pub legs: [PlannedLeg; 2],
    /// Index of the leg that goes first; none for both at once.
    pub first: Option<u8>,
    /// Net profit that the decision saw. Unit: pair money.
    pub predicted_net: i128,
    /// Gross notional of the buy leg. Unit: pair money.
    pub notional: u128,
    /// What the pair accounts in.
    pub money: AssetId,
    /// Pair money in the numeraire.
    pub numeraire: Worth,
    /// One lamport in pair money, at the side where it would be bought.
    pub lamport: Ratio,
    /// Base and priority fee of one transaction. Unit: lamports.
    pub network_lamports: u64,
    /// Tip of one transaction that lands. Unit: lamports.
    pub tip_lamports: u64,
    /// Slot of the chain at the decision.
    pub chain_slot: u64,
}

impl Plan {
    /// Atoms in whole base units of `10^-18`.
    #[must_use]
    pub fn e18_per_atom(&self) -> u128 {
        10_u128.pow(u32::from(18 - self.atom_places))
    }
}

impl World {
    /// The plan of a tradable look, on the state that the look saw.
    ///
    /// # Errors
    ///
    /// The code of what is missing; none of these can be where the look was complete.
    pub(crate) fn plan(
        &self,
        pair: &PairSpec,
        look: &Evaluation,
        opportunity: u64,
        spec: &Spec,
    ) -> Result<Plan, Code> {
        let buy = self.planned_leg(pair, Take::Buy, look, spec)?;
        let sell = self.planned_leg(pair, Take::Sell, look, spec)?;
        let now_ns = look.at_ns;
        let numeraire = self.worth(pair.money, self.tables.numeraire, now_ns)?;
        let (lamport, network, tip) = if pair.chain_legs > 0 {
            let (lamport, _) =
                self.lamport_value(pair.money, now_ns).ok_or(Code::CoinPriceStale)?;
            let priority = self.priority_fee.ok_or(Code::PriorityFeeStale)?.value;
            let network = u64::try_from(self.tables.network_lamports(priority));
            (lamport, network.unwrap_or(u64::MAX), self.tip.ok_or(Code::TipStale)?.value)
        } else {
            (Ratio::ONE, 0, 0)
        };
        Ok(Plan {
            opportunity,
            pair: pair.id,
            seq: look.seq,
            decided_ns: now_ns,
            decided_wall_ns: self.wall_ns(now_ns),
            atoms: look.base_atoms,
            atom_places: pair.atom_places,
            first: first_leg(&buy, &sell, spec),
            legs: [buy, sell],
            predicted_net: look.net,
            notional: look.notional,
            money: pair.money,
            numeraire,
            lamport,
            network_lamports: network,
            tip_lamports: tip,
            chain_slot: self.chain_slot,
        })
    }

    /// What one asset is worth in another now.
    pub(crate) fn worth(&self, from: AssetId, to: AssetId, now_ns: u64) -> Result<Worth, Code> {
        let (acquire, _) = self.convert(from, to, Take::Buy, now_ns)?;
        let (dispose, _) = self.convert(from, to, Take::Sell, now_ns)?;
        Ok(Worth { mid: acquire.mid, acquire: acquire.hit, dispose: dispose.hit })
    }

    fn planned_leg(
        &self,
        pair: &PairSpec,
        take: Take,
        look: &Evaluation,
        spec: &Spec,
    ) -> Result<PlannedLeg, Code> {
        let (instrument, atoms_per_step) = match take {
            Take::Buy => (pair.buy, pair.buy_atoms_per_step),
            Take::Sell => (pair.sell, pair.sell_atoms_per_step),
        };
        let settles_in = self.tables.instruments[instrument.index()].settles_in;
        let market = self.tables.instruments[instrument.index()].market;
        let market_spec = &self.tables.markets[market.index()];
        let expected = self.worse_quote(pair, take, look.base_atoms)?;
        let limit = opening_limit(take, &expected, market_spec.kind, spec);
        let steps = u64::try_from(look.base_atoms / u128::from(atoms_per_step));
        let steps = steps.map_err(|_| Code::NotPriceable)?;
        let at_limit = self.at_limit(instrument, take, steps, limit, &expected);
        let at_limit = at_limit.ok_or(Code::NotPriceable)?;
        let (pays_from, need) = match take {
            Take::Buy => (self.balances.quote_of(instrument), at_limit.total),
            Take::Sell => {
                let decimals = self.tables.assets[market_spec.base.index()].decimals;
                let units = base_units_ceil(look.base_atoms, pair.atom_places, decimals);
                (self.balances.base_of(instrument), units.ok_or(Code::NotPriceable)?)
            }
        };
        let numeraire = self.worth(settles_in, self.tables.numeraire, look.at_ns)?;
        Ok(PlannedLeg {
            instrument,
            market,
            venue: market_spec.venue,
            take,
            is_chain: matches!(market_spec.kind, MarketKind::Pool { .. }),
            atoms_per_step,
            steps,
            steps_min: self.steps_min(instrument, &at_limit, steps, spec),
            limit,
            expected,
            worth: self.worth(settles_in, pair.money, look.at_ns)?,
            equivalence_ppm: self.tables.assets[market_spec.base.index()].equivalence_ppm,
            pays_from,
            need,
            notional_numeraire: numeraire
                .mid
                .apply_ceil(at_limit.gross)
                .ok_or(Code::NotPriceable)?,
        })
    }

    /// The smallest order that a market takes, rounded up: by size, and by notional at a price that
    /// lies lower than the limit by the widest bound of an unwind, twice: once for the bound, once
    /// for what the market may have moved.
    fn steps_min(
        &self,
        instrument: InstrumentId,
        at_limit: &LegQuote,
        steps: u64,
        spec: &Spec,
    ) -> u64 {
        let tables = &self.tables;
        let market = tables.market_of(instrument);
        let power = |id: AssetId| 10_u128.pow(u32::from(tables.assets[id.index()].decimals));
        let by_size = market.min_order_size_e18.div_ceil(tables.e18_per_step(instrument));
        let one = u128::from(PPM_ONE);
        let kept = one.saturating_sub(2 * u128::from(spec.unwind_hard_ppm)).max(1);
        // The minimum counts in units of the market's quote, the notional in the alias's.
        let settles_in = tables.instruments[instrument.index()].settles_in;
        let by_notional = market
            .min_order_notional
            .checked_mul(power(settles_in))
            .and_then(|least| mul_div_ceil(least, u128::from(steps), at_limit.gross.max(1)))
            .and_then(|steps| mul_div_ceil(steps, one, kept))
            .map(|steps| steps.div_ceil(power(market.quote)));
        let least = by_size.max(by_notional.unwrap_or(u128::MAX)).max(1);
        u64::try_from(least).unwrap_or(u64::MAX)
    }

    /// A leg's exact figures at a size, the worse of both assumed times.
    fn worse_quote(&self, pair: &PairSpec, take: Take, atoms: u128) -> Result<LegQuote, Code> {
        let at = |at| {
            let quote = self.leg_quote(pair, take, atoms, at);
            quote.ok_or(Code::NotPriceable)
        };
        let (now, next) = (at(At::Now)?, at(At::Next)?);
        let is_next_worse = match take {
            Take::Buy => next.total > now.total,
            Take::Sell => next.total < now.total,
        };
        Ok(if is_next_worse { next } else { now })
    }

    /// Figures of an order if it all went at its limit: the most that a buy costs.
    pub(crate) fn at_limit(
        &self,
        instrument: InstrumentId,
        take: Take,
        steps: u64,
        limit: Limit,
        expected: &LegQuote,
    ) -> Option<LegQuote> {
        match limit {
            Limit::Price { ticks } => {
                let tick_lots = u128::from(ticks).checked_mul(u128::from(steps))?;
                self.book_figures(instrument, take, tick_lots, ticks)
            }
            Limit::Total { quote } => {
                let total = u128::from(quote);
                let fee = expected.pool_fee;
                let gross = match take {
                    Take::Buy => total,
                    Take::Sell => expected.gross,
                };
                Some(LegQuote { gross, taker_fee: 0, pool_fee: fee, total, limit_price_ticks: 0 })
            }
        }
    }
}

fn opening_limit(take: Take, expected: &LegQuote, kind: MarketKind, spec: &Spec) -> Limit {
    let ppm = u64::from(spec.slippage_ppm);
    match kind {
        MarketKind::Book { .. } => {
            Limit::Price { ticks: beyond(take, expected.limit_price_ticks, ppm) }
        }
        MarketKind::Pool { .. } => {
            let total = u64::try_from(expected.total).unwrap_or(u64::MAX);
            Limit::Total { quote: beyond(take, total, ppm) }
        }
    }
}

/// A price or total, worse by so many parts per million; rounded so that it is never worse by more.
#[must_use]
pub fn beyond(take: Take, amount: u64, ppm: u64) -> u64 {
    let (amount, one) = (u128::from(amount), u128::from(PPM_ONE));
    let moved = match take {
        Take::Buy => mul_div_floor(amount, one + u128::from(ppm), one),
        Take::Sell => mul_div_ceil(amount, one.saturating_sub(u128::from(ppm)), one),
    };
    moved.and_then(|it| u64::try_from(it).ok()).unwrap_or(u64::MAX)
}

/// Atoms in an asset's own units, rounded up; none out of range.
pub(crate) fn base_units_ceil(atoms: u128, atom_places: u8, decimals: u8) -> Option<u128> {
    let power = |places: u8| 10_u128.checked_pow(u32::from(places));
    mul_div_ceil(atoms, power(decimals)?, power(atom_places)?)
}

/// Atoms in an asset's own units, rounded down; none out of range.
pub(crate) fn base_units_floor(atoms: u128, atom_places: u8, decimals: u8) -> Option<u128> {
    let power = |places: u8| 10_u128.checked_pow(u32::from(places));
    mul_div_floor(atoms, power(decimals)?, power(atom_places)?)
}

fn first_leg(buy: &PlannedLeg, sell: &PlannedLeg, spec: &Spec) -> Option<u8> {
    let chain_first = match spec.leg_order {
        LegOrder::Simultaneous => return None,
        LegOrder::DexFirst => true,
        LegOrder::CexFirst => false,
    };
    if buy.is_chain != sell.is_chain {
        return Some(u8::from(sell.is_chain == chain_first));
    }
    // Of a kind: the one that takes longer, so that the one left open is the quick one.
    Some(u8::from(spec.latency_of(sell.venue) > spec.latency_of(buy.venue)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_never_worse_than_the_bound() {
        for (take, amount, ppm, limit) in [
            (Take::Buy, 10_000, 500, 10_005),
            (Take::Buy, 1_999, 500, 1_999),
            (Take::Sell, 10_000, 500, 9_995),
            (Take::Sell, 1_999, 500, 1_999),
            (Take::Sell, 10_000, 2_000_000, 0),
            (Take::Buy, u64::MAX, 500, u64::MAX),
        ] {
            assert_eq!(beyond(take, amount, ppm), limit, "{take:?} {amount} {ppm}");
        }
    }

    #[test]
    fn results_convert_against_us() {
        let worth = Worth {
            mid: Ratio::new(1, 1),
            acquire: Ratio::new(1_001, 1_000),
            dispose: Ratio::new(999, 1_000),
        };
        for (amount, in_other) in [(0, 0), (1, 0), (1_000, 999), (-1, -2), (-1_000, -1_001)] {
            assert_eq!(worth.of_result(amount), Some(in_other), "{amount}");
        }
    }

    #[test]
    fn atoms_become_units_against_us() {
        assert_eq!(base_units_ceil(15, 8, 9), Some(150));
        assert_eq!((base_units_ceil(15, 9, 8), base_units_floor(15, 9, 8)), (Some(2), Some(1)));
    }
}
