//! What the core's thread costs, measured: for benchmarks of the journal.
//!
//! One part is driven as [`super::run`] drives it, with the decoders on a thread of their own that
//! has gone ahead as far as the rings let it. The caller brings the clock, a clock of this thread's
//! processor time.

use std::sync::Arc;

use engine_core::Core;
use engine_telemetry::StageHistograms;
use indicatif::ProgressBar;

use super::bundle::{Part, Plan};
use super::drive::{Driver, Numbered};
use super::merge::{Lane, Port, Pumped, lane, pump_all};
use super::run::JournalWanted;
use crate::cli_output::Failure;
use crate::journal::recorder::tapes;
use crate::journal::runs::failure;
use crate::journal::writer::JournalThread;

/// What driving one part took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Processor time of the core's thread, without what it spent on waiting for input. Unit:
    /// nanoseconds.
    pub cpu_ns: u64,
    /// Time that the core waited for room in the journal's rings. Unit: nanoseconds of wall time.
    pub waited_ns: u64,
    /// Of the processor time, what anchors took: at the start, at the end, and at each new segment
    /// and day. By wall time. Unit: nanoseconds.
    pub anchors_ns: u64,
    /// Events that the core consumed.
    pub events: u64,
    /// Batches that the core consumed.
    pub batches: u64,
    /// Hash over everything the core said.
    pub hash: [u8; 32],
}

/// Drives a part, with a journal where one is wanted.
///
/// # Errors
///
/// [`Failure`] when a recording is damaged or the journal cannot be written.
///
/// # Panics
///
/// When the tables of the part do not fit together, or the journal's thread panics.
pub fn of_part(
    plan: &Plan,
    part: &Part,
    journal: Option<JournalWanted>,
    cpu_ns: impl Fn() -> u64,
) -> Result<Cost, Failure> {
    let prepared = super::prepare::part(plan, part)?;
    let begin = prepared.begin();
    let super::prepare::Prepared { feeds, tables, settings, .. } = prepared;
    let core = Core::with_settings(tables.clone(), settings);
    let mut core = core.expect("Invariant: a replay has checked these tables");
    core.start_at(1);
    let (recorder, thread) = match journal {
        None => (None, None),
        Some(wanted) => {
            let (recorder, tapes) = tapes(core.pairs().len());
            let started = JournalThread::start(&wanted.dir, wanted.options, tapes);
            let (thread, _) = started.map_err(|error| failure(&error))?;
            (Some(recorder), Some(thread))
        }
    };
    let bar = ProgressBar::hidden();
    let (mut lanes, ports): (Vec<Lane<'_>>, Vec<Port>) =
        feeds.into_iter().map(|feed| lane(feed, &bar)).unzip();
    for lane in &mut lanes {
        while lane.pump() == Pumped::Progress {}
    }
    let wanted = thread.as_ref().map(|it| Arc::clone(&it.anchor_wanted));
    let numbered = Numbered { begin, begin_seq: 1, anchor_daily: true };
    let mut driver = Driver::new(core, ports, recorder, wanted, numbered);
    let mut histograms = StageHistograms::new();
    let mut spent_ns = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| pump_all(&mut lanes));
        let (begun_ns, mut idle_ns) = (cpu_ns(), 0);
        driver.drive(&mut histograms, |_| {
            let from_ns = cpu_ns();
            std::thread::yield_now();
            idle_ns += cpu_ns() - from_ns;
        });
        spent_ns = cpu_ns() - begun_ns - idle_ns;
    });
    let anchors_ns = driver.anchors_ns();
    let (report, recorder) = driver.into_report();
    let waited_ns = recorder.as_ref().map_or(0, |it| it.waited_ns);
    drop(recorder);
    if let Some(thread) = thread {
        thread.finish().map_err(|error| failure(&error))?;
    }
    Ok(Cost {
        cpu_ns: spent_ns,
        waited_ns,
        anchors_ns,
        events: report.events,
        batches: report.batches,
        hash: report.hash,
    })
}
