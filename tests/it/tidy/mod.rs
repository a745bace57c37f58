//! What a compiler cannot check: who may use whom, what must be absent, how long things may be.

mod crates;
mod documents;
mod lengths;
mod modules;
mod purity;
mod source;

use std::fs;
use std::path::{Path, PathBuf};

/// Folders without anything of ours: build output, and what fuzzing leaves behind.
const FOREIGN_FOLDERS: &[&str] = &["target", ".git", "corpus", "artifacts", "coverage"];

/// Root of the project.
fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Every file below `folder` (relative to the root), as paths relative to the root with `/`, sorted.
fn files_below(folder: &str) -> Vec<String> {
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root().join(&folder)).expect("a folder of the project") {
            let entry = entry.expect("an entry of the folder");
            let name = entry.file_name();
            let path = folder.join(&name);
            if entry.file_type().expect("a file type").is_dir() {
                if !FOREIGN_FOLDERS.iter().any(|foreign| name == *foreign) {
                    folders.push(path);
                }
            } else {
                let path = path.to_str().expect("UTF-8 file names").replace('\\', "/");
                files.push(path.trim_start_matches("./").to_owned());
            }
        }
    }
    files.sort_unstable();
    files
}

/// Every Rust file below `folder`, as (relative path, text).
fn rust_below(folder: &str) -> Vec<(String, String)> {
    let is_rust = |path: &String| Path::new(path).extension().is_some_and(|end| end == "rs");
    files_below(folder)
        .into_iter()
        .filter(is_rust)
        .map(|path| (path.clone(), read(&path)))
        .collect()
}

/// Text of a file of the project.
fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A TOML file of the project.
fn read_toml(path: &str) -> toml::Table {
    read(path).parse().unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Fails with every finding at once.
fn assert_none(rule: &str, findings: &[String]) {
    assert!(findings.is_empty(), "{rule}:\n  {}", findings.join("\n  "));
}
