//! The matrix of risk controls: each with the tests that hold it to its limit, or the part that
//! owes it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use engine_core::risk::Check;
use engine_core::risk::halt::HaltReason;

use super::support::shared;

/// A test: file below the risk folder, function.
type Test = (&'static str, &'static str);

/// One control.
struct Row {
    id: &'static str,
    control: &'static str,
    /// What shows it, on both sides of and on its limit.
    tests: &'static [Test],
    /// The part that owes it, or what is still missing of it.
    owed_by: Option<Part>,
}

/// Parts that come after the core.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Part {
    OrderGateways,
    AdminService,
    Operations,
}
use Part::{AdminService, Operations, OrderGateways};

const fn tested(id: &'static str, control: &'static str, tests: &'static [Test]) -> Row {
    Row { id, control, tests, owed_by: None }
}

const fn owed(id: &'static str, control: &'static str, part: Part) -> Row {
    Row { id, control, tests: &[], owed_by: Some(part) }
}

/// Tested as far as the core goes; the part does the rest.
const fn shared_with(
    id: &'static str,
    control: &'static str,
    tests: &'static [Test],
    part: Part,
) -> Row {
    Row { id, control, tests, owed_by: Some(part) }
}

const RISK: &str = "engine/core/src/risk/";
const CHECKS: &str = "checks/tests/mod.rs";
const ORDER: &str = "checks/tests/order.rs";
const PRICES: &str = "checks/tests/prices.rs";
const EXPOSURE: &str = "checks/tests/exposure.rs";
const REDUCING: &str = "checks/tests/reducing.rs";
const APPROVED: &str = "approved/tests.rs";
const HALTS: &str = "halt/tests.rs";
const THROTTLE: &str = "throttle/tests.rs";
const MACHINE: &str = "machine/tests.rs";

const MATRIX: &[Row] = &[
    shared_with(
        "R01",
        "mode gate",
        &[
            (CHECKS, "each_mode_reaches_its_own_target_only"),
            (APPROVED, "a_plan_is_approved_exactly_when_no_check_fails"),
        ],
        OrderGateways,
    ),
    owed("R02", "live arming", AdminService),
    tested(
        "R03",
        "manual pause / resume",
        &[
            (CHECKS, "halts_stop_what_they_must"),
            (HALTS, "clear_needs_role_text_and_a_cause_that_is_gone"),
            (HALTS, "nothing_resumes_past_a_manual_pause"),
            (HALTS, "a_latched_halt_leaves_by_the_rules_alone"),
        ],
    ),
    shared_with(
        "R04",
        "kill switch",
        &[(HALTS, "clear_needs_role_text_and_a_cause_that_is_gone")],
        OrderGateways,
    ),
    owed("R05", "dead-man", OrderGateways),
    tested(
        "R06",
        "staleness kill",
        &[
            ("staleness/tests.rs", "stale_data_halts_one_nanosecond_after_ten_seconds"),
            ("staleness/tests.rs", "never_received_is_shown_as_never"),
            (HALTS, "stale_data_resumes_when_every_condition_holds"),
            (HALTS, "the_third_resume_in_ten_minutes_waits_for_an_operator"),
        ],
    ),
    tested("R07", "decision quote age", &[(PRICES, "decisions_need_fresh_books_and_pools")]),
    tested(
        "R08",
        "daily loss limit",
        &[
            ("daily.rs", "daily_loss_halts_at_the_limit"),
            ("daily.rs", "the_loss_never_passes_the_limit_by_more_than_the_slack"),
            (EXPOSURE, "the_worst_case_stays_above_the_daily_loss_limit"),
        ],
    ),
    tested("R09", "daily loss warning", &[("daily.rs", "daily_loss_warns_once_at_the_limit")]),
    tested(
        "R10",
        "max position",
        &[
            (EXPOSURE, "positions_are_capped_at_their_worst"),
            ("exposure/tests.rs", "an_observed_position_above_the_limit_asks_for_a_reduction"),
            ("exposure/tests.rs", "admitted_fills_never_pass_the_limit"),
        ],
    ),
    tested("R11", "consecutive losses", &[("streak.rs", "the_sixth_loss_in_a_row_halts")]),
    tested(
        "R12",
        "drawdown from day peak",
        &[("daily.rs", "drawdown_halts_at_the_fall_from_the_peak")],
    ),
    tested(
        "R13",
        "max order notional",
        &[(ORDER, "order_notional_is_capped_and_small_after_a_resume")],
    ),
    tested("R14", "max order quantity", &[(ORDER, "order_quantity_keeps_maximum_lot_and_minimum")]),
    tested(
        "R15",
        "price collar",
        &[
            (PRICES, "price_collar_holds_to_its_own_reference"),
            (PRICES, "price_collar_holds_against_drift"),
            ("drift.rs", "own_prices_leave_after_a_minute"),
            (REDUCING, "a_reducing_order_keeps_the_unwind_bound"),
        ],
    ),
    tested("R16", "no unpriced orders", &[(ORDER, "unpriced_orders_are_denied")]),
    tested(
        "R17",
        "message throttle",
        &[
            (ORDER, "messages_must_be_left_for_the_order"),
            (THROTTLE, "orders_use_four_fifths_of_a_venues_rate"),
            (THROTTLE, "cancels_keep_a_fifth_and_are_never_refused"),
        ],
    ),
    tested(
        "R18",
        "repeated execution throttle",
        &[
            (ORDER, "repeated_execution_is_denied"),
            (THROTTLE, "the_eleventh_trade_of_a_pair_in_a_minute_is_refused"),
            (THROTTLE, "the_hundred_and_first_trade_in_an_hour_is_refused"),
        ],
    ),
    tested(
        "R19",
        "duplicate order guard",
        &[
            (ORDER, "duplicate_orders_are_denied"),
            ("duplicates.rs", "an_equal_order_inside_half_a_second_is_refused"),
            ("duplicates.rs", "a_client_id_is_used_once"),
        ],
    ),
    owed("R20", "self-match prevention", OrderGateways),
    tested("R21", "open orders cap", &[(EXPOSURE, "open_orders_and_pairs_in_flight_are_capped")]),
    tested(
        "R22",
        "instruments and venues allow-list",
        &[(ORDER, "instruments_must_be_listed_trading_and_freshly_described")],
    ),
    tested("R23", "balance check", &[(EXPOSURE, "balances_cover_the_need_and_its_buffer")]),
    tested("R24", "edge sanity", &[(PRICES, "edges_too_thin_and_too_good_are_denied")]),
    tested(
        "R25",
        "reference agreement",
        &[
            (PRICES, "prices_and_currencies_must_agree"),
            ("agreement.rs", "references_more_than_two_percent_apart_are_beyond"),
            (HALTS, "disagreement_and_depeg_resume_after_a_calm_minute"),
        ],
    ),
    tested(
        "R26",
        "quote-currency guard",
        &[
            (PRICES, "prices_and_currencies_must_agree"),
            ("agreement.rs", "a_currency_outside_its_band_is_beyond"),
            (HALTS, "disagreement_and_depeg_resume_after_a_calm_minute"),
        ],
    ),
    tested(
        "R27",
        "leg exposure",
        &[
            (EXPOSURE, "unhedged_legs_deny_new_trades"),
            (REDUCING, "a_reducing_order_is_never_larger_than_the_exposure"),
            (APPROVED, "a_hedge_is_held_to_what_it_orders_itself"),
            ("exposure/tests.rs", "unhedged_legs_are_limited_in_size_and_age"),
        ],
    ),
    owed("R28", "unknown orders", OrderGateways),
    owed("R29", "reject burst", OrderGateways),
    tested(
        "R30",
        "failure rate",
        &[("failures.rs", "the_failure_rate_warns_above_a_tenth_and_halts_at_three")],
    ),
    tested(
        "R31",
        "realised versus predicted",
        &[("shortfall.rs", "a_mean_shortfall_above_half_over_twenty_trades_halts")],
    ),
    tested(
        "R32",
        "clock",
        &[
            (MACHINE, "the_clock_warns_halts_and_steps"),
            (MACHINE, "values_resume_after_the_time_of_their_kind"),
            (MACHINE, "a_sleep_counts_as_a_step"),
        ],
    ),
    tested(
        "R33",
        "core lag",
        &[
            (MACHINE, "values_beyond_their_limits_halt"),
            (MACHINE, "values_resume_after_the_time_of_their_kind"),
            (MACHINE, "the_fourth_halt_in_an_hour_waits_for_an_operator"),
        ],
    ),
    tested(
        "R34",
        "ring overflow",
        &[
            (MACHINE, "the_third_overflow_in_a_minute_halts_its_venue"),
            (MACHINE, "overflows_resume_when_they_have_stayed_away"),
        ],
    ),
    tested(
        "R35",
        "journal lag",
        &[
            (MACHINE, "values_beyond_their_limits_halt"),
            (MACHINE, "values_resume_after_the_time_of_their_kind"),
            (MACHINE, "the_fourth_halt_in_an_hour_waits_for_an_operator"),
        ],
    ),
    tested(
        "R36",
        "journal or disk error",
        &[
            (MACHINE, "values_beyond_their_limits_halt"),
            (MACHINE, "values_resume_after_the_time_of_their_kind"),
            (HALTS, "clear_needs_role_text_and_a_cause_that_is_gone"),
        ],
    ),
    owed("R37", "position or balance mismatch", OrderGateways),
    owed("R38", "foreign activity", OrderGateways),
    shared_with(
        "R39",
        "overfill, negative balance, fill worse than limit",
        &[(HALTS, "clear_needs_role_text_and_a_cause_that_is_gone")],
        OrderGateways,
    ),
    owed("R40", "network fee cap", OrderGateways),
    owed("R41", "simulate before send", OrderGateways),
    owed("R42", "limits change", AdminService),
    owed("R43", "build and config identity", Operations),
    owed("R44", "order attribution", OrderGateways),
    owed("R45", "independent fill feed", OrderGateways),
];

/// Names of the functions under `#[test]`, further attributes between them allowed.
fn tests_of(text: &str) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    let mut is_test = false;
    for line in text.lines().map(str::trim) {
        if line == "#[test]" {
            is_test = true;
        } else if !line.starts_with("#[") && !line.starts_with("//") {
            let name = line.strip_prefix("fn ").and_then(|rest| rest.split('(').next());
            if let Some(name) = name.filter(|_| is_test) {
                names.insert(name);
            }
            is_test = false;
        }
    }
    names
}

/// A file of the risk folder.
fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(RISK).join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{RISK}{file}: {error}"))
}

#[test]
fn each_control_is_tested_or_owed() {
    for (index, row) in MATRIX.iter().enumerate() {
        assert_eq!(row.id, format!("R{:02}", index + 1), "{} is out of order", row.control);
        let has_proof = !row.tests.is_empty() || row.owed_by.is_some();
        assert!(has_proof, "{} {} has neither test nor debtor", row.id, row.control);
        for (file, name) in row.tests {
            assert!(
                tests_of(&read(file)).contains(name),
                "{}: no test {name} in {RISK}{file}",
                row.id
            );
        }
    }
    assert_eq!(MATRIX.len(), 45);
}

/// What the core decides by itself must be tested, whoever owes the rest.
#[test]
fn each_check_and_halt_belongs_to_a_tested_control() {
    let checks = Check::ALL.iter().map(|check| (check.name(), check.control()));
    let halts = HaltReason::ALL.iter().map(|reason| (reason.name(), reason.control()));
    for (name, control) in checks.chain(halts) {
        let row = MATRIX.iter().find(|row| row.id == control);
        assert!(row.is_some_and(|row| !row.tests.is_empty()), "{name}: {control} has no test");
    }
    let tests = [CHECKS, ORDER, PRICES, EXPOSURE, REDUCING].map(read).concat();
    for check in Check::ALL {
        assert!(tests.contains(&format!("Check::{check:?}")), "no row on {}", check.name());
    }
}

#[test]
fn the_matrix_is_the_catalogue() {
    let Some(path) = shared("../reference/operations.md") else { return };
    let text = fs::read_to_string(path).expect("the catalogue of controls");
    let listed: Vec<(&str, &str)> = text.lines().filter_map(control_of).collect();
    let ours: Vec<(&str, &str)> = MATRIX.iter().map(|row| (row.id, row.control)).collect();
    assert_eq!(ours, listed);
}

/// Id and name of a row such as `| R07 | decision quote age | …`.
fn control_of(line: &str) -> Option<(&str, &str)> {
    let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
    let id = cells.next()?;
    let digits = id.strip_prefix('R')?;
    let is_id = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
    Some((id, cells.next().filter(|_| is_id)?))
}

#[test]
fn only_tests_count_as_tests() {
    let text =
        "#[test]\nfn a() {\n#[test]\n#[ignore]\nfn b() {\nfn c() {\n#[test]\nlet x;\nfn d() {";
    assert_eq!(tests_of(text), BTreeSet::from(["a", "b"]));
    assert_eq!(
        control_of("| R07 | decision quote age | 1 s |"),
        Some(("R07", "decision quote age"))
    );
    assert_eq!(control_of("| R7 | x |"), None);
    assert_eq!(control_of("R07 | x"), None);
}
