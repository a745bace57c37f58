//! A live run, put together and taken apart again.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use config::{Config, Wait};
use connector_link::http::Http;
use connector_link::outlet::{Control, Lost, Outlet, Seen};
use connector_link::park::{Driven, Shared, drive};
use connector_link::spin::spin;
use connector_link::{Clock, Net};
use connector_net::Sink;
use connector_net::session::{Cause, Link, LinkSettings, LinkView, Tap};
use engine_core::{Core, Tables};
use engine_journal::records::{Begin, Names};
use engine_model::{Body, Command, Grid, MarketId, Venue};
use tokio::sync::mpsc;

use super::boot::Say;
use super::core_loop::{CoreLoop, Latencies, Mender, Observer};
use super::latency::{Intervals, LatencyThread};
use super::ring::{LivePort, NoWake, RingOutlet, Wake, ring};
use super::threads::{Threads, pin};
use super::wiring::{Wired, venues_of, wire};
use crate::cli_output::{Exit, Failure};
use crate::journal::recorder::tapes;
use crate::journal::runs::{build, failure};
use crate::journal::writer::{JournalOptions, JournalThread, Written};
use crate::replay::drive::{Driver, Numbered};
use crate::replay::run::PartReport;
use crate::replay::tables::{from_config, settings_from};

/// Requests that a link may have waiting from outside.
const CONTROLS_MAX: usize = 256;
/// Orders that the core may have waiting.
const ORDERS_MAX: usize = 64;
/// How long the core sleeps when nothing comes and nobody wakes it: bounds how late a timer fires.
const CORE_SLEEP: Duration = Duration::from_millis(2);
/// Looks without anything before the core's thread sleeps.
const CORE_LOOKS: u32 = 200;

/// Makes the tap of a link, by venue and connection name.
pub type Taps = Box<dyn FnMut(Venue, &str) -> Box<dyn Tap>>;

/// What a run is started with.
pub struct Options {
    /// The configuration.
    pub config: Config,
    /// Where it comes from.
    pub config_name: String,
    /// As it was read.
    pub config_text: String,
    /// What was set over it.
    pub config_sets: Vec<String>,
    /// Where the journal lies.
    pub journal_dir: PathBuf,
    /// How it is written.
    pub journal: JournalOptions,
    /// Time.
    pub clock: Clock,
    /// How patient links are.
    pub links: LinkSettings,
    /// Spreads attempts in time.
    pub seed: u64,
    /// Grids as the venues state them.
    pub grids: Vec<Option<Grid>>,
    /// Sockets.
    pub net: Net,
    /// Requests.
    pub http: Http,
    /// Looks on from the core's thread.
    pub observer: Box<dyn Observer + Send>,
    /// Takes down what links receive: by venue and connection name.
    pub taps: Option<Taps>,
}

/// What the core's thread is told.
#[derive(Clone, Debug)]
pub enum Order {
    /// An operator's command.
    Command(Command),
    /// Something that the daemon has to say.
    Say(Body),
    /// End: take what waits and end the run.
    Stop,
}

/// A run that goes on.
pub struct Live {
    /// The links, from outside, in the order of the venues.
    pub seen: Vec<Seen>,
    /// Links' controls, in the same order.
    pub controls: Vec<mpsc::Sender<Control>>,
    /// To the core's thread.
    pub orders: mpsc::Sender<Order>,
    /// Set while the core shall leave its input where it is (tests of a slow core).
    pub pause_input: Arc<AtomicBool>,
    /// Set once the core's thread has ended, for whatever reason.
    pub core_over: Arc<AtomicBool>,
    /// Trades under way, as the core's thread last saw them.
    pub open_trades: Arc<std::sync::atomic::AtomicUsize>,
    /// The table of threads.
    pub threads: Threads,
    /// Number of the run's first record.
    pub begin_seq: u64,
    /// What the journal found when it was opened, in words; none: it is new.
    pub recovered: Option<String>,
    readers: Vec<JoinHandle<()>>,
    core: JoinHandle<CoreEnd>,
    journal: JournalThread,
    latency: LatencyThread,
    journal_dir: PathBuf,
    tables: Tables,
    names: Names,
    instance: String,
}

/// What the core's thread leaves.
struct CoreEnd {
    driver: Driver,
    is_recorded: bool,
    mends_refused: u64,
}

/// What a run has left.
pub struct Ended {
    /// As of a replay's part.
    pub report: PartReport,
    /// Histograms.
    pub latencies: Latencies,
    /// What the journal's thread did.
    pub written: Written,
    /// Where the journal lies.
    pub journal_dir: PathBuf,
    /// The links at the end.
    pub links: Vec<LinkView>,
    /// Requests to mend that found no room.
    pub mends_refused: u64,
    /// Whether everything was recorded.
    pub is_recorded: bool,
}

/// Wakes the core's thread where it sleeps.
#[derive(Clone)]
struct WakeCore {
    is_asleep: Arc<AtomicBool>,
    thread: Arc<std::sync::OnceLock<std::thread::Thread>>,
}

impl Wake for WakeCore {
    fn wake(&self) {
        if self.is_asleep.swap(false, Ordering::SeqCst)
            && let Some(thread) = self.thread.get()
        {
            thread.unpark();
        }
    }
}

/// The outlet of a reader that shares the core's thread: the core steps as soon as a batch is there.
struct InlineOutlet {
    ring: RingOutlet<NoWake>,
    core: Rc<RefCell<CoreLoop>>,
}

impl Outlet for InlineOutlet {
    fn publish(&mut self, sink: &Sink, lost: &mut Vec<Lost>) {
        self.ring.publish(sink, lost);
        let mut core = self.core.borrow_mut();
        while core.drain() {}
    }

    fn tick(&mut self) {
        self.ring.tick();
        let mut core = self.core.borrow_mut();
        while core.drain() {}
    }
}

/// A link and what it needs, before it is known where it runs.
struct Loose {
    link: Link,
    control: mpsc::Receiver<Control>,
    seen: Seen,
}

/// Everything made, nothing started.
struct Made {
    venues: Vec<(Venue, Vec<Loose>)>,
    seen: Vec<Seen>,
    controls: Vec<mpsc::Sender<Control>>,
    links_of_market: Vec<Option<usize>>,
}

fn make(options: &mut Options) -> Result<Made, Failure> {
    let mut made = Made {
        venues: Vec::new(),
        seen: Vec::new(),
        controls: Vec::new(),
        links_of_market: vec![None; options.config.markets.len()],
    };
    for venue in venues_of(&options.config) {
        let Wired { links, .. } =
            wire(&options.config, venue, &options.grids, options.links, options.seed)?;
        let mut loose = Vec::new();
        for (mut link, markets) in links {
            if let Some(taps) = &mut options.taps {
                let name = link.name().to_owned();
                link.record(taps(venue, &name));
            }
            for MarketId(market) in markets {
                made.links_of_market[usize::from(market)] = Some(made.controls.len());
            }
            let (sender, control) = mpsc::channel(CONTROLS_MAX);
            let seen = Seen::default();
            made.controls.push(sender);
            made.seen.push(seen.clone());
            loose.push(Loose { link, control, seen });
        }
        made.venues.push((venue, loose));
    }
    Ok(made)
}

impl Live {
    /// Opens the journal, makes the core and starts every thread.
    ///
    /// # Errors
    ///
    /// [`Failure`] naming what cannot be opened or used.
    pub fn start(mut options: Options, say: &Say) -> Result<Self, Failure> {
        let made = make(&mut options)?;
        let (tables, names) = from_config(&options.config, &options.grids);
        let settings = settings_from(&options.config);
        let core = Core::with_settings(tables.clone(), settings.clone());
        let mut core = core.map_err(|error| {
            Failure::new(
                Exit::BadConfig,
                format!("the markets do not fit together: {error:?}"),
                "too many pairs, or a grid finer than 10^-18",
            )
        })?;
        std::fs::create_dir_all(&options.journal_dir).map_err(|error| {
            Failure::new(
                Exit::Write,
                format!("cannot make {}: {error}", options.journal_dir.display()),
                "name another directory: [runtime] journal_dir",
            )
        })?;
        let (recorder, tapes) = tapes(core.pairs().len());
        let started = JournalThread::start(&options.journal_dir, options.journal, tapes);
        let (journal, recovered) = started.map_err(|error| failure(&error))?;
        let begin_seq = recovered.next_seq;
        core.start_at(begin_seq);
        let now_ns = options.clock.now_ns();
        let begin = Begin {
            build: build().to_owned(),
            part: options.config.runtime.instance.clone(),
            mode: "observe".to_owned(),
            config_name: options.config_name.clone(),
            config_text: options.config_text.clone(),
            config_sets: options.config_sets.clone(),
            inputs: Vec::new(),
            tables: tables.clone(),
            settings,
            names: names.clone(),
            clock: (now_ns, now_ns),
            from_anchor: None,
        };
        let numbered =
            Numbered { begin, begin_seq, anchor_daily: options.config.journal.anchor_daily };
        let wanted = Some(Arc::clone(&journal.anchor_wanted));
        let driver = Driver::new(core, Vec::new(), Some(recorder), wanted, numbered);
        let readers: Vec<String> =
            made.venues.iter().map(|(venue, _)| venue.name().to_owned()).collect();
        let threads = Threads::plan(&options.config.runtime, &readers);
        let (orders, order_ends) = mpsc::channel(ORDERS_MAX);
        let mender = Mender { links: made.links_of_market, controls: made.controls.clone() };
        let every_ns = u64::from(options.config.runtime.latency_every_s) * 1_000_000_000;
        let (intervals, latency) = Intervals::start(&options.journal_dir, every_ns, options.clock)?;
        let parts = Parts {
            driver,
            intervals,
            mender,
            observer: options.observer,
            orders: order_ends,
            clock: options.clock,
            net: options.net,
            http: options.http,
            venues: made.venues,
            ring_events: options.config.runtime.ring_events as usize,
            threads: threads.clone(),
            say: Arc::clone(say),
            core_over: Arc::new(AtomicBool::new(false)),
            open_trades: Arc::default(),
            pause_input: Arc::default(),
        };
        let (core_over, open_trades) =
            (Arc::clone(&parts.core_over), Arc::clone(&parts.open_trades));
        let pause_input = Arc::clone(&parts.pause_input);
        let (core, readers) = match threads.wait {
            Wait::Inline => (parts.inline()?, Vec::new()),
            Wait::Auto | Wait::Park | Wait::Spin => parts.apart()?,
        };
        let recovered = (begin_seq > 1).then(|| {
            let torn = [&recovered.market, &recovered.ledger].iter().any(|it| it.torn().is_some());
            let tail = if torn { "; a torn tail was cut off" } else { "" };
            format!("goes on at record {begin_seq}{tail}")
        });
        Ok(Self {
            seen: made.seen,
            controls: made.controls,
            orders,
            pause_input,
            core_over,
            open_trades,
            threads,
            begin_seq,
            recovered,
            readers,
            core,
            journal,
            latency,
            journal_dir: options.journal_dir,
            tables,
            names,
            instance: options.config.runtime.instance,
        })
    }

    /// Where the journal lies.
    #[must_use]
    pub fn journal_dir(&self) -> &Path {
        &self.journal_dir
    }

    /// The links as they are.
    #[must_use]
    pub fn views(&self) -> Vec<LinkView> {
        self.seen.iter().filter_map(Seen::get).collect()
    }

    /// Names of the markets, by index.
    #[must_use]
    pub fn market_names(&self) -> &[String] {
        &self.names.markets
    }

    /// Takes no new trades from here on; what is under way is finished.
    pub fn quiesce(&self) {
        // A core that has ended takes no orders, and none are needed.
        let _ = self.orders.try_send(Order::Command(Command::Pause));
    }

    /// Ends the readers, the core and the journal, in this order, and waits for each.
    ///
    /// # Errors
    ///
    /// [`Failure`] where the journal could not be written to its end, or a thread failed.
    pub fn stop(self) -> Result<Ended, Failure> {
        for control in &self.controls {
            // A full channel is told again below, by being closed.
            let _ = control.try_send(Control::Stop);
        }
        let Self { controls, readers, core, journal, latency, orders, .. } = self;
        drop(controls);
        let mut failed = false;
        for reader in readers {
            failed |= reader.join().is_err();
        }
        let _ = orders.blocking_send(Order::Stop);
        let ended = core.join();
        // The journal ends when the core's side of its rings is gone, also where the core failed.
        let Ok(CoreEnd { driver, is_recorded, mends_refused }) = ended else {
            let written = journal.finish().map_err(|error| failure(&error));
            return Err(written.err().unwrap_or_else(|| internal("the core's thread failed")));
        };
        let (report, recorder) =
            driver.into_report(self.instance, Vec::new(), self.tables, self.names);
        drop(recorder);
        let written = journal.finish().map_err(|error| failure(&error))?;
        let latencies = latency.finish()?;
        if failed {
            return Err(internal("a reader's thread failed"));
        }
        let links = self.seen.iter().filter_map(Seen::get).collect();
        let journal_dir = self.journal_dir;
        Ok(Ended { report, latencies, written, journal_dir, links, mends_refused, is_recorded })
    }
}

fn internal(what: &str) -> Failure {
    Failure::new(
        Exit::Internal,
        format!("{what}: a rule of the program was broken; everything until then is recorded"),
        "start again; riptide verify tells whether the record is whole; please report it",
    )
}

/// What the threads take with them.
struct Parts {
    driver: Driver,
    intervals: Intervals,
    mender: Mender,
    observer: Box<dyn Observer + Send>,
    orders: mpsc::Receiver<Order>,
    clock: Clock,
    net: Net,
    http: Http,
    venues: Vec<(Venue, Vec<Loose>)>,
    ring_events: usize,
    threads: Threads,
    say: Say,
    core_over: Arc<AtomicBool>,
    open_trades: Arc<std::sync::atomic::AtomicUsize>,
    pause_input: Arc<AtomicBool>,
}

/// Says that the core's thread is over, however it ends.
struct Over(Arc<AtomicBool>);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Parts {
    fn cpu_of(&self, name: &str) -> Option<u32> {
        self.threads.list.iter().find(|thread| thread.name == name).and_then(|thread| thread.cpu)
    }

    fn spawn<T: Send + 'static>(
        name: &str,
        cpu: Option<u32>,
        say: &Say,
        body: impl FnOnce() -> T + Send + 'static,
    ) -> Result<JoinHandle<T>, Failure> {
        let say = Arc::clone(say);
        let builder = std::thread::Builder::new().name(name.to_owned());
        let thread = name.to_owned();
        let started = builder.spawn(move || {
            if let Err(problem) = pin(cpu) {
                say(&format!("warning: thread {thread}: {problem}"));
            }
            body()
        });
        started.map_err(|error| {
            Failure::new(
                Exit::Write,
                format!("cannot start the thread {name}: {error}"),
                "raise the limit on threads",
            )
        })
    }

    /// One thread: its runtime hosts the readers, and the core steps after each frame.
    fn inline(self) -> Result<JoinHandle<CoreEnd>, Failure> {
        let (cpu, say) = (self.cpu_of("core"), Arc::clone(&self.say));
        Self::spawn("core", cpu, &say, move || {
            let _over = Over(Arc::clone(&self.core_over));
            let runtime = runtime();
            let local = tokio::task::LocalSet::new();
            local.block_on(&runtime, self.hosted())
        })
    }

    async fn hosted(self) -> CoreEnd {
        let (mut ports, mut waiting) = (Vec::new(), Vec::new());
        for (venue, links) in self.venues {
            for loose in links {
                let (outlet, port) = ring(self.ring_events, venue, self.clock, NoWake);
                ports.push(port);
                waiting.push((loose, outlet));
            }
        }
        let core = CoreLoop::new(self.driver, ports, self.clock, self.mender, self.observer)
            .pausable(self.pause_input)
            .measured(self.intervals);
        let core = Rc::new(RefCell::new(core));
        let shared = Shared {
            clock: self.clock,
            net: self.net,
            http: self.http,
            runtime: tokio::runtime::Handle::current(),
        };
        let mut links = Vec::new();
        for (Loose { link, control, seen }, ring) in waiting {
            let outlet = InlineOutlet { ring, core: Rc::clone(&core) };
            let driven = Driven { link, outlet, control, seen };
            links.push(tokio::task::spawn_local(drive(driven, shared.clone())));
        }
        let mut orders = self.orders;
        let mut ticks = tokio::time::interval(CORE_SLEEP);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                order = orders.recv() => {
                    if !obey(&core, order.as_ref()) {
                        break;
                    }
                }
                _ = ticks.tick() => {
                    let mut core = core.borrow_mut();
                    while core.drain() {}
                    core.time();
                    self.open_trades.store(core.open_trades(), Ordering::Relaxed);
                    if !core.is_recorded() {
                        self.core_over.store(true, Ordering::SeqCst);
                    }
                }
            }
        }
        // The links were told to stop before; one that hangs in a send is dropped with the runtime.
        for link in links {
            let _ = tokio::time::timeout(Duration::from_secs(1), link).await;
        }
        core.borrow_mut().drain();
        match Rc::try_unwrap(core) {
            Ok(core) => end(core.into_inner()),
            Err(_) => unreachable!("Invariant: links that were dropped hold nothing"),
        }
    }

    /// A thread for the core and one for each venue.
    fn apart(self) -> Result<(JoinHandle<CoreEnd>, Vec<JoinHandle<()>>), Failure> {
        let wait = self.threads.wait;
        let wake = WakeCore {
            is_asleep: Arc::new(AtomicBool::new(false)),
            thread: Arc::new(std::sync::OnceLock::new()),
        };
        let cpus: Vec<Option<u32>> = self
            .venues
            .iter()
            .map(|(venue, _)| self.cpu_of(&format!("read-{}", venue.name())))
            .collect();
        let core_cpu = self.cpu_of("core");
        let (mut ports, mut readers) = (Vec::new(), Vec::new());
        let cold = Cold::start(&self.say)?;
        for ((venue, links), cpu) in self.venues.into_iter().zip(cpus) {
            let mut driven = Vec::new();
            for Loose { link, control, seen } in links {
                let (outlet, port) = ring(self.ring_events, venue, self.clock, wake.clone());
                ports.push(port);
                driven.push(Driven { link, outlet, control, seen });
            }
            let shared = Shared {
                clock: self.clock,
                net: self.net.clone(),
                http: self.http.clone(),
                runtime: cold.handle.clone(),
            };
            let name = format!("read-{}", venue.name());
            readers.push(Self::spawn(&name, cpu, &self.say, move || {
                if wait == Wait::Spin {
                    spin(driven, &shared);
                } else {
                    read_parked(driven, &shared);
                }
            })?);
        }
        let core = CoreLoop::new(self.driver, ports, self.clock, self.mender, self.observer)
            .pausable(self.pause_input)
            .measured(self.intervals);
        let (mut orders, over) = (self.orders, self.core_over);
        let open_trades = self.open_trades;
        let core = Self::spawn("core", core_cpu, &self.say, move || {
            let _over = Over(Arc::clone(&over));
            let _cold = cold;
            // Nobody else sets it: the thread is new.
            let _ = wake.thread.set(std::thread::current());
            let core = step_apart(core, &mut orders, wait, &wake, &over, &open_trades);
            end(core)
        })?;
        Ok((core, readers))
    }
}

/// The runtime of requests where the readers have none of their own.
struct Cold {
    handle: tokio::runtime::Handle,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Cold {
    fn start(say: &Say) -> Result<Self, Failure> {
        let runtime = runtime();
        let handle = runtime.handle().clone();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let thread = Parts::spawn("cold", None, say, move || {
            // Whether it is told or the sender is gone: both mean the end.
            let _ = runtime.block_on(stopped);
            runtime.shutdown_background();
        })?;
        Ok(Self { handle, stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Cold {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // What a request was doing does not matter any more.
            let _ = thread.join();
        }
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect(
        "Invariant: a runtime of one thread needs two descriptors, which the start has tried",
    )
}

fn read_parked<O: Outlet + 'static>(links: Vec<Driven<O>>, shared: &Shared) {
    let runtime = runtime();
    let local = tokio::task::LocalSet::new();
    let own = Shared { runtime: runtime.handle().clone(), ..shared.clone() };
    local.block_on(&runtime, async move {
        let tasks: Vec<_> = links
            .into_iter()
            .map(|link| tokio::task::spawn_local(drive(link, own.clone())))
            .collect();
        for task in tasks {
            if let Err(error) = task.await
                && error.is_panic()
            {
                std::panic::resume_unwind(error.into_panic());
            }
        }
    });
}

/// False: the run is over.
fn obey(core: &Rc<RefCell<CoreLoop>>, order: Option<&Order>) -> bool {
    let mut core = core.borrow_mut();
    match order {
        Some(Order::Command(command)) => core.command(*command),
        Some(Order::Say(body)) => core.say_now(*body),
        Some(Order::Stop) | None => return false,
    }
    true
}

fn step_apart(
    mut core: CoreLoop,
    orders: &mut mpsc::Receiver<Order>,
    wait: Wait,
    wake: &WakeCore,
    over: &AtomicBool,
    open_trades: &std::sync::atomic::AtomicUsize,
) -> CoreLoop {
    let (mut idle, mut looks) = (0_u32, 0_u32);
    loop {
        let any = core.drain();
        looks = looks.wrapping_add(1);
        if !any || looks.is_multiple_of(16) {
            core.time();
            open_trades.store(core.open_trades(), Ordering::Relaxed);
            if !core.is_recorded() {
                over.store(true, Ordering::SeqCst);
            }
            match orders.try_recv() {
                Ok(Order::Command(command)) => core.command(command),
                Ok(Order::Say(body)) => core.say_now(body),
                Ok(Order::Stop) | Err(mpsc::error::TryRecvError::Disconnected) => break,
                Err(mpsc::error::TryRecvError::Empty) => {}
            }
        }
        if any {
            idle = 0;
            continue;
        }
        idle = idle.saturating_add(1);
        if wait == Wait::Spin {
            core::hint::spin_loop();
        } else if idle > CORE_LOOKS {
            // Announced before the last look: whoever publishes after it wakes this thread.
            wake.is_asleep.store(true, Ordering::SeqCst);
            if core.drain() {
                wake.is_asleep.store(false, Ordering::SeqCst);
                idle = 0;
            } else {
                std::thread::park_timeout(CORE_SLEEP);
                wake.is_asleep.store(false, Ordering::SeqCst);
            }
        } else {
            core::hint::spin_loop();
        }
    }
    while core.drain() {}
    core
}

fn end(core: CoreLoop) -> CoreEnd {
    let mends_refused = core.mends_refused;
    let (driver, is_recorded) = core.end();
    CoreEnd { driver, is_recorded, mends_refused }
}

/// What stands in the way of a link for good: named by the key of the configuration.
#[must_use]
pub fn permanent(view: &LinkView) -> Option<Failure> {
    let venue = view.venue.name();
    let (key, hint) = match (view.last_end?, view.venue) {
        (Cause::Dns, Venue::Solana) => ("ws_urls", "check the host's name"),
        (Cause::Dns, _) => ("ws_url", "check the host's name"),
        (Cause::Tls, _) => (
            "ws_url",
            "the certificate is not trusted: check the address, the clock, authorities_file",
        ),
        (Cause::Unauthorized, _) => {
            ("key_name", "the venue refuses the key: check key_name and key_file")
        }
        (Cause::Handshake, _) => ("ws_url", "nothing there speaks WebSocket: check the address"),
        _ => return None,
    };
    if view.counts.opens > 0 {
        return None;
    }
    let says = format!("[venues.{venue}] {key}: {}", view.last_error);
    Some(Failure::new(Exit::BadConfig, says, hint))
}

impl LivePort {
    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting() == 0
    }
}
