//! Anchors: the core's whole state after a record, and its hash.
//!
//! ```text
//! magic 8 | major u16 | minor u16 | zero u32 | seq u64 | bytes u64 | blake3 32 | crc32c u32 | zero u32
//! ```
//!
//! then the state. An anchor is written under a temporary name, synced and renamed, so that a crash
//! leaves either the whole of it or nothing.

use std::path::{Path, PathBuf};

use crate::disk::{Disk, read_full, write_full};
use crate::error::JournalError;
use crate::format::{Hash, VERSION_MAJOR, VERSION_MINOR, u16_at, u32_at, u64_at};
use crate::limits::ANCHOR_BYTES_MAX;
use crate::segment::{TEMPORARY, with_suffix};

/// Name of the directory in the journal's.
pub(crate) const DIRECTORY: &str = "anchors";
const MAGIC: [u8; 8] = *b"RIPTANCH";
const HEAD_BYTES: usize = 72;
const CRC_AT: usize = 64;

/// A state of the core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// The state is the one after this record.
    pub seq: u64,
    /// BLAKE3 of `bytes`.
    pub hash: Hash,
    /// The state, as the core wrote it.
    pub bytes: Vec<u8>,
}

fn path_of(dir: &Path, seq: u64) -> PathBuf {
    dir.join(DIRECTORY).join(format!("{seq:020}.anchor"))
}

pub(crate) fn check_size(bytes: &[u8]) -> Result<(), JournalError> {
    let bytes_max = usize::try_from(ANCHOR_BYTES_MAX).unwrap_or(usize::MAX);
    if bytes.len() > bytes_max {
        return Err(JournalError::TooLarge { bytes: bytes.len(), bytes_max });
    }
    Ok(())
}

pub(crate) fn write(
    disk: &dyn Disk,
    dir: &Path,
    seq: u64,
    bytes: &[u8],
) -> Result<Hash, JournalError> {
    let hash = *blake3::hash(bytes).as_bytes();
    let mut head = [0; HEAD_BYTES];
    head[..8].copy_from_slice(&MAGIC);
    head[8..10].copy_from_slice(&VERSION_MAJOR.to_le_bytes());
    head[10..12].copy_from_slice(&VERSION_MINOR.to_le_bytes());
    head[16..24].copy_from_slice(&seq.to_le_bytes());
    head[24..32].copy_from_slice(&(bytes.len() as u64).to_le_bytes());
    head[32..CRC_AT].copy_from_slice(&hash);
    let crc = crc32c::crc32c(&head[..CRC_AT]);
    head[CRC_AT..CRC_AT + 4].copy_from_slice(&crc.to_le_bytes());

    let path = path_of(dir, seq);
    let temporary = with_suffix(&path, TEMPORARY);
    let file = disk.create(&temporary).map_err(JournalError::io("create", &temporary))?;
    file.allocate((HEAD_BYTES + bytes.len()) as u64)
        .map_err(JournalError::io("allocate", &temporary))?;
    write_full(&*file, &head, 0).map_err(JournalError::io("write", &temporary))?;
    write_full(&*file, bytes, HEAD_BYTES as u64).map_err(JournalError::io("write", &temporary))?;
    file.sync_data().map_err(JournalError::io("sync", &temporary))?;
    disk.rename(&temporary, &path).map_err(JournalError::io("rename", &temporary))?;
    let directory = dir.join(DIRECTORY);
    disk.sync_dir(&directory).map_err(JournalError::io("sync", &directory))?;
    Ok(hash)
}

/// Sequences of the anchors that are there, rising.
///
/// # Errors
///
/// The disk's.
pub fn list(disk: &dyn Disk, dir: &Path) -> Result<Vec<u64>, JournalError> {
    let directory = dir.join(DIRECTORY);
    let names = disk.list(&directory).map_err(JournalError::io("list", &directory))?;
    let seq = |name: &String| {
        let digits = name.strip_suffix(".anchor")?;
        let seq: u64 = digits.parse().ok()?;
        (format!("{seq:020}") == digits).then_some(seq)
    };
    let mut found: Vec<u64> = names.iter().filter_map(seq).collect();
    found.sort_unstable();
    Ok(found)
}

/// Reads an anchor and checks every byte of it.
///
/// # Errors
///
/// Damage, a newer version, or the disk's.
pub fn read(disk: &dyn Disk, dir: &Path, seq: u64) -> Result<Anchor, JournalError> {
    let path = path_of(dir, seq);
    let damaged = |offset, what| Err(JournalError::damaged(&path, offset, what));
    let file = disk.open_read(&path).map_err(JournalError::io("open", &path))?;
    let mut head = [0; HEAD_BYTES];
    let filled = read_full(&*file, &mut head, 0).map_err(JournalError::io("read", &path))?;
    if filled < HEAD_BYTES {
        return damaged(filled as u64, "the file ends inside its header");
    }
    if head[..8] != MAGIC {
        return damaged(0, "not an anchor: wrong magic");
    }
    let found = u16_at(&head, 8);
    if found > VERSION_MAJOR {
        let supported = VERSION_MAJOR;
        return Err(JournalError::NewerVersion { file: path, found, supported });
    }
    let is_padding_zero = u32_at(&head, 12) == 0 && u32_at(&head, CRC_AT + 4) == 0;
    if u32_at(&head, CRC_AT) != crc32c::crc32c(&head[..CRC_AT]) || !is_padding_zero {
        return damaged(0, "the anchor header's checksum is wrong");
    }
    if u64_at(&head, 16) != seq {
        return damaged(16, "another anchor under this name");
    }
    let len = file.len().map_err(JournalError::io("measure", &path))?;
    let wanted = u64_at(&head, 24);
    if wanted > ANCHOR_BYTES_MAX || len != wanted.saturating_add(HEAD_BYTES as u64) {
        return damaged(24, "the file has another length than its header says");
    }
    let mut bytes = vec![0; usize::try_from(wanted).unwrap_or(0)];
    read_full(&*file, &mut bytes, HEAD_BYTES as u64).map_err(JournalError::io("read", &path))?;
    let hash = *blake3::hash(&bytes).as_bytes();
    if hash[..] != head[32..CRC_AT] {
        return damaged(HEAD_BYTES as u64, "the state's hash is not the one in the header");
    }
    Ok(Anchor { seq, hash, bytes })
}
