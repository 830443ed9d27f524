//! Bindings: `RowStream`, `Progress`, and the helpers that every long call shares.
use crate::errors::IntoPython;
use kora_core::canon::{display, DecodedCell};
use kora_core::cell::Cell;
use kora_core::lanes::{InTurn, Lane};
use kora_core::rows::Flow;
use pyo3::prelude::*;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Rows being read, in one lane or in several. Consumed once, each lane by one thread at a time.
#[pyclass(module = "kora._core", frozen)]
pub struct RowStream {
    columns: usize,
    lanes: Mutex<Option<Vec<Lane>>>,
}

impl RowStream {
    /// Wraps a reader.
    pub fn new(reader: Lane) -> Self {
        Self::in_lanes(reader.column_count(), vec![reader])
    }

    /// Wraps the readers of lanes, which together give every row once.
    pub fn in_lanes(columns: usize, lanes: Vec<Lane>) -> Self {
        Self {
            columns,
            lanes: Mutex::new(Some(lanes)),
        }
    }

    /// Takes the reader out: a stream is consumed once. Lanes then come one after the other.
    pub fn take(&self) -> PyResult<Lane> {
        let mut lanes = self.take_lanes()?;
        match (lanes.pop(), lanes.is_empty()) {
            (Some(only), true) => Ok(only),
            (last, _) => {
                lanes.extend(last);
                Ok(Box::new(InTurn::new(self.columns, lanes)))
            }
        }
    }

    /// Takes the readers of all lanes out.
    pub fn take_lanes(&self) -> PyResult<Vec<Lane>> {
        let taken = self.lanes.lock().map(|mut slot| slot.take()).unwrap_or(None);
        taken.ok_or_else(|| {
            crate::errors::to_python(kora_core::error::Error::Usage(
                "this row stream was already consumed".into(),
            ))
        })
    }
}

#[pymethods]
impl RowStream {
    #[getter]
    fn column_count(&self) -> usize {
        self.columns
    }

    /// A stream of its own for each lane; this one is then consumed.
    fn lanes(&self) -> PyResult<Vec<Self>> {
        Ok(self.take_lanes()?.into_iter().map(Self::new).collect())
    }

    /// Reads to the end and counts.
    fn count(&self, py: Python<'_>) -> PyResult<u64> {
        let mut reader = self.take()?;
        py.detach(|| {
            let mut rows = 0_u64;
            let mut sink = |_: &[Cell<'_>]| {
                rows += 1;
                Ok(Flow::Continue)
            };
            while reader.pump(&mut sink)? {}
            Ok(rows)
        })
        .into_python()
    }

    /// The first rows, each value as its kind and its text.
    fn shown(&self, py: Python<'_>, limit: usize) -> PyResult<Vec<Vec<DecodedCell>>> {
        let mut reader = self.take()?;
        py.detach(|| {
            let mut rows = Vec::new();
            while rows.len() < limit {
                let mut sink = |cells: &[Cell<'_>]| {
                    rows.push(cells.iter().map(display).collect());
                    Ok(if rows.len() < limit {
                        Flow::Continue
                    } else {
                        Flow::Pause
                    })
                };
                if !reader.pump(&mut sink)? {
                    break;
                }
            }
            Ok(rows)
        })
        .into_python()
    }

    /// The rows at these ordinals (from 0, ascending), each value as its kind and its text.
    fn picked(&self, py: Python<'_>, ordinals: Vec<u64>) -> PyResult<Vec<Vec<DecodedCell>>> {
        let mut reader = self.take()?;
        py.detach(|| {
            let mut rows = Vec::new();
            let mut ordinal = 0_u64;
            let mut wanted = ordinals.iter().copied().peekable();
            while wanted.peek().is_some() {
                let mut sink = |cells: &[Cell<'_>]| {
                    if wanted.next_if_eq(&ordinal).is_some() {
                        rows.push(cells.iter().map(display).collect());
                    }
                    ordinal += 1;
                    Ok(if wanted.peek().is_some() {
                        Flow::Continue
                    } else {
                        Flow::Pause
                    })
                };
                if !reader.pump(&mut sink)? {
                    break;
                }
            }
            Ok(rows)
        })
        .into_python()
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
    /// Ends the scans that count here.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

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
        self.shared.stop();
    }
}

/// Adds this room's names to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<RowStream>()?;
    module.add_class::<Progress>()
}
