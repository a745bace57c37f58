//! One event in, statements out. The only place with control flow over the whole engine.

use alloc::vec::Vec;

use engine_model::event::Event;
use engine_model::{Body, MarketId, ParamKey, Venue};

use crate::market::book::MarketBook;
use crate::market::pool::MarketPool;
use crate::outbox::{Outbox, Output};
use crate::probe::{Probe, Stage};
use crate::signal::opportunity::{Change, Opportunity, Tracker};
use crate::tables::{LevelSpec, MarketKind, PairSpec, TableError, Tables};

/// A book or a pool.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "few, and allocated once")]
pub enum Market {
    /// An order book.
    Book(MarketBook),
    /// A pool.
    Pool(MarketPool),
}

/// A value with the time it was learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aged {
    /// In the unit of what it is.
    pub value: u64,
    /// Unit: Unix nanoseconds; the time of the first event for values the engine starts with.
    pub at_ns: u64,
}

impl Aged {
    /// Whether the value may still be used; a limit of 0 means that it does not age.
    #[must_use]
    pub const fn is_fresh(&self, now_ns: u64, age_ns_max: u64) -> bool {
        age_ns_max == 0 || now_ns - self.at_ns <= age_ns_max
    }
}

/// The deterministic core.
///
/// Reads no clock, no randomness, no file and no socket, and allocates nothing after the first
/// snapshot of each market. The same events give the same statements on every machine.
#[derive(Debug)]
pub struct Core {
    pub(crate) tables: Tables,
    pub(crate) pairs: Vec<PairSpec>,
    pub(crate) markets: Vec<Market>,
    /// Whether the venue lets each market trade.
    pub(crate) tradable: Vec<bool>,
    /// Taker fee of each market. Unit: parts per million.
    pub(crate) taker_fee_ppm: Vec<Aged>,
    pub(crate) priority_fee: Option<Aged>,
    pub(crate) tip: Option<Aged>,
    /// When each venue was last heard of. Unit: Unix nanoseconds.
    pub(crate) venue_heard_ns: [u64; Venue::ALL.len()],
    /// Highest slot of the chain.
    pub(crate) chain_slot: u64,
    /// Pairs to look at when a market changes, by market.
    pairs_of_market: Vec<Vec<u16>>,
    /// Markets that changed in the batch so far.
    changed: Vec<MarketId>,
    is_changed: Vec<bool>,
    /// Number of the batch in which each pair was last looked at.
    looked_at: Vec<u64>,
    batch: u64,
    tracker: Tracker,
    seq: u64,
    now_ns: u64,
    swept_ns: u64,
}

impl Core {
    /// A core over these tables. All memory is allocated here.
    ///
    /// # Errors
    ///
    /// [`TableError`] when the tables do not fit together.
    pub fn new(tables: Tables) -> Result<Self, TableError> {
        tables.check()?;
        let pairs = tables.pairs()?;
        let signal = tables.signal;
        let markets: Vec<Market> = tables
            .markets
            .iter()
            .map(|spec| match spec.kind {
                MarketKind::Book { .. } => Market::Book(MarketBook::new()),
                MarketKind::Pool { base } => Market::Pool(MarketPool::new(
                    base,
                    signal.tick_arrays_max,
                    signal.inner_steps_max,
                )),
            })
            .collect();
        let count = markets.len();
        let started = |level: LevelSpec| level.start.map(|value| Aged { value, at_ns: 0 });
        let taker_fee_ppm = tables.markets.iter();
        Ok(Self {
            pairs_of_market: pairs_of_market(&tables, &pairs),
            tradable: alloc::vec![true; count],
            taker_fee_ppm: taker_fee_ppm
                .map(|spec| Aged { value: u64::from(spec.taker_fee_ppm), at_ns: 0 })
                .collect(),
            priority_fee: started(tables.costs.priority_fee),
            tip: started(tables.costs.tip),
            venue_heard_ns: [0; Venue::ALL.len()],
            chain_slot: 0,
            changed: Vec::with_capacity(count),
            is_changed: alloc::vec![false; count],
            looked_at: alloc::vec![0; pairs.len()],
            batch: 0,
            tracker: Tracker::new(pairs.len()),
            seq: 0,
            now_ns: 0,
            swept_ns: 0,
            markets,
            pairs,
            tables,
        })
    }

    /// Advances the state by exactly one event.
    ///
    /// # Panics
    ///
    /// When `recv_ns` decreases: the merge in front of the core orders events by it.
    pub fn step(&mut self, event: &Event, out: &mut Outbox, probe: &mut impl Probe) {
        assert!(out.outputs().is_empty(), "Invariant: the last outbox was drained");
        assert!(self.now_ns <= event.recv_ns, "Invariant: receive time does not decrease");
        if self.now_ns == 0 {
            self.start_ages(event.recv_ns);
        }
        self.now_ns = event.recv_ns;
        self.seq += 1;
        self.venue_heard_ns[event.venue as usize] = event.recv_ns;

        probe.enter(Stage::Book);
        self.apply(event);
        if event.ends_batch() {
            self.end_books();
        }
        probe.leave(Stage::Book);

        if event.ends_batch() {
            self.end_batch(out, probe);
        }
    }

    /// Levels the engine starts with are as old as its first event.
    fn start_ages(&mut self, now_ns: u64) {
        for aged in &mut self.taker_fee_ppm {
            aged.at_ns = now_ns;
        }
        for aged in [&mut self.priority_fee, &mut self.tip].into_iter().flatten() {
            aged.at_ns = now_ns;
        }
        self.swept_ns = now_ns;
    }

    fn apply(&mut self, event: &Event) {
        let aged = |value| Aged { value, at_ns: event.recv_ns };
        match event.body {
            Body::Slot { .. } => self.chain_slot = self.chain_slot.max(event.seq),
            Body::Param { key: ParamKey::PriorityFee, value } => {
                self.priority_fee = Some(aged(value));
            }
            Body::Param { key: ParamKey::Tip, value } => self.tip = Some(aged(value)),
            Body::Param { key: ParamKey::TakerFee, value } => {
                if let Some(fee) = self.taker_fee_ppm.get_mut(event.market.index()) {
                    *fee = aged(value);
                    self.mark(event.market);
                }
            }
            Body::Status { tradable } => {
                if let Some(flag) = self.tradable.get_mut(event.market.index()) {
                    *flag = tradable != 0;
                    self.mark(event.market);
                }
            }
            Body::Heartbeat { .. } | Body::Timer | Body::Ticker { .. } | Body::Trade { .. } => (),
            Body::BookClear
            | Body::Level { .. }
            | Body::BookDoubt { .. }
            | Body::PoolPrice { .. }
            | Body::PoolMeta { .. }
            | Body::TickArrayBegin { .. }
            | Body::Tick { .. }
            | Body::OracleConstants { .. }
            | Body::OracleVariables { .. } => match self.markets.get_mut(event.market.index()) {
                Some(Market::Book(book)) => {
                    book.apply(event);
                    self.mark(event.market);
                }
                Some(Market::Pool(pool)) => {
                    pool.apply(event);
                    self.mark(event.market);
                }
                None => (),
            },
        }
    }

    fn mark(&mut self, market: MarketId) {
        let flag = &mut self.is_changed[market.index()];
        if !*flag {
            *flag = true;
            self.changed.push(market);
        }
    }

    /// Books are judged (crossed or not) once the whole batch is in.
    fn end_books(&mut self) {
        for market in &self.changed {
            if let Market::Book(book) = &mut self.markets[market.index()] {
                book.end_batch();
            }
        }
    }

    fn end_batch(&mut self, out: &mut Outbox, probe: &mut impl Probe) {
        self.batch += 1;
        self.refresh_pools(probe);
        probe.enter(Stage::Signal);
        for index in 0..self.changed.len() {
            let market = self.changed[index];
            self.is_changed[market.index()] = false;
            for slot in 0..self.pairs_of_market[market.index()].len() {
                let pair = usize::from(self.pairs_of_market[market.index()][slot]);
                self.look_at(pair, out);
            }
        }
        self.changed.clear();
        if self.now_ns - self.swept_ns >= self.tables.signal.sweep_ns {
            self.swept_ns = self.now_ns;
            for pair in 0..self.pairs.len() {
                if self.tracker.is_open(self.pairs[pair].id) {
                    self.look_at(pair, out);
                }
            }
        }
        probe.leave(Stage::Signal);
    }

    /// Adaptive pools follow the clock, so any pool may need it, not only those of the batch.
    fn refresh_pools(&mut self, probe: &mut impl Probe) {
        let now_s = self.now_ns / 1_000_000_000;
        for market in &mut self.markets {
            if let Market::Pool(pool) = market
                && pool.needs_refresh(now_s)
            {
                probe.enter(Stage::Quote);
                pool.refresh(now_s);
                probe.leave(Stage::Quote);
            }
        }
    }

    fn look_at(&mut self, pair: usize, out: &mut Outbox) {
        if self.looked_at[pair] == self.batch {
            return;
        }
        self.looked_at[pair] = self.batch;
        let evaluation = self.evaluate(&self.pairs[pair], self.seq, self.now_ns);
        out.push(Output::Evaluated(evaluation));
        match self.tracker.observe(&evaluation) {
            Change::None => (),
            Change::Opened(id) => out.push(Output::Opened(id)),
            Change::Closed(opportunity) => out.push(Output::Closed(opportunity)),
        }
    }

    /// Pairs in index order.
    #[must_use]
    pub fn pairs(&self) -> &[PairSpec] {
        &self.pairs
    }

    /// The tables the core was built with.
    #[must_use]
    pub const fn tables(&self) -> &Tables {
        &self.tables
    }

    /// Markets in index order.
    #[must_use]
    pub fn markets(&self) -> &[Market] {
        &self.markets
    }

    /// Opportunities that have not ended, in pair order.
    pub fn still_open(&self) -> impl Iterator<Item = &Opportunity> {
        self.tracker.still_open()
    }

    /// Events consumed.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// Receive time of the newest event. Unit: Unix nanoseconds.
    #[must_use]
    pub const fn now_ns(&self) -> u64 {
        self.now_ns
    }
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
