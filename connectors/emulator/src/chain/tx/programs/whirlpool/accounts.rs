//! Accounts of a swap, and what the program demands of each.

use solana_instruction::error::InstructionError;
use solana_pubkey::Pubkey;

use super::anchor::{self, Named};
use super::fail;
use crate::chain::account::{MEMO, SYSTEM, TOKEN, TOKEN_2022, WHIRLPOOL, oracle_address};
use crate::chain::layout::{PoolAccount, TokenAccount};
use crate::chain::tx::context::Context;
use crate::chain::tx::load::Meta;

/// Named accounts of `swap_v2`; the remaining ones come behind.
pub(super) const V2_ACCOUNTS: usize = 15;
const V1_ACCOUNTS: usize = 11;

/// The accounts of a swap, checked.
#[derive(Clone, Copy, Debug)]
pub(super) struct SwapAccounts {
    pub(super) authority: Meta,
    pub(super) pool: Meta,
    pub(super) state: PoolAccount,
    pub(super) owner_a: Meta,
    pub(super) vault_a: Meta,
    pub(super) owner_b: Meta,
    pub(super) vault_b: Meta,
    pub(super) arrays: [Meta; 3],
}

impl SwapAccounts {
    /// Those of `swap_v2`, in the order of the instruction.
    pub(super) fn of_v2(
        context: &mut Context<'_, '_>,
        metas: &[Meta],
    ) -> Result<Self, InstructionError> {
        let Some(named) = metas.first_chunk::<V2_ACCOUNTS>() else {
            return Err(fail(context, anchor::TOO_FEW_ACCOUNTS));
        };
        let [program_a, program_b, memo, authority, pool, mint_a, mint_b, owner_a, vault_a] =
            *named.first_chunk().expect("Invariant: 15 are at least 9");
        let [owner_b, vault_b, first, second, third, oracle] =
            *named.last_chunk().expect("Invariant: 15 are at least 6");
        for program in [program_a, program_b] {
            let is_token = [TOKEN, TOKEN_2022].contains(&program.key);
            demand(context, is_token, anchor::WRONG_PROGRAM)?;
        }
        demand(context, memo.key == MEMO, anchor::WRONG_PROGRAM)?;
        let arrays = [first, second, third];
        let accounts = Self::check(
            context,
            [authority, pool, owner_a, vault_a, owner_b, vault_b],
            arrays,
            oracle,
        )?;
        let state = &accounts.state;
        let mints = mint_a.key == state.mint_a && mint_b.key == state.mint_b;
        // Both mints belong to SPL Token here; the other token program is a wrong address.
        let programs = program_a.key == TOKEN && program_b.key == TOKEN;
        demand(context, mints && programs, anchor::ADDRESS)?;
        demand(context, oracle.is_writable, anchor::NOT_WRITABLE)?;
        Ok(accounts)
    }

    /// Those of `swap`, in the order of the instruction.
    pub(super) fn of_v1(
        context: &mut Context<'_, '_>,
        metas: &[Meta],
    ) -> Result<Self, InstructionError> {
        let Some(named) = metas.first_chunk::<V1_ACCOUNTS>() else {
            return Err(fail(context, anchor::TOO_FEW_ACCOUNTS));
        };
        let [program, authority, pool, owner_a, vault_a, owner_b, vault_b] =
            *named.first_chunk().expect("Invariant: 11 are at least 7");
        let [first, second, third, oracle] =
            *named.last_chunk().expect("Invariant: 11 are at least 4");
        demand(context, program.key == TOKEN, anchor::WRONG_PROGRAM)?;
        let six = [authority, pool, owner_a, vault_a, owner_b, vault_b];
        let accounts = Self::check(context, six, [first, second, third], oracle)?;
        let is_adaptive = accounts.state.pool.is_adaptive();
        demand(context, oracle.is_writable || !is_adaptive, anchor::NOT_WRITABLE)?;
        Ok(accounts)
    }

    fn check(
        context: &mut Context<'_, '_>,
        [authority, pool, owner_a, vault_a, owner_b, vault_b]: [Meta; 6],
        arrays: [Meta; 3],
        oracle: Meta,
    ) -> Result<Self, InstructionError> {
        demand(context, authority.is_signer, anchor::NOT_SIGNER)?;
        owned(context, &pool.key, &WHIRLPOOL)?;
        let state = context.account(&pool.key).and_then(|pool| PoolAccount::read(&pool.data));
        let Some(state) = state else { return Err(fail(context, anchor::DISCRIMINATOR)) };
        demand(context, pool.is_writable, anchor::NOT_WRITABLE)?;
        for (own, vault, known, mint) in [
            (owner_a, vault_a, state.vault_a, state.mint_a),
            (owner_b, vault_b, state.vault_b, state.mint_b),
        ] {
            owned(context, &own.key, &TOKEN)?;
            let token = context.account(&own.key).and_then(|own| TokenAccount::read(&own.data));
            let Some(token) = token else { return Err(fail(context, anchor::NOT_INITIALIZED)) };
            demand(context, own.is_writable, anchor::NOT_WRITABLE)?;
            demand(context, token.mint == mint, anchor::RAW)?;
            demand(context, vault.is_writable, anchor::NOT_WRITABLE)?;
            demand(context, vault.key == known, anchor::ADDRESS)?;
        }
        for array in arrays {
            demand(context, array.is_writable, anchor::NOT_WRITABLE)?;
        }
        demand(context, oracle.key == oracle_address(&pool.key), anchor::SEEDS)?;
        Ok(Self { authority, pool, state, owner_a, vault_a, owner_b, vault_b, arrays })
    }
}

pub(super) fn demand(
    context: &mut Context<'_, '_>,
    holds: bool,
    error: Named,
) -> Result<(), InstructionError> {
    if holds { Ok(()) } else { Err(fail(context, error)) }
}

/// Demands that an account exists and belongs to a program.
fn owned(
    context: &mut Context<'_, '_>,
    key: &Pubkey,
    program: &Pubkey,
) -> Result<(), InstructionError> {
    let owner = context.account(key).map(|account| account.owner);
    match owner {
        Some(owner) if owner == *program => Ok(()),
        None => Err(fail(context, anchor::NOT_INITIALIZED)),
        Some(owner) if owner == SYSTEM => Err(fail(context, anchor::NOT_INITIALIZED)),
        Some(_) => Err(fail(context, anchor::WRONG_OWNER)),
    }
}
