//! A new file beside the old, put in its place when it is whole.
//!
//! Until the rename the old file keeps every row. The temporary file is locked while it is made, so
//! that two processes never make it at once, and what a killed one has left is made anew.
//!
//! A write-ahead log belongs to one file: were the old file's log still there after the rename,
//! `SQLite` would take it for the new one's. So the old file is first brought out of WAL mode, which
//! nobody else may then be using, and is kept locked until the rename is done.

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, TransactionBehavior};

use crate::database::{self, Found};
use crate::error::StoreError;
use crate::project::{self, How, Projected};

/// What `SQLite` keeps beside a file.
const BESIDE: [&str; 3] = ["-journal", "-wal", "-shm"];

/// A finished projection that nobody sees yet. Dropped, it is removed.
#[derive(Debug)]
pub(crate) struct Rebuild {
    file: PathBuf,
    temporary: PathBuf,
    lock: File,
    projected: Projected,
    is_published: bool,
}

impl Rebuild {
    /// Projects a journal into a new file beside `file`, which is not touched.
    pub(crate) fn prepare(journal: &Path, file: &Path) -> Result<Self, StoreError> {
        // Without a journal nothing is to be made: that is said first, and no file is left.
        project::open(journal)?;
        identify(file)?;
        let temporary = with_suffix(file, ".rebuilding");
        let lock = lock(&temporary)?;
        let projected = fill(&temporary, journal).and_then(|projected| {
            lock.sync_all().map_err(StoreError::io("sync", &temporary))?;
            Ok(projected)
        });
        match projected {
            Ok(projected) => {
                let file = file.to_owned();
                Ok(Self { file, temporary, lock, projected, is_published: false })
            }
            Err(error) => {
                remove(&temporary);
                Err(error)
            }
        }
    }

    /// Puts it in the old file's place.
    pub(crate) fn publish(mut self) -> Result<Projected, StoreError> {
        let held = match identify(&self.file)? {
            Found::Nothing => {
                remove_beside(&self.file)?;
                None
            }
            Found::Store => hold(&self.file)?,
        };
        fs::rename(&self.temporary, &self.file).map_err(StoreError::io("replace", &self.file))?;
        self.is_published = true;
        drop(held);
        let parent = self.file.parent().filter(|it| !it.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        let synced = File::open(parent).and_then(|it| it.sync_all());
        synced.map_err(StoreError::io("sync", parent))?;
        Ok(self.projected.clone())
    }
}

impl Drop for Rebuild {
    fn drop(&mut self) {
        if !self.is_published {
            remove(&self.temporary);
        }
        // The lock ends with the file's last descriptor, which is this one.
        let _ = self.lock.unlock();
    }
}

/// Says what is to be replaced, through a connection of its own.
fn identify(file: &Path) -> Result<Found, StoreError> {
    match fs::metadata(file) {
        Ok(_) => match database::connect(file).and_then(|it| database::identify(&it, file)) {
            // What cannot be opened is replaced if its head says that it is ours. Nobody else in
            // this process can have it open, so that reading it past SQLite takes no locks away.
            Err(StoreError::Damaged { .. }) => database::identify_head(file),
            other => other,
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Found::Nothing),
        Err(error) => Err(StoreError::io("open", file)(error)),
    }
}

/// Creates and locks the temporary file, emptied of what a killed process may have left.
fn lock(temporary: &Path) -> Result<File, StoreError> {
    let failed = |operation| StoreError::io(operation, temporary);
    let file = File::options().read(true).write(true).create(true).truncate(false).open(temporary);
    let file = file.map_err(failed("create"))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(StoreError::Busy { file: temporary.to_owned() });
        }
        Err(TryLockError::Error(error)) => return Err(failed("lock")(error)),
    }
    // Another process may have renamed it in between: then this is its finished store by now.
    let inode = |it: fs::Metadata| (it.dev(), it.ino());
    let is_same = match (file.metadata(), fs::metadata(temporary)) {
        (Ok(ours), Ok(named)) => inode(ours) == inode(named),
        _ => false,
    };
    if !is_same {
        return Err(StoreError::Busy { file: temporary.to_owned() });
    }
    file.set_len(0).map_err(failed("empty"))?;
    remove_beside(temporary)?;
    Ok(file)
}

fn fill(temporary: &Path, journal: &Path) -> Result<Projected, StoreError> {
    let failed = |operation| StoreError::sqlite(operation, temporary);
    let mut connection = database::connect(temporary)?;
    database::begin(&connection).map_err(failed("begin"))?;
    // Nobody reads this file before it is synced as a whole.
    connection.pragma_update(None, "journal_mode", "MEMORY").map_err(failed("set up"))?;
    connection.pragma_update(None, "synchronous", "OFF").map_err(failed("set up"))?;
    database::migrate(&mut connection, temporary)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate);
    let transaction = transaction.map_err(failed("write"))?;
    let projected = project::advance(&transaction, temporary, journal)?;
    let projected = projected.expect("Invariant: an empty file continues no other journal");
    transaction.commit().map_err(failed("write"))?;
    connection.pragma_update(None, "journal_mode", "WAL").map_err(failed("set up"))?;
    connection.close().map_err(|(_, error)| failed("close")(error))?;
    Ok(Projected { how: How::Rebuilt, ..projected })
}

/// Brings a store out of WAL mode, which removes its log, and locks it. One that is damaged beyond
/// that has its log removed: the journal holds all of it. The lock lasts as long as the connection.
fn hold(file: &Path) -> Result<Option<Connection>, StoreError> {
    match try_hold(file) {
        Ok(connection) => Ok(Some(connection)),
        Err(StoreError::Damaged { .. }) => {
            remove_beside(file)?;
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn try_hold(file: &Path) -> Result<Connection, StoreError> {
    let failed = |operation| StoreError::sqlite(operation, file);
    let connection = database::connect(file)?;
    let mode: String = connection
        .query_row("PRAGMA journal_mode = DELETE", (), |row| row.get(0))
        .map_err(failed("lock"))?;
    if mode != "delete" {
        return Err(StoreError::Busy { file: file.to_owned() });
    }
    connection.execute_batch("BEGIN EXCLUSIVE").map_err(failed("lock"))?;
    Ok(connection)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

fn remove_beside(file: &Path) -> Result<(), StoreError> {
    for suffix in BESIDE {
        let path = with_suffix(file, suffix);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(StoreError::io("remove", &path)(error));
            }
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

/// Removes a temporary file as far as that goes: the next rebuild empties it in any case.
fn remove(temporary: &Path) {
    let _ = remove_beside(temporary);
    let _ = fs::remove_file(temporary);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use engine_core::outbox::{Decided, Decision};
    use engine_journal::disk::RealDisk;
    use engine_journal::{RecordHead, Stream, Writer, WriterOptions, records};
    use rusqlite::OpenFlags;

    use super::*;
    use crate::store::{Cell, Store};

    /// A journal of so many decisions, none of which is a row.
    fn journal(dir: &Path, decisions: u64, now_ns: u64) -> PathBuf {
        let dir = dir.join(format!("journal-{now_ns}"));
        let disk: Arc<dyn engine_journal::disk::Disk> = Arc::new(RealDisk);
        let options = WriterOptions { now_ns, segment_bytes: 1 << 20, ..WriterOptions::default() };
        let (mut writer, _) = Writer::open(&disk, &dir, options).expect("a journal");
        let mut payload = Vec::new();
        for seq in 0..decisions {
            let decision = Decision::Checkpoint(seq);
            records::encode(&Decided { seq, at_ns: seq, decision }, &mut payload);
            let head = RecordHead {
                seq,
                kind: records::DECISION,
                version: records::VERSION,
                time_ns: seq,
            };
            writer.append(Stream::Ledger, head, &payload).expect("a record");
        }
        writer.sync(now_ns).expect("durable");
        dir
    }

    fn last_seq(store: &Store) -> Option<i64> {
        let rows = store.rows("SELECT last_seq, orphans FROM projection", &[]).expect("rows");
        match rows.first()?.as_slice() {
            [Cell::Int(seq), Cell::Int(orphans)] => {
                assert_eq!(*orphans, seq + 1, "no run: every decision is without a row");
                Some(*seq)
            }
            other => panic!("{other:?}"),
        }
    }

    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).expect("a directory");
        let name = |it: io::Result<fs::DirEntry>| it.expect("an entry").file_name();
        let mut names: Vec<String> =
            entries.map(|it| name(it).to_string_lossy().into_owned()).collect();
        names.retain(|it| it.starts_with("store"));
        names.sort();
        names
    }

    #[test]
    fn a_rebuild_that_is_cut_off_leaves_the_old_store_and_the_next_one_works() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("store.sqlite");
        let (old, new) = (journal(dir.path(), 10, 1), journal(dir.path(), 20, 2));
        drop(Store::rebuild(&file, &old).expect("a store"));
        let before = fs::read(&file).expect("bytes");

        let killed = Rebuild::prepare(&new, &file).expect("a finished projection");
        assert_eq!(fs::read(&file).expect("bytes"), before, "nobody sees it yet");
        let busy = Rebuild::prepare(&new, &file).expect_err("one at a time");
        assert!(matches!(busy, StoreError::Busy { .. }), "{busy}");
        // A killed process removes nothing, and the system takes its locks away.
        killed.lock.unlock().expect("unlocked");
        std::mem::forget(killed);
        assert_eq!(names(dir.path()), ["store.sqlite", "store.sqlite.rebuilding"]);
        assert_eq!(last_seq(&Store::open(&file).expect("the old store")), Some(9));

        drop(Rebuild::prepare(&new, &file).expect("over what was left"));
        assert_eq!(names(dir.path()), ["store.sqlite"], "one that is given up cleans up");
        let (store, projected) = Store::rebuild(&file, &new).expect("a store");
        assert_eq!((projected.how, projected.last_seq), (How::Rebuilt, Some(19)));
        assert_eq!(last_seq(&store), Some(19));
    }

    #[test]
    fn a_log_that_a_crash_left_never_gets_into_the_new_file() {
        let dir = tempfile::tempdir().expect("a directory");
        let (file, crashed) = (dir.path().join("store.sqlite"), dir.path().join("store-2"));
        let journal = journal(dir.path(), 10, 1);
        let store = Store::open(&file).expect("a new store");
        let open = Connection::open(&file).expect("the same file");
        open.execute_batch("UPDATE projection SET orphans = 0; CREATE TABLE stale (x)")
            .expect("something in the log");
        for suffix in ["", "-wal"] {
            let (from, to) = (with_suffix(&file, suffix), with_suffix(&crashed, suffix));
            assert!(fs::copy(from, to).expect("a copy") > 0);
        }
        drop((store, open));
        let (store, _) = Store::rebuild(&crashed, &journal).expect("a store");
        let sql = "SELECT name FROM sqlite_schema WHERE name = 'stale'";
        assert_eq!(store.rows(sql, &[]).expect("rows"), Vec::<Vec<Cell>>::new());
        assert_eq!(last_seq(&store), Some(9));
        let intact = store.rows("PRAGMA integrity_check", &[]).expect("rows");
        assert_eq!(intact, [[Cell::Text("ok".to_owned())]]);
    }

    #[test]
    fn a_store_that_is_being_read_is_not_replaced() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("store.sqlite");
        let (old, new) = (journal(dir.path(), 10, 1), journal(dir.path(), 20, 2));
        let (mut store, _) = Store::rebuild(&file, &old).expect("a store");
        let reader = Connection::open_with_flags(&file, OpenFlags::SQLITE_OPEN_READ_ONLY);
        let reader = reader.expect("a reader");
        reader.execute_batch("BEGIN; SELECT last_seq FROM projection").expect("a long read");
        let busy = store.project(&new).expect_err("in use");
        assert!(matches!(busy, StoreError::Busy { .. }), "{busy}");
        assert_eq!(last_seq(&store), Some(9), "it goes on with what it had");
        assert_eq!(store.project(&old).expect("no news").records, 0);
        drop(reader);
        assert_eq!(store.project(&new).expect("free").how, How::Rebuilt);
        assert_eq!(last_seq(&store), Some(19));
    }

    #[test]
    fn what_is_not_ours_or_newer_is_never_replaced_and_what_is_damaged_is() {
        let dir = tempfile::tempdir().expect("a directory");
        let journal = journal(dir.path(), 10, 1);
        let path = |name: &str| dir.path().join(name);
        fs::write(path("store-text"), "a text that is long enough to be looked at").expect("write");
        drop(Store::open(&path("store-newer")).expect("a store"));
        let newer = Connection::open(path("store-newer")).expect("a database");
        newer.pragma_update(None, "user_version", 99).expect("a version");
        drop(newer);
        for (name, is_right) in [
            ("store-text", (|it| matches!(it, StoreError::NotAStore { .. })) as fn(&_) -> bool),
            ("store-newer", |it| matches!(it, StoreError::NewerVersion { found: 99, .. })),
        ] {
            let before = fs::read(path(name)).expect("bytes");
            let refused = Store::rebuild(&path(name), &journal).expect_err(name);
            assert!(is_right(&refused), "{name}: {refused}");
            assert_eq!(fs::read(path(name)).expect("bytes"), before, "{name}");
        }
        let (store, _) = Store::rebuild(&path("store-bad"), &journal).expect("a store");
        drop(store);
        let mut bytes = fs::read(path("store-bad")).expect("bytes");
        bytes[4_096..].fill(0x5a);
        fs::write(path("store-bad"), bytes).expect("write");
        Store::open(&path("store-bad")).expect_err("damaged");
        let (store, _) = Store::rebuild(&path("store-bad"), &journal).expect("made anew");
        assert_eq!(last_seq(&store), Some(9));
        assert_eq!(
            names(dir.path()),
            ["store-bad", "store-bad-shm", "store-bad-wal", "store-newer", "store-text"]
        );
    }

    #[test]
    fn without_a_journal_or_a_directory_nothing_is_made() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("store.sqlite");
        let refused = Store::rebuild(&file, dir.path()).expect_err("no journal");
        assert!(matches!(refused, StoreError::Journal(_)), "{refused}");
        let journal = journal(dir.path(), 10, 1);
        let nowhere = dir.path().join("nowhere").join("store.sqlite");
        let refused = Store::rebuild(&nowhere, &journal).expect_err("no directory");
        assert!(matches!(refused, StoreError::Io { operation: "create", .. }), "{refused}");
        assert!(refused.to_string().contains("nowhere"), "{refused}");
        assert_eq!(names(dir.path()), Vec::<String>::new());
    }
}
