//! Our engine, from a journal on: reader, unpacking, ring and core, on one thread.
//!
//! What `riptide replay --threads 1 JOURNAL` does per batch, without its clock readings and
//! histograms, which the peers do not have either. The journal's bytes lie in the page cache; reading
//! them, their checksums and their group's hash are in the time. A pass begins behind the snapshots
//! and before the first byte of the updates is read.

use std::rc::Rc;

use benches::frames::Feed;
use benches::journals::Taped;
use benches::scene::Scene;
use engine_core::market::world::Market;
use engine_core::{Core, NoProbe, Outbox};
use engine_journal::{Reader, batch};
use engine_model::{Event, Side};
use rtrb::{Consumer, Producer, RingBuffer};

use super::Recording;
use crate::turns::Work;

/// As in the replay: the largest book and its clear.
const RING_EVENTS: usize = 131_072 + 1_024;

pub(crate) struct RiptideSide {
    recording: Rc<Recording>,
    scene: Scene,
    taped: Taped,
    reader: Reader,
    unpacked: Vec<Event>,
    ring: (Producer<Event>, Consumer<Event>),
    core: Core,
    out: Outbox,
}

impl RiptideSide {
    /// Over the markets of this scene, of which the recording's come first.
    pub(crate) fn new(recording: &Rc<Recording>, scene: Scene) -> Self {
        let taped = Taped::new(&scene);
        let (core, out) = scene.core();
        Self {
            recording: Rc::clone(recording),
            reader: taped.reader(),
            taped,
            unpacked: Vec::new(),
            ring: RingBuffer::new(RING_EVENTS),
            core,
            out,
            scene,
        }
    }

    /// The recording against a still book for each of its markets, at the same price: every frame is
    /// compared in both directions, and none is worth a trade.
    pub(crate) fn comparing(recording: &Rc<Recording>, feed: &Feed) -> Self {
        Self::new(recording, Scene::apart(feed, 0))
    }

    fn frame(&mut self) {
        let record = self.reader.next_record().expect("readable").expect("a frame");
        batch::decode(record.payload, &mut self.unpacked).expect("a batch");
        let (producer, consumer) = &mut self.ring;
        producer.push_entire_slice(&self.unpacked).expect("an empty ring");
        let chunk = consumer.read_chunk(self.unpacked.len()).expect("just pushed");
        let (first, second) = chunk.as_slices();
        for event in first.iter().chain(second) {
            self.out.clear();
            self.core.step(event, &mut self.out, &mut NoProbe);
        }
        chunk.commit_all();
    }
}

impl Work for RiptideSide {
    fn prepare(&mut self, turn: usize) {
        if turn == 0 {
            (self.core, self.out) = self.scene.core();
            self.reader = self.taped.reader();
        }
    }

    fn run(&mut self, turn: usize) -> u64 {
        for _ in self.recording.turns[turn].clone() {
            self.frame();
        }
        let mut sum = 0_u64;
        for market in &self.core.markets()[..self.recording.markets.len()] {
            let Market::Book(book) = market else { panic!("the recording holds books only") };
            for level in [Side::Bid, Side::Ask].map(|side| book.book().best(side)) {
                sum = sum.wrapping_add(level.map_or(0, |level| level.price_ticks));
            }
        }
        sum
    }
}
