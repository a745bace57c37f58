//! The recorded part is what was recorded, and both files start together.

use rust_decimal::Decimal;

use super::{folder, lines};
use crate::support::shared;

#[test]
fn the_captures_are_unchanged() {
    for (name, source) in connector_emulator::bundle::RECORDED {
        let Some(source) = shared(source) else { return };
        let wanted = std::fs::read(source).expect("readable");
        let found = std::fs::read(folder().join("recorded").join(name)).expect("readable");
        assert!(found == wanted, "{name}");
    }
}

#[test]
fn the_shift_brings_the_first_frames_together() {
    let text = std::fs::read_to_string(folder().join("bundle.toml")).expect("readable");
    let table: toml::Table = text.parse().expect("TOML");
    let captures = table["captures"].as_array().expect("captures");
    let mut first = Vec::new();
    for capture in captures.iter().filter(|capture| capture["part"].as_str() == Some("recorded")) {
        let shift: Decimal = capture["shift"].as_str().expect("a text").parse().expect("a decimal");
        let list = lines(capture["file"].as_str().expect("a text"));
        let frame = list.iter().find(|line| line["t"] == "recv").expect("a frame");
        let ts: Decimal = frame["ts"].to_string().parse().expect("a time");
        first.push(ts + shift);
    }
    assert_eq!(first.len(), 2);
    assert_eq!(first[0], first[1]);
}
