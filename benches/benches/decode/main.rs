//! Recorded frames to events, by our decoders.

use benches::frames::{Feed, Ours};
use connector_net::Sink;

fn main() {
    divan::main();
}

fn updates(bencher: divan::Bencher<'_, '_>, feed: &Feed) {
    let fresh = feed.decoder_after_snapshots();
    let mut out = Sink::default();
    bencher
        .counter(divan::counter::ItemsCount::new(feed.updates.len()))
        .with_inputs(|| fresh.clone())
        .bench_local_values(|mut decoder: Ours| {
            for frame in &feed.updates {
                out.clear();
                decoder.decode(frame, &mut out);
            }
            decoder
        });
}

fn snapshots(bencher: divan::Bencher<'_, '_>, feed: &Feed) {
    let fresh = feed.decoder();
    let mut out = Sink::default();
    let levels: usize = feed.snapshots.iter().map(|frame| frame.levels).sum();
    bencher
        .counter(divan::counter::ItemsCount::new(levels))
        .with_inputs(|| fresh.clone())
        .bench_local_values(|mut decoder: Ours| {
            for frame in &feed.snapshots {
                out.clear();
                decoder.decode(frame, &mut out);
            }
            decoder
        });
}

#[divan::bench]
fn coinbase_updates(bencher: divan::Bencher<'_, '_>) {
    updates(bencher, &Feed::coinbase());
}

#[divan::bench]
fn gemini_updates(bencher: divan::Bencher<'_, '_>) {
    updates(bencher, &Feed::gemini());
}

/// Items are levels.
#[divan::bench(sample_count = 20)]
fn coinbase_snapshots(bencher: divan::Bencher<'_, '_>) {
    snapshots(bencher, &Feed::coinbase());
}

/// Items are levels.
#[divan::bench]
fn gemini_snapshots(bencher: divan::Bencher<'_, '_>) {
    snapshots(bencher, &Feed::gemini());
}
