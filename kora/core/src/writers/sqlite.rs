//! Encodes rows for sqlite.
