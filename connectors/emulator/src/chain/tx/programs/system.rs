//! System program: transfers, and accounts made by their owner.

use solana_instruction::error::InstructionError;

use crate::chain::account::Account;
use crate::chain::layout::{key_at, u32_at, u64_at};
use crate::chain::tx::context::{Context, meta, signed, writable};
use crate::chain::tx::load::Meta;

/// The program's own error: the account is in use already.
const ALREADY_IN_USE: u32 = 0;
/// The program's own error: not enough lamports.
const RESULT_WITH_NEGATIVE_LAMPORTS: u32 = 1;
/// The program's own error: more bytes than an account may have.
const INVALID_ACCOUNT_DATA_LENGTH: u32 = 3;

/// Most bytes of an account that is made here: token accounts and mints, with room to spare.
const SPACE_MAX: u64 = 10_240;

const CREATE_ACCOUNT: u32 = 0;
const TRANSFER: u32 = 2;

pub(super) fn run(
    context: &mut Context<'_, '_>,
    metas: &[Meta],
    data: &[u8],
) -> Result<(), InstructionError> {
    match (u32_at(data, 0), data.len()) {
        (TRANSFER, 12) => transfer(context, metas, u64_at(data, 4)),
        (CREATE_ACCOUNT, 52) => create(context, metas, data),
        _ => Err(InstructionError::InvalidInstructionData),
    }
}

fn transfer(
    context: &mut Context<'_, '_>,
    metas: &[Meta],
    lamports: u64,
) -> Result<(), InstructionError> {
    let (from, to) = (meta(metas, 0)?, meta(metas, 1)?);
    if !from.is_signer {
        context.log(format!("Transfer: `from` account {} must sign", from.key));
    }
    signed(from)?;
    if context.account(&from.key).is_some_and(|account| !account.data.is_empty()) {
        context.log("Transfer: `from` must not carry data");
        return Err(InstructionError::InvalidArgument);
    }
    let has = context.lamports(&from.key);
    if has < lamports {
        context.log(format!("Transfer: insufficient lamports {has}, need {lamports}"));
        return Err(InstructionError::Custom(RESULT_WITH_NEGATIVE_LAMPORTS));
    }
    for account in [from, to] {
        writable(account).map_err(|_| InstructionError::ReadonlyLamportChange)?;
    }
    context.move_lamports(&from.key, &to.key, lamports)
}

fn create(
    context: &mut Context<'_, '_>,
    metas: &[Meta],
    data: &[u8],
) -> Result<(), InstructionError> {
    let (lamports, space, owner) = (u64_at(data, 4), u64_at(data, 12), key_at(data, 20));
    let (from, new) = (meta(metas, 0)?, meta(metas, 1)?);
    signed(new)?;
    if context.account(&new.key).is_some() {
        context.log(format!("Create Account: account {} already in use", new.key));
        return Err(InstructionError::Custom(ALREADY_IN_USE));
    }
    if space > SPACE_MAX {
        return Err(InstructionError::Custom(INVALID_ACCOUNT_DATA_LENGTH));
    }
    let space = usize::try_from(space).map_err(|_| InstructionError::InvalidArgument)?;
    transfer(context, &[from, new], lamports)?;
    let data = vec![0; space];
    context.overlay.set(new.key, Account { lamports, owner, data, is_executable: false });
    Ok(())
}
