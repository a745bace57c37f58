//! Recorded swaps and liquidity changes of a pool, run through the pool arithmetic.
//!
//! A file is a header (start state, recorded end state) and one event per line. The state begins as
//! the header says and moves by our own arithmetic alone, so that one wrong unit anywhere shows in
//! everything behind it. Amounts are what the chain moved. `derived_*` fields are computed by
//! whoever made the file; where present they are compared as well, because a state that differs
//! while the amounts still agree would differ in some later amount.

mod file;
mod replay;

use std::fmt::{self, Write as _};
use std::path::Path;

use serde::Serialize;

use crate::input::{self, InputError};
use crate::outcome::{CommandOutcome, EXIT_BAD_FILE, OutputForm};

pub use file::LineProblem;

/// Mismatches that are named one by one; the others are only counted.
pub const MISMATCHES_NAMED_MAX: usize = 20;

/// Why a recorded-swap file could not be run.
#[derive(Debug, thiserror::Error)]
pub enum SwapFileError {
    /// The file's bytes could not be had.
    #[error(transparent)]
    Input(#[from] InputError),
    /// A line that is not what the format wants there.
    #[error("{file}: line {line}: {problem}")]
    Line {
        /// File name.
        file: String,
        /// 1-based line in the decompressed file.
        line: usize,
        /// What is wrong with it.
        problem: LineProblem,
    },
    /// A file without a line.
    #[error("{file}: empty (expected a header line)")]
    Empty {
        /// File name.
        file: String,
    },
}

/// An event whose outcome differs from the recorded one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// 1-based line in the decompressed file.
    pub line: usize,
    /// Field by field: name, recorded, ours.
    pub difference: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.difference)
    }
}

/// What came of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SwapsReport {
    /// Lines behind the header.
    pub events: u64,
    /// Of these, swaps.
    pub swaps: u64,
    /// Of these, liquidity added or taken away.
    pub liquidity_changes: u64,
    /// Events that differ in at least one number.
    pub mismatches: u64,
    /// Whether price, tick and liquidity at the end are the recorded ones.
    pub final_state_equal: bool,
    /// The first [`MISMATCHES_NAMED_MAX`] mismatches.
    #[serde(skip)]
    pub named: Vec<Mismatch>,
    /// How the final state differs; empty when it does not.
    #[serde(skip)]
    pub final_difference: String,
}

impl SwapsReport {
    /// Whether everything agrees.
    #[must_use]
    pub const fn agrees(&self) -> bool {
        self.mismatches == 0 && self.final_state_equal
    }
}

impl fmt::Display for SwapsReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (swaps, changes) = (self.swaps, self.liquidity_changes);
        writeln!(f, "events       {} ({swaps} swaps, {changes} liquidity changes)", self.events)?;
        writeln!(f, "mismatches   {}", self.mismatches)?;
        let state = if self.final_state_equal { "equal" } else { "different" };
        writeln!(f, "final state  {state}")
    }
}

/// Runs a recorded-swap file given as bytes, packed or not; `file` is what errors call it.
///
/// # Errors
///
/// [`SwapFileError`], which names the file and the line.
pub fn replay(file: &str, bytes: &[u8]) -> Result<SwapsReport, SwapFileError> {
    let text = input::unpack(file, bytes)?;
    replay::run(file, &text)
}

/// The command: runs the file at `path` and says what came of it.
#[must_use]
pub fn run(path: &Path, form: OutputForm) -> CommandOutcome {
    let file = path.display().to_string();
    let report = input::read(path).map_err(Into::into).and_then(|bytes| replay(&file, &bytes));
    match report {
        Ok(report) => outcome(&file, &report, form),
        Err(error) => CommandOutcome {
            stdout: match form {
                OutputForm::Text => String::new(),
                OutputForm::Json => {
                    let says = error.to_string();
                    serde_json::json!({ "error": "bad_data", "says": says }).to_string() + "\n"
                }
            },
            stderr: format!(
                "error: {error}\nhint: expected a recorded-swap file, one JSON object per line, \
                 plain or zstd\n"
            ),
            exit_code: EXIT_BAD_FILE,
        },
    }
}

fn outcome(file: &str, report: &SwapsReport, form: OutputForm) -> CommandOutcome {
    let mut stderr = String::new();
    for mismatch in &report.named {
        let _ = writeln!(stderr, "mismatch: {file}: {mismatch}");
    }
    let unnamed = report.mismatches.saturating_sub(report.named.len() as u64);
    if unnamed > 0 {
        let _ = writeln!(stderr, "mismatch: {file}: {unnamed} more");
    }
    if !report.final_state_equal {
        let _ = writeln!(stderr, "mismatch: {file}: final state: {}", report.final_difference);
    }
    if !report.agrees() {
        stderr += "hint: the first mismatch is the one to look at; the state is ours from there\n";
    }
    let stdout = match form {
        OutputForm::Text => report.to_string(),
        OutputForm::Json => {
            serde_json::to_string(report).expect("Invariant: a struct of numbers is JSON") + "\n"
        }
    };
    CommandOutcome { stdout, stderr, exit_code: u8::from(!report.agrees()) }
}
