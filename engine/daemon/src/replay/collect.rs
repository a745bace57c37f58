//! Adds up what the core says: per pair, per code, opportunities, near misses, and one hash over
//! everything in order.

use std::collections::BTreeMap;

use engine_core::execution::Outcome;
use engine_core::market::book::{Book, BookState};
use engine_core::market::pool::PoolState;
use engine_core::market::world::Market;
use engine_core::outbox::{Decided, Decision, Fate, TradeEnd, Warning};
use engine_core::risk::halt::Change;
use engine_core::signal::evaluation::{Code, Evaluation};
use engine_core::signal::opportunity::Opportunity;
use engine_core::{Core, Output};
use engine_model::Side;

/// Ended opportunities kept with their figures; beyond, they are only counted.
const KEPT_MAX: usize = 100_000;

/// No decision is larger in its recorded form: the largest holds two looks of some 400 bytes.
pub const DECISION_BYTES_MAX: usize = 4_096;

/// Figures of one ordered pair.
#[derive(Clone, Debug, Default)]
pub struct PairFigures {
    /// Evaluations by code.
    pub codes: [u64; Code::ALL.len()],
    /// Evaluations that priced the touch, by gross edge in parts per million.
    pub gross_ppm: BTreeMap<i64, u64>,
    /// The same by net edge.
    pub net_ppm: BTreeMap<i64, u64>,
    /// Gross above zero.
    pub candidates: u64,
    /// Candidates with net at or below zero.
    pub near_misses: u64,
    /// The near miss that lost least.
    pub nearest: Option<Evaluation>,
    /// Opportunities that opened.
    pub opportunities: u64,
}

impl PairFigures {
    /// Looks at the pair.
    #[must_use]
    pub fn evaluations(&self) -> u64 {
        self.codes.iter().sum()
    }

    fn add(&mut self, evaluation: &Evaluation) {
        self.codes[evaluation.code as usize] += 1;
        if evaluation.code.is_unevaluated() {
            return;
        }
        *self.gross_ppm.entry(evaluation.edge_gross_ppm).or_default() += 1;
        *self.net_ppm.entry(evaluation.edge_net_ppm).or_default() += 1;
        self.candidates += u64::from(evaluation.is_candidate());
        if evaluation.is_near_miss() {
            self.near_misses += 1;
            if self.nearest.is_none_or(|nearest| nearest.net < evaluation.net) {
                self.nearest = Some(*evaluation);
            }
        }
    }
}

/// The value below or at which `percent` of all observations lie, by nearest rank.
#[must_use]
pub fn percentile(counts: &BTreeMap<i64, u64>, percent: u64) -> Option<i64> {
    let total: u64 = counts.values().sum();
    let rank = (total * percent).div_ceil(100).max(1);
    let mut seen = 0;
    counts.iter().find_map(|(value, count)| {
        seen += count;
        (seen >= rank).then_some(*value)
    })
}

/// State of one market at the end.
#[derive(Clone, Debug)]
pub struct MarketFigures {
    /// `live`, `empty`, or the doubt's name.
    pub state: &'static str,
    /// Levels of the bid side, of a book.
    pub bids: usize,
    /// Levels of the ask side, of a book.
    pub asks: usize,
    /// Best bid, in ticks.
    pub best_bid_ticks: Option<u64>,
    /// Best ask, in ticks.
    pub best_ask_ticks: Option<u64>,
    /// Square-root price, of a pool.
    pub sqrt_price: Option<u128>,
    /// Current tick, of a pool.
    pub tick: Option<i32>,
    /// Times it went into doubt.
    pub doubts: u64,
    /// Deletes of levels that were not there.
    pub deletes_of_missing: u64,
    /// Largest work of a single event, of a book: levels moved between its parts, far entries
    /// shifted, bitmap words scanned. Each is a maximum of its own.
    pub worst_step: Option<[u64; 3]>,
}

/// Everything the core of one part said.
pub struct Collector {
    hasher: blake3::Hasher,
    /// By pair index.
    pub pairs: Vec<PairFigures>,
    /// In order of ending; those open at the end follow.
    pub opportunities: Vec<(Opportunity, Fate)>,
    /// Opportunities that did not end.
    pub open_at_end: usize,
    /// All opportunities.
    pub opportunities_count: u64,
    /// Lifetimes of all ended opportunities. Unit: nanoseconds.
    pub durations_ns: Vec<u64>,
    /// Evaluations.
    pub evaluations: u64,
    /// Decisions.
    pub decisions: u64,
    /// What became of the opportunities that ended, by name.
    pub fates: BTreeMap<&'static str, u64>,
    /// Refusals by reason; one opportunity may have several.
    pub refusals: BTreeMap<String, u64>,
    /// Trades that ended, in order.
    pub trades: Vec<TradeEnd>,
    /// All of them.
    pub trades_count: u64,
    /// By outcome.
    pub outcomes: [u64; Outcome::ALL.len()],
    /// Trades that did not end: left out of every result.
    pub trades_open_at_end: usize,
    /// Halts latched and cleared, with the core's time.
    pub halts: Vec<(u64, Change)>,
    /// Warnings, with the core's time.
    pub warnings: Vec<(u64, Warning)>,
    buffer: Box<[u8; DECISION_BYTES_MAX]>,
}

impl Collector {
    /// For a core with this many pairs.
    #[must_use]
    pub fn new(pairs: usize) -> Self {
        Self {
            hasher: blake3::Hasher::new(),
            pairs: vec![PairFigures::default(); pairs],
            opportunities: Vec::new(),
            open_at_end: 0,
            opportunities_count: 0,
            durations_ns: Vec::new(),
            evaluations: 0,
            decisions: 0,
            fates: BTreeMap::new(),
            refusals: BTreeMap::new(),
            trades: Vec::new(),
            trades_count: 0,
            outcomes: [0; Outcome::ALL.len()],
            trades_open_at_end: 0,
            halts: Vec::new(),
            warnings: Vec::new(),
            buffer: Box::new([0; DECISION_BYTES_MAX]),
        }
    }

    /// Takes the statements of one step.
    pub fn take(&mut self, outputs: &[Output]) {
        for output in outputs {
            match output {
                Output::Evaluated(evaluation) => {
                    self.evaluations += 1;
                    hash_evaluation(&mut self.hasher, evaluation);
                    self.pairs[evaluation.pair.index()].add(evaluation);
                }
                Output::Decided(decided) => self.decided(decided),
            }
        }
    }

    fn decided(&mut self, decided: &Decided) {
        self.decisions += 1;
        let bytes = postcard::to_slice(decided, &mut self.buffer[..]);
        let bytes = bytes.expect("Invariant: no decision is larger than the buffer");
        self.hasher.update(b"d").update(bytes);
        match &decided.decision {
            Decision::Opened { .. } => self.opportunities_count += 1,
            Decision::Closed { opportunity, fate } => self.ended(opportunity, *fate),
            Decision::Refused(refusal) => {
                let reason = match refusal.halt {
                    Some(halt) => format!("halted: {}", halt.name()),
                    None => refusal.denial.check.name().to_owned(),
                };
                *self.refusals.entry(reason).or_default() += 1;
            }
            Decision::Ended(end) => {
                self.trades_count += 1;
                self.outcomes[end.outcome as usize] += 1;
                if self.trades.len() < KEPT_MAX {
                    self.trades.push(*end);
                }
            }
            Decision::Halt(change) => {
                if self.halts.len() < KEPT_MAX {
                    self.halts.push((decided.at_ns, *change));
                }
            }
            Decision::Warned(warning) => {
                if self.warnings.len() < KEPT_MAX {
                    self.warnings.push((decided.at_ns, *warning));
                }
            }
            Decision::Approved { .. }
            | Decision::Sent(_)
            | Decision::Answered { .. }
            | Decision::HedgeRefused { .. }
            | Decision::Suspect(_)
            | Decision::CommandTaken(_)
            | Decision::CommandRefused { .. }
            | Decision::Contradiction(_)
            | Decision::Checkpoint(_) => (),
        }
    }

    fn ended(&mut self, opportunity: &Opportunity, fate: Fate) {
        self.pairs[opportunity.pair.index()].opportunities += 1;
        *self.fates.entry(fate.name()).or_default() += 1;
        if self.opportunities.len() < KEPT_MAX {
            self.opportunities.push((*opportunity, fate));
            self.durations_ns.push(opportunity.duration_ns());
        }
    }

    /// Takes the final state. Returns the markets and the hash over everything.
    pub fn finish(&mut self, core: &Core) -> (Vec<MarketFigures>, [u8; 32]) {
        for opportunity in core.still_open() {
            let bytes = postcard::to_slice(opportunity, &mut self.buffer[..]);
            let bytes = bytes.expect("Invariant: no opportunity is larger than the buffer");
            self.hasher.update(b"e").update(bytes);
            self.pairs[opportunity.pair.index()].opportunities += 1;
            self.open_at_end += 1;
            self.opportunities.push((*opportunity, core.fate_of(opportunity)));
        }
        for trade in core.desk().trades() {
            let bytes = postcard::to_slice(trade, &mut self.buffer[..]);
            let bytes = bytes.expect("Invariant: no trade is larger than the buffer");
            self.hasher.update(b"t").update(bytes);
            self.trades_open_at_end += 1;
        }
        self.hasher.update(&core.digest().to_le_bytes());
        let markets: Vec<MarketFigures> = core.markets().iter().map(figures).collect();
        for market in &markets {
            let text = format!("{market:?}");
            self.hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
        }
        self.hasher.update(&core.seq().to_le_bytes());
        (markets, *self.hasher.finalize().as_bytes())
    }
}

fn figures(market: &Market) -> MarketFigures {
    match market {
        Market::Book(book) => {
            let state = match book.state() {
                BookState::Empty => "empty",
                BookState::Live => "live",
                BookState::Doubt(reason) => reason.name(),
            };
            let best = |side| book.book().best(side).map(|level| level.price_ticks);
            let counts = book.counts();
            MarketFigures {
                state,
                bids: book.book().count(Side::Bid),
                asks: book.book().count(Side::Ask),
                best_bid_ticks: best(Side::Bid),
                best_ask_ticks: best(Side::Ask),
                sqrt_price: None,
                tick: None,
                doubts: engine_model::DoubtReason::ALL
                    .into_iter()
                    .map(|reason| counts.quarantines_for(reason))
                    .sum(),
                deletes_of_missing: counts.deletes_of_missing,
                worst_step: Some(worst_step(book.book())),
            }
        }
        Market::Pool(pool) => MarketFigures {
            state: match pool.state() {
                PoolState::Empty => "empty",
                PoolState::Live => "live",
                PoolState::Provisional => "provisional",
                PoolState::Doubt(reason) => reason.name(),
            },
            bids: 0,
            asks: 0,
            best_bid_ticks: None,
            best_ask_ticks: None,
            sqrt_price: pool.pool().map(|pool| pool.sqrt_price),
            tick: pool.pool().map(|pool| pool.tick_current_index),
            doubts: pool.doubts(),
            deletes_of_missing: 0,
            worst_step: None,
        },
    }
}

fn worst_step(book: &Book) -> [u64; 3] {
    let worst = book.worst_step();
    [worst.levels_moved, worst.entries_shifted, worst.words_scanned].map(u64::from)
}

/// Every field in a fixed order, little-endian.
fn hash_evaluation(hasher: &mut blake3::Hasher, evaluation: &Evaluation) {
    let mut bytes = [0_u8; 256];
    let mut at = 0;
    let mut put = |field: &[u8]| {
        bytes[at..at + field.len()].copy_from_slice(field);
        at += field.len();
    };
    put(&evaluation.pair.0.to_le_bytes());
    put(&[evaluation.code as u8]);
    put(&evaluation.seq.to_le_bytes());
    put(&evaluation.at_ns.to_le_bytes());
    put(&evaluation.edge_gross_ppm.to_le_bytes());
    put(&evaluation.edge_net_ppm.to_le_bytes());
    if evaluation.base_atoms > 0 {
        put(&evaluation.base_atoms.to_le_bytes());
        put(&evaluation.net.to_le_bytes());
        for (_, part) in evaluation.waterfall.parts() {
            put(&part.to_le_bytes());
        }
        put(&evaluation.buy_limit_ticks.to_le_bytes());
        put(&evaluation.sell_limit_ticks.to_le_bytes());
    }
    hasher.update(&bytes[..at]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_by_nearest_rank() {
        let counts: BTreeMap<i64, u64> = [(-5, 1), (0, 8), (7, 1)].into();
        for (percent, value) in [(0, -5), (5, -5), (10, -5), (11, 0), (50, 0), (90, 0), (91, 7)] {
            assert_eq!(percentile(&counts, percent), Some(value), "{percent} %");
        }
        assert_eq!(percentile(&BTreeMap::new(), 50), None);
    }
}
