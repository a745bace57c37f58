//! What tests send: keys, instructions, transactions.

use engine_poolmath::whirlpool::{Direction, required_arrays};
use solana_hash::Hash;
use solana_instruction::{AccountMeta, Instruction};
use solana_keypair::Keypair;
use solana_message::{AddressLookupTableAccount, VersionedMessage, v0};
use solana_pubkey::Pubkey;
use solana_signer::Signer as _;
use solana_transaction::versioned::VersionedTransaction;

use super::layout::{PoolAccount, TokenAccount};
use super::*;
use crate::happening::{Commitment, Happening};
use crate::market::accounts::array_address;

/// When the tests' chain begins.
pub(crate) const START_NS: u64 = 1_786_316_400_000_000_000;
/// Price of SOL then.
pub(crate) const PRICE_E8: u64 = 7_742_000_000;
/// What the client holds of each.
pub(crate) const CLIENT_LAMPORTS: u64 = 10_000_000_000;
pub(crate) const CLIENT_WSOL: u64 = 1_000_000_000_000;
pub(crate) const CLIENT_USDC: u64 = 500_000_000_000;

/// The client's key.
pub(crate) fn client() -> Keypair {
    Keypair::new_from_array([7; 32])
}

/// One pool, one client with funds, no skipped slots, everything lands at once.
pub(crate) fn spec() -> LedgerSpec {
    let tokens = vec![(WSOL, CLIENT_WSOL), (USDC, CLIENT_USDC)];
    let owner = client().pubkey();
    LedgerSpec {
        skip_permille: 0,
        landing_slots_max: 0,
        wallets: vec![WalletSpec { owner, lamports: CLIENT_LAMPORTS, tokens }],
        ..LedgerSpec::sol_usdc(7, START_NS, PRICE_E8)
    }
}

/// A ledger of a specification that holds together.
pub(crate) fn ledger(spec: &LedgerSpec) -> Ledger {
    Ledger::new(spec).expect("a sound specification")
}

/// Goes on until the next block is frozen.
pub(crate) fn next_block(ledger: &mut Ledger) -> Vec<Happening> {
    let before = ledger.block(Commitment::Processed, 0).slot;
    let mut all = Vec::new();
    for _ in 0..8 {
        all.extend(ledger.advance(ledger.due_ns().expect("its own clock")));
        if ledger.block(Commitment::Processed, 0).slot > before {
            return all;
        }
    }
    panic!("a block within 8 steps");
}

/// Newest slot.
pub(crate) fn newest(ledger: &Ledger) -> u64 {
    ledger.block(Commitment::Processed, 0).slot
}

/// Lamports of an account now.
pub(crate) fn lamports(ledger: &Ledger, key: &Pubkey) -> u64 {
    ledger.account(key, newest(ledger)).map_or(0, |account| account.lamports)
}

/// Tokens of somebody now, in the associated account.
pub(crate) fn tokens(ledger: &Ledger, owner: &Pubkey, mint: &Pubkey) -> u64 {
    let account = ledger.account(&associated_token_address(owner, mint), newest(ledger));
    let account = account.and_then(|account| TokenAccount::read(&account.data));
    account.map_or(0, |account| account.amount)
}

/// A pool now.
pub(crate) fn pool(ledger: &Ledger, key: &Pubkey) -> PoolAccount {
    let account = ledger.account(key, newest(ledger)).expect("a pool");
    PoolAccount::read(&account.data).expect("a pool's bytes")
}

/// Signs instructions with a recent blockhash.
pub(crate) fn sign(
    ledger: &Ledger,
    payer: &Keypair,
    instructions: &[Instruction],
) -> ClientTransaction {
    let hash = ledger.block(Commitment::Confirmed, 0).hash;
    sign_with(hash, payer, instructions, &[])
}

/// Signs instructions with any blockhash and lookup tables.
pub(crate) fn sign_with(
    hash: [u8; 32],
    payer: &Keypair,
    instructions: &[Instruction],
    tables: &[AddressLookupTableAccount],
) -> ClientTransaction {
    let hash = Hash::new_from_array(hash);
    let message = v0::Message::try_compile(&payer.pubkey(), instructions, tables, hash);
    let message = VersionedMessage::V0(message.expect("few accounts"));
    let signed = VersionedTransaction::try_new(message, &[payer]).expect("one signer");
    let bytes = wincode::serialize(&signed).expect("a transaction");
    ClientTransaction::decode(&bytes).expect("what was just written")
}

/// Lamports from one to another.
pub(crate) fn transfer(from: &Pubkey, to: &Pubkey, lamports: u64) -> Instruction {
    let mut data = 2_u32.to_le_bytes().to_vec();
    data.extend(lamports.to_le_bytes());
    let accounts = vec![AccountMeta::new(*from, true), AccountMeta::new(*to, false)];
    Instruction { program_id: SYSTEM, accounts, data }
}

/// Asks for units and states a price for them.
pub(crate) fn budget(units: u32, price: u64) -> [Instruction; 2] {
    let instruction = |data| Instruction { program_id: COMPUTE_BUDGET, accounts: vec![], data };
    let units = [&[2], &units.to_le_bytes()[..]].concat();
    let price = [&[3], &price.to_le_bytes()[..]].concat();
    [instruction(units), instruction(price)]
}

/// A swap as its client thinks of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Swap {
    pub(crate) amount: u64,
    pub(crate) threshold: u64,
    pub(crate) sqrt_price_limit: u128,
    pub(crate) is_exact_in: bool,
    pub(crate) direction: Direction,
}

impl Swap {
    /// Exactly so much in, anything out.
    pub(crate) const fn exact_in(amount: u64, direction: Direction) -> Self {
        Self { amount, threshold: 0, sqrt_price_limit: 0, is_exact_in: true, direction }
    }

    /// Exactly so much out, anything in.
    pub(crate) const fn exact_out(amount: u64, direction: Direction) -> Self {
        let threshold = u64::MAX;
        Self { amount, threshold, sqrt_price_limit: 0, is_exact_in: false, direction }
    }

    fn data(&self, mark: [u8; 8]) -> Vec<u8> {
        let mut data = mark.to_vec();
        data.extend(self.amount.to_le_bytes());
        data.extend(self.threshold.to_le_bytes());
        data.extend(self.sqrt_price_limit.to_le_bytes());
        data.push(u8::from(self.is_exact_in));
        data.push(u8::from(self.direction == Direction::AToB));
        data
    }

    /// The arrays that it needs, the last one repeated where there are fewer than three.
    fn arrays(&self, key: &Pubkey, pool: &PoolAccount) -> [Pubkey; 3] {
        let required = required_arrays(&pool.pool, self.direction);
        let starts = required.starts();
        [0, 1, 2].map(|place| array_address(key, starts[place.min(starts.len() - 1)]))
    }

    /// The instruction `swap_v2`, as the program documents it.
    pub(crate) fn v2(&self, owner: &Pubkey, key: &Pubkey, pool: &PoolAccount) -> Instruction {
        let mut data = self.data([0x2b, 0x04, 0xed, 0x0b, 0x1a, 0xc9, 0x1e, 0x62]);
        data.push(0);
        let mut accounts = vec![
            AccountMeta::new_readonly(TOKEN, false),
            AccountMeta::new_readonly(TOKEN, false),
            AccountMeta::new_readonly(MEMO, false),
            AccountMeta::new_readonly(*owner, true),
            AccountMeta::new(*key, false),
            AccountMeta::new_readonly(pool.mint_a, false),
            AccountMeta::new_readonly(pool.mint_b, false),
            AccountMeta::new(associated_token_address(owner, &pool.mint_a), false),
            AccountMeta::new(pool.vault_a, false),
            AccountMeta::new(associated_token_address(owner, &pool.mint_b), false),
            AccountMeta::new(pool.vault_b, false),
        ];
        let arrays = self.arrays(key, pool);
        accounts.extend(arrays.map(|array| AccountMeta::new(array, false)));
        accounts.push(AccountMeta::new(oracle_address(key), false));
        Instruction { program_id: WHIRLPOOL, accounts, data }
    }

    /// The instruction `swap`.
    pub(crate) fn v1(&self, owner: &Pubkey, key: &Pubkey, pool: &PoolAccount) -> Instruction {
        let data = self.data([0xf8, 0xc6, 0x9e, 0x91, 0xe1, 0x75, 0x87, 0xc8]);
        let mut accounts = vec![
            AccountMeta::new_readonly(TOKEN, false),
            AccountMeta::new_readonly(*owner, true),
            AccountMeta::new(*key, false),
            AccountMeta::new(associated_token_address(owner, &pool.mint_a), false),
            AccountMeta::new(pool.vault_a, false),
            AccountMeta::new(associated_token_address(owner, &pool.mint_b), false),
            AccountMeta::new(pool.vault_b, false),
        ];
        let arrays = self.arrays(key, pool);
        accounts.extend(arrays.map(|array| AccountMeta::new(array, false)));
        accounts.push(AccountMeta::new_readonly(oracle_address(key), false));
        Instruction { program_id: WHIRLPOOL, accounts, data }
    }
}
