//! `[risk]`: the limits that every trade passes, and when trading halts.
//!
//! The defaults are the reviewed ones. A limit may be set looser than its default, up to the bound
//! that its field states; above that, a digit too many is likelier than intent.

use core::ops::RangeInclusive;

use engine_model::AssetId;

use crate::assets::AssetTable;
use crate::caps::{Zero, by_asset};
use crate::decimal::Decimal;
use crate::machine::{self, MachineLimits};
use crate::per_venue::{self, PerVenue};
use crate::problem::Problems;
use crate::read::{
    bps_as_ppm_within, flag, integer, integer_u32, percent_as_ppm_within, ratio_as_ppm,
    usd_as_micros, word,
};
use crate::section::{Section, root_table};
use crate::tree::Table;

/// What a stale feed halts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StaleScope {
    /// Everything.
    #[default]
    Global,
    /// The pairs that need the feed.
    Pair,
}

/// Limits of single orders, and of the run as a whole. A limit itself passes and one unit more
/// does not, unless the field says otherwise. Ranges and defaults are in the unit of the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Risk {
    /// A required feed that is older halts. Unit: milliseconds. 100 to 60,000, default 10,000.
    pub stale_halt_ms: u64,
    /// What it halts. Default: [`StaleScope::Global`].
    pub stale_scope: StaleScope,
    /// Oldest book of a leg at the decision. Unit: milliseconds. 1 to 60,000, default 1,000.
    pub decision_age_ms_max: u64,
    /// Oldest pool of a leg at the decision. Unit: slots. 0 to 150, default 8.
    pub decision_age_slots_max: u64,
    /// Loss of a day that halts; the loss itself does. Unit: USD micros. Up to $100,000, default
    /// $500.
    pub daily_loss_halt_usd_micros: u64,
    /// Loss of a day that warns; the loss itself does. Unit: USD micros. Default $400.
    pub daily_loss_warn_usd_micros: u64,
    /// Largest position in one asset. Unit: USD micros. Up to $1,000,000, default $1,000.
    pub position_usd_micros_max: u64,
    /// Losing trades in a row; one more halts. 0 to 100, default 5.
    pub losses_in_a_row_max: u32,
    /// Whether it halts; else it only warns. Default: true.
    pub losses_halt: bool,
    /// Fall from the day's peak that halts; the fall itself does. Unit: USD micros. Up to
    /// $100,000, default $300.
    pub drawdown_usd_micros_max: u64,
    /// Largest order. Unit: USD micros. Up to $1,000,000, default $500.
    pub order_notional_usd_micros_max: u64,
    /// Largest order by base asset. Unit: base asset. Absent: the notional alone limits.
    pub order_size_max: Vec<(AssetId, Decimal)>,
    /// Farthest price from the reference of the order's own market. Unit: parts per million.
    /// 1 to 1,000 bps, default 50 bps.
    pub collar_reference_ppm: u32,
    /// Farthest price from the last trade of that market. Unit: parts per million.
    /// 1 to 1,000 bps, default 100 bps.
    pub collar_last_trade_ppm: u32,
    /// Widest spread of our own prices on one market over 60 s. Unit: parts per million.
    /// 1 to 1,000 bps, default 100 bps.
    pub collar_drift_ppm: u32,
    /// What a venue takes of us. Unit: messages per second, 1 to 10,000. Defaults: Coinbase 30 (the
    /// customary private limit; its pages no longer print one), Gemini 5 (the rate that its REST
    /// pages recommend below 600 a minute), Bitstamp 16 (10,000 in ten minutes, rounded down; the
    /// burst limit of 400 is no rate to keep), Solana 4 (40 calls of one method in 10 s at a public
    /// node; a provider's plan may allow more).
    pub messages_per_s: PerVenue,
    /// Share of that for new orders; cancels keep the rest. Unit: parts per million.
    /// 1 to 90 percent, default 80 percent.
    pub messages_share_ppm: u32,
    /// Trades of one pair within 60 s. 1 to 600, default 10.
    pub trades_per_pair_per_minute: u32,
    /// Trades of all pairs within an hour. 1 to 10,000, default 100.
    pub trades_per_hour: u32,
    /// An equal order is a duplicate while it is younger. Unit: milliseconds. 1 to 60,000, default
    /// 500.
    pub duplicate_window_ms: u64,
    /// Open orders at one venue. 1 to 64, default 4.
    pub open_orders_per_venue_max: u32,
    /// Trades under way on one market. 1 to 8, default 1.
    pub trades_per_market_max: u32,
    /// Trades under way. 1 to 8, default 2.
    pub trades_in_flight_max: u32,
    /// Oldest metadata of an instrument. Unit: seconds. 1 to 86,400, default 3,600.
    pub metadata_age_s_max: u64,
    /// What a balance must hold above the need. Unit: parts per million of the need.
    /// 0 to 50 percent, default 2 percent.
    pub balance_buffer_ppm: u32,
    /// Least net edge. Unit: parts per million of the notional. 0 to 1,000 bps, default 10 bps.
    pub edge_ppm_min: u32,
    /// A net edge above is taken for bad data. Unit: parts per million of the notional.
    /// 1 to 2,000 bps, default 500 bps.
    pub edge_ppm_max: u32,
    /// Widest difference of two prices of one asset. Unit: parts per million.
    /// 1 to 1,000 bps, default 200 bps.
    pub reference_difference_ppm_max: u32,
    /// Lowest price of a settlement currency in the numeraire. Unit: parts per million.
    /// 0.9 to 1.1, default 0.995.
    pub quote_rate_ppm_min: u32,
    /// Highest price of it. Unit: parts per million. 0.9 to 1.1, default 1.005.
    pub quote_rate_ppm_max: u32,
    /// Largest notional of unhedged legs. Unit: USD micros. Up to $1,000,000, default $1,000.
    pub unhedged_usd_micros_max: u64,
    /// Oldest unhedged leg; an older one leaves only orders that reduce it.
    /// Unit: milliseconds. 1 to 60,000, default 5,000.
    pub unhedged_age_ms_max: u64,
    /// Age at which a leg that is still unhedged halts. Unit: milliseconds. 1 to 600,000, default
    /// 30,000.
    pub unhedged_flat_ms_max: u64,
    /// A larger share of failed trades warns. Unit: parts per million.
    /// 1 to 100 percent, default 10 percent.
    pub failure_warn_ppm: u32,
    /// Share of failed trades that halts; the share itself does. Unit: parts per million.
    /// 1 to 100 percent, default 30 percent.
    pub failure_halt_ppm: u32,
    /// Trades within the window before that halt applies. 1 to 1,000, default 10.
    pub failure_min_count: u32,
    /// The window of failures. Unit: seconds. 1 to 86,400, default 900.
    pub failure_window_s: u64,
    /// Largest mean shortfall of realised against predicted profit. Unit: parts per million.
    /// 1 to 200 percent (above 100, the mean is a loss), default 50 percent.
    pub shortfall_ppm_max: u32,
    /// Trades over which that mean is taken. 1 to 1,000, default 20.
    pub shortfall_trades: u32,
    /// Size of a pair's first trade after a resume. Unit: parts per million of what was sized.
    /// 1 to 100 percent, default 10 percent.
    pub resume_size_ppm: u32,
    /// Worst case of a trade before its fees: the unwind bounds of both legs. What it leaves of
    /// the daily loss limit must be above zero. Unit: parts per million of the notional.
    /// 2 to 2,000 bps, default 100 bps.
    pub worst_case_loss_ppm: u32,
    /// When the state of the machine halts trading.
    pub machine: MachineLimits,
}

impl Default for Risk {
    fn default() -> Self {
        Self {
            stale_halt_ms: 10_000,
            stale_scope: StaleScope::Global,
            decision_age_ms_max: 1_000,
            decision_age_slots_max: 8,
            daily_loss_halt_usd_micros: 500_000_000,
            daily_loss_warn_usd_micros: 400_000_000,
            position_usd_micros_max: 1_000_000_000,
            losses_in_a_row_max: 5,
            losses_halt: true,
            drawdown_usd_micros_max: 300_000_000,
            order_notional_usd_micros_max: 500_000_000,
            order_size_max: Vec::new(),
            collar_reference_ppm: 5_000,
            collar_last_trade_ppm: 10_000,
            collar_drift_ppm: 10_000,
            messages_per_s: PerVenue::new([30, 5, 16, 4]),
            messages_share_ppm: 800_000,
            trades_per_pair_per_minute: 10,
            trades_per_hour: 100,
            duplicate_window_ms: 500,
            open_orders_per_venue_max: 4,
            trades_per_market_max: 1,
            trades_in_flight_max: 2,
            metadata_age_s_max: 3_600,
            balance_buffer_ppm: 20_000,
            edge_ppm_min: 1_000,
            edge_ppm_max: 50_000,
            reference_difference_ppm_max: 20_000,
            quote_rate_ppm_min: 995_000,
            quote_rate_ppm_max: 1_005_000,
            unhedged_usd_micros_max: 1_000_000_000,
            unhedged_age_ms_max: 5_000,
            unhedged_flat_ms_max: 30_000,
            failure_warn_ppm: 100_000,
            failure_halt_ppm: 300_000,
            failure_min_count: 10,
            failure_window_s: 900,
            shortfall_ppm_max: 500_000,
            shortfall_trades: 20,
            resume_size_ppm: 100_000,
            worst_case_loss_ppm: 10_000,
            machine: MachineLimits::default(),
        }
    }
}

/// Largest loss that may be configured. Unit: USD.
const LOSS_USD_MAX: u64 = 100_000;
/// Largest order or position that may be configured. Unit: USD.
const EXPOSURE_USD_MAX: u64 = 1_000_000;

/// The words of `stale_scope`.
pub(crate) const STALE_SCOPES: &[(&str, StaleScope)] =
    &[("global", StaleScope::Global), ("pair", StaleScope::Pair)];

pub(crate) const KEYS: &[&str] = &[
    "stale_halt_ms",
    "stale_scope",
    "decision_age_ms_max",
    "decision_age_slots_max",
    "daily_loss_halt_usd",
    "daily_loss_warn_usd",
    "position_usd_max",
    "losses_in_a_row_max",
    "losses_halt",
    "drawdown_usd_max",
    "order_notional_usd_max",
    "order_size_max",
    "collar_reference_bps",
    "collar_last_trade_bps",
    "collar_drift_bps",
    "messages_per_s",
    "messages_share_percent",
    "trades_per_pair_per_minute",
    "trades_per_hour",
    "duplicate_window_ms",
    "open_orders_per_venue_max",
    "trades_per_market_max",
    "trades_in_flight_max",
    "metadata_age_max_s",
    "balance_buffer_percent",
    "edge_min_bps",
    "edge_max_bps",
    "reference_difference_bps_max",
    "quote_rate_min",
    "quote_rate_max",
    "unhedged_usd_max",
    "unhedged_age_ms_max",
    "unhedged_flat_ms_max",
    "failure_warn_percent",
    "failure_halt_percent",
    "failure_min_count",
    "failure_window_s",
    "shortfall_percent_max",
    "shortfall_trades",
    "resume_size_percent",
    "worst_case_loss_bps",
    "clock_warn_ms",
    "clock_halt_ms",
    "clock_step_ms_max",
    "core_lag_ms_max",
    "core_step_ms_max",
    "ring_overflows_halt",
    "journal_lag_ms_max",
    "journal_backlog_percent_max",
    "disk_free_percent_min",
    "disk_free_mib_min",
];

pub(crate) fn read(root: &Table, assets: &AssetTable, problems: &mut Problems<'_>) -> Risk {
    let mut risk = Risk::default();
    let Some((at, table)) = root_table(root, "risk", problems) else { return risk };
    let section = Section::open("[risk]".to_owned(), at, table, KEYS, problems);
    risk.stale_scope = section.or("stale_scope", risk.stale_scope, problems, word(STALE_SCOPES));
    risk.losses_halt = section.or("losses_halt", risk.losses_halt, problems, flag);
    risk.order_size_max = by_asset(&section, "order_size_max", Zero::Refused, assets, problems);
    let rates = &(1..=10_000);
    risk.messages_per_s =
        per_venue::read(&section, "messages_per_s", risk.messages_per_s, rates, problems);
    risk.machine = machine::read(&section, problems);
    read_times(&mut risk, &section, problems);
    read_counts(&mut risk, &section, problems);
    read_amounts(&mut risk, &section, problems);
    read_shares(&mut risk, &section, problems);
    risk
}

fn read_times(risk: &mut Risk, section: &Section<'_>, problems: &mut Problems<'_>) {
    let times: [(&str, &mut u64, RangeInclusive<u64>); 8] = [
        ("stale_halt_ms", &mut risk.stale_halt_ms, 100..=60_000),
        ("decision_age_ms_max", &mut risk.decision_age_ms_max, 1..=60_000),
        ("decision_age_slots_max", &mut risk.decision_age_slots_max, 0..=150),
        ("duplicate_window_ms", &mut risk.duplicate_window_ms, 1..=60_000),
        ("metadata_age_max_s", &mut risk.metadata_age_s_max, 1..=86_400),
        ("unhedged_age_ms_max", &mut risk.unhedged_age_ms_max, 1..=60_000),
        ("unhedged_flat_ms_max", &mut risk.unhedged_flat_ms_max, 1..=600_000),
        ("failure_window_s", &mut risk.failure_window_s, 1..=86_400),
    ];
    for (key, slot, bounds) in times {
        *slot = section.or(key, *slot, problems, integer(bounds));
    }
}

fn read_counts(risk: &mut Risk, section: &Section<'_>, problems: &mut Problems<'_>) {
    let counts: [(&str, &mut u32, RangeInclusive<u32>); 8] = [
        ("losses_in_a_row_max", &mut risk.losses_in_a_row_max, 0..=100),
        ("trades_per_pair_per_minute", &mut risk.trades_per_pair_per_minute, 1..=600),
        ("trades_per_hour", &mut risk.trades_per_hour, 1..=10_000),
        ("open_orders_per_venue_max", &mut risk.open_orders_per_venue_max, 1..=64),
        ("trades_per_market_max", &mut risk.trades_per_market_max, 1..=8),
        ("trades_in_flight_max", &mut risk.trades_in_flight_max, 1..=8),
        ("failure_min_count", &mut risk.failure_min_count, 1..=1_000),
        ("shortfall_trades", &mut risk.shortfall_trades, 1..=1_000),
    ];
    for (key, slot, bounds) in counts {
        *slot = section.or(key, *slot, problems, integer_u32(bounds));
    }
}

fn read_amounts(risk: &mut Risk, section: &Section<'_>, problems: &mut Problems<'_>) {
    let amounts: [(&str, &mut u64, u64); 6] = [
        ("daily_loss_halt_usd", &mut risk.daily_loss_halt_usd_micros, LOSS_USD_MAX),
        ("daily_loss_warn_usd", &mut risk.daily_loss_warn_usd_micros, LOSS_USD_MAX),
        ("drawdown_usd_max", &mut risk.drawdown_usd_micros_max, LOSS_USD_MAX),
        ("position_usd_max", &mut risk.position_usd_micros_max, EXPOSURE_USD_MAX),
        ("order_notional_usd_max", &mut risk.order_notional_usd_micros_max, EXPOSURE_USD_MAX),
        ("unhedged_usd_max", &mut risk.unhedged_usd_micros_max, EXPOSURE_USD_MAX),
    ];
    for (key, slot, usd_max) in amounts {
        *slot = section.or(key, *slot, problems, usd_as_micros(usd_max));
    }
}

fn read_shares(risk: &mut Risk, section: &Section<'_>, problems: &mut Problems<'_>) {
    let bps: [(&str, &mut u32, RangeInclusive<u32>); 7] = [
        ("collar_reference_bps", &mut risk.collar_reference_ppm, 1..=1_000),
        ("collar_last_trade_bps", &mut risk.collar_last_trade_ppm, 1..=1_000),
        ("collar_drift_bps", &mut risk.collar_drift_ppm, 1..=1_000),
        ("edge_min_bps", &mut risk.edge_ppm_min, 0..=1_000),
        ("edge_max_bps", &mut risk.edge_ppm_max, 1..=2_000),
        ("reference_difference_bps_max", &mut risk.reference_difference_ppm_max, 1..=1_000),
        ("worst_case_loss_bps", &mut risk.worst_case_loss_ppm, 2..=2_000),
    ];
    for (key, slot, bounds) in bps {
        *slot = section.or(key, *slot, problems, bps_as_ppm_within(bounds));
    }
    let percents: [(&str, &mut u32, RangeInclusive<u32>); 6] = [
        ("messages_share_percent", &mut risk.messages_share_ppm, 1..=90),
        ("balance_buffer_percent", &mut risk.balance_buffer_ppm, 0..=50),
        ("failure_warn_percent", &mut risk.failure_warn_ppm, 1..=100),
        ("failure_halt_percent", &mut risk.failure_halt_ppm, 1..=100),
        ("shortfall_percent_max", &mut risk.shortfall_ppm_max, 1..=200),
        ("resume_size_percent", &mut risk.resume_size_ppm, 1..=100),
    ];
    for (key, slot, bounds) in percents {
        *slot = section.or(key, *slot, problems, percent_as_ppm_within(bounds));
    }
    let ratios = [
        ("quote_rate_min", &mut risk.quote_rate_ppm_min),
        ("quote_rate_max", &mut risk.quote_rate_ppm_max),
    ];
    for (key, slot) in ratios {
        *slot = section.or(key, *slot, problems, ratio_as_ppm(900_000..=1_100_000));
    }
}
