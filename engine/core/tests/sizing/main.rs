//! The chosen size against an exhaustive search (small cases) or a fine grid with local search.
//!
//! `RIPTIDE_SIZING_CASES` sets the number of random pairs; 100,000 is the full campaign.
#![expect(clippy::print_stdout, reason = "the size of the campaign is told to who runs it")]

use engine_core::market::book::Book;
use engine_core::market::rates::Conversion;
use engine_core::market::take::Take;
use engine_core::num::ratio::Ratio;
use engine_core::signal::leg::{BookLeg, Leg, PoolLeg, Source};
use engine_core::signal::pair::{Caps, PairQuote, Terms};
use engine_core::signal::sizing::{Sized, best_size};
use engine_core::signal::waterfall::{Priced, price};
use engine_core::tables::BaseToken;
use engine_model::Side;
use engine_poolmath::whirlpool::{
    Direction, Existence, MAX_SQRT_PRICE, MIN_SQRT_PRICE, Path, Pool, TickArraySet,
    sqrt_price_at_tick, tick_at_sqrt_price,
};

mod rng;

use rng::{Rng, budget};

/// Raw prices from 10⁻⁶ to 10⁶ as square roots in Q64.64 are ticks ±138,162.
const TICK_RANGE: i32 = 138_000;

/// Most rounds of the local search.
const ROUNDS_MAX: usize = 2_000;

struct Market {
    book: Option<Book>,
    paths: Option<(Path, Path)>,
    base: BaseToken,
    /// Atoms in one lot (book) or base unit (pool).
    atoms_per_step: u64,
    quote_per_tick_lot: Ratio,
    taker_fee_ppm: u32,
    sqrt_price: u128,
}

impl Market {
    fn leg(&self, take: Take) -> Leg<'_> {
        let source = match &self.paths {
            None => Source::Book(BookLeg {
                book: self.book.as_ref().expect("a market without paths is a book"),
                atoms_per_lot: self.atoms_per_step,
                quote_per_tick_lot: self.quote_per_tick_lot,
                taker_fee_ppm: self.taker_fee_ppm,
            }),
            Some((a_to_b, b_to_a)) => {
                let path = match (self.base, take) {
                    (BaseToken::A, Take::Sell) | (BaseToken::B, Take::Buy) => a_to_b,
                    (BaseToken::A, Take::Buy) | (BaseToken::B, Take::Sell) => b_to_a,
                };
                Source::Pool(PoolLeg { path, base: self.base, atoms_per_unit: self.atoms_per_step })
            }
        };
        Leg { source, conversion: Conversion::NONE, equivalence_ppm: 0 }
    }

    /// Value of one base unit at the pool's start price, rounded up; 0 for a book.
    fn unit_value(&self) -> i128 {
        if self.paths.is_none() {
            return 0;
        }
        // Prices lie within 10^±6, so the root lies within 2^54..2^74 and both squares fit.
        let value = match self.base {
            BaseToken::A => ((self.sqrt_price >> 12).pow(2) >> 104) + 1,
            BaseToken::B => (((1_u128 << 96) / self.sqrt_price).pow(2) >> 64) + 1,
        };
        i128::try_from(value.max(1)).expect("a price below 2^64")
    }

    fn pieces(&self, take: Take) -> i128 {
        let count = match &self.paths {
            None => {
                let book = self.book.as_ref().expect("a market without paths is a book");
                book.count(if take == Take::Buy { Side::Ask } else { Side::Bid })
            }
            Some((a, b)) => a.segments().len().max(b.segments().len()) + 1,
        };
        i128::try_from(count).expect("few")
    }
}

/// A book around `price` (quote units per atom = `price_num` / 2^64) with a random grid.
fn random_book(rng: &mut Rng, raw_price_q32: u128, lots_per_level: u64, spare: Book) -> Market {
    let mut book = spare;
    book.clear();
    // One tick-lot is worth 10^-e quote units: the finer, the larger the tick count.
    let exponent = rng.below(9);
    let scale = 10_u128.pow(u32::try_from(exponent).expect("below 9"));
    let mid = (raw_price_q32 * scale) >> 32;
    let mid = u64::try_from(mid.clamp(1_000, 1 << 55)).expect("clamped");
    let spread = 1 + rng.below(mid / 200 + 1);
    let (mut bid, mut ask) = (mid, mid + spread);
    for _ in 0..=rng.below(20) {
        let size = 1 + rng.below(lots_per_level);
        book.set(Side::Bid, bid, size).expect("in range");
        book.set(Side::Ask, ask, 1 + rng.below(lots_per_level)).expect("in range");
        let step = 1 + rng.below(mid / 500 + 1);
        bid = bid.saturating_sub(step).max(1);
        ask += step;
    }
    Market {
        book: Some(book),
        paths: None,
        base: BaseToken::A,
        atoms_per_step: 1,
        quote_per_tick_lot: Ratio { num: 1, den: scale },
        taker_fee_ppm: u32::try_from(rng.below(3_000)).expect("small"),
        sqrt_price: 0,
    }
}

fn random_pool(rng: &mut Rng, tick: i32, depth: u128) -> Market {
    let spacing: u16 = [1, 2, 4, 8, 16, 64, 128][rng.index(7)];
    let fee_rate_ppm = [0, 100, 400, 500, 2_000, 3_000, 10_000, 60_000][rng.index(8)];
    let low = sqrt_price_at_tick(tick);
    let high = sqrt_price_at_tick(tick + 1);
    let sqrt_price = (low + u128::from(rng.next()) % (high - low).max(1))
        .clamp(MIN_SQRT_PRICE + 1, MAX_SQRT_PRICE - 1);
    let mut arrays = TickArraySet::with_capacity(16, spacing);
    let span = 88 * i32::from(spacing);
    let start = tick.div_euclid(span) * span;
    let mut nets: Vec<(i32, i128)> = Vec::new();
    let mut liquidity = 1 + depth;
    for _ in 0..rng.below(10) {
        let width = i32::try_from(rng.below(60)).expect("small") + 1;
        let at = tick.div_euclid(i32::from(spacing)) * i32::from(spacing);
        let lower = at - i32::try_from(rng.below(40)).expect("small") * i32::from(spacing);
        let upper = lower + width * i32::from(spacing);
        let amount = 1 + u128::from(rng.next()) % depth.max(2);
        let net = i128::try_from(amount).expect("below 2^100");
        nets.push((lower, net));
        nets.push((upper, -net));
        if lower <= tick && tick < upper {
            liquidity += amount;
        }
    }
    nets.sort_unstable();
    for array in -4..=4 {
        let begin = start + array * span;
        if arrays.begin(begin, Existence::Present).is_err() {
            continue;
        }
        let mut index = 0;
        while index < nets.len() {
            let at = nets[index].0;
            let mut net = 0;
            while index < nets.len() && nets[index].0 == at {
                net += nets[index].1;
                index += 1;
            }
            if at >= begin && at < begin + span {
                arrays.set_tick(at, net).expect("a usable tick");
            }
        }
    }
    let pool = Pool {
        tick_spacing: spacing,
        fee_tier_index: spacing,
        fee_rate_ppm,
        protocol_fee_rate: 300,
        liquidity,
        sqrt_price,
        tick_current_index: tick_at_sqrt_price(sqrt_price),
        fee_growth_global_a: 0,
        fee_growth_global_b: 0,
    };
    let path = |direction| {
        let mut path = Path::with_capacity(100);
        path.rebuild(&pool, None, &arrays, direction, 0);
        path
    };
    Market {
        book: None,
        paths: Some((path(Direction::AToB), path(Direction::BToA))),
        base: BaseToken::A,
        atoms_per_step: 1,
        quote_per_tick_lot: Ratio::ONE,
        taker_fee_ppm: 0,
        sqrt_price,
    }
}

/// Flips a pool so that token B is the base: the book's raw price is then inverted.
fn as_base_b(mut market: Market) -> Market {
    market.base = BaseToken::B;
    market
}

struct Case {
    buy: Market,
    sell: Market,
    lot_atoms: u128,
    terms: Terms,
    cap: u128,
    /// In quote units of the leg: what the buy may cost, and both notionals.
    quote_caps: [u128; 3],
}

impl Case {
    fn quote(&self) -> PairQuote<'_> {
        PairQuote {
            buy: self.buy.leg(Take::Buy),
            sell: self.sell.leg(Take::Sell),
            lot_atoms: self.lot_atoms,
            terms: self.terms,
            caps: Caps {
                base_atoms: self.cap,
                buy_total: self.quote_caps[0],
                buy_notional: self.quote_caps[1],
                sell_notional: self.quote_caps[2],
            },
        }
    }
}

fn random_case(rng: &mut Rng, small: bool, spare: &mut Option<Book>) -> Case {
    let tick = i32::try_from(rng.below(2 * u64::from(TICK_RANGE.unsigned_abs()))).expect("small")
        - TICK_RANGE;
    let base_b = rng.below(3) == 0;
    // Price of the base in quote units, Q32, moved by up to ±4 % so that edges come and go.
    let book_tick = if base_b { -tick } else { tick };
    let moved = book_tick + i32::try_from(rng.below(800)).expect("small") - 400;
    let root = sqrt_price_at_tick(moved) >> 24;
    let raw_price_q32 = (root * root) >> 48;
    let lots_per_level = if small { 30 } else { 1 << (10 + rng.below(40)) };
    let depth = if small { 1 << (8 + rng.below(24)) } else { 1_u128 << (30 + rng.below(31)) };
    // One step of the program's Q64.64 price is worth `depth / 2^64` of token B and
    // `depth / 2^64 / price` of token A. Where that is more than a unit, quotes jump by it, and no
    // size is the best but by luck; real pools are far below.
    let quote_per_base = ((root * root) >> 80) + 1;
    let depth = if base_b { depth.min((1 << 61) / quote_per_base) } else { depth };
    let oriented = |market| if base_b { as_base_b(market) } else { market };
    let mut pool = oriented(random_pool(rng, tick, depth));
    let mut other = if rng.below(4) == 0 {
        let offset = i32::try_from(rng.below(600)).expect("small") - 300;
        oriented(random_pool(rng, tick + offset, depth))
    } else {
        let spare = spare.take().unwrap_or_else(|| Book::with_window_log2(10));
        random_book(rng, raw_price_q32, lots_per_level, spare)
    };
    // A book's lot may be several base units.
    let atoms = if small { 1 + rng.below(3) } else { 10_u64.pow(rng.below32(3)) };
    let lot_atoms = if other.paths.is_none() {
        other.atoms_per_step = atoms;
        other.quote_per_tick_lot = Ratio::new(
            other.quote_per_tick_lot.num * u128::from(atoms),
            other.quote_per_tick_lot.den,
        );
        u128::from(atoms)
    } else {
        1 + u128::from(rng.below(3))
    };
    pool.atoms_per_step = 1;
    let terms = Terms {
        network: u128::from(rng.below(50)),
        tip: u128::from(rng.below(50)),
        failed_landing: u128::from(rng.below(5)),
        broken_leg_ppm: rng.below32(200),
        latency_buffer_ppm: rng.below32(200),
    };
    let cap = if small { 1 + u128::from(rng.below(400)) } else { u128::from(rng.next() >> 8) };
    let (buy, sell) = if rng.below(2) == 0 { (pool, other) } else { (other, pool) };
    let mut case = Case { buy, sell, lot_atoms, terms, cap, quote_caps: [u128::MAX; 3] };
    if rng.below(3) == 0 {
        limit_in_quote(rng, &mut case);
    }
    case
}

/// Puts one of the caps in quote somewhere around what the uncapped size needs.
fn limit_in_quote(rng: &mut Rng, case: &mut Case) {
    let Ok(Some(free)) = best_size(&case.quote()) else { return };
    let figures = [free.priced.buy.total, free.priced.buy.gross, free.priced.sell.gross];
    let which = rng.index(3);
    case.quote_caps[which] = figures[which] * u128::from(rng.below(120)) / 100;
}

fn is_within(caps: &Caps, priced: &Priced) -> bool {
    priced.buy.total <= caps.buy_total
        && priced.buy.gross <= caps.buy_notional
        && priced.sell.gross <= caps.sell_notional
}

/// The best net over every lot, or over a grid and hill climbs from its best points.
fn searched(case: &Case, quote: &PairQuote<'_>, small: bool, chosen: u128) -> (i128, u128) {
    let lot = case.lot_atoms;
    let net = |lots: u128| {
        let priced = price(quote, lots * lot).ok()?;
        is_within(&quote.caps, &priced).then_some(priced.net)
    };
    let mut best = (i128::MIN, 0);
    let mut consider = |lots: u128| {
        if lots > 0
            && lots * lot <= case.cap
            && let Some(net) = net(lots)
            && net > best.0
        {
            best = (net, lots);
        }
    };
    if small {
        for lots in 1..=case.cap / lot {
            consider(lots);
        }
        return best;
    }
    let top = case.cap / lot;
    // Logarithmic and linear points, and the neighbourhood of the chosen size.
    for shift in 0..64 {
        consider(top >> shift);
        consider((top >> shift) / 3 * 2);
    }
    for part in 1..=64 {
        consider(top / 64 * part);
    }
    let centre = chosen / lot;
    for part in 1..=64_u128 {
        consider(centre.saturating_sub(centre / 4096 * part));
        consider(centre + centre / 4096 * part);
        consider(centre.saturating_sub(part));
        consider(centre + part);
    }
    let mut step = (top / 128).max(1);
    // Longer steps while they help, shorter ones when they do not: ends after some hundred rounds.
    for _ in 0..ROUNDS_MAX {
        if step == 0 {
            break;
        }
        let (before, at) = best;
        for candidate in [at.saturating_sub(step), at + step] {
            if candidate > 0
                && candidate * lot <= case.cap
                && let Some(net) = net(candidate)
                && net > best.0
            {
                best = (net, candidate);
            }
        }
        step = if best.0 == before { step / 2 } else { step.saturating_mul(2).min(top) };
    }
    best
}

fn check(seed: u64, small: bool, spare: &mut Option<Book>) -> bool {
    let mut rng = Rng::new(seed);
    let case = random_case(&mut rng, small, spare);
    let quote = case.quote();
    let idle = -i128::try_from(case.terms.network + case.terms.tip + case.terms.failed_landing)
        .expect("small");
    let sized: Option<Sized> = best_size(&quote).expect("sizes that the walk finds have a price");
    let (net, atoms) = sized.map_or((idle, 0), |sized| (sized.priced.net, sized.base_atoms));
    if let Some(sized) = sized {
        let waterfall = sized.priced.waterfall;
        let costs: i128 = waterfall.parts()[1..].iter().map(|(_, part)| part).sum();
        assert_eq!(waterfall.gross - costs, sized.priced.net, "seed {seed}: the waterfall sums");
        assert_eq!(atoms % case.lot_atoms, 0, "seed {seed}: whole lots");
        assert!(atoms <= case.cap, "seed {seed}: within the cap");
        assert!(is_within(&quote.caps, &sized.priced), "seed {seed}: within the caps in quote");
    }
    let (best, best_lots) = searched(&case, &quote, small, atoms);
    let best = best.max(idle);
    let segments_sold_into =
        if case.sell.paths.is_some() { case.sell.pieces(Take::Sell) } else { 0 };
    let allowed = 1
        + case.buy.pieces(Take::Buy)
        + case.sell.pieces(Take::Sell)
        + segments_sold_into * case.sell.unit_value();
    assert!(
        best - net <= allowed,
        "seed {seed} small {small}: chose {atoms} atoms for {net}, but {} make {best} (allowed {allowed})",
        best_lots * case.lot_atoms,
    );
    let found = sized.is_some();
    // Books are large: the next case takes this one's.
    *spare = case.buy.book.or(case.sell.book);
    found
}

#[test]
fn no_other_size_makes_more_than_rounding() {
    let cases = budget("RIPTIDE_SIZING_CASES", 4_000);
    // Two workers, each with every other pair of seeds, so that both see small and large cases.
    let worker = |number: u64| {
        let mut spare = None;
        let mine = (0..cases).filter(|seed| seed / 2 % 2 == number);
        mine.filter(|seed| check(*seed, seed % 2 == 0, &mut spare)).count() as u64
    };
    let profitable = std::thread::scope(|scope| {
        let other = scope.spawn(|| worker(1));
        worker(0) + other.join().expect("the other half passes as well")
    });
    println!("sizing: {cases} random pairs, {profitable} with a positive optimum");
    assert!(profitable * 5 > cases, "too few pairs with an edge: {profitable} of {cases}");
}
