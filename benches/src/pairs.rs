//! Books of 20 levels against ten segments of a real pool, and a search that knows no calculus.

use engine_core::market::book::Book;
use engine_core::market::rates::Conversion;
use engine_core::market::take::Take;
use engine_core::num::ratio::Ratio;
use engine_core::signal::leg::{BookLeg, Leg, PoolLeg, Source};
use engine_core::signal::pair::{Caps, PairQuote, Terms};
use engine_core::signal::waterfall::{Priced, price};
use engine_core::tables::BaseToken;
use engine_model::Side;
use engine_model::units::PPM_ONE;

use crate::pools::RealPool;

/// Levels of the book.
pub const LEVELS: u64 = 20;
/// Segments of the pool.
pub const SEGMENTS: u32 = 10;
/// One lot in atoms: SOL has nine decimals on chain and a lot of 10⁻⁸ on Coinbase.
const ATOMS_PER_LOT: u64 = 10;

/// A book and a pool, and which of them is cheap.
#[derive(Clone, Debug)]
pub struct Pair {
    book: Book,
    pool: RealPool,
    /// What happens at the book.
    book_take: Take,
}

impl Pair {
    /// The cases that are measured: either side cheap, by two to six percent, so that the optimum
    /// lies between the first levels and the far end of both curves.
    #[must_use]
    pub fn cases() -> Vec<Self> {
        let mut cases = Vec::new();
        for book_take in [Take::Buy, Take::Sell] {
            for edge_ppm in [20_000, 30_000, 40_000, 60_000] {
                cases.push(Self::new(book_take, edge_ppm));
            }
        }
        cases
    }

    fn new(book_take: Take, edge_ppm: u64) -> Self {
        let pool = RealPool::with_steps(SEGMENTS);
        let mut book = Book::with_window_log2(10);
        // The pool holds this much base, and the book the same: the optimum is in the middle.
        let segments = match book_take {
            Take::Buy => pool.a_to_b.segments(),
            Take::Sell => pool.b_to_a.segments(),
        };
        let last = segments.last().expect("ten segments");
        let base_units = match book_take {
            Take::Buy => last.amount_in_end,
            Take::Sell => last.amount_out_end,
        };
        let lots_per_level = base_units / ATOMS_PER_LOT / LEVELS;
        // 14.04 USDC; one tick is a cent. Prices round down; only their order matters.
        let middle_ticks = 1_404;
        let moved = middle_ticks * edge_ppm / PPM_ONE;
        for rank in 0..LEVELS {
            // Uneven sizes: 50 % to 150 % of the mean.
            let size_lots = lots_per_level * (50 + rank * 37 % 101) / 100;
            let (side, price_ticks) = match book_take {
                Take::Buy => (Side::Ask, middle_ticks - moved + 2 * rank),
                Take::Sell => (Side::Bid, middle_ticks + moved - 2 * rank),
            };
            book.set(side, price_ticks, size_lots).expect("in range");
        }
        Self { book, pool, book_take }
    }

    /// What sizing takes. Fees of a published tier, size-dependent and other costs.
    #[must_use]
    pub fn quote(&self) -> PairQuote<'_> {
        let leg = |source| Leg { source, conversion: Conversion::NONE, equivalence_ppm: 0 };
        let book = leg(Source::Book(BookLeg {
            book: &self.book,
            atoms_per_lot: ATOMS_PER_LOT,
            // A cent times 10⁻⁸ SOL is 10⁻¹⁰ USDC, and USDC has six decimals.
            quote_per_tick_lot: Ratio { num: 1, den: 10_000 },
            taker_fee_ppm: 2_500,
        }));
        let (path, buys_from_book) = match self.book_take {
            Take::Buy => (&self.pool.a_to_b, true),
            Take::Sell => (&self.pool.b_to_a, false),
        };
        let pool = leg(Source::Pool(PoolLeg { path, base: BaseToken::A, atoms_per_unit: 1 }));
        let (buy, sell) = if buys_from_book { (book, pool) } else { (pool, book) };
        PairQuote {
            buy,
            sell,
            lot_atoms: u128::from(ATOMS_PER_LOT),
            terms: Terms {
                network: 2_000,
                tip: 15_000,
                failed_landing: 500,
                broken_leg_ppm: 50,
                latency_buffer_ppm: 100,
            },
            caps: Caps::NONE,
        }
    }

    /// Lots that both legs hold.
    #[must_use]
    pub fn depth_lots(&self) -> u128 {
        let (side, path) = match self.book_take {
            Take::Buy => (Side::Ask, &self.pool.a_to_b),
            Take::Sell => (Side::Bid, &self.pool.b_to_a),
        };
        let book: u128 = self.book.levels(side).map(|level| u128::from(level.size_lots)).sum();
        let pool = path.segments().last().map_or(0, |segment| match self.book_take {
            Take::Buy => segment.amount_in_end,
            Take::Sell => segment.amount_out_end,
        });
        book.min(u128::from(pool / ATOMS_PER_LOT))
    }
}

/// Golden-section search for the whole number of lots with the highest net profit, with one pricing
/// a round: what one writes who knows that profit has one peak and nothing else.
///
/// Bounds are inclusive. None when nothing in them has a price.
#[must_use]
pub fn golden_section(quote: &PairQuote<'_>, depth_lots: u128) -> Option<(u128, Priced)> {
    // 1/φ in 64 fraction bits. Positions round down.
    const INVERSE_PHI: u128 = 11_400_714_819_323_198_485;
    let lot = quote.lot_atoms;
    let at = |lots: u128| price(quote, lots * lot).ok().map(|priced| (lots, priced));
    let net = |point: &Option<(u128, Priced)>| point.map_or(i128::MIN, |(_, priced)| priced.net);
    let section = |width: u128| (width * INVERSE_PHI) >> 64;
    let (mut low, mut high) = (1_u128, depth_lots);
    let mut left = at(high - section(high - low));
    let mut right = at(low + section(high - low));
    while high - low > 3 {
        if net(&left) < net(&right) {
            low = left.map_or(high - section(high - low), |(lots, _)| lots);
            left = right;
            right = at(low + section(high - low));
        } else {
            high = right.map_or(low + section(high - low), |(lots, _)| lots);
            right = left;
            left = at(high - section(high - low));
        }
    }
    (low..=high).filter_map(at).max_by_key(|(_, priced)| priced.net)
}

/// What rounding may make of two sizes that are equally good. Unit: 10⁻⁶ USDC.
///
/// Profit is flat around its peak: tens of millions of lots lie within a unit of it, and which of
/// them the integer roundings of five parts favour is chance.
pub const ROUNDING_UNITS: i128 = 2;

#[cfg(test)]
mod tests {
    use engine_core::signal::sizing::best_size;

    use super::*;

    #[test]
    fn the_cases_reach_into_both_curves_and_the_search_finds_no_more() {
        for pair in Pair::cases() {
            let quote = pair.quote();
            let sized = best_size(&quote).expect("priced").expect("an edge");
            let (lots, searched) =
                golden_section(&quote, pair.depth_lots()).expect("something has a price");
            assert!(sized.pieces_touched > 1, "{sized:?}");
            assert!(
                sized.priced.net + ROUNDING_UNITS >= searched.net,
                "{} atoms make {}, {lots} lots {}",
                sized.base_atoms,
                sized.priced.net,
                searched.net
            );
        }
    }
}
