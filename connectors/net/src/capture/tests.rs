//! Tables of lines, cuts and flipped bytes.

use super::*;

const V1: &str = "https://api.gemini.com/v1/symbols -> 10.5: [\"btcusd\"]\n\
    configuration: {\"l2_book\":[\"BTC-USD\"]}\n\
    wss://api.gemini.com/v2/marketdata/ <-> 11\n\
    \n\
    wss://api.gemini.com/v2/marketdata/ <- 11.25: {\"type\":\"subscribe\"}\n\
    11.5: {\"type\":\"heartbeat\",\"text\":\"a: b <- c\"}\n";

const V2: &str = concat!(
    r#"{"t":"header","format":2,"exchange":"COINBASE","config":{}}"#,
    "\n",
    r#"{"t":"http","conn":"C.http.1","ts":1.5,"url":"https://x/y","data":"{\"a\":1}"}"#,
    "\n",
    r#"{"conn":"C.http.1","request":"[1]","ts":1.6,"t":"http","url":"https://x","data":"z"}"#,
    "\n\n",
    r#"{"t":"connect","conn":"C.ws.2","ts":2.031329,"addr":"wss://x"}"#,
    "\n",
    r#"{"data":"hi","t":"send","conn":"C.ws.2","ts":3,"addr":"wss://x"}"#,
    "\n",
    r#"{"t":"note","text":"not known"}"#,
    "\n",
    r#"{"ts":4.0000000019,"data":"é\n\u00e9","t":"recv","conn":"C.ws.2","more":[1,2]}"#,
    "\n"
);

fn all(name: &str, bytes: &[u8]) -> Result<Vec<String>, CaptureError> {
    let capture = Capture::from_bytes(name, bytes)?;
    capture
        .records()
        .map(|record| {
            record.map(|it| format!("{} {} {} {:?}", it.line, it.recv_ns, it.conn, it.input()))
        })
        .collect()
}

fn zstd(text: &str) -> Vec<u8> {
    zstd::encode_all(text.as_bytes(), 3).expect("compresses")
}

#[test]
fn times_are_exact() {
    for (shows, text, want) in [
        ("whole seconds", "11", Ok(11_000_000_000)),
        ("microseconds", "1786309548.026294", Ok(1_786_309_548_026_294_000)),
        ("a float would end in ...7984", "1786309548.0262941", Ok(1_786_309_548_026_294_100)),
        ("nine places", "0.000000001", Ok(1)),
        ("the tenth is cut off", "0.0000000019", Ok(1)),
        ("leading zeros", "0011.5", Ok(11_500_000_000)),
        ("the last one", "18446744073.709551615", Ok(u64::MAX)),
        ("one more", "18446744073.709551616", Err(TimeError::OutOfRange)),
        ("far out", "99999999999999999999999", Err(TimeError::OutOfRange)),
        ("nothing", "", Err(TimeError::Malformed)),
        ("no digit before the point", ".5", Err(TimeError::Malformed)),
        ("no digit behind the point", "5.", Err(TimeError::Malformed)),
        ("two points", "5.5.5", Err(TimeError::Malformed)),
        ("a sign", "-5", Err(TimeError::Malformed)),
        ("an exponent", "5e3", Err(TimeError::Malformed)),
        ("a blank", "5 ", Err(TimeError::Malformed)),
    ] {
        assert_eq!(parse_seconds_ns(text), want, "{shows}: {text}");
    }
}

#[test]
fn v1_lines_become_records() {
    let capture = Capture::from_bytes("v1", V1.as_bytes()).expect("a recording");
    assert_eq!(capture.format(), Format::V1);
    assert_eq!(capture.venue().expect("undamaged"), Some(Venue::Gemini));
    let mut records = capture.records();
    let list: Vec<_> = records.by_ref().map(|record| record.expect("a record")).collect();
    assert_eq!(records.connections(), ["http", "wss://api.gemini.com/v2/marketdata/"]);
    let seen: Vec<_> = list.iter().map(|it| (it.line, it.recv_ns, it.conn, it.input())).collect();
    let url = "https://api.gemini.com/v1/symbols";
    assert_eq!(
        seen,
        [
            (1, 10_500_000_000, 0, Input::Http { url, request: b"", body: b"[\"btcusd\"]" }),
            (3, 11_000_000_000, 1, Input::Connected),
            (5, 11_250_000_000, 1, Input::Sent(b"{\"type\":\"subscribe\"}")),
            (
                6,
                11_500_000_000,
                1,
                Input::Received(b"{\"type\":\"heartbeat\",\"text\":\"a: b <- c\"}")
            ),
        ]
    );
}

#[test]
fn v2_lines_become_records() {
    let capture = Capture::from_bytes("v2", V2.as_bytes()).expect("a recording");
    assert_eq!(capture.format(), Format::V2);
    assert_eq!(capture.venue().expect("undamaged"), Some(Venue::Coinbase));
    let mut records = capture.records();
    let list: Vec<_> = records.by_ref().map(|record| record.expect("a record")).collect();
    assert_eq!(records.connections(), ["C.http.1", "C.ws.2"]);
    assert_eq!(records.unknown_kinds(), 1);
    assert_eq!(records.exchange(), Some("COINBASE"));
    let seen: Vec<_> = list.iter().map(|it| (it.line, it.recv_ns, it.conn, it.input())).collect();
    assert_eq!(
        seen,
        [
            (
                2,
                1_500_000_000,
                0,
                Input::Http { url: "https://x/y", request: b"", body: b"{\"a\":1}" }
            ),
            (3, 1_600_000_000, 0, Input::Http { url: "https://x", request: b"[1]", body: b"z" }),
            (5, 2_031_329_000, 1, Input::Connected),
            (6, 3_000_000_000, 1, Input::Sent(b"hi")),
            (8, 4_000_000_001, 1, Input::Received("é\né".as_bytes())),
        ]
    );
    assert!(matches!(list[3].data, Cow::Borrowed(_)), "text without escapes is borrowed");
}

#[test]
fn compression_is_found_by_its_magic_number() {
    for text in [V1, V2] {
        let plain = all("plain", text.as_bytes()).expect("plain");
        assert_eq!(all("zst", &zstd(text)).expect("zstd"), plain);
        let mut two_frames = zstd(&text[..40]);
        two_frames.extend(zstd(&text[40..]));
        assert_eq!(all("two frames", &two_frames).expect("zstd"), plain);
    }
}

#[test]
fn wrong_files_are_named() {
    let mut huge_time = V1.to_owned();
    huge_time.push_str("99999999999999999999: {}\n");
    let mut trailing = zstd(V2);
    trailing.extend_from_slice(b"more");
    let mut late_bad_byte = V1.as_bytes().to_vec();
    late_bad_byte.extend_from_slice(b"12: \xff\n");
    let rows: &[(&[u8], &str)] = &[
        (b"", "f:1 (offset 0): not a recorder file: it is empty"),
        (b"\n \n", "f:1 (offset 0): not a recorder file: it holds no line"),
        (b"\x1f\x8b\x08\0\0", "f:1 (offset 0): not a recorder file: it is a gzip file"),
        (b"\x28\xb5", "f:1 (offset 0): not a recorder file: a zstd stream cut in its first bytes"),
        (
            b"PK\x03\x04\xff\xfe",
            "f:1 (offset 4): not a recorder file: its first line is not UTF-8 text",
        ),
        (
            b"time,price\n1,2\n",
            "f:1 (offset 0): not a recorder file: its first line is neither recorder v1 nor v2",
        ),
        (
            b"{\n\"a\": 1\n}\n",
            "f:1 (offset 0): not a recorder file: its first line is a JSON object that is not closed",
        ),
        (
            b"{\"pool\":\"x\"}\n",
            "f:1 (offset 0): not a recorder file: its first line is no JSON object of a recording (no \"t\")",
        ),
        (
            b"{\"t\":\"header\",\"format\":3}\n",
            "f:1 (offset 0): not a recorder file: its header names a format other than 2",
        ),
        (
            b"{\"t\":\"header\",\"pool\":\"x\"}\n",
            "f:1 (offset 0): not a recorder file: its header names no recorder format (\"format\":2)",
        ),
        (
            b"{\"t\":\"swap\",\"slot\":1}\n",
            "f:1 (offset 0): not a recorder file: its first line is of a kind that no recorder writes",
        ),
        (huge_time.as_bytes(), "a time that is out of range"),
        (&trailing, "the zstd stream is cut or damaged"),
        (&late_bad_byte, "not UTF-8 text"),
        (
            b"{\"t\":\"recv\",\"conn\":\"a\",\"data\":\"\"}\n",
            "f:1 (offset 0): a line of kind \"recv\" without \"ts\"",
        ),
        (
            b"{\"t\":\"recv\",\"ts\":1,\"data\":\"\"}\n",
            "f:1 (offset 0): a line of kind \"recv\" without \"conn\"",
        ),
        (
            b"{\"t\":\"recv\",\"ts\":1,\"conn\":\"a\"}\n",
            "f:1 (offset 0): a line of kind \"recv\" without \"data\"",
        ),
        (
            b"{\"t\":\"http\",\"ts\":1,\"conn\":\"a\",\"data\":\"\"}\n",
            "f:1 (offset 0): a line of kind \"http\" without \"url\"",
        ),
        (
            b"{\"t\":\"recv\",\"ts\":1e3,\"conn\":\"a\",\"data\":\"\"}\n",
            "a time that is not plain decimal seconds",
        ),
        (
            b"11: {}\n{\"t\":\"recv\"}\n",
            "f:2 (offset 7): a line that begins with neither a time nor an address",
        ),
        (
            b"11: {}\nwss://x ! 4\n",
            "f:2 (offset 15): none of \"<->\", \"<-\" and \"->\" behind the address",
        ),
    ];
    for (bytes, want) in rows {
        let error = all("f", bytes).expect_err(want).to_string();
        assert!(error.contains(want), "wanted {want}, got {error}");
        assert!(error.starts_with("f:"), "{error}");
    }
}

#[test]
fn a_missing_file_is_told_from_a_bad_one() {
    let missing = Capture::open(Path::new("/nonexistent/capture")).expect_err("missing");
    assert!(missing.is_missing_file(), "{missing}");
    assert!(!Capture::from_bytes("f", b"").expect_err("empty").is_missing_file());
}

#[test]
fn the_older_coinbase_feed_is_no_venue() {
    for (address, venue) in [
        ("wss://ws-feed.pro.coinbase.com", None),
        ("https://api.pro.coinbase.com/products", None),
        ("wss://advanced-trade-ws.coinbase.com", Some(Venue::Coinbase)),
        ("https://api.coinbase.com/api/v3/brokerage/market/products", Some(Venue::Coinbase)),
        ("wss://ws.bitstamp.net/", Some(Venue::Bitstamp)),
        ("https://www.bitstamp.net/api/v2/order_book/btcusd", Some(Venue::Bitstamp)),
        ("wss://notbitstamp.net/", None),
        ("https://api.mainnet-beta.solana.com", Some(Venue::Solana)),
        ("wss://ws.kraken.com", None),
        ("no address", None),
    ] {
        assert_eq!(venue_of_address(address), venue, "{address}");
    }
}

#[test]
fn damage_before_the_venue_is_known_is_named() {
    let header = r#"{"t":"header","format":2,"exchange":"COINBASE"}"#;
    let at_time =
        |time: &str| format!("{header}\n{{\"t\":\"connect\",\"conn\":\"a\",\"ts\":{time}}}\n");
    for (shows, text, want) in [
        ("a sign", at_time("-1"), "f:2 (offset 48): a time that is not plain decimal seconds"),
        ("an exponent", at_time("1e9"), "f:2 (offset 48): a time that is not plain"),
        ("text", at_time("\"5\""), "f:2 (offset 48): "),
        ("far out", at_time("18446744074"), "f:2 (offset 48): a time that is out of range"),
        (
            "cut in the time",
            "wss://ws.bitstamp.net <-> 16186".to_owned(),
            "f:1 (offset 31): the file is cut",
        ),
        ("cut in the text", V1[..50].to_owned(), "f:1 (offset 50): the file is cut"),
    ] {
        match Capture::from_bytes("f", text.as_bytes()).and_then(|it| it.venue()) {
            Err(error) => assert!(error.to_string().contains(want), "{shows}: {error}"),
            Ok(venue) => panic!("{shows}: {venue:?}"),
        }
    }
    for (shows, text, venue) in [
        ("only a header", format!("{header}\n"), Some(Venue::Coinbase)),
        ("no address", "11: {}\n".to_owned(), None),
    ] {
        let capture = Capture::from_bytes("f", text.as_bytes()).expect("a recording");
        assert_eq!(capture.venue().expect("undamaged"), venue, "{shows}");
    }
}

#[test]
fn a_cut_is_an_error_or_a_shorter_recording() {
    for text in [V1, V2] {
        let whole = all("whole", text.as_bytes()).expect("whole");
        for end in 0..text.len() {
            match all("cut", &text.as_bytes()[..end]) {
                Ok(records) => {
                    assert!(whole.starts_with(&records), "cut at {end}");
                    let at_line_end = text.as_bytes()[..end].ends_with(b"\n");
                    let before_line_end = text.as_bytes()[end] == b'\n';
                    // `configuration:` is skipped and proves nothing about itself.
                    assert!(at_line_end || before_line_end, "cut at {end} went unnoticed");
                }
                Err(error) => {
                    let error = error.to_string();
                    assert!(error.starts_with("cut:"), "{error}");
                    assert!(error.contains("offset"), "{error}");
                }
            }
        }
        let packed = zstd(text);
        for end in 0..packed.len() {
            let error = all("cut", &packed[..end]).expect_err("a cut stream").to_string();
            assert!(error.contains("offset"), "cut at {end}: {error}");
        }
    }
}

#[test]
fn flipped_bits_never_panic_and_name_the_place() {
    for text in [V1.as_bytes().to_vec(), V2.as_bytes().to_vec(), zstd(V1), zstd(V2)] {
        let mut errors = 0;
        for index in 0..text.len() {
            for bit in 0..8 {
                let mut flipped = text.clone();
                flipped[index] ^= 1 << bit;
                if let Err(error) = all("flipped", &flipped) {
                    errors += 1;
                    assert!(error.to_string().starts_with("flipped:"), "{error}");
                }
            }
        }
        assert!(errors > 100, "only {errors} flips were noticed");
    }
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = all("any", &bytes);
        }

        #[test]
        fn any_lines_are_survived(lines in proptest::collection::vec(
            "(1[0-9]\\.[0-9]{1,3}: |wss://a (<->|<-|->) |\\{\"t\":\"(recv|http|send)\",)?[ -~]{0,30}", 0..8))
        {
            let _ = all("any", lines.join("\n").as_bytes());
        }

        #[test]
        fn v2_text_comes_back(text in ".*", seconds in 0_u64..10_000_000_000, ns in 0_u64..1_000_000_000) {
            let data = serde_json::to_string(&text).expect("a string");
            let line = format!("{{\"data\":{data},\"t\":\"recv\",\"ts\":{seconds}.{ns:09},\"conn\":\"c\"}}\n");
            let capture = Capture::from_bytes("p", line.as_bytes()).expect("a recording");
            let record = capture.records().next().expect("one").expect("a record");
            prop_assert_eq!(&*record.data, text.as_str());
            prop_assert_eq!(record.recv_ns, seconds * 1_000_000_000 + ns);
        }
    }
}

/// Directory of the shared recordings, where present.
fn shared_data() -> Option<std::path::PathBuf> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
    let path = std::env::var_os("RIPTIDE_SHARED_DATA").map_or_else(|| default.into(), Into::into);
    let path: std::path::PathBuf = path;
    path.is_dir().then_some(path)
}

#[test]
#[allow(clippy::print_stderr, reason = "a skipped test says so")]
fn real_recordings_are_read_to_the_end() {
    let Some(data) = shared_data() else {
        eprintln!("skipped: no shared data (set RIPTIDE_SHARED_DATA)");
        return;
    };
    let coinbase = Some(Venue::Coinbase);
    for (path, venue, counts) in [
        // Connections opened, texts sent, frames received, HTTP answers.
        ("coinbase/advanced_trade_20260809_btc_eth_first15s.jsonl.zst", coinbase, [1, 5, 649, 1]),
        ("coinbase/exchange_ws_20210417_10sym.raw.zst", None, [1, 3, 9946, 1]),
        ("gemini/v2_marketdata_20210405_10sym_120s.raw.zst", Some(Venue::Gemini), [1, 1, 1804, 0]),
        (
            "gemini/v2_marketdata_20260809_sol_btc_eth.jsonl.zst",
            Some(Venue::Gemini),
            [1, 1, 563, 348],
        ),
        ("bitstamp/ws_20210405_10sym_120s.raw.zst", Some(Venue::Bitstamp), [1, 20, 3254, 10]),
        ("bitstamp/ws_20210417_btcusd_10sym.raw.zst", Some(Venue::Bitstamp), [1, 20, 677, 11]),
        ("kraken/ws_v1_20210417_10sym.raw.zst", None, [3, 3, 4430, 1]),
    ] {
        let capture = Capture::open(&data.join(path)).expect(path);
        assert_eq!(capture.venue().expect(path), venue, "{path}");
        let mut seen = [0; 4];
        for record in capture.records() {
            let slot = match record.expect(path).kind {
                Kind::Connected { .. } | Kind::Closed => 0,
                Kind::Sent => 1,
                Kind::Received => 2,
                Kind::Http { .. } => 3,
            };
            seen[slot] += 1;
        }
        assert_eq!(seen, counts, "{path}");
    }
    let other = data.join("solana/whirlpool_real_swaps_20220406_sol_usdc_ts64.jsonl.zst");
    let error = Capture::open(&other).expect_err("another kind of file").to_string();
    assert!(error.contains("not a recorder file"), "{error}");
}
