//! SQLite's result codes as errors of this crate, each with the file's name and the reason.
//!
//! Source: "Result and Error Codes", sqlite.org/rescode.html.

use crate::error::Error;
use rusqlite::ffi;
use std::ffi::{c_int, CStr};
use std::path::Path;

/// The error for `code`, with the handle's own words where there is a handle.
///
/// # Safety
/// `database` is null or an open handle that no other thread uses during the call.
pub unsafe fn failure(database: *mut ffi::sqlite3, code: c_int, path: &Path) -> Error {
    let words = if database.is_null() {
        ffi::sqlite3_errstr(code)
    } else {
        ffi::sqlite3_errmsg(database)
    };
    let words = if words.is_null() {
        String::new()
    } else {
        CStr::from_ptr(words).to_string_lossy().into_owned()
    };
    from_code(code, &words, path)
}

/// The error for an extended result code and SQLite's words about it.
pub fn from_code(code: c_int, words: &str, path: &Path) -> Error {
    let engine = |reason: &str| Error::Engine {
        engine: "sqlite",
        code: code_name(code).to_owned(),
        message: format!("{}: {reason}", path.display()),
    };
    let malformed = |reason: String| Error::Malformed {
        path: path.display().to_string(),
        reason,
    };
    match code & 0xff {
        ffi::SQLITE_NOTADB => malformed("not a SQLite database, or an encrypted one".to_owned()),
        ffi::SQLITE_CORRUPT => malformed(format!("damaged or truncated SQLite database ({words})")),
        ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED => {
            engine(&format!("another program or connection holds a lock on it ({words})"))
        }
        ffi::SQLITE_FULL => engine("the disk or the database's size limit is full"),
        ffi::SQLITE_READONLY => engine(&format!("cannot be written ({words})")),
        ffi::SQLITE_CANTOPEN | ffi::SQLITE_PERM => Error::File {
            path: path.to_owned(),
            source: std::io::Error::other(format!("SQLite cannot open it or a file beside it ({words})")),
        },
        ffi::SQLITE_INTERRUPT => Error::Stopped,
        ffi::SQLITE_TOOBIG => Error::Limit(format!("{}: {words}", path.display())),
        ffi::SQLITE_MISUSE | ffi::SQLITE_RANGE => Error::Usage(format!("{}: {words}", path.display())),
        _ if words.contains("no such collation sequence") => engine(&format!(
            "{words}: the program that wrote this database brings that collation along, and it is not present here"
        )),
        _ => engine(words),
    }
}

/// SQLite's own name of a result code; the primary code's name where the extended one does not change what to do.
pub fn code_name(code: c_int) -> &'static str {
    match code {
        ffi::SQLITE_CONSTRAINT_CHECK => return "SQLITE_CONSTRAINT_CHECK",
        ffi::SQLITE_CONSTRAINT_DATATYPE => return "SQLITE_CONSTRAINT_DATATYPE",
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => return "SQLITE_CONSTRAINT_FOREIGNKEY",
        ffi::SQLITE_CONSTRAINT_NOTNULL => return "SQLITE_CONSTRAINT_NOTNULL",
        ffi::SQLITE_CONSTRAINT_PRIMARYKEY => return "SQLITE_CONSTRAINT_PRIMARYKEY",
        ffi::SQLITE_CONSTRAINT_ROWID => return "SQLITE_CONSTRAINT_ROWID",
        ffi::SQLITE_CONSTRAINT_TRIGGER => return "SQLITE_CONSTRAINT_TRIGGER",
        ffi::SQLITE_CONSTRAINT_UNIQUE => return "SQLITE_CONSTRAINT_UNIQUE",
        ffi::SQLITE_ERROR_MISSING_COLLSEQ => return "SQLITE_ERROR_MISSING_COLLSEQ",
        _ => {}
    }
    match code & 0xff {
        ffi::SQLITE_ERROR => "SQLITE_ERROR",
        ffi::SQLITE_INTERNAL => "SQLITE_INTERNAL",
        ffi::SQLITE_PERM => "SQLITE_PERM",
        ffi::SQLITE_ABORT => "SQLITE_ABORT",
        ffi::SQLITE_BUSY => "SQLITE_BUSY",
        ffi::SQLITE_LOCKED => "SQLITE_LOCKED",
        ffi::SQLITE_NOMEM => "SQLITE_NOMEM",
        ffi::SQLITE_READONLY => "SQLITE_READONLY",
        ffi::SQLITE_INTERRUPT => "SQLITE_INTERRUPT",
        ffi::SQLITE_IOERR => "SQLITE_IOERR",
        ffi::SQLITE_CORRUPT => "SQLITE_CORRUPT",
        ffi::SQLITE_FULL => "SQLITE_FULL",
        ffi::SQLITE_CANTOPEN => "SQLITE_CANTOPEN",
        ffi::SQLITE_PROTOCOL => "SQLITE_PROTOCOL",
        ffi::SQLITE_SCHEMA => "SQLITE_SCHEMA",
        ffi::SQLITE_TOOBIG => "SQLITE_TOOBIG",
        ffi::SQLITE_CONSTRAINT => "SQLITE_CONSTRAINT",
        ffi::SQLITE_MISMATCH => "SQLITE_MISMATCH",
        ffi::SQLITE_AUTH => "SQLITE_AUTH",
        ffi::SQLITE_NOTADB => "SQLITE_NOTADB",
        _ => "SQLITE_OTHER",
    }
}
