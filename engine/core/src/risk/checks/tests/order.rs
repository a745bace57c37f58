//! What the order alone shows, and rate and repetition.

use super::*;

#[test]
fn instruments_must_be_listed_trading_and_freshly_described() {
    leg_rows(
        Check::Listed,
        |leg, listing| leg.listing = listing,
        &[(Some(Listing::Listed), Pass), (Some(Listing::Unlisted), Deny(0, 1)), (None, Missing)],
    );
    leg_rows(
        Check::VenueStatus,
        |leg, status| leg.status = status,
        &[(Some(Status::Trading), Pass), (Some(Status::NotTrading), Deny(0, 1)), (None, Missing)],
    );
    let hour = 3_600_000_000_000;
    leg_rows(
        Check::MetadataAge,
        |leg, age| leg.metadata_age_ns = age,
        &[
            (Some(0), Pass),
            (Some(hour - 1), Pass),
            (Some(hour), Pass),
            (Some(hour + 1), Deny(3_600_000_000_001, 3_600_000_000_000)),
            (Some(u64::MAX), Deny(u64::MAX.into(), 3_600_000_000_000)),
            (None, Missing),
        ],
    );
}

#[test]
fn unpriced_orders_are_denied() {
    leg_rows(
        Check::LimitPrice,
        |leg, price| leg.limit_price = price,
        &[
            (Some(0), Deny(0, 1)),
            (Some(1), Pass),
            (Some(2), Pass),
            (Some(u128::MAX), Unusable),
            (None, Missing),
        ],
    );
}

#[test]
fn order_quantity_keeps_maximum_lot_and_minimum() {
    let size = |leg: &mut LegFacts, size| leg.size_e18 = size;
    leg_rows(
        Check::SizeMax,
        size,
        &[
            (Some(999), Pass),
            (Some(1_000), Pass),
            (Some(1_001), Deny(1_001, 1_000)),
            (Some(u128::MAX), Unusable),
            (None, Missing),
        ],
    );
    leg_rows(
        Check::SizeMax,
        |leg, max| leg.size_max_e18 = max,
        &[(Some(499), Deny(500, 499)), (Some(0), Deny(500, 0)), (Some(u128::MAX), Unusable)],
    );
    leg_rows(Check::SizeMax, |leg, max| leg.size_max_e18 = max, &[(None, Missing)]);
    leg_rows(
        Check::SizeLot,
        size,
        &[
            (Some(499), Deny(4, 0)),
            (Some(500), Pass),
            (Some(501), Deny(1, 0)),
            (Some(0), Pass),
            (None, Missing),
        ],
    );
    leg_rows(
        Check::SizeLot,
        |leg, lot| leg.lot_e18 = lot,
        &[
            (Some(1), Pass),
            (Some(500), Pass),
            (Some(501), Deny(500, 0)),
            (Some(0), Unusable),
            (None, Missing),
        ],
    );
    leg_rows(
        Check::SizeMin,
        size,
        &[
            (Some(99), Deny(99, 100)),
            (Some(100), Pass),
            (Some(101), Pass),
            (Some(0), Deny(0, 100)),
            (Some(u128::MAX), Unusable),
            (None, Missing),
        ],
    );
    leg_rows(
        Check::SizeMin,
        |leg, (size, min)| (leg.size_e18, leg.size_min_e18) = (Some(size), min),
        &[
            (0, Some(0), Deny(0, 1)),
            (1, Some(0), Pass),
            (1, Some(u128::MAX), Unusable),
            (1, None, Missing),
        ]
        .map(|(size, min, expect)| ((size, min), expect)),
    );
    leg_rows(
        Check::NotionalMin,
        |leg, notional| (leg.notional_settled, leg.notional_settled_min) = notional,
        &[
            ((Some(9), Some(10)), Deny(9, 10)),
            ((Some(10), Some(10)), Pass),
            ((Some(11), Some(10)), Pass),
            ((Some(0), Some(0)), Pass),
            ((None, Some(10)), Missing),
            ((Some(10), None), Missing),
            ((Some(10), Some(u128::MAX)), Unusable),
            ((Some(u128::MAX), Some(10)), Unusable),
        ],
    );
}

#[test]
fn order_notional_is_capped_and_small_after_a_resume() {
    let max = 500 * USD;
    leg_rows(
        Check::OrderNotional,
        |leg, notional| leg.notional_usd_micros = notional,
        &[
            (Some(max - 1), Pass),
            (Some(max), Pass),
            (Some(max + 1), Deny(500_000_001, 500_000_000)),
            (Some(i128::MAX), Deny(i128::MAX, 500_000_000)),
            (Some(1), Pass),
            (Some(0), Unusable),
            (Some(-1), Unusable),
            (None, Missing),
        ],
    );
    leg_rows(
        Check::OrderNotional,
        |leg, notional| {
            (leg.notional_usd_micros, leg.sizing) = (notional, Sizing::AfterResume);
        },
        &[
            (Some(50 * USD - 1), Pass),
            (Some(50 * USD), Pass),
            (Some(50 * USD + 1), Deny(50_000_001, 50_000_000)),
            (None, Missing),
        ],
    );
    let mut limits = Limits { order_notional_usd_micros_max: i128::MAX, ..LIMITS() };
    let mut facts = facts();
    facts.legs[0].sizing = Sizing::AfterResume;
    let verdict = judge(&facts, &limits);
    assert_eq!(verdict.first.map(|denial| denial.observed), Some(Observed::Unusable));
    // 10 % of 19 micros is 1.9: rounded down.
    limits.order_notional_usd_micros_max = 19;
    facts.legs[0].notional_usd_micros = Some(2);
    assert_eq!(judge(&facts, &limits).first.map(|denial| denial.limit), Some(1));
}

#[test]
fn messages_must_be_left_for_the_order() {
    leg_rows(
        Check::MessageRate,
        |leg, (left, needed)| (leg.messages_left, leg.messages_needed) = (left, needed),
        &[
            ((Some(1), 2), Deny(1, 2)),
            ((Some(2), 2), Pass),
            ((Some(3), 2), Pass),
            ((Some(0), 1), Deny(0, 1)),
            ((Some(0), 0), Deny(0, 1)),
            ((Some(u32::MAX), u32::MAX), Pass),
            ((None, 1), Missing),
        ],
    );
}

#[test]
fn repeated_execution_is_denied() {
    for (check, set, max) in [
        (
            Check::PairTrades,
            (|facts, count| facts.pair_trades = count) as fn(&mut Facts, Option<u32>),
            10_u32,
        ),
        (Check::AllTrades, |facts, count| facts.trades = count, 100),
    ] {
        trade_rows(
            check,
            set,
            &[
                (Some(max - 1), Pass),
                (Some(max), Pass),
                (Some(max + 1), Deny(i128::from(max) + 1, max.into())),
                (Some(u32::MAX), Deny(u32::MAX.into(), max.into())),
                (None, Missing),
            ],
        );
    }
}

#[test]
fn duplicate_orders_are_denied() {
    leg_rows(
        Check::DuplicateOrder,
        |leg, last| leg.last_equal = last,
        &[
            (Some(LastEqual::Never), Pass),
            (Some(LastEqual::AgeNs(0)), Deny(0, 500_000_000)),
            (Some(LastEqual::AgeNs(499_999_999)), Deny(499_999_999, 500_000_000)),
            (Some(LastEqual::AgeNs(500_000_000)), Pass),
            (Some(LastEqual::AgeNs(500_000_001)), Pass),
            (Some(LastEqual::AgeNs(u64::MAX)), Pass),
            (None, Missing),
        ],
    );
    leg_rows(
        Check::ClientIdReuse,
        |leg, id| leg.client_id = id,
        &[(Some(ClientId::Fresh), Pass), (Some(ClientId::Used), Deny(1, 0)), (None, Missing)],
    );
}
