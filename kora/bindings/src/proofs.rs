//! Bindings: row trees and their proofs, signed notes and transparency logs.

use std::path::PathBuf;

use kora_core::canon::{decode_cells, decode_row, DecodedCell};
use kora_core::error::{Error, Result};
use kora_core::key_text::key_candidates;
use kora_core::log_files::LogFolder;
use kora_core::program::RowProgram;
use kora_core::row_tree::{self, RowTreePass};
use kora_core::spill::SortRoom;
use kora_seal::certificate::{CertifiedTree, Checker};
use kora_seal::encoding::digest_from_hex;
use kora_seal::envelope::PublicKey;
use kora_seal::note::{Checkpoint, NoteKey};
use kora_seal::row_proof::{Evidence, RowProof};
use kora_seal::tiles;
use kora_seal::tlog_proof::{self, TlogProof};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::digests::{parse, DigestKey};
use crate::errors::{to_python, IntoPython, SealIntoPython};
use crate::rows::{Progress, RowStream};
use crate::scans::{scan_canonical, Watch};

type Bytes<'py> = Bound<'py, PyBytes>;
/// Source, target, leaves, root in hex, the proof key's commitment in hex.
type Claim = (String, String, u64, String, String);

/// A table under one Merkle root.
#[pyclass(module = "kora._core", frozen)]
pub struct RowTree {
    inner: row_tree::RowTree,
}

#[pymethods]
impl RowTree {
    #[getter]
    fn size(&self) -> u64 {
        self.inner.size
    }
    #[getter]
    fn root<'py>(&self, py: Python<'py>) -> Bytes<'py> {
        PyBytes::new(py, &self.inner.root)
    }
    #[getter]
    fn key_commitment<'py>(&self, py: Python<'py>) -> Bytes<'py> {
        PyBytes::new(py, &self.inner.key_commitment())
    }
    fn proof_key<'py>(&self, py: Python<'py>) -> Bytes<'py> {
        PyBytes::new(py, self.inner.proof_key())
    }
    fn prove<'py>(&self, py: Python<'py>, source: &str, target: &str) -> PyResult<Bytes<'py>> {
        let proof = py.detach(|| self.inner.prove(source, target)).into_python()?;
        Ok(PyBytes::new(py, &proof.to_bytes()))
    }
}

#[pyfunction]
#[pyo3(signature = (stream, profile, side, key, *, unique=false, wanted=None, spill_directory=None, progress=None))]
#[allow(clippy::too_many_arguments)] // Python's signature: four of them are keywords.
fn build_row_tree(
    py: Python<'_>,
    stream: &RowStream,
    profile: &str,
    side: &str,
    key: &DigestKey,
    unique: bool,
    wanted: Option<Vec<(String, String)>>,
    spill_directory: Option<PathBuf>,
    progress: Option<&Progress>,
) -> PyResult<RowTree> {
    let (profile, side) = parse(profile, side)?;
    let program = RowProgram::new(&profile, side).into_python()?;
    let wanted = match wanted {
        Some(parts) => wanted_keys(&parts, unique && !profile.key.is_empty()).into_python()?,
        None => Vec::new(),
    };
    let room = SortRoom::new(spill_directory.as_deref());
    let mut pass = RowTreePass::new(&profile, &key.inner, unique, wanted, &room);
    let mut watch = Watch::new(progress);
    let reader = stream.take()?;
    py.detach(|| {
        scan_canonical(reader, program, &mut watch, |row, key| pass.row(row, key))?;
        Ok(RowTree { inner: pass.finish()? })
    })
    .into_python()
}

/// The canonical keys that the texts may mean; of a table without a key the canonical rows.
fn wanted_keys(parts: &[(String, String)], keyed: bool) -> Result<Vec<Vec<u8>>> {
    let mut keys = key_candidates(parts)?;
    if !keyed {
        for key in &mut keys {
            let length = u32::try_from(key.len()).map_err(|_| Error::Limit("a row of 4 GiB or more".into()))?;
            key.splice(..0, length.to_le_bytes());
        }
    }
    Ok(keys)
}

/// Kind of proof, source, target, multiplicity, the row's or the absent key's cells.
type Proven = (&'static str, String, String, u64, Vec<DecodedCell>);

#[pyfunction]
#[pyo3(signature = (data, what, trees, proof_key=None))]
fn check_row_proof(data: &[u8], what: &str, trees: Vec<Claim>, proof_key: Option<&[u8]>) -> PyResult<Proven> {
    let wrong = |_| to_python(Error::Usage("a proof key has 32 bytes".into()));
    let proof_key: Option<[u8; 32]> = proof_key.map(|key| key.try_into().map_err(wrong)).transpose()?;
    let proof = RowProof::read(data, what).sealed()?;
    let claims = trees.into_iter().map(|claim| certified(claim).sealed());
    let claims = claims.collect::<PyResult<Vec<_>>>()?;
    let claim = claims
        .iter()
        .find(|claim| claim.source == proof.source && claim.target == proof.target);
    let unknown = || {
        let why = format!(
            "the certificate vouches for no row tree of {} and {}",
            proof.source, proof.target
        );
        to_python(Error::NotAuthentic(why))
    };
    proof.check(claim.ok_or_else(unknown)?, proof_key.as_ref()).sealed()?;
    let (kind, copies, cells) = match &proof.evidence {
        Evidence::Inclusion { row, place, .. } => ("inclusion", place.leaf.multiplicity, decode_row(row)),
        Evidence::Absence { key, .. } => ("absence", 0, decode_cells(key).or_else(|_| decode_row(key))),
    };
    Ok((kind, proof.source, proof.target, copies, cells.into_python()?))
}

fn certified((source, target, size, root, key_commitment): Claim) -> kora_seal::error::Result<CertifiedTree> {
    Ok(CertifiedTree {
        source,
        target,
        size,
        root: digest_from_hex(root.as_bytes(), "the certificate")?,
        key_commitment: digest_from_hex(key_commitment.as_bytes(), "the certificate")?,
    })
}

#[pyfunction]
fn log_key(origin: &str, public: &[u8]) -> PyResult<String> {
    let wrong = |_| to_python(Error::Usage("a public key has 32 bytes".into()));
    let key = NoteKey::new(origin, public.try_into().map_err(wrong)?).sealed()?;
    Ok(key.to_text())
}

#[pyfunction]
fn log_create(folder: PathBuf, origin: &str, signing_key: &[u8]) -> PyResult<()> {
    tiles::create(&mut LogFolder::new(&folder), origin, signing_key).sealed()
}

#[pyfunction]
fn log_entry<'py>(py: Python<'py>, sha256: &str) -> Bytes<'py> {
    PyBytes::new(py, &tlog_proof::entry_of_digest(sha256))
}

#[pyfunction]
fn log_append(
    py: Python<'_>,
    folder: PathBuf,
    log_key: &str,
    signing_key: &[u8],
    entries: Vec<Vec<u8>>,
) -> PyResult<u64> {
    let key = NoteKey::from_text(log_key, "the log's key").sealed()?;
    py.detach(|| tiles::append(&mut LogFolder::new(&folder), &key, signing_key, &entries))
        .sealed()
}

#[pyfunction]
fn log_find(py: Python<'_>, folder: PathBuf, log_key: &str, entry: &[u8]) -> PyResult<Option<u64>> {
    let key = NoteKey::from_text(log_key, "the log's key").sealed()?;
    py.detach(|| tiles::find(&LogFolder::new(&folder), &key, entry))
        .sealed()
}

#[pyfunction]
fn log_prove<'py>(py: Python<'py>, folder: PathBuf, log_key: &str, index: u64) -> PyResult<Bytes<'py>> {
    let key = NoteKey::from_text(log_key, "the log's key").sealed()?;
    let proof = tiles::prove(&LogFolder::new(&folder), &key, index).sealed()?;
    Ok(PyBytes::new(py, &proof.to_bytes()))
}

#[pyfunction]
#[pyo3(signature = (folder, log_key, retained=None))]
fn log_check(py: Python<'_>, folder: PathBuf, log_key: &str, retained: Option<&[u8]>) -> PyResult<(u64, String)> {
    let key = NoteKey::from_text(log_key, "the log's key").sealed()?;
    let state = py
        .detach(|| tiles::check(&LogFolder::new(&folder), &key, retained))
        .sealed()?;
    Ok((state.size, kora_core::seal::hex(&state.root)))
}

#[pyfunction]
fn log_checkpoint(note: &[u8], what: &str, log_key: &str) -> PyResult<(String, u64, String)> {
    let key = NoteKey::from_text(log_key, "the log's key").sealed()?;
    let state = Checkpoint::open(note, &key, what).sealed()?;
    Ok((state.origin, state.size, kora_core::seal::hex(&state.root)))
}

#[pyfunction]
fn check_log_proof<'py>(
    py: Python<'py>,
    data: &[u8],
    what: &str,
    entry: &[u8],
    log_key: &str,
) -> PyResult<(u64, Bytes<'py>)> {
    let key = NoteKey::from_text(log_key, "the log's key").sealed()?;
    let proof = TlogProof::read(data, what).sealed()?;
    proof.check(entry, &key, what).sealed()?;
    Ok((proof.index, PyBytes::new(py, &proof.checkpoint)))
}

#[pyfunction]
#[pyo3(signature = (data, what, keys, threshold=None))]
fn check_certificate(
    data: &[u8],
    what: &str,
    keys: Vec<Vec<u8>>,
    threshold: Option<usize>,
) -> PyResult<(Option<String>, u8)> {
    let wrong = |_| to_python(Error::Usage("a public key has 32 bytes".into()));
    let keys = keys
        .into_iter()
        .map(|key| key.try_into().map(PublicKey::new).map_err(wrong));
    let checker = Checker::new(keys.collect::<PyResult<_>>()?, threshold).sealed()?;
    let checked = checker.check(data, what).sealed()?;
    Ok((checked.verdict, checked.exit_code))
}

/// Adds this room's names to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<RowTree>()?;
    module.add_function(wrap_pyfunction!(build_row_tree, module)?)?;
    module.add_function(wrap_pyfunction!(check_row_proof, module)?)?;
    module.add_function(wrap_pyfunction!(check_certificate, module)?)?;
    module.add_function(wrap_pyfunction!(log_key, module)?)?;
    module.add_function(wrap_pyfunction!(log_create, module)?)?;
    module.add_function(wrap_pyfunction!(log_entry, module)?)?;
    module.add_function(wrap_pyfunction!(log_append, module)?)?;
    module.add_function(wrap_pyfunction!(log_find, module)?)?;
    module.add_function(wrap_pyfunction!(log_prove, module)?)?;
    module.add_function(wrap_pyfunction!(log_check, module)?)?;
    module.add_function(wrap_pyfunction!(log_checkpoint, module)?)?;
    module.add_function(wrap_pyfunction!(check_log_proof, module)?)
}
