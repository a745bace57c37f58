//! Prices and their age.

use super::*;

#[test]
fn decisions_need_fresh_books_and_pools() {
    leg_rows(
        Check::BookAge,
        |leg, age_ns| leg.data = DataAge::Book { age_ns },
        &[
            (Some(0), Pass),
            (Some(SECOND_NS - 1), Pass),
            (Some(SECOND_NS), Pass),
            (Some(SECOND_NS + 1), Deny(1_000_000_001, 1_000_000_000)),
            (Some(u64::MAX), Deny(u64::MAX.into(), 1_000_000_000)),
            (None, Missing),
        ],
    );
    leg_rows(
        Check::PoolAge,
        |leg, age_slots| leg.data = DataAge::Pool { age_slots },
        &[
            (Some(0), Pass),
            (Some(7), Pass),
            (Some(8), Pass),
            (Some(9), Deny(9, 8)),
            (Some(u64::MAX), Deny(u64::MAX.into(), 8)),
            (None, Missing),
        ],
    );
}

#[test]
fn price_collar_holds_to_its_own_reference() {
    for (check, set, collar) in [
        (
            Check::ReferenceCollar,
            (|leg, reference| leg.reference_price = reference) as fn(&mut LegFacts, Option<u128>),
            5_000_u128,
        ),
        (Check::LastTradeCollar, |leg, last| leg.last_trade_price = last, 10_000),
    ] {
        let limit = i128::try_from(collar).expect("a small number");
        let price = 1_000_000_u128;
        leg_rows(
            check,
            set,
            &[
                (Some(price), Pass),
                (Some(0), Unusable),
                // The distance grows past any price, and rounding is up.
                (Some(1), Deny(999_999_000_000, limit)),
                (Some(u128::MAX), Deny(1_000_000, limit)),
            ],
        );
    }
    let at = |price: u128, reference: u128| (Some(price), Some(reference));
    leg_rows(
        Check::ReferenceCollar,
        |leg, (price, reference)| (leg.limit_price, leg.reference_price) = (price, reference),
        &[
            (at(1_004_999, 1_000_000), Pass),
            (at(1_005_000, 1_000_000), Pass),
            (at(1_005_001, 1_000_000), Deny(5_001, 5_000)),
            (at(995_001, 1_000_000), Pass),
            (at(995_000, 1_000_000), Pass),
            (at(994_999, 1_000_000), Deny(5_001, 5_000)),
            // One part in 10¹² above the collar.
            (at(1_005_000_000_001, 1_000_000_000_000), Deny(5_001, 5_000)),
            (at(u128::MAX, 1), Unusable),
            ((None, Some(1)), Missing),
            ((Some(1), None), Missing),
        ],
    );
    leg_rows(
        Check::LastTradeCollar,
        |leg, (price, last)| (leg.limit_price, leg.last_trade_price) = (price, last),
        &[
            (at(1_009_999, 1_000_000), Pass),
            (at(1_010_000, 1_000_000), Pass),
            (at(1_010_001, 1_000_000), Deny(10_001, 10_000)),
            (at(990_000, 1_000_000), Pass),
            (at(989_999, 1_000_000), Deny(10_001, 10_000)),
            ((None, Some(1)), Missing),
            // No trade is known: this half does not apply.
            ((Some(1), None), Pass),
            ((None, None), Pass),
        ],
    );
}

#[test]
fn price_collar_holds_against_drift() {
    let within = |low, high| Some(OwnPrices::Within { low, high });
    leg_rows(
        Check::DriftCollar,
        |leg, own| leg.own_prices = own,
        &[
            (Some(OwnPrices::Never), Pass),
            (within(1_000_000, 1_009_999), Pass),
            (within(1_000_000, 1_010_000), Pass),
            (within(1_000_000, 1_010_001), Deny(10_001, 10_000)),
            // The order itself is the highest: 10/990 is above 1 %, 9.9/990.1 is 9,999 ppm.
            (within(990_100, 990_100), Pass),
            (within(990_000, 990_000), Deny(10_102, 10_000)),
            // It is the lowest.
            (within(1_010_000, 1_010_000), Pass),
            (within(1_010_001, 1_010_001), Deny(10_001, 10_000)),
            (within(0, 1), Unusable),
            (None, Missing),
        ],
    );
    leg_rows(Check::DriftCollar, |leg, price| leg.limit_price = price, &[(None, Missing)]);
}

#[test]
fn edges_too_thin_and_too_good_are_denied() {
    let edge = |net, notional| Some(Edge { net, notional });
    let set = |facts: &mut Facts, edge| facts.edge = edge;
    trade_rows(
        Check::EdgeMin,
        set,
        &[
            (edge(999, 1_000_000), Deny(999, 1_000)),
            (edge(1_000, 1_000_000), Pass),
            (edge(1_001, 1_000_000), Pass),
            // 0.0999999 %: rounded down.
            (edge(9_999_999, 10_000_000_000), Deny(999, 1_000)),
            (edge(0, 1), Deny(0, 1_000)),
            (edge(-1, 1_000_000_000), Deny(-1, 1_000)),
            (edge(1, 0), Unusable),
            (edge(1, -1), Unusable),
            (edge(i128::MAX, 1), Unusable),
            (edge(i128::MIN, 1), Unusable),
            (None, Missing),
        ],
    );
    trade_rows(
        Check::EdgeMax,
        set,
        &[
            (edge(49_999, 1_000_000), Pass),
            (edge(50_000, 1_000_000), Pass),
            (edge(50_001, 1_000_000), Deny(50_001, 50_000)),
            // 5.0000001 %: rounded up.
            (edge(500_000_001, 10_000_000_000), Deny(50_001, 50_000)),
            (edge(-1, 1), Pass),
            (edge(1, 0), Unusable),
            (edge(i128::MAX, 1), Unusable),
            (None, Missing),
        ],
    );
}

#[test]
fn prices_and_currencies_must_agree() {
    trade_rows(
        Check::ReferenceAgreement,
        |facts, ppm| facts.disagreement_ppm = ppm,
        &[
            (Some(0), Pass),
            (Some(19_999), Pass),
            (Some(20_000), Pass),
            (Some(20_001), Deny(20_001, 20_000)),
            (Some(u64::MAX), Deny(u64::MAX.into(), 20_000)),
            (None, Missing),
        ],
    );
    let band = |low_ppm, high_ppm| Some(PriceBand { low_ppm, high_ppm });
    leg_rows(
        Check::QuoteCurrency,
        |leg, price| leg.settlement = Settlement::Other { price, position: Some(held(0)) },
        &[
            (band(994_999, 1_000_000), Deny(994_999, 995_000)),
            (band(995_000, 1_000_000), Pass),
            (band(995_001, 1_000_000), Pass),
            (band(1_000_000, 1_004_999), Pass),
            (band(1_000_000, 1_005_000), Pass),
            (band(1_000_000, 1_005_001), Deny(1_005_001, 1_005_000)),
            (band(0, 0), Deny(0, 995_000)),
            (band(u64::MAX, u64::MAX), Deny(u64::MAX.into(), 1_005_000)),
            (None, Missing),
        ],
    );
    leg_rows(Check::QuoteCurrency, |leg, to| leg.settlement = to, &[(Settlement::Numeraire, Pass)]);
}
