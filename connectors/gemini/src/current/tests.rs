use connector_net::Market;
use engine_model::grid::Step;
use engine_model::{Grid, MarketId, ParamKey, Side};

use super::*;

const RECV_NS: u64 = 1_800_000_000_000_000_000;
const E: &str = "1767225600123456789";
const DOUBTS: &str = "doubt0:bad_frame doubt1:bad_frame";

fn markets() -> Markets {
    let grid = Grid { tick: Step::decimal(2), lot: Step::decimal(8) };
    let market = |symbol: &str, id| Market { symbol: symbol.into(), id: MarketId(id), grid };
    Markets::closed(vec![market("BTCUSD", 0), market("ETHUSD", 1)])
}

fn depth(symbol: &str, first: u64, last: u64) -> String {
    format!(
        r#"{{"e":"depthUpdate","E":{E},"s":"{symbol}","U":{first},"u":{last},"b":[["99.00","0.50000000"],["98.00","0.00000000"]],"a":[["101.00","1"]]}}"#
    )
}

fn btc(first: u64, last: u64) -> String {
    depth("btcusd", first, last)
}

/// What one input says, in short.
fn said(out: &Sink) -> String {
    let words = out.events.iter().map(|event| {
        let market = event.market.0;
        assert!(event.venue_ns == 1_767_225_600_123_456_789 || event.venue_ns == 0);
        match event.body {
            Body::BookClear => format!("clear{market}@{}", event.seq),
            Body::Level { side: Side::Bid, .. } => format!("bid{market}@{}", event.seq),
            Body::Level { side: Side::Ask, .. } => format!("ask{market}@{}", event.seq),
            Body::BookDoubt { reason } => format!("doubt{market}:{}", reason.name()),
            Body::Trade { maker_side, price_ticks, size_lots, trade_id } => {
                format!("trade{market}:{maker_side:?}:{price_ticks}x{size_lots}:{trade_id}")
            }
            Body::Ticker { bid_ticks, ask_ticks, last_ticks } => {
                format!("ticker{market}:{bid_ticks}/{ask_ticks}/{last_ticks}@{}", event.seq)
            }
            Body::Param { key: ParamKey::TakerFee, value } => format!("fee{market}:{value}"),
            Body::Heartbeat { .. } => "beat".to_owned(),
            Body::Timer => format!("nothing{market}@{}", event.seq),
            Body::Status { .. }
            | Body::PoolPrice { .. }
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
            | Body::Engine { .. } => panic!("not of this feed: {:?}", event.body),
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Feeds a connection by both paths. `"connected"` stands for a new connection, `"> "` before what
/// is sent.
fn check(name: &str, steps: &[(&str, &str)], odd: &[(Odd, u64)]) {
    for path in [ReadPath::FastThenTyped, ReadPath::TypedOnly] {
        let mut decoder = CurrentDecoder::new(markets()).with_path(path);
        let mut out = Sink::default();
        for (index, (frame, expected)) in steps.iter().enumerate() {
            out.clear();
            let input = match *frame {
                "connected" => Input::Connected,
                frame => match frame.strip_prefix("> ") {
                    Some(sent) => Input::Sent(sent.as_bytes()),
                    None => Input::Received(frame.as_bytes()),
                },
            };
            decoder.decode(RECV_NS, index as u64 + 1, input, &mut out);
            assert_eq!(said(&out), *expected, "{name}, step {index}, {path:?}: {frame}");
            assert_eq!(out.open_len(), 0);
        }
        assert_eq!(decoder.counts().seen().collect::<Vec<_>>(), odd, "{name}, {path:?}");
    }
}

const SUBSCRIBE: &str = r#"> {"id":3,"method":"subscribe","params":["btcusd@depth@100ms"]}"#;
const UNSUBSCRIBE: &str = r#"> {"id":2,"method":"unsubscribe","params":["btcusd@depth@100ms"]}"#;

#[test]
fn a_chain_of_updates() {
    let whole = |last: u64| format!("clear0@{last} bid0@{last} bid0@{last} ask0@{last}");
    let part = |last: u64| format!("bid0@{last} bid0@{last} ask0@{last}");
    check(
        "a snapshot, what follows, copies, and the hole that names one market",
        &[
            ("connected", ""),
            (SUBSCRIBE, ""),
            (&btc(90, 100), ""),
            (&btc(100, 100), &whole(100)),
            (&depth("ethusd", 7, 7), "clear1@7 bid1@7 bid1@7 ask1@7"),
            (&btc(100, 161), &part(161)),
            (&btc(100, 161), ""),
            (&btc(150, 170), &part(170)),
            (&btc(171, 180), "doubt0:sequence_gap"),
            (&btc(180, 190), ""),
            (&btc(190, 190), ""),
            (&depth("ethusd", 7, 9), "bid1@9 bid1@9 ask1@9"),
            (UNSUBSCRIBE, ""),
            (&btc(190, 195), ""),
            (SUBSCRIBE, ""),
            (&btc(195, 196), ""),
            (&btc(196, 196), &whole(196)),
            (&btc(196, 199), &part(199)),
            ("connected", "doubt0:disconnected doubt1:disconnected"),
            (&btc(5, 5), "clear0@5 bid0@5 bid0@5 ask0@5"),
        ],
        &[(Odd::SequenceGap, 1), (Odd::SequenceRepeat, 1), (Odd::BeforeSnapshot, 5)],
    );
    check(
        "a live book that is subscribed anew loses nothing meanwhile",
        &[
            (&btc(100, 100), &whole(100)),
            (UNSUBSCRIBE, ""),
            (SUBSCRIBE, ""),
            (&btc(100, 110), &part(110)),
            (&btc(120, 120), &whole(120)),
            (&btc(120, 130), &part(130)),
        ],
        &[(Odd::RepeatSnapshot, 1)],
    );
    let empty =
        r#"{"e":"depthUpdate","E":1767225600123456789,"s":"btcusd","U":100,"u":101,"b":[],"a":[]}"#;
    check(
        "an update without levels keeps the chain",
        &[(&btc(100, 100), &whole(100)), (empty, "nothing0@101"), (&btc(101, 102), &part(102))],
        &[],
    );
}

#[test]
fn the_documented_frames() {
    let snapshot = r#"{"e":"depthUpdate","E":1767225600123456789,"s":"btcusd","U":9000000100,"u":9000000100,"b":[["59999.99","0.51000000"]],"a":[["60000.01","0.40000000"]]}"#;
    let update = r#"{"e":"depthUpdate","E":1767225600123456789,"s":"btcusd","U":9000000100,"u":9000000161,"b":[["59999.99","0.00000000"],["59999.50","2.00000000"]],"a":[]}"#;
    let ticker = r#"{"u":9000000161,"E":1767225600123456789,"s":"btcusd","b":"59999.50","B":"2.0","a":"60000.01","A":"0.4"}"#;
    let trade = r#"{"E":1767225600123456789,"s":"btcusd","t":2840140956529623,"p":"60000.01","q":"0.0025","m":false}"#;
    check(
        "in their order",
        &[
            (snapshot, "clear0@9000000100 bid0@9000000100 ask0@9000000100"),
            (update, "bid0@9000000161 bid0@9000000161"),
            (ticker, "ticker0:5999950/6000001/0@9000000161"),
            (&ticker.replace("\"59999.50\"", "\"\""), "ticker0:0/6000001/0@9000000161"),
            (
                &ticker.replace('}', ",\"c\":\"60000\",\"C\":\"1\"}"),
                "ticker0:5999950/6000001/6000000@9000000161",
            ),
            (trade, "trade0:Ask:6000001x250000:2840140956529623"),
            (&trade.replace("false", "true"), "trade0:Bid:6000001x250000:2840140956529623"),
            (r#"{"id":1,"status":200}"#, "beat"),
            (r#"{"id":"a","status":200,"result":{"serverTime":1767225600123}}"#, "beat"),
            (
                r#"{"id":2,"status":400,"error":{"code":-1013,"msg":"Invalid stream name: btcusd@nope"}}"#,
                "",
            ),
            (
                r#"{"lastUpdateId":9000000161,"symbol":"btcusd","bids":[["59999.50","2.0"]],"asks":[]}"#,
                "",
            ),
            (r#"{"e":"orderUpdate","E":1767225600400000000,"s":"btcusd","i":1,"X":"FILLED"}"#, ""),
            (
                r#"{"e":"balanceUpdate","E":1767225600400000000,"u":1767225600400000000,"B":[{"a":"USD","f":"994.00","c":"0"}]}"#,
                "",
            ),
        ],
        &[(Odd::UnknownChannel, 3), (Odd::VenueError, 1)],
    );
}

#[test]
fn what_puts_books_in_doubt() {
    let good = btc(100, 101);
    let one = [
        (good.replace("99.00", "99.001"), "off_grid", Odd::OffGrid),
        (good.replace("99.00", "0"), "out_of_range", Odd::OutOfRange),
        (good.replace("\"0.50000000\"", "0.5"), "bad_frame", Odd::BadShape),
        (good.replace("\"0.50000000\"", "\"0.5\",\"1\""), "bad_frame", Odd::BadShape),
        (good.replace(",\"a\":[[\"101.00\",\"1\"]]", ""), "bad_frame", Odd::BadShape),
        (good.replace("\"U\":100", "\"U\":\"100\""), "bad_frame", Odd::BadShape),
        (good.replace("\"u\":101", "\"u\":-1"), "bad_frame", Odd::BadShape),
        (good.replace("\"u\":101", "\"u\":99"), "bad_frame", Odd::BadShape),
    ];
    let both = [
        (btc(100, 100), "clear0@100 bid0@100 bid0@100 ask0@100"),
        (depth("ethusd", 7, 7), "clear1@7 bid1@7 bid1@7 ask1@7"),
    ];
    let both = both.each_ref().map(|(frame, said)| (&**frame, *said));
    for (frame, reason, odd) in one {
        let doubt = format!("doubt0:{reason}");
        let eth = depth("ethusd", 7, 8);
        let steps =
            [both[0], both[1], (&frame, &doubt), (&good, ""), (&eth, "bid1@8 bid1@8 ask1@8")];
        let mut seen = [(odd, 1), (Odd::BeforeSnapshot, 1)];
        seen.sort_unstable();
        check(&frame, &steps, &seen);
    }
    let all = [
        (String::new(), Odd::BadJson),
        (good[..60].to_owned(), Odd::BadJson),
        ("{}".to_owned(), Odd::BadShape),
        ("[]".to_owned(), Odd::BadShape),
        (good.replace("\"s\":\"btcusd\",", ""), Odd::BadShape),
        (good.replace("\"s\":", "\"s\":\"btcusd\",\"s\":"), Odd::BadShape),
        (good.replace("depthUpdate", "depthUpdates"), Odd::UnknownChannel),
    ];
    for (frame, odd) in all {
        check(&frame, &[both[0], both[1], (&frame, DOUBTS)], &[(odd, 1)]);
    }
}

#[test]
fn what_is_counted_and_harms_nobody() {
    let trade =
        r#"{"E":1767225600123456789,"s":"btcusd","t":1,"p":"60000.01","q":"0.0025","m":false}"#;
    check(
        "trades and others",
        &[
            (&btc(100, 100), "clear0@100 bid0@100 bid0@100 ask0@100"),
            (&trade.replace("btcusd", "dogeusd"), ""),
            (&depth("dogeusd", 1, 1), ""),
            (&trade.replace("60000.01", "60000.001"), ""),
            (&trade.replace("\"t\":1", "\"t\":\"1\""), ""),
            (&trade.replace("1767225600123456789", "\"x\""), "trade0:Ask:6000001x250000:1"),
            (
                &trade
                    .replace("1767225600123456789", "1900000000000000000")
                    .replace("60000.01", "1.005"),
                "",
            ),
            (r#"{"id":1,"status":"200"}"#, ""),
            (&btc(100, 101), "bid0@101 bid0@101 ask0@101"),
        ],
        &[
            (Odd::BadShape, 2),
            (Odd::UnknownMarket, 2),
            (Odd::OffGrid, 2),
            (Odd::BadTime, 1),
            (Odd::NegativeLatency, 1),
        ],
    );
}

#[test]
fn the_order_of_keys_means_nothing() {
    let keys = [
        r#""e":"depthUpdate""#,
        r#""E":1767225600123456789"#,
        r#""s":"btcusd""#,
        r#""U":100"#,
        r#""u":101"#,
        r#""b":[["99.00","1"],["98.00","1"]]"#,
        r#""a":[["101.00","1"],["102.00","1"],["103.00","0"]]"#,
    ];
    let usual = format!("{{{}}}", keys.join(","));
    let events = |order: &[usize], space: &str| {
        let mut decoder = CurrentDecoder::new(markets());
        let mut out = Sink::default();
        decoder.decode(RECV_NS, 1, Input::Received(btc(100, 100).as_bytes()), &mut out);
        out.clear();
        let parts: Vec<&str> = order.iter().map(|at| keys[*at]).collect();
        let frame = format!("{{{space}{}{space}}}", parts.join(&format!(",{space}")));
        decoder.decode(RECV_NS, 2, Input::Received(frame.as_bytes()), &mut out);
        assert_eq!(decoder.counts().typed, 0, "{frame}");
        out.events
    };
    let expected = events(&[0, 1, 2, 3, 4, 5, 6], "");
    assert_eq!((expected.len(), usual.len() > 100), (5, true));
    let mut order = [0, 1, 2, 3, 4, 5, 6];
    // Every rotation and every pair of neighbours turned, in every rotation.
    for turn in 0..7 {
        order.rotate_left(1);
        for swap in 0..6 {
            let mut one = order;
            one.swap(swap, swap + 1);
            assert_eq!(events(&one, ["", " "][turn % 2]), expected, "{one:?}");
        }
    }
}

#[test]
fn http_answers() {
    let mut decoder = CurrentDecoder::new(markets()).with_audit(AuditSettings::default());
    let mut out = Sink::default();
    let second = 1_000_000_000;
    decoder.decode(RECV_NS, 1, Input::Received(btc(100, 100).as_bytes()), &mut out);
    let url = "https://api.gemini.com/v1/book/btcusd?limit_bids=50&limit_asks=50";
    let body = |bid: &str| {
        let ask = r#"{"price":"101.00","amount":"1","timestamp":"1"}"#;
        format!(
            r#"{{"bids":[{{"price":"99.00","amount":"{bid}","timestamp":"1"}}],"asks":[{ask}]}}"#
        )
    };
    let tick = Input::Received(br#"{"id":1,"status":200}"#);
    let mut now_ns = RECV_NS;
    // Equal, different, equal (the count begins anew), different twice.
    for (bid, mismatches, expected) in [
        ("0.5", 0, "beat"),
        ("0.6", 1, "beat"),
        ("0.50", 1, "beat"),
        ("0", 2, "beat"),
        ("0", 3, "doubt0:sequence_gap beat"),
    ] {
        now_ns += 10 * second;
        out.clear();
        decoder.decode(
            now_ns,
            2,
            Input::Http { url, request: b"", body: body(bid).as_bytes() },
            &mut out,
        );
        assert_eq!(said(&out), "");
        decoder.decode(now_ns + second, 3, tick, &mut out);
        assert_eq!(said(&out), "beat", "the settle time is not over");
        out.clear();
        let sent = Input::Sent(br#"{"id":5,"method":"ping"}"#);
        decoder.decode(now_ns + 2 * second, 4, sent, &mut out);
        assert_eq!(out.events.len(), 0, "nobody would see them");
        decoder.decode(now_ns + 2 * second, 4, tick, &mut out);
        assert_eq!(said(&out), expected, "{bid}");
        assert_eq!(decoder.counts().get(Odd::AuditMismatch), mismatches);
    }
    let counts = decoder.audit_counts();
    assert_eq!((counts.equal, counts.mismatched, counts.inconclusive), (2, 3, 0));
    out.clear();
    let url = "https://api.gemini.com/v1/notionalvolume";
    let body = br#"{"api_taker_fee_bps":40}"#;
    decoder.decode(now_ns, 9, Input::Http { url, request: b"", body }, &mut out);
    assert_eq!(said(&out), "fee0:4000 fee1:4000");
}
