//! Every way in which a check can be refused, with what and where in the message.

use std::path::PathBuf;

/// A check's result.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a file was refused. The core maps each variant to one of its own; there is no catch-all.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not what it should be: damaged, truncated, of another format or spelling.
    #[error("{what}: {reason}")]
    Malformed {
        /// Which file or part.
        what: String,
        /// What was expected and what stood there.
        reason: String,
    },
    /// A signature or digest does not hold.
    #[error("not authentic: {0}")]
    NotAuthentic(String),
    /// A stated limit was exceeded.
    #[error("limit exceeded: {0}")]
    Limit(String),
    /// The caller's mistake: no key given, a key of the wrong length.
    #[error("{0}")]
    Usage(String),
}

impl Error {
    /// [`Error::Malformed`] from its two parts.
    pub fn malformed(what: &str, reason: impl Into<String>) -> Self {
        Self::Malformed {
            what: what.into(),
            reason: reason.into(),
        }
    }
}
