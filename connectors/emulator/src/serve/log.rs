//! A line for every text frame written, with the monotonic time just before the write.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Mutex;

use rustix::time::{ClockId, clock_gettime};

/// Lines wait here for the disk, so that a write to the file falls between two frames about every
/// twenty thousand frames, or when the server has nothing to do.
const BUFFER_BYTES: usize = 1024 * 1024;

/// The log. Written as `venue,connection,frame,mono_ns,bytes`, one line per frame, with a heading.
#[derive(Debug)]
pub(super) struct FrameLog {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    file: BufWriter<File>,
    /// First failure; nothing is written after it.
    error: Option<io::Error>,
}

/// `CLOCK_MONOTONIC`. Unit: nanoseconds.
#[must_use]
pub fn monotonic_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    seconds * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}

impl FrameLog {
    /// Creates the file, or empties it.
    ///
    /// # Errors
    ///
    /// It cannot be created or written.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let mut file = BufWriter::with_capacity(BUFFER_BYTES, File::create(path)?);
        writeln!(file, "venue,connection,frame,mono_ns,bytes")?;
        Ok(Self { inner: Mutex::new(Inner { file, error: None }) })
    }

    /// Notes a frame that is about to be written, or has been: `mono_ns` says when.
    pub(super) fn note(
        &self,
        venue: &str,
        connection: u64,
        frame: u64,
        mono_ns: u64,
        bytes: usize,
    ) {
        self.with(|file| writeln!(file, "{venue},{connection},{frame},{mono_ns},{bytes}"));
    }

    /// Hands what waits to the system.
    pub(super) fn flush(&self) {
        self.with(BufWriter::flush);
    }

    /// What went wrong with the file, if anything did.
    #[must_use]
    pub(super) fn failure(&self) -> Option<String> {
        let inner = self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        inner.error.as_ref().map(ToString::to_string)
    }

    fn with(&self, work: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) {
        let mut inner = self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if inner.error.is_none()
            && let Err(error) = work(&mut inner.file)
        {
            inner.error = Some(error);
        }
    }
}
