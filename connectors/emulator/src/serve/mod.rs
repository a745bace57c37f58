//! Sockets, time and faults around the venues.

mod contract;

pub use contract::{Dialect, Disturbance, HttpAnswer, HttpRequest, Out, SharedVenue, Venue};
