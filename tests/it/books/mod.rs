//! `riptide inspect book` against an independent rebuild, on every real recording.

mod rebuild;

use std::path::Path;

use connector_net::capture::Capture;
use engine_daemon::inspect_book::{InspectError, Notes, inspect};
use engine_model::Venue;
use rust_decimal::Decimal;

use crate::support;
use rebuild::{Rebuilt, Row};

const HEADER: &str = "line,symbol,bid,bid_qty,ask,ask_qty,n_bids,n_asks";

fn level(price: &str, size: &str) -> Option<(Decimal, Decimal)> {
    assert_eq!(price.is_empty(), size.is_empty(), "an empty side leaves both fields empty");
    let plain = |text: &str| {
        assert!(text.chars().all(|c| c.is_ascii_digit() || c == '.'), "{text} is not plain");
        text.parse::<Decimal>().expect("a decimal")
    };
    (!price.is_empty()).then(|| (plain(price), plain(size)))
}

fn row(line: &str) -> Row {
    let fields: Vec<&str> = line.split(',').collect();
    let [number, symbol, bid, bid_qty, ask, ask_qty, n_bids, n_asks] = fields[..] else {
        panic!("8 fields: {line}");
    };
    Row {
        line: number.parse().expect("a number"),
        symbol: symbol.to_owned(),
        bid: level(bid, bid_qty),
        ask: level(ask, ask_qty),
        counts: (n_bids.parse().expect("a count"), n_asks.parse().expect("a count")),
    }
}

/// Compares every row of a recording, and checks that no book is crossed.
fn compare(path: &Path, venue: Venue, wanted: &Rebuilt, rows: usize) {
    let name = path.display();
    let capture = Capture::open(path).expect("a recording");
    assert_eq!(capture.venue().expect("an undamaged start"), Some(venue), "{name}");
    let (mut csv, mut notes) = (Vec::new(), Notes::default());
    inspect(&capture, venue, &mut csv, &mut notes).expect("rows");
    let csv = String::from_utf8(csv).expect("text");
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some(HEADER), "{name}");
    let got: Vec<Row> = lines.map(row).collect();
    for (got, wanted) in got.iter().zip(&wanted.rows) {
        assert_eq!(got, wanted, "{name}");
        if let (Some((bid, _)), Some((ask, _))) = (got.bid, got.ask) {
            assert!(bid < ask, "{name}: crossed: {got:?}");
        }
    }
    // The last row of each symbol holds its final level counts.
    assert_eq!(got.len(), wanted.rows.len(), "{name}");
    assert_eq!(got.len(), rows, "{name}");
    let unproven: Vec<&str> = notes
        .lines()
        .iter()
        .filter_map(|line| line.split_once(": join not proven").map(|(symbol, _)| symbol))
        .collect();
    assert_eq!(unproven.len(), wanted.unproven.len(), "{name}: {unproven:?}");
    for symbol in &wanted.unproven {
        assert_eq!(unproven.iter().filter(|it| *it == symbol).count(), 1, "{name}: {symbol}");
    }
    assert!(!notes.lines().iter().any(|line| line.contains("in doubt")), "{name}");
}

type Rebuild = fn(&Path) -> Rebuilt;

#[test]
fn every_row_equals_an_independent_rebuild() {
    let recordings: [(&str, Venue, Rebuild, usize); 5] = [
        (
            "coinbase/advanced_trade_20260809_btc_eth_first15s.jsonl.zst",
            Venue::Coinbase,
            rebuild::coinbase,
            478,
        ),
        (
            "gemini/v2_marketdata_20260809_sol_btc_eth.jsonl.zst",
            Venue::Gemini,
            rebuild::gemini,
            559,
        ),
        ("gemini/v2_marketdata_20210405_10sym_120s.raw.zst", Venue::Gemini, rebuild::gemini, 1758),
        ("bitstamp/ws_20210417_btcusd_10sym.raw.zst", Venue::Bitstamp, rebuild::bitstamp, 527),
        ("bitstamp/ws_20210405_10sym_120s.raw.zst", Venue::Bitstamp, rebuild::bitstamp, 3091),
    ];
    for (file, venue, rebuild, rows) in recordings {
        let Some(path) = support::shared(file) else { continue };
        compare(&path, venue, &rebuild(&path), rows);
    }
}

/// Cuts and flipped bytes of a whole recording: an error with its place or rows, never a panic, and
/// never a crossed book.
#[test]
fn damaged_recordings_give_no_crossed_row() {
    let mut rng = support::Rng::new(20);
    let copies = support::budget("RIPTIDE_DAMAGED_RECORDINGS", 12);
    for (file, venue) in [
        ("gemini/v2_marketdata_20210405_10sym_120s.raw.zst", Venue::Gemini),
        ("gemini/v2_marketdata_20260809_sol_btc_eth.jsonl.zst", Venue::Gemini),
        ("bitstamp/ws_20210417_btcusd_10sym.raw.zst", Venue::Bitstamp),
        ("coinbase/advanced_trade_20260809_btc_eth_first15s.jsonl.zst", Venue::Coinbase),
    ] {
        let Some(path) = support::shared(file) else { continue };
        let packed = std::fs::read(path).expect("readable");
        let plain = zstd::decode_all(packed.as_slice()).expect("zstd");
        for copy in 0..copies {
            let mut bytes = if copy % 4 == 0 { packed.clone() } else { plain.clone() };
            for _ in 0..=rng.below(3) {
                let at = rng.index(bytes.len());
                bytes[at] ^= 1 << rng.below32(8);
            }
            if copy % 3 == 0 {
                bytes.truncate(rng.index(bytes.len()));
            }
            let capture = match Capture::from_bytes("damaged", &bytes) {
                Ok(capture) => capture,
                Err(error) => {
                    assert!(error.at.is_some(), "{error}");
                    continue;
                }
            };
            let (mut csv, mut notes) = (Vec::new(), Notes::default());
            if let Err(error) = inspect(&capture, venue, &mut csv, &mut notes) {
                let InspectError::Capture(error) = error else { panic!("{error:?}") };
                assert!(error.at.is_some(), "{error}");
            }
            let csv = String::from_utf8(csv).expect("text");
            for row in csv.lines().skip(1).map(row) {
                if let (Some((bid, _)), Some((ask, _))) = (row.bid, row.ask) {
                    assert!(bid < ask, "{file}, copy {copy}: crossed: {row:?}");
                }
            }
        }
    }
}
