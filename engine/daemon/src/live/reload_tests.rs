//! What a reload takes and what it refuses, key by key.

use super::super::reload_rules::{RULES, is_defaulted};
use super::*;

fn running() -> Loaded {
    loaded(EXAMPLE, &[])
}

fn loaded(text: &str, sets: &[&str]) -> Loaded {
    let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
    Loaded::parse("file.toml", text, &sets).expect("it is right")
}

/// Key and verdict of each change that an override makes.
fn verdicts(sets: &[&str]) -> Vec<(String, Verdict)> {
    let found = changes(&running(), &loaded(EXAMPLE, sets));
    found.into_iter().map(|change| (change.key, change.verdict)).collect()
}

#[test]
fn the_same_configuration_changes_nothing() {
    assert_eq!(changes(&running(), &running()), []);
    for sets in [
        &["risk.position_usd_max=1000.0"][..],
        &["risk.quote_rate_min=0.9950"],
        &["risk.position_usd_max=1_000"],
        &["markets.gemini:SOLUSD.stale_after_ms=5000"],
    ] {
        assert_eq!(verdicts(sets), [], "{sets:?}");
    }
    // Comments, order of tables, and defaults that are written or left out.
    let moved = format!("# another file\n{EXAMPLE}\n# with an end");
    assert_eq!(changes(&running(), &loaded(&moved, &[])), []);
    let bare = EXAMPLE.replace("position_usd_max = 1000 ", "# ").replace("seed = 1 ", "# ");
    assert_ne!(bare, EXAMPLE);
    assert_eq!(changes(&running(), &loaded(&bare, &[])), []);
    assert_eq!(changes(&loaded(&bare, &[]), &running()), []);
}

#[test]
fn each_limit_goes_one_way_only() {
    use Verdict::{NeedsAdmin, NeedsRestart, Taken};
    // A key, the value in the example, a lower one, what becomes of it, a higher one, likewise.
    for (key, lower, on_lower, higher, on_higher) in [
        ("risk.position_usd_max", "999.999999", Taken, "1000.000001", NeedsAdmin),
        ("risk.daily_loss_warn_usd", "399", Taken, "401", NeedsAdmin),
        ("risk.drawdown_usd_max", "299", Taken, "301", NeedsAdmin),
        ("risk.order_size_max.SOL", "50", Taken, "50.000000001", NeedsAdmin),
        ("risk.messages_per_s.gemini", "4", Taken, "6", NeedsAdmin),
        ("risk.duplicate_window_ms", "499", NeedsAdmin, "501", Taken),
        ("risk.balance_buffer_percent", "1.9999", NeedsAdmin, "2.0001", Taken),
        ("risk.edge_min_bps", "9.99", NeedsAdmin, "10.01", Taken),
        ("risk.edge_max_bps", "499", Taken, "501", NeedsAdmin),
        ("risk.quote_rate_min", "0.9949", NeedsAdmin, "0.9951", Taken),
        ("risk.quote_rate_max", "1.0049", Taken, "1.0051", NeedsAdmin),
        ("risk.worst_case_loss_bps", "100", Taken, "101", Taken),
        ("risk.failure_window_s", "899", NeedsAdmin, "901", NeedsAdmin),
        ("risk.shortfall_trades", "19", NeedsAdmin, "21", NeedsAdmin),
        ("risk.disk_free_mib_min", "511", NeedsAdmin, "513", Taken),
        ("risk.core_lag_ms_max", "49", Taken, "51", NeedsAdmin),
        ("risk.ring_overflows_halt", "2", Taken, "4", NeedsAdmin),
        ("signal.min_edge_bps", "1.49", NeedsAdmin, "1.51", Taken),
        ("signal.inner_steps_max", "99", Taken, "101", Taken),
        ("caps.order_notional_usd", "499", Taken, "500", Taken),
        ("caps.order_size.BTC", "0.4", Taken, "0.5", Taken),
        ("caps.balances.coinbase.USD", "9999", NeedsRestart, "10001", NeedsRestart),
        ("costs.latency_buffer_bps", "0.9", Taken, "1.1", Taken),
        ("costs.tip_max_age_ms", "0", Taken, "1", Taken),
        ("costs.sol_price_max_age_ms", "9999", Taken, "10001", NeedsAdmin),
        ("markets.gemini:SOLUSD.taker_fee_bps", "39", Taken, "41", Taken),
        ("markets.gemini:SOLUSD.stale_after_ms", "4999", Taken, "5001", NeedsAdmin),
        ("rates.USDC-USD.max_age_ms", "59999", Taken, "60001", NeedsAdmin),
        ("equivalences.WSOL.cost_bps", "0", Taken, "0.2", Taken),
        ("execution.slippage_bps", "4", Taken, "6", NeedsAdmin),
        ("execution.latency_ms.gemini", "49", Taken, "51", Taken),
        ("journal.segment_mib", "63", NeedsRestart, "65", NeedsRestart),
        ("journal.market_days", "29", Taken, "31", Taken),
        ("venues.solana.hold_ms", "799", NeedsRestart, "801", NeedsRestart),
        ("runtime.ring_events", "131072", NeedsRestart, "140000", NeedsRestart),
    ] {
        for (value, verdict) in [(lower, on_lower), (higher, on_higher)] {
            let set = format!("{key}={value}");
            let found = verdicts(&[&set]);
            if found.is_empty() {
                // The value in force: nothing changes.
                assert_eq!(verdict, Taken, "{set}");
                continue;
            }
            assert_eq!(found, [(key.to_owned(), verdict)], "{set}");
        }
    }
}

#[test]
fn what_is_a_word_or_is_taken_away_has_its_rule_too() {
    use Verdict::{NeedsAdmin, NeedsRestart, Taken};
    for (set, verdict) in [
        ("risk.losses_halt=false", NeedsAdmin),
        ("risk.stale_scope=pair", NeedsRestart),
        ("execution.retrade=true", NeedsAdmin),
        ("execution.leg_order=simultaneous", Taken),
        ("signal.same_venue_pairs=true", NeedsRestart),
        ("journal.sync=always", NeedsRestart),
        ("journal.anchor_daily=false", Taken),
        ("markets.gemini:SOLUSD.symbol=SOLUSDX", NeedsRestart),
        ("venues.gemini.rest_url=https://127.0.0.1:1", NeedsRestart),
        ("runtime.journal_dir=elsewhere", NeedsRestart),
        ("assets.SOL.decimals=8", NeedsRestart),
    ] {
        let key = set.split('=').next().expect("a key");
        assert_eq!(verdicts(&[set]), [(key.to_owned(), verdict)], "{set}");
    }
    // A limit that is gone is none, one that is new is stricter.
    let without = EXAMPLE.replace("position_room = { SOL = \"100\" }", "#");
    assert_ne!(without, EXAMPLE);
    let gone = changes(&running(), &loaded(&without, &[]));
    assert_eq!((gone[0].key.as_str(), gone[0].verdict), ("caps.position_room.SOL", NeedsAdmin));
    assert_eq!(
        gone[0].to_string().split(" (").next(),
        Some("caps.position_room.SOL: 100 → not set")
    );
    let new = changes(&loaded(&without, &[]), &running());
    assert_eq!((new.len(), new[0].verdict), (1, Taken));
}

#[test]
fn another_order_or_number_of_markets_needs_a_restart() {
    let parts: Vec<&str> = EXAMPLE.split("[[markets]]").collect();
    let swapped = {
        let mut parts = parts.clone();
        parts.swap(2, 3);
        parts.join("[[markets]]")
    };
    let found = changes(&running(), &loaded(&swapped, &[]));
    let keys: Vec<&str> = found.iter().map(|change| change.key.as_str()).collect();
    assert_eq!(keys, ["markets"]);
    assert_eq!(found[0].verdict, Verdict::NeedsRestart);
    let more = format!(
        "{EXAMPLE}\n[[markets]]\nname = \"bitstamp:more\"\nvenue = \"bitstamp\"\n\
         symbol = \"btcusd\"\nbase = \"BTC\"\nquote = \"USD\"\nfee_tier = \"0\"\n\
         taker_fee_bps = 40\n"
    );
    let found = changes(&running(), &loaded(&more, &[]));
    assert!(found.iter().any(|change| change.key == "markets"));
    assert!(found.iter().all(|change| change.key.starts_with("markets")));
}

#[test]
fn one_key_that_cannot_change_refuses_all() {
    let text = EXAMPLE
        .replace("drawdown_usd_max = 300", "drawdown_usd_max = 250")
        .replace("position_usd_max = 1000", "position_usd_max = 2000");
    let refused = check(&running(), "file.toml", &text, &[]).map(|it| it.1);
    let Err(Refused::Changes(found)) = refused else { panic!("{refused:?}") };
    let shown: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(shown[0], "risk.drawdown_usd_max: 300 → 250");
    assert!(shown[1].starts_with("risk.position_usd_max: 1000 → 2000 (put it back"), "{shown:?}");
    // What is wrong with the file comes first.
    let refused = check(&running(), "file.toml", "[engine]\nmode = 1", &[]).map(|it| it.1);
    assert!(matches!(refused, Err(Refused::Problems(ref list)) if !list.is_empty()));
    let text = EXAMPLE.replace("drawdown_usd_max = 300", "drawdown_usd_max = 250");
    let (new, found) = check(&running(), "file.toml", &text, &[]).expect("it is stricter");
    assert_eq!((found.len(), new.text), (1, text));
}

#[test]
fn every_key_that_the_example_shows_has_a_row_and_every_row_a_key() {
    let keys = written("the example", EXAMPLE, &[]).expect("it is right");
    for key in keys.keys().filter(|key| is_defaulted(key)) {
        let table = key.split('.').next().expect("a table");
        let is_listed =
            RULES.iter().any(|(pattern, rule)| pattern.starts_with(table) && *rule == rule_of(key));
        assert!(is_listed, "{key} has no row");
    }
    // Each limit by itself: a key of [risk] that no row names would need a restart.
    for key in keys.keys().filter(|key| key.starts_with("risk.")) {
        let expected_restart = key == "risk.stale_scope";
        assert_eq!(rule_of(key) == Rule::Restart, expected_restart, "{key}");
    }
    for (pattern, _) in RULES.iter().filter(|(pattern, _)| pattern.starts_with("risk.")) {
        let name = pattern.trim_end_matches(".*");
        assert!(keys.keys().any(|key| key.starts_with(name)), "{pattern} is no key");
    }
}

#[test]
fn decimals_are_compared_as_numbers() {
    for (text, value) in [
        ("1", Some(1_000_000_000_000_000_000)),
        ("0.5", Some(500_000_000_000_000_000)),
        ("-0.50", Some(-500_000_000_000_000_000)),
        ("0.000000000000000001", Some(1)),
        ("0.0000000000000000001", None),
        ("", None),
        (".5", None),
        ("x", None),
        ("999999999999999999999999999999999999999", None),
    ] {
        assert_eq!(scaled(text), value, "{text}");
    }
}

#[test]
fn the_next_run_has_the_markets_of_the_running_one() {
    let running = running();
    let (tables, names) = from_config(&running.config, &[]);
    let begin = Begin {
        build: String::new(),
        part: "riptide".to_owned(),
        mode: "observe".to_owned(),
        config_name: String::new(),
        config_text: String::new(),
        config_sets: Vec::new(),
        inputs: Vec::new(),
        tables,
        settings: settings_from(&running.config),
        names,
        clock: (7, 7),
        from_anchor: None,
    };
    let new =
        loaded(EXAMPLE, &["risk.drawdown_usd_max=1", "markets.gemini:SOLUSD.taker_fee_bps=7"]);
    let next = next_begin(&new, &begin);
    assert!(next.tables.has_markets_of(&begin.tables));
    assert_ne!((&next.tables, &next.settings), (&begin.tables, &begin.settings));
    assert_eq!((next.part, next.names), (begin.part, begin.names));
    assert_eq!((next.config_text.as_str(), next.config_sets.len()), (EXAMPLE, 2));
}
