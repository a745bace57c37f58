//! What a program can reach while it runs: accounts, compute units, logs.

use solana_instruction::error::InstructionError;
use solana_pubkey::Pubkey;

use super::load::Meta;
use crate::chain::account::Account;
use crate::chain::overlay::{Overlay, View};

/// Most bytes of logs; what comes after is cut, as nodes do.
const LOG_BYTES_MAX: usize = 10_000;

/// A running transaction.
pub(crate) struct Context<'a, 'b> {
    pub(crate) overlay: &'a mut Overlay<'b>,
    /// The clock that programs see. Unit: Unix seconds.
    pub(crate) now_s: u64,
    units_left: u64,
    logs: Vec<String>,
    log_bytes: usize,
}

impl<'a, 'b> Context<'a, 'b> {
    pub(crate) const fn new(overlay: &'a mut Overlay<'b>, now_s: u64, units: u64) -> Self {
        Self { overlay, now_s, units_left: units, logs: Vec::new(), log_bytes: 0 }
    }

    /// Units that are left.
    pub(crate) const fn units_left(&self) -> u64 {
        self.units_left
    }

    /// Uses units; `error` where there are not enough of them.
    pub(crate) fn spend(
        &mut self,
        units: u64,
        error: InstructionError,
    ) -> Result<(), InstructionError> {
        let left = self.units_left.checked_sub(units);
        self.units_left = left.unwrap_or(0);
        left.map(|_| ()).ok_or(error)
    }

    /// Writes a line of the log.
    pub(crate) fn log(&mut self, line: impl Into<String>) {
        let line = line.into();
        if self.log_bytes > LOG_BYTES_MAX {
            return;
        }
        self.log_bytes += line.len();
        if self.log_bytes > LOG_BYTES_MAX {
            self.logs.push("Log truncated".to_owned());
        } else {
            self.logs.push(line);
        }
    }

    /// What a program says.
    pub(crate) fn say(&mut self, text: &str) {
        self.log(format!("Program log: {text}"));
    }

    /// The log.
    pub(crate) fn into_logs(self) -> Vec<String> {
        self.logs
    }

    /// An account that exists.
    pub(crate) fn account(&self, key: &Pubkey) -> Option<&Account> {
        self.overlay.get(key).map(AsRef::as_ref)
    }

    /// Lamports of an account; none where it does not exist.
    pub(crate) fn lamports(&self, key: &Pubkey) -> u64 {
        self.account(key).map_or(0, |account| account.lamports)
    }

    /// Moves lamports between two accounts that may be written. The receiver is made where needed.
    pub(crate) fn move_lamports(
        &mut self,
        from: &Pubkey,
        to: &Pubkey,
        lamports: u64,
    ) -> Result<(), InstructionError> {
        if from == to || lamports == 0 {
            return Ok(());
        }
        let left = self.lamports(from).checked_sub(lamports);
        let left = left.ok_or(InstructionError::InsufficientFunds)?;
        let sum = self.lamports(to).checked_add(lamports);
        let sum = sum.ok_or(InstructionError::ArithmeticOverflow)?;
        self.overlay.edit(from, |account| account.lamports = left);
        if !self.overlay.edit(to, |account| account.lamports = sum) {
            self.overlay.set(*to, Account::wallet(sum));
        }
        Ok(())
    }
}

/// The account at a place of an instruction.
pub(crate) fn meta(metas: &[Meta], place: usize) -> Result<Meta, InstructionError> {
    metas.get(place).copied().ok_or(InstructionError::MissingAccount)
}

/// Demands a signature.
pub(crate) fn signed(meta: Meta) -> Result<(), InstructionError> {
    if meta.is_signer { Ok(()) } else { Err(InstructionError::MissingRequiredSignature) }
}

/// Demands that an account may be written.
pub(crate) fn writable(meta: Meta) -> Result<(), InstructionError> {
    if meta.is_writable { Ok(()) } else { Err(InstructionError::ReadonlyDataModified) }
}
