//! From the write of a frame by an emulated venue, a process of its own, over loopback to the decision
//! that follows from it, beside a bare receive of the same channels.
//!
//! Lanes take turns in one run: `bare` receives with tokio-tungstenite and does nothing else; `inline`,
//! `park` and `spin` are the engine with that way of waiting and the one venue; `pairs` is `inline` with
//! a second venue, so that every frame of the first is also compared with another book. The
//! emulators log number and monotonic time of every frame at its write; the venue numbers its frames, so
//! that both ends can be joined without touching the way between.
//!
//! What a machine with other work does to a median changes from second to second, so that turns are
//! short and many, and what the engine adds is the median over all rounds of the difference of two
//! medians of one round. Medians over everything stand beside it.
//!
//! `cargo bench -p benches --bench wire_live -- [ROUNDS [SECONDS]]`: 24 rounds of 1 s a lane.
#![expect(clippy::print_stdout, reason = "a benchmark reports on standard output")]

mod bare;
#[path = "../common/mod.rs"]
mod common;
mod engine;
mod table;
mod wake;

use common::{Emulated, load, words};
use connector_link::Clock;
use engine_daemon::live::latency::own_cost;
use table::{Phase, Way, quantiles, ways, writes};

/// The daemon's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The venue, as it is configured for the engine.
const CONFIG: &str = r#"
[engine]
mode = "observe"
numeraire = "USD"

[assets]
USD = { kind = "fiat", decimals = 6 }
BTC = { kind = "coin", decimals = 8 }
SOL = { kind = "coin", decimals = 9 }

[[markets]]
name = "coinbase:SOL-USD"
venue = "coinbase"
symbol = "SOL-USD"
base = "SOL"
quote = "USD"
fee_tier = "Intro (US)"
taker_fee_bps = 90
min_order_notional = "1"

[[markets]]
name = "coinbase:BTC-USD"
venue = "coinbase"
symbol = "BTC-USD"
base = "BTC"
quote = "USD"
fee_tier = "Intro (US)"
taker_fee_bps = 90
min_order_notional = "1"

[caps]
order_notional_usd = 500
order_size = { SOL = "50", BTC = "0.5" }
balances = { coinbase = { USD = "50000", SOL = "500", BTC = "2" }, gemini = { USD = "50000", SOL = "500", BTC = "2" } }
"#;

/// A second venue with the same coins.
const SECOND: &str = r#"
[[markets]]
name = "gemini:SOL-USD"
venue = "gemini"
symbol = "SOLUSD"
base = "SOL"
quote = "USD"
fee_tier = "API 0"
taker_fee_bps = 40
min_order_size = "0.001"

[[markets]]
name = "gemini:BTC-USD"
venue = "gemini"
symbol = "BTCUSD"
base = "BTC"
quote = "USD"
fee_tier = "API 0"
taker_fee_bps = 40
min_order_size = "0.00001"
"#;

/// Lanes: name, way of waiting, and whether it has a bar.
const LANES: [(&str, &str, Bar); 5] = [
    ("bare", "", Bar::None),
    ("inline", "inline", Bar::Plain),
    ("park", "park", Bar::WithWake),
    ("spin", "spin", Bar::None),
    ("pairs", "inline", Bar::None),
];

/// What the engine may add to the median of the bare receive. Unit: nanoseconds.
const BAR_NS: u64 = 5_000;
/// Wakes measured in each round.
const WAKES: usize = 200;

#[derive(Clone, Copy)]
enum Bar {
    /// Reported only.
    None,
    /// [`BAR_NS`].
    Plain,
    /// [`BAR_NS`] and the wake of a thread.
    WithWake,
}

fn main() {
    let words = words();
    let number = |index: usize, usual: u64| {
        words.get(index).map_or(usual, |word| word.parse().expect("a number"))
    };
    let (rounds, seconds) = (number(0, 24), number(1, 1));
    let dir = tempfile::tempdir().expect("a temporary directory");
    let log = dir.path().join("frames.csv");
    let emulate = dir.path().join("emulate.toml");
    let log_text = log.display();
    let text = format!(
        "seed = 11\nframe_log = \"{log_text}\"\n[venues.coinbase]\nport = 0\n[venues.gemini]\nport = 0\n"
    );
    std::fs::write(&emulate, text).expect("a file in a temporary directory");
    println!("wire_live: {rounds} rounds of {seconds} s a lane, load {}", load());
    let emulated = Emulated::start(&emulate);
    let (mut phases, mut wakes, mut connections) = (Vec::new(), Vec::new(), 0);
    for round in 0..rounds {
        for turn in 0..LANES.len() {
            // Another lane begins each round.
            let lane = (turn + usize::try_from(round).expect("few rounds")) % LANES.len();
            let (name, wait, _) = LANES[lane];
            let (opens, samples) = if name == "bare" {
                (1, bare::receive(address(&emulated), seconds))
            } else {
                let journal = dir.path().join(format!("{name}-{round}"));
                let text =
                    if name == "pairs" { format!("{CONFIG}{SECOND}") } else { CONFIG.into() };
                engine::receive((&text, &sets(&emulated, name)), wait, seconds, &journal)
            };
            if opens == 1 {
                phases.push(Phase { lane, round, connection: connections + 1, samples });
            } else {
                println!("round {round}: {name} connected {opens} times and is left out");
            }
            connections += opens;
        }
        wakes.extend(wake::wakes(WAKES));
    }
    emulated.stop();
    println!("load at the end {}", load());
    report(&phases, &writes(&log), quantiles(wakes));
}

/// Where the measured venue listens.
fn address(emulated: &Emulated) -> &str {
    let found = emulated.venues.iter().find(|(venue, _)| venue == "coinbase");
    &found.expect("a venue that is emulated").1
}

/// Overrides for a lane: venues that it has no market of are not configured.
fn sets(emulated: &Emulated, lane: &str) -> Vec<String> {
    let mut sets = emulated.sets();
    sets.retain(|set| lane == "pairs" || set.starts_with("venues.coinbase"));
    sets
}

fn report(phases: &[Phase], writes: &table::Writes, wake: [u64; 3]) {
    println!(
        "a parked thread wakes after {} / {} / {} ns (p50, p90, p99)",
        wake[0], wake[1], wake[2]
    );
    let own = own_cost(Clock::new());
    println!(
        "measuring: clock {} ps, histogram {} ps, {} ns a batch",
        own.read_ps, own.record_ps, own.batch_ns
    );
    for (what, only_updates) in [("book updates", true), ("all frames", false)] {
        println!(
            "{what:<16}{:>10}{:>15}{:>12}{:>12}{:>15}{:>12}{:>12}{:>13}",
            "frames", "received p50", "p90", "p99", "decided p50", "p90", "p99", "added",
        );
        for (lane, (name, _, bar)) in LANES.into_iter().enumerate() {
            let own: Vec<&Phase> = phases.iter().filter(|phase| phase.lane == lane).collect();
            let ways = ways(&own, writes, only_updates);
            let column = |pick: fn(&Way) -> u64| quantiles(ways.iter().map(pick).collect());
            let received = column(|way| way.received_ns);
            let decided = column(|way| way.decided_ns);
            let above = table::above_ns(phases, lane, writes, only_updates);
            let word = match bar {
                Bar::Plain => verdict(above, BAR_NS),
                Bar::WithWake => verdict(above, BAR_NS + wake[0]),
                Bar::None => String::new(),
            };
            println!(
                "{name:<16}{:>10}{:>15}{:>12}{:>12}{:>15}{:>12}{:>12}{above:>13} {word}",
                ways.len(),
                received[0],
                received[1],
                received[2],
                decided[0],
                decided[1],
                decided[2],
            );
        }
    }
}

fn verdict(above_ns: i64, bar_ns: u64) -> String {
    let word =
        if above_ns < i64::try_from(bar_ns).unwrap_or(i64::MAX) { "reached" } else { "MISSED" };
    format!("{word} (under {bar_ns})")
}
