//! What needs a key: the upgrade of the current feed, and the account's fees.
//!
//! A refusal is answered once with a fresh signature. The second one is a problem to report; from
//! then on the connection is made without the key, so that public data goes on.

use connector_net::session::{Asks, Fetched, Now};
use engine_model::units::NS_PER_MS;

use crate::sign::{Key, Nonces, post, upgrade};

/// Refusals in a row before the key is given up.
const REFUSALS_MAX: u32 = 2;

/// Wait before something that failed is asked for again. Unit: milliseconds.
const AGAIN_MS: u64 = 5_000;

/// The private side of a connection.
#[derive(Debug)]
pub(super) struct Account {
    key: Key,
    rest_url: String,
    fees_every_ms: u64,
    nonces: Nonces,
    upgrades_refused: u32,
    fees_refused: u32,
    fees_tag: Option<u64>,
    fees_due_ns: u64,
}

impl Account {
    pub(super) fn new(key: Key, nonces: Nonces, rest_url: String, fees_every_ms: u64) -> Self {
        Self {
            key,
            rest_url,
            fees_every_ms,
            nonces,
            upgrades_refused: 0,
            fees_refused: 0,
            fees_tag: None,
            fees_due_ns: u64::MAX,
        }
    }

    pub(super) fn problem(&self) -> Option<String> {
        let is_refused = self.upgrades_refused >= REFUSALS_MAX || self.fees_refused >= REFUSALS_MAX;
        is_refused.then(|| format!("key: the venue refuses \"{}\"", self.key.id))
    }

    /// Whether the key is used on the socket.
    pub(super) const fn is_used(&self) -> bool {
        self.upgrades_refused < REFUSALS_MAX
    }

    pub(super) fn headers(&mut self, now_ns: u64) -> Vec<(String, String)> {
        let nonce = self.nonces.next_upgrade(now_ns);
        upgrade(&self.key, nonce)
    }

    /// The upgrade was refused.
    pub(super) fn upgrade_refused(&mut self) {
        self.upgrades_refused = self.upgrades_refused.saturating_add(1);
    }

    pub(super) fn opened(&mut self, now: Now) {
        if self.is_used() {
            self.upgrades_refused = 0;
        }
        if self.fees_refused < REFUSALS_MAX {
            self.fees_due_ns = now.ns;
        }
    }

    pub(super) fn closed(&mut self) {
        (self.fees_tag, self.fees_due_ns) = (None, u64::MAX);
    }

    pub(super) fn due_ns(&self) -> u64 {
        self.fees_due_ns
    }

    pub(super) fn time(&mut self, now: Now, tag: u64, asks: &mut Asks) {
        if self.fees_due_ns <= now.ns {
            self.fees_due_ns = later(now.ns, self.fees_every_ms);
            self.fees_tag = Some(tag);
            let nonce = self.nonces.next(now.ns);
            asks.fetch(post(&self.key, tag, &self.rest_url, "/v1/notionalvolume", nonce));
        }
    }

    pub(super) fn fetched(&mut self, now: Now, end: &Fetched<'_>) {
        let (Fetched::Answer { tag, .. } | Fetched::Failed { tag, .. }) = *end;
        if self.fees_tag != Some(tag) {
            return;
        }
        self.fees_tag = None;
        match *end {
            Fetched::Answer { status: 200..=299, .. } => self.fees_refused = 0,
            // A used nonce, a signature, a role: all of the key.
            Fetched::Answer { status: 400 | 401 | 403, .. } => {
                self.fees_refused = self.fees_refused.saturating_add(1);
                let is_over = self.fees_refused >= REFUSALS_MAX;
                self.fees_due_ns = if is_over { u64::MAX } else { later(now.ns, AGAIN_MS) };
            }
            Fetched::Answer { .. } | Fetched::Failed { .. } => {
                self.fees_due_ns = self.fees_due_ns.min(later(now.ns, AGAIN_MS));
            }
        }
    }
}

const fn later(now_ns: u64, ms: u64) -> u64 {
    now_ns.saturating_add(ms.saturating_mul(NS_PER_MS))
}
