//! A path's quote is the plain swap's, in every case, errors included.

use std::collections::BTreeMap;

use engine_poolmath::whirlpool::{
    Amount, Direction, INNER_STEPS_DEFAULT, Path, PathEnd, SwapError, SwapRequest, TickArraySet,
    swap,
};

use super::random::{Kind, Market, Random, amount, market};

/// Pools per kind unless `RIPTIDE_PATH_POOLS` says otherwise.
const POOLS_DEFAULT: u64 = 2_000;

struct Tally {
    successes: u64,
    errors: BTreeMap<&'static str, u64>,
}

/// One quote both ways.
fn compare(
    market: &Market,
    arrays: &TickArraySet,
    path: &Path,
    amount: Amount,
    steps_max: u32,
    tally: &mut Tally,
) -> bool {
    let request = SwapRequest {
        amount,
        direction: path.direction(),
        sqrt_price_limit: 0,
        now_s: market.now_s,
        inner_steps_max: steps_max,
    };
    let swapped = swap(&market.pool, market.oracle.as_ref(), arrays, &request);
    let quoted = path.quote(amount);
    match swapped {
        Ok(_) => tally.successes += 1,
        Err(error) => *tally.errors.entry(error.name()).or_default() += 1,
    }
    quoted.map(|q| (q.amount_in, q.amount_out, q.fee_amount))
        == swapped.map(|s| (s.amount_in(), s.amount_out(), s.fee_amount))
}

/// Amounts at, just below and just above the end of every segment, where rounding decides.
fn edges(path: &Path) -> Vec<Amount> {
    let mut amounts = Vec::new();
    for segment in path.segments() {
        for shift in [-1, 0, 1] {
            let near = |units: u64| units.saturating_add_signed(shift);
            amounts.push(Amount::ExactIn(near(segment.amount_in_end)));
            amounts.push(Amount::ExactOut(near(segment.amount_out_end)));
        }
    }
    amounts
}

fn campaign(kind: Kind, seed: u64, bits_max: u64, tally: &mut Tally) {
    let pools = std::env::var("RIPTIDE_PATH_POOLS")
        .map_or(POOLS_DEFAULT, |text| text.parse().expect("a number of pools"));
    let mut random = Random(seed);
    for case in 0..pools {
        let market = market(&mut random, kind, bits_max);
        let arrays = market.arrays(&mut random);
        let steps_max = random.pick(&[INNER_STEPS_DEFAULT, INNER_STEPS_DEFAULT, 3, 400]);
        let mut path = Path::with_capacity(steps_max);
        for direction in [Direction::AToB, Direction::BToA] {
            let oracle = market.oracle.as_ref();
            path.rebuild(&market.pool, oracle, &arrays, direction, market.now_s);
            let mut amounts: Vec<Amount> = (0..12).map(|_| amount(&mut random)).collect();
            amounts.extend(edges(&path).iter().take(60));
            for amount in amounts {
                assert!(
                    compare(&market, &arrays, &path, amount, steps_max, tally),
                    "{kind:?} case {case} {direction:?} {amount:?}\n{:?}\n{:?}\n{:?}\n{path:?}",
                    market.pool,
                    market.oracle,
                    market.ticks,
                );
            }
        }
    }
}

fn run(kind: Kind, seed: u64) -> Tally {
    let mut tally = Tally { successes: 0, errors: BTreeMap::new() };
    // Everyday magnitudes, then those at which products leave their 64, 128 and 192 bits.
    for (shift, bits_max) in [(0, 60), (1, 90), (2, 118)] {
        campaign(kind, seed + shift, bits_max, &mut tally);
    }
    println!("{kind:?}: {} quotes equal, errors {:?}", tally.successes, tally.errors);
    tally
}

fn assert_seen(tally: &Tally, names: &[&str]) {
    for name in names {
        assert!(tally.errors.contains_key(name), "no case of {name}: {:?}", tally.errors);
    }
}

#[test]
fn quotes_of_static_pools_equal_swaps() {
    let tally = run(Kind::Static, 100);
    assert_seen(
        &tally,
        &[
            "TickArraySequenceInvalidIndex",
            "ZeroTradableAmount",
            "LiquidityUnderflow",
            "UnknownArray",
            "TooManySteps",
            "AmountCalcOverflow",
            "TokenMaxExceeded",
            "MultiplicationShiftRightOverflow",
            "MultiplicationOverflow",
        ],
    );
}

#[test]
fn quotes_of_adaptive_pools_equal_swaps() {
    let tally = run(Kind::Adaptive, 200);
    assert_seen(&tally, &["TooManySteps", "InvalidTimestamp", "TradeIsNotEnabled"]);
}

#[test]
fn quotes_of_splash_pools_equal_swaps() {
    let tally = run(Kind::Splash, 300);
    assert_seen(&tally, &["PartialFillError"]);
}

#[test]
fn a_path_without_its_oracle_says_so() {
    let mut random = Random(400);
    let market = market(&mut random, Kind::Adaptive, 60);
    let arrays = market.arrays(&mut random);
    let mut path = Path::with_capacity(INNER_STEPS_DEFAULT);
    path.rebuild(&market.pool, None, &arrays, Direction::AToB, market.now_s);
    assert_eq!(path.quote(Amount::ExactIn(1)), Err(SwapError::OracleMissing));
    assert_eq!(path.end(), PathEnd::Exhausted(SwapError::OracleMissing));
    assert!(path.segments().is_empty());
}
