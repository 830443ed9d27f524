//! Reads sqlite.
