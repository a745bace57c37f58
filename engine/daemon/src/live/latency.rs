//! Latencies beside the journal: a line for each interval, and what the measuring itself costs.
//!
//! They are no part of the record: two runs that decide alike take different times. So they lie in a
//! file of their own in the journal's directory, outside every hash.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::Instant;

use connector_link::Clock;
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use engine_telemetry::{Stage, StageHistograms};
use serde_json::{Value, json};

use super::core_loop::Latencies;
use super::report::latencies_object;
use crate::cli_output::{Exit, Failure, Form, write_json, write_text};
use crate::replay::money::{count, duration};

/// Name of the file in the journal's directory.
pub const FILE: &str = "latency.jsonl";
/// Name of the one before.
pub const FILE_BEFORE: &str = "latency.1.jsonl";
/// A file above this becomes the one before. Two days of ten-second intervals. Unit: bytes.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Readings of the clock for each batch: socket, hand-over, take, four stages entered and left, done.
const READS_A_BATCH: u64 = 12;
/// Histograms that each batch goes into.
const RECORDS_A_BATCH: u64 = 8;

/// What the measuring of one batch costs. Unit: nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnCost {
    /// One reading of the clock, in picoseconds.
    pub read_ps: u64,
    /// One entry into a histogram, in picoseconds.
    pub record_ps: u64,
    /// All of a batch.
    pub batch_ns: u64,
}

/// Measures the measuring.
#[must_use]
pub fn own_cost(clock: Clock) -> OwnCost {
    const ROUNDS: u64 = 20_000;
    let from = Instant::now();
    let mut last = 0;
    for _ in 0..ROUNDS {
        last = core::hint::black_box(clock.now_ns());
    }
    let read_ps = elapsed_ps(from) / ROUNDS;
    let mut histograms = StageHistograms::new();
    let from = Instant::now();
    for round in 0..ROUNDS {
        histograms.record(Stage::Wire, core::hint::black_box(last % 1_000 + round));
    }
    let record_ps = elapsed_ps(from) / ROUNDS;
    let batch_ns = (read_ps * READS_A_BATCH + record_ps * RECORDS_A_BATCH) / 1_000;
    OwnCost { read_ps, record_ps, batch_ns }
}

fn elapsed_ps(from: Instant) -> u64 {
    u64::try_from(from.elapsed().as_nanos() * 1_000).unwrap_or(u64::MAX)
}

/// The core's end: hands over an interval's histograms and gets empty ones for the next.
pub struct Intervals {
    full: Sender<(u64, Box<Latencies>)>,
    spare: Receiver<Box<Latencies>>,
    every_ns: u64,
    next_ns: u64,
}

/// The writing end, and what it has added up.
pub struct LatencyThread {
    thread: JoinHandle<Result<Box<Latencies>, std::io::Error>>,
    path: PathBuf,
}

impl Intervals {
    /// Opens the file and starts its thread.
    ///
    /// # Errors
    ///
    /// [`Failure`] where the file cannot be written.
    pub fn start(
        dir: &Path,
        every_ns: u64,
        clock: Clock,
    ) -> Result<(Self, LatencyThread), Failure> {
        let path = dir.join(FILE);
        let cannot = |error: std::io::Error| {
            Failure::new(
                Exit::Write,
                format!("cannot write {}: {error}", path.display()),
                "name a journal directory that can be written",
            )
        };
        let file = open(dir).map_err(cannot)?;
        let (full, fulls) = bounded(2);
        let (spares, spare) = bounded(2);
        // Two are on their way at most: one being written, one waiting.
        for _ in 0..2 {
            let _ = spares.try_send(Box::<Latencies>::default());
        }
        let own = own_cost(clock);
        let dir = dir.to_owned();
        let builder = std::thread::Builder::new().name("latency".to_owned());
        let thread =
            builder.spawn(move || write(file, &dir, &fulls, &spares, own)).map_err(cannot)?;
        Ok((Self { full, spare, every_ns, next_ns: 0 }, LatencyThread { thread, path }))
    }

    /// Hands the interval over when it is due. Without an empty set it goes on, and the next line covers
    /// more time: nothing is lost.
    pub fn due(&mut self, now_ns: u64, latencies: &mut Box<Latencies>) {
        if self.next_ns == 0 {
            self.next_ns = now_ns.saturating_add(self.every_ns);
        }
        if now_ns < self.next_ns {
            return;
        }
        self.next_ns = now_ns.saturating_add(self.every_ns);
        if let Ok(empty) = self.spare.try_recv() {
            let filled = core::mem::replace(latencies, empty);
            if let Err(TrySendError::Full((_, filled)) | TrySendError::Disconnected((_, filled))) =
                self.full.try_send((now_ns, filled))
            {
                *latencies = filled;
            }
        }
    }

    /// Hands over what is left.
    pub fn end(self, now_ns: u64, latencies: Box<Latencies>) {
        // A writer that has gone says why itself.
        let _ = self.full.send((now_ns, latencies));
    }
}

impl LatencyThread {
    /// All of the run, once the core's end is gone.
    ///
    /// # Errors
    ///
    /// [`Failure`] where the file could not be written.
    pub fn finish(self) -> Result<Latencies, Failure> {
        let failed = |says: String| {
            Failure::new(
                Exit::Write,
                format!("cannot write {}: {says}", self.path.display()),
                "free some room on its disk; the journal itself is written by another thread",
            )
        };
        match self.thread.join() {
            Ok(Ok(total)) => Ok(*total),
            Ok(Err(error)) => Err(failed(error.to_string())),
            Err(_) => Err(failed("its thread failed".to_owned())),
        }
    }
}

fn open(dir: &Path) -> std::io::Result<File> {
    let path = dir.join(FILE);
    let size = std::fs::metadata(&path).map_or(0, |file| file.len());
    if size > FILE_BYTES_MAX {
        std::fs::rename(&path, dir.join(FILE_BEFORE))?;
    }
    OpenOptions::new().create(true).append(true).open(path)
}

fn write(
    mut file: File,
    dir: &Path,
    fulls: &Receiver<(u64, Box<Latencies>)>,
    spares: &Sender<Box<Latencies>>,
    own: OwnCost,
) -> Result<Box<Latencies>, std::io::Error> {
    let mut total = Box::<Latencies>::default();
    let mut failed = None;
    while let Ok((at_ns, mut interval)) = fulls.recv() {
        total.merge(&interval);
        let line = json!({
            "at_ns": at_ns,
            "interval": latencies_object(&interval),
            "run": latencies_object(&total),
            "measuring": {
                "read_ps": own.read_ps, "record_ps": own.record_ps, "batch_ns": own.batch_ns,
            },
        });
        interval.clear();
        let _ = spares.try_send(interval);
        if failed.is_none()
            && let Err(error) = file.write_all(format!("{line}\n").as_bytes())
        {
            // The run goes on without: latencies are not worth a trade. It is told at the end.
            failed = Some(error);
        }
        let is_large = file.metadata().is_ok_and(|file| file.len() > FILE_BYTES_MAX);
        if is_large {
            file = open(dir)?;
        }
    }
    failed.map_or(Ok(total), Err)
}

/// `riptide latency`: the table of a run from the file beside its journal.
#[must_use]
pub fn command(dir: &Path, form: Form) -> Exit {
    let line = match last_line(dir) {
        Ok(line) => line,
        Err(failure) => return failure.report(form),
    };
    let written = match form {
        Form::Text => write_text(&table(&line)),
        Form::Json => write_json(&line),
    };
    written.err().unwrap_or(Exit::Ok)
}

fn last_line(dir: &Path) -> Result<Value, Failure> {
    let path = dir.join(FILE);
    let text =
        std::fs::read_to_string(&path).map_err(|error| Failure::unreadable(&path, &error))?;
    // The last line may be torn by a crash; the one before is whole.
    let mut lines = text.lines().rev();
    lines.find_map(|line| serde_json::from_str(line).ok()).ok_or_else(|| {
        Failure::new(
            Exit::BadData,
            format!("{}: holds no latencies", path.display()),
            "they are written every [runtime] latency_every_s seconds, and when a run ends",
        )
    })
}

fn table(line: &Value) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    let _ = writeln!(
        text,
        "Latency                   count       p50       p90       p99     p99.9       max"
    );
    for (name, rows) in line["run"].as_object().into_iter().flatten() {
        for row in rows.as_array().into_iter().flatten() {
            let ns = |key: &str| duration(row[key].as_u64().unwrap_or(0));
            let label = format!("{name} {}", row["stage"].as_str().unwrap_or("?"));
            let _ = writeln!(
                text,
                "  {label:<18} {:>10} {:>9} {:>9} {:>9} {:>9} {:>9}",
                count(row["count"].as_u64().unwrap_or(0)),
                ns("p50_ns"),
                ns("p90_ns"),
                ns("p99_ns"),
                ns("p999_ns"),
                ns("max_ns"),
            );
        }
    }
    let measuring = &line["measuring"]["batch_ns"];
    let _ = writeln!(
        text,
        "wire: from the bytes leaving the socket to the end of the core's step. Measuring itself takes \
         {} ns a batch.",
        measuring.as_u64().unwrap_or(0)
    );
    text
}
