//! Both streams of a journal, merged by sequence.
//!
//! A reader only reads: it repairs nothing, and shows a record only after the CRCs and the hash of
//! the record's whole commit group were found right. The two streams share one sequence, so that no
//! two records are equal in order; a sequence found in both is an error.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::Disk;
use crate::error::JournalError;
use crate::format::{HEADER_BYTES, RecordHead, SegmentHeader, Stream};
use crate::limits::GAPS_MAX;
use crate::scan::{self, Scan};
use crate::segment::{self, SegmentFile};
use crate::source::Source;

/// A record, borrowed from the reader's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Stream that holds it.
    pub stream: Stream,
    /// Sequence, kind, version and time.
    pub head: RecordHead,
    /// The payload.
    pub payload: &'a [u8],
}

/// Sequences from `first` to `last`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeqRange {
    /// The lowest.
    pub first: u64,
    /// The highest.
    pub last: u64,
}

/// Bytes at the end of a stream that no commit covers, or that a crash lost in part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn {
    /// The stream's last segment.
    pub file: PathBuf,
    /// End of the last valid commit group. Unit: bytes.
    pub offset: u64,
    /// Bytes from there to the last that is not zero.
    pub bytes: u64,
    /// Bytes by which the file is shorter than its segment: it was cut.
    pub missing_bytes: u64,
    /// Records that were recognised there: at least so many were written and are not returned.
    pub records: u64,
}

/// How a stream ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tail {
    /// With a seal: the writer closed it.
    Sealed,
    /// With preallocated zeros after a commit: the writer was killed between two commits, or runs.
    Open,
    /// With bytes that are no valid commit group and that no sync had covered.
    Torn(Torn),
    /// The stream has no segment.
    Absent,
}

/// What a stream held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamEnd {
    /// How it ends.
    pub tail: Tail,
    /// Its last record's sequence, or the one before its lowest; `None` where that is 0.
    pub last_seq: Option<u64>,
    /// Records below this are no longer, or were never, in the stream: the lowest sequence of the
    /// oldest segment that was read. `None` where there is none.
    pub begins_at_seq: Option<u64>,
    /// Segment files.
    pub segments: usize,
}

/// What a whole journal held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// The market stream.
    pub market: StreamEnd,
    /// The ledger stream.
    pub ledger: StreamEnd,
    /// Sequences that neither stream returned, in order: market segments deleted by retention, a
    /// market stream that was stopped, or a torn tail with records of the other stream after it. At
    /// most [`GAPS_MAX`].
    pub gaps: Vec<SeqRange>,
    /// All such ranges, also those beyond [`GAPS_MAX`].
    pub gaps_total: u64,
    /// Records returned.
    pub records: u64,
}

/// Reads a journal in order.
#[derive(Debug)]
pub struct Reader {
    dir: PathBuf,
    market: Scan,
    ledger: Scan,
    begins_at: [Option<u64>; 2],
    /// The next sequence if nothing is missing.
    expected: u64,
    gaps: Vec<SeqRange>,
    gaps_total: u64,
    records: u64,
}

impl Reader {
    /// Opens a journal at its oldest record.
    ///
    /// # Errors
    ///
    /// [`JournalError::NotAJournal`], [`JournalError::MissingSegment`], damage to a header, or the
    /// disk's.
    pub fn open(disk: &Arc<dyn Disk>, dir: &Path) -> Result<Self, JournalError> {
        Self::open_from(disk, dir, 0)
    }

    /// Opens a journal at the first record whose sequence is `from_seq` or above. Segments that lie
    /// wholly below are not read.
    ///
    /// # Errors
    ///
    /// As [`Reader::open`]; damage may also be met while records below `from_seq` are passed over.
    pub fn open_from(
        disk: &Arc<dyn Disk>,
        dir: &Path,
        from_seq: u64,
    ) -> Result<Self, JournalError> {
        let market = segment::list(&**disk, dir, Stream::Market)?;
        Self::open_streams(disk, dir, from_seq, market)
    }

    /// As [`Reader::open_from`], but of the ledger alone: segments of the market stream are not even
    /// opened, and the [`End::gaps`] are then all that is not in the ledger.
    ///
    /// # Errors
    ///
    /// As [`Reader::open_from`].
    pub fn open_ledger(
        disk: &Arc<dyn Disk>,
        dir: &Path,
        from_seq: u64,
    ) -> Result<Self, JournalError> {
        Self::open_streams(disk, dir, from_seq, Vec::new())
    }

    fn open_streams(
        disk: &Arc<dyn Disk>,
        dir: &Path,
        from_seq: u64,
        market: Vec<SegmentFile>,
    ) -> Result<Self, JournalError> {
        let ledger = segment::list(&**disk, dir, Stream::Ledger)?;
        if ledger.is_empty() {
            // A journal whose ledger is gone is told from a directory that is none.
            if segment::list(&**disk, dir, Stream::Market)?.is_empty() {
                return Err(JournalError::NotAJournal { directory: dir.to_owned() });
            }
            let directory = segment::stream_dir(dir, Stream::Ledger);
            let stream = Stream::Ledger;
            return Err(JournalError::MissingSegment { directory, stream, number: 0 });
        }
        let (market_at, market_first) = first_segment(&**disk, Stream::Market, &market, from_seq)?;
        let (ledger_at, ledger_first) = first_segment(&**disk, Stream::Ledger, &ledger, from_seq)?;
        let lowest = market_first.into_iter().chain(ledger_first).min().unwrap_or(0);
        let mut reader = Self {
            dir: dir.to_owned(),
            market: Scan::new(Arc::clone(disk), Stream::Market, market, market_at),
            ledger: Scan::new(Arc::clone(disk), Stream::Ledger, ledger, ledger_at),
            begins_at: [market_first, ledger_first],
            expected: lowest.max(from_seq),
            gaps: Vec::new(),
            gaps_total: 0,
            records: 0,
        };
        for lane in [&mut reader.market, &mut reader.ledger] {
            while lane.peek()?.is_some_and(|seq| seq < from_seq) {
                lane.take();
            }
        }
        Ok(reader)
    }

    /// The next record; `None` at the end, of which [`Reader::end`] then tells.
    ///
    /// # Errors
    ///
    /// [`JournalError::Damaged`] and the like. The records returned before are good.
    #[inline]
    pub fn next_record(&mut self) -> Result<Option<Record<'_>>, JournalError> {
        let stream = match (self.market.peek()?, self.ledger.peek()?) {
            (None, None) => return Ok(None),
            (Some(_), None) => Stream::Market,
            (None, Some(_)) => Stream::Ledger,
            (Some(market), Some(ledger)) if market < ledger => Stream::Market,
            (Some(market), Some(ledger)) if market > ledger => Stream::Ledger,
            (Some(seq), Some(_)) => {
                return Err(JournalError::SameSeq { directory: self.dir.clone(), seq });
            }
        };
        let lane = match stream {
            Stream::Market => &mut self.market,
            Stream::Ledger => &mut self.ledger,
        };
        let (head, payload) = lane.take();
        if head.seq != self.expected {
            if self.gaps.len() < GAPS_MAX {
                self.gaps.push(SeqRange { first: self.expected, last: head.seq.wrapping_sub(1) });
            }
            self.gaps_total += 1;
        }
        self.expected = head.seq.wrapping_add(1);
        self.records += 1;
        Ok(Some(Record { stream, head, payload }))
    }

    /// What the journal held; `None` before [`Reader::next_record`] returned `None`.
    #[must_use]
    pub fn end(&self) -> Option<End> {
        let stream = |lane: &Scan, begins_at_seq| {
            Some(StreamEnd {
                tail: lane.tail()?.clone(),
                last_seq: lane.last_seq(),
                begins_at_seq,
                segments: lane.segments_total(),
            })
        };
        Some(End {
            market: stream(&self.market, self.begins_at[0])?,
            ledger: stream(&self.ledger, self.begins_at[1])?,
            gaps: self.gaps.clone(),
            gaps_total: self.gaps_total,
            records: self.records,
        })
    }

    /// The header of the segment that a stream is at, with the hashes of build and configuration.
    #[must_use]
    pub fn header(&self, stream: Stream) -> Option<&SegmentHeader> {
        match stream {
            Stream::Market => self.market.header(),
            Stream::Ledger => self.ledger.header(),
        }
    }
}

/// Index of the last segment that begins at or below `from_seq`, or of the first, and its lowest
/// sequence.
fn first_segment(
    disk: &dyn Disk,
    stream: Stream,
    files: &[SegmentFile],
    from_seq: u64,
) -> Result<(usize, Option<u64>), JournalError> {
    let header = |index: usize| -> Result<u64, JournalError> {
        let file: &SegmentFile = &files[index];
        let mut source = Source::open(disk, file)?;
        Ok(scan::read_header(&mut source, file, stream, &mut [0; HEADER_BYTES])?.first_seq)
    };
    if files.is_empty() {
        return Ok((0, None));
    }
    // First sequences rise with the number, so the place is found by halving.
    let (mut low, mut high) = (0, files.len());
    if from_seq <= header(0)? {
        high = 1;
    }
    while high - low > 1 {
        let middle = low.midpoint(high);
        if header(middle)? <= from_seq { low = middle } else { high = middle }
    }
    Ok((low, Some(header(low)?)))
}
