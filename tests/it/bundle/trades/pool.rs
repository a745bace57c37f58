//! The pool as its accounts show it, slot by slot, and what a swap of ours makes of it.

use std::collections::BTreeSet;

use engine_poolmath::whirlpool::{
    Amount, Direction, Existence, INNER_STEPS_DEFAULT, Pool, SwapRequest, TickArraySet, swap,
};
use orca_whirlpools_core::{
    TickArrayFacade, TickArraySequence, TickFacade, WhirlpoolFacade, compute_swap,
};
use serde_json::Value;

use super::super::accounts::{Ticks, bytes, i32_at, u128_at};
use super::super::data;

const SPACING: i32 = 64;
const SPAN: i32 = 88 * SPACING;

/// An account that waits for its slot to be over.
struct Waiting {
    slot: u64,
    bytes: Vec<u8>,
}

/// What a swap moved. Unit: lamports of base, micro-USDC; the fee is in what was paid.
pub(super) struct Swapped {
    pub(super) base: u64,
    pub(super) quote: u64,
    pub(super) fee: u64,
    after: Pool,
}

/// SOL/USDC.
#[derive(Default)]
pub(super) struct Chain {
    state: Option<Pool>,
    ticks: Ticks,
    /// Starts of the arrays that exist, and of those that were said not to.
    starts: BTreeSet<i32>,
    waiting: Vec<Waiting>,
    /// Slot of the first full state; what is older was in it already.
    first_slot: u64,
    /// Newest slot that was announced.
    pub(super) slot: u64,
    /// The one announced before it.
    pub(super) slot_before: u64,
}

impl Chain {
    /// Takes a line of the recording.
    pub(super) fn read(&mut self, line: &Value) {
        let frame = data(line);
        if line["t"] == "http" {
            let is_bootstrap =
                line["request"].as_str().is_some_and(|text| text.contains("getMultipleAccounts"));
            if is_bootstrap {
                self.bootstrap(&frame["result"]);
            }
            return;
        }
        let result = &frame["params"]["result"];
        if frame["method"] == "slotNotification" {
            let slot = result["slot"].as_u64().expect("a slot");
            self.show_before(slot);
            (self.slot_before, self.slot) = (self.slot, self.slot.max(slot));
        } else if frame["method"] == "accountNotification" {
            let slot = result["context"]["slot"].as_u64().expect("a slot");
            self.show_before(slot);
            self.waiting.push(Waiting { slot, bytes: bytes(&result["value"]) });
        }
    }

    fn bootstrap(&mut self, result: &Value) {
        self.first_slot = result["context"]["slot"].as_u64().expect("a slot");
        let values = result["value"].as_array().expect("values");
        for value in values[..35].iter().filter(|value| !value.is_null()) {
            self.show(&bytes(value));
        }
        let first_slot = self.first_slot;
        self.waiting.retain(|account| account.slot >= first_slot);
    }

    /// A slot is over once the connection shows a later one.
    fn show_before(&mut self, slot: u64) {
        if self.first_slot == 0 {
            return;
        }
        for account in std::mem::take(&mut self.waiting) {
            if account.slot < slot {
                self.show(&account.bytes);
            } else {
                self.waiting.push(account);
            }
        }
    }

    fn show(&mut self, account: &[u8]) {
        if account.len() != 653 {
            self.ticks.array(account);
            self.starts.insert(i32_at(account, 8));
            return;
        }
        let u16_at = |at: usize| u16::from_le_bytes([account[at], account[at + 1]]);
        self.state = Some(Pool {
            tick_spacing: u16_at(41),
            fee_tier_index: u16_at(43),
            fee_rate_ppm: u16_at(45),
            protocol_fee_rate: u16_at(47),
            liquidity: u128_at(account, 49),
            sqrt_price: u128_at(account, 65),
            tick_current_index: i32_at(account, 81),
            fee_growth_global_a: 0,
            fee_growth_global_b: 0,
        });
    }

    /// What an exact purchase or sale of base would move. Two implementations must agree on it.
    pub(super) fn swap(&self, is_buy: bool, lamports: u64) -> Swapped {
        let pool = self.state.expect("the pool is known");
        let (amount, direction) = if is_buy {
            (Amount::ExactOut(lamports), Direction::BToA)
        } else {
            (Amount::ExactIn(lamports), Direction::AToB)
        };
        let inner_steps_max = INNER_STEPS_DEFAULT;
        let request =
            SwapRequest { amount, direction, sqrt_price_limit: 0, now_s: 0, inner_steps_max };
        let ours = swap(&pool, None, &self.arrays(), &request).expect("deep enough");
        let facade = WhirlpoolFacade {
            tick_spacing: pool.tick_spacing,
            fee_rate: pool.fee_rate_ppm,
            protocol_fee_rate: pool.protocol_fee_rate,
            liquidity: pool.liquidity,
            sqrt_price: pool.sqrt_price,
            tick_current_index: pool.tick_current_index,
            ..WhirlpoolFacade::default()
        };
        let theirs = compute_swap(lamports, 0, facade, self.sequence(), !is_buy, !is_buy, 0);
        let theirs = theirs.expect("deep enough");
        let ours_is = (ours.amount_a, ours.amount_b, ours.fee_amount);
        assert_eq!(ours_is, (theirs.token_a, theirs.token_b, theirs.trade_fee));
        let mut after = pool;
        ours.apply(&mut after, None);
        Swapped { base: theirs.token_a, quote: theirs.token_b, fee: theirs.trade_fee, after }
    }

    /// Keeps what a swap made of the pool, until the chain shows it anew.
    pub(super) fn carry(&mut self, swapped: &Swapped) {
        self.state = Some(swapped.after);
    }

    /// Micro-USDC for 10¹² lamports at the spot price, rounded down twice: (√P)² in two products.
    pub(super) fn spot(&self) -> u128 {
        let root = self.state.expect("the pool is known").sqrt_price;
        (((1_000_000_000_000 * root) >> 64) * root) >> 64
    }

    fn arrays(&self) -> TickArraySet {
        let mut set =
            TickArraySet::with_capacity(64, SPACING.unsigned_abs().try_into().expect("64"));
        let (low, high) =
            (self.starts.first().expect("arrays"), self.starts.last().expect("arrays"));
        for start in (*low..=*high).step_by(SPAN.unsigned_abs().try_into().expect("a span")) {
            let exists = self.starts.contains(&start);
            let existence = if exists { Existence::Present } else { Existence::Absent };
            set.begin(start, existence).expect("on the spacing");
        }
        for (index, net) in &self.ticks.0 {
            set.set_tick(*index, *net).expect("on the spacing");
        }
        set
    }

    /// The array of the current tick and one on each side.
    fn sequence(&self) -> TickArraySequence<3> {
        let tick = self.state.expect("the pool is known").tick_current_index;
        let middle = tick.div_euclid(SPAN) * SPAN;
        let array = |start: i32| {
            let mut facade =
                TickArrayFacade { start_tick_index: start, ticks: [TickFacade::default(); 88] };
            for (index, net) in self.ticks.0.range(start..start + SPAN) {
                let place = usize::try_from((index - start) / SPACING).expect("inside");
                facade.ticks[place].initialized = true;
                facade.ticks[place].liquidity_net = *net;
            }
            Some(facade)
        };
        let starts = [middle - SPAN, middle, middle + SPAN];
        TickArraySequence::new(starts.map(array), 64).expect("evenly spaced")
    }
}
