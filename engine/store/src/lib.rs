//! The query store: what a journal's ledger says, as `SQLite` tables.
//!
//! The journal is the truth and this is a projection of it: a store can be deleted and rebuilt at
//! will, going on from where it stopped gives the same rows as rebuilding, and no row says anything
//! that a record does not. Only the ledger is read, so the market stream may be damaged or gone.
//!
//! Layout: `schema/v1.sql` is the tables and the units of their columns, [`store`] opens a file
//! and projects into it, `rebuild` makes a new file beside the old and puts it in its place,
//! `project` reads a ledger, `run`, `decisions` and `risk_events` write its rows, [`queries`] lists
//! what is asked often, each with the index that answers it.
//!
//! Deliberately absent: the core (nothing is decided or computed again but sums), clocks, threads,
//! writes by anybody else. Start reading at [`store::Store`].

mod database;
mod decisions;
mod error;
mod project;
pub mod queries;
mod rebuild;
mod risk_events;
mod rows;
mod run;
pub mod store;

pub use error::StoreError;
pub use project::{How, Projected};
pub use store::{Cell, Store, TABLES};
