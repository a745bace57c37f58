//! How fast messages and trades may follow each other.
//!
//! [`Throttle`] keeps each venue's message rate (R17), [`Repeats`] the number of trades of the
//! strategy (R18).

use alloc::boxed::Box;
use alloc::vec;

use engine_model::units::PPM_ONE;
use engine_model::{PairId, Venue};
use serde::{Deserialize, Serialize};

use super::halt::Breach;
use super::limits::Limits;
use super::ring::{Ring, is_inside};

/// What a venue accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VenueRate {
    /// Messages at once after a pause. A share of it below one message sends nothing.
    pub burst_messages: u32,
    /// Messages per window in the long run.
    pub messages: u32,
    /// The window. Zero sends nothing.
    pub window_ns: u64,
}

/// A token bucket without rounding: the level is counted in 10⁻⁶ × 1 / `window_ns` of a message, so
/// that a nanosecond adds `messages × share_ppm`.
///
/// Widest product: 2⁶⁴ ns × 2³² messages × 2²⁰ ppm = 2¹¹⁶, twice that after an addition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Bucket {
    level: u128,
    at_ns: u64,
}

impl Bucket {
    fn capacity(rate: VenueRate, share_ppm: u64) -> u128 {
        u128::from(rate.burst_messages) * u128::from(rate.window_ns) * u128::from(share_ppm)
    }

    fn message(rate: VenueRate) -> u128 {
        u128::from(rate.window_ns) * u128::from(PPM_ONE)
    }

    /// The level at a later time.
    fn level_at(self, now_ns: u64, rate: VenueRate, share_ppm: u64) -> u128 {
        let elapsed_ns = u128::from(now_ns.saturating_sub(self.at_ns));
        let added = elapsed_ns * u128::from(rate.messages) * u128::from(share_ppm);
        (self.level + added).min(Self::capacity(rate, share_ppm))
    }

    /// Spends one message if there is one.
    fn take(&mut self, now_ns: u64, rate: VenueRate, share_ppm: u64) -> Spent {
        let level = self.level_at(now_ns, rate, share_ppm);
        let message = Self::message(rate);
        let is_enough = message > 0 && level >= message;
        *self = Self {
            level: if is_enough { level - message } else { level },
            at_ns: now_ns.max(self.at_ns),
        };
        if is_enough { Spent::Within } else { Spent::Beyond }
    }
}

/// Whether a message was within the venue's rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spent {
    /// It was.
    Within,
    /// It was not; a cancel goes out all the same.
    Beyond,
}

/// One venue's rate and its two buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct VenueState {
    rate: VenueRate,
    orders: Bucket,
    cancels: Bucket,
}

/// Message rates of the venues: a share for new orders, the rest kept for cancels.
///
/// Both shares together are the venue's rate, so orders and cancels within it stay within the
/// venue's. The slack of a bucket: in any span, at most one burst more than the rate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Throttle {
    /// By venue index.
    venues: [VenueState; Venue::ALL.len()],
    cancels_beyond: u64,
}

impl Throttle {
    /// Full buckets, by venue index.
    #[must_use]
    pub fn new(rates: [VenueRate; Venue::ALL.len()], limits: &Limits, now_ns: u64) -> Self {
        let share_ppm = order_share_ppm(limits);
        let full =
            |rate, share_ppm| Bucket { level: Bucket::capacity(rate, share_ppm), at_ns: now_ns };
        let venues = rates.map(|rate| VenueState {
            rate,
            orders: full(rate, share_ppm),
            cancels: full(rate, PPM_ONE - share_ppm),
        });
        Self { venues, cancels_beyond: 0 }
    }

    /// Takes other rates from here on. What the buckets hold stays, in messages, up to a new burst.
    pub fn set_rates(&mut self, rates: [VenueRate; Venue::ALL.len()]) {
        for (state, rate) in self.venues.iter_mut().zip(rates) {
            if state.rate.window_ns != rate.window_ns {
                for bucket in [&mut state.orders, &mut state.cancels] {
                    // A level counts in parts of the window: divided first, so that it keeps to its
                    // type. Less than a millionth of a message is cut off.
                    let parts = bucket.level / u128::from(state.rate.window_ns.max(1));
                    bucket.level = parts.saturating_mul(u128::from(rate.window_ns));
                }
            }
            state.rate = rate;
        }
    }

    /// New orders that the venue's bucket holds now. Rounds down.
    #[must_use]
    pub fn orders_left(&self, venue: Venue, now_ns: u64, limits: &Limits) -> u32 {
        let VenueState { rate, orders, .. } = self.venues[venue as usize];
        let level = orders.level_at(now_ns, rate, order_share_ppm(limits));
        let messages = level.checked_div(Bucket::message(rate)).unwrap_or(0);
        u32::try_from(messages).unwrap_or(u32::MAX)
    }

    /// A new order is about to go out.
    ///
    /// # Errors
    ///
    /// [`Breach`] when the bucket holds no message: `observed` is one message above what it holds.
    /// Unit: messages.
    pub fn take_order(&mut self, venue: Venue, now_ns: u64, limits: &Limits) -> Result<(), Breach> {
        let VenueState { rate, orders, .. } = &mut self.venues[venue as usize];
        match orders.take(now_ns, *rate, order_share_ppm(limits)) {
            Spent::Within => Ok(()),
            Spent::Beyond => Err(Breach { observed: 1, limit: 0 }),
        }
    }

    /// A cancel goes out. It spends from the part kept for cancels, then from that of orders, and
    /// is never refused: stopping is always possible.
    pub fn take_cancel(&mut self, venue: Venue, now_ns: u64, limits: &Limits) -> Spent {
        let VenueState { rate, orders, cancels } = &mut self.venues[venue as usize];
        let share_ppm = order_share_ppm(limits);
        if cancels.take(now_ns, *rate, PPM_ONE - share_ppm) == Spent::Within
            || orders.take(now_ns, *rate, share_ppm) == Spent::Within
        {
            return Spent::Within;
        }
        self.cancels_beyond = self.cancels_beyond.saturating_add(1);
        Spent::Beyond
    }

    /// Cancels beyond a venue's rate, since the beginning.
    #[must_use]
    pub const fn cancels_beyond(&self) -> u64 {
        self.cancels_beyond
    }
}

/// Never above one, whatever the configuration says.
fn order_share_ppm(limits: &Limits) -> u64 {
    limits.message_share_ppm.min(PPM_ONE)
}

/// Trades of the strategy, per pair and in all, in sliding windows.
///
/// Each window keeps the times of as many trades as it allows: 4,096 pairs × 10 × 8 bytes and
/// 100 × 8 bytes are 330 KB.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repeats {
    pairs: Box<[Ring<u64>]>,
    all: Ring<u64>,
}

impl Repeats {
    /// No trade yet.
    #[must_use]
    pub fn new(pair_count: usize, limits: &Limits) -> Self {
        let pair = Ring::new(capacity(limits.pair_trades_max));
        Self {
            pairs: vec![pair; pair_count].into_boxed_slice(),
            all: Ring::new(capacity(limits.trades_max)),
        }
    }

    /// Trades of a pair inside its window; as many as there can be for a pair outside the tables.
    #[must_use]
    pub fn pair_count(&self, pair: PairId, now_ns: u64, limits: &Limits) -> u32 {
        let window_ns = limits.pair_trades_window_ns;
        self.pairs.get(pair.index()).map_or(u32::MAX, |ring| count_in(ring, window_ns, now_ns))
    }

    /// Trades of all pairs inside the window.
    #[must_use]
    pub fn total_count(&self, now_ns: u64, limits: &Limits) -> u32 {
        count_in(&self.all, limits.trades_window_ns, now_ns)
    }

    /// Whether one more trade of the pair would exceed a window.
    ///
    /// # Errors
    ///
    /// [`Breach`] with the trades that there would be, first of the pair, then of all.
    pub fn check(&self, pair: PairId, now_ns: u64, limits: &Limits) -> Result<(), Breach> {
        let room = |count: u32, limit: u32, capacity: usize| {
            // A window that cannot remember as many as a new limit allows holds to what it can.
            let limit = limit.min(u32::try_from(capacity).unwrap_or(u32::MAX));
            let breach = Breach { observed: i128::from(count) + 1, limit: i128::from(limit) };
            if count < limit { Ok(()) } else { Err(breach) }
        };
        let pair_capacity = self.pairs.get(pair.index()).map_or(0, Ring::capacity);
        room(self.pair_count(pair, now_ns, limits), limits.pair_trades_max, pair_capacity)?;
        room(self.total_count(now_ns, limits), limits.trades_max, self.all.capacity())
    }

    /// Counts a trade of the pair if it exceeds no window. Exceeding one disables the strategy.
    ///
    /// # Errors
    ///
    /// As [`Self::check`]; the trade is then not counted.
    pub fn note(&mut self, pair: PairId, now_ns: u64, limits: &Limits) -> Result<(), Breach> {
        self.check(pair, now_ns, limits)?;
        // What gives way has left its window, or there were as many as the capacity inside it.
        if let Some(ring) = self.pairs.get_mut(pair.index()) {
            ring.push(now_ns);
        }
        self.all.push(now_ns);
        Ok(())
    }

    /// Makes room for other limits, outside the running decisions: this allocates. What was counted
    /// stays counted, the newest where not all fit.
    pub fn resize(&mut self, limits: &Limits) {
        for ring in &mut self.pairs {
            *ring = resized(ring, capacity(limits.pair_trades_max));
        }
        self.all = resized(&self.all, capacity(limits.trades_max));
    }
}

fn capacity(trades_max: u32) -> usize {
    usize::try_from(trades_max).unwrap_or(usize::MAX)
}

fn resized(ring: &Ring<u64>, capacity: usize) -> Ring<u64> {
    let mut resized = Ring::new(capacity);
    for at_ns in ring.iter() {
        resized.push(at_ns);
    }
    resized
}

fn count_in(ring: &Ring<u64>, window_ns: u64, now_ns: u64) -> u32 {
    let count = ring.iter().filter(|at_ns| is_inside(window_ns, *at_ns, now_ns)).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
