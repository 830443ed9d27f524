//! Reads PostgreSQL: the wire, the login, and COPY BINARY.
//!
//! A [`Connection`] is opened with [`Settings`] in libpq's words; a [`CopyReader`] streams one query's rows from it.
pub mod connection;
pub mod copy;
pub mod login;
pub(crate) mod nested;
pub mod numeric;
pub mod reply;
pub mod settings;
pub mod types;
pub mod values;
pub mod wire;

pub use connection::{Answer, Connection, TextRow};
pub use copy::CopyReader;
pub use settings::Settings;
pub use values::Value;
