//! Journals: what a reader returns is a beginning of what was written, whatever was changed.
//!
//! The input is a script: which journal to begin with, what to repair, then edits of its files. The
//! repair reaches code behind the checksums:
//!
//! * *Nothing*, or *checksums* of headers and records: the hash chain stands in the way of every
//!   forgery, so each stream's records must be a beginning of the original ones, and of a closed
//!   journal all of them unless an error or a torn tail is told.
//! * *Checksums and chain*: other records may appear from the first changed group on. What was
//!   before it must come back, and sequences must rise.
//!
//! A start then may refuse, or must leave exactly the records that a reader had returned.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use engine_journal::disk::{Disk, SimDisk};
use engine_journal::format::{
    self, COMMIT_LEN, Commit, HEADER_BYTES, Hash, KIND_COMMIT, KIND_SEAL, RECORD_HEAD_BYTES, padded,
};
use engine_journal::limits::PAYLOAD_BYTES_MAX;
use engine_journal::reader::{End, Tail};
use engine_journal::retention::{self, RetentionPolicy};
use engine_journal::{JournalError, Reader, RecordHead, Stream, SyncPolicy, Writer, WriterOptions};

const DIR: &str = "/j";
const RECORDS: u64 = 34;
const EDIT_BYTES: usize = 5;
const EDITS_MAX: usize = 24;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Repair {
    Nothing,
    Checksums,
    Chain,
}

/// A record as it was returned.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Owned {
    head: RecordHead,
    payload: Vec<u8>,
}

/// A file of a journal, and what of it a change at an offset leaves alone.
struct Original {
    path: PathBuf,
    bytes: Vec<u8>,
    stream: Stream,
    is_raw: bool,
    /// Ends of the commit groups, and the stream's records up to there.
    groups: Vec<(usize, usize)>,
    /// The stream's records in earlier files.
    records_before: usize,
}

struct Journal {
    files: Vec<Original>,
    is_closed: bool,
}

/// Per stream.
type Records = [Vec<Owned>; 2];

fn options() -> WriterOptions {
    let sync = SyncPolicy::Always;
    WriterOptions { segment_bytes: 1024, sync, first_seq: 1, now_ns: 1, ..WriterOptions::default() }
}

fn stream_of(seq: u64) -> Stream {
    if seq % 3 == 1 { Stream::Ledger } else { Stream::Market }
}

fn original_record(seq: u64) -> Owned {
    let number = usize::try_from(seq).unwrap_or(0);
    let head = RecordHead { seq, kind: 3, version: 1, time_ns: 1_000 + seq };
    Owned { head, payload: vec![seq.to_le_bytes()[0]; number * 13 % 41] }
}

fn originals() -> &'static Records {
    static RECORDS_WRITTEN: OnceLock<Records> = OnceLock::new();
    RECORDS_WRITTEN.get_or_init(|| {
        let of = |stream| {
            (1..=RECORDS).filter(|seq| stream_of(*seq) == stream).map(original_record).collect()
        };
        [of(Stream::Market), of(Stream::Ledger)]
    })
}

fn written(is_closed: bool, is_compressed: bool) -> Journal {
    let disk = SimDisk::default();
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let opened = Writer::open(&shared, Path::new(DIR), options());
    let Ok((mut writer, _)) = opened else { panic!("no journal: {opened:?}") };
    for seq in 1..=RECORDS {
        let Owned { head, payload } = original_record(seq);
        assert!(writer.append(stream_of(seq), head, &payload).is_ok());
        if seq % 4 == 0 || seq == RECORDS {
            assert!(writer.commit(seq).is_ok());
        }
    }
    if is_closed {
        assert!(writer.close(1).is_ok());
    }
    if is_compressed {
        assert!(retention::apply(&shared, Path::new(DIR), &RetentionPolicy::default(), 1).is_ok());
    }
    let mut counts = [0, 0];
    let mut files: Vec<Original> = disk
        .files()
        .into_iter()
        .map(|(path, bytes)| {
            let is_market = path.starts_with(Path::new(DIR).join("market"));
            let stream = if is_market { Stream::Market } else { Stream::Ledger };
            let is_raw = path.extension().is_some_and(|extension| extension == "seg");
            let groups = Vec::new();
            Original { path, bytes, stream, is_raw, groups, records_before: 0 }
        })
        .collect();
    for file in &mut files {
        let count = &mut counts[file.stream as usize];
        file.records_before = *count;
        if file.is_raw {
            file.groups = groups_of(&file.bytes, count);
        }
    }
    Journal { files, is_closed }
}

fn journals() -> &'static [Journal; 3] {
    static JOURNALS: OnceLock<[Journal; 3]> = OnceLock::new();
    JOURNALS.get_or_init(|| [written(true, false), written(false, false), written(true, true)])
}

/// Calls `visit` with offset and length of each record of a segment.
fn each_record(bytes: &mut [u8], mut visit: impl FnMut(&mut [u8], usize, usize)) {
    let mut at = HEADER_BYTES;
    while at + RECORD_HEAD_BYTES <= bytes.len() {
        let Some(len) = format::decode_len(&bytes[at..]) else { return };
        if at + padded(len) > bytes.len() {
            return;
        }
        visit(bytes, at, len);
        at += padded(len);
    }
}

fn groups_of(bytes: &[u8], count: &mut usize) -> Vec<(usize, usize)> {
    let mut groups = Vec::new();
    each_record(&mut bytes.to_vec(), |bytes, at, len| {
        match format::decode_head(&bytes[at..]).kind {
            KIND_COMMIT | KIND_SEAL => groups.push((at + padded(len), *count)),
            _ => *count += 1,
        }
    });
    groups
}

/// Makes checksums, and the chain where asked, right again; returns the chain at the end.
fn repair(bytes: &mut [u8], repair: Repair, previous: Hash) -> Hash {
    let Some(header) = bytes.first_chunk_mut::<HEADER_BYTES>() else { return previous };
    if repair == Repair::Chain && previous != [0; 32] {
        header[112..144].copy_from_slice(&previous);
    }
    format::repair_header_crc(header);
    let (seed, mut chain) = format::segment_seeds(header);
    let mut group_at = HEADER_BYTES;
    each_record(bytes, |bytes, at, len| {
        let head = format::decode_head(&bytes[at..]);
        let payload = at + RECORD_HEAD_BYTES..at + len;
        let is_commit = head.kind == KIND_COMMIT || head.kind == KIND_SEAL;
        if is_commit
            && repair == Repair::Chain
            && len == COMMIT_LEN
            && let Some(mut commit) = Commit::decode(&bytes[payload.clone()])
        {
            chain = format::chain_after(&chain, &bytes[group_at..at], &head, &commit);
            commit.chain = chain;
            bytes[payload].copy_from_slice(&commit.encode());
            group_at = at + padded(len);
        }
        format::repair_record_crc(seed, at as u64, &mut bytes[at..at + padded(len)], len);
    });
    chain
}

/// Applies one edit; returns the first offset that it touched.
fn edit(bytes: &mut Vec<u8>, operation: u8, offset: usize, arguments: [u8; 2]) -> usize {
    let at = offset % (bytes.len() + 1);
    let [first, second] = arguments;
    let room = bytes.len() - at;
    match operation % 8 {
        0 if room > 0 => bytes[at] ^= first,
        1 if room >= 4 => {
            bytes[at..at + 4].copy_from_slice(&[first, second, 0, 0]);
        }
        2 => bytes.truncate(at),
        3 => {
            let from = usize::from(first) * 8 % (at + 1);
            let count = usize::from(second).min(room).min(bytes.len() - from);
            bytes.copy_within(from..from + count, at);
        }
        4 => {
            let count = (usize::from(first) * 8).min(room);
            bytes[at..at + count].fill(second);
        }
        5 => {
            let at = bytes.len();
            bytes.resize(at + usize::from(first), second);
            return at;
        }
        6 if room >= 8 => {
            // Aligned: a record's head or a commit's count, more often than by chance.
            let at = at & !7;
            bytes[at..at + 8].rotate_left(usize::from(first % 8));
            bytes[at + usize::from(second % 8)] ^= first;
            return at;
        }
        7 if room >= 8 => bytes[at..at + 8].fill(first),
        _ => {}
    }
    at
}

fn read(disk: &Arc<dyn Disk>) -> (Records, Result<End, JournalError>) {
    let mut records: Records = [Vec::new(), Vec::new()];
    let mut reader = match Reader::open(disk, Path::new(DIR)) {
        Ok(reader) => reader,
        Err(error) => return (records, Err(error)),
    };
    let mut last = None;
    loop {
        match reader.next_record() {
            Ok(Some(record)) => {
                assert!(last < Some(record.head.seq), "sequences do not rise");
                assert!(record.payload.len() <= PAYLOAD_BYTES_MAX);
                last = Some(record.head.seq);
                let payload = record.payload.to_vec();
                records[record.stream as usize].push(Owned { head: record.head, payload });
            }
            Ok(None) => {
                let Some(end) = reader.end() else { panic!("an end without a description") };
                return (records, Ok(end));
            }
            Err(error) => return (records, Err(error)),
        }
    }
}

fn is_torn(end: &End) -> bool {
    [&end.market.tail, &end.ledger.tail].iter().any(|tail| matches!(tail, Tail::Torn(_)))
}

/// Checks one script.
pub fn check(data: &[u8]) {
    let Some((mode, script)) = data.split_first() else { return };
    // Unpacking and starting take longer than all the rest: one script in 32, and one in 4.
    let is_compressed = mode & 0xE3 == 2;
    let journal = &journals()[if is_compressed { 2 } else { usize::from(mode & 1) }];
    let how = match mode >> 2 & 3 {
        0 => Repair::Nothing,
        1 | 3 => Repair::Checksums,
        _ => Repair::Chain,
    };
    let mut contents: Vec<Vec<u8>> = journal.files.iter().map(|file| file.bytes.clone()).collect();
    let mut touched = vec![usize::MAX; contents.len()];
    for step in script.chunks_exact(EDIT_BYTES).take(EDITS_MAX) {
        let index = usize::from(step[0] & 15) % contents.len();
        let offset = usize::from(u16::from_le_bytes([step[1], step[2]]));
        let at = edit(&mut contents[index], step[0] >> 4, offset, [step[3], step[4]]);
        touched[index] = touched[index].min(at);
    }
    if how != Repair::Nothing {
        let mut chains = [[0; 32]; 2];
        for (file, bytes) in journal.files.iter().zip(&mut contents) {
            if file.is_raw {
                let chain = &mut chains[file.stream as usize];
                *chain = repair(bytes, how, *chain);
            }
        }
    }
    let paths = journal.files.iter().map(|file| file.path.clone());
    let disk: Arc<dyn Disk> = Arc::new(SimDisk::with_files(paths.zip(contents)));
    let (found, end) = read(&disk);
    for stream in Stream::ALL {
        check_stream(journal, how, stream, &found, end.as_ref().ok(), &touched);
    }
    if mode & 0x30 == 0x10 {
        check_start(&disk, &found, end.is_ok());
    }
}

fn check_stream(
    journal: &Journal,
    how: Repair,
    stream: Stream,
    found: &Records,
    end: Option<&End>,
    touched: &[usize],
) {
    let (found, original) = (&found[stream as usize], &originals()[stream as usize]);
    let mut intact = original.len();
    for (file, at) in journal.files.iter().zip(touched) {
        if file.stream == stream && *at != usize::MAX {
            let whole = file.groups.iter().filter(|(group_end, _)| group_end <= at);
            intact =
                intact.min(whole.map(|(_, count)| *count).max().unwrap_or(file.records_before));
        }
    }
    if how == Repair::Chain {
        let same = found.len().min(intact);
        assert_eq!(found[..same], original[..same], "{stream}: changed before the first change");
    } else {
        let same = found.len().min(original.len());
        assert!(found.len() == same && *found == original[..same], "{stream}: no beginning");
    }
    if let Some(end) = end {
        assert!(found.len() >= intact, "{stream}: {} of {intact} untouched records", found.len());
        if journal.is_closed && how != Repair::Chain && !is_torn(end) {
            assert_eq!(found.len(), original.len(), "{stream}: silently shorter");
        }
    }
}

/// A start refuses, or leaves what a reader had returned, and no torn tail.
fn check_start(disk: &Arc<dyn Disk>, before: &Records, was_read: bool) {
    let Ok((writer, recovered)) = Writer::open(disk, Path::new(DIR), options()) else { return };
    drop(writer);
    if !was_read {
        // The start looks at the last segments only.
        return;
    }
    let (after, end) = read(disk);
    let Ok(end) = end else { panic!("a start has damaged the journal: {end:?}") };
    assert!(!is_torn(&end), "a start has left a torn tail");
    assert_eq!(&after, before, "a start has changed what was there");
    let last = after.iter().filter_map(|records| records.last()).map(|record| record.head.seq);
    assert_eq!(recovered.next_seq, last.max().map_or(1, |last| last + 1));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn untouched_journals_are_read_whole() {
        for mode in 0..32 {
            check(&[mode]);
        }
    }

    #[test]
    fn random_scripts_keep_the_promises() {
        let mut rng = crate::rng::Rng::new(11);
        for length in 0..4_000 {
            let script: Vec<u8> =
                (0..=length % 60).map(|_| rng.index(256).to_le_bytes()[0]).collect();
            check(&script);
        }
    }
}
