//! Swaps that the program itself executed, sent as transactions through accounts of our own.

use std::io::Read as _;
use std::path::PathBuf;
use std::str::FromStr;

use engine_poolmath::whirlpool::{
    AdaptiveConstants, AdaptiveVariables, Direction, Oracle, Pool, TICKS_PER_ARRAY,
};
use serde_json::Value;
use solana_pubkey::Pubkey;
use solana_signer::Signer as _;

use crate::chain::kit::{Swap, budget, client, ledger, sign, spec};
use crate::chain::layout::{PoolAccount, oracle_bytes, read_oracle};
use crate::chain::spec::token_account;
use crate::chain::*;
use crate::market::accounts::{POOL_BYTES, Tick, array_address, array_bytes};

const POOL: Pubkey = Pubkey::new_from_array([21; 32]);
const VAULT_A: Pubkey = Pubkey::new_from_array([22; 32]);
const VAULT_B: Pubkey = Pubkey::new_from_array([23; 32]);

/// Enough of either token, with room for what is paid in.
const DEEP: u64 = 1 << 62;

fn number<T: FromStr>(value: &Value) -> T
where
    T::Err: std::fmt::Debug,
{
    let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
    text.parse().expect("an integer in range")
}

#[expect(clippy::print_stdout, reason = "a skipped test says why")]
fn cases() -> Vec<Value> {
    let folder = std::env::var_os("RIPTIDE_SHARED_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")),
        PathBuf::from,
    );
    let file = folder.join("executed/orca_whirlpool.jsonl.zst");
    let Ok(bytes) = std::fs::read(&file) else {
        println!("skipped: {} is not there (set RIPTIDE_SHARED_DATA)", file.display());
        return Vec::new();
    };
    let mut text = String::new();
    let mut decoder = zstd::Decoder::new(bytes.as_slice()).expect("a zstd file");
    decoder.read_to_string(&mut text).expect("UTF-8 text");
    text.lines().map(|line| serde_json::from_str(line).expect("one case per line")).collect()
}

/// The pool of a case on a chain whose time is the case's.
fn set_up(case: &Value) -> Ledger {
    let now_s: u64 = number(&case["now"]);
    let mut spec = spec();
    spec.clock = SlotClock::Recorded;
    spec.start_ns = now_s * 1_000_000_000 + 400_000_000;
    spec.wallets[0].tokens = vec![(WSOL, DEEP), (USDC, DEEP)];
    spec.pools.clear();
    let mut ledger = ledger(&spec);
    let slot = spec.start_slot;
    let spacing: u16 = number(&case["tick_spacing"]);
    let is_adaptive = !case["oracle"].is_null();
    let account = PoolAccount {
        pool: Pool {
            tick_spacing: spacing,
            fee_tier_index: spacing + if is_adaptive { 1_024 } else { 0 },
            fee_rate_ppm: number(&case["fee_rate"]),
            protocol_fee_rate: number(&case["protocol_fee_rate"]),
            liquidity: number(&case["liquidity"]),
            sqrt_price: number(&case["sqrt_price"]),
            tick_current_index: number(&case["tick"]),
            fee_growth_global_a: 5,
            fee_growth_global_b: u128::MAX,
        },
        config: Pubkey::default(),
        mint_a: WSOL,
        vault_a: VAULT_A,
        mint_b: USDC,
        vault_b: VAULT_B,
        owed_a: 0,
        owed_b: 0,
    };
    let mut bytes = vec![0; POOL_BYTES];
    account.write(&mut bytes, now_s);
    let mut put = |key, account| ledger.put_account(spec.start_ns, slot, key, Some(account));
    put(POOL, Account::of(WHIRLPOOL, bytes));
    put(VAULT_A, token_account(WSOL, POOL, DEEP));
    put(VAULT_B, token_account(USDC, POOL, DEEP));
    let ticks: std::collections::BTreeMap<i32, Tick> = case["ticks"]
        .as_object()
        .expect("ticks by index")
        .iter()
        .map(|(tick, both)| {
            let (net, gross) = (number(&both[0]), number(&both[1]));
            (tick.parse().expect("a tick"), Tick { net, gross, outside_a: 0, outside_b: 0 })
        })
        .collect();
    let span = i32::from(spacing) * i32::try_from(TICKS_PER_ARRAY).expect("small");
    let starts: std::collections::BTreeSet<i32> =
        ticks.keys().map(|tick| tick.div_euclid(span) * span).collect();
    for start in starts {
        let within = ticks.range(start..start + span).map(|(index, tick)| (*index, tick));
        let bytes = array_bytes(&POOL, start, i32::from(spacing), within);
        put(array_address(&POOL, start), Account::of(WHIRLPOOL, bytes));
    }
    if is_adaptive {
        let bytes = oracle_bytes(&POOL, &oracle(&case["oracle"]));
        put(oracle_address(&POOL), Account::of(WHIRLPOOL, bytes));
    }
    ledger
}

fn oracle(value: &Value) -> Oracle {
    let constants = &value["c"];
    Oracle {
        trade_enable_timestamp: 0,
        constants: AdaptiveConstants {
            filter_period: number(&constants["filter"]),
            decay_period: number(&constants["decay"]),
            reduction_factor: number(&constants["red"]),
            adaptive_fee_control_factor: number(&constants["ctrl"]),
            max_volatility_accumulator: number(&constants["maxva"]),
            tick_group_size: number(&constants["tgs"]),
            major_swap_threshold_ticks: number(&constants["major"]),
        },
        variables: variables(&value["v"]),
    }
}

fn variables(value: &Value) -> AdaptiveVariables {
    AdaptiveVariables {
        last_reference_update_timestamp: number(&value["last_ref"]),
        last_major_swap_timestamp: number(&value["last_major"]),
        volatility_reference: number(&value["vref"]),
        tick_group_index_reference: number(&value["ref_idx"]),
        volatility_accumulator: number(&value["vacc"]),
    }
}

/// The order of a case as an instruction, and what becomes of it.
fn send(ledger: &Ledger, case: &Value) -> Simulated {
    let is_exact_in = case["exact_in"] == true;
    let order = Swap {
        amount: number(&case["amount"]),
        threshold: if is_exact_in { 0 } else { u64::MAX },
        sqrt_price_limit: number(&case["sqrt_price_limit"]),
        is_exact_in,
        direction: if case["a_to_b"] == true { Direction::AToB } else { Direction::BToA },
    };
    let pool = crate::chain::kit::pool(ledger, &POOL);
    let [units, _] = budget(1_400_000, 0);
    let instruction = order.v2(&client().pubkey(), &POOL, &pool);
    let sent = sign(ledger, &client(), &[units, instruction]);
    ledger.simulate(&sent, crate::chain::kit::newest(ledger), SimulatedHash::Own)
}

#[test]
fn what_the_program_executed_comes_out_the_same() {
    let (mut moved, mut refused, mut other) = (0, 0, 0);
    let cases = cases();
    for (line, case) in (1..).zip(&cases) {
        let ledger = set_up(case);
        let result = send(&ledger, case);
        let expected = &case["result"];
        if let Some(error) = expected["error"].as_str() {
            let code = error.split("Custom(").nth(1).and_then(|rest| rest.split(')').next());
            match (code, &result.error) {
                // The recording's own vault was too small, or it ran out of compute units.
                (Some("1") | None, _) => other += 1,
                (Some(code), Some(seen)) => {
                    let code: u32 = code.parse().expect("a code");
                    let text = seen.to_string();
                    assert!(text.ends_with(&format!("0x{code:x}")), "line {line}: {text}");
                    refused += 1;
                }
                (Some(code), None) => panic!("line {line}: the program refused with {code}"),
            }
            continue;
        }
        let executed = result.executed.as_ref().expect("executed");
        assert_eq!(result.error, None, "line {line}: {:#?}", executed.logs);
        let change = |mint: Pubkey| {
            let find = |list: &[TokenBalance]| {
                let own = |t: &&TokenBalance| t.mint == mint && t.owner == client().pubkey();
                i128::from(list.iter().find(own).expect("a balance").amount)
            };
            find(&executed.tokens_after) - find(&executed.tokens_before)
        };
        let both = (change(WSOL), change(USDC));
        assert_eq!(both, (number(&expected["delta_a"]), number(&expected["delta_b"])), "{line}");
        let bytes = |key| &result.changes[&key].as_ref().expect("it exists").data;
        let after = PoolAccount::read(bytes(POOL)).expect("a pool");
        assert_eq!(after.pool.sqrt_price, number(&expected["sqrt_price"]), "line {line}");
        assert_eq!(after.pool.tick_current_index, number::<i32>(&expected["tick"]), "line {line}");
        assert_eq!(after.pool.liquidity, number(&expected["liquidity"]), "line {line}");
        assert_eq!(after.owed_a, number::<u64>(&expected["protocol_fee"][0]), "line {line}");
        assert_eq!(after.owed_b, number::<u64>(&expected["protocol_fee"][1]), "line {line}");
        if !expected["oracle"].is_null() {
            let (_, oracle) = read_oracle(bytes(oracle_address(&POOL))).expect("an oracle");
            assert_eq!(oracle.variables, variables(&expected["oracle"]), "line {line}");
        }
        moved += 1;
    }
    if !cases.is_empty() {
        assert!(moved > 600 && refused > 150 && other < 8, "{moved}, {refused}, {other}");
    }
}
