//! The whole world over sockets.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

use super::*;
use crate::serve::{Running, start};

fn running(change: impl FnOnce(&mut EmulateConfig)) -> Running {
    let mut config =
        EmulateConfig { start_unix_s: Some(1_786_000_000), ..EmulateConfig::default() };
    change(&mut config);
    assert_eq!(config.problems(), []);
    start(world(&config).expect("it holds").options).expect("ports are free")
}

fn address(running: &Running, venue: &str) -> SocketAddr {
    running.venue(venue).expect("it is served").plain.expect("plain")
}

/// An answer's status and JSON.
fn call(address: SocketAddr, method: &str, path: &str, body: &str) -> (u16, Value) {
    let mut socket = TcpStream::connect(address).expect("it listens");
    let length = body.len();
    write!(
        socket,
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
         user-agent: test\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .expect("it reads");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("it answers");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a whole answer");
    let status = head.split(' ').nth(1).and_then(|it| it.parse().ok()).expect("a status");
    (status, serde_json::from_str(body).unwrap_or_else(|_| panic!("no JSON: {answer}")))
}

#[test]
fn every_venue_answers_on_its_port() {
    let running = running(|config| {
        let second = config.venues["solana"].clone();
        config.venues.insert("solana-2".to_owned(), second);
    });
    let health = r#"{"jsonrpc":"2.0","id":1,"method":"getHealth"}"#;
    let cases = [
        (
            "coinbase",
            "GET",
            "/api/v3/brokerage/market/products/SOL-USD",
            "",
            "/product_id",
            "SOL-USD",
        ),
        ("gemini", "GET", "/v1/symbols/details/solusd", "", "/symbol", "SOLUSD"),
        ("bitstamp", "GET", "/api/v2/ticker/solusd/", "", "/side", ""),
        ("solana", "POST", "/", health, "/result", "ok"),
        ("solana-2", "POST", "/", health, "/result", "ok"),
    ];
    for (venue, method, path, body, pointer, expected) in cases {
        let (status, answer) = call(address(&running, venue), method, path, body);
        let value = answer.pointer(pointer).and_then(Value::as_str);
        let is_right = value.is_some_and(|it| expected.is_empty() || it == expected);
        assert!(status == 200 && is_right, "{venue}: {status} {answer}");
    }
    for name in ["coinbase", "gemini", "bitstamp", "solana", "solana-2"] {
        assert_eq!(running.counts(name).expect("served").panics, 0, "{name}");
    }
}

/// Price and size of a level as decimals, in 10⁻⁸.
fn e8(text: &Value) -> u64 {
    Decimal::parse(text.as_str().expect("a decimal")).and_then(|it| it.units(8)).expect("exact")
}

#[test]
fn a_frozen_book_is_the_truth() {
    let running = running(|config| config.time_scale = 20);
    let frozen_ns = running.freeze();
    // Until what was under way has been taken in, on a market that does not move any more.
    while running.clock().now_ns() < frozen_ns + 2 * SECOND_NS {
        std::thread::sleep(Duration::from_millis(5));
    }
    let truth = running.truth().expect("a world");
    let book = &truth["exchanges"]["bitstamp"]["SOL-USD"];
    let path = "/api/v2/order_book/solusd/?group=1&x=1";
    let (status, told) = call(address(&running, "bitstamp"), "GET", path, "");
    assert_eq!(status, 200);
    for side in ["bids", "asks"] {
        let told = told[side].as_array().expect("levels").iter();
        let told: Vec<(u64, u64)> = told.map(|level| (e8(&level[0]), e8(&level[1]))).collect();
        let real = book[side].as_array().expect("levels").iter().map(|level| {
            let number = |at: usize| level[at].as_u64().expect("a number");
            (number(0), number(1))
        });
        assert!(told.len() >= 40, "{side}: {} levels", told.len());
        assert!(told.iter().copied().eq(real.take(told.len())), "{side}");
    }
    let later = running.truth().expect("a world");
    for side in ["bids", "asks"] {
        let of = |truth: &Value| truth["exchanges"]["coinbase"]["BTC-USD"][side].clone();
        assert!(of(&later) == of(&truth), "nothing moves: {side}");
    }
}

#[test]
fn the_same_seed_gives_the_same_market() {
    let books = |seed: u64, steps: u64| {
        let mut config = EmulateConfig { seed, ..EmulateConfig::default() };
        config.start_unix_s = Some(1_786_000_000);
        let mut world = world(&config).expect("it holds");
        for step in 1..=steps {
            let at_ns = 1_786_000_000 * SECOND_NS + 3 * SECOND_NS * step / steps;
            // A feed may catch up in several calls.
            while !world.options.feed.advance(at_ns).is_empty() {}
        }
        world.options.truth.expect("a world")()["exchanges"].to_string()
    };
    // What happens depends on market time, not on how often it is looked at.
    let once = books(5, 1);
    assert_eq!(once, books(5, 300));
    assert_ne!(once, books(6, 1));
}

#[test]
fn a_recording_is_played_with_its_own_slots_and_pools() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/bundle/derived");
    let truth = |steps: u64| {
        let mut config =
            EmulateConfig { start_unix_s: Some(1_786_000_000), ..EmulateConfig::default() };
        config.market.source = MarketSource::Captures;
        let names = ["coinbase", "gemini", "bitstamp", "solana"];
        config.market.captures =
            names.map(|name| PathBuf::from(format!("{folder}/{name}.jsonl.zst"))).into();
        assert_eq!(config.problems(), []);
        let mut world = world(&config).expect("it holds");
        let first = world.options.truth.as_ref().expect("a world")();
        for step in 1..=steps {
            let at_ns = 1_786_000_000 * SECOND_NS + 5 * SECOND_NS * step / steps;
            while !world.options.feed.advance(at_ns).is_empty() {}
        }
        (first, world.options.truth.expect("a world")())
    };
    let (first, later) = truth(1);
    let slot = |truth: &Value| truth["chain"]["slot"].as_u64().expect("a slot");
    assert!((10..=14).contains(&(slot(&later) - slot(&first))), "five seconds of slots");
    assert_eq!(later["chain"]["pools"].as_object().map(serde_json::Map::len), Some(1));
    assert!(first["exchanges"] != later["exchanges"]);
    assert!(truth(200).1 == later, "the same books, however often it is looked at");
}

#[test]
fn fees_balances_and_wallets_are_as_configured() {
    let text = r#"
        seed = 4
        [venues.gemini]
        port = 0
        taker_fee_ppm = 1234
        [[accounts]]
        venue = "gemini"
        name = "one"
        balances = { USD = "12.5" }
        [[accounts]]
        venue = "solana"
        name = "two"
        balances = { SOL = "1.5", USDC = 7 }
    "#;
    let config = EmulateConfig::parse(text).unwrap_or_else(|found| panic!("{found:#?}"));
    let world = world(&config).expect("it holds");
    let gemini = world.exchanges[1].lock().expect("not poisoned");
    assert_eq!((gemini.fees().maker_ppm, gemini.fees().taker_ppm), (2_000, 1_234));
    let balances = gemini.balances("one");
    let usd = balances.iter().find(|balance| &*balance.currency == "USD").expect("USD");
    assert_eq!(usd.available_e8, 1_250_000_000);
    let Credentials::Solana { address, .. } = &world.keys[1].credentials else {
        panic!("a wallet")
    };
    let ledger = world.ledger.lock().expect("not poisoned");
    let slot = ledger.block(crate::happening::Commitment::Processed, 0).slot;
    let wallet = ledger.account(&Pubkey::new_from_array(*address), slot).expect("it is there");
    assert_eq!(wallet.lamports, 1_500_000_000);
}

#[test]
fn set_and_seeded_faults_are_scheduled() {
    let config = EmulateConfig {
        random_faults: Some(RandomFaults { count: 9, from_ms: 10, until_ms: 500, longest_ms: 50 }),
        faults: EmulateConfig::parse(
            "[[faults]]\nat_ms = 7\nvenue = \"gemini\"\nfault = { kind = \"half_open\" }\nconnection = 2",
        )
        .expect("sound")
        .faults,
        ..EmulateConfig::default()
    };
    let schedule = world(&config).expect("it holds").options.schedule;
    assert_eq!(schedule.len(), 10);
    assert_eq!((schedule[0].at_ms, schedule[0].order.connection), (7, Some(2)));
    assert!(schedule[1..].iter().all(|entry| (10..500).contains(&entry.at_ms)));
}
