//! Signed upgrades and requests: HMAC-SHA384 over a base64 payload.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use connector_net::session::{Fetch, Method, Secrecy};
use hmac::{Hmac, Mac as _};
use sha2::Sha384;

/// A key of the venue. Its secret is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    /// As the venue gave it: `account-...`, or `master-...` for REST alone.
    pub id: String,
    /// As the venue gave it: its characters are the key of the HMAC.
    pub secret: String,
}

impl core::fmt::Debug for Key {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Key").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What the nonces of a key count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Seconds,
    Milliseconds,
}

/// Nonces of one key, each above the one before, whatever the clock does. A clone goes on from the same
/// count: whatever uses a key must use clones of one of these, or the venue refuses what comes second.
///
/// Nothing is kept across restarts: the first nonce of a process is its clock, and none is ever below
/// it. A life before has used at most so much more as it asked faster than its unit passes.
///
/// The venue knows two kinds of keys, and it cannot be seen from a key which it is:
///
/// * Time-based ones want Unix seconds within 30 s of the venue's clock ([`Nonces::seconds`]). The
///   current WebSocket takes no others. The venue's documentation says seconds, and clients that sent
///   milliseconds were refused; its sandbox once took them, which is why nothing is built on that. As
///   values must rise, such a key bears one request a second in the long run.
/// * All others want any number that rises ([`Nonces::milliseconds`]).
#[derive(Clone, Debug)]
pub struct Nonces {
    unit: Unit,
    last: Arc<AtomicU64>,
}

impl Default for Nonces {
    /// Seconds: every key takes those.
    fn default() -> Self {
        Self::seconds()
    }
}

impl PartialEq for Nonces {
    /// Whether both go on from the same count.
    fn eq(&self, other: &Self) -> bool {
        self.unit == other.unit && Arc::ptr_eq(&self.last, &other.last)
    }
}

impl Eq for Nonces {}

impl Nonces {
    /// For any key; the only ones for a time-based key.
    #[must_use]
    pub fn seconds() -> Self {
        Self { unit: Unit::Seconds, last: Arc::default() }
    }

    /// For a key that is not time-based.
    #[must_use]
    pub fn milliseconds() -> Self {
        Self { unit: Unit::Milliseconds, last: Arc::default() }
    }

    /// The next one.
    #[must_use]
    pub fn next(&self, now_ns: u64) -> u64 {
        let clock = match self.unit {
            Unit::Seconds => now_ns / 1_000_000_000,
            Unit::Milliseconds => now_ns / 1_000_000,
        };
        let step = |last: u64| clock.max(last.saturating_add(1));
        // Nothing else is published with it: that the values differ is all that matters.
        let last =
            self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(step(last)));
        // The closure never declines, so both arms hold what was there before.
        step(last.unwrap_or_else(|last| last))
    }

    /// One for the upgrade of a WebSocket, which is always in seconds.
    #[must_use]
    pub fn next_upgrade(&self, now_ns: u64) -> u64 {
        match self.unit {
            Unit::Seconds => self.next(now_ns),
            Unit::Milliseconds => now_ns / 1_000_000_000,
        }
    }

    /// Requests a second that the key bears in the long run.
    #[must_use]
    pub const fn requests_per_s(&self) -> u32 {
        match self.unit {
            Unit::Seconds => 1,
            // What the venue recommends at most; it refuses beyond 600 in a minute.
            Unit::Milliseconds => 5,
        }
    }
}

/// Headers of a WebSocket upgrade.
#[must_use]
pub fn upgrade(key: &Key, nonce: u64) -> Vec<(String, String)> {
    let mut headers = signed(key, nonce.to_string().as_bytes());
    headers.push(("X-GEMINI-NONCE".to_owned(), nonce.to_string()));
    headers
}

/// A private request: everything is in the payload, the body stays empty.
#[must_use]
pub fn post(key: &Key, tag: u64, rest_url: &str, path: &str, nonce: u64) -> Fetch {
    post_with(key, tag, rest_url, (path, ""), nonce)
}

/// As [`post`], with parameters: members of the payload as JSON, each behind a comma.
#[must_use]
pub fn post_with(
    key: &Key,
    tag: u64,
    rest_url: &str,
    (path, parameters): (&str, &str),
    nonce: u64,
) -> Fetch {
    // A master key must name the account that it speaks for.
    let account = if key.id.starts_with("master-") { ",\"account\":\"primary\"" } else { "" };
    let payload = format!("{{\"request\":\"{path}\",\"nonce\":{nonce}{account}{parameters}}}");
    let mut headers = signed(key, payload.as_bytes());
    headers.push(("Content-Type".to_owned(), "text/plain".to_owned()));
    headers.push(("Cache-Control".to_owned(), "no-cache".to_owned()));
    let (url, body, secrecy) = (format!("{rest_url}{path}"), String::new(), Secrecy::Secret);
    Fetch { tag, method: Method::Post, url, headers, body, secrecy }
}

fn signed(key: &Key, payload: &[u8]) -> Vec<(String, String)> {
    let payload = STANDARD.encode(payload);
    let signature = signature(key, &payload);
    let rows = [
        ("X-GEMINI-APIKEY", key.id.clone()),
        ("X-GEMINI-PAYLOAD", payload),
        ("X-GEMINI-SIGNATURE", signature),
    ];
    rows.map(|(name, value)| (name.to_owned(), value)).to_vec()
}

/// Hexadecimal signature of a payload that is in base64 already.
#[must_use]
pub fn signature(key: &Key, payload: &str) -> String {
    let mut mac = Hmac::<Sha384>::new_from_slice(key.secret.as_bytes())
        .expect("Invariant: an HMAC takes a key of any length");
    mac.update(payload.as_bytes());
    let digit = |four: u8| char::from_digit(u32::from(four), 16).unwrap_or('0');
    let bytes = mac.finalize().into_bytes();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str) -> Key {
        Key { id: id.into(), secret: "gemini-test-secret".into() }
    }

    fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
        headers.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    #[test]
    fn signatures_are_the_published_ones() {
        let json = r#"{"request":"/v1/order/status","nonce":1767225600,"order_id":123456789}"#;
        let payload = "eyJyZXF1ZXN0IjoiL3YxL29yZGVyL3N0YXR1cyIsIm5vbmNlIjoxNzY3MjI1NjAwLCJvcmRlcl9pZCI6MTIzNDU2Nzg5fQ==";
        assert_eq!(STANDARD.encode(json), payload);
        assert_eq!(
            signature(&key("account-x"), payload),
            "5b9567ae0e0648d76fcb9a76d737ecf7ba2f8017232f5355b8b47d1fb96e321a18fff58364d0e8c7ceec85eef872b2b0"
        );
        let headers = upgrade(&key("account-x"), 1_767_225_600);
        let rows = [
            ("X-GEMINI-APIKEY", "account-x"),
            ("X-GEMINI-NONCE", "1767225600"),
            ("X-GEMINI-PAYLOAD", "MTc2NzIyNTYwMA=="),
            (
                "X-GEMINI-SIGNATURE",
                "dc2791898fae5d81b36b5e319c3a20f52d72d8682dee97f7518f74d7ae6810342215632ac12ab8a4f7addcfde5b50c2d",
            ),
        ];
        for (name, expected) in rows {
            assert_eq!(header(&headers, name), Some(expected), "{name}");
        }
    }

    #[test]
    fn a_private_request_has_all_in_its_payload() {
        for (id, account) in [("account-x", ""), ("master-x", r#","account":"primary""#)] {
            let fetch = post(&key(id), 3, "https://api.gemini.com", "/v1/notionalvolume", 17);
            assert_eq!(fetch.url, "https://api.gemini.com/v1/notionalvolume");
            assert_eq!((fetch.body.len(), fetch.secrecy), (0, Secrecy::Secret));
            let payload = header(&fetch.headers, "X-GEMINI-PAYLOAD").expect("there");
            let json = STANDARD.decode(payload).expect("base64");
            let expected = format!(r#"{{"request":"/v1/notionalvolume","nonce":17{account}}}"#);
            assert_eq!(String::from_utf8_lossy(&json), expected);
        }
    }

    #[test]
    fn parameters_are_signed_with_the_rest() {
        let call = ("/v1/order/status", r#","order_id":123456789"#);
        let fetch = post_with(&key("account-x"), 3, "https://api.gemini.com", call, 1_767_225_600);
        // The published vector of the reference.
        assert_eq!(
            header(&fetch.headers, "X-GEMINI-SIGNATURE"),
            Some(
                "5b9567ae0e0648d76fcb9a76d737ecf7ba2f8017232f5355b8b47d1fb96e321a18fff58364d0e8c7ceec85eef872b2b0"
            )
        );
    }

    #[test]
    fn nonces_rise_whatever_the_clock_does() {
        let s = 1_000_000_000;
        let nonces = Nonces::seconds();
        let rows = [(10, 10), (10, 11), (10, 12), (11, 13), (9, 14), (20, 20)];
        for (now_s, expected) in rows {
            assert_eq!(nonces.next(now_s * s + 7), expected, "{now_s}");
        }
        assert_eq!(nonces.next_upgrade(20 * s), 21, "the upgrade's are of the same count");
        let nonces = Nonces::milliseconds();
        for (now_s, expected) in [(10, 10_000), (10, 10_001), (9, 10_002), (20, 20_000)] {
            assert_eq!(nonces.next(now_s * s + 7), expected, "{now_s}");
        }
        assert_eq!(nonces.next_upgrade(20 * s), 20);
    }

    #[test]
    fn no_nonce_is_given_twice_however_many_threads_ask() {
        let nonces = Nonces::milliseconds();
        let taken: Vec<Vec<u64>> = std::thread::scope(|scope| {
            let one = || {
                let shared = nonces.clone();
                scope.spawn(move || (0..1_000).map(|_| shared.next(7)).collect())
            };
            let threads: Vec<_> = (0..4).map(|_| one()).collect();
            threads.into_iter().map(|thread| thread.join().expect("it counts")).collect()
        });
        assert!(taken.iter().all(|of_one| of_one.is_sorted()));
        let all: std::collections::BTreeSet<u64> = taken.concat().into_iter().collect();
        assert_eq!(all.len(), 4_000);
        assert!(nonces == nonces.clone() && nonces != Nonces::milliseconds());
    }

    #[test]
    fn a_secret_is_not_printed() {
        assert!(!format!("{:?}", key("account-x")).contains("test-secret"));
    }
}
