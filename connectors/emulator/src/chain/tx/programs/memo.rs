//! Memo program: text that the log keeps.

use solana_instruction::error::InstructionError;

use crate::chain::tx::context::{Context, signed};
use crate::chain::tx::load::Meta;

/// Units of a memo without its text, and of each byte. An estimate.
const UNITS: (u64, u64) = (2_000, 80);

pub(super) fn run(
    context: &mut Context<'_, '_>,
    metas: &[Meta],
    data: &[u8],
) -> Result<(), InstructionError> {
    let bytes = u64::try_from(data.len()).unwrap_or(u64::MAX);
    let units = UNITS.0.saturating_add(bytes.saturating_mul(UNITS.1));
    context.spend(units, InstructionError::ProgramFailedToComplete)?;
    for account in metas {
        context.say(&format!("Signed by {}", account.key));
        signed(*account)?;
    }
    let text = std::str::from_utf8(data).map_err(|_| InstructionError::InvalidInstructionData)?;
    context.say(&format!("Memo (len {}): {text:?}", data.len()));
    Ok(())
}
