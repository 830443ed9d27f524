//! Bindings: a PostgreSQL reading session and the rows of its queries.
use crate::errors::{to_python, IntoPython};
use crate::pushdown::LineBytes;
use crate::rows::RowStream;
use kora_core::error::Result;
use kora_core::readers::line::hold;
use kora_core::readers::postgres::{Connection, CopyReader, Settings, TextRow, Value};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};
use pyo3::IntoPyObjectExt;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

/// A reading session.
#[pyclass(module = "kora._core", frozen)]
pub struct PostgresConnection {
    shared: Arc<Mutex<Connection>>,
}

impl PostgresConnection {
    fn held(&self) -> Result<MutexGuard<'_, Connection>> {
        hold(&self.shared)
    }
}

#[pymethods]
impl PostgresConnection {
    #[new]
    #[pyo3(signature = (settings, line=None))]
    fn new(py: Python<'_>, settings: HashMap<String, String>, line: Option<&LineBytes>) -> PyResult<Self> {
        let mut settings = Settings::from_pairs(settings).into_python()?;
        if let Some(line) = line {
            settings.line = Arc::clone(&line.shared);
        }
        let connection = py.detach(|| Connection::open(&settings)).into_python()?;
        Ok(Self {
            shared: Arc::new(Mutex::new(connection)),
        })
    }

    fn execute(&self, py: Python<'_>, sql: &str) -> PyResult<()> {
        py.detach(|| self.held()?.execute(sql)).into_python()
    }

    fn query<'py>(&self, py: Python<'py>, sql: &str) -> PyResult<Vec<Bound<'py, PyTuple>>> {
        let answer = py.detach(|| self.held()?.query(sql)).into_python()?;
        let row = |row: TextRow| {
            let values = row.into_iter().zip(&answer.types).map(|(text, oid)| {
                let value = Value::parse(*oid, text).into_python()?;
                to_object(py, value)
            });
            PyTuple::new(py, values.collect::<PyResult<Vec<_>>>()?)
        };
        answer.rows.into_iter().map(row).collect()
    }

    /// The types of the columns that a SELECT gives, by their OIDs, also where it gives no row.
    fn column_types(&self, py: Python<'_>, sql: &str) -> PyResult<Vec<u32>> {
        let answer = py.detach(|| self.held()?.query(sql)).into_python()?;
        Ok(answer.types)
    }

    /// Whether no stream of rows holds it: a `CopyReader` owns a second reference until it is dropped.
    #[getter]
    fn idle(&self) -> bool {
        Arc::strong_count(&self.shared) == 1
    }

    /// Waits for a statement or a stream that is running in another thread.
    fn close(&self, py: Python<'_>) {
        py.detach(|| {
            if let Ok(mut connection) = self.shared.lock() {
                connection.close();
            }
        });
    }
}

fn to_object(py: Python<'_>, value: Value) -> PyResult<Bound<'_, PyAny>> {
    match value {
        Value::Null => Ok(py.None().into_bound(py)),
        Value::Bool(value) => value.into_bound_py_any(py),
        Value::Int(value) => value.into_bound_py_any(py),
        Value::Float(value) => value.into_bound_py_any(py),
        Value::Text(value) => value.into_bound_py_any(py),
        Value::Bytes(value) => PyBytes::new(py, &value).into_bound_py_any(py),
        Value::Array(values) => {
            let values = values.into_iter().map(|value| to_object(py, value));
            PyList::new(py, values.collect::<PyResult<Vec<_>>>()?)?.into_bound_py_any(py)
        }
    }
}

/// Streams a SELECT as COPY BINARY.
#[pyfunction]
fn postgres_rows(
    py: Python<'_>,
    connection: &PostgresConnection,
    query: &str,
    types: Vec<String>,
) -> PyResult<RowStream> {
    let shared = Arc::clone(&connection.shared);
    let reader = py
        .detach(|| CopyReader::start(shared, query, &types))
        .map_err(to_python)?;
    Ok(RowStream::new(Box::new(reader)))
}

/// Adds this room's names to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PostgresConnection>()?;
    module.add_function(wrap_pyfunction!(postgres_rows, module)?)
}
