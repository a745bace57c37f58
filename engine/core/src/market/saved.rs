//! A pool as it is saved at anchors.

use alloc::vec::Vec;

use engine_poolmath::whirlpool::{AdaptiveConstants, Oracle, Pool};
use serde::{Deserialize, Serialize};

use super::pool::PoolState;

/// A tick array as saved: start, whether it exists, initialised ticks with their net liquidity.
pub(crate) type ArraySaved = (i32, bool, Vec<(i32, i128)>);

/// A pool as saved: chain state and what is carried over it, without the cached paths.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PoolSaved {
    pub(crate) state: PoolState,
    pub(crate) pool: Option<Pool>,
    pub(crate) oracle: Option<Oracle>,
    pub(crate) chain_oracle: Option<Oracle>,
    pub(crate) tick_spacing: u16,
    /// Start, whether it exists, initialised ticks with their net liquidity.
    pub(crate) arrays: Vec<ArraySaved>,
    pub(crate) pending_constants: Option<(u64, AdaptiveConstants)>,
    pub(crate) pending_price: Option<(u128, u128)>,
    pub(crate) array_begun: bool,
    pub(crate) changed: bool,
    pub(crate) paths_now_s: u64,
    pub(crate) slot: u64,
    pub(crate) last_event_recv_ns: u64,
    pub(crate) doubts: u64,
}
