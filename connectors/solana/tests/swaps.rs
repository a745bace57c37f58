//! Recorded swaps through the pool arithmetic, and files that are wrong.

mod common;

use connector_solana::outcome::OutputForm;
use connector_solana::swaps::{replay, run};

const ORCA: &str = "whirlpool_real_swaps_20220406_orca_usdc_ts128.jsonl.zst";
const SOL: &str = "whirlpool_real_swaps_20220406_sol_usdc_ts64.jsonl.zst";

fn text_of(name: &str) -> Option<String> {
    let bytes = std::fs::read(common::data_file(name)?).expect("the file reads");
    let text = zstd::stream::decode_all(&bytes[..]).expect("a zstd stream");
    Some(String::from_utf8(text).expect("text"))
}

#[test]
fn both_recorded_days_are_equal_to_the_unit() {
    for (name, swaps, changes) in [(ORCA, 930, 178), (SOL, 14, 3)] {
        let Some(path) = common::data_file(name) else { continue };
        let outcome = run(&path, OutputForm::Json);
        let expected = format!(
            "{{\"events\":{},\"swaps\":{swaps},\"liquidity_changes\":{changes},\
             \"mismatches\":0,\"final_state_equal\":true}}\n",
            swaps + changes
        );
        assert_eq!(
            (outcome.stdout, outcome.stderr, outcome.exit_code),
            (expected, String::new(), 0)
        );
    }
}

#[test]
fn one_changed_number_is_one_named_mismatch() {
    let Some(text) = text_of(SOL) else { return };
    // What is changed, from, to, and the line that must be named.
    let rows = [
        ("amount out", "\"939140622\"", "\"939140623\"", "line 3"),
        ("amount in", "\"amount_in\":\"900000\"", "\"amount_in\":\"900001\"", "line 7"),
        ("amount a", "\"amount_a\":\"41624869\"", "\"amount_a\":\"41624870\"", "line 17"),
        ("amount b", "\"2001179032\"", "\"2001179031\"", "line 2"),
        ("derived price", "\"889071598636716350413\"", "\"889071598636716350414\"", "line 4"),
    ];
    for (shows, from, to, line) in rows {
        assert_eq!(text.matches(from).count(), 1, "{shows}: the row names one place");
        let report = replay("f", text.replace(from, to).as_bytes()).expect(shows);
        assert_eq!((report.mismatches, report.final_state_equal), (1, true), "{shows}");
        assert!(report.named[0].to_string().starts_with(&format!("{line}: ")), "{shows}");
    }
    // A wrong start or argument spreads, and the end differs.
    for (from, to) in [
        ("\"fee_rate\":2000", "\"fee_rate\":2001"),
        ("\"tick_spacing\":64", "\"tick_spacing\":32"),
        (
            "\"amount\":\"100000\",\"other_amount_threshold\":\"929842200\"",
            "\"amount\":\"200000\",\"other_amount_threshold\":\"929842200\"",
        ),
    ] {
        let report = replay("f", text.replacen(from, to, 1).as_bytes()).expect("runs");
        assert!(report.mismatches > 1 && !report.final_state_equal, "{to}: {report:?}");
    }
    let end = text.replace("\"sqrt_price\":\"6513593371202579825\"", "\"sqrt_price\":\"1\"");
    let report = replay("f", end.as_bytes()).expect("runs");
    assert_eq!((report.mismatches, report.final_state_equal), (0, false));
}

#[test]
fn a_mismatch_ends_with_one_and_names_the_line() {
    let Some(text) = text_of(SOL) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("changed.jsonl");
    std::fs::write(&path, text.replace("\"939140622\"", "\"1\"")).expect("writes");
    let outcome = run(&path, OutputForm::Json);
    assert_eq!(outcome.exit_code, 1);
    assert!(outcome.stdout.contains("\"mismatches\":1,\"final_state_equal\":true"));
    assert!(
        outcome.stderr.contains("changed.jsonl: line 3: amount_out recorded 1, ours 939140622")
    );
}

#[test]
fn wrong_files_are_named_with_their_line() {
    let Some(text) = text_of(SOL) else { return };
    let lines: Vec<&str> = text.lines().collect();
    let rows = [
        ("empty", String::new(), "empty"),
        ("no header", lines[1..].join("\n"), "line 1: the first line is no header"),
        ("second header", format!("{text}{}", lines[0]), "line 19: a second header"),
        ("cut", text[..text.len() - 40].to_string(), "line 18: "),
        ("unknown kind", text.replacen("\"t\":\"swap\"", "\"t\":\"swop\"", 1), "line 3: "),
        ("no amount", text.replacen("\"amount_in\"", "\"amount_on\"", 1), "line 3: "),
        ("tick", text.replacen("\"tick_upper\":97856", "\"tick_upper\":97855", 1), "line 2: "),
        ("range", text.replacen("\"tick_lower\":-20352", "\"tick_lower\":97856", 1), "line 2: "),
        ("fee", text.replacen("\"fee_rate\":2000", "\"fee_rate\":60001", 1), "line 1: fee_rate"),
        ("spacing", text.replacen("\"tick_spacing\":64", "\"tick_spacing\":0", 1), "line 1: "),
        ("price", text.replacen("\"2453416961803370364928\"", "\"7\"", 1), "line 1: sqrt_price"),
        ("another format", "{\"t\":\"recv\",\"ts\":1}".to_string(), "line 1: "),
    ];
    for (shows, text, part) in rows {
        let error = replay("swaps.jsonl", text.as_bytes()).expect_err(shows).to_string();
        assert!(error.starts_with("swaps.jsonl: "), "{shows}: {error}");
        assert!(error.contains(part), "{shows}: {error}");
    }
}

#[test]
fn damage_is_survived() {
    let Some(path) = common::data_file(SOL) else { return };
    let packed = std::fs::read(path).expect("reads");
    for end in 0..packed.len() {
        assert!(replay("f", &packed[..end]).is_err(), "cut at {end}");
    }
    let text = zstd::stream::decode_all(&packed[..]).expect("a zstd stream");
    for end in (0..text.len()).step_by(7) {
        let _ = replay("f", &text[..end]);
    }
    for at in (0..text.len()).step_by(3) {
        let mut changed = text.clone();
        changed[at] ^= 1 << (at % 8);
        let _ = replay("f", &changed);
    }
}
