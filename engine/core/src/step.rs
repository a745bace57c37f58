//! One event in, statements out. The only place with control flow over the whole engine.

use alloc::vec::Vec;

use engine_model::event::Event;
use engine_model::{Body, MarketId, ParamKey};

use crate::market::world::{Market, World};
use crate::outbox::{Outbox, Output};
use crate::probe::{Probe, Stage};
use crate::signal::opportunity::{Change, Opportunity, Tracker};
use crate::tables::{PairSpec, TableError, Tables};

/// The deterministic core.
///
/// Reads no clock, no randomness, no file and no socket, and allocates nothing after the first
/// snapshot of each market. The same events give the same statements on every machine.
#[derive(Debug)]
pub struct Core {
    world: World,
    pairs: Vec<PairSpec>,
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
        let count = tables.markets.len();
        Ok(Self {
            pairs_of_market: pairs_of_market(&tables, &pairs),
            changed: Vec::with_capacity(count),
            is_changed: alloc::vec![false; count],
            looked_at: alloc::vec![0; pairs.len()],
            batch: 0,
            tracker: Tracker::new(pairs.len()),
            seq: 0,
            now_ns: 0,
            swept_ns: 0,
            pairs,
            world: World::new(tables),
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
            self.world.start_ages(event.recv_ns);
            self.swept_ns = event.recv_ns;
        }
        self.now_ns = event.recv_ns;
        self.seq += 1;

        probe.enter(Stage::Book);
        if let Some(market) = self.world.apply(event) {
            self.mark(market);
        }
        if matches!(event.body, Body::Param { key: ParamKey::PriorityFee | ParamKey::Tip, .. }) {
            self.mark_pools();
        }
        if event.ends_batch() {
            self.end_books();
        }
        probe.leave(Stage::Book);

        if event.ends_batch() {
            self.end_batch(out, probe);
        }
    }

    fn mark(&mut self, market: MarketId) {
        let flag = &mut self.is_changed[market.index()];
        if !*flag {
            *flag = true;
            self.changed.push(market);
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
        if self.now_ns - self.swept_ns >= self.world.tables.signal.sweep_ns {
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

    fn look_at(&mut self, pair: usize, out: &mut Outbox) {
        if self.looked_at[pair] == self.batch {
            return;
        }
        self.looked_at[pair] = self.batch;
        let evaluation = self.world.evaluate(&self.pairs[pair], self.seq, self.now_ns);
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
        &self.world.tables
    }

    /// Markets in index order.
    #[must_use]
    pub fn markets(&self) -> &[Market] {
        &self.world.markets
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
