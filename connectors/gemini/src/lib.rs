//! Gemini market data v2: frames to events, symbol details to grids.
//!
//! Layout: [`reader`] holds the protocol state (the first message of a symbol is its snapshot, there
//! are no sequence numbers) and decides what a frame does; `fast` reads book frames without
//! allocating, `wire` reads every frame through serde; [`metadata`] reads tick and lot of symbols,
//! `fees` the account's fee tier.
//!
//! Deliberately absent: sockets, subscriptions and orders; the v1 and the 2026 WebSocket.
//! Start reading at [`GeminiDecoder`].

pub mod audit;
pub mod current;
mod fast;
mod fees;
pub mod metadata;
pub mod reader;
mod wire;

pub use current::CurrentDecoder;
pub use metadata::metadata;
pub use reader::GeminiDecoder;
