//! What a person sees while a demo runs: a screen that is drawn anew, or plain lines.

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use config::Config;
use connector_emulator::serve::Running;
use console::Term;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use engine_core::market::pool::PoolState;
use engine_core::market::world::Market;
use engine_model::Side;
use engine_telemetry::{Stage, StageHistograms};

use crate::cli_output::{Form, note, write_text};
use crate::live::boot::Say;
use crate::live::core_loop::{Latencies, Observer};
use crate::replay::drive::Driver;
use crate::replay::money::{bps, count, duration, trimmed};
use crate::replay::tables::{Names, from_config};

/// Pictures that may wait for the screen. A slow terminal loses pictures, never events.
const WAITING_MAX: usize = 64;
/// How often the core's side takes a picture. Unit: nanoseconds.
const EVERY_NS: u64 = 200_000_000;
/// How often edges are looked at. Unit: nanoseconds.
const EDGES_EVERY_NS: u64 = 1_000_000_000;
/// Lines of opportunities kept on the screen.
const LINES: usize = 12;

/// One thing for the screen.
pub enum Shown {
    /// A line of the start or the end.
    Said(String),
    /// How everything stands.
    Picture(Box<Picture>),
    /// An opportunity has ended.
    Ended(String),
}

/// How everything stands.
pub struct Picture {
    /// Per market: name, state, best prices.
    pub markets: Vec<(String, &'static str, String)>,
    /// Pairs with the best net edge first.
    pub edges: Vec<(String, String, String)>,
    /// Events, opportunities, trades.
    pub counts: (u64, u64, u64),
    /// Median and 99th percentile from socket to decision, all venues. Unit: nanoseconds.
    pub wire_ns: (u64, u64),
}

/// Takes pictures on the core's thread.
pub struct Watcher {
    names: Names,
    sender: Sender<Shown>,
    next_ns: u64,
    edges_ns: u64,
    edges: Vec<(String, String, String)>,
    told: usize,
}

impl Watcher {
    /// For the markets of a configuration.
    #[must_use]
    pub fn new(config: &Config, sender: Sender<Shown>) -> Self {
        let (_, names) = from_config(config, &[]);
        Self { names, sender, next_ns: 0, edges_ns: 0, edges: Vec::new(), told: 0 }
    }

    fn route(&self, driver: &Driver, pair: usize) -> (String, String) {
        let spec = &driver.core().pairs()[pair];
        let name = |index: usize| self.names.instruments[index].clone();
        (name(spec.buy.index()), name(spec.sell.index()))
    }

    fn edges(&mut self, driver: &Driver) {
        let core = driver.core();
        let mut all: Vec<(i64, i64, usize)> = Vec::new();
        for (index, pair) in core.pairs().iter().enumerate() {
            let look = core.look(pair.id);
            if !look.code.is_unevaluated() {
                all.push((look.edge_net_ppm, look.edge_gross_ppm, index));
            }
        }
        all.sort_unstable_by_key(|(net, _, index)| (core::cmp::Reverse(*net), *index));
        all.truncate(4);
        let shown = all.into_iter().map(|(net, gross, index)| {
            let (buy, sell) = self.route(driver, index);
            (format!("{buy} → {sell}"), bps(gross), bps(net))
        });
        self.edges = shown.collect();
    }

    fn opportunities(&mut self, driver: &Driver) {
        let collected = driver.collected();
        while let Some((opportunity, fate)) = collected.opportunities.get(self.told) {
            self.told += 1;
            let (buy, sell) = self.route(driver, opportunity.pair.index());
            let peak = &opportunity.peak;
            let line = format!(
                "#{:<4} {buy} → {sell} · gross {} bp · net {} bp at the touch · lived {} · {}",
                opportunity.id,
                bps(peak.edge_gross_ppm),
                bps(peak.edge_net_ppm),
                duration(opportunity.duration_ns()),
                crate::replay::trades::fate(*fate),
            );
            self.show(Shown::Ended(line));
        }
    }

    fn show(&self, shown: Shown) {
        // A screen that is behind gets the next picture.
        let _ = self.sender.try_send(shown);
    }
}

/// Best prices of a market as text.
fn prices(driver: &Driver, index: usize) -> (&'static str, String) {
    let spec = &driver.core().tables().markets[index];
    match (&driver.core().markets()[index], spec.kind) {
        (Market::Book(book), engine_core::tables::MarketKind::Book { grid }) => {
            let best = |side| {
                book.book().best(side).map_or_else(
                    || "-".to_owned(),
                    |level| {
                        let units = u128::from(level.price_ticks) * u128::from(grid.tick.step);
                        trimmed(units, grid.tick.places)
                    },
                )
            };
            let state = if book.usable() { "live" } else { "WAIT" };
            (state, format!("{} / {}", best(Side::Bid), best(Side::Ask)))
        }
        (Market::Pool(pool), _) => {
            let is_live = pool.state() == PoolState::Live;
            let tick = pool.pool().map_or(0, |pool| pool.tick_current_index);
            (if is_live { "live" } else { "WAIT" }, format!("tick {tick}"))
        }
        (Market::Book(_), _) => ("WAIT", String::new()),
    }
}

/// Median and 99th percentile of the way from socket to decision.
fn wire(latencies: &Latencies) -> (u64, u64) {
    let mut all = StageHistograms::new();
    for venue in &latencies.venues {
        all.merge(venue);
    }
    let wire = all.summaries().find(|it| it.stage == Stage::Wire);
    wire.map_or((0, 0), |it| (it.p50_ns, it.p99_ns))
}

impl Observer for Watcher {
    fn look(&mut self, driver: &Driver, latencies: &Latencies, now_ns: u64) {
        if now_ns < self.next_ns {
            return;
        }
        self.next_ns = now_ns + EVERY_NS;
        self.opportunities(driver);
        if now_ns >= self.edges_ns {
            self.edges_ns = now_ns + EDGES_EVERY_NS;
            self.edges(driver);
        }
        let markets = self.names.markets.iter().enumerate().map(|(index, name)| {
            let (state, prices) = prices(driver, index);
            (name.clone(), state, prices)
        });
        let collected = driver.collected();
        let counts = (driver.taken().1, collected.opportunities_count, collected.trades_count);
        self.show(Shown::Picture(Box::new(Picture {
            markets: markets.collect(),
            edges: self.edges.clone(),
            counts,
            wire_ns: wire(latencies),
        })));
    }
}

/// The screen's thread.
pub struct Screen {
    sender: Sender<Shown>,
    thread: Option<JoinHandle<()>>,
    form: Form,
}

impl Screen {
    /// Says what runs, and shows what comes.
    #[must_use]
    pub fn start(form: Form, seed: u64, running: &Running) -> Self {
        let (sender, shown) = bounded(WAITING_MAX);
        let is_terminal = std::io::stdout().is_terminal() && form == Form::Text;
        let addresses = running
            .venues()
            .iter()
            .filter_map(|bound| bound.plain.map(|address| format!("{} {address}", bound.venue)));
        let head = format!(
            "riptide {} · emulated venues, seed {seed}: {}",
            env!("CARGO_PKG_VERSION"),
            addresses.collect::<Vec<_>>().join(" · "),
        );
        let thread = std::thread::Builder::new().name("screen".to_owned()).spawn(move || {
            if is_terminal {
                draw(&head, &shown);
            } else {
                lines(form, &head, &shown);
            }
        });
        Self { sender, thread: thread.ok(), form }
    }

    /// Where pictures go.
    #[must_use]
    pub fn sender(&self) -> Sender<Shown> {
        self.sender.clone()
    }

    /// Where the run says how far it has come.
    #[must_use]
    pub fn say(&self) -> Say {
        let (sender, form, from) = (self.sender.clone(), self.form, Instant::now());
        Arc::new(move |line: &str| {
            let text = format!("{:>8.2} s  {line}", from.elapsed().as_secs_f64());
            // Waits for a moment: these lines are few, and each counts.
            if sender.send_timeout(Shown::Said(text.clone()), Duration::from_secs(1)).is_err() {
                put(form, &text);
            }
        })
    }

    /// Shows what waits and ends.
    pub fn end(self) {
        let Self { sender, thread, .. } = self;
        drop(sender);
        if let Some(thread) = thread {
            // A screen that failed has shown what it could.
            let _ = thread.join();
        }
    }
}

fn put(form: Form, line: &str) {
    match form {
        Form::Text => drop(write_text(&format!("{line}\n"))),
        Form::Json => note(&format!("{line}\n")),
    }
}

fn status(picture: &Picture) -> String {
    let (events, opportunities, trades) = picture.counts;
    format!(
        "{} events · {opportunities} opportunities · {trades} simulated trades · \
         socket to decision p50 {} p99 {}",
        count(events),
        duration(picture.wire_ns.0),
        duration(picture.wire_ns.1),
    )
}

/// Plain lines: what was said, each opportunity, and every five seconds how it stands.
fn lines(form: Form, head: &str, shown: &Receiver<Shown>) {
    put(form, head);
    let mut next = Instant::now() + Duration::from_secs(5);
    while let Ok(shown) = shown.recv() {
        match shown {
            Shown::Said(line) => put(form, &line),
            Shown::Ended(line) => put(form, &format!("            {line}")),
            Shown::Picture(picture) if Instant::now() >= next => {
                next = Instant::now() + Duration::from_secs(5);
                put(form, &format!("            {}", status(&picture)));
            }
            Shown::Picture(_) => {}
        }
    }
}

/// A screen that is drawn anew. What was said stays above it.
fn draw(head: &str, shown: &Receiver<Shown>) {
    let term = Term::stdout();
    let (mut drawn, mut recent, mut latest) = (0, Vec::<String>::new(), None);
    // A terminal that cannot be written to any more shows nothing; the run goes on.
    let _ = term.write_line(head);
    loop {
        let got = shown.recv_timeout(Duration::from_millis(500));
        let is_over = matches!(got, Err(RecvTimeoutError::Disconnected));
        let _ = term.clear_last_lines(drawn);
        drawn = 0;
        match got {
            Ok(Shown::Said(line)) => drop(term.write_line(&line)),
            Ok(Shown::Ended(line)) => {
                recent.push(line);
                if recent.len() > LINES {
                    recent.remove(0);
                }
            }
            Ok(Shown::Picture(picture)) => latest = Some(picture),
            Err(_) => {}
        }
        if is_over {
            for line in &recent {
                let _ = term.write_line(line);
            }
            return;
        }
        let Some(picture) = &latest else { continue };
        let width = usize::from(term.size().1).max(20);
        let mut all = vec![String::new()];
        for (name, state, prices) in &picture.markets {
            all.push(format!("  {name:<22} {state}  {prices}"));
        }
        all.push(String::new());
        for (route, gross, net) in &picture.edges {
            all.push(format!("  {route:<48} gross {gross:>8} bp   net {net:>8} bp"));
        }
        all.push(String::new());
        all.extend(recent.iter().map(|line| format!("  {line}")));
        all.push(format!("  {}", status(picture)));
        for line in all {
            let cut: String = line.chars().take(width - 1).collect();
            if term.write_line(&cut).is_ok() {
                drawn += 1;
            }
        }
    }
}
