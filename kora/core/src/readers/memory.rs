//! Rows that stand in memory: for tests, parameters and small answers.

use crate::cell::Cell;
use crate::error::Result;
use crate::rows::{Flow, RowReader, RowSink};

/// An owned value of the kinds that SQLite and CSV have.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// SQL NULL.
    Null,
    /// An integer; SQLite itself holds 64 bits.
    Int(i128),
    /// A double.
    Float(f64),
    /// Text.
    Text(String),
    /// Text that is not UTF-8, though the database says so.
    BrokenText(Vec<u8>),
    /// Bytes.
    Bytes(Vec<u8>),
}

impl Scalar {
    /// The same value, borrowed.
    pub fn as_cell(&self) -> Cell<'_> {
        match self {
            Self::Null => Cell::Null,
            Self::Int(value) => Cell::Int(*value),
            Self::Float(value) => Cell::Float(*value),
            Self::Text(text) => Cell::Text(text),
            Self::BrokenText(bytes) => Cell::BrokenText { bytes, charset: "utf8" },
            Self::Bytes(bytes) => Cell::Bytes(bytes),
        }
    }

    /// An owned copy; `None` for a kind that is not among these.
    pub fn from_cell(cell: &Cell<'_>) -> Option<Self> {
        Some(match cell {
            Cell::Null => Self::Null,
            Cell::Int(value) => Self::Int(*value),
            Cell::Float(value) => Self::Float(*value),
            Cell::Text(text) => Self::Text((*text).to_owned()),
            Cell::BrokenText { bytes, .. } => Self::BrokenText(bytes.to_vec()),
            Cell::Bytes(bytes) => Self::Bytes(bytes.to_vec()),
            _ => return None,
        })
    }
}

/// Gives rows from memory, in their order.
pub struct MemoryRows {
    columns: usize,
    rows: std::vec::IntoIter<Vec<Scalar>>,
}

impl MemoryRows {
    /// `columns` is what each row must have; it is given because there may be no row.
    ///
    /// # Errors
    /// `Usage` where a row has another width.
    pub fn new(columns: usize, rows: Vec<Vec<Scalar>>) -> Result<Self> {
        if let Some((index, row)) = rows.iter().enumerate().find(|(_, row)| row.len() != columns) {
            return Err(crate::error::Error::Usage(format!(
                "row {index} has {} values, not {columns}",
                row.len()
            )));
        }
        Ok(Self {
            columns,
            rows: rows.into_iter(),
        })
    }
}

impl RowReader for MemoryRows {
    fn column_count(&self) -> usize {
        self.columns
    }

    fn pump(&mut self, sink: &mut dyn RowSink) -> Result<bool> {
        for row in self.rows.by_ref() {
            let cells: Vec<Cell<'_>> = row.iter().map(Scalar::as_cell).collect();
            if sink.row(&cells)? == Flow::Pause {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Reads a whole stream into memory; for small answers and tests.
///
/// # Errors
/// What the reader reports, and `Unsupported` for a kind that [`Scalar`] lacks.
pub fn collect(reader: &mut dyn RowReader) -> Result<Vec<Vec<Scalar>>> {
    let mut rows = Vec::new();
    let mut sink = |cells: &[Cell<'_>]| {
        let mut row = Vec::with_capacity(cells.len());
        for (column, cell) in cells.iter().enumerate() {
            row.push(Scalar::from_cell(cell).ok_or_else(|| crate::error::Error::Unsupported {
                column: column.to_string(),
                type_name: cell.kind().to_owned(),
            })?);
        }
        rows.push(row);
        Ok(Flow::Continue)
    };
    while reader.pump(&mut sink)? {}
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_in_order_and_a_pause_keeps_the_place() {
        let rows: Vec<Vec<Scalar>> = (0..5).map(|n| vec![Scalar::Int(n), Scalar::Null]).collect();
        let mut reader = MemoryRows::new(2, rows).unwrap();
        let mut seen = Vec::new();
        let mut sink = |cells: &[Cell<'_>]| {
            seen.push(Scalar::from_cell(&cells[0]).unwrap());
            Ok(if seen.len() % 2 == 0 {
                Flow::Pause
            } else {
                Flow::Continue
            })
        };
        assert!(reader.pump(&mut sink).unwrap());
        assert!(reader.pump(&mut sink).unwrap());
        assert!(!reader.pump(&mut sink).unwrap());
        assert!(!reader.pump(&mut sink).unwrap());
        assert_eq!(seen, (0..5).map(Scalar::Int).collect::<Vec<_>>());
    }

    #[test]
    fn a_row_of_another_width_is_refused() {
        assert!(MemoryRows::new(2, vec![vec![Scalar::Null]]).is_err());
    }
}
