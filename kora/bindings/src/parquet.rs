//! Bindings: `parquet_rows`.
use crate::errors::IntoPython;
use crate::rows::RowStream;
use kora_core::readers::parquet::{ParquetRows, Span, Wanted};
use pyo3::prelude::*;
use std::path::PathBuf;

#[pyfunction]
fn parquet_rows(
    py: Python<'_>,
    files: Vec<(PathBuf, Option<Vec<Span>>)>,
    columns: Vec<(String, String)>,
) -> PyResult<RowStream> {
    let wanted = files.into_iter().map(|(path, spans)| Wanted { path, spans }).collect();
    let rows = py.detach(|| ParquetRows::open(wanted, &columns)).into_python()?;
    Ok(RowStream::new(Box::new(rows)))
}

/// Adds this room's names to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(parquet_rows, module)?)
}
