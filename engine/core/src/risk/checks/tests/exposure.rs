//! Exposure and loss.

use super::*;

#[test]
fn open_orders_and_pairs_in_flight_are_capped() {
    leg_rows(
        Check::VenueOpenOrders,
        |leg, count| leg.venue_open_orders = count,
        &[
            (Some(3), Pass),
            (Some(4), Pass),
            (Some(5), Deny(5, 4)),
            (Some(u32::MAX), Deny(u32::MAX.into(), 4)),
            (None, Missing),
        ],
    );
    leg_rows(
        Check::MarketPairsInFlight,
        |leg, count| leg.market_pairs_in_flight = count,
        &[(Some(0), Pass), (Some(1), Pass), (Some(2), Deny(2, 1)), (None, Missing)],
    );
    trade_rows(
        Check::PairsInFlight,
        |facts, count| facts.pairs_in_flight = count,
        &[(Some(1), Pass), (Some(2), Pass), (Some(3), Deny(3, 2)), (None, Missing)],
    );
}

#[test]
fn positions_are_capped_at_their_worst() {
    let max = 1_000 * USD;
    let parts = |held_usd_micros, up, down, order_usd_micros| {
        Some(Position {
            held_usd_micros,
            reserve_up_usd_micros: up,
            reserve_down_usd_micros: down,
            order_usd_micros,
        })
    };
    let over = Deny(1_000_000_001, 1_000_000_000);
    let rows = [
        (Some(held(max - 1)), Pass),
        (Some(held(max)), Pass),
        (Some(held(max + 1)), over),
        (Some(held(-max)), Pass),
        (Some(held(-max - 1)), over),
        (parts(400 * USD, 300 * USD, 0, 300 * USD), Pass),
        (parts(400 * USD, 300 * USD, 0, 300 * USD + 1), over),
        (parts(-400 * USD, 0, 300 * USD, -300 * USD), Pass),
        (parts(-400 * USD, 0, 300 * USD, -300 * USD - 1), over),
        // The reserve may fill or not, whichever is worse.
        (parts(-1_000 * USD, 900 * USD, 0, -1), over),
        (parts(1_000 * USD, 0, 900 * USD, 1), over),
        (parts(0, -1, 0, 0), Unusable),
        (parts(0, 0, -1, 0), Unusable),
        (parts(i128::MAX, 0, 0, 1), Unusable),
        (parts(i128::MAX, 1, 0, 0), Unusable),
        (parts(i128::MIN + 1, 0, 2, 0), Unusable),
        (parts(i128::MIN, 0, 0, 0), Unusable),
        (None, Missing),
    ];
    leg_rows(Check::BasePosition, |leg, position| leg.position = position, &rows);
    leg_rows(
        Check::SettlementPosition,
        |leg, position| {
            let price = Some(PriceBand { low_ppm: 1_000_000, high_ppm: 1_000_000 });
            leg.settlement = Settlement::Other { price, position };
        },
        &rows,
    );
    leg_rows(
        Check::SettlementPosition,
        |leg, to| leg.settlement = to,
        &[(Settlement::Numeraire, Pass)],
    );
}

#[test]
fn unhedged_legs_deny_new_trades() {
    let unhedged = |usd_micros, age_ns| Some(Unhedged { usd_micros, age_ns });
    let set = |facts: &mut Facts, unhedged| facts.unhedged = unhedged;
    let max = 1_000 * USD;
    trade_rows(
        Check::UnhedgedNotional,
        set,
        &[
            (unhedged(max - 1, 0), Pass),
            (unhedged(max, 0), Pass),
            (unhedged(max + 1, 0), Deny(1_000_000_001, 1_000_000_000)),
            (unhedged(-1, 0), Unusable),
            (unhedged(i128::MAX, 0), Deny(i128::MAX, 1_000_000_000)),
            (None, Missing),
        ],
    );
    trade_rows(
        Check::UnhedgedAge,
        set,
        &[
            (unhedged(0, 5 * SECOND_NS - 1), Pass),
            (unhedged(0, 5 * SECOND_NS), Pass),
            (unhedged(0, 5 * SECOND_NS + 1), Deny(5_000_000_001, 5_000_000_000)),
            (unhedged(0, u64::MAX), Deny(u64::MAX.into(), 5_000_000_000)),
            (None, Missing),
        ],
    );
}

#[test]
fn the_worst_case_stays_above_the_daily_loss_limit() {
    trade_rows(
        Check::ProjectedLoss,
        |facts, (pnl, loss)| {
            (facts.daily_pnl_usd_micros, facts.worst_case_loss_usd_micros) = (pnl, loss);
        },
        &[
            ((Some(-490 * USD), Some(10 * USD - 1)), Pass),
            ((Some(-490 * USD), Some(10 * USD)), Deny(-500_000_000, -500_000_000)),
            ((Some(-490 * USD), Some(10 * USD + 1)), Deny(-500_000_001, -500_000_000)),
            ((Some(0), Some(0)), Pass),
            ((Some(-500 * USD), Some(0)), Deny(-500_000_000, -500_000_000)),
            ((Some(1_000 * USD), Some(1_499 * USD)), Pass),
            ((Some(0), Some(-1)), Unusable),
            ((Some(i128::MIN), Some(1)), Unusable),
            ((Some(0), Some(i128::MAX)), Deny(-i128::MAX, -500_000_000)),
            ((None, Some(0)), Missing),
            ((Some(0), None), Missing),
        ],
    );
}

#[test]
fn balances_cover_the_need_and_its_buffer() {
    let spend = |available, reserved, fees, need| Some(Spend { available, reserved, fees, need });
    leg_rows(
        Check::Balance,
        |leg, spend| leg.spend = spend,
        &[
            (spend(1_019, 0, 0, 1_000), Deny(1_019, 1_020)),
            (spend(1_020, 0, 0, 1_000), Pass),
            (spend(1_021, 0, 0, 1_000), Pass),
            (spend(1_049, 20, 10, 1_000), Deny(1_019, 1_020)),
            (spend(1_050, 20, 10, 1_000), Pass),
            // 1.02 is rounded up.
            (spend(1, 0, 0, 1), Deny(1, 2)),
            (spend(2, 0, 0, 1), Pass),
            (spend(5, 10, 0, 1), Deny(-5, 2)),
            (spend(0, 0, 0, 0), Deny(0, 1)),
            (spend(u128::MAX, 0, 0, 1), Unusable),
            (spend(1, u128::MAX, 1, 1), Unusable),
            (spend(1, 0, 0, u128::MAX), Unusable),
            (None, Missing),
        ],
    );
}
