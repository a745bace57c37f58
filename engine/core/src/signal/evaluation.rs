//! The record of one look at one pair: a size with every part of its profit, or why there is none.

use engine_model::PairId;
use serde::{Deserialize, Serialize};

use super::waterfall::Waterfall;

/// Why an evaluation ended as it did. A candidate (gross above zero) has exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Code {
    /// Every check of the signal passed; risk and execution decide next.
    Tradable = 0,
    /// Not a candidate: nothing is left even before costs.
    NoEdge = 1,
    /// Costs take it all: a near miss.
    NetNotPositive = 2,
    /// Net edge below the configured minimum.
    BelowMinEdge = 3,
    /// Size below a venue's smallest order.
    BelowMinOrder = 4,
    /// Balances, position room or order limits leave less than one lot.
    NoRoom = 5,
    /// The rate between the settlement currencies is older than allowed.
    RateStale = 6,
    /// There is no rate between the settlement currencies; not evaluated.
    RateMissing = 7,
    /// The chain coin's price is missing or older than allowed.
    CoinPriceStale = 8,
    /// The priority-fee level is missing or older than allowed.
    PriorityFeeStale = 9,
    /// The tip level is missing or older than allowed.
    TipStale = 10,
    /// A taker fee is older than allowed.
    FeeTierStale = 11,
    /// A market has no snapshot yet, or nothing on the side that is needed; not evaluated.
    MarketEmpty = 12,
    /// A market is crossed, gapped or otherwise in doubt; not evaluated.
    MarketInDoubt = 13,
    /// A market's venue has been silent, or its slot lies behind; not evaluated.
    MarketStale = 14,
    /// The venue does not take orders, or a mint's powers are not allowed; not evaluated.
    NotTradable = 15,
    /// The best size cannot be priced: the pool's cached range or `u64` ends before it.
    NotPriceable = 16,
}

impl Code {
    /// Every code, in index order.
    pub const ALL: [Self; 17] = [
        Self::Tradable,
        Self::NoEdge,
        Self::NetNotPositive,
        Self::BelowMinEdge,
        Self::BelowMinOrder,
        Self::NoRoom,
        Self::RateStale,
        Self::RateMissing,
        Self::CoinPriceStale,
        Self::PriorityFeeStale,
        Self::TipStale,
        Self::FeeTierStale,
        Self::MarketEmpty,
        Self::MarketInDoubt,
        Self::MarketStale,
        Self::NotTradable,
        Self::NotPriceable,
    ];

    /// The name used in reports and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tradable => "tradable",
            Self::NoEdge => "no_edge",
            Self::NetNotPositive => "net_not_positive",
            Self::BelowMinEdge => "below_min_edge",
            Self::BelowMinOrder => "below_min_order",
            Self::NoRoom => "no_room",
            Self::RateStale => "rate_stale",
            Self::RateMissing => "rate_missing",
            Self::CoinPriceStale => "coin_price_stale",
            Self::PriorityFeeStale => "priority_fee_stale",
            Self::TipStale => "tip_stale",
            Self::FeeTierStale => "fee_tier_stale",
            Self::MarketEmpty => "market_empty",
            Self::MarketInDoubt => "market_in_doubt",
            Self::MarketStale => "market_stale",
            Self::NotTradable => "not_tradable",
            Self::NotPriceable => "not_priceable",
        }
    }

    /// Whether the pair could not be looked at at all.
    #[must_use]
    pub const fn is_unevaluated(self) -> bool {
        matches!(
            self,
            Self::RateMissing
                | Self::MarketEmpty
                | Self::MarketInDoubt
                | Self::MarketStale
                | Self::NotTradable
        )
    }
}

/// One look at one pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Which pair.
    pub pair: PairId,
    /// How it ended.
    pub code: Code,
    /// Number of the event at the core.
    pub seq: u64,
    /// Receive time of the event. Unit: Unix nanoseconds.
    pub at_ns: u64,
    /// Marginal edge of the first unit before costs. Unit: parts per million, rounded down.
    pub edge_gross_ppm: i64,
    /// The same after every cost that is proportional to the size.
    pub edge_net_ppm: i64,
    /// Size looked at: the best one, or for a near miss the best of the first cell. Unit: atoms.
    pub base_atoms: u128,
    /// Gross notional of the buy leg. Unit: pair money.
    pub notional: u128,
    /// Net profit. Unit: pair money.
    pub net: i128,
    /// The parts of the net.
    pub waterfall: Waterfall,
    /// Limit price of a book leg bought from, in ticks; 0 for a pool.
    pub buy_limit_ticks: u64,
    /// Limit price of a book leg sold to, in ticks; 0 for a pool.
    pub sell_limit_ticks: u64,
    /// Levels and segments entered.
    pub pieces_touched: u32,
}

impl Evaluation {
    /// An evaluation that found nothing to price.
    #[must_use]
    pub fn unpriced(pair: PairId, code: Code, seq: u64, at_ns: u64) -> Self {
        Self {
            pair,
            code,
            seq,
            at_ns,
            edge_gross_ppm: 0,
            edge_net_ppm: 0,
            base_atoms: 0,
            notional: 0,
            net: 0,
            waterfall: Waterfall::default(),
            buy_limit_ticks: 0,
            sell_limit_ticks: 0,
            pieces_touched: 0,
        }
    }

    /// Gross above zero.
    #[must_use]
    pub const fn is_candidate(&self) -> bool {
        self.waterfall.gross > 0
    }

    /// A candidate with net above zero, at a size that the caps allow: one without room is stated
    /// at a size beyond them and is none.
    #[must_use]
    pub const fn is_opportunity(&self) -> bool {
        self.is_candidate() && self.net > 0 && !matches!(self.code, Code::NoRoom)
    }

    /// A candidate that costs took.
    #[must_use]
    pub const fn is_near_miss(&self) -> bool {
        self.is_candidate() && self.net <= 0
    }
}
