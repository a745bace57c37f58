//! The thread that owns the files: packs what comes out of the rings, groups it, writes, syncs.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use engine_journal::disk::{Disk, RealDisk};
use engine_journal::records;
use engine_journal::writer::WriterStats;
use engine_journal::{
    JournalError, RecordHead, Recovered, Stream, SyncPolicy, Writer, WriterOptions, batch,
};
use engine_model::Event;
use engine_telemetry::{Stage, StageHistograms};

use super::recorder::{BatchHead, Item, Tapes};

/// Bytes of packed records after which a group is committed though more waits. A commit is then long
/// enough that its fixed costs do not count, and short enough to be waited for.
const GROUP_BYTES: usize = 1 << 20;

/// How long the thread sleeps when nothing waits. Shorter than the shortest interval of syncing.
const IDLE: Duration = Duration::from_micros(200);

/// How a journal is written.
#[derive(Debug)]
pub struct JournalOptions {
    /// When the market stream is synced.
    pub sync: SyncPolicy,
    /// Size of a segment. Unit: bytes.
    pub segment_bytes: u64,
    /// BLAKE3 of the build's name.
    pub build_hash: [u8; 32],
    /// BLAKE3 of the configuration.
    pub config_hash: [u8; 32],
    /// Each acknowledgement is written here as a line of both durable sequences.
    pub acknowledge: Option<File>,
}

/// What the thread did.
#[derive(Debug)]
pub struct Written {
    /// Counts of the writer.
    pub stats: WriterStats,
    /// Batches.
    pub batches: u64,
    /// Events in them.
    pub events: u64,
    /// Payload bytes of batches.
    pub batch_bytes: u64,
    /// Decisions.
    pub decisions: u64,
    /// Anchors.
    pub anchors: u64,
    /// How long commits took.
    pub histograms: StageHistograms,
}

/// Number of the newest record that was written and, where asked for, synced. Shared.
#[derive(Clone, Debug, Default)]
pub struct Durable(Arc<AtomicU64>);

impl Durable {
    /// The number; 0 before the first.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Everything up to here is with the disk.
    pub fn set(&self, seq: u64) {
        self.0.store(seq, Ordering::Relaxed);
    }
}

/// The running thread.
pub struct JournalThread {
    handle: std::thread::JoinHandle<Result<Written, JournalError>>,
    /// Set when an anchor is wanted: a segment has ended.
    pub anchor_wanted: Arc<AtomicBool>,
    /// How far the disk has come.
    pub durable: Durable,
}

/// Unix time that never runs back: the wall clock once, and what has passed since. A clock that is
/// set back must not hold up a sync.
fn wall_ns() -> u64 {
    static START: OnceLock<(Instant, Duration)> = OnceLock::new();
    let (from, unix) = START.get_or_init(|| {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        (Instant::now(), unix)
    });
    u64::try_from((*unix + from.elapsed()).as_nanos()).unwrap_or(u64::MAX)
}

impl JournalThread {
    /// Opens the journal, repairs what a crash left, and starts the thread.
    ///
    /// # Errors
    ///
    /// The journal's, naming file and offset.
    pub fn start(
        dir: &Path,
        options: JournalOptions,
        tapes: Tapes,
    ) -> Result<(Self, Recovered), JournalError> {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let writer_options = WriterOptions {
            segment_bytes: options.segment_bytes,
            sync: options.sync,
            build_hash: options.build_hash,
            config_hash: options.config_hash,
            first_seq: 1,
            now_ns: wall_ns(),
        };
        let (writer, recovered) = Writer::open(&disk, dir, writer_options)?;
        let anchor_wanted = Arc::new(AtomicBool::new(false));
        let wanted = Arc::clone(&anchor_wanted);
        let durable = Durable::default();
        let tape = Tape {
            durable: durable.clone(),
            newest: 0,
            writer,
            tapes,
            packed: Vec::new(),
            events: Vec::new(),
            anchor_wanted: wanted,
            acknowledge: options.acknowledge,
            told: (None, None),
            written: Written {
                stats: WriterStats::default(),
                batches: 0,
                events: 0,
                batch_bytes: 0,
                decisions: 0,
                anchors: 0,
                histograms: StageHistograms::new(),
            },
        };
        let builder = std::thread::Builder::new().name("journal".to_owned());
        let handle = builder.spawn(move || tape.run()).map_err(|cause| JournalError::Io {
            operation: "start the journal thread for",
            file: dir.to_owned(),
            source: cause,
        })?;
        Ok((Self { handle, anchor_wanted, durable }, recovered))
    }

    /// Waits until everything is written and sealed.
    ///
    /// # Errors
    ///
    /// What stopped the writer.
    ///
    /// # Panics
    ///
    /// When the thread did.
    pub fn finish(self) -> Result<Written, JournalError> {
        self.handle.join().expect("Invariant: the journal thread ends with a result")
    }
}

struct Tape {
    durable: Durable,
    /// Number of the newest record that was appended.
    newest: u64,
    writer: Writer,
    tapes: Tapes,
    packed: Vec<u8>,
    events: Vec<Event>,
    anchor_wanted: Arc<AtomicBool>,
    acknowledge: Option<File>,
    told: (Option<u64>, Option<u64>),
    written: Written,
}

impl Tape {
    fn run(mut self) -> Result<Written, JournalError> {
        loop {
            // Asked before the look, so that nothing handed on before the end is missed.
            let is_over = self.tapes.ledger.is_abandoned() && self.tapes.heads.is_abandoned();
            let bytes = self.gather()?;
            if bytes > 0 {
                self.commit()?;
            } else if is_over {
                break;
            } else {
                std::thread::sleep(IDLE);
                // What waits for its interval is synced though nothing new comes.
                self.writer.commit(wall_ns())?;
            }
        }
        self.written.stats = self.writer.stats();
        let committed = self.writer.close(wall_ns())?;
        if let Some(acknowledge) = &mut self.acknowledge {
            tell(acknowledge, committed.market_seq, committed.ledger_seq);
        }
        Ok(self.written)
    }

    /// Takes what waits, up to a group. Returns the bytes taken.
    ///
    /// Whatever was decided is handed on after the batch that it was decided on. So all items that
    /// wait now have their batches among the heads that are taken after this look.
    fn gather(&mut self) -> Result<usize, JournalError> {
        let mut items = self.tapes.ledger.slots();
        let mut bytes = 0;
        while bytes < GROUP_BYTES {
            let head = self.tapes.heads.peek().ok().copied();
            // Items before the batch come first: both are in the order of their numbers.
            while items > 0 && bytes < GROUP_BYTES {
                let is_before = match (self.tapes.ledger.peek(), head) {
                    (Ok(item), Some(head)) => item_seq(item) < head.seq,
                    (Ok(_), None) => true,
                    (Err(_), _) => false,
                };
                if !is_before {
                    break;
                }
                items -= 1;
                bytes += self.take_item()?;
            }
            let Some(head) = head else { break };
            bytes += self.take_batch(head)?;
            items = items.max(self.tapes.ledger.slots());
        }
        Ok(bytes)
    }

    fn take_batch(&mut self, head: BatchHead) -> Result<usize, JournalError> {
        let _ = self.tapes.heads.pop();
        let chunk = self.tapes.events.read_chunk(head.events);
        let chunk = chunk.expect("Invariant: events are handed on before their head");
        let (first, second) = chunk.as_slices();
        self.packed.clear();
        let events = if second.is_empty() {
            first
        } else {
            self.events.clear();
            self.events.extend_from_slice(first);
            self.events.extend_from_slice(second);
            &self.events
        };
        let time_ns = events.last().map_or(0, |event| event.recv_ns);
        let stream = records::stream_of(events);
        batch::encode(events, &mut self.packed)
            .expect("Invariant: the core takes no batch that has no stored form");
        chunk.commit_all();
        let record =
            RecordHead { seq: head.seq, kind: records::BATCH, version: records::VERSION, time_ns };
        self.writer.append(stream, record, &self.packed)?;
        self.newest = self.newest.max(head.seq);
        self.written.batches += 1;
        self.written.events += head.events as u64;
        self.written.batch_bytes += self.packed.len() as u64;
        Ok(self.packed.len() + RECORD_OVERHEAD)
    }

    fn take_item(&mut self) -> Result<usize, JournalError> {
        let Ok(item) = self.tapes.ledger.pop() else { return Ok(0) };
        let seq = item_seq(&item);
        let (kind, time_ns) = match &item {
            Item::Begin(begin, _) => {
                records::encode(begin, &mut self.packed);
                (records::BEGIN, begin.clock.0)
            }
            Item::Decided(decided) => {
                records::encode(decided, &mut self.packed);
                self.written.decisions += 1;
                (records::DECISION, decided.at_ns)
            }
            Item::End(end, _, at_ns) => {
                records::encode(end, &mut self.packed);
                (records::END, *at_ns)
            }
            Item::Anchor { state, .. } => {
                self.writer.write_anchor(seq, state, wall_ns())?;
                self.written.anchors += 1;
                return Ok(state.len());
            }
        };
        let head = RecordHead { seq, kind, version: records::VERSION, time_ns };
        self.writer.append(Stream::Ledger, head, &self.packed)?;
        self.newest = self.newest.max(seq);
        Ok(self.packed.len() + RECORD_OVERHEAD)
    }

    fn commit(&mut self) -> Result<(), JournalError> {
        let from = Instant::now();
        let committed = self.writer.commit(wall_ns())?;
        let took = u64::try_from(from.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.written.histograms.record(Stage::Journal, took);
        self.durable.set(self.newest);
        if committed.rotated.any() {
            self.anchor_wanted.store(true, Ordering::Relaxed);
        }
        let now = (committed.market_seq, committed.ledger_seq);
        if let (Some(acknowledge), true) = (&mut self.acknowledge, self.told != now) {
            tell(acknowledge, now.0, now.1);
            self.told = now;
        }
        Ok(())
    }
}

/// Head, checksum and padding of a record, about. Unit: bytes.
const RECORD_OVERHEAD: usize = 36;

fn item_seq(item: &Item) -> u64 {
    match item {
        Item::Begin(_, seq) | Item::End(_, seq, _) | Item::Anchor { seq, .. } => *seq,
        Item::Decided(decided) => decided.seq,
    }
}

/// Who asked to be told may have gone; the journal goes on.
fn tell(to: &mut File, market_seq: Option<u64>, ledger_seq: Option<u64>) {
    let line = format!("{} {}\n", market_seq.unwrap_or(0), ledger_seq.unwrap_or(0));
    let _ = to.write_all(line.as_bytes());
}
