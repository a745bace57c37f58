//! Account bytes and addresses of the chain, written from the documented layouts.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use solana_pubkey::Pubkey;

/// The Whirlpool program.
pub(crate) const PROGRAM: Pubkey =
    Pubkey::from_str_const("whirLbMiicVdio4qvUfM5KAg6Ct8VwpYzGff3uctyCc");

/// SPL Token, owner of both mints.
pub(crate) const TOKEN_PROGRAM: &str = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA";

/// Ticks in one array.
pub(crate) const TICKS_PER_ARRAY: i32 = 88;

/// Bytes of a Whirlpool account.
pub(crate) const POOL_BYTES: usize = 653;

/// Bytes of a fixed tick array.
pub(crate) const ARRAY_BYTES: usize = 9_988;

const TICK_BYTES: usize = 113;

/// One initialised tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tick {
    /// Added when the price rises through it.
    pub(crate) net: i128,
    /// Sum of the positions that begin or end here.
    pub(crate) gross: u128,
    /// Fee growth on the other side of it, token A.
    pub(crate) outside_a: u128,
    /// Fee growth on the other side of it, token B.
    pub(crate) outside_b: u128,
}

/// Fields of a pool account that move; everything else keeps the bytes of the original.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PoolFields {
    pub(crate) liquidity: u128,
    pub(crate) sqrt_price: u128,
    pub(crate) tick_current_index: i32,
    pub(crate) protocol_fee_owed_a: u64,
    pub(crate) protocol_fee_owed_b: u64,
    pub(crate) fee_growth_global_a: u128,
    pub(crate) fee_growth_global_b: u128,
    /// Unix seconds.
    pub(crate) reward_last_updated: u64,
}

/// The original account with new values in the fields that move.
pub(crate) fn pool_bytes(original: &[u8; POOL_BYTES], fields: &PoolFields) -> Vec<u8> {
    let mut bytes = original.to_vec();
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(49, &fields.liquidity.to_le_bytes());
    put(65, &fields.sqrt_price.to_le_bytes());
    put(81, &fields.tick_current_index.to_le_bytes());
    put(85, &fields.protocol_fee_owed_a.to_le_bytes());
    put(93, &fields.protocol_fee_owed_b.to_le_bytes());
    put(165, &fields.fee_growth_global_a.to_le_bytes());
    put(245, &fields.fee_growth_global_b.to_le_bytes());
    put(261, &fields.reward_last_updated.to_le_bytes());
    bytes
}

/// A fixed tick array of `pool` beginning at `start`, with these (index, tick) pairs.
pub(crate) fn array_bytes<'a>(
    pool: &Pubkey,
    start: i32,
    spacing: i32,
    ticks: impl Iterator<Item = (i32, &'a Tick)>,
) -> Vec<u8> {
    let mut bytes = vec![0; ARRAY_BYTES];
    bytes[..8].copy_from_slice(&[0x45, 0x61, 0xbd, 0xbe, 0x6e, 0x07, 0x42, 0xbb]);
    bytes[8..12].copy_from_slice(&start.to_le_bytes());
    for (index, tick) in ticks {
        let slot =
            usize::try_from((index - start) / spacing).expect("Invariant: a tick is in its array");
        let at = 12 + slot * TICK_BYTES;
        bytes[at] = 1;
        bytes[at + 1..at + 17].copy_from_slice(&tick.net.to_le_bytes());
        bytes[at + 17..at + 33].copy_from_slice(&tick.gross.to_le_bytes());
        bytes[at + 33..at + 49].copy_from_slice(&tick.outside_a.to_le_bytes());
        bytes[at + 49..at + 65].copy_from_slice(&tick.outside_b.to_le_bytes());
    }
    bytes[ARRAY_BYTES - 32..].copy_from_slice(&pool.to_bytes());
    bytes
}

/// Address of the tick array of `pool` that begins at `start`.
pub(crate) fn array_address(pool: &Pubkey, start: i32) -> Pubkey {
    let text = start.to_string();
    let seeds = [b"tick_array".as_slice(), pool.as_ref(), text.as_bytes()];
    Pubkey::find_program_address(&seeds, &PROGRAM).0
}

/// An SPL mint: authority and freeze authority where there is one, supply, decimals.
pub(crate) fn mint_bytes(
    authority: Option<Pubkey>,
    freeze: Option<Pubkey>,
    supply: u64,
    decimals: u8,
) -> Vec<u8> {
    let mut bytes = vec![0; 82];
    if let Some(key) = authority {
        bytes[0] = 1;
        bytes[4..36].copy_from_slice(&key.to_bytes());
    }
    bytes[36..44].copy_from_slice(&supply.to_le_bytes());
    bytes[44] = decimals;
    bytes[45] = 1;
    if let Some(key) = freeze {
        bytes[46] = 1;
        bytes[50..82].copy_from_slice(&key.to_bytes());
    }
    bytes
}

/// Lamports that keep an account of this size alive: 3,480 lamports per byte and year, two years,
/// 128 bytes of overhead.
pub(crate) fn rent_exempt_lamports(bytes: usize) -> u64 {
    let bytes = u64::try_from(bytes).expect("Invariant: accounts are small");
    (bytes + 128) * 3_480 * 2
}

/// The account object of an answer or a notification.
pub(crate) fn account_json(owner: &str, bytes: &[u8]) -> String {
    format!(
        "{{\"lamports\":{},\"data\":[\"{}\",\"base64\"],\"owner\":\"{owner}\",\
         \"executable\":false,\"rentEpoch\":18446744073709551615,\"space\":{}}}",
        rent_exempt_lamports(bytes.len()),
        STANDARD.encode(bytes),
        bytes.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_of_the_chain() {
        let pool = Pubkey::from_str_const("HJPjoWUrhoZzkNfRpHuieeFk9WcZWjwy6PBjZ81ngndJ");
        for (start, address) in [
            (-5_632, "9K1HWrGKZKfjTnKfF621BmEQdai4FcUz9tsoF41jwz5B"),
            (0, "JCpxMSDRDPBMqjoX7LkhMwro2y6r85Q8E6p5zNdBZyWa"),
        ] {
            assert_eq!(array_address(&pool, start).to_string(), address, "{start}");
        }
    }

    #[test]
    fn a_token_account_costs_what_the_chain_says() {
        assert_eq!(rent_exempt_lamports(165), 2_039_280);
    }
}
