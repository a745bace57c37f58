//! An order book that somebody keeps quoting around a moving middle.

use std::collections::BTreeMap;

use super::rng::Rng;

/// Side of a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    /// Somebody buys here.
    Bid,
    /// Somebody sells here.
    Ask,
}

/// The size that rests at a price from now on; zero deletes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// Side of the book.
    pub(crate) side: Side,
    /// Unit: ticks.
    pub(crate) price_ticks: u64,
    /// Unit: lots.
    pub(crate) size_lots: u64,
}

/// A trade at the best price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Print {
    /// The resting side that was hit.
    pub(crate) maker: Side,
    /// Unit: ticks.
    pub(crate) price_ticks: u64,
    /// Unit: lots.
    pub(crate) size_lots: u64,
    /// What rests there afterwards. Unit: lots.
    pub(crate) left_lots: u64,
}

/// How one book is quoted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// One tick. Unit: micro-USD.
    pub(crate) tick_micros: u64,
    /// Lots in a thousandth of a base unit. Sizes are drawn in thousandths of SOL.
    pub(crate) lots_per_milli: u64,
    /// Sizes are multiplied by this (a stablecoin trades in thousands).
    pub(crate) size_scale: u64,
    /// Distance of the best price from the middle. Unit: ticks.
    pub(crate) half_spread_ticks: u64,
    /// Widest gap between neighbouring levels near the touch. Unit: ticks.
    pub(crate) gap_ticks: u64,
    /// Most levels of one side within 2.5 % of the middle.
    pub(crate) near_max: usize,
}

/// A book. Bids are keyed by the complement of their price, so that both sides run best first.
#[derive(Clone, Debug)]
pub(crate) struct Ladder {
    rules: Rules,
    rng: Rng,
    sides: [BTreeMap<u64, u64>; 2],
}

/// Levels that are put down at once where a jump has left a hole.
const FILL_LEVELS: u64 = 14;

impl Ladder {
    /// A full book around `mid_micros`, with far levels and an absurd ask at `absurd_ask_ticks`.
    pub(crate) fn new(rules: Rules, rng: Rng, mid_micros: u64, absurd_ask_ticks: u64) -> Self {
        assert!(
            mid_micros > 200 * rules.tick_micros,
            "Invariant: a tick is small against the price"
        );
        let mut book = Self { rules, rng, sides: [BTreeMap::new(), BTreeMap::new()] };
        let mid = mid_micros / rules.tick_micros;
        for percent in [3, 4, 5, 7, 10, 14, 20, 28, 36, 45, 60, 75, 90] {
            let away = mid * percent / 100 + book.rng.below(mid / 200);
            let (low, high) = (book.size(away), book.size(away));
            book.sides[0].insert(!(mid - away.min(mid - 1)), low);
            book.sides[1].insert(mid + away, high);
        }
        book.sides[1].insert(absurd_ask_ticks, rules.lots_per_milli);
        for side in [Side::Bid, Side::Ask] {
            let mut at = book.touch(side, mid_micros);
            for _ in 0..rules.near_max {
                let size = book.size(2);
                book.sides[side as usize].entry(at).or_insert(size);
                at += book.rng.between(1, rules.gap_ticks);
            }
        }
        book.requote(mid_micros, [None, None]);
        book
    }

    /// Levels of a side, best first, as (ticks, lots).
    pub(crate) fn levels(&self, side: Side) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.sides[side as usize].iter().map(move |(key, lots)| (ticks(side, *key), *lots))
    }

    /// Moves the quotes to a new middle, and lets a few levels come, go and change. With `thin`, a
    /// side is nothing but one level of that many lots (far levels stay). Gives what changed, each
    /// price once, deletions first.
    pub(crate) fn requote(&mut self, mid_micros: u64, thin: [Option<u64>; 2]) -> Vec<Change> {
        let mut changed: BTreeMap<(Side, u64), u64> = BTreeMap::new();
        for side in [Side::Bid, Side::Ask] {
            let touch = self.touch(side, mid_micros);
            let better: Vec<u64> =
                self.sides[side as usize].range(..touch).map(|(key, _)| *key).collect();
            for key in better {
                self.put(side, key, 0, &mut changed);
            }
            if let Some(lots) = thin[side as usize] {
                self.thin(side, touch, lots, &mut changed);
            } else {
                self.fill(side, touch, &mut changed);
                self.trim(side, touch, &mut changed);
            }
        }
        if thin == [None, None] {
            for _ in 0..self.rng.below(4) {
                self.stir(mid_micros, &mut changed);
            }
        }
        let change = |(&(side, key), &size_lots): (&(Side, u64), &u64)| Change {
            side,
            price_ticks: ticks(side, key),
            size_lots,
        };
        let (gone, left): (Vec<Change>, Vec<Change>) =
            changed.iter().map(change).partition(|change| change.size_lots == 0);
        gone.into_iter().chain(left).collect()
    }

    /// Somebody hits the best price of a side for a random part of it.
    pub(crate) fn trade(&mut self, maker: Side) -> Option<Print> {
        let (key, resting) = self.sides[maker as usize].first_key_value().map(|(k, v)| (*k, *v))?;
        let whole = self.rng.chance(250);
        let size_lots = if whole { resting } else { self.rng.between(1, resting) };
        let mut changed = BTreeMap::new();
        self.put(maker, key, resting - size_lots, &mut changed);
        let price_ticks = ticks(maker, key);
        Some(Print { maker, price_ticks, size_lots, left_lots: resting - size_lots })
    }

    /// Key of the best price that a side may show around a middle. A bid rounds down, an ask up, so
    /// that they are at least one tick apart.
    fn touch(&self, side: Side, mid_micros: u64) -> u64 {
        let mid = mid_micros / self.rules.tick_micros;
        match side {
            Side::Bid => !(mid - self.rules.half_spread_ticks),
            Side::Ask => mid + 1 + self.rules.half_spread_ticks,
        }
    }

    /// Closes the hole between the touch and the best level, if there is one.
    fn fill(&mut self, side: Side, touch: u64, changed: &mut BTreeMap<(Side, u64), u64>) {
        let best = self.sides[side as usize].first_key_value().map_or(u64::MAX, |(key, _)| *key);
        let hole = best - touch;
        if hole == 0 || (hole <= self.rules.half_spread_ticks && self.rng.chance(500)) {
            return;
        }
        let mut at = touch;
        for _ in 0..FILL_LEVELS {
            if at >= best {
                return;
            }
            let size = self.size(at - touch);
            self.put(side, at, size, changed);
            at += self.rng.between(1, self.rules.gap_ticks);
        }
    }

    /// Takes away the farthest near levels above the allowed number.
    fn trim(&mut self, side: Side, touch: u64, changed: &mut BTreeMap<(Side, u64), u64>) {
        let reach = near(side, touch);
        let surplus: Vec<u64> = self.sides[side as usize]
            .range(touch..=touch + reach)
            .map(|(key, _)| *key)
            .skip(self.rules.near_max)
            .collect();
        for key in surplus {
            self.put(side, key, 0, changed);
        }
    }

    /// Leaves one level.
    fn thin(
        &mut self,
        side: Side,
        touch: u64,
        lots: u64,
        changed: &mut BTreeMap<(Side, u64), u64>,
    ) {
        let reach = near(side, touch);
        let others: Vec<u64> = self.sides[side as usize]
            .range(touch + 1..=touch + reach)
            .map(|(key, _)| *key)
            .collect();
        for key in others {
            self.put(side, key, 0, changed);
        }
        if self.sides[side as usize].get(&touch) != Some(&lots) {
            self.put(side, touch, lots, changed);
        }
    }

    /// One random edit within reach of the touch. A sparse side gains levels, a full one loses them.
    fn stir(&mut self, mid_micros: u64, changed: &mut BTreeMap<(Side, u64), u64>) {
        let side = if self.rng.chance(500) { Side::Bid } else { Side::Ask };
        let touch = self.touch(side, mid_micros);
        let rank = usize::try_from(self.rng.between(1, 25)).unwrap_or(1);
        let near = touch..=touch + near(side, touch);
        let level = self.sides[side as usize].range(near.clone()).nth(rank).map(|(key, _)| *key);
        let is_sparse = self.sides[side as usize].range(near).count() < self.rules.near_max * 3 / 4;
        match (self.rng.below(3), level) {
            (0, Some(key)) if !is_sparse => self.put(side, key, 0, changed),
            (1, Some(key)) => {
                let size = self.size(key - touch);
                self.put(side, key, size, changed);
            }
            _ => {
                let away = self.rng.below(self.rules.gap_ticks * 30) + 1;
                let size = self.size(away);
                self.put(side, touch + away, size, changed);
            }
        }
    }

    /// A size for a level: mostly some SOL, sometimes crumbs, sometimes a wall away from the touch.
    fn size(&mut self, away_ticks: u64) -> u64 {
        let milli = match self.rng.below(100) {
            0..12 => self.rng.between(50, 500),
            12..60 => self.rng.between(1_000, 15_000),
            60..90 => self.rng.between(10_000, 60_000),
            _ if away_ticks > 2 => self.rng.between(100_000, 500_000),
            _ => self.rng.between(5_000, 30_000),
        };
        let milli = milli * self.rules.size_scale;
        if self.rng.chance(330) && milli >= 500 {
            return milli / 500 * 500 * self.rules.lots_per_milli;
        }
        milli * self.rules.lots_per_milli + self.rng.below(self.rules.lots_per_milli)
    }

    fn put(
        &mut self,
        side: Side,
        key: u64,
        size_lots: u64,
        changed: &mut BTreeMap<(Side, u64), u64>,
    ) {
        if size_lots == 0 {
            self.sides[side as usize].remove(&key);
        } else {
            self.sides[side as usize].insert(key, size_lots);
        }
        changed.insert((side, key), size_lots);
    }
}

/// 2.5 % of the price at a key. Unit: ticks, rounded down.
const fn near(side: Side, key: u64) -> u64 {
    ticks(side, key) / 40
}

/// Price of a key, and key of a price: the same function.
const fn ticks(side: Side, key: u64) -> u64 {
    match side {
        Side::Bid => !key,
        Side::Ask => key,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules {
        tick_micros: 10_000,
        lots_per_milli: 100_000,
        size_scale: 1,
        half_spread_ticks: 1,
        gap_ticks: 3,
        near_max: 40,
    };

    /// Best bid and ask of a book rebuilt from changes alone.
    fn apply(book: &mut BTreeMap<(Side, u64), u64>, changes: &[Change]) {
        for change in changes {
            if change.size_lots == 0 {
                book.remove(&(change.side, change.price_ticks));
            } else {
                book.insert((change.side, change.price_ticks), change.size_lots);
            }
        }
    }

    #[test]
    fn changes_rebuild_the_book_and_never_cross_it() {
        let mut ladder = Ladder::new(RULES, Rng::new(5), 77_420_000, 1_234_567_891_234);
        let mut rebuilt = BTreeMap::new();
        for side in [Side::Bid, Side::Ask] {
            rebuilt.extend(ladder.levels(side).map(|(price, lots)| ((side, price), lots)));
        }
        let mut rng = Rng::new(6);
        for round in 0..3_000 {
            let mid = 77_420_000 + rng.below(3_000_000);
            let thin = if round % 50 < 5 { Some(1_000) } else { None };
            apply(&mut rebuilt, &ladder.requote(mid, [None, thin]));
            if let Some(print) = ladder.trade(Side::Ask) {
                let change = Change {
                    side: Side::Ask,
                    price_ticks: print.price_ticks,
                    size_lots: print.left_lots,
                };
                apply(&mut rebuilt, &[change]);
            }
            for side in [Side::Bid, Side::Ask] {
                let mut kept: Vec<(u64, u64)> = ladder.levels(side).collect();
                kept.sort_unstable();
                let seen: Vec<(u64, u64)> = rebuilt
                    .iter()
                    .filter(|((of, _), _)| *of == side)
                    .map(|((_, price), lots)| (*price, *lots))
                    .collect();
                assert_eq!(kept, seen, "round {round}");
            }
            let bid = ladder.levels(Side::Bid).next().expect("bids").0;
            let ask = ladder.levels(Side::Ask).next().expect("asks").0;
            assert!(bid < ask, "round {round}: {bid} {ask}");
        }
        assert!(ladder.levels(Side::Ask).any(|(price, _)| price == 1_234_567_891_234));
    }

    #[test]
    fn a_thin_side_shows_one_level_near_the_touch() {
        let mut ladder = Ladder::new(RULES, Rng::new(9), 77_420_000, 1_234_567_891_234);
        ladder.requote(77_420_000, [None, Some(700)]);
        let near: Vec<(u64, u64)> =
            ladder.levels(Side::Ask).filter(|(price, _)| *price < 7_742 * 102 / 100).collect();
        assert_eq!(near, [(7_744, 700)]);
    }
}
