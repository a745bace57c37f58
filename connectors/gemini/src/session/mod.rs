//! One live connection of either feed: subscriptions, replies, comparisons, the account.
//!
//! * The current feed is subscribed in frames of at most 25 streams; its snapshots come on the
//!   stream. One market is made good by unsubscribing and subscribing its book. Its idle books are
//!   silent, so the connection is asked for a sign of life.
//! * Market data v2 gives one snapshot for each symbol and connection: whatever is in doubt is made
//!   good by a new connection. Its heartbeat tells that it lives.
//!
//! Both are compared with the REST book from time to time. That is all that can show a lost frame on
//! v2, and a damaged price or size on either.

mod account;
mod requests;
mod settings;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use connector_net::session::{Asks, Cause, Endpoint, Fetched, Manners, Now, Protocol};
use connector_net::{Decoder, Markets, Sink};
use engine_model::units::NS_PER_MS;
use engine_model::{Body, Event, Flags, MarketId};

pub use settings::{Settings, Trading, metadata_requests};

use crate::audit::book_url;
pub use crate::feed::Feed;
use crate::feed::FeedDecoder;
use account::Account;
use requests::{Meaning, OWED_MAX, Owed, Reply, STREAMS_MAX, frame, ping_frame};
use settings::get;

/// How often work for comparisons that frames have put off is done. Unit: nanoseconds.
const CATCH_UP_EVERY_NS: u64 = 100 * NS_PER_MS;
/// Wait after a refusal for too many requests; doubles each time. Unit: milliseconds.
const LIMITED_MS: u64 = 2_000;
/// Longest such wait. Unit: milliseconds.
const LIMITED_MS_MAX: u64 = 60_000;
/// The book of every market on the current feed.
const BOOK_STREAM: &str = "depth@100ms";

/// One market of the connection.
#[derive(Clone, Debug)]
struct Market {
    /// As frames spell it.
    symbol: String,
    id: MarketId,
    /// A snapshot has come on this connection.
    has_book: bool,
    audit_due_ns: u64,
}

/// The protocol of a connection; see the module.
pub struct GeminiSession {
    settings: Settings,
    decoder: FeedDecoder,
    list: Vec<Market>,
    by_market: BTreeMap<u16, usize>,
    account: Option<Account>,
    next_id: u64,
    owed: Vec<Owed>,
    /// Markets to subscribe again, and when: the venue wanted us to wait. In order of time.
    again: BTreeSet<(u64, usize)>,
    limited: u32,
    ping_due_ns: u64,
    catch_up_due_ns: u64,
    /// No book is fetched before this.
    fetch_from_ns: u64,
    due_ns: u64,
    is_open: bool,
    /// A new connection was asked for.
    is_leaving: bool,
    /// v2: the venue has refused a subscription of this connection, and not said which.
    refusals: u32,
    problems: BTreeMap<String, String>,
}

impl GeminiSession {
    /// A session of these markets, whose symbols are those of `settings` in any case.
    #[must_use]
    pub fn new(settings: Settings, markets: Markets) -> Self {
        let find = |symbol: &str| {
            let mut list = markets.list().iter();
            list.find(|market| market.symbol.eq_ignore_ascii_case(symbol)).map(|market| market.id)
        };
        let mut list = Vec::new();
        let mut problems = BTreeMap::new();
        for symbol in &settings.symbols {
            let spelled = settings.feed.spelled(symbol);
            if let Some(id) = find(symbol) {
                let (has_book, audit_due_ns) = (false, u64::MAX);
                list.push(Market { symbol: spelled, id, has_book, audit_due_ns });
            } else {
                let text = format!("{spelled}: its tick and lot are not known");
                problems.insert(spelled, text);
            }
        }
        let by_market = list.iter().enumerate().map(|(at, market)| (market.id.0, at)).collect();
        let decoder = FeedDecoder::new(settings.feed, markets, settings.audit);
        let account = settings.key.clone().map(|key| {
            let rest_url = settings.rest_url.clone();
            Account::new(key, settings.nonces.clone(), rest_url, settings.fees_every_ms)
        });
        Self {
            settings,
            decoder,
            list,
            by_market,
            account,
            next_id: 0,
            owed: Vec::new(),
            again: BTreeSet::new(),
            limited: 0,
            ping_due_ns: u64::MAX,
            catch_up_due_ns: u64::MAX,
            fetch_from_ns: 0,
            due_ns: u64::MAX,
            is_open: false,
            is_leaving: false,
            refusals: 0,
            problems,
        }
    }

    fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    fn streams(&self, at: usize) -> Vec<String> {
        let symbol = &self.list[at].symbol;
        let others = self.settings.streams.iter().map(String::as_str);
        [BOOK_STREAM].into_iter().chain(others).map(|kind| format!("{symbol}@{kind}")).collect()
    }

    /// Subscribes these markets in one frame.
    fn send(&mut self, now: Now, feeds: Vec<usize>, tries: u32, asks: &mut Asks) {
        let streams: Vec<String> = feeds.iter().flat_map(|at| self.streams(*at)).collect();
        if tries > 0 {
            // It may have been taken, and its snapshot lost: only a new one brings another.
            let id = self.id();
            asks.send(frame(id, "unsubscribe", &streams));
        }
        let id = self.id();
        asks.send(frame(id, "subscribe", &streams));
        self.owe(now, id, feeds, tries);
    }

    fn owe(&mut self, now: Now, id: u64, feeds: Vec<usize>, tries: u32) {
        if self.owed.len() >= OWED_MAX {
            // The oldest has waited long enough to count as lost.
            self.owed.remove(0);
        }
        let queued_ms =
            1_000 * self.owed.len() as u64 / u64::from(self.settings.sends_per_s.max(1));
        let due_ns = later(now.ns, self.settings.reply_within_ms + queued_ms);
        self.owed.push(Owed { id, feeds, due_ns, tries });
    }

    fn subscribe_all(&mut self, now: Now, asks: &mut Asks) {
        match self.settings.feed {
            Feed::Current => {
                let each = (STREAMS_MAX / (1 + self.settings.streams.len())).max(1);
                let places: Vec<usize> = (0..self.list.len()).collect();
                for feeds in places.chunks(each) {
                    self.send(now, feeds.to_vec(), 0, asks);
                }
            }
            Feed::V2 => {
                let symbols = self.list.iter().map(|market| market.symbol.as_str());
                asks.send(v2_frame(symbols));
            }
        }
    }

    /// A reply of the current feed.
    fn replied(&mut self, now: Now, frame: &[u8], asks: &mut Asks) {
        let Ok(reply) = serde_json::from_slice::<Reply>(frame) else { return };
        let meaning = reply.meaning();
        let place = self.owed.iter().position(|owed| owed.id == reply.id);
        let owed = place.map(|place| self.owed.swap_remove(place));
        match (meaning, owed) {
            (Meaning::Done, Some(owed)) => {
                self.limited = 0;
                for at in owed.feeds {
                    let symbol = self.list[at].symbol.clone();
                    self.problems.remove(&symbol);
                }
            }
            (Meaning::Done, None) => {}
            (Meaning::Limited, owed) => {
                let wait_ms = (LIMITED_MS << self.limited.min(16)).min(LIMITED_MS_MAX);
                self.limited = self.limited.saturating_add(1);
                let due_ns = later(now.ns, wait_ms);
                self.again.extend(owed.into_iter().flat_map(|it| it.feeds).map(|at| (due_ns, at)));
            }
            (Meaning::Unauthorized, _) => {
                if let Some(account) = &mut self.account {
                    account.upgrade_refused();
                }
                self.leave(Cause::Unauthorized, asks);
            }
            (Meaning::Refused, Some(owed)) if owed.feeds.len() > 1 => {
                for at in owed.feeds {
                    self.send(now, vec![at], 0, asks);
                }
            }
            (Meaning::Refused, owed) => {
                for at in owed.into_iter().flat_map(|owed| owed.feeds) {
                    let symbol = self.list[at].symbol.clone();
                    let text = format!("{symbol}: the venue refuses its streams: {}", reply.text());
                    self.problems.insert(symbol, text);
                }
            }
        }
    }

    /// v2 refuses a subscription without saying which: those without a book are sent one by one,
    /// and those without a book after that are named.
    fn v2_refused(&mut self, asks: &mut Asks) {
        self.refusals = self.refusals.saturating_add(1);
        let missing: Vec<String> = self
            .list
            .iter()
            .filter(|market| !market.has_book)
            .map(|market| market.symbol.clone())
            .collect();
        if self.refusals == 1 && missing.len() > 1 {
            for symbol in &missing {
                asks.send(v2_frame([symbol.as_str()]));
            }
            return;
        }
        for symbol in missing {
            let text = format!("{symbol}: the venue may not know it: no valid trading pairs");
            self.problems.insert(symbol, text);
        }
    }

    fn leave(&mut self, cause: Cause, asks: &mut Asks) {
        if !core::mem::replace(&mut self.is_leaving, true) {
            asks.reconnect(cause);
        }
    }

    /// Requests whose replies did not come: once again, then a problem.
    fn owed_time(&mut self, now: Now, asks: &mut Asks) {
        let late: Vec<Owed> = self.owed.extract_if(.., |owed| owed.due_ns <= now.ns).collect();
        for owed in late {
            if owed.tries > 0 {
                for at in &owed.feeds {
                    let symbol = self.list[*at].symbol.clone();
                    let text = format!("{symbol}: its subscription is not answered");
                    self.problems.insert(symbol, text);
                }
            }
            // A market whose book came is subscribed, whatever became of the reply.
            let feeds: Vec<usize> =
                owed.feeds.into_iter().filter(|at| !self.list[*at].has_book).collect();
            if !feeds.is_empty() {
                self.send(now, feeds, owed.tries.saturating_add(1), asks);
            }
        }
        while let Some(&(due_ns, at)) = self.again.first()
            && due_ns <= now.ns
        {
            self.again.remove(&(due_ns, at));
            self.send(now, vec![at], 0, asks);
        }
    }

    /// Asks for a book to compare with, and says when the next one is due.
    fn ask_audit(&mut self, at: usize, now: Now, asks: &mut Asks) {
        let Some(audit) = self.settings.audit else { return };
        let id = self.list[at].id;
        let strikes = self.decoder.audit_strikes(id);
        // A book that differed is looked at again as soon as that can tell more.
        let wait_ns = if strikes > 0 {
            audit.settle_ns.saturating_mul(3)
        } else {
            self.settings.audit_every_ms.saturating_mul(NS_PER_MS)
        };
        let market = &mut self.list[at];
        market.audit_due_ns = now.ns.saturating_add(wait_ns.max(audit.settle_ns.saturating_mul(2)));
        if now.ns >= self.fetch_from_ns {
            let url = book_url(&self.settings.rest_url, &market.symbol, audit.levels);
            let tag = self.id();
            asks.fetch(get(tag, url));
        }
    }

    fn settle_due(&mut self) {
        let mut due_ns = self.ping_due_ns.min(self.catch_up_due_ns);
        due_ns = self.owed.iter().fold(due_ns, |due_ns, owed| due_ns.min(owed.due_ns));
        due_ns = self.again.first().map_or(due_ns, |(first_ns, _)| due_ns.min(*first_ns));
        due_ns = self.list.iter().fold(due_ns, |due_ns, it| due_ns.min(it.audit_due_ns));
        if let Some(account) = &self.account {
            due_ns = due_ns.min(account.due_ns());
        }
        self.due_ns = if self.is_open { due_ns } else { u64::MAX };
    }

    /// Takes note of the books that came.
    fn note_books(&mut self, now: Now, fresh: &[Event]) {
        let mut is_new = false;
        for event in fresh.iter().filter(|event| event.body == Body::BookClear) {
            let Some(at) = self.by_market.get(&event.market.0) else { continue };
            let market = &mut self.list[*at];
            market.has_book = true;
            self.problems.remove(&market.symbol);
            // Markets are not all looked at in one second.
            let spread_ms = self.settings.audit_every_ms / self.by_market.len().max(1) as u64;
            let first_ms = self.settings.audit_every_ms / 2 + spread_ms * *at as u64;
            if self.settings.audit.is_some() && market.audit_due_ns == u64::MAX {
                market.audit_due_ns = later(now.ns, first_ms);
            }
            is_new = true;
        }
        if is_new {
            self.settle_due();
        }
    }
}

impl Protocol for GeminiSession {
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
            snapshot_within_ns: ns(self.settings.snapshot_within_ms),
            sends_per_s: self.settings.sends_per_s,
            fetches_per_s: self.settings.fetches_per_s,
        }
    }

    fn endpoint(&mut self, now_ns: u64) -> Endpoint {
        let base = self.settings.ws_url.trim_end_matches('/');
        if self.settings.feed == Feed::V2 {
            return Endpoint { url: base.to_owned(), headers: Vec::new() };
        }
        let mut url = format!("{base}/?snapshot=-1");
        let mut headers = Vec::new();
        if let Some(account) = self.account.as_mut().filter(|account| account.is_used()) {
            headers = account.headers(now_ns);
            if self.settings.trading == Trading::Live {
                url.push_str("&cancelOnDisconnect=true");
            }
        }
        Endpoint { url, headers }
    }

    fn opened(&mut self, now: Now, _out: &mut Sink, asks: &mut Asks) {
        (self.is_open, self.is_leaving, self.refusals) = (true, false, 0);
        self.subscribe_all(now, asks);
        if self.settings.feed == Feed::Current {
            self.ping_due_ns = later(now.ns, self.settings.ping_every_ms);
        }
        if self.settings.audit.is_some() {
            self.catch_up_due_ns = now.ns.saturating_add(CATCH_UP_EVERY_NS);
        }
        if let Some(account) = &mut self.account {
            account.opened(now);
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
        let is_said = |it: &&Event| !matches!(it.body, Body::BookDoubt { .. } | Body::Timer);
        let Some(first) = fresh.iter().find(is_said) else {
            // Nothing to use in it: short ones may be about the connection.
            if frame.len() < 1_024 {
                match self.settings.feed {
                    Feed::Current => self.replied(now, frame, asks),
                    Feed::V2 if memchr::memmem::find(frame, b"\"result\"").is_some() => {
                        self.v2_refused(asks);
                    }
                    Feed::V2 => {}
                }
                self.settle_due();
            }
            return;
        };
        if first.flags.has(Flags::SNAPSHOT) {
            self.note_books(now, fresh);
        } else if matches!(first.body, Body::Heartbeat { .. })
            && self.settings.feed == Feed::Current
            && !self.owed.is_empty()
        {
            self.replied(now, frame, asks);
            self.settle_due();
        }
    }

    fn fetched(
        &mut self,
        now: Now,
        end: &Fetched<'_>,
        _fresh: &[Event],
        _out: &mut Sink,
        _asks: &mut Asks,
    ) {
        if let Some(account) = &mut self.account {
            account.fetched(now, end);
        }
        if let Fetched::Answer { status: 403 | 418 | 429, retry_after_ms, .. } = *end {
            let from_ns = later(now.ns, retry_after_ms.unwrap_or(LIMITED_MS_MAX));
            self.fetch_from_ns = self.fetch_from_ns.max(from_ns);
        }
        self.settle_due();
    }

    fn resync(&mut self, now: Now, market: MarketId, _out: &mut Sink, asks: &mut Asks) {
        let Some(&at) = self.by_market.get(&market.0) else { return };
        match self.settings.feed {
            Feed::Current => {
                let stream = [format!("{}@{BOOK_STREAM}", self.list[at].symbol)];
                self.list[at].has_book = false;
                let id = self.id();
                asks.send(frame(id, "unsubscribe", &stream));
                let id = self.id();
                asks.send(frame(id, "subscribe", &stream));
                self.owe(now, id, vec![at], 0);
            }
            Feed::V2 if self.list[at].has_book => self.leave(Cause::TooManyDoubts, asks),
            Feed::V2 => self.leave(Cause::SnapshotLate, asks),
        }
        self.settle_due();
    }

    fn due_ns(&self) -> u64 {
        self.due_ns
    }

    fn time(&mut self, now: Now, _out: &mut Sink, asks: &mut Asks) {
        if self.ping_due_ns <= now.ns {
            self.ping_due_ns = later(now.ns, self.settings.ping_every_ms);
            asks.send(ping_frame());
        }
        if self.catch_up_due_ns <= now.ns {
            self.catch_up_due_ns = now.ns.saturating_add(CATCH_UP_EVERY_NS);
            self.decoder.catch_up();
        }
        self.owed_time(now, asks);
        for at in 0..self.list.len() {
            if self.list[at].audit_due_ns <= now.ns {
                self.ask_audit(at, now, asks);
            }
        }
        if self.account.as_ref().is_some_and(|account| account.due_ns() <= now.ns) {
            let tag = self.id();
            if let Some(account) = &mut self.account {
                account.time(now, tag, asks);
            }
        }
        self.settle_due();
    }

    fn closed(&mut self, _now: Now, cause: Cause) {
        (self.is_open, self.is_leaving) = (false, false);
        self.owed.clear();
        self.again.clear();
        for market in &mut self.list {
            (market.has_book, market.audit_due_ns) = (false, u64::MAX);
        }
        if let Some(account) = &mut self.account {
            if cause == Cause::Unauthorized {
                account.upgrade_refused();
            }
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
        self.list.iter().map(|market| market.id).collect()
    }
}

/// A subscription of v2, which wants upper case.
fn v2_frame<'a>(symbols: impl IntoIterator<Item = &'a str>) -> String {
    let symbols: Vec<String> = symbols.into_iter().map(|symbol| format!("\"{symbol}\"")).collect();
    format!(
        "{{\"type\":\"subscribe\",\"subscriptions\":[{{\"name\":\"l2\",\"symbols\":[{}]}}]}}",
        symbols.join(",")
    )
}

const fn later(now_ns: u64, ms: u64) -> u64 {
    now_ns.saturating_add(ms.saturating_mul(NS_PER_MS))
}
