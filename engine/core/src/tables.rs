//! What the core is built with: assets, markets, instruments, rates, costs and limits.
//!
//! Plain data without strings; the daemon makes it from the validated configuration and from the
//! instruments that the venues state. Every cross-reference is an index, checked in
//! [`Tables::check`].

use alloc::vec::Vec;

use engine_model::units::LAMPORTS_PER_SOL;
use engine_model::{AssetId, Grid, InstrumentId, MarketId, PairId, Venue};

use serde::{Deserialize, Serialize};

use crate::num::ratio::{Ratio, gcd};

/// Most markets an engine may have.
pub const MARKETS_MAX: usize = 256;
/// Most ordered pairs an engine may have.
pub const PAIRS_MAX: usize = 4096;

/// One asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssetSpec {
    /// Decimal places of one whole unit: amounts are counted in 10^-decimals.
    pub decimals: u8,
    /// The asset that this one counts as in pairs; itself when there is no equivalence.
    pub counts_as: AssetId,
    /// Declared cost of that. Unit: parts per million.
    pub equivalence_ppm: u32,
}

/// Which token of a pool is the base asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BaseToken {
    /// Token A: bought by swapping B to A.
    A,
    /// Token B: bought by swapping A to B.
    B,
}

/// What kind of market, and what belongs to that kind alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MarketKind {
    /// An order book.
    Book {
        /// Tick and lot.
        grid: Grid,
    },
    /// A concentrated-liquidity pool.
    Pool {
        /// Which of its tokens is the base.
        base: BaseToken,
    },
}

/// One market.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarketSpec {
    /// Where.
    pub venue: Venue,
    /// Book or pool.
    pub kind: MarketKind,
    /// Base asset.
    pub base: AssetId,
    /// Quote asset.
    pub quote: AssetId,
    /// Taker fee of a book until an event replaces it. Unit: parts per million.
    pub taker_fee_ppm: u32,
    /// The market is not used when its venue gave nothing for longer. Unit: nanoseconds.
    pub stale_after_ns: u64,
    /// A pool is not used when its slot lies further behind the chain's. Unit: slots.
    pub stale_after_slots: u64,
    /// Smallest order. Unit: 10^-18 of a whole base unit.
    pub min_order_size_e18: u128,
    /// Smallest notional. Unit: quote units.
    pub min_order_notional: u128,
}

/// A market and the currency in which it settles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstrumentSpec {
    /// The market.
    pub market: MarketId,
    /// Settlement currency; the market's quote, or an alias's.
    pub settles_in: AssetId,
    /// Balance of the base at the venue; limits sales. Unit: base units.
    pub base_balance: Option<u128>,
    /// Balance of the settlement currency; limits purchases. Unit: its units.
    pub quote_balance: Option<u128>,
}

/// What one unit of an asset is worth in another, from a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateSpec {
    /// The book's base.
    pub from: AssetId,
    /// The book's quote.
    pub to: AssetId,
    /// The book.
    pub market: MarketId,
    /// Older rates mean no trade. Unit: nanoseconds.
    pub max_age_ns: u64,
}

/// A cost level with an age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LevelSpec {
    /// Level until an event replaces it; none means that no trade happens before one does.
    pub start: Option<u64>,
    /// Older levels mean no trade; 0 means that the level does not age. Unit: nanoseconds.
    pub max_age_ns: u64,
}

/// Costs of trading besides the venues' fees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CostSpec {
    /// Compute units requested per chain transaction; paid for whether used or not.
    pub compute_unit_limit: u64,
    /// Fee of one signature. Unit: lamports.
    pub base_fee_lamports: u64,
    /// Unit: micro-lamports per compute unit.
    pub priority_fee: LevelSpec,
    /// Unit: lamports.
    pub tip: LevelSpec,
    /// How old a taker fee may be; 0 means that it does not age. Unit: nanoseconds.
    pub fee_tier_max_age_ns: u64,
    /// Book that prices the chain's coin, and how old it may be in nanoseconds.
    pub coin_price: Option<(MarketId, u64)>,
    /// Probability that a chain leg fails and still pays. Unit: parts per million.
    pub landing_failure_ppm: u32,
    /// Probability × cost of a missed second leg. Unit: parts per million of the notional.
    pub broken_leg_ppm: u32,
    /// Unit: parts per million of the notional.
    pub latency_buffer_ppm: u32,
}

/// Limits given to the sizing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapSpec {
    /// Highest notional of one order. Unit: units of the numeraire.
    pub order_notional: Option<u128>,
    /// Highest size of one order and room left in the position, per base asset. Unit: 10^-18 of a
    /// whole base unit.
    pub base_size_e18: Vec<(AssetId, u128)>,
}

/// When a candidate is worth a trade, and how much work an evaluation may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignalSpec {
    /// Net edges below are refused. Unit: parts per million of the notional.
    pub min_edge_ppm: u32,
    /// Whether two books of one venue may pair.
    pub same_venue_pairs: SameVenuePairs,
    /// Inner steps of a pool quote.
    pub inner_steps_max: u32,
    /// Tick arrays a pool may hold.
    pub tick_arrays_max: usize,
    /// Everything is re-examined for staleness this often. Unit: nanoseconds.
    pub sweep_ns: u64,
}

/// Whether two books of one venue may pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SameVenuePairs {
    /// Only venues that differ, and pools.
    Skip,
    /// Also books of one venue.
    Include,
}

/// Everything the core is built with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tables {
    /// What results across settlement currencies are stated in.
    pub numeraire: AssetId,
    /// Assets by index.
    pub assets: Vec<AssetSpec>,
    /// Markets by index.
    pub markets: Vec<MarketSpec>,
    /// Instruments by index.
    pub instruments: Vec<InstrumentSpec>,
    /// Rates.
    pub rates: Vec<RateSpec>,
    /// Costs.
    pub costs: CostSpec,
    /// Limits.
    pub caps: CapSpec,
    /// Signal parameters.
    pub signal: SignalSpec,
}

impl Tables {
    /// Whether these are the same assets, markets, instruments and pairs as those of another run,
    /// so that its state means the same here. Fees, ages, limits, costs and what was given as
    /// balance may differ.
    #[must_use]
    pub fn has_markets_of(&self, other: &Self) -> bool {
        let assets = |tables: &Self| {
            let decimals = tables.assets.iter().map(|it| (it.decimals, it.counts_as));
            decimals.collect::<Vec<_>>()
        };
        let markets = |tables: &Self| {
            let markets = tables.markets.iter();
            markets.map(|it| (it.venue, it.kind, it.base, it.quote)).collect::<Vec<_>>()
        };
        let instruments = |tables: &Self| {
            let instruments = tables.instruments.iter();
            instruments.map(|it| (it.market, it.settles_in)).collect::<Vec<_>>()
        };
        self.numeraire == other.numeraire
            && assets(self) == assets(other)
            && markets(self) == markets(other)
            && instruments(self) == instruments(other)
            && self.signal.same_venue_pairs == other.signal.same_venue_pairs
            && self.pairs().ok() == other.pairs().ok()
    }
}

/// What is wrong with the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableError {
    /// An index points outside its table.
    Dangling,
    /// More markets than [`MARKETS_MAX`] or pairs than [`PAIRS_MAX`].
    TooMany,
    /// Decimals, grid or fee outside their range.
    OutOfRange,
}

/// One ordered pair with everything about its units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PairSpec {
    /// Index.
    pub id: PairId,
    /// Bought here.
    pub buy: InstrumentId,
    /// Sold here.
    pub sell: InstrumentId,
    /// What both legs' results are stated in: their common settlement currency, else the numeraire.
    pub money: AssetId,
    /// Atoms in one step (lot or base unit) of the buy leg.
    pub buy_atoms_per_step: u64,
    /// Atoms in one step of the sell leg.
    pub sell_atoms_per_step: u64,
    /// Atoms in the pair's lot.
    pub lot_atoms: u128,
    /// Decimal places of one atom: an atom is `10^-atom_places` of a whole base unit.
    pub atom_places: u8,
    /// How many of the legs are on chain.
    pub chain_legs: u8,
}

/// Decimal places above which no step may lie.
const PLACES_MAX: u8 = 18;

impl Tables {
    /// Checks every index and range.
    ///
    /// # Errors
    ///
    /// [`TableError`].
    pub fn check(&self) -> Result<(), TableError> {
        let asset = |id: AssetId| self.assets.get(id.index()).ok_or(TableError::Dangling);
        let market = |id: MarketId| self.markets.get(id.index()).ok_or(TableError::Dangling);
        if self.markets.len() > MARKETS_MAX {
            return Err(TableError::TooMany);
        }
        asset(self.numeraire)?;
        for spec in &self.assets {
            asset(spec.counts_as)?;
            if spec.decimals > PLACES_MAX || spec.equivalence_ppm >= 1_000_000 {
                return Err(TableError::OutOfRange);
            }
        }
        for spec in &self.markets {
            asset(spec.base)?;
            asset(spec.quote)?;
            if spec.taker_fee_ppm >= 1_000_000 {
                return Err(TableError::OutOfRange);
            }
            if let MarketKind::Book { grid } = spec.kind
                && !(grid.tick.is_valid() && grid.lot.is_valid())
            {
                return Err(TableError::OutOfRange);
            }
        }
        for spec in &self.instruments {
            market(spec.market)?;
            asset(spec.settles_in)?;
        }
        for rate in &self.rates {
            asset(rate.from)?;
            asset(rate.to)?;
            market(rate.market)?;
        }
        if let Some((id, _)) = self.costs.coin_price {
            market(id)?;
        }
        Ok(())
    }

    /// The market of an instrument.
    #[must_use]
    pub fn market_of(&self, instrument: InstrumentId) -> &MarketSpec {
        &self.markets[self.instruments[instrument.index()].market.index()]
    }

    /// Every ordered pair of instruments on one base asset, in order of (buy, sell) index.
    ///
    /// Instruments of one market never pair: an alias is the same book.
    ///
    /// # Errors
    ///
    /// [`TableError::TooMany`], or [`TableError::OutOfRange`] when two steps have no common lot.
    pub fn pairs(&self) -> Result<Vec<PairSpec>, TableError> {
        let mut pairs = Vec::new();
        for (buy_index, buy) in self.instruments.iter().enumerate() {
            for (sell_index, sell) in self.instruments.iter().enumerate() {
                if !self.may_pair(buy, sell) {
                    continue;
                }
                let index = |i: usize| u16::try_from(i).map_err(|_| TableError::TooMany);
                let id = PairId(index(pairs.len())?);
                let ids = (InstrumentId(index(buy_index)?), InstrumentId(index(sell_index)?));
                if pairs.len() >= PAIRS_MAX {
                    return Err(TableError::TooMany);
                }
                pairs.push(self.pair(id, ids.0, ids.1)?);
            }
        }
        Ok(pairs)
    }

    fn may_pair(&self, buy: &InstrumentSpec, sell: &InstrumentSpec) -> bool {
        let (from, to) = (&self.markets[buy.market.index()], &self.markets[sell.market.index()]);
        let base = |asset: AssetId| self.assets[asset.index()].counts_as;
        let both_books = matches!(from.kind, MarketKind::Book { .. })
            && matches!(to.kind, MarketKind::Book { .. });
        buy.market != sell.market
            && base(from.base) == base(to.base)
            && !(both_books
                && from.venue == to.venue
                && self.signal.same_venue_pairs == SameVenuePairs::Skip)
    }

    fn pair(
        &self,
        id: PairId,
        buy: InstrumentId,
        sell: InstrumentId,
    ) -> Result<PairSpec, TableError> {
        let (from, to) = (self.step_of(buy), self.step_of(sell));
        let atom_places = from.1.max(to.1);
        let scaled = |(step, places): (u64, u8)| {
            10_u64.checked_pow(u32::from(atom_places - places)).and_then(|p| p.checked_mul(step))
        };
        let (Some(buy_atoms), Some(sell_atoms)) = (scaled(from), scaled(to)) else {
            return Err(TableError::OutOfRange);
        };
        let divisor = gcd(u128::from(buy_atoms), u128::from(sell_atoms));
        let lot_atoms = u128::from(buy_atoms) / divisor * u128::from(sell_atoms);
        let settles = |i: InstrumentId| self.instruments[i.index()].settles_in;
        let same = settles(buy) == settles(sell);
        let on_chain =
            |i: InstrumentId| u8::from(matches!(self.market_of(i).kind, MarketKind::Pool { .. }));
        Ok(PairSpec {
            id,
            buy,
            sell,
            money: if same { settles(buy) } else { self.numeraire },
            buy_atoms_per_step: buy_atoms,
            sell_atoms_per_step: sell_atoms,
            lot_atoms,
            atom_places,
            chain_legs: on_chain(buy) + on_chain(sell),
        })
    }

    /// Smallest base step of an instrument: multiple and decimal places.
    fn step_of(&self, instrument: InstrumentId) -> (u64, u8) {
        let market = self.market_of(instrument);
        match market.kind {
            MarketKind::Book { grid } => (grid.lot.step, grid.lot.places),
            MarketKind::Pool { .. } => (1, self.assets[market.base.index()].decimals),
        }
    }

    /// One step of an instrument. Unit: 10^-18 of a whole base unit; at least 1.
    pub(crate) fn e18_per_step(&self, instrument: InstrumentId) -> u128 {
        let (step, places) = self.step_of(instrument);
        let power = 10_u128.pow(u32::from(PLACES_MAX.saturating_sub(places)));
        (u128::from(step) * power).max(1)
    }

    /// Quote units of the settlement currency in one tick-lot of a book; none out of range.
    #[must_use]
    pub fn quote_per_tick_lot(&self, instrument: InstrumentId) -> Option<Ratio> {
        let MarketKind::Book { grid } = self.market_of(instrument).kind else { return None };
        let settles_in = self.instruments[instrument.index()].settles_in;
        let decimals = i32::from(self.assets[settles_in.index()].decimals);
        let steps = u128::from(grid.tick.step).checked_mul(u128::from(grid.lot.step))?;
        let places = i32::from(grid.tick.places) + i32::from(grid.lot.places);
        Ratio::power_of_ten(decimals - places)?.mul(Ratio::new(steps, 1))
    }

    /// Lamports of one chain transaction: base fee, and priority fee rounded up.
    #[must_use]
    pub fn network_lamports(&self, micro_lamports_per_cu: u64) -> u128 {
        let priority =
            u128::from(micro_lamports_per_cu) * u128::from(self.costs.compute_unit_limit);
        u128::from(self.costs.base_fee_lamports) + priority.div_ceil(1_000_000)
    }
}

/// Whole coins in lamports, as a ratio that turns lamports into coins.
pub(crate) const COINS_PER_LAMPORT: Ratio = Ratio { num: 1, den: LAMPORTS_PER_SOL as u128 };
