//! A row for every kind of problem, several problems at once, and garbage.

use engine_model::Venue;
use engine_model::grid::Step;

use super::*;

mod limits;

/// The example with one text replaced by another; the text must occur.
fn changed(from: &str, to: &str) -> String {
    assert!(EXAMPLE.contains(from), "the example has no {from:?}");
    EXAMPLE.replacen(from, to, 1)
}

fn problems(text: &str, sets: &[&str]) -> Vec<Problem> {
    let sets: Vec<String> = sets.iter().map(|&set| set.to_owned()).collect();
    Config::parse_with("mine.toml", text, &sets).err().unwrap_or_default()
}

fn line_of(text: &str, part: &str) -> u32 {
    let offset = text.find(part).unwrap_or_else(|| panic!("no {part:?}"));
    u32::try_from(text[..offset].matches('\n').count()).expect("few lines") + 1
}

#[test]
fn the_example_is_complete_and_passes() {
    let config = Config::parse("observe.toml", EXAMPLE).expect("the example");
    assert_eq!(config.numeraire, AssetId(0));
    let names: Vec<&str> = config.assets.iter().map(|asset| asset.name.as_str()).collect();
    assert_eq!(names, ["USD", "SOL", "BTC", "USDC", "WSOL"], "ids are in file order");
    assert_eq!(config.asset("USDC"), Some(AssetId(3)));
    assert_eq!(config.canonical(AssetId(4)), (AssetId(1), 10), "0.1 bps are 10 ppm");
    assert_eq!(config.canonical(AssetId(1)), (AssetId(1), 0));
    let first = &config.markets[0];
    assert_eq!((first.name.as_str(), first.venue), ("coinbase:SOL-USD", Venue::Coinbase));
    let Place::File { line, .. } = &first.place else { panic!("{:?}", first.place) };
    assert_eq!(*line, line_of(EXAMPLE, "[[markets]]"));
    let MarketKind::Book(book) = &first.kind else { panic!("a book") };
    assert_eq!(book.tick, Some(Step { step: 1, places: 2 }));
    assert_eq!(book.lot, Some(Step { step: 1, places: 8 }));
    assert_eq!(book.taker_fee_ppm, 9_000);
    assert_eq!(book.settles_also_in, [AssetId(3)]);
    let pool = config.market("orca:SOL-USDC").expect("the pool");
    let MarketKind::Pool(pool) = &config.markets[pool.index()].kind else { panic!("a pool") };
    assert_eq!(
        bs58::encode(pool.pool).into_string(),
        "HJPjoWUrhoZzkNfRpHuieeFk9WcZWjwy6PBjZ81ngndJ"
    );
    assert_eq!(config.rate(AssetId(3), AssetId(0)).expect("USDC/USD").max_age_ms, 60_000);
    assert_eq!(config.caps.order_notional_usd_micros, 500_000_000);
    assert_eq!(config.caps.order_size[1], (AssetId(2), Decimal { mantissa: 5, places: 1 }));
    assert_eq!(config.signal.min_edge_ppm, 150);
    // The example shows every default as it is, where there is one.
    let costs = Costs { sol_price_market: Some(MarketId(0)), ..Costs::default() };
    assert_eq!(config.costs, costs);
}

#[test]
fn the_example_shows_every_key() {
    let keys = [
        "mode",
        "numeraire",
        "kind",
        "decimals",
        "mint",
        "allow",
        "asset",
        "same_as",
        "cost_bps",
        "name",
        "venue",
        "symbol",
        "base",
        "quote",
        "tick",
        "lot",
        "fee_tier",
        "taker_fee_bps",
        "settles_also_in",
        "stale_after_ms",
        "min_order_size",
        "min_order_notional",
        "program",
        "stale_after_slots",
        "from",
        "to",
        "market",
        "max_age_ms",
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
        "order_notional_usd",
        "order_size",
        "position_room",
        "min_edge_bps",
        "same_venue_pairs",
        "near_misses_kept",
        "inner_steps_max",
        "part",
        "file",
        "shift",
    ];
    let limits = [
        risk::KEYS,
        execution::KEYS,
        journal::KEYS,
        venues::GEMINI_KEYS,
        venues::BITSTAMP_KEYS,
        venues::SOLANA_KEYS,
        runtime::KEYS,
    ]
    .concat();
    for key in keys.into_iter().chain(limits) {
        let is_shown = EXAMPLE
            .lines()
            .any(|line| line.trim_start_matches("# ").starts_with(&format!("{key} = ")));
        assert!(is_shown, "{key} is not in the example");
    }
    // The example shows every default as it is, where there is one.
    let config = Config::parse("observe.toml", EXAMPLE).expect("the example");
    assert_eq!(config.venues, Venues::default());
    assert_eq!(config.runtime, Runtime::default());
    for power in MintPower::NAMES {
        assert!(EXAMPLE.contains(power.0), "{} is not in the example", power.0);
    }
}

/// Replaced text, its replacement, and what must be said (with a part of the hint).
const ROWS: &[(&str, &str, &str, &str)] = &[
    (
        "min_edge_bps = 1.5",
        "min_edge_bp = 1.5",
        "unknown key \"min_edge_bp\" in [signal]",
        "did you mean \"min_edge_bps\"?",
    ),
    (
        "[signal]\n",
        "[signals]\n",
        "unknown key \"signals\" in the file",
        "did you mean \"signal\"?",
    ),
    (
        "kind = \"fiat\"",
        "kind = \"fiat\"\nzzzzzzzz = 1",
        "unknown key \"zzzzzzzz\" in [assets.USD]",
        "one of: kind, decimals",
    ),
    ("min_edge_bps = 1.5", "api_key = \"hunter2\"", "looks like a secret", "_credential"),
    (
        "min_edge_bps = 1.5",
        "min_edge_bps = 1.555",
        "1.555 bps has more than 2 places",
        "parts per million",
    ),
    ("min_edge_bps = 1.5", "min_edge_bps = 20000", "20000 bps is out of range", "write 0 to 10000"),
    ("min_edge_bps = 1.5", "min_edge_bps = -1", "-1 is negative", "zero or more"),
    ("min_edge_bps = 1.5", "min_edge_bps = 1e3", "\"1e3\" is not a plain decimal", "no exponent"),
    ("min_edge_bps = 1.5", "min_edge_bps = inf", "\"inf\" is not a plain decimal", "no exponent"),
    (
        "min_edge_bps = 1.5",
        "min_edge_bps = 0x10",
        "it is a number that is not in base ten",
        "plain number",
    ),
    ("min_edge_bps = 1.5", "min_edge_bps = true", "it is true or false", "plain number"),
    ("min_edge_bps = 1.5", "min_edge_bps = 2026-01-01", "it is a date", "plain number"),
    ("same_venue_pairs = false", "same_venue_pairs = \"no\"", "it is text", "true or false"),
    ("near_misses_kept = 10", "near_misses_kept = 1001", "1001 is out of range", "from 0 to 1000"),
    ("near_misses_kept = 10", "near_misses_kept = 1.5", "1.5 is not whole", "from 0 to 1000"),
    (
        "inner_steps_max = 100",
        "inner_steps_max = 10001",
        "10001 is out of range",
        "from 1 to 10000",
    ),
    ("inner_steps_max = 100", "inner_steps_max = 0", "0 is out of range", "from 1 to"),
    (
        "inner_steps_max = 100",
        "inner_steps_max = 99999999999999999999",
        "too many digits",
        "at most",
    ),
    ("mode = \"observe\"", "mode = \"live\"", "only observes", "observe"),
    ("mode = \"observe\"", "mode = \"paper\"", "only observes", "observe"),
    ("mode = \"observe\"", "mode = \"demo\"", "not a mode", "observe"),
    ("mode = \"observe\"        #", "#", "missing key \"mode\" in [engine]", "observe.toml"),
    ("numeraire = \"USD\"", "numeraire = \"SOL\"", "the numeraire is \"SOL\"", "USD"),
    (
        "numeraire = \"USD\"",
        "numeraire = \"UDS\"",
        "no asset \"UDS\" is declared",
        "did you mean \"USD\"?",
    ),
    ("kind = \"fiat\"", "kind = \"fait\"", "\"fait\" is not known", "did you mean \"fiat\"?"),
    (
        "kind = \"fiat\"",
        "kind = \"fiat\"\nmint = \"x\"",
        "\"mint\" has no meaning in [assets.USD]",
        "remove it",
    ),
    ("[assets.BTC]", "[assets.\"B.T\"]", "\"B.T\" is no name of an asset", "letters"),
    (
        "decimals = 9\n\n[assets.BTC]",
        "decimals = 19\n\n[assets.BTC]",
        "19 is out of range",
        "0 to 18",
    ),
    (
        "[assets.WSOL]\nkind = \"token\"\nmint = \"So1",
        "[assets.WSOL]\nkind = \"token\"\nmint = \"So0",
        "no address of 32 bytes",
        "explorer",
    ),
    (
        "mint = \"So11111111111111111111111111111111111111112\"",
        "mint = \"EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v\"",
        "have the same mint",
        "one asset",
    ),
    (
        "allow = [\"freeze_authority\"]",
        "allow = [\"freze_authority\"]",
        "\"freze_authority\" is not known",
        "did you mean \"freeze_authority\"?",
    ),
    (
        "allow = [\"freeze_authority\"]",
        "allow = [\"pausable\", \"pausable\"]",
        "the same entry twice",
        "remove one",
    ),
    ("allow = [\"freeze_authority\"]", "allow = \"pausable\"", "it is text", "a list"),
    (
        "allow = [\"freeze_authority\"]",
        "allow = [\"transfer_fee\"]",
        "\"transfer_fee\" cannot be allowed",
        "remove it, and the markets",
    ),
    ("same_as = \"SOL\"", "same_as = \"WSOL\"", "the same as itself", "once"),
    (
        "[[markets]]\n",
        "[[equivalences]]\nasset = \"WSOL\"\nsame_as = \"BTC\"\ncost_bps = 1\n[[markets]]\n",
        "\"WSOL\" is declared twice",
        "once",
    ),
    (
        "[[markets]]\n",
        "[[equivalences]]\nasset = \"SOL\"\nsame_as = \"BTC\"\ncost_bps = 1\n[[markets]]\n",
        "chain of equivalences",
        "once",
    ),
    ("cost_bps = 0.1", "# none", "missing key \"cost_bps\" in [[equivalences]]", "add it"),
    (
        "venue = \"gemini\"",
        "venue = \"gemni\"",
        "\"gemni\" is not known",
        "did you mean \"gemini\"?",
    ),
    ("name = \"gemini:SOLUSD\"", "name = \"gemini SOLUSD\"", "is no name", "letters"),
    (
        "name = \"gemini:SOLUSD\"",
        "name = \"coinbase:SOL-USD\"",
        "two markets have the name",
        "its own name",
    ),
    ("symbol = \"SOLUSD\"\nbase", "symbol = \"\"\nbase", "is empty, too long", "1 to 64"),
    (
        "symbol = \"BTC-USD\"",
        "symbol = \"SOL-USD\"",
        "are the same symbol \"SOL-USD\" of coinbase",
        "settles_also_in",
    ),
    (
        "symbol = \"BTC-USD\"",
        "symbol = \"BTC-USDC\"",
        "\"BTC-USDC\" of coinbase is no book of its own, but that of \"BTC-USD\"",
        "declare \"BTC-USD\" and write settles_also_in = [\"USDC\"]",
    ),
    ("base = \"BTC\"", "base = \"USD\"", "are the same asset", "base is what is traded"),
    ("base = \"BTC\"", "base = \"BTX\"", "no asset \"BTX\"", "did you mean \"BTC\"?"),
    ("tick = \"0.01\" ", "tick = 0 ", "zero is no amount here", "more than zero"),
    ("tick = \"0.01\" ", "tick = 1e-2 ", "not a plain decimal", "0.00001"),
    ("taker_fee_bps = 90 ", "taker_fee_bps = 1001 ", "out of range", "0 to 1000"),
    ("fee_tier = \"Intro (US)\"  ", "# ", "missing key \"fee_tier\"", "add it"),
    (
        "settles_also_in = [\"USDC\"] ",
        "settles_also_in = [\"USDT\"] ",
        "no asset \"USDT\"",
        "did you mean \"USD",
    ),
    (
        "settles_also_in = [\"USDC\"] ",
        "settles_also_in = [\"USD\"] ",
        "already base or quote",
        "remove it",
    ),
    ("stale_after_ms = 5000 ", "stale_after_ms = 0 ", "0 is out of range", "from 1 to"),
    (
        "min_order_size = \"0.01\"",
        "min_order_size = \"0.0000000001\"",
        "more than 9 places",
        "decimals",
    ),
    (
        "stale_after_slots = 8 ",
        "stale_after_ms = 8 ",
        "\"stale_after_ms\" has no meaning",
        "remove it",
    ),
    (
        "fee_tier = \"0\"",
        "fee_tier = \"0\"\nprogram = \"x\"",
        "\"program\" has no meaning",
        "remove it",
    ),
    ("base = \"WSOL\"", "base = \"SOL\" ", "\"SOL\" of a pool is no token", "its mint"),
    (
        "program = \"whirLbMiicVdio4qvUfM5KAg6Ct8VwpYzGff3uctyCc\"",
        "program = \"So11111111111111111111111111111111111111112\"",
        "no pool program",
        "one of: whirL",
    ),
    (
        "symbol = \"HJPjoWUrhoZzkNfRpHuieeFk9WcZWjwy6PBjZ81ngndJ\"",
        "symbol = \"HJPj\"",
        "no address of 32 bytes",
        "explorer",
    ),
    (
        "market = \"bitstamp:USDC-USD\"",
        "market = \"bitstamp:SOL-USD\" ",
        "trades SOL in USD, not USDC in USD",
        "whose base is",
    ),
    (
        "market = \"bitstamp:USDC-USD\"",
        "market = \"bitstamp:USDC\" ",
        "no market \"bitstamp:USDC\"",
        "did you mean \"bitstamp:USDC-USD\"?",
    ),
    (
        "[[rates]]\nfrom = \"USDC\"\nto = \"USD\"\nmarket = \"bitstamp:USDC-USD\"    # a book whose base is `from` and whose quote is `to`\nmax_age_ms = 60000 ",
        "#",
        "there is no rate from USDC to USD",
        "add [[rates]]",
    ),
    (
        "sol_price_market = \"coinbase:SOL-USD\"",
        "#",
        "\"sol_price_market\" in [costs] is missing",
        "paid in SOL",
    ),
    (
        "sol_price_market = \"coinbase:SOL-USD\"",
        "sol_price_market = \"coinbase:BTC-USD\"",
        "is BTC, not SOL",
        "whose base is SOL",
    ),
    (
        "sol_price_market = \"coinbase:SOL-USD\"",
        "sol_price_market = \"orca:SOL-USDC\"",
        "is a pool",
        "order book",
    ),
    (
        "landing_failure_percent = 5 ",
        "landing_failure_percent = 101 ",
        "101 percent is out of range",
        "0 to 100",
    ),
    (
        "latency_buffer_bps = 1 ",
        "latency_buffer_bps = 9999.8 ",
        "\"latency_buffer_bps\" and \"broken_leg_percent\" of \"broken_leg_cost_bps\" in [costs]",
        "below 100 %",
    ),
    (
        "latency_buffer_bps = 1 ",
        "latency_buffer_bps = 10000 ",
        "together take the whole notional",
        "below 100 %",
    ),
    (
        "broken_leg_percent = 1          # probability that the second leg is missed\nbroken_leg_cost_bps = 20 ",
        "broken_leg_percent = 100\nbroken_leg_cost_bps = 9999 ",
        "together take the whole notional",
        "below 100 %",
    ),
    (
        "compute_unit_limit = 200000 ",
        "compute_unit_limit = 1400001 ",
        "out of range",
        "1 to 1400000",
    ),
    ("order_notional_usd = 500 ", "#", "missing key \"order_notional_usd\" in [caps]", "add it"),
    (
        "order_notional_usd = 500 ",
        "order_notional_usd = 0.0000001 ",
        "more than 6 places",
        "decimals",
    ),
    (
        "order_notional_usd = 500 ",
        "order_notional_usd = 1000000001 ",
        "out of range",
        "write up to",
    ),
    (
        "order_size = { SOL = \"50\"",
        "order_size = { SLO = \"50\"",
        "in caps.order_size: no asset \"SLO\"",
        "did you mean \"SOL\"?",
    ),
    (
        "order_size = { SOL = \"50\"",
        "order_size = { SOL = 0",
        "zero is no amount",
        "more than zero",
    ),
    ("position_room = { SOL = \"100\" }", "position_room = 100", "it is a number", "{ SOL"),
    ("coinbase = { USD", "coinbas = { USD", "no venue \"coinbas\"", "did you mean \"coinbase\"?"),
    (
        "[caps.balances] ",
        "[caps.ballances] ",
        "unknown key \"ballances\" in [caps]",
        "did you mean \"balances\"?",
    ),
    (
        "[signal]\n",
        "[[captures]]\npart = \"a\"\nfile = \"../x\"\nvenue = \"gemini\"\n[signal]\n",
        "leaves the directory",
        "plain path",
    ),
    (
        "[signal]\n",
        "[[captures]]\npart = \"a\"\nfile = \"x\"\nvenue = \"gemini\"\nshift = \"1e3\"\n[signal]\n",
        "not a number of seconds",
        "at most 9 places",
    ),
    (
        "[signal]\n",
        "[[captures]]\npart = \"a\"\nfile = \"x\"\nvenue = \"gemini\"\nshift = \"--1\"\n[signal]\n",
        "not a number of seconds",
        "at most 9 places",
    ),
    ("[signal]\n", "[signal]\n[signal]\n", "not TOML", "toml.io"),
    ("min_edge_bps = 1.5", "min_edge_bps = 1.5\nmin_edge_bps = 2", "not TOML", "toml.io"),
    ("min_edge_bps = 1.5", "min_edge_bps = ", "not TOML", "toml.io"),
];

#[test]
fn every_kind_of_problem_is_named_at_its_line() {
    for (from, to, says, hint) in ROWS {
        let text = changed(from, to);
        let found = problems(&text, &[]);
        let hit = found.iter().find(|it| it.says.contains(says));
        let hit = hit.unwrap_or_else(|| panic!("{to:?}: wanted {says:?}, got {found:#?}"));
        assert!(hit.hint.contains(hint), "{to:?}: wanted {hint:?}, got {:?}", hit.hint);
        let Place::File { name, line, column } = &hit.place else { panic!("{hit:?}") };
        assert_eq!(name, "mine.toml");
        assert!(*line >= 1 && *column >= 1, "{hit:?}");
    }
}

#[test]
fn values_at_their_bounds_are_taken() {
    for (from, to) in [
        ("inner_steps_max = 100", "inner_steps_max = 10000"),
        // 20 bps of broken legs in a hundred are 0.2 bps of the notional.
        ("latency_buffer_bps = 1 ", "latency_buffer_bps = 9999.79 "),
        ("taker_fee_bps = 90 ", "taker_fee_bps = 1000 "),
        ("symbol = \"BTC-USD\"", "symbol = \"USDT-USDC\""),
        ("symbol = \"BTC-USD\"", "symbol = \"EURC-USDC\""),
        ("symbol = \"solusd\"", "symbol = \"SOL-USDC\""),
    ] {
        assert_eq!(problems(&changed(from, to), &[]), [], "{to}");
    }
}

#[test]
fn the_line_is_that_of_the_key() {
    for (from, to, marker) in [
        ("min_edge_bps = 1.5", "min_edge_bp = 1.5", "min_edge_bp = 1.5"),
        ("numeraire = \"USD\"", "numeraire = \"UDS\"", "numeraire = \"UDS\""),
        ("fee_tier = \"Intro (US)\"  ", "# no tier", "[[markets]]"),
        ("order_size = { SOL = \"50\"", "order_size = { SLO = \"50\"", "order_size = { SLO"),
        ("min_edge_bps = 1.5", "min_edge_bps = ", "min_edge_bps = "),
    ] {
        let text = changed(from, to);
        let found = problems(&text, &[]);
        let Some(Problem { place: Place::File { line, .. }, .. }) = found.first() else {
            panic!("{to}: {found:?}")
        };
        assert_eq!(*line, line_of(&text, marker), "{to}");
    }
}

#[test]
fn a_problem_reads_as_documented() {
    let text = changed("min_edge_bps = 1.5", "min_edge_bp = 1.5");
    let line = line_of(&text, "min_edge_bp =");
    let want = format!(
        "mine.toml:{line}: unknown key \"min_edge_bp\" in [signal]\n\
         hint: did you mean \"min_edge_bps\"?"
    );
    let found = problems(&text, &[]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].to_string(), want);
    assert_eq!(found[0].key, "signal.min_edge_bp");
}

#[test]
fn all_problems_come_at_once_and_in_order() {
    let text = changed("mode = \"observe\"", "mode = \"live\"")
        .replace("venue = \"gemini\"", "venue = \"gemni\"")
        .replace("min_edge_bps = 1.5", "min_edge_bp = 1.5")
        .replace("near_misses_kept = 10", "near_misses_kept = -3")
        .replace("landing_failure_percent = 5", "landing_failure_percent = 1.23456");
    let found = problems(&text, &["signal.inner_steps_max=0"]);
    let says: Vec<&str> = found.iter().map(|it| it.says.as_str()).collect();
    assert_eq!(says.len(), 6, "{says:#?}");
    for (index, part) in ["only observes", "gemni", "1.23456", "min_edge_bp", "-3", "out of range"]
        .iter()
        .enumerate()
    {
        assert!(says[index].contains(part), "{index}: {part} in {says:#?}");
    }
}

#[test]
fn several_syntax_errors_come_at_once() {
    let text = "[engine]\nmode = \nnumeraire = \"USD\"\n[signal]\nmin_edge_bps = = 1\n";
    let found = problems(text, &[]);
    assert!(found.len() >= 2, "{found:?}");
    assert!(found.iter().all(|it| it.says.starts_with("not TOML")), "{found:?}");
}

#[test]
fn nothing_at_all_names_what_is_missing() {
    let says: Vec<String> = problems("", &[]).into_iter().map(|it| it.says).collect();
    for table in ["[assets]", "[engine]", "[[markets]]", "[caps]"] {
        assert!(says.iter().any(|it| it.contains(table)), "{table}: {says:?}");
    }
}

#[test]
fn secrets_are_refused_and_never_repeated() {
    for key in ["secret", "api_key", "apiKey", "password", "private_key", "token", "bot_token"] {
        let text = changed("min_edge_bps = 1.5", &format!("{key} = \"hunter2\""));
        let found = problems(&text, &[]);
        assert!(found[0].says.contains("looks like a secret"), "{key}: {found:?}");
        let set = format!("signal.{key}=hunter2");
        let all = found.into_iter().chain(problems(EXAMPLE, &[&set]));
        for problem in all {
            assert!(!problem.to_string().contains("hunter2"), "{problem}");
        }
    }
}

#[test]
fn overrides_are_applied_before_the_checks() {
    let parse = |sets: &[&str]| {
        let sets: Vec<String> = sets.iter().map(|&set| set.to_owned()).collect();
        Config::parse_with("mine.toml", EXAMPLE, &sets)
    };
    let fee = |config: &Config, index: usize| match &config.markets[index].kind {
        MarketKind::Book(book) => book.taker_fee_ppm,
        MarketKind::Pool(_) => panic!("a book"),
    };
    let config = parse(&["markets.coinbase:SOL-USD.taker_fee_bps=12.34"]).expect("by name");
    assert_eq!((fee(&config, 0), fee(&config, 1)), (1_234, 4_000));
    let config = parse(&["markets.1.taker_fee_bps=5"]).expect("by index");
    assert_eq!(fee(&config, 1), 500);
    let config = parse(&["signal.min_edge_bps=4", "signal.min_edge_bps=\"6.5\""]).expect("twice");
    assert_eq!(config.signal.min_edge_ppm, 650, "the last one wins");
    let config = parse(&["rates.USDC-USD.max_age_ms=5"]).expect("a rate");
    assert_eq!(config.rates[0].max_age_ms, 5);
    let config = parse(&["equivalences.WSOL.cost_bps=0"]).expect("an equivalence");
    assert_eq!(config.equivalences[0].cost_ppm, 0);
    let config = parse(&["caps.order_size.SOL=1.5"]).expect("inside an inline table");
    assert_eq!(config.caps.order_size[0].1, Decimal { mantissa: 15, places: 1 });
    let config = parse(&["caps.order_size={ BTC = 0.1 }"]).expect("a whole table");
    assert_eq!(config.caps.order_size, [(AssetId(2), Decimal { mantissa: 1, places: 1 })]);
    let config = parse(&["markets.\"coinbase:SOL-USD\".fee_tier=Advanced 1"]).expect("bare text");
    assert!(matches!(&config.markets[0].kind, MarketKind::Book(it) if it.fee_tier == "Advanced 1"));
}

#[test]
fn problems_of_overrides_name_the_override() {
    for (set, says, hint) in [
        ("signal.min_edge_bp=4", "unknown key \"min_edge_bp\" in [signal]", "did you mean"),
        ("signal.min_edge_bps=x", "\"x\" is not a plain decimal", "digits"),
        ("signal.min_edge_bps", "an override without \"=\"", "KEY=VALUE"),
        ("=4", "an empty name", "dots"),
        ("signal..x=4", "an empty name", "dots"),
        ("signal.\"x=4", "a quote that is not closed", "dots"),
        ("a.b.c.d.e.f.g.h.i=1", "more than 8 names", "dots"),
        (
            "markets.coinbase:SOL-US.taker_fee_bps=1",
            "no \"coinbase:SOL-US\" in [[markets]]",
            "did you mean \"coinbase:SOL-USD\"?",
        ),
        ("markets.coinbase:SOL-USD=1", "is a table", "one of its keys"),
        ("engine.mode.deep=1", "\"mode\" is text, not a table", "shorten"),
        ("assets.USDC.allow.0=1", "is a list of values", "whole list"),
        ("engine.mode=live", "only observes", "observe"),
        ("signal=4", "\"signal\" is a number, not a table", "[signal]"),
    ] {
        let found = problems(EXAMPLE, &[set]);
        let hit = found.iter().find(|it| it.says.contains(says));
        let hit = hit.unwrap_or_else(|| panic!("{set}: wanted {says:?}, got {found:#?}"));
        assert!(hit.hint.contains(hint), "{set}: {hit:?}");
        assert!(hit.to_string().starts_with(&format!("--set {set}: ")), "{hit}");
    }
    let many = vec!["signal.min_edge_bps=1"; SETS_MAX + 1];
    assert!(problems(EXAMPLE, &many)[0].says.contains("more than 256 overrides"));
}

#[test]
fn lists_are_bounded() {
    let assets = (0..=assets::ASSETS_MAX)
        .map(|index| format!("[assets.A{index}]\nkind = \"coin\"\ndecimals = 1\n"));
    let many = std::iter::once(EXAMPLE.to_owned()).chain(assets).collect::<String>();
    assert!(problems(&many, &[]).iter().any(|it| it.says.contains("above 256")));
    let markets =
        (0..=markets::MARKETS_MAX).map(|index| format!("[[markets]]\nname = \"m{index}\"\n"));
    let many = std::iter::once(EXAMPLE.to_owned()).chain(markets).collect::<String>();
    assert!(problems(&many, &[]).iter().any(|it| it.says.contains("tables in [[markets]]")));
    let long = format!("# {}\n", "x".repeat(CONFIG_BYTES_MAX));
    assert!(problems(&long, &[])[0].says.contains("bytes, above"));
    let deep = [
        format!("a{} = 1\n", ".a".repeat(100_000)),
        format!("[a{}]\n", ".a".repeat(100_000)),
        format!("x = {}", "[".repeat(100_000)),
        format!("x = {}", "{a=".repeat(100_000)),
    ];
    for text in deep {
        assert!(problems(&text, &[])[0].says.starts_with("not TOML"), "{}", &text[..8]);
        assert!(!problems(EXAMPLE, &[text.trim()]).is_empty(), "{}", &text[..8]);
    }
    let bad_lines = "x = [1\n".repeat(1_000);
    assert!(problems(&bad_lines, &[]).len() <= problem::PROBLEMS_MAX);
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn garbage_is_refused_without_a_panic(text in "(\\PC|\n|\\[|\\]|=|\"|\\{|\\}|\\.){0,200}") {
            prop_assert!(Config::parse("garbage", &text).is_err());
        }

        #[test]
        fn a_changed_example_is_read_or_refused(
            at in 0..EXAMPLE.len(), length in 0_usize..20, insert in "[ -~\n]{0,6}"
        ) {
            // The example is ASCII: every offset is a boundary.
            let end = (at + length).min(EXAMPLE.len());
            let text = format!("{}{insert}{}", &EXAMPLE[..at], &EXAMPLE[end..]);
            match Config::parse("changed", &text) {
                Ok(config) => {
                    prop_assert!(config.assets.iter().all(|asset| asset.decimals <= 18));
                    prop_assert!(config.markets.len() <= markets::MARKETS_MAX);
                }
                Err(list) => prop_assert!(!list.is_empty()),
            }
        }

        #[test]
        fn any_override_is_read_or_refused(set in "[a-z.:\"=\\[{0-9_-]{0,40}") {
            if let Err(list) = Config::parse_with("e", EXAMPLE, &[set]) {
                prop_assert!(!list.is_empty());
            }
        }

        #[test]
        fn basis_points_are_exact(ppm in 0_u32..=50_000) {
            let sets = [format!("signal.min_edge_bps={}.{:02}", ppm / 100, ppm % 100)];
            let config = Config::parse_with("e", EXAMPLE, &sets).expect("in range");
            prop_assert_eq!(config.signal.min_edge_ppm, ppm);
        }
    }
}

/// Addresses, keys and threads: what is refused, and which key is named.
#[test]
fn venues_and_runtime_are_refused_politely() {
    let rows: &[(&str, &str, &str)] = &[
        ("venues.coinbase.ws_url=\"https://x.com\"", "another scheme", "wss://"),
        ("venues.coinbase.ws_url=\"ws://x.com\"", "not encrypted", "127.0.0.1"),
        ("venues.coinbase.rest_url=\"https://me:pw@x.com\"", "credentials", "https://HOST"),
        ("venues.bitstamp.rest_url=\"https://\"", "names no host", "https://HOST"),
        ("venues.gemini.feed=\"v3\"", "v3", "v2"),
        ("venues.coinbase.key_name=\"k\"", "missing key \"key_file\"", "add it"),
        ("venues.coinbase.key_file=\"f\"", "missing key \"key_name\"", "add it"),
        ("venues.kraken.ws_url=\"wss://x.com\"", "unknown key \"kraken\"", ""),
        (
            "venues.solana.ws_urls=[\"wss://a.com\", \"wss://b.com\"]",
            "1 of rpc_urls and 2",
            "same order",
        ),
        ("venues.solana.hold_ms=99", "out of range", "100 to 5000"),
        ("venues.bitstamp.audit_every_ms=999", "out of range", "1000 to 3600000"),
        ("venues.gemini.audit_every_ms=0", "out of range", "1000 to 3600000"),
        ("runtime.wait=\"sleep\"", "sleep", "park"),
        ("runtime.ring_events=1", "out of range", "1024"),
        ("runtime.key=\"x\"", "unknown key \"key\"", ""),
    ];
    for (set, says, hint) in rows {
        let found = problems(EXAMPLE, &[set]);
        let text: Vec<String> =
            found.iter().map(|it| format!("{} | {}", it.says, it.hint)).collect();
        let is_named = text.iter().any(|text| text.contains(says) && text.contains(hint));
        assert!(is_named, "{set}: {text:?}");
    }
    let shared = ["runtime.wait=\"spin\"", "runtime.core_cpu=1", "runtime.reader_cpus=[0, 1]"];
    let found = problems(EXAMPLE, &shared);
    assert!(found[0].says.contains("both the core and a reader"), "{found:?}");
    let local = ["venues.coinbase.ws_url=\"ws://127.0.0.1:4001/\""];
    let local: Vec<String> = local.iter().map(|&set| set.to_owned()).collect();
    let config = Config::parse_with("mine.toml", EXAMPLE, &local).expect("this machine");
    assert_eq!(config.venues.coinbase.ws_url, "ws://127.0.0.1:4001");
}
