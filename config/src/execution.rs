//! `[execution]`: how a trade's two legs are placed, and what the simulated venues do with them.

use core::ops::RangeInclusive;

use crate::per_venue::{self, PerVenue};
use crate::problem::Problems;
use crate::read::{bps_as_ppm_within, flag, integer, integer_u32, word};
use crate::section::{Section, root_table};
use crate::tree::Table;

/// Which leg of a trade goes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LegOrder {
    /// The chain's: it fails more often, and its failure leaves nothing to unwind. Two books, or
    /// two pools: the one that is sold at.
    #[default]
    DexFirst,
    /// The exchange's, of two books the one that is sold at.
    CexFirst,
    /// Both at once.
    Simultaneous,
}

/// How trades are executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Execution {
    /// Which leg goes first. Default: [`LegOrder::DexFirst`].
    pub leg_order: LegOrder,
    /// Whether an opportunity may be traded again while it lives. Default: false.
    pub retrade: bool,
    /// From the decision until an order meets the venue's book, by venue; of a pool until the
    /// transaction is with a leader. Unit: milliseconds, 0 to 60,000. The defaults are assumptions
    /// (no venue states one) for a host that is not next to the venues: measure yours.
    pub latency_ms: PerVenue,
    /// Slots from sending a chain leg to its landing. 1 to 150, default 2.
    pub landing_slots: u32,
    /// Slots after which a chain leg that has not landed cannot land any more: the life of its
    /// blockhash. 2 to 150, default 150, which is the chain's own bound.
    pub landing_timeout_slots: u32,
    /// Seed of the simulated failed landings, whose probability is
    /// [`Costs::landing_failure_ppm`](crate::Costs::landing_failure_ppm). Default: 1.
    pub seed: u64,
    /// How far beyond the decision's worst price the limit of a leg may lie.
    /// Unit: parts per million. 0 to 100 bps, default 5 bps.
    pub slippage_ppm: u32,
    /// Bound of the prices of hedges and unwinds, from the market's own reference.
    /// Unit: parts per million. 1 to 1,000 bps, default 50 bps.
    pub unwind_ppm: u32,
    /// The bound after it was widened, once. Unit: parts per million. 2 to 2,000 bps, default
    /// 200 bps.
    pub unwind_hard_ppm: u32,
    /// How long the second leg is tried again before the first one is unwound.
    /// Unit: milliseconds. 1 to 60,000, default 2,000.
    pub hedge_timeout_ms: u64,
}

impl Default for Execution {
    fn default() -> Self {
        Self {
            leg_order: LegOrder::DexFirst,
            retrade: false,
            latency_ms: PerVenue::new([60, 50, 85, 120]),
            landing_slots: 2,
            landing_timeout_slots: 150,
            seed: 1,
            slippage_ppm: 500,
            unwind_ppm: 5_000,
            unwind_hard_ppm: 20_000,
            hedge_timeout_ms: 2_000,
        }
    }
}

/// The orders of legs by name.
pub(crate) const LEG_ORDERS: &[(&str, LegOrder)] = &[
    ("dex_first", LegOrder::DexFirst),
    ("cex_first", LegOrder::CexFirst),
    ("simultaneous", LegOrder::Simultaneous),
];

/// Longest order latency. Unit: milliseconds.
const LATENCY_MS_MAX: u32 = 60_000;
/// Blocks after which the chain no longer takes a transaction's blockhash.
const BLOCKHASH_LIFE_SLOTS: u32 = 150;

pub(crate) const KEYS: &[&str] = &[
    "leg_order",
    "retrade",
    "latency_ms",
    "landing_slots",
    "landing_timeout_slots",
    "seed",
    "slippage_bps",
    "unwind_bps",
    "unwind_hard_bps",
    "hedge_timeout_ms",
];

pub(crate) fn read(root: &Table, problems: &mut Problems<'_>) -> Execution {
    let mut execution = Execution::default();
    let Some((at, table)) = root_table(root, "execution", problems) else { return execution };
    let section = Section::open("[execution]".to_owned(), at, table, KEYS, problems);
    execution.leg_order = section.or("leg_order", execution.leg_order, problems, word(LEG_ORDERS));
    execution.retrade = section.or("retrade", execution.retrade, problems, flag);
    let latency = &(0..=LATENCY_MS_MAX);
    execution.latency_ms =
        per_venue::read(&section, "latency_ms", execution.latency_ms, latency, problems);
    let slots: [(&str, &mut u32, RangeInclusive<u32>); 2] = [
        ("landing_slots", &mut execution.landing_slots, 1..=BLOCKHASH_LIFE_SLOTS),
        ("landing_timeout_slots", &mut execution.landing_timeout_slots, 2..=BLOCKHASH_LIFE_SLOTS),
    ];
    for (key, slot, bounds) in slots {
        *slot = section.or(key, *slot, problems, integer_u32(bounds));
    }
    let whole: [(&str, &mut u64, RangeInclusive<u64>); 2] = [
        ("seed", &mut execution.seed, 0..=u64::MAX),
        ("hedge_timeout_ms", &mut execution.hedge_timeout_ms, 1..=60_000),
    ];
    for (key, slot, bounds) in whole {
        *slot = section.or(key, *slot, problems, integer(bounds));
    }
    let bps: [(&str, &mut u32, RangeInclusive<u32>); 3] = [
        ("slippage_bps", &mut execution.slippage_ppm, 0..=100),
        ("unwind_bps", &mut execution.unwind_ppm, 1..=1_000),
        ("unwind_hard_bps", &mut execution.unwind_hard_ppm, 2..=2_000),
    ];
    for (key, slot, bounds) in bps {
        *slot = section.or(key, *slot, problems, bps_as_ppm_within(bounds));
    }
    execution
}
