//! Verifies the tokens (JWT) that clients send: ES256 and Ed25519, one key per `kid`.
//!
//! Source: the venue's documentation of its API keys. Accepted are both claim sets in use: `iss: cdp`
//! with `uri`, and the older `iss: coinbase-cloud` with `aud`, `iat` and `uris`.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use p256::ecdsa::signature::Verifier as _;
use serde::Deserialize;

use crate::serve::HttpRequest;

/// Longest accepted token. Unit: bytes; real ones have about 500.
const TOKEN_BYTES_MAX: usize = 4_096;

/// Longest life of a token. Unit: seconds.
const LIFE_S_MAX: u64 = 120;

/// How far a client's clock may be off. Unit: seconds; the venue states none and takes about this.
const SKEW_S: u64 = 2;

/// Issuers in use.
const ISSUERS: [&str; 2] = ["cdp", "coinbase-cloud"];

/// Audiences in use; the claim may be absent.
const AUDIENCES: [&str; 2] = ["cdp_service", "retail_rest_api_proxy"];

/// Where the venue's REST interface really is: what a client signs whose name lookup was turned here.
pub(super) const HOST: &str = "api.coinbase.com";

/// One API key as the venue knows it: the public half, whose it is, what it may do.
#[derive(Clone)]
pub struct ApiKey {
    name: String,
    account: Arc<str>,
    public: PublicKey,
    scopes: Scopes,
}

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scopes {
    /// Read only.
    View,
    /// Read and trade.
    Trade,
}

#[derive(Clone)]
enum PublicKey {
    Es256(Box<p256::ecdsa::VerifyingKey>),
    Ed25519(Box<ed25519_dalek::VerifyingKey>),
}

/// A secret that is none of the forms in which the venue hands keys out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Begins like PEM and is not a P-256 key in SEC1 or PKCS8.
    #[error("the PEM text is not a P-256 private key (SEC1 or PKCS8)")]
    Pem,
    /// Neither PEM nor base64 of 32 or 64 bytes.
    #[error("neither PEM nor base64 of 32 or 64 bytes")]
    Form,
    /// The second half of 64 bytes is not the public key of the first.
    #[error("the public half of the 64 bytes does not belong to the seed")]
    Halves,
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let alg = self.public.alg();
        write!(f, "ApiKey({}, {}, {alg}, {:?})", self.name, self.account, self.scopes)
    }
}

impl ApiKey {
    /// The key that belongs to a private key in any form in which the venue hands them out: P-256 as
    /// PEM (SEC1 or PKCS8, also with literal `\n`), or Ed25519 as base64 of the seed, alone or
    /// followed by the public key. The secret is not kept.
    ///
    /// # Errors
    ///
    /// [`KeyError`].
    pub fn from_secret(
        name: &str,
        secret: &str,
        account: &str,
        scopes: Scopes,
    ) -> Result<Self, KeyError> {
        let public = PublicKey::of(secret)?;
        Ok(Self { name: name.to_owned(), account: Arc::from(account), public, scopes })
    }

    /// The `kid`: `organizations/{id}/apiKeys/{id}`, or a bare UUID.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whose balances and orders it reaches.
    #[must_use]
    pub fn account(&self) -> &Arc<str> {
        &self.account
    }
}

impl PublicKey {
    fn of(secret: &str) -> Result<Self, KeyError> {
        let secret = secret.replace("\\n", "\n");
        let secret = secret.trim();
        if secret.starts_with("-----BEGIN") {
            use p256::pkcs8::DecodePrivateKey as _;
            let key = p256::SecretKey::from_sec1_pem(secret)
                .or_else(|_| p256::SecretKey::from_pkcs8_pem(secret).map_err(|_| KeyError::Pem))?;
            return Ok(Self::Es256(Box::new(key.public_key().into())));
        }
        let packed: String = secret.split_whitespace().collect();
        let bytes = STANDARD.decode(packed).map_err(|_| KeyError::Form)?;
        let seed: [u8; 32] =
            bytes.get(..32).and_then(|seed| seed.try_into().ok()).ok_or(KeyError::Form)?;
        let public = ed25519_dalek::SigningKey::from_bytes(&seed).verifying_key();
        match &bytes[32..] {
            [] => {}
            half if half.len() != 32 => return Err(KeyError::Form),
            half if half == public.as_bytes() => {}
            _ => return Err(KeyError::Halves),
        }
        Ok(Self::Ed25519(Box::new(public)))
    }

    const fn alg(&self) -> &'static str {
        match self {
            Self::Es256(_) => "ES256",
            Self::Ed25519(_) => "EdDSA",
        }
    }

    fn accepts(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            // The raw form of 64 bytes; DER has another length and is refused.
            Self::Es256(key) => p256::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
            Self::Ed25519(key) => ed25519_dalek::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_strict(message, &signature).is_ok()),
        }
    }
}

/// Who makes a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Caller {
    /// Whose balances and orders.
    pub(super) account: Arc<str>,
    /// What the key may do.
    pub(super) scopes: Scopes,
}

/// Why a token is refused. The venue says no more than `Unauthorized`; tests and counters do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// No token.
    Missing,
    /// Not three base64url parts with the JSON expected in them.
    Malformed,
    /// No such key.
    UnknownKey,
    /// `alg`, `typ`, `nonce`, `sub`, `iss` or `aud` is not what it must be.
    Claim,
    /// Not yet valid, or lives longer than two minutes.
    Early,
    /// No longer valid.
    Expired,
    /// `uri` names another call, or none.
    Uri,
    /// Not signed by the key.
    Signature,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: String,
    typ: Option<String>,
    nonce: Option<String>,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    iss: String,
    nbf: u64,
    exp: u64,
    uri: Option<String>,
    uris: Option<Vec<String>>,
    aud: Option<Audience>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Audience {
    fn is_known(&self) -> bool {
        let known = |name: &String| AUDIENCES.contains(&name.as_str());
        match self {
            Self::One(name) => known(name),
            Self::Many(names) => names.iter().any(known),
        }
    }
}

/// The caller of a REST call, from its `Authorization` header.
pub(super) fn caller_of(
    keys: &[ApiKey],
    now_ns: u64,
    request: &HttpRequest,
) -> Result<Caller, Refusal> {
    let header = request.header("authorization").ok_or(Refusal::Missing)?;
    let token = header.strip_prefix("Bearer ").ok_or(Refusal::Malformed)?;
    let (key, claims) = verified(keys, now_ns, token.trim())?;
    let mut signed = claims.uri.iter().chain(claims.uris.iter().flatten());
    if !signed.any(|uri| is_of(uri, request)) {
        return Err(Refusal::Uri);
    }
    Ok(Caller { account: Arc::clone(&key.account), scopes: key.scopes })
}

/// The caller of a WebSocket message, from its `jwt` field, which names no `uri`.
pub(super) fn subscriber_of(keys: &[ApiKey], now_ns: u64, token: &str) -> Result<Caller, Refusal> {
    let (key, _) = verified(keys, now_ns, token)?;
    Ok(Caller { account: Arc::clone(&key.account), scopes: key.scopes })
}

fn verified<'k>(
    keys: &'k [ApiKey],
    now_ns: u64,
    token: &str,
) -> Result<(&'k ApiKey, Claims), Refusal> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(Refusal::Malformed);
    }
    let (message, signature) = token.rsplit_once('.').ok_or(Refusal::Malformed)?;
    let (header, claims) = message.split_once('.').ok_or(Refusal::Malformed)?;
    let bytes = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| Refusal::Malformed);
    let (header, claims, signature) = (bytes(header)?, bytes(claims)?, bytes(signature)?);
    let header: Header = serde_json::from_slice(&header).map_err(|_| Refusal::Malformed)?;
    let claims: Claims = serde_json::from_slice(&claims).map_err(|_| Refusal::Malformed)?;

    let key = keys.iter().find(|key| key.name == header.kid).ok_or(Refusal::UnknownKey)?;
    let is_hex = |nonce: &String| {
        (16..=64).contains(&nonce.len()) && nonce.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let is_said_right = header.alg == key.public.alg()
        && header.typ.as_deref().is_none_or(|typ| typ == "JWT")
        && header.nonce.as_ref().is_some_and(is_hex)
        && claims.sub == key.name
        && ISSUERS.contains(&claims.iss.as_str())
        && claims.aud.as_ref().is_none_or(Audience::is_known);
    if !is_said_right {
        return Err(Refusal::Claim);
    }
    if !key.public.accepts(message.as_bytes(), &signature) {
        return Err(Refusal::Signature);
    }
    let now_s = now_ns / 1_000_000_000;
    if claims.nbf > now_s.saturating_add(SKEW_S)
        || claims.exp > claims.nbf.saturating_add(LIFE_S_MAX)
    {
        return Err(Refusal::Early);
    }
    if claims.exp.saturating_add(SKEW_S) <= now_s {
        return Err(Refusal::Expired);
    }
    Ok((key, claims))
}

/// Whether a signed `uri` names this call: method, host without a scheme, path without the query.
///
/// The host is the one the client believes in: the venue's own, or the one it dialled. With a plain
/// port one widespread client signs its scheme too, because it strips `https://` only.
fn is_of(uri: &str, request: &HttpRequest) -> bool {
    let Some((method, target)) = uri.split_once(' ') else { return false };
    let target = match target.strip_prefix("http://") {
        Some(bare) if !request.is_tls => bare,
        Some(_) | None => target,
    };
    let without_port =
        request.host.rsplit_once(':').map_or(request.host.as_str(), |(host, _)| host);
    let rest_of = |host: &str| target.strip_prefix(host).filter(|_| !host.is_empty());
    let hosts = [request.host.as_str(), without_port, HOST];
    method == request.method
        && hosts.iter().any(|host| rest_of(host) == Some(request.path.as_str()))
}

#[cfg(test)]
#[path = "auth_tests.rs"]
mod tests;
