//! Bindings: what a query answered, as digests. The GIL is released while rows are read.
use kora_core::answer::{self, AnswerPass};
use kora_core::rows::Flow;
use kora_core::set_hash::Digest;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::digests::{scan, DigestKey, Watch};
use crate::errors::IntoPython;
use crate::rows::{Progress, RowStream};

type Pair<'py> = (Bound<'py, PyBytes>, Bound<'py, PyBytes>);

/// What is left of an answer.
#[pyclass(module = "kora._core", frozen)]
pub struct AnswerDigest {
    inner: answer::Answer,
}

#[pymethods]
impl AnswerDigest {
    #[getter]
    fn row_count(&self) -> u64 {
        self.inner.rows
    }
    #[getter]
    fn kinds(&self) -> Vec<Vec<&'static str>> {
        self.inner.kinds.clone()
    }
    #[getter]
    fn exact<'py>(&self, py: Python<'py>) -> Pair<'py> {
        pair(py, &self.inner.exact)
    }
    #[getter]
    fn plain<'py>(&self, py: Python<'py>) -> Pair<'py> {
        pair(py, &self.inner.plain)
    }
}

fn pair<'py>(py: Python<'py>, (set, sequence): &(Digest, Digest)) -> Pair<'py> {
    (PyBytes::new(py, set), PyBytes::new(py, sequence))
}

#[pyfunction]
#[pyo3(signature = (stream, key, order=Vec::new(), *, progress=None))]
fn digest_answer(
    py: Python<'_>,
    stream: &RowStream,
    key: &DigestKey,
    order: Vec<usize>,
    progress: Option<&Progress>,
) -> PyResult<AnswerDigest> {
    let reader = stream.take()?;
    let mut pass = AnswerPass::new(&key.inner, reader.column_count(), order).into_python()?;
    let mut watch = Watch::new(progress);
    py.detach(|| {
        scan(reader, &mut watch, |cells| Ok((pass.row(cells)?, Flow::Continue)))?;
        Ok(AnswerDigest { inner: pass.finish() })
    })
    .into_python()
}

/// Adds this room's names to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<AnswerDigest>()?;
    module.add_function(wrap_pyfunction!(digest_answer, module)?)
}
