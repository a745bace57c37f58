//! Gemini's market data, current and v2: frames to events, symbol details to grids, live sessions.
//!
//! Layout: [`current`] reads the WebSocket of 2026 with its chain of update ids; [`reader`] reads market
//! data v2 (the first message of a symbol is its snapshot, there are no sequence numbers), `fast`
//! its book frames without allocating, `wire` every frame through serde. [`audit`] compares books of
//! both with the HTTP book, [`metadata`] reads tick and lot of symbols, `fees` the account's fee tier.
//! [`feed`] is a decoder of either.
//! [`session`] says what a live connection sends and fetches, [`sign`] signs.
//! [`orders`] places, cancels and asks about orders over REST.
//!
//! Deliberately absent: sockets and clocks; market data v1; orders over the WebSocket.
//! Start reading at [`CurrentDecoder`], [`GeminiDecoder`], then [`GeminiSession`].

pub mod audit;
pub mod current;
mod fast;
pub mod feed;
mod fees;
pub mod metadata;
pub mod orders;
pub mod reader;
pub mod session;
pub mod sign;
mod wire;

pub use current::CurrentDecoder;
pub use feed::{Feed, FeedDecoder};
pub use metadata::metadata;
pub use reader::GeminiDecoder;
pub use session::{GeminiSession, Settings, metadata_requests};
