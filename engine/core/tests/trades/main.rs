//! What the desk makes of small, hand-made markets: fills, consumption, balances, lives, landings.

mod ladder;
mod machine;
mod order;
mod random;
mod regress;
mod renew;
mod world;

use engine_core::execution::spec::Retrade;
use engine_core::execution::trade::{Answer, Outcome};
use engine_core::market::balances::Balance;
use engine_core::outbox::Decision;
use engine_core::risk::Check;
use engine_model::{Side, Venue};
use world::{COINBASE, GEMINI, MS, PEG, SECOND, USD, USDC, World};

/// Lots or base units, and quote units, of an order that was not refused.
fn done(answer: Answer) -> (u64, u128) {
    match answer {
        Answer::Done { steps, quote, .. } => (steps, quote.total),
        Answer::Failed { .. } | Answer::Expired => panic!("not filled: {answer:?}"),
    }
}

#[test]
fn a_fill_is_what_the_venue_shows_when_the_order_arrives() {
    let planned = World::with_gap(|_| ()).plans()[0].legs[0].steps;
    // What the row shows, ask that comes before the order does, its size, lots filled, outcome.
    for (shows, ask, lots, filled, outcome) in [
        ("a better price is taken", 7_699, 10_000_000, planned, Outcome::BothFilled),
        ("the price within the limit", 7_704, 10_000_000, planned, Outcome::BothFilled),
        ("less is there", 7_701, 2_000_000, 2_000_000, Outcome::Partial),
        ("the limit is kept", 7_705, 10_000_000, 0, Outcome::NotFilled),
    ] {
        let mut world = World::with_gap(|_| ());
        world.now_ns += 59 * MS;
        world.book(COINBASE, 7_690, ask, lots);
        assert_eq!(world.answers(), [], "{shows}: not there yet");
        world.tick(MS);
        let answers = world.answers();
        assert_eq!(answers[0].0, 60 * MS, "{shows}");
        let (steps, total) = done(answers[0].1);
        assert_eq!(steps, filled, "{shows}");
        let notional = u128::from(steps) * u128::from(ask);
        let fee = notional.div_ceil(100_000);
        assert_eq!(total, notional.div_ceil(100) + fee, "{shows}: fees round up");
        world.tick(SECOND);
        let (found, pnl) = world.only_end();
        assert_eq!(found, outcome, "{shows}");
        assert_eq!(pnl.net > 0, filled > 0, "{shows}: {pnl:?}");
    }
}

#[test]
fn what_a_fill_took_stays_taken_until_the_venue_states_the_level() {
    let mut world = World::with_gap(|_| ());
    world.tick(SECOND);
    let filled = world.plans()[0].legs[0].steps;
    let ask = |world: &World| world.best(COINBASE, Side::Ask).map(|it| it.size_lots);
    let bid = |world: &World| world.best(GEMINI, Side::Bid).map(|it| it.size_lots);
    let left = Some(10_000_000 - filled);
    assert_eq!((ask(&world), bid(&world)), (left, left), "both books are less");
    world.level(COINBASE, Side::Ask, 7_702, 1);
    world.level(COINBASE, Side::Bid, 7_699, 1);
    assert_eq!(ask(&world), left, "other levels say nothing of this one");
    world.level(COINBASE, Side::Ask, 7_701, 9_000_000);
    assert_eq!((ask(&world), bid(&world)), (Some(9_000_000), left), "stated anew");
}

#[test]
fn a_pool_carries_our_swap_until_the_chain_states_it() {
    let mut world = World::with_cheap_pool(|_| ());
    let before = world.root();
    world.now_ns += 800 * MS;
    world.slot(102);
    let carried = world.root();
    assert!(carried > before, "we bought");
    world.tick(MS);
    world.slot(103);
    assert_eq!(world.root(), carried, "a slot alone states nothing");
    world.pool(-25_650, 1 << 46);
    assert_eq!(world.root(), before);
}

#[test]
fn a_chain_leg_lands_in_its_slot() {
    let mut world = World::with_cheap_pool(|_| ());
    world.now_ns += 119 * MS;
    world.slot(101);
    world.tick(400 * MS);
    assert_eq!(world.answers(), [], "one slot is not enough");
    world.slot(102);
    assert_eq!(world.answers().len(), 1);
    assert_eq!(world.answers()[0].0, 519 * MS, "with the slot");
    world.tick(SECOND);
    assert_eq!(world.answers()[1].0, 569 * MS, "the second leg follows the first");
    let (outcome, pnl) = world.only_end();
    assert_eq!(outcome, Outcome::BothFilled);
    assert!(pnl.network > 0 && pnl.tip > 0 && pnl.pool_fees > 0 && pnl.net > 0, "{pnl:?}");

    // The slot has come before the transaction is with a leader: it lands as soon as it is there.
    let mut world = World::with_cheap_pool(|_| ());
    world.now_ns += 50 * MS;
    world.slot(102);
    world.tick(SECOND);
    assert_eq!(world.answers()[0].0, 120 * MS);
}

#[test]
fn a_leg_that_fails_to_land_costs_its_fees_and_no_tip() {
    let mut tables = world::funded();
    tables.costs.landing_failure_ppm = 1_000_000;
    let mut world = World::cheap_pool_in(tables, |_| ());
    world.now_ns += 800 * MS;
    world.slot(102);
    let (outcome, pnl) = world.only_end();
    assert_eq!(outcome, Outcome::FailedLanding);
    // 15,000 lamports at 77.01 a coin.
    assert_eq!((pnl.network, pnl.tip, pnl.net), (1_156, 0, -1_156));
    assert_eq!(pnl.gross, 0);
    assert_eq!(world.reserved(), 0);
}

#[test]
fn a_swap_beyond_its_limit_fails_and_pays() {
    let mut world = World::with_cheap_pool(|_| ());
    // One tick is one basis point: ten are more than the limit allows.
    world.pool(-25_640, 1 << 46);
    let before = world.root();
    world.now_ns += 800 * MS;
    world.slot(102);
    assert!(matches!(world.answers()[0].1, Answer::Failed { by_limit: true, .. }));
    assert_eq!(world.root(), before, "nothing is carried");
    let (outcome, pnl) = world.only_end();
    assert_eq!((outcome, pnl.net), (Outcome::FailedLanding, -1_156));
}

#[test]
fn a_chain_leg_expires_when_the_chain_stands_still() {
    let mut world = World::with_cheap_pool(|it| it.execution.landing_timeout_ns = SECOND);
    assert!(world.reserved() > 0);
    world.tick(SECOND + 119 * MS);
    assert_eq!(world.answers(), []);
    world.tick(MS);
    assert_eq!(world.answers(), [(1_120 * MS, Answer::Expired)]);
    let (outcome, pnl) = world.only_end();
    assert_eq!((outcome, pnl.net), (Outcome::NotFilled, 0), "what never landed costs nothing");
    assert_eq!(world.reserved(), 0);
    // The slot comes after all: nobody lands twice.
    let before = world.root();
    world.slot(102);
    assert_eq!((world.answers().len(), world.root()), (1, before));
}

#[test]
fn balances_are_promised_spent_and_released() {
    let mut world = World::with_gap(|_| ());
    let plan = world.plans()[0];
    let balance = |world: &World, venue: Venue, asset| {
        let found =
            world.core.balances().list().iter().find(|it| (it.venue, it.asset) == (venue, asset));
        let found = found.expect("configured");
        (found.total.expect("configured"), found.reserved)
    };
    let (usd, sol) = (10_000_000_000, 100_000_000_000);
    assert_eq!(balance(&world, Venue::Coinbase, USD), (usd, plan.legs[0].need));
    assert_eq!(balance(&world, Venue::Gemini, world::SOL), (sol, plan.legs[1].need));
    world.tick(60 * MS);
    let paid = done(world.answers()[0].1).1;
    assert!(paid <= plan.legs[0].need);
    assert_eq!(balance(&world, Venue::Coinbase, USD), (usd - paid, 0));
    assert_eq!(balance(&world, Venue::Gemini, world::SOL), (sol, plan.legs[1].need));
    world.tick(50 * MS);
    let received = done(world.answers()[1].1).1;
    // A lot of 10⁻⁶ is a thousand of the coin's own units.
    let moved = u128::from(plan.legs[0].steps) * 1_000;
    assert_eq!(balance(&world, Venue::Coinbase, world::SOL), (sol + moved, 0));
    assert_eq!(balance(&world, Venue::Gemini, world::SOL), (sol - moved, 0));
    assert_eq!(balance(&world, Venue::Gemini, USD), (usd + received, 0));
    let (_, pnl) = world.only_end();
    let change = |amount: u128| i128::try_from(amount).expect("small");
    assert_eq!(pnl.net, change(received) - change(paid), "the result is what the balances say");
    assert_eq!((pnl.residual, pnl.conversion, pnl.net_numeraire), (0, 0, pnl.net));
}

#[test]
fn a_result_across_currencies_is_the_balances_at_the_decisions_rates() {
    let mut world = World::with_cheap_pool(|_| ());
    world.now_ns += 800 * MS;
    // The peg moves while the transaction is on its way: no part of the trade's result.
    world.book(PEG, 99_800, 99_802, 1_000_000_000_000);
    world.slot(102);
    world.tick(SECOND);
    let (paid, received) = (done(world.answers()[0].1).1, done(world.answers()[1].1).1);
    // USDC had to be bought at 1.00001 and 0.1 % fee; 0.001 % off for wrapping the coin.
    let cost = (paid * 100_001 * 1_001).div_ceil(100_000 * 1_000);
    let wrapped = (cost * 10).div_ceil(1_000_000);
    let (_, pnl) = world.only_end();
    let spent = cost + wrapped + 1_156 + 771;
    assert_eq!(
        pnl.net,
        i128::try_from(received).expect("small") - i128::try_from(spent).expect("small")
    );
    assert_eq!((pnl.network, pnl.tip), (1_156, 771));
    let on_chain = |it: &&Balance| (it.venue, it.asset) == (Venue::Solana, USDC);
    let usdc = world.core.balances().list().iter().find(on_chain).expect("configured");
    assert_eq!((usdc.total, usdc.reserved), (Some(10_000_000_000 - paid), 0));
}

#[test]
fn one_trade_a_life_unless_configured() {
    let trades = |retrade, restated| {
        let mut world = World::with_gap(|it| it.execution.retrade = retrade);
        for _ in 0..5 {
            world.tick(SECOND);
            world.level(COINBASE, Side::Bid, 7_690, 1);
            world.level(GEMINI, Side::Ask, 7_900, 1);
            if restated {
                world.book(GEMINI, 7_700, 7_701, 10_000_000);
                world.book(GEMINI, 7_800, 7_801, 10_000_000);
            }
        }
        world.plans().iter().map(|plan| plan.legs[0].steps).collect::<Vec<_>>()
    };
    let once = trades(Retrade::Once, false);
    assert_eq!(once.len(), 1);
    let again = trades(Retrade::Again, false);
    // What the first has left is the second's; then there is no more.
    assert_eq!(again, [once[0], 10_000_000 - once[0]]);
    assert!(trades(Retrade::Once, true).len() > 1, "another life is another trade");
}

#[test]
fn trades_on_one_market_follow_each_other() {
    let mut world = World::quiet(|_| ());
    world.slot(100);
    world.pool(-25_650, 1 << 46);
    world.book(GEMINI, 7_800, 7_801, 10_000_000);
    assert_eq!(world.plans().len(), 1, "the more profitable of the two first");
    let refused: Vec<Check> = world
        .decisions
        .iter()
        .filter_map(|it| {
            if let Decision::Refused(refusal) = it.decision {
                Some(refusal.denial.check)
            } else {
                None
            }
        })
        .collect();
    assert!(refused.contains(&Check::MarketPairsInFlight), "{refused:?}");
}
