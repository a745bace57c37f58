//! Risk: what must hold before anything may be sent, and what stops trading altogether.
//!
//! [`limits`] holds every limit.

pub mod limits;

pub use limits::Limits;
