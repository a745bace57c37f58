//! The files of one venue: written by a thread of their own, cut by size and age.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use engine_model::Venue;

use super::{Line, RecordOptions};

/// What was flushed survives the process; how much newer text may be lost with it.
const FLUSH_EVERY: Duration = Duration::from_secs(1);
/// Fast, and already a tenth of the text.
const ZSTD_LEVEL: i32 = 3;

/// A venue's files.
pub(super) struct Series {
    dir: PathBuf,
    venue: Venue,
    options: RecordOptions,
    open: Open,
    written: Written,
}

/// The file that is written now.
struct Open {
    file: zstd::stream::write::Encoder<'static, File>,
    name: String,
    bytes: u64,
    since: Instant,
}

/// What was written.
#[derive(Clone, Debug, Default)]
pub(super) struct Written {
    pub(super) files: Vec<String>,
    pub(super) lines: u64,
    pub(super) bytes: u64,
}

fn name(venue: Venue, number: usize) -> String {
    format!("{}-{number:04}.jsonl.zst", venue.name())
}

fn open(dir: &Path, venue: Venue, number: usize) -> std::io::Result<Open> {
    let name = name(venue, number);
    let file = File::create_new(dir.join(format!("{name}.part")))?;
    let mut file = zstd::stream::write::Encoder::new(file, ZSTD_LEVEL)?;
    let header = format!(
        "{{\"t\":\"header\",\"format\":2,\"exchange\":\"{}\",\"config\":{{}}}}\n",
        venue.name().to_uppercase()
    );
    file.write_all(header.as_bytes())?;
    Ok(Open { file, name, bytes: header.len() as u64, since: Instant::now() })
}

impl Series {
    pub(super) fn open(dir: &Path, venue: Venue, options: RecordOptions) -> std::io::Result<Self> {
        let open = open(dir, venue, 1)?;
        Ok(Self { dir: dir.to_owned(), venue, options, open, written: Written::default() })
    }

    /// Writes lines until everybody who could send one is gone.
    pub(super) fn run(
        mut self,
        lines: &Receiver<Line>,
        waiting: &AtomicUsize,
    ) -> std::io::Result<Written> {
        let (mut text, mut flushed) = (String::new(), Instant::now());
        loop {
            match lines.recv_timeout(FLUSH_EVERY) {
                Ok(line) => {
                    waiting.fetch_sub(line.bytes(), Ordering::Relaxed);
                    text.clear();
                    line.write(&mut text);
                    self.put(&text)?;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if flushed.elapsed() >= FLUSH_EVERY {
                flushed = Instant::now();
                self.open.file.flush()?;
            }
        }
        self.end()?;
        Ok(self.written)
    }

    fn put(&mut self, text: &str) -> std::io::Result<()> {
        let is_due = self.open.bytes >= self.options.rotate_bytes
            || self.open.since.elapsed() >= Duration::from_secs(self.options.rotate_s);
        if is_due {
            self.end()?;
            self.open = open(&self.dir, self.venue, self.written.files.len() + 1)?;
        }
        self.open.file.write_all(text.as_bytes())?;
        self.open.bytes += text.len() as u64;
        self.written.bytes += text.len() as u64;
        self.written.lines += 1;
        Ok(())
    }

    /// Completes the file and gives it its name: whoever sees the name sees a whole file.
    fn end(&mut self) -> std::io::Result<()> {
        self.open.file.do_finish()?;
        self.open.file.get_ref().sync_all()?;
        let name = core::mem::take(&mut self.open.name);
        std::fs::rename(self.dir.join(format!("{name}.part")), self.dir.join(&name))?;
        self.written.files.push(name);
        Ok(())
    }
}
