//! What can be wrong with a recording.

use core::fmt;

use super::{CAPTURE_BYTES_MAX, CONNECTIONS_MAX, LINE_BYTES_MAX};

/// Where in a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offset {
    /// 1-based line of the decompressed text.
    pub line: u64,
    /// Offset in the decompressed text. Unit: bytes.
    pub bytes: usize,
}

/// A recording that cannot be used, or not from here on.
#[derive(Debug)]
pub struct CaptureError {
    /// The file.
    pub name: Box<str>,
    /// Where; `None` when the file as a whole is meant.
    pub at: Option<Offset>,
    /// What is wrong.
    pub fault: CaptureFault,
}

/// What is wrong with a recording.
#[derive(Debug, thiserror::Error)]
pub enum CaptureFault {
    /// The file is not there or may not be read.
    #[error("cannot open it: {source}")]
    Open {
        /// The system's answer.
        source: std::io::Error,
    },
    /// Reading failed half-way.
    #[error("cannot read on: {source}")]
    Read {
        /// The system's answer.
        source: std::io::Error,
    },
    /// The zstd stream is cut or damaged.
    #[error("the zstd stream is cut or damaged: {source}")]
    Zstd {
        /// The decompressor's answer.
        source: std::io::Error,
    },
    /// More text than a recording may have.
    #[error("larger than {CAPTURE_BYTES_MAX} bytes when decompressed")]
    TooLarge,
    /// A byte that is no UTF-8.
    #[error("not UTF-8 text")]
    NotUtf8,
    /// It does not begin as a recording does.
    #[error("not a recorder file: {says}")]
    NotARecording {
        /// What was found.
        says: &'static str,
    },
    /// A line that is no record.
    #[error("{says}")]
    BadLine {
        /// What is wrong with it.
        says: String,
    },
    /// A line longer than a line may be.
    #[error("a line of {bytes} bytes, above {LINE_BYTES_MAX}")]
    LineTooLong {
        /// Its length. Unit: bytes.
        bytes: usize,
    },
    /// The last line is not whole.
    #[error("the file is cut inside its last line")]
    Cut,
    /// More connection names than a capture may have.
    #[error("more than {CONNECTIONS_MAX} connections")]
    TooManyConnections,
}

impl CaptureError {
    pub(super) fn whole(name: &str, fault: CaptureFault) -> Self {
        Self { name: name.into(), at: None, fault }
    }

    pub(super) fn at(name: &str, line: u64, bytes: usize, fault: CaptureFault) -> Self {
        Self { name: name.into(), at: Some(Offset { line, bytes }), fault }
    }

    /// Whether there is no such file, in contrast to one that cannot be used.
    #[must_use]
    pub fn is_missing_file(&self) -> bool {
        matches!(self.fault, CaptureFault::Open { .. })
    }
}

impl fmt::Display for CaptureError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.name)?;
        if let Some(at) = self.at {
            write!(formatter, ":{} (offset {})", at.line, at.bytes)?;
        }
        write!(formatter, ": {}", self.fault)
    }
}

impl std::error::Error for CaptureError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.fault)
    }
}
