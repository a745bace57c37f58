//! The part of `[risk]` about the machine that the engine runs on: its clock, lags, the journal's disk.

use core::ops::RangeInclusive;

use crate::problem::Problems;
use crate::read::{integer, integer_u32, percent_as_ppm_within};
use crate::section::Section;

/// When the state of the machine halts trading. `Default` is the reviewed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MachineLimits {
    /// Distance of the wall clock from core time that warns. Unit: milliseconds. 1 to 60,000,
    /// default 100.
    pub clock_warn_ms: u64,
    /// Largest such distance; more halts. Unit: milliseconds. 1 to 60,000, default 1,000.
    pub clock_halt_ms: u64,
    /// Largest step of the wall clock, and longest sleep of the machine; after more, every feed has
    /// to prove its book anew. Unit: milliseconds. 1 to 60,000, default 500.
    pub clock_step_ms_max: u64,
    /// Longest wait of an event before the core takes it, one of a hundred left out.
    /// Unit: milliseconds. 1 to 60,000, default 50.
    pub core_lag_ms_max: u64,
    /// Longest step of the core. Unit: milliseconds. 1 to 60,000, default 100.
    pub core_step_ms_max: u64,
    /// Overflows of one venue's rings within 60 s that halt it; the count itself does. 1 to 16,
    /// default 3.
    pub ring_overflows_halt: u32,
    /// Longest wait of a record for the disk. Unit: milliseconds. 1 to 60,000, default 1,000.
    pub journal_lag_ms_max: u64,
    /// Largest part of a record ring that may be taken. Unit: parts per million. 1 to 90 percent,
    /// default 50 percent.
    pub journal_backlog_ppm_max: u32,
    /// Least part of the journal's disk that is free. Unit: parts per million. 1 to 50 percent,
    /// default 5 percent.
    pub disk_free_ppm_min: u32,
    /// Least that is free of it. Unit: mebibytes. 64 to 1,048,576, default 512.
    pub disk_free_mib_min: u64,
}

impl Default for MachineLimits {
    fn default() -> Self {
        Self {
            clock_warn_ms: 100,
            clock_halt_ms: 1_000,
            clock_step_ms_max: 500,
            core_lag_ms_max: 50,
            core_step_ms_max: 100,
            ring_overflows_halt: 3,
            journal_lag_ms_max: 1_000,
            journal_backlog_ppm_max: 500_000,
            disk_free_ppm_min: 50_000,
            disk_free_mib_min: 512,
        }
    }
}

pub(crate) fn read(section: &Section<'_>, problems: &mut Problems<'_>) -> MachineLimits {
    let mut limits = MachineLimits::default();
    let ms: RangeInclusive<u64> = 1..=60_000;
    let numbers: [(&str, &mut u64, RangeInclusive<u64>); 7] = [
        ("clock_warn_ms", &mut limits.clock_warn_ms, ms.clone()),
        ("clock_halt_ms", &mut limits.clock_halt_ms, ms.clone()),
        ("clock_step_ms_max", &mut limits.clock_step_ms_max, ms.clone()),
        ("core_lag_ms_max", &mut limits.core_lag_ms_max, ms.clone()),
        ("core_step_ms_max", &mut limits.core_step_ms_max, ms.clone()),
        ("journal_lag_ms_max", &mut limits.journal_lag_ms_max, ms),
        ("disk_free_mib_min", &mut limits.disk_free_mib_min, 64..=1_048_576),
    ];
    for (key, slot, bounds) in numbers {
        *slot = section.or(key, *slot, problems, integer(bounds));
    }
    let percents: [(&str, &mut u32, RangeInclusive<u32>); 2] = [
        ("journal_backlog_percent_max", &mut limits.journal_backlog_ppm_max, 1..=90),
        ("disk_free_percent_min", &mut limits.disk_free_ppm_min, 1..=50),
    ];
    for (key, slot, bounds) in percents {
        *slot = section.or(key, *slot, problems, percent_as_ppm_within(bounds));
    }
    let count = &mut limits.ring_overflows_halt;
    *count = section.or("ring_overflows_halt", *count, problems, integer_u32(1..=16));
    limits
}
