//! Readers: each engine's own binary protocol or file format, decoded into [`crate::cell::Cell`]s.
pub mod arrow;
pub mod csv;
pub mod line;
pub mod memory;
pub mod mysql;
pub mod parquet;
pub mod postgres;
pub mod sqlite;
