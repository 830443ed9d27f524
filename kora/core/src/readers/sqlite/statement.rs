//! A prepared statement over SQLite's C interface: binding, stepping, and cells that point into SQLite's own memory.
//!
//! Row objects would copy and check every value twice; here a cell costs two or three calls. All functions are called
//! with the connection's lock held, which is what makes the handles safe to share between threads.

use super::failure::failure;
use crate::cell::Cell;
use crate::error::{Error, Result};
use rusqlite::ffi;
use std::ffi::c_int;
use std::path::Path;
use std::ptr::{null_mut, NonNull};

/// How long bound text and bytes stay where they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Borrow {
    /// SQLite keeps a copy.
    Copied,
    /// The caller keeps them until the statement is reset.
    UntilReset,
}

/// How a database keeps its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8.
    Utf8,
    /// UTF-16, low byte first.
    Utf16Le,
    /// UTF-16, high byte first.
    Utf16Be,
}

/// What one step gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A row stands ready.
    Row,
    /// The statement has run to its end.
    Done,
}

/// A prepared statement. It is finalized by [`Statement::finalize`], under the connection's lock, and never on drop.
pub struct Statement {
    raw: NonNull<ffi::sqlite3_stmt>,
    columns: c_int,
    encoding: Encoding,
}

// SAFETY: the connection is opened without SQLite's own mutex, and whoever holds a `Statement` uses it only while
// holding the connection's lock: one thread at a time, which is SQLite's "multi-thread" mode.
unsafe impl Send for Statement {}

impl Statement {
    /// Prepares the first statement of `sql`; gives it and the bytes it took. `None` for blanks and comments alone.
    ///
    /// # Safety
    /// `database` is an open handle and its lock is held.
    pub unsafe fn prepare(database: *mut ffi::sqlite3, sql: &str, path: &Path) -> Result<(Option<Self>, usize)> {
        if sql.contains('\0') {
            return Err(Error::Usage("a SQL statement holds a NUL character".to_owned()));
        }
        let length = c_int::try_from(sql.len()).map_err(|_| Error::Limit("a SQL statement above 2 GiB".to_owned()))?;
        let mut raw = null_mut();
        let mut tail = std::ptr::null();
        let code = ffi::sqlite3_prepare_v2(database, sql.as_ptr().cast(), length, &mut raw, &mut tail);
        if code != ffi::SQLITE_OK {
            return Err(failure(database, code, path));
        }
        let used = if tail.is_null() {
            sql.len()
        } else {
            tail as usize - sql.as_ptr() as usize
        };
        let made = NonNull::new(raw).map(|raw| Self {
            raw,
            columns: ffi::sqlite3_column_count(raw.as_ptr()),
            encoding: Encoding::Utf8,
        });
        Ok((made, used))
    }

    /// Reads the database's encoding, so that text in it is judged by its own rules.
    ///
    /// # Safety
    /// `database` is this statement's open handle and its lock is held.
    pub unsafe fn learn_encoding(&mut self, database: *mut ffi::sqlite3, path: &Path) -> Result<()> {
        let (Some(mut pragma), _) = Self::prepare(database, "PRAGMA encoding", path)? else {
            return Ok(());
        };
        let learnt = pragma.step(path).and_then(|step| {
            if step == Step::Row {
                pragma.cell(0)
            } else {
                Ok(Cell::Null)
            }
        });
        let encoding = learnt.map(|cell| match cell {
            Cell::Text("UTF-16le") => Encoding::Utf16Le,
            Cell::Text("UTF-16be") => Encoding::Utf16Be,
            _ => Encoding::Utf8,
        });
        pragma.finalize();
        self.encoding = encoding?;
        Ok(())
    }

    /// Columns of its answer; 0 where it has none.
    pub fn column_count(&self) -> usize {
        usize::try_from(self.columns).unwrap_or(0)
    }

    /// How many values it wants bound.
    ///
    /// # Safety
    /// The connection's lock is held.
    pub unsafe fn parameter_count(&self) -> usize {
        usize::try_from(ffi::sqlite3_bind_parameter_count(self.raw.as_ptr())).unwrap_or(0)
    }

    /// Binds parameter `index` (from 0). `Some(reason)` where SQLite has no exact form for the cell.
    ///
    /// # Safety
    /// The connection's lock is held, and with [`Borrow::UntilReset`] the cell's bytes outlive the next reset.
    pub unsafe fn bind(
        &mut self,
        index: usize,
        cell: &Cell<'_>,
        borrow: Borrow,
        path: &Path,
    ) -> Result<Option<String>> {
        let position = c_int::try_from(index + 1).unwrap_or(c_int::MAX);
        let raw = self.raw.as_ptr();
        let keep = if borrow == Borrow::Copied {
            ffi::SQLITE_TRANSIENT()
        } else {
            ffi::SQLITE_STATIC()
        };
        let code = match cell {
            Cell::Null => ffi::sqlite3_bind_null(raw, position),
            Cell::Int(value) => match i64::try_from(*value) {
                Ok(value) => ffi::sqlite3_bind_int64(raw, position, value),
                Err(_) => return Ok(Some(format!("the integer {value} does not fit SQLite's 64 bits"))),
            },
            Cell::Float(value) if value.is_nan() => return Ok(Some("SQLite stores NaN as NULL".to_owned())),
            Cell::Float(value) => ffi::sqlite3_bind_double(raw, position, *value),
            Cell::Text(text) => {
                let encoding = ffi::SQLITE_UTF8 as u8;
                ffi::sqlite3_bind_text64(raw, position, text.as_ptr().cast(), text.len() as u64, keep, encoding)
            }
            Cell::Bytes([]) => ffi::sqlite3_bind_zeroblob(raw, position, 0),
            Cell::Bytes(bytes) => {
                ffi::sqlite3_bind_blob64(raw, position, bytes.as_ptr().cast(), bytes.len() as u64, keep)
            }
            Cell::Decimal {
                negative,
                coefficient,
                scale,
            } => match integral(*negative, *coefficient, *scale) {
                Some(value) => ffi::sqlite3_bind_int64(raw, position, value),
                None => {
                    return Ok(Some(
                        "SQLite has no exact decimal: no 64-bit integer equals this value".to_owned(),
                    ))
                }
            },
            other => {
                return Ok(Some(format!(
                    "SQLite has no storage class for the kind {}",
                    other.kind()
                )))
            }
        };
        match code {
            ffi::SQLITE_OK => Ok(None),
            ffi::SQLITE_TOOBIG => Ok(Some(
                "the value is longer than SQLite allows (1,000,000,000 bytes)".to_owned(),
            )),
            code => Err(failure(ffi::sqlite3_db_handle(raw), code, path)),
        }
    }

    /// One step. The raw result code comes back as the error, so that a caller can tell a refused row from a fault.
    ///
    /// # Safety
    /// The connection's lock is held.
    pub unsafe fn try_step(&mut self) -> std::result::Result<Step, c_int> {
        match ffi::sqlite3_step(self.raw.as_ptr()) {
            ffi::SQLITE_ROW => Ok(Step::Row),
            ffi::SQLITE_DONE => Ok(Step::Done),
            code => Err(code),
        }
    }

    /// One step.
    ///
    /// # Safety
    /// The connection's lock is held.
    pub unsafe fn step(&mut self, path: &Path) -> Result<Step> {
        self.try_step()
            .map_err(|code| failure(ffi::sqlite3_db_handle(self.raw.as_ptr()), code, path))
    }

    /// SQLite's words about the connection's last failure.
    ///
    /// # Safety
    /// The connection's lock is held, and has been since the failure.
    pub unsafe fn failure(&self, code: c_int, path: &Path) -> Error {
        failure(ffi::sqlite3_db_handle(self.raw.as_ptr()), code, path)
    }

    /// The value in `column` (from 0) of the current row, by storage class.
    ///
    /// TEXT that is not well-formed in the database's own encoding comes as [`Cell::BrokenText`] with its stored bytes.
    /// A UTF-16 database's text is checked before SQLite converts it, because SQLite makes a character of any
    /// surrogate and whatever follows it.
    ///
    /// # Safety
    /// A row stands ready, the connection's lock is held, and the cell is dropped before the next step.
    #[inline]
    pub unsafe fn cell<'a>(&self, column: c_int) -> Result<Cell<'a>> {
        let raw = self.raw.as_ptr();
        Ok(match ffi::sqlite3_column_type(raw, column) {
            ffi::SQLITE_INTEGER => Cell::Int(i128::from(ffi::sqlite3_column_int64(raw, column))),
            ffi::SQLITE_FLOAT => Cell::Float(ffi::sqlite3_column_double(raw, column)),
            ffi::SQLITE_TEXT => {
                if self.encoding != Encoding::Utf8 {
                    if let Some(broken) = self.broken_utf16(column)? {
                        return Ok(broken);
                    }
                }
                // The pointer first: asking for it may convert the text, and the length is the converted one's.
                let start = ffi::sqlite3_column_text(raw, column);
                let bytes = slice(start, ffi::sqlite3_column_bytes(raw, column))?;
                match std::str::from_utf8(bytes) {
                    Ok(text) => Cell::Text(text),
                    Err(_) => Cell::BrokenText { bytes, charset: "utf8" },
                }
            }
            ffi::SQLITE_BLOB => {
                let start = ffi::sqlite3_column_blob(raw, column);
                Cell::Bytes(slice(start.cast(), ffi::sqlite3_column_bytes(raw, column))?)
            }
            _ => Cell::Null,
        })
    }

    /// The stored bytes of a UTF-16 text that has a lone surrogate or half a unit.
    #[cold]
    unsafe fn broken_utf16<'a>(&self, column: c_int) -> Result<Option<Cell<'a>>> {
        let raw = self.raw.as_ptr();
        let start = ffi::sqlite3_column_blob(raw, column);
        let bytes: &'a [u8] = slice(start.cast(), ffi::sqlite3_column_bytes(raw, column))?;
        let (decode, charset): (fn([u8; 2]) -> u16, _) = match self.encoding {
            Encoding::Utf16Be => (u16::from_be_bytes, "utf16be"),
            Encoding::Utf8 | Encoding::Utf16Le => (u16::from_le_bytes, "utf16le"),
        };
        let units = bytes.chunks_exact(2).map(|pair| decode([pair[0], pair[1]]));
        let is_whole = bytes.len() % 2 == 0 && char::decode_utf16(units).all(|unit| unit.is_ok());
        Ok(if is_whole {
            None
        } else {
            Some(Cell::BrokenText { bytes, charset })
        })
    }

    /// Fills `cells` with the current row.
    ///
    /// # Safety
    /// As [`Statement::cell`], for each of them.
    #[inline]
    pub unsafe fn row<'a>(&self, cells: &mut Vec<Cell<'a>>) -> Result<()> {
        cells.clear();
        for column in 0..self.columns {
            cells.push(self.cell(column)?);
        }
        Ok(())
    }

    /// Back to its beginning, ready to run again. A failure was already reported by the step.
    ///
    /// # Safety
    /// The connection's lock is held.
    pub unsafe fn reset(&mut self) {
        ffi::sqlite3_reset(self.raw.as_ptr());
    }

    /// Ends it and frees what it holds, its read lock included.
    ///
    /// # Safety
    /// The connection's lock is held.
    pub unsafe fn finalize(self) {
        ffi::sqlite3_finalize(self.raw.as_ptr());
    }
}

/// The 64-bit integer that a decimal equals, if there is one.
fn integral(negative: bool, coefficient: u128, scale: u32) -> Option<i64> {
    let divisor = 10u128.checked_pow(scale);
    let whole = match divisor {
        Some(divisor) if coefficient % divisor == 0 => coefficient / divisor,
        None if coefficient == 0 => 0,
        _ => return None,
    };
    let whole = i128::try_from(whole).ok()?;
    i64::try_from(if negative { -whole } else { whole }).ok()
}

/// SQLite's bytes. A null pointer stands for an empty value, or for memory that ran out where the length is not 0.
unsafe fn slice<'a>(start: *const u8, length: c_int) -> Result<&'a [u8]> {
    let length = usize::try_from(length).unwrap_or(0);
    match (start.is_null(), length) {
        (true, 0) => Ok(&[]),
        (true, _) => Err(Error::Limit(
            "SQLite ran out of memory while it handed out a value".to_owned(),
        )),
        (false, _) => Ok(std::slice::from_raw_parts(start, length)),
    }
}
