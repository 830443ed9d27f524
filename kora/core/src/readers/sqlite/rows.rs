//! Rows of one query, streamed.

use super::connection::SqliteConnection;
use super::statement::{Statement, Step};
use crate::cell::Cell;
use crate::error::Result;
use crate::large::is_large;
use crate::readers::memory::Scalar;
use crate::rows::{Flow, RowReader, RowSink};

/// A query being read. It holds the connection's lock only inside `pump`, and its read transaction until the end.
///
/// A sink must not use the same connection: it would wait for itself.
pub struct SqliteRows {
    connection: SqliteConnection,
    columns: usize,
    /// `None` once the end or an error was reached.
    statement: Option<Statement>,
    /// What a step gave that was taken ahead.
    ahead: Option<Step>,
}

impl SqliteRows {
    /// Prepares a query; the first row is read by the first `pump`.
    pub fn new(connection: &SqliteConnection, sql: &str, parameters: &[Scalar]) -> Result<Self> {
        let locked = connection.lock()?;
        // SAFETY: the lock is held; the statement is only used under it and finalized by `finish`.
        let statement = unsafe { connection.prepare_one(&locked, sql, parameters)? };
        drop(locked);
        Ok(Self {
            connection: connection.clone(),
            columns: statement.column_count(),
            statement: Some(statement),
            ahead: None,
        })
    }

    fn finish(&mut self) {
        if let Some(statement) = self.statement.take() {
            let _locked = self.connection.lock_anyway();
            // SAFETY: the lock is held.
            unsafe { statement.finalize() };
        }
    }

    fn pump_locked(&mut self, sink: &mut dyn RowSink) -> Result<bool> {
        let Some(statement) = self.statement.as_mut() else {
            return Ok(false);
        };
        let _locked = self.connection.lock()?;
        let mut cells: Vec<Cell<'_>> = Vec::with_capacity(self.columns);
        // SAFETY: the lock is held throughout; the sink cannot keep the cells, and they are cleared before each step
        // can move what they point to.
        unsafe {
            loop {
                let step = match self.ahead.take() {
                    Some(step) => step,
                    None => statement.step(self.connection.path())?,
                };
                if step != Step::Row {
                    return Ok(false);
                }
                statement.row(&mut cells)?;
                let flow = sink.row(&cells)?;
                let large = is_large(&cells);
                cells.clear();
                if flow == Flow::Pause {
                    if large {
                        // SQLite keeps a row until the next step: it shall not keep this one while it is written.
                        self.ahead = Some(statement.step(self.connection.path())?);
                    }
                    return Ok(true);
                }
            }
        }
    }
}

impl RowReader for SqliteRows {
    fn column_count(&self) -> usize {
        self.columns
    }

    fn pump(&mut self, sink: &mut dyn RowSink) -> Result<bool> {
        let outcome = self.pump_locked(sink);
        if !matches!(outcome, Ok(true)) {
            self.finish();
        }
        outcome
    }
}

impl Drop for SqliteRows {
    fn drop(&mut self) {
        self.finish();
    }
}
