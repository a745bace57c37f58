//! `[runtime]`: threads, cores and rings of the daemon.

use crate::problem::{Problems, fault};
use crate::read::{integer_u32, list, name, text, word};
use crate::section::{Section, root_table};
use crate::tree::Table;

/// How threads wait for what comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wait {
    /// [`Wait::Inline`] on two cores or fewer, else [`Wait::Park`].
    #[default]
    Auto,
    /// One thread hosts the readers and steps the core.
    Inline,
    /// Readers and core have threads of their own that sleep while nothing comes.
    Park,
    /// Readers and core have cores of their own and never sleep.
    Spin,
}

/// The modes of waiting by name.
pub(crate) const WAITS: &[(&str, Wait)] =
    &[("auto", Wait::Auto), ("inline", Wait::Inline), ("park", Wait::Park), ("spin", Wait::Spin)];

/// Most cores that can be named.
const CORES_MAX: usize = 64;

/// Threads, cores and rings of the daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runtime {
    /// What this instance is called in journals and logs. Default: `riptide`.
    pub instance: String,
    /// How threads wait. Default: [`Wait::Auto`].
    pub wait: Wait,
    /// The core's processor; none: wherever the system puts it.
    pub core_cpu: Option<u32>,
    /// The readers' processors, in the order of the links; used again where there are fewer.
    pub reader_cpus: Vec<u32>,
    /// Slots of each reader's ring. 1,024 to 1,048,576, default 132,096: the largest book and its clear.
    pub ring_events: u32,
    /// Longest that a stop may take. Unit: milliseconds. 500 to 60,000, default 5,000.
    pub stop_ms: u32,
    /// Where the journal of the daemon lies. Default: `riptide-data/live`.
    pub journal_dir: String,
    /// PEM file of certificate authorities that are trusted besides the public ones; empty for none.
    pub authorities_file: String,
    /// How often latencies are written beside the journal. Unit: seconds. 1 to 3,600, default 10.
    pub latency_every_s: u32,
}

impl Default for Runtime {
    fn default() -> Self {
        Self {
            instance: "riptide".to_owned(),
            wait: Wait::Auto,
            core_cpu: None,
            reader_cpus: Vec::new(),
            ring_events: 132_096,
            stop_ms: 5_000,
            journal_dir: "riptide-data/live".to_owned(),
            authorities_file: String::new(),
            latency_every_s: 10,
        }
    }
}

pub(crate) const KEYS: &[&str] = &[
    "instance",
    "wait",
    "core_cpu",
    "reader_cpus",
    "ring_events",
    "stop_ms",
    "journal_dir",
    "authorities_file",
    "latency_every_s",
];

pub(crate) fn read(root: &Table, problems: &mut Problems<'_>) -> Runtime {
    let mut runtime = Runtime::default();
    let Some((at, table)) = root_table(root, "runtime", problems) else { return runtime };
    let section = Section::open("[runtime]".to_owned(), at, table, KEYS, problems);
    runtime.instance = section.or("instance", runtime.instance, problems, name(64));
    runtime.wait = section.or("wait", runtime.wait, problems, word(WAITS));
    runtime.core_cpu = section.optional("core_cpu", problems, integer_u32(0..=1_023));
    let cpus = list(CORES_MAX, integer_u32(0..=1_023));
    runtime.reader_cpus = section.or("reader_cpus", Vec::new(), problems, cpus);
    let ring = integer_u32(1_024..=1_048_576);
    runtime.ring_events = section.or("ring_events", runtime.ring_events, problems, ring);
    runtime.stop_ms = section.or("stop_ms", runtime.stop_ms, problems, integer_u32(500..=60_000));
    let dir = section.or("journal_dir", runtime.journal_dir, problems, text(1_024));
    runtime.journal_dir = dir;
    runtime.authorities_file = section.or("authorities_file", String::new(), problems, text(1_024));
    let every = integer_u32(1..=3_600);
    runtime.latency_every_s = section.or("latency_every_s", 10, problems, every);
    if runtime.core_cpu.is_some_and(|cpu| runtime.reader_cpus.contains(&cpu))
        && runtime.wait == Wait::Spin
    {
        let says = "a processor for both the core and a reader, with wait = \"spin\"";
        let hint = "name different ones: two threads that never sleep cannot share a processor";
        problems.add(section.at_key("reader_cpus"), section.key("reader_cpus"), fault(says, hint));
    }
    runtime
}
