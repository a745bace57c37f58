//! Accounts and the programs that own them.

use solana_pubkey::Pubkey;

use crate::market::accounts::rent_exempt_lamports;

/// System program: owner of wallets.
pub const SYSTEM: Pubkey = Pubkey::from_str_const("11111111111111111111111111111111");
/// Compute budget.
pub const COMPUTE_BUDGET: Pubkey =
    Pubkey::from_str_const("ComputeBudget111111111111111111111111111111");
/// SPL Token.
pub const TOKEN: Pubkey = Pubkey::from_str_const("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA");
/// Token-2022. It exists, and owns nothing here.
pub const TOKEN_2022: Pubkey =
    Pubkey::from_str_const("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb");
/// Associated Token.
pub const ASSOCIATED_TOKEN: Pubkey =
    Pubkey::from_str_const("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL");
/// Memo, second version.
pub const MEMO: Pubkey = Pubkey::from_str_const("MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr");
/// Address lookup tables.
pub const LOOKUP_TABLE: Pubkey =
    Pubkey::from_str_const("AddressLookupTab1e1111111111111111111111111");
/// The Whirlpool program.
pub const WHIRLPOOL: Pubkey = Pubkey::from_str_const("whirLbMiicVdio4qvUfM5KAg6Ct8VwpYzGff3uctyCc");
/// Owner of programs that nobody can change.
pub(crate) const NATIVE_LOADER: Pubkey =
    Pubkey::from_str_const("NativeLoader1111111111111111111111111111111");
/// Owner of programs that were deployed.
pub(crate) const UPGRADEABLE_LOADER: Pubkey =
    Pubkey::from_str_const("BPFLoaderUpgradeab1e11111111111111111111111");
/// Wrapped SOL.
pub const WSOL: Pubkey = Pubkey::from_str_const("So11111111111111111111111111111111111111112");
/// USDC.
pub const USDC: Pubkey = Pubkey::from_str_const("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v");
/// The SOL/USDC pool of spacing 64 that the shipped recording follows.
pub const SOL_USDC_POOL: Pubkey =
    Pubkey::from_str_const("HJPjoWUrhoZzkNfRpHuieeFk9WcZWjwy6PBjZ81ngndJ");

/// One account. An account without lamports does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Unit: lamports.
    pub lamports: u64,
    /// The program that may change it.
    pub owner: Pubkey,
    /// Its bytes.
    pub data: Vec<u8>,
    /// Whether it is a program.
    pub is_executable: bool,
}

impl Account {
    /// A wallet: lamports, and nothing else.
    #[must_use]
    pub const fn wallet(lamports: u64) -> Self {
        Self { lamports, owner: SYSTEM, data: Vec::new(), is_executable: false }
    }

    /// Bytes of a program, with the lamports that keep them alive.
    ///
    /// # Panics
    ///
    /// For data of more than an account can hold (10 MiB), which nothing here makes.
    #[must_use]
    pub fn of(owner: Pubkey, data: Vec<u8>) -> Self {
        Self { lamports: rent_exempt_lamports(data.len()), owner, data, is_executable: false }
    }

    /// A program; its code is not there, since what it does is built in.
    #[must_use]
    pub fn program(loader: Pubkey) -> Self {
        Self { is_executable: true, ..Self::of(loader, Vec::new()) }
    }
}

/// Address of the token account of `owner` that wallets use for `mint`.
#[must_use]
pub fn associated_token_address(owner: &Pubkey, mint: &Pubkey) -> Pubkey {
    let seeds = [owner.as_ref(), TOKEN.as_ref(), mint.as_ref()];
    Pubkey::find_program_address(&seeds, &ASSOCIATED_TOKEN).0
}

/// Address of a pool's oracle.
#[must_use]
pub fn oracle_address(pool: &Pubkey) -> Pubkey {
    Pubkey::find_program_address(&[b"oracle", pool.as_ref()], &WHIRLPOOL).0
}

/// Address of the fee tier of a configuration.
#[must_use]
pub fn fee_tier_address(config: &Pubkey, index: u16) -> Pubkey {
    let seeds = [b"fee_tier".as_slice(), config.as_ref(), &index.to_le_bytes()];
    Pubkey::find_program_address(&seeds, &WHIRLPOOL).0
}

/// Address of a pool.
#[must_use]
pub fn pool_address(config: &Pubkey, mint_a: &Pubkey, mint_b: &Pubkey, tier: u16) -> Pubkey {
    let tier = tier.to_le_bytes();
    let seeds = [b"whirlpool".as_slice(), config.as_ref(), mint_a.as_ref(), mint_b.as_ref(), &tier];
    Pubkey::find_program_address(&seeds, &WHIRLPOOL).0
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: Pubkey = Pubkey::from_str_const("2LecshUwdy9xi7meFgHtFJQNSKk4KdTrcpvaB56dP2NQ");

    #[test]
    fn pool_addresses_are_those_of_the_chain() {
        for (tier, address) in [
            (64, "HJPjoWUrhoZzkNfRpHuieeFk9WcZWjwy6PBjZ81ngndJ"),
            (4, "Czfq3xZZDmsdGdUyrNLtRhGc47cXcZtLG4crryfu44zE"),
            (8, "7qbRF6YsyGuLUVs6Y1q64bdVrfe4ZcUUz1JRdoVNUJnm"),
        ] {
            assert_eq!(pool_address(&CONFIG, &WSOL, &USDC, tier).to_string(), address, "{tier}");
        }
    }
}
