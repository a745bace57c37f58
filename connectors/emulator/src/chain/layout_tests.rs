//! Accounts of mainnet, read and written again.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::*;
use crate::chain::{Account, TOKEN, WHIRLPOOL, fee_tier_address, is_tick_array};
use crate::market::accounts::rent_exempt_lamports;

/// Accounts of each kind with their fields, recorded by others.
fn fixtures() -> Value {
    let packed: &[u8] = include_bytes!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/data/solana/whirlpool_decoder_fixtures.json.zst"
    ));
    let text = zstd::decode_all(packed).expect("a zstd frame");
    serde_json::from_slice(&text).expect("JSON")
}

fn bytes(fixture: &Value) -> Vec<u8> {
    STANDARD.decode(fixture["data"].as_str().expect("text")).expect("base64")
}

/// A field as the recording states it.
fn field(fixture: &Value, name: &str) -> String {
    let value = &fixture["data_decoded"][name]["data"];
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

#[test]
fn a_pool_is_read_as_recorded_and_written_as_it_was() {
    let fixtures = fixtures();
    let fixture = &fixtures["whirlpool_account"];
    let data = bytes(fixture);
    let read = PoolAccount::read(&data).expect("a pool");
    for (name, value) in [
        ("whirlpoolsConfig", read.config.to_string()),
        ("tickSpacing", read.pool.tick_spacing.to_string()),
        ("feeRate", read.pool.fee_rate_ppm.to_string()),
        ("protocolFeeRate", read.pool.protocol_fee_rate.to_string()),
        ("liquidity", read.pool.liquidity.to_string()),
        ("sqrtPrice", read.pool.sqrt_price.to_string()),
        ("tickCurrentIndex", read.pool.tick_current_index.to_string()),
        ("protocolFeeOwedA", read.owed_a.to_string()),
        ("protocolFeeOwedB", read.owed_b.to_string()),
        ("tokenMintA", read.mint_a.to_string()),
        ("tokenVaultA", read.vault_a.to_string()),
        ("feeGrowthGlobalA", read.pool.fee_growth_global_a.to_string()),
        ("tokenMintB", read.mint_b.to_string()),
        ("tokenVaultB", read.vault_b.to_string()),
        ("feeGrowthGlobalB", read.pool.fee_growth_global_b.to_string()),
    ] {
        assert_eq!(value, field(fixture, name), "{name}");
    }
    let updated = field(fixture, "rewardLastUpdatedTimestamp").parse().expect("a number");
    let mut written = data.clone();
    written[40..269].fill(0xee);
    // The bump has no field here: a template keeps it.
    written[40] = data[40];
    read.write(&mut written, updated);
    assert_eq!(written, data);
    assert_eq!(PoolAccount::read(&data[..652]), None);
    assert_eq!(fixture["lamports"], rent_exempt_lamports(data.len()));
}

#[test]
fn tick_arrays_of_both_forms_are_read_and_crossed() {
    let fixtures = fixtures();
    let fixed = &fixtures["tick_array_account"];
    let data = bytes(fixed);
    let read = ArrayAccount::read(&data).expect("an array");
    assert_eq!(read.pool.to_string(), field(fixed, "whirlpool"));
    assert_eq!(read.ticks.start_tick_index.to_string(), field(fixed, "startTickIndex"));
    let recorded = fixed["data_decoded"]["ticks"]["data"].as_array().expect("88 ticks");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    for (slot, tick) in recorded.iter().enumerate() {
        assert_eq!(read.ticks.bitmap >> slot & 1 == 1, tick["initialized"] == true, "{slot}");
        assert_eq!(read.ticks.liquidity_net[slot].to_string(), text(&tick["liquidityNet"]));
    }

    let dynamic = bytes(&fixtures["dynamic_tick_array_account0"]);
    let read = ArrayAccount::read(&dynamic).expect("an array");
    assert_eq!(read.ticks.bitmap.count_ones(), 1, "{:?}", read.ticks);
    let slot = usize::try_from(read.ticks.bitmap.trailing_zeros()).expect("small");
    assert_ne!(read.ticks.liquidity_net[slot], 0);
    let mut crossed = dynamic.clone();
    assert!(cross_tick(&mut crossed, slot, 1_000, 2_000));
    assert_eq!(ArrayAccount::read(&crossed), Some(read), "liquidity stays");
    assert_ne!(crossed, dynamic);
    assert!(cross_tick(&mut crossed, slot, 1_000, 2_000));
    assert_eq!(crossed, dynamic, "crossed twice, nothing is left of it");
    assert_eq!(ArrayAccount::read(&dynamic[..dynamic.len() - 1]), None);
    assert!(is_tick_array(&Account::of(WHIRLPOOL, dynamic.clone())));
    assert!(!is_tick_array(&Account::of(TOKEN, dynamic)));
}

#[test]
fn fee_tiers_and_configurations_are_those_of_the_program() {
    let fixtures = fixtures();
    let tier = bytes(&fixtures["fee_tier_account"]);
    let (spacing, rate) = (u16_at(&tier, 40), u16_at(&tier, 42));
    assert_eq!(tier, fee_tier_bytes(&key_at(&tier, 8), spacing, rate));
    let config = bytes(&fixtures["whirlpools_config_account"]);
    let made = config_bytes(&key_at(&config, 8), u16_at(&config, 104));
    assert_eq!((made.len(), &made[..8]), (config.len(), &config[..8]));
    let main = Pubkey::from_str_const("2LecshUwdy9xi7meFgHtFJQNSKk4KdTrcpvaB56dP2NQ");
    assert_eq!(
        fee_tier_address(&main, 64).to_string(),
        "HT55NVGVTjWmWLjV7BrSMPVZ7ppU8T2xE5nCAZ6YaGad"
    );
}

#[test]
fn token_accounts_hold_what_they_are_made_of() {
    let (mint, owner) = (Pubkey::new_from_array([1; 32]), Pubkey::new_from_array([2; 32]));
    for (native_reserve, is_frozen) in [(None, false), (Some(2_039_280), false), (None, true)] {
        let token = TokenAccount { mint, owner, amount: 77, native_reserve, is_frozen };
        let mut data = token.bytes();
        assert_eq!(TokenAccount::read(&data), Some(token));
        put_amount(&mut data, 78);
        assert_eq!(TokenAccount::read(&data), Some(TokenAccount { amount: 78, ..token }));
        data[108] = 0;
        assert_eq!(TokenAccount::read(&data), None, "not initialised");
    }
}

#[test]
fn an_oracle_is_written_where_it_is_read() {
    let pool = Pubkey::new_from_array([3; 32]);
    let oracle = Oracle {
        trade_enable_timestamp: 1,
        constants: AdaptiveConstants {
            filter_period: 2,
            decay_period: 3,
            reduction_factor: 4,
            adaptive_fee_control_factor: 5,
            max_volatility_accumulator: 6,
            tick_group_size: 7,
            major_swap_threshold_ticks: 8,
        },
        variables: AdaptiveVariables {
            last_reference_update_timestamp: 9,
            last_major_swap_timestamp: 10,
            volatility_reference: 11,
            tick_group_index_reference: -12,
            volatility_accumulator: 13,
        },
    };
    let data = oracle_bytes(&pool, &oracle);
    assert_eq!((data.len(), read_oracle(&data)), (254, Some((pool, oracle))));
}
