//! What a live connection says: subscriptions, tokens, and how one book is mended.
//!
//! Source: the venue's documentation of its WebSocket: the first subscription within five seconds, one
//! channel in each, heartbeats always, eight messages a second from an unauthenticated client.

use connector_net::session::{
    Asks, Cause, Endpoint, Fetch, Fetched, Manners, Method, Now, Protocol, Secrecy,
};
use connector_net::{Decoder, Markets, Sink};
use engine_model::units::NS_PER_MS;
use engine_model::{Event, MarketId};

use crate::quiet::Quiet;
use crate::reader::CoinbaseDecoder;
use crate::sign::Key;

/// A second.
const SECOND_NS: u64 = 1_000 * NS_PER_MS;

/// When a fee tier that was not told is asked for again. Unit: nanoseconds.
const FEES_AGAIN_NS: u64 = 5 * SECOND_NS;

/// Refusals of a token after which the connection goes on without one.
const REFUSALS_MAX: u32 = 2;

/// Where the venue is, and who we are.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Address of market data: `wss://advanced-trade-ws.coinbase.com`.
    pub ws_url: String,
    /// Address of requests without their path: `https://api.coinbase.com`.
    pub rest_url: String,
    /// A key; without one the connection is anonymous.
    pub key: Option<Key>,
    /// Whether trade prints are subscribed to.
    pub trades: Trades,
    /// How often the account's fee tier is asked for, with a key. Unit: nanoseconds.
    pub fees_every_ns: u64,
}

/// Whether trade prints are subscribed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trades {
    /// They are: the last trade is a reference for prices.
    On,
    /// They are not.
    Off,
}

/// Requests that state tick and lot of products; [`crate::metadata`] reads the answers.
#[must_use]
pub fn metadata_requests(rest_url: &str, symbols: &[&str]) -> Vec<Fetch> {
    let fetch = |symbol: &&str| Fetch {
        tag: 0,
        method: Method::Get,
        url: format!("{rest_url}/api/v3/brokerage/market/products/{symbol}"),
        headers: Vec::new(),
        body: String::new(),
        secrecy: Secrecy::Public,
    };
    symbols.iter().map(fetch).collect()
}

/// The protocol of one connection.
#[derive(Debug)]
pub struct CoinbaseSession {
    settings: Settings,
    decoder: CoinbaseDecoder,
    /// Markets whose subscription is to be made anew.
    mending: Vec<MarketId>,
    mend_ns: u64,
    quiet: Quiet,
    /// Refusals of a token on this run.
    refusals: u32,
    /// When the last one came; 0: none. Unit: Unix nanoseconds.
    refused_ns: u64,
    /// Answers that are still to come to the subscriptions of which one was refused.
    refused_more: u32,
    nonce: u128,
    fees_ns: u64,
    problems: Vec<String>,
}

impl CoinbaseSession {
    /// A session for these markets.
    #[must_use]
    pub fn new(settings: Settings, markets: Markets) -> Self {
        Self {
            settings,
            decoder: CoinbaseDecoder::new(markets),
            mending: Vec::new(),
            mend_ns: u64::MAX,
            quiet: Quiet::default(),
            refusals: 0,
            refused_ns: 0,
            refused_more: 0,
            nonce: 0,
            fees_ns: u64::MAX,
            problems: Vec::new(),
        }
    }

    fn symbols(&self) -> Vec<&str> {
        self.decoder.markets().list().iter().map(|market| &*market.symbol).collect()
    }

    /// A number that no token had: time in its upper half, a count in its lower.
    fn next_nonce(&mut self, now_ns: u64) -> u128 {
        self.nonce = (self.nonce + 1).max(u128::from(now_ns) << 64);
        self.nonce
    }

    fn say(&mut self, now: Now, kind: &str, channel: &str, symbols: &[&str], asks: &mut Asks) {
        let products = serde_json::json!(symbols).to_string();
        let body = if symbols.is_empty() {
            format!("{{\"type\":\"{kind}\",\"channel\":\"{channel}\"")
        } else {
            format!("{{\"type\":\"{kind}\",\"product_ids\":{products},\"channel\":\"{channel}\"")
        };
        let nonce = self.next_nonce(now.ns);
        match self.settings.key.as_ref().filter(|_| self.refusals < REFUSALS_MAX) {
            Some(key) => {
                let token = key.token(now.ns / SECOND_NS, nonce, None);
                asks.send_secret(format!("{body},\"jwt\":\"{token}\"}}"), format!("{body}}}"));
            }
            None => asks.send(format!("{body}}}")),
        }
    }

    fn subscribe_all(&mut self, now: Now, asks: &mut Asks) {
        let symbols: Vec<String> = self.symbols().into_iter().map(str::to_owned).collect();
        let symbols: Vec<&str> = symbols.iter().map(String::as_str).collect();
        self.say(now, "subscribe", "heartbeats", &[], asks);
        self.say(now, "subscribe", "level2", &symbols, asks);
        if self.settings.trades == Trades::On {
            self.say(now, "subscribe", "market_trades", &symbols, asks);
        }
        self.say(now, "subscribe", "status", &symbols, asks);
    }

    fn ask_fees(&mut self, now: Now, asks: &mut Asks) {
        let nonce = self.next_nonce(now.ns);
        let Some(key) = &self.settings.key else { return };
        let rest = &self.settings.rest_url;
        let host = rest.split_once("://").map_or(rest.as_str(), |(_, host)| host);
        let path = "/api/v3/brokerage/transaction_summary";
        let header = key.header(now.ns / SECOND_NS, nonce, &format!("GET {host}{path}"));
        self.fees_ns = now.ns.saturating_add(self.settings.fees_every_ns);
        asks.fetch(Fetch {
            tag: 1,
            method: Method::Get,
            url: format!("{rest}{path}"),
            headers: vec![header],
            body: String::new(),
            secrecy: Secrecy::Secret,
        });
    }

    /// Frames without a channel are errors: what they mean for us.
    fn error(&mut self, now: Now, frame: &[u8], asks: &mut Asks) {
        let parsed: Result<serde_json::Value, _> = serde_json::from_slice(frame);
        let Ok(value) = parsed else { return };
        if value["type"] != "error" {
            return;
        }
        let message = value["message"].as_str().unwrap_or_default();
        let message: String = message.chars().filter(|it| !it.is_control()).take(200).collect();
        if message.contains("authentication") && self.settings.key.is_some() {
            // One answer comes for each of the subscriptions that were refused together. The answer to
            // the next attempt may come within milliseconds of them, so they are counted.
            if self.refused_more > 0 && now.ns.saturating_sub(self.refused_ns) < SECOND_NS {
                self.refused_more -= 1;
                return;
            }
            self.refused_ns = now.ns;
            self.refused_more = if self.settings.trades == Trades::On { 3 } else { 2 };
            self.refusals += 1;
            // Once more with a fresh token, then without: market data is public.
            self.problems.push(format!("the venue refused the key: {message}"));
            self.subscribe_all(now, asks);
        } else {
            self.problems.push(format!("the venue answered: {message}"));
            asks.reconnect(Cause::VenueError);
        }
        self.problems.truncate(16);
    }
}

/// Length of the longest error frame that is looked into. Unit: bytes.
const ERROR_BYTES_MAX: usize = 4_096;

impl Protocol for CoinbaseSession {
    fn decoder(&mut self) -> &mut dyn Decoder {
        &mut self.decoder
    }

    fn manners(&self) -> Manners {
        Manners {
            silence_ns: 10 * SECOND_NS,
            // Heartbeats come every second.
            text_silence_ns: 3 * SECOND_NS,
            ping_every_ns: 5 * SECOND_NS,
            pong_within_ns: 10 * SECOND_NS,
            snapshot_within_ns: 5 * SECOND_NS,
            sends_per_s: 8,
            fetches_per_s: 10,
        }
    }

    fn endpoint(&mut self, _: u64) -> Endpoint {
        Endpoint { url: self.settings.ws_url.clone(), headers: Vec::new() }
    }

    fn opened(&mut self, now: Now, _: &mut Sink, asks: &mut Asks) {
        self.mending.clear();
        self.mend_ns = u64::MAX;
        self.quiet.begin();
        // A clock that was set right, or a key that was mended, gets its chance with each connection.
        self.refusals = 0;
        self.refused_ns = 0;
        self.refused_more = 0;
        self.subscribe_all(now, asks);
        if self.settings.key.is_some() {
            self.ask_fees(now, asks);
        }
    }

    fn received(&mut self, now: Now, frame: &[u8], fresh: &[Event], _: &mut Sink, asks: &mut Asks) {
        self.quiet.note(now.ns, fresh);
        // Error frames are short and give no events.
        if fresh.is_empty() && frame.len() <= ERROR_BYTES_MAX && memchr_error(frame) {
            self.error(now, frame, asks);
        }
    }

    fn fetched(&mut self, now: Now, end: &Fetched<'_>, _: &[Event], _: &mut Sink, _: &mut Asks) {
        match end {
            Fetched::Answer { status: 401 | 403, .. } => {
                self.problems.push("the venue refused the key on a request".to_owned());
                self.problems.truncate(16);
                self.fees_ns = u64::MAX;
            }
            Fetched::Answer { status: 200..=299, .. } => {}
            // Until it is known the configured tier counts: it is asked for again soon.
            Fetched::Answer { .. } | Fetched::Failed { .. } => {
                self.fees_ns = now.ns.saturating_add(FEES_AGAIN_NS);
            }
        }
    }

    /// Books that fall into doubt together (all of them, after a gap in the sequence) are asked for
    /// together, a moment later.
    fn resync(&mut self, now: Now, market: MarketId, _: &mut Sink, _: &mut Asks) {
        if !self.mending.contains(&market) {
            self.mending.push(market);
        }
        self.mend_ns = self.mend_ns.min(now.ns);
        self.quiet.asked(market);
    }

    fn due_ns(&self) -> u64 {
        self.mend_ns.min(self.fees_ns).min(self.quiet.due_ns())
    }

    fn time(&mut self, now: Now, _: &mut Sink, asks: &mut Asks) {
        if self.fees_ns <= now.ns {
            self.ask_fees(now, asks);
        }
        for market in self.quiet.take_due(now.ns) {
            asks.mend(market);
        }
        if self.mend_ns > now.ns {
            return;
        }
        self.mend_ns = u64::MAX;
        let mending = core::mem::take(&mut self.mending);
        let markets = self.decoder.markets().list().iter();
        let symbols = markets.filter(|market| mending.contains(&market.id));
        let symbols: Vec<String> = symbols.map(|market| market.symbol.to_string()).collect();
        let symbols: Vec<&str> = symbols.iter().map(String::as_str).collect();
        self.say(now, "unsubscribe", "level2", &symbols, asks);
        self.say(now, "subscribe", "level2", &symbols, asks);
    }

    fn closed(&mut self, _: Now, _: Cause) {
        self.mending.clear();
        self.mend_ns = u64::MAX;
        self.quiet.begin();
        self.fees_ns = u64::MAX;
    }

    fn markets_wanted(&self) -> Vec<MarketId> {
        self.decoder.markets().list().iter().map(|market| market.id).collect()
    }

    fn problems(&self) -> Vec<String> {
        self.problems.clone()
    }
}

fn memchr_error(frame: &[u8]) -> bool {
    memchr::memmem::find(frame, b"\"error\"").is_some()
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
