//! Tests across crates.
//!
//! Larger recordings are found through `RIPTIDE_SHARED_DATA`; tests on them say so and pass where
//! they are absent. Campaign sizes are environment variables, small by default.
#![expect(clippy::print_stdout, reason = "skips and campaign sizes are told to who runs them")]

mod books;
mod bundle;
mod calibration;
mod decoders;
mod orders_bitstamp;
mod orders_coinbase;
mod orders_gemini;
mod orders_latch;
mod poolmath;
mod risk_matrix;
mod store;
mod support;
mod tidy;
