//! Record batches for DuckDB, in the Arrow layout that it reads back as exactly the value.
//!
//! What the SELECT list of an `INSERT INTO t SELECT … FROM stream` has to say per target type: the bare column for
//! every type. `HUGEINT`, `UHUGEINT`, `UUID`, `BIT` and `TIME WITH TIME ZONE` travel under Arrow's extension types and
//! arrive as themselves; `JSON` and `ENUM` travel as text, so that DuckDB's own cast into the column refuses a
//! document that does not parse and a label that the type does not have ([`CAST_ON_INSERT`]).
//!
//! DuckDB takes other counts than a TIMESTAMP may have without a check and then invalidates the whole database, so the
//! bounds are enforced here.
mod column;
mod fit;
mod nested;

use crate::cell::Cell;
use crate::error::{Error, Result};
use crate::readers::arrow::kinds::DuckKind;
pub use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{RecordBatch, RecordBatchIterator};
use arrow_schema::{Schema, SchemaRef};
use nested::{nested_field, Store};
use std::sync::Arc;

/// Types whose values DuckDB casts from text while it inserts; a refused cast fails the statement.
pub const CAST_ON_INSERT: &[&str] = &["JSON", "ENUM", "INTERVAL", "BIGNUM"];

/// A value that its target column cannot hold exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The column's position.
    pub column: usize,
    /// Why, without the value.
    pub reason: String,
}

/// Collects rows of one record batch.
pub struct ArrowEncoder {
    types: Vec<DuckKind>,
    schema: SchemaRef,
    columns: Vec<Store>,
    rows: usize,
}

impl ArrowEncoder {
    /// An encoder for DuckDB types by name and the columns' names in the stream.
    ///
    /// # Errors
    /// `Unsupported` for a type that is not encoded, `Usage` if the counts differ.
    pub fn new(types: &[String], names: &[String]) -> Result<Self> {
        if types.len() != names.len() {
            return Err(Error::Usage(format!(
                "{} types for {} columns",
                types.len(),
                names.len()
            )));
        }
        let unsupported = |(name, kind): (&String, &String)| {
            DuckKind::parse(kind).ok_or_else(|| Error::Unsupported {
                column: name.clone(),
                type_name: kind.clone(),
            })
        };
        let types = names.iter().zip(types).map(unsupported).collect::<Result<Vec<_>>>()?;
        let fields: Vec<_> = names
            .iter()
            .zip(&types)
            .map(|(name, kind)| nested_field(name, kind))
            .collect();
        let columns = types.iter().map(Store::new).collect();
        Ok(Self {
            types,
            schema: Arc::new(Schema::new(fields)),
            columns,
            rows: 0,
        })
    }

    /// Appends a row and gives the bytes it added, or refuses it and keeps the batch as it was.
    pub fn push(&mut self, cells: &[Cell<'_>]) -> std::result::Result<usize, Refusal> {
        if cells.len() != self.columns.len() {
            let reason = format!("a row of {} values for {} columns", cells.len(), self.columns.len());
            return Err(Refusal { column: 0, reason });
        }
        let mut bytes = 0;
        for (index, cell) in cells.iter().enumerate() {
            match self.columns[index].append(cell) {
                Ok(added) => bytes += added,
                Err(reason) => {
                    self.columns[..=index]
                        .iter_mut()
                        .for_each(|column| column.truncate(self.rows));
                    return Err(Refusal { column: index, reason });
                }
            }
        }
        self.rows += 1;
        Ok(bytes)
    }

    /// Rows so far.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The rows as one record batch; the encoder begins anew.
    pub fn finish(&mut self) -> Result<ArrowRowsBatch> {
        let mut arrays = Vec::with_capacity(self.columns.len());
        for (kind, buffers) in self.types.iter().zip(&mut self.columns) {
            let full = std::mem::replace(buffers, Store::new(kind));
            arrays.push(full.into_array(self.rows)?);
        }
        let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(self.rows));
        let batch =
            RecordBatch::try_new_with_options(self.schema.clone(), arrays, &options).map_err(column::internal)?;
        self.rows = 0;
        Ok(ArrowRowsBatch {
            schema: self.schema.clone(),
            batches: vec![batch],
        })
    }
}

/// Finished rows; slices share their memory.
#[derive(Clone, Debug)]
pub struct ArrowRowsBatch {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
}

impl ArrowRowsBatch {
    /// Rows in all.
    pub fn rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    /// The given runs of rows `(start, stop)` of a batch that was not sliced before; runs are cut at its end.
    pub fn runs(&self, runs: &[(usize, usize)]) -> Self {
        let cut = |batch: &RecordBatch, (start, stop): (usize, usize)| {
            let stop = stop.min(batch.num_rows());
            (start < stop).then(|| batch.slice(start, stop - start))
        };
        let batches = self
            .batches
            .iter()
            .flat_map(|batch| runs.iter().filter_map(move |run| cut(batch, *run)));
        Self {
            schema: self.schema.clone(),
            batches: batches.collect(),
        }
    }

    /// A C stream over the rows; each call gives a fresh one.
    pub fn stream(&self) -> FFI_ArrowArrayStream {
        let batches: Vec<_> = self.batches.iter().cloned().map(Ok).collect();
        FFI_ArrowArrayStream::new(Box::new(RecordBatchIterator::new(batches, self.schema.clone())))
    }
}
