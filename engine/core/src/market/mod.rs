//! What the engine knows of the markets.

pub mod balances;
pub mod book;
pub mod pool;
pub mod rates;
pub mod take;
pub mod world;
