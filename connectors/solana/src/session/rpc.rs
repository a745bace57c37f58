//! Requests to a node, and what its answers mean.

use connector_net::session::{Fetch, FetchFailure, Fetched, Method, Secrecy};
use serde::Deserialize;
use serde_json::value::RawValue;
use solana_pubkey::Pubkey;

use super::settings::Encoding;

/// JSON-RPC error codes of a node that mean more than "no".
pub(super) mod code {
    /// The node is unhealthy, mostly behind.
    pub(crate) const UNHEALTHY: i64 = -32_005;
    /// The node has not reached the slot that was asked for.
    pub(crate) const BEHIND: i64 = -32_016;
    /// Too many requests, as some nodes say it inside an answer of status 200.
    pub(crate) const LIMITED: i64 = 429;
    /// The request itself, its method or its parameters are refused.
    pub(crate) const INVALID: [i64; 3] = [-32_600, -32_601, -32_602];
}

/// How a request ended.
#[derive(Debug)]
pub(super) enum Outcome<'a> {
    /// With this result.
    Result(&'a RawValue),
    /// The node has not reached the slot asked for.
    Behind,
    /// The node says that it is unhealthy.
    Unhealthy,
    /// Too many requests; how long to wait. Unit: milliseconds.
    Limited(Option<u64>),
    /// The node does not want us, or wants a key.
    Forbidden(u16),
    /// The body was too large.
    TooLarge,
    /// The request is wrong in the node's eyes: asking again does not help.
    Refused(i64),
    /// Anything else: asking again may help.
    Failed,
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow, default)]
    result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ErrorCode {
    code: i64,
}

/// What the end of a request means.
pub(super) fn outcome<'a>(end: &Fetched<'a>) -> Outcome<'a> {
    let (status, body, retry_after_ms) = match end {
        Fetched::Answer { status, body, retry_after_ms, .. } => (*status, *body, *retry_after_ms),
        Fetched::Failed { why: FetchFailure::TooLarge, .. } => return Outcome::TooLarge,
        Fetched::Failed { .. } => return Outcome::Failed,
    };
    match status {
        429 => return Outcome::Limited(retry_after_ms),
        401 | 403 => return Outcome::Forbidden(status),
        413 => return Outcome::TooLarge,
        _ => {}
    }
    // Nodes answer errors with any status.
    let Ok(answer) = serde_json::from_slice::<Answer<'_>>(body) else { return Outcome::Failed };
    let error = answer.error.map(|error| serde_json::from_str(error.get()));
    match (error, answer.result) {
        (None, Some(result)) if (200..300).contains(&status) => Outcome::Result(result),
        (Some(Ok(ErrorCode { code })), _) => match code {
            code::UNHEALTHY => Outcome::Unhealthy,
            code::BEHIND => Outcome::Behind,
            code::LIMITED => Outcome::Limited(retry_after_ms),
            code if code::INVALID.contains(&code) => Outcome::Refused(code),
            _ => Outcome::Failed,
        },
        (Some(Err(_)) | None, _) => Outcome::Failed,
    }
}

fn post(tag: u64, url: &str, method: &str, params: &str) -> Fetch {
    Fetch {
        tag,
        method: Method::Post,
        url: url.to_owned(),
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":{tag},\"method\":\"{method}\",\"params\":{params}}}"
        ),
        secrecy: Secrecy::SecretAddress,
    }
}

fn list(keys: &[Pubkey]) -> String {
    let keys: Vec<String> = keys.iter().map(|key| format!("\"{key}\"")).collect();
    keys.join(",")
}

/// One account.
pub(super) fn account(tag: u64, url: &str, key: &Pubkey, encoding: Encoding) -> Fetch {
    let encoding = encoding.name();
    let params =
        format!("[\"{key}\",{{\"encoding\":\"{encoding}\",\"commitment\":\"processed\"}}]");
    post(tag, url, "getAccountInfo", &params)
}

/// Many accounts of one slot, which is at least this one.
pub(super) fn accounts(
    tag: u64,
    url: &str,
    keys: &[Pubkey],
    encoding: Encoding,
    slot_min: u64,
) -> Fetch {
    let encoding = encoding.name();
    let least =
        if slot_min == 0 { String::new() } else { format!(",\"minContextSlot\":{slot_min}") };
    let params = format!(
        "[[{}],{{\"encoding\":\"{encoding}\",\"commitment\":\"processed\"{least}}}]",
        list(keys)
    );
    post(tag, url, "getMultipleAccounts", &params)
}

/// The node's slot.
pub(super) fn slot(tag: u64, url: &str) -> Fetch {
    post(tag, url, "getSlot", "[{\"commitment\":\"processed\"}]")
}

/// What recent transactions on these accounts paid.
pub(super) fn fees(tag: u64, url: &str, keys: &[Pubkey]) -> Fetch {
    post(tag, url, "getRecentPrioritizationFees", &format!("[[{}]]", list(keys)))
}

/// What recent tips were.
pub(super) fn tip(tag: u64, url: &str) -> Fetch {
    Fetch {
        tag,
        method: Method::Get,
        url: url.to_owned(),
        headers: Vec::new(),
        body: String::new(),
        secrecy: Secrecy::Public,
    }
}

/// A subscription request for slots.
pub(super) fn subscribe_slots(id: u64) -> String {
    format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"slotSubscribe\",\"params\":[]}}")
}

/// A subscription request for an account.
pub(super) fn subscribe(id: u64, key: &Pubkey, encoding: Encoding) -> String {
    let encoding = encoding.name();
    format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"accountSubscribe\",\"params\":[\"{key}\",\
         {{\"encoding\":\"{encoding}\",\"commitment\":\"processed\"}}]}}"
    )
}

/// The end of a subscription to an account.
pub(super) fn unsubscribe(id: u64, subscription: u64) -> String {
    format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"accountUnsubscribe\",\
         \"params\":[{subscription}]}}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(status: u16, body: &str, retry_after_ms: Option<u64>) -> String {
        let end = Fetched::Answer {
            tag: 1,
            status,
            url: "u",
            request: b"",
            body: body.as_bytes(),
            retry_after_ms,
        };
        let outcome = outcome(&end);
        if let Outcome::Result(result) = outcome {
            return result.get().to_owned();
        }
        format!("{outcome:?}")
    }

    #[test]
    fn every_answer_has_a_meaning() {
        let error = |code: i64| format!("{{\"id\":1,\"error\":{{\"code\":{code}}}}}");
        let rows = [
            (200, "{\"id\":1,\"result\":7}".to_owned(), None, "7"),
            (200, error(-32_005), None, "Unhealthy"),
            (503, error(-32_005), None, "Unhealthy"),
            (200, error(-32_016), None, "Behind"),
            (200, error(429), Some(5), "Limited(Some(5))"),
            (429, String::new(), Some(1_000), "Limited(Some(1000))"),
            (429, String::new(), None, "Limited(None)"),
            (403, "<html>".to_owned(), None, "Forbidden(403)"),
            (401, "<html>".to_owned(), None, "Forbidden(401)"),
            (413, String::new(), None, "TooLarge"),
            (200, error(-32_602), None, "Refused(-32602)"),
            (400, error(-32_601), None, "Refused(-32601)"),
            (200, error(-32_603), None, "Failed"),
            (200, "{\"id\":1}".to_owned(), None, "Failed"),
            (200, "<html>".to_owned(), None, "Failed"),
            (502, "{\"id\":1,\"result\":7}".to_owned(), None, "Failed"),
        ];
        for (status, body, retry, expected) in rows {
            assert_eq!(named(status, &body, retry), expected, "{status} {body}");
        }
        let failed = |why| outcome(&Fetched::Failed { tag: 1, why });
        assert!(matches!(failed(FetchFailure::TimedOut), Outcome::Failed));
        assert!(matches!(failed(FetchFailure::TooLarge), Outcome::TooLarge));
    }
}
