//! Bitstamp without sockets.

mod rest;
mod socket;

use serde_json::Value;

use super::*;
use crate::exchange::SharedExchange;
use crate::happening::{E8, ExchangeId};
use crate::serve::HttpAnswer;
use crate::venues::fixture::{self, T0};
use crate::venues::sign::sha256_hex;

pub(super) const KEY: &str = "bitstamp-test-key";
pub(super) const SECRET: &str = "bitstamp-test-secret";
pub(super) const FORM: &str = "application/x-www-form-urlencoded";
pub(super) const HOST: &str = "127.0.0.1:8080";

pub(super) fn venue() -> (Bitstamp, SharedExchange) {
    let exchange = fixture::exchange(ExchangeId::Bitstamp, E8 / 100);
    let key = Key {
        key: KEY.to_owned(),
        secret: SECRET.to_owned(),
        account: "main".into(),
        user_id: 4_242,
    };
    let settings = Settings { keys: vec![key], hosts: vec!["www.bitstamp.net".to_owned()] };
    (Bitstamp::new(exchange.clone(), settings), exchange)
}

/// A signed request. The number becomes the nonce.
pub(super) fn signed(number: u64, now_ns: u64, host: &str, path: &str, body: &str) -> HttpRequest {
    let nonce = format!("8f4c2d1e-6a5b-4c3d-9e2f-{number:012x}");
    let timestamp = (now_ns / 1_000_000).to_string();
    let kind = if body.is_empty() { "" } else { FORM };
    let auth = format!("BITSTAMP {KEY}");
    let text = format!("{auth}POST{host}{path}{kind}{nonce}{timestamp}v2{body}");
    let mut headers = vec![
        ("x-auth".to_owned(), auth),
        ("x-auth-signature".to_owned(), sha256_hex(SECRET, &[text.as_bytes()])),
        ("x-auth-nonce".to_owned(), nonce),
        ("x-auth-timestamp".to_owned(), timestamp),
        ("x-auth-version".to_owned(), "v2".to_owned()),
    ];
    if !kind.is_empty() {
        headers.push(("content-type".to_owned(), kind.to_owned()));
    }
    HttpRequest {
        method: "POST".to_owned(),
        host: HOST.to_owned(),
        path: path.to_owned(),
        headers,
        body: body.as_bytes().to_vec(),
        ..HttpRequest::default()
    }
}

/// A private call.
pub(super) fn post(venue: &Bitstamp, number: u64, path: &str, body: &str) -> HttpAnswer {
    venue.call(T0, &signed(number, T0, HOST, path, body))
}

pub(super) fn parsed(answer: &HttpAnswer) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or(Value::Null)
}
