//! Inside the core, modules use what lies to their left only.

use super::source::{code, is_word};
use super::{assert_none, rust_below};

/// Modules of `engine-core`, left to right. Those of one place do not know each other.
const ORDER: &[&[&str]] = &[
    &["num", "timers"],
    &["tables"],
    &["market"],
    &["signal"],
    &["risk"],
    &["execution"],
    &["outbox"],
    &["explain"],
    &["probe"],
    &["desk"],
    &["step"],
    &["state"],
];

const CORE: &str = "engine/core/src/";

fn place_of(module: &str) -> Option<usize> {
    ORDER.iter().position(|modules| modules.contains(&module))
}

/// Module path of a file: `market/book/far.rs` is `market::book::far`.
fn module_of(path: &str) -> Vec<&str> {
    let path = path.trim_end_matches(".rs").trim_end_matches("/mod");
    path.split('/').collect()
}

/// Top-level modules that `code` of the module `own` names through `crate::` and `super::`.
fn named_modules(code: &str, own: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let is_start = |at: usize| !code[..at].chars().next_back().is_some_and(is_word);
    for (at, path) in code.match_indices("crate::") {
        if is_start(at) {
            found.extend(names_after(&code[at + path.len()..]));
        }
    }
    for (at, path) in code.match_indices("super::") {
        // As many levels up as there are `super::` in a row, this one being the last of them.
        let ups = code[..at + path.len()].rsplit("super::").take_while(|s| s.is_empty());
        let is_last = !code[at + path.len()..].starts_with("super::");
        if is_last && own.len() <= ups.count() {
            found.extend(names_after(&code[at + path.len()..]));
        }
    }
    found
}

/// First names of a path: one, or several in braces.
fn names_after(rest: &str) -> Vec<String> {
    let name = |text: &str| text.trim().chars().take_while(|c| is_word(*c)).collect::<String>();
    let Some(group) = rest.strip_prefix('{') else { return vec![name(rest)] };
    let (mut names, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                names.push(name(&group[start..at]));
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            _ => (),
        }
    }
    names
}

#[test]
fn the_core_reads_from_left_to_right() {
    let mut findings = Vec::new();
    for (path, text) in rust_below(CORE.trim_end_matches('/')) {
        let own = module_of(path.strip_prefix(CORE).expect("below the core"));
        if own == ["lib"] {
            continue;
        }
        let Some(place) = place_of(own[0]) else {
            findings.push(format!("{path} has no place in the order"));
            continue;
        };
        for used in named_modules(&code(&text), &own) {
            match place_of(&used) {
                Some(other) if other > place || (other == place && used != own[0]) => {
                    findings.push(format!("{path} uses {used}, which is not to its left"));
                }
                _ => (),
            }
        }
    }
    assert_none("modules of the core against their order", &findings);
}

#[test]
fn paths_are_resolved() {
    for (shows, text, own, expected) in [
        ("a plain path", "use crate::tables::Tables;", "market/pool", vec!["tables"]),
        ("a group", "use crate::{num::{a, b}, step};", "market/pool", vec!["num", "step"]),
        ("up to the root", "use super::super::signal::leg;", "market/pool", vec!["signal"]),
        ("up to a sibling", "use super::book::Book;", "market/pool", vec![]),
        ("up from the top", "use super::step::Core;", "tables", vec!["step"]),
        ("part of a word", "use mycrate::step;", "tables", vec![]),
    ] {
        assert_eq!(named_modules(text, &module_of(own)), expected, "{shows}");
    }
}
