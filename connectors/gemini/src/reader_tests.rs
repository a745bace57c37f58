use connector_net::Market;
use engine_model::grid::Step;
use engine_model::{Grid, MarketId};

use super::*;

const RECV_NS: u64 = 1_800_000_000_000_000_000;

const SNAPSHOT: &str = r#"{"type":"l2_updates","symbol":"BTCUSD","changes":[["buy","1.00","2"]],"trades":[{"type":"trade","price":"1"},{}],"auction_events":[]}"#;
const OTHER: &str =
    r#"{"auction_events":[],"changes":[["sell","3","0.5"]],"symbol":"ETHUSD","type":"l2_updates"}"#;
const UPDATE: &str = r#"{"changes":[["buy","1.00","0.0"]],"symbol":"BTCUSD","type":"l2_updates"}"#;

fn markets() -> Markets {
    let grid = Grid { tick: Step::decimal(2), lot: Step::decimal(8) };
    let market = |symbol: &str, id| Market { symbol: symbol.into(), id: MarketId(id), grid };
    Markets::closed(vec![market("BTCUSD", 0), market("ETHUSD", 1)])
}

/// What one input says, in short.
fn said(out: &Sink) -> String {
    let words = out.events.iter().map(|event| {
        let market = event.market.0;
        match event.body {
            Body::BookClear => format!("clear{market}"),
            Body::Level { side: Side::Bid, .. } => format!("bid{market}"),
            Body::Level { side: Side::Ask, .. } => format!("ask{market}"),
            Body::BookDoubt { reason } => format!("doubt{market}:{}", reason.name()),
            Body::Trade { maker_side, trade_id, .. } => {
                format!("trade{market}:{maker_side:?}:{trade_id}")
            }
            Body::Heartbeat { .. } => format!("beat:{}", event.venue_ns),
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
    words.collect::<Vec<_>>().join(" ")
}

/// Feeds a connection by both paths; `"connected"` stands for a new connection.
fn check(name: &str, steps: &[(&str, &str)], odd: &[(Odd, u64)]) {
    for path in [ReadPath::FastThenTyped, ReadPath::TypedOnly] {
        let mut decoder = GeminiDecoder::new(markets()).with_path(path);
        let mut out = Sink::default();
        for (index, (frame, expected)) in steps.iter().enumerate() {
            out.clear();
            let input = match *frame {
                "connected" => Input::Connected,
                frame => Input::Received(frame.as_bytes()),
            };
            decoder.decode(RECV_NS, index as u64 + 1, input, &mut out);
            assert_eq!(said(&out), *expected, "{name}, step {index}, {path:?}: {frame}");
        }
        assert_eq!(decoder.counts().seen().collect::<Vec<_>>(), odd, "{name}, {path:?}");
    }
}

#[test]
fn the_message_with_trades_or_auctions_is_the_snapshot() {
    check(
        "updates wait for it, a second one replaces the book, a new connection needs one",
        &[
            ("connected", ""),
            (UPDATE, ""),
            (SNAPSHOT, "clear0 bid0"),
            (UPDATE, "bid0"),
            (OTHER, "clear1 ask1"),
            (SNAPSHOT, "clear0 bid0"),
            ("connected", "doubt0:disconnected doubt1:disconnected"),
            (UPDATE, ""),
            (SNAPSHOT, "clear0 bid0"),
        ],
        &[(Odd::BeforeSnapshot, 2), (Odd::RepeatSnapshot, 1)],
    );
    let empty = r#"{"type":"l2_updates","symbol":"BTCUSD","changes":[],"trades":[]}"#;
    let nothing = r#"{"type":"l2_updates","symbol":"BTCUSD","changes":[]}"#;
    let null = r#"{"type":"l2_updates","symbol":"BTCUSD","changes":[],"auction_events":null}"#;
    check(
        "empty ones",
        &[(empty, "clear0"), (nothing, "nothing0"), (null, "clear0"), (UPDATE, "bid0")],
        &[(Odd::RepeatSnapshot, 1)],
    );
}

#[test]
fn what_puts_books_in_doubt() {
    let one = [
        (
            r#"{"type":"l2_updates","symbol":"BTCUSD","changes":[["buy","1.001","1"]]}"#,
            "off_grid",
            Odd::OffGrid,
        ),
        (
            r#"{"type":"l2_updates","symbol":"BTCUSD","changes":[["buy","0","1"]]}"#,
            "out_of_range",
            Odd::OutOfRange,
        ),
        (
            r#"{"type":"l2_updates","symbol":"BTCUSD","changes":[["bid","1","1"]]}"#,
            "bad_frame",
            Odd::BadShape,
        ),
        (
            r#"{"type":"l2_updates","symbol":"BTCUSD","changes":[["buy","1"]]}"#,
            "bad_frame",
            Odd::BadShape,
        ),
        (
            r#"{"type":"l2_updates","symbol":"BTCUSD","changes":[["buy","1","1","1"]]}"#,
            "bad_frame",
            Odd::BadShape,
        ),
        (
            r#"{"type":"l2_updates","symbol":"BTCUSD","changes":[["buy",1,1]]}"#,
            "bad_frame",
            Odd::BadShape,
        ),
        (r#"{"type":"l2_updates","symbol":"BTCUSD"}"#, "bad_frame", Odd::BadShape),
    ];
    for (frame, reason, odd) in one {
        let mut seen = [(odd, 1), (Odd::BeforeSnapshot, 1)];
        seen.sort_unstable();
        check(
            "the one named",
            &[
                (SNAPSHOT, "clear0 bid0"),
                (OTHER, "clear1 ask1"),
                (frame, &format!("doubt0:{reason}")),
                (UPDATE, ""),
                (SNAPSHOT, "clear0 bid0"),
                (UPDATE, "bid0"),
            ],
            &seen,
        );
    }
    let all = [
        ("", Odd::BadJson),
        (&UPDATE[..40], Odd::BadJson),
        ("{}", Odd::BadShape),
        ("7", Odd::BadShape),
        (r#"{"type":"l2_updates","changes":[]}"#, Odd::BadShape),
        (r#"{"type":"l2_updates","type":"trade"}"#, Odd::BadShape),
        (r#"{"type":"l2_update","symbol":"BTCUSD","changes":[]}"#, Odd::UnknownChannel),
    ];
    for (frame, odd) in all {
        let doubts = "doubt0:bad_frame doubt1:bad_frame";
        check(
            "all of them",
            &[(SNAPSHOT, "clear0 bid0"), (OTHER, "clear1 ask1"), (frame, doubts)],
            &[(odd, 1)],
        );
    }
}

#[test]
fn other_messages() {
    let trade = |side: &str| {
        format!(
            r#"{{"type":"trade","symbol":"BTCUSD","event_id":5,"timestamp":1767225600500,"price":"1.00","quantity":"2","side":"{side}"}}"#
        )
    };
    check(
        "trades, heartbeats, candles, refusals",
        &[
            (SNAPSHOT, "clear0 bid0"),
            (&trade("buy"), "trade0:Ask:5"),
            (&trade("sell"), "trade0:Bid:5"),
            (&trade("block"), ""),
            (&trade("up"), ""),
            (&trade("buy").replace("BTCUSD", "DOGEUSD"), ""),
            (&trade("buy").replace("1.00", "1.001"), ""),
            (&trade("buy").replace("1767225600500", "-1"), ""),
            (r#"{"type":"heartbeat","timestamp":1767225605000}"#, "beat:1767225605000000000"),
            (r#"{"type":"heartbeat"}"#, "beat:0"),
            (r#"{"type":"candles_1m_updates","symbol":"BTCUSD","changes":[[1,2,3,4,5,6]]}"#, ""),
            (r#"{"type":"mark_price"}"#, ""),
            (r#"{"result":"error","reason":"NoValidTradingPairs"}"#, ""),
            (UPDATE, "bid0"),
        ],
        &[
            (Odd::BadShape, 2),
            (Odd::UnknownChannel, 3),
            (Odd::UnknownMarket, 1),
            (Odd::OffGrid, 1),
            (Odd::VenueError, 1),
            (Odd::BadTime, 1),
        ],
    );
}
