//! Who does what next.

use std::collections::BTreeMap;

use super::script::Exchange;

/// Something that an exchange connection does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum VenueStep {
    /// The client connects, reads metadata and subscribes.
    Open(Exchange),
    /// The venue shows its whole book.
    Snapshot(Exchange),
    /// The REST answer with the USDC/USD book.
    PegSnapshot,
    /// The quotes follow the fair price.
    Quote(Exchange),
    /// Somebody trades.
    Trade(Exchange),
    /// The USDC/USD book is quoted.
    Peg,
    /// A heartbeat is due.
    Beat(Exchange),
}

/// Something that the chain does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChainStep {
    /// The client connects and subscribes.
    Open,
    /// A slot begins.
    SlotBegin,
    /// Its swaps are done; the accounts are shown.
    SlotEnd,
    /// The client asks for priority fees.
    Fees,
}

/// One entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// For the exchanges.
    Venue(VenueStep),
    /// For the chain.
    Chain(ChainStep),
}

/// Entries by time; of two at the same time the one that was put down first is first.
#[derive(Clone, Debug, Default)]
pub(super) struct Agenda {
    entries: BTreeMap<(u64, u64), Action>,
    count: u64,
}

impl Agenda {
    /// Puts an entry down. Unit of `at_us`: microseconds since start.
    pub(super) fn put(&mut self, at_us: u64, action: Action) {
        self.entries.insert((at_us, self.count), action);
        self.count += 1;
    }

    /// The first entry that is due.
    pub(super) fn take(&mut self, now_us: u64) -> Option<(u64, Action)> {
        let entry = self.entries.first_entry()?;
        let at_us = entry.key().0;
        (at_us <= now_us).then(|| (at_us, entry.remove()))
    }
}
