use connector_net::Market;
use engine_model::grid::Step;
use engine_model::{Grid, MarketId};

use super::*;

const RECV_NS: u64 = 1_800_000_000_000_000_000;
const TIME: &str = "2026-01-01T00:00:00.5Z";
const TIME_NS: u64 = 1_767_225_600_500_000_000;

fn markets() -> Markets {
    let grid = Grid { tick: Step::decimal(2), lot: Step::decimal(8) };
    let market = |symbol: &str, id| Market { symbol: symbol.into(), id: MarketId(id), grid };
    Markets::closed(vec![market("BTC-USD", 0), market("ETH-USD", 1)])
}

fn frame(channel: &str, seq: u64, events: &str) -> String {
    format!(
        r#"{{"channel":"{channel}","timestamp":"{TIME}","sequence_num":{seq},"events":[{events}]}}"#
    )
}

fn book(kind: &str, product: &str, levels: &[(&str, &str, &str)]) -> String {
    let levels: Vec<_> = levels
        .iter()
        .map(|(side, price, size)| {
            format!(
                r#"{{"side":"{side}","event_time":"{TIME}","price_level":"{price}","new_quantity":"{size}"}}"#
            )
        })
        .collect();
    let levels = levels.join(",");
    format!(r#"{{"type":"{kind}","product_id":"{product}","updates":[{levels}]}}"#)
}

const LEVEL: [(&str, &str, &str); 1] = [("bid", "1.00", "2")];

fn snapshot(seq: u64, product: &str) -> String {
    frame("l2_data", seq, &book("snapshot", product, &LEVEL))
}

fn update(seq: u64, product: &str) -> String {
    frame("l2_data", seq, &book("update", product, &LEVEL))
}

/// What one frame says, in short: `clear0 level0 doubt1:sequence_gap | ...`.
fn said(out: &Sink) -> String {
    let batches: Vec<_> = out
        .iter()
        .map(|(_, events)| {
            let words: Vec<_> = events
                .iter()
                .map(|event| {
                    let market = event.market.0;
                    match event.body {
                        Body::BookClear => format!("clear{market}"),
                        Body::Level { .. } => format!("level{market}"),
                        Body::BookDoubt { reason } => format!("doubt{market}:{}", reason.name()),
                        Body::Trade { trade_id, .. } => format!("trade{market}:{trade_id}"),
                        Body::Ticker { bid_ticks, ask_ticks, last_ticks } => {
                            format!("ticker{market}:{bid_ticks}/{ask_ticks}/{last_ticks}")
                        }
                        Body::Heartbeat { counter } => format!("beat:{counter}"),
                        Body::Status { tradable } => format!("status{market}:{tradable}"),
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
                        | Body::Engine { .. } => panic!("not of this venue: {:?}", event.body),
                    }
                })
                .collect();
            words.join(" ")
        })
        .collect();
    batches.join(" | ")
}

/// Feeds a connection by both paths and compares what each frame says and what is counted at the
/// end. `None` stands for a new connection.
fn check(name: &str, steps: &[(Option<String>, &str)], odd: &[(Odd, u64)]) {
    for path in [ReadPath::FastThenTyped, ReadPath::TypedOnly] {
        let mut decoder = CoinbaseDecoder::new(markets()).with_path(path);
        let mut out = Sink::default();
        for (index, (frame, expected)) in steps.iter().enumerate() {
            out.clear();
            let input = frame.as_ref().map_or(Input::Connected, |f| Input::Received(f.as_bytes()));
            decoder.decode(RECV_NS, index as u64 + 1, input, &mut out);
            assert_eq!(said(&out), *expected, "{name}, step {index}, {path:?}: {frame:?}");
        }
        assert_eq!(decoder.counts().seen().collect::<Vec<_>>(), odd, "{name}, {path:?}");
    }
}

#[test]
fn one_sequence_over_all_channels() {
    let beat = |seq| Some(frame("heartbeats", seq, r#"{"heartbeat_counter":7}"#));
    check(
        "a gap in another channel doubts every live book until its own snapshot",
        &[
            (None, ""),
            (Some(snapshot(0, "BTC-USD")), "clear0 level0"),
            (Some(snapshot(1, "ETH-USD")), "clear1 level1"),
            (Some(update(2, "BTC-USD")), "level0"),
            (beat(4), "doubt0:sequence_gap doubt1:sequence_gap | beat:7"),
            (Some(update(5, "BTC-USD")), ""),
            (Some(snapshot(6, "BTC-USD")), "clear0 level0"),
            (Some(update(7, "BTC-USD")), "level0"),
            (Some(update(8, "ETH-USD")), ""),
        ],
        &[(Odd::SequenceGap, 1), (Odd::BeforeSnapshot, 2)],
    );
    check(
        "a repeated and a lower number are ignored",
        &[
            (Some(snapshot(0, "BTC-USD")), "clear0 level0"),
            (Some(update(1, "BTC-USD")), "level0"),
            (Some(update(1, "BTC-USD")), ""),
            (Some(update(0, "BTC-USD")), ""),
            (Some(update(2, "BTC-USD")), "level0"),
        ],
        &[(Odd::SequenceRepeat, 2)],
    );
    check(
        "a new connection counts from zero and needs new snapshots",
        &[
            (Some(snapshot(0, "BTC-USD")), "clear0 level0"),
            (Some(update(1, "BTC-USD")), "level0"),
            (None, "doubt0:disconnected"),
            (Some(update(0, "BTC-USD")), ""),
            (Some(snapshot(1, "BTC-USD")), "clear0 level0"),
            (Some(snapshot(2, "BTC-USD")), "clear0 level0"),
        ],
        &[(Odd::BeforeSnapshot, 1), (Odd::RepeatSnapshot, 1)],
    );
    check(
        "a gap that ends with a snapshot",
        &[
            (Some(snapshot(0, "BTC-USD")), "clear0 level0"),
            (Some(snapshot(9, "BTC-USD")), "doubt0:sequence_gap | clear0 level0"),
        ],
        &[(Odd::SequenceGap, 1)],
    );
}

#[test]
fn values_that_the_grid_does_not_hold() {
    let odd_update = |price, size| {
        Some(frame("l2_data", 2, &book("update", "BTC-USD", &[LEVEL[0], ("offer", price, size)])))
    };
    let rows = [
        ("1.001", "1", "doubt0:off_grid", Odd::OffGrid),
        ("1", "0.000000001", "doubt0:off_grid", Odd::OffGrid),
        ("0", "1", "doubt0:out_of_range", Odd::OutOfRange),
        ("1", "99999999999999", "doubt0:out_of_range", Odd::OutOfRange),
        ("99999999999999999999999", "1", "doubt0:out_of_range", Odd::OutOfRange),
        ("-1", "1", "doubt0:bad_frame", Odd::BadShape),
        ("1e2", "1", "doubt0:bad_frame", Odd::BadShape),
        ("", "1", "doubt0:bad_frame", Odd::BadShape),
    ];
    for (price, size, doubt, odd) in rows {
        check(
            "the whole frame is dropped, only its market is in doubt",
            &[
                (Some(snapshot(0, "BTC-USD")), "clear0 level0"),
                (Some(snapshot(1, "ETH-USD")), "clear1 level1"),
                (odd_update(price, size), doubt),
                (Some(update(3, "BTC-USD")), ""),
                (Some(update(4, "ETH-USD")), "level1"),
                (Some(snapshot(5, "BTC-USD")), "clear0 level0"),
            ],
            &{
                let mut seen = [(odd, 1), (Odd::BeforeSnapshot, 1)];
                seen.sort_unstable();
                seen
            },
        );
    }
}

#[test]
fn frames_that_may_have_been_anybodys() {
    let rows: [(&str, Odd); 9] = [
        ("", Odd::BadJson),
        ("{", Odd::BadJson),
        (r#"{"channel":"l2_data","sequence_num":2,"events":[]"#, Odd::BadJson),
        ("[]", Odd::BadShape),
        ("{}", Odd::BadShape),
        (r#"{"channel":"l2_data","events":[]}"#, Odd::BadShape),
        (r#"{"channel":"l2_data","channel":"l2_data","sequence_num":2}"#, Odd::BadShape),
        (
            r#"{"channel":"l2_data","timestamp":"2026-01-01T00:00:00Z","sequence_num":2}"#,
            Odd::BadShape,
        ),
        (
            r#"{"channel":"l3","timestamp":"2026-01-01T00:00:00Z","sequence_num":2}"#,
            Odd::UnknownChannel,
        ),
    ];
    for (text, odd) in rows {
        check(
            "all books are in doubt",
            &[
                (Some(snapshot(0, "BTC-USD")), "clear0 level0"),
                (Some(snapshot(1, "ETH-USD")), "clear1 level1"),
                (Some(text.into()), "doubt0:bad_frame doubt1:bad_frame"),
            ],
            &[(odd, 1)],
        );
    }
    let mut decoder = CoinbaseDecoder::new(markets());
    let mut out = Sink::default();
    let first = snapshot(0, "BTC-USD");
    decoder.decode(RECV_NS, 1, Input::Received(first.as_bytes()), &mut out);
    out.clear();
    decoder.decode(RECV_NS, 2, Input::Received(b"{\"a\":\"\xff\"}"), &mut out);
    assert_eq!(said(&out), "doubt0:bad_frame");
    assert_eq!(decoder.counts().get(Odd::BadUtf8), 1);
    let huge = vec![b' '; connector_net::books::FRAME_BYTES_MAX + 1];
    decoder.decode(RECV_NS, 3, Input::Received(&huge), &mut out);
    assert_eq!(decoder.counts().get(Odd::TooLarge), 1);
}

#[test]
fn shapes_of_book_frames() {
    let both =
        format!("{},{}", book("update", "BTC-USD", &LEVEL), book("update", "ETH-USD", &LEVEL));
    let half = format!(
        "{},{}",
        book("update", "BTC-USD", &LEVEL),
        book("update", "ETH-USD", &[("bid", "1.001", "1")])
    );
    let twice = [("bid", "1.00", "2"), ("bid", "1.00", "0"), ("bid", "1", "0.00000000")];
    check(
        "several products, none, the same price again, strangers",
        &[
            (Some(snapshot(0, "BTC-USD")), "clear0 level0"),
            (Some(snapshot(1, "ETH-USD")), "clear1 level1"),
            (Some(frame("l2_data", 2, &both)), "level0 level1"),
            (Some(frame("l2_data", 3, "")), ""),
            (Some(frame("l2_data", 4, &book("update", "BTC-USD", &[]))), "nothing0"),
            (Some(frame("l2_data", 5, &book("update", "BTC-USD", &twice))), "level0 level0 level0"),
            (Some(update(6, "DOGE-USD")), ""),
            (Some(frame("l2_data", 7, &book("snapshot", "ETH-USD", &[]))), "clear1"),
            (Some(frame("l2_data", 8, &half)), "doubt0:off_grid doubt1:off_grid"),
            (Some(frame("l2_data", 9, &book("delta", "BTC-USD", &LEVEL))), "doubt0:bad_frame"),
        ],
        &[(Odd::BadShape, 1), (Odd::UnknownMarket, 1), (Odd::OffGrid, 1), (Odd::RepeatSnapshot, 1)],
    );
    let extra = update(1, "BTC-USD").replace("\"side\"", "\"new\":[{}],\"side\"");
    let escaped = update(2, "BTC-USD").replace("BTC-USD", "\\u0042TC-USD");
    let client = update(3, "BTC-USD").replacen('{', "{\"client_id\":\"\",", 1);
    let untimed = update(4, "BTC-USD").replacen("00.5Z\",\"price", "61Z\",\"price", 1);
    check(
        "extra keys, escapes, client ids and bad level times are survived",
        &[
            (Some(snapshot(0, "BTC-USD")), "clear0 level0"),
            (Some(extra), "level0"),
            (Some(escaped), "level0"),
            (Some(client), "level0"),
            (Some(untimed), "level0"),
        ],
        &[(Odd::BadTime, 1)],
    );
}

fn trade(id: &str, side: &str) -> String {
    format!(
        r#"{{"trade_id":{id},"product_id":"BTC-USD","price":"1.00","size":"2","side":"{side}","time":"{TIME}"}}"#
    )
}

fn trades(seq: u64, kind: &str, list: &[String]) -> String {
    let list = list.join(",");
    frame("market_trades", seq, &format!(r#"{{"type":"{kind}","trades":[{list}]}}"#))
}

#[test]
fn other_channels() {
    let ticker =
        r#"{"tickers":[{"product_id":"BTC-USD","price":"3","best_bid":"1.00","best_ask":"2"}]}"#;
    let batch = r#"{"tickers":[{"product_id":"BTC-USD","price":"3"},{"product_id":"ETH-USD","price":"3","best_bid":""}]}"#;
    let status = r#"{"products":[{"id":"BTC-USD","status":"online"},{"id":"ETH-USD","status":"delisted"},{"id":"X","status":""}]}"#;
    check(
        "trades oldest first, history apart, gaps and copies counted",
        &[
            (Some(trades(0, "snapshot", &[trade("\"11\"", "BUY"), trade("\"10\"", "BUY")])), ""),
            (
                Some(trades(1, "update", &[trade("\"13\"", "BUY"), trade("\"12\"", "SELL")])),
                "trade0:12 trade0:13",
            ),
            (Some(trades(2, "update", &[trade("\"13\"", "BUY")])), ""),
            (Some(trades(3, "update", &[trade("16", "BUY")])), "trade0:16"),
            (Some(trades(4, "update", &[trade("17", "HOLD")])), ""),
            (Some(trades(5, "update", &[trade("\"x\"", "BUY")])), ""),
        ],
        &[(Odd::BadShape, 2), (Odd::SequenceRepeat, 1), (Odd::TradeGap, 1)],
    );
    check(
        "tickers, status, heartbeats, acknowledgements, errors",
        &[
            (Some(frame("subscriptions", 0, r#"{"subscriptions":{"level2":["BTC-USD"]}}"#)), ""),
            (Some(frame("ticker", 1, ticker)), "ticker0:100/200/300"),
            (Some(frame("ticker_batch", 2, batch)), "ticker0:0/0/300 ticker1:0/0/300"),
            (Some(frame("status", 3, status)), "status0:1 status1:0"),
            (Some(frame("heartbeats", 4, r#"{"heartbeat_counter":7}"#)), "beat:7"),
            (Some(frame("heartbeats", 5, r#"{"heartbeat_counter":"8"}"#)), "beat:8"),
            (Some(frame("heartbeats", 6, r#"{"heartbeat_counter":10}"#)), "beat:10"),
            (Some(frame("heartbeats", 7, r#"{"heartbeat_counter":-1}"#)), ""),
            (Some(frame("candles", 8, "")), ""),
            (Some(r#"{"type":"error","message":"authentication failure"}"#.into()), ""),
        ],
        &[
            (Odd::BadShape, 1),
            (Odd::UnknownChannel, 1),
            (Odd::UnknownMarket, 1),
            (Odd::VenueError, 1),
            (Odd::HeartbeatGap, 1),
        ],
    );
}

#[test]
fn sides_sizes_and_stamps_are_the_venues() {
    let mut decoder = CoinbaseDecoder::new(markets());
    let mut out = Sink::default();
    let levels = [("bid", "59999.99", "0.51"), ("offer", "60000.01", "0.4")];
    let first = frame("l2_data", 0, &book("snapshot", "BTC-USD", &levels));
    decoder.decode(RECV_NS, 4, Input::Received(first.as_bytes()), &mut out);
    let print = trades(1, "update", &[trade("5", "SELL")]);
    decoder.decode(1, 5, Input::Received(print.as_bytes()), &mut out);
    let bodies: Vec<_> = out.events.iter().map(|event| event.body).collect();
    let level = |side, price_ticks, size_lots| Body::Level { side, price_ticks, size_lots };
    let expected = [
        Body::BookClear,
        level(Side::Bid, 5_999_999, 51_000_000),
        level(Side::Ask, 6_000_001, 40_000_000),
        // A resting ask was lifted: the seller is the maker.
        Body::Trade {
            maker_side: Side::Ask,
            price_ticks: 100,
            size_lots: 200_000_000,
            trade_id: 5,
        },
    ];
    assert_eq!(bodies, expected);
    for event in &out.events {
        assert_eq!((event.venue_ns, event.venue), (TIME_NS, Venue::Coinbase));
    }
    assert_eq!(out.batches.iter().map(|batch| batch.line).collect::<Vec<_>>(), [4, 5]);
    assert_eq!(decoder.counts().get(Odd::NegativeLatency), 1);
}

/// A reader that compares times with the last one must not begin with bytes that are no time.
#[test]
fn zero_bytes_are_no_time() {
    let usual = "2026-01-01T00:00:00.000000Z";
    for (name, length) in [("as long as a minute", 17), ("as long as a level's time", 27)] {
        let zeros = "\0".repeat(length) + &usual[length..];
        check(
            name,
            &[
                (Some(snapshot(0, "BTC-USD")), "clear0 level0"),
                (Some(update(1, "BTC-USD").replacen(TIME, &zeros, 1)), "doubt0:bad_frame"),
                (Some(snapshot(2, "BTC-USD")), "clear0 level0"),
            ],
            &[(Odd::BadJson, 1), (Odd::SequenceGap, 1)],
        );
        let level = book("update", "BTC-USD", &LEVEL).replace(TIME, &zeros);
        check(
            name,
            &[
                (Some(snapshot(0, "BTC-USD")), "clear0 level0"),
                (Some(frame("l2_data", 1, &level)), "doubt0:bad_frame"),
            ],
            &[(Odd::BadJson, 1)],
        );
    }
}
