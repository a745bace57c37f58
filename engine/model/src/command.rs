//! What an operator may order. A command enters the core as an event, at its place in the order.

use serde::{Deserialize, Serialize};

/// Who gave a command. The admin surface proves it; the core only compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Role {
    /// May pause, resume and clear what an operator may clear.
    Operator = 0,
    /// May also clear what only an admin may clear.
    Admin = 1,
}

/// A command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Command {
    /// No new trades until resumed. What is half done is finished.
    Pause = 0,
    /// Takes the manual pause away, and nothing else.
    Resume = 1,
    /// No new trades, and what is half done is not finished either, until an admin clears it.
    Kill = 2,
    /// Takes one latched halt away, if its class and the role allow it and its cause is gone.
    ClearHalt {
        /// The halt reason's number.
        reason: u8,
        /// Who asks.
        role: Role,
    } = 3,
    /// Only trades that shrink an exposure until resumed.
    ReduceOnly = 4,
}
