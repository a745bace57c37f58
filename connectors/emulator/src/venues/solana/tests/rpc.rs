//! Methods, their answers and their refusals.

use serde_json::{Value, json};
use solana_signer::Signer as _;

use super::{Kit, post};
use crate::chain::kit::{CLIENT_LAMPORTS, CLIENT_USDC, CLIENT_WSOL, PRICE_E8, client};
use crate::chain::{
    BaseSide, SOL_USDC_POOL, SYSTEM, TOKEN, USDC, WHIRLPOOL, WSOL, associated_token_address,
};
use crate::serve::{Disturbance, Venue as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const PROCESSED: &str = "processed";

fn pool() -> String {
    SOL_USDC_POOL.to_string()
}

#[test]
fn accounts_are_shown_as_they_are() {
    let kit = Kit::new();
    let options = json!({ "encoding": "base64", "commitment": PROCESSED });
    let answer = kit.result(
        "getMultipleAccounts",
        &json!([[pool(), SYSTEM.to_string(), "11111111111111111111111111111112"], options]),
    );
    let slot = answer["context"]["slot"].as_u64().expect("a slot");
    let known = kit.ledger(|ledger| ledger.account(&SOL_USDC_POOL, slot).cloned()).expect("a pool");
    let shown = &answer["value"][0];
    assert_eq!(shown["data"], json!([STANDARD.encode(&known.data), "base64"]));
    assert_eq!(shown["owner"], WHIRLPOOL.to_string());
    assert_eq!(shown["lamports"], known.lamports);
    assert_eq!(shown["rentEpoch"], u64::MAX);
    assert_eq!((&shown["space"], &shown["executable"]), (&json!(653), &json!(false)));
    assert_eq!(answer["value"][1]["executable"], true);
    assert_eq!(answer["value"][2], Value::Null);
    // Keys of answers are sorted, as nodes write them.
    let text = kit.venue.call(kit.now_ns, &post(&format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"getAccountInfo\",\"params\":[\"{}\",{{\"encoding\":\"base64\",\"dataSlice\":{{\"offset\":0,\"length\":3}}}}]}}",
        pool()
    )));
    let text = String::from_utf8(text.body).expect("UTF-8");
    let expected = format!(
        "{{\"jsonrpc\":\"2.0\",\"result\":{{\"context\":{{\"apiVersion\":\"3.0.11\",\"slot\":{}}},\
         \"value\":{{\"data\":[\"P5XR\",\"base64\"],\"executable\":false,\"lamports\":5435760,\
         \"owner\":\"{WHIRLPOOL}\",\"rentEpoch\":18446744073709551615,\"space\":653}}}},\"id\":\"x\"}}",
        slot - 32
    );
    assert_eq!(text, expected, "finalized unless asked for otherwise");
}

#[test]
fn commitments_see_what_was_there_then() {
    let mut kit = Kit::new();
    let read = |kit: &Kit, commitment: &str| {
        let options = json!({ "encoding": "base64", "commitment": commitment });
        let answer = kit.result("getAccountInfo", &json!([pool(), options]));
        let data = answer["value"]["data"][0].as_str().expect("text").to_owned();
        (answer["context"]["slot"].as_u64().expect("a slot"), data)
    };
    let (_, before) = read(&kit, PROCESSED);
    kit.ledger(|ledger| ledger.market_swap(&SOL_USDC_POOL, BaseSide::Buy, 1_000_000_000));
    kit.run(400);
    let (processed, after) = read(&kit, PROCESSED);
    assert_ne!(before, after);
    for (commitment, behind) in [("confirmed", 2), ("finalized", 32)] {
        assert_eq!(read(&kit, commitment), (processed - behind, before.clone()), "{commitment}");
    }
    kit.run(32 * 400);
    assert_eq!(read(&kit, "finalized").1, after);
    let least = processed + 1_000;
    let options = json!({ "commitment": PROCESSED, "encoding": "base64", "minContextSlot": least });
    let answer = kit.call("getAccountInfo", &json!([pool(), options]));
    let seen = read(&kit, PROCESSED).0;
    assert_eq!(
        answer["error"],
        json!({
            "code": -32016,
            "data": { "contextSlot": seen },
            "message": "Minimum context slot has not been reached",
        })
    );
}

#[test]
fn methods_answer_in_the_shape_of_a_node() {
    let kit = Kit::new();
    let me = client().pubkey();
    let mine = associated_token_address(&me, &USDC);
    let head = kit.result("getSlot", &json!([{ "commitment": PROCESSED }])).as_u64().expect("slot");
    let number = |value: Value| value.as_u64().expect("a number");
    assert_eq!(number(kit.result("getSlot", &json!([]))), head - 32);
    let height = number(kit.result("getBlockHeight", &json!([{ "commitment": PROCESSED }])));
    assert!(height < head - 20_000_000);
    let balance = kit.result("getBalance", &json!([me.to_string()]));
    assert_eq!(balance["value"], CLIENT_LAMPORTS);
    let tokens = kit.result("getTokenAccountBalance", &json!([mine.to_string()]));
    assert_eq!(
        tokens["value"],
        json!({
            "amount": CLIENT_USDC.to_string(),
            "decimals": 6,
            "uiAmount": 500_000.0,
            "uiAmountString": "500000",
        })
    );
    for (by, count) in
        [(json!({ "mint": WSOL.to_string() }), 1), (json!({ "programId": TOKEN.to_string() }), 2)]
    {
        let options = json!({ "encoding": "base64" });
        let answer = kit.result("getTokenAccountsByOwner", &json!([me.to_string(), by, options]));
        let list = answer["value"].as_array().expect("a list").clone();
        assert_eq!(list.len(), count, "{by}");
        assert!(list.iter().all(|entry| entry["account"]["space"] == 165));
    }
    let arrays = json!([WHIRLPOOL.to_string(), { "encoding": "base64", "filters": [
        { "dataSize": 9988 },
        { "memcmp": { "offset": 9956, "bytes": pool() } },
    ] }]);
    let arrays = kit.result("getProgramAccounts", &arrays);
    assert!(arrays.as_array().expect("a list").len() > 10);
    let hash = kit.result("getLatestBlockhash", &json!([{ "commitment": PROCESSED }]));
    assert_eq!(number(hash["value"]["lastValidBlockHeight"].clone()), height + 150);
    let text = hash["value"]["blockhash"].clone();
    for (hash, good) in [(text, true), (json!(SYSTEM.to_string()), false)] {
        let answer = kit.result("isBlockhashValid", &json!([hash, { "commitment": PROCESSED }]));
        assert_eq!(answer["value"], good, "{hash}");
    }
    assert_eq!(kit.result("getHealth", &json!([])), "ok");
    assert_eq!(kit.result("getVersion", &json!([]))["solana-core"], "3.0.11");
    let epoch = kit.result("getEpochInfo", &json!([{ "commitment": PROCESSED }]));
    assert_eq!(number(epoch["slotIndex"].clone()), head % 432_000);
    let rent = kit.result("getMinimumBalanceForRentExemption", &json!([165]));
    assert_eq!(rent, 2_039_280);
    let leaders = kit.result("getSlotLeaders", &json!([head - head % 4, 8]));
    let leaders = leaders.as_array().expect("a list");
    assert!(leaders[..4].iter().all(|leader| *leader == leaders[0]) && leaders[4] != leaders[0]);
    let fees = kit.result("getRecentPrioritizationFees", &json!([[pool()]]));
    let fees = fees.as_array().expect("a list");
    assert_eq!((fees.len(), number(fees[149]["slot"].clone())), (150, head));
    assert!(fees.iter().any(|fee| number(fee["prioritizationFee"].clone()) > 30_000));
    assert_eq!(kit.result("getGenesisHash", &json!([])).as_str().map(str::len), Some(44));
    assert!(number(kit.result("getBlockTime", &json!([head]))) >= 1_786_316_400);
    let _ = (CLIENT_WSOL, PRICE_E8);
}

#[test]
fn refusals_have_the_nodes_codes() {
    let kit = Kit::new();
    let many: Vec<String> = (0..101).map(|_| pool()).collect();
    let filters = json!([{ "dataSize": 1 }, { "dataSize": 1 }, { "dataSize": 1 }, { "dataSize": 1 }, { "dataSize": 1 }]);
    let rows: Vec<(&str, Value, i64, &str)> = vec![
        ("getNothing", json!([]), -32601, "Method not found"),
        ("getAccountInfo", json!([]), -32602, "Invalid params"),
        ("getAccountInfo", json!(["abc"]), -32602, "Invalid param"),
        ("getAccountInfo", json!([pool(), "base64"]), -32602, "expected an object"),
        ("getAccountInfo", json!([pool(), { "encoding": "hex" }]), -32602, "unknown variant"),
        ("getAccountInfo", json!([pool(), { "commitment": "soon" }]), -32602, "unknown variant"),
        ("getAccountInfo", json!([pool()]), -32600, "less than 128 bytes"),
        ("getAccountInfo", json!([pool(), { "encoding": "base58" }]), -32600, "use Base64"),
        ("getMultipleAccounts", json!([many]), -32602, "Too many inputs provided; max 100"),
        ("getProgramAccounts", json!([pool(), { "filters": filters }]), -32602, "max 4"),
        ("getTokenAccountBalance", json!([SYSTEM.to_string()]), -32602, "not a Token account"),
        ("getSlotLeaders", json!([1, 5_001]), -32602, "max 5000"),
        ("getBlockTime", json!([1]), -32009, "was skipped"),
        ("getSignatureStatuses", json!([["abc"]]), -32602, "Invalid param"),
        (
            "sendTransaction",
            json!(["!!", { "encoding": "base64" }]),
            -32602,
            "invalid base64 encoding",
        ),
        (
            "sendTransaction",
            json!(["AAAA", { "encoding": "base64" }]),
            -32602,
            "failed to deserialize",
        ),
        (
            "sendTransaction",
            json!(["A".repeat(1_645), { "encoding": "base64" }]),
            -32602,
            "too large: 1645 bytes",
        ),
        (
            "simulateTransaction",
            json!(["AAAA", { "encoding": "jsonParsed" }]),
            -32602,
            "unsupported encoding",
        ),
        ("requestAirdrop", json!([pool(), 1_u64 << 60]), -32602, "too large"),
        ("accountSubscribe", json!([pool()]), -32601, "Method not found"),
    ];
    for (method, params, code, says) in rows {
        let (seen, message) = kit.refusal(method, &params);
        assert_eq!(seen, code, "{method} {params}: {message}");
        assert!(message.contains(says), "{method} {params}: {message}");
    }
}

#[test]
fn requests_come_alone_or_in_batches() {
    let kit = Kit::new();
    let one = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"getHealth\"}";
    let told = "{\"jsonrpc\":\"2.0\",\"method\":\"getHealth\"}";
    let answer = kit.post(&format!("[{one},{told},{one}]"));
    assert_eq!(answer.as_array().map(Vec::len), Some(2));
    for (body, code) in [
        ("[]", -32600),
        ("{", -32700),
        ("{\"id\":1,\"method\":\"getHealth\"}", -32600),
        ("{\"jsonrpc\":\"2.0\",\"id\":1}", -32600),
        ("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"getHealth\",\"params\":{}}", -32602),
    ] {
        assert_eq!(kit.post(body)["error"]["code"], code, "{body}");
    }
    let mut request = post(one);
    request.headers.clear();
    assert_eq!(kit.venue.call(kit.now_ns, &request).status, 415);
    request.method = "GET".to_owned();
    assert_eq!(kit.venue.call(kit.now_ns, &request).status, 405);
    request.path = "/health".to_owned();
    assert_eq!(kit.venue.call(kit.now_ns, &request).body, b"ok");
    request.path = "/api/v1/bundles/tip_floor".to_owned();
    let floor = kit.venue.call(kit.now_ns, &request);
    let floor: Value = serde_json::from_slice(&floor.body).expect("JSON");
    assert!(floor[0]["landed_tips_75th_percentile"].is_number());
    let long = format!("[{}]", vec![one; 101].join(","));
    assert_eq!(kit.venue.call(kit.now_ns, &post(&long)).status, 413);
}

#[test]
fn a_node_in_trouble_says_so_or_lies() {
    let mut kit = Kit::new();
    let slot = |kit: &Kit| {
        let answer = kit.result("getSlot", &json!([{ "commitment": PROCESSED }]));
        answer.as_u64().expect("a slot")
    };
    let head = slot(&kit);
    kit.venue.disturb(kit.now_ns, &Disturbance::SlotLag { slots: 25 });
    assert_eq!(slot(&kit), head - 25);
    assert_eq!(kit.result("getHealth", &json!([])), "ok", "that is still healthy to it");
    kit.venue.disturb(kit.now_ns, &Disturbance::SlotLag { slots: 500 });
    let answer = kit.call("getHealth", &json!([]));
    assert_eq!(
        answer["error"],
        json!({
            "code": -32005,
            "data": { "numSlotsBehind": 500 },
            "message": "Node is behind by 500 slots",
        })
    );
    kit.venue.disturb(kit.now_ns, &Disturbance::SlotLag { slots: 0 });
    assert_eq!(slot(&kit), head);

    let array = kit.ledger(|ledger| {
        let owned = ledger.owned_by(WHIRLPOOL, head);
        owned.filter(|(_, account)| account.data.len() == 9_988).map(|(key, _)| *key).next()
    });
    let array = array.expect("an array").to_string();
    let read =
        |kit: &Kit| kit.result("getMultipleAccounts", &json!([[pool(), array]]))["value"].clone();
    kit.venue.disturb(kit.now_ns, &Disturbance::MissingAccounts { is_on: true });
    let value = read(&kit);
    assert!(value[0].is_object() && value[1].is_null());
    kit.venue.disturb(kit.now_ns, &Disturbance::MissingAccounts { is_on: false });
    assert!(read(&kit)[1].is_object());

    kit.venue.disturb(kit.now_ns, &Disturbance::Maintenance);
    for method in ["getHealth", "getSlot", "getLatestBlockhash"] {
        assert_eq!(kit.refusal(method, &json!([])).0, -32005, "{method}");
    }
    kit.run(10_000);
    assert_eq!(kit.result("getHealth", &json!([])), "ok");

    kit.venue.disturb(kit.now_ns, &Disturbance::AuthExpired);
    let body = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"getHealth\"}";
    assert_eq!(kit.venue.call(kit.now_ns, &post(body)).status, 401);
    assert_eq!(kit.venue.upgrade(kit.now_ns, &post("")).map(|_| ()).expect_err("out").status, 401);
    kit.venue.disturb(kit.now_ns, &Disturbance::AuthRestored);
    assert_eq!(kit.venue.call(kit.now_ns, &post(body)).status, 200);
}

#[test]
fn a_key_is_asked_for_where_it_is_set() {
    let kit = Kit::new();
    let settings = super::SolanaSettings { api_key: Some("secret".to_owned()) };
    let shared = super::SharedLedger::clone(&kit.ledger);
    let venue = super::SolanaVenue::new("solana-2", shared, settings);
    assert_eq!(venue.name(), "solana-2");
    for (query, status) in [("", 401), ("api-key=other", 401), ("a=b&api-key=secret", 200)] {
        let mut request = post("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"getHealth\"}");
        request.query = query.to_owned();
        assert_eq!(venue.call(kit.now_ns, &request).status, status, "{query}");
        assert_eq!(venue.upgrade(kit.now_ns, &request).is_ok(), status == 200, "{query}");
    }
}
