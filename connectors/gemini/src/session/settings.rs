//! What a session is told.

use connector_net::audit::AuditSettings;
use connector_net::session::{Fetch, Method, Secrecy};

use crate::feed::Feed;
use crate::sign::{Key, Nonces};

/// What the connection is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trading {
    /// Nothing is ordered.
    #[default]
    Observe,
    /// Orders are placed on the socket: the venue cancels them when it ends.
    Live,
}

/// Addresses, markets, key and periods of one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Which feed.
    pub feed: Feed,
    /// Address of the WebSocket, without a query.
    pub ws_url: String,
    /// Beginning of REST addresses, without a slash at its end.
    pub rest_url: String,
    /// Markets, in any case.
    pub symbols: Vec<String>,
    /// Streams of each market besides its book, on the current feed: `trade`, `bookTicker`.
    pub streams: Vec<String>,
    /// Of the account. `None` for public data only.
    pub key: Option<Key>,
    /// Of the key. Whatever else uses the key gets a clone.
    pub nonces: Nonces,
    /// What the connection is for; counts with a key only.
    pub trading: Trading,
    /// How often the current feed is asked for a sign of life; its idle books are silent. Unit:
    /// milliseconds.
    pub ping_every_ms: u64,
    /// Silence that ends the connection. Unit: milliseconds.
    pub silence_ms: u64,
    /// From a request's frame to its reply. Unit: milliseconds.
    pub reply_within_ms: u64,
    /// From wanting a market to its book. Unit: milliseconds.
    pub snapshot_within_ms: u64,
    /// How often each book is compared with the REST book. Unit: milliseconds.
    pub audit_every_ms: u64,
    /// How; `None` for not at all.
    pub audit: Option<AuditSettings>,
    /// How often the account's fees are asked for. Unit: milliseconds.
    pub fees_every_ms: u64,
    /// Text frames a second. The venue allows a weight of 7,000 in ten seconds.
    pub sends_per_s: u32,
    /// Requests a second. The venue recommends one.
    pub fetches_per_s: u32,
}

impl Settings {
    /// The venue's own addresses and the usual periods, for these markets.
    #[must_use]
    pub fn new(feed: Feed, symbols: Vec<String>) -> Self {
        let (ws_url, silence_ms) = match feed {
            Feed::Current => ("wss://ws.gemini.com", 10_000),
            // Three heartbeats of the venue.
            Feed::V2 => ("wss://api.gemini.com/v2/marketdata", 15_000),
        };
        Self {
            feed,
            ws_url: ws_url.to_owned(),
            rest_url: "https://api.gemini.com".to_owned(),
            symbols,
            streams: vec!["trade".to_owned()],
            key: None,
            nonces: Nonces::default(),
            trading: Trading::Observe,
            ping_every_ms: 2_000,
            silence_ms,
            reply_within_ms: 5_000,
            snapshot_within_ms: 10_000,
            audit_every_ms: 60_000,
            audit: Some(AuditSettings::default()),
            fees_every_ms: 60_000,
            sends_per_s: 20,
            fetches_per_s: 1,
        }
    }
}

/// Requests whose answers [`crate::metadata`] reads: tick and lot of every symbol.
#[must_use]
pub fn metadata_requests(settings: &Settings) -> Vec<Fetch> {
    let request = |symbol: &String| {
        let symbol = symbol.to_ascii_lowercase();
        get(0, format!("{}/v1/symbols/details/{symbol}", settings.rest_url))
    };
    settings.symbols.iter().map(request).collect()
}

/// A public request.
pub(super) fn get(tag: u64, url: String) -> Fetch {
    let (headers, body) = (Vec::new(), String::new());
    Fetch { tag, method: Method::Get, url, headers, body, secrecy: Secrecy::Public }
}
