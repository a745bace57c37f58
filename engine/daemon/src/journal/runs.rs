//! What runs a journal holds.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use engine_journal::disk::{Disk, RealDisk};
use engine_journal::reader::{End as JournalEnd, StreamEnd, Tail};
use engine_journal::records::{self, Begin, End};
use engine_journal::{JournalError, Reader};
use engine_model::Event;

use crate::cli_output::{Exit, Failure};

/// One run of a journal.
#[derive(Clone, Debug)]
pub struct Run {
    /// Number of its first record.
    pub seq: u64,
    /// How it began.
    pub begin: Begin,
    /// How it ended; none when it was cut off.
    pub end: Option<End>,
    /// Number of the record that says so.
    pub end_seq: Option<u64>,
}

/// The files of this machine.
#[must_use]
pub fn disk() -> Arc<dyn Disk> {
    Arc::new(RealDisk)
}

/// What a journal's error is reported as.
#[must_use]
pub fn failure(error: &JournalError) -> Failure {
    let mut says = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        says = format!("{says}: {inner}");
        cause = inner.source();
    }
    let (exit, hint) = match error {
        JournalError::Io { operation, .. } if operation.starts_with("open") => {
            (Exit::MissingFile, "check the path; it is taken from the current directory")
        }
        JournalError::Io { .. } | JournalError::Stopped { .. } if error.is_disk_full() => {
            (Exit::Write, "free some room, or name another directory with --journal")
        }
        JournalError::Io { .. } | JournalError::Stopped { .. } => {
            (Exit::Write, "name another directory with --journal, or leave it out: --no-journal")
        }
        JournalError::NotAJournal { .. } => {
            (Exit::MissingFile, "riptide replay --journal DIR writes one")
        }
        JournalError::Locked { .. } => (Exit::Write, "wait for the other process, or stop it"),
        JournalError::NewerVersion { .. } => {
            (Exit::BadData, "read it with the program that wrote it")
        }
        JournalError::Damaged { .. }
        | JournalError::MissingSegment { .. }
        | JournalError::SameSeq { .. } => {
            (Exit::BadData, "keep a copy; nothing before the damage is lost, nothing is repaired")
        }
        JournalError::TooLarge { .. }
        | JournalError::OutOfOrder { .. }
        | JournalError::ReservedKind { .. }
        | JournalError::SegmentBytes { .. } => (Exit::BadConfig, "check [journal]"),
    };
    Failure::new(exit, says, hint)
}

/// A record whose content cannot be read though its checksum holds: another program's.
#[must_use]
pub fn unreadable(dir: &Path, seq: u64, what: &str) -> Failure {
    Failure::new(
        Exit::BadData,
        format!("{}: record {seq}: {what}", dir.display()),
        "read it with the program that wrote it",
    )
}

/// Finds the runs of a journal. Reads all of it once, so that damage is met before anything runs.
///
/// # Errors
///
/// [`Failure`] naming file and offset.
pub fn find(dir: &Path) -> Result<(Vec<Run>, JournalEnd), Failure> {
    let mut reader = Reader::open(&disk(), dir).map_err(|error| failure(&error))?;
    let mut runs: Vec<Run> = Vec::new();
    while let Some(record) = reader.next_record().map_err(|error| failure(&error))? {
        let seq = record.head.seq;
        if !matches!(record.head.kind, records::BEGIN | records::END) {
            continue;
        }
        check_version(dir, seq, record.head.version)?;
        if record.head.kind == records::BEGIN {
            let begin = records::decode(record.payload)
                .map_err(|error| unreadable(dir, seq, &format!("the run's start: {error}")))?;
            runs.push(Run { seq, begin, end: None, end_seq: None });
        } else if let Some(run) = runs.last_mut() {
            let end = records::decode(record.payload)
                .map_err(|error| unreadable(dir, seq, &format!("the run's end: {error}")))?;
            (run.end, run.end_seq) = (Some(end), Some(seq));
        }
    }
    let end = reader.end().expect("Invariant: the reader has come to its end");
    Ok((runs, end))
}

/// Refuses a journal of which records are missing: what is left of it is another history.
///
/// # Errors
///
/// [`Failure`] naming the first range.
pub fn check_whole(dir: &Path, end: &JournalEnd) -> Result<(), Failure> {
    let Some(gap) = end.gaps.first() else { return Ok(()) };
    Err(Failure::new(
        Exit::BadData,
        format!(
            "{}: records {} to {} are gone, and {} more ranges",
            dir.display(),
            gap.first,
            gap.last,
            end.gaps_total.saturating_sub(1),
        ),
        "riptide verify says what can still be compared, riptide project shows the decisions",
    ))
}

/// How the streams end, in words, where that is not in order.
#[must_use]
pub fn tails(end: &JournalEnd) -> Vec<String> {
    let streams = [("market", &end.market), ("ledger", &end.ledger)];
    streams.into_iter().filter_map(|(name, stream)| tail(name, stream)).collect()
}

/// How a stream ends, where that is not in order.
fn tail(name: &str, end: &StreamEnd) -> Option<String> {
    match &end.tail {
        Tail::Sealed => None,
        Tail::Open => Some(format!("the {name} stream was not closed; nothing is torn")),
        Tail::Absent => Some(format!("the {name} stream has no segment")),
        Tail::Torn(torn) => Some(format!(
            "the {name} stream is torn: {} at byte {}: {} bytes and {} records or more were never \
             acknowledged",
            torn.file.display(),
            torn.offset,
            torn.bytes.max(torn.missing_bytes),
            torn.records,
        )),
    }
}

/// Refuses records of a layout that this build does not know.
///
/// # Errors
///
/// [`Failure`] naming the record.
pub fn check_version(dir: &Path, seq: u64, version: u16) -> Result<(), Failure> {
    if version == records::VERSION {
        return Ok(());
    }
    let says = format!("layout {version}, this build reads {}", records::VERSION);
    Err(unreadable(dir, seq, &says))
}

/// Refuses a batch that no core can have taken: an empty one, or one without an end.
///
/// # Errors
///
/// [`Failure`] naming the record.
pub fn check_batch(dir: &Path, seq: u64, events: &[Event]) -> Result<(), Failure> {
    let Some((last, before)) = events.split_last() else {
        return Err(unreadable(dir, seq, "a batch without an event"));
    };
    let ends = |event: &Event| event.ends_batch() || event.is_tick();
    if !ends(last) || before.iter().any(ends) {
        return Err(unreadable(dir, seq, "a batch that does not end where its record does"));
    }
    Ok(())
}

/// The build that runs now: version, and the beginning of the hash of the program's own file. Two
/// builds of one version are two builds.
#[must_use]
pub fn build() -> &'static str {
    static BUILD: OnceLock<String> = OnceLock::new();
    BUILD.get_or_init(|| {
        let version = env!("CARGO_PKG_VERSION");
        let program = std::env::current_exe().and_then(std::fs::read);
        match program {
            Ok(bytes) => format!("riptide {version} {}", &blake3::hash(&bytes).to_hex()[..16]),
            Err(_) => format!("riptide {version}"),
        }
    })
}
