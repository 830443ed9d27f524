//! The seam between what produces rows and what consumes them.

use crate::cell::Cell;
use crate::error::{Error, Result};

/// What a sink wants next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// The next row.
    Continue,
    /// Nothing more for now; the reader keeps its place.
    Pause,
}

/// Takes rows one by one.
pub trait RowSink {
    /// One row; the cells live until this returns.
    fn row(&mut self, cells: &[Cell<'_>]) -> Result<Flow>;

    /// Whether canonical rows will do. A reader that can write them without cells in between may then give any row to
    /// [`Self::canonical_row`] instead; one below [`crate::large::LARGE_ROW_BYTES`] only.
    fn takes_canonical(&self) -> bool {
        false
    }

    /// One row in canonical form, its length in front. `bounds` say where each of its cells begins, and its end.
    ///
    /// # Errors
    /// `Usage` from a sink that takes cells only.
    fn canonical_row(&mut self, row: &[u8], bounds: &[usize]) -> Result<Flow> {
        let _ = (row, bounds);
        Err(Error::Usage("canonical rows for a sink that takes cells".to_owned()))
    }
}

impl<F: FnMut(&[Cell<'_>]) -> Result<Flow>> RowSink for F {
    fn row(&mut self, cells: &[Cell<'_>]) -> Result<Flow> {
        self(cells)
    }
}

/// A table, a chunk or a query's answer being read, in bounded memory.
pub trait RowReader: Send {
    /// Columns in each row.
    fn column_count(&self) -> usize;

    /// Pushes rows until the sink pauses (`true`: more may follow) or the end is reached (`false`).
    ///
    /// After an error the reader is spent. Calling again after the end gives `false`.
    fn pump(&mut self, sink: &mut dyn RowSink) -> Result<bool>;
}
