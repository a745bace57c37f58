//! The current WebSocket (since 2026): differences of books in a chain of update ids, trades, best
//! prices, replies.
//!
//! Layout: this file says what a frame does, `chain` which frame follows which, `fast` reads
//! differences without allocating, `wire` reads every frame through serde.

mod chain;
mod fast;
mod typed;
mod wire;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

use connector_net::audit::{Audit, AuditCounts, AuditSettings};
use connector_net::books::{BookState, Books, FRAME_BYTES_MAX, ReadPath, Refusal};
use connector_net::decode::Stamp;
use connector_net::rates::publish_taker_fee;
use connector_net::{Decoder, Input, Markets, Odd, OddCounts, Sink};
use engine_model::{Body, DoubtReason, Flags, MarketId, Venue};

use crate::audit::Audited;
use crate::fees;
use chain::{Chain, Verdict};

/// Decodes the frames of one connection.
///
/// # Books
///
/// The `chain` module says which frame follows which. A hole puts its market alone in doubt; a frame
/// that cannot be read may have been anybody's and puts every book in doubt. A book in doubt stays so
/// until a subscription to it is sent again ([`Input::Sent`]) and its snapshot comes. `seq` of the
/// events is the update id, `venue_ns` the venue's time.
///
/// # Other messages
///
/// Trades and best prices become events. A reply with status 200 is a sign of life; one with another
/// status is counted as an error of the venue. Books that are stated whole, and private events, are
/// counted as unknown.
///
/// # HTTP
///
/// As for [`crate::GeminiDecoder`]: fees, and books to compare with.
#[derive(Clone, Debug)]
pub struct CurrentDecoder {
    markets: Markets,
    books: Books,
    /// By position in the table.
    chains: Vec<Chain>,
    counts: OddCounts,
    path: ReadPath,
    learned: fast::Learned,
    audit: Option<Audit>,
}

/// The head of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Depth {
    position: usize,
    first: u64,
    last: u64,
    /// Unit: Unix nanoseconds; 0 where it could not be read.
    venue_ns: u64,
}

/// When and where a frame came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Arrival {
    recv_ns: u64,
    line: u64,
}

const fn stamp(recv_ns: u64, venue_ns: u64, seq: u64) -> Stamp {
    Stamp { recv_ns, venue_ns, seq, venue: Venue::Gemini }
}

impl Decoder for CurrentDecoder {
    fn decode(&mut self, recv_ns: u64, line: u64, input: Input<'_>, out: &mut Sink) {
        let begin = out.events.len();
        // Nobody looks at events of what is sent.
        if !matches!(input, Input::Sent(_))
            && let Some(mut audited) = self.audited()
        {
            audited.due(stamp(recv_ns, 0, 0), line, out);
        }
        match input {
            Input::Connected | Input::Closed => {
                self.books.restart(&self.markets, stamp(recv_ns, 0, 0), out);
                self.chains.clear();
                out.close(line);
            }
            Input::Received(frame) => self.received(Arrival { recv_ns, line }, frame, out),
            Input::Http { url, body, .. } if fees::is_fees(url) => {
                let arrival = (stamp(recv_ns, 0, 0), line);
                let answer = fees::read(body);
                publish_taker_fee(answer, &self.markets, arrival, &mut self.counts, out);
            }
            Input::Http { url, body, .. } => {
                if let Some(mut audited) = self.audited() {
                    audited.answered(stamp(recv_ns, 0, 0), url, body);
                }
            }
            Input::Sent(text) => self.sent(text),
        }
        if let Some(audit) = &mut self.audit {
            audit.note(&out.events[begin..]);
        }
    }

    fn counts(&self) -> &OddCounts {
        &self.counts
    }

    fn markets(&self) -> &Markets {
        &self.markets
    }
}

impl CurrentDecoder {
    /// A decoder for a connection with these markets. The feed spells symbols in lower case, and so
    /// does the decoder's table, whatever the given one does.
    #[must_use]
    pub fn new(markets: Markets) -> Self {
        Self {
            markets: markets.respelled(str::to_ascii_lowercase),
            books: Books::default(),
            chains: Vec::new(),
            counts: OddCounts::default(),
            path: ReadPath::default(),
            learned: fast::Learned::default(),
            audit: None,
        }
    }

    /// The same, reading by this path. Events do not depend on it.
    #[must_use]
    pub const fn with_path(mut self, path: ReadPath) -> Self {
        self.path = path;
        self
    }

    /// The same, comparing every HTTP book that it is given with the one that it has made.
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

    fn audited(&mut self) -> Option<Audited<'_>> {
        let Self { markets, books, counts, audit, .. } = self;
        audit.as_mut().map(|audit| Audited { audit, markets, books, counts })
    }

    fn chain(&mut self, position: usize) -> &mut Chain {
        if self.chains.len() <= position {
            self.chains.resize(position + 1, Chain::default());
        }
        &mut self.chains[position]
    }

    fn received(&mut self, arrival: Arrival, frame: &[u8], out: &mut Sink) {
        self.counts.frames += 1;
        debug_assert_eq!(out.open_len(), 0, "a batch was left open");
        if self.path == ReadPath::FastThenTyped && frame.len() <= FRAME_BYTES_MAX {
            let read = fast::read(frame, &self.markets, arrival.recv_ns, &self.learned, out);
            if let Some(depth) = read {
                let verdict = self.judge(depth);
                self.counts.fast += u64::from(verdict != Verdict::Snapshot);
                self.note_time(arrival.recv_ns, depth.venue_ns);
                self.settle(arrival, depth, verdict, out);
                return;
            }
            out.abandon();
        }
        if let Err(refusal) = self.typed(arrival, frame, out) {
            // Nobody knows whose frame it was.
            out.abandon();
            self.counts.add(refusal.odd);
            let stamp = stamp(arrival.recv_ns, 0, 0);
            self.books.doubt_all(refusal.doubt, &self.markets, stamp, out);
            out.close(arrival.line);
        }
    }

    fn judge(&mut self, depth: Depth) -> Verdict {
        let state = self.books.state(depth.position);
        self.chain(depth.position).judge(state, depth.first, depth.last)
    }

    fn note_time(&mut self, recv_ns: u64, venue_ns: u64) {
        if recv_ns < venue_ns {
            self.counts.add(Odd::NegativeLatency);
        }
    }

    /// The levels are in the sink if the verdict has a use for them.
    fn settle(&mut self, arrival: Arrival, depth: Depth, verdict: Verdict, out: &mut Sink) {
        let Arrival { recv_ns, line } = arrival;
        let stamp = stamp(recv_ns, depth.venue_ns, depth.last);
        let market = self.markets.get(depth.position).id;
        match verdict {
            Verdict::Snapshot => {
                let start = out.events.len() - out.open_len();
                out.events.insert(start, stamp.event(market, Body::BookClear));
                for event in &mut out.events[start..] {
                    event.flags.0 |= Flags::SNAPSHOT;
                }
                self.books.snapshot(depth.position, &mut self.counts);
            }
            Verdict::Apply => {
                if out.open_len() == 0 {
                    out.push(stamp, market, Body::Timer);
                }
            }
            Verdict::Copy => {
                out.abandon();
                self.counts.add(Odd::SequenceRepeat);
            }
            Verdict::Early => {
                out.abandon();
                self.counts.add(Odd::BeforeSnapshot);
            }
            Verdict::Gap => {
                out.abandon();
                self.counts.add(Odd::SequenceGap);
                let reason = DoubtReason::SequenceGap;
                self.books.doubt(depth.position, reason, &self.markets, stamp, out);
            }
            Verdict::Backwards => self.refuse(arrival, depth.position, Refusal::BAD_SHAPE, out),
        }
        out.close(line);
    }

    /// One market's frame was of no use.
    fn refuse(&mut self, arrival: Arrival, position: usize, refusal: Refusal, out: &mut Sink) {
        out.abandon();
        self.counts.add(refusal.odd);
        if self.books.state(position) != BookState::Doubted {
            let stamp = stamp(arrival.recv_ns, 0, 0);
            self.books.doubt(position, refusal.doubt, &self.markets, stamp, out);
        }
        out.close(arrival.line);
    }

    /// A subscription that we send begins a book anew. What else we send does nothing.
    fn sent(&mut self, text: &[u8]) {
        let Ok(request) = serde_json::from_slice::<wire::Request<'_>>(text) else { return };
        if !request.method.0.eq_ignore_ascii_case("subscribe") {
            return;
        }
        for stream in &request.params {
            let Some((symbol, "depth" | "depth@100ms")) = stream.0.split_once('@') else {
                continue;
            };
            let Some(position) = self.markets.find(symbol.as_bytes()) else { continue };
            self.chain(position).subscribed();
            if self.books.state(position) == BookState::Doubted {
                self.books.set(position, BookState::Empty);
            }
        }
    }
}
