//! What journaling costs the core's thread: its processor time per event with and without a journal.
//!
//! Runs of the same part alternate, ten of each, over the bundle that ships and over the long
//! Coinbase recording where it is there (`RIPTIDE_SHARED_DATA`, else `../shared/data` beside the
//! workspace). Processor time is `CLOCK_THREAD_CPUTIME_ID` of the core's thread; waiting for input or
//! room is no part of it. Events per second of whole replays, by wall time, are reported beside it.
#![expect(clippy::print_stdout, reason = "a benchmark reports on standard output")]

use std::path::{Path, PathBuf};
use std::time::Instant;

use engine_daemon::cli_output::Form;
use engine_daemon::journal::writer::JournalOptions;
use engine_daemon::replay::bundle::{Part, Plan};
use engine_daemon::replay::cost::{Cost, of_part};
use engine_daemon::replay::prepare::Work;
use engine_daemon::replay::run::{JournalWanted, run};
use engine_daemon::replay::{JournalTo, ReplayArgs};
use engine_journal::SyncPolicy;
use indicatif::ProgressBar;
use rustix::time::{ClockId, clock_gettime};

/// Runs of each side.
const RUNS: usize = 10;
/// Most that journaling may add to the core's processor time.
const BAR: f64 = 0.15;
/// The long recording, below the shared data.
const LONG: &str = "coinbase/advanced_trade_20260809_btc_eth_first15s.jsonl.zst";

fn main() {
    println!("core thread          events   batches   off ns/event   on ns/event   added");
    let shipped = plan(None);
    for part in &shipped.parts {
        compare(&shipped, part, &part.name);
    }
    whole(&shipped, "shipped bundle");
    let data = std::env::var_os("RIPTIDE_SHARED_DATA").map_or_else(
        || Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data")).to_owned(),
        PathBuf::from,
    );
    let long = data.join(LONG);
    if long.is_file() {
        let long = plan(Some(long));
        compare(&long, &long.parts[0], "coinbase");
        whole(&long, "long coinbase recording");
    } else {
        println!("skipped: {} is not there", long.display());
    }
}

fn plan(path: Option<PathBuf>) -> Plan {
    let args = ReplayArgs {
        path,
        config: None,
        sets: Vec::new(),
        journal: JournalTo::Nowhere,
        sync: None,
        acknowledge: None,
        threads: None,
        form: Form::Text,
    };
    Plan::find(&args).unwrap_or_else(|_| panic!("a readable recording"))
}

/// A journal as a replay writes it by default.
fn journal(dir: &Path) -> JournalWanted {
    let options = JournalOptions {
        sync: SyncPolicy::default(),
        segment_bytes: 64 << 20,
        build_hash: [0; 32],
        config_hash: [0; 32],
        acknowledge: None,
    };
    JournalWanted { dir: dir.to_owned(), options }
}

/// Processor time of this thread. Unit: nanoseconds.
fn cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let (s, ns) = (u64::try_from(time.tv_sec), u64::try_from(time.tv_nsec));
    s.unwrap_or(0) * 1_000_000_000 + ns.unwrap_or(0)
}

fn compare(plan: &Plan, part: &Part, name: &str) {
    let once = |is_on: bool| -> Cost {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
        let journal = is_on.then(|| journal(&dir.path().join("journal")));
        of_part(plan, part, journal, cpu_ns).unwrap_or_else(|failure| panic!("{}", failure.says))
    };
    let first = once(false);
    let (mut off, mut on, mut waited_ns) = (Vec::new(), Vec::new(), 0);
    for round in 0..RUNS {
        for place in 0..2 {
            let is_on = (round + place) % 2 == 1;
            let cost = once(is_on);
            assert_eq!((cost.events, cost.hash), (first.events, first.hash), "the same run");
            waited_ns += cost.waited_ns;
            let events = f64::from(u32::try_from(cost.events).expect("below four billion"));
            let times = if is_on { &mut on } else { &mut off };
            times.push(
                f64::from(u32::try_from(cost.cpu_ns / 1_000).expect("an hour")) * 1e3 / events,
            );
        }
    }
    let (off, on) = (median(&mut off), median(&mut on));
    let added = on / off - 1.0;
    let word = if added <= BAR { "reached" } else { "MISSED" };
    println!(
        "{name:<17}{:>10}{:>10}{off:>15.1}{on:>14.1}{:>7.1} % {word}, waited for room {} µs",
        first.events,
        first.batches,
        added * 100.0,
        waited_ns / 1_000
    );
}

/// Whole replays by wall time, with and without a journal.
fn whole(plan: &Plan, name: &str) {
    let once = |is_on: bool| {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
        let wanted = is_on.then(|| journal(&dir.path().join("journal")));
        let (started, bar) = (Instant::now(), ProgressBar::hidden());
        let report = run(&Work::Recordings(plan), wanted, 2, started, &bar);
        let report = report.unwrap_or_else(|failure| panic!("{}", failure.says));
        let events: u64 = report.parts.iter().map(|part| part.events).sum();
        f64::from(u32::try_from(events).expect("below four billion"))
            / started.elapsed().as_secs_f64()
    };
    let (mut off, mut on) = (Vec::new(), Vec::new());
    for round in 0..RUNS {
        for place in 0..2 {
            let is_on = (round + place) % 2 == 1;
            let times = if is_on { &mut on } else { &mut off };
            times.push(once(is_on));
        }
    }
    let (off, on) = (median(&mut off), median(&mut on));
    println!("whole replay, {name}: {off:.0} events/s without a journal, {on:.0} with one");
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
