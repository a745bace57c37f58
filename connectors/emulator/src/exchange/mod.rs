//! An exchange: books, accounts, orders, fees and limits, in venue-neutral words.
//!
//! Deliberately absent: any venue's spelling, clocks (every call is told the time) and chance. The
//! same calls in the same order give the same exchange. Start reading at [`Exchange`].

mod book;
mod engine;
mod funds;
mod orders;
mod spec;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex};

use crate::happening::{ExchangeId, Side};

pub use engine::Exchange;
pub use spec::{
    AccountSpec, AmendRefused, Balance, CancelRefused, ExchangeSpec, Fees, LEVELS_MAX,
    OPEN_ORDERS_MAX, ORDERS_KEPT, Placed, PublicTrade, TRADES_KEPT,
};

/// An exchange that its venue, the market and the server share.
pub type SharedExchange = Arc<Mutex<Exchange>>;

/// What is traded, and in which steps.
#[derive(Clone, Debug)]
pub struct Product {
    /// Neutral name: `SOL-USD`.
    pub name: Arc<str>,
    /// Currency code, upper case.
    pub base: Arc<str>,
    /// Currency code, upper case.
    pub quote: Arc<str>,
    /// Price step. Unit: e8.
    pub tick_e8: u64,
    /// Size step. Unit: e8.
    pub lot_e8: u64,
    /// Smallest order. Unit: e8 of the base; 0 for none.
    pub size_min_e8: u64,
    /// Largest order. Unit: e8 of the base.
    pub size_max_e8: u64,
    /// Smallest notional. Unit: e8 of the quote; 0 for none.
    pub notional_min_e8: u64,
    /// Farthest a price may lie from the middle. Unit: ppm.
    pub collar_ppm: u32,
    /// Whether it trades.
    pub status: ProductStatus,
}

/// Whether a product trades.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProductStatus {
    /// Orders are taken.
    Online,
    /// Cancels only.
    CancelOnly,
    /// Nothing.
    Halted,
}

/// How long an order lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// Until cancelled.
    Gtc,
    /// What does not fill at once is cancelled.
    Ioc,
    /// All at once or nothing.
    Fok,
    /// Only if it rests.
    PostOnly,
}

/// An order as it is asked for.
#[derive(Clone, Debug)]
pub struct NewOrder {
    /// Whose.
    pub account: Arc<str>,
    /// Neutral product name.
    pub product: Arc<str>,
    /// The client's own id; empty for none.
    pub client_id: String,
    /// Side.
    pub side: Side,
    /// Unit: e8 of the base; for a market buy by amount of quote see `quote_e8`.
    pub size_e8: u64,
    /// Limit; `None` is a market order.
    pub limit_e8: Option<u64>,
    /// Market buy for this much of the quote, fees included. Unit: e8; `None` otherwise.
    pub quote_e8: Option<u64>,
    /// Lifetime.
    pub lifetime: Lifetime,
    /// The connection that placed it, for cancel-on-disconnect; 0 for none.
    pub session: u64,
    /// The currency that a USD product settles in where the venue has aliases (`USDC`); else the quote.
    pub settle: Option<Arc<str>>,
    /// What the client called the product (`SOL-USDC`), for echoes.
    pub product_as_sent: String,
}

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderState {
    /// Rests or is about to.
    Open,
    /// Filled whole.
    Filled,
    /// Cancelled, perhaps after fills.
    Cancelled,
    /// Refused.
    Rejected,
}

/// An order.
#[derive(Clone, Debug)]
pub struct Order {
    /// The exchange's number, above 2^53 at Gemini, 16 digits at Bitstamp; Coinbase shows a UUID made of it.
    pub id: u64,
    /// As asked for.
    pub asked: NewOrder,
    /// Where it stands.
    pub state: OrderState,
    /// Executed so far. Unit: e8 of the base.
    pub filled_e8: u64,
    /// Paid or received for it, without fees. Unit: e8 of the quote.
    pub filled_quote_e8: u64,
    /// Fees so far. Unit: e8 of the quote; rounded up per fill.
    pub fees_e8: u64,
    /// Number of fills.
    pub fills: u32,
    /// Unit: Unix nanoseconds.
    pub created_ns: u64,
    /// Last change. Unit: Unix nanoseconds.
    pub updated_ns: u64,
    /// Why it was refused or cancelled.
    pub why: Option<Why>,
}

/// A fill.
#[derive(Clone, Debug)]
pub struct Fill {
    /// Trade id, contiguous per product.
    pub trade_id: u64,
    /// Order.
    pub order_id: u64,
    /// Product.
    pub product: Arc<str>,
    /// Side of the order.
    pub side: Side,
    /// Unit: e8.
    pub price_e8: u64,
    /// Unit: e8.
    pub size_e8: u64,
    /// Unit: e8 of the quote.
    pub fee_e8: u64,
    /// Whether the order took.
    pub is_taker: bool,
    /// Unit: Unix nanoseconds.
    pub at_ns: u64,
}

/// Why an order was refused, or ended unfilled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// No such product.
    UnknownProduct,
    /// The product takes no orders now.
    Halted,
    /// Size between two lots, or too fine.
    SizeStep,
    /// Price between two ticks, or too fine.
    PriceStep,
    /// Below the smallest size or notional.
    TooSmall,
    /// Above the largest size.
    TooLarge,
    /// Not enough of the currency.
    Funds,
    /// Limit too far from the middle.
    PriceFar,
    /// A post-only order would take.
    WouldTake,
    /// An IOC's rest.
    IocRest,
    /// A FOK that could not fill whole.
    FokUnfillable,
    /// Nothing on the other side.
    NoLiquidity,
    /// By request.
    Requested,
    /// Its connection ended.
    Disconnected,
    /// Crosses an order of the same account.
    SelfCross,
    /// Too many open orders.
    TooManyOpen,
}

/// First order number of an exchange.
#[must_use]
pub const fn order_id_base(exchange: ExchangeId) -> u64 {
    match exchange {
        ExchangeId::Coinbase => 1_000_000,
        ExchangeId::Gemini => 73_797_746_498_585_286,
        ExchangeId::Bitstamp => 1_780_000_000_000_003,
    }
}
