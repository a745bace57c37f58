//! Accounts as event bodies, appended to a list that keeps its memory.

use engine_model::Body;
use engine_model::event::halves;

use crate::layout::{OracleAccount, PoolAccount, TickArrayView};

/// Appends price and meta data of a pool.
pub fn push_pool(account: &PoolAccount, out: &mut Vec<Body>) {
    out.extend(pool_bodies(account));
}

/// Price and meta data of a pool.
#[must_use]
pub fn pool_bodies(account: &PoolAccount) -> [Body; 2] {
    let [lo, hi] = halves(account.sqrt_price);
    let hi = u32::try_from(hi).expect("Invariant: the price bounds of a read account fit 96 bits");
    let price = Body::PoolPrice {
        sqrt_price_hi: hi,
        sqrt_price_lo: lo,
        liquidity: halves(account.liquidity),
    };
    let meta = Body::PoolMeta {
        tick_current_index: account.tick_current_index,
        tick_spacing: account.tick_spacing,
        fee_tier_index: account.fee_tier_index,
        fee_rate_ppm: account.fee_rate_ppm,
        protocol_fee_rate: account.protocol_fee_rate,
    };
    [price, meta]
}

/// Appends a tick array: its beginning and its initialised ticks in ascending order.
pub fn push_array(view: &TickArrayView<'_>, tick_spacing: u16, out: &mut Vec<Body>) {
    out.push(Body::TickArrayBegin { start_tick_index: view.start_tick_index(), exists: 1 });
    out.extend(view.ticks(tick_spacing).map(|tick| Body::Tick {
        index: tick.index,
        liquidity_net: halves(tick.liquidity_net.cast_unsigned()),
    }));
}

/// Appends a tick array that the chain does not have.
pub fn push_absent_array(start_tick_index: i32, out: &mut Vec<Body>) {
    out.push(Body::TickArrayBegin { start_tick_index, exists: 0 });
}

/// Appends constants and variables of an oracle.
pub fn push_oracle(account: &OracleAccount, out: &mut Vec<Body>) {
    let (constants, variables) = (&account.constants, &account.variables);
    out.push(Body::OracleConstants {
        filter_period: constants.filter_period,
        decay_period: constants.decay_period,
        reduction_factor: constants.reduction_factor,
        tick_group_size: constants.tick_group_size,
        major_swap_threshold_ticks: constants.major_swap_threshold_ticks,
        adaptive_fee_control_factor: constants.adaptive_fee_control_factor,
        max_volatility_accumulator: constants.max_volatility_accumulator,
        trade_enable_timestamp: account.trade_enable_timestamp,
    });
    out.push(Body::OracleVariables {
        volatility_reference: variables.volatility_reference,
        last_reference_update_timestamp: variables.last_reference_update_timestamp,
        last_major_swap_timestamp: variables.last_major_swap_timestamp,
        tick_group_index_reference: variables.tick_group_index_reference,
        volatility_accumulator: variables.volatility_accumulator,
    });
}
