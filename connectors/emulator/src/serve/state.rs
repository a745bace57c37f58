//! What all connections of one venue share.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tokio::sync::{Notify, mpsc};

use super::board::Active;
use super::clock::Clock;
use super::contract::SharedVenue;
use super::fault::Fault;
use super::limits::{Bucket, Limits, QUEUE_BATCHES_DEFAULT};
use super::log::FrameLog;
use crate::happening::Happening;
use crate::market::Rng;

/// What happened at one turn of the world, shared by all connections.
pub(crate) type Batch = Arc<[Happening]>;

/// Faults that may wait for a connection that is busy writing. More than that on one connection at
/// once says nothing any more; what finds no room is not met by it.
const FAULTS_WAITING_MAX: usize = 256;

/// Sockets of one venue at a time; more are reset. Far above what one engine, its tests and a few
/// clients open.
pub(crate) const SOCKETS_MAX: u64 = 512;

/// The server's ends of a connection's queues.
#[derive(Debug)]
struct Link {
    number: u64,
    batches: mpsc::Sender<Batch>,
    faults: mpsc::Sender<Arc<Active>>,
    overflow: Arc<Notify>,
}

/// A connection's ends.
#[derive(Debug)]
pub(crate) struct Inbox {
    pub(crate) number: u64,
    pub(crate) batches: mpsc::Receiver<Batch>,
    pub(crate) faults: mpsc::Receiver<Arc<Active>>,
    /// The queue is full: the client is too slow.
    pub(crate) overflow: Arc<Notify>,
}

/// What a venue's listeners and connections have done.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) sockets: AtomicU64,
    pub(crate) sockets_open: AtomicU64,
    pub(crate) sockets_refused: AtomicU64,
    pub(crate) requests: AtomicU64,
    pub(crate) limited: AtomicU64,
    pub(crate) connections_open: AtomicU64,
    pub(crate) messages: AtomicU64,
    pub(crate) frames: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) too_slow: AtomicU64,
    pub(crate) abuses: AtomicU64,
    pub(crate) panics: AtomicU64,
}

/// A venue's counters at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct VenueCounts {
    /// TCP connections taken.
    pub sockets: u64,
    /// Of these open now.
    pub sockets_open: u64,
    /// TCP connections reset at once: by a fault, or because too many were open.
    pub sockets_refused: u64,
    /// HTTP requests, upgrades included.
    pub requests: u64,
    /// Requests, upgrades and messages beyond the limits.
    pub limited: u64,
    /// WebSocket connections so far; the newest has this number.
    pub connections: u64,
    /// Of these open now.
    pub connections_open: u64,
    /// Text frames from clients.
    pub messages: u64,
    /// Text frames written to clients.
    pub frames: u64,
    /// Bytes of all WebSocket frames written.
    pub bytes: u64,
    /// Connections cut because the client read too slowly.
    pub too_slow: u64,
    /// Connections closed because the client broke the protocol or sent too large a frame.
    pub abuses: u64,
    /// Connections that ended in an error of the emulator itself. Anything but 0 is a bug.
    pub panics: u64,
}

struct Buckets {
    connections: Bucket,
    messages: Bucket,
    requests: Bucket,
}

/// One venue at work.
pub(crate) struct VenueState {
    pub(crate) name: &'static str,
    pub(crate) venue: SharedVenue,
    pub(crate) clock: Clock,
    pub(crate) counts: Counts,
    pub(crate) log: Option<Arc<FrameLog>>,
    seed: u64,
    queue_max: usize,
    buckets: Mutex<Buckets>,
    skew_ns: AtomicI64,
    last_connection: AtomicU64,
    links: Mutex<Vec<Link>>,
    active: Mutex<Vec<Arc<Active>>>,
}

impl std::fmt::Debug for VenueState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VenueState").field("name", &self.name).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Which limit.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Limited {
    Connections,
    Messages,
    Requests,
}

impl VenueState {
    pub(crate) fn new(
        venue: SharedVenue,
        clock: Clock,
        seed: u64,
        limits: Limits,
        log: Option<Arc<FrameLog>>,
    ) -> Self {
        let queue_max = match limits.queue_batches_max {
            0 => QUEUE_BATCHES_DEFAULT,
            max => max,
        };
        Self {
            name: venue.name(),
            venue,
            clock,
            counts: Counts::default(),
            log,
            seed,
            queue_max: usize::try_from(queue_max).unwrap_or(usize::MAX),
            buckets: Mutex::new(Buckets {
                connections: Bucket::new(limits.connections_per_s),
                messages: Bucket::new(limits.messages_per_s),
                requests: Bucket::new(limits.requests_per_s),
            }),
            skew_ns: AtomicI64::new(0),
            last_connection: AtomicU64::new(0),
            links: Mutex::new(Vec::new()),
            active: Mutex::new(Vec::new()),
        }
    }

    /// What the venue's own clock shows. Unit: Unix nanoseconds.
    pub(crate) fn now_ns(&self) -> u64 {
        self.clock.now_ns().saturating_add_signed(self.skew_ns.load(Ordering::Relaxed))
    }

    /// Whether the limits leave room for one more.
    pub(crate) fn allows(&self, what: Limited) -> bool {
        let mut buckets = lock(&self.buckets);
        let bucket = match what {
            Limited::Connections => &mut buckets.connections,
            Limited::Messages => &mut buckets.messages,
            Limited::Requests => &mut buckets.requests,
        };
        let is_allowed = bucket.take(self.clock.now_ns());
        if !is_allowed {
            self.counts.limited.fetch_add(1, Ordering::Relaxed);
        }
        is_allowed
    }

    /// A new WebSocket connection's queues, filled from now on.
    pub(crate) fn join(&self) -> Inbox {
        let number = self.last_connection.fetch_add(1, Ordering::Relaxed) + 1;
        let (batches, their_batches) = mpsc::channel(self.queue_max);
        let (faults, their_faults) = mpsc::channel(FAULTS_WAITING_MAX);
        let overflow = Arc::new(Notify::new());
        // Held together with the list of links, so that no fault is met twice or not at all.
        let mut links = lock(&self.links);
        for active in lock(&self.active).iter().filter(|active| active.is_for(number)) {
            // Those that find no room are not met, as said above.
            let _ = faults.try_send(Arc::clone(active));
        }
        links.push(Link { number, batches, faults, overflow: Arc::clone(&overflow) });
        self.counts.connections_open.fetch_add(1, Ordering::Relaxed);
        Inbox { number, batches: their_batches, faults: their_faults, overflow }
    }

    /// The connection has ended.
    pub(crate) fn leave(&self, number: u64) {
        lock(&self.links).retain(|link| link.number != number);
        self.counts.connections_open.fetch_sub(1, Ordering::Relaxed);
    }

    /// Hands what happened to every connection. One whose queue is full is told to end.
    pub(crate) fn tell(&self, batch: &Batch) {
        for link in lock(&self.links).iter() {
            if let Err(mpsc::error::TrySendError::Full(_)) = link.batches.try_send(batch.clone()) {
                link.overflow.notify_one();
            }
        }
    }

    /// Lets the venue's connections meet a fault.
    pub(crate) fn meet(&self, active: &Arc<Active>) {
        let links = lock(&self.links);
        if !active.order.fault.is_once() {
            lock(&self.active).push(Arc::clone(active));
            self.reckon_skew();
        }
        for link in links.iter().filter(|link| active.is_for(link.number)) {
            let _ = link.faults.try_send(Arc::clone(active));
        }
    }

    /// The fault is over.
    pub(crate) fn forget(&self, active: &Arc<Active>) {
        lock(&self.active).retain(|known| known.number != active.number);
        self.reckon_skew();
    }

    /// Whether a fault of this kind is on.
    pub(crate) fn is_on(&self, fault: &str, now_ns: u64) -> bool {
        let is_it =
            |active: &Arc<Active>| active.order.fault.name() == fault && !active.is_over(now_ns);
        lock(&self.active).iter().any(is_it)
    }

    /// The first fault that is on and that `is_it` chooses.
    pub(crate) fn find(&self, is_it: impl Fn(&Fault) -> bool) -> Option<Arc<Active>> {
        let now_ns = self.clock.now_ns();
        let is_on = |active: &&Arc<Active>| !active.is_over(now_ns) && is_it(&active.order.fault);
        lock(&self.active).iter().find(is_on).cloned()
    }

    /// Faults that a request to `path` meets, in the order in which they began.
    pub(crate) fn met_by_request(&self, path: &str) -> Vec<Arc<Active>> {
        let now_ns = self.clock.now_ns();
        let meets = |active: &&Arc<Active>| {
            let reach = active.order.fault.reach();
            !active.is_over(now_ns) && reach.is_some_and(|reach| path.contains(&reach.path))
        };
        lock(&self.active).iter().filter(meets).cloned().collect()
    }

    /// Seed of a fault on a connection: of the server's seed and these names alone.
    pub(crate) fn seed_of(&self, connection: u64, fault: u64) -> u64 {
        let name = self.name.bytes().map(u64::from);
        let parts = [self.seed, connection, fault].into_iter().chain(name);
        parts.fold(0, |sum, part| Rng::new(sum ^ part).next_u64())
    }

    pub(crate) fn counts(&self) -> VenueCounts {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let counts = &self.counts;
        VenueCounts {
            sockets: of(&counts.sockets),
            sockets_open: of(&counts.sockets_open),
            sockets_refused: of(&counts.sockets_refused),
            requests: of(&counts.requests),
            limited: of(&counts.limited),
            connections: of(&self.last_connection),
            connections_open: of(&counts.connections_open),
            messages: of(&counts.messages),
            frames: of(&counts.frames),
            bytes: of(&counts.bytes),
            too_slow: of(&counts.too_slow),
            abuses: of(&counts.abuses),
            panics: of(&counts.panics),
        }
    }

    /// The newest skew that is on wins.
    fn reckon_skew(&self) {
        let active = lock(&self.active);
        let skew_ms = active.iter().rev().find_map(|active| {
            if let Fault::ClockSkew { by_ms } = active.order.fault { Some(by_ms) } else { None }
        });
        self.skew_ns.store(skew_ms.unwrap_or(0) * 1_000_000, Ordering::Relaxed);
    }
}
