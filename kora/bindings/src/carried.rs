//! Bindings: the parts of a fingerprint file, made from rows and compared with each other.

use std::fs::{File, OpenOptions};
use std::path::PathBuf;

use kora_core::carried::buckets::BucketSums;
use kora_core::carried::difference::{by_key, Counts, KeyDifference};
use kora_core::carried::pass::{known_tier, CarriedOptions, CarriedPart, CarriedPass};
use kora_core::carried::records::{join, BucketSet, RecordList};
use kora_core::carried::sketch::{self, CarriedSketch, Reconciled};
use kora_core::carried::{element, pass};
use kora_core::error::{Error, Result};
use kora_core::program::RowProgram;
use kora_core::spill::SortRoom;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::digests::{parse, DigestKey};
use crate::errors::IntoPython;
use crate::rows::{Progress, RowStream};
use crate::scans::{scan_canonical, tallies_json, Lanes};

type Bytes<'py> = Bound<'py, PyBytes>;
type Digests<'py> = Vec<(Bytes<'py>, u64)>;

/// One table of a fingerprint file.
#[pyclass(module = "kora._core", frozen)]
pub struct CarriedDigest {
    inner: pass::CarriedDigest,
    tallies: String,
}

#[pymethods]
impl CarriedDigest {
    #[getter]
    fn row_count(&self) -> u64 {
        self.inner.row_count
    }
    #[getter]
    fn root<'py>(&self, py: Python<'py>) -> Bytes<'py> {
        PyBytes::new(py, &self.inner.root)
    }
    #[getter]
    fn tallies(&self) -> &str {
        &self.tallies
    }
    fn bucket_section<'py>(&self, py: Python<'py>) -> Option<Bytes<'py>> {
        let buckets = self.inner.buckets.as_ref()?;
        Some(PyBytes::new(py, &buckets.to_section()))
    }
    fn sketch_section<'py>(&self, py: Python<'py>) -> Option<Bytes<'py>> {
        let sketch = self.inner.sketch.as_ref()?;
        Some(PyBytes::new(py, &sketch.to_section()))
    }
    #[pyo3(signature = (path, buckets=None))]
    fn append_list(&self, py: Python<'_>, path: PathBuf, buckets: Option<Vec<u16>>) -> PyResult<u64> {
        let buckets = bucket_set(buckets).into_python()?;
        py.detach(|| {
            let file = OpenOptions::new().append(true).open(&path);
            let file = file.map_err(|source| Error::Scratch {
                folder: path.clone(),
                source,
            })?;
            let mut writer = std::io::BufWriter::with_capacity(1 << 20, file);
            self.inner.write_list(&buckets, &mut writer, &path)
        })
        .into_python()
    }
}

fn bucket_set(buckets: Option<Vec<u16>>) -> Result<BucketSet> {
    buckets.map_or(Ok(BucketSet::ALL), |buckets| BucketSet::of(&buckets))
}

#[pyfunction]
#[pyo3(signature = (stream, profile, side, key, *, tier, symbols, unique=false, spill_directory=None, progress=None))]
#[allow(clippy::too_many_arguments)] // Python's signature: five of them are keywords.
fn carry_rows(
    py: Python<'_>,
    stream: &RowStream,
    profile: &str,
    side: &str,
    key: &DigestKey,
    tier: u8,
    symbols: usize,
    unique: bool,
    spill_directory: Option<PathBuf>,
    progress: Option<&Progress>,
) -> PyResult<CarriedDigest> {
    let (profile, side) = parse(profile, side)?;
    let lanes = Lanes::of(stream, progress)?;
    let options = CarriedOptions {
        tier: known_tier(tier).into_python()?,
        symbols,
        unique,
        room: SortRoom::new(spill_directory.as_deref()).shared_by(lanes.count()),
    };
    py.detach(|| {
        let parts = lanes.scan(|lane, watch| {
            let mut pass = CarriedPass::new(&profile, &key.inner, &options);
            let program = RowProgram::new(&profile, side)?;
            let tallies = scan_canonical(lane, program, watch, |row, key| pass.row(row, key))?;
            Ok((pass.finish_part()?, tallies))
        })?;
        let (parts, tallies) = parts.into_iter().unzip();
        Ok(CarriedDigest {
            inner: CarriedPart::whole(parts)?,
            tallies: tallies_json(tallies)?,
        })
    })
    .into_python()
}

#[pyfunction]
fn differing_buckets(py: Python<'_>, source: &[u8], target: &[u8]) -> PyResult<Vec<u16>> {
    py.detach(|| Ok(BucketSums::from_section(source)?.differing(&BucketSums::from_section(target)?)))
        .into_python()
}

/// Rows that stand on one side only, by key.
#[pyclass(module = "kora._core", frozen)]
pub struct CarriedDifference {
    decoded: bool,
    counts: Counts,
    keys: Vec<KeyDifference>,
    omitted: u64,
}

#[pymethods]
impl CarriedDifference {
    #[getter]
    fn decoded(&self) -> bool {
        self.decoded
    }
    #[getter]
    fn mismatch(&self) -> u64 {
        self.counts.mismatch
    }
    #[getter]
    fn missing_in_target(&self) -> u64 {
        self.counts.missing_in_target
    }
    #[getter]
    fn extra_in_target(&self) -> u64 {
        self.counts.extra_in_target
    }
    #[getter]
    fn omitted(&self) -> u64 {
        self.omitted
    }
    #[getter]
    fn keys<'py>(&self, py: Python<'py>) -> Vec<(Bytes<'py>, Digests<'py>, Digests<'py>)> {
        let digests = |rows: &[([u8; 16], u64)]| -> Digests<'py> {
            rows.iter()
                .map(|(half, count)| (PyBytes::new(py, half), *count))
                .collect()
        };
        let keys = self.keys.iter();
        keys.map(|key| (PyBytes::new(py, &key.tag), digests(&key.source), digests(&key.target)))
            .collect()
    }
}

#[pyfunction]
fn reconcile_sketches(py: Python<'_>, source: &[u8], target: &[u8]) -> PyResult<CarriedDifference> {
    py.detach(|| {
        let source = CarriedSketch::from_section(source)?;
        let (decoded, found) = match source.reconcile(&CarriedSketch::from_section(target)?)? {
            Reconciled::Decoded(found) => (true, found),
            Reconciled::NotDecoded(partial) => (false, partial),
        };
        let keys = by_key(&found);
        let mut counts = Counts::default();
        keys.iter().for_each(|key| counts.add(key.counts()));
        Ok(CarriedDifference {
            decoded,
            counts,
            keys,
            omitted: 0,
        })
    })
    .into_python()
}

/// Where a list of rows stands: file, first byte, length in bytes.
type Place = (PathBuf, u64, u64);

fn open_list((path, offset, length): Place) -> Result<RecordList> {
    let file = File::open(&path).map_err(|source| Error::File {
        path: path.clone(),
        source,
    })?;
    RecordList::open(file, path, offset, length)
}

#[pyfunction]
fn join_lists(py: Python<'_>, source: Place, target: Place, limit: usize) -> PyResult<CarriedDifference> {
    py.detach(|| {
        let joined = join(open_list(source)?, open_list(target)?, limit)?;
        Ok(CarriedDifference {
            decoded: true,
            counts: joined.counts,
            keys: joined.keys,
            omitted: joined.omitted,
        })
    })
    .into_python()
}

#[pyfunction]
fn symbols_for(elements: u64) -> usize {
    sketch::symbols_for(elements)
}

/// Adds this room's names to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<CarriedDigest>()?;
    module.add_class::<CarriedDifference>()?;
    module.add("CARRIED_BUCKETS", element::BUCKETS)?;
    module.add("CARRIED_SYMBOLS", sketch::SYMBOLS_DEFAULT)?;
    module.add("CARRIED_SYMBOLS_LIMIT", sketch::SYMBOLS_LIMIT)?;
    module.add_function(wrap_pyfunction!(carry_rows, module)?)?;
    module.add_function(wrap_pyfunction!(differing_buckets, module)?)?;
    module.add_function(wrap_pyfunction!(reconcile_sketches, module)?)?;
    module.add_function(wrap_pyfunction!(join_lists, module)?)?;
    module.add_function(wrap_pyfunction!(symbols_for, module)?)
}
