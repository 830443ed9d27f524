//! Every way in which the core can fail, with what and where in the message.

use std::io::ErrorKind;
use std::path::PathBuf;

/// The core's result.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong. The bindings map each variant to one Python exception; there is no catch-all.
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
    /// Temporary data could not be written, or not be read back.
    #[error("{folder}: temporary data cannot be kept there: {source}")]
    Scratch {
        /// Where they were to be.
        folder: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not what it should be: damaged, encrypted, truncated, of another format.
    #[error("{path}: {reason}")]
    Malformed {
        /// Which file, or which stream.
        path: String,
        /// What was expected and what stood there.
        reason: String,
    },
    /// A server or engine refused a statement.
    #[error("{engine}: {message}")]
    Engine {
        /// `sqlite`, `postgresql` …
        engine: &'static str,
        /// SQLSTATE or the engine's own code.
        code: String,
        /// The engine's words.
        message: String,
    },
    /// The line to a server broke, or it could not be reached.
    #[error("{engine}: connection lost or refused: {message}")]
    Connection {
        /// Which engine.
        engine: &'static str,
        /// Why.
        message: String,
    },
    /// The server refused the login, or its certificate did not hold.
    #[error("{engine}: {message}")]
    Denied {
        /// Which engine.
        engine: &'static str,
        /// Why.
        message: String,
    },
    /// The engine's bytes contradict its protocol.
    #[error("{engine}: unexpected data: {message}")]
    Protocol {
        /// Which engine.
        engine: &'static str,
        /// What was seen.
        message: String,
    },
    /// A column's kind is not one that the core can decode.
    #[error("column {column}: {type_name} cannot be compared")]
    Unsupported {
        /// Position, from 0, or name.
        column: String,
        /// The engine's type.
        type_name: String,
    },
    /// A program, profile or key was ill-formed: the caller's mistake.
    #[error("{0}")]
    Usage(String),
    /// A signature or digest does not hold.
    #[error("not authentic: {0}")]
    NotAuthentic(String),
    /// A stated limit was exceeded.
    #[error("limit exceeded: {0}")]
    Limit(String),
    /// What the caller's own code raised while it was asked for more rows: handed back to it as it is.
    #[error("{0}")]
    Caller(Box<dyn std::error::Error + Send + Sync>),
    /// The caller asked to stop.
    #[error("stopped")]
    Stopped,
}

impl Error {
    /// Whether a disk or a user's share of it is full: what passes once there is room.
    pub fn is_disk_full(&self) -> bool {
        match self {
            Self::File { source, .. } | Self::Scratch { source, .. } => {
                matches!(source.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
            }
            _ => false,
        }
    }
}
