//! Bindings: `RowStream`, `Progress`, and the helpers that every long call shares.
use kora_core::rows::RowReader;
use pyo3::prelude::*;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Rows being read. Consumed once, by one thread at a time.
#[pyclass(module = "kora._core", frozen)]
pub struct RowStream {
    columns: usize,
    reader: Mutex<Option<Box<dyn RowReader>>>,
}

impl RowStream {
    /// Wraps a reader.
    pub fn new(reader: Box<dyn RowReader>) -> Self {
        Self { columns: reader.column_count(), reader: Mutex::new(Some(reader)) }
    }

    /// Takes the reader out: a stream is consumed once.
    pub fn take(&self) -> PyResult<Box<dyn RowReader>> {
        let taken = self.reader.lock().map(|mut slot| slot.take()).unwrap_or(None);
        taken.ok_or_else(|| {
            crate::errors::to_python(kora_core::error::Error::Usage("this row stream was already consumed".into()))
        })
    }
}

#[pymethods]
impl RowStream {
    #[getter]
    fn column_count(&self) -> usize {
        self.columns
    }
}

/// Counters that another thread may read while a scan runs.
#[pyclass(module = "kora._core", frozen)]
#[derive(Default)]
pub struct Progress {
    /// Shared with the scan.
    pub shared: Arc<ProgressCounters>,
}

/// What a scan updates.
#[derive(Default)]
pub struct ProgressCounters {
    /// Rows so far.
    pub rows: AtomicU64,
    /// Canonical or encoded bytes so far.
    pub bytes: AtomicU64,
    /// Set to end the scan.
    pub stopped: AtomicBool,
}

impl ProgressCounters {
    /// Adds to the counters; an error once `stop()` was called.
    pub fn add(&self, rows: u64, bytes: u64) -> kora_core::error::Result<()> {
        self.rows.fetch_add(rows, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        if self.stopped.load(Ordering::Relaxed) {
            return Err(kora_core::error::Error::Stopped);
        }
        Ok(())
    }
}

#[pymethods]
impl Progress {
    #[new]
    fn new() -> Self {
        Self::default()
    }
    #[getter]
    fn rows(&self) -> u64 {
        self.shared.rows.load(Ordering::Relaxed)
    }
    #[getter]
    fn bytes(&self) -> u64 {
        self.shared.bytes.load(Ordering::Relaxed)
    }
    fn stop(&self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
    }
}

/// Adds this room's names to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<RowStream>()?;
    module.add_class::<Progress>()
}
