//! What must hold for any bytes: one module per thing that reads foreign input.
//!
//! Each has a `check` that takes bytes and panics where a promise of the reader is broken; "does not
//! panic" alone would let wrong answers through. They build without a fuzzer, so that the same
//! checks run on the seeds in tests and on whole snapshots in the `snapshots` program.
//!
//! * [`coinbase`], [`gemini`], [`gemini_current`], [`bitstamp`]: frames. The scanner and the typed path agree, batches
//!   have their form, and a book built from the events equals a plain ordered map and is never
//!   crossed while it is usable.
//! * [`solana`]: a node's frames, with the pool in place of the book.
//! * [`recorder`]: recordings v1 and v2. Lines rise, damage is named, a cut changes nothing before
//!   it, both formats and compression carry the same records.
//! * [`accounts`]: account containers and account layouts; a path quotes what a swap gives.
//! * [`swaps`]: recorded-swap files. Counts add up, blank lines and compression change nothing.
//! * [`configuration`]: problems have line and remedy, an accepted file is accepted again.
//! * [`decimals`]: decimals and times against slow references.
//! * [`journal`]: a journal changed in places, with its checksums made right again. A reader returns
//!   a beginning of what was written; a start changes nothing that a reader had returned.
//! * [`quote`]: paths and swaps of arbitrary pools give the same amounts and errors.
//!
//! Deliberately absent: randomness and clocks in the checks; [`rng`] serves the programs.

pub mod accounts;
pub mod books;
pub mod bytes;
pub mod configuration;
pub mod data;
pub mod decimals;
pub mod exchange;
pub mod journal;
pub mod pools;
pub mod quote;
pub mod recorder;
pub mod rng;
pub mod seeds;
pub mod solana;
pub mod swaps;
pub mod synthetic;

/// Frames of Coinbase Advanced Trade.
pub mod coinbase {
    /// Checks the records of an input; see [`crate::exchange`].
    pub fn check(data: &[u8]) {
        let _ = crate::exchange::check(crate::exchange::Wire::Coinbase, data);
    }
}

/// Frames of Gemini's market data v2.
pub mod gemini {
    /// Checks the records of an input; see [`crate::exchange`].
    pub fn check(data: &[u8]) {
        let _ = crate::exchange::check(crate::exchange::Wire::Gemini, data);
    }
}

/// Frames of Gemini's current WebSocket.
pub mod gemini_current {
    /// Checks the records of an input; see [`crate::exchange`].
    pub fn check(data: &[u8]) {
        let _ = crate::exchange::check(crate::exchange::Wire::GeminiCurrent, data);
    }
}

/// Frames of Bitstamp, and the REST books that they are joined to.
pub mod bitstamp {
    /// Checks the records of an input; see [`crate::exchange`].
    pub fn check(data: &[u8]) {
        let _ = crate::exchange::check(crate::exchange::Wire::Bitstamp, data);
    }
}

/// A check by its target's name.
pub type Check = fn(&[u8]);

/// Every target: its name and its check.
pub const TARGETS: [(&str, Check); 12] = [
    ("coinbase", coinbase::check),
    ("gemini", gemini::check),
    ("gemini_current", gemini_current::check),
    ("bitstamp", bitstamp::check),
    ("solana", solana::check),
    ("recorder", recorder::check),
    ("accounts", accounts::check),
    ("swaps", swaps::check),
    ("configuration", configuration::check),
    ("decimals", decimals::check),
    ("quote", quote::check),
    ("journal", journal::check),
];
