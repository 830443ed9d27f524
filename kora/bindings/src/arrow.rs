//! Bindings: Arrow streams in and out, through the Arrow PyCapsule interface alone.
use crate::errors::{to_python, IntoPython};
use crate::rows::RowStream;
use kora_core::error::{Error, Result};
use kora_core::readers::arrow::{refused, ArrowRows, FFI_ArrowArrayStream};
use kora_core::rows::{RowReader, RowSink};
use kora_core::writers::arrow::ArrowRowsBatch;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyCapsuleMethods, PyIterator};
use std::ffi::CStr;
use std::sync::{Mutex, PoisonError};

const CAPSULE: &CStr = c"arrow_array_stream";

/// A reader that is let go with the GIL held: the producer's release callback may own Python objects.
struct Attached(Option<ArrowRows>);

impl RowReader for Attached {
    fn column_count(&self) -> usize {
        self.0.as_ref().map_or(0, RowReader::column_count)
    }

    fn pump(&mut self, sink: &mut dyn RowSink) -> Result<bool> {
        self.0.as_mut().map_or(Ok(false), |rows| rows.pump(sink))
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        let rows = self.0.take();
        // After the interpreter's end the process is going anyway; leaking is the safe choice.
        match Python::try_attach(|_| ()) {
            Some(()) => Python::attach(|_| drop(rows)),
            None => std::mem::forget(rows),
        }
    }
}

/// Two sides are read at once. A window of large rows takes several times its size until it was taken over: one at a
/// time does so.
static FETCHING: Mutex<()> = Mutex::new(());

/// Several streams one after the other, each asked for when the one before it has ended.
struct Windows {
    streams: Option<Py<PyIterator>>,
    taken: Option<Py<PyAny>>,
    types: Vec<String>,
    current: Attached,
}

impl Windows {
    /// Opens the next stream; `false` after the last.
    fn open_next(&mut self) -> Result<bool> {
        self.current = Attached(None);
        let Some(streams) = &self.streams else { return Ok(false) };
        // The lock guards no data: one that a panic left behind is as good as new.
        let _alone = self
            .taken
            .as_ref()
            .map(|_| FETCHING.lock().unwrap_or_else(PoisonError::into_inner));
        let opened = Python::attach(|python| match streams.bind(python).clone().next() {
            Some(stream) => opened(&stream?, &self.types).map(Some),
            None => Ok(None),
        });
        let failed = |error: PyErr| refused("duckdb", error.to_string());
        self.current = Attached(opened.map_err(failed)?);
        let Some(rows) = &mut self.current.0 else {
            return Ok(false);
        };
        // A window is one batch as a rule: what the query holds beside it is free before its rows are looked at.
        if let Some(producer) = rows.take_ahead()? {
            let told = Python::attach(|python| {
                drop(producer);
                self.taken
                    .as_ref()
                    .map_or(Ok(()), |taken| taken.call0(python).map(drop))
            });
            told.map_err(failed)?;
        }
        Ok(true)
    }
}

impl RowReader for Windows {
    fn column_count(&self) -> usize {
        self.types.len()
    }

    fn pump(&mut self, sink: &mut dyn RowSink) -> Result<bool> {
        loop {
            if self.current.0.is_none() && !self.open_next()? {
                return Ok(false);
            }
            if self.current.pump(sink)? {
                return Ok(true);
            }
            self.current = Attached(None);
        }
    }
}

impl Drop for Windows {
    fn drop(&mut self) {
        let held = (self.streams.take(), self.taken.take());
        match Python::try_attach(|_| ()) {
            Some(()) => Python::attach(|_| drop(held)),
            None => std::mem::forget(held),
        }
    }
}

#[pyfunction]
#[pyo3(signature = (streams, types, taken = None))]
fn arrow_windows(
    streams: &Bound<'_, PyAny>,
    types: Vec<String>,
    taken: Option<Bound<'_, PyAny>>,
) -> PyResult<RowStream> {
    ArrowRows::check_types(&types).into_python()?;
    Ok(RowStream::new(Box::new(Windows {
        streams: Some(streams.try_iter()?.unbind()),
        taken: taken.map(Bound::unbind),
        types,
        current: Attached(None),
    })))
}

#[pyfunction]
fn arrow_rows(stream: &Bound<'_, PyAny>, types: Vec<String>) -> PyResult<RowStream> {
    Ok(RowStream::new(Box::new(Attached(Some(opened(stream, &types)?)))))
}

/// Takes the Arrow stream out of what offers one.
fn opened(stream: &Bound<'_, PyAny>, types: &[String]) -> PyResult<ArrowRows> {
    let capsule = stream.call_method0("__arrow_c_stream__")?;
    let capsule = capsule
        .cast::<PyCapsule>()
        .map_err(|_| to_python(Error::Usage("__arrow_c_stream__ did not give a PyCapsule".to_owned())))?;
    let pointer = capsule.pointer_checked(Some(CAPSULE))?.cast::<FFI_ArrowArrayStream>();
    // SAFETY: a capsule of this name holds an initialised C stream, which it lets the consumer move out.
    unsafe { ArrowRows::from_pointer(pointer.as_ptr(), types) }.into_python()
}

/// Rows for DuckDB. Each call of `__arrow_c_stream__` gives a fresh stream over the same memory.
#[pyclass(module = "kora._core", frozen)]
pub struct ArrowStream {
    batch: ArrowRowsBatch,
}

impl ArrowStream {
    /// Wraps finished rows.
    pub fn new(batch: ArrowRowsBatch) -> Self {
        Self { batch }
    }
}

#[pymethods]
impl ArrowStream {
    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // A requested schema is a wish that a producer may leave unheard; the layout here is the exact one.
        let _ = requested_schema;
        PyCapsule::new_with_value(py, self.batch.stream(), CAPSULE)
    }
}

/// Adds this room's names to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(arrow_rows, module)?)?;
    module.add_function(wrap_pyfunction!(arrow_windows, module)?)?;
    module.add_class::<ArrowStream>()
}
