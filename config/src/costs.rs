//! `[costs]`: what a trade costs beside the venues' fees.

use engine_model::MarketId;

use crate::markets::MarketTable;
use crate::problem::{At, Problems, fault};
use crate::rates::AGE_MS_MAX;
use crate::read::{bps_as_ppm, integer, integer_u32, percent_as_ppm};
use crate::section::{Section, root_table};
use crate::tree::Table;

/// Costs beside the venues' fees. An age of 0 means that the level does not age.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Costs {
    /// Compute units that a swap transaction asks for. Default: 200,000, enough for 20 crossings.
    pub compute_unit_limit: u32,
    /// Priority fee at the start; the feed replaces it. Unit: micro-lamports per compute unit.
    pub priority_fee_micro_lamports_per_cu: u64,
    /// Unit: milliseconds.
    pub priority_fee_max_age_ms: u64,
    /// Fee for one signature. Unit: lamports. Default: 5,000, the chain's.
    pub base_fee_lamports: u64,
    /// Tip of a chain transaction. Unit: lamports.
    pub tip_lamports: u64,
    /// Unit: milliseconds.
    pub tip_max_age_ms: u64,
    /// Age of the venues' fee tiers. Unit: milliseconds.
    pub fee_tier_max_age_ms: u64,
    /// Book that prices SOL. Always there when a pool is configured.
    pub sol_price_market: Option<MarketId>,
    /// Unit: milliseconds.
    pub sol_price_max_age_ms: u64,
    /// Probability that a chain leg fails and still costs base and priority fee.
    /// Unit: parts per million.
    pub landing_failure_ppm: u32,
    /// Probability that the second leg is missed. Unit: parts per million.
    pub broken_leg_ppm: u32,
    /// Cost of unwinding the first leg then. Unit: parts per million of the notional.
    pub broken_leg_cost_ppm: u32,
    /// Taken off for prices that move while orders travel. Unit: parts per million of the notional.
    pub latency_buffer_ppm: u32,
}

impl Default for Costs {
    fn default() -> Self {
        Self {
            compute_unit_limit: 200_000,
            priority_fee_micro_lamports_per_cu: 50_000,
            priority_fee_max_age_ms: 60_000,
            base_fee_lamports: 5_000,
            tip_lamports: 10_000,
            tip_max_age_ms: 0,
            fee_tier_max_age_ms: 0,
            sol_price_market: None,
            sol_price_max_age_ms: 10_000,
            landing_failure_ppm: 50_000,
            broken_leg_ppm: 10_000,
            broken_leg_cost_ppm: 2_000,
            latency_buffer_ppm: 100,
        }
    }
}

/// The compute units that the chain grants one transaction.
const COMPUTE_UNIT_LIMIT_MAX: u32 = 1_400_000;
/// Unit: micro-lamports per compute unit. With the largest limit that is 1.4 SOL.
const PRIORITY_FEE_MAX: u64 = 1_000_000_000;
/// Unit: lamports. 10 SOL: above, a digit too many is likelier than intent.
const LAMPORTS_MAX: u64 = 10_000_000_000;

const KEYS: &[&str] = &[
    "compute_unit_limit",
    "priority_fee_micro_lamports_per_cu",
    "priority_fee_max_age_ms",
    "base_fee_lamports",
    "tip_lamports",
    "tip_max_age_ms",
    "fee_tier_max_age_ms",
    "sol_price_market",
    "sol_price_max_age_ms",
    "landing_failure_percent",
    "broken_leg_percent",
    "broken_leg_cost_bps",
    "latency_buffer_bps",
];

/// The costs, and where the price of SOL is named.
pub(crate) fn read(
    root: &Table,
    markets: &MarketTable,
    problems: &mut Problems<'_>,
) -> (Costs, Option<At>) {
    let mut costs = Costs::default();
    let Some((at, table)) = root_table(root, "costs", problems) else {
        return (costs, None);
    };
    let section = Section::open("[costs]".to_owned(), at, table, KEYS, problems);
    let age = || integer(0..=AGE_MS_MAX);
    let whole = [
        (
            "priority_fee_micro_lamports_per_cu",
            &mut costs.priority_fee_micro_lamports_per_cu,
            PRIORITY_FEE_MAX,
        ),
        ("base_fee_lamports", &mut costs.base_fee_lamports, LAMPORTS_MAX),
        ("tip_lamports", &mut costs.tip_lamports, LAMPORTS_MAX),
    ];
    for (key, slot, max) in whole {
        *slot = section.or(key, *slot, problems, integer(0..=max));
    }
    let ages = [
        ("priority_fee_max_age_ms", &mut costs.priority_fee_max_age_ms),
        ("tip_max_age_ms", &mut costs.tip_max_age_ms),
        ("fee_tier_max_age_ms", &mut costs.fee_tier_max_age_ms),
        ("sol_price_max_age_ms", &mut costs.sol_price_max_age_ms),
    ];
    for (key, slot) in ages {
        *slot = section.or(key, *slot, problems, age());
    }
    let percents = [
        ("landing_failure_percent", &mut costs.landing_failure_ppm),
        ("broken_leg_percent", &mut costs.broken_leg_ppm),
    ];
    for (key, slot) in percents {
        *slot = section.or(key, *slot, problems, percent_as_ppm(100));
    }
    let bps = [
        ("broken_leg_cost_bps", &mut costs.broken_leg_cost_ppm),
        ("latency_buffer_bps", &mut costs.latency_buffer_ppm),
    ];
    for (key, slot) in bps {
        *slot = section.or(key, *slot, problems, bps_as_ppm(10_000));
    }
    let units = integer_u32(1..=COMPUTE_UNIT_LIMIT_MAX);
    costs.compute_unit_limit =
        section.or("compute_unit_limit", costs.compute_unit_limit, problems, units);
    costs.sol_price_market =
        section.optional("sol_price_market", problems, |node| markets.reference(node));
    check_sum(&costs, &section, problems);
    (costs, section.node("sol_price_market").map(|node| node.at))
}

/// What is taken off every notional must leave something of it.
fn check_sum(costs: &Costs, section: &Section<'_>, problems: &mut Problems<'_>) {
    let broken = u64::from(costs.broken_leg_ppm) * u64::from(costs.broken_leg_cost_ppm);
    // Rounded up, as the engine counts it.
    let ppm = u64::from(costs.latency_buffer_ppm) + broken.div_ceil(1_000_000);
    if ppm < 1_000_000 {
        return;
    }
    let says = "\"latency_buffer_bps\" and \"broken_leg_percent\" of \"broken_leg_cost_bps\" in \
                [costs] together take the whole notional";
    let hint = "lower them until they stay below 100 % (10000 bps) together";
    // At the one that is written; a default alone cannot reach this.
    let mut keys = ["latency_buffer_bps", "broken_leg_cost_bps"].into_iter();
    let key = keys.find(|key| section.node(key).is_some()).unwrap_or("broken_leg_cost_bps");
    problems.add(section.at_key(key), section.key(key), fault(says, hint));
}
