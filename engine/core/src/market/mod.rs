//! What the engine knows of the markets.

pub mod balances;
pub mod book;
pub mod pool;
pub mod rates;
pub(crate) mod saved;
pub mod take;
pub mod world;
