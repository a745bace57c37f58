//! Coinbase Advanced Trade: REST under `/api/v3/brokerage` and parts of `/v2`, and one WebSocket
//! endpoint that serves market data and the `user` channel alike, as both sockets of the venue do.
//!
//! Start reading at [`Coinbase`]. `auth` verifies tokens, `wire` and `orders` build text, `dialect`
//! is one connection, `rest` answers calls. Candles, 24-hour and 52-week figures are made of the
//! trades that the exchange remembers.

mod auth;
mod channel;
mod desk;
mod dialect;
mod ids;
mod orders;
mod products;
mod rest;
mod text;
mod wire;

#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use auth::{ApiKey, KeyError, Scopes};

use crate::exchange::SharedExchange;
use crate::serve::{Dialect, Disturbance, HttpAnswer, HttpRequest, LimitKind, Venue};
use desk::Desk;

/// Messages that a connection may send per second without a token, all connections of the venue
/// together: to the venue everybody here has one address. Source: the venue's documentation.
pub const PUBLIC_MESSAGES_PER_S: usize = 8;

/// What the venue is told beside its exchange.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its clients' keys. Two with one name: the first counts.
    pub keys: Vec<ApiKey>,
    /// Messages per second without a token; 0 for no limit.
    pub public_messages_per_s: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { keys: Vec::new(), public_messages_per_s: PUBLIC_MESSAGES_PER_S }
    }
}

/// The venue.
#[derive(Clone, Debug)]
pub struct Coinbase {
    desk: Arc<Desk>,
}

impl Coinbase {
    /// The venue over its exchange.
    #[must_use]
    pub fn new(exchange: SharedExchange, settings: Settings) -> Self {
        Self { desk: Arc::new(Desk::new(exchange, settings)) }
    }
}

impl Venue for Coinbase {
    fn name(&self) -> &'static str {
        "coinbase"
    }

    fn upgrade(&self, now_ns: u64, request: &HttpRequest) -> Result<Box<dyn Dialect>, HttpAnswer> {
        if self.desk.is_down(now_ns) {
            return Err(rest::maintenance());
        }
        if !matches!(request.path.as_str(), "" | "/") {
            return Err(HttpAnswer::text(404, "Not Found"));
        }
        Ok(Box::new(dialect::Connection::new(Arc::clone(&self.desk))))
    }

    fn disturb(&self, now_ns: u64, what: &Disturbance) -> bool {
        self.desk.disturb(now_ns, what)
    }

    fn call(&self, now_ns: u64, request: &HttpRequest) -> HttpAnswer {
        rest::answer(&self.desk, now_ns, request)
    }

    fn refuse_limit(&self, kind: LimitKind) -> HttpAnswer {
        rest::too_many(kind)
    }
}
