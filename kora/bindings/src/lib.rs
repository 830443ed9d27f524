//! The only crate that knows Python: thin conversion, the GIL released around every long call, and the error mapping.
pub mod answers;
pub mod arrow;
pub mod carried;
pub mod csv;
pub mod digests;
pub mod errors;
pub mod loader;
pub mod mysql;
pub mod parquet;
pub mod pieces;
pub mod postgres;
pub mod proofs;
pub mod pushdown;
pub mod rows;
pub mod scans;
pub mod seals;
pub mod sqlite;
pub mod survey;
pub mod tally;

use pyo3::prelude::*;

#[pyfunction]
fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(version, module)?)?;
    rows::register(module)?;
    pieces::register(module)?;
    sqlite::register(module)?;
    postgres::register(module)?;
    mysql::register(module)?;
    csv::register(module)?;
    parquet::register(module)?;
    arrow::register(module)?;
    digests::register(module)?;
    pushdown::register(module)?;
    answers::register(module)?;
    carried::register(module)?;
    survey::register(module)?;
    tally::register(module)?;
    loader::register(module)?;
    proofs::register(module)?;
    seals::register(module)
}
