//! The same over the operating system's files.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use engine_journal::disk::{Disk, RealDisk};
use engine_journal::limits::PAYLOAD_BYTES_MAX;
use engine_journal::reader::Tail;
use engine_journal::retention::{self, RetentionPolicy};
use engine_journal::{
    JournalError, Reader, RecordHead, Stream, SyncPolicy, Writer, WriterOptions, anchor,
};

use crate::support::{START_NS, options, records, write};

fn disk() -> Arc<dyn Disk> {
    Arc::new(RealDisk)
}

fn seqs(dir: &Path) -> (Vec<u64>, [Tail; 2]) {
    let mut reader = Reader::open(&disk(), dir).expect("a journal");
    let mut seqs = Vec::new();
    while let Some(record) = reader.next_record().expect("a good journal") {
        seqs.push(record.head.seq);
    }
    let end = reader.end().expect("the end was reached");
    (seqs, [end.market.tail, end.ledger.tail])
}

#[test]
fn a_journal_in_files_is_read_back_and_goes_on() {
    let base = tempfile::tempdir().expect("a directory");
    let dir = base.path().join("deep/journal");
    for (first, last, sync) in [
        (1, 90, SyncPolicy::Always),
        (91, 200, SyncPolicy::None),
        (201, 300, SyncPolicy::default()),
    ] {
        let (mut writer, recovered) =
            Writer::open(&disk(), &dir, options(sync)).expect("a journal");
        assert_eq!(recovered.next_seq, first);
        write(&mut writer, &records(first, last), 5).expect("a healthy disk");
        let locked = Writer::open(&disk(), &dir, options(sync)).expect_err("one writer");
        assert!(matches!(&locked, JournalError::Locked { .. }), "{locked}");
        writer.write_anchor(last, b"state", START_NS).expect("a healthy disk");
    }
    let all: Vec<u64> = (1..=300).collect();
    assert_eq!(seqs(&dir), (all.clone(), [Tail::Open, Tail::Open]));
    retention::apply(&disk(), &dir, &RetentionPolicy::default(), START_NS).expect("room");
    assert_eq!(seqs(&dir).0, all);
    assert_eq!(anchor::list(&RealDisk, &dir).expect("anchors"), [90, 200, 300]);
    assert_eq!(anchor::read(&RealDisk, &dir, 200).expect("an anchor").bytes, b"state");
}

#[test]
fn segments_are_preallocated_and_cut_when_sealed() {
    let base = tempfile::tempdir().expect("a directory");
    let options = WriterOptions { segment_bytes: 1 << 20, ..options(SyncPolicy::Always) };
    let (mut writer, _) = Writer::open(&disk(), base.path(), options).expect("a journal");
    write(&mut writer, &records(1, 9), 3).expect("a healthy disk");
    let path = base.path().join("market/00000000.seg");
    let bytes = || fs::metadata(&path).expect("a segment").len();
    assert_eq!(bytes(), 1 << 20);
    writer.close(START_NS).expect("a healthy disk");
    assert!(bytes() < 4096, "{} bytes", bytes());
}

#[test]
fn errors_name_the_file() {
    let base = tempfile::tempdir().expect("a directory");
    let file = base.path().join("file");
    fs::write(&file, b"no directory").expect("a file");
    let error = Writer::open(&disk(), &file, options(SyncPolicy::Always)).expect_err("a file");
    assert!(error.to_string().contains("/file/market"), "{error}");
    let error = Reader::open(&disk(), base.path()).expect_err("an empty directory");
    assert!(matches!(&error, JournalError::NotAJournal { .. }), "{error}");
}

#[test]
fn the_largest_records_and_groups_come_back() {
    let base = tempfile::tempdir().expect("a directory");
    let options = WriterOptions { first_seq: 1, ..WriterOptions::default() };
    let (mut writer, _) = Writer::open(&disk(), base.path(), options).expect("a journal");
    assert_eq!(writer.payload_bytes_max(), PAYLOAD_BYTES_MAX);
    // Beyond what one read brings, beyond a group, beyond a segment; never a commit in between.
    let length =
        |seq: u64| [PAYLOAD_BYTES_MAX, 300_000, 1, 262_144][usize::from(seq.to_le_bytes()[0] % 4)];
    let payload = |seq: u64| vec![seq.to_le_bytes()[0] | 1; length(seq)];
    for seq in 1..=80 {
        let head = RecordHead { seq, kind: 1, version: 1, time_ns: 1 };
        writer.append(Stream::Market, head, &payload(seq)).expect("room");
    }
    assert!(writer.stats().groups >= 10, "{:?}", writer.stats());
    writer.close(1).expect("a healthy disk");
    let mut reader = Reader::open(&disk(), base.path()).expect("a journal");
    for seq in 1..=80 {
        let record = reader.next_record().expect("a good journal").expect("more records");
        assert_eq!(record.head.seq, seq);
        assert!(record.payload == payload(seq), "record {seq}");
    }
    assert!(reader.next_record().expect("a good journal").is_none());
    assert_eq!(reader.end().expect("the end was reached").market.segments, 2);
}
