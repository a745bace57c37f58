//! Takes a ledger in, from its beginning or from where it was left.

use std::path::Path;
use std::sync::Arc;

use engine_journal::disk::{Disk, RealDisk};
use engine_journal::reader::{Tail, Torn};
use engine_journal::records::{self, Begin, End};
use engine_journal::{Reader, Record, Stream, batch};
use engine_model::Event;
use rusqlite::Connection;

use crate::decisions::{self, Taken};
use crate::error::StoreError;
use crate::rows::{Again, Place, Row, Rows};
use crate::run::{Run, WallClock};

/// What a journal had to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Projected {
    /// Whether the rows before were kept.
    pub how: How,
    /// Ledger records taken in this time.
    pub records: u64,
    /// Decisions among them.
    pub decisions: u64,
    /// Number of the last record that is taken in, of all times.
    pub last_seq: Option<u64>,
    /// Decisions, of all times, about what began before the oldest record: they have no row.
    pub orphans: u64,
    /// Bytes at the ledger's end that no commit covers. They are in no row.
    pub torn: Option<Torn>,
}

/// How a store came up to date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// New rows were added to what was there.
    Continued,
    /// Everything was made anew.
    Rebuilt,
}

/// Opens a journal's ledger at its oldest record.
pub(crate) fn open(journal: &Path) -> Result<Reader, StoreError> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    Ok(Reader::open_ledger(&disk, journal, 0)?)
}

/// Takes in what the ledger holds beyond the last projection. None, after which the transaction
/// must be rolled back, when that projection was not of this journal as it is now.
pub(crate) fn advance(
    connection: &Connection,
    file: &Path,
    journal: &Path,
) -> Result<Option<Projected>, StoreError> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let mut reader = open(journal)?;
    let identity = identity(&reader);
    let mut projection = Projection::new(Rows::new(connection, file), journal);
    if let Some(saved) = Saved::load(connection, file)? {
        if saved.journal != identity {
            return Ok(None);
        }
        reader = Reader::open_ledger(&disk, journal, saved.last_seq)?;
        let is_there = reader.next_record()?.is_some_and(|record| {
            let head = &record.head;
            (head.seq, head.kind, record.payload)
                == (saved.last_seq, saved.last_kind, &saved.last_record)
        });
        if !is_there || !projection.restore(&disk, saved)? {
            return Ok(None);
        }
    }
    while let Some(record) = reader.next_record()? {
        projection.take(&record)?;
    }
    let how = How::Continued;
    let Projection { last, records, decisions, orphans, .. } = &projection;
    let (records, decisions, orphans) = (*records, *decisions, *orphans);
    let last_seq = last.as_ref().map(|it| it.seq);
    if records > 0 {
        projection.save(&identity)?;
    }
    let torn = match reader.end().map(|end| end.ledger.tail) {
        Some(Tail::Torn(torn)) => Some(torn),
        Some(Tail::Sealed | Tail::Open | Tail::Absent) | None => None,
    };
    Ok(Some(Projected { how, records, decisions, last_seq, orphans, torn }))
}

/// Which journal this is: the head of its oldest ledger segment, with when and by what it was
/// written. Once retention has taken that segment away, it is another one, and so are the rows.
fn identity(reader: &Reader) -> Vec<u8> {
    let Some(header) = reader.header(Stream::Ledger) else { return Vec::new() };
    let numbers = [header.number, header.first_seq, header.created_ns];
    let numbers = numbers.into_iter().flat_map(u64::to_le_bytes);
    numbers.chain(header.build_hash).chain(header.config_hash).chain(header.previous).collect()
}

/// The last record that was taken in.
struct Last {
    seq: u64,
    kind: u16,
    record: Vec<u8>,
}

/// A projection under way.
struct Projection<'a> {
    rows: Rows<'a>,
    journal: &'a Path,
    run: Option<Run>,
    last: Option<Last>,
    events: Vec<Event>,
    records: u64,
    decisions: u64,
    orphans: u64,
}

impl<'a> Projection<'a> {
    const fn new(rows: Rows<'a>, journal: &'a Path) -> Self {
        Self {
            rows,
            journal,
            run: None,
            last: None,
            events: Vec::new(),
            records: 0,
            decisions: 0,
            orphans: 0,
        }
    }

    /// Goes on from a saved state; false when the start of its run is gone.
    fn restore(&mut self, disk: &Arc<dyn Disk>, saved: Saved) -> Result<bool, StoreError> {
        if let Some((id, begin_seq)) = saved.run {
            let mut reader = Reader::open_ledger(disk, self.journal, begin_seq)?;
            let Some(record) = reader.next_record()? else { return Ok(false) };
            if (record.head.seq, record.head.kind) != (begin_seq, records::BEGIN) {
                return Ok(false);
            }
            let place = Place { journal: self.journal, seq: begin_seq };
            let begin = decode::<Begin>(place, &record, "the run's start")?;
            self.run = Some(Run::known(place, begin, id, saved.clock)?);
        }
        self.orphans = saved.orphans;
        self.last =
            Some(Last { seq: saved.last_seq, kind: saved.last_kind, record: saved.last_record });
        Ok(true)
    }

    fn take(&mut self, record: &Record<'_>) -> Result<(), StoreError> {
        let place = Place { journal: self.journal, seq: record.head.seq };
        match record.head.kind {
            records::BATCH => {
                check_version(place, record)?;
                let unpacked = batch::decode(record.payload, &mut self.events);
                unpacked.map_err(|error| place.bad(format!("a batch: {error}")))?;
                if let Some(run) = &mut self.run {
                    run.observe(&self.events);
                }
            }
            records::BEGIN => {
                let begin = decode::<Begin>(place, record, "the run's start")?;
                let run = Run::new(place, begin, self.run.as_ref())?;
                run.write(&mut self.rows, place)?;
                self.run = Some(run);
            }
            records::DECISION => {
                let decided = decode(place, record, "a decision")?;
                self.decisions += 1;
                let taken = match &self.run {
                    Some(run) => decisions::take(&mut self.rows, place, run, &decided)?,
                    None => Taken::Orphan,
                };
                self.orphans += u64::from(taken == Taken::Orphan);
            }
            records::END => {
                let end = decode::<End>(place, record, "the run's end")?;
                self.end(place, record.head.time_ns, &end)?;
            }
            records::RETENTION => (),
            // What is not understood would be missing from the rows without anybody being told.
            kind => return Err(place.bad(format!("kind {kind}, unknown to this program"))),
        }
        self.records += 1;
        let last = self.last.get_or_insert_with(|| Last { seq: 0, kind: 0, record: Vec::new() });
        (last.seq, last.kind) = (record.head.seq, record.head.kind);
        last.record.clear();
        last.record.extend_from_slice(record.payload);
        Ok(())
    }

    fn end(&mut self, place: Place<'_>, at_ns: u64, end: &End) -> Result<(), StoreError> {
        let Some(run) = &self.run else {
            self.orphans += 1;
            return Ok(());
        };
        let row = Row::of(place)
            .int("begin_seq", run.begin_seq)?
            .int("end_seq", place.seq)?
            .int("ended_ns", at_ns)?
            .int("events", end.events)?
            .int("batches", end.batches)?
            .int("open_opportunities", end.open_opportunities)?
            .int("open_trades", end.open_trades)?
            .text("digest", format!("{:016x}", end.digest));
        self.rows.update("runs", 1, &row).map(|_| ())
    }

    fn save(&mut self, identity: &[u8]) -> Result<(), StoreError> {
        let last = self.last.as_ref().expect("Invariant: saved after a record");
        let place = Place { journal: self.journal, seq: last.seq };
        let run = self.run.as_ref();
        let clock = run.map_or_else(WallClock::default, |it| it.clock);
        let row = Row::of(place)
            .int("only", 1)?
            .blob("journal", identity)
            .int("last_seq", last.seq)?
            .int("last_kind", last.kind)?
            .blob("last_record", &last.record)
            .int_or_null("run", run.map(|it| it.id))?
            .int_or_null("begin_seq", run.map(|it| it.begin_seq))?
            .int("wall_offset_ns", clock.offset_ns)?
            .int("wall_from_ns", clock.from_ns)?
            .int("wall_before_ns", clock.before_ns)?
            .int("orphans", self.orphans)?;
        self.rows.put("projection", &row, (1, Again::Replace), None).map(|_| ())
    }
}

/// The row of `projection`.
struct Saved {
    journal: Vec<u8>,
    last_seq: u64,
    last_kind: u16,
    last_record: Vec<u8>,
    /// Its number, and where its tables are recorded.
    run: Option<(u64, u64)>,
    clock: WallClock,
    orphans: u64,
}

impl Saved {
    fn load(connection: &Connection, file: &Path) -> Result<Option<Self>, StoreError> {
        let failed = |error| StoreError::sqlite("read", file)(error);
        let sql = "SELECT journal, last_seq, last_kind, last_record, run, begin_seq, \
                   wall_offset_ns, wall_from_ns, wall_before_ns, orphans FROM projection";
        let mut statement = connection.prepare(sql).map_err(failed)?;
        let mut rows = statement.query(()).map_err(failed)?;
        let Some(row) = rows.next().map_err(failed)? else { return Ok(None) };
        let unsigned = |index: usize| -> Result<u64, StoreError> {
            let number: i64 = row.get(index).map_err(failed)?;
            u64::try_from(number).map_err(|_| bad_progress(file))
        };
        let run = match row.get::<_, Option<i64>>(4).map_err(failed)? {
            Some(_) => Some((unsigned(4)?, unsigned(5)?)),
            None => None,
        };
        Ok(Some(Self {
            journal: row.get(0).map_err(failed)?,
            last_seq: unsigned(1)?,
            last_kind: u16::try_from(unsigned(2)?).map_err(|_| bad_progress(file))?,
            last_record: row.get(3).map_err(failed)?,
            run,
            clock: WallClock {
                offset_ns: row.get(6).map_err(failed)?,
                from_ns: unsigned(7)?,
                before_ns: row.get(8).map_err(failed)?,
            },
            orphans: unsigned(9)?,
        }))
    }
}

fn bad_progress(file: &Path) -> StoreError {
    let what = "the row that says how far the journal was taken in".to_owned();
    StoreError::Damaged { file: file.to_owned(), what }
}

fn check_version(place: Place<'_>, record: &Record<'_>) -> Result<(), StoreError> {
    let found = record.head.version;
    if found == records::VERSION {
        return Ok(());
    }
    Err(place.bad(format!("layout {found}, this program reads {}", records::VERSION)))
}

fn decode<'r, T: serde::Deserialize<'r>>(
    place: Place<'_>,
    record: &Record<'r>,
    what: &str,
) -> Result<T, StoreError> {
    check_version(place, record)?;
    records::decode(record.payload).map_err(|error| place.bad(format!("{what}: {error}")))
}
