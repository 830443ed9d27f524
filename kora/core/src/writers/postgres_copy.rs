//! Encodes rows as COPY BINARY for given PostgreSQL types, and refuses what the server would change.
//!
//! COPY applies a column's modifier silently: `numeric(10,2)` and `timestamp(0)` round, `varchar(5)` cuts off trailing
//! blanks, `bpchar(5)` pads. Whatever would not come back as it was sent is refused here, per value and with a reason.
//! (`jsonb` keeps the JSON value and not its text; comparing its text is the caller's rule to declare.)
mod fields;
mod nested;
mod numeric;
mod target;

pub use nested::{NestedTarget, Part};
pub use target::TargetType;

use crate::cell::Cell;
use crate::error::{Error, Result};

/// What a stream begins with: signature, no flags, no extension.
pub const HEADER: &[u8; 19] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// What it ends with.
pub const TRAILER: &[u8; 2] = b"\xff\xff";

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
pub struct CopyEncoder {
    types: Vec<TargetType>,
}

impl CopyEncoder {
    /// For columns of these types: `pg_type` names (an enumeration as `enum`), with their modifier where they have
    /// one: `numeric(10,2)`, `varchar(20)`, `bpchar(5)`, `bit(3)`, `timestamp(3)`, `time(0)`; nested ones as expressions:
    /// `array<numeric(10,2)>`, `range<date>`, `composite<"a" int4>`.
    ///
    /// Errors: [`Error::Unsupported`] for a type that has no encoder, [`Error::Usage`] for a modifier that makes no
    /// sense.
    pub fn new<S: AsRef<str>>(types: &[S]) -> Result<Self> {
        if i16::try_from(types.len()).is_err() {
            return Err(Error::Usage("a table of more than 32,767 columns".into()));
        }
        let parsed = types
            .iter()
            .enumerate()
            .map(|(column, name)| TargetType::parse(column, name.as_ref()));
        Ok(Self {
            types: parsed.collect::<Result<_>>()?,
        })
    }

    /// Appends one tuple. After a refusal `out` is as it was before.
    pub fn encode_row(&self, cells: &[Cell<'_>], out: &mut Vec<u8>) -> std::result::Result<(), Refusal> {
        let start = out.len();
        let outcome = self.encode_cells(cells, out);
        if outcome.is_err() {
            out.truncate(start);
        }
        outcome
    }

    fn encode_cells(&self, cells: &[Cell<'_>], out: &mut Vec<u8>) -> std::result::Result<(), Refusal> {
        if cells.len() != self.types.len() {
            let reason = format!("the row has {} values for {} columns", cells.len(), self.types.len());
            return Err(Refusal {
                column: cells.len().min(self.types.len()),
                reason,
            });
        }
        out.extend_from_slice(&(self.types.len() as i16).to_be_bytes());
        for (column, (target, cell)) in self.types.iter().zip(cells).enumerate() {
            if matches!(cell, Cell::Null) {
                out.extend_from_slice(&(-1_i32).to_be_bytes());
                continue;
            }
            let length_at = out.len();
            out.extend_from_slice(&[0; 4]);
            fields::encode(target, cell, out).map_err(|reason| Refusal { column, reason })?;
            let Ok(length) = i32::try_from(out.len() - length_at - 4) else {
                return Err(Refusal {
                    column,
                    reason: "longer than the 1 GB that PostgreSQL holds in one value".into(),
                });
            };
            out[length_at..length_at + 4].copy_from_slice(&length.to_be_bytes());
        }
        Ok(())
    }

    /// Starts a stream.
    pub fn header(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(HEADER);
    }

    /// Ends it.
    pub fn trailer(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(TRAILER);
    }
}

#[cfg(test)]
mod tests;
