//! Which faults are on, for whom, and what they have done so far.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::clock::Clock;
use super::fault::{Fault, FaultOrder, Scheduled};
use super::state::VenueState;

/// Faults that are remembered. A long campaign makes a few per second for minutes; beyond that the
/// server would rather be started anew than grow.
pub const FAULTS_MAX: usize = 20_000;

const MILLISECOND_NS: u64 = 1_000_000;

/// A fault that has begun.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) number: u64,
    pub(crate) order: FaultOrder,
    pub(crate) at_ns: u64,
    until_ns: AtomicU64,
    applied: AtomicU64,
    left: AtomicU32,
}

impl Active {
    pub(crate) fn new(number: u64, order: FaultOrder, at_ns: u64) -> Self {
        let until_ns = AtomicU64::new(order.until_ns(at_ns));
        let left = AtomicU32::new(order.fault.pick().map_or(0, |pick| pick.count));
        Self { number, order, at_ns, until_ns, applied: AtomicU64::new(0), left }
    }

    /// When it is over, as far as is known: it may be ended earlier. Unit: Unix nanoseconds.
    pub(crate) fn until_ns(&self) -> u64 {
        self.until_ns.load(Ordering::Relaxed)
    }

    pub(crate) fn is_over(&self, now_ns: u64) -> bool {
        now_ns >= self.until_ns()
    }

    /// Notes that it did something.
    pub(crate) fn count(&self) {
        self.applied.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn applied(&self) -> u64 {
        self.applied.load(Ordering::Relaxed)
    }

    /// Takes one of the frames that it may still meet.
    pub(crate) fn take_one(&self) -> bool {
        let is_counted = self.order.fault.pick().is_some_and(|pick| pick.count > 0);
        let less = |left: u32| left.checked_sub(1);
        !is_counted || self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }

    /// Whether a connection with this number is meant.
    pub(crate) fn is_for(&self, connection: u64) -> bool {
        self.order.connection.is_none_or(|number| number == connection)
    }
}

/// A fault as the control endpoint tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FaultStatus {
    /// Counted from 0 in the order in which they began.
    pub number: u64,
    /// As ordered.
    #[serde(flatten)]
    pub order: FaultOrder,
    /// Begin. Unit: Unix nanoseconds of market time.
    pub at_ns: u64,
    /// End. Unit: Unix nanoseconds of market time.
    pub until_ns: u64,
    /// Frames, requests or connections that met it. A fault that a venue has no words for stays at 0.
    pub applied: u64,
}

/// Why a fault did not begin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultRefused {
    /// No venue of that name.
    #[error("no venue is called {name:?}; there are: {known}")]
    UnknownVenue {
        /// As ordered.
        name: String,
        /// All names.
        known: String,
    },
    /// A number out of bounds.
    #[error("{0}")]
    Bounds(String),
    /// [`FAULTS_MAX`] are remembered already.
    #[error("{FAULTS_MAX} faults have been ordered; start the emulator anew for more")]
    Full,
}

/// All faults of a server.
#[derive(Debug)]
pub(crate) struct Board {
    clock: Clock,
    venues: Vec<Arc<VenueState>>,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    all: Vec<Arc<Active>>,
    scheduled: VecDeque<Scheduled>,
    /// Those with an end that something follows from.
    ending: Vec<Arc<Active>>,
}

impl Board {
    /// A board whose schedule is in order of time afterwards.
    ///
    /// # Errors
    ///
    /// An entry of the schedule that could not begin.
    pub(crate) fn new(
        clock: Clock,
        venues: Vec<Arc<VenueState>>,
        mut schedule: Vec<Scheduled>,
    ) -> Result<Self, FaultRefused> {
        schedule.sort_by_key(|entry| entry.at_ms);
        let inner = Inner { all: Vec::new(), scheduled: VecDeque::new(), ending: Vec::new() };
        let board = Self { clock, venues, inner: Mutex::new(inner) };
        if schedule.len() > FAULTS_MAX {
            return Err(FaultRefused::Full);
        }
        for entry in &schedule {
            board.venue(&entry.order)?;
        }
        board.lock().scheduled = schedule.into();
        Ok(board)
    }

    /// Begins a fault now.
    ///
    /// # Errors
    ///
    /// As [`FaultRefused`] says; nothing has begun then.
    pub(crate) fn begin(&self, order: FaultOrder) -> Result<u64, FaultRefused> {
        let venue = Arc::clone(self.venue(&order)?);
        let now_ns = self.clock.now_ns();
        let active = {
            let mut inner = self.lock();
            if inner.all.len() >= FAULTS_MAX {
                return Err(FaultRefused::Full);
            }
            let number = inner.all.len() as u64;
            let active = Arc::new(Active::new(number, order, now_ns));
            inner.all.push(Arc::clone(&active));
            if !active.is_over(now_ns) {
                inner.ending.push(Arc::clone(&active));
            }
            active
        };
        if let Fault::ClockSkew { .. } = active.order.fault {
            active.count();
        }
        if let Some(words) = active.order.fault.words()
            && venue.venue.disturb(venue.now_ns(), &words.first)
        {
            active.count();
        }
        venue.meet(&active);
        Ok(active.number)
    }

    /// Begins what is due and ends what is over.
    pub(crate) fn turn(&self, now_ns: u64) {
        let start_ns = self.clock.start_unix_ns();
        loop {
            let due = self.lock().scheduled.pop_front_if(|entry| {
                start_ns.saturating_add(entry.at_ms * MILLISECOND_NS) <= now_ns
            });
            let Some(entry) = due else { break };
            // The schedule was checked at the start; only a full board can refuse now, and the
            // list of faults shows that.
            let _ = self.begin(entry.order);
        }
        let over: Vec<Arc<Active>> =
            self.lock().ending.extract_if(.., |active| active.is_over(now_ns)).collect();
        for active in over {
            let Ok(venue) = self.venue(&active.order) else { continue };
            venue.forget(&active);
            let last = active.order.fault.words().and_then(|words| words.last);
            if let Some(last) = last
                && !venue.is_on(active.order.fault.name(), now_ns)
            {
                venue.venue.disturb(venue.now_ns(), &last);
            }
        }
    }

    /// Ends a fault now, or a millisecond later. False: there is none of that number.
    pub(crate) fn end(&self, number: u64) -> bool {
        let inner = self.lock();
        let found = usize::try_from(number).ok().and_then(|place| inner.all.get(place));
        let now_ns = self.clock.now_ns();
        found.inspect(|active| {
            active.until_ns.fetch_min(now_ns, Ordering::Relaxed);
        });
        found.is_some()
    }

    /// All faults so far, in order.
    pub(crate) fn list(&self) -> Vec<FaultStatus> {
        let status = |active: &Arc<Active>| FaultStatus {
            number: active.number,
            order: active.order.clone(),
            at_ns: active.at_ns,
            until_ns: active.until_ns(),
            applied: active.applied(),
        };
        self.lock().all.iter().map(status).collect()
    }

    fn venue(&self, order: &FaultOrder) -> Result<&Arc<VenueState>, FaultRefused> {
        order.check().map_err(FaultRefused::Bounds)?;
        let found = self.venues.iter().find(|venue| venue.name == order.venue);
        found.ok_or_else(|| {
            let known: Vec<&str> = self.venues.iter().map(|venue| venue.name).collect();
            FaultRefused::UnknownVenue { name: order.venue.clone(), known: known.join(", ") }
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
