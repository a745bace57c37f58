//! The tables of a journal: what they say is what the replay said, however they came to be.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use engine_core::execution::Outcome;
use engine_daemon::journal::runs::disk;
use engine_daemon::journal::writer::JournalOptions;
use engine_daemon::replay::ReplayArgs;
use engine_daemon::replay::bundle::Plan;
use engine_daemon::replay::prepare::Work;
use engine_daemon::replay::run::{JournalWanted, Report, run};
use engine_daemon::replay::trades::net_numeraire;
use engine_journal::{Reader, RecordHead, Stream, SyncPolicy, Writer, WriterOptions};
use engine_store::{Cell, How, Store, StoreError, TABLES};
use indicatif::ProgressBar;

/// The bundle that ships, replayed with a journal.
fn replayed(dir: &Path) -> Report {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/data/bundle");
    let args = ReplayArgs { path: Some(folder.into()), ..ReplayArgs::default() };
    let plan = Plan::find(&args).unwrap_or_else(|refused| panic!("{refused:?}"));
    let options = JournalOptions {
        sync: SyncPolicy::None,
        segment_bytes: 4 << 20,
        build_hash: [1; 32],
        config_hash: [2; 32],
        acknowledge: None,
    };
    let wanted = JournalWanted { dir: dir.to_owned(), options };
    let bar = ProgressBar::hidden();
    run(&Work::Recordings(&plan), Some(wanted), 2, Instant::now(), &bar)
        .unwrap_or_else(|failure| panic!("{}", failure.says))
}

/// Every row of every table, in the order of their keys.
fn dump(store: &Store) -> Vec<(&'static str, Vec<Vec<Cell>>)> {
    let rows = |table| {
        let mut rows = store.rows(&format!("SELECT * FROM {table}"), &[]).expect("rows");
        rows.sort();
        (table, rows)
    };
    TABLES.into_iter().chain(["projection"]).map(rows).collect()
}

fn ints(store: &Store, sql: &str) -> Vec<i64> {
    let int = |cell: Cell| {
        let Cell::Int(number) = cell else { panic!("{sql}: {cell:?}") };
        number
    };
    store.rows(sql, &[]).expect("rows").into_iter().flatten().map(int).collect()
}

/// Counts by name: two columns, a text and a number.
fn named(store: &Store, sql: &str) -> BTreeMap<String, u64> {
    let pair = |row: Vec<Cell>| match row.as_slice() {
        [Cell::Text(name), Cell::Int(n)] => (name.clone(), u64::try_from(*n).expect("a count")),
        other => panic!("{sql}: {other:?}"),
    };
    store.rows(sql, &[]).expect("rows").into_iter().map(pair).collect()
}

#[test]
fn the_tables_say_what_the_replay_said() {
    let dir = tempfile::tempdir().expect("a directory");
    let journal = dir.path().join("journal");
    let report = replayed(&journal);
    let file = dir.path().join("store.sqlite");
    let (store, projected) = Store::rebuild(&file, &journal).expect("a store");
    assert_eq!((projected.orphans, projected.torn), (0, None));
    let decisions: u64 = report.parts.iter().map(|part| part.collected.decisions).sum();
    assert_eq!(projected.decisions, decisions);

    assert_eq!(ints(&store, "SELECT count(*) FROM runs"), [2], "one for each part");
    for part in &report.parts {
        let (run, said) = (part.begin_seq, &part.collected);
        let one = |sql: &str| ints(&store, &format!("{sql} AND run = {run}"));
        let by_name = |sql: &str| named(&store, &sql.replace("RUN", &run.to_string()));
        assert_eq!(
            one("SELECT events, end_seq FROM runs WHERE part IS NOT NULL"),
            [part.events, part.end_seq].map(|it| i64::try_from(it).expect("small")),
        );

        let fates: BTreeMap<String, u64> =
            said.fates.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect();
        let sql = "SELECT coalesce(fate_reason, fate), count(*) FROM opportunities \
                   WHERE run = RUN AND fate IS NOT NULL GROUP BY 1";
        assert_eq!(by_name(sql), fates, "{}", part.name);
        let sql = "SELECT CASE reason WHEN check_name THEN reason ELSE 'halted: ' || reason END, \
                   count(*) FROM risk_events WHERE run = RUN AND kind = 'refused' GROUP BY 1";
        assert_eq!(by_name(sql), said.refusals, "{}", part.name);
        let sql = "SELECT outcome, count(*) FROM trades WHERE run = RUN AND outcome IS NOT NULL \
                   GROUP BY 1";
        let outcomes = Outcome::ALL.iter().zip(said.outcomes).filter(|(_, n)| *n > 0);
        let outcomes: BTreeMap<String, u64> =
            outcomes.map(|(it, n)| (it.name().to_owned(), n)).collect();
        assert_eq!(by_name(sql), outcomes, "{}", part.name);

        let net = i64::try_from(net_numeraire(part)).expect("small");
        for table in ["trades", "daily_pnl"] {
            let sql = format!("SELECT coalesce(sum(net_numeraire), 0) FROM {table} WHERE true");
            assert_eq!(one(&sql), [net], "{}: {table}", part.name);
        }
        let count = |n: usize| i64::try_from(n).expect("small");
        for (kinds, n) in [("halt_%", said.halts.len()), ("warned", said.warnings.len())] {
            let sql = format!("SELECT count(*) FROM risk_events WHERE kind LIKE '{kinds}'");
            assert_eq!(one(&sql), [count(n)], "{}: {kinds}", part.name);
        }
        trades(&store, part);
    }
    assert!(ints(&store, "SELECT count(*) FROM trades WHERE net IS NOT NULL")[0] >= 5);
    nothing_is_left_hanging(&store);
}

/// Each trade's own figures.
fn trades(store: &Store, part: &engine_daemon::replay::run::PartReport) {
    for end in &part.collected.trades {
        let (plan, pnl) = (end.trade.plan(), end.pnl.expect("in range"));
        let of = format!("run = {} AND trade = {}", part.begin_seq, end.trade.id());
        let parts = pnl.parts().into_iter().chain([("net", pnl.net)]);
        for (column, amount) in parts.chain([("predicted_net", plan.predicted_net)]) {
            let sql = format!("SELECT {column} FROM trades WHERE {of}");
            assert_eq!(ints(store, &sql), [i64::try_from(amount).expect("small")], "{sql}");
        }
        // What the fills add up to is what the trade says that it moved.
        let sql = format!(
            "SELECT coalesce(sum(total), 0) FROM fills JOIN orders USING (run, trade, leg, attempt) \
             WHERE side = 'buy' AND {of}"
        );
        let paid: u128 = end.trade.moved().iter().map(|it| it.paid).sum();
        assert_eq!(ints(store, &sql), [i64::try_from(paid).expect("small")], "{sql}");
        let sql = format!("SELECT sum(network_lamports) FROM orders WHERE {of}");
        let lamports = i64::try_from(end.trade.lamports().0).expect("small");
        assert_eq!(ints(store, &sql), [lamports], "{sql}");
    }
}

/// Every reference leads somewhere, and nothing that should have one has none.
fn nothing_is_left_hanging(store: &Store) {
    let none: Vec<Vec<Cell>> = Vec::new();
    assert_eq!(store.rows("PRAGMA foreign_key_check", &[]).expect("rows"), none);
    for sql in [
        "SELECT seq FROM risk_events WHERE kind = 'refused' AND opportunity IS NULL",
        "SELECT seq FROM risk_events WHERE kind = 'hedge_refused' AND trade IS NULL",
        "SELECT trade FROM orders WHERE answer IS NULL",
        "SELECT trade FROM trades WHERE outcome IS NULL",
        "SELECT trade FROM orders WHERE filled_steps > 0 AND NOT EXISTS (SELECT 1 FROM fills \
         WHERE fills.run = orders.run AND fills.trade = orders.trade AND fills.leg = orders.leg \
         AND fills.attempt = orders.attempt AND fills.steps = orders.filled_steps)",
    ] {
        assert_eq!(store.rows(sql, &[]).expect("rows"), none, "{sql}");
    }
}

/// Ledger records of a journal, in order.
fn ledger(journal: &Path) -> Vec<(RecordHead, Vec<u8>)> {
    let mut reader = Reader::open_ledger(&disk(), journal, 0).expect("a journal");
    let mut records = Vec::new();
    while let Some(record) = reader.next_record().expect("an undamaged journal") {
        assert_eq!(record.stream, Stream::Ledger);
        records.push((record.head, record.payload.to_vec()));
    }
    records
}

#[test]
fn going_on_gives_the_rows_of_a_rebuild() {
    let dir = tempfile::tempdir().expect("a directory");
    let whole = dir.path().join("whole");
    replayed(&whole);
    let records = ledger(&whole);
    let growing = dir.path().join("growing");
    let mut store = Store::open(&dir.path().join("going-on.sqlite")).expect("a store");
    for (step, some) in records.chunks(29).enumerate() {
        let options = WriterOptions {
            segment_bytes: 1 << 20,
            now_ns: 7 + step as u64,
            ..WriterOptions::default()
        };
        // Each start seals the segment before and begins another.
        let (mut writer, _) = Writer::open(&disk(), &growing, options).expect("a journal");
        for (head, payload) in some {
            writer.append(Stream::Ledger, *head, payload).expect("a record");
        }
        writer.sync(8 + step as u64).expect("durable");
        let projected = store.project(&growing).expect("what is new");
        assert_eq!((projected.how, projected.records), (How::Continued, some.len() as u64));

        let rows = dump(&store);
        let again = store.project(&growing).expect("nothing new");
        assert_eq!((again.how, again.records), (How::Continued, 0));
        assert_eq!(dump(&store), rows, "twice changes nothing");
        let other = dir.path().join("rebuilt.sqlite");
        let (rebuilt, _) = Store::rebuild(&other, &growing).expect("a store");
        assert_eq!(dump(&rebuilt), rows, "after step {step}");
    }

    // The same records as another journal are another journal.
    let projected = store.project(&whole).expect("another journal");
    assert_eq!(projected.how, How::Rebuilt);
    let (rebuilt, _) = Store::rebuild(&dir.path().join("rebuilt.sqlite"), &whole).expect("a store");
    assert_eq!(dump(&rebuilt), dump(&store));
}

fn segments(journal: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(journal.join("ledger")).expect("a ledger");
    let mut paths: Vec<PathBuf> = entries.map(|it| it.expect("an entry").path()).collect();
    paths.sort();
    paths
}

#[test]
fn a_damaged_or_cut_journal_is_named_and_leaves_the_store_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    let journal = dir.path().join("journal");
    replayed(&journal);
    let file = dir.path().join("store.sqlite");
    let (store, whole) = Store::rebuild(&file, &journal).expect("a store");
    let rows = dump(&store);
    drop(store);
    let before = fs::read(&file).expect("bytes");
    let segment = segments(&journal).pop().expect("a segment");
    let intact = fs::read(&segment).expect("bytes");
    let used = intact.iter().rposition(|byte| *byte != 0).expect("records");

    let mut refused_count = 0;
    for nth in 0..24 {
        let at = used * nth / 24;
        let mut bytes = intact.clone();
        bytes[at] ^= 0x10;
        fs::write(&segment, &bytes).expect("write");
        match Store::rebuild(&file, &journal) {
            Err(StoreError::Journal(error)) => {
                let says = error.to_string();
                assert!(says.contains("00000000.seg"), "byte {at}: {says}");
                assert!(says.contains(" byte ") || says.contains("version"), "byte {at}: {says}");
                assert_eq!(fs::read(&file).expect("bytes"), before, "byte {at}");
                refused_count += 1;
            }
            other => panic!("byte {at}: {other:?}"),
        }
    }
    assert_eq!(refused_count, 24);

    // A cut that no sync rules out is a tail: fewer rows, and it says so.
    for nth in 1..12 {
        fs::write(&segment, &intact[..used * nth / 12]).expect("write");
        let cut = dir.path().join("cut.sqlite");
        match Store::rebuild(&cut, &journal) {
            Err(StoreError::Journal(error)) => {
                assert!(error.to_string().contains("00000000.seg"), "{error}");
                assert!(!cut.exists(), "nothing is made");
            }
            Ok((_, projected)) => {
                let torn = projected.torn.expect("told");
                assert!(torn.file.ends_with("00000000.seg") && torn.offset > 0, "{torn:?}");
                assert!(projected.records < whole.records);
                fs::remove_file(&cut).expect("removed");
            }
            Err(other) => panic!("{other}"),
        }
    }
    fs::write(&segment, &intact).expect("write");
    let mut store = Store::open(&file).expect("the store");
    assert_eq!(store.project(&journal).expect("no news").records, 0);
    assert_eq!(dump(&store), rows);
    drop(store);

    // The market stream is not the store's business.
    fs::remove_dir_all(journal.join("market")).expect("removed");
    let (store, _) = Store::rebuild(&file, &journal).expect("a store");
    assert_eq!(dump(&store), rows);
}

#[test]
fn a_read_only_directory_is_said_to_be_one() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().expect("a directory");
    let journal = dir.path().join("journal");
    replayed(&journal);
    let locked = dir.path().join("locked");
    fs::create_dir(&locked).expect("a directory");
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o555)).expect("read-only");
    if fs::write(locked.join("probe"), "").is_ok() {
        println!("skipped: this user writes into read-only directories");
        return;
    }
    let file = locked.join("store.sqlite");
    let refused = Store::rebuild(&file, &journal).expect_err("read-only").to_string();
    assert!(refused.contains("cannot create") && refused.contains("locked"), "{refused}");
    let refused = Store::open(&file).expect_err("read-only").to_string();
    assert!(refused.contains("locked"), "{refused}");
}
