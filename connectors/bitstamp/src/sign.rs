//! Signed requests: HMAC-SHA256, version 2.
//!
//! The text that is signed has no separators: `BITSTAMP key`, method, host, path, query with its
//! question mark, content type where there is a body, nonce, timestamp, `v2`, body.

use connector_net::session::{Fetch, Method, Secrecy};
use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};

const FORM: &str = "application/x-www-form-urlencoded";

/// A key of the venue. Its secret is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    /// As the venue gave it.
    pub id: String,
    /// As the venue gave it: its characters are the key of the HMAC.
    pub secret: String,
    /// Whatever differs between two processes that use one key: nonces must never meet.
    pub nonce_salt: u64,
}

impl core::fmt::Debug for Key {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Key").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What makes one signature differ from the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp<'a> {
    /// Lower-case UUID.
    pub nonce: &'a str,
    /// Unit: Unix milliseconds.
    pub timestamp_ms: u64,
}

/// Hexadecimal signature of a request. `url` is the absolute address with its query.
#[must_use]
pub fn signature(
    key: &Key,
    method: Method,
    url: &str,
    content_type: &str,
    body: &str,
    stamp: Stamp<'_>,
) -> String {
    let method = match method {
        Method::Get => "GET",
        Method::Post => "POST",
    };
    // Host, path and query as the address spells them, one after the other.
    let (_, rest) = url.split_once("://").unwrap_or(("", url));
    let content_type = if body.is_empty() { "" } else { content_type };
    let id = &key.id;
    let Stamp { nonce, timestamp_ms } = stamp;
    let text = format!("BITSTAMP {id}{method}{rest}{content_type}{nonce}{timestamp_ms}v2{body}");
    hmac_hex(&key.secret, text.as_bytes())
}

/// Hexadecimal signature that the venue puts on its answer to a request with this stamp.
#[must_use]
pub fn answer_signature(key: &Key, stamp: Stamp<'_>, content_type: &str, body: &[u8]) -> String {
    let head = format!("{}{}{content_type}", stamp.nonce, stamp.timestamp_ms);
    hmac_hex(&key.secret, &[head.as_bytes(), body].concat())
}

/// A signed POST without a body.
#[must_use]
pub fn post(key: &Key, tag: u64, url: String, stamp: Stamp<'_>) -> Fetch {
    form(key, tag, url, String::new(), stamp)
}

/// A signed POST of a form: `name=value` pairs with `&` between them, of letters that need no escape.
#[must_use]
pub fn form(key: &Key, tag: u64, url: String, body: String, stamp: Stamp<'_>) -> Fetch {
    let signature = signature(key, Method::Post, &url, FORM, &body, stamp);
    let headers = [
        ("X-Auth", format!("BITSTAMP {}", key.id)),
        ("X-Auth-Signature", signature),
        ("X-Auth-Nonce", stamp.nonce.to_owned()),
        ("X-Auth-Timestamp", stamp.timestamp_ms.to_string()),
        ("X-Auth-Version", "v2".to_owned()),
    ];
    // A content type without a body is refused.
    let kind = (!body.is_empty()).then(|| ("Content-Type", FORM.to_owned()));
    let headers = headers.into_iter().chain(kind);
    let headers = headers.map(|(name, value)| (name.to_owned(), value)).collect();
    Fetch { tag, method: Method::Post, url, headers, body, secrecy: Secrecy::Secret }
}

/// A UUID that no other (time, number) of this key and salt has: version 4 in form. It need not be
/// secret, only never the same again.
#[must_use]
pub fn nonce(key: &Key, now_ns: u64, number: u64) -> String {
    let mut hash = Sha256::new();
    for part in [key.nonce_salt, now_ns, number] {
        hash.update(part.to_le_bytes());
    }
    hash.update(&key.id);
    let mut bytes: [u8; 16] = [0; 16];
    bytes.copy_from_slice(&hash.finalize()[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let digits = hex(&bytes);
    let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
    parts.join("-")
}

fn hmac_hex(secret: &str, text: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())
        .expect("Invariant: an HMAC takes a key of any length");
    mac.update(text);
    hex(&mac.finalize().into_bytes())
}

fn hex(bytes: &[u8]) -> String {
    let digit = |four: u8| char::from_digit(u32::from(four), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: &str = "8f4c2d1e-6a5b-4c3d-9e2f-1a2b3c4d5e6f";
    const STAMP: Stamp<'_> = Stamp { nonce: NONCE, timestamp_ms: 1_767_225_600_000 };

    fn key() -> Key {
        let secret = "bitstamp-test-secret".into();
        Key { id: "bitstamp-test-key".into(), secret, nonce_salt: 1 }
    }

    #[test]
    fn signatures_are_the_published_ones() {
        let rows = [
            (
                "https://www.bitstamp.net/api/v2/buy/btcusd/",
                "amount=0.10000000&price=60000&ioc_order=True",
                "05303200f5f9f0574c7d901762a0b688cf005d62fc102304514b825dadde8084",
            ),
            (
                "https://www.bitstamp.net/api/v2/account_balances/",
                "",
                "7308cf517335c662e0bdcc3dca5e752872241e270666aa03a6c4c1dda5508562",
            ),
        ];
        for (url, body, expected) in rows {
            let signed = signature(&key(), Method::Post, url, FORM, body, STAMP);
            assert_eq!(signed, expected, "{url}");
        }
        assert_eq!(
            answer_signature(&key(), STAMP, "application/json", br#"{"id":"1"}"#),
            "5e423958a439111fb8befc7fa6ac6f346f23621707137e7daa5fae2f2caa7140"
        );
        for (url, body, expected) in rows {
            let fetch = form(&key(), 7, url.to_owned(), body.to_owned(), STAMP);
            let header = |name| fetch.headers.iter().find(|(known, _)| known == name);
            assert_eq!(header("X-Auth-Signature").map(|(_, value)| &**value), Some(expected));
            // Refused without a body, and wanted with one.
            assert_eq!(header("Content-Type").is_none(), body.is_empty(), "{url}");
            assert_eq!(fetch.body, body);
        }
        let bare = post(&key(), 7, rows[1].0.to_owned(), STAMP);
        assert_eq!(bare, form(&key(), 7, rows[1].0.to_owned(), String::new(), STAMP));
    }

    #[test]
    fn nonces_have_the_form_and_never_meet() {
        let mut seen = std::collections::BTreeSet::new();
        for salt in 0..4 {
            for now_ns in 0..8 {
                for number in 0..8 {
                    let one = nonce(&Key { nonce_salt: salt, ..key() }, now_ns, number);
                    assert_eq!((one.len(), &one[14..15]), (36, "4"), "{one}");
                    assert!(matches!(&one[19..20], "8" | "9" | "a" | "b"), "{one}");
                    assert_eq!(one, one.to_ascii_lowercase());
                    assert!(seen.insert(one));
                }
            }
        }
    }

    #[test]
    fn a_secret_is_not_printed() {
        assert!(!format!("{:?}", key()).contains("test-secret"));
    }
}
