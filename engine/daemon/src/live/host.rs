//! Where readers and core run: on one thread, or on threads of their own.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use config::Wait;
use connector_link::http::Http;
use connector_link::outlet::{Lost, Outlet};
use connector_link::park::{Driven, Shared, drive};
use connector_link::spin::spin;
use connector_link::{Clock, Net};
use connector_net::Sink;
use engine_model::Venue;
use tokio::sync::mpsc;

use super::boot::Say;
use super::core_loop::{CoreLoop, Mender, Observer};
use super::latency::Intervals;
use super::ring::{NoWake, RingOutlet, Wake, ring};
use super::session::{CoreEnd, Loose, Order};
use super::threads::{Threads, pin};
use crate::cli_output::{Exit, Failure};
use crate::journal::writer::Durable;
use crate::replay::drive::Driver;

/// How long the core sleeps when nothing comes and nobody wakes it: bounds how late a timer fires.
const CORE_SLEEP: Duration = Duration::from_millis(2);

/// Looks without anything before the core's thread sleeps.
const CORE_LOOKS: u32 = 200;

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

/// Ends the run when the thread or task that holds it panics: a reader that has gone would leave its books
/// standing as they were.
struct Fatal(Arc<AtomicBool>);

impl Drop for Fatal {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.store(true, Ordering::SeqCst);
        }
    }
}

/// Steps a core that shares its thread with the readers. A panic in it must not be taken for a reader's:
/// the core takes nothing any more, and the run ends.
fn step_inline(core: &RefCell<CoreLoop>, over: &AtomicBool, step: impl FnOnce(&mut CoreLoop)) {
    let mut core = core.borrow_mut();
    let stepped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| step(&mut core)));
    if stepped.is_err() {
        core.break_down();
        over.store(true, Ordering::SeqCst);
    }
}

/// The outlet of a reader that shares the core's thread: the core steps as soon as a batch is there.
struct InlineOutlet {
    ring: RingOutlet<NoWake>,
    core: Rc<RefCell<CoreLoop>>,
    over: Arc<AtomicBool>,
}

impl Outlet for InlineOutlet {
    fn publish(&mut self, sink: &Sink, lost: &mut Vec<Lost>) {
        self.ring.publish(sink, lost);
        step_inline(&self.core, &self.over, |core| while core.drain() {});
    }

    fn tick(&mut self) {
        self.ring.tick();
        step_inline(&self.core, &self.over, |core| while core.drain() {});
    }
}

/// What the threads take with them.
pub(super) struct Parts {
    pub(super) driver: Driver,
    pub(super) intervals: Intervals,
    pub(super) mender: Mender,
    pub(super) durable: Durable,
    pub(super) observer: Box<dyn Observer + Send>,
    pub(super) orders: mpsc::Receiver<Order>,
    pub(super) clock: Clock,
    pub(super) net: Net,
    pub(super) http: Http,
    pub(super) venues: Vec<(Venue, Vec<Loose>)>,
    pub(super) ring_events: usize,
    pub(super) threads: Threads,
    pub(super) say: Say,
    pub(super) core_over: Arc<AtomicBool>,
    pub(super) open_trades: Arc<AtomicUsize>,
    pub(super) pause_input: Arc<AtomicBool>,
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
    pub(super) fn inline(self) -> Result<JoinHandle<CoreEnd>, Failure> {
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
        let core =
            CoreLoop::new(self.driver, ports, self.clock, self.mender, self.observer, self.durable)
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
            let over = Arc::clone(&self.core_over);
            let outlet = InlineOutlet { ring, core: Rc::clone(&core), over: Arc::clone(&over) };
            let driven = Driven { link, outlet, control, seen };
            let shared = shared.clone();
            links.push(tokio::task::spawn_local(async move {
                let _fatal = Fatal(over);
                drive(driven, shared).await;
            }));
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
                    step_inline(&core, &self.core_over, |core| {
                        while core.drain() {}
                        core.time();
                    });
                    let core = core.borrow();
                    self.open_trades.store(core.open_trades(), Ordering::Relaxed);
                    if !core.is_recorded() {
                        self.core_over.store(true, Ordering::SeqCst);
                    }
                }
            }
        }
        // The links were told to stop before; one that hangs in a send is given up.
        let mut failed = false;
        for mut link in links {
            let ended =
                if let Ok(ended) = tokio::time::timeout(Duration::from_secs(1), &mut link).await {
                    ended
                } else {
                    // Ends at its next await, which is where it hangs.
                    link.abort();
                    link.await
                };
            failed |= ended.is_err_and(|error| error.is_panic());
        }
        step_inline(&core, &self.core_over, |core| while core.drain() {});
        match Rc::try_unwrap(core) {
            Ok(core) => end(core.into_inner(), failed),
            Err(_) => unreachable!("Invariant: links that were dropped hold nothing"),
        }
    }

    /// A thread for the core and one for each venue.
    pub(super) fn apart(self) -> Result<(JoinHandle<CoreEnd>, Vec<JoinHandle<()>>), Failure> {
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
            let over = Arc::clone(&self.core_over);
            readers.push(Self::spawn(&name, cpu, &self.say, move || {
                let _fatal = Fatal(Arc::clone(&over));
                if wait == Wait::Spin {
                    spin(driven, &shared);
                } else {
                    read_parked(driven, &shared, &over);
                }
            })?);
        }
        let core =
            CoreLoop::new(self.driver, ports, self.clock, self.mender, self.observer, self.durable)
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
            end(core, false)
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

fn read_parked<O: Outlet + 'static>(
    links: Vec<Driven<O>>,
    shared: &Shared,
    over: &Arc<AtomicBool>,
) {
    let over = Arc::clone(over);
    let runtime = runtime();
    let local = tokio::task::LocalSet::new();
    let own = Shared { runtime: runtime.handle().clone(), ..shared.clone() };
    local.block_on(&runtime, async move {
        let tasks: Vec<_> = links
            .into_iter()
            .map(|link| {
                let (over, own) = (Arc::clone(&over), own.clone());
                tokio::task::spawn_local(async move {
                    let _fatal = Fatal(over);
                    drive(link, own).await;
                })
            })
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
        Some(Order::Disk { free_ppm, free_bytes }) => core.disk(*free_ppm, *free_bytes),
        Some(Order::Reload(reload)) => core.reload(reload.as_ref().clone()),
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
    open_trades: &AtomicUsize,
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
                Ok(Order::Disk { free_ppm, free_bytes }) => core.disk(free_ppm, free_bytes),
                Ok(Order::Reload(reload)) => core.reload(*reload),
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

fn end(core: CoreLoop, reader_failed: bool) -> CoreEnd {
    let (mends_refused, is_broken) = (core.mends_refused, core.is_broken());
    let (driver, is_recorded) = core.end();
    CoreEnd { driver, is_recorded, is_broken: is_broken || reader_failed, mends_refused }
}
