//! Damages whole snapshots of the exchanges: `snapshots [RUNS] [SEED]`, 10,000 runs per venue unless
//! told otherwise.
//!
//! A fuzzer's inputs are short; the largest frame of a venue has megabytes. Each run takes one real
//! snapshot as it was recorded (Coinbase 5 MB and 2.5 MB, Gemini up to 200 kB, Bitstamp's REST books
//! and the diffs behind them), damages it in one to three places, and gives it to both paths of a
//! decoder that stands where the recording stood. Events, counters and books must agree as in the
//! fuzz targets, within limits of time and memory.
#![expect(clippy::print_stderr, clippy::print_stdout, reason = "a program that prints a table")]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use connector_net::capture::{Kind, Record};
use engine_model::Grid;
use fuzz_checks::books::Shelf;
use fuzz_checks::data;
use fuzz_checks::exchange::{Twins, Wire, metadata};
use fuzz_checks::rng::{Rng, damage};

/// Longest time of one run: both paths, the book and its shadow, and what follows the snapshot.
const RUN_TIME_MAX: Duration = Duration::from_secs(5);
/// Most resident memory at any time: twice a 5 MB text with its typed form and events, three books.
const RESIDENT_KIB_MAX: u64 = 1 << 20;
/// Markets whose books are built: those of the recordings.
const BOOKS: usize = 10;
/// Frames that follow a snapshot in each run.
const FRAMES_AFTER: usize = 20;
/// Shorter snapshots are the fuzz targets' business. Unit: bytes.
const SNAPSHOT_BYTES_MIN: usize = 5_000;

/// A recorded snapshot, the decoders as they were before it, and what came behind it.
struct Scene<'a> {
    before: Twins,
    snapshot: &'a Record<'a>,
    after: Vec<&'a Record<'a>>,
}

/// What came of a venue.
#[derive(Debug, Default)]
struct Tally {
    runs: u64,
    bytes: u64,
    snapshots: u64,
    longest: Duration,
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: u64| match arguments.next().map(|text| text.parse::<u64>()) {
        None => Some(default),
        Some(number) => number.ok(),
    };
    let (Some(runs), Some(seed)) = (number(10_000), number(1)) else {
        eprintln!("usage: snapshots [RUNS] [SEED]");
        return ExitCode::from(2);
    };
    let wires = [
        (Wire::Coinbase, "bundle/recorded/coinbase.jsonl.zst"),
        (Wire::Gemini, "bundle/recorded/gemini.jsonl.zst"),
        (Wire::Bitstamp, "bitstamp/ws_20210417_btcusd_10sym.raw.zst"),
    ];
    println!("venue        runs     MB  still snapshots  longest ms  seconds  peak MiB");
    for (wire, file) in wires {
        let begun = Instant::now();
        let tally = campaign(wire, file, runs, seed);
        let resident_kib = peak_resident_kib();
        println!(
            "{:<9} {:>7} {:>6} {:>16} {:>11} {:>8} {:>9}",
            wire.name(),
            tally.runs,
            tally.bytes / 1_000_000,
            tally.snapshots,
            tally.longest.as_millis(),
            begun.elapsed().as_secs(),
            resident_kib.map_or_else(|| "unknown".to_owned(), |kib| (kib / 1024).to_string()),
        );
        if tally.longest > RUN_TIME_MAX {
            eprintln!("error: a run took {} ms", tally.longest.as_millis());
            return ExitCode::FAILURE;
        }
        if resident_kib.is_some_and(|kib| kib > RESIDENT_KIB_MAX) {
            eprintln!("error: more than {RESIDENT_KIB_MAX} KiB resident");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn campaign(wire: Wire, file: &str, runs: u64, seed: u64) -> Tally {
    let capture = data::capture(file);
    let records: Vec<Record<'_>> = data::records(&capture).collect();
    let mut known: Vec<(Box<str>, Grid)> = Vec::new();
    for record in &records {
        if let Kind::Http { url, .. } = &record.kind {
            known.extend(metadata(wire.venue(), url, record.data.as_bytes()));
        }
    }
    let mut shelf = Shelf::new(BOOKS);
    let scenes = scenes(&records, Twins::new(wire, &known), &mut shelf);
    assert!(!scenes.is_empty(), "{file}: no snapshot");
    let mut rng = Rng::new(seed + wire.venue() as u64);
    let mut tally = Tally::default();
    let mut bytes = Vec::new();
    for run in 0..runs {
        // In turn, so that the longest of them get their share.
        let scene = &scenes[usize::try_from(run).unwrap_or(0) % scenes.len()];
        bytes.clear();
        bytes.extend_from_slice(scene.snapshot.data.as_bytes());
        damage(&mut bytes, &mut rng);
        let begun = Instant::now();
        tally.snapshots += u64::from(play(scene, &bytes, &mut shelf));
        tally.longest = tally.longest.max(begun.elapsed());
        tally.bytes += bytes.len() as u64;
        tally.runs += 1;
    }
    tally
}

/// The snapshots of a recording that are long enough, each with the state before it.
fn scenes<'a>(records: &'a [Record<'a>], mut twins: Twins, shelf: &mut Shelf) -> Vec<Scene<'a>> {
    let mut scenes = Vec::new();
    shelf.reset();
    for (at, record) in records.iter().enumerate() {
        let before = (record.data.len() >= SNAPSHOT_BYTES_MIN).then(|| twins.clone());
        twins.feed(record.recv_ns, record.line, record.input(), shelf);
        if let Some(before) = before
            && twins.gave_snapshot()
        {
            let after = records[at + 1..]
                .iter()
                .filter(|record| record.data.len() < SNAPSHOT_BYTES_MIN)
                .take(FRAMES_AFTER)
                .collect();
            scenes.push(Scene { before, snapshot: record, after });
        }
    }
    shelf.finish();
    scenes
}

/// One run; whether the damaged frame was still a snapshot.
fn play(scene: &Scene<'_>, damaged: &[u8], shelf: &mut Shelf) -> bool {
    let record = scene.snapshot;
    let mut twins = scene.before.clone();
    // Books of before are of no interest: the shelf follows this snapshot alone.
    shelf.reset_midway();
    let input = match &record.kind {
        Kind::Http { url, .. } => connector_net::Input::Http { url, request: b"", body: damaged },
        Kind::Received | Kind::Sent | Kind::Closed | Kind::Connected { .. } => {
            connector_net::Input::Received(damaged)
        }
    };
    twins.feed(record.recv_ns, record.line, input, shelf);
    let is_snapshot = twins.gave_snapshot();
    for record in &scene.after {
        twins.feed(record.recv_ns, record.line, record.input(), shelf);
    }
    twins.finish();
    shelf.finish();
    is_snapshot
}

/// The most memory that this process has had resident; none where the system does not tell.
fn peak_resident_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}
