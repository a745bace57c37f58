//! Worlds in which mixed faults come at seeded times, one after the other.
//!
//! Each seed: twenty seconds of market time, faults of every kind in the first fourteen, then quiet
//! until every market is live and the slowest comparison with a venue's own book has had its time.
//! Then nothing may differ. `RIPTIDE_CAMPAIGN_SEEDS` says how many seeds, `RIPTIDE_CAMPAIGN_FIRST`
//! which is the first.

use connector_emulator::config::{EmulateConfig, RandomFaults};

use crate::harness::{Scene, Stage, unhurried};
use crate::story::Story;

/// Seeds where nothing else is asked for.
const SEEDS_DEFAULT: u64 = 3;

/// How much faster than the machine's time the market runs.
const SCALE: u32 = 20;

/// Faults of one seed.
const FAULTS: usize = 12;

/// No new fault after this. Unit: milliseconds of market time.
const FAULTS_UNTIL_MS: u64 = 14_000;

/// Longest fault. Unit: milliseconds of market time.
const LONGEST_MS: u64 = 4_000;

/// The whole of it, without the quiet that follows. Unit: milliseconds of market time.
const LASTS_MS: u64 = 20_000;

/// Quiet: two comparisons with a book that requests give, each with its time to settle, and a
/// connection that is made anew because of them. Unit: milliseconds of market time.
const QUIET_MS: u64 = 30_000;

/// Seeds that the process has to warm up.
const WARM_UP: u64 = 20;

/// Memory is judged over no fewer seeds.
const JUDGED_FROM: u64 = 50;

/// Growth after that. Unit: percent.
const GROWTH_PERCENT: u64 = 5;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn troubled(config: &mut EmulateConfig) {
    config.random_faults = Some(RandomFaults {
        count: FAULTS,
        // Not before the engine is there.
        from_ms: 4_000,
        until_ms: FAULTS_UNTIL_MS,
        longest_ms: LONGEST_MS,
    });
}

fn one(seed: u64) -> Story {
    let mut sets = unhurried();
    sets.push("venues.gemini.audit_every_ms=1000".to_owned());
    sets.push("venues.bitstamp.audit_every_ms=1000".to_owned());
    let stage = Stage { seed, scale: SCALE, sets, adjust: troubled, ..Stage::default() };
    let scene = Scene::start(&stage);
    scene.pass_ms(LASTS_MS);
    let mut is_well = scene.is_well_again();
    scene.pass_ms(QUIET_MS);
    is_well &= scene.is_well_again();
    let mut story = scene.end();
    if !is_well {
        story.problems.push("it did not come back".to_owned());
    }
    story
}

/// Resident memory of this process. Unit: pages.
fn resident_pages() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    text.split_whitespace().nth(1)?.parse().ok()
}

#[test]
fn whatever_comes_the_books_are_the_venues_in_the_end() {
    let seeds = number("RIPTIDE_CAMPAIGN_SEEDS", SEEDS_DEFAULT);
    let first = number("RIPTIDE_CAMPAIGN_FIRST", 1);
    let mut failed = Vec::new();
    let mut warm = None;
    let mut decisions = 0;
    for seed in first..first + seeds {
        let mut story = one(seed);
        if !story.problems.is_empty() && story.has_stalled {
            println!("seed {seed}: the machine stood still; played again");
            story = one(seed);
        }
        if !story.problems.is_empty() {
            let faults: Vec<String> = story
                .faults
                .iter()
                .filter(|fault| fault.applied > 0)
                .map(|fault| format!("{} {:?}", fault.order.venue, fault.order.fault))
                .collect();
            println!(
                "seed {seed}: {}\n  faults: {}\n  links: {}\n  repeat: RIPTIDE_CAMPAIGN_FIRST={seed} \
                 RIPTIDE_CAMPAIGN_SEEDS=1 cargo test -p system-tests --test live campaign",
                story.problems.join("; "),
                faults.join("; "),
                story.links_line(),
            );
            failed.push(seed);
        }
        decisions += story.decisions;
        drop(story);
        if seed == first + WARM_UP {
            warm = resident_pages();
        }
    }
    assert!(failed.is_empty(), "seeds {failed:?} of {seeds}");
    assert!(decisions > 0, "nothing was decided at all: the campaign shows nothing");
    println!("{seeds} seeds, {decisions} decisions");
    let Some((warm, now)) = warm.zip(resident_pages()) else { return };
    println!("{seeds} seeds; resident pages {warm} after {WARM_UP} seeds, {now} at the end");
    if seeds >= JUDGED_FROM {
        let most = warm + warm * GROWTH_PERCENT / 100;
        assert!(now <= most, "resident memory grew from {warm} to {now} pages");
    }
}
