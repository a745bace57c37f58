//! Compression and deletion of whole segments.

use std::path::PathBuf;

use engine_journal::disk::{Disk, SimDisk};
use engine_journal::reader::SeqRange;
use engine_journal::retention::{self, LEGAL_HOLD, RetentionPolicy, RetentionReport};
use engine_journal::{JournalError, Stream, SyncPolicy, Writer};

use crate::support::{
    DAY_NS, START_NS, assert_prefix, dir, journal, of_stream, options, read, read_from, records,
    segment, shared, write,
};

fn apply(disk: &SimDisk, days: u64) -> RetentionReport {
    let policy = RetentionPolicy::default();
    retention::apply(&shared(disk), dir(), &policy, START_NS + days * DAY_NS)
        .expect("a healthy disk")
}

fn names(disk: &SimDisk, stream: Stream) -> Vec<String> {
    let mut names = disk.list(&dir().join(stream.name())).expect("a directory");
    names.sort();
    names
}

#[test]
fn compressed_segments_read_the_same_and_go_after_their_time() {
    let disk = journal(400, true);
    let ledger = names(&disk, Stream::Ledger);
    let report = apply(&disk, 0);
    assert_eq!((report.deleted.len(), report.held), (0, 0));
    assert!(report.compressed.len() > 3);
    for done in &report.compressed {
        assert!(done.bytes_after < done.bytes_before, "{done:?}");
    }
    let market = names(&disk, Stream::Market);
    let raw = market.iter().filter(|name| name.strip_suffix(".seg").is_some()).count();
    assert_eq!((raw, names(&disk, Stream::Ledger)), (1, ledger), "the open one and the ledger");
    assert_eq!(read(&disk).0, records(1, 400));
    assert_eq!(read_from(&disk, 111).0, records(111, 400));
    assert_eq!(apply(&disk, 0), RetentionReport::default());

    // The writer goes on behind compressed segments.
    let (mut writer, _) =
        Writer::open(&shared(&disk), dir(), options(SyncPolicy::Always)).expect("a journal");
    write(&mut writer, &records(401, 420), 4).expect("a healthy disk");
    drop(writer);
    assert_eq!(read(&disk).0, records(1, 420));

    assert_eq!(apply(&disk, 29).deleted, []);
    disk.put(&dir().join(LEGAL_HOLD), Vec::new());
    let report = apply(&disk, 31);
    assert_eq!((report.deleted.len(), report.held), (0, market.len() as u64));
    disk.remove(&dir().join(LEGAL_HOLD)).expect("it is there");
    let report = apply(&disk, 31);
    assert_eq!(report.deleted.len(), market.len());
    assert_eq!(report.deleted[0].seqs.expect("records").first, 1);
    let (found, end) = read(&disk);
    assert_eq!(of_stream(&found, Stream::Ledger), of_stream(&records(1, 420), Stream::Ledger));
    let end = end.expect("deleted by retention");
    assert_eq!(end.market.begins_at_seq, Some(400), "{:?}", report.deleted.last());
    assert_eq!(end.gaps[0], SeqRange { first: 2, last: 3 });
    assert!(apply(&disk, 1825).deleted.is_empty());
    assert!(!apply(&disk, 1827).deleted.is_empty());
}

#[test]
fn any_change_in_a_compressed_segment_is_found_or_changes_nothing() {
    let disk = journal(120, true);
    apply(&disk, 0);
    let path = dir().join("market/00000000.seg.zst");
    let bytes = disk.files().into_iter().find(|(name, _)| *name == path).expect("compressed").1;
    let written = records(1, 120);
    for at in 0..bytes.len() {
        let mut other = bytes.clone();
        other[at] ^= 0x10;
        for bytes in [other, bytes[..at].to_vec()] {
            disk.put(&path, bytes);
            let (found, end) = read(&disk);
            assert_prefix(&found, &written, "compressed");
            assert!(end.is_err() || found == written, "byte {at}: silently shorter");
        }
    }
}

#[test]
fn a_crash_at_any_call_leaves_the_same_records() {
    let before = journal(60, true);
    let calls = {
        let disk = SimDisk::with_files(before.files());
        apply(&disk, 0);
        disk.calls()
    };
    for call in 0..calls {
        let disk = SimDisk::with_files(before.files());
        disk.cut_power_at(call);
        let policy = RetentionPolicy::default();
        retention::apply(&shared(&disk), dir(), &policy, START_NS).expect_err("no power");
        let disk = disk.crash(call);
        assert_eq!(read(&disk).0, records(1, 60), "call {call}");
        apply(&disk, 0);
        assert_eq!(read(&disk).0, records(1, 60), "call {call}, finished");
    }
}

#[test]
fn a_damaged_segment_is_not_compressed() {
    let disk = journal(60, true);
    let path: PathBuf = segment(Stream::Market, 0);
    let mut bytes = disk.files().into_iter().find(|(name, _)| *name == path).expect("there").1;
    bytes[600] ^= 1;
    disk.put(&path, bytes);
    let before = disk.files();
    let policy = RetentionPolicy::default();
    let error = retention::apply(&shared(&disk), dir(), &policy, START_NS).expect_err("damage");
    assert!(matches!(error, JournalError::Damaged { .. }), "{error}");
    assert_eq!(disk.files(), before);
}
