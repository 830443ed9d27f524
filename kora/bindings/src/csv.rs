//! Bindings: `CsvFile` and `zip_members`.
use crate::errors::IntoPython;
use crate::rows::RowStream;
use kora_core::readers::csv::dialect::Wanted;
use kora_core::readers::csv::{source, CsvFile as File};
use pyo3::prelude::*;
use std::path::PathBuf;

/// One CSV file, plain or a member of a zip.
#[pyclass(module = "kora._core", frozen)]
pub struct CsvFile {
    inner: File,
}

#[pymethods]
impl CsvFile {
    #[new]
    #[pyo3(signature = (path, member = None, *, delimiter = None, quote = None, encoding = None, header = None))]
    fn new(
        py: Python<'_>,
        path: PathBuf,
        member: Option<&str>,
        delimiter: Option<String>,
        quote: Option<String>,
        encoding: Option<&str>,
        header: Option<bool>,
    ) -> PyResult<Self> {
        let wanted = Wanted {
            delimiter,
            quote,
            header,
        };
        let inner = py
            .detach(|| File::open(&path, member, &wanted, encoding))
            .into_python()?;
        Ok(Self { inner })
    }
    #[getter]
    fn delimiter(&self) -> String {
        char::from(self.inner.dialect.cut.delimiter).to_string()
    }
    #[getter]
    fn quote(&self) -> String {
        self.inner
            .dialect
            .cut
            .quote
            .map(char::from)
            .map(String::from)
            .unwrap_or_default()
    }
    #[getter]
    fn encoding(&self) -> String {
        self.inner.encoding()
    }
    #[getter]
    fn newline(&self) -> &'static str {
        self.inner.dialect.newline
    }
    #[getter]
    fn header(&self) -> bool {
        self.inner.dialect.header
    }
    #[getter]
    fn columns(&self) -> Vec<String> {
        self.inner.columns.clone()
    }
    #[getter]
    fn sha256(&self) -> String {
        self.inner.sha256.clone()
    }

    #[pyo3(signature = (columns = None))]
    fn rows(&self, columns: Option<Vec<usize>>) -> PyResult<RowStream> {
        Ok(RowStream::new(Box::new(
            self.inner.rows(columns.as_deref()).into_python()?,
        )))
    }
}

#[pyfunction]
fn zip_members(py: Python<'_>, path: PathBuf) -> PyResult<Vec<(String, u64)>> {
    py.detach(|| source::zip_members(&path)).into_python()
}

/// Adds this room's names to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<CsvFile>()?;
    module.add_function(wrap_pyfunction!(zip_members, module)?)
}
