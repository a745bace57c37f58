//! Measuring: histograms per stage of the way from bytes to signals.
//!
//! Deliberately absent: anything the core could read. The core tells a write-only probe where it
//! is; clocks and histograms stay on this side. Start reading at [`StageHistograms`].

use hdrhistogram::Histogram;

/// A stretch of the way from bytes to signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// One recorded input to events.
    Decode = 0,
    /// From the decoder's commit to the core's take.
    Ring = 1,
    /// One batch applied to books and pools.
    Book = 2,
    /// Cached paths of the pools of one batch rebuilt.
    Quote = 3,
    /// All pairs of one batch evaluated.
    Signal = 4,
    /// What the signal let pass taken through risk and into trades, of one batch.
    Risk = 5,
    /// One batch through all of the core, with what is handed to the journal.
    Step = 6,
    /// One commit of the journal: written, chained and, where asked for, synced.
    Journal = 7,
    /// Live: from the moment the bytes left the socket to the end of the core's step over them.
    Wire = 8,
}

impl Stage {
    /// Every stage, in the order of the way.
    pub const ALL: [Self; 9] = [
        Self::Decode,
        Self::Ring,
        Self::Book,
        Self::Quote,
        Self::Signal,
        Self::Risk,
        Self::Step,
        Self::Journal,
        Self::Wire,
    ];

    /// The name used in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::Ring => "ring",
            Self::Book => "book",
            Self::Quote => "quote",
            Self::Signal => "signal",
            Self::Risk => "risk",
            Self::Step => "step",
            Self::Journal => "journal",
            Self::Wire => "wire",
        }
    }
}

/// Longest duration told apart: one minute. Longer ones count as this. Unit: nanoseconds.
const LONGEST_NS: u64 = 60_000_000_000;

/// One histogram per stage, 1 ns to one minute with two significant digits.
#[derive(Clone, Debug)]
pub struct StageHistograms {
    stages: [Histogram<u64>; Stage::ALL.len()],
}

/// What is reported of one stage. Unit: nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StageSummary {
    /// Which.
    pub stage: Stage,
    /// Measurements.
    pub count: u64,
    /// Median.
    pub p50_ns: u64,
    /// 9 of 10 are no longer.
    pub p90_ns: u64,
    /// 99 of 100 are no longer.
    pub p99_ns: u64,
    /// 999 of 1,000 are no longer.
    pub p999_ns: u64,
    /// Longest.
    pub max_ns: u64,
}

impl Default for StageHistograms {
    fn default() -> Self {
        Self::new()
    }
}

impl StageHistograms {
    /// Empty histograms. All memory is allocated here.
    ///
    /// # Panics
    ///
    /// Never: the bounds are constants that the histogram accepts.
    #[must_use]
    pub fn new() -> Self {
        let histogram = || {
            Histogram::new_with_bounds(1, LONGEST_NS, 2)
                .expect("Invariant: constant bounds are valid")
        };
        Self { stages: core::array::from_fn(|_| histogram()) }
    }

    /// Adds one measurement.
    pub fn record(&mut self, stage: Stage, duration_ns: u64) {
        self.stages[stage as usize].saturating_record(duration_ns.clamp(1, LONGEST_NS));
    }

    /// Forgets every measurement, keeps the memory.
    pub fn clear(&mut self) {
        for stage in &mut self.stages {
            stage.reset();
        }
    }

    /// Adds another's measurements to these.
    ///
    /// # Panics
    ///
    /// Never: all have the same bounds.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.stages.iter_mut().zip(&other.stages) {
            mine.add(theirs).expect("Invariant: all histograms have the same bounds");
        }
    }

    /// The stages that were measured.
    pub fn summaries(&self) -> impl Iterator<Item = StageSummary> + '_ {
        Stage::ALL.into_iter().zip(&self.stages).filter(|(_, histogram)| !histogram.is_empty()).map(
            |(stage, histogram)| StageSummary {
                stage,
                count: histogram.len(),
                p50_ns: histogram.value_at_quantile(0.5),
                p90_ns: histogram.value_at_quantile(0.9),
                p99_ns: histogram.value_at_quantile(0.99),
                p999_ns: histogram.value_at_quantile(0.999),
                max_ns: histogram.max(),
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_holds_what_was_recorded() {
        let mut histograms = StageHistograms::new();
        for ns in 1..=1000 {
            histograms.record(Stage::Book, ns);
        }
        histograms.record(Stage::Book, u64::MAX);
        let mut twice = histograms.clone();
        twice.merge(&histograms);
        let summary = twice.summaries().next().expect("the book stage was measured");
        assert_eq!((summary.stage, summary.count), (Stage::Book, 2002));
        assert!(summary.p50_ns.abs_diff(500) <= 10, "{}", summary.p50_ns);
        assert!(summary.max_ns >= LONGEST_NS, "{}", summary.max_ns);
        assert_eq!(twice.summaries().count(), 1);
    }
}
