//! Reads memory.
