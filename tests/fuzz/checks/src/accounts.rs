//! Account containers and account layouts.
//!
//! An input that begins as JSON is a file of accounts. Any other begins with a byte for its kind: an
//! even one is followed by the bytes of one account, an odd one by a pool (653 bytes), an oracle (254)
//! and tick arrays, each behind its length in two bytes.

use std::cell::RefCell;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use connector_solana::accounts::{AccountFile, AccountFileError};
use connector_solana::address::is_whirlpool_program;
use connector_solana::layout::{
    ADAPTIVE_FEE_TIER_BYTES, AccountKind, AdaptiveFeeTierAccount, CONFIG_BYTES, ConfigAccount,
    FEE_RATE_PPM_MAX, FEE_TIER_BYTES, FIXED_ARRAY_BYTES, FeeTierAccount, MintAccount, ORACLE_BYTES,
    OracleAccount, POOL_BYTES, PROTOCOL_FEE_RATE_MAX, PoolAccount, TickArrayView, TokenAccount,
    pool_of,
};
use connector_solana::quote::{QuoteArgs, QuoteReport, quote};
use engine_poolmath::whirlpool::{
    Amount, Direction, INNER_STEPS_DEFAULT, MAX_SQRT_PRICE, MAX_TICK, MIN_SQRT_PRICE, MIN_TICK,
    Path, TickArraySet,
};
use solana_pubkey::Pubkey;

use crate::bytes::Bytes;
use crate::pools::{Chain, Outcome, assert_ordered, compare, edges};

/// As in `recorder`: time would go into unpacking zeros. Unit: bytes.
const PACKED_BYTES_MAX: usize = 256;
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// When, for adaptive fees and transfer fees.
const NOW_S: u64 = 1_700_000_400;
const EPOCH: u64 = 700;
/// Small amounts, exact in and exact out. Unit: raw token units.
const AMOUNTS: [Amount; 6] = [
    Amount::ExactIn(1),
    Amount::ExactIn(1_000),
    Amount::ExactIn(1_000_000),
    Amount::ExactOut(1),
    Amount::ExactOut(1_000),
    Amount::ExactOut(1_000_000),
];

/// Checks one container or one group of accounts.
pub fn check(data: &[u8]) {
    match data.first() {
        // 28 begins a compressed stream.
        None | Some(b'{' | b'[' | b' ' | b'\n' | 0x28) => check_file(data),
        Some(kind) if kind.is_multiple_of(2) => check_layouts(&data[1..]),
        Some(_) => check_group(&mut Bytes::new(&data[1..])),
    }
}

fn check_file(data: &[u8]) {
    if data.starts_with(&ZSTD_MAGIC) && data.len() > PACKED_BYTES_MAX {
        return;
    }
    let file = match AccountFile::parse("f", data) {
        Ok(file) => file,
        Err(error) => return assert_error(&error, data),
    };
    assert_eq!(file.file(), "f");
    let unnamed = file.unnamed().iter().map(|(_, account)| &account.data);
    for data in file.iter().map(|(_, account)| &account.data).chain(unnamed) {
        check_layouts(data);
    }
    check_rewritten(&file);
    // Deriving the addresses of arrays takes longer than all the rest.
    let is_pool = |data: &[u8]| PoolAccount::parse(data).is_ok();
    let pool = file
        .iter()
        .find(|(_, account)| is_whirlpool_program(&account.owner) && is_pool(&account.data));
    if let Some((pubkey, _)) = pool {
        check_quotes(&file, *pubkey);
    }
}

fn assert_error(error: &AccountFileError, data: &[u8]) {
    let text = error.to_string();
    assert!(text.starts_with("f: "), "{text}");
    if let AccountFileError::Entry { line, offset, .. }
    | AccountFileError::Duplicate { line, offset, .. } = error
        && !data.starts_with(&ZSTD_MAGIC)
    {
        assert!(*offset < data.len(), "{text}");
        let lines = data[..*offset].split(|byte| *byte == b'\n').count();
        assert_eq!(*line, lines, "{text}");
    }
}

/// Written again in another of the shapes, the same accounts come back.
fn check_rewritten(file: &AccountFile) {
    let value = |data: &[u8]| serde_json::json!([STANDARD.encode(data), "base64"]);
    let existing = file.iter().map(|(pubkey, account)| {
        serde_json::json!({
            "pubkey": pubkey.to_string(),
            "account": {
                "owner": account.owner.to_string(),
                "lamports": account.lamports,
                "data": value(&account.data),
                "space": account.data.len(),
            },
        })
    });
    let missing = file
        .nonexistent()
        .map(|pubkey| serde_json::json!({ "pubkey": pubkey.to_string(), "account": null }));
    let list: Vec<_> = existing.chain(missing).collect();
    let text = serde_json::json!({ "slot": 1, "accounts": list }).to_string();
    let again = match AccountFile::parse("f", text.as_bytes()) {
        Ok(again) => again,
        Err(error) => panic!("rewritten: {error}"),
    };
    assert!(again.iter().eq(file.iter()));
    assert!(again.nonexistent().eq(file.nonexistent()));
}

fn check_quotes(file: &AccountFile, pool: Pubkey) {
    for direction in [Direction::AToB, Direction::BToA] {
        let mut out_before = 0;
        for amount in AMOUNTS {
            let args =
                QuoteArgs { pool, direction, amount, now_s: Some(NOW_S), epoch: Some(EPOCH) };
            let Ok(report) = quote(file, &args) else { continue };
            assert_quote(&report, amount);
            if matches!(amount, Amount::ExactIn(_)) {
                assert!(report.amount_out >= out_before, "more in gave less out");
                out_before = report.amount_out;
            }
        }
    }
}

fn assert_quote(report: &QuoteReport, amount: Amount) {
    match amount {
        Amount::ExactIn(units) => assert!(report.amount_in <= units),
        Amount::ExactOut(units) => assert!(report.amount_out >= units),
    }
    assert!(report.transfer_fee_in <= report.amount_in);
    assert!(report.fee_amount <= report.amount_in && report.protocol_fee <= report.fee_amount);
    assert!((MIN_SQRT_PRICE..=MAX_SQRT_PRICE).contains(&report.sqrt_price));
}

/// Every reader on the same bytes, and on the same bytes stretched to the lengths of layouts.
fn check_layouts(data: &[u8]) {
    check_account(data);
    let Some(kind) = AccountKind::of(data) else { return };
    let bytes = match kind {
        AccountKind::Pool => POOL_BYTES,
        AccountKind::FixedTickArray => FIXED_ARRAY_BYTES,
        AccountKind::Oracle => ORACLE_BYTES,
        AccountKind::FeeTier => FEE_TIER_BYTES,
        AccountKind::AdaptiveFeeTier => ADAPTIVE_FEE_TIER_BYTES,
        AccountKind::Config => CONFIG_BYTES,
        AccountKind::DynamicTickArray => return,
    };
    if data.len() != bytes {
        let mut stretched = data.to_vec();
        stretched.resize(bytes, 0);
        check_account(&stretched);
    }
}

fn check_account(data: &[u8]) {
    let kind = AccountKind::of(data);
    if let Ok(pool) = PoolAccount::parse(data) {
        assert_eq!(kind, Some(AccountKind::Pool));
        assert!(pool.tick_spacing > 0 && pool.mint_a < pool.mint_b);
        assert!(pool.fee_rate_ppm <= FEE_RATE_PPM_MAX);
        assert!(pool.protocol_fee_rate <= PROTOCOL_FEE_RATE_MAX);
        assert!((MIN_SQRT_PRICE..=MAX_SQRT_PRICE).contains(&pool.sqrt_price));
        assert!((MIN_TICK - 1..=MAX_TICK).contains(&pool.tick_current_index));
    }
    if let Ok(view) = TickArrayView::parse(data) {
        assert_eq!(kind, Some(view.kind()));
        assert_eq!(pool_of(data), Some(view.pool()));
        for spacing in [1, 64, 32_896] {
            if view.check_spacing(spacing).is_err() {
                continue;
            }
            assert!(view.ticks(spacing).map(|tick| tick.index).is_sorted());
            assert_eq!(view.ticks(spacing).count(), view.bitmap().count_ones() as usize);
            let mut set = TickArraySet::with_capacity(1, spacing);
            assert_eq!(view.fill(&mut set), Ok(()));
            let inside = view.ticks(spacing).all(|tick| {
                (MIN_TICK..=MAX_TICK).contains(&tick.index)
                    && tick.liquidity_net.unsigned_abs() <= tick.liquidity_gross
            });
            assert!(inside);
        }
    }
    if let Ok(oracle) = OracleAccount::parse(data) {
        assert_eq!(kind, Some(AccountKind::Oracle));
        assert!(oracle.constants.tick_group_size > 0);
        assert_eq!(pool_of(data), Some(oracle.pool));
    }
    if let Ok(tier) = FeeTierAccount::parse(data) {
        assert_eq!(kind, Some(AccountKind::FeeTier), "{tier:?}");
    }
    if let Ok(tier) = AdaptiveFeeTierAccount::parse(data) {
        assert_eq!(kind, Some(AccountKind::AdaptiveFeeTier), "{tier:?}");
    }
    if let Ok(config) = ConfigAccount::parse(data) {
        assert_eq!(kind, Some(AccountKind::Config), "{config:?}");
    }
    if let Ok(mint) = MintAccount::parse(data)
        && let Some(fees) = mint.transfer_fees
    {
        let fee = fees.at(EPOCH);
        for units in [0, 1, 1_000_000, u64::MAX] {
            assert_eq!(fee.fee(units) + fee.net(units), units);
            if let Some(gross) = fee.gross_for_net(units) {
                assert!(fee.net(gross) >= units, "grossed up, {units} do not arrive");
            }
        }
    }
    let _ = TokenAccount::parse(data);
}

thread_local! {
    static PATH: RefCell<Path> = RefCell::new(Path::with_capacity(INNER_STEPS_DEFAULT));
}

/// A pool with its arrays: a path over them quotes what a swap gives.
fn check_group(bytes: &mut Bytes<'_>) {
    let pool: [u8; POOL_BYTES] = bytes.array();
    let oracle: [u8; ORACLE_BYTES] = bytes.array();
    check_account(&pool);
    check_account(&oracle);
    let oracle = OracleAccount::parse(&oracle).ok().map(|account| account.to_oracle());
    let Ok(account) = PoolAccount::parse(&pool) else { return };
    let pool = account.to_pool();
    let mut arrays = TickArraySet::with_capacity(8, pool.tick_spacing);
    while !bytes.is_empty() {
        let length = usize::from(bytes.u16());
        let rest = bytes.rest();
        let (array, rest) = rest.split_at(length.min(rest.len()));
        *bytes = Bytes::new(rest);
        let Ok(view) = TickArrayView::parse(array) else { continue };
        if view.check_spacing(pool.tick_spacing).is_ok() {
            // A ninth array finds no room.
            let filled = view.fill(&mut arrays);
            assert!(filled.is_ok() || arrays.len() == arrays.capacity());
        }
    }
    let chain = Chain {
        pool: &pool,
        oracle: oracle.as_ref(),
        arrays: &arrays,
        now_s: NOW_S,
        inner_steps_max: INNER_STEPS_DEFAULT,
    };
    let mut outcome = Outcome::default();
    PATH.with_borrow_mut(|path| {
        for direction in [Direction::AToB, Direction::BToA] {
            path.rebuild(&pool, chain.oracle, &arrays, direction, NOW_S);
            assert_ordered(&pool, path);
            for amount in AMOUNTS.into_iter().chain(edges(path, 2)) {
                compare(&chain, path, amount, &mut outcome);
            }
        }
    });
}
