//! Every check on both sides of its limit and on it, and on inputs that are missing or unusable.

mod exposure;
mod order;
mod prices;
mod properties;
mod reducing;

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
fn every_check_is_told_with_what_it_saw_and_those_that_fail_are_the_denials() {
    let mut broken = facts();
    broken.trading_state = TradingState::Halted;
    broken.legs[1].notional_usd_micros = None;
    for facts in [facts(), broken] {
        let mut told = Vec::new();
        for_each_check(&facts, &LIMITS(), |checked| told.push(checked));
        let legs = |check: &Check| told.iter().filter(|it| it.check == *check).count();
        for (check, rule) in &OPENING {
            let wanted = match rule {
                Rule::Trade(_) => 1,
                Rule::Leg(_) => 2,
            };
            assert_eq!(legs(check), wanted, "{}", check.name());
        }
        let failed = told.iter().filter(|it| it.result == CheckResult::Failed);
        let failed: Vec<Denial> = failed
            .map(|it| Denial {
                check: it.check,
                leg: it.leg,
                observed: it.observed,
                limit: it.limit,
            })
            .collect();
        assert_eq!(failed, denials(&facts));
        let has_seen = |it: &&Checked| it.observed.value().is_some();
        let passed = told.iter().filter(|it| it.result == CheckResult::Passed);
        assert!(passed.clone().all(|it| has_seen(&it)) && passed.count() > 40);
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
