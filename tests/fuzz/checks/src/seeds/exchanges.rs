//! Frames of the exchanges, alone and as short sessions.

use connector_net::capture::{Kind, Record};

use super::{SEED_BYTES_MAX, shortened};
use crate::data;
use crate::exchange::SEPARATOR;

/// Frames taken alone, from each recording.
const ALONE: usize = 60;
/// Sessions made of each recording.
const SESSIONS: usize = 40;

/// What a record of a recording becomes in a session; `None` leaves it out.
pub(super) type Rewrite = fn(&Record<'_>, position: usize) -> Option<String>;

pub(super) fn seeds(recordings: &[&str], rewrite: Rewrite, opens: &[&str]) -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for name in recordings {
        let capture = data::capture(name);
        let records: Vec<Record<'_>> = data::records(&capture).collect();
        let frames: Vec<&Record<'_>> =
            records.iter().filter(|record| record.kind == Kind::Received).collect();
        let step = (frames.len() / ALONE).max(1);
        for frame in frames.iter().step_by(step) {
            let cut = frame.data.len().min(SEED_BYTES_MAX);
            seeds.push(frame.data.as_bytes()[..cut].to_vec());
        }
        seeds.extend(sessions(&records, rewrite, opens));
    }
    seeds
}

/// The first records of books, short, and then as many later ones as there is room for.
fn sessions(records: &[Record<'_>], rewrite: Rewrite, opens: &[&str]) -> Vec<Vec<u8>> {
    let heads: Vec<&Record<'_>> = records
        .iter()
        .filter(|record| opens.iter().any(|open| record.data.contains(open)))
        .filter(|record| !matches!(record.kind, Kind::Sent))
        .collect();
    let rest: Vec<&Record<'_>> = records
        .iter()
        .filter(|record| record.kind == Kind::Received && record.data.len() < 1_500)
        .collect();
    let mut made = Vec::new();
    for session in 0..SESSIONS {
        let mut text = Vec::new();
        let mut position = 0;
        let begin = session * rest.len() / SESSIONS;
        let head_count = 1 + session % 2;
        let first: Vec<&Record<'_>> =
            heads.iter().skip(session % heads.len().max(1)).take(head_count).copied().collect();
        let symbols: Vec<&str> = first.iter().filter_map(|record| symbol(record)).collect();
        let later = rest[begin..]
            .iter()
            .copied()
            .filter(|record| symbols.iter().any(|symbol| record.data.contains(symbol)));
        for record in first.iter().copied().chain(later.take(30)) {
            let Some(one) = rewrite(record, position) else { continue };
            if text.len() + one.len() >= SEED_BYTES_MAX {
                break;
            }
            if !text.is_empty() {
                text.push(SEPARATOR);
            }
            text.extend_from_slice(one.as_bytes());
            position += usize::from(record.kind == Kind::Received);
        }
        made.push(text);
    }
    made
}

/// Every session so far, with an answer behind it that states the account's fees.
pub(super) fn with_fees(mut seeds: Vec<Vec<u8>>, url: &str, body: &str) -> Vec<Vec<u8>> {
    let answer = format!("@https://{url} {body}");
    let sessions = seeds.iter().filter(|seed| seed.contains(&SEPARATOR)).step_by(4);
    let priced: Vec<Vec<u8>> = sessions
        .filter(|seed| seed.len() + answer.len() < SEED_BYTES_MAX)
        .map(|seed| [seed, &[SEPARATOR][..], answer.as_bytes()].concat())
        .collect();
    seeds.extend(priced);
    seeds.push(answer.into_bytes());
    seeds
}

/// The market of a snapshot, as frames spell it.
fn symbol<'a>(record: &'a Record<'_>) -> Option<&'a str> {
    if let Kind::Http { url, .. } = &record.kind
        && let Some((_, symbol)) = url.split_once("/order_book/")
    {
        return Some(symbol.trim_end_matches('/'));
    }
    ["\"symbol\":\"", "\"product_id\":\""].into_iter().find_map(|key| {
        let rest = &record.data[record.data.find(key)? + key.len()..];
        rest.split('"').next()
    })
}

pub(super) fn coinbase() -> Vec<Vec<u8>> {
    let rewrite: Rewrite = |record, position| match &record.kind {
        Kind::Http { url, .. } => {
            Some(format!("#{url} {}", shortened(&record.data, "\"products\":[", 1)))
        }
        Kind::Received => {
            let mut text = shortened(&record.data, "\"updates\":[", 6);
            text = shortened(&text, "\"trades\":[", 2);
            text = shortened(&text, "\"candles\":[", 1);
            Some(renumbered(&text, position))
        }
        Kind::Connected { .. } | Kind::Closed | Kind::Sent => None,
    };
    let opens = ["\"type\":\"snapshot\",\"product_id\"", "\"products\":["];
    let names = ["bundle/derived/coinbase.jsonl.zst", "bundle/recorded/coinbase.jsonl.zst"];
    let mut all = seeds(&names, rewrite, &opens);
    all.extend(
        [
            "{\"type\":\"error\",\"message\":\"rate limit\"}",
            "{\"channel\":\"status\",\"client_id\":\"\",\"timestamp\":\"2026-08-09T21:05:48.2Z\",\
             \"sequence_num\":0,\"events\":[{\"type\":\"snapshot\",\"products\":[{\"id\":\"BTC-USD\",\
             \"status\":\"online\"}]}]}",
            "!",
        ]
        .map(|text| text.as_bytes().to_vec()),
    );
    with_fees(
        all,
        "api.coinbase.com/api/v3/brokerage/transaction_summary?product_type=SPOT",
        "{\"total_fees\":61.2,\"fee_tier\":{\"pricing_tier\":\"Advanced 1\",\"taker_fee_rate\":\
         \"0.0050\",\"maker_fee_rate\":\"0.0025\"},\"has_promo_fee\":false}",
    )
}

/// The frame as if it were number `position` of its connection.
fn renumbered(text: &str, position: usize) -> String {
    let key = "\"sequence_num\":";
    let Some(start) = text.find(key).map(|at| at + key.len()) else { return text.to_owned() };
    let digits = text[start..].bytes().take_while(u8::is_ascii_digit).count();
    format!("{}{position}{}", &text[..start], &text[start + digits..])
}

pub(super) fn gemini() -> Vec<Vec<u8>> {
    let rewrite: Rewrite = |record, _| match &record.kind {
        Kind::Http { url, .. } => Some(format!("#{url} {}", record.data)),
        Kind::Received => {
            let mut text = shortened(&record.data, "\"changes\":[", 8);
            text = shortened(&text, "\"trades\":[", 2);
            Some(shortened(&text, "\"auction_events\":[", 1))
        }
        Kind::Connected { .. } | Kind::Closed | Kind::Sent => None,
    };
    let opens = ["\"auction_events\":", "\"trades\":["];
    let names = ["bundle/derived/gemini.jsonl.zst", "bundle/recorded/gemini.jsonl.zst"];
    with_fees(
        seeds(&names, rewrite, &opens),
        "api.gemini.com/v1/notionalvolume",
        "{\"api_maker_fee_bps\":20,\"api_taker_fee_bps\":40,\"web_taker_fee_bps\":41}",
    )
}

pub(super) fn bitstamp() -> Vec<Vec<u8>> {
    let rewrite: Rewrite = |record, _| {
        let mut text = record.data.clone().into_owned();
        for open in ["\"bids\": [", "\"bids\":[", "\"asks\": [", "\"asks\":["] {
            text = shortened(&text, open, 6);
        }
        match &record.kind {
            Kind::Http { url, .. } if url.contains("/order_book/") => {
                Some(format!("@{url} {text}"))
            }
            Kind::Http { url, .. } => Some(format!("#{url} {text}")),
            Kind::Received => Some(text),
            Kind::Connected { .. } => Some("!".to_owned()),
            Kind::Closed | Kind::Sent => None,
        }
    };
    let opens = ["{\"timestamp\": \"", "{\"timestamp\":\""];
    let names = ["bundle/derived/bitstamp.jsonl.zst", "bitstamp/ws_20210417_btcusd_10sym.raw.zst"];
    let mut all = seeds(&names, rewrite, &opens);
    all.extend(joins());
    with_fees(
        all,
        "www.bitstamp.net/api/v2/fees/trading/",
        "[{\"currency_pair\":\"solusd\",\"market\":\"solusd\",\"fees\":{\"maker\":\"0.30\",\
         \"taker\":\"0.40\"}},{\"market\":\"btcusd\",\"fees\":{\"taker\":\"0.4\"}}]",
    )
}

/// Sessions in which diffs come before, at and behind the REST book.
fn joins() -> Vec<Vec<u8>> {
    let diff = |micros: u64, bid: &str, ask: &str| {
        format!(
            "{{\"data\":{{\"timestamp\":\"1786316400\",\"microtimestamp\":\"{micros}\",\
             \"bids\":[[\"{bid}\",\"1.5\"]],\"asks\":[[\"{ask}\",\"0.00000000\"],[\"{ask}\",\"2\"]]}},\
             \"channel\":\"diff_order_book_solusd\",\"event\":\"data\"}}"
        )
    };
    let book = |micros: u64| {
        format!(
            "@https://www.bitstamp.net/api/v2/order_book/solusd {{\"timestamp\": \"1786316400\", \
             \"microtimestamp\": \"{micros}\", \"bids\": [[\"77.10\", \"3.00000000\"]], \
             \"asks\": [[\"77.20\", \"4.00000000\"], [\"77.30\", \"1.0\"]]}}"
        )
    };
    let base = 1_786_316_400_190_000;
    let rows: [Vec<String>; 5] = [
        vec![diff(base, "77.11", "77.19"), diff(base + 9, "77.12", "77.21"), book(base + 5)],
        vec![book(base), diff(base + 1, "77.11", "77.18"), diff(base + 1, "77.11", "77.18")],
        vec![book(base), diff(base + 9, "77.11", "77.18"), diff(base + 5, "77.12", "77.19")],
        vec![book(base + 5), diff(base, "77.11", "77.18"), diff(base + 9, "77.25", "77.22")],
        vec![
            diff(base, "77.11", "77.18"),
            "{\"event\":\"bts:request_reconnect\",\"channel\":\"\",\"data\":\"\"}".to_owned(),
            "!".to_owned(),
            book(base + 1),
            diff(base + 2, "77.13", "77.19"),
        ],
    ];
    let separator = char::from(SEPARATOR).to_string();
    rows.into_iter().map(|row| row.join(&separator).into_bytes()).collect()
}
