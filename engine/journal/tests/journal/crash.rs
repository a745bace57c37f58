//! Simulated power loss and failing calls.

use engine_journal::disk::SimDisk;
use engine_journal::disk::sim::Fault;
use engine_journal::{Committed, JournalError, Stream, SyncPolicy, Writer, WriterOptions, anchor};

use crate::support::{
    Owned, START_NS, append, assert_prefix, dir, of_stream, options, read, record, shared,
};

/// What was told to be safe.
#[derive(Debug, Default)]
struct Acknowledged {
    seq: [Option<u64>; 2],
    anchors: Vec<u64>,
    written: Vec<Owned>,
}

impl Acknowledged {
    fn take(&mut self, committed: &Committed) {
        self.seq = [committed.market_seq, committed.ledger_seq];
    }
}

/// One life of a program: opens, writes, anchors, rotates, until done or the disk fails.
fn live(
    disk: &SimDisk,
    options: WriterOptions,
    until: u64,
    told: &mut Acknowledged,
) -> Result<(), JournalError> {
    let (mut writer, recovered) = Writer::open(&shared(disk), dir(), options)?;
    // What a start reports as lost will not come back; new records take its place.
    told.written.retain(|record| {
        let last = match record.stream {
            Stream::Market => recovered.market.last_seq,
            Stream::Ledger => recovered.ledger.last_seq,
        };
        last.is_some_and(|last| record.head.seq <= last)
    });
    for seq in recovered.next_seq..=until {
        let next = record(seq);
        told.written.push(next.clone());
        append(&mut writer, &next)?;
        if seq % 4 == 0 {
            told.take(&writer.commit(next.head.time_ns)?);
        }
        if seq % 29 == 0 {
            writer.write_anchor(seq, &seq.to_le_bytes(), START_NS)?;
            told.anchors.push(seq);
        }
        if seq % 47 == 0 {
            told.take(&writer.rotate(START_NS)?);
        }
    }
    told.take(&writer.close(START_NS)?);
    Ok(())
}

/// Why a disk after a crash breaks the promise; `None` where it keeps it.
fn broken_promise(disk: &SimDisk, told: &Acknowledged) -> Option<String> {
    let (found, end) = read(disk);
    match end {
        Err(JournalError::NotAJournal { .. } | JournalError::MissingSegment { number: 0, .. })
            if told.seq.iter().flatten().all(|seq| *seq == 0) =>
        {
            return None;
        }
        Err(error) => return Some(error.to_string()),
        Ok(_) => {}
    }
    for (stream, acknowledged) in Stream::ALL.into_iter().zip(told.seq) {
        let (found, written) = (of_stream(&found, stream), of_stream(&told.written, stream));
        if found.len() > written.len() || found[..] != written[..found.len()] {
            return Some(format!("{stream}: other records than were written"));
        }
        let safe = written.iter().filter(|record| Some(record.head.seq) <= acknowledged).count();
        if found.len() < safe {
            return Some(format!("{stream}: {} of {safe} acknowledged records", found.len()));
        }
    }
    let is_lost = |seq: &&u64| anchor::read(disk, dir(), **seq).is_err();
    told.anchors.iter().find(is_lost).map(|seq| format!("anchor {seq} is lost"))
}

fn mix(seed: u64) -> u64 {
    let word = seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    word ^ (word >> 29)
}

/// Three lives on one disk, two of which end by power loss at a random call.
fn campaign(seed: u64, ignores_syncs: bool) -> Result<(), String> {
    let policies =
        [SyncPolicy::Always, SyncPolicy::Interval(5_000), SyncPolicy::None, SyncPolicy::Always];
    let policy = policies[usize::try_from(seed % 4).expect("below four")];
    let mut disk = SimDisk::default();
    let mut told = Acknowledged::default();
    let mut until = 0;
    for life in 0..3 {
        if ignores_syncs {
            disk.ignore_syncs();
        }
        until += 90;
        if life < 2 {
            disk.cut_power_at(mix(seed * 3 + life) % 260);
        }
        let now_ns = START_NS + seed % 1_000;
        let lived = live(&disk, WriterOptions { now_ns, ..options(policy) }, until, &mut told);
        if let (2, Err(error)) = (life, lived) {
            return Err(format!("seed {seed}: the journal cannot go on: {error}"));
        }
        disk = disk.crash(mix(seed ^ (life << 32)));
        if let Some(reason) = broken_promise(&disk, &told) {
            return Err(format!("seed {seed}, life {life}: {reason}"));
        }
    }
    Ok(())
}

fn seeds() -> u64 {
    std::env::var("RIPTIDE_DISK_SEEDS").map_or(300, |seeds| seeds.parse().expect("a number"))
}

#[test]
fn power_loss_never_costs_an_acknowledged_record() {
    for seed in 0..seeds() {
        campaign(seed, false).expect("every acknowledged record is back");
    }
}

#[test]
fn without_syncs_the_same_campaign_finds_losses() {
    let found = (0..100).filter(|seed| campaign(*seed, true).is_err()).count();
    assert!(found > 50, "only {found} of 100 seeds noticed that nothing was synced");
}

#[test]
fn each_call_failing_once_leaves_a_journal_that_goes_on() {
    let mut told = Acknowledged::default();
    let healthy = SimDisk::default();
    live(&healthy, options(SyncPolicy::Always), 100, &mut told).expect("a healthy disk");
    for fault in [Fault::Full, Fault::Broken, Fault::Interrupted, Fault::Short, Fault::ReadOnly] {
        for call in 0..healthy.calls() {
            let disk = SimDisk::default();
            let mut told = Acknowledged::default();
            disk.fail_call(call, fault);
            let first = live(&disk, options(SyncPolicy::Always), 100, &mut told);
            if let Err(error) = &first {
                let text = error.to_string();
                assert!(text.contains("/journal") || text.contains("cannot"), "{text}");
                assert_eq!(error.is_disk_full(), fault == Fault::Full, "{text}");
            }
            if fault == Fault::Short {
                first.expect("short calls are finished");
            }
            let what = format!("{fault:?} at call {call}");
            if let Some(reason) = broken_promise(&disk, &told) {
                panic!("{what}: {reason}");
            }
            live(&disk, options(SyncPolicy::Always), 120, &mut told).expect(&what);
            let (found, end) = read(&disk);
            assert_prefix(&found, &told.written, &what);
            assert_eq!(found.last().expect("records").head.seq, 120, "{what}");
            end.expect("a good journal");
        }
    }
}

#[test]
fn a_failure_is_the_writers_last() {
    let disk = SimDisk::default();
    let (mut writer, _) =
        Writer::open(&shared(&disk), dir(), options(SyncPolicy::Always)).expect("a new journal");
    append(&mut writer, &record(1)).expect("a healthy disk");
    disk.fail_call(disk.calls() + 1, Fault::Broken);
    let error = writer.commit(START_NS).expect_err("the sync fails");
    assert!(error.to_string().contains("cannot sync /journal/ledger/00000000.seg"), "{error}");
    for error in [
        append(&mut writer, &record(2)).expect_err("stopped"),
        writer.commit(START_NS).expect_err("stopped"),
        writer.write_anchor(1, &[], START_NS).expect_err("stopped"),
        writer.close(START_NS).expect_err("stopped"),
    ] {
        assert!(matches!(&error, JournalError::Stopped { operation: "sync", .. }), "{error}");
    }
}
