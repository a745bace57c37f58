//! The work that the benchmarks measure: recorded frames, book updates, pools and pairs.
//!
//! Layout: [`frames`] holds the frames of the recordings and the decoder that meets them,
//! [`streams`] book updates, [`pools`] a real pool's shape and the amounts that cross a given number
//! of its ticks, [`pairs`] books against that pool, and a golden-section search over their sizes,
//! [`scene`] a core over the recorded markets in which about half of the frames are worth a trade;
//! [`handoff`] sends items from one thread through a ring to another and times them, [`wire`] is what
//! stands at both ends of it; [`journals`] holds a journal of the recorded frames, and a bare file.
//!
//! Used by the benchmarks of this crate and by the comparison with other libraries in `peers`.
//! Deliberately absent outside of [`handoff`]: clocks and everything that measures.

pub mod frames;
pub mod handoff;
pub mod journals;
pub mod pairs;
pub mod pools;
pub mod scene;
pub mod streams;
pub mod wire;

use std::path::Path;

/// A file of the shipped recording's real part, as it is packed.
///
/// # Panics
///
/// When it is not in the checkout.
#[must_use]
pub fn recorded(file: &str) -> Vec<u8> {
    let path =
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/bundle/recorded")).join(file);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
