//! The journal as a whole: what comes back, after what was done to its files.

mod crash;
mod damage;
mod golden;
mod properties;
mod real_disk;
mod recovery;
mod retention;
mod support;
