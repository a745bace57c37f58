//! A core that goes on over other tables and settings: what stays, what is new, what is refused.

use engine_core::Core;
use engine_core::desk::Settings;
use engine_core::outbox::Decision;
use engine_core::risk::halt::{HaltReason, Scope};
use engine_core::risk::staleness::FeedScope;
use engine_core::state::{Ended, State, StateError};
use engine_core::tables::Tables;
use engine_model::{Body, Command, ParamKey};

use crate::world::{COINBASE, GEMINI, SECOND, World, funded, settings};

fn gone_on(core: &Core, tables: Tables, settings: Settings, seq: u64) -> Result<Core, StateError> {
    let bytes = postcard::to_allocvec(&Ended(core)).expect("a state can be written");
    let state: State = postcard::from_bytes(&bytes).expect("and read");
    state.continue_into(tables, settings, seq)
}

/// Goes on with what is changed of tables and settings.
fn renew(world: &mut World, change: impl FnOnce(&mut Tables, &mut Settings)) {
    let mut tables = world.core.tables().clone();
    let mut settings = world.core.desk().settings().clone();
    change(&mut tables, &mut settings);
    let seq = Ended(&world.core).seq() + 1;
    world.core = gone_on(&world.core, tables, settings, seq).expect("it fits");
    assert_eq!(world.core.seq(), seq);
}

fn fee_ppm(world: &World) -> i64 {
    let pair = world.core.pairs()[0].id;
    let look = world.core.look(pair);
    look.edge_gross_ppm - look.edge_net_ppm
}

#[test]
fn a_limit_that_is_already_passed_halts_before_the_next_event() {
    let mut world = World::quiet(|settings| settings.stale_scope = FeedScope::Market);
    world.now_ns += 2 * SECOND;
    let event = world.event(COINBASE, Body::Timer);
    world.step(&event);
    assert_eq!(world.halts(), []);
    renew(&mut world, |_, settings| settings.limits.feed_age_ns_max = SECOND);
    assert_eq!(world.halts(), [], "nothing is decided without an event");
    let (before, begun) = (world.decisions.len(), world.core.seq());
    let event = world.event(COINBASE, Body::Timer);
    world.step(&event);
    let decided = world.decisions[before];
    assert!(matches!(decided.decision, Decision::Halt(_)), "{decided:?}");
    assert_eq!(decided.seq, begun + 1, "before the event's own number");
    let halts = world.core.desk().halts();
    assert!(halts.find(HaltReason::StaleData, Scope::Market(GEMINI)).is_some());
}

#[test]
fn halts_counts_and_trades_stay() {
    let mut world = World::with_gap(|_| ());
    let trades = world.core.desk().trades().count();
    assert!(trades > 0, "under way");
    world.command(Command::Pause);
    let (halts, reserved) = (world.halts(), world.reserved());
    renew(&mut world, |_, settings| settings.limits.pair_trades_max = 1);
    assert_eq!((world.halts(), world.reserved()), (halts, reserved));
    assert_eq!(world.core.desk().trades().count(), trades);
    world.tick(SECOND);
    assert_eq!(world.ends().len(), trades, "it ends as it would have");
    assert_eq!(world.halts(), [HaltReason::ManualPause]);
    // Its trade counts under the new limit: a second one is one too many.
    world.command(Command::Resume);
    world.book(GEMINI, 7_700, 7_701, 10_000_000);
    world.book(COINBASE, 7_700, 7_701, 10_000_000);
    world.book(GEMINI, 7_800, 7_801, 10_000_000);
    assert_eq!(world.plans().len(), trades);
    assert!(world.halts().contains(&HaltReason::RepeatedExecution), "{:?}", world.halts());
}

#[test]
fn what_is_configured_otherwise_counts_and_what_events_told_stays() {
    let told = Body::Param { key: ParamKey::TakerFee, value: 70 };
    let mut world = World::quiet(|_| ());
    for market in [COINBASE, GEMINI] {
        world.batch(market, &[told]);
    }
    let fee = fee_ppm(&world);
    renew(&mut world, |_, _| ());
    assert_eq!(fee_ppm(&world), fee, "the same configuration says nothing new");
    renew(&mut world, |tables, _| {
        for market in &mut tables.markets {
            market.taker_fee_ppm = 7_000;
        }
    });
    assert!(fee_ppm(&world) > fee + 10_000, "{}", fee_ppm(&world));
    let new = fee_ppm(&world);
    for market in [COINBASE, GEMINI] {
        world.batch(market, &[told]);
    }
    assert_eq!(fee_ppm(&world), fee, "events replace it again");
    assert!(new > fee);
}

#[test]
fn a_state_that_does_not_fit_is_refused() {
    let world = World::quiet(|_| ());
    let (tables, settings) = (funded(), settings(|_| ()));
    let seq = Ended(&world.core).seq();
    for (shows, tables, begin_seq, error) in [
        ("the number of its own end", tables.clone(), seq, StateError::Impossible),
        ("a number before it", tables.clone(), 1, StateError::Impossible),
        (
            "fewer instruments",
            {
                let mut fewer = tables.clone();
                fewer.instruments.pop();
                fewer
            },
            seq + 1,
            StateError::Misfit,
        ),
    ] {
        let found = gone_on(&world.core, tables, settings.clone(), begin_seq);
        assert_eq!(found.map(|_| ()), Err(error), "{shows}");
    }
    let unbegun = Core::with_settings(tables.clone(), settings.clone()).expect("they fit");
    let found = gone_on(&unbegun, tables.clone(), settings.clone(), 9);
    assert_eq!(found.map(|_| ()), Err(StateError::Impossible));
    let core = gone_on(&world.core, tables, settings, seq + 7).expect("a later number");
    assert_eq!(core.seq(), seq + 7);
}

#[test]
fn a_core_that_only_watched_may_begin_to_trade() {
    let mut world = World::quiet(|settings| {
        settings.execution.venues = engine_core::execution::spec::Venues::None;
    });
    let trading = settings(|_| ());
    renew(&mut world, |_, settings| *settings = trading);
    world.book(GEMINI, 7_800, 7_801, 10_000_000);
    assert_eq!(world.plans().len(), 1);
}
