//! Which key of the configuration may change while the engine runs, and in which direction.

use std::collections::BTreeMap;

/// What may become of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Any value.
    Free,
    /// Only a stricter value.
    Limit(Direction),
    /// None: threads, sockets, files and indices are made of it.
    Restart,
}

/// Which way a limit is stricter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// A lower value; none at all is the loosest.
    LowerIsStricter,
    /// A higher value.
    HigherIsStricter,
    /// A lower value, but zero is no limit.
    LowerIsStricterZeroIsNone,
    /// This word.
    Is(&'static str),
    /// Neither way is stricter in every case.
    Neither,
}

const LOWER: Rule = Rule::Limit(Direction::LowerIsStricter);
const HIGHER: Rule = Rule::Limit(Direction::HigherIsStricter);
const LOWER_OR_NONE: Rule = Rule::Limit(Direction::LowerIsStricterZeroIsNone);
const NEITHER: Rule = Rule::Limit(Direction::Neither);
const FALSE: Rule = Rule::Limit(Direction::Is("false"));
const TRUE: Rule = Rule::Limit(Direction::Is("true"));

/// Keys and their rules; the first that fits counts. `*` stands for one name, `**` at the end for any
/// number. What no row names needs a restart.
pub const RULES: &[(&str, Rule)] = &[
    ("engine.**", Rule::Restart),
    ("assets.**", Rule::Restart),
    ("equivalences.*.cost_bps", Rule::Free),
    ("equivalences.**", Rule::Restart),
    ("markets.*.fee_tier", Rule::Free),
    ("markets.*.taker_fee_bps", Rule::Free),
    ("markets.*.min_order_size", Rule::Free),
    ("markets.*.min_order_notional", Rule::Free),
    ("markets.*.stale_after_ms", LOWER),
    ("markets.*.stale_after_slots", LOWER),
    ("markets.**", Rule::Restart),
    ("rates.*.max_age_ms", LOWER),
    ("rates.**", Rule::Restart),
    ("costs.priority_fee_max_age_ms", LOWER_OR_NONE),
    ("costs.tip_max_age_ms", LOWER_OR_NONE),
    ("costs.fee_tier_max_age_ms", LOWER_OR_NONE),
    ("costs.sol_price_max_age_ms", LOWER_OR_NONE),
    ("costs.sol_price_market", Rule::Restart),
    ("costs.*", Rule::Free),
    // What is there is known from the run itself.
    ("caps.balances.**", Rule::Restart),
    ("caps.**", LOWER),
    ("signal.min_edge_bps", HIGHER),
    ("signal.same_venue_pairs", Rule::Restart),
    ("signal.*", Rule::Free),
    // A halt in force keeps its scope.
    ("risk.stale_scope", Rule::Restart),
    ("risk.stale_halt_ms", LOWER),
    ("risk.decision_age_ms_max", LOWER),
    ("risk.decision_age_slots_max", LOWER),
    ("risk.daily_loss_halt_usd", LOWER),
    ("risk.daily_loss_warn_usd", LOWER),
    ("risk.position_usd_max", LOWER),
    ("risk.losses_in_a_row_max", LOWER),
    ("risk.losses_halt", TRUE),
    ("risk.drawdown_usd_max", LOWER),
    ("risk.order_notional_usd_max", LOWER),
    ("risk.order_size_max.*", LOWER),
    ("risk.collar_reference_bps", LOWER),
    ("risk.collar_last_trade_bps", LOWER),
    ("risk.collar_drift_bps", LOWER),
    ("risk.messages_per_s.*", LOWER),
    ("risk.messages_share_percent", LOWER),
    ("risk.trades_per_pair_per_minute", LOWER),
    ("risk.trades_per_hour", LOWER),
    ("risk.duplicate_window_ms", HIGHER),
    ("risk.open_orders_per_venue_max", LOWER),
    ("risk.trades_per_market_max", LOWER),
    ("risk.trades_in_flight_max", LOWER),
    ("risk.metadata_age_max_s", LOWER),
    ("risk.balance_buffer_percent", HIGHER),
    ("risk.edge_min_bps", HIGHER),
    ("risk.edge_max_bps", LOWER),
    ("risk.reference_difference_bps_max", LOWER),
    ("risk.quote_rate_min", HIGHER),
    ("risk.quote_rate_max", LOWER),
    ("risk.unhedged_usd_max", LOWER),
    ("risk.unhedged_age_ms_max", LOWER),
    ("risk.unhedged_flat_ms_max", LOWER),
    ("risk.failure_warn_percent", LOWER),
    ("risk.failure_halt_percent", LOWER),
    ("risk.failure_min_count", LOWER),
    // A longer window remembers more failures and more successes.
    ("risk.failure_window_s", NEITHER),
    ("risk.shortfall_percent_max", LOWER),
    ("risk.shortfall_trades", NEITHER),
    ("risk.resume_size_percent", LOWER),
    ("risk.worst_case_loss_bps", HIGHER),
    ("risk.clock_warn_ms", LOWER),
    ("risk.clock_halt_ms", LOWER),
    ("risk.clock_step_ms_max", LOWER),
    ("risk.core_lag_ms_max", LOWER),
    ("risk.core_step_ms_max", LOWER),
    ("risk.ring_overflows_halt", LOWER),
    ("risk.journal_lag_ms_max", LOWER),
    ("risk.journal_backlog_percent_max", LOWER),
    ("risk.disk_free_percent_min", HIGHER),
    ("risk.disk_free_mib_min", HIGHER),
    ("execution.retrade", FALSE),
    ("execution.slippage_bps", LOWER),
    ("execution.unwind_bps", LOWER),
    ("execution.unwind_hard_bps", LOWER),
    ("execution.**", Rule::Free),
    // Retention reads them when it is asked for.
    ("journal.market_days", Rule::Free),
    ("journal.ledger_days", Rule::Free),
    ("journal.anchor_daily", Rule::Free),
    ("journal.**", Rule::Restart),
    ("captures.**", Rule::Restart),
    ("venues.**", Rule::Restart),
    ("runtime.**", Rule::Restart),
];

/// The rule of a key.
#[must_use]
pub fn rule_of(key: &str) -> Rule {
    let names = names_of(key);
    let row = RULES.iter().find(|(pattern, _)| fits(pattern, &names));
    row.map_or(Rule::Restart, |(_, rule)| *rule)
}

/// Names of a key; one in quotes keeps its dots.
fn names_of(key: &str) -> Vec<String> {
    let (mut names, mut is_quoted) = (vec![String::new()], false);
    for letter in key.chars() {
        match (letter, names.last_mut()) {
            ('"', _) => is_quoted = !is_quoted,
            ('.', _) if !is_quoted => names.push(String::new()),
            (_, Some(name)) => name.push(letter),
            (_, None) => {}
        }
    }
    names
}

fn fits(pattern: &str, names: &[String]) -> bool {
    let mut names = names.iter();
    for part in pattern.split('.') {
        if part == "**" {
            return names.next().is_some();
        }
        match names.next() {
            Some(name) if part == "*" || part == name => (),
            _ => return false,
        }
    }
    names.next().is_none()
}

/// Tables whose keys have the default that the example shows.
const DEFAULTED: &[&str] =
    &["costs", "signal", "risk", "execution", "journal", "venues", "runtime"];

/// Whether a key has the default that the example shows.
#[must_use]
pub fn is_defaulted(key: &str) -> bool {
    // Limits by asset have none, and neither has what prices the chain's coin.
    let is_open = key.starts_with("risk.order_size_max.") || key == "costs.sol_price_market";
    !is_open && names_of(key).first().is_some_and(|table| DEFAULTED.contains(&table.as_str()))
}

/// The default of a key, where it has one.
#[must_use]
pub fn default_of<'a>(key: &str, example: &'a BTreeMap<String, String>) -> Option<&'a str> {
    if key == "signal.min_edge_bps" {
        return Some("0"); // the example shows another one
    }
    if key.starts_with("markets.") {
        return match names_of(key).last().map(String::as_str) {
            Some("stale_after_ms") => Some("5000"),
            Some("stale_after_slots") => Some("8"),
            _ => None,
        };
    }
    if is_defaulted(key) { example.get(key).map(String::as_str) } else { None }
}

/// A decimal in units of 10⁻¹⁸; none where it is none, or larger than any that is configured.
#[must_use]
pub fn scaled(text: &str) -> Option<i128> {
    const PLACES: usize = 18;
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let fraction = fraction.trim_end_matches('0');
    if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) || fraction.len() > PLACES {
        return None;
    }
    let zeros = "0".repeat(PLACES - fraction.len());
    format!("{whole}{fraction}{zeros}").parse::<i128>().ok().map(|it| sign * it)
}
