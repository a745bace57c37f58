use super::*;
use crate::serve::Pick;

const EXAMPLE: &str = include_str!("../../../../config/example/emulate.toml");

#[test]
fn the_example_and_the_default_hold() {
    let example = EmulateConfig::parse(EXAMPLE).unwrap_or_else(|found| panic!("{found:#?}"));
    assert_eq!(example.venues.len(), VENUE_NAMES.len());
    assert!(!example.accounts.is_empty());
    assert_eq!(EmulateConfig::default().problems(), []);
    assert_eq!(EmulateConfig::parse("").map(|config| config.venues.len()), Ok(4));
}

#[test]
fn values_are_read_as_written() {
    let text = r#"
        seed = 9
        time_scale = 20
        [market]
        sol_usd = "80.5"
        [venues.gemini]
        tls_port = 0
        certificate = "expired"
        limits = { connections_per_s = 8 }
        [[accounts]]
        venue = "gemini"
        name = "demo"
        balances = { USD = 1000, SOL = "2.5" }
        [[faults]]
        at_ms = 500
        venue = "gemini"
        fault = { kind = "drop", pick = { contains = "depthUpdate" } }
    "#;
    let config = EmulateConfig::parse(text).unwrap_or_else(|found| panic!("{found:#?}"));
    assert_eq!((config.seed, config.time_scale), (9, 20));
    assert_eq!(config.market.sol_usd, Decimal::parse("80.5"));
    let venue = &config.venues["gemini"];
    assert_eq!((venue.port, venue.tls_port), (None, Some(0)));
    assert_eq!(venue.certificate, CertificateKind::Expired);
    assert_eq!(venue.limits.connections_per_s, 8);
    assert_eq!(config.accounts[0].balances["USD"], Decimal::parse("1000").expect("sound"));
    let pick = Pick { contains: "depthUpdate".to_owned(), ..Pick::default() };
    assert_eq!(config.faults[0].fault, Fault::Drop { pick });
}

#[test]
fn each_problem_names_its_key_and_a_remedy() {
    let base = "[venues.coinbase]\nport = 0\n[venues.gemini]\nport = 0\n";
    let cases = [
        ("time_scale = 0", "time_scale", "from 1 to 1000"),
        ("turn_us = 10", "turn_us", "from 100"),
        ("start_unix_s = 1786000000000", "start_unix_s", "to 4102444800"),
        ("host_names = [\"a b\"]", "host_names", "venue.test"),
        ("ca_file = \"\"", "ca_file", "leave the key out"),
        ("market.source = \"captures\"", "market.captures", "recording"),
        ("market.captures = [\"x\"]", "market.captures", "source = "),
        ("market.sol_usd = \"0.5\"", "market.sol_usd", "between 1 and"),
        ("market.usdc_usd = \"0.9999999\"", "market.usdc_usd", "six decimals"),
        ("chain.fork_permille = 501", "chain.fork_permille", "to 500"),
        (
            "random_faults = { count = 1, from_ms = 5, until_ms = 5, longest_ms = 1 }",
            "random_faults.from_ms",
            "before the end",
        ),
        (
            "control_port = 4444\nvenues.bitstamp.port = 4444",
            "venues.bitstamp.port",
            "its own port",
        ),
        ("venues.kraken.port = 0", "venues.kraken", "there are coinbase"),
        ("venues.bitstamp = {}", "venues.bitstamp.port", "port or tls_port"),
        (
            "venues.bitstamp = { port = 0, unsigned_events = \"x\" }",
            "venues.bitstamp.unsigned_events",
            "[venues.gemini]",
        ),
        ("venues.solana-2 = { port = 0, api_key = \"a b\" }", "venues.solana-2.api_key", "letters"),
        (
            "venues.solana = { port = 0, taker_fee_ppm = 1 }",
            "venues.solana.taker_fee_ppm",
            "leave it out",
        ),
        ("accounts = [{ venue = \"ftx\", name = \"a\" }]", "accounts[0].venue", "one of coinbase"),
        ("accounts = [{ venue = \"gemini\", name = \"a b\" }]", "accounts[0].name", "letters"),
        (
            "accounts = [{ venue = \"gemini\", name = \"a\", balances = { DOGE = 1 } }]",
            "accounts[0].balances.DOGE",
            "there are USD",
        ),
        (
            "accounts = [{ venue = \"solana\", name = \"a\", balances = { USD = 1 } }]",
            "accounts[0].balances.USD",
            "USDC",
        ),
        (
            "accounts = [{ venue = \"gemini\", name = \"a\", balances = { USD = \"0.000000001\" } }]",
            "accounts[0].balances.USD",
            "8 decimals",
        ),
        (
            "faults = [{ at_ms = 1, venue = \"solana\", fault = { kind = \"refuse\" } }]",
            "faults[0].venue",
            "one of coinbase, gemini",
        ),
        (
            "faults = [{ at_ms = 1, venue = \"gemini\", fault = { kind = \"mutate\", bytes = 0 } }]",
            "faults[0].fault",
            "within",
        ),
    ];
    for (line, key, remedy) in cases {
        let found = EmulateConfig::parse(&format!("{line}\n{base}")).expect_err(line);
        let problem = found.iter().find(|problem| problem.key == key);
        let problem = problem.unwrap_or_else(|| panic!("{line}: {found:#?}"));
        assert!(problem.hint.contains(remedy), "{line}: {problem:?}");
        assert!(problem.to_string().contains(key));
    }
    let both = EmulateConfig::parse("time_scale = 0\nturn_us = 1").expect_err("two problems");
    assert_eq!(both.len(), 2);
}

#[test]
fn what_cannot_be_read_is_told_with_its_line() {
    let cases = [
        ("seed = 1\nsede = 2\n", 2, "sede"),
        ("\n\nseed = \"x\"\n", 3, "invalid type"),
        ("[venues.coinbase]\nport = 70000\n", 2, "70000"),
        (
            "[[accounts]]\nvenue = \"gemini\"\nname = \"a\"\nbalances = { USD = 1.5 }\n",
            4,
            "decimal",
        ),
        ("seed = \n", 1, ""),
    ];
    for (text, line, part) in cases {
        let found = EmulateConfig::parse(text).expect_err(text);
        assert_eq!(found[0].line, Some(line), "{found:?}");
        assert!(found[0].says.contains(part), "{found:?}");
    }
    let large = "#".repeat(CONFIG_BYTES_MAX + 1);
    assert!(EmulateConfig::parse(&large).is_err());
}
