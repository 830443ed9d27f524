//! Reads csv.
