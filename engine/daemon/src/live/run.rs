//! `riptide run`: from a configuration file to a run and to its end.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use config::Config;
use connector_link::Clock;
use connector_net::session::{Cause, LinkSettings, LinkView, Phase, StreamState};
use engine_journal::SyncPolicy;
use engine_model::units::NS_PER_MS;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::boot::{Learnt, Say, learn, net};
use super::core_loop::{Observer, Unseen};
use super::hangup::Running;
use super::session::{Ended, Live, Options, Taps};
use super::unfit::{misconfigured, permanent, url_key};
use crate::check::load_with_text;
use crate::cli_output::{Exit, Failure, Form, write_json, write_text};
use crate::journal::runs::build;
use crate::journal::writer::JournalOptions;
use crate::record::{RecordOptions, Recording};

/// How often a start that waits says what it waits for.
const SAY_EVERY: Duration = Duration::from_secs(5);
/// A stop has at least so long, whatever is configured.
const STOP_MIN: Duration = Duration::from_secs(2);
/// How often the journal's disk is looked at.
const DISK_EVERY: Duration = Duration::from_secs(1);
/// How often the supervisor looks.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What the command is given.
pub struct RunArgs {
    /// Configuration file.
    pub config: PathBuf,
    /// Overrides.
    pub sets: Vec<String>,
    /// Ends by itself after so many seconds of being live.
    pub seconds: Option<u64>,
    /// Raw captures go here.
    pub record: Option<PathBuf>,
    /// Form of the report.
    pub form: Form,
}

/// The command.
#[must_use]
pub fn command(args: &RunArgs) -> Exit {
    let (config, text) = match load_with_text(&args.config, &args.sets) {
        Ok(loaded) => loaded,
        Err(failure) => return failure.report(args.form),
    };
    let say = teller(args.form);
    let run = Run {
        config,
        config_name: args.config.display().to_string(),
        config_text: text,
        config_sets: args.sets.clone(),
        journal_dir: None,
        seconds: args.seconds,
        record: args.record.clone(),
        recorded: Arc::default(),
        clock: Clock::new(),
        links: LinkSettings::default(),
        observer: Box::new(Unseen),
        at_end: None,
        say,
    };
    match run.go() {
        Ok(ended) => report(&ended, args.form),
        Err(failure) => failure.report(args.form),
    }
}

/// Lines with the seconds since the start: on standard output, or nowhere where that is for JSON.
fn teller(form: Form) -> Say {
    let from = std::time::Instant::now();
    Arc::new(move |line: &str| {
        let text = format!("{:>8.2} s  {line}\n", from.elapsed().as_secs_f64());
        match form {
            // A reader that has gone away does not end the run.
            Form::Text => drop(write_text(&text)),
            Form::Json => crate::cli_output::note(&text),
        }
    })
}

/// A run as a command wants it.
pub struct Run {
    /// The configuration.
    pub config: Config,
    /// Where it comes from.
    pub config_name: String,
    /// As it was read.
    pub config_text: String,
    /// What was set over it.
    pub config_sets: Vec<String>,
    /// Where the journal lies; none: as configured.
    pub journal_dir: Option<PathBuf>,
    /// Ends by itself after so many seconds of being live.
    pub seconds: Option<u64>,
    /// Raw captures go here.
    pub record: Option<PathBuf>,
    /// The recording, from its start to its end.
    pub recorded: Arc<Mutex<Option<Recording>>>,
    /// Time.
    pub clock: Clock,
    /// How patient links are.
    pub links: LinkSettings,
    /// Looks on from the core's thread.
    pub observer: Box<dyn Observer + Send>,
    /// Done once when the time is over, before anything stops.
    pub at_end: Option<Box<dyn FnOnce() + Send>>,
    /// Tells the operator how far it has come.
    pub say: Say,
}

/// How a journal is written as the configuration says.
#[must_use]
pub fn journal_options(config: &Config) -> JournalOptions {
    let sync = match config.journal.sync {
        config::Sync::Always => SyncPolicy::Always,
        config::Sync::Interval => {
            SyncPolicy::Interval(u64::from(config.journal.sync_interval_ms) * NS_PER_MS)
        }
        config::Sync::None => SyncPolicy::None,
    };
    JournalOptions {
        sync,
        segment_bytes: u64::from(config.journal.segment_mib) << 20,
        build_hash: *blake3::hash(build().as_bytes()).as_bytes(),
        config_hash: *blake3::hash(format!("{config:?}").as_bytes()).as_bytes(),
        acknowledge: None,
    }
}

struct Signals {
    stop: [Signal; 2],
    reload: Signal,
}

impl Signals {
    fn new() -> Result<Self, Failure> {
        let open = |kind| {
            signal(kind).map_err(|error| {
                Failure::new(
                    Exit::Write,
                    format!("cannot listen for signals: {error}"),
                    "raise the limit on open files",
                )
            })
        };
        Ok(Self {
            stop: [open(SignalKind::terminate())?, open(SignalKind::interrupt())?],
            reload: open(SignalKind::hangup())?,
        })
    }
}

/// Starts a recording, and makes the taps of the links.
fn record(
    dir: &Path,
    config_text: &str,
    config_sets: &[String],
    learnt: &Learnt,
    kept: &Arc<Mutex<Option<Recording>>>,
) -> Result<Taps, Failure> {
    let options = RecordOptions::default();
    let mut recording = Recording::start(dir, options, config_text, config_sets)?;
    for answer in &learnt.answers {
        recording.http(answer.venue, answer.at_ns, &answer.url, &answer.body)?;
    }
    *kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(recording);
    let kept = Arc::clone(kept);
    Ok(Box::new(move |venue, conn| {
        let mut recording = kept.lock().unwrap_or_else(PoisonError::into_inner);
        match recording.as_mut() {
            Some(recording) => recording.tap(venue, conn),
            None => {
                Err(Failure::new(Exit::Internal, "the recording has ended", "please report it"))
            }
        }
    }))
}

/// A stop that was asked for before the start was over.
fn interrupted() -> Failure {
    Failure::new(
        Exit::Finding,
        "stopped before it was ready",
        "start it again when you want it to run",
    )
}

/// A stop that was not waited for.
fn late(why: &str) -> Failure {
    Failure::new(
        Exit::Internal,
        format!("{why}: the journal's newest records may be missing"),
        "the next start says what was cut off, if anything",
    )
}

/// Why a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    Signal,
    Over,
    CoreOver,
}

impl Run {
    /// Boots, runs, stops.
    ///
    /// # Errors
    ///
    /// [`Failure`]: what could not be started, or not be brought to its end.
    pub fn go(mut self) -> Result<Ended, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| {
            Failure::new(
                Exit::Write,
                format!("cannot start: {error}"),
                "raise the limits on open files and threads",
            )
        })?;
        let say = Arc::clone(&self.say);
        let (config, clock) = (self.config.clone(), self.clock);
        let seconds = self.seconds;
        let at_end = self.at_end.take();
        let recorded = Arc::clone(&self.recorded);
        let stop_ms = u64::from(config.runtime.stop_ms);
        let outcome = runtime.block_on(async {
            let mut signals = Signals::new()?;
            let live = {
                let boot = self.boot();
                tokio::pin!(boot);
                let [first, second] = &mut signals.stop;
                tokio::select! {
                    booted = &mut boot => booted?,
                    _ = first.recv() => return Err(interrupted()),
                    _ = second.recv() => return Err(interrupted()),
                }
            };
            let why = supervise(&live, &mut signals, seconds, clock, &say).await;
            if let (Ok(Why::Over), Some(at_end)) = (&why, at_end) {
                at_end();
            }
            if let Ok(Why::CoreOver) = why {
                say(
                    "error: the core or the journal has stopped; everything until then is recorded",
                );
            } else {
                finish_trades(&live, &mut signals, stop_ms, &say).await;
            }
            say("stopping: readers, core, journal");
            let stopping = tokio::task::spawn_blocking(move || live.stop());
            let [first, second] = &mut signals.stop;
            let ended = tokio::select! {
                ended = stopping => ended.unwrap_or_else(|_| Err(late("a thread failed"))),
                _ = first.recv() => Err(late("told to stop twice")),
                _ = second.recv() => Err(late("told to stop twice")),
                () = tokio::time::sleep(Duration::from_millis(stop_ms).max(STOP_MIN)) => {
                    Err(late("the stop took longer than [runtime] stop_ms"))
                }
            };
            Ok::<_, Failure>((ended, why))
        });
        // What still hangs (a name that is being resolved) does not hold up the end.
        runtime.shutdown_background();
        let (ended, why) = outcome?;
        let recording = recorded.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(recording) = recording {
            let it = recording.finish()?;
            say(&format!(
                "captured {} lines, {} bytes of text, in {} files; {} lines had no room",
                it.lines,
                it.bytes,
                it.files.len(),
                it.lost
            ));
        }
        let why = why?;
        let ended = ended?;
        if why == Why::CoreOver && !ended.is_recorded {
            return Err(Failure::new(
                Exit::Write,
                "the journal could not be written any more, so the engine has stopped",
                "free some room on its disk, then start again",
            ));
        }
        Ok(ended)
    }

    async fn boot(self) -> Result<Live, Failure> {
        let say = self.say;
        let config = self.config;
        say(&format!(
            "riptide {} · observe: nothing is sent to any venue · {}",
            env!("CARGO_PKG_VERSION"),
            self.config_name
        ));
        say(&format!("configuration ok: {} markets", config.markets.len()));
        let (net, http) = net(&config)?;
        let learnt = learn(&config, &http, self.clock, &say).await?;
        let journal = journal_options(&config);
        let journal_dir =
            self.journal_dir.unwrap_or_else(|| PathBuf::from(&config.runtime.journal_dir));
        let taps = match &self.record {
            None => None,
            Some(dir) => {
                Some(record(dir, &self.config_text, &self.config_sets, &learnt, &self.recorded)?)
            }
        };
        let options = Options {
            journal,
            journal_dir,
            clock: self.clock,
            links: self.links,
            seed: self.clock.now_ns(),
            grids: learnt.grids,
            net,
            http,
            observer: self.observer,
            taps,
            config,
            config_name: self.config_name,
            config_text: self.config_text,
            config_sets: self.config_sets,
        };
        let live = Live::start(options, &say)?;
        let found = live.recovered.as_deref().unwrap_or("new");
        say(&format!("journal {}: {found}", live.journal_dir().display()));
        for thread in &live.threads.list {
            let cpu = thread.cpu.map_or_else(String::new, |cpu| format!(", processor {cpu}"));
            say(&format!("thread {}: {}{cpu} · {}", thread.name, thread.waits.name(), thread.does));
        }
        Ok(live)
    }
}

/// Runs until there is a reason to stop.
async fn supervise(
    live: &Live,
    signals: &mut Signals,
    seconds: Option<u64>,
    clock: Clock,
    say: &Say,
) -> Result<Why, Failure> {
    let began_ns = clock.now_ns();
    let mut told: Vec<(String, bool)> = Vec::new();
    let mut live_ns: Option<u64> = None;
    let mut said = std::time::Instant::now();
    let mut problems: Vec<String> = Vec::new();
    let mut disk_at = std::time::Instant::now();
    live.look_at_disk();
    let mut looks = tokio::time::interval(LOOK_EVERY);
    let mut running = Running::new(live.begin.clone())?;
    let [first, second] = &mut signals.stop;
    loop {
        tokio::select! {
            _ = first.recv() => return Ok(Why::Signal),
            _ = second.recv() => return Ok(Why::Signal),
            _ = signals.reload.recv() => running.reload(live, say).await,
            _ = looks.tick() => {}
        }
        if disk_at.elapsed() >= DISK_EVERY {
            disk_at = std::time::Instant::now();
            live.look_at_disk();
        }
        if live.core_over.load(Ordering::SeqCst) {
            return Ok(Why::CoreOver);
        }
        let views = live.views();
        for view in &views {
            if live_ns.is_none()
                && let Some(failure) = permanent(view, live.nodes())
            {
                return Err(failure);
            }
            tell_change(view, live, &mut told, say);
            for problem in &view.problems {
                let line = format!("{}: {problem}", view.name);
                if !problems.contains(&line) {
                    say(&line);
                    problems.push(line);
                }
            }
            if live_ns.is_none()
                && let Some(failure) = misconfigured(view, running.markets())
            {
                return Err(failure);
            }
        }
        let is_live = views.len() == live.seen.len() && views.iter().all(LinkView::is_live);
        if is_live && live_ns.is_none() {
            let took_s = to_seconds(clock.now_ns() - began_ns);
            say(&format!("ready: every market is fresh and in sequence, after {took_s:.2} s"));
            live_ns = Some(clock.now_ns());
        }
        if live_ns.is_none() && said.elapsed() >= SAY_EVERY {
            said = std::time::Instant::now();
            say(&waits_for(&views, live, to_seconds(clock.now_ns() - began_ns)));
        }
        let over_ns = seconds.zip(live_ns).map(|(seconds, from)| from + seconds * 1_000_000_000);
        if over_ns.is_some_and(|over_ns| clock.now_ns() >= over_ns) {
            return Ok(Why::Over);
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "for people to read")]
fn to_seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

/// Says once when a link becomes live, and once when it is not any more.
fn tell_change(view: &LinkView, live: &Live, told: &mut Vec<(String, bool)>, say: &Say) {
    let is_live = view.is_live();
    let known = told.iter_mut().find(|(name, _)| *name == view.name);
    match known {
        Some((_, was_live)) if *was_live == is_live => return,
        Some((_, was_live)) => *was_live = is_live,
        None if !is_live => return,
        None => told.push((view.name.clone(), true)),
    }
    if is_live {
        say(&format!("{}: live, {} markets", view.name, view.streams.len()));
    } else {
        say(&format!("{}: not live: {}", view.name, state_of(view, live)));
    }
}

fn state_of(view: &LinkView, live: &Live) -> String {
    let cause = view.last_end.map_or_else(String::new, |cause| {
        let says = &view.last_error;
        let colon = if says.is_empty() { "" } else { ": " };
        // A wrong host or port looks like a venue that is down: whoever reads this may know better.
        let key = if cause == Cause::Refused {
            format!("; nobody answers, see [venues.{}] {}", view.venue.name(), url_key(view.venue))
        } else {
            String::new()
        };
        format!(" (last end: {}{colon}{says}{key})", cause.name())
    });
    match view.phase {
        Phase::Down { .. } => format!("no connection, trying again{cause}"),
        Phase::Dialing { .. } => format!("connecting{cause}"),
        Phase::Open { .. } => {
            let waiting = view.streams.iter().filter(|it| it.state != StreamState::Live);
            let names = live.market_names();
            let names: Vec<&str> =
                waiting.filter_map(|it| names.get(it.market.index()).map(String::as_str)).collect();
            format!("waits for snapshots of {}{cause}", names.join(", "))
        }
    }
}

fn waits_for(views: &[LinkView], live: &Live, since_s: f64) -> String {
    let waiting = views.iter().filter(|view| !view.is_live());
    let each: Vec<String> =
        waiting.map(|view| format!("{}: {}", view.name, state_of(view, live))).collect();
    format!("waiting for {since_s:.0} s · {}", each.join(" · "))
}

/// No new trades; those under way have most of the budget to end. A second signal waits no longer.
async fn finish_trades(live: &Live, signals: &mut Signals, stop_ms: u64, say: &Say) {
    live.quiesce();
    let open = || live.open_trades.load(Ordering::Relaxed);
    let until = std::time::Instant::now() + Duration::from_millis(stop_ms * 6 / 10);
    let [first, second] = &mut signals.stop;
    let mut looks = tokio::time::interval(Duration::from_millis(10));
    // The count is renewed every few milliseconds: what the pause changed shows in the next look.
    looks.tick().await;
    while open() > 0 && std::time::Instant::now() < until {
        tokio::select! {
            _ = first.recv() => break,
            _ = second.recv() => break,
            _ = looks.tick() => {}
        }
    }
    if open() > 0 {
        say(&format!("{} simulated trades are left open: the journal says which", open()));
    }
}

fn report(ended: &Ended, form: Form) -> Exit {
    let written = match form {
        Form::Text => write_text(&super::report::text(ended)),
        Form::Json => write_json(&super::report::object(ended)),
    };
    written.err().unwrap_or(Exit::Ok)
}
