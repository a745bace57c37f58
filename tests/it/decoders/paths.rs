//! The scanner and the typed path give the same events, on real frames and on damaged ones.

use connector_net::Input;
use connector_net::capture::Kind;

use super::{ALL, Twins, capture, known};
use crate::support::{Rng, budget};

#[test]
fn both_paths_agree_on_every_input_of_every_capture() {
    for (venue, file) in ALL {
        let Some(capture) = capture(file) else { continue };
        let mut twins = Twins::new(venue, &known(&capture, venue));
        for record in capture.records() {
            let record = record.expect("readable");
            twins.feed(record.recv_ns, record.line, record.input());
        }
        let counts = twins.fast.get().counts();
        // At least 99 % of the updates, by the scanner.
        assert!(counts.fast >= 100, "{file}: {counts:?}");
        assert!(counts.typed * 99 <= counts.fast, "{file}: {counts:?}");
        println!("{file}: {} updates by the scanner, {} typed", counts.fast, counts.typed);
    }
}

#[test]
fn both_paths_agree_on_damaged_frames() {
    let mutations = budget("RIPTIDE_DECODER_MUTATIONS", 12);
    for (venue, file) in ALL {
        let Some(capture) = capture(file) else { continue };
        let mut rng = Rng::new(venue as u64 + 1);
        let mut twins = Twins::new(venue, &known(&capture, venue));
        for record in capture.records() {
            let record = record.expect("readable");
            // A whole BTC book takes its time: one damage each.
            let rounds = if record.data.len() > 100_000 { 1 } else { mutations };
            for _ in 0..rounds {
                let damaged = damage(record.data.as_bytes(), &mut rng);
                let input = match &record.kind {
                    Kind::Received => Input::Received(&damaged),
                    Kind::Http { url, .. } => Input::Http { url, request: b"", body: &damaged },
                    Kind::Connected { .. } | Kind::Closed | Kind::Sent => continue,
                };
                let mut tried = twins.clone();
                tried.feed(record.recv_ns, record.line, input);
                // The state behind the damage is the same as well.
                tried.feed(record.recv_ns, record.line, record.input());
            }
            twins.feed(record.recv_ns, record.line, record.input());
        }
    }
}

/// What a damage puts between two bytes.
const TOKENS: [&[u8]; 24] = [
    b"\"",
    b",",
    b"}",
    b"]",
    b"{",
    b"[",
    b"\\",
    b" ",
    b"\n",
    b"0",
    b"00",
    b".",
    b"-1",
    b"e9",
    b"\"\"",
    b"null",
    b"\\u0030",
    b"\x00",
    b"\xff",
    b"\xc3\xa9",
    b"9999999999999999999",
    b"\"x\":1,",
    b"\"type\":\"update\",",
    b"true",
];

/// One to three small damages of the kinds that a wire, a cut file or a changed venue would make.
pub(super) fn damage(frame: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut bytes = frame.to_vec();
    for _ in 0..=rng.below(3) {
        if bytes.is_empty() {
            break;
        }
        // Near the ends more often than the length alone would have it: that is where the keys are.
        let near = bytes.len().min(200);
        let at = match rng.below(3) {
            0 => rng.index(near),
            1 => bytes.len() - 1 - rng.index(near),
            _ => rng.index(bytes.len()),
        };
        match rng.below(8) {
            0 => bytes[at] ^= 1 << rng.below32(8),
            1 => bytes[at] = b"0123456789.\"[]{},: bs"[rng.index(21)],
            2 => drop(bytes.remove(at)),
            3 => drop(bytes.splice(at..at, TOKENS[rng.index(TOKENS.len())].iter().copied())),
            4 => bytes.truncate(at),
            5 => {
                // Say a part again: duplicated keys, levels and digits.
                let end = (at + 1 + rng.index(60)).min(bytes.len());
                let part = bytes[at..end].to_vec();
                bytes.splice(at..at, part);
            }
            6 => {
                let end = (at + 1 + rng.index(60)).min(bytes.len());
                bytes.drain(at..end);
            }
            _ => {
                // A number with more zeros, or another digit.
                let digit = bytes[at..].iter().position(u8::is_ascii_digit).map(|found| at + found);
                let Some(digit) = digit else { continue };
                match rng.below(3) {
                    0 => bytes[digit] = b'0' + u8::try_from(rng.below(10)).expect("a digit"),
                    1 => drop(bytes.splice(digit..digit, b"000000000000000000000".iter().copied())),
                    _ => drop(bytes.splice(digit..=digit, b"\"".iter().copied())),
                }
            }
        }
    }
    bytes
}
