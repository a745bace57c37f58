//! One stream, read group by group: every byte is checked before a record of its group is shown.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::{Disk, DiskFile, read_full};
use crate::error::JournalError;
use crate::format::{
    self, COMMIT_BYTES, COMMIT_LEN, Commit, HEADER_BYTES, Hash, KIND_COMMIT, KIND_RESERVED_MIN,
    KIND_SEAL, RECORD_HEAD_BYTES, RecordHead, SegmentHeader, Stream, padded,
};
use crate::limits::{GROUP_BYTES_MAX, READ_BYTES};
use crate::reader::{Tail, Torn};
use crate::segment::SegmentFile;
use crate::source::Source;

/// Reads a stream's segments from one on to the stream's end.
#[derive(Debug)]
pub(crate) struct Scan {
    disk: Arc<dyn Disk>,
    stream: Stream,
    files: Vec<SegmentFile>,
    /// Index of the next file to open.
    next: usize,
    source: Option<Source>,
    path: PathBuf,
    header: Option<SegmentHeader>,
    seed: u32,
    chain: Hash,
    /// Sequence of the last committed record, or the one before the segment's lowest.
    last_seq: Option<u64>,
    /// `buf[begin..end]` is read and unverified; `buf[cursor..group_end]` are verified records.
    buf: Vec<u8>,
    begin: usize,
    end: usize,
    cursor: usize,
    group_end: usize,
    /// Offset of `buf[0]` in the segment.
    base: u64,
    /// Length of a raw file when it was opened: no buffer is made larger than that.
    bytes_max: usize,
    is_exhausted: bool,
    tail: Option<Tail>,
}

enum Group {
    Verified,
    Sealed,
    Invalid { rel: usize, records: u64, what: &'static str },
}

impl Scan {
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        stream: Stream,
        files: Vec<SegmentFile>,
        next: usize,
    ) -> Self {
        let tail = files.is_empty().then_some(Tail::Absent);
        Self {
            disk,
            stream,
            files,
            next,
            source: None,
            path: PathBuf::new(),
            header: None,
            seed: 0,
            chain: [0; 32],
            last_seq: None,
            buf: Vec::new(),
            begin: 0,
            end: 0,
            cursor: 0,
            group_end: 0,
            base: 0,
            bytes_max: 0,
            is_exhausted: true,
            tail,
        }
    }

    pub(crate) fn tail(&self) -> Option<&Tail> {
        self.tail.as_ref()
    }

    pub(crate) fn header(&self) -> Option<&SegmentHeader> {
        self.header.as_ref()
    }

    /// Sequence of the last committed record so far; `None` where nothing was ever committed.
    pub(crate) fn last_seq(&self) -> Option<u64> {
        self.last_seq
    }

    /// The chain and the offset after the last verified group.
    pub(crate) fn position(&self) -> (Hash, u64) {
        (self.chain, self.base + self.begin as u64)
    }

    pub(crate) fn segments_total(&self) -> usize {
        self.files.len()
    }

    /// Sequence of the record that [`Scan::take`] would return; `None` at the stream's end.
    #[inline]
    pub(crate) fn peek(&mut self) -> Result<Option<u64>, JournalError> {
        if self.cursor == self.group_end && !self.next_group()? {
            return Ok(None);
        }
        Ok(Some(format::u64_at(&self.buf[self.cursor..], 8)))
    }

    /// The record at the cursor. Only after [`Scan::peek`] returned a sequence.
    #[inline]
    pub(crate) fn take(&mut self) -> (RecordHead, &[u8]) {
        let record = &self.buf[self.cursor..self.group_end];
        let len = format::u32_at(record, 0) as usize;
        self.cursor += padded(len);
        (format::decode_head(record), &record[RECORD_HEAD_BYTES..len])
    }

    /// Passes over the rest of a verified group.
    pub(crate) fn skip_group(&mut self) {
        self.cursor = self.group_end;
    }

    /// Verifies groups until one has records; false at the end of the stream.
    #[cold]
    #[inline(never)]
    pub(crate) fn next_group(&mut self) -> Result<bool, JournalError> {
        loop {
            if self.tail.is_some() {
                return Ok(false);
            }
            if self.source.is_none() {
                self.open_segment()?;
            }
            match self.load_group()? {
                Group::Verified if self.cursor < self.group_end => return Ok(true),
                Group::Verified => {}
                Group::Sealed => self.finish_segment()?,
                Group::Invalid { rel, records, what } => self.finish_invalid(rel, records, what)?,
            }
        }
    }

    fn is_last(&self) -> bool {
        self.next == self.files.len()
    }

    fn open_segment(&mut self) -> Result<(), JournalError> {
        let file = self.files[self.next].clone();
        let mut source = Source::open(&*self.disk, &file)?;
        let mut bytes = [0; HEADER_BYTES];
        let header = read_header(&mut source, &file, self.stream, &mut bytes)?;
        if let Some(before) = &self.header {
            let follows = header.number == before.number + 1
                && header.previous == self.chain
                && header.first_seq.checked_sub(1) == self.last_seq;
            if !follows {
                let what = "the segment does not follow the one before it";
                return Err(JournalError::damaged(&file.path, 0, what));
            }
        }
        self.bytes_max = match source.raw_file() {
            Some(raw) => raw.len().map_err(JournalError::io("measure", &file.path))?,
            None => header.segment_bytes,
        }
        .try_into()
        .unwrap_or(usize::MAX);
        (self.seed, self.chain) = format::segment_seeds(&bytes);
        self.last_seq = header.first_seq.checked_sub(1);
        self.header = Some(header);
        self.path = file.path;
        self.source = Some(source);
        self.next += 1;
        (self.begin, self.end, self.cursor, self.group_end) = (0, 0, 0, 0);
        self.base = HEADER_BYTES as u64;
        self.is_exhausted = false;
        Ok(())
    }

    /// Makes `count` bytes after `begin` available; false where the segment ends before.
    #[inline]
    fn ensure(&mut self, count: usize) -> Result<bool, JournalError> {
        if self.end - self.begin >= count {
            return Ok(true);
        }
        self.refill(count)
    }

    #[cold]
    fn refill(&mut self, count: usize) -> Result<bool, JournalError> {
        let Some(source) = self.source.as_mut().filter(|_| !self.is_exhausted) else {
            return Ok(false);
        };
        self.buf.copy_within(self.begin..self.end, 0);
        self.base += self.begin as u64;
        self.end -= self.begin;
        (self.begin, self.cursor, self.group_end) = (0, 0, 0);
        let wanted = count.next_power_of_two().max(READ_BYTES).min(self.bytes_max.max(count));
        if self.buf.len() < wanted {
            self.buf.resize(wanted, 0);
        }
        let room = &mut self.buf[self.end..];
        let filled = source.fill(room, &self.path, self.base + self.end as u64)?;
        self.is_exhausted = filled < room.len();
        self.end += filled;
        Ok(self.end >= count)
    }

    /// Verifies the group at `begin`.
    fn load_group(&mut self) -> Result<Group, JournalError> {
        let (mut rel, mut records, mut last_seq) = (0, 0_u64, self.last_seq);
        loop {
            let invalid = |what| Ok(Group::Invalid { rel, records, what });
            if !self.ensure(rel + RECORD_HEAD_BYTES)? {
                return invalid("the file ends without a seal");
            }
            let Some(len) = format::decode_len(&self.buf[self.begin + rel..]) else {
                return invalid("no record begins here");
            };
            let size = padded(len);
            if rel + size > GROUP_BYTES_MAX + COMMIT_BYTES {
                return invalid("a commit group above the limit");
            }
            if !self.ensure(rel + size)? {
                return invalid("the file ends inside a record");
            }
            let at = self.begin + rel;
            let offset = self.base + at as u64;
            let record = &self.buf[at..at + size];
            if !format::is_record_valid(self.seed, offset, record, len) {
                return invalid("a record's checksum is wrong");
            }
            let head = format::decode_head(record);
            if head.kind >= KIND_RESERVED_MIN {
                return self.finish_group(rel, (records, last_seq), &head, len);
            }
            if last_seq.is_some_and(|last| head.seq <= last) {
                let what = "a record's sequence runs back";
                return Err(JournalError::damaged(&self.path, offset, what));
            }
            last_seq = Some(head.seq);
            records += 1;
            rel += size;
        }
    }

    fn finish_group(
        &mut self,
        rel: usize,
        (records, last_seq): (u64, Option<u64>),
        head: &RecordHead,
        len: usize,
    ) -> Result<Group, JournalError> {
        let at = self.begin + rel;
        let damaged = |what| Err(JournalError::damaged(&self.path, self.base + at as u64, what));
        let is_seal = match head.kind {
            KIND_COMMIT => false,
            KIND_SEAL => true,
            _ => return damaged("a record of an unknown reserved kind"),
        };
        let Some(commit) = Commit::decode(&self.buf[at + RECORD_HEAD_BYTES..at + len]) else {
            return damaged("a commit record of another form");
        };
        let group = &self.buf[self.begin..at];
        if commit.chain != format::chain_after(&self.chain, group, head, &commit) {
            return damaged("the hash chain does not lead here");
        }
        let is_last = records == 0 || last_seq == Some(head.seq);
        if u64::from(commit.count) != records || (is_seal && records > 0) || !is_last {
            return damaged("a commit that counts other records");
        }
        self.chain = commit.chain;
        self.last_seq = last_seq;
        (self.cursor, self.group_end) = (self.begin, at);
        self.begin = at + padded(len);
        Ok(if is_seal { Group::Sealed } else { Group::Verified })
    }

    fn finish_segment(&mut self) -> Result<(), JournalError> {
        let sealed_at = self.base + self.begin as u64;
        let segment_bytes = self.header.as_ref().map_or(0, |header| header.segment_bytes);
        // A compressed file could unpack to zeros without end.
        while self.base + self.end as u64 <= segment_bytes && self.ensure(1)? {
            let rest = &self.buf[self.begin..self.end];
            if let Some(at) = rest.iter().position(|byte| *byte != 0) {
                let offset = self.base + (self.begin + at) as u64;
                return Err(JournalError::damaged(&self.path, offset, "bytes after the seal"));
            }
            self.begin = self.end;
        }
        let len = self.base + self.end as u64;
        // The writer cuts a sealed file to its length; a crash may have come before.
        if len != sealed_at && len != segment_bytes {
            return Err(JournalError::damaged(
                &self.path,
                len,
                "another length than the seal says",
            ));
        }
        if self.is_last() {
            self.tail = Some(Tail::Sealed);
        } else {
            self.source = None;
        }
        Ok(())
    }

    fn finish_invalid(
        &mut self,
        rel: usize,
        records: u64,
        what: &'static str,
    ) -> Result<(), JournalError> {
        let group_at = self.base + self.begin as u64;
        let invalid_at = group_at + rel as u64;
        (self.cursor, self.group_end) = (self.begin, self.begin);
        let (Some(Source::Raw(_)), true) = (&self.source, self.is_last()) else {
            return Err(JournalError::damaged(&self.path, invalid_at, what));
        };
        let segment_bytes =
            self.header.as_ref().expect("Invariant: a source has its header").segment_bytes;
        let raw = self.source.as_ref().and_then(Source::raw_file);
        let raw = raw.expect("Invariant: matched as raw above");
        let rest = Rest { file: raw, path: &self.path, seed: self.seed, group_at };
        let found = rest.read()?;
        if found.len > segment_bytes {
            let what = "the file is longer than its segment";
            return Err(JournalError::damaged(&self.path, segment_bytes, what));
        }
        if found.is_synced_beyond {
            return Err(JournalError::damaged(&self.path, invalid_at, what));
        }
        let missing_bytes = segment_bytes - found.len;
        self.tail = Some(if found.used_bytes == 0 && missing_bytes == 0 {
            Tail::Open
        } else {
            Tail::Torn(Torn {
                file: self.path.clone(),
                offset: group_at,
                bytes: found.used_bytes,
                missing_bytes,
                records: records.max(found.records),
            })
        });
        Ok(())
    }
}

/// Reads and checks the header of a segment file.
pub(crate) fn read_header(
    source: &mut Source,
    file: &SegmentFile,
    stream: Stream,
    bytes: &mut [u8; HEADER_BYTES],
) -> Result<SegmentHeader, JournalError> {
    let filled = source.fill(bytes, &file.path, 0)?;
    if filled < HEADER_BYTES {
        let what = "the file ends inside its header";
        return Err(JournalError::damaged(&file.path, filled as u64, what));
    }
    let header = SegmentHeader::decode(bytes, &file.path)?;
    if header.stream != stream || header.number != file.number {
        return Err(JournalError::damaged(&file.path, 12, "another segment under this name"));
    }
    Ok(header)
}

/// What follows the last verified group of a stream's last segment.
struct Rest<'a> {
    file: &'a dyn DiskFile,
    path: &'a Path,
    seed: u32,
    group_at: u64,
}

#[derive(Default)]
struct Found {
    len: u64,
    /// Bytes up to the last that is not zero.
    used_bytes: u64,
    /// Records that valid commits there count.
    records: u64,
    /// A valid commit there says that a sync had covered more than the last verified group.
    is_synced_beyond: bool,
}

impl Rest<'_> {
    fn read(&self) -> Result<Found, JournalError> {
        let len = self.file.len().map_err(JournalError::io("measure", self.path))?;
        let mut found = Found { len, ..Found::default() };
        let rest = usize::try_from(len.saturating_sub(self.group_at)).unwrap_or(usize::MAX);
        // A commit may begin at the chunk's last aligned offset: its bytes are read as well.
        let mut buf = vec![0; rest.min(READ_BYTES) + COMMIT_BYTES];
        let mut at = self.group_at;
        while at < len {
            let filled =
                read_full(self.file, &mut buf, at).map_err(JournalError::io("read", self.path))?;
            let step = filled.min(READ_BYTES);
            if step == 0 {
                break;
            }
            self.inspect(&buf[..filled], step, at, &mut found);
            at += step as u64;
        }
        Ok(found)
    }

    fn inspect(&self, bytes: &[u8], step: usize, at: u64, found: &mut Found) {
        for (index, block) in bytes[..step].chunks(4096).enumerate() {
            if block.iter().fold(0, |any, byte| any | byte) == 0 {
                continue;
            }
            let begin = index * 4096;
            let last = block.iter().rposition(|byte| *byte != 0).unwrap_or(0);
            found.used_bytes = at + (begin + last) as u64 + 1 - self.group_at;
            for rel in (begin..begin + block.len()).step_by(8) {
                if rel + COMMIT_BYTES <= bytes.len() {
                    self.inspect_commit(&bytes[rel..rel + COMMIT_BYTES], at + rel as u64, found);
                }
            }
        }
    }

    fn inspect_commit(&self, bytes: &[u8], offset: u64, found: &mut Found) {
        if format::u32_at(bytes, 0) as usize != COMMIT_LEN {
            return;
        }
        let kind = format::decode_head(bytes).kind;
        let is_commit = kind == KIND_COMMIT || kind == KIND_SEAL;
        if !is_commit || !format::is_record_valid(self.seed, offset, bytes, COMMIT_LEN) {
            return;
        }
        if let Some(commit) = Commit::decode(&bytes[RECORD_HEAD_BYTES..COMMIT_LEN]) {
            found.records += u64::from(commit.count);
            found.is_synced_beyond |= commit.durable_offset > self.group_at;
        }
    }
}
