//! Compute budget: what a transaction asks for, and what that costs.

use solana_message::VersionedMessage;
use solana_transaction_error::TransactionError;

use super::programs::is_builtin;
use crate::chain::account::COMPUTE_BUDGET;
use crate::chain::layout::{u32_at, u64_at};
use solana_instruction::error::InstructionError;

/// Fee of one signature. Unit: lamports.
pub const LAMPORTS_PER_SIGNATURE: u64 = 5_000;

/// Most compute units of a transaction.
pub(crate) const UNITS_MAX: u64 = 1_400_000;

/// Units for an instruction of a deployed program, where no limit is asked for.
const UNITS_PER_INSTRUCTION: u64 = 200_000;

/// Units for an instruction of a built-in program, where no limit is asked for.
const UNITS_PER_BUILTIN: u64 = 3_000;

/// Least and most heap that can be asked for, and its step. Unit: bytes.
const HEAP: (u32, u32, u32) = (32 * 1_024, 256 * 1_024, 1_024);

/// What a transaction asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Unit: compute units.
    pub units_max: u64,
    /// Unit: micro-lamports per compute unit.
    pub price_micro_lamports: u64,
}

impl Budget {
    /// Reads the budget's instructions.
    ///
    /// # Errors
    ///
    /// Two of one kind, or one that cannot be read.
    pub fn of(message: &VersionedMessage) -> Result<Self, TransactionError> {
        let keys = message.static_account_keys();
        let (mut units, mut price, mut heap, mut loaded) = (None, None, None, None);
        let mut default_units = 0_u64;
        for (index, instruction) in (0..=u8::MAX).zip(message.instructions()) {
            let program = keys.get(usize::from(instruction.program_id_index));
            if program != Some(&COMPUTE_BUDGET) {
                let is_builtin = program.is_some_and(is_builtin);
                default_units += if is_builtin { UNITS_PER_BUILTIN } else { UNITS_PER_INSTRUCTION };
                continue;
            }
            default_units += UNITS_PER_BUILTIN;
            let data = &instruction.data;
            let unreadable = InstructionError::InvalidInstructionData;
            let unreadable = TransactionError::InstructionError(index, unreadable);
            let (slot, value) = match (data.first(), data.len()) {
                (Some(1), 5) => (&mut heap, u64::from(u32_at(data, 1))),
                (Some(2), 5) => (&mut units, u64::from(u32_at(data, 1))),
                (Some(3), 9) => (&mut price, u64_at(data, 1)),
                (Some(4), 5) => (&mut loaded, u64::from(u32_at(data, 1))),
                _ => return Err(unreadable),
            };
            if slot.replace(value).is_some() {
                return Err(TransactionError::DuplicateInstruction(index));
            }
            let (least, most, step) = HEAP;
            if heap.is_some_and(|bytes| {
                !(u64::from(least)..=u64::from(most)).contains(&bytes)
                    || !bytes.is_multiple_of(u64::from(step))
            }) {
                return Err(unreadable);
            }
            if loaded == Some(0) {
                return Err(TransactionError::InvalidLoadedAccountsDataSizeLimit);
            }
        }
        Ok(Self {
            units_max: units.unwrap_or(default_units).min(UNITS_MAX),
            price_micro_lamports: price.unwrap_or(0),
        })
    }

    /// Fee on top of the signatures', rounded up. Charged on what is asked for, used or not. Unit:
    /// lamports.
    #[must_use]
    pub fn priority_lamports(&self) -> u64 {
        let micro = u128::from(self.price_micro_lamports) * u128::from(self.units_max);
        u64::try_from(micro.div_ceil(1_000_000)).unwrap_or(u64::MAX)
    }

    /// The whole fee of a message. Unit: lamports.
    #[must_use]
    pub fn fee_lamports(&self, message: &VersionedMessage) -> u64 {
        let signatures = u64::from(message.header().num_required_signatures);
        (LAMPORTS_PER_SIGNATURE * signatures).saturating_add(self.priority_lamports())
    }
}
