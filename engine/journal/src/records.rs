//! What the payloads of an engine's journal mean: kinds, versions, contents.
//!
//! A run begins with a [`Begin`] in the ledger, which holds everything that the core depends on
//! besides its events: build, configuration, tables, settings, names. Batches of events follow in
//! the stream they belong to, decisions in the ledger, each under its number in the sequence that
//! both share. A kind keeps its number and its version's layout for ever; a new layout is a new
//! version.

use std::vec::Vec;

use engine_core::outbox::Decided;
use engine_core::{Settings, Tables};
use engine_model::{Body, Event, ParamKey};
use serde::{Deserialize, Serialize};

use crate::format::Stream;

/// A batch of events, packed by [`crate::batch`].
pub const BATCH: u16 = 1;
/// A [`Begin`].
pub const BEGIN: u16 = 2;
/// A decision of the core.
pub const DECISION: u16 = 3;
/// An [`End`].
pub const END: u16 = 4;
/// A [`Retained`].
pub const RETENTION: u16 = 5;

/// Version of every layout here.
pub const VERSION: u16 = 1;

/// Names of what the tables hold, by index: reports need them, the core does not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names {
    /// Markets.
    pub markets: Vec<String>,
    /// Instruments: the market, and the settlement currency of an alias.
    pub instruments: Vec<String>,
    /// Assets.
    pub assets: Vec<String>,
    /// Named fee tier of each market, empty for pools.
    pub fee_tiers: Vec<String>,
}

/// A run begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begin {
    /// Version of the program, and what it was built from.
    pub build: String,
    /// Name of the part, or of the daemon's instance.
    pub part: String,
    /// `observe`, `paper` or `live`.
    pub mode: String,
    /// Where the configuration comes from.
    pub config_name: String,
    /// The whole configuration as it was read.
    pub config_text: String,
    /// What was set over it, in order.
    pub config_sets: Vec<String>,
    /// Recordings that are replayed, with the constant each is moved by in nanoseconds.
    pub inputs: Vec<(String, i64)>,
    /// What the core is built with.
    pub tables: Tables,
    /// What its desk is built with.
    pub settings: Settings,
    /// Names for reports.
    pub names: Names,
    /// The clock anchor: core time and wall time of the start. Unit: nanoseconds.
    pub clock: (u64, u64),
    /// Whether the core starts from the anchor of this sequence, or empty.
    pub from_anchor: Option<u64>,
}

/// A run ended in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// The core's digest of every look.
    pub digest: u64,
    /// Events that the core consumed.
    pub events: u64,
    /// Batches that the core consumed.
    pub batches: u64,
    /// Opportunities that had not ended.
    pub open_opportunities: u32,
    /// Trades that had not ended.
    pub open_trades: u32,
}

/// Stream, number, and the first and last sequence that a deleted segment may have held.
pub type DeletedSegment = (String, u64, Option<(u64, u64)>);

/// What retention did, so that a hole in a journal has its reason in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retained {
    /// Days that market segments are kept.
    pub market_days: u64,
    /// Days that ledger segments are kept.
    pub ledger_days: u64,
    /// File, bytes before and after.
    pub compressed: Vec<(String, u64, u64)>,
    /// Segments that are gone.
    pub deleted: Vec<DeletedSegment>,
    /// Segments that are old enough and stay because of a legal hold.
    pub held: u64,
}

/// The stream that a batch belongs to: the ledger when any of its events is a command, the clock, a
/// measurement of the engine, a fee tier or a market's status, else the market stream.
#[must_use]
pub fn stream_of(events: &[Event]) -> Stream {
    let is_ledger = |event: &Event| {
        matches!(
            event.body,
            Body::Command(_)
                | Body::Clock { .. }
                | Body::Engine { .. }
                | Body::Status { .. }
                | Body::Param { key: ParamKey::TakerFee, .. }
        )
    };
    // Levels, which are nearly everything, are never mixed with these by any decoder but one frame
    // at its ends, so both ends are looked at first.
    if events.iter().any(is_ledger) { Stream::Ledger } else { Stream::Market }
}

/// Puts a record into its stored form. The buffer is emptied first and keeps its memory.
///
/// # Panics
///
/// Never: every type here has a stored form.
pub fn encode(record: &impl Serialize, out: &mut Vec<u8>) {
    out.clear();
    let taken = core::mem::take(out);
    *out = postcard::to_extend(record, taken).expect("Invariant: records have a stored form");
}

/// Reads a record back from its stored form.
///
/// # Errors
///
/// The position and reason of postcard.
pub fn decode<'a, T: Deserialize<'a>>(payload: &'a [u8]) -> Result<T, postcard::Error> {
    let (record, rest) = postcard::take_from_bytes(payload)?;
    if rest.is_empty() { Ok(record) } else { Err(postcard::Error::DeserializeUnexpectedEnd) }
}

/// A decision in its stored form.
///
/// # Errors
///
/// As [`decode`].
pub fn decode_decision(payload: &[u8]) -> Result<Decided, postcard::Error> {
    decode(payload)
}
