//! Frames of the derived part obey each venue's rules.

use super::view::{FILES, Place, View, micros, microtimestamp};
use super::{data, lines};

#[test]
fn times_never_fall_and_span_four_minutes() {
    for name in FILES {
        let list = lines(&format!("derived/{name}.jsonl.zst"));
        assert_eq!(list[0]["t"], "header");
        assert!(list[0]["synthetic"].as_str().expect("a mark").contains("seed"), "{name}");
        let times: Vec<u64> = list[1..].iter().map(micros).collect();
        assert!(times.is_sorted(), "{name}");
        assert!(times[0] < 100_000, "{name}");
        let last = times[times.len() - 1];
        assert!((239_000_000..=240_000_000).contains(&last), "{name}: {last}");
    }
}

#[test]
fn coinbase_counts_without_a_gap() {
    let (mut sequence, mut heartbeat, mut trade, mut frames) = (0, None, None, 0);
    for line in lines("derived/coinbase.jsonl.zst").iter().filter(|line| line["t"] == "recv") {
        let frame = data(line);
        assert_eq!(frame["sequence_num"], sequence);
        sequence += 1;
        let event = &frame["events"][0];
        match frame["channel"].as_str().expect("a channel") {
            "heartbeats" => {
                let counter = event["heartbeat_counter"].as_u64().expect("a number");
                assert!(heartbeat.is_none_or(|last| counter == last + 1), "{counter}");
                heartbeat = Some(counter);
            }
            "market_trades" => {
                let list = event["trades"].as_array().expect("trades");
                for print in list.iter().rev() {
                    let id = print["trade_id"].as_str().expect("a text").parse::<u64>();
                    let id = id.expect("a number");
                    assert!(trade.is_none_or(|last| id == last + 1), "{id}");
                    trade = Some(id);
                }
            }
            "l2_data" => frames += 1,
            channel => assert_eq!(channel, "subscriptions"),
        }
    }
    assert!(frames > 5_000, "{frames}");
    assert!(heartbeat.is_some() && trade.is_some());
}

#[test]
fn gemini_begins_with_its_snapshot_and_beats_every_five_seconds() {
    let mut beats = Vec::new();
    let mut is_first = true;
    for line in lines("derived/gemini.jsonl.zst").iter().filter(|line| line["t"] == "recv") {
        let frame = data(line);
        match frame["type"].as_str().expect("a type") {
            "l2_updates" => {
                assert_eq!(frame.get("trades").is_some(), is_first);
                assert_eq!(frame.get("auction_events").is_some(), is_first);
                is_first = false;
            }
            "heartbeat" => beats.push(frame["timestamp"].as_u64().expect("a number")),
            kind => assert_eq!(kind, "trade"),
        }
    }
    assert_eq!(beats.len(), 48);
    assert!(beats.windows(2).all(|pair| pair[1] - pair[0] == 5_000), "{beats:?}");
}

#[test]
fn bitstamp_joins_are_proven_by_older_diffs() {
    for symbol in ["solusd", "usdcusd"] {
        let (mut older, mut joined, mut last) = (0, None, 0);
        for line in lines("derived/bitstamp.jsonl.zst") {
            if line["t"] == "http" {
                if line["url"].as_str().expect("a text").contains(symbol) {
                    joined = Some(microtimestamp(&data(&line)));
                }
                continue;
            }
            if line["t"] != "recv" {
                continue;
            }
            let frame = data(&line);
            if frame["event"] == "data" && frame["channel"] == format!("diff_order_book_{symbol}") {
                let at_us = microtimestamp(&frame["data"]);
                assert!(at_us > last, "{symbol}: diffs ascend");
                last = at_us;
                older += u32::from(joined.is_none());
            }
        }
        assert!(joined.is_some(), "{symbol}");
        assert!(older >= 2, "{symbol}: {older} diffs wait for the snapshot");
    }
}

#[test]
fn no_book_is_ever_crossed() {
    let mut view = View::open();
    let mut frames = [0; 5];
    let mut absurd = false;
    while let Some((at_us, place)) = view.step() {
        let Some(place) = place else { continue };
        frames[place as usize] += 1;
        if place == Place::Pool {
            continue;
        }
        let book = &view.books[place as usize];
        let [bid, ask] = book.best().expect("both sides are always there");
        assert!(bid.0 < ask.0, "{place:?} at {at_us} us: {bid:?} {ask:?}");
        assert!(book.bids.len() < 200 && book.asks.len() < 200, "{place:?} at {at_us} us");
        absurd |= book.asks.last_key_value().is_some_and(|(price, _)| price.mantissa() > 1 << 40);
    }
    assert!(absurd, "an absurd ask is there");
    assert!(frames.iter().all(|count| *count > 100), "{frames:?}");
}
