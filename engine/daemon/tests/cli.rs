//! The built binary from outside: results, errors in two lines, exit codes.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const GEMINI: &str = "\
wss://api.gemini.com/v2/marketdata/ <-> 1617645247.5
1617645248.0: {\"type\":\"l2_updates\",\"symbol\":\"BTCUSD\",\"changes\":[[\"buy\",\"100.50\",\"2\"],[\"buy\",\"100.25\",\"1\"],[\"sell\",\"101\",\"0.5\"]],\"trades\":[]}
1617645248.1: {\"type\":\"l2_updates\",\"symbol\":\"BTCUSD\",\"changes\":[[\"sell\",\"101\",\"0\"]]}
1617645248.2: {\"type\":\"heartbeat\",\"timestamp\":1617645248200,\"sequence\":0}
1617645248.3: {\"type\":\"l2_updates\",\"symbol\":\"BTCUSD\",\"changes\":[]}
";

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

/// A file of its own in a directory of its own.
struct File {
    _dir: tempfile::TempDir,
    path: PathBuf,
}

impl File {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).expect("written");
        Self { _dir: dir, path }
    }

    fn path(&self) -> &str {
        self.path.to_str().expect("UTF-8")
    }
}

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/example/observe.toml")
}

/// Every error is on standard error with a hint, and nothing else is there.
fn assert_two_lines(output: &Output, shows: &str) {
    let lines: Vec<&str> = text(&output.stderr).lines().collect();
    assert_eq!(lines.len(), 2, "{shows}: {lines:#?}");
    assert!(lines[1].starts_with("hint: ") && lines[1].len() > 10, "{shows}: {lines:#?}");
}

#[test]
fn book_rows_are_as_documented() {
    let capture = File::new("feed.raw", GEMINI.as_bytes());
    let want = "line,symbol,bid,bid_qty,ask,ask_qty,n_bids,n_asks\n\
        2,BTCUSD,100.5,2,101,0.5,2,1\n\
        3,BTCUSD,100.5,2,,,2,0\n\
        5,BTCUSD,100.5,2,,,2,0\n";
    for args in [
        &["inspect", "book", "--venue", "gemini", "--capture", capture.path()][..],
        &["inspect", "book", "--capture", capture.path()],
    ] {
        let output = riptide(args);
        assert_eq!(text(&output.stdout), want);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    }
    let packed = zstd::encode_all(GEMINI.as_bytes(), 3).expect("compresses");
    let packed = File::new("feed.raw.zst", &packed);
    assert_eq!(text(&riptide(&["inspect", "book", "--capture", packed.path()]).stdout), want);
}

#[test]
fn a_damaged_recording_gives_the_rows_before_and_names_the_place() {
    let cut = &GEMINI.as_bytes()[..GEMINI.len() - 5];
    let capture = File::new("cut.raw", cut);
    let output = riptide(&["inspect", "book", "--capture", capture.path()]);
    assert_eq!(output.status.code(), Some(65));
    let rows: Vec<&str> = text(&output.stdout).lines().skip(1).collect();
    assert_eq!(rows, ["2,BTCUSD,100.5,2,101,0.5,2,1", "3,BTCUSD,100.5,2,,,2,0"]);
    assert!(text(&output.stderr).contains("cut.raw:5 (offset"), "{}", text(&output.stderr));
    assert_two_lines(&output, "cut");
}

/// What it shows, the arguments, the exit code, and a part of the error.
type BadInput<'a> = (&'a str, &'a [&'a str], i32, &'a str);

fn assert_refused(rows: &[BadInput]) {
    for (shows, args, code, says) in rows {
        let output = riptide(args);
        assert_eq!(output.status.code(), Some(*code), "{shows}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains(says), "{shows}: {}", text(&output.stderr));
        assert!(output.stdout.is_empty(), "{shows}: {}", text(&output.stdout));
        assert_two_lines(&output, shows);
        assert!(text(&output.stderr).starts_with("error: "), "{shows}");
    }
}

#[test]
fn a_wrong_command_line_is_named_with_a_hint() {
    let rows: &[BadInput] = &[
        ("no command", &[], 2, "error: no command"),
        ("an unknown command", &["replai"], 2, "unrecognized subcommand 'replai'"),
        ("an unknown option", &["check", "--config", "x", "--jsn"], 2, "unexpected argument"),
        ("a missing option", &["inspect", "book"], 2, "--capture"),
        (
            "an unknown venue",
            &["inspect", "book", "--venue", "kraken", "--capture", "x"],
            2,
            "kraken",
        ),
        (
            "a pool has no book",
            &["inspect", "book", "--venue", "solana", "--capture", "x"],
            2,
            "solana",
        ),
        (
            "both directions",
            &[
                "inspect",
                "quote",
                "--accounts",
                "x",
                "--pool",
                "p",
                "--a-to-b",
                "--b-to-a",
                "--exact-in",
                "1",
            ],
            2,
            "cannot be used with",
        ),
        (
            "no amount",
            &["inspect", "quote", "--accounts", "x", "--pool", "p", "--a-to-b"],
            2,
            "--exact-in",
        ),
        (
            "an amount that is no number",
            &["inspect", "quote", "--accounts", "x", "--pool", "p", "--a-to-b", "--exact-in", "-1"],
            2,
            "-1",
        ),
    ];
    assert_refused(rows);
}

#[test]
fn bad_files_end_with_their_code_and_a_hint() {
    let no_capture = File::new("x.csv", b"a,b\n1,2\n");
    let empty = File::new("empty", b"");
    let kraken = File::new("kraken", b"wss://ws.kraken.com <-> 1\n2: {}\n");
    let bad_config = File::new("mine.toml", b"[engine]\nmode = \"observe\"\n");
    let not_text = File::new("mine.toml", b"[engine]\nmode = \"\xff\"\n");
    let rows: &[BadInput] = &[
        (
            "a missing recording",
            &["inspect", "book", "--capture", "/nonexistent/a"],
            66,
            "/nonexistent/a",
        ),
        ("missing swaps", &["inspect", "swaps", "/nonexistent/a"], 66, "/nonexistent/a"),
        (
            "missing accounts",
            &[
                "inspect",
                "quote",
                "--accounts",
                "/nonexistent/a",
                "--pool",
                "p",
                "--a-to-b",
                "--exact-in",
                "1",
            ],
            66,
            "/nonexistent/a",
        ),
        ("a missing configuration", &["check", "--config", "/nonexistent/a"], 66, "/nonexistent/a"),
        (
            "another kind of file",
            &["inspect", "book", "--capture", no_capture.path()],
            65,
            "not a recorder file",
        ),
        ("an empty file", &["inspect", "book", "--capture", empty.path()], 65, "it is empty"),
        (
            "a venue that is none of ours",
            &["inspect", "book", "--capture", kraken.path()],
            2,
            "whose recording",
        ),
        (
            "a configuration that is not UTF-8",
            &["check", "--config", not_text.path()],
            78,
            "mine.toml:2",
        ),
    ];
    assert_refused(rows);
    let output = riptide(&["check", "--config", bad_config.path()]);
    assert_eq!(output.status.code(), Some(78));
    let says = text(&output.stderr);
    let count = says.lines().filter(|line| line.starts_with("hint: ")).count();
    assert!(count >= 4, "every problem at once: {says}");
    assert_eq!(says.lines().count(), 2 * count, "{says}");
}

#[test]
fn help_and_version_are_results() {
    let output = riptide(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    let help = text(&output.stdout);
    for part in ["inspect", "check", "Exit codes:", "65", "66", "74", "78"] {
        assert!(help.contains(part), "{part}: {help}");
    }
    let output = riptide(&["--version"]);
    assert_eq!(text(&output.stdout), concat!("riptide ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn check_accepts_the_example_and_its_overrides() {
    let path = example();
    let path = path.to_str().expect("UTF-8");
    let output = riptide(&["check", "--config", path]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains(": ok · assets 5 · books 5 · pools 1"));
    let output = riptide(&["check", "--config", path, "--json", "--set", "signal.min_edge_bps=4"]);
    let report: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    assert_eq!(report["ok"], true);
    assert_eq!(report["books"], 5);
    let output = riptide(&["check", "--config", path, "--json", "--set", "signal.min_edge_bp=4"]);
    assert_eq!(output.status.code(), Some(78));
    let report: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    assert_eq!(report["ok"], false);
    assert_eq!(report["problems"][0]["set"], "signal.min_edge_bp=4");
    assert_eq!(report["problems"][0]["hint"], "did you mean \"min_edge_bps\"?");
    let says = text(&output.stderr);
    assert!(says.starts_with("--set signal.min_edge_bp=4: unknown key"), "{says}");
}

/// A configuration of the example's assets with `count` books of each venue on SOL, in USD.
fn many_books(count: usize, lots: [&str; 2]) -> String {
    let mut text = "[engine]\nmode = \"observe\"\nnumeraire = \"USD\"\n\
        [assets.USD]\nkind = \"fiat\"\ndecimals = 6\n\
        [assets.SOL]\nkind = \"coin\"\ndecimals = 9\n\
        [caps]\norder_notional_usd = 500\n"
        .to_owned();
    for (venue, lot) in ["gemini", "bitstamp"].into_iter().zip(lots) {
        for index in 0..count {
            let name = format!("{venue}:{index}");
            write!(
                text,
                "[[markets]]\nname = \"{name}\"\nvenue = \"{venue}\"\nsymbol = \"S{index}\"\n\
                 base = \"SOL\"\nquote = \"USD\"\nfee_tier = \"0\"\ntaker_fee_bps = 1\nlot = \"{lot}\"\n"
            )
            .expect("text");
        }
    }
    text
}

#[test]
fn check_refuses_what_the_engine_would_not_take() {
    let fits = File::new("fits.toml", many_books(45, ["1", "0.00000001"]).as_bytes());
    let output = riptide(&["check", "--config", fits.path()]);
    assert_eq!(output.status.code(), Some(0), "4050 pairs: {}", text(&output.stderr));
    for (shows, config, line, says, hint) in [
        (
            "4232 pairs",
            many_books(46, ["1", "1"]),
            12,
            "more than 4096 ordered pairs",
            "remove markets",
        ),
        (
            "lots of 9·10^11 and 10^-8: 9·10^19 atoms",
            many_books(1, ["900000000000", "0.00000001"]),
            21,
            "\"gemini:0\" and \"bitstamp:0\": their steps of size",
            "\"lot\"",
        ),
    ] {
        let file = File::new("mine.toml", config.as_bytes());
        let output = riptide(&["check", "--config", file.path()]);
        assert_eq!(output.status.code(), Some(78), "{shows}");
        let message = text(&output.stderr);
        assert!(message.starts_with(&format!("{}:{line}: ", file.path())), "{shows}: {message}");
        assert!(message.contains(says), "{shows}: {message}");
        assert_two_lines(&output, shows);
        assert!(output.stdout.is_empty(), "{shows}");
        let output = riptide(&["check", "--config", file.path(), "--json"]);
        assert_eq!(output.status.code(), Some(78), "{shows}");
        let report: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
        assert_eq!(report["error"], "bad_config", "{shows}");
        let problem = &report["problems"][0];
        assert_eq!(problem["line"], line, "{shows}");
        assert!(problem["says"].as_str().is_some_and(|it| it.contains(says)), "{report}");
        assert!(problem["hint"].as_str().is_some_and(|it| it.contains(hint)), "{report}");
    }
}

#[test]
fn configured_inner_steps_are_those_that_a_quote_may_take() {
    assert_eq!(config::INNER_STEPS_MAX, engine_poolmath::whirlpool::INNER_STEPS_MAX);
}

#[test]
fn damage_before_the_venue_is_known_is_named() {
    let header = "{\"t\":\"header\",\"format\":2,\"exchange\":\"COINBASE\"}\n";
    for time in ["-1", "1e9", "\"5\"", "18446744074"] {
        let line = format!("{header}{{\"t\":\"connect\",\"conn\":\"a\",\"ts\":{time}}}\n");
        let capture = File::new("bad.jsonl", line.as_bytes());
        let place = "bad.jsonl:2 (offset ";
        let path = capture.path();
        assert_refused(&[
            (time, &["inspect", "book", "--capture", path], 65, place),
            (time, &["replay", "--no-journal", path], 65, place),
        ]);
    }
    let cut = File::new("cut.raw", &GEMINI.as_bytes()[..45]);
    assert_refused(&[
        ("cut", &["inspect", "book", "--capture", cut.path()], 65, "cut.raw:1 (offset "),
        ("cut", &["replay", "--no-journal", cut.path()], 65, "cut.raw:1 (offset "),
    ]);
}

#[test]
fn json_errors_are_one_object() {
    for args in [
        &["check", "--config", "/nonexistent/a", "--json"][..],
        &["inspect", "swaps", "/nonexistent/a", "--json"],
    ] {
        let output = riptide(args);
        assert_eq!(output.status.code(), Some(66));
        let report: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
        assert_eq!(report["error"], "missing_file");
        assert!(report["hint"].is_string());
    }
}

#[test]
fn swaps_and_quotes_end_with_one_object() {
    let other = File::new("feed.raw", GEMINI.as_bytes());
    let output = riptide(&["inspect", "swaps", other.path(), "--json"]);
    assert_eq!(output.status.code(), Some(65));
    let report: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    assert_eq!(report["error"], "bad_data");
    assert_two_lines(&output, "swaps");
    let accounts = File::new("accounts.json", b"[]");
    let pool = "HJPjoWUrhoZzkNfRpHuieeFk9WcZWjwy6PBjZ81ngndJ";
    let quote = ["inspect", "quote", "--pool", pool, "--b-to-a", "--exact-out", "5", "--json"];
    let with = |path: &str| riptide(&[&quote[..], &["--accounts", path]].concat());
    for (path, code) in [(accounts.path(), 1), (other.path(), 65)] {
        let output = with(path);
        assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
        let report: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
        assert!(report["error"].is_string(), "{report}");
        assert_two_lines(&output, path);
    }
    let says = with(accounts.path());
    assert!(text(&says.stderr).contains(pool), "the absent account is named");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    // More rows than a pipe holds, so that the writer meets the closed end.
    let mut feed = GEMINI.to_owned();
    for index in 0..20_000 {
        feed += "1617645249: {\"type\":\"l2_updates\",\"symbol\":\"BTCUSD\",\"changes\":[[\"buy\",\"100\",\"";
        feed += if index % 2 == 0 { "1" } else { "2" };
        feed += "\"]]}\n";
    }
    let capture = File::new("long.raw", feed.as_bytes());
    let mut child = Command::new(env!("CARGO_BIN_EXE_riptide"))
        .args(["inspect", "book", "--capture", capture.path()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(!text(&output.stderr).contains("error"), "{}", text(&output.stderr));
}

#[test]
fn a_full_disk_is_an_error() {
    let Ok(full) = std::fs::File::options().write(true).open("/dev/full") else { return };
    let capture = File::new("feed.raw", GEMINI.as_bytes());
    let output = Command::new(env!("CARGO_BIN_EXE_riptide"))
        .args(["inspect", "book", "--capture", capture.path()])
        .stdout(full)
        .stderr(Stdio::piped())
        .output()
        .expect("the binary runs");
    assert_eq!(output.status.code(), Some(74));
    assert!(text(&output.stderr).contains("cannot write the result"));
}

#[test]
fn a_book_in_doubt_prints_no_rows_and_is_named_once() {
    let mut feed = GEMINI.to_owned();
    // Crossed: the whole book is in doubt until its next snapshot.
    for _ in 0..3 {
        feed += "1617645249: {\"type\":\"l2_updates\",\"symbol\":\"BTCUSD\",\"changes\":[[\"sell\",\"99\",\"1\"]]}\n";
    }
    feed += "1617645250: {\"type\":\"l2_updates\",\"symbol\":\"BTCUSD\",\"changes\":[[\"buy\",\"9\",\"1\"]],\"trades\":[]}\n";
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(feed.as_bytes()).expect("written");
    let path = file.path().to_str().expect("UTF-8");
    let output = riptide(&["inspect", "book", "--capture", path]);
    assert_eq!(output.status.code(), Some(0));
    let lines: Vec<&str> = text(&output.stdout).lines().collect();
    assert_eq!(lines.len(), 5, "{lines:#?}");
    assert_eq!(lines[4], "9,BTCUSD,9,1,,,1,0");
    let notes: Vec<&str> =
        text(&output.stderr).lines().filter(|line| line.contains("in doubt")).collect();
    assert_eq!(notes.len(), 1, "{notes:#?}");
    assert!(notes[0].contains("line 6: BTCUSD is in doubt (crossed)"), "{notes:#?}");
}
