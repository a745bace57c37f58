//! Dense indices. Each is an index into the table of the same name that the engine was built with.

use serde::{Deserialize, Serialize};

/// A place that publishes market data and, later, takes orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Venue {
    /// Coinbase Advanced Trade.
    Coinbase = 0,
    /// Gemini, market data v2.
    Gemini = 1,
    /// Bitstamp, WebSocket v2.
    Bitstamp = 2,
    /// Solana: Orca Whirlpool pools.
    Solana = 3,
}

impl Venue {
    /// Every venue, in index order.
    pub const ALL: [Self; 4] = [Self::Coinbase, Self::Gemini, Self::Bitstamp, Self::Solana];

    /// The name used in configuration, reports and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Coinbase => "coinbase",
            Self::Gemini => "gemini",
            Self::Bitstamp => "bitstamp",
            Self::Solana => "solana",
        }
    }

    /// The venue with this name, if there is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|venue| venue.name() == name)
    }
}

/// One stream of market data: an order book or a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MarketId(pub u16);

/// What is traded: a market and the currency in which it settles.
///
/// Coinbase's `-USDC` products are instruments on the `-USD` book, never books of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct InstrumentId(pub u16);

/// An asset of the configured table. A chain asset is its mint address, never its ticker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AssetId(pub u16);

/// An ordered pair of instruments on one base asset: buy on the first, sell on the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PairId(pub u16);

impl MarketId {
    /// The table index.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl InstrumentId {
    /// The table index.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl AssetId {
    /// The table index.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl PairId {
    /// The table index.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}
