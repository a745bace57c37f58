//! The journal: what the writer takes beside a bare file, then encode, append, commit and read.
//!
//! The ratios come first: groups of recorded update frames, appended and committed with a sync each,
//! against one write of the same bytes to a preallocated file and the same `fdatasync`; both sides
//! take turns on the same file system, and the median turn of each counts. Then divan's table.
#![expect(clippy::print_stdout, reason = "a benchmark reports on standard output")]

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use benches::frames::Feed;
use benches::journals::{BareFile, Taped, head, packed, writer};
use benches::scene::Scene;
use divan::counter::{BytesCount, ItemsCount};
use engine_journal::{Stream, SyncPolicy, Writer, batch};
use engine_model::Event;

/// Records in a group.
const GROUPS: [usize; 6] = [1, 8, 64, 512, 4_096, 16_384];
/// Turns of each side, for each size of a group.
const TURNS: usize = 401;
/// Size of a segment and of the bare file. Unit: bytes.
const SEGMENT_BYTES: u64 = 256 << 20;
/// The writer's records per second over the bare file's, at least.
const BAR: f64 = 0.8;

fn main() {
    let scene = Scene::alone(&Feed::coinbase());
    for what in [Synced::Always, Synced::Never] {
        println!("writer against a bare preallocated file, {}", what.name());
        println!(
            "records  bytes  writer µs/group  bare µs/group  writer records/s  ratio  packing"
        );
        for records in GROUPS {
            compare(&scene, records, what);
        }
    }
    divan::main();
}

/// Whether both sides sync.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Synced {
    /// After every group.
    Always,
    /// Not at all: what the writer takes besides the disk.
    Never,
}

impl Synced {
    const fn name(self) -> &'static str {
        match self {
            Self::Always => "both with fdatasync after every group",
            Self::Never => "neither syncs",
        }
    }
}

/// Records of the recording, again and again under rising numbers.
struct Source<'a> {
    events: &'a [Vec<Event>],
    payloads: Vec<Vec<u8>>,
    seq: u64,
}

impl Source<'_> {
    /// Appends a group and commits it; the bytes that the writer has written for it.
    fn group(&mut self, writer: &mut Writer, records: usize) -> u64 {
        let before = writer.stats().bytes;
        for _ in 0..records {
            self.seq += 1;
            let at = usize::try_from(self.seq).unwrap_or(0) % self.payloads.len();
            let head = head(self.seq, &self.events[at]);
            writer.append(Stream::Market, head, &self.payloads[at]).expect("room");
        }
        writer.commit(self.seq).expect("written");
        writer.stats().bytes - before
    }

    /// The same, from events: packed first, as the journal's thread does it.
    fn packed_group(&mut self, writer: &mut Writer, records: usize, buffer: &mut Vec<u8>) {
        for _ in 0..records {
            self.seq += 1;
            let at = usize::try_from(self.seq).unwrap_or(0) % self.payloads.len();
            let events = &self.events[at];
            batch::encode(events, buffer).expect("a frame fits a record");
            writer.append(Stream::Market, head(self.seq, events), buffer).expect("room");
        }
        writer.commit(self.seq).expect("written");
    }
}

fn compare(scene: &Scene, records: usize, synced: Synced) {
    let dir = tempfile::tempdir_in(target_dir()).expect("a directory");
    let sync = if synced == Synced::Always { SyncPolicy::Always } else { SyncPolicy::None };
    let mut ours = writer(&dir.path().join("ours"), sync, SEGMENT_BYTES);
    let mut packing = writer(&dir.path().join("packing"), sync, SEGMENT_BYTES);
    let mut bare = BareFile::create(&dir.path().join("bare"), SEGMENT_BYTES).expect("a file");
    let mut source = Source { events: &scene.batches, payloads: packed(scene), seq: 1 };
    let mut buffer = Vec::new();
    let bytes = source.group(&mut ours, records);
    let text = vec![0x5a_u8; usize::try_from(bytes).expect("a group fits memory")];
    // So many turns that neither side comes to the end of its file: a new segment is not measured.
    let turns = TURNS.min(usize::try_from(SEGMENT_BYTES / 2 / bytes).unwrap_or(TURNS)).max(11);
    let mut times: [Vec<f64>; 3] = Default::default();
    for turn in 0..turns {
        for place in 0..3 {
            let side = (turn + place) % 3;
            let begin = Instant::now();
            match side {
                0 => {
                    source.group(&mut ours, records);
                }
                1 => {
                    bare.write(&text).expect("written");
                    if synced == Synced::Always {
                        bare.sync().expect("synced");
                    }
                }
                _ => source.packed_group(&mut packing, records, &mut buffer),
            }
            times[side].push(begin.elapsed().as_secs_f64() * 1e6);
        }
    }
    let [ours, bare, packing] = times.map(|mut times| median(&mut times));
    let ratio = bare / ours;
    let word = match (synced, ratio >= BAR) {
        (Synced::Never, _) => "",
        (Synced::Always, true) => "reached",
        (Synced::Always, false) => "MISSED",
    };
    let per_s = f64::from(u32::try_from(records).expect("thousands")) / ours * 1e6;
    println!(
        "{records:>7}{bytes:>8}{ours:>16.1}{bare:>15.1}{per_s:>18.0}{ratio:>8.3}{:>8.3} {word}",
        bare / packing
    );
}

/// On the disk of the build, since a temporary directory may lie in memory.
fn target_dir() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Update frames to payloads.
#[divan::bench]
fn encode(bencher: divan::Bencher<'_, '_>) {
    let scene = Scene::alone(&Feed::coinbase());
    let mut buffer = Vec::new();
    bencher.counter(ItemsCount::new(scene.batches.len())).bench_local(|| {
        for events in &scene.batches {
            batch::encode(black_box(events), &mut buffer).expect("a frame fits a record");
            black_box(&buffer);
        }
    });
}

/// Payloads to update frames.
#[divan::bench]
fn decode(bencher: divan::Bencher<'_, '_>) {
    let scene = Scene::alone(&Feed::coinbase());
    let payloads = packed(&scene);
    let mut events = Vec::new();
    bencher.counter(ItemsCount::new(payloads.len())).bench_local(|| {
        for payload in &payloads {
            batch::decode(black_box(payload), &mut events).expect("a batch");
            black_box(&events);
        }
    });
}

/// Records into a group in memory, and the group written; nothing is synced.
#[divan::bench]
fn append_and_write(bencher: divan::Bencher<'_, '_>) {
    let scene = Scene::alone(&Feed::coinbase());
    let dir = tempfile::tempdir_in(target_dir()).expect("a directory");
    let mut writer = writer(dir.path(), SyncPolicy::None, SEGMENT_BYTES);
    let mut source = Source { events: &scene.batches, payloads: packed(&scene), seq: 1 };
    let records = scene.batches.len();
    bencher
        .counter(ItemsCount::new(records))
        .bench_local(|| source.group(black_box(&mut writer), records));
}

/// A group of 64 records, written and synced.
#[divan::bench]
fn commit_synced_64(bencher: divan::Bencher<'_, '_>) {
    let scene = Scene::alone(&Feed::coinbase());
    let dir = tempfile::tempdir_in(target_dir()).expect("a directory");
    let mut writer = writer(dir.path(), SyncPolicy::Always, SEGMENT_BYTES);
    let mut source = Source { events: &scene.batches, payloads: packed(&scene), seq: 1 };
    bencher.counter(ItemsCount::new(64_usize)).bench_local(|| source.group(&mut writer, 64));
}

/// Records read from the page cache, checked and unpacked.
#[divan::bench]
fn read(bencher: divan::Bencher<'_, '_>) {
    let scene = Scene::alone(&Feed::coinbase());
    let taped = Taped::new(&scene);
    let bytes: usize = packed(&scene).iter().map(Vec::len).sum();
    let mut events = Vec::new();
    bencher
        .counter(ItemsCount::new(scene.batches.len()))
        .counter(BytesCount::new(bytes))
        .with_inputs(|| taped.reader())
        .bench_local_refs(|reader| {
            while let Some(record) = reader.next_record().expect("readable") {
                batch::decode(record.payload, &mut events).expect("a batch");
                black_box(&events);
            }
        });
}
