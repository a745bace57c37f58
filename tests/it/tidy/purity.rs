//! What must be absent from the crates that decide: floats, clocks, hash maps, I/O.

use super::source::{code, float_literals, words};
use super::{assert_none, read, read_toml, rust_below};

/// Crates that decide.
const PURE: &[&str] = &["engine/model", "engine/poolmath", "engine/core"];

/// Words that their code must not contain, each with what to write instead.
const BANNED: &[(&str, &str)] = &[
    ("std", "core or alloc: the crate must not reach the outside"),
    ("f32", "integers with a unit; num::approx where a place is searched"),
    ("f64", "integers with a unit; num::approx where a place is searched"),
    ("HashMap", "a Vec with a dense index: its order is the same everywhere"),
    ("HashSet", "a Vec of flags with a dense index"),
    ("hash_map", "a Vec with a dense index"),
    ("hash_set", "a Vec of flags with a dense index"),
    ("RandomState", "no randomness: the same events must give the same results"),
    ("Instant", "the event's recv_ns"),
    ("SystemTime", "the event's recv_ns"),
    ("thread", "the caller's thread: the core has none"),
    ("thread_local", "state in the value that owns it"),
    ("static", "state in the value that owns it; constants are const"),
    ("include_bytes", "inputs come as events"),
    ("include_str", "inputs come as events"),
    ("env", "parameters come in the tables"),
    ("unsafe", "safe code: nothing here was shown to need more"),
    ("asm", "safe code: nothing here was shown to need more"),
];

/// Types that each crate's `clippy.toml` must ban by path, so that the editor already says so.
const BANNED_TYPES: &[&str] = &[
    "f32",
    "f64",
    "std::collections::HashMap",
    "std::collections::HashSet",
    "std::time::Instant",
    "std::time::SystemTime",
];

/// Functions that it must ban.
const BANNED_FUNCTIONS: &[&str] = &[
    "std::time::Instant::now",
    "std::time::SystemTime::now",
    "std::thread::spawn",
    "std::thread::sleep",
];

/// What a text contains that it must not, with lines.
fn impurities(text: &str) -> Vec<String> {
    let code = code(text);
    let mut findings = Vec::new();
    for (line, start, word) in words(&code) {
        let is_lifetime = code[..start].ends_with('\'');
        if let Some((_, instead)) = BANNED.iter().find(|(banned, _)| *banned == word)
            && !is_lifetime
        {
            findings.push(format!("{line}: {word}; use {instead}"));
        }
    }
    findings.extend(float_literals(&code).iter().map(|line| format!("{line}: a float literal")));
    findings
}

#[test]
fn nothing_in_the_deciding_crates_can_differ_between_runs() {
    let mut findings = Vec::new();
    for krate in PURE {
        for (path, text) in rust_below(&format!("{krate}/src")) {
            findings.extend(impurities(&text).iter().map(|found| format!("{path}:{found}")));
        }
    }
    assert_none("what the deciding crates must not contain", &findings);
}

#[test]
fn impurities_are_found_in_code_only() {
    for (text, count) in [
        ("let x: f64 = y;", 1),
        ("use std::collections::HashMap;", 2),
        ("let now = Instant::now();", 1),
        ("let x = 0.5;", 1),
        ("unsafe { x() }", 1),
        ("// HashMap, f64 and 0.5", 0),
        ("let x = \"std\";", 0),
        ("fn a(x: &'static str) {}", 0),
        ("let standard = environment;", 0),
    ] {
        assert_eq!(impurities(text).len(), count, "{text}");
    }
}

#[test]
fn the_deciding_crates_are_no_std() {
    for krate in PURE {
        let lib = read(&format!("{krate}/src/lib.rs"));
        assert!(code(&lib).contains("#![no_std]"), "{krate} lacks #![no_std]");
    }
}

#[test]
fn clippy_names_the_same_bans() {
    for krate in PURE {
        let path = format!("{krate}/clippy.toml");
        let bans = read_toml(&path);
        for (key, wanted) in
            [("disallowed-types", BANNED_TYPES), ("disallowed-methods", BANNED_FUNCTIONS)]
        {
            let list = bans[key].as_array().expect("a list");
            for ban in list {
                let says = ban.get("reason").and_then(toml::Value::as_str);
                assert!(says.is_some_and(|s| s.len() > 10), "{path}: {ban} lacks a replacement");
            }
            for name in wanted {
                let is_banned = list.iter().any(|ban| ban["path"].as_str() == Some(*name));
                assert!(is_banned, "{path} does not ban {name}");
            }
        }
    }
}
