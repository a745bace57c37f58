//! The checks themselves: small pure functions over [`Facts`] and [`Limits`], and the two lists
//! that run them.
//!
//! A check compares, and where it must compute it does so on checked integers; what cannot be
//! computed denies. Shares are rounded against the trade: a least one down, a largest one up, so
//! that comparing the whole parts per million decides as the exact fraction would.

use super::facts::{
    ClientId, DataAge, Facts, LastEqual, LegFacts, Listing, OwnPrices, Position, ReducingFacts,
    Settlement, Sizing, Spend, Status, UnwindBound,
};
use super::halt::TradingState;
use super::verdict::{CheckResult, Checked, Denial, Observed, Verdict};
use super::{Check, Limits};
use crate::market::take::Take;
use crate::num::ratio::{mul_div_ceil, mul_div_floor};
use engine_model::units::PPM_ONE;

/// Denominator of shares, as money counts.
const PPM: i128 = PPM_ONE as i128;

/// What a check saw, and the limit that it held it against.
type Finding = (Observed, i128);

/// What a passed check saw, none where it does not apply; or what a failed one did.
type Outcome = Result<Option<Finding>, Finding>;

enum Rule {
    /// Of the whole trade.
    Trade(fn(&Facts, &Limits) -> Outcome),
    /// Of each of its orders.
    Leg(fn(&LegFacts, &Limits) -> Outcome),
}

enum ReducingRule {
    /// As it is only for a hedge or unwind.
    Own(fn(&ReducingFacts, &Limits) -> Outcome),
    /// As for any order.
    Leg(fn(&LegFacts, &Limits) -> Outcome),
}

/// What a trade of two legs must pass, in order.
const OPENING: [(Check, Rule); 34] = [
    (Check::ModeGate, Rule::Trade(|facts, _| mode_gate(facts.mode as u8, facts.target as u8))),
    (Check::TradingState, Rule::Trade(may_open)),
    (Check::Listed, Rule::Leg(listed)),
    (Check::LimitPrice, Rule::Leg(limit_price)),
    (Check::SizeMax, Rule::Leg(size_max)),
    (Check::SizeLot, Rule::Leg(size_lot)),
    (Check::SizeMin, Rule::Leg(size_min)),
    (Check::NotionalMin, Rule::Leg(notional_min)),
    (Check::OrderNotional, Rule::Leg(order_notional)),
    (Check::BookAge, Rule::Leg(book_age)),
    (Check::PoolAge, Rule::Leg(pool_age)),
    (Check::MetadataAge, Rule::Leg(metadata_age)),
    (Check::ReferenceCollar, Rule::Leg(reference_collar)),
    (Check::LastTradeCollar, Rule::Leg(last_trade_collar)),
    (Check::DriftCollar, Rule::Leg(drift_collar)),
    (Check::EdgeMin, Rule::Trade(edge_min)),
    (Check::EdgeMax, Rule::Trade(edge_max)),
    (Check::ReferenceAgreement, Rule::Trade(reference_agreement)),
    (Check::QuoteCurrency, Rule::Leg(quote_currency)),
    (Check::MessageRate, Rule::Leg(message_rate)),
    (Check::PairTrades, Rule::Trade(pair_trades)),
    (Check::AllTrades, Rule::Trade(all_trades)),
    (Check::DuplicateOrder, Rule::Leg(duplicate_order)),
    (Check::ClientIdReuse, Rule::Leg(client_id_reuse)),
    (Check::VenueOpenOrders, Rule::Leg(venue_open_orders)),
    (Check::MarketPairsInFlight, Rule::Leg(market_pairs_in_flight)),
    (Check::PairsInFlight, Rule::Trade(pairs_in_flight)),
    (Check::BasePosition, Rule::Leg(base_position)),
    (Check::SettlementPosition, Rule::Leg(settlement_position)),
    (Check::UnhedgedNotional, Rule::Trade(unhedged_notional)),
    (Check::UnhedgedAge, Rule::Trade(unhedged_age)),
    (Check::ProjectedLoss, Rule::Trade(projected_loss)),
    (Check::Balance, Rule::Leg(balance)),
    (Check::VenueStatus, Rule::Leg(venue_status)),
];

/// What a hedge or an unwind must pass, in order. It takes risk away, so what caps new risk does
/// not apply: edge, largest notional, counts in flight, positions, the day's loss, and collars that
/// compare with trades from before the market moved.
const REDUCING: [(Check, ReducingRule); 16] = [
    (
        Check::ModeGate,
        ReducingRule::Own(|facts, _| mode_gate(facts.mode as u8, facts.target as u8)),
    ),
    (Check::TradingState, ReducingRule::Own(may_reduce)),
    (Check::ReducesExposure, ReducingRule::Own(reduces_exposure)),
    (Check::Listed, ReducingRule::Leg(listed)),
    (Check::LimitPrice, ReducingRule::Leg(limit_price)),
    (Check::SizeMax, ReducingRule::Leg(size_max)),
    (Check::SizeLot, ReducingRule::Leg(size_lot)),
    (Check::SizeMin, ReducingRule::Leg(size_min)),
    (Check::NotionalMin, ReducingRule::Leg(notional_min)),
    (Check::BookAge, ReducingRule::Leg(book_age)),
    (Check::PoolAge, ReducingRule::Leg(pool_age)),
    (Check::ReferenceCollar, ReducingRule::Own(unwind_collar)),
    (Check::MessageRate, ReducingRule::Leg(message_rate)),
    (Check::ClientIdReuse, ReducingRule::Leg(client_id_reuse)),
    (Check::Balance, ReducingRule::Leg(balance)),
    (Check::VenueStatus, ReducingRule::Leg(venue_status)),
];

/// Every check of a trade in order, passed or failed; the buy leg before the sell leg.
pub fn for_each_check(facts: &Facts, limits: &Limits, mut found: impl FnMut(Checked)) {
    for (check, rule) in &OPENING {
        match rule {
            Rule::Trade(rule) => found(Checked::of(*check, None, rule(facts, limits))),
            Rule::Leg(rule) => {
                for (leg, facts) in (0..).zip(&facts.legs) {
                    found(Checked::of(*check, Some(leg), rule(facts, limits)));
                }
            }
        }
    }
}

/// Every failed check of a trade, in order; the buy leg before the sell leg.
pub fn for_each_denial(facts: &Facts, limits: &Limits, mut found: impl FnMut(Denial)) {
    for (check, rule) in &OPENING {
        let check = *check;
        match rule {
            Rule::Trade(rule) => report(check, None, rule(facts, limits), &mut found),
            Rule::Leg(rule) => {
                for (leg, facts) in (0..).zip(&facts.legs) {
                    report(check, Some(leg), rule(facts, limits), &mut found);
                }
            }
        }
    }
}

/// Every failed check of a hedge or unwind, in order.
pub fn for_each_reducing_denial(
    facts: &ReducingFacts,
    limits: &Limits,
    mut found: impl FnMut(Denial),
) {
    for (check, rule) in &REDUCING {
        let outcome = match rule {
            ReducingRule::Own(rule) => rule(facts, limits),
            ReducingRule::Leg(rule) => rule(&facts.leg, limits),
        };
        report(*check, None, outcome, &mut found);
    }
}

/// Runs every check of a trade. The first failure gives the reason.
#[must_use]
pub fn judge(facts: &Facts, limits: &Limits) -> Verdict {
    let mut verdict = Verdict::default();
    for_each_denial(facts, limits, |denial| verdict.add(denial));
    verdict
}

/// Runs every check of a hedge or unwind. The first failure gives the reason.
#[must_use]
pub fn judge_reducing(facts: &ReducingFacts, limits: &Limits) -> Verdict {
    let mut verdict = Verdict::default();
    for_each_reducing_denial(facts, limits, |denial| verdict.add(denial));
    verdict
}

impl Checked {
    fn of(check: Check, leg: Option<u8>, outcome: Outcome) -> Self {
        let (result, seen) = match outcome {
            Ok(Some(seen)) => (CheckResult::Passed, seen),
            Ok(None) => (CheckResult::NotApplicable, (Observed::Missing, 0)),
            Err(seen) => (CheckResult::Failed, seen),
        };
        Self { check, leg, result, observed: seen.0, limit: seen.1 }
    }
}

fn report(check: Check, leg: Option<u8>, outcome: Outcome, found: &mut impl FnMut(Denial)) {
    if let Err((observed, limit)) = outcome {
        found(Denial { check, leg, observed, limit });
    }
}

fn at_most(observed: Observed, limit: i128) -> Outcome {
    let seen = (observed, limit);
    if observed.value().is_some_and(|value| value <= limit) { Ok(Some(seen)) } else { Err(seen) }
}

fn at_least(observed: Observed, limit: i128) -> Outcome {
    let seen = (observed, limit);
    if observed.value().is_some_and(|value| value >= limit) { Ok(Some(seen)) } else { Err(seen) }
}

/// A limit of a size that came as an input too: where it is missing, that is what was seen.
fn sizes(size: Option<u128>, bound: Option<u128>) -> Result<(u128, i128), Finding> {
    let (Some(size), Some(bound)) = (size, bound) else { return Err((Observed::Missing, 0)) };
    let bound = i128::try_from(bound).map_err(|_| (Observed::Unusable, 0))?;
    Ok((size, bound))
}

// Mode and halts.

fn mode_gate(mode: u8, target: u8) -> Outcome {
    let (mode, target) = (i128::from(mode), i128::from(target));
    let seen = (Observed::Value(target), mode);
    if mode == target { Ok(Some(seen)) } else { Err(seen) }
}

fn may_open(facts: &Facts, _: &Limits) -> Outcome {
    at_most(Observed::Value(state_number(facts.trading_state)), 0)
}

fn may_reduce(facts: &ReducingFacts, _: &Limits) -> Outcome {
    at_most(Observed::Value(state_number(facts.trading_state)), 1)
}

const fn state_number(state: TradingState) -> i128 {
    match state {
        TradingState::Active => 0,
        TradingState::Reducing => 1,
        TradingState::Halted => 2,
    }
}

// What the order alone shows.

fn reduces_exposure(facts: &ReducingFacts, _: &Limits) -> Outcome {
    let Some(exposure) = facts.exposure else { return Err((Observed::Missing, 0)) };
    let is_opposite = match facts.leg.take {
        Take::Buy => exposure.open_e18 < 0,
        Take::Sell => exposure.open_e18 > 0,
    };
    let open = if is_opposite { exposure.open_e18.unsigned_abs() } else { 0 };
    let left = open.saturating_sub(exposure.working_e18);
    let (size, left) = sizes(facts.leg.size_e18, Some(left))?;
    at_most(Observed::of(Some(size)), left)
}

fn listed(leg: &LegFacts, _: &Limits) -> Outcome {
    let answer = leg.listing.map(|listing| match listing {
        Listing::Listed => 1_u8,
        Listing::Unlisted => 0,
    });
    at_least(Observed::of(answer), 1)
}

fn limit_price(leg: &LegFacts, _: &Limits) -> Outcome {
    at_least(Observed::of(leg.limit_price), 1)
}

fn size_max(leg: &LegFacts, _: &Limits) -> Outcome {
    let (size, max) = sizes(leg.size_e18, leg.size_max_e18)?;
    at_most(Observed::of(Some(size)), max)
}

fn size_lot(leg: &LegFacts, _: &Limits) -> Outcome {
    let (Some(size), Some(lot)) = (leg.size_e18, leg.lot_e18) else {
        return Err((Observed::Missing, 0));
    };
    at_most(Observed::computed(size.checked_rem(lot)), 0)
}

fn size_min(leg: &LegFacts, _: &Limits) -> Outcome {
    let (size, min) = sizes(leg.size_e18, leg.size_min_e18)?;
    at_least(Observed::of(Some(size)), min.max(1))
}

fn notional_min(leg: &LegFacts, _: &Limits) -> Outcome {
    let (notional, min) = sizes(leg.notional_settled, leg.notional_settled_min)?;
    at_least(Observed::of(Some(notional)), min)
}

/// The limit of a first trade after a resume is rounded down.
fn order_notional(leg: &LegFacts, limits: &Limits) -> Outcome {
    let max = limits.order_notional_usd_micros_max;
    let limit = match leg.sizing {
        Sizing::Full => Some(max),
        Sizing::AfterResume => {
            max.checked_mul(limits.resume_size_ppm.into()).map(|product| product.div_euclid(PPM))
        }
    };
    let limit = limit.ok_or((Observed::Unusable, max))?;
    // An order that is worth nothing was not valued.
    let is_valued = leg.notional_usd_micros.is_none_or(|notional| notional > 0);
    let notional = Observed::of(leg.notional_usd_micros);
    at_most(if is_valued { notional } else { Observed::Unusable }, limit)
}

// Prices and their age.

fn book_age(leg: &LegFacts, limits: &Limits) -> Outcome {
    match leg.data {
        DataAge::Book { age_ns } => at_most(Observed::of(age_ns), limits.book_age_ns_max.into()),
        DataAge::Pool { .. } => Ok(None),
    }
}

fn pool_age(leg: &LegFacts, limits: &Limits) -> Outcome {
    match leg.data {
        DataAge::Book { .. } => Ok(None),
        DataAge::Pool { age_slots } => {
            at_most(Observed::of(age_slots), limits.pool_age_slots_max.into())
        }
    }
}

fn metadata_age(leg: &LegFacts, limits: &Limits) -> Outcome {
    at_most(Observed::of(leg.metadata_age_ns), limits.metadata_age_ns_max.into())
}

fn reference_collar(leg: &LegFacts, limits: &Limits) -> Outcome {
    collar(leg.limit_price, leg.reference_price, limits.reference_collar_ppm)
}

fn unwind_collar(facts: &ReducingFacts, limits: &Limits) -> Outcome {
    let collar_ppm = match facts.bound {
        UnwindBound::First => limits.unwind_collar_ppm,
        UnwindBound::Hard => limits.unwind_hard_collar_ppm,
    };
    collar(facts.leg.limit_price, facts.leg.reference_price, collar_ppm)
}

fn last_trade_collar(leg: &LegFacts, limits: &Limits) -> Outcome {
    if leg.last_trade_price.is_none() {
        return Ok(None);
    }
    collar(leg.limit_price, leg.last_trade_price, limits.last_trade_collar_ppm)
}

/// The distance is a share of the reference, rounded up.
fn collar(price: Option<u128>, reference: Option<u128>, collar_ppm: u64) -> Outcome {
    let limit = i128::from(collar_ppm);
    let (Some(price), Some(reference)) = (price, reference) else {
        return Err((Observed::Missing, limit));
    };
    at_most(distance_ppm(price, reference), limit)
}

/// The spread of our prices with this one, as a share of the lowest, rounded up.
fn drift_collar(leg: &LegFacts, limits: &Limits) -> Outcome {
    let limit = i128::from(limits.drift_collar_ppm);
    let (Some(price), Some(own)) = (leg.limit_price, leg.own_prices) else {
        return Err((Observed::Missing, limit));
    };
    let (low, high) = match own {
        OwnPrices::Never => (price, price),
        OwnPrices::Within { low, high } => (low.min(price), high.max(price)),
    };
    at_most(distance_ppm(high, low), limit)
}

/// |price − reference| / reference, rounded up. A reference of zero is unusable.
fn distance_ppm(price: u128, reference: u128) -> Observed {
    if reference == 0 {
        return Observed::Unusable;
    }
    Observed::computed(mul_div_ceil(price.abs_diff(reference), PPM_ONE.into(), reference))
}

/// The edge is rounded down.
fn edge_min(facts: &Facts, limits: &Limits) -> Outcome {
    let limit = i128::from(limits.edge_ppm_min);
    let Some(edge) = facts.edge else { return Err((Observed::Missing, limit)) };
    at_least(share_ppm(edge.net, edge.notional, mul_div_floor), limit)
}

/// The edge is rounded up.
fn edge_max(facts: &Facts, limits: &Limits) -> Outcome {
    let limit = i128::from(limits.edge_ppm_max);
    let Some(edge) = facts.edge else { return Err((Observed::Missing, limit)) };
    at_most(share_ppm(edge.net, edge.notional, mul_div_ceil), limit)
}

/// net / notional, with `divide` choosing the rounding of a gain. A loss is rounded away from zero:
/// it is below every least edge and above no largest one.
fn share_ppm(net: i128, notional: i128, divide: fn(u128, u128, u128) -> Option<u128>) -> Observed {
    let Some(notional) = u128::try_from(notional).ok().filter(|notional| *notional > 0) else {
        return Observed::Unusable;
    };
    let divide = if net < 0 { mul_div_ceil } else { divide };
    match Observed::computed(divide(net.unsigned_abs(), PPM_ONE.into(), notional)) {
        Observed::Value(share) if net < 0 => Observed::Value(-share),
        share @ (Observed::Value(_) | Observed::Missing | Observed::Unusable) => share,
    }
}

fn reference_agreement(facts: &Facts, limits: &Limits) -> Outcome {
    let limit = limits.reference_disagreement_ppm_max.into();
    at_most(Observed::of(facts.disagreement_ppm), limit)
}

fn quote_currency(leg: &LegFacts, limits: &Limits) -> Outcome {
    match leg.settlement {
        Settlement::Numeraire => Ok(None),
        Settlement::Other { price, .. } => {
            let low = Observed::of(price.map(|price| price.low_ppm));
            let high = Observed::of(price.map(|price| price.high_ppm));
            at_least(low, limits.quote_currency_ppm_min.into())?;
            at_most(high, limits.quote_currency_ppm_max.into())
        }
    }
}

// Rate and repetition.

fn message_rate(leg: &LegFacts, _: &Limits) -> Outcome {
    // A trade that needs no message was not counted.
    at_least(Observed::of(leg.messages_left), i128::from(leg.messages_needed.max(1)))
}

fn pair_trades(facts: &Facts, limits: &Limits) -> Outcome {
    at_most(Observed::of(facts.pair_trades), limits.pair_trades_max.into())
}

fn all_trades(facts: &Facts, limits: &Limits) -> Outcome {
    at_most(Observed::of(facts.trades), limits.trades_max.into())
}

fn duplicate_order(leg: &LegFacts, limits: &Limits) -> Outcome {
    match leg.last_equal {
        Some(LastEqual::Never) => Ok(None),
        Some(LastEqual::AgeNs(age_ns)) => {
            at_least(Observed::of(Some(age_ns)), limits.duplicate_window_ns.into())
        }
        None => Err((Observed::Missing, limits.duplicate_window_ns.into())),
    }
}

fn client_id_reuse(leg: &LegFacts, _: &Limits) -> Outcome {
    let uses = leg.client_id.map(|id| match id {
        ClientId::Fresh => 0_u8,
        ClientId::Used => 1,
    });
    at_most(Observed::of(uses), 0)
}

// Exposure and loss.

fn venue_open_orders(leg: &LegFacts, limits: &Limits) -> Outcome {
    at_most(Observed::of(leg.venue_open_orders), limits.venue_open_orders_max.into())
}

fn market_pairs_in_flight(leg: &LegFacts, limits: &Limits) -> Outcome {
    at_most(Observed::of(leg.market_pairs_in_flight), limits.market_pairs_in_flight_max.into())
}

fn pairs_in_flight(facts: &Facts, limits: &Limits) -> Outcome {
    at_most(Observed::of(facts.pairs_in_flight), limits.pairs_in_flight_max.into())
}

fn base_position(leg: &LegFacts, limits: &Limits) -> Outcome {
    position(leg.position, limits)
}

fn settlement_position(leg: &LegFacts, limits: &Limits) -> Outcome {
    match leg.settlement {
        Settlement::Numeraire => Ok(None),
        Settlement::Other { position: held, .. } => position(held, limits),
    }
}

fn position(held: Option<Position>, limits: &Limits) -> Outcome {
    let limit = limits.position_usd_micros_max;
    let Some(held) = held else { return Err((Observed::Missing, limit)) };
    at_most(worst_position(held).map_or(Observed::Unusable, Observed::Value), limit)
}

/// The largest absolute position that the order and any part of the reserve may lead to.
fn worst_position(position: Position) -> Option<i128> {
    let Position {
        held_usd_micros, reserve_up_usd_micros: up, reserve_down_usd_micros: down, ..
    } = position;
    if up < 0 || down < 0 {
        return None;
    }
    let with_order = held_usd_micros.checked_add(position.order_usd_micros)?;
    let highest = with_order.checked_add(up)?.checked_abs()?;
    let lowest = with_order.checked_sub(down)?.checked_abs()?;
    Some(highest.max(lowest))
}

fn unhedged_notional(facts: &Facts, limits: &Limits) -> Outcome {
    let notional = facts.unhedged.map(|unhedged| unhedged.usd_micros);
    let observed = if notional.is_some_and(i128::is_negative) {
        Observed::Unusable
    } else {
        Observed::of(notional)
    };
    at_most(observed, limits.unhedged_usd_micros_max)
}

fn unhedged_age(facts: &Facts, limits: &Limits) -> Outcome {
    let age_ns = facts.unhedged.map(|unhedged| unhedged.age_ns);
    at_most(Observed::of(age_ns), limits.unhedged_age_ns_max.into())
}

/// The loss limit itself is already too much, as it halts.
fn projected_loss(facts: &Facts, limits: &Limits) -> Outcome {
    let limit = limits.daily_loss_usd_micros.checked_neg().ok_or((Observed::Unusable, 0))?;
    let (Some(pnl), Some(loss)) = (facts.daily_pnl_usd_micros, facts.worst_case_loss_usd_micros)
    else {
        return Err((Observed::Missing, limit));
    };
    match pnl.checked_sub(loss) {
        Some(projected) if loss >= 0 && projected > limit => {
            Ok(Some((Observed::Value(projected), limit)))
        }
        Some(projected) if loss >= 0 => Err((Observed::Value(projected), limit)),
        _ => Err((Observed::Unusable, limit)),
    }
}

/// The need with its buffer is rounded up.
fn balance(leg: &LegFacts, limits: &Limits) -> Outcome {
    let Some(spend) = leg.spend else { return Err((Observed::Missing, 0)) };
    let buffered = PPM_ONE.checked_add(limits.balance_buffer_ppm);
    let needed = buffered
        .and_then(|share| mul_div_ceil(spend.need, share.into(), PPM_ONE.into()))
        .and_then(|needed| i128::try_from(needed).ok())
        .ok_or((Observed::Unusable, 0))?;
    // A leg that spends nothing was not counted.
    at_least(free_balance(spend).map_or(Observed::Unusable, Observed::Value), needed.max(1))
}

/// What is left of a balance; below zero where more is reserved than there is.
fn free_balance(spend: Spend) -> Option<i128> {
    let held_back = i128::try_from(spend.reserved.checked_add(spend.fees)?).ok()?;
    i128::try_from(spend.available).ok()?.checked_sub(held_back)
}

// What the venue says of itself.

fn venue_status(leg: &LegFacts, _: &Limits) -> Outcome {
    let answer = leg.status.map(|status| match status {
        Status::Trading => 1_u8,
        Status::NotTrading => 0,
    });
    at_least(Observed::of(answer), 1)
}

#[cfg(test)]
pub(in crate::risk) mod tests;
