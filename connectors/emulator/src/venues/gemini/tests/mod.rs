//! Gemini without sockets.

mod feeds;
mod rest;
mod socket;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::*;
use crate::happening::ExchangeId;
use crate::serve::HttpAnswer;
use crate::venues::fixture::{self, T0};
use crate::venues::sign::sha384_hex;

pub(super) const KEY: &str = "account-test";
pub(super) const SECRET: &str = "gemini-test-secret";

/// A venue with keys of every kind.
pub(super) fn venue() -> (Gemini, crate::exchange::SharedExchange) {
    let exchange = fixture::exchange(ExchangeId::Gemini, 100_000);
    let key = |name: &str| Key {
        key: name.to_owned(),
        secret: SECRET.to_owned(),
        account: "main".into(),
        ..Key::default()
    };
    let keys = vec![
        key(KEY),
        Key { nonce: NonceKind::TimeBased, ..key("account-timed") },
        Key { scope: KeyScope::Master, ..key("master-test") },
        Key { role: Role::Auditor, ..key("account-auditor") },
        Key { heartbeat: Heartbeat::Required, ..key("account-beating") },
    ];
    (Gemini::new(exchange.clone(), Settings { keys, ..Settings::default() }), exchange)
}

/// A signed request; `nonce` is added to the payload.
pub(super) fn signed(key: &str, path: &str, nonce: u64, mut payload: Value) -> HttpRequest {
    payload["request"] = json!(path);
    payload["nonce"] = json!(nonce);
    let text = STANDARD.encode(payload.to_string());
    let signature = sha384_hex(SECRET, &text);
    HttpRequest {
        method: "POST".to_owned(),
        path: path.to_owned(),
        headers: vec![
            ("x-gemini-apikey".to_owned(), key.to_owned()),
            ("x-gemini-payload".to_owned(), text),
            ("x-gemini-signature".to_owned(), signature),
        ],
        // Ignored by the venue, sent by some clients.
        body: b"{}".to_vec(),
        ..HttpRequest::default()
    }
}

pub(super) fn parsed(answer: &HttpAnswer) -> Value {
    serde_json::from_slice(&answer.body).unwrap()
}

/// Calls with a nonce, expecting a status.
pub(super) fn call(venue: &Gemini, nonce: u64, path: &str, payload: Value, status: u16) -> Value {
    let answer = venue.call(T0, &signed(KEY, path, nonce, payload));
    assert_eq!(answer.status, status, "{path}: {}", fixture::text(&answer));
    parsed(&answer)
}
