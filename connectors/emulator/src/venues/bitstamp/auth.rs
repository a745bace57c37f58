//! Keys and signatures of requests, and the signature of answers.

use std::sync::Arc;

use super::desk::Desk;
use crate::serve::{HttpAnswer, HttpRequest};
use crate::venues::sign::sha256_hex;
use crate::venues::words::quoted;

/// How far a timestamp may lie from the venue's clock. Unit: milliseconds.
const WINDOW_MS: u64 = 150_000;

/// A nonce is remembered for so long: the longer of the two spans that the venue states. Unit:
/// nanoseconds.
const NONCE_NS: u64 = 300_000_000_000;

/// Nonces remembered: the venue's 400 requests a second for [`NONCE_NS`], rounded up. Beyond it the
/// oldest goes.
const NONCES_MAX: usize = 131_072;

/// Longest address. Unit: bytes.
const URL_MAX: usize = 2_000;

/// The one content type.
const FORM: &str = "application/x-www-form-urlencoded";

/// A key that the venue knows.
#[derive(Clone, Debug, Default)]
pub struct Key {
    /// The key itself.
    pub key: String,
    /// Its secret.
    pub secret: String,
    /// The exchange's account that it opens.
    pub account: Arc<str>,
    /// The account's number in names of private channels.
    pub user_id: u64,
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

/// A verified caller.
pub(super) struct Caller<'a> {
    pub(super) key: &'a Key,
    nonce: String,
    timestamp: String,
}

impl Caller<'_> {
    /// Adds the venue's signature to an answer.
    pub(super) fn sign(&self, mut answer: HttpAnswer) -> HttpAnswer {
        let kind = answer.headers.iter().find(|(name, _)| name == "content-type");
        let kind = kind.map(|(_, value)| value.clone()).unwrap_or_default();
        let parts =
            [self.nonce.as_bytes(), self.timestamp.as_bytes(), kind.as_bytes(), &answer.body];
        let signature = sha256_hex(&self.key.secret, &parts);
        answer.headers.push(("x-server-auth-signature".to_owned(), signature));
        answer
    }
}

fn refuse(code: &str, reason: &str) -> HttpAnswer {
    let body =
        format!("{{\"status\":\"error\",\"reason\":{},\"code\":\"{code}\"}}", quoted(reason));
    HttpAnswer::json(403, body)
}

/// Verifies a private request.
pub(super) fn verify<'a>(
    desk: &'a Desk,
    now_ns: u64,
    request: &HttpRequest,
) -> Result<Caller<'a>, HttpAnswer> {
    let header = |name: &str, code: &str| {
        let text = format!("Missing {name} header");
        request.header(&name.to_ascii_lowercase()).ok_or_else(|| refuse(code, &text))
    };
    let auth = header("X-Auth", "API0012")?;
    let signature = header("X-Auth-Signature", "API0013")?;
    let nonce = header("X-Auth-Nonce", "API0014")?;
    let timestamp = header("X-Auth-Timestamp", "API0015")?;
    let version = header("X-Auth-Version", "API0016")?;
    if version != "v2" {
        return Err(refuse("API0010", "Wrong API version"));
    }
    let Some(name) = auth.strip_prefix("BITSTAMP ").filter(|name| !name.is_empty()) else {
        return Err(refuse("API0011", "Malformed key"));
    };
    let key = desk.key(name).filter(|_| desk.state().credentials == Credentials::Good);
    let key = key.ok_or_else(|| refuse("API0001", "API key not found"))?;
    if !is_uuid(nonce) {
        return Err(refuse("API0004", "Invalid nonce"));
    }
    let sent_ms: u64 =
        timestamp.parse().map_err(|_| refuse("API0018", "Malformed X-Auth-Timestamp"))?;
    if sent_ms.abs_diff(now_ns / 1_000_000) > WINDOW_MS {
        return Err(refuse("API0017", "X-Auth-Timestamp header is not within 150 seconds"));
    }
    if request.path.len() + request.query.len() > URL_MAX {
        return Err(refuse("API0021", "Request URL is too long"));
    }
    let kind = content_type(request)?;
    check_signature(desk, request, key, (auth, nonce, timestamp, kind), signature)?;
    remember(desk, now_ns, key, nonce)?;
    Ok(Caller { key, nonce: nonce.to_owned(), timestamp: timestamp.to_owned() })
}

/// The content type as it was signed: none without a body.
fn content_type(request: &HttpRequest) -> Result<&str, HttpAnswer> {
    match (request.header("content-type"), request.body.is_empty()) {
        (None, true) => Ok(""),
        (Some(_), true) => Err(refuse("API0020", "Content-Type header sent without a body")),
        (Some(kind), false) if kind.starts_with(FORM) => Ok(kind),
        (Some(_) | None, false) => Err(refuse("API0019", "Content type not accepted")),
    }
}

/// The host is what the client believes to talk to; some leave `http://` before it.
fn check_signature(
    desk: &Desk,
    request: &HttpRequest,
    key: &Key,
    signed: (&str, &str, &str, &str),
    signature: &str,
) -> Result<(), HttpAnswer> {
    let (auth, nonce, timestamp, kind) = signed;
    let address = if request.query.is_empty() {
        request.path.clone()
    } else {
        format!("{}?{}", request.path, request.query)
    };
    let own = [request.host.clone(), format!("http://{}", request.host)];
    let is_good = |host: &String| {
        let parts = [auth, &request.method, host, &address, kind, nonce, timestamp, "v2"];
        let mut bytes: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
        bytes.push(&request.body);
        sha256_hex(&key.secret, &bytes) == signature
    };
    if own.iter().chain(&desk.settings.hosts).any(is_good) {
        Ok(())
    } else {
        Err(refuse("API0005", "Invalid signature"))
    }
}

/// Takes a nonce, once. After the signature: a stranger cannot use up somebody's.
fn remember(desk: &Desk, now_ns: u64, key: &Key, nonce: &str) -> Result<(), HttpAnswer> {
    let mut state = desk.state();
    while let Some((at_ns, _)) = state.nonce_order.front()
        && (*at_ns + NONCE_NS < now_ns || state.nonce_order.len() >= NONCES_MAX)
    {
        if let Some((_, old)) = state.nonce_order.pop_front() {
            state.nonces.remove(&old);
        }
    }
    let entry = (key.key.clone(), nonce.to_owned());
    if state.nonces.contains_key(&entry) {
        return Err(refuse("API0004", "Invalid nonce"));
    }
    state.nonces.insert(entry.clone(), now_ns);
    state.nonce_order.push_back((now_ns, entry));
    Ok(())
}

/// 36 characters: lower-case hex in groups of 8, 4, 4, 4 and 12.
fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    let is_hex = |part: &&str| {
        part.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    groups.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12]) && groups.iter().all(is_hex)
}
