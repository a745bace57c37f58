//! One transaction from fee to last instruction: all of it, or nothing but the fee.

use solana_pubkey::Pubkey;
use solana_transaction_error::TransactionError;

use super::budget::Budget;
use super::client::ClientTransaction;
use super::context::Context;
use super::load::{Loaded, Meta};
use super::programs::invoke;
use crate::chain::account::{SYSTEM, TOKEN};
use crate::chain::layout::{TokenAccount, mint_decimals};
use crate::chain::overlay::{Changes, Overlay, View};
use crate::market::accounts::rent_exempt_lamports;

/// Tokens of one account of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenBalance {
    /// Place of the account in the transaction.
    pub index: usize,
    /// Mint.
    pub mint: Pubkey,
    /// Whose.
    pub owner: Pubkey,
    /// Unit: raw units.
    pub amount: u64,
    /// Decimals of the mint.
    pub decimals: u8,
}

/// What a transaction did that was executed, whether or not it succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executed {
    /// Why it failed.
    pub error: Option<TransactionError>,
    /// What was charged. Unit: lamports.
    pub fee_lamports: u64,
    /// Compute units used.
    pub units: u64,
    /// The log.
    pub logs: Vec<String>,
    /// Its accounts, in its order.
    pub accounts: Vec<Pubkey>,
    /// How many of the last accounts came from lookup tables: to be written, to be read.
    pub from_tables: (usize, usize),
    /// Lamports of each account before and after.
    pub lamports: Vec<(u64, u64)>,
    /// Tokens before.
    pub tokens_before: Vec<TokenBalance>,
    /// Tokens after.
    pub tokens_after: Vec<TokenBalance>,
}

/// What it did, and the accounts that it changed.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) executed: Executed,
    pub(crate) changes: Changes,
}

/// Executes a transaction on top of `view`, in `slot` at `now_s` (Unix seconds). Blockhash, signature
/// and repetition are checked by the caller.
///
/// # Errors
///
/// What keeps it from being taken into a block at all: then nothing is charged.
pub(crate) fn process(
    view: &dyn View,
    transaction: &ClientTransaction,
    slot: u64,
    now_s: u64,
) -> Result<Outcome, TransactionError> {
    let message = transaction.message();
    let loaded = Loaded::of(message, view, slot)?;
    let budget = Budget::of(message)?;
    let fee_lamports = budget.fee_lamports(message);
    let payer = transaction.fee_payer();
    let mut paid = Overlay::over(view);
    charge(&mut paid, &payer, fee_lamports)?;
    let paid_changes = {
        let mut changes = Changes::new();
        changes.insert(payer, paid.get(&payer).cloned());
        changes
    };

    let mut overlay = Overlay::over(&paid);
    let mut context = Context::new(&mut overlay, now_s, budget.units_max);
    let result = instructions(&mut context, transaction, &loaded);
    let units = budget.units_max - context.units_left();
    let logs = context.into_logs();
    let result = result.and_then(|()| check_rent(&overlay, &loaded.metas));
    let mut changes = paid_changes;
    let error = match result {
        Ok(()) => {
            changes.extend(overlay.into_changes());
            None
        }
        Err(error) => Some(error),
    };
    let mut after = Overlay::over(view);
    after.apply(changes.clone());
    let lamports = |view: &dyn View, meta: &Meta| view.get(&meta.key).map_or(0, |a| a.lamports);
    let executed = Executed {
        error,
        fee_lamports,
        units,
        logs,
        accounts: loaded.metas.iter().map(|meta| meta.key).collect(),
        from_tables: loaded.from_tables,
        lamports: loaded
            .metas
            .iter()
            .map(|meta| (lamports(view, meta), lamports(&after, meta)))
            .collect(),
        tokens_before: tokens(view, &loaded.metas),
        tokens_after: tokens(&after, &loaded.metas),
    };
    Ok(Outcome { executed, changes })
}

/// Takes the fee from whoever pays.
fn charge(
    overlay: &mut Overlay<'_>,
    payer: &Pubkey,
    fee_lamports: u64,
) -> Result<(), TransactionError> {
    let account = overlay.get(payer).ok_or(TransactionError::AccountNotFound)?;
    if account.owner != SYSTEM || !account.data.is_empty() {
        return Err(TransactionError::InvalidAccountForFee);
    }
    let left = account.lamports.checked_sub(fee_lamports);
    let left = left.ok_or(TransactionError::InsufficientFundsForFee)?;
    if left != 0 && left < rent_exempt_lamports(0) {
        return Err(TransactionError::InsufficientFundsForRent { account_index: 0 });
    }
    overlay.edit(payer, |account| account.lamports = left);
    Ok(())
}

fn instructions(
    context: &mut Context<'_, '_>,
    transaction: &ClientTransaction,
    loaded: &Loaded,
) -> Result<(), TransactionError> {
    let program_of = |index: u8| loaded.metas.get(usize::from(index)).map(|meta| meta.key);
    for instruction in transaction.message().instructions() {
        let program = program_of(instruction.program_id_index);
        let account = program.and_then(|program| context.account(&program));
        let account = account.ok_or(TransactionError::ProgramAccountNotFound)?;
        if !account.is_executable {
            return Err(TransactionError::InvalidProgramForExecution);
        }
    }
    for (index, instruction) in (0..=u8::MAX).zip(transaction.message().instructions()) {
        let program = program_of(instruction.program_id_index);
        let program = program.ok_or(TransactionError::ProgramAccountNotFound)?;
        let metas: Option<Vec<Meta>> = instruction
            .accounts
            .iter()
            .map(|place| loaded.metas.get(usize::from(*place)).copied())
            .collect();
        let metas = metas.ok_or(TransactionError::InvalidAccountIndex)?;
        invoke(context, &program, &metas, &instruction.data, 1)
            .map_err(|error| TransactionError::InstructionError(index, error))?;
    }
    Ok(())
}

/// No account may be left with less than what keeps it alive.
fn check_rent(overlay: &Overlay<'_>, metas: &[Meta]) -> Result<(), TransactionError> {
    for (account_index, meta) in (0..=u8::MAX).zip(metas) {
        let Some(account) = overlay.get(&meta.key) else { continue };
        let is_short = account.lamports < rent_exempt_lamports(account.data.len());
        if meta.is_writable && is_short {
            return Err(TransactionError::InsufficientFundsForRent { account_index });
        }
    }
    Ok(())
}

fn tokens(view: &dyn View, metas: &[Meta]) -> Vec<TokenBalance> {
    let balance = |(index, meta): (usize, &Meta)| {
        let account = view.get(&meta.key).filter(|account| account.owner == TOKEN)?;
        let token = TokenAccount::read(&account.data)?;
        let decimals = mint_decimals(&view.get(&token.mint)?.data)?;
        let (mint, owner, amount) = (token.mint, token.owner, token.amount);
        Some(TokenBalance { index, mint, owner, amount, decimals })
    };
    metas.iter().enumerate().filter_map(balance).collect()
}
