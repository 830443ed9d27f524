//! Whether a value fits a DuckDB type exactly, and its bytes there. Nothing is rounded, cut or converted.
use super::column::Buffers;
use crate::cell::{Cell, Temporal, Ticks};
use crate::readers::arrow::types::{DuckType, Unit};
use num_bigint::BigUint;

/// DuckDB's first TIMESTAMP, 290309-12-22 (BC) 00:00:00, in microseconds. Below it DuckDB 2.0 fails an assertion.
const FIRST_MICROSECOND: i64 = -9_223_372_022_400_000_000;
/// The last day before the infinity of dates.
const LAST_DAY: i64 = i32::MAX as i64 - 1;
const DAY_MICROSECONDS: i64 = 86_400_000_000;
const TIMETZ_MAX_OFFSET_SECONDS: i32 = crate::readers::arrow::TIMETZ_MAX_OFFSET_SECONDS;

type Fit<T> = std::result::Result<T, String>;

/// Appends `cell` to a column of `kind` and gives the bytes added; the column stays as it was if the value is refused.
pub fn append(kind: DuckType, cell: &Cell<'_>, column: &mut Buffers) -> Fit<usize> {
    if *cell == Cell::Null {
        return Ok(column.null());
    }
    match (kind, cell) {
        (DuckType::Boolean, Cell::Bool(value)) => Ok(column.value(&[u8::from(*value)])),
        (DuckType::Integer { bytes, signed }, _) => integer(bytes, signed, cell, column),
        (DuckType::Huge { signed }, _) => huge(signed, cell, column),
        (DuckType::Decimal { precision, scale }, _) => {
            Ok(column.value(&decimal(precision.into(), scale.into(), cell)?.to_le_bytes()))
        }
        (DuckType::Float, Cell::Float(value)) => single(*value, column),
        (DuckType::Double, Cell::Float(value)) => Ok(column.value(&value.to_le_bytes())),
        (DuckType::Varchar, Cell::Text(text) | Cell::Json(text) | Cell::Enum(text))
        | (DuckType::Json, Cell::Json(text) | Cell::Text(text))
        | (DuckType::Enum, Cell::Enum(text) | Cell::Text(text)) => Ok(column.value(text.as_bytes())),
        (DuckType::Blob, Cell::Bytes(bytes)) => Ok(column.value(bytes)),
        (DuckType::Uuid, Cell::Uuid(bytes)) => Ok(column.value(bytes)),
        (DuckType::Bit, Cell::Bit { bits, bytes }) => bit(*bits, bytes, column),
        (DuckType::Bignum, _) => whole_text(cell, column),
        _ => temporal(kind, cell, column),
    }
}

/// Digits without a point, for DuckDB's own cast.
fn whole_text(cell: &Cell<'_>, column: &mut Buffers) -> Fit<usize> {
    if let Cell::Int(value) = cell {
        return Ok(column.value(value.to_string().as_bytes()));
    }
    let number = Number::of(cell).ok_or_else(|| wrong_kind(DuckType::Bignum, cell))?;
    let divisor = BigUint::from(10u8).pow(number.scale);
    if &number.coefficient % &divisor != BigUint::ZERO {
        return Err("digits behind the point, which BIGNUM lacks".to_owned());
    }
    let sign = if number.negative { "-" } else { "" };
    Ok(column.value(format!("{sign}{}", number.coefficient / divisor).as_bytes()))
}

/// Why a value does not stand where the column holds something else.
pub fn wrong_kind_of(cell: &Cell<'_>, holds: &str) -> String {
    format!("{} where the column holds {holds}", cell.kind())
}

fn temporal(kind: DuckType, cell: &Cell<'_>, column: &mut Buffers) -> Fit<usize> {
    match (kind, cell) {
        (DuckType::Date, Cell::Date(days)) => date(*days, column),
        (
            DuckType::Date,
            Cell::TemporalInfinity {
                kind: Temporal::Date,
                negative,
            },
        ) => Ok(column.value(&if *negative { -i32::MAX } else { i32::MAX }.to_le_bytes())),
        (DuckType::Time, Cell::Time(ticks)) => Ok(column.value(&time_of_day(*ticks)?.to_le_bytes())),
        (DuckType::TimeNs, Cell::Time(ticks)) => {
            let whole = time_of_day(Ticks {
                micros: ticks.micros,
                nanos: 0,
            })?;
            let after_midnight = whole == DAY_MICROSECONDS && ticks.nanos > 0;
            let nanos = (!after_midnight).then(|| whole * 1000 + i64::from(ticks.nanos));
            Ok(column.value(&nanos.ok_or("outside 00:00:00 to 24:00:00")?.to_le_bytes()))
        }
        (DuckType::TimeTz, Cell::TimeTz { local, offset_seconds }) => timetz(*local, *offset_seconds, column),
        (DuckType::Timestamp(unit), Cell::Timestamp(ticks)) => moment(unit, *ticks, column),
        (DuckType::TimestampTz, Cell::Instant(ticks)) => moment(Unit::Microsecond, *ticks, column),
        (
            DuckType::Timestamp(_),
            Cell::TemporalInfinity {
                kind: Temporal::Timestamp,
                negative,
            },
        )
        | (
            DuckType::TimestampTz,
            Cell::TemporalInfinity {
                kind: Temporal::Instant,
                negative,
            },
        ) => Ok(column.value(&if *negative { -i64::MAX } else { i64::MAX }.to_le_bytes())),
        (DuckType::Interval, Cell::Interval { months, days, micros }) => interval(*months, *days, *micros, column),
        (
            DuckType::Date | DuckType::Timestamp(_) | DuckType::TimestampTz,
            Cell::ImpossibleDate { .. } | Cell::ImpossibleTimestamp { .. },
        ) => Err("a date that no calendar has".to_owned()),
        _ => Err(wrong_kind(kind, cell)),
    }
}

fn wrong_kind(kind: DuckType, cell: &Cell<'_>) -> String {
    format!("{} where the column holds {}", cell.kind(), label(kind))
}

fn label(kind: DuckType) -> String {
    match kind {
        DuckType::Integer { bytes, signed } => {
            format!(
                "{} integers of {} bits",
                if signed { "signed" } else { "unsigned" },
                u32::from(bytes) * 8
            )
        }
        DuckType::Huge { signed } => if signed { "HUGEINT" } else { "UHUGEINT" }.to_owned(),
        DuckType::Decimal { precision, scale } => format!("DECIMAL({precision},{scale})"),
        DuckType::TimeTz => "TIME WITH TIME ZONE".to_owned(),
        DuckType::TimestampTz => "TIMESTAMP WITH TIME ZONE".to_owned(),
        other => format!("{other:?}").to_uppercase(),
    }
}

/// Sign, coefficient without trailing zeros behind the point, and scale of a finite exact number.
struct Number {
    negative: bool,
    coefficient: BigUint,
    scale: u32,
}

impl Number {
    fn of(cell: &Cell<'_>) -> Option<Self> {
        let made = match cell {
            Cell::Int(value) => Self {
                negative: *value < 0,
                coefficient: value.unsigned_abs().into(),
                scale: 0,
            },
            Cell::Decimal {
                negative,
                coefficient,
                scale,
            } => Self {
                negative: *negative,
                coefficient: (*coefficient).into(),
                scale: *scale,
            },
            Cell::BigDecimal(text) => {
                let (negative, digits) = text.strip_prefix('-').map_or((false, *text), |rest| (true, rest));
                let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
                let coefficient = BigUint::parse_bytes(format!("{whole}{fraction}").as_bytes(), 10)?;
                Self {
                    negative,
                    coefficient,
                    scale: u32::try_from(fraction.len()).ok()?,
                }
            }
            _ => return None,
        };
        Some(made)
    }

    /// The magnitude at exactly `scale` digits behind the point, where that loses none.
    fn at_scale(&self, scale: u32) -> Option<u128> {
        let mut coefficient = self.coefficient.clone();
        if self.scale > scale {
            let divisor = BigUint::from(10u8).pow(self.scale - scale);
            (&coefficient % &divisor == BigUint::ZERO).then_some(())?;
            coefficient /= divisor;
        } else {
            coefficient *= BigUint::from(10u8).pow(scale - self.scale);
        }
        u128::try_from(coefficient).ok()
    }
}

/// A whole number as sign and magnitude. Whole decimals count: they are the same exact number.
fn whole(cell: &Cell<'_>) -> Option<Option<(bool, u128)>> {
    if let Cell::Int(value) = cell {
        return Some(Some((*value < 0, value.unsigned_abs())));
    }
    let number = Number::of(cell)?;
    Some(number.at_scale(0).map(|magnitude| (number.negative, magnitude)))
}

fn integer(bytes: u8, signed: bool, cell: &Cell<'_>, column: &mut Buffers) -> Fit<usize> {
    let kind = DuckType::Integer { bytes, signed };
    let outside = || format!("a number outside {}", label(kind));
    let (negative, magnitude) = whole(cell).ok_or_else(|| wrong_kind(kind, cell))?.ok_or_else(outside)?;
    let magnitude = i128::try_from(magnitude).map_err(|_| outside())?;
    let value = if negative { -magnitude } else { magnitude };
    let bits = u32::from(bytes) * 8;
    let (low, high) = if signed {
        (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1)
    } else {
        (0, (1i128 << bits) - 1)
    };
    if (low..=high).contains(&value) {
        return Ok(column.value(&value.to_le_bytes()[..usize::from(bytes)]));
    }
    Err(outside())
}

fn huge(signed: bool, cell: &Cell<'_>, column: &mut Buffers) -> Fit<usize> {
    let kind = DuckType::Huge { signed };
    let outside = || format!("a number outside {}", label(kind));
    let (negative, magnitude) = whole(cell).ok_or_else(|| wrong_kind(kind, cell))?.ok_or_else(outside)?;
    let bits = match (signed, negative && magnitude > 0) {
        (false, true) => None,
        (false, false) => Some(magnitude),
        (true, true) => (magnitude <= 1 << 127).then(|| magnitude.wrapping_neg()),
        (true, false) => (magnitude < 1 << 127).then_some(magnitude),
    };
    Ok(column.value(&bits.ok_or_else(outside)?.to_le_bytes()))
}

fn decimal(precision: u32, scale: u32, cell: &Cell<'_>) -> Fit<i128> {
    let kind = || {
        label(DuckType::Decimal {
            precision: precision as u8,
            scale: scale as u8,
        })
    };
    // The common case needs no big numbers.
    let small = match cell {
        Cell::Int(value) => value.checked_mul(10i128.pow(scale)),
        Cell::Decimal {
            negative,
            coefficient,
            scale: own,
        } if *own <= scale => {
            let magnitude = i128::try_from(*coefficient).ok();
            let value = magnitude.and_then(|magnitude| magnitude.checked_mul(10i128.pow(scale - own)));
            value.map(|value| if *negative { -value } else { value })
        }
        Cell::DecimalNan | Cell::DecimalInfinity { .. } => return Err(format!("{} has no NaN or infinity", kind())),
        _ => None,
    };
    let value = match small {
        Some(value) => value,
        None => {
            let number =
                Number::of(cell).ok_or_else(|| format!("{} where the column holds {}", cell.kind(), kind()))?;
            let magnitude = number
                .at_scale(scale)
                .and_then(|magnitude| i128::try_from(magnitude).ok());
            let magnitude = magnitude.ok_or_else(|| format!("more digits than {}", kind()))?;
            if number.negative {
                -magnitude
            } else {
                magnitude
            }
        }
    };
    if value.unsigned_abs() < 10u128.pow(precision) {
        return Ok(value);
    }
    Err(format!("more digits than {}", kind()))
}

fn single(value: f64, column: &mut Buffers) -> Fit<usize> {
    let narrow = value as f32;
    if value.is_nan() || f64::from(narrow).to_bits() == value.to_bits() {
        return Ok(column.value(&narrow.to_le_bytes()));
    }
    Err("more digits than FLOAT".to_owned())
}

fn bit(bits: u32, bytes: &[u8], column: &mut Buffers) -> Fit<usize> {
    if bits == 0 {
        return Err("BIT has no empty bit string".to_owned());
    }
    let padding = bytes.len() as u32 * 8 - bits;
    let mut stored = vec![padding as u8];
    let mut carry = (0xff00u16 >> padding) as u8;
    if padding == 0 {
        stored.extend_from_slice(bytes);
        return Ok(column.value(&stored));
    }
    for byte in bytes {
        stored.push(byte >> padding | carry);
        carry = byte << (8 - padding);
    }
    Ok(column.value(&stored))
}

fn date(days: i64, column: &mut Buffers) -> Fit<usize> {
    let outside = "outside 5877642-06-25 (BC) to 5881580-07-10";
    let days = i32::try_from(days)
        .ok()
        .filter(|days| i64::from(*days).abs() <= LAST_DAY)
        .ok_or(outside)?;
    Ok(column.value(&days.to_le_bytes()))
}

fn time_of_day(ticks: Ticks) -> Fit<i64> {
    if ticks.nanos != 0 {
        return Err("nanoseconds where the column holds microseconds".to_owned());
    }
    if (0..=DAY_MICROSECONDS).contains(&ticks.micros) {
        return Ok(ticks.micros);
    }
    Err("outside 00:00:00 to 24:00:00".to_owned())
}

fn timetz(local: Ticks, offset_seconds: i32, column: &mut Buffers) -> Fit<usize> {
    let micros = time_of_day(local)?;
    if offset_seconds.abs() > TIMETZ_MAX_OFFSET_SECONDS {
        return Err("an offset outside ±15:59:59".to_owned());
    }
    // Both are not negative by the checks above.
    let packed = (micros as u64) << 24 | (TIMETZ_MAX_OFFSET_SECONDS - offset_seconds) as u64;
    Ok(column.value(&packed.to_le_bytes()))
}

fn moment(unit: Unit, ticks: Ticks, column: &mut Buffers) -> Fit<usize> {
    let per_micro = |divisor: i64| {
        let inside = (FIRST_MICROSECOND..i64::MAX).contains(&ticks.micros);
        let exact = ticks.nanos == 0 && ticks.micros % divisor == 0;
        match (inside, exact) {
            (false, _) => Err("outside 290309-12-22 (BC) to 294247-01-10".to_owned()),
            (true, false) => Err("digits below the column's unit".to_owned()),
            (true, true) => Ok(ticks.micros / divisor),
        }
    };
    let count = match unit {
        Unit::Second => per_micro(1_000_000)?,
        Unit::Millisecond => per_micro(1_000)?,
        Unit::Microsecond => per_micro(1)?,
        Unit::Nanosecond => {
            let nanos = i128::from(ticks.micros) * 1000 + i128::from(ticks.nanos);
            let nanos = i64::try_from(nanos)
                .ok()
                .filter(|nanos| *nanos > -i64::MAX && *nanos < i64::MAX);
            nanos.ok_or("outside 1677-09-21 to 2262-04-11")?
        }
    };
    Ok(column.value(&count.to_le_bytes()))
}

/// A text that DuckDB's cast reads exactly: Arrow's own intervals count nanoseconds, which end at 292 years. A count of
/// 2⁶³ has no literal, so the least one is written as two.
fn interval(months: i32, days: i32, micros: i64, column: &mut Buffers) -> Fit<usize> {
    let least = i64::from(micros == i64::MIN);
    let text = format!(
        "{months} months {days} days {} microseconds {} microseconds",
        micros + least,
        -least
    );
    Ok(column.value(text.as_bytes()))
}
