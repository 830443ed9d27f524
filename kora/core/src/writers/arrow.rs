//! Encodes rows for arrow.
