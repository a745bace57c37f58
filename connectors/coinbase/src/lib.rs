//! Coinbase Advanced Trade: market data frames to events, product list to grids.
//!
//! Layout: [`reader`] holds the protocol state (one sequence over all channels of a connection, one
//! snapshot per book) and decides what a frame does; `fast` reads book frames without allocating,
//! `usual` those in the order of keys that the venue writes today, `wire` reads every frame through serde; [`metadata`] reads tick and lot of the products, `fees` the account's fee tier.
//!
//! [`session`] says what a live connection subscribes to and how it mends a book, `quiet` which book
//! may not be subscribed to any more, [`sign`] makes the
//! tokens of a key.
//!
//! [`orders`] places orders over REST and reads what the venue says of them.
//!
//! Deliberately absent: sockets; the 2021 Exchange feed.
//! Start reading at [`CoinbaseDecoder`].

mod fast;
mod fees;
pub mod metadata;
pub mod orders;
mod quiet;
pub mod reader;
pub mod session;
pub mod sign;
mod usual;
mod wire;

pub use metadata::metadata;
pub use orders::CoinbaseOrders;
pub use reader::CoinbaseDecoder;
pub use session::CoinbaseSession;
pub use sign::Key;
