//! Inserts rows into SQLite inside the caller's transaction, one prepared statement per row.
//!
//! A row that SQLite or the storage classes refuse is left out and reported with the reason; SQLite undoes what that
//! one statement did. A fault of the database itself (full, locked, unreadable) ends the work with an error, and so
//! does whatever ends the transaction.

use crate::cell::Cell;
use crate::error::{Error, Result};
use crate::readers::sqlite::connection::Locked;
use crate::readers::sqlite::failure::code_name;
use crate::readers::sqlite::statement::{Borrow, Statement};
use crate::readers::sqlite::SqliteConnection;
use crate::rows::{Flow, RowReader};
use rusqlite::ffi;
use std::ffi::c_int;

/// A prepared `INSERT` with one `?` for each cell of a row.
pub struct SqliteWriter {
    connection: SqliteConnection,
    /// Taken by `drop` alone.
    statement: Option<Statement>,
    parameters: usize,
    keeps_negative_zero: Vec<bool>,
}

impl SqliteWriter {
    /// Prepares the statement.
    ///
    /// # Errors
    /// `Usage` for several statements or none; `Engine` where SQLite refuses the text.
    pub fn prepare(connection: &SqliteConnection, sql: &str) -> Result<Self> {
        let locked = connection.lock()?;
        // SAFETY: the lock is held; the statement is only used under it and finalized by `drop`.
        let (statement, parameters) = unsafe {
            let statement = connection.prepare_unbound(&locked, sql)?;
            let parameters = statement.parameter_count();
            (statement, parameters)
        };
        drop(locked);
        let keeps_negative_zero = vec![false; parameters];
        Ok(Self {
            connection: connection.clone(),
            statement: Some(statement),
            parameters,
            keeps_negative_zero,
        })
    }

    /// Says what the columns are declared as, in the statement's order.
    ///
    /// A column without affinity (`BLOB`, or no type) keeps −0.0. All others store it as 0 or 0.0, so without this
    /// knowledge −0.0 is refused.
    #[must_use]
    pub fn declared<S: AsRef<str>>(mut self, types: &[S]) -> Self {
        for (keeps, declared) in self.keeps_negative_zero.iter_mut().zip(types) {
            *keeps = has_no_affinity(declared.as_ref());
        }
        self
    }

    /// Inserts one row. `Some(reason)`: this row was refused and is not in the table.
    ///
    /// Decimals go in only where an integer of 64 bits equals them, booleans and temporal kinds not at all: a
    /// representation turns them into what SQLite stores before they come here.
    ///
    /// # Errors
    /// `Engine` for a full disk, a lock, an I/O fault, and where SQLite ended the caller's transaction.
    pub fn insert(&mut self, cells: &[Cell<'_>]) -> Result<Option<String>> {
        if cells.len() != self.parameters {
            let wanted = self.parameters;
            return Err(Error::Usage(format!(
                "the INSERT takes {wanted} values, the row has {}",
                cells.len()
            )));
        }
        let locked = self.connection.lock()?;
        let Some(statement) = self.statement.as_mut() else {
            return Ok(None);
        };
        // SAFETY: the lock is held, and the cells outlive this call, which ends with a reset.
        unsafe {
            let outcome = match bind_row(statement, cells, &self.keeps_negative_zero, &self.connection)? {
                Some(reason) => Ok(Some(reason)),
                None => step_row(statement, &locked, &self.connection),
            };
            statement.reset();
            outcome
        }
    }
}

impl Drop for SqliteWriter {
    fn drop(&mut self) {
        if let Some(statement) = self.statement.take() {
            let _locked = self.connection.lock_anyway();
            // SAFETY: the lock is held.
            unsafe { statement.finalize() };
        }
    }
}

unsafe fn bind_row(
    statement: &mut Statement,
    cells: &[Cell<'_>],
    keeps_negative_zero: &[bool],
    connection: &SqliteConnection,
) -> Result<Option<String>> {
    for (index, cell) in cells.iter().enumerate() {
        let is_negative_zero = matches!(cell, Cell::Float(value) if *value == 0.0 && value.is_sign_negative());
        if is_negative_zero && !keeps_negative_zero[index] {
            return Ok(Some(format!(
                "value {}: SQLite stores -0.0 as 0.0 in this column",
                index + 1
            )));
        }
        if let Some(reason) = statement.bind(index, cell, Borrow::UntilReset, connection.path())? {
            return Ok(Some(format!("value {}: {reason}", index + 1)));
        }
    }
    Ok(None)
}

unsafe fn step_row(
    statement: &mut Statement,
    locked: &Locked<'_>,
    connection: &SqliteConnection,
) -> Result<Option<String>> {
    let database = locked.database();
    let in_transaction = ffi::sqlite3_get_autocommit(database) == 0;
    let before = ffi::sqlite3_total_changes64(database);
    match statement.try_step() {
        Ok(_) if ffi::sqlite3_total_changes64(database) == before => Ok(Some(
            "SQLite left the row out without an error (ON CONFLICT IGNORE)".to_owned(),
        )),
        Ok(_) => Ok(None),
        Err(code) => {
            let error = statement.failure(code, connection.path());
            let ended = in_transaction && ffi::sqlite3_get_autocommit(database) != 0;
            match error {
                Error::Engine { engine, code, message } if ended => {
                    let message = format!("{message}; SQLite rolled the whole transaction back");
                    Err(Error::Engine { engine, code, message })
                }
                error if !ended && is_refusal(code) => Ok(Some(format!("{} {error}", code_name(code)))),
                error => Err(error),
            }
        }
    }
}

/// Whether a failure concerns this row alone: constraints, datatypes, and errors that an expression of the table raised.
fn is_refusal(code: c_int) -> bool {
    matches!(
        code & 0xff,
        ffi::SQLITE_CONSTRAINT | ffi::SQLITE_MISMATCH | ffi::SQLITE_TOOBIG | ffi::SQLITE_ERROR
    )
}

/// "Determination Of Column Affinity", sqlite.org/datatype3.html, rules 1 to 3 in their order.
fn has_no_affinity(declared: &str) -> bool {
    let declared = declared.to_ascii_uppercase();
    let has = |word: &str| declared.contains(word);
    declared.is_empty() || (has("BLOB") && !["INT", "CHAR", "CLOB", "TEXT"].into_iter().any(has))
}

/// Inserts all rows of a reader; gives the refused ones by their position, from 0, with the reason.
///
/// The reader must not use the same connection: it would wait for itself.
///
/// # Errors
/// As [`SqliteWriter::insert`]; rows before the error stay in the caller's transaction.
pub fn insert_rows(connection: &SqliteConnection, sql: &str, reader: &mut dyn RowReader) -> Result<Vec<(u64, String)>> {
    let mut writer = SqliteWriter::prepare(connection, sql)?;
    let mut refused = Vec::new();
    let mut ordinal = 0u64;
    let mut sink = |cells: &[Cell<'_>]| {
        if let Some(reason) = writer.insert(cells)? {
            refused.push((ordinal, reason));
        }
        ordinal += 1;
        Ok(Flow::Continue)
    };
    while reader.pump(&mut sink)? {}
    Ok(refused)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::readers::memory::{MemoryRows, Scalar};
    use crate::readers::sqlite::Mode;

    fn database(script: &str) -> (tempfile::TempDir, SqliteConnection) {
        let folder = tempfile::tempdir().unwrap();
        let connection = SqliteConnection::open(&folder.path().join("target.db"), Mode::Create).unwrap();
        connection.execute_script(script).unwrap();
        (folder, connection)
    }

    fn values(connection: &SqliteConnection, sql: &str) -> Vec<Scalar> {
        connection.query(sql, &[]).unwrap().into_iter().flatten().collect()
    }

    #[test]
    fn refused_rows_are_named_and_the_others_are_in() {
        let (_folder, connection) = database("CREATE TABLE t (id INTEGER PRIMARY KEY, n INT NOT NULL) STRICT; BEGIN;");
        let row = |id: i128, n: Scalar| vec![Scalar::Int(id), n];
        let rows = vec![
            row(1, Scalar::Int(10)),
            row(1, Scalar::Int(11)),
            row(2, Scalar::Null),
            row(3, Scalar::Text("x".into())),
            row(4, Scalar::Int(i128::from(i64::MAX) + 1)),
            row(5, Scalar::Float(f64::NAN)),
            row(6, Scalar::Int(60)),
        ];
        let mut reader = MemoryRows::new(2, rows).unwrap();
        let refused = insert_rows(&connection, "INSERT INTO t VALUES (?, ?)", &mut reader).unwrap();
        connection.execute("COMMIT", &[]).unwrap();
        assert_eq!(
            refused.iter().map(|(ordinal, _)| *ordinal).collect::<Vec<_>>(),
            [1, 2, 3, 4, 5]
        );
        assert!(refused[0].1.contains("UNIQUE constraint failed: t.id"), "{refused:?}");
        assert!(refused[2].1.contains("SQLITE_CONSTRAINT_DATATYPE"), "{refused:?}");
        assert_eq!(
            values(&connection, "SELECT id FROM t"),
            [Scalar::Int(1), Scalar::Int(6)]
        );
    }

    #[test]
    fn a_cell_is_stored_as_what_it_is() {
        let (_folder, connection) = database("CREATE TABLE t (a)");
        let mut writer = SqliteWriter::prepare(&connection, "INSERT INTO t VALUES (?)").unwrap();
        let ten = Cell::Decimal {
            negative: true,
            coefficient: 1000,
            scale: 2,
        };
        for cell in [
            Cell::Text("a\0b"),
            Cell::Text(""),
            Cell::Bytes(&[]),
            Cell::Float(1.0),
            ten,
            Cell::Null,
        ] {
            assert_eq!(writer.insert(&[cell]).unwrap(), None);
        }
        let expected = [
            Scalar::Text("a\0b".into()),
            Scalar::Text(String::new()),
            Scalar::Bytes(vec![]),
            Scalar::Float(1.0),
            Scalar::Int(-10),
            Scalar::Null,
        ];
        assert_eq!(values(&connection, "SELECT a FROM t ORDER BY rowid"), expected);
    }

    #[test]
    fn what_sqlite_has_no_exact_form_for_is_refused_with_the_kind() {
        let (_folder, connection) = database("CREATE TABLE t (a)");
        let mut writer = SqliteWriter::prepare(&connection, "INSERT INTO t VALUES (?)").unwrap();
        let cent = Cell::Decimal {
            negative: false,
            coefficient: 99,
            scale: 2,
        };
        for (cell, word) in [
            (Cell::Bool(true), "boolean"),
            (Cell::Date(0), "date"),
            (cent, "decimal"),
        ] {
            assert!(writer.insert(&[cell]).unwrap().unwrap().contains(word));
        }
        assert_eq!(values(&connection, "SELECT count(*) FROM t"), [Scalar::Int(0)]);
    }

    #[test]
    fn negative_zero_is_refused_where_this_sqlite_would_drop_its_sign() {
        let (_folder, connection) = database("CREATE TABLE t (r REAL, n NUMERIC, i INTEGER, b BLOB)");
        connection
            .execute("INSERT INTO t VALUES (?1, ?1, ?1, ?1)", &[Scalar::Float(-0.0)])
            .unwrap();
        let stored = values(&connection, "SELECT * FROM t");
        let kept: Vec<bool> = stored
            .iter()
            .map(|value| matches!(value, Scalar::Float(x) if x.is_sign_negative()))
            .collect();
        assert_eq!(
            kept,
            [false, false, false, true],
            "the rule in `declared` no longer fits: {stored:?}"
        );

        let insert = |column: &str, declared: &str| {
            let sql = format!("INSERT INTO t ({column}) VALUES (?)");
            let mut writer = SqliteWriter::prepare(&connection, &sql).unwrap().declared(&[declared]);
            writer.insert(&[Cell::Float(-0.0)]).unwrap()
        };
        assert!(insert("r", "REAL").unwrap().contains("-0.0"));
        assert_eq!(insert("b", "BLOB"), None);
    }

    #[test]
    fn a_row_that_sqlite_drops_in_silence_is_reported() {
        let (_folder, connection) = database("CREATE TABLE t (a UNIQUE ON CONFLICT IGNORE)");
        let mut writer = SqliteWriter::prepare(&connection, "INSERT INTO t VALUES (?)").unwrap();
        assert_eq!(writer.insert(&[Cell::Int(1)]).unwrap(), None);
        assert!(writer.insert(&[Cell::Int(1)]).unwrap().unwrap().contains("IGNORE"));
    }

    #[test]
    fn a_trigger_that_ends_the_transaction_is_an_error_and_no_refusal() {
        let (_folder, connection) = database(
            "CREATE TABLE t (a); CREATE TRIGGER g BEFORE INSERT ON t WHEN new.a = 2
             BEGIN SELECT raise(ROLLBACK, 'not two'); END; BEGIN;",
        );
        let mut writer = SqliteWriter::prepare(&connection, "INSERT INTO t VALUES (?)").unwrap();
        assert_eq!(writer.insert(&[Cell::Int(1)]).unwrap(), None);
        let error = writer.insert(&[Cell::Int(2)]).unwrap_err().to_string();
        assert!(
            error.contains("not two") && error.contains("rolled the whole transaction back"),
            "{error}"
        );
    }

    #[test]
    fn a_full_database_ends_the_work() {
        let (_folder, connection) = database("CREATE TABLE t (a); PRAGMA max_page_count = 8;");
        let mut writer = SqliteWriter::prepare(&connection, "INSERT INTO t VALUES (?)").unwrap();
        let page = vec![7u8; 100_000];
        match writer.insert(&[Cell::Bytes(&page)]) {
            Err(Error::Engine { code, message, .. }) => {
                assert_eq!(code, "SQLITE_FULL");
                assert!(message.contains("target.db"));
            }
            other => panic!("{other:?}"),
        }
    }
}
