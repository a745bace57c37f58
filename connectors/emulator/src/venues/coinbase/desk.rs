//! What all connections and calls of the venue share.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Settings;
use super::auth::{Caller, Refusal, caller_of, subscriber_of};
use super::orders::Edit;
use crate::exchange::{Exchange, SharedExchange};
use crate::serve::{Disturbance, HttpAnswer, HttpRequest};

/// How long calls are answered with 503 after a maintenance notice. Unit: nanoseconds.
const MAINTENANCE_NS: u64 = 3_000_000_000;

/// How long the venue keeps answers to public calls. Unit: nanoseconds.
const CACHE_NS: u64 = 1_000_000_000;

/// Answers kept at most: products times calls that clients poll. The oldest goes first.
const CACHE_ENTRIES_MAX: usize = 64;

/// Changes that are remembered: the first ones of an order, and of orders the newest.
const EDITS_PER_ORDER_MAX: usize = 100;
const EDITED_ORDERS_MAX: usize = 1_000;

/// One second of messages.
const SECOND_NS: u64 = 1_000_000_000;

/// The venue's shared state.
#[derive(Debug)]
pub(super) struct Desk {
    exchange: SharedExchange,
    settings: Settings,
    /// When the venue first did anything, for the run time in heartbeats; 0 before.
    started_ns: AtomicU64,
    refuses_tokens: AtomicBool,
    down_until_ns: AtomicU64,
    /// Times of the last messages without a token; at most as many as are allowed per second.
    public_messages: Mutex<VecDeque<u64>>,
    cache: Mutex<BTreeMap<String, (u64, HttpAnswer)>>,
    /// By order.
    edits: Mutex<BTreeMap<u64, Vec<Edit>>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What a panicking holder left is whole: every change here is a single call.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Desk {
    pub(super) fn new(exchange: SharedExchange, settings: Settings) -> Self {
        Self {
            exchange,
            settings,
            started_ns: AtomicU64::new(0),
            refuses_tokens: AtomicBool::new(false),
            down_until_ns: AtomicU64::new(0),
            public_messages: Mutex::default(),
            cache: Mutex::default(),
            edits: Mutex::default(),
        }
    }

    /// The exchange, locked.
    pub(super) fn exchange(&self) -> MutexGuard<'_, Exchange> {
        locked(&self.exchange)
    }

    /// How long the venue runs. Unit: nanoseconds.
    pub(super) fn uptime_ns(&self, now_ns: u64) -> u64 {
        let first = self.started_ns.compare_exchange(
            0,
            now_ns.max(1),
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
        now_ns.saturating_sub(first.map_or_else(|known| known, |_| now_ns))
    }

    pub(super) fn is_down(&self, now_ns: u64) -> bool {
        now_ns < self.down_until_ns.load(Ordering::Relaxed)
    }

    pub(super) fn disturb(&self, now_ns: u64, what: &Disturbance) -> bool {
        match what {
            Disturbance::Maintenance => {
                self.down_until_ns.store(now_ns + MAINTENANCE_NS, Ordering::Relaxed);
            }
            Disturbance::AuthExpired => self.refuses_tokens.store(true, Ordering::Relaxed),
            Disturbance::AuthRestored => self.refuses_tokens.store(false, Ordering::Relaxed),
            Disturbance::CrossedBook { .. }
            | Disturbance::GiantFrame { .. }
            | Disturbance::SlotLag { .. }
            | Disturbance::SplitSlot { .. }
            | Disturbance::MissingAccounts { .. }
            | Disturbance::SubscriptionDropped => return false,
        }
        true
    }

    /// Who makes a REST call.
    pub(super) fn caller(&self, now_ns: u64, request: &HttpRequest) -> Result<Caller, Refusal> {
        if self.refuses_tokens.load(Ordering::Relaxed) {
            return Err(Refusal::Expired);
        }
        caller_of(&self.settings.keys, now_ns, request)
    }

    /// Who sends a WebSocket message.
    pub(super) fn subscriber(&self, now_ns: u64, token: &str) -> Result<Caller, Refusal> {
        if self.refuses_tokens.load(Ordering::Relaxed) {
            return Err(Refusal::Expired);
        }
        subscriber_of(&self.settings.keys, now_ns, token)
    }

    /// Counts a message without a token; false if there were too many within a second.
    pub(super) fn takes_public_message(&self, now_ns: u64) -> bool {
        let most = self.settings.public_messages_per_s;
        if most == 0 {
            return true;
        }
        let mut times = locked(&self.public_messages);
        if times.len() < most {
            times.push_back(now_ns);
            return true;
        }
        let is_free = times.front().is_some_and(|oldest| now_ns >= oldest + SECOND_NS);
        if is_free {
            times.pop_front();
            times.push_back(now_ns);
        }
        is_free
    }

    /// Remembers that an order was changed.
    pub(super) fn edited(&self, order: u64, edit: Edit) {
        let mut edits = locked(&self.edits);
        let list = edits.entry(order).or_default();
        if list.len() < EDITS_PER_ORDER_MAX {
            list.push(edit);
        }
        if edits.len() > EDITED_ORDERS_MAX {
            edits.pop_first();
        }
    }

    /// What an order was changed to, oldest first.
    pub(super) fn edits(&self, order: u64) -> Vec<Edit> {
        locked(&self.edits).get(&order).cloned().unwrap_or_default()
    }

    /// The answer to a public call: the one of a moment ago, or a new one from `make`. Only good
    /// answers are kept.
    pub(super) fn cached(
        &self,
        now_ns: u64,
        request: &HttpRequest,
        make: impl FnOnce() -> HttpAnswer,
    ) -> HttpAnswer {
        let is_bypassed =
            request.header("cache-control").is_some_and(|value| value.contains("no-cache"));
        if is_bypassed {
            return make();
        }
        let key = format!("{}?{}", request.path, request.query);
        if let Some((made_ns, answer)) = locked(&self.cache).get(&key)
            && (*made_ns..*made_ns + CACHE_NS).contains(&now_ns)
        {
            return answer.clone();
        }
        let answer = make();
        if answer.status == 200 {
            let mut cache = locked(&self.cache);
            if cache.len() >= CACHE_ENTRIES_MAX && !cache.contains_key(&key) {
                let oldest = cache.iter().min_by_key(|(_, (made_ns, _))| *made_ns);
                if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                    cache.remove(&oldest);
                }
            }
            cache.insert(key, (now_ns, answer.clone()));
        }
        answer
    }
}
