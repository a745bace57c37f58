//! Bitstamp: diffs joined to a REST book, trades, control events; pairs to grids; orders.
//!
//! Layout: [`reader`] turns frames and HTTP answers into events, `join` holds the rule by which diffs
//! and a REST book become one book, `fast` reads diffs without allocating, `wire` reads every message
//! through serde; [`metadata`] reads tick and lot of the pairs, `fees` the account's fees. [`session`]
//! says what a live connection sends and fetches, [`request`] names REST books, [`sign`] signs,
//! [`orders`] says what to ask of an order and what the answers mean.
//!
//! Deliberately absent: sockets and clocks; the full-book and order-by-order channels.
//! Start reading at [`BitstampDecoder`], then [`BitstampSession`], then [`orders::BitstampOrders`].

mod fast;
mod fees;
mod join;
pub mod metadata;
pub mod orders;
pub mod reader;
pub mod request;
pub mod session;
pub mod sign;
mod wire;

pub use metadata::metadata;
pub use reader::BitstampDecoder;
pub use session::{BitstampSession, Settings, metadata_requests};
