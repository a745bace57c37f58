//! Samples of phases beside what the emulators logged, and their quantiles.

use std::collections::BTreeMap;
use std::path::Path;

/// A frame that was received. Unit of times: nanoseconds of the machine's monotonic clock.
#[derive(Clone, Copy)]
pub(crate) struct Sample {
    /// Number of the frame on its connection, from 1.
    pub(crate) frame: u64,
    /// It changes a book, and is no snapshot.
    pub(crate) is_update: bool,
    /// When it was read.
    pub(crate) received_ns: u64,
    /// When everything that followed from it was decided and handed to the journal.
    pub(crate) decided_ns: u64,
}

/// One lane's turn.
pub(crate) struct Phase {
    /// Which lane.
    pub(crate) lane: usize,
    /// Which round.
    pub(crate) round: u64,
    /// Number of its connection at the venue, from 1.
    pub(crate) connection: u64,
    /// What it received.
    pub(crate) samples: Vec<Sample>,
}

/// When each frame was written, by connection and frame.
pub(crate) type Writes = BTreeMap<(u64, u64), u64>;

/// Reads the log of the measured venue.
pub(crate) fn writes(path: &Path) -> Writes {
    let text = std::fs::read_to_string(path).expect("the emulators wrote their log");
    let rows = text.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>());
    let number = |text: &str| text.parse::<u64>().expect("a number");
    let own = rows.filter(|row| row.first() == Some(&"coinbase"));
    own.map(|row| ((number(row[1]), number(row[2])), number(row[3]))).collect()
}

/// From the write of a frame to its receipt and to the decision. Unit: nanoseconds.
#[derive(Clone, Copy)]
pub(crate) struct Way {
    pub(crate) received_ns: u64,
    pub(crate) decided_ns: u64,
}

/// The ways of a lane's frames; only those that change books, or all.
pub(crate) fn ways(phases: &[&Phase], writes: &Writes, only_updates: bool) -> Vec<Way> {
    let mut ways = Vec::new();
    for phase in phases {
        for sample in phase.samples.iter().filter(|it| it.is_update || !only_updates) {
            // Frames that were still on their way when the phase ended are in no sample; all that were
            // received were logged before.
            let written_ns = writes[&(phase.connection, sample.frame)];
            let since = |at_ns: u64| at_ns.checked_sub(written_ns).expect("received after written");
            ways.push(Way {
                received_ns: since(sample.received_ns),
                decided_ns: since(sample.decided_ns),
            });
        }
    }
    ways
}

/// What a lane adds to the first lane: in each round the difference of the medians from the write to the
/// decision, and of these the median. Unit: nanoseconds.
pub(crate) fn above_ns(phases: &[Phase], lane: usize, writes: &Writes, only_updates: bool) -> i64 {
    let median = |phase: &Phase| {
        let ways = ways(&[phase], writes, only_updates);
        let [p50, ..] = quantiles(ways.iter().map(|way| way.decided_ns).collect());
        i64::try_from(p50).unwrap_or(i64::MAX)
    };
    let own = phases.iter().filter(|phase| phase.lane == lane);
    let differences = own.filter_map(|phase| {
        let bare = phases.iter().find(|it| it.lane == 0 && it.round == phase.round)?;
        Some(median(phase) - median(bare))
    });
    let mut differences: Vec<i64> = differences.collect();
    differences.sort_unstable();
    differences.get(differences.len() / 2).copied().unwrap_or(0)
}

/// Quantiles: p50, p90, p99.
pub(crate) fn quantiles(mut all: Vec<u64>) -> [u64; 3] {
    all.sort_unstable();
    let at = |per_mille: usize| {
        all.get(all.len().saturating_sub(1) * per_mille / 1_000).copied().unwrap_or(0)
    };
    [500, 900, 990].map(at)
}
