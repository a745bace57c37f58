//! Frames of Gemini's current WebSocket, made of those of market data v2: the same books and trades
//! in the other feed's words, with update ids in a chain.

use std::fmt::Write as _;

use connector_net::capture::{Kind, Record};
use serde_json::Value;

use super::exchanges::{Rewrite, seeds, with_fees};
use super::shortened;
use crate::exchange::SEPARATOR;

/// Where the ids begin. Every difference begins here too, which overlaps as the rule allows.
const BASE: usize = 1_764_549_594_389_289;

const SUBSCRIBE: &str =
    ">{\"id\":1,\"method\":\"subscribe\",\"params\":[\"btcusd@depth@100ms\",\"solusd@depth\"]}";

pub(super) fn gemini_current() -> Vec<Vec<u8>> {
    let rewrite: Rewrite = |record: &Record<'_>, position| match &record.kind {
        Kind::Http { url, .. } => Some(format!("#{url} {}", record.data)),
        Kind::Received => {
            let mut text = shortened(&record.data, "\"changes\":[", 8);
            text = shortened(&text, "\"trades\":[", 2);
            respoken(&shortened(&text, "\"auction_events\":[", 1), position)
        }
        Kind::Connected { .. } | Kind::Closed | Kind::Sent => None,
    };
    let opens = ["\"auction_events\":", "\"trades\":["];
    let names = ["bundle/derived/gemini.jsonl.zst", "bundle/recorded/gemini.jsonl.zst"];
    let mut all = seeds(&names, rewrite, &opens);
    for seed in &mut all {
        // Frames alone are still in the words of v2.
        let text = core::str::from_utf8(seed).ok().and_then(|text| respoken(text, 7));
        if let Some(text) = text {
            *seed = text.into_bytes();
        }
    }
    all.extend(chains());
    with_fees(
        all,
        "api.gemini.com/v1/notionalvolume",
        "{\"api_maker_fee_bps\":20,\"api_taker_fee_bps\":40,\"web_taker_fee_bps\":41}",
    )
}

/// A frame of v2 in the words of the current feed, as number `position` of its connection.
fn respoken(text: &str, position: usize) -> Option<String> {
    let value: Value = serde_json::from_str(text).ok()?;
    let symbol = value["symbol"].as_str().unwrap_or("").to_ascii_lowercase();
    let time = format!("17863095500000{position:05}");
    match value["type"].as_str()? {
        "l2_updates" => {
            let is_whole = value.get("trades").is_some() || value.get("auction_events").is_some();
            let last = BASE + position + usize::from(!is_whole);
            let first = if is_whole { last } else { BASE };
            let side = |name: &str| {
                let rows = value["changes"].as_array().into_iter().flatten();
                let rows = rows.filter(|row| row[0] == name);
                let rows: Vec<String> =
                    rows.map(|row| format!("[{},{}]", row[1], row[2])).collect();
                rows.join(",")
            };
            Some(format!(
                "{{\"e\":\"depthUpdate\",\"E\":{time},\"s\":\"{symbol}\",\"U\":{first},\
                 \"u\":{last},\"b\":[{}],\"a\":[{}]}}",
                side("buy"),
                side("sell")
            ))
        }
        "trade" => Some(format!(
            "{{\"E\":{time},\"s\":\"{symbol}\",\"t\":{},\"p\":{},\"q\":{},\"m\":{}}}",
            value["event_id"],
            value["price"],
            value["quantity"],
            value["side"] == "sell"
        )),
        "heartbeat" => Some(format!("{{\"id\":{position},\"status\":200}}")),
        _ => None,
    }
}

/// Sessions with holes, copies, frames out of turn and new subscriptions, and the other messages.
fn chains() -> Vec<Vec<u8>> {
    let depth = |first: usize, last: usize, bid: &str, ask: &str| {
        format!(
            "{{\"e\":\"depthUpdate\",\"E\":1786309550000000001,\"s\":\"btcusd\",\"U\":{first},\
             \"u\":{last},\"b\":[[\"{bid}\",\"0.51000000\"],[\"1.00\",\"0.00000000\"]],\
             \"a\":[[\"{ask}\",\"0.40000000\"]]}}"
        )
    };
    let (whole, next) = (depth(100, 100, "77.10", "77.20"), depth(100, 105, "77.11", "77.19"));
    let gap = depth(107, 109, "77.12", "77.21");
    let again = depth(109, 109, "77.12", "77.18");
    let replies = [
        "{\"id\":1,\"status\":200}",
        "{\"id\":\"p-1\",\"status\":400,\"error\":{\"code\":-1013,\"msg\":\"Invalid stream name\"}}",
        "{\"u\":105,\"E\":1786309550000000001,\"s\":\"btcusd\",\"b\":\"77.11\",\"B\":\"2.0\",\
         \"a\":\"77.19\",\"A\":\"0.4\",\"c\":\"\"}",
        "{\"lastUpdateId\":105,\"symbol\":\"btcusd\",\"bids\":[[\"77.11\",\"2.0\"]],\"asks\":[]}",
        "{\"E\":1786309550000000001,\"s\":\"btcusd\",\"t\":1,\"p\":\"77.1\",\"q\":\"1\",\"m\":true}",
    ];
    let sent = SUBSCRIBE.to_owned();
    let rows: [Vec<&str>; 5] = [
        vec![&sent, &whole, &next, &next, &gap, &sent, &again],
        vec![&next, &whole, &gap, &again],
        vec![&whole, &sent, &next, &again, &gap],
        vec![&whole, "!", &next, &whole, &next],
        replies.into_iter().chain([&*whole]).collect(),
    ];
    rows.into_iter()
        .map(|row| {
            let mut text = String::new();
            for (index, record) in row.into_iter().enumerate() {
                let separator = if index == 0 { "" } else { "\u{1e}" };
                write!(text, "{separator}{record}").expect("a string takes all");
            }
            debug_assert_eq!(SEPARATOR, 0x1e);
            text.into_bytes()
        })
        .collect()
}
