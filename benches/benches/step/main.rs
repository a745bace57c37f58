//! One step of the core: recorded update frames through books, pairs and risk, without a ring.
//!
//! `alone` has no market to pair with; in `tuned` each frame looks at two pairs and about half of the
//! frames are worth a trade (see `benches::scene`). A pass goes over all frames of the recording; the
//! core that has read the snapshots is made anew before each, untimed.

use std::hint::black_box;

use benches::frames::Feed;
use benches::scene::Scene;
use divan::counter::ItemsCount;
use engine_core::{Core, NoProbe, Outbox};

fn main() {
    divan::main();
}

/// Steps every event of every frame.
fn pass(core: &mut Core, out: &mut Outbox, scene: &Scene) {
    for event in scene.batches.iter().flatten() {
        out.clear();
        core.step(event, out, &mut NoProbe);
        black_box(out.outputs());
    }
}

fn bench(bencher: divan::Bencher<'_, '_>, scene: &Scene) {
    bencher
        .counter(ItemsCount::new(scene.batches.len()))
        .with_inputs(|| scene.core())
        .bench_local_refs(|(core, out)| pass(core, out, scene));
}

/// Frames that meet no other market.
#[divan::bench]
fn alone(bencher: divan::Bencher<'_, '_>) {
    bench(bencher, &Scene::alone(&Feed::coinbase()));
}

/// Frames of which about half are worth a trade.
#[divan::bench]
fn tuned(bencher: divan::Bencher<'_, '_>) {
    bench(bencher, &Scene::tuned(&Feed::coinbase()));
}
