//! Where a fuzzer begins: real frames, files and accounts, cut to the length of its inputs.
//!
//! They are made at run time from the recordings that ship with the project, so that no corpus is
//! committed. Cut bytes alone would hardly ever be read as a whole: where a frame is longer than an
//! input may be, a shorter one with fewer levels, of the same form, stands beside its head.

mod chain;
mod current;
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
        "gemini_current" => current::gemini_current(),
        "bitstamp" => exchanges::bitstamp(),
        "solana" => chain::solana(),
        "recorder" => files::recorder(),
        "accounts" => chain::accounts(),
        "swaps" => files::swaps(),
        "configuration" => files::configuration(),
        "decimals" => files::decimals(),
        "quote" | "journal" => noise(),
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

/// The text with fewer elements in the list behind `open`, where there is one: its first `keep`, and
/// the first `keep` of those with asks, which follow the bids.
fn shortened(text: &str, open: &str, keep: usize) -> String {
    let Some(start) = text.find(open).map(|at| at + open.len()) else { return text.to_owned() };
    let (mut elements, mut depth, mut begin, mut end) = (Vec::new(), 0_usize, start, text.len());
    for (offset, byte) in text[start..].bytes().enumerate() {
        let at = start + offset;
        match byte {
            b'[' | b'{' => depth += 1,
            b']' if depth == 0 => {
                end = at;
                break;
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                elements.push(&text[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    elements.push(&text[begin..end]);
    let is_ask = |element: &str| element.contains("\"offer\"") || element.contains("\"sell\"");
    let mut asks = 0;
    let mut kept = Vec::new();
    for (index, element) in elements.into_iter().enumerate() {
        asks += usize::from(is_ask(element));
        if index < keep || is_ask(element) && asks <= keep {
            kept.push(element);
        }
    }
    format!("{}{}{}", &text[..start], kept.join(","), &text[end..])
}

#[cfg(test)]
mod tests {
    use config::Config;
    use connector_net::capture::Capture;
    use connector_solana::accounts::AccountFile;
    use connector_solana::quote::{QuoteArgs, quote};
    use connector_solana::swaps::replay;
    use engine_poolmath::whirlpool::{Amount, Direction};

    use super::*;
    use crate::TARGETS;
    use crate::exchange;
    use crate::solana::POOL;

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
    fn seeds_lead_into_the_depth_of_every_reader() {
        let count = |target, reaches: &dyn Fn(&[u8]) -> bool| {
            of(target).iter().filter(|seed| reaches(seed)).count()
        };
        for wire in exchange::Wire::ALL {
            let sessions = count(wire.name(), &|seed| {
                let outcome = exchange::check(wire, seed);
                outcome.books_usable > 0 && outcome.updates_fast > 0
            });
            assert!(sessions >= 12, "{}: {sessions} sessions with updates", wire.name());
        }
        let recordings = count("recorder", &|seed| {
            Capture::from_bytes("f", seed).is_ok_and(|it| it.records().flatten().count() > 3)
        });
        assert!(recordings >= 40, "{recordings} recordings");
        let swaps = count("swaps", &|seed| {
            replay("f", seed).is_ok_and(|report| report.swaps > 0 && report.mismatches == 0)
        });
        assert!(swaps >= 4, "{swaps} files of swaps that agree");
        let configurations = count("configuration", &|seed| {
            core::str::from_utf8(seed).is_ok_and(|text| Config::parse("f", text).is_ok())
        });
        assert!(configurations >= 2, "{configurations} accepted configurations");
        let pools = count("accounts", &|seed| {
            let file = AccountFile::parse("f", seed);
            let args = QuoteArgs {
                pool: POOL,
                direction: Direction::BToA,
                amount: Amount::ExactIn(1_000_000),
                now_s: Some(1_700_000_400),
                epoch: Some(700),
            };
            file.is_ok_and(|file| quote(&file, &args).is_ok())
        });
        assert!(pools >= 4, "{pools} containers whose pool can be quoted");
        let crossing = count("quote", &|seed| crate::quote::explore(seed).crossing > 0);
        assert!(crossing >= 20, "{crossing} pools whose ticks are crossed");
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
