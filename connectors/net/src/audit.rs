//! Comparison of a streamed book with one that was asked for over HTTP.
//!
//! Some feeds carry no sequence numbers: a lost frame leaves a wrong level behind, and nothing in the
//! feed says so. The venue's HTTP book does. A decoder that audits keeps a plain second book of each
//! market, made of the events that it gave, and compares it with every HTTP book that it is given:
//!
//! * The two are never of the same moment. What a stream changed around the answer does not count:
//!   levels touched within the settle time before the answer or after it; or, where both sides carry
//!   the venue's own time, levels touched by updates later than the answer's. The comparison is made
//!   when the settle time is over, so that updates under way can arrive.
//! * A level that differs though nothing touched it is a mismatch. One may be chance (a cached
//!   answer); so many in a row are a loss, and the book is put in doubt.
//!
//! Everything depends on inputs and their times alone: a recording gives the same doubts as the
//! connection it was made of. The second book is fed from a log, so that the frame itself pays for a
//! copy of its events only; [`Audit::catch_up`] may be called whenever there is time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use engine_model::{Body, Event, MarketId, Side};

/// Most events that wait to be applied to the second books. 64 bytes each: 256 KiB. A reader that is
/// never idle applies them in one go, in about half a millisecond.
const LOG_MAX: usize = 4_096;

/// Most touched levels remembered for one market: ten seconds of four thousand changes each.
const TOUCHED_MAX: usize = 40_960;

/// How a book is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditSettings {
    /// Best levels of each side that are compared.
    pub levels: usize,
    /// How long before and after an answer a change makes its level not count. Unit: nanoseconds.
    pub settle_ns: u64,
    /// Mismatches in a row that put a book in doubt.
    pub strikes: u32,
}

impl Default for AuditSettings {
    fn default() -> Self {
        Self { levels: 50, settle_ns: 2_000_000_000, strikes: 2 }
    }
}

/// How comparisons ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuditCounts {
    /// Both books said the same.
    pub equal: u64,
    /// They did not.
    pub mismatched: u64,
    /// Nothing could be said: the book began too late, or more changed than is remembered.
    pub inconclusive: u64,
}

/// A comparison that came to a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Whose book.
    pub market: MarketId,
    /// The books differ.
    pub is_mismatch: bool,
    /// So often in a row that the streamed one must not be used.
    pub is_doubt: bool,
}

/// An HTTP book.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// Whose.
    pub market: MarketId,
    /// When it came. Unit: Unix nanoseconds.
    pub recv_ns: u64,
    /// The venue's own time in the unit of the events' `seq`; 0 where it gives none.
    pub seq: u64,
    /// Its levels as events; other events are passed over.
    pub levels: &'a [Event],
    /// Most levels of a side that the answer can have; a side with as many may go on.
    pub limit: usize,
}

/// One change of one level.
#[derive(Clone, Copy, Debug)]
struct Touch {
    recv_ns: u64,
    seq: u64,
    side: Side,
    price_ticks: u64,
}

/// An answer that waits for the settle time.
#[derive(Clone, Debug)]
struct Pending {
    due_ns: u64,
    recv_ns: u64,
    seq: u64,
    /// Bids, asks: size by price.
    sides: [BTreeMap<u64, u64>; 2],
    /// Worst price that the answer speaks of; `None` where it is the whole side.
    worst: [Option<u64>; 2],
}

/// The second book of a market.
#[derive(Clone, Debug, Default)]
struct Replica {
    /// Bids, asks: size by price.
    sides: [BTreeMap<u64, u64>; 2],
    /// Receive time and sequence of the snapshot; `None` while there is no book.
    since: Option<(u64, u64)>,
    touched: VecDeque<Touch>,
    /// Newest receive time and sequence of a touch that is not remembered any more.
    forgotten: (u64, u64),
    pending: Option<Pending>,
    strikes: u32,
}

/// The second books of a connection.
#[derive(Clone, Debug)]
pub struct Audit {
    settings: AuditSettings,
    replicas: BTreeMap<u16, Replica>,
    log: Vec<Event>,
    /// When the first pending answer is to be compared; `u64::MAX` for none. Unit: Unix nanoseconds.
    due_ns: u64,
    counts: AuditCounts,
}

impl Audit {
    /// Without any book.
    #[must_use]
    pub fn new(settings: AuditSettings) -> Self {
        Self {
            settings,
            replicas: BTreeMap::new(),
            log: Vec::with_capacity(LOG_MAX),
            due_ns: u64::MAX,
            counts: AuditCounts::default(),
        }
    }

    /// How comparisons ended so far.
    #[must_use]
    pub const fn counts(&self) -> AuditCounts {
        self.counts
    }

    /// Mismatches in a row of a market so far.
    #[must_use]
    pub fn strikes(&self, market: MarketId) -> u32 {
        self.replicas.get(&market.0).map_or(0, |replica| replica.strikes)
    }

    /// Whether an answer of the market waits to be compared.
    #[must_use]
    pub fn is_pending(&self, market: MarketId) -> bool {
        self.replicas.get(&market.0).is_some_and(|replica| replica.pending.is_some())
    }

    /// Takes note of events that a decoder gave.
    pub fn note(&mut self, events: &[Event]) {
        if self.log.len() + events.len() <= LOG_MAX {
            self.log.extend_from_slice(events);
            return;
        }
        self.catch_up();
        for event in events {
            self.apply(event);
        }
    }

    /// Applies what was noted. Changes nothing that can be seen from outside.
    pub fn catch_up(&mut self) {
        let mut log = core::mem::take(&mut self.log);
        for event in &log {
            self.apply(event);
        }
        log.clear();
        self.log = log;
    }

    fn apply(&mut self, event: &Event) {
        if let Body::Level { side, price_ticks, size_lots } = event.body {
            if let Some(replica) = self.replicas.get_mut(&event.market.0) {
                let keep_ns = self.settings.settle_ns.saturating_mul(5);
                replica.level(event, (side, price_ticks, size_lots), keep_ns);
            }
        } else if event.body == Body::BookClear {
            let replica = self.replicas.entry(event.market.0).or_default();
            replica.clear();
            replica.since = Some((event.recv_ns, event.seq));
        } else if let Body::BookDoubt { .. } = event.body
            && let Some(replica) = self.replicas.get_mut(&event.market.0)
        {
            replica.clear();
        }
    }

    /// Takes an HTTP book; it is compared when the settle time is over. A second one before that
    /// takes the place of the first.
    pub fn answered(&mut self, answer: Answer<'_>) {
        self.catch_up();
        let Some(replica) = self.replicas.get_mut(&answer.market.0) else { return };
        if replica.since.is_none() {
            return;
        }
        let mut sides = [BTreeMap::new(), BTreeMap::new()];
        for event in answer.levels {
            if let Body::Level { side, price_ticks, size_lots } = event.body
                && size_lots > 0
            {
                sides[side as usize].insert(price_ticks, size_lots);
            }
        }
        let mut worst = [None, None];
        for side in [Side::Bid, Side::Ask] {
            let levels = &mut sides[side as usize];
            let is_cut = levels.len() >= answer.limit || levels.len() > self.settings.levels;
            while levels.len() > self.settings.levels {
                match side {
                    Side::Bid => levels.pop_first(),
                    Side::Ask => levels.pop_last(),
                };
            }
            let last = match side {
                Side::Bid => levels.first_key_value(),
                Side::Ask => levels.last_key_value(),
            };
            worst[side as usize] = last.map(|(price, _)| *price).filter(|_| is_cut);
        }
        let due_ns = answer.recv_ns.saturating_add(self.settings.settle_ns);
        let (recv_ns, seq) = (answer.recv_ns, answer.seq);
        replica.pending = Some(Pending { due_ns, recv_ns, seq, sides, worst });
        self.due_ns = self.due_ns.min(due_ns);
    }

    /// Compares what is due at this time, before the input of this time is decoded.
    ///
    /// The owner counts mismatches and puts the books in doubt.
    #[must_use]
    pub fn due(&mut self, recv_ns: u64) -> Vec<Finding> {
        // An empty list allocates nothing.
        if recv_ns < self.due_ns { Vec::new() } else { self.compare_due(recv_ns) }
    }

    #[cold]
    fn compare_due(&mut self, recv_ns: u64) -> Vec<Finding> {
        self.catch_up();
        let mut findings = Vec::new();
        self.due_ns = u64::MAX;
        for (market, replica) in &mut self.replicas {
            let Some(pending) = &replica.pending else { continue };
            if recv_ns < pending.due_ns {
                self.due_ns = self.due_ns.min(pending.due_ns);
                continue;
            }
            let result = replica.compare(pending, self.settings.settle_ns);
            replica.pending = None;
            let market = MarketId(*market);
            match result {
                None => self.counts.inconclusive += 1,
                Some(true) => {
                    self.counts.equal += 1;
                    replica.strikes = 0;
                    findings.push(Finding { market, is_mismatch: false, is_doubt: false });
                }
                Some(false) => {
                    self.counts.mismatched += 1;
                    replica.strikes += 1;
                    let is_doubt = replica.strikes >= self.settings.strikes;
                    findings.push(Finding { market, is_mismatch: true, is_doubt });
                }
            }
        }
        findings
    }
}

impl Replica {
    /// No book any more.
    fn clear(&mut self) {
        self.sides.iter_mut().for_each(BTreeMap::clear);
        self.since = None;
        self.touched.clear();
        self.forgotten = (0, 0);
        self.pending = None;
        self.strikes = 0;
    }

    fn level(
        &mut self,
        event: &Event,
        (side, price_ticks, size_lots): (Side, u64, u64),
        keep_ns: u64,
    ) {
        let Some(since) = self.since else { return };
        let levels = &mut self.sides[side as usize];
        if size_lots > 0 {
            levels.insert(price_ticks, size_lots);
        } else {
            levels.remove(&price_ticks);
        }
        let is_of_snapshot = event.flags.has(engine_model::Flags::SNAPSHOT);
        if is_of_snapshot && (event.recv_ns, event.seq) == since {
            return;
        }
        while let Some(oldest) = self.touched.front()
            && (oldest.recv_ns.saturating_add(keep_ns) < event.recv_ns
                || self.touched.len() >= TOUCHED_MAX)
        {
            self.forgotten.0 = self.forgotten.0.max(oldest.recv_ns);
            self.forgotten.1 = self.forgotten.1.max(oldest.seq);
            self.touched.pop_front();
        }
        let (recv_ns, seq) = (event.recv_ns, event.seq);
        self.touched.push_back(Touch { recv_ns, seq, side, price_ticks });
    }

    /// Whether both books say the same; `None` where that cannot be told.
    fn compare(&self, pending: &Pending, settle_ns: u64) -> Option<bool> {
        let (since_ns, since_seq) = self.since?;
        // What changed behind this does not count: in the venue's time where there is one.
        let is_timed = pending.seq > 0;
        let edge = if is_timed { pending.seq } else { pending.recv_ns.saturating_sub(settle_ns) };
        let (since, forgotten) =
            if is_timed { (since_seq, self.forgotten.1) } else { (since_ns, self.forgotten.0) };
        if edge < since || edge < forgotten {
            return None;
        }
        let mut touched = [BTreeSet::new(), BTreeSet::new()];
        for touch in &self.touched {
            let is_later = if is_timed { touch.seq > edge } else { touch.recv_ns >= edge };
            if is_later {
                touched[touch.side as usize].insert(touch.price_ticks);
            }
        }
        let is_equal = [Side::Bid, Side::Ask].into_iter().all(|side| {
            let (mine, theirs) = (&self.sides[side as usize], &pending.sides[side as usize]);
            let mine = match (side, pending.worst[side as usize]) {
                (_, None) => mine.range(..),
                (Side::Bid, Some(worst)) => mine.range(worst..),
                (Side::Ask, Some(worst)) => mine.range(..=worst),
            };
            let counts = |row: &(&u64, &u64)| !touched[side as usize].contains(row.0);
            mine.filter(counts).eq(theirs.iter().filter(counts))
        });
        Some(is_equal)
    }
}

#[cfg(test)]
#[path = "audit_tests.rs"]
mod tests;
