//! Which way a leg trades.

use serde::{Deserialize, Serialize};

/// Whether a leg buys or sells the base.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Take {
    /// Buys base: from asks, or exact-out from a pool.
    Buy,
    /// Sells base: to bids, or exact-in into a pool.
    Sell,
}
