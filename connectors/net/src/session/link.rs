//! One connection's life: attempts, pings, silence, budgets, snapshots that are owed.
//!
//! The link drives a venue's [`Protocol`] and its decoder. Whoever owns a socket (a pinned thread that
//! polls, or a task) tells the link what happened and carries out its [`Effect`]s; the link itself
//! reads no clock and touches no socket.

use std::collections::VecDeque;

use engine_model::{Body, Event, Flags, MarketId, Venue};

use super::backoff::{Backoff, Budget};
use super::host::host_of;
use super::mending::Mending;
use super::view::{
    Effect, LinkCounts, LinkSettings, LinkView, Phase, Stream, StreamState, Tap, Tapped, Ticket,
};
use super::{Alive, Ask, Asks, Cause, Endpoint, Fetch, Fetched, Manners, Now, Protocol, Secrecy};
use crate::decode::{Input, Sink};

/// Text frames that may wait for the budget. More than the subscriptions of the largest connection.
const SENDS_MAX: usize = 2_048;
/// Requests that may wait.
const FETCHES_MAX: usize = 256;
/// Requests of one connection under way at once.
const IN_FLIGHT_MAX: u32 = 8;
/// Frames in doubt that are remembered: as many as put a venue into quarantine.
const DOUBTS_KEPT: usize = 16;
/// A venue that says that it was too much, and not for how long, is left alone so long.
const LIMITED_NS: u64 = 10 * SECOND_NS;
/// A second.
const SECOND_NS: u64 = 1_000_000_000;

/// One connection.
pub struct Link {
    name: String,
    venue: Venue,
    settings: LinkSettings,
    manners: Manners,
    protocol: Box<dyn Protocol>,
    backoff: Backoff,
    phase: Phase,
    line: u64,
    newest_ns: u64,
    url: String,
    last_heard_ns: u64,
    last_text_ns: u64,
    pinged: Option<(u64, u64)>,
    ping_number: u64,
    last_ping_ns: u64,
    /// As sent, and as written down where that differs.
    sends: VecDeque<(String, Option<String>)>,
    send_budget: Budget,
    fetches: VecDeque<Fetch>,
    fetch_budget: Budget,
    in_flight: u32,
    /// Number of the connection: answers of another one are nobody's.
    epoch: u64,
    /// Not to be dialed before, as the venue said. Unit: Unix nanoseconds.
    hold_off_ns: u64,
    closing: Option<Cause>,
    streams: Vec<Stream>,
    /// By place in `streams`.
    mending: Vec<Mending>,
    doubts: VecDeque<u64>,
    alive: Alive,
    asks: Asks,
    counts: LinkCounts,
    last_end: Option<Cause>,
    last_error: String,
    tap: Option<Box<dyn Tap>>,
}

impl Link {
    /// A link that dials at once. `seed` spreads its attempts.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        venue: Venue,
        mut protocol: Box<dyn Protocol>,
        settings: LinkSettings,
        seed: u64,
    ) -> Self {
        let manners = protocol.manners();
        let wanted = protocol.markets_wanted().into_iter();
        let streams: Vec<Stream> = wanted.map(Stream::waiting).collect();
        Self {
            name: name.into(),
            venue,
            settings,
            manners,
            backoff: Backoff::new(settings.backoff, seed),
            phase: Phase::Down { dial_ns: 0 },
            line: 0,
            newest_ns: 0,
            url: String::new(),
            last_heard_ns: 0,
            last_text_ns: 0,
            pinged: None,
            ping_number: seed,
            last_ping_ns: 0,
            sends: VecDeque::new(),
            send_budget: Budget::new(manners.sends_per_s),
            fetches: VecDeque::new(),
            fetch_budget: Budget::new(manners.fetches_per_s),
            in_flight: 0,
            epoch: 0,
            hold_off_ns: 0,
            closing: None,
            mending: vec![Mending::default(); streams.len()],
            streams,
            doubts: VecDeque::with_capacity(DOUBTS_KEPT),
            alive: Alive::new(protocol.decoder().markets()),
            asks: Asks::default(),
            counts: LinkCounts::default(),
            last_end: None,
            last_error: String::new(),
            tap: None,
            protocol,
        }
    }

    /// Takes down everything that the decoder is given from now on.
    pub fn record(&mut self, tap: Box<dyn Tap>) {
        self.tap = Some(tap);
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whose it is.
    #[must_use]
    pub const fn venue(&self) -> Venue {
        self.venue
    }

    /// Where it stands.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// How patient it is.
    #[must_use]
    pub const fn settings(&self) -> &LinkSettings {
        &self.settings
    }

    /// Its markets.
    #[must_use]
    pub fn streams(&self) -> &[Stream] {
        &self.streams
    }

    /// What has happened so far.
    #[must_use]
    pub const fn counts(&self) -> &LinkCounts {
        &self.counts
    }

    fn problems(&self) -> Vec<String> {
        let own = self.mending.iter().filter_map(Mending::problem);
        self.protocol.problems().into_iter().chain(own).collect()
    }

    /// A picture for reports.
    pub fn view(&mut self) -> LinkView {
        LinkView {
            name: self.name.clone(),
            venue: self.venue,
            phase: self.phase,
            streams: self.streams.clone(),
            counts: self.counts,
            last_end: self.last_end,
            last_error: self.last_error.clone(),
            last_text_ns: self.last_text_ns,
            problems: self.problems(),
            odd: *self.protocol.decoder().counts(),
        }
    }

    /// An attempt begins: where to.
    pub fn dial(&mut self, now_ns: u64) -> Endpoint {
        self.counts.dials += 1;
        self.backoff.attempt(now_ns);
        self.phase = Phase::Dialing { since_ns: now_ns };
        let endpoint = self.protocol.endpoint(now_ns);
        // What stands behind the host may be a key.
        host_of(&endpoint.url).clone_into(&mut self.url);
        endpoint
    }

    /// Numbers an input. Several frames may leave the socket in one read, and time may have been looked
    /// at between them: the receive times of a connection never fall all the same.
    fn now(&mut self, ns: u64) -> Now {
        self.line += 1;
        self.newest_ns = self.newest_ns.max(ns);
        Now { ns: self.newest_ns, line: self.line }
    }

    fn tap(&mut self, at_ns: u64, what: Tapped<'_>) {
        if let Some(tap) = &mut self.tap {
            tap.tapped(at_ns, what);
        }
    }

    /// The socket is open.
    pub fn opened(&mut self, at_ns: u64, out: &mut Sink) {
        self.counts.opens += 1;
        self.epoch += 1;
        self.phase = Phase::Open { since_ns: at_ns };
        (self.last_heard_ns, self.last_text_ns, self.last_ping_ns) = (at_ns, at_ns, at_ns);
        self.pinged = None;
        self.closing = None;
        let now = self.now(at_ns);
        let url = core::mem::take(&mut self.url);
        self.tap(now.ns, Tapped::Connected(&url));
        self.url = url;
        self.protocol.decoder().decode(now.ns, now.line, Input::Connected, out);
        for stream in &mut self.streams {
            *stream = Stream {
                state: StreamState::Waiting,
                since_ns: at_ns,
                asked_ns: at_ns,
                tries: 0,
                ..*stream
            };
        }
        let mut asks = core::mem::take(&mut self.asks);
        self.protocol.opened(now, out, &mut asks);
        self.take_asks(now, asks, out);
    }

    /// A text frame came. Its events are in `out` afterwards, whole batches behind those that were
    /// there; publish them, then call [`Link::settle`].
    #[inline]
    pub fn text(&mut self, at_ns: u64, frame: &[u8], out: &mut Sink) {
        self.counts.frames += 1;
        self.counts.bytes += frame.len() as u64;
        (self.last_heard_ns, self.last_text_ns) = (at_ns, at_ns);
        let now = self.now(at_ns);
        if self.tap.is_some() {
            self.tap(now.ns, Tapped::Received(frame));
        }
        let from = out.events.len();
        self.protocol.decoder().decode(now.ns, now.line, Input::Received(frame), out);
        self.alive.note(&out.events[from..]);
        self.alive.tell(self.venue, now.ns, now.line, out);
    }

    /// What a frame that was published means for the connection. `fresh` is what
    /// [`Link::text`] gave; whatever is said beyond that goes into `out`.
    pub fn settle(&mut self, at_ns: u64, frame: &[u8], fresh: &[Event], out: &mut Sink) {
        let now = Now { ns: at_ns.max(self.newest_ns), line: self.line };
        let mut asks = core::mem::take(&mut self.asks);
        self.protocol.received(now, frame, fresh, out, &mut asks);
        self.take_asks(now, asks, out);
        self.follow(now, fresh, out);
    }

    /// A ping of the venue came; the socket's owner answers it.
    pub const fn heard(&mut self, at_ns: u64) {
        self.last_heard_ns = at_ns;
    }

    /// A pong came.
    pub fn ponged(&mut self, at_ns: u64, payload: &[u8]) {
        self.last_heard_ns = at_ns;
        let is_ours = self.pinged.is_some_and(|(_, number)| payload == number.to_be_bytes());
        if is_ours {
            self.pinged = None;
        } else {
            self.counts.foreign_pongs += 1;
        }
    }

    /// A request ended.
    ///
    /// The answer to a request of an earlier connection is dropped: what it states may be older than
    /// anything that this connection has said.
    pub fn fetched(&mut self, at_ns: u64, ticket: Ticket, end: &Fetched<'_>, out: &mut Sink) {
        if ticket.epoch != self.epoch || !matches!(self.phase, Phase::Open { .. }) {
            return;
        }
        self.in_flight = self.in_flight.saturating_sub(1);
        let now = self.now(at_ns);
        let from = out.events.len();
        let secrecy = ticket.secrecy;
        match *end {
            Fetched::Answer { status: 200..=299, url, request, body, .. } => {
                // A decoder may look at the address: it is given what a recording would give it.
                let url = if secrecy == Secrecy::SecretAddress { host_of(url) } else { url };
                if secrecy != Secrecy::Secret {
                    self.tap(now.ns, Tapped::Http { url, request, body });
                }
                let input = Input::Http { url, request, body };
                self.protocol.decoder().decode(now.ns, now.line, input, out);
                self.alive.note(&out.events[from..]);
            }
            Fetched::Answer { status, retry_after_ms, .. } => {
                self.counts.fetches_failed += 1;
                if matches!(status, 418 | 429) {
                    let wait_ns =
                        retry_after_ms.map_or(SECOND_NS, |ms| ms.saturating_mul(1_000_000));
                    self.fetch_budget.refused(at_ns, wait_ns);
                }
            }
            Fetched::Failed { .. } => self.counts.fetches_failed += 1,
        }
        let fresh = out.events[from..].to_vec();
        let mut asks = core::mem::take(&mut self.asks);
        self.protocol.fetched(now, end, &fresh, out, &mut asks);
        self.take_asks(now, asks, out);
        self.follow(now, &fresh, out);
    }

    /// Events of this market were lost on the way to the core, or the core finds its book wrong.
    pub fn mend(&mut self, at_ns: u64, market: MarketId, out: &mut Sink) {
        if !matches!(self.phase, Phase::Open { .. }) {
            return;
        }
        let now = self.now(at_ns);
        let Some(index) = self.streams.iter().position(|it| it.market == market) else { return };
        let stream = &mut self.streams[index];
        if stream.state != StreamState::Live {
            return;
        }
        match self.mending[index].ask(at_ns) {
            None => self.doubted(now, market, out),
            Some(held_ns) => {
                stream.state = StreamState::Suspect;
                (stream.since_ns, stream.asked_ns, stream.tries) = (now.ns, held_ns, 0);
            }
        }
    }

    /// A batch of this market has more events than any ring holds.
    pub fn too_large(&mut self, market: MarketId, events: u64) {
        if let Some(index) = self.streams.iter().position(|it| it.market == market) {
            self.mending[index].too_large(events);
        }
    }

    /// Counts events that did not reach the core.
    pub const fn note_lost(&mut self, events: u64) {
        self.counts.lost_events += events;
    }

    /// When [`Link::time`] has something to do. Unit: Unix nanoseconds.
    #[must_use]
    pub fn due_ns(&self) -> u64 {
        let Phase::Open { .. } = self.phase else { return u64::MAX };
        if self.closing.is_some() {
            return 0;
        }
        let manners = &self.manners;
        let mut due = self.protocol.due_ns();
        due = due.min(self.last_heard_ns.saturating_add(manners.silence_ns));
        due = due.min(self.last_text_ns.saturating_add(manners.text_silence_ns));
        due = due.min(match self.pinged {
            Some((at_ns, _)) => at_ns.saturating_add(manners.pong_within_ns),
            None => self.last_ping_ns.saturating_add(manners.ping_every_ns),
        });
        for stream in self.streams.iter().filter(|it| it.state != StreamState::Live) {
            due = due.min(stream.asked_ns.saturating_add(manners.snapshot_within_ns));
        }
        due = self.mending.iter().filter_map(Mending::held_ns).fold(due, u64::min);
        if !self.sends.is_empty() {
            due = due.min(self.send_budget.next_ns(self.last_heard_ns));
        }
        if !self.fetches.is_empty() && self.in_flight < IN_FLIGHT_MAX {
            due = due.min(self.fetch_budget.next_ns(self.last_heard_ns));
        }
        due
    }

    /// Time has passed: deadlines are looked at.
    pub fn time(&mut self, now_ns: u64, out: &mut Sink) {
        let Phase::Open { .. } = self.phase else { return };
        let manners = self.manners;
        if now_ns.saturating_sub(self.last_heard_ns) >= manners.silence_ns
            || now_ns.saturating_sub(self.last_text_ns) >= manners.text_silence_ns
        {
            return self.close(Cause::Silent);
        }
        if self.pinged.is_some_and(|(at, _)| now_ns.saturating_sub(at) >= manners.pong_within_ns) {
            return self.close(Cause::PongLate);
        }
        if self.protocol.due_ns() <= now_ns {
            let now = self.now(now_ns);
            let mut asks = core::mem::take(&mut self.asks);
            let from = out.events.len();
            self.protocol.time(now, out, &mut asks);
            self.take_asks(now, asks, out);
            let fresh = out.events[from..].to_vec();
            self.alive.note(&fresh);
            self.follow(now, &fresh, out);
        }
        for index in 0..self.streams.len() {
            if self.mending[index].due(now_ns) {
                let now = self.now(now_ns);
                let stream = &mut self.streams[index];
                stream.asked_ns = now.ns;
                self.counts.resyncs += 1;
                let market = stream.market;
                self.resync(now, market, out);
            }
            let stream = self.streams[index];
            let is_late = stream.state != StreamState::Live
                && now_ns.saturating_sub(stream.asked_ns) >= manners.snapshot_within_ns;
            if is_late && stream.tries > 0 {
                return self.close(Cause::SnapshotLate);
            }
            if is_late {
                let now = self.now(now_ns);
                self.ask_again(now, index, out);
            }
        }
    }

    /// The next thing to do on the socket, if there is one now.
    pub fn effect(&mut self, now_ns: u64) -> Option<Effect> {
        let Phase::Open { .. } = self.phase else { return None };
        if let Some(cause) = self.closing {
            return Some(Effect::Close(cause));
        }
        let is_ping_due = self.pinged.is_none()
            && now_ns.saturating_sub(self.last_ping_ns) >= self.manners.ping_every_ns;
        if is_ping_due {
            self.ping_number = self.ping_number.wrapping_add(1);
            self.last_ping_ns = now_ns;
            self.pinged = Some((now_ns, self.ping_number));
            return Some(Effect::Ping(self.ping_number.to_be_bytes()));
        }
        if !self.sends.is_empty() && self.send_budget.take(now_ns) {
            let (text, shown) = self.sends.pop_front()?;
            self.counts.sends += 1;
            let shown = shown.as_deref().unwrap_or(&text);
            let now = self.now(now_ns);
            self.tap(now.ns, Tapped::Sent(shown));
            let mut none = Sink::default();
            let input = Input::Sent(shown.as_bytes());
            self.protocol.decoder().decode(now.ns, now.line, input, &mut none);
            return Some(Effect::Send(text));
        }
        if !self.fetches.is_empty()
            && self.in_flight < IN_FLIGHT_MAX
            && self.fetch_budget.take(now_ns)
        {
            let fetch = self.fetches.pop_front()?;
            self.counts.fetches += 1;
            self.in_flight += 1;
            let ticket = Ticket { epoch: self.epoch, secrecy: fetch.secrecy };
            return Some(Effect::Fetch(fetch, ticket));
        }
        None
    }

    /// The socket is gone, or could not be opened. Says when to dial next.
    pub fn ended(&mut self, at_ns: u64, cause: Cause, out: &mut Sink) {
        self.counts.ends[cause as usize] += 1;
        self.last_end = Some(cause);
        let open_ns = match self.phase {
            Phase::Open { since_ns } => Some(since_ns),
            Phase::Down { .. } | Phase::Dialing { .. } => None,
        };
        let now = self.now(at_ns);
        if open_ns.is_some() {
            self.tap(now.ns, Tapped::Closed);
            self.protocol.decoder().decode(now.ns, now.line, Input::Closed, out);
        }
        self.protocol.closed(now, cause);
        let mut dial_ns = self.backoff.ended(at_ns, open_ns);
        if cause == Cause::Limited {
            dial_ns = dial_ns.max(at_ns.saturating_add(LIMITED_NS));
        }
        dial_ns = dial_ns.max(core::mem::take(&mut self.hold_off_ns));
        let since = at_ns.saturating_sub(300 * SECOND_NS);
        let recent = self.doubts.iter().filter(|doubt| **doubt >= since).count();
        if recent >= self.settings.doubts_in_five {
            self.counts.quarantines += 1;
            self.doubts.clear();
            dial_ns = dial_ns.max(at_ns.saturating_add(self.settings.quarantine_ns));
        }
        self.phase = Phase::Down { dial_ns };
        self.sends.clear();
        self.fetches.clear();
        self.in_flight = 0;
        self.closing = None;
        for stream in &mut self.streams {
            stream.state = StreamState::Waiting;
            stream.since_ns = at_ns;
        }
        for mending in &mut self.mending {
            mending.settled();
        }
    }

    /// Keeps what was said about the last failure, for reports.
    pub fn explain(&mut self, says: String) {
        self.last_error = says;
    }

    /// The venue said how long to stay away.
    pub fn hold_off(&mut self, now_ns: u64, wait_ns: u64) {
        self.hold_off_ns = now_ns.saturating_add(wait_ns);
    }

    /// Ends the connection when the owner next asks for an effect.
    pub fn give_up(&mut self, cause: Cause) {
        self.close(cause);
    }

    fn close(&mut self, cause: Cause) {
        self.closing = self.closing.or(Some(cause));
    }

    fn take_asks(&mut self, now: Now, mut asks: Asks, out: &mut Sink) {
        let mut mends = Vec::new();
        for ask in asks.list.drain(..) {
            match ask {
                Ask::Send(text) if self.sends.len() < SENDS_MAX => {
                    self.sends.push_back((text, None));
                }
                Ask::SendSecret { text, shown } if self.sends.len() < SENDS_MAX => {
                    self.sends.push_back((text, Some(shown)));
                }
                Ask::Fetch(fetch) if self.fetches.len() < FETCHES_MAX => {
                    self.fetches.push_back(fetch);
                }
                // What cannot be asked for cannot come: the connection starts over.
                Ask::Send(_) | Ask::SendSecret { .. } | Ask::Fetch(_) => {
                    self.counts.refused += 1;
                    self.close(Cause::TooManyDoubts);
                }
                Ask::Reconnect(cause) => self.close(cause),
                Ask::Mend(market) => mends.push(market),
            }
        }
        self.asks = asks;
        for market in mends {
            self.doubted(now, market, out);
        }
    }

    /// Notes which markets became live or fell into doubt; the latter are asked for anew.
    fn follow(&mut self, now: Now, fresh: &[Event], out: &mut Sink) {
        // A frame has one kind of event for a market: its first and last tell. Doubts come alone or in
        // small batches, snapshots carry their flag on every event.
        let mut is_doubt = false;
        let mut last = Event::NO_MARKET;
        for event in fresh {
            if let Body::BookDoubt { .. } = event.body {
                if !is_doubt {
                    is_doubt = true;
                    self.note_doubt(now.ns);
                }
                self.doubted(now, event.market, out);
            } else if event.flags.has(Flags::SNAPSHOT) && event.market != last {
                last = event.market;
                self.live(now.ns, event.market);
            }
        }
    }

    fn live(&mut self, at_ns: u64, market: MarketId) {
        if let Some(index) = self.streams.iter().position(|it| it.market == market) {
            self.mending[index].settled();
            let stream = &mut self.streams[index];
            if stream.state != StreamState::Live {
                stream.since_ns = at_ns;
            }
            stream.state = StreamState::Live;
            stream.tries = 0;
        }
    }

    fn note_doubt(&mut self, at_ns: u64) {
        self.counts.doubts += 1;
        if self.doubts.len() >= DOUBTS_KEPT {
            self.doubts.pop_front();
        }
        self.doubts.push_back(at_ns);
        let since = at_ns.saturating_sub(60 * SECOND_NS);
        let recent = self.doubts.iter().filter(|doubt| **doubt >= since).count();
        if recent >= self.settings.doubts_a_minute {
            self.close(Cause::TooManyDoubts);
        }
    }

    fn doubted(&mut self, now: Now, market: MarketId, out: &mut Sink) {
        let Some(index) = self.streams.iter().position(|it| it.market == market) else { return };
        let stream = &mut self.streams[index];
        let is_asked = stream.state != StreamState::Live;
        if stream.state == StreamState::Live {
            stream.state = StreamState::Suspect;
            stream.since_ns = now.ns;
            stream.tries = 0;
        }
        if !is_asked {
            self.counts.resyncs += 1;
            self.streams[index].asked_ns = now.ns;
            self.resync(now, market, out);
        }
    }

    fn ask_again(&mut self, now: Now, index: usize, out: &mut Sink) {
        self.counts.resyncs += 1;
        let stream = &mut self.streams[index];
        stream.tries += 1;
        stream.asked_ns = now.ns;
        let market = stream.market;
        self.resync(now, market, out);
    }

    fn resync(&mut self, now: Now, market: MarketId, out: &mut Sink) {
        let mut asks = core::mem::take(&mut self.asks);
        self.protocol.resync(now, market, out, &mut asks);
        self.take_asks(now, asks, out);
    }
}
