//! Whole replays of the bundle that ships, by the daemon's own library: from recordings without and
//! with a journal, and from the journal. Items are events.

use std::path::Path;
use std::time::Instant;

use divan::counter::ItemsCount;
use engine_daemon::cli_output::Form;
use engine_daemon::journal::runs;
use engine_daemon::journal::writer::JournalOptions;
use engine_daemon::replay::bundle::Plan;
use engine_daemon::replay::prepare::Work;
use engine_daemon::replay::run::{JournalWanted, Report, run};
use engine_daemon::replay::{JournalTo, ReplayArgs};
use engine_journal::SyncPolicy;
use indicatif::ProgressBar;
use tempfile::TempDir;

fn main() {
    divan::main();
}

fn plan() -> Plan {
    let args = ReplayArgs {
        path: None,
        config: None,
        sets: Vec::new(),
        journal: JournalTo::Nowhere,
        sync: None,
        acknowledge: None,
        threads: None,
        form: Form::Text,
    };
    Plan::find(&args).unwrap_or_else(|_| panic!("the bundle that ships is sound"))
}

fn replay(work: &Work<'_>, journal: Option<&Path>, threads: usize) -> Report {
    let wanted = journal.map(|dir| JournalWanted {
        dir: dir.to_owned(),
        options: JournalOptions {
            sync: SyncPolicy::default(),
            segment_bytes: 64 << 20,
            build_hash: [0; 32],
            config_hash: [0; 32],
            acknowledge: None,
        },
    });
    let report = run(work, wanted, threads, Instant::now(), &ProgressBar::hidden());
    report.unwrap_or_else(|failure| panic!("{}", failure.says))
}

fn events(report: &Report) -> ItemsCount {
    ItemsCount::new(report.parts.iter().map(|part| part.events).sum::<u64>())
}

/// A new directory on the disk of the build.
fn directory() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory")
}

/// Recordings, no journal.
#[divan::bench(args = [1, 2])]
fn recordings(bencher: divan::Bencher<'_, '_>, threads: usize) {
    let plan = plan();
    let work = Work::Recordings(&plan);
    let counter = events(&replay(&work, None, threads));
    bencher.counter(counter).bench_local(|| replay(&work, None, threads));
}

/// Recordings, with a journal synced every 5 ms.
#[divan::bench(args = [1, 2])]
fn recordings_journaled(bencher: divan::Bencher<'_, '_>, threads: usize) {
    let plan = plan();
    let work = Work::Recordings(&plan);
    let counter = events(&replay(&work, None, threads));
    bencher
        .counter(counter)
        .with_inputs(directory)
        .bench_local_refs(|dir| replay(&work, Some(&dir.path().join("journal")), threads));
}

/// The journal of such a run.
#[divan::bench(args = [1, 2])]
fn journal(bencher: divan::Bencher<'_, '_>, threads: usize) {
    let plan = plan();
    let dir = directory();
    let path = dir.path().join("journal");
    let report = replay(&Work::Recordings(&plan), Some(&path), threads);
    let (runs, _) = runs::find(&path).unwrap_or_else(|failure| panic!("{}", failure.says));
    let work = Work::Journal(&path, &runs, None);
    assert_eq!(replay(&work, None, threads).hash, report.hash, "the same decisions");
    bencher.counter(events(&report)).bench_local(|| replay(&work, None, threads));
}
