//! Arbitrary records, groups, segment sizes and policies come back as they were.

use engine_journal::disk::SimDisk;
use engine_journal::{RecordHead, Stream, SyncPolicy, Writer};
use proptest::prelude::*;

use crate::support::{DAY_NS, Owned, START_NS, append, dir, options, read, read_from, shared};

fn written() -> impl Strategy<Value = Vec<(Owned, bool)>> {
    let payload = prop_oneof![
        4 => proptest::collection::vec(any::<u8>(), 0..60),
        1 => proptest::collection::vec(Just(0), 0..700),
    ];
    let record = (any::<bool>(), 1..4_u64, 0..0xFF00_u16, any::<u16>(), payload, any::<bool>());
    proptest::collection::vec(record, 0..120).prop_map(|records| {
        let (mut seq, mut time_ns) = (0, START_NS);
        let make = |(is_ledger, step, kind, version, payload, ends_group): (_, u64, _, _, _, _)| {
            seq += step;
            time_ns += step * DAY_NS / 50;
            let stream = if is_ledger { Stream::Ledger } else { Stream::Market };
            (
                Owned { stream, head: RecordHead { seq, kind, version, time_ns }, payload },
                ends_group,
            )
        };
        records.into_iter().map(make).collect()
    })
}

proptest! {
    #[test]
    fn records_come_back(
        written in written(), segment in 128..1024_u64, interval in 0..u64::MAX, from in 0..250_u64,
    ) {
        let disk = SimDisk::default();
        let options = engine_journal::WriterOptions {
            segment_bytes: segment * 8,
            ..options(SyncPolicy::Interval(interval))
        };
        let (mut writer, _) = Writer::open(&shared(&disk), dir(), options).expect("a new journal");
        let mut expected = Vec::new();
        for (record, ends_group) in &written {
            if record.payload.len() <= writer.payload_bytes_max() {
                append(&mut writer, record).expect("a healthy disk");
                expected.push(record.clone());
            }
            if *ends_group {
                writer.commit(record.head.time_ns).expect("a healthy disk");
            }
        }
        writer.close(START_NS).expect("a healthy disk");
        let (found, end) = read(&disk);
        prop_assert_eq!(&found, &expected);
        let end = end.expect("a good journal");
        // The first sequence that is missing in both streams, and each later one, is in a gap.
        let mut next = 1;
        let mut missing = 0;
        for record in &expected {
            missing += u64::from(record.head.seq != next);
            next = record.head.seq + 1;
        }
        prop_assert_eq!(end.gaps_total, missing);
        expected.retain(|record| record.head.seq >= from);
        prop_assert_eq!(read_from(&disk, from).0, expected);
    }
}
