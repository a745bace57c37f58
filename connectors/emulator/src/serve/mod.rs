//! Sockets, time and faults around the venues.
//!
//! [`start`] opens the ports and turns the world on a thread of its own. A venue and its
//! connections are plain state machines ([`Venue`], [`Dialect`]); between them and the sockets lie
//! the limits of the venue and the [`Fault`]s that configuration, schedule or the control endpoint
//! (`control.rs`) ask for. Start reading at [`start`].

mod board;
mod certs;
mod clock;
mod connection;
mod contract;
mod control;
mod fault;
mod http;
mod inject;
mod limits;
mod log;
mod options;
mod schedule;
mod server;
mod socket;
mod state;
mod wire;

#[cfg(test)]
mod tests;

pub use board::{FAULTS_MAX, FaultRefused, FaultStatus};
pub use certs::{CertificateError, CertificateKind};
pub use clock::{Clock, SCALE_MAX};
pub use contract::{
    CLIENT_FRAME_BYTES_MAX, CLOSE_POLICY, Dialect, Disturbance, Feed, HttpAnswer, HttpRequest,
    LimitKind, Out, SharedVenue, Venue,
};
pub use fault::{
    Ending, Executes, FAULT_MS_DEFAULT, FAULT_MS_MAX, Fault, FaultOrder, GIANT_BYTES_MAX, Noise,
    Pick, Pings, Reach, Scheduled,
};
pub use limits::{Limits, QUEUE_BATCHES_DEFAULT};
pub use log::monotonic_ns;
pub use options::{Options, StartError, TURN_DEFAULT, TlsOptions, Truth, VenueOptions};
pub use schedule::{Mix, mixed};
pub use server::{Bound, Running, StopError, start};
pub use state::VenueCounts;
