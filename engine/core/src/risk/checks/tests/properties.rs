//! Whatever the inputs are, the checks neither panic nor let through what the limits exclude.

use proptest::prelude::*;
use proptest::sample::select;

use super::*;

/// Numbers around the places where comparisons and arithmetic turn.
fn amount() -> impl Strategy<Value = i128> {
    let edges =
        alloc::vec![i128::MIN, -1, 0, 1, 500 * USD, 1_000 * USD, i128::MAX / 1_000_000, i128::MAX,];
    prop_oneof![select(edges), -2_000 * USD..2_000 * USD, any::<i128>()]
}

fn size() -> impl Strategy<Value = u128> {
    prop_oneof![select(alloc::vec![0, 1, u128::MAX / 1_000_000, u128::MAX]), 0..2_000_u128]
}

fn share(value: i128, ppm: i128) -> Option<i128> {
    value.checked_mul(ppm)
}

proptest! {
    #[test]
    fn what_passes_is_within_the_limits(
        (net, notional) in (amount(), amount()),
        parts in (amount(), amount(), amount(), amount()),
        (pnl, loss, order) in (amount(), amount(), amount()),
        (available, reserved, fees, need) in (size(), size(), size(), size()),
        (price, reference) in (size(), size()),
    ) {
        let mut facts = facts();
        facts.edge = Some(Edge { net, notional });
        (facts.daily_pnl_usd_micros, facts.worst_case_loss_usd_micros) = (Some(pnl), Some(loss));
        let leg = &mut facts.legs[0];
        leg.notional_usd_micros = Some(order);
        let (held_usd_micros, up, down, order_usd_micros) = parts;
        leg.position = Some(Position {
            held_usd_micros,
            reserve_up_usd_micros: up,
            reserve_down_usd_micros: down,
            order_usd_micros,
        });
        leg.spend = Some(Spend { available, reserved, fees, need });
        (leg.limit_price, leg.reference_price) = (Some(price), Some(reference));
        let failed = judge(&facts, &LIMITS()).failed;

        let passes = |check| !failed.contains(check);
        if passes(Check::EdgeMin) && passes(Check::EdgeMax) {
            let (low, high) = (share(notional, 1_000), share(notional, 50_000));
            let net = share(net, 1_000_000);
            // A net or notional too large to compare here is compared in 256 bits there.
            if let (Some(low), Some(high), Some(net)) = (low, high, net) {
                prop_assert!(low <= net && net <= high);
            }
        }
        if passes(Check::OrderNotional) {
            prop_assert!(0 < order && order <= 500 * USD);
        }
        if passes(Check::BasePosition) {
            let outcomes = [0, up, -down].map(|reserve| held_usd_micros + order_usd_micros + reserve);
            prop_assert!(outcomes.iter().all(|usd| usd.abs() <= 1_000 * USD));
        }
        if passes(Check::ProjectedLoss) {
            prop_assert!(loss >= 0 && pnl - loss > -500 * USD);
        }
        if passes(Check::Balance) {
            let needed = need.checked_mul(102).expect("what passes is far below the maximum");
            prop_assert!((available - reserved - fees) * 100 >= needed);
        }
        if passes(Check::ReferenceCollar) && price < u128::MAX / 1_000 {
            prop_assert!(price.abs_diff(reference) * 1_000 <= reference * 5);
        }
    }

    /// One missing input is enough, whichever it is.
    #[test]
    fn a_missing_input_denies(which in 0..24_usize, side in 0..2_usize) {
        let mut facts = facts();
        let leg = &mut facts.legs[side];
        match which {
            0 => leg.listing = None,
            1 => leg.status = None,
            2 => leg.metadata_age_ns = None,
            3 => leg.data = DataAge::Book { age_ns: None },
            4 => leg.limit_price = None,
            5 => leg.reference_price = None,
            6 => leg.own_prices = None,
            7 => leg.size_e18 = None,
            8 => leg.lot_e18 = None,
            9 => leg.size_min_e18 = None,
            10 => leg.size_max_e18 = None,
            11 => leg.notional_usd_micros = None,
            12 => leg.messages_left = None,
            13 => leg.last_equal = None,
            14 => leg.client_id = None,
            15 => leg.venue_open_orders = None,
            16 => leg.market_pairs_in_flight = None,
            17 => leg.position = None,
            18 => leg.spend = None,
            19 => facts.edge = None,
            20 => facts.disagreement_ppm = None,
            21 => facts.pair_trades = None,
            22 => facts.unhedged = None,
            _ => facts.daily_pnl_usd_micros = None,
        }
        let verdict = judge(&facts, &LIMITS());
        prop_assert_eq!(verdict.first.map(|denial| denial.observed), Some(Observed::Missing));
    }
}
