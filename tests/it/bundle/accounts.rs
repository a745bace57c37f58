//! Accounts of the derived part: layouts, and liquidity that fits the ticks.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine_poolmath::whirlpool::{sqrt_price_at_tick, tick_at_sqrt_price};
use serde_json::Value;

use super::{data, lines};

const SPACING: i32 = 64;

pub(super) fn bytes(account: &Value) -> Vec<u8> {
    let bytes = STANDARD.decode(account["data"][0].as_str().expect("a text")).expect("base64");
    assert_eq!(account["space"], bytes.len());
    bytes
}

pub(super) fn i32_at(bytes: &[u8], at: usize) -> i32 {
    i32::from_le_bytes(bytes[at..at + 4].try_into().expect("4 bytes"))
}

pub(super) fn u128_at(bytes: &[u8], at: usize) -> u128 {
    u128::from_le_bytes(bytes[at..at + 16].try_into().expect("16 bytes"))
}

/// Net liquidity by tick, from the accounts seen so far.
#[derive(Default)]
pub(super) struct Ticks(pub(super) BTreeMap<i32, i128>);

impl Ticks {
    pub(super) fn array(&mut self, bytes: &[u8]) {
        assert_eq!(bytes.len(), 9_988);
        assert_eq!(bytes[..8], [0x45, 0x61, 0xbd, 0xbe, 0x6e, 0x07, 0x42, 0xbb]);
        let start = i32_at(bytes, 8);
        assert_eq!(start % (88 * SPACING), 0);
        for slot in 0..88_u8 {
            let at = 12 + usize::from(slot) * 113;
            let index = start + i32::from(slot) * SPACING;
            let (net, gross) = (u128_at(bytes, at + 1).cast_signed(), u128_at(bytes, at + 17));
            assert_eq!(bytes[at] == 1, gross > 0, "tick {index}");
            assert!(net.unsigned_abs() <= gross, "tick {index}");
            if bytes[at] == 1 {
                self.0.insert(index, net);
            } else {
                assert!(bytes[at..at + 113].iter().all(|byte| *byte == 0), "tick {index}");
                self.0.remove(&index);
            }
        }
    }

    /// The pool's own fields agree with each other and with the ticks.
    fn check(&self, pool: &[u8], what: &str) {
        assert_eq!(pool.len(), 653);
        assert_eq!(pool[..8], [0x3f, 0x95, 0xd1, 0x0c, 0xe1, 0x80, 0x63, 0x09]);
        let (price, tick) = (u128_at(pool, 65), i32_at(pool, 81));
        let floor = tick_at_sqrt_price(price);
        let on_tick = sqrt_price_at_tick(floor) == price;
        assert!(tick == floor || (on_tick && tick == floor - 1), "{what}: {tick} {floor}");
        let sum: i128 = self.0.range(..=tick).map(|(_, net)| net).sum();
        assert_eq!(u128_at(pool, 49).cast_signed(), sum, "{what}: liquidity");
    }
}

#[test]
fn the_bootstrap_is_complete_and_every_later_state_fits_its_ticks() {
    let list = lines("derived/solana.jsonl.zst");
    let bootstrap = list.iter().find(|line| {
        line["request"].as_str().is_some_and(|text| text.contains("getMultipleAccounts"))
    });
    let bootstrap = bootstrap.expect("a bootstrap");
    let request: Value =
        serde_json::from_str(bootstrap["request"].as_str().expect("a text")).expect("JSON");
    let answer = data(bootstrap);
    let keys = request["params"][0].as_array().expect("keys");
    let values = answer["result"]["value"].as_array().expect("values");
    assert_eq!((keys.len(), values.len()), (37, 37), "pool, 34 arrays, two mints");
    assert_eq!(keys[0], "HJPjoWUrhoZzkNfRpHuieeFk9WcZWjwy6PBjZ81ngndJ");
    assert_eq!(values.iter().filter(|value| value.is_null()).count(), 14);

    let mut ticks = Ticks::default();
    for value in values[1..35].iter().filter(|value| !value.is_null()) {
        ticks.array(&bytes(value));
    }
    assert_eq!(ticks.0.len(), 416);
    ticks.check(&bytes(&values[0]), "bootstrap");
    for (value, decimals) in values[35..].iter().zip([9, 6]) {
        let mint = bytes(value);
        assert_eq!((mint.len(), mint[44], mint[45]), (82, decimals, 1));
    }
    follow(&list, &mut ticks, answer["result"]["context"]["slot"].as_u64().expect("a slot"));
}

/// Applies the notifications slot by slot and checks each slot's pool.
fn follow(list: &[Value], ticks: &mut Ticks, bootstrap_slot: u64) {
    let mut pool: Option<Vec<u8>> = None;
    let (mut shown, mut states, mut arrays) = (bootstrap_slot, 0, 0);
    for line in list.iter().filter(|line| line["t"] == "recv") {
        let frame = data(line);
        let result = &frame["params"]["result"];
        if frame["method"] == "slotNotification" {
            let slot = result["slot"].as_u64().expect("a slot");
            assert!(result["parent"].as_u64().expect("a slot") < slot);
            if let Some(pool) = pool.take() {
                ticks.check(&pool, &format!("slot {slot}"));
                states += 1;
            }
        } else if frame["method"] == "accountNotification" {
            let slot = result["context"]["slot"].as_u64().expect("a slot");
            assert!(slot >= shown, "slots never go back");
            shown = slot;
            if slot <= bootstrap_slot {
                continue;
            }
            let account = bytes(&result["value"]);
            if account.len() == 653 {
                pool = Some(account);
            } else {
                ticks.array(&account);
                arrays += 1;
            }
        }
    }
    assert!(states > 100, "{states} states");
    assert!(arrays > 20, "{arrays} arrays");
}

#[test]
fn fees_are_asked_for_often_enough() {
    let list = lines("derived/solana.jsonl.zst");
    let answers: Vec<Value> = list
        .iter()
        .filter(|line| line["request"].as_str().is_some_and(|text| text.contains("Prioritization")))
        .map(data)
        .collect();
    assert_eq!(answers.len(), 20);
    assert!(
        answers.iter().all(|answer| answer["result"].as_array().is_some_and(|l| l.len() == 150))
    );
}
