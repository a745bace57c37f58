//! What can go wrong with a store. Every variant names the file or the record.

use std::io;
use std::path::{Path, PathBuf};

use engine_journal::JournalError;

/// Why a journal cannot be projected, or a store not used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The journal cannot be read. The store is as it was.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A record whose checksum holds and whose content this program cannot use.
    #[error("{}: record {seq}: {what}", journal.display())]
    Record {
        /// The journal's directory.
        journal: PathBuf,
        /// The record's number.
        seq: u64,
        /// What is wrong with it.
        what: String,
    },
    /// An amount that a column cannot hold. It is never cut.
    #[error("{}: record {seq}: {field} is {value}, outside 64 bits", journal.display())]
    OutOfRange {
        /// The journal's directory.
        journal: PathBuf,
        /// The record's number.
        seq: u64,
        /// Which amount.
        field: &'static str,
        /// The amount, in decimal.
        value: String,
    },
    /// A call to the system failed: full, read-only, gone, not permitted.
    #[error("cannot {operation} {}", file.display())]
    Io {
        /// The file or directory.
        file: PathBuf,
        /// What was being attempted, as a verb.
        operation: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// The database refused a call.
    #[error("cannot {operation} {}", file.display())]
    Sqlite {
        /// The file.
        file: PathBuf,
        /// What was being attempted, as a verb.
        operation: &'static str,
        /// The database's answer.
        source: rusqlite::Error,
    },
    /// Somebody else uses the file, for longer than is waited.
    #[error("{}: in use by another process or connection", file.display())]
    Busy {
        /// The file.
        file: PathBuf,
    },
    /// The file was made by a newer program.
    #[error(
        "{}: store version {found}, but this program knows versions up to {supported}",
        file.display()
    )]
    NewerVersion {
        /// The file.
        file: PathBuf,
        /// Version of the file.
        found: u32,
        /// Newest version known here.
        supported: u32,
    },
    /// The file is something else, and is left alone.
    #[error("{}: not a store of this program", file.display())]
    NotAStore {
        /// The file.
        file: PathBuf,
    },
    /// The file contradicts itself. A rebuild replaces it.
    #[error("{}: damaged: {what}", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// The first finding.
        what: String,
    },
}

impl StoreError {
    pub(crate) fn io(operation: &'static str, file: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { file: file.to_owned(), operation, source }
    }

    pub(crate) fn sqlite(
        operation: &'static str,
        file: &Path,
    ) -> impl FnOnce(rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        move |source| {
            let file = file.to_owned();
            match source.sqlite_error_code() {
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy { file },
                Some(ErrorCode::NotADatabase) => Self::NotAStore { file },
                Some(ErrorCode::DatabaseCorrupt) => {
                    Self::Damaged { file, what: source.to_string() }
                }
                _ => Self::Sqlite { file, operation, source },
            }
        }
    }
}
