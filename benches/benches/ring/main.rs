//! What handing a batch from one thread to another costs: the ring alone, in rings that stay in a
//! core's cache and in one as large as the replay's.
//!
//! The two threads spin (see `benches::handoff`); on a busy machine the upper quantiles say how often
//! something else ran on their cores, not what a ring does.
#![expect(clippy::print_stdout, reason = "a benchmark reports on standard output")]

use std::time::Instant;

use benches::handoff::{Plan, bare, measure, quantile};

/// Items in one turn: some tens of microseconds.
const TURN_ITEMS: usize = 100;
/// Items per round.
const ITEMS: usize = 2_000;
/// Rounds over all items.
const ROUNDS: usize = 101;

fn main() {
    println!("one reading of the clock: {} ns", clock_ns());
    println!("hand-off, ns        ring    median       p90       p99      p999       least");
    for ring_events in [1_024, 132_096] {
        let plan = Plan::new(ITEMS, TURN_ITEMS, ROUNDS, ring_events);
        let lanes = vec![bare("1 event", 1), bare("5 events", 5), bare("40 events", 40)];
        for times in measure(lanes, &plan) {
            let sorted = times.sorted_ns(|_| true);
            let [median, p90, p99, p999, least] =
                [500, 900, 990, 999, 0].map(|per_mille| quantile(&sorted, per_mille));
            let name = times.name;
            println!(
                "{name:<12}{ring_events:>12}{median:>10}{p90:>10}{p99:>10}{p999:>10}{least:>12}"
            );
        }
    }
}

/// Median of the time between two readings, one right after the other.
fn clock_ns() -> u64 {
    let between = |_| {
        let begin = Instant::now();
        u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX)
    };
    let mut times: Vec<u64> = (0..10_001).map(between).collect();
    times.sort_unstable();
    quantile(&times, 500)
}
