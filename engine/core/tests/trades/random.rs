//! Random worlds: nothing panics, nothing stays promised, and money goes nowhere.

use engine_core::Core;
use engine_core::desk::Settings;
use engine_core::execution::spec::{LegOrder, Retrade};
use engine_core::execution::trade::Outcome;
use engine_core::num::ratio::Ratio;
use engine_core::outbox::TradeEnd;
use engine_model::{AssetId, Body, Command, DoubtReason, Role, Side, Venue};
use proptest::prelude::*;

use super::world::{COINBASE, GEMINI, MS, PEG, SECOND, World, funded, settings};

/// Something that happens, with parameters that each kind reads in its own way.
#[derive(Clone, Debug)]
struct Happening {
    kind: u8,
    wait_ms: u64,
    price: u64,
    lots: u64,
}

fn happening() -> impl Strategy<Value = Happening> {
    // Pauses are mostly shorter than a latency, so that much happens while orders are on their way.
    let wait_ms = prop_oneof![12 => 0..40_u64, 3 => 40..500_u64, 1 => 500..3_000_u64];
    let lots =
        prop_oneof![1 => 0..1_000_u64, 4 => 1_000..3_000_000_u64, 4 => 3_000_000..20_000_000_u64];
    (0..24_u8, wait_ms, 0..200_u64, lots).prop_map(|(kind, wait_ms, price, lots)| Happening {
        kind,
        wait_ms,
        price,
        lots,
    })
}

#[derive(Clone, Debug)]
struct Setup {
    order: u8,
    retrade: bool,
    latency_ms: [u64; 4],
    failure_ppm: u32,
    seed: u64,
    coarse_lots: bool,
    hedge_timeout_ms: u64,
}

fn setup() -> impl Strategy<Value = Setup> {
    let failure_ppm = prop_oneof![Just(0_u32), Just(50_000), Just(500_000), Just(1_000_000)];
    let latency_ms = [0..200_u64, 0..200_u64, 0..200_u64, 0..200_u64];
    let timeout = prop_oneof![Just(0_u64), Just(2_000)];
    (0..3_u8, any::<bool>(), latency_ms, failure_ppm, any::<u64>(), any::<bool>(), timeout)
        .prop_map(
            |(order, retrade, latency_ms, failure_ppm, seed, coarse_lots, hedge_timeout_ms)| {
                Setup {
                    order,
                    retrade,
                    latency_ms,
                    failure_ppm,
                    seed,
                    coarse_lots,
                    hedge_timeout_ms,
                }
            },
        )
}

fn built(setup: &Setup) -> (engine_core::Tables, Settings) {
    let mut tables = funded();
    tables.costs.landing_failure_ppm = setup.failure_ppm;
    tables.markets[0].min_order_notional = 1_000_000;
    if setup.coarse_lots {
        let lot = engine_model::grid::Step::decimal(3);
        let tick = engine_model::grid::Step::decimal(2);
        let grid = engine_model::Grid { tick, lot };
        tables.markets[1].kind = engine_core::tables::MarketKind::Book { grid };
        tables.markets[1].min_order_size_e18 = 10_u128.pow(16);
    }
    let settings = settings(|it| {
        it.execution.leg_order = [LegOrder::DexFirst, LegOrder::CexFirst, LegOrder::Simultaneous]
            [usize::from(setup.order)];
        it.execution.retrade = if setup.retrade { Retrade::Again } else { Retrade::Once };
        it.execution.latency_ns = setup.latency_ms.map(|ms| ms * MS);
        it.execution.seed = setup.seed;
        it.execution.landing_timeout_ns = 2 * SECOND;
        it.execution.hedge_timeout_ns = setup.hedge_timeout_ms * MS;
        // The random market is wild: what the checks would stop is let through here, so that more
        // trades meet more accidents.
        let limits = &mut it.limits;
        limits.reference_disagreement_ppm_max = 200_000;
        limits.last_trade_collar_ppm = 200_000;
        limits.drift_collar_ppm = 200_000;
        limits.edge_ppm_max = 200_000;
        limits.failure_trades_min = 1_000;
        limits.consecutive_losses_max = 1_000;
        limits.shortfall_trades = 1_000;
        limits.pair_trades_max = 1_000;
    });
    (tables, settings)
}

fn happen(world: &mut World, slot: &mut u64, it: &Happening, coarse: bool) {
    world.now_ns += it.wait_ms * MS;
    let book = if it.kind.is_multiple_of(2) { COINBASE } else { GEMINI };
    let lots = if coarse && book == GEMINI { it.lots / 1_000 } else { it.lots };
    let side = if it.price.is_multiple_of(2) { Side::Bid } else { Side::Ask };
    match it.kind {
        0..6 => world.book(book, 7_640 + it.price, 7_641 + it.price, lots.max(1)),
        6..10 => world.level(book, side, 7_640 + it.price, lots),
        10..13 => {
            *slot += 1;
            world.slot(*slot);
        }
        13..15 => {
            let ticks = i32::try_from(it.price).expect("small");
            world.pool(-25_750 + ticks, 1 << 46);
        }
        15 | 16 => world.book(PEG, 99_900 + it.price, 99_902 + it.price, 1_000_000_000_000),
        17 => world.batch(book, &[Body::BookDoubt { reason: DoubtReason::SequenceGap }]),
        18 => world.batch(book, &[Body::Status { tradable: u8::from(it.price > 60) }]),
        19 if it.price < 20 => world.command(Command::Pause),
        19 if it.price > 198 => world.command(Command::Kill),
        20 => world.command(Command::Resume),
        21 => {
            let reason = u8::try_from(it.price % 24).expect("small");
            world.command(Command::ClearHalt { reason, role: Role::Admin });
        }
        22 if it.price < 20 => {
            // Late by a second: core time stays.
            world.now_ns -= SECOND;
            world.level(book, side, 7_700, lots);
            world.now_ns += SECOND;
        }
        _ => {
            world.tick(0);
        }
    }
}

/// Long enough for every order, time-out and rung of the ladder.
fn settle(world: &mut World) {
    for _ in 0..40 {
        world.tick(500 * MS);
    }
}

fn amount(units: u128) -> i128 {
    i128::try_from(units).expect("an amount of money")
}

/// The net of a trade that left nothing open, from what moved and the rates at the decision.
fn net_at_recorded_rates(end: &TradeEnd) -> i128 {
    let plan = end.trade.plan();
    let down = |rate: Ratio, units| amount(rate.apply_floor(units).expect("in range"));
    let up = |rate: Ratio, units| amount(rate.apply_ceil(units).expect("in range"));
    let legs = plan.legs.iter().zip(end.trade.moved()).map(|(leg, moved)| {
        let (came, went) =
            (down(leg.worth.dispose, moved.received), up(leg.worth.acquire, moved.paid));
        let value = (came + went) * i128::from(leg.equivalence_ppm);
        came - went - (value + 999_999).div_euclid(1_000_000)
    });
    let (network, tip) = end.trade.lamports();
    legs.sum::<i128>() - up(plan.lamport, network) - up(plan.lamport, tip)
}

fn check(world: &World, setup: &Setup, starts: &[(Venue, AssetId, u128)]) {
    let decisions = &world.decisions;
    assert!(decisions.is_sorted_by_key(|it| it.at_ns), "time runs back");
    assert!(decisions.is_sorted_by(|a, b| a.seq < b.seq), "a number twice");
    assert_eq!(world.core.desk().trades().count(), 0, "a trade goes on for ever");
    assert_eq!(world.reserved(), 0, "something stays promised");
    let count = |name| decisions.iter().filter(|it| it.decision.name() == name).count();
    assert_eq!(count("approved"), count("ended"));
    assert_eq!(count("sent"), count("answered"));
    assert_eq!(count("contradiction"), 0);
    if !setup.retrade {
        let mut lives: Vec<u64> = world.plans().iter().map(|plan| plan.opportunity).collect();
        lives.sort_unstable();
        assert!(lives.is_sorted_by(|a, b| a < b), "a life with two trades");
    }
    let tables = world.core.tables();
    let mut expected: Vec<(Venue, AssetId, i128)> =
        starts.iter().map(|(venue, asset, units)| (*venue, *asset, amount(*units))).collect();
    let mut add = |venue: Venue, asset: AssetId, units: i128| {
        for it in &mut expected {
            if (it.0, it.1) == (venue, asset) {
                it.2 += units;
            }
        }
    };
    for end in world.ends() {
        let pnl = end.pnl.expect("in range");
        let parts = pnl.gross + pnl.residual
            - pnl.taker_fees
            - pnl.pool_fees
            - pnl.network
            - pnl.tip
            - pnl.conversion
            - pnl.rounding;
        assert_eq!(parts, pnl.net, "the parts are the whole");
        if end.trade.imbalance_atoms() == 0 {
            assert_eq!(pnl.residual, 0);
            assert_eq!(pnl.net, net_at_recorded_rates(&end), "{end:?}");
        }
        if end.outcome == Outcome::BothFilled {
            assert_eq!(end.trade.imbalance_atoms(), 0);
        }
        let plan = end.trade.plan();
        for (leg, moved) in plan.legs.iter().zip(end.trade.moved()) {
            let spec = &tables.markets[leg.market.index()];
            let decimals = tables.assets[spec.base.index()].decimals;
            let per_unit = 10_u128.pow(u32::from(plan.atom_places.abs_diff(decimals)));
            let units = |atoms: u128| {
                if plan.atom_places <= decimals { atoms * per_unit } else { atoms / per_unit }
            };
            add(leg.venue, spec.base, amount(units(moved.bought_atoms)));
            add(leg.venue, spec.base, -amount(units(moved.sold_atoms)));
            let settles_in = tables.instruments[leg.instrument.index()].settles_in;
            add(leg.venue, settles_in, amount(moved.received) - amount(moved.paid));
        }
    }
    for (venue, asset, units) in expected {
        let found =
            world.core.balances().list().iter().find(|it| (it.venue, it.asset) == (venue, asset));
        assert_eq!(found.and_then(|it| it.total).map(amount), Some(units), "{venue:?} {asset:?}");
    }
}

fn balances(core: &Core) -> Vec<(Venue, AssetId, u128)> {
    let known = core.balances().list().iter();
    known.filter_map(|it| Some((it.venue, it.asset, it.total?))).collect()
}

/// A world after everything that happens; saved and restored before the happening `restored_at`.
fn lived(setup: &Setup, happenings: &[Happening], restored_at: Option<usize>) -> World {
    let (tables, settings) = built(setup);
    let mut world = World::quiet_in(tables, settings);
    let mut slot = 100;
    world.slot(slot);
    world.pool(-25_650, 1 << 46);
    for (index, it) in happenings.iter().enumerate() {
        if Some(index) == restored_at {
            world.restore();
        }
        happen(&mut world, &mut slot, it, setup.coarse_lots);
    }
    settle(&mut world);
    world
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn money_goes_nowhere_whatever_happens(
        setup in setup(),
        happenings in prop::collection::vec(happening(), 1..160),
    ) {
        let (tables, settings) = built(&setup);
        let starts = balances(&World::new(tables, settings).core);
        check(&lived(&setup, &happenings, None), &setup, &starts);
    }

    #[test]
    fn a_restored_core_decides_as_the_one_that_went_on(
        setup in setup(),
        happenings in prop::collection::vec(happening(), 1..120),
        at in any::<prop::sample::Index>(),
    ) {
        let restored = lived(&setup, &happenings, Some(at.index(happenings.len())));
        let world = lived(&setup, &happenings, None);
        prop_assert!(restored.decisions == world.decisions);
        prop_assert_eq!(restored.core.digest(), world.core.digest());
    }
}
