//! The pool's state, moved by real swaps.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use engine_poolmath::whirlpool::{
    Amount, Direction, Existence, INNER_STEPS_DEFAULT, Pool, SwapRequest, TickArraySet,
    sqrt_price_at_tick, swap,
};
use solana_pubkey::Pubkey;

use super::accounts::{
    POOL_BYTES, PoolFields, TICKS_PER_ARRAY, Tick, array_address, array_bytes, pool_bytes,
};
use super::shape::Shape;

/// Address of the pool whose shape is used.
const ADDRESS: Pubkey = Pubkey::from_str_const("HJPjoWUrhoZzkNfRpHuieeFk9WcZWjwy6PBjZ81ngndJ");

/// The shape's ticks are moved by this: 267 spacings of 64, from 14.04 to 77.42 USDC.
const MOVE_TICKS: i32 = 267 * SPACING;

const SPACING: i32 = 64;
const SPACING_U16: u16 = 64;

/// Ticks covered by one array.
const SPAN: i32 = TICKS_PER_ARRAY * SPACING;

/// Most pieces of one swap; a swap that crosses more initialised ticks stops there.
const PIECES_MAX: u32 = 64;

/// An account of the pool, as a notification shows it.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) address: Pubkey,
    /// `None`: does not exist on chain.
    pub(super) bytes: Option<Vec<u8>>,
}

/// A SOL/USDC pool.
#[derive(Clone, Debug)]
pub(super) struct PoolState {
    original: [u8; POOL_BYTES],
    pool: Pool,
    ticks: BTreeMap<i32, Tick>,
    arrays: TickArraySet,
    owed_a: u64,
    owed_b: u64,
    updated_s: u64,
    /// Open positions, oldest first: lower tick, upper tick, liquidity.
    positions: VecDeque<(i32, i32, u128)>,
    /// Starts of arrays that changed since they were last asked for.
    touched: BTreeSet<i32>,
    moved: bool,
}

impl PoolState {
    /// The pool at a price. Unit: micro-USDC per SOL.
    pub(super) fn new(price_micros: u64, now_s: u64) -> Self {
        let shape = Shape::moved_by(MOVE_TICKS);
        let sqrt_price = sqrt_price_of(price_micros);
        let tick_current_index = tick_below(sqrt_price);
        let below: i128 = shape.ticks.range(..=tick_current_index).map(|(_, tick)| tick.net).sum();
        let u16_at = |at: usize| u16::from_le_bytes([shape.account[at], shape.account[at + 1]]);
        let pool = Pool {
            tick_spacing: u16_at(41),
            fee_tier_index: u16_at(43),
            fee_rate_ppm: u16_at(45),
            protocol_fee_rate: u16_at(47),
            liquidity: u128::try_from(below).expect("Invariant: no pool has negative liquidity"),
            sqrt_price,
            tick_current_index,
            fee_growth_global_a: 0,
            fee_growth_global_b: 0,
        };
        assert_eq!(pool.tick_spacing, SPACING_U16, "Invariant: the shape has this spacing");
        let arrays = array_set(&shape.ticks);
        Self {
            original: shape.account,
            pool,
            ticks: shape.ticks,
            arrays,
            owed_a: 0,
            owed_b: 0,
            updated_s: now_s,
            positions: VecDeque::new(),
            touched: BTreeSet::new(),
            moved: false,
        }
    }

    /// Square-root price, Q64.64.
    pub(super) const fn sqrt_price(&self) -> u128 {
        self.pool.sqrt_price
    }

    /// Swaps towards `target` (a square-root price), spending at most `amount_in` raw units, tick by
    /// tick, so that each crossed tick gets the fee growth of its own moment.
    pub(super) fn swap_towards(&mut self, target: u128, amount_in: u64, now_s: u64) {
        let direction =
            if target < self.pool.sqrt_price { Direction::AToB } else { Direction::BToA };
        let mut left = amount_in;
        for _ in 0..PIECES_MAX {
            if left == 0 || self.pool.sqrt_price == target {
                return;
            }
            let request = SwapRequest {
                amount: Amount::ExactIn(left),
                direction,
                sqrt_price_limit: self.next_stop(direction, target),
                now_s,
                inner_steps_max: INNER_STEPS_DEFAULT,
            };
            let Ok(result) = swap(&self.pool, None, &self.arrays, &request) else { return };
            let before = self.pool.tick_current_index;
            let price_before = self.pool.sqrt_price;
            result.apply(&mut self.pool, None);
            left -= result.amount_in();
            match direction {
                Direction::AToB => self.owed_a += result.protocol_fee,
                Direction::BToA => self.owed_b += result.protocol_fee,
            }
            self.flip(before, self.pool.tick_current_index);
            self.updated_s = now_s;
            self.moved = true;
            if self.pool.sqrt_price == price_before {
                return;
            }
        }
    }

    /// Opens a position from and to so many spacings from the current tick.
    pub(super) fn open(&mut self, from_spacings: i32, to_spacings: i32, liquidity: u128) {
        let base = self.pool.tick_current_index.div_euclid(SPACING) * SPACING;
        let (lower, upper) = (base + from_spacings * SPACING, base + to_spacings * SPACING);
        assert!(lower < upper, "Invariant: a position has a width");
        self.positions.push_back((lower, upper, liquidity));
        self.change(lower, upper, liquidity.cast_signed());
    }

    /// Closes the oldest position, if there is one.
    pub(super) fn close_oldest(&mut self) {
        if let Some((lower, upper, liquidity)) = self.positions.pop_front() {
            self.change(lower, upper, -liquidity.cast_signed());
        }
    }

    /// Addresses of the pool and of every tick array, existing or not, that a follower reads.
    pub(super) fn addresses(&self) -> Vec<Pubkey> {
        let mut list = vec![ADDRESS];
        list.extend(self.starts().map(|start| array_address(&ADDRESS, start)));
        list
    }

    /// Every account of [`PoolState::addresses`], in that order.
    pub(super) fn accounts(&self) -> Vec<Account> {
        let mut list = vec![self.pool_account()];
        list.extend(self.starts().map(|start| self.array_account(start)));
        list
    }

    /// The accounts that changed since the last call: pool first, then arrays by start.
    pub(super) fn take_changed(&mut self) -> Vec<Account> {
        let mut list = Vec::new();
        if std::mem::take(&mut self.moved) {
            list.push(self.pool_account());
        }
        for start in std::mem::take(&mut self.touched) {
            list.push(self.array_account(start));
        }
        list
    }

    /// Where the next piece of a swap ends: the next initialised tick's price or the target.
    fn next_stop(&self, direction: Direction, target: u128) -> u128 {
        let now = self.pool.tick_current_index;
        match direction {
            Direction::AToB => self
                .ticks
                .range(..=now)
                .rev()
                .map(|(index, _)| sqrt_price_at_tick(*index))
                .find(|price| *price < self.pool.sqrt_price)
                .map_or(target, |price| price.max(target)),
            Direction::BToA => self
                .ticks
                .range(now + 1..)
                .map(|(index, _)| sqrt_price_at_tick(*index))
                .find(|price| *price > self.pool.sqrt_price)
                .map_or(target, |price| price.min(target)),
        }
    }

    /// Turns the fee growth of the ticks between two current ticks inside out, as crossing does.
    fn flip(&mut self, before: i32, after: i32) {
        let (low, high) = (before.min(after), before.max(after));
        if low == high {
            return;
        }
        let (global_a, global_b) = (self.pool.fee_growth_global_a, self.pool.fee_growth_global_b);
        for (index, tick) in self.ticks.range_mut(low + 1..=high) {
            tick.outside_a = global_a.wrapping_sub(tick.outside_a);
            tick.outside_b = global_b.wrapping_sub(tick.outside_b);
            self.touched.insert(index.div_euclid(SPAN) * SPAN);
        }
    }

    fn change(&mut self, lower: i32, upper: i32, liquidity: i128) {
        let now = self.pool.tick_current_index;
        for (index, net) in [(lower, liquidity), (upper, -liquidity)] {
            let below = index <= now;
            // A new tick takes over the growth so far when the price is above it (3.1's outside).
            let fresh = Tick {
                net: 0,
                gross: 0,
                outside_a: if below { self.pool.fee_growth_global_a } else { 0 },
                outside_b: if below { self.pool.fee_growth_global_b } else { 0 },
            };
            let tick = self.ticks.entry(index).or_insert(fresh);
            tick.net += net;
            tick.gross = tick.gross.wrapping_add_signed(liquidity);
            if tick.gross == 0 {
                self.ticks.remove(&index);
            }
            self.touched.insert(index.div_euclid(SPAN) * SPAN);
        }
        if (lower..upper).contains(&now) {
            self.pool.liquidity = self
                .pool
                .liquidity
                .checked_add_signed(liquidity)
                .expect("Invariant: only what was added is taken away");
        }
        self.arrays = array_set(&self.ticks);
        self.moved = true;
    }

    /// Starts of all arrays from the lowest to the highest with a tick, and one more on each side.
    fn starts(&self) -> impl Iterator<Item = i32> + use<> {
        starts(&self.ticks)
    }

    fn pool_account(&self) -> Account {
        let fields = PoolFields {
            liquidity: self.pool.liquidity,
            sqrt_price: self.pool.sqrt_price,
            tick_current_index: self.pool.tick_current_index,
            protocol_fee_owed_a: self.owed_a,
            protocol_fee_owed_b: self.owed_b,
            fee_growth_global_a: self.pool.fee_growth_global_a,
            fee_growth_global_b: self.pool.fee_growth_global_b,
            reward_last_updated: self.updated_s,
        };
        Account { address: ADDRESS, bytes: Some(pool_bytes(&self.original, &fields)) }
    }

    fn array_account(&self, start: i32) -> Account {
        let ticks = || self.ticks.range(start..start + SPAN).map(|(index, tick)| (*index, tick));
        let exists = ticks().next().is_some();
        let bytes = exists.then(|| array_bytes(&ADDRESS, start, SPACING, ticks()));
        Account { address: array_address(&ADDRESS, start), bytes }
    }
}

fn starts(ticks: &BTreeMap<i32, Tick>) -> impl Iterator<Item = i32> + use<> {
    let ends = ticks.first_key_value().zip(ticks.last_key_value());
    let ((first, _), (last, _)) = ends.expect("Invariant: the shape has ticks");
    (first.div_euclid(SPAN) - 1..=last.div_euclid(SPAN) + 1).map(|array| array * SPAN)
}

/// The ticks in the form that the swap reads.
fn array_set(ticks: &BTreeMap<i32, Tick>) -> TickArraySet {
    let mut set = TickArraySet::with_capacity(starts(ticks).count(), SPACING_U16);
    let known = "Invariant: starts and ticks lie on the spacing";
    for start in starts(ticks) {
        let any = ticks.range(start..start + SPAN).next().is_some();
        let existence = if any { Existence::Present } else { Existence::Absent };
        set.begin(start, existence).expect(known);
    }
    for (index, tick) in ticks {
        set.set_tick(*index, tick.net).expect(known);
    }
    set
}

/// Square-root price Q64.64 of a price in micro-USDC per SOL, good to 46 bits: a target needs no
/// more. Raw units are micro-USDC and lamports, so the raw price is `micros / 10^9`.
pub(super) fn sqrt_price_of(micros: u64) -> u128 {
    assert!(micros < 1 << 31, "Invariant: SOL costs less than 2,147 USDC");
    (((u128::from(micros) << 96) / 1_000_000_000).isqrt()) << 16
}

/// Largest tick whose price is at or below `sqrt_price`.
fn tick_below(sqrt_price: u128) -> i32 {
    let (mut low, mut high) = (-443_636, 443_636);
    while low < high {
        let middle = low + (high - low + 1) / 2;
        if sqrt_price_at_tick(middle) <= sqrt_price {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum_below(state: &PoolState) -> i128 {
        state.ticks.range(..=state.pool.tick_current_index).map(|(_, tick)| tick.net).sum()
    }

    #[test]
    fn the_price_is_the_one_asked_for() {
        let state = PoolState::new(77_420_000, 0);
        assert_eq!(state.pool.tick_current_index, -25_587);
        assert_eq!(state.pool.liquidity, 87_100_270_923_313);
        let price = ((state.pool.sqrt_price >> 16).pow(2) * 1_000_000_000) >> 96;
        assert!((77_419_999..=77_420_000).contains(&price), "{price}");
    }

    #[test]
    fn swaps_and_positions_keep_liquidity_equal_to_the_ticks() {
        let mut state = PoolState::new(77_420_000, 0);
        for (round, micros) in
            [83_000_000, 70_000_000, 77_000_000, 79_500_000, 76_000_000].into_iter().enumerate()
        {
            state.swap_towards(sqrt_price_of(micros), 1 << 60, 1);
            assert_eq!(state.sqrt_price(), sqrt_price_of(micros), "round {round} arrives");
            assert_eq!(state.pool.liquidity.cast_signed(), sum_below(&state), "round {round}");
            if round % 2 == 0 {
                state.open(-3, 4, 1_000_000_007);
            } else {
                state.close_oldest();
            }
            assert_eq!(state.pool.liquidity.cast_signed(), sum_below(&state), "round {round}");
        }
        assert!(state.owed_a > 0 && state.owed_b > 0);
        assert!(state.take_changed().len() > 1);
        assert!(state.take_changed().is_empty());
    }
}
