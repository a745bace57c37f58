//! One live connection: subscriptions, books to join, comparisons, private channels.
//!
//! A market goes through *subscribing* (frames sent, acknowledgement owed), *fetching* (a REST book
//! asked for after the acknowledgement), *waiting* (the book was too old or did not come; the next
//! try has a time) and *live*. Whether a book is good is the decoder's judgement, by the rule in
//! the `join` module; the session sees it in the events.
//!
//! * A book in doubt that the decoder buffers for already is fetched. Where the decoder knows of no
//!   doubt (events were lost behind it) the channel is subscribed anew, so that a recording shows
//!   the new beginning too. So is a channel that has been quiet, or that has told nothing since a book was
//!   asked for that differs.
//! * An acknowledgement proves nothing: unknown markets are acknowledged and then silent. Their REST
//!   book is not found, which is a problem to report; a subscription that died is found by comparison.

mod account;
mod settings;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use connector_net::session::{Asks, Cause, Endpoint, Fetched, Manners, Now, Protocol};
use connector_net::{Decoder, Markets, Sink};
use engine_model::units::NS_PER_MS;
use engine_model::{Body, Event, MarketId};
use serde::Deserialize;
use serde_json::value::RawValue;

pub use settings::{Settings, metadata_requests};

use crate::BitstampDecoder;
use crate::reader::{DIFF_PREFIX, TRADES_PREFIX};
use crate::request::{Purpose, book_url};
use account::Account;
use settings::get;

/// How often work for comparisons that frames have put off is done. Unit: nanoseconds.
const CATCH_UP_EVERY_NS: u64 = 100 * NS_PER_MS;
/// Longest wait before a book is fetched again. Unit: milliseconds.
const REFETCH_MS_MAX: u64 = 30_000;
/// A market that the venue does not know is looked for again after this. Unit: milliseconds.
const UNKNOWN_AGAIN_MS: u64 = 60_000;
/// Wait after a refusal for too many requests that names no time. Unit: milliseconds.
const LIMITED_MS: u64 = 10_000;
/// Most problems that are kept: more than markets can have.
const PROBLEMS_MAX: usize = 1_024;

/// Where a market stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing was sent so far on this connection.
    Idle,
    /// Subscribed; the acknowledgement is due by this time.
    Subscribing { due_ns: u64, tries: u32 },
    /// A book was asked for.
    Fetching { tag: u64 },
    /// A book is asked for at this time.
    Waiting { due_ns: u64 },
    /// Joined.
    Live,
}

/// One market of the connection.
#[derive(Clone, Debug)]
struct Feed {
    symbol: String,
    market: MarketId,
    stage: Stage,
    /// Books that were too old, in a row.
    too_old: u32,
    /// Requests that failed, in a row.
    failed: u32,
    /// Receive time of the last change of its book.
    heard_ns: u64,
    /// When a book to compare with was last asked for; 0: not on this connection.
    compared_ns: u64,
    audit_due_ns: u64,
}

/// The protocol of a connection; see the module.
pub struct BitstampSession {
    settings: Settings,
    decoder: BitstampDecoder,
    feeds: Vec<Feed>,
    /// By market: place in `feeds`.
    by_market: BTreeMap<u16, usize>,
    account: Option<Account>,
    /// By tag of a request for a book to join.
    next_tag: u64,
    heartbeat_due_ns: u64,
    catch_up_due_ns: u64,
    /// No book is fetched before this.
    fetch_from_ns: u64,
    due_ns: u64,
    is_open: bool,
    problems: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Control<'a> {
    #[serde(borrow)]
    event: &'a str,
    #[serde(borrow, default)]
    channel: &'a str,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct VenueError {
    #[serde(default)]
    message: String,
}

impl BitstampSession {
    /// A session of these markets, whose symbols are those of `settings`.
    #[must_use]
    pub fn new(settings: Settings, markets: Markets) -> Self {
        let known = |symbol: &String| {
            let market = markets.list().iter().find(|market| *market.symbol == **symbol)?;
            Some(Feed {
                symbol: symbol.clone(),
                market: market.id,
                stage: Stage::Idle,
                too_old: 0,
                failed: 0,
                heard_ns: 0,
                compared_ns: 0,
                audit_due_ns: u64::MAX,
            })
        };
        let feeds: Vec<Feed> = settings.symbols.iter().filter_map(known).collect();
        let missing = settings
            .symbols
            .iter()
            .filter(|symbol| !markets.list().iter().any(|market| *market.symbol == ***symbol));
        let problems = missing
            .map(|symbol| (symbol.clone(), format!("{symbol}: its tick and lot are not known")))
            .collect();
        let by_market = feeds.iter().enumerate().map(|(at, feed)| (feed.market.0, at)).collect();
        let mut decoder = BitstampDecoder::new(markets);
        if let Some(audit) = settings.audit {
            decoder = decoder.with_audit(audit);
        }
        let account = settings.key.clone().map(|key| Account::new(key, &settings));
        Self {
            settings,
            decoder,
            feeds,
            by_market,
            account,
            next_tag: 1,
            heartbeat_due_ns: u64::MAX,
            catch_up_due_ns: u64::MAX,
            fetch_from_ns: 0,
            due_ns: u64::MAX,
            is_open: false,
            problems,
        }
    }

    /// The decoder, to look at.
    #[must_use]
    pub const fn bitstamp(&self) -> &BitstampDecoder {
        &self.decoder
    }

    fn problem(&mut self, symbol: &str, text: String) {
        if self.problems.len() < PROBLEMS_MAX || self.problems.contains_key(symbol) {
            self.problems.insert(symbol.to_owned(), text);
        }
    }

    fn subscribe(&mut self, at: usize, now: Now, tries: u32, asks: &mut Asks) {
        let feed = &mut self.feeds[at];
        let is_again = feed.stage != Stage::Idle;
        for prefix in [DIFF_PREFIX, TRADES_PREFIX] {
            let symbol = &feed.symbol;
            if is_again {
                asks.send(channel_frame("unsubscribe", &format!("{prefix}{symbol}")));
            }
            asks.send(channel_frame("subscribe", &format!("{prefix}{symbol}")));
        }
        // Frames wait for the budget: four for each market before this one, at worst.
        let ahead_ms = 4_000 * (at as u64 + 1) / u64::from(self.settings.sends_per_s.max(1));
        let within_ms = self.settings.ack_within_ms + ahead_ms;
        feed.stage = Stage::Subscribing { due_ns: later(now.ns, within_ms), tries };
        feed.audit_due_ns = u64::MAX;
    }

    fn fetch(&mut self, at: usize, now: Now, asks: &mut Asks) {
        if now.ns < self.fetch_from_ns {
            self.feeds[at].stage = Stage::Waiting { due_ns: self.fetch_from_ns };
            return;
        }
        let tag = self.tag();
        let feed = &mut self.feeds[at];
        feed.stage = Stage::Fetching { tag };
        let url = book_url(&self.settings.rest_url, &feed.symbol, Purpose::Join(now.ns));
        asks.fetch(get(tag, url));
    }

    fn tag(&mut self) -> u64 {
        self.next_tag += 1;
        self.next_tag
    }

    /// The book came and was not good, or did not come: when to ask again.
    fn wait(&mut self, at: usize, now: Now, least_ms: u64) {
        let feed = &mut self.feeds[at];
        let tries = (feed.too_old + feed.failed).saturating_sub(1).min(16);
        let wait_ms = (self.settings.refetch_ms << tries).min(REFETCH_MS_MAX).max(least_ms);
        feed.stage = Stage::Waiting { due_ns: later(now.ns, wait_ms) };
    }

    fn control(&mut self, now: Now, frame: &[u8], asks: &mut Asks) {
        let Ok(control) = serde_json::from_slice::<Control<'_>>(frame) else { return };
        match control.event {
            "bts:subscription_succeeded" => {
                let symbol = control.channel.strip_prefix(DIFF_PREFIX);
                let at = symbol.and_then(|symbol| self.place(symbol));
                let Some(at) = at else { return };
                if let Stage::Subscribing { .. } = self.feeds[at].stage {
                    (self.feeds[at].too_old, self.feeds[at].failed) = (0, 0);
                    self.fetch(at, now, asks);
                }
            }
            "bts:request_reconnect" => asks.reconnect(Cause::VenueAsked),
            "bts:error" => self.refused(now, control.data, asks),
            _ => {}
        }
    }

    /// The venue says an error, and not which frame it is about: the oldest one not acknowledged.
    fn refused(&mut self, now: Now, data: Option<&RawValue>, asks: &mut Asks) {
        let error = data.and_then(|data| serde_json::from_str::<VenueError>(data.get()).ok());
        let message = error.map_or_else(String::new, |error| error.message);
        if message.contains("unauthorized") {
            let tag = self.tag();
            if let Some(account) = &mut self.account {
                account.unauthorized(now, tag, asks);
            }
            return;
        }
        let waits = |feed: &Feed| matches!(feed.stage, Stage::Subscribing { .. });
        let Some(at) = self.feeds.iter().position(waits) else { return };
        let symbol = self.feeds[at].symbol.clone();
        self.problem(&symbol, format!("{symbol}: the venue refuses its channel: {message}"));
    }

    fn place(&self, symbol: &str) -> Option<usize> {
        self.feeds.iter().position(|feed| feed.symbol == symbol)
    }

    /// The end of a request for a book to join.
    fn book_ended(
        &mut self,
        at: usize,
        now: Now,
        end: &Fetched<'_>,
        fresh: &[Event],
        asks: &mut Asks,
    ) {
        let market = self.feeds[at].market;
        let is_joined = fresh.iter().any(|it| it.market == market && it.body == Body::BookClear)
            && self.decoder.is_live(market);
        if is_joined {
            let symbol = self.feeds[at].symbol.clone();
            self.problems.remove(&symbol);
            let feed = &mut self.feeds[at];
            feed.stage = Stage::Live;
            (feed.too_old, feed.failed, feed.heard_ns) = (0, 0, now.ns);
            feed.audit_due_ns = later(now.ns, self.settings.data_within_ms);
            return;
        }
        let least_ms = match *end {
            Fetched::Answer { status: 200..=299, .. } => {
                self.feeds[at].too_old += 1;
                if self.feeds[at].too_old >= self.settings.fetch_tries {
                    return asks.reconnect(Cause::SnapshotLate);
                }
                0
            }
            Fetched::Answer { status: 404, .. } => {
                let symbol = self.feeds[at].symbol.clone();
                self.problem(&symbol, format!("{symbol}: the venue has no such market"));
                UNKNOWN_AGAIN_MS
            }
            Fetched::Answer { status: 403 | 418 | 429, retry_after_ms, .. } => {
                let wait_ms = retry_after_ms.unwrap_or(LIMITED_MS);
                self.fetch_from_ns = self.fetch_from_ns.max(later(now.ns, wait_ms));
                self.feeds[at].failed += 1;
                wait_ms
            }
            Fetched::Answer { .. } | Fetched::Failed { .. } => {
                self.feeds[at].failed += 1;
                0
            }
        };
        self.wait(at, now, least_ms);
    }

    /// What is due for one market.
    fn feed_time(&mut self, at: usize, now: Now, asks: &mut Asks) {
        match self.feeds[at].stage {
            Stage::Subscribing { due_ns, tries } if due_ns <= now.ns => {
                let symbol = self.feeds[at].symbol.clone();
                if tries > 0 {
                    self.problem(&symbol, format!("{symbol}: its channel is not acknowledged"));
                }
                self.subscribe(at, now, tries.saturating_add(1), asks);
            }
            Stage::Waiting { due_ns } if due_ns <= now.ns => self.fetch(at, now, asks),
            Stage::Live if self.feeds[at].audit_due_ns <= now.ns => {
                if self.settings.audit.is_some() {
                    self.ask_audit(at, now, asks);
                } else {
                    self.look_for_data(at, now, asks);
                }
            }
            Stage::Idle
            | Stage::Subscribing { .. }
            | Stage::Fetching { .. }
            | Stage::Waiting { .. }
            | Stage::Live => {}
        }
    }

    /// Where nothing is compared, a channel without data for too long is subscribed anew: it may be
    /// dead.
    fn look_for_data(&mut self, at: usize, now: Now, asks: &mut Asks) {
        let due_ns = later(self.feeds[at].heard_ns, self.settings.data_within_ms);
        if due_ns <= now.ns {
            self.subscribe(at, now, 0, asks);
        } else {
            self.feeds[at].audit_due_ns = due_ns;
        }
    }

    /// Asks for a book to compare with, and says when the next one is due.
    fn ask_audit(&mut self, at: usize, now: Now, asks: &mut Asks) {
        let feed = &mut self.feeds[at];
        let is_quiet =
            now.ns.saturating_sub(feed.heard_ns) >= self.settings.data_within_ms * NS_PER_MS;
        let is_struck = self.decoder.audit_strikes(feed.market) > 0;
        let settle_ns = self.settings.audit.map_or(0, |audit| audit.settle_ns);
        // A book that differed is looked at again as soon as that can tell more.
        let wait_ns = match (is_struck, is_quiet) {
            (true, _) => settle_ns.saturating_mul(2),
            (false, true) => self.settings.data_within_ms.saturating_mul(NS_PER_MS),
            (false, false) => self.settings.audit_every_ms.saturating_mul(NS_PER_MS),
        };
        feed.audit_due_ns = now.ns.saturating_add(wait_ns.max(settle_ns));
        if now.ns < self.fetch_from_ns {
            return;
        }
        feed.compared_ns = now.ns;
        let url = book_url(&self.settings.rest_url, &feed.symbol, Purpose::Audit(now.ns));
        let tag = self.tag();
        asks.fetch(get(tag, url));
    }

    /// Computes when the next thing is due.
    fn settle_due(&mut self) {
        let mut due_ns = self.heartbeat_due_ns.min(self.catch_up_due_ns);
        for feed in &self.feeds {
            due_ns = due_ns.min(match feed.stage {
                Stage::Subscribing { due_ns, .. } | Stage::Waiting { due_ns } => due_ns,
                Stage::Live => feed.audit_due_ns,
                Stage::Idle | Stage::Fetching { .. } => u64::MAX,
            });
        }
        if let Some(account) = &self.account {
            due_ns = due_ns.min(account.due_ns());
        }
        self.due_ns = if self.is_open { due_ns } else { u64::MAX };
    }
}

/// A market without a book for so long is lost, whatever its session waits for. Unit: milliseconds.
const LOST_MS: u64 = 120_000;

impl Protocol for BitstampSession {
    fn decoder(&mut self) -> &mut dyn Decoder {
        &mut self.decoder
    }

    fn manners(&self) -> Manners {
        let ns = |ms: u64| ms.saturating_mul(NS_PER_MS);
        Manners {
            silence_ns: ns(self.settings.silence_ms),
            text_silence_ns: ns(self.settings.silence_ms),
            ping_every_ns: ns(self.settings.silence_ms / 2),
            pong_within_ns: ns(self.settings.silence_ms / 2),
            // The session fetches, waits and gives up by rules of its own (a venue that asks for a minute
            // of quiet gets it); this is for what no rule foresees.
            snapshot_within_ns: ns(self.settings.snapshot_within_ms.max(LOST_MS)),
            sends_per_s: self.settings.sends_per_s,
            fetches_per_s: self.settings.fetches_per_s,
        }
    }

    fn endpoint(&mut self, _now_ns: u64) -> Endpoint {
        Endpoint { url: self.settings.ws_url.clone(), headers: Vec::new() }
    }

    fn opened(&mut self, now: Now, _out: &mut Sink, asks: &mut Asks) {
        self.is_open = true;
        for at in 0..self.feeds.len() {
            self.subscribe(at, now, 0, asks);
        }
        self.heartbeat_due_ns = later(now.ns, self.settings.heartbeat_every_ms);
        if self.settings.audit.is_some() {
            self.catch_up_due_ns = now.ns.saturating_add(CATCH_UP_EVERY_NS);
        }
        let tag = self.tag();
        if let Some(account) = &mut self.account {
            account.opened(now, tag, asks);
        }
        self.settle_due();
    }

    fn received(
        &mut self,
        now: Now,
        frame: &[u8],
        fresh: &[Event],
        _out: &mut Sink,
        asks: &mut Asks,
    ) {
        // Timers are what the link says of markets that are alive, beside the frame.
        let mut said = fresh.iter().filter(|event| event.body != Body::Timer);
        if let Some(first) = said.next()
            && !matches!(first.body, Body::BookDoubt { .. } | Body::Heartbeat { .. })
        {
            // Trades are another channel: they show nothing of the book's.
            let is_of_book = matches!(first.body, Body::Level { .. } | Body::BookClear);
            if is_of_book && let Some(at) = self.by_market.get(&first.market.0) {
                self.feeds[*at].heard_ns = now.ns;
            }
            return;
        }
        // Short frames only: what is about the connection has a few hundred bytes.
        if frame.len() < 1_024 && memchr::memmem::find(frame, b"\"bts:").is_some() {
            self.control(now, frame, asks);
            self.settle_due();
        }
    }

    fn fetched(
        &mut self,
        now: Now,
        end: &Fetched<'_>,
        fresh: &[Event],
        _out: &mut Sink,
        asks: &mut Asks,
    ) {
        let (Fetched::Answer { tag, .. } | Fetched::Failed { tag, .. }) = *end;
        let mut feeds = self.feeds.iter();
        let place = feeds.position(|feed| feed.stage == Stage::Fetching { tag });
        if let Some(at) = place {
            self.book_ended(at, now, end, fresh, asks);
        } else if let Some(account) = &mut self.account {
            account.fetched(now, end, &self.feeds, asks);
        }
        if let Fetched::Answer { status: 418 | 429, retry_after_ms, .. } = *end {
            let from_ns = later(now.ns, retry_after_ms.unwrap_or(LIMITED_MS));
            self.fetch_from_ns = self.fetch_from_ns.max(from_ns);
        }
        self.settle_due();
    }

    fn resync(&mut self, now: Now, market: MarketId, _out: &mut Sink, asks: &mut Asks) {
        let Some(&at) = self.by_market.get(&market.0) else { return };
        let feed = &self.feeds[at];
        let is_quiet =
            now.ns.saturating_sub(feed.heard_ns) >= self.settings.data_within_ms * NS_PER_MS;
        // A book to compare with was asked for, and the channel has told nothing while it settled: fetching
        // alone would make a book good that nobody keeps current.
        let settle_ns = self.settings.audit.map_or(u64::MAX, |audit| audit.settle_ns);
        let is_dead =
            feed.heard_ns < feed.compared_ns && now.ns.saturating_sub(feed.heard_ns) >= settle_ns;
        match feed.stage {
            Stage::Live if self.decoder.is_live(market) || is_quiet || is_dead => {
                self.subscribe(at, now, 0, asks);
            }
            Stage::Live => {
                (self.feeds[at].too_old, self.feeds[at].failed) = (0, 0);
                self.fetch(at, now, asks);
            }
            // Under way: its own deadlines see it through.
            Stage::Idle
            | Stage::Subscribing { .. }
            | Stage::Fetching { .. }
            | Stage::Waiting { .. } => {}
        }
        self.settle_due();
    }

    fn due_ns(&self) -> u64 {
        self.due_ns
    }

    fn time(&mut self, now: Now, _out: &mut Sink, asks: &mut Asks) {
        if self.heartbeat_due_ns <= now.ns {
            self.heartbeat_due_ns = later(now.ns, self.settings.heartbeat_every_ms);
            asks.send("{\"event\":\"bts:heartbeat\"}");
        }
        if self.catch_up_due_ns <= now.ns {
            self.catch_up_due_ns = now.ns.saturating_add(CATCH_UP_EVERY_NS);
            self.decoder.catch_up();
        }
        for at in 0..self.feeds.len() {
            self.feed_time(at, now, asks);
        }
        if self.account.as_ref().is_some_and(|account| account.due_ns() <= now.ns) {
            let tag = self.tag();
            if let Some(account) = &mut self.account {
                account.time(now, tag, asks);
            }
        }
        self.settle_due();
    }

    fn closed(&mut self, _now: Now, _cause: Cause) {
        self.is_open = false;
        for feed in &mut self.feeds {
            feed.stage = Stage::Idle;
            feed.audit_due_ns = u64::MAX;
            feed.compared_ns = 0;
        }
        if let Some(account) = &mut self.account {
            account.closed();
        }
        self.settle_due();
    }

    /// One text for each matter, naming the market or the key. A matter that mends itself goes away.
    fn problems(&self) -> Vec<String> {
        let mut all: Vec<String> = self.problems.values().cloned().collect();
        all.extend(self.account.iter().filter_map(Account::problem));
        all
    }

    fn markets_wanted(&self) -> Vec<MarketId> {
        self.feeds.iter().map(|feed| feed.market).collect()
    }
}

/// A frame about one channel. The venue takes frames below 512 bytes, one channel each.
fn channel_frame(what: &str, channel: &str) -> String {
    format!("{{\"event\":\"bts:{what}\",\"data\":{{\"channel\":\"{channel}\"}}}}")
}

const fn later(now_ns: u64, ms: u64) -> u64 {
    now_ns.saturating_add(ms.saturating_mul(NS_PER_MS))
}
