//! `[journal]`: how the record of a run is written and how long it is kept.

use core::ops::RangeInclusive;

use crate::problem::Problems;
use crate::read::{flag, integer_u32, word};
use crate::section::{Section, root_table};
use crate::tree::Table;

/// When the journal's records are forced to the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sync {
    /// After every group of records.
    Always,
    /// At intervals.
    #[default]
    Interval,
    /// The market stream never, the ledger stream as with [`Sync::Always`].
    None,
}

/// How the journal is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Journal {
    /// Size of a segment. Unit: MiB. 1 to 1024, default 64.
    pub segment_mib: u32,
    /// How long market segments are kept. Unit: days. 1 to 3,660, default 30.
    pub market_days: u32,
    /// How long ledger segments are kept. Unit: days. 1 to 36,600, default 1,826: five years.
    pub ledger_days: u32,
    /// When records are forced to the disk. Default: [`Sync::Interval`].
    pub sync: Sync,
    /// The interval of [`Sync::Interval`]. Unit: milliseconds. 1 to 1,000, default 5.
    pub sync_interval_ms: u32,
    /// Whether the whole state is written each day, beside start and rotation. Default: true.
    pub anchor_daily: bool,
}

impl Default for Journal {
    fn default() -> Self {
        Self {
            segment_mib: 64,
            market_days: 30,
            ledger_days: 1_826,
            sync: Sync::Interval,
            sync_interval_ms: 5,
            anchor_daily: true,
        }
    }
}

/// The modes of syncing by name.
pub(crate) const SYNCS: &[(&str, Sync)] =
    &[("interval", Sync::Interval), ("always", Sync::Always), ("none", Sync::None)];

pub(crate) const KEYS: &[&str] =
    &["segment_mib", "market_days", "ledger_days", "sync", "sync_interval_ms", "anchor_daily"];

pub(crate) fn read(root: &Table, problems: &mut Problems<'_>) -> Journal {
    let mut journal = Journal::default();
    let Some((at, table)) = root_table(root, "journal", problems) else { return journal };
    let section = Section::open("[journal]".to_owned(), at, table, KEYS, problems);
    let whole: [(&str, &mut u32, RangeInclusive<u32>); 4] = [
        ("segment_mib", &mut journal.segment_mib, 1..=1_024),
        ("market_days", &mut journal.market_days, 1..=3_660),
        ("ledger_days", &mut journal.ledger_days, 1..=36_600),
        ("sync_interval_ms", &mut journal.sync_interval_ms, 1..=1_000),
    ];
    for (key, slot, bounds) in whole {
        *slot = section.or(key, *slot, problems, integer_u32(bounds));
    }
    journal.sync = section.or("sync", journal.sync, problems, word(SYNCS));
    journal.anchor_daily = section.or("anchor_daily", journal.anchor_daily, problems, flag);
    journal
}
