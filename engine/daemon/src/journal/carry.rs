//! A run that begins with the state of the run before it.
//!
//! In the journal: the `End` of the one, an anchor under the same number, the `Begin` of the other with
//! that number in `from_anchor`. Whoever has taken the run before to its end goes on with its core;
//! whoever has not reads the anchor. Both give the same core.

use std::path::Path;

use engine_core::state::{Ended, State, StateError};
use engine_core::{Core, Settings, Tables};
use engine_journal::anchor;
use engine_journal::records::Begin;

use super::runs::{disk, failure, unreadable};
use crate::cli_output::{Exit, Failure};

/// The stored form of the state of a core whose run has ended: what the anchor at that number holds.
///
/// # Panics
///
/// Between the events of a batch.
#[must_use]
pub fn ended(core: &Core) -> Vec<u8> {
    // Writing into memory fails only for sequences of unknown length, of which the state has none.
    postcard::to_allocvec(&Ended(core)).expect("Invariant: a core has a stored form")
}

/// Why a run cannot go on as another.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CarryError {
    /// The bytes are no state.
    #[error("the state cannot be read: {0}")]
    Unreadable(postcard::Error),
    /// It does not fit.
    #[error("the state does not fit: {0}")]
    State(StateError),
    /// Assets, markets, instruments or pairs are others.
    #[error("assets, markets or pairs are not those of the run before")]
    OtherMarkets,
}

/// A core that goes on from the stored state of an ended run, over tables and settings of its own.
/// `begin_seq` is the number of its first record.
///
/// # Errors
///
/// [`CarryError`].
pub fn go_on(
    state: &[u8],
    tables: Tables,
    settings: Settings,
    begin_seq: u64,
) -> Result<Core, CarryError> {
    let state: State = postcard::from_bytes(state).map_err(CarryError::Unreadable)?;
    state.continue_into(tables, settings, begin_seq).map_err(CarryError::State)
}

/// As [`go_on`], from a core that stands at the end of its run.
///
/// # Errors
///
/// [`CarryError`]; the core is as it was.
pub fn continue_with(
    core: &Core,
    tables: Tables,
    settings: Settings,
    begin_seq: u64,
) -> Result<Core, CarryError> {
    if !tables.has_markets_of(core.tables()) {
        return Err(CarryError::OtherMarkets);
    }
    go_on(&ended(core), tables, settings, begin_seq)
}

/// The state that a run of a journal begins with, from its anchor.
///
/// # Errors
///
/// [`Failure`] when the anchor is gone or damaged.
pub fn state_at(dir: &Path, seq: u64) -> Result<Vec<u8>, Failure> {
    let known = anchor::list(&*disk(), dir).map_err(|error| failure(&error))?;
    if !known.contains(&seq) {
        return Err(Failure::new(
            Exit::BadData,
            format!("{}: anchor {seq} is gone, and so is the run that led to it", dir.display()),
            "a run that goes on from another needs its records or its anchor: restore either",
        ));
    }
    let anchor = anchor::read(&*disk(), dir, seq).map_err(|error| failure(&error))?;
    Ok(anchor.bytes)
}

/// The core of a run of a journal whose first record is `seq`: new, gone on from `before`, or from the
/// anchor that it names. `before` is the core of the run before, at its end.
///
/// # Errors
///
/// [`Failure`] naming what does not fit.
pub fn core_of(
    dir: &Path,
    seq: u64,
    begin: &Begin,
    before: Option<&Core>,
) -> Result<Core, Failure> {
    let (tables, settings) = (begin.tables.clone(), begin.settings.clone());
    let misfit = |what: String| unreadable(dir, seq, &what);
    let Some(from) = begin.from_anchor else {
        let core = Core::with_settings(tables, settings);
        let mut core = core.map_err(|error| misfit(format!("its tables: {error:?}")))?;
        core.start_at(seq);
        return Ok(core);
    };
    let core = match before.filter(|core| Ended(core).seq() == from) {
        Some(core) => continue_with(core, tables, settings, seq),
        None => go_on(&state_at(dir, from)?, tables, settings, seq),
    };
    core.map_err(|error| misfit(error.to_string()))
}
