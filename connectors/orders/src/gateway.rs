//! Every order of one venue and key: what to send next, what came of it, what to ask.
//!
//! Nothing here knows a socket or a clock. Whoever drives it hands intents in, takes [`Effect`]s out,
//! carries them out and hands the answers back; it reads the latch of the kill switch directly before the
//! first byte of an order and says so by [`Gateway::withheld`].
//!
//! What follows from an answer:
//!
//! * A placement that is refused is over. One without a definite answer is unknown: it is asked about
//!   at 0.25, 0.5, 1, 2, 4, 4 … seconds until there is evidence, and never placed a second time, unless
//!   the venue promises that the same identifier names the first order.
//! * "Not found" proves nothing before the venue's longest delay has passed, nor said once, nor while
//!   the private stream is down, nor while fills exist.
//! * What a venue reports is booked, whatever was expected; what cannot be is told as a contradiction.
//!
//! Requests keep to four fifths of the venue's budget; the last fifth is for cancels.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use connector_net::session::{Budget, Fetch, Fetched};
use engine_model::InstrumentId;

use crate::client_id::{ClientId, Lineage, OrderKey};
use crate::report::{Foreign, NotSent, Stage, Told};
use crate::tracked::Tracked;
use crate::venue::{
    About, Asked, FillSays, Instrument, Intent, OrderSays, OrderVenue, Reject, Says, Side, Survey,
    Unclear, Verdict,
};

/// Orders that are not over. Risk lets far fewer be.
const ORDERS_MAX: usize = 64;

/// Orders that are over and still known, so that what is said of them late is booked.
const OVER_MAX: usize = 1_024;

/// Names of foreign orders that were told.
const FOREIGN_MAX: usize = 4_096;

/// Refusals of the key in a row before an operator is called.
const KEY_REFUSALS_MAX: u32 = 2;

/// Where there is no connection the next is tried after this, then after twice as long. Unit:
/// nanoseconds.
const REST_FIRST_NS: u64 = 20_000_000;

/// Longest of these waits: a cancel may be among what waits. Unit: nanoseconds.
const REST_MOST_NS: u64 = 2_000_000_000;

/// First and longest wait before a survey without an answer is asked for again. Unit: nanoseconds.
const SURVEY_AGAIN_NS: u64 = 500_000_000;
/// As above.
const SURVEY_MOST_NS: u64 = 8_000_000_000;

/// One request on its way, by its own number.
#[derive(Clone, Debug)]
enum Request {
    Place(OrderKey),
    Cancel(OrderKey),
    About(OrderKey, About),
    Survey(Surveying),
}

/// A question about the account that waits.
#[derive(Clone, Debug)]
struct Surveying {
    what: Survey,
    cursor: Option<String>,
    /// Answers in a row from which nothing was known.
    failures: u32,
    /// Not before. Unit: nanoseconds.
    due_ns: u64,
}

/// Something to be done for a gateway.
#[derive(Debug)]
pub enum Effect {
    /// An order: its first byte is written only after the latch was read once more, else
    /// [`Gateway::withheld`] is called with the request's tag. Beside it, whether it makes an exposure
    /// smaller.
    Place(Fetch, bool),
    /// A cancel: it is sent in every state.
    Cancel(Fetch),
    /// A question.
    Ask(Fetch),
}

/// What may leave now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Every order.
    Open,
    /// Orders that make an exposure smaller, and cancels.
    Reducing,
    /// Cancels.
    Shut,
}

/// Orders of one venue and key.
pub struct Gateway {
    venue: Box<dyn OrderVenue>,
    lineage: Lineage,
    instruments: BTreeMap<InstrumentId, Instrument>,
    orders: BTreeMap<OrderKey, Tracked>,
    /// Ended ones, oldest first.
    over: VecDeque<OrderKey>,
    /// Placed in this order.
    waiting: VecDeque<OrderKey>,
    /// The venue's names of our orders.
    names: BTreeMap<String, OrderKey>,
    foreign: BTreeSet<String>,
    requests: BTreeMap<u64, Request>,
    next_tag: u64,
    /// Everything up to this record is on disk.
    durable_seq: u64,
    general: Budget,
    /// The fifth that is kept.
    kept: Budget,
    surveys: VecDeque<Surveying>,
    is_stream_well: bool,
    key_refusals: u32,
    /// Requests in a row for which there was no connection.
    unreachable: u32,
    /// Nothing is asked for before. Unit: nanoseconds.
    rests_until_ns: u64,
    told: VecDeque<Told>,
}

impl Gateway {
    /// A gateway for these instruments. `durable_seq`: the journal's last record that is on disk.
    #[must_use]
    pub fn new(
        venue: Box<dyn OrderVenue>,
        lineage: Lineage,
        instruments: BTreeMap<InstrumentId, Instrument>,
        durable_seq: u64,
    ) -> Self {
        let per_s = venue.rules().requests_per_s;
        let kept = (per_s / 5).max(1);
        Self {
            venue,
            lineage,
            instruments,
            orders: BTreeMap::new(),
            over: VecDeque::new(),
            waiting: VecDeque::new(),
            names: BTreeMap::new(),
            foreign: BTreeSet::new(),
            requests: BTreeMap::new(),
            next_tag: 1,
            durable_seq,
            general: Budget::new(per_s.saturating_sub(kept).max(1)),
            kept: Budget::new(kept),
            surveys: VecDeque::new(),
            is_stream_well: false,
            key_refusals: 0,
            unreachable: 0,
            rests_until_ns: 0,
            told: VecDeque::new(),
        }
    }

    /// Takes an approved order in. It leaves once its record is on disk.
    pub fn take(&mut self, intent: Intent) {
        let client_id = ClientId::of(self.lineage, intent.key);
        let mut tracked = Tracked::new(intent, client_id);
        let is_known = self.orders.contains_key(&intent.key);
        let has_room = self.open_count() < ORDERS_MAX;
        let can = has_room && !is_known && self.instruments.contains_key(&intent.instrument);
        if can {
            self.orders.insert(intent.key, tracked);
            self.waiting.push_back(intent.key);
        } else if !is_known {
            tracked.not_sent(NotSent::NoRoom);
            self.orders.insert(intent.key, tracked);
            self.changed(intent.key);
        }
        // A name that was used is not used again, whoever asks: the order under it goes its way.
    }

    /// Takes an order over that an earlier life has, or may have, sent: unknown until its venue has
    /// been asked.
    pub fn recover(&mut self, intent: Intent, sent_ns: u64, now_ns: u64) {
        let client_id = ClientId::of(self.lineage, intent.key);
        let tracked = Tracked::recovered(intent, client_id, sent_ns, now_ns);
        self.orders.insert(intent.key, tracked);
        self.changed(intent.key);
    }

    /// Everything up to this record is on disk.
    pub fn durable(&mut self, seq: u64) {
        self.durable_seq = self.durable_seq.max(seq);
    }

    /// Whether the private stream is connected and current.
    pub const fn stream(&mut self, is_well: bool) {
        self.is_stream_well = is_well;
    }

    /// A cancel is wanted: a request, until the venue says how it ended.
    pub fn cancel(&mut self, key: OrderKey) {
        if let Some(tracked) = self.orders.get_mut(&key) {
            tracked.wants_cancel = !tracked.is_over();
        }
    }

    /// Every order that may be live is to be cancelled.
    pub fn cancel_all(&mut self) {
        for tracked in self.orders.values_mut() {
            tracked.wants_cancel = !tracked.is_over();
        }
    }

    /// Asks about the account, as soon as there is room, and until there is an answer: then
    /// [`Told::Surveyed`] follows what it said.
    pub fn survey(&mut self, what: Survey) {
        let is_asked =
            |request: &Request| matches!(request, Request::Survey(it) if it.what == what);
        let is_known = self.surveys.iter().any(|it| it.what == what);
        if !is_known && !self.requests.values().any(is_asked) {
            self.surveys.push_back(Surveying { what, cursor: None, failures: 0, due_ns: 0 });
        }
    }

    /// Orders that are not over.
    #[must_use]
    pub fn open_count(&self) -> usize {
        self.orders.values().filter(|tracked| !tracked.is_over()).count()
    }

    /// The next statement for the core.
    pub fn told(&mut self) -> Option<Told> {
        self.told.pop_front()
    }

    /// When [`Gateway::effect`] has something to do next, if nothing else happens; `u64::MAX` for never.
    #[must_use]
    pub fn due_ns(&self, now_ns: u64) -> u64 {
        let rests_ns = if self.has_to_wait() { u64::MAX } else { self.rests_until_ns };
        let room_ns = self.general.next_ns(now_ns).max(rests_ns);
        let mut due_ns = u64::MAX;
        for key in &self.waiting {
            let Some(tracked) = self.orders.get(key) else { continue };
            due_ns = due_ns.min(tracked.intent.send_until_ns);
        }
        // They leave in order: only the first can be due.
        let first = self.waiting.front().and_then(|key| self.orders.get(key));
        if first.is_some_and(|tracked| tracked.intent.seq <= self.durable_seq) {
            due_ns = due_ns.min(room_ns);
        }
        if let Some(ask_ns) = self.orders.values().filter_map(Tracked::ask_ns).min() {
            due_ns = due_ns.min(ask_ns.max(room_ns));
        }
        if let Some(survey_ns) = self.surveys.iter().map(|it| it.due_ns).min() {
            due_ns = due_ns.min(survey_ns.max(room_ns));
        }
        if self.orders.values().any(|it| it.wants_cancel && it.venue_id().is_some()) {
            due_ns = due_ns.min(self.kept.next_ns(now_ns).max(rests_ns));
        }
        due_ns
    }

    /// What to do now: cancels, then orders, then questions; none when nothing may be or is to be done.
    pub fn effect(&mut self, now_ns: u64, gate: Gate) -> Option<Effect> {
        self.drop_unsendable(now_ns, gate);
        if now_ns < self.rests_until_ns || self.has_to_wait() {
            return None;
        }
        if let Some(fetch) = self.next_cancel(now_ns) {
            return Some(Effect::Cancel(fetch));
        }
        if let Some(effect) = self.next_place(now_ns) {
            return Some(effect);
        }
        self.next_question(now_ns, gate)
    }

    /// Whether an answer is awaited before anything else may leave.
    fn has_to_wait(&self) -> bool {
        self.venue.rules().one_at_a_time && !self.requests.is_empty()
    }

    fn drop_unsendable(&mut self, now_ns: u64, gate: Gate) {
        let mut waiting = core::mem::take(&mut self.waiting);
        waiting.retain(|key| {
            let Some(tracked) = self.orders.get_mut(key) else { return false };
            let why = if !gate.lets(tracked.intent.reduces) {
                NotSent::Halted
            } else if now_ns >= tracked.intent.send_until_ns {
                NotSent::TooOld
            } else {
                return true;
            };
            tracked.not_sent(why);
            self.changed(*key);
            false
        });
        self.waiting = waiting;
    }

    fn next_cancel(&mut self, now_ns: u64) -> Option<Fetch> {
        // Without the venue's name there is nothing to name: the question about it comes first.
        let is_due = |it: &&Tracked| it.wants_cancel && it.venue_id().is_some() && !it.is_over();
        let key = self.orders.values().find(is_due)?.intent.key;
        if !self.kept.take(now_ns) && !self.general.take(now_ns) {
            return None;
        }
        let tag = self.request(Request::Cancel(key));
        let (tracked, instrument) = known(&mut self.orders, &self.instruments, key)?;
        tracked.wants_cancel = false;
        Some(self.venue.cancel(now_ns, tag, &tracked.order(instrument)))
    }

    fn next_place(&mut self, now_ns: u64) -> Option<Effect> {
        let key = *self.waiting.front()?;
        if self.orders.get(&key)?.intent.seq > self.durable_seq || !self.general.take(now_ns) {
            return None;
        }
        self.waiting.pop_front();
        self.place(now_ns, key)
    }

    fn place(&mut self, now_ns: u64, key: OrderKey) -> Option<Effect> {
        let tag = self.request(Request::Place(key));
        let (tracked, instrument) = known(&mut self.orders, &self.instruments, key)?;
        let fetch = self.venue.place(now_ns, tag, &tracked.order(instrument));
        let reduces = tracked.intent.reduces;
        tracked.sent(now_ns);
        self.changed(key);
        Some(Effect::Place(fetch, reduces))
    }

    fn next_question(&mut self, now_ns: u64, gate: Gate) -> Option<Effect> {
        let due = self.orders.values().filter(|it| it.ask_ns().is_some_and(|ns| ns <= now_ns));
        if let Some(key) = due.min_by_key(|it| it.ask_ns()).map(|it| it.intent.key) {
            if !self.general.take(now_ns) {
                return None;
            }
            return self.question(now_ns, key, gate);
        }
        let place = self.surveys.iter().position(|it| it.due_ns <= now_ns)?;
        if !self.general.take(now_ns) {
            return None;
        }
        let surveying = self.surveys.remove(place)?;
        let (what, cursor) = (surveying.what, surveying.cursor.clone());
        let tag = self.request(Request::Survey(surveying));
        Some(Effect::Ask(self.venue.survey(now_ns, tag, what, cursor.as_deref())))
    }

    fn question(&mut self, now_ns: u64, key: OrderKey, gate: Gate) -> Option<Effect> {
        let tracked = self.orders.get_mut(&key)?;
        let is_fresh = now_ns < tracked.intent.send_until_ns && gate == Gate::Open;
        let is_unknown = tracked.stage() == Some(Stage::Unknown) && tracked.venue_id().is_none();
        tracked.asking();
        // The same order once more is the question that also mends a lost request; later it might fill
        // what nobody wants any more.
        if is_unknown && is_fresh && self.venue.rules().resend_is_query {
            return self.place(now_ns, key);
        }
        let about = tracked.about();
        let tag = self.request(Request::About(key, about));
        let (tracked, instrument) = known(&mut self.orders, &self.instruments, key)?;
        let order = tracked.order(instrument);
        let fetch = self.venue.ask(now_ns, tag, &order, about);
        if fetch.is_none() {
            // The venue has no such question before it has told its own name.
            tracked.unclear(now_ns);
            self.requests.remove(&tag);
        }
        fetch.map(Effect::Ask)
    }

    fn request(&mut self, request: Request) -> u64 {
        let tag = self.next_tag;
        self.next_tag += 1;
        self.requests.insert(tag, request);
        tag
    }

    /// Not a byte of a request was written: its connection was gone. An order waits again, as long as it
    /// may; a question is asked again.
    pub fn unsent(&mut self, tag: u64, now_ns: u64) {
        let wait_ns = (REST_FIRST_NS << self.unreachable.min(16)).min(REST_MOST_NS);
        self.rests_until_ns = now_ns.saturating_add(wait_ns);
        self.unreachable = self.unreachable.saturating_add(1);
        match self.requests.remove(&tag) {
            Some(Request::Place(key)) => {
                let Some(tracked) = self.orders.get_mut(&key) else { return };
                if tracked.was_unsent() {
                    self.waiting.push_front(key);
                } else {
                    tracked.unclear(now_ns);
                }
            }
            Some(Request::Cancel(key)) => self.cancel(key),
            Some(Request::About(key, _)) => {
                if let Some(tracked) = self.orders.get_mut(&key) {
                    tracked.unclear(now_ns);
                }
            }
            Some(Request::Survey(surveying)) => self.surveys.push_front(surveying),
            None => {}
        }
    }

    /// An order was held back directly before its first byte: the latch was set meanwhile.
    pub fn withheld(&mut self, tag: u64, now_ns: u64) {
        let Some(Request::Place(key)) = self.requests.remove(&tag) else { return };
        let Some(tracked) = self.orders.get_mut(&key) else { return };
        if tracked.stage() == Some(Stage::Sent) {
            tracked.not_sent(NotSent::Halted);
        } else {
            // It was the same order once more: what became of the first is as unknown as before.
            tracked.unclear(now_ns);
        }
        self.changed(key);
    }

    /// A request ended.
    pub fn answered(&mut self, now_ns: u64, end: &Fetched<'_>) {
        let (Fetched::Answer { tag, .. } | Fetched::Failed { tag, .. }) = *end;
        let Some(request) = self.requests.remove(&tag) else { return };
        (self.unreachable, self.rests_until_ns) = (0, 0);
        let mut says = Vec::new();
        let verdict = match &request {
            Request::Survey(it) => self.venue.read(&Asked::Survey(it.what), end, &mut says),
            Request::Place(key) | Request::Cancel(key) | Request::About(key, _) => {
                let Some((tracked, instrument)) = known(&mut self.orders, &self.instruments, *key)
                else {
                    return;
                };
                let order = tracked.order(instrument);
                let asked = match &request {
                    Request::Place(_) => Asked::Place(order),
                    Request::Cancel(_) => Asked::Cancel(order),
                    Request::About(_, about) => Asked::About(order, *about),
                    Request::Survey(it) => Asked::Survey(it.what),
                };
                self.venue.read(&asked, end, &mut says)
            }
        };
        self.heed(now_ns, &verdict, end);
        for one in says {
            self.says(now_ns, one);
        }
        match request {
            Request::Place(key) => self.placed(now_ns, key, &verdict),
            Request::Cancel(key) => self.cancelled(now_ns, key, &verdict),
            Request::About(key, about) => self.told_about(now_ns, key, about, &verdict),
            Request::Survey(surveying) => self.surveyed(now_ns, surveying, verdict),
        }
    }

    fn surveyed(&mut self, now_ns: u64, surveying: Surveying, verdict: Verdict) {
        match verdict {
            Verdict::Understood => self.told.push_back(Told::Surveyed(surveying.what)),
            Verdict::More(cursor) => {
                let cursor = Some(cursor);
                self.surveys.push_front(Surveying { cursor, failures: 0, due_ns: 0, ..surveying });
            }
            // No answer is not an answer: it is asked again, from where it stood.
            Verdict::NotFound | Verdict::Refused(..) | Verdict::Unclear(_) => {
                let wait_ns = (SURVEY_AGAIN_NS << surveying.failures.min(16)).min(SURVEY_MOST_NS);
                self.surveys.push_back(Surveying {
                    failures: surveying.failures.saturating_add(1),
                    due_ns: now_ns.saturating_add(wait_ns),
                    ..surveying
                });
            }
        }
    }

    /// Budget and key, whatever the request was for.
    fn heed(&mut self, now_ns: u64, verdict: &Verdict, end: &Fetched<'_>) {
        let (is_limited, is_key) = match verdict {
            Verdict::Refused(why, _) => (*why == Reject::Limited, *why == Reject::Key),
            Verdict::Unclear(why) => (*why == Unclear::Limited, *why == Unclear::Key),
            Verdict::Understood | Verdict::More(_) | Verdict::NotFound => (false, false),
        };
        if is_limited {
            const SECOND_NS: u64 = 1_000_000_000;
            let asked_ms = match end {
                Fetched::Answer { retry_after_ms, .. } => *retry_after_ms,
                Fetched::Failed { .. } => None,
            };
            let wait_ns = asked_ms.map_or(SECOND_NS, |ms| ms.saturating_mul(1_000_000));
            self.general.refused(now_ns, wait_ns);
        }
        self.key_refusals = if is_key { self.key_refusals.saturating_add(1) } else { 0 };
        if self.key_refusals == KEY_REFUSALS_MAX {
            self.told.push_back(Told::KeyRefused);
        }
    }

    fn placed(&mut self, now_ns: u64, key: OrderKey, verdict: &Verdict) {
        let Some(tracked) = self.orders.get_mut(&key) else { return };
        match verdict {
            Verdict::Understood | Verdict::More(_) => tracked.answered(now_ns),
            // What is said of the same order once more says nothing of the first, which may live.
            Verdict::Refused(why, _) if tracked.stage() == Some(Stage::Sent) => {
                tracked.refused(*why, now_ns);
            }
            // Nobody says of a placement that it is not there.
            Verdict::Refused(..) | Verdict::NotFound | Verdict::Unclear(_) => {
                tracked.unclear(now_ns);
            }
        }
        self.changed(key);
    }

    fn cancelled(&mut self, now_ns: u64, key: OrderKey, verdict: &Verdict) {
        let Some(tracked) = self.orders.get_mut(&key) else { return };
        match verdict {
            // Asked for, not done: the order itself says how it ended.
            Verdict::Understood | Verdict::More(_) => tracked.answered(now_ns),
            // Over already, or never there: the order is asked which.
            Verdict::NotFound | Verdict::Refused(..) => tracked.unclear(now_ns),
            Verdict::Unclear(_) => {
                tracked.wants_cancel = true;
                tracked.unclear(now_ns);
            }
        }
        self.changed(key);
    }

    fn told_about(&mut self, now_ns: u64, key: OrderKey, about: About, verdict: &Verdict) {
        let ack_within_ns = self.venue.rules().ack_within_ns;
        let is_telling = self.is_stream_well;
        let Some(tracked) = self.orders.get_mut(&key) else { return };
        match (verdict, about) {
            (Verdict::Understood | Verdict::More(_), About::State) => tracked.answered(now_ns),
            (Verdict::Understood | Verdict::NotFound, About::Fills) => {
                tracked.no_fills(is_telling, now_ns);
            }
            (Verdict::NotFound, About::State) => {
                tracked.not_found(ack_within_ns, is_telling, now_ns);
            }
            (Verdict::More(_) | Verdict::Unclear(_) | Verdict::Refused(..), _) => {
                tracked.unclear(now_ns);
            }
        }
        self.changed(key);
    }

    /// The private stream says something, or an answer did.
    pub fn says(&mut self, now_ns: u64, says: Says) {
        match says {
            Says::Order(says) => self.order_says(now_ns, &says),
            Says::Fill(says) => self.fill_says(now_ns, &says),
            Says::Balance(says) => self.told.push_back(Told::Balance(says)),
        }
    }

    fn order_says(&mut self, now_ns: u64, says: &OrderSays) {
        let of = (says.client_id.as_deref(), &*says.venue_id, &*says.symbol, says.side);
        let Some(key) = self.whose(of) else { return };
        let step = self.venue.rules().quote_step_e18;
        if let Some((tracked, instrument)) = known(&mut self.orders, &self.instruments, key) {
            tracked.order_says(says, instrument, step, now_ns);
            self.named(key);
        }
    }

    fn fill_says(&mut self, now_ns: u64, says: &FillSays) {
        let of = (says.client_id.as_deref(), &*says.venue_id, &*says.symbol, says.side);
        let Some(key) = self.whose(of) else { return };
        let step = self.venue.rules().quote_step_e18;
        if let Some((tracked, instrument)) = known(&mut self.orders, &self.instruments, key) {
            tracked.fill_says(says, instrument, step, now_ns);
            self.named(key);
        }
    }

    /// Which order of ours a statement is about, by our name of it and the venue's. None: it is not ours,
    /// which is told once for each name.
    fn whose(
        &mut self,
        (client_id, venue_id, symbol, side): (Option<&str>, &str, &str, Option<Side>),
    ) -> Option<OrderKey> {
        let key = self.key_of(client_id, venue_id);
        if key.is_none()
            && self.foreign.len() < FOREIGN_MAX
            && self.foreign.insert(venue_id.to_owned())
        {
            self.told.push_back(Told::Foreign(Foreign {
                venue_id: venue_id.to_owned(),
                client_id: client_id.map(str::to_owned),
                symbol: symbol.to_owned(),
                side,
                is_ours: self.is_of_instance(client_id),
            }));
        }
        key
    }

    fn named(&mut self, key: OrderKey) {
        let name = self.orders.get(&key).and_then(Tracked::venue_id).map(str::to_owned);
        if let Some(name) = name {
            self.names.insert(name, key);
        }
        self.changed(key);
    }

    /// Which order of ours: by our name, else by the venue's.
    fn key_of(&self, client_id: Option<&str>, venue_id: &str) -> Option<OrderKey> {
        let by_ours = client_id.and_then(ClientId::read).and_then(|(lineage, key)| {
            (lineage == self.lineage && self.orders.contains_key(&key)).then_some(key)
        });
        by_ours.or_else(|| self.names.get(venue_id).copied())
    }

    /// Whether a name is of this instance, whatever its epoch.
    fn is_of_instance(&self, client_id: Option<&str>) -> bool {
        let read = client_id.and_then(ClientId::read);
        read.is_some_and(|(lineage, _)| lineage.instance == self.lineage.instance)
    }

    /// Tells what is new of an order, and puts it by once it is over.
    fn changed(&mut self, key: OrderKey) {
        let Some(tracked) = self.orders.get_mut(&key) else { return };
        if let Some(report) = tracked.news() {
            self.told.push_back(Told::Order(report));
        }
        if tracked.is_over() && !self.over.contains(&key) {
            tracked.wants_cancel = false;
            self.over.push_back(key);
            if self.over.len() > OVER_MAX {
                let oldest = self.over.pop_front();
                let gone = oldest.and_then(|oldest| self.orders.remove(&oldest));
                if let Some(name) = gone.as_ref().and_then(Tracked::venue_id) {
                    self.names.remove(name);
                }
            }
        }
    }
}

fn known<'a>(
    orders: &'a mut BTreeMap<OrderKey, Tracked>,
    instruments: &'a BTreeMap<InstrumentId, Instrument>,
    key: OrderKey,
) -> Option<(&'a mut Tracked, &'a Instrument)> {
    let tracked = orders.get_mut(&key)?;
    let instrument = instruments.get(&tracked.intent.instrument)?;
    Some((tracked, instrument))
}

#[cfg(test)]
#[path = "gateway_tests.rs"]
mod tests;
