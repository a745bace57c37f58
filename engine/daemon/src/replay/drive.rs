//! The core's thread: takes batches, steps the core, hands records on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use connector_net::OddCounts;
use engine_core::outbox::{Decided, Decision};
use engine_core::state::Ended;
use engine_core::tables::{MARKETS_MAX, TableError};
use engine_core::{Core, Outbox, Output, Probe, Taken};
use engine_journal::records::{Begin, End};
use engine_model::{Body, Event, Flags, MarketId, Venue};
use engine_telemetry::{Stage, StageHistograms};

use super::collect::Collector;
use super::merge::{Port, next_batch};
use super::run::PartReport;
use crate::journal::carry::{self, CarryError};
use crate::journal::recorder::{BatchHead, Item, Recorder, WriterGone};

/// Measures the stages inside the core. The core cannot read it.
struct StageProbe {
    entered: Instant,
    /// Of the current batch. Unit: nanoseconds; book, quote, signal, risk.
    spent_ns: [u64; 4],
    quoted: bool,
}

impl Probe for StageProbe {
    fn enter(&mut self, _: engine_core::Stage) {
        self.entered = Instant::now();
    }

    fn leave(&mut self, stage: engine_core::Stage) {
        let ns = u64::try_from(self.entered.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let index = match stage {
            engine_core::Stage::Book => 0,
            engine_core::Stage::Quote => {
                self.quoted = true;
                1
            }
            engine_core::Stage::Signal => 2,
            engine_core::Stage::Risk => 3,
        };
        self.spent_ns[index] += ns;
    }
}

impl StageProbe {
    fn end_batch(&mut self, histograms: &mut StageHistograms) {
        let [book, quote, signal, risk] = core::mem::take(&mut self.spent_ns);
        histograms.record(Stage::Book, book);
        if core::mem::take(&mut self.quoted) {
            histograms.record(Stage::Quote, quote);
        }
        histograms.record(Stage::Signal, signal);
        histograms.record(Stage::Risk, risk);
    }
}

/// How a run is numbered and begun.
pub struct Numbered {
    /// Its first record.
    pub begin: Begin,
    /// The number of that.
    pub begin_seq: u64,
    /// Whether a new day has an anchor.
    pub anchor_daily: bool,
}

/// Suspects that are kept between two looks: all markets, where the clock has stepped.
const SUSPECTS_MAX: usize = MARKETS_MAX;

/// Why a run does not go on as another.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotGoOn {
    /// A batch has begun and not ended.
    #[error("a batch is under way")]
    InBatch,
    /// The tables do not fit together.
    #[error("the tables do not fit together: {0:?}")]
    Tables(TableError),
    /// The state does not fit them.
    #[error("{0}")]
    State(CarryError),
    /// The journal takes no records any more.
    #[error("the journal takes no records any more")]
    WriterGone,
}

impl From<WriterGone> for CannotGoOn {
    fn from(_: WriterGone) -> Self {
        Self::WriterGone
    }
}

/// A day in nanoseconds.
const DAY_NS: u64 = 86_400_000_000_000;

/// The core's side of a part.
pub struct Driver {
    core: Core,
    out: Outbox,
    ports: Vec<Port>,
    probe: StageProbe,
    collected: Collector,
    recorder: Option<Recorder>,
    anchor_wanted: Option<Arc<AtomicBool>>,
    /// What was decided in the batch so far, for the recorder.
    pending: Vec<Decided>,
    numbered: Numbered,
    /// Markets that the core asks to be told anew, since the last look.
    suspects: Vec<MarketId>,
    /// The run's first record is written, or would be.
    has_begun: bool,
    events: u64,
    batches: u64,
    first_ns: u64,
    day: u64,
    /// Time spent on putting states into their stored form. Unit: nanoseconds.
    anchors_ns: u64,
}

impl Driver {
    /// A driver of this core. Without a recorder nothing is written down.
    #[must_use]
    pub fn new(
        core: Core,
        ports: Vec<Port>,
        recorder: Option<Recorder>,
        anchor_wanted: Option<Arc<AtomicBool>>,
        numbered: Numbered,
    ) -> Self {
        let pairs = core.pairs().len();
        let probe = StageProbe { entered: Instant::now(), spent_ns: [0; 4], quoted: false };
        Self {
            core,
            out: Outbox::for_pairs(pairs),
            ports,
            probe,
            collected: Collector::new(pairs),
            recorder,
            anchor_wanted,
            pending: Vec::with_capacity(2 * Outbox::capacity_for(pairs)),
            numbered,
            suspects: Vec::with_capacity(SUSPECTS_MAX),
            has_begun: false,
            events: 0,
            batches: 0,
            first_ns: 0,
            day: 0,
            anchors_ns: 0,
        }
    }

    /// Time spent so far on putting states into their stored form. Unit: nanoseconds.
    pub const fn anchors_ns(&self) -> u64 {
        self.anchors_ns
    }

    /// Takes batches until the input ends. False when the journal's writer has gone.
    pub fn drive(&mut self, histograms: &mut StageHistograms, mut idle: impl FnMut(usize)) -> bool {
        if self.numbered.begin.from_anchor.is_some() && self.begin_continued().is_err() {
            return false;
        }
        let mut ports = core::mem::take(&mut self.ports);
        let ended = loop {
            let (mut gone, mut step_ns) = (false, 0);
            let more = next_batch(&mut ports, &mut idle, histograms, |first, second| {
                let from = Instant::now();
                gone = self.batch(first, second).is_err();
                step_ns = u64::try_from(from.elapsed().as_nanos()).unwrap_or(u64::MAX);
            });
            if gone {
                break false;
            }
            if !more {
                break self.end().is_ok();
            }
            self.probe.end_batch(histograms);
            histograms.record(Stage::Step, step_ns);
        };
        self.ports = ports;
        ended
    }

    /// Takes no more input: lanes that wait for room see it and end.
    pub fn abandon_input(&mut self) {
        self.ports.clear();
    }

    /// Takes one batch, in two pieces where it wraps around the end of its ring.
    ///
    /// # Errors
    ///
    /// [`WriterGone`]: what it means could not be recorded.
    pub fn batch(&mut self, first: &[Event], second: &[Event]) -> Result<(), WriterGone> {
        let Some(start) = first.first() else { return Ok(()) };
        if !self.has_begun {
            self.begin(start)?;
        }
        self.take(first, second)?;
        self.anchor_if_due()
    }

    /// The first batch is preceded by what the wall clock showed: recordings carry Unix time.
    fn begin(&mut self, start: &Event) -> Result<(), WriterGone> {
        if self.numbered.begin.from_anchor.is_some() {
            return self.begin_continued();
        }
        self.has_begun = true;
        self.first_ns = start.recv_ns;
        self.day = start.recv_ns / DAY_NS;
        let has_clock = matches!(start.body, Body::Clock { .. });
        self.numbered.begin.clock = (start.recv_ns, start.recv_ns);
        if let Body::Clock { wall_ns } = start.body {
            self.numbered.begin.clock = (start.recv_ns, wall_ns);
        }
        let begin_seq = self.numbered.begin_seq;
        if let Some(recorder) = &mut self.recorder {
            recorder.wait_for_room(0)?;
            recorder.item(Item::Begin(Box::new(self.numbered.begin.clone()), begin_seq));
        }
        self.anchor(begin_seq)?;
        if !has_clock {
            let clock = Event {
                recv_ns: start.recv_ns,
                venue_ns: 0,
                seq: 0,
                market: Event::NO_MARKET,
                venue: Venue::Coinbase,
                flags: Flags(Flags::END_OF_BATCH),
                body: Body::Clock { wall_ns: start.recv_ns },
            };
            self.take(&[clock], &[])?;
        }
        Ok(())
    }

    /// A run that goes on from the one before begins at once, where that one has ended: its core has
    /// a clock, and an anchor holds its state.
    ///
    /// # Errors
    ///
    /// As [`Driver::batch`].
    pub fn begin_continued(&mut self) -> Result<(), WriterGone> {
        self.has_begun = true;
        self.first_ns = self.core.now_ns();
        self.day = self.first_ns / DAY_NS;
        self.numbered.begin.clock = (self.first_ns, self.core.wall_ns());
        let Some(recorder) = &mut self.recorder else { return Ok(()) };
        recorder.wait_for_room(0)?;
        let begin = Box::new(self.numbered.begin.clone());
        recorder.item(Item::Begin(begin, self.numbered.begin_seq));
        Ok(())
    }

    /// Ends the run and goes on with the next in place: the same markets and everything that was
    /// seen, counted, traded and halted, over the tables and settings of `begin`. Either all of it
    /// happens or, where the state does not fit them, nothing. The number, the clock and the anchor of
    /// `begin` are made here. Gives the report of the run that has ended; none where it had not begun,
    /// and the next one simply takes its place.
    ///
    /// # Errors
    ///
    /// [`CannotGoOn`].
    pub fn reconfigure(
        &mut self,
        begin: Begin,
        anchor_daily: bool,
    ) -> Result<Option<PartReport>, CannotGoOn> {
        if self.core.is_in_batch() {
            return Err(CannotGoOn::InBatch);
        }
        if !self.has_begun {
            let core = Core::with_settings(begin.tables.clone(), begin.settings.clone());
            let mut core = core.map_err(CannotGoOn::Tables)?;
            if !begin.tables.has_markets_of(self.core.tables()) {
                return Err(CannotGoOn::State(CarryError::OtherMarkets));
            }
            core.start_at(self.numbered.begin_seq);
            self.core = core;
            let begin = Begin { from_anchor: None, ..begin };
            let begin_seq = self.numbered.begin_seq;
            self.numbered = Numbered { begin, begin_seq, anchor_daily };
            return Ok(None);
        }
        let end_seq = Ended(&self.core).seq();
        let begin_seq = end_seq + 1;
        let (tables, settings) = (begin.tables.clone(), begin.settings.clone());
        let next = carry::continue_with(&self.core, tables, settings, begin_seq);
        let next = next.map_err(CannotGoOn::State)?;
        self.end()?;
        self.hand_over()?;
        let report = self.report();
        self.core = next;
        let begin = Begin { from_anchor: Some(end_seq), ..begin };
        self.numbered = Numbered { begin, begin_seq, anchor_daily };
        (self.events, self.batches) = (0, 0);
        self.begin_continued()?;
        Ok(Some(report))
    }

    /// Writes the anchor from which the next run goes on, once this one has ended. Gives the state.
    ///
    /// # Errors
    ///
    /// As [`Driver::batch`].
    pub fn hand_over(&mut self) -> Result<Vec<u8>, WriterGone> {
        let from = Instant::now();
        let state = carry::ended(&self.core);
        self.anchors_ns += u64::try_from(from.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.anchor_of(Ended(&self.core).seq(), state.clone())?;
        Ok(state)
    }

    /// Writes an anchor of a state that lies before this run.
    ///
    /// # Errors
    ///
    /// As [`Driver::batch`].
    pub fn anchor_of(&mut self, seq: u64, state: Vec<u8>) -> Result<(), WriterGone> {
        let Some(recorder) = &mut self.recorder else { return Ok(()) };
        recorder.wait_for_room(0)?;
        recorder.item(Item::Anchor { seq, at_ns: self.core.now_ns(), state });
        Ok(())
    }

    fn take(&mut self, first: &[Event], second: &[Event]) -> Result<(), WriterGone> {
        let count = first.len() + second.len();
        if count == 1 && first[0].is_tick() && !self.core.is_due(first[0].recv_ns) {
            // Nothing is due: no part of the history.
            return Ok(());
        }
        if let Some(recorder) = &mut self.recorder {
            recorder.wait_for_room(count)?;
            recorder.events(first);
            recorder.events(second);
        }
        for event in first.iter().chain(second) {
            let taken = self.core.step(event, &mut self.out, &mut self.probe);
            assert_eq!(taken, Taken::Recorded, "Invariant: inputs of a replay hold no empty ticks");
            self.collected.take(self.out.outputs());
            for output in self.out.outputs() {
                if let Output::Decided(Decided { decision: Decision::Suspect(market), .. }) = output
                    && self.suspects.len() < SUSPECTS_MAX
                {
                    self.suspects.push(*market);
                }
            }
            if self.recorder.is_some() {
                let decided = self.out.outputs().iter().filter_map(|output| match output {
                    Output::Decided(decided) => Some(*decided),
                    Output::Evaluated(_) => None,
                });
                self.pending.extend(decided);
            }
            self.out.clear();
        }
        self.events += count as u64;
        self.batches += 1;
        if let Some(recorder) = &mut self.recorder {
            let seq = self.core.batch_seq();
            // What timers decided before the batch goes before it.
            let before = self.pending.partition_point(|decided| decided.seq < seq);
            for decided in &self.pending[..before] {
                recorder.decided(decided);
            }
            recorder.head(BatchHead { seq, events: count });
            for decided in &self.pending[before..] {
                recorder.decided(decided);
            }
            self.pending.clear();
        }
        Ok(())
    }

    /// An anchor at each new segment and each new day.
    fn anchor_if_due(&mut self) -> Result<(), WriterGone> {
        let Some(wanted) = &self.anchor_wanted else { return Ok(()) };
        let is_new_day = self.core.now_ns() / DAY_NS != self.day && self.numbered.anchor_daily;
        // A look at the flag costs nothing that counts; taking it happens once a segment.
        if (!wanted.load(Ordering::Relaxed) && !is_new_day) || self.core.is_in_batch() {
            return Ok(());
        }
        wanted.store(false, Ordering::Relaxed);
        self.day = self.core.now_ns() / DAY_NS;
        self.anchor(self.core.seq())
    }

    fn anchor(&mut self, seq: u64) -> Result<(), WriterGone> {
        let Some(recorder) = &mut self.recorder else { return Ok(()) };
        let from = Instant::now();
        let state = postcard::to_allocvec(&self.core);
        let state = state.expect("Invariant: a core has a stored form");
        self.anchors_ns += u64::try_from(from.elapsed().as_nanos()).unwrap_or(u64::MAX);
        recorder.wait_for_room(0)?;
        recorder.item(Item::Anchor { seq, at_ns: self.core.now_ns(), state });
        Ok(())
    }

    /// Time passes without an event: fires what is due. False: nothing was.
    ///
    /// # Errors
    ///
    /// As [`Driver::batch`].
    pub fn tick(&mut self, now_ns: u64) -> Result<bool, WriterGone> {
        if !self.has_begun || !self.core.is_due(now_ns) {
            return Ok(false);
        }
        let tick = Event {
            recv_ns: now_ns,
            venue_ns: 0,
            seq: 0,
            market: Event::NO_MARKET,
            venue: Venue::Coinbase,
            flags: Flags(Flags::END_OF_BATCH),
            body: Body::Timer,
        };
        self.take(&[tick], &[])?;
        Ok(true)
    }

    /// The core, for reports and for what it must not be asked by others.
    pub const fn core(&self) -> &Core {
        &self.core
    }

    /// What it said so far.
    pub const fn collected(&self) -> &Collector {
        &self.collected
    }

    /// Markets that the core has asked to be told anew since the last call.
    pub fn suspects(&mut self) -> impl Iterator<Item = MarketId> + '_ {
        self.suspects.drain(..)
    }

    /// Batches and events taken so far.
    pub const fn taken(&self) -> (u64, u64) {
        (self.batches, self.events)
    }

    /// Adds what the stages inside the core took of the last batch.
    pub fn note_stages(&mut self, histograms: &mut StageHistograms) {
        self.probe.end_batch(histograms);
    }

    /// The journal's end of things, where one is written.
    pub const fn recorder(&mut self) -> Option<&mut Recorder> {
        self.recorder.as_mut()
    }

    /// Records that the run ended in order.
    ///
    /// # Errors
    ///
    /// As [`Driver::batch`].
    pub fn end(&mut self) -> Result<(), WriterGone> {
        if !self.has_begun {
            return Ok(());
        }
        let end = End {
            digest: self.core.digest(),
            events: self.events,
            batches: self.batches,
            open_opportunities: u32::try_from(self.core.still_open().count()).unwrap_or(u32::MAX),
            open_trades: u32::try_from(self.core.desk().trades().count()).unwrap_or(u32::MAX),
        };
        let Some(recorder) = &mut self.recorder else { return Ok(()) };
        recorder.wait_for_room(0)?;
        recorder.item(Item::End(end, self.core.seq() + 1, self.core.now_ns()));
        Ok(())
    }

    /// What the run gave, and the recorder for the next.
    #[must_use]
    pub fn into_report(mut self) -> (PartReport, Option<Recorder>) {
        (self.report(), self.recorder)
    }

    /// What the run gave; what comes next is collected anew.
    fn report(&mut self) -> PartReport {
        let (markets, hash) = self.collected.finish(&self.core);
        let pairs = self.core.pairs();
        let collected = core::mem::replace(&mut self.collected, Collector::new(pairs.len()));
        let begin = &self.numbered.begin;
        PartReport {
            name: begin.part.clone(),
            inputs: begin.inputs.clone(),
            records: 0,
            frames: 0,
            events: self.events,
            batches: self.batches,
            odd: OddCounts::default(),
            oversized: 0,
            unproven_joins: Vec::new(),
            tables: begin.tables.clone(),
            names: begin.names.clone(),
            pairs: pairs.to_vec(),
            collected,
            markets,
            hash,
            span_ns: (self.first_ns, self.core.now_ns()),
            begin_seq: self.numbered.begin_seq,
            end_seq: Ended(&self.core).seq(),
        }
    }
}
