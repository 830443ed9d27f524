//! What stored bytes stand for, by DuckDB's type of the column: exactly what DuckDB's own reader makes of them.
//!
//! One difference: numbers that the column's type cannot hold (a file whose values contradict its schema) are damage
//! here, while DuckDB cuts their upper bits off.
use super::footer::{Leaf, Meaning, Physical, Unit};
use crate::cell::{Cell, Temporal, Ticks};
use crate::readers::arrow::types::{DuckType, Unit as DuckUnit};
use crate::readers::arrow::{date, decimal, moment, nanoseconds};

/// How a column's values become cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A bit.
    Boolean,
    /// A number between two ends; what is stored as 32 bits without a sign is widened first.
    Integer {
        /// Its 32 bits have no sign.
        unsigned32: bool,
        /// The least and the largest.
        ends: (i64, i64),
    },
    /// 64 bits without a sign.
    Unsigned64,
    /// IEEE 754 single.
    Single,
    /// IEEE 754 double.
    Double,
    /// IEEE 754 half.
    Half,
    /// Days.
    Date,
    /// Time of day, its offset +00 if there is one.
    Time(Unit, bool),
    /// A moment in units of the file.
    Moment(Unit, Temporal),
    /// A decimal's digits as a number or as big-endian bytes, and how many bytes DuckDB has for them.
    Decimal {
        /// Digits behind the point.
        scale: u32,
        /// 2, 4, 8 or 16.
        bytes: u32,
    },
    /// UTF-8.
    Text,
    /// UTF-8 that is JSON.
    Json,
    /// Bytes.
    Bytes,
    /// 16 bytes.
    Uuid,
    /// Three numbers of 32 bits.
    Interval,
}

impl Kind {
    /// How a column is read that DuckDB reads as `duck`; `None` where this reader does not know to do the same.
    pub fn of(leaf: &Leaf, duck: DuckType) -> Option<Self> {
        Some(match (leaf.physical, leaf.meaning, duck) {
            (Physical::Boolean, Meaning::Plain, DuckType::Boolean) => Self::Boolean,
            (Physical::Int32, Meaning::Plain, DuckType::Date) => Self::Date,
            (Physical::Int32 | Physical::Int64, Meaning::Plain, DuckType::Integer { bytes, signed }) => {
                return integer(leaf.physical == Physical::Int32, bytes, signed);
            }
            (Physical::Float, Meaning::Plain, DuckType::Float) => Self::Single,
            (Physical::Double, Meaning::Plain, DuckType::Double) => Self::Double,
            (Physical::Fixed(2), Meaning::Float16, DuckType::Float) => Self::Half,
            (Physical::Fixed(16), Meaning::Uuid, DuckType::Uuid) => Self::Uuid,
            (Physical::Fixed(12), Meaning::Interval, DuckType::Interval) => Self::Interval,
            (Physical::Int32, Meaning::Time(Unit::Milli), DuckType::Time) => Self::Time(Unit::Milli, false),
            (Physical::Int64, Meaning::Time(Unit::Micro), DuckType::Time) => Self::Time(Unit::Micro, false),
            (Physical::Int64, Meaning::Time(Unit::Nano), DuckType::TimeNs) => Self::Time(Unit::Nano, false),
            (Physical::Int64, Meaning::Time(Unit::Micro), DuckType::TimeTz) => Self::Time(Unit::Micro, true),
            (Physical::Int64, Meaning::Timestamp(unit), DuckType::Timestamp(as_read)) if holds(as_read, unit) => {
                Self::Moment(unit, Temporal::Timestamp)
            }
            (Physical::Int64, Meaning::Timestamp(unit), DuckType::TimestampTz) if unit != Unit::Nano => {
                Self::Moment(unit, Temporal::Instant)
            }
            (
                Physical::Int32 | Physical::Int64 | Physical::Bytes | Physical::Fixed(_),
                Meaning::Decimal(stored),
                DuckType::Decimal { precision, scale },
            ) if stored == i32::from(scale) => Self::Decimal {
                scale: scale.into(),
                bytes: match precision {
                    0..=4 => 2,
                    5..=9 => 4,
                    10..=18 => 8,
                    _ => 16,
                },
            },
            (Physical::Bytes, Meaning::Plain, DuckType::Varchar) => Self::Text,
            (Physical::Bytes, Meaning::Plain, DuckType::Json) => Self::Json,
            (Physical::Bytes | Physical::Fixed(_), Meaning::Plain, DuckType::Blob) => Self::Bytes,
            _ => return None,
        })
    }

    /// The cell of a number as it is stored; floats as their bits. `None`: no value of the column's type.
    pub fn of_number(self, number: i64) -> Option<Cell<'static>> {
        Some(match self {
            Self::Boolean => Cell::Bool(number != 0),
            Self::Integer { unsigned32, ends } => {
                let number = if unsigned32 { i64::from(number as u32) } else { number };
                (ends.0..=ends.1)
                    .contains(&number)
                    .then_some(Cell::Int(number.into()))?
            }
            Self::Unsigned64 => Cell::Int((number as u64).into()),
            Self::Single => Cell::Float(f32::from_bits(number as u32).into()),
            Self::Double => Cell::Float(f64::from_bits(number as u64)),
            Self::Date => date(i32::try_from(number).ok()?),
            Self::Time(unit, with_offset) => time(number, unit, with_offset)?,
            Self::Moment(unit, kind) => moment(number, duck_unit(unit), kind)?,
            Self::Decimal { scale, bytes } => sized_decimal(number.into(), scale, bytes)?,
            _ => return None,
        })
    }

    /// The cell of a value that is stored as bytes. `None`: no value of the column's type.
    pub fn of_bytes(self, bytes: &[u8]) -> Option<Cell<'_>> {
        Some(match self {
            Self::Text => Cell::Text(std::str::from_utf8(bytes).ok()?),
            Self::Json => Cell::Json(std::str::from_utf8(bytes).ok()?),
            Self::Bytes => Cell::Bytes(bytes),
            Self::Uuid => Cell::Uuid(bytes.try_into().ok()?),
            Self::Half => Cell::Float(half(u16::from_le_bytes(bytes.try_into().ok()?))),
            Self::Decimal { scale, bytes: size } => sized_decimal(big_endian(bytes)?, scale, size)?,
            Self::Interval => {
                let part = |at: usize| Some(i32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
                let millis = part(8)? as u32;
                Cell::Interval {
                    months: part(0)?,
                    days: part(4)?,
                    micros: i64::from(millis) * 1000,
                }
            }
            _ => return None,
        })
    }

    /// Why there is no cell, in words.
    pub fn refusal(self) -> &'static str {
        match self {
            Self::Text | Self::Json => "not valid UTF8",
            _ => "a value that its type cannot have",
        }
    }
}

fn integer(is_small: bool, bytes: u8, signed: bool) -> Option<Kind> {
    let ends = match (bytes, signed) {
        (1, true) => (i8::MIN.into(), i8::MAX.into()),
        (2, true) => (i16::MIN.into(), i16::MAX.into()),
        (4, true) => (i32::MIN.into(), i32::MAX.into()),
        (8, true) => (i64::MIN, i64::MAX),
        (1, false) => (0, u8::MAX.into()),
        (2, false) => (0, u16::MAX.into()),
        (4, false) => (0, u32::MAX.into()),
        (8, false) if !is_small => return Some(Kind::Unsigned64),
        _ => return None,
    };
    (is_small == (bytes < 8)).then_some(Kind::Integer {
        unsigned32: is_small && !signed,
        ends,
    })
}

/// Whether DuckDB's unit holds the file's without loss.
fn holds(duck: DuckUnit, unit: Unit) -> bool {
    match duck {
        DuckUnit::Second => false,
        DuckUnit::Millisecond => unit == Unit::Milli,
        DuckUnit::Microsecond => unit != Unit::Nano,
        DuckUnit::Nanosecond => unit == Unit::Nano,
    }
}

fn duck_unit(unit: Unit) -> DuckUnit {
    match unit {
        Unit::Milli => DuckUnit::Millisecond,
        Unit::Micro => DuckUnit::Microsecond,
        Unit::Nano => DuckUnit::Nanosecond,
    }
}

fn time(number: i64, unit: Unit, with_offset: bool) -> Option<Cell<'static>> {
    let local = match unit {
        Unit::Milli => Ticks::from_micros(number.checked_mul(1000)?),
        Unit::Micro => Ticks::from_micros(number),
        Unit::Nano => nanoseconds(number),
    };
    Some(if with_offset {
        Cell::TimeTz {
            local,
            offset_seconds: 0,
        }
    } else {
        Cell::Time(local)
    })
}

fn sized_decimal(value: i128, scale: u32, bytes: u32) -> Option<Cell<'static>> {
    let shift = 128 - bytes * 8;
    (value << shift >> shift == value).then(|| decimal(value, scale))
}

/// A big-endian number in two's complement; `None` beyond 128 bits.
fn big_endian(bytes: &[u8]) -> Option<i128> {
    let sign = bytes.first().map_or(0, |first| if *first < 0x80 { 0 } else { 0xff });
    let (above, kept) = bytes.split_at(bytes.len().saturating_sub(16));
    let mut wide = [sign; 16];
    wide[16 - kept.len()..].copy_from_slice(kept);
    let value = i128::from_be_bytes(wide);
    (above.iter().all(|byte| *byte == sign) && (value < 0) == (sign != 0)).then_some(value)
}

/// A half as the double of the same value.
fn half(bits: u16) -> f64 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
    match exponent {
        0 => sign * fraction * 2_f64.powi(-24),
        31 if fraction == 0.0 => sign * f64::INFINITY,
        31 => f64::NAN,
        exponent => sign * (1024.0 + fraction) * 2_f64.powi(exponent - 25),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_exact() {
        for (bits, value) in [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0400, 6.103_515_625e-5),
            (0x0001, 5.960_464_477_539_063e-8),
            (0x3555, 0.333_251_953_125),
            (0xfc00, f64::NEG_INFINITY),
        ] {
            assert_eq!(half(bits), value);
        }
        assert!(half(0x8000).is_sign_negative() && half(0x7e00).is_nan());
    }

    #[test]
    fn decimals_of_any_width_are_whole_or_refused() {
        assert_eq!(big_endian(&[]), Some(0));
        assert_eq!(big_endian(&[0xff]), Some(-1));
        assert_eq!(big_endian(&[0, 0xff]), Some(255));
        assert_eq!(big_endian(&[0xff; 20]), Some(-1));
        assert_eq!(big_endian(&[1; 17]), None);
        let mut overflow = [0xff; 17];
        overflow[1] = 0;
        assert_eq!(big_endian(&overflow), None);
        assert!(sized_decimal(32_767, 2, 2).is_some() && sized_decimal(32_768, 2, 2).is_none());
        assert!(sized_decimal(i128::MIN, 2, 16).is_some());
    }
}
