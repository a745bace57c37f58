//! What a decision rested on, to be read and never to be changed.
//!
//! The core shows the state that it looked at to its [`Probe`](crate::probe::Probe) at the moment
//! it decides: afterwards reservations and fills have changed it. [`Seen::grounds`] takes apart what
//! a look at a pair saw; it allocates, so it is for who explains, not for who decides.

mod grounds;

use engine_model::{DoubtReason, MarketId, Side};

pub use grounds::{Cap, CapKind, CostLevel, Grounds, LegGrounds, PieceUsed, RateUsed};

use crate::execution::plan::Plan;
use crate::execution::venue::Flight;
use crate::market::book::BookState;
use crate::market::pool::PoolState;
use crate::market::rates::Touch;
use crate::market::world::{Aged, Market, World};
use crate::risk::halt::{Halt, Halts, Subject};
use crate::risk::{Facts, Limits};

/// The state at one moment, read only.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    pub(crate) world: &'a World,
    now_ns: u64,
}

/// Where one market stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Which.
    pub market: MarketId,
    /// Whether it had its first snapshot.
    pub is_known: bool,
    /// Why it may not be used, when it is in doubt.
    pub doubt: Option<DoubtReason>,
    /// Whether the venue lets it trade.
    pub is_tradable: bool,
    /// Best prices of a book. Unit: ticks.
    pub touch: Option<Touch>,
    /// Square-root price of a pool, Q64.64.
    pub sqrt_price: Option<u128>,
    /// Newest slot at which a pool's state is known to hold.
    pub slot: Option<u64>,
    /// When the market or its connection was last heard of; 0 for never. Unit: core time in
    /// nanoseconds.
    pub heard_ns: u64,
    /// When its state was last proven current; 0 for never. Same unit.
    pub proved_ns: u64,
    /// Taker fee, with the time it was learned. Unit: parts per million.
    pub taker_fee_ppm: Aged,
}

impl<'a> Seen<'a> {
    pub(crate) const fn new(world: &'a World, now_ns: u64) -> Self {
        Self { world, now_ns }
    }

    /// Core time. Unit: nanoseconds.
    #[must_use]
    pub const fn now_ns(&self) -> u64 {
        self.now_ns
    }

    /// Highest slot of the chain.
    #[must_use]
    pub const fn chain_slot(&self) -> u64 {
        self.world.chain_slot
    }

    /// Where a market stands.
    #[must_use]
    pub fn standing(&self, market: MarketId) -> Standing {
        let world = self.world;
        let index = market.index();
        let (is_known, doubt, touch, sqrt_price, slot) = match &world.markets[index] {
            Market::Book(book) => {
                let doubt = match book.state() {
                    BookState::Doubt(reason) => Some(reason),
                    BookState::Empty | BookState::Live => None,
                };
                let is_known = book.state() != BookState::Empty;
                (is_known, doubt, touch_of(book.book()), None, None)
            }
            Market::Pool(pool) => {
                let doubt = match pool.state() {
                    PoolState::Doubt(reason) => Some(reason),
                    PoolState::Empty | PoolState::Live | PoolState::Provisional => None,
                };
                let sqrt_price = pool.pool().map(|pool| pool.sqrt_price);
                (pool.state() != PoolState::Empty, doubt, None, sqrt_price, Some(pool.slot()))
            }
        };
        Standing {
            market,
            is_known,
            doubt,
            is_tradable: world.tradable[index],
            touch,
            sqrt_price,
            slot,
            heard_ns: world.heard_ns[index],
            proved_ns: world.proved_ns[index],
            taker_fee_ppm: world.taker_fee_ppm[index],
        }
    }

    /// What the pool that an order meets would take or give for all of it, whatever the order's
    /// limit. None for a book, and where the pool refuses. Unit: quote units.
    #[must_use]
    pub fn pool_total(&self, flight: &Flight) -> Option<u64> {
        let order = &flight.order;
        let Market::Pool(pool) = &self.world.markets[order.market().index()] else { return None };
        let now_s = self.world.wall_ns(self.now_ns) / 1_000_000_000;
        let inner_steps_max = self.world.tables.signal.inner_steps_max;
        let swapped = pool.try_swap(order.take(), order.steps(), now_s, inner_steps_max).ok()?;
        Some(match order.take() {
            crate::market::take::Take::Buy => swapped.amount_in(),
            crate::market::take::Take::Sell => swapped.amount_out(),
        })
    }
}

/// Best prices of a book, of whatever sides there are: 0 for a side without any.
fn touch_of(book: &crate::market::book::Book) -> Option<Touch> {
    let best = |side| book.best(side).map_or(0, |level| level.price_ticks);
    let touch = Touch { bid_ticks: best(Side::Bid), ask_ticks: best(Side::Ask) };
    (touch.bid_ticks > 0 || touch.ask_ticks > 0).then_some(touch)
}

/// A plan as it comes before risk, with everything that the checks look at.
#[derive(Clone, Copy, Debug)]
pub struct Judgement<'a> {
    /// What is judged.
    pub plan: &'a Plan,
    /// What the checks look at.
    pub facts: &'a Facts,
    /// What they hold it against.
    pub limits: &'a Limits,
    pub(crate) halts: &'a Halts,
    pub(crate) subject: &'a Subject,
}

impl Judgement<'_> {
    /// The halts in force for the plan's pair, in the order in which they were latched.
    pub fn halts(&self) -> impl Iterator<Item = &Halt> {
        self.halts.iter().filter(|halt| halt.scope.covers(self.subject))
    }
}
