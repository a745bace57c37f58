//! Everything the engine knows of the outside at one moment: markets, fees, cost levels, ages.

use alloc::vec::Vec;

use engine_model::event::Event;
use engine_model::units::PPM_ONE;
use engine_model::{Body, MarketId, ParamKey};

use super::book::MarketBook;
use super::pool::MarketPool;
use crate::tables::{LevelSpec, MarketKind, Tables};

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

/// What events have told so far. Signals read it; only [`World::apply`] and the pools' refresh
/// change it.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) tables: Tables,
    pub(crate) markets: Vec<Market>,
    /// Whether the venue lets each market trade.
    pub(crate) tradable: Vec<bool>,
    /// Taker fee of each market. Unit: parts per million.
    pub(crate) taker_fee_ppm: Vec<Aged>,
    pub(crate) priority_fee: Option<Aged>,
    pub(crate) tip: Option<Aged>,
    /// When each market, or the connection that carries it, was last heard of: the newest event with
    /// that market. Unit: Unix nanoseconds.
    pub(crate) heard_ns: Vec<u64>,
    /// Highest slot of the chain.
    pub(crate) chain_slot: u64,
}

impl World {
    /// Empty markets over checked tables. All memory is allocated here.
    pub(crate) fn new(tables: Tables) -> Self {
        let signal = tables.signal;
        let market = |kind| match kind {
            MarketKind::Book { .. } => Market::Book(MarketBook::new()),
            MarketKind::Pool { base } => {
                Market::Pool(MarketPool::new(base, signal.tick_arrays_max, signal.inner_steps_max))
            }
        };
        let started = |level: LevelSpec| level.start.map(|value| Aged { value, at_ns: 0 });
        let specs = &tables.markets;
        Self {
            markets: specs.iter().map(|spec| market(spec.kind)).collect(),
            tradable: alloc::vec![true; specs.len()],
            taker_fee_ppm: specs
                .iter()
                .map(|spec| Aged { value: u64::from(spec.taker_fee_ppm), at_ns: 0 })
                .collect(),
            priority_fee: started(tables.costs.priority_fee),
            tip: started(tables.costs.tip),
            heard_ns: alloc::vec![0; specs.len()],
            chain_slot: 0,
            tables,
        }
    }

    /// Levels the engine starts with are as old as its first event.
    pub(crate) fn start_ages(&mut self, now_ns: u64) {
        for aged in &mut self.taker_fee_ppm {
            aged.at_ns = now_ns;
        }
        for aged in [&mut self.priority_fee, &mut self.tip].into_iter().flatten() {
            aged.at_ns = now_ns;
        }
    }

    /// Takes one event in; names the market whose pairs it concerns, if there is one.
    pub(crate) fn apply(&mut self, event: &Event) -> Option<MarketId> {
        let aged = |value| Aged { value, at_ns: event.recv_ns };
        let index = event.market.index();
        // A polled fee says nothing of the connection that the book comes on.
        let is_polled = matches!(event.body, Body::Param { .. } | Body::Status { .. });
        if let Some(heard_ns) = self.heard_ns.get_mut(index).filter(|_| !is_polled) {
            *heard_ns = event.recv_ns;
        }
        match event.body {
            Body::Slot { .. } => {
                self.chain_slot = self.chain_slot.max(event.seq);
                if let Some(Market::Pool(pool)) = self.markets.get_mut(index) {
                    pool.note_slot(event.seq);
                }
                return None;
            }
            Body::Param { key: ParamKey::PriorityFee, value } => {
                self.priority_fee = Some(aged(value));
                return None;
            }
            Body::Param { key: ParamKey::Tip, value } => {
                self.tip = Some(aged(value));
                return None;
            }
            Body::Heartbeat { .. } | Body::Timer | Body::Ticker { .. } | Body::Trade { .. } => {
                return None;
            }
            Body::Param { key: ParamKey::TakerFee, value } => {
                // A fee that takes everything, or more, is no fee of a venue: as bad as can be.
                *self.taker_fee_ppm.get_mut(index)? = aged(value.min(PPM_ONE - 1));
            }
            Body::Status { tradable } => *self.tradable.get_mut(index)? = tradable != 0,
            Body::BookClear
            | Body::Level { .. }
            | Body::BookDoubt { .. }
            | Body::PoolPrice { .. }
            | Body::PoolMeta { .. }
            | Body::TickArrayBegin { .. }
            | Body::Tick { .. }
            | Body::OracleConstants { .. }
            | Body::OracleVariables { .. } => match self.markets.get_mut(index)? {
                Market::Book(book) => book.apply(event),
                Market::Pool(pool) => pool.apply(event),
            },
        }
        Some(event.market)
    }
}
