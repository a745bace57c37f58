//! The core over the whole recording that ships: no allocation after warm-up, nothing found where
//! nothing is, and the same results whatever the threads.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use engine_core::market::book::BookState;
use engine_core::market::pool::PoolState;
use engine_core::market::world::Market;
use engine_core::state::State;
use engine_core::{Core, Decided, Decision, NoProbe, Outbox, Output};
use engine_daemon::cli_output::Failure;
use engine_daemon::replay::ReplayArgs;
use engine_daemon::replay::bundle::Plan;
use engine_daemon::replay::prepare::Work;
use engine_daemon::replay::run::{Report, merged_events, run};
use engine_daemon::replay::tables::settings_from;
use indicatif::ProgressBar;

/// Counts what this thread allocates while it asks for it.
struct Counting;

thread_local! {
    static COUNTED: Cell<Option<u64>> = const { Cell::new(None) };
}

fn note() {
    // The thread may be ending; then nobody asks any more.
    let _ = COUNTED.try_with(|counted| counted.set(counted.get().map(|count| count + 1)));
}

#[expect(unsafe_code, reason = "an allocator cannot be counted without being one")]
// SAFETY: every call goes to the system allocator unchanged; counting touches no memory of it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note();
        // SAFETY: the caller's contract is the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above; the pointer came from the system allocator.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note();
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn counted(work: impl FnOnce()) -> u64 {
    COUNTED.set(Some(0));
    work();
    COUNTED.take().expect("Invariant: set above")
}

fn plan() -> Plan {
    Plan::find(&ReplayArgs::default()).unwrap_or_else(|_| panic!("the bundle that ships is sound"))
}

fn replayed(plan: &Plan) -> Result<Report, Failure> {
    let bar = ProgressBar::hidden();
    run(&Work::Recordings(plan), None, 2, std::time::Instant::now(), &bar)
}

fn report(threads: usize) -> Report {
    let (plan, bar) = (plan(), ProgressBar::hidden());
    run(&Work::Recordings(&plan), None, threads, std::time::Instant::now(), &bar)
        .unwrap_or_else(|failure| panic!("{}", failure.says))
}

#[test]
fn books_quotes_sizing_risk_and_trades_allocate_nothing_after_warm_up() {
    let plan = plan();
    for part in &plan.parts {
        let (events, tables) =
            merged_events(&plan, part).unwrap_or_else(|failure| panic!("{}", failure.says));
        let mut core = Core::with_settings(tables, settings_from(&plan.config))
            .expect("the bundle's tables fit together");
        let mut out = Outbox::for_pairs(core.pairs().len());
        let (mut warm_events, mut evaluations, mut priced) = (0_u64, 0_u64, 0_u64);
        let mut trades = 0_u64;
        let mut is_warm = false;
        for event in &events {
            let allocated = counted(|| {
                core.step(event, &mut out, &mut NoProbe);
            });
            if is_warm {
                assert_eq!(allocated, 0, "{}: event {event:?}", part.name);
                warm_events += 1;
            }
            for output in out.outputs() {
                if let Output::Evaluated(evaluation) = output {
                    evaluations += 1;
                    priced += u64::from(evaluation.base_atoms > 0);
                }
                let is_end = |it: &Decided| matches!(it.decision, Decision::Ended(_));
                trades += u64::from(matches!(output, Output::Decided(it) if is_end(it)));
            }
            out.clear();
            // Warm: every market that the part has at all has had its first snapshot or state.
            is_warm = is_warm || live(&core) == 5;
        }
        assert!(warm_events > 2_000, "{}: only {warm_events} events after warm-up", part.name);
        assert!(evaluations > 1_000, "{}: {evaluations} evaluations", part.name);
        assert!(priced > 500, "{}: {priced} sizes priced", part.name);
        assert_eq!(trades > 3, part.name == "derived", "{}: {trades} trades", part.name);
    }
}

fn live(core: &Core) -> usize {
    let is_live = |market: &&Market| match market {
        Market::Book(book) => book.state() == BookState::Live,
        Market::Pool(pool) => pool.state() == PoolState::Live,
    };
    core.markets().iter().filter(is_live).count()
}

/// A core that goes on from a saved state says and becomes exactly what the saved one does.
#[test]
fn a_restored_core_goes_on_as_the_saved_one() {
    let plan = plan();
    let part = plan.parts.iter().find(|part| part.name == "derived").expect("the derived part");
    let (events, tables) =
        merged_events(&plan, part).unwrap_or_else(|failure| panic!("{}", failure.says));
    let settings = settings_from(&plan.config);
    let mut core = Core::with_settings(tables.clone(), settings.clone()).expect("sound tables");
    let mut out = Outbox::for_pairs(core.pairs().len());
    let mut restored: Option<Core> = None;
    let (mut batches, mut restores, mut in_flight) = (0_u64, 0, 0);
    for event in &events {
        core.step(event, &mut out, &mut NoProbe);
        let said = out.outputs().to_vec();
        out.clear();
        if let Some(other) = &mut restored {
            other.step(event, &mut out, &mut NoProbe);
            assert_eq!(said, out.outputs(), "after {restores} restores, batch {batches}");
            out.clear();
        }
        if core.is_in_batch() {
            continue;
        }
        batches += 1;
        let is_trading = core.desk().trades().next().is_some();
        // Often, and whenever a trade is under way.
        if batches % 601 == 0 || (is_trading && batches % 7 == 0) {
            let saved = postcard::to_allocvec(&core).expect("a core has a stored form");
            if let Some(other) = &restored {
                let others = postcard::to_allocvec(other).expect("a core has a stored form");
                assert!(saved == others, "batch {batches}: both states have the same bytes");
            }
            let state: State = postcard::from_bytes(&saved).expect("what was written");
            let other = state.into_core(tables.clone(), settings.clone()).expect("its own tables");
            let again = postcard::to_allocvec(&other).expect("a core has a stored form");
            assert!(saved == again, "batch {batches}: restored and saved again");
            restored = Some(other);
            restores += 1;
            in_flight += usize::from(is_trading);
        }
    }
    assert!(restores > 20 && in_flight > 0, "{restores} restores, {in_flight} amid a trade");
}

#[test]
fn the_counter_counts() {
    assert!(counted(|| drop(std::hint::black_box(Box::new(1)))) > 0);
}

#[test]
fn a_constant_gap_between_recordings_is_no_opportunity() {
    let report = report(2);
    let recorded = &report.parts[0];
    assert_eq!(recorded.name, "recorded");
    assert_eq!(recorded.collected.opportunities_count, 0);
    assert_eq!(recorded.collected.opportunities.len(), 0);
    // The gap is there: it is the fees that leave nothing of it.
    let near_misses: u64 = recorded.collected.pairs.iter().map(|pair| pair.near_misses).sum();
    assert!(near_misses > 100, "{near_misses}");
}

#[test]
fn the_derived_market_holds_what_it_is_said_to_hold() {
    let report = report(2);
    let derived = &report.parts[1];
    let opportunities = &derived.collected.opportunities;
    assert!(opportunities.len() > 20, "{}", opportunities.len());
    assert_eq!(derived.collected.open_at_end, 0, "every opportunity ends");
    let lives = |from: u64, to: u64| {
        opportunities
            .iter()
            .filter(|(it, _)| (from..to).contains(&(it.duration_ns() / 1_000_000)))
            .count()
    };
    assert!(lives(0, 100) >= 3, "some live shorter than a venue answers");
    assert!(lives(1_000, 60_000) >= 3, "some live for seconds");
    let grew = opportunities.iter().filter(|(it, _)| it.peak.net > it.first.net).count();
    assert!(grew >= 5, "{grew} grow to a peak after they open");
    for (opportunity, _) in opportunities {
        let waterfall = opportunity.peak.waterfall;
        let costs: i128 = waterfall.parts()[1..].iter().map(|(_, part)| part).sum();
        assert_eq!(waterfall.gross - costs, opportunity.peak.net, "#{}", opportunity.id);
        assert!(waterfall.taker_fees + waterfall.pool_fees > 0, "fees are never zero");
    }
}

#[test]
fn threads_do_not_change_results() {
    let expected = report(1).hash;
    for threads in [2, 3, 7] {
        assert_eq!(report(threads).hash, expected, "{threads} threads");
    }
}

#[test]
fn one_changed_number_changes_the_hash() {
    let mut plan = plan();
    let before = replayed(&plan);
    plan.config.costs.latency_buffer_ppm += 1;
    let after = replayed(&plan);
    match (before, after) {
        (Ok(before), Ok(after)) => assert_ne!(before.hash, after.hash),
        (Err(failure), _) | (_, Err(failure)) => panic!("{}", failure.says),
    }
}
