//! A world, the engine on it, and a watch on the machine.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use config::Config;
use connector_emulator::config::EmulateConfig;
use connector_emulator::keys::AccountKeys;
use connector_emulator::serve::{self, Fault, FaultOrder, Running};
use connector_emulator::world::world;
use connector_link::Clock;
use connector_net::session::{LinkSettings, LinkView};
use engine_daemon::demo;
use engine_daemon::live::boot::{Say, net};
use engine_daemon::live::core_loop::Unseen;
use engine_daemon::live::run::journal_options;
use engine_daemon::live::session::{Live, Options};
use engine_model::MarketId;

use crate::story::Story;

/// A second.
pub(crate) const SECOND_NS: u64 = 1_000_000_000;
/// A millisecond.
pub(crate) const MS_NS: u64 = 1_000_000;

/// Longest that anything is waited for, however slow the machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// When all worlds begin, so that a seed means the same at any hour.
const START_S: u64 = 1_790_000_000;

/// How long the engine has to hear of the last change. Unit: market nanoseconds.
const SETTLE_NS: u64 = 5 * SECOND_NS;

/// And no less than so long of the machine's time.
const SETTLE_REAL: Duration = Duration::from_millis(1_500);

/// The machine has stood still for a test's purposes when its watch slept so much longer than asked.
/// A connection is given up after three seconds of market time without a word.
const STALL_MARKET_NS: u64 = 3 * SECOND_NS / 2;

/// What a scenario is played on.
#[derive(Clone)]
pub(crate) struct Stage {
    /// Seed of the world.
    pub(crate) seed: u64,
    /// How much faster than the machine's time the market runs.
    pub(crate) scale: u32,
    /// How the engine's threads wait.
    pub(crate) wait: &'static str,
    /// Nodes of the chain.
    pub(crate) nodes: usize,
    /// Further settings of the engine.
    pub(crate) sets: Vec<String>,
    /// Further settings of the world.
    pub(crate) adjust: fn(&mut EmulateConfig),
}

/// Limits that judge how fast this machine is. Market time that runs faster makes it look slow, and an
/// engine that has halted for that would show nothing.
pub(crate) fn unhurried() -> Vec<String> {
    let limits = ["core_lag_ms_max", "core_step_ms_max", "journal_lag_ms_max"];
    limits.iter().map(|limit| format!("risk.{limit}=60000")).collect()
}

impl Default for Stage {
    fn default() -> Self {
        Self { seed: 11, scale: 5, wait: "inline", nodes: 1, sets: unhurried(), adjust: |_| {} }
    }
}

/// Notes how long the machine has kept a thread waiting that asked for a millisecond.
struct Watch {
    worst_ns: Arc<AtomicU64>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    fn start() -> Self {
        let worst_ns = Arc::new(AtomicU64::new(0));
        let is_over = Arc::new(AtomicBool::new(false));
        let (worst, over) = (Arc::clone(&worst_ns), Arc::clone(&is_over));
        let thread = std::thread::spawn(move || {
            let mut last = Instant::now();
            while !over.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(1));
                let now = Instant::now();
                let gap_ns = u64::try_from((now - last).as_nanos()).unwrap_or(u64::MAX);
                worst.fetch_max(gap_ns, Ordering::Relaxed);
                last = now;
            }
        });
        Self { worst_ns, is_over, thread: Some(thread) }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the watch only sleeps");
        }
    }
}

/// Scenes that play at once. A scene needs two processors: one for the world, one for the engine; with
/// fewer, deadlines of market time pass while nobody runs.
static SEATS: Mutex<Option<usize>> = Mutex::new(None);
static SEAT_FREE: Condvar = Condvar::new();

/// One scene's place.
struct Seat;

impl Seat {
    fn take() -> Self {
        let mut seats = SEATS.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let processors = std::thread::available_parallelism().map_or(1, usize::from);
            let free = seats.get_or_insert_with(|| (processors / 2).max(1));
            if *free > 0 {
                *free -= 1;
                return Self;
            }
            seats = SEAT_FREE.wait(seats).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seats = SEATS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(free) = seats.as_mut() {
            *free += 1;
        }
        SEAT_FREE.notify_one();
    }
}

/// A world with the engine on it.
pub(crate) struct Scene {
    _seat: Seat,
    /// The venues.
    pub(crate) running: Running,
    /// The engine.
    pub(crate) live: Live,
    /// What it is told.
    pub(crate) config: Config,
    scale: u32,
    clock: Clock,
    watch: Watch,
    dir: tempfile::TempDir,
    said: Arc<Mutex<Vec<String>>>,
}

/// Addresses of the venues of a world, as settings of the engine.
pub(crate) fn addresses(running: &Running, nodes: usize) -> Vec<String> {
    let mut sets = demo::addresses(running).expect("every venue listens");
    if nodes > 1 {
        let at = |name: &str| {
            running.venue(name).and_then(|bound| bound.plain).expect("both nodes listen")
        };
        let (first, second) = (at("solana"), at("solana-2"));
        sets.retain(|set| !set.starts_with("venues.solana."));
        sets.push(format!("venues.solana.rpc_urls=[\"http://{first}\", \"http://{second}\"]"));
        sets.push(format!("venues.solana.ws_urls=[\"ws://{first}\", \"ws://{second}\"]"));
    }
    sets
}

/// The configuration of the demo with these settings over it.
pub(crate) fn configured(sets: &[String]) -> Config {
    let parsed = Config::parse_with("demo.toml", demo::CONFIG, sets);
    parsed.unwrap_or_else(|problems| panic!("{problems:#?}"))
}

/// The world of a stage, listening, with the keys of its accounts.
pub(crate) fn world_of(stage: &Stage) -> (Running, Vec<AccountKeys>) {
    let mut config = EmulateConfig {
        seed: stage.seed,
        control_port: None,
        start_unix_s: Some(START_S),
        time_scale: stage.scale,
        ..EmulateConfig::default()
    };
    if stage.nodes > 1 {
        let node = config.venues["solana"].clone();
        config.venues.insert("solana-2".to_owned(), node);
    }
    (stage.adjust)(&mut config);
    let world = world(&config).expect("the world is sound");
    let running = serve::start(world.options).expect("the venues listen");
    (running, world.keys)
}

impl Scene {
    /// A world, and the engine on it; ready when every market is live.
    pub(crate) fn start(stage: &Stage) -> Self {
        Self::start_with(stage, |_, _| Vec::new())
    }

    /// As [`Scene::start`], with settings that depend on the world's keys; the directory is for files.
    pub(crate) fn start_with(
        stage: &Stage,
        more: impl FnOnce(&[AccountKeys], &Path) -> Vec<String>,
    ) -> Self {
        let seat = Seat::take();
        let watch = Watch::start();
        let dir = tempfile::tempdir().expect("a directory");
        let (running, keys) = world_of(stage);
        let mut sets = addresses(&running, stage.nodes);
        sets.push(format!("runtime.wait=\"{}\"", stage.wait));
        sets.extend(stage.sets.iter().cloned());
        sets.extend(more(&keys, dir.path()));
        let config = configured(&sets);
        let (net, http) = net(&config).expect("no file of authorities");
        let clock = Clock::scaled(running.clock().now_ns(), stage.scale);
        let options = Options {
            journal: journal_options(&config),
            journal_dir: dir.path().join("journal"),
            clock,
            links: LinkSettings::default(),
            seed: stage.seed,
            grids: vec![None; config.markets.len()],
            net,
            http,
            observer: Box::new(Unseen),
            taps: None,
            config: config.clone(),
            config_name: "demo.toml".to_owned(),
            config_text: demo::CONFIG.to_owned(),
            config_sets: sets,
        };
        let said = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&said);
        let say: Say = Arc::new(move |line: &str| {
            heard.lock().unwrap_or_else(PoisonError::into_inner).push(line.to_owned());
        });
        let live = Live::start(options, &say).expect("the engine starts");
        let scale = stage.scale;
        let scene = Self { _seat: seat, running, live, config, scale, clock, watch, dir, said };
        scene.until("every market is live", |views| views.iter().all(LinkView::is_live));
        scene
    }

    /// Market time. Unit: Unix nanoseconds.
    pub(crate) fn now_ns(&self) -> u64 {
        self.clock.now_ns()
    }

    /// Lets market time pass.
    pub(crate) fn pass_ms(&self, market_ms: u64) {
        std::thread::sleep(self.clock.real(market_ms * MS_NS));
    }

    /// Begins a fault; says when. Unit: Unix nanoseconds.
    pub(crate) fn fault(&self, venue: &str, fault: Fault, duration_ms: u64) -> u64 {
        let at_ns = self.now_ns();
        self.running.fault(FaultOrder::new(venue, fault, duration_ms)).expect("it can begin");
        at_ns
    }

    /// The links, once all have shown themselves.
    pub(crate) fn views(&self) -> Option<Vec<LinkView>> {
        let views = self.live.views();
        (views.len() == self.live.seen.len()).then_some(views)
    }

    /// A link by name.
    pub(crate) fn view(&self, name: &str) -> LinkView {
        let views = self.live.views();
        views.into_iter().find(|view| view.name == name).expect("it was seen before")
    }

    /// Waits until a fault has met something, or until then; says when. Unit: Unix nanoseconds of
    /// market time.
    pub(crate) fn meets_fault(&self, until_ns: u64) -> u64 {
        while self.now_ns() < until_ns && self.running.faults().iter().all(|it| it.applied == 0) {
            self.pass_ms(10);
        }
        self.now_ns()
    }

    /// Waits until something is so. False: not within [`PATIENCE`].
    pub(crate) fn comes(&self, is_so: impl Fn(&[LinkView]) -> bool) -> bool {
        let from = Instant::now();
        while from.elapsed() < PATIENCE {
            if self.views().is_some_and(|views| is_so(&views)) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        false
    }

    /// As [`Scene::comes`]; panics where it does not.
    pub(crate) fn until(&self, what: &str, is_so: impl Fn(&[LinkView]) -> bool) {
        assert!(self.comes(is_so), "waited for: {what}\n{:#?}", self.live.views());
    }

    /// Waits until every market is live.
    pub(crate) fn is_well_again(&self) -> bool {
        self.comes(|views| views.iter().all(LinkView::is_live))
    }

    /// Lets the market stand still, ends the engine, and reads what it has written down.
    pub(crate) fn end(self) -> Story {
        let stall_ns = || {
            let worst_ns = self.watch.worst_ns.load(Ordering::Relaxed);
            worst_ns.saturating_mul(u64::from(self.scale))
        };
        let frozen_ns = self.running.freeze();
        std::thread::sleep(self.clock.real(SETTLE_NS).max(SETTLE_REAL));
        let is_live = self.is_well_again();
        let has_stalled = stall_ns() > STALL_MARKET_NS || is_overloaded();
        let begin_seq = self.live.begin_seq;
        // What follows is the end itself: connections close, and say so.
        let until_ns = self.now_ns();
        let mut problems = Vec::new();
        if !is_live {
            problems.push(format!("not every market is live: {:#?}", self.live.views()));
        }
        let ended = self.live.stop().expect("the engine ends in order");
        let truth = self.running.truth().expect("the world tells");
        let counts = self.running.faults();
        if let Err(error) = self.running.stop() {
            problems.push(format!("the emulator: {error}"));
        }
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let dir = self.dir.path().join("journal");
        let mut story = Story::read(&self.config, &dir, (begin_seq, until_ns), &truth, ended);
        story.problems.splice(0..0, problems);
        story.has_stalled = has_stalled;
        story.frozen_ns = frozen_ns;
        story.faults = counts;
        story.said = said;
        story
    }
}

/// Markets of a venue.
pub(crate) fn markets_of(config: &Config, venue: &str) -> Vec<MarketId> {
    let numbered = config.markets.iter().enumerate();
    let own = numbered.filter(|(_, market)| market.venue.name() == venue);
    own.map(|(index, _)| MarketId(u16::try_from(index).expect("few markets"))).collect()
}

/// Whether more wants to run than processors can hold deadlines for.
fn is_overloaded() -> bool {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let whole = text.split(['.', ' ']).next().and_then(|whole| whole.parse::<usize>().ok());
    whole.is_some_and(|load| load > 2 * processors)
}

/// Whether no slowness of a machine excuses it: a decision on a market in doubt, a journal that does
/// not verify, a test that showed nothing.
fn is_grave(problem: &str) -> bool {
    ["record ", "the journal", "nothing was lost"].iter().any(|start| problem.starts_with(start))
}

/// Plays a scenario. One that did not turn out on a machine that stood still meanwhile says nothing of
/// the engine's deadlines: it is played again, twice at most, and then said to be undecided.
pub(crate) fn judged(name: &str, play: impl Fn() -> Story) {
    let mut attempts = 0;
    loop {
        attempts += 1;
        let story = play();
        if story.problems.is_empty() {
            return;
        }
        let says = story.problems.join("\n  ");
        let is_excused = story.has_stalled && !story.problems.iter().any(|it| is_grave(it));
        if is_excused && attempts >= 3 {
            println!("{name}: not judged, this machine has no time for it. It said: {says}");
            return;
        }
        assert!(
            is_excused,
            "{name}:\n  {says}\nlinks: {}\nsaid: {:#?}",
            story.links_line(),
            story.said
        );
        println!("{name}: the machine stood still; played again. It said: {says}");
    }
}
