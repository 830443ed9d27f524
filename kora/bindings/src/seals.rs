//! Bindings: signing keys, DSSE signatures and SHA-256.

use std::path::PathBuf;

use kora_core::seal;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors::SealIntoPython;

#[pyfunction]
fn generate_signing_key(py: Python<'_>) -> PyResult<Bound<'_, PyBytes>> {
    Ok(PyBytes::new(py, &seal::generate_signing_key().sealed()?))
}

#[pyfunction]
fn public_key<'py>(py: Python<'py>, signing_key: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    Ok(PyBytes::new(py, &seal::public_key(signing_key).sealed()?))
}

#[pyfunction]
fn key_id(public: &[u8]) -> String {
    seal::key_id(public)
}

#[pyfunction]
fn sign<'py>(py: Python<'py>, signing_key: &[u8], payload_type: &str, payload: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    Ok(PyBytes::new(
        py,
        &seal::sign(signing_key, payload_type, payload).sealed()?,
    ))
}

#[pyfunction]
fn verify_signature(public: &[u8], payload_type: &str, payload: &[u8], signature: &[u8]) -> bool {
    seal::verify(public, payload_type, payload, signature)
}

#[pyfunction]
fn pre_authentication_encoding<'py>(py: Python<'py>, payload_type: &str, payload: &[u8]) -> Bound<'py, PyBytes> {
    PyBytes::new(py, &seal::pre_authentication_encoding(payload_type, payload))
}

#[pyfunction]
fn sha256(data: &[u8]) -> String {
    seal::sha256(data)
}

#[pyfunction]
fn sha256_file(py: Python<'_>, path: PathBuf) -> PyResult<String> {
    py.detach(|| seal::sha256_file(&path)).sealed()
}

/// Adds this room's names to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(generate_signing_key, module)?)?;
    module.add_function(wrap_pyfunction!(public_key, module)?)?;
    module.add_function(wrap_pyfunction!(key_id, module)?)?;
    module.add_function(wrap_pyfunction!(sign, module)?)?;
    module.add_function(wrap_pyfunction!(verify_signature, module)?)?;
    module.add_function(wrap_pyfunction!(pre_authentication_encoding, module)?)?;
    module.add_function(wrap_pyfunction!(sha256, module)?)?;
    module.add_function(wrap_pyfunction!(sha256_file, module)?)
}
