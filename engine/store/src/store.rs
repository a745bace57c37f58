//! A store's file, open.

use std::path::{Path, PathBuf};

use rusqlite::types::Value;
use rusqlite::{Connection, TransactionBehavior};

use crate::database;
use crate::error::StoreError;
use crate::project::{self, Projected};
use crate::rebuild::Rebuild;

/// Every table that holds rows of a journal, parents first.
pub const TABLES: [&str; 11] = [
    "runs",
    "assets",
    "instruments",
    "pairs",
    "opportunities",
    "trades",
    "legs",
    "orders",
    "fills",
    "risk_events",
    "daily_pnl",
];

/// A value of a row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cell {
    /// No value.
    Null,
    /// A number, an amount or a time: the column's comment in the schema says of what.
    Int(i64),
    /// A name, or an exact decimal.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

/// A projection of one journal.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    connection: Connection,
}

impl Store {
    /// Opens a store, or makes an empty one, and checks its pages.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotAStore`] and [`StoreError::NewerVersion`], after which nothing was touched;
    /// [`StoreError::Damaged`]; the system's or the database's.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self { path: path.to_owned(), connection: database::open(path)? })
    }

    /// Makes a store of everything that a journal holds, and puts it where `path` is. Until that
    /// moment, and when it fails, a store that is there already keeps all its rows.
    ///
    /// # Errors
    ///
    /// The journal's, with file and offset; [`StoreError::Record`] and [`StoreError::OutOfRange`];
    /// [`StoreError::Busy`] when the old store is being read or another process rebuilds; as
    /// [`Store::open`], but a damaged store is replaced.
    pub fn rebuild(path: &Path, journal: &Path) -> Result<(Self, Projected), StoreError> {
        let projected = Rebuild::prepare(journal, path)?.publish()?;
        Ok((Self::open(path)?, projected))
    }

    /// Takes in what a journal holds beyond what this store has of it. Where the store has rows of
    /// another journal, or of records that are no longer in this one, it is rebuilt. The rows are
    /// those of a rebuild in either case, and doing it twice changes nothing.
    ///
    /// # Errors
    ///
    /// As [`Store::rebuild`]. The rows are then as they were.
    pub fn project(&mut self, journal: &Path) -> Result<Projected, StoreError> {
        let failed = |operation| StoreError::sqlite(operation, &self.path);
        let behavior = TransactionBehavior::Immediate;
        let transaction = self.connection.transaction_with_behavior(behavior);
        let transaction = transaction.map_err(failed("write"))?;
        if let Some(projected) = project::advance(&transaction, &self.path, journal)? {
            transaction.commit().map_err(failed("write"))?;
            return Ok(projected);
        }
        transaction.rollback().map_err(failed("write"))?;
        let rebuild = Rebuild::prepare(journal, &self.path)?;
        // The file is about to be another one: nobody may have it open, not even this store.
        let nothing = Connection::open_in_memory().map_err(failed("close"))?;
        drop(std::mem::replace(&mut self.connection, nothing));
        let projected = rebuild.publish();
        self.connection = database::open(&self.path)?;
        projected
    }

    /// Answers a question. The statement must not write.
    ///
    /// # Errors
    ///
    /// The database's, also for a statement that would write.
    pub fn rows(&self, sql: &str, parameters: &[Cell]) -> Result<Vec<Vec<Cell>>, StoreError> {
        let failed = |error| StoreError::sqlite("query", &self.path)(error);
        let mut statement = self.connection.prepare(sql).map_err(failed)?;
        if !statement.readonly() {
            return Err(failed(rusqlite::Error::InvalidQuery));
        }
        let columns = statement.column_count();
        let values = parameters.iter().map(|cell| match cell {
            Cell::Null => Value::Null,
            Cell::Int(number) => Value::Integer(*number),
            Cell::Text(text) => Value::Text(text.clone()),
            Cell::Blob(bytes) => Value::Blob(bytes.clone()),
        });
        let mut rows = statement.query(rusqlite::params_from_iter(values)).map_err(failed)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(failed)? {
            let cells = (0..columns).map(|column| {
                Ok(match row.get(column).map_err(failed)? {
                    Value::Null => Cell::Null,
                    Value::Integer(number) => Cell::Int(number),
                    // No column holds one; an expression that makes one is shown as it is.
                    Value::Real(number) => Cell::Text(number.to_string()),
                    Value::Text(text) => Cell::Text(text),
                    Value::Blob(bytes) => Cell::Blob(bytes),
                })
            });
            found.push(cells.collect::<Result<Vec<Cell>, StoreError>>()?);
        }
        Ok(found)
    }

    /// Rows of each table of [`TABLES`].
    ///
    /// # Errors
    ///
    /// The database's.
    pub fn counts(&self) -> Result<Vec<(&'static str, u64)>, StoreError> {
        let count = |table: &'static str| {
            let rows = self.rows(&format!("SELECT count(*) FROM {table}"), &[])?;
            let count = match rows.first().and_then(|row| row.first()) {
                Some(Cell::Int(count)) => u64::try_from(*count).unwrap_or(0),
                _ => 0,
            };
            Ok((table, count))
        };
        TABLES.into_iter().map(count).collect()
    }

    /// Moves what the write-ahead log holds into the file and empties the log, as far as nobody
    /// reads it: for when there is nothing else to do.
    ///
    /// # Errors
    ///
    /// The database's.
    pub fn checkpoint(&self) -> Result<(), StoreError> {
        let done = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()));
        done.map_err(StoreError::sqlite("checkpoint", &self.path))
    }
}
