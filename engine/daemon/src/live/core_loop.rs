//! The core's thread, live: takes what the readers hand on, in the order of receive times, and steps.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use connector_link::Clock;
use connector_link::clock::wall_ns;
use connector_link::outlet::Control;
use engine_core::market::book::BookState;
use engine_core::market::world::Market;
use engine_model::{Body, Command, DoubtReason, Event, Flags, MarketId, Venue};
use engine_telemetry::{Stage, StageHistograms};
use tokio::sync::mpsc;

use super::latency::Intervals;
use super::machine::{Machine, Stated};
use super::reload::Reload;
use super::ring::{LiveHead, LivePort};
use crate::journal::recorder::{Recorder, WriterGone};
use crate::journal::writer::Durable;
use crate::replay::drive::{CannotGoOn, Driver};

/// How often the core is told what the wall clock shows. Unit: nanoseconds.
const CLOCK_EVERY_NS: u64 = 1_000_000_000;
/// How often the core's books are looked over. Unit: nanoseconds.
const WATCH_EVERY_NS: u64 = 50_000_000;
/// A book that the core alone finds wrong this long is asked for anew. Unit: nanoseconds.
const MEND_AFTER_NS: u64 = 250_000_000;
/// And not again within. Unit: nanoseconds.
const MEND_AGAIN_NS: u64 = 5_000_000_000;
/// Batches taken in one go before time is looked at.
const BURST: usize = 256;

/// Histograms of one run: those of the core, and those of each venue's way to it.
#[derive(Clone, Debug, Default)]
pub struct Latencies {
    /// Book, quote, signal, risk: all venues.
    pub core: StageHistograms,
    /// Decode, ring, step and wire, by venue.
    pub venues: [StageHistograms; Venue::ALL.len()],
}

impl Latencies {
    /// Adds another's measurements to these.
    pub fn merge(&mut self, other: &Self) {
        self.core.merge(&other.core);
        for (mine, theirs) in self.venues.iter_mut().zip(&other.venues) {
            mine.merge(theirs);
        }
    }

    /// Forgets every measurement, keeps the memory.
    pub fn clear(&mut self) {
        self.core.clear();
        self.venues.iter_mut().for_each(StageHistograms::clear);
    }
}

/// Sees what the core's thread does. It runs on that thread: it must be quick.
pub trait Observer {
    /// A batch was stepped; `done_ns` is when. Unit: Unix nanoseconds.
    fn stepped(&mut self, head: &LiveHead, done_ns: u64) {
        let _ = (head, done_ns);
    }

    /// About every 50 ms.
    fn look(&mut self, driver: &Driver, latencies: &Latencies, now_ns: u64) {
        let _ = (driver, latencies, now_ns);
    }
}

/// Nobody looks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unseen;

impl Observer for Unseen {}

/// Where requests to mend a market go.
pub struct Mender {
    /// By market: the link that carries it.
    pub links: Vec<Option<usize>>,
    /// By link.
    pub controls: Vec<mpsc::Sender<Control>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Wrong {
    since_ns: u64,
    asked_ns: u64,
}

/// The core, its input and its journal.
pub struct CoreLoop {
    driver: Driver,
    ports: Vec<LivePort>,
    clock: Clock,
    /// Histograms of this interval.
    latencies: Box<Latencies>,
    intervals: Option<Intervals>,
    machine: Machine,
    observer: Box<dyn Observer + Send>,
    mender: Mender,
    wrong: Vec<Wrong>,
    clock_ns: u64,
    watch_ns: u64,
    stop_input: Arc<AtomicBool>,
    failed: Option<WriterGone>,
    /// A step has panicked: what it left behind is not to be used.
    is_broken: bool,
    /// Requests to mend that found the link's channel full.
    pub mends_refused: u64,
}

impl CoreLoop {
    /// A loop over these rings.
    #[must_use]
    pub fn new(
        driver: Driver,
        ports: Vec<LivePort>,
        clock: Clock,
        mender: Mender,
        observer: Box<dyn Observer + Send>,
        durable: Durable,
    ) -> Self {
        let markets = driver.core().markets().len();
        let limits = driver.core().desk().settings().limits;
        Self {
            driver,
            ports,
            clock,
            latencies: Box::default(),
            intervals: None,
            machine: Machine::new(limits, durable),
            observer,
            mender,
            wrong: vec![Wrong::default(); markets],
            clock_ns: 0,
            watch_ns: 0,
            stop_input: Arc::new(AtomicBool::new(false)),
            failed: None,
            is_broken: false,
            mends_refused: 0,
        }
    }

    /// A step has panicked: nothing is taken, said or ended any more.
    pub const fn break_down(&mut self) {
        self.is_broken = true;
        self.failed = Some(WriterGone);
    }

    /// Whether a step has panicked.
    #[must_use]
    pub const fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// Whether what is decided can still be recorded. Where not, nothing is taken any more.
    #[must_use]
    pub const fn is_recorded(&self) -> bool {
        self.failed.is_none()
    }

    /// The driver, to look at.
    #[must_use]
    pub const fn driver(&self) -> &Driver {
        &self.driver
    }

    /// Input is left where it is while this is set: a test of what happens when the core is slow.
    #[must_use]
    pub fn pausable(mut self, flag: Arc<AtomicBool>) -> Self {
        self.stop_input = flag;
        self
    }

    /// Hands latencies over at intervals.
    #[must_use]
    pub fn measured(mut self, intervals: Intervals) -> Self {
        self.intervals = Some(intervals);
        self
    }

    /// Trades that are under way.
    #[must_use]
    pub fn open_trades(&self) -> usize {
        self.driver.core().desk().trades().count()
    }

    /// As [`CoreLoop::say`], at this moment.
    pub fn say_now(&mut self, body: Body) {
        self.say(self.clock.now_ns(), body);
    }

    /// Takes what waits, in the order of receive times, up to a burst. False: nothing waited.
    #[inline]
    pub fn drain(&mut self) -> bool {
        let mut any = false;
        for _ in 0..BURST {
            if !self.take_one() {
                return any;
            }
            any = true;
        }
        any
    }

    fn take_one(&mut self) -> bool {
        if self.failed.is_some() || self.stop_input.load(Ordering::Relaxed) {
            return false;
        }
        let mut earliest: Option<(usize, LiveHead)> = None;
        for (number, port) in self.ports.iter_mut().enumerate() {
            if let Some(head) = port.head()
                && earliest.is_none_or(|(_, known)| head.recv_ns < known.recv_ns)
            {
                earliest = Some((number, head));
            }
        }
        let Some((number, head)) = earliest else { return false };
        let taken_ns = self.clock.now_ns();
        let driver = &mut self.driver;
        let mut gap = None;
        let stepped = self.ports[number].take(&head, |first, second| {
            if let [Event { body: Body::Gap { batches, .. }, .. }] = first {
                gap = Some(*batches);
            }
            driver.batch(first, second)
        });
        if let Some(batches) = gap {
            self.machine.lost(head.venue, batches);
        }
        let done_ns = self.clock.now_ns();
        if let Err(gone) = stepped {
            self.failed = Some(gone);
            return false;
        }
        let waited_ns = taken_ns.saturating_sub(head.sent_ns);
        self.machine.stepped(waited_ns, done_ns.saturating_sub(taken_ns));
        let venue = &mut self.latencies.venues[head.venue as usize];
        venue.record(Stage::Decode, head.sent_ns.saturating_sub(head.recv_ns));
        venue.record(Stage::Ring, waited_ns);
        venue.record(Stage::Step, done_ns.saturating_sub(taken_ns));
        venue.record(Stage::Wire, done_ns.saturating_sub(head.recv_ns));
        self.driver.note_stages(&mut self.latencies.core);
        self.observer.stepped(&head, done_ns);
        true
    }

    /// Time passes: timers that are due fire, the wall clock is told, books are looked over.
    pub fn time(&mut self) {
        if self.failed.is_some() || self.stop_input.load(Ordering::Relaxed) {
            return;
        }
        let now_ns = self.clock.now_ns();
        if now_ns >= self.clock_ns {
            self.clock_ns = now_ns.saturating_add(CLOCK_EVERY_NS);
            // In a campaign that runs faster than the machine's time, the wall clock does too.
            let wall_ns = if self.clock.scale() == 1 { wall_ns() } else { now_ns };
            self.say(now_ns, Body::Clock { wall_ns });
        }
        if let Err(gone) = self.driver.tick(now_ns) {
            self.failed = Some(gone);
        }
        if now_ns >= self.watch_ns {
            self.watch_ns = now_ns.saturating_add(WATCH_EVERY_NS);
            self.watch(now_ns);
            self.measure(now_ns);
            self.observer.look(&self.driver, &self.latencies, now_ns);
            if let Some(intervals) = &mut self.intervals {
                intervals.due(now_ns, &mut self.latencies);
            }
        }
    }

    /// An operator's command, at its place in the order.
    pub fn command(&mut self, command: Command) {
        self.say(self.clock.now_ns(), Body::Command(command));
    }

    /// Something that the daemon itself has to say.
    pub fn say(&mut self, now_ns: u64, body: Body) {
        self.say_of(Venue::Coinbase, now_ns, body);
    }

    fn say_of(&mut self, venue: Venue, now_ns: u64, body: Body) {
        let event = Event {
            recv_ns: now_ns,
            venue_ns: 0,
            seq: 0,
            market: Event::NO_MARKET,
            venue,
            flags: Flags(Flags::END_OF_BATCH),
            body,
        };
        if self.failed.is_none()
            && let Err(gone) = self.driver.batch(&[event], &[])
        {
            self.failed = Some(gone);
        }
    }

    /// Books that the core alone finds wrong: their readers take them for good, and are told.
    fn watch(&mut self, now_ns: u64) {
        let suspects: Vec<MarketId> = self.driver.suspects().collect();
        for market in suspects {
            self.ask(market);
        }
        for index in 0..self.wrong.len() {
            let is_wrong = match &self.driver.core().markets()[index] {
                Market::Book(book) => {
                    matches!(book.state(), BookState::Doubt(reason) if is_own(reason))
                }
                Market::Pool(_) => false,
            };
            let wrong = &mut self.wrong[index];
            if !is_wrong {
                wrong.since_ns = 0;
                continue;
            }
            if wrong.since_ns == 0 {
                wrong.since_ns = now_ns;
            }
            let is_due = now_ns.saturating_sub(wrong.since_ns) >= MEND_AFTER_NS
                && (wrong.asked_ns == 0 || now_ns.saturating_sub(wrong.asked_ns) >= MEND_AGAIN_NS);
            if !is_due {
                continue;
            }
            wrong.asked_ns = now_ns;
            let market = MarketId(u16::try_from(index).unwrap_or(u16::MAX));
            self.ask(market);
        }
    }

    /// Ends the run and goes on with the next in place, and answers whether it did.
    pub fn reload(&mut self, reload: Reload) {
        let Reload { begin, anchor_daily, answer } = reload;
        let limits = begin.settings.limits;
        let done = match self.failed {
            Some(gone) => Err(gone.into()),
            None => self.driver.reconfigure(begin, anchor_daily).map(drop),
        };
        match &done {
            Ok(()) => self.machine.renew(limits),
            Err(CannotGoOn::WriterGone) => self.failed = Some(WriterGone),
            Err(CannotGoOn::InBatch | CannotGoOn::Tables(_) | CannotGoOn::State(_)) => (),
        }
        // Whoever asked may have gone.
        let _ = answer.try_send(done);
    }

    /// States what was measured of the machine, where the core needs to know.
    fn measure(&mut self, now_ns: u64) {
        self.machine.mark(self.driver.core().seq(), now_ns);
        let backlog_ppm = self.driver.recorder().map_or(0, Recorder::backlog_ppm);
        let is_halted = self.driver.core().desk().halts().iter().next().is_some();
        for Stated { venue, fault, value } in self.machine.due(now_ns, backlog_ppm, is_halted) {
            self.say_of(venue, now_ns, Body::Engine { fault, value });
        }
    }

    /// What is free of the journal's disk: parts per million, and bytes.
    pub const fn disk(&mut self, free_ppm: u64, free_bytes: u64) {
        self.machine.disk(free_ppm, free_bytes);
    }

    /// Asks the link of a market for a fresh snapshot.
    fn ask(&mut self, market: MarketId) {
        let link = self.mender.links.get(market.index()).copied().flatten();
        if let Some(control) = link.and_then(|link| self.mender.controls.get(link))
            && control.try_send(Control::Mend(market)).is_err()
        {
            self.mends_refused += 1;
        }
    }

    /// Events that wait in the rings.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.ports.iter().map(LivePort::waiting).sum()
    }

    /// Ends the run: what waits is left, the end is recorded. Gives the driver.
    pub fn end(mut self) -> (Driver, bool) {
        if self.failed.is_none() && self.driver.end().is_err() {
            self.failed = Some(WriterGone);
        }
        let is_recorded = self.failed.is_none();
        if let Some(intervals) = self.intervals {
            intervals.end(self.clock.now_ns(), self.latencies);
        }
        (self.driver, is_recorded)
    }

    /// The journal's end of things.
    pub fn recorder(&mut self) -> Option<&mut Recorder> {
        self.driver.recorder()
    }
}

/// Whether the core finds this by itself, where the reader's decoder does not.
const fn is_own(reason: DoubtReason) -> bool {
    matches!(reason, DoubtReason::Crossed | DoubtReason::OutOfRange | DoubtReason::Lost)
}
