//! The archived feeds: market data v2 and v1, order events.

use serde_json::json;

use super::*;
use crate::exchange::SharedExchange;
use crate::happening::{E8, Side};
use crate::serve::Out;
use crate::venues::fixture::{MS, S, Wire, get, keys, level, shared_lines};

fn open(path: &str) -> (Wire, SharedExchange, Vec<String>) {
    let (venue, exchange) = venue();
    let dialect = venue.upgrade(T0, &get(path)).unwrap();
    let (wire, first) = Wire::open(&exchange, dialect, T0);
    (wire, exchange, first)
}

const L2: &str = r#"{"type":"subscribe","subscriptions":[{"name":"l2","symbols":["SOLUSD"]}]}"#;

#[test]
fn v2_begins_with_the_whole_book_and_goes_on_with_changes() {
    let (mut wire, exchange, _) = open("/v2/marketdata");
    exchange.lock().unwrap().print(T0, "SOL-USD", Side::Bid, 9_999_000_000, E8 / 2);
    let first = wire.ask(T0, L2);
    assert_eq!(
        first,
        [
            r#"{"auction_events":[],"changes":[["buy","99.99","1.0"],["buy","99.98","2.0"],["buy","99.9","30.0"],["sell","100.01","1.0"],["sell","100.02","2.0"],["sell","100.1","30.0"]],"symbol":"SOLUSD","trades":[{"event_id":1764552041000001,"price":"99.99","quantity":"0.5","side":"sell","symbol":"SOLUSD","tid":300000001,"timestamp":1767225600000,"type":"trade"}],"type":"l2_updates"}"#
        ]
    );
    assert!(wire.hear(T0).is_empty(), "the trade was in the first frame");
    exchange.lock().unwrap().take(T0 + MS, "SOL-USD", Side::Ask, 10_001_000_000, E8);
    assert_eq!(
        wire.hear(T0 + MS),
        [
            r#"{"event_id":1764552041000002,"price":"100.01","quantity":"1.0","side":"buy","symbol":"SOLUSD","tid":300000002,"timestamp":1767225600001,"type":"trade"}"#,
            r#"{"changes":[["sell","100.01","0.0"]],"symbol":"SOLUSD","type":"l2_updates"}"#,
        ]
    );
    assert_eq!(wire.hear(T0 + 5 * S), [r#"{"timestamp":1767225605000,"type":"heartbeat"}"#]);
    assert!(wire.hear(T0 + 9 * S).is_empty());
    wire.ask(
        T0,
        &L2.replace("subscribe", "unsubscribe").replace("unsubscriptions", "subscriptions"),
    );
    exchange.lock().unwrap().set_levels(T0 + 9 * S, "SOL-USD", &[level(Side::Bid, 9_000, E8)]);
    assert!(wire.hear(T0 + 9 * S).is_empty());
}

#[test]
fn v2_refuses_what_it_does_not_know() {
    let (mut wire, _, _) = open("/v2/marketdata/");
    for symbols in [r#"["solusd"]"#, r#"["XYZUSD"]"#, "[]"] {
        let request = L2.replace(r#"["SOLUSD"]"#, symbols);
        assert_eq!(
            wire.ask(T0, &request),
            [r#"{"result":"error","reason":"NoValidTradingPairs"}"#]
        );
    }
    assert_eq!(
        wire.ask(T0, &L2.replace("SOLUSD\"", "SOLUSD\",\"nope\"")).len(),
        1,
        "those that exist are served"
    );
    assert_eq!(wire.ask(T0, "nonsense"), [r#"{"result":"error","reason":"InvalidJson"}"#]);
}

#[test]
fn v2_candles_follow_trades() {
    let (mut wire, exchange, _) = open("/v2/marketdata");
    exchange.lock().unwrap().print(T0, "SOL-USD", Side::Bid, 9_999_000_000, E8);
    wire.hear(T0);
    let request = L2.replace("l2", "candles_1m");
    assert_eq!(
        wire.ask(T0, &request),
        [
            r#"{"type":"candles_1m_updates","symbol":"SOLUSD","changes":[[1767225600000,99.99,99.99,99.99,99.99,1]]}"#
        ]
    );
    exchange.lock().unwrap().print(T0 + S, "SOL-USD", Side::Ask, 10_001_000_000, E8 / 2);
    assert_eq!(
        wire.hear(T0 + S),
        [
            r#"{"type":"candles_1m_updates","symbol":"SOLUSD","changes":[[1767225600000,99.99,100.01,99.99,100.01,1.5]]}"#
        ]
    );
}

#[test]
fn v2_frames_have_the_recorded_keys_in_the_recorded_order() {
    let (mut wire, exchange, _) = open("/v2/marketdata");
    exchange.lock().unwrap().print(T0, "SOL-USD", Side::Bid, 9_999_000_000, E8);
    let mut ours = wire.ask(T0, L2);
    exchange.lock().unwrap().take(T0 + MS, "SOL-USD", Side::Ask, 10_001_000_000, E8);
    ours.extend(wire.hear(T0 + 5 * S));
    let mut seen = std::collections::BTreeSet::new();
    for line in shared_lines("gemini/v2_marketdata_20260809_sol_btc_eth.jsonl.zst") {
        let line: Value = serde_json::from_str(&line).unwrap();
        if line["t"] != "recv" {
            continue;
        }
        let recorded = keys(line["data"].as_str().unwrap());
        assert!(ours.iter().any(|own| keys(own) == recorded), "{recorded:?}");
        seen.insert(recorded);
    }
    assert!(seen.is_empty() || seen.len() == 4, "{seen:?}");
}

#[test]
fn v1_counts_its_frames_and_states_changes_with_reasons() {
    let (mut wire, exchange, first) = open("/v1/marketdata/solusd?heartbeat=true");
    assert_eq!(first.len(), 1);
    let frame: Value = serde_json::from_str(&first[0]).unwrap();
    assert_eq!(
        (frame["socket_sequence"].as_u64(), frame["events"].as_array().map(Vec::len)),
        (Some(0), Some(6))
    );
    assert_eq!(
        frame["events"][0],
        json!({"type": "change", "side": "bid", "price": "99.990", "remaining": "1", "delta": "1", "reason": "initial"})
    );
    exchange.lock().unwrap().take(T0 + MS, "SOL-USD", Side::Ask, 10_001_000_000, E8 / 4);
    let frames: Vec<Value> =
        wire.hear(T0 + MS).iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    assert_eq!(
        frames[0]["events"][0],
        json!({"type": "trade", "tid": 300_000_001, "price": "100.010", "amount": "0.25", "makerSide": "ask"})
    );
    assert_eq!(
        frames[1]["events"][0],
        json!({"type": "change", "side": "ask", "price": "100.010", "remaining": "0.75", "delta": "-0.25", "reason": "trade"})
    );
    let changes = [level(Side::Bid, 9_999, 0), level(Side::Bid, 9_997, E8)];
    exchange.lock().unwrap().set_levels(T0 + S, "SOL-USD", &changes);
    let frame: Value = serde_json::from_str(&wire.hear(T0 + S)[0]).unwrap();
    let reasons: Vec<&str> = frame["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["reason"].as_str().unwrap())
        .collect();
    assert_eq!((reasons, frame["socket_sequence"].as_u64()), (vec!["cancel", "place"], Some(3)));
    assert_eq!(
        wire.hear(T0 + 5 * S),
        [r#"{"type":"heartbeat","timestampms":1767225605000,"socket_sequence":4}"#]
    );
}

#[test]
fn v1_of_several_markets_names_them_and_shows_tops() {
    let path = "/v1/multimarketdata?symbols=solusd,btcusd&heartbeat=true&trades=false&bids=true&offers=true&top_of_book=true";
    let (mut wire, exchange, first) = open(path);
    assert_eq!(first.len(), 2);
    let frame: Value = serde_json::from_str(&first[1]).unwrap();
    assert_eq!(frame["events"].as_array().map(Vec::len), Some(2));
    assert_eq!(frame["events"][1]["symbol"], "BTCUSD");
    exchange.lock().unwrap().set_levels(T0 + S, "SOL-USD", &[level(Side::Bid, 9_900, E8)]);
    assert!(wire.hear(T0 + S).is_empty());
    exchange.lock().unwrap().set_levels(T0 + S, "SOL-USD", &[level(Side::Bid, 10_000, E8)]);
    let frame: Value = serde_json::from_str(&wire.hear(T0 + S)[0]).unwrap();
    assert_eq!(
        frame["events"],
        json!([{"type": "change", "symbol": "SOLUSD", "side": "bid", "price": "100.000", "remaining": "1", "reason": "top-of-book"}])
    );
    let (venue, _) = venue();
    assert_eq!(
        venue.upgrade(T0, &get("/v1/marketdata/nope")).err().map(|answer| answer.status),
        Some(400)
    );
    assert_eq!(venue.upgrade(T0, &get("/v3/x")).err().map(|answer| answer.status), Some(404));
}

#[test]
fn order_events_tell_a_life_in_arrays() {
    let (venue, exchange) = venue();
    let order = |amount: &str, price: &str, nonce: u64, options: Value| {
        let payload = json!({"symbol": "solusd", "amount": amount, "price": price, "side": "buy",
            "type": "exchange limit", "options": options, "client_order_id": "arb-1"});
        assert_eq!(venue.call(T0, &signed(KEY, "/v1/order/new", nonce, payload)).status, 200);
    };
    order("1", "99", 1, json!([]));
    exchange.lock().unwrap().drain();
    let mut request = signed(KEY, "/v1/order/events", 2, json!({}));
    request.query = "heartbeat=true".to_owned();
    let dialect = venue.upgrade(T0, &request).unwrap();
    let (mut wire, first) = Wire::open(&exchange, dialect, T0);
    assert!(
        first[0].starts_with(r#"{"type":"subscription_ack","accountId":5365,"#),
        "{}",
        first[0]
    );
    assert!(first[1].starts_with(r#"[{"type":"initial","order_id":"#));
    order("2", "100.01", 3, json!(["immediate-or-cancel"]));
    let frames: Vec<Value> =
        wire.hear(T0 + MS).iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    let words: Vec<&str> = frames.iter().map(|frame| frame[0]["type"].as_str().unwrap()).collect();
    assert_eq!(words, ["accepted", "fill", "cancelled", "closed"]);
    let sequences: Vec<u64> =
        frames.iter().map(|frame| frame[0]["socket_sequence"].as_u64().unwrap()).collect();
    assert_eq!(sequences, [2, 3, 4, 5]);
    assert_eq!(frames[0][0]["api_session"], KEY);
    assert_eq!(frames[0][0]["behavior"], "immediate-or-cancel");
    assert_eq!(frames[1][0]["fill"]["fee"], "0.40004");
    assert_eq!(frames[1][0]["remaining_amount"], "1");
    assert_eq!(frames[2][0]["reason"], "ImmediateOrCancelWouldPost");
    let beat = wire.hear(T0 + 5 * S);
    assert!(
        beat[0].starts_with(r#"{"type":"heartbeat","timestampms":1767225605000,"sequence":0,"#)
    );
    let mut out = Vec::new();
    assert!(wire.dialect.disturb(T0, &Disturbance::AuthExpired, &mut out));
    assert!(matches!(out[0], Out::Close(1008, _)));
}

#[test]
fn order_events_are_filtered_and_need_authentication() {
    let (venue, exchange) = venue();
    assert_eq!(
        venue.upgrade(T0, &get("/v1/order/events")).err().map(|answer| answer.status),
        Some(400)
    );
    let lenient = Gemini::new(
        exchange.clone(),
        Settings { unsigned_events: Some("main".into()), ..Settings::default() },
    );
    assert!(lenient.upgrade(T0, &get("/v1/order/events")).is_ok());
    let mut request = signed(KEY, "/v1/order/events", 1, json!({}));
    request.query = "eventTypeFilter=fill&symbolFilter=solusd&eventTypeFilter=closed".to_owned();
    let dialect = venue.upgrade(T0, &request).unwrap();
    let (mut wire, _) = Wire::open(&exchange, dialect, T0);
    for (nonce, symbol, price) in [(2, "solusd", "100.01"), (3, "btcusd", "60001")] {
        let payload = json!({"symbol": symbol, "amount": "0.1", "price": price, "side": "buy", "type": "exchange limit"});
        venue.call(T0, &signed(KEY, "/v1/order/new", nonce, payload));
    }
    let frames: Vec<Value> =
        wire.hear(T0 + MS).iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    let words: Vec<&str> = frames.iter().map(|frame| frame[0]["type"].as_str().unwrap()).collect();
    assert_eq!(words, ["fill", "closed"]);
}
