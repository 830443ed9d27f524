//! Bindings: `Loader` and `Batch`.
use crate::arrow::ArrowStream;
use crate::digests::DigestKey;
use crate::errors::{to_python, IntoPython};
use crate::rows::{Progress, ProgressCounters, RowStream};
use crate::sqlite::SqliteConnection;
use crate::survey::Watched;
use kora_core::error::Error;
use kora_core::loader::{Batch as CoreBatch, Encoding, Loader as CoreLoader};
use kora_core::program::Profile;
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyMemoryView};
use std::sync::{Arc, Mutex, MutexGuard};

/// Turns a stream of source rows into batches in the target's own encoding.
#[pyclass(module = "kora._core", frozen)]
pub struct Loader {
    inner: Mutex<CoreLoader>,
    progress: Option<Arc<ProgressCounters>>,
}

impl Loader {
    fn lock(&self) -> PyResult<MutexGuard<'_, CoreLoader>> {
        self.inner
            .lock()
            .map_err(|_| to_python(Error::Usage("this loader has failed; make a new one".to_owned())))
    }
}

#[pymethods]
impl Loader {
    #[new]
    #[pyo3(signature = (stream, profile, encoding, target_types, key, *, batch_size_bytes = 8 << 20, progress = None))]
    fn new(
        stream: &RowStream,
        profile: &str,
        encoding: &str,
        target_types: Vec<String>,
        key: &DigestKey,
        batch_size_bytes: usize,
        progress: Option<&Progress>,
    ) -> PyResult<Self> {
        let profile = Profile::from_json(profile).into_python()?;
        let encoding = Encoding::parse(encoding).into_python()?;
        let progress = progress.map(|progress| progress.shared.clone());
        let reader = Watched::around(stream.take()?, progress.clone());
        let loader = CoreLoader::new(reader, &profile, encoding, &target_types, &key.inner).into_python()?;
        Ok(Self {
            inner: Mutex::new(loader.batch_size_bytes(batch_size_bytes)),
            progress,
        })
    }

    fn next_batch(&self, py: Python<'_>) -> PyResult<Option<Batch>> {
        py.detach(|| {
            let batch = self.lock()?.next_batch().into_python()?;
            if let (Some(batch), Some(progress)) = (&batch, &self.progress) {
                progress.add(0, batch.byte_count as u64).into_python()?;
            }
            Ok(batch.map(|inner| Batch { inner }))
        })
    }

    #[getter]
    fn row_count(&self, py: Python<'_>) -> PyResult<u64> {
        py.detach(|| Ok(self.lock()?.row_count()))
    }

    #[getter]
    fn raw_digest<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let digest = py.detach(|| self.lock()?.raw_digest().into_python())?;
        Ok(PyBytes::new(py, &digest))
    }

    #[getter]
    fn tallies(&self, py: Python<'_>) -> PyResult<String> {
        let tallies = py.detach(|| PyResult::Ok(self.lock()?.tallies()))?;
        serde_json::to_string(&tallies).map_err(|error| to_python(Error::Usage(error.to_string())))
    }
}

/// Encoded rows.
#[pyclass(module = "kora._core", frozen)]
pub struct Batch {
    inner: CoreBatch,
}

#[pymethods]
impl Batch {
    #[getter]
    fn row_count(&self) -> usize {
        self.inner.row_count()
    }

    #[getter]
    fn byte_count(&self) -> usize {
        self.inner.byte_count
    }

    #[getter]
    fn rejected(&self) -> Vec<(u64, &str, &str, &str)> {
        let rejected = self.inner.rejected.iter();
        rejected
            .map(|row| (row.ordinal, row.key.as_str(), row.pair.as_str(), row.reason.as_str()))
            .collect()
    }

    fn ordinals(&self) -> Vec<u64> {
        self.inner.ordinals().to_vec()
    }

    fn key_text(&self, index: usize) -> PyResult<&str> {
        self.inner
            .key_text(index)
            .ok_or_else(|| PyIndexError::new_err("no such row in this batch"))
    }

    #[pyo3(signature = (start = 0, stop = None, *, without = Vec::new()))]
    fn postgres_copy<'py>(
        &self,
        py: Python<'py>,
        start: usize,
        stop: Option<usize>,
        without: Vec<usize>,
    ) -> PyResult<Bound<'py, PyMemoryView>> {
        joined(py, &self.inner.postgres_copy(start, stop, &without).into_python()?)
    }

    #[pyo3(signature = (start = 0, stop = None, *, without = Vec::new()))]
    fn arrow(&self, start: usize, stop: Option<usize>, without: Vec<usize>) -> PyResult<ArrowStream> {
        Ok(ArrowStream::new(self.inner.arrow(start, stop, &without).into_python()?))
    }

    #[pyo3(signature = (start = 0, stop = None, *, without = Vec::new()))]
    fn mysql_load_data<'py>(
        &self,
        py: Python<'py>,
        start: usize,
        stop: Option<usize>,
        without: Vec<usize>,
    ) -> PyResult<Bound<'py, PyMemoryView>> {
        joined(py, &self.inner.mysql_load_data(start, stop, &without).into_python()?)
    }

    #[pyo3(signature = (head, start = 0, stop = None, *, without = Vec::new(), converted = Vec::new()))]
    fn mysql_insert<'py>(
        &self,
        py: Python<'py>,
        head: &[u8],
        start: usize,
        stop: Option<usize>,
        without: Vec<usize>,
        converted: Vec<usize>,
    ) -> PyResult<Bound<'py, PyMemoryView>> {
        let mut pieces = vec![head];
        pieces.extend(
            self.inner
                .mysql_tuples(start, stop, &without, &converted)
                .into_python()?,
        );
        joined(py, &pieces)
    }

    #[getter]
    fn longest_line(&self) -> usize {
        self.inner.longest_line()
    }

    fn insert_sqlite(
        &self,
        py: Python<'_>,
        connection: &SqliteConnection,
        insert_sql: &str,
    ) -> PyResult<Vec<(usize, String)>> {
        py.detach(|| self.inner.insert_sqlite(&connection.inner, insert_sql))
            .into_python()
    }
}

/// The pieces as one object of Python's, copied once.
fn joined<'py>(py: Python<'py>, pieces: &[&[u8]]) -> PyResult<Bound<'py, PyMemoryView>> {
    let length = pieces.iter().map(|piece| piece.len()).sum();
    let bytes = PyBytes::new_with(py, length, |space| {
        let mut at = 0;
        for piece in pieces {
            space[at..at + piece.len()].copy_from_slice(piece);
            at += piece.len();
        }
        Ok(())
    })?;
    PyMemoryView::from(&bytes)
}

/// Adds this room's names to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Loader>()?;
    module.add_class::<Batch>()
}
