//! What journaling costs the core's thread: its processor time per event with and without a journal.
//!
//! Runs of the same part alternate, ten of each, over the bundle that ships and over the long
//! Coinbase recording where it is there (`RIPTIDE_SHARED_DATA`, else `../shared/data` beside the
//! workspace). Processor time is `CLOCK_THREAD_CPUTIME_ID` of the core's thread; waiting for input or
//! room is no part of it. Anchors, the whole state at start, end and each new segment, are given with
//! and without: a run of seconds has two of them, as a day of live operation has a few. Events per second of whole replays, by wall time, are reported beside it.
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
/// Most that journaling may add to the core's processor time, anchors left out. Unit: percent.
const BAR: f64 = 15.0;
/// The long recording, below the shared data.
const LONG: &str = "coinbase/advanced_trade_20260809_btc_eth_first15s.jsonl.zst";

fn main() {
    println!(
        "CPU of the core, ns per event: events, batches, off, on, added; without anchors, added"
    );
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
    let (mut off, mut on, mut lasting) = (Vec::new(), Vec::new(), Vec::new());
    let mut waited_ns = 0;
    for round in 0..RUNS {
        for place in 0..2 {
            let is_on = (round + place) % 2 == 1;
            let cost = once(is_on);
            assert_eq!((cost.events, cost.hash), (first.events, first.hash), "the same run");
            waited_ns += cost.waited_ns;
            if is_on {
                on.push(per_event(cost.cpu_ns, cost.events));
                lasting.push(per_event(cost.cpu_ns.saturating_sub(cost.anchors_ns), cost.events));
            } else {
                off.push(per_event(cost.cpu_ns, cost.events));
            }
        }
    }
    let (off, on, lasting) = (median(&mut off), median(&mut on), median(&mut lasting));
    let added = |with: f64| (with / off - 1.0) * 100.0;
    let word = if added(lasting) <= BAR { "reached" } else { "MISSED" };
    println!(
        "{name:<17}{:>10}{:>10}{off:>15.1}{on:>14.1}{:>7.1} %{lasting:>12.1}{:>7.1} % {word}, waited {} µs",
        first.events,
        first.batches,
        added(on),
        added(lasting),
        waited_ns / 1_000
    );
}

/// Unit: nanoseconds.
fn per_event(cpu_ns: u64, events: u64) -> f64 {
    let narrow = |value: u64| f64::from(u32::try_from(value).expect("below four seconds"));
    narrow(cpu_ns) / narrow(events)
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
