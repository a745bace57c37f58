//! Bitstamp WebSocket v2: diffs joined to a REST book, trades, control events; pairs to grids.
//!
//! Layout: [`reader`] turns frames and HTTP answers into events, `join` holds the rule by which diffs
//! and a REST book become one book, `fast` reads diffs without allocating, `wire` reads every message
//! through serde; [`metadata`] reads tick and lot of the pairs, `fees` the account's fees.
//!
//! Deliberately absent: sockets, subscriptions and orders; the full-book and order-by-order channels.
//! Start reading at [`BitstampDecoder`].

mod fast;
mod fees;
mod join;
pub mod metadata;
pub mod reader;
mod wire;

pub use metadata::metadata;
pub use reader::BitstampDecoder;
