//! Bytes of accounts: where each field lies, read and written from the documented layouts.

use engine_poolmath::whirlpool::{
    AdaptiveConstants, AdaptiveVariables, Oracle, Pool, TICKS_PER_ARRAY, TickArray,
};
use solana_pubkey::Pubkey;

use crate::market::accounts::{ARRAY_BYTES, POOL_BYTES};

/// First bytes of a Whirlpool.
pub(crate) const POOL_MARK: [u8; 8] = [0x3f, 0x95, 0xd1, 0x0c, 0xe1, 0x80, 0x63, 0x09];
/// First bytes of a tick array of fixed size.
const FIXED_MARK: [u8; 8] = [0x45, 0x61, 0xbd, 0xbe, 0x6e, 0x07, 0x42, 0xbb];
/// First bytes of a tick array that grows with its ticks.
const DYNAMIC_MARK: [u8; 8] = [0x11, 0xd8, 0xf6, 0x8e, 0xe1, 0xc7, 0xda, 0x38];
/// First bytes of an oracle.
const ORACLE_MARK: [u8; 8] = [0x8b, 0xc2, 0x83, 0xb3, 0x8c, 0xb3, 0xe5, 0xf4];
/// First bytes of a configuration.
const CONFIG_MARK: [u8; 8] = [0x9d, 0x14, 0x31, 0xe0, 0xd9, 0x57, 0xc1, 0xfe];
/// First bytes of a fee tier.
const FEE_TIER_MARK: [u8; 8] = [0x38, 0x4b, 0x9f, 0x4c, 0x8e, 0x44, 0xbe, 0x69];

/// Bytes of an oracle.
const ORACLE_BYTES: usize = 254;
/// Bytes of a token account.
pub(crate) const TOKEN_ACCOUNT_BYTES: usize = 165;
/// Bytes of a mint.
pub(crate) const MINT_BYTES: usize = 82;

const FIXED_TICKS_AT: usize = 12;
const FIXED_TICK_BYTES: usize = 113;
const DYNAMIC_TICKS_AT: usize = 60;
const DYNAMIC_TICK_BYTES: usize = 112;

/// `N` bytes at a place; zeros beyond the end, which callers rule out by length first.
fn bytes_at<const N: usize>(data: &[u8], at: usize) -> [u8; N] {
    data.get(at..at + N).and_then(|part| part.try_into().ok()).unwrap_or([0; N])
}

pub(crate) fn u16_at(data: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes_at(data, at))
}

pub(crate) fn u32_at(data: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes_at(data, at))
}

pub(crate) fn i32_at(data: &[u8], at: usize) -> i32 {
    i32::from_le_bytes(bytes_at(data, at))
}

pub(crate) fn u64_at(data: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes_at(data, at))
}

pub(crate) fn u128_at(data: &[u8], at: usize) -> u128 {
    u128::from_le_bytes(bytes_at(data, at))
}

pub(crate) fn key_at(data: &[u8], at: usize) -> Pubkey {
    Pubkey::new_from_array(bytes_at(data, at))
}

/// Writes at a place inside of `data`; nothing where it does not fit, which callers rule out.
pub(crate) fn put(data: &mut [u8], at: usize, value: &[u8]) {
    if let Some(part) = data.get_mut(at..at + value.len()) {
        part.copy_from_slice(value);
    }
}

/// A Whirlpool account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PoolAccount {
    /// What a swap depends on.
    pub(crate) pool: Pool,
    /// Configuration that it belongs to.
    pub(crate) config: Pubkey,
    pub(crate) mint_a: Pubkey,
    pub(crate) vault_a: Pubkey,
    pub(crate) mint_b: Pubkey,
    pub(crate) vault_b: Pubkey,
    /// The protocol's fees that nobody has collected. Unit: raw units.
    pub(crate) owed_a: u64,
    pub(crate) owed_b: u64,
}

impl PoolAccount {
    /// `None` for bytes that are no Whirlpool.
    pub(crate) fn read(data: &[u8]) -> Option<Self> {
        if data.len() != POOL_BYTES || !data.starts_with(&POOL_MARK) {
            return None;
        }
        Some(Self {
            pool: Pool {
                tick_spacing: u16_at(data, 41),
                fee_tier_index: u16_at(data, 43),
                fee_rate_ppm: u16_at(data, 45),
                protocol_fee_rate: u16_at(data, 47),
                liquidity: u128_at(data, 49),
                sqrt_price: u128_at(data, 65),
                tick_current_index: i32_at(data, 81),
                fee_growth_global_a: u128_at(data, 165),
                fee_growth_global_b: u128_at(data, 245),
            },
            config: key_at(data, 8),
            mint_a: key_at(data, 101),
            vault_a: key_at(data, 133),
            mint_b: key_at(data, 181),
            vault_b: key_at(data, 213),
            owed_a: u64_at(data, 85),
            owed_b: u64_at(data, 93),
        })
    }

    /// Writes everything; bytes that have no field here (rewards) keep what they are.
    pub(crate) fn write(&self, data: &mut [u8], updated_s: u64) {
        put(data, 0, &POOL_MARK);
        put(data, 8, self.config.as_ref());
        put(data, 41, &self.pool.tick_spacing.to_le_bytes());
        put(data, 43, &self.pool.fee_tier_index.to_le_bytes());
        put(data, 45, &self.pool.fee_rate_ppm.to_le_bytes());
        put(data, 47, &self.pool.protocol_fee_rate.to_le_bytes());
        put(data, 49, &self.pool.liquidity.to_le_bytes());
        put(data, 65, &self.pool.sqrt_price.to_le_bytes());
        put(data, 81, &self.pool.tick_current_index.to_le_bytes());
        put(data, 85, &self.owed_a.to_le_bytes());
        put(data, 93, &self.owed_b.to_le_bytes());
        put(data, 101, self.mint_a.as_ref());
        put(data, 133, self.vault_a.as_ref());
        put(data, 165, &self.pool.fee_growth_global_a.to_le_bytes());
        put(data, 181, self.mint_b.as_ref());
        put(data, 213, self.vault_b.as_ref());
        put(data, 245, &self.pool.fee_growth_global_b.to_le_bytes());
        put(data, 261, &updated_s.to_le_bytes());
    }
}

/// A tick array in either form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ArrayAccount {
    /// The pool that it belongs to.
    pub(crate) pool: Pubkey,
    /// Its ticks.
    pub(crate) ticks: TickArray,
}

/// Which form an array has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Fixed,
    Dynamic,
}

fn form_of(data: &[u8]) -> Option<Form> {
    if data.len() == ARRAY_BYTES && data.starts_with(&FIXED_MARK) {
        return Some(Form::Fixed);
    }
    if !data.starts_with(&DYNAMIC_MARK) || data.len() < DYNAMIC_TICKS_AT + TICKS_PER_ARRAY {
        return None;
    }
    let ticks = u128_at(data, 44).count_ones() as usize;
    let needed = DYNAMIC_TICKS_AT + TICKS_PER_ARRAY + ticks * DYNAMIC_TICK_BYTES;
    (data.len() >= needed).then_some(Form::Dynamic)
}

/// Where the fields of an initialised tick begin (behind its flag or tag).
fn tick_at(data: &[u8], slot: usize) -> Option<usize> {
    match form_of(data)? {
        Form::Fixed => Some(FIXED_TICKS_AT + slot * FIXED_TICK_BYTES + 1),
        Form::Dynamic => {
            let before = u128_at(data, 44) & ((1 << slot) - 1);
            Some(DYNAMIC_TICKS_AT + slot + DYNAMIC_TICK_BYTES * before.count_ones() as usize + 1)
        }
    }
}

impl ArrayAccount {
    /// `None` for bytes that are no tick array.
    pub(crate) fn read(data: &[u8]) -> Option<Self> {
        let form = form_of(data)?;
        let mut ticks = TickArray::empty(i32_at(data, 8));
        for slot in 0..TICKS_PER_ARRAY {
            let at = tick_at(data, slot)?;
            if data.get(at - 1) == Some(&1) {
                ticks.bitmap |= 1 << slot;
                ticks.liquidity_net[slot] = i128::from_le_bytes(bytes_at(data, at));
            }
        }
        let pool = match form {
            Form::Fixed => key_at(data, ARRAY_BYTES - 32),
            Form::Dynamic => key_at(data, 12),
        };
        Some(Self { pool, ticks })
    }
}

/// Turns the fee growth outside of a tick inside out, as crossing it does. False: no such tick.
pub(crate) fn cross_tick(data: &mut [u8], slot: usize, growth_a: u128, growth_b: u128) -> bool {
    let Some(at) = tick_at(data, slot) else { return false };
    let (a, b) = (u128_at(data, at + 32), u128_at(data, at + 48));
    put(data, at + 32, &growth_a.wrapping_sub(a).to_le_bytes());
    put(data, at + 48, &growth_b.wrapping_sub(b).to_le_bytes());
    true
}

/// The pool of an oracle account, and the oracle.
pub(crate) fn read_oracle(data: &[u8]) -> Option<(Pubkey, Oracle)> {
    if data.len() < 110 || !data.starts_with(&ORACLE_MARK) {
        return None;
    }
    let oracle = Oracle {
        trade_enable_timestamp: u64_at(data, 40),
        constants: AdaptiveConstants {
            filter_period: u16_at(data, 48),
            decay_period: u16_at(data, 50),
            reduction_factor: u16_at(data, 52),
            adaptive_fee_control_factor: u32_at(data, 54),
            max_volatility_accumulator: u32_at(data, 58),
            tick_group_size: u16_at(data, 62),
            major_swap_threshold_ticks: u16_at(data, 64),
        },
        variables: AdaptiveVariables {
            last_reference_update_timestamp: u64_at(data, 82),
            last_major_swap_timestamp: u64_at(data, 90),
            volatility_reference: u32_at(data, 98),
            tick_group_index_reference: i32_at(data, 102),
            volatility_accumulator: u32_at(data, 106),
        },
    };
    Some((key_at(data, 8), oracle))
}

/// Writes what swaps change.
pub(crate) fn put_variables(data: &mut [u8], variables: &AdaptiveVariables) {
    put(data, 82, &variables.last_reference_update_timestamp.to_le_bytes());
    put(data, 90, &variables.last_major_swap_timestamp.to_le_bytes());
    put(data, 98, &variables.volatility_reference.to_le_bytes());
    put(data, 102, &variables.tick_group_index_reference.to_le_bytes());
    put(data, 106, &variables.volatility_accumulator.to_le_bytes());
}

/// A whole oracle account.
pub(crate) fn oracle_bytes(pool: &Pubkey, oracle: &Oracle) -> Vec<u8> {
    let mut data = vec![0; ORACLE_BYTES];
    put(&mut data, 0, &ORACLE_MARK);
    put(&mut data, 8, pool.as_ref());
    put(&mut data, 40, &oracle.trade_enable_timestamp.to_le_bytes());
    let constants = &oracle.constants;
    put(&mut data, 48, &constants.filter_period.to_le_bytes());
    put(&mut data, 50, &constants.decay_period.to_le_bytes());
    put(&mut data, 52, &constants.reduction_factor.to_le_bytes());
    put(&mut data, 54, &constants.adaptive_fee_control_factor.to_le_bytes());
    put(&mut data, 58, &constants.max_volatility_accumulator.to_le_bytes());
    put(&mut data, 62, &constants.tick_group_size.to_le_bytes());
    put(&mut data, 64, &constants.major_swap_threshold_ticks.to_le_bytes());
    put_variables(&mut data, &oracle.variables);
    data
}

/// A configuration account: authorities that nobody here holds, and the protocol's share.
pub(crate) fn config_bytes(authority: &Pubkey, protocol_fee_rate: u16) -> Vec<u8> {
    let mut data = vec![0; 108];
    put(&mut data, 0, &CONFIG_MARK);
    for at in [8, 40, 72] {
        put(&mut data, at, authority.as_ref());
    }
    put(&mut data, 104, &protocol_fee_rate.to_le_bytes());
    data
}

/// A fee tier account.
pub(crate) fn fee_tier_bytes(config: &Pubkey, tick_spacing: u16, fee_rate_ppm: u16) -> Vec<u8> {
    let mut data = vec![0; 44];
    put(&mut data, 0, &FEE_TIER_MARK);
    put(&mut data, 8, config.as_ref());
    put(&mut data, 40, &tick_spacing.to_le_bytes());
    put(&mut data, 42, &fee_rate_ppm.to_le_bytes());
    data
}

/// A lookup table that is active and was never extended later.
pub(crate) fn table_bytes(authority: &Pubkey, addresses: &[Pubkey]) -> Vec<u8> {
    let mut data = vec![0; 56];
    put(&mut data, 0, &1_u32.to_le_bytes());
    put(&mut data, 4, &u64::MAX.to_le_bytes());
    data[21] = 1;
    put(&mut data, 22, authority.as_ref());
    for address in addresses {
        data.extend(address.to_bytes());
    }
    data
}

/// A token account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TokenAccount {
    pub(crate) mint: Pubkey,
    pub(crate) owner: Pubkey,
    /// Unit: raw units.
    pub(crate) amount: u64,
    /// Lamports that are not tokens, where the tokens are wrapped lamports.
    pub(crate) native_reserve: Option<u64>,
    pub(crate) is_frozen: bool,
}

impl TokenAccount {
    /// `None` for bytes that are no initialised token account.
    pub(crate) fn read(data: &[u8]) -> Option<Self> {
        if data.len() != TOKEN_ACCOUNT_BYTES || !matches!(data[108], 1 | 2) {
            return None;
        }
        Some(Self {
            mint: key_at(data, 0),
            owner: key_at(data, 32),
            amount: u64_at(data, 64),
            native_reserve: (u32_at(data, 109) == 1).then(|| u64_at(data, 113)),
            is_frozen: data[108] == 2,
        })
    }

    /// The whole account, without delegate or close authority.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut data = vec![0; TOKEN_ACCOUNT_BYTES];
        put(&mut data, 0, self.mint.as_ref());
        put(&mut data, 32, self.owner.as_ref());
        put(&mut data, 64, &self.amount.to_le_bytes());
        data[108] = if self.is_frozen { 2 } else { 1 };
        if let Some(reserve) = self.native_reserve {
            put(&mut data, 109, &1_u32.to_le_bytes());
            put(&mut data, 113, &reserve.to_le_bytes());
        }
        data
    }
}

/// Writes a token account's amount.
pub(crate) fn put_amount(data: &mut [u8], amount: u64) {
    put(data, 64, &amount.to_le_bytes());
}

/// Decimals of a mint; `None` for bytes that are no initialised mint.
pub(crate) fn mint_decimals(data: &[u8]) -> Option<u8> {
    (data.len() == MINT_BYTES && data[45] == 1).then(|| data[44])
}

#[cfg(test)]
#[path = "layout_tests.rs"]
mod tests;
