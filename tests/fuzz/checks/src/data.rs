//! The recordings that ship with the project.

use std::path::PathBuf;

use connector_net::capture::{Capture, Record};

/// A file below the project's test data.
#[must_use]
pub fn path(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../data")).join(name)
}

/// A recording of the test data.
///
/// # Panics
///
/// When it cannot be read.
#[must_use]
pub fn capture(name: &str) -> Capture {
    Capture::open(&path(name)).unwrap_or_else(|error| panic!("{error}"))
}

/// Its records.
///
/// # Panics
///
/// When one cannot be read.
pub fn records(capture: &Capture) -> impl Iterator<Item = Record<'_>> {
    capture.records().map(|record| record.unwrap_or_else(|error| panic!("{error}")))
}

/// The text of a compressed file of the test data.
///
/// # Panics
///
/// When it cannot be read.
#[must_use]
pub fn text(name: &str) -> Vec<u8> {
    let packed = std::fs::read(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    zstd::stream::decode_all(&packed[..]).unwrap_or_else(|error| panic!("{name}: {error}"))
}
