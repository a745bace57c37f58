//! Every frame of the captures is survived, and what it means is counted.

use connector_net::books::ReadPath;
use connector_net::capture::Kind;
use connector_net::{Markets, Odd, OddCounts, Sink};
use engine_model::{Body, Event, Flags, Venue};

use super::{AnyDecoder, BITSTAMP_120S, BITSTAMP_BTC, COINBASE, GEMINI_2021, GEMINI_2026};
use super::{capture, known};

/// What a capture became.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    frames: u64,
    fast: u64,
    typed: u64,
    snapshots: usize,
    snapshot_levels: usize,
    updates: usize,
    update_levels: usize,
    deletes: usize,
    trades: usize,
    tickers: usize,
    heartbeats: usize,
    doubts: usize,
}

fn tally(venue: Venue, file: &str) -> Option<(Tally, OddCounts, AnyDecoder)> {
    let capture = capture(file)?;
    let markets = Markets::open(known(&capture, venue));
    let mut decoder = AnyDecoder::new(venue, markets, ReadPath::FastThenTyped);
    let mut out = Sink::default();
    let mut tally = Tally::default();
    for record in capture.records() {
        let record = record.expect("readable");
        out.clear();
        decoder.get().decode(record.recv_ns, record.line, record.input(), &mut out);
        if matches!(record.kind, Kind::Connected { .. } | Kind::Closed | Kind::Sent) {
            assert_eq!(out.events, [], "line {}", record.line);
        }
        for (line, events) in out.iter() {
            assert!(line <= record.line && events.iter().all(|event| event.venue == venue));
            assert!(events.iter().all(|event| event.recv_ns == record.recv_ns));
            let (last, rest) = events.split_last().expect("no batch is empty");
            assert!(last.ends_batch() && !rest.iter().any(Event::ends_batch));
            tally.add(events);
        }
    }
    let counts = *decoder.get().counts();
    tally.frames = counts.frames;
    tally.fast = counts.fast;
    tally.typed = counts.typed;
    Some((tally, counts, decoder))
}

impl Tally {
    fn add(&mut self, events: &[Event]) {
        let is_snapshot = events[0].body == Body::BookClear;
        let mut levels = 0;
        for event in events {
            assert_eq!(event.flags.has(Flags::SNAPSHOT), is_snapshot, "{event:?}");
            match event.body {
                Body::Level { size_lots, .. } => {
                    levels += 1;
                    self.deletes += usize::from(size_lots == 0);
                }
                Body::Trade { .. } => self.trades += 1,
                Body::Ticker { .. } => self.tickers += 1,
                Body::Heartbeat { .. } => self.heartbeats += 1,
                Body::BookDoubt { .. } | Body::Gap { .. } => self.doubts += 1,
                Body::BookClear => assert_eq!(levels, 0),
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
                | Body::Engine { .. }
                | Body::Timer => panic!("unexpected in these captures: {event:?}"),
            }
        }
        if is_snapshot {
            self.snapshots += 1;
            self.snapshot_levels += levels;
        } else if levels > 0 {
            self.updates += 1;
            self.update_levels += levels;
        }
    }
}

fn odd(counts: &OddCounts) -> Vec<(Odd, u64)> {
    counts.seen().collect()
}

#[test]
fn coinbase_advanced_trade() {
    let Some((tally, counts, decoder)) = tally(Venue::Coinbase, COINBASE) else { return };
    let expected = Tally {
        frames: 649,
        fast: 476,
        typed: 0,
        snapshots: 2,
        snapshot_levels: 69_334,
        updates: 476,
        update_levels: 2_801,
        deletes: 651,
        trades: 58,
        tickers: 104,
        heartbeats: 15,
        doubts: 0,
    };
    assert_eq!(tally, expected);
    // Five-minute candles are nobody's input, and the recorder's clock was 17 ms behind.
    assert_eq!(odd(&counts), [(Odd::UnknownChannel, 4), (Odd::NegativeLatency, 611)]);
    let AnyDecoder::Coinbase(decoder) = decoder else { unreachable!("made above") };
    assert_eq!(decoder.history_trades(), 200);
}

#[test]
fn gemini_of_2026() {
    let Some((tally, counts, decoder)) = tally(Venue::Gemini, GEMINI_2026) else { return };
    let expected = Tally {
        frames: 563,
        fast: 549,
        typed: 0,
        snapshots: 10,
        snapshot_levels: 10_109,
        updates: 549,
        update_levels: 549,
        deletes: 220,
        trades: 2,
        tickers: 0,
        heartbeats: 2,
        doubts: 0,
    };
    assert_eq!(tally, expected);
    assert_eq!(odd(&counts), []);
    let AnyDecoder::Gemini(decoder) = decoder else { unreachable!("made above") };
    assert_eq!(decoder.history_trades(), 810);
}

#[test]
fn gemini_of_2021() {
    let Some((tally, counts, decoder)) = tally(Venue::Gemini, GEMINI_2021) else { return };
    let expected = Tally {
        frames: 1_804,
        fast: 1_748,
        typed: 0,
        snapshots: 10,
        snapshot_levels: 3_895,
        updates: 1_748,
        update_levels: 6_281,
        deletes: 2_813,
        trades: 22,
        tickers: 0,
        heartbeats: 24,
        doubts: 0,
    };
    assert_eq!(tally, expected);
    // The recorder's clock was 55 ms behind the venue's.
    assert_eq!(odd(&counts), [(Odd::NegativeLatency, 44)]);
    let AnyDecoder::Gemini(decoder) = decoder else { unreachable!("made above") };
    assert_eq!(decoder.history_trades(), 500);
}

#[test]
fn bitstamp_with_btc() {
    let Some((tally, counts, decoder)) = tally(Venue::Bitstamp, BITSTAMP_BTC) else { return };
    let expected = Tally {
        frames: 677,
        fast: 641,
        typed: 0,
        snapshots: 10,
        snapshot_levels: 11_536,
        updates: 527,
        update_levels: 2_032,
        deletes: 887,
        trades: 16,
        tickers: 0,
        heartbeats: 0,
        doubts: 0,
    };
    assert_eq!(tally, expected);
    assert_eq!(odd(&counts), [(Odd::StaleUpdate, 114)]);
    let AnyDecoder::Bitstamp(decoder) = decoder else { unreachable!("made above") };
    let unproven: Vec<_> = decoder.unproven_joins().collect();
    assert_eq!(unproven, ["gbpusd", "gusdusd"]);
}

#[test]
fn bitstamp_of_two_minutes() {
    let Some((tally, counts, decoder)) = tally(Venue::Bitstamp, BITSTAMP_120S) else { return };
    let expected = Tally {
        frames: 3_254,
        fast: 3_202,
        typed: 0,
        snapshots: 10,
        snapshot_levels: 5_023,
        updates: 3_091,
        update_levels: 11_110,
        deletes: 4_205,
        trades: 32,
        tickers: 0,
        heartbeats: 0,
        doubts: 0,
    };
    assert_eq!(tally, expected);
    let seen = [(Odd::StaleUpdate, 111), (Odd::NegativeLatency, 2_723)];
    assert_eq!(odd(&counts), seen);
    let AnyDecoder::Bitstamp(decoder) = decoder else { unreachable!("made above") };
    assert_eq!(decoder.unproven_joins().count(), 0);
}
