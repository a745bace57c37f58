//! What must not be left lying about, and whether the documents speak of things that exist.

use super::{assert_none, files_below, read, root};

/// Files that are text, by ending.
const TEXT_ENDINGS: &[&str] = &[".rs", ".toml", ".md", ".sh", ".yml", ".yaml", ".service", "/run"];

/// Marks of unfinished work. In two pieces, so that this list does not find itself.
const MARKERS: &[&str] = &[
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
    concat!("FIX", "ME"),
    concat!("TO", "DO"),
    concat!("XX", "X:"),
    concat!("dbg", "!("),
];

/// Words of one machine or workplace that say nothing to anybody else.
const PRIVATE: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/tm", "p/"),
    concat!("C:", "\\"),
    concat!("local", "host:"),
    concat!("art", "ifactory"),
    concat!("index.cra", "tes.io"),
    concat!("static.cra", "tes.io"),
    concat!("pypi.", "org"),
    concat!("registry.npm", "js.org"),
];

/// Documents at the root that name files of the tree.
const DOCUMENTS: &[&str] = &["README.md", "ARCHITECTURE.md", "CHANGELOG.md"];

fn texts() -> impl Iterator<Item = (String, String)> {
    let is_text = |path: &String| TEXT_ENDINGS.iter().any(|ending| path.ends_with(ending));
    files_below(".").into_iter().filter(is_text).map(|path| (path.clone(), read(&path)))
}

fn lines_with(words: &[&str]) -> Vec<String> {
    let mut findings = Vec::new();
    for (path, text) in texts() {
        for (number, line) in text.lines().enumerate() {
            for word in words.iter().filter(|word| line.contains(**word)) {
                findings.push(format!("{path}:{}: {word}", number + 1));
            }
        }
    }
    findings
}

#[test]
fn nothing_unfinished_is_left() {
    assert_none("marks of unfinished work", &lines_with(MARKERS));
}

#[test]
fn nothing_speaks_of_one_machine() {
    assert_none("paths or hosts of one machine", &lines_with(PRIVATE));
}

/// Paths in backticks: `engine/core/src/step.rs`, `tests/data/`.
fn named_paths(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2).filter(|span| {
        let is_path = span.contains('/') && !span.starts_with('/') && !span.contains("://");
        is_path && span.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c))
    })
}

#[test]
fn documents_name_files_that_exist() {
    let mut findings = Vec::new();
    for document in DOCUMENTS {
        let text = read(document);
        for path in named_paths(&text) {
            // What a run writes is not in the tree.
            if !path.starts_with("riptide-data/") && !root().join(path).exists() {
                findings.push(format!("{document} names {path}"));
            }
        }
    }
    assert_none("documents that name what is not there", &findings);
}

#[test]
fn every_library_says_what_it_is_and_is_not() {
    let mut findings = Vec::new();
    for path in files_below(".") {
        let is_part = ["engine/", "connectors/", "config/", "admin/"];
        if !path.ends_with("/src/lib.rs") || !is_part.iter().any(|part| path.starts_with(part)) {
            continue;
        }
        let text = read(&path);
        let head: String = text.lines().take_while(|line| line.starts_with("//!")).collect();
        for wanted in ["absent", "Start"] {
            if !head.contains(wanted) {
                findings.push(format!("{path}: its first comment does not say \"{wanted}\""));
            }
        }
    }
    assert_none("libraries without an introduction", &findings);
}
