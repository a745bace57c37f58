//! Rows on their way into tables: values by column name, checked into the range of a column.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, Statement, params_from_iter};

use crate::error::StoreError;

/// The record that a row comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    /// The journal's directory.
    pub(crate) journal: &'a Path,
    /// The record's number.
    pub(crate) seq: u64,
}

impl Place<'_> {
    /// The record cannot be used.
    pub(crate) fn bad(&self, what: impl Into<String>) -> StoreError {
        StoreError::Record { journal: self.journal.to_owned(), seq: self.seq, what: what.into() }
    }

    /// An amount as a column holds it: exactly, or not at all.
    pub(crate) fn int<T: TryInto<i64> + Display + Copy>(
        &self,
        field: &'static str,
        amount: T,
    ) -> Result<i64, StoreError> {
        amount.try_into().map_err(|_| StoreError::OutOfRange {
            journal: self.journal.to_owned(),
            seq: self.seq,
            field,
            value: amount.to_string(),
        })
    }
}

/// Columns and values of one row.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    place: Place<'a>,
    columns: Vec<&'static str>,
    values: Vec<Value>,
}

impl<'a> Row<'a> {
    /// An empty row.
    pub(crate) const fn of(place: Place<'a>) -> Self {
        Self { place, columns: Vec::new(), values: Vec::new() }
    }

    fn push(mut self, column: &'static str, value: Value) -> Self {
        self.columns.push(column);
        self.values.push(value);
        self
    }

    pub(crate) fn int<T: TryInto<i64> + Display + Copy>(
        self,
        column: &'static str,
        amount: T,
    ) -> Result<Self, StoreError> {
        let value = self.place.int(column, amount)?;
        Ok(self.push(column, value.into()))
    }

    pub(crate) fn int_or_null<T: TryInto<i64> + Display + Copy>(
        self,
        column: &'static str,
        amount: Option<T>,
    ) -> Result<Self, StoreError> {
        match amount {
            Some(amount) => self.int(column, amount),
            None => Ok(self.push(column, Value::Null)),
        }
    }

    pub(crate) fn text(self, column: &'static str, text: impl Into<String>) -> Self {
        self.push(column, Value::Text(text.into()))
    }

    pub(crate) fn text_or_null<T: Into<String>>(
        self,
        column: &'static str,
        text: Option<T>,
    ) -> Self {
        let value = text.map_or(Value::Null, |text| Value::Text(text.into()));
        self.push(column, value)
    }

    pub(crate) fn blob(self, column: &'static str, bytes: &[u8]) -> Self {
        self.push(column, Value::Blob(bytes.to_vec()))
    }
}

/// What to do with a row whose key is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// It cannot be: the database refuses it.
    Refuse,
    /// The new values replace the old.
    Replace,
    /// The new values are added to the old.
    Add,
}

/// Another row without which a row has no place. The first columns of the row are its key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parent {
    /// Table.
    pub(crate) table: &'static str,
    /// Columns of its key, and the column numbers, from 1, of the row's own values for them.
    pub(crate) key: &'static [(&'static str, usize)],
}

/// Writes rows, with one prepared statement for each shape.
pub(crate) struct Rows<'c> {
    connection: &'c Connection,
    file: &'c Path,
    statements: BTreeMap<String, Statement<'c>>,
}

impl<'c> Rows<'c> {
    /// Into this file.
    pub(crate) const fn new(connection: &'c Connection, file: &'c Path) -> Self {
        Self { connection, file, statements: BTreeMap::new() }
    }

    fn execute(&mut self, sql: &str, row: &Row<'_>) -> Result<usize, StoreError> {
        let failed = StoreError::sqlite("write", self.file);
        if !self.statements.contains_key(sql) {
            match self.connection.prepare(sql) {
                Ok(statement) => self.statements.insert(sql.to_owned(), statement),
                Err(error) => return Err(failed(error)),
            };
        }
        let statement = self.statements.get_mut(sql).expect("Invariant: it was just prepared");
        statement.execute(params_from_iter(&row.values)).map_err(|error| {
            use rusqlite::ErrorCode;
            // What breaks a rule of the tables is the record's fault, not the disk's.
            match error.sqlite_error_code() {
                Some(ErrorCode::ConstraintViolation) => row.place.bad(error.to_string()),
                _ => failed(error),
            }
        })
    }

    /// Writes a row; `key` columns come first. Whether it has a place: where the parent is not
    /// there, nothing is written.
    pub(crate) fn put(
        &mut self,
        table: &'static str,
        row: &Row<'_>,
        (key, again): (usize, Again),
        parent: Option<Parent>,
    ) -> Result<bool, StoreError> {
        let holes: Vec<String> = (1..=row.columns.len()).map(|n| format!("?{n}")).collect();
        let condition = parent.map_or_else(
            || "true".to_owned(),
            |parent| {
                let same = parent.key.iter().map(|(column, n)| format!("{column} = ?{n}"));
                let same = same.collect::<Vec<_>>().join(" AND ");
                format!("EXISTS (SELECT 1 FROM {} WHERE {same})", parent.table)
            },
        );
        let changes = |change: fn(&&str) -> String| {
            let changed: Vec<String> = row.columns[key..].iter().map(change).collect();
            let (key, changed) = (row.columns[..key].join(", "), changed.join(", "));
            format!(" ON CONFLICT ({key}) DO UPDATE SET {changed}")
        };
        let again = match again {
            Again::Refuse => String::new(),
            Again::Replace => changes(|it| format!("{it} = excluded.{it}")),
            Again::Add => changes(|it| format!("{it} = {it} + excluded.{it}")),
        };
        let columns = row.columns.join(", ");
        let holes = holes.join(", ");
        let sql =
            format!("INSERT INTO {table} ({columns}) SELECT {holes} WHERE {condition}{again}");
        Ok(self.execute(&sql, row)? > 0)
    }

    /// Changes the row whose `key` first columns are these. Whether there is one.
    pub(crate) fn update(
        &mut self,
        table: &'static str,
        key: usize,
        row: &Row<'_>,
    ) -> Result<bool, StoreError> {
        let equal = |(n, column): (usize, &&str)| format!("{column} = ?{}", n + 1);
        let terms: Vec<String> = row.columns.iter().enumerate().map(equal).collect();
        let (same, set) = (terms[..key].join(" AND "), terms[key..].join(", "));
        Ok(self.execute(&format!("UPDATE {table} SET {set} WHERE {same}"), row)? > 0)
    }

    /// The number, if `table` has it in this run.
    pub(crate) fn known(
        &self,
        table: &'static str,
        column: &'static str,
        run: i64,
        number: i64,
    ) -> Result<Option<i64>, StoreError> {
        let sql = format!("SELECT EXISTS (SELECT 1 FROM {table} WHERE run = ?1 AND {column} = ?2)");
        let is_there = self.connection.query_row(&sql, (run, number), |row| row.get::<_, bool>(0));
        let is_there = is_there.map_err(StoreError::sqlite("read", self.file))?;
        Ok(is_there.then_some(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place<'static> {
        Place { journal: Path::new("run/journal"), seq: 7 }
    }

    #[test]
    fn amounts_are_exact_or_refused() {
        let fits = |amount: i128| place().int("net", amount).ok();
        assert_eq!(fits(i64::MAX.into()), Some(i64::MAX));
        assert_eq!(fits(i64::MIN.into()), Some(i64::MIN));
        assert_eq!(fits(i128::from(i64::MAX) + 1), None);
        assert_eq!(fits(i128::from(i64::MIN) - 1), None);
        let refused = place().int("net", u128::MAX).expect_err("too large").to_string();
        let says = "run/journal: record 7: net is 340282366920938463463374607431768211455";
        assert!(refused.starts_with(says), "{refused}");
    }

    #[test]
    fn sums_that_leave_the_range_are_refused() {
        let connection = Connection::open_in_memory().expect("a database");
        let table = "CREATE TABLE sums (day INTEGER PRIMARY KEY, net INTEGER NOT NULL) STRICT";
        connection.execute_batch(table).expect("a table");
        let mut rows = Rows::new(&connection, Path::new("file"));
        let mut add = |net: i64| {
            let row = Row::of(place()).int("day", 1).and_then(|it| it.int("net", net));
            rows.put("sums", &row.expect("a row"), (1, Again::Add), None)
        };
        assert!(add(i64::MAX - 1).expect("a first row"));
        assert!(add(1).expect("the largest sum"));
        let refused = add(1).expect_err("one above");
        assert!(matches!(refused, StoreError::Record { seq: 7, .. }), "{refused}");
        let net: i64 =
            connection.query_row("SELECT net FROM sums", (), |row| row.get(0)).expect("a sum");
        assert_eq!(net, i64::MAX);
    }

    #[test]
    fn a_row_without_its_parent_is_not_written() {
        let connection = Connection::open_in_memory().expect("a database");
        connection
            .execute_batch("CREATE TABLE parents (id INTEGER); CREATE TABLE rows (id INTEGER)")
            .expect("tables");
        let mut rows = Rows::new(&connection, Path::new("file"));
        let parent = Parent { table: "parents", key: &[("id", 1)] };
        let row = Row::of(place()).int("id", 3).expect("a row");
        let how = (1, Again::Refuse);
        assert!(!rows.put("rows", &row, how, Some(parent)).expect("no error"));
        assert!(rows.put("parents", &row, how, None).expect("a parent"));
        assert!(rows.put("rows", &row, how, Some(parent)).expect("no error"));
        assert_eq!(rows.known("rows", "id", 0, 3).ok(), None, "no such column");
    }
}
