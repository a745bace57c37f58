//! Frames of the recording, taken apart and written again: the same bytes.

use std::io::BufRead as _;

use serde_json::Value;

use super::super::text::{parse_e8, parse_rfc3339};
use super::super::wire::{self, Candle, Envelope, Event};
use crate::exchange::PublicTrade;
use crate::happening::{Change, Side};

/// Frames and HTTP bodies of the recording that ships.
fn recorded() -> Vec<(String, String)> {
    let path =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/bundle/recorded/coinbase.jsonl.zst");
    let file = std::fs::File::open(path).expect("the recording ships with the project");
    let plain = zstd::stream::read::Decoder::new(file).expect("zstd");
    let mut list = Vec::new();
    for line in std::io::BufReader::new(plain).lines() {
        let line: Value = serde_json::from_str(&line.expect("text")).expect("JSON");
        if let ("recv" | "http", Some(data)) = (text(&line["t"]).as_str(), line.get("data")) {
            list.push((text(&line["t"]), text(data)));
        }
    }
    list
}

fn text(value: &Value) -> String {
    value.as_str().expect("a string").to_owned()
}

fn e8(value: &Value) -> u64 {
    parse_e8(&text(value)).expect("an amount")
}

fn time(value: &Value) -> u64 {
    parse_rfc3339(&text(value)).expect("a time")
}

fn kind(value: &Value) -> Event {
    if value["type"] == "snapshot" { Event::Snapshot } else { Event::Update }
}

fn rows(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

/// The event of a recorded frame, written by the emulator from what the frame says.
fn rewritten(channel: &str, event: &Value) -> Option<String> {
    Some(match channel {
        "l2_data" => {
            let list = rows(&event["updates"]);
            let change = |row: &Value| Change {
                side: if row["side"] == "bid" { Side::Bid } else { Side::Ask },
                price_e8: e8(&row["price_level"]),
                size_e8: e8(&row["new_quantity"]),
            };
            let changes: Vec<Change> = list.iter().map(change).collect();
            let event_ns = time(&list[0]["event_time"]);
            wire::levels(kind(event), &text(&event["product_id"]), event_ns, &changes)
        }
        "market_trades" => {
            let list = rows(&event["trades"]);
            let trade = |row: &Value| PublicTrade {
                trade_id: text(&row["trade_id"]).parse().expect("a number"),
                maker: if row["side"] == "BUY" { Side::Bid } else { Side::Ask },
                price_e8: e8(&row["price"]),
                size_e8: e8(&row["size"]),
                at_ns: time(&row["time"]),
            };
            let list: Vec<(String, PublicTrade)> =
                list.iter().map(|row| (text(&row["product_id"]), trade(row))).collect();
            wire::trades(kind(event), list.iter().map(|(name, trade)| (name.as_str(), trade)))
        }
        "candles" => {
            let list = rows(&event["candles"]);
            let candle = |row: &Value| Candle {
                start_s: text(&row["start"]).parse().expect("a number"),
                open: e8(&row["open"]),
                high: e8(&row["high"]),
                low: e8(&row["low"]),
                close: e8(&row["close"]),
                volume: e8(&row["volume"]),
            };
            let candles: Vec<Candle> = list.iter().map(candle).collect();
            wire::candles(kind(event), &text(&list[0]["product_id"]), &candles)
        }
        "heartbeats" => {
            let said = text(&event["current_time"]);
            let (clock, since) = said.split_once(" +0000 UTC m=+").expect("Go's form");
            let now_ns = parse_rfc3339(&format!("{clock}Z")).expect("a time");
            let (seconds, rest) = since.split_once('.').expect("a fraction");
            let since_ns = format!("{seconds}{rest:0<9}").parse().expect("a number");
            let counter = event["heartbeat_counter"].as_u64().expect("a whole number");
            wire::heartbeat(now_ns, since_ns, counter)
        }
        "subscriptions" => {
            let list = event["subscriptions"].as_object().expect("an object").iter();
            let list = list.map(|(name, names)| {
                (name.as_str(), rows(names).iter().map(text).collect::<Vec<String>>())
            });
            wire::subscriptions(list)
        }
        _ => return None,
    })
}

#[test]
fn recorded_frames_come_out_again_byte_for_byte() {
    let mut envelope = Envelope::default();
    let mut counts = std::collections::BTreeMap::<String, usize>::new();
    for (source, data) in recorded() {
        if source != "recv" {
            continue;
        }
        let frame: Value = serde_json::from_str(&data).expect("JSON");
        let channel = text(&frame["channel"]);
        let event = rewritten(&channel, &frame["events"][0]).unwrap_or_default();
        let again = envelope.frame(&channel, time(&frame["timestamp"]), &event);
        // Every frame counts, so that the numbers stay in step; those of tickers are compared below.
        if !event.is_empty() && rows(&frame["events"]).len() == 1 {
            assert!(again == data, "{channel}:\n{again:.600}\n{data:.600}");
            *counts.entry(channel).or_default() += 1;
        }
    }
    let counts: Vec<(&str, usize)> =
        counts.iter().map(|(name, count)| (name.as_str(), *count)).collect();
    let expected = [
        ("candles", 4),
        ("heartbeats", 15),
        ("l2_data", 478),
        ("market_trades", 43),
        ("subscriptions", 5),
    ];
    assert_eq!(counts, expected);
}

/// A JSON text without its values: keys in their order, kinds of values, blanks of the writer; of a
/// list its first element.
fn shape(text: &str) -> String {
    let mut shape = String::new();
    let mut rest = text;
    skim(&mut rest, &mut shape);
    assert_eq!(rest, "", "all of it was JSON");
    shape
}

fn skim(rest: &mut &str, shape: &mut String) {
    let first = rest.chars().next().expect("a value");
    match first {
        '"' => {
            string(rest);
            shape.push('s');
        }
        '{' | '[' => {
            let end = if first == '{' { '}' } else { ']' };
            shape.push(first);
            *rest = &rest[1..];
            let mut sink = String::new();
            for index in 0.. {
                if let Some(behind) = rest.strip_prefix(end) {
                    *rest = behind;
                    break;
                }
                let into = if first == '[' && index > 0 { &mut sink } else { &mut *shape };
                if index > 0 {
                    let blank = usize::from(rest[1..].starts_with(' '));
                    into.push_str(&rest[..=blank]);
                    *rest = &rest[1 + blank..];
                }
                if first == '{' {
                    into.push_str(string(rest));
                    *rest = rest.strip_prefix(':').expect("a colon");
                    into.push(':');
                }
                skim(rest, into);
            }
            shape.push(end);
        }
        _ => {
            let end = rest.find([',', '}', ']']).unwrap_or(rest.len());
            let is_number = rest[..end].parse::<serde_json::Number>().is_ok();
            shape.push_str(if is_number { "n" } else { "w" });
            *rest = &rest[end..];
        }
    }
}

/// Takes a string with its quotes.
fn string<'t>(rest: &mut &'t str) -> &'t str {
    let mut is_escaped = false;
    let end = rest[1..]
        .find(|c| {
            let ends = c == '"' && !is_escaped;
            is_escaped = c == '\\' && !is_escaped;
            ends
        })
        .expect("an end")
        + 2;
    let (taken, behind) = rest.split_at(end);
    *rest = behind;
    taken
}

#[test]
fn shapes_tell_texts_apart() {
    assert_eq!(shape(r#"{"a":"x","b":[1,2],"c":{"d":null}}"#), r#"{"a":s,"b":[n],"c":{"d":w}}"#);
    assert_ne!(shape(r#"{"a":1,"b":2}"#), shape(r#"{"b":1,"a":2}"#));
    assert_ne!(shape(r#"{"a":"1"}"#), shape(r#"{"a":1}"#));
    assert_ne!(shape(r#"{"a":1, "b":2}"#), shape(r#"{"a":1,"b":2}"#));
    assert_eq!(shape(r#"["\"]",1]"#), "[s]");
}

#[test]
fn tickers_and_products_have_the_recorded_shape() {
    let bench = super::Bench::new();
    let mut socket = bench.connect();
    let mut out = Vec::new();
    let text = r#"{"type":"subscribe","product_ids":["SOL-USD"],"channel":"ticker"}"#;
    socket.dialect.text(bench.now_ns, text, &mut out);
    let crate::serve::Out::Text(ours) = &out[0] else { panic!("no frame") };
    let list = recorded();
    let theirs = list.iter().find(|(_, data)| data.starts_with(r#"{"channel":"ticker","#));
    assert_eq!(shape(ours), shape(&theirs.expect("a ticker").1));

    let path = "/api/v3/brokerage/market/products";
    let answer = bench.call(&super::request("GET", path, ""));
    let ours = String::from_utf8(answer.body).expect("text");
    let theirs = &list.iter().find(|(source, _)| source == "http").expect("the list").1;
    assert_eq!(shape(&ours), shape(theirs));
}
