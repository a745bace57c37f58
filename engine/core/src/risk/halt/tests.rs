//! Latching, clearing, resuming, and that nothing else ends a halt.

use alloc::vec::Vec;

use proptest::prelude::*;

use super::super::ring::testing::{Random, restored};
use super::*;

const SECOND: u64 = 1_000_000_000;
const START: u64 = 1_700_000_000 * SECOND;
const BREACH: Breach = Breach { observed: 2, limit: 1 };
const COUNTS: Counts = Counts { markets: 4, pairs: 3, assets: 3 };
const OPERATOR: Actor = Actor { role: Role::Operator, text: Written::Given };
const ADMIN: Actor = Actor { role: Role::Admin, text: Written::Given };

/// Pair `n` trades asset 2 on markets `n` and `n + 1`.
fn subjects() -> Vec<Subject> {
    let venues = [Venue::Coinbase, Venue::Gemini, Venue::Bitstamp, Venue::Solana];
    let subject = |n: u16| Subject {
        pair: PairId(n),
        markets: [MarketId(n), MarketId(n + 1)],
        venues: [venues[usize::from(n)], venues[usize::from(n) + 1]],
        assets: [AssetId(2), AssetId(0), AssetId(n.min(1))],
    };
    (0..3).map(subject).collect()
}

fn latched(reason: HaltReason, scope: Scope) -> Halts {
    let mut halts = Halts::new(COUNTS);
    assert!(halts.latch(&Cause::new(reason, scope, BREACH), START).is_some());
    halts
}

fn states(halts: &Halts) -> Vec<TradingState> {
    subjects().iter().map(|subject| halts.state_for(subject).0).collect()
}

#[test]
fn reasons_are_numbered_and_named_once() {
    for (number, reason) in (0_u8..).zip(HaltReason::ALL) {
        assert_eq!(reason as u8, number);
        assert_eq!(HaltReason::from_number(number), Some(reason));
        let named = HaltReason::ALL.into_iter().filter(|other| other.name() == reason.name());
        assert_eq!(named.count(), 1, "{}", reason.name());
        assert!(reason.control().starts_with('R'));
    }
    assert_eq!(HaltReason::from_number(21), None);
    assert_eq!(HaltReason::from_number(u8::MAX), None);
}

#[test]
fn a_halt_covers_its_scope_alone() {
    let (on, off) = (TradingState::Active, TradingState::Halted);
    for (scope, expected) in [
        (Scope::Global, [off, off, off]),
        (Scope::Strategy, [off, off, off]),
        (Scope::Venue(Venue::Coinbase), [off, on, on]),
        (Scope::Venue(Venue::Gemini), [off, off, on]),
        (Scope::Venue(Venue::Solana), [on, on, off]),
        (Scope::Market(MarketId(2)), [on, off, off]),
        (Scope::Market(MarketId(9)), [on, on, on]),
        (Scope::Pair(PairId(1)), [on, off, on]),
        (Scope::Asset(AssetId(2)), [off, off, off]),
        (Scope::Asset(AssetId(1)), [on, off, off]),
    ] {
        let halts = latched(HaltReason::Contradiction, scope);
        assert_eq!(states(&halts), expected, "{scope:?}");
        let is_everywhere = matches!(scope, Scope::Global | Scope::Strategy);
        assert_eq!(halts.global_state().0 == off, is_everywhere, "{scope:?}");
    }
}

#[test]
fn the_strictest_halt_gives_the_state() {
    let mut halts = latched(HaltReason::Position, Scope::Asset(AssetId(2)));
    let subject = subjects()[1];
    assert_eq!(halts.state_for(&subject), (TradingState::Reducing, Some(HaltReason::Position)));
    halts.latch(&Cause::new(HaltReason::UnhedgedExposure, Scope::Global, BREACH), START);
    assert_eq!(halts.state_for(&subject), (TradingState::Reducing, Some(HaltReason::Position)));
    halts.latch(&Cause::new(HaltReason::DailyLoss, Scope::Global, BREACH), START);
    assert_eq!(halts.state_for(&subject), (TradingState::Halted, Some(HaltReason::DailyLoss)));
    halts.latch(&Cause::new(HaltReason::KillSwitch, Scope::Global, BREACH), START);
    assert_eq!(halts.state_for(&subject), (TradingState::Halted, Some(HaltReason::DailyLoss)));
}

#[test]
fn latching_is_idempotent_and_only_gets_stricter() {
    let mut halts = latched(HaltReason::UnhedgedExposure, Scope::Global);
    let cause = Cause::new(HaltReason::UnhedgedExposure, Scope::Global, BREACH);
    let before = halts.clone();
    assert_eq!(halts.latch(&cause, START + 1), None);
    assert_eq!(halts, before);
    let escalated = halts.latch(&cause.halted(), START + 2).expect("is stricter");
    assert_eq!(escalated.kind, ChangeKind::Escalated);
    assert_eq!((escalated.halt.state, escalated.halt.since_ns), (HaltState::Halted, START));
    assert_eq!(halts.latch(&cause, START + 3), None);
    assert_eq!(halts.global_state().0, TradingState::Halted);
    assert_eq!(halts.iter().count(), 1);
}

#[test]
fn clear_needs_role_text_and_a_cause_that_is_gone() {
    use CauseNow::{Gone, Present};
    let viewer_text = Actor { role: Role::Operator, text: Written::Missing };
    let too_low = Err(ClearRefused::RoleTooLow { needed: Role::Admin });
    let no_text = Err(ClearRefused::TextMissing);
    let present = Err(ClearRefused::CauseStillPresent);
    for reason in HaltReason::ALL {
        let is_admins = reason.class() == Latch::Admin;
        for (actor, cause, expected) in [
            (OPERATOR, Gone, if is_admins { too_low } else { Ok(()) }),
            (OPERATOR, Present, if is_admins { too_low } else { present }),
            (viewer_text, Gone, if is_admins { too_low } else { no_text }),
            (Actor { text: Written::Missing, ..ADMIN }, Gone, no_text),
            (ADMIN, Present, present),
            (ADMIN, Gone, Ok(())),
        ] {
            let mut halts = latched(reason, Scope::Global);
            let cleared = halts.clear((reason, Scope::Global), actor, cause, &subjects());
            assert_eq!(cleared.map(|_| ()), expected, "{reason:?} {actor:?} {cause:?}");
            assert_eq!(halts.iter().count(), usize::from(expected.is_err()));
        }
    }
}

#[test]
fn clear_names_its_own_reason_and_scope() {
    let mut halts = latched(HaltReason::Shortfall, Scope::Strategy);
    for other in [
        (HaltReason::FailureRate, Scope::Strategy),
        (HaltReason::Shortfall, Scope::Global),
        (HaltReason::Shortfall, Scope::Pair(PairId(0))),
    ] {
        let refused = halts.clear(other, ADMIN, CauseNow::Gone, &subjects());
        assert_eq!(refused, Err(ClearRefused::NotActive), "{other:?}");
    }
    assert_eq!(halts.iter().count(), 1);
}

#[test]
fn nothing_resumes_past_a_manual_pause() {
    let mut halts = latched(HaltReason::ManualPause, Scope::Global);
    halts.latch(&Cause::new(HaltReason::Drawdown, Scope::Global, BREACH), START);
    let key = (HaltReason::Drawdown, Scope::Global);
    assert!(halts.clear(key, ADMIN, CauseNow::Gone, &subjects()).is_ok());
    assert_eq!(halts.global_state(), (TradingState::Halted, Some(HaltReason::ManualPause)));
}

#[test]
fn clearing_a_reason_clears_all_its_scopes_that_may_go() {
    let mut halts = Halts::new(COUNTS);
    for pair in 0..3 {
        let scope = Scope::Pair(PairId(pair));
        halts.latch(&Cause::new(HaltReason::Depeg, scope, BREACH), START);
        halts.latch(&Cause::new(HaltReason::Position, scope, BREACH), START);
    }
    let kept = Scope::Pair(PairId(1));
    let mut told = Vec::new();
    halts.clear_reason(
        HaltReason::Depeg,
        OPERATOR,
        &subjects(),
        |halt| if halt.scope == kept { CauseNow::Present } else { CauseNow::Gone },
        |halt, outcome| told.push((halt.scope, outcome.is_ok())),
    );
    let scope = |n| Scope::Pair(PairId(n));
    assert_eq!(told, [(scope(0), true), (scope(1), false), (scope(2), true)]);
    let left = halts.iter().filter(|halt| halt.reason == HaltReason::Depeg).count();
    assert_eq!((left, halts.iter().count()), (1, 4));
}

#[test]
fn stale_data_resumes_when_every_condition_holds() {
    let limits = Limits::default();
    let since = Some(START);
    let good = FeedRecovery { fresh_since_ns: since, updates_min: 3, unrebuilt_count: 0 };
    let never = FeedRecovery { fresh_since_ns: None, ..good };
    for (shows, recovery, after_ns, resumes) in [
        ("at the limits", good, 3 * SECOND, true),
        ("1 ns short", good, 3 * SECOND - 1, false),
        ("1 ns more", good, 3 * SECOND + 1, true),
        ("2 updates", FeedRecovery { updates_min: 2, ..good }, 3 * SECOND, false),
        ("4 updates", FeedRecovery { updates_min: 4, ..good }, 3 * SECOND, true),
        ("a book not rebuilt", FeedRecovery { unrebuilt_count: 1, ..good }, 3 * SECOND, false),
        ("a feed not fresh", never, 60 * SECOND, false),
        ("time before the proof", good, 0, false),
    ] {
        let mut halts = latched(HaltReason::StaleData, Scope::Global);
        let now_ns = START + after_ns;
        let outcome = halts.resume_stale(Scope::Global, recovery, now_ns, &limits, &subjects());
        let expected = if resumes { Ok(ChangeKind::Resumed) } else { Err(ClearRefused::TooSoon) };
        assert_eq!(outcome.map(|change| change.kind), expected, "{shows}");
    }
}

/// Latches and resumes `stale_data` at `now_ns`.
fn outage(halts: &mut Halts, scope: Scope, now_ns: u64) -> Result<ChangeKind, ClearRefused> {
    halts.latch(&Cause::new(HaltReason::StaleData, scope, BREACH), now_ns);
    let recovery = FeedRecovery {
        fresh_since_ns: Some(now_ns - 3 * SECOND),
        updates_min: 3,
        unrebuilt_count: 0,
    };
    let outcome = halts.resume_stale(scope, recovery, now_ns, &Limits::default(), &subjects());
    outcome.map(|change| change.kind)
}

#[test]
fn the_third_resume_in_ten_minutes_waits_for_an_operator() {
    use ChangeKind::{HandedToOperator, Resumed};
    let third_at = |offset_ns: u64| START + 600 * SECOND + offset_ns;
    for (shows, third_ns, expected) in [
        ("1 ns inside", third_at(0) - 1, HandedToOperator),
        ("at the window's end", third_at(0), Resumed),
        ("1 ns outside", third_at(1), Resumed),
    ] {
        let mut halts = Halts::new(COUNTS);
        assert_eq!(outage(&mut halts, Scope::Global, START), Ok(Resumed));
        assert_eq!(outage(&mut halts, Scope::Global, START + SECOND), Ok(Resumed));
        let mut halts = restored(&halts);
        // Another scope has a count of its own.
        assert_eq!(outage(&mut halts, Scope::Market(MarketId(1)), third_ns), Ok(Resumed));
        assert_eq!(outage(&mut halts, Scope::Global, third_ns), Ok(expected), "{shows}");
    }
    let mut halts = Halts::new(COUNTS);
    for second in 0..3 {
        outage(&mut halts, Scope::Global, START + second * SECOND).expect("recovered");
    }
    let later = START + 3_600 * SECOND;
    assert_eq!(outage(&mut halts, Scope::Global, later), Err(ClearRefused::NeedsPerson));
    let key = (HaltReason::StaleData, Scope::Global);
    assert!(halts.clear(key, OPERATOR, CauseNow::Gone, &subjects()).is_ok());
    assert_eq!(outage(&mut halts, Scope::Global, START + 4 * SECOND), Ok(Resumed));
}

#[test]
fn a_scope_outside_the_tables_never_resumes_by_itself() {
    for scope in
        [Scope::Market(MarketId(4)), Scope::Pair(PairId(3)), Scope::Asset(AssetId(u16::MAX))]
    {
        let mut halts = Halts::new(COUNTS);
        assert_eq!(outage(&mut halts, scope, START), Ok(ChangeKind::HandedToOperator));
        assert_eq!(halts.size_ppm(PairId(3), &Limits::default()), 100_000);
    }
}

#[test]
fn disagreement_and_depeg_resume_after_a_calm_minute() {
    let limits = Limits::default();
    let scope = Scope::Pair(PairId(1));
    let calm = Some(START);
    for (shows, reason, calm_since_ns, after_ns, expected) in [
        ("1 ns short", HaltReason::Depeg, calm, 60 * SECOND - 1, Err(ClearRefused::TooSoon)),
        ("at the limit", HaltReason::Depeg, calm, 60 * SECOND, Ok(())),
        ("1 ns more", HaltReason::ReferenceDisagreement, calm, 60 * SECOND + 1, Ok(())),
        ("at the limit", HaltReason::ReferenceDisagreement, calm, 60 * SECOND, Ok(())),
        ("not calm", HaltReason::Depeg, None, u64::MAX - START, Err(ClearRefused::TooSoon)),
        ("has its own", HaltReason::StaleData, calm, SECOND, Err(ClearRefused::NeedsPerson)),
        ("class O", HaltReason::Position, calm, 99 * SECOND, Err(ClearRefused::NeedsPerson)),
        ("class M", HaltReason::KillSwitch, calm, 99 * SECOND, Err(ClearRefused::NeedsPerson)),
    ] {
        let mut halts = latched(reason, scope);
        let key = (reason, scope);
        let now_ns = START + after_ns;
        let outcome = halts.resume_calm(key, calm_since_ns, now_ns, &limits, &subjects());
        assert_eq!(outcome.map(|_| ()), expected, "{shows} {reason:?}");
        let again = halts.resume_calm(key, calm_since_ns, now_ns, &limits, &subjects());
        let gone = Err(ClearRefused::NotActive);
        assert_eq!(again.map(|_| ()), if expected.is_ok() { gone } else { expected });
    }
}

#[test]
fn the_first_trade_after_a_resume_is_small() {
    let limits = Limits::default();
    let sizes = |halts: &Halts| [0, 1, 2].map(|n| halts.size_ppm(PairId(n), &limits));
    let mut halts = latched(HaltReason::Shortfall, Scope::Market(MarketId(0)));
    assert_eq!(sizes(&halts), [1_000_000; 3], "a halt alone makes nobody cautious");
    let key = (HaltReason::Shortfall, Scope::Market(MarketId(0)));
    assert!(halts.clear(key, OPERATOR, CauseNow::Gone, &subjects()).is_ok());
    assert_eq!(sizes(&halts), [100_000, 1_000_000, 1_000_000]);
    assert_eq!(outage(&mut halts, Scope::Global, START), Ok(ChangeKind::Resumed));
    let mut halts = restored(&halts);
    assert_eq!(sizes(&halts), [100_000; 3]);
    halts.note_trade(PairId(1));
    assert_eq!(sizes(&halts), [100_000, 1_000_000, 100_000]);
    halts.note_trade(PairId(u16::MAX));
    assert_eq!(halts.size_ppm(PairId(u16::MAX), &limits), 100_000);
}

#[test]
fn a_full_set_halts_everything_instead_of_forgetting() {
    let mut halts = Halts::new(COUNTS);
    for n in 0..SCOPED_HALTS_MAX {
        let scope = Scope::Market(MarketId(u16::try_from(n).expect("is small")));
        halts.latch(&Cause::new(HaltReason::StaleData, scope, BREACH), START);
    }
    assert_eq!(halts.global_state().0, TradingState::Active);
    assert_eq!(halts.widened_count(), 0);
    let beyond = Cause::new(HaltReason::StaleData, Scope::Market(MarketId(999)), BREACH);
    let change = halts.latch(&beyond, START).expect("is new");
    assert_eq!((change.halt.scope, change.halt.latch), (Scope::Global, Latch::Operator));
    assert_eq!(halts.global_state(), (TradingState::Halted, Some(HaltReason::StaleData)));
    assert_eq!(halts.latch(&beyond, START), None);
    assert_eq!(halts.widened_count(), 2);
    assert_eq!(outage(&mut halts, Scope::Global, START + SECOND), Err(ClearRefused::NeedsPerson));
    // Each reason still finds its global place.
    let mut halts = restored(&halts);
    for reason in HaltReason::ALL {
        halts.latch(&Cause::new(reason, Scope::Global, BREACH), START);
        assert!(halts.find(reason, Scope::Global).is_some(), "{reason:?}");
    }
    assert_eq!(halts.iter().count(), SCOPED_HALTS_MAX + HaltReason::ALL.len());
}

#[test]
fn a_widened_halt_hands_an_automatic_one_to_the_operator() {
    let mut halts = latched(HaltReason::Depeg, Scope::Global);
    for n in 0..SCOPED_HALTS_MAX {
        let scope = Scope::Market(MarketId(u16::try_from(n).expect("is small")));
        halts.latch(&Cause::new(HaltReason::StaleData, scope, BREACH), START);
    }
    let beyond = Cause::new(HaltReason::Depeg, Scope::Asset(AssetId(1)), BREACH);
    let change = halts.latch(&beyond, START).expect("changes the class");
    assert_eq!(change.kind, ChangeKind::HandedToOperator);
    assert_eq!((change.halt.scope, change.halt.latch), (Scope::Global, Latch::Operator));
}

fn any_scope(random: &mut Random) -> Scope {
    let n = u16::try_from(random.below(5)).expect("is small");
    match random.below(6) {
        0 => Scope::Global,
        1 => Scope::Strategy,
        2 => Scope::Venue(Venue::ALL[usize::from(n) % Venue::ALL.len()]),
        3 => Scope::Market(MarketId(n)),
        4 => Scope::Pair(PairId(n)),
        _ => Scope::Asset(AssetId(n)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    /// 10,000 events: a halt of class O or M leaves by `clear` alone, and one that is latched stops
    /// every pair it covers.
    #[test]
    fn a_latched_halt_leaves_by_the_rules_alone(seed: u64) {
        let (mut random, limits, subjects) = (Random(seed), Limits::default(), subjects());
        let (mut halts, mut now_ns) = (Halts::new(COUNTS), START);
        for _ in 0..10_000 {
            now_ns += random.below(90 * SECOND);
            let reason = HaltReason::ALL[usize::try_from(random.below(21)).expect("is small")];
            let scope = any_scope(&mut random);
            let before: Vec<Halt> = halts.iter().copied().collect();
            let cleared = match random.below(8) {
                0..=2 => {
                    halts.latch(&Cause::new(reason, scope, BREACH), now_ns);
                    None
                }
                3 => {
                    let calm = Some(now_ns.saturating_sub(random.below(120 * SECOND)));
                    let key = (reason, scope);
                    let _ = halts.resume_calm(key, calm, now_ns, &limits, &subjects);
                    None
                }
                4 => {
                    let _ = outage(&mut halts, scope, now_ns);
                    None
                }
                5 => {
                    halts = restored(&halts);
                    None
                }
                6 => {
                    halts.note_trade(PairId(1));
                    None
                }
                _ => {
                    let actor = if random.below(2) == 0 { OPERATOR } else { ADMIN };
                    let done = halts.clear((reason, scope), actor, CauseNow::Gone, &subjects);
                    done.ok().map(|change| change.halt)
                }
            };
            for halt in before {
                let is_latched = halts.find(halt.reason, halt.scope).is_some();
                if !is_latched && cleared.map(|gone| (gone.reason, gone.scope))
                    != Some((halt.reason, halt.scope))
                {
                    prop_assert_eq!(halt.latch, Latch::Auto);
                }
            }
            for subject in &subjects {
                let covered = halts.iter().any(|halt| halt.scope.covers(subject));
                prop_assert_eq!(halts.state_for(subject).0 != TradingState::Active, covered);
            }
        }
    }
}
