//! barter's engine, run as its own backtest runs it.
//!
//! [`sync_run`] takes the events from an iterator, processes each with an audit and ends when the
//! iterator does. The clock is the historical one, trading is enabled, the default strategy is asked
//! after every event and never orders, the default risk manager approves. No audit is sent anywhere
//! and nobody subscribes to its `tracing`, which is how it is fastest.

use std::fmt::Debug;
use std::rc::Rc;

use ::barter::EngineEvent;
use ::barter::engine::audit::EngineAudit;
use ::barter::engine::clock::HistoricalClock;
use ::barter::engine::execution_tx::MultiExchangeTxMap;
use ::barter::engine::run::sync_run;
use ::barter::engine::state::EngineState;
use ::barter::engine::state::global::DefaultGlobalData;
use ::barter::engine::state::instrument::data::{DefaultInstrumentMarketData, InstrumentDataState};
use ::barter::engine::state::order::in_flight_recorder::InFlightRequestRecorder;
use ::barter::engine::state::trading::TradingState;
use ::barter::engine::{Engine, Processor};
use ::barter::risk::DefaultRiskManager;
use ::barter::strategy::DefaultStrategy;
use barter_data::books::{self, OrderBook};
use barter_data::event::{DataKind, MarketEvent};
use barter_data::streams::consumer::MarketStreamEvent;
use barter_data::subscription::book::{OrderBookEvent, OrderBookL1};
use barter_execution::AccountEvent;
use barter_execution::order::request::{OrderRequestCancel, OrderRequestOpen};
use barter_instrument::Underlying;
use barter_instrument::asset::Asset;
use barter_instrument::exchange::ExchangeId;
use barter_instrument::index::IndexedInstruments;
use barter_instrument::instrument::{Instrument, InstrumentIndex};
use chrono::{DateTime, Utc};
use connector_net::Market;
use engine_core::market::book::Level;
use engine_model::{Grid, Side};
use rust_decimal::Decimal;

use super::{Batch, Recording};
use crate::turns::Work;

/// What a frame is a part of.
#[derive(Clone, Copy)]
pub(crate) enum Part {
    /// The book before the first update, cut to so many of the best levels of each side.
    Snapshot(usize),
    /// What comes after it.
    Update,
}

/// What an engine holds of an instrument, and the events that feed it.
pub(crate) trait Data: InstrumentDataState + Default {
    /// A frame as this data takes it.
    fn kind(batch: &Batch, grid: &Grid, part: Part) -> Self::MarketEventKind;
    /// Best levels, bid first.
    fn best(&self) -> [Option<books::Level>; 2];
}

/// An instrument with its whole order book.
#[derive(Clone, Debug, Default)]
pub(crate) struct FullBook(OrderBook);

impl Processor<&MarketEvent<InstrumentIndex, OrderBookEvent>> for FullBook {
    type Audit = ();

    fn process(&mut self, event: &MarketEvent<InstrumentIndex, OrderBookEvent>) {
        self.0.update(&event.kind);
    }
}

impl Processor<&AccountEvent> for FullBook {
    type Audit = ();

    fn process(&mut self, _event: &AccountEvent) {}
}

impl InFlightRequestRecorder for FullBook {
    fn record_in_flight_cancel(&mut self, _request: &OrderRequestCancel) {}

    fn record_in_flight_open(&mut self, _request: &OrderRequestOpen) {}
}

impl InstrumentDataState for FullBook {
    type MarketEventKind = OrderBookEvent;

    fn price(&self) -> Option<Decimal> {
        self.0.volume_weighed_mid_price()
    }
}

impl Data for FullBook {
    fn kind(batch: &Batch, grid: &Grid, part: Part) -> OrderBookEvent {
        let side = |side| {
            let of_side = batch.levels.iter().filter(move |level| level.side == side);
            of_side.map(|level| decimal_level(level.price_ticks, level.size_lots, grid))
        };
        let time = Some(utc(batch.venue_ns));
        let book = OrderBook::new(batch.seq, time, side(Side::Bid), side(Side::Ask));
        match part {
            Part::Snapshot(depth) => OrderBookEvent::Snapshot(book.snapshot(depth)),
            Part::Update => OrderBookEvent::Update(book),
        }
    }

    fn best(&self) -> [Option<books::Level>; 2] {
        [self.0.bids().best().copied(), self.0.asks().best().copied()]
    }
}

/// What barter ships: best prices only. Whoever feeds it has kept the book.
impl Data for DefaultInstrumentMarketData {
    fn kind(batch: &Batch, grid: &Grid, _part: Part) -> DataKind {
        let level = |level: Level| decimal_level(level.price_ticks, level.size_lots, grid);
        DataKind::OrderBookL1(OrderBookL1 {
            last_update_time: utc(batch.venue_ns),
            best_bid: batch.top[0].map(level),
            best_ask: batch.top[1].map(level),
        })
    }

    fn best(&self) -> [Option<books::Level>; 2] {
        [self.l1.best_bid, self.l1.best_ask]
    }
}

/// On the decimals of the grid, so that a mantissa is ticks or lots.
fn decimal_level(price_ticks: u64, size_lots: u64, grid: &Grid) -> books::Level {
    assert_eq!((grid.tick.step, grid.lot.step), (1, 1), "a grid of powers of ten");
    let decimal =
        |units: u64, places: u8| Decimal::from_i128_with_scale(units.into(), places.into());
    books::Level::new(decimal(price_ticks, grid.tick.places), decimal(size_lots, grid.lot.places))
}

fn utc(unix_ns: u64) -> DateTime<Utc> {
    DateTime::from_timestamp_nanos(unix_ns.cast_signed())
}

type State<D> = EngineState<DefaultGlobalData, D>;
type BarterEngine<D> = Engine<
    HistoricalClock,
    State<D>,
    MultiExchangeTxMap,
    DefaultStrategy<State<D>>,
    DefaultRiskManager<State<D>>,
>;
type Input<D> = EngineEvent<<D as InstrumentDataState>::MarketEventKind>;

pub(crate) struct BarterSide<D: Data> {
    recording: Rc<Recording>,
    /// In the order of the recording's markets.
    instruments: Vec<InstrumentIndex>,
    /// After the snapshots.
    start: State<D>,
    engine: BarterEngine<D>,
    /// The recording's updates.
    events: Vec<Input<D>>,
    /// Those of the turn. The engine takes them as its own, so they are cloned before it.
    queue: Vec<Input<D>>,
}

impl<D: Data + Debug> BarterSide<D> {
    /// An engine that has read the snapshots down to `depth` levels of each side.
    pub(crate) fn new(recording: &Rc<Recording>, depth: usize) -> Self {
        let indexed = IndexedInstruments::new(recording.markets.iter().map(instrument));
        let find = |market: &Market| {
            let name = instrument(market).name_internal;
            indexed.find_instrument_index(ExchangeId::Coinbase, &name).expect("just added")
        };
        let instruments: Vec<InstrumentIndex> = recording.markets.iter().map(find).collect();
        let start = EngineState::builder(&indexed, DefaultGlobalData, |_| D::default())
            .time_engine_start(recording.clock_start())
            .trading_state(TradingState::Enabled)
            .build();
        let input = |batch: &Batch, part| {
            let grid = &recording.markets[batch.market].grid;
            EngineEvent::Market(MarketStreamEvent::Item(MarketEvent {
                time_exchange: utc(batch.venue_ns),
                time_received: utc(batch.recv_ns),
                exchange: ExchangeId::Coinbase,
                instrument: instruments[batch.market],
                kind: D::kind(batch, grid, part),
            }))
        };
        let mut queue: Vec<_> =
            recording.snapshots.iter().map(|batch| input(batch, Part::Snapshot(depth))).collect();
        let events = recording.updates.iter().map(|batch| input(batch, Part::Update)).collect();
        let mut engine = Engine::new(
            HistoricalClock::new(recording.clock_start()),
            start,
            std::iter::once((ExchangeId::Coinbase, None)).collect(),
            DefaultStrategy::default(),
            DefaultRiskManager::default(),
        );
        sync_run(&mut queue.drain(..), &mut engine);
        let start = engine.state.clone();
        Self { recording: Rc::clone(recording), instruments, start, engine, events, queue }
    }
}

impl Recording {
    /// When the first snapshot was sent.
    fn clock_start(&self) -> DateTime<Utc> {
        utc(self.snapshots[0].venue_ns)
    }
}

/// As barter names it, from `BTC-USD`.
fn instrument(market: &Market) -> Instrument<ExchangeId, Asset> {
    let (base, quote) = market.symbol.split_once('-').expect("a Coinbase product");
    let underlying = Underlying::new(base, quote);
    let name = format!("coinbase-{base}_{quote}");
    Instrument::spot(ExchangeId::Coinbase, name, &*market.symbol, underlying, None)
}

impl<D: Data> Work for BarterSide<D> {
    fn prepare(&mut self, turn: usize) {
        if turn == 0 {
            self.engine.state = self.start.clone();
            self.engine.clock = HistoricalClock::new(self.recording.clock_start());
            self.engine.reset_metadata();
        }
        self.queue.extend_from_slice(&self.events[self.recording.turns[turn].clone()]);
    }

    fn run(&mut self, _turn: usize) -> u64 {
        let audit = sync_run(&mut self.queue.drain(..), &mut self.engine);
        assert!(matches!(audit, EngineAudit::FeedEnded), "every event was taken");
        let mut sum = 0_u64;
        for instrument in &self.instruments {
            let data = &self.engine.state.instruments.instrument_index(instrument).data;
            for level in data.best().into_iter().flatten() {
                let ticks = u64::try_from(level.price.mantissa());
                sum = sum.wrapping_add(ticks.expect("a price is not negative"));
            }
        }
        sum
    }
}
