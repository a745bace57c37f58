//! Limits of trades: defaults, bounds, and every pair of limits that contradict each other.

use engine_model::Venue;

use super::*;

fn parse(sets: &[&str]) -> Result<Config, Vec<Problem>> {
    let sets: Vec<String> = sets.iter().map(|&set| set.to_owned()).collect();
    Config::parse_with("mine.toml", EXAMPLE, &sets)
}

/// The example without its tables of limits: what is left has only defaults.
fn bare() -> String {
    let start = EXAMPLE.find("# --- Risk").expect("the risk table");
    let end = EXAMPLE.find("# --- Captures").expect("the captures");
    format!("{}{}", &EXAMPLE[..start], &EXAMPLE[end..])
}

#[test]
fn the_example_shows_the_defaults() {
    let shown = Config::parse("observe.toml", EXAMPLE).expect("the example");
    let absent = Config::parse("bare.toml", &bare()).expect("without the tables");
    assert_eq!(absent.risk, Risk::default());
    let half = Decimal { mantissa: 5, places: 1 };
    let order_size_max =
        vec![(AssetId(1), Decimal { mantissa: 50, places: 0 }), (AssetId(2), half)];
    assert_eq!(shown.risk, Risk { order_size_max, ..Risk::default() });
    assert_eq!((shown.execution, absent.execution), Default::default());
    assert_eq!((shown.journal, absent.journal), Default::default());
}

/// The reviewed limits, each as the list of controls states it.
#[test]
fn defaults_are_the_reviewed_limits() {
    let usd = |usd: u64| usd * 1_000_000;
    let risk = Risk::default();
    assert_eq!((risk.stale_halt_ms, risk.stale_scope), (10_000, StaleScope::Global));
    assert_eq!((risk.decision_age_ms_max, risk.decision_age_slots_max), (1_000, 8));
    assert_eq!(risk.daily_loss_halt_usd_micros, usd(500));
    assert_eq!(risk.daily_loss_warn_usd_micros, usd(400));
    assert_eq!(risk.position_usd_micros_max, usd(1_000));
    assert_eq!((risk.losses_in_a_row_max, risk.losses_halt), (5, true));
    assert_eq!(risk.drawdown_usd_micros_max, usd(300));
    assert_eq!(risk.order_notional_usd_micros_max, usd(500));
    let collars = (risk.collar_reference_ppm, risk.collar_last_trade_ppm, risk.collar_drift_ppm);
    assert_eq!(collars, (5_000, 10_000, 10_000));
    assert_eq!(risk.messages_share_ppm, 800_000);
    assert_eq!((risk.trades_per_pair_per_minute, risk.trades_per_hour), (10, 100));
    assert_eq!(risk.duplicate_window_ms, 500);
    assert_eq!(risk.open_orders_per_venue_max, 4);
    assert_eq!((risk.trades_per_market_max, risk.trades_in_flight_max), (1, 2));
    assert_eq!((risk.metadata_age_s_max, risk.balance_buffer_ppm), (3_600, 20_000));
    assert_eq!((risk.edge_ppm_min, risk.edge_ppm_max), (1_000, 50_000));
    assert_eq!(risk.reference_difference_ppm_max, 20_000);
    assert_eq!((risk.quote_rate_ppm_min, risk.quote_rate_ppm_max), (995_000, 1_005_000));
    assert_eq!(risk.unhedged_usd_micros_max, usd(1_000));
    assert_eq!((risk.unhedged_age_ms_max, risk.unhedged_flat_ms_max), (5_000, 30_000));
    assert_eq!((risk.failure_warn_ppm, risk.failure_halt_ppm), (100_000, 300_000));
    assert_eq!((risk.failure_min_count, risk.failure_window_s), (10, 900));
    assert_eq!((risk.shortfall_ppm_max, risk.shortfall_trades), (500_000, 20));
    assert_eq!((risk.resume_size_ppm, risk.worst_case_loss_ppm), (100_000, 10_000));
    let rates = Venue::ALL.map(|venue| risk.messages_per_s.get(venue));
    assert_eq!(rates, [30, 5, 16, 4]);
    let machine = risk.machine;
    let clock = [machine.clock_warn_ms, machine.clock_halt_ms, machine.clock_step_ms_max];
    assert_eq!(clock, [100, 1_000, 500]);
    assert_eq!((machine.core_lag_ms_max, machine.core_step_ms_max), (50, 100));
    assert_eq!(machine.ring_overflows_halt, 3);
    assert_eq!((machine.journal_lag_ms_max, machine.journal_backlog_ppm_max), (1_000, 500_000));
    assert_eq!((machine.disk_free_ppm_min, machine.disk_free_mib_min), (50_000, 512));
    let execution = Execution::default();
    assert_eq!((execution.leg_order, execution.retrade), (LegOrder::DexFirst, false));
    assert_eq!((execution.landing_slots, execution.landing_timeout_slots), (2, 150));
    assert_eq!((execution.unwind_ppm, execution.unwind_hard_ppm), (5_000, 20_000));
    assert_eq!((execution.slippage_ppm, execution.hedge_timeout_ms), (500, 2_000));
    let journal = Journal::default();
    assert_eq!((journal.sync, journal.sync_interval_ms), (Sync::Interval, 5));
    assert_eq!((journal.market_days, journal.ledger_days), (30, 1_826));
    assert_eq!((journal.segment_mib, journal.anchor_daily), (64, true));
}

/// A key, the lowest and the highest value that are taken, the next ones that are not.
const BOUNDS: &[(&str, &str, &str, &str, &str)] = &[
    ("risk.stale_halt_ms", "100", "60000", "99", "60001"),
    ("risk.decision_age_ms_max", "1", "60000", "0", "60001"),
    ("risk.decision_age_slots_max", "0", "150", "-1", "151"),
    ("risk.daily_loss_halt_usd", "0.000001", "100000", "0", "100000.000001"),
    ("risk.daily_loss_warn_usd", "0.000001", "100000", "0", "100000.000001"),
    ("risk.position_usd_max", "0.000001", "1000000", "0", "1000000.000001"),
    ("risk.losses_in_a_row_max", "0", "100", "-1", "101"),
    ("risk.drawdown_usd_max", "0.000001", "100000", "0", "100000.000001"),
    ("risk.order_notional_usd_max", "0.000001", "1000000", "0", "1000000.000001"),
    ("risk.order_size_max.SOL", "0.000000001", "999999999999", "0", "1000000000000"),
    ("risk.collar_reference_bps", "1", "1000", "0.99", "1000.01"),
    ("risk.collar_last_trade_bps", "1", "1000", "0.99", "1000.01"),
    ("risk.collar_drift_bps", "1", "1000", "0.99", "1000.01"),
    ("risk.messages_per_s.gemini", "1", "10000", "0", "10001"),
    ("risk.messages_share_percent", "1", "90", "0.9999", "90.0001"),
    ("risk.trades_per_pair_per_minute", "1", "600", "0", "601"),
    ("risk.trades_per_hour", "1", "10000", "0", "10001"),
    ("risk.duplicate_window_ms", "1", "60000", "0", "60001"),
    ("risk.open_orders_per_venue_max", "1", "64", "0", "65"),
    ("risk.trades_per_market_max", "1", "8", "0", "9"),
    ("risk.trades_in_flight_max", "1", "8", "0", "9"),
    ("risk.metadata_age_max_s", "1", "86400", "0", "86401"),
    ("risk.balance_buffer_percent", "0", "50", "-1", "50.0001"),
    ("risk.edge_min_bps", "0", "1000", "-1", "1000.01"),
    ("risk.edge_max_bps", "1", "2000", "0.99", "2000.01"),
    ("risk.reference_difference_bps_max", "1", "1000", "0.99", "1000.01"),
    ("risk.quote_rate_min", "0.9", "1.1", "0.899999", "1.100001"),
    ("risk.quote_rate_max", "0.9", "1.1", "0.899999", "1.100001"),
    ("risk.unhedged_usd_max", "0.000001", "1000000", "0", "1000000.000001"),
    ("risk.unhedged_age_ms_max", "1", "60000", "0", "60001"),
    ("risk.unhedged_flat_ms_max", "1", "600000", "0", "600001"),
    ("risk.failure_warn_percent", "1", "100", "0.9999", "100.0001"),
    ("risk.failure_halt_percent", "1", "100", "0.9999", "100.0001"),
    ("risk.failure_min_count", "1", "1000", "0", "1001"),
    ("risk.failure_window_s", "1", "86400", "0", "86401"),
    ("risk.shortfall_percent_max", "1", "200", "0.9999", "200.0001"),
    ("risk.shortfall_trades", "1", "1000", "0", "1001"),
    ("risk.resume_size_percent", "1", "100", "0.9999", "100.0001"),
    ("risk.worst_case_loss_bps", "2", "2000", "1.99", "2000.01"),
    ("risk.clock_warn_ms", "1", "60000", "0", "60001"),
    ("risk.clock_halt_ms", "1", "60000", "0", "60001"),
    ("risk.clock_step_ms_max", "1", "60000", "0", "60001"),
    ("risk.core_lag_ms_max", "1", "60000", "0", "60001"),
    ("risk.core_step_ms_max", "1", "60000", "0", "60001"),
    ("risk.ring_overflows_halt", "1", "16", "0", "17"),
    ("risk.journal_lag_ms_max", "1", "60000", "0", "60001"),
    ("risk.journal_backlog_percent_max", "1", "90", "0.9999", "90.0001"),
    ("risk.disk_free_percent_min", "1", "50", "0.9999", "50.0001"),
    ("risk.disk_free_mib_min", "64", "1048576", "63", "1048577"),
    ("execution.latency_ms.solana", "0", "60000", "-1", "60001"),
    ("execution.landing_slots", "1", "150", "0", "151"),
    ("execution.landing_timeout_slots", "2", "150", "1", "151"),
    ("execution.seed", "0", "18446744073709551615", "-1", "18446744073709551616"),
    ("execution.slippage_bps", "0", "100", "-1", "100.01"),
    ("execution.unwind_bps", "1", "1000", "0.99", "1000.01"),
    ("execution.unwind_hard_bps", "2", "2000", "1.99", "2000.01"),
    ("execution.hedge_timeout_ms", "1", "60000", "0", "60001"),
    ("journal.segment_mib", "1", "1024", "0", "1025"),
    ("journal.market_days", "1", "3660", "0", "3661"),
    ("journal.ledger_days", "1", "36600", "0", "36601"),
    ("journal.sync_interval_ms", "1", "1000", "0", "1001"),
];

/// The keys that hold a number, or a table of numbers.
fn keys_of_numbers() -> Vec<String> {
    let words = ["stale_scope", "losses_halt", "leg_order", "retrade", "sync", "anchor_daily"];
    all_keys()
        .into_iter()
        .filter(|key| !words.iter().any(|it| key.ends_with(&format!(".{it}"))))
        .collect()
}

fn all_keys() -> Vec<String> {
    let tables = [("risk", risk::KEYS), ("execution", execution::KEYS), ("journal", journal::KEYS)];
    tables
        .into_iter()
        .flat_map(|(table, keys)| keys.iter().map(move |key| format!("{table}.{key}")))
        .collect()
}

#[test]
fn numbers_are_taken_up_to_their_bounds_and_no_further() {
    // At a bound a limit may contradict another one; it is in its range all the same.
    let of_range = |key: &str, value: &str| -> Vec<String> {
        let set = format!("{key}={value}");
        let found = problems(EXAMPLE, &[&set]);
        let says = found.into_iter().filter(|it| it.key == key).map(|it| it.says);
        says.filter(|it| !it.contains(" must ") && !it.contains("twice") && !it.contains("leave"))
            .collect()
    };
    for (key, low, high, below, above) in BOUNDS {
        for value in [low, high] {
            assert_eq!(of_range(key, value), [""; 0], "{key} = {value}");
        }
        for value in [below, above] {
            assert_eq!(of_range(key, value).len(), 1, "{key} = {value}");
        }
    }
    for key in keys_of_numbers() {
        let is_listed = BOUNDS.iter().any(|row| {
            row.0 == key || row.0.strip_prefix(key.as_str()).is_some_and(|it| it.starts_with('.'))
        });
        assert!(is_listed, "{key} has no row");
    }
}

#[test]
fn every_key_is_read_and_a_near_one_is_named() {
    for key in all_keys() {
        // No key takes a list.
        let found = problems(EXAMPLE, &[&format!("{key}=[1]")]);
        assert!(found.len() == 1 && found[0].says.contains("it is a list"), "{key}: {found:?}");
        let found = problems(EXAMPLE, &[&format!("{key}x=1")]);
        let name = key.split('.').next_back().expect("a name");
        assert_eq!(found.len(), 1, "{key}: {found:?}");
        assert!(found[0].says.contains(&format!("unknown key \"{name}x\" in [")), "{found:?}");
        assert_eq!(found[0].hint, format!("did you mean \"{name}\"?"));
    }
    for (set, says, hint) in [
        ("risk.stale_scope=pairs", "\"pairs\" is not known", "did you mean \"pair\"?"),
        ("risk.losses_halt=1", "it is a number", "true or false"),
        ("risk.order_size_max.SLO=1", "no asset \"SLO\"", "did you mean \"SOL\"?"),
        ("risk.messages_per_s.gemni=1", "no venue \"gemni\"", "did you mean \"gemini\"?"),
        ("risk.messages_per_s=7", "it is a number", "coinbase = 30"),
        ("risk.quote_rate_min=0.9999999", "more than 6 places", "parts per million"),
        ("execution.leg_order=dex", "\"dex\" is not known", "one of: dex_first, cex_first"),
        ("execution.retrade=no", "it is text", "true or false"),
        ("execution.latency_ms.kraken=1", "no venue \"kraken\"", "one of: coinbase, gemini"),
        ("execution.latency_ms.gemini=1.5", "1.5 is not whole", "0 to 60000"),
        ("journal.sync=allways", "\"allways\" is not known", "did you mean \"always\"?"),
        ("journal.anchor_daily=1", "it is a number", "true or false"),
        ("journal=1", "\"journal\" is a number, not a table", "[journal]"),
    ] {
        let found = problems(EXAMPLE, &[set]);
        assert_eq!(found.len(), 1, "{set}: {found:?}");
        assert!(found[0].says.contains(says), "{set}: {found:?}");
        assert!(found[0].hint.contains(hint), "{set}: {found:?}");
    }
}

#[test]
fn values_reach_their_fields() {
    let config = parse(&[
        "risk.order_notional_usd_max=600.25",
        "risk.stale_scope=pair",
        "risk.losses_halt=false",
        "risk.messages_per_s.solana=50",
        "risk.order_size_max.SOL=60",
        "execution.leg_order=simultaneous",
        "execution.retrade=true",
        "execution.latency_ms.bitstamp=7",
        "execution.seed=18446744073709551615",
        "journal.sync=none",
        "journal.anchor_daily=false",
    ])
    .expect("all of them fit");
    assert_eq!(config.risk.order_notional_usd_micros_max, 600_250_000);
    assert_eq!((config.risk.stale_scope, config.risk.losses_halt), (StaleScope::Pair, false));
    assert_eq!(config.risk.messages_per_s.numbers(), [30, 5, 16, 50]);
    assert_eq!(config.risk.order_size_max[0].1, Decimal { mantissa: 60, places: 0 });
    let execution = config.execution;
    assert_eq!((execution.leg_order, execution.retrade), (LegOrder::Simultaneous, true));
    assert_eq!(execution.latency_ms, PerVenue::new([60, 50, 7, 120]));
    assert_eq!(execution.seed, u64::MAX);
    assert_eq!((config.journal.sync, config.journal.anchor_daily), (Sync::None, false));
}

/// Two limits, values at which they just agree, and the left one by one unit too far.
const RULES: &[(&str, &str, &str, &str, &str)] = &[
    ("risk.daily_loss_warn_usd", "449.999999", "450", "risk.daily_loss_halt_usd", "450"),
    ("risk.order_notional_usd_max", "600", "600.000001", "risk.position_usd_max", "600"),
    ("risk.order_notional_usd_max", "700", "700.000001", "risk.unhedged_usd_max", "700"),
    ("caps.order_notional_usd", "300", "300.000001", "risk.order_notional_usd_max", "300"),
    ("caps.order_size.SOL", "40", "40.000000001", "risk.order_size_max.SOL", "40"),
    ("risk.edge_min_bps", "19.99", "20", "risk.edge_max_bps", "20"),
    ("signal.min_edge_bps", "20", "20.01", "risk.edge_max_bps", "20"),
    ("risk.quote_rate_min", "0.999999", "1", "risk.quote_rate_max", "1"),
    ("execution.slippage_bps", "20", "20.01", "risk.collar_reference_bps", "20"),
    ("execution.unwind_bps", "39.99", "40", "execution.unwind_hard_bps", "40"),
    ("risk.failure_warn_percent", "19.9999", "20", "risk.failure_halt_percent", "20"),
    ("risk.decision_age_ms_max", "5000", "5001", "risk.stale_halt_ms", "5000"),
    ("risk.clock_warn_ms", "1999", "2000", "risk.clock_halt_ms", "2000"),
    ("risk.unhedged_age_ms_max", "3999", "4000", "risk.unhedged_flat_ms_max", "4000"),
    ("execution.hedge_timeout_ms", "5999", "6000", "risk.unhedged_flat_ms_max", "6000"),
    ("risk.trades_per_pair_per_minute", "50", "51", "risk.trades_per_hour", "50"),
    ("risk.trades_per_market_max", "3", "4", "risk.trades_in_flight_max", "3"),
    ("execution.landing_slots", "9", "10", "execution.landing_timeout_slots", "10"),
    ("journal.market_days", "1826", "1827", "journal.ledger_days", "1826"),
];

/// Other limits that would stand in the way of a row.
const ROOM: &[&str] =
    &["caps.order_notional_usd=1", "risk.unhedged_usd_max=1000", "risk.position_usd_max=1000"];

#[test]
fn limits_that_contradict_each_other_are_refused_with_both_keys() {
    for (left, fits, too_far, right, value) in RULES {
        let right_set = format!("{right}={value}");
        let sets = |left_value: &str| {
            let mut sets = ROOM.to_vec();
            let left_set = format!("{left}={left_value}");
            sets.push(&left_set);
            sets.push(&right_set);
            problems(EXAMPLE, &sets)
        };
        assert_eq!(sets(fits), [], "{left} = {fits}");
        let found = sets(too_far);
        assert_eq!(found.len(), 1, "{left} = {too_far}: {found:#?}");
        let Problem { key, says, hint, .. } = &found[0];
        assert_eq!(key, right, "it is named where it was written last");
        for part in
            [format!("\"{left}\" = {too_far} (--set "), format!("\"{right}\" = {value} (--set ")]
        {
            assert!(says.contains(&part), "{part}: {says}");
        }
        assert!(hint.contains(left) && hint.contains(right), "{hint}");
    }
}

#[test]
fn a_contradiction_names_the_places_of_both_keys() {
    let text = EXAMPLE
        .replace("daily_loss_halt_usd = 500", "daily_loss_halt_usd = 350")
        .replace("unwind_bps = 50 ", "unwind_bps = 60 ");
    let found = problems(&text, &[]);
    let [first, second] = &found[..] else { panic!("{found:#?}") };
    let (halt, warn) = (line_of(&text, "daily_loss_halt_usd ="), line_of(&text, "daily_loss_warn"));
    let says = format!(
        "\"risk.daily_loss_warn_usd\" = 400 (mine.toml:{warn}) must be below \
         \"risk.daily_loss_halt_usd\" = 350 (mine.toml:{halt})"
    );
    assert_eq!(first.says, says);
    assert_eq!(first.to_string().split(": ").next(), Some(&*format!("mine.toml:{warn}")));
    let (worst, unwind) = (line_of(&text, "worst_case_loss"), line_of(&text, "unwind_bps = 60"));
    assert!(
        second.says.contains(&format!("\"risk.worst_case_loss_bps\" = 100 (mine.toml:{worst})"))
    );
    assert!(second.says.contains(&format!("\"execution.unwind_bps\" = 60 (mine.toml:{unwind})")));
    assert!(second.hint.contains("at least 120"), "{second}");
    // A default has no place.
    let found = problems(&bare(), &["risk.daily_loss_halt_usd=400"]);
    let says = "\"risk.daily_loss_warn_usd\" = 400 (the default) must be below \
                \"risk.daily_loss_halt_usd\" = 400 (--set risk.daily_loss_halt_usd=400)";
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].says, says);
    // What cannot be read contradicts nothing.
    let found = problems(EXAMPLE, &["risk.daily_loss_halt_usd=x", "risk.daily_loss_warn_usd=600"]);
    assert_eq!(found.len(), 1, "{found:#?}");
}

#[test]
fn further_contradictions_name_both_keys() {
    for (sets, both) in [
        (
            &["risk.quote_rate_min=0.98", "risk.quote_rate_max=0.99"][..],
            ["\"risk.quote_rate_min\" = 0.98", "\"risk.quote_rate_max\" = 0.99"],
        ),
        (
            &["risk.quote_rate_min=1.01", "risk.quote_rate_max=1.02"],
            ["\"risk.quote_rate_min\" = 1.01", "\"risk.quote_rate_max\" = 1.02"],
        ),
        (
            &["execution.unwind_bps=50.01"],
            ["\"execution.unwind_bps\" = 50.01", "\"risk.worst_case_loss_bps\" = 100"],
        ),
        (
            &["risk.messages_share_percent=24.9999"],
            ["\"risk.messages_share_percent\" = 24.9999", "\"risk.messages_per_s.solana\" = 4"],
        ),
        (
            &["markets.gemini:SOLUSD.stale_after_ms=10001"],
            [
                "\"markets.stale_after_ms\" = 10001 for \"gemini:SOLUSD\"",
                "\"risk.stale_halt_ms\" = 10000",
            ],
        ),
    ] {
        let found = problems(EXAMPLE, sets);
        assert_eq!(found.len(), 1, "{sets:?}: {found:#?}");
        for part in both {
            assert!(found[0].says.contains(part), "{sets:?}: {part} in {}", found[0].says);
        }
    }
    for sets in [
        &["risk.quote_rate_min=1"][..],
        &["risk.quote_rate_max=1"],
        &["execution.unwind_bps=50"],
        &["risk.messages_share_percent=25"],
        &["markets.gemini:SOLUSD.stale_after_ms=10000"],
        // It gives a rate and is part of no pair.
        &["markets.bitstamp:USDC-USD.stale_after_ms=60000"],
    ] {
        assert_eq!(problems(EXAMPLE, sets), [], "{sets:?}");
    }
}

#[test]
fn only_markets_of_a_pair_are_watched() {
    let second = "[[markets]]\nname = \"bitstamp:second\"\nvenue = \"bitstamp\"\n\
                  symbol = \"second\"\nbase = \"USDC\"\nquote = \"USD\"\nfee_tier = \"0\"\n\
                  taker_fee_bps = 40\n";
    let text = format!("{EXAMPLE}\n{second}");
    assert_eq!(problems(&text, &[]), [], "two books of one venue are no pair");
    let found = problems(&text, &["signal.same_venue_pairs=true"]);
    let both = "\"markets.stale_after_ms\" = 60000 for \"bitstamp:USDC-USD\"";
    assert!(found.len() == 1 && found[0].says.contains(both), "{found:#?}");
    let elsewhere = text.replace(
        "name = \"bitstamp:second\"\nvenue = \"bitstamp\"",
        "name = \"gemini:second\"\nvenue = \"gemini\"",
    );
    let found = problems(&elsewhere, &[]);
    assert!(found.len() == 1 && found[0].says.contains(both), "{found:#?}");
}
