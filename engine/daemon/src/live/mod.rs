//! The engine on live connections: `riptide run`.
//!
//! Layout: [`wiring`] makes the links of a configuration (where a new venue gets its line), [`boot`]
//! learns what must be known before anything starts, [`ring`] carries batches from readers to the
//! core and says what had no room, [`core_loop`] steps the core, [`threads`] is the table of threads,
//! `host` runs readers and core on them, [`session`] puts it together and takes it apart again, [`latency`]
//! writes how long everything took, [`reload`] says what another configuration may change while it
//! runs, `hangup` does it, `unfit` says what ends a start, [`run`] is the command.
//!
//! Deliberately absent: venues' protocols (their crates), decisions (the core's). Start reading at
//! [`session::Live`].

pub mod boot;
pub mod core_loop;
mod hangup;
mod host;
pub mod latency;
pub mod machine;
pub mod reload;
pub mod reload_rules;
pub mod report;
pub mod ring;
pub mod run;
pub mod session;
pub mod threads;
mod unfit;
pub mod wiring;
