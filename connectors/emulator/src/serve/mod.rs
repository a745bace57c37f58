//! Sockets, time and faults around the venues.

mod contract;

pub use contract::{
    CLIENT_FRAME_BYTES_MAX, CLOSE_POLICY, Dialect, Disturbance, Feed, HttpAnswer, HttpRequest,
    LimitKind, Out, SharedVenue, Venue,
};
