//! A core over the recorded Coinbase markets, each with a book at Gemini that does not move.
//!
//! The recording alone decides nothing: its two markets are of different assets. So each gets a
//! counterpart whose best bid is set once: a given distance above the first best ask
//! ([`Scene::apart`]), or such that about half of the updates leave a trade ([`Scene::tuned`]).
//! Everything else is the product's: decoder, events, core, risk with its own limits, simulated
//! venues. What differs from the reviewed limits is named in [`settings`].

use connector_net::{Market, Sink};
use engine_core::desk::Settings;
use engine_core::execution::spec::{LegOrder, Retrade, Spec, Venues};
use engine_core::risk::Limits;
use engine_core::risk::throttle::VenueRate;
use engine_core::signal::evaluation::Code;
use engine_core::tables::{
    AssetSpec, CapSpec, CostSpec, InstrumentSpec, LevelSpec, MarketKind, MarketSpec,
    SameVenuePairs, SignalSpec, Tables,
};
use engine_core::{Core, Decision, NoProbe, Outbox, Output};
use engine_model::units::PPM_ONE;
use engine_model::{AssetId, Body, Event, Flags, Grid, MarketId, Side, Venue};

use crate::frames::Feed;

/// Levels on each side of a book that does not move.
const STILL_LEVELS: u64 = 20;
/// Size of each of them: no simulated fill uses one up. Unit: lots.
const STILL_LOTS: u64 = 1_000_000_000_000;
/// Published entry tiers. Unit: parts per million.
const COINBASE_FEE_PPM: u32 = 9_000;
/// As above.
const GEMINI_FEE_PPM: u32 = 4_000;

/// What the core made of one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Pairs were looked at, none was worth a trade, nothing else happened.
    Below,
    /// A look was sized and passed every check: a trade began.
    Approved,
    /// A look was sized and went through every check, one of which refused it.
    Refused,
    /// Anything else: a trade ended, an opportunity closed, or one that is being traded goes on.
    Other,
}

impl Fate {
    fn of(outputs: &[Output]) -> Self {
        let decided = |wanted: fn(&Decision) -> bool| {
            let is_it =
                |output: &Output| matches!(output, Output::Decided(it) if wanted(&it.decision));
            outputs.iter().any(is_it)
        };
        let is_tradable =
            |output: &Output| matches!(output, Output::Evaluated(it) if it.code == Code::Tradable);
        if decided(|it| matches!(it, Decision::Approved { .. })) {
            Self::Approved
        } else if decided(|it| matches!(it, Decision::Refused(_))) {
            Self::Refused
        } else if outputs.iter().any(is_tradable)
            || decided(|it| !matches!(it, Decision::Checkpoint(_)))
        {
            Self::Other
        } else {
            Self::Below
        }
    }
}

/// The markets' events, batch by batch, and what the core is built with.
#[derive(Clone, Debug)]
pub struct Scene {
    /// What the core is built with.
    pub tables: Tables,
    /// What its desk is built with.
    pub settings: Settings,
    /// What every pass begins behind: clock, still books, snapshots.
    pub start: Vec<Event>,
    /// The update frames, a batch each, as the decoder gives them.
    pub batches: Vec<Vec<Event>>,
    /// What the core makes of each.
    pub fates: Vec<Fate>,
}

impl Scene {
    /// The recording alone: its markets pair with nothing, and nothing is ever worth a trade.
    ///
    /// # Panics
    ///
    /// When the recording cannot be read.
    #[must_use]
    pub fn alone(feed: &Feed) -> Self {
        let (start, batches) = decoded(feed);
        let fates = vec![Fate::Below; batches.len()];
        Self { tables: tables(feed, &[]), settings: settings(), start, batches, fates }
    }

    /// Each market of the recording against a still book at Gemini whose best bid lies so far above
    /// the market's first best ask. Unit of the distance: parts per million, rounded down.
    ///
    /// # Panics
    ///
    /// When the recording cannot be read.
    #[must_use]
    pub fn apart(feed: &Feed, above_ppm: u64) -> Self {
        let mut scene = Self::alone(feed);
        scene.tables = tables(feed, &[Venue::Gemini]);
        let best_bid = |market: &Market| {
            let ask = touch_after(&scene.start, market.id);
            ask + ask * above_ppm / PPM_ONE
        };
        let prices: Vec<u64> = feed.markets.iter().map(best_bid).collect();
        scene.start = with_still_books(feed, &scene.start, &prices);
        scene.fates = scene.run(Fate::of);
        scene
    }

    /// Each market of the recording against a still book at Gemini, whose prices are chosen so that
    /// about half of the updates leave a trade. The least edge of a trade is set to zero, so that
    /// what lies below it is not profitable.
    ///
    /// # Panics
    ///
    /// When the recording cannot be read.
    #[must_use]
    pub fn tuned(feed: &Feed) -> Self {
        let mut scene = Self::alone(feed);
        scene.tables = tables(feed, &[Venue::Gemini]);
        scene.tables.signal.min_edge_ppm = 0;
        scene.settings.limits.edge_ppm_min = 0;
        let recorded = core::mem::take(&mut scene.start);
        let mut prices: Vec<u64> = feed.markets.iter().map(|_| 0).collect();
        for market in 0..prices.len() {
            let id = feed.markets[market].id;
            // Below `low` nearly nothing is worth a trade, from `high` on nearly everything is.
            let touch = touch_after(&recorded, id);
            let (mut low, mut high) = (touch, touch + touch / 20);
            let all = scene.batches.iter().filter(|batch| batch[0].market == id).count();
            while high - low > 1 {
                prices[market] = low.midpoint(high);
                scene.start = with_still_books(feed, &recorded, &prices);
                let found = scene.tradable_on(id);
                if 2 * found < all { low = prices[market] } else { high = prices[market] }
            }
            prices[market] = high;
        }
        scene.start = with_still_books(feed, &recorded, &prices);
        scene.fates = scene.run(Fate::of);
        scene
    }

    /// A core that has taken what every pass begins behind.
    ///
    /// # Panics
    ///
    /// Never: the tables fit together.
    #[must_use]
    pub fn core(&self) -> (Core, Outbox) {
        let core = Core::with_settings(self.tables.clone(), self.settings.clone());
        let mut core = core.expect("tables that fit together");
        let mut out = Outbox::for_pairs(core.pairs().len());
        for event in &self.start {
            core.step(event, &mut out, &mut NoProbe);
            out.clear();
        }
        (core, out)
    }

    /// What `each` says of the outputs of every frame of a pass.
    fn run<T>(&self, each: impl Fn(&[Output]) -> T) -> Vec<T> {
        let (mut core, mut out) = self.core();
        let mut said = Vec::new();
        let mut outputs = Vec::new();
        for batch in &self.batches {
            outputs.clear();
            for event in batch {
                core.step(event, &mut out, &mut NoProbe);
                outputs.extend_from_slice(out.outputs());
                out.clear();
            }
            said.push(each(&outputs));
        }
        said
    }

    /// Frames of a market after which one of its pairs is worth a trade.
    fn tradable_on(&self, market: MarketId) -> usize {
        let is_tradable =
            |output: &Output| matches!(output, Output::Evaluated(it) if it.code == Code::Tradable);
        let found = self.run(|outputs| outputs.iter().any(is_tradable));
        let batches = self.batches.iter().zip(found);
        batches.filter(|(batch, found)| *found && batch[0].market == market).count()
    }
}

/// Snapshots as one list, and the updates, a batch each.
fn decoded(feed: &Feed) -> (Vec<Event>, Vec<Vec<Event>>) {
    let mut decoder = feed.decoder();
    let mut out = Sink::default();
    let mut start = Vec::new();
    let first_ns = feed.snapshots[0].recv_ns;
    start.push(event(
        first_ns,
        Event::NO_MARKET,
        Venue::Coinbase,
        Body::Clock { wall_ns: first_ns },
    ));
    for frame in &feed.snapshots {
        out.clear();
        decoder.decode(frame, &mut out);
        start.extend_from_slice(&out.events);
    }
    let mut batches = Vec::new();
    for frame in &feed.updates {
        out.clear();
        decoder.decode(frame, &mut out);
        assert_eq!(out.batches.len(), 1, "line {}: one batch", frame.line);
        batches.push(out.events.clone());
    }
    (start, batches)
}

/// An event that is a batch of its own.
fn event(recv_ns: u64, market: MarketId, venue: Venue, body: Body) -> Event {
    let flags = Flags(Flags::END_OF_BATCH);
    Event { recv_ns, venue_ns: 0, seq: 0, market, venue, flags, body }
}

/// Best ask of a market after these events. Unit: ticks.
fn touch_after(events: &[Event], market: MarketId) -> u64 {
    let ask = |event: &Event| {
        let Body::Level { side: Side::Ask, price_ticks, .. } = event.body else { return None };
        (event.market == market).then_some(price_ticks)
    };
    events.iter().filter_map(ask).min().expect("a snapshot of the market")
}

/// The recorded start, then a still book beside each market with its best bid at this price.
fn with_still_books(feed: &Feed, recorded: &[Event], best_bids: &[u64]) -> Vec<Event> {
    let mut start = recorded.to_vec();
    let recv_ns = recorded.last().map_or(0, |event| event.recv_ns);
    for (index, best_bid) in best_bids.iter().enumerate() {
        let market = counterpart(feed, index);
        let mut push = |body| {
            let event = event(recv_ns, market, Venue::Gemini, body);
            start.push(Event { flags: Flags::default(), ..event });
        };
        push(Body::BookClear);
        for rank in 0..STILL_LEVELS {
            // The asks lie a thousandth above the bids, and never below a tick.
            let ask = best_bid + best_bid / 1_000 + 1 + rank;
            for (side, price_ticks) in
                [(Side::Bid, best_bid - rank.min(*best_bid)), (Side::Ask, ask)]
            {
                push(Body::Level { side, price_ticks: price_ticks.max(1), size_lots: STILL_LOTS });
            }
        }
        if let Some(last) = start.last_mut() {
            last.flags = Flags(Flags::END_OF_BATCH);
        }
    }
    start
}

/// The still market beside the recording's market at this place.
fn counterpart(feed: &Feed, index: usize) -> MarketId {
    let id = feed.markets.len() + index;
    MarketId(u16::try_from(id).expect("a handful of markets"))
}

/// The recording's markets at their own venue, then again at each of `others`.
fn tables(feed: &Feed, others: &[Venue]) -> Tables {
    let count = feed.markets.len();
    let usd = AssetSpec { decimals: 6, counts_as: AssetId(0), equivalence_ppm: 0 };
    let mut assets = vec![usd];
    for index in 0..count {
        let counts_as = asset(index);
        assets.push(AssetSpec { decimals: 8, counts_as, equivalence_ppm: 0 });
    }
    let mut markets = Vec::new();
    for venue in core::iter::once(&feed.venue).chain(others) {
        for (index, market) in feed.markets.iter().enumerate() {
            assert!(!others.is_empty() || market.id.index() == index, "ids in order");
            markets.push(market_spec(*venue, asset(index), market.grid));
        }
    }
    let instrument = |index| InstrumentSpec {
        market: MarketId(index),
        settles_in: AssetId(0),
        // A million coins and a billion dollars: no balance limits a trade.
        base_balance: Some(100_000_000_000_000),
        quote_balance: Some(1_000_000_000_000_000),
    };
    let total = u16::try_from(markets.len()).expect("a handful of markets");
    Tables {
        numeraire: AssetId(0),
        assets,
        markets,
        instruments: (0..total).map(instrument).collect(),
        rates: Vec::new(),
        costs: CostSpec {
            compute_unit_limit: 200_000,
            base_fee_lamports: 5_000,
            priority_fee: LevelSpec { start: None, max_age_ns: 0 },
            tip: LevelSpec { start: None, max_age_ns: 0 },
            fee_tier_max_age_ns: 0,
            coin_price: None,
            landing_failure_ppm: 0,
            broken_leg_ppm: 50,
            latency_buffer_ppm: 100,
        },
        caps: CapSpec { order_notional: None, base_size_e18: Vec::new() },
        signal: SignalSpec {
            min_edge_ppm: 1_000,
            same_venue_pairs: SameVenuePairs::Skip,
            inner_steps_max: 100,
            tick_arrays_max: 128,
            sweep_ns: 100_000_000,
        },
    }
}

/// The base asset of the recording's market at this place; 0 is the dollar.
fn asset(index: usize) -> AssetId {
    AssetId(u16::try_from(index + 1).expect("a handful of markets"))
}

fn market_spec(venue: Venue, base: AssetId, grid: Grid) -> MarketSpec {
    MarketSpec {
        venue,
        kind: MarketKind::Book { grid },
        base,
        quote: AssetId(0),
        taker_fee_ppm: if venue == Venue::Coinbase { COINBASE_FEE_PPM } else { GEMINI_FEE_PPM },
        stale_after_ns: u64::MAX,
        stale_after_slots: u64::MAX,
        min_order_size_e18: 10_000_000_000_000,
        min_order_notional: 1,
    }
}

/// The reviewed limits, except that a book which does not move is not stale, and that trades may
/// follow one another as fast as the frames do: the recording lasts fifteen seconds, and with the
/// reviewed counts nearly all of its frames would be refused for coming too soon.
fn settings() -> Settings {
    let limits = Limits {
        feed_age_ns_max: u64::MAX / 2,
        book_age_ns_max: u64::MAX / 2,
        pair_trades_max: 10_000,
        trades_max: 10_000,
        duplicate_window_ns: 0,
        ..Limits::default()
    };
    let rate = VenueRate { burst_messages: 10_000, messages: 10_000, window_ns: 1_000_000_000 };
    Settings {
        limits,
        execution: Spec {
            venues: Venues::Simulated,
            leg_order: LegOrder::Simultaneous,
            retrade: Retrade::Again,
            ..Spec::OFF
        },
        rates: [rate; Venue::ALL.len()],
        ..Settings::watching()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tuned_scene_decides_both_ways_and_repeats_itself() {
        let feed = Feed::coinbase();
        let scene = Scene::tuned(&feed);
        let count = |fate| scene.fates.iter().filter(|it| **it == fate).count();
        let said = [Fate::Below, Fate::Approved, Fate::Refused, Fate::Other].map(count);
        assert!(said[0] > 50 && said[1] > 50, "{said:?}");
        assert_eq!(scene.fates, scene.run(Fate::of), "a pass gives the same again");
        let alone = Scene::alone(&feed);
        // Nothing to compare with: nothing is said but the checkpoint of every 256 batches.
        let is_checkpoint = |said: &Output| matches!(said, Output::Decided(it) if matches!(it.decision, Decision::Checkpoint(_)));
        assert!(alone.run(|said| said.iter().all(is_checkpoint)).iter().all(|quiet| *quiet));
    }
}
