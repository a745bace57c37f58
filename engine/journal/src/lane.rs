//! One stream being written: its open segment and the group that grows.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::{Disk, DiskFile, write_full};
use crate::error::JournalError;
use crate::format::{
    self, COMMIT_BYTES, Commit, HEADER_BYTES, Hash, KIND_COMMIT, KIND_SEAL, RECORD_HEAD_BYTES,
    RecordHead, SegmentHeader, Stream, padded,
};
use crate::limits::{GROUP_BYTES_MAX, PAYLOAD_BYTES_MAX};
use crate::segment;

const DAY_NS: u64 = 86_400_000_000_000;

/// What every segment of a writer says about its origin.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) dir: PathBuf,
    pub(crate) segment_bytes: u64,
    pub(crate) build_hash: Hash,
    pub(crate) config_hash: Hash,
}

/// Where a new segment continues.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Continues {
    pub(crate) number: u64,
    pub(crate) first_seq: u64,
    pub(crate) previous: Hash,
}

#[derive(Debug)]
pub(crate) struct Lane {
    origin: Origin,
    stream: Stream,
    file: Box<dyn DiskFile>,
    path: PathBuf,
    number: u64,
    seed: u32,
    chain: Hash,
    /// End of the last written group. Unit: bytes.
    offset: u64,
    /// End of the last synced group. Unit: bytes.
    durable_offset: u64,
    pending: Vec<u8>,
    pending_count: u32,
    /// One above the highest appended sequence.
    next_seq: u64,
    pub(crate) written_seq: Option<u64>,
    pub(crate) durable_seq: Option<u64>,
    /// End of the UTC day of the segment's first record, 0 before there is one. Unit: Unix
    /// nanoseconds.
    day_end_ns: u64,
    pub(crate) was_rotated: bool,
    pub(crate) bytes_written: u64,
    pub(crate) groups: u64,
    pub(crate) syncs: u64,
}

/// The largest payload for which a segment of this size has room.
pub(crate) fn payload_bytes_max(segment_bytes: u64) -> usize {
    let fixed = HEADER_BYTES + 2 * COMMIT_BYTES + RECORD_HEAD_BYTES + 8;
    let room = usize::try_from(segment_bytes).unwrap_or(usize::MAX) - fixed;
    room.min(PAYLOAD_BYTES_MAX)
}

impl Lane {
    /// Begins a new segment.
    pub(crate) fn begin(
        origin: Origin,
        stream: Stream,
        continues: Continues,
        now_ns: u64,
    ) -> Result<Self, JournalError> {
        let last_seq = continues.first_seq.checked_sub(1);
        let (file, path, seed, chain) = new_segment(&origin, stream, continues, now_ns)?;
        Ok(Self {
            origin,
            stream,
            file,
            path,
            number: continues.number,
            seed,
            chain,
            offset: HEADER_BYTES as u64,
            durable_offset: HEADER_BYTES as u64,
            pending: Vec::with_capacity(1 << 20),
            pending_count: 0,
            next_seq: continues.first_seq,
            written_seq: last_seq,
            durable_seq: last_seq,
            day_end_ns: 0,
            was_rotated: false,
            bytes_written: HEADER_BYTES as u64,
            groups: 0,
            syncs: 1,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn is_unsynced(&self) -> bool {
        self.durable_offset < self.offset
    }

    pub(crate) fn check_seq(&self, seq: u64) -> Result<(), JournalError> {
        // The last number of all is kept free, so that "one above" always exists.
        if seq < self.next_seq || seq == u64::MAX {
            let last = self.next_seq.wrapping_sub(1);
            return Err(JournalError::OutOfOrder { stream: self.stream, seq, last });
        }
        Ok(())
    }

    /// Adds a record to the group where nothing has to be written first; false where something has.
    #[inline]
    pub(crate) fn try_append(&mut self, head: &RecordHead, payload: &[u8]) -> bool {
        let size = padded(RECORD_HEAD_BYTES + payload.len());
        let is_ready = head.time_ns < self.day_end_ns
            && self.has_room(size)
            && self.pending.len() + size <= GROUP_BYTES_MAX;
        if is_ready {
            self.push(head, payload);
        }
        is_ready
    }

    /// Adds a record to the group; writes the group, or begins a new segment, where the record needs
    /// it.
    #[cold]
    pub(crate) fn append(&mut self, head: &RecordHead, payload: &[u8]) -> Result<(), JournalError> {
        let size = padded(RECORD_HEAD_BYTES + payload.len());
        let is_new_day = self.day_end_ns != 0 && head.time_ns >= self.day_end_ns;
        if is_new_day || !self.has_room(size) || self.pending.len() + size > GROUP_BYTES_MAX {
            self.flush(head.time_ns)?;
        }
        if is_new_day || !self.has_room(size) {
            self.rotate(head.time_ns)?;
        }
        if self.day_end_ns == 0 {
            // The division rounds down: the day that the time lies in.
            self.day_end_ns = (head.time_ns / DAY_NS + 1).saturating_mul(DAY_NS);
        }
        self.push(head, payload);
        Ok(())
    }

    #[inline]
    fn push(&mut self, head: &RecordHead, payload: &[u8]) {
        let at = self.offset + self.pending.len() as u64;
        format::encode_record(&mut self.pending, self.seed, at, head, payload);
        self.pending_count += 1;
        self.next_seq = head.seq + 1;
    }

    /// Whether the record, its group's commit and the seal fit.
    fn has_room(&self, size: usize) -> bool {
        let used = self.offset + (self.pending.len() + size + 2 * COMMIT_BYTES) as u64;
        used <= self.origin.segment_bytes
    }

    fn push_commit(&mut self, kind: u16, now_ns: u64) {
        let seq = self.next_seq.wrapping_sub(1);
        let head = RecordHead { seq, kind, version: 1, time_ns: now_ns };
        let mut commit = Commit {
            chain: [0; 32],
            durable_offset: self.durable_offset,
            count: self.pending_count,
        };
        commit.chain = format::chain_after(&self.chain, &self.pending, &head, &commit);
        let at = self.offset + self.pending.len() as u64;
        format::encode_record(&mut self.pending, self.seed, at, &head, &commit.encode());
        self.chain = commit.chain;
    }

    fn write_pending(&mut self) -> Result<(), JournalError> {
        write_full(&*self.file, &self.pending, self.offset)
            .map_err(JournalError::io("write", &self.path))?;
        self.offset += self.pending.len() as u64;
        self.bytes_written += self.pending.len() as u64;
        self.pending.clear();
        self.pending_count = 0;
        Ok(())
    }

    /// Writes the group with its commit, if there is one; does not sync.
    pub(crate) fn flush(&mut self, now_ns: u64) -> Result<(), JournalError> {
        if self.pending_count == 0 {
            return Ok(());
        }
        self.push_commit(KIND_COMMIT, now_ns);
        self.write_pending()?;
        self.written_seq = self.next_seq.checked_sub(1);
        self.groups += 1;
        Ok(())
    }

    /// Waits until everything written is on the disk.
    pub(crate) fn sync(&mut self) -> Result<(), JournalError> {
        if !self.is_unsynced() {
            return Ok(());
        }
        self.file.sync_data().map_err(JournalError::io("sync", &self.path))?;
        self.syncs += 1;
        self.durable_offset = self.offset;
        self.durable_seq = self.written_seq;
        Ok(())
    }

    /// Ends the segment: group, seal, cut to its length, all synced.
    ///
    /// The cut comes after the seal is safe: a crash between the two leaves a seal and zeros, which
    /// readers take as sealed.
    pub(crate) fn seal(&mut self, now_ns: u64) -> Result<(), JournalError> {
        self.flush(now_ns)?;
        self.sync()?;
        self.push_commit(KIND_SEAL, now_ns);
        self.write_pending()?;
        self.sync()?;
        self.file.set_len(self.offset).map_err(JournalError::io("cut", &self.path))?;
        self.file.sync_data().map_err(JournalError::io("sync", &self.path))?;
        self.syncs += 1;
        Ok(())
    }

    /// Ends the segment and begins the next.
    pub(crate) fn rotate(&mut self, now_ns: u64) -> Result<(), JournalError> {
        self.seal(now_ns)?;
        let continues =
            Continues { number: self.number + 1, first_seq: self.next_seq, previous: self.chain };
        let (file, path, seed, chain) = new_segment(&self.origin, self.stream, continues, now_ns)?;
        (self.file, self.path, self.seed, self.chain) = (file, path, seed, chain);
        self.number = continues.number;
        (self.offset, self.durable_offset) = (HEADER_BYTES as u64, HEADER_BYTES as u64);
        self.bytes_written += HEADER_BYTES as u64;
        self.syncs += 1;
        self.day_end_ns = 0;
        self.was_rotated = true;
        Ok(())
    }
}

type NewSegment = (Box<dyn DiskFile>, PathBuf, u32, Hash);

fn new_segment(
    origin: &Origin,
    stream: Stream,
    continues: Continues,
    now_ns: u64,
) -> Result<NewSegment, JournalError> {
    let header = SegmentHeader {
        version: (format::VERSION_MAJOR, format::VERSION_MINOR),
        stream,
        number: continues.number,
        first_seq: continues.first_seq,
        created_ns: now_ns,
        segment_bytes: origin.segment_bytes,
        build_hash: origin.build_hash,
        config_hash: origin.config_hash,
        previous: continues.previous,
    };
    let (file, path) = segment::create(&*origin.disk, &origin.dir, &header)?;
    let (seed, chain) = format::segment_seeds(&header.encode());
    Ok((file, path, seed, chain))
}

/// A lane's last segment as a start found it, to be ended where its last valid group ends.
#[derive(Debug)]
pub(crate) struct Unsealed<'a> {
    pub(crate) path: &'a Path,
    pub(crate) header: &'a [u8; HEADER_BYTES],
    pub(crate) end: u64,
    pub(crate) chain: Hash,
    pub(crate) last_seq: Option<u64>,
}

/// Cuts what follows the last valid group and seals the segment; returns the chain after the seal.
///
/// The cut is synced before the seal is written: a seal never has old bytes after it.
pub(crate) fn seal_recovered(
    disk: &dyn Disk,
    found: &Unsealed<'_>,
    now_ns: u64,
) -> Result<Hash, JournalError> {
    let file = disk.open_write(found.path).map_err(JournalError::io("open", found.path))?;
    file.set_len(found.end).map_err(JournalError::io("cut", found.path))?;
    file.sync_data().map_err(JournalError::io("sync", found.path))?;
    let (seed, _) = format::segment_seeds(found.header);
    let seq = found.last_seq.unwrap_or(u64::MAX);
    let head = RecordHead { seq, kind: KIND_SEAL, version: 1, time_ns: now_ns };
    let mut commit = Commit { chain: [0; 32], durable_offset: found.end, count: 0 };
    commit.chain = format::chain_after(&found.chain, &[], &head, &commit);
    let mut bytes = Vec::with_capacity(COMMIT_BYTES);
    format::encode_record(&mut bytes, seed, found.end, &head, &commit.encode());
    write_full(&*file, &bytes, found.end).map_err(JournalError::io("write", found.path))?;
    file.sync_data().map_err(JournalError::io("sync", found.path))?;
    Ok(commit.chain)
}
