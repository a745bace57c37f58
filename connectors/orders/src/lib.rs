//! Orders at venues, without sockets and clocks.
//!
//! Layout: [`client_id`] derives the name under which a venue knows an order, [`amount`] reads money
//! exactly, [`venue`] is the contract that each venue's crate fulfils (requests to make, what an answer
//! says), `tracked` is one order with the evidence about it, [`gateway`] all orders of one venue and key,
//! [`report`] what the core is told, [`latch`] what may leave.
//!
//! Deliberately absent: sockets, time, keys (each venue's crate has its own), and the decision what to
//! trade. Start reading at [`gateway::Gateway`].

pub mod amount;
pub mod client_id;
pub mod gateway;
pub mod latch;
pub mod report;
mod tracked;
pub mod venue;

pub use client_id::{ClientId, Lineage, OrderKey};
pub use gateway::{Effect, Gate, Gateway};
pub use latch::{Latch, Pass};
pub use report::{Contradiction, Foreign, NotSent, Report, Stage, Told};
pub use venue::{Instrument, Intent, OrderVenue, Side};
