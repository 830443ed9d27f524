//! Bindings: rows in lanes, whose pieces Python opens one after the other, from whichever thread reads the lane.
use crate::rows::RowStream;
use kora_core::error::{Error, Result};
use kora_core::lanes::Lane;
use kora_core::rows::{RowReader, RowSink};
use pyo3::prelude::*;

/// One lane: each piece is asked for when the one before it has ended.
struct Pieces {
    columns: usize,
    /// None once there are no more.
    next: Option<Py<PyAny>>,
    current: Option<Lane>,
}

impl Pieces {
    fn opened(&mut self) -> Result<Option<&mut Lane>> {
        if let (None, Some(next)) = (&self.current, &self.next) {
            let piece = Python::attach(|py| {
                let piece = next.bind(py).call0()?;
                if piece.is_none() {
                    return Ok(None);
                }
                piece.cast::<RowStream>().map_err(PyErr::from)?.get().take().map(Some)
            });
            self.current = piece.map_err(|raised: PyErr| Error::Caller(Box::new(raised)))?;
        }
        Ok(self.current.as_mut())
    }

    fn let_go(&mut self) {
        let held = self.next.take();
        match Python::try_attach(|_| ()) {
            Some(()) => Python::attach(|_| drop(held)),
            None => std::mem::forget(held),
        }
    }
}

impl RowReader for Pieces {
    fn column_count(&self) -> usize {
        self.columns
    }

    fn pump(&mut self, sink: &mut dyn RowSink) -> Result<bool> {
        loop {
            let Some(piece) = self.opened()? else {
                self.let_go();
                return Ok(false);
            };
            if piece.pump(sink)? {
                return Ok(true);
            }
            self.current = None;
        }
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        self.current = None;
        self.let_go();
    }
}

/// A stream of as many lanes as there are callables; each gives a lane's next piece, or None.
#[pyfunction]
fn row_lanes(columns: usize, lanes: Vec<Py<PyAny>>) -> RowStream {
    let lanes = lanes.into_iter().map(|next| -> Lane {
        Box::new(Pieces {
            columns,
            next: Some(next),
            current: None,
        })
    });
    RowStream::in_lanes(columns, lanes.collect())
}

/// Adds this room's names to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(row_lanes, module)?)
}
