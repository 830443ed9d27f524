//! Bindings: what a query answered, as digests. The GIL is released while rows are read.
use kora_core::answer::{self, AnswerPass};
use kora_core::answer_file::{self, Body, Entry, Half, Reading, Recorded};
use kora_core::rows::Flow;
use kora_core::set_hash::Digest;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::digests::DigestKey;
use crate::errors::IntoPython;
use crate::rows::{Progress, RowStream};
use crate::scans::{scan, Watch};

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

type PyReading = (Half, Option<Half>);
type PyBody = (u64, Vec<String>, bool, PyReading, PyReading);
type PyEntry = (String, [u8; 8], u8, String, String, Option<PyBody>);

fn reading((rows, order): PyReading) -> Reading {
    Reading { rows, order }
}

#[pyfunction]
fn pack_answers<'py>(py: Python<'py>, head: Vec<u8>, answers: Vec<PyEntry>) -> PyResult<Bound<'py, PyBytes>> {
    let entry = |(name, text, state, reason, fragile, body): PyEntry| Entry {
        name,
        text,
        state,
        reason,
        fragile,
        body: body.map(|(rows, columns, ties, exact, plain)| Body {
            rows,
            columns,
            ties,
            exact: reading(exact),
            plain: reading(plain),
        }),
    };
    let answers = answers.into_iter().map(entry).collect();
    let bytes = answer_file::encode(&Recorded { head, answers }).into_python()?;
    Ok(PyBytes::new(py, &bytes))
}

#[pyfunction]
fn unpack_answers<'py>(py: Python<'py>, body: &[u8]) -> PyResult<(Bound<'py, PyBytes>, Vec<PyEntry>)> {
    let recorded = answer_file::decode(body).into_python()?;
    let pair = |reading: Reading| (reading.rows, reading.order);
    let entry = |entry: Entry| {
        let body = entry
            .body
            .map(|body| (body.rows, body.columns, body.ties, pair(body.exact), pair(body.plain)));
        (entry.name, entry.text, entry.state, entry.reason, entry.fragile, body)
    };
    let answers = recorded.answers.into_iter().map(entry).collect();
    Ok((PyBytes::new(py, &recorded.head), answers))
}

/// Adds this room's names to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<AnswerDigest>()?;
    module.add_function(wrap_pyfunction!(digest_answer, module)?)?;
    module.add_function(wrap_pyfunction!(pack_answers, module)?)?;
    module.add_function(wrap_pyfunction!(unpack_answers, module)?)
}
