//! `riptide project`: the query store of a journal, made anew.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use engine_store::{Projected, Store, StoreError};
use serde_json::{Map, Value, json};

use crate::cli_output::{Exit, Failure, Form, write_json, write_text};
use crate::journal::runs;
use crate::replay::money::count;

/// Name of a journal's store where none is given.
pub const STORE_DEFAULT: &str = "store.sqlite";

/// What was projected.
#[derive(Debug)]
pub struct Report {
    /// The store's file.
    pub file: PathBuf,
    /// What was taken in.
    pub projected: Projected,
    /// Rows of each table, parents first.
    pub rows: Vec<(&'static str, u64)>,
    /// From the start of the command. Unit: nanoseconds.
    pub elapsed_ns: u64,
}

/// The command: rebuilds the store of the journal in `journal`, by default beside its streams.
#[must_use]
pub fn command(journal: &Path, file: Option<&Path>, form: Form) -> Exit {
    let report = match project(journal, file) {
        Ok(report) => report,
        Err(failed) => return failed.report(form),
    };
    let written = match form {
        Form::Text => write_text(&text(&report)),
        Form::Json => write_json(&object(&report)),
    };
    written.err().unwrap_or(Exit::Ok)
}

/// Rebuilds a store.
///
/// # Errors
///
/// [`Failure`] naming file and offset, or record; the old store is then as it was.
pub fn project(journal: &Path, file: Option<&Path>) -> Result<Report, Failure> {
    let started = Instant::now();
    let file = file.map_or_else(|| journal.join(STORE_DEFAULT), Path::to_owned);
    let (store, projected) = Store::rebuild(&file, journal).map_err(|error| failure(&error))?;
    let rows = store.counts().map_err(|error| failure(&error))?;
    let elapsed_ns = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
    Ok(Report { file, projected, rows, elapsed_ns })
}

/// What a store's error is reported as.
#[must_use]
pub fn failure(error: &StoreError) -> Failure {
    if let StoreError::Journal(error) = error {
        return runs::failure(error);
    }
    let mut says = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        says = format!("{says}: {inner}");
        cause = inner.source();
    }
    let (exit, hint) = match error {
        StoreError::Journal(_) | StoreError::Record { .. } => {
            (Exit::BadData, "read it with the program that wrote it")
        }
        StoreError::OutOfRange { .. } => {
            (Exit::BadData, "no real amount is so large: look at the configured decimals and lots")
        }
        StoreError::Io { .. } | StoreError::Sqlite { .. } => {
            (Exit::Write, "name a file elsewhere with --db; the journal is not written to")
        }
        StoreError::Busy { .. } => {
            (Exit::Write, "close what has it open, or name another file with --db")
        }
        StoreError::NewerVersion { .. } => {
            (Exit::BadData, "use the newer program, or name another file with --db")
        }
        StoreError::NotAStore { .. } => {
            (Exit::BadData, "it is left alone; name another file with --db")
        }
        StoreError::Damaged { .. } => {
            (Exit::BadData, "remove it and project again: the journal holds all of it")
        }
    };
    Failure::new(exit, says, hint)
}

fn text(report: &Report) -> String {
    let mut text = String::new();
    // Writing into a string does not fail.
    let _ = try_text(&mut text, report);
    text
}

fn try_text(text: &mut String, report: &Report) -> std::fmt::Result {
    let Report { file, projected, rows, elapsed_ns } = report;
    let ms = elapsed_ns / 1_000_000;
    writeln!(text, "store {}", file.display())?;
    writeln!(
        text,
        "  {} ledger records · {} decisions · last record {} · {} ms",
        count(projected.records),
        count(projected.decisions),
        projected.last_seq.map_or_else(|| "none".to_owned(), count),
        count(ms),
    )?;
    if projected.orphans > 0 {
        let orphans = count(projected.orphans);
        writeln!(text, "  {orphans} decisions about what began before the ledger does: no row")?;
    }
    if let Some(torn) = &projected.torn {
        let (offset, bytes) = (torn.offset, torn.bytes);
        let place = torn.file.display();
        writeln!(text, "  {place}: {bytes} bytes from byte {offset} on were never committed")?;
    }
    for (table, rows) in rows {
        writeln!(text, "  {table:<14}{:>12} rows", count(*rows))?;
    }
    Ok(())
}

fn object(report: &Report) -> Value {
    let Report { file, projected, rows, elapsed_ns } = report;
    let rows: Map<String, Value> =
        rows.iter().map(|(table, rows)| ((*table).to_owned(), (*rows).into())).collect();
    let torn = projected.torn.as_ref().map(|torn| {
        json!({
            "file": torn.file.display().to_string(),
            "offset": torn.offset,
            "bytes": torn.bytes,
            "records": torn.records,
        })
    });
    json!({
        "store": file.display().to_string(),
        "records": projected.records,
        "decisions": projected.decisions,
        "last_seq": projected.last_seq,
        "orphans": projected.orphans,
        "torn": torn,
        "rows": rows,
        "elapsed_ns": elapsed_ns,
    })
}
