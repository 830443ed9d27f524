//! Canonical bytes back to kinds and exact texts, for findings. Strict: only what the encoder writes is accepted.
//!
//! Strictness is by construction: each cell is read, encoded again and compared, so that no second form of a value
//! passes. Texts are as PostgreSQL writes them, so that an engine can cast them back.

use std::fmt::Write;

use super::structure::{self, MAX_STRUCTURE_DEPTH};
use super::{encode_cell, network, put_json_value, tag, varint, write_network, write_structure};
use crate::cell::{Cell, Structure, Temporal, Ticks};
use crate::error::{Error, Result};
use crate::{number, policy, temporal};

/// One value for people: its kind as [`Cell::kind`] names it, and its exact text (`None` for NULL).
pub type DecodedCell = (&'static str, Option<String>);

/// What a payload held. Long numbers and character sets' names have no cell that could borrow them.
enum Content<'a> {
    Cell(Cell<'a>),
    Number {
        negative: bool,
        scale: u32,
        magnitude: &'a [u8],
    },
    BrokenText {
        charset: &'a str,
        bytes: &'a [u8],
    },
    JsonValue(&'a str),
}

/// Decodes concatenated cells. Bytes come in hex.
///
/// # Errors
/// `Malformed` for anything that [`encode_cell`] does not write.
pub fn decode_cells(bytes: &[u8]) -> Result<Vec<DecodedCell>> {
    let mut rest = bytes;
    let mut cells = Vec::new();
    while !rest.is_empty() {
        let (content, taken) =
            take_cell(rest, MAX_STRUCTURE_DEPTH).ok_or_else(|| malformed(bytes.len() - rest.len()))?;
        cells.push(show(&content));
        rest = &rest[taken..];
    }
    Ok(cells)
}

/// Decodes one row, length included.
///
/// # Errors
/// `Malformed` where the length or a cell is not as the encoder writes it.
pub fn decode_row(bytes: &[u8]) -> Result<Vec<DecodedCell>> {
    match bytes.split_first_chunk::<4>() {
        Some((length, cells)) if u32::from_le_bytes(*length) as usize == cells.len() => decode_cells(cells),
        _ => Err(malformed(0)),
    }
}

/// Kind and exact text of a value.
pub fn display(cell: &Cell<'_>) -> DecodedCell {
    let mut out = String::new();
    (cell.kind(), write_text(cell, &mut out).then_some(out))
}

fn malformed(position: usize) -> Error {
    Error::Malformed {
        path: "KCF-1 cells".into(),
        reason: format!("no canonical cell at byte {position}"),
    }
}

/// The first cell and its length in bytes; `None` unless it is in canonical form and nested at most `depth` deep.
fn take_cell(bytes: &[u8], depth: usize) -> Option<(Content<'_>, usize)> {
    let (content, taken) = split_cell(bytes)?;
    is_canonical(&content, &bytes[..taken], depth).then_some((content, taken))
}

/// The first cell of bytes that an encoder wrote, and its length; only their bounds are checked.
fn split_cell(bytes: &[u8]) -> Option<(Content<'_>, usize)> {
    let (&tag, mut rest) = bytes.split_first()?;
    if tag == tag::NULL {
        return Some((Content::Cell(Cell::Null), 1));
    }
    let length = usize::try_from(varint::take(&mut rest)?).ok()?;
    let payload = rest.get(..length)?;
    let taken = bytes.len() - rest.len() + length;
    Some((read(tag, payload)?, taken))
}

/// The first cell of bytes that an encoder wrote, and its length. `digits` is room for a number beyond 128 bits.
pub(super) fn take_borrowed<'s>(bytes: &'s [u8], digits: &'s mut String) -> Option<(Cell<'s>, usize)> {
    let (content, taken) = split_cell(bytes)?;
    let cell = match content {
        Content::Cell(cell) => cell,
        Content::JsonValue(text) => Cell::Json(text),
        Content::BrokenText { charset, bytes } => Cell::BrokenText {
            bytes,
            charset: known_charset(charset)?,
        },
        Content::Number {
            negative,
            scale,
            magnitude,
        } => number_cell(negative, scale, magnitude, digits),
    };
    Some((cell, taken))
}

fn number_cell<'s>(negative: bool, scale: u32, magnitude: &[u8], digits: &'s mut String) -> Cell<'s> {
    if magnitude.len() > 16 {
        digits.clear();
        number::write_scaled(negative, &number::magnitude_digits(magnitude), scale as usize, digits);
        return Cell::BigDecimal(digits);
    }
    let coefficient = magnitude.iter().fold(0_u128, |sum, byte| sum << 8 | u128::from(*byte));
    match i128::try_from(coefficient) {
        Ok(value) if scale == 0 => Cell::Int(if negative { -value } else { value }),
        _ => Cell::Decimal {
            negative,
            coefficient,
            scale,
        },
    }
}

/// A cell's character set lives as long as the program: the names that readers declare.
fn known_charset(name: &str) -> Option<&'static str> {
    const NAMES: [&str; 8] = [
        "utf8", "utf8mb3", "utf8mb4", "latin1", "ascii", "ucs2", "utf16", "utf32",
    ];
    NAMES.into_iter().find(|known| *known == name)
}

/// Whether a structure's body is in canonical form and nested at most `depth` deep, itself counted.
pub(super) fn is_structure(structure: Structure, body: &[u8], depth: usize) -> bool {
    let take = |bytes: &[u8]| take_cell(bytes, depth.saturating_sub(1)).map(|(_, taken)| (bytes[0], taken));
    depth > 0 && structure::is_canonical(structure, body, take)
}

fn is_canonical(content: &Content<'_>, bytes: &[u8], depth: usize) -> bool {
    if let Content::Cell(Cell::Structured { structure, body }) = content {
        if !is_structure(*structure, body, depth) {
            return false;
        }
    }
    let mut again = Vec::with_capacity(bytes.len());
    match content {
        Content::Cell(cell) => encode_cell(cell, &mut again).is_ok() && again == bytes,
        Content::JsonValue(text) => {
            put_json_value(text, &mut again);
            again == bytes && policy::is_canonical_json(text)
        }
        Content::Number { .. } | Content::BrokenText { .. } => true,
    }
}

fn read(tag: u8, payload: &[u8]) -> Option<Content<'_>> {
    let text = || std::str::from_utf8(payload).ok();
    let cell = match tag {
        tag::NUMBER => return read_number(payload),
        tag::BROKEN_TEXT => return read_broken_text(payload),
        tag::JSON_VALUE => return text().map(Content::JsonValue),
        tag::DECIMAL_NAN => Cell::DecimalNan,
        tag::DECIMAL_PLUS_INFINITY => Cell::DecimalInfinity { negative: false },
        tag::DECIMAL_MINUS_INFINITY => Cell::DecimalInfinity { negative: true },
        tag::BOOL => Cell::Bool(*payload.first()? != 0),
        tag::FLOAT => Cell::Float(f64::from_be_bytes(payload.try_into().ok()?)),
        tag::TEXT => Cell::Text(text()?),
        tag::BYTES => Cell::Bytes(payload),
        tag::UUID => Cell::Uuid(payload.try_into().ok()?),
        tag::BIT => read_bits(payload)?,
        tag::JSON => Cell::Json(text()?),
        tag::ENUM => Cell::Enum(text()?),
        tag::INET | tag::CIDR | tag::MAC => network::read(tag, payload)?,
        tag::GEOMETRY => read_geometry(payload)?,
        tag::MONEY => read_money(payload)?,
        _ if structure::of_tag(tag).is_some() => Cell::Structured {
            structure: structure::of_tag(tag)?,
            body: payload,
        },
        _ => read_temporal(tag, payload)?,
    };
    Some(Content::Cell(cell))
}

fn read_temporal(tag: u8, payload: &[u8]) -> Option<Cell<'_>> {
    let mut rest = payload;
    let first = varint::take_signed(&mut rest)?;
    Some(match tag {
        tag::DATE => Cell::Date(first),
        tag::TIME => Cell::Time(read_ticks(payload)?),
        tag::TIMESTAMP => Cell::Timestamp(read_ticks(payload)?),
        tag::INSTANT => Cell::Instant(read_ticks(payload)?),
        tag::TIME_TZ => Cell::TimeTz {
            local: read_ticks(rest)?,
            offset_seconds: first.try_into().ok()?,
        },
        tag::INTERVAL => Cell::Interval {
            months: first.try_into().ok()?,
            days: varint::take_signed(&mut rest)?.try_into().ok()?,
            micros: varint::take_signed(&mut rest)?,
        },
        tag::TEMPORAL_INFINITY => {
            let kinds = [
                Temporal::Date,
                Temporal::Timestamp,
                Temporal::Instant,
                Temporal::Interval,
            ];
            let kind = *kinds.get(usize::from(payload[0]))?;
            Cell::TemporalInfinity {
                kind,
                negative: *payload.get(1)? != 0,
            }
        }
        tag::IMPOSSIBLE_DATE => Cell::ImpossibleDate {
            year: first.try_into().ok()?,
            month: varint::take_signed(&mut rest)?.try_into().ok()?,
            day: varint::take_signed(&mut rest)?.try_into().ok()?,
        },
        tag::IMPOSSIBLE_TIMESTAMP => Cell::ImpossibleTimestamp {
            year: first.try_into().ok()?,
            month: varint::take_signed(&mut rest)?.try_into().ok()?,
            day: varint::take_signed(&mut rest)?.try_into().ok()?,
            micros: varint::take_signed(&mut rest)?,
        },
        _ => return None,
    })
}

fn read_ticks(mut payload: &[u8]) -> Option<Ticks> {
    let micros = varint::take_signed(&mut payload)?;
    let nanos = match payload {
        [] => 0,
        _ => u16::from_le_bytes(payload.try_into().ok()?),
    };
    Some(Ticks { micros, nanos })
}

fn read_bits(mut payload: &[u8]) -> Option<Cell<'_>> {
    let bits = varint::take(&mut payload)?.try_into().ok()?;
    Some(Cell::Bit { bits, bytes: payload })
}

fn read_geometry(mut payload: &[u8]) -> Option<Cell<'_>> {
    let srid = varint::take(&mut payload)?.try_into().ok()?;
    Some(Cell::Geometry { srid, wkb: payload })
}

fn read_money(mut payload: &[u8]) -> Option<Cell<'_>> {
    varint::take_signed(&mut payload).map(Cell::Money)
}

/// Numbers and undecodable texts are checked here, as they have no cell that borrows from the bytes.
fn read_number(mut payload: &[u8]) -> Option<Content<'_>> {
    let scale = u32::try_from(varint::take(&mut payload)?)
        .ok()
        .filter(|scale| *scale <= number::MAX_SCALE)?;
    let (&sign, magnitude) = payload.split_first()?;
    let zero = magnitude.is_empty();
    let minimal = magnitude.first() != Some(&0) && magnitude.len() <= number::MAX_MAGNITUDE_BYTES;
    let canonical = minimal
        && sign <= 1
        && if zero {
            sign == 0 && scale == 0
        } else {
            scale == 0 || !ends_in_zero(magnitude)
        };
    canonical.then_some(Content::Number {
        negative: sign == 1,
        scale,
        magnitude,
    })
}

/// Whether a coefficient is divisible by ten: 256 is 6 modulo 10, and so is each further power of it.
fn ends_in_zero(magnitude: &[u8]) -> bool {
    let digit = magnitude
        .iter()
        .fold(0_u32, |sum, byte| (sum * 256 + u32::from(*byte)) % 10);
    digit == 0
}

fn read_broken_text(mut payload: &[u8]) -> Option<Content<'_>> {
    let length = usize::try_from(varint::take(&mut payload)?).ok()?;
    let charset = payload.get(..length)?;
    Some(Content::BrokenText {
        charset: std::str::from_utf8(charset).ok()?,
        bytes: &payload[length..],
    })
}

fn show(content: &Content<'_>) -> DecodedCell {
    let mut out = String::new();
    match content {
        Content::Cell(cell) => display(cell),
        Content::JsonValue(text) => ("json", Some((*text).to_owned())),
        Content::BrokenText { bytes, .. } => {
            write_hex(bytes, &mut out);
            ("undecodable text", Some(out))
        }
        Content::Number {
            negative,
            scale,
            magnitude,
        } => {
            number::write_scaled(
                *negative,
                &number::magnitude_digits(magnitude),
                *scale as usize,
                &mut out,
            );
            (if *scale == 0 { "integer" } else { "decimal" }, Some(out))
        }
    }
}

/// Appends a value's exact text; `false` for NULL.
pub(crate) fn write_text(cell: &Cell<'_>, out: &mut String) -> bool {
    match *cell {
        Cell::Null => return false,
        Cell::Bool(value) => out.push_str(if value { "true" } else { "false" }),
        Cell::Int(_) | Cell::Decimal { .. } | Cell::BigDecimal(_) => return number::write_shortest(cell, out),
        Cell::DecimalNan => out.push_str("NaN"),
        Cell::DecimalInfinity { negative } => out.push_str(if negative { "-Infinity" } else { "Infinity" }),
        Cell::Float(value) => write_float(value, out),
        Cell::Text(text) | Cell::Json(text) | Cell::Enum(text) => out.push_str(text),
        Cell::BrokenText { bytes, .. } | Cell::Bytes(bytes) => write_hex(bytes, out),
        Cell::Uuid(bytes) => write_uuid(&bytes, out),
        Cell::Bit { bits, bytes } => {
            out.extend((0..bits as usize).map(|bit| {
                if bytes[bit / 8] >> (7 - bit % 8) & 1 == 1 {
                    '1'
                } else {
                    '0'
                }
            }));
        }
        Cell::Date(days) => temporal::write_date(days, out),
        Cell::Time(ticks) => temporal::write_time(ticks, out),
        Cell::TimeTz { local, offset_seconds } => {
            temporal::write_time(local, out);
            temporal::write_offset(offset_seconds, out);
        }
        Cell::Timestamp(ticks) => temporal::write_timestamp(ticks, "", out),
        Cell::Instant(ticks) => temporal::write_timestamp(ticks, "+00", out),
        Cell::TemporalInfinity { negative, .. } => out.push_str(if negative { "-infinity" } else { "infinity" }),
        Cell::ImpossibleDate { year, month, day } => {
            let _ = write!(out, "{year:04}-{month:02}-{day:02}");
        }
        Cell::ImpossibleTimestamp {
            year,
            month,
            day,
            micros,
        } => {
            let _ = write!(out, "{year:04}-{month:02}-{day:02} ");
            temporal::write_time(Ticks::from_micros(micros), out);
        }
        Cell::Interval { months, days, micros } => temporal::write_interval(months, days, micros, out),
        Cell::Structured { structure, body } => write_structure(structure, body, out),
        Cell::Network { kind, prefix, address } => write_network(kind, prefix, address, out),
        Cell::Geometry { srid, wkb } => {
            let _ = write!(out, "SRID={srid};");
            write_hex(wkb, out);
        }
        Cell::Money(units) => {
            let _ = write!(out, "{units}");
        }
    }
    true
}

/// The shortest text whose nearest double is this one.
fn write_float(value: f64, out: &mut String) {
    if value.is_nan() {
        out.push_str("NaN");
    } else if value.is_infinite() {
        out.push_str(if value < 0.0 { "-Infinity" } else { "Infinity" });
    } else {
        out.push_str(ryu::Buffer::new().format_finite(value));
    }
}

fn write_hex(bytes: &[u8], out: &mut String) {
    for byte in bytes {
        let _ = write!(out, "{byte:02x}");
    }
}

/// Appends the hyphenated lower-case form.
pub(crate) fn write_uuid(bytes: &[u8; 16], out: &mut String) {
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            out.push('-');
        }
        let _ = write!(out, "{byte:02x}");
    }
}
