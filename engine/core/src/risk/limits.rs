//! Every limit of the risk controls in one struct, with the reviewed defaults.

use serde::{Deserialize, Serialize};

/// Nanoseconds in one second.
const NS_PER_SECOND: u64 = 1_000_000_000;

/// Micros in one US dollar.
const MICROS_PER_USD: i128 = 1_000_000;

/// Limits in force, already validated. `Default` is the reviewed set.
///
/// USD amounts are micros (10⁻⁶) of the numeraire, shares are parts per million, times are
/// nanoseconds. "At most" means that the value itself passes and one unit more does not, unless a
/// field says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// R06: a required feed this old is fresh; one nanosecond more is stale.
    pub feed_age_ns_max: u64,
    /// R06: how long every feed must be fresh before `stale_data` clears by itself.
    pub stale_resume_fresh_ns: u64,
    /// R06: valid updates that each feed must show in that time.
    pub stale_resume_updates_min: u32,
    /// R06: automatic resumes inside [`Self::stale_resume_window_ns`] that need an operator next.
    pub stale_resumes_max: u32,
    /// R06: the window in which automatic resumes are counted.
    pub stale_resume_window_ns: u64,
    /// R07: age of a leg's book at the decision, at most.
    pub book_age_ns_max: u64,
    /// R07: age of a leg's pool at the decision, at most. Unit: slots.
    pub pool_age_slots_max: u64,
    /// R08: the day's loss at which trading halts; the loss itself halts. A positive amount.
    pub daily_loss_usd_micros: i128,
    /// R09: the day's loss at which a warning goes out; the loss itself warns. A positive amount.
    pub daily_loss_warn_usd_micros: i128,
    /// R10: position of one asset with the reserve and this order, at most.
    pub position_usd_micros_max: i128,
    /// R11: losing trades in a row, at most; one more halts.
    pub consecutive_losses_max: u32,
    /// R12: fall from the day's peak at which trading halts; the fall itself halts.
    pub drawdown_usd_micros: i128,
    /// R13: notional of one order, at most.
    pub order_notional_usd_micros_max: i128,
    /// R15: distance of an order's price from the mid or spot price of its own market, at most.
    pub reference_collar_ppm: u64,
    /// R15: distance of an order's price from the last trade of its own market, at most.
    pub last_trade_collar_ppm: u64,
    /// R15: spread of our own order prices on one market within the drift window, at most.
    pub drift_collar_ppm: u64,
    /// R15: the drift window.
    pub drift_window_ns: u64,
    /// R15: distance of an unwind's price from its own market's reference, at most.
    pub unwind_collar_ppm: u64,
    /// R15: the same after an unwind within [`Self::unwind_collar_ppm`] has not filled; widened
    /// once, and last before the trade is handed over.
    pub unwind_hard_collar_ppm: u64,
    /// R17: share of a venue's published message rate that new orders may use; cancels keep the
    /// rest.
    pub message_share_ppm: u64,
    /// R18: trades of one pair inside [`Self::pair_trades_window_ns`], at most.
    pub pair_trades_max: u32,
    /// R18: the window of one pair.
    pub pair_trades_window_ns: u64,
    /// R18: trades of all pairs inside [`Self::trades_window_ns`], at most.
    pub trades_max: u32,
    /// R18: the window of all pairs.
    pub trades_window_ns: u64,
    /// R19: an equal order is a duplicate while its age is below this; at this age it passes.
    pub duplicate_window_ns: u64,
    /// R21: open orders on one venue, this one included, at most.
    pub venue_open_orders_max: u32,
    /// R21: pairs in flight on one market, this one included, at most.
    pub market_pairs_in_flight_max: u32,
    /// R21: pairs in flight anywhere, this one included, at most.
    pub pairs_in_flight_max: u32,
    /// R22: age of an instrument's metadata, at most.
    pub metadata_age_ns_max: u64,
    /// R23: what a balance must hold above the need, as a share of the need.
    pub balance_buffer_ppm: u64,
    /// R24: net edge over notional, at least.
    pub edge_ppm_min: u64,
    /// R24: net edge over notional, at most; more is taken for bad data.
    pub edge_ppm_max: u64,
    /// R25: difference of two independent prices of one asset, at most.
    pub reference_disagreement_ppm_max: u64,
    /// R26: lowest price of a settlement currency in the numeraire. The value itself passes.
    pub quote_currency_ppm_min: u64,
    /// R26: highest price of a settlement currency in the numeraire. The value itself passes.
    pub quote_currency_ppm_max: u64,
    /// R25, R26: how long the value must be inside half the threshold before the halt clears.
    pub agreement_resume_ns: u64,
    /// R27: notional of unhedged legs, at most.
    pub unhedged_usd_micros_max: i128,
    /// R27: age of an unhedged leg, at most.
    pub unhedged_age_ns_max: u64,
    /// R27: age of an unhedged leg above which trading halts.
    pub unhedged_halt_age_ns: u64,
    /// R30: share of failed trades above which a warning goes out.
    pub failure_warn_ppm: u64,
    /// R30: share of failed trades at which trading halts; the share itself halts.
    pub failure_halt_ppm: u64,
    /// R30: trades in the window before the halt applies.
    pub failure_trades_min: u32,
    /// R30: the window.
    pub failure_window_ns: u64,
    /// R31: mean shortfall of realised against predicted profit, at most.
    pub shortfall_ppm_max: u64,
    /// R31: trades over which the mean is taken.
    pub shortfall_trades: u32,
    /// R32: distance of the wall clock from core time above which a warning goes out.
    pub clock_warn_ns: u64,
    /// R32: distance of the wall clock from core time, at most.
    pub clock_offset_ns_max: u64,
    /// R32: change of that distance from one statement of the clock to the next, and time that the
    /// machine slept, at most.
    pub clock_step_ns_max: u64,
    /// R32: how long the distance must be below half its limit before the halt clears.
    pub clock_resume_ns: u64,
    /// R33: time that 99 of 100 events wait in their ring, at most.
    pub core_lag_ns_max: u64,
    /// R33: time that one step of the core takes, at most.
    pub core_step_ns_max: u64,
    /// R33 to R35: how long a value must be below half its limit before the halt clears.
    pub lag_resume_ns: u64,
    /// R33 to R35: halts of one kind inside [`Self::lag_repeat_window_ns`] that clear by themselves;
    /// one more waits for an operator. At most [`super::machine::REPEATS_KEPT`] count.
    pub lag_repeats_max: u32,
    /// R33 to R35: the window in which such halts are counted.
    pub lag_repeat_window_ns: u64,
    /// R34: overflows of one venue inside [`Self::ring_overflow_window_ns`] at which it halts; the
    /// count itself halts. 1 to [`super::machine::OVERFLOWS_KEPT`].
    pub ring_overflows_halt: u32,
    /// R34: that window.
    pub ring_overflow_window_ns: u64,
    /// R35: age of the oldest record that is not with the disk, at most.
    pub journal_lag_ns_max: u64,
    /// R35: share of a record ring that may be taken, at most.
    pub journal_backlog_ppm_max: u64,
    /// R36: share of the journal's disk that is free, at least.
    pub disk_free_ppm_min: u64,
    /// R36: what is free of the journal's disk, at least. Unit: bytes.
    pub disk_free_bytes_min: u64,
    /// R36: how long more than twice of both must be free before the halt clears.
    pub disk_resume_ns: u64,
    /// Size of the first trade of a pair after any resume, as a share of its size.
    pub resume_size_ppm: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            feed_age_ns_max: 10 * NS_PER_SECOND,
            stale_resume_fresh_ns: 3 * NS_PER_SECOND,
            stale_resume_updates_min: 3,
            stale_resumes_max: 2,
            stale_resume_window_ns: 600 * NS_PER_SECOND,
            book_age_ns_max: NS_PER_SECOND,
            pool_age_slots_max: 8,
            daily_loss_usd_micros: 500 * MICROS_PER_USD,
            daily_loss_warn_usd_micros: 400 * MICROS_PER_USD,
            position_usd_micros_max: 1_000 * MICROS_PER_USD,
            consecutive_losses_max: 5,
            drawdown_usd_micros: 300 * MICROS_PER_USD,
            order_notional_usd_micros_max: 500 * MICROS_PER_USD,
            reference_collar_ppm: 5_000,
            last_trade_collar_ppm: 10_000,
            drift_collar_ppm: 10_000,
            drift_window_ns: 60 * NS_PER_SECOND,
            unwind_collar_ppm: 5_000,
            unwind_hard_collar_ppm: 10_000,
            message_share_ppm: 800_000,
            pair_trades_max: 10,
            pair_trades_window_ns: 60 * NS_PER_SECOND,
            trades_max: 100,
            trades_window_ns: 3_600 * NS_PER_SECOND,
            duplicate_window_ns: NS_PER_SECOND / 2,
            venue_open_orders_max: 4,
            market_pairs_in_flight_max: 1,
            pairs_in_flight_max: 2,
            metadata_age_ns_max: 3_600 * NS_PER_SECOND,
            balance_buffer_ppm: 20_000,
            edge_ppm_min: 1_000,
            edge_ppm_max: 50_000,
            reference_disagreement_ppm_max: 20_000,
            quote_currency_ppm_min: 995_000,
            quote_currency_ppm_max: 1_005_000,
            agreement_resume_ns: 60 * NS_PER_SECOND,
            unhedged_usd_micros_max: 1_000 * MICROS_PER_USD,
            unhedged_age_ns_max: 5 * NS_PER_SECOND,
            unhedged_halt_age_ns: 30 * NS_PER_SECOND,
            failure_warn_ppm: 100_000,
            failure_halt_ppm: 300_000,
            failure_trades_min: 10,
            failure_window_ns: 900 * NS_PER_SECOND,
            shortfall_ppm_max: 500_000,
            shortfall_trades: 20,
            clock_warn_ns: NS_PER_SECOND / 10,
            clock_offset_ns_max: NS_PER_SECOND,
            clock_step_ns_max: NS_PER_SECOND / 2,
            clock_resume_ns: 60 * NS_PER_SECOND,
            core_lag_ns_max: NS_PER_SECOND / 20,
            core_step_ns_max: NS_PER_SECOND / 10,
            lag_resume_ns: 10 * NS_PER_SECOND,
            lag_repeats_max: 3,
            lag_repeat_window_ns: 3_600 * NS_PER_SECOND,
            ring_overflows_halt: 3,
            ring_overflow_window_ns: 60 * NS_PER_SECOND,
            journal_lag_ns_max: NS_PER_SECOND,
            journal_backlog_ppm_max: 500_000,
            disk_free_ppm_min: 50_000,
            disk_free_bytes_min: 512 << 20,
            disk_resume_ns: 60 * NS_PER_SECOND,
            resume_size_ppm: 100_000,
        }
    }
}
