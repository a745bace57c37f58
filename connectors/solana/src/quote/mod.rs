//! What a pool would pay, from a file of accounts.
//!
//! Nothing is assumed silently: an account that the quote needs and the file does not mention is an
//! error that names its address; one that the file states not to exist counts as the chain would
//! count it. Only mints may be left out: they count as plain SPL tokens, and the answer lists them.

mod failure;

use std::fmt;
use std::path::Path;

use engine_poolmath::token2022::TransferFee;
use engine_poolmath::whirlpool::token_swap::{MintFees, TokenSwap, token_swap};
use engine_poolmath::whirlpool::{
    ARRAYS_PER_SWAP, Amount, Direction, Existence, INNER_STEPS_DEFAULT, Oracle, Pool, SwapError,
    SwapRequest, TickArraySet,
};
use serde::Serialize;
use solana_pubkey::Pubkey;

use self::failure::FailureReport;
use crate::accounts::{Account, AccountFile, Held};
use crate::address;
use crate::layout::{MintAccount, OracleAccount, PoolAccount, TickArrayView};
use crate::outcome::{CommandOutcome, EXIT_BAD_FILE, OutputForm};

pub use failure::{QuoteFailure, Role};

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuoteArgs {
    /// Address of the pool.
    pub pool: Pubkey,
    /// Which token goes in.
    pub direction: Direction,
    /// How much, of which side. Unit: base units.
    pub amount: Amount,
    /// Time of the swap, for adaptive-fee pools. Unit: Unix seconds.
    pub now_s: Option<u64>,
    /// Epoch of the swap, for mints with a transfer fee.
    pub epoch: Option<u64>,
}

/// The answer. Amounts in base units; serialised with every integer as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QuoteReport {
    /// Taken from the trader, transfer fee included.
    #[serde(serialize_with = "as_text")]
    pub amount_in: u64,
    /// Received by the trader, transfer fee taken off.
    #[serde(serialize_with = "as_text")]
    pub amount_out: u64,
    /// The pool's fee in the input token, protocol share included.
    #[serde(serialize_with = "as_text")]
    pub fee_amount: u64,
    /// The protocol's share of it.
    #[serde(serialize_with = "as_text")]
    pub protocol_fee: u64,
    /// Withheld by the input mint.
    #[serde(serialize_with = "as_text")]
    pub transfer_fee_in: u64,
    /// Withheld by the output mint.
    #[serde(serialize_with = "as_text")]
    pub transfer_fee_out: u64,
    /// After the swap, Q64.64.
    #[serde(serialize_with = "as_text")]
    pub sqrt_price: u128,
    /// After the swap.
    #[serde(serialize_with = "as_text")]
    pub tick: i32,
    /// After the swap, in the range then current.
    #[serde(serialize_with = "as_text")]
    pub liquidity: u128,
    /// Initialised ticks that the price moved through.
    #[serde(serialize_with = "as_text")]
    pub ticks_crossed: u32,
    /// Addresses of mints that the file does not hold: counted as plain SPL tokens.
    pub assumed: Vec<String>,
}

fn as_text<T: fmt::Display, S: serde::Serializer>(
    value: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

impl fmt::Display for QuoteReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "amount in         {}", self.amount_in)?;
        writeln!(f, "amount out        {}", self.amount_out)?;
        writeln!(f, "pool fee          {} (protocol {})", self.fee_amount, self.protocol_fee)?;
        let (fee_in, fee_out) = (self.transfer_fee_in, self.transfer_fee_out);
        writeln!(f, "transfer fees     {fee_in} in, {fee_out} out")?;
        writeln!(f, "sqrt price after  {} (tick {})", self.sqrt_price, self.tick)?;
        writeln!(f, "liquidity after   {}", self.liquidity)?;
        writeln!(f, "ticks crossed     {}", self.ticks_crossed)?;
        for mint in &self.assumed {
            writeln!(f, "assumed           mint {mint} is not in the file: counted as plain SPL")?;
        }
        Ok(())
    }
}

/// Quotes one swap.
///
/// # Errors
///
/// [`QuoteFailure`], which names the account or the program's error.
pub fn quote(file: &AccountFile, args: &QuoteArgs) -> Result<QuoteReport, QuoteFailure> {
    let (account, program) = read_pool(file, &args.pool)?;
    let pool = account.to_pool();
    let oracle = if account.is_adaptive() {
        if args.now_s.is_none() {
            return Err(QuoteFailure::NowMissing { pool: args.pool });
        }
        Some(read_oracle(file, &args.pool, &program)?)
    } else {
        None
    };
    let mut assumed = Vec::new();
    let mut fee = |mint: &Pubkey| read_mint_fee(file, mint, args.epoch, &mut assumed);
    let fees = MintFees { a: fee(&account.mint_a)?, b: fee(&account.mint_b)? };
    let request = SwapRequest {
        amount: args.amount,
        direction: args.direction,
        sqrt_price_limit: 0,
        // Without an adaptive fee the time changes nothing.
        now_s: args.now_s.unwrap_or(0),
        inner_steps_max: INNER_STEPS_DEFAULT,
    };
    let source = ArraySource { file, pool: &args.pool, program: &program };
    let done = walk(&source, &pool, oracle.as_ref(), &fees, &request)?;
    Ok(report(&done, assumed))
}

fn report(done: &TokenSwap, assumed: Vec<String>) -> QuoteReport {
    let (amounts, swap) = (&done.amounts, &done.swap);
    QuoteReport {
        amount_in: amounts.amount_in,
        amount_out: amounts.amount_out,
        fee_amount: swap.fee_amount,
        protocol_fee: swap.protocol_fee,
        transfer_fee_in: amounts.transfer_fee_in,
        transfer_fee_out: amounts.transfer_fee_out,
        sqrt_price: swap.sqrt_price,
        tick: swap.tick_current_index,
        liquidity: swap.liquidity,
        ticks_crossed: swap.ticks_crossed,
        assumed,
    }
}

/// Where tick arrays come from.
struct ArraySource<'a> {
    file: &'a AccountFile,
    pool: &'a Pubkey,
    program: &'a Pubkey,
}

/// Runs the swap and fetches an array whenever the walk asks for one, so that exactly the arrays it
/// walks are required.
fn walk(
    source: &ArraySource<'_>,
    pool: &Pool,
    oracle: Option<&Oracle>,
    fees: &MintFees,
    request: &SwapRequest,
) -> Result<TokenSwap, QuoteFailure> {
    let mut arrays = TickArraySet::with_capacity(ARRAYS_PER_SWAP, pool.tick_spacing);
    for _ in 0..=ARRAYS_PER_SWAP {
        match token_swap(pool, oracle, &arrays, fees, request) {
            Err(SwapError::UnknownArray { start_tick_index }) => {
                source.fetch(start_tick_index, &mut arrays)?;
            }
            Err(error) => return Err(error.into()),
            Ok(done) => return Ok(done),
        }
    }
    unreachable!("Invariant: a swap walks no more than {ARRAYS_PER_SWAP} arrays")
}

impl ArraySource<'_> {
    fn fetch(&self, start_tick_index: i32, arrays: &mut TickArraySet) -> Result<(), QuoteFailure> {
        let role = Role::TickArray { start_tick_index };
        let address = address::tick_array_address(self.program, self.pool, start_tick_index);
        let room = "Invariant: the set holds as many arrays as a swap walks";
        let account = match self.file.get(&address) {
            Held::Unmentioned => return Err(QuoteFailure::AccountAbsent { role, address }),
            Held::Nonexistent => None,
            // What a node shows for an address that never held an account, or no longer does.
            Held::Account(account) if is_vacant(account) => None,
            Held::Account(account) => Some(account),
        };
        let Some(account) = account else {
            arrays.begin(start_tick_index, Existence::Absent).expect(room);
            return Ok(());
        };
        check_owner(account, role, &address, self.program)?;
        let bad = |problem| QuoteFailure::BadAccount { role, address, problem };
        let view = TickArrayView::parse(&account.data).map_err(bad)?;
        if view.pool() != *self.pool || view.start_tick_index() != start_tick_index {
            return Err(QuoteFailure::AccountElsewhere { role, address, pool: view.pool() });
        }
        view.check_spacing(arrays.tick_spacing()).map_err(bad)?;
        view.fill(arrays).expect(room);
        Ok(())
    }
}

/// Whether the account is nothing but an address with lamports.
fn is_vacant(account: &Account) -> bool {
    account.owner == address::SYSTEM_PROGRAM && account.data.is_empty()
}

fn check_owner(
    account: &Account,
    role: Role,
    address: &Pubkey,
    program: &Pubkey,
) -> Result<(), QuoteFailure> {
    if account.owner == *program {
        return Ok(());
    }
    Err(QuoteFailure::AccountOwner { role, address: *address, owner: account.owner })
}

/// An account that the quote cannot do without.
fn required<'a>(
    file: &'a AccountFile,
    role: Role,
    address: &Pubkey,
) -> Result<&'a Account, QuoteFailure> {
    let address = *address;
    match file.get(&address) {
        Held::Unmentioned => Err(QuoteFailure::AccountAbsent { role, address }),
        Held::Nonexistent => Err(QuoteFailure::AccountNonexistent { role, address }),
        Held::Account(account) if is_vacant(account) => {
            Err(QuoteFailure::AccountNonexistent { role, address })
        }
        Held::Account(account) => Ok(account),
    }
}

fn read_pool(file: &AccountFile, address: &Pubkey) -> Result<(PoolAccount, Pubkey), QuoteFailure> {
    let role = Role::Pool;
    let account = required(file, role, address)?;
    if !address::is_whirlpool_program(&account.owner) {
        let owner = account.owner;
        return Err(QuoteFailure::AccountOwner { role, address: *address, owner });
    }
    let bad = |problem| QuoteFailure::BadAccount { role, address: *address, problem };
    Ok((PoolAccount::parse(&account.data).map_err(bad)?, account.owner))
}

fn read_oracle(
    file: &AccountFile,
    pool: &Pubkey,
    program: &Pubkey,
) -> Result<Oracle, QuoteFailure> {
    let role = Role::Oracle;
    let address = address::oracle_address(program, pool);
    let account = required(file, role, &address)?;
    check_owner(account, role, &address, program)?;
    let bad = |problem| QuoteFailure::BadAccount { role, address, problem };
    let oracle = OracleAccount::parse(&account.data).map_err(bad)?;
    if oracle.pool != *pool {
        return Err(QuoteFailure::AccountElsewhere { role, address, pool: oracle.pool });
    }
    Ok(oracle.to_oracle())
}

/// The transfer fee of a mint, zero for a plain one and for one that is not in the file.
fn read_mint_fee(
    file: &AccountFile,
    mint: &Pubkey,
    epoch: Option<u64>,
    assumed: &mut Vec<String>,
) -> Result<TransferFee, QuoteFailure> {
    let (role, address) = (Role::Mint, *mint);
    let account = match file.get(mint) {
        Held::Unmentioned => {
            assumed.push(mint.to_string());
            return Ok(TransferFee::NONE);
        }
        Held::Nonexistent => return Err(QuoteFailure::AccountNonexistent { role, address }),
        Held::Account(account) => account,
    };
    if !address::is_token_program(&account.owner) {
        return Err(QuoteFailure::AccountOwner { role, address, owner: account.owner });
    }
    let bad = |problem| QuoteFailure::BadAccount { role, address, problem };
    let account = MintAccount::parse(&account.data).map_err(bad)?;
    let Some(fees) = account.transfer_fees else { return Ok(TransferFee::NONE) };
    Ok(fees.at(epoch.ok_or(QuoteFailure::EpochMissing { mint: address })?))
}

/// The arguments as a command line gives them: the pool still text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuoteCommand<'a> {
    /// File of accounts.
    pub accounts: &'a Path,
    /// Address of the pool in base58.
    pub pool: &'a str,
    /// Which token goes in.
    pub direction: Direction,
    /// How much, of which side. Unit: base units.
    pub amount: Amount,
    /// Unit: Unix seconds.
    pub now_s: Option<u64>,
    /// Epoch of the swap.
    pub epoch: Option<u64>,
}

/// The command: quotes from a file and says what came of it.
#[must_use]
pub fn run(command: &QuoteCommand<'_>, form: OutputForm) -> CommandOutcome {
    match quote_command(command) {
        Ok(report) => CommandOutcome {
            stdout: match form {
                OutputForm::Text => report.to_string(),
                OutputForm::Json => json(&report),
            },
            stderr: String::new(),
            exit_code: 0,
        },
        Err(failure) => CommandOutcome {
            stdout: match form {
                OutputForm::Text => String::new(),
                OutputForm::Json => json(&FailureReport::of(&failure)),
            },
            stderr: format!("error: {failure}\nhint: {}\n", failure.hint()),
            exit_code: if matches!(failure, QuoteFailure::File(_)) { EXIT_BAD_FILE } else { 1 },
        },
    }
}

fn quote_command(command: &QuoteCommand<'_>) -> Result<QuoteReport, QuoteFailure> {
    let bad_pool = |_| QuoteFailure::PoolAddress { text: command.pool.chars().take(64).collect() };
    let pool = command.pool.parse().map_err(bad_pool)?;
    let QuoteCommand { direction, amount, now_s, epoch, .. } = *command;
    let file = AccountFile::read(command.accounts)?;
    quote(&file, &QuoteArgs { pool, direction, amount, now_s, epoch })
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("Invariant: text and numbers are JSON") + "\n"
}
