//! A journal cut at any byte, or with any byte changed.

use std::path::{Path, PathBuf};

use engine_journal::disk::SimDisk;
use engine_journal::format::{HEADER_BYTES, SegmentHeader, repair_header_crc};
use engine_journal::reader::Tail;
use engine_journal::{JournalError, Stream, SyncPolicy, Writer};

use crate::support::{Owned, assert_prefix, dir, journal, options, read, records, segment, shared};

/// Reads `disk` and fails unless it gives a prefix and says where it ends.
fn assert_told(disk: &SimDisk, written: &[Owned], file: &Path, what: &str) -> bool {
    let (found, end) = read(disk);
    assert_prefix(&found, written, what);
    match end {
        Err(error) => {
            let text = error.to_string();
            let name = file.to_str().expect("a plain name");
            assert!(text.contains(name) || text.contains("market and"), "{what}: {text}");
            true
        }
        Ok(end) => {
            let tails = [&end.market.tail, &end.ledger.tail];
            let torn = tails.iter().any(|tail| matches!(tail, Tail::Torn(_)));
            assert!(torn || found.len() == written.len(), "{what}: silently shorter");
            torn
        }
    }
}

fn changed(files: &[(PathBuf, Vec<u8>)], index: usize, bytes: Vec<u8>) -> SimDisk {
    let disk = SimDisk::with_files(files.iter().cloned());
    disk.put(&files[index].0, bytes);
    disk
}

#[test]
fn any_changed_byte_is_found() {
    let written = records(1, 60);
    for is_closed in [true, false] {
        let files = journal(60, is_closed).files();
        for (index, (path, bytes)) in files.iter().enumerate() {
            for at in 0..bytes.len() {
                for bits in [0x01, 0x80, 0xFF] {
                    let mut bytes = bytes.clone();
                    bytes[at] ^= bits;
                    let what = format!("{} byte {at} ^ {bits:#x}", path.display());
                    let disk = changed(&files, index, bytes);
                    let is_told = assert_told(&disk, &written, path, &what);
                    assert!(is_told, "{what}: not noticed");
                }
            }
        }
    }
}

#[test]
fn any_cut_is_found_and_repaired() {
    let written = records(1, 60);
    for is_closed in [true, false] {
        let files = journal(60, is_closed).files();
        for (index, (path, bytes)) in files.iter().enumerate() {
            for len in 0..bytes.len() {
                let what = format!("{} cut to {len}", path.display());
                let disk = changed(&files, index, bytes[..len].to_vec());
                assert!(assert_told(&disk, &written, path, &what), "{what}: not noticed");
                let (before, end) = read(&disk);
                let opened = Writer::open(&shared(&disk), dir(), options(SyncPolicy::Always));
                if end.is_err() {
                    // A start looks at the last segments only; what it opens it must not change.
                    continue;
                }
                let (writer, recovered) = opened.expect("a torn tail is repaired");
                assert!(recovered.market.torn().or(recovered.ledger.torn()).is_some(), "{what}");
                drop(writer);
                let (after, end) = read(&disk);
                assert_eq!(after, before, "{what}");
                end.expect("repaired");
            }
        }
    }
}

#[test]
fn synced_bytes_that_changed_are_damage_and_nothing_is_touched() {
    let disk = journal(20, false);
    let path = segment(Stream::Market, 0);
    let files = disk.files();
    let index = files.iter().position(|(name, _)| *name == path).expect("the market's segment");
    let mut bytes = files[index].1.clone();
    bytes[HEADER_BYTES + 40] ^= 1;
    let disk = changed(&files, index, bytes);
    let before = disk.files();
    let error = Writer::open(&shared(&disk), dir(), options(SyncPolicy::Always))
        .expect_err("a group that a later one says was synced");
    let at = HEADER_BYTES as u64;
    assert!(
        matches!(&error, JournalError::Damaged { file, offset, .. } if *file == path && *offset == at),
        "{error}"
    );
    assert_eq!(disk.files(), before);
}

#[test]
fn a_record_copied_elsewhere_fails() {
    let files = journal(60, true).files();
    let market = files.iter().position(|(name, _)| *name == segment(Stream::Market, 0));
    let ledger = files.iter().position(|(name, _)| *name == segment(Stream::Ledger, 0));
    let (market, ledger) = (market.expect("a segment"), ledger.expect("a segment"));
    // The same place of the other stream's segment, and the whole segment under another name.
    let mut bytes = files[market].1.clone();
    bytes[HEADER_BYTES..1024].copy_from_slice(&files[ledger].1[HEADER_BYTES..1024]);
    read(&changed(&files, market, bytes)).1.expect_err("records of the other stream");
    let bytes = files[ledger].1.clone();
    read(&changed(&files, market, bytes)).1.expect_err("the other stream's segment");
}

#[test]
fn a_newer_major_version_is_named_and_a_newer_minor_one_is_read() {
    let files = journal(10, true).files();
    let path = segment(Stream::Ledger, 0);
    let index = files.iter().position(|(name, _)| *name == path).expect("a segment");
    let with_version = |at: usize| {
        let mut bytes = files[index].1.clone();
        bytes[at] += 1;
        let header = bytes.first_chunk_mut::<HEADER_BYTES>().expect("a whole header");
        repair_header_crc(header);
        (*header, changed(&files, index, bytes))
    };
    let (_, disk) = with_version(8);
    for error in [
        read(&disk).1.expect_err("version 2"),
        Writer::open(&shared(&disk), dir(), options(SyncPolicy::Always)).expect_err("version 2"),
    ] {
        let is_newer = matches!(error, JournalError::NewerVersion { found: 2, supported: 1, .. });
        assert!(is_newer, "{error}");
    }
    let (header, _) = with_version(10);
    assert_eq!(SegmentHeader::decode(&header, &path).expect("version 1.1").version, (1, 1));
}

#[test]
fn what_is_no_journal_is_said_so() {
    let (_, end) = read(&SimDisk::default());
    assert!(matches!(end.expect_err("nothing"), JournalError::NotAJournal { .. }));
}
