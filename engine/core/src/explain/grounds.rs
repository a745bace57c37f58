//! A look at a pair taken apart: the levels and segments it used, rates, cost levels, limits.

use alloc::vec::Vec;

use engine_model::{AssetId, InstrumentId, MarketId, Side};
use engine_poolmath::whirlpool::Segment;

use super::{Seen, Standing};
use crate::market::pool::At;
use crate::market::rates::{self, Touch};
use crate::market::take::Take;
use crate::market::world::Aged;
use crate::num::ratio::Ratio;
use crate::signal::evaluation::{Code, Evaluation};
use crate::signal::leg::{Leg, LegQuote, PoolLeg, Source};
use crate::signal::pair::PairQuote;
use crate::signal::waterfall::{Priced, price};
use crate::tables::{BaseToken, PairSpec};

/// What a size takes from one level or segment. The last one is mostly used in part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PieceUsed {
    /// Of a book.
    Level {
        /// Unit: ticks.
        price_ticks: u64,
        /// What lies there. Unit: lots.
        size_lots: u64,
        /// What the size takes of it. Unit: lots.
        taken_lots: u64,
    },
    /// Of a pool.
    Segment {
        /// Square-root price where it begins, Q64.64.
        sqrt_price_start: u128,
        /// Square-root price where it ends, whether the size reaches that or not.
        sqrt_price_end: u128,
        /// Liquidity inside.
        liquidity: u128,
        /// Unit: parts per million of the input.
        fee_rate_ppm: u32,
        /// Which token is the base.
        base: BaseToken,
        /// What the size puts in, fee included. Unit: raw units of the input token.
        amount_in: u64,
        /// What it takes out. Unit: raw units of the output token.
        amount_out: u64,
        /// The fee in what it puts in. Unit: raw units of the input token.
        fee: u64,
        /// Whether it is used to its end.
        is_whole: bool,
    },
}

/// One leg of a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegGrounds {
    /// What is traded.
    pub instrument: InstrumentId,
    /// Which way.
    pub take: Take,
    /// Its market.
    pub standing: Standing,
    /// Why the market may not be used; none when it may.
    pub refusal: Option<Code>,
    /// Exact figures at the size looked at; none without a size. Unit: quote units.
    pub quote: Option<LegQuote>,
    /// Levels or segments that the size uses, best first; without a size the best one, unused.
    pub pieces: Vec<PieceUsed>,
    /// The settlement currency in pair money: at the middle, and at the side that is hit.
    pub conversion: Option<(Ratio, Ratio)>,
}

/// A rate that a look converts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateUsed {
    /// From this asset.
    pub from: AssetId,
    /// To this one.
    pub to: AssetId,
    /// The book it comes from.
    pub market: MarketId,
    /// Best prices of that; none where the book may not be used. Unit: ticks.
    pub touch: Option<Touch>,
    /// When it was last heard of. Unit: core time in nanoseconds.
    pub at_ns: u64,
    /// How old it may be. Unit: nanoseconds.
    pub age_max_ns: u64,
}

/// A cost level that a look used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CostLevel {
    /// The level with the time it was learned; none where nobody has told.
    pub level: Option<Aged>,
    /// How old it may be; 0 where it does not age. Unit: nanoseconds.
    pub age_max_ns: u64,
}

/// What may limit a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CapKind {
    /// Largest size as configured: order size and room in the position. Unit: atoms.
    BaseSize,
    /// What lies at the selling venue, less the margin that the checks want. Unit: atoms.
    BaseBalance,
    /// What lies at the buying venue, less that margin. Unit: quote units of the buy leg.
    QuoteBalance,
    /// Largest notional of the purchase. Unit: quote units of the buy leg.
    BuyNotional,
    /// Largest notional of the sale. Unit: quote units of the sell leg.
    SellNotional,
}

/// One limit of a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cap {
    /// Which.
    pub kind: CapKind,
    /// How much of it the size uses.
    pub used: u128,
    /// How much there is.
    pub limit: u128,
    /// Whether one lot more would be beyond it.
    pub binds: bool,
}

/// Everything that a look rested on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grounds {
    /// Buy leg, sell leg.
    pub legs: [LegGrounds; 2],
    /// The size priced again from these; none where it has no price. It is the look's own.
    pub priced: Option<Priced>,
    /// Whether the state of one second later was worse, and counts.
    pub is_next_second: bool,
    /// Rates between settlement currencies.
    pub rates: Vec<RateUsed>,
    /// Price of the chain's coin, for pairs with a chain leg.
    pub coin: Option<RateUsed>,
    /// Priority fee, for pairs with a chain leg. Unit: micro-lamports per compute unit.
    pub priority_fee: Option<CostLevel>,
    /// Tip, for pairs with a chain leg. Unit: lamports.
    pub tip: Option<CostLevel>,
    /// What limits the size; empty where that is not known. What has no limit is left out.
    pub caps: Vec<Cap>,
}

impl Seen<'_> {
    /// Takes a look at a pair apart. To be asked at the moment of the look.
    #[must_use]
    pub fn grounds(&self, pair: &PairSpec, look: &Evaluation) -> Grounds {
        let (world, now_ns) = (self.world, self.now_ns());
        let context = world.context(pair, now_ns).ok();
        let quote_at = |at| world.pair_quote(pair, context.as_ref()?, at).ok();
        let now = quote_at(At::Now);
        let next = if world.depends_on_clock(pair) { quote_at(At::Next) } else { None };
        let priced = |quote: &Option<PairQuote<'_>>| {
            let quote = quote.as_ref().filter(|_| look.base_atoms > 0)?;
            price(quote, look.base_atoms).ok()
        };
        let (priced_now, priced_next) = (priced(&now), priced(&next));
        let is_next_second = match (priced_now, priced_next) {
            (Some(now), Some(next)) => next.net < now.net,
            _ => false,
        };
        let quote = if is_next_second { &next } else { &now };
        let leg = |take| self.leg_grounds(pair, take, quote.as_ref(), look.base_atoms);
        Grounds {
            legs: [leg(Take::Buy), leg(Take::Sell)],
            priced: if is_next_second { priced_next } else { priced_now },
            is_next_second,
            rates: self.rates(pair),
            coin: self.coin(pair),
            priority_fee: (pair.chain_legs > 0).then_some(CostLevel {
                level: world.priority_fee,
                age_max_ns: world.tables.costs.priority_fee.max_age_ns,
            }),
            tip: (pair.chain_legs > 0).then_some(CostLevel {
                level: world.tip,
                age_max_ns: world.tables.costs.tip.max_age_ns,
            }),
            caps: quote.as_ref().map_or_else(Vec::new, |it| self.caps(pair, it, look.base_atoms)),
        }
    }

    fn leg_grounds(
        &self,
        pair: &PairSpec,
        take: Take,
        quote: Option<&PairQuote<'_>>,
        atoms: u128,
    ) -> LegGrounds {
        let instrument = match take {
            Take::Buy => pair.buy,
            Take::Sell => pair.sell,
        };
        let leg = quote.map(|quote| match take {
            Take::Buy => &quote.buy,
            Take::Sell => &quote.sell,
        });
        LegGrounds {
            instrument,
            take,
            standing: self.standing(self.world.tables.instruments[instrument.index()].market),
            refusal: self.world.check_usable(instrument, self.now_ns()).err(),
            quote: leg.filter(|_| atoms > 0).and_then(|leg| leg.quote(take, atoms).ok()),
            pieces: leg.map_or_else(Vec::new, |leg| pieces(leg, take, atoms)),
            conversion: leg.map(|leg| (leg.conversion.mid, leg.conversion.hit)),
        }
    }

    fn rates(&self, pair: &PairSpec) -> Vec<RateUsed> {
        let tables = &self.world.tables;
        let mut used: Vec<RateUsed> = Vec::new();
        let settles = |id: InstrumentId| tables.instruments[id.index()].settles_in;
        let mut wanted = alloc::vec![(settles(pair.buy), pair.money)];
        wanted.push((settles(pair.sell), pair.money));
        wanted.push((pair.money, tables.numeraire));
        for (from, to) in wanted {
            let Some((rate, _)) = rates::find(tables, from, to).filter(|_| from != to) else {
                continue;
            };
            if used.iter().all(|it| it.market != rate.market) {
                let found = self.rate(rate.market, rate.from, rate.to, rate.max_age_ns);
                used.push(found);
            }
        }
        used
    }

    fn coin(&self, pair: &PairSpec) -> Option<RateUsed> {
        let (market, age_max_ns) = self.world.tables.costs.coin_price?;
        let spec = &self.world.tables.markets[market.index()];
        (pair.chain_legs > 0).then(|| self.rate(market, spec.base, spec.quote, age_max_ns))
    }

    fn rate(&self, market: MarketId, from: AssetId, to: AssetId, age_max_ns: u64) -> RateUsed {
        let touch = self.world.touch(market);
        let at_ns = touch.map_or(self.world.heard_ns[market.index()], |(_, at_ns)| at_ns);
        RateUsed { from, to, market, touch: touch.map(|it| it.0), at_ns, age_max_ns }
    }

    fn caps(&self, pair: &PairSpec, quote: &PairQuote<'_>, atoms: u128) -> Vec<Cap> {
        let caps = &quote.caps;
        let [size, held] = self.world.base_caps(pair);
        let bought = |atoms| quote.buy.quote(Take::Buy, atoms).ok();
        let sold = |atoms| quote.sell.quote(Take::Sell, atoms).ok();
        let total = |it: Option<LegQuote>| it.map(|it| it.total);
        let gross = |it: Option<LegQuote>| it.map(|it| it.gross);
        // Deeper than the market: then the market ends the size, and no limit does.
        let at = |atoms: u128| {
            let (bought, sold) = (bought(atoms), sold(atoms));
            [Some(atoms), Some(atoms), total(bought), gross(bought), gross(sold)]
        };
        let limits = [size, held, caps.buy_total, caps.buy_notional, caps.sell_notional];
        let kinds = [
            CapKind::BaseSize,
            CapKind::BaseBalance,
            CapKind::QuoteBalance,
            CapKind::BuyNotional,
            CapKind::SellNotional,
        ];
        let used = if atoms == 0 { [Some(0); 5] } else { at(atoms) };
        let more = at(atoms.saturating_add(quote.lot_atoms));
        kinds
            .into_iter()
            .zip(limits)
            .zip(used.into_iter().zip(more))
            .filter(|((_, limit), _)| *limit != u128::MAX)
            .map(|((kind, limit), (used, more))| Cap {
                kind,
                used: used.unwrap_or(0),
                limit,
                binds: more.is_some_and(|more| more > limit),
            })
            .collect()
    }
}

fn pieces(leg: &Leg<'_>, take: Take, atoms: u128) -> Vec<PieceUsed> {
    match leg.source {
        Source::Book(book) => {
            let side = match take {
                Take::Buy => Side::Ask,
                Take::Sell => Side::Bid,
            };
            let lots = atoms / u128::from(book.atoms_per_lot);
            let mut left = u64::try_from(lots).unwrap_or(u64::MAX);
            let mut used = Vec::new();
            for level in book.book.levels(side) {
                if left == 0 && !used.is_empty() {
                    break;
                }
                let taken_lots = left.min(level.size_lots);
                left -= taken_lots;
                used.push(PieceUsed::Level {
                    price_ticks: level.price_ticks,
                    size_lots: level.size_lots,
                    taken_lots,
                });
            }
            used
        }
        Source::Pool(pool) => segments(&pool, take, atoms),
    }
}

/// The segments that a size goes through. The part of the last one is what the exact quote of the
/// whole size leaves after those before it.
fn segments(pool: &PoolLeg<'_>, take: Take, atoms: u128) -> Vec<PieceUsed> {
    use engine_poolmath::whirlpool::Amount;
    let units = u64::try_from(atoms / u128::from(pool.atoms_per_unit)).unwrap_or(u64::MAX);
    let amount = match take {
        Take::Buy => Amount::ExactOut(units),
        Take::Sell => Amount::ExactIn(units),
    };
    let whole = pool.path.quote(amount).ok().filter(|_| units > 0);
    let base_end = |segment: &Segment| match take {
        Take::Buy => segment.amount_out_end,
        Take::Sell => segment.amount_in_end,
    };
    let tail = pool.path.unbounded_segment();
    let (mut used, mut before) = (Vec::new(), [0_u64; 3]);
    for segment in pool.path.segments().iter().chain(tail.as_ref()) {
        let is_whole = units > 0 && base_end(segment) <= units;
        let end = match (is_whole, &whole) {
            (true, _) => [segment.amount_in_end, segment.amount_out_end, segment.fee_end],
            (false, Some(quote)) => [quote.amount_in, quote.amount_out, quote.fee_amount],
            (false, None) => before,
        };
        used.push(PieceUsed::Segment {
            sqrt_price_start: segment.sqrt_price_start,
            sqrt_price_end: segment.sqrt_price_end,
            liquidity: segment.liquidity,
            fee_rate_ppm: segment.fee_rate_ppm,
            base: pool.base,
            amount_in: end[0].saturating_sub(before[0]),
            amount_out: end[1].saturating_sub(before[1]),
            fee: end[2].saturating_sub(before[2]),
            is_whole,
        });
        before = end;
        if base_end(segment) >= units {
            break;
        }
    }
    used
}
