//! The encodings behind one face: rows are pushed one by one, refused or taken, then finished.
use super::lines::LoadDataRows;
use super::stored::StoredRows;
use crate::cell::Cell;
use crate::error::{Error, Result};
use crate::writers::arrow::{ArrowEncoder, ArrowRowsBatch};
use crate::writers::mysql_load_data::LoadDataEncoder;
use crate::writers::postgres_copy::{CopyEncoder, HEADER, TRAILER};

/// The target's encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// PostgreSQL's COPY BINARY.
    PostgresCopy,
    /// Arrow record batches for DuckDB.
    Arrow,
    /// Values for SQLite's prepared statements.
    Sqlite,
    /// Lines for MariaDB's and MySQL's LOAD DATA.
    MysqlLoadData,
}

impl Encoding {
    /// By the name that Python uses.
    ///
    /// # Errors
    /// `Usage` for another name.
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "postgres_copy" => Ok(Self::PostgresCopy),
            "arrow" => Ok(Self::Arrow),
            "sqlite" => Ok(Self::Sqlite),
            "mysql_load_data" => Ok(Self::MysqlLoadData),
            other => Err(Error::Usage(format!(
                "encoding `{other}` is none of postgres_copy, arrow, sqlite, mysql_load_data"
            ))),
        }
    }
}

/// A batch being built.
pub enum Encoder {
    Copy(CopyEncoder, CopyRows),
    Arrow(Box<ArrowEncoder>),
    Sqlite(StoredRows),
    LoadData(LoadDataEncoder, LoadDataRows),
}

/// A finished batch's rows.
pub enum Rows {
    /// COPY tuples.
    Copy(CopyRows),
    /// A record batch.
    Arrow(ArrowRowsBatch),
    /// Owned values.
    Sqlite(StoredRows),
    /// Lines.
    LoadData(LoadDataRows),
}

impl Rows {
    /// The encoding's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Copy(_) => "postgres_copy",
            Self::Arrow(_) => "arrow",
            Self::Sqlite(_) => "sqlite",
            Self::LoadData(_) => "mysql_load_data",
        }
    }
}

impl Encoder {
    pub fn new(encoding: Encoding, target_types: &[String]) -> Result<Self> {
        Ok(match encoding {
            Encoding::PostgresCopy => Self::Copy(CopyEncoder::new(target_types)?, CopyRows::default()),
            Encoding::Arrow => {
                // Positions, since DuckDB would take names that differ in case alone for the same.
                let names: Vec<String> = (0..target_types.len()).map(|index| format!("c{index}")).collect();
                Self::Arrow(Box::new(ArrowEncoder::new(target_types, &names)?))
            }
            Encoding::Sqlite => Self::Sqlite(StoredRows::new(target_types)),
            Encoding::MysqlLoadData => Self::LoadData(LoadDataEncoder::new(target_types)?, LoadDataRows::default()),
        })
    }

    /// Takes a row and gives its size in bytes, or the column that refuses it and why.
    pub fn push(&mut self, cells: &[Cell<'_>]) -> std::result::Result<usize, (usize, String)> {
        match self {
            Self::Copy(encoder, rows) => rows.push(encoder, cells),
            Self::Arrow(encoder) => encoder.push(cells).map_err(|refusal| (refusal.column, refusal.reason)),
            Self::Sqlite(rows) => rows.push(cells),
            Self::LoadData(encoder, rows) => rows.push(encoder, cells),
        }
    }

    pub fn finish(self) -> Result<Rows> {
        Ok(match self {
            Self::Copy(_, rows) => Rows::Copy(rows),
            Self::Arrow(mut encoder) => Rows::Arrow(encoder.finish()?),
            Self::Sqlite(rows) => Rows::Sqlite(rows),
            Self::LoadData(_, rows) => Rows::LoadData(rows),
        })
    }
}

/// COPY tuples one after the other, and where each ends.
#[derive(Default)]
pub struct CopyRows {
    tuples: Vec<u8>,
    ends: Vec<usize>,
}

impl CopyRows {
    fn push(&mut self, encoder: &CopyEncoder, cells: &[Cell<'_>]) -> std::result::Result<usize, (usize, String)> {
        let start = self.tuples.len();
        encoder
            .encode_row(cells, &mut self.tuples)
            .map_err(|refusal| (refusal.column, refusal.reason))?;
        self.ends.push(self.tuples.len());
        Ok(self.tuples.len() - start)
    }

    /// Header, the tuples of each run, trailer. Runs lie within the rows.
    pub(super) fn stream(&self, runs: &[(usize, usize)]) -> Vec<&[u8]> {
        let start_of = |row: usize| if row == 0 { 0 } else { self.ends[row - 1] };
        let mut pieces: Vec<&[u8]> = vec![HEADER];
        pieces.extend(
            runs.iter()
                .map(|(start, stop)| &self.tuples[start_of(*start)..start_of(*stop)]),
        );
        pieces.push(TRAILER);
        pieces
    }
}
