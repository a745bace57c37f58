//! A live run, put together and taken apart again.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::thread::JoinHandle;

use config::{Config, Wait};
use connector_link::http::Http;
use connector_link::outlet::{Control, Seen};
use connector_link::{Clock, Net};
use connector_net::session::{Link, LinkSettings, LinkView, Tap};
use engine_core::Core;
use engine_journal::records::{Begin, Names};
use engine_model::{Body, Command, Grid, MarketId, Venue};
use tokio::sync::mpsc;

use super::boot::Say;
use super::core_loop::{Latencies, Mender, Observer};
use super::host::Parts;
use super::latency::{Intervals, LatencyThread};
use super::reload::Reload;
use super::threads::Threads;
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
/// Times that a full channel is told to stop, ten milliseconds apart.
const STOP_TRIES: u32 = 200;
/// Orders that the core may have waiting.
const ORDERS_MAX: usize = 64;

/// Makes the tap of a link, by venue and connection name.
pub type Taps = Box<dyn FnMut(Venue, &str) -> Result<Box<dyn Tap>, Failure>>;

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
    /// What is free of the journal's disk.
    Disk {
        /// Unit: parts per million of its size.
        free_ppm: u64,
        /// Unit: bytes.
        free_bytes: u64,
    },
    /// End the run and go on with the next in place.
    Reload(Box<Reload>),
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
    pub open_trades: Arc<AtomicUsize>,
    /// The table of threads.
    pub threads: Threads,
    /// Number of the run's first record.
    pub begin_seq: u64,
    /// With what the run began.
    pub begin: Begin,
    /// What the journal found when it was opened, in words; none: it is new.
    pub recovered: Option<String>,
    readers: Vec<JoinHandle<()>>,
    core: JoinHandle<CoreEnd>,
    journal: JournalThread,
    latency: LatencyThread,
    journal_dir: PathBuf,
    names: Names,
    nodes: usize,
}

/// What the core's thread leaves.
pub(super) struct CoreEnd {
    pub(super) driver: Driver,
    pub(super) is_recorded: bool,
    /// A step of the core, or a reader, has panicked.
    pub(super) is_broken: bool,
    pub(super) mends_refused: u64,
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

/// A link and what it needs, before it is known where it runs.
pub(super) struct Loose {
    pub(super) link: Link,
    pub(super) control: mpsc::Receiver<Control>,
    pub(super) seen: Seen,
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
                link.record(taps(venue, &name)?);
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

fn make_dir(dir: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(dir).map_err(|error| {
        Failure::new(
            Exit::Write,
            format!("cannot make {}: {error}", dir.display()),
            "name another directory: [runtime] journal_dir",
        )
    })
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
        make_dir(&options.journal_dir)?;
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
            tables,
            settings,
            names: names.clone(),
            clock: (now_ns, now_ns),
            from_anchor: None,
        };
        let began = begin.clone();
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
            durable: journal.durable.clone(),
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
            begin: began,
            recovered,
            readers,
            core,
            journal,
            latency,
            journal_dir: options.journal_dir,
            names,
            nodes: options.config.venues.nodes.len(),
        })
    }

    /// Nodes of the chain that are configured.
    #[must_use]
    pub const fn nodes(&self) -> usize {
        self.nodes
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

    /// Looks at the journal's disk and tells the core. What the system does not say is not told.
    pub fn look_at_disk(&self) {
        if let Ok(disk) = rustix::fs::statvfs(&self.journal_dir) {
            let free_ppm = disk.f_bavail.saturating_mul(1_000_000) / disk.f_blocks.max(1);
            let free_bytes = disk.f_bavail.saturating_mul(disk.f_frsize);
            // A full channel: the next look is soon.
            let _ = self.orders.try_send(Order::Disk { free_ppm, free_bytes });
        }
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
            // Readers take what waits in every state; one that has ended takes nothing and needs none.
            for _ in 0..STOP_TRIES {
                match control.try_send(Control::Stop) {
                    Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => break,
                    Err(mpsc::error::TrySendError::Full(_)) => {
                        std::thread::sleep(std::time::Duration::from_millis(10));
                    }
                }
            }
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
        let Ok(CoreEnd { driver, is_recorded, is_broken, mends_refused }) = ended else {
            let written = journal.finish().map_err(|error| failure(&error));
            return Err(written.err().unwrap_or_else(|| internal("the core's thread failed")));
        };
        let (report, recorder) = driver.into_report();
        drop(recorder);
        let written = journal.finish().map_err(|error| failure(&error))?;
        let latencies = latency.finish()?;
        if failed || is_broken {
            return Err(internal("a thread failed"));
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
