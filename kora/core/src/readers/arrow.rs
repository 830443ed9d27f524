//! Reads arrow.
