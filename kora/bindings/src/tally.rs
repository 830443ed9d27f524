//! Bindings: `RawTally`, which digests rows exactly as read while somebody else consumes them.
use crate::digests::DigestKey;
use crate::errors::IntoPython;
use crate::rows::RowStream;
use kora_core::cell::Cell;
use kora_core::digest::RawDigester;
use kora_core::error::{Error, Result};
use kora_core::rows::{RowReader, RowSink};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::sync::{Arc, Mutex, MutexGuard};

/// Rows and Σ of raw row digests of the streams that were read through it.
#[pyclass(module = "kora._core", frozen)]
pub struct RawTally {
    digester: Arc<Mutex<RawDigester>>,
}

#[pymethods]
impl RawTally {
    #[new]
    fn new(key: &DigestKey) -> Self {
        Self {
            digester: Arc::new(Mutex::new(RawDigester::new(&key.inner))),
        }
    }

    /// The same rows; each is counted here when it is read.
    fn watch(&self, stream: &RowStream) -> PyResult<RowStream> {
        let (reader, digester) = (stream.take()?, self.digester.clone());
        Ok(RowStream::new(Box::new(Tallied { reader, digester })))
    }

    /// Rows so far, and Σ of their digests, 32 bytes little-endian.
    fn total<'py>(&self, py: Python<'py>) -> PyResult<(u64, Bound<'py, PyBytes>)> {
        let (rows, sum) = py
            .detach(|| held(&self.digester).and_then(|mut digester| digester.finish()))
            .into_python()?;
        Ok((rows, PyBytes::new(py, &sum)))
    }
}

struct Tallied {
    reader: Box<dyn RowReader>,
    digester: Arc<Mutex<RawDigester>>,
}

impl RowReader for Tallied {
    fn column_count(&self) -> usize {
        self.reader.column_count()
    }

    fn pump(&mut self, sink: &mut dyn RowSink) -> Result<bool> {
        let mut digester = held(&self.digester)?;
        self.reader.pump(&mut |cells: &[Cell<'_>]| {
            digester.row(cells)?;
            sink.row(cells)
        })
    }
}

fn held(digester: &Mutex<RawDigester>) -> Result<MutexGuard<'_, RawDigester>> {
    let spent = |_| Error::Usage("this tally broke off in an earlier pass; make a new one".to_owned());
    digester.lock().map_err(spent)
}

/// Adds this room's names to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<RawTally>()
}
