//! Limits from both sides, recovery by what was stated, repetition.

use alloc::vec::Vec;

use proptest::prelude::*;

use super::super::ring::testing::{Random, restored};
use super::*;

const SECOND: u64 = 1_000_000_000;
const MS: u64 = 1_000_000;
const START: u64 = 1_700_000_000 * SECOND;
const GLOBAL: Scope = Scope::Global;
const GEMINI: Scope = Scope::Venue(Venue::Gemini);

fn note(machine: &mut Machine, fault: EngineFault, value: u64, now_ns: u64) -> Option<HaltReason> {
    let found = machine.note(Venue::Gemini, fault, value, now_ns, &Limits::default());
    found.map(|(reason, _, _)| reason)
}

#[test]
fn measurements_are_numbered_and_named_once() {
    for (number, fault) in (0_u8..).zip(EngineFault::ALL) {
        assert_eq!(fault as u8, number);
        let named = EngineFault::ALL.into_iter().filter(|other| other.name() == fault.name());
        assert_eq!(named.count(), 1, "{}", fault.name());
    }
}

#[test]
fn values_beyond_their_limits_halt() {
    use EngineFault::{
        CoreLag, DiskFreeBytes, DiskFreeShare, JournalBacklog, JournalError, JournalLag, SlowStep,
    };
    let mib = 1 << 20;
    // A value, its limit, whether one less, the limit itself and one more halt.
    for (fault, limit, halts, reason) in [
        (CoreLag, 50 * MS, [false, false, true], HaltReason::CoreLag),
        (SlowStep, 100 * MS, [false, false, true], HaltReason::CoreLag),
        (JournalLag, SECOND, [false, false, true], HaltReason::JournalLag),
        (JournalBacklog, 500_000, [false, false, true], HaltReason::JournalLag),
        (DiskFreeShare, 50_000, [true, false, false], HaltReason::DiskSpace),
        (DiskFreeBytes, 512 * mib, [true, false, false], HaltReason::DiskSpace),
        (JournalError, 1, [false, true, true], HaltReason::JournalError),
    ] {
        for (value, halts) in [limit - 1, limit, limit + 1].into_iter().zip(halts) {
            let found = Machine::new().note(Venue::Gemini, fault, value, START, &Limits::default());
            let shown = if fault == JournalError { 0 } else { limit };
            let breach = Breach { observed: value.into(), limit: shown.into() };
            assert_eq!(found, halts.then_some((reason, GLOBAL, breach)), "{fault:?} {value}");
        }
        let least = matches!(fault, DiskFreeShare | DiskFreeBytes);
        for (value, halts) in [(0, least), (u64::MAX, !least)] {
            let found = note(&mut Machine::new(), fault, value, START);
            assert_eq!(found.is_some(), halts, "{fault:?} {value}");
        }
    }
}

#[test]
fn the_clock_warns_halts_and_steps() {
    let limits = Limits::default();
    let ms = |ms: i64| ms * 1_000_000;
    // The clock before, now; whether it warns, halts, has stepped.
    for (shows, before, now, warns, halts, steps) in [
        ("1 ns under", Some(0), ms(100) - 1, false, false, false),
        ("at the warning", Some(0), ms(100), false, false, false),
        ("1 ns over", Some(0), ms(100) + 1, true, false, false),
        ("behind counts as well", Some(0), -ms(100) - 1, true, false, false),
        ("at the halt", Some(ms(999)), ms(1_000), true, false, false),
        ("beyond the halt", Some(ms(999)), ms(1_000) + 1, true, true, false),
        ("behind by more", Some(-ms(999)), -ms(1_000) - 1, true, true, false),
        ("at the step", Some(-ms(250)), ms(250), true, false, false),
        ("a step", Some(-ms(250)), ms(250) + 1, true, false, true),
        ("a step back", Some(ms(250)), -ms(250) - 1, true, false, true),
        ("the first is no step", None, ms(900), true, false, false),
        ("as far as it goes", Some(i64::MAX), i64::MIN, true, true, true),
    ] {
        let mut machine = Machine::new();
        if let Some(before) = before {
            machine.note_clock(before, START, &limits);
            machine.has_warned_of_clock = false;
        }
        let found = restored(&machine).note_clock(now, START + SECOND, &limits);
        let found = (found.warn.is_some(), found.halt.is_some(), found.step.is_some());
        assert_eq!(found, (warns, halts, steps), "{shows}");
    }
    // Warned once, until it was back within half of it.
    let mut machine = Machine::new();
    let warned: Vec<bool> = [101, 150, 99, 101, 50, 101, 49, 101]
        .into_iter()
        .map(|away| machine.note_clock(ms(away), START, &limits).warn.is_some())
        .collect();
    assert_eq!(warned, [true, false, false, false, false, false, false, true]);
}

#[test]
fn a_sleep_counts_as_a_step() {
    for (ns, counts) in [(0, false), (500 * MS, false), (500 * MS + 1, true), (u64::MAX, true)] {
        assert_eq!(Machine::slept(ns, &Limits::default()).is_some(), counts, "{ns}");
    }
    assert_eq!(note(&mut Machine::new(), EngineFault::Slept, u64::MAX, START), None);
}

/// States the values of a reason, or the clock.
fn state(machine: &mut Machine, reason: HaltReason, values: [u64; 2], now_ns: u64) {
    if reason == HaltReason::Clock {
        let offset_ns = i64::try_from(values[0]).expect("is small");
        machine.note_clock(offset_ns, now_ns, &Limits::default());
        return;
    }
    let faults = EngineFault::ALL.into_iter().filter(|it| reason_of(*it) == Some(reason));
    for (fault, value) in faults.zip(values) {
        note(machine, fault, value, now_ns);
    }
}

#[test]
fn values_resume_after_the_time_of_their_kind() {
    let limits = Limits::default();
    let mib = 1 << 20;
    // A reason, values that are just calm, values of which one is not, the time it takes.
    for (reason, calm, uneasy, seconds) in [
        (HaltReason::Clock, [500 * MS - 1, 0], [500 * MS, 0], 60),
        (HaltReason::CoreLag, [25 * MS - 1, 50 * MS - 1], [25 * MS, 0], 10),
        (HaltReason::CoreLag, [0, 0], [0, 50 * MS], 10),
        (HaltReason::JournalLag, [500 * MS - 1, 249_999], [500 * MS, 0], 10),
        (HaltReason::JournalLag, [0, 0], [0, 250_000], 10),
        (HaltReason::DiskSpace, [100_001, 1024 * mib + 1], [100_000, u64::MAX], 60),
        (HaltReason::DiskSpace, [u64::MAX; 2], [u64::MAX, 1024 * mib], 60),
    ] {
        let time_ns = seconds * SECOND;
        let over = |machine: &Machine, now_ns| {
            restored(machine).has_recovered(reason, GLOBAL, now_ns, &limits)
        };
        let mut machine = Machine::new();
        state(&mut machine, reason, calm, START - time_ns);
        machine.latched(reason, GLOBAL, START, &limits);
        assert!(!over(&machine, START + time_ns), "{reason:?}: calm before it counts for nothing");
        state(&mut machine, reason, calm, START);
        assert!(!over(&machine, START + 9 * time_ns), "{reason:?}: silence is no calm");
        state(&mut machine, reason, calm, START + time_ns - 1);
        assert!(!over(&machine, START + time_ns - 1), "{reason:?}: 1 ns short");
        let mut broken = restored(&machine);
        state(&mut machine, reason, calm, START + time_ns);
        assert!(over(&machine, START + time_ns), "{reason:?}: long enough");
        state(&mut broken, reason, uneasy, START + time_ns);
        state(&mut broken, reason, calm, START + time_ns + 1);
        state(&mut broken, reason, calm, START + 2 * time_ns);
        assert!(!over(&broken, START + 2 * time_ns), "{reason:?}: it began anew");
        assert!(broken.is_within(reason, GLOBAL, START, &limits), "{reason:?}");
    }
    // What nobody measures never ends by itself.
    let machine = Machine::new();
    for reason in [HaltReason::JournalError, HaltReason::KillSwitch] {
        assert!(!machine.has_recovered(reason, GLOBAL, u64::MAX, &limits));
        assert!(!machine.is_within(reason, GLOBAL, u64::MAX, &limits));
    }
}

#[test]
fn a_cause_is_present_while_a_value_is_beyond() {
    let limits = Limits::default();
    let mut machine = Machine::new();
    note(&mut machine, EngineFault::SlowStep, 100 * MS + 1, START);
    assert!(!machine.is_within(HaltReason::CoreLag, GLOBAL, START, &limits));
    note(&mut machine, EngineFault::CoreLag, 0, START);
    assert!(!machine.is_within(HaltReason::CoreLag, GLOBAL, START, &limits), "the other value");
    note(&mut machine, EngineFault::SlowStep, 100 * MS, START);
    assert!(machine.is_within(HaltReason::CoreLag, GLOBAL, START, &limits));
}

#[test]
fn the_fourth_halt_in_an_hour_waits_for_an_operator() {
    let limits = Limits::default();
    let hour = 3_600 * SECOND;
    for (reason, scope) in [
        (HaltReason::CoreLag, GLOBAL),
        (HaltReason::JournalLag, GLOBAL),
        (HaltReason::RingOverflow, GEMINI),
    ] {
        for (shows, fourth_ns, expected) in [
            ("1 ns inside", START + hour - 1, true),
            ("an hour after the first", START + hour, false),
            ("1 ns outside", START + hour + 1, false),
        ] {
            let mut machine = Machine::new();
            for second in 0..3 {
                let at_ns = START + second * SECOND;
                assert!(!machine.latched(reason, scope, at_ns, &limits), "{reason:?} {second}");
            }
            // Others have counts of their own.
            assert!(!machine.latched(HaltReason::DiskSpace, GLOBAL, fourth_ns, &limits));
            let other = Scope::Venue(Venue::Solana);
            assert!(!machine.latched(HaltReason::RingOverflow, other, fourth_ns, &limits));
            let mut cleared = restored(&machine);
            let found = machine.latched(reason, scope, fourth_ns, &limits);
            assert_eq!(found, expected, "{reason:?} {shows}");
            cleared.cleared(reason, scope);
            assert!(!cleared.latched(reason, scope, fourth_ns, &limits), "{reason:?} cleared");
        }
    }
    for second in 0..9 {
        let mut machine = Machine::new();
        assert!(!machine.latched(HaltReason::Clock, GLOBAL, START + second, &limits));
    }
}

#[test]
fn the_third_overflow_in_a_minute_halts_its_venue() {
    let limits = Limits::default();
    for (shows, third_ns, expected) in [
        ("1 ns inside", START + 60 * SECOND - 1, true),
        ("a minute after the first", START + 60 * SECOND, false),
    ] {
        let mut machine = Machine::new();
        assert_eq!(note(&mut machine, EngineFault::RingOverflow, 1, START), None);
        assert_eq!(note(&mut machine, EngineFault::RingOverflow, 9, START + SECOND), None);
        let other =
            machine.note(Venue::Solana, EngineFault::RingOverflow, 1, START + SECOND, &limits);
        assert_eq!(other, None, "another venue");
        let nothing = note(&mut machine, EngineFault::RingOverflow, 0, START + SECOND);
        assert_eq!(nothing, None, "nothing was lost");
        let mut machine = restored(&machine);
        let found =
            machine.note(Venue::Gemini, EngineFault::RingOverflow, u64::MAX, third_ns, &limits);
        let breach = Breach { observed: 3, limit: 3 };
        let halt = (HaltReason::RingOverflow, GEMINI, breach);
        assert_eq!(found, expected.then_some(halt), "{shows}");
    }
}

#[test]
fn overflows_resume_when_they_have_stayed_away() {
    let limits = Limits::default();
    let mut machine = Machine::new();
    for second in 0..3 {
        note(&mut machine, EngineFault::RingOverflow, 1, START + second * SECOND);
    }
    let over = |ns| machine.has_recovered(HaltReason::RingOverflow, GEMINI, START + ns, &limits);
    let gone = |ns| machine.is_within(HaltReason::RingOverflow, GEMINI, START + ns, &limits);
    // One is left in the minute from the 61st second on, and ten more have to pass.
    assert_eq!([71 * SECOND - 1, 71 * SECOND].map(over), [false, true]);
    assert_eq!([60 * SECOND - 1, 60 * SECOND].map(gone), [false, true]);
}

proptest! {
    /// A value above its limit always halts, whatever was stated before, and none that halts is
    /// taken for recovered.
    #[test]
    fn nothing_beyond_its_limit_passes(seed: u64) {
        let limits = Limits::default();
        let (mut random, mut machine, mut now_ns) = (Random(seed), Machine::new(), START);
        for _ in 0..1_000 {
            now_ns += random.below(5 * SECOND);
            let value = random.below(110 * MS);
            let (fault, limit) = match random.below(2) {
                0 => (EngineFault::CoreLag, limits.core_lag_ns_max),
                _ => (EngineFault::SlowStep, limits.core_step_ns_max),
            };
            if random.below(50) == 0 {
                machine = restored(&machine);
            }
            let found = note(&mut machine, fault, value, now_ns);
            prop_assert_eq!(found.is_some(), value > limit);
            if found.is_some() {
                prop_assert!(!machine.has_recovered(HaltReason::CoreLag, GLOBAL, now_ns, &limits));
                prop_assert!(!machine.is_within(HaltReason::CoreLag, GLOBAL, now_ns, &limits));
            }
        }
    }
}
