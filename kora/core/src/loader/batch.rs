//! A finished batch: which rows are in it, and any slice of them in the target's encoding.
use super::encoding::Rows;
use crate::error::{Error, Result};
use crate::readers::sqlite::SqliteConnection;
use crate::writers::arrow::ArrowRowsBatch;
use std::collections::BTreeSet;

/// A row that no rule or type could carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Its position in the stream, from 0.
    pub ordinal: u64,
    /// The text of its key columns; empty for a table without a key.
    pub key: String,
    /// The column pair whose value was refused.
    pub pair: String,
    /// Why, without the value.
    pub reason: String,
}

/// Encoded rows.
#[derive(Default)]
pub struct Batch {
    pub(super) ordinals: Vec<u64>,
    pub(super) keys: String,
    pub(super) key_ends: Vec<usize>,
    pub(super) rows: Option<Rows>,
    /// Rows that are not in the batch.
    pub rejected: Vec<Rejected>,
    /// Bytes of the encoded rows.
    pub byte_count: usize,
}

impl Batch {
    pub(super) fn accept(&mut self, ordinal: u64, key: &str) {
        self.ordinals.push(ordinal);
        self.keys.push_str(key);
        self.key_ends.push(self.keys.len());
    }

    /// Rows in the batch.
    pub fn row_count(&self) -> usize {
        self.ordinals.len()
    }

    /// Each row's position in the stream, from 0.
    pub fn ordinals(&self) -> &[u64] {
        &self.ordinals
    }

    /// The text of a row's key columns, for people; `None` beyond the last row.
    pub fn key_text(&self, index: usize) -> Option<&str> {
        let end = *self.key_ends.get(index)?;
        let start = index
            .checked_sub(1)
            .and_then(|before| self.key_ends.get(before))
            .copied()
            .unwrap_or(0);
        self.keys.get(start..end)
    }

    /// Rows `[start, stop)` except `without`, as runs.
    fn runs(&self, start: usize, stop: Option<usize>, without: &[usize]) -> Vec<(usize, usize)> {
        let stop = stop.unwrap_or(usize::MAX).min(self.row_count());
        let mut runs = Vec::new();
        let mut from = start;
        for gap in without
            .iter()
            .copied()
            .filter(|row| (start..stop).contains(row))
            .collect::<BTreeSet<_>>()
        {
            runs.push((from, gap));
            from = gap + 1;
        }
        runs.push((from, stop));
        runs.retain(|(from, to)| from < to);
        runs
    }

    /// Pieces that in this order make a complete COPY BINARY stream of rows `[start, stop)` except `without`.
    ///
    /// # Errors
    /// `Usage` if the batch is in another encoding.
    pub fn postgres_copy(&self, start: usize, stop: Option<usize>, without: &[usize]) -> Result<Vec<&[u8]>> {
        match &self.rows {
            Some(Rows::Copy(rows)) => Ok(rows.stream(&self.runs(start, stop, without))),
            other => Err(wrong("postgres_copy", other)),
        }
    }

    /// The rows `[start, stop)` except `without` for DuckDB, sharing this batch's memory.
    ///
    /// # Errors
    /// `Usage` if the batch is in another encoding.
    pub fn arrow(&self, start: usize, stop: Option<usize>, without: &[usize]) -> Result<ArrowRowsBatch> {
        match &self.rows {
            Some(Rows::Arrow(rows)) => Ok(rows.runs(&self.runs(start, stop, without))),
            other => Err(wrong("arrow", other)),
        }
    }

    /// Pieces that in this order make the lines of rows `[start, stop)` except `without` for `LOAD DATA`.
    ///
    /// # Errors
    /// `Usage` if the batch is in another encoding.
    pub fn mysql_load_data(&self, start: usize, stop: Option<usize>, without: &[usize]) -> Result<Vec<&[u8]>> {
        match &self.rows {
            Some(Rows::LoadData(rows)) => Ok(rows.lines(&self.runs(start, stop, without))),
            other => Err(wrong("mysql_load_data", other)),
        }
    }

    /// The same rows as pieces of the tuples behind `INSERT … VALUES`; the columns in `converted` are handed over as text.
    ///
    /// # Errors
    /// `Usage` if the batch is in another encoding.
    pub fn mysql_tuples(
        &self,
        start: usize,
        stop: Option<usize>,
        without: &[usize],
        converted: &[usize],
    ) -> Result<Vec<&[u8]>> {
        match &self.rows {
            Some(Rows::LoadData(rows)) => rows.tuples(&self.runs(start, stop, without), converted),
            other => Err(wrong("mysql_load_data", other)),
        }
    }

    /// Bytes of the longest line for `LOAD DATA`; 0 in another encoding.
    pub fn longest_line(&self) -> usize {
        match &self.rows {
            Some(Rows::LoadData(rows)) => rows.longest(),
            _ => 0,
        }
    }

    /// Inserts every row by itself into SQLite, in the caller's transaction; the refused ones by their index here, with
    /// the reason.
    ///
    /// # Errors
    /// `Usage` if the batch is in another encoding, `Engine` for a fault of the database.
    pub fn insert_sqlite(&self, connection: &SqliteConnection, insert_sql: &str) -> Result<Vec<(usize, String)>> {
        match &self.rows {
            Some(Rows::Sqlite(rows)) => rows.insert(connection, insert_sql),
            other => Err(wrong("sqlite", other)),
        }
    }
}

fn wrong(asked: &str, rows: &Option<Rows>) -> Error {
    let has = rows.as_ref().map_or("nothing", Rows::name);
    Error::Usage(format!("the batch was encoded as {has}, not as {asked}"))
}
