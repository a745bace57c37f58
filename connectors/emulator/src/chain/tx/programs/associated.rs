//! Associated Token program: token accounts whose address follows from owner and mint.

use solana_instruction::error::InstructionError;

use crate::chain::account::{Account, SYSTEM, TOKEN, WSOL, associated_token_address};
use crate::chain::layout::{TOKEN_ACCOUNT_BYTES, TokenAccount, mint_decimals};
use crate::chain::tx::context::{Context, meta, signed, writable};
use crate::chain::tx::load::Meta;
use crate::market::accounts::rent_exempt_lamports;

/// Units of finding the account there, and of making it. An estimate.
const UNITS: (u64, u64) = (5_500, 18_500);

/// The program's own error: the account belongs to somebody else.
const INVALID_OWNER: u32 = 0;

/// Whether an account that exists already is an error.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Existing {
    Fails,
    IsFine,
}

pub(super) fn run(
    context: &mut Context<'_, '_>,
    metas: &[Meta],
    data: &[u8],
    depth: u32,
) -> Result<(), InstructionError> {
    let existing = match data {
        [] | [0] => Existing::Fails,
        [1] => Existing::IsFine,
        _ => return Err(InstructionError::InvalidInstructionData),
    };
    context.say(match existing {
        Existing::Fails => "Create",
        Existing::IsFine => "CreateIdempotent",
    });
    context.spend(UNITS.0, InstructionError::ProgramFailedToComplete)?;
    let [payer, account, owner, mint] =
        [meta(metas, 0)?, meta(metas, 1)?, meta(metas, 2)?, meta(metas, 3)?];
    if meta(metas, 4)?.key != SYSTEM || meta(metas, 5)?.key != TOKEN {
        return Err(InstructionError::IncorrectProgramId);
    }
    if account.key != associated_token_address(&owner.key, &mint.key) {
        context.say("Error: Associated address does not match seed derivation");
        return Err(InstructionError::InvalidSeeds);
    }
    if let Some(there) = context.account(&account.key).filter(|there| there.owner != SYSTEM) {
        let token = TokenAccount::read(&there.data).filter(|_| there.owner == TOKEN);
        return match (existing, token) {
            (Existing::IsFine, Some(token)) if token.owner == owner.key => {
                if token.mint == mint.key {
                    Ok(())
                } else {
                    Err(InstructionError::InvalidAccountData)
                }
            }
            (Existing::IsFine, Some(_)) => Err(InstructionError::Custom(INVALID_OWNER)),
            (Existing::Fails, _) | (Existing::IsFine, None) => Err(InstructionError::IllegalOwner),
        };
    }
    context.spend(UNITS.1, InstructionError::ProgramFailedToComplete)?;
    let is_mint = context
        .account(&mint.key)
        .is_some_and(|account| account.owner == TOKEN && mint_decimals(&account.data).is_some());
    if !is_mint {
        return Err(InstructionError::InvalidAccountData);
    }
    signed(payer)?;
    writable(account)?;
    fund(context, payer, account, depth)?;
    let lamports = context.lamports(&account.key);
    let rent = rent_exempt_lamports(TOKEN_ACCOUNT_BYTES);
    let native = mint.key == WSOL;
    let token = TokenAccount {
        mint: mint.key,
        owner: owner.key,
        // Lamports that were there before are wrapped with the account.
        amount: if native { lamports - rent } else { 0 },
        native_reserve: native.then_some(rent),
        is_frozen: false,
    };
    let made = Account { lamports, owner: TOKEN, data: token.bytes(), is_executable: false };
    context.overlay.set(account.key, made);
    Ok(())
}

/// Brings the account to the lamports that keep it alive.
fn fund(
    context: &mut Context<'_, '_>,
    payer: Meta,
    account: Meta,
    depth: u32,
) -> Result<(), InstructionError> {
    let rent = rent_exempt_lamports(TOKEN_ACCOUNT_BYTES);
    let missing = rent.saturating_sub(context.lamports(&account.key));
    if missing == 0 {
        return Ok(());
    }
    // What the program itself asks of the system program.
    let mut data = 2_u32.to_le_bytes().to_vec();
    data.extend(missing.to_le_bytes());
    super::invoke(context, &SYSTEM, &[payer, account], &data, depth + 1)
}
