//! Journals that are damaged, cut, full of holes or written by something else: what is missing is
//! said, nothing is called identical that was not compared, and nothing is changed by reading.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Changes the end of a run.
type Edit = fn(&mut End);

use engine_daemon::journal::runs::disk;
use engine_daemon::journal::verify::verify;
use engine_journal::records::{self, End};
use engine_journal::{Reader, Stream, Writer, WriterOptions, anchor, batch};
use engine_model::{Event, Flags};

/// Exit codes of the program: a finding, a wrong use, bad data.
const FINDING: i32 = 1;
const USAGE: i32 = 2;
const BAD_DATA: i32 = 65;

fn riptide(dir: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_riptide"));
    command.args(args).current_dir(dir).output().expect("the program starts")
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn assert_done(output: &Output) {
    assert!(output.status.success(), "{}", err(output));
}

/// A directory with the journal `j` of the bundle's replay in small segments.
fn journal() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a directory");
    let set = ["replay", "--journal", "j", "--set", "journal.segment_mib=1"];
    assert_done(&riptide(dir.path(), &set));
    let journal = dir.path().join("j");
    (dir, journal)
}

/// Segments of a stream, in their order.
fn segments(journal: &Path, stream: Stream) -> Vec<PathBuf> {
    let files = std::fs::read_dir(journal.join(stream.name())).expect("a stream");
    let mut files: Vec<PathBuf> = files.map(|it| it.expect("a file").path()).collect();
    files.retain(|path| path.extension().is_some_and(|it| it == "seg"));
    files.sort();
    files
}

/// What a stream loses: the end of its seal. How many records share what lies before it depends on
/// when the writer came to it.
const TORN_BYTES: usize = 5;

/// Cuts the last bytes that were written off a stream.
fn tear(journal: &Path, stream: Stream) {
    let segment = segments(journal, stream).pop().expect("a segment");
    let bytes = std::fs::read(&segment).expect("a segment");
    let used = bytes.iter().rposition(|byte| *byte != 0).expect("content") + 1;
    std::fs::write(&segment, &bytes[..used - TORN_BYTES]).expect("written");
}

/// Every file below a directory.
fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            all.extend(files(&path));
        } else {
            all.insert(path.clone(), std::fs::read(&path).expect("a file"));
        }
    }
    all
}

/// Writes the records of a journal anew, with their right checksums, as far as `change` takes them.
fn rewritten(from: &Path, to: &Path, mut change: impl FnMut(u64, u16, &mut Vec<u8>) -> bool) {
    let mut reader = Reader::open(&disk(), from).expect("a journal");
    let options = WriterOptions { first_seq: 1, ..WriterOptions::default() };
    let (mut writer, _) = Writer::open(&disk(), to, options).expect("a new journal");
    while let Some(record) = reader.next_record().expect("an undamaged journal") {
        let mut payload = record.payload.to_vec();
        if !change(record.head.seq, record.head.kind, &mut payload) {
            break;
        }
        writer.append(record.stream, record.head, &payload).expect("room");
    }
    writer.close(0).expect("closed");
}

#[test]
fn what_was_not_compared_is_not_identical() {
    // What the row shows, which of the market's segments are gone.
    type Gone = fn(usize, usize) -> bool;
    let rows: [(&str, Gone); 3] = [
        ("all", |_, _| true),
        ("the first", |index, _| index == 0),
        ("the last", |index, count| index + 1 == count),
    ];
    for (shows, is_gone) in rows {
        let (dir, journal) = journal();
        let all = segments(&journal, Stream::Market);
        assert!(all.len() > 2, "{shows}: {all:?}");
        for (index, segment) in all.iter().enumerate() {
            if is_gone(index, all.len()) {
                std::fs::remove_file(segment).expect("removed");
            }
        }
        let output = riptide(dir.path(), &["verify", "j"]);
        let text = out(&output);
        assert_eq!(output.status.code(), Some(FINDING), "{shows}: {text} {}", err(&output));
        assert!(text.contains("NOT ALL COMPARED"), "{shows}: {text}");
        assert!(!text.lines().any(|line| line == "identical"), "{shows}: {text}");
        let range = text.lines().find_map(|line| line.trim().strip_prefix("not compared: "));
        let range = range.and_then(|it| it.split(": ").next()).and_then(|it| it.split_once(" to "));
        let (first, last) = range.expect("a range");
        let [first, last] = [first, last].map(|it| it.parse::<u64>().expect("a number"));
        assert!(first > 0 && first <= last, "{shows}: {text}");
        let json = riptide(dir.path(), &["verify", "j", "--json"]);
        assert_eq!(json.status.code(), Some(FINDING), "{shows}");
        let object: serde_json::Value = serde_json::from_slice(&json.stdout).expect("an object");
        assert_eq!(object["identical"], false, "{shows}");
    }
}

#[test]
fn a_journal_with_holes_is_not_replayed() {
    let (dir, journal) = journal();
    let count = segments(&journal, Stream::Market).len();
    assert!(count > 2);
    let refused = |shows: &str| {
        let output = riptide(dir.path(), &["replay", "j", "--no-journal"]);
        let errors = err(&output);
        assert_eq!(output.status.code(), Some(BAD_DATA), "{shows}: {errors}");
        assert!(errors.contains("hint:"), "{shows}: {errors}");
        assert!(!out(&output).contains("results blake3"), "{shows}: results of another history");
        errors
    };
    // Of the segments that are still there, the one that is taken away next; the ledger goes on.
    for (shows, index) in [("the last", count - 1), ("the first, too", 0)] {
        std::fs::remove_file(&segments(&journal, Stream::Market)[index]).expect("removed");
        let errors = refused(shows);
        let range = errors.split("records ").nth(1).and_then(|it| it.split(" are gone").next());
        let range = range.and_then(|it| it.split_once(" to "));
        let (first, last) = range.unwrap_or_else(|| panic!("a range: {errors}"));
        let [first, last] = [first, last].map(|it| it.parse::<u64>().expect("a number"));
        assert!(first > 1 && first < last, "{shows}: {errors}");
    }
}

#[test]
fn a_missing_segment_is_named() {
    let (dir, journal) = journal();
    std::fs::remove_file(&segments(&journal, Stream::Market)[1]).expect("removed");
    for args in [&["replay", "j", "--no-journal"][..], &["verify", "j"][..]] {
        let output = riptide(dir.path(), args);
        let errors = err(&output);
        assert_eq!(output.status.code(), Some(BAD_DATA), "{args:?}: {errors}");
        assert!(errors.contains("segment 1 of the market stream"), "{args:?}: {errors}");
    }
}

#[test]
fn a_torn_tail_is_told() {
    let (dir, journal) = journal();
    let whole = riptide(dir.path(), &["replay", "j", "--no-journal"]);
    assert_done(&whole);
    assert!(!err(&whole).contains("note:"), "{}", err(&whole));
    tear(&journal, Stream::Ledger);
    let output = riptide(dir.path(), &["replay", "j", "--no-journal"]);
    assert_done(&output);
    let errors = err(&output);
    assert!(errors.contains("the ledger stream is torn"), "{errors}");
}

#[test]
fn a_replay_leaves_another_runs_journal_as_it_is() {
    let (dir, journal) = journal();
    for is_torn in [false, true] {
        if is_torn {
            // Whoever opened it for writing would repair it.
            tear(&journal, Stream::Ledger);
        }
        let before = files(&journal);
        for args in [&["replay", "--journal", "j"][..], &["replay", "j", "--journal", "j"][..]] {
            let output = riptide(dir.path(), args);
            let errors = err(&output);
            assert_eq!(output.status.code(), Some(USAGE), "{args:?}: {errors}");
            assert!(errors.contains("holds a journal already"), "{args:?}: {errors}");
            assert!(files(&journal) == before, "{args:?}, torn {is_torn}: it was changed");
        }
    }
}

#[test]
fn an_anchor_beyond_the_end_is_an_error() {
    let (dir, journal) = journal();
    let anchors = anchor::list(&*disk(), &journal).expect("a list");
    let last = *anchors.last().expect("an anchor");
    assert!(anchors.len() > 2, "{anchors:?}");
    // Sealed in order, and still less than what an anchor was written after.
    let cut = dir.path().join("cut");
    rewritten(&journal, &cut, |seq, _, _| seq + 10 < last);
    let verified = |with_anchors: bool| {
        let from = journal.join("anchors");
        for file in std::fs::read_dir(&from).expect("anchors") {
            let file = file.expect("a file");
            let to = cut.join("anchors").join(file.file_name());
            if with_anchors {
                std::fs::copy(file.path(), to).expect("copied");
            }
        }
        riptide(dir.path(), &["verify", "cut"])
    };
    let without = verified(false);
    assert_eq!(without.status.code(), Some(0), "{}", err(&without));
    let output = verified(true);
    let errors = err(&output);
    assert_eq!(output.status.code(), Some(BAD_DATA), "{} {errors}", out(&output));
    assert!(errors.contains(&format!("anchor {last} was written after")), "{errors}");
    assert!(errors.contains("acknowledged records are missing"), "{errors}");
}

#[test]
fn a_replay_that_says_more_or_less_makes_a_journal_that_verifies() {
    let dir = tempfile::tempdir().expect("a directory");
    let quiet = ["replay", "--journal", "j", "--set", "risk.stale_halt_ms=60000"];
    assert_done(&riptide(dir.path(), &quiet));
    // With the last, the first run says more than there are numbers before the second.
    let sets = [
        "execution.seed=7",
        "risk.edge_min_bps=0",
        "risk.edge_min_bps=400",
        "risk.stale_halt_ms=6000",
    ];
    let mut counts = Vec::new();
    for (number, set) in sets.into_iter().enumerate() {
        let name = format!("other-{number}");
        assert_done(&riptide(dir.path(), &["replay", "j", "--journal", &name, "--set", set]));
        let found = verify(&dir.path().join(&name), None).expect("readable");
        assert!(found.is_identical(), "{set}: {found:?}");
        assert_eq!(found.runs, 2, "{set}");
        counts.push(found.decisions);
    }
    assert!(counts[1] != counts[2], "the limits change how much is said: {counts:?}");
}

#[test]
fn the_counts_of_a_runs_end_are_compared() {
    let (dir, journal) = journal();
    // What the row shows, how the end is changed.
    let rows: [(&str, Edit); 5] = [
        ("events", |end| end.events += 1),
        ("batches", |end| end.batches -= 1),
        ("open opportunities", |end| end.open_opportunities += 1),
        ("open trades", |end| end.open_trades += 1),
        ("digest", |end| end.digest ^= 1),
    ];
    for (shows, change) in rows {
        let other = dir.path().join(shows);
        let mut at = 0;
        rewritten(&journal, &other, |seq, kind, payload| {
            if kind == records::END && at == 0 {
                let mut end: End = records::decode(payload).expect("an end");
                change(&mut end);
                records::encode(&end, payload);
                at = seq;
            }
            true
        });
        let found = verify(&other, None).expect("readable");
        let difference = found.difference.expect(shows);
        assert!(at > 0 && difference.seq <= at, "{shows}: {difference:?}");
        assert_ne!(difference.recorded, difference.replayed, "{shows}");
        let output = riptide(dir.path(), &["verify", shows]);
        assert_eq!(output.status.code(), Some(FINDING), "{shows}");
    }
}

/// Changes a batch that can be changed so.
type Broken = fn(&mut Vec<Event>) -> bool;

/// Verifies and replays a journal that says nonsense under right checksums.
fn assert_refused(dir: &Path, shows: &str, at: u64, replay_reads_it: bool) {
    let verified = ["verify", shows];
    let replayed = ["replay", shows, "--no-journal"];
    for args in [&verified[..], &replayed[..]] {
        let output = riptide(dir, args);
        let errors = err(&output);
        assert!(!errors.contains("panicked"), "{shows}, {args:?}: {errors}");
        if args == verified || replay_reads_it {
            assert_eq!(output.status.code(), Some(BAD_DATA), "{shows}, {args:?}: {errors}");
            assert!(errors.contains(&format!("record {at}: ")), "{shows}, {args:?}: {errors}");
            assert!(errors.contains("hint:"), "{shows}, {args:?}: {errors}");
        }
    }
}

#[test]
fn a_batch_that_no_core_took_is_refused() {
    let (dir, journal) = journal();
    let rows: [(&str, Broken); 3] = [
        ("empty", |events| {
            events.clear();
            true
        }),
        ("endless", |events| {
            let Some(last) = events.last_mut().filter(|it| !it.is_tick()) else { return false };
            last.flags = Flags(last.flags.0 & !Flags::END_OF_BATCH);
            true
        }),
        ("ends-twice", |events| {
            let is_long = events.len() > 1;
            if let Some(first) = events.first_mut().filter(|_| is_long) {
                first.flags = Flags(first.flags.0 | Flags::END_OF_BATCH);
            }
            is_long
        }),
    ];
    for (shows, broken) in rows {
        let (mut at, mut batches) = (0, 0);
        rewritten(&journal, &dir.path().join(shows), |seq, kind, payload| {
            batches += u32::from(kind == records::BATCH);
            if kind == records::BATCH && batches > 1_000 && at == 0 {
                let mut events = Vec::new();
                batch::decode(payload, &mut events).expect("a batch");
                if broken(&mut events) {
                    batch::encode(&events, payload).expect("a batch");
                    at = seq;
                }
            }
            true
        });
        assert!(at > 0, "{shows}");
        assert_refused(dir.path(), shows, at, true);
    }
}

#[test]
fn garbage_under_right_checksums_is_refused() {
    let (dir, journal) = journal();
    // What the row shows, kind of the record, whether a replay reads such records.
    for (shows, of_kind, replay_reads_it) in [
        ("begin", records::BEGIN, true),
        ("batch", records::BATCH, true),
        ("decision", records::DECISION, false),
        ("end", records::END, true),
    ] {
        for (form, fill) in [("ones", 0xff_u8), ("zeros", 0), ("short", 1)] {
            let name = format!("{shows}-{form}");
            let mut at = 0;
            rewritten(&journal, &dir.path().join(&name), |seq, kind, payload| {
                if kind == of_kind && at == 0 {
                    let bytes = if form == "short" { 1 } else { payload.len() + 1 };
                    payload.clear();
                    payload.resize(bytes, fill);
                    at = seq;
                }
                true
            });
            assert!(at > 0, "{name}");
            assert_refused(dir.path(), &name, at, replay_reads_it);
        }
    }
}
