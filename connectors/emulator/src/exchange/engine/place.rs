//! New orders: what is refused, what takes, what rests.

use std::sync::Arc;

use super::super::book::{Hit, opposite};
use super::super::orders::Reserve;
use super::super::spec::{OPEN_ORDERS_MAX, Placed, Round, value_e8};
use super::super::{Lifetime, NewOrder, Order, OrderState, Product, ProductStatus, Why};
use super::Exchange;
use crate::happening::{OrderChange, Side};

impl Exchange {
    /// Takes a new order. Never fails: a refusal is an order with state `Rejected` and a `why`.
    ///
    /// The order of what is told: accepted, each trade with the fills that it caused, the book, then
    /// booked, or cancelled and closed. A refused order is told as rejected and nothing else.
    pub fn place(&mut self, now_ns: u64, asked: NewOrder) -> Placed {
        self.next_order += 1;
        let id = self.next_order;
        let order = Order {
            id,
            state: OrderState::Open,
            filled_e8: 0,
            filled_quote_e8: 0,
            fees_e8: 0,
            fills: 0,
            created_ns: now_ns,
            updated_ns: now_ns,
            why: None,
            asked,
        };
        match self.check(&order.asked) {
            Ok((index, hits)) => self.run(now_ns, order, index, &hits),
            Err(why) => self.refuse(now_ns, order, why),
        }
    }

    fn refuse(&mut self, now_ns: u64, mut order: Order, why: Why) -> Placed {
        order.state = OrderState::Rejected;
        order.why = Some(why);
        let order = Arc::new(order);
        // Of strangers nothing is remembered: their names are not bounded.
        if self.funds.knows(&order.asked.account) {
            self.orders.put(order.clone(), Reserve::default());
            self.tell_order(now_ns, OrderChange::Rejected, &order, None);
        }
        Placed { order, fills: Vec::new() }
    }

    /// Whether an order is taken: its product, and what it would hit.
    pub(super) fn check(&self, asked: &NewOrder) -> Result<(usize, Vec<Hit>), Why> {
        let index = self.index(&asked.product).ok_or(Why::UnknownProduct)?;
        let product = &self.products[index];
        if product.status != ProductStatus::Online {
            return Err(Why::Halted);
        }
        let book = &self.markets[index].book;
        steps_and_bounds(product, asked, book.middle())?;
        if self.orders.open_count(&asked.account) >= OPEN_ORDERS_MAX {
            return Err(Why::TooManyOpen);
        }
        let maker = opposite(asked.side);
        let hits = match asked.quote_e8 {
            Some(amount) => self.walk_quote(index, asked, amount),
            None => book.walk(maker, asked.limit_e8, asked.size_e8),
        };
        if asked.limit_e8.is_none() && hits.is_empty() {
            let is_dry = book.best(maker).is_none();
            return Err(if is_dry { Why::NoLiquidity } else { Why::TooSmall });
        }
        if asked.lifetime == Lifetime::PostOnly && !hits.is_empty() {
            return Err(Why::WouldTake);
        }
        let is_own =
            |hit: &Hit| hit.order.is_some_and(|id| self.orders.of(&asked.account, id).is_some());
        if hits.iter().any(is_own) {
            return Err(Why::SelfCross);
        }
        self.affordable(index, asked, &hits)?;
        Ok((index, hits))
    }

    /// Whether the account can pay for what an order hits and what it would rest.
    fn affordable(&self, index: usize, asked: &NewOrder, hits: &[Hit]) -> Result<(), Why> {
        let (pays, _) = self.currencies(index, asked);
        let taken: u64 = hits.iter().map(|hit| hit.size).sum();
        let needed = match (asked.side, asked.limit_e8) {
            (Side::Ask, _) if asked.quote_e8.is_some() => taken,
            (Side::Ask, _) => asked.size_e8,
            (Side::Bid, limit) => {
                let cost = |hit: &Hit| self.cost(hit.price, hit.size, true);
                let at_once: u64 = hits.iter().map(cost).fold(0, u64::saturating_add);
                // A venue reserves the whole at the limit before it matches.
                let whole = limit.map_or(0, |limit| self.buy_reserve(limit, asked.size_e8));
                let rest = limit.map_or(0, |l| self.buy_reserve(l, asked.size_e8 - taken));
                whole.max(at_once.saturating_add(rest))
            }
        };
        let is_enough = self.funds.available(&asked.account, &pays) >= needed;
        if is_enough { Ok(()) } else { Err(Why::Funds) }
    }

    /// What an order by amount of quote hits: whole lots, as long as the amount lasts.
    fn walk_quote(&self, index: usize, asked: &NewOrder, amount: u64) -> Vec<Hit> {
        let lot = self.products[index].lot_e8.max(1);
        let is_buy = asked.side == Side::Bid;
        let book = &self.markets[index].book;
        let mut left = amount;
        let mut hits = Vec::new();
        for hit in book.walk(opposite(asked.side), asked.limit_e8, u64::MAX) {
            let size = self.lots_for(hit.price, left, lot, is_buy).min(hit.size);
            if size == 0 {
                break;
            }
            left -= self.cost(hit.price, size, is_buy);
            hits.push(Hit { size, ..hit });
            if size < hit.size {
                break;
            }
        }
        hits
    }

    /// An accepted order: takes, then rests or ends.
    fn run(&mut self, now_ns: u64, order: Order, index: usize, hits: &[Hit]) -> Placed {
        let (id, maker) = (order.id, opposite(order.asked.side));
        let asked = order.asked.clone();
        let order = Arc::new(order);
        self.orders.put(order.clone(), Reserve { held: 0, left: asked.size_e8 });
        self.tell_order(now_ns, OrderChange::Accepted, &order, None);
        let found: u64 = hits.iter().map(|hit| hit.size).sum();
        if asked.lifetime == Lifetime::Fok && asked.quote_e8.is_none() && found < asked.size_e8 {
            let ended = self.end(now_ns, id, OrderState::Cancelled, Some(Why::FokUnfillable));
            return Placed { order: ended.unwrap_or(order), fills: Vec::new() };
        }
        let fills = hits.iter().filter_map(|hit| self.hit_for(now_ns, index, id, maker, *hit));
        let fills: Vec<_> = fills.collect();
        self.after_taking(now_ns, index, id, &asked, found);
        self.tell_book(now_ns, index);
        let last = self.orders.get(id).map_or(order, |kept| kept.order.clone());
        Placed { order: last, fills }
    }

    /// What becomes of an order's rest.
    pub(super) fn after_taking(
        &mut self,
        now_ns: u64,
        index: usize,
        id: u64,
        asked: &NewOrder,
        found: u64,
    ) {
        if let Some(amount) = asked.quote_e8 {
            let is_dry = self.markets[index].book.best(opposite(asked.side)).is_none();
            let spent = self.orders.get(id).map_or(0, |kept| kept.order.filled_quote_e8);
            let is_whole = !is_dry || spent >= amount;
            let state = if is_whole { OrderState::Filled } else { OrderState::Cancelled };
            self.end(now_ns, id, state, (!is_whole).then_some(Why::IocRest));
            return;
        }
        let left = asked.size_e8 - found;
        if left == 0 {
            return;
        }
        let rests = matches!(asked.lifetime, Lifetime::Gtc | Lifetime::PostOnly);
        let Some(limit) = asked.limit_e8.filter(|_| rests) else {
            self.end(now_ns, id, OrderState::Cancelled, Some(Why::IocRest));
            return;
        };
        let (pays, _) = self.currencies(index, asked);
        let wanted = match asked.side {
            Side::Bid => self.buy_reserve(limit, left),
            Side::Ask => left,
        };
        let held = self.funds.hold(&asked.account, &pays, wanted);
        self.markets[index].book.rest(asked.side, limit, id, left);
        if let Some(order) = self.orders.get(id).map(|kept| kept.order.clone()) {
            self.orders.put(order.clone(), Reserve { held, left });
            self.tell_order(now_ns, OrderChange::Booked, &order, None);
        }
        self.tell_balance(now_ns, &asked.account, &pays);
    }
}

/// Steps, minimums, maximum and collar. What lies between two steps is refused, never rounded.
fn steps_and_bounds(product: &Product, asked: &NewOrder, middle: Option<u64>) -> Result<(), Why> {
    if let Some(limit) = asked.limit_e8 {
        if limit == 0 || !limit.is_multiple_of(product.tick_e8.max(1)) {
            return Err(Why::PriceStep);
        }
        let is_far = |middle: u64| {
            u128::from(limit.abs_diff(middle)) * 1_000_000
                > u128::from(middle) * u128::from(product.collar_ppm)
        };
        if middle.is_some_and(is_far) {
            return Err(Why::PriceFar);
        }
    }
    if let Some(amount) = asked.quote_e8 {
        let is_small = amount < product.notional_min_e8.max(1);
        return if is_small { Err(Why::TooSmall) } else { Ok(()) };
    }
    if !asked.size_e8.is_multiple_of(product.lot_e8.max(1)) {
        return Err(Why::SizeStep);
    }
    if asked.size_e8 < product.size_min_e8.max(1) {
        return Err(Why::TooSmall);
    }
    if asked.size_e8 > product.size_max_e8 {
        return Err(Why::TooLarge);
    }
    let price = asked.limit_e8.or(middle);
    let is_small = |price| value_e8(price, asked.size_e8, Round::Up) < product.notional_min_e8;
    if price.is_some_and(is_small) { Err(Why::TooSmall) } else { Ok(()) }
}
