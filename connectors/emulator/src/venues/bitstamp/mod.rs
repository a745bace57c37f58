//! Bitstamp: WebSocket v2 with public and private channels, and REST.
//!
//! [`Bitstamp`] is the venue; what its endpoints share (exchange, keys, tokens, edge cache, orders
//! with an end) is the [`desk::Desk`].

mod auth;
mod desk;
mod frames;
mod orders;
mod private;
mod public;
mod socket;
mod wire;

use std::sync::Arc;

use crate::exchange::SharedExchange;
use crate::serve::{Dialect, Disturbance, HttpAnswer, HttpRequest, LimitKind, Venue};

pub use auth::Key;

/// Client frames must be shorter than 512 bytes.
const FRAME_BYTES_MAX: usize = 511;

/// Choices of the emulated venue.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Keys that it knows.
    pub keys: Vec<Key>,
    /// Hosts that clients may believe to talk to, beside the one of their `Host` header: signatures
    /// cover the host. `www.bitstamp.net` for a client whose connection is diverted.
    pub hosts: Vec<String>,
}

/// The venue.
#[derive(Debug)]
pub struct Bitstamp {
    desk: Arc<desk::Desk>,
}

impl Bitstamp {
    /// A venue in front of an exchange. The exchange's products are listed once, here.
    #[must_use]
    pub fn new(exchange: SharedExchange, settings: Settings) -> Self {
        Self { desk: Arc::new(desk::Desk::new(exchange, settings)) }
    }
}

impl Venue for Bitstamp {
    fn name(&self) -> &'static str {
        "bitstamp"
    }

    fn upgrade(&self, now_ns: u64, _: &HttpRequest) -> Result<Box<dyn Dialect>, HttpAnswer> {
        self.desk.sweep(now_ns);
        Ok(Box::new(socket::Socket::new(&self.desk, now_ns)))
    }

    fn disturb(&self, _: u64, what: &Disturbance) -> bool {
        match what {
            Disturbance::AuthExpired => self.desk.set_credentials(auth::Credentials::Refused),
            Disturbance::AuthRestored => self.desk.set_credentials(auth::Credentials::Good),
            Disturbance::CrossedBook { .. }
            | Disturbance::GiantFrame { .. }
            | Disturbance::Maintenance
            | Disturbance::SlotLag { .. }
            | Disturbance::SplitSlot { .. }
            | Disturbance::MissingAccounts { .. }
            | Disturbance::SubscriptionDropped => return false,
        }
        true
    }

    fn call(&self, now_ns: u64, request: &HttpRequest) -> HttpAnswer {
        self.desk.sweep(now_ns);
        let Some(path) = request.path.strip_prefix("/api/v2/") else {
            return wire::not_found();
        };
        let parts: Vec<&str> = path.trim_end_matches('/').split('/').collect();
        let is_private = private::is_known(&parts);
        match (request.method.as_str(), is_private) {
            ("POST", true) => private::answer(&self.desk, now_ns, &parts, request),
            ("GET", true) => wire::error(405, "405.001", "GET method not allowed", None),
            ("GET", false) => public::answer(&self.desk, now_ns, &parts, request),
            _ => wire::not_found(),
        }
    }

    fn refuse_limit(&self, kind: LimitKind) -> HttpAnswer {
        match kind {
            LimitKind::Connections => HttpAnswer::text(429, "Too Many Requests"),
            LimitKind::Requests => wire::error(429, "400.002", "Request rate limit exceeded", None),
        }
    }

    fn client_frame_bytes_max(&self) -> usize {
        FRAME_BYTES_MAX
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests;
