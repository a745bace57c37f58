//! Gemini: the current WebSocket, the archived v2 and v1 feeds, order events, and REST.
//!
//! [`Gemini`] is the venue; one file per endpoint family. What they share (exchange, keys, pending
//! cancels) is the [`desk::Desk`].

mod auth;
mod desk;
mod events;
mod fast;
mod fast_orders;
mod orders;
mod private;
mod public;
mod streams;
mod v1;
mod v2;
mod wire;

use std::sync::Arc;

use crate::exchange::SharedExchange;
use crate::serve::{Dialect, Disturbance, HttpAnswer, HttpRequest, LimitKind, Venue};

pub use auth::{Heartbeat, Key, KeyScope, NonceKind, Role};

/// How a market's details are spelt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Details {
    /// As the venue does today.
    #[default]
    Full,
    /// Without `contract_price_currency`: some clients take a spot market that carries it for a swap.
    WithoutContractCurrency,
}

/// Choices of the emulated venue.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Keys that it knows.
    pub keys: Vec<Key>,
    /// Spelling of market details.
    pub details: Details,
    /// The account whose order events a connection without any authentication sees; `None` refuses
    /// such a connection, as the venue does. Some clients lose their headers on the way.
    pub unsigned_events: Option<Arc<str>>,
}

/// The venue.
#[derive(Debug)]
pub struct Gemini {
    desk: Arc<desk::Desk>,
}

impl Gemini {
    /// A venue in front of an exchange. The exchange's products are listed once, here.
    #[must_use]
    pub fn new(exchange: SharedExchange, settings: Settings) -> Self {
        Self { desk: Arc::new(desk::Desk::new(exchange, settings)) }
    }
}

impl Venue for Gemini {
    fn name(&self) -> &'static str {
        "gemini"
    }

    fn upgrade(&self, now_ns: u64, request: &HttpRequest) -> Result<Box<dyn Dialect>, HttpAnswer> {
        self.desk.sweep(now_ns);
        self.desk.open_for_business(now_ns)?;
        match request.path.trim_end_matches('/') {
            "" | "/v1" | "/v2" if request.path.trim_matches('/').is_empty() => {
                Ok(Box::new(fast::Fast::open(&self.desk, now_ns, request)?))
            }
            "/v2/marketdata" => Ok(Box::new(v2::MarketDataV2::new(&self.desk, now_ns))),
            "/v1/order/events" => {
                Ok(Box::new(events::OrderEvents::open(&self.desk, now_ns, request)?))
            }
            "/v1/multimarketdata" => v1::MarketDataV1::multi(&self.desk, now_ns, request)
                .map(|dialect| Box::new(dialect) as Box<dyn Dialect>),
            path => match path.strip_prefix("/v1/marketdata/") {
                Some(symbol) => v1::MarketDataV1::single(&self.desk, now_ns, symbol, request)
                    .map(|dialect| Box::new(dialect) as Box<dyn Dialect>),
                None => Err(wire::not_found(path)),
            },
        }
    }

    fn disturb(&self, now_ns: u64, what: &Disturbance) -> bool {
        match what {
            Disturbance::Maintenance => self.desk.begin_maintenance(now_ns),
            Disturbance::AuthExpired => self.desk.set_credentials(auth::Credentials::Refused),
            Disturbance::AuthRestored => self.desk.set_credentials(auth::Credentials::Good),
            Disturbance::CrossedBook { .. }
            | Disturbance::GiantFrame { .. }
            | Disturbance::SlotLag { .. }
            | Disturbance::SplitSlot { .. }
            | Disturbance::MissingAccounts { .. }
            | Disturbance::SubscriptionDropped => return false,
        }
        true
    }

    fn call(&self, now_ns: u64, request: &HttpRequest) -> HttpAnswer {
        self.desk.sweep(now_ns);
        if let Err(answer) = self.desk.open_for_business(now_ns) {
            return answer;
        }
        let answer = match request.method.as_str() {
            "GET" => public::answer(&self.desk, now_ns, request),
            "POST" => private::answer(&self.desk, now_ns, request),
            _ => None,
        };
        answer.unwrap_or_else(|| wire::not_found(&request.path))
    }

    fn refuse_limit(&self, kind: LimitKind) -> HttpAnswer {
        match kind {
            LimitKind::Connections => HttpAnswer::json(429, r#"{"reason":"Too Many Requests"}"#),
            LimitKind::Requests => {
                wire::error(429, "RateLimit", "Requests were made too frequently.")
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests;
