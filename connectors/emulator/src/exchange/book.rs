//! One product's book: what others quote and what accounts rest, in the order of their arrival.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::spec::LEVELS_MAX;
use crate::happening::{Change, Side};

/// One place in a queue at a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry {
    /// Quotes of others. Unit: e8.
    Others(u64),
    /// The rest of an account's order: its number, and e8.
    Order(u64, u64),
}

/// The queue at one price.
#[derive(Clone, Debug, Default)]
struct Level {
    queue: VecDeque<Entry>,
    /// Unit: e8.
    total: u64,
    /// Of it quotes of others.
    others: u64,
}

impl Level {
    fn push_others(&mut self, size: u64) {
        self.total += size;
        self.others += size;
        if let Some(Entry::Others(last)) = self.queue.back_mut() {
            *last += size;
        } else {
            self.queue.push_back(Entry::Others(size));
        }
    }

    /// Takes quotes of others away, the youngest first: who came late cancels first.
    fn drop_others(&mut self, mut size: u64) {
        for entry in self.queue.iter_mut().rev() {
            if let Entry::Others(left) = entry {
                let taken = size.min(*left);
                *left -= taken;
                size -= taken;
                self.others -= taken;
                self.total -= taken;
            }
        }
        self.queue.retain(|entry| *entry != Entry::Others(0));
    }

    fn remove(&mut self, id: u64) {
        if let Some(at) =
            self.queue.iter().position(|e| matches!(e, Entry::Order(o, _) if *o == id))
            && let Some(Entry::Order(_, size)) = self.queue.remove(at)
        {
            self.total -= size;
        }
    }
}

/// A part of what somebody takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hit {
    /// Unit: e8.
    pub(super) price: u64,
    /// Unit: e8.
    pub(super) size: u64,
    /// The account's order that was hit; `None`: others.
    pub(super) order: Option<u64>,
}

/// A book, and what about it has changed since it was last told.
#[derive(Clone, Debug, Default)]
pub(super) struct Book {
    sides: [BTreeMap<u64, Level>; 2],
    /// What rested before, at the prices that were touched since.
    touched: BTreeMap<(Side, u64), u64>,
    pub(super) update_id: u64,
    pub(super) updated_ns: u64,
    pub(super) trade_id: u64,
    /// Levels that did not fit.
    pub(super) refused: u64,
    /// Account orders by price: quotes of others may come to meet one.
    resting: [BTreeMap<u64, usize>; 2],
}

impl Book {
    /// An empty book whose counters stand here.
    pub(super) fn new(update_id: u64, trade_id: u64) -> Self {
        Self { update_id, trade_id, ..Self::default() }
    }

    /// Best first; `depth` 0 is all.
    pub(super) fn levels(&self, side: Side, depth: usize) -> Vec<(u64, u64)> {
        let count = if depth == 0 { usize::MAX } else { depth };
        self.iter(side).map(|(price, level)| (price, level.total)).take(count).collect()
    }

    /// Best price of a side.
    pub(super) fn best(&self, side: Side) -> Option<u64> {
        self.iter(side).next().map(|(price, _)| price)
    }

    /// Middle between the best prices, rounded down.
    pub(super) fn middle(&self) -> Option<u64> {
        let (bid, ask) = (self.best(Side::Bid)?, self.best(Side::Ask)?);
        Some(bid.midpoint(ask))
    }

    /// Size that others quote at a price.
    pub(super) fn others_at(&self, side: Side, price: u64) -> u64 {
        self.sides[side as usize].get(&price).map_or(0, |level| level.others)
    }

    /// Others quote this much at a price from now on.
    pub(super) fn set_others(&mut self, change: Change) {
        let Change { side, price_e8, size_e8 } = change;
        let is_full = self.sides[side as usize].len() >= LEVELS_MAX;
        if is_full && !self.sides[side as usize].contains_key(&price_e8) {
            self.refused += 1;
            return;
        }
        let before = self.total(side, price_e8);
        let level = self.sides[side as usize].entry(price_e8).or_default();
        if size_e8 > level.others {
            level.push_others(size_e8 - level.others);
        } else {
            level.drop_others(level.others - size_e8);
        }
        self.settle(side, price_e8, before);
    }

    /// Rests an account's order behind what is there.
    pub(super) fn rest(&mut self, side: Side, price: u64, id: u64, size: u64) {
        let before = self.total(side, price);
        let level = self.sides[side as usize].entry(price).or_default();
        level.queue.push_back(Entry::Order(id, size));
        level.total += size;
        *self.resting[side as usize].entry(price).or_insert(0) += 1;
        self.settle(side, price, before);
    }

    /// Takes an account's order out.
    pub(super) fn withdraw(&mut self, side: Side, price: u64, id: u64) {
        let before = self.total(side, price);
        if let Some(level) = self.sides[side as usize].get_mut(&price) {
            level.remove(id);
            self.forget(side, price, 1);
        }
        self.settle(side, price, before);
    }

    /// What somebody would hit who takes from `maker` up to `size` and no worse than `limit`, in
    /// order. Changes nothing.
    pub(super) fn walk(&self, maker: Side, limit: Option<u64>, size: u64) -> Vec<Hit> {
        let mut left = size;
        let mut hits: Vec<Hit> = Vec::new();
        for (price, level) in self.iter(maker) {
            if left == 0 || limit.is_some_and(|limit| is_worse(maker, price, limit)) {
                break;
            }
            for entry in &level.queue {
                let (order, there) = match *entry {
                    Entry::Others(there) => (None, there),
                    Entry::Order(id, there) => (Some(id), there),
                };
                let size = there.min(left);
                if size > 0 {
                    hits.push(Hit { price, size, order });
                    left -= size;
                }
            }
        }
        hits
    }

    /// Takes what a walk found.
    pub(super) fn take(&mut self, maker: Side, hit: Hit) {
        let before = self.total(maker, hit.price);
        let Some(level) = self.sides[maker as usize].get_mut(&hit.price) else { return };
        let mut left = hit.size;
        for entry in &mut level.queue {
            let there = match (entry, hit.order) {
                (Entry::Others(there), None) => there,
                (Entry::Order(id, there), Some(wanted)) if *id == wanted => there,
                (Entry::Others(_) | Entry::Order(..), _) => continue,
            };
            let taken = left.min(*there);
            *there -= taken;
            left -= taken;
            level.total -= taken;
            if hit.order.is_none() {
                level.others -= taken;
            }
        }
        let orders = |level: &Level| {
            level.queue.iter().filter(|entry| matches!(entry, Entry::Order(..))).count()
        };
        let orders_before = orders(level);
        level.queue.retain(|entry| !matches!(entry, Entry::Others(0) | Entry::Order(_, 0)));
        let gone = orders_before - orders(level);
        self.forget(maker, hit.price, gone);
        self.settle(maker, hit.price, before);
    }

    /// The oldest account order at the best price that quotes of others on the other side have come
    /// to meet or pass: its side, price, number, and the size that meets it.
    pub(super) fn met_by_others(&self) -> Option<(Side, u64, u64, u64)> {
        for side in [Side::Bid, Side::Ask] {
            let other = opposite(side);
            let Some((mine, id, size)) = self.first_order(side) else { continue };
            let Some((theirs, there)) = self
                .iter(other)
                .find(|(_, level)| level.others > 0)
                .map(|(price, level)| (price, level.others))
            else {
                continue;
            };
            if !is_worse(other, theirs, mine) {
                return Some((side, mine, id, size.min(there)));
            }
        }
        None
    }

    /// Best price at which others quote.
    pub(super) fn best_others(&self, side: Side) -> Option<u64> {
        self.iter(side).find(|(_, level)| level.others > 0).map(|(price, _)| price)
    }

    /// What has changed since the last call, deletions first, each price once.
    pub(super) fn changes(&mut self) -> Vec<Change> {
        let touched = std::mem::take(&mut self.touched);
        let (gone, left): (Vec<Change>, Vec<Change>) = touched
            .into_iter()
            .filter(|((side, price), before)| self.total(*side, *price) != *before)
            .map(|((side, price_e8), _)| Change {
                side,
                price_e8,
                size_e8: self.total(side, price_e8),
            })
            .partition(|change| change.size_e8 == 0);
        gone.into_iter().chain(left).collect()
    }

    /// Oldest account order at the best price of a side that has one: price, number, size.
    fn first_order(&self, side: Side) -> Option<(u64, u64, u64)> {
        let prices = &self.resting[side as usize];
        let (price, _) = match side {
            Side::Bid => prices.last_key_value()?,
            Side::Ask => prices.first_key_value()?,
        };
        let level = self.sides[side as usize].get(price)?;
        level.queue.iter().find_map(|entry| match entry {
            Entry::Order(id, size) => Some((*price, *id, *size)),
            Entry::Others(_) => None,
        })
    }

    /// So many account orders are gone from a price.
    fn forget(&mut self, side: Side, price: u64, count: usize) {
        if let Some(there) = self.resting[side as usize].get_mut(&price) {
            *there = there.saturating_sub(count);
            if *there == 0 {
                self.resting[side as usize].remove(&price);
            }
        }
    }

    fn iter(&self, side: Side) -> Box<dyn Iterator<Item = (u64, &Level)> + '_> {
        let levels = self.sides[side as usize].iter().map(|(price, level)| (*price, level));
        match side {
            Side::Bid => Box::new(levels.rev()),
            Side::Ask => Box::new(levels),
        }
    }

    fn total(&self, side: Side, price: u64) -> u64 {
        self.sides[side as usize].get(&price).map_or(0, |level| level.total)
    }

    /// Remembers what was there before, and drops an empty level.
    fn settle(&mut self, side: Side, price: u64, before: u64) {
        self.touched.entry((side, price)).or_insert(before);
        if self.total(side, price) == 0 {
            self.sides[side as usize].remove(&price);
        }
    }
}

/// The other side.
pub(super) const fn opposite(side: Side) -> Side {
    match side {
        Side::Bid => Side::Ask,
        Side::Ask => Side::Bid,
    }
}

/// Whether a resting price lies beyond the limit of somebody who takes from its side.
pub(super) const fn is_worse(maker: Side, price: u64, limit: u64) -> bool {
    match maker {
        Side::Bid => price < limit,
        Side::Ask => price > limit,
    }
}

/// A product's tape: newest first when asked.
#[derive(Clone, Debug, Default)]
pub(super) struct Tape {
    pub(super) trades: VecDeque<super::spec::PublicTrade>,
}

impl Tape {
    pub(super) fn push(&mut self, trade: super::spec::PublicTrade) {
        if self.trades.len() >= super::spec::TRADES_KEPT {
            self.trades.pop_front();
        }
        self.trades.push_back(trade);
    }
}

/// One market: product, book and tape.
#[derive(Clone, Debug)]
pub(super) struct Market {
    pub(super) name: Arc<str>,
    pub(super) book: Book,
    pub(super) tape: Tape,
}
