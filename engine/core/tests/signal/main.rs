//! What the core says of small, hand-made markets: pairs, rates, codes, lives.

mod world;

use engine_core::market::rates::{Quoted, Touch, conversion, find};
use engine_core::market::take::Take;
use engine_core::signal::evaluation::Code;
use engine_core::tables::SameVenuePairs;
use engine_model::{Body, DoubtReason, MarketId, ParamKey, Side};
use world::{COINBASE, GEMINI, ONE, PEG, POOL, SECOND, USD, USDC, World, tables};

// Instruments: 0 coinbase/USD, 1 coinbase/USDC, 2 gemini/USD, 3 peg, 4 pool/USDC.

#[test]
fn pairs_are_of_one_base_and_never_of_one_book() {
    let routes = |tables| -> Vec<(u16, u16)> {
        World::new(tables).core.pairs().iter().map(|pair| (pair.buy.0, pair.sell.0)).collect()
    };
    let expected = [(0, 2), (0, 4), (1, 2), (1, 4), (2, 0), (2, 1), (2, 4), (4, 0), (4, 1), (4, 2)];
    assert_eq!(routes(tables()), expected, "an alias never pairs with its own book");
    let mut same_venue = tables();
    same_venue.markets[1].venue = same_venue.markets[0].venue;
    assert!(!routes(same_venue.clone()).contains(&(0, 2)), "books of one venue");
    same_venue.signal.same_venue_pairs = SameVenuePairs::Include;
    assert!(routes(same_venue).contains(&(0, 2)), "unless asked for");
    let mut apart = tables();
    apart.assets[3].counts_as = world::WSOL;
    assert!(!routes(apart).contains(&(0, 4)), "without a declared equivalence");
}

#[test]
fn a_pair_accounts_in_its_common_settlement_currency() {
    let core = World::new(tables()).core;
    for (buy, sell, money) in [(0, 2, USD), (1, 4, USDC), (0, 4, USD), (1, 2, USD)] {
        let pair = core.pairs().iter().find(|it| (it.buy.0, it.sell.0) == (buy, sell));
        assert_eq!(pair.map(|it| it.money), Some(money), "{buy} → {sell}");
    }
    // A lot of 10^-6 and base units of 10^-9 have a common lot of 10^-6: 1,000 atoms of 10^-9.
    let mixed = core.pairs().iter().find(|it| (it.buy.0, it.sell.0) == (0, 4));
    assert_eq!(mixed.map(|it| (it.atom_places, it.lot_atoms)), Some((9, 1_000)));
}

#[test]
fn rates_are_taken_at_the_side_we_would_hit() {
    let tables = tables();
    let touch = Touch { bid_ticks: 90_000, ask_ticks: 110_000 };
    let direct = find(&tables, USDC, USD).expect("configured");
    let inverse = find(&tables, USD, USDC).expect("the same book the other way");
    assert_eq!((direct.1, inverse.1), (Quoted::Direct, Quoted::Inverse));
    // What the row shows, rate, take, taker fee in ppm, hit as numerator / denominator.
    for (shows, rate, take, fee_ppm, num, den) in [
        ("must acquire USDC: the ask", direct, Take::Buy, 0, 11, 10),
        ("disposes of USDC: the bid", direct, Take::Sell, 0, 9, 10),
        ("must acquire USD with USDC: one over the bid", inverse, Take::Buy, 0, 10, 9),
        ("disposes of USD for USDC: one over the ask", inverse, Take::Sell, 0, 10, 11),
        ("the book's fee is paid on top", direct, Take::Buy, 100_000, 121, 100),
        ("the book's fee is taken off", direct, Take::Sell, 100_000, 81, 100),
    ] {
        let found = conversion(&tables, rate, touch, fee_ppm, take).expect("in range");
        assert_eq!((found.hit.num, found.hit.den), (num, den), "{shows}");
        assert_eq!(found.mid, ONE, "{shows}: the middle");
    }
    assert_eq!(find(&tables, USD, world::SOL), None);
}

/// Gemini's bid far above Coinbase's ask.
fn with_edge(tables: engine_core::Tables) -> World {
    let mut world = World::quiet(tables);
    world.book(GEMINI, 7_800, 7_801, 10_000_000);
    world
}

#[test]
fn each_way_to_say_no_has_its_code() {
    let mut world = with_edge(tables());
    let first = world.look(0, 2);
    assert_eq!(first.code, Code::Tradable);
    assert_eq!(first.base_atoms, 10_000_000, "the whole level: 10 SOL in lots of 10^-6");
    // 10 SOL bought at 77.01 and sold at 78.00, each with 0.1 % fee, 0.012 % off the proceeds.
    assert_eq!(first.waterfall.gross, 9_900_000);
    assert_eq!(first.waterfall.taker_fees, 770_100 + 780_000);
    assert_eq!(first.waterfall.latency_buffer, 77_922);
    assert_eq!(first.waterfall.expected_failure, 15_585, "rounded up");
    assert_eq!(first.net, 9_900_000 - 770_100 - 780_000 - 77_922 - 15_585);
    assert_eq!(world.look(2, 0).code, Code::NoEdge, "the other way round");

    world.book(GEMINI, 7_705, 7_706, 10_000_000);
    let near = world.look(0, 2);
    assert_eq!(near.code, Code::NetNotPositive);
    assert!(near.is_near_miss() && near.waterfall.gross > 0 && near.net < 0);

    world.batch(GEMINI, &[Body::BookDoubt { reason: DoubtReason::SequenceGap }]);
    assert_eq!(world.look(0, 2).code, Code::MarketInDoubt);
    world.batch(GEMINI, &[Body::BookClear]);
    world.batch(COINBASE, &[Body::Status { tradable: 0 }]);
    assert_eq!(world.look(0, 2).code, Code::NotTradable);
}

#[test]
fn limits_on_and_beside_the_line() {
    let price = |change: &dyn Fn(&mut engine_core::Tables)| {
        let mut tables = tables();
        change(&mut tables);
        with_edge(tables).look(0, 2)
    };
    let free = price(&|_| ());
    // Net per notional, rounded down: on the line passes, one ppm above does not.
    let edge = u32::try_from(free.net * 1_000_000 / 770_100_000).expect("small");
    for (min_edge_ppm, code) in [(edge, Code::Tradable), (edge + 1, Code::BelowMinEdge)] {
        assert_eq!(price(&|it| it.signal.min_edge_ppm = min_edge_ppm).code, code, "{min_edge_ppm}");
    }
    let ten_sol = 10_u128.pow(19);
    for (least, code) in [(ten_sol, Code::Tradable), (ten_sol + 1, Code::BelowMinOrder)] {
        assert_eq!(price(&|it| it.markets[1].min_order_size_e18 = least).code, code, "{least}");
    }
    for (least, code) in [(780_000_000, Code::Tradable), (780_000_001, Code::BelowMinOrder)] {
        assert_eq!(price(&|it| it.markets[1].min_order_notional = least).code, code, "{least}");
    }
    for (balance, atoms) in [(3_000_000_999, 3_000_000), (1_000, 1)] {
        let capped = price(&|it| it.instruments[2].base_balance = Some(balance));
        assert_eq!(capped.base_atoms, atoms, "sells no more than there is");
    }
    assert_eq!(price(&|it| it.instruments[2].base_balance = Some(999)).code, Code::NoRoom);
    // 1 SOL costs 77.01 and a fee of 0.07701.
    for (balance, atoms) in [(77_087_010, 1_000_000), (77_087_009, 999_999)] {
        let capped = price(&|it| it.instruments[0].quote_balance = Some(balance));
        assert_eq!(capped.base_atoms, atoms, "pays no more than there is");
    }
    let capped = price(&|it| it.caps.order_notional = Some(78_000_000));
    assert_eq!(capped.base_atoms, 1_000_000, "the dearer leg decides");
    let capped = price(&|it| it.caps.base_size_e18 = vec![(world::SOL, 2 * ten_sol / 10)]);
    assert_eq!(capped.base_atoms, 2_000_000);
}

#[test]
fn ages_end_trades() {
    // What the row shows, time that passes, code just then, code a nanosecond later.
    let mut world = with_edge(tables());
    world.pool(-25_650, 1 << 50);
    assert!(!world.look(0, 4).code.is_unevaluated());

    // The peg was last heard of at the start; 3 s on it may still be used.
    world.wait(3 * SECOND);
    world.book(COINBASE, 7_600, 7_601, 10_000_000);
    world.book(GEMINI, 7_800, 7_801, 10_000_000);
    assert_eq!(world.look(4, 2).code, Code::Tradable);
    world.wait(1);
    world.book(GEMINI, 7_800, 7_801, 10_000_000);
    assert_eq!(world.look(4, 2).code, Code::RateStale);
    assert!(world.look(4, 2).is_candidate(), "the gross is still stated, at the old rate");

    // Coinbase has been silent for 5 s: its book is not used; its price still values fees.
    world.wait(5 * SECOND);
    world.batch(PEG, &[Body::Timer]);
    world.book(PEG, 99_999, 100_001, 1_000_000_000_000);
    world.pool(-25_650, 1 << 50);
    world.book(GEMINI, 7_800, 7_801, 10_000_000);
    assert_eq!(world.look(0, 2).code, Code::MarketStale);
    assert_eq!(world.look(4, 2).code, Code::Tradable);
    world.wait(5 * SECOND);
    world.book(PEG, 99_999, 100_001, 1_000_000_000_000);
    world.pool(-25_650, 1 << 50);
    world.book(GEMINI, 7_800, 7_801, 10_000_000);
    assert_eq!(world.look(4, 2).code, Code::CoinPriceStale, "older than 10 s");
}

#[test]
fn a_pool_is_stale_by_slots_not_by_its_silence() {
    // What the row shows, slots of the chain and of the pool's connection, code.
    for (shows, chain, own, code) in [
        ("eight slots behind is the limit", 108, 100, Code::Tradable),
        ("nine are too many", 109, 100, Code::MarketStale),
        ("unless its own connection saw them pass", 109, 101, Code::Tradable),
        ("a connection that leads is the chain", 100, 300, Code::Tradable),
    ] {
        let mut world = with_edge(tables());
        world.pool(-25_650, 1 << 50);
        world.slot(engine_model::Event::NO_MARKET, chain);
        world.slot(POOL, own);
        world.book(GEMINI, 7_800, 7_801, 10_000_000);
        assert_eq!(world.look(4, 2).code, code, "{shows}");
    }
}

#[test]
fn chain_costs_need_their_levels() {
    let look = |change: &dyn Fn(&mut engine_core::Tables), after: &dyn Fn(&mut World)| {
        let mut tables = tables();
        change(&mut tables);
        let mut world = with_edge(tables);
        world.pool(-25_650, 1 << 50);
        after(&mut world);
        world.book(GEMINI, 7_800, 7_801, 10_000_000);
        world.look(4, 2)
    };
    let free = look(&|_| (), &|_| ());
    assert_eq!(free.code, Code::Tradable);
    // (5,000 + 50,000 × 200,000 / 10⁶) lamports at the ask of 77.01 per SOL, rounded up.
    assert_eq!(free.waterfall.network, 1_156, "15,000 lamports are 1,155.15 micros");
    assert_eq!(free.waterfall.tip, 771, "10,000 lamports are 770.1 micros");
    let dearer = look(&|_| (), &|it| it.param(ParamKey::PriorityFee, 100_000, POOL));
    assert_eq!(dearer.waterfall.network, 1_926, "25,000 lamports are 1,925.25 micros");
    let none = look(&|it| it.costs.priority_fee.start = None, &|_| ());
    assert_eq!(none.code, Code::PriorityFeeStale);
    let none = look(&|it| it.costs.tip.start = None, &|_| ());
    assert_eq!(none.code, Code::TipStale);
    let none = look(&|it| it.costs.coin_price = None, &|_| ());
    assert_eq!(none.code, Code::CoinPriceStale);
    let none = look(&|it| it.rates.clear(), &|_| ());
    assert_eq!(none.code, Code::RateMissing);
    let old = look(&|it| it.costs.fee_tier_max_age_ns = 1, &|it| it.wait(2));
    assert_eq!(old.code, Code::FeeTierStale);
    let fresh = look(&|it| it.costs.fee_tier_max_age_ns = 1, &|it| {
        it.wait(2);
        for market in [GEMINI, POOL] {
            it.param(ParamKey::TakerFee, 2_000, market);
        }
    });
    assert_eq!(fresh.code, Code::Tradable, "an event renews the tier");
    assert!(fresh.waterfall.taker_fees > free.waterfall.taker_fees, "and its fee counts");
}

#[test]
fn an_opportunity_opens_peaks_and_closes_once() {
    let mut world = World::quiet(tables());
    for (bid, ask) in [(7_750, 7_751), (7_800, 7_801), (7_760, 7_761), (7_700, 7_701)] {
        world.wait(SECOND);
        world.batch(COINBASE, &[Body::Timer]);
        world.book(GEMINI, bid, ask, 10_000_000);
    }
    assert_eq!(world.closed.iter().filter(|it| it.first.pair == world.look(0, 2).pair).count(), 1);
    let one = world.closed.iter().find(|it| it.pair == world.look(0, 2).pair).expect("closed");
    assert_eq!(one.duration_ns(), 3 * SECOND);
    assert_eq!(one.evaluations, 6, "three of Gemini's updates, three sweeps in between");
    assert_eq!(one.peak.at_ns - one.opened_ns, SECOND, "the second look was the best");
    assert!(one.peak.net > one.first.net);
    assert_eq!(world.core.still_open().count(), 0);
}

#[test]
fn staleness_closes_without_an_event_of_the_market() {
    let mut world = with_edge(tables());
    assert_eq!(world.core.still_open().count(), 2, "against both of Coinbase's instruments");
    world.wait(6 * SECOND);
    // Only the peg's venue speaks; the next sweep finds the silent ones.
    world.batch(PEG, &[Body::Heartbeat { counter: 1 }]);
    world.wait(SECOND / 10);
    world.batch(PEG, &[Body::Heartbeat { counter: 2 }]);
    assert_eq!(world.core.still_open().count(), 0);
    assert_eq!(world.closed.len(), 2);
}

#[test]
fn unknown_markets_are_survived() {
    let mut world = World::quiet(tables());
    let level = Body::Level { side: Side::Bid, price_ticks: 1, size_lots: 1 };
    for body in [level, Body::BookClear, Body::Status { tradable: 0 }] {
        let event = engine_model::Event {
            recv_ns: world.now_ns,
            venue_ns: 0,
            seq: 0,
            market: MarketId(999),
            venue: engine_model::Venue::Gemini,
            flags: engine_model::Flags(engine_model::Flags::END_OF_BATCH),
            body,
        };
        let mut out = engine_core::Outbox::for_pairs(world.core.pairs().len());
        world.core.step(&event, &mut out, &mut engine_core::NoProbe);
        assert_eq!(out.outputs(), &[]);
    }
    world.book(GEMINI, 7_800, 7_801, 10_000_000);
    assert_eq!(world.look(0, 2).code, Code::Tradable);
}

#[test]
fn an_adaptive_fee_counts_at_the_worse_of_two_seconds() {
    let now_s = world::START / SECOND;
    // Filter period in seconds; the volatility reference rises from 0 once it is over.
    let net = |filter_period, waited_s: u64| {
        let mut world = with_edge(tables());
        world.wait(waited_s * SECOND);
        world.adaptive_pool(-25_650, 1 << 50, filter_period, now_s - 1);
        world.book(COINBASE, 7_700, 7_701, 10_000_000);
        world.book(PEG, 99_999, 100_001, 1_000_000_000_000);
        world.book(GEMINI, 7_800, 7_801, 10_000_000);
        let look = world.look(4, 2);
        assert_eq!(look.code, Code::Tradable, "filter {filter_period} s, waited {waited_s} s");
        (look.net, look.base_atoms)
    };
    let quiet = net(10, 0);
    let risen = net(2, 1);
    assert!(risen.0 < quiet.0, "the fee is higher once the filter period is over");
    assert_eq!(net(2, 0), risen, "a second before, the worse of now and then is already counted");
    assert_eq!(net(3, 0), quiet, "two seconds before, it is not");
}

#[test]
fn a_polled_fee_is_no_sign_of_life() {
    let mut world = with_edge(tables());
    world.wait(6 * SECOND);
    world.param(ParamKey::TakerFee, 500, COINBASE);
    world.book(GEMINI, 7_800, 7_801, 10_000_000);
    assert_eq!(world.look(0, 2).code, Code::MarketStale);
}

#[test]
fn an_old_cost_level_still_counts_and_a_missing_side_is_empty() {
    let mut world = with_edge(tables());
    world.pool(-25_650, 1 << 50);
    world.wait(4 * SECOND);
    for market in [GEMINI, POOL, PEG] {
        world.batch(market, &[Body::Timer]);
    }
    world.wait(7 * SECOND);
    world.book(PEG, 99_999, 100_001, 1_000_000_000_000);
    world.pool(-25_650, 1 << 50);
    world.book(GEMINI, 7_800, 7_801, 10_000_000);
    let look = world.look(4, 2);
    assert_eq!(look.code, Code::CoinPriceStale);
    assert_eq!(look.waterfall.network, 1_156, "stated at the last price");
    let bid = Body::Level { side: Side::Bid, price_ticks: 7_700, size_lots: 1 };
    world.batch(COINBASE, &[Body::BookClear, bid]);
    assert_eq!(world.look(0, 2).code, Code::MarketEmpty, "nothing to buy");
    assert!(!world.look(2, 0).code.is_unevaluated(), "but somebody to sell to");
}

#[test]
fn sizes_beyond_the_caps_are_no_opportunity() {
    let mut broke = tables();
    broke.caps.order_notional = Some(0);
    let world = with_edge(broke);
    let look = world.look(0, 2);
    assert_eq!(look.code, Code::NoRoom);
    assert!(look.is_candidate() && !look.is_opportunity());
    assert_eq!(world.core.still_open().count(), 0);
}

#[test]
fn costs_that_take_everything_leave_nothing() {
    let mut ruinous = tables();
    ruinous.costs.latency_buffer_ppm = 1_000_000;
    assert_eq!(with_edge(ruinous).look(0, 2).code, Code::NetNotPositive);
    let mut world = with_edge(tables());
    world.pool(-25_650, 1 << 50);
    world.param(ParamKey::TakerFee, u64::MAX, GEMINI);
    world.book(GEMINI, 7_800, 7_801, 10_000_000);
    for buy in [0, 4] {
        assert_eq!(world.look(buy, 2).code, Code::NetNotPositive, "instrument {buy}");
    }
}

#[test]
fn the_order_limit_is_worth_the_same_in_every_currency() {
    let mut limited = tables();
    limited.caps.order_notional = Some(770_000_000);
    let mut world = World::quiet(limited);
    // A USDC is worth half a dollar: twice as many of them are within the limit.
    world.book(PEG, 49_999, 50_001, 1_000_000_000_000);
    world.book(COINBASE, 7_700, 7_701, 100_000_000);
    world.pool(-22_000, 1 << 50);
    let look = world.look(1, 4);
    assert_eq!(look.code, Code::Tradable, "bought for USDC, sold for USDC");
    // The pool pays about 111: its 1,540 USDC are what the limit allows, bought for 1,070.
    let sold_for = look.waterfall.gross + i128::try_from(look.notional).expect("small");
    assert!((1_539_000_000..=1_540_000_000).contains(&sold_for), "{sold_for}");
}

#[test]
fn a_smallest_notional_counts_in_the_markets_own_quote() {
    let mut cents = tables();
    // Dollars with two places, USDC with six: 50 dollars are 5,000 cents.
    cents.assets[0].decimals = 2;
    cents.markets[0].min_order_notional = 5_000;
    cents.caps.base_size_e18 = vec![(world::SOL, 10_u128.pow(17))];
    let mut world = World::quiet(cents);
    world.pool(-22_000, 1 << 50);
    world.book(COINBASE, 7_700, 7_701, 10_000_000);
    for buy in [0, 1] {
        assert_eq!(world.look(buy, 4).code, Code::BelowMinOrder, "7.70 is less, instrument {buy}");
    }
}
