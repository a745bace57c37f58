//! Compresses closed market segments and deletes whole segments that are old enough.
//!
//! The last segment of a stream is never touched, so that this may run beside the writer. A file
//! named `legal-hold` in the journal's directory stops every deletion. The caller records what
//! [`apply`] says was deleted.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::{Disk, DiskFile, write_full};
use crate::error::JournalError;
use crate::format::{HEADER_BYTES, SegmentHeader, Stream};
use crate::limits::READ_BYTES;
use crate::reader::SeqRange;
use crate::scan::{Scan, read_header};
use crate::segment::{self, SegmentFile, TEMPORARY, with_suffix};
use crate::source::Source;

/// Name of the file that stops deletion.
pub const LEGAL_HOLD: &str = "legal-hold";

const DAY_NS: u64 = 86_400_000_000_000;

/// How long segments are kept and how hard they are pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetentionPolicy {
    /// Unit: days after the segment was closed.
    pub market_days: u64,
    /// Unit: days after the segment was closed.
    pub ledger_days: u64,
    /// Level of zstd for closed market segments.
    pub zstd_level: i32,
}

impl Default for RetentionPolicy {
    /// 30 days; 5 years with one leap day; level 3.
    fn default() -> Self {
        Self { market_days: 30, ledger_days: 1826, zstd_level: 3 }
    }
}

/// A segment that is compressed now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compressed {
    /// The new file.
    pub file: PathBuf,
    /// Bytes before.
    pub bytes_before: u64,
    /// Bytes after.
    pub bytes_after: u64,
}

/// A segment that is gone now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deleted {
    /// The removed file.
    pub file: PathBuf,
    /// Its stream.
    pub stream: Stream,
    /// Its number.
    pub number: u64,
    /// Sequences that it may have held; `None` where it was empty.
    pub seqs: Option<SeqRange>,
}

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RetentionReport {
    /// Segments compressed, in order.
    pub compressed: Vec<Compressed>,
    /// Segments deleted, in order.
    pub deleted: Vec<Deleted>,
    /// Segments that are old enough and stay because of the legal hold.
    pub held: u64,
}

/// Deletes and compresses what `policy` asks for at `now_ns` (Unix nanoseconds).
///
/// A segment counts as closed when its successor was made. Every crash in between leaves a journal
/// that reads the same; a second call finishes the work.
///
/// # Errors
///
/// The disk's, and damage found while a segment is compressed: the raw file then stays.
pub fn apply(
    disk: &Arc<dyn Disk>,
    dir: &Path,
    policy: &RetentionPolicy,
    now_ns: u64,
) -> Result<RetentionReport, JournalError> {
    let names = disk.list(dir).map_err(JournalError::io("list", dir))?;
    let is_held = names.iter().any(|name| name == LEGAL_HOLD);
    let mut report = RetentionReport::default();
    for (stream, days) in
        [(Stream::Market, policy.market_days), (Stream::Ledger, policy.ledger_days)]
    {
        let files = segment::list(&**disk, dir, stream)?;
        let kept = delete(&**disk, dir, stream, &files, (days, now_ns), is_held, &mut report)?;
        if stream == Stream::Market {
            compress_closed(disk, dir, &files[kept..], policy.zstd_level, &mut report)?;
        }
    }
    Ok(report)
}

fn header_of(
    disk: &dyn Disk,
    stream: Stream,
    file: &SegmentFile,
) -> Result<SegmentHeader, JournalError> {
    read_header(&mut Source::open(disk, file)?, file, stream, &mut [0; HEADER_BYTES])
}

/// Deletes from the oldest on; returns how many of `files` are gone.
fn delete(
    disk: &dyn Disk,
    dir: &Path,
    stream: Stream,
    files: &[SegmentFile],
    (days, now_ns): (u64, u64),
    is_held: bool,
    report: &mut RetentionReport,
) -> Result<usize, JournalError> {
    let mut gone = 0;
    for pair in files.windows(2) {
        let (header, next) =
            (header_of(disk, stream, &pair[0])?, header_of(disk, stream, &pair[1])?);
        if next.created_ns.saturating_add(days.saturating_mul(DAY_NS)) > now_ns {
            break;
        }
        if is_held {
            report.held += 1;
            continue;
        }
        // Both forms may be there after a crash. The raw one is what readers prefer: it goes last.
        let compressed = segment::compressed_path(dir, stream, header.number);
        for path in [&compressed, &pair[0].path] {
            match disk.remove(path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                other => other.map_err(JournalError::io("remove", path))?,
            }
        }
        let directory = segment::stream_dir(dir, stream);
        // Before the next removal: a crash must not leave a hole.
        disk.sync_dir(&directory).map_err(JournalError::io("sync", &directory))?;
        let seqs = (next.first_seq > header.first_seq)
            .then(|| SeqRange { first: header.first_seq, last: next.first_seq - 1 });
        let file = pair[0].path.clone();
        report.deleted.push(Deleted { file, stream, number: header.number, seqs });
        gone += 1;
    }
    Ok(gone)
}

fn compress_closed(
    disk: &Arc<dyn Disk>,
    dir: &Path,
    files: &[SegmentFile],
    level: i32,
    report: &mut RetentionReport,
) -> Result<(), JournalError> {
    let closed = files.len().saturating_sub(1);
    for file in files[..closed].iter().filter(|file| !file.is_compressed) {
        verify(disk, file)?;
        let target = segment::compressed_path(dir, Stream::Market, file.number);
        let temporary = with_suffix(&target, TEMPORARY);
        let (bytes_before, hash) = compress(&**disk, file, &temporary, level)?;
        let pressed = SegmentFile { path: temporary.clone(), is_compressed: true, ..file.clone() };
        if hash_of(&mut Source::open(&**disk, &pressed)?, &temporary)? != (bytes_before, hash) {
            let what = "does not decompress to what was compressed";
            return Err(JournalError::damaged(&temporary, 0, what));
        }
        disk.rename(&temporary, &target).map_err(JournalError::io("rename", &temporary))?;
        let directory = segment::stream_dir(dir, Stream::Market);
        disk.sync_dir(&directory).map_err(JournalError::io("sync", &directory))?;
        disk.remove(&file.path).map_err(JournalError::io("remove", &file.path))?;
        disk.sync_dir(&directory).map_err(JournalError::io("sync", &directory))?;
        let bytes_after = disk
            .open_read(&target)
            .and_then(|file| file.len())
            .map_err(JournalError::io("measure", &target))?;
        report.compressed.push(Compressed { file: target, bytes_before, bytes_after });
    }
    Ok(())
}

/// A damaged segment is not compressed: the evidence stays as it is.
fn verify(disk: &Arc<dyn Disk>, file: &SegmentFile) -> Result<(), JournalError> {
    let mut scan = Scan::new(Arc::clone(disk), Stream::Market, vec![file.clone()], 0);
    while scan.peek()?.is_some() {
        scan.skip_group();
    }
    match scan.tail() {
        Some(crate::reader::Tail::Sealed) => Ok(()),
        _ => Err(JournalError::damaged(&file.path, 0, "a closed segment without a seal")),
    }
}

fn hash_of(source: &mut Source, path: &Path) -> Result<(u64, blake3::Hash), JournalError> {
    let mut hasher = blake3::Hasher::new();
    let mut buf = vec![0; READ_BYTES];
    let mut total = 0;
    loop {
        let filled = source.fill(&mut buf, path, total)?;
        hasher.update(&buf[..filled]);
        total += filled as u64;
        if filled < buf.len() {
            return Ok((total, hasher.finalize()));
        }
    }
}

struct FileWriter<'a> {
    file: &'a dyn DiskFile,
    offset: u64,
}

impl io::Write for FileWriter<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        write_full(self.file, buf, self.offset)?;
        self.offset += buf.len() as u64;
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes and syncs the compressed form; returns length and hash of the raw bytes.
fn compress(
    disk: &dyn Disk,
    file: &SegmentFile,
    temporary: &Path,
    level: i32,
) -> Result<(u64, blake3::Hash), JournalError> {
    let mut source = Source::open(disk, file)?;
    let output = disk.create(temporary).map_err(JournalError::io("create", temporary))?;
    let failed = |error| JournalError::io("compress into", temporary)(error);
    let writer = FileWriter { file: &*output, offset: 0 };
    let mut encoder = zstd::stream::write::Encoder::new(writer, level).map_err(failed)?;
    encoder.include_checksum(true).map_err(failed)?;
    let mut hasher = blake3::Hasher::new();
    let mut buf = vec![0; READ_BYTES];
    let mut total = 0;
    loop {
        let filled = source.fill(&mut buf, &file.path, total)?;
        hasher.update(&buf[..filled]);
        encoder.write_all(&buf[..filled]).map_err(failed)?;
        total += filled as u64;
        if filled < buf.len() {
            break;
        }
    }
    encoder.finish().map_err(failed)?;
    output.sync_data().map_err(JournalError::io("sync", temporary))?;
    Ok((total, hasher.finalize()))
}
