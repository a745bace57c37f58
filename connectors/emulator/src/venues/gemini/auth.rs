//! Keys, signatures and nonces.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::desk::Desk;
use super::wire::error;
use crate::serve::{HttpAnswer, HttpRequest};
use crate::venues::sign::sha384_hex;

/// How far a time-based nonce may lie from the venue's clock. Unit: seconds.
const NONCE_WINDOW_S: u64 = 30;

/// What a key's nonces are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NonceKind {
    /// Strictly increasing numbers of any unit.
    #[default]
    Incremental,
    /// Unix time in seconds or finer, within 30 s, and strictly increasing.
    TimeBased,
}

/// What a key opens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyScope {
    /// One account (`account-...`).
    #[default]
    Account,
    /// A group of accounts (`master-...`): payloads name the account, and the current WebSocket
    /// refuses it.
    Master,
}

/// What a key may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Reads and trades.
    #[default]
    Trader,
    /// Reads.
    Auditor,
}

/// Whether a key must send heartbeats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Heartbeat {
    /// No.
    #[default]
    Optional,
    /// Thirty seconds without any private call cancel its orders.
    Required,
}

/// A key that the venue knows.
#[derive(Clone, Debug, Default)]
pub struct Key {
    /// The key itself: `account-...` or `master-...`.
    pub key: String,
    /// Its secret.
    pub secret: String,
    /// The exchange's account that it opens.
    pub account: Arc<str>,
    /// Its scope.
    pub scope: KeyScope,
    /// Its nonces.
    pub nonce: NonceKind,
    /// Its rights.
    pub role: Role,
    /// Whether it must send heartbeats.
    pub heartbeat: Heartbeat,
}

/// Whether known keys are good now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Credentials {
    /// Yes.
    #[default]
    Good,
    /// Refused until further notice.
    Refused,
}

/// Who calls, with what.
pub(super) struct Caller<'a> {
    /// The key.
    pub(super) key: &'a Key,
    /// The payload, an object.
    pub(super) payload: Value,
}

/// Verifies a private request: headers, key, signature, payload, nonce. The body is ignored.
pub(super) fn verify<'a>(
    desk: &'a Desk,
    now_ns: u64,
    request: &HttpRequest,
) -> Result<Caller<'a>, HttpAnswer> {
    let (key, text) = verify_signature(desk, request)?;
    let invalid = || error(400, "InvalidJson", "The JSON provided is invalid");
    let bytes = STANDARD.decode(text).map_err(|_| invalid())?;
    let payload: Value = serde_json::from_slice(&bytes).map_err(|_| invalid())?;
    if !payload.is_object() {
        return Err(invalid());
    }
    if payload["request"].as_str() != Some(request.path.as_str()) {
        let text = "The request in the payload does not match the URL";
        return Err(error(400, "EndpointMismatch", text));
    }
    check_nonce(desk, now_ns, key, &payload["nonce"])?;
    if key.scope == KeyScope::Master && payload["account"].as_str().is_none() {
        let text = "Expected a JSON payload with an account, but found none";
        return Err(error(400, "MissingAccounts", text));
    }
    if key.heartbeat == Heartbeat::Required {
        desk.state().heard_ns.insert(key.key.clone(), now_ns);
    }
    Ok(Caller { key, payload })
}

/// The signed part of a request: the key and the payload's text.
fn verify_signature<'a, 'r>(
    desk: &'a Desk,
    request: &'r HttpRequest,
) -> Result<(&'a Key, &'r str), HttpAnswer> {
    let header = |name: &str, reason: &str| {
        let text = format!("Must provide '{}' header", name.to_ascii_uppercase());
        request.header(name).ok_or_else(|| error(400, reason, &text))
    };
    let name = header("x-gemini-apikey", "MissingApikeyHeader")?;
    let payload = header("x-gemini-payload", "MissingPayloadHeader")?;
    let signature = header("x-gemini-signature", "MissingSignatureHeader")?;
    let key = desk.key(name).filter(|_| desk.state().credentials == Credentials::Good);
    let key = key.ok_or_else(|| error(403, "InvalidApiKey", "InvalidApiKey"))?;
    if sha384_hex(&key.secret, payload) != signature {
        return Err(error(400, "InvalidSignature", "InvalidSignature"));
    }
    Ok((key, payload))
}

/// Nonces are checked after the signature: a stranger cannot use up somebody's.
fn check_nonce(desk: &Desk, now_ns: u64, key: &Key, nonce: &Value) -> Result<(), HttpAnswer> {
    let refuse = |text: &str| Err(error(400, "InvalidNonce", text));
    let number = nonce.as_u64().or_else(|| nonce.as_str().and_then(|text| text.parse().ok()));
    let Some(number) = number else {
        return refuse("Nonce must be a number or a string of digits");
    };
    if key.nonce == NonceKind::TimeBased && !is_near(number, now_ns) {
        let text =
            format!("Nonce '{number}' is not within {NONCE_WINDOW_S} seconds of server time");
        return refuse(&text);
    }
    let mut state = desk.state();
    if let Some(last) = state.nonces.get(&key.key)
        && number <= *last
    {
        let text =
            format!("Nonce '{number}' has not increased since your last call to the Gemini API.");
        return refuse(&text);
    }
    state.nonces.insert(key.key.clone(), number);
    Ok(())
}

/// Whether a time in seconds, milliseconds, microseconds or nanoseconds (told apart by its size) is
/// near the venue's.
fn is_near(number: u64, now_ns: u64) -> bool {
    let unix_s = match number {
        0..100_000_000_000 => number,
        100_000_000_000..100_000_000_000_000 => number / 1_000,
        100_000_000_000_000..100_000_000_000_000_000 => number / 1_000_000,
        _ => number / 1_000_000_000,
    };
    unix_s.abs_diff(now_ns / 1_000_000_000) <= NONCE_WINDOW_S
}

/// Verifies the upgrade of the current WebSocket. `None`: a public connection.
///
/// The payload is the nonce alone, in Unix seconds; a second connection in the same second is
/// allowed, so only the window counts here.
pub(super) fn verify_upgrade<'a>(
    desk: &'a Desk,
    now_ns: u64,
    request: &HttpRequest,
) -> Result<Option<&'a Key>, HttpAnswer> {
    if request.header("x-gemini-apikey").is_none() {
        return Ok(None);
    }
    let refuse = |reason: &str, text: &str| error(401, reason, text);
    let (key, payload) = verify_signature(desk, request).map_err(|mut answer| {
        answer.status = 401;
        answer
    })?;
    if key.scope == KeyScope::Master {
        return Err(refuse("InvalidApiKey", "The key must be scoped to an account"));
    }
    if key.nonce != NonceKind::TimeBased {
        return Err(refuse("InvalidNonce", "The key must use time-based nonces"));
    }
    let nonce = request.header("x-gemini-nonce").unwrap_or_default();
    if STANDARD.encode(nonce) != payload {
        return Err(refuse("InvalidNonce", "The payload must be the encoded nonce"));
    }
    let is_good = nonce.parse().is_ok_and(|number| is_near(number, now_ns));
    if !is_good {
        return Err(refuse("InvalidNonce", "The nonce must be the time in seconds"));
    }
    Ok(Some(key))
}
