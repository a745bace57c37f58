//! Where the happenings of the emulated world come from: a stochastic market, or a recording.
//!
//! [`Market`] is a seeded world of its own, [`Captured`] plays what was recorded. Both are feeds: the
//! server asks what has happened until now. Deliberately absent: clocks, threads and floats. Start
//! reading at [`Market`].

mod calendar;
mod captured;
mod market;
mod products;
mod quoter;
mod swappers;
#[cfg(test)]
mod tests;
mod walk;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use captured::{CaptureError, CaptureFile, Captured, CapturedCounts, first_slot};
pub use market::{Market, MarketSpec};
pub use products::{exchange_spec, products};

/// The content of a mutex. A thread that panicked while it held it has stopped its own work only: every
/// call leaves an exchange or a ledger whole.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
