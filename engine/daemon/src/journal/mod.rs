//! Journals of runs: written beside the core, read back as its input, compared with it.
//!
//! [`rings`] is the table of threads and rings, [`recorder`] the core's side, [`writer`] the thread
//! that owns the files, [`feed`] a journal as a source of batches, [`runs`] what runs a journal
//! holds, [`carry`] how one goes on as another, [`verify`] the comparison, [`retain`] what is kept and
//! for how long.

pub mod carry;
pub mod feed;
pub mod recorder;
pub mod retain;
pub mod rings;
pub mod runs;
pub mod verify;
pub mod writer;
