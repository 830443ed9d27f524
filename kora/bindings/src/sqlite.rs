//! Bindings: `SqliteConnection`, `sqlite_rows`, `memory_rows`, and Python's scalars.
use crate::errors::{to_python, IntoPython};
use crate::rows::RowStream;
use kora_core::error::Error;
use kora_core::readers::memory::{MemoryRows, Scalar};
use kora_core::readers::sqlite::{Mode, SqliteConnection as Connection, SqliteRows};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyFloat, PyInt, PyString, PyTuple};
use std::path::PathBuf;

/// The one SQLite library of this process.
#[pyclass(module = "kora._core", frozen)]
pub struct SqliteConnection {
    /// The shared connection.
    pub inner: Connection,
}

#[pymethods]
impl SqliteConnection {
    #[new]
    #[pyo3(signature = (path, mode = "ro"))]
    fn new(py: Python<'_>, path: PathBuf, mode: &str) -> PyResult<Self> {
        let mode = match mode {
            "ro" => Mode::ReadOnly,
            "rw" => Mode::ReadWrite,
            "create" => Mode::Create,
            other => {
                return Err(to_python(Error::Usage(format!(
                    "mode `{other}` is none of ro, rw, create"
                ))))
            }
        };
        let inner = py.detach(|| Connection::open(&path, mode)).into_python()?;
        Ok(Self { inner })
    }

    #[pyo3(signature = (sql, parameters = Vec::new()))]
    fn query<'py>(
        &self,
        py: Python<'py>,
        sql: &str,
        parameters: Vec<PythonScalar>,
    ) -> PyResult<Vec<Bound<'py, PyTuple>>> {
        let parameters = scalars(parameters);
        let rows = py.detach(|| self.inner.query(sql, &parameters)).into_python()?;
        rows.iter()
            .map(|row| {
                PyTuple::new(
                    py,
                    row.iter()
                        .map(|value| to_object(py, value))
                        .collect::<PyResult<Vec<_>>>()?,
                )
            })
            .collect()
    }

    #[pyo3(signature = (sql, parameters = Vec::new()))]
    fn execute(&self, py: Python<'_>, sql: &str, parameters: Vec<PythonScalar>) -> PyResult<u64> {
        let parameters = scalars(parameters);
        py.detach(|| self.inner.execute(sql, &parameters)).into_python()
    }

    fn executescript(&self, py: Python<'_>, sql: &str) -> PyResult<()> {
        py.detach(|| self.inner.execute_script(sql)).into_python()
    }

    fn file_bytes<'py>(&self, py: Python<'py>, offset: u64, length: usize) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = py.detach(|| self.inner.file_bytes(offset, length)).into_python()?;
        Ok(PyBytes::new(py, &bytes))
    }

    fn interrupt(&self) {
        self.inner.interrupt();
    }

    fn close(&self, py: Python<'_>) {
        py.detach(|| self.inner.close());
    }

    #[getter]
    fn sqlite_version(&self) -> &'static str {
        Connection::version()
    }
}

/// A Python scalar as SQLite would store it: a bool is an integer.
pub struct PythonScalar(pub Scalar);

impl<'a, 'py> FromPyObject<'a, 'py> for PythonScalar {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        Ok(Self(if object.is_none() {
            Scalar::Null
        } else if let Ok(value) = object.cast::<PyBool>() {
            Scalar::Int(i128::from(value.is_true()))
        } else if object.is_instance_of::<PyInt>() {
            let value = object.extract::<i128>();
            Scalar::Int(value.map_err(|_| to_python(Error::Usage("an integer above 128 bits".to_owned())))?)
        } else if let Ok(value) = object.cast::<PyFloat>() {
            Scalar::Float(value.value())
        } else if object.is_instance_of::<PyString>() {
            Scalar::Text(object.extract()?)
        } else if let Ok(value) = object.cast::<PyBytes>() {
            Scalar::Bytes(value.as_bytes().to_vec())
        } else {
            let class = object.get_type().name()?.to_string();
            return Err(to_python(Error::Usage(format!(
                "a value of {class} is none of None, bool, int, float, str, bytes"
            ))));
        }))
    }
}

/// The values without their Python wrapper.
pub fn scalars(values: Vec<PythonScalar>) -> Vec<Scalar> {
    values.into_iter().map(|value| value.0).collect()
}

/// A value for Python; text that is not UTF-8 becomes bytes.
fn to_object<'py>(py: Python<'py>, value: &Scalar) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Scalar::Null => py.None().into_bound(py),
        Scalar::Int(value) => value.into_pyobject(py)?.into_any(),
        Scalar::Float(value) => PyFloat::new(py, *value).into_any(),
        Scalar::Text(text) => PyString::new(py, text).into_any(),
        Scalar::BrokenText(bytes) | Scalar::Bytes(bytes) => PyBytes::new(py, bytes).into_any(),
    })
}

#[pyfunction]
#[pyo3(signature = (connection, sql, parameters = Vec::new()))]
fn sqlite_rows(
    py: Python<'_>,
    connection: &SqliteConnection,
    sql: &str,
    parameters: Vec<PythonScalar>,
) -> PyResult<RowStream> {
    let parameters = scalars(parameters);
    let rows = py
        .detach(|| SqliteRows::new(&connection.inner, sql, &parameters))
        .into_python()?;
    Ok(RowStream::new(Box::new(rows)))
}

#[pyfunction]
fn memory_rows(rows: Vec<Vec<PythonScalar>>) -> PyResult<RowStream> {
    let rows: Vec<Vec<Scalar>> = rows.into_iter().map(scalars).collect();
    let columns = rows.first().map_or(0, Vec::len);
    Ok(RowStream::new(Box::new(MemoryRows::new(columns, rows).into_python()?)))
}

/// Adds this room's names to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<SqliteConnection>()?;
    module.add_function(wrap_pyfunction!(sqlite_rows, module)?)?;
    module.add_function(wrap_pyfunction!(memory_rows, module)?)
}
