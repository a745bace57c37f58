//! Drives the core over the parts of a plan.

use std::path::PathBuf;
use std::time::Instant;

use connector_net::OddCounts;
use engine_core::tables::PairSpec;
use engine_core::{Core, Tables};
use engine_model::Event;
use engine_telemetry::StageHistograms;
use indicatif::ProgressBar;

use super::bundle::{Part, Plan};
use super::collect::{Collector, MarketFigures};
use super::drive::{Driver, Numbered};
use super::is_journal;
use super::merge::{Lane, Port, Pumped, lane, next_batch, pump_all};
use super::prepare::{From, Prepared, Work, prepare};
use super::tables::Names;
use crate::cli_output::{Exit, Failure};
use crate::journal::carry;
use crate::journal::recorder::{Recorder, tapes};
use crate::journal::runs::failure;
use crate::journal::writer::{JournalOptions, JournalThread, Written};

/// What one part gave.
pub struct PartReport {
    /// Its name.
    pub name: String,
    /// Names of its recordings, with the constant each is moved by in nanoseconds.
    pub inputs: Vec<(String, i64)>,
    /// Lines given to decoders.
    pub records: u64,
    /// Frames received.
    pub frames: u64,
    /// Events that the core consumed.
    pub events: u64,
    /// Batches that the core consumed.
    pub batches: u64,
    /// What was odd.
    pub odd: OddCounts,
    /// Batches too large for a ring.
    pub oversized: u64,
    /// Joined books whose snapshot no older diff proves.
    pub unproven_joins: Vec<String>,
    /// Tables of the core, for names and decimals.
    pub tables: Tables,
    /// Names.
    pub names: Names,
    /// Pairs.
    pub pairs: Vec<PairSpec>,
    /// What the core said.
    pub collected: Collector,
    /// Final state of the markets.
    pub markets: Vec<MarketFigures>,
    /// Hash over everything the core said, in order.
    pub hash: [u8; 32],
    /// First and last receive time. Unit: Unix nanoseconds.
    pub span_ns: (u64, u64),
    /// Number of the run's first record.
    pub begin_seq: u64,
    /// Number of its last.
    pub end_seq: u64,
}

/// What became of the journal that a replay wrote.
pub struct JournalReport {
    /// Where it is.
    pub dir: PathBuf,
    /// What was written.
    pub written: Written,
    /// Time that the core waited for room. Unit: nanoseconds.
    pub waited_ns: u64,
}

/// What a replay gave.
pub struct Report {
    /// Where the configuration comes from.
    pub config_name: String,
    /// Near misses that are shown.
    pub near_misses_kept: usize,
    /// Parts in order.
    pub parts: Vec<PartReport>,
    /// How long each stage took.
    pub histograms: StageHistograms,
    /// Hash over the hashes of the parts.
    pub hash: String,
    /// From the start of the command. Unit: nanoseconds.
    pub elapsed_ns: u64,
    /// Threads that decoded.
    pub threads: usize,
    /// The journal that was written.
    pub journal: Option<JournalReport>,
}

/// Where a replay's journal goes, and how.
pub struct JournalWanted {
    /// Directory.
    pub dir: PathBuf,
    /// How.
    pub options: JournalOptions,
}

/// A journal being written.
struct Writing {
    dir: PathBuf,
    /// Lent to the part that runs.
    recorder: Option<Recorder>,
    thread: JournalThread,
}

/// Replays every part, and writes a journal of it where one is wanted.
///
/// # Errors
///
/// [`Failure`] when a recording or journal is damaged, its markets do not fit the core, or the
/// journal cannot be written.
pub fn run(
    work: &Work<'_>,
    wanted: Option<JournalWanted>,
    threads: usize,
    started: Instant,
    bar: &ProgressBar,
) -> Result<Report, Failure> {
    let prepared = prepare(work)?;
    let config_name = prepared.first().map_or(String::new(), |part| part.config_name.clone());
    let mut next_seq = prepared.first().and_then(|part| part.seq).unwrap_or(1);
    let mut writing = wanted.map(|wanted| start(wanted, &prepared)).transpose()?;
    let mut histograms = StageHistograms::new();
    let mut parts = Vec::new();
    let mut hasher = blake3::Hasher::new();
    // What the run before came to, where the next goes on from it.
    let mut state: Option<Vec<u8>> = None;
    let mut parts_left = prepared.into_iter().peekable();
    while let Some(mut part) = parts_left.next() {
        let start = match std::mem::replace(&mut part.from, From::Nothing) {
            From::Nothing => None,
            From::State(seq, state) => Some(Start { seq, state, is_written: false }),
            // Under the number that it has here, which is another one where more was said.
            From::Before => {
                state.take().map(|state| Start { seq: next_seq - 1, state, is_written: true })
            }
        };
        let is_gone_on_from = parts_left.peek().is_some_and(|next| next.from == From::Before);
        // A run of a journal keeps its numbers, unless another configuration has made an earlier run
        // say more than it did.
        let begin_seq = part.seq.filter(|seq| *seq >= next_seq).unwrap_or(next_seq);
        let how = How { begin_seq, threads: threads.max(1), start, is_gone_on_from };
        let ran = run_part(part, how, &mut writing, &mut histograms, bar);
        let report = match ran {
            Ok((report, ended)) => {
                state = ended;
                report
            }
            Err(PartFailed::Failure(failure)) => return Err(failure),
            // The writer has gone: its own error says why.
            Err(PartFailed::WriterGone) => break,
        };
        next_seq = report.end_seq + 1;
        hasher.update(report.name.as_bytes()).update(&report.hash);
        parts.push(report);
    }
    let journal = writing.map(|writing| finish(writing, &mut histograms)).transpose()?;
    let elapsed_ns = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
    Ok(Report {
        config_name,
        near_misses_kept: work.near_misses_kept(),
        parts,
        histograms,
        hash: hasher.finalize().to_hex().to_string(),
        elapsed_ns,
        threads,
        journal,
    })
}

fn start(wanted: JournalWanted, prepared: &[Prepared<'_>]) -> Result<Writing, Failure> {
    // Asked before anything is opened: opening repairs, and another run's journal is not ours to touch.
    if is_journal(&wanted.dir) {
        return Err(Failure::new(
            Exit::Usage,
            format!("{}: holds a journal already", wanted.dir.display()),
            "name an empty directory; a replay never writes into another run's journal",
        ));
    }
    // The rings are made for the part with the most pairs.
    let pairs = prepared.iter().filter_map(|part| part.tables.pairs().ok()).map(|it| it.len());
    let (recorder, tapes) = tapes(pairs.max().unwrap_or(0));
    let started = JournalThread::start(&wanted.dir, wanted.options, tapes);
    let (thread, _) = started.map_err(|error| failure(&error))?;
    Ok(Writing { dir: wanted.dir, recorder: Some(recorder), thread })
}

fn finish(writing: Writing, histograms: &mut StageHistograms) -> Result<JournalReport, Failure> {
    let Writing { dir, recorder, thread } = writing;
    let waited_ns = recorder.as_ref().map_or(0, |recorder| recorder.waited_ns);
    drop(recorder);
    let written = thread.finish().map_err(|error| failure(&error))?;
    histograms.merge(&written.histograms);
    Ok(JournalReport { dir, written, waited_ns })
}

/// The events of a part in the order in which its core consumes them, and the core's tables: what
/// measurements and tests of the core alone start from.
///
/// # Errors
///
/// [`Failure`] when a recording is damaged.
pub fn merged_events(plan: &Plan, part: &Part) -> Result<(Vec<Event>, Tables), Failure> {
    let prepared = super::prepare::part(plan, part)?;
    let bar = ProgressBar::hidden();
    let (mut lanes, mut ports): (Vec<Lane<'_>>, Vec<Port>) =
        prepared.feeds.into_iter().map(|feed| lane(feed, &bar)).unzip();
    let mut histograms = StageHistograms::new();
    let mut events = Vec::new();
    let mut pump = |number: usize| {
        assert_ne!(lanes[number].pump(), Pumped::Full, "Invariant: an empty ring has room");
    };
    while next_batch(&mut ports, &mut pump, &mut histograms, |first, second| {
        events.extend_from_slice(first);
        events.extend_from_slice(second);
    }) {}
    Ok((events, prepared.tables))
}

/// Why a part did not run to its end.
enum PartFailed {
    Failure(Failure),
    WriterGone,
}

/// The state that a part begins with.
struct Start {
    /// Number of the record after which it is.
    seq: u64,
    /// Its stored form.
    state: Vec<u8>,
    /// Whether the journal that is written has it already.
    is_written: bool,
}

/// How a part is run.
struct How {
    /// Number of its first record.
    begin_seq: u64,
    threads: usize,
    /// What it begins with; none: nothing.
    start: Option<Start>,
    /// Whether the next part goes on from its end.
    is_gone_on_from: bool,
}

/// The core of a part, as it begins.
fn core_of(part: &Prepared<'_>, how: &How) -> Result<Core, Failure> {
    let begin_seq = how.begin_seq;
    let (name, tables, settings) = (&part.name, part.tables.clone(), part.settings.clone());
    if let Some(start) = &how.start {
        return carry::go_on(&start.state, tables, settings, begin_seq).map_err(|error| {
            Failure::new(
                Exit::BadData,
                format!("part {name} cannot go on from the run before: {error}"),
                "replay it with the program that wrote it",
            )
        });
    }
    let core = Core::with_settings(tables, settings);
    let mut core = core.map_err(|error| {
        Failure::new(
            Exit::BadConfig,
            format!("part {name}: the markets do not fit together: {error:?}"),
            "too many pairs, or a grid finer than 10^-18",
        )
    })?;
    core.start_at(begin_seq);
    Ok(core)
}

fn run_part(
    part: Prepared<'_>,
    how: How,
    writing: &mut Option<Writing>,
    histograms: &mut StageHistograms,
    bar: &ProgressBar,
) -> Result<(PartReport, Option<Vec<u8>>), PartFailed> {
    let core = core_of(&part, &how).map_err(PartFailed::Failure)?;
    let How { begin_seq, threads, start, is_gone_on_from } = how;
    let (mut begin, anchor_daily) = (part.begin(), part.anchor_daily);
    begin.from_anchor = start.as_ref().map(|start| start.seq);
    let feeds = part.feeds;
    let (mut lanes, ports): (Vec<Lane<'_>>, Vec<Port>) =
        feeds.into_iter().map(|feed| lane(feed, bar)).unzip();
    let wanted = writing.as_ref().map(|it| std::sync::Arc::clone(&it.thread.anchor_wanted));
    let recorder = writing.as_mut().and_then(|it| it.recorder.take());
    let mut driver =
        Driver::new(core, ports, recorder, wanted, Numbered { begin, begin_seq, anchor_daily });
    if let Some(start) = start.filter(|start| !start.is_written) {
        driver.anchor_of(start.seq, start.state).map_err(|_| PartFailed::WriterGone)?;
    }
    let mut is_written = true;
    let mut not_started: Option<std::io::Error> = None;
    if threads == 1 {
        is_written = driver.drive(histograms, |number| {
            assert_ne!(lanes[number].pump(), Pumped::Full, "Invariant: an empty ring has room");
        });
    } else {
        let share = lanes.len().div_ceil(threads - 1).max(1);
        // The driver lives in the closure: should the core fail, its ports go with it, the lanes see
        // that nobody takes any more, and the failure comes out instead of waiting for them.
        let written = &mut is_written;
        let not_started = &mut not_started;
        driver = std::thread::scope(|scope| {
            for (number, group) in lanes.chunks_mut(share).enumerate() {
                let builder = std::thread::Builder::new().name(format!("decode-{number}"));
                if let Err(error) = builder.spawn_scoped(scope, move || pump_all(group)) {
                    *not_started = Some(error);
                    break;
                }
            }
            let mut driver = driver;
            if not_started.is_some() {
                // The threads that did start see that nobody takes any more, and end.
                driver.abandon_input();
                return driver;
            }
            *written = driver.drive(histograms, |_| std::thread::yield_now());
            if !*written {
                driver.abandon_input();
            }
            driver
        });
    }
    if let Some(error) = not_started {
        return Err(PartFailed::Failure(Failure::new(
            Exit::Write,
            format!("cannot start a decoding thread: {error}"),
            "use fewer with --threads, or raise the limit on threads",
        )));
    }
    if !is_written {
        return Err(PartFailed::WriterGone);
    }
    let state = if is_gone_on_from {
        Some(driver.hand_over().map_err(|_| PartFailed::WriterGone)?)
    } else {
        None
    };
    let (mut report, recorder) = driver.into_report();
    if let Some(writing) = writing {
        writing.recorder = recorder;
    }
    for lane in lanes {
        let (stats, decode, oversized) = lane.into_stats();
        if let Some(failed) = stats.failed {
            return Err(PartFailed::Failure(failed));
        }
        histograms.merge(&decode);
        report.records += stats.records;
        report.frames += stats.frames;
        report.odd.merge(&stats.odd);
        report.oversized += oversized;
        report.unproven_joins.extend(stats.unproven_joins);
    }
    Ok((report, state))
}
