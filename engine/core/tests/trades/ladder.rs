//! What happens when the second leg is missed, and what operators may do meanwhile.

use engine_core::execution::trade::{Outcome, Purpose};
use engine_core::outbox::{Decision, Fate};
use engine_core::risk::halt::{HaltReason, Scope};
use engine_model::grid::Step;
use engine_model::{Body, Command, DoubtReason, Grid, Side};

use super::world::{COINBASE, GEMINI, MS, SECOND, World, funded, settings};

/// What happens to a world.
type Change = fn(&mut World);

/// Purposes of the orders that were sent, in order.
fn purposes(world: &World) -> Vec<Purpose> {
    world.sent().iter().map(engine_core::execution::Order::purpose).collect()
}

/// The first leg is filled, the second on its way.
fn half_done(world: &mut World) {
    world.tick(60 * MS);
    assert_eq!(world.answers().len(), 1);
    assert_eq!(world.core.desk().trades().count(), 1);
}

#[test]
fn a_missed_second_leg_is_tried_again() {
    let mut world = World::with_gap(|_| ());
    half_done(&mut world);
    // Thirteen basis points lower: beyond the limit, within the bound of a hedge.
    world.book(GEMINI, 7_790, 7_791, 10_000_000);
    world.tick(SECOND);
    assert_eq!(purposes(&world), [Purpose::Open, Purpose::Open, Purpose::Again]);
    assert_eq!(world.answers()[2].0, (60 + 50 + 50) * MS, "each takes its way");
    let (outcome, pnl) = world.only_end();
    assert_eq!(outcome, Outcome::MissedHedged);
    assert_eq!(pnl.residual, 0);
    assert_eq!(world.reserved(), 0);
}

#[test]
fn what_cannot_be_hedged_is_taken_back() {
    let vanish = |world: &mut World| {
        world.batch(GEMINI, &[Body::BookDoubt { reason: DoubtReason::SequenceGap }]);
    };
    let fall = |world: &mut World| world.book(GEMINI, 7_790, 7_791, 10_000_000);
    // What the row shows, how long the missed leg may be tried, what becomes of it.
    let rows: [(&str, u64, Change); 2] =
        [("no price to hedge at", 2 * SECOND, vanish), ("too late to try again", 49 * MS, fall)];
    for (shows, hedge_timeout_ns, change) in rows {
        let mut world = World::with_gap(|it| it.execution.hedge_timeout_ns = hedge_timeout_ns);
        half_done(&mut world);
        change(&mut world);
        world.tick(SECOND);
        assert_eq!(purposes(&world), [Purpose::Open, Purpose::Open, Purpose::Unwind], "{shows}");
        let (outcome, pnl) = world.only_end();
        assert_eq!(outcome, Outcome::MissedUnwound, "{shows}");
        assert!(pnl.net < 0 && pnl.residual == 0, "{shows}: {pnl:?}");
        let (bought, sold) = (world.ends()[0].trade.moved()[0], world.ends()[0].trade.moved()[1]);
        assert_eq!(bought.bought_atoms, bought.sold_atoms, "{shows}: on the same market");
        assert_eq!((sold.bought_atoms, sold.sold_atoms), (0, 0), "{shows}");
        assert_eq!(world.reserved(), 0, "{shows}");
    }
}

#[test]
fn a_trade_that_nothing_can_close_is_handed_over_and_stops_everything() {
    let mut world = World::with_gap(|_| ());
    half_done(&mut world);
    for market in [COINBASE, GEMINI] {
        world.batch(market, &[Body::BookDoubt { reason: DoubtReason::SequenceGap }]);
    }
    world.tick(SECOND);
    let (outcome, pnl) = world.only_end();
    assert_eq!(outcome, Outcome::HandedOver);
    // Nobody shows a price: it counts at its cost, less two percent.
    let paid = world.ends()[0].trade.moved()[0].paid;
    assert_eq!(pnl.residual, i128::try_from(paid * 98 / 100).expect("small"));
    assert_eq!(world.reserved(), 0);
    let halt = world.core.desk().halts().iter().find(|it| it.reason == HaltReason::BrokenTrade);
    assert_eq!(halt.map(|halt| halt.scope), Some(Scope::Global));
    let refused =
        world.decisions.iter().filter(|it| matches!(it.decision, Decision::HedgeRefused { .. }));
    assert_eq!(refused.count(), 3, "each rung says why");

    world.book(COINBASE, 7_700, 7_701, 10_000_000);
    world.book(GEMINI, 7_700, 7_701, 10_000_000);
    world.book(GEMINI, 7_800, 7_801, 10_000_000);
    world.book(GEMINI, 7_700, 7_701, 10_000_000);
    assert_eq!(world.plans().len(), 1, "nothing new begins");
    let fates: Vec<Fate> = world
        .decisions
        .iter()
        .filter_map(
            |it| if let Decision::Closed { fate, .. } = it.decision { Some(fate) } else { None },
        )
        .collect();
    assert!(fates.contains(&Fate::Halted(HaltReason::BrokenTrade)), "{fates:?}");
}

#[test]
fn an_unwind_climbs_to_the_wider_bound_once() {
    let mut world = World::with_gap(|_| ());
    half_done(&mut world);
    world.batch(GEMINI, &[Body::BookDoubt { reason: DoubtReason::SequenceGap }]);
    // The middle is 80 basis points above the only bid: beyond the first bound.
    world.book(COINBASE, 7_640, 7_764, 10_000_000);
    world.tick(SECOND);
    assert_eq!(purposes(&world), [Purpose::Open, Purpose::Open, Purpose::UnwindHard]);
    assert_eq!(world.only_end().0, Outcome::MissedUnwound);
}

#[test]
fn a_pause_lets_a_half_done_trade_finish_and_a_kill_does_not() {
    for (command, outcome, orders) in [
        (Command::Pause, Outcome::BothFilled, 2),
        (Command::ReduceOnly, Outcome::BothFilled, 2),
        (Command::Kill, Outcome::HandedOver, 1),
    ] {
        let mut world = World::with_gap(|_| ());
        world.tick(10 * MS);
        world.command(command);
        world.tick(SECOND);
        assert_eq!(world.only_end().0, outcome, "{command:?}");
        assert_eq!(world.sent().len(), orders, "{command:?}");
        assert_eq!(world.reserved(), 0, "{command:?}");
        world.book(GEMINI, 7_700, 7_701, 10_000_000);
        world.book(GEMINI, 7_800, 7_801, 10_000_000);
        assert_eq!(world.plans().len(), 1, "{command:?}: nothing new");
    }
    // A missed leg is hedged under a pause, too.
    let mut world = World::with_gap(|_| ());
    half_done(&mut world);
    world.command(Command::Pause);
    world.book(GEMINI, 7_790, 7_791, 10_000_000);
    world.tick(SECOND);
    assert_eq!(world.only_end().0, Outcome::MissedHedged);
    // And not after a kill.
    let mut world = World::with_gap(|_| ());
    half_done(&mut world);
    world.command(Command::Kill);
    world.book(GEMINI, 7_790, 7_791, 10_000_000);
    world.tick(SECOND);
    assert_eq!(world.only_end().0, Outcome::HandedOver);
    assert_eq!(world.sent().len(), 2);
}

#[test]
fn what_no_venue_takes_is_left_and_counted() {
    // Gemini trades thousandths, Coinbase millionths but nothing under a dollar.
    let mut tables = funded();
    let grid = Grid { tick: Step::decimal(2), lot: Step::decimal(3) };
    tables.markets[1].kind = engine_core::tables::MarketKind::Book { grid };
    tables.markets[0].min_order_notional = 1_000_000;
    // What the row shows, lots left at Coinbase when the order arrives, lots that can be sold.
    for (shows, lots, sold) in
        [("dust beside a fill", 2_000_999, 2_000_000), ("nothing but dust", 999, 0)]
    {
        let mut world = World::quiet_in(tables.clone(), settings(|_| ()));
        world.book(GEMINI, 7_800, 7_801, 10_000);
        world.tick(10 * MS);
        world.level(COINBASE, Side::Ask, 7_701, lots);
        world.tick(SECOND);
        let (outcome, pnl) = world.only_end();
        assert_eq!(outcome, Outcome::Partial, "{shows}");
        let moved = world.ends()[0].trade.moved()[1];
        assert_eq!(moved.sold_atoms, sold, "{shows}");
        // 999 millionths at Coinbase's bid, rounded down, the lower of both.
        assert_eq!(pnl.residual, 76_923, "{shows}");
        assert_eq!(world.halts(), [], "{shows}");
        assert_eq!(world.reserved(), 0, "{shows}");
    }
}

#[test]
fn what_is_left_counts_in_the_currency_that_the_leg_settles_in() {
    let mut tables = funded();
    // Dollars with two places, and only the alias in USDC, with six, can pay at Coinbase.
    tables.assets[0].decimals = 2;
    tables.instruments[0].quote_balance = None;
    tables.instruments[1].quote_balance = Some(10_000_000_000);
    let grid = Grid { tick: Step::decimal(2), lot: Step::decimal(3) };
    tables.markets[1].kind = engine_core::tables::MarketKind::Book { grid };
    tables.markets[0].min_order_notional = 100;
    let mut world = World::quiet_in(tables, settings(|_| ()));
    world.book(GEMINI, 7_800, 7_801, 10_000);
    world.tick(10 * MS);
    world.level(COINBASE, Side::Ask, 7_701, 2_000_999);
    world.tick(SECOND);
    let (outcome, pnl) = world.only_end();
    assert_eq!(outcome, Outcome::Partial);
    // 7.69 cents at Coinbase, through USDC 7.68: rounded down.
    assert_eq!(pnl.residual, 7);
}
