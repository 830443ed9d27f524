//! Writers: wire encodings only. A connection that writes is opened by the appliance alone.
pub mod arrow;
pub mod mysql_load_data;
pub mod postgres_copy;
pub mod sqlite;
