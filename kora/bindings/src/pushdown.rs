//! Bindings: the local side of a push-down comparison, and the counters of a line.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use kora_core::cell::Cell;
use kora_core::error::{Error, Result};
use kora_core::program::{ColumnTally, Profile, Side};
use kora_core::pushdown::beside::BesideDigester;
use kora_core::pushdown::{BucketSums, Digests, RowDigester, Sums, Within, LISTED_BYTES};
use kora_core::readers::line;
use kora_core::rows::Flow;
use kora_core::second_pass::RowCollector;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::digests::{parse, DigestKey, Row};
use crate::errors::IntoPython;
use crate::rows::{Progress, RowStream};
use crate::scans::{scan, Watch};

/// Bytes that connections sent and received over TCP.
#[pyclass(module = "kora._core", frozen)]
#[derive(Default)]
pub struct LineBytes {
    /// Shared with every connection that counts into it.
    pub shared: Arc<line::LineBytes>,
}

#[pymethods]
impl LineBytes {
    #[new]
    fn new() -> Self {
        Self::default()
    }
    #[getter]
    fn sent(&self) -> u64 {
        self.shared.sent()
    }
    #[getter]
    fn received(&self) -> u64 {
        self.shared.received()
    }
}

/// A set of rows: how many, and the sums of their digests' four words.
type Summed = (u64, [i128; 4]);

/// One side's rows by bucket.
#[pyclass(module = "kora._core", frozen)]
pub struct PushdownSums {
    inner: BucketSums,
    tallies: String,
}

#[pymethods]
impl PushdownSums {
    #[getter]
    fn total(&self) -> Summed {
        summed(&self.inner.total)
    }
    #[getter]
    fn buckets(&self) -> Vec<(u32, u64, i128)> {
        let buckets = self.inner.buckets.iter();
        buckets
            .map(|(number, sums)| (*number, sums.rows, sums.words[0]))
            .collect()
    }
    #[getter]
    fn tallies(&self) -> &str {
        &self.tallies
    }
}

fn summed(sums: &Sums) -> Summed {
    (sums.rows, sums.words)
}

/// Number of hex digits, and the buckets of so many that are asked for.
type Asked = (u32, HashSet<u32>);

fn asked(within: Option<Asked>) -> Result<Option<Within>> {
    within.map(|(digits, buckets)| Within::new(digits, buckets)).transpose()
}

/// How the rows of a stream are digested.
enum Digester {
    /// All columns are read here.
    Here(Box<RowDigester>),
    /// The server digested some of them.
    Beside(Box<BesideDigester>),
}

impl Digester {
    /// `beside`: positions of the columns beside the digest, or `None` where the stream's first column is a server's
    /// digest and the profile holds the columns beside alone.
    fn new(profile: &Profile, side: Side, salt: &str, beside: Option<Vec<usize>>) -> Result<Self> {
        Ok(match beside {
            Some(beside) => Self::Here(Box::new(RowDigester::new(profile, side, salt, &beside)?)),
            None => Self::Beside(Box::new(BesideDigester::new(profile, side, salt)?)),
        })
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> Result<Digests> {
        match self {
            Self::Here(digester) => digester.row(cells),
            Self::Beside(digester) => digester.row(cells),
        }
    }

    fn last_row_bytes(&self) -> usize {
        match self {
            Self::Here(digester) => digester.last_row_bytes(),
            Self::Beside(digester) => digester.last_row_bytes(),
        }
    }

    fn tallies(&self) -> Vec<ColumnTally> {
        match self {
            Self::Here(digester) => digester.tallies(),
            Self::Beside(digester) => digester.tallies(),
        }
    }
}

#[pyfunction]
#[pyo3(signature = (stream, profile, side, salt, digits, beside, *, within=None, progress=None))]
#[allow(clippy::too_many_arguments)] // Python's signature: two of them are keywords.
fn pushdown_sums(
    py: Python<'_>,
    stream: &RowStream,
    profile: &str,
    side: &str,
    salt: &str,
    digits: u32,
    beside: Option<Vec<usize>>,
    within: Option<Asked>,
    progress: Option<&Progress>,
) -> PyResult<PushdownSums> {
    let (profile, side) = parse(profile, side)?;
    let mut digester = Digester::new(&profile, side, salt, beside).into_python()?;
    let mut sums = BucketSums::new(digits).into_python()?;
    let within = asked(within).into_python()?;
    let mut watch = Watch::new(progress);
    let reader = stream.take()?;
    py.detach(|| {
        scan(reader, &mut watch, |cells| {
            let digests = digester.row(cells)?;
            if within.as_ref().is_none_or(|within| within.holds(&digests.key)) {
                sums.add(&digests);
            }
            Ok((digester.last_row_bytes(), Flow::Continue))
        })?;
        let tallies = serde_json::to_string(&digester.tallies())
            .map_err(|problem| Error::Usage(format!("tallies that cannot be written as JSON: {problem}")))?;
        Ok(PushdownSums { inner: sums, tallies })
    })
    .into_python()
}

#[pyfunction]
#[pyo3(signature = (stream, profile, side, salt, within, limit, beside, *, progress=None))]
#[allow(clippy::too_many_arguments)] // Python's signature: one of them is a keyword.
fn pushdown_digests<'py>(
    py: Python<'py>,
    stream: &RowStream,
    profile: &str,
    side: &str,
    salt: &str,
    within: Asked,
    limit: usize,
    beside: Option<Vec<usize>>,
    progress: Option<&Progress>,
) -> PyResult<Vec<(Bound<'py, PyBytes>, u64)>> {
    let (profile, side) = parse(profile, side)?;
    let mut digester = Digester::new(&profile, side, salt, beside).into_python()?;
    let within = Within::new(within.0, within.1).into_python()?;
    let mut watch = Watch::new(progress);
    let reader = stream.take()?;
    let parts = matches!(digester, Digester::Beside(_));
    let mut found: BTreeMap<[u8; 3 * LISTED_BYTES], u64> = BTreeMap::new();
    py.detach(|| {
        scan(reader, &mut watch, |cells| {
            let digests = digester.row(cells)?;
            if within.holds(&digests.key) {
                let mut listed = [0; 3 * LISTED_BYTES];
                listed[..LISTED_BYTES].copy_from_slice(&digests.key[..LISTED_BYTES]);
                listed[LISTED_BYTES..2 * LISTED_BYTES].copy_from_slice(&digests.row[..LISTED_BYTES]);
                if let Digester::Beside(digester) = &digester {
                    listed[2 * LISTED_BYTES..].copy_from_slice(digester.part());
                }
                *found.entry(listed).or_default() += 1;
                if found.len() > limit {
                    return Err(Error::Limit(format!("more than {limit} different rows to list")));
                }
            }
            Ok((digester.last_row_bytes(), Flow::Continue))
        })
    })
    .into_python()?;
    let length = if parts { 3 } else { 2 } * LISTED_BYTES;
    let told = found
        .iter()
        .map(|(listed, copies)| (PyBytes::new(py, &listed[..length]), *copies));
    Ok(told.collect())
}

#[pyfunction]
#[pyo3(signature = (stream, profile, side, key, salt, keys, beside, *, progress=None))]
#[allow(clippy::too_many_arguments)] // Python's signature: one of them is a keyword.
fn pushdown_rows(
    py: Python<'_>,
    stream: &RowStream,
    profile: &str,
    side: &str,
    key: &DigestKey,
    salt: &str,
    keys: HashSet<[u8; LISTED_BYTES]>,
    beside: Vec<usize>,
    progress: Option<&Progress>,
) -> PyResult<Vec<Row>> {
    let (profile, side) = parse(profile, side)?;
    let mut digester = RowDigester::new(&profile, side, salt, &beside).into_python()?;
    let mut collector = RowCollector::new(&profile, side, &key.inner, None, usize::MAX).into_python()?;
    let mut watch = Watch::new(progress);
    let reader = stream.take()?;
    let rows = py.detach(|| {
        scan(reader, &mut watch, |cells| {
            let digests = digester.row(cells)?;
            if digests.key.first_chunk().is_some_and(|start| keys.contains(start)) {
                collector.row(cells)?;
            }
            Ok((digester.last_row_bytes(), Flow::Continue))
        })?;
        Ok(collector.finish())
    });
    Ok(rows.into_python()?.into_iter().map(|inner| Row { inner }).collect())
}

/// Adds this room's names to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<LineBytes>()?;
    module.add_class::<PushdownSums>()?;
    module.add_function(wrap_pyfunction!(pushdown_sums, module)?)?;
    module.add_function(wrap_pyfunction!(pushdown_digests, module)?)?;
    module.add_function(wrap_pyfunction!(pushdown_rows, module)?)
}
