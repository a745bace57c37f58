//! The stochastic market as a whole.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::*;
use crate::chain::{Ledger, LedgerSpec, SharedLedger};
use crate::exchange::{AccountSpec, Exchange, Lifetime, NewOrder, SharedExchange};
use crate::happening::{E8, ExchangeId, Happening, Side};
use crate::serve::Feed;

const START_NS: u64 = 1_786_316_400_000_000_000;
const SECOND: u64 = 1_000_000_000;

/// A world and its parts.
struct World {
    market: Market,
    exchanges: [SharedExchange; 3],
    ledger: SharedLedger,
}

fn world(seed: u64) -> World {
    let spec = MarketSpec::new(seed, START_NS);
    let ids = [ExchangeId::Coinbase, ExchangeId::Gemini, ExchangeId::Bitstamp];
    let exchanges = ids.map(|id| {
        let balances_e8 = BTreeMap::from([("USD".into(), 1_000_000 * E8)]);
        let account = AccountSpec { name: "client".into(), balances_e8 };
        Arc::new(Mutex::new(Exchange::new(id, exchange_spec(id, vec![account]))))
    });
    let ledger = LedgerSpec::sol_usdc(seed, START_NS, spec.pool_price_e8());
    let ledger = Arc::new(Mutex::new(Ledger::new(&ledger).expect("a good specification")));
    World { market: Market::new(spec, exchanges.clone(), ledger.clone()), exchanges, ledger }
}

/// Everything up to a time, in one line each.
fn told(world: &mut World, end_ns: u64, step_ns: u64) -> Vec<String> {
    let mut list = Vec::new();
    let mut now_ns = START_NS;
    while now_ns < end_ns {
        now_ns = (now_ns + step_ns).min(end_ns);
        for what in world.market.advance(now_ns) {
            list.push(format!("{what:?}"));
        }
    }
    // A call that was far behind goes on with the next one.
    for _ in 0..8 {
        list.extend(world.market.advance(end_ns).iter().map(|what| format!("{what:?}")));
    }
    list
}

#[test]
fn small_steps_and_large_ones_tell_the_same() {
    let end_ns = START_NS + 20 * SECOND;
    let whole = told(&mut world(7), end_ns, 20 * SECOND);
    let pieces = told(&mut world(7), end_ns, 1_300_007);
    assert!(whole.len() > 4_000, "{}", whole.len());
    assert_eq!(whole.len(), pieces.len());
    for (at, (one, other)) in whole.iter().zip(&pieces).enumerate() {
        assert_eq!(one, other, "happening {at}");
    }
    assert_ne!(whole, told(&mut world(8), end_ns, 20 * SECOND), "a seed is a market of its own");
}

#[test]
fn books_are_deep_and_never_crossed() {
    let mut world = world(11);
    for tenth in 1..=600 {
        world.market.advance(START_NS + tenth * SECOND / 10);
        for exchange in &world.exchanges {
            let exchange = locked(exchange);
            for product in exchange.products() {
                let levels = |side| exchange.levels(&product.name, side, 0);
                let (bids, asks) = (levels(Side::Bid), levels(Side::Ask));
                let place = format!("{:?} {} at {tenth}", exchange.id(), product.name);
                assert!(bids[0].0 < asks[0].0, "{place}");
                for (price, size) in bids.iter().chain(&asks) {
                    assert_eq!((price % product.tick_e8, size % product.lot_e8), (0, 0), "{place}");
                }
                let is_thin = bids.len() < 40 || asks.len() < 40;
                assert!(!is_thin || *product.name == *"SOL-USD", "{place}");
            }
        }
    }
    let coinbase = locked(&world.exchanges[0]);
    assert!(coinbase.levels("BTC-USD", Side::Ask, 0).len() > 500, "some are much deeper");
    assert!(coinbase.trades("SOL-USD", 1_000).len() > 60);
    assert_eq!(coinbase.overflows(), (0, 0));
    assert_eq!(locked(&world.ledger).counts(), crate::chain::Counts::default());
}

#[test]
fn nothing_moves_by_itself_while_frozen_and_nothing_is_caught_up() {
    let mut frozen = world(5);
    frozen.market.advance(START_NS + 3 * SECOND);
    frozen.market.freeze(START_NS + 3 * SECOND);
    let mut slots = 0;
    for step in 1..=200 {
        for what in frozen.market.advance(START_NS + 3 * SECOND + step * SECOND / 20) {
            let is_slot = matches!(what, Happening::Slot { .. });
            let is_old_block = matches!(what, Happening::Accounts { .. }) && step <= 10;
            assert!(is_slot || is_old_block, "{what:?}");
            slots += u32::from(is_slot);
        }
    }
    assert!((20..=26).contains(&slots), "{slots}");
    frozen.market.thaw(START_NS + 13 * SECOND);
    frozen.market.advance(START_NS + 20 * SECOND);
    let mut whole = world(5);
    whole.market.advance(START_NS + 10 * SECOND);
    for (one, other) in frozen.exchanges.iter().zip(&whole.exchanges).skip(1) {
        let (one, other) = (locked(one), locked(other));
        let touch = |exchange: &Exchange| exchange.levels("SOL-USD", Side::Bid, 1)[0].0;
        let apart = touch(&one).abs_diff(touch(&other));
        assert!(apart < touch(&one) / 200, "the walk went on from where it stood: {apart}");
    }
}

#[test]
fn what_a_client_takes_comes_back_and_the_others_do_not_notice() {
    let mut world = world(3);
    world.market.advance(START_NS + 2 * SECOND);
    let buy = NewOrder {
        account: "client".into(),
        product: "USDC-USD".into(),
        client_id: String::new(),
        side: Side::Bid,
        size_e8: 30_000 * E8,
        limit_e8: None,
        quote_e8: None,
        lifetime: Lifetime::Ioc,
        session: 0,
        settle: None,
        product_as_sent: String::new(),
    };
    let levels = |world: &World| locked(&world.exchanges[2]).levels("USDC-USD", Side::Ask, 0);
    let before = levels(&world);
    let placed = locked(&world.exchanges[2]).place(START_NS + 2 * SECOND, buy);
    assert!(placed.order.filled_e8 > 0);
    assert_ne!(levels(&world), before);
    let mine = world.market.advance(START_NS + 2 * SECOND);
    assert!(mine.iter().any(|what| matches!(what, Happening::Order { .. })));
    let mut alone = self::world(3);
    alone.market.advance(START_NS + 4 * SECOND);
    world.market.advance(START_NS + 4 * SECOND);
    for exchange in 0..3 {
        let of = |world: &World, product: &str| {
            let exchange = locked(&world.exchanges[exchange]);
            (exchange.levels(product, Side::Bid, 0), exchange.levels(product, Side::Ask, 0))
        };
        for product in ["SOL-USD", "BTC-USD", "USDC-USD"] {
            assert_eq!(of(&world, product), of(&alone, product), "{exchange} {product}");
        }
    }
}
