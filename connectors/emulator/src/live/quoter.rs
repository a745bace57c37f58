//! One book of one exchange, and those who quote and trade there.

use std::sync::Arc;

use super::locked;
use crate::exchange::SharedExchange;
use crate::happening::{Change, E8, ExchangeId, Side};
use crate::market::Rng;
use crate::market::ladder::{self, Ladder, Rules};

/// Trades that were printed before the world began.
const HISTORY: u64 = 24;

/// Levels of a side that are looked at when quotes that clients took come back.
const HEALED_LEVELS: usize = 40;

/// How far the best quotes reach that somebody quicker takes. Unit: ppm.
const HOLE_PPM: i64 = 3_000;

/// Which hidden price a book follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// SOL in USD.
    Sol = 0,
    /// BTC in USD.
    Btc = 1,
    /// USDC in USD.
    Usdc = 2,
}

/// How a book is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manners {
    pub(super) id: ExchangeId,
    pub(super) product: &'static str,
    pub(super) source: Source,
    rules: Rules,
    /// How old its view of the hidden price is. Unit: microseconds.
    pub(super) lag_us: u64,
    /// Mean time between quotes. Unit: microseconds.
    quote_us: u64,
    /// Mean time between trades. Unit: microseconds.
    trade_us: u64,
    /// Most that its own opinion moves in one quote. Unit: ppm.
    noise_ppm: i64,
    /// An ask that no tidy book would hold. Unit: ticks.
    absurd_ask_ticks: u64,
    tick_e8: u64,
    lot_e8: u64,
}

/// The books of the world. Sizes are drawn in thousandths of a coin, of BTC in hundred-thousandths.
pub(super) const BOOKS: [Manners; 6] = [
    Manners {
        id: ExchangeId::Coinbase,
        product: "SOL-USD",
        source: Source::Sol,
        rules: rules(10_000, 100_000, 1, (0, 3), 64),
        lag_us: 10_000,
        quote_us: 15_000,
        trade_us: 700_000,
        noise_ppm: 25,
        absurd_ask_ticks: 1_234_567_891_234,
        tick_e8: E8 / 100,
        lot_e8: 1,
    },
    Manners {
        id: ExchangeId::Gemini,
        product: "SOL-USD",
        source: Source::Sol,
        rules: rules(1_000, 1_000, 1, (6, 30), 44),
        lag_us: 40_000,
        quote_us: 22_000,
        trade_us: 2_600_000,
        noise_ppm: 25,
        absurd_ask_ticks: 10_000_000_000,
        tick_e8: E8 / 1_000,
        lot_e8: 100,
    },
    Manners {
        id: ExchangeId::Bitstamp,
        product: "SOL-USD",
        source: Source::Sol,
        rules: rules(10_000, 100_000, 1, (1, 4), 48),
        lag_us: 60_000,
        quote_us: 36_000,
        trade_us: 1_900_000,
        noise_ppm: 25,
        absurd_ask_ticks: 99_999_999,
        tick_e8: E8 / 100,
        lot_e8: 1,
    },
    Manners {
        id: ExchangeId::Bitstamp,
        product: "USDC-USD",
        source: Source::Usdc,
        rules: rules(10, 100, 1_500, (2, 6), 44),
        lag_us: 60_000,
        quote_us: 260_000,
        trade_us: 3_300_000,
        noise_ppm: 10,
        absurd_ask_ticks: 500_000,
        tick_e8: 1_000,
        lot_e8: 1_000,
    },
    Manners {
        id: ExchangeId::Coinbase,
        product: "BTC-USD",
        source: Source::Btc,
        rules: rules(10_000, 1_000, 1, (0, 400), 900),
        lag_us: 10_000,
        quote_us: 20_000,
        trade_us: 400_000,
        noise_ppm: 15,
        absurd_ask_ticks: 1_234_567_891_234,
        tick_e8: E8 / 100,
        lot_e8: 1,
    },
    Manners {
        id: ExchangeId::Gemini,
        product: "BTC-USD",
        source: Source::Btc,
        rules: rules(10_000, 1_000, 1, (150, 900), 160),
        lag_us: 40_000,
        quote_us: 35_000,
        trade_us: 1_700_000,
        noise_ppm: 20,
        absurd_ask_ticks: 999_999_999,
        tick_e8: E8 / 100,
        lot_e8: 1,
    },
];

/// `(half_spread, gap)` in ticks.
const fn rules(
    tick_micros: u64,
    lots_per_milli: u64,
    size_scale: u64,
    (half_spread_ticks, gap_ticks): (u64, u64),
    near_max: usize,
) -> Rules {
    Rules { tick_micros, lots_per_milli, size_scale, half_spread_ticks, gap_ticks, near_max }
}

/// A book with its makers and its passers-by. What they do depends on the seed and the time; what
/// clients take from the book comes back after a while.
#[derive(Debug)]
pub(super) struct Quoter {
    pub(super) manners: Manners,
    /// How far the book stands from the hidden price. Unit: ppm.
    pub(super) offset_ppm: i64,
    /// Where quotes begin again, of a side whose best ones were taken; bids first. Unit: e8.
    hole_e8: [Option<u64>; 2],
    exchange: SharedExchange,
    product: Arc<str>,
    ladder: Ladder,
    rng: Rng,
    noise_ppm: i64,
}

impl Quoter {
    /// Opens the book at a price, with trades from before.
    pub(super) fn new(
        manners: Manners,
        exchange: SharedExchange,
        rng: &mut Rng,
        mid_micros: u64,
        now_ns: u64,
    ) -> Self {
        let ladder = Ladder::new(manners.rules, rng.fork(), mid_micros, manners.absurd_ask_ticks);
        let mut quoter = Self {
            offset_ppm: 0,
            hole_e8: [None; 2],
            exchange,
            product: manners.product.into(),
            ladder,
            rng: rng.fork(),
            noise_ppm: 0,
            manners,
        };
        quoter.open(now_ns);
        quoter
    }

    fn open(&mut self, now_ns: u64) {
        let manners = self.manners;
        let mut exchange = locked(&self.exchange);
        for back in (1..=HISTORY).rev() {
            let at_ns = now_ns - back * manners.trade_us * 1_000 - self.rng.below(9_000_000);
            let (side, maker) = either(&mut self.rng);
            let Some((price, resting)) = self.ladder.levels(maker).next() else { continue };
            let size = self.rng.between(1, resting) * manners.lot_e8;
            exchange.print(at_ns, &self.product, side, price * manners.tick_e8, size);
        }
        let sides = [(Side::Bid, ladder::Side::Bid), (Side::Ask, ladder::Side::Ask)];
        let levels = sides.into_iter().flat_map(|(side, of)| {
            self.ladder.levels(of).map(move |(price, size)| Change {
                side,
                price_e8: price * manners.tick_e8,
                size_e8: size * manners.lot_e8,
            })
        });
        let levels: Vec<Change> = levels.collect();
        exchange.set_levels(now_ns, &self.product, &levels);
    }

    /// Middle of its quotes, where the hidden price is `fair`. Unit: micro-USD.
    pub(super) fn mid(&self, fair_micros: u64) -> u64 {
        shifted(fair_micros, self.offset_ppm + self.noise_ppm)
    }

    /// Follows the hidden price as this exchange sees it.
    pub(super) fn quote(&mut self, now_ns: u64, fair_micros: u64) {
        // Fifteen sixteenths of the old noise and some new: about 0.4 bps of its own opinion.
        self.noise_ppm = self.noise_ppm * 15 / 16 + self.rng.bell(self.manners.noise_ppm);
        self.requote(now_ns, fair_micros);
    }

    /// As [`Self::quote`], after somebody has taken everything on the way to the new price.
    pub(super) fn jump(&mut self, now_ns: u64, fair_micros: u64) {
        let tick = self.manners.tick_e8;
        let mid = self.mid(fair_micros) / self.manners.rules.tick_micros;
        let half = self.manners.rules.half_spread_ticks;
        let mut exchange = locked(&self.exchange);
        // Quotes that are better than the new best ones would stand there for nobody.
        exchange.take(now_ns, &self.product, Side::Ask, (mid + half) * tick, u64::MAX);
        exchange.take(now_ns, &self.product, Side::Bid, (mid + 1 - half) * tick, u64::MAX);
        drop(exchange);
        self.requote(now_ns, fair_micros);
    }

    /// Somebody quicker takes the best quotes of a side; `milli` of a coin stay at the best price, and
    /// nobody quotes there again until [`Self::refill`].
    pub(super) fn thin(&mut self, now_ns: u64, side: Side, milli: u64) {
        let mut exchange = locked(&self.exchange);
        let best = exchange.levels(&self.product, side, 1);
        let Some(&(price_e8, _)) = best.first() else { return };
        let bound_e8 = shifted(price_e8, if side == Side::Bid { -HOLE_PPM } else { HOLE_PPM });
        exchange.take(now_ns, &self.product, side, bound_e8, u64::MAX);
        let size_e8 = milli * self.manners.rules.lots_per_milli * self.manners.lot_e8;
        exchange.set_levels(now_ns, &self.product, &[Change { side, price_e8, size_e8 }]);
        self.hole_e8[side as usize] = Some(bound_e8);
    }

    /// Quotes come back to where they were taken.
    pub(super) fn refill(&mut self, now_ns: u64) {
        if self.hole_e8 != [None; 2] {
            self.hole_e8 = [None; 2];
            self.heal(now_ns);
        }
    }

    /// Somebody trades at the best price.
    pub(super) fn trade(&mut self, now_ns: u64) {
        let (side, maker) = either(&mut self.rng);
        let Some(print) = self.ladder.trade(maker) else { return };
        let price_e8 = print.price_ticks * self.manners.tick_e8;
        let size_e8 = print.left_lots * self.manners.lot_e8;
        let mut exchange = locked(&self.exchange);
        let taken = print.size_lots * self.manners.lot_e8;
        exchange.take(now_ns, &self.product, side, price_e8, taken);
        // Where a client's order stood first, the makers go: they are left with what was meant.
        exchange.set_levels(now_ns, &self.product, &[Change { side, price_e8, size_e8 }]);
    }

    /// Quotes that clients have taken come back.
    pub(super) fn heal(&mut self, now_ns: u64) {
        let mut missing = Vec::new();
        let mut exchange = locked(&self.exchange);
        for (side, of) in [(Side::Bid, ladder::Side::Bid), (Side::Ask, ladder::Side::Ask)] {
            for (price, size) in self.ladder.levels(of).take(HEALED_LEVELS) {
                let price_e8 = price * self.manners.tick_e8;
                let size_e8 = size * self.manners.lot_e8;
                let is_missing = exchange.others_at(&self.product, side, price_e8) != size_e8;
                if is_missing && !self.is_in_hole(side, price_e8) {
                    missing.push(Change { side, price_e8, size_e8 });
                }
            }
        }
        if !missing.is_empty() {
            exchange.set_levels(now_ns, &self.product, &missing);
        }
    }

    /// Pause until the next quote. Unit: microseconds.
    pub(super) fn next_quote_us(&mut self) -> u64 {
        self.rng.between(self.manners.quote_us / 10, self.manners.quote_us * 19 / 10)
    }

    /// Pause until the next trade. Unit: microseconds.
    pub(super) fn next_trade_us(&mut self) -> u64 {
        self.rng.between(self.manners.trade_us / 8, self.manners.trade_us * 15 / 8)
    }

    fn requote(&mut self, now_ns: u64, fair_micros: u64) {
        let mid = self.mid(fair_micros);
        let wanted = self.ladder.requote(mid, [None; 2]);
        let changes: Vec<Change> = wanted
            .into_iter()
            .map(|change| Change {
                side: match change.side {
                    ladder::Side::Bid => Side::Bid,
                    ladder::Side::Ask => Side::Ask,
                },
                price_e8: change.price_ticks * self.manners.tick_e8,
                size_e8: change.size_lots * self.manners.lot_e8,
            })
            .filter(|it| it.size_e8 == 0 || !self.is_in_hole(it.side, it.price_e8))
            .collect();
        if !changes.is_empty() {
            locked(&self.exchange).set_levels(now_ns, &self.product, &changes);
        }
    }

    fn is_in_hole(&self, side: Side, price_e8: u64) -> bool {
        self.hole_e8[side as usize].is_some_and(|bound_e8| match side {
            Side::Bid => price_e8 >= bound_e8,
            Side::Ask => price_e8 <= bound_e8,
        })
    }
}

/// A side, by chance.
fn either(rng: &mut Rng) -> (Side, ladder::Side) {
    if rng.chance(500) { (Side::Bid, ladder::Side::Bid) } else { (Side::Ask, ladder::Side::Ask) }
}

/// `value × (10^6 + ppm) / 10^6`, rounded down, at least 1.
pub(super) fn shifted(value: u64, ppm: i64) -> u64 {
    let wide = i128::from(value) * (1_000_000 + i128::from(ppm)) / 1_000_000;
    u64::try_from(wide.max(1)).unwrap_or(u64::MAX)
}
