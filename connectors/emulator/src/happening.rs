//! What happens in the emulated world, in venue-neutral words. Every connection sees all of it and
//! tells its client what that client asked for, in the venue's own words.

use std::sync::Arc;

/// Prices, sizes and amounts of the exchanges are integers of 10⁻⁸ ("e8").
pub const E8: u64 = 100_000_000;

/// Which exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExchangeId {
    /// Coinbase Advanced Trade.
    Coinbase = 0,
    /// Gemini.
    Gemini = 1,
    /// Bitstamp.
    Bitstamp = 2,
}

/// Side of a book, or of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Somebody buys.
    Bid,
    /// Somebody sells.
    Ask,
}

/// The size that rests at a price from now on; zero deletes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Side of the book.
    pub side: Side,
    /// Unit: e8.
    pub price_e8: u64,
    /// Unit: e8 of the base.
    pub size_e8: u64,
}

/// One thing that happened.
#[derive(Clone, Debug)]
pub enum Happening {
    /// Levels of a book changed, all at once.
    Book {
        /// Where.
        exchange: ExchangeId,
        /// Product in the neutral form `SOL-USD`.
        product: Arc<str>,
        /// The exchange's own time of the change. Unit: Unix nanoseconds.
        at_ns: u64,
        /// Update counter of the exchange: increasing, sparse, shared by its products, below 2^53.
        update_id: u64,
        /// The counter's value at the product's previous change.
        prev_update_id: u64,
        /// What changed.
        changes: Arc<[Change]>,
    },
    /// A trade print.
    Trade {
        /// Where.
        exchange: ExchangeId,
        /// Product.
        product: Arc<str>,
        /// Unit: Unix nanoseconds.
        at_ns: u64,
        /// Contiguous per product.
        trade_id: u64,
        /// The resting side that was hit.
        maker: Side,
        /// Unit: e8.
        price_e8: u64,
        /// Unit: e8.
        size_e8: u64,
    },
    /// An order of an account changed; `order` is its whole state after it.
    Order {
        /// Where.
        exchange: ExchangeId,
        /// What it was.
        kind: OrderChange,
        /// The order afterwards.
        order: Arc<crate::exchange::Order>,
        /// The fill, where the change is one.
        fill: Option<Arc<crate::exchange::Fill>>,
        /// Unit: Unix nanoseconds.
        at_ns: u64,
    },
    /// A balance of an account changed.
    Balance {
        /// Where.
        exchange: ExchangeId,
        /// Whose.
        account: Arc<str>,
        /// Currency code, upper case.
        currency: Arc<str>,
        /// Unit: Unix nanoseconds.
        at_ns: u64,
    },
    /// The status of a product changed (halt, cancel-only, back to online).
    Status {
        /// Where.
        exchange: ExchangeId,
        /// Product.
        product: Arc<str>,
        /// Unit: Unix nanoseconds.
        at_ns: u64,
    },
    /// The chain has a new slot.
    Slot {
        /// The slot.
        slot: u64,
        /// Its parent.
        parent: u64,
        /// Newest rooted slot.
        root: u64,
        /// Unit: Unix nanoseconds.
        at_ns: u64,
    },
    /// Accounts of the chain changed in a slot: address and the whole account afterwards.
    Accounts {
        /// The slot.
        slot: u64,
        /// Changed addresses; their content is read from the chain.
        keys: Arc<[[u8; 32]]>,
        /// Unit: Unix nanoseconds.
        at_ns: u64,
    },
    /// A transaction reached a commitment, or failed.
    Signature {
        /// Its first signature.
        signature: [u8; 64],
        /// The slot it landed in.
        slot: u64,
        /// `processed`, `confirmed` or `finalized`.
        commitment: Commitment,
        /// The error as the RPC states it in JSON; none: it succeeded.
        error: Option<Arc<str>>,
        /// Unit: Unix nanoseconds.
        at_ns: u64,
    },
}

/// How settled something is on the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Commitment {
    /// In a bank of this node.
    Processed,
    /// Voted for by two thirds.
    Confirmed,
    /// Rooted.
    Finalized,
}

/// What an order went through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderChange {
    /// Taken by the exchange.
    Accepted,
    /// Refused after it was taken, or at once.
    Rejected,
    /// Rests in the book.
    Booked,
    /// Filled in part or whole.
    Fill,
    /// Cancelled: by request, or what an IOC or FOK left.
    Cancelled,
    /// Nothing more will happen to it.
    Closed,
}
