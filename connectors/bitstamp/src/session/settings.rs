//! What a session is told.

use connector_net::audit::AuditSettings;
use connector_net::session::{Fetch, Method, Secrecy};

use crate::sign::Key;

/// Addresses, markets, key and periods of one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Address of the WebSocket.
    pub ws_url: String,
    /// Beginning of REST addresses, without a slash at its end.
    pub rest_url: String,
    /// Markets, in the venue's lower case.
    pub symbols: Vec<String>,
    /// Of the account: private channels and fees. `None` for public data only.
    pub key: Option<Key>,
    /// How often the application heartbeat is sent. Unit: milliseconds.
    pub heartbeat_every_ms: u64,
    /// Silence that ends the connection. Unit: milliseconds.
    pub silence_ms: u64,
    /// From a subscription's frame to its acknowledgement. Unit: milliseconds.
    pub ack_within_ms: u64,
    /// From wanting a market to its book. Unit: milliseconds.
    pub snapshot_within_ms: u64,
    /// First wait before a book is fetched again; doubles each time. Unit: milliseconds.
    pub refetch_ms: u64,
    /// Books that may be too old before the connection is made anew.
    pub fetch_tries: u32,
    /// A market without diffs for so long is compared at once, and subscribed anew where its book is
    /// in doubt. Unit: milliseconds.
    pub data_within_ms: u64,
    /// How often each book is compared with the REST book. Unit: milliseconds.
    pub audit_every_ms: u64,
    /// How; `None` for not at all.
    pub audit: Option<AuditSettings>,
    /// How often the account's fees are asked for. Unit: milliseconds.
    pub fees_every_ms: u64,
    /// Text frames a second. The venue states no limit.
    pub sends_per_s: u32,
    /// Requests a second. The venue allows 400, and 10,000 in ten minutes: 16 on average.
    pub fetches_per_s: u32,
}

impl Settings {
    /// The venue's own addresses and the usual periods, for these markets.
    #[must_use]
    pub fn new(symbols: Vec<String>) -> Self {
        Self {
            ws_url: "wss://ws.bitstamp.net".to_owned(),
            rest_url: "https://www.bitstamp.net/api/v2".to_owned(),
            symbols,
            key: None,
            heartbeat_every_ms: 2_000,
            silence_ms: 10_000,
            ack_within_ms: 5_000,
            snapshot_within_ms: 15_000,
            refetch_ms: 500,
            fetch_tries: 3,
            data_within_ms: 30_000,
            audit_every_ms: 60_000,
            audit: Some(AuditSettings::default()),
            fees_every_ms: 60_000,
            sends_per_s: 50,
            fetches_per_s: 8,
        }
    }
}

/// Requests whose answers [`crate::metadata`] reads: tick and lot of every pair.
#[must_use]
pub fn metadata_requests(settings: &Settings) -> Vec<Fetch> {
    vec![get(0, format!("{}/markets/", settings.rest_url))]
}

/// A public request.
pub(super) fn get(tag: u64, url: String) -> Fetch {
    let (headers, body) = (Vec::new(), String::new());
    Fetch { tag, method: Method::Get, url, headers, body, secrecy: Secrecy::Public }
}
