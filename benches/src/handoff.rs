//! How long an item takes from one pinned thread, through a ring, to another.
//!
//! A [`Lane`] is what the two threads do: its [`Front`] turns an item (a frame, or a batch made
//! beforehand) into events and writes them into the ring, its [`Back`] takes them out and is done
//! with the item at a moment of its own choosing: when the batch is read, or when a decision stands.
//! A sample is the time from just before the front begins to just after the back is done. The bare
//! ring ([`bare`]) is a lane whose ends do nothing else; what another lane takes on top of it is the
//! work of its ends.
//!
//! # Order
//!
//! All lanes take the same turn one after the other in changing order, on the same two threads, so
//! that whatever disturbs the machine disturbs all of them. Both threads know the schedule; nothing
//! tells them which lane comes next.
//!
//! # Waiting
//!
//! Both threads spin and never sleep or yield, with a spin-loop hint between two looks, so each needs
//! a core of its own: front on the first, back on the second that the process may use. One item is
//! under way at a time: the front begins with the next when the back has said, through one shared
//! counter, that it is done with the last. The back therefore already waits when an item comes, and
//! no sample contains waiting for room or behind other items.
//!
//! # Clock
//!
//! [`Instant`], which both cores read from one counter. A sample contains about one reading of it,
//! the same in every lane. Where the back's clock were behind the front's, the sample would be 0.

use std::hint::{black_box, spin_loop};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use engine_model::{Body, Event, Flags, Venue};
use rtrb::{Consumer, Producer, RingBuffer};

/// The end in front of the ring: a decoder, or what takes its place.
pub trait Front: Send {
    /// Before a turn, unmeasured: brings the state to where the turn begins.
    fn prepare(&mut self, turn: usize) {
        let _ = turn;
    }

    /// Writes the events of one item into the ring; it has room for them.
    fn hand_over(&mut self, item: usize, ring: &mut Producer<Event>);
}

/// The end behind the ring: the core, or what takes its place.
pub trait Back: Send {
    /// Before a turn, unmeasured: brings the state to where the turn begins.
    fn prepare(&mut self, turn: usize) {
        let _ = turn;
    }

    /// Takes what the ring holds of the item, perhaps nothing yet; whether the item is done.
    fn take(&mut self, item: usize, ring: &mut Consumer<Event>) -> bool;
}

/// One side of a comparison.
pub struct Lane {
    /// For the report.
    pub name: &'static str,
    /// In front of the ring.
    pub front: Box<dyn Front>,
    /// Behind it.
    pub back: Box<dyn Back>,
}

/// Which items, how often, through which ring.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Items in turns, in order. They stand for tens of microseconds each: in longer turns a busy
    /// machine interrupts the slower lane only.
    pub turns: Vec<Range<usize>>,
    /// How often all turns are taken.
    pub rounds: usize,
    /// Capacity of each lane's ring. Unit: events.
    pub ring_events: usize,
}

impl Plan {
    /// `items` items in turns of `turn_items`, the last one perhaps shorter.
    #[must_use]
    pub fn new(items: usize, turn_items: usize, rounds: usize, ring_events: usize) -> Self {
        let starts = (0..items).step_by(turn_items);
        let turns = starts.map(|start| start..items.min(start + turn_items)).collect();
        Self { turns, rounds, ring_events }
    }

    /// Calls `each` with lane and turn, in the order of the measurement. Rotated, and backwards every
    /// other round: nobody always follows the same lane.
    fn for_each(&self, lanes: usize, mut each: impl FnMut(usize, usize)) {
        for round in 0..self.rounds {
            for turn in 0..self.turns.len() {
                for place in 0..lanes {
                    let place = if round % 2 == 0 { place } else { lanes - 1 - place };
                    each((place + round / 2 + turn) % lanes, turn);
                }
            }
        }
    }

    fn samples(&self) -> usize {
        self.rounds * self.turns.iter().map(ExactSizeIterator::len).sum::<usize>()
    }
}

/// One lane's samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Times {
    /// The lane.
    pub name: &'static str,
    /// Item and its time in nanoseconds, in the order of measurement.
    pub samples: Vec<(usize, u64)>,
}

impl Times {
    /// The times of the items that `wanted` picks, sorted. Unit: nanoseconds.
    #[must_use]
    pub fn sorted_ns(&self, wanted: impl Fn(usize) -> bool) -> Vec<u64> {
        let of_wanted = self.samples.iter().filter(|(item, _)| wanted(*item));
        let mut times: Vec<u64> = of_wanted.map(|(_, ns)| *ns).collect();
        times.sort_unstable();
        times
    }
}

/// The value below which `per_mille` of a thousand of the sorted values lie; the lower neighbour,
/// and 0 of no values.
#[must_use]
pub fn quantile(sorted: &[u64], per_mille: usize) -> u64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get(last * per_mille / 1_000).copied().unwrap_or(0)
}

/// Measures all lanes in one run, on two threads; their samples in the lanes' order.
///
/// # Panics
///
/// Where the process may use fewer than two cores, a thread cannot be pinned, or an end panics.
#[must_use]
pub fn measure(lanes: Vec<Lane>, plan: &Plan) -> Vec<Times> {
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    let [front_core, back_core, ..] = cores[..] else {
        panic!("two spinning threads need two cores, here are {}", cores.len());
    };
    let names: Vec<&'static str> = lanes.iter().map(|lane| lane.name).collect();
    let (mut fronts, mut backs) = (Vec::new(), Vec::new());
    for lane in lanes {
        let (mut producer, mut consumer) = RingBuffer::new(plan.ring_events);
        touch(&mut producer, &mut consumer);
        fronts.push((lane.front, producer));
        backs.push((lane.back, consumer));
    }
    // Turns that the back has prepared and items that it has done, in one count.
    let done = Counter::default();
    let (begins, ends) = std::thread::scope(|scope| {
        let back = scope.spawn(|| {
            assert!(core_affinity::set_for_current(back_core), "the back is pinned");
            run_back(backs, plan, &done)
        });
        let front = scope.spawn(|| {
            assert!(core_affinity::set_for_current(front_core), "the front is pinned");
            run_front(fronts, plan, &done)
        });
        (front.join().expect("the front's own panic"), back.join().expect("the back's own panic"))
    });
    let lanes = names.into_iter().zip(begins.into_iter().zip(ends));
    lanes.map(|(name, (begins, ends))| times(name, &begins, &ends)).collect()
}

/// Any event.
const BLANK: Event = Event {
    recv_ns: 1,
    venue_ns: 0,
    seq: 0,
    market: Event::NO_MARKET,
    venue: Venue::Coinbase,
    flags: Flags(0),
    body: Body::Timer,
};

/// Writes every slot once, so that no sample contains the first touch of a page.
fn touch(producer: &mut Producer<Event>, consumer: &mut Consumer<Event>) {
    while producer.push(BLANK).is_ok() {}
    while consumer.pop().is_ok() {}
}

/// Alone on its cache lines: nothing else that is written moves with it.
#[derive(Default)]
#[repr(align(128))]
struct Counter(AtomicU64);

/// Times by lane: the item, and when it began or ended.
type Stamps = Vec<Vec<(usize, Instant)>>;

fn stamps(lanes: usize, plan: &Plan) -> Stamps {
    (0..lanes).map(|_| Vec::with_capacity(plan.samples())).collect()
}

fn run_front(
    mut lanes: Vec<(Box<dyn Front>, Producer<Event>)>,
    plan: &Plan,
    done: &Counter,
) -> Stamps {
    let mut begins = stamps(lanes.len(), plan);
    let mut awaited = 0;
    plan.for_each(lanes.len(), |lane, turn| {
        let (front, ring) = &mut lanes[lane];
        front.prepare(turn);
        for item in plan.turns[turn].clone() {
            awaited += 1;
            while done.0.load(Ordering::Acquire) < awaited {
                assert!(!ring.is_abandoned(), "the back is gone");
                spin_loop();
            }
            let begin = Instant::now();
            front.hand_over(item, ring);
            begins[lane].push((item, begin));
        }
        awaited += 1;
    });
    begins
}

fn run_back(
    mut lanes: Vec<(Box<dyn Back>, Consumer<Event>)>,
    plan: &Plan,
    done: &Counter,
) -> Stamps {
    let mut ends = stamps(lanes.len(), plan);
    let mut count = 0;
    plan.for_each(lanes.len(), |lane, turn| {
        let (back, ring) = &mut lanes[lane];
        back.prepare(turn);
        count += 1;
        done.0.store(count, Ordering::Release);
        for item in plan.turns[turn].clone() {
            while !back.take(item, ring) {
                assert!(!ring.is_abandoned() || !ring.is_empty(), "the front is gone");
                spin_loop();
            }
            ends[lane].push((item, Instant::now()));
            count += 1;
            done.0.store(count, Ordering::Release);
        }
    });
    ends
}

fn times(name: &'static str, begins: &[(usize, Instant)], ends: &[(usize, Instant)]) -> Times {
    assert_eq!(begins.len(), ends.len(), "{name}: every item began and ended");
    let sample = |(begin, end): (&(usize, Instant), &(usize, Instant))| {
        assert_eq!(begin.0, end.0, "{name}: both threads follow one schedule");
        let ns = end.1.saturating_duration_since(begin.1).as_nanos();
        (begin.0, u64::try_from(ns).unwrap_or(u64::MAX))
    };
    Times { name, samples: begins.iter().zip(ends).map(sample).collect() }
}

/// The ring alone: each item is the same batch of `events` events, written as one chunk and read as
/// one.
#[must_use]
pub fn bare(name: &'static str, events: usize) -> Lane {
    let mut batch = vec![BLANK; events];
    if let Some(last) = batch.last_mut() {
        last.flags = Flags(Flags::END_OF_BATCH);
    }
    Lane { name, front: Box::new(BareFront { batch }), back: Box::new(BareBack) }
}

struct BareFront {
    batch: Vec<Event>,
}

impl Front for BareFront {
    fn hand_over(&mut self, _item: usize, ring: &mut Producer<Event>) {
        ring.push_entire_slice(black_box(&self.batch)).expect("one batch under way");
    }
}

struct BareBack;

impl Back for BareBack {
    fn take(&mut self, _item: usize, ring: &mut Consumer<Event>) -> bool {
        take_batches(ring, |event| {
            black_box(event);
        })
    }
}

/// Takes all that the ring holds; whether the last event taken ended a batch.
pub fn take_batches(ring: &mut Consumer<Event>, mut each: impl FnMut(&Event)) -> bool {
    let Ok(chunk) = ring.read_chunk(ring.slots()) else {
        return false;
    };
    let (first, second) = chunk.as_slices();
    let mut ended = false;
    for event in first.iter().chain(second) {
        each(event);
        ended = event.ends_batch();
    }
    chunk.commit_all();
    ended
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::print_stdout, reason = "a test that is skipped says why")]
    fn every_item_of_every_lane_is_sampled_in_every_round() {
        if core_affinity::get_core_ids().unwrap_or_default().len() < 2 {
            println!("skipped: two spinning threads need two cores");
            return;
        }
        let plan = Plan::new(7, 3, 4, 8);
        let all = measure(vec![bare("one", 1), bare("five", 5)], &plan);
        assert_eq!(all.iter().map(|times| times.name).collect::<Vec<_>>(), ["one", "five"]);
        for times in &all {
            let items: Vec<usize> = times.samples.iter().map(|(item, _)| *item).collect();
            assert_eq!(items, [0, 1, 2, 3, 4, 5, 6].repeat(4), "{}", times.name);
            assert_eq!(times.sorted_ns(|item| item == 6).len(), 4);
            assert!(times.sorted_ns(|_| true).is_sorted());
        }
    }

    #[test]
    fn the_schedule_visits_each_lane_once_per_turn_and_none_always_first() {
        let plan = Plan::new(5, 2, 4, 1);
        let mut visits = Vec::new();
        plan.for_each(3, |lane, turn| visits.push((lane, turn)));
        assert_eq!(visits.len(), 4 * 3 * 3);
        let mut first = [0; 3];
        for turn in visits.chunks(3) {
            let mut lanes: Vec<usize> = turn.iter().map(|(lane, _)| *lane).collect();
            first[lanes[0]] += 1;
            lanes.sort_unstable();
            assert_eq!(lanes, [0, 1, 2]);
            assert!(turn.iter().all(|(_, at)| *at == turn[0].1));
        }
        assert!(first.iter().all(|count| *count > 0), "{first:?}");
    }

    #[test]
    fn a_quantile_is_a_value_that_was_measured() {
        let sorted: Vec<u64> = (1..=101).collect();
        for (per_mille, value) in [(0, 1), (500, 51), (990, 100), (1_000, 101)] {
            assert_eq!(quantile(&sorted, per_mille), value, "{per_mille}");
        }
        assert_eq!(quantile(&[], 500), 0);
        assert_eq!(quantile(&[7], 990), 7);
    }

    #[test]
    fn batches_are_taken_whole_across_the_rings_end() {
        let (mut producer, mut consumer) = RingBuffer::new(7);
        let mut lane = bare("five", 5);
        assert!(!take_batches(&mut consumer, |_| panic!("nothing is there")));
        for _ in 0..9 {
            lane.front.hand_over(0, &mut producer);
            let mut count = 0;
            assert!(take_batches(&mut consumer, |_| count += 1));
            assert_eq!(count, 5);
        }
    }
}
