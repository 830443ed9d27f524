//! Bindings: a MariaDB or MySQL reading session and the rows of its queries.
use crate::errors::{to_python, IntoPython};
use crate::pushdown::LineBytes;
use crate::rows::RowStream;
use kora_core::error::Result;
use kora_core::readers::line::hold;
use kora_core::readers::mysql::sealed::ServerKey;
use kora_core::readers::mysql::{Connection, RowsReader, Settings};
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

/// A reading session.
#[pyclass(module = "kora._core", frozen)]
pub struct MysqlConnection {
    shared: Arc<Mutex<Connection>>,
}

impl MysqlConnection {
    fn held(&self) -> Result<MutexGuard<'_, Connection>> {
        hold(&self.shared)
    }
}

#[pymethods]
impl MysqlConnection {
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
        let rows = py.detach(|| self.held()?.query(sql)).into_python()?;
        rows.into_iter().map(|row| PyTuple::new(py, row)).collect()
    }

    /// The first result with rows of a CALL, or the next one.
    #[pyo3(signature = (call=None))]
    fn results(&self, py: Python<'_>, call: Option<&str>) -> PyResult<Option<RowStream>> {
        let shared = Arc::clone(&self.shared);
        let reader = py.detach(|| RowsReader::results(shared, call)).into_python()?;
        Ok(reader.map(|reader| RowStream::new(Box::new(reader))))
    }

    /// Whether no stream of rows holds it: a `RowsReader` owns a second reference until it is dropped.
    #[getter]
    fn idle(&self) -> bool {
        Arc::strong_count(&self.shared) == 1
    }

    #[getter]
    fn server_version(&self) -> PyResult<String> {
        let held = self.held().into_python()?;
        Ok(held.server_version().to_owned())
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

/// Streams a SELECT in the binary protocol.
#[pyfunction]
fn mysql_rows(py: Python<'_>, connection: &MysqlConnection, query: &str, types: Vec<String>) -> PyResult<RowStream> {
    let shared = Arc::clone(&connection.shared);
    let reader = py
        .detach(|| RowsReader::start(shared, query, &types))
        .map_err(to_python)?;
    Ok(RowStream::new(Box::new(reader)))
}

/// A password as only the server with this public key can open it.
#[pyfunction]
fn mysql_sealed_password(password: &str, challenge: &[u8], key_path: PathBuf) -> PyResult<Vec<u8>> {
    let sealed = ServerKey::read(&key_path).and_then(|key| key.seal(password, challenge));
    sealed.map(|bytes| bytes.to_vec()).into_python()
}

/// Adds this room's names to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<MysqlConnection>()?;
    module.add_function(wrap_pyfunction!(mysql_sealed_password, module)?)?;
    module.add_function(wrap_pyfunction!(mysql_rows, module)?)
}
