//! The exchange itself: its public calls.

use std::collections::VecDeque;
use std::sync::Arc;

use super::book::{Market, is_worse, opposite};
use super::funds::Funds;
use super::orders::Orders;
use super::spec::{
    Balance, CancelRefused, ExchangeSpec, Fees, LEVELS_MAX, PENDING_MAX, PublicTrade,
};
use super::{Fill, Order, OrderState, Product, ProductStatus, Why, order_id_base};
use crate::happening::{Change, ExchangeId, Happening, OrderChange, Side};

mod amend;
mod matching;
mod place;

/// First value of the update counter.
const UPDATE_ID_FIRST: u64 = 2_000_000_000;

/// First trade number of a product.
const TRADE_ID_FIRST: u64 = 300_000_000;

/// Least time between two changes of one book. Unit: nanoseconds. Venues state microseconds, and two
/// changes with one time could not be told apart by who joins them.
const CHANGE_STEP_NS: u64 = 1_000;

/// One exchange: books of others' quotes and of accounts' orders, balances, fees and limits.
///
/// Rounding: who buys pays the value rounded up, who sells gets it rounded down, a fee is rounded up
/// per fill, all to 10⁻⁸ of the quote. A resting order reserves what its rest can cost with the
/// dearer of both fees; a fill never takes more than an account has (what is missing can only be the
/// rounding of fees, some 10⁻⁸).
#[derive(Clone, Debug)]
pub struct Exchange {
    id: ExchangeId,
    products: Vec<Product>,
    markets: Vec<Market>,
    fees: Fees,
    funds: Funds,
    orders: Orders,
    next_order: u64,
    update_id: u64,
    pending: VecDeque<Happening>,
    lost: u64,
}

impl Exchange {
    /// An exchange without a single quote.
    #[must_use]
    pub fn new(id: ExchangeId, spec: ExchangeSpec) -> Self {
        let markets = spec.products.iter().map(|product| Market {
            name: product.name.clone(),
            book: super::book::Book::new(UPDATE_ID_FIRST, TRADE_ID_FIRST),
            tape: super::book::Tape::default(),
        });
        let markets = markets.collect();
        let fees =
            Fees { maker_ppm: spec.maker_fee_ppm, taker_ppm: spec.taker_fee_ppm, volume_30d_e8: 0 };
        Self {
            id,
            funds: Funds::new(&spec.accounts),
            products: spec.products,
            markets,
            fees,
            orders: Orders::default(),
            next_order: order_id_base(id),
            update_id: UPDATE_ID_FIRST,
            pending: VecDeque::new(),
            lost: 0,
        }
    }

    /// Which exchange it is.
    #[must_use]
    pub const fn id(&self) -> ExchangeId {
        self.id
    }

    /// Everything that is traded.
    #[must_use]
    pub fn products(&self) -> &[Product] {
        &self.products
    }

    /// A product by its neutral name.
    #[must_use]
    pub fn product(&self, name: &str) -> Option<&Product> {
        self.index(name).map(|index| &self.products[index])
    }

    /// Halts or resumes a product. Resting orders stay, and can be cancelled in every status.
    /// Its time is that of the product's last change.
    pub fn set_status(&mut self, product: &str, status: ProductStatus) {
        let Some(index) = self.index(product) else { return };
        if self.products[index].status != status {
            self.products[index].status = status;
            let product = self.products[index].name.clone();
            let at_ns = self.markets[index].book.updated_ns;
            self.tell(Happening::Status { exchange: self.id, product, at_ns });
        }
    }

    /// Price and size of the levels of a side, best first; `depth` 0 is all. Unit: e8.
    #[must_use]
    pub fn levels(&self, product: &str, side: Side, depth: usize) -> Vec<(u64, u64)> {
        self.market(product).map_or_else(Vec::new, |market| market.book.levels(side, depth))
    }

    /// Size that others quote at a price, without the accounts' orders. Unit: e8.
    #[must_use]
    pub fn others_at(&self, product: &str, side: Side, price_e8: u64) -> u64 {
        self.market(product).map_or(0, |market| market.book.others_at(side, price_e8))
    }

    /// The update counter's value at the product's last change.
    #[must_use]
    pub fn update_id(&self, product: &str) -> u64 {
        self.market(product).map_or(0, |market| market.book.update_id)
    }

    /// Time of the product's last change. Unit: Unix nanoseconds; 0 before the first.
    #[must_use]
    pub fn updated_ns(&self, product: &str) -> u64 {
        self.market(product).map_or(0, |market| market.book.updated_ns)
    }

    /// The time under which a book is stated to somebody who will join changes to it by time: at or
    /// after every change so far, and every later change gets a later one. Unit: Unix nanoseconds.
    pub fn state_book(&mut self, now_ns: u64, product: &str) -> u64 {
        let Some(index) = self.index(product) else { return now_ns };
        let book = &mut self.markets[index].book;
        book.updated_ns = book.updated_ns.max(now_ns);
        book.updated_ns
    }

    /// Public trades, newest first, at most [`super::TRADES_KEPT`].
    #[must_use]
    pub fn trades(&self, product: &str, limit: usize) -> Vec<PublicTrade> {
        let tape = self.market(product).into_iter().flat_map(|m| m.tape.trades.iter().rev());
        tape.take(limit).cloned().collect()
    }

    /// Fees of the accounts.
    #[must_use]
    pub const fn fees(&self) -> Fees {
        self.fees
    }

    /// Changes the fees from the next fill on. Unit: ppm of the value.
    pub const fn set_fees(&mut self, maker_ppm: u32, taker_ppm: u32) {
        self.fees.maker_ppm = maker_ppm;
        self.fees.taker_ppm = taker_ppm;
    }

    /// Balances of an account by currency; empty for one that is not known.
    #[must_use]
    pub fn balances(&self, account: &str) -> Vec<Balance> {
        self.funds.list(account)
    }

    /// Adds to an account. Unit: e8.
    pub fn deposit(
        &mut self,
        now_ns: u64,
        account: &Arc<str>,
        currency: &Arc<str>,
        amount_e8: u64,
    ) {
        self.funds.credit(account, currency, amount_e8);
        self.tell_balance(now_ns, account, currency);
    }

    /// Cancels an open order.
    ///
    /// # Errors
    ///
    /// [`CancelRefused`]: no such order of this account, or it is done.
    pub fn cancel(
        &mut self,
        now_ns: u64,
        account: &str,
        order_id: u64,
    ) -> Result<Arc<Order>, CancelRefused> {
        self.cancel_for(now_ns, account, order_id, Why::Requested)
    }

    /// Cancels every open order of an account, of one product or session if told so; oldest first.
    /// With a session the reason is [`Why::Disconnected`].
    pub fn cancel_where(
        &mut self,
        now_ns: u64,
        account: &str,
        product: Option<&str>,
        session: Option<u64>,
    ) -> Vec<Arc<Order>> {
        let why = if session.is_some() { Why::Disconnected } else { Why::Requested };
        let mut open: Vec<u64> = self
            .orders(account)
            .iter()
            .filter(|order| order.state == OrderState::Open)
            .filter(|order| product.is_none_or(|wanted| *order.asked.product == *wanted))
            .filter(|order| session.is_none_or(|wanted| order.asked.session == wanted))
            .map(|order| order.id)
            .collect();
        open.reverse();
        open.into_iter().filter_map(|id| self.cancel_for(now_ns, account, id, why).ok()).collect()
    }

    /// An order of an account.
    #[must_use]
    pub fn order(&self, account: &str, id: u64) -> Option<Arc<Order>> {
        self.orders.of(account, id).map(|kept| kept.order.clone())
    }

    /// Orders that carry a client's own id, newest first.
    #[must_use]
    pub fn orders_by_client(&self, account: &str, client_id: &str) -> Vec<Arc<Order>> {
        let mut list = self.orders(account);
        list.retain(|order| order.asked.client_id == client_id);
        list
    }

    /// Orders of an account that are remembered, newest first.
    #[must_use]
    pub fn orders(&self, account: &str) -> Vec<Arc<Order>> {
        self.orders.list(account)
    }

    /// Fills of an account that are remembered, newest first.
    #[must_use]
    pub fn fills(&self, account: &str) -> Vec<Arc<Fill>> {
        self.orders.fills(account)
    }

    /// Others quote these sizes from now on. An account's resting order that a quote meets or passes
    /// is filled at its own price, as far as the quote goes. Quotes of others are taken as told: two
    /// of them may cross.
    pub fn set_levels(&mut self, now_ns: u64, product: &str, changes: &[Change]) {
        let Some(index) = self.index(product) else { return };
        for change in changes {
            self.markets[index].book.set_others(*change);
        }
        self.fill_met(now_ns, index);
        self.tell_book(now_ns, index);
    }

    /// Reports a trade of others that the book shows, or will show, by itself.
    pub fn print(&mut self, now_ns: u64, product: &str, maker: Side, price_e8: u64, size_e8: u64) {
        if let Some(index) = self.index(product) {
            self.tell_trade(now_ns, index, maker, price_e8, size_e8);
        }
    }

    /// Others take from a side up to a size, no worse than a limit. Gives what was taken. Unit: e8.
    pub fn take(
        &mut self,
        now_ns: u64,
        product: &str,
        maker: Side,
        limit_e8: u64,
        size_e8: u64,
    ) -> u64 {
        let Some(index) = self.index(product) else { return 0 };
        let mut taken = 0;
        for hit in self.markets[index].book.walk(maker, Some(limit_e8), size_e8) {
            self.hit(now_ns, index, maker, hit);
            taken += hit.size;
        }
        self.tell_book(now_ns, index);
        taken
    }

    /// What has happened since the last call, in order.
    pub fn drain(&mut self) -> Vec<Happening> {
        std::mem::take(&mut self.pending).into()
    }

    /// Happenings that were lost because nobody took them, and levels that were refused because a side
    /// was full. Both are zero wherever somebody pumps.
    #[must_use]
    pub fn overflows(&self) -> (u64, u64) {
        (self.lost, self.markets.iter().map(|market| market.book.refused).sum())
    }

    fn index(&self, product: &str) -> Option<usize> {
        self.markets.iter().position(|market| *market.name == *product)
    }

    fn market(&self, product: &str) -> Option<&Market> {
        self.index(product).map(|index| &self.markets[index])
    }

    fn cancel_for(
        &mut self,
        now_ns: u64,
        account: &str,
        id: u64,
        why: Why,
    ) -> Result<Arc<Order>, CancelRefused> {
        let kept = self.orders.of(account, id).ok_or(CancelRefused::NotFound)?;
        let order = kept.order.clone();
        if order.state != OrderState::Open {
            return Err(CancelRefused::Done(order));
        }
        if let (Some(index), Some(price)) = (self.index(&order.asked.product), order.asked.limit_e8)
        {
            self.markets[index].book.withdraw(order.asked.side, price, id);
            self.tell_book(now_ns, index);
        }
        Ok(self.end(now_ns, id, OrderState::Cancelled, Some(why)).unwrap_or(order))
    }

    /// Fills accounts' orders that quotes of others have come to meet.
    fn fill_met(&mut self, now_ns: u64, index: usize) {
        // Each round uses up an order or a level, and both are bounded.
        for _ in 0..LEVELS_MAX {
            let Some((side, price, id, size)) = self.markets[index].book.met_by_others() else {
                return;
            };
            let other = opposite(side);
            let Some(theirs) = self.markets[index].book.best_others(other) else { return };
            debug_assert!(!is_worse(other, theirs, price), "the quote meets the order");
            let quote = super::book::Hit { price: theirs, size, order: None };
            self.markets[index].book.take(other, quote);
            self.hit(now_ns, index, side, super::book::Hit { price, size, order: Some(id) });
        }
    }

    fn tell(&mut self, what: Happening) {
        if self.pending.len() >= PENDING_MAX {
            self.lost += 1;
            return;
        }
        self.pending.push_back(what);
    }

    fn tell_balance(&mut self, now_ns: u64, account: &Arc<str>, currency: &Arc<str>) {
        self.tell(Happening::Balance {
            exchange: self.id,
            account: account.clone(),
            currency: currency.clone(),
            at_ns: now_ns,
        });
    }

    fn tell_order(
        &mut self,
        now_ns: u64,
        kind: OrderChange,
        order: &Arc<Order>,
        fill: Option<Arc<Fill>>,
    ) {
        let order = order.clone();
        self.tell(Happening::Order { exchange: self.id, kind, order, fill, at_ns: now_ns });
    }

    fn tell_trade(&mut self, now_ns: u64, index: usize, maker: Side, price: u64, size: u64) -> u64 {
        let market = &mut self.markets[index];
        market.book.trade_id += 1;
        let trade_id = market.book.trade_id;
        let trade = PublicTrade { trade_id, maker, price_e8: price, size_e8: size, at_ns: now_ns };
        market.tape.push(trade);
        let product = market.name.clone();
        self.tell(Happening::Trade {
            exchange: self.id,
            product,
            at_ns: now_ns,
            trade_id,
            maker,
            price_e8: price,
            size_e8: size,
        });
        trade_id
    }

    /// States what has changed in a book, if anything has.
    fn tell_book(&mut self, now_ns: u64, index: usize) {
        let book = &mut self.markets[index].book;
        let changes = book.changes();
        if changes.is_empty() {
            return;
        }
        let prev_update_id = book.update_id;
        // Sparse, as where other products share the counter: steps of one to four.
        self.update_id += 1 + (now_ns / CHANGE_STEP_NS + changes.len() as u64) % 4;
        book.update_id = self.update_id;
        book.updated_ns = now_ns.max(book.updated_ns + CHANGE_STEP_NS);
        let (at_ns, update_id) = (book.updated_ns, book.update_id);
        let product = self.markets[index].name.clone();
        self.tell(Happening::Book {
            exchange: self.id,
            product,
            at_ns,
            update_id,
            prev_update_id,
            changes: changes.into(),
        });
    }
}
