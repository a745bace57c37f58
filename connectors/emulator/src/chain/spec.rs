//! What a ledger begins with: mints, pools, wallets and the chain's habits.

use std::collections::BTreeMap;

use engine_poolmath::whirlpool::{
    AdaptiveConstants, AdaptiveVariables, MAX_TICK, MIN_TICK, Oracle, Pool, SPLASH_SPACING_MIN,
    TICKS_PER_ARRAY, delta_a, delta_b, sqrt_price_at_tick, tick_at_sqrt_price,
};
use engine_poolmath::wide::Rounding;
use solana_pubkey::Pubkey;

use super::account::{
    Account, LOOKUP_TABLE, SOL_USDC_POOL, TOKEN, USDC, WHIRLPOOL, WSOL, associated_token_address,
    fee_tier_address, oracle_address, pool_address,
};
use super::layout::{
    PoolAccount, TokenAccount, config_bytes, fee_tier_bytes, key_at, oracle_bytes, table_bytes,
    u16_at,
};
use super::price::sqrt_price;
use crate::market::accounts::{
    POOL_BYTES, Tick, array_address, array_bytes, mint_bytes, rent_exempt_lamports,
};
use crate::market::shape::Shape;

/// Keys that may mint and freeze USDC. Only that there are such keys matters here.
const USDC_MINTER: Pubkey = Pubkey::from_str_const("BJE5MMbqXjVwjAF7oxwPYXnTXDyspzZyt4vwenNw5ruG");
const USDC_FREEZER: Pubkey = Pubkey::from_str_const("7dGbd2QZcCKcTndnHcTL8q7SMVXAkp688NTQYwrRCrar");

/// Fee tier index of the adaptive pool: differs from its spacing, which is what marks it.
const ADAPTIVE_TIER: u16 = 1_064;

/// Most pools of one ledger; a client can follow a handful.
pub const POOLS_MAX: usize = 16;

/// Most wallets that a ledger begins with.
pub const WALLETS_MAX: usize = 1_024;

/// Most lookup tables that a ledger begins with.
pub const TABLES_MAX: usize = 64;

/// Most addresses of a lookup table: an index has one byte.
pub const TABLE_ADDRESSES_MAX: usize = 256;

/// Ticks of a pool: index, liquidity added when the price rises through it, liquidity of the
/// positions that begin or end there.
pub type PoolTick = (i32, i128, u128);

/// Who makes slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotClock {
    /// The ledger, every 400 ms of market time.
    Own,
    /// The caller, from a recording: [`super::Ledger::put_slot`] and [`super::Ledger::put_account`].
    Recorded,
}

/// A mint.
#[derive(Clone, Debug)]
pub struct MintSpec {
    /// Its address.
    pub address: Pubkey,
    /// Decimals.
    pub decimals: u8,
    /// Tokens in existence. Unit: raw units.
    pub supply: u64,
    /// Who may mint.
    pub authority: Option<Pubkey>,
    /// Who may freeze.
    pub freeze: Option<Pubkey>,
}

/// A pool.
#[derive(Clone, Debug)]
pub struct PoolSpec {
    /// Its address.
    pub address: Pubkey,
    /// Configuration that it belongs to.
    pub config: Pubkey,
    /// Token A: the base of its price.
    pub mint_a: Pubkey,
    /// Holds token A.
    pub vault_a: Pubkey,
    /// Token B: the quote of its price.
    pub mint_b: Pubkey,
    /// Holds token B.
    pub vault_b: Pubkey,
    /// Distance of usable ticks.
    pub tick_spacing: u16,
    /// Equals the spacing unless the fee is adaptive.
    pub fee_tier_index: u16,
    /// Base fee. Unit: ppm.
    pub fee_rate_ppm: u16,
    /// Unit: 10⁻⁴ of the fee.
    pub protocol_fee_rate: u16,
    /// Price at the start. Unit: 10⁻⁸ of B per A.
    pub price_e8: u64,
    /// Initialised ticks.
    pub ticks: Vec<PoolTick>,
    /// Constants of an adaptive fee.
    pub adaptive: Option<AdaptiveConstants>,
    /// Bytes that have no meaning here (rewards), from an account as it was found.
    pub template: Option<Vec<u8>>,
}

/// Somebody's wallet.
#[derive(Clone, Debug)]
pub struct WalletSpec {
    /// Its address.
    pub owner: Pubkey,
    /// Unit: lamports.
    pub lamports: u64,
    /// Mint and amount in raw units, each held in the associated token account.
    pub tokens: Vec<(Pubkey, u64)>,
}

/// A table of addresses that transactions name by index.
#[derive(Clone, Debug)]
pub struct TableSpec {
    /// Its address.
    pub address: Pubkey,
    /// Who may change it; nothing here does.
    pub authority: Pubkey,
    /// Up to 256.
    pub addresses: Vec<Pubkey>,
}

/// What a ledger begins with.
#[derive(Clone, Debug)]
pub struct LedgerSpec {
    /// Everything that is left to chance depends on it alone.
    pub seed: u64,
    /// When the chain goes on. Unit: Unix nanoseconds.
    pub start_ns: u64,
    /// Newest slot then.
    pub start_slot: u64,
    /// Who makes slots.
    pub clock: SlotClock,
    /// Mints.
    pub mints: Vec<MintSpec>,
    /// Pools.
    pub pools: Vec<PoolSpec>,
    /// Wallets.
    pub wallets: Vec<WalletSpec>,
    /// Lookup tables.
    pub tables: Vec<TableSpec>,
    /// Slots without a block. Unit: per 1,000.
    pub skip_permille: u64,
    /// Blocks that are abandoned for another fork. Unit: per 1,000.
    pub fork_permille: u64,
    /// A client's transaction lands at most so many slots after the next; 0 to 32.
    pub landing_slots_max: u64,
    /// Transactions that never reach a leader. Unit: per 1,000.
    pub lost_permille: u64,
    /// Level of priority fees. Unit: micro-lamports per compute unit.
    pub priority_fee_micro_lamports: u64,
    /// Median of tips. Unit: lamports.
    pub tip_lamports: u64,
}

/// Why a ledger cannot begin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// More than there is room for.
    #[error("{what}: at most {most}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The bound.
        most: usize,
    },
    /// Nothing can be swapped at this price.
    #[error("pool {pool}: a price of {price_e8}e-8 is outside of what its ticks cover")]
    Price {
        /// Which pool.
        pool: Pubkey,
        /// The price.
        price_e8: u64,
    },
    /// A tick off the grid, an unknown spacing, or liquidity that does not add up.
    #[error("pool {pool}: its ticks do not fit its spacing, or do not add up to zero")]
    Ticks {
        /// Which pool.
        pool: Pubkey,
    },
    /// A token that no mint of the specification makes.
    #[error("there is no mint {mint}")]
    NoMint {
        /// Which.
        mint: Pubkey,
    },
    /// A number outside of its range.
    #[error("{key} is {value}, at most {most}")]
    Range {
        /// Field.
        key: &'static str,
        /// What it is.
        value: u64,
        /// What it may be.
        most: u64,
    },
}

impl PoolSpec {
    /// The SOL/USDC pool of spacing 64 with the liquidity of December 2022, moved to a price.
    ///
    /// # Panics
    ///
    /// Never: the committed shape is whole.
    #[must_use]
    pub fn sol_usdc(price_e8: u64) -> Self {
        let spacing = 64;
        // Where the shape's own price lies, and where it is wanted, in whole spacings.
        let shape = Shape::moved_by(0);
        let own = i32::from_le_bytes(shape.account[81..85].try_into().expect("Invariant: 4 bytes"));
        let root = sqrt_price(price_e8, 9, 6).unwrap_or(0);
        let bounds = sqrt_price_at_tick(MIN_TICK)..=sqrt_price_at_tick(MAX_TICK);
        let wanted = if bounds.contains(&root) { tick_at_sqrt_price(root) } else { own };
        let moved = (wanted - own + spacing / 2).div_euclid(spacing) * spacing;
        let shape = Shape::moved_by(moved);
        let low = MIN_TICK - MIN_TICK % spacing;
        let high = MAX_TICK - MAX_TICK % spacing;
        // Ticks that would leave the range end at its edge; a full-range position does so anyway.
        let mut ticks: BTreeMap<i32, (i128, u128)> = BTreeMap::new();
        for (index, tick) in &shape.ticks {
            let entry = ticks.entry((*index).clamp(low, high)).or_default();
            entry.0 += tick.net;
            entry.1 += tick.gross;
        }
        Self {
            address: SOL_USDC_POOL,
            config: key_at(&shape.account, 8),
            mint_a: WSOL,
            vault_a: key_at(&shape.account, 133),
            mint_b: USDC,
            vault_b: key_at(&shape.account, 213),
            tick_spacing: 64,
            fee_tier_index: 64,
            fee_rate_ppm: u16_at(&shape.account, 45),
            protocol_fee_rate: u16_at(&shape.account, 47),
            price_e8,
            ticks: ticks.into_iter().map(|(index, (net, gross))| (index, net, gross)).collect(),
            adaptive: None,
            template: Some(shape.account.to_vec()),
        }
    }

    /// Another SOL/USDC pool with the same liquidity and an adaptive fee on top of 0.16 %.
    #[must_use]
    pub fn sol_usdc_adaptive(price_e8: u64) -> Self {
        let classic = Self::sol_usdc(price_e8);
        let address = pool_address(&classic.config, &WSOL, &USDC, ADAPTIVE_TIER);
        Self {
            address,
            vault_a: Pubkey::find_program_address(&[b"vault_a", address.as_ref()], &WHIRLPOOL).0,
            vault_b: Pubkey::find_program_address(&[b"vault_b", address.as_ref()], &WHIRLPOOL).0,
            fee_tier_index: ADAPTIVE_TIER,
            fee_rate_ppm: 1_600,
            adaptive: Some(AdaptiveConstants {
                filter_period: 30,
                decay_period: 600,
                reduction_factor: 5_000,
                adaptive_fee_control_factor: 4_000,
                max_volatility_accumulator: 350_000,
                tick_group_size: 64,
                major_swap_threshold_ticks: 64,
            }),
            ..classic
        }
    }

    fn decimals(&self, mints: &[MintSpec]) -> Result<(u8, u8), SpecError> {
        let of = |mint: &Pubkey| {
            let found = mints.iter().find(|known| known.address == *mint);
            found.map(|known| known.decimals).ok_or(SpecError::NoMint { mint: *mint })
        };
        Ok((of(&self.mint_a)?, of(&self.mint_b)?))
    }

    /// The state at the start. Liquidity follows from the ticks.
    fn pool(&self, mints: &[MintSpec]) -> Result<Pool, SpecError> {
        let ticks_bad = SpecError::Ticks { pool: self.address };
        let spacing = i32::from(self.tick_spacing);
        let fits = |tick: i32| (MIN_TICK..=MAX_TICK).contains(&tick) && tick % spacing == 0;
        let total: i128 = self.ticks.iter().map(|(_, net, _)| net).sum();
        let is_grid = spacing > 0 && self.tick_spacing < SPLASH_SPACING_MIN;
        if !is_grid || total != 0 || !self.ticks.iter().all(|(tick, ..)| fits(*tick)) {
            return Err(ticks_bad);
        }
        let price_bad = SpecError::Price { pool: self.address, price_e8: self.price_e8 };
        let (a, b) = self.decimals(mints)?;
        let root = sqrt_price(self.price_e8, a, b).ok_or_else(|| price_bad.clone())?;
        if !(sqrt_price_at_tick(MIN_TICK)..=sqrt_price_at_tick(MAX_TICK)).contains(&root) {
            return Err(price_bad);
        }
        let now = tick_at_sqrt_price(root);
        let below = self.ticks.iter().filter(|(tick, ..)| *tick <= now);
        let liquidity = u128::try_from(below.map(|(_, net, _)| net).sum::<i128>());
        let liquidity = liquidity.map_err(|_| ticks_bad)?;
        if liquidity == 0 {
            return Err(price_bad);
        }
        Ok(Pool {
            tick_spacing: self.tick_spacing,
            fee_tier_index: self.fee_tier_index,
            fee_rate_ppm: self.fee_rate_ppm,
            protocol_fee_rate: self.protocol_fee_rate,
            liquidity,
            sqrt_price: root,
            tick_current_index: now,
            fee_growth_global_a: 0,
            fee_growth_global_b: 0,
        })
    }

    /// What the vaults must hold so that every position can be paid out, rounded up.
    fn holdings(&self, pool: &Pool) -> Result<(u64, u64), SpecError> {
        let bad = SpecError::Ticks { pool: self.address };
        let (mut amount_a, mut amount_b) = (0_u64, 0_u64);
        let mut liquidity = 0_i128;
        for pair in self.ticks.windows(2) {
            let [(low, net, _), (high, ..)] = pair else { continue };
            liquidity += net;
            let here = u128::try_from(liquidity).map_err(|_| bad.clone())?;
            let (low, high) = (sqrt_price_at_tick(*low), sqrt_price_at_tick(*high));
            let now = pool.sqrt_price.clamp(low, high);
            let a = delta_a(now, high, here, Rounding::Up).map_err(|_| bad.clone())?;
            let b = delta_b(low, now, here, Rounding::Up).map_err(|_| bad.clone())?;
            amount_a = amount_a.checked_add(a).ok_or_else(|| bad.clone())?;
            amount_b = amount_b.checked_add(b).ok_or_else(|| bad.clone())?;
        }
        Ok((amount_a, amount_b))
    }

    /// Every account of the pool at the start.
    pub(crate) fn accounts(
        &self,
        mints: &[MintSpec],
        now_s: u64,
    ) -> Result<Vec<(Pubkey, Account)>, SpecError> {
        let pool = self.pool(mints)?;
        let fields = PoolAccount {
            pool,
            config: self.config,
            mint_a: self.mint_a,
            vault_a: self.vault_a,
            mint_b: self.mint_b,
            vault_b: self.vault_b,
            owed_a: 0,
            owed_b: 0,
        };
        let template = self.template.clone().filter(|bytes| bytes.len() == POOL_BYTES);
        let mut bytes = template.unwrap_or_else(|| vec![0; POOL_BYTES]);
        fields.write(&mut bytes, now_s);
        let mut list = vec![(self.address, Account::of(WHIRLPOOL, bytes))];
        let ticks: BTreeMap<i32, Tick> = self
            .ticks
            .iter()
            .map(|(index, net, gross)| {
                (*index, Tick { net: *net, gross: *gross, outside_a: 0, outside_b: 0 })
            })
            .collect();
        let spacing = i32::from(self.tick_spacing);
        let span = spacing * i32::try_from(TICKS_PER_ARRAY).unwrap_or(88);
        let mut start = None;
        for index in ticks.keys() {
            let own = index.div_euclid(span) * span;
            if start.replace(own) != Some(own) {
                let within = ticks.range(own..own + span).map(|(index, tick)| (*index, tick));
                let bytes = array_bytes(&self.address, own, spacing, within);
                list.push((array_address(&self.address, own), Account::of(WHIRLPOOL, bytes)));
            }
        }
        let (amount_a, amount_b) = self.holdings(&pool)?;
        for (vault, mint, amount) in
            [(self.vault_a, self.mint_a, amount_a), (self.vault_b, self.mint_b, amount_b)]
        {
            list.push((vault, token_account(mint, self.address, amount)));
        }
        let config = config_bytes(&self.config, self.protocol_fee_rate);
        list.push((self.config, Account::of(WHIRLPOOL, config)));
        if let Some(constants) = self.adaptive {
            let variables = AdaptiveVariables {
                last_reference_update_timestamp: now_s,
                last_major_swap_timestamp: now_s,
                ..AdaptiveVariables::default()
            };
            let oracle = Oracle { trade_enable_timestamp: 0, constants, variables };
            let bytes = oracle_bytes(&self.address, &oracle);
            list.push((oracle_address(&self.address), Account::of(WHIRLPOOL, bytes)));
        } else {
            let tier = fee_tier_bytes(&self.config, self.tick_spacing, self.fee_rate_ppm);
            let address = fee_tier_address(&self.config, self.fee_tier_index);
            list.push((address, Account::of(WHIRLPOOL, tier)));
        }
        Ok(list)
    }
}

/// A token account; wrapped lamports are held as lamports too.
pub(crate) fn token_account(mint: Pubkey, owner: Pubkey, amount: u64) -> Account {
    let native_reserve =
        (mint == WSOL).then(|| rent_exempt_lamports(super::layout::TOKEN_ACCOUNT_BYTES));
    let account = TokenAccount { mint, owner, amount, native_reserve, is_frozen: false };
    let mut account = Account::of(TOKEN, account.bytes());
    if native_reserve.is_some() {
        account.lamports = account.lamports.saturating_add(amount);
    }
    account
}

impl WalletSpec {
    /// The wallet and its token accounts.
    pub(crate) fn accounts(&self) -> Vec<(Pubkey, Account)> {
        let mut list = vec![(self.owner, Account::wallet(self.lamports))];
        for (mint, amount) in &self.tokens {
            let address = associated_token_address(&self.owner, mint);
            list.push((address, token_account(*mint, self.owner, *amount)));
        }
        list
    }
}

impl TableSpec {
    /// The table's account, as old as the chain.
    pub(crate) fn account(&self) -> Account {
        Account::of(LOOKUP_TABLE, table_bytes(&self.authority, &self.addresses))
    }
}

impl MintSpec {
    /// Wrapped SOL and USDC.
    #[must_use]
    pub fn usual() -> Vec<Self> {
        vec![
            Self { address: WSOL, decimals: 9, supply: 0, authority: None, freeze: None },
            Self {
                address: USDC,
                decimals: 6,
                supply: 9_214_337_402_118_506,
                authority: Some(USDC_MINTER),
                freeze: Some(USDC_FREEZER),
            },
        ]
    }

    /// The mint's account.
    pub(crate) fn account(&self) -> Account {
        Account::of(TOKEN, mint_bytes(self.authority, self.freeze, self.supply, self.decimals))
    }
}

impl LedgerSpec {
    /// One SOL/USDC pool at a price, nobody's wallet, and a chain in good health.
    #[must_use]
    pub fn sol_usdc(seed: u64, start_ns: u64, price_e8: u64) -> Self {
        Self {
            seed,
            start_ns,
            start_slot: 442_310_000,
            clock: SlotClock::Own,
            mints: MintSpec::usual(),
            pools: vec![PoolSpec::sol_usdc(price_e8)],
            wallets: Vec::new(),
            tables: Vec::new(),
            skip_permille: 33,
            fork_permille: 0,
            landing_slots_max: 2,
            lost_permille: 0,
            priority_fee_micro_lamports: 50_000,
            tip_lamports: 10_000,
        }
    }

    /// Whether every number is within its range.
    pub(crate) fn check(&self) -> Result<(), SpecError> {
        let many = |what, count, most| {
            if count > most { Err(SpecError::TooMany { what, most }) } else { Ok(()) }
        };
        many("pools", self.pools.len(), POOLS_MAX)?;
        many("wallets", self.wallets.len(), WALLETS_MAX)?;
        many("lookup tables", self.tables.len(), TABLES_MAX)?;
        for table in &self.tables {
            many("addresses of a lookup table", table.addresses.len(), TABLE_ADDRESSES_MAX)?;
        }
        // Slots below 2^40 leave room for every sum of times; the past needs a start above it.
        for (key, value, most) in [
            ("skip_permille", self.skip_permille, 500),
            ("fork_permille", self.fork_permille, 500),
            ("lost_permille", self.lost_permille, 1_000),
            ("landing_slots_max", self.landing_slots_max, 32),
            ("start_slot", self.start_slot, 1 << 40),
            ("priority_fee_micro_lamports", self.priority_fee_micro_lamports, 1 << 40),
            ("tip_lamports", self.tip_lamports, 1 << 40),
        ] {
            if value > most {
                return Err(SpecError::Range { key, value, most });
            }
        }
        if self.start_slot < 1_000 {
            let (key, value) = ("start_slot", self.start_slot);
            return Err(SpecError::Range { key, value, most: 1 << 40 });
        }
        Ok(())
    }
}
