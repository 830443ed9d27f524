//! One column of one batch: its arrays are downcast once, then indexed row by row.
use super::interval;
use super::kinds::DuckKind;
use super::nested::Nested;
use super::types::{DuckType, Unit};
use crate::cell::{Cell, Temporal, Ticks};
use crate::error::{Error, Result};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Decimal32Type, Decimal64Type, Float32Type, Float64Type, Int16Type, Int32Type,
    Int64Type, Int8Type, IntervalMonthDayNanoType, Time64MicrosecondType, Time64NanosecondType,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt16Type,
    UInt32Type, UInt64Type, UInt8Type,
};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BinaryViewArray, BooleanArray, FixedSizeBinaryArray, Float32Array, Float64Array,
    IntervalMonthDayNanoArray, LargeBinaryArray,
};
use arrow_buffer::{NullBuffer, ScalarBuffer};
use arrow_schema::{DataType, IntervalUnit, TimeUnit};

/// DuckDB keeps a TIMETZ as microseconds above 24 bits that hold this many seconds less the offset.
pub const TIMETZ_MAX_OFFSET_SECONDS: i32 = 16 * 3600 - 1;

/// A column's name, validity and values.
pub struct Column {
    name: String,
    nulls: Option<NullBuffer>,
    values: Values,
}

/// Byte strings in whichever of Arrow's layouts they arrived.
enum Strings {
    Small(BinaryArray),
    Large(LargeBinaryArray),
    View(BinaryViewArray),
    Dictionary { keys: Vec<usize>, values: Box<Strings> },
}

enum Values {
    Null,
    Bool(BooleanArray),
    Bool8(ScalarBuffer<i8>),
    I8(ScalarBuffer<i8>),
    I16(ScalarBuffer<i16>),
    I32(ScalarBuffer<i32>),
    I64(ScalarBuffer<i64>),
    U8(ScalarBuffer<u8>),
    U16(ScalarBuffer<u16>),
    U32(ScalarBuffer<u32>),
    U64(ScalarBuffer<u64>),
    Huge(ScalarBuffer<i128>),
    UnsignedHuge(ScalarBuffer<i128>),
    HugeBytes(FixedSizeBinaryArray, bool),
    Decimal32(ScalarBuffer<i32>, u32),
    Decimal64(ScalarBuffer<i64>, u32),
    Decimal128(ScalarBuffer<i128>, u32),
    F32(Float32Array),
    F64(Float64Array),
    Text(Strings),
    Json(Strings),
    Enum(Strings),
    Bytes(Strings),
    Date(ScalarBuffer<i32>),
    TimeMicros(ScalarBuffer<i64>),
    TimeNanos(ScalarBuffer<i64>),
    TimeTz(FixedSizeBinaryArray),
    Moments(ScalarBuffer<i64>, Unit, Temporal),
    Interval(IntervalMonthDayNanoArray),
    IntervalText(Strings),
    Uuid(FixedSizeBinaryArray),
    UuidText(Strings),
    Bits(Bits),
    Whole(Strings),
    Nested(Box<Nested>),
}

/// Whether a column of `kind` may arrive as `data`.
pub fn check(name: &str, kind: DuckType, data: &DataType) -> Result<()> {
    use DataType as D;
    let text = |data: &DataType| matches!(data, D::Utf8 | D::LargeUtf8 | D::Utf8View);
    let bytes = |data: &DataType| matches!(data, D::Binary | D::LargeBinary | D::BinaryView);
    let fits = match kind {
        _ if *data == D::Null => true,
        DuckType::Boolean => matches!(data, D::Boolean | D::Int8),
        DuckType::Integer { bytes, signed } => integer_layout(bytes, signed) == *data,
        DuckType::Huge { .. } => matches!(data, D::FixedSizeBinary(16) | D::Decimal128(38, 0)),
        DuckType::Float => *data == D::Float32,
        DuckType::Double => *data == D::Float64,
        DuckType::Decimal { scale, .. } => match data {
            D::Decimal32(_, s) | D::Decimal64(_, s) | D::Decimal128(_, s) => i16::from(*s) == i16::from(scale),
            _ => false,
        },
        DuckType::Bignum => text(data),
        DuckType::Varchar | DuckType::Json | DuckType::Enum => match data {
            D::Dictionary(_, values) => text(values),
            other => text(other),
        },
        DuckType::Blob | DuckType::Bit => bytes(data),
        DuckType::Date => *data == D::Date32,
        DuckType::Time => *data == D::Time64(TimeUnit::Microsecond),
        DuckType::TimeNs => *data == D::Time64(TimeUnit::Nanosecond),
        DuckType::TimeTz => *data == D::FixedSizeBinary(8),
        DuckType::Timestamp(unit) => *data == D::Timestamp(arrow_unit(unit), None),
        DuckType::TimestampTz => matches!(data, D::Timestamp(TimeUnit::Microsecond, Some(_))),
        DuckType::Interval => *data == D::Interval(IntervalUnit::MonthDayNano) || text(data),
        DuckType::Uuid => *data == D::FixedSizeBinary(16) || text(data),
    };
    if fits {
        return Ok(());
    }
    let hint = if kind == DuckType::TimeTz {
        " (SET arrow_lossless_conversion = true keeps the offset)"
    } else {
        ""
    };
    Err(Error::Unsupported {
        column: name.to_owned(),
        type_name: format!("{kind:?} as Arrow {data}{hint}"),
    })
}

fn integer_layout(bytes: u8, signed: bool) -> DataType {
    match (bytes, signed) {
        (1, true) => DataType::Int8,
        (2, true) => DataType::Int16,
        (4, true) => DataType::Int32,
        (8, true) => DataType::Int64,
        (1, false) => DataType::UInt8,
        (2, false) => DataType::UInt16,
        (4, false) => DataType::UInt32,
        _ => DataType::UInt64,
    }
}

fn arrow_unit(unit: Unit) -> TimeUnit {
    match unit {
        Unit::Second => TimeUnit::Second,
        Unit::Millisecond => TimeUnit::Millisecond,
        Unit::Microsecond => TimeUnit::Microsecond,
        Unit::Nanosecond => TimeUnit::Nanosecond,
    }
}

impl Column {
    /// Takes an array apart. The layout is checked again: a producer may not change it between batches.
    pub fn new(name: &str, kind: &DuckKind, array: &ArrayRef) -> Result<Self> {
        match kind {
            DuckKind::Scalar(kind) => Self::scalar(name, *kind, array),
            nested => Ok(Self {
                name: name.to_owned(),
                nulls: None,
                values: Values::Nested(Box::new(Nested::new(name, nested, array)?)),
            }),
        }
    }

    /// A column, or a part of one, whose values have no parts.
    pub fn scalar(name: &str, kind: DuckType, array: &ArrayRef) -> Result<Self> {
        check(name, kind, array.data_type())?;
        let values = if *array.data_type() == DataType::Null {
            Values::Null
        } else {
            Values::new(kind, array)?
        };
        let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0).cloned();
        Ok(Self {
            name: name.to_owned(),
            nulls,
            values,
        })
    }

    /// The value of row `index`, which must be below the batch's row count.
    pub fn cell(&self, index: usize) -> Result<Cell<'_>> {
        if self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(index)) {
            return Ok(Cell::Null);
        }
        self.values.cell(index).ok_or_else(|| Error::Protocol {
            engine: "duckdb",
            message: format!("column {}: a value that its type cannot have", self.name),
        })
    }
}

impl Values {
    fn new(kind: DuckType, array: &ArrayRef) -> Result<Self> {
        Ok(match kind {
            DuckType::Boolean => match array.as_boolean_opt() {
                Some(bits) => Self::Bool(bits.clone()),
                None => Self::Bool8(array.as_primitive::<Int8Type>().values().clone()),
            },
            DuckType::Integer { bytes, signed } => Self::integers(bytes, signed, array),
            DuckType::Huge { signed } => match array.as_fixed_size_binary_opt() {
                Some(bytes) => Self::HugeBytes(bytes.clone(), signed),
                None if signed => Self::Huge(array.as_primitive::<Decimal128Type>().values().clone()),
                None => Self::UnsignedHuge(array.as_primitive::<Decimal128Type>().values().clone()),
            },
            DuckType::Decimal { scale, .. } => Self::decimals(u32::from(scale), array),
            DuckType::Float => Self::F32(array.as_primitive::<Float32Type>().clone()),
            DuckType::Double => Self::F64(array.as_primitive::<Float64Type>().clone()),
            DuckType::Varchar => Self::Text(Strings::new(array)?),
            DuckType::Json => Self::Json(Strings::new(array)?),
            DuckType::Enum => Self::Enum(Strings::new(array)?),
            DuckType::Blob => Self::Bytes(Strings::new(array)?),
            DuckType::Bit => Self::Bits(Bits::new(&Strings::new(array)?, array)?),
            DuckType::Uuid => match array.as_fixed_size_binary_opt() {
                Some(bytes) => Self::Uuid(bytes.clone()),
                None => Self::UuidText(Strings::new(array)?),
            },
            DuckType::Interval => match array.as_primitive_opt::<IntervalMonthDayNanoType>() {
                Some(intervals) => Self::Interval(intervals.clone()),
                None => Self::IntervalText(Strings::new(array)?),
            },
            DuckType::Bignum => Self::Whole(Strings::new(array)?),
            DuckType::Date => Self::Date(array.as_primitive::<Date32Type>().values().clone()),
            DuckType::Time => Self::TimeMicros(array.as_primitive::<Time64MicrosecondType>().values().clone()),
            DuckType::TimeNs => Self::TimeNanos(array.as_primitive::<Time64NanosecondType>().values().clone()),
            DuckType::TimeTz => Self::TimeTz(array.as_fixed_size_binary().clone()),
            DuckType::Timestamp(unit) => Self::Moments(counts(unit, array), unit, Temporal::Timestamp),
            DuckType::TimestampTz => {
                Self::Moments(counts(Unit::Microsecond, array), Unit::Microsecond, Temporal::Instant)
            }
        })
    }

    fn integers(bytes: u8, signed: bool, array: &ArrayRef) -> Self {
        match (bytes, signed) {
            (1, true) => Self::I8(array.as_primitive::<Int8Type>().values().clone()),
            (2, true) => Self::I16(array.as_primitive::<Int16Type>().values().clone()),
            (4, true) => Self::I32(array.as_primitive::<Int32Type>().values().clone()),
            (8, true) => Self::I64(array.as_primitive::<Int64Type>().values().clone()),
            (1, false) => Self::U8(array.as_primitive::<UInt8Type>().values().clone()),
            (2, false) => Self::U16(array.as_primitive::<UInt16Type>().values().clone()),
            (4, false) => Self::U32(array.as_primitive::<UInt32Type>().values().clone()),
            _ => Self::U64(array.as_primitive::<UInt64Type>().values().clone()),
        }
    }

    fn decimals(scale: u32, array: &ArrayRef) -> Self {
        match array.data_type() {
            DataType::Decimal32(..) => Self::Decimal32(array.as_primitive::<Decimal32Type>().values().clone(), scale),
            DataType::Decimal64(..) => Self::Decimal64(array.as_primitive::<Decimal64Type>().values().clone(), scale),
            _ => Self::Decimal128(array.as_primitive::<Decimal128Type>().values().clone(), scale),
        }
    }

    /// `None` for bytes that the type cannot hold.
    fn cell(&self, index: usize) -> Option<Cell<'_>> {
        Some(match self {
            Self::Null => Cell::Null,
            Self::Bool(bits) => Cell::Bool(bits.value(index)),
            Self::Bool8(values) => Cell::Bool(values[index] != 0),
            Self::I8(values) => Cell::Int(values[index].into()),
            Self::I16(values) => Cell::Int(values[index].into()),
            Self::I32(values) => Cell::Int(values[index].into()),
            Self::I64(values) => Cell::Int(values[index].into()),
            Self::U8(values) => Cell::Int(values[index].into()),
            Self::U16(values) => Cell::Int(values[index].into()),
            Self::U32(values) => Cell::Int(values[index].into()),
            Self::U64(values) => Cell::Int(values[index].into()),
            Self::Huge(values) => Cell::Int(values[index]),
            Self::UnsignedHuge(values) => unsigned(values[index] as u128),
            Self::HugeBytes(values, signed) => {
                let value = u128::from_le_bytes(values.value(index).try_into().ok()?);
                if *signed {
                    Cell::Int(value as i128)
                } else {
                    unsigned(value)
                }
            }
            Self::Decimal32(values, scale) => decimal(values[index].into(), *scale),
            Self::Decimal64(values, scale) => decimal(values[index].into(), *scale),
            Self::Decimal128(values, scale) => decimal(values[index], *scale),
            Self::F32(values) => Cell::Float(values.value(index).into()),
            Self::F64(values) => Cell::Float(values.value(index)),
            Self::Text(values) => decoded(values.get(index), Cell::Text),
            Self::Json(values) => decoded(values.get(index), Cell::Json),
            Self::Enum(values) => decoded(values.get(index), Cell::Enum),
            Self::Bytes(values) => Cell::Bytes(values.get(index)),
            Self::Date(values) => date(values[index]),
            Self::TimeMicros(values) => Cell::Time(Ticks::from_micros(values[index])),
            Self::TimeNanos(values) => Cell::Time(nanoseconds(values[index])),
            Self::TimeTz(values) => timetz(values.value(index))?,
            Self::Moments(values, unit, kind) => moment(values[index], *unit, *kind)?,
            Self::Interval(values) => {
                let (months, days, nanos) = IntervalMonthDayNanoType::to_parts(values.value(index));
                (nanos % 1000 == 0).then_some(Cell::Interval {
                    months,
                    days,
                    micros: nanos / 1000,
                })?
            }
            Self::IntervalText(values) => {
                let (months, days, micros) = interval::parse(std::str::from_utf8(values.get(index)).ok()?)?;
                Cell::Interval { months, days, micros }
            }
            Self::Uuid(values) => Cell::Uuid(values.value(index).try_into().ok()?),
            Self::UuidText(values) => Cell::Uuid(uuid(values.get(index))?),
            Self::Bits(bits) => bits.cell(index),
            Self::Whole(values) => whole_number(values.get(index))?,
            Self::Nested(nested) => nested.cell(index),
        })
    }
}

fn counts(unit: Unit, array: &ArrayRef) -> ScalarBuffer<i64> {
    match unit {
        Unit::Second => array.as_primitive::<TimestampSecondType>().values().clone(),
        Unit::Millisecond => array.as_primitive::<TimestampMillisecondType>().values().clone(),
        Unit::Microsecond => array.as_primitive::<TimestampMicrosecondType>().values().clone(),
        Unit::Nanosecond => array.as_primitive::<TimestampNanosecondType>().values().clone(),
    }
}

fn unsigned(value: u128) -> Cell<'static> {
    match i128::try_from(value) {
        Ok(value) => Cell::Int(value),
        Err(_) => Cell::Decimal {
            negative: false,
            coefficient: value,
            scale: 0,
        },
    }
}

pub(in crate::readers) fn decimal(value: i128, scale: u32) -> Cell<'static> {
    Cell::Decimal {
        negative: value < 0,
        coefficient: value.unsigned_abs(),
        scale,
    }
}

fn decoded<'a>(bytes: &'a [u8], make: impl FnOnce(&'a str) -> Cell<'a>) -> Cell<'a> {
    match std::str::from_utf8(bytes) {
        Ok(text) => make(text),
        Err(_) => Cell::BrokenText { bytes, charset: "utf8" },
    }
}

/// The text of an integer of any length; `None` for what is none.
fn whole_number(text: &[u8]) -> Option<Cell<'_>> {
    let text = std::str::from_utf8(text).ok()?;
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    plain.then(|| text.parse().map_or(Cell::BigDecimal(text), Cell::Int))
}

/// DuckDB's infinities are the largest count and its negative.
pub(in crate::readers) fn date(days: i32) -> Cell<'static> {
    match days {
        i32::MAX => Cell::TemporalInfinity {
            kind: Temporal::Date,
            negative: false,
        },
        days if days == -i32::MAX => Cell::TemporalInfinity {
            kind: Temporal::Date,
            negative: true,
        },
        days => Cell::Date(days.into()),
    }
}

pub(in crate::readers) fn moment(count: i64, unit: Unit, kind: Temporal) -> Option<Cell<'static>> {
    if count == i64::MAX || count == -i64::MAX {
        return Some(Cell::TemporalInfinity {
            kind,
            negative: count < 0,
        });
    }
    let ticks = match unit {
        Unit::Second => Ticks::from_micros(count.checked_mul(1_000_000)?),
        Unit::Millisecond => Ticks::from_micros(count.checked_mul(1_000)?),
        Unit::Microsecond => Ticks::from_micros(count),
        Unit::Nanosecond => nanoseconds(count),
    };
    Some(if kind == Temporal::Instant {
        Cell::Instant(ticks)
    } else {
        Cell::Timestamp(ticks)
    })
}

pub(in crate::readers) fn nanoseconds(count: i64) -> Ticks {
    // The remainder is 0..=999, so the cast cannot lose.
    Ticks {
        micros: count.div_euclid(1000),
        nanos: count.rem_euclid(1000) as u16,
    }
}

fn timetz(bytes: &[u8]) -> Option<Cell<'static>> {
    let packed = u64::from_le_bytes(bytes.try_into().ok()?);
    let micros = i64::try_from(packed >> 24).ok()?;
    let stored = i32::try_from(packed & 0xff_ffff).ok()?;
    Some(Cell::TimeTz {
        local: Ticks::from_micros(micros),
        offset_seconds: TIMETZ_MAX_OFFSET_SECONDS - stored,
    })
}

fn uuid(text: &[u8]) -> Option<[u8; 16]> {
    let mut value = [0u8; 16];
    let mut digits = text.iter().filter(|byte| **byte != b'-');
    for byte in &mut value {
        let high = char::from(*digits.next()?).to_digit(16)?;
        let low = char::from(*digits.next()?).to_digit(16)?;
        *byte = u8::try_from(high * 16 + low).ok()?;
    }
    digits.next().is_none().then_some(value)
}

impl Strings {
    fn new(array: &ArrayRef) -> Result<Self> {
        Ok(match array.data_type() {
            DataType::Utf8 => Self::Small(array.as_string::<i32>().clone().into()),
            DataType::LargeUtf8 => Self::Large(array.as_string::<i64>().clone().into()),
            DataType::Utf8View => Self::View(array.as_string_view().clone().to_binary_view()),
            DataType::Binary => Self::Small(array.as_binary::<i32>().clone()),
            DataType::LargeBinary => Self::Large(array.as_binary::<i64>().clone()),
            DataType::BinaryView => Self::View(array.as_binary_view().clone()),
            DataType::Dictionary(..) => {
                let dictionary = array.as_any_dictionary();
                // Without values every row is NULL, and no key is looked up.
                let keys = if dictionary.values().is_empty() {
                    Vec::new()
                } else {
                    dictionary.normalized_keys()
                };
                Self::Dictionary {
                    keys,
                    values: Box::new(Self::new(dictionary.values())?),
                }
            }
            other => {
                return Err(Error::Unsupported {
                    column: String::new(),
                    type_name: other.to_string(),
                })
            }
        })
    }

    fn get(&self, index: usize) -> &[u8] {
        match self {
            Self::Small(array) => array.value(index),
            Self::Large(array) => array.value(index),
            Self::View(array) => array.value(index),
            Self::Dictionary { keys, values } => values.get(keys[index]),
        }
    }
}

/// Bit strings, shifted to begin in the highest bit. DuckDB writes the number of padding bits, then the padding (ones)
/// and the bits.
struct Bits {
    ends: Vec<usize>,
    lengths: Vec<u32>,
    bytes: Vec<u8>,
}

impl Bits {
    fn new(strings: &Strings, array: &ArrayRef) -> Result<Self> {
        let mut made = Self {
            ends: vec![0],
            lengths: Vec::with_capacity(array.len()),
            bytes: Vec::new(),
        };
        for index in 0..array.len() {
            if array.is_valid(index) {
                made.push(strings.get(index))?;
            } else {
                made.lengths.push(0);
            }
            made.ends.push(made.bytes.len());
        }
        Ok(made)
    }

    fn push(&mut self, stored: &[u8]) -> Result<()> {
        let damaged = || Error::Protocol {
            engine: "duckdb",
            message: "a bit string without its padding".to_owned(),
        };
        let (padding, body) = stored.split_first().ok_or_else(damaged)?;
        let shift = u32::from(*padding);
        let bits = (body.len() * 8)
            .checked_sub(shift as usize)
            .filter(|_| shift < 8)
            .ok_or_else(damaged)?;
        let length = u32::try_from(bits).map_err(|_| Error::Limit("a bit string of 512 MiB or more".to_owned()))?;
        for (index, byte) in body.iter().enumerate() {
            let next = body.get(index + 1).copied().unwrap_or(0);
            let window = u32::from(*byte) << 8 | u32::from(next);
            self.bytes.push((window << shift >> 8 & 0xff) as u8);
        }
        self.lengths.push(length);
        Ok(())
    }

    fn cell(&self, index: usize) -> Cell<'_> {
        Cell::Bit {
            bits: self.lengths[index],
            bytes: &self.bytes[self.ends[index]..self.ends[index + 1]],
        }
    }
}
