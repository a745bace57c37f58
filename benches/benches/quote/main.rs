//! Pool quotes on a real pool's shape, at 0, 1, 4 and 17 crossed ticks; and building a path.

use benches::pools::RealPool;
use divan::black_box;
use engine_poolmath::whirlpool::{Direction, INNER_STEPS_DEFAULT, SwapRequest, swap};

fn main() {
    divan::main();
}

/// Two directions, exact input and exact output: four quotes an iteration.
#[divan::bench(args = [0, 1, 4, 17])]
fn quotes(bencher: divan::Bencher<'_, '_>, ticks: u32) {
    let pool = RealPool::with_steps(INNER_STEPS_DEFAULT);
    let crossings = pool.crossings(ticks);
    bencher.counter(divan::counter::ItemsCount::new(crossings.len())).bench_local(|| {
        for crossing in &crossings {
            let quote = pool.path(crossing.direction).quote(black_box(crossing.amount));
            let _ = black_box(quote);
        }
    });
}

/// The same without a path: the plain swap loop.
#[divan::bench(args = [0, 1, 4, 17])]
fn swaps(bencher: divan::Bencher<'_, '_>, ticks: u32) {
    let pool = RealPool::with_steps(INNER_STEPS_DEFAULT);
    let crossings = pool.crossings(ticks);
    bencher.counter(divan::counter::ItemsCount::new(crossings.len())).bench_local(|| {
        for crossing in &crossings {
            let request = SwapRequest {
                amount: crossing.amount,
                direction: crossing.direction,
                sqrt_price_limit: 0,
                now_s: 0,
                inner_steps_max: INNER_STEPS_DEFAULT,
            };
            let _ = black_box(swap(&pool.pool, None, &pool.arrays, black_box(&request)));
        }
    });
}

/// What a change of the pool costs before the first quote.
#[divan::bench(args = [10, 100])]
fn rebuild(bencher: divan::Bencher<'_, '_>, steps_max: u32) {
    let mut pool = RealPool::with_steps(steps_max);
    bencher.bench_local(|| {
        pool.a_to_b.rebuild(black_box(&pool.pool), None, &pool.arrays, Direction::AToB, 0);
    });
}
