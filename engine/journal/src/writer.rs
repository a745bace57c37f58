//! The one who appends. A single thread owns it; `&mut` says so.
//!
//! Records gather in memory, per stream; [`Writer::commit`] writes each stream's group with one
//! write and syncs as the policy says. A record is *acknowledged* when [`Committed`] says that its
//! stream is durable at its sequence or above.
//!
//! Any failure of the disk is final for the writer: after a failed sync the system may have dropped
//! the pages, so nothing is tried again and every later call returns [`JournalError::Stopped`].

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::anchor;
use crate::disk::Disk;
use crate::error::JournalError;
use crate::format::{self, Hash, KIND_RESERVED_MIN, RecordHead, Stream};
use crate::lane::{self, Lane, Origin};
use crate::limits::SEGMENT_BYTES_DEFAULT;
use crate::reader::{Tail, Torn};
use crate::segment;
use crate::start::{inspect, make_directories, open_lane, recovered_stream, take_lock};

/// When the market stream is synced. The ledger stream is synced at every commit, whatever this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncPolicy {
    /// At every commit.
    Always,
    /// At the first commit that comes this long after the last sync, also if nothing was appended
    /// in between: a writer with nothing to do still commits. Unit: nanoseconds.
    Interval(u64),
    /// Only when a segment ends, an anchor is written or the writer closes.
    None,
}

impl Default for SyncPolicy {
    /// Every 5 ms.
    fn default() -> Self {
        Self::Interval(5_000_000)
    }
}

/// How a journal is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriterOptions {
    /// Size of a segment. Unit: bytes.
    pub segment_bytes: u64,
    /// When the market stream is synced.
    pub sync: SyncPolicy,
    /// Identity of the program, for segment headers.
    pub build_hash: Hash,
    /// Identity of the configuration, for segment headers.
    pub config_hash: Hash,
    /// Lowest sequence of a journal that does not exist yet; an existing one goes on after its last.
    pub first_seq: u64,
    /// Wall time, for segment headers. Unit: Unix nanoseconds.
    pub now_ns: u64,
}

impl Default for WriterOptions {
    fn default() -> Self {
        Self {
            segment_bytes: SEGMENT_BYTES_DEFAULT,
            sync: SyncPolicy::default(),
            build_hash: [0; 32],
            config_hash: [0; 32],
            first_seq: 0,
            now_ns: 0,
        }
    }
}

/// What a stream held when it was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveredStream {
    /// How it ended.
    pub tail: Tail,
    /// Sequence of its last record, or the one before the lowest it may take; `None` where that is 0.
    pub last_seq: Option<u64>,
}

impl RecoveredStream {
    /// What was cut off, where something was.
    #[must_use]
    pub const fn torn(&self) -> Option<&Torn> {
        match &self.tail {
            Tail::Torn(torn) => Some(torn),
            Tail::Sealed | Tail::Open | Tail::Absent => None,
        }
    }
}

/// What [`Writer::open`] found and repaired. To be reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// The market stream.
    pub market: RecoveredStream,
    /// The ledger stream.
    pub ledger: RecoveredStream,
    /// The first sequence that is free in both streams.
    pub next_seq: u64,
}

/// Which streams began a new segment. The caller then writes an anchor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rotated {
    /// The market stream.
    pub market: bool,
    /// The ledger stream.
    pub ledger: bool,
}

impl Rotated {
    /// Whether any did.
    #[must_use]
    pub const fn any(self) -> bool {
        self.market || self.ledger
    }
}

/// What a commit has achieved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Market records up to this are durable. Before the first it is one below the lowest sequence
    /// that the stream may take; `None` where that is 0.
    pub market_seq: Option<u64>,
    /// Ledger records up to this are durable, in the same sense.
    pub ledger_seq: Option<u64>,
    /// Market records up to this are written, and safe from a crash of the process alone.
    pub market_written_seq: Option<u64>,
    /// Segments begun since the last commit.
    pub rotated: Rotated,
}

/// Counts since the writer was opened, of both streams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriterStats {
    /// Records taken.
    pub records: u64,
    /// Bytes written, with headers, commits and padding.
    pub bytes: u64,
    /// Commit groups written.
    pub groups: u64,
    /// Syncs of files.
    pub syncs: u64,
}

/// Appends to a journal.
#[derive(Debug)]
pub struct Writer {
    origin: Origin,
    sync: SyncPolicy,
    payload_bytes_max: usize,
    market: Lane,
    ledger: Lane,
    synced_ns: u64,
    records: u64,
    stopped: Option<(PathBuf, &'static str, String)>,
    _lock: Lock,
}

struct Lock {
    _held: Box<dyn Send>,
}

impl std::fmt::Debug for Lock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Lock")
    }
}

impl Writer {
    /// Opens a journal for appending, or makes one.
    ///
    /// Reads the last segment of each stream. A torn tail is cut and reported in [`Recovered`];
    /// the old segment is sealed and both streams go on in new segments.
    ///
    /// # Errors
    ///
    /// [`JournalError::Locked`]; damage, a hole between segments or a newer version, after which
    /// nothing was changed; the disk's.
    pub fn open(
        disk: &Arc<dyn Disk>,
        dir: &Path,
        options: WriterOptions,
    ) -> Result<(Self, Recovered), JournalError> {
        format::check_segment_bytes(options.segment_bytes)?;
        let origin = Origin {
            disk: Arc::clone(disk),
            dir: dir.to_owned(),
            segment_bytes: options.segment_bytes,
            build_hash: options.build_hash,
            config_hash: options.config_hash,
        };
        make_directories(&**disk, dir)?;
        let lock = take_lock(&**disk, dir)?;
        let market = inspect(disk, dir, Stream::Market)?;
        let ledger = inspect(disk, dir, Stream::Ledger)?;
        let market_last = market.as_ref().and_then(|found| found.last_seq);
        if ledger.is_none() && market_last.is_some_and(|last| last >= options.first_seq) {
            // A first start creates the ledger before any market record is written.
            let directory = segment::stream_dir(dir, Stream::Ledger);
            let stream = Stream::Ledger;
            return Err(JournalError::MissingSegment { directory, stream, number: 0 });
        }
        for stream in Stream::ALL {
            segment::remove_temporary(&**disk, &segment::stream_dir(dir, stream))?;
        }
        segment::remove_temporary(&**disk, &dir.join(anchor::DIRECTORY))?;
        let ledger_last = ledger.as_ref().and_then(|found| found.last_seq);
        let last = market_last.max(ledger_last);
        let recovered = Recovered {
            market: recovered_stream(market.as_ref()),
            ledger: recovered_stream(ledger.as_ref()),
            next_seq: last.map_or(options.first_seq, |last| last.saturating_add(1)),
        };
        let open = |stream, found| open_lane(&origin, stream, found, &options, last);
        let ledger = open(Stream::Ledger, ledger)?;
        let market = open(Stream::Market, market)?;
        let writer = Self {
            origin,
            sync: options.sync,
            payload_bytes_max: lane::payload_bytes_max(options.segment_bytes),
            market,
            ledger,
            synced_ns: options.now_ns,
            records: 0,
            stopped: None,
            _lock: Lock { _held: lock },
        };
        Ok((writer, recovered))
    }

    fn check_running(&self) -> Result<(), JournalError> {
        match &self.stopped {
            None => Ok(()),
            Some((file, operation, cause)) => {
                Err(JournalError::Stopped { file: file.clone(), operation, cause: cause.clone() })
            }
        }
    }

    /// Runs what touches the disk; its failure is the writer's last.
    fn run<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, JournalError>,
    ) -> Result<T, JournalError> {
        self.check_running()?;
        work(self).inspect_err(|error| {
            let (file, operation, cause) =
                if let JournalError::Io { file, operation, source } = error {
                    (file.clone(), *operation, source.to_string())
                } else {
                    (self.origin.dir.clone(), "write", error.to_string())
                };
            self.stopped = Some((file, operation, cause));
        })
    }

    fn lane(&mut self, stream: Stream) -> &mut Lane {
        match stream {
            Stream::Market => &mut self.market,
            Stream::Ledger => &mut self.ledger,
        }
    }

    /// Adds a record to its stream's group. Touches the disk only where a segment or group is full
    /// or a new UTC day begins by the record's time; what was gathered is then written first.
    ///
    /// # Errors
    ///
    /// [`JournalError::TooLarge`], [`JournalError::OutOfOrder`] and [`JournalError::ReservedKind`]
    /// refuse the record and change nothing; others are final.
    pub fn append(
        &mut self,
        stream: Stream,
        head: RecordHead,
        payload: &[u8],
    ) -> Result<(), JournalError> {
        self.check_running()?;
        let bytes_max = self.payload_bytes_max;
        if payload.len() > bytes_max {
            return Err(JournalError::TooLarge { bytes: payload.len(), bytes_max });
        }
        if head.kind >= KIND_RESERVED_MIN {
            return Err(JournalError::ReservedKind { kind: head.kind });
        }
        let lane = self.lane(stream);
        lane.check_seq(head.seq)?;
        if !lane.try_append(&head, payload) {
            self.run(|writer| writer.lane(stream).append(&head, payload))?;
        }
        self.records += 1;
        Ok(())
    }

    /// Writes what was gathered as one group per stream and syncs as the policy says.
    ///
    /// # Errors
    ///
    /// The disk's; final.
    pub fn commit(&mut self, now_ns: u64) -> Result<Committed, JournalError> {
        self.run(|writer| {
            writer.market.flush(now_ns)?;
            writer.ledger.flush(now_ns)?;
            let is_due = match writer.sync {
                SyncPolicy::Always => true,
                SyncPolicy::Interval(every_ns) => {
                    now_ns.saturating_sub(writer.synced_ns) >= every_ns
                }
                SyncPolicy::None => false,
            };
            if is_due && writer.market.is_unsynced() {
                writer.market.sync()?;
                writer.synced_ns = now_ns;
            }
            writer.ledger.sync()?;
            Ok(writer.committed())
        })
    }

    /// Writes what was gathered and syncs both streams, whatever the policy.
    ///
    /// # Errors
    ///
    /// The disk's; final.
    pub fn sync(&mut self, now_ns: u64) -> Result<Committed, JournalError> {
        self.run(|writer| {
            for stream in Stream::ALL {
                writer.lane(stream).flush(now_ns)?;
                writer.lane(stream).sync()?;
            }
            writer.synced_ns = now_ns;
            Ok(writer.committed())
        })
    }

    fn committed(&mut self) -> Committed {
        Committed {
            market_seq: self.market.durable_seq,
            ledger_seq: self.ledger.durable_seq,
            market_written_seq: self.market.written_seq,
            rotated: Rotated {
                market: std::mem::take(&mut self.market.was_rotated),
                ledger: std::mem::take(&mut self.ledger.was_rotated),
            },
        }
    }

    /// Ends both open segments and begins new ones.
    ///
    /// # Errors
    ///
    /// The disk's; final.
    pub fn rotate(&mut self, now_ns: u64) -> Result<Committed, JournalError> {
        self.run(|writer| {
            writer.market.rotate(now_ns)?;
            writer.ledger.rotate(now_ns)?;
            writer.synced_ns = now_ns;
            Ok(writer.committed())
        })
    }

    /// Syncs both streams and then writes an anchor: the core's state after record `seq`. Returns
    /// the hash of `bytes`, which the caller records.
    ///
    /// # Errors
    ///
    /// [`JournalError::TooLarge`] changes nothing; others are final.
    pub fn write_anchor(
        &mut self,
        seq: u64,
        bytes: &[u8],
        now_ns: u64,
    ) -> Result<Hash, JournalError> {
        anchor::check_size(bytes)?;
        self.sync(now_ns)?;
        self.run(|writer| anchor::write(&*writer.origin.disk, &writer.origin.dir, seq, bytes))
    }

    /// Counts since the writer was opened.
    #[must_use]
    pub fn stats(&self) -> WriterStats {
        WriterStats {
            records: self.records,
            bytes: self.market.bytes_written + self.ledger.bytes_written,
            groups: self.market.groups + self.ledger.groups,
            syncs: self.market.syncs + self.ledger.syncs,
        }
    }

    /// The largest payload that [`Writer::append`] takes. Unit: bytes.
    #[must_use]
    pub const fn payload_bytes_max(&self) -> usize {
        self.payload_bytes_max
    }

    /// The segment that a stream is writing.
    #[must_use]
    pub fn segment_path(&self, stream: Stream) -> &Path {
        match stream {
            Stream::Market => self.market.path(),
            Stream::Ledger => self.ledger.path(),
        }
    }

    /// Writes, syncs and seals both streams. A writer that is dropped instead leaves what a killed
    /// one leaves: what no commit covered is gone.
    ///
    /// # Errors
    ///
    /// The disk's.
    pub fn close(mut self, now_ns: u64) -> Result<Committed, JournalError> {
        self.run(|writer| {
            writer.market.seal(now_ns)?;
            writer.ledger.seal(now_ns)?;
            Ok(writer.committed())
        })
    }
}
