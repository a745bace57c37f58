//! What all endpoints of the venue share.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::auth::{Credentials, Key};
use super::{Settings, wire};
use crate::exchange::{Exchange, Product, SharedExchange};
use crate::happening::ExchangeId;
use crate::serve::HttpAnswer;
use crate::venues::words::places_of;

/// How long REST refuses and upgrades fail after a notice of maintenance. Unit: nanoseconds.
const MAINTENANCE_NS: u64 = 10_000_000_000;

/// Orders of a connection with `cancelOnDisconnect` end this long after it: the venue was measured
/// to act within two seconds. Unit: nanoseconds.
const CANCEL_AFTER_NS: u64 = 1_000_000_000;

/// A key that must send heartbeats and has been silent for so long loses its orders. Unit:
/// nanoseconds.
pub(super) const HEARTBEAT_NS: u64 = 30_000_000_000;

/// Ended connections whose orders wait to be cancelled; the oldest acts at once when there are more.
const CANCELS_MAX: usize = 1_024;

/// First session number of a connection. REST sessions are the keys' places, far below.
const SOCKET_SESSION_FIRST: u64 = 1_000_000;

/// A product with its spellings.
#[derive(Clone, Debug)]
pub(super) struct Symbol {
    /// Neutral: `SOL-USD`.
    pub(super) name: Arc<str>,
    /// `solusd`.
    pub(super) lower: String,
    /// `SOLUSD`.
    pub(super) upper: String,
    /// Currency code.
    pub(super) base: Arc<str>,
    /// Currency code.
    pub(super) quote: Arc<str>,
    /// Unit: e8.
    pub(super) tick_e8: u64,
    /// Unit: e8.
    pub(super) lot_e8: u64,
    /// Decimal places of a price.
    pub(super) price_places: u32,
    /// Decimal places of a size.
    pub(super) size_places: u32,
}

impl Symbol {
    fn of(product: &Product) -> Self {
        let lower = product.name.replace('-', "").to_ascii_lowercase();
        Self {
            name: product.name.clone(),
            upper: lower.to_ascii_uppercase(),
            lower,
            base: product.base.clone(),
            quote: product.quote.clone(),
            tick_e8: product.tick_e8,
            lot_e8: product.lot_e8,
            price_places: places_of(product.tick_e8),
            size_places: places_of(product.lot_e8),
        }
    }
}

/// What changes while the venue runs.
#[derive(Debug, Default)]
pub(super) struct State {
    /// Highest nonce by key.
    pub(super) nonces: BTreeMap<String, u64>,
    /// Last private call of keys that must send heartbeats. Unit: Unix nanoseconds.
    pub(super) heard_ns: BTreeMap<String, u64>,
    pub(super) credentials: Credentials,
    maintenance_until_ns: u64,
    cancels: VecDeque<(u64, Arc<str>, u64)>,
}

/// What all endpoints share.
#[derive(Debug)]
pub(super) struct Desk {
    exchange: SharedExchange,
    exchange_id: ExchangeId,
    /// Choices.
    pub(super) settings: Settings,
    /// Products, in the exchange's order.
    pub(super) symbols: Vec<Symbol>,
    state: Mutex<State>,
    sockets: AtomicU64,
}

impl Desk {
    pub(super) fn new(exchange: SharedExchange, settings: Settings) -> Self {
        let (exchange_id, symbols) = {
            let exchange = exchange.lock().unwrap_or_else(PoisonError::into_inner);
            (exchange.id(), exchange.products().iter().map(Symbol::of).collect())
        };
        Self {
            exchange,
            exchange_id,
            settings,
            symbols,
            state: Mutex::default(),
            sockets: AtomicU64::new(SOCKET_SESSION_FIRST),
        }
    }

    /// The exchange, locked for a moment. A panic elsewhere leaves it as it was: whole calls only.
    pub(super) fn exchange(&self) -> MutexGuard<'_, Exchange> {
        self.exchange.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) const fn exchange_id(&self) -> ExchangeId {
        self.exchange_id
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A symbol by its lower- or upper-case text.
    pub(super) fn symbol(&self, text: &str) -> Option<&Symbol> {
        self.symbols.iter().find(|symbol| symbol.lower.eq_ignore_ascii_case(text))
    }

    /// Number of a product among [`Self::symbols`].
    pub(super) fn index_of(&self, product: &str) -> Option<usize> {
        self.symbols.iter().position(|symbol| *symbol.name == *product)
    }

    pub(super) fn key(&self, key: &str) -> Option<&Key> {
        self.settings.keys.iter().find(|known| known.key == key)
    }

    /// The session number of a key's REST orders.
    pub(super) fn session_of(&self, key: &str) -> u64 {
        let place = self.settings.keys.iter().position(|known| known.key == key);
        place.map_or(0, |place| place as u64 + 1)
    }

    /// A key by the session of its REST orders.
    pub(super) fn key_of_session(&self, session: u64) -> Option<&Key> {
        let place = usize::try_from(session.checked_sub(1)?).ok()?;
        self.settings.keys.get(place)
    }

    /// A number for a new connection.
    pub(super) fn new_session(&self) -> u64 {
        self.sockets.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn begin_maintenance(&self, now_ns: u64) {
        self.state().maintenance_until_ns = now_ns + MAINTENANCE_NS;
    }

    pub(super) fn set_credentials(&self, credentials: Credentials) {
        self.state().credentials = credentials;
    }

    /// Refuses while maintenance lasts.
    pub(super) fn open_for_business(&self, now_ns: u64) -> Result<(), HttpAnswer> {
        if now_ns < self.state().maintenance_until_ns {
            let text = "The Gemini Exchange is currently undergoing maintenance.";
            return Err(wire::error(503, "Maintenance", text));
        }
        Ok(())
    }

    /// A connection that asked for cancel-on-disconnect has ended.
    pub(super) fn cancel_later(&self, now_ns: u64, account: &Arc<str>, session: u64) {
        let mut state = self.state();
        state.cancels.push_back((now_ns + CANCEL_AFTER_NS, account.clone(), session));
        if state.cancels.len() > CANCELS_MAX
            && let Some(first) = state.cancels.front_mut()
        {
            first.0 = now_ns;
        }
    }

    /// Does what has become due: orders of ended connections and of keys without a heartbeat. Called
    /// by every request and by every connection's tick.
    pub(super) fn sweep(&self, now_ns: u64) {
        let mut due = Vec::new();
        {
            let mut state = self.state();
            while state.cancels.front().is_some_and(|(at_ns, ..)| *at_ns <= now_ns) {
                due.extend(state.cancels.pop_front());
            }
            let silent = state.heard_ns.iter().find(|(_, at)| now_ns > **at + HEARTBEAT_NS);
            if let Some(name) = silent.map(|(name, _)| name.clone()) {
                state.heard_ns.remove(&name);
                let account = self.key(&name).map(|key| key.account.clone());
                due.extend(account.map(|account| (0, account, self.session_of(&name))));
            }
        }
        for (_, account, session) in due {
            self.exchange().cancel_where(now_ns, &account, None, Some(session));
        }
    }
}
