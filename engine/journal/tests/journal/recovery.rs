//! What is written comes back, in order, through rotation, restarts and torn tails.

use engine_journal::disk::SimDisk;
use engine_journal::format::{COMMIT_BYTES, HEADER_BYTES, KIND_COMMIT};
use engine_journal::reader::{SeqRange, Tail};
use engine_journal::{JournalError, RecordHead, Stream, SyncPolicy, Writer, anchor};

use crate::support::{
    DAY_NS, START_NS, append, dir, journal, options, read, read_from, record, records, segment,
    shared, write,
};

#[test]
fn everything_comes_back_in_order() {
    for is_closed in [true, false] {
        let disk = journal(400, is_closed);
        let (found, end) = read(&disk);
        assert_eq!(found, records(1, 400));
        let end = end.expect("a good journal");
        let tail = if is_closed { Tail::Sealed } else { Tail::Open };
        assert_eq!((&end.market.tail, &end.ledger.tail), (&tail, &tail));
        assert!(end.market.segments > 3, "{} segments", end.market.segments);
        assert_eq!((end.records, end.gaps_total), (400, 0));
        assert_eq!((end.market.last_seq, end.ledger.last_seq), (Some(399), Some(400)));
    }
}

#[test]
fn reading_may_begin_anywhere() {
    let disk = journal(400, true);
    for from in [0, 1, 2, 57, 211, 399, 400, 401] {
        let (found, end) = read_from(&disk, from);
        assert_eq!(found, records(from.max(1), 400), "from {from}");
        assert_eq!(end.expect("a good journal").gaps_total, 0, "from {from}");
    }
}

#[test]
fn a_restart_goes_on_after_the_last_record() {
    let disk = journal(50, false);
    for (first, last, is_closed) in [(51, 60, true), (61, 99, false), (100, 130, true)] {
        let (mut writer, recovered) =
            Writer::open(&shared(&disk), dir(), options(SyncPolicy::None)).expect("a journal");
        assert_eq!(recovered.next_seq, first);
        assert_eq!((recovered.market.torn(), recovered.ledger.torn()), (None, None));
        write(&mut writer, &records(first, last), 3).expect("a healthy disk");
        if is_closed {
            writer.close(START_NS).expect("a healthy disk");
        }
    }
    let (found, end) = read(&disk);
    assert_eq!(found, records(1, 130));
    assert_eq!(end.expect("a good journal").gaps_total, 0);
}

#[test]
fn what_no_commit_covers_is_dropped_and_reported() {
    let disk = journal(20, false);
    let path = segment(Stream::Market, 0);
    let files = disk.files();
    let mut bytes =
        files.into_iter().find(|(name, _)| *name == path).expect("the market's segment").1;
    // The last group's commit is lost, as if it had never been written.
    let used = bytes.iter().rposition(|byte| *byte != 0).expect("records") + 1;
    let commit_at = used + 11 - COMMIT_BYTES; // the last 11 bytes of a commit of three are zeros
    bytes[commit_at..].fill(0);
    disk.put(&path, bytes);

    let (found, end) = read(&disk);
    let end = end.expect("a torn tail is no error");
    let Tail::Torn(torn) = end.market.tail else { panic!("{:?}", end.market.tail) };
    assert_eq!((&torn.file, torn.records, torn.missing_bytes), (&path, 3, 0));
    let lost = [17, 18, 20];
    assert!(found.iter().all(|record| !lost.contains(&record.head.seq)));
    assert_eq!(end.gaps, [SeqRange { first: 17, last: 18 }]);

    let (writer, recovered) =
        Writer::open(&shared(&disk), dir(), options(SyncPolicy::Always)).expect("repairable");
    assert_eq!(recovered.market.torn(), Some(&torn));
    assert_eq!(recovered.next_seq, 20, "record 19 of the ledger is the last");
    writer.close(START_NS).expect("a healthy disk");
    assert!(matches!(read(&disk).1.expect("repaired").market.tail, Tail::Sealed));
}

#[test]
fn deleted_market_segments_are_a_gap_and_the_ledger_stays() {
    let disk = journal(400, true);
    let files = disk.files();
    let market = |name: &std::path::Path| name.starts_with(dir().join("market"));
    let oldest = [segment(Stream::Market, 0), segment(Stream::Market, 1)];
    let kept = files.iter().filter(|(name, _)| !oldest.contains(name)).cloned();
    let (found, end) = read(&SimDisk::with_files(kept));
    let end = end.expect("deleted by retention");
    let begins = end.market.begins_at_seq.expect("market segments");
    let expected: Vec<_> = records(1, 400)
        .into_iter()
        .filter(|record| record.stream == Stream::Ledger || record.head.seq >= begins)
        .collect();
    assert_eq!(found, expected);
    assert_eq!(end.gaps[0], SeqRange { first: 2, last: 3 });

    let none = files.iter().filter(|(name, _)| !market(name)).cloned();
    let (found, end) = read(&SimDisk::with_files(none));
    assert_eq!(found.len(), 134);
    assert_eq!(end.expect("no market at all").market.tail, Tail::Absent);

    let hole = files.iter().filter(|(name, _)| *name != segment(Stream::Ledger, 1)).cloned();
    let error = read(&SimDisk::with_files(hole)).1.expect_err("a hole");
    assert!(matches!(error, JournalError::MissingSegment { number: 1, .. }), "{error}");
    let no_ledger = files.iter().filter(|(name, _)| market(name)).cloned();
    let no_ledger = SimDisk::with_files(no_ledger);
    let error = read(&no_ledger).1.expect_err("no ledger");
    assert!(matches!(error, JournalError::MissingSegment { number: 0, .. }), "{error}");
    let open = Writer::open(&shared(&no_ledger), dir(), options(SyncPolicy::Always));
    assert!(matches!(open, Err(JournalError::MissingSegment { number: 0, .. })));
}

#[test]
fn a_new_day_and_a_full_segment_rotate() {
    let disk = SimDisk::default();
    let (mut writer, recovered) =
        Writer::open(&shared(&disk), dir(), options(SyncPolicy::Always)).expect("a new journal");
    assert_eq!(recovered.next_seq, 1);
    let midnight = START_NS / DAY_NS * DAY_NS + DAY_NS;
    for (seq, time_ns, rotated) in
        [(2, midnight - 1, false), (3, midnight, true), (5, midnight + 1, false)]
    {
        let mut next = record(seq);
        next.head.time_ns = time_ns;
        append(&mut writer, &next).expect("a healthy disk");
        let committed = writer.commit(time_ns).expect("a healthy disk");
        assert_eq!(committed.rotated.market, rotated, "record {seq}");
        assert_eq!((committed.market_seq, committed.rotated.ledger), (Some(seq), false));
    }
    let rotated = writer.rotate(midnight).expect("a healthy disk").rotated;
    assert!(rotated.market && rotated.ledger);
    let largest = writer.payload_bytes_max();
    assert_eq!(largest, 4096 - HEADER_BYTES - 2 * COMMIT_BYTES - 36);
    let head = RecordHead { seq: 6, kind: 1, version: 1, time_ns: midnight };
    writer.append(Stream::Market, head, &vec![7; largest]).expect("the largest payload");
    let head = RecordHead { seq: 7, ..head };
    let error = writer.append(Stream::Market, head, &vec![7; largest + 1]).expect_err("too large");
    assert!(matches!(error, JournalError::TooLarge { .. }), "{error}");
    writer.append(Stream::Market, head, &[1]).expect("a refusal changes nothing");
    assert!(writer.commit(midnight).expect("a healthy disk").rotated.market);
    writer.close(midnight).expect("a healthy disk");
    let seqs: Vec<u64> = read(&disk).0.iter().map(|record| record.head.seq).collect();
    assert_eq!(seqs, [2, 3, 5, 6, 7]);
}

#[test]
fn what_cannot_be_a_record_is_refused() {
    let disk = SimDisk::default();
    let (mut writer, _) =
        Writer::open(&shared(&disk), dir(), options(SyncPolicy::Always)).expect("a new journal");
    append(&mut writer, &record(5)).expect("a healthy disk");
    for (what, seq, kind) in [
        ("the same", 5, 0),
        ("an earlier one", 3, 0),
        ("the last number", u64::MAX, 0),
        ("a commit", 8, KIND_COMMIT),
    ] {
        let head = RecordHead { seq, kind, version: 1, time_ns: START_NS };
        let error = writer.append(Stream::Market, head, &[]).expect_err(what);
        assert!(
            matches!(error, JournalError::OutOfOrder { .. } | JournalError::ReservedKind { .. }),
            "{what}: {error}"
        );
    }
    // The other stream has its own place in the shared sequence.
    append(&mut writer, &record(4)).expect("the ledger is at none");
    let again = Writer::open(&shared(&disk), dir(), options(SyncPolicy::Always));
    assert!(matches!(again, Err(JournalError::Locked { .. })));
}

#[test]
fn the_policy_decides_what_is_acknowledged() {
    let ms = 1_000_000;
    for (sync, expected) in [
        (SyncPolicy::Always, [Some(2), Some(3), Some(5)]),
        (SyncPolicy::Interval(5 * ms), [Some(0), Some(3), Some(3)]),
        (SyncPolicy::None, [Some(0), Some(0), Some(0)]),
    ] {
        let disk = SimDisk::default();
        let (mut writer, _) =
            Writer::open(&shared(&disk), dir(), options(sync)).expect("a new journal");
        let times = [START_NS + ms, START_NS + 5 * ms, START_NS + 6 * ms];
        for ((seq, time_ns), durable) in [2, 3, 5].into_iter().zip(times).zip(expected) {
            append(&mut writer, &record(seq)).expect("a healthy disk");
            let committed = writer.commit(time_ns).expect("a healthy disk");
            assert_eq!(committed.market_seq, durable, "{sync:?}, record {seq}");
            assert_eq!(committed.market_written_seq, Some(seq));
        }
        append(&mut writer, &record(7)).expect("a healthy disk");
        let committed = writer.commit(START_NS + 6 * ms).expect("a healthy disk");
        assert_eq!(committed.ledger_seq, Some(7), "{sync:?}: the ledger is always synced");
        assert_eq!(writer.sync(START_NS).expect("a healthy disk").market_seq, Some(5));
    }
}

#[test]
fn anchors_are_whole_or_refused() {
    let disk = journal(10, false);
    let (mut writer, _) =
        Writer::open(&shared(&disk), dir(), options(SyncPolicy::None)).expect("a journal");
    let state = vec![42; 700];
    let hash = writer.write_anchor(10, &state, START_NS).expect("a healthy disk");
    writer.write_anchor(9, &[], START_NS).expect("a healthy disk");
    assert_eq!(anchor::list(&disk, dir()).expect("a directory"), [9, 10]);
    let read = anchor::read(&disk, dir(), 10).expect("an anchor");
    assert_eq!((read.seq, read.hash, read.bytes), (10, hash, state));

    let path = dir().join("anchors/00000000000000000010.anchor");
    let bytes = disk.files().into_iter().find(|(name, _)| *name == path).expect("it is there").1;
    for at in 0..bytes.len() {
        for bit in [1, 128] {
            let mut changed = bytes.clone();
            changed[at] ^= bit;
            let changed = SimDisk::with_files([(path.clone(), changed)]);
            anchor::read(&changed, dir(), 10).expect_err("a changed bit");
        }
        let cut = SimDisk::with_files([(path.clone(), bytes[..at].to_vec())]);
        anchor::read(&cut, dir(), 10).expect_err("a cut");
    }
}
