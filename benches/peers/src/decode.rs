//! Recorded frames to identical events: our decoders against typed ones on two JSON libraries.

use std::marker::PhantomData;
use std::rc::Rc;

use benches::frames::{Feed, Frame, Ours};
use connector_net::Sink;

use crate::turns::{Item, Target, Work};
use crate::typed::{Format, SerdeJson, SonicRs, Typed};

/// Update frames in one turn.
const FRAMES: usize = 40;

/// Frames in turns, and how decoding begins.
struct Job {
    feed: Feed,
    frames: Vec<Frame>,
    turns: Vec<std::ops::Range<usize>>,
    /// Our decoder before the first frame.
    fresh: Ours,
    /// Sequence number of the first frame.
    first_seq: u64,
}

impl Job {
    fn updates(feed: Feed) -> Rc<Self> {
        let frames = feed.updates.clone();
        let starts = (0..frames.len()).step_by(FRAMES);
        let turns = starts.map(|start| start..frames.len().min(start + FRAMES)).collect();
        let fresh = feed.decoder_after_snapshots();
        let first_seq = feed.snapshots.len() as u64;
        Rc::new(Self { feed, frames, turns, fresh, first_seq })
    }

    fn snapshots(feed: Feed) -> Rc<Self> {
        let frames = feed.snapshots.clone();
        let turns = (0..frames.len()).map(|start| start..start + 1).collect();
        let fresh = feed.decoder();
        Rc::new(Self { feed, frames, turns, fresh, first_seq: 0 })
    }
}

/// Our decoder. It goes on from turn to turn, and begins anew with the first.
struct OurSide {
    job: Rc<Job>,
    decoder: Ours,
    out: Sink,
}

impl Work for OurSide {
    fn prepare(&mut self, turn: usize) {
        if turn == 0 {
            self.decoder = self.job.fresh.clone();
        }
    }

    fn run(&mut self, turn: usize) -> u64 {
        let mut events = 0;
        for frame in &self.job.frames[self.job.turns[turn].clone()] {
            self.out.clear();
            self.decoder.decode(frame, &mut self.out);
            events += self.out.events.len() as u64;
        }
        events
    }
}

struct TypedSide<F> {
    job: Rc<Job>,
    decoder: Typed,
    out: Sink,
    format: PhantomData<F>,
}

impl<F: Format> TypedSide<F> {
    fn new(job: &Rc<Job>) -> Self {
        let decoder = Typed::new(&job.feed, job.first_seq);
        Self { job: Rc::clone(job), decoder, out: Sink::default(), format: PhantomData }
    }
}

impl<F: Format> Work for TypedSide<F> {
    fn prepare(&mut self, turn: usize) {
        if turn == 0 {
            self.decoder.expect(self.job.first_seq);
        }
    }

    fn run(&mut self, turn: usize) -> u64 {
        let mut events = 0;
        for frame in &self.job.frames[self.job.turns[turn].clone()] {
            self.out.clear();
            let read = self.decoder.decode::<F>(frame, &mut self.out);
            assert!(read.is_some(), "line {}", frame.line);
            events += self.out.events.len() as u64;
        }
        events
    }
}

/// Every side gives the same batches on every frame.
fn prove(job: &Rc<Job>) {
    let mut ours = job.fresh.clone();
    let (mut serde, mut sonic) = (TypedSide::<SerdeJson>::new(job), TypedSide::<SonicRs>::new(job));
    let mut out = Sink::default();
    for frame in &job.frames {
        for sink in [&mut out, &mut serde.out, &mut sonic.out] {
            sink.clear();
        }
        ours.decode(frame, &mut out);
        let read = serde.decoder.decode::<SerdeJson>(frame, &mut serde.out);
        assert!(read.is_some(), "serde_json, line {}", frame.line);
        let read = sonic.decoder.decode::<SonicRs>(frame, &mut sonic.out);
        assert!(read.is_some(), "sonic-rs, line {}", frame.line);
        assert!(!out.events.is_empty(), "line {}", frame.line);
        assert_eq!(out.events, serde.out.events, "line {}", frame.line);
        assert_eq!(out.events, sonic.out.events, "line {}", frame.line);
        assert_eq!(out.batches, serde.out.batches, "line {}", frame.line);
        assert_eq!(out.batches, sonic.out.batches, "line {}", frame.line);
    }
}

fn item(job: &Rc<Job>, unit: &'static str, turn_units: Vec<usize>, least: [f64; 2]) -> Item {
    prove(job);
    let ours = OurSide { job: Rc::clone(job), decoder: job.fresh.clone(), out: Sink::default() };
    let levels: usize = job.frames.iter().map(|frame| frame.levels).sum();
    let bytes: usize = job.frames.iter().map(|frame| frame.text.len()).sum();
    let frames = job.frames.len();
    Item {
        unit,
        turn_units,
        sides: vec![
            ("ours", Box::new(ours)),
            ("sonic-rs", Box::new(TypedSide::<SonicRs>::new(job))),
            ("serde_json", Box::new(TypedSide::<SerdeJson>::new(job))),
        ],
        targets: vec![
            Target { peer: "sonic-rs", at_least: least[0] },
            Target { peer: "serde_json", at_least: least[1] },
        ],
        less: None,
        notes: vec![format!("{frames} frames, {levels} levels, {bytes} bytes; events equal")],
    }
}

fn updates(feed: Feed) -> Item {
    let (fast, typed) = (feed.counts.fast, feed.counts.typed);
    let job = Job::updates(feed);
    let turn_units = job.turns.iter().map(ExactSizeIterator::len).collect();
    let mut item = item(&job, "frame", turn_units, [2.0, 3.2]);
    item.notes
        .push(format!("fast path: {fast} of the whole recording's {} update frames", fast + typed));
    assert!(fast * 100 >= (fast + typed) * 99, "the fast path takes 99 % of the update frames");
    item
}

fn snapshots(feed: Feed) -> Item {
    let job = Job::snapshots(feed);
    let turn_units = job.frames.iter().map(|frame| frame.levels).collect();
    item(&job, "level", turn_units, [1.4, 3.0])
}

pub(crate) fn coinbase_updates() -> Item {
    updates(Feed::coinbase())
}

pub(crate) fn gemini_updates() -> Item {
    updates(Feed::gemini())
}

pub(crate) fn coinbase_snapshots() -> Item {
    snapshots(Feed::coinbase())
}

pub(crate) fn gemini_snapshots() -> Item {
    snapshots(Feed::gemini())
}
