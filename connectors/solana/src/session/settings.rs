//! Where nodes are, what is watched on them, and how patient a session is.

use connector_net::Markets;
use engine_model::units::NS_PER_MS;
use solana_pubkey::Pubkey;

use crate::data::DataEncoding;
use crate::decoder::{HOLD_MS_DEFAULT, PoolExpected, Provisional, SolanaDecoder};
use crate::layout::MintPowers;

/// A second.
pub(super) const SECOND_NS: u64 = 1_000 * NS_PER_MS;

/// One node: where it answers, and where it tells. Either address may hold a key in its query, which
/// is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Node {
    /// JSON-RPC over HTTP: `https://…`.
    pub rpc_url: String,
    /// JSON-RPC over WebSocket: `wss://…`.
    pub ws_url: String,
}

impl Node {
    /// Host and port, for messages.
    #[must_use]
    pub fn host(&self) -> &str {
        let rest = self.ws_url.split_once("://").map_or(self.ws_url.as_str(), |(_, rest)| rest);
        let host = rest.split(['/', '?', '#']).next().unwrap_or(rest);
        host.rsplit('@').next().unwrap_or(host)
    }
}

impl core::fmt::Debug for Node {
    /// The host alone: paths and queries hold keys.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("Node").field(&self.host()).finish()
    }
}

/// A pool to be watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedPool {
    /// Its address, the programs that may own it, and its mints.
    pub expected: PoolExpected,
    /// Decimals of token A and token B; none: they are not checked.
    pub decimals: Option<[u8; 2]>,
}

/// How account data is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// Base64: least work for both sides.
    #[default]
    Base64,
    /// Base64 of a zstd frame: a tenth of the bytes of a tick array.
    Base64Zstd,
}

impl Encoding {
    /// The name that nodes know.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Base64 => "base64",
            Self::Base64Zstd => "base64+zstd",
        }
    }

    /// The reader's name for it.
    #[must_use]
    pub const fn data(self) -> DataEncoding {
        match self {
            Self::Base64 => DataEncoding::Base64,
            Self::Base64Zstd => DataEncoding::Base64Zstd,
        }
    }
}

/// Periods and bounds. Unit of periods: nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// How long a pool's accounts wait for a later slot. Unit: milliseconds.
    pub hold_ms: u64,
    /// Between two reads of every pool that are compared with what was streamed.
    pub check_every_ns: u64,
    /// Between two questions to the other nodes for their slot.
    pub lag_every_ns: u64,
    /// Slots behind another node at which a node is left.
    pub lag_slots_max: u64,
    /// Longest time without a new slot.
    pub slot_silence_ns: u64,
    /// How long a node must have been without a fault to be returned to.
    pub healthy_ns: u64,
    /// For how long a node that refuses us is not asked again.
    pub blocked_ns: u64,
    /// Longest time from a subscription request to its answer; asked once more, then a new
    /// connection.
    pub acknowledged_within_ns: u64,
    /// Longest time that a pool of which nothing is wrong may be without a state.
    pub live_within_ns: u64,
    /// An answer that takes longer counts as a fault of the node.
    pub latency_max_ns: u64,
    /// Faults of requests in a row at which a node is left.
    pub faults_max: u32,
    /// Longest wait before the first new attempt of a request.
    pub retry_first_ns: u64,
    /// Longest wait before any.
    pub retry_most_ns: u64,
    /// Wait before a request is made again that was refused as wrong, or whose answer contradicts
    /// the configuration.
    pub refused_retry_ns: u64,
    /// Attempts at a read for which the node is not far enough, after which it counts as lagging.
    pub behind_tries_max: u32,
    /// Slots that the stream may take to tell what an answer has shown already.
    pub suspect_slots: u64,
    /// Tick arrays watched on each side of the price's own. A swap walks at most three in either
    /// direction, the first of which may be the next one.
    pub arrays_each_way: u16,
    /// Further arrays on each side that are kept when the price moves back and forth.
    pub arrays_kept: u16,
    /// Most accounts of one answer; nodes give at most a hundred.
    pub keys_max: usize,
    /// Between two questions for recent priority fees.
    pub fees_every_ns: u64,
    /// Between two questions for the level of tips.
    pub tip_every_ns: u64,
    /// Text frames that may be sent a second.
    pub sends_per_s: u32,
    /// Requests that may be made a second.
    pub fetches_per_s: u32,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            hold_ms: HOLD_MS_DEFAULT,
            check_every_ns: 2 * SECOND_NS,
            lag_every_ns: 2 * SECOND_NS,
            lag_slots_max: 20,
            slot_silence_ns: 3 * SECOND_NS,
            healthy_ns: 60 * SECOND_NS,
            blocked_ns: 600 * SECOND_NS,
            acknowledged_within_ns: 3 * SECOND_NS,
            live_within_ns: 15 * SECOND_NS,
            latency_max_ns: 2 * SECOND_NS,
            faults_max: 3,
            retry_first_ns: 100 * NS_PER_MS,
            retry_most_ns: 5 * SECOND_NS,
            refused_retry_ns: 30 * SECOND_NS,
            behind_tries_max: 8,
            suspect_slots: 2,
            arrays_each_way: 3,
            arrays_kept: 1,
            keys_max: 100,
            fees_every_ns: 10 * SECOND_NS,
            tip_every_ns: 10 * SECOND_NS,
            sends_per_s: 40,
            // Public nodes allow a hundred in ten seconds, and forty of one method.
            fetches_per_s: 8,
        }
    }
}

/// Everything that a session is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Nodes, the preferred one first. At least one.
    pub nodes: Vec<Node>,
    /// Pools; each must be in the symbol table under its address.
    pub pools: Vec<WantedPool>,
    /// What holders of a mint accept from its authorities.
    pub accepted: Vec<(Pubkey, MintPowers)>,
    /// How account data is asked for.
    pub encoding: Encoding,
    /// Whether prices are told before their slot is over.
    pub provisional: Provisional,
    /// Address that states the level of tips; none: it is not asked for.
    pub tip_url: Option<String>,
    /// Periods and bounds.
    pub bounds: Bounds,
    /// Spreads waits in time; no other meaning.
    pub seed: u64,
}

impl Settings {
    /// These nodes and pools with every default.
    #[must_use]
    pub fn new(nodes: Vec<Node>, pools: Vec<WantedPool>) -> Self {
        Self {
            nodes,
            pools,
            accepted: Vec::new(),
            encoding: Encoding::default(),
            provisional: Provisional::On,
            tip_url: None,
            bounds: Bounds::default(),
            seed: 0,
        }
    }

    /// The decoder of such a session, for the connection itself and for a recording of it.
    #[must_use]
    pub fn decoder(&self, markets: Markets) -> SolanaDecoder {
        let expected = self.pools.iter().map(|pool| pool.expected.clone()).collect();
        let mut decoder = SolanaDecoder::new(markets, expected, self.bounds.hold_ms);
        decoder.judge_mints(self.accepted.iter().copied());
        decoder.set_provisional(self.provisional);
        for pool in &self.pools {
            if let Some([a, b]) = pool.decimals {
                decoder.expect_decimals(pool.expected.mint_a, a);
                decoder.expect_decimals(pool.expected.mint_b, b);
            }
        }
        decoder
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_printed_without_what_may_be_a_key() {
        let rows = [
            ("wss://mainnet.example.com/?api-key=SECRET", "mainnet.example.com"),
            ("wss://user:SECRET@example.com:8900/SECRET", "example.com:8900"),
            ("ws://127.0.0.1:9001", "127.0.0.1:9001"),
        ];
        for (url, host) in rows {
            let node = Node { rpc_url: url.into(), ws_url: url.into() };
            assert_eq!(node.host(), host);
            assert!(!format!("{node:?}").contains("SECRET"), "{node:?}");
        }
    }
}
