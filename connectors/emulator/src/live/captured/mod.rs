//! A recording, paced in time: what a recorder wrote down happens again, on the same exchanges and
//! the same ledger that the stochastic market would use.
//!
//! A recording's receive times are moved so that its first usable moment is the start of market time.
//! Everything before that moment (connecting, the first snapshots) has happened when the feed is
//! opened, so that no client meets a half-built book. What the recording lacks stays as it is: quotes
//! that clients take come back when the recording states that price again.

mod books;
mod chain;
mod line;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use crate::chain::SharedLedger;
use crate::exchange::SharedExchange;
use crate::happening::{ExchangeId, Happening};
use crate::serve::Feed;
use books::Books;
use chain::Accounts;
use line::{Header, Line};

/// Longest line. The largest real frame (a whole BTC book) has five megabytes, twice that escaped.
const LINE_BYTES_MAX: u64 = 32 << 20;

/// Longest stretch of a recording before its first usable moment. Unit: nanoseconds.
const LEAD_IN_NS: u64 = 30_000_000_000;

/// Lines of one call: seconds of the busiest recording. The next call goes on from there.
const LINES_PER_CALL: usize = 20_000;

/// Slots go on in this step while the recording stands still. Unit: nanoseconds.
const SLOT_NS: u64 = 400_000_000;

/// One file of a recording.
#[derive(Clone, Debug)]
pub struct CaptureFile {
    /// A recorder's lines, plain or compressed with zstd (by the name's ending `.zst`).
    pub path: PathBuf,
    /// Added to every receive time. Unit: nanoseconds.
    pub shift_ns: i64,
}

/// Why a recording cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The first line is not a recorder's header of a known venue.
    #[error("{} does not begin with the header of a recording (format 2) of a known venue", path.display())]
    Header {
        /// Which.
        path: PathBuf,
    },
    /// There is nothing in it to begin with.
    #[error(
        "no file of the recording holds a snapshot of a book or the accounts of a pool within its first 30 s"
    )]
    Empty,
}

/// What a recording held that was not played.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CapturedCounts {
    /// Lines read.
    pub lines: u64,
    /// Frames that say nothing about a book, a trade, a slot or an account.
    pub other: u64,
    /// Lines or frames that could not be read.
    pub malformed: u64,
    /// Frames of products that the exchange does not have.
    pub unknown_products: u64,
    /// Prices or sizes finer than 10⁻⁸, or out of range.
    pub off_grid: u64,
}

/// Whose file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Exchange(ExchangeId),
    Chain,
}

/// An open file, and its next line.
struct Source {
    path: PathBuf,
    origin: Origin,
    shift_ns: i64,
    reader: BufReader<Box<dyn Read + Send>>,
    next: Option<(u64, Line)>,
    is_primed: bool,
}

/// A recording as a feed. See the module.
pub struct Captured {
    sources: Vec<Source>,
    exchanges: [SharedExchange; 3],
    ledger: SharedLedger,
    books: Books,
    accounts: Accounts,
    counts: CapturedCounts,
    /// Added to a recording's time for market time. Unit: nanoseconds.
    moved_ns: i128,
    frozen_ns: Option<u64>,
    next_slot_ns: u64,
    reached_ns: u64,
    /// What has happened and was not told yet.
    told: VecDeque<Happening>,
}

impl Captured {
    /// Opens the files and plays them up to the first moment at which every file has shown all that
    /// it begins with: that moment is `start_ns` (Unix nanoseconds of market time).
    ///
    /// The ledger has to have [`crate::chain::SlotClock::Recorded`] and to begin before the
    /// recording's first slot: see [`first_slot`].
    ///
    /// # Errors
    ///
    /// [`CaptureError`].
    pub fn open(
        files: &[CaptureFile],
        start_ns: u64,
        exchanges: [SharedExchange; 3],
        ledger: SharedLedger,
    ) -> Result<Self, CaptureError> {
        let sources: Result<Vec<Source>, CaptureError> = files.iter().map(Source::open).collect();
        let mut captured = Self {
            sources: sources?,
            exchanges,
            ledger,
            books: Books::default(),
            accounts: Accounts::default(),
            counts: CapturedCounts::default(),
            moved_ns: 0,
            frozen_ns: None,
            next_slot_ns: 0,
            reached_ns: start_ns,
            told: VecDeque::new(),
        };
        for source in &mut captured.sources {
            source.advance(&mut captured.counts);
        }
        captured.lead_in(start_ns)?;
        Ok(captured)
    }

    /// What was not played so far.
    #[must_use]
    pub const fn counts(&self) -> CapturedCounts {
        self.counts
    }

    /// Whether every file has come to its end.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.sources.iter().all(|source| source.next.is_none())
    }

    /// Plays until every file is primed, all at `start_ns`.
    fn lead_in(&mut self, start_ns: u64) -> Result<(), CaptureError> {
        let first = self.earliest().map(|(_, at)| at).ok_or(CaptureError::Empty)?;
        let mut last = first;
        while let Some((index, at)) = self.earliest() {
            let is_ready = self.sources.iter().all(|source| source.is_primed);
            if is_ready || at - first > LEAD_IN_NS {
                break;
            }
            last = at;
            self.play(index, start_ns);
        }
        if !self.sources.iter().any(|source| source.is_primed) {
            return Err(CaptureError::Empty);
        }
        self.moved_ns = i128::from(start_ns) - i128::from(last);
        Ok(())
    }

    /// The file with the earliest line, and that line's own time; of equals the first file's.
    fn earliest(&self) -> Option<(usize, u64)> {
        let times = self.sources.iter().enumerate();
        times
            .filter_map(|(index, source)| Some((index, source.next.as_ref()?.0)))
            .min_by_key(|(index, at)| (*at, *index))
    }

    /// Market time of a recording's time.
    fn market_ns(&self, at_ns: u64) -> u64 {
        u64::try_from(i128::from(at_ns) + self.moved_ns).unwrap_or(0)
    }

    /// Plays one file's next line.
    fn play(&mut self, index: usize, now_ns: u64) {
        let Some(source) = self.sources.get_mut(index) else { return };
        let Some((_, line)) = source.next.take() else { return };
        source.advance(&mut self.counts);
        let done = match source.origin {
            Origin::Exchange(id) => {
                let exchange = &self.exchanges[id as usize];
                self.books.take(now_ns, id, &line, &mut super::locked(exchange), &mut self.counts)
            }
            Origin::Chain => {
                let mut ledger = super::locked(&self.ledger);
                let done = self.accounts.take(now_ns, &line, &mut ledger, &mut self.counts);
                self.told.extend(ledger.advance(now_ns));
                done
            }
        };
        source.is_primed |= done;
        if let Origin::Exchange(id) = source.origin {
            self.told.extend(super::locked(&self.exchanges[id as usize]).drain());
        }
    }

    /// While nothing moves, the chain still makes slots.
    fn stand_still(&mut self, now_ns: u64) {
        // A call comes every few milliseconds; one that comes much later makes up for a minute.
        for _ in 0..150 {
            if self.next_slot_ns > now_ns {
                return;
            }
            let mut ledger = super::locked(&self.ledger);
            self.accounts.next_slot(self.next_slot_ns, &mut ledger);
            self.told.extend(ledger.advance(self.next_slot_ns));
            self.next_slot_ns += SLOT_NS;
        }
        self.next_slot_ns = now_ns + SLOT_NS;
    }

    fn collect(&mut self) {
        for exchange in &self.exchanges {
            self.told.extend(super::locked(exchange).drain());
        }
    }
}

impl Feed for Captured {
    fn advance(&mut self, now_ns: u64) -> Vec<Happening> {
        self.collect();
        let end_ns = self.frozen_ns.map_or(now_ns, |frozen_ns| frozen_ns.min(now_ns));
        for _ in 0..LINES_PER_CALL {
            let Some((index, at)) = self.earliest() else { break };
            let at_ns = self.market_ns(at);
            if at_ns > end_ns {
                break;
            }
            self.reached_ns = self.reached_ns.max(at_ns);
            self.play(index, self.reached_ns);
        }
        if self.frozen_ns.is_some_and(|frozen_ns| frozen_ns <= now_ns) || self.is_over() {
            self.next_slot_ns = self.next_slot_ns.max(self.reached_ns);
            self.stand_still(now_ns);
        }
        self.reached_ns = self.reached_ns.max(end_ns);
        let mut ledger = super::locked(&self.ledger);
        self.told.extend(ledger.advance(now_ns));
        drop(ledger);
        std::mem::take(&mut self.told).into()
    }

    fn freeze(&mut self, at_ns: u64) {
        if self.frozen_ns.is_none() {
            let at_ns = at_ns.max(self.reached_ns);
            self.frozen_ns = Some(at_ns);
            self.next_slot_ns = at_ns + SLOT_NS;
        }
    }

    fn thaw(&mut self, now_ns: u64) {
        if let Some(frozen_ns) = self.frozen_ns.take() {
            self.moved_ns += i128::from(now_ns.saturating_sub(frozen_ns));
        }
    }
}

impl Source {
    fn open(file: &CaptureFile) -> Result<Self, CaptureError> {
        let error = |source| CaptureError::File { path: file.path.clone(), source };
        let plain = File::open(&file.path).map_err(error)?;
        let is_packed = file.path.extension().is_some_and(|ending| ending == "zst");
        let reader: Box<dyn Read + Send> = if is_packed {
            Box::new(zstd::stream::read::Decoder::new(plain).map_err(error)?)
        } else {
            Box::new(plain)
        };
        let mut source = Self {
            path: file.path.clone(),
            origin: Origin::Chain,
            shift_ns: file.shift_ns,
            reader: BufReader::new(reader),
            next: None,
            is_primed: false,
        };
        let first = source.read().map_err(error)?.unwrap_or_default();
        let header =
            Header::parse(&first).ok_or(CaptureError::Header { path: file.path.clone() })?;
        source.origin = match header.exchange.as_str() {
            "COINBASE" => Origin::Exchange(ExchangeId::Coinbase),
            "GEMINI" => Origin::Exchange(ExchangeId::Gemini),
            "BITSTAMP" => Origin::Exchange(ExchangeId::Bitstamp),
            "SOLANA" => Origin::Chain,
            _ => return Err(CaptureError::Header { path: file.path.clone() }),
        };
        Ok(source)
    }

    /// One line; `None` at the end.
    fn read(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        let mut bytes = Vec::new();
        let count = (&mut self.reader).take(LINE_BYTES_MAX).read_until(b'\n', &mut bytes)?;
        Ok((count > 0).then_some(bytes))
    }

    /// Reads on to the next line that can be played. A file that breaks off ends there.
    fn advance(&mut self, counts: &mut CapturedCounts) {
        self.next = None;
        loop {
            let Ok(Some(bytes)) = self.read().inspect_err(|_| counts.malformed += 1) else {
                return;
            };
            counts.lines += 1;
            match Line::parse(&bytes) {
                Some((at_ns, line)) => {
                    let at_ns = at_ns.saturating_add_signed(self.shift_ns);
                    self.next = Some((at_ns, line));
                    return;
                }
                None => counts.malformed += 1,
            }
        }
    }
}

impl std::fmt::Debug for Captured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let paths: Vec<&Path> = self.sources.iter().map(|source| source.path.as_path()).collect();
        f.debug_struct("Captured")
            .field("files", &paths)
            .field("counts", &self.counts)
            .finish_non_exhaustive()
    }
}

/// The first slot that a recording of the chain shows, for a ledger that is to begin before it;
/// `None` where no file shows one.
///
/// # Errors
///
/// [`CaptureError::File`] and [`CaptureError::Header`].
pub fn first_slot(files: &[CaptureFile]) -> Result<Option<u64>, CaptureError> {
    for file in files {
        let mut source = Source::open(file)?;
        if source.origin != Origin::Chain {
            continue;
        }
        let mut counts = CapturedCounts::default();
        source.advance(&mut counts);
        while let Some((_, line)) = source.next.take() {
            if let Some(slot) = chain::slot_of(&line) {
                return Ok(Some(slot));
            }
            source.advance(&mut counts);
        }
    }
    Ok(None)
}
