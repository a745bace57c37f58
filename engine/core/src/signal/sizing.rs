//! The size with the highest net profit, found exactly.
//!
//! Both legs are walked in lockstep, best prices first. A book is piecewise constant in marginal
//! price and a pool piecewise `k / w²` with `w` linear in the base amount, so in each cell (the
//! overlap of one piece of each) the point where marginal cost meets marginal revenue has a closed
//! form. Profit is concave, so the first cell in which they meet holds the optimum. Costs that do
//! not depend on the size do not move it. The point is then rounded to lots and its neighbours are
//! priced with exact integers.

use engine_poolmath::whirlpool::Segment;

use super::leg::{BookLeg, Factors, Leg, Piece, Shape, Source};
use super::pair::PairQuote;
use super::waterfall::{Priced, PricingError, price};
use crate::market::take::Take;
use crate::num::approx::Approx;

/// The chosen size and everything about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sized {
    /// Chosen size. Unit: atoms, a multiple of the pair's lot.
    pub base_atoms: u128,
    /// Exact figures at that size.
    pub priced: Priced,
    /// Levels and segments entered by the walk.
    pub pieces_touched: u32,
    /// Whether a cap, not the market, ended the size.
    pub capped: bool,
}

/// Where the walk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stop {
    pub(super) atoms: u128,
    pub(super) pieces_touched: u32,
}

/// Finds the best size of a pair.
///
/// Returns none when no positive size improves on doing nothing before size-independent costs, or
/// when the caps leave less than one lot.
///
/// # Errors
///
/// [`PricingError`] when the chosen size cannot be priced exactly.
pub fn best_size(pair: &PairQuote<'_>) -> Result<Option<Sized>, PricingError> {
    let lot = pair.lot_atoms;
    let base_cap = pair.caps.base_atoms / lot * lot;
    let mut stop = walk(pair, base_cap);
    if stop.atoms == 0 && is_idle_best(pair) {
        return Ok(None);
    }
    // Inverting the caps in quote is dear; most sizes stay within them.
    let wanted = stop.atoms / lot * lot;
    let allowed = within_caps_at_most(pair, wanted);
    let cap = if allowed < wanted { allowed } else { base_cap };
    stop.atoms = stop.atoms.min(cap);
    let down = stop.atoms / lot * lot;
    let up = if stop.atoms == down && down > 0 { down } else { down + lot };
    let mut best: Option<(u128, Priced)> = None;
    for atoms in [down, up] {
        if atoms == 0 || atoms > cap || best.is_some_and(|(chosen, _)| chosen == atoms) {
            continue;
        }
        if atoms == up && up != down && !is_within_caps(pair, atoms) {
            continue;
        }
        match price(pair, atoms) {
            Ok(priced) => {
                if best.is_none_or(|(_, chosen)| chosen.net < priced.net) {
                    best = Some((atoms, priced));
                }
            }
            // The upper neighbour may lie beyond a leg's depth; the lower one never does.
            Err(error) if atoms == down => return Err(error),
            Err(_) => (),
        }
    }
    if let Some(chosen) = &mut best {
        before_crossings(pair, &pair.buy, Take::Buy, chosen);
        before_crossings(pair, &pair.sell, Take::Sell, chosen);
        neighbours(pair, cap, chosen);
    }
    // Where one unit of base is dear, rounding can make every size worse than none.
    let idle = pair.terms.idle_cost();
    let best = best.filter(|(_, priced)| priced.net.saturating_add(idle) > 0);
    Ok(best.map(|(base_atoms, priced)| Sized {
        base_atoms,
        priced,
        pieces_touched: stop.pieces_touched,
        capped: base_atoms + lot > cap,
    }))
}

/// Whether no size of a few lots can be better than none, once the walk has stopped where it began.
///
/// Between two books in one money the marginal edge of the first lot is the best there is, every
/// later one is worse, and all rounding is against us: what the walk found to be no gain is none
/// exactly. The walk's prices are right to 2⁻⁵⁸ or better, which is less than a unit of money on a
/// value below [`IDLE_VALUE_MAX`]. A pool may round in steps of a base unit, so it is priced.
fn is_idle_best(pair: &PairQuote<'_>) -> bool {
    let is_exact = |leg: &Leg<'_>, take| match leg.source {
        Source::Book(book) => {
            let value = book.touch_value(take, pair.lot_atoms.saturating_mul(FEW_LOTS));
            leg.conversion.hit.is_one() && value.is_some_and(|value| value < IDLE_VALUE_MAX)
        }
        Source::Pool(_) => false,
    };
    is_exact(&pair.buy, Take::Buy) && is_exact(&pair.sell, Take::Sell)
}

/// Value of a few lots up to which the walk tells gain from loss. Unit: quote units.
const IDLE_VALUE_MAX: u128 = 1 << 50;

/// Stops short of a pool's segment end where that makes more.
///
/// Each segment that is traded through to its end loses up to a base unit or two to rounding, all
/// at once, at its end. Where a unit of base is worth more than a unit of quote, the last lot before
/// such an end can beat the optimum of the smooth curve. Profit before rounding grows up to the
/// optimum, so ends further back are of no interest once the loss is made up for.
fn before_crossings(pair: &PairQuote<'_>, leg: &Leg<'_>, take: Take, chosen: &mut (u128, Priced)) {
    let Source::Pool(pool) = leg.source else { return };
    let unit_atoms = u128::from(pool.atoms_per_unit);
    let quote = match take {
        Take::Buy => chosen.1.buy,
        Take::Sell => chosen.1.sell,
    };
    // What one base unit is worth at most within the chosen size, in quote units.
    let units = (chosen.0 / unit_atoms).max(1);
    let unit_value = i128::try_from(quote.gross / units * 2 + 2).unwrap_or(i128::MAX);
    if unit_value <= UNIT_VALUE_IGNORED {
        return;
    }
    let base_end = |segment: &Segment| match take {
        Take::Buy => segment.amount_out_end,
        Take::Sell => segment.amount_in_end,
    };
    let lot = pair.lot_atoms;
    let segments = pool.path.segments();
    let crossed = segments
        .partition_point(|s| u128::from(base_end(s)).saturating_mul(unit_atoms) <= chosen.0);
    let rounds = i128::try_from(2 * crossed + 2).unwrap_or(i128::MAX);
    let lost_max = unit_value.saturating_mul(rounds);
    let last_net = chosen.1.net;
    for segment in segments[..crossed].iter().rev() {
        let units = u128::from(base_end(segment).saturating_sub(1));
        let atoms = units.saturating_mul(unit_atoms) / lot * lot;
        if atoms == 0 {
            return;
        }
        let Ok(priced) = price(pair, atoms) else { continue };
        if priced.net > chosen.1.net {
            *chosen = (atoms, priced);
        }
        if last_net.saturating_sub(priced.net) > lost_max {
            return;
        }
    }
}

/// Looks a few lots to both sides where a lot is of the order of what rounding shifts.
fn neighbours(pair: &PairQuote<'_>, cap: u128, chosen: &mut (u128, Priced)) {
    let lot = pair.lot_atoms;
    if chosen.0 / lot > FEW_LOTS {
        return;
    }
    let centre = chosen.0;
    for away in 1..=NEIGHBOURS {
        for atoms in [centre.saturating_sub(away * lot), centre + away * lot] {
            if atoms > 0
                && atoms <= cap
                && let Ok(priced) = price(pair, atoms)
                && priced.net > chosen.1.net
                && (atoms < centre || is_within_caps(pair, atoms))
            {
                *chosen = (atoms, priced);
            }
        }
    }
}

/// Below this many lots a size is so small that rounding to base units moves the optimum by lots.
const FEW_LOTS: u128 = 256;
/// Lots looked at to each side then.
const NEIGHBOURS: u128 = 4;

/// Base units worth no more than this many quote units are not worth stopping short for: twice the
/// value and the rounding of the estimate stay within one quote unit per segment.
const UNIT_VALUE_IGNORED: i128 = 3;

/// Whether the caps leave room for at least one lot.
pub(super) fn has_room(pair: &PairQuote<'_>) -> bool {
    pair.caps.base_atoms >= pair.lot_atoms && is_within_caps(pair, pair.lot_atoms)
}

/// The largest multiple of the lot, at most `wanted` (which is one), that the caps in quote allow.
///
/// Both legs' totals grow with the size, so the largest is found by doubling steps from the
/// inverted caps, which are a few units off at most, and halving between: at most twice 128 looks,
/// mostly four.
fn within_caps_at_most(pair: &PairQuote<'_>, wanted: u128) -> u128 {
    let lot = pair.lot_atoms;
    if wanted == 0 || (!is_beyond_at_touch(pair, wanted) && is_within_caps(pair, wanted)) {
        return wanted;
    }
    let inverted = within_inverted(pair);
    let is_allowed = |lots: u128| lots == 0 || is_within_caps(pair, lots * lot);
    // `low` is allowed, `high` is not.
    let mut high = wanted / lot;
    let mut low;
    let mut step = 1;
    let guess = (inverted / lot).min(high - 1);
    if is_allowed(guess) {
        low = guess;
        while low + step < high && is_allowed(low + step) {
            low += step;
            step *= 2;
        }
        high = high.min(low + step);
    } else {
        high = guess;
        while step < high && !is_allowed(high - step) {
            high -= step;
            step *= 2;
        }
        low = high.saturating_sub(step);
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if is_allowed(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    low * lot
}

/// The caps in quote inverted: where the search for the largest size begins.
///
/// Between books each cap is inverted by itself, which is right to a lot or two. A pool's gross is
/// not quite monotone in the last units, so that with one the result depends on the beginning.
fn within_inverted(pair: &PairQuote<'_>) -> u128 {
    let (caps, buy, sell) = (&pair.caps, &pair.buy, &pair.sell);
    let (Source::Book(buy_book), Source::Book(sell_book)) = (buy.source, sell.source) else {
        return buy
            .atoms_within_quote(Take::Buy, caps.buy_total.min(caps.buy_notional))
            .min(sell.atoms_within_quote(Take::Sell, caps.sell_notional));
    };
    let none = u128::MAX;
    let gross = |book: BookLeg<'_>, take, cap: u128| {
        if cap == none { none } else { book.atoms_within_gross(take, cap) }
    };
    // A balance far above the notional never binds, and inverting it would walk the whole book.
    let total = if caps.buy_total == none || caps.buy_total / 2 >= caps.buy_notional {
        none
    } else {
        buy.atoms_within_quote(Take::Buy, caps.buy_total)
    };
    total.min(gross(buy_book, Take::Buy, caps.buy_notional)).min(gross(
        sell_book,
        Take::Sell,
        caps.sell_notional,
    ))
}

/// Whether a size that the buying book holds is beyond its caps even at the best price: seen without
/// walking the book down to it.
fn is_beyond_at_touch(pair: &PairQuote<'_>, atoms: u128) -> bool {
    let Source::Book(book) = pair.buy.source else { return false };
    let most = pair.caps.buy_notional.min(pair.caps.buy_total);
    book.touch_value(Take::Buy, atoms).is_some_and(|value| value > most)
}

fn is_within_caps(pair: &PairQuote<'_>, atoms: u128) -> bool {
    let caps = &pair.caps;
    if caps.buy_total != u128::MAX || caps.buy_notional != u128::MAX {
        match pair.buy.quote(Take::Buy, atoms) {
            Ok(quote) if quote.total > caps.buy_total || quote.gross > caps.buy_notional => {
                return false;
            }
            // Deeper than the leg: the walk stops at the leg's end.
            Ok(_) | Err(_) => (),
        }
    }
    if caps.sell_notional != u128::MAX {
        match pair.sell.quote(Take::Sell, atoms) {
            Ok(quote) if quote.gross > caps.sell_notional => return false,
            Ok(_) | Err(_) => (),
        }
    }
    true
}

/// Walks both legs to the point where marginal cost meets marginal revenue, or to `cap`.
pub(super) fn walk(pair: &PairQuote<'_>, cap: u128) -> Stop {
    let extra_ppm = pair.terms.proportional_ppm();
    let mut buys = pair.buy.pieces(Take::Buy, pair.buy.net_factors(Take::Buy, 0));
    let mut sells = pair.sell.pieces(Take::Sell, pair.sell.net_factors(Take::Sell, extra_ppm));
    let mut at = 0_u128;
    let mut pieces_touched = 0;
    let (Some(mut buy), Some(mut sell)) = (buys.next(), sells.next()) else {
        return Stop { atoms: 0, pieces_touched };
    };
    loop {
        let end = buy.end.min(sell.end).min(cap);
        if end > at {
            pieces_touched += 1;
            if let Some(crossing) = crossing(&buy, &sell, at, end) {
                return Stop { atoms: crossing, pieces_touched };
            }
            at = end;
        }
        if at >= cap {
            return Stop { atoms: cap, pieces_touched };
        }
        // Each round consumes a piece, and both legs have finitely many.
        let next_buy = if buy.end <= at { buys.next() } else { Some(buy) };
        let next_sell = if sell.end <= at { sells.next() } else { Some(sell) };
        let (Some(b), Some(s)) = (next_buy, next_sell) else {
            return Stop { atoms: at, pieces_touched };
        };
        (buy, sell) = (b, s);
    }
}

/// `w` of a curve at `x`, seen from a take's direction.
fn w_at(take: Take, piece_start: u128, w_start: Approx, slope: Approx, x: u128) -> Approx {
    let moved = slope.mul(Approx::from_u128(x.saturating_sub(piece_start)));
    match take {
        Take::Buy => w_start.saturating_sub(moved),
        Take::Sell => w_start.add(moved),
    }
}

/// Where in `(start, end]` marginal cost stops being below marginal revenue; none when it does not.
fn crossing(buy: &Piece, sell: &Piece, start: u128, end: u128) -> Option<u128> {
    let is_worthless = match sell.shape {
        Shape::Flat(revenue) => revenue.is_zero(),
        Shape::Curve { k, .. } => k.is_zero(),
    };
    // Costs take all of the revenue, whatever the size.
    if is_worthless {
        return Some(start);
    }
    let offset = match (buy.shape, sell.shape) {
        (Shape::Flat(cost), Shape::Flat(revenue)) => {
            return if cost < revenue { None } else { Some(start) };
        }
        (Shape::Curve { k, w_start, slope }, Shape::Flat(revenue)) => {
            let w = |x| w_at(Take::Buy, buy.start, w_start, slope, x);
            if k <= revenue.mul(w(end).squared()) {
                return None;
            }
            w(start).saturating_sub(k.div(revenue).sqrt()).div(slope)
        }
        (Shape::Flat(cost), Shape::Curve { k, w_start, slope }) => {
            let w = |x| w_at(Take::Sell, sell.start, w_start, slope, x);
            if cost.mul(w(end).squared()) <= k {
                return None;
            }
            k.div(cost).sqrt().saturating_sub(w(start)).div(slope)
        }
        (
            Shape::Curve { k: k_buy, w_start: w_buy, slope: slope_buy },
            Shape::Curve { k: k_sell, w_start: w_sell, slope: slope_sell },
        ) => {
            let bought = |x| w_at(Take::Buy, buy.start, w_buy, slope_buy, x);
            let sold = |x| w_at(Take::Sell, sell.start, w_sell, slope_sell, x);
            if k_buy.mul(sold(end).squared()) <= k_sell.mul(bought(end).squared()) {
                return None;
            }
            // w_sell / w_buy = √(k_sell / k_buy) at the optimum, and both are linear.
            let root = k_sell.div(k_buy).sqrt();
            let gap = root.mul(bought(start)).saturating_sub(sold(start));
            gap.div(slope_sell.add(root.mul(slope_buy)))
        }
    };
    Some(start.saturating_add(offset.floor_u128()).min(end))
}

/// Marginal edge of the first unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TouchEdge {
    /// Revenue above cost, in parts per million of the cost, rounded down. `i64::MIN` when a leg is
    /// empty.
    pub ppm: i64,
    /// Whether revenue is above cost at all, however little.
    pub is_positive: bool,
}

impl TouchEdge {
    /// A leg holds nothing.
    pub const EMPTY: Self = Self { ppm: i64::MIN, is_positive: false };
}

/// Marginal edge of the first unit: before costs, and after every cost that is proportional to the
/// size.
#[must_use]
pub fn touch_edges(pair: &PairQuote<'_>) -> (TouchEdge, TouchEdge) {
    let extra_ppm = pair.terms.proportional_ppm();
    let gross = touch_edge(pair, pair.buy.gross_factors(), pair.sell.gross_factors());
    let net = touch_edge(
        pair,
        pair.buy.net_factors(Take::Buy, 0),
        pair.sell.net_factors(Take::Sell, extra_ppm),
    );
    (gross, net)
}

fn touch_edge(pair: &PairQuote<'_>, buy: Factors, sell: Factors) -> TouchEdge {
    let (Some(cost), Some(revenue)) =
        (pair.buy.first_piece(Take::Buy, buy), pair.sell.first_piece(Take::Sell, sell))
    else {
        return TouchEdge::EMPTY;
    };
    let marginal = |piece: &Piece| match piece.shape {
        Shape::Flat(price) => price,
        Shape::Curve { k, w_start, .. } => k.div(w_start.squared()),
    };
    let (cost, revenue) = (marginal(&cost), marginal(&revenue));
    let ratio_ppm = revenue.div(cost).mul(Approx::from_u128(1_000_000)).floor_u128();
    let ppm = i64::try_from(ratio_ppm).unwrap_or(i64::MAX).saturating_sub(1_000_000);
    TouchEdge { ppm, is_positive: cost < revenue }
}

/// The size with the best gross profit within the first cell, in whole lots and at least one: what
/// a candidate is stated at when no size survives its costs. Within the caps, unless they leave no
/// room at all. Zero when either leg holds less than a lot.
#[must_use]
pub fn first_cell(pair: &PairQuote<'_>) -> u128 {
    let lot = pair.lot_atoms;
    let (Some(buy), Some(sell)) = (
        pair.buy.first_piece(Take::Buy, pair.buy.gross_factors()),
        pair.sell.first_piece(Take::Sell, pair.sell.gross_factors()),
    ) else {
        return 0;
    };
    let end = buy.end.min(sell.end);
    let best = crossing(&buy, &sell, 0, end).unwrap_or(end);
    let whole = (best / lot * lot).max(lot).min(end / lot * lot);
    if !has_room(pair) {
        return whole;
    }
    within_caps_at_most(pair, whole.min(pair.caps.base_atoms / lot * lot))
}
