//! The current WebSocket.

use serde_json::json;

use super::*;
use crate::exchange::{OrderState, SharedExchange};
use crate::happening::{E8, Side};
use crate::serve::Out;
use crate::venues::fixture::{MS, S, Wire, get, keys, level, shared_lines};

fn open(query: &str) -> (Wire, SharedExchange) {
    let (venue, exchange) = venue();
    let dialect = venue.upgrade(T0, &get(&format!("/?{query}"))).unwrap();
    (Wire::open(&exchange, dialect, T0).0, exchange)
}

fn authenticated(query: &str) -> (Wire, Gemini, SharedExchange) {
    let (venue, exchange) = venue();
    let mut request = get(&format!("/?{query}"));
    let nonce = (T0 / S).to_string();
    let payload = STANDARD.encode(&nonce);
    request.headers = vec![
        ("x-gemini-apikey".to_owned(), "account-timed".to_owned()),
        ("x-gemini-signature".to_owned(), sha384_hex(SECRET, &payload)),
        ("x-gemini-payload".to_owned(), payload),
        ("x-gemini-nonce".to_owned(), nonce),
    ];
    let dialect = venue.upgrade(T0, &request).unwrap();
    (Wire::open(&exchange, dialect, T0).0, venue, exchange)
}

#[test]
fn the_chain_begins_with_a_snapshot_before_the_ack_and_never_breaks() {
    let (mut wire, exchange) = open("snapshot=-1");
    let first = wire.ask(T0, r#"{"id":1,"method":"subscribe","params":["solusd@depth@100ms"]}"#);
    assert_eq!(first.len(), 2);
    assert_eq!(first[1], r#"{"id":1,"status":200}"#);
    let snapshot: Value = serde_json::from_str(&first[0]).unwrap();
    assert_eq!(snapshot["U"], snapshot["u"]);
    assert_eq!(snapshot["b"][0], json!(["99.99000", "1.00000000"]));
    assert_eq!(snapshot["a"].as_array().map(Vec::len), Some(3));
    let mut last = snapshot["u"].as_u64().unwrap();
    let mut frames = 0;
    for step in 1..200_u64 {
        let now = T0 + step * 30 * MS;
        let changes = [
            level(Side::Bid, 9_900 + step % 40, step % 5 * E8),
            level(Side::Ask, 10_020, step * E8),
        ];
        exchange.lock().unwrap().set_levels(now, "SOL-USD", &changes);
        for text in wire.hear(now) {
            let frame: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(frame["U"].as_u64(), Some(last), "the chain overlaps");
            last = frame["u"].as_u64().unwrap();
            assert!(frame["u"].as_u64() > frame["U"].as_u64());
            frames += 1;
        }
    }
    wire.hear(T0 + 7 * S);
    // One frame per 100 ms at most.
    assert!((50..=61).contains(&frames), "{frames}");
    assert!(wire.hear(T0 + 20 * S).is_empty(), "an idle book is silent");
}

#[test]
fn what_the_streams_state_equals_the_exchange() {
    let (mut wire, exchange) = open("snapshot=-1");
    let mut book = [std::collections::BTreeMap::new(), std::collections::BTreeMap::new()];
    let mut take = |texts: Vec<String>| {
        let mut depth20 = None;
        for text in texts {
            let frame: Value = serde_json::from_str(&text).unwrap();
            if frame.get("lastUpdateId").is_some() {
                depth20 = Some(frame);
            } else if frame["e"] == "depthUpdate" {
                for (side, name) in [(0, "b"), (1, "a")] {
                    for row in frame[name].as_array().unwrap() {
                        let (price, size) = (row[0].as_str().unwrap(), row[1].as_str().unwrap());
                        let price = crate::venues::words::parse_e8(price).unwrap();
                        let size = crate::venues::words::parse_e8(size).unwrap();
                        if size == 0 {
                            book[side].remove(&price)
                        } else {
                            book[side].insert(price, size)
                        };
                    }
                }
            }
        }
        (book.clone(), depth20)
    };
    take(wire.ask(
        T0,
        r#"{"id":1,"method":"SUBSCRIBE","params":["solusd@depth@100ms","solusd@depth20@100ms"]}"#,
    ));
    let mut seed = 1_u64;
    for step in 1..300_u64 {
        let now = T0 + step * 17 * MS;
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(step);
        let side = if seed >> 40 & 1 == 0 { Side::Bid } else { Side::Ask };
        let cents =
            if side == Side::Bid { 9_999 - (seed >> 33) % 30 } else { 10_001 + (seed >> 33) % 30 };
        exchange.lock().unwrap().set_levels(
            now,
            "SOL-USD",
            &[level(side, cents, (seed >> 50) % 3 * E8)],
        );
        take(wire.hear(now));
    }
    let (book, depth20) = take(wire.hear(T0 + 10 * S));
    let exchange = exchange.lock().unwrap();
    let mut bids = exchange.levels("SOL-USD", Side::Bid, 0);
    bids.reverse();
    assert_eq!(book[0].iter().map(|(p, s)| (*p, *s)).collect::<Vec<_>>(), bids);
    assert_eq!(
        book[1].iter().map(|(p, s)| (*p, *s)).collect::<Vec<_>>(),
        exchange.levels("SOL-USD", Side::Ask, 0)
    );
    let depth20 = depth20.unwrap();
    assert_eq!(depth20["lastUpdateId"].as_u64(), Some(exchange.update_id("SOL-USD")));
    assert_eq!(
        depth20["asks"].as_array().map(Vec::len),
        Some(exchange.levels("SOL-USD", Side::Ask, 20).len())
    );
}

/// What frames state at whole tenths of a second must not depend on when somebody subscribed, nor on how late
/// changes were handed over.
#[test]
fn frames_hold_what_changed_between_two_points_of_one_grid() {
    let ask = r#"{"id":1,"method":"subscribe","params":["solusd@depth@100ms"]}"#;
    let told = |subscribed_ms: u64, every: u64| {
        let (mut wire, exchange) = open("snapshot=-1");
        wire.ask(T0 + subscribed_ms * MS, ask);
        let mut told = Vec::new();
        for step in 1..100_u64 {
            let now = T0 + S + step * 7 * MS;
            let change = level(Side::Bid, 9_900 + step % 40, step * E8);
            exchange.lock().unwrap().set_levels(now, "SOL-USD", &[change]);
            if step % every == 0 {
                told.extend(wire.hear(now));
            }
        }
        told.extend(wire.hear(T0 + 3 * S));
        told.extend(wire.hear(T0 + 4 * S));
        let frames = told.iter().map(|text| serde_json::from_str::<Value>(text).unwrap());
        // The levels that were told of each tenth of a second.
        let mut cells = std::collections::BTreeMap::<u64, Vec<Value>>::new();
        for frame in frames {
            let cell = frame["E"].as_u64().unwrap() / (100 * MS);
            cells.entry(cell).or_default().extend(frame["b"].as_array().unwrap().clone());
        }
        cells
    };
    let prompt = told(0, 1);
    assert_eq!(prompt.len(), 7, "each tenth of a second was changed in");
    for (subscribed_ms, every) in [(37, 1), (99, 1), (0, 23), (61, 50), (13, 99)] {
        assert!(told(subscribed_ms, every) == prompt, "{subscribed_ms} ms, each {every}");
    }
}

#[test]
fn what_a_snapshot_contains_is_not_told_again() {
    let (mut wire, exchange) = open("snapshot=2");
    exchange.lock().unwrap().set_levels(T0 + MS, "SOL-USD", &[level(Side::Bid, 9_950, E8)]);
    // The change still waits for the connection when it subscribes.
    let first = wire.ask(
        T0 + 2 * MS,
        r#"{"id":"a","method":"subscribe","params":["solusd@depth@100ms","solusd@trade"]}"#,
    );
    let snapshot: Value = serde_json::from_str(&first[0]).unwrap();
    assert_eq!(snapshot["b"].as_array().map(Vec::len), Some(2));
    assert_eq!(first[1], r#"{"id":"a","status":200}"#);
    assert!(wire.hear(T0 + S).is_empty());
}

#[test]
fn trades_and_best_prices() {
    let (mut wire, exchange) = open("");
    let acks = wire
        .ask(T0, r#"{"id":1,"method":"subscribe","params":["solusd@bookTicker","solusd@trade"]}"#);
    assert_eq!(acks, [r#"{"id":1,"status":200}"#]);
    exchange.lock().unwrap().take(T0 + MS, "SOL-USD", Side::Ask, 10_001 * E8 / 100, E8 / 4);
    let at = T0 + MS;
    let update = exchange.lock().unwrap().update_id("SOL-USD");
    assert_eq!(
        wire.hear(at),
        [
            format!(
                r#"{{"E":{at},"s":"solusd","t":300000001,"p":"100.01000","q":"0.25000000","m":false}}"#
            ),
            format!(
                r#"{{"u":{update},"E":{at},"s":"solusd","b":"99.99000","B":"1.00000000","a":"100.01000","A":"0.75000000","c":"100.01000","C":"0.25000000"}}"#
            ),
        ]
    );
    exchange.lock().unwrap().set_levels(T0 + 2 * MS, "SOL-USD", &[level(Side::Bid, 9_000, E8)]);
    assert!(wire.hear(T0 + 2 * MS).is_empty(), "the best prices did not move");
}

#[test]
fn requests_are_answered_or_refused_by_code() {
    let (mut wire, _) = open("");
    let many = |count: usize| {
        let names: Vec<String> = (0..count).map(|_| r#""solusd@trade""#.to_owned()).collect();
        format!(r#"{{"id":9,"method":"subscribe","params":[{}]}}"#, names.join(","))
    };
    let rows = [
        (
            r#"{"id":2,"method":"subscribe","params":["solusd@trade","solusd@nope"]}"#.to_owned(),
            r#"{"id":2,"status":400,"error":{"code":-1013,"msg":"Invalid stream name: solusd@nope"}}"#,
        ),
        (
            r#"{"id":3,"method":"list_subscriptions"}"#.to_owned(),
            r#"{"id":3,"status":200,"result":[]}"#,
        ),
        (
            r#"{"id":2,"method":"subscribe","params":["SOLUSD@trade"]}"#.to_owned(),
            r#"{"id":2,"status":400,"error":{"code":-1013,"msg":"Invalid stream name: SOLUSD@trade"}}"#,
        ),
        (
            r#"{"id":2,"method":"subscribe","params":{"a":1}}"#.to_owned(),
            r#"{"id":2,"status":400,"error":{"code":-1013,"msg":"params must be an array"}}"#,
        ),
        (many(26), r#"{"id":9,"status":400,"error":{"code":-1013,"msg":"Too many streams"}}"#),
        (
            r#"{"id":4,"method":"subscribe","params":["orders@account"]}"#.to_owned(),
            r#"{"id":4,"status":401,"error":{"code":-1002,"msg":"Unauthorized stream: orders@account"}}"#,
        ),
        (
            r#"{"id":5,"method":"order.place","params":{}}"#.to_owned(),
            r#"{"id":5,"status":401,"error":{"code":-1002,"msg":"Unauthorized"}}"#,
        ),
        (
            r#"{"id":6,"method":"order.amend"}"#.to_owned(),
            r#"{"id":6,"status":400,"error":{"code":-1020,"msg":"Unsupported operation: order.amend"}}"#,
        ),
        (r#"{"id":"p","method":"ping"}"#.to_owned(), r#"{"id":"p","status":200}"#),
        (
            r#"{"id":7,"method":"TIME"}"#.to_owned(),
            r#"{"id":7,"status":200,"result":{"serverTime":1767225600000}}"#,
        ),
        (
            r#"{"id":8,"method":"depth","params":{"symbol":"solusd","limit":1}}"#.to_owned(),
            r#"{"id":8,"status":200,"result":{"lastUpdateId":UPDATE,"bids":[["99.99000","1.00000000"]],"asks":[["100.01000","1.00000000"]]}}"#,
        ),
        (
            r#"{"id":8,"method":"depth","params":{"symbol":"solusd","limit":5001}}"#.to_owned(),
            r#"{"id":8,"status":400,"error":{"code":-1013,"msg":"Invalid limit: 1 to 5000"}}"#,
        ),
        ("{".to_owned(), r#"{"id":null,"status":400,"error":{"code":-1013,"msg":"Invalid JSON"}}"#),
    ];
    let (_, exchange) = venue();
    let update = exchange.lock().unwrap().update_id("SOL-USD").to_string();
    for (request, want) in rows {
        assert_eq!(wire.ask(T0, &request), [want.replace("UPDATE", &update)], "{request}");
    }
    assert!(wire.say(T0, &many(100)).contains(&Out::Close(1009, "message too big".to_owned())));
    let info = wire.ask(T0, r#"{"id":1,"method":"conninfo"}"#);
    assert!(
        info[0].contains(
            r#""rateLimitType":"ORDERS","interval":"SECOND","intervalNum":10,"limit":3500"#
        )
    );
    wire.ask(T0, r#"{"id":1,"method":"subscribe","params":["solusd@trade"]}"#);
    wire.ask(T0, r#"{"id":1,"method":"unsubscribe","params":["solusd@trade"]}"#);
    assert_eq!(
        wire.ask(T0, r#"{"id":3,"method":"list_subscriptions"}"#),
        [r#"{"id":3,"status":200,"result":[]}"#]
    );
}

#[test]
fn too_many_requests_are_refused_until_the_window_ends() {
    let (mut wire, _) = open("");
    let ping = r#"{"id":1,"method":"ping"}"#;
    for _ in 0..7_000 {
        assert!(wire.ask(T0, ping)[0].contains("200"));
    }
    assert_eq!(
        wire.ask(T0, ping),
        [r#"{"id":1,"status":429,"error":{"code":-1003,"msg":"Too many requests"}}"#]
    );
    assert!(wire.ask(T0 + 10 * S, ping)[0].contains("200"));
}

#[test]
fn an_ioc_order_is_told_on_all_private_streams() {
    let (mut wire, _, _) = authenticated("");
    wire.ask(T0, r#"{"id":1,"method":"subscribe","params":["orders@account","balances@account"]}"#);
    let reply = wire.ask(T0, r#"{"id":"p-1","method":"order.place","params":{"symbol":"solusd","side":"BUY","type":"LIMIT","timeInForce":"IOC","price":"100.01","quantity":"1.5","clientOrderId":"arb-1"}}"#);
    assert_eq!(reply, [r#"{"id":"p-1","status":200,"result":{}}"#]);
    let frames: Vec<Value> =
        wire.hear(T0 + MS).iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    let words: Vec<&str> = frames.iter().filter_map(|frame| frame["X"].as_str()).collect();
    assert_eq!(words, ["NEW", "PARTIALLY_FILLED", "CANCELED"]);
    let fill = frames.iter().find(|frame| frame["X"] == "PARTIALLY_FILLED").unwrap();
    assert_eq!(
        (fill["Z"].as_str(), fill["z"].as_str(), fill["L"].as_str()),
        (Some("1"), Some("0.5"), Some("100.010"))
    );
    assert_eq!(
        (fill["n"].as_str(), fill["m"].as_bool(), fill["c"].as_str()),
        (Some("0.40004"), Some(false), Some("arb-1"))
    );
    assert!(fill["i"].as_u64() > Some(1 << 53));
    let end = frames.iter().find(|frame| frame["X"] == "CANCELED").unwrap();
    assert_eq!(
        (end["Z"].as_str(), end["r"].as_str()),
        (Some("1"), Some("ImmediateOrCancelWouldPost"))
    );
    let mut usd = frames
        .iter()
        .filter(|frame| frame["e"] == "balanceUpdate")
        .flat_map(|frame| frame["B"].as_array().unwrap())
        .filter(|row| row["a"] == "USD");
    assert_eq!(usd.next_back().unwrap()["f"], "9899.58996");
}

#[test]
fn a_refused_order_is_refused_twice_and_one_against_its_terms_is_cancelled() {
    let (mut wire, _, _) = authenticated("");
    wire.ask(T0, r#"{"id":1,"method":"subscribe","params":["orders@session"]}"#);
    let place = |fields: &str| {
        format!(
            r#"{{"id":2,"method":"order.place","params":{{"symbol":"solusd","side":"BUY","type":"LIMIT",{fields}}}}}"#
        )
    };
    let words = |texts: Vec<String>| -> Vec<String> {
        let word = |text: &String| {
            serde_json::from_str::<Value>(text).unwrap()["X"].as_str().unwrap().to_owned()
        };
        texts.iter().map(word).collect()
    };
    for (fields, reply, events) in [
        (r#""price":"99","quantity":"1000""#, r#""code":-2010"#, vec!["REJECTED"]),
        (r#""price":"99.0001","quantity":"1""#, r#""code":-1013"#, vec!["REJECTED"]),
        (
            r#""timeInForce":"MOC","price":"100.01","quantity":"1""#,
            r#""status":200"#,
            vec!["NEW", "CANCELED"],
        ),
        (
            r#""timeInForce":"FOK","price":"100.01","quantity":"2""#,
            r#""status":200"#,
            vec!["NEW", "CANCELED"],
        ),
        (r#""price":"99","quantity":"1""#, r#""status":200"#, vec!["NEW", "OPEN"]),
        (r#""price":"x","quantity":"1""#, r#""code":-1013"#, vec![]),
    ] {
        let answer = wire.ask(T0, &place(fields));
        assert!(answer[0].contains(reply), "{fields}: {answer:?}");
        assert_eq!(words(wire.hear(T0 + MS)), events, "{fields}");
    }
}

#[test]
fn cancelling_takes_a_text_and_disconnecting_cancels_within_two_seconds() {
    let (mut wire, venue, exchange) = authenticated("cancelOnDisconnect=true");
    let place = r#"{"id":2,"method":"order.place","params":{"symbol":"solusd","side":"SELL","type":"LIMIT","timeInForce":"GTC","price":"105","quantity":"1"}}"#;
    for _ in 0..2 {
        wire.ask(T0, place);
    }
    let newest = exchange.lock().unwrap().orders("main")[0].id;
    let cancel =
        |id: &str| format!(r#"{{"id":3,"method":"order.cancel","params":{{"orderId":{id}}}}}"#);
    assert!(wire.ask(T0, &cancel(&newest.to_string()))[0].contains("-1013"), "a number is refused");
    assert_eq!(
        wire.ask(T0, &cancel(&format!("\"{newest}\""))),
        [r#"{"id":3,"status":200,"result":{}}"#]
    );
    assert!(wire.ask(T0, &cancel("\"1\""))[0].contains("-1013"));
    let states = || -> Vec<OrderState> {
        exchange.lock().unwrap().orders("main").iter().map(|order| order.state).collect()
    };
    assert_eq!(states(), [OrderState::Cancelled, OrderState::Open]);
    wire.dialect.closed(T0 + S);
    venue.call(T0 + S + 10 * MS, &get("/v1/symbols"));
    assert_eq!(states(), [OrderState::Cancelled, OrderState::Open], "not at once");
    venue.call(T0 + 3 * S, &get("/v1/symbols"));
    assert_eq!(states(), [OrderState::Cancelled, OrderState::Cancelled]);
}

#[test]
fn the_server_pings_every_twenty_seconds() {
    let (mut wire, _) = open("");
    let pings = (1..=1_200_u64)
        .flat_map(|step| wire.pump(T0 + step * 50 * MS))
        .filter(|out| matches!(out, Out::Ping(_)));
    assert_eq!(pings.count(), 3);
}

#[test]
fn faults_speak_the_venues_words() {
    let (mut wire, exchange) = open("snapshot=-1");
    let crossed = Disturbance::CrossedBook { product: "SOL-USD".into() };
    let mut out = Vec::new();
    assert!(!wire.dialect.disturb(T0, &crossed, &mut out), "nothing is subscribed");
    wire.ask(T0, r#"{"id":1,"method":"subscribe","params":["solusd@depth@100ms"]}"#);
    assert!(wire.dialect.disturb(T0, &crossed, &mut out));
    let text = crate::venues::fixture::texts(std::mem::take(&mut out));
    let frame: Value = serde_json::from_str(&text[0]).unwrap();
    let update = exchange.lock().unwrap().update_id("SOL-USD");
    assert_eq!((frame["U"].as_u64(), frame["u"].as_u64()), (Some(update), Some(update + 1)));
    assert_eq!(frame["b"][0][0], "100.01100");
    assert!(wire.dialect.disturb(T0, &Disturbance::GiantFrame { bytes: 200_000 }, &mut out));
    let text = crate::venues::fixture::texts(std::mem::take(&mut out));
    assert!(text[0].len() >= 200_000);
    let frame: Value = serde_json::from_str(&text[0]).unwrap();
    assert!(frame["a"].as_array().unwrap().iter().all(|row| row[1] == "0.00000000"));
    assert!(wire.dialect.disturb(T0, &Disturbance::SubscriptionDropped, &mut out));
    exchange.lock().unwrap().set_levels(T0 + S, "SOL-USD", &[level(Side::Bid, 9_950, E8)]);
    assert!(wire.hear(T0 + 2 * S).is_empty());
    assert!(wire.dialect.disturb(T0, &Disturbance::Maintenance, &mut out));
    assert!(matches!(out[0], Out::Close(1012, _)));
}

#[test]
fn frames_are_spelt_like_recorded_ones() {
    let lines = shared_lines("misc/exchange_message_samples.json.zst");
    if lines.is_empty() {
        return;
    }
    let samples: Value = serde_json::from_str(&lines.join("\n")).unwrap();
    let (mut wire, exchange) = open("");
    wire.ask(T0, r#"{"id":1,"method":"subscribe","params":["btcusd@depth@100ms","btcusd@trade","btcusd@bookTicker"]}"#);
    exchange.lock().unwrap().take(T0 + S, "BTC-USD", Side::Ask, 60_001 * E8, E8 / 4);
    let mut ours = wire.hear(T0 + S);
    ours.extend(wire.hear(T0 + 2 * S));
    let mut seen = 0;
    for sample in samples["gemini v3"].as_array().unwrap() {
        // Objects are read into sorted maps: kinds of values are compared, and the set of keys.
        let same =
            ours.iter().map(|text| serde_json::from_str::<Value>(text).unwrap()).find(|own| {
                let (own, theirs) = (own.as_object().unwrap(), sample.as_object().unwrap());
                own.len() == theirs.len()
                    && theirs.iter().all(|(name, value)| {
                        own.get(name).is_some_and(|own| {
                            std::mem::discriminant(own) == std::mem::discriminant(value)
                        })
                    })
            });
        assert!(same.is_some(), "{sample} is like none of {ours:?}");
        seen += 1;
    }
    assert_eq!(seen, 4);
    assert_eq!(keys(&ours[0]), ["E", "s", "t", "p", "q", "m"]);
    // A price of a tick of 0.01 has five places, a size of 10^-8 has ten.
    assert!(ours[0].contains(r#""p":"60001.00000","q":"0.2500000000""#));
}
