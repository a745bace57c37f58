//! One run of a journal as a source of batches.

use std::path::{Path, PathBuf};
use std::time::Instant;

use connector_net::Sink;
use connector_net::decode::BatchEnd;
use engine_journal::{Reader, batch, records};

use super::runs::{check_batch, check_version, disk, failure, unreadable};
use crate::cli_output::Failure;
use crate::replay::source::{Decoded, SourceStats};

/// Reads a run's batches in their order.
pub struct JournalFeed {
    dir: PathBuf,
    reader: Reader,
    /// Number of the run's first record.
    begin_seq: u64,
    /// Why it ended early.
    failed: Option<Failure>,
    /// What was done so far.
    pub stats: SourceStats,
}

impl JournalFeed {
    /// The run that begins with this record.
    ///
    /// # Errors
    ///
    /// [`Failure`] naming file and offset.
    pub fn open(dir: &Path, begin_seq: u64) -> Result<Self, Failure> {
        let reader = Reader::open_from(&disk(), dir, begin_seq);
        Ok(Self {
            dir: dir.to_owned(),
            reader: reader.map_err(|error| failure(&error))?,
            begin_seq,
            failed: None,
            stats: SourceStats::default(),
        })
    }

    /// The next batch; none when the run has ended.
    pub fn advance(&mut self, sink: &mut Sink) -> Option<Decoded> {
        sink.clear();
        match self.try_advance(sink) {
            Ok(decoded) => decoded,
            Err(failed) => {
                self.failed = Some(failed);
                None
            }
        }
    }

    fn try_advance(&mut self, sink: &mut Sink) -> Result<Option<Decoded>, Failure> {
        let from = Instant::now();
        while let Some(record) = self.reader.next_record().map_err(|error| failure(&error))? {
            let (head, bytes) = (record.head, record.payload.len());
            match head.kind {
                records::BATCH => {
                    check_version(&self.dir, head.seq, head.version)?;
                    batch::decode(record.payload, &mut sink.events)
                        .map_err(|error| unreadable(&self.dir, head.seq, &error.to_string()))?;
                    check_batch(&self.dir, head.seq, &sink.events)?;
                    sink.batches.push(BatchEnd { end: sink.events.len(), line: head.seq });
                    self.stats.records += 1;
                    self.stats.frames += 1;
                    self.stats.bytes += bytes as u64;
                    let decode_ns = u64::try_from(from.elapsed().as_nanos()).unwrap_or(u64::MAX);
                    return Ok(Some(Decoded { recv_ns: head.time_ns, line: head.seq, decode_ns }));
                }
                records::BEGIN if head.seq != self.begin_seq => return Ok(None),
                records::END => return Ok(None),
                _ => (),
            }
        }
        Ok(None)
    }

    /// What was done, and why it ended early.
    #[must_use]
    pub fn into_stats(mut self) -> SourceStats {
        self.stats.failed = self.failed;
        self.stats
    }
}
