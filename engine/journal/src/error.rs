//! What can go wrong with a journal. Every variant names the file, and the offset where one exists.

use std::io;
use std::path::{Path, PathBuf};

use crate::format::Stream;

/// Why a journal cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// A call to the disk failed: full, read-only, gone, not permitted.
    #[error("cannot {operation} {}", file.display())]
    Io {
        /// The file or directory.
        file: PathBuf,
        /// What was being attempted, as a verb.
        operation: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// Bytes that no crash can have left there.
    #[error("{}: damaged at byte {offset}: {what}", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// Where. Unit: bytes from the start of the (decompressed) file.
        offset: u64,
        /// What contradicts what.
        what: &'static str,
    },
    /// Written by a newer program.
    #[error(
        "{}: format version {found}, but this program reads versions up to {supported}; use the \
         program that wrote it",
        file.display()
    )]
    NewerVersion {
        /// The file.
        file: PathBuf,
        /// Major version of the file.
        found: u16,
        /// Newest major version read here.
        supported: u16,
    },
    /// A segment between two others, or the one after a recorded end, is not there.
    #[error("{}: segment {number} of the {stream} stream is missing", directory.display())]
    MissingSegment {
        /// The stream's directory.
        directory: PathBuf,
        /// The stream.
        stream: Stream,
        /// The missing number.
        number: u64,
    },
    /// Not a journal at all.
    #[error("{}: not a journal: no segment in it", directory.display())]
    NotAJournal {
        /// The directory.
        directory: PathBuf,
    },
    /// Another process writes this journal.
    #[error("{}: another process writes this journal", file.display())]
    Locked {
        /// The lock file.
        file: PathBuf,
    },
    /// An earlier write or sync failed; nothing may be written by this writer any more.
    #[error("the writer stopped at an earlier failure: cannot {operation} {}: {cause}", file.display())]
    Stopped {
        /// The file that failed.
        file: PathBuf,
        /// What failed.
        operation: &'static str,
        /// The system's answer then.
        cause: String,
    },
    /// A record that the format cannot hold.
    #[error("a record of {bytes} payload bytes is above the limit of {bytes_max}")]
    TooLarge {
        /// Bytes of the payload.
        bytes: usize,
        /// Most bytes that this journal takes.
        bytes_max: usize,
    },
    /// A record whose sequence does not follow its stream's last one.
    #[error("record {seq} of the {stream} stream does not follow {last}")]
    OutOfOrder {
        /// The stream.
        stream: Stream,
        /// Sequence of the refused record.
        seq: u64,
        /// Sequence of the stream's last record.
        last: u64,
    },
    /// A kind that the journal keeps for itself.
    #[error("record kind {kind} is reserved")]
    ReservedKind {
        /// The refused kind.
        kind: u16,
    },
    /// Options that contradict the limits.
    #[error("a segment of {bytes} bytes is outside {min}..={max} or no multiple of 8")]
    SegmentBytes {
        /// The refused size.
        bytes: u64,
        /// Smallest.
        min: u64,
        /// Largest.
        max: u64,
    },
    /// Both streams hold a record of the same sequence.
    #[error("{}: both streams hold record {seq}", directory.display())]
    SameSeq {
        /// The journal's directory.
        directory: PathBuf,
        /// The sequence.
        seq: u64,
    },
}

impl JournalError {
    pub(crate) fn io(operation: &'static str, file: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { file: file.to_owned(), operation, source }
    }

    pub(crate) fn damaged(file: &Path, offset: u64, what: &'static str) -> Self {
        Self::Damaged { file: file.to_owned(), offset, what }
    }

    /// Whether the disk has no room: the caller halts new trades and frees its ballast.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull)
    }
}
