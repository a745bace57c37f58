//! Tables and properties of the exchange.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::happening::{Change, E8, Happening, OrderChange};
use crate::market::Rng;

const NOW: u64 = 1_786_316_400_000_000_000;
const CENT: u64 = E8 / 100;

pub(super) fn exchange() -> Exchange {
    let product = Product {
        name: "SOL-USD".into(),
        base: "SOL".into(),
        quote: "USD".into(),
        tick_e8: CENT,
        lot_e8: 1_000,
        size_min_e8: 10_000,
        size_max_e8: 10_000 * E8,
        notional_min_e8: E8,
        collar_ppm: 500_000,
        status: ProductStatus::Online,
    };
    let account = |name: &str| AccountSpec {
        name: name.into(),
        balances_e8: BTreeMap::from([("USD".into(), 10_000 * E8), ("SOL".into(), 100 * E8)]),
    };
    let accounts = vec![account("a"), account("b")];
    let spec = ExchangeSpec {
        products: vec![product],
        maker_fee_ppm: 2_000,
        taker_fee_ppm: 4_000,
        accounts,
    };
    let mut exchange = Exchange::new(ExchangeId::Gemini, spec);
    let change =
        |side, cents: u64, sol: u64| Change { side, price_e8: cents * CENT, size_e8: sol * E8 };
    let changes = [
        change(Side::Bid, 7_740, 2),
        change(Side::Bid, 7_730, 5),
        change(Side::Ask, 7_750, 3),
        change(Side::Ask, 7_760, 4),
    ];
    exchange.set_levels(NOW, "SOL-USD", &changes);
    exchange.drain();
    exchange
}

fn order(account: &str, side: Side, size_e8: u64, limit_e8: Option<u64>) -> NewOrder {
    NewOrder {
        account: account.into(),
        product: "SOL-USD".into(),
        client_id: String::new(),
        side,
        size_e8,
        limit_e8,
        quote_e8: None,
        lifetime: if limit_e8.is_some() { Lifetime::Gtc } else { Lifetime::Ioc },
        session: 0,
        settle: None,
        product_as_sent: "SOL-USD".into(),
    }
}

fn purse(exchange: &Exchange, account: &str, currency: &str) -> (u64, u64) {
    let list = exchange.balances(account);
    let found = list.iter().find(|balance| &*balance.currency == currency).expect("a balance");
    (found.available_e8, found.held_e8)
}

#[test]
fn an_ioc_takes_best_first_and_leaves_a_thinner_book() {
    let mut exchange = exchange();
    let mut asked = order("a", Side::Bid, 4 * E8, Some(7_750 * CENT));
    asked.lifetime = Lifetime::Ioc;
    let placed = exchange.place(NOW + 5, asked);
    assert_eq!(placed.order.state, OrderState::Cancelled);
    assert_eq!(placed.order.why, Some(Why::IocRest));
    assert_eq!((placed.order.filled_e8, placed.fills.len()), (3 * E8, 1));
    assert_eq!(placed.order.filled_quote_e8, 23_250 * CENT);
    assert_eq!(placed.order.fees_e8, 93 * CENT);
    assert_eq!(exchange.levels("SOL-USD", Side::Ask, 0), [(7_760 * CENT, 4 * E8)]);
    assert_eq!(purse(&exchange, "a", "USD"), (10_000 * E8 - 23_343 * CENT, 0));
    assert_eq!(purse(&exchange, "a", "SOL"), (103 * E8, 0));
    let told: Vec<String> = exchange
        .drain()
        .iter()
        .map(|what| match what {
            Happening::Order { kind, .. } => format!("{kind:?}"),
            Happening::Trade { maker, size_e8, .. } => format!("trade {maker:?} {}", size_e8 / E8),
            Happening::Book { changes, .. } => format!("book {}", changes.len()),
            Happening::Balance { currency, .. } => currency.to_string(),
            Happening::Status { .. }
            | Happening::Slot { .. }
            | Happening::Accounts { .. }
            | Happening::Signature { .. } => "else".to_owned(),
        })
        .collect();
    let wanted = ["Accepted", "trade Ask 3", "Fill", "USD", "SOL", "Cancelled", "Closed", "book 1"];
    assert_eq!(told, wanted);
    assert_eq!(exchange.trades("SOL-USD", 9)[0].price_e8, 7_750 * CENT);
}

#[test]
fn a_resting_order_is_filled_by_takers_and_by_quotes_that_meet_it() {
    let mut exchange = exchange();
    let placed = exchange.place(NOW, order("a", Side::Bid, 2 * E8, Some(7_740 * CENT)));
    assert_eq!(placed.order.state, OrderState::Open);
    let reserve = 15_480 * CENT + 6_192 * CENT / 100;
    assert_eq!(purse(&exchange, "a", "USD"), (10_000 * E8 - reserve, reserve));
    // Two of others stand before it.
    assert_eq!(exchange.take(NOW, "SOL-USD", Side::Bid, 7_740 * CENT, 3 * E8), 3 * E8);
    let half = exchange.order("a", placed.order.id).expect("known");
    assert_eq!((half.filled_e8, half.fees_e8), (E8, 1_548 * CENT / 100));
    let met = Change { side: Side::Ask, price_e8: 7_735 * CENT, size_e8: 4 * E8 };
    exchange.set_levels(NOW, "SOL-USD", &[met]);
    let full = exchange.order("a", placed.order.id).expect("known");
    assert_eq!(full.state, OrderState::Filled);
    assert_eq!(full.filled_quote_e8, 15_480 * CENT, "at its own price");
    assert_eq!(exchange.levels("SOL-USD", Side::Ask, 1), [(7_735 * CENT, 3 * E8)]);
    assert_eq!(purse(&exchange, "a", "USD").1, 0);
    assert_eq!(exchange.fills("a").len(), 2);
}

/// What it is, how it spoils a good order, and the reason given.
type Refusal = (&'static str, fn(&mut NewOrder), Why);

#[test]
fn what_does_not_fit_is_refused_with_its_reason() {
    let cases: [Refusal; 12] = [
        ("product", |o| o.product = "X-USD".into(), Why::UnknownProduct),
        ("lot", |o| o.size_e8 = E8 + 1, Why::SizeStep),
        ("tick", |o| o.limit_e8 = Some(7_740 * CENT + 1), Why::PriceStep),
        ("zero price", |o| o.limit_e8 = Some(0), Why::PriceStep),
        ("minimum", |o| o.size_e8 = 9_000, Why::TooSmall),
        ("notional", |o| o.size_e8 = 1_000_000, Why::TooSmall),
        ("maximum", |o| o.size_e8 = 10_001 * E8, Why::TooLarge),
        ("collar", |o| o.limit_e8 = Some(12_000 * CENT), Why::PriceFar),
        ("funds", |o| o.size_e8 = 130 * E8, Why::Funds),
        ("stranger", |o| o.account = "nobody".into(), Why::Funds),
        (
            "post-only",
            |o| {
                o.lifetime = Lifetime::PostOnly;
                o.limit_e8 = Some(7_750 * CENT);
            },
            Why::WouldTake,
        ),
        (
            "tiny amount",
            |o| {
                o.limit_e8 = None;
                o.quote_e8 = Some(1);
            },
            Why::TooSmall,
        ),
    ];
    for (name, change, why) in cases {
        let mut exchange = exchange();
        let mut asked = order("a", Side::Bid, E8, Some(7_740 * CENT));
        change(&mut asked);
        let placed = exchange.place(NOW, asked);
        assert_eq!(
            (placed.order.state, placed.order.why),
            (OrderState::Rejected, Some(why)),
            "{name}"
        );
        assert_eq!(purse(&exchange, "a", "USD"), (10_000 * E8, 0), "{name}");
    }
    let mut exchange = exchange();
    exchange.set_status("SOL-USD", ProductStatus::CancelOnly);
    let placed = exchange.place(NOW, order("a", Side::Bid, E8, Some(7_740 * CENT)));
    assert_eq!(placed.order.why, Some(Why::Halted));
}

#[test]
fn a_fok_is_all_or_nothing_and_an_account_does_not_meet_itself() {
    let mut exchange = exchange();
    let mut asked = order("a", Side::Bid, 8 * E8, Some(7_760 * CENT));
    asked.lifetime = Lifetime::Fok;
    let placed = exchange.place(NOW, asked.clone());
    assert_eq!(placed.order.why, Some(Why::FokUnfillable));
    assert_eq!((placed.order.filled_e8, placed.fills.len()), (0, 0));
    asked.size_e8 = 7 * E8;
    let placed = exchange.place(NOW, asked);
    assert_eq!((placed.order.state, placed.fills.len()), (OrderState::Filled, 2));
    let resting = exchange.place(NOW, order("a", Side::Bid, E8, Some(7_745 * CENT)));
    let placed = exchange.place(NOW, order("a", Side::Ask, E8, Some(7_745 * CENT)));
    assert_eq!(placed.order.why, Some(Why::SelfCross));
    let placed = exchange.place(NOW, order("b", Side::Ask, E8, Some(7_745 * CENT)));
    assert_eq!(placed.order.state, OrderState::Filled, "another account may");
    assert!(matches!(
        exchange.cancel(NOW, "a", resting.order.id),
        Err(CancelRefused::Done(order)) if order.state == OrderState::Filled
    ));
    assert!(matches!(exchange.cancel(NOW, "b", resting.order.id), Err(CancelRefused::NotFound)));
}

#[test]
fn a_market_order_by_amount_spends_at_most_the_amount() {
    let mut exchange = exchange();
    let mut asked = order("a", Side::Bid, 0, None);
    asked.quote_e8 = Some(400 * E8);
    let placed = exchange.place(NOW, asked);
    assert_eq!(placed.order.state, OrderState::Filled);
    let spent = placed.order.filled_quote_e8 + placed.order.fees_e8;
    assert!(spent <= 400 * E8 && spent > 400 * E8 - 100_000, "{spent}");
    assert_eq!(placed.order.filled_e8 % 1_000, 0, "whole lots");
    assert_eq!(purse(&exchange, "a", "USD").0, 10_000 * E8 - spent);
    let mut dry = order("a", Side::Bid, 50 * E8, None);
    dry.product = "SOL-USD".into();
    let placed = exchange.place(NOW, dry);
    assert_eq!((placed.order.state, placed.order.why), (OrderState::Cancelled, Some(Why::IocRest)));
    let placed = exchange.place(NOW, order("a", Side::Bid, E8, None));
    assert_eq!(placed.order.why, Some(Why::NoLiquidity));
}

#[test]
fn cancels_release_everything_and_find_the_right_orders() {
    let mut exchange = exchange();
    for (account, session, cents) in [("a", 1, 7_700), ("a", 2, 7_690), ("b", 1, 7_680)] {
        let mut asked = order(account, Side::Bid, E8, Some(cents * CENT));
        asked.session = session;
        asked.client_id = format!("c{session}");
        exchange.place(NOW, asked);
    }
    assert_eq!(exchange.orders_by_client("a", "c2").len(), 1);
    let gone = exchange.cancel_where(NOW + 9, "a", None, Some(1));
    assert_eq!(gone.len(), 1);
    assert_eq!(gone[0].why, Some(Why::Disconnected));
    assert_eq!(exchange.cancel_where(NOW + 9, "a", Some("SOL-USD"), None).len(), 1);
    assert_eq!(purse(&exchange, "a", "USD"), (10_000 * E8, 0));
    assert_eq!(exchange.levels("SOL-USD", Side::Bid, 0).len(), 3, "b's order stays");
}

/// What an account must have after its fills. Unit: e8; signed.
fn settled(exchange: &Exchange, account: &str) -> (i128, i128) {
    let (mut quote, mut base) = (i128::from(10_000 * E8), i128::from(100 * E8));
    for order in exchange.orders(account) {
        let value = i128::from(order.filled_quote_e8);
        let size = i128::from(order.filled_e8);
        quote -= i128::from(order.fees_e8);
        match order.asked.side {
            Side::Bid => {
                quote -= value;
                base += size;
            }
            Side::Ask => {
                quote += value;
                base -= size;
            }
        }
    }
    (quote, base)
}

#[test]
fn money_and_coins_change_by_fills_and_fees_and_nothing_else() {
    for seed in 0..40 {
        let mut rng = Rng::new(seed);
        let mut exchange = exchange();
        let mut rebuilt: BTreeMap<(Side, u64), u64> = BTreeMap::new();
        for side in [Side::Bid, Side::Ask] {
            let levels = exchange.levels("SOL-USD", side, 0);
            rebuilt.extend(levels.into_iter().map(|(price, size)| ((side, price), size)));
        }
        let mut last = 0;
        for round in 0..400_u64 {
            let now = NOW + round * 700;
            let side = if rng.chance(500) { Side::Bid } else { Side::Ask };
            let price = rng.between(7_730, 7_760) * CENT;
            let account = if rng.chance(500) { "a" } else { "b" };
            match rng.below(10) {
                0..2 => {
                    // Others quote on their own side of the middle.
                    let cents = match side {
                        Side::Bid => rng.between(7_720, 7_744),
                        Side::Ask => rng.between(7_746, 7_770),
                    };
                    let size_e8 = rng.below(3) * 777_777_777;
                    let change = Change { side, price_e8: cents * CENT, size_e8 };
                    exchange.set_levels(now, "SOL-USD", &[change]);
                }
                2 => {
                    exchange.take(now, "SOL-USD", side, price, rng.below(2 * E8));
                }
                3 => {
                    let open: Vec<u64> = exchange.orders(account).iter().map(|o| o.id).collect();
                    if !open.is_empty() {
                        let at = rng.below(open.len() as u64);
                        let id = open[usize::try_from(at).expect("small")];
                        let _ = exchange.cancel(now, account, id);
                    }
                }
                _ => {
                    let size = rng.between(20, 3_000) * 100_000 + rng.below(9) * 1_000;
                    let mut asked = order(account, side, size, Some(price));
                    asked.lifetime =
                        [Lifetime::Gtc, Lifetime::Ioc, Lifetime::Fok, Lifetime::PostOnly]
                            [usize::try_from(rng.below(4)).expect("small")];
                    if rng.chance(100) {
                        asked.limit_e8 = None;
                        asked.lifetime = Lifetime::Ioc;
                    }
                    exchange.place(now, asked);
                }
            }
            for what in exchange.drain() {
                if let Happening::Book { changes, update_id, prev_update_id, at_ns, .. } = what {
                    assert!(update_id > prev_update_id && at_ns > last);
                    last = at_ns;
                    for change in &*changes {
                        let before = rebuilt.insert((change.side, change.price_e8), change.size_e8);
                        assert_ne!(before.unwrap_or(0), change.size_e8, "told without a change");
                    }
                }
            }
            check(&exchange, &mut rebuilt, &format!("seed {seed} round {round}"));
        }
        assert!(exchange.fills("a").len() > 20, "seed {seed}");
        for account in ["a", "b"] {
            exchange.cancel_where(NOW, account, None, None);
            assert_eq!(
                (purse(&exchange, account, "USD").1, purse(&exchange, account, "SOL").1),
                (0, 0)
            );
        }
    }
}

/// Balances equal what the fills say, holds what rests, and the book what was told of it.
fn check(exchange: &Exchange, rebuilt: &mut BTreeMap<(Side, u64), u64>, place: &str) {
    rebuilt.retain(|_, size| *size > 0);
    for side in [Side::Bid, Side::Ask] {
        let mut truth = exchange.levels("SOL-USD", side, 0);
        truth.sort_unstable();
        let told: Vec<(u64, u64)> = rebuilt
            .iter()
            .filter(|((of, _), _)| *of == side)
            .map(|((_, price), size)| (*price, *size))
            .collect();
        assert_eq!(truth, told, "{place}");
    }
    let bid = exchange.levels("SOL-USD", Side::Bid, 1);
    let ask = exchange.levels("SOL-USD", Side::Ask, 1);
    if let (Some((bid, _)), Some((ask, _))) = (bid.first(), ask.first()) {
        assert!(bid < ask, "{place}");
    }
    for account in ["a", "b"] {
        let (quote, base) = settled(exchange, account);
        let (usd, sol) = (purse(exchange, account, "USD"), purse(exchange, account, "SOL"));
        assert_eq!(i128::from(usd.0 + usd.1), quote, "{place} {account}");
        assert_eq!(i128::from(sol.0 + sol.1), base, "{place} {account}");
        let resting: u64 = exchange
            .orders(account)
            .iter()
            .filter(|o| o.state == OrderState::Open && o.asked.side == Side::Ask)
            .map(|o| o.asked.size_e8 - o.filled_e8)
            .sum();
        assert_eq!(sol.1, resting, "{place} {account}");
        let of_fills: u64 = exchange.fills(account).iter().map(|fill| fill.fee_e8).sum();
        let of_orders: u64 = exchange.orders(account).iter().map(|order| order.fees_e8).sum();
        assert_eq!(of_fills, of_orders, "{place} {account}");
    }
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut exchange = exchange();
    for _ in 0..ORDERS_KEPT + 50 {
        exchange.place(NOW, order("a", Side::Bid, E8, Some(1)));
        exchange.drain();
    }
    assert_eq!(exchange.orders("a").len(), ORDERS_KEPT);
    for _ in 0..OPEN_ORDERS_MAX {
        exchange.place(NOW, order("a", Side::Bid, 10_000_000, Some(7_700 * CENT)));
    }
    let placed = exchange.place(NOW, order("a", Side::Bid, 10_000_000, Some(7_700 * CENT)));
    assert_eq!(placed.order.why, Some(Why::TooManyOpen));
    for _ in 0..TRADES_KEPT + 5 {
        exchange.print(NOW, "SOL-USD", Side::Bid, 7_740 * CENT, E8);
    }
    assert_eq!(exchange.trades("SOL-USD", usize::MAX).len(), TRADES_KEPT);
    assert_eq!(exchange.overflows(), (0, 0));
    let kinds = exchange.drain();
    let booked = |what: &Happening| matches!(what, Happening::Order { kind, .. } if *kind == OrderChange::Booked);
    assert_eq!(kinds.iter().filter(|what| booked(what)).count(), OPEN_ORDERS_MAX);
    let _: Arc<str> = exchange.products()[0].name.clone();
}
