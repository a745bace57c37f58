//! The Whirlpool program: `swap` and `swap_v2`.

mod accounts;
mod arrays;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine_poolmath::whirlpool::{Amount, Direction, SwapError, SwapRequest, SwapResult};
use solana_instruction::error::InstructionError;

use crate::chain::account::TOKEN;
use crate::chain::layout::{mint_decimals, u64_at, u128_at};
use crate::chain::swap::{Swapped, load_oracle, write};
use crate::chain::tx::context::Context;
use crate::chain::tx::load::Meta;
use accounts::SwapAccounts;

const SWAP: [u8; 8] = [0xf8, 0xc6, 0x9e, 0x91, 0xe1, 0x75, 0x87, 0xc8];
const SWAP_V2: [u8; 8] = [0x2b, 0x04, 0xed, 0x0b, 0x1a, 0xc9, 0x1e, 0x62];
/// First bytes of the event that a swap leaves in the log.
const TRADED: [u8; 8] = [0xe1, 0xca, 0x49, 0xaf, 0x93, 0x2b, 0xa0, 0x96];

/// Units of a swap without its token transfers: fixed, for each step, for an adaptive fee. Fits the
/// medians of recorded executions (34,545 without and 43,287 with an adaptive fee).
const UNITS: (u64, u64, u64) = (14_600, 7_500, 9_000);

/// Most steps that are computed: twice what the compute units of a transaction pay for, since a swap
/// that the program refuses for another reason may fail before they are used up.
const STEPS_MAX: u32 = 400;

/// The framework's errors, by number and name.
pub(super) mod anchor {
    pub(crate) type Named = (u32, &'static str);
    pub(crate) const NO_SUCH_INSTRUCTION: Named = (101, "InstructionFallbackNotFound");
    pub(crate) const UNREADABLE: Named = (102, "InstructionDidNotDeserialize");
    pub(crate) const NOT_WRITABLE: Named = (2_000, "ConstraintMut");
    pub(crate) const RAW: Named = (2_003, "ConstraintRaw");
    pub(crate) const SEEDS: Named = (2_006, "ConstraintSeeds");
    pub(crate) const ADDRESS: Named = (2_012, "ConstraintAddress");
    pub(crate) const DISCRIMINATOR: Named = (3_002, "AccountDiscriminatorMismatch");
    pub(crate) const TOO_FEW_ACCOUNTS: Named = (3_005, "AccountNotEnoughKeys");
    pub(crate) const WRONG_OWNER: Named = (3_007, "AccountOwnedByWrongProgram");
    pub(crate) const WRONG_PROGRAM: Named = (3_008, "InvalidProgramId");
    pub(crate) const NOT_SIGNER: Named = (3_010, "AccountNotSigner");
    pub(crate) const NOT_INITIALIZED: Named = (3_012, "AccountNotInitialized");
    pub(crate) const BELOW_MINIMUM: Named = (6_036, "AmountOutBelowMinimum");
    pub(crate) const ABOVE_MAXIMUM: Named = (6_037, "AmountInAboveMaximum");
    pub(crate) const BAD_SEQUENCE: Named = (6_023, "InvalidTickArraySequence");
    pub(crate) const BAD_SLICE: Named = (6_048, "RemainingAccountsInvalidSlice");
    pub(crate) const TOO_FEW_REMAINING: Named = (6_049, "RemainingAccountsInsufficient");
    pub(crate) const DUPLICATE_SLICE: Named = (6_053, "RemainingAccountsDuplicatedAccountsType");
    pub(crate) const TOO_MANY_ARRAYS: Named = (6_055, "TooManySupplementalTickArrays");
    pub(crate) const OTHER_POOL: Named = (6_056, "DifferentWhirlpoolTickArrayAccount");
}

use anchor::Named;

/// States an error as the framework does: in the log by name, to the caller by number.
pub(super) fn fail(context: &mut Context<'_, '_>, (number, name): Named) -> InstructionError {
    context.say(&format!(
        "AnchorError occurred. Error Code: {name}. Error Number: {number}. Error Message: {name}."
    ));
    InstructionError::Custom(number)
}

/// Arguments of a swap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Arguments {
    amount: u64,
    threshold: u64,
    sqrt_price_limit: u128,
    is_exact_in: bool,
    direction: Direction,
}

impl Arguments {
    const BYTES: usize = 34;

    /// `None` for bytes that say neither true nor false.
    fn read(data: &[u8]) -> Option<Self> {
        let flag = |at: usize| match data.get(at) {
            Some(0) => Some(false),
            Some(1) => Some(true),
            _ => None,
        };
        let (is_exact_in, is_a_to_b) = (flag(32)?, flag(33)?);
        Some(Self {
            amount: u64_at(data, 0),
            threshold: u64_at(data, 8),
            sqrt_price_limit: u128_at(data, 16),
            is_exact_in,
            direction: if is_a_to_b { Direction::AToB } else { Direction::BToA },
        })
    }

    const fn request(&self, now_s: u64) -> SwapRequest {
        SwapRequest {
            amount: if self.is_exact_in {
                Amount::ExactIn(self.amount)
            } else {
                Amount::ExactOut(self.amount)
            },
            direction: self.direction,
            sqrt_price_limit: self.sqrt_price_limit,
            now_s,
            inner_steps_max: STEPS_MAX,
        }
    }
}

pub(super) fn run(
    context: &mut Context<'_, '_>,
    metas: &[Meta],
    data: &[u8],
    depth: u32,
) -> Result<(), InstructionError> {
    let is_v2 = data.starts_with(&SWAP_V2);
    if !is_v2 && !data.starts_with(&SWAP) {
        return Err(fail(context, anchor::NO_SUCH_INSTRUCTION));
    }
    context.say(if is_v2 { "Instruction: SwapV2" } else { "Instruction: Swap" });
    let body = &data[8..];
    let Some(arguments) = Arguments::read(body) else {
        return Err(fail(context, anchor::UNREADABLE));
    };
    let rest = body.get(Arguments::BYTES..).unwrap_or_default();
    let (accounts, arrays) = if is_v2 {
        let accounts = SwapAccounts::of_v2(context, metas)?;
        let remaining = metas.get(accounts::V2_ACCOUNTS..).unwrap_or_default();
        let extra = arrays::supplemental(context, rest, remaining)?;
        (accounts, accounts.arrays.into_iter().chain(extra).collect::<Vec<_>>())
    } else {
        let accounts = SwapAccounts::of_v1(context, metas)?;
        (accounts, accounts.arrays.to_vec())
    };
    let swapped = match compute(context, &accounts, &arrays, &arguments)? {
        Ok(swapped) => swapped,
        Err(error) => return Err(refuse(context, error)),
    };
    let steps = u64::from(swapped.result.inner_steps);
    let adaptive = if swapped.result.adaptive.is_some() { UNITS.2 } else { 0 };
    let units = UNITS.0 + UNITS.1 * steps + adaptive;
    context.spend(units, InstructionError::ProgramFailedToComplete)?;
    check_threshold(context, &arguments, &swapped.result)?;
    write(context.overlay, &accounts.pool.key, &accounts.state, &swapped, context.now_s);
    move_tokens(context, &accounts, &swapped.result, depth)?;
    log_event(context, &accounts, &swapped.result);
    Ok(())
}

fn compute(
    context: &mut Context<'_, '_>,
    accounts: &SwapAccounts,
    arrays: &[Meta],
    arguments: &Arguments,
) -> Result<Result<Swapped, SwapError>, InstructionError> {
    let supplied = arrays::supplied(context, accounts, arrays, arguments.direction)?;
    let oracle = load_oracle(context.overlay, &accounts.pool.key);
    let request = arguments.request(context.now_s);
    Ok(supplied.swap(&accounts.state, oracle.as_ref(), &request))
}

/// What a refusal of the arithmetic is on the chain.
fn refuse(context: &mut Context<'_, '_>, error: SwapError) -> InstructionError {
    match error.code() {
        Some(code) => fail(context, (code, error.name())),
        // More steps than the compute limit allows.
        None if error == SwapError::TooManySteps => InstructionError::ProgramFailedToComplete,
        None => fail(context, anchor::BAD_SEQUENCE),
    }
}

fn check_threshold(
    context: &mut Context<'_, '_>,
    arguments: &Arguments,
    result: &SwapResult,
) -> Result<(), InstructionError> {
    if arguments.is_exact_in && result.amount_out() < arguments.threshold {
        Err(fail(context, anchor::BELOW_MINIMUM))
    } else if !arguments.is_exact_in && result.amount_in() > arguments.threshold {
        Err(fail(context, anchor::ABOVE_MAXIMUM))
    } else {
        Ok(())
    }
}

/// The trader pays into one vault and is paid from the other, by the token program.
fn move_tokens(
    context: &mut Context<'_, '_>,
    accounts: &SwapAccounts,
    result: &SwapResult,
    depth: u32,
) -> Result<(), InstructionError> {
    let a = (accounts.owner_a, accounts.vault_a, accounts.state.mint_a);
    let b = (accounts.owner_b, accounts.vault_b, accounts.state.mint_b);
    let (paid, got) = match result.direction {
        Direction::AToB => (a, b),
        Direction::BToA => (b, a),
    };
    let pool = Meta { is_signer: true, ..accounts.pool };
    let pays = [(paid.0, paid.1, paid.2, accounts.authority, result.amount_in())];
    let gets = [(got.1, got.0, got.2, pool, result.amount_out())];
    for (from, to, mint, authority, amount) in pays.into_iter().chain(gets) {
        let decimals = context.account(&mint).and_then(|account| mint_decimals(&account.data));
        let decimals = decimals.ok_or(InstructionError::InvalidAccountData)?;
        let mint = Meta { key: mint, is_signer: false, is_writable: false };
        let mut data = vec![12];
        data.extend(amount.to_le_bytes());
        data.push(decimals);
        super::invoke(context, &TOKEN, &[from, mint, to, authority], &data, depth + 1)?;
    }
    Ok(())
}

fn log_event(context: &mut Context<'_, '_>, accounts: &SwapAccounts, result: &SwapResult) {
    let mut event = TRADED.to_vec();
    event.extend(accounts.pool.key.to_bytes());
    event.push(u8::from(result.direction == Direction::AToB));
    event.extend(accounts.state.pool.sqrt_price.to_le_bytes());
    event.extend(result.sqrt_price.to_le_bytes());
    let lp_fee = result.fee_amount - result.protocol_fee;
    // Neither token takes a fee of its own on transfers.
    let amounts = [result.amount_in(), result.amount_out(), 0, 0, lp_fee, result.protocol_fee];
    for amount in amounts {
        event.extend(amount.to_le_bytes());
    }
    context.log(format!("Program data: {}", STANDARD.encode(event)));
}
