//! The project's decoders find nothing odd in the derived part.

use connector_bitstamp::BitstampDecoder;
use connector_coinbase::CoinbaseDecoder;
use connector_gemini::GeminiDecoder;
use connector_net::capture::{Capture, Kind};
use connector_net::{Decoder, Market, Markets, Odd, OddCounts, Sink};
use connector_solana::decoder::SolanaDecoder;
use engine_model::{Body, Grid, MarketId};

use super::folder;

type Metadata = fn(&str, &[u8]) -> Vec<(Box<str>, Grid)>;

/// A table of every symbol, with the grids that the file itself states.
fn markets(name: &str, metadata: Metadata) -> Markets {
    let path = folder().join(format!("derived/{name}.jsonl.zst"));
    let capture = Capture::open(&path).expect("a recording");
    let mut grids = Vec::new();
    for record in capture.records() {
        let record = record.expect("a record");
        if let Kind::Http { url, .. } = &record.kind {
            grids.extend(metadata(url, record.data.as_bytes()));
        }
    }
    assert!(!grids.is_empty(), "{name} states its grids");
    Markets::open(grids)
}

/// What a whole file becomes: oddities, and (snapshots, doubts, other events).
fn decode(name: &str, mut decoder: impl Decoder) -> (OddCounts, [u64; 3]) {
    let path = folder().join(format!("derived/{name}.jsonl.zst"));
    let capture = Capture::open(&path).expect("a recording");
    let (mut sink, mut seen) = (Sink::default(), [0; 3]);
    for record in capture.records() {
        let record = record.expect("a record");
        sink.clear();
        decoder.decode(record.recv_ns, record.line, record.input(), &mut sink);
        for event in &sink.events {
            let kind = match event.body {
                Body::BookClear => 0,
                Body::BookDoubt { .. } | Body::Gap { .. } => 1,
                Body::Level { .. }
                | Body::Trade { .. }
                | Body::Ticker { .. }
                | Body::Heartbeat { .. }
                | Body::Status { .. }
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
                | Body::Engine { .. }
                | Body::Timer => 2,
            };
            seen[kind] += 1;
        }
    }
    (*decoder.counts(), seen)
}

#[test]
fn nothing_is_odd_in_the_derived_part() {
    let coinbase = CoinbaseDecoder::new(markets("coinbase", connector_coinbase::metadata));
    let gemini = GeminiDecoder::new(markets("gemini", connector_gemini::metadata));
    let bitstamp = BitstampDecoder::new(markets("bitstamp", connector_bitstamp::metadata));
    for (name, (counts, seen), snapshots) in [
        ("coinbase", decode("coinbase", coinbase), 1),
        ("gemini", decode("gemini", gemini), 1),
        ("bitstamp", decode("bitstamp", bitstamp), 2),
    ] {
        // Diffs older than the REST snapshot are dropped, and there must be some.
        let odd: Vec<(Odd, u64)> = counts
            .seen()
            .filter(|(odd, _)| !(name == "bitstamp" && *odd == Odd::StaleUpdate))
            .collect();
        assert!(odd.is_empty(), "{name}: {odd:?}");
        assert_eq!(seen[0], snapshots, "{name}");
        assert_eq!(seen[1], 0, "{name}: no book is ever in doubt");
        assert!(seen[2] > 8_000, "{name}: {seen:?}");
        assert_eq!(counts.typed, 0, "{name}: every update takes the fast path");
    }
}

#[test]
fn nothing_is_odd_on_the_derived_chain() {
    let pool = Market {
        symbol: "HJPjoWUrhoZzkNfRpHuieeFk9WcZWjwy6PBjZ81ngndJ".into(),
        id: MarketId(0),
        grid: Grid::DEFAULT,
    };
    let decoder = SolanaDecoder::new(Markets::closed(vec![pool]), Vec::new(), 800);
    let (counts, seen) = decode("solana", decoder);
    assert_eq!(counts.seen().collect::<Vec<_>>(), []);
    assert_eq!(seen[..2], [1, 0], "one bootstrap, no doubt");
    assert!(seen[2] > 1_000, "{seen:?}");
}
