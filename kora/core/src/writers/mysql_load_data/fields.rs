//! One field: a cell as the text or bytes that its column takes back exactly, or the reason why not.
use super::target::TargetType;
use crate::canon::StructureReader;
use crate::cell::{Cell, Structure, Ticks};
use crate::number::{self, Digits};
use crate::temporal;
use std::io::Write;

/// `838:59:59.999999`, the longest TIME.
const LONGEST_TIME_MICROS: i64 = (((838 * 60 + 59) * 60) + 59) * 1_000_000 + 999_999;
/// `1970-01-01 00:00:01` and the first second behind `2038-01-19 03:14:07`, in microseconds: what every server's
/// TIMESTAMP holds.
const TIMESTAMPS: std::ops::Range<i64> = 1_000_000..2_147_483_648_000_000;
/// Years that DATE and DATETIME hold. The year 0000 is the one before 0001, as the reader takes it.
const YEARS: std::ops::RangeInclusive<i64> = 0..=9999;

type Outcome = Result<(), String>;

/// Appends the field, escaped. The cell is not NULL.
pub fn encode(target: &TargetType, cell: &Cell<'_>, out: &mut Vec<u8>) -> Outcome {
    match target {
        TargetType::Integer(low, high) => integer(cell, *low, *high, out),
        TargetType::Year => match cell {
            // As text, `0` is the year 2000.
            Cell::Int(0) => put(b"0000", out),
            _ => integer(cell, 1901, 2155, out),
        },
        TargetType::Decimal(whole, fraction) => decimal(cell, *whole, *fraction, out),
        TargetType::Float => single(cell, out),
        TargetType::Double => match cell {
            Cell::Float(value) => double(*value, format_args!("{value:e}"), out),
            _ => misfit(cell, "double"),
        },
        TargetType::Text {
            characters,
            bytes,
            padded,
        } => text(cell, *characters, *bytes, *padded, out),
        TargetType::Bytes(most) => match cell {
            Cell::Bytes(bytes) if bytes.len() > *most => Err(format!("{} bytes, the column holds {most}", bytes.len())),
            Cell::Bytes(bytes) => put(bytes, out),
            _ => misfit(cell, "a column of bytes"),
        },
        TargetType::FixedBytes(length) => match cell {
            Cell::Bytes(bytes) if bytes.len() == *length => put(bytes, out),
            Cell::Bytes(bytes) => Err(format!(
                "{} bytes, which binary({length}) would pad or cut",
                bytes.len()
            )),
            _ => misfit(cell, "binary"),
        },
        TargetType::Bit(length) => bits(cell, *length, out),
        TargetType::Date => date(cell, out),
        TargetType::Time(digits) => match cell {
            Cell::Time(ticks) => time(*ticks, *digits, out),
            _ => misfit(cell, "time"),
        },
        TargetType::DateTime(digits) => match cell {
            Cell::Timestamp(ticks) => moment(*ticks, *digits, out),
            Cell::ImpossibleDate { year, month, day } => impossible(*year, *month, *day, " 00:00:00", out),
            Cell::ImpossibleTimestamp {
                year,
                month,
                day,
                micros,
            } => {
                let ticks = Ticks::from_micros(*micros);
                exact_micros(ticks, *digits)?;
                impossible(*year, *month, *day, &clock(ticks), out)
            }
            _ => misfit(cell, "datetime"),
        },
        TargetType::Timestamp(digits) => timestamp(cell, *digits, out),
        TargetType::Json => match cell {
            Cell::Json(text) | Cell::Text(text) => put(text.as_bytes(), out),
            _ => misfit(cell, "json"),
        },
        TargetType::Enum(labels) => label(cell, labels, out),
        TargetType::Address(most) => match cell {
            Cell::Text(text) if text.len() <= *most => put(text.as_bytes(), out),
            _ => misfit(cell, "a network address"),
        },
        TargetType::Set(labels) => set(cell, labels, out),
        TargetType::Vector(singles) => vector(cell, *singles, out),
        TargetType::Geometry => match cell {
            // What the engines store: the reference system, then WKB.
            Cell::Geometry { srid, wkb } => {
                put(&srid.to_le_bytes(), out)?;
                put(wkb, out)
            }
            _ => misfit(cell, "geometry"),
        },
        TargetType::Uuid => match cell {
            Cell::Uuid(bytes) => {
                let mut text = String::with_capacity(36);
                crate::canon::write_uuid(bytes, &mut text);
                put(text.as_bytes(), out)
            }
            Cell::Text(text) if text.len() == 36 => put(text.as_bytes(), out),
            _ => misfit(cell, "uuid"),
        },
    }
}

/// Appends bytes, the five that end or begin something escaped. The apostrophe is for `INSERT`'s sake.
fn put(bytes: &[u8], out: &mut Vec<u8>) -> Outcome {
    out.reserve(bytes.len());
    let mut rest = bytes;
    while let Some(at) = rest
        .iter()
        .position(|byte| matches!(byte, 0 | b'\t' | b'\n' | b'\'' | b'\\'))
    {
        out.extend_from_slice(&rest[..at]);
        let escaped = match rest[at] {
            0 => b'0',
            b'\t' => b't',
            b'\n' => b'n',
            other => other,
        };
        out.extend_from_slice(&[b'\\', escaped]);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    Ok(())
}

fn put_digits(text: std::fmt::Arguments<'_>, out: &mut Vec<u8>) -> Outcome {
    write!(out, "{text}").map_err(|error| error.to_string())
}

fn misfit(cell: &Cell<'_>, target: &str) -> Outcome {
    match cell {
        Cell::TemporalInfinity { .. } => Err("infinity, which the target's clock lacks".into()),
        Cell::DecimalNan | Cell::DecimalInfinity { .. } => Err("NaN or infinity, which DECIMAL lacks".into()),
        Cell::BrokenText { charset, .. } => Err(format!("bytes that are not text in {charset}")),
        _ => Err(format!("{} does not fit {target}", cell.kind())),
    }
}

fn integer(cell: &Cell<'_>, low: i128, high: i128, out: &mut Vec<u8>) -> Outcome {
    let value = match *cell {
        Cell::Int(value) => Some(value),
        Cell::Decimal {
            negative,
            coefficient,
            scale,
        } => match number::normal(coefficient, scale) {
            (whole, 0) => i128::try_from(whole)
                .ok()
                .map(|whole| if negative { -whole } else { whole }),
            _ => None,
        },
        _ => return misfit(cell, "an integer"),
    };
    match value.filter(|value| (low..=high).contains(value)) {
        Some(value) => put_digits(format_args!("{value}"), out),
        None => Err(format!("out of the range from {low} to {high}, or with a fraction")),
    }
}

fn decimal(cell: &Cell<'_>, whole: usize, fraction: usize, out: &mut Vec<u8>) -> Outcome {
    let mut shown = String::new();
    if !number::write_shortest(cell, &mut shown) {
        return misfit(cell, "decimal");
    }
    let Some(digits) = Digits::parse(&shown) else {
        return Err("a decimal that is not written as one".into());
    };
    if digits.whole.trim_start_matches('0').len() > whole || digits.fraction.len() > fraction {
        return Err(format!(
            "more than {whole} digits in front of the point or {fraction} behind it"
        ));
    }
    put(shown.as_bytes(), out)
}

fn single(cell: &Cell<'_>, out: &mut Vec<u8>) -> Outcome {
    let Cell::Float(value) = cell else {
        return misfit(cell, "float");
    };
    let narrow = *value as f32;
    match value.is_nan() || f64::from(narrow) == *value {
        // The server reads a double and rounds it to a single, which is exact for these digits.
        true => double(*value, format_args!("{value:e}"), out),
        false => Err("float would round".into()),
    }
}

/// The shortest decimal that names the double, which the server's `strtod` reads back bit for bit.
fn double(value: f64, shown: std::fmt::Arguments<'_>, out: &mut Vec<u8>) -> Outcome {
    if !value.is_finite() {
        return Err("NaN or infinity, which the target lacks".into());
    }
    if value == 0.0 && value.is_sign_negative() {
        return Err("-0.0, which the target stores as 0".into());
    }
    put_digits(shown, out)
}

fn text(cell: &Cell<'_>, characters: Option<usize>, bytes: usize, padded: bool, out: &mut Vec<u8>) -> Outcome {
    let text = match cell {
        Cell::Text(text) | Cell::Enum(text) | Cell::Json(text) => *text,
        _ => return misfit(cell, "a column of text"),
    };
    if text.len() > bytes {
        return Err(format!("{} bytes, the column holds {bytes}", text.len()));
    }
    if let Some(most) = characters.filter(|most| text.len() > *most) {
        let count = text.chars().count();
        if count > most {
            return Err(format!("{count} characters, the column holds {most}"));
        }
    }
    if padded && text.ends_with(' ') {
        return Err("trailing blanks, which char cannot tell from its own padding".into());
    }
    put(text.as_bytes(), out)
}

/// A bit string as the number that the column holds, without the bytes in front that are zero.
fn bits(cell: &Cell<'_>, length: u32, out: &mut Vec<u8>) -> Outcome {
    let Cell::Bit { bits, bytes } = cell else {
        return misfit(cell, "bit");
    };
    if *bits != length || bytes.len() > 8 {
        return Err(format!("{bits} bits for a column of {length}"));
    }
    let value = bytes.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    let unused = (8 * bytes.len() as u32).saturating_sub(length);
    put(&(value >> unused).to_be_bytes()[8 - bytes.len()..], out)
}

/// The microseconds, if the column's digits would not round them.
fn exact_micros(ticks: Ticks, digits: u32) -> Result<i64, String> {
    let unit = 10_i64.pow(6_u32.saturating_sub(digits));
    match ticks.nanos == 0 && ticks.micros % unit == 0 {
        true => Ok(ticks.micros),
        false => Err(format!("finer than {digits} digits of a second: it would be rounded")),
    }
}

fn shown_date(days: i64, out: &mut Vec<u8>) -> Outcome {
    let (year, month, day) = temporal::civil(days);
    match YEARS.contains(&year) {
        true => put_digits(format_args!("{year:04}-{month:02}-{day:02}"), out),
        false => Err("a year outside of 0000 to 9999".into()),
    }
}

fn date(cell: &Cell<'_>, out: &mut Vec<u8>) -> Outcome {
    match cell {
        Cell::Date(days) => shown_date(*days, out),
        Cell::ImpossibleDate { year, month, day } => impossible(*year, *month, *day, "", out),
        _ => misfit(cell, "date"),
    }
}

/// A date that the engine takes although no calendar has it, under `ALLOW_INVALID_DATES`.
fn impossible(year: i32, month: u8, day: u8, behind: &str, out: &mut Vec<u8>) -> Outcome {
    match (0..=9999).contains(&year) && month <= 12 && day <= 31 {
        true => put_digits(format_args!("{year:04}-{month:02}-{day:02}{behind}"), out),
        false => Err("a date that neither a calendar nor the target has".into()),
    }
}

fn time(ticks: Ticks, digits: u32, out: &mut Vec<u8>) -> Outcome {
    let micros = exact_micros(ticks, digits)?;
    if !(-LONGEST_TIME_MICROS..=LONGEST_TIME_MICROS).contains(&micros) {
        return Err("a time beyond 838:59:59".into());
    }
    let mut shown = String::new();
    temporal::write_time(ticks, &mut shown);
    put(shown.as_bytes(), out)
}

fn moment(ticks: Ticks, digits: u32, out: &mut Vec<u8>) -> Outcome {
    exact_micros(ticks, digits)?;
    let (days, time) = temporal::split(ticks);
    shown_date(days, out)?;
    put(clock(time).as_bytes(), out)
}

/// A blank and the time of a day.
fn clock(ticks: Ticks) -> String {
    let mut shown = String::from(" ");
    temporal::write_time(ticks, &mut shown);
    shown
}

fn timestamp(cell: &Cell<'_>, digits: u32, out: &mut Vec<u8>) -> Outcome {
    match cell {
        Cell::Instant(ticks) if TIMESTAMPS.contains(&ticks.micros) => moment(*ticks, digits, out),
        Cell::Instant(_) => Err("outside of timestamp's range, 1970-01-01 00:00:01 to 2038-01-19 03:14:07".into()),
        Cell::ImpossibleDate {
            year: 0,
            month: 0,
            day: 0,
        }
        | Cell::ImpossibleTimestamp {
            year: 0,
            month: 0,
            day: 0,
            micros: 0,
        } => impossible(0, 0, 0, " 00:00:00", out),
        _ => misfit(cell, "timestamp"),
    }
}

/// The invalid value, index 0, is loaded as the number that it is: servers read a text that is no label as an index.
fn label(cell: &Cell<'_>, labels: &[String], out: &mut Vec<u8>) -> Outcome {
    match cell {
        Cell::Int(0) if labels.iter().any(|label| label == "0") => {
            Err("the invalid value of an enumeration that has a label '0', which the server would take for it".into())
        }
        Cell::Int(0) => put(b"0", out),
        Cell::Enum(text) | Cell::Text(text) if labels.iter().any(|label| label == text) => put(text.as_bytes(), out),
        Cell::Enum(_) | Cell::Text(_) => Err("no label of the column's enumeration".into()),
        _ => misfit(cell, "enum"),
    }
}

fn set(cell: &Cell<'_>, labels: &[String], out: &mut Vec<u8>) -> Outcome {
    match cell {
        Cell::Structured {
            structure: Structure::Set,
            body,
        } => set(&Cell::Text(&joined_labels(body)?), labels, out),
        Cell::Text(text) | Cell::Enum(text) => {
            let known = |part: &str| labels.iter().any(|label| label == part);
            match text.is_empty() || text.split(',').all(known) {
                true => put(text.as_bytes(), out),
                false => Err("no label of the column's set".into()),
            }
        }
        _ => misfit(cell, "set"),
    }
}

/// Singles in a row, little-endian.
fn vector(cell: &Cell<'_>, singles: usize, out: &mut Vec<u8>) -> Outcome {
    let Cell::Structured {
        structure: Structure::List,
        body,
    } = cell
    else {
        return misfit(cell, "vector");
    };
    let (_, mut parts) = StructureReader::new(Structure::List, body).map_err(|error| error.to_string())?;
    let (mut bytes, mut digits) = (Vec::with_capacity(4 * singles), String::new());
    while let Some(part) = parts.value(&mut digits).map_err(|error| error.to_string())? {
        match part {
            Cell::Float(value) if f64::from(value as f32) == value && bytes.len() < 4 * singles => {
                bytes.extend_from_slice(&(value as f32).to_le_bytes());
            }
            _ => return Err(format!("no vector of {singles} singles")),
        }
    }
    match bytes.len() == 4 * singles {
        true => put(&bytes, out),
        false => Err(format!("no vector of {singles} singles")),
    }
}

/// The labels of a structured SET with commas between them.
fn joined_labels(body: &[u8]) -> Result<String, String> {
    let (_, mut labels) = StructureReader::new(Structure::Set, body).map_err(|error| error.to_string())?;
    let mut joined = String::new();
    while let Some(label) = labels.name().map_err(|error| error.to_string())? {
        if !joined.is_empty() {
            joined.push(',');
        }
        joined.push_str(label);
    }
    Ok(joined)
}
