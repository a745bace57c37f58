//! A connection to a store's file: what it is set to, and whether the file is ours at all.

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use rusqlite_migration::{M, Migrations};

use crate::error::StoreError;

/// Marks the file as ours: `RIPT`.
pub(crate) const APPLICATION_ID: u32 = u32::from_be_bytes(*b"RIPT");

/// How long another connection is waited for.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// What of a finished write-ahead log stays on disk. Unit: bytes.
const LOG_BYTES_MAX: u64 = 64 << 20;

/// Steps from each version to the next, each in one transaction. A step is never changed once
/// released.
const STEPS: &[M<'static>] = &[M::up(include_str!("schema/v1.sql")).foreign_key_check()];

/// The version that this program writes.
#[expect(clippy::cast_possible_truncation, reason = "a handful of steps")]
pub(crate) const VERSION: u32 = STEPS.len() as u32;

/// What a connected file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// An empty file.
    Nothing,
    /// A store, of a version that is known here.
    Store,
}

/// Says what a file is before anything is written into it.
///
/// All through `SQLite`: its locks belong to the process, and whoever opens and closes the file beside
/// it takes them from every other connection.
pub(crate) fn identify(connection: &Connection, path: &Path) -> Result<Found, StoreError> {
    let bytes = fs::metadata(path).map_err(StoreError::io("measure", path))?.len();
    if bytes == 0 {
        return Ok(Found::Nothing);
    }
    let number = |pragma: &str| -> Result<u32, StoreError> {
        let number = connection.query_row(&format!("PRAGMA {pragma}"), (), |row| row.get(0));
        number.map_err(StoreError::sqlite("read the head of", path))
    };
    judge(path, number("application_id")?, number("user_version")?)
}

/// As [`identify`], from the first bytes of a file that `SQLite` does not open.
pub(crate) fn identify_head(path: &Path) -> Result<Found, StoreError> {
    // Offsets of SQLite's file format, section 1.3: the database header.
    const USER_VERSION_AT: usize = 60;
    const APPLICATION_ID_AT: usize = 68;
    let mut head = [0; 100];
    let read = fs::File::open(path).and_then(|mut file| file.read_exact(&mut head));
    read.map_err(StoreError::io("read", path))?;
    let word = |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    judge(path, word(APPLICATION_ID_AT), word(USER_VERSION_AT))
}

fn judge(path: &Path, application: u32, found: u32) -> Result<Found, StoreError> {
    if application != APPLICATION_ID {
        return Err(StoreError::NotAStore { file: path.to_owned() });
    }
    if found > VERSION {
        let file = path.to_owned();
        return Err(StoreError::NewerVersion { file, found, supported: VERSION });
    }
    Ok(Found::Store)
}

/// Opens or creates a file, sets the connection up, brings the tables to this program's version,
/// and checks the file.
pub(crate) fn open(path: &Path) -> Result<Connection, StoreError> {
    let mut connection = connect(path)?;
    let failed = |operation| StoreError::sqlite(operation, path);
    if identify(&connection, path)? == Found::Nothing {
        begin(&connection).map_err(failed("begin"))?;
    }
    connection.pragma_update(None, "journal_mode", "WAL").map_err(failed("set up"))?;
    migrate(&mut connection, path)?;
    let found: String = connection
        .query_row("PRAGMA quick_check(1)", (), |row| row.get(0))
        .map_err(failed("check"))?;
    if found != "ok" {
        return Err(StoreError::Damaged { file: path.to_owned(), what: found });
    }
    Ok(connection)
}

/// Opens or creates a file and sets what belongs to the connection.
pub(crate) fn connect(path: &Path) -> Result<Connection, StoreError> {
    let failed = |operation| StoreError::sqlite(operation, path);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let connection = Connection::open_with_flags(path, flags).map_err(failed("open"))?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(failed("set up"))?;
    for (pragma, value) in [
        // The journal can rebuild the file, so that losing the last commits to a power cut is no
        // loss; in WAL mode nothing else can be.
        ("synchronous", "NORMAL"),
        ("foreign_keys", "ON"),
        ("trusted_schema", "OFF"),
        ("cell_size_check", "ON"),
    ] {
        connection.pragma_update(None, pragma, value).map_err(failed("set up"))?;
    }
    let bytes_max = i64::try_from(LOG_BYTES_MAX).unwrap_or(i64::MAX);
    connection.pragma_update(None, "journal_size_limit", bytes_max).map_err(failed("set up"))?;
    Ok(connection)
}

/// What has to be said before the first table is there.
pub(crate) fn begin(connection: &Connection) -> Result<(), rusqlite::Error> {
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.pragma_update(None, "application_id", APPLICATION_ID)
}

/// Brings the tables to this program's version, each step in its transaction.
pub(crate) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let failed = |operation| StoreError::sqlite(operation, path);
    let version: u32 = connection
        .query_row("PRAGMA user_version", (), |row| row.get(0))
        .map_err(failed("read the version of"))?;
    let migrations = Migrations::from_slice(STEPS);
    for target in version + 1..=VERSION {
        let stepped = migrations.to_version(connection, target as usize);
        stepped.map_err(|error| {
            if let rusqlite_migration::Error::RusqliteError { err, .. } = error {
                return failed("migrate")(err);
            }
            StoreError::Damaged { file: path.to_owned(), what: error.to_string() }
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pragma(connection: &Connection, name: &str) -> String {
        let text = |row: &rusqlite::Row<'_>| row.get::<_, rusqlite::types::Value>(0);
        let value = connection.query_row(&format!("PRAGMA {name}"), (), text).expect("a value");
        if let rusqlite::types::Value::Text(text) = value {
            return text;
        }
        let rusqlite::types::Value::Integer(number) = value else { panic!("{value:?}") };
        number.to_string()
    }

    #[test]
    fn the_steps_lead_to_the_version() {
        Migrations::from_slice(STEPS).validate().expect("steps that apply");
    }

    #[test]
    fn a_file_is_set_up_and_keeps_what_it_must() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("store.sqlite");
        drop(open(&path).expect("a new file"));
        let connection = open(&path).expect("the same file");
        for (name, value) in [
            ("journal_mode", "wal"),
            ("synchronous", "1"),
            ("busy_timeout", "5000"),
            ("foreign_keys", "1"),
            ("trusted_schema", "0"),
            ("cell_size_check", "1"),
            ("auto_vacuum", "2"),
            ("journal_size_limit", "67108864"),
            ("application_id", "1380536404"),
            ("user_version", "1"),
        ] {
            assert_eq!(pragma(&connection, name), value, "{name}");
        }
    }

    #[test]
    fn every_table_is_strict() {
        let dir = tempfile::tempdir().expect("a directory");
        let connection = open(&dir.path().join("store.sqlite")).expect("a new file");
        let loose: Vec<String> = connection
            .prepare("SELECT name FROM pragma_table_list WHERE type = 'table' AND strict = 0")
            .and_then(|mut it| it.query_map((), |row| row.get(0))?.collect())
            .expect("names");
        let ours: Vec<&String> = loose.iter().filter(|it| !it.starts_with("sqlite_")).collect();
        assert!(ours.is_empty(), "{ours:?}");
    }

    #[test]
    fn other_files_are_refused_and_left_alone() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = |name: &str| dir.path().join(name);
        std::fs::write(path("text"), "a text that is long enough to be looked at").expect("write");
        let other = Connection::open(path("other")).expect("a database");
        other.execute_batch("CREATE TABLE kept (x)").expect("a table");
        drop(other);
        for name in ["text", "other"] {
            let before = std::fs::read(path(name)).expect("bytes");
            let refused = open(&path(name)).expect_err("not ours");
            assert!(matches!(refused, StoreError::NotAStore { .. }), "{refused}");
            assert!(refused.to_string().contains(name), "{refused}");
            assert_eq!(std::fs::read(path(name)).expect("bytes"), before, "{name}");
        }
    }

    #[test]
    fn a_newer_file_is_refused_by_its_version() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("store.sqlite");
        let connection = open(&path).expect("a new file");
        connection.pragma_update(None, "user_version", VERSION + 1).expect("a version");
        // Once with the version in the log alone, once in the file's header.
        for is_open_elsewhere in [true, false] {
            let connection = is_open_elsewhere.then_some(&connection);
            let refused = open(&path).expect_err("newer");
            let StoreError::NewerVersion { found, supported, .. } = refused else {
                panic!("{refused}");
            };
            assert_eq!((found, supported), (VERSION + 1, VERSION));
            if let Some(connection) = connection {
                connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").expect("a checkpoint");
            }
        }
    }

    #[test]
    fn a_damaged_file_is_found_at_the_start() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("store.sqlite");
        drop(open(&path).expect("a new file"));
        let mut bytes = std::fs::read(&path).expect("bytes");
        for byte in &mut bytes[8_192..] {
            *byte ^= 0x5a;
        }
        std::fs::write(&path, bytes).expect("write");
        let refused = open(&path).expect_err("damaged");
        assert!(matches!(refused, StoreError::Damaged { .. }), "{refused}");
    }
}
