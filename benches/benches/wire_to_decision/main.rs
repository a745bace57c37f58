//! From a frame's bytes to a decision on two threads: decoded, through a ring, into the book, every
//! pair sized, and what is worth a trade taken through risk.
//!
//! The frames of four to six levels of the Coinbase recording, split by what the core makes of them,
//! beside the bare hand-off of the same batches and the decoder alone, all in one run (see
//! `benches::handoff`). A lane is a scene (see `benches::scene`): four with the other venue's prices
//! at a fixed distance, and one (`mixed`) where about half of the frames are worth a trade.
//! `wire_to_decision count LANE WHAT ROUNDS` does one lane's work on
//! one thread: under callgrind with `--toggle-collect='*counted*'` only frames of that kind count.
#![expect(clippy::print_stdout, reason = "a benchmark reports on standard output")]

use benches::frames::Feed;
use benches::handoff::{Lane, Plan, Times, measure, quantile};
use benches::scene::{Fate, Scene};
use benches::wire::{Blank, Decide, Decode, Discard};
use engine_model::Event;
use rtrb::{Consumer, Producer};

/// Frames in one turn: some tens of microseconds.
const TURN_ITEMS: usize = 40;
/// Passes over the recording.
const ROUNDS: usize = 41;
/// More than the largest update.
const RING_EVENTS: usize = 8_192;
/// What the way may take on top of the bare hand-off. Unit: nanoseconds.
const BAR_NS: u64 = 1_000;

/// What is told apart, and its name.
const KINDS: [(&str, Fate); 4] = [
    ("below", Fate::Below),
    ("approved", Fate::Approved),
    ("refused", Fate::Refused),
    ("other", Fate::Other),
];

/// Where the still books stand, and what that makes of the frames. Unit: parts per million of the
/// first best ask; the fees of both venues take 13,000, a trade leaves 1,000 besides.
const DISTANCES: [(&str, u64); 4] = [
    // Neither direction has an edge before costs.
    ("par", 0),
    // An edge, of which costs leave nothing.
    ("near-miss", 6_000),
    // Costs leave less than a trade is worth, at any size that the caps allow.
    ("thin", 13_800),
    // A trade.
    ("trade", 16_000),
];

fn main() {
    let feed = Feed::coinbase();
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if let ["count", lane, what, rounds, ..] = words.as_slice() {
        let rounds = rounds.parse().expect("a number of rounds");
        count(&feed, lane, what, rounds);
    } else {
        report(&feed);
    }
}

fn is_small(feed: &Feed, item: usize) -> bool {
    (4..=6).contains(&feed.updates[item].levels)
}

/// Every lane with its scene, or only that of this name; the first is the bare ring.
fn lanes(feed: &Feed, only: Option<&str>) -> Vec<(Lane, Scene)> {
    let alone = Scene::alone(feed);
    let lane = |name, front, back| Lane { name, front, back };
    let decided =
        |name, scene: &Scene| lane(name, Box::new(Decode::new(feed)), Box::new(Decide::new(scene)));
    let bare = lane("bare", Box::new(Blank::new(&alone)), Box::new(Discard));
    let decoded = lane("decoded", Box::new(Decode::new(feed)), Box::new(Discard));
    let booked = decided("booked", &alone);
    let mut lanes = vec![(bare, alone.clone()), (decoded, alone.clone()), (booked, alone)];
    let is_wanted = |name: &str| only.is_none_or(|only| only == name);
    for (name, above_ppm) in DISTANCES.into_iter().filter(|(name, _)| is_wanted(name)) {
        let scene = Scene::apart(feed, above_ppm);
        lanes.push((decided(name, &scene), scene));
    }
    if is_wanted("mixed") {
        let mixed = Scene::tuned(feed);
        lanes.push((decided("mixed", &mixed), mixed));
    }
    lanes
}

fn report(feed: &Feed) {
    let frames = feed.updates.len();
    let small = (0..frames).filter(|item| is_small(feed, *item)).count();
    println!("wire_to_decision: {frames} update frames, {small} of them of 4 to 6 levels");
    let plan = Plan::new(frames, TURN_ITEMS, ROUNDS, RING_EVENTS);
    let (lanes, scenes): (Vec<Lane>, Vec<Scene>) = lanes(feed, None).into_iter().unzip();
    let all = measure(lanes, &plan);
    println!("ns                   frames    median       p90       p99      p999  above bare");
    for (times, scene) in all.iter().zip(&scenes) {
        for (what, fate) in KINDS {
            let wanted = |item: usize| is_small(feed, item) && scene.fates[item] == fate;
            let count = (0..frames).filter(|item| wanted(*item)).count();
            if count == 0 {
                continue;
            }
            let bare = quantile(&all[0].sorted_ns(wanted), 500);
            let above = line(times, what, count, wanted).saturating_sub(bare);
            let word = match (fate, above <= BAR_NS) {
                (Fate::Below, true) => "reached",
                (Fate::Below, false) => "MISSED",
                (Fate::Approved | Fate::Refused | Fate::Other, _) => "",
            };
            println!("{above:>12} {word}");
        }
    }
}

/// Prints one line of the table, without its end; its median.
fn line(times: &Times, what: &str, count: usize, wanted: impl Fn(usize) -> bool) -> u64 {
    let sorted = times.sorted_ns(wanted);
    let [median, p90, p99, p999] =
        [500, 900, 990, 999].map(|per_mille| quantile(&sorted, per_mille));
    print!("{:<10}{what:<10}{count:>7}{median:>10}{p90:>10}{p99:>10}{p999:>10}", times.name);
    median
}

/// One lane's work on this thread; prints the frames that went through [`counted`].
fn count(feed: &Feed, name: &str, what: &str, rounds: usize) {
    let mut lanes = lanes(feed, Some(name)).into_iter();
    let (mut lane, scene) = lanes.find(|(lane, _)| lane.name == name).expect("a lane");
    let wanted = KINDS.iter().find(|(name, _)| *name == what).map(|(_, fate)| *fate);
    let (mut producer, mut consumer) = rtrb::RingBuffer::new(RING_EVENTS);
    let mut frames = 0;
    for _ in 0..rounds {
        lane.front.prepare(0);
        lane.back.prepare(0);
        for item in 0..scene.batches.len() {
            let is_of_fate = wanted.is_none_or(|fate| scene.fates[item] == fate);
            if is_small(feed, item) && is_of_fate {
                counted(&mut lane, item, &mut producer, &mut consumer);
                frames += 1;
            } else {
                pass(&mut lane, item, &mut producer, &mut consumer);
            }
        }
    }
    println!("{frames}");
}

/// The frame whose calls callgrind collects.
#[inline(never)]
fn counted(
    lane: &mut Lane,
    item: usize,
    producer: &mut Producer<Event>,
    consumer: &mut Consumer<Event>,
) {
    lane.front.hand_over(item, producer);
    assert!(lane.back.take(item, consumer), "a whole batch was handed over");
}

/// The same, uncounted.
#[inline(never)]
fn pass(
    lane: &mut Lane,
    item: usize,
    producer: &mut Producer<Event>,
    consumer: &mut Consumer<Event>,
) {
    lane.front.hand_over(item, producer);
    assert!(lane.back.take(item, consumer), "the batch was handed over whole");
}
