//! Bindings: keys, table digests, the exact second pass and the rows that a finding shows. The GIL is released while
//! rows are read.

use std::collections::HashSet;
use std::path::PathBuf;

use kora_core::digest::{RawDigester, RootOptions, TablePart, TablePass};
use kora_core::error::{Error, Result};
use kora_core::program::{Profile, RowProgram, Side};
use kora_core::row_tree::{RowTreePart, RowTreePass};
use kora_core::rows::Flow;
use kora_core::second_pass::{KeyTag, RowCollector, SpillPass};
use kora_core::spill::SortRoom;
use kora_core::{canon, digest, keys, record_join, second_pass, set_hash};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors::{to_python, IntoPython};
use crate::rows::{Progress, RowStream};
use crate::scans::{scan, scan_canonical, scan_digest, tallies_json, Lanes, Watch};

type Bytes<'py> = Bound<'py, PyBytes>;

/// 32 secret bytes from which all keys of one comparison derive.
#[pyclass(module = "kora._core", frozen)]
pub struct DigestKey {
    /// The core's key.
    pub inner: keys::DigestKey,
}

#[pymethods]
impl DigestKey {
    #[new]
    fn new(key: &[u8]) -> PyResult<Self> {
        Ok(Self {
            inner: keys::DigestKey::new(key).into_python()?,
        })
    }

    #[staticmethod]
    fn random() -> PyResult<Self> {
        Ok(Self {
            inner: keys::DigestKey::random().into_python()?,
        })
    }

    #[getter]
    fn key_id(&self) -> String {
        self.inner.key_id()
    }
}

fn side(name: &str) -> Result<Side> {
    match name {
        "source" => Ok(Side::Source),
        "target" => Ok(Side::Target),
        other => Err(Error::Usage(format!("a side is 'source' or 'target', not {other:?}"))),
    }
}

pub(crate) fn parse(profile: &str, name: &str) -> PyResult<(Profile, Side)> {
    Ok((Profile::from_json(profile).into_python()?, side(name).into_python()?))
}

/// One side of one table pair: what a pass over its rows left behind.
#[pyclass(module = "kora._core", frozen)]
pub struct TableDigest {
    inner: digest::TableDigest,
    tallies: String,
    tree: Option<TreeFacts>,
}

/// A row tree's leaves, root and the proof key's commitment.
type TreeFacts = (u64, [u8; 32], [u8; 32]);

#[pymethods]
impl TableDigest {
    #[getter]
    fn row_count(&self) -> u64 {
        self.inner.row_count
    }
    #[getter]
    fn byte_count(&self) -> u64 {
        self.inner.byte_count
    }
    #[getter]
    fn live_sum<'py>(&self, py: Python<'py>) -> Bytes<'py> {
        PyBytes::new(py, &self.inner.live_sum)
    }
    #[getter]
    fn root<'py>(&self, py: Python<'py>) -> Option<Bytes<'py>> {
        self.inner.root.as_ref().map(|root| PyBytes::new(py, root))
    }
    #[getter]
    fn tallies(&self) -> &str {
        &self.tallies
    }
    #[getter]
    fn tree<'py>(&self, py: Python<'py>) -> Option<(u64, Bytes<'py>, Bytes<'py>)> {
        let (size, root, commitment) = self.tree.as_ref()?;
        Some((*size, PyBytes::new(py, root), PyBytes::new(py, commitment)))
    }
}

#[pyfunction]
#[pyo3(signature = (stream, profile, side, key, *, root_key=None, tree_unique=None, spill_directory=None, progress=None))]
#[allow(clippy::too_many_arguments)] // Python's signature: four of them are keywords.
fn digest_rows(
    py: Python<'_>,
    stream: &RowStream,
    profile: &str,
    side: &str,
    key: &DigestKey,
    root_key: Option<&DigestKey>,
    tree_unique: Option<bool>,
    spill_directory: Option<PathBuf>,
    progress: Option<&Progress>,
) -> PyResult<TableDigest> {
    let (profile, side) = parse(profile, side)?;
    if tree_unique.is_some() && root_key.is_none() {
        return Err(to_python(Error::Usage(
            "a row tree is made under the root's key".into(),
        )));
    }
    let lanes = Lanes::of(stream, progress)?;
    let tree_room = SortRoom::new(spill_directory.as_deref()).shared_by(lanes.count());
    let root = root_key.map(|key| RootOptions {
        key: key.inner.clone(),
        room: SortRoom {
            folder: Some(spill_directory.unwrap_or_else(std::env::temp_dir)),
            ..tree_room.clone()
        },
    });
    let (key, root_key) = (&key.inner, root_key.map(|key| &key.inner));
    py.detach(|| {
        let parts = lanes.scan(|lane, watch| {
            let mut pass = TablePass::new(&profile, key, root.clone());
            let mut tree = tree_unique
                .zip(root_key)
                .map(|(unique, key)| RowTreePass::new(&profile, key, unique, Vec::new(), &tree_room));
            let tallies = scan_digest(lane, RowProgram::new(&profile, side)?, watch, &mut pass, &mut tree)?;
            Ok((pass.finish_part()?, tree.map(RowTreePass::finish_part), tallies))
        })?;
        let (mut digests, mut leaves, mut tallies) = (Vec::new(), Vec::new(), Vec::new());
        for (digest, tree, tally) in parts {
            digests.push(digest);
            leaves.extend(tree);
            tallies.push(tally);
        }
        let tree = (!leaves.is_empty()).then(|| RowTreePart::whole(leaves)).transpose()?;
        Ok(TableDigest {
            inner: TablePart::whole(digests)?,
            tallies: tallies_json(tallies)?,
            tree: tree.map(|tree| (tree.size, tree.root, tree.key_commitment())),
        })
    })
    .into_python()
}

/// What two digests under one key and profile say about each other.
#[pyclass(module = "kora._core", frozen)]
pub struct Difference {
    inner: digest::Difference,
}

#[pymethods]
impl Difference {
    #[getter]
    fn equal(&self) -> bool {
        self.inner.equal
    }
    #[getter]
    fn decoded(&self) -> bool {
        self.inner.decoded
    }
    #[getter]
    fn source_keys<'py>(&self, py: Python<'py>) -> Vec<Bytes<'py>> {
        self.inner.source_keys.iter().map(|key| PyBytes::new(py, key)).collect()
    }
    #[getter]
    fn target_keys<'py>(&self, py: Python<'py>) -> Vec<Bytes<'py>> {
        self.inner.target_keys.iter().map(|key| PyBytes::new(py, key)).collect()
    }
    fn explains(&self, source_digest_sum: &[u8], target_digest_sum: &[u8]) -> PyResult<bool> {
        let (source, target) = (thirty_two(source_digest_sum)?, thirty_two(target_digest_sum)?);
        Ok(self.inner.explains(&source, &target))
    }
}

fn thirty_two(bytes: &[u8]) -> PyResult<set_hash::Digest> {
    let wrong = |_| Error::Usage(format!("a digest has 32 bytes, not {}", bytes.len()));
    bytes.try_into().map_err(wrong).into_python()
}

#[pyfunction]
fn compare_digests(py: Python<'_>, source: &TableDigest, target: &TableDigest) -> PyResult<Difference> {
    let inner = py
        .detach(|| digest::Difference::between(&source.inner, &target.inner))
        .into_python()?;
    Ok(Difference { inner })
}

/// Key and row digests of one side, for the exact second pass.
#[pyclass(module = "kora._core", frozen)]
pub struct RowSpill {
    inner: second_pass::RowSpill,
}

#[pymethods]
impl RowSpill {
    #[getter]
    fn row_count(&self) -> u64 {
        self.inner.row_count()
    }

    fn keys_of<'py>(&self, py: Python<'py>, tags: Vec<KeyTag>) -> Vec<Option<Bytes<'py>>> {
        let keys = tags.iter().map(|tag| self.inner.key_of(tag));
        keys.map(|key| key.map(|key| PyBytes::new(py, key))).collect()
    }
}

#[pyfunction]
#[pyo3(signature = (stream, profile, side, key, directory, *, progress=None))]
fn spill_rows(
    py: Python<'_>,
    stream: &RowStream,
    profile: &str,
    side: &str,
    key: &DigestKey,
    directory: PathBuf,
    progress: Option<&Progress>,
) -> PyResult<RowSpill> {
    let (profile, side) = parse(profile, side)?;
    let lanes = Lanes::of(stream, progress)?;
    let room = SortRoom::new(Some(&directory)).shared_by(lanes.count());
    py.detach(|| {
        let parts = lanes.scan(|lane, watch| {
            let mut pass = SpillPass::new(&profile, &key.inner, &room);
            scan_canonical(lane, RowProgram::new(&profile, side)?, watch, |row, key| {
                pass.row(row, key)
            })?;
            pass.finish()
        })?;
        Ok(RowSpill {
            inner: second_pass::RowSpill::merged(parts)?,
        })
    })
    .into_python()
}

/// How two spills differ, counted exactly.
#[pyclass(module = "kora._core", frozen)]
pub struct SpillDifference {
    inner: record_join::SpillDifference,
}

#[pymethods]
impl SpillDifference {
    #[getter]
    fn mismatch(&self) -> u64 {
        self.inner.mismatch
    }
    #[getter]
    fn missing_in_target(&self) -> u64 {
        self.inner.missing_in_target
    }
    #[getter]
    fn extra_in_target(&self) -> u64 {
        self.inner.extra_in_target
    }
    #[getter]
    fn samples<'py>(&self, py: Python<'py>) -> Vec<(&'static str, Bytes<'py>, u64, u64)> {
        let samples = self.inner.samples.iter();
        samples
            .map(|found| {
                (
                    found.outcome.name(),
                    PyBytes::new(py, &found.key_tag),
                    found.source_rows,
                    found.target_rows,
                )
            })
            .collect()
    }
}

#[pyfunction]
fn compare_spills(py: Python<'_>, source: &RowSpill, target: &RowSpill, limit: usize) -> PyResult<SpillDifference> {
    let inner = py.detach(|| source.inner.compare(&target.inner, limit)).into_python()?;
    Ok(SpillDifference { inner })
}

/// One row held in memory.
#[pyclass(module = "kora._core", frozen)]
pub struct Row {
    /// The core's row.
    pub inner: second_pass::Row,
}

#[pymethods]
impl Row {
    #[getter]
    fn key<'py>(&self, py: Python<'py>) -> Bytes<'py> {
        PyBytes::new(py, &self.inner.key)
    }
    #[getter]
    fn key_tag<'py>(&self, py: Python<'py>) -> Bytes<'py> {
        PyBytes::new(py, &self.inner.key_tag)
    }
    #[getter]
    fn digest<'py>(&self, py: Python<'py>) -> Bytes<'py> {
        PyBytes::new(py, &self.inner.digest)
    }
    #[getter]
    fn cells<'py>(&self, py: Python<'py>) -> Vec<Bytes<'py>> {
        let cells = self.inner.cells.iter();
        cells.map(|cell| PyBytes::new(py, &cell.bytes)).collect()
    }
    #[getter]
    fn long(&self) -> Vec<Option<&'static str>> {
        self.inner.cells.iter().map(|cell| cell.long).collect()
    }
    #[getter]
    fn copies(&self) -> u64 {
        self.inner.copies
    }
    #[getter]
    fn stored(&self) -> Vec<(&'static str, Option<String>)> {
        let stored = self.inner.stored.iter();
        stored.map(|value| (value.kind, value.text.clone())).collect()
    }
    #[getter]
    fn cut<'py>(&self, py: Python<'py>) -> Vec<Option<(u64, Bytes<'py>)>> {
        let wholes = self.inner.stored.iter().map(|value| value.whole);
        wholes
            .map(|whole| whole.map(|whole| (whole.byte_count, PyBytes::new(py, &whole.sha256))))
            .collect()
    }
}

#[pyfunction]
#[pyo3(signature = (stream, profile, side, key, *, key_tags=None, carried_tags=None, limit=None, progress=None))]
#[allow(clippy::too_many_arguments)] // Python's signature: four of them are keywords.
fn collect_rows(
    py: Python<'_>,
    stream: &RowStream,
    profile: &str,
    side: &str,
    key: &DigestKey,
    key_tags: Option<Vec<Vec<u8>>>,
    carried_tags: Option<HashSet<[u8; 8]>>,
    limit: Option<usize>,
    progress: Option<&Progress>,
) -> PyResult<Vec<Row>> {
    let (profile, side) = parse(profile, side)?;
    let wanted = key_tags.map(wanted_tags).transpose()?;
    let limit = limit.unwrap_or(usize::MAX);
    let mut collector = RowCollector::new(&profile, side, &key.inner, wanted, limit).into_python()?;
    if let Some(tags) = carried_tags {
        collector = collector.only_carried(tags);
    }
    let mut watch = Watch::new(progress);
    let reader = stream.take()?;
    let rows = py.detach(|| {
        scan(reader, &mut watch, |cells| {
            collector.row(cells)?;
            let flow = if collector.is_full() {
                Flow::Pause
            } else {
                Flow::Continue
            };
            Ok((collector.last_row_bytes(), flow))
        })?;
        Ok(collector.finish())
    });
    Ok(rows.into_python()?.into_iter().map(|inner| Row { inner }).collect())
}

fn wanted_tags(tags: Vec<Vec<u8>>) -> PyResult<HashSet<KeyTag>> {
    let wrong = |tag: Vec<u8>| Error::Usage(format!("a key tag has 16 bytes, not {}", tag.len()));
    let tags: Result<HashSet<KeyTag>> = tags.into_iter().map(|tag| tag.try_into().map_err(wrong)).collect();
    tags.into_python()
}

#[pyfunction]
fn decode_cells(cells: &[u8]) -> PyResult<Vec<(&'static str, Option<String>)>> {
    canon::decode_cells(cells).into_python()
}

#[pyfunction]
fn set_digest<'py>(py: Python<'py>, digests: Vec<Vec<u8>>) -> PyResult<Bytes<'py>> {
    let digests: Vec<set_hash::Digest> = digests
        .iter()
        .map(|digest| thirty_two(digest))
        .collect::<PyResult<_>>()?;
    Ok(PyBytes::new(py, &set_hash::set_digest(&digests)))
}

#[pyfunction]
#[pyo3(signature = (stream, key, *, progress=None))]
fn raw_digest<'py>(
    py: Python<'py>,
    stream: &RowStream,
    key: &DigestKey,
    progress: Option<&Progress>,
) -> PyResult<(u64, Bytes<'py>)> {
    let mut digester = RawDigester::new(&key.inner);
    let mut watch = Watch::new(progress);
    let reader = stream.take()?;
    let (rows, sum) = py
        .detach(|| {
            scan(reader, &mut watch, |cells| {
                digester.row(cells)?;
                Ok((digester.last_row_bytes(), Flow::Continue))
            })?;
            digester.finish()
        })
        .into_python()?;
    Ok((rows, PyBytes::new(py, &sum)))
}

/// Adds this room's names to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<DigestKey>()?;
    module.add_class::<TableDigest>()?;
    module.add_class::<Difference>()?;
    module.add_class::<RowSpill>()?;
    module.add_class::<SpillDifference>()?;
    module.add_class::<Row>()?;
    module.add_function(wrap_pyfunction!(digest_rows, module)?)?;
    module.add_function(wrap_pyfunction!(compare_digests, module)?)?;
    module.add_function(wrap_pyfunction!(spill_rows, module)?)?;
    module.add_function(wrap_pyfunction!(compare_spills, module)?)?;
    module.add_function(wrap_pyfunction!(collect_rows, module)?)?;
    module.add_function(wrap_pyfunction!(decode_cells, module)?)?;
    module.add_function(wrap_pyfunction!(set_digest, module)?)?;
    module.add_function(wrap_pyfunction!(raw_digest, module)?)
}
