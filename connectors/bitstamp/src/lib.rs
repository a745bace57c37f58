//! Bitstamp WebSocket v2: diffs joined to a REST book, trades, control events; pairs to grids.
//!
//! Layout: [`reader`] turns frames and HTTP answers into events, `join` holds the rule by which diffs
//! and a REST book become one book, `fast` reads diffs without allocating, `wire` reads every message
//! through serde; [`metadata`] reads tick and lot of the pairs, `fees` the account's fees. [`session`]
//! says what a live connection sends and fetches, [`request`] names REST books, [`sign`] signs.
//!
//! Deliberately absent: sockets, clocks and orders; the full-book and order-by-order channels.
//! Start reading at [`BitstampDecoder`], then [`BitstampSession`].

mod fast;
mod fees;
mod join;
pub mod metadata;
pub mod reader;
pub mod request;
pub mod session;
pub mod sign;
mod wire;

pub use metadata::metadata;
pub use reader::BitstampDecoder;
pub use session::{BitstampSession, Settings, metadata_requests};
