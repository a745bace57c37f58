//! `riptide demo`: emulated venues and the engine over real sockets, in one process.
//!
//! Layout: this file starts and ends both, [`view`] shows what happens while it does, [`books`] compares
//! what the engine was told with what the venues hold, [`report`] sums up.
//!
//! Deliberately absent: shortcuts. The engine is started as `riptide run` starts it, and talks to the
//! venues over loopback sockets in their own protocols.

pub mod books;
pub mod report;
pub mod view;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use config::Config;
use connector_emulator::config::{EmulateConfig, MarketSource};
use connector_emulator::serve::{self, Running};
use connector_emulator::world::world;
use connector_link::Clock;
use connector_net::session::LinkSettings;

use crate::cli_output::{Exit, Failure, Form, write_json, write_text};
use crate::live::boot::Say;
use crate::live::run::Run;
use crate::replay::make_room;

/// Where the journal of a demo lies; the next demo replaces it.
pub const JOURNAL_DEFAULT: &str = "riptide-data/demo";

/// The configuration of the demo. Addresses are those of the emulated venues.
pub const CONFIG: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/example/demo.toml"));

/// How long the engine may take to hear of the last change. Unit: milliseconds.
const SETTLE: Duration = Duration::from_millis(1_500);

/// A second.
const SECOND_NS: u64 = 1_000_000_000;
/// A slot of the emulated chain.
const SLOT_NS: u64 = 400_000_000;

/// Where the market comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pacing {
    /// A seeded market of its own.
    #[default]
    Market,
    /// The recording that ships, paced in time.
    Capture,
}

/// What the command is given.
pub struct DemoArgs {
    /// How long, from the moment that every market is live.
    pub seconds: u64,
    /// Seed of the market.
    pub seed: u64,
    /// Where the market comes from.
    pub pacing: Pacing,
    /// Overrides of the engine's configuration.
    pub sets: Vec<String>,
    /// Form of the report.
    pub form: Form,
}

/// The command.
#[must_use]
pub fn command(args: &DemoArgs) -> Exit {
    match run(args) {
        Ok(report) => {
            let written = match args.form {
                Form::Text => write_text(&report::text(&report)),
                Form::Json => write_json(&report::object(&report)),
            };
            written.err().unwrap_or(if report.is_good() { Exit::Ok } else { Exit::Finding })
        }
        Err(failure) => failure.report(args.form),
    }
}

/// The emulated venues of a demo.
///
/// # Errors
///
/// [`Failure`] where they cannot listen.
pub fn venues(seed: u64, pacing: Pacing, start_s: u64) -> Result<Running, Failure> {
    let mut config = EmulateConfig {
        seed,
        control_port: None,
        start_unix_s: Some(start_s),
        ..EmulateConfig::default()
    };
    if pacing == Pacing::Capture {
        config.market.source = MarketSource::Captures;
        config.market.captures = unpacked()?;
    }
    let started = world(&config).and_then(|world| Ok(serve::start(world.options)?));
    started.map_err(|error| {
        Failure::new(
            Exit::Write,
            format!("the emulated venues did not start: {error}"),
            "is this machine out of ports, files or threads?",
        )
    })
}

/// The shipped recording as files: venues are emulated from files.
fn unpacked() -> Result<Vec<PathBuf>, Failure> {
    let dir = Path::new("riptide-data/demo-captures");
    let failed = |error: std::io::Error| {
        Failure::new(
            Exit::Write,
            format!("cannot write into {}: {error}", dir.display()),
            "start it where a directory can be made",
        )
    };
    std::fs::create_dir_all(dir).map_err(failed)?;
    let mut paths = Vec::new();
    for (name, bytes) in crate::replay::bundle::shipped_files("derived/") {
        let path = dir.join(name);
        std::fs::write(&path, bytes).map_err(failed)?;
        paths.push(path);
    }
    Ok(paths)
}

/// Overrides that lead the engine to these venues.
///
/// # Errors
///
/// [`Failure`] where a venue does not listen.
pub fn addresses(running: &Running) -> Result<Vec<String>, Failure> {
    let mut sets = Vec::new();
    for name in ["coinbase", "gemini", "bitstamp", "solana"] {
        let address = running.venue(name).and_then(|bound| bound.plain);
        let Some(address) = address else {
            return Err(Failure::new(
                Exit::Internal,
                format!("the emulated {name} does not listen"),
                "please report it",
            ));
        };
        let (ws, http) = (format!("ws://{address}"), format!("http://{address}"));
        if name == "solana" {
            sets.push(format!("venues.solana.rpc_urls=[\"{http}\"]"));
            sets.push(format!("venues.solana.ws_urls=[\"{ws}\"]"));
        } else {
            sets.push(format!("venues.{name}.ws_url=\"{ws}\""));
            sets.push(format!("venues.{name}.rest_url=\"{http}\""));
        }
    }
    Ok(sets)
}

fn run(args: &DemoArgs) -> Result<report::Demo, Failure> {
    let journal_dir = PathBuf::from(JOURNAL_DEFAULT);
    make_room(&journal_dir)?;
    // The market begins at a whole second, so that two runs can be compared at one moment of its time.
    let start_s = connector_link::clock::wall_ns() / SECOND_NS;
    let running = Arc::new(venues(args.seed, args.pacing, start_s)?);
    let mut sets = addresses(&running)?;
    sets.extend(args.sets.iter().cloned());
    let config = Config::parse_with("demo.toml", CONFIG, &sets).map_err(|problems| {
        let says: Vec<String> = problems.iter().map(|it| it.says.clone()).collect();
        Failure::new(Exit::BadConfig, says.join("; "), "riptide check names each problem")
    })?;
    let screen = view::Screen::start(args.form, args.seed, &running);
    let say: Say = screen.say();
    let observer = Box::new(view::Watcher::new(&config, screen.sender()));
    let compared_config = config.clone();
    let frozen = Arc::clone(&running);
    let frozen_at = Arc::new(AtomicU64::new(0));
    let frozen_ns = Arc::clone(&frozen_at);
    // When the run ends every book is in doubt: its connection is gone. They are compared before.
    let settled_at = Arc::new(AtomicU64::new(0));
    let settled_ns = Arc::clone(&settled_at);
    let clock = Clock::new();
    let run = Run {
        config,
        config_name: "demo.toml".to_owned(),
        config_text: CONFIG.to_owned(),
        config_sets: sets,
        journal_dir: Some(journal_dir),
        seconds: Some(args.seconds),
        record: None,
        recorded: Arc::default(),
        clock,
        links: LinkSettings::default(),
        observer,
        at_end: Some(Box::new(move || {
            // The market stops, the sockets do not: what was sent arrives, and both sides can be compared.
            frozen_ns.store(frozen.freeze(), Ordering::SeqCst);
            std::thread::sleep(SETTLE);
            settled_ns.store(clock.now_ns(), Ordering::SeqCst);
        })),
        say,
    };
    let ended = run.go();
    screen.end();
    let ended = ended?;
    let truth = running.truth().unwrap_or_default();
    let slot = truth["chain"]["slot"].as_u64().unwrap_or(0);
    drop(running);
    let dir = &ended.journal_dir;
    let begin_seq = ended.report.begin_seq;
    let grids = books::grids_of(dir, begin_seq)?;
    let recv_ns = settled_at.load(Ordering::SeqCst);
    if recv_ns == 0 {
        return Err(Failure::new(
            Exit::Finding,
            format!("interrupted before {} s were over; nothing was compared", args.seconds),
            format!("riptide verify {} shows what was recorded", dir.display()),
        ));
    }
    let end = books::Until { recv_ns, ..books::Until::END };
    let compared = books::compare(
        &compared_config,
        &grids,
        &books::told(dir, begin_seq, grids.len(), end)?,
        &truth,
    );
    // The same moment of the market's time in every demo of so many seconds.
    let start_ns = start_s * SECOND_NS;
    let frozen_ns = frozen_at.load(Ordering::SeqCst).saturating_sub(start_ns);
    let later = (frozen_ns / SLOT_NS).saturating_sub(args.seconds * SECOND_NS / SLOT_NS);
    let until = books::Until {
        venue_ns: start_ns + args.seconds * SECOND_NS,
        slot: slot.saturating_sub(later),
        recv_ns,
    };
    let told = books::told(dir, begin_seq, grids.len(), until)?;
    let books_at = books::digest(&told);
    let digests = told.iter().map(|told| told.digest().to_hex().to_string()).collect();
    Ok(report::Demo { ended, compared, books_at, digests, seconds: args.seconds, seed: args.seed })
}
