//! The simulated venues: what an order would have met, on the state as it is when it arrives.
//!
//! A fill is taken from the market as it stands after the order's latency, never from the state that
//! triggered it, and it consumes what it took: levels stay reduced until the venue states them
//! again, a pool carries our swap until the chain states it again. Orders of a book are immediate
//! or cancelled; a chain leg lands whole in its slot, or fails and still pays its fee.

use engine_model::{InstrumentId, MarketId, Side};
use serde::{Deserialize, Serialize};

use super::plan::Limit;
use super::trade::{Answer, Order};
use crate::market::take::Take;
use crate::market::world::{Market, World};
use crate::num::ratio::{mul_div_ceil, mul_div_floor};
use crate::signal::leg::LegQuote;
use crate::tables::BaseToken;
use crate::timers::ORDERS_MAX;

/// Levels that one order may take. A book sorted by price has no more than this within any bound.
const LEVELS_TAKEN_MAX: usize = 4_096;

/// An order on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flight {
    /// The order.
    pub order: Order,
    /// Slot of its trade.
    pub trade_slot: u8,
    /// Whether it has reached its venue; a chain leg then waits for its slot.
    pub has_arrived: bool,
    /// The chain's slot in which it lands; 0 for a book.
    pub landing_slot: u64,
    /// Whether it fails to land.
    pub fails: bool,
    /// Base and priority fee of the transaction. Unit: lamports.
    pub network_lamports: u64,
    /// Tip if it lands. Unit: lamports.
    pub tip_lamports: u64,
}

/// Orders on their way, by place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flights {
    slots: [Option<Flight>; ORDERS_MAX],
    /// How many there are: asked after every batch, when there are nearly always none.
    count: u8,
}

impl Flights {
    /// Takes an order; its place, or none when there is no room.
    pub fn put(&mut self, flight: Flight) -> Option<u8> {
        let free = self.slots.iter().position(Option::is_none)?;
        self.slots[free] = Some(flight);
        self.count += 1;
        u8::try_from(free).ok()
    }

    /// The order at a place.
    pub fn get_mut(&mut self, slot: u8) -> Option<&mut Flight> {
        self.slots[usize::from(slot)].as_mut()
    }

    /// Takes an order out.
    pub fn take(&mut self, slot: u8) -> Option<Flight> {
        let taken = self.slots[usize::from(slot)].take();
        self.count -= u8::from(taken.is_some());
        taken
    }

    /// The first chain leg that has arrived and whose slot has come.
    #[must_use]
    #[inline]
    pub fn landed(&self, chain_slot: u64) -> Option<u8> {
        if self.count == 0 {
            return None;
        }
        let is_due = |flight: &Flight| {
            flight.has_arrived && flight.landing_slot > 0 && flight.landing_slot <= chain_slot
        };
        let index = self.slots.iter().position(|slot| slot.as_ref().is_some_and(is_due))?;
        u8::try_from(index).ok()
    }

    /// Every order on its way.
    pub fn list(&self) -> impl Iterator<Item = &Flight> {
        self.slots.iter().flatten()
    }
}

/// Where an instrument's own market stands: what prices are judged against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference {
    /// Best bid plus best ask, that is twice the middle. Unit: ticks.
    TwiceMid(u128),
    /// The square-root price of a pool, Q64.64, and which token is the base.
    SqrtPrice(u128, BaseToken),
}

impl World {
    /// What the order meets now. Consumes what it takes.
    pub(crate) fn execute(&mut self, flight: &Flight, now_ns: u64) -> Answer {
        let order = &flight.order;
        match &self.markets[order.market().index()] {
            Market::Book(_) => self.take_from_book(order, now_ns),
            Market::Pool(_) => self.swap_in_pool(flight, now_ns),
        }
    }

    fn take_from_book(&mut self, order: &Order, now_ns: u64) -> Answer {
        const MISSED: Answer = Answer::Done {
            steps: 0,
            quote: LegQuote::NOTHING,
            network_lamports: 0,
            tip_lamports: 0,
        };
        let Limit::Price { ticks: limit_ticks } = order.limit() else { return MISSED };
        // Nobody knows what a book in doubt would have given: nothing, which is against us.
        if self.check_usable(order.instrument(), now_ns).is_err() {
            return MISSED;
        }
        let Market::Book(book) = &mut self.markets[order.market().index()] else { return MISSED };
        let side = match order.take() {
            Take::Buy => Side::Ask,
            Take::Sell => Side::Bid,
        };
        let (mut left, mut tick_lots, mut last_ticks) = (order.steps(), 0_u128, 0);
        for _ in 0..LEVELS_TAKEN_MAX {
            let Some(level) = book.book().best(side) else { break };
            let is_within = match order.take() {
                Take::Buy => level.price_ticks <= limit_ticks,
                Take::Sell => level.price_ticks >= limit_ticks,
            };
            if left == 0 || !is_within {
                break;
            }
            let lots = left.min(level.size_lots);
            tick_lots += u128::from(level.price_ticks) * u128::from(lots);
            last_ticks = level.price_ticks;
            left -= lots;
            book.consume(side, level.price_ticks, level.size_lots - lots);
        }
        let quote = self.book_figures(order.instrument(), order.take(), tick_lots, last_ticks);
        // Bids may lie anywhere above a sale's limit: what cannot be counted is no fill.
        let Some(quote) = quote else { return MISSED };
        Answer::Done { steps: order.steps() - left, quote, network_lamports: 0, tip_lamports: 0 }
    }

    fn swap_in_pool(&mut self, flight: &Flight, now_ns: u64) -> Answer {
        let (order, network_lamports) = (&flight.order, flight.network_lamports);
        let failed = |by_limit| Answer::Failed { by_limit, network_lamports };
        if flight.fails {
            return failed(false);
        }
        let Limit::Total { quote: limit } = order.limit() else { return failed(true) };
        let inner_steps_max = self.tables.signal.inner_steps_max;
        let now_s = self.wall_ns(now_ns) / 1_000_000_000;
        if self.check_usable(order.instrument(), now_ns).is_err() {
            return failed(false);
        }
        let Market::Pool(pool) = &mut self.markets[order.market().index()] else {
            return failed(false);
        };
        let swapped = pool.try_swap(order.take(), order.steps(), now_s, inner_steps_max);
        let Ok(swapped) = swapped else { return failed(true) };
        let (paid, got) = (swapped.amount_in(), swapped.amount_out());
        let is_within = match order.take() {
            Take::Buy => paid <= limit && got == order.steps(),
            Take::Sell => got >= limit && paid == order.steps(),
        };
        if !is_within {
            return failed(true);
        }
        pool.carry(&swapped);
        Answer::Done {
            steps: order.steps(),
            quote: LegQuote::of_swap(order.take(), paid, got, swapped.fee_amount),
            network_lamports,
            tip_lamports: flight.tip_lamports,
        }
    }

    /// Where a market stands; none when it may not be used.
    pub(crate) fn reference(&self, instrument: InstrumentId, now_ns: u64) -> Option<Reference> {
        self.check_usable(instrument, now_ns).ok()?;
        let market = self.tables.instruments[instrument.index()].market;
        match &self.markets[market.index()] {
            Market::Book(book) => {
                let bid = book.book().best(Side::Bid)?.price_ticks;
                let ask = book.book().best(Side::Ask)?.price_ticks;
                Some(Reference::TwiceMid(u128::from(bid) + u128::from(ask)))
            }
            Market::Pool(pool) => Some(Reference::SqrtPrice(pool.pool()?.sqrt_price, pool.base())),
        }
    }

    /// The limit of an order at so many parts per million beyond its market's own price, never
    /// looser; none when the market may not be used.
    pub(crate) fn limit_at(
        &self,
        instrument: InstrumentId,
        take: Take,
        steps: u64,
        ppm: u32,
        now_ns: u64,
    ) -> Option<Limit> {
        match self.reference(instrument, now_ns)? {
            Reference::TwiceMid(twice) => {
                let moved = beyond_wide(take, twice, ppm)?;
                let ticks = match take {
                    Take::Buy => moved / 2,
                    Take::Sell => moved.div_ceil(2),
                };
                Some(Limit::Price { ticks: u64::try_from(ticks).ok()? })
            }
            Reference::SqrtPrice(sqrt_price, base) => {
                // The least that a sale may bring is taken from above the spot value, so that the
                // bound holds on any scale it is read on.
                let quote = match take {
                    Take::Buy => beyond_wide(take, spot_quote(sqrt_price, base, steps)?, ppm)?,
                    Take::Sell => {
                        let spot = spot_quote_ceil(sqrt_price, base, steps)?;
                        beyond_wide(take, spot, ppm)?.checked_add(1)?
                    }
                };
                Some(Limit::Total { quote: u64::try_from(quote).ok()? })
            }
        }
    }

    /// Whether anything rests within a book order's limit. A pool always has something.
    pub(crate) fn is_reachable(&self, market: MarketId, take: Take, limit: Limit) -> bool {
        let (Market::Book(book), Limit::Price { ticks }) = (&self.markets[market.index()], limit)
        else {
            return true;
        };
        match take {
            Take::Buy => book.book().best(Side::Ask).is_some_and(|best| best.price_ticks <= ticks),
            Take::Sell => book.book().best(Side::Bid).is_some_and(|best| best.price_ticks >= ticks),
        }
    }
}

fn beyond_wide(take: Take, amount: u128, ppm: u32) -> Option<u128> {
    let one = 1_000_000_u128;
    match take {
        Take::Buy => mul_div_floor(amount, one + u128::from(ppm), one),
        Take::Sell => mul_div_ceil(amount, one.saturating_sub(u128::from(ppm)), one),
    }
}

/// Quote units for so many base units at the spot price, rounded down; none out of range.
pub(crate) fn spot_quote(sqrt_price: u128, base: BaseToken, base_units: u64) -> Option<u128> {
    const ONE: u128 = 1 << 64;
    let base_units = u128::from(base_units);
    match base {
        // B per A is (√P / 2⁶⁴)².
        BaseToken::A => mul_div_floor(mul_div_floor(base_units, sqrt_price, ONE)?, sqrt_price, ONE),
        BaseToken::B => mul_div_floor(mul_div_floor(base_units, ONE, sqrt_price)?, ONE, sqrt_price),
    }
}

/// The same, never less than the spot value: each of its roundings is up, and one of a price above
/// one is worth that many units.
fn spot_quote_ceil(sqrt_price: u128, base: BaseToken, base_units: u64) -> Option<u128> {
    let (over, under) = match base {
        BaseToken::A => (sqrt_price, 1 << 64),
        BaseToken::B => (1 << 64, sqrt_price),
    };
    mul_div_ceil(mul_div_ceil(base_units.into(), over, under)?, over, under)
}

impl LegQuote {
    /// Nothing moved.
    pub const NOTHING: Self =
        Self { gross: 0, taker_fee: 0, pool_fee: 0, total: 0, limit_price_ticks: 0 };

    /// Figures of a swap: `fee` is in the input token, and one in base is valued at the swap's own
    /// average price, rounded up.
    #[must_use]
    pub fn of_swap(take: Take, paid: u64, got: u64, fee: u64) -> Self {
        let (paid, got, fee) = (u128::from(paid), u128::from(got), u128::from(fee));
        match take {
            Take::Buy => Self { gross: paid - fee, pool_fee: fee, total: paid, ..Self::NOTHING },
            Take::Sell => {
                let priced = paid - fee;
                let pool_fee = if priced == 0 { 0 } else { (got * fee).div_ceil(priced) };
                Self { gross: got + pool_fee, pool_fee, total: got, ..Self::NOTHING }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spot_price_reads_both_ways() {
        let two = 2_u128 << 64;
        assert_eq!(spot_quote(two, BaseToken::A, 100), Some(400));
        assert_eq!(spot_quote(two, BaseToken::B, 100), Some(25));
    }

    #[test]
    fn a_swap_states_its_fee_in_quote() {
        let buy = LegQuote::of_swap(Take::Buy, 1_000, 50, 3);
        assert_eq!((buy.gross, buy.pool_fee, buy.total), (997, 3, 1_000));
        let sell = LegQuote::of_swap(Take::Sell, 1_000, 500, 3);
        // 500 × 3 / 997, rounded up.
        assert_eq!((sell.gross, sell.pool_fee, sell.total), (502, 2, 500));
    }
}
