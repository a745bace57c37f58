//! What all endpoints of the venue share.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Settings;
use super::auth::{Credentials, Key};
use crate::exchange::{Exchange, Product, SharedExchange};
use crate::happening::ExchangeId;
use crate::venues::sign::sha256_hex;
use crate::venues::words::places_of;

/// A token opens private channels for so long. Unit: nanoseconds.
pub(super) const TOKEN_NS: u64 = 60_000_000_000;

/// Tokens kept; beyond it the oldest goes. A client takes one per connection.
const TOKENS_MAX: usize = 1_024;

/// Answers of the edge and lists of open orders that are kept. A throwaway query makes a new entry
/// each time; beyond this the oldest goes.
const CACHE_MAX: usize = 64;

/// Orders with an end that are watched; more are refused.
const EXPIRIES_MAX: usize = 10_000;

/// Orders that expired and are remembered as such.
const EXPIRED_MAX: usize = 10_000;

/// A product with its spellings.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    /// Neutral: `SOL-USD`.
    pub(super) name: Arc<str>,
    /// `solusd`.
    pub(super) symbol: String,
    /// `SOL/USD`.
    pub(super) title: String,
    /// `sol`.
    pub(super) base: String,
    /// `usd`.
    pub(super) counter: String,
    /// Unit: e8.
    pub(super) tick_e8: u64,
    /// Decimal places of a price.
    pub(super) price_places: u32,
    /// Decimal places of a size.
    pub(super) size_places: u32,
}

impl Pair {
    fn of(product: &Product) -> Self {
        Self {
            name: product.name.clone(),
            symbol: product.name.replace('-', "").to_ascii_lowercase(),
            title: product.name.replace('-', "/"),
            base: product.base.to_ascii_lowercase(),
            counter: product.quote.to_ascii_lowercase(),
            tick_e8: product.tick_e8,
            price_places: places_of(product.tick_e8),
            size_places: places_of(product.lot_e8),
        }
    }
}

/// A token for private channels.
#[derive(Clone, Debug)]
pub(super) struct Token {
    /// The text.
    pub(super) text: String,
    /// Whose.
    pub(super) account: Arc<str>,
    /// The number in channel names.
    pub(super) user_id: u64,
    until_ns: u64,
    /// The connection that used it first; it serves no other.
    used_by: Option<u64>,
}

/// What changes while the venue runs.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) credentials: Credentials,
    /// Nonces by key, with their time. Unit: Unix nanoseconds.
    pub(super) nonces: BTreeMap<(String, String), u64>,
    /// The same, oldest first.
    pub(super) nonce_order: VecDeque<(u64, (String, String))>,
    tokens: VecDeque<Token>,
    /// Tokens and connections so far.
    counter: u64,
    cache: VecDeque<(String, u64, String)>,
    expiries: BTreeMap<(u64, u64), Arc<str>>,
    expired: BTreeSet<u64>,
}

/// What all endpoints share.
#[derive(Debug)]
pub(super) struct Desk {
    exchange: SharedExchange,
    exchange_id: ExchangeId,
    /// Choices.
    pub(super) settings: Settings,
    /// Products, in the exchange's order.
    pub(super) pairs: Vec<Pair>,
    state: Mutex<State>,
}

impl Desk {
    pub(super) fn new(exchange: SharedExchange, settings: Settings) -> Self {
        let (exchange_id, pairs) = {
            let exchange = exchange.lock().unwrap_or_else(PoisonError::into_inner);
            (exchange.id(), exchange.products().iter().map(Pair::of).collect())
        };
        Self { exchange, exchange_id, settings, pairs, state: Mutex::default() }
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

    /// A market by its name in addresses.
    pub(super) fn pair(&self, symbol: &str) -> Option<&Pair> {
        self.pairs.iter().find(|pair| pair.symbol == symbol)
    }

    /// A market by its neutral name.
    pub(super) fn pair_of(&self, product: &str) -> Option<&Pair> {
        self.pairs.iter().find(|pair| *pair.name == *product)
    }

    pub(super) fn key(&self, key: &str) -> Option<&Key> {
        self.settings.keys.iter().find(|known| known.key == key)
    }

    pub(super) fn set_credentials(&self, credentials: Credentials) {
        self.state().credentials = credentials;
    }

    /// A number for a new connection.
    pub(super) fn new_connection(&self) -> u64 {
        let mut state = self.state();
        state.counter += 1;
        state.counter
    }

    /// A new token of a key's account.
    pub(super) fn new_token(&self, now_ns: u64, key: &Key) -> Token {
        let mut state = self.state();
        state.counter += 1;
        let seed = format!("{now_ns} {}", state.counter);
        let token = Token {
            text: sha256_hex(&key.secret, &[seed.as_bytes()])[..32].to_owned(),
            account: key.account.clone(),
            user_id: key.user_id,
            until_ns: now_ns + TOKEN_NS,
            used_by: None,
        };
        state.tokens.push_back(token.clone());
        if state.tokens.len() > TOKENS_MAX {
            state.tokens.pop_front();
        }
        token
    }

    /// Whose token it is, if it opens private channels of this connection now.
    pub(super) fn redeem(&self, now_ns: u64, connection: u64, text: &str) -> Option<Token> {
        let mut state = self.state();
        if state.credentials == Credentials::Refused {
            return None;
        }
        let token = state.tokens.iter_mut().find(|token| token.text == text)?;
        let is_free = token.used_by.is_none_or(|user| user == connection);
        if now_ns > token.until_ns || !is_free {
            return None;
        }
        token.used_by = Some(connection);
        Some(token.clone())
    }

    /// A kept answer that is young enough.
    pub(super) fn cached(&self, now_ns: u64, name: &str, age_ns: u64) -> Option<String> {
        let state = self.state();
        let found = state
            .cache
            .iter()
            .find(|(known, at_ns, _)| known == name && now_ns < at_ns.saturating_add(age_ns));
        found.map(|(_, _, text)| text.clone())
    }

    /// Keeps an answer.
    pub(super) fn keep(&self, now_ns: u64, name: String, text: String) {
        let mut state = self.state();
        state.cache.retain(|(known, ..)| *known != name);
        state.cache.push_back((name, now_ns, text));
        if state.cache.len() > CACHE_MAX {
            state.cache.pop_front();
        }
    }

    /// Whether one more order with an end can be watched.
    pub(super) fn can_expire(&self) -> bool {
        self.state().expiries.len() < EXPIRIES_MAX
    }

    /// Cancels an order at a time, if it is still open then.
    pub(super) fn expire_at(&self, at_ns: u64, account: &Arc<str>, order_id: u64) {
        self.state().expiries.insert((at_ns, order_id), account.clone());
    }

    /// Whether an order ended by its own end.
    pub(super) fn is_expired(&self, order_id: u64) -> bool {
        self.state().expired.contains(&order_id)
    }

    /// Does what has become due. Called by every request and by every connection's tick.
    pub(super) fn sweep(&self, now_ns: u64) {
        let mut due = Vec::new();
        {
            let mut state = self.state();
            while let Some(entry) = state.expiries.first_entry()
                && entry.key().0 <= now_ns
            {
                let (_, order_id) = *entry.key();
                due.push((order_id, entry.remove()));
            }
        }
        for (order_id, account) in due {
            if self.exchange().cancel(now_ns, &account, order_id).is_ok() {
                let mut state = self.state();
                state.expired.insert(order_id);
                if state.expired.len() > EXPIRED_MAX {
                    state.expired.pop_first();
                }
            }
        }
    }
}
