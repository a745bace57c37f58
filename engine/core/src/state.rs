//! The whole state of a core as data: written at anchors, read back by whoever starts there.
//!
//! Derived values (cached pool paths, which pairs a market concerns) are made anew; what they are
//! made from is saved, so that a restored core goes on exactly as the saved one would have. Saved
//! between batches only.
//!
//! A run may also begin with the state of the run before, over tables and settings of its own: see
//! [`State::continue_into`].

use alloc::vec::Vec;

use engine_model::Side;
use serde::ser::{SerializeSeq as _, SerializeStruct as _};
use serde::{Deserialize, Serialize, Serializer};

use crate::desk::{Settings, State as DeskState};
use crate::market::balances::Balances;
use crate::market::book::{Book, BookCounts, BookState, MarketBook};
use crate::market::saved::PoolSaved;
use crate::market::world::{Aged, Market, World};
use crate::signal::opportunity::Tracker;
use crate::step::Core;
use crate::tables::Tables;
use crate::timers::Timers;

/// Layout of the state. Another number is another layout.
const LAYOUT: u16 = 2;

/// Why a state was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateError {
    /// Written by a build with another layout.
    Layout(u16),
    /// It does not fit these tables: another number of markets, pairs or assets.
    Misfit,
    /// A value that no core can hold.
    Impossible,
}

impl core::fmt::Display for StateError {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Layout(found) => write!(out, "its layout is {found}, this build reads {LAYOUT}"),
            Self::Misfit => out.write_str("it does not fit the markets of its own run"),
            Self::Impossible => out.write_str("it holds a value that no core can hold"),
        }
    }
}

impl core::error::Error for StateError {}

/// Names every saved field once: for writing by reference, and for reading by value.
macro_rules! saved {
    ($(#[$doc:meta])* $written:ident, $read:ident { $($field:ident: $kind:ty,)* }) => {
        #[derive(Serialize)]
        struct $written<'a> { $($field: &'a $kind,)* }
        $(#[$doc])*
        #[derive(Debug, Deserialize)]
        struct $read { $($field: $kind,)* }
    };
}

saved! {
    /// What a world remembers besides its markets.
    WorldWritten, WorldRead {
        tradable: Vec<bool>,
        taker_fee_ppm: Vec<Aged>,
        priority_fee: Option<Aged>,
        tip: Option<Aged>,
        heard_ns: Vec<u64>,
        proved_ns: Vec<u64>,
        stated_ns: Vec<u64>,
        last_trade_ticks: Vec<u64>,
        chain_slot: u64,
        wall_offset_ns: i64,
        balances: Balances,
        pair_scale_ppm: Vec<u32>,
        configured: Configured,
    }
}

/// Levels that the configuration gave and events may have replaced: where another configuration
/// gives another one, it counts, and where it gives the same, what events told does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Configured {
    /// By market. Unit: parts per million.
    taker_fee_ppm: Vec<u32>,
    priority_fee: Option<u64>,
    tip: Option<u64>,
}

impl Configured {
    fn of(tables: &Tables) -> Self {
        Self {
            taker_fee_ppm: tables.markets.iter().map(|spec| spec.taker_fee_ppm).collect(),
            priority_fee: tables.costs.priority_fee.start,
            tip: tables.costs.tip.start,
        }
    }
}

saved! {
    /// What a core remembers besides its world.
    CoreWritten, CoreRead {
        looked_at: Vec<u64>,
        batch: u64,
        tracker: Tracker,
        timers: Timers,
        seq: u64,
        now_ns: u64,
        has_begun: bool,
        batches: u64,
        digest: u64,
        desk: DeskState,
    }
}

/// A core's state as read back; [`State::into_core`] makes a core of it.
#[derive(Debug, Deserialize)]
pub struct State {
    layout: u16,
    core: CoreRead,
    world: WorldRead,
    markets: Vec<MarketRead>,
}

impl Serialize for Core {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.write(self.seq, serializer)
    }
}

/// A core whose run has ended: its state with the number of the record that says so.
#[derive(Debug)]
pub struct Ended<'a>(pub &'a Core);

impl Ended<'_> {
    /// The number of that record.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.0.seq + 1
    }
}

impl Serialize for Ended<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.write(self.seq(), serializer)
    }
}

impl Core {
    fn write<S: Serializer>(&self, seq: u64, serializer: S) -> Result<S::Ok, S::Error> {
        assert!(!self.is_in_batch(), "Invariant: a state is saved between batches");
        let (world, desk) = (&self.world, self.desk.state());
        let core = CoreWritten {
            looked_at: &self.looked_at,
            batch: &self.batch,
            tracker: &self.tracker,
            timers: &self.timers,
            seq: &seq,
            now_ns: &self.now_ns,
            has_begun: &self.has_begun,
            batches: &self.batches,
            digest: &self.digest,
            desk,
        };
        let configured = Configured::of(&world.tables);
        let rest = WorldWritten {
            tradable: &world.tradable,
            taker_fee_ppm: &world.taker_fee_ppm,
            priority_fee: &world.priority_fee,
            tip: &world.tip,
            heard_ns: &world.heard_ns,
            proved_ns: &world.proved_ns,
            stated_ns: &world.stated_ns,
            last_trade_ticks: &world.last_trade_ticks,
            chain_slot: &world.chain_slot,
            wall_offset_ns: &world.wall_offset_ns,
            balances: &world.balances,
            pair_scale_ppm: &world.pair_scale_ppm,
            configured: &configured,
        };
        let mut fields = serializer.serialize_struct("State", 4)?;
        fields.serialize_field("layout", &LAYOUT)?;
        fields.serialize_field("core", &core)?;
        fields.serialize_field("world", &rest)?;
        fields.serialize_field("markets", &Markets(&world.markets))?;
        fields.end()
    }
}

struct Markets<'a>(&'a [Market]);

impl Serialize for Markets<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for market in self.0 {
            match market {
                Market::Book(book) => {
                    list.serialize_element(&MarketWritten::Book(BookWritten {
                        state: book.state(),
                        last_event_recv_ns: book.last_event_recv_ns(),
                        counts: *book.counts(),
                        bids: Levels(book.book(), Side::Bid),
                        asks: Levels(book.book(), Side::Ask),
                    }))?;
                }
                Market::Pool(pool) => {
                    list.serialize_element(&MarketWritten::Pool(pool.saved()))?;
                }
            }
        }
        list.end()
    }
}

#[derive(Serialize)]
#[expect(clippy::large_enum_variant, reason = "written at once and never kept")]
enum MarketWritten<'a> {
    Book(BookWritten<'a>),
    Pool(PoolSaved),
}

#[derive(Serialize)]
struct BookWritten<'a> {
    state: BookState,
    last_event_recv_ns: u64,
    counts: BookCounts,
    bids: Levels<'a>,
    asks: Levels<'a>,
}

/// Levels of a side, best first.
struct Levels<'a>(&'a Book, Side);

impl Serialize for Levels<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(book, side) = *self;
        let mut list = serializer.serialize_seq(Some(book.count(side)))?;
        for level in book.levels(side) {
            list.serialize_element(&(level.price_ticks, level.size_lots))?;
        }
        list.end()
    }
}

#[derive(Debug, Deserialize)]
#[expect(clippy::large_enum_variant, reason = "few, and taken apart at once")]
enum MarketRead {
    Book(BookRead),
    Pool(PoolSaved),
}

#[derive(Debug, Deserialize)]
struct BookRead {
    state: BookState,
    last_event_recv_ns: u64,
    counts: BookCounts,
    bids: Vec<(u64, u64)>,
    asks: Vec<(u64, u64)>,
}

impl State {
    /// Number of the newest batch or decision.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.core.seq
    }

    /// A core with this state, over the tables and settings of its run.
    ///
    /// # Errors
    ///
    /// [`StateError`] when the state does not fit them.
    pub fn into_core(self, tables: Tables, settings: Settings) -> Result<Core, StateError> {
        if self.layout != LAYOUT {
            return Err(StateError::Layout(self.layout));
        }
        let mut core = Core::with_settings(tables, settings).map_err(|_| StateError::Misfit)?;
        let Self { core: saved, world, markets, .. } = self;
        let pairs = core.pairs.len();
        let count = core.world.markets.len();
        let fits = saved.looked_at.len() == pairs
            && world.pair_scale_ppm.len() == pairs
            && saved.tracker.fits(pairs)
            && markets.len() == count
            && world.balances.fits(&core.world.balances)
            && [world.heard_ns.len(), world.proved_ns.len(), world.stated_ns.len()] == [count; 3]
            && [world.tradable.len(), world.taker_fee_ppm.len(), world.last_trade_ticks.len()]
                == [count; 3];
        if !fits {
            return Err(StateError::Misfit);
        }
        for (market, read) in core.world.markets.iter_mut().zip(markets) {
            match (market, read) {
                (Market::Book(book), MarketRead::Book(read)) => *book = read.into_book()?,
                (Market::Pool(pool), MarketRead::Pool(read)) => {
                    pool.restore(&read).ok_or(StateError::Impossible)?;
                }
                (Market::Book(_) | Market::Pool(_), _) => return Err(StateError::Misfit),
            }
        }
        world.into_world(&mut core.world);
        core.desk.restore(saved.desk).ok_or(StateError::Misfit)?;
        core.looked_at = saved.looked_at;
        core.batch = saved.batch;
        core.tracker = saved.tracker;
        core.timers = saved.timers;
        core.seq = saved.seq;
        core.now_ns = saved.now_ns;
        core.has_begun = saved.has_begun;
        core.batches = saved.batches;
        core.digest = saved.digest;
        Ok(core)
    }

    /// A core that goes on from this state as another run, over tables and settings of its own,
    /// whose first record has the number `begin_seq`.
    ///
    /// Assets, markets, instruments and pairs have to be the same: here their numbers are checked,
    /// the rest is for [`Tables::has_markets_of`]. Everything that was seen, counted, traded and
    /// halted stays; balances do too. A fee, priority fee or tip that is configured otherwise than
    /// before replaces what was known. The new limits are looked at before the next event, at the time
    /// that has been reached; they end no halt.
    ///
    /// # Errors
    ///
    /// [`StateError`] when the state does not fit, is not that of a run that had an event, or ends
    /// after `begin_seq`.
    pub fn continue_into(
        mut self,
        tables: Tables,
        settings: Settings,
        begin_seq: u64,
    ) -> Result<Core, StateError> {
        if !self.core.has_begun || begin_seq <= self.core.seq {
            return Err(StateError::Impossible);
        }
        let none = Configured { taker_fee_ppm: Vec::new(), priority_fee: None, tip: None };
        let before = core::mem::replace(&mut self.world.configured, none);
        if before.taker_fee_ppm.len() != tables.markets.len() {
            return Err(StateError::Misfit);
        }
        let mut core = self.into_core(tables, settings)?;
        core.seq = begin_seq;
        core.world.configure(&before, core.now_ns);
        core.renew();
        Ok(core)
    }
}

impl World {
    /// Takes what is configured otherwise than before, as of now.
    fn configure(&mut self, before: &Configured, now_ns: u64) {
        let now = Configured::of(&self.tables);
        let levels = now.taker_fee_ppm.iter().zip(&before.taker_fee_ppm);
        for (aged, (value, before)) in self.taker_fee_ppm.iter_mut().zip(levels) {
            if value != before {
                *aged = Aged { value: u64::from(*value), at_ns: now_ns };
            }
        }
        let started = |level: Option<u64>| level.map(|value| Aged { value, at_ns: now_ns });
        if now.priority_fee != before.priority_fee {
            self.priority_fee = started(now.priority_fee);
        }
        if now.tip != before.tip {
            self.tip = started(now.tip);
        }
    }
}

impl WorldRead {
    fn into_world(self, world: &mut World) {
        world.tradable = self.tradable;
        world.taker_fee_ppm = self.taker_fee_ppm;
        world.priority_fee = self.priority_fee;
        world.tip = self.tip;
        world.heard_ns = self.heard_ns;
        world.proved_ns = self.proved_ns;
        world.stated_ns = self.stated_ns;
        world.last_trade_ticks = self.last_trade_ticks;
        world.chain_slot = self.chain_slot;
        world.wall_offset_ns = self.wall_offset_ns;
        world.balances = self.balances;
        world.pair_scale_ppm = self.pair_scale_ppm;
    }
}

impl BookRead {
    fn into_book(self) -> Result<MarketBook, StateError> {
        let mut book = Book::new();
        let sides = [(Side::Bid, &self.bids), (Side::Ask, &self.asks)];
        for (side, levels) in sides {
            for (price_ticks, size_lots) in levels {
                let set = book.set(side, *price_ticks, *size_lots);
                if set.is_err() || *size_lots == 0 {
                    return Err(StateError::Impossible);
                }
            }
        }
        Ok(MarketBook::restored(book, self.state, self.last_event_recv_ns, self.counts))
    }
}
