//! Execution: what a hit does to the order that rested and to the one that took.

use std::sync::Arc;

use super::super::book::Hit;
use super::super::orders::Reserve;
use super::super::spec::{Round, fee_e8, value_e8};
use super::super::{Fill, NewOrder, Order, OrderState, Why};
use super::Exchange;
use crate::happening::{E8, OrderChange, Side};

/// One fill of an order before it has a name.
#[derive(Clone, Copy, Debug)]
struct Execution {
    trade_id: u64,
    price: u64,
    size: u64,
    is_taker: bool,
}

impl Exchange {
    /// Executes a hit on the book: the trade is told, and an account's order that rested is filled.
    /// Gives the trade's number.
    pub(super) fn hit(&mut self, now_ns: u64, index: usize, maker: Side, hit: Hit) -> u64 {
        self.markets[index].book.take(maker, hit);
        let trade_id = self.tell_trade(now_ns, index, maker, hit.price, hit.size);
        if let Some(id) = hit.order {
            let execution =
                Execution { trade_id, price: hit.price, size: hit.size, is_taker: false };
            self.execute(now_ns, index, id, execution);
        }
        trade_id
    }

    /// Executes a hit for an order that takes.
    pub(super) fn hit_for(
        &mut self,
        now_ns: u64,
        index: usize,
        id: u64,
        maker: Side,
        hit: Hit,
    ) -> Option<Arc<Fill>> {
        let trade_id = self.hit(now_ns, index, maker, hit);
        let execution = Execution { trade_id, price: hit.price, size: hit.size, is_taker: true };
        self.execute(now_ns, index, id, execution)
    }

    /// What a resting buy reserves for its rest: the value at its limit and the dearer fee.
    pub(super) fn buy_reserve(&self, limit: u64, left: u64) -> u64 {
        let value = value_e8(limit, left, Round::Up);
        let rate = self.fees.maker_ppm.max(self.fees.taker_ppm);
        value.saturating_add(fee_e8(value, rate))
    }

    /// Currency that an order pays with, and the one that it gets.
    pub(super) fn currencies(&self, index: usize, asked: &NewOrder) -> (Arc<str>, Arc<str>) {
        let product = &self.products[index];
        let quote = asked.settle.clone().unwrap_or_else(|| product.quote.clone());
        match asked.side {
            Side::Bid => (quote, product.base.clone()),
            Side::Ask => (product.base.clone(), quote),
        }
    }

    /// Books a fill: balances, fee, the order's totals.
    fn execute(
        &mut self,
        now_ns: u64,
        index: usize,
        id: u64,
        execution: Execution,
    ) -> Option<Arc<Fill>> {
        let kept = self.orders.get(id)?;
        let (mut order, reserve) = ((*kept.order).clone(), kept.reserve);
        let account = order.asked.account.clone();
        let (pays, gets) = self.currencies(index, &order.asked);
        let Execution { trade_id, price, size, is_taker } = execution;
        let rate = if is_taker { self.fees.taker_ppm } else { self.fees.maker_ppm };
        let left = reserve.left.saturating_sub(size);
        let rests = order.asked.limit_e8.is_some() && reserve.held > 0;
        let keep = match (rests, order.asked.side, order.asked.limit_e8) {
            (true, Side::Bid, Some(limit)) => self.buy_reserve(limit, left).min(reserve.held),
            (true, Side::Ask, _) => left.min(reserve.held),
            _ => 0,
        };
        self.funds.release(&account, &pays, reserve.held - keep);
        let (value, fee) = match order.asked.side {
            Side::Bid => {
                let value = self.funds.debit(&account, &pays, value_e8(price, size, Round::Up));
                let fee = self.funds.debit(&account, &pays, fee_e8(value, rate));
                self.funds.credit(&account, &gets, size);
                (value, fee)
            }
            Side::Ask => {
                self.funds.debit(&account, &pays, size);
                let value = value_e8(price, size, Round::Down);
                let fee = fee_e8(value, rate).min(value);
                self.funds.credit(&account, &gets, value - fee);
                (value, fee)
            }
        };
        order.filled_e8 += size;
        order.filled_quote_e8 += value;
        order.fees_e8 += fee;
        order.fills += 1;
        order.updated_ns = now_ns;
        self.fees.volume_30d_e8 = self.fees.volume_30d_e8.saturating_add(value);
        let fill = Arc::new(Fill {
            trade_id,
            order_id: id,
            product: order.asked.product.clone(),
            side: order.asked.side,
            price_e8: price,
            size_e8: size,
            fee_e8: fee,
            is_taker,
            at_ns: now_ns,
        });
        let is_done = left == 0 && order.asked.quote_e8.is_none();
        if is_done {
            order.state = OrderState::Filled;
        }
        let order = Arc::new(order);
        self.orders.put(order.clone(), Reserve { held: keep, left });
        self.orders.push_fill(&account, fill.clone());
        self.tell_order(now_ns, OrderChange::Fill, &order, Some(fill.clone()));
        self.tell_balance(now_ns, &account, &pays);
        self.tell_balance(now_ns, &account, &gets);
        if is_done {
            self.tell_order(now_ns, OrderChange::Closed, &order, None);
        }
        Some(fill)
    }

    /// Ends an open order: what it has reserved is released. Gives its last state.
    pub(super) fn end(
        &mut self,
        now_ns: u64,
        id: u64,
        state: OrderState,
        why: Option<Why>,
    ) -> Option<Arc<Order>> {
        let kept = self.orders.get(id)?;
        let (mut order, reserve) = ((*kept.order).clone(), kept.reserve);
        let account = order.asked.account.clone();
        if let Some(index) = self.index(&order.asked.product)
            && reserve.held > 0
        {
            let (pays, _) = self.currencies(index, &order.asked);
            self.funds.release(&account, &pays, reserve.held);
            self.tell_balance(now_ns, &account, &pays);
        }
        order.state = state;
        order.why = why;
        order.updated_ns = now_ns;
        let order = Arc::new(order);
        self.orders.put(order.clone(), Reserve::default());
        if state == OrderState::Cancelled {
            self.tell_order(now_ns, OrderChange::Cancelled, &order, None);
        }
        self.tell_order(now_ns, OrderChange::Closed, &order, None);
        Some(order)
    }

    /// Most that can be bought at a price for an amount of quote with its fee, in whole lots. Unit:
    /// e8 of the base.
    pub(super) fn lots_for(&self, price: u64, amount: u64, lot: u64, is_buy: bool) -> u64 {
        let rate = if is_buy { u128::from(self.fees.taker_ppm) } else { 0 };
        let wide = u128::from(amount) * u128::from(E8) * 1_000_000
            / (u128::from(price.max(1)) * (1_000_000 + rate));
        let mut size = u64::try_from(wide).unwrap_or(u64::MAX) / lot * lot;
        // Both roundings go against the buyer: at most two lots less.
        for _ in 0..3 {
            if size == 0 || self.cost(price, size, is_buy) <= amount {
                return size;
            }
            size -= lot;
        }
        0
    }

    /// What taking a size at a price costs, with the fee for a buyer. Unit: e8 of the quote.
    pub(super) fn cost(&self, price: u64, size: u64, is_buy: bool) -> u64 {
        let value = value_e8(price, size, Round::Up);
        let fee = if is_buy { fee_e8(value, self.fees.taker_ppm) } else { 0 };
        value.saturating_add(fee)
    }
}
