//! An hour of the shipped recording at twenty times its rate of messages, over sockets, through the
//! engine as `riptide run` starts it: nothing may grow, and nothing may be lost without a word.
//!
//! The emulators are a process of their own and play the recording in a loop; the engine is this
//! process. It fails where resident memory has grown by more than a twentieth after warming up, or where
//! events that rings lost are not all accounted for by gaps in the journal.
//!
//! `cargo bench -p benches --bench soak -- [SECONDS [WAIT]]`: 180 s, `auto`.
#![expect(clippy::print_stdout, reason = "a benchmark reports on standard output")]

#[path = "../common/mod.rs"]
mod common;
mod looped;
mod sampler;

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use common::{Emulated, load, words};
use config::Config;
use connector_link::Clock;
use connector_net::Sink;
use connector_net::session::LinkSettings;
use engine_daemon::demo::CONFIG;
use engine_daemon::journal::feed::JournalFeed;
use engine_daemon::live::core_loop::Observer;
use engine_daemon::live::ring::LiveHead;
use engine_daemon::live::run::Run;
use engine_daemon::live::session::Ended;
use engine_model::{Body, Venue};
use engine_telemetry::Stage;
use looped::Looped;
use sampler::{Look, Sampler};

/// The daemon's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// So many times the recording's rate.
const SPEED: u64 = 20;
/// Rows of the table.
const ROWS: usize = 12;
/// The recording goes on for so long after the budget, so that it never ends first. Unit: seconds.
const SPARE_S: u64 = 30;
/// Most that memory may grow by after warming up. Unit: per thousand.
const GROWTH_PERMILLE: u64 = 50;
/// Warming up: every buffer has had its largest frame after a round of the recording (twelve seconds)
/// and the latencies were written twice. Unit: milliseconds.
const WARM_MS: u64 = 30_000;

/// Counts batches.
struct Counter(Arc<AtomicU64>);

impl Observer for Counter {
    fn stepped(&mut self, _: &LiveHead, _: u64) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn main() {
    let words = words();
    let seconds: u64 = words.first().map_or(180, |word| word.parse().expect("a number"));
    let wait = words.get(1).map_or("auto", String::as_str);
    let dir = tempfile::tempdir().expect("a temporary directory");
    let looped = looped::write(dir.path(), (seconds + SPARE_S) * SPEED, SPEED);
    let emulate = dir.path().join("emulate.toml");
    std::fs::write(&emulate, emulated(&looped)).expect("a file in a temporary directory");
    println!(
        "soak: {} s of the recording in {seconds} s, wait {wait}, load {}",
        seconds * SPEED,
        load()
    );
    let emulated = Emulated::start(&emulate);
    let batches = Arc::new(AtomicU64::new(0));
    let sampler = Sampler::start(emulated.child.id(), Arc::clone(&batches));
    let ended = run(&emulated, wait, seconds, dir.path(), batches);
    let looks = sampler.end();
    emulated.stop();
    println!("load at the end {}", load());
    table(&looks);
    links(&ended, &looped, seconds);
    accounted(&ended);
    grown(&looks);
}

fn emulated(looped: &Looped) -> String {
    let mut text = format!("[market]\nsource = \"captures\"\ncaptures = {:?}\n", looped.paths);
    for name in ["coinbase", "gemini", "bitstamp", "solana"] {
        let _ = writeln!(text, "[venues.{name}]\nport = 0");
    }
    text
}

fn run(
    emulated: &Emulated,
    wait: &str,
    seconds: u64,
    dir: &Path,
    batches: Arc<AtomicU64>,
) -> Ended {
    let mut sets = emulated.sets();
    sets.push(format!("runtime.wait=\"{wait}\""));
    // The feed that was recorded: the current one says what a tenth of a second has changed in one frame.
    sets.push("venues.gemini.feed=\"v2\"".to_owned());
    let config = Config::parse_with("soak", CONFIG, &sets).expect("a good configuration");
    let run = Run {
        config,
        config_name: "soak".to_owned(),
        config_text: CONFIG.to_owned(),
        config_sets: sets,
        journal_dir: Some(dir.join("journal")),
        seconds: Some(seconds),
        record: None,
        recorded: Arc::default(),
        clock: Clock::new(),
        links: LinkSettings::default(),
        observer: Box::new(Counter(batches)),
        at_end: None,
        say: Arc::new(|line| println!("{line}")),
    };
    run.go().unwrap_or_else(|failure| panic!("{}: {}", failure.says, failure.hint))
}

fn table(looks: &[Look]) {
    println!(
        "   s    batches   batches/s   engine MiB   emulators MiB   threads, % of a processor"
    );
    let step = looks.len().div_ceil(ROWS).max(1);
    let mut before: Option<&Look> = None;
    for look in looks.iter().skip(step - 1).step_by(step) {
        let mut line = format!("{:>4}{:>11}", look.at_ms / 1_000, look.batches);
        let took_ms = before.map_or(look.at_ms, |it| look.at_ms - it.at_ms).max(1);
        let more = look.batches - before.map_or(0, |it| it.batches);
        let [engine, emulators] = look.resident_kib.map(|kib| kib / 1_024);
        let _ = write!(line, "{:>12}{engine:>13}{emulators:>16}  ", more * 1_000 / took_ms);
        for (name, ticks) in &look.threads {
            let known = before.and_then(|it| it.threads.iter().find(|(known, _)| known == name));
            let spent_ms = (ticks - known.map_or(0, |(_, ticks)| *ticks).min(*ticks)) * 10;
            if spent_ms > 0 {
                let _ = write!(line, " {name} {}", spent_ms * 100 / took_ms);
            }
        }
        println!("{line}");
        before = Some(look);
    }
}

fn links(ended: &Ended, looped: &Looped, seconds: u64) {
    println!(
        "link                frames  frames/s  times the recording's  opens  doubts  resyncs  lost events"
    );
    for link in &ended.links {
        let counts = &link.counts;
        #[expect(clippy::cast_precision_loss, reason = "a rate, for a report")]
        let rate = counts.frames as f64 / seconds as f64;
        let recorded = looped.rates.iter().find(|(name, _)| *name == link.name);
        let times = recorded.map_or_else(String::new, |(_, own)| format!("{:.1}", rate / own));
        println!(
            "{:<14}{:>12}{rate:>10.0}{times:>23}{:>7}{:>8}{:>9}{:>13}",
            link.name,
            counts.frames,
            counts.opens,
            counts.doubts,
            counts.resyncs,
            counts.lost_events,
        );
    }
    let report = &ended.report;
    println!(
        "{} batches, {} events, all recorded: {}",
        report.batches, report.events, ended.is_recorded
    );
    for venue in Venue::ALL {
        let all = &ended.latencies.venues[venue as usize];
        for it in all.summaries().filter(|it| it.stage == Stage::Wire) {
            let (name, [p50, p99]) = (venue.name(), [it.p50_ns, it.p99_ns].map(|ns| ns / 1_000));
            println!(
                "{name}: socket to decision {p50} µs p50, {p99} µs p99, {} µs max",
                it.max_ns / 1_000
            );
        }
    }
}

/// What rings lost is what gaps in the journal say was lost.
fn accounted(ended: &Ended) {
    let mut told = [0_u64; Venue::ALL.len()];
    let mut feed = JournalFeed::open(&ended.journal_dir, ended.report.begin_seq)
        .unwrap_or_else(|failure| panic!("{}: {}", failure.says, failure.hint));
    let mut sink = Sink::default();
    while feed.advance(&mut sink).is_some() {
        for event in &sink.events {
            if let Body::Gap { events, .. } = event.body {
                told[event.venue as usize] += events;
            }
        }
    }
    assert!(feed.into_stats().failed.is_none(), "the journal is read to its end");
    for venue in Venue::ALL {
        let own = ended.links.iter().filter(|link| link.venue == venue);
        let lost: u64 = own.map(|link| link.counts.lost_events).sum();
        println!("{}: {lost} events lost, {} told by gaps", venue.name(), told[venue as usize]);
        assert_eq!(lost, told[venue as usize], "{}: every loss is told", venue.name());
    }
    assert!(ended.is_recorded, "everything was recorded");
}

fn grown(looks: &[Look]) {
    let resident =
        |looks: &mut dyn Iterator<Item = &Look>| looks.map(|it| it.resident_kib[0]).max();
    let warm = resident(&mut looks.iter().filter(|look| look.at_ms <= WARM_MS));
    let after = resident(&mut looks.iter().filter(|look| look.at_ms > WARM_MS));
    let (Some(warm), Some(after)) = (warm, after) else {
        println!("too short for a word on growth");
        return;
    };
    println!("resident: {warm} KiB at most while warming up, {after} KiB after");
    assert!(
        after * 1_000 <= warm * (1_000 + GROWTH_PERMILLE),
        "memory grows: {warm} to {after} KiB"
    );
}
