//! Encodes rows for postgres_copy.
