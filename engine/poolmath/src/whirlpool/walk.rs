//! The walk of a price over ticks: which tick comes next, where a step may go, what a crossing
//! does. Shared by the plain loop and by the path of precomputed steps.
//!
//! Source: reference page "On-chain venues", 3.4.

use super::adaptive::{AdaptiveFee, Aim, Fee};
use super::step::Leg;
use super::{
    ARRAYS_PER_SWAP, AdaptiveVariables, ArraySlot, Direction, MAX_SQRT_PRICE, MAX_TICK,
    MIN_SQRT_PRICE, MIN_TICK, Oracle, Pool, SwapError, TICKS_PER_ARRAY, TickArraySet,
    sqrt_price_at_tick, tick_at_sqrt_price,
};

/// First ticks of the arrays that a swap may walk, in that order: at most three, fewer at the ends
/// of the price range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequiredArrays {
    starts: [i32; ARRAYS_PER_SWAP],
    count: usize,
}

impl RequiredArrays {
    /// The starts, nearest first.
    #[must_use]
    pub fn starts(&self) -> &[i32] {
        &self.starts[..self.count]
    }
}

/// The arrays that a swap of this pool in this direction may walk.
///
/// # Panics
/// For a spacing of zero, which no pool has.
#[must_use]
pub fn required_arrays(pool: &Pool, direction: Direction) -> RequiredArrays {
    let span = pool.array_span();
    // One below the lowest is where a swap from A to B stops on the lower price bound.
    let tick = pool.tick_current_index.clamp(MIN_TICK - 1, MAX_TICK);
    let base = pool.array_start(tick);
    let (first, stride) = match direction {
        Direction::AToB => (base, -span),
        // In its array's last slot a rising price already looks at the next one.
        Direction::BToA if tick + i32::from(pool.tick_spacing) >= base + span => {
            (base + span, span)
        }
        Direction::BToA => (base, span),
    };
    let mut required = RequiredArrays { starts: [0; ARRAYS_PER_SWAP], count: 0 };
    let mut start = first;
    for place in &mut required.starts {
        // Valid: begins at or below the highest tick, and holds a tick at or above the lowest.
        if start > MAX_TICK || start + span <= MIN_TICK {
            break;
        }
        *place = start;
        required.count += 1;
        start += stride;
    }
    required
}

/// What refuses a swap whatever its amount. Gives the price limit in force.
pub(super) fn gate(
    pool: &Pool,
    oracle: Option<&Oracle>,
    arrays: &TickArraySet,
    direction: Direction,
    sqrt_price_limit: u128,
    now_s: u64,
) -> Result<u128, SwapError> {
    // The tick is one below the lowest where the price reached its lower bound.
    if pool.tick_spacing == 0
        || arrays.tick_spacing() != pool.tick_spacing
        || !(MIN_TICK - 1..=MAX_TICK).contains(&pool.tick_current_index)
        || !(MIN_SQRT_PRICE..=MAX_SQRT_PRICE).contains(&pool.sqrt_price)
    {
        return Err(SwapError::InvalidState);
    }
    if pool.is_adaptive() {
        let oracle = oracle.ok_or(SwapError::OracleMissing)?;
        if oracle.constants.tick_group_size == 0 {
            return Err(SwapError::InvalidState);
        }
        if now_s < oracle.trade_enable_timestamp {
            return Err(SwapError::TradeIsNotEnabled);
        }
    }
    let limit = if sqrt_price_limit == 0 { direction.bound() } else { sqrt_price_limit };
    if !(MIN_SQRT_PRICE..=MAX_SQRT_PRICE).contains(&limit) {
        return Err(SwapError::SqrtPriceOutOfBounds);
    }
    let beyond = match direction {
        Direction::AToB => limit < pool.sqrt_price,
        Direction::BToA => limit > pool.sqrt_price,
    };
    if beyond { Ok(limit) } else { Err(SwapError::InvalidSqrtPriceLimitDirection) }
}

/// The stretch to the next tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    tick: i32,
    tick_price: u128,
    /// Place in the sequence of the array in which the tick was found.
    array_index: usize,
    /// Whether that tick is its array's last one in this direction.
    ends_array: bool,
    /// Liquidity of the tick; `None` where it is not initialised.
    net: Option<i128>,
    /// The tick's price or the limit, whichever comes first.
    pub(super) target: u128,
    /// Price where the stretch begins.
    start_price: u128,
}

/// A price on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk<'a> {
    arrays: &'a TickArraySet,
    required: RequiredArrays,
    direction: Direction,
    limit: u128,
    array_index: usize,
    tick: i32,
    fee: Fee,
    inner_steps_max: u32,
    start_price: u128,
    pub(super) sqrt_price: u128,
    pub(super) liquidity: u128,
    pub(super) inner_steps: u32,
    pub(super) ticks_crossed: u32,
}

impl<'a> Walk<'a> {
    /// Starts at the pool's price. The state has passed [`gate`], which gave the limit.
    pub(super) fn begin(
        pool: &Pool,
        oracle: Option<&Oracle>,
        arrays: &'a TickArraySet,
        direction: Direction,
        limit: u128,
        now_s: u64,
        inner_steps_max: u32,
    ) -> Result<Self, SwapError> {
        let fee = match oracle {
            Some(oracle) if pool.is_adaptive() => Fee::Adaptive(AdaptiveFee::begin(
                oracle,
                pool.fee_rate_ppm,
                pool.tick_current_index,
                now_s,
            )?),
            Some(_) | None => Fee::Static { rate_ppm: u32::from(pool.fee_rate_ppm) },
        };
        let required = required_arrays(pool, direction);
        if required.count == 0 {
            return Err(SwapError::InvalidTickArraySequence);
        }
        Ok(Self {
            arrays,
            required,
            direction,
            limit,
            array_index: 0,
            tick: pool.tick_current_index,
            fee,
            inner_steps_max,
            start_price: pool.sqrt_price,
            sqrt_price: pool.sqrt_price,
            liquidity: pool.liquidity,
            inner_steps: 0,
            ticks_crossed: 0,
        })
    }

    /// Whether the price limit is reached.
    pub(super) const fn at_limit(&self) -> bool {
        self.sqrt_price == self.limit
    }

    /// Tick after the walk.
    pub(super) const fn tick(&self) -> i32 {
        self.tick
    }

    /// Oracle variables after the walk; `None` for a static fee.
    pub(super) fn variables(&self) -> Option<AdaptiveVariables> {
        self.fee.finish(self.start_price, self.sqrt_price)
    }

    /// Finds the next tick.
    pub(super) fn stretch(&self) -> Result<Stretch, SwapError> {
        let mut array_index = self.array_index;
        let mut from = self.tick;
        loop {
            let start = *self
                .required
                .starts()
                .get(array_index)
                .ok_or(SwapError::TickArraySequenceInvalidIndex)?;
            let found = self.search(start, from)?;
            if let Some((slot, net)) = found {
                let tick = start + slot * i32::from(self.arrays.tick_spacing());
                return Ok(self.stretch_to(tick, Some(net), array_index, start));
            }
            let span = self.span();
            let is_last = array_index + 1 == self.required.count;
            let edge = match self.direction {
                Direction::AToB if start <= MIN_TICK => Some(MIN_TICK),
                Direction::BToA if start + span > MAX_TICK => Some(MAX_TICK),
                Direction::AToB if is_last => Some(start),
                // One below the next array, not a multiple of the spacing: so does the program.
                Direction::BToA if is_last => Some(start + span - 1),
                Direction::AToB | Direction::BToA => None,
            };
            if let Some(tick) = edge {
                return Ok(self.stretch_to(tick, None, array_index, start));
            }
            from = match self.direction {
                Direction::AToB => start - 1,
                Direction::BToA => start + span - 1,
            };
            array_index += 1;
        }
    }

    const fn span(&self) -> i32 {
        super::TICKS_PER_ARRAY_I32 * self.arrays.tick_spacing() as i32
    }

    fn stretch_to(&self, tick: i32, net: Option<i128>, array_index: usize, start: i32) -> Stretch {
        let tick_price = sqrt_price_at_tick(tick);
        let offset = (tick - start).div_euclid(i32::from(self.arrays.tick_spacing()));
        let ends_array = match self.direction {
            Direction::AToB => offset == 0,
            Direction::BToA => offset == super::TICKS_PER_ARRAY_I32 - 1,
        };
        let target = self.direction.nearer(self.limit, tick_price);
        Stretch {
            tick,
            tick_price,
            array_index,
            ends_array,
            net,
            target,
            start_price: self.sqrt_price,
        }
    }

    /// The next initialised slot of one array and its liquidity: downwards from the slot that holds
    /// `from`, itself included, or upwards from the slot after it.
    fn search(&self, start: i32, from: i32) -> Result<Option<(i32, i128)>, SwapError> {
        let offset = (from - start).div_euclid(i32::from(self.arrays.tick_spacing()));
        let last = super::TICKS_PER_ARRAY_I32 - 1;
        let in_range = match self.direction {
            Direction::AToB => (0..=last).contains(&offset),
            Direction::BToA => (-1..last).contains(&offset),
        };
        if !in_range {
            return Err(SwapError::InvalidTickArraySequence);
        }
        let array = match self.arrays.slot(start) {
            ArraySlot::Present(array) => array,
            ArraySlot::Absent => return Ok(None),
            ArraySlot::Unknown => return Err(SwapError::UnknownArray { start_tick_index: start }),
        };
        debug_assert!(array.bitmap >> TICKS_PER_ARRAY == 0, "only 88 slots exist");
        // The offset is −1..=87: both shifts are below 128.
        let slot = match self.direction {
            Direction::AToB => {
                let at_or_below = array.bitmap & (u128::MAX >> (127 - offset));
                127_i32 - at_or_below.leading_zeros().cast_signed()
            }
            Direction::BToA => {
                let above = array.bitmap & (u128::MAX << (offset + 1));
                above.trailing_zeros().cast_signed()
            }
        };
        // −1 or 128 where no bit is left.
        let Ok(place) = usize::try_from(slot) else { return Ok(None) };
        Ok(array.liquidity_net.get(place).map(|net| (slot, *net)))
    }

    /// The next step of a stretch.
    pub(super) fn aim(&mut self, stretch: &Stretch) -> Result<(Leg, Aim), SwapError> {
        if self.inner_steps == self.inner_steps_max {
            return Err(SwapError::TooManySteps);
        }
        self.inner_steps += 1;
        let aim = self.fee.aim(stretch.target, self.liquidity, self.direction);
        let leg = Leg {
            sqrt_price: self.sqrt_price,
            target: aim.target,
            liquidity: self.liquidity,
            fee_rate_ppm: aim.fee_rate_ppm,
            direction: self.direction,
        };
        Ok((leg, aim))
    }

    /// Takes note of where a step ended.
    pub(super) fn settle(&mut self, stretch: &Stretch, aim: &Aim, sqrt_price: u128) {
        self.sqrt_price = sqrt_price;
        let reached = (sqrt_price == stretch.tick_price).then_some(stretch.tick);
        self.fee.settle(aim, sqrt_price, reached, self.direction);
    }

    /// Liquidity beyond the stretch's tick.
    pub(super) fn liquidity_beyond(&self, stretch: &Stretch) -> Result<u128, SwapError> {
        let Some(net) = stretch.net else { return Ok(self.liquidity) };
        let magnitude = net.unsigned_abs();
        let adds = match self.direction {
            Direction::AToB => net < 0,
            Direction::BToA => net >= 0,
        };
        if adds {
            self.liquidity.checked_add(magnitude).ok_or(SwapError::LiquidityOverflow)
        } else {
            self.liquidity.checked_sub(magnitude).ok_or(SwapError::LiquidityUnderflow)
        }
    }

    /// Ends a stretch where the price now is: crosses the tick where it was reached.
    pub(super) fn leave(&mut self, stretch: &Stretch) -> Result<(), SwapError> {
        if self.sqrt_price == stretch.tick_price {
            self.liquidity = self.liquidity_beyond(stretch)?;
            self.ticks_crossed += u32::from(stretch.net.is_some());
            self.tick = match self.direction {
                Direction::AToB => stretch.tick - 1,
                Direction::BToA => stretch.tick,
            };
            self.array_index = stretch.array_index + usize::from(stretch.ends_array);
        } else if self.sqrt_price != stretch.start_price {
            self.tick = tick_at_sqrt_price(self.sqrt_price);
        }
        Ok(())
    }
}
