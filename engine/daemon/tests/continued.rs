//! Runs that go on from the one before under another configuration: the same history, whoever takes it
//! through the core again.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use engine_core::Core;
use engine_core::outbox::{Decided, Decision};
use engine_core::risk::Check;
use engine_daemon::journal::carry::CarryError;
use engine_daemon::journal::recorder::tapes;
use engine_daemon::journal::runs::{self, disk};
use engine_daemon::journal::verify::verify;
use engine_daemon::journal::writer::{JournalOptions, JournalThread};
use engine_daemon::replay::ReplayArgs;
use engine_daemon::replay::bundle::Plan;
use engine_daemon::replay::drive::{CannotGoOn, Driver, Numbered};
use engine_daemon::replay::prepare::{Work, part};
use engine_daemon::replay::run::{JournalWanted, PartReport, Report, merged_events, run};
use engine_daemon::why::story::Place;
use engine_daemon::why::survey::survey;
use engine_journal::records::{self, Begin};
use engine_journal::{Reader, Stream, SyncPolicy, Writer, WriterOptions};
use engine_model::Event;
use engine_store::Store;
use indicatif::ProgressBar;

/// Every trade's edge is too good under this: risk refuses it with a limit that the first run does not
/// have.
const STRICT: &[&str] = &["signal.min_edge_bps=0", "risk.edge_min_bps=0", "risk.edge_max_bps=1"];
const STRICT_PPM: i128 = 100;

fn plan(sets: &[&str]) -> Plan {
    let sets = sets.iter().map(|set| (*set).to_owned()).collect();
    let args = ReplayArgs { sets, ..ReplayArgs::default() };
    Plan::find(&args).unwrap_or_else(|_| panic!("the shipped bundle"))
}

/// What a run of the part begins with under a plan.
fn begin(plan: &Plan) -> Begin {
    let derived = plan.parts.iter().find(|part| part.name == "derived").expect("a part");
    part(plan, derived).unwrap_or_else(|_| panic!("the part")).begin()
}

fn options() -> JournalOptions {
    JournalOptions {
        sync: SyncPolicy::None,
        segment_bytes: 1 << 20,
        build_hash: [1; 32],
        config_hash: [2; 32],
        acknowledge: None,
    }
}

/// Batches of the part, each whole.
fn batches(plan: &Plan) -> Vec<Vec<Event>> {
    let derived = plan.parts.iter().find(|part| part.name == "derived").expect("a part");
    let (events, _) = merged_events(plan, derived).unwrap_or_else(|_| panic!("the recordings"));
    let mut batches = vec![Vec::new()];
    for event in events {
        batches.last_mut().expect("one at least").push(event);
        if event.ends_batch() || event.is_tick() {
            batches.push(Vec::new());
        }
    }
    batches.retain(|batch| !batch.is_empty());
    batches
}

/// Drives the part as a live core would, and goes on under another configuration after so many
/// batches. Gives the reports of the runs, and what a refused change said.
fn drive(dir: &Path, changes: &[(usize, &Begin)]) -> (Vec<PartReport>, Vec<CannotGoOn>) {
    let first = plan(&[]);
    let begin = begin(&first);
    let core = Core::with_settings(begin.tables.clone(), begin.settings.clone());
    let mut core = core.expect("they fit");
    core.start_at(1);
    let (recorder, tapes) = tapes(core.pairs().len());
    let (thread, _) = JournalThread::start(dir, options(), tapes).expect("a journal");
    let wanted = Some(std::sync::Arc::clone(&thread.anchor_wanted));
    let numbered = Numbered { begin, begin_seq: 1, anchor_daily: true };
    let mut driver = Driver::new(core, Vec::new(), Some(recorder), wanted, numbered);
    let (mut reports, mut refused) = (Vec::new(), Vec::new());
    for (count, batch) in batches(&first).iter().enumerate() {
        for (_, next) in changes.iter().filter(|(at, _)| *at == count) {
            match driver.reconfigure((*next).clone(), true) {
                Ok(report) => reports.extend(report),
                Err(error) => refused.push(error),
            }
        }
        driver.batch(batch, &[]).expect("the journal takes it");
    }
    driver.end().expect("the journal takes it");
    let (report, recorder) = driver.into_report();
    drop(recorder);
    thread.finish().expect("written");
    reports.push(report);
    (reports, refused)
}

fn replayed(dir: &Path, to: Option<&Path>) -> Report {
    let (found, end) = runs::find(dir).unwrap_or_else(|_| panic!("a journal"));
    assert!(runs::tails(&end).is_empty());
    let wanted = to.map(|to| JournalWanted { dir: to.to_owned(), options: options() });
    let work = Work::Journal(dir, &found, None);
    let report = run(&work, wanted, 1, Instant::now(), &ProgressBar::hidden());
    report.unwrap_or_else(|failed| panic!("{failed:?}"))
}

type Records = BTreeMap<u64, (Stream, u16, Vec<u8>)>;

fn read_all(dir: &Path) -> Records {
    let mut reader = Reader::open(&disk(), dir).expect("a journal");
    let mut all = Records::new();
    while let Some(record) = reader.next_record().expect("an undamaged journal") {
        all.insert(record.head.seq, (record.stream, record.head.kind, record.payload.to_vec()));
    }
    all
}

fn decisions(records: &Records, seqs: core::ops::Range<u64>) -> Vec<Decided> {
    let list = records.range(seqs).filter(|(_, it)| it.1 == records::DECISION);
    list.map(|(_, it)| records::decode_decision(&it.2).expect("a decision")).collect()
}

/// A batch in the middle of an opportunity's life.
fn middle_of_a_life(dir: &Path) -> usize {
    let (_, refused) = drive(dir, &[]);
    assert!(refused.is_empty());
    let records = read_all(dir);
    let lives: Vec<(u64, u64)> = survey(dir)
        .unwrap_or_else(|_| panic!("a journal"))
        .iter()
        .flat_map(|run| &run.opportunities)
        .filter(|life| !life.is_open() && life.last_seq > life.opened_seq + 4)
        .map(|life| (life.opened_seq, life.last_seq))
        .collect();
    let half = lives.get(lives.len() / 2).expect("lives of some length");
    let at = u64::midpoint(half.0, half.1);
    // The first batch is the clock that the driver itself puts before the recording's.
    records.range(..at).filter(|(_, it)| it.1 == records::BATCH).count() - 1
}

#[test]
fn a_history_of_three_runs_is_the_same_whoever_reads_it() {
    let root = tempfile::tempdir().expect("a directory");
    let (plain, dir, again) =
        (root.path().join("plain"), root.path().join("one"), root.path().join("two"));
    let middle = middle_of_a_life(&plain);
    let (strict, back) = (begin(&plan(STRICT)), begin(&plan(&["costs.latency_buffer_bps=2"])));
    let last = batches(&plan(&[])).len() - 20;
    let (reports, refused) = drive(&dir, &[(middle, &strict), (last, &back)]);
    assert!(refused.is_empty(), "{refused:?}");
    assert_eq!(reports.len(), 3);
    let live: Vec<[u8; 32]> = reports.iter().map(|it| it.hash).collect();

    // Replayed, and replayed into a journal of its own.
    let report = replayed(&dir, Some(&again));
    let hashes: Vec<[u8; 32]> = report.parts.iter().map(|it| it.hash).collect();
    assert_eq!(hashes, live);
    let records = read_all(&dir);
    assert_eq!(records, read_all(&again), "the journal of the replay is the same journal");

    // The records that join the runs.
    let (found, _) = runs::find(&dir).unwrap_or_else(|_| panic!("a journal"));
    for pair in found.windows(2) {
        let (before, after) = (&pair[0], &pair[1]);
        assert_eq!(after.begin.from_anchor, before.end_seq);
        assert_eq!(Some(after.seq), before.end_seq.map(|seq| seq + 1));
        assert_ne!(after.begin.clock, (0, 0));
    }

    // Verified from its beginning, and from every anchor.
    for journal in [&dir, &again] {
        let whole = verify(journal, None).unwrap_or_else(|_| panic!("readable"));
        assert!(whole.is_identical(), "{whole:?}");
        assert!(whole.unfinished.is_empty(), "{whole:?}");
        let anchors = engine_journal::anchor::list(&*disk(), journal).expect("a list");
        assert_eq!((whole.runs, whole.anchors), (3, anchors.len() as u64));
        for anchor in anchors {
            let found = verify(journal, Some(anchor)).unwrap_or_else(|_| panic!("readable"));
            assert!(found.difference.is_none(), "from {anchor}: {:?}", found.difference);
        }
    }
}

#[test]
fn a_changed_limit_takes_effect_exactly_at_its_record() {
    let root = tempfile::tempdir().expect("a directory");
    let (plain, dir) = (root.path().join("plain"), root.path().join("one"));
    let middle = middle_of_a_life(&plain);
    let strict = begin(&plan(STRICT));
    let (_, refused) = drive(&dir, &[(middle, &strict)]);
    assert!(refused.is_empty());
    let (without, with) = (read_all(&plain), read_all(&dir));
    let (found, _) = runs::find(&dir).unwrap_or_else(|_| panic!("a journal"));
    let (ends, begins) = (found[0].end_seq.expect("it ended"), found[1].seq);
    // Up to there it is the same run, to the byte.
    let head = |records: &Records| {
        let head = records.range(2..ends).map(|(seq, it)| (*seq, it.clone()));
        head.collect::<Vec<_>>()
    };
    assert_eq!(head(&without), head(&with));
    // From there on nothing is approved, and each refusal names the new limit.
    let is_approval = |it: &&Decided| matches!(it.decision, Decision::Approved { .. });
    let is_after = |it: &&Decided| it.seq >= ends;
    let all = decisions(&without, 1..u64::MAX);
    assert!(all.iter().filter(is_approval).any(|it| is_after(&it)), "it would have traded");
    let after = decisions(&with, begins..u64::MAX);
    assert_eq!(after.iter().filter(is_approval).count(), 0);
    let limits: Vec<i128> = after
        .iter()
        .filter_map(|it| if let Decision::Refused(it) = it.decision { Some(it) } else { None })
        .filter(|it| it.denial.check == Check::EdgeMax)
        .map(|it| it.denial.limit)
        .collect();
    assert!(!limits.is_empty() && limits.iter().all(|limit| *limit == STRICT_PPM), "{limits:?}");
}

#[test]
fn a_life_across_two_runs_is_one_story_and_one_row() {
    let root = tempfile::tempdir().expect("a directory");
    let (plain, dir) = (root.path().join("plain"), root.path().join("one"));
    let middle = middle_of_a_life(&plain);
    let other = begin(&plan(&["costs.latency_buffer_bps=2"]));
    drive(&dir, &[(middle, &other)]);
    let (found, _) = runs::find(&dir).unwrap_or_else(|_| panic!("a journal"));
    let border = found[1].seq;
    let all = survey(&dir).unwrap_or_else(|_| panic!("a journal"));
    assert_eq!(all.len(), 1, "one history");
    let run = &all[0];
    assert!(run.is_ended && run.continued.len() == 1);
    let across: Vec<_> = run
        .opportunities
        .iter()
        .filter(|it| it.opened_seq < border && it.last_seq > border)
        .collect();
    assert!(!across.is_empty(), "a life spans the border");
    let after = run.opportunities.iter().find(|it| it.opened_seq > border).expect("a later one");
    for summary in across.into_iter().chain([after]) {
        let place = Place { dir: &dir, all: &all, run };
        let story = place.life(summary).unwrap_or_else(|failed| panic!("{failed:?}"));
        assert_eq!(story.differences, Vec::<String>::new(), "opportunity {}", summary.id);
        assert!(story.compared > 0);
    }
    let file = dir.join("store.sqlite");
    let (store, projected) = Store::rebuild(&file, &dir).expect("a store");
    assert_eq!(projected.orphans, 0);
    let rows: BTreeMap<&str, u64> = store.counts().expect("counts").into_iter().collect();
    assert_eq!(rows["runs"], 2);
    assert_eq!(rows["opportunities"], run.opportunities.len() as u64);
}

#[test]
fn a_run_whose_beginning_is_gone_starts_from_the_anchor() {
    let root = tempfile::tempdir().expect("a directory");
    let (plain, dir) = (root.path().join("plain"), root.path().join("one"));
    let middle = middle_of_a_life(&plain);
    let other = begin(&plan(&["costs.latency_buffer_bps=2"]));
    let (reports, _) = drive(&dir, &[(middle, &other)]);
    let (found, _) = runs::find(&dir).unwrap_or_else(|_| panic!("a journal"));
    let border = found[1].seq;
    // What retention leaves: the records of the second run, and the anchors.
    let rest = root.path().join("rest");
    let options = WriterOptions { first_seq: border, ..WriterOptions::default() };
    let (mut writer, _) = Writer::open(&disk(), &rest, options).expect("a new journal");
    let mut reader = Reader::open(&disk(), &dir).expect("a journal");
    while let Some(record) = reader.next_record().expect("an undamaged journal") {
        if record.head.seq >= border {
            writer.append(record.stream, record.head, record.payload).expect("room");
        }
    }
    writer.close(0).expect("closed");
    let anchor = format!("anchors/{:020}.anchor", border - 1);
    let missing = runs::find(&rest).unwrap_or_else(|_| panic!("a journal")).0;
    let work = Work::Journal(&rest, &missing, None);
    let failed = run(&work, None, 1, Instant::now(), &ProgressBar::hidden());
    let says = failed.err().map(|it| format!("{it:?}")).unwrap_or_default();
    assert!(says.contains("is gone, and so is the run that led to it"), "{says}");

    std::fs::copy(dir.join(&anchor), rest.join(&anchor)).expect("copied");
    let copy = root.path().join("copy");
    let report = replayed(&rest, Some(&copy));
    assert_eq!(report.parts.len(), 1);
    assert_eq!(report.parts[0].hash, reports[1].hash);
    assert_eq!(read_all(&rest), read_all(&copy));
    for journal in [&rest, &copy] {
        let found = verify(journal, None).unwrap_or_else(|failed| panic!("{failed:?}"));
        assert!(found.is_identical(), "{found:?}");
    }
    let all = survey(&rest).unwrap_or_else(|_| panic!("a journal"));
    let summary = all[0].opportunities.iter().find(|it| !it.is_open()).expect("one");
    let story = Place { dir: &rest, all: &all, run: &all[0] }.life(summary);
    let story = story.unwrap_or_else(|failed| panic!("{failed:?}"));
    assert_eq!(story.differences, Vec::<String>::new());
}

#[test]
fn a_change_that_does_not_fit_changes_nothing() {
    let root = tempfile::tempdir().expect("a directory");
    let (plain, dir) = (root.path().join("plain"), root.path().join("one"));
    let middle = middle_of_a_life(&plain);
    let mut others = begin(&plan(STRICT));
    others.tables.markets.swap(0, 1);
    let mut fewer = begin(&plan(STRICT));
    fewer.tables.instruments.pop();
    let (reports, refused) = drive(&dir, &[(middle, &others), (middle + 1, &fewer)]);
    assert_eq!(refused, vec![CannotGoOn::State(CarryError::OtherMarkets); 2]);
    assert_eq!(reports.len(), 1);
    assert_eq!(read_all(&plain), read_all(&dir), "not a byte");
}

#[test]
fn a_change_before_the_first_event_takes_the_place_of_the_run() {
    let root = tempfile::tempdir().expect("a directory");
    let dir = root.path().join("one");
    let strict = begin(&plan(STRICT));
    let (reports, refused) = drive(&dir, &[(0, &strict)]);
    assert!(refused.is_empty() && reports.len() == 1);
    let (found, _) = runs::find(&dir).unwrap_or_else(|_| panic!("a journal"));
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].begin.from_anchor, &found[0].begin.settings), (None, &strict.settings));
    assert!(verify(&dir, None).unwrap_or_else(|_| panic!("readable")).is_identical());
}
