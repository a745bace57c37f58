//! The ends of the way from a frame's bytes to a decision, for [`crate::handoff`].
//!
//! In front of the ring the decoder, behind it the core, as the engine has them: a frame is decoded
//! into the sink and pushed as one chunk, the core steps every event of the chunk and is done when
//! it has taken the frame's last.

use connector_net::Sink;
use engine_core::{Core, NoProbe, Outbox};
use engine_model::{Body, Event, Flags, Venue};
use rtrb::{Consumer, Producer};

use crate::frames::{Feed, Ours};
use crate::handoff::{Back, Front, take_batches};
use crate::scene::Scene;

/// Decodes the update frame.
pub struct Decode {
    feed: Feed,
    /// Every snapshot read.
    start: Ours,
    decoder: Ours,
    out: Sink,
}

impl Decode {
    /// A decoder of this connection.
    #[must_use]
    pub fn new(feed: &Feed) -> Self {
        let start = feed.decoder_after_snapshots();
        Self { feed: feed.clone(), decoder: start.clone(), start, out: Sink::default() }
    }
}

impl Front for Decode {
    fn prepare(&mut self, turn: usize) {
        if turn == 0 {
            self.decoder = self.start.clone();
        }
    }

    fn hand_over(&mut self, item: usize, ring: &mut Producer<Event>) {
        self.out.clear();
        self.decoder.decode(&self.feed.updates[item], &mut self.out);
        ring.push_entire_slice(&self.out.events).expect("one batch under way");
    }
}

/// Hands over as many events as the frame has, without looking at it: the ring alone.
pub struct Blank {
    sizes: Vec<usize>,
    events: Vec<Event>,
}

impl Blank {
    /// Batches as large as the scene's.
    ///
    /// # Panics
    ///
    /// Never.
    #[must_use]
    pub fn new(scene: &Scene) -> Self {
        let sizes: Vec<usize> = scene.batches.iter().map(Vec::len).collect();
        let blank = Event {
            recv_ns: 1,
            venue_ns: 0,
            seq: 0,
            market: Event::NO_MARKET,
            venue: Venue::Coinbase,
            flags: Flags(0),
            body: Body::Timer,
        };
        let mut events = vec![blank; sizes.iter().copied().max().unwrap_or(0)];
        if let Some(last) = events.last_mut() {
            last.flags = Flags(Flags::END_OF_BATCH);
        }
        Self { sizes, events }
    }
}

impl Front for Blank {
    fn hand_over(&mut self, item: usize, ring: &mut Producer<Event>) {
        let from = self.events.len() - self.sizes[item];
        let batch = std::hint::black_box(&self.events[from..]);
        ring.push_entire_slice(batch).expect("one batch under way");
    }
}

/// Reads the batch and is done.
#[derive(Clone, Copy, Debug, Default)]
pub struct Discard;

impl Back for Discard {
    fn take(&mut self, _item: usize, ring: &mut Consumer<Event>) -> bool {
        take_batches(ring, |event| {
            std::hint::black_box(event);
        })
    }
}

/// The core: done when every event of the frame has been stepped and its outputs are there.
pub struct Decide {
    scene: Scene,
    core: Core,
    out: Outbox,
}

impl Decide {
    /// A core of this scene.
    #[must_use]
    pub fn new(scene: &Scene) -> Self {
        let (core, out) = scene.core();
        Self { scene: scene.clone(), core, out }
    }
}

impl Back for Decide {
    fn prepare(&mut self, turn: usize) {
        if turn == 0 {
            (self.core, self.out) = self.scene.core();
        }
    }

    fn take(&mut self, _item: usize, ring: &mut Consumer<Event>) -> bool {
        let (core, out) = (&mut self.core, &mut self.out);
        take_batches(ring, |event| {
            out.clear();
            core.step(event, out, &mut NoProbe);
            std::hint::black_box(out.outputs());
        })
    }
}
