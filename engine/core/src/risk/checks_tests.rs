//! Every check on both sides of its limit and on it, and on inputs that are missing or unusable.

use alloc::format;
use alloc::vec::Vec;

use super::super::facts::{Edge, Exposure, PriceBand, Target, Unhedged};
use super::*;
use crate::risk::Mode;

const USD: i128 = 1_000_000;
const SECOND_NS: u64 = 1_000_000_000;
const LIMITS: fn() -> Limits = Limits::default;

/// A position with nothing but what is held.
const fn held(held_usd_micros: i128) -> Position {
    Position {
        held_usd_micros,
        reserve_up_usd_micros: 0,
        reserve_down_usd_micros: 0,
        order_usd_micros: 0,
    }
}

/// An order that passes with room on every side.
pub(in crate::risk) fn leg(take: Take) -> LegFacts {
    LegFacts {
        take,
        listing: Some(Listing::Listed),
        status: Some(Status::Trading),
        metadata_age_ns: Some(60 * SECOND_NS),
        data: DataAge::Book { age_ns: Some(1_000_000) },
        limit_price: Some(1_000_000),
        reference_price: Some(1_000_000),
        last_trade_price: Some(1_000_000),
        own_prices: Some(OwnPrices::Never),
        size_e18: Some(500),
        lot_e18: Some(5),
        size_min_e18: Some(100),
        size_max_e18: Some(1_000),
        notional_settled: Some(50),
        notional_settled_min: Some(10),
        notional_usd_micros: Some(40 * USD),
        sizing: Sizing::Full,
        messages_left: Some(10),
        messages_needed: 1,
        last_equal: Some(LastEqual::Never),
        client_id: Some(ClientId::Fresh),
        venue_open_orders: Some(1),
        market_pairs_in_flight: Some(1),
        position: Some(held(0)),
        settlement: Settlement::Other {
            price: Some(PriceBand { low_ppm: 999_000, high_ppm: 1_001_000 }),
            position: Some(held(0)),
        },
        spend: Some(Spend { available: 1_000_000, reserved: 0, fees: 0, need: 100 }),
    }
}

/// A trade that passes.
pub(in crate::risk) fn facts() -> Facts {
    Facts {
        mode: Mode::Observe,
        target: Target::Simulated,
        trading_state: TradingState::Active,
        legs: [leg(Take::Buy), leg(Take::Sell)],
        edge: Some(Edge { net: 1_000, notional: 100_000 }),
        disagreement_ppm: Some(10),
        pair_trades: Some(1),
        trades: Some(1),
        pairs_in_flight: Some(1),
        unhedged: Some(Unhedged { usd_micros: 0, age_ns: 0 }),
        daily_pnl_usd_micros: Some(0),
        worst_case_loss_usd_micros: Some(10 * USD),
    }
}

/// A hedge that passes.
pub(in crate::risk) fn reducing(take: Take) -> ReducingFacts {
    let open_e18 = if take == Take::Sell { 500 } else { -500 };
    ReducingFacts {
        mode: Mode::Observe,
        target: Target::Simulated,
        trading_state: TradingState::Reducing,
        leg: leg(take),
        bound: UnwindBound::First,
        exposure: Some(Exposure { open_e18, working_e18: 0 }),
    }
}

/// What a row says of its outcome.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Expect {
    Pass,
    /// Denied with this observed value and limit.
    Deny(i128, i128),
    Missing,
    Unusable,
}
use Expect::{Deny, Missing, Pass, Unusable};

impl Expect {
    fn fits(self, denial: Option<&Denial>) -> bool {
        match (self, denial) {
            (Pass, None) => true,
            (Deny(observed, limit), Some(denial)) => {
                denial.observed == Observed::Value(observed) && denial.limit == limit
            }
            (Missing, Some(denial)) => denial.observed == Observed::Missing,
            (Unusable, Some(denial)) => denial.observed == Observed::Unusable,
            _ => false,
        }
    }
}

fn denials(facts: &Facts) -> Vec<Denial> {
    let mut found = Vec::new();
    for_each_denial(facts, &LIMITS(), |denial| found.push(denial));
    found
}

/// Rows of a check of the whole trade: what is set to what, and what follows.
fn trade_rows<T: Copy + core::fmt::Debug>(
    check: Check,
    set: fn(&mut Facts, T),
    rows: &[(T, Expect)],
) {
    for &(value, expect) in rows {
        let mut facts = facts();
        set(&mut facts, value);
        let found = denials(&facts);
        let own = found.iter().find(|denial| denial.check == check);
        assert!(expect.fits(own), "{}: {value:?} gave {own:?}, not {expect:?}", check.name());
        assert!(own.is_none_or(|denial| denial.leg.is_none()), "{}", check.name());
    }
}

/// The same of a check of one order, on each leg in turn.
fn leg_rows<T: Copy + core::fmt::Debug>(
    check: Check,
    set: fn(&mut LegFacts, T),
    rows: &[(T, Expect)],
) {
    for &(value, expect) in rows {
        for number in 0..2_u8 {
            let mut facts = facts();
            set(&mut facts.legs[usize::from(number)], value);
            let found = denials(&facts);
            let mut own = found.iter().filter(|denial| denial.check == check);
            let first = own.next();
            let says = format!("{} on leg {number}: {value:?} gave {first:?}", check.name());
            assert!(expect.fits(first), "{says}, not {expect:?}");
            assert!(first.is_none_or(|denial| denial.leg == Some(number)), "{says}");
            assert_eq!(own.next(), None, "{says}");
        }
    }
}

fn reducing_rows<T: Copy + core::fmt::Debug>(
    check: Check,
    set: fn(&mut ReducingFacts, T),
    rows: &[(Take, T, Expect)],
) {
    for &(take, value, expect) in rows {
        let mut facts = reducing(take);
        set(&mut facts, value);
        let mut found = Vec::new();
        for_each_reducing_denial(&facts, &LIMITS(), |denial| found.push(denial));
        let own = found.iter().find(|denial| denial.check == check);
        assert!(expect.fits(own), "{} {take:?}: {value:?} gave {own:?}", check.name());
    }
}

#[test]
fn what_is_within_every_limit_passes() {
    assert_eq!(denials(&facts()), []);
    assert!(judge(&facts(), &LIMITS()).is_allowed());
    let mut of_pools = facts();
    for leg in &mut of_pools.legs {
        leg.data = DataAge::Pool { age_slots: Some(1) };
    }
    assert_eq!(denials(&of_pools), []);
    for take in [Take::Buy, Take::Sell] {
        assert_eq!(judge_reducing(&reducing(take), &LIMITS()), Verdict::default());
    }
}

#[test]
fn the_lists_are_in_order_and_whole() {
    let opening: Vec<Check> = OPENING.iter().map(|row| row.0).collect();
    let reducing: Vec<Check> = REDUCING.iter().map(|row| row.0).collect();
    assert!(opening.is_sorted() && reducing.is_sorted());
    for check in Check::ALL {
        let is_listed = opening.contains(&check);
        assert_eq!(is_listed, check != Check::ReducesExposure, "{}", check.name());
    }
}

#[test]
fn the_first_failure_gives_the_reason_and_all_are_kept() {
    let mut facts = facts();
    facts.pairs_in_flight = None;
    facts.legs[1].status = None;
    facts.legs[1].limit_price = None;
    facts.trading_state = TradingState::Halted;
    let verdict = judge(&facts, &LIMITS());
    let first =
        Denial { check: Check::TradingState, leg: None, observed: Observed::Value(2), limit: 0 };
    assert_eq!(verdict.first, Some(first));
    assert!(verdict.failed.iter().eq([
        Check::TradingState,
        Check::LimitPrice,
        Check::ReferenceCollar,
        Check::LastTradeCollar,
        Check::DriftCollar,
        Check::PairsInFlight,
        Check::VenueStatus,
    ]));
}

#[test]
fn each_mode_reaches_its_own_target_only() {
    let modes = [Mode::Observe, Mode::Paper, Mode::Live];
    for (m, mode) in modes.into_iter().enumerate() {
        let targets = [Target::Simulated, Target::Emulator, Target::Venue];
        for (t, target) in targets.into_iter().enumerate() {
            let facts = Facts { mode, target, ..facts() };
            let verdict = judge(&facts, &LIMITS());
            assert_eq!(verdict.is_allowed(), m == t, "{mode:?} to {target:?}");
            assert_eq!(verdict.failed.contains(Check::ModeGate), m != t, "{mode:?} to {target:?}");
            let facts = ReducingFacts { mode, target, ..reducing(Take::Buy) };
            assert_eq!(judge_reducing(&facts, &LIMITS()).is_allowed(), m == t);
        }
    }
}

#[test]
fn halts_stop_what_they_must() {
    use TradingState::{Active, Halted, Reducing};
    trade_rows(
        Check::TradingState,
        |facts, state| facts.trading_state = state,
        &[(Active, Pass), (Reducing, Deny(1, 0)), (Halted, Deny(2, 0))],
    );
    reducing_rows(
        Check::TradingState,
        |facts, state| facts.trading_state = state,
        &[(Take::Buy, Active, Pass), (Take::Buy, Reducing, Pass), (Take::Buy, Halted, Deny(2, 1))],
    );
}

#[test]
fn instruments_must_be_listed_trading_and_freshly_described() {
    leg_rows(
        Check::Listed,
        |leg, listing| leg.listing = listing,
        &[(Some(Listing::Listed), Pass), (Some(Listing::Unlisted), Deny(0, 1)), (None, Missing)],
    );
    leg_rows(
        Check::VenueStatus,
        |leg, status| leg.status = status,
        &[(Some(Status::Trading), Pass), (Some(Status::NotTrading), Deny(0, 1)), (None, Missing)],
    );
    let hour = 3_600_000_000_000;
    leg_rows(
        Check::MetadataAge,
        |leg, age| leg.metadata_age_ns = age,
        &[
            (Some(0), Pass),
            (Some(hour - 1), Pass),
            (Some(hour), Pass),
            (Some(hour + 1), Deny(3_600_000_000_001, 3_600_000_000_000)),
            (Some(u64::MAX), Deny(u64::MAX.into(), 3_600_000_000_000)),
            (None, Missing),
        ],
    );
}

#[test]
fn unpriced_orders_are_denied() {
    leg_rows(
        Check::LimitPrice,
        |leg, price| leg.limit_price = price,
        &[
            (Some(0), Deny(0, 1)),
            (Some(1), Pass),
            (Some(2), Pass),
            (Some(u128::MAX), Unusable),
            (None, Missing),
        ],
    );
}

#[test]
fn order_quantity_keeps_maximum_lot_and_minimum() {
    let size = |leg: &mut LegFacts, size| leg.size_e18 = size;
    leg_rows(
        Check::SizeMax,
        size,
        &[
            (Some(999), Pass),
            (Some(1_000), Pass),
            (Some(1_001), Deny(1_001, 1_000)),
            (Some(u128::MAX), Unusable),
            (None, Missing),
        ],
    );
    leg_rows(
        Check::SizeMax,
        |leg, max| leg.size_max_e18 = max,
        &[(Some(499), Deny(500, 499)), (Some(0), Deny(500, 0)), (Some(u128::MAX), Unusable)],
    );
    leg_rows(Check::SizeMax, |leg, max| leg.size_max_e18 = max, &[(None, Missing)]);
    leg_rows(
        Check::SizeLot,
        size,
        &[
            (Some(499), Deny(4, 0)),
            (Some(500), Pass),
            (Some(501), Deny(1, 0)),
            (Some(0), Pass),
            (None, Missing),
        ],
    );
    leg_rows(
        Check::SizeLot,
        |leg, lot| leg.lot_e18 = lot,
        &[
            (Some(1), Pass),
            (Some(500), Pass),
            (Some(501), Deny(500, 0)),
            (Some(0), Unusable),
            (None, Missing),
        ],
    );
    leg_rows(
        Check::SizeMin,
        size,
        &[
            (Some(99), Deny(99, 100)),
            (Some(100), Pass),
            (Some(101), Pass),
            (Some(0), Deny(0, 100)),
            (Some(u128::MAX), Unusable),
            (None, Missing),
        ],
    );
    leg_rows(
        Check::SizeMin,
        |leg, (size, min)| (leg.size_e18, leg.size_min_e18) = (Some(size), min),
        &[
            (0, Some(0), Deny(0, 1)),
            (1, Some(0), Pass),
            (1, Some(u128::MAX), Unusable),
            (1, None, Missing),
        ]
        .map(|(size, min, expect)| ((size, min), expect)),
    );
    leg_rows(
        Check::NotionalMin,
        |leg, notional| (leg.notional_settled, leg.notional_settled_min) = notional,
        &[
            ((Some(9), Some(10)), Deny(9, 10)),
            ((Some(10), Some(10)), Pass),
            ((Some(11), Some(10)), Pass),
            ((Some(0), Some(0)), Pass),
            ((None, Some(10)), Missing),
            ((Some(10), None), Missing),
            ((Some(10), Some(u128::MAX)), Unusable),
            ((Some(u128::MAX), Some(10)), Unusable),
        ],
    );
}

#[test]
fn order_notional_is_capped_and_small_after_a_resume() {
    let max = 500 * USD;
    leg_rows(
        Check::OrderNotional,
        |leg, notional| leg.notional_usd_micros = notional,
        &[
            (Some(max - 1), Pass),
            (Some(max), Pass),
            (Some(max + 1), Deny(500_000_001, 500_000_000)),
            (Some(i128::MAX), Deny(i128::MAX, 500_000_000)),
            (Some(1), Pass),
            (Some(0), Unusable),
            (Some(-1), Unusable),
            (None, Missing),
        ],
    );
    leg_rows(
        Check::OrderNotional,
        |leg, notional| {
            (leg.notional_usd_micros, leg.sizing) = (notional, Sizing::AfterResume);
        },
        &[
            (Some(50 * USD - 1), Pass),
            (Some(50 * USD), Pass),
            (Some(50 * USD + 1), Deny(50_000_001, 50_000_000)),
            (None, Missing),
        ],
    );
    let mut limits = Limits { order_notional_usd_micros_max: i128::MAX, ..LIMITS() };
    let mut facts = facts();
    facts.legs[0].sizing = Sizing::AfterResume;
    let verdict = judge(&facts, &limits);
    assert_eq!(verdict.first.map(|denial| denial.observed), Some(Observed::Unusable));
    // 10 % of 19 micros is 1.9: rounded down.
    limits.order_notional_usd_micros_max = 19;
    facts.legs[0].notional_usd_micros = Some(2);
    assert_eq!(judge(&facts, &limits).first.map(|denial| denial.limit), Some(1));
}

#[test]
fn decisions_need_fresh_books_and_pools() {
    leg_rows(
        Check::BookAge,
        |leg, age_ns| leg.data = DataAge::Book { age_ns },
        &[
            (Some(0), Pass),
            (Some(SECOND_NS - 1), Pass),
            (Some(SECOND_NS), Pass),
            (Some(SECOND_NS + 1), Deny(1_000_000_001, 1_000_000_000)),
            (Some(u64::MAX), Deny(u64::MAX.into(), 1_000_000_000)),
            (None, Missing),
        ],
    );
    leg_rows(
        Check::PoolAge,
        |leg, age_slots| leg.data = DataAge::Pool { age_slots },
        &[
            (Some(0), Pass),
            (Some(7), Pass),
            (Some(8), Pass),
            (Some(9), Deny(9, 8)),
            (Some(u64::MAX), Deny(u64::MAX.into(), 8)),
            (None, Missing),
        ],
    );
}

#[test]
fn price_collar_holds_to_its_own_reference() {
    for (check, set, collar) in [
        (
            Check::ReferenceCollar,
            (|leg, reference| leg.reference_price = reference) as fn(&mut LegFacts, Option<u128>),
            5_000_u128,
        ),
        (Check::LastTradeCollar, |leg, last| leg.last_trade_price = last, 10_000),
    ] {
        let limit = i128::try_from(collar).expect("a small number");
        let price = 1_000_000_u128;
        leg_rows(
            check,
            set,
            &[
                (Some(price), Pass),
                (Some(0), Unusable),
                // The distance grows past any price, and rounding is up.
                (Some(1), Deny(999_999_000_000, limit)),
                (Some(u128::MAX), Deny(1_000_000, limit)),
            ],
        );
    }
    let at = |price: u128, reference: u128| (Some(price), Some(reference));
    leg_rows(
        Check::ReferenceCollar,
        |leg, (price, reference)| (leg.limit_price, leg.reference_price) = (price, reference),
        &[
            (at(1_004_999, 1_000_000), Pass),
            (at(1_005_000, 1_000_000), Pass),
            (at(1_005_001, 1_000_000), Deny(5_001, 5_000)),
            (at(995_001, 1_000_000), Pass),
            (at(995_000, 1_000_000), Pass),
            (at(994_999, 1_000_000), Deny(5_001, 5_000)),
            // One part in 10¹² above the collar.
            (at(1_005_000_000_001, 1_000_000_000_000), Deny(5_001, 5_000)),
            (at(u128::MAX, 1), Unusable),
            ((None, Some(1)), Missing),
            ((Some(1), None), Missing),
        ],
    );
    leg_rows(
        Check::LastTradeCollar,
        |leg, (price, last)| (leg.limit_price, leg.last_trade_price) = (price, last),
        &[
            (at(1_009_999, 1_000_000), Pass),
            (at(1_010_000, 1_000_000), Pass),
            (at(1_010_001, 1_000_000), Deny(10_001, 10_000)),
            (at(990_000, 1_000_000), Pass),
            (at(989_999, 1_000_000), Deny(10_001, 10_000)),
            ((None, Some(1)), Missing),
            // No trade is known: this half does not apply.
            ((Some(1), None), Pass),
            ((None, None), Pass),
        ],
    );
}

#[test]
fn price_collar_holds_against_drift() {
    let within = |low, high| Some(OwnPrices::Within { low, high });
    leg_rows(
        Check::DriftCollar,
        |leg, own| leg.own_prices = own,
        &[
            (Some(OwnPrices::Never), Pass),
            (within(1_000_000, 1_009_999), Pass),
            (within(1_000_000, 1_010_000), Pass),
            (within(1_000_000, 1_010_001), Deny(10_001, 10_000)),
            // The order itself is the highest: 10/990 is above 1 %, 9.9/990.1 is 9,999 ppm.
            (within(990_100, 990_100), Pass),
            (within(990_000, 990_000), Deny(10_102, 10_000)),
            // It is the lowest.
            (within(1_010_000, 1_010_000), Pass),
            (within(1_010_001, 1_010_001), Deny(10_001, 10_000)),
            (within(0, 1), Unusable),
            (None, Missing),
        ],
    );
    leg_rows(Check::DriftCollar, |leg, price| leg.limit_price = price, &[(None, Missing)]);
}

#[test]
fn edges_too_thin_and_too_good_are_denied() {
    let edge = |net, notional| Some(Edge { net, notional });
    let set = |facts: &mut Facts, edge| facts.edge = edge;
    trade_rows(
        Check::EdgeMin,
        set,
        &[
            (edge(999, 1_000_000), Deny(999, 1_000)),
            (edge(1_000, 1_000_000), Pass),
            (edge(1_001, 1_000_000), Pass),
            // 0.0999999 %: rounded down.
            (edge(9_999_999, 10_000_000_000), Deny(999, 1_000)),
            (edge(0, 1), Deny(0, 1_000)),
            (edge(-1, 1_000_000_000), Deny(-1, 1_000)),
            (edge(1, 0), Unusable),
            (edge(1, -1), Unusable),
            (edge(i128::MAX, 1), Unusable),
            (edge(i128::MIN, 1), Unusable),
            (None, Missing),
        ],
    );
    trade_rows(
        Check::EdgeMax,
        set,
        &[
            (edge(49_999, 1_000_000), Pass),
            (edge(50_000, 1_000_000), Pass),
            (edge(50_001, 1_000_000), Deny(50_001, 50_000)),
            // 5.0000001 %: rounded up.
            (edge(500_000_001, 10_000_000_000), Deny(50_001, 50_000)),
            (edge(-1, 1), Pass),
            (edge(1, 0), Unusable),
            (edge(i128::MAX, 1), Unusable),
            (None, Missing),
        ],
    );
}

#[test]
fn prices_and_currencies_must_agree() {
    trade_rows(
        Check::ReferenceAgreement,
        |facts, ppm| facts.disagreement_ppm = ppm,
        &[
            (Some(0), Pass),
            (Some(19_999), Pass),
            (Some(20_000), Pass),
            (Some(20_001), Deny(20_001, 20_000)),
            (Some(u64::MAX), Deny(u64::MAX.into(), 20_000)),
            (None, Missing),
        ],
    );
    let band = |low_ppm, high_ppm| Some(PriceBand { low_ppm, high_ppm });
    leg_rows(
        Check::QuoteCurrency,
        |leg, price| leg.settlement = Settlement::Other { price, position: Some(held(0)) },
        &[
            (band(994_999, 1_000_000), Deny(994_999, 995_000)),
            (band(995_000, 1_000_000), Pass),
            (band(995_001, 1_000_000), Pass),
            (band(1_000_000, 1_004_999), Pass),
            (band(1_000_000, 1_005_000), Pass),
            (band(1_000_000, 1_005_001), Deny(1_005_001, 1_005_000)),
            (band(0, 0), Deny(0, 995_000)),
            (band(u64::MAX, u64::MAX), Deny(u64::MAX.into(), 1_005_000)),
            (None, Missing),
        ],
    );
    leg_rows(Check::QuoteCurrency, |leg, to| leg.settlement = to, &[(Settlement::Numeraire, Pass)]);
}

#[test]
fn messages_must_be_left_for_the_order() {
    leg_rows(
        Check::MessageRate,
        |leg, (left, needed)| (leg.messages_left, leg.messages_needed) = (left, needed),
        &[
            ((Some(1), 2), Deny(1, 2)),
            ((Some(2), 2), Pass),
            ((Some(3), 2), Pass),
            ((Some(0), 1), Deny(0, 1)),
            ((Some(0), 0), Deny(0, 1)),
            ((Some(u32::MAX), u32::MAX), Pass),
            ((None, 1), Missing),
        ],
    );
}

#[test]
fn repeated_execution_is_denied() {
    for (check, set, max) in [
        (
            Check::PairTrades,
            (|facts, count| facts.pair_trades = count) as fn(&mut Facts, Option<u32>),
            10_u32,
        ),
        (Check::AllTrades, |facts, count| facts.trades = count, 100),
    ] {
        trade_rows(
            check,
            set,
            &[
                (Some(max - 1), Pass),
                (Some(max), Pass),
                (Some(max + 1), Deny(i128::from(max) + 1, max.into())),
                (Some(u32::MAX), Deny(u32::MAX.into(), max.into())),
                (None, Missing),
            ],
        );
    }
}

#[test]
fn duplicate_orders_are_denied() {
    leg_rows(
        Check::DuplicateOrder,
        |leg, last| leg.last_equal = last,
        &[
            (Some(LastEqual::Never), Pass),
            (Some(LastEqual::AgeNs(0)), Deny(0, 500_000_000)),
            (Some(LastEqual::AgeNs(499_999_999)), Deny(499_999_999, 500_000_000)),
            (Some(LastEqual::AgeNs(500_000_000)), Pass),
            (Some(LastEqual::AgeNs(500_000_001)), Pass),
            (Some(LastEqual::AgeNs(u64::MAX)), Pass),
            (None, Missing),
        ],
    );
    leg_rows(
        Check::ClientIdReuse,
        |leg, id| leg.client_id = id,
        &[(Some(ClientId::Fresh), Pass), (Some(ClientId::Used), Deny(1, 0)), (None, Missing)],
    );
}

#[test]
fn open_orders_and_pairs_in_flight_are_capped() {
    leg_rows(
        Check::VenueOpenOrders,
        |leg, count| leg.venue_open_orders = count,
        &[
            (Some(3), Pass),
            (Some(4), Pass),
            (Some(5), Deny(5, 4)),
            (Some(u32::MAX), Deny(u32::MAX.into(), 4)),
            (None, Missing),
        ],
    );
    leg_rows(
        Check::MarketPairsInFlight,
        |leg, count| leg.market_pairs_in_flight = count,
        &[(Some(0), Pass), (Some(1), Pass), (Some(2), Deny(2, 1)), (None, Missing)],
    );
    trade_rows(
        Check::PairsInFlight,
        |facts, count| facts.pairs_in_flight = count,
        &[(Some(1), Pass), (Some(2), Pass), (Some(3), Deny(3, 2)), (None, Missing)],
    );
}

#[test]
fn positions_are_capped_at_their_worst() {
    let max = 1_000 * USD;
    let parts = |held_usd_micros, up, down, order_usd_micros| {
        Some(Position {
            held_usd_micros,
            reserve_up_usd_micros: up,
            reserve_down_usd_micros: down,
            order_usd_micros,
        })
    };
    let over = Deny(1_000_000_001, 1_000_000_000);
    let rows = [
        (Some(held(max - 1)), Pass),
        (Some(held(max)), Pass),
        (Some(held(max + 1)), over),
        (Some(held(-max)), Pass),
        (Some(held(-max - 1)), over),
        (parts(400 * USD, 300 * USD, 0, 300 * USD), Pass),
        (parts(400 * USD, 300 * USD, 0, 300 * USD + 1), over),
        (parts(-400 * USD, 0, 300 * USD, -300 * USD), Pass),
        (parts(-400 * USD, 0, 300 * USD, -300 * USD - 1), over),
        // The reserve may fill or not, whichever is worse.
        (parts(-1_000 * USD, 900 * USD, 0, -1), over),
        (parts(1_000 * USD, 0, 900 * USD, 1), over),
        (parts(0, -1, 0, 0), Unusable),
        (parts(0, 0, -1, 0), Unusable),
        (parts(i128::MAX, 0, 0, 1), Unusable),
        (parts(i128::MAX, 1, 0, 0), Unusable),
        (parts(i128::MIN + 1, 0, 2, 0), Unusable),
        (parts(i128::MIN, 0, 0, 0), Unusable),
        (None, Missing),
    ];
    leg_rows(Check::BasePosition, |leg, position| leg.position = position, &rows);
    leg_rows(
        Check::SettlementPosition,
        |leg, position| {
            let price = Some(PriceBand { low_ppm: 1_000_000, high_ppm: 1_000_000 });
            leg.settlement = Settlement::Other { price, position };
        },
        &rows,
    );
    leg_rows(
        Check::SettlementPosition,
        |leg, to| leg.settlement = to,
        &[(Settlement::Numeraire, Pass)],
    );
}

#[test]
fn unhedged_legs_deny_new_trades() {
    let unhedged = |usd_micros, age_ns| Some(Unhedged { usd_micros, age_ns });
    let set = |facts: &mut Facts, unhedged| facts.unhedged = unhedged;
    let max = 1_000 * USD;
    trade_rows(
        Check::UnhedgedNotional,
        set,
        &[
            (unhedged(max - 1, 0), Pass),
            (unhedged(max, 0), Pass),
            (unhedged(max + 1, 0), Deny(1_000_000_001, 1_000_000_000)),
            (unhedged(-1, 0), Unusable),
            (unhedged(i128::MAX, 0), Deny(i128::MAX, 1_000_000_000)),
            (None, Missing),
        ],
    );
    trade_rows(
        Check::UnhedgedAge,
        set,
        &[
            (unhedged(0, 5 * SECOND_NS - 1), Pass),
            (unhedged(0, 5 * SECOND_NS), Pass),
            (unhedged(0, 5 * SECOND_NS + 1), Deny(5_000_000_001, 5_000_000_000)),
            (unhedged(0, u64::MAX), Deny(u64::MAX.into(), 5_000_000_000)),
            (None, Missing),
        ],
    );
}

#[test]
fn the_worst_case_stays_above_the_daily_loss_limit() {
    trade_rows(
        Check::ProjectedLoss,
        |facts, (pnl, loss)| {
            (facts.daily_pnl_usd_micros, facts.worst_case_loss_usd_micros) = (pnl, loss);
        },
        &[
            ((Some(-490 * USD), Some(10 * USD - 1)), Pass),
            ((Some(-490 * USD), Some(10 * USD)), Deny(-500_000_000, -500_000_000)),
            ((Some(-490 * USD), Some(10 * USD + 1)), Deny(-500_000_001, -500_000_000)),
            ((Some(0), Some(0)), Pass),
            ((Some(-500 * USD), Some(0)), Deny(-500_000_000, -500_000_000)),
            ((Some(1_000 * USD), Some(1_499 * USD)), Pass),
            ((Some(0), Some(-1)), Unusable),
            ((Some(i128::MIN), Some(1)), Unusable),
            ((Some(0), Some(i128::MAX)), Deny(-i128::MAX, -500_000_000)),
            ((None, Some(0)), Missing),
            ((Some(0), None), Missing),
        ],
    );
}

#[test]
fn balances_cover_the_need_and_its_buffer() {
    let spend = |available, reserved, fees, need| Some(Spend { available, reserved, fees, need });
    leg_rows(
        Check::Balance,
        |leg, spend| leg.spend = spend,
        &[
            (spend(1_019, 0, 0, 1_000), Deny(1_019, 1_020)),
            (spend(1_020, 0, 0, 1_000), Pass),
            (spend(1_021, 0, 0, 1_000), Pass),
            (spend(1_049, 20, 10, 1_000), Deny(1_019, 1_020)),
            (spend(1_050, 20, 10, 1_000), Pass),
            // 1.02 is rounded up.
            (spend(1, 0, 0, 1), Deny(1, 2)),
            (spend(2, 0, 0, 1), Pass),
            (spend(5, 10, 0, 1), Deny(-5, 2)),
            (spend(0, 0, 0, 0), Deny(0, 1)),
            (spend(u128::MAX, 0, 0, 1), Unusable),
            (spend(1, u128::MAX, 1, 1), Unusable),
            (spend(1, 0, 0, u128::MAX), Unusable),
            (None, Missing),
        ],
    );
}

#[test]
fn a_reducing_order_is_never_larger_than_the_exposure() {
    let exposure = |open_e18, working_e18| Some(Exposure { open_e18, working_e18 });
    reducing_rows(
        Check::ReducesExposure,
        |facts, exposure| facts.exposure = exposure,
        &[
            (Take::Sell, exposure(499, 0), Deny(500, 499)),
            (Take::Sell, exposure(500, 0), Pass),
            (Take::Sell, exposure(501, 0), Pass),
            (Take::Sell, exposure(501, 1), Pass),
            (Take::Sell, exposure(501, 2), Deny(500, 499)),
            (Take::Sell, exposure(501, u128::MAX), Deny(500, 0)),
            (Take::Sell, exposure(-500, 0), Deny(500, 0)),
            (Take::Sell, exposure(0, 0), Deny(500, 0)),
            (Take::Buy, exposure(-499, 0), Deny(500, 499)),
            (Take::Buy, exposure(-500, 0), Pass),
            (Take::Buy, exposure(500, 0), Deny(500, 0)),
            (Take::Buy, exposure(i128::MIN, 0), Unusable),
            (Take::Buy, None, Missing),
        ],
    );
}

#[test]
fn a_reducing_order_keeps_the_unwind_bound() {
    use UnwindBound::{First, Hard};
    reducing_rows(
        Check::ReferenceCollar,
        |facts, (bound, price)| (facts.bound, facts.leg.limit_price) = (bound, price),
        &[
            (Take::Buy, (First, Some(1_004_999)), Pass),
            (Take::Buy, (First, Some(1_005_000)), Pass),
            (Take::Buy, (First, Some(1_005_001)), Deny(5_001, 5_000)),
            (Take::Sell, (First, Some(994_999)), Deny(5_001, 5_000)),
            (Take::Buy, (Hard, Some(1_010_000)), Pass),
            (Take::Buy, (Hard, Some(1_010_001)), Deny(10_001, 10_000)),
            (Take::Buy, (Hard, None), Missing),
        ],
    );
}

#[test]
fn what_caps_new_risk_does_not_stop_a_reducing_order() {
    let mut facts = reducing(Take::Sell);
    let leg = &mut facts.leg;
    leg.notional_usd_micros = Some(5_000 * USD);
    leg.venue_open_orders = Some(100);
    leg.market_pairs_in_flight = Some(100);
    leg.position = Some(held(5_000 * USD));
    leg.own_prices = Some(OwnPrices::Within { low: 1, high: 2_000_000 });
    leg.last_trade_price = Some(1);
    assert!(judge_reducing(&facts, &LIMITS()).is_allowed());
}

#[test]
fn what_any_order_must_keep_stops_a_reducing_order_too() {
    for (check, spoil) in [
        (Check::Listed, (|leg| leg.listing = None) as fn(&mut LegFacts)),
        (Check::LimitPrice, |leg| leg.limit_price = Some(0)),
        (Check::SizeMax, |leg| leg.size_max_e18 = Some(499)),
        (Check::SizeLot, |leg| leg.lot_e18 = Some(7)),
        (Check::SizeMin, |leg| leg.size_min_e18 = Some(501)),
        (Check::NotionalMin, |leg| leg.notional_settled_min = Some(51)),
        (Check::BookAge, |leg| leg.data = DataAge::Book { age_ns: None }),
        (Check::PoolAge, |leg| leg.data = DataAge::Pool { age_slots: Some(9) }),
        (Check::MessageRate, |leg| leg.messages_left = Some(0)),
        (Check::ClientIdReuse, |leg| leg.client_id = Some(ClientId::Used)),
        (Check::Balance, |leg| leg.spend = None),
        (Check::VenueStatus, |leg| leg.status = Some(Status::NotTrading)),
    ] {
        let mut facts = reducing(Take::Buy);
        spoil(&mut facts.leg);
        let verdict = judge_reducing(&facts, &LIMITS());
        assert!(verdict.failed.contains(check), "{}", check.name());
    }
}
