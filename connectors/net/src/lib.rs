//! What every connector shares: the decoder contract, symbol tables, counters of oddities, exact
//! decimals, the JSON scanner and the recorder formats.
//!
//! Layout: [`decode`] is the contract between bytes and events, [`markets`] maps a venue's symbols
//! to dense ids and grids, [`odd`] counts whatever was not as expected, [`decimal`] turns decimal
//! text into ticks and lots (`digits` takes eight characters at a time), [`time`] timestamps into
//! nanoseconds, [`scan`] walks JSON without allocating, [`books`] knows which books can be trusted,
//! [`rates`] reads fees and other costs of HTTP answers, [`audit`] compares streamed books with those of
//! HTTP answers, [`capture`] reads recordings.
//!
//! Deliberately absent: venue knowledge (each venue has its crate) and strategy.
//! Start reading at [`decode::Decoder`].

pub mod audit;
pub mod books;
pub mod capture;
pub mod decimal;
pub mod decode;
mod digits;
pub mod markets;
pub mod odd;
pub mod rates;
pub mod scan;
pub mod session;
pub mod time;

pub use decode::{Decoder, Input, Sink};
pub use markets::{Market, Markets};
pub use odd::{Odd, OddCounts};
