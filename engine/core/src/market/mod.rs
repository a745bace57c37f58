//! What the engine knows of the markets.

pub mod book;
