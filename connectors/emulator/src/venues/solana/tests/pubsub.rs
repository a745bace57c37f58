//! Subscriptions, in health and in trouble.

use serde_json::{Value, json};

use super::{Kit, connect, frames};
use crate::chain::{BaseSide, LedgerSpec, SOL_USDC_POOL, WHIRLPOOL};
use crate::happening::Commitment;
use crate::market::accounts::array_address;
use crate::serve::{Disturbance, Out};

fn pool() -> String {
    SOL_USDC_POOL.to_string()
}

fn swap(kit: &Kit, sol: u64) {
    kit.ledger(|ledger| ledger.market_swap(&SOL_USDC_POOL, BaseSide::Sell, sol * 100_000_000));
}

fn base64(commitment: &str) -> Value {
    json!({ "encoding": "base64", "commitment": commitment })
}

fn slots(frames: &[Value]) -> Vec<u64> {
    let slot = |frame: &Value| {
        let result = &frame["params"]["result"];
        let slot = result["context"]["slot"].as_u64().or_else(|| result["slot"].as_u64());
        slot.expect("a slot")
    };
    frames.iter().map(slot).collect()
}

fn head(kit: &Kit) -> u64 {
    kit.ledger(|ledger| ledger.block(Commitment::Processed, 0).slot)
}

#[test]
fn frames_are_spelled_as_in_the_recording() {
    let mut kit = Kit::new();
    let answer = {
        let mut out = Vec::new();
        let request = format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"accountSubscribe\",\"params\":[\"{}\",\
             {{\"encoding\":\"base64\",\"commitment\":\"processed\"}}]}}",
            pool()
        );
        kit.link.text(kit.now_ns, &request, &mut out);
        out
    };
    assert_eq!(answer, [Out::Text("{\"jsonrpc\":\"2.0\",\"result\":23784,\"id\":1}".to_owned())]);
    kit.follow("slotSubscribe", &json!([]));
    swap(&kit, 100);
    let out = kit.run(400);
    let slot = head(&kit);
    let account = kit.ledger(|ledger| ledger.account(&SOL_USDC_POOL, slot).cloned()).expect("pool");
    let expected = format!(
        "{{\"jsonrpc\":\"2.0\",\"method\":\"accountNotification\",\"params\":{{\"result\":\
         {{\"context\":{{\"slot\":{slot}}},\"value\":{}}},\"subscription\":23784}}}}",
        crate::market::accounts::account_json(&WHIRLPOOL.to_string(), &account.data)
    );
    assert!(out.contains(&Out::Text(expected)), "{out:?}");
    let began = out.iter().any(|out| {
        *out == Out::Text(format!(
            "{{\"jsonrpc\":\"2.0\",\"method\":\"slotNotification\",\"params\":{{\"result\":\
             {{\"slot\":{slot},\"parent\":{},\"root\":{}}},\"subscription\":23785}}}}",
            slot - 1,
            slot - 33
        ))
    });
    assert!(began, "{out:?}");
}

#[test]
fn each_commitment_hears_of_a_change_in_its_time() {
    let mut kit = Kit::new();
    let ids: Vec<u64> = ["processed", "confirmed", "finalized"]
        .map(|commitment| kit.follow("accountSubscribe", &json!([pool(), base64(commitment)])))
        .to_vec();
    swap(&kit, 100);
    let changed = head(&kit) + 1;
    let mut heard = Vec::new();
    for block in 0..34_u64 {
        for frame in frames(&kit.run(400), "accountNotification") {
            assert_eq!(frame["params"]["result"]["context"]["slot"], changed);
            heard.push((block, frame["params"]["subscription"].as_u64().expect("an id")));
        }
    }
    assert_eq!(heard, [(0, ids[0]), (2, ids[1]), (32, ids[2])]);
}

#[test]
fn subscriptions_are_counted_ended_and_not_doubled() {
    let mut kit = Kit::new();
    let first = kit.follow("accountSubscribe", &json!([pool(), base64("processed")]));
    assert_eq!(kit.follow("accountSubscribe", &json!([pool(), base64("processed")])), first);
    let second = kit.follow("rootSubscribe", &json!([]));
    let third = kit.follow(
        "programSubscribe",
        &json!([
            WHIRLPOOL.to_string(),
            { "encoding": "base64", "commitment": "processed", "filters": [{ "dataSize": 653 }] },
        ]),
    );
    swap(&kit, 100);
    let out = kit.run(400);
    let roots = frames(&out, "rootNotification");
    assert_eq!(roots[0]["params"]["subscription"], second);
    let programs = frames(&out, "programNotification");
    assert_eq!(programs.len(), 1);
    assert_eq!(programs[0]["params"]["result"]["value"]["pubkey"], pool());
    assert_eq!(programs[0]["params"]["result"]["value"]["account"]["space"], 653);
    for (method, id, good) in [
        ("slotUnsubscribe", first, false),
        ("accountUnsubscribe", first, true),
        ("accountUnsubscribe", first, false),
        ("programUnsubscribe", third, true),
        ("rootUnsubscribe", second, true),
    ] {
        assert_eq!(kit.ask(method, &json!([id]))["result"] == true, good, "{method} {id}");
    }
    swap(&kit, 100);
    assert!(kit.run(400).is_empty());
    for (method, code) in [("getSlot", -32601), ("blockSubscribe", -32601)] {
        assert_eq!(kit.ask(method, &json!([]))["error"]["code"], code, "{method}");
    }
    let mut out = Vec::new();
    kit.link.text(kit.now_ns, "{", &mut out);
    assert!(matches!(&out[..], [Out::Text(text)] if text.contains("-32700")));
    let mut last = Value::Null;
    for number in 0..=1_000_u32 {
        let mut key = [1; 32];
        key[..4].copy_from_slice(&number.to_le_bytes());
        let key = solana_pubkey::Pubkey::new_from_array(key).to_string();
        last = kit.ask("accountSubscribe", &json!([key, base64("processed")]));
    }
    assert_eq!(last["error"]["code"], -32603, "there is a limit");
}

#[test]
fn forks_show_as_a_lower_slot() {
    let mut kit = Kit::new();
    kit.follow("accountSubscribe", &json!([pool(), base64("processed")]));
    swap(&kit, 100);
    kit.run(400);
    kit.ledger(crate::chain::Ledger::fork);
    let seen = slots(&frames(&kit.run(800), "accountNotification"));
    let abandoned = head(&kit) - 2;
    assert_eq!(seen[..2], [abandoned - 1, abandoned + 1], "reverted, and executed again: {seen:?}");
    // One connection alone can be told so as well.
    let mut out = Vec::new();
    let before = head(&kit);
    let crossed = Disturbance::CrossedBook { product: pool().into() };
    assert!(kit.link.disturb(kit.now_ns, &crossed, &mut out));
    let seen = slots(&frames(&out, "accountNotification"));
    assert!(seen[0] <= before && seen[1] < seen[0], "one goes back: {seen:?}");
    let unknown = Disturbance::CrossedBook { product: "SOL-USD".into() };
    assert!(!kit.link.disturb(kit.now_ns, &unknown, &mut out));
}

#[test]
fn a_split_slot_tells_the_pool_first() {
    let mut kit = Kit::new();
    let tick = crate::chain::kit::pool(&kit.ledger.lock().expect("free"), &SOL_USDC_POOL).pool;
    let array = array_address(&SOL_USDC_POOL, tick.array_start(tick.tick_current_index));
    let of_pool = kit.follow("accountSubscribe", &json!([pool(), base64("processed")]));
    let of_array = kit.follow("accountSubscribe", &json!([array.to_string(), base64("processed")]));
    let split = Disturbance::SplitSlot { delay_ms: 300 };
    let mut out = Vec::new();
    assert!(kit.link.disturb(kit.now_ns, &split, &mut out));
    // Enough to cross ticks of the array.
    swap(&kit, 3_000);
    let mut heard: Vec<(u64, u64)> = Vec::new();
    for at_ms in (0..1_200).step_by(10) {
        for frame in frames(&kit.run(10), "accountNotification") {
            heard.push((at_ms, frame["params"]["subscription"].as_u64().expect("an id")));
        }
    }
    let [(first, a), (second, b)] = heard[..] else { panic!("two frames: {heard:?}") };
    assert_eq!((a, b), (of_pool, of_array));
    assert!((290..=320).contains(&(second - first)), "{first} {second}");
}

#[test]
fn a_lagging_node_falls_behind_and_catches_up() {
    let mut kit = Kit::of(&LedgerSpec { skip_permille: 100, ..crate::chain::kit::spec() });
    kit.follow("slotSubscribe", &json!([]));
    kit.follow("accountSubscribe", &json!([pool(), base64("processed")]));
    let mut out = Vec::new();
    kit.link.disturb(kit.now_ns, &Disturbance::SlotLag { slots: 10 }, &mut out);
    let mut all = Vec::new();
    for _ in 0..30 {
        swap(&kit, 10);
        all.extend(kit.run(400));
    }
    let shown = slots(&frames(&all, "slotNotification"));
    let behind = head(&kit) - shown.last().copied().expect("slots");
    assert!((10..=13).contains(&behind), "{behind}");
    assert!(shown.is_sorted() && shown.len() > 10, "{shown:?}");
    // Somebody who connects now sees it behind at once.
    let mut fresh = connect(&kit.venue, kit.now_ns);
    let mut told = Vec::new();
    fresh.text(
        kit.now_ns,
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"slotSubscribe\",\"params\":[]}",
        &mut told,
    );
    told.clear();
    let happened = kit.ledger(|ledger| ledger.advance(kit.now_ns + 800_000_000));
    for what in &happened {
        fresh.happened(kit.now_ns, what, &mut told);
        kit.link.happened(kit.now_ns, what, &mut all);
    }
    kit.now_ns += 800_000_000;
    let seen = slots(&frames(&told, "slotNotification"));
    assert!(seen.iter().all(|slot| head(&kit) - slot >= 9), "{seen:?}");
    assert!(!seen.is_empty());
    kit.link.disturb(kit.now_ns, &Disturbance::SlotLag { slots: 0 }, &mut all);
    all.extend(kit.run(2_000));
    let shown = slots(&frames(&all, "slotNotification"));
    assert!(shown.is_sorted_by(|a, b| a < b), "each slot once: {shown:?}");
    let chain = kit.ledger(|ledger| ledger.slots_between(shown[0] - 1, u64::MAX));
    assert_eq!(shown, chain, "and none left out");
    let accounts = slots(&frames(&all, "accountNotification"));
    let changed = kit.ledger(|ledger| {
        let all = ledger.slots_between(accounts[0] - 1, u64::MAX);
        all.into_iter()
            .filter(|slot| ledger.has_changed_in(&SOL_USDC_POOL, *slot))
            .collect::<Vec<_>>()
    });
    assert_eq!(accounts, changed);
}

#[test]
fn a_dropped_subscription_is_silent_and_a_giant_frame_is_whole() {
    let mut kit = Kit::new();
    let id = kit.follow("accountSubscribe", &json!([pool(), base64("processed")]));
    kit.follow("slotSubscribe", &json!([]));
    let mut out = Vec::new();
    let giant = Disturbance::GiantFrame { bytes: 1_000_000 };
    assert!(kit.link.disturb(kit.now_ns, &giant, &mut out));
    let Some(Out::Text(text)) = out.first() else { panic!("a frame") };
    assert!(text.len() >= 1_000_000);
    assert_eq!(frames(&out, "accountNotification")[0]["params"]["subscription"], id);
    out.clear();
    assert!(kit.link.disturb(kit.now_ns, &Disturbance::SubscriptionDropped, &mut out));
    assert!(out.is_empty());
    swap(&kit, 100);
    let out = kit.run(400);
    assert!(frames(&out, "accountNotification").is_empty());
    assert_eq!(frames(&out, "slotNotification").len(), 1);
    let mut out = Vec::new();
    assert!(!kit.link.disturb(kit.now_ns, &Disturbance::SubscriptionDropped, &mut out));
    assert!(!kit.link.disturb(kit.now_ns, &giant, &mut out));
}
