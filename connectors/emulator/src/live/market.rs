//! The stochastic market: hidden prices, everybody who follows them, and the clock over all.

use std::collections::BTreeMap;

use super::calendar::{self, Event, Gap};
use super::locked;
use super::quoter::{BOOKS, Quoter, Source, shifted};
use super::swappers::Swappers;
use super::walk::{Gait, Walk};
use crate::chain::SharedLedger;
use crate::exchange::SharedExchange;
use crate::happening::{ExchangeId, Happening, Side};
use crate::market::Rng;
use crate::serve::Feed;

/// Actions of one call: about ten seconds of market time. A call that comes later than that goes on
/// with the next one.
const ACTIONS_PER_CALL: usize = 4_000;

/// Between two looks for quotes that clients have taken. Unit: microseconds.
const HEAL_US: u64 = 250_000;

/// Swappers decide this long before a block ends. Unit: nanoseconds.
const SWAP_AHEAD_NS: u64 = 1_000_000;

/// How old the swappers' view of the hidden price is. Unit: microseconds.
const SWAPPERS_LAG_US: u64 = 60_000;

/// What a pair costs beside its fees: half spreads, depth, buffers of the sizing. Unit: ppm.
const SLACK_PPM: i64 = 700;

/// Fee of the pool, and of changing USD into the pool's USDC. Unit: ppm.
const POOL_FEE_PPM: i64 = 3_000;
const CONVERSION_PPM: i64 = 4_000;

/// Share of a gap that is left when it has been closed, until everybody has come back. Unit:
/// permille: far below any pair's fees.
const LEFT_PERMILLE: i64 = 300;

/// What a market begins with.
#[derive(Clone, Copy, Debug)]
pub struct MarketSpec {
    /// Seed of all chance.
    pub seed: u64,
    /// Market time at which it opens. Unit: Unix nanoseconds.
    pub start_ns: u64,
    /// First price of SOL. Unit: micro-USD.
    pub sol_micros: u64,
    /// First price of BTC. Unit: micro-USD.
    pub btc_micros: u64,
    /// First price of USDC. Unit: micro-USD.
    pub usdc_micros: u64,
}

impl MarketSpec {
    /// Prices of August 2026.
    #[must_use]
    pub const fn new(seed: u64, start_ns: u64) -> Self {
        let sol_micros = crate::market::START_PRICE_MICROS;
        Self { seed, start_ns, sol_micros, btc_micros: 65_083_000_000, usdc_micros: 999_900 }
    }

    /// First price of a pool of SOL and USDC. Unit: e8 of USDC.
    #[must_use]
    pub fn pool_price_e8(&self) -> u64 {
        in_usdc_e8(self.sol_micros, self.usdc_micros)
    }

    fn gaits(&self) -> [Gait; 3] {
        // About 1.4, 0.9 and 0.02 bps a root second.
        [
            Gait {
                start_micros: self.sol_micros,
                spread_ppb: 24_000,
                home_shift: 16,
                jump_ppm: 2_600,
            },
            Gait {
                start_micros: self.btc_micros,
                spread_ppb: 15_000,
                home_shift: 16,
                jump_ppm: 1_500,
            },
            Gait { start_micros: self.usdc_micros, spread_ppb: 900, home_shift: 12, jump_ppm: 0 },
        ]
    }
}

/// Something that somebody is going to do.
#[derive(Clone, Copy, Debug)]
enum Action {
    /// A book follows its price.
    Quote(usize),
    /// Somebody trades.
    Trade(usize),
    /// Quotes that clients took come back.
    Heal,
    /// Prices come apart, and together again.
    Apart(Phase, u64),
}

/// Where a gap stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Opens,
    Thins,
    Fades,
    Closes,
    Ends,
}

/// The stochastic market of all venues.
///
/// One hidden price for each of SOL, BTC and USDC; every book follows with a delay and an opinion of
/// its own; the pool moves only by swaps. Turn by turn one venue comes apart from another for a
/// moment, until others close it, some of them quicker than any client. What happens by itself
/// depends on the seed and on market time: not on how often [`Feed::advance`] is called, nor on who
/// is connected. What clients do comes on top: quotes that they take come back within half a second,
/// and a pool that they have moved is moved back.
#[derive(Debug)]
pub struct Market {
    spec: MarketSpec,
    exchanges: [SharedExchange; 3],
    ledger: SharedLedger,
    walks: [Walk; 3],
    quoters: Vec<Quoter>,
    swappers: Option<Swappers>,
    /// By time of the world in microseconds, then in the order of being put down.
    agenda: BTreeMap<(u64, u64), Action>,
    put_down: u64,
    /// When the swappers decide. Unit: Unix nanoseconds.
    swap_ns: Option<u64>,
    ledger_due_ns: Option<u64>,
    /// Since when nothing moves.
    frozen_ns: Option<u64>,
    /// How long nothing has moved so far. Unit: nanoseconds.
    left_out_ns: u64,
    reached_ns: u64,
}

impl Market {
    /// Opens the books of these exchanges (Coinbase, Gemini, Bitstamp). A product that an exchange does
    /// not have is left out. The ledger's first pool is that of SOL and USDC; its start and slots are
    /// its own.
    #[must_use]
    pub fn new(spec: MarketSpec, exchanges: [SharedExchange; 3], ledger: SharedLedger) -> Self {
        let mut rng = Rng::new(spec.seed);
        let walks = spec.gaits().map(|gait| Walk::new(rng.fork(), gait));
        let mut quoters = Vec::new();
        for manners in BOOKS {
            let mut own = rng.fork();
            let exchange = exchanges[manners.id as usize].clone();
            let is_there = locked(&exchange).product(manners.product).is_some();
            if is_there {
                let mid = spec.gaits()[manners.source as usize].start_micros;
                quoters.push(Quoter::new(manners, exchange, &mut own, mid, spec.start_ns));
            }
        }
        let swappers = Swappers::new(&ledger, rng.fork());
        let ledger_due_ns = locked(&ledger).due_ns();
        let mut market = Self {
            spec,
            exchanges,
            ledger,
            walks,
            quoters,
            swappers,
            agenda: BTreeMap::new(),
            put_down: 0,
            swap_ns: None,
            ledger_due_ns,
            frozen_ns: None,
            left_out_ns: 0,
            reached_ns: spec.start_ns,
        };
        for index in 0..market.quoters.len() {
            market.put(15_000, Action::Quote(index));
            market.put(500_000, Action::Trade(index));
        }
        market.put(HEAL_US, Action::Heal);
        let first = calendar::event(spec.seed, 0);
        market.put(first.at_us, Action::Apart(Phase::Opens, 0));
        market
    }

    fn put(&mut self, at_us: u64, action: Action) {
        self.agenda.insert((at_us, self.put_down), action);
        self.put_down += 1;
    }

    /// Unix nanoseconds of a time of the world.
    const fn unix_ns(&self, at_us: u64) -> u64 {
        self.spec.start_ns + self.left_out_ns + at_us * 1_000
    }

    /// Time of the world at a market time. Unit: microseconds.
    const fn world_us(&self, now_ns: u64) -> u64 {
        now_ns.saturating_sub(self.spec.start_ns + self.left_out_ns) / 1_000
    }

    /// When the next thing happens by itself.
    fn next_ns(&self) -> Option<u64> {
        let moves = |at: &u64| self.frozen_ns.is_none_or(|frozen| *at <= frozen);
        let action = self.agenda.first_key_value().map(|((at_us, _), _)| self.unix_ns(*at_us));
        let own = [action, self.swap_ns].into_iter().flatten().filter(moves).min();
        [own, self.ledger_due_ns].into_iter().flatten().min()
    }

    fn step(&mut self, at_ns: u64, out: &mut Vec<Happening>) {
        if self.ledger_due_ns.is_some_and(|due| due <= at_ns) {
            self.step_ledger(at_ns, out);
        } else if self.swap_ns.is_some_and(|due| due <= at_ns) {
            self.swap_ns = None;
            let fair = self.fair_in_usdc_e8(at_ns);
            if let Some(swappers) = &mut self.swappers {
                swappers.act(fair);
            }
        } else if let Some(((at_us, _), action)) = self.agenda.pop_first() {
            self.act(at_us, action);
            self.collect(out);
        }
    }

    fn step_ledger(&mut self, at_ns: u64, out: &mut Vec<Happening>) {
        let mut ledger = locked(&self.ledger);
        let happened = ledger.advance(at_ns);
        self.ledger_due_ns = ledger.due_ns();
        drop(ledger);
        let begins = happened.iter().any(|what| matches!(what, Happening::Slot { .. }));
        if begins {
            // What is due next is the end of the slot that has just begun.
            let due = self.ledger_due_ns.map(|due| due.saturating_sub(SWAP_AHEAD_NS));
            self.swap_ns = due.map(|due| due.max(at_ns));
        }
        out.extend(happened);
    }

    /// What the exchanges have to tell.
    fn collect(&self, out: &mut Vec<Happening>) {
        for exchange in &self.exchanges {
            out.extend(locked(exchange).drain());
        }
    }

    fn act(&mut self, at_us: u64, action: Action) {
        let now_ns = self.unix_ns(at_us);
        match action {
            Action::Quote(index) => {
                let fair = self.fair_for(index, at_us);
                self.quoters[index].quote(now_ns, fair);
                let pause = self.quoters[index].next_quote_us();
                self.put(at_us + pause, action);
            }
            Action::Trade(index) => {
                self.quoters[index].trade(now_ns);
                let pause = self.quoters[index].next_trade_us();
                self.put(at_us + pause, action);
            }
            Action::Heal => {
                for quoter in &mut self.quoters {
                    quoter.heal(now_ns);
                }
                self.put(at_us + HEAL_US, action);
            }
            Action::Apart(phase, turn) => self.apart(at_us, phase, turn),
        }
    }

    /// The hidden price as a book sees it now.
    fn fair_for(&mut self, index: usize, at_us: u64) -> u64 {
        let manners = &self.quoters[index].manners;
        let seen_us = at_us.saturating_sub(manners.lag_us);
        self.walks[manners.source as usize].at(seen_us)
    }

    /// The hidden price as the swappers see it now. Unit: e8 of USDC.
    fn fair_in_usdc_e8(&mut self, now_ns: u64) -> u64 {
        let seen_us = self.world_us(now_ns).saturating_sub(SWAPPERS_LAG_US);
        let sol = self.walks[Source::Sol as usize].at(seen_us);
        in_usdc_e8(sol, self.walks[Source::Usdc as usize].at(seen_us))
    }

    fn sol_book(&self, id: ExchangeId) -> Option<usize> {
        let wanted =
            |quoter: &Quoter| quoter.manners.id == id && quoter.manners.source == Source::Sol;
        self.quoters.iter().position(wanted)
    }

    fn apart(&mut self, at_us: u64, phase: Phase, turn: u64) {
        let event = calendar::event(self.spec.seed, turn);
        if phase == Phase::Opens {
            let next = calendar::event(self.spec.seed, turn + 1);
            self.put(next.at_us, Action::Apart(Phase::Opens, turn + 1));
        }
        let (displaced, other) = match event.gap {
            Gap::Whale => {
                let fees = i64::from(fee_ppm(ExchangeId::Gemini)) + CONVERSION_PPM;
                let ppm = fees + POOL_FEE_PPM + SLACK_PPM + event.margin_ppm;
                if let Some(swappers) = &mut self.swappers {
                    swappers.whale_ppm = Some(if event.is_dear { ppm } else { -ppm });
                }
                return;
            }
            Gap::Books(displaced, other) => (displaced, Some(other)),
            Gap::Pool(displaced) => (displaced, None),
        };
        let Some(index) = self.sol_book(displaced) else { return };
        match phase {
            Phase::Opens => self.open_gap(at_us, turn, &event, index, other),
            Phase::Thins => {
                let book = other.filter(|_| !event.thins_here).and_then(|id| self.sol_book(id));
                let is_sold = book.is_none() == event.is_dear;
                let side = if is_sold { Side::Bid } else { Side::Ask };
                let book = book.unwrap_or(index);
                let milli = event.thins.map_or(0, |(_, milli)| milli);
                let now_ns = self.unix_ns(at_us);
                self.quoters[book].thin(now_ns, side, milli);
            }
            Phase::Fades => {
                let less = event.margin_ppm * event.fades_permille / 1_000;
                let offset = self.quoters[index].offset_ppm;
                self.move_book(at_us, index, offset - offset.signum() * less);
            }
            Phase::Closes => {
                let now_ns = self.unix_ns(at_us);
                for quoter in &mut self.quoters {
                    quoter.refill(now_ns);
                }
                let offset = self.quoters[index].offset_ppm;
                self.move_book(at_us, index, offset * LEFT_PERMILLE / 1_000);
            }
            Phase::Ends => self.move_book(at_us, index, 0),
        }
    }

    /// Takes a book so far from its counterpart that it pays, and arranges what comes then.
    fn open_gap(
        &mut self,
        at_us: u64,
        turn: u64,
        event: &Event,
        index: usize,
        other: Option<ExchangeId>,
    ) {
        let displaced = self.quoters[index].manners.id;
        let own_fee = i64::from(fee_ppm(displaced));
        let (reference, fees) = match other.map(|id| (id, self.sol_book(id))) {
            Some((id, Some(book))) => {
                let fair = self.fair_for(book, at_us);
                (self.quoters[book].mid(fair), own_fee + i64::from(fee_ppm(id)))
            }
            Some((_, None)) => return,
            None => {
                let Some(swappers) = &self.swappers else { return };
                // Only Coinbase settles in USDC too.
                let converts = displaced != ExchangeId::Coinbase;
                let conversion = if converts { CONVERSION_PPM } else { 0 };
                let price = u128::from(swappers.price_e8());
                let peg = u128::from(self.walks[Source::Usdc as usize].at(at_us));
                let micros = u64::try_from(price * peg / 100_000_000).unwrap_or(0);
                (micros, own_fee + POOL_FEE_PPM + conversion)
            }
        };
        let away = fees + SLACK_PPM + event.margin_ppm;
        let target = shifted(reference, if event.is_dear { away } else { -away });
        let fair = i128::from(self.fair_for(index, at_us));
        let offset = (i128::from(target) - fair) * 1_000_000 / fair.max(1);
        self.move_book(at_us, index, i64::try_from(offset).unwrap_or(0));
        let life = event.life_us;
        let thins = event.thins.map(|(after_us, _)| (Phase::Thins, after_us));
        let later =
            [(Phase::Fades, life / 2), (Phase::Closes, life), (Phase::Ends, life + 280_000)];
        for (phase, after_us) in thins.into_iter().chain(later) {
            self.put(at_us + after_us, Action::Apart(phase, turn));
        }
    }

    fn move_book(&mut self, at_us: u64, index: usize, offset_ppm: i64) {
        let fair = self.fair_for(index, at_us);
        let now_ns = self.unix_ns(at_us);
        self.quoters[index].offset_ppm = offset_ppm;
        self.quoters[index].jump(now_ns, fair);
    }
}

impl Feed for Market {
    fn advance(&mut self, now_ns: u64) -> Vec<Happening> {
        let mut out = Vec::new();
        self.collect(&mut out);
        // A transaction may have been sent meanwhile; when the ledger is due does not depend on it.
        self.ledger_due_ns = locked(&self.ledger).due_ns();
        for _ in 0..ACTIONS_PER_CALL {
            let Some(at_ns) = self.next_ns().filter(|at_ns| *at_ns <= now_ns) else {
                self.reached_ns = self.reached_ns.max(now_ns);
                break;
            };
            self.reached_ns = self.reached_ns.max(at_ns);
            self.step(at_ns, &mut out);
        }
        out
    }

    fn freeze(&mut self, at_ns: u64) {
        if self.frozen_ns.is_none() {
            self.frozen_ns = Some(at_ns.max(self.reached_ns));
        }
    }

    fn thaw(&mut self, now_ns: u64) {
        if let Some(frozen_ns) = self.frozen_ns.take() {
            self.left_out_ns += now_ns.saturating_sub(frozen_ns);
        }
    }
}

/// Taker fee of an exchange's entry tier. Unit: ppm.
fn fee_ppm(id: ExchangeId) -> u32 {
    super::products::exchange_spec(id, Vec::new()).taker_fee_ppm
}

/// A price in USD as one in USDC. Unit: micro-USD; e8 of USDC, rounded down.
fn in_usdc_e8(sol_micros: u64, usdc_micros: u64) -> u64 {
    let wide = u128::from(sol_micros) * 100_000_000 / u128::from(usdc_micros.max(1));
    u64::try_from(wide).unwrap_or(u64::MAX)
}
