//! REST books: what is joined, and what is compared.

use connector_net::Odd;
use connector_net::Sink;
use connector_net::audit::{Answer, Audit, AuditCounts, AuditSettings};
use connector_net::books::{
    BookState, FRAME_BYTES_MAX, FRAME_LEVELS_MAX, ReadPath, Refusal, frame_text,
};
use engine_model::{DoubtReason, Event, Flags, MarketId};

use super::{BitstampDecoder, stamp};
use crate::fast;
use crate::request::{Purpose, purpose, symbol};

impl BitstampDecoder {
    /// The same, comparing every REST book that was asked for with that purpose
    /// ([`Purpose::Audit`]) with the book that it has made.
    #[must_use]
    pub fn with_audit(mut self, settings: AuditSettings) -> Self {
        self.audit = Some(Audit::new(settings));
        self
    }

    /// How comparisons ended; all zero where nothing is compared.
    #[must_use]
    pub fn audit_counts(&self) -> AuditCounts {
        self.audit.as_ref().map_or_else(AuditCounts::default, Audit::counts)
    }

    /// Comparisons of a market that failed in a row.
    #[must_use]
    pub fn audit_strikes(&self, market: MarketId) -> u32 {
        self.audit.as_ref().map_or(0, |audit| audit.strikes(market))
    }

    /// Does the work for comparisons that frames have put off. Events do not depend on it.
    pub fn catch_up(&mut self) {
        if let Some(audit) = &mut self.audit {
            audit.catch_up();
        }
    }

    /// Whether a market's book stands, joined and without doubt.
    #[must_use]
    pub fn is_live(&self, market: MarketId) -> bool {
        let position = self.markets.list().iter().position(|known| known.id == market);
        position.is_some_and(|position| self.books.state(position) == BookState::Live)
    }

    /// Puts books in doubt that comparisons have found wrong.
    pub(super) fn audit_due(&mut self, recv_ns: u64, line: u64, out: &mut Sink) {
        let Some(audit) = &mut self.audit else { return };
        for finding in audit.due(recv_ns) {
            if finding.is_mismatch {
                self.counts.add(Odd::AuditMismatch);
            }
            let mut list = self.markets.list().iter();
            let Some(position) = list.position(|market| market.id == finding.market) else {
                continue;
            };
            if finding.is_doubt && self.books.state(position) == BookState::Live {
                // Diffs were lost, whenever that was.
                self.lose(position, DoubtReason::SequenceGap, stamp(recv_ns, 0), out);
            }
        }
        out.close(line);
    }

    pub(super) fn answered(
        &mut self,
        recv_ns: u64,
        line: u64,
        url: &str,
        body: &[u8],
        out: &mut Sink,
    ) {
        debug_assert_eq!(out.open_len(), 0, "a batch was left open");
        let Some(symbol) = symbol(url) else { return };
        let Some(position) = self.position(symbol) else { return };
        let purpose = purpose(url);
        if matches!(purpose, Purpose::Audit(_)) && self.audit.is_none() {
            return;
        }
        match self.read_snapshot(recv_ns, position, body, out) {
            Ok(micros) => match purpose {
                Purpose::Audit(_) => self.compare(recv_ns, position, micros, out),
                Purpose::Join(asked_ns) => {
                    let is_good = self.join(position).accepts_asked(micros, asked_ns);
                    self.snapshot(recv_ns, line, (position, micros), is_good, out);
                }
                Purpose::Unknown => {
                    let is_good = self.join(position).accepts(micros);
                    self.snapshot(recv_ns, line, (position, micros), is_good, out);
                }
            },
            Err((refusal, micros)) => {
                // The diffs go on: a book that is live is not harmed by an answer of no use,
                // unless its values contradict the grid that its own levels were read with.
                out.abandon();
                self.counts.add(refusal.odd);
                if let Some(micros) = micros {
                    let stamp = stamp(recv_ns, micros);
                    self.books.doubt(position, refusal.doubt, &self.markets, stamp, out);
                }
                out.close(line);
            }
        }
    }

    /// Hands the levels in the sink to the comparison.
    fn compare(&mut self, recv_ns: u64, position: usize, micros: u64, out: &mut Sink) {
        self.newest_micros = self.newest_micros.max(micros);
        let start = out.events.len() - out.open_len();
        if let Some(audit) = &mut self.audit {
            let market = self.markets.get(position).id;
            let (levels, limit) = (&out.events[start..], FRAME_LEVELS_MAX);
            audit.answered(Answer { market, recv_ns, seq: micros, levels, limit });
        }
        out.abandon();
    }

    fn read_snapshot(
        &mut self,
        recv_ns: u64,
        position: usize,
        body: &[u8],
        out: &mut Sink,
    ) -> Result<u64, (Refusal, Option<u64>)> {
        let market = self.markets.get(position);
        if self.path == ReadPath::FastThenTyped && body.len() <= FRAME_BYTES_MAX {
            let read = fast::read_snapshot(body, market.id, &market.grid, recv_ns, out);
            if let Some(micros) = read {
                return Ok(micros);
            }
            out.abandon();
        }
        let text = frame_text(body).map_err(|refusal| (refusal, None))?;
        self.levels(recv_ns, position, Some(text), Flags(Flags::SNAPSHOT), out)
    }

    /// Takes a REST book whose levels are in the sink, if it is good, and then the diffs that
    /// follow it.
    fn snapshot(
        &mut self,
        recv_ns: u64,
        line: u64,
        (position, micros): (usize, u64),
        is_good: bool,
        out: &mut Sink,
    ) {
        if !is_good {
            self.counts.add(Odd::StaleUpdate);
            out.abandon();
            return;
        }
        self.newest_micros = self.newest_micros.max(micros);
        if recv_ns < micros * 1_000 {
            self.counts.add(Odd::NegativeLatency);
        }
        self.books.snapshot(position, &mut self.counts);
        out.close(line);
        let join = self.join(position);
        join.joined(micros, recv_ns);
        let mut held = core::mem::take(&mut join.held);
        let mut events = core::mem::take(&mut join.held_events);
        // Sizes are absolute: in the venue's order, whatever the order of arrival was.
        held.sort_by_key(|diff| diff.micros);
        for diff in &held {
            for event in &events[diff.start..diff.end] {
                out.events.push(Event { recv_ns, ..*event });
            }
            self.apply(recv_ns, diff.line, position, diff.micros, out);
        }
        self.held_levels -= events.len();
        held.clear();
        events.clear();
        let join = self.join(position);
        (join.held, join.held_events) = (held, events);
    }
}
