//! Order and time: timers at one deadline, late events, ticks.

use engine_core::Taken;
use engine_core::execution::spec::LegOrder;
use engine_core::outbox::Decision;
use engine_model::Body;

use super::world::{GEMINI, MS, SECOND, START, World};

fn state(world: &World) -> Vec<u8> {
    postcard::to_allocvec(&world.core).expect("a state can be written")
}

#[test]
fn orders_of_one_deadline_are_answered_in_their_order() {
    let mut world = World::with_gap(|it| {
        it.execution.leg_order = LegOrder::Simultaneous;
        it.execution.latency_ns = [70 * MS; 4];
    });
    assert_eq!(world.sent().len(), 2, "both at once");
    world.tick(SECOND);
    let answered: Vec<(u64, u8)> = world
        .decisions
        .iter()
        .filter_map(|it| {
            if let Decision::Answered { order, .. } = it.decision {
                Some((it.at_ns - START, order.leg))
            } else {
                None
            }
        })
        .collect();
    assert_eq!(answered, [(70 * MS, 0), (70 * MS, 1)]);
}

#[test]
fn a_timer_fires_at_its_deadline_before_the_event_that_comes_with_it() {
    let mut world = World::with_gap(|_| ());
    world.now_ns += 60 * MS;
    // The book that would have refused the order comes in the same nanosecond: too late.
    world.book(super::world::COINBASE, 7_800, 7_801, 10_000_000);
    let at: Vec<u64> = world.answers().iter().map(|(at_ns, _)| *at_ns).collect();
    assert_eq!(at, [60 * MS]);
    assert!(matches!(
        world.answers()[0].1,
        engine_core::execution::trade::Answer::Done { steps: 1.., .. }
    ));
    // The clock jumps: every deadline on the way is its own moment.
    world.tick(3_600 * SECOND);
    assert_eq!(world.answers()[1].0, 110 * MS);
    assert!(world.decisions.is_sorted_by_key(|it| it.at_ns), "time never runs back");
    assert!(world.decisions.is_sorted_by(|a, b| a.seq < b.seq), "each has a number of its own");
}

#[test]
fn a_late_event_is_taken_at_the_time_that_was_reached() {
    let mut world = World::with_gap(|_| ());
    world.tick(30 * MS);
    world.level(GEMINI, engine_model::Side::Ask, 7_900, 1);
    let now_ns = world.core.now_ns();
    assert_eq!(now_ns, START + 30 * MS);
    world.now_ns = START - 5 * SECOND;
    world.level(GEMINI, engine_model::Side::Ask, 7_901, 1);
    assert_eq!(world.core.now_ns(), now_ns);
    world.now_ns = START + 59 * MS;
    world.tick(0);
    assert_eq!(world.answers(), [], "the order's time has not come");
    world.tick(MS);
    assert_eq!(world.answers().len(), 1);
}

#[test]
fn a_tick_without_a_due_timer_changes_nothing() {
    let mut world = World::with_gap(|_| ());
    let (before, seq) = (state(&world), world.core.seq());
    let decided = world.decisions.len();
    for _ in 0..59 {
        assert_eq!(world.tick(MS), Taken::Ignored);
    }
    assert_eq!(world.core.seq(), seq);
    assert!(state(&world) == before, "not a byte");
    assert_eq!(world.tick(MS), Taken::Recorded, "the order is due");
    assert!(state(&world) != before);
    assert!(world.decisions.len() > decided);
    // An event is no tick: it is recorded, whatever it says.
    let event = world.event(GEMINI, Body::Timer);
    assert_eq!(world.step(&event), Taken::Recorded);
}
