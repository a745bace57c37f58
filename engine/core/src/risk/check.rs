//! The list of checks: order, names, controls and units.

use serde::{Deserialize, Serialize};

/// One check. The order of the variants is the order of evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Check {
    /// The trade would be delivered where the mode does not reach.
    ModeGate = 0,
    /// A halt applies in a scope that the trade touches.
    TradingState = 1,
    /// A hedge or unwind is larger than what it closes, or on the wrong side.
    ReducesExposure = 2,
    /// The instrument or its venue is not listed.
    Listed = 3,
    /// The order has no limit price, or the swap no minimum output.
    LimitPrice = 4,
    /// The size is above the instrument's largest.
    SizeMax = 5,
    /// The size is no multiple of the lot.
    SizeLot = 6,
    /// The size is under the instrument's least.
    SizeMin = 7,
    /// The notional is under the instrument's least.
    NotionalMin = 8,
    /// The notional is above the largest of one order.
    OrderNotional = 9,
    /// The book is too old.
    BookAge = 10,
    /// The pool is too old.
    PoolAge = 11,
    /// The instrument's metadata is too old.
    MetadataAge = 12,
    /// The price is too far from its own market's reference.
    ReferenceCollar = 13,
    /// The price is too far from the last trade.
    LastTradeCollar = 14,
    /// Our own prices on the market have drifted too far.
    DriftCollar = 15,
    /// The net edge is too thin to act on.
    EdgeMin = 16,
    /// The net edge is too good to be true.
    EdgeMax = 17,
    /// Independent prices of the asset disagree.
    ReferenceAgreement = 18,
    /// The settlement currency is off its peg.
    QuoteCurrency = 19,
    /// The venue's message allowance for new orders is used up.
    MessageRate = 20,
    /// The pair has traded too often.
    PairTrades = 21,
    /// All pairs together have traded too often.
    AllTrades = 22,
    /// An equal order was sent a moment ago.
    DuplicateOrder = 23,
    /// The client order id was used before.
    ClientIdReuse = 24,
    /// Too many open orders on the venue.
    VenueOpenOrders = 25,
    /// Too many pairs in flight on the market.
    MarketPairsInFlight = 26,
    /// Too many pairs in flight.
    PairsInFlight = 27,
    /// The position of the base asset would be too large.
    BasePosition = 28,
    /// The position of the settlement currency would be too large.
    SettlementPosition = 29,
    /// Too much is unhedged.
    UnhedgedNotional = 30,
    /// A leg has been unhedged for too long.
    UnhedgedAge = 31,
    /// The worst case of this trade would reach the daily loss limit.
    ProjectedLoss = 32,
    /// The balance does not cover the need and its buffer.
    Balance = 33,
    /// The venue does not take orders for the instrument.
    VenueStatus = 34,
}

/// The groups of checks, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// What may be sent at all.
    Mode,
    /// The halt set.
    Halts,
    /// What the order alone shows.
    StaticOrder,
    /// Prices and their age.
    MarketData,
    /// Rate and repetition.
    Repetition,
    /// Exposure and loss.
    Exposure,
    /// What the venue says of itself.
    VenueHealth,
}

/// Name, control, unit of observed value and limit, stage.
type Row = (&'static str, &'static str, &'static str, Stage);

impl Check {
    /// Every check, in the order of evaluation.
    pub const ALL: [Self; 35] = [
        Self::ModeGate,
        Self::TradingState,
        Self::ReducesExposure,
        Self::Listed,
        Self::LimitPrice,
        Self::SizeMax,
        Self::SizeLot,
        Self::SizeMin,
        Self::NotionalMin,
        Self::OrderNotional,
        Self::BookAge,
        Self::PoolAge,
        Self::MetadataAge,
        Self::ReferenceCollar,
        Self::LastTradeCollar,
        Self::DriftCollar,
        Self::EdgeMin,
        Self::EdgeMax,
        Self::ReferenceAgreement,
        Self::QuoteCurrency,
        Self::MessageRate,
        Self::PairTrades,
        Self::AllTrades,
        Self::DuplicateOrder,
        Self::ClientIdReuse,
        Self::VenueOpenOrders,
        Self::MarketPairsInFlight,
        Self::PairsInFlight,
        Self::BasePosition,
        Self::SettlementPosition,
        Self::UnhedgedNotional,
        Self::UnhedgedAge,
        Self::ProjectedLoss,
        Self::Balance,
        Self::VenueStatus,
    ];

    /// The reason code used in reports, metrics and configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().0
    }

    /// The control of the catalogue that it belongs to.
    #[must_use]
    pub const fn control(self) -> &'static str {
        self.row().1
    }

    /// What observed value and limit are counted in. Modes, states and answers are ordinals.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        self.row().2
    }

    /// The group that it is evaluated in.
    #[must_use]
    pub const fn stage(self) -> Stage {
        self.row().3
    }

    const fn row(self) -> Row {
        use Stage::{Exposure, Halts, MarketData, Mode, Repetition, StaticOrder, VenueHealth};
        match self {
            Self::ModeGate => ("mode_gate", "R01", "delivery target", Mode),
            Self::TradingState => ("trading_state", "R03", "trading state", Halts),
            Self::ReducesExposure => ("reduces_exposure", "R27", "1e-18 base", StaticOrder),
            Self::Listed => ("listed", "R22", "listed", StaticOrder),
            Self::LimitPrice => ("limit_price", "R16", "price steps", StaticOrder),
            Self::SizeMax => ("size_max", "R14", "1e-18 base", StaticOrder),
            Self::SizeLot => ("size_lot", "R14", "1e-18 base beside a lot", StaticOrder),
            Self::SizeMin => ("size_min", "R14", "1e-18 base", StaticOrder),
            Self::NotionalMin => ("notional_min", "R14", "settlement units", StaticOrder),
            Self::OrderNotional => ("order_notional", "R13", "USD micros", StaticOrder),
            Self::BookAge => ("book_age", "R07", "ns", MarketData),
            Self::PoolAge => ("pool_age", "R07", "slots", MarketData),
            Self::MetadataAge => ("metadata_age", "R22", "ns", MarketData),
            Self::ReferenceCollar => ("reference_collar", "R15", "ppm", MarketData),
            Self::LastTradeCollar => ("last_trade_collar", "R15", "ppm", MarketData),
            Self::DriftCollar => ("drift_collar", "R15", "ppm", MarketData),
            Self::EdgeMin => ("edge_min", "R24", "ppm", MarketData),
            Self::EdgeMax => ("edge_max", "R24", "ppm", MarketData),
            Self::ReferenceAgreement => ("reference_agreement", "R25", "ppm", MarketData),
            Self::QuoteCurrency => ("quote_currency", "R26", "ppm", MarketData),
            Self::MessageRate => ("message_rate", "R17", "messages", Repetition),
            Self::PairTrades => ("pair_trades", "R18", "trades", Repetition),
            Self::AllTrades => ("all_trades", "R18", "trades", Repetition),
            Self::DuplicateOrder => ("duplicate_order", "R19", "ns", Repetition),
            Self::ClientIdReuse => ("client_id_reuse", "R19", "uses", Repetition),
            Self::VenueOpenOrders => ("venue_open_orders", "R21", "orders", Exposure),
            Self::MarketPairsInFlight => ("market_pairs_in_flight", "R21", "pairs", Exposure),
            Self::PairsInFlight => ("pairs_in_flight", "R21", "pairs", Exposure),
            Self::BasePosition => ("base_position", "R10", "USD micros", Exposure),
            Self::SettlementPosition => ("settlement_position", "R10", "USD micros", Exposure),
            Self::UnhedgedNotional => ("unhedged_notional", "R27", "USD micros", Exposure),
            Self::UnhedgedAge => ("unhedged_age", "R27", "ns", Exposure),
            Self::ProjectedLoss => ("projected_loss", "R08", "USD micros", Exposure),
            Self::Balance => ("balance", "R23", "spent asset units", Exposure),
            Self::VenueStatus => ("venue_status", "R22", "trading", VenueHealth),
        }
    }

    /// The check with this number, if there is one.
    #[must_use]
    pub fn from_index(index: u8) -> Option<Self> {
        Self::ALL.get(usize::from(index)).copied()
    }
}

/// A set of checks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CheckSet(u64);

// One bit for each check.
const _: () = assert!(Check::ALL.len() <= 64);

impl CheckSet {
    /// The empty set.
    pub const EMPTY: Self = Self(0);

    /// Adds a check.
    pub fn insert(&mut self, check: Check) {
        self.0 |= 1 << check as u8;
    }

    /// Whether it is in the set.
    #[must_use]
    pub const fn contains(self, check: Check) -> bool {
        self.0 & (1 << check as u8) != 0
    }

    /// Whether no check is.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many are.
    #[must_use]
    pub const fn count(self) -> u32 {
        self.0.count_ones()
    }

    /// Bit `n` stands for the check with number `n`.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// The set of these bits; none where a bit stands for no check.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Option<Self> {
        if bits >> Check::ALL.len() == 0 { Some(Self(bits)) } else { None }
    }

    /// Its checks, in the order of evaluation.
    pub fn iter(self) -> impl Iterator<Item = Check> {
        Check::ALL.into_iter().filter(move |check| self.contains(*check))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stages_and_names_follow_the_order() {
        for (index, check) in Check::ALL.into_iter().enumerate() {
            assert_eq!(check as usize, index, "{}", check.name());
            assert_eq!(Check::from_index(check as u8), Some(check));
            let same = Check::ALL.into_iter().filter(|other| other.name() == check.name());
            assert_eq!(same.count(), 1, "{} is said twice", check.name());
        }
        assert!(Check::ALL.is_sorted_by_key(|check| check.stage()));
        assert_eq!(Check::from_index(35), None);
    }

    #[test]
    fn a_set_holds_what_was_put_in() {
        let mut set = CheckSet::EMPTY;
        assert!(set.is_empty());
        for check in [Check::Balance, Check::ModeGate, Check::VenueStatus, Check::Balance] {
            set.insert(check);
        }
        assert!(set.iter().eq([Check::ModeGate, Check::Balance, Check::VenueStatus]));
        assert_eq!((set.count(), set.contains(Check::Listed)), (3, false));
        assert_eq!(CheckSet::from_bits(set.bits()), Some(set));
        assert_eq!(CheckSet::from_bits(1 << 35), None);
    }
}
