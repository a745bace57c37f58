//! Sending a transaction and following it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine_poolmath::whirlpool::Direction;
use serde_json::{Value, json};
use solana_pubkey::Pubkey;
use solana_signer::Signer as _;

use super::{Kit, frames};
use crate::chain::kit::{CLIENT_WSOL, Swap, budget, client, pool, sign, transfer};
use crate::chain::{ClientTransaction, SOL_USDC_POOL, USDC, WSOL, associated_token_address};

const STRANGER: Pubkey = Pubkey::new_from_array([9; 32]);

fn text(transaction: &ClientTransaction) -> String {
    STANDARD.encode(transaction.bytes())
}

/// A swap of a SOL for USDC.
fn swap(kit: &Kit, threshold: u64) -> ClientTransaction {
    kit.ledger(|ledger| {
        let order = Swap { threshold, ..Swap::exact_in(1_000_000_000, Direction::AToB) };
        let instruction =
            order.v2(&client().pubkey(), &SOL_USDC_POOL, &pool(ledger, &SOL_USDC_POOL));
        let [units, price] = budget(100_000, 70_000);
        sign(ledger, &client(), &[units, price, instruction])
    })
}

fn options() -> Value {
    json!({ "encoding": "base64", "preflightCommitment": "processed" })
}

#[test]
fn a_swap_is_simulated_sent_and_confirmed() {
    let mut kit = Kit::new();
    let sent = swap(&kit, 1);
    let usdc = associated_token_address(&client().pubkey(), &USDC).to_string();
    let simulated = kit.result(
        "simulateTransaction",
        &json!([text(&sent), {
            "encoding": "base64",
            "commitment": "processed",
            "replaceRecentBlockhash": true,
            "accounts": { "encoding": "base64", "addresses": [usdc] },
        }]),
    );
    let value = &simulated["value"];
    assert_eq!(value["err"], Value::Null, "{value}");
    assert!(value["unitsConsumed"].as_u64().is_some_and(|units| units > 20_000));
    assert!(value["replacementBlockhash"]["blockhash"].is_string());
    let after = STANDARD.decode(value["accounts"][0]["data"][0].as_str().expect("text"));
    let after = u64::from_le_bytes(after.expect("base64")[64..72].try_into().expect("8 bytes"));

    let id = kit.result("sendTransaction", &json!([text(&sent), options()]));
    let followed = kit.follow(
        "signatureSubscribe",
        &json!([id, {
            "commitment": "confirmed", "enableReceivedNotification": true,
        }]),
    );
    let logs = kit.follow(
        "logsSubscribe",
        &json!([
            { "mentions": [SOL_USDC_POOL.to_string()] }, { "commitment": "processed" },
        ]),
    );
    let out = kit.run(400);
    let received = frames(&out, "signatureNotification");
    assert_eq!(received[0]["params"]["result"]["value"], "receivedSignature");
    let logged = frames(&out, "logsNotification");
    assert_eq!(logged[0]["params"]["subscription"], logs);
    assert_eq!(logged[0]["params"]["result"]["value"]["signature"], id);
    let lines = &logged[0]["params"]["result"]["value"]["logs"];
    assert!(lines.as_array().is_some_and(|lines| lines.len() > 8));
    let status =
        |kit: &Kit| kit.result("getSignatureStatuses", &json!([[id, id]]))["value"][1].clone();
    let first = status(&kit);
    assert_eq!(first["confirmationStatus"], "processed");
    assert_eq!((&first["err"], &first["status"]), (&Value::Null, &json!({ "Ok": null })));
    let out = kit.run(800);
    let confirmed = frames(&out, "signatureNotification");
    assert_eq!(confirmed.len(), 1);
    assert_eq!(confirmed[0]["params"]["subscription"], followed);
    assert_eq!(confirmed[0]["params"]["result"]["value"], json!({ "err": null }));
    assert_eq!(status(&kit)["confirmationStatus"], "confirmed");
    assert_eq!(status(&kit)["confirmations"], 2);
    let gone = kit.ask("signatureUnsubscribe", &json!([followed]));
    assert_eq!(gone["error"]["code"], -32602, "removed after its only notification");
    kit.run(32 * 400);
    assert_eq!(status(&kit)["confirmationStatus"], "finalized");
    assert_eq!(status(&kit)["confirmations"], Value::Null);

    let got = kit.result("getTokenAccountBalance", &json!([usdc]))["value"]["amount"].clone();
    assert_eq!(got, after.to_string(), "as simulated");
    let found = kit.result(
        "getTransaction",
        &json!([id, {
            "encoding": "json", "maxSupportedTransactionVersion": 0,
        }]),
    );
    let meta = &found["meta"];
    assert_eq!((&meta["err"], &meta["fee"]), (&Value::Null, &json!(5_000 + 7_000)));
    assert_eq!(found["transaction"]["signatures"][0], id);
    assert_eq!(found["version"], 0);
    let wsol = WSOL.to_string();
    let mine = client().pubkey().to_string();
    let tokens = |name: &str| {
        let list = meta[name].as_array().expect("a list");
        let own = list.iter().find(|entry| entry["mint"] == wsol && entry["owner"] == mine);
        own.expect("a balance")["uiTokenAmount"]["amount"].as_str().expect("text").to_owned()
    };
    assert_eq!(tokens("preTokenBalances"), CLIENT_WSOL.to_string());
    assert_eq!(tokens("postTokenBalances"), (CLIENT_WSOL - 1_000_000_000).to_string());
    let (code, message) = kit.refusal("getTransaction", &json!([id]));
    assert_eq!(code, -32015, "{message}");
    let base64 = json!({ "encoding": "base64", "maxSupportedTransactionVersion": 0 });
    let raw = kit.result("getTransaction", &json!([id, base64]));
    assert_eq!(raw["transaction"][0], text(&sent));
    let again = kit.call("sendTransaction", &json!([text(&sent), options()]));
    assert_eq!(again["error"]["data"]["err"], "AlreadyProcessed");
}

#[test]
fn what_would_fail_is_refused_unless_nobody_looks() {
    let mut kit = Kit::new();
    let failing = swap(&kit, u64::MAX);
    let answer = kit.call("sendTransaction", &json!([text(&failing), options()]));
    let error = &answer["error"];
    assert_eq!(error["code"], -32002);
    assert_eq!(
        error["message"],
        "Transaction simulation failed: Error processing Instruction 2: custom program error: 0x1794"
    );
    assert_eq!(error["data"]["err"], json!({ "InstructionError": [2, { "Custom": 6036 }] }));
    let logs = error["data"]["logs"].as_array().expect("a list");
    assert!(logs.iter().any(|line| {
        line.as_str().is_some_and(|line| line.contains("Error Code: AmountOutBelowMinimum"))
    }));
    // Finalized by default: a fresh blockhash is unknown there.
    let fresh = kit.ledger(|ledger| {
        let newest = ledger.block(crate::happening::Commitment::Processed, 0).hash;
        let give = transfer(&client().pubkey(), &STRANGER, 1_000_000);
        crate::chain::kit::sign_with(newest, &client(), &[give], &[])
    });
    let answer = kit.call("sendTransaction", &json!([text(&fresh), { "encoding": "base64" }]));
    assert_eq!(answer["error"]["data"]["err"], "BlockhashNotFound");

    let mut bytes = failing.bytes().to_vec();
    bytes[5] ^= 1;
    let forged = STANDARD.encode(&bytes);
    let (code, _) = kit.refusal("sendTransaction", &json!([forged, options()]));
    assert_eq!(code, -32003);
    let unchecked = json!({ "encoding": "base64", "skipPreflight": true });
    kit.result("sendTransaction", &json!([forged, unchecked]));
    let id = kit.result("sendTransaction", &json!([text(&failing), unchecked]));
    let followed = kit.follow("signatureSubscribe", &json!([id, { "commitment": "processed" }]));
    let out = kit.run(800);
    let told = frames(&out, "signatureNotification");
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["params"]["subscription"], followed);
    let error = json!({ "InstructionError": [2, { "Custom": 6036 }] });
    assert_eq!(told[0]["params"]["result"]["value"], json!({ "err": error }));
    assert_eq!(kit.ledger(|ledger| ledger.client_counts().submitted), 1, "not the forged one");
    let both = json!({ "encoding": "base64", "sigVerify": true, "replaceRecentBlockhash": true });
    let (code, _) = kit.refusal("simulateTransaction", &json!([text(&failing), both]));
    assert_eq!(code, -32602);
}

#[test]
fn fees_of_messages_and_test_funds() {
    let mut kit = Kit::new();
    let sent = swap(&kit, 1);
    let message = STANDARD.encode(sent.message_bytes());
    let processed = json!({ "commitment": "processed" });
    let fee = kit.result("getFeeForMessage", &json!([message, processed]));
    assert_eq!(fee["value"], 5_000 + 7_000);
    kit.run(200 * 400);
    let fee = kit.result("getFeeForMessage", &json!([message, processed]));
    assert_eq!(fee["value"], Value::Null, "its blockhash is too old");
    let id = kit.result("requestAirdrop", &json!([STRANGER.to_string(), 3_000_000_000_u64]));
    kit.run(800);
    let status = kit.result("getSignatureStatuses", &json!([[id]]))["value"][0].clone();
    assert_eq!(status["err"], Value::Null);
    let balance = kit.result("getBalance", &json!([STRANGER.to_string(), processed]));
    assert_eq!(balance["value"], 3_000_000_000_u64);
}
