//! Orders and fills that an exchange remembers, found by number and by account.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::spec::{FILLS_KEPT, ORDERS_KEPT};
use super::{Fill, Order, OrderState};

/// What an open order has reserved, and where.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reserve {
    /// In the currency that the order pays with. Unit: e8.
    pub(super) held: u64,
    /// Not yet executed. Unit: e8 of the base.
    pub(super) left: u64,
}

/// An order, and what it has reserved.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) order: Arc<Order>,
    pub(super) reserve: Reserve,
}

/// Everything of one account.
#[derive(Clone, Debug, Default)]
struct Shelf {
    /// Order numbers, oldest first.
    orders: VecDeque<u64>,
    /// Oldest first.
    fills: VecDeque<Arc<Fill>>,
    open: usize,
}

/// The orders.
#[derive(Clone, Debug, Default)]
pub(super) struct Orders {
    by_id: BTreeMap<u64, Kept>,
    shelves: BTreeMap<Arc<str>, Shelf>,
}

impl Orders {
    pub(super) fn get(&self, id: u64) -> Option<&Kept> {
        self.by_id.get(&id)
    }

    /// The order of an account under a number.
    pub(super) fn of(&self, account: &str, id: u64) -> Option<&Kept> {
        self.by_id.get(&id).filter(|kept| &*kept.order.asked.account == account)
    }

    /// Newest first.
    pub(super) fn list(&self, account: &str) -> Vec<Arc<Order>> {
        let numbers = self.shelves.get(account).into_iter().flat_map(|s| s.orders.iter().rev());
        numbers.filter_map(|id| self.by_id.get(id)).map(|kept| kept.order.clone()).collect()
    }

    /// Newest first.
    pub(super) fn fills(&self, account: &str) -> Vec<Arc<Fill>> {
        let shelf = self.shelves.get(account).into_iter();
        shelf.flat_map(|shelf| shelf.fills.iter().rev().cloned()).collect()
    }

    pub(super) fn open_count(&self, account: &str) -> usize {
        self.shelves.get(account).map_or(0, |shelf| shelf.open)
    }

    /// Puts an order down, or its newer state.
    pub(super) fn put(&mut self, order: Arc<Order>, reserve: Reserve) {
        let account = order.asked.account.clone();
        let is_open = order.state == OrderState::Open;
        let id = order.id;
        let before = self.by_id.insert(id, Kept { order, reserve });
        let shelf = self.shelves.entry(account).or_default();
        let was_open = before.as_ref().is_some_and(|kept| kept.order.state == OrderState::Open);
        if before.is_none() {
            shelf.orders.push_back(id);
        }
        match (was_open, is_open) {
            (false, true) => shelf.open += 1,
            (true, false) => shelf.open = shelf.open.saturating_sub(1),
            (true, true) | (false, false) => {}
        }
        if self.by_id.len() > ORDERS_KEPT {
            self.forget_one();
        }
    }

    pub(super) fn push_fill(&mut self, account: &Arc<str>, fill: Arc<Fill>) {
        let fills = &mut self.shelves.entry(account.clone()).or_default().fills;
        if fills.len() >= FILLS_KEPT {
            fills.pop_front();
        }
        fills.push_back(fill);
    }

    /// Forgets the oldest order that is not open. Open ones are bounded by their own limit.
    fn forget_one(&mut self) {
        let oldest = self.by_id.iter().find(|(_, kept)| kept.order.state != OrderState::Open);
        let Some((&id, account)) = oldest.map(|(id, kept)| (id, kept.order.asked.account.clone()))
        else {
            return;
        };
        self.by_id.remove(&id);
        if let Some(shelf) = self.shelves.get_mut(&account)
            && let Ok(at) = shelf.orders.binary_search(&id)
        {
            shelf.orders.remove(at);
        }
    }
}
