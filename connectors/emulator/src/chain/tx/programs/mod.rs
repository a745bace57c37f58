//! The programs that a transaction can call.

mod associated;
mod memo;
mod system;
mod token;
mod whirlpool;

use solana_instruction::error::InstructionError;
use solana_pubkey::Pubkey;

use super::context::Context;
use super::load::Meta;
use crate::chain::account::{
    ASSOCIATED_TOKEN, COMPUTE_BUDGET, LOOKUP_TABLE, MEMO, SYSTEM, TOKEN, WHIRLPOOL,
};

/// Units of a built-in program's instruction.
const BUILTIN_UNITS: u64 = 150;

/// Whether a program is part of the node.
pub(crate) fn is_builtin(program: &Pubkey) -> bool {
    [SYSTEM, COMPUTE_BUDGET, LOOKUP_TABLE].contains(program)
}

/// Runs one instruction, with the lines around it that a node logs. `depth` counts from 1.
pub(crate) fn invoke(
    context: &mut Context<'_, '_>,
    program: &Pubkey,
    metas: &[Meta],
    data: &[u8],
    depth: u32,
) -> Result<(), InstructionError> {
    context.log(format!("Program {program} invoke [{depth}]"));
    let before = context.units_left();
    let result = dispatch(context, program, metas, data, depth);
    if !is_builtin(program) {
        let used = before - context.units_left();
        context.log(format!("Program {program} consumed {used} of {before} compute units"));
    }
    match &result {
        Ok(()) => context.log(format!("Program {program} success")),
        Err(error) => context.log(format!("Program {program} failed: {error}")),
    }
    result
}

fn dispatch(
    context: &mut Context<'_, '_>,
    program: &Pubkey,
    metas: &[Meta],
    data: &[u8],
    depth: u32,
) -> Result<(), InstructionError> {
    if is_builtin(program) {
        context.spend(BUILTIN_UNITS, InstructionError::ComputationalBudgetExceeded)?;
    }
    if *program == COMPUTE_BUDGET {
        // What it says was read before anything ran.
        Ok(())
    } else if *program == SYSTEM {
        system::run(context, metas, data)
    } else if *program == TOKEN {
        token::run(context, metas, data)
    } else if *program == ASSOCIATED_TOKEN {
        associated::run(context, metas, data, depth)
    } else if *program == MEMO {
        memo::run(context, metas, data)
    } else if *program == WHIRLPOOL {
        whirlpool::run(context, metas, data, depth)
    } else {
        // A program that exists and that nothing here can run.
        Err(InstructionError::UnsupportedProgramId)
    }
}
