//! One leg of a pair as a curve: an order book side or one direction of a pool.
//!
//! Base amounts are *atoms*: the finest unit in which both legs of a pair are whole. A pair trades
//! whole multiples of its *lot*, the least common multiple of both legs' steps. Quote amounts are
//! whole units of the leg's quote asset (10^-decimals), pair money is whole units of the asset the
//! pair accounts in. Costs round up, proceeds round down: always against us.

use engine_model::Side;
use engine_model::units::PPM_ONE;
use engine_poolmath::whirlpool::{Amount, Path, Segment, SwapError};
use serde::{Deserialize, Serialize};

use crate::market::book::{Book, Level};
use crate::market::rates::Conversion;
use crate::market::take::Take;
use crate::num::approx::Approx;
use crate::num::ratio::{Ratio, mul_div_ceil, mul_div_floor};
use crate::tables::BaseToken;

/// A book side to take from.
#[derive(Clone, Copy, Debug)]
pub struct BookLeg<'a> {
    /// The book. Its asks are bought from, its bids sold to.
    pub book: &'a Book,
    /// Atoms in one lot.
    pub atoms_per_lot: u64,
    /// Quote units in one tick-lot.
    pub quote_per_tick_lot: Ratio,
    /// Taker fee. Unit: parts per million of the notional, in the quote asset.
    pub taker_fee_ppm: u32,
}

/// One direction of a pool.
#[derive(Clone, Copy, Debug)]
pub struct PoolLeg<'a> {
    /// Steps from the current price in the leg's direction.
    pub path: &'a Path,
    /// Orientation.
    pub base: BaseToken,
    /// Atoms in one base unit of the base token's mint.
    pub atoms_per_unit: u64,
}

/// Where a leg trades.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// A book.
    Book(BookLeg<'a>),
    /// A pool.
    Pool(PoolLeg<'a>),
}

/// One leg of a pair.
#[derive(Clone, Copy, Debug)]
pub struct Leg<'a> {
    /// Where it trades.
    pub source: Source<'a>,
    /// Into pair money.
    pub conversion: Conversion,
    /// Declared cost of treating the leg's base asset as the pair's. Unit: ppm of the leg's value.
    pub equivalence_ppm: u32,
}

/// Exact figures of one leg at one size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegQuote {
    /// Quote moved with the fees added back. Unit: quote units.
    pub gross: u128,
    /// Taker fee of a book. Unit: quote units, rounded up.
    pub taker_fee: u128,
    /// Fee of a pool; a fee in base is valued at the leg's own average price, rounded up.
    pub pool_fee: u128,
    /// Paid (buy) or received (sell), fees included. Unit: quote units.
    pub total: u128,
    /// Last price touched of a book, in ticks; 0 for a pool.
    pub limit_price_ticks: u64,
}

/// Why a leg has no quote at a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LegError {
    /// The book side does not hold that much.
    TooDeep,
    /// The pool refuses.
    Pool(SwapError),
    /// A figure above 2¹²⁷, or an amount above `u64` for a pool.
    Overflow,
}

/// A stretch of a leg with one formula for its marginal price.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// Constant: pair money per atom.
    Flat(Approx),
    /// `k / w²` with `w = w_start ∓ slope × (x − x_start)`: minus for a buy, plus for a sell.
    Curve { k: Approx, w_start: Approx, slope: Approx },
}

/// One piece of a leg, from the end of the one before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    pub(super) shape: Shape,
    /// Unit: atoms from the start of the leg.
    pub(super) start: u128,
    /// Unit: atoms from the start of the leg.
    pub(super) end: u128,
}

/// Everything proportional in a leg's price but the pool fee, which belongs to the segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Factors {
    /// Multiplies the raw price into pair money per atom.
    pub(super) scale: Approx,
    /// Leave pool fees out: gross prices.
    pub(super) without_pool_fees: bool,
}

/// `1 ± ppm / 10⁶`.
fn one_and_ppm(take: Take, ppm: u64) -> Approx {
    if ppm == 0 {
        return Approx::ONE;
    }
    let numerator = match take {
        Take::Buy => PPM_ONE + ppm,
        Take::Sell => PPM_ONE.saturating_sub(ppm),
    };
    Approx::ratio(u128::from(numerator), u128::from(PPM_ONE))
}

impl Leg<'_> {
    /// Factors of the marginal price with every proportional cost in it. `extra_ppm` is what the
    /// pair takes off besides (buffer, expected cost of broken legs).
    pub(super) fn net_factors(&self, take: Take, extra_ppm: u64) -> Factors {
        let mut scale = self.raw_scale().mul(self.conversion.hit.approx());
        if let Source::Book(book) = self.source {
            scale = scale.mul(one_and_ppm(take, u64::from(book.taker_fee_ppm)));
        }
        scale = scale.mul(one_and_ppm(take, u64::from(self.equivalence_ppm)));
        scale = scale.mul(one_and_ppm(take, extra_ppm));
        Factors { scale, without_pool_fees: false }
    }

    /// Factors of the marginal price before any cost, at the middle rate.
    pub(super) fn gross_factors(&self) -> Factors {
        let scale = self.raw_scale().mul(self.conversion.mid.approx());
        Factors { scale, without_pool_fees: true }
    }

    /// Raw price (ticks, or quote units per base unit) to quote units per atom.
    fn raw_scale(&self) -> Approx {
        match self.source {
            Source::Book(book) => book
                .quote_per_tick_lot
                .approx()
                .div(Approx::from_u128(u128::from(book.atoms_per_lot))),
            Source::Pool(pool) => {
                Approx::ONE.div(Approx::from_u128(u128::from(pool.atoms_per_unit)))
            }
        }
    }

    /// The pieces, best price first.
    pub(super) fn pieces(
        &self,
        take: Take,
        factors: Factors,
    ) -> Pieces<'_, impl Iterator<Item = Level> + '_> {
        let kind = match self.source {
            Source::Book(book) => PieceKind::Levels {
                levels: book.book.levels(book_side(take)),
                atoms_per_lot: book.atoms_per_lot,
            },
            Source::Pool(pool) => PieceKind::Segments {
                segments: pool.path.segments().iter(),
                tail: pool.path.unbounded_segment(),
                base: pool.base,
                atoms_per_unit: pool.atoms_per_unit,
            },
        };
        Pieces { kind, take, factors, end: 0 }
    }

    /// The first piece that holds anything: of a book the best level, without looking for the next.
    pub(super) fn first_piece(&self, take: Take, factors: Factors) -> Option<Piece> {
        match self.source {
            Source::Book(book) => {
                let best = book.book.best(book_side(take))?;
                Some(level_piece(best, book.atoms_per_lot, factors, 0))
            }
            Source::Pool(_) => self.pieces(take, factors).find(|piece| piece.end > piece.start),
        }
    }

    /// Exact figures at `atoms`, which is a multiple of the leg's own step.
    ///
    /// # Errors
    ///
    /// [`LegError`] when the leg cannot trade that much.
    pub fn quote(&self, take: Take, atoms: u128) -> Result<LegQuote, LegError> {
        match self.source {
            Source::Book(book) => book.quote(take, atoms),
            Source::Pool(pool) => pool.quote(take, atoms),
        }
    }

    /// The most atoms whose total (buy: paid, sell: received) stays within `quote_max`, up to a few
    /// units too many by rounding; the caller checks with [`Leg::quote`].
    pub(super) fn atoms_within_quote(&self, take: Take, quote_max: u128) -> u128 {
        match self.source {
            Source::Book(book) => book.atoms_within_quote(take, quote_max),
            Source::Pool(pool) => pool.atoms_within_quote(take, quote_max),
        }
    }
}

/// A level as a piece that begins at `start`.
fn level_piece(level: Level, atoms_per_lot: u64, factors: Factors, start: u128) -> Piece {
    let price = Approx::from_u128(u128::from(level.price_ticks));
    let atoms = u128::from(level.size_lots) * u128::from(atoms_per_lot);
    let shape = Shape::Flat(price.mul(factors.scale));
    Piece { shape, start, end: start.saturating_add(atoms) }
}

/// Buys take asks, sells take bids.
fn book_side(take: Take) -> Side {
    match take {
        Take::Buy => Side::Ask,
        Take::Sell => Side::Bid,
    }
}

impl BookLeg<'_> {
    fn quote(&self, take: Take, atoms: u128) -> Result<LegQuote, LegError> {
        let mut lots_left = atoms / u128::from(self.atoms_per_lot);
        // Most sizes that are asked for lie within the best level.
        if let Some(Level { price_ticks, size_lots }) = self.book.best(book_side(take))
            && (1..=u128::from(size_lots)).contains(&lots_left)
        {
            return self.figures(take, u128::from(price_ticks) * lots_left, price_ticks);
        }
        let mut tick_lots = 0_u128;
        let mut limit_price_ticks = 0;
        for Level { price_ticks, size_lots } in self.book.levels(book_side(take)) {
            if lots_left == 0 {
                break;
            }
            let lots = lots_left.min(u128::from(size_lots));
            tick_lots =
                tick_lots.checked_add(u128::from(price_ticks) * lots).ok_or(LegError::Overflow)?;
            lots_left -= lots;
            limit_price_ticks = price_ticks;
        }
        if lots_left > 0 {
            return Err(LegError::TooDeep);
        }
        self.figures(take, tick_lots, limit_price_ticks)
    }

    /// What so many atoms come to at the best price. Unit: quote units, rounded down; none of an
    /// empty side or out of range.
    pub(super) fn touch_value(&self, take: Take, atoms: u128) -> Option<u128> {
        let price_ticks = self.book.best(book_side(take))?.price_ticks;
        let lots = atoms / u128::from(self.atoms_per_lot);
        let Ratio { num, den } = self.quote_per_tick_lot;
        mul_div_floor(lots.checked_mul(u128::from(price_ticks))?, num, den)
    }

    /// Notional in quote units: paid rounds up, received rounds down; the fee rounds up.
    pub(crate) fn figures(
        &self,
        take: Take,
        tick_lots: u128,
        limit_price_ticks: u64,
    ) -> Result<LegQuote, LegError> {
        let Ratio { num, den } = self.quote_per_tick_lot;
        let gross = match take {
            Take::Buy => mul_div_ceil(tick_lots, num, den),
            Take::Sell => mul_div_floor(tick_lots, num, den),
        }
        .ok_or(LegError::Overflow)?;
        let fee_num = num.checked_mul(u128::from(self.taker_fee_ppm)).ok_or(LegError::Overflow)?;
        let fee_den = den.checked_mul(u128::from(PPM_ONE)).ok_or(LegError::Overflow)?;
        let taker_fee = mul_div_ceil(tick_lots, fee_num, fee_den).ok_or(LegError::Overflow)?;
        let total = match take {
            Take::Buy => gross.checked_add(taker_fee).ok_or(LegError::Overflow)?,
            Take::Sell => gross.saturating_sub(taker_fee),
        };
        Ok(LegQuote { gross, taker_fee, pool_fee: 0, total, limit_price_ticks })
    }

    fn atoms_within_quote(&self, take: Take, quote_max: u128) -> u128 {
        let ppm = match take {
            Take::Buy => PPM_ONE + u64::from(self.taker_fee_ppm),
            Take::Sell => PPM_ONE.saturating_sub(u64::from(self.taker_fee_ppm)).max(1),
        };
        let before_fee = mul_div_floor(quote_max, u128::from(PPM_ONE), u128::from(ppm));
        before_fee.map_or(u128::MAX, |gross_max| self.atoms_within_gross(take, gross_max))
    }

    /// As [`Leg::atoms_within_quote`], of the amount before the fee.
    pub(super) fn atoms_within_gross(&self, take: Take, gross_max: u128) -> u128 {
        let Ratio { num, den } = self.quote_per_tick_lot;
        let Some(mut tick_lots_left) = mul_div_floor(gross_max, den, num) else {
            return u128::MAX;
        };
        let mut lots = 0_u128;
        for Level { price_ticks, size_lots } in self.book.levels(book_side(take)) {
            let affordable = (tick_lots_left / u128::from(price_ticks)).min(u128::from(size_lots));
            lots += affordable;
            if affordable < u128::from(size_lots) {
                break;
            }
            tick_lots_left -= affordable * u128::from(price_ticks);
        }
        lots.saturating_mul(u128::from(self.atoms_per_lot))
    }
}

impl PoolLeg<'_> {
    fn quote(&self, take: Take, atoms: u128) -> Result<LegQuote, LegError> {
        let units = u64::try_from(atoms / u128::from(self.atoms_per_unit))
            .map_err(|_| LegError::Overflow)?;
        match take {
            Take::Buy => {
                let quote = self.path.quote(Amount::ExactOut(units)).map_err(LegError::Pool)?;
                let (paid, fee) = (u128::from(quote.amount_in), u128::from(quote.fee_amount));
                Ok(LegQuote {
                    gross: paid - fee,
                    taker_fee: 0,
                    pool_fee: fee,
                    total: paid,
                    limit_price_ticks: 0,
                })
            }
            Take::Sell => {
                let quote = self.path.quote(Amount::ExactIn(units)).map_err(LegError::Pool)?;
                if quote.amount_in != units {
                    return Err(LegError::TooDeep);
                }
                let (out, fee) = (u128::from(quote.amount_out), u128::from(quote.fee_amount));
                let priced = u128::from(units) - fee;
                // ceil(out × fee / (in − fee)): the base fee at the leg's own average price.
                let fee_value = if priced == 0 { 0 } else { (out * fee).div_ceil(priced) };
                Ok(LegQuote {
                    gross: out + fee_value,
                    taker_fee: 0,
                    pool_fee: fee_value,
                    total: out,
                    limit_price_ticks: 0,
                })
            }
        }
    }

    fn atoms_within_quote(&self, take: Take, quote_max: u128) -> u128 {
        let tail = self.path.unbounded_segment();
        let Some(last) = tail.as_ref().or(self.path.segments().last()) else { return 0 };
        let (quote_end, base_end) = match take {
            Take::Buy => (last.amount_in_end, last.amount_out_end),
            Take::Sell => (last.amount_out_end, last.amount_in_end),
        };
        let units = if quote_max >= u128::from(quote_end) {
            base_end
        } else {
            // Below a u64, since it is below `quote_end`.
            let amount = u64::try_from(quote_max).unwrap_or(u64::MAX);
            let quote = match take {
                Take::Buy => self.path.quote(Amount::ExactIn(amount)).map(|q| q.amount_out),
                Take::Sell => self.path.quote(Amount::ExactOut(amount)).map(|q| q.amount_in),
            };
            quote.unwrap_or(0)
        };
        u128::from(units) * u128::from(self.atoms_per_unit)
    }
}

enum PieceKind<'a, L> {
    Levels {
        levels: L,
        atoms_per_lot: u64,
    },
    Segments {
        segments: core::slice::Iter<'a, Segment>,
        tail: Option<Segment>,
        base: BaseToken,
        atoms_per_unit: u64,
    },
}

/// Iterator over the pieces of a leg.
pub(super) struct Pieces<'a, L> {
    kind: PieceKind<'a, L>,
    take: Take,
    factors: Factors,
    end: u128,
}

impl<L: Iterator<Item = Level>> Iterator for Pieces<'_, L> {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        let start = self.end;
        let (shape, end) = match &mut self.kind {
            PieceKind::Levels { levels, atoms_per_lot } => {
                let piece = level_piece(levels.next()?, *atoms_per_lot, self.factors, start);
                (piece.shape, piece.end)
            }
            PieceKind::Segments { segments, tail, base, atoms_per_unit } => {
                let segment = segments.next().copied().or_else(|| tail.take())?;
                let units = match self.take {
                    Take::Buy => segment.amount_out_end,
                    Take::Sell => segment.amount_in_end,
                };
                let end = u128::from(units) * u128::from(*atoms_per_unit);
                (curve(&segment, *base, *atoms_per_unit, self.take, self.factors), end)
            }
        };
        self.end = end;
        Some(Piece { shape, start, end })
    }
}

/// The marginal price of a segment.
///
/// With `u = 1/√price` (quote per base) a swap moves `w = L·u`, the virtual base reserve, one for
/// one with the base that leaves the pool, and by `1 − fee` of the base that enters. The marginal
/// price is `(L/w)²`, divided by `1 − fee` when buying (the fee is in quote) and multiplied by it
/// when selling (the fee is in base).
fn curve(
    segment: &Segment,
    base: BaseToken,
    atoms_per_unit: u64,
    take: Take,
    factors: Factors,
) -> Shape {
    let liquidity = Approx::from_u128(segment.liquidity);
    let sqrt_price = Approx::from_u128(segment.sqrt_price_start);
    let unit = Approx::from_u128(u128::from(atoms_per_unit));
    let units_start = match base {
        BaseToken::A => liquidity.shifted(64).div(sqrt_price),
        BaseToken::B => liquidity.mul(sqrt_price).shifted(-64),
    };
    let keep = if factors.without_pool_fees {
        Approx::ONE
    } else {
        one_and_ppm(Take::Sell, u64::from(segment.fee_rate_ppm))
    };
    let fee = match take {
        Take::Buy => Approx::ONE.div(keep),
        Take::Sell => keep,
    };
    let liquidity_atoms = liquidity.mul(unit);
    let k = liquidity_atoms.squared().mul(factors.scale).mul(fee);
    let slope = match take {
        Take::Buy => Approx::ONE,
        Take::Sell => keep,
    };
    Shape::Curve { k, w_start: units_start.mul(unit), slope }
}
