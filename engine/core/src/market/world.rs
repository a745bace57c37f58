//! Everything the engine knows of the outside at one moment: markets, fees, cost levels, ages.

use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

use engine_model::event::Event;
use engine_model::units::PPM_ONE;
use engine_model::{Body, MarketId, ParamKey, Venue};

use super::balances::Balances;
use super::book::{BookState, MarketBook};
use super::pool::MarketPool;
use crate::num::ratio::mul_div_floor;
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// When each market's state was last proven current, 0 for never: as `heard_ns` where the
    /// feed has a sequence, else by its book's own messages only. Unit: core time in nanoseconds.
    pub(crate) proved_ns: Vec<u64>,
    /// When each market's metadata was last stated. Unit: core time in nanoseconds.
    pub(crate) stated_ns: Vec<u64>,
    /// Last traded price of each book in ticks, 0 for none.
    pub(crate) last_trade_ticks: Vec<u64>,
    /// Highest slot of the chain.
    pub(crate) chain_slot: u64,
    /// Wall time minus core time, as the newest clock event told. Unit: nanoseconds.
    pub(crate) wall_offset_ns: i64,
    /// What lies ready at the venues.
    pub(crate) balances: Balances,
    /// What the sizing may use of it all.
    pub(crate) margins: Margins,
    /// Share of the usual order size that each pair may use now. Unit: parts per million.
    pub(crate) pair_scale_ppm: Vec<u32>,
}

/// What the sizing leaves untouched, so that an order within its limit price still passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Margins {
    /// Highest notional of an order at its limit price. Unit: units of the numeraire.
    pub(crate) order_notional_max: u128,
    /// By how much a limit price may lie beyond the average price. Unit: parts per million.
    pub(crate) notional_ppm: u32,
    /// What a balance must hold above the need. Unit: parts per million of the need.
    pub(crate) buffer_ppm: u32,
    /// By how much the first leg may cost more than planned. Unit: parts per million.
    pub(crate) slippage_ppm: u32,
}

impl Margins {
    /// Everything may be used.
    pub(crate) const NONE: Self =
        Self { order_notional_max: u128::MAX, notional_ppm: 0, buffer_ppm: 0, slippage_ppm: 0 };

    /// What may be planned against a balance of so much, rounded down.
    pub(crate) fn of_balance(&self, available: u128) -> u128 {
        let one = u128::from(PPM_ONE);
        let buffered = mul_div_floor(available, one, one + u128::from(self.buffer_ppm));
        buffered
            .and_then(|part| mul_div_floor(part, one, one + u128::from(self.slippage_ppm)))
            .unwrap_or(0)
    }
}

impl World {
    /// Empty markets over checked tables. All memory is allocated here.
    pub(crate) fn new(tables: Tables, pairs: usize) -> Self {
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
            proved_ns: alloc::vec![0; specs.len()],
            stated_ns: alloc::vec![0; specs.len()],
            last_trade_ticks: alloc::vec![0; specs.len()],
            chain_slot: 0,
            wall_offset_ns: 0,
            balances: Balances::new(&tables),
            margins: Margins::NONE,
            pair_scale_ppm: alloc::vec![1_000_000; pairs],
            tables,
        }
    }

    /// Levels the engine starts with are as old as its first event.
    pub(crate) fn start_ages(&mut self, now_ns: u64) {
        self.stated_ns.fill(now_ns);
        for aged in &mut self.taker_fee_ppm {
            aged.at_ns = now_ns;
        }
        for aged in [&mut self.priority_fee, &mut self.tip].into_iter().flatten() {
            aged.at_ns = now_ns;
        }
    }

    /// Whether a market has a state that is not in doubt.
    pub(crate) fn is_live(&self, market: MarketId) -> bool {
        match self.markets.get(market.index()) {
            Some(Market::Book(book)) => book.state() == BookState::Live,
            Some(Market::Pool(pool)) => pool.state().is_usable(),
            None => false,
        }
    }

    /// Wall time at a core time. Unit: Unix nanoseconds.
    pub(crate) const fn wall_ns(&self, now_ns: u64) -> u64 {
        now_ns.saturating_add_signed(self.wall_offset_ns)
    }

    /// Takes one event in; names the market whose pairs it concerns, if there is one.
    pub(crate) fn apply(&mut self, event: &Event) -> Option<MarketId> {
        let aged = |value| Aged { value, at_ns: event.recv_ns };
        let index = event.market.index();
        // A polled fee, or a measurement of our own, says nothing of the connection that the book comes on.
        let is_polled =
            matches!(event.body, Body::Param { .. } | Body::Status { .. } | Body::Engine { .. });
        if let Some(heard_ns) = self.heard_ns.get_mut(index).filter(|_| !is_polled) {
            *heard_ns = event.recv_ns;
            let is_book = matches!(event.body, Body::BookClear | Body::Level { .. });
            // Without a sequence only the book's own messages prove it.
            if is_book || matches!(event.venue, Venue::Coinbase | Venue::Solana) {
                self.proved_ns[index] = event.recv_ns;
            }
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
            Body::Trade { price_ticks, .. } => {
                *self.last_trade_ticks.get_mut(index)? = price_ticks;
                return None;
            }
            Body::Clock { wall_ns } => {
                // A clock that is centuries off saturates; nothing follows from it but a wrong day.
                let offset = i128::from(wall_ns) - i128::from(event.recv_ns);
                self.wall_offset_ns = i64::try_from(offset).unwrap_or(i64::MAX);
                return None;
            }
            Body::Heartbeat { .. }
            | Body::Timer
            | Body::Ticker { .. }
            | Body::Command(_)
            | Body::Engine { .. } => return None,
            Body::Param { key: ParamKey::TakerFee, value } => {
                // A fee that takes everything, or more, is no fee of a venue: as bad as can be.
                *self.taker_fee_ppm.get_mut(index)? = aged(value.min(PPM_ONE - 1));
            }
            Body::Status { tradable } => {
                *self.tradable.get_mut(index)? = tradable != 0;
                self.stated_ns[index] = event.recv_ns;
            }
            Body::BookClear
            | Body::Level { .. }
            | Body::BookDoubt { .. }
            | Body::Gap { .. }
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
