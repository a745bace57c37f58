//! The shipped recording: it can be rebuilt, it is what it says, and it holds what it promises.
//!
//! Everything here reads the files with `serde_json`, `BTreeMap` and decimals of its own, not with
//! the project's decoders, except where a test says that the decoders find nothing odd in them.

mod accounts;
mod decoders;
mod episodes;
mod frames;
mod recorded;
mod trades;
mod view;

use std::path::PathBuf;

use connector_emulator::bundle;

/// The bundle's folder.
fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/data/bundle"))
}

/// Lines of a file of the bundle, parsed.
fn lines(path: &str) -> Vec<serde_json::Value> {
    let packed = std::fs::read(folder().join(path)).expect("the bundle is complete");
    let text = zstd::bulk::decompress(&packed, 64 << 20).expect("zstd");
    let text = String::from_utf8(text).expect("UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect("one JSON object a line")).collect()
}

/// The text of a line's `data`, parsed.
fn data(line: &serde_json::Value) -> serde_json::Value {
    serde_json::from_str(line["data"].as_str().expect("a text")).expect("frames are JSON")
}

#[test]
fn the_generator_writes_the_derived_part_byte_for_byte() {
    let report = bundle::check(&folder(), None).expect("equal");
    assert_eq!(report.len(), 4, "{report:?}");
    assert_eq!(bundle::derived(), bundle::derived(), "two runs in one process");
}

#[test]
fn the_bundle_stays_small() {
    let mut bytes = 0;
    for part in ["derived", "recorded"] {
        for entry in std::fs::read_dir(folder().join(part)).expect("a folder") {
            let length = entry.expect("an entry").metadata().expect("a file").len();
            assert!(length < 1 << 20, "each file is embedded on its own: {length} bytes");
            bytes += length;
        }
    }
    assert!(bytes < 3 << 20, "{bytes} bytes");
}

#[test]
fn its_configuration_is_valid() {
    let path = folder().join("bundle.toml");
    let text = std::fs::read_to_string(path).expect("the bundle is complete");
    match config::Config::parse("bundle.toml", &text) {
        Ok(parsed) => assert_eq!(parsed.captures.len(), 6),
        Err(problems) => panic!("{problems:?}"),
    }
}
