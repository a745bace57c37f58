//! What once went wrong: unwinds in pools, halts that could not be left, feeds in doubt, promised
//! balances, positions of trades under way.

use engine_core::execution::trade::{Outcome, Purpose};
use engine_core::market::balances::Balance;
use engine_core::outbox::{Decision, Refusal};
use engine_core::risk::Check;
use engine_core::risk::halt::{HaltReason, Scope};
use engine_core::risk::staleness::FeedScope;
use engine_core::tables::{BaseToken, InstrumentSpec, MarketKind, Tables};
use engine_model::event::halves;
use engine_model::{Body, Command, DoubtReason, MarketId, Role, Venue};
use engine_poolmath::whirlpool::sqrt_price_at_tick;
use proptest::prelude::*;

use super::world::{
    COINBASE, GEMINI, MS, PEG, POOL, SECOND, SOL, USDC, World, funded, pool_bodies, settings,
};

const DOUBT: Body = Body::BookDoubt { reason: DoubtReason::SequenceGap };

fn clear(reason: HaltReason) -> Command {
    Command::ClearHalt { reason: reason as u8, role: Role::Admin }
}

/// Purposes and checks of the hedges that were refused; none where there was no price.
fn refused_hedges(world: &World) -> Vec<(Purpose, Option<Check>)> {
    let refused = world.decisions.iter().filter_map(|it| {
        let Decision::HedgeRefused { hedge, denial, .. } = it.decision else { return None };
        Some((hedge.purpose, denial.map(|denial| denial.check)))
    });
    refused.collect()
}

fn refusals(world: &World) -> Vec<Refusal> {
    let refused = world.decisions.iter().filter_map(|it| {
        if let Decision::Refused(refusal) = it.decision { Some(refusal) } else { None }
    });
    refused.collect()
}

/// A pool of a coin, and where its price lies.
#[derive(Clone, Copy, Debug)]
struct Coin {
    base: BaseToken,
    /// Places of the coin; its quote has six.
    decimals: u8,
    /// Tick of the coin as token A near which prices are drawn.
    tick: i32,
    liquidity: u128,
}

/// Coins as they trade: near 77 with nine places, and near 60,000 with eight, where one of the
/// coin's units is worth hundreds of its quote's.
const COINS: [(u8, i32, u128); 2] = [(9, -25_650, 1 << 46), (8, 63_970, 1 << 50)];

/// Ticks of a tick array.
const SPAN: i32 = 88 * 64;

/// Cents per whole coin at a square-root price, rounded down.
fn cents(coin: &Coin, sqrt_price: u128) -> u64 {
    let root = match coin.base {
        BaseToken::A => sqrt_price,
        BaseToken::B => u128::MAX / sqrt_price,
    };
    let root = root >> 32;
    let scale = 100 * 10_u128.pow(u32::from(coin.decimals) - 6);
    u64::try_from((root * root * scale) >> 64).expect("a price")
}

/// A trade between a pool at this price and Gemini, begun in the pool, whose book then goes away.
fn missed_after_a_pool(coin: &Coin, sqrt_price: u128, tick: i32, lots: u64, dear: bool) -> World {
    let mut tables = funded();
    tables.costs.landing_failure_ppm = 0;
    tables.markets[POOL.index()].kind = MarketKind::Pool { base: coin.base };
    for asset in [1, 3] {
        tables.assets[asset].decimals = coin.decimals;
    }
    for instrument in &mut tables.instruments {
        instrument.base_balance = Some(10_u128.pow(18));
        instrument.quote_balance = Some(10_u128.pow(18));
    }
    let mut world = World::new(
        tables,
        settings(|it| {
            let limits = &mut it.limits;
            limits.order_notional_usd_micros_max = i128::from(u64::MAX);
            limits.position_usd_micros_max = i128::from(u64::MAX);
            limits.unhedged_usd_micros_max = i128::from(u64::MAX);
            limits.daily_loss_usd_micros = i128::from(u64::MAX);
        }),
    );
    let price = cents(coin, sqrt_price);
    world.book(PEG, 99_999, 100_001, 10_u64.pow(15));
    world.book(COINBASE, price, price + 1, lots);
    world.batch(COINBASE, &[Body::Status { tradable: 0 }]);
    world.slot(100);
    let mut bodies = pool_bodies(tick, coin.liquidity, 64);
    for body in &mut bodies {
        if let Body::PoolPrice { sqrt_price_hi, sqrt_price_lo, .. } = body {
            let [lo, hi] = halves(sqrt_price);
            (*sqrt_price_hi, *sqrt_price_lo) = (u32::try_from(hi).expect("in range"), lo);
        }
    }
    world.batch(POOL, &bodies);
    // 1.3 % apart: what trades cost is less, and what is too good to be true is more.
    let away = price * 13 / 1_000;
    let book = if dear { price - away } else { price + away };
    world.book(GEMINI, book, book + 1, lots);
    world.now_ns += 800 * MS;
    world.slot(102);
    world.batch(GEMINI, &[DOUBT]);
    for slot in 103..115 {
        world.tick(400 * MS);
        world.slot(slot);
    }
    world
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn an_unwind_in_a_pool_is_not_refused_for_its_rounding(
        which in 0..COINS.len(),
        is_base_a in any::<bool>(),
        dear in any::<bool>(),
        offset in -4_000..4_000_i32,
        within in 0..1_000_000_u128,
        lots in 100_000..10_000_000_u64,
    ) {
        let (decimals, near, liquidity) = COINS[which];
        let base = if is_base_a { BaseToken::A } else { BaseToken::B };
        let tick = if is_base_a { near + offset } else { -near - offset };
        // Away from the ends of a tick array: a swap there asks for more arrays than are stated.
        let tick = tick.div_euclid(SPAN) * SPAN + tick.rem_euclid(SPAN).clamp(128, SPAN - 128);
        let coin = Coin { base, decimals, tick, liquidity };
        let [low, high] = [sqrt_price_at_tick(coin.tick), sqrt_price_at_tick(coin.tick + 1)];
        let sqrt_price = low + (high - low) * within / 1_000_000;
        let world = missed_after_a_pool(&coin, sqrt_price, coin.tick, lots, dear);
        prop_assert_eq!(world.plans().len(), 1, "refused: {:?}", refusals(&world).first());
        let refused = refused_hedges(&world);
        let found = refused.iter().find(|it| it.0 != Purpose::Again);
        prop_assert!(found.is_none(), "refused: {:?}", refused);
        let outcomes: Vec<Outcome> = world.ends().iter().map(|end| end.outcome).collect();
        prop_assert_eq!(outcomes, [Outcome::MissedUnwound]);
    }
}

#[test]
fn a_person_ends_what_a_hand_over_began() {
    let mut world = World::with_gap(|_| ());
    world.tick(60 * MS);
    for market in [COINBASE, GEMINI] {
        world.batch(market, &[DOUBT]);
    }
    world.tick(SECOND);
    assert_eq!(world.only_end().0, Outcome::HandedOver);
    // Long after: what is left open has grown old, and everything that watches it has spoken.
    let restate = |world: &mut World, gemini| {
        world.book(PEG, 99_999, 100_001, 1_000_000_000_000);
        world.book(COINBASE, 7_700, 7_701, 10_000_000);
        world.book(GEMINI, gemini, gemini + 1, 10_000_000);
    };
    for _ in 0..400 {
        world.tick(SECOND);
        restate(&mut world, 7_700);
    }
    // There is no pool here: its feed is stale all along, and no other pair's matter.
    let halts_but_stale = |world: &World| {
        let mut halts = world.halts();
        halts.retain(|reason| *reason != HaltReason::StaleData);
        halts
    };
    let halts = world.halts();
    for reason in [HaltReason::BrokenTrade, HaltReason::UnhedgedExposure] {
        assert!(halts.contains(&reason), "{halts:?}");
    }
    restate(&mut world, 7_800);
    assert_eq!(world.plans().len(), 1, "halted");
    restate(&mut world, 7_700);

    world.command(clear(HaltReason::BrokenTrade));
    for reason in world.halts() {
        world.command(clear(reason));
    }
    assert_eq!(halts_but_stale(&world), []);
    for _ in 0..10 {
        world.tick(SECOND);
        restate(&mut world, 7_700);
    }
    assert_eq!(halts_but_stale(&world), [], "nothing of it comes back");
    restate(&mut world, 7_800);
    assert_eq!(world.plans().len(), 2, "{:?}", refusals(&world).last());
}

#[test]
fn a_book_in_doubt_goes_stale_whatever_its_connection_says() {
    for (feed, scope) in
        [(FeedScope::Market, Scope::Market(COINBASE)), (FeedScope::Global, Scope::Global)]
    {
        let mut world = World::quiet(|it| it.stale_scope = feed);
        world.slot(100);
        world.pool(-25_650, 1 << 46);
        world.batch(COINBASE, &[DOUBT]);
        for second in 1..=11 {
            world.now_ns += SECOND;
            world.book(GEMINI, 7_700, 7_701, 10_000_000);
            world.book(PEG, 99_999, 100_001, 1_000_000_000_000);
            world.slot(100 + second);
            // The connection lives: its counters, its heartbeats, and changes of what is in doubt.
            world.batch(COINBASE, &[Body::Timer]);
            world.batch(COINBASE, &[Body::Heartbeat { counter: second }]);
            world.level(COINBASE, engine_model::Side::Bid, 7_699, second);
            let halts: Vec<_> =
                world.core.desk().halts().iter().map(|it| (it.reason, it.scope)).collect();
            if second <= 10 {
                assert_eq!(halts, [], "{second} s");
            } else {
                assert_eq!(halts, [(HaltReason::StaleData, scope)], "{second} s");
            }
        }
    }
}

#[test]
fn an_unwind_leaves_what_another_trade_was_promised() {
    // What the row shows, when the second trade begins, what becomes of the first.
    for (shows, has_other, outcome) in [
        ("what was bought is there to be sold", false, Outcome::MissedUnwound),
        ("what was bought is promised to another trade", true, Outcome::HandedOver),
    ] {
        let mut tables = funded();
        // Coinbase has no coin of its own: all that is there comes from the first trade.
        tables.instruments[0].base_balance = Some(0);
        tables.instruments[1].base_balance = Some(0);
        tables.costs.landing_failure_ppm = 0;
        let settings = settings(|it| {
            it.limits.market_pairs_in_flight_max = 2;
            it.limits.unhedged_usd_micros_max = 10_000_000_000;
        });
        let mut world = World::quiet_in(tables, settings);
        world.slot(100);
        world.book(GEMINI, 7_800, 7_801, 10_000_000);
        world.tick(60 * MS);
        assert_eq!((world.plans().len(), world.answers().len()), (1, 1), "{shows}");
        world.batch(GEMINI, &[DOUBT]);
        world.tick(10 * MS);
        let coins = |world: &World| {
            let is_it = |it: &&Balance| (it.venue, it.asset) == (Venue::Coinbase, SOL);
            let found = world.core.balances().list().iter().find(is_it).expect("configured");
            (found.total.expect("configured"), found.reserved)
        };
        let bought = coins(&world).0;
        assert!(bought > 0 && coins(&world).1 == 0, "{shows}");
        if has_other {
            world.pool(-25_800, 1 << 46);
            assert_eq!(world.plans().len(), 2, "{shows}: {:?}", refusals(&world).last());
            assert!(coins(&world).1 > 0, "{shows}");
        }
        world.tick(SECOND);
        let refused = refused_hedges(&world);
        let for_balance = refused.iter().filter(|it| it.1 == Some(Check::Balance)).count();
        assert_eq!(world.ends()[0].outcome, outcome, "{shows}: {refused:?}");
        assert_eq!(for_balance > 0, has_other, "{shows}: {refused:?}");
        let (total, reserved) = coins(&world);
        assert!(reserved <= total, "{shows}: {reserved} of {total} promised");
    }
}

#[test]
fn a_currencys_position_counts_the_trades_under_way() {
    // What the row shows, limit of a position in dollars, whether the currency's refuses the second.
    for (shows, limit_usd, is_refused) in
        [("room for one", 700, true), ("room for both", 100_000, false)]
    {
        let mut tables = funded();
        tables.costs.landing_failure_ppm = 0;
        let settings = settings(|it| {
            it.limits.market_pairs_in_flight_max = 2;
            it.limits.position_usd_micros_max = limit_usd * 1_000_000;
            it.limits.duplicate_window_ns = 0;
        });
        let mut world = World::quiet_in(tables, settings);
        world.slot(100);
        // Bought with USDC on chain, sold at Gemini, and at Coinbase.
        world.pool(-25_800, 1 << 46);
        let spent: Vec<_> = world.plans().iter().map(|plan| plan.legs[0].need).collect();
        assert_eq!(spent.len(), if is_refused { 1 } else { 2 }, "{shows}: {:?}", refusals(&world));
        assert!(spent.iter().all(|units| (400_000_000..500_000_000).contains(units)), "{spent:?}");
        let of_usdc = |it: &Refusal| it.failed.contains(Check::SettlementPosition);
        assert_eq!(refusals(&world).iter().any(of_usdc), is_refused, "{shows}");
        let is_it = |it: &&Balance| (it.venue, it.asset) == (Venue::Solana, USDC);
        let usdc = world.core.balances().list().iter().find(is_it).expect("configured");
        assert_eq!(usdc.reserved, spent.iter().sum(), "{shows}");
    }
}

/// Twenty books of one coin, half of them at Coinbase, half at Gemini.
fn twenty_books() -> Tables {
    let mut tables = funded();
    let (coinbase, gemini) = (tables.markets[0], tables.markets[1]);
    let usd = tables.instruments[0].settles_in;
    for more in 0..18_u16 {
        let market = MarketId(u16::try_from(tables.markets.len()).expect("few"));
        tables.markets.push(if more % 2 == 0 { coinbase } else { gemini });
        let instrument = InstrumentSpec { market, settles_in: usd, ..tables.instruments[0] };
        tables.instruments.push(instrument);
    }
    tables
}

#[test]
fn any_number_of_feeds_may_go_stale_at_once() {
    let tables = twenty_books();
    let books: Vec<MarketId> = (0..tables.markets.len())
        .map(|index| MarketId(u16::try_from(index).expect("few")))
        .filter(|market| ![PEG, POOL].contains(market))
        .collect();
    assert_eq!(books.len(), 20);
    let mut world = World::new(tables, settings(|_| ()));
    world.book(PEG, 99_999, 100_001, 1_000_000_000_000);
    world.tick(11 * SECOND);
    let mut scopes: Vec<Scope> = world.core.desk().halts().iter().map(|it| it.scope).collect();
    scopes.sort_unstable();
    let expected: Vec<Scope> = books.into_iter().chain([POOL]).map(Scope::Market).collect();
    let mut expected = expected;
    expected.sort_unstable();
    assert_eq!(scopes, expected, "each its own, and nothing else");
    assert!(world.halts().iter().all(|reason| *reason == HaltReason::StaleData));
}

#[test]
fn clearing_a_reason_clears_the_scopes_that_may_go() {
    // Whichever comes first in the set: the one that has to stay does not hold the other.
    for (back, gone) in [(COINBASE, GEMINI), (GEMINI, COINBASE)] {
        let mut world = World::quiet(|_| ());
        world.slot(100);
        world.pool(-25_650, 1 << 46);
        for second in 1..=11 {
            world.tick(SECOND);
            world.slot(100 + second);
            world.pool(-25_650, 1 << 46);
        }
        assert_eq!(world.halts(), [HaltReason::StaleData; 2]);
        world.book(back, 7_700, 7_701, 10_000_000);
        world.command(clear(HaltReason::StaleData));
        let left: Vec<Scope> = world.core.desk().halts().iter().map(|it| it.scope).collect();
        assert_eq!(left, [Scope::Market(gone)], "{back:?} is back");
        let said = world.decisions.last().map(|it| it.decision.name());
        assert_eq!(said, Some("command_refused"), "and not all of it was done");
        world.book(gone, 7_700, 7_701, 10_000_000);
        world.command(clear(HaltReason::StaleData));
        assert_eq!(world.halts(), []);
        assert_eq!(world.decisions.last().map(|it| it.decision.name()), Some("command_taken"));
    }
}
