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
        Ok(_) => database::identify(&database::connect(file)?, file),
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
