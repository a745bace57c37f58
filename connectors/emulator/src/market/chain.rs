//! Slots, swaps and what a node shows of them.

use super::START_PRICE_MICROS;
use super::World;
use super::agenda::{Action, Agenda, ChainStep};
use super::frame::{Kind, Stream};
use super::pool::{PoolState, sqrt_price_of};
use super::rng::Rng;
use super::script::LiquidityChange;
use super::solana::Solana;

/// First slot.
const START_SLOT: u64 = 442_310_000;

/// From one slot to the next. Unit: microseconds.
const SLOT_US: u64 = 400_000;

/// From a slot's beginning until its accounts are shown. Unit: microseconds.
const EXECUTION_US: u64 = 362_000;

/// How old the arbitrageurs' view of the fair price is. Unit: microseconds.
const LAG_US: u64 = 150_000;

/// Arbitrageurs act beyond this distance of the square-root price and come back to just within it:
/// half the pool's fee of 0.3 % and a little. Unit: ppm.
const BAND_PPM: u128 = 1_650;

/// Most that one arbitrageur swaps: more than the pool holds. Unit: raw units.
const DEEP: u64 = 1_000_000_000_000_000;

/// From one question about priority fees to the next. Unit: microseconds.
const FEES_US: u64 = 12_000_000;

/// The chain.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    rng: Rng,
    slot: u64,
    pool: PoolState,
    wire: Solana,
    bootstrapped: bool,
    whales_done: usize,
    liquidity_done: usize,
}

impl Chain {
    pub(super) fn new(rng: Rng, start_ns: u64, agenda: &mut Agenda) -> Self {
        let pool = PoolState::new(START_PRICE_MICROS, start_ns / 1_000_000_000);
        let wire = Solana::new(pool.addresses());
        agenda.put(0, Action::Chain(ChainStep::Open));
        Self {
            rng,
            slot: START_SLOT,
            pool,
            wire,
            bootstrapped: false,
            whales_done: 0,
            liquidity_done: 0,
        }
    }

    pub(super) fn act(
        &mut self,
        at_us: u64,
        step: ChainStep,
        world: &mut World,
        agenda: &mut Agenda,
    ) {
        match step {
            ChainStep::Open => self.open(world, agenda),
            ChainStep::SlotBegin => self.slot_begin(at_us, world, agenda),
            ChainStep::SlotEnd => self.slot_end(at_us, world),
            ChainStep::Fees => {
                let (request, answer) = self.wire.recent_fees();
                put_http(world, at_us, request, answer);
                agenda.put(at_us + FEES_US, Action::Chain(ChainStep::Fees));
            }
        }
    }

    fn open(&mut self, world: &mut World, agenda: &mut Agenda) {
        let stream = Stream::Solana;
        world.outbox.put(stream, 4_000, Kind::Connect, Solana::ADDRESS.to_owned());
        for (at_us, text) in (60_000..).step_by(35).zip(self.wire.subscribe()) {
            world.outbox.put(stream, at_us, Kind::Send, text);
        }
        for (at_us, text) in (95_000..).step_by(40).zip(self.wire.subscribed()) {
            world.outbox.venue_sends(stream, at_us, text);
        }
        for back in (1..=150).rev() {
            self.record_fee(START_SLOT - back, world.script.priority_fee.before);
        }
        agenda.put(300_000, Action::Chain(ChainStep::SlotBegin));
        agenda.put(2_000_000, Action::Chain(ChainStep::Fees));
    }

    fn slot_begin(&mut self, at_us: u64, world: &mut World, agenda: &mut Agenda) {
        // One slot in thirty has no block.
        let skipped = self.rng.chance(33);
        let parent = self.slot;
        self.slot += if skipped { 2 } else { 1 };
        world.outbox.venue_sends(Stream::Solana, at_us, self.wire.slot(self.slot, parent));
        let fee = world.script.priority_fee.at(at_us / 1_000);
        self.record_fee(self.slot, fee);
        let jitter = self.rng.between(0, 24_000);
        agenda.put(at_us + EXECUTION_US - jitter, Action::Chain(ChainStep::SlotEnd));
        agenda.put(at_us + SLOT_US + jitter / 2 - 6_000, Action::Chain(ChainStep::SlotBegin));
    }

    fn slot_end(&mut self, at_us: u64, world: &mut World) {
        self.change_liquidity(at_us, world);
        self.swap(at_us, world);
        let changed = self.pool.take_changed();
        for account in &changed {
            if let Some(text) = self.wire.notification(self.slot, account) {
                world.outbox.venue_sends(Stream::Solana, at_us, text);
            }
        }
        if !self.bootstrapped && at_us > 600_000 {
            self.bootstrapped = true;
            let (request, answer) = self.wire.bootstrap(self.slot, &self.pool.accounts());
            put_http(world, at_us + 190_000, request, answer);
        }
    }

    fn change_liquidity(&mut self, at_us: u64, world: &World) {
        let Some(change) = world.script.liquidity.get(self.liquidity_done) else { return };
        if change.at_ms() * 1_000 > at_us {
            return;
        }
        self.liquidity_done += 1;
        match *change {
            LiquidityChange::Open { from_spacings, to_spacings, liquidity, .. } => {
                self.pool.open(from_spacings, to_spacings, liquidity);
            }
            LiquidityChange::CloseOldest { .. } => self.pool.close_oldest(),
        }
    }

    /// Whales, passers-by and arbitrageurs, in this order.
    fn swap(&mut self, at_us: u64, world: &mut World) {
        let now_s = world.unix_ns(at_us) / 1_000_000_000;
        let price = self.pool.sqrt_price();
        if let Some(&(at_ms, ppm)) = world.script.whales.get(self.whales_done)
            && at_ms * 1_000 <= at_us
        {
            self.whales_done += 1;
            // Half the move of the price is the move of its root, near enough for a whale.
            self.pool.swap_towards(moved(price, ppm / 2), DEEP, now_s);
        }
        if self.rng.chance(400) {
            // Milli-SOL, or the like in USDC: a milli-SOL is 10^6 lamports or some 77,000 micro-USDC.
            let milli = self.rng.between(100, 60_000);
            let (limit, amount) = if self.rng.chance(500) {
                (moved(price, -8_000), milli * 1_000_000)
            } else {
                (moved(price, 8_000), milli * 77_000)
            };
            self.pool.swap_towards(limit, amount, now_s);
        }
        let share = world.script.arbitrage_ppm.at(at_us / 1_000);
        let share = u128::try_from(share).unwrap_or(0);
        if share > 0 {
            let seen_us = at_us.saturating_sub(LAG_US);
            let fair_usd = world.fair.at(seen_us, &world.script.fair_ppm);
            let peg = world.script.peg_micros.at(seen_us / 1_000);
            let peg = u64::try_from(peg).expect("Invariant: the script's peg is far above zero");
            self.arbitrage(sqrt_price_of(fair_usd * 1_000_000 / peg), share, now_s);
        }
    }

    /// Closes a share of the gap between the pool and the nearer edge of the band around `fair`.
    fn arbitrage(&mut self, fair: u128, share_ppm: u128, now_s: u64) {
        let (low, high) = (fair - fair / 1_000_000 * BAND_PPM, fair + fair / 1_000_000 * BAND_PPM);
        let price = self.pool.sqrt_price();
        // Q64.64 roots of such prices have 63 bits; a share of a gap has headroom of 40 bits.
        let target = if price > high {
            price - (price - high) * share_ppm / 1_000_000
        } else if price < low {
            price + (low - price) * share_ppm / 1_000_000
        } else {
            return;
        };
        self.pool.swap_towards(target, DEEP, now_s);
    }

    fn record_fee(&mut self, slot: u64, level: i64) {
        let level = u64::try_from(level).unwrap_or(0);
        let fee = if self.rng.chance(120) { 0 } else { level * self.rng.between(60, 140) / 100 };
        self.wire.fee(slot, fee);
    }
}

/// `price × (10^6 + ppm) / 10^6`, rounded down to a multiple of a millionth.
fn moved(price: u128, ppm: i64) -> u128 {
    price / 1_000_000 * u128::from(1_000_000_u64.saturating_add_signed(ppm))
}

fn put_http(world: &mut World, recv_us: u64, request: String, answer: String) {
    let kind = Kind::Http { url: Solana::HTTP_URL.to_owned(), request: Some(request) };
    world.outbox.put(Stream::Solana, recv_us, kind, answer);
}
