//! A book as one connection has been told it.
//!
//! Connections see what happens through a queue, so the exchange may be ahead of them. Frames that
//! state sizes (best prices, top levels, snapshots) are made from this copy, and therefore fit the
//! changes that follow on the same connection.

use std::collections::BTreeMap;

use crate::exchange::Exchange;
use crate::happening::{Change, Side};

/// Levels of one product up to an update.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mirror {
    update_id: u64,
    updated_ns: u64,
    bids: BTreeMap<u64, u64>,
    asks: BTreeMap<u64, u64>,
}

impl Mirror {
    /// The book as the exchange has it now.
    pub(crate) fn of(exchange: &Exchange, product: &str) -> Self {
        Self {
            update_id: exchange.update_id(product),
            updated_ns: exchange.updated_ns(product),
            bids: exchange.levels(product, Side::Bid, 0).into_iter().collect(),
            asks: exchange.levels(product, Side::Ask, 0).into_iter().collect(),
        }
    }

    /// Takes an update; false where the copy has it already.
    pub(crate) fn apply(&mut self, update_id: u64, at_ns: u64, changes: &[Change]) -> bool {
        if update_id <= self.update_id {
            return false;
        }
        self.update_id = update_id;
        self.updated_ns = at_ns;
        for change in changes {
            let side = match change.side {
                Side::Bid => &mut self.bids,
                Side::Ask => &mut self.asks,
            };
            if change.size_e8 == 0 {
                side.remove(&change.price_e8);
            } else {
                side.insert(change.price_e8, change.size_e8);
            }
        }
        true
    }

    /// The last update taken.
    pub(crate) const fn update_id(&self) -> u64 {
        self.update_id
    }

    /// Its time. Unit: Unix nanoseconds.
    pub(crate) const fn updated_ns(&self) -> u64 {
        self.updated_ns
    }

    /// Size at a price; 0 where nothing rests. Unit: e8.
    pub(crate) fn size(&self, side: Side, price_e8: u64) -> u64 {
        let levels = match side {
            Side::Bid => &self.bids,
            Side::Ask => &self.asks,
        };
        levels.get(&price_e8).copied().unwrap_or(0)
    }

    /// Price and size of the best level.
    pub(crate) fn best(&self, side: Side) -> Option<(u64, u64)> {
        let found = match side {
            Side::Bid => self.bids.last_key_value(),
            Side::Ask => self.asks.first_key_value(),
        };
        found.map(|(price, size)| (*price, *size))
    }

    /// Levels of a side, best first; 0 is all of them.
    pub(crate) fn levels(&self, side: Side, depth: usize) -> Vec<(u64, u64)> {
        let depth = if depth == 0 { usize::MAX } else { depth };
        let row = |(price, size): (&u64, &u64)| (*price, *size);
        match side {
            Side::Bid => self.bids.iter().rev().take(depth).map(row).collect(),
            Side::Ask => self.asks.iter().take(depth).map(row).collect(),
        }
    }
}
