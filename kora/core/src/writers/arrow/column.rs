//! One column being built: plain byte buffers in Arrow's layout, so that a refused row is cut off again.
use crate::error::{Error, Result};
use crate::readers::arrow::types::{DuckType, Unit};
use arrow_array::{make_array, ArrayRef, BooleanArray};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer};
use arrow_data::ArrayData;
use arrow_schema::{ArrowError, DataType, Field, TimeUnit};
use std::collections::HashMap;
use std::sync::Arc;

/// Values and validity of one column.
pub struct Buffers {
    valid: Vec<bool>,
    width: Option<usize>,
    data: Vec<u8>,
    ends: Vec<i64>,
}

impl Buffers {
    /// Empty buffers for a type.
    pub fn new(kind: DuckType) -> Self {
        Self {
            valid: Vec::new(),
            width: width(kind),
            data: Vec::new(),
            ends: vec![0],
        }
    }

    /// Appends NULL; gives the bytes added.
    pub fn null(&mut self) -> usize {
        self.valid.push(false);
        if let Some(width) = self.width {
            self.data.resize(self.data.len() + width, 0);
        } else {
            self.ends.push(self.data.len() as i64);
        }
        self.width.unwrap_or(8)
    }

    /// Appends a value's bytes: of the type's width, or of any length where it has none.
    pub fn value(&mut self, bytes: &[u8]) -> usize {
        debug_assert!(self.width.is_none_or(|width| width == bytes.len()));
        self.valid.push(true);
        self.data.extend_from_slice(bytes);
        if self.width.is_none() {
            self.ends.push(self.data.len() as i64);
        }
        bytes.len() + 8
    }

    /// Keeps the first `rows` rows.
    pub fn truncate(&mut self, rows: usize) {
        self.valid.truncate(rows);
        match self.width {
            Some(width) => self.data.truncate(rows * width),
            None => {
                self.ends.truncate(rows + 1);
                self.data
                    .truncate(self.ends.last().map_or(0, |end| usize::try_from(*end).unwrap_or(0)));
            }
        }
    }

    /// The finished array of `rows` rows.
    pub fn into_array(self, kind: DuckType, rows: usize) -> Result<ArrayRef> {
        let nulls = NullBuffer::from(self.valid);
        let nulls = (nulls.null_count() > 0).then_some(nulls);
        if kind == DuckType::Boolean {
            let bits = BooleanBuffer::collect_bool(rows, |index| self.data[index] != 0);
            return Ok(Arc::new(BooleanArray::new(bits, nulls)));
        }
        let mut data = ArrayData::builder(data_type(kind))
            .len(rows)
            .nulls(nulls)
            .align_buffers(true);
        if self.width.is_none() {
            data = data.add_buffer(Buffer::from_vec(self.ends));
        }
        Ok(make_array(
            data.add_buffer(Buffer::from_vec(self.data)).build().map_err(internal)?,
        ))
    }
}

/// Bytes of one value, where all have the same.
fn width(kind: DuckType) -> Option<usize> {
    Some(match kind {
        DuckType::Boolean => 1,
        DuckType::Integer { bytes, .. } => usize::from(bytes),
        DuckType::Float | DuckType::Date => 4,
        DuckType::Double
        | DuckType::Time
        | DuckType::TimeNs
        | DuckType::TimeTz
        | DuckType::Timestamp(_)
        | DuckType::TimestampTz => 8,
        DuckType::Huge { .. } | DuckType::Decimal { .. } | DuckType::Uuid => 16,
        DuckType::Varchar
        | DuckType::Blob
        | DuckType::Json
        | DuckType::Enum
        | DuckType::Bit
        | DuckType::Bignum
        | DuckType::Interval => {
            return None;
        }
    })
}

/// The Arrow type that DuckDB reads as `kind`. Offsets are 64 bits, since one cell may exceed two gigabytes.
fn data_type(kind: DuckType) -> DataType {
    match kind {
        DuckType::Boolean => DataType::Boolean,
        DuckType::Integer { bytes: 1, signed: true } => DataType::Int8,
        DuckType::Integer { bytes: 2, signed: true } => DataType::Int16,
        DuckType::Integer { bytes: 4, signed: true } => DataType::Int32,
        DuckType::Integer { signed: true, .. } => DataType::Int64,
        DuckType::Integer { bytes: 1, .. } => DataType::UInt8,
        DuckType::Integer { bytes: 2, .. } => DataType::UInt16,
        DuckType::Integer { bytes: 4, .. } => DataType::UInt32,
        DuckType::Integer { .. } => DataType::UInt64,
        DuckType::Huge { .. } | DuckType::Uuid => DataType::FixedSizeBinary(16),
        DuckType::Float => DataType::Float32,
        DuckType::Double => DataType::Float64,
        // Both are at most 38.
        DuckType::Decimal { precision, scale } => DataType::Decimal128(precision, scale as i8),
        DuckType::Varchar | DuckType::Json | DuckType::Enum | DuckType::Bignum | DuckType::Interval => {
            DataType::LargeUtf8
        }
        DuckType::Blob => DataType::LargeBinary,
        DuckType::Bit => DataType::LargeBinary,
        DuckType::Date => DataType::Date32,
        DuckType::Time => DataType::Time64(TimeUnit::Microsecond),
        DuckType::TimeNs => DataType::Time64(TimeUnit::Nanosecond),
        DuckType::TimeTz => DataType::FixedSizeBinary(8),
        DuckType::Timestamp(Unit::Second) => DataType::Timestamp(TimeUnit::Second, None),
        DuckType::Timestamp(Unit::Millisecond) => DataType::Timestamp(TimeUnit::Millisecond, None),
        DuckType::Timestamp(Unit::Microsecond) => DataType::Timestamp(TimeUnit::Microsecond, None),
        DuckType::Timestamp(Unit::Nanosecond) => DataType::Timestamp(TimeUnit::Nanosecond, None),
        DuckType::TimestampTz => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
    }
}

/// The field of a column, with the extension that makes DuckDB read it as the type itself.
pub fn field(name: &str, kind: DuckType) -> Field {
    let field = Field::new(name, data_type(kind), true);
    let opaque = match kind {
        DuckType::Huge { signed: true } => "hugeint",
        DuckType::Huge { signed: false } => "uhugeint",
        DuckType::TimeTz => "time_tz",
        DuckType::Bit => "bit",
        DuckType::Uuid => return field.with_metadata(extension("arrow.uuid", String::new())),
        _ => return field,
    };
    let about = format!(r#"{{"type_name":"{opaque}","vendor_name":"DuckDB"}}"#);
    field.with_metadata(extension("arrow.opaque", about))
}

fn extension(name: &str, about: String) -> HashMap<String, String> {
    let pairs = [
        ("ARROW:extension:name", name.to_owned()),
        ("ARROW:extension:metadata", about),
    ];
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// An array that Arrow itself finds ill-formed.
pub fn internal(error: ArrowError) -> Error {
    Error::Protocol {
        engine: "arrow",
        message: error.to_string(),
    }
}
