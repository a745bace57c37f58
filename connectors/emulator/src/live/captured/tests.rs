//! The shipped recording played back, and decimals.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use super::line::{Line, e8};
use super::*;
use crate::chain::{Ledger, LedgerSpec, SlotClock};
use crate::exchange::Exchange;
use crate::happening::Side;
use crate::live::exchange_spec;

const START_NS: u64 = 1_700_000_000_000_000_000;
const SECOND: u64 = 1_000_000_000;

/// Levels of every book by exchange and product, and the pool's price.
type State = (BTreeMap<(ExchangeId, String, Side), Vec<(u64, u64)>>, u64);

struct World {
    feed: Captured,
    exchanges: [SharedExchange; 3],
    ledger: SharedLedger,
}

fn files() -> Vec<CaptureFile> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/bundle/derived"));
    ["coinbase", "gemini", "bitstamp", "solana"]
        .map(|name| CaptureFile { path: folder.join(format!("{name}.jsonl.zst")), shift_ns: 0 })
        .into()
}

fn world() -> World {
    let first = first_slot(&files()).expect("readable").expect("a slot");
    let mut spec = LedgerSpec::sol_usdc(1, START_NS, 7_742_000_000);
    spec.clock = SlotClock::Recorded;
    spec.pools.clear();
    spec.start_slot = first - 1;
    let ledger = Arc::new(Mutex::new(Ledger::new(&spec).expect("a good specification")));
    let ids = [ExchangeId::Coinbase, ExchangeId::Gemini, ExchangeId::Bitstamp];
    let exchanges =
        ids.map(|id| Arc::new(Mutex::new(Exchange::new(id, exchange_spec(id, Vec::new())))));
    let feed = Captured::open(&files(), START_NS, exchanges.clone(), ledger.clone());
    World { feed: feed.expect("it opens"), exchanges, ledger }
}

impl World {
    fn state(&self) -> State {
        let mut books = BTreeMap::new();
        for exchange in &self.exchanges {
            let exchange = exchange.lock().expect("whole");
            for product in exchange.products() {
                for side in [Side::Bid, Side::Ask] {
                    let levels = exchange.levels(&product.name, side, 0);
                    books.insert((exchange.id(), product.name.to_string(), side), levels);
                }
            }
        }
        let ledger = self.ledger.lock().expect("whole");
        let price = ledger.pools().first().map_or(0, |pool| ledger.price_e8(pool));
        (books, price)
    }

    fn play(&mut self, from_ns: u64, to_ns: u64, step_ns: u64) -> usize {
        let (mut count, mut now_ns) = (0, from_ns);
        while now_ns < to_ns {
            now_ns = (now_ns + step_ns).min(to_ns);
            count += self.feed.advance(now_ns).len();
        }
        count
    }
}

#[test]
fn a_recording_gives_the_same_books_at_the_same_time() {
    let (mut one, mut other) = (world(), world());
    let begin = one.state();
    for ((id, product, side), levels) in &begin.0 {
        assert_eq!(levels.is_empty(), *product == *"BTC-USD", "{id:?} {product} {side:?}");
    }
    assert!((7_600_000_000..7_900_000_000).contains(&begin.1), "{}", begin.1);
    one.play(START_NS, START_NS + 60 * SECOND, 7_300_001);
    other.play(START_NS, START_NS + 60 * SECOND, 60 * SECOND);
    assert_eq!(one.state(), other.state());
    assert_ne!(one.state(), begin);
    let counts = one.feed.counts();
    assert_eq!((counts.malformed, counts.off_grid, counts.unknown_products), (0, 0, 0));
    // The recording ends, and nothing is left of it.
    other.play(START_NS + 60 * SECOND, START_NS + 300 * SECOND, 10 * SECOND);
    assert!(other.feed.is_over());
    for ((id, product, side), levels) in &other.state().0 {
        assert_eq!(levels.is_empty(), *product == *"BTC-USD", "{id:?} {product} {side:?}");
    }
}

#[test]
fn what_stands_still_goes_on_from_there() {
    let (mut frozen, mut whole) = (world(), world());
    frozen.play(START_NS, START_NS + 20 * SECOND, SECOND / 10);
    frozen.feed.freeze(START_NS + 20 * SECOND);
    let before = frozen.state();
    let told = frozen.play(START_NS + 20 * SECOND, START_NS + 30 * SECOND, SECOND / 10);
    assert_eq!(frozen.state(), before);
    assert!((20..=30).contains(&told), "slots alone: {told}");
    frozen.feed.thaw(START_NS + 30 * SECOND);
    frozen.play(START_NS + 30 * SECOND, START_NS + 50 * SECOND, SECOND / 10);
    whole.play(START_NS, START_NS + 40 * SECOND, SECOND / 10);
    assert_eq!(frozen.state(), whole.state());
}

#[test]
fn decimals_are_exact_or_refused() {
    for (text, value) in [
        ("77.42", Some(7_742_000_000)),
        ("0.00000001", Some(1)),
        ("0.0", Some(0)),
        ("0.000000010", Some(1)),
        ("12", Some(1_200_000_000)),
        ("0.000000001", None),
        ("-1", None),
        ("1e3", None),
        ("", None),
        (".5", None),
        ("184467440738", None),
    ] {
        assert_eq!(e8(text), value, "{text}");
    }
}

#[test]
fn lines_carry_their_time_to_the_nanosecond() {
    let line = br#"{"conn":"X","ts":1786316400.123456789,"t":"recv","data":"{\"ts\":1}"}"#;
    let wanted = (1_786_316_400_123_456_789, Line::Received("{\"ts\":1}".to_owned()));
    assert_eq!(Line::parse(line), Some(wanted));
    assert_eq!(Line::parse(b"{\"t\":\"recv\"}"), None);
    let foreign = CaptureFile { path: file!().into(), shift_ns: 0 };
    assert!(matches!(
        first_slot(&[foreign]),
        Err(CaptureError::File { .. } | CaptureError::Header { .. })
    ));
}

/// A book contains every diff at or before its time, whether it came before or after it.
#[test]
fn a_bitstamp_diff_from_before_the_book_changes_nothing() {
    let id = ExchangeId::Bitstamp;
    let mut exchange = Exchange::new(id, exchange_spec(id, Vec::new()));
    let (mut books, mut counts) = (super::books::Books::default(), CapturedCounts::default());
    let diff = |at_us: u64, size: &str| {
        Line::Received(format!(
            r#"{{"event":"data","channel":"diff_order_book_solusd","data":{{"microtimestamp":"{at_us}","bids":[["77.42","{size}"]],"asks":[]}}}}"#
        ))
    };
    let book = |at_us: u64| {
        let text = format!(
            r#"{{"microtimestamp":"{at_us}","bids":[["77.42","5.0"]],"asks":[["77.60","1.0"]]}}"#
        );
        Line::Http(
            "https://www.bitstamp.net/api/v2/order_book/solusd/".to_owned(),
            "GET".to_owned(),
            text,
        )
    };
    let bid = |exchange: &Exchange| exchange.levels("SOL-USD", Side::Bid, 0);
    let mut take = |line: &Line, exchange: &mut Exchange| {
        books.take(START_NS, id, line, exchange, &mut counts);
    };
    take(&diff(10, "1.0"), &mut exchange);
    take(&diff(12, "2.0"), &mut exchange);
    take(&book(11), &mut exchange);
    assert_eq!(bid(&exchange), [(7_742_000_000, 200_000_000)], "held and newer");
    take(&diff(11, "3.0"), &mut exchange);
    assert_eq!(bid(&exchange), [(7_742_000_000, 200_000_000)], "contained");
    take(&diff(13, "4.0"), &mut exchange);
    assert_eq!(bid(&exchange), [(7_742_000_000, 400_000_000)], "newer");
}
