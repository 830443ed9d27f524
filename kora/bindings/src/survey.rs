//! Bindings: `survey_rows`, and a reader that is watched while it is read.
use crate::errors::IntoPython;
use crate::rows::{Progress, ProgressCounters, RowStream};
use kora_core::cell::Cell;
use kora_core::error::Result;
use kora_core::rows::{RowReader, RowSink};
use pyo3::prelude::*;
use std::sync::Arc;

/// Rows between two looks at the counters.
const STRIDE: u64 = 1024;

/// A reader that counts its rows into a [`Progress`] and ends with `Stopped` once that was asked to stop.
pub struct Watched {
    reader: Box<dyn RowReader>,
    progress: Arc<ProgressCounters>,
}

impl Watched {
    /// Wraps a reader, where there is something to count into.
    pub fn around(reader: Box<dyn RowReader>, progress: Option<Arc<ProgressCounters>>) -> Box<dyn RowReader> {
        match progress {
            Some(progress) => Box::new(Self { reader, progress }),
            None => reader,
        }
    }
}

impl RowReader for Watched {
    fn column_count(&self) -> usize {
        self.reader.column_count()
    }

    fn pump(&mut self, sink: &mut dyn RowSink) -> Result<bool> {
        let mut rows = 0;
        let more = self.reader.pump(&mut |cells: &[Cell<'_>]| {
            rows += 1;
            if rows == STRIDE {
                self.progress.add(std::mem::take(&mut rows), 0)?;
            }
            sink.row(cells)
        })?;
        self.progress.add(rows, 0)?;
        Ok(more)
    }
}
