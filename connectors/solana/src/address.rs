//! Addresses that follow from others, and the programs' own.

use solana_pubkey::{Pubkey, pubkey};

/// The upgradeable Whirlpool deployment.
pub const WHIRLPOOL_PROGRAM: Pubkey = pubkey!("whirLbMiicVdio4qvUfM5KAg6Ct8VwpYzGff3uctyCc");
/// Its configuration account.
pub const WHIRLPOOL_CONFIG: Pubkey = pubkey!("2LecshUwdy9xi7meFgHtFJQNSKk4KdTrcpvaB56dP2NQ");
/// The immutable Whirlpool deployment.
pub const WHIRLPOOL_PROGRAM_IMMUTABLE: Pubkey =
    pubkey!("iwhrLHdsgrvmnwU8GF2FSmyabSMjfHwFGJAX2ufJ3ZN");
/// Its configuration account.
pub const WHIRLPOOL_CONFIG_IMMUTABLE: Pubkey =
    pubkey!("8pm8erUsaMpmZ47LttHAPgnDx7xGZUvxY4q47vTCs5Nj");
/// SPL Token.
pub const TOKEN_PROGRAM: Pubkey = pubkey!("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA");
/// Token-2022.
pub const TOKEN_2022_PROGRAM: Pubkey = pubkey!("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb");
/// Owner of accounts that hold nothing but lamports, and of addresses that do not exist.
pub const SYSTEM_PROGRAM: Pubkey = pubkey!("11111111111111111111111111111111");
/// Wrapped SOL.
pub const WRAPPED_SOL_MINT: Pubkey = pubkey!("So11111111111111111111111111111111111111112");
/// USDC.
pub const USDC_MINT: Pubkey = pubkey!("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v");

/// Whether this is one of the two Whirlpool deployments.
#[must_use]
pub fn is_whirlpool_program(owner: &Pubkey) -> bool {
    *owner == WHIRLPOOL_PROGRAM || *owner == WHIRLPOOL_PROGRAM_IMMUTABLE
}

/// Whether this is one of the two token programs.
#[must_use]
pub fn is_token_program(owner: &Pubkey) -> bool {
    *owner == TOKEN_PROGRAM || *owner == TOKEN_2022_PROGRAM
}

/// A pool's address. `mint_a` must be the bytewise lower mint.
#[must_use]
pub fn pool_address(
    program: &Pubkey,
    config: &Pubkey,
    [mint_a, mint_b]: [&Pubkey; 2],
    fee_tier_index: u16,
) -> Pubkey {
    debug_assert!(mint_a < mint_b, "the program orders the mints");
    let index = fee_tier_index.to_le_bytes();
    let seeds: [&[u8]; 5] =
        [b"whirlpool", config.as_ref(), mint_a.as_ref(), mint_b.as_ref(), &index];
    Pubkey::find_program_address(&seeds, program).0
}

/// The address of the tick array of `pool` that begins at `start_tick_index`.
#[must_use]
pub fn tick_array_address(program: &Pubkey, pool: &Pubkey, start_tick_index: i32) -> Pubkey {
    let start = start_tick_index.to_string();
    Pubkey::find_program_address(&[b"tick_array", pool.as_ref(), start.as_bytes()], program).0
}

/// The address of the oracle of `pool`.
#[must_use]
pub fn oracle_address(program: &Pubkey, pool: &Pubkey) -> Pubkey {
    Pubkey::find_program_address(&[b"oracle", pool.as_ref()], program).0
}

/// The address of a fee tier, classic or adaptive.
#[must_use]
pub fn fee_tier_address(program: &Pubkey, config: &Pubkey, fee_tier_index: u16) -> Pubkey {
    let index = fee_tier_index.to_le_bytes();
    Pubkey::find_program_address(&[b"fee_tier", config.as_ref(), &index], program).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_pools_derive() {
        let rows = [
            (64, "HJPjoWUrhoZzkNfRpHuieeFk9WcZWjwy6PBjZ81ngndJ"),
            (4, "Czfq3xZZDmsdGdUyrNLtRhGc47cXcZtLG4crryfu44zE"),
            (8, "7qbRF6YsyGuLUVs6Y1q64bdVrfe4ZcUUz1JRdoVNUJnm"),
            (1, "83v8iPyZihDEjDdY8RdZddyZNyUtXngz69Lgo9Kt5d6d"),
            (2, "FpCMFDFGYotvufJ7HrFHsWEiiQCGbkLCtwHiDnh7o28Q"),
            (16, "21gTfxAnhUDjJGZJDkTXctGFKT8TeiXx6pN1CEg9K1uW"),
        ];
        for (spacing, expected) in rows {
            let mints = [&WRAPPED_SOL_MINT, &USDC_MINT];
            let pool = pool_address(&WHIRLPOOL_PROGRAM, &WHIRLPOOL_CONFIG, mints, spacing);
            assert_eq!(pool.to_string(), expected, "SOL/USDC at spacing {spacing}");
        }
    }

    #[test]
    fn known_tick_arrays_and_tiers_derive() {
        let pool = pubkey!("HJPjoWUrhoZzkNfRpHuieeFk9WcZWjwy6PBjZ81ngndJ");
        let rows = [
            (-5632, "9K1HWrGKZKfjTnKfF621BmEQdai4FcUz9tsoF41jwz5B"),
            (0, "JCpxMSDRDPBMqjoX7LkhMwro2y6r85Q8E6p5zNdBZyWa"),
        ];
        for (start, expected) in rows {
            let array = tick_array_address(&WHIRLPOOL_PROGRAM, &pool, start);
            assert_eq!(array.to_string(), expected, "start {start}");
        }
        // The two fee tiers of the recorded account set.
        let rows = [
            (1, "62dSkn5ktwY1PoKPNMArZA4bZsvyemuknWUnnQ2ATTuN"),
            (64, "HT55NVGVTjWmWLjV7BrSMPVZ7ppU8T2xE5nCAZ6YaGad"),
        ];
        for (index, expected) in rows {
            let tier = fee_tier_address(&WHIRLPOOL_PROGRAM, &WHIRLPOOL_CONFIG, index);
            assert_eq!(tier.to_string(), expected, "fee tier {index}");
        }
    }
}
