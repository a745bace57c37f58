//! What an exchange is built from, and the small answers that it gives.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Fill, Order, Product};
use crate::happening::Side;

/// Orders that an exchange remembers, open ones included; beyond it the oldest closed one goes.
/// A client asks about orders of its last minutes.
pub const ORDERS_KEPT: usize = 20_000;

/// Fills that are remembered per account; beyond it the oldest goes.
pub(super) const FILLS_KEPT: usize = 10_000;

/// Open orders of one account; one more is refused.
pub const OPEN_ORDERS_MAX: usize = 1_000;

/// Public trades remembered per product: what venues show at most.
pub const TRADES_KEPT: usize = 1_000;

/// Price levels of one side: several times the largest real book (46,000 levels, BTC-USD).
pub const LEVELS_MAX: usize = 1 << 18;

/// Happenings that wait for [`super::Exchange::drain`]. The pump takes them every millisecond; what
/// comes beyond is counted and lost, so that an exchange that nobody drains stays small.
pub(super) const PENDING_MAX: usize = 1 << 20;

/// One account: name and balances by currency. Unit: e8.
#[derive(Clone, Debug, Default)]
pub struct AccountSpec {
    /// Whose.
    pub name: Arc<str>,
    /// Available amounts by currency code, upper case. Unit: e8.
    pub balances_e8: BTreeMap<Arc<str>, u64>,
}

/// What an exchange is built from.
#[derive(Clone, Debug, Default)]
pub struct ExchangeSpec {
    /// What it trades. Two with one name: the first counts.
    pub products: Vec<Product>,
    /// Fee of the resting side. Unit: ppm of the value.
    pub maker_fee_ppm: u32,
    /// Fee of the taking side. Unit: ppm of the value.
    pub taker_fee_ppm: u32,
    /// Its accounts.
    pub accounts: Vec<AccountSpec>,
}

/// The fee tier of the accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fees {
    /// Fee of the resting side. Unit: ppm of the value.
    pub maker_ppm: u32,
    /// Fee of the taking side. Unit: ppm of the value.
    pub taker_ppm: u32,
    /// Value that the accounts have traded since the exchange began. Unit: e8 of the quote.
    pub volume_30d_e8: u64,
}

/// One currency of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balance {
    /// Currency code, upper case.
    pub currency: Arc<str>,
    /// Free to use. Unit: e8.
    pub available_e8: u64,
    /// Reserved for resting orders. Unit: e8.
    pub held_e8: u64,
}

/// A trade as everybody sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicTrade {
    /// Contiguous per product.
    pub trade_id: u64,
    /// The resting side that was hit.
    pub maker: Side,
    /// Unit: e8.
    pub price_e8: u64,
    /// Unit: e8 of the base.
    pub size_e8: u64,
    /// Unit: Unix nanoseconds.
    pub at_ns: u64,
}

/// What became of a new order at once.
#[derive(Clone, Debug)]
pub struct Placed {
    /// The order afterwards; a refusal is one with state `Rejected` and a `why`.
    pub order: Arc<Order>,
    /// Its fills, in the order of execution.
    pub fills: Vec<Arc<Fill>>,
}

/// Why nothing was cancelled.
#[derive(Clone, Debug)]
pub enum CancelRefused {
    /// The account has no such order, or it is forgotten.
    NotFound,
    /// It is filled, cancelled or rejected already.
    Done(Arc<Order>),
}

/// Why a resting order was not given other terms.
#[derive(Clone, Debug)]
pub enum AmendRefused {
    /// The account has no such order, or it is forgotten.
    NotFound,
    /// It does not rest any more, or never did.
    Done(Arc<Order>),
    /// The new size is not above what is filled already.
    BelowFilled,
    /// The terms are those that it has.
    Unchanged,
    /// An order with these terms would be refused.
    Refused(super::Why),
}

/// `price × size / 10^8`, in the direction told. Unit: e8 of the quote. Saturates, far beyond any
/// balance.
pub(super) fn value_e8(price_e8: u64, size_e8: u64, round: Round) -> u64 {
    let wide = u128::from(price_e8) * u128::from(size_e8);
    let one = u128::from(crate::happening::E8);
    let value = match round {
        Round::Up => wide.div_ceil(one),
        Round::Down => wide / one,
    };
    u64::try_from(value).unwrap_or(u64::MAX)
}

/// A rate's share of a value, rounded up. Unit: e8 of the quote.
pub(super) fn fee_e8(value_e8: u64, rate_ppm: u32) -> u64 {
    let fee = (u128::from(value_e8) * u128::from(rate_ppm)).div_ceil(1_000_000);
    u64::try_from(fee).unwrap_or(u64::MAX)
}

/// Direction of a rounding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Round {
    /// What somebody pays.
    Up,
    /// What somebody gets.
    Down,
}
