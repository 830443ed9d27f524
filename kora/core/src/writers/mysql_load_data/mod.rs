//! Encodes rows for `LOAD DATA LOCAL INFILE` of MariaDB and MySQL, and refuses what the server would change.
//!
//! The statement that reads these lines is [`CLAUSES`]: fields end at a tab, rows at a new line, and a backslash keeps
//! the five bytes that would mean something else. `CHARACTER SET binary` lets every other byte through untouched. The
//! same fields stand as they are between quotes in an `INSERT`, for servers that take no local files.
//!
//! `LOAD DATA LOCAL` behaves as `IGNORE`: too long, out of range and NULL in a NOT NULL column become warnings, which
//! the caller counts. Some changes come without even that: fractions of a second are rounded, `DECIMAL` is rounded with
//! a note, `BINARY(n)` is padded, `CHAR(n)` loses trailing blanks, `-0.0` its sign, and a label that is a number is
//! taken for a position. Those are refused here, per value and with a reason.
mod fields;
mod target;

pub use target::TargetType;

use crate::cell::Cell;
use crate::error::{Error, Result};

/// What the statement must say of the lines' form.
pub const CLAUSES: &str =
    "CHARACTER SET binary FIELDS TERMINATED BY '\\t' ENCLOSED BY '' ESCAPED BY '\\\\' LINES TERMINATED BY '\\n'";
/// A NULL. A text of these two characters has its backslash doubled.
pub const NULL: &[u8] = b"\\N";

/// A value that its column cannot hold unchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The column's position, from 0.
    pub column: usize,
    /// Why, for a person; it never quotes the value.
    pub reason: String,
}

/// Encodes the rows of one table.
#[derive(Debug)]
pub struct LoadDataEncoder {
    types: Vec<TargetType>,
}

impl LoadDataEncoder {
    /// For columns of these types, as `CREATE TABLE` spells them: `bigint unsigned`, `varchar(20)`, `datetime(6)`,
    /// `enum('a','b')`.
    ///
    /// # Errors
    /// `Unsupported` for a type that has no encoder, `Usage` for one that is misspelt.
    pub fn new<S: AsRef<str>>(types: &[S]) -> Result<Self> {
        let parsed = types
            .iter()
            .enumerate()
            .map(|(column, name)| TargetType::parse(column, name.as_ref()));
        Ok(Self {
            types: parsed.collect::<Result<_>>()?,
        })
    }

    /// Appends one line. `out` is as before where the row is refused.
    ///
    /// # Errors
    /// The first value that its column would not give back as it is.
    pub fn encode_row(&self, cells: &[Cell<'_>], out: &mut Vec<u8>) -> std::result::Result<(), Refusal> {
        let start = out.len();
        if cells.len() != self.types.len() {
            let reason = format!("a row of {} values for {} columns", cells.len(), self.types.len());
            return Err(Refusal { column: 0, reason });
        }
        for (column, (target, cell)) in self.types.iter().zip(cells).enumerate() {
            if column > 0 {
                out.push(b'\t');
            }
            let done = match cell {
                Cell::Null => {
                    out.extend_from_slice(NULL);
                    Ok(())
                }
                cell => fields::encode(target, cell, out),
            };
            if let Err(reason) = done {
                out.truncate(start);
                return Err(Refusal { column, reason });
            }
        }
        out.push(b'\n');
        Ok(())
    }
}

/// Appends lines as the pieces of an `INSERT`'s tuples: `(_binary'…',NULL),(…)`. Fields are quoted as they lie, so that
/// a large one is not copied here. The columns in `converted` are handed over as text instead of bytes, for types that
/// take no binary strings (`uuid`, and `json` of MySQL).
///
/// # Errors
/// `Usage` if the lines are not this encoder's.
pub fn insert_pieces<'a>(lines: &'a [u8], converted: &[usize], out: &mut Vec<&'a [u8]>) -> Result<()> {
    let Some(lines) = lines.strip_suffix(b"\n") else {
        return match lines {
            b"" => Ok(()),
            _ => Err(Error::Usage("lines that do not end".to_owned())),
        };
    };
    for line in lines.split(|byte| *byte == b'\n') {
        out.push(if out.is_empty() { b"(" } else { b",(" });
        for (column, field) in line.split(|byte| *byte == b'\t').enumerate() {
            if column > 0 {
                out.push(b",");
            }
            match (field, converted.contains(&column)) {
                (NULL, _) => out.push(b"NULL"),
                (field, false) => out.extend([b"_binary'", field, b"'"]),
                (field, true) => out.extend([b"CONVERT(_binary'", field, b"' USING utf8mb4)"]),
            }
        }
        out.push(b")");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
