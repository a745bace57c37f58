//! Small journals in memory, and what a reader makes of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine_journal::disk::{Disk, SimDisk};
use engine_journal::reader::End;
use engine_journal::{JournalError, Reader, RecordHead, Stream, SyncPolicy, Writer, WriterOptions};

/// Nanoseconds of a day.
pub(crate) const DAY_NS: u64 = 86_400_000_000_000;
/// A morning.
pub(crate) const START_NS: u64 = 20_600 * DAY_NS + 9 * 3_600_000_000_000;

/// A record with its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owned {
    pub(crate) stream: Stream,
    pub(crate) head: RecordHead,
    pub(crate) payload: Vec<u8>,
}

pub(crate) fn dir() -> &'static Path {
    Path::new("/journal")
}

pub(crate) fn shared(disk: &SimDisk) -> Arc<dyn Disk> {
    Arc::new(disk.clone())
}

pub(crate) fn options(sync: SyncPolicy) -> WriterOptions {
    WriterOptions {
        segment_bytes: 4096,
        sync,
        build_hash: [0xB1; 32],
        config_hash: [0xC0; 32],
        first_seq: 1,
        now_ns: START_NS,
    }
}

/// Record `seq`: everything about it follows from its number.
pub(crate) fn record(seq: u64) -> Owned {
    let stream = if seq % 3 == 1 { Stream::Ledger } else { Stream::Market };
    let kind = u16::try_from(seq % 7).expect("below seven");
    let length = usize::try_from(seq * 37 % 151).expect("small");
    let byte = u8::try_from(seq % 251).expect("below 251") | 1;
    let head = RecordHead { seq, kind, version: 1, time_ns: START_NS + seq * 1_000 };
    Owned { stream, head, payload: vec![byte; length] }
}

pub(crate) fn records(first: u64, last: u64) -> Vec<Owned> {
    (first..=last).map(record).collect()
}

pub(crate) fn append(writer: &mut Writer, record: &Owned) -> Result<(), JournalError> {
    writer.append(record.stream, record.head, &record.payload)
}

/// Appends records, committing after every `group`.
pub(crate) fn write(
    writer: &mut Writer,
    records: &[Owned],
    group: usize,
) -> Result<(), JournalError> {
    for chunk in records.chunks(group) {
        chunk.iter().try_for_each(|record| append(writer, record))?;
        writer.commit(chunk[chunk.len() - 1].head.time_ns)?;
    }
    Ok(())
}

/// Everything a reader returns before its end or its error.
pub(crate) fn read(disk: &SimDisk) -> (Vec<Owned>, Result<End, JournalError>) {
    read_from(disk, 0)
}

pub(crate) fn read_from(disk: &SimDisk, from_seq: u64) -> (Vec<Owned>, Result<End, JournalError>) {
    let mut found = Vec::new();
    let mut reader = match Reader::open_from(&shared(disk), dir(), from_seq) {
        Ok(reader) => reader,
        Err(error) => return (found, Err(error)),
    };
    loop {
        match reader.next_record() {
            Ok(Some(record)) => found.push(Owned {
                stream: record.stream,
                head: record.head,
                payload: record.payload.to_vec(),
            }),
            Ok(None) => return (found, Ok(reader.end().expect("the end was reached"))),
            Err(error) => return (found, Err(error)),
        }
    }
}

/// A journal of records 1 to `last`, sealed or as a killed writer leaves it.
pub(crate) fn journal(last: u64, is_closed: bool) -> SimDisk {
    let disk = SimDisk::default();
    let (mut writer, _) =
        Writer::open(&shared(&disk), dir(), options(SyncPolicy::Always)).expect("a new journal");
    write(&mut writer, &records(1, last), 4).expect("a healthy disk");
    if is_closed {
        writer.close(START_NS + 1).expect("a healthy disk");
    }
    disk
}

pub(crate) fn of_stream(records: &[Owned], stream: Stream) -> Vec<Owned> {
    records.iter().filter(|record| record.stream == stream).cloned().collect()
}

/// Fails unless each stream of `found` is a beginning of the same stream of `written`.
pub(crate) fn assert_prefix(found: &[Owned], written: &[Owned], what: &str) {
    for stream in Stream::ALL {
        let (found, written) = (of_stream(found, stream), of_stream(written, stream));
        assert!(found.len() <= written.len(), "{what}: {stream} has more than was written");
        assert!(found[..] == written[..found.len()], "{what}: {stream} is no prefix");
    }
}

pub(crate) fn segment(stream: Stream, number: u64) -> PathBuf {
    dir().join(stream.name()).join(format!("{number:08}.seg"))
}
