//! Gemini's current feed. No long recording of it exists, so the one of market data v2 is said again
//! in its words: the same books, with update ids in a chain. A few frames that somebody recorded in
//! 2026 are read as they are.

use std::collections::BTreeMap;

use connector_net::capture::Kind;
use connector_net::{Decoder as _, Input, Markets, Odd, Sink};
use engine_model::{Body, Event, Venue};
use serde_json::Value;

use super::keys::write_shuffled;
use super::paths::damage;
use super::{AnyDecoder, GEMINI_2026, Twins, capture, known};
use crate::support::{Rng, budget, shared};

/// A frame in both feeds' words.
struct Said {
    recv_ns: u64,
    v2: String,
    current: String,
}

/// Grids by symbol.
type Grids = Vec<(Box<str>, engine_model::Grid)>;

/// The book frames and trades of the recording.
fn frames() -> Option<(Vec<Said>, Grids)> {
    let capture = capture(GEMINI_2026)?;
    let mut ids: BTreeMap<String, u64> = BTreeMap::new();
    let mut next = 1_764_549_594_389_289;
    let mut frames = Vec::new();
    for record in capture.records() {
        let record = record.expect("readable");
        if record.kind != Kind::Received {
            continue;
        }
        let value: Value = serde_json::from_str(&record.data).expect("JSON");
        let Some(symbol) = value["symbol"].as_str().map(str::to_lowercase) else { continue };
        let recv_ns = record.recv_ns;
        let current = if value["type"] == "l2_updates" {
            // Ids are shared by all symbols, so they jump.
            next += 17;
            let before = ids.insert(symbol.clone(), next);
            let is_whole = value.get("trades").is_some();
            let first = if is_whole { next } else { before.expect("a snapshot came first") };
            let side = |name: &str| {
                let rows = value["changes"].as_array().expect("a list").iter();
                let rows = rows.filter(|row| row[0] == name);
                // The current feed pads its numbers with zeros.
                let rows = rows.map(|row| {
                    let padded = format!("{}0", row[2].as_str().expect("text"));
                    let size = if padded.contains('.') {
                        padded
                    } else {
                        padded[..padded.len() - 1].to_owned()
                    };
                    format!("[{},\"{size}\"]", row[1])
                });
                rows.collect::<Vec<_>>().join(",")
            };
            format!(
                r#"{{"e":"depthUpdate","E":{recv_ns},"s":"{symbol}","U":{first},"u":{next},"b":[{}],"a":[{}]}}"#,
                side("buy"),
                side("sell")
            )
        } else {
            format!(
                r#"{{"E":{recv_ns},"s":"{symbol}","t":{},"p":{},"q":{},"m":{}}}"#,
                value["event_id"],
                value["price"],
                value["quantity"],
                value["side"] == "sell"
            )
        };
        frames.push(Said { recv_ns, v2: record.data.into_owned(), current });
    }
    Some((frames, known(&capture, Venue::Gemini)))
}

/// What an event says, without what only one of the feeds tells.
fn bare(event: &Event) -> Event {
    Event { venue_ns: 0, seq: 0, ..*event }
}

#[test]
fn both_feeds_say_the_same() {
    let Some((frames, known)) = frames() else { return };
    let mut v2 = Twins::new(Venue::Gemini, &known);
    let mut current = Twins::current(&known);
    let mut levels = 0;
    for (line, said) in (1..).zip(&frames) {
        v2.feed(said.recv_ns, line, Input::Received(said.v2.as_bytes()));
        current.feed(said.recv_ns, line, Input::Received(said.current.as_bytes()));
        // The order of levels in a snapshot differs: bids come first here.
        let sorted = |out: &Sink| {
            let mut events: Vec<Event> = out.events.iter().map(bare).collect();
            for event in &mut events {
                event.flags.0 &= !1;
            }
            events.sort_by_key(|event| format!("{event:?}"));
            events
        };
        assert_eq!(sorted(&v2.fast_out), sorted(&current.fast_out), "{}", said.current);
        levels += current
            .fast_out
            .events
            .iter()
            .filter(|it| matches!(it.body, Body::Level { .. }))
            .count();
    }
    assert_eq!(levels, 10_109 + 549);
    let counts = *current.fast.get().counts();
    assert_eq!((counts.fast, counts.typed), (549, 0));
    assert_eq!(counts.seen().count(), 0);
}

#[test]
fn both_paths_agree_on_damaged_frames() {
    let Some((frames, known)) = frames() else { return };
    let mutations = budget("RIPTIDE_DECODER_MUTATIONS", 12);
    let mut rng = Rng::new(17);
    let mut twins = Twins::current(&known);
    let subscribe =
        r#"{"id":1,"method":"subscribe","params":["btcusd@depth","solusd@depth@100ms"]}"#;
    for (line, said) in (1..).zip(&frames) {
        let rounds = if said.current.len() > 20_000 { 1 } else { mutations };
        for round in 0..rounds {
            let damaged = damage(said.current.as_bytes(), &mut rng);
            let mut tried = twins.clone();
            tried.feed(said.recv_ns, line, Input::Received(&damaged));
            if round % 2 == 0 {
                tried.feed(said.recv_ns, line, Input::Sent(subscribe.as_bytes()));
            }
            // The state behind the damage is the same as well.
            tried.feed(said.recv_ns, line, Input::Received(said.current.as_bytes()));
        }
        twins.feed(said.recv_ns, line, Input::Received(said.current.as_bytes()));
    }
}

#[test]
fn the_order_of_keys_means_nothing() {
    let Some((frames, known)) = frames() else { return };
    for seed in 0..8 {
        let mut plain = Twins::current(&known);
        let mut shuffled = Twins::current(&known);
        for (line, said) in (1..).zip(&frames) {
            let value: Value = serde_json::from_str(&said.current).expect("JSON");
            let mut text = String::new();
            write_shuffled(
                &value,
                ["", " ", "\n\t"][seed % 3],
                &mut Rng::new(seed as u64),
                &mut text,
            );
            plain.feed(said.recv_ns, line, Input::Received(said.current.as_bytes()));
            shuffled.feed(said.recv_ns, line, Input::Received(text.as_bytes()));
            assert_eq!(plain.fast_out.events, shuffled.fast_out.events, "{text}");
        }
        // One order from beginning to end, whichever it is, is read by the scanner.
        assert_eq!(shuffled.fast.get().counts().typed, 0, "order {seed}");
    }
}

#[test]
fn frames_that_somebody_recorded() {
    let Some(path) = shared("misc/exchange_message_samples.json.zst") else { return };
    let packed = std::fs::read(path).expect("readable");
    let text = zstd::stream::decode_all(&packed[..]).expect("zstd");
    let samples: Value = serde_json::from_slice(&text).expect("JSON");
    let samples = samples["gemini v3"].as_array().expect("a list");
    let mut twins = Twins::of(|path| {
        let decoder = connector_gemini::CurrentDecoder::new(Markets::open(Vec::new()));
        AnyDecoder::GeminiCurrent(decoder.with_path(path))
    });
    let recv_ns = 1_800_000_000_000_000_000;
    let mut said = Vec::new();
    for (line, sample) in (1..).zip(samples) {
        if sample["e"] == "depthUpdate" {
            // The snapshot before it, which the recorder did not keep.
            let mut whole = sample.clone();
            whole["u"] = whole["U"].clone();
            twins.feed(recv_ns, line, Input::Received(whole.to_string().as_bytes()));
            assert_eq!(twins.fast_out.events[0].body, Body::BookClear);
        }
        twins.feed(recv_ns, line, Input::Received(sample.to_string().as_bytes()));
        let events = &twins.fast_out.events;
        assert!(events.iter().all(|it| it.venue_ns > 1_783_981_139_000_000_000), "nanoseconds");
        said.push((events.len(), core::mem::discriminant(&events[0].body)));
    }
    let kinds = said.iter().map(|(_, kind)| kind).collect::<std::collections::HashSet<_>>();
    assert_eq!((said.len(), kinds.len()), (4, 3), "differences, a trade, best prices");
    assert_eq!(twins.fast.get().counts().seen().collect::<Vec<(Odd, u64)>>(), []);
    let AnyDecoder::GeminiCurrent(decoder) = &twins.fast else { unreachable!("made above") };
    assert_eq!((decoder.counts().fast, decoder.counts().typed), (2, 0));
}
