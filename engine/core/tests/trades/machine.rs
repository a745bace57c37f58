//! What the state of the machine does to trading: halts, books in need of proof, resumes.

use engine_core::outbox::{Decision, Warning};
use engine_core::risk::halt::{ChangeKind, HaltReason, Latch, Scope};
use engine_model::{Body, Command, EngineFault, Event, MarketId, Role, Venue};

use crate::world::{COINBASE, GEMINI, MS, PEG, SECOND, World};

fn engine(world: &mut World, fault: EngineFault, value: u64) {
    let event = world.event(Event::NO_MARKET, Body::Engine { fault, value });
    world.step(&Event { venue: Venue::Gemini, ..event });
}

fn clock(world: &mut World, offset_ms: i64) {
    let wall_ns = world.now_ns.saturating_add_signed(offset_ms * 1_000_000);
    world.batch(Event::NO_MARKET, &[Body::Clock { wall_ns }]);
}

/// Halts of the machine: the pool of these worlds says nothing and goes stale.
fn halts(world: &World) -> Vec<HaltReason> {
    world.halts().into_iter().filter(|reason| reason.is_of_machine()).collect()
}

/// Halts of the machine and what became of them, in order.
fn changes(world: &World) -> Vec<(HaltReason, ChangeKind)> {
    let halts = world.decisions.iter().filter_map(|it| {
        let Decision::Halt(change) = it.decision else { return None };
        change.halt.reason.is_of_machine().then_some((change.halt.reason, change.kind))
    });
    halts.collect()
}

fn suspects(world: &World) -> Vec<MarketId> {
    let list = world.decisions.iter().filter_map(|it| {
        if let Decision::Suspect(market) = it.decision { Some(market) } else { None }
    });
    list.collect()
}

/// A second passes in which every book is stated anew.
fn second(world: &mut World) {
    world.now_ns += SECOND;
    world.book(PEG, 99_999, 100_001, 1_000_000_000_000);
    world.book(COINBASE, 7_700, 7_701, 10_000_000);
    world.book(GEMINI, 7_700, 7_701, 10_000_000);
}

/// A quiet world whose feeds all keep coming: no pool to go stale.
fn quiet() -> World {
    World::quiet(|settings| settings.stale_scope = engine_core::risk::staleness::FeedScope::Market)
}

#[test]
fn a_lagging_core_halts_asks_for_books_and_resumes_on_calm_statements() {
    let mut world = quiet();
    engine(&mut world, EngineFault::CoreLag, 50 * MS);
    assert_eq!(changes(&world), [], "at the limit");
    engine(&mut world, EngineFault::CoreLag, 50 * MS + 1);
    engine(&mut world, EngineFault::CoreLag, 60 * MS);
    assert_eq!(changes(&world), [(HaltReason::CoreLag, ChangeKind::Latched)], "once");
    let watched = suspects(&world);
    assert!(watched.contains(&COINBASE) && watched.contains(&GEMINI), "{watched:?}");
    assert!(!watched.contains(&PEG), "no pair trades it");
    assert!(world.core.desk().waits_for(EngineFault::SlowStep));
    assert!(!world.core.desk().waits_for(EngineFault::JournalLag));
    // Nothing is traded while it lasts.
    world.book(GEMINI, 7_800, 7_801, 10_000_000);
    assert_eq!(world.plans(), []);
    world.book(GEMINI, 7_700, 7_701, 10_000_000);
    for _ in 0..12 {
        second(&mut world);
    }
    assert_eq!(halts(&world), [HaltReason::CoreLag], "silence ends nothing");
    world.restore();
    for _ in 0..12 {
        second(&mut world);
        engine(&mut world, EngineFault::CoreLag, 0);
        engine(&mut world, EngineFault::SlowStep, 50 * MS - 1);
    }
    assert_eq!(halts(&world), []);
    assert_eq!(changes(&world).last(), Some(&(HaltReason::CoreLag, ChangeKind::Resumed)));
    assert!(!world.core.desk().waits_for(EngineFault::SlowStep));
}

#[test]
fn the_fourth_lag_in_an_hour_stays_until_an_operator_clears_it() {
    let mut world = quiet();
    for _ in 0..4 {
        engine(&mut world, EngineFault::JournalBacklog, 500_001);
        for _ in 0..12 {
            second(&mut world);
            engine(&mut world, EngineFault::JournalLag, 0);
            engine(&mut world, EngineFault::JournalBacklog, 0);
        }
    }
    let latch = |world: &World| {
        let halts = world.core.desk().halts();
        halts.find(HaltReason::JournalLag, Scope::Global).map(|halt| halt.latch)
    };
    assert_eq!(latch(&world), Some(Latch::Operator));
    let reason = HaltReason::JournalLag as u8;
    world.command(Command::ClearHalt { reason, role: Role::Operator });
    assert_eq!(halts(&world), []);
    engine(&mut world, EngineFault::JournalLag, SECOND + 1);
    assert_eq!(latch(&world), Some(Latch::Auto), "it counts anew");
    // The cause is there: not even an admin clears it.
    world.command(Command::ClearHalt { reason, role: Role::Admin });
    assert_eq!(halts(&world), [HaltReason::JournalLag]);
}

#[test]
fn a_venue_that_loses_too_often_is_halted_alone() {
    let mut world = quiet();
    for _ in 0..3 {
        engine(&mut world, EngineFault::RingOverflow, 4);
    }
    let scope = Scope::Venue(Venue::Gemini);
    assert!(world.core.desk().halts().find(HaltReason::RingOverflow, scope).is_some());
    for _ in 0..68 {
        second(&mut world);
    }
    assert_eq!(halts(&world), [HaltReason::RingOverflow]);
    for _ in 0..3 {
        second(&mut world);
    }
    assert_eq!(halts(&world), []);
}

#[test]
fn a_broken_journal_is_for_an_admin_and_a_full_disk_for_itself() {
    let mut world = quiet();
    engine(&mut world, EngineFault::JournalError, 1);
    engine(&mut world, EngineFault::DiskFreeBytes, (512 << 20) - 1);
    assert_eq!(halts(&world), [HaltReason::JournalError, HaltReason::DiskSpace]);
    for _ in 0..62 {
        second(&mut world);
        engine(&mut world, EngineFault::DiskFreeShare, 100_001);
        engine(&mut world, EngineFault::DiskFreeBytes, 2 << 30);
        engine(&mut world, EngineFault::JournalError, 0);
    }
    assert_eq!(halts(&world), [HaltReason::JournalError]);
    let reason = HaltReason::JournalError as u8;
    world.command(Command::ClearHalt { reason, role: Role::Operator });
    assert_eq!(halts(&world), [HaltReason::JournalError]);
    world.command(Command::ClearHalt { reason, role: Role::Admin });
    assert_eq!(halts(&world), []);
}

#[test]
fn the_clock_warns_halts_and_comes_back() {
    let mut world = quiet();
    let away: [i64; 6] = [0, 100, 101, 500, 999, 1_001];
    for offset_ms in away {
        clock(&mut world, offset_ms);
    }
    let warned = world
        .decisions
        .iter()
        .filter(|it| matches!(it.decision, Decision::Warned(Warning::Clock(_))));
    assert_eq!(warned.count(), 1);
    assert_eq!(changes(&world), [(HaltReason::Clock, ChangeKind::Latched)]);
    assert_eq!(suspects(&world), [], "no step was larger than half a second");
    clock(&mut world, 501);
    clock(&mut world, 499);
    for _ in 0..59 {
        second(&mut world);
        clock(&mut world, 499);
    }
    assert_eq!(halts(&world), [HaltReason::Clock]);
    for _ in 0..2 {
        second(&mut world);
        clock(&mut world, 499);
    }
    assert_eq!(halts(&world), []);
}

#[test]
fn after_a_step_of_the_clock_every_book_needs_proof() {
    for slept in [false, true] {
        let mut world = quiet();
        clock(&mut world, 0);
        if slept {
            engine(&mut world, EngineFault::Slept, 500 * MS + 1);
        } else {
            clock(&mut world, 500);
            assert_eq!(world.halts(), [], "at the limit");
            clock(&mut world, -1);
        }
        let halted = world.halts();
        assert!(!halted.is_empty() && halted.iter().all(|it| *it == HaltReason::StaleData));
        assert!(suspects(&world).contains(&GEMINI), "a snapshot is asked for");
        // Levels without a snapshot prove nothing; snapshots do.
        for _ in 0..5 {
            world.now_ns += SECOND;
            for market in [COINBASE, GEMINI] {
                world.level(market, engine_model::Side::Bid, 7_699, 7);
            }
        }
        let scope = Scope::Market(GEMINI);
        let is_halted =
            |world: &World| world.core.desk().halts().find(HaltReason::StaleData, scope).is_some();
        assert!(is_halted(&world), "slept: {slept}");
        for _ in 0..5 {
            second(&mut world);
        }
        assert!(!is_halted(&world), "slept: {slept}");
    }
}

#[test]
fn a_core_that_does_not_trade_takes_it_all_the_same() {
    let mut world = World::quiet(|settings| {
        settings.execution.venues = engine_core::execution::spec::Venues::None;
    });
    for fault in EngineFault::ALL {
        engine(&mut world, fault, u64::MAX);
    }
    clock(&mut world, 99_999);
    assert_eq!(
        world.decisions.iter().filter(|it| matches!(it.decision, Decision::Halt(_))).count(),
        0
    );
}
