//! A price told before its slot is over is quoted inside its range and nowhere else.

use engine_core::market::pool::{At, MarketPool, PoolState, pool_price_body};
use engine_core::market::take::Take;
use engine_core::tables::BaseToken;
use engine_model::event::halves;
use engine_model::{Body, DoubtReason, Event, Flags, MarketId, Venue};
use engine_poolmath::whirlpool::{Amount, SwapError, sqrt_price_at_tick};

const LIQUIDITY: u128 = 1_000_000_000_000;

fn put(pool: &mut MarketPool, flags: u8, body: Body) {
    let event = Event {
        recv_ns: 1,
        venue_ns: 0,
        seq: 7,
        market: MarketId(0),
        venue: Venue::Solana,
        flags: Flags(flags),
        body,
    };
    pool.apply(&event);
}

fn price(pool: &mut MarketPool, flags: u8, tick: i32) {
    let body = pool_price_body(sqrt_price_at_tick(tick), LIQUIDITY).expect("within the bounds");
    put(pool, flags, body);
    let meta = Body::PoolMeta {
        tick_current_index: tick,
        tick_spacing: 64,
        fee_tier_index: 64,
        fee_rate_ppm: 3_000,
        protocol_fee_rate: 1_300,
    };
    put(pool, flags, meta);
}

/// A pool at tick 100 with all liquidity between −640 and 640, half of it only between −320 and 320.
fn pool() -> MarketPool {
    let mut pool = MarketPool::new(BaseToken::A, 8, 100);
    put(&mut pool, 0, Body::BookClear);
    price(&mut pool, 0, 100);
    let half = i128::try_from(LIQUIDITY / 2).expect("small");
    for (start, ticks) in [
        (-16_896, &[][..]),
        (-11_264, &[]),
        (-5_632, &[(-640, half), (-320, half)]),
        (0, &[(320, -half), (640, -half)]),
        (5_632, &[]),
        (11_264, &[]),
    ] {
        put(&mut pool, 0, Body::TickArrayBegin { start_tick_index: start, exists: 1 });
        for (index, net) in ticks {
            let liquidity_net = halves(net.cast_unsigned());
            put(&mut pool, 0, Body::Tick { index: *index, liquidity_net });
        }
    }
    pool.refresh(0);
    pool
}

/// Output units for the most input that every quote of a direction allows, or its error.
fn sold(pool: &MarketPool, take: Take, units: u64) -> Result<u64, SwapError> {
    pool.path(take, At::Now).quote(Amount::ExactIn(units)).map(|quote| quote.amount_out)
}

#[test]
fn a_provisional_price_is_quoted_inside_its_range_only() {
    let small = 1_000_000;
    let mut live = pool();
    let mut early = pool();
    price(&mut live, 0, 110);
    price(&mut early, Flags::PROVISIONAL, 110);
    assert_eq!((live.state(), early.state()), (PoolState::Live, PoolState::Provisional));
    for pool in [&mut live, &mut early] {
        assert!(pool.needs_refresh(0));
        pool.refresh(0);
    }
    // More than the range takes, less than the whole liquidity.
    for (take, large) in [(Take::Sell, 25_000_000_000), (Take::Buy, 15_000_000_000)] {
        assert_eq!(sold(&early, take, small), sold(&live, take, small), "{take:?}: inside");
        assert!(sold(&live, take, large).is_ok(), "{take:?}: the whole state has more");
        assert_eq!(sold(&early, take, large), Err(SwapError::BeyondCurrentRange), "{take:?}");
        let last = early.path(take, At::Now).segments().last().copied().expect("one range");
        assert_eq!(last.ticks_crossed, 1, "{take:?}: ends on the first tick");
        let whole = early.path(take, At::Now).quote(Amount::ExactIn(last.amount_in_end));
        assert_eq!(whole.map(|quote| quote.amount_out), Ok(last.amount_out_end), "{take:?}");
    }
    let swap = |pool: &MarketPool, units| {
        pool.try_swap(Take::Sell, units, 0, 100).map(|swapped| swapped.amount_out())
    };
    assert_eq!(swap(&early, small), swap(&live, small));
    let large = 25_000_000_000;
    assert_eq!(swap(&early, large), Err(SwapError::BeyondCurrentRange));
    assert!(swap(&live, large).is_ok());
}

#[test]
fn the_whole_slot_ends_what_was_provisional() {
    let mut pool = pool();
    price(&mut pool, Flags::PROVISIONAL, 110);
    price(&mut pool, Flags::PROVISIONAL, 120);
    assert_eq!(pool.state(), PoolState::Provisional);
    price(&mut pool, 0, 120);
    assert_eq!(pool.state(), PoolState::Live);
    pool.refresh(0);
    assert!(sold(&pool, Take::Sell, 25_000_000_000).is_ok());
}

#[test]
fn nothing_begins_or_heals_by_a_provisional_price() {
    let mut empty = MarketPool::new(BaseToken::A, 8, 100);
    price(&mut empty, Flags::PROVISIONAL, 100);
    assert_eq!(empty.state(), PoolState::Doubt(DoubtReason::BadAccount));
    let mut doubted = pool();
    put(&mut doubted, 0, Body::BookDoubt { reason: DoubtReason::Fork });
    price(&mut doubted, Flags::PROVISIONAL, 100);
    assert_eq!(doubted.state(), PoolState::Doubt(DoubtReason::Fork));
    let mut early = pool();
    price(&mut early, Flags::PROVISIONAL, 100);
    put(&mut early, 0, Body::BookDoubt { reason: DoubtReason::Fork });
    assert!(!early.state().is_usable());
}
