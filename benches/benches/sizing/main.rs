//! The best size of a book of 20 levels against ten segments of a pool.

use benches::pairs::{Pair, golden_section};
use divan::black_box;
use engine_core::signal::sizing::best_size;
use engine_core::signal::waterfall::price;

fn main() {
    divan::main();
}

/// Exactly, by walking both curves.
#[divan::bench]
fn best_sizes(bencher: divan::Bencher<'_, '_>) {
    let cases = Pair::cases();
    bencher.counter(divan::counter::ItemsCount::new(cases.len())).bench_local(|| {
        for case in &cases {
            let _ = black_box(best_size(black_box(&case.quote())));
        }
    });
}

/// By golden-section search over the same pricing.
#[divan::bench]
fn golden_sections(bencher: divan::Bencher<'_, '_>) {
    let cases = Pair::cases();
    bencher.counter(divan::counter::ItemsCount::new(cases.len())).bench_local(|| {
        for case in &cases {
            let _ = black_box(golden_section(black_box(&case.quote()), case.depth_lots()));
        }
    });
}

/// One exact pricing.
#[divan::bench]
fn one_price(bencher: divan::Bencher<'_, '_>) {
    let cases = Pair::cases();
    bencher.counter(divan::counter::ItemsCount::new(cases.len())).bench_local(|| {
        for case in &cases {
            let atoms = case.depth_lots() / 2 * 10;
            let _ = black_box(price(black_box(&case.quote()), atoms));
        }
    });
}
