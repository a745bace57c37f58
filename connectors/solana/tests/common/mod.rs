//! Where the recorded data lies, and synthetic accounts built from the documented layouts.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::print_stderr, reason = "a skipped test says so")]

use std::path::PathBuf;

use connector_solana::accounts::AccountFile;
use connector_solana::layout::AccountKind;
use solana_pubkey::Pubkey;

/// The file `name` of the Solana data: from the shared recordings, else from the few that ship with
/// the project; `None` (said on standard error) where it is in neither.
pub(crate) fn data_file(name: &str) -> Option<PathBuf> {
    let shared = std::env::var_os("RIPTIDE_SHARED_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")),
        PathBuf::from,
    );
    let shipped = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data"));
    let found = [&shared, &shipped]
        .into_iter()
        .map(|folder| folder.join("solana").join(name))
        .find(|path| path.exists());
    if found.is_none() {
        eprintln!("skipped: {name} is not in {} (set RIPTIDE_SHARED_DATA)", shared.display());
    }
    found
}

/// The accounts of a recorded file.
pub(crate) fn accounts(name: &str) -> Option<AccountFile> {
    data_file(name).map(|path| AccountFile::read(&path).expect("a recorded file reads"))
}

/// Writes fields at offsets over zeros.
pub(crate) fn account(kind: AccountKind, bytes: usize, fields: &[(usize, &[u8])]) -> Vec<u8> {
    let mut data = vec![0; bytes];
    data[..8].copy_from_slice(&kind.discriminator());
    write(&mut data, fields);
    data
}

pub(crate) fn write(data: &mut [u8], fields: &[(usize, &[u8])]) {
    for (offset, field) in fields {
        data[*offset..*offset + field.len()].copy_from_slice(field);
    }
}

/// Synthetic: the seven constants of an adaptive fee in account order.
pub(crate) fn constants_bytes() -> [u8; 18] {
    let mut bytes = [0; 18];
    write(
        &mut bytes,
        &[
            (0, &10_u16.to_le_bytes()),
            (2, &86_u16.to_le_bytes()),
            (4, &6_372_u16.to_le_bytes()),
            (6, &249_u32.to_le_bytes()),
            (10, &50_000_u32.to_le_bytes()),
            (14, &2_u16.to_le_bytes()),
            (16, &50_u16.to_le_bytes()),
        ],
    );
    bytes
}

/// Synthetic: an oracle with the state of the documented adaptive-fee vector.
pub(crate) fn oracle_bytes(pool: &Pubkey) -> Vec<u8> {
    account(
        AccountKind::Oracle,
        254,
        &[
            (8, pool.as_ref()),
            (40, &1_700_000_000_u64.to_le_bytes()),
            (48, &constants_bytes()),
            (82, &1_700_000_354_u64.to_le_bytes()),
            (90, &1_700_000_364_u64.to_le_bytes()),
            (98, &5_760_u32.to_le_bytes()),
            (102, &4_097_i32.to_le_bytes()),
            (106, &16_079_u32.to_le_bytes()),
        ],
    )
}

/// Synthetic: an adaptive fee tier.
pub(crate) fn adaptive_tier_bytes() -> Vec<u8> {
    account(
        AccountKind::AdaptiveFeeTier,
        256,
        &[
            (8, &[7; 32]),
            (40, &1_027_u16.to_le_bytes()),
            (42, &2_u16.to_le_bytes()),
            (44, &[8; 32]),
            (76, &[9; 32]),
            (108, &2_000_u16.to_le_bytes()),
            (110, &constants_bytes()),
        ],
    )
}

/// A pool account to be built.
#[derive(Clone, Copy)]
pub(crate) struct PoolFields {
    pub(crate) tick_spacing: u16,
    pub(crate) fee_tier_index: u16,
    pub(crate) fee_rate_ppm: u16,
    pub(crate) protocol_fee_rate: u16,
    pub(crate) liquidity: u128,
    pub(crate) sqrt_price: u128,
    pub(crate) tick_current_index: i32,
    pub(crate) mint_a: Pubkey,
    pub(crate) mint_b: Pubkey,
}

/// Synthetic: a pool account.
pub(crate) fn pool_bytes(fields: &PoolFields) -> Vec<u8> {
    account(
        AccountKind::Pool,
        653,
        &[
            (41, &fields.tick_spacing.to_le_bytes()),
            (43, &fields.fee_tier_index.to_le_bytes()),
            (45, &fields.fee_rate_ppm.to_le_bytes()),
            (47, &fields.protocol_fee_rate.to_le_bytes()),
            (49, &fields.liquidity.to_le_bytes()),
            (65, &fields.sqrt_price.to_le_bytes()),
            (81, &fields.tick_current_index.to_le_bytes()),
            (101, fields.mint_a.as_ref()),
            (181, fields.mint_b.as_ref()),
        ],
    )
}

/// Synthetic: a fixed tick array with (slot, net) initialised.
pub(crate) fn fixed_array_bytes(pool: &Pubkey, start: i32, ticks: &[(usize, i128)]) -> Vec<u8> {
    let mut data = account(
        AccountKind::FixedTickArray,
        9_988,
        &[(8, &start.to_le_bytes()), (9_956, pool.as_ref())],
    );
    for (slot, net) in ticks {
        let at = 12 + slot * 113;
        let gross = net.unsigned_abs().to_le_bytes();
        write(&mut data, &[(at, &[1]), (at + 1, &net.to_le_bytes()), (at + 17, &gross)]);
    }
    data
}

/// Synthetic: a dynamic tick array with (slot, net) initialised, slots ascending.
pub(crate) fn dynamic_array_bytes(pool: &Pubkey, start: i32, ticks: &[(usize, i128)]) -> Vec<u8> {
    let bitmap = ticks.iter().fold(0_u128, |bits, (slot, _)| bits | 1 << slot);
    let mut data = account(
        AccountKind::DynamicTickArray,
        148 + 112 * ticks.len(),
        &[(8, &start.to_le_bytes()), (12, pool.as_ref()), (44, &bitmap.to_le_bytes())],
    );
    for (before, (slot, net)) in ticks.iter().enumerate() {
        let at = 60 + slot + 112 * before;
        let gross = net.unsigned_abs().to_le_bytes();
        write(&mut data, &[(at, &[1]), (at + 1, &net.to_le_bytes()), (at + 17, &gross)]);
    }
    data
}

/// Synthetic: a mint with Token-2022 extensions; without any, a plain one of 82 bytes.
pub(crate) fn mint_bytes(freeze: Option<Pubkey>, extensions: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let mut data = vec![0; 82];
    write(&mut data, &[(36, &1_000_000_u64.to_le_bytes()), (44, &[6, 1])]);
    if let Some(key) = freeze {
        write(&mut data, &[(46, &1_u32.to_le_bytes()), (50, key.as_ref())]);
    }
    if !extensions.is_empty() {
        data.resize(165, 0);
        data.push(1);
        for (number, value) in extensions {
            data.extend(number.to_le_bytes());
            data.extend(u16::try_from(value.len()).expect("short").to_le_bytes());
            data.extend(value);
        }
    }
    data
}

/// Synthetic: the value of a transfer-fee extension, (epoch, maximum, bps) older then newer.
pub(crate) fn transfer_fee_value(older: (u64, u64, u16), newer: (u64, u64, u16)) -> Vec<u8> {
    let mut value = vec![0; 72];
    for (epoch, maximum, bps) in [older, newer] {
        value.extend(epoch.to_le_bytes());
        value.extend(maximum.to_le_bytes());
        value.extend(bps.to_le_bytes());
    }
    value
}
