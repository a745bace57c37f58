//! Accounts built from the documented layouts: what no recording of a few hundred bytes holds.

use connector_solana::layout::AccountKind;
use engine_poolmath::whirlpool::Pool;
use solana_pubkey::Pubkey;

/// Writes fields at offsets over zeros.
fn account(kind: AccountKind, bytes: usize, fields: &[(usize, &[u8])]) -> Vec<u8> {
    let mut data = vec![0; bytes];
    data[..8].copy_from_slice(&kind.discriminator());
    for (offset, field) in fields {
        data[*offset..*offset + field.len()].copy_from_slice(field);
    }
    data
}

/// A pool account.
#[must_use]
pub fn pool_bytes(pool: &Pool, [mint_a, mint_b]: [&Pubkey; 2]) -> Vec<u8> {
    account(
        AccountKind::Pool,
        653,
        &[
            (41, &pool.tick_spacing.to_le_bytes()),
            (43, &pool.fee_tier_index.to_le_bytes()),
            (45, &pool.fee_rate_ppm.to_le_bytes()),
            (47, &pool.protocol_fee_rate.to_le_bytes()),
            (49, &pool.liquidity.to_le_bytes()),
            (65, &pool.sqrt_price.to_le_bytes()),
            (81, &pool.tick_current_index.to_le_bytes()),
            (101, mint_a.as_ref()),
            (181, mint_b.as_ref()),
        ],
    )
}

/// A dynamic tick array with (slot, net) initialised, slots ascending.
#[must_use]
pub fn dynamic_array_bytes(pool: &Pubkey, start: i32, ticks: &[(usize, i128)]) -> Vec<u8> {
    let bitmap = ticks.iter().fold(0_u128, |bits, (slot, _)| bits | 1 << slot);
    let mut data = account(
        AccountKind::DynamicTickArray,
        148 + 112 * ticks.len(),
        &[(8, &start.to_le_bytes()), (12, pool.as_ref()), (44, &bitmap.to_le_bytes())],
    );
    for (before, (slot, net)) in ticks.iter().enumerate() {
        let at = 60 + slot + 112 * before;
        data[at] = 1;
        data[at + 1..at + 17].copy_from_slice(&net.to_le_bytes());
        data[at + 17..at + 33].copy_from_slice(&net.unsigned_abs().to_le_bytes());
    }
    data
}

/// An oracle with the state of the documented adaptive-fee example.
#[must_use]
pub fn oracle_bytes(pool: &Pubkey) -> Vec<u8> {
    account(
        AccountKind::Oracle,
        254,
        &[
            (8, pool.as_ref()),
            (40, &1_700_000_000_u64.to_le_bytes()),
            (48, &10_u16.to_le_bytes()),
            (50, &86_u16.to_le_bytes()),
            (52, &6_372_u16.to_le_bytes()),
            (54, &249_u32.to_le_bytes()),
            (58, &50_000_u32.to_le_bytes()),
            (62, &2_u16.to_le_bytes()),
            (64, &50_u16.to_le_bytes()),
            (82, &1_700_000_354_u64.to_le_bytes()),
            (90, &1_700_000_364_u64.to_le_bytes()),
            (98, &5_760_u32.to_le_bytes()),
            (102, &4_097_i32.to_le_bytes()),
            (106, &16_079_u32.to_le_bytes()),
        ],
    )
}

/// A plain mint with six decimals.
#[must_use]
pub fn mint_bytes() -> Vec<u8> {
    let mut data = vec![0; 82];
    data[36..44].copy_from_slice(&1_000_000_u64.to_le_bytes());
    data[44..46].copy_from_slice(&[6, 1]);
    data
}

/// A mint with a Token-2022 transfer fee (extension 1): `bps` from epoch 0 on.
#[must_use]
pub fn transfer_fee_mint_bytes(bps: u16) -> Vec<u8> {
    let mut data = mint_bytes();
    data.resize(165, 0);
    data.push(1);
    data.extend(1_u16.to_le_bytes());
    data.extend(108_u16.to_le_bytes());
    data.extend([0; 72]);
    for _ in 0..2 {
        data.extend(0_u64.to_le_bytes());
        data.extend(1_000_u64.to_le_bytes());
        data.extend(bps.to_le_bytes());
    }
    data
}
