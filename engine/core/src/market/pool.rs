//! One pool: exact chain state, and the cached paths that make its quotes cheap.

use alloc::vec::Vec;

use engine_model::event::{halves, joined};
use engine_model::{Body, DoubtReason, Event, Flags};
use engine_poolmath::whirlpool::{
    AdaptiveConstants, AdaptiveVariables, Amount, Direction, Existence, MAX_SQRT_PRICE, MAX_TICK,
    MIN_SQRT_PRICE, MIN_TICK, Oracle, Path, Pool, SwapError, SwapRequest, SwapResult, TickArray,
    TickArraySet, swap,
};
use serde::{Deserialize, Serialize};

use super::saved::PoolSaved;
use super::take::Take;
use crate::tables::BaseToken;

/// Whether a pool may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PoolState {
    /// No full state yet.
    Empty,
    /// Complete and trusted.
    Live,
    /// In doubt until the next full state.
    Doubt(DoubtReason),
    /// Trusted, but told before its slot was over: the price holds inside the range between the two
    /// initialised ticks around it, and nothing beyond that range is quoted.
    Provisional,
}

impl PoolState {
    /// Whether quotes may be had, be it of the current range alone.
    #[must_use]
    pub const fn is_usable(self) -> bool {
        matches!(self, Self::Live | Self::Provisional)
    }
}

/// Which of the two assumed execution times a path is for.
///
/// The adaptive fee depends on the chain's clock at execution, which is now or a moment later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// The second of the event.
    Now = 0,
    /// The second after.
    Next = 1,
}

/// A pool and its paths.
#[derive(Debug)]
pub struct MarketPool {
    state: PoolState,
    pool: Option<Pool>,
    oracle: Option<Oracle>,
    /// What the chain last said of the oracle, while our own simulated swap is carried.
    chain_oracle: Option<Oracle>,
    pending_constants: Option<(u64, AdaptiveConstants)>,
    pending_price: Option<(u128, u128)>,
    arrays: TickArraySet,
    array_begun: bool,
    base: BaseToken,
    /// By direction (A to B first), then by [`At`].
    paths: [[Path; 2]; 2],
    changed: bool,
    paths_now_s: u64,
    slot: u64,
    last_event_recv_ns: u64,
    doubts: u64,
}

impl MarketPool {
    /// An empty pool. All memory is allocated here.
    #[must_use]
    pub fn new(base: BaseToken, tick_arrays_max: usize, inner_steps_max: u32) -> Self {
        let path = || Path::with_capacity(inner_steps_max);
        Self {
            state: PoolState::Empty,
            pool: None,
            oracle: None,
            chain_oracle: None,
            pending_constants: None,
            pending_price: None,
            arrays: TickArraySet::with_capacity(tick_arrays_max, 1),
            array_begun: false,
            base,
            paths: [[path(), path()], [path(), path()]],
            changed: false,
            paths_now_s: 0,
            slot: 0,
            last_event_recv_ns: 0,
            doubts: 0,
        }
    }

    /// Applies one event of this pool. Anything that contradicts the layout puts it in doubt.
    pub fn apply(&mut self, event: &Event) {
        self.last_event_recv_ns = event.recv_ns;
        self.slot = self.slot.max(event.seq);
        match event.body {
            Body::BookClear => self.clear(),
            Body::BookDoubt { reason } => self.doubt(reason),
            Body::Gap { .. } => self.doubt(DoubtReason::Lost),
            Body::PoolPrice { sqrt_price_hi, sqrt_price_lo, liquidity } => {
                let sqrt_price = joined([sqrt_price_lo, u64::from(sqrt_price_hi)]);
                self.pending_price = Some((sqrt_price, joined(liquidity)));
            }
            Body::PoolMeta { .. } => self.apply_meta(event.body, event.flags),
            Body::TickArrayBegin { start_tick_index, exists } => {
                let existence = if exists == 0 { Existence::Absent } else { Existence::Present };
                self.array_begun = self.arrays.begin(start_tick_index, existence).is_ok();
                if !self.array_begun {
                    self.doubt(DoubtReason::TooLarge);
                }
                self.changed = true;
            }
            Body::Tick { index, liquidity_net } => {
                let net = joined(liquidity_net).cast_signed();
                if !self.array_begun || self.arrays.set_tick(index, net).is_err() {
                    self.doubt(DoubtReason::BadAccount);
                }
                self.changed = true;
            }
            Body::OracleConstants { .. } => self.apply_oracle_constants(event.body),
            Body::OracleVariables { .. } => self.apply_oracle_variables(event.body),
            Body::Level { .. }
            | Body::Trade { .. }
            | Body::Ticker { .. }
            | Body::Heartbeat { .. }
            | Body::Status { .. }
            | Body::Slot { .. }
            | Body::Param { .. }
            | Body::Clock { .. }
            | Body::Command(_)
            | Body::Engine { .. }
            | Body::Timer => (),
        }
    }

    fn apply_meta(&mut self, body: Body, flags: Flags) {
        let (
            Body::PoolMeta {
                tick_current_index,
                tick_spacing,
                fee_tier_index,
                fee_rate_ppm,
                protocol_fee_rate,
            },
            Some((sqrt_price, liquidity)),
        ) = (body, self.pending_price.take())
        else {
            self.doubt(DoubtReason::BadAccount);
            return;
        };
        let in_bounds = (MIN_SQRT_PRICE..=MAX_SQRT_PRICE).contains(&sqrt_price)
            && (MIN_TICK..=MAX_TICK).contains(&tick_current_index);
        if tick_spacing == 0 || !in_bounds {
            self.doubt(DoubtReason::BadAccount);
            return;
        }
        if self.arrays.tick_spacing() != tick_spacing {
            self.arrays.reset(tick_spacing);
        }
        // A newer slot replaces what our own swap had made of the pool.
        if let Some(oracle) = self.chain_oracle.take() {
            self.oracle = Some(oracle);
        }
        self.pool = Some(Pool {
            tick_spacing,
            fee_tier_index,
            fee_rate_ppm,
            protocol_fee_rate,
            liquidity,
            sqrt_price,
            tick_current_index,
            fee_growth_global_a: 0,
            fee_growth_global_b: 0,
        });
        match (self.state, flags.has(Flags::PROVISIONAL)) {
            // A price alone is no state to begin with.
            (PoolState::Empty, true) => self.doubt(DoubtReason::BadAccount),
            (PoolState::Live, true) => self.state = PoolState::Provisional,
            (PoolState::Empty | PoolState::Provisional, false) => self.state = PoolState::Live,
            (PoolState::Live, false)
            | (PoolState::Provisional, true)
            | (PoolState::Doubt(_), _) => {}
        }
        self.changed = true;
    }

    fn apply_oracle_constants(&mut self, body: Body) {
        let Body::OracleConstants {
            filter_period,
            decay_period,
            reduction_factor,
            tick_group_size,
            major_swap_threshold_ticks,
            adaptive_fee_control_factor,
            max_volatility_accumulator,
            trade_enable_timestamp,
        } = body
        else {
            return;
        };
        let constants = AdaptiveConstants {
            filter_period,
            decay_period,
            reduction_factor,
            adaptive_fee_control_factor,
            max_volatility_accumulator,
            tick_group_size,
            major_swap_threshold_ticks,
        };
        self.pending_constants = Some((trade_enable_timestamp, constants));
    }

    fn apply_oracle_variables(&mut self, body: Body) {
        let Body::OracleVariables {
            volatility_reference,
            last_reference_update_timestamp,
            last_major_swap_timestamp,
            tick_group_index_reference,
            volatility_accumulator,
        } = body
        else {
            return;
        };
        let Some((trade_enable_timestamp, constants)) = self.pending_constants.take() else {
            self.doubt(DoubtReason::BadAccount);
            return;
        };
        let variables = AdaptiveVariables {
            last_reference_update_timestamp,
            last_major_swap_timestamp,
            volatility_reference,
            tick_group_index_reference,
            volatility_accumulator,
        };
        self.oracle = Some(Oracle { trade_enable_timestamp, constants, variables });
        self.chain_oracle = None;
        self.changed = true;
    }

    /// What a swap of this much base would do to the pool as it is, at a wall time in seconds.
    ///
    /// # Errors
    ///
    /// The program's own, [`SwapError::InvalidState`] for a pool that may not be used, and
    /// [`SwapError::BeyondCurrentRange`] where a provisional price would leave its range.
    pub fn try_swap(
        &self,
        take: Take,
        base_units: u64,
        now_s: u64,
        inner_steps_max: u32,
    ) -> Result<SwapResult, SwapError> {
        let (Some(pool), true) = (&self.pool, self.state.is_usable()) else {
            return Err(SwapError::InvalidState);
        };
        let (direction, amount) = match (self.base, take) {
            (BaseToken::A, Take::Sell) => (Direction::AToB, Amount::ExactIn(base_units)),
            (BaseToken::B, Take::Sell) => (Direction::BToA, Amount::ExactIn(base_units)),
            (BaseToken::A, Take::Buy) => (Direction::BToA, Amount::ExactOut(base_units)),
            (BaseToken::B, Take::Buy) => (Direction::AToB, Amount::ExactOut(base_units)),
        };
        let request =
            SwapRequest { amount, direction, sqrt_price_limit: 0, now_s, inner_steps_max };
        let swapped = swap(pool, self.oracle.as_ref(), &self.arrays, &request)?;
        if self.state == PoolState::Provisional && swapped.ticks_crossed > 0 {
            return Err(SwapError::BeyondCurrentRange);
        }
        Ok(swapped)
    }

    /// Carries our own simulated swap until the chain states the pool anew.
    pub fn carry(&mut self, swapped: &SwapResult) {
        let Some(pool) = &mut self.pool else { return };
        if self.chain_oracle.is_none() {
            self.chain_oracle = self.oracle;
        }
        swapped.apply(pool, self.oracle.as_mut());
        self.changed = true;
    }

    fn clear(&mut self) {
        self.state = PoolState::Empty;
        self.pool = None;
        self.oracle = None;
        self.chain_oracle = None;
        self.pending_constants = None;
        self.pending_price = None;
        self.arrays.reset(self.arrays.tick_spacing());
        self.array_begun = false;
        self.changed = true;
    }

    fn doubt(&mut self, reason: DoubtReason) {
        if !matches!(self.state, PoolState::Doubt(_)) {
            self.doubts += 1;
        }
        self.state = PoolState::Doubt(reason);
    }

    /// What has to be saved of the pool between batches.
    pub(crate) fn saved(&self) -> PoolSaved {
        let spacing = i32::from(self.arrays.tick_spacing());
        let ticks = |array: &TickArray| -> Vec<(i32, i128)> {
            let slots = (0_i32..).zip(&array.liquidity_net);
            let set = slots.filter(|(slot, _)| array.bitmap >> slot & 1 == 1);
            set.map(|(slot, net)| (array.start_tick_index + slot * spacing, *net)).collect()
        };
        PoolSaved {
            state: self.state,
            pool: self.pool,
            oracle: self.oracle,
            chain_oracle: self.chain_oracle,
            tick_spacing: self.arrays.tick_spacing(),
            arrays: self
                .arrays
                .iter()
                .map(|(start, array)| {
                    (start, array.is_some(), array.map(ticks).unwrap_or_default())
                })
                .collect(),
            pending_constants: self.pending_constants,
            pending_price: self.pending_price,
            array_begun: self.array_begun,
            changed: self.changed,
            paths_now_s: self.paths_now_s,
            slot: self.slot,
            last_event_recv_ns: self.last_event_recv_ns,
            doubts: self.doubts,
        }
    }

    /// Takes a saved pool over and rebuilds the paths for the second that they were for. None when
    /// the saved state is impossible.
    pub(crate) fn restore(&mut self, saved: &PoolSaved) -> Option<()> {
        if saved.tick_spacing == 0 {
            return None;
        }
        self.arrays.reset(saved.tick_spacing);
        for (start, exists, ticks) in &saved.arrays {
            let existence = if *exists { Existence::Present } else { Existence::Absent };
            self.arrays.begin(*start, existence).ok()?;
            for (index, net) in ticks {
                self.arrays.set_tick(*index, *net).ok()?;
            }
        }
        self.state = saved.state;
        self.pool = saved.pool;
        self.oracle = saved.oracle;
        self.chain_oracle = saved.chain_oracle;
        self.slot = saved.slot;
        self.last_event_recv_ns = saved.last_event_recv_ns;
        self.doubts = saved.doubts;
        self.pending_constants = saved.pending_constants;
        self.pending_price = saved.pending_price;
        self.array_begun = saved.array_begun;
        self.refresh(saved.paths_now_s);
        self.paths_now_s = saved.paths_now_s;
        self.changed = saved.changed;
        Some(())
    }

    /// Whether the paths do not show the current state: it changed, or the second did and the fee
    /// depends on it.
    #[must_use]
    pub fn needs_refresh(&self, now_s: u64) -> bool {
        self.pool.is_some() && (self.changed || (self.is_adaptive() && self.paths_now_s != now_s))
    }

    /// Rebuilds the paths. Allocates nothing.
    pub fn refresh(&mut self, now_s: u64) {
        let Some(pool) = self.pool else { return };
        for (direction, paths) in
            [Direction::AToB, Direction::BToA].into_iter().zip(&mut self.paths)
        {
            let [now, next] = paths;
            if self.state == PoolState::Provisional {
                let (oracle, arrays) = (self.oracle.as_ref(), &self.arrays);
                now.rebuild_in_range(&pool, oracle, arrays, direction, now_s);
                if pool.is_adaptive() {
                    let next_s = now_s.saturating_add(1);
                    next.rebuild_in_range(&pool, oracle, arrays, direction, next_s);
                }
                continue;
            }
            now.rebuild(&pool, self.oracle.as_ref(), &self.arrays, direction, now_s);
            if pool.is_adaptive() {
                let next_s = now_s.saturating_add(1);
                next.rebuild(&pool, self.oracle.as_ref(), &self.arrays, direction, next_s);
            }
        }
        self.changed = false;
        self.paths_now_s = now_s;
    }

    /// The path on which base is bought or sold.
    #[must_use]
    pub fn path(&self, take: Take, at: At) -> &Path {
        let direction = match (self.base, take) {
            (BaseToken::A, Take::Sell) | (BaseToken::B, Take::Buy) => 0,
            (BaseToken::A, Take::Buy) | (BaseToken::B, Take::Sell) => 1,
        };
        let at = if self.is_adaptive() { at as usize } else { 0 };
        &self.paths[direction][at]
    }

    /// Whether quotes depend on the second of execution.
    #[must_use]
    pub fn is_adaptive(&self) -> bool {
        self.pool.as_ref().is_some_and(Pool::is_adaptive)
    }

    /// Whether the pool may be used.
    #[must_use]
    pub const fn state(&self) -> PoolState {
        self.state
    }

    /// Which token is the base.
    #[must_use]
    pub const fn base(&self) -> BaseToken {
        self.base
    }

    /// Chain state, when there is one.
    #[must_use]
    pub const fn pool(&self) -> Option<&Pool> {
        self.pool.as_ref()
    }

    /// The pool's connection has seen this slot: what it last said of the pool holds until then.
    pub fn note_slot(&mut self, slot: u64) {
        self.slot = self.slot.max(slot);
    }

    /// Newest slot at which the pool's state is known to hold: of its last change, or a later one
    /// that its own connection has seen without a change.
    #[must_use]
    pub const fn slot(&self) -> u64 {
        self.slot
    }

    /// When the pool was last heard of. Unit: Unix nanoseconds.
    #[must_use]
    pub const fn last_event_recv_ns(&self) -> u64 {
        self.last_event_recv_ns
    }

    /// Times the pool went into doubt.
    #[must_use]
    pub const fn doubts(&self) -> u64 {
        self.doubts
    }
}

/// Splits a Q64.64 square-root price for [`Body::PoolPrice`]; none when it exceeds 96 bits.
#[must_use]
pub fn pool_price_body(sqrt_price: u128, liquidity: u128) -> Option<Body> {
    let [sqrt_price_lo, hi] = halves(sqrt_price);
    let sqrt_price_hi = u32::try_from(hi).ok()?;
    Some(Body::PoolPrice { sqrt_price_hi, sqrt_price_lo, liquidity: halves(liquidity) })
}
