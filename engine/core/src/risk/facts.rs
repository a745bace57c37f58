//! What the checks look at: plain numbers that the caller has counted, aged and converted.
//!
//! An input that may be missing is an [`Option`], and a missing one denies. Where nothing can
//! rightly be there ("no order of ours yet"), that is a variant and not `None`. The one exception
//! is the last trade of a market ([`LegFacts::last_trade_price`]).

use serde::{Deserialize, Serialize};

use super::halt::TradingState;
use crate::market::take::Take;

/// What may be sent, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Mode {
    /// Nothing leaves: both legs go to the simulated venue.
    Observe = 0,
    /// Orders go to the emulators.
    Paper = 1,
    /// Orders go to the venues.
    Live = 2,
}

/// Where the sender of this trade delivers. Each mode reaches its own and no other, so that the
/// counters of one are never moved by another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Target {
    /// The simulated venue inside the core.
    Simulated = 0,
    /// An emulator of the venue.
    Emulator = 1,
    /// The venue itself.
    Venue = 2,
}

/// Whether the size may be the full one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sizing {
    /// Nothing was resumed since the pair's last trade.
    Full,
    /// The first trade of the pair after a resume: `resume_size_ppm` of the largest order.
    AfterResume,
}

/// Whether the configuration lists an instrument and its venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Listing {
    /// Both are listed.
    Listed,
    /// One is not.
    Unlisted,
}

/// What a venue says of an instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// It takes orders.
    Trading,
    /// It does not, or only some kinds.
    NotTrading,
}

/// How old a leg's market data is. `None` is never received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DataAge {
    /// An order book: since the last message that proves it current.
    Book {
        /// Unit: nanoseconds.
        age_ns: Option<u64>,
    },
    /// A pool: the venue's newest slot minus the slot of its state.
    Pool {
        /// Unit: slots.
        age_slots: Option<u64>,
    },
}

/// Our own order prices on a market inside the drift window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OwnPrices {
    /// There was none.
    Never,
    /// Lowest and highest, on the leg's price scale.
    Within {
        /// The lowest.
        low: u128,
        /// The highest.
        high: u128,
    },
}

/// The last order equal to this one in venue, market, side, price and size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LastEqual {
    /// There was none.
    Never,
    /// Time since then. Unit: nanoseconds.
    AgeNs(u64),
}

/// Whether a client order id was used before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClientId {
    /// Never.
    Fresh,
    /// It was.
    Used,
}

/// Holdings of one asset over all venues minus the base inventory, valued at the worse of the two
/// freshest marks, rounded away from zero. Unit: USD micros; long is positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// What is held.
    pub held_usd_micros: i128,
    /// What open, unknown and in-flight orders may add. Zero or more.
    pub reserve_up_usd_micros: i128,
    /// What they may take away. Zero or more.
    pub reserve_down_usd_micros: i128,
    /// What this order changes if nothing but this leg fills.
    pub order_usd_micros: i128,
}

/// The currency in which a leg settles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Settlement {
    /// The numeraire itself: no price and no position.
    Numeraire,
    /// Another one.
    Other {
        /// Its price in the numeraire.
        price: Option<PriceBand>,
        /// Its position.
        position: Option<Position>,
    },
}

/// Both sides of a price in the numeraire. Unit: parts per million of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PriceBand {
    /// The lower side, rounded down.
    pub low_ppm: u64,
    /// The higher side, rounded up.
    pub high_ppm: u64,
}

/// What a leg spends, of the asset it spends. One scale for all four.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Spend {
    /// The balance.
    pub available: u128,
    /// Held back for other orders.
    pub reserved: u128,
    /// Fees in the same asset.
    pub fees: u128,
    /// What the order needs.
    pub need: u128,
}

/// Unhedged legs of every trade, added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Unhedged {
    /// Their notional. Zero when there are none.
    pub usd_micros: i128,
    /// Age of the oldest. Zero when there are none.
    pub age_ns: u64,
}

/// Net profit and the notional that it is measured against, in the same money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Edge {
    /// Net profit after every cost.
    pub net: i128,
    /// Notional of the buy leg.
    pub notional: i128,
}

/// One order.
///
/// Prices of a leg share one scale of the caller's choice (half ticks, for a mid); sizes are 10⁻¹⁸
/// units of base. Counts include this trade and everything in flight or unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LegFacts {
    /// Whether it buys or sells.
    pub take: Take,
    /// R22.
    pub listing: Option<Listing>,
    /// R22.
    pub status: Option<Status>,
    /// R22: age of the instrument's metadata.
    pub metadata_age_ns: Option<u64>,
    /// R07.
    pub data: DataAge,
    /// R16: the worst price at which it may fill; of a swap, its minimum output per input.
    pub limit_price: Option<u128>,
    /// R15: mid of the venue's own book, or spot price of the pool.
    pub reference_price: Option<u128>,
    /// R15: the venue's last trade. `None` where none is known: then this half of the collar does
    /// not apply, because pools publish no trades and quiet markets have had none.
    pub last_trade_price: Option<u128>,
    /// R15.
    pub own_prices: Option<OwnPrices>,
    /// R14: what is ordered.
    pub size_e18: Option<u128>,
    /// R14: the size is a multiple of this. Not zero.
    pub lot_e18: Option<u128>,
    /// R14: the least size.
    pub size_min_e18: Option<u128>,
    /// R14: the largest size.
    pub size_max_e18: Option<u128>,
    /// R14: notional in settlement money, and the least that the venue takes, on one scale.
    pub notional_settled: Option<u128>,
    /// R14: see [`Self::notional_settled`].
    pub notional_settled_min: Option<u128>,
    /// R13: notional, rounded up.
    pub notional_usd_micros: Option<i128>,
    /// R13.
    pub sizing: Sizing,
    /// R17: messages that new orders may still send to the venue now.
    pub messages_left: Option<u32>,
    /// R17: messages that this trade sends to the venue, with both legs.
    pub messages_needed: u32,
    /// R19.
    pub last_equal: Option<LastEqual>,
    /// R19.
    pub client_id: Option<ClientId>,
    /// R21: orders open on the venue, this trade's included.
    pub venue_open_orders: Option<u32>,
    /// R21: pairs in flight on the market, this one included.
    pub market_pairs_in_flight: Option<u32>,
    /// R10: position of the base asset.
    pub position: Option<Position>,
    /// R10, R26.
    pub settlement: Settlement,
    /// R23.
    pub spend: Option<Spend>,
}

/// What is known of a trade of two legs at its decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// R01.
    pub mode: Mode,
    /// R01.
    pub target: Target,
    /// R03 and every other halt: the strictest state of the scopes that this trade touches.
    pub trading_state: TradingState,
    /// Both orders, the buy first.
    pub legs: [LegFacts; 2],
    /// R24.
    pub edge: Option<Edge>,
    /// R25: difference of the asset's independent prices, rounded up.
    pub disagreement_ppm: Option<u64>,
    /// R18: trades of the pair in its window, this one included.
    pub pair_trades: Option<u32>,
    /// R18: trades of all pairs in their window, this one included.
    pub trades: Option<u32>,
    /// R21: pairs in flight anywhere, this one included.
    pub pairs_in_flight: Option<u32>,
    /// R27.
    pub unhedged: Option<Unhedged>,
    /// R08: the day's profit and loss, unrealised gains left out.
    pub daily_pnl_usd_micros: Option<i128>,
    /// R08: what this trade loses if both legs unwind at their bounds, with fees. Zero or more.
    pub worst_case_loss_usd_micros: Option<i128>,
}

/// How far the price of an unwind may be from its reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnwindBound {
    /// `unwind_collar_ppm`.
    First,
    /// `unwind_hard_collar_ppm`, once the first bound has not filled.
    Hard,
}

/// What a hedge or an unwind would take away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Exposure {
    /// What is unhedged. Unit: 10⁻¹⁸ units of base; long is positive.
    pub open_e18: i128,
    /// What other orders that are open or unknown may already take of it. Same unit; zero or more.
    pub working_e18: u128,
}

/// What is known of a hedge or an unwind: one order that shrinks an exposure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReducingFacts {
    /// R01.
    pub mode: Mode,
    /// R01.
    pub target: Target,
    /// The strictest state of the scopes that it touches.
    pub trading_state: TradingState,
    /// The order.
    pub leg: LegFacts,
    /// R15.
    pub bound: UnwindBound,
    /// R27.
    pub exposure: Option<Exposure>,
}
