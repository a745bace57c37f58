//! SPL Token: transfers, wrapped lamports, and accounts that come and go.

use solana_instruction::error::InstructionError;
use solana_pubkey::Pubkey;

use crate::chain::account::{SYSTEM, TOKEN, WSOL};
use crate::chain::layout::{
    TOKEN_ACCOUNT_BYTES, TokenAccount, key_at, mint_decimals, put_amount, u64_at,
};
use crate::chain::tx::context::{Context, meta, signed, writable};
use crate::chain::tx::load::Meta;
use crate::market::accounts::rent_exempt_lamports;

/// The program's own errors, by number.
mod code {
    pub(super) const NOT_RENT_EXEMPT: u32 = 0;
    pub(super) const INSUFFICIENT_FUNDS: u32 = 1;
    pub(super) const INVALID_MINT: u32 = 2;
    pub(super) const MINT_MISMATCH: u32 = 3;
    pub(super) const OWNER_MISMATCH: u32 = 4;
    pub(super) const ALREADY_IN_USE: u32 = 6;
    pub(super) const NON_NATIVE_HAS_BALANCE: u32 = 11;
    pub(super) const INVALID_INSTRUCTION: u32 = 12;
    pub(super) const OVERFLOW: u32 = 14;
    pub(super) const ACCOUNT_FROZEN: u32 = 17;
    pub(super) const MINT_DECIMALS_MISMATCH: u32 = 18;
    pub(super) const NON_NATIVE_NOT_SUPPORTED: u32 = 19;
}

const TRANSFER: u8 = 3;
const CLOSE_ACCOUNT: u8 = 9;
const TRANSFER_CHECKED: u8 = 12;
const SYNC_NATIVE: u8 = 17;
const INITIALIZE_ACCOUNT_3: u8 = 18;

/// Units of a plain transfer, of a checked one, and of everything else. An estimate.
const UNITS: (u64, u64, u64) = (4_645, 6_200, 3_000);

const fn custom(code: u32) -> InstructionError {
    InstructionError::Custom(code)
}

pub(super) fn run(
    context: &mut Context<'_, '_>,
    metas: &[Meta],
    data: &[u8],
) -> Result<(), InstructionError> {
    let units = match data.first() {
        Some(&TRANSFER) => UNITS.0,
        Some(&TRANSFER_CHECKED) => UNITS.1,
        _ => UNITS.2,
    };
    context.spend(units, InstructionError::ProgramFailedToComplete)?;
    match (data.first(), data.len()) {
        (Some(&TRANSFER), 9) => {
            context.say("Instruction: Transfer");
            let [from, to, authority] = [meta(metas, 0)?, meta(metas, 1)?, meta(metas, 2)?];
            transfer(context, from, to, authority, u64_at(data, 1))
        }
        (Some(&TRANSFER_CHECKED), 10) => {
            context.say("Instruction: TransferChecked");
            let [from, mint] = [meta(metas, 0)?, meta(metas, 1)?];
            let [to, authority] = [meta(metas, 2)?, meta(metas, 3)?];
            check_mint(context, from, mint, data[9])?;
            transfer(context, from, to, authority, u64_at(data, 1))
        }
        (Some(&SYNC_NATIVE), 1) => {
            context.say("Instruction: SyncNative");
            sync_native(context, meta(metas, 0)?)
        }
        (Some(&CLOSE_ACCOUNT), 1) => {
            context.say("Instruction: CloseAccount");
            close(context, meta(metas, 0)?, meta(metas, 1)?, meta(metas, 2)?)
        }
        (Some(&INITIALIZE_ACCOUNT_3), 33) => {
            context.say("Instruction: InitializeAccount3");
            initialize(context, meta(metas, 0)?, meta(metas, 1)?, key_at(data, 1))
        }
        _ => {
            context.say("Error: Invalid instruction");
            Err(custom(code::INVALID_INSTRUCTION))
        }
    }
}

/// A token account of this program.
fn token(context: &Context<'_, '_>, key: &Pubkey) -> Result<TokenAccount, InstructionError> {
    let Some(account) = context.account(key) else {
        return Err(InstructionError::InvalidAccountData);
    };
    if account.owner != TOKEN {
        return Err(InstructionError::IncorrectProgramId);
    }
    if account.data.len() != TOKEN_ACCOUNT_BYTES {
        return Err(InstructionError::InvalidAccountData);
    }
    TokenAccount::read(&account.data).ok_or(InstructionError::UninitializedAccount)
}

fn check_mint(
    context: &Context<'_, '_>,
    from: Meta,
    mint: Meta,
    decimals: u8,
) -> Result<(), InstructionError> {
    if token(context, &from.key)?.mint != mint.key {
        return Err(custom(code::MINT_MISMATCH));
    }
    let known = context.account(&mint.key).and_then(|account| mint_decimals(&account.data));
    let known = known.ok_or(custom(code::INVALID_MINT))?;
    if known == decimals { Ok(()) } else { Err(custom(code::MINT_DECIMALS_MISMATCH)) }
}

fn transfer(
    context: &mut Context<'_, '_>,
    from: Meta,
    to: Meta,
    authority: Meta,
    amount: u64,
) -> Result<(), InstructionError> {
    let (source, target) = (token(context, &from.key)?, token(context, &to.key)?);
    if source.is_frozen || target.is_frozen {
        return Err(custom(code::ACCOUNT_FROZEN));
    }
    if source.mint != target.mint {
        return Err(custom(code::MINT_MISMATCH));
    }
    let Some(left) = source.amount.checked_sub(amount) else {
        context.say("Error: insufficient funds");
        return Err(custom(code::INSUFFICIENT_FUNDS));
    };
    if source.owner != authority.key {
        context.say("Error: owner does not match");
        return Err(custom(code::OWNER_MISMATCH));
    }
    signed(authority)?;
    if from.key == to.key {
        return Ok(());
    }
    writable(from)?;
    writable(to)?;
    let sum = target.amount.checked_add(amount).ok_or(custom(code::OVERFLOW))?;
    if source.native_reserve.is_some() {
        context.move_lamports(&from.key, &to.key, amount)?;
    }
    context.overlay.edit(&from.key, |account| put_amount(&mut account.data, left));
    context.overlay.edit(&to.key, |account| put_amount(&mut account.data, sum));
    Ok(())
}

/// Wraps the lamports that an account holds beyond what it knows of.
fn sync_native(context: &mut Context<'_, '_>, account: Meta) -> Result<(), InstructionError> {
    let token = token(context, &account.key)?;
    let reserve = token.native_reserve.ok_or(custom(code::NON_NATIVE_NOT_SUPPORTED))?;
    let held = context.lamports(&account.key).checked_sub(reserve);
    let held = held.ok_or(custom(code::OVERFLOW))?;
    if held < token.amount {
        return Err(custom(code::OVERFLOW));
    }
    writable(account)?;
    context.overlay.edit(&account.key, |account| put_amount(&mut account.data, held));
    Ok(())
}

fn close(
    context: &mut Context<'_, '_>,
    account: Meta,
    to: Meta,
    authority: Meta,
) -> Result<(), InstructionError> {
    if account.key == to.key {
        return Err(InstructionError::InvalidAccountData);
    }
    let token = token(context, &account.key)?;
    if token.native_reserve.is_none() && token.amount > 0 {
        return Err(custom(code::NON_NATIVE_HAS_BALANCE));
    }
    if token.owner != authority.key {
        return Err(custom(code::OWNER_MISMATCH));
    }
    signed(authority)?;
    writable(account)?;
    writable(to)?;
    let lamports = context.lamports(&account.key);
    context.overlay.edit(&account.key, |account| {
        account.owner = SYSTEM;
        account.data.clear();
    });
    context.move_lamports(&account.key, &to.key, lamports)
}

fn initialize(
    context: &mut Context<'_, '_>,
    account: Meta,
    mint: Meta,
    owner: Pubkey,
) -> Result<(), InstructionError> {
    let Some(new) = context.account(&account.key) else {
        return Err(InstructionError::InvalidAccountData);
    };
    if new.owner != TOKEN {
        return Err(InstructionError::IncorrectProgramId);
    }
    if new.data.len() != TOKEN_ACCOUNT_BYTES {
        return Err(InstructionError::InvalidAccountData);
    }
    if TokenAccount::read(&new.data).is_some() {
        return Err(custom(code::ALREADY_IN_USE));
    }
    let rent = rent_exempt_lamports(TOKEN_ACCOUNT_BYTES);
    let Some(beyond) = new.lamports.checked_sub(rent) else {
        return Err(custom(code::NOT_RENT_EXEMPT));
    };
    let is_mint = context
        .account(&mint.key)
        .is_some_and(|known| known.owner == TOKEN && mint_decimals(&known.data).is_some());
    if !is_mint {
        return Err(custom(code::INVALID_MINT));
    }
    writable(account)?;
    let native_reserve = (mint.key == WSOL).then_some(rent);
    let amount = if native_reserve.is_some() { beyond } else { 0 };
    let token = TokenAccount { mint: mint.key, owner, amount, native_reserve, is_frozen: false };
    context.overlay.edit(&account.key, |account| account.data = token.bytes());
    Ok(())
}
