//! `riptide why` over the journal of the bundle that ships: every opportunity is explained with the
//! numbers that were recorded, and what cannot be explained says so.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

fn riptide(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_riptide"))
        .args(args)
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs")
}

fn text(bytes: &[u8]) -> &str {
    core::str::from_utf8(bytes).expect("UTF-8")
}

/// A journal of the whole bundle, and the report of the replay that wrote it.
struct Replayed {
    dir: PathBuf,
    report: Value,
    _kept: tempfile::TempDir,
}

fn replayed() -> &'static Replayed {
    static REPLAYED: OnceLock<Replayed> = OnceLock::new();
    REPLAYED.get_or_init(|| {
        let kept = tempfile::tempdir().expect("a directory");
        let dir = kept.path().join("journal");
        let output = riptide(&["replay", "--json", "--journal", dir.to_str().expect("UTF-8")]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let report = serde_json::from_slice(&output.stdout).expect("JSON");
        Replayed { dir, report, _kept: kept }
    })
}

fn why(args: &[&str]) -> Output {
    let journal = replayed().dir.to_str().expect("UTF-8");
    let all: Vec<&str> =
        ["why", "--journal", journal].into_iter().chain(args.iter().copied()).collect();
    riptide(&all)
}

fn object(args: &[&str]) -> Value {
    let output = why(&[args, &["--json"]].concat());
    assert_eq!(output.status.code(), Some(0), "{args:?}: {}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn list() -> Vec<Value> {
    object(&[])["opportunities"].as_array().expect("a list").clone()
}

fn named(row: &Value) -> String {
    format!("{}:{}", row["part"].as_str().expect("a part"), row["id"])
}

fn by_fate(code: &str) -> Value {
    let found = list().into_iter().find(|row| row["fate_code"] == code);
    found.unwrap_or_else(|| panic!("no opportunity was {code}"))
}

/// Sum of a waterfall: the first part less the others, in 10⁻⁶.
fn left_of(waterfall: &Value) -> i128 {
    let micros = |part: &Value| -> i128 {
        let amount = part[1].as_str().expect("an amount");
        assert_eq!(amount.rsplit_once('.').map(|it| it.1.len()), Some(6), "{amount}");
        amount.replace('.', "").parse().expect("digits")
    };
    let parts: Vec<i128> = waterfall.as_array().expect("parts").iter().map(micros).collect();
    parts[0] - parts[1..].iter().sum::<i128>()
}

#[test]
fn every_opportunity_is_explained_with_the_recorded_numbers() {
    let rows = list();
    assert!(rows.len() > 50, "{} opportunities", rows.len());
    for row in &rows {
        let name = named(row);
        let story = object(&[&name]);
        assert_eq!(story["differences"], Value::Array(Vec::new()), "{name}");
        assert!(story["compared"].as_u64() >= Some(2), "{name}: opened and closed at least");
        assert_eq!(story["fate"], row["fate"], "{name}");
        let life = &story["opportunity"];
        assert_eq!(
            (&life["looks"], &life["lived_ns"]),
            (&row["looks"], &row["lived_ns"]),
            "{name}"
        );
        for look in [&story["first"], &story["peak"]] {
            assert_eq!(look["is_reproduced"], true, "{name}");
            let net: i128 = look["net_units"].as_str().expect("units").parse().expect("digits");
            assert_eq!(left_of(&look["waterfall"]), net, "{name}");
            for leg in look["legs"].as_array().expect("legs") {
                assert!(leg["pieces"].as_array().is_some_and(|it| !it.is_empty()), "{name}: {leg}");
            }
        }
        assert_eq!(story["peak"]["net_units"], row["net_units"], "{name}");
        let needs = story["needs"].as_array().expect("a list");
        assert_eq!(needs.is_empty(), row["fate_code"] == "traded", "{name}: {needs:?}");
    }
}

#[test]
fn trades_are_told_with_the_results_that_the_replay_reported() {
    let parts = replayed().report["parts"].as_array().expect("parts");
    let ended = parts
        .iter()
        .flat_map(|part| part["trading"]["ended"].as_array().cloned().unwrap_or_default());
    let ended: Vec<Value> = ended.collect();
    assert!(ended.len() >= 10, "{} trades", ended.len());
    for trade in &ended {
        let story = object(&["--part", "derived", &trade["opportunity"].to_string()]);
        let told = story["trades"].as_array().expect("trades");
        let told = told.iter().find(|it| it["id"] == trade["id"]).expect("the trade");
        assert_eq!(told["outcome"], trade["outcome"]);
        assert_eq!(told["net_units"], trade["pnl"]["net"]);
        // What the parts change in the net is the whole difference.
        let parts = told["parts"].as_array().expect("parts");
        let micros = |part: &Value| -> i128 {
            let text = part["changes_net"].as_str().expect("an amount").replace(['.', '+'], "");
            text.parse().expect("digits")
        };
        let (net, others) = parts.split_last().expect("parts");
        assert_eq!(net["part"], "net");
        assert_eq!(others.iter().map(micros).sum::<i128>(), micros(net), "{told}");
        let steps = told["steps"].as_array().expect("steps");
        let names: Vec<&str> = steps.iter().filter_map(|it| it["decision"].as_str()).collect();
        assert_eq!((names.first(), names.last()), (Some(&"approved"), Some(&"ended")));
        let count = |name| names.iter().filter(|it| **it == name).count();
        assert_eq!(count("sent"), count("answered"), "{names:?}");
    }
}

fn assert_lines(shown: &str, wanted: &[&str]) {
    let mut at = 0;
    for line in wanted {
        let found = shown[at..].find(line);
        at += found.unwrap_or_else(|| panic!("{line:?} is not in what follows:\n{}", &shown[at..]));
    }
}

#[test]
fn a_trade_reads_from_the_look_to_the_result() {
    let output = why(&[&named(&by_fate("traded"))]);
    assert_lines(
        text(&output.stdout),
        &[
            "Opportunity derived:",
            " · buy ",
            " sell ",
            "opened 2026-",
            "lived ",
            " looks",
            "what became of it: trade ",
            "look",
            "edge of the first unit",
            "size ",
            "gross ",
            " − taker_fees ",
            " = net ",
            " bps)",
            "buy ",
            " × ",
            " takes ",
            "pays ",
            "sell ",
            "brings ",
            "limits of the size",
            "the size was ended by ",
            "Risk approved at +",
            "checks: ",
            " passed, 0 failed",
            "✓ R01 mode_gate",
            "✓ R22 venue_status",
            "\nTrade ",
            " approved ",
            "expected net ",
            " sent ",
            " answered ",
            " at the decision, ",
            " after the decision",
            " ended ",
            "expected",
            "made",
            "changes net by",
            "gross",
            "net",
            "result ",
            ": as recorded, ",
        ],
    );
}

#[test]
fn a_refusal_names_control_value_limit_and_what_was_needed() {
    let output = why(&[&named(&by_fate("last_trade_collar"))]);
    assert_lines(
        text(&output.stdout),
        &[
            "what became of it: refused: last_trade_collar (R15)",
            "Risk refused at +",
            "refused at +",
            "last_trade_collar (R15), ",
            " leg: observed ",
            " %, at most 1.0000 %",
            "✗ R15 last_trade_collar",
            "What would have had to be different",
            "last_trade_collar (R15), ",
            " leg: needs ≤ 1.0000 %, had ",
        ],
    );
}

#[test]
fn a_halt_is_named_with_its_scope_and_since_when() {
    let output = why(&[&named(&by_fate("depeg"))]);
    assert_lines(
        text(&output.stdout),
        &[
            "what became of it: halted: depeg (R26)",
            "trading_state (R03) by the halt depeg: observed halted, must be active",
            "halt depeg (R26) for USDC since 2026-",
            " (+",
            "): observed ",
            "limit 99.5000 % · ends ",
            "✗ R03 trading_state",
            "trading_state (R03): needs active, had halted",
        ],
    );
}

#[test]
fn an_edge_below_the_minimum_says_how_much_was_missing() {
    let row = by_fate("below_min_edge");
    let output = why(&[&named(&row)]);
    let had = row["net_bps"].as_str().expect("bps");
    assert_lines(
        text(&output.stdout),
        &[
            "what became of it: signal: below_min_edge",
            "What would have had to be different",
            "needs ≥ 1.50 bps net, had ",
            had,
        ],
    );
    assert!(!text(&output.stdout).contains("Risk "), "risk never saw it");
}

#[test]
fn a_moment_says_why_there_was_no_trade_and_which_opportunity_it_was() {
    let row = by_fate("traded");
    let pair = format!("{}/{}", row["buy"].as_str().expect("a"), row["sell"].as_str().expect("b"));
    let story = object(&[&named(&row)]);
    let opened = story["first"]["at_ns"].as_u64().expect("a time");
    let at =
        |at_ns: u64| object(&["--part", "derived", "--pair", &pair, "--at", &at_ns.to_string()]);
    let inside = at(opened);
    assert_eq!(inside["opportunity"]["id"], row["id"]);
    assert_eq!(inside["last"]["net_units"], story["first"]["net_units"]);
    assert_eq!(inside["last"]["is_reproduced"], true);
    let before = at(opened - 1);
    assert_eq!(before["opportunity"], Value::Null);
    assert!(before["last"]["at_ns"].as_u64() < Some(opened));
    assert!(before["fate"].as_str().is_some_and(|it| it.starts_with("signal: ")), "{before}");
    assert!(before["needs"].as_array().is_some_and(|it| !it.is_empty()));
    // The same moment in every form of a time, and the pair in every form of a pair.
    let since = story["first"]["since_start"].as_str().expect("a time").trim_end_matches(" s");
    let utc = story["first"]["at"].as_str().expect("a time");
    for (pair, time) in [
        (pair.clone(), utc.to_owned()),
        (pair.replacen("USD/", "USD → ", 1), utc.to_owned()),
        (
            pair.replacen("USD/", "USD->", 1),
            format!("{}.{:09}", opened / 1_000_000_000, opened % 1_000_000_000),
        ),
    ] {
        let same = object(&["--part", "derived", "--pair", &pair, "--at", &time]);
        assert_eq!(same["last"], inside["last"], "{pair} at {time}");
    }
    // The offset is shown in microseconds and cut off, so it may lie just before.
    let close = object(&["--part", "derived", "--pair", &pair, "--at", &format!("{since}s")]);
    assert!(close["last"]["at_ns"].as_u64() <= Some(opened));
}

#[test]
fn what_cannot_be_explained_says_so_with_a_hint() {
    let journal = replayed().dir.to_str().expect("UTF-8").to_owned();
    let empty = tempfile::tempdir().expect("a directory");
    let empty = empty.path().to_str().expect("UTF-8");
    let damaged = damaged_copy(&replayed().dir);
    let damaged = damaged.path().to_str().expect("UTF-8");
    let pair = "coinbase:SOL-USD/gemini:SOL-USD";
    let rows: &[(&str, &[&str], i32, &str)] = &[
        ("an unknown number", &[&journal, "100000"], 2, "there is no opportunity 100000"),
        ("no number", &[&journal, "abc"], 2, "not the number of an opportunity"),
        ("an unknown part", &[&journal, "nosuch:1"], 2, "no part nosuch"),
        ("an unknown pair", &[&journal, "--pair", "a/b", "--at", "+1s"], 2, "no pair a/b"),
        ("no time", &[&journal, "--pair", pair, "--at", "noon"], 2, "noon is no time"),
        ("a time outside", &[&journal, "--pair", pair, "--at", "1"], 2, "outside of what"),
        ("a pair alone", &[&journal, "--pair", pair], 2, "--at"),
        (
            "a number and a pair",
            &[&journal, "1", "--pair", pair, "--at", "+1s"],
            2,
            "cannot be used",
        ),
        ("no journal", &["/nonexistent/journal", "1"], 66, "/nonexistent/journal"),
        ("an empty directory", &[empty, "1"], 66, "not a journal"),
        ("a damaged journal", &[damaged, "1"], 65, "market"),
    ];
    for (shows, args, code, says) in rows {
        let all: Vec<&str> = ["why", "--journal"].iter().chain(args.iter()).copied().collect();
        let output = riptide(&all);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(*code), "{shows}: {error}");
        assert!(error.starts_with("error: ") && error.contains(says), "{shows}: {error}");
        let lines: Vec<&str> = error.lines().collect();
        assert!(lines.len() == 2 && lines[1].starts_with("hint: "), "{shows}: {lines:#?}");
        assert!(output.stdout.is_empty(), "{shows}");
    }
}

/// A copy of a journal with one byte of its market stream changed.
fn damaged_copy(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().expect("a directory");
    for stream in ["market", "ledger", "anchors"] {
        let target = to.path().join(stream);
        std::fs::create_dir_all(&target).expect("made");
        for entry in std::fs::read_dir(from.join(stream)).expect("listed") {
            let entry = entry.expect("an entry");
            let mut bytes = std::fs::read(entry.path()).expect("read");
            if stream == "market" {
                // Well inside of what was written, whatever follows.
                bytes[20_000] ^= 0x10;
            }
            std::fs::write(target.join(entry.file_name()), bytes).expect("written");
        }
    }
    to
}
