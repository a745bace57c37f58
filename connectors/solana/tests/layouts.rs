//! Account layouts: every recorded account, synthetic ones, and damaged ones.

mod common;

use std::collections::BTreeMap;

use common::{accounts, data_file};
use connector_solana::address;
use connector_solana::layout::{
    AccountKind, AdaptiveFeeTierAccount, ConfigAccount, FeeTierAccount, LayoutError, MintAccount,
    MintPowers, OracleAccount, PoolAccount, TickArrayView, TokenAccount, TokenAccountState,
};
use solana_pubkey::{Pubkey, pubkey};

/// Reads whatever the discriminator announces; the answer is the kind when all checks passed.
fn read_any(data: &[u8]) -> Result<Option<AccountKind>, LayoutError> {
    let Some(kind) = AccountKind::of(data) else { return Ok(None) };
    match kind {
        AccountKind::Pool => PoolAccount::parse(data).map(drop)?,
        AccountKind::FixedTickArray | AccountKind::DynamicTickArray => {
            let view = TickArrayView::parse(data)?;
            assert_eq!(view.kind(), kind, "the form read is the form announced");
        }
        AccountKind::Oracle => OracleAccount::parse(data).map(drop)?,
        AccountKind::FeeTier => FeeTierAccount::parse(data).map(drop)?,
        AccountKind::AdaptiveFeeTier => AdaptiveFeeTierAccount::parse(data).map(drop)?,
        AccountKind::Config => ConfigAccount::parse(data).map(drop)?,
    }
    Ok(Some(kind))
}

#[test]
fn every_recorded_account_reads() {
    // File, and how many pools, tick arrays, other accounts of the program, and the rest it holds.
    let rows = [
        ("whirlpool_accounts_20220406_end_orca_usdc_ts128.json.zst", [1, 21, 0, 0]),
        ("whirlpool_accounts_20220406_end_sol_usdc_ts64.json.zst", [1, 24, 0, 0]),
        ("whirlpool_accounts_slot165023999_sol_usdc_pools.json.zst", [5, 229, 0, 0]),
        ("whirlpool_sol_usdc_HJPj_full_account_set.json.zst", [1, 7, 3, 7]),
        ("whirlpool_pools_with_vaults_2025.json.zst", [3, 0, 3, 2]),
        ("recent_pool_accounts_2026.json", [2, 0, 0, 2]),
        ("whirlpool_decoder_fixtures.json.zst", [1, 2, 2, 4]),
        ("raydium_clmm_decoder_fixtures.json.zst", [0, 0, 0, 5]),
    ];
    for (name, expected) in rows {
        let Some(file) = accounts(name) else { continue };
        let mut counts = [0; 4];
        let unnamed = file.unnamed().iter().map(|(_, account)| account);
        for account in file.iter().map(|(_, account)| account).chain(unnamed) {
            let ours = address::is_whirlpool_program(&account.owner);
            let kind = if ours {
                read_any(&account.data).expect("a recorded account reads")
            } else {
                None
            };
            let place = match kind {
                Some(AccountKind::Pool) => 0,
                Some(AccountKind::FixedTickArray | AccountKind::DynamicTickArray) => 1,
                Some(_) => 2,
                None => 3,
            };
            counts[place] += 1;
        }
        assert_eq!(counts, expected, "{name}");
    }
}

#[test]
fn recorded_token_accounts_and_mints_read() {
    let Some(file) = accounts("whirlpool_sol_usdc_HJPj_full_account_set.json.zst") else { return };
    let held = |key: Pubkey| {
        file.iter().find(|(pubkey, _)| **pubkey == key).expect("in the set").1.data.clone()
    };
    let pool = pubkey!("HJPjoWUrhoZzkNfRpHuieeFk9WcZWjwy6PBjZ81ngndJ");
    let account = PoolAccount::parse(&held(pool)).expect("a pool");
    assert_eq!((account.tick_spacing, account.tick_current_index), (64, -32101));
    assert!(!account.is_adaptive(), "a classic tier");
    let vault = TokenAccount::parse(&held(account.vault_a)).expect("a vault");
    assert_eq!((vault.mint, vault.owner), (account.mint_a, pool));
    assert_eq!(vault.state, TokenAccountState::Initialised);
    assert!(vault.native_reserve_lamports.is_some(), "wrapped SOL");
    let usdc = MintAccount::parse(&held(address::USDC_MINT)).expect("a mint");
    assert_eq!(usdc.decimals, 6);
    assert_eq!(usdc.powers, MintPowers::FREEZE_AUTHORITY);
    assert_eq!(usdc.transfer_fees, None);
}

#[test]
fn adaptive_and_splash_pools_are_told_apart() {
    let Some(file) = accounts("recent_pool_accounts_2026.json") else { return };
    let mut adaptive = BTreeMap::new();
    for (pubkey, account) in file.iter().filter(|(_, a)| address::is_whirlpool_program(&a.owner)) {
        let pool = PoolAccount::parse(&account.data).expect("a pool");
        adaptive.insert(pubkey.to_string(), (pool.fee_tier_index, pool.is_adaptive()));
    }
    assert_eq!(adaptive["Fae5dWVntUt6zbWu2voXxioDpMii7SqQwtsxBmoVCsHR"], (1027, true));
    assert_eq!(adaptive["Czfq3xZZDmsdGdUyrNLtRhGc47cXcZtLG4crryfu44zE"], (4, false));

    let Some(fixtures) = accounts("whirlpool_decoder_fixtures.json.zst") else { return };
    let named = |name: &str| {
        &fixtures.unnamed().iter().find(|(label, _)| label == name).expect("in the file").1.data
    };
    let splash = PoolAccount::parse(named("whirlpool_account")).expect("a pool");
    assert_eq!(splash.tick_spacing, 32896);
    let fixed = TickArrayView::parse(named("tick_array_account")).expect("an array");
    assert_eq!((fixed.start_tick_index(), fixed.check_spacing(32896)), (-2_894_848, Ok(())));
    let dynamic = TickArrayView::parse(named("dynamic_tick_array_account0")).expect("an array");
    assert_eq!(dynamic.kind(), AccountKind::DynamicTickArray);
    assert_eq!(dynamic.bitmap().count_ones(), 1);
}

/// Sum of liquidity at or below each pool's tick, beside the pool's own field.
fn tick_sums(name: &str) -> Option<BTreeMap<String, (PoolAccount, i128, usize, usize)>> {
    let file = accounts(name)?;
    let mut pools = BTreeMap::new();
    for (pubkey, account) in file.iter() {
        if AccountKind::of(&account.data) == Some(AccountKind::Pool) {
            let pool = PoolAccount::parse(&account.data).expect("a pool");
            pools.insert(*pubkey, (pool, 0_i128, 0, 0));
        }
    }
    for (pubkey, account) in file.iter() {
        let Ok(view) = TickArrayView::parse(&account.data) else { continue };
        let (pool, sum, arrays, ticks) = pools.get_mut(&view.pool()).expect("its pool is there");
        view.check_spacing(pool.tick_spacing).expect("a valid array");
        let derived =
            address::tick_array_address(&account.owner, &view.pool(), view.start_tick_index());
        assert_eq!(derived, *pubkey, "the array stands at its own address");
        *arrays += 1;
        for tick in view.ticks(pool.tick_spacing) {
            *ticks += 1;
            if tick.index <= pool.tick_current_index {
                *sum += tick.liquidity_net;
            }
        }
    }
    Some(pools.into_iter().map(|(pubkey, value)| (pubkey.to_string(), value)).collect())
}

#[test]
fn tick_sums_equal_the_liquidity_where_the_data_says_so() {
    for name in [
        "whirlpool_accounts_20220406_end_orca_usdc_ts128.json.zst",
        "whirlpool_accounts_20220406_end_sol_usdc_ts64.json.zst",
    ] {
        let Some(pools) = tick_sums(name) else { continue };
        for (pubkey, (pool, sum, ..)) in pools {
            assert_eq!(sum, pool.liquidity.cast_signed(), "{pubkey}");
        }
    }
}

#[test]
fn the_five_pools_of_2022_have_their_known_shape_and_defects() {
    let Some(pools) = tick_sums("whirlpool_accounts_slot165023999_sol_usdc_pools.json.zst") else {
        return;
    };
    // Address, spacing, fee, arrays, ticks, tick sum minus the liquidity field.
    let rows = [
        ("HJPj", 64, 3000, 37, 416, 0),
        ("7qbR", 8, 500, 41, 247, 0),
        ("83v8", 1, 100, 132, 14, 0),
        ("DFVT", 128, 10_000, 3, 14, 0),
        ("65sh", 128, 2500, 16, 23, 1_175_311_227_481),
    ];
    assert_eq!(pools.len(), rows.len());
    for (head, spacing, fee_ppm, arrays, ticks, defect) in rows {
        let (_, (pool, sum, array_count, tick_count)) =
            pools.iter().find(|(pubkey, _)| pubkey.starts_with(head)).expect("in the file");
        assert_eq!((pool.tick_spacing, pool.fee_rate_ppm), (spacing, fee_ppm), "{head}");
        assert_eq!((*array_count, *tick_count), (arrays, ticks), "{head}");
        assert_eq!(sum - pool.liquidity.cast_signed(), defect, "{head}");
        // One pool stopped exactly on an initialised tick while falling.
        let floor = engine_poolmath::whirlpool::tick_at_sqrt_price(pool.sqrt_price);
        assert_eq!(floor - pool.tick_current_index, i32::from(head == "83v8"), "{head}");
    }
}

#[test]
fn synthetic_oracle_and_adaptive_tier_read() {
    let pool = Pubkey::new_from_array([3; 32]);
    let oracle = OracleAccount::parse(&common::oracle_bytes(&pool)).expect("an oracle");
    assert_eq!(oracle.pool, pool);
    assert_eq!(oracle.trade_enable_timestamp, 1_700_000_000);
    let constants = oracle.constants;
    let periods = (constants.filter_period, constants.decay_period, constants.reduction_factor);
    assert_eq!(periods, (10, 86, 6372));
    assert_eq!(constants.adaptive_fee_control_factor, 249);
    assert_eq!(constants.max_volatility_accumulator, 50_000);
    assert_eq!((constants.tick_group_size, constants.major_swap_threshold_ticks), (2, 50));
    let variables = oracle.variables;
    assert_eq!(variables.last_reference_update_timestamp, 1_700_000_354);
    assert_eq!(variables.last_major_swap_timestamp, 1_700_000_364);
    assert_eq!(variables.volatility_reference, 5760);
    assert_eq!(variables.tick_group_index_reference, 4097);
    assert_eq!(variables.volatility_accumulator, 16_079);

    let tier = AdaptiveFeeTierAccount::parse(&common::adaptive_tier_bytes()).expect("a tier");
    assert_eq!((tier.fee_tier_index, tier.tick_spacing), (1027, 2));
    assert_eq!((tier.default_base_fee_rate_ppm, tier.constants), (2000, constants));
    assert_eq!(tier.delegated_fee_authority, Pubkey::new_from_array([9; 32]));
}

#[test]
fn synthetic_token_2022_mints_read() {
    let key = vec![5; 32];
    // What it shows, extensions, powers expected.
    let rows = [
        ("no extension", vec![], MintPowers::NONE),
        (
            "hook without program",
            vec![(14, [key.clone(), vec![0; 32]].concat())],
            MintPowers::TRANSFER_HOOK,
        ),
        ("hook that nobody can set", vec![(14, vec![0; 64])], MintPowers::NONE),
        ("delegate", vec![(12, key.clone())], MintPowers::PERMANENT_DELEGATE),
        ("delegate revoked", vec![(12, vec![0; 32])], MintPowers::NONE),
        ("pausable", vec![(26, [key.clone(), vec![0]].concat())], MintPowers::PAUSABLE),
        ("frozen by default", vec![(6, vec![2])], MintPowers::DEFAULT_FROZEN),
        ("not frozen by default", vec![(6, vec![1])], MintPowers::NONE),
        ("soulbound", vec![(9, vec![])], MintPowers::NON_TRANSFERABLE),
        ("scaled", vec![(25, vec![0; 56])], MintPowers::SCALED_UI_AMOUNT),
        (
            "metadata and an unknown one",
            vec![(18, vec![1; 64]), (999, vec![1; 3])],
            MintPowers::NONE,
        ),
        (
            "several",
            vec![(12, key.clone()), (18, vec![1; 64]), (26, [key, vec![1]].concat())],
            MintPowers::PERMANENT_DELEGATE.with(MintPowers::PAUSABLE),
        ),
    ];
    for (shows, extensions, powers) in rows {
        let mint = MintAccount::parse(&common::mint_bytes(None, &extensions)).expect(shows);
        assert_eq!(mint.powers, powers, "{shows}");
        assert_eq!((mint.decimals, mint.supply, mint.transfer_fees), (6, 1_000_000, None));
    }
    let fees = common::transfer_fee_value((3, 5000, 100), (9, 7000, 250));
    let mint = MintAccount::parse(&common::mint_bytes(None, &[(1, fees)])).expect("a mint");
    let fees = mint.transfer_fees.expect("the extension is there");
    assert_eq!((fees.at(8).bps, fees.at(8).maximum), (100, 5000));
    assert_eq!((fees.at(9).bps, fees.at(9).maximum), (250, 7000));
}

#[test]
fn bad_mints_are_named() {
    let fee = common::transfer_fee_value((0, 0, 1), (0, 0, 10_001));
    let twice = common::mint_bytes(None, &[(9, vec![]), (9, vec![])]);
    let mut token_account = common::mint_bytes(None, &[(9, vec![])]);
    token_account[165] = 2;
    let mut dirty = common::mint_bytes(None, &[(9, vec![])]);
    dirty[100] = 1;
    let rows = [
        ("fee above all", common::mint_bytes(None, &[(1, fee)]), "transfer_fee_basis_points"),
        ("extension twice", twice, "extension 9"),
        ("short extension", common::mint_bytes(None, &[(12, vec![1; 31])]), "extension 12"),
        ("a token account", token_account, "account type"),
        ("dirty padding", dirty, "behind its end"),
        ("a multisig", vec![1; 355], "355 bytes"),
    ];
    for (shows, data, part) in rows {
        let error = MintAccount::parse(&data).expect_err(shows).to_string();
        assert!(error.contains(part), "{shows}: {error}");
    }
}

#[test]
fn bad_accounts_are_named() {
    let pool = Pubkey::new_from_array([3; 32]);
    let change = |mut data: Vec<u8>, at: usize, with: &[u8]| {
        data[at..at + with.len()].copy_from_slice(with);
        data
    };
    let good = common::pool_bytes(&common::PoolFields {
        tick_spacing: 64,
        fee_tier_index: 64,
        fee_rate_ppm: 3000,
        protocol_fee_rate: 1300,
        liquidity: 1,
        sqrt_price: 1 << 64,
        tick_current_index: 0,
        mint_a: address::WRAPPED_SOL_MINT,
        mint_b: address::USDC_MINT,
    });
    assert_eq!(read_any(&good), Ok(Some(AccountKind::Pool)));
    let below = change(good.clone(), 81, &(-1_i32).to_le_bytes());
    assert_eq!(read_any(&below), Ok(Some(AccountKind::Pool)), "stopped on tick 0 while falling");
    let fixed = common::fixed_array_bytes(&pool, 0, &[(3, -9)]);
    let dynamic = common::dynamic_array_bytes(&pool, 0, &[(3, -9), (87, 9)]);
    let mut grown = dynamic.clone();
    grown.resize(dynamic.len() + 112, 0);
    assert_eq!(read_any(&grown), Ok(Some(AccountKind::DynamicTickArray)), "room not yet freed");
    let rows = [
        ("fee", change(good.clone(), 45, &60_001_u16.to_le_bytes()), "fee_rate 60001"),
        ("protocol fee", change(good.clone(), 47, &2_501_u16.to_le_bytes()), "protocol_fee_rate"),
        ("spacing", change(good.clone(), 41, &[0, 0]), "tick_spacing 0"),
        ("price low", change(good.clone(), 65, &4_295_048_015_u128.to_le_bytes()), "sqrt_price"),
        ("price high", change(good.clone(), 65, &u128::MAX.to_le_bytes()), "sqrt_price"),
        ("tick", change(good.clone(), 81, &443_637_i32.to_le_bytes()), "tick_current_index"),
        ("tick and price", change(good.clone(), 81, &1_i32.to_le_bytes()), "does not belong"),
        ("mints", change(good.clone(), 181, address::WRAPPED_SOL_MINT.as_ref()), "ascending"),
        ("tag", change(fixed.clone(), 12, &[2]), "tag 2"),
        ("net above gross", change(fixed.clone(), 12 + 3 * 113 + 17, &[8]), "more net than gross"),
        ("bitmap names less", change(dynamic.clone(), 44, &[0]), "disagree"),
        ("bitmap beyond", change(dynamic.clone(), 44 + 11, &[1]), "slot 88"),
        ("dynamic trailing", change(grown, 148 + 224, &[1]), "behind its end"),
        ("group", change(common::oracle_bytes(&pool), 62, &[0, 0]), "tick_group_size"),
        ("reduction", change(common::oracle_bytes(&pool), 52, &[0xff, 0xff]), "reduction_factor"),
        ("tier", change(common::adaptive_tier_bytes(), 40, &[2, 0]), "fee_tier_index"),
    ];
    for (shows, data, part) in rows {
        let error = read_any(&data).expect_err(shows).to_string();
        assert!(error.contains(part), "{shows}: {error}");
    }
    let array = TickArrayView::parse(&fixed).expect("an array");
    assert_eq!(array.check_spacing(64), Ok(()));
    let odd = common::fixed_array_bytes(&pool, 64, &[]);
    let odd = TickArrayView::parse(&odd).expect("an array");
    assert!(odd.check_spacing(64).is_err(), "64 is no multiple of 5632");
    let last = common::fixed_array_bytes(&pool, 439_296, &[(80, 1)]);
    let last = TickArrayView::parse(&last).expect("an array");
    assert!(last.check_spacing(64).is_err(), "tick 444416 is beyond the highest");
    assert!(last.check_spacing(32896).is_err(), "not a start at that spacing");
}

#[test]
fn damage_never_panics() {
    let pool = Pubkey::new_from_array([3; 32]);
    let fees = common::transfer_fee_value((3, 5000, 100), (9, 7000, 250));
    let mut samples = vec![
        common::oracle_bytes(&pool),
        common::adaptive_tier_bytes(),
        common::dynamic_array_bytes(&pool, -5632, &[(0, 5), (40, -2), (87, -3)]),
        common::fixed_array_bytes(&pool, -5632, &[(0, 5), (87, -5)]),
        common::mint_bytes(Some(pool), &[(1, fees), (14, vec![1; 64])]),
    ];
    if data_file("whirlpool_decoder_fixtures.json.zst").is_some() {
        let file = accounts("whirlpool_decoder_fixtures.json.zst").expect("just seen");
        samples.extend(file.unnamed().iter().map(|(_, account)| account.data.clone()));
    }
    for sample in samples {
        for end in 0..sample.len() {
            let cut = &sample[..end];
            let is_mint = AccountKind::of(&sample).is_none();
            // A dynamic array cut in zeros would lack its last tags, so a cut is never accepted.
            assert!(is_mint || read_any(cut) == Ok(None) || read_any(cut).is_err(), "cut at {end}");
            let _ = (MintAccount::parse(cut), TokenAccount::parse(cut));
        }
        for at in 0..sample.len() {
            for bit in 0..8 {
                let mut flipped = sample.clone();
                flipped[at] ^= 1 << bit;
                let _ = read_any(&flipped);
                if at < 300 {
                    let _ = (MintAccount::parse(&flipped), TokenAccount::parse(&flipped));
                }
                if let Ok(view) = TickArrayView::parse(&flipped) {
                    let _ = view.check_spacing(64);
                }
            }
        }
    }
}
