//! The venue without sockets: calls and connections by hand.

mod calls;
mod orders;
mod recorded;
mod stream;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ed25519_dalek::Signer as _;
use serde_json::Value;

use super::{ApiKey, Coinbase, Scopes, Settings};
use crate::exchange::{
    AccountSpec, Exchange, ExchangeSpec, Product, ProductStatus, SharedExchange,
};
use crate::happening::{Change, E8, ExchangeId, Side};
use crate::serve::{Dialect, HttpAnswer, HttpRequest, Out, Venue as _};

const START_NS: u64 = 1_786_316_400_000_000_000;
const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MS;

const TRADER: &str = "organizations/o/apiKeys/trader";
const VIEWER: &str = "organizations/o/apiKeys/viewer";
const OTHER: &str = "11111111-2222-3333-4444-555555555555";

fn product(name: &str, tick_e8: u64) -> Product {
    let (base, quote) = name.split_once('-').expect("a pair");
    Product {
        name: Arc::from(name),
        base: Arc::from(base),
        quote: Arc::from(quote),
        tick_e8,
        lot_e8: 1,
        size_min_e8: 1,
        size_max_e8: 1_000 * E8,
        notional_min_e8: E8,
        collar_ppm: 100_000,
        status: ProductStatus::Online,
    }
}

fn account(name: &str) -> AccountSpec {
    let amounts = [("USD", 10_000), ("USDC", 5_000), ("SOL", 100), ("BTC", 1)];
    let entry = |(currency, amount): (&str, u64)| (Arc::from(currency), amount * E8);
    AccountSpec {
        name: Arc::from(name),
        balances_e8: amounts.into_iter().map(entry).collect::<BTreeMap<Arc<str>, u64>>(),
    }
}

fn change(side: Side, price: u64, size_e8: u64) -> Change {
    Change { side, price_e8: price * E8 / 100, size_e8 }
}

/// A venue with a book of three levels a side around 77.42 and one trade.
struct Bench {
    venue: Coinbase,
    exchange: SharedExchange,
    now_ns: u64,
}

impl Bench {
    fn new() -> Self {
        Self::with(Settings { keys: keys(), ..Settings::default() })
    }

    fn with(settings: Settings) -> Self {
        let spec = ExchangeSpec {
            products: vec![
                product("SOL-USD", E8 / 100),
                product("BTC-USD", E8 / 100),
                product("USDT-USDC", E8 / 10_000),
            ],
            maker_fee_ppm: 5_000,
            taker_fee_ppm: 9_000,
            accounts: vec![account("alice"), account("bob"), account("viewer")],
        };
        let mut exchange = Exchange::new(ExchangeId::Coinbase, spec);
        let levels = [
            change(Side::Bid, 77_41, 2 * E8),
            change(Side::Bid, 77_40, 5 * E8),
            change(Side::Bid, 77_00, 50 * E8),
            change(Side::Ask, 77_43, E8),
            change(Side::Ask, 77_45, 4 * E8),
            change(Side::Ask, 78_00, 50 * E8),
        ];
        exchange.set_levels(START_NS, "SOL-USD", &levels);
        exchange.print(START_NS, "SOL-USD", Side::Ask, 7_743 * E8 / 100, E8 / 2);
        exchange.drain();
        let exchange = Arc::new(Mutex::new(exchange));
        Self { venue: Coinbase::new(exchange.clone(), settings), exchange, now_ns: START_NS }
    }

    fn exchange(&self) -> std::sync::MutexGuard<'_, Exchange> {
        self.exchange.lock().expect("nobody panics")
    }

    fn call(&self, request: &HttpRequest) -> HttpAnswer {
        self.venue.call(self.now_ns, request)
    }

    /// A signed call: its status and JSON.
    fn signed(&self, method: &str, target: &str, body: &str) -> (u16, Value) {
        self.signed_by(TRADER, method, target, body)
    }

    fn signed_by(&self, key: &str, method: &str, target: &str, body: &str) -> (u16, Value) {
        let mut request = request(method, target, body);
        let uri = format!("{method} 127.0.0.1:9/{}", request.path.trim_start_matches('/'));
        let token = token(key, self.now_ns, Some(&uri));
        request.headers.push(("authorization".to_owned(), format!("Bearer {token}")));
        read(&self.call(&request))
    }

    fn get(&self, target: &str) -> (u16, Value) {
        read(&self.call(&request("GET", target, "")))
    }

    /// Places an order; the answer.
    fn order(&self, client: &str, side: &str, configuration: &str) -> Value {
        self.order_of("SOL-USD", client, side, configuration)
    }

    fn order_of(&self, product: &str, client: &str, side: &str, configuration: &str) -> Value {
        let body = format!(
            r#"{{"client_order_id":"{client}","product_id":"{product}","side":"{side}","order_configuration":{configuration}}}"#
        );
        let (status, answer) = self.signed("POST", "/api/v3/brokerage/orders", &body);
        assert_eq!(status, 200, "{answer}");
        answer
    }

    fn connect(&self) -> Socket {
        let upgrade = request("GET", "/", "");
        let mut dialect = self.venue.upgrade(self.now_ns, &upgrade).unwrap_or_else(|answer| {
            panic!("refused with {}", answer.status);
        });
        let mut out = Vec::new();
        dialect.opened(self.now_ns, &mut out);
        assert!(out.is_empty(), "the venue waits for the client");
        Socket { dialect }
    }

    /// Balance of the trader: available and held.
    fn balance(&self, currency: &str) -> (u64, u64) {
        let list = self.exchange().balances("alice");
        let found = list.iter().find(|balance| &*balance.currency == currency);
        found.map_or((0, 0), |balance| (balance.available_e8, balance.held_e8))
    }
}

struct Socket {
    dialect: Box<dyn Dialect>,
}

impl Socket {
    fn send(&mut self, bench: &Bench, text: &str) -> Vec<Value> {
        let mut out = Vec::new();
        self.dialect.text(bench.now_ns, text, &mut out);
        frames(&out)
    }

    fn subscribe(&mut self, bench: &Bench, channel: &str, products: &[&str]) -> Vec<Value> {
        let products = serde_json::to_string(products).expect("JSON");
        let text =
            format!(r#"{{"type":"subscribe","product_ids":{products},"channel":"{channel}"}}"#);
        self.send(bench, &text)
    }

    fn subscribe_user(&mut self, bench: &Bench, key: &str) -> Vec<Value> {
        let jwt = token(key, bench.now_ns, None);
        let text = format!(r#"{{"type":"subscribe","channel":"user","jwt":"{jwt}"}}"#);
        self.send(bench, &text)
    }

    /// Hands over what has happened at the exchange.
    fn pump(&mut self, bench: &Bench) -> Vec<Value> {
        let happenings = bench.exchange().drain();
        let mut out = Vec::new();
        for what in &happenings {
            self.dialect.happened(bench.now_ns, what, &mut out);
        }
        frames(&out)
    }

    fn tick(&mut self, bench: &Bench) -> Vec<Out> {
        let mut out = Vec::new();
        self.dialect.tick(bench.now_ns, &mut out);
        out
    }
}

/// Text frames as JSON.
fn frames(out: &[Out]) -> Vec<Value> {
    let texts = out.iter().filter_map(|out| match out {
        Out::Text(text) => Some(text),
        Out::Ping(_) | Out::Close(..) => None,
    });
    texts.map(|text| serde_json::from_str(text).expect("JSON")).collect()
}

fn request(method: &str, target: &str, body: &str) -> HttpRequest {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    HttpRequest {
        method: method.to_owned(),
        host: "127.0.0.1:9".to_owned(),
        is_tls: true,
        path: path.to_owned(),
        query: query.to_owned(),
        headers: vec![("user-agent".to_owned(), "test".to_owned())],
        body: body.as_bytes().to_vec(),
    }
}

fn read(answer: &HttpAnswer) -> (u16, Value) {
    let text = String::from_utf8(answer.body.clone()).expect("UTF-8");
    (answer.status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

fn seed_of(key: &str) -> [u8; 32] {
    let mut seed = [7; 32];
    seed[0] = u8::try_from(key.len()).expect("short");
    seed[1] = key.as_bytes()[key.len() - 1];
    seed
}

fn keys() -> Vec<ApiKey> {
    let key = |name: &str, account, scopes| {
        ApiKey::from_secret(name, &STANDARD.encode(seed_of(name)), account, scopes).expect("a key")
    };
    vec![
        key(TRADER, "alice", Scopes::Trade),
        key(VIEWER, "viewer", Scopes::View),
        key(OTHER, "bob", Scopes::Trade),
    ]
}

/// A good token of a key.
fn token(key: &str, now_ns: u64, uri: Option<&str>) -> String {
    let nbf = now_ns / SECOND;
    let header = format!(
        r#"{{"alg":"EdDSA","typ":"JWT","kid":"{key}","nonce":"00112233445566778899aabbccddeeff"}}"#
    );
    let uri = uri.map(|uri| format!(r#","uri":"{uri}""#)).unwrap_or_default();
    let claims = format!(r#"{{"sub":"{key}","iss":"cdp","nbf":{nbf},"exp":{}{uri}}}"#, nbf + 120);
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = ed25519_dalek::SigningKey::from_bytes(&seed_of(key)).sign(message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
}
