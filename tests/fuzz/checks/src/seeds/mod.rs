//! Where a fuzzer begins: real frames, files and accounts, cut to the length of its inputs.
//!
//! They are made at run time from the recordings that ship with the project, so that no corpus is
//! committed. Cut bytes alone would hardly ever be read as a whole: where a frame is longer than an
//! input may be, a shorter one with fewer levels, of the same form, stands beside its head.

mod chain;
mod exchanges;
mod files;

use crate::rng::Rng;

/// Longest input. Unit: bytes.
pub const SEED_BYTES_MAX: usize = 4_096;

/// The seeds of a target; none for a name that is no target's.
#[must_use]
pub fn of(target: &str) -> Vec<Vec<u8>> {
    let mut seeds = match target {
        "coinbase" => exchanges::coinbase(),
        "gemini" => exchanges::gemini(),
        "bitstamp" => exchanges::bitstamp(),
        "solana" => chain::solana(),
        "recorder" => files::recorder(),
        "accounts" => chain::accounts(),
        "swaps" => files::swaps(),
        "configuration" => files::configuration(),
        "decimals" => files::decimals(),
        "quote" => noise(),
        _ => Vec::new(),
    };
    for seed in &mut seeds {
        seed.truncate(SEED_BYTES_MAX);
    }
    seeds.retain(|seed| !seed.is_empty());
    seeds
}

/// Bytes of several lengths: what stands for a pool needs no form.
fn noise() -> Vec<Vec<u8>> {
    let mut rng = Rng::new(7);
    (0..256_usize)
        .map(|index| (0..60 + 4 * index).map(|_| rng.index(256).to_le_bytes()[0]).collect())
        .collect()
}

/// The text with only the first `keep` elements of the list behind `open`, where there is one.
fn shortened(text: &str, open: &str, keep: usize) -> String {
    let Some(start) = text.find(open).map(|at| at + open.len()) else { return text.to_owned() };
    let (mut depth, mut seen, mut kept_end, mut end) = (0_usize, 0, None, text.len());
    for (offset, byte) in text[start..].bytes().enumerate() {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' if depth == 0 => {
                end = start + offset;
                break;
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                seen += 1;
                if seen == keep {
                    kept_end = Some(start + offset);
                }
            }
            _ => {}
        }
    }
    let kept_end = if keep == 0 { start } else { kept_end.unwrap_or(end) };
    format!("{}{}", &text[..kept_end], &text[end..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TARGETS;

    #[test]
    fn every_seed_passes_its_check() {
        for (target, check) in TARGETS {
            let seeds = of(target);
            assert!(seeds.len() >= 20, "{target}: {} seeds", seeds.len());
            for seed in &seeds {
                assert!(seed.len() <= SEED_BYTES_MAX, "{target}");
                check(seed);
            }
        }
    }

    #[test]
    fn lists_are_shortened_in_their_place() {
        let text = r#"{"a":[["1","2"],["3","4"],{"x":[5,6]}],"b":[7]}"#;
        for (open, keep, short) in [
            ("\"a\":[", 2, r#"{"a":[["1","2"],["3","4"]],"b":[7]}"#),
            ("\"a\":[", 1, r#"{"a":[["1","2"]],"b":[7]}"#),
            ("\"a\":[", 0, r#"{"a":[],"b":[7]}"#),
            ("\"a\":[", 9, text),
            ("\"b\":[", 1, text),
            ("\"c\":[", 1, text),
        ] {
            assert_eq!(shortened(text, open, keep), short, "{open} {keep}");
        }
    }
}
