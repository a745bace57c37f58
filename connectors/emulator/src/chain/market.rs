//! Swaps of everybody else: what moves a pool when no client does.

use std::collections::VecDeque;

use engine_poolmath::whirlpool::{Amount, Direction, SwapError, SwapRequest, required_arrays};
use solana_pubkey::Pubkey;

use super::layout::{PoolAccount, TokenAccount, put_amount};
use super::ledger::{KnownPool, Ledger};
use super::overlay::{At, Overlay, View};
use super::price::{price_e8, sqrt_price};
use super::swap::{Swapped, compute, load_arrays, load_oracle, load_pool, write};
use crate::happening::{Commitment, E8};

/// Most swaps that wait for a slot: far more than a block of one pool holds.
const QUEUE_MAX: usize = 1_024;

/// More of any token than a pool holds, and small enough that fees on top of it fit.
const DEEP: u64 = 1 << 60;

/// Most steps of one swap. Somebody who moves a price further sends several, which is all the same.
const STEPS_MAX: u32 = 1_000;

/// Whether somebody buys or sells the base (token A).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BaseSide {
    /// Pays quote, gets base; the price rises.
    Buy,
    /// Pays base, gets quote; the price falls.
    Sell,
}

/// Somebody's swap.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    pool: Pubkey,
    side: BaseSide,
    /// Unit: e8 of the base.
    base_e8: u64,
    /// Where it stops; 0 for nowhere. Unit: e8 of the quote.
    limit_e8: u64,
}

/// Swaps that wait for a slot, and those of the newest block.
#[derive(Clone, Debug, Default)]
pub(super) struct Market {
    queue: VecDeque<Wanted>,
    done: Vec<Wanted>,
}

impl Market {
    /// Executes what waits, in order; how many the program refused.
    pub(super) fn execute(
        &mut self,
        overlay: &mut Overlay<'_>,
        pools: &[KnownPool],
        now_s: u64,
    ) -> u64 {
        self.done.clear();
        let mut failed = 0;
        for wanted in self.queue.drain(..) {
            let pool = pools.iter().find(|pool| pool.address == wanted.pool);
            let done = pool.map(|pool| apply(overlay, pool, &wanted, now_s));
            match done {
                Some(Ok(())) => self.done.push(wanted),
                Some(Err(_)) | None => failed += 1,
            }
        }
        failed
    }

    /// Wants the swaps of the newest block again: it was abandoned.
    pub(super) fn again(&mut self) {
        for wanted in self.done.drain(..).rev() {
            if self.queue.len() < QUEUE_MAX {
                self.queue.push_front(wanted);
            }
        }
    }
}

impl Ledger {
    /// Addresses of the pools, in the order of the specification.
    #[must_use]
    pub fn pools(&self) -> Vec<Pubkey> {
        self.pools.iter().map(|pool| pool.address).collect()
    }

    /// Price of a pool in the newest frozen block, to the nearest 10⁻⁸ of the quote (token B) per
    /// base (token A); 0 for a pool that does not exist.
    #[must_use]
    pub fn price_e8(&self, pool: &Pubkey) -> u64 {
        let price = self.known(pool).and_then(|known| {
            let pool = load_pool(&self.newest(), pool)?.pool;
            price_e8(pool.sqrt_price, known.decimals_a, known.decimals_b)
        });
        price.unwrap_or(0)
    }

    /// Somebody swaps: exactly so much base comes in or out. Executed with the block that is frozen
    /// next, after what was asked for before, unless the pool does not hold as much.
    pub fn market_swap(&mut self, pool: &Pubkey, side: BaseSide, base_e8: u64) {
        self.want(Wanted { pool: *pool, side, base_e8, limit_e8: 0 });
    }

    /// Somebody swaps until the price is reached, with at most so much base. Nothing happens where
    /// the price is already there or beyond. Prices in e8 of the quote.
    pub fn market_swap_to(&mut self, pool: &Pubkey, side: BaseSide, base_e8: u64, limit_e8: u64) {
        self.want(Wanted { pool: *pool, side, base_e8, limit_e8: limit_e8.max(1) });
    }

    /// Which swap takes the newest frozen block's pool to a price, and how much base it needs,
    /// rounded down to 10⁻⁸. `None` where it is there already or the price cannot be reached.
    #[must_use]
    pub fn base_to_reach_e8(&self, pool: &Pubkey, price_e8: u64) -> Option<(BaseSide, u64)> {
        let known = *self.known(pool)?;
        let view = self.newest();
        let account = load_pool(&view, pool)?;
        let target = sqrt_price(price_e8, known.decimals_a, known.decimals_b)?;
        let side = if target > account.pool.sqrt_price { BaseSide::Buy } else { BaseSide::Sell };
        let now_s = self.block(Commitment::Processed, 0).time_s();
        let swapped = quote(&view, pool, &account, side, DEEP, target, now_s).ok()?;
        let units = u128::from(swapped.result.amount_a) * u128::from(E8);
        let base_e8 = u64::try_from(units / 10_u128.pow(u32::from(known.decimals_a))).ok()?;
        (base_e8 > 0).then_some((side, base_e8))
    }

    fn want(&mut self, wanted: Wanted) {
        if self.market.queue.len() == QUEUE_MAX {
            self.counts.market_swaps_refused += 1;
        } else {
            self.market.queue.push_back(wanted);
        }
    }

    fn known(&self, pool: &Pubkey) -> Option<&KnownPool> {
        self.pools.iter().find(|known| known.address == *pool)
    }

    /// The accounts of the newest frozen block.
    pub(super) fn newest(&self) -> At<'_> {
        let slot = self.block(Commitment::Processed, 0).slot;
        At { versions: &self.versions, slot }
    }
}

/// Computes a swap with the base given. Unit of `units`: raw units of token A.
fn quote(
    view: &dyn View,
    key: &Pubkey,
    account: &PoolAccount,
    side: BaseSide,
    units: u64,
    sqrt_price_limit: u128,
    now_s: u64,
) -> Result<Swapped, SwapError> {
    let (direction, amount) = match side {
        BaseSide::Buy => (Direction::BToA, Amount::ExactOut(units)),
        BaseSide::Sell => (Direction::AToB, Amount::ExactIn(units)),
    };
    let request =
        SwapRequest { amount, direction, sqrt_price_limit, now_s, inner_steps_max: STEPS_MAX };
    let starts = required_arrays(&account.pool, direction);
    let arrays = load_arrays(view, key, account.pool.tick_spacing, starts.starts())?;
    compute(account, load_oracle(view, key).as_ref(), &arrays, &request)
}

/// Executes a swap of the market and moves the vaults' tokens.
fn apply(
    overlay: &mut Overlay<'_>,
    known: &KnownPool,
    wanted: &Wanted,
    now_s: u64,
) -> Result<(), SwapError> {
    let key = &known.address;
    let account = load_pool(overlay, key).ok_or(SwapError::InvalidState)?;
    let limit = match wanted.limit_e8 {
        0 => 0,
        price => sqrt_price(price, known.decimals_a, known.decimals_b)
            .ok_or(SwapError::SqrtPriceOutOfBounds)?,
    };
    let now = account.pool.sqrt_price;
    let is_there = match wanted.side {
        BaseSide::Buy => now >= limit,
        BaseSide::Sell => now <= limit,
    };
    if limit != 0 && is_there {
        return Ok(());
    }
    let unit = 10_u128.pow(u32::from(known.decimals_a));
    let units = u128::from(wanted.base_e8) * unit / u128::from(E8);
    let units = u64::try_from(units).map_err(|_| SwapError::TokenMaxExceeded)?;
    let swapped = quote(overlay, key, &account, wanted.side, units, limit, now_s)?;
    write(overlay, key, &account, &swapped, now_s);
    let (a, b) = (swapped.result.amount_a, swapped.result.amount_b);
    match wanted.side {
        BaseSide::Buy => move_vaults(overlay, (&account.vault_b, b), (&account.vault_a, a)),
        BaseSide::Sell => move_vaults(overlay, (&account.vault_a, a), (&account.vault_b, b)),
    }
    Ok(())
}

/// What a swap of the market leaves in the vaults. Who paid and who was paid is not kept.
fn move_vaults(overlay: &mut Overlay<'_>, gains: (&Pubkey, u64), pays: (&Pubkey, u64)) {
    let change = |overlay: &mut Overlay<'_>, key: &Pubkey, gain: u64, pay: u64| {
        overlay.edit(key, |vault| {
            let Some(token) = TokenAccount::read(&vault.data) else { return };
            let amount = token.amount.saturating_add(gain).saturating_sub(pay);
            put_amount(&mut vault.data, amount);
            if token.native_reserve.is_some() {
                vault.lamports = vault.lamports.saturating_add(gain).saturating_sub(pay);
            }
        });
    };
    change(overlay, gains.0, gains.1, 0);
    change(overlay, pays.0, 0, pays.1);
}
