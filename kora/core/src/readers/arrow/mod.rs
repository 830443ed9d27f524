//! Arrow streams, as DuckDB hands them out: row-wise cells from column arrays.
//!
//! The stream must be made under `SET arrow_lossless_conversion = true`: without it DuckDB drops the offset of
//! `TIMETZ`, which is refused here. An interval of more than 292 years of microseconds wraps inside DuckDB's own
//! export without a word, so a column of intervals may also arrive as its text (`CAST(c AS VARCHAR)`).
mod column;
mod interval;
pub mod kinds;
mod nested;
pub mod types;

use crate::cell::Cell;
use crate::error::{Error, Result};
use crate::rows::{Flow, RowReader, RowSink};
pub use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::ffi_stream::RecordBatchStreamReader;
use arrow_array::{RecordBatch, RecordBatchReader};
use column::Column;
pub use column::TIMETZ_MAX_OFFSET_SECONDS;
pub(in crate::readers) use column::{date, decimal, moment, nanoseconds};
use kinds::DuckKind;
use std::io;

/// What DuckDB says where the disk it spills to is full, or nearly so.
const NO_ROOM: [&str; 2] = ["No space left on device", "max_temp_directory_size"];

/// What gives record batches.
pub type Producer = Box<dyn RecordBatchReader + Send>;

/// Rows of an Arrow stream. Holds one record batch at a time.
pub struct ArrowRows {
    /// `None` once it has ended and was let go.
    stream: Option<Producer>,
    names: Vec<String>,
    types: Vec<DuckKind>,
    current: Option<Position>,
    /// A batch that was taken ahead.
    following: Option<RecordBatch>,
}

/// A batch and the next row within it.
struct Position {
    columns: Vec<Column>,
    rows: usize,
    next: usize,
}

impl ArrowRows {
    /// Reads `stream`; `types` are DuckDB type names, one per column.
    ///
    /// # Errors
    /// `Usage` if the number of types is not that of the columns, `Unsupported` for a type or an Arrow layout that
    /// is not decoded, `Engine` if the producer fails.
    pub fn new(stream: FFI_ArrowArrayStream, types: &[String]) -> Result<Self> {
        let reader = RecordBatchStreamReader::try_new(stream).map_err(engine)?;
        Self::from_reader(Box::new(reader), types)
    }

    /// Takes the stream out of the struct at `pointer`, as the Arrow PyCapsule interface hands it over.
    ///
    /// # Safety
    /// `pointer` must be valid for reads and writes and point to an initialised C stream struct.
    pub unsafe fn from_pointer(pointer: *mut FFI_ArrowArrayStream, types: &[String]) -> Result<Self> {
        // SAFETY: the caller's promise; the struct is moved out and its release callback cleared in place.
        Self::new(unsafe { FFI_ArrowArrayStream::from_raw(pointer) }, types)
    }

    /// Reads any Arrow reader.
    pub fn from_reader(stream: Producer, types: &[String]) -> Result<Self> {
        let schema = stream.schema();
        if schema.fields().len() != types.len() {
            let columns = schema.fields().len();
            return Err(Error::Usage(format!(
                "the stream has {columns} columns, but {} types are named",
                types.len()
            )));
        }
        let names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
        let mut parsed = Vec::with_capacity(types.len());
        for ((name, type_name), field) in names.iter().zip(types).zip(schema.fields()) {
            let kind = DuckKind::parse(type_name).ok_or_else(|| Error::Unsupported {
                column: name.clone(),
                type_name: type_name.clone(),
            })?;
            nested::check(name, &kind, field.data_type())?;
            parsed.push(kind);
        }
        Ok(Self {
            stream: Some(stream),
            names,
            types: parsed,
            current: None,
            following: None,
        })
    }

    /// Takes the first two batches at once. Where there is but one, this gives the producer, to be let go with whatever
    /// it holds beside the rows; so this is for streams that are as short as that, or whose batches are small.
    ///
    /// # Errors
    /// `Engine` if the producer fails.
    pub fn take_ahead(&mut self) -> Result<Option<Producer>> {
        if let Some(first) = self.next_batch()? {
            self.current = Some(self.open(&first)?);
            self.following = self.next_batch()?;
        }
        Ok(match self.following {
            None => self.stream.take(),
            Some(_) => None,
        })
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        if let Some(batch) = self.following.take() {
            return Ok(Some(batch));
        }
        let next = self.stream.as_mut().and_then(Iterator::next);
        next.transpose().map_err(engine)
    }

    /// Whether every type can be decoded, asked before there is a stream.
    ///
    /// # Errors
    /// `Unsupported` for the first that cannot; its column is named by its position.
    pub fn check_types(types: &[String]) -> Result<()> {
        let unknown = |(_, name): &(usize, &String)| DuckKind::parse(name).is_none();
        match types.iter().enumerate().find(unknown) {
            None => Ok(()),
            Some((position, type_name)) => Err(Error::Unsupported {
                column: position.to_string(),
                type_name: type_name.clone(),
            }),
        }
    }

    /// The columns' names, as the producer wrote them.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    fn open(&self, batch: &RecordBatch) -> Result<Position> {
        let columns = self.names.iter().zip(&self.types).zip(batch.columns());
        let columns = columns
            .map(|((name, kind), array)| Column::new(name, kind, array))
            .collect::<Result<_>>()?;
        Ok(Position {
            columns,
            rows: batch.num_rows(),
            next: 0,
        })
    }
}

impl RowReader for ArrowRows {
    fn column_count(&self) -> usize {
        self.types.len()
    }

    fn pump(&mut self, sink: &mut dyn RowSink) -> Result<bool> {
        loop {
            let mut position = match self.current.take() {
                Some(position) => position,
                None => match self.next_batch()? {
                    Some(batch) => self.open(&batch)?,
                    None => return Ok(false),
                },
            };
            if position.pump(sink)? == Flow::Pause {
                // A batch that was read to its end is given back now, not when the next is asked for.
                self.current = (position.next < position.rows).then_some(position);
                return Ok(true);
            }
        }
    }
}

impl Position {
    fn pump(&mut self, sink: &mut dyn RowSink) -> Result<Flow> {
        let mut cells: Vec<Cell<'_>> = Vec::with_capacity(self.columns.len());
        while self.next < self.rows {
            cells.clear();
            for column in &self.columns {
                cells.push(column.cell(self.next)?);
            }
            self.next += 1;
            if sink.row(&cells)? == Flow::Pause {
                return Ok(Flow::Pause);
            }
        }
        Ok(Flow::Continue)
    }
}

fn engine(error: arrow_schema::ArrowError) -> Error {
    refused("arrow stream", error.to_string())
}

/// The error for what DuckDB, which makes the streams here, says of one: that it found no room to spill to stands in
/// its words alone.
pub fn refused(engine: &'static str, message: String) -> Error {
    if NO_ROOM.iter().any(|words| message.contains(words)) {
        return Error::Scratch {
            folder: std::env::temp_dir(),
            // The rest is advice about settings that nobody can reach.
            source: io::Error::new(io::ErrorKind::StorageFull, message.lines().next().unwrap_or_default()),
        };
    }
    Error::Engine {
        engine,
        code: String::new(),
        message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_that_found_no_room_to_spill_to_is_told_from_one_that_was_refused() {
        for words in [
            "Invalid Input: Out of Memory Error: failed to offload data block of size 256.0 KiB (57.3 MiB/57.5 MiB used).\n\
             This limit was set by the 'max_temp_directory_size' setting.\nPossible solutions: …",
            "IO Error: Could not write file \"/t/duckdb_temp_storage_S32K-0.tmp\": No space left on device",
        ] {
            let error = refused("duckdb", words.to_owned());
            assert!(error.is_disk_full(), "{error}");
            let told = error.to_string();
            let folder = std::env::temp_dir();
            assert!(told.starts_with(&*folder.to_string_lossy()), "{told}");
            assert!(!told.contains("Possible solutions"), "{told}");
        }
        let other = refused("duckdb", "Out of Memory Error: failed to pin block".to_owned());
        assert!(matches!(other, Error::Engine { .. }), "{other}");
        assert!(!other.is_disk_full());
    }
}
