//! JSON-RPC over HTTP: one request or a batch, and which method answers.

use serde_json::Value;

use super::answer::{Answer, RpcError, envelope};
use super::node::Node;
use super::{accounts, chain, transactions};
use crate::serve::{HttpAnswer, HttpRequest};

/// Most requests of one batch.
const BATCH_MAX: usize = 100;

/// Answers a POST.
pub(super) fn post(node: &Node, now_ns: u64, request: &HttpRequest) -> HttpAnswer {
    let is_json = request
        .header("content-type")
        .is_some_and(|kind| kind.trim().to_ascii_lowercase().starts_with("application/json"));
    if !is_json {
        let text = "Supplied content type is not allowed. Content-Type: application/json is \
                    required\n";
        return HttpAnswer::text(415, text);
    }
    let Ok(body) = serde_json::from_slice::<Value>(&request.body) else {
        let error = Err(RpcError::new(-32700, "Parse error"));
        return HttpAnswer::json(200, envelope(&error, "null"));
    };
    let text = match body.as_array() {
        Some(batch) if batch.len() > BATCH_MAX => {
            return HttpAnswer::text(413, "Payload Too Large");
        }
        Some(batch) if batch.is_empty() => envelope(&Err(RpcError::invalid_request()), "null"),
        Some(batch) => {
            let answers: Vec<String> =
                batch.iter().filter_map(|single| answer(node, now_ns, single)).collect();
            format!("[{}]", answers.join(","))
        }
        None => answer(node, now_ns, &body).unwrap_or_default(),
    };
    HttpAnswer::json(200, text)
}

/// The answer to one request; none for a notification.
fn answer(node: &Node, now_ns: u64, request: &Value) -> Option<String> {
    let (id, call) = match read(request) {
        Ok(read) => read,
        Err((id, error)) => return Some(envelope(&Err(error), &id)),
    };
    let id = id?;
    let result = call.params.as_ref().map_or_else(
        |error| Err(error.clone()),
        |params| {
            if node.is_down(now_ns) {
                node.health(now_ns).map(|()| Value::Null)
            } else {
                dispatch(node, now_ns, &call.method, params)
            }
        },
    );
    Some(envelope(&result, &id))
}

/// A method and its parameters.
pub(super) struct Call {
    pub(super) method: String,
    pub(super) params: Result<Vec<Value>, RpcError>,
}

/// Id as JSON text (none: a notification) and call, or what is wrong and whom to tell.
pub(super) fn read(request: &Value) -> Result<(Option<String>, Call), (String, RpcError)> {
    let id = match request.get("id") {
        None => None,
        Some(id @ (Value::Null | Value::Number(_) | Value::String(_))) => Some(id.to_string()),
        Some(_) => return Err(("null".to_owned(), RpcError::invalid_request())),
    };
    let is_two = request.get("jsonrpc").and_then(Value::as_str) == Some("2.0");
    let method = request.get("method").and_then(Value::as_str);
    let (true, Some(method)) = (is_two, method) else {
        return Err((id.unwrap_or_else(|| "null".to_owned()), RpcError::invalid_request()));
    };
    let params = match request.get("params") {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(list)) => Ok(list.clone()),
        Some(_) => Err(RpcError::invalid_params("`params` should be an array")),
    };
    Ok((id, Call { method: method.to_owned(), params }))
}

fn dispatch(node: &Node, now_ns: u64, method: &str, params: &[Value]) -> Answer {
    match method {
        "getAccountInfo" => accounts::get_account_info(node, params),
        "getMultipleAccounts" => accounts::get_multiple_accounts(node, params),
        "getProgramAccounts" => accounts::get_program_accounts(node, params),
        "getBalance" => accounts::get_balance(node, params),
        "getTokenAccountBalance" => accounts::get_token_account_balance(node, params),
        "getTokenAccountsByOwner" => accounts::get_token_accounts_by_owner(node, params),
        "getSlot" => chain::get_slot(node, params),
        "getBlockHeight" => chain::get_block_height(node, params),
        "getBlockTime" => chain::get_block_time(node, params),
        "getLatestBlockhash" => chain::get_latest_blockhash(node, params),
        "isBlockhashValid" => chain::is_blockhash_valid(node, params),
        "getHealth" => chain::get_health(node, now_ns),
        "getVersion" => Ok(chain::get_version()),
        "getEpochInfo" => chain::get_epoch_info(node, params),
        "getGenesisHash" => Ok(chain::get_genesis_hash(node)),
        "getMinimumBalanceForRentExemption" => {
            chain::get_minimum_balance_for_rent_exemption(params)
        }
        "getSlotLeader" => chain::get_slot_leader(node, params),
        "getSlotLeaders" => chain::get_slot_leaders(node, params),
        "getRecentPrioritizationFees" => chain::get_recent_prioritization_fees(node, params),
        "sendTransaction" => transactions::send_transaction(node, now_ns, params),
        "simulateTransaction" => transactions::simulate_transaction(node, params),
        "getSignatureStatuses" => transactions::get_signature_statuses(node, params),
        "getTransaction" => transactions::get_transaction(node, params),
        "getFeeForMessage" => transactions::get_fee_for_message(node, params),
        "requestAirdrop" => transactions::request_airdrop(node, params),
        _ => Err(RpcError::no_method()),
    }
}
