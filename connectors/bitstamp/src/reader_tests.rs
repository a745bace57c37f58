use connector_net::Market;
use engine_model::grid::Step;
use engine_model::{Grid, MarketId};

use super::*;
use crate::join::{HELD_DIFFS_MAX, HELD_LEVELS_MAX};

const RECV_NS: u64 = 1_800_000_000_000_000_000;
/// Microseconds that the tests count from.
const BASE: u64 = 1_767_225_600_000_000;

fn markets() -> Markets {
    let grid = Grid { tick: Step::decimal(2), lot: Step::decimal(8) };
    let market = |symbol: &str, id| Market { symbol: symbol.into(), id: MarketId(id), grid };
    Markets::closed(vec![market("btcusd", 0), market("ethusd", 1)])
}

/// An input of a table.
#[derive(Clone, Debug)]
enum Given {
    Connected(u64),
    Frame(String),
    Rest(&'static str, String),
}

fn book(micros: u64, price: &str) -> String {
    let micros = BASE + micros;
    format!(r#"{{"timestamp":"1","microtimestamp":"{micros}","bids":[["{price}","2"]],"asks":[]}}"#)
}

fn diff_of(symbol: &str, micros: u64, price: &str) -> Given {
    let data = book(micros, price);
    Given::Frame(format!(
        r#"{{"data":{data},"channel":"diff_order_book_{symbol}","event":"data"}}"#
    ))
}

fn diff(micros: u64) -> Given {
    diff_of("btcusd", micros, &format!("{}.00", micros + 1))
}

fn rest(micros: u64) -> Given {
    Given::Rest("https://www.bitstamp.net/api/v2/order_book/btcusd/?group=1", book(micros, "5.00"))
}

fn frame(text: &str) -> Given {
    Given::Frame(text.into())
}

/// What one input says, batch by batch with its line.
fn said(out: &Sink) -> String {
    let batches: Vec<_> = out
        .iter()
        .map(|(line, events)| {
            let words = events.iter().map(|event| {
                let market = event.market.0;
                match event.body {
                    Body::BookClear => format!("clear{market}"),
                    Body::Level { .. } => format!("level{market}@{}", event.seq - BASE),
                    Body::BookDoubt { reason } => format!("doubt{market}:{}", reason.name()),
                    Body::Trade { maker_side, trade_id, .. } => {
                        format!("trade{market}:{maker_side:?}:{trade_id}")
                    }
                    Body::Heartbeat { .. } => "beat".into(),
                    Body::Timer => format!("nothing{market}"),
                    Body::PoolPrice { .. }
                    | Body::PoolMeta { .. }
                    | Body::TickArrayBegin { .. }
                    | Body::Tick { .. }
                    | Body::OracleConstants { .. }
                    | Body::OracleVariables { .. }
                    | Body::Slot { .. }
                    | Body::Param { .. }
                    | Body::Clock { .. }
                    | Body::Command(_)
                    | Body::Gap { .. }
                    | Body::Engine { .. }
                    | Body::Ticker { .. }
                    | Body::Status { .. } => panic!("not of this venue: {:?}", event.body),
                }
            });
            format!("{line}: {}", words.collect::<Vec<_>>().join(" "))
        })
        .collect();
    batches.join(" | ")
}

fn feed(decoder: &mut BitstampDecoder, line: u64, step: &Given, out: &mut Sink) {
    out.clear();
    match step {
        Given::Connected(recv_ns) => decoder.decode(*recv_ns, line, Input::Connected, out),
        Given::Frame(text) => {
            decoder.decode(RECV_NS, line, Input::Received(text.as_bytes()), out);
        }
        Given::Rest(url, body) => {
            let input = Input::Http { url, request: b"", body: body.as_bytes() };
            decoder.decode(RECV_NS, line, input, out);
        }
    }
    assert!(out.events.iter().all(|event| matches!(event.recv_ns, RECV_NS | 1)), "held too long");
}

/// Feeds a connection by both paths. Lines count from 1.
fn check(name: &str, steps: &[(Given, &str)], odd: &[(Odd, u64)], unproven: &[&str]) {
    for path in [ReadPath::FastThenTyped, ReadPath::TypedOnly] {
        let mut decoder = BitstampDecoder::new(markets()).with_path(path);
        let mut out = Sink::default();
        for (index, (step, expected)) in steps.iter().enumerate() {
            feed(&mut decoder, index as u64 + 1, step, &mut out);
            assert_eq!(said(&out), *expected, "{name}, line {}, {path:?}: {step:?}", index + 1);
        }
        assert_eq!(decoder.counts().seen().collect::<Vec<_>>(), odd, "{name}, {path:?}");
        assert_eq!(decoder.unproven_joins().collect::<Vec<_>>(), unproven, "{name}, {path:?}");
    }
}

#[test]
fn diffs_are_joined_by_time() {
    check(
        "diffs first: the older ones are dropped, the rest keep their lines",
        &[
            (Given::Connected(1), ""),
            (diff(10), ""),
            (diff(20), ""),
            (diff(30), ""),
            (rest(20), "5: clear0 level0@20 | 4: level0@30"),
            (diff(40), "6: level0@40"),
        ],
        &[(Odd::StaleUpdate, 2)],
        &[],
    );
    check(
        "the REST book first, an older diff proves the join",
        &[
            (rest(20), "1: clear0 level0@20"),
            (diff(10), ""),
            (diff(20), ""),
            (diff(21), "4: level0@21"),
        ],
        &[(Odd::StaleUpdate, 2)],
        &[],
    );
    check(
        "no older diff: joined, and said to be unproven",
        &[(diff(30), ""), (rest(20), "2: clear0 level0@20 | 1: level0@30")],
        &[],
        &["btcusd"],
    );
    check(
        "held diffs are put into the venue's order",
        &[
            (diff(30), ""),
            (diff(25), ""),
            (rest(20), "3: clear0 level0@20 | 2: level0@25 | 1: level0@30"),
        ],
        &[],
        &["btcusd"],
    );
    check(
        "a later REST book replaces, an older one than what is applied does not",
        &[
            (rest(20), "1: clear0 level0@20"),
            (diff(30), "2: level0@30"),
            (rest(29), ""),
            (rest(30), "4: clear0 level0@30"),
            (diff(30), ""),
            (diff(31), "6: level0@31"),
        ],
        &[(Odd::RepeatSnapshot, 1), (Odd::StaleUpdate, 2)],
        &[],
    );
}

#[test]
fn late_diffs_and_copies() {
    check(
        "a copy is ignored, the same time is applied again",
        &[
            (rest(20), "1: clear0 level0@20"),
            (diff(30), "2: level0@30"),
            (diff(30), "3: level0@30"),
            (diff(40), "4: level0@40"),
            (diff(30), ""),
        ],
        &[(Odd::SequenceRepeat, 1)],
        &["btcusd"],
    );
    check(
        "a late one puts the book in doubt until a REST book that holds everything",
        &[
            (rest(20), "1: clear0 level0@20"),
            (diff(40), "2: level0@40"),
            (diff(30), "3: doubt0:sequence_gap"),
            (diff(50), ""),
            (rest(39), ""),
            (rest(45), "6: clear0 level0@45 | 4: level0@50"),
        ],
        &[(Odd::SequenceGap, 1), (Odd::StaleUpdate, 1)],
        &[],
    );
}

#[test]
fn after_a_loss_only_a_newer_rest_book_will_do() {
    let bad = [
        (frame("{"), "doubt0:bad_frame", Odd::BadJson),
        (frame(r#"{"event":"data"}"#), "doubt0:bad_frame", Odd::UnknownChannel),
        (frame(r#"{"channel":"diff_order_book_btcusd"}"#), "doubt0:bad_frame", Odd::BadShape),
        (
            frame(r#"{"data":{},"channel":"diff_order_book_btcusd","event":"data"}"#),
            "doubt0:bad_frame",
            Odd::BadShape,
        ),
        (
            frame(r#"{"data":{},"channel":"diff_order_book_btcusd","event":"snapshot"}"#),
            "doubt0:bad_frame",
            Odd::UnknownChannel,
        ),
    ];
    for (frame, doubt, odd) in bad {
        // Two REST books too old, and the diff at 40 that the third one contains.
        let mut seen = [(odd, 1), (Odd::StaleUpdate, 3)];
        seen.sort_unstable();
        check(
            "a loss of unknown time",
            &[
                (rest(20), "1: clear0 level0@20"),
                (diff(30), "2: level0@30"),
                (frame, &format!("3: {doubt}")),
                // Nothing readable since: nobody knows what it lacks.
                (rest(35), ""),
                (diff(40), ""),
                (rest(39), ""),
                (diff(50), ""),
                (rest(40), "8: clear0 level0@40 | 7: level0@50"),
            ],
            &seen,
            &[],
        );
    }
    check(
        "a loss before the market was met",
        &[(frame("{"), ""), (rest(20), ""), (diff(30), ""), (rest(30), "4: clear0 level0@30")],
        &[(Odd::BadJson, 1), (Odd::StaleUpdate, 2)],
        &[],
    );
    let off_grid = diff_of("btcusd", 30, "1.001");
    check(
        "a value off the grid, its time known",
        &[
            (rest(20), "1: clear0 level0@20"),
            (off_grid, "2: doubt0:off_grid"),
            (rest(29), ""),
            (rest(30), "4: clear0 level0@30"),
            (diff(31), "5: level0@31"),
        ],
        &[(Odd::OffGrid, 1), (Odd::StaleUpdate, 1)],
        &[],
    );
}

#[test]
fn rest_answers_of_no_use() {
    let url = "https://www.bitstamp.net/api/v2/order_book/btcusd";
    let answer = |body: &str| Given::Rest(url, body.into());
    check(
        "an unreadable answer harms nobody, one off the grid does",
        &[
            (rest(20), "1: clear0 level0@20"),
            (answer("<html>"), ""),
            (answer("{}"), ""),
            (diff(30), "4: level0@30"),
            (Given::Rest(url, book(40, "1.001")), "5: doubt0:off_grid"),
            (diff(50), ""),
            (rest(40), "7: clear0 level0@40 | 6: level0@50"),
            (Given::Rest("https://www.bitstamp.net/api/v2/order_book/dogeusd", book(1, "1")), ""),
            (Given::Rest("https://www.bitstamp.net/api/v2/ticker/btcusd", book(1, "1")), ""),
        ],
        &[(Odd::BadJson, 1), (Odd::BadShape, 1), (Odd::UnknownMarket, 1), (Odd::OffGrid, 1)],
        &[],
    );
}

#[test]
fn connections() {
    check(
        "a new connection needs a new REST book, unless it was fetched after the opening",
        &[
            (rest(20), "1: clear0 level0@20"),
            // The recorder wrote the opening later than it happened.
            (Given::Connected(1), ""),
            (diff(30), "3: level0@30"),
            (Given::Connected(1), "4: doubt0:disconnected"),
            (diff(40), ""),
            (rest(45), "6: clear0 level0@45"),
            (Given::Connected(RECV_NS), "7: doubt0:disconnected"),
        ],
        &[(Odd::StaleUpdate, 1)],
        &[],
    );
}

#[test]
fn a_full_buffer_starts_over() {
    for path in [ReadPath::FastThenTyped, ReadPath::TypedOnly] {
        let mut decoder = BitstampDecoder::new(markets()).with_path(path);
        let mut out = Sink::default();
        let count = HELD_DIFFS_MAX as u64 + 1;
        for micros in 0..count {
            feed(&mut decoder, micros + 1, &diff(micros), &mut out);
        }
        assert_eq!(decoder.counts().get(Odd::BufferFull), 1);
        // Only the last one is still held: a REST book that lacks the others is refused.
        feed(&mut decoder, 9_000, &rest(count - 2), &mut out);
        assert_eq!(said(&out), "");
        feed(&mut decoder, 9_001, &rest(count - 1), &mut out);
        assert_eq!(said(&out), format!("9001: clear0 level0@{}", count - 1));
        assert_eq!(decoder.held_levels, 0);
        // One diff larger than the buffer.
        let levels = vec![r#"["1","1"]"#; HELD_LEVELS_MAX + 1].join(",");
        let big = format!(
            r#"{{"data":{{"microtimestamp":"{}","bids":[{levels}],"asks":[]}},"channel":"diff_order_book_ethusd","event":"data"}}"#,
            BASE + 50
        );
        feed(&mut decoder, 9_002, &Given::Frame(big), &mut out);
        assert_eq!((decoder.counts().get(Odd::BufferFull), decoder.held_levels), (2, 0));
        let url = "https://x/order_book/ethusd";
        feed(&mut decoder, 9_003, &Given::Rest(url, book(49, "1")), &mut out);
        assert_eq!(said(&out), "");
        feed(&mut decoder, 9_004, &Given::Rest(url, book(50, "1")), &mut out);
        assert_eq!(said(&out), "9004: clear1 level1@50");
    }
}

#[test]
fn other_events() {
    let trade = |kind: u8| {
        format!(
            r#"{{"data":{{"id":7,"amount":2.0,"amount_str":"2.00000000","price":1,"price_str":"1.00","type":{kind},"microtimestamp":"{BASE}"}},"channel":"live_trades_btcusd","event":"trade"}}"#
        )
    };
    let control =
        |event: &str| frame(&format!(r#"{{"event":"bts:{event}","channel":"","data":""}}"#));
    check(
        "trades, control events, unused channels",
        &[
            (rest(20), "1: clear0 level0@20"),
            (frame(&trade(0)), "2: trade0:Ask:7"),
            (frame(&trade(1)), "3: trade0:Bid:7"),
            (frame(&trade(2)), ""),
            (frame(&trade(0).replace("1.00\"", "1.001\"")), ""),
            (control("subscription_succeeded"), ""),
            (control("heartbeat"), "7: beat"),
            (control("request_reconnect"), ""),
            (control("error"), ""),
            (control("news"), ""),
            (frame(r#"{"event":"data","channel":"order_book_btcusd","data":{}}"#), ""),
            (frame(r#"{"event":"bts:heartbeat"}"#), "12: beat"),
            (
                frame(
                    r#"{"event":"bts:unsubscription_succeeded","channel":"diff_order_book_btcusd"}"#,
                ),
                "13: doubt0:disconnected",
            ),
        ],
        &[
            (Odd::BadShape, 1),
            (Odd::UnknownChannel, 2),
            (Odd::OffGrid, 1),
            (Odd::VenueError, 1),
            (Odd::ReconnectRequest, 1),
        ],
        &["btcusd"],
    );
}
