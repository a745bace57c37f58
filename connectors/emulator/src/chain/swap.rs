//! Swaps on account bytes: what the pool's program reads, computes and writes.

use engine_poolmath::whirlpool::{
    Direction, Existence, Oracle, SwapError, SwapRequest, SwapResult, TICKS_PER_ARRAY,
    TickArraySet, sqrt_price_at_tick, swap,
};
use solana_pubkey::Pubkey;

use super::account::oracle_address;
use super::layout::{ArrayAccount, PoolAccount, cross_tick, put_variables, read_oracle};
use super::overlay::{Overlay, View};
use crate::market::accounts::array_address;

/// A pool's account, where it is one.
pub(crate) fn load_pool(view: &dyn View, key: &Pubkey) -> Option<PoolAccount> {
    PoolAccount::read(&view.get(key)?.data)
}

/// A pool's oracle, where it has one.
pub(crate) fn load_oracle(view: &dyn View, pool: &Pubkey) -> Option<Oracle> {
    let account = view.get(&oracle_address(pool))?;
    read_oracle(&account.data).filter(|(of, _)| of == pool).map(|(_, oracle)| oracle)
}

/// The arrays of a pool that begin at these ticks; those without an account count as empty.
pub(crate) fn load_arrays(
    view: &dyn View,
    pool: &Pubkey,
    spacing: u16,
    starts: &[i32],
) -> Result<TickArraySet, SwapError> {
    let mut set = TickArraySet::with_capacity(starts.len(), spacing);
    for start in starts {
        let account = view.get(&array_address(pool, *start));
        let array = account.and_then(|account| ArrayAccount::read(&account.data));
        let taken = match array {
            Some(array) if array.pool == *pool => set.replace(&array.ticks),
            Some(_) | None => set.begin(*start, Existence::Absent),
        };
        taken.map_err(|_| SwapError::InvalidState)?;
    }
    Ok(set)
}

/// A tick that a swap went through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Crossing {
    tick: i32,
    /// Growth of the input token's fees when the price was there.
    growth: u128,
}

/// A swap that was computed and not yet written.
#[derive(Clone, Debug)]
pub(crate) struct Swapped {
    pub(crate) result: SwapResult,
    crossings: Vec<Crossing>,
}

/// Computes a swap, and at which fee growth each tick was crossed.
pub(crate) fn compute(
    account: &PoolAccount,
    oracle: Option<&Oracle>,
    arrays: &TickArraySet,
    request: &SwapRequest,
) -> Result<Swapped, SwapError> {
    let pool = &account.pool;
    let result = swap(pool, oracle, arrays, request)?;
    let (before, after) = (pool.tick_current_index, result.tick_current_index);
    let mut crossings = Vec::new();
    for (start, array) in arrays.iter() {
        let Some(array) = array else { continue };
        for slot in (0..TICKS_PER_ARRAY).filter(|slot| array.bitmap >> slot & 1 == 1) {
            let offset = i32::try_from(slot).map_err(|_| SwapError::InvalidState)?;
            let tick = start + offset * i32::from(pool.tick_spacing);
            if !(before.min(after) + 1..=before.max(after)).contains(&tick) {
                continue;
            }
            let price = sqrt_price_at_tick(tick);
            // The swap that stops there is the beginning of this one, step by step.
            let growth = if price == result.sqrt_price {
                result.fee_growth_global
            } else if price == pool.sqrt_price {
                growth_of_input(account, request.direction)
            } else {
                let there = SwapRequest { sqrt_price_limit: price, ..*request };
                swap(pool, oracle, arrays, &there)?.fee_growth_global
            };
            crossings.push(Crossing { tick, growth });
        }
    }
    Ok(Swapped { result, crossings })
}

const fn growth_of_input(account: &PoolAccount, direction: Direction) -> u128 {
    match direction {
        Direction::AToB => account.pool.fee_growth_global_a,
        Direction::BToA => account.pool.fee_growth_global_b,
    }
}

/// Writes a swap: pool, ticks that were crossed, oracle. Tokens are moved by the caller.
pub(crate) fn write(
    overlay: &mut Overlay<'_>,
    key: &Pubkey,
    account: &PoolAccount,
    swapped: &Swapped,
    now_s: u64,
) {
    let mut after = *account;
    swapped.result.apply(&mut after.pool, None);
    match swapped.result.direction {
        Direction::AToB => after.owed_a = after.owed_a.wrapping_add(swapped.result.protocol_fee),
        Direction::BToA => after.owed_b = after.owed_b.wrapping_add(swapped.result.protocol_fee),
    }
    overlay.edit(key, |pool| after.write(&mut pool.data, now_s));
    for crossing in &swapped.crossings {
        let (growth_a, growth_b) = match swapped.result.direction {
            Direction::AToB => (crossing.growth, account.pool.fee_growth_global_b),
            Direction::BToA => (account.pool.fee_growth_global_a, crossing.growth),
        };
        let start = account.pool.array_start(crossing.tick);
        let slot = (crossing.tick - start) / i32::from(account.pool.tick_spacing);
        let Ok(slot) = usize::try_from(slot) else { continue };
        overlay.edit(&array_address(key, start), |array| {
            cross_tick(&mut array.data, slot, growth_a, growth_b);
        });
    }
    if let Some(variables) = &swapped.result.adaptive {
        overlay.edit(&oracle_address(key), |oracle| put_variables(&mut oracle.data, variables));
    }
}
