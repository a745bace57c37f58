//! Tick arrays of a swap: which were supplied, and how far they reach.

use std::collections::BTreeMap;

use engine_poolmath::whirlpool::{
    Direction, Existence, MAX_TICK, MIN_TICK, Oracle, SwapError, SwapRequest, TickArray,
    TickArraySet, required_arrays, sqrt_price_at_tick,
};
use solana_instruction::error::InstructionError;

use super::accounts::{SwapAccounts, demand};
use super::{anchor, fail};
use crate::chain::account::{SYSTEM, WHIRLPOOL};
use crate::chain::layout::{ArrayAccount, PoolAccount, u32_at};
use crate::chain::swap::{Swapped, compute};
use crate::chain::tx::context::Context;
use crate::chain::tx::load::Meta;
use crate::market::accounts::array_address;

/// Most arrays that come with the remaining accounts.
const SUPPLEMENTAL_MAX: usize = 3;

/// Kinds of remaining accounts: hooks of token A, hooks of token B, supplemental tick arrays.
const KINDS: [u8; 3] = [0, 1, 6];
const KIND_ARRAYS: u8 = 6;

/// Reads which of the remaining accounts are tick arrays.
pub(super) fn supplemental(
    context: &mut Context<'_, '_>,
    info: &[u8],
    remaining: &[Meta],
) -> Result<Vec<Meta>, InstructionError> {
    let slices = match info.first() {
        None | Some(0) => return Ok(Vec::new()),
        Some(1) => info.get(5..).unwrap_or_default(),
        Some(_) => return Err(fail(context, anchor::UNREADABLE)),
    };
    let count = usize::try_from(u32_at(info, 1)).unwrap_or(usize::MAX);
    if count > KINDS.len() * 2 || slices.len() < count * 2 {
        return Err(fail(context, anchor::UNREADABLE));
    }
    let (mut at, mut seen, mut arrays) = (0, Vec::new(), Vec::new());
    for slice in slices.chunks_exact(2).take(count) {
        let (kind, length) = (slice[0], usize::from(slice[1]));
        demand(context, KINDS.contains(&kind), anchor::BAD_SLICE)?;
        if length == 0 {
            continue;
        }
        demand(context, !seen.contains(&kind), anchor::DUPLICATE_SLICE)?;
        seen.push(kind);
        let Some(part) = remaining.get(at..at + length) else {
            return Err(fail(context, anchor::TOO_FEW_REMAINING));
        };
        at += length;
        if kind == KIND_ARRAYS {
            demand(context, length <= SUPPLEMENTAL_MAX, anchor::TOO_MANY_ARRAYS)?;
            arrays = part.to_vec();
        }
    }
    for array in &arrays {
        demand(context, array.is_writable, anchor::NOT_WRITABLE)?;
    }
    Ok(arrays)
}

/// The arrays that a swap may walk.
#[derive(Clone, Debug)]
pub(super) struct Supplied {
    set: TickArraySet,
    /// Where the last supplied array ends, when it is not the last one that a swap may walk: tick
    /// and square-root price.
    edge: Option<(i32, u128)>,
}

/// Takes the arrays that the direction needs, in walking order, up to the first that is not there.
pub(super) fn supplied(
    context: &mut Context<'_, '_>,
    accounts: &SwapAccounts,
    metas: &[Meta],
    direction: Direction,
) -> Result<Supplied, InstructionError> {
    let pool = &accounts.state.pool;
    let required = required_arrays(pool, direction);
    // By start; `None`: the account does not exist, all its ticks are uninitialised.
    let mut known: BTreeMap<i32, Option<TickArray>> = BTreeMap::new();
    for meta in metas {
        let account = context.account(&meta.key);
        match account.map(|account| (account.owner, ArrayAccount::read(&account.data))) {
            Some((WHIRLPOOL, Some(array))) => {
                demand(context, array.pool == accounts.pool.key, anchor::OTHER_POOL)?;
                known.insert(array.ticks.start_tick_index, Some(array.ticks));
            }
            Some((WHIRLPOOL, None)) => return Err(fail(context, anchor::DISCRIMINATOR)),
            None | Some((SYSTEM, _)) => {
                let address = |start: &&i32| array_address(&accounts.pool.key, **start) == meta.key;
                if let Some(start) = required.starts().iter().find(address) {
                    known.entry(*start).or_insert(None);
                }
            }
            Some(_) => return Err(fail(context, anchor::WRONG_OWNER)),
        }
    }
    let starts = required.starts();
    let mut set = TickArraySet::with_capacity(starts.len(), pool.tick_spacing);
    let mut reach = 0_usize;
    for start in starts {
        let Some(array) = known.get(start) else { break };
        let taken = match array {
            Some(array) => set.replace(array),
            None => set.begin(*start, Existence::Absent),
        };
        taken.map_err(|_| InstructionError::InvalidAccountData)?;
        reach += 1;
    }
    let Some(last) = reach.checked_sub(1).and_then(|place| starts.get(place)) else {
        return Err(fail(context, anchor::BAD_SEQUENCE));
    };
    let span = pool.array_span();
    let edge = match direction {
        Direction::AToB => *last,
        Direction::BToA => *last + span - 1,
    };
    for start in starts.iter().skip(reach) {
        // Never walked: the price stops at the edge before.
        set.begin(*start, Existence::Absent).map_err(|_| InstructionError::InvalidAccountData)?;
    }
    let is_short = reach < starts.len() && (MIN_TICK..=MAX_TICK).contains(&edge);
    Ok(Supplied { set, edge: is_short.then(|| (edge, sqrt_price_at_tick(edge))) })
}

impl Supplied {
    /// Swaps within what was supplied.
    pub(super) fn swap(
        &self,
        account: &PoolAccount,
        oracle: Option<&Oracle>,
        request: &SwapRequest,
    ) -> Result<Swapped, SwapError> {
        let Some((tick, edge)) = self.edge else {
            return compute(account, oracle, &self.set, request);
        };
        let limit = request.sqrt_price_limit;
        let (is_nearer, is_here) = match request.direction {
            Direction::AToB => (limit == 0 || limit < edge, account.pool.sqrt_price <= edge),
            Direction::BToA => (limit == 0 || limit > edge, account.pool.sqrt_price >= edge),
        };
        if !is_nearer {
            return compute(account, oracle, &self.set, request);
        }
        if is_here {
            return Err(SwapError::TickArraySequenceInvalidIndex);
        }
        let within = SwapRequest { sqrt_price_limit: edge, ..*request };
        let mut swapped = compute(account, oracle, &self.set, &within)?;
        let moved = match request.amount {
            engine_poolmath::whirlpool::Amount::ExactIn(_) => swapped.result.amount_in(),
            engine_poolmath::whirlpool::Amount::ExactOut(_) => swapped.result.amount_out(),
        };
        if moved < request.amount.units() {
            // The program finds no further array there.
            return Err(SwapError::TickArraySequenceInvalidIndex);
        }
        if swapped.result.sqrt_price == edge && request.direction == Direction::AToB {
            // To the program the edge is a tick that was reached.
            swapped.result.tick_current_index = tick - 1;
        }
        Ok(swapped)
    }
}
