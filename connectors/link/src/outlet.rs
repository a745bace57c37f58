//! Where a link's events go, and what comes back to it.

use std::sync::{Arc, Mutex};

use connector_net::Sink;
use connector_net::session::{Cause, LinkView};
use engine_model::MarketId;

/// A market of which events had no room, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Which.
    pub market: MarketId,
    /// Events of it in the batches that had no room.
    pub events: u64,
    /// Events of the largest batch of it that would not fit an empty ring; 0 where there was none.
    pub too_large: u64,
}

/// Takes the batches of one link. It never waits: what has no room is lost, and said.
pub trait Outlet {
    /// Publishes all batches of a sink, in order, whole or not at all. Markets of batches that had no
    /// room are appended to `lost`; the consumer is told of each before it gets anything newer of it.
    fn publish(&mut self, sink: &Sink, lost: &mut Vec<Lost>);

    /// Time passes: what is owed may have room now.
    fn tick(&mut self);
}

/// What a link is told from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// The core finds this market's book wrong.
    Mend(MarketId),
    /// Give the connection up and open it anew.
    Reconnect(Cause),
    /// End.
    Stop,
}

/// How a link looks from outside: written by its driver, read by reports.
#[derive(Clone, Debug, Default)]
pub struct Seen(Arc<Mutex<Option<LinkView>>>);

impl Seen {
    /// The latest picture; none before the first.
    #[must_use]
    pub fn get(&self) -> Option<LinkView> {
        self.0.lock().ok()?.clone()
    }

    /// Puts a new picture up. A reader that holds the old one keeps it until the next.
    pub fn put(&self, view: LinkView) {
        if let Ok(mut slot) = self.0.try_lock() {
            *slot = Some(view);
        }
    }
}
