//! One field: a cell in the binary form that its column's `*_recv` function takes, or the reason why not.

use super::nested;
use super::numeric::{self, Digits};
use super::target::TargetType;
use crate::cell::{Cell, Network, Temporal, Ticks};
use crate::readers::postgres::types::{ENDLESS, EPOCH_DAYS, EPOCH_MICROS};
use crate::temporal;

/// Julian day 0 and 5874898-01-01, in days since 2000-01-01: the first date and the one after the last.
const DATES: std::ops::Range<i64> = -2_451_545..2_145_031_949;
/// 4714-11-24 BC and 294277-01-01, in microseconds since 2000-01-01.
const MOMENTS: std::ops::Range<i64> = -211_813_488_000_000_000..9_223_371_331_200_000_000;
const DAY_MICROS: i64 = 86_400_000_000;
/// The server takes offsets below 16 hours.
const MAX_OFFSET_SECONDS: i32 = 16 * 3_600 - 1;
/// NAMEDATALEN − 1.
const MAX_NAME_BYTES: usize = 63;

pub(super) type Outcome = Result<(), String>;

/// Appends the field without its length. The cell is not NULL.
pub fn encode(target: &TargetType, cell: &Cell<'_>, out: &mut Vec<u8>) -> Outcome {
    match *target {
        TargetType::Bool => boolean(cell, out),
        TargetType::Int2 => put(out, &integer::<i16>(cell, "int2")?.to_be_bytes()),
        TargetType::Int4 => put(out, &integer::<i32>(cell, "int4")?.to_be_bytes()),
        TargetType::Int8 => put(out, &integer::<i64>(cell, "int8")?.to_be_bytes()),
        TargetType::Oid => put(out, &integer::<u32>(cell, "oid")?.to_be_bytes()),
        TargetType::Float4 => single(cell, out),
        TargetType::Float8 => double(cell, out),
        TargetType::Numeric(modifier) => decimal(cell, modifier, out),
        TargetType::Text(most) => text(cell, most, out),
        TargetType::PaddedText(most) => padded_text(cell, most, out),
        TargetType::Name => name(cell, "name", out),
        TargetType::Bytes => match cell {
            Cell::Bytes(bytes) => put(out, bytes),
            _ => misfit(cell, "bytea"),
        },
        TargetType::Uuid => match cell {
            Cell::Uuid(bytes) => put(out, bytes),
            _ => misfit(cell, "uuid"),
        },
        TargetType::Bit(exact) => bits(cell, exact, true, out),
        TargetType::VarBit(most) => bits(cell, most, false, out),
        TargetType::Date => date(cell, out),
        TargetType::Time(digits) => match cell {
            Cell::Time(ticks) => time_of_day(*ticks, digits, out),
            _ => misfit(cell, "time"),
        },
        TargetType::TimeTz(digits) => time_tz(cell, digits, out),
        TargetType::Timestamp(digits) => match cell {
            Cell::Timestamp(ticks) => moment(*ticks, digits, out),
            Cell::TemporalInfinity {
                kind: Temporal::Timestamp,
                negative,
            } => put(out, &infinity(*negative)),
            Cell::ImpossibleTimestamp { .. } => last_years(cell, digits, out),
            _ => misfit(cell, "timestamp"),
        },
        TargetType::Instant(digits) => match cell {
            Cell::Instant(ticks) => moment(*ticks, digits, out),
            Cell::TemporalInfinity {
                kind: Temporal::Instant,
                negative,
            } => put(out, &infinity(*negative)),
            Cell::ImpossibleTimestamp { .. } => last_years(cell, digits, out),
            _ => misfit(cell, "timestamptz"),
        },
        TargetType::Interval(digits) => interval(cell, digits, out),
        TargetType::EndlessInterval(digits) => endless_interval(cell, digits, out),
        TargetType::Json => json(cell, out),
        TargetType::Jsonb => put(out, &[1]).and_then(|()| json(cell, out)),
        TargetType::Enum => name(cell, "enum", out),
        TargetType::Network(kind, bytes) => network(cell, kind, bytes, out),
        TargetType::Money => match cell {
            Cell::Money(units) => put(out, &units.to_be_bytes()),
            _ => misfit(cell, "money"),
        },
        TargetType::Char => match cell {
            Cell::Bytes([byte]) => put(out, &[*byte]),
            _ => misfit(cell, "\"char\""),
        },
        TargetType::Uint8 => put(
            out,
            &integer::<u64>(cell, "an unsigned number of 64 bits")?.to_be_bytes(),
        ),
        TargetType::JsonPath => put(out, &[1]).and_then(|()| put(out, storable(cell, "jsonpath")?.as_bytes())),
        TargetType::Opaque(name) => match cell {
            Cell::Bytes([0, 0, 0, 0]) if name == "tsquery" => {
                Err("an empty tsquery, which no server takes back in the form that it sends".into())
            }
            Cell::Bytes(bytes) => put(out, bytes),
            _ => misfit(cell, name),
        },
        TargetType::Nested(ref target) => nested::encode(target, cell, out),
    }
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) -> Outcome {
    out.extend_from_slice(bytes);
    Ok(())
}

fn misfit(cell: &Cell<'_>, target: &str) -> Outcome {
    match cell {
        Cell::ImpossibleDate { .. } | Cell::ImpossibleTimestamp { .. } => Err("a date that no calendar has".into()),
        _ => Err(format!("{} does not fit {target}", cell.kind())),
    }
}

fn boolean(cell: &Cell<'_>, out: &mut Vec<u8>) -> Outcome {
    match cell {
        Cell::Bool(value) => put(out, &[u8::from(*value)]),
        _ => misfit(cell, "bool"),
    }
}

fn integer<T: TryFrom<i128>>(cell: &Cell<'_>, target: &str) -> Result<T, String> {
    let value = match cell {
        Cell::Int(value) => Some(*value),
        Cell::Decimal {
            negative,
            coefficient,
            scale,
        } => numeric::whole(&Digits::new(*coefficient, *scale).number(*negative)),
        Cell::BigDecimal(text) => numeric::parse(text).and_then(|number| numeric::whole(&number)),
        _ => return Err(format!("{} does not fit {target}", cell.kind())),
    };
    let fits = value.and_then(|value| T::try_from(value).ok());
    fits.ok_or_else(|| format!("out of {target}'s range, or with a fraction"))
}

fn single(cell: &Cell<'_>, out: &mut Vec<u8>) -> Outcome {
    let Cell::Float(value) = cell else {
        return misfit(cell, "float4");
    };
    let narrow = *value as f32;
    match value.is_nan() || f64::from(narrow) == *value {
        true => put(out, &narrow.to_be_bytes()),
        false => Err("float4 would round".into()),
    }
}

fn double(cell: &Cell<'_>, out: &mut Vec<u8>) -> Outcome {
    match cell {
        Cell::Float(value) => put(out, &value.to_be_bytes()),
        _ => misfit(cell, "float8"),
    }
}

fn decimal(cell: &Cell<'_>, modifier: Option<(i32, i32)>, out: &mut Vec<u8>) -> Outcome {
    match cell {
        Cell::Int(value) => numeric::encode(&Digits::new(value.unsigned_abs(), 0).number(*value < 0), modifier, out),
        Cell::Decimal {
            negative,
            coefficient,
            scale,
        } => numeric::encode(&Digits::new(*coefficient, *scale).number(*negative), modifier, out),
        Cell::BigDecimal(text) => match numeric::parse(text) {
            Some(number) => numeric::encode(&number, modifier, out),
            None => Err("a decimal that is not written as one".into()),
        },
        Cell::DecimalNan => {
            numeric::encode_nan(out);
            Ok(())
        }
        Cell::DecimalInfinity { negative } => numeric::encode_infinity(*negative, modifier, out),
        _ => misfit(cell, "numeric"),
    }
}

/// Text that PostgreSQL can store at all.
fn storable<'a>(cell: &Cell<'a>, target: &str) -> Result<&'a str, String> {
    let text = match cell {
        Cell::Text(text) | Cell::Enum(text) | Cell::Json(text) => *text,
        Cell::BrokenText { charset, .. } => return Err(format!("bytes that are not text in {charset}")),
        _ => return Err(format!("{} does not fit {target}", cell.kind())),
    };
    match text.as_bytes().contains(&0) {
        true => Err("a NUL character, which PostgreSQL cannot store in text".into()),
        false => Ok(text),
    }
}

fn within(text: &str, most: Option<usize>, target: &str) -> Outcome {
    let Some(most) = most.filter(|most| text.len() > *most) else {
        return Ok(());
    };
    match text.chars().count() {
        count if count > most => Err(format!("{count} characters, {target}({most}) holds {most}")),
        _ => Ok(()),
    }
}

fn text(cell: &Cell<'_>, most: Option<usize>, out: &mut Vec<u8>) -> Outcome {
    let text = storable(cell, "text")?;
    within(text, most, "varchar")?;
    put(out, text.as_bytes())
}

fn padded_text(cell: &Cell<'_>, most: Option<usize>, out: &mut Vec<u8>) -> Outcome {
    let text = storable(cell, "bpchar")?;
    within(text, most, "bpchar")?;
    if text.ends_with(' ') {
        return Err("trailing spaces, which bpchar cannot tell from its own padding".into());
    }
    put(out, text.as_bytes())
}

fn name(cell: &Cell<'_>, target: &str, out: &mut Vec<u8>) -> Outcome {
    let text = storable(cell, target)?;
    match text.len() <= MAX_NAME_BYTES {
        true => put(out, text.as_bytes()),
        false => Err(format!("{} bytes, {target} holds {MAX_NAME_BYTES}", text.len())),
    }
}

fn json(cell: &Cell<'_>, out: &mut Vec<u8>) -> Outcome {
    match cell {
        Cell::Json(_) => put(out, storable(cell, "json")?.as_bytes()),
        _ => misfit(cell, "json"),
    }
}

/// `network_send`'s family numbers are PostgreSQL's own: 2 for IPv4, 3 for IPv6.
fn network(cell: &Cell<'_>, wanted: Network, bytes: usize, out: &mut Vec<u8>) -> Outcome {
    match *cell {
        Cell::Network { kind, prefix, address } if kind == wanted && wanted != Network::Mac => {
            let family = if address.len() == 4 { 2 } else { 3 };
            let cidr = u8::from(kind == Network::Cidr);
            out.extend_from_slice(&[family, prefix, cidr, address.len() as u8]);
            put(out, address)
        }
        Cell::Network { kind, address, .. } if kind == wanted && address.len() == bytes => put(out, address),
        _ => misfit(cell, "this type of network address"),
    }
}

fn bits(cell: &Cell<'_>, limit: Option<usize>, exact: bool, out: &mut Vec<u8>) -> Outcome {
    let Cell::Bit { bits, bytes } = cell else {
        return misfit(cell, "bit");
    };
    let count = *bits as usize;
    if limit.is_some_and(|limit| count > limit || (exact && count < limit)) {
        return Err(format!("{count} bits for a column of another length"));
    }
    let Ok(length) = i32::try_from(*bits) else {
        return Err("more bits than PostgreSQL holds".into());
    };
    put(out, &length.to_be_bytes()).and_then(|()| put(out, bytes))
}

fn date(cell: &Cell<'_>, out: &mut Vec<u8>) -> Outcome {
    match cell {
        Cell::Date(days) => match days.checked_sub(EPOCH_DAYS).filter(|days| DATES.contains(days)) {
            Some(days) => put(out, &(days as i32).to_be_bytes()),
            None => Err("outside of date's range, 4714-11-24 BC to 5874897-12-31".into()),
        },
        Cell::TemporalInfinity {
            kind: Temporal::Date,
            negative: true,
        } => put(out, &i32::MIN.to_be_bytes()),
        Cell::TemporalInfinity {
            kind: Temporal::Date,
            negative: false,
        } => put(out, &i32::MAX.to_be_bytes()),
        _ => misfit(cell, "date"),
    }
}

/// The microseconds, if neither the engine nor the column's digits would round them.
fn exact_micros(ticks: Ticks, digits: u32) -> Result<i64, String> {
    let unit = 10_i64.pow(6_u32.saturating_sub(digits));
    match ticks.nanos == 0 && ticks.micros % unit == 0 {
        true => Ok(ticks.micros),
        false => Err(format!("finer than {digits} digits of a second: it would be rounded")),
    }
}

fn time_of_day(ticks: Ticks, digits: u32, out: &mut Vec<u8>) -> Outcome {
    match exact_micros(ticks, digits)? {
        micros @ 0..=DAY_MICROS => put(out, &micros.to_be_bytes()),
        _ => Err("a time outside of 00:00 to 24:00".into()),
    }
}

fn time_tz(cell: &Cell<'_>, digits: u32, out: &mut Vec<u8>) -> Outcome {
    let Cell::TimeTz { local, offset_seconds } = cell else {
        return misfit(cell, "timetz");
    };
    if !(-MAX_OFFSET_SECONDS..=MAX_OFFSET_SECONDS).contains(offset_seconds) {
        return Err("an offset of 16 hours or more".into());
    }
    time_of_day(*local, digits, out)?;
    put(out, &(-offset_seconds).to_be_bytes())
}

fn infinity(negative: bool) -> [u8; 8] {
    if negative { i64::MIN } else { i64::MAX }.to_be_bytes()
}

fn moment(ticks: Ticks, digits: u32, out: &mut Vec<u8>) -> Outcome {
    let micros = exact_micros(ticks, digits)?.checked_sub(EPOCH_MICROS);
    match micros.filter(|micros| MOMENTS.contains(micros)) {
        Some(micros) => put(out, &micros.to_be_bytes()),
        None => Err("outside of timestamp's range, 4714-11-24 BC to 294276-12-31".into()),
    }
}

/// A moment that 64 bits of microseconds since 1970 do not reach, but since 2000 do.
fn last_years(cell: &Cell<'_>, digits: u32, out: &mut Vec<u8>) -> Outcome {
    let Cell::ImpossibleTimestamp {
        year,
        month,
        day,
        micros,
    } = *cell
    else {
        return misfit(cell, "timestamp");
    };
    exact_micros(Ticks::from_micros(micros), digits)?;
    let since_2000 = temporal::days(year.into(), month, day)
        .and_then(|days| (days - EPOCH_DAYS).checked_mul(DAY_MICROS)?.checked_add(micros));
    match since_2000.filter(|micros| MOMENTS.contains(micros)) {
        Some(micros) => put(out, &micros.to_be_bytes()),
        None => misfit(cell, "timestamp"),
    }
}

/// With what PostgreSQL 17 and later take for an infinity: a finite interval of the same bytes has no place there.
fn endless_interval(cell: &Cell<'_>, digits: u32, out: &mut Vec<u8>) -> Outcome {
    match *cell {
        Cell::TemporalInfinity {
            kind: Temporal::Interval,
            negative,
        } => {
            let (months, days, micros) = ENDLESS[usize::from(negative)];
            put_interval(months, days, micros, out)
        }
        Cell::Interval { months, days, micros } if ENDLESS.contains(&(months, days, micros)) => {
            Err("the longest interval of all, which PostgreSQL takes for an infinity from version 17 on".into())
        }
        _ => interval(cell, digits, out),
    }
}

fn interval(cell: &Cell<'_>, digits: u32, out: &mut Vec<u8>) -> Outcome {
    if let Cell::TemporalInfinity {
        kind: Temporal::Interval,
        ..
    } = cell
    {
        return Err("infinity, which intervals of PostgreSQL have from version 17 on".into());
    }
    let Cell::Interval { months, days, micros } = *cell else {
        return misfit(cell, "interval");
    };
    put_interval(months, days, exact_micros(Ticks::from_micros(micros), digits)?, out)
}

fn put_interval(months: i32, days: i32, micros: i64, out: &mut Vec<u8>) -> Outcome {
    out.extend_from_slice(&micros.to_be_bytes());
    out.extend_from_slice(&days.to_be_bytes());
    put(out, &months.to_be_bytes())
}
