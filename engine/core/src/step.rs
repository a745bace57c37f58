//! One event in, statements out. The only place with control flow over the whole engine.

use alloc::vec::Vec;

use engine_model::event::Event;
use engine_model::{Body, MarketId, PairId, ParamKey};

use crate::desk::{Desk, Hands, Settings};
use crate::explain::Seen;
use crate::market::world::{Market, World};
use crate::outbox::{Decided, Decision, Outbox, Output};
use crate::probe::{Probe, Stage};
use crate::signal::evaluation::{Code, Evaluation};
use crate::signal::opportunity::{Change, Opportunity, Tracker};
use crate::tables::{PairSpec, TableError, Tables};
use crate::timers::{TimerId, Timers};

/// Whether an event was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is a part of the history from now on, and belongs into its record.
    Recorded,
    /// A tick that fired no timer: nothing has changed, and it is no part of the history.
    Ignored,
}

/// The deterministic core.
///
/// Reads no clock, no randomness, no file and no socket, and allocates nothing after the first
/// snapshot of each market. The same events give the same statements on every machine.
///
/// Core time is the receive time of the newest event and never runs back: an event that comes late
/// is taken at the time that has been reached. Timers fire by (deadline, [`TimerId`]) before the
/// first event at or after their deadline, at their deadline.
#[derive(Debug)]
pub struct Core {
    pub(crate) world: World,
    pub(crate) pairs: Vec<PairSpec>,
    /// Pairs to look at when a market changes, by market.
    pairs_of_market: Vec<Vec<u16>>,
    /// Markets that changed in the batch so far.
    changed: Vec<MarketId>,
    is_changed: Vec<bool>,
    /// Number of the batch in which each pair was last looked at.
    pub(crate) looked_at: Vec<u64>,
    pub(crate) batch: u64,
    pub(crate) tracker: Tracker,
    pub(crate) desk: Desk,
    pub(crate) timers: Timers,
    /// Markets that simulated fills have changed.
    touched: Vec<MarketId>,
    pub(crate) seq: u64,
    pub(crate) now_ns: u64,
    pub(crate) has_begun: bool,
    /// Between the first event of a batch and its last.
    is_in_batch: bool,
    /// Number of the newest batch.
    batch_seq: u64,
    /// Batches taken.
    pub(crate) batches: u64,
    /// Over every look so far.
    pub(crate) digest: u64,
}

/// Orders of one step: each fill touches one market.
const TOUCHED_MAX: usize = 64;

/// A checkpoint of all looks is stated after this many batches: a difference is then known to lie
/// within so many frames.
const CHECKPOINT_BATCHES: u64 = 256;

impl Core {
    /// A core over these tables that states opportunities and trades none. All memory is allocated
    /// here.
    ///
    /// # Errors
    ///
    /// [`TableError`] when the tables do not fit together.
    pub fn new(tables: Tables) -> Result<Self, TableError> {
        Self::with_settings(tables, Settings::watching())
    }

    /// A core over these tables that does with opportunities what the settings say. All memory is
    /// allocated here.
    ///
    /// # Errors
    ///
    /// [`TableError`] when the tables do not fit together.
    pub fn with_settings(tables: Tables, settings: Settings) -> Result<Self, TableError> {
        tables.check()?;
        let pairs = tables.pairs()?;
        let count = tables.markets.len();
        let margins = settings.margins(&tables);
        let desk = Desk::new(&tables, &pairs, settings);
        let mut world = World::new(tables, pairs.len());
        world.margins = margins;
        Ok(Self {
            pairs_of_market: pairs_of_market(&world.tables, &pairs),
            changed: Vec::with_capacity(count),
            is_changed: alloc::vec![false; count],
            looked_at: alloc::vec![0; pairs.len()],
            batch: 0,
            tracker: Tracker::new(pairs.len()),
            desk,
            timers: Timers::default(),
            touched: Vec::with_capacity(TOUCHED_MAX),
            seq: 0,
            now_ns: 0,
            has_begun: false,
            is_in_batch: false,
            batch_seq: 0,
            batches: 0,
            digest: 0,
            pairs,
            world,
        })
    }

    /// Numbers events and decisions from here on: a run that continues another's sequence.
    ///
    /// # Panics
    ///
    /// After the first event.
    pub fn start_at(&mut self, seq: u64) {
        assert!(!self.has_begun, "Invariant: numbers are given before the first event");
        self.seq = seq;
    }

    /// The settings are others from here on: what they say of the present is asked before the next
    /// event.
    pub(crate) fn renew(&mut self) {
        if self.desk.is_trading() {
            // Nothing is decided here: there is no event yet that it could belong to.
            let mut none = Outbox::for_pairs(0);
            let (desk, mut hands) = self.split(&mut none);
            desk.renew(&mut hands);
        }
    }

    /// Whether a timer is due at a receive time: a tick then is a part of the history.
    #[must_use]
    pub fn is_due(&self, recv_ns: u64) -> bool {
        self.timers.is_due(recv_ns.max(self.now_ns))
    }

    /// Advances the state by exactly one event.
    ///
    /// # Panics
    ///
    /// When the outbox of the step before was not drained.
    pub fn step(&mut self, event: &Event, out: &mut Outbox, probe: &mut impl Probe) -> Taken {
        assert!(out.outputs().is_empty(), "Invariant: the last outbox was drained");
        let at_ns = event.recv_ns.max(self.now_ns);
        let is_tick = event.is_tick();
        if is_tick && !self.timers.is_due(at_ns) {
            return Taken::Ignored;
        }
        if self.timers.is_due(at_ns) {
            self.fire_due(at_ns, out, probe);
        }
        self.now_ns = at_ns;
        // One number for a batch: it is one record.
        if !self.is_in_batch {
            self.seq += 1;
            self.batch_seq = self.seq;
        }
        self.is_in_batch = !(event.ends_batch() || is_tick);
        let late;
        let event = if event.recv_ns == at_ns {
            event
        } else {
            late = Event { recv_ns: at_ns, ..*event };
            &late
        };
        if !self.has_begun {
            self.begin(out);
        }

        probe.enter(Stage::Book);
        if let Some(market) = self.world.apply(event) {
            self.mark(market);
        }
        self.take_rare(event, out);
        if event.ends_batch() {
            self.end_books();
        }
        probe.leave(Stage::Book);

        if event.ends_batch() || is_tick {
            self.end_batch(out, probe);
        }
        Taken::Recorded
    }

    fn begin(&mut self, out: &mut Outbox) {
        self.has_begun = true;
        self.world.start_ages(self.now_ns);
        if self.desk.is_trading() {
            let (desk, mut hands) = self.split(out);
            desk.begin(&mut hands);
        }
    }

    /// The desk, and what it works on.
    fn split<'a>(&'a mut self, out: &'a mut Outbox) -> (&'a mut Desk, Hands<'a>) {
        let hands = Hands {
            world: &mut self.world,
            pairs: &self.pairs,
            timers: &mut self.timers,
            out,
            seq: &mut self.seq,
            now_ns: self.now_ns,
            touched: &mut self.touched,
        };
        (&mut self.desk, hands)
    }

    /// What an event means besides its change of a market.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "whatever else an event is, it may prove its feed"
    )]
    fn take_rare(&mut self, event: &Event, out: &mut Outbox) {
        match event.body {
            Body::Param { key: ParamKey::PriorityFee | ParamKey::Tip, .. } => self.mark_pools(),
            Body::Clock { .. } if self.desk.is_trading() => {
                let (desk, mut hands) = self.split(out);
                desk.day_due(&mut hands);
                desk.note_clock(&mut hands);
            }
            Body::Engine { fault, value } if self.desk.is_trading() => {
                let (desk, mut hands) = self.split(out);
                desk.note_machine(&mut hands, event.venue, fault, value);
            }
            Body::Engine { .. } => (),
            Body::Command(command) => {
                let (desk, mut hands) = self.split(out);
                desk.command(&mut hands, command);
            }
            Body::Level { .. } if !event.ends_batch() => (),
            _ if self.desk.is_trading() => {
                let (desk, mut hands) = self.split(out);
                desk.note_feed(&mut hands, event);
            }
            _ => (),
        }
    }

    /// Fires what is due, each at its deadline.
    #[cold]
    fn fire_due(&mut self, at_ns: u64, out: &mut Outbox, probe: &mut impl Probe) {
        while let Some((due_ns, id)) = self.timers.take_due(at_ns) {
            self.now_ns = self.now_ns.max(due_ns);
            if id == TimerId::Sweep {
                self.sweep(out, probe);
                continue;
            }
            let (desk, mut hands) = self.split(out);
            match id {
                TimerId::Day => desk.day_due(&mut hands),
                TimerId::Stale => desk.stale_due(&mut hands),
                TimerId::Watch => desk.watch_due(&mut hands),
                TimerId::Order(place) => desk.order_due(&mut hands, place, probe),
                TimerId::Sweep => (),
            }
            self.mark_touched();
        }
    }

    /// Open opportunities may have gone stale without an event of their markets.
    fn sweep(&mut self, out: &mut Outbox, probe: &mut impl Probe) {
        self.batch += 1;
        self.refresh_pools(probe);
        probe.enter(Stage::Signal);
        for pair in 0..self.pairs.len() {
            if self.tracker.is_open(self.pairs[pair].id) {
                self.look_at(pair, out, probe);
            }
        }
        let (desk, mut hands) = self.split(out);
        desk.consider(&mut hands, probe);
        probe.leave(Stage::Signal);
    }

    fn mark(&mut self, market: MarketId) {
        let flag = &mut self.is_changed[market.index()];
        if !*flag {
            *flag = true;
            self.changed.push(market);
        }
    }

    fn mark_touched(&mut self) {
        while let Some(market) = self.touched.pop() {
            self.mark(market);
        }
    }

    /// What a chain transaction costs concerns every pool.
    fn mark_pools(&mut self) {
        for index in 0..self.world.markets.len() {
            if matches!(self.world.markets[index], Market::Pool(_)) {
                self.mark(market_id(index));
            }
        }
    }

    /// Books are judged (crossed or not) once the whole batch is in.
    fn end_books(&mut self) {
        for market in &self.changed {
            if let Market::Book(book) = &mut self.world.markets[market.index()] {
                book.end_batch();
            }
        }
    }

    fn end_batch(&mut self, out: &mut Outbox, probe: &mut impl Probe) {
        self.batch += 1;
        let (desk, mut hands) = self.split(out);
        desk.land(&mut hands, probe);
        self.mark_touched();
        self.refresh_pools(probe);
        probe.enter(Stage::Signal);
        for index in 0..self.changed.len() {
            let market = self.changed[index];
            self.is_changed[market.index()] = false;
            for slot in 0..self.pairs_of_market[market.index()].len() {
                let pair = usize::from(self.pairs_of_market[market.index()][slot]);
                self.look_at(pair, out, probe);
            }
        }
        self.changed.clear();
        probe.leave(Stage::Signal);
        if self.desk.is_trading() {
            probe.enter(Stage::Risk);
            let (desk, mut hands) = self.split(out);
            desk.consider(&mut hands, probe);
            desk.arm_watch(&mut hands);
            probe.leave(Stage::Risk);
        }
        self.batches += 1;
        if self.batches.is_multiple_of(CHECKPOINT_BATCHES) {
            self.decide(out, Decision::Checkpoint(self.digest));
        }
        if !self.timers.is_set(TimerId::Sweep) && self.tracker.any_open() {
            let due_ns = self.now_ns.saturating_add(self.world.tables.signal.sweep_ns);
            self.timers.set(TimerId::Sweep, due_ns);
        }
    }

    /// Adaptive pools follow the clock, so any pool may need it, not only those of the batch.
    fn refresh_pools(&mut self, probe: &mut impl Probe) {
        let now_s = self.world.wall_ns(self.now_ns) / 1_000_000_000;
        for index in 0..self.world.markets.len() {
            if let Market::Pool(pool) = &mut self.world.markets[index]
                && pool.needs_refresh(now_s)
            {
                probe.enter(Stage::Quote);
                pool.refresh(now_s);
                probe.leave(Stage::Quote);
                // A new second alone changes an adaptive fee: its pairs are looked at again.
                self.mark(market_id(index));
            }
        }
    }

    fn look_at(&mut self, pair: usize, out: &mut Outbox, probe: &mut impl Probe) {
        if self.looked_at[pair] == self.batch {
            return;
        }
        self.looked_at[pair] = self.batch;
        let look = self.world.evaluate(&self.pairs[pair], self.seq, self.now_ns);
        probe.looked(&Seen::new(&self.world, self.now_ns), &look);
        self.digest = mixed(self.digest, &look);
        out.push(Output::Evaluated(look));
        if self.desk.is_trading() {
            let spec = self.pairs[pair];
            let (desk, mut hands) = self.split(out);
            desk.follow(&mut hands, &spec);
        }
        match self.tracker.observe(&look) {
            Change::None => (),
            Change::Opened(opportunity) => {
                self.desk.opened(look.pair);
                self.decide(out, Decision::Opened { opportunity, look });
            }
            Change::Closed(opportunity) => {
                let fate = self.desk.fate(&opportunity);
                self.decide(out, Decision::Closed { opportunity, fate });
            }
        }
        if look.code == Code::Tradable
            && let Some(opportunity) = self.tracker.open_id(look.pair)
        {
            self.desk.note_candidate(&self.world, &self.pairs[pair], &look, opportunity);
        }
    }

    #[expect(clippy::large_types_passed_by_value, reason = "moved into the list it is for")]
    fn decide(&mut self, out: &mut Outbox, decision: Decision) {
        self.seq += 1;
        out.push(Output::Decided(Decided { seq: self.seq, at_ns: self.now_ns, decision }));
    }

    /// Pairs in index order.
    #[must_use]
    pub fn pairs(&self) -> &[PairSpec] {
        &self.pairs
    }

    /// The tables the core was built with.
    #[must_use]
    pub const fn tables(&self) -> &Tables {
        &self.world.tables
    }

    /// Markets in index order.
    #[must_use]
    pub fn markets(&self) -> &[Market] {
        &self.world.markets
    }

    /// What lies ready at the venues.
    #[must_use]
    pub const fn balances(&self) -> &crate::market::balances::Balances {
        &self.world.balances
    }

    /// Trades and halts.
    #[must_use]
    pub const fn desk(&self) -> &Desk {
        &self.desk
    }

    /// Opportunities that have not ended, in pair order.
    pub fn still_open(&self) -> impl Iterator<Item = &Opportunity> {
        self.tracker.still_open()
    }

    /// What an open opportunity would have come to if it ended now.
    #[must_use]
    pub fn fate_of(&self, opportunity: &Opportunity) -> crate::outbox::Fate {
        self.desk.fate(opportunity)
    }

    /// A look at one pair as everything stands. Changes nothing.
    #[must_use]
    pub fn look(&self, pair: PairId) -> Evaluation {
        self.world.evaluate(&self.pairs[pair.index()], self.seq, self.now_ns)
    }

    /// Number of the newest batch.
    #[must_use]
    pub const fn batch_seq(&self) -> u64 {
        self.batch_seq
    }

    /// Whether a batch has begun and not ended.
    #[must_use]
    pub const fn is_in_batch(&self) -> bool {
        self.is_in_batch
    }

    /// Number of the newest batch or decision.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// Core time: the receive time of the newest event, or later. Unit: Unix nanoseconds.
    #[must_use]
    pub const fn now_ns(&self) -> u64 {
        self.now_ns
    }

    /// What the wall clock shows at that time, as far as it was told. Unit: Unix nanoseconds.
    #[must_use]
    pub const fn wall_ns(&self) -> u64 {
        self.world.wall_ns(self.now_ns)
    }

    /// A digest of every look so far: two runs that differ in one have different digests.
    #[must_use]
    pub const fn digest(&self) -> u64 {
        self.digest
    }
}

/// Folds a look into the digest: two multiplications, because it is done for every look.
fn mixed(digest: u64, look: &Evaluation) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a digest takes the low bits"
    )]
    let words = [
        look.seq ^ (u64::from(look.pair.0) << 48) ^ ((look.code as u64) << 40),
        (look.net as u64) ^ (look.base_atoms as u64).rotate_left(32),
        look.edge_net_ppm.cast_unsigned() ^ look.edge_gross_ppm.cast_unsigned().rotate_left(32),
    ];
    let fold = |a: u64, b: u64| {
        let product = u128::from(a ^ 0x9e37_79b9_7f4a_7c15) * u128::from(b ^ 0xd6e8_feb8_6659_fd93);
        #[expect(clippy::cast_possible_truncation, reason = "both halves are what is wanted")]
        let folded = (product as u64) ^ ((product >> 64) as u64);
        folded
    };
    fold(digest ^ words[0], fold(words[1], words[2]).wrapping_add(digest.rotate_left(17)))
}

fn market_id(index: usize) -> MarketId {
    MarketId(u16::try_from(index).expect("Invariant: the tables bound their markets"))
}

/// A pair depends on its two markets and on the books of the rate between them.
fn pairs_of_market(tables: &Tables, pairs: &[PairSpec]) -> Vec<Vec<u16>> {
    let mut lists = alloc::vec![Vec::new(); tables.markets.len()];
    for pair in pairs {
        let legs = [pair.buy, pair.sell].map(|id| tables.instruments[id.index()]);
        let rates = legs.map(|leg| {
            crate::market::rates::find(tables, leg.settles_in, pair.money)
                .filter(|_| leg.settles_in != pair.money)
                .map(|(rate, _)| rate.market)
        });
        for market in legs.iter().map(|leg| Some(leg.market)).chain(rates).flatten() {
            let list: &mut Vec<u16> = &mut lists[market.index()];
            if list.last() != Some(&pair.id.0) {
                list.push(pair.id.0);
            }
        }
    }
    lists
}
