//! One exchange's own view of the price, and the book it quotes from it.

use super::World;
use super::fair::shifted;
use super::ladder::{Change, Ladder, Print, Rules, Side};
use super::rng::Rng;
use super::script::Exchange;

/// Most that an exchange's noise moves in one quote. Unit: ppm.
const NOISE_PPM: i64 = 25;

/// How one exchange behaves.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manners {
    pub(super) rules: Rules,
    /// How old its view of the fair price is. Unit: microseconds.
    pub(super) lag_us: u64,
    /// Mean time between quotes. Unit: microseconds.
    pub(super) quote_us: u64,
    /// Mean time between trades. Unit: microseconds.
    pub(super) trade_us: u64,
    /// An ask that no tidy book would hold. Unit: ticks.
    pub(super) absurd_ask_ticks: u64,
}

impl Manners {
    /// SOL-USD at each exchange: tick and lot as the venue publishes them.
    pub(super) const fn of(exchange: Exchange) -> Self {
        match exchange {
            Exchange::Coinbase => Self {
                rules: Rules {
                    tick_micros: 10_000,
                    lots_per_milli: 100_000,
                    size_scale: 1,
                    half_spread_ticks: 0,
                    gap_ticks: 3,
                    near_max: 48,
                },
                lag_us: 10_000,
                quote_us: 15_000,
                trade_us: 700_000,
                absurd_ask_ticks: 1_234_567_891_234,
            },
            Exchange::Gemini => Self {
                rules: Rules {
                    tick_micros: 1_000,
                    lots_per_milli: 1_000,
                    size_scale: 1,
                    half_spread_ticks: 6,
                    gap_ticks: 30,
                    near_max: 40,
                },
                lag_us: 40_000,
                quote_us: 22_000,
                trade_us: 2_600_000,
                absurd_ask_ticks: 10_000_000_000,
            },
            Exchange::Bitstamp => Self {
                rules: Rules {
                    tick_micros: 10_000,
                    lots_per_milli: 100_000,
                    size_scale: 1,
                    half_spread_ticks: 1,
                    gap_ticks: 4,
                    near_max: 36,
                },
                lag_us: 60_000,
                quote_us: 36_000,
                trade_us: 1_900_000,
                absurd_ask_ticks: 99_999_999,
            },
        }
    }
}

/// One exchange's SOL-USD market.
#[derive(Clone, Debug)]
pub(super) struct Quoter {
    pub(super) exchange: Exchange,
    pub(super) manners: Manners,
    pub(super) ladder: Ladder,
    rng: Rng,
    noise_ppm: i64,
}

impl Quoter {
    pub(super) fn new(exchange: Exchange, rng: &mut Rng, start_micros: u64) -> Self {
        let manners = Manners::of(exchange);
        let ladder = Ladder::new(manners.rules, rng.fork(), start_micros, manners.absurd_ask_ticks);
        Self { exchange, manners, ladder, rng: rng.fork(), noise_ppm: 0 }
    }

    /// Follows the fair price as this exchange sees it now.
    pub(super) fn quote(&mut self, at_us: u64, world: &mut World) -> Vec<Change> {
        let at_ms = at_us / 1_000;
        let index = self.exchange as usize;
        // Fifteen sixteenths of the old noise and some new: about 0.4 bps of its own opinion.
        self.noise_ppm = self.noise_ppm * 15 / 16 + self.rng.bell(NOISE_PPM);
        let seen_us = at_us.saturating_sub(self.manners.lag_us);
        let fair = world.fair.at(seen_us, &world.script.fair_ppm);
        let offset = world.script.offset_ppm[index].at(at_ms);
        let mid = shifted(fair, offset + self.noise_ppm, 1_000_000);
        let thin = [&world.script.thin_bids_milli[index], &world.script.thin_asks_milli[index]]
            .map(|track| {
                let milli = u64::try_from(track.at(at_ms)).unwrap_or(0);
                (milli > 0).then_some(milli * self.manners.rules.lots_per_milli)
            });
        self.ladder.requote(mid, thin)
    }

    /// When to quote next: after a random pause, but not later than the script's next step.
    pub(super) fn next_quote_us(&mut self, at_us: u64, world: &World) -> u64 {
        let pause = self.rng.between(self.manners.quote_us / 10, self.manners.quote_us * 19 / 10);
        let at_ms = at_us / 1_000;
        let index = self.exchange as usize;
        let seen_ms = at_us.saturating_sub(self.manners.lag_us) / 1_000;
        let script = &world.script;
        let steps = [
            script.offset_ppm[index].next_after(at_ms).map(|ms| ms * 1_000),
            script.thin_bids_milli[index].next_after(at_ms).map(|ms| ms * 1_000),
            script.thin_asks_milli[index].next_after(at_ms).map(|ms| ms * 1_000),
            script.fair_ppm.next_after(seen_ms).map(|ms| ms * 1_000 + self.manners.lag_us),
        ];
        steps.into_iter().flatten().fold(at_us + pause, u64::min).max(at_us + 1)
    }

    /// A trade at the touch, and when the next one comes.
    pub(super) fn trade(&mut self) -> Option<Print> {
        let maker = if self.rng.chance(500) { Side::Bid } else { Side::Ask };
        self.ladder.trade(maker)
    }

    /// When somebody trades next.
    pub(super) fn next_trade_us(&mut self, at_us: u64) -> u64 {
        at_us + self.rng.between(self.manners.trade_us / 8, self.manners.trade_us * 15 / 8)
    }

    /// Trades that happened before anybody listened, oldest first, with their Unix nanoseconds.
    pub(super) fn history(&mut self, now_ns: u64, count: u64) -> Vec<(u64, Print)> {
        let mut list = Vec::new();
        for back in (1..=count).rev() {
            let at_ns = now_ns - back * self.manners.trade_us * 1_000 - self.rng.below(9_000_000);
            let maker = if self.rng.chance(500) { Side::Bid } else { Side::Ask };
            let Some((price_ticks, resting)) = self.ladder.levels(maker).next() else { continue };
            let size_lots = self.rng.between(1, resting);
            list.push((at_ns, Print { maker, price_ticks, size_lots, left_lots: resting }));
        }
        list
    }
}
