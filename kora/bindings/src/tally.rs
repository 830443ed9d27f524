//! Bindings: `RawTally`, which digests rows exactly as read while somebody else consumes them.
use crate::digests::DigestKey;
use crate::errors::IntoPython;
use crate::rows::RowStream;
use kora_core::cell::Cell;
use kora_core::digest::RawDigester;
use kora_core::error::{Error, Result};
use kora_core::keys;
use kora_core::lanes::Lane;
use kora_core::rows::{RowReader, RowSink};
use kora_core::set_hash::SetSum;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::sync::{Arc, Mutex, MutexGuard};

type Shared = Arc<Mutex<RawDigester>>;

/// Rows and Σ of raw row digests of the streams that were read through it.
#[pyclass(module = "kora._core", frozen)]
pub struct RawTally {
    key: keys::DigestKey,
    /// One of each lane: they are read at the same time.
    digesters: Mutex<Vec<Shared>>,
}

#[pymethods]
impl RawTally {
    #[new]
    fn new(key: &DigestKey) -> Self {
        Self {
            key: key.inner.clone(),
            digesters: Mutex::default(),
        }
    }

    /// The same rows in the same lanes; each is counted here when it is read.
    fn watch(&self, stream: &RowStream) -> PyResult<RowStream> {
        let lanes = stream.take_lanes()?;
        let columns = lanes.first().map_or(0, |lane| lane.column_count());
        let mut digesters = held(&self.digesters).into_python()?;
        let watched = lanes.into_iter().map(|reader| -> Lane {
            let digester = Arc::new(Mutex::new(RawDigester::new(&self.key)));
            digesters.push(digester.clone());
            Box::new(Tallied { reader, digester })
        });
        Ok(RowStream::in_lanes(columns, watched.collect()))
    }

    /// Rows so far, and Σ of their digests, 32 bytes little-endian.
    fn total<'py>(&self, py: Python<'py>) -> PyResult<(u64, Bound<'py, PyBytes>)> {
        let (rows, sum) = py.detach(|| self.summed()).into_python()?;
        Ok((rows, PyBytes::new(py, &sum.to_bytes())))
    }
}

impl RawTally {
    fn summed(&self) -> Result<(u64, SetSum)> {
        let (mut rows, mut sum) = (0, SetSum::default());
        for digester in held(&self.digesters)?.iter() {
            let (more, digest) = held(digester)?.finish()?;
            rows += more;
            sum.add(&digest);
        }
        Ok((rows, sum))
    }
}

struct Tallied {
    reader: Lane,
    digester: Shared,
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

fn held<T>(shared: &Mutex<T>) -> Result<MutexGuard<'_, T>> {
    let spent = |_| Error::Usage("this tally broke off in an earlier pass; make a new one".to_owned());
    shared.lock().map_err(spent)
}

/// Adds this room's names to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<RawTally>()
}
