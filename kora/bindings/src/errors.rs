//! Maps every [`kora_core::error::Error`] to one exception of `kora.errors`.
use kora_core::error::Error;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// The Python exception for a core error. The variants are listed one by one on purpose.
pub fn to_python(error: Error) -> PyErr {
    let error = match error {
        Error::Caller(raised) => match raised.downcast::<PyErr>() {
            Ok(raised) => return *raised,
            Err(other) => Error::Caller(other),
        },
        other => other,
    };
    let message = error.to_string();
    let (class, code) = match &error {
        Error::File { .. } | Error::Scratch { .. } if error.is_disk_full() => ("Busy", None),
        Error::File { .. } | Error::Scratch { .. } => ("FileProblem", None),
        Error::Malformed { .. } => ("MalformedInput", None),
        Error::Engine { code, .. } => ("EngineError", Some(code.clone())),
        Error::Connection { .. } => ("ConnectionLost", None),
        Error::Denied { .. } => ("AccessDenied", None),
        Error::Protocol { .. } => ("ProtocolViolation", None),
        Error::Unsupported { .. } => ("UnsupportedType", None),
        Error::Usage(_) => ("InvalidRequest", None),
        Error::NotAuthentic(_) => ("NotAuthentic", None),
        Error::Limit(_) => ("LimitExceeded", None),
        Error::Caller(_) => ("SenseiError", None),
        Error::Stopped => ("Stopped", None),
    };
    Python::attach(|py| {
        let made = py
            .import("kora.errors")
            .and_then(|module| module.getattr(class))
            .and_then(|class| match code {
                Some(code) => class.call1((message.as_str(), code)),
                None => {
                    let given = PyDict::new(py);
                    if let Some(hint) = hint(&error) {
                        given.set_item("hint", hint)?;
                    }
                    class.call((message.as_str(),), Some(&given))
                }
            });
        match made {
            Ok(instance) => PyErr::from_value(instance),
            Err(failure) => PyRuntimeError::new_err(format!("{message} (and {failure})")),
        }
    })
}

/// What to do next, where this is better known here than by the class.
fn hint(error: &Error) -> Option<&'static str> {
    match error {
        Error::Scratch { .. } => Some(
            "free some room there, or choose another folder: SENSEI_SPILL_DIRECTORY for sorted digests, TMPDIR for the rest",
        ),
        full if full.is_disk_full() => Some("free some disk space, then go on"),
        _ => None,
    }
}

/// `?` for core results inside a binding.
pub trait IntoPython<T> {
    /// Converts the error.
    fn into_python(self) -> PyResult<T>;
}

impl<T> IntoPython<T> for kora_core::error::Result<T> {
    fn into_python(self) -> PyResult<T> {
        self.map_err(to_python)
    }
}

/// The same for results of the crate that checks seals, under another name: a closure's error type is then never open.
pub trait SealIntoPython<T> {
    /// Converts the error.
    fn sealed(self) -> PyResult<T>;
}

impl<T> SealIntoPython<T> for kora_seal::error::Result<T> {
    fn sealed(self) -> PyResult<T> {
        self.map_err(|refusal| to_python(refusal.into()))
    }
}
