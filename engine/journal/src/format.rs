//! The bytes of format version 1.0. All integers are little-endian.
//!
//! ```text
//! segment  header (256) | record | record | commit | record | commit | … | seal   or zeros
//! record   len u32 | crc32c u32 | seq u64 | kind u16 | version u16 | time_ns u64 | payload | pad
//! commit   a record of kind COMMIT (SEAL at the end of a segment) whose payload is
//!          chain 32 | durable_offset u64 | count u32 | zero u32
//! ```
//!
//! * `len` counts from its own first byte to the payload's last; padding with zeros to a multiple of
//!   8 follows. A length of zero is invalid, so that preallocated zeros end the log.
//! * A record's CRC covers everything after itself, and is begun with the segment header's CRC, the
//!   record's offset and its length: a record copied elsewhere, or left over from another segment,
//!   fails. A segment header's CRC covers stream, number, times and the chain before it.
//! * The chain: `hash = blake3(bytes of the group's records | hash before | the commit's kind, seq,
//!   time, durable_offset, count)`. The records come first so that their 1 KiB blocks begin at 0,
//!   which BLAKE3 takes many at a time: 256 small records in half the time of the other order. A segment's chain begins with the hash of its header, which holds the
//!   last hash of the segment before.
//! * `durable_offset` is how far a sync of this file had completed when the commit was written. It
//!   separates a torn tail from damage: bytes below the `durable_offset` of any later valid commit
//!   were safe once, so no crash can have lost them.

use std::fmt;
use std::path::Path;

use crate::error::JournalError;
use crate::limits::{PAYLOAD_BYTES_MAX, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN};

/// First bytes of a segment.
pub const MAGIC: [u8; 8] = *b"RIPTJRNL";
/// Major version written and the newest read.
pub const VERSION_MAJOR: u16 = 1;
/// Minor version written. A higher one adds kinds only.
pub const VERSION_MINOR: u16 = 0;
/// Bytes of a segment header.
pub const HEADER_BYTES: usize = 256;
/// Bytes of a record before its payload.
pub const RECORD_HEAD_BYTES: usize = 28;
/// Kind of the record that ends a commit group.
pub const KIND_COMMIT: u16 = 0xFFFF;
/// Kind of the record that ends a segment; an empty commit group of its own.
pub const KIND_SEAL: u16 = 0xFFFE;
/// Kinds from here on belong to the journal.
pub const KIND_RESERVED_MIN: u16 = 0xFF00;
/// `len` of a commit or seal.
pub const COMMIT_LEN: usize = RECORD_HEAD_BYTES + 48;
/// Bytes of a commit or seal in the file.
pub const COMMIT_BYTES: usize = padded(COMMIT_LEN);

/// A BLAKE3 hash.
pub type Hash = [u8; 32];

const CRC_AT: usize = 4;
const BODY_AT: usize = 8;
const HEADER_CRC_AT: usize = HEADER_BYTES - 4;

/// One of the two streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Stream {
    /// Books, pools, slots and rates. May be deleted early or not be recorded at all.
    Market = 0,
    /// Commands, configuration, approvals, fills and halts. Synced at every commit.
    Ledger = 1,
}

impl Stream {
    /// Both, in index order; also the order in which a commit writes them.
    pub const ALL: [Self; 2] = [Self::Market, Self::Ledger];

    /// Name of the stream and of its directory.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Market => "market",
            Self::Ledger => "ledger",
        }
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a record says besides its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordHead {
    /// Number in the sequence that both streams share.
    pub seq: u64,
    /// What the payload is; below [`KIND_RESERVED_MIN`].
    pub kind: u16,
    /// Version of the payload's layout.
    pub version: u16,
    /// Core time. Unit: Unix nanoseconds.
    pub time_ns: u64,
}

/// What a segment says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentHeader {
    /// Major and minor version of the file.
    pub version: (u16, u16),
    /// Whose segment it is.
    pub stream: Stream,
    /// Number in its stream, from 0.
    pub number: u64,
    /// Lowest sequence that may be in it: one above the last of the segment before.
    pub first_seq: u64,
    /// When it was made, as its writer said. Unit: Unix nanoseconds.
    pub created_ns: u64,
    /// Full size of the file while it is open. Unit: bytes.
    pub segment_bytes: u64,
    /// The program that wrote it.
    pub build_hash: Hash,
    /// The configuration it ran with.
    pub config_hash: Hash,
    /// Last hash of the segment before; zeros in the first.
    pub previous: Hash,
}

/// A commit's or seal's own content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The chain after this group.
    pub chain: Hash,
    /// How far this file was synced when the commit was written. Unit: bytes.
    pub durable_offset: u64,
    /// Records in the group.
    pub count: u32,
}

/// Rounds up to a multiple of 8.
#[must_use]
pub const fn padded(bytes: usize) -> usize {
    (bytes + 7) & !7
}

fn put(out: &mut [u8], at: usize, bytes: &[u8]) {
    out[at..at + bytes.len()].copy_from_slice(bytes);
}

/// Reads a little-endian `u16`. The slice must hold it.
pub(crate) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    let mut word = [0; 2];
    word.copy_from_slice(&bytes[at..at + 2]);
    u16::from_le_bytes(word)
}

/// Reads a little-endian `u32`. The slice must hold it.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

/// Reads a little-endian `u64`. The slice must hold it.
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

fn hash_at(bytes: &[u8], at: usize) -> Hash {
    let mut hash = [0; 32];
    hash.copy_from_slice(&bytes[at..at + 32]);
    hash
}

impl SegmentHeader {
    /// The header's bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut out = [0; HEADER_BYTES];
        put(&mut out, 0, &MAGIC);
        put(&mut out, 8, &self.version.0.to_le_bytes());
        put(&mut out, 10, &self.version.1.to_le_bytes());
        put(&mut out, 12, &u32::from(self.stream as u8).to_le_bytes());
        put(&mut out, 16, &self.number.to_le_bytes());
        put(&mut out, 24, &self.first_seq.to_le_bytes());
        put(&mut out, 32, &self.created_ns.to_le_bytes());
        put(&mut out, 40, &self.segment_bytes.to_le_bytes());
        put(&mut out, 48, &self.build_hash);
        put(&mut out, 80, &self.config_hash);
        put(&mut out, 112, &self.previous);
        let crc = crc32c::crc32c(&out[..HEADER_CRC_AT]);
        put(&mut out, HEADER_CRC_AT, &crc.to_le_bytes());
        out
    }

    /// Reads and checks a header that was found in `file`.
    ///
    /// # Errors
    ///
    /// [`JournalError::Damaged`], or [`JournalError::NewerVersion`] before anything else is believed.
    pub fn decode(bytes: &[u8; HEADER_BYTES], file: &Path) -> Result<Self, JournalError> {
        let damaged = |offset, what| Err(JournalError::damaged(file, offset, what));
        if bytes[..8] != MAGIC {
            return damaged(0, "not a segment: wrong magic");
        }
        let version = (u16_at(bytes, 8), u16_at(bytes, 10));
        if version.0 > VERSION_MAJOR {
            return Err(JournalError::NewerVersion {
                file: file.to_owned(),
                found: version.0,
                supported: VERSION_MAJOR,
            });
        }
        if u32_at(bytes, HEADER_CRC_AT) != crc32c::crc32c(&bytes[..HEADER_CRC_AT]) {
            return damaged(0, "the segment header's checksum is wrong");
        }
        let stream = match u32_at(bytes, 12) {
            0 => Stream::Market,
            1 => Stream::Ledger,
            _ => return damaged(12, "no such stream"),
        };
        let header = Self {
            version,
            stream,
            number: u64_at(bytes, 16),
            first_seq: u64_at(bytes, 24),
            created_ns: u64_at(bytes, 32),
            segment_bytes: u64_at(bytes, 40),
            build_hash: hash_at(bytes, 48),
            config_hash: hash_at(bytes, 80),
            previous: hash_at(bytes, 112),
        };
        if version.0 == 0 {
            return damaged(8, "format version 0 was never released");
        }
        if check_segment_bytes(header.segment_bytes).is_err() {
            return damaged(40, "a segment size outside the limits");
        }
        Ok(header)
    }
}

/// Checks a segment size.
///
/// # Errors
///
/// [`JournalError::SegmentBytes`].
pub fn check_segment_bytes(bytes: u64) -> Result<(), JournalError> {
    if (SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX).contains(&bytes) && bytes.is_multiple_of(8) {
        return Ok(());
    }
    Err(JournalError::SegmentBytes { bytes, min: SEGMENT_BYTES_MIN, max: SEGMENT_BYTES_MAX })
}

/// What every CRC of a segment begins with, and what its chain begins with.
#[must_use]
pub fn segment_seeds(header: &[u8; HEADER_BYTES]) -> (u32, Hash) {
    (u32_at(header, HEADER_CRC_AT), *blake3::hash(header).as_bytes())
}

/// Writes a header's CRC again after a change. For tools that test readers.
pub fn repair_header_crc(header: &mut [u8; HEADER_BYTES]) {
    let crc = crc32c::crc32c(&header[..HEADER_CRC_AT]);
    put(header, HEADER_CRC_AT, &crc.to_le_bytes());
}

/// CRC of the record at `offset` of the segment with `seed`. `record` is `len` bytes, unpadded.
///
/// XOR into the start value is enough: CRC is injective in it, so that the same bytes at another
/// place, or of another length, never agree.
#[must_use]
#[inline]
pub fn record_crc(seed: u32, offset: u64, record: &[u8]) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "segments and records are below 2^32 bytes"
    )]
    let place = (offset as u32) ^ (record.len() as u32).rotate_left(16);
    crc32c::crc32c_append(seed ^ place, &record[BODY_AT..])
}

/// Appends a record that will stand at `offset` of its segment; returns its bytes in the file.
///
/// # Panics
///
/// Where the payload is above [`PAYLOAD_BYTES_MAX`]: the writer has refused it before.
#[inline]
pub fn encode_record(
    out: &mut Vec<u8>,
    seed: u32,
    offset: u64,
    head: &RecordHead,
    payload: &[u8],
) -> usize {
    assert!(payload.len() <= PAYLOAD_BYTES_MAX, "Invariant: the writer refuses larger payloads");
    let len = RECORD_HEAD_BYTES + payload.len();
    let begin = out.len();
    out.reserve(padded(len) + 8);
    let mut fixed = [0; RECORD_HEAD_BYTES];
    #[expect(clippy::cast_possible_truncation, reason = "asserted to be at most 4 MiB")]
    put(&mut fixed, 0, &(len as u32).to_le_bytes());
    put(&mut fixed, 8, &head.seq.to_le_bytes());
    put(&mut fixed, 16, &head.kind.to_le_bytes());
    put(&mut fixed, 18, &head.version.to_le_bytes());
    put(&mut fixed, 20, &head.time_ns.to_le_bytes());
    out.extend_from_slice(&fixed);
    out.extend_from_slice(payload);
    let crc = record_crc(seed, offset, &out[begin..]);
    put(&mut out[begin..], CRC_AT, &crc.to_le_bytes());
    // Eight zeros, then back to what is needed: copies of a constant size are much cheaper.
    out.extend_from_slice(&[0; 8]);
    out.truncate(begin + padded(len));
    padded(len)
}

/// The chain after a group.
#[must_use]
pub fn chain_after(before: &Hash, records: &[u8], head: &RecordHead, commit: &Commit) -> Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(records).update(before);
    hasher.update(&head.kind.to_le_bytes());
    hasher.update(&head.seq.to_le_bytes()).update(&head.time_ns.to_le_bytes());
    hasher.update(&commit.durable_offset.to_le_bytes()).update(&commit.count.to_le_bytes());
    *hasher.finalize().as_bytes()
}

impl Commit {
    /// The payload of a commit or seal.
    #[must_use]
    pub fn encode(&self) -> [u8; COMMIT_LEN - RECORD_HEAD_BYTES] {
        let mut out = [0; COMMIT_LEN - RECORD_HEAD_BYTES];
        put(&mut out, 0, &self.chain);
        put(&mut out, 32, &self.durable_offset.to_le_bytes());
        put(&mut out, 40, &self.count.to_le_bytes());
        out
    }

    /// Reads the payload of a commit or seal; `None` where it has another length.
    #[must_use]
    pub fn decode(payload: &[u8]) -> Option<Self> {
        if payload.len() != COMMIT_LEN - RECORD_HEAD_BYTES || u32_at(payload, 44) != 0 {
            return None;
        }
        Some(Self {
            chain: hash_at(payload, 0),
            durable_offset: u64_at(payload, 32),
            count: u32_at(payload, 40),
        })
    }
}

/// Reads the head of the record that begins `bytes`. The slice must hold [`RECORD_HEAD_BYTES`].
#[must_use]
#[inline]
pub fn decode_head(bytes: &[u8]) -> RecordHead {
    RecordHead {
        seq: u64_at(bytes, 8),
        kind: u16_at(bytes, 16),
        version: u16_at(bytes, 18),
        time_ns: u64_at(bytes, 20),
    }
}

/// `len` of the record that begins `bytes`, where it can be one.
#[must_use]
#[inline]
pub fn decode_len(bytes: &[u8]) -> Option<usize> {
    let len = u32_at(bytes, 0) as usize;
    (RECORD_HEAD_BYTES..=RECORD_HEAD_BYTES + PAYLOAD_BYTES_MAX).contains(&len).then_some(len)
}

/// Whether `bytes`, a whole padded record at `offset`, is what was written there.
#[must_use]
#[inline]
pub fn is_record_valid(seed: u32, offset: u64, bytes: &[u8], len: usize) -> bool {
    u32_at(bytes, CRC_AT) == record_crc(seed, offset, &bytes[..len])
        && bytes[len..padded(len)].iter().all(|byte| *byte == 0)
}

/// Writes a record's padding and CRC again after a change. For tools that test readers.
pub fn repair_record_crc(seed: u32, offset: u64, bytes: &mut [u8], len: usize) {
    bytes[len..padded(len)].fill(0);
    let crc = record_crc(seed, offset, &bytes[..len]);
    put(bytes, CRC_AT, &crc.to_le_bytes());
}
