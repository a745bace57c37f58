//! Drives the core over the parts of a plan.

use std::time::Instant;

use connector_net::{Markets, OddCounts};
use engine_core::tables::PairSpec;
use engine_core::{Core, Outbox, Probe, Tables};
use engine_model::{Event, Venue};
use engine_telemetry::{Stage, StageHistograms};
use indicatif::ProgressBar;

use super::bundle::{MarketsFrom, Part, Plan};
use super::collect::{Collector, MarketFigures};
use super::merge::{Lane, Port, Pumped, lane, next_batch, pump_all};
use super::source::{Source, configured_markets, stated_grids, take_stated};
use super::tables::{Names, from_config, from_symbols, settings_from};
use crate::cli_output::{Exit, Failure};

/// What one part gave.
pub struct PartReport {
    /// Its name.
    pub name: String,
    /// Names of its recordings, with the constant each is moved by in nanoseconds.
    pub inputs: Vec<(String, i64)>,
    /// Lines given to decoders.
    pub records: u64,
    /// Frames received.
    pub frames: u64,
    /// Events that the core consumed.
    pub events: u64,
    /// Batches that the core consumed.
    pub batches: u64,
    /// What was odd.
    pub odd: OddCounts,
    /// Batches too large for a ring.
    pub oversized: u64,
    /// Joined books whose snapshot no older diff proves.
    pub unproven_joins: Vec<String>,
    /// Tables of the core, for names and decimals.
    pub tables: Tables,
    /// Names.
    pub names: Names,
    /// Pairs.
    pub pairs: Vec<PairSpec>,
    /// What the core said.
    pub collected: Collector,
    /// Final state of the markets.
    pub markets: Vec<MarketFigures>,
    /// Hash over everything the core said, in order.
    pub hash: [u8; 32],
    /// First and last receive time. Unit: Unix nanoseconds.
    pub span_ns: (u64, u64),
}

/// What a replay gave.
pub struct Report {
    /// Where the configuration comes from.
    pub config_name: String,
    /// Near misses that are shown.
    pub near_misses_kept: usize,
    /// Parts in order.
    pub parts: Vec<PartReport>,
    /// How long each stage took.
    pub histograms: StageHistograms,
    /// Hash over the hashes of the parts.
    pub hash: String,
    /// From the start of the command. Unit: nanoseconds.
    pub elapsed_ns: u64,
    /// Threads that decoded.
    pub threads: usize,
}

/// Measures the stages inside the core. The core cannot read it.
struct StageProbe {
    entered: Instant,
    /// Of the current batch. Unit: nanoseconds; book, quote, signal, risk.
    spent_ns: [u64; 4],
    quoted: bool,
}

impl Probe for StageProbe {
    fn enter(&mut self, _: engine_core::Stage) {
        self.entered = Instant::now();
    }

    fn leave(&mut self, stage: engine_core::Stage) {
        let ns = u64::try_from(self.entered.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let index = match stage {
            engine_core::Stage::Book => 0,
            engine_core::Stage::Quote => {
                self.quoted = true;
                1
            }
            engine_core::Stage::Signal => 2,
            engine_core::Stage::Risk => 3,
        };
        self.spent_ns[index] += ns;
    }
}

impl StageProbe {
    fn end_batch(&mut self, histograms: &mut StageHistograms) {
        let [book, quote, signal, risk] = core::mem::take(&mut self.spent_ns);
        histograms.record(Stage::Book, book);
        if core::mem::take(&mut self.quoted) {
            histograms.record(Stage::Quote, quote);
        }
        histograms.record(Stage::Signal, signal);
        histograms.record(Stage::Risk, risk);
    }
}

/// Replays every part.
///
/// # Errors
///
/// [`Failure`] when a recording is damaged or its markets do not fit the core.
pub fn run(
    plan: &Plan,
    threads: usize,
    started: Instant,
    bar: &ProgressBar,
) -> Result<Report, Failure> {
    let mut histograms = StageHistograms::new();
    let mut parts = Vec::new();
    let mut hasher = blake3::Hasher::new();
    for part in &plan.parts {
        let report = run_part(plan, part, threads.max(1), &mut histograms, bar)?;
        hasher.update(report.name.as_bytes()).update(&report.hash);
        parts.push(report);
    }
    let elapsed_ns = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
    Ok(Report {
        config_name: plan.config_name.clone(),
        near_misses_kept: usize::try_from(plan.config.signal.near_misses_kept).unwrap_or(0),
        parts,
        histograms,
        hash: hasher.finalize().to_hex().to_string(),
        elapsed_ns,
        threads,
    })
}

/// Sources of a part, and the tables its core is built with.
fn prepare<'a>(
    plan: &'a Plan,
    part: &'a Part,
) -> Result<(Vec<Source<'a>>, Tables, Names), Failure> {
    if let (MarketsFrom::Recording, [input]) = (plan.markets, part.inputs.as_slice())
        && input.venue != Venue::Solana
    {
        let stated = stated_grids(input)?;
        let open = Source::open(input, &plan.config, Markets::open(stated))?;
        let symbols = Markets::closed(open.symbols());
        let (tables, names) = from_symbols(&plan.config, input.venue, &symbols);
        return Ok((vec![Source::open(input, &plan.config, symbols)?], tables, names));
    }
    let mut grids = vec![None; plan.config.markets.len()];
    for input in &part.inputs {
        take_stated(&plan.config, input, &mut grids)?;
    }
    let mut sources = Vec::new();
    for input in &part.inputs {
        let markets = configured_markets(&plan.config, input.venue, &grids);
        sources.push(Source::open(input, &plan.config, markets)?);
    }
    let (tables, names) = from_config(&plan.config, &grids);
    Ok((sources, tables, names))
}

/// The events of a part in the order in which its core consumes them, and the core's tables: what
/// measurements and tests of the core alone start from.
///
/// # Errors
///
/// [`Failure`] when a recording is damaged.
pub fn merged_events(plan: &Plan, part: &Part) -> Result<(Vec<Event>, Tables), Failure> {
    let (sources, tables, _) = prepare(plan, part)?;
    let bar = ProgressBar::hidden();
    let (mut lanes, mut ports): (Vec<Lane<'_>>, Vec<Port>) =
        sources.into_iter().map(|source| lane(source, &bar)).unzip();
    let mut histograms = StageHistograms::new();
    let mut events = Vec::new();
    let mut pump = |number: usize| {
        assert_ne!(lanes[number].pump(), Pumped::Full, "Invariant: an empty ring has room");
    };
    while next_batch(&mut ports, &mut pump, &mut histograms, |event| events.push(*event)) {}
    Ok((events, tables))
}

fn run_part(
    plan: &Plan,
    part: &Part,
    threads: usize,
    histograms: &mut StageHistograms,
    bar: &ProgressBar,
) -> Result<PartReport, Failure> {
    let (sources, tables, names) = prepare(plan, part)?;
    let core = Core::with_settings(tables.clone(), settings_from(&plan.config)).map_err(|error| {
        Failure::new(
            Exit::BadConfig,
            format!("part {}: the markets do not fit together: {error:?}", part.name),
            "too many pairs, or a grid finer than 10^-18",
        )
    })?;
    let (mut lanes, ports): (Vec<Lane<'_>>, Vec<Port>) =
        sources.into_iter().map(|source| lane(source, bar)).unzip();
    let mut driver = Driver::new(core, ports);
    if threads == 1 {
        driver.drive(histograms, |number| {
            assert_ne!(lanes[number].pump(), Pumped::Full, "Invariant: an empty ring has room");
        });
    } else {
        let share = lanes.len().div_ceil(threads - 1).max(1);
        // The driver lives in the closure: should the core fail, its ports go with it, the lanes see
        // that nobody takes any more, and the failure comes out instead of waiting for them.
        driver = std::thread::scope(|scope| {
            for group in lanes.chunks_mut(share) {
                scope.spawn(move || pump_all(group));
            }
            let mut driver = driver;
            driver.drive(histograms, |_| std::thread::yield_now());
            driver
        });
    }
    let mut report = driver.into_report(part, tables, names);
    for lane in lanes {
        let (stats, decode, oversized) = lane.into_stats();
        histograms.merge(&decode);
        report.records += stats.records;
        report.frames += stats.frames;
        report.odd.merge(&stats.odd);
        report.oversized += oversized;
        report.unproven_joins.extend(stats.unproven_joins);
    }
    Ok(report)
}

/// The core's side of a part.
struct Driver {
    core: Core,
    out: Outbox,
    ports: Vec<Port>,
    probe: StageProbe,
    collected: Collector,
    events: u64,
    batches: u64,
    first_ns: u64,
}

impl Driver {
    fn new(core: Core, ports: Vec<Port>) -> Self {
        let pairs = core.pairs().len();
        let probe = StageProbe { entered: Instant::now(), spent_ns: [0; 4], quoted: false };
        Self {
            core,
            out: Outbox::for_pairs(pairs),
            ports,
            probe,
            collected: Collector::new(pairs),
            events: 0,
            batches: 0,
            first_ns: 0,
        }
    }

    fn drive(&mut self, histograms: &mut StageHistograms, mut idle: impl FnMut(usize)) {
        let Self { core, out, ports, probe, collected, events, first_ns, .. } = self;
        loop {
            let more = next_batch(ports, &mut idle, histograms, |event| {
                if *events == 0 {
                    *first_ns = event.recv_ns;
                }
                *events += 1;
                core.step(event, out, probe);
                collected.take(out.outputs());
                out.clear();
            });
            if !more {
                return;
            }
            probe.end_batch(histograms);
            self.batches += 1;
        }
    }

    fn into_report(mut self, part: &Part, tables: Tables, names: Names) -> PartReport {
        let (markets, hash) = self.collected.finish(&self.core);
        PartReport {
            name: part.name.clone(),
            inputs: part.inputs.iter().map(|it| (it.name.clone(), it.shift_ns)).collect(),
            records: 0,
            frames: 0,
            events: self.events,
            batches: self.batches,
            odd: OddCounts::default(),
            oversized: 0,
            unproven_joins: Vec::new(),
            tables,
            names,
            pairs: self.core.pairs().to_vec(),
            collected: self.collected,
            markets,
            hash,
            span_ns: (self.first_ns, self.core.now_ns()),
        }
    }
}
