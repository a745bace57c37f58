//! The words every crate of Riptide speaks: units, ids, instruments and the event.
//!
//! Layout: [`units`] holds the integers of the decision path and their checked edges, [`ids`] the
//! dense indices, [`grid`] a market's tick and lot, [`event`] everything that may enter the core,
//! [`command`] what an operator may order.
//!
//! Deliberately absent: I/O, clocks, allocation, floats and strings. The crate is `no_std` and links
//! `serde` alone (its journal form), so that everything built on it alone cannot reach the outside either.
//! Start reading at [`event::Event`].
#![no_std]

pub mod command;
pub mod event;
pub mod grid;
pub mod ids;
pub mod units;

pub use command::{Command, Role};
pub use event::{Body, DoubtReason, EngineFault, Event, Flags, ParamKey, Side};
pub use grid::{Grid, GridError};
pub use ids::{AssetId, InstrumentId, MarketId, PairId, Venue};
