//! What a journal tells of a scenario, and what must hold in every one.

use std::collections::BTreeMap;
use std::path::Path;

use config::Config;
use connector_emulator::serve::FaultStatus;
use connector_net::session::{Cause, LinkView};
use engine_core::outbox::{Decided, Decision};
use engine_daemon::demo::books;
use engine_daemon::journal::runs;
use engine_daemon::journal::verify::verify;
use engine_daemon::live::session::Ended;
use engine_journal::{Reader, batch, records};
use engine_model::event::joined;
use engine_model::{Body, DoubtReason, Event, MarketId, PairId, Side};
use serde_json::Value;

/// A time in which a market must not be used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Doubt {
    /// Which.
    pub(crate) market: MarketId,
    /// Why.
    pub(crate) reason: DoubtReason,
    /// Market time. Unit: Unix nanoseconds.
    pub(crate) from_ns: u64,
    /// To its next snapshot; none: there came none.
    pub(crate) until_ns: Option<u64>,
    /// How often it was said before the next snapshot came.
    pub(crate) said: u64,
}

/// What happened.
pub(crate) struct Story {
    /// What must not be.
    pub(crate) problems: Vec<String>,
    /// Times in which markets must not be used, in order of their beginning.
    pub(crate) doubts: Vec<Doubt>,
    /// Events that `Gap`s of the journal name.
    pub(crate) gap_events: u64,
    /// Gaps of the journal.
    pub(crate) gaps: u64,
    /// When each market's data changed. Unit: Unix nanoseconds.
    pub(crate) changes: BTreeMap<u16, Vec<u64>>,
    /// Opportunities opened, plans approved and orders sent.
    pub(crate) decisions: u64,
    /// What the run left.
    pub(crate) ended: Ended,
    /// Whether the machine stood still.
    pub(crate) has_stalled: bool,
    /// Since when prices stood still. Unit: Unix nanoseconds.
    pub(crate) frozen_ns: u64,
    /// The faults with how often each was met.
    pub(crate) faults: Vec<FaultStatus>,
    /// What the engine said.
    pub(crate) said: Vec<String>,
}

/// One market while the journal is read.
#[derive(Default)]
struct Book {
    sides: [BTreeMap<u64, u64>; 2],
    /// Square-root price and current tick of a pool.
    pool: Option<(u128, i32)>,
    /// Index in the list of doubts; none: it may be used.
    doubt: Option<usize>,
    has_begun: bool,
}

impl Book {
    fn told(&self) -> books::Told {
        books::Told {
            sides: self.sides.clone(),
            pool: self.pool,
            is_doubted: !self.has_begun || self.doubt.is_some(),
            events: 1,
        }
    }

    fn is_crossed(&self) -> bool {
        let bid = self.sides[0].last_key_value();
        let ask = self.sides[1].first_key_value();
        bid.zip(ask).is_some_and(|((bid, _), (ask, _))| bid >= ask)
    }
}

struct Walk {
    books: Vec<Book>,
    pairs: Vec<(PairId, [MarketId; 2])>,
    doubts: Vec<Doubt>,
    gap_events: u64,
    gaps: u64,
    changes: BTreeMap<u16, Vec<u64>>,
    decisions: u64,
    /// When each trade was approved.
    approved: BTreeMap<u64, u64>,
    problems: Vec<String>,
}

impl Walk {
    fn doubt(&mut self, market: MarketId, reason: DoubtReason, at_ns: u64) {
        let Some(book) = self.books.get_mut(market.index()) else { return };
        if let Some(known) = book.doubt {
            self.doubts[known].said += 1;
        } else {
            book.doubt = Some(self.doubts.len());
            let doubt = Doubt { market, reason, from_ns: at_ns, until_ns: None, said: 1 };
            self.doubts.push(doubt);
        }
    }

    fn event(&mut self, event: &Event) {
        let market = event.market;
        match event.body {
            Body::BookDoubt { reason } => self.doubt(market, reason, event.recv_ns),
            Body::Gap { events, .. } => {
                self.gaps += 1;
                self.gap_events += events;
                self.doubt(market, DoubtReason::Lost, event.recv_ns);
            }
            Body::BookClear => {
                let Some(book) = self.books.get_mut(market.index()) else { return };
                book.sides = Default::default();
                book.has_begun = true;
                if let Some(known) = book.doubt.take() {
                    self.doubts[known].until_ns = Some(event.recv_ns);
                }
                self.changes.entry(market.0).or_default().push(event.recv_ns);
            }
            Body::Level { side, price_ticks, size_lots } => {
                let Some(book) = self.books.get_mut(market.index()) else { return };
                let levels = &mut book.sides[usize::from(side == Side::Ask)];
                if size_lots == 0 {
                    levels.remove(&price_ticks);
                } else {
                    levels.insert(price_ticks, size_lots);
                }
                self.changes.entry(market.0).or_default().push(event.recv_ns);
            }
            Body::PoolPrice { sqrt_price_hi, sqrt_price_lo, .. } => {
                let Some(book) = self.books.get_mut(market.index()) else { return };
                let price = joined([sqrt_price_lo, u64::from(sqrt_price_hi)]);
                book.pool = Some((price, book.pool.map_or(0, |(_, tick)| tick)));
                self.changes.entry(market.0).or_default().push(event.recv_ns);
            }
            // A pool that nobody trades with stands still; the chain's slots show that it is followed.
            Body::Slot { .. } if market.index() < self.books.len() => {
                self.changes.entry(market.0).or_default().push(event.recv_ns);
            }
            Body::PoolMeta { tick_current_index, .. } => {
                let Some(book) = self.books.get_mut(market.index()) else { return };
                book.pool = Some((book.pool.map_or(0, |(price, _)| price), tick_current_index));
            }
            Body::Slot { .. }
            | Body::Trade { .. }
            | Body::Ticker { .. }
            | Body::Heartbeat { .. }
            | Body::Status { .. }
            | Body::TickArrayBegin { .. }
            | Body::Tick { .. }
            | Body::OracleConstants { .. }
            | Body::OracleVariables { .. }
            | Body::Param { .. }
            | Body::Timer
            | Body::Clock { .. }
            | Body::Command(_)
            | Body::Engine { .. } => {}
        }
    }

    /// A whole batch: whoever is crossed behind it may not be used.
    fn batch(&mut self, events: &[Event]) {
        for event in events {
            self.event(event);
        }
        let mut last = Event::NO_MARKET;
        for event in events {
            if event.market == last {
                continue;
            }
            last = event.market;
            let is_crossed = self.books.get(last.index()).is_some_and(Book::is_crossed);
            let is_known = self.books.get(last.index()).is_some_and(|book| book.doubt.is_some());
            if is_crossed && !is_known {
                self.doubt(last, DoubtReason::Crossed, event.recv_ns);
            }
        }
    }

    fn used(&mut self, what: &str, market: MarketId, at_ns: u64, seq: u64) {
        let Some(book) = self.books.get(market.index()) else { return };
        if !book.has_begun || book.doubt.is_some() {
            let doubt = book.doubt.map(|known| self.doubts[known]);
            self.problems.push(format!(
                "record {seq} at {at_ns}: {what} on market {} that is in doubt: {doubt:?}",
                market.0
            ));
        }
    }

    fn pair(&mut self, what: &str, pair: PairId, decided: &Decided) {
        self.decisions += 1;
        let legs = self.pairs.iter().find(|(id, _)| *id == pair).map(|(_, legs)| *legs);
        for market in legs.into_iter().flatten() {
            self.used(what, market, decided.at_ns, decided.seq);
        }
    }

    fn decided(&mut self, decided: &Decided) {
        match &decided.decision {
            Decision::Opened { look, .. } => self.pair("an opportunity opened", look.pair, decided),
            Decision::Approved { trade, plan } => {
                self.approved.insert(*trade, decided.at_ns);
                self.pair("a plan approved", plan.pair, decided);
            }
            Decision::Sent(order) => {
                // A trade that was under way before the doubt is brought to its end.
                let approved_ns = self.approved.get(&order.id().trade).copied();
                let book = self.books.get(order.market().index());
                let doubt = book.and_then(|book| book.doubt).map(|known| self.doubts[known]);
                if doubt.zip(approved_ns).is_some_and(|(doubt, at_ns)| at_ns <= doubt.from_ns) {
                    return;
                }
                let what = format!("an order sent ({})", order.purpose().name());
                self.used(&what, order.market(), decided.at_ns, decided.seq);
            }
            Decision::Closed { .. }
            | Decision::Refused(_)
            | Decision::Answered { .. }
            | Decision::HedgeRefused { .. }
            | Decision::Ended(_)
            | Decision::Halt(_)
            | Decision::Warned(_)
            | Decision::Suspect(_)
            | Decision::CommandTaken(_)
            | Decision::CommandRefused { .. }
            | Decision::Contradiction(_)
            | Decision::Checkpoint(_) => {}
        }
    }
}

impl Story {
    /// Reads a run's journal: what it says of doubts and decisions, whether it verifies, and whether
    /// its books are the venues'.
    pub(crate) fn read(
        config: &Config,
        dir: &Path,
        (begin_seq, until_ns): (u64, u64),
        truth: &Value,
        ended: Ended,
    ) -> Self {
        let tables = &ended.report.tables;
        let market_of =
            |instrument: engine_model::InstrumentId| tables.instruments[instrument.index()].market;
        let pairs = ended.report.pairs.iter();
        let pairs = pairs.map(|pair| (pair.id, [market_of(pair.buy), market_of(pair.sell)]));
        let mut walk = Walk {
            books: config.markets.iter().map(|_| Book::default()).collect(),
            pairs: pairs.collect(),
            doubts: Vec::new(),
            gap_events: 0,
            gaps: 0,
            changes: BTreeMap::new(),
            decisions: 0,
            approved: BTreeMap::new(),
            problems: Vec::new(),
        };
        let mut reader = Reader::open_from(&runs::disk(), dir, begin_seq).expect("a journal");
        let mut events = Vec::new();
        while let Some(record) = reader.next_record().expect("a sound journal") {
            match record.head.kind {
                records::BATCH => {
                    events.clear();
                    batch::decode(record.payload, &mut events).expect("a sound batch");
                    events.retain(|event| event.recv_ns <= until_ns);
                    walk.batch(&events);
                }
                records::DECISION if record.head.time_ns <= until_ns => {
                    let decided = records::decode_decision(record.payload);
                    walk.decided(&decided.expect("a sound decision"));
                }
                _ => {}
            }
        }
        let mut problems = core::mem::take(&mut walk.problems);
        if !ended.is_recorded {
            problems.push("not everything was recorded".to_owned());
        }
        match verify(dir, None) {
            Ok(found) if found.is_identical() => {}
            Ok(found) => problems.push(format!("the journal does not verify: {found:?}")),
            Err(failure) => problems.push(format!("the journal: {failure:?}")),
        }
        let grids = books::grids_of(dir, begin_seq).expect("the run's grids");
        let told: Vec<books::Told> = walk.books.iter().map(Book::told).collect();
        for compared in books::compare(config, &grids, &told, truth) {
            if let Some(differs) = compared.differs {
                problems.push(format!("{} differs from its venue: {differs}", compared.market));
            }
        }
        Self {
            problems,
            doubts: walk.doubts,
            gap_events: walk.gap_events,
            gaps: walk.gaps,
            changes: walk.changes,
            decisions: walk.decisions,
            ended,
            has_stalled: false,
            frozen_ns: 0,
            faults: Vec::new(),
            said: Vec::new(),
        }
    }

    /// A link by name, as it was at the end.
    pub(crate) fn link(&self, name: &str) -> &LinkView {
        let found = self.ended.links.iter().find(|view| view.name == name);
        found.expect("every link leaves its picture")
    }

    /// Doubts of these markets that began from a moment on.
    pub(crate) fn doubts_since(&self, markets: &[MarketId], from_ns: u64) -> Vec<Doubt> {
        let is_it = |doubt: &&Doubt| markets.contains(&doubt.market) && doubt.from_ns >= from_ns;
        self.doubts.iter().filter(is_it).copied().collect()
    }

    /// Changes of a market within a time.
    pub(crate) fn changes_within(&self, market: MarketId, from_ns: u64, until_ns: u64) -> usize {
        let Some(times) = self.changes.get(&market.0) else { return 0 };
        times.iter().filter(|at| (from_ns..until_ns).contains(at)).count()
    }

    /// The links in one line each, for whoever reads a failure.
    pub(crate) fn links_line(&self) -> String {
        let one = |view: &LinkView| {
            let ends = Cause::ALL.into_iter().filter(|cause| view.counts.ended(*cause) > 0);
            let ends: Vec<String> = ends
                .map(|cause| format!("{}={}", cause.name(), view.counts.ended(cause)))
                .collect();
            let odd = connector_net::Odd::ALL.into_iter().filter(|odd| view.odd.get(*odd) > 0);
            let odd: Vec<String> =
                odd.map(|odd| format!("{}={}", odd.name(), view.odd.get(odd))).collect();
            format!(
                "\n  {}: opens={} doubts={} resyncs={} fetches={}/{} lost={} ends[{}] odd[{}] {}",
                view.name,
                view.counts.opens,
                view.counts.doubts,
                view.counts.resyncs,
                view.counts.fetches,
                view.counts.fetches_failed,
                view.counts.lost_events,
                ends.join(" "),
                odd.join(" "),
                view.last_error,
            )
        };
        self.ended.links.iter().map(one).collect()
    }
}
