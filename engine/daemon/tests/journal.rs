//! Journals that the program writes: the same decisions again, whatever happens to the process.
#![expect(clippy::print_stdout, reason = "the size of the campaign is told to who runs it")]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use engine_core::outbox::{Decided, Decision};
use engine_daemon::journal::runs::disk;
use engine_daemon::journal::verify::verify;
use engine_journal::records;
use engine_journal::{Reader, Stream, Writer, WriterOptions};

fn riptide(dir: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_riptide"));
    command.args(args).current_dir(dir).output().expect("the program starts")
}

fn hash_of(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let line = text.lines().find_map(|line| line.strip_prefix("results blake3 "));
    line.expect("a hash").to_owned()
}

/// Records of each stream: number, kind, payload.
type Records = BTreeMap<Stream, Vec<(u64, u16, Vec<u8>)>>;

fn read_all(dir: &Path) -> Records {
    let mut reader = Reader::open(&disk(), dir).expect("a journal");
    let mut all = Records::new();
    while let Some(record) = reader.next_record().expect("an undamaged journal") {
        let of = all.entry(record.stream).or_default();
        of.push((record.head.seq, record.head.kind, record.payload.to_vec()));
    }
    all
}

/// Budget of a campaign: from the environment, small by default.
fn budget(name: &str, small: usize) -> usize {
    std::env::var(name).ok().and_then(|it| it.parse().ok()).unwrap_or(small)
}

#[test]
fn a_journal_gives_the_same_decisions_again_and_verifies() {
    let dir = tempfile::tempdir().expect("a directory");
    let first = hash_of(&riptide(dir.path(), &["replay", "--journal", "one"]));
    let without = hash_of(&riptide(dir.path(), &["replay", "--no-journal"]));
    assert_eq!(first, without, "a journal changes nothing");
    for threads in ["1", "2"] {
        let again = hash_of(&riptide(dir.path(), &["replay", "one", "--threads", threads]));
        assert_eq!(first, again, "the journal as the input, {threads} thread(s)");
    }
    let second = hash_of(&riptide(dir.path(), &["replay", "one", "--journal", "two"]));
    assert_eq!(first, second);
    assert_eq!(
        read_all(&dir.path().join("one")),
        read_all(&dir.path().join("two")),
        "the journal of a journal's replay is the same journal"
    );

    let found = verify(&dir.path().join("one"), None).expect("an undamaged journal");
    assert!(found.difference.is_none(), "{:?}", found.difference);
    assert!(found.runs == 2 && found.decisions > 200 && found.anchors >= 2, "{found:?}");
    assert!(found.unverified.is_empty() && found.unfinished.is_empty() && found.tails.is_empty());
}

#[test]
fn verification_starts_at_any_anchor() {
    let dir = tempfile::tempdir().expect("a directory");
    let journal = dir.path().join("journal");
    // Small segments, so that there are many anchors in the middle.
    let text = std::fs::read_to_string(bundle_toml()).expect("the bundle's configuration");
    let plain = hash_of(&riptide(dir.path(), &["replay", "--no-journal"]));
    assert!(text.contains("[risk]"), "the bundle states its limits");
    let set = ["replay", "--journal", "journal", "--set", "journal.segment_mib=1"];
    assert_eq!(hash_of(&riptide(dir.path(), &set)), plain, "segments change no decision");
    let anchors = engine_journal::anchor::list(&*disk(), &journal).expect("a list");
    assert!(anchors.len() >= 3, "{anchors:?}");
    let all = verify(&journal, None).expect("an undamaged journal");
    assert_eq!(all.anchors, anchors.len() as u64, "every anchor is compared on the way");
    for anchor in anchors {
        let found = verify(&journal, Some(anchor)).expect("an undamaged journal");
        assert!(found.difference.is_none(), "from {anchor}: {:?}", found.difference);
        assert!(found.decisions <= all.decisions);
    }
}

fn bundle_toml() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/bundle/bundle.toml"))
}

/// Writes the records of a journal anew, with one changed.
fn rewritten(
    from: &Path,
    to: &Path,
    mut change: impl FnMut(u64, u16, &mut Vec<u8>) -> bool,
) -> bool {
    let mut reader = Reader::open(&disk(), from).expect("a journal");
    let options = WriterOptions { first_seq: 1, ..WriterOptions::default() };
    let (mut writer, _) = Writer::open(&disk(), to, options).expect("a new journal");
    let mut is_changed = false;
    while let Some(record) = reader.next_record().expect("an undamaged journal") {
        let mut payload = record.payload.to_vec();
        is_changed |= change(record.head.seq, record.head.kind, &mut payload);
        writer.append(record.stream, record.head, &payload).expect("room");
    }
    writer.close(0).expect("closed");
    is_changed
}

/// Changes a decision, if it is the one.
type Change = fn(&mut Decided) -> bool;

#[test]
fn one_changed_decision_is_found() {
    let dir = tempfile::tempdir().expect("a directory");
    hash_of(&riptide(dir.path(), &["replay", "--journal", "one"]));
    let one = dir.path().join("one");

    let same = dir.path().join("same");
    assert!(!rewritten(&one, &same, |_, _, _| false));
    assert!(verify(&same, None).expect("readable").difference.is_none(), "rewriting alone");

    // (what is changed, whether this decision, how)
    let changes: [(&str, Change); 4] = [
        ("a trade's result by one unit", |decided| {
            let Decision::Ended(end) = &mut decided.decision else { return false };
            end.pnl.as_mut().is_some_and(|pnl| {
                pnl.net += 1;
                true
            })
        }),
        ("an approved size", |decided| {
            let Decision::Approved { plan, .. } = &mut decided.decision else { return false };
            plan.atoms += 1;
            true
        }),
        ("the reason of a refusal", |decided| {
            let Decision::Refused(refusal) = &mut decided.decision else { return false };
            refusal.denial.limit += 1;
            true
        }),
        ("the digest of a stretch of looks", |decided| {
            let Decision::Checkpoint(digest) = &mut decided.decision else { return false };
            *digest ^= 1;
            true
        }),
    ];
    for (number, (shows, change)) in changes.into_iter().enumerate() {
        let other = dir.path().join(format!("changed-{number}"));
        let mut at = 0;
        let is_changed = rewritten(&one, &other, |seq, kind, payload| {
            if kind != records::DECISION || at != 0 {
                return false;
            }
            let mut decided: Decided = records::decode(payload).expect("a decision");
            let is_it = change(&mut decided);
            if is_it {
                records::encode(&decided, payload);
                at = seq;
            }
            is_it
        });
        assert!(is_changed, "{shows}");
        let found = verify(&other, None).expect("readable");
        let difference = found.difference.expect(shows);
        assert_eq!(difference.seq, at, "{shows}");
        assert_ne!(difference.recorded, difference.replayed, "{shows}");
        let exit = riptide(dir.path(), &["verify", other.to_str().expect("a path")]);
        assert_eq!(exit.status.code(), Some(1), "{shows}");
    }

    // A changed input shows in what followed from it: twenty frames moved by a tick.
    let other = dir.path().join("changed-input");
    let mut batches = 0;
    assert!(rewritten(&one, &other, |_, kind, payload| {
        batches += usize::from(kind == records::BATCH);
        let mut events = Vec::new();
        if kind != records::BATCH || !(9_000..9_020).contains(&batches) {
            return false;
        }
        engine_journal::batch::decode(payload, &mut events).expect("a batch");
        for event in &mut events {
            if let engine_model::Body::Level { price_ticks, .. } = &mut event.body {
                *price_ticks += 1;
            }
        }
        engine_journal::batch::encode(&events, payload).expect("a batch");
        true
    }));
    let found = verify(&other, None).expect("readable");
    assert!(found.difference.is_some(), "levels at other prices");
}

#[test]
fn a_gone_market_stream_is_said_and_the_ledger_stays_readable() {
    let dir = tempfile::tempdir().expect("a directory");
    let set = ["replay", "--journal", "j", "--set", "journal.segment_mib=1"];
    hash_of(&riptide(dir.path(), &set));
    let journal = dir.path().join("j");
    let segments = std::fs::read_dir(journal.join("market")).expect("segments");
    let mut segments: Vec<PathBuf> = segments.map(|it| it.expect("a file").path()).collect();
    segments.sort();
    let has_several = segments.len() > 1;
    std::fs::remove_file(&segments[0]).expect("removed");
    let found = verify(&journal, None);
    match found {
        Ok(found) => {
            assert!(found.difference.is_none(), "{:?}", found.difference);
            assert!(!found.unverified.is_empty(), "{found:?}");
        }
        Err(failure) => panic!("{}", failure.says),
    }
    assert!(has_several || segments.len() == 1);
}

/// Starts a replay that acknowledges on its standard output, kills it after `after` (or lets it
/// end), and returns the last acknowledged numbers of both streams.
fn killed(dir: &Path, journal: &str, after: Option<Duration>) -> (u64, u64) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_riptide"))
        .args(["replay", "--json", "--journal", journal, "--sync", "always"])
        .args(["--acknowledge", "/dev/stderr"])
        .current_dir(dir)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let pipe = child.stderr.take().expect("a pipe");
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        let _ = BufReader::new(pipe).read_to_string(&mut text);
        text
    });
    if let Some(after) = after {
        std::thread::sleep(after);
        let _ = child.kill();
    }
    child.wait().expect("it ends");
    let text = reader.join().expect("the pipe is read");
    let complete = text.rfind('\n').map_or("", |end| &text[..end]);
    let last = complete.lines().filter_map(|line| {
        let (market, ledger) = line.split_once(' ')?;
        Some((market.parse().ok()?, ledger.parse().ok()?))
    });
    last.fold((0, 0), |_, newest| newest)
}

#[test]
fn what_was_acknowledged_survives_the_kill() {
    let dir = tempfile::tempdir().expect("a directory");
    let from = Instant::now();
    let acknowledged = killed(dir.path(), "whole", None);
    let whole_ms = u64::try_from(from.elapsed().as_millis()).expect("a short run");
    let whole = read_all(&dir.path().join("whole"));
    let last = |stream| whole[&stream].last().expect("records").0;
    assert_eq!(acknowledged, (last(Stream::Market), last(Stream::Ledger)), "all of it, at the end");

    let kills = budget("RIPTIDE_KILLS", 8) as u64;
    let mut middles = 0;
    for number in 0..kills {
        // Spread over the run, and off any grid.
        let share = (number * 2_654_435_761 % 1_000) * whole_ms / 1_000;
        let name = format!("killed-{number}");
        let (market, ledger) = killed(dir.path(), &name, Some(Duration::from_millis(share)));
        let journal = dir.path().join(&name);
        middles += u64::from(market > 0 && market < acknowledged.0);
        if market == 0 && ledger == 0 {
            // Killed before anything was promised; there may be no journal at all.
            continue;
        }
        let kept = read_all(&journal);
        for (stream, promised) in [(Stream::Market, market), (Stream::Ledger, ledger)] {
            let empty = Vec::new();
            let kept = kept.get(&stream).unwrap_or(&empty);
            let of_whole = &whole[&stream];
            assert_eq!(kept[..], of_whole[..kept.len()], "kill {number}: a prefix of {stream}");
            let kept_to = kept.last().map_or(0, |record| record.0);
            assert!(kept_to >= promised, "kill {number}: {stream} {kept_to} < {promised}");
        }
        let found = verify(&journal, None).expect("a killed journal is readable");
        assert!(found.difference.is_none(), "kill {number}: {:?}", found.difference);
        // Whoever opens it for writing next is told what was cut away, and goes on after it.
        let options = WriterOptions { first_seq: 1, ..WriterOptions::default() };
        let (writer, recovered) = Writer::open(&disk(), &journal, options).expect("repaired");
        assert!(recovered.next_seq > market.max(ledger), "kill {number}");
        writer.close(0).expect("closed");
        let after = read_all(&journal);
        assert_eq!(after, kept, "kill {number}: repairing loses nothing that was readable");
        std::fs::remove_dir_all(&journal).expect("removed");
    }
    println!("{kills} kills, {middles} of them in the middle of the writing");
    assert!(kills < 8 || middles > 0, "the kills hit the writing");
}

#[test]
fn a_journal_cut_anywhere_in_its_last_bytes_is_a_prefix_or_an_error() {
    let dir = tempfile::tempdir().expect("a directory");
    hash_of(&riptide(dir.path(), &["replay", "--journal", "whole"]));
    let whole_dir = dir.path().join("whole");
    let whole = read_all(&whole_dir);
    let step = if budget("RIPTIDE_CUTS", 0) > 0 { 1 } else { 97 };
    for stream in Stream::ALL {
        let segment = whole_dir.join(stream.name()).join("00000000.seg");
        let bytes = std::fs::read(&segment).expect("a segment");
        let used = bytes.iter().rposition(|byte| *byte != 0).expect("content") + 1;
        for cut in (used.saturating_sub(4_096)..used).step_by(step) {
            std::fs::write(&segment, &bytes[..cut]).expect("written");
            let mut reader = match Reader::open(&disk(), &whole_dir) {
                Ok(reader) => reader,
                Err(error) => {
                    assert!(error.to_string().contains(".seg"), "{error}");
                    continue;
                }
            };
            let mut kept = 0;
            let told = loop {
                match reader.next_record() {
                    Ok(Some(record)) if record.stream == stream => {
                        let expected = &whole[&stream][kept];
                        assert_eq!(
                            (record.head.seq, record.payload),
                            (expected.0, &expected.2[..])
                        );
                        kept += 1;
                    }
                    Ok(Some(_)) => (),
                    Ok(None) => {
                        let end = reader.end().expect("the end");
                        let end = if stream == Stream::Market { end.market } else { end.ledger };
                        break format!("{:?}", end.tail);
                    }
                    Err(error) => break error.to_string(),
                }
            };
            assert!(!told.starts_with("Sealed"), "{stream} cut at {cut}: {told}");
        }
        std::fs::write(&segment, &bytes).expect("written back");
    }
}

#[test]
fn bad_places_for_a_journal_are_named() {
    let dir = tempfile::tempdir().expect("a directory");
    hash_of(&riptide(dir.path(), &["replay", "--journal", "taken"]));
    std::fs::write(dir.path().join("file"), "x").expect("written");
    // (what, arguments, exit code, a word of the error)
    let rows: [(&str, &[&str], i32, &str); 5] = [
        ("a journal is never overwritten", &["replay", "--journal", "taken"], 2, "taken"),
        ("a file is no directory", &["replay", "--journal", "file"], 74, "file"),
        ("nothing there", &["verify", "nowhere"], 66, "nowhere"),
        ("an empty directory", &["verify", "."], 66, "."),
        ("no such anchor", &["verify", "taken", "--from", "5"], 2, "anchor 5"),
    ];
    for (shows, args, code, word) in rows {
        let output = riptide(dir.path(), args);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{shows}: {errors}");
        assert!(errors.contains(word) && errors.contains("hint:"), "{shows}: {errors}");
    }
    // The default place is replaced by the next replay, and nothing else is.
    hash_of(&riptide(dir.path(), &["replay"]));
    hash_of(&riptide(dir.path(), &["replay"]));
    assert_eq!(riptide(dir.path(), &["verify"]).status.code(), Some(0));
    let mine = dir.path().join("riptide-data/replay");
    std::fs::remove_file(mine.join("replaced-by-next-replay")).expect("removed");
    let output = riptide(dir.path(), &["replay"]);
    assert_eq!(output.status.code(), Some(74), "what a replay did not make is left alone");
    let first = BufReader::new(&output.stderr[..]).lines().next();
    assert!(first.is_some_and(|line| line.is_ok_and(|it| it.contains("riptide-data/replay"))));
}

#[test]
fn retention_compresses_deletes_and_says_so_in_the_journal() {
    let dir = tempfile::tempdir().expect("a directory");
    let set = ["replay", "--journal", "j", "--set", "journal.segment_mib=1"];
    let plain = hash_of(&riptide(dir.path(), &set));
    let journal = dir.path().join("j");
    let before = read_all(&journal);
    let packed = riptide(dir.path(), &["retain", "j", "--market-days", "3650", "--json"]);
    assert!(packed.status.success(), "{}", String::from_utf8_lossy(&packed.stderr));
    let report: serde_json::Value = serde_json::from_slice(&packed.stdout).expect("an object");
    assert!(report["compressed"].as_array().is_some_and(|list| !list.is_empty()), "{report}");
    assert_eq!(report["deleted"].as_array().map(Vec::len), Some(0), "{report}");
    let after = read_all(&journal);
    assert_eq!(after[&Stream::Market], before[&Stream::Market], "compressed segments read alike");
    let (last, rest) = after[&Stream::Ledger].split_last().expect("records");
    assert_eq!((rest, last.1), (&before[&Stream::Ledger][..], records::RETENTION));
    assert_eq!(hash_of(&riptide(dir.path(), &["replay", "j"])), plain);
    assert_eq!(riptide(dir.path(), &["verify", "j"]).status.code(), Some(0));

    // Older than nothing: closed market segments go, the ledger and its record stay.
    let cut = riptide(dir.path(), &["retain", "j", "--market-days", "0", "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&cut.stdout).expect("an object");
    assert!(report["deleted"].as_array().is_some_and(|list| !list.is_empty()), "{report}");
    assert_eq!(riptide(dir.path(), &["verify", "j"]).status.code(), Some(1), "not all compared");
    assert_eq!(riptide(dir.path(), &["replay", "j"]).status.code(), Some(65), "another history");
    assert_eq!(read_all(&journal)[&Stream::Ledger][..rest.len()], *rest, "every decision stays");
}
