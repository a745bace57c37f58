//! The shipped recording of a node: every frame by both readers, nothing odd, nothing lost.

use std::path::Path;

use connector_net::books::ReadPath;
use connector_net::capture::{Capture, Kind};
use connector_net::{Decoder, Markets, Odd, OddCounts, Sink};
use connector_solana::SolanaDecoder;
use connector_solana::address::{USDC_MINT, WRAPPED_SOL_MINT};
use connector_solana::decoder::HOLD_MS_DEFAULT;
use connector_solana::layout::MintPowers;
use engine_model::{Body, Event};

const FILE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/bundle/derived/solana.jsonl.zst");

fn decode(path: ReadPath) -> (Vec<(u64, Vec<Event>)>, OddCounts, SolanaDecoder) {
    let capture = Capture::open(Path::new(FILE)).expect("ships with the project");
    let mut decoder = SolanaDecoder::new(Markets::open(Vec::new()), Vec::new(), HOLD_MS_DEFAULT);
    decoder.set_read_path(path);
    let (mut sink, mut batches) = (Sink::default(), Vec::new());
    for record in capture.records() {
        let record = record.expect("a whole recording");
        sink.clear();
        decoder.decode(record.recv_ns, record.line, record.input(), &mut sink);
        batches.extend(sink.iter().map(|(line, events)| (line, events.to_vec())));
    }
    let counts = *decoder.counts();
    (batches, counts, decoder)
}

#[test]
fn the_shipped_pool_reads_without_an_oddity() {
    let (batches, counts, decoder) = decode(ReadPath::FastThenTyped);
    let (typed, _, _) = decode(ReadPath::TypedOnly);
    assert_eq!(batches, typed, "both readers");
    let odd: Vec<(Odd, u64)> = counts.seen().collect();
    assert_eq!(odd, [], "nothing odd");
    assert!(counts.fast > 100, "{counts:?}");
    assert_eq!(counts.typed, 0, "the scanner takes every account frame");

    let events = || batches.iter().flat_map(|(_, events)| events);
    let count = |wanted: fn(&Body) -> bool| events().filter(|event| wanted(&event.body)).count();
    assert_eq!(count(|body| matches!(body, Body::BookClear)), 1, "one bootstrap");
    assert_eq!(count(|body| matches!(body, Body::BookDoubt { .. })), 0);
    assert!(count(|body| matches!(body, Body::Slot { .. })) > 250, "four minutes of slots");
    assert!(count(|body| matches!(body, Body::Param { .. })) > 5, "priority fees");
    assert!(count(|body| matches!(body, Body::PoolPrice { .. })) > 100, "prices");
    assert_eq!(decoder.mint_powers(&WRAPPED_SOL_MINT), Some(MintPowers::NONE));
    assert_eq!(decoder.mint_powers(&USDC_MINT), Some(MintPowers::FREEZE_AUTHORITY));
}

#[test]
fn every_account_frame_is_in_a_batch() {
    let (batches, _, _) = decode(ReadPath::FastThenTyped);
    let capture = Capture::open(Path::new(FILE)).expect("ships with the project");
    let mut frames = 0_usize;
    for record in capture.records() {
        let record = record.expect("a whole recording");
        let is_account = record.kind == Kind::Received && record.data.contains("\"value\"");
        frames += usize::from(is_account);
    }
    let parts = batches
        .iter()
        .flat_map(|(_, events)| events)
        .filter(|event| !event.flags.has(engine_model::Flags::SNAPSHOT))
        .filter(|event| matches!(event.body, Body::PoolPrice { .. } | Body::TickArrayBegin { .. }))
        .count();
    // Frames that came before the bootstrap and those of the last slot are not published.
    assert!(parts <= frames && parts + 20 > frames, "{parts} of {frames}");
}
