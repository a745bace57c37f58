//! Positions and unhedged legs, on and around their limits.

use proptest::prelude::*;

use super::super::ring::testing::{Random, restored};
use super::*;

const SECOND: u64 = 1_000_000_000;
const START: u64 = 1_700_000_000 * SECOND;
const USD: u128 = 1_000_000;
const WHOLE: i128 = 1_000_000_000_000_000_000;
const ASSET: AssetId = AssetId(1);

/// A price in micros for a whole unit.
const fn mark(micros: u128) -> Ratio {
    Ratio { num: micros, den: WHOLE.unsigned_abs() }
}

#[test]
fn an_observed_position_above_the_limit_asks_for_a_reduction() {
    let limits = Limits::default();
    let hundred = mark(100 * USD);
    // At 100 USD a micro is 10^10 of the smallest parts.
    let micro = 10_000_000_000;
    for (shows, position, marks, breaches) in [
        ("flat", 0, &[hundred][..], false),
        ("flat needs no mark", 0, &[], false),
        ("1 micro below", 10 * WHOLE - micro, &[hundred], false),
        ("at the limit", 10 * WHOLE, &[hundred], false),
        ("1 part above rounds up", 10 * WHOLE + 1, &[hundred], true),
        ("1 micro above", 10 * WHOLE + micro, &[hundred], true),
        ("short at the limit", -10 * WHOLE, &[hundred], false),
        ("short 1 part above", -10 * WHOLE - 1, &[hundred], true),
        ("the worse of two marks", 10 * WHOLE, &[hundred, mark(100 * USD + 1)], true),
        ("in either order", 10 * WHOLE, &[mark(100 * USD + 1), hundred], true),
        ("no mark", 1, &[], true),
        ("a mark of zero", 1, &[hundred, mark(0)], true),
        ("no denominator", 1, &[Ratio { num: 1, den: 0 }], true),
        ("highest", i128::MAX, &[hundred], true),
        ("lowest", i128::MIN, &[hundred], true),
        ("overflow", i128::MIN, &[Ratio { num: u128::MAX, den: 1 }], true),
    ] {
        let mut positions = Positions::new(2);
        positions.set(ASSET, position);
        let positions = restored(&positions);
        assert_eq!(positions.breach(ASSET, marks, &limits).is_some(), breaches, "{shows}");
    }
    let mut positions = Positions::new(2);
    positions.set(ASSET, 11 * WHOLE);
    let breach = Breach { observed: 1_100_000_000, limit: 1_000_000_000 };
    assert_eq!(positions.breach(ASSET, &[hundred], &limits), Some(breach));
    assert!(positions.breach(AssetId(2), &[hundred], &limits).is_some(), "outside the tables");
}

#[test]
fn an_overflowing_position_is_unknown_until_it_is_stated() {
    let limits = Limits::default();
    let mut positions = Positions::new(2);
    positions.note_fill(ASSET, i128::MAX);
    positions.note_fill(ASSET, 1);
    positions.note_fill(ASSET, -1);
    assert_eq!(positions.position_e18(ASSET), None);
    assert!(positions.breach(ASSET, &[mark(1)], &limits).is_some());
    assert_eq!(positions.worst_case_e18(ASSET, Reserve::default(), 0), None);
    positions.set(ASSET, 5);
    positions.note_fill(ASSET, -7);
    assert_eq!(positions.position_e18(ASSET), Some(-2));
    positions.set(AssetId(9), 5);
    positions.note_fill(AssetId(9), 5);
    assert_eq!(positions.position_e18(AssetId(9)), None);
}

#[test]
fn the_worst_case_takes_every_part_that_may_fill() {
    let reserve = |buys_e18, sells_e18| Reserve { buys_e18, sells_e18 };
    for (shows, position, reserve, order, worst) in [
        ("nothing", 0, reserve(0, 0), 0, Some(0)),
        ("a purchase", 5, reserve(0, 0), 3, Some(8)),
        ("a sale", 5, reserve(0, 0), -3, Some(5)),
        ("a sale through zero", 5, reserve(0, 0), -13, Some(8)),
        ("purchases pending", 5, reserve(4, 0), 3, Some(12)),
        ("sales pending do not help", 5, reserve(0, 4), 3, Some(8)),
        ("sales pending", -5, reserve(0, 4), -1, Some(10)),
        ("both", 0, reserve(6, 9), 2, Some(9)),
        ("lowest", i128::MIN, reserve(0, 0), 0, Some(1 << 127)),
        ("order overflows", 0, reserve(0, 0), i128::MIN, None),
        ("reserve overflows", 0, reserve(u128::MAX, 0), 0, None),
        ("sum overflows", i128::MAX, reserve(0, 0), 1, None),
        ("sum overflows", i128::MIN, reserve(0, 1), 0, None),
    ] {
        let mut positions = Positions::new(2);
        positions.set(ASSET, position);
        assert_eq!(positions.worst_case_e18(ASSET, reserve, order), worst, "{shows}");
    }
}

fn name(level: UnhedgedLevel) -> &'static str {
    match level {
        UnhedgedLevel::Flat => "flat",
        UnhedgedLevel::Within => "within",
        UnhedgedLevel::TooLarge(_) => "too large",
        UnhedgedLevel::TooOld(_) => "too old",
        UnhedgedLevel::NotFlat(_) => "not flat",
    }
}

#[test]
fn unhedged_legs_are_limited_in_size_and_age() {
    let limits = Limits::default();
    let thousand = 1_000 * USD;
    for (shows, notional, age_ns, expected) in [
        ("nothing", 0, 99 * SECOND, "flat"),
        ("1 micro below", thousand - 1, 0, "within"),
        ("at the limit", thousand, 0, "within"),
        ("1 micro above", thousand + 1, 0, "too large"),
        ("overflow", u128::MAX, 0, "too large"),
        ("1 ns before five seconds", 1, 5 * SECOND - 1, "within"),
        ("five seconds", 1, 5 * SECOND, "within"),
        ("1 ns more", 1, 5 * SECOND + 1, "too old"),
        ("1 ns before thirty", 1, 30 * SECOND - 1, "too old"),
        ("thirty seconds", 1, 30 * SECOND, "too old"),
        ("1 ns more", 1, 30 * SECOND + 1, "not flat"),
        ("a large one as well", u128::MAX, 30 * SECOND + 1, "not flat"),
    ] {
        let mut unhedged = Unhedged::new();
        unhedged.note(7, notional, START);
        let unhedged = restored(&unhedged);
        assert_eq!(name(unhedged.level(START + age_ns, &limits)), expected, "{shows}");
    }
}

#[test]
fn unhedged_legs_add_up_and_age_from_their_beginning() {
    let limits = Limits::default();
    let mut unhedged = Unhedged::new();
    unhedged.note(1, 600 * USD, START);
    unhedged.note(2, 400 * USD, START + 2 * SECOND);
    assert_eq!(name(unhedged.level(START + 5 * SECOND, &limits)), "within");
    unhedged.note(2, 400 * USD + 1, START + 3 * SECOND);
    let breach = Breach { observed: 1_000_000_001, limit: 1_000_000_000 };
    assert_eq!(unhedged.level(START + 3 * SECOND, &limits), UnhedgedLevel::TooLarge(breach));
    unhedged.note(1, 0, START + 4 * SECOND);
    let deadlines = [5, 30].map(|second| START + (2 + second) * SECOND + 1);
    assert_eq!(unhedged.next_deadline_ns(START + 4 * SECOND, &limits), Some(deadlines[0]));
    assert_eq!(name(unhedged.level(deadlines[0] - 1, &limits)), "within");
    assert_eq!(name(unhedged.level(deadlines[0], &limits)), "too old");
    assert_eq!(unhedged.next_deadline_ns(deadlines[0], &limits), Some(deadlines[1]));
    assert_eq!(name(unhedged.level(deadlines[1], &limits)), "not flat");
    assert_eq!(unhedged.next_deadline_ns(deadlines[1], &limits), None);
    unhedged.note(2, 0, deadlines[1]);
    assert_eq!(name(unhedged.level(deadlines[1], &limits)), "flat");
    unhedged.note(2, 1, deadlines[1]);
    assert_eq!(name(unhedged.level(deadlines[1], &limits)), "within", "a new beginning");
}

#[test]
fn more_unhedged_legs_than_have_room_are_too_large() {
    let limits = Limits::default();
    let mut unhedged = Unhedged::new();
    let places = UNHEDGED_MAX as u64;
    for trade in 0..places {
        unhedged.note(trade, 1, START);
        assert_eq!(name(unhedged.level(START, &limits)), "within");
    }
    let capacity = unhedged.open.capacity();
    unhedged.note(places, 1, START);
    assert_eq!(name(unhedged.level(START, &limits)), "too large");
    let mut unhedged = restored(&unhedged);
    assert_eq!(unhedged.open.capacity(), capacity, "restored with its capacity");
    unhedged.note(places, 0, START);
    for trade in 0..places {
        unhedged.note(trade, 0, START);
    }
    assert_eq!(name(unhedged.level(START, &limits)), "too large", "until a person says so");
    unhedged.forget_all_but(|_| true);
    assert_eq!(name(unhedged.level(START, &limits)), "flat");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    /// 10,000 fills, each admitted by its worst case: the position never passes the limit.
    #[test]
    fn admitted_fills_never_pass_the_limit(seed: u64) {
        let (mut random, limits) = (Random(seed), Limits::default());
        let mut positions = Positions::new(2);
        let marks = [mark(99 * USD), mark(100 * USD)];
        for n in 0..10_000 {
            let order = random.signed(5_000_000) * (WHOLE / 1_000_000);
            let worst = positions.worst_case_e18(ASSET, Reserve::default(), order);
            let value = worst.and_then(|worst| value_usd_micros(worst, &marks));
            if value.is_some_and(|value| value <= limits.position_usd_micros_max.unsigned_abs()) {
                // Any part of it may fill.
                let part = i128::from(random.below(1_000) + 1);
                positions.note_fill(ASSET, order / 1_000 * part);
            }
            prop_assert_eq!(positions.breach(ASSET, &marks, &limits), None);
            if n % 1_000 == 0 {
                positions = restored(&positions);
            }
        }
    }

    /// 10,000 notes: the level is that of the legs that are open.
    #[test]
    fn the_level_is_that_of_the_open_legs(seed: u64) {
        let (mut random, limits) = (Random(seed), Limits::default());
        let (mut unhedged, mut now_ns) = (Unhedged::new(), START);
        let mut model: [Option<(u64, u128)>; 3] = [None; 3];
        for n in 0..10_000 {
            now_ns += random.below(2 * SECOND);
            let trade = random.below(3);
            let notional = u128::from(random.below(3)) * 300 * USD;
            unhedged.note(trade, notional, now_ns);
            let place = &mut model[usize::try_from(trade).expect("is small")];
            let since_ns = place.map_or(now_ns, |(since_ns, _)| since_ns);
            *place = (notional > 0).then_some((since_ns, notional));
            let sum: u128 = model.iter().flatten().map(|(_, notional)| notional).sum();
            let oldest = model.iter().flatten().map(|(since_ns, _)| now_ns - since_ns).max();
            let expected = match oldest {
                None => "flat",
                Some(age_ns) if age_ns > 30 * SECOND => "not flat",
                Some(_) if sum > 1_000 * USD => "too large",
                Some(age_ns) if age_ns > 5 * SECOND => "too old",
                Some(_) => "within",
            };
            prop_assert_eq!(name(unhedged.level(now_ns, &limits)), expected);
            if n % 1_000 == 0 {
                unhedged = restored(&unhedged);
            }
        }
    }
}
