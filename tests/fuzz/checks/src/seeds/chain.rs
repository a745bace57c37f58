//! Frames of a node, containers of accounts, and accounts.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use connector_net::capture::Kind;
use connector_solana::accounts::AccountFile;
use connector_solana::address::{
    TOKEN_2022_PROGRAM, TOKEN_PROGRAM, USDC_MINT, WHIRLPOOL_PROGRAM, WRAPPED_SOL_MINT,
    oracle_address, tick_array_address,
};
use engine_poolmath::whirlpool::{Pool, sqrt_price_at_tick};
use solana_pubkey::Pubkey;

use super::SEED_BYTES_MAX;
use crate::data;
use crate::exchange::SEPARATOR;
use crate::solana::{
    ARRAY_TICKS, POOL, SLOT, SPACING, SUBSCRIPTIONS, pool_account, pool_fields, value_json,
};
use crate::synthetic::{dynamic_array_bytes, mint_bytes, oracle_bytes, transfer_fee_mint_bytes};

fn notification(subscription: u64, slot: u64, value: &str) -> String {
    format!(
        "{{\"jsonrpc\":\"2.0\",\"method\":\"accountNotification\",\"params\":{{\"result\":{{\
         \"context\":{{\"slot\":{slot}}},\"value\":{value}}},\"subscription\":{subscription}}}}}"
    )
}

fn slot_notification(slot: u64) -> String {
    format!(
        "{{\"jsonrpc\":\"2.0\",\"method\":\"slotNotification\",\"params\":{{\"result\":{{\
         \"slot\":{slot},\"parent\":{},\"root\":{}}},\"subscription\":{}}}}}",
        slot - 1,
        slot - 32,
        SUBSCRIPTIONS[3]
    )
}

/// The account of the pool at a tick.
fn pool_at(tick: i32) -> Vec<u8> {
    let sqrt_price = sqrt_price_at_tick(tick) + 1;
    pool_account(&Pool { sqrt_price, tick_current_index: tick, ..pool_fields() })
}

/// A value packed by zstd, as nodes write it on request.
fn packed_json(owner: &Pubkey, bytes: &[u8]) -> String {
    let text = STANDARD.encode(zstd::bulk::compress(bytes, 3).unwrap_or_default());
    format!(
        "{{\"lamports\":1,\"data\":[\"{text}\",\"base64+zstd\"],\"owner\":\"{owner}\",\
         \"executable\":false,\"rentEpoch\":0,\"space\":{}}}",
        bytes.len()
    )
}

fn array_at(start: i32, ticks: &[(usize, i128)]) -> Vec<u8> {
    dynamic_array_bytes(&POOL, start, ticks)
}

pub(super) fn solana() -> Vec<Vec<u8>> {
    let program = &WHIRLPOOL_PROGRAM;
    let moved = value_json(program, &pool_at(130));
    let up = value_json(program, &array_at(0, &[(5, 700), (40, -700)]));
    let down = packed_json(program, &array_at(-ARRAY_TICKS, &[(0, 9), (87, -9)]));
    let [pool, first, second, _] = SUBSCRIPTIONS;
    let mut frames = vec![
        slot_notification(SLOT + 1),
        notification(pool, SLOT + 1, &moved),
        notification(first, SLOT + 1, &up),
        notification(second, SLOT + 2, &down),
        notification(first, SLOT + 2, "null"),
        notification(pool, SLOT - 1, &moved),
        slot_notification(SLOT + 3),
        notification(pool, SLOT + 3, &value_json(program, &pool_at(-70))),
        notification(99, SLOT + 3, &moved),
        "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32600,\"message\":\"no\"},\"id\":3}".to_owned(),
        ">{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"slotSubscribe\"}".to_owned(),
        "{\"jsonrpc\":\"2.0\",\"result\":23,\"id\":9}".to_owned(),
        format!(
            "@{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"getRecentPrioritizationFees\",\
             \"params\":[]}}\t{{\"jsonrpc\":\"2.0\",\"result\":[{{\"slot\":{SLOT},\
             \"prioritizationFee\":700}},{{\"slot\":101,\"prioritizationFee\":9}}],\"id\":1}}"
        ),
        format!(
            "@{{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"getMultipleAccounts\",\"params\":[[\
             \"{POOL}\",\"{USDC_MINT}\"],{{\"encoding\":\"base64\"}}]}}\t{{\"jsonrpc\":\"2.0\",\
             \"result\":{{\"context\":{{\"slot\":{}}},\"value\":[{moved},{}]}},\"id\":2}}",
            SLOT + 4,
            value_json(&TOKEN_PROGRAM, &mint_bytes())
        ),
        "$https://bundles.jito.wtf/api/v1/bundles/tip_floor [{\"time\":\"2026-08-09T23:00:00Z\",\
         \"landed_tips_50th_percentile\":1e-05,\"landed_tips_75th_percentile\":3.6196500000000005e-05}]"
            .to_owned(),
        "!".to_owned(),
    ];
    let capture = data::capture("bundle/derived/solana.jsonl.zst");
    let recorded = data::records(&capture).filter(|record| record.kind == Kind::Received);
    frames.extend(recorded.step_by(40).map(|record| record.data.into_owned()));
    let mut seeds: Vec<Vec<u8>> = frames.iter().map(|frame| frame.as_bytes().to_vec()).collect();
    // Sessions: several frames from each place on.
    for begin in 0..14 {
        let mut session = Vec::new();
        for frame in frames.iter().skip(begin).take(6) {
            if session.len() + frame.len() < SEED_BYTES_MAX {
                session.extend_from_slice(frame.as_bytes());
                session.push(SEPARATOR);
            }
        }
        seeds.push(session);
    }
    seeds
}

pub(super) fn accounts() -> Vec<Vec<u8>> {
    let mut seeds = containers();
    seeds.extend(groups());
    let raw = |bytes: &[u8]| [&[0], bytes].concat();
    seeds.extend([
        raw(&mint_bytes()),
        raw(&transfer_fee_mint_bytes(150)),
        raw(&oracle_bytes(&POOL)),
        raw(&pool_at(0)),
        raw(&array_at(0, &[(0, 5), (87, -5)])),
    ]);
    let fixtures = "solana/whirlpool_decoder_fixtures.json.zst";
    let day_end = "solana/whirlpool_accounts_20220406_end_sol_usdc_ts64.json.zst";
    for name in [fixtures, day_end] {
        let text = data::text(name);
        seeds.push(text[..text.len().min(SEED_BYTES_MAX)].to_vec());
        if let Ok(file) = AccountFile::parse(name, &text) {
            let unnamed = file.unnamed().iter().map(|(_, account)| account);
            let all = file.iter().map(|(_, account)| account).chain(unnamed);
            seeds.extend(all.map(|account| raw(&account.data)));
        }
    }
    seeds
}

/// The shapes of containers, with pools that can be quoted.
fn containers() -> Vec<Vec<u8>> {
    let program = WHIRLPOOL_PROGRAM;
    let fields = Pool { tick_current_index: 2_000, ..pool_fields() };
    let plain = pool_account(&Pool { sqrt_price: sqrt_price_at_tick(2_000) + 9, ..fields });
    let adaptive = pool_account(&Pool {
        fee_tier_index: 1_024 + SPACING,
        sqrt_price: sqrt_price_at_tick(2_000) + 9,
        ..fields
    });
    let array = array_at(0, &[(10, 400_000_000), (70, -400_000_000)]);
    let at = tick_array_address(&program, &POOL, 0).to_string();
    let above = tick_array_address(&program, &POOL, ARRAY_TICKS).to_string();
    let (own, oracle) = (POOL.to_string(), oracle_address(&program, &POOL).to_string());
    let flat = |key: &str, owner: &Pubkey, bytes: &[u8]| {
        let data = STANDARD.encode(bytes);
        serde_json::json!({ "pubkey": key, "owner": owner.to_string(), "data": [data, "base64"] })
    };
    let form = |owner: &Pubkey, bytes: &[u8]| {
        let data = STANDARD.encode(bytes);
        let (owner, space) = (owner.to_string(), bytes.len());
        serde_json::json!({ "owner": owner, "data": [data, "base64"], "lamports": 5, "space": space })
    };
    let fee_mint = transfer_fee_mint_bytes(25);
    let usdc = USDC_MINT.to_string();
    let rows = [
        serde_json::json!({ "slot": 7, "accounts": [
            flat(&own, &program, &plain),
            flat(&at, &program, &array),
            { "pubkey": above, "account": null },
        ]}),
        serde_json::json!([
            { "pubkey": own, "account": form(&program, &plain) },
            { "pubkey": at, "account": form(&program, &array) },
            { "pubkey": usdc, "account": form(&TOKEN_2022_PROGRAM, &fee_mint) },
        ]),
        serde_json::json!({
            "pool": { "pubkey": own, "account": form(&program, &adaptive) },
            "oracle": { "pubkey": oracle, "account": form(&program, &oracle_bytes(&POOL)) },
            "array": { "pubkey": at, "account": form(&program, &array) },
        }),
        serde_json::json!([flat(&WRAPPED_SOL_MINT.to_string(), &TOKEN_PROGRAM, &mint_bytes())]),
        serde_json::json!({ "accounts": [] }),
        serde_json::json!([{ "pubkey": own, "account": null }]),
        serde_json::json!([{ "program_id": own, "data": "AA==" }]),
    ];
    rows.into_iter()
        .flat_map(|row| {
            let wide = serde_json::to_string_pretty(&row).unwrap_or_default();
            [row.to_string().into_bytes(), wide.into_bytes()]
        })
        .collect()
}

/// Pool, oracle and arrays in their bytes.
fn groups() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for tick in [-5_000, -64, 0, 63, 64, 3_000] {
        for fee_tier_index in [SPACING, 1_024 + SPACING] {
            let sqrt_price = sqrt_price_at_tick(tick) + 3;
            let fields = pool_fields();
            let pool = Pool { sqrt_price, tick_current_index: tick, fee_tier_index, ..fields };
            let mut seed = vec![1];
            seed.extend(pool_account(&pool));
            seed.extend(oracle_bytes(&POOL));
            for (start, ticks) in [
                (0, vec![(1, 90_000_i128), (40, -5_000), (87, -85_000)]),
                (-ARRAY_TICKS, vec![(3, 1_000_000), (60, 1)]),
                (ARRAY_TICKS, vec![(0, -7)]),
            ] {
                let array = array_at(start, &ticks);
                // At most 10,004 bytes.
                seed.extend(u16::try_from(array.len()).unwrap_or(u16::MAX).to_le_bytes());
                seed.extend(array);
            }
            seeds.push(seed);
        }
    }
    seeds
}
