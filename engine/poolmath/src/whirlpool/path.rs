//! A path of precomputed steps: many quotes for one state, each a search and one step.
//!
//! A step that goes all the way to its target moves the same amounts whatever the total, and for
//! exact input and exact output alike: the input rounded up, the output rounded down, the fee on
//! the input. An exact input `R` completes it iff `⌊R·(10⁶ − f)/10⁶⌋ ≥ D`, which is the same as
//! `R ≥ D + ⌈D·f/(10⁶ − f)⌉`, the very amount that the step then takes; an exact output completes
//! it iff it is at least the step's output. So prefix sums over whole steps are exact, also with an
//! adaptive fee, whose rates depend on the state and the steps but not on the amount.

use alloc::vec::Vec;

use super::step::{Fixed, Leg, Step};
use super::walk::{Walk, gate};
use super::{Amount, Direction, INNER_STEPS_MAX, Oracle, Pool, SwapError, TickArraySet};

/// What a quote says. Unit: raw token units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote {
    /// Input, fee included.
    pub amount_in: u64,
    /// Output.
    pub amount_out: u64,
    /// The whole fee, in the input token, the protocol's share included.
    pub fee_amount: u64,
}

/// One whole step: a range of prices with one liquidity and one fee rate. Sums run from the start
/// of the path to the end of the segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Price where it begins, Q64.64.
    pub sqrt_price_start: u128,
    /// Price where it ends, Q64.64; the same where the step had no width.
    pub sqrt_price_end: u128,
    /// Liquidity inside.
    pub liquidity: u128,
    /// Fee rate inside. Unit: parts per million of the input.
    pub fee_rate_ppm: u32,
    /// Initialised ticks crossed up to and with its end.
    pub ticks_crossed: u32,
    /// Input so far, fee included. Unit: raw units.
    pub amount_in_end: u64,
    /// Output so far. Unit: raw units.
    pub amount_out_end: u64,
    /// Fee so far. Unit: raw units of the input token.
    pub fee_end: u64,
}

const _: () = assert!(size_of::<Segment>() == 80);

/// Why a path goes no further than its last segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathEnd {
    /// The global price bound: an exact input is filled in part, an exact output is refused.
    PriceBound,
    /// Whatever needs more than the path holds gets this error.
    Exhausted(SwapError),
    /// The last segment's end cannot be crossed: who reaches it gets this error.
    CrossingFailed(SwapError),
    /// The next step cannot be completed by any amount: one of its sums leaves `u64`. Part of it
    /// can still be quoted.
    Unbounded,
}

/// The steps of one direction from one state. Fixed capacity, allocated once.
#[derive(Clone, Debug)]
pub struct Path {
    direction: Direction,
    segments: Vec<Segment>,
    inner_steps_max: u32,
    /// What refuses every quote, before its amount is looked at.
    refusal: Option<SwapError>,
    end: PathEnd,
    /// The step after the last segment, for [`PathEnd::Unbounded`].
    tail: Option<Tail>,
}

/// A step that cannot be completed.
#[derive(Clone, Copy, Debug)]
struct Tail {
    leg: Leg,
    /// What crossing its target answers, should a rounded price land on it.
    landing: Option<SwapError>,
}

impl Path {
    /// A path that answers [`SwapError::InvalidState`] until it is rebuilt. Takes at most
    /// `inner_steps_max` steps (80 bytes each); needing more is [`SwapError::TooManySteps`].
    ///
    /// # Panics
    /// Above [`INNER_STEPS_MAX`].
    #[must_use]
    pub fn with_capacity(inner_steps_max: u32) -> Self {
        assert!(inner_steps_max <= INNER_STEPS_MAX, "{inner_steps_max} steps in one path");
        let capacity = usize::try_from(inner_steps_max).unwrap_or(usize::MAX);
        Self {
            direction: Direction::AToB,
            segments: Vec::with_capacity(capacity),
            inner_steps_max,
            refusal: Some(SwapError::InvalidState),
            end: PathEnd::Exhausted(SwapError::InvalidState),
            tail: None,
        }
    }

    /// The segments, in the direction of the swap. Empty where everything is refused.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The step behind the last segment that no amount completes, as far as `u64` amounts
    /// reach into it: its sums are the largest that are offered, and its end price is where it aims,
    /// not where those sums lead. None where the path ends otherwise.
    #[must_use]
    pub fn unbounded_segment(&self) -> Option<Segment> {
        if self.refusal.is_some() || self.end != PathEnd::Unbounded {
            return None;
        }
        let leg = self.tail.as_ref()?.leg;
        // Right below the end of the range a rounded-up output already leaves it.
        let most = [
            Amount::ExactIn(u64::MAX),
            Amount::ExactOut(u64::MAX - (u64::MAX >> 20)),
            Amount::ExactOut(u64::MAX >> 1),
        ]
        .into_iter()
        .find_map(|amount| self.quote(amount).ok())?;
        let before = self.before(self.segments.len());
        if most.amount_out <= before.amount_out || most.amount_in <= before.amount_in {
            return None;
        }
        Some(Segment {
            sqrt_price_start: leg.sqrt_price,
            sqrt_price_end: leg.target,
            liquidity: leg.liquidity,
            fee_rate_ppm: leg.fee_rate_ppm,
            ticks_crossed: self.segments.last().map_or(0, |segment| segment.ticks_crossed),
            amount_in_end: most.amount_in,
            amount_out_end: most.amount_out,
            fee_end: most.fee_amount,
        })
    }

    /// Why it goes no further.
    #[must_use]
    pub const fn end(&self) -> PathEnd {
        match self.refusal {
            Some(error) => PathEnd::Exhausted(error),
            None => self.end,
        }
    }

    /// Which way it goes.
    #[must_use]
    pub const fn direction(&self) -> Direction {
        self.direction
    }

    /// Walks whole steps from a state, as far as the arrays, the global price bound or the cap on
    /// steps allow. `now_s` (Unix seconds) matters to adaptive-fee pools only. Allocates nothing.
    pub fn rebuild(
        &mut self,
        pool: &Pool,
        oracle: Option<&Oracle>,
        arrays: &TickArraySet,
        direction: Direction,
        now_s: u64,
    ) {
        self.direction = direction;
        self.segments.clear();
        self.tail = None;
        let limit = match gate(pool, oracle, arrays, direction, 0, now_s) {
            Ok(limit) => limit,
            Err(error) => {
                self.refusal = Some(error);
                return;
            }
        };
        self.refusal = None;
        let steps_max = self.inner_steps_max;
        let begun = Walk::begin(pool, oracle, arrays, direction, limit, now_s, steps_max);
        self.end = match begun.and_then(|walk| self.walk_all(walk)) {
            Ok(end) => end,
            Err(error) => PathEnd::Exhausted(error),
        };
    }

    /// As [`Self::rebuild`], but no further than the next initialised tick: an amount that would
    /// leave the current range is refused with [`SwapError::BeyondCurrentRange`]. For a state of
    /// which the price is known and the ticks beyond are not. Allocates nothing.
    pub fn rebuild_in_range(
        &mut self,
        pool: &Pool,
        oracle: Option<&Oracle>,
        arrays: &TickArraySet,
        direction: Direction,
        now_s: u64,
    ) {
        self.rebuild(pool, oracle, arrays, direction, now_s);
        let crossing = self.segments.iter().position(|segment| segment.ticks_crossed > 0);
        if let Some(at) = crossing {
            // The segment that ends on the tick still lies in the range, and its end too: crossing
            // moves no amounts.
            self.segments.truncate(at + 1);
            self.tail = None;
            self.end = PathEnd::Exhausted(SwapError::BeyondCurrentRange);
        }
    }

    /// Answers what [`super::swap`] without a price limit answers for the state the path was
    /// rebuilt from: the same amounts, the same errors.
    ///
    /// # Errors
    /// The cases of [`super::swap`].
    pub fn quote(&self, amount: Amount) -> Result<Quote, SwapError> {
        if let Some(error) = self.refusal {
            return Err(error);
        }
        let units = amount.units();
        if units == 0 {
            return Err(SwapError::ZeroTradableAmount);
        }
        let fixed = amount.fixed();
        let at = self.segments.partition_point(|segment| segment.fixed_end(fixed) < units);
        let before = self.before(at);
        let Some(segment) = self.segments.get(at) else {
            return self.quote_beyond(units, fixed, before);
        };
        let is_last = at + 1 == self.segments.len();
        let (quote, reaches_end) = if segment.fixed_end(fixed) == units {
            (segment.sums(), true)
        } else {
            let leg = segment.leg(self.direction);
            let remaining = units - before.fixed(fixed);
            let step = leg.part(remaining, fixed)?;
            (before.plus(&step)?, step.sqrt_price == segment.sqrt_price_end)
        };
        match self.end {
            PathEnd::CrossingFailed(error) if is_last && reaches_end => Err(error),
            PathEnd::CrossingFailed(_)
            | PathEnd::PriceBound
            | PathEnd::Exhausted(_)
            | PathEnd::Unbounded => Ok(quote),
        }
    }

    /// Sums at the start of a segment.
    #[inline]
    fn before(&self, at: usize) -> Quote {
        match at.checked_sub(1) {
            Some(last) => self.segments[last].sums(),
            None => Quote { amount_in: 0, amount_out: 0, fee_amount: 0 },
        }
    }

    /// An amount that the segments do not hold.
    #[cold]
    fn quote_beyond(&self, units: u64, fixed: Fixed, before: Quote) -> Result<Quote, SwapError> {
        match (self.end, fixed) {
            (PathEnd::PriceBound, Fixed::Input) => Ok(before),
            (PathEnd::PriceBound, Fixed::Output) => Err(SwapError::PartialFillError),
            (PathEnd::Exhausted(error) | PathEnd::CrossingFailed(error), _) => Err(error),
            (PathEnd::Unbounded, _) => {
                let Some(tail) = &self.tail else { return Err(SwapError::InvalidState) };
                let step = tail.leg.step(units - before.fixed(fixed), fixed)?;
                let quote = before.plus(&step)?;
                match tail.landing {
                    Some(error) if step.sqrt_price == tail.leg.target => Err(error),
                    Some(_) | None => Ok(quote),
                }
            }
        }
    }

    fn walk_all(&mut self, mut walk: Walk<'_>) -> Result<PathEnd, SwapError> {
        let (mut sum_in, mut sum_out, mut sum_fee) = (0_u64, 0_u64, 0_u64);
        while !walk.at_limit() {
            let stretch = walk.stretch()?;
            loop {
                let (leg, aim) = walk.aim(&stretch)?;
                let sums = leg.whole().and_then(|step| {
                    let amount_in = sum_in.checked_add(step.amount_in)?.checked_add(step.fee)?;
                    let amount_out = sum_out.checked_add(step.amount_out)?;
                    Some((amount_in, amount_out, sum_fee + step.fee))
                });
                let Some(sums) = sums else {
                    let crosses = leg.target == stretch.target;
                    let landing = crosses.then(|| walk.liquidity_beyond(&stretch).err()).flatten();
                    self.tail = Some(Tail { leg, landing });
                    return Ok(PathEnd::Unbounded);
                };
                (sum_in, sum_out, sum_fee) = sums;
                walk.settle(&stretch, &aim, leg.target);
                self.segments.push(Segment {
                    sqrt_price_start: leg.sqrt_price,
                    sqrt_price_end: leg.target,
                    liquidity: leg.liquidity,
                    fee_rate_ppm: leg.fee_rate_ppm,
                    ticks_crossed: walk.ticks_crossed,
                    amount_in_end: sum_in,
                    amount_out_end: sum_out,
                    fee_end: sum_fee,
                });
                if leg.target == stretch.target {
                    break;
                }
            }
            if let Err(error) = walk.leave(&stretch) {
                return Ok(PathEnd::CrossingFailed(error));
            }
            if let Some(last) = self.segments.last_mut() {
                last.ticks_crossed = walk.ticks_crossed;
            }
        }
        Ok(PathEnd::PriceBound)
    }
}

impl Quote {
    #[inline]
    const fn fixed(&self, fixed: Fixed) -> u64 {
        match fixed {
            Fixed::Input => self.amount_in,
            Fixed::Output => self.amount_out,
        }
    }

    #[inline]
    fn plus(&self, step: &Step) -> Result<Self, SwapError> {
        let overflow = SwapError::AmountCalcOverflow;
        let with_fee = step.amount_in.checked_add(step.fee).ok_or(overflow)?;
        Ok(Self {
            amount_in: self.amount_in.checked_add(with_fee).ok_or(overflow)?,
            amount_out: self.amount_out.checked_add(step.amount_out).ok_or(overflow)?,
            fee_amount: self.fee_amount.checked_add(step.fee).ok_or(overflow)?,
        })
    }
}

impl Segment {
    #[inline]
    const fn sums(&self) -> Quote {
        Quote {
            amount_in: self.amount_in_end,
            amount_out: self.amount_out_end,
            fee_amount: self.fee_end,
        }
    }

    #[inline]
    const fn fixed_end(&self, fixed: Fixed) -> u64 {
        match fixed {
            Fixed::Input => self.amount_in_end,
            Fixed::Output => self.amount_out_end,
        }
    }

    #[inline]
    const fn leg(&self, direction: Direction) -> Leg {
        Leg {
            sqrt_price: self.sqrt_price_start,
            target: self.sqrt_price_end,
            liquidity: self.liquidity,
            fee_rate_ppm: self.fee_rate_ppm,
            direction,
        }
    }
}
