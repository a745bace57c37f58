//! When prices come apart, where, how far and for how long.
//!
//! Chance alone would leave some half minutes without anything worth a trade, and make others worth a
//! fortune. So time is cut into turns of [`TURN_US`]; in each, one venue comes apart from another, and
//! six turns are a round that touches every pair of venues. The order of a round's lifetimes, the
//! moment within a turn, direction, size, thinness and fading are chance.

use crate::happening::ExchangeId;
use crate::market::Rng;

/// Length of a turn. Unit: microseconds.
pub(super) const TURN_US: u64 = 4_600_000;

/// Turns of a round.
const ROUND: u64 = 6;

/// Prices come apart between these moments of a turn. Unit: microseconds.
const OPENS_US: (u64, u64) = (300_000, 1_700_000);

/// The only step of a turn at which the hidden price may jump: when nothing else happens, so that a
/// jump that the pool has not followed yet does not add to a gap. Unit: microseconds.
const JUMP_US: u64 = 3_100_000;

/// Lifetimes of the five gaps between books of a round. Unit: microseconds. Orders take 50 to 85 ms
/// to a book, and a second leg starts when the first is done: most of these are too short for both.
const LIVES_US: [(u64, u64); 5] = [
    (65_000, 95_000),
    (110_000, 150_000),
    (150_000, 190_000),
    (200_000, 260_000),
    (280_000, 350_000),
];

/// Lifetime of the sixth, in rounds without a whale. Unit: microseconds.
const SIXTH_US: (u64, u64) = (110_000, 170_000);

/// Who comes apart from whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gap {
    /// An exchange from another.
    Books(ExchangeId, ExchangeId),
    /// An exchange from the pool.
    Pool(ExchangeId),
    /// The pool from everybody, for a slot or two: somebody swaps far too much.
    Whale,
}

/// One turn's event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) gap: Gap,
    /// When, since the world began. Unit: microseconds.
    pub(super) at_us: u64,
    /// How long until others have closed it.
    pub(super) life_us: u64,
    /// Whether the one that comes apart becomes dear.
    pub(super) is_dear: bool,
    /// What it is worth beyond everybody's fees. Unit: ppm.
    pub(super) margin_ppm: i64,
    /// Somebody quicker takes the best quotes: when after the start, and what is left. Unit:
    /// microseconds; thousandths of a coin.
    pub(super) thins: Option<(u64, u64)>,
    /// Whether that happens at the one that comes apart, else at its counterpart.
    pub(super) thins_here: bool,
    /// Share of the margin that is gone in the middle of its life. Unit: permille.
    pub(super) fades_permille: i64,
}

/// The pairs of a round. Any four turns in a row touch every venue.
const PLACES: [Gap; 6] = [
    Gap::Books(ExchangeId::Bitstamp, ExchangeId::Gemini),
    Gap::Pool(ExchangeId::Coinbase),
    Gap::Pool(ExchangeId::Gemini),
    Gap::Books(ExchangeId::Coinbase, ExchangeId::Bitstamp),
    Gap::Pool(ExchangeId::Bitstamp),
    Gap::Books(ExchangeId::Gemini, ExchangeId::Coinbase),
];

/// The event of a turn: a function of seed and number.
pub(super) fn event(seed: u64, turn: u64) -> Event {
    let (round, place) = (turn / ROUND, turn % ROUND);
    let mut of_round = Rng::new(seed.rotate_left(23) ^ round.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let has_whale = round % 2 == 1;
    let mut lives = LIVES_US;
    for last in (1..lives.len()).rev() {
        let other = of_round.below(last as u64 + 1);
        lives.swap(last, usize::try_from(other).unwrap_or(0));
    }
    let mut rng = Rng::new(of_round.next_u64() ^ place.wrapping_mul(0xd1b5_4a32_d192_ed03));
    let index = usize::try_from(place).unwrap_or(0);
    let (low, high) = lives.get(index).copied().unwrap_or(SIXTH_US);
    let gap = if has_whale && index == lives.len() { Gap::Whale } else { PLACES[index] };
    let at_us = turn * TURN_US + rng.between(OPENS_US.0, OPENS_US.1);
    let life_us = rng.between(low, high);
    let is_dear = rng.chance(500);
    let margin_ppm = 1_900 + rng.below(1_600).cast_signed();
    let thins = (rng.between(12_000, 45_000), rng.between(400, 4_500));
    let thins = rng.chance(330).then_some(thins);
    let thins_here = rng.chance(500);
    let fades_permille = rng.below(400).cast_signed();
    Event { gap, at_us, life_us, is_dear, margin_ppm, thins, thins_here, fades_permille }
}

/// Whether the hidden price may jump in the step that ends at this time.
pub(super) const fn may_jump(at_us: u64) -> bool {
    at_us % TURN_US / super::walk::STEP_US == JUMP_US / super::walk::STEP_US
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_four_turns_touch_every_venue_and_their_time_is_bounded() {
        for seed in 0..200 {
            let events: Vec<Event> = (0..60).map(|turn| event(seed, turn)).collect();
            for (turn, event) in events.iter().enumerate() {
                assert_eq!(event.at_us / TURN_US, turn as u64, "within its turn");
                assert!(event.at_us % TURN_US + event.life_us < JUMP_US);
            }
            for four in events.windows(4) {
                let has = |id| {
                    four.iter().any(|event| match event.gap {
                        Gap::Books(a, b) => a == id || b == id,
                        Gap::Pool(a) => a == id,
                        Gap::Whale => false,
                    })
                };
                for id in [ExchangeId::Coinbase, ExchangeId::Gemini, ExchangeId::Bitstamp] {
                    assert!(has(id), "seed {seed}: {id:?} in {four:?}");
                }
                assert!(four.iter().any(|event| !matches!(event.gap, Gap::Books(..))));
            }
            for rounds in events.chunks(12) {
                let open: u64 = rounds
                    .iter()
                    .map(|event| if event.gap == Gap::Whale { 410_000 } else { event.life_us })
                    .sum();
                assert!(open * 100 < 2 * ROUND * TURN_US * 5, "seed {seed}: {open} us");
            }
        }
        assert_ne!(event(1, 0), event(2, 0));
    }
}
