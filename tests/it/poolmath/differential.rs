//! Another implementation on the same random pools: equal wherever our quote succeeds.

use std::time::Instant;

use engine_poolmath::whirlpool::{
    Amount, ArraySlot, Direction, INNER_STEPS_DEFAULT, Path, SwapRequest, TickArraySet,
    required_arrays, swap,
};
use orca_whirlpools_core::{
    TickArrayFacade, TickArraySequence, TickArrays, TickFacade, WhirlpoolFacade, compute_swap,
    swap_quote_by_input_token, swap_quote_by_output_token,
};

use super::random::{Kind, Market, Random, amount, market};

/// Successful cases unless `RIPTIDE_DIFFERENTIAL_CASES` says otherwise; the full run is 900,000.
const CASES_DEFAULT: u64 = 20_000;
/// Amounts tried per pool and direction.
const AMOUNTS_PER_POOL: u32 = 12;

fn facade(market: &Market) -> WhirlpoolFacade {
    WhirlpoolFacade {
        tick_spacing: market.pool.tick_spacing,
        fee_rate: market.pool.fee_rate_ppm,
        protocol_fee_rate: market.pool.protocol_fee_rate,
        liquidity: market.pool.liquidity,
        sqrt_price: market.pool.sqrt_price,
        tick_current_index: market.pool.tick_current_index,
        ..WhirlpoolFacade::default()
    }
}

fn array_facade(arrays: &TickArraySet, start_tick_index: i32) -> TickArrayFacade {
    let mut facade = TickArrayFacade { start_tick_index, ticks: [TickFacade::default(); 88] };
    if let ArraySlot::Present(array) = arrays.slot(start_tick_index) {
        for (slot, tick) in facade.ticks.iter_mut().enumerate() {
            tick.initialized = array.bitmap >> slot & 1 != 0;
            tick.liquidity_net = array.liquidity_net[slot];
        }
    }
    facade
}

/// The same three arrays that our walk may use: theirs would walk as many as it is given.
fn three(
    arrays: &TickArraySet,
    market: &Market,
    direction: Direction,
) -> Option<[TickArrayFacade; 3]> {
    let required = required_arrays(&market.pool, direction);
    let starts: [i32; 3] = required.starts().try_into().ok()?;
    let known = starts.iter().all(|start| arrays.slot(*start) != ArraySlot::Unknown);
    known.then(|| starts.map(|start| array_facade(arrays, start)))
}

/// Input, output and fee by their quote functions as their interface demands.
fn their_quote(
    amount: Amount,
    direction: Direction,
    pool: WhirlpoolFacade,
    arrays: [TickArrayFacade; 3],
) -> (u64, u64, u64) {
    let [first, second, third] = arrays;
    let arrays = TickArrays::Three(first, second, third);
    match amount {
        Amount::ExactIn(units) => {
            let is_a = direction == Direction::AToB;
            let quote = swap_quote_by_input_token(units, is_a, 0, pool, arrays, None, None)
                .expect("ours succeeded");
            (quote.token_in, quote.token_est_out, quote.trade_fee)
        }
        Amount::ExactOut(units) => {
            let is_a = direction == Direction::BToA;
            let quote = swap_quote_by_output_token(units, is_a, 0, pool, arrays, None, None)
                .expect("ours succeeded");
            (quote.token_est_in, quote.token_out, quote.trade_fee)
        }
    }
}

/// Whether both agree; `None` where our quote does not succeed.
fn compare(
    market: &Market,
    arrays: &TickArraySet,
    theirs: &[TickArrayFacade; 3],
    path: &Path,
    amount: Amount,
    whole_interface: bool,
) -> Option<bool> {
    let direction = path.direction();
    let request = SwapRequest {
        amount,
        direction,
        sqrt_price_limit: 0,
        now_s: 0,
        inner_steps_max: INNER_STEPS_DEFAULT,
    };
    let ours = swap(&market.pool, None, arrays, &request).ok()?;
    let quote = path.quote(amount).ok()?;
    let spacing = market.pool.tick_spacing;
    let sequence = TickArraySequence::new(theirs.map(Some), spacing).expect("evenly spaced");
    let a_to_b = direction == Direction::AToB;
    let exact_in = matches!(amount, Amount::ExactIn(_));
    let pool = facade(market);
    let result = compute_swap(amount.units(), 0, pool, sequence, a_to_b, exact_in, 0)
        .expect("ours succeeded");
    let mut equal = (result.token_a, result.token_b, result.trade_fee)
        == (ours.amount_a, ours.amount_b, ours.fee_amount)
        && (quote.amount_in, quote.amount_out, quote.fee_amount)
            == (ours.amount_in(), ours.amount_out(), ours.fee_amount);
    if whole_interface {
        equal &= their_quote(amount, direction, pool, *theirs)
            == (quote.amount_in, quote.amount_out, quote.fee_amount);
    }
    Some(equal)
}

#[test]
fn another_implementation_agrees_on_random_static_pools() {
    let wanted = std::env::var("RIPTIDE_DIFFERENTIAL_CASES")
        .map_or(CASES_DEFAULT, |text| text.parse().expect("a number of cases"));
    let started = Instant::now();
    let mut random = Random(9);
    let mut path = Path::with_capacity(INNER_STEPS_DEFAULT);
    let (mut successes, mut crossing, mut pools) = (0_u64, 0_u64, 0_u64);
    while successes < wanted {
        let bits_max = random.pick(&[40, 60, 80, 100]);
        let kind = if random.one_in(10) { Kind::Splash } else { Kind::Static };
        let market = market(&mut random, kind, bits_max);
        let arrays = market.arrays(&mut random);
        pools += 1;
        for direction in [Direction::AToB, Direction::BToA] {
            path.rebuild(&market.pool, None, &arrays, direction, 0);
            let Some(theirs) = three(&arrays, &market, direction) else { continue };
            for i in 0..AMOUNTS_PER_POOL {
                let amount = amount(&mut random);
                let agreed = compare(&market, &arrays, &theirs, &path, amount, i == 0);
                let Some(equal) = agreed else { continue };
                assert!(
                    equal,
                    "pool {pools} {direction:?} {amount:?}\n{:?}\n{:?}",
                    market.pool, market.ticks
                );
                successes += 1;
                let first = path.segments().first().map_or(u64::MAX, |s| match amount {
                    Amount::ExactIn(_) => s.amount_in_end,
                    Amount::ExactOut(_) => s.amount_out_end,
                });
                crossing += u64::from(amount.units() > first);
            }
        }
    }
    println!(
        "{successes} successful cases equal ({crossing} beyond the first segment) on {pools} pools \
         in {:.1?}",
        started.elapsed()
    );
    assert!(crossing * 10 > successes, "too few cases cross a tick");
}
