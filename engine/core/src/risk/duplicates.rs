//! The same order twice: by content within a short time, or by its id at any time.

use alloc::boxed::Box;
use alloc::vec;

use engine_model::{MarketId, Side};
use serde::{Deserialize, Serialize};

use super::limits::Limits;
use super::ring::{Ring, is_inside};

/// Orders remembered by content. The message and trade limits allow a handful in half a second.
/// 64 × 64 bytes is 4 KB.
pub const ORDERS_MAX: usize = 64;

/// Trades whose ids are remembered one by one; more than can be in flight. 64 × 16 bytes is 1 KB.
pub const TRADES_MAX: usize = 64;

/// Legs of a trade.
const LEGS: usize = 2;

/// What makes two orders the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderContent {
    /// Where; a market belongs to one venue.
    pub market: MarketId,
    /// Which side of the book it would rest on.
    pub side: Side,
    /// Unit: the market's; ticks of a book, minimum output of a swap.
    pub price: u128,
    /// Unit: the market's; lots of a book, input of a swap.
    pub size: u128,
}

/// What a client order id is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClientKey {
    /// Number of the trade. Later trades have higher numbers; 0 is not a number.
    pub trade: u64,
    /// 0 or 1.
    pub leg: u8,
    /// Counts from 0 and grows.
    pub attempt: u8,
}

/// In what an order repeats another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Duplicate {
    /// Its id was used, or may have been: ids of long finished trades are refused as one.
    ClientId,
    /// An order of the same content is younger than the window.
    Content {
        /// Age of that order.
        age_ns: u64,
    },
    /// More orders inside the window than are remembered, so nothing can be said.
    TooMany,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Sent {
    at_ns: u64,
    content: Option<OrderContent>,
}

/// Attempts used by one trade.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Trade {
    id: u64,
    /// Lowest attempt that is free, by leg.
    free: [u16; LEGS],
}

/// Remembers what was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Duplicates {
    sent: Ring<Sent>,
    /// Trades known one by one; id 0 is an empty place.
    trades: Box<[Trade]>,
    /// Every id of a trade up to this one counts as used.
    used_up_to: u64,
}

impl Default for Duplicates {
    fn default() -> Self {
        Self::new()
    }
}

impl Duplicates {
    /// Nothing sent yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            sent: Ring::new(ORDERS_MAX),
            trades: vec![Trade::default(); TRADES_MAX].into_boxed_slice(),
            used_up_to: 0,
        }
    }

    /// Whether an order repeats one that was sent.
    ///
    /// An equal order 499,999,999 ns old makes it a duplicate (default window), one of exactly
    /// 500,000,000 ns does not.
    ///
    /// # Errors
    ///
    /// [`Duplicate`]: the id first, then the content.
    pub fn check(
        &self,
        content: &OrderContent,
        key: ClientKey,
        now_ns: u64,
        limits: &Limits,
    ) -> Result<(), Duplicate> {
        if self.is_used(key) {
            return Err(Duplicate::ClientId);
        }
        let window_ns = limits.duplicate_window_ns;
        let live = |sent: &Sent| is_inside(window_ns, sent.at_ns, now_ns);
        let same = self.sent.iter().filter(|sent| sent.content == Some(*content));
        if let Some(youngest) = same.filter(live).last() {
            return Err(Duplicate::Content { age_ns: now_ns.saturating_sub(youngest.at_ns) });
        }
        let is_forgetting = self.sent.is_full() && self.sent.oldest().as_ref().is_some_and(live);
        if is_forgetting { Err(Duplicate::TooMany) } else { Ok(()) }
    }

    /// Remembers an order as sent, if it repeats none.
    ///
    /// # Errors
    ///
    /// As [`Self::check`]; nothing is then remembered.
    pub fn note(
        &mut self,
        content: &OrderContent,
        key: ClientKey,
        now_ns: u64,
        limits: &Limits,
    ) -> Result<(), Duplicate> {
        self.check(content, key, now_ns, limits)?;
        self.sent.push(Sent { at_ns: now_ns, content: Some(*content) });
        let index = self.place_of(key.trade);
        let trade = &mut self.trades[index];
        trade.id = key.trade;
        trade.free[usize::from(key.leg)] = u16::from(key.attempt) + 1;
        Ok(())
    }

    fn is_used(&self, key: ClientKey) -> bool {
        if key.trade <= self.used_up_to || usize::from(key.leg) >= LEGS {
            return true;
        }
        let known = self.trades.iter().find(|trade| trade.id == key.trade);
        known.is_some_and(|trade| u16::from(key.attempt) < trade.free[usize::from(key.leg)])
    }

    /// Place of a trade; where all are taken, that of the lowest number, whose ids are used up.
    fn place_of(&mut self, id: u64) -> usize {
        let places = || self.trades.iter().enumerate();
        if let Some((index, _)) = places().find(|(_, trade)| trade.id == id) {
            return index;
        }
        let lowest = places().min_by_key(|(_, trade)| trade.id);
        let (index, trade) = lowest.expect("Invariant: TRADES_MAX is not zero");
        self.used_up_to = self.used_up_to.max(trade.id);
        self.trades[index] = Trade::default();
        index
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::ring::testing::{Random, restored};
    use super::*;

    const START: u64 = 1_700_000_000_000_000_000;
    const HALF_SECOND: u64 = 500_000_000;
    const CONTENT: OrderContent =
        OrderContent { market: MarketId(1), side: Side::Bid, price: 100, size: 7 };

    const fn key(trade: u64, leg: u8, attempt: u8) -> ClientKey {
        ClientKey { trade, leg, attempt }
    }

    #[test]
    fn an_equal_order_inside_half_a_second_is_refused() {
        let limits = Limits::default();
        for (shows, age_ns, passes) in [
            ("at once", 0, false),
            ("1 ns inside", HALF_SECOND - 1, false),
            ("at the window's end", HALF_SECOND, true),
            ("1 ns outside", HALF_SECOND + 1, true),
            ("much later", u64::MAX - START, true),
        ] {
            let mut duplicates = Duplicates::new();
            assert_eq!(duplicates.note(&CONTENT, key(1, 0, 0), START, &limits), Ok(()));
            let duplicates = restored(&duplicates);
            let expected = if passes { Ok(()) } else { Err(Duplicate::Content { age_ns }) };
            let outcome = duplicates.check(&CONTENT, key(2, 0, 0), START + age_ns, &limits);
            assert_eq!(outcome, expected, "{shows}");
        }
    }

    #[test]
    fn an_order_that_differs_in_anything_passes() {
        let limits = Limits::default();
        let mut duplicates = Duplicates::new();
        assert_eq!(duplicates.note(&CONTENT, key(1, 0, 0), START, &limits), Ok(()));
        for content in [
            OrderContent { market: MarketId(2), ..CONTENT },
            OrderContent { side: Side::Ask, ..CONTENT },
            OrderContent { price: 101, ..CONTENT },
            OrderContent { price: u128::MAX, ..CONTENT },
            OrderContent { size: 0, ..CONTENT },
        ] {
            let outcome = duplicates.check(&content, key(2, 0, 0), START, &limits);
            assert_eq!(outcome, Ok(()), "{content:?}");
        }
    }

    #[test]
    fn a_client_id_is_used_once() {
        let limits = Limits::default();
        let mut duplicates = Duplicates::new();
        let mut now_ns = START;
        for (shows, id, passes) in [
            ("no trade", key(0, 0, 0), false),
            ("first", key(5, 0, 0), true),
            ("again", key(5, 0, 0), false),
            ("other leg", key(5, 1, 0), true),
            ("no such leg", key(5, 2, 0), false),
            ("no such leg", key(6, u8::MAX, 0), false),
            ("next attempt", key(5, 0, 1), true),
            ("the one before", key(5, 0, 0), false),
            ("skips", key(5, 0, u8::MAX), true),
            ("the last, again", key(5, 0, u8::MAX), false),
            ("an earlier trade that is known of", key(4, 0, 0), true),
            ("highest", key(u64::MAX, 0, 0), true),
        ] {
            now_ns += HALF_SECOND;
            duplicates = restored(&duplicates);
            let expected = if passes { Ok(()) } else { Err(Duplicate::ClientId) };
            assert_eq!(duplicates.note(&CONTENT, id, now_ns, &limits), expected, "{shows}");
        }
    }

    #[test]
    fn more_orders_than_are_remembered_are_refused() {
        let limits = Limits::default();
        let mut duplicates = Duplicates::new();
        for n in 0..ORDERS_MAX as u64 {
            let content = OrderContent { price: n.into(), ..CONTENT };
            assert_eq!(duplicates.note(&content, key(n + 1, 0, 0), START, &limits), Ok(()));
        }
        let other = OrderContent { price: 1_000, ..CONTENT };
        for (age_ns, expected) in
            [(HALF_SECOND - 1, Err(Duplicate::TooMany)), (HALF_SECOND, Ok(()))]
        {
            let outcome = duplicates.check(&other, key(999, 0, 0), START + age_ns, &limits);
            assert_eq!(outcome, expected, "{age_ns}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]

        /// 10,000 orders: no id passes twice, no content twice inside the window, and trades far
        /// in the past stay used although they are not remembered one by one.
        #[test]
        fn nothing_passes_twice(seed: u64) {
            let (mut random, limits) = (Random(seed), Limits::default());
            let mut duplicates = Duplicates::new();
            let mut ids = alloc::collections::BTreeSet::new();
            let mut contents = alloc::vec![None; 8];
            let (mut now_ns, mut passed_count) = (START, 0);
            for n in 0..10_000_u64 {
                now_ns += random.below(HALF_SECOND / 4);
                let reach = if random.below(20) == 0 { 200 } else { 4 };
                let back = random.below(reach);
                let trade = (1 + n / 4).saturating_sub(back);
                let small = |value: u64| u8::try_from(value).expect("is small");
                let id = key(trade, small(random.below(3)), small(random.below(4)));
                let price = random.below(8);
                let content = OrderContent { price: price.into(), ..CONTENT };
                let passes = duplicates.note(&content, id, now_ns, &limits).is_ok();
                let last = &mut contents[usize::try_from(price).expect("is small")];
                if passes {
                    prop_assert!(ids.insert(id), "{:?} passed twice", id);
                    let apart = last.is_none_or(|at_ns| now_ns - at_ns >= HALF_SECOND);
                    prop_assert!(apart, "content passed twice");
                    *last = Some(now_ns);
                    passed_count += 1;
                }
                if n % 1_000 == 0 {
                    duplicates = restored(&duplicates);
                }
            }
            prop_assert!(passed_count > 1_000, "the test must let orders pass");
        }
    }
}
