//! The one SQLite of this process: connections, and rows read by storage class.
//!
//! [`connection`] owns a handle behind a lock; [`statement`] is the only place that talks to SQLite's C interface about
//! statements; [`rows`] streams an answer; [`failure`] turns SQLite's result codes into this crate's errors. What a
//! column was declared as is of no interest here: a value's storage class says what it is.
pub mod connection;
pub mod failure;
pub mod rows;
pub mod statement;

pub use connection::{Mode, SqliteConnection};
pub use rows::SqliteRows;
