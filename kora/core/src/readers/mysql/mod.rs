//! Reads MariaDB and MySQL: packets, the login, and rows of the binary protocol.
//!
//! A [`Connection`] is opened with [`Settings`] in the words of MySQL's clients; a [`RowsReader`] streams one query's
//! rows from it. Sources: MariaDB documentation, "Client/Server Protocol"; MySQL Internals, "Client/Server Protocol".
pub mod auth;
pub mod charsets;
pub mod connection;
pub mod decoder;
pub mod login;
pub mod reply;
pub mod rows;
pub mod sealed;
pub mod settings;
pub mod single_byte;
pub mod types;
pub mod values;
pub mod wire;

pub use connection::Connection;
pub use rows::RowsReader;
pub use settings::Settings;
