//! Methods about transactions.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use solana_message::VersionedMessage;
use solana_pubkey::Pubkey;
use std::str::FromStr as _;

use super::answer::{Answer, RpcError, with_context};
use super::encode::{account, token_amount};
use super::node::Node;
use super::params::{Config, Encoding, commitment, given, key, list, number, signature, text};
use crate::chain::{
    BLOCKHASH_BLOCKS, Block, Budget, ClientTransaction, Executed, FINALIZED_BLOCKS, Ledger, Record,
    Simulated, SimulatedHash, TRANSACTION_BYTES_MAX, TokenBalance, Undecodable,
};
use crate::happening::Commitment;

/// Longest texts of a transaction: base58 and base64.
const TEXT_MAX: (usize, usize) = (1_683, 1_644);

/// Most signatures in a question about statuses.
const STATUSES_MAX: usize = 256;

/// Most accounts that a simulation shows afterwards.
const SHOWN_MAX: usize = 64;

/// What the node calls the type of a transaction in its complaints.
const TYPE: &str = "solana_transaction::versioned::VersionedTransaction";

fn err_json(error: Option<&solana_transaction_error::TransactionError>) -> Value {
    error.map_or(Value::Null, |error| serde_json::to_value(error).unwrap_or(Value::Null))
}

fn status_json(error: Option<&solana_transaction_error::TransactionError>) -> Value {
    match error {
        None => json!({ "Ok": null }),
        Some(_) => json!({ "Err": err_json(error) }),
    }
}

/// Reads a transaction in base58 (by default) or base64.
fn decode(params: &[Value], config: &Config) -> Result<ClientTransaction, RpcError> {
    let text = text(params.first())?;
    let (name, longest, bytes) = match config.encoding {
        None | Some(Encoding::Binary | Encoding::Base58) => {
            let bytes = if text.len() > TEXT_MAX.0 {
                None
            } else {
                Some(bs58::decode(text).into_vec().map_err(|error| error.to_string()))
            };
            ("base58", TEXT_MAX.0, bytes)
        }
        Some(Encoding::Base64) => {
            let bytes = if text.len() > TEXT_MAX.1 {
                None
            } else {
                Some(STANDARD.decode(text).map_err(|error| error.to_string()))
            };
            ("base64", TEXT_MAX.1, bytes)
        }
        Some(Encoding::Base64Zstd | Encoding::JsonParsed) => {
            let message = "unsupported encoding. Supported encodings: base58, base64";
            return Err(RpcError::invalid_params(message));
        }
    };
    let Some(bytes) = bytes else {
        return Err(RpcError::invalid_params(format!(
            "{name} encoded {TYPE} too large: {} bytes (max: encoded/raw \
             {longest}/{TRANSACTION_BYTES_MAX})",
            text.len()
        )));
    };
    let bytes = bytes
        .map_err(|error| RpcError::invalid_params(format!("invalid {name} encoding: {error}")))?;
    ClientTransaction::decode(&bytes).map_err(|error| {
        RpcError::invalid_params(match error {
            Undecodable::TooLong { bytes } => {
                format!(
                    "decoded {TYPE} too large: {bytes} bytes (max: {TRANSACTION_BYTES_MAX} bytes)"
                )
            }
            Undecodable::Malformed(why) => format!("failed to deserialize {TYPE}: {why}"),
            Undecodable::Version => format!("failed to deserialize {TYPE}: {error}"),
            Undecodable::Unsound(_) => {
                "invalid transaction: Transaction failed to sanitize accounts offsets correctly"
                    .to_owned()
            }
        })
    })
}

fn signature_failure() -> RpcError {
    RpcError::new(-32003, "Transaction signature verification failure")
}

pub(super) fn send_transaction(node: &Node, now_ns: u64, params: &[Value]) -> Answer {
    let config = Config::at(params, 1)?;
    let transaction = decode(params, &config)?;
    let id = bs58::encode(transaction.id()).into_string();
    let skips_preflight = config.flag("skipPreflight")?;
    let preflight = given(&config.all, "preflightCommitment").map(commitment).transpose()?;
    let preflight = preflight.or(config.commitment);
    let mut ledger = node.ledger();
    let config = Config { commitment: preflight, ..config };
    let bank = node.bank(&ledger, &config)?;
    if skips_preflight {
        if transaction.is_signed() {
            ledger.submit(transaction);
        }
        // With a bad signature no leader takes it, and nobody says so.
        return Ok(json!(id));
    }
    node.health(now_ns)?;
    if !transaction.is_signed() {
        return Err(signature_failure());
    }
    let simulated = ledger.simulate(&transaction, bank.slot, SimulatedHash::Own);
    if let Some(error) = &simulated.error {
        let message = format!("Transaction simulation failed: {error}");
        let data = simulated_json(&simulated, Value::Null, Value::Null);
        return Err(RpcError::new(-32002, message).with(data));
    }
    ledger.submit(transaction);
    Ok(json!(id))
}

pub(super) fn simulate_transaction(node: &Node, params: &[Value]) -> Answer {
    let config = Config::at(params, 1)?;
    let transaction = decode(params, &config)?;
    let (verifies, replaces) = (config.flag("sigVerify")?, config.flag("replaceRecentBlockhash")?);
    if verifies && replaces {
        let message = "sigVerify may not be used with replaceRecentBlockhash";
        return Err(RpcError::invalid_params(message));
    }
    if verifies && !transaction.is_signed() {
        return Err(signature_failure());
    }
    let ledger = node.ledger();
    let bank = node.bank(&ledger, &config)?;
    let hash = if replaces { SimulatedHash::Replaced } else { SimulatedHash::Own };
    let simulated = ledger.simulate(&transaction, bank.slot, hash);
    let shown = shown_accounts(&ledger, &bank, &simulated, &config.all["accounts"])?;
    let replacement = if replaces {
        json!({
            "blockhash": bs58::encode(bank.hash).into_string(),
            "lastValidBlockHeight": bank.height + BLOCKHASH_BLOCKS,
        })
    } else {
        Value::Null
    };
    Ok(with_context(&bank, simulated_json(&simulated, shown, replacement)))
}

/// Accounts as a simulation leaves them.
fn shown_accounts(
    ledger: &Ledger,
    bank: &Block,
    simulated: &Simulated,
    asked: &Value,
) -> Result<Value, RpcError> {
    if asked.is_null() {
        return Ok(Value::Null);
    }
    let encoding = match asked["encoding"].as_str() {
        Some("base64+zstd") => Encoding::Base64Zstd,
        None | Some("base64" | "jsonParsed") => Encoding::Base64,
        Some(_) => return Err(RpcError::invalid_params("base58 encoding not supported")),
    };
    let mut shown = Vec::new();
    for address in list(asked.get("addresses"), SHOWN_MAX)? {
        let key = key(Some(address))?;
        let found = match simulated.changes.get(&key) {
            Some(changed) => changed.as_ref(),
            None => ledger.account(&key, bank.slot),
        };
        shown.push(match found {
            Some(found) => account(found, encoding, None)?,
            None => Value::Null,
        });
    }
    Ok(Value::Array(shown))
}

fn simulated_json(simulated: &Simulated, accounts: Value, replacement: Value) -> Value {
    let executed = simulated.executed.as_ref();
    let mut value = json!({
        "err": err_json(simulated.error.as_ref()),
        "innerInstructions": null,
        "loadedAccountsDataSize": 0,
        "logs": executed.map_or_else(Vec::new, |executed| executed.logs.clone()),
        "returnData": null,
        "unitsConsumed": executed.map_or(0, |executed| executed.units),
    });
    value["accounts"] = accounts;
    value["replacementBlockhash"] = replacement;
    if let Some(executed) = executed {
        value["fee"] = json!(executed.fee_lamports);
    }
    value
}

/// How settled a slot is for a node.
fn settled(ledger: &Ledger, lag: u64, slot: u64) -> Commitment {
    [Commitment::Finalized, Commitment::Confirmed]
        .into_iter()
        .find(|commitment| slot <= ledger.block(*commitment, lag).slot)
        .unwrap_or(Commitment::Processed)
}

const fn name(commitment: Commitment) -> &'static str {
    match commitment {
        Commitment::Processed => "processed",
        Commitment::Confirmed => "confirmed",
        Commitment::Finalized => "finalized",
    }
}

pub(super) fn get_signature_statuses(node: &Node, params: &[Value]) -> Answer {
    let asked = list(params.first(), STATUSES_MAX)?;
    let asked = asked.iter().map(|text| signature(Some(text))).collect::<Result<Vec<_>, _>>()?;
    // The whole history is as near as the recent statuses here: the flag is only read.
    Config::at(params, 1)?.flag("searchTransactionHistory")?;
    let ledger = node.ledger();
    let lag = node.trouble().lag();
    let bank = ledger.block(Commitment::Processed, lag);
    let status = |id: &[u8; 64]| {
        let Some(record) = ledger.record(id, bank.slot) else { return Value::Null };
        let settled = settled(&ledger, lag, record.slot);
        let above = ledger.slots_between(record.slot, bank.slot).len();
        let confirmations = if settled == Commitment::Finalized {
            Value::Null
        } else {
            json!(above.min(usize::try_from(FINALIZED_BLOCKS).unwrap_or(usize::MAX) - 1))
        };
        let error = record.executed.error.as_ref();
        json!({
            "confirmationStatus": name(settled),
            "confirmations": confirmations,
            "err": err_json(error),
            "slot": record.slot,
            "status": status_json(error),
        })
    };
    Ok(with_context(&bank, asked.iter().map(status).collect()))
}

pub(super) fn get_transaction(node: &Node, params: &[Value]) -> Answer {
    let id = signature(params.first())?;
    // The encoding alone, as older clients give it, or an object.
    let (encoding, config) = match params.get(1) {
        Some(Value::String(encoding)) => (Some(encoding.clone()), Config::default()),
        Some(Value::Object(object)) => {
            let mut rest = object.clone();
            let encoding = rest.remove("encoding");
            let encoding = encoding.and_then(|encoding| encoding.as_str().map(ToOwned::to_owned));
            (encoding, Config::at(&[Value::Object(rest)], 0)?)
        }
        _ => (None, Config::default()),
    };
    let commitment = config.commitment.unwrap_or(Commitment::Finalized);
    if commitment == Commitment::Processed {
        let message = "Method does not support commitment below `confirmed`";
        return Err(RpcError::invalid_params(message));
    }
    let ledger = node.ledger();
    let bank = ledger.block(commitment, node.trouble().lag());
    let Some(record) = ledger.record(&id, bank.slot) else { return Ok(Value::Null) };
    let is_v0 = matches!(record.transaction.message(), VersionedMessage::V0(_));
    if is_v0 && config.all["maxSupportedTransactionVersion"].as_u64().is_none() {
        let message = "Transaction version (0) is not supported by the requesting client. Please \
                       try the request again with the following configuration parameter: \
                       \"maxSupportedTransactionVersion\": 0";
        return Err(RpcError::new(-32015, message));
    }
    let bytes = record.transaction.bytes();
    let transaction = match encoding.as_deref() {
        Some("base64") => json!([STANDARD.encode(bytes), "base64"]),
        Some("base58") => json!([bs58::encode(bytes).into_string(), "base58"]),
        Some("binary") => json!(bs58::encode(bytes).into_string()),
        None | Some("json" | "jsonParsed") => transaction_json(&record.transaction),
        Some(other) => {
            let message = format!("Invalid params: unknown variant `{other}`.");
            return Err(RpcError::invalid_params(message));
        }
    };
    Ok(json!({
        "blockTime": record.time_s,
        "meta": meta_json(record),
        "slot": record.slot,
        "transaction": transaction,
        "version": if is_v0 { json!(0) } else { json!("legacy") },
    }))
}

fn meta_json(record: &Record) -> Value {
    let executed = &record.executed;
    let error = executed.error.as_ref();
    let (written, read) = loaded(executed);
    json!({
        "computeUnitsConsumed": executed.units,
        "err": err_json(error),
        "fee": executed.fee_lamports,
        "innerInstructions": [],
        "loadedAddresses": { "readonly": texts(read), "writable": texts(written) },
        "logMessages": executed.logs,
        "postBalances": executed.lamports.iter().map(|(_, after)| *after).collect::<Vec<_>>(),
        "postTokenBalances": tokens_json(&executed.tokens_after),
        "preBalances": executed.lamports.iter().map(|(before, _)| *before).collect::<Vec<_>>(),
        "preTokenBalances": tokens_json(&executed.tokens_before),
        "rewards": [],
        "status": status_json(error),
    })
}

fn texts(keys: &[Pubkey]) -> Vec<String> {
    keys.iter().map(Pubkey::to_string).collect()
}

/// Accounts that came from lookup tables: to be written, to be read.
fn loaded(executed: &Executed) -> (&[Pubkey], &[Pubkey]) {
    let (written, read) = executed.from_tables;
    let first = executed.accounts.len().saturating_sub(written + read);
    let from_tables = executed.accounts.get(first..).unwrap_or_default();
    from_tables.split_at(written.min(from_tables.len()))
}

fn tokens_json(balances: &[TokenBalance]) -> Value {
    let balance = |balance: &TokenBalance| {
        json!({
            "accountIndex": balance.index,
            "mint": balance.mint.to_string(),
            "owner": balance.owner.to_string(),
            "programId": crate::chain::TOKEN.to_string(),
            "uiTokenAmount": token_amount(balance.amount, balance.decimals),
        })
    };
    balances.iter().map(balance).collect()
}

fn transaction_json(transaction: &ClientTransaction) -> Value {
    let message = transaction.message();
    let header = message.header();
    let instructions: Vec<Value> = message
        .instructions()
        .iter()
        .map(|instruction| {
            json!({
                "accounts": instruction.accounts,
                "data": bs58::encode(&instruction.data).into_string(),
                "programIdIndex": instruction.program_id_index,
                "stackHeight": 1,
            })
        })
        .collect();
    let mut json = json!({
        "accountKeys": texts(message.static_account_keys()),
        "header": {
            "numReadonlySignedAccounts": header.num_readonly_signed_accounts,
            "numReadonlyUnsignedAccounts": header.num_readonly_unsigned_accounts,
            "numRequiredSignatures": header.num_required_signatures,
        },
        "instructions": instructions,
        "recentBlockhash": message.recent_blockhash().to_string(),
    });
    if let Some(lookups) = message.address_table_lookups() {
        let lookup = |lookup: &solana_message::v0::MessageAddressTableLookup| {
            json!({
                "accountKey": lookup.account_key.to_string(),
                "readonlyIndexes": lookup.readonly_indexes,
                "writableIndexes": lookup.writable_indexes,
            })
        };
        json["addressTableLookups"] = lookups.iter().map(lookup).collect();
    }
    let signatures: Vec<String> =
        transaction.signatures().map(|id| bs58::encode(id).into_string()).collect();
    json!({ "message": json, "signatures": signatures })
}

pub(super) fn get_fee_for_message(node: &Node, params: &[Value]) -> Answer {
    let bytes = STANDARD.decode(text(params.first())?);
    let message = bytes.ok().and_then(|bytes| {
        wincode::deserialize_exact::<VersionedMessage>(&bytes).ok().filter(|m| m.sanitize().is_ok())
    });
    let Some(message) = message else {
        return Err(RpcError::invalid_params("Invalid params: not a message in base64."));
    };
    let ledger = node.ledger();
    let bank = node.bank(&ledger, &Config::at(params, 1)?)?;
    let hash = message.recent_blockhash().to_bytes();
    let known = ledger.block_of_hash(&hash, bank.slot);
    let is_good = known.is_some_and(|known| bank.height <= known.height + BLOCKHASH_BLOCKS);
    let fee = Budget::of(&message).ok().filter(|_| is_good);
    let fee = fee.map(|budget| budget.fee_lamports(&message));
    Ok(with_context(&bank, json!(fee)))
}

pub(super) fn request_airdrop(node: &Node, params: &[Value]) -> Answer {
    let to = Pubkey::from_str(text(params.first())?)
        .map_err(|_| RpcError::invalid_params("Invalid param: Invalid"))?;
    let lamports = number(params.get(1))?;
    match node.ledger().airdrop(&to, lamports) {
        Some(id) => Ok(json!(bs58::encode(id).into_string())),
        None => Err(RpcError::invalid_params("Invalid request: airdrop too large")),
    }
}
