//! Maps every [`kora_core::error::Error`] to one exception of `kora.errors`.
use kora_core::error::Error;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

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
        Error::File { .. } => ("FileProblem", None),
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
                None => class.call1((message.as_str(),)),
            });
        match made {
            Ok(instance) => PyErr::from_value(instance),
            Err(failure) => PyRuntimeError::new_err(format!("{message} (and {failure})")),
        }
    })
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
