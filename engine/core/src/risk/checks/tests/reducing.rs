//! What a hedge or an unwind must pass.

use super::*;

#[test]
fn a_reducing_order_is_never_larger_than_the_exposure() {
    let exposure = |open_e18, working_e18| Some(Exposure { open_e18, working_e18 });
    reducing_rows(
        Check::ReducesExposure,
        |facts, exposure| facts.exposure = exposure,
        &[
            (Take::Sell, exposure(499, 0), Deny(500, 499)),
            (Take::Sell, exposure(500, 0), Pass),
            (Take::Sell, exposure(501, 0), Pass),
            (Take::Sell, exposure(501, 1), Pass),
            (Take::Sell, exposure(501, 2), Deny(500, 499)),
            (Take::Sell, exposure(501, u128::MAX), Deny(500, 0)),
            (Take::Sell, exposure(-500, 0), Deny(500, 0)),
            (Take::Sell, exposure(0, 0), Deny(500, 0)),
            (Take::Buy, exposure(-499, 0), Deny(500, 499)),
            (Take::Buy, exposure(-500, 0), Pass),
            (Take::Buy, exposure(500, 0), Deny(500, 0)),
            (Take::Buy, exposure(i128::MIN, 0), Unusable),
            (Take::Buy, None, Missing),
        ],
    );
}

#[test]
fn a_reducing_order_keeps_the_unwind_bound() {
    use UnwindBound::{First, Hard};
    reducing_rows(
        Check::ReferenceCollar,
        |facts, (bound, price)| (facts.bound, facts.leg.limit_price) = (bound, price),
        &[
            (Take::Buy, (First, Some(1_004_999)), Pass),
            (Take::Buy, (First, Some(1_005_000)), Pass),
            (Take::Buy, (First, Some(1_005_001)), Deny(5_001, 5_000)),
            (Take::Sell, (First, Some(994_999)), Deny(5_001, 5_000)),
            (Take::Buy, (Hard, Some(1_010_000)), Pass),
            (Take::Buy, (Hard, Some(1_010_001)), Deny(10_001, 10_000)),
            (Take::Buy, (Hard, None), Missing),
        ],
    );
}

#[test]
fn what_caps_new_risk_does_not_stop_a_reducing_order() {
    let mut facts = reducing(Take::Sell);
    let leg = &mut facts.leg;
    leg.notional_usd_micros = Some(5_000 * USD);
    leg.venue_open_orders = Some(100);
    leg.market_pairs_in_flight = Some(100);
    leg.position = Some(held(5_000 * USD));
    leg.own_prices = Some(OwnPrices::Within { low: 1, high: 2_000_000 });
    leg.last_trade_price = Some(1);
    assert!(judge_reducing(&facts, &LIMITS()).is_allowed());
}

#[test]
fn what_any_order_must_keep_stops_a_reducing_order_too() {
    for (check, spoil) in [
        (Check::Listed, (|leg| leg.listing = None) as fn(&mut LegFacts)),
        (Check::LimitPrice, |leg| leg.limit_price = Some(0)),
        (Check::SizeMax, |leg| leg.size_max_e18 = Some(499)),
        (Check::SizeLot, |leg| leg.lot_e18 = Some(7)),
        (Check::SizeMin, |leg| leg.size_min_e18 = Some(501)),
        (Check::NotionalMin, |leg| leg.notional_settled_min = Some(51)),
        (Check::BookAge, |leg| leg.data = DataAge::Book { age_ns: None }),
        (Check::PoolAge, |leg| leg.data = DataAge::Pool { age_slots: Some(9) }),
        (Check::MessageRate, |leg| leg.messages_left = Some(0)),
        (Check::ClientIdReuse, |leg| leg.client_id = Some(ClientId::Used)),
        (Check::Balance, |leg| leg.spend = None),
        (Check::VenueStatus, |leg| leg.status = Some(Status::NotTrading)),
    ] {
        let mut facts = reducing(Take::Buy);
        spoil(&mut facts.leg);
        let verdict = judge_reducing(&facts, &LIMITS());
        assert!(verdict.failed.contains(check), "{}", check.name());
    }
}
