//! Source rows into batches in the target's own encoding.
//!
//! Each row is digested exactly as it was read, converted by the profile's rules, and encoded. A row that no rule or
//! type could carry is named among the rejected and stands in no batch; it is in the raw digest all the same, because
//! that says what was read.
mod batch;
mod encoding;
mod lines;
mod stored;

pub use batch::{Batch, Rejected};
pub use encoding::{Encoding, Rows};

use crate::brief::write_brief;
use crate::cell::Cell;
use crate::digest::RawDigester;
use crate::error::{Error, Result};
use crate::keys::DigestKey;
use crate::program::{ColumnTally, LoadProgram, Profile};
use crate::rows::{Flow, RowReader};
use encoding::Encoder;

/// Bytes of encoded rows at which a batch closes, unless the caller says otherwise.
pub const BATCH_SIZE_BYTES: usize = 8 << 20;
/// A batch also closes at this many rejected rows, so that a column of the wrong type cannot fill the memory.
const MAX_REJECTED: usize = 10_000;

/// Pulls rows from a reader and hands out batches. Holds at most the batch being built.
pub struct Loader {
    reader: Box<dyn RowReader>,
    state: State,
    encoding: Encoding,
    target_types: Vec<String>,
    batch_size_bytes: usize,
    ended: Ended,
}

#[derive(PartialEq)]
enum Ended {
    No,
    Yes,
    Failed,
}

struct State {
    program: LoadProgram,
    raw: RawDigester,
    pairs: Vec<String>,
    key: Vec<usize>,
    row_count: u64,
    key_text: String,
}

impl Loader {
    /// A loader; the reader's rows have exactly the profile's columns in order, and so have `target_types`.
    ///
    /// # Errors
    /// `Usage` if the counts of columns differ, `Unsupported` for a target type that is not encoded.
    pub fn new(
        reader: Box<dyn RowReader>,
        profile: &Profile,
        encoding: Encoding,
        target_types: &[String],
        key: &DigestKey,
    ) -> Result<Self> {
        let columns = profile.columns.len();
        if reader.column_count() != columns || target_types.len() != columns {
            let (read, typed) = (reader.column_count(), target_types.len());
            let counts = format!("{read} in the rows, {typed} target types, {columns} in the profile");
            return Err(Error::Usage(format!(
                "{}: the columns do not agree: {counts}",
                profile.pair
            )));
        }
        // An unsupported type is refused before the first row is read.
        Encoder::new(encoding, target_types)?;
        let state = State {
            program: LoadProgram::new(profile)?,
            raw: RawDigester::new(key),
            pairs: profile.columns.iter().map(|column| column.pair.clone()).collect(),
            key: profile.key.clone(),
            row_count: 0,
            key_text: String::new(),
        };
        let target_types = target_types.to_vec();
        Ok(Self {
            reader,
            state,
            encoding,
            target_types,
            batch_size_bytes: BATCH_SIZE_BYTES,
            ended: Ended::No,
        })
    }

    /// Closes batches at another size; the row that passes it is still in the batch.
    #[must_use]
    pub fn batch_size_bytes(mut self, bytes: usize) -> Self {
        self.batch_size_bytes = bytes.max(1);
        self
    }

    /// The next batch; `None` after the last row. A batch may hold nothing but rejected rows.
    ///
    /// # Errors
    /// The reader's; rows that were pulled for the unfinished batch are lost with it, and the loader is spent.
    pub fn next_batch(&mut self) -> Result<Option<Batch>> {
        match self.ended {
            Ended::Yes => return Ok(None),
            Ended::Failed => return Err(Error::Usage("this loader has failed; make a new one".to_owned())),
            Ended::No => self.ended = Ended::Failed,
        }
        let mut encoder = Encoder::new(self.encoding, &self.target_types)?;
        let mut batch = Batch::default();
        let (state, limit) = (&mut self.state, self.batch_size_bytes);
        let mut bytes = 0usize;
        let more = self.reader.pump(&mut |cells: &[Cell<'_>]| {
            bytes += state.row(cells, &mut encoder, &mut batch)?;
            Ok(if bytes >= limit || batch.rejected.len() >= MAX_REJECTED {
                Flow::Pause
            } else {
                Flow::Continue
            })
        })?;
        self.ended = if more { Ended::No } else { Ended::Yes };
        if batch.row_count() == 0 && batch.rejected.is_empty() {
            return Ok(None);
        }
        batch.byte_count = bytes;
        batch.rows = Some(encoder.finish()?);
        Ok(Some(batch))
    }

    /// Source rows read so far.
    pub fn row_count(&self) -> u64 {
        self.state.row_count
    }

    /// Σ of the raw rows' digests so far, 32 bytes little-endian.
    pub fn raw_digest(&mut self) -> Result<[u8; 32]> {
        Ok(self.state.raw.finish()?.1)
    }

    /// What the rules did so far.
    pub fn tallies(&self) -> Vec<ColumnTally> {
        self.state.program.tallies()
    }
}

impl State {
    /// Takes one row into the encoder or among the rejected; the bytes that it added.
    fn row(&mut self, cells: &[Cell<'_>], encoder: &mut Encoder, batch: &mut Batch) -> Result<usize> {
        let ordinal = self.row_count;
        self.raw.row(cells)?;
        self.row_count += 1;
        self.write_key_text(cells);
        match self.program.convert(cells, |converted| encoder.push(converted))? {
            Ok(bytes) => {
                batch.accept(ordinal, &self.key_text);
                Ok(bytes)
            }
            Err((column, reason)) => {
                let key = std::mem::take(&mut self.key_text);
                let pair = self.pairs.get(column).cloned().unwrap_or_default();
                batch.rejected.push(Rejected {
                    ordinal,
                    key,
                    pair,
                    reason,
                });
                Ok(0)
            }
        }
    }

    /// As findings spell a key: `name=value, name=value`, values as stored, long ones cut.
    fn write_key_text(&mut self, cells: &[Cell<'_>]) {
        self.key_text.clear();
        for (index, position) in self.key.iter().enumerate() {
            if index > 0 {
                self.key_text.push_str(", ");
            }
            if let Some(name) = self.pairs.get(*position) {
                self.key_text.push_str(name);
                self.key_text.push('=');
            }
            let known = cells
                .get(*position)
                .is_some_and(|cell| write_brief(cell, &mut self.key_text));
            if !known {
                self.key_text.push_str("NULL");
            }
        }
    }
}

#[cfg(test)]
mod tests;
