//! Methods about slots, blocks and the node itself.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::answer::{API_VERSION, Answer, RpcError, with_context};
use super::node::Node;
use super::params::{Config, commitment, key, list, number, text};
use crate::chain::{BLOCKHASH_BLOCKS, Block};
use crate::happening::Commitment;

/// Slots of an epoch.
const EPOCH_SLOTS: u64 = 432_000;

/// Slots in a row of one leader.
const LEADER_SLOTS: u64 = 4;

/// Validators that take turns.
const LEADERS: u64 = 20;

/// Most leaders of one answer.
const LEADERS_MAX: u64 = 5_000;

/// Most keys in a question about priority fees.
const FEE_KEYS_MAX: usize = 128;

/// Slots that an answer about priority fees covers.
const FEE_SLOTS: usize = 150;

/// Lamports per byte and year, years, and bytes of overhead that keep an account alive.
const RENT: (u64, u64, u64) = (3_480, 2, 128);

/// Largest account. Unit: bytes.
const ACCOUNT_BYTES_MAX: u64 = 10 * 1_024 * 1_024;

fn hash_text(hash: &[u8; 32]) -> String {
    bs58::encode(hash).into_string()
}

pub(super) fn bank(node: &Node, params: &[Value], place: usize) -> Result<Block, RpcError> {
    // Some clients give the commitment alone, as older nodes took it.
    let config = match params.get(place) {
        Some(name @ Value::String(_)) => {
            Config { commitment: Some(commitment(name)?), ..Config::default() }
        }
        _ => Config::at(params, place)?,
    };
    node.bank(&node.ledger(), &config)
}

pub(super) fn get_slot(node: &Node, params: &[Value]) -> Answer {
    Ok(json!(bank(node, params, 0)?.slot))
}

pub(super) fn get_block_height(node: &Node, params: &[Value]) -> Answer {
    Ok(json!(bank(node, params, 0)?.height))
}

pub(super) fn get_block_time(node: &Node, params: &[Value]) -> Answer {
    let slot = number(params.first())?;
    let ledger = node.ledger();
    let Some(block) = ledger.block_of_slot(slot) else {
        let message = format!("Slot {slot} was skipped, or missing in long-term storage");
        return Err(RpcError::new(-32009, message));
    };
    Ok(json!(block.time_s()))
}

pub(super) fn get_latest_blockhash(node: &Node, params: &[Value]) -> Answer {
    let bank = bank(node, params, 0)?;
    let last = bank.height + BLOCKHASH_BLOCKS;
    let value = json!({ "blockhash": hash_text(&bank.hash), "lastValidBlockHeight": last });
    Ok(with_context(&bank, value))
}

pub(super) fn is_blockhash_valid(node: &Node, params: &[Value]) -> Answer {
    let hash: Option<[u8; 32]> =
        bs58::decode(text(params.first())?).into_vec().ok().and_then(|hash| hash.try_into().ok());
    let hash = hash.ok_or_else(|| RpcError::invalid_params("Invalid param: WrongSize"))?;
    let bank = bank(node, params, 1)?;
    let ledger = node.ledger();
    let known = ledger.block_of_hash(&hash, bank.slot);
    let is_good = known.is_some_and(|known| bank.height <= known.height + BLOCKHASH_BLOCKS);
    Ok(with_context(&bank, json!(is_good)))
}

pub(super) fn get_health(node: &Node, now_ns: u64) -> Answer {
    node.health(now_ns).map(|()| json!("ok"))
}

pub(super) fn get_version() -> Value {
    json!({ "feature-set": 3_604_001_754_u32, "solana-core": API_VERSION })
}

pub(super) fn get_epoch_info(node: &Node, params: &[Value]) -> Answer {
    let bank = bank(node, params, 0)?;
    Ok(json!({
        "absoluteSlot": bank.slot,
        "blockHeight": bank.height,
        "epoch": bank.slot / EPOCH_SLOTS,
        "slotIndex": bank.slot % EPOCH_SLOTS,
        "slotsInEpoch": EPOCH_SLOTS,
        "transactionCount": null,
    }))
}

pub(super) fn get_genesis_hash(node: &Node) -> Value {
    // Of this chain, and of no other: whoever checks it learns where it is.
    let seed = node.ledger().seed();
    let hash: [u8; 32] =
        Sha256::new().chain_update(b"genesis").chain_update(seed.to_le_bytes()).finalize().into();
    json!(hash_text(&hash))
}

pub(super) fn get_minimum_balance_for_rent_exemption(params: &[Value]) -> Answer {
    let bytes = number(params.first())?;
    if bytes > ACCOUNT_BYTES_MAX {
        return Err(RpcError::invalid_params("Invalid param: data length too large"));
    }
    let (lamports, years, overhead) = RENT;
    Ok(json!((bytes + overhead) * lamports * years))
}

/// Leaders are made up: each has four slots in a row.
fn leader(seed: u64, slot: u64) -> String {
    let turn = (slot / LEADER_SLOTS) % LEADERS;
    let key: [u8; 32] = Sha256::new()
        .chain_update(b"leader")
        .chain_update(seed.to_le_bytes())
        .chain_update(turn.to_le_bytes())
        .finalize()
        .into();
    hash_text(&key)
}

pub(super) fn get_slot_leader(node: &Node, params: &[Value]) -> Answer {
    let bank = bank(node, params, 0)?;
    Ok(json!(leader(node.ledger().seed(), bank.slot)))
}

pub(super) fn get_slot_leaders(node: &Node, params: &[Value]) -> Answer {
    let (first, count) = (number(params.first())?, number(params.get(1))?);
    if count > LEADERS_MAX {
        let message = format!("Invalid limit; max {LEADERS_MAX}");
        return Err(RpcError::invalid_params(message));
    }
    let seed = node.ledger().seed();
    let slots = first..first.saturating_add(count);
    Ok(slots.map(|slot| json!(leader(seed, slot))).collect())
}

pub(super) fn get_recent_prioritization_fees(node: &Node, params: &[Value]) -> Answer {
    if !matches!(params.first(), None | Some(Value::Null)) {
        for text in list(params.first(), FEE_KEYS_MAX)? {
            key(Some(text))?;
        }
    }
    let ledger = node.ledger();
    let blocks = ledger.recent_blocks(Commitment::Processed, node.trouble().lag(), FEE_SLOTS);
    let fee = |block: &Block| json!({ "prioritizationFee": ledger.priority_fee(block.slot), "slot": block.slot });
    Ok(blocks.iter().map(fee).collect())
}
