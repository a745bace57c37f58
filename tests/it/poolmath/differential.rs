//! Another implementation on the same random pools: equal wherever our quote succeeds.

use std::time::Instant;

use engine_poolmath::token2022;
use engine_poolmath::whirlpool::token_swap::{MintFees, token_swap};
use engine_poolmath::whirlpool::{
    Amount, ArraySlot, Direction, INNER_STEPS_DEFAULT, Path, SwapRequest, TickArraySet,
    required_arrays, swap,
};
use orca_whirlpools_core::{
    TickArrayFacade, TickArraySequence, TickArrays, TickFacade, TransferFee, WhirlpoolFacade,
    compute_swap, swap_quote_by_input_token, swap_quote_by_output_token,
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

/// Up to three arrays, nearest first.
type Arrays = Box<[Option<TickArrayFacade>; 3]>;

/// The same arrays that our walk may use: theirs would walk as many as it is given.
fn their_arrays(arrays: &TickArraySet, market: &Market, direction: Direction) -> Option<Arrays> {
    let mut theirs: Arrays =
        vec![None; 3].into_boxed_slice().try_into().expect("three were asked for");
    let required = required_arrays(&market.pool, direction);
    for (place, start) in theirs.iter_mut().zip(required.starts()) {
        if arrays.slot(*start) == ArraySlot::Unknown {
            return None;
        }
        *place = Some(array_facade(arrays, *start));
    }
    Some(theirs)
}

/// What is compared: input, output and fee.
type Amounts = (u64, u64, u64);

/// Their quote functions as their interface demands. An exact input's first number is left out:
/// they give the least that would have had the same effect.
fn their_quote(
    amount: Amount,
    direction: Direction,
    pool: WhirlpoolFacade,
    arrays: &Arrays,
    fees: &MintFees,
) -> Amounts {
    let arrays = match **arrays {
        [Some(first), Some(second), Some(third)] => TickArrays::Three(first, second, third),
        [Some(first), Some(second), None] => TickArrays::Two(first, second),
        [Some(first), ..] => TickArrays::One(first),
        [None, ..] => unreachable!("ours succeeded, so that there is an array"),
    };
    let fee =
        |fee: token2022::TransferFee| Some(TransferFee { fee_bps: fee.bps, max_fee: fee.maximum });
    let (fee_a, fee_b) = (fee(fees.a), fee(fees.b));
    match amount {
        Amount::ExactIn(units) => {
            let is_a = direction == Direction::AToB;
            let quote = swap_quote_by_input_token(units, is_a, 0, pool, arrays, fee_a, fee_b)
                .expect("ours succeeded");
            (0, quote.token_est_out, quote.trade_fee)
        }
        Amount::ExactOut(units) => {
            let is_a = direction == Direction::BToA;
            let quote = swap_quote_by_output_token(units, is_a, 0, pool, arrays, fee_a, fee_b)
                .expect("ours succeeded");
            (quote.token_est_in, quote.token_out, quote.trade_fee)
        }
    }
}

fn our_quote(
    market: &Market,
    arrays: &TickArraySet,
    request: &SwapRequest,
    fees: &MintFees,
) -> Option<Amounts> {
    let quote = token_swap(&market.pool, None, arrays, fees, request).ok()?;
    let amount_in = match request.amount {
        Amount::ExactIn(_) => 0,
        Amount::ExactOut(_) => quote.amounts.amount_in,
    };
    Some((amount_in, quote.amounts.amount_out, quote.swap.fee_amount))
}

fn mint_fees(random: &mut Random) -> MintFees {
    let mut fee = || token2022::TransferFee {
        bps: random.pick(&[0, 0, 1, 50, 300, 9_999, 10_000]),
        maximum: random.pick(&[0, 1, 5_000, 1_000_000_000, u64::MAX]),
    };
    MintFees { a: fee(), b: fee() }
}

/// An amount of any magnitude, or one that ends inside a segment of the path.
fn amount_along(random: &mut Random, path: &Path) -> Amount {
    let segments = path.segments();
    if segments.is_empty() || random.one_in(3) {
        return amount(random);
    }
    let at = usize::try_from(random.below(segments.len() as u64)).expect("an index");
    let exact_in = random.one_in(2);
    let end = |i: usize| {
        if exact_in { segments[i].amount_in_end } else { segments[i].amount_out_end }
    };
    let start = if at == 0 { 0 } else { end(at - 1) };
    let units = start + random.below((end(at) - start).saturating_add(1).max(1));
    if exact_in { Amount::ExactIn(units) } else { Amount::ExactOut(units) }
}

/// Ticks crossed, after both have been found to agree; `None` where our quote does not succeed.
fn compare(
    market: &Market,
    arrays: &TickArraySet,
    theirs: &Arrays,
    path: &Path,
    amount: Amount,
) -> Option<u32> {
    let direction = path.direction();
    let request = request(amount, direction);
    let ours = swap(&market.pool, None, arrays, &request).ok()?;
    let quote = path.quote(amount).expect("the swap succeeded");
    let spacing = market.pool.tick_spacing;
    let sequence = TickArraySequence::new(**theirs, spacing).expect("evenly spaced");
    let a_to_b = direction == Direction::AToB;
    let exact_in = matches!(amount, Amount::ExactIn(_));
    let result = compute_swap(amount.units(), 0, facade(market), sequence, a_to_b, exact_in, 0)
        .expect("ours succeeded");
    let context = format!("{direction:?} {amount:?}\n{:?}\n{:?}", market.pool, market.ticks);
    assert_eq!(
        (ours.amount_a, ours.amount_b, ours.fee_amount),
        (result.token_a, result.token_b, result.trade_fee),
        "{context}"
    );
    assert_eq!(
        (quote.amount_in, quote.amount_out, quote.fee_amount),
        (ours.amount_in(), ours.amount_out(), ours.fee_amount),
        "{context}"
    );
    Some(ours.ticks_crossed)
}

const fn request(amount: Amount, direction: Direction) -> SwapRequest {
    SwapRequest {
        amount,
        direction,
        sqrt_price_limit: 0,
        now_s: 0,
        inner_steps_max: INNER_STEPS_DEFAULT,
    }
}

#[test]
fn another_implementation_agrees_on_random_static_pools() {
    let wanted = std::env::var("RIPTIDE_DIFFERENTIAL_CASES")
        .map_or(CASES_DEFAULT, |text| text.parse().expect("a number of cases"));
    let started = Instant::now();
    let mut random = Random(9);
    let mut path = Path::with_capacity(INNER_STEPS_DEFAULT);
    let (mut successes, mut crossing, mut with_fees) = (0_u64, 0_u64, 0_u64);
    while successes < wanted {
        let bits_max = random.pick(&[40, 60, 80, 100]);
        let kind = if random.one_in(10) { Kind::Splash } else { Kind::Static };
        let market = market(&mut random, kind, bits_max);
        let arrays = market.arrays(&mut random);
        for direction in [Direction::AToB, Direction::BToA] {
            path.rebuild(&market.pool, None, &arrays, direction, 0);
            let Some(theirs) = their_arrays(&arrays, &market, direction) else { continue };
            for _ in 0..AMOUNTS_PER_POOL {
                let amount = amount_along(&mut random, &path);
                let crossed = compare(&market, &arrays, &theirs, &path, amount);
                successes += u64::from(crossed.is_some());
                crossing += u64::from(crossed.is_some_and(|ticks| ticks > 0));
            }
            // Their whole interface, with transfer fees; it copies the arrays, so it is slow.
            let (amount, fees) = (amount_along(&mut random, &path), mint_fees(&mut random));
            let request = request(amount, direction);
            let Some(ours) = our_quote(&market, &arrays, &request, &fees) else { continue };
            let quoted = their_quote(amount, direction, facade(&market), &theirs, &fees);
            let context = format!("{amount:?} {fees:?}\n{:?}\n{:?}", market.pool, market.ticks);
            assert_eq!(ours, quoted, "{direction:?} {context}");
            with_fees += 1;
        }
    }
    println!(
        "{successes} successful cases equal ({crossing} cross a tick), and {with_fees} with \
         transfer fees, in {:.1?}",
        started.elapsed()
    );
    assert!(crossing * 4 > successes, "too few cases cross a tick");
    assert!(with_fees * 50 > successes, "too few cases with transfer fees");
}
