//! KCF-1: the canonical bytes of one value and one row. `docs/formats/kcf.md` is the specification.
//!
//! Two values have the same bytes exactly when they are the same value; no delimiter, sentinel or text round trip is
//! involved. Everything here appends to the caller's buffer and allocates only for numbers beyond 128 bits.

mod builder;
mod decode;
mod network;
mod structure;
mod structure_text;
pub(crate) mod varint;

pub use builder::StructureBuilder;
pub use decode::{decode_cells, decode_row, display, DecodedCell};
pub(crate) use decode::{write_text, write_uuid};
pub(crate) use network::{parse_network, write_network};
pub use structure::{range, Dimension, Shape, StructureReader, MAX_STRUCTURE_BYTES, MAX_STRUCTURE_DEPTH};
pub(crate) use structure_text::write_structure;

use crate::cell::{Cell, Ticks};
use crate::error::{Error, Result};
use crate::{number, temporal};

/// Bytes of a row's length.
pub(crate) const ROW_HEAD_BYTES: usize = 4;
/// The one NaN, as bits.
const NAN_BITS: u64 = 0x7ff8_0000_0000_0000;

/// The first byte of each canonical cell.
pub(crate) mod tag {
    pub const NULL: u8 = 0x00;
    pub const NUMBER: u8 = 0x01;
    pub const DECIMAL_NAN: u8 = 0x02;
    pub const DECIMAL_PLUS_INFINITY: u8 = 0x03;
    pub const DECIMAL_MINUS_INFINITY: u8 = 0x04;
    pub const BOOL: u8 = 0x05;
    pub const FLOAT: u8 = 0x06;
    pub const TEXT: u8 = 0x07;
    pub const BROKEN_TEXT: u8 = 0x08;
    pub const BYTES: u8 = 0x09;
    pub const UUID: u8 = 0x0a;
    pub const BIT: u8 = 0x0b;
    pub const DATE: u8 = 0x10;
    pub const TIME: u8 = 0x11;
    pub const TIME_TZ: u8 = 0x12;
    pub const TIMESTAMP: u8 = 0x13;
    pub const INSTANT: u8 = 0x14;
    pub const INTERVAL: u8 = 0x15;
    pub const TEMPORAL_INFINITY: u8 = 0x16;
    pub const IMPOSSIBLE_DATE: u8 = 0x17;
    pub const JSON: u8 = 0x18;
    pub const JSON_VALUE: u8 = 0x19;
    pub const IMPOSSIBLE_TIMESTAMP: u8 = 0x1a;
    pub const LIST: u8 = 0x20;
    pub const ARRAY: u8 = 0x21;
    pub const ENUM: u8 = 0x22;
    pub const SET: u8 = 0x23;
    pub const RANGE: u8 = 0x24;
    pub const MULTIRANGE: u8 = 0x25;
    pub const STRUCT: u8 = 0x26;
    pub const MAP: u8 = 0x27;
    pub const UNION: u8 = 0x28;
    pub const INET: u8 = 0x30;
    pub const CIDR: u8 = 0x31;
    pub const MAC: u8 = 0x32;
    pub const GEOMETRY: u8 = 0x33;
    pub const MONEY: u8 = 0x34;
}

/// Appends the canonical bytes of one value.
///
/// # Errors
/// `Limit` for a number beyond the format's bounds; `Usage` for a cell that contradicts its own type (nanoseconds
/// above 999, a bit string of the wrong length, a `BigDecimal` that is no plain decimal): a reader's mistake.
#[inline]
pub fn encode_cell(cell: &Cell<'_>, out: &mut Vec<u8>) -> Result<()> {
    encode_here(cell, out)
}

/// [`encode_cell`], decided while compiling where the caller knows the cell's kind.
#[inline(always)]
pub(crate) fn encode_here(cell: &Cell<'_>, out: &mut Vec<u8>) -> Result<()> {
    match *cell {
        Cell::Null => out.push(tag::NULL),
        Cell::Int(value) => number::put_int(value, out),
        Cell::Text(text) => put_bytes(tag::TEXT, text.as_bytes(), out),
        Cell::Decimal {
            negative,
            coefficient,
            scale,
        } => {
            return number::put_decimal(negative, coefficient, scale, out);
        }
        Cell::Timestamp(ticks) => return put_ticks(tag::TIMESTAMP, ticks, out),
        Cell::Instant(ticks) => return put_ticks(tag::INSTANT, ticks, out),
        Cell::Date(days) => put_signed(tag::DATE, &[days], out),
        Cell::Bool(value) => out.extend_from_slice(&[tag::BOOL, 1, u8::from(value)]),
        Cell::Float(value) => put_float(value, out),
        _ => return encode_rare(cell, out),
    }
    Ok(())
}

fn encode_rare(cell: &Cell<'_>, out: &mut Vec<u8>) -> Result<()> {
    match *cell {
        Cell::BigDecimal(text) => return number::put_text(text, out),
        Cell::Time(ticks) => return put_ticks(tag::TIME, ticks, out),
        Cell::TimeTz { local, offset_seconds } => return put_time_tz(local, offset_seconds, out),
        Cell::ImpossibleDate { year, month, day } => return put_impossible(year, month, day, out),
        Cell::ImpossibleTimestamp {
            year,
            month,
            day,
            micros,
        } => return put_impossible_timestamp([year.into(), month.into(), day.into(), micros], out),
        Cell::Bit { bits, bytes } => return put_bits(bits, bytes, out),
        Cell::DecimalNan => out.extend_from_slice(&[tag::DECIMAL_NAN, 0]),
        Cell::DecimalInfinity { negative: false } => out.extend_from_slice(&[tag::DECIMAL_PLUS_INFINITY, 0]),
        Cell::DecimalInfinity { negative: true } => out.extend_from_slice(&[tag::DECIMAL_MINUS_INFINITY, 0]),
        Cell::BrokenText { bytes, charset } => put_broken_text(bytes, charset, out),
        Cell::Bytes(bytes) => put_bytes(tag::BYTES, bytes, out),
        Cell::Uuid(bytes) => put_bytes(tag::UUID, &bytes, out),
        Cell::TemporalInfinity { kind, negative } => {
            out.extend_from_slice(&[tag::TEMPORAL_INFINITY, 2, temporal::kind_byte(kind), u8::from(negative)]);
        }
        Cell::Interval { months, days, micros } => {
            put_signed(tag::INTERVAL, &[i64::from(months), i64::from(days), micros], out);
        }
        Cell::Json(text) => put_bytes(tag::JSON, text.as_bytes(), out),
        Cell::Enum(label) => put_bytes(tag::ENUM, label.as_bytes(), out),
        Cell::Structured { structure, body } => put_bytes(structure::tag_of(structure), body, out),
        Cell::Network { kind, prefix, address } => return network::put(kind, prefix, address, out),
        Cell::Geometry { srid, wkb } => put_geometry(srid, wkb, out),
        Cell::Money(units) => put_signed(tag::MONEY, &[units], out),
        // The others have been taken by `encode_here`.
        _ => return encode_cell(cell, out),
    }
    Ok(())
}

/// Appends the canonical cell of a text; nothing, and `false`, where the bytes are not UTF-8. Most text is ASCII, and that
/// is quickly seen.
#[inline(always)]
pub(crate) fn put_utf8(bytes: &[u8], out: &mut Vec<u8>) -> bool {
    let text = bytes.is_ascii() || std::str::from_utf8(bytes).is_ok();
    if text {
        put_bytes(tag::TEXT, bytes, out);
    }
    text
}

/// A row in canonical form, put together by a reader; its memory is kept from row to row.
#[derive(Debug, Default)]
pub(crate) struct RowBuilder {
    bytes: Vec<u8>,
    bounds: Vec<usize>,
}

impl RowBuilder {
    /// Begins the next row.
    #[inline]
    pub(crate) fn open(&mut self) {
        self.bytes.clear();
        self.bounds.clear();
        open_row(&mut self.bytes);
    }

    /// Where the next cell goes.
    #[inline(always)]
    pub(crate) fn cell(&mut self) -> &mut Vec<u8> {
        self.bounds.push(self.bytes.len());
        &mut self.bytes
    }

    /// The row and the places of its cells, as [`crate::rows::RowSink::canonical_row`] takes them.
    ///
    /// # Errors
    /// As [`close_row`].
    #[inline]
    pub(crate) fn close(&mut self) -> Result<(&[u8], &[usize])> {
        self.bounds.push(self.bytes.len());
        close_row(ROW_HEAD_BYTES, &mut self.bytes)?;
        Ok((&self.bytes, &self.bounds))
    }
}

/// Appends a JSON value's canonical text under its own tag: what `json_value` leaves behind.
pub(crate) fn put_json_value(canonical: &str, out: &mut Vec<u8>) {
    put_bytes(tag::JSON_VALUE, canonical.as_bytes(), out);
}

/// Appends tag and length of a cell whose payload has at least `least` bytes, and gives the payload that belongs behind
/// them; appends nothing to `out` for any other cell.
pub(crate) fn put_long_head<'a>(cell: &Cell<'a>, least: usize, out: &mut Vec<u8>) -> Option<&'a [u8]> {
    let (tag, payload) = match *cell {
        Cell::Text(text) => (tag::TEXT, text.as_bytes()),
        Cell::Json(text) => (tag::JSON, text.as_bytes()),
        Cell::Bytes(bytes) => (tag::BYTES, bytes),
        _ => return None,
    };
    (payload.len() >= least).then(|| {
        out.push(tag);
        varint::put(payload.len() as u64, out);
        payload
    })
}

/// Opens a row: room for its length. [`close_row`] takes the position that this gives.
#[inline]
pub fn open_row(out: &mut Vec<u8>) -> usize {
    out.extend_from_slice(&[0; ROW_HEAD_BYTES]);
    out.len()
}

/// Writes the length of what follows [`open_row`].
///
/// # Errors
/// `Limit` for a row of 4 GiB or more.
#[inline]
pub fn close_row(start: usize, out: &mut [u8]) -> Result<()> {
    let length = u32::try_from(out.len() - start).map_err(|_| Error::Limit("a row of 4 GiB or more".into()))?;
    out[start - ROW_HEAD_BYTES..start].copy_from_slice(&length.to_le_bytes());
    Ok(())
}

#[inline]
fn put_bytes(tag: u8, bytes: &[u8], out: &mut Vec<u8>) {
    if bytes.len() < 0x80 {
        out.extend_from_slice(&[tag, bytes.len() as u8]);
    } else {
        out.push(tag);
        varint::put(bytes.len() as u64, out);
    }
    out.extend_from_slice(bytes);
}

#[inline]
fn put_float(value: f64, out: &mut Vec<u8>) {
    let bits = if value.is_nan() { NAN_BITS } else { value.to_bits() };
    let mut cell = [tag::FLOAT, 8, 0, 0, 0, 0, 0, 0, 0, 0];
    cell[2..].copy_from_slice(&bits.to_be_bytes());
    out.extend_from_slice(&cell);
}

/// Three folded integers at most: 32 bytes hold them with tag and length.
#[inline]
fn put_signed(tag: u8, values: &[i64], out: &mut Vec<u8>) {
    let mut cell = [0_u8; 32];
    let end = values
        .iter()
        .fold(2, |at, value| varint::put_at(varint::zigzag(*value), &mut cell, at));
    cell[0] = tag;
    cell[1] = (end - 2) as u8;
    let start = out.len();
    out.extend_from_slice(&cell);
    out.truncate(start + end);
}

#[inline]
fn put_ticks(tag: u8, ticks: Ticks, out: &mut Vec<u8>) -> Result<()> {
    let mut cell = [0_u8; 16];
    let end = write_ticks(ticks, &mut cell, 2)?;
    cell[0] = tag;
    cell[1] = (end - 2) as u8;
    let start = out.len();
    out.extend_from_slice(&cell);
    out.truncate(start + end);
    Ok(())
}

#[inline]
fn write_ticks(ticks: Ticks, buffer: &mut [u8], at: usize) -> Result<usize> {
    let end = varint::put_at(varint::zigzag(ticks.micros), buffer, at);
    if ticks.nanos == 0 {
        return Ok(end);
    }
    if ticks.nanos > 999 {
        return Err(Error::Usage(format!("{} nanoseconds below a microsecond", ticks.nanos)));
    }
    buffer[end..end + 2].copy_from_slice(&ticks.nanos.to_le_bytes());
    Ok(end + 2)
}

fn put_time_tz(local: Ticks, offset_seconds: i32, out: &mut Vec<u8>) -> Result<()> {
    let mut payload = [0_u8; 24];
    let at = varint::put_at(varint::zigzag(i64::from(offset_seconds)), &mut payload, 0);
    let end = write_ticks(local, &mut payload, at)?;
    put_bytes(tag::TIME_TZ, &payload[..end], out);
    Ok(())
}

/// A triple that some calendar has after all is that date: one value has one form.
fn put_impossible(year: i32, month: u8, day: u8, out: &mut Vec<u8>) -> Result<()> {
    if let Some(days) = temporal::days(i64::from(year), month, day) {
        put_signed(tag::DATE, &[days], out);
    } else {
        put_signed(
            tag::IMPOSSIBLE_DATE,
            &[i64::from(year), i64::from(month), i64::from(day)],
            out,
        );
    }
    Ok(())
}

/// A day that some calendar has after all is no such value: whether it is a timestamp or an instant nobody said. Only
/// where the microseconds of both end it is, as it has no other form.
fn put_impossible_timestamp(parts: [i64; 4], out: &mut Vec<u8>) -> Result<()> {
    let [year, month, day, micros] = parts;
    let time = Ticks::from_micros(micros);
    if temporal::days(year, month as u8, day as u8).is_some_and(|days| temporal::join(days, time).is_some()) {
        return Err(Error::Usage(format!("{year}-{month}-{day} is a day of the calendar")));
    }
    put_signed(tag::IMPOSSIBLE_TIMESTAMP, &parts, out);
    Ok(())
}

fn put_bits(bits: u32, bytes: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let spare = bytes.len() * 8;
    let spare = spare.checked_sub(bits as usize).filter(|spare| *spare < 8);
    let clean = spare.is_some_and(|spare| bytes.last().is_none_or(|last| last.trailing_zeros() as usize >= spare));
    if !clean {
        return Err(Error::Usage(format!(
            "a bit string of {bits} bits in {} bytes",
            bytes.len()
        )));
    }
    let mut head = [0_u8; varint::MAX_VARINT_BYTES];
    let end = varint::put_at(u64::from(bits), &mut head, 0);
    put_parts(tag::BIT, [&head[..end], bytes], out);
    Ok(())
}

fn put_geometry(srid: u32, wkb: &[u8], out: &mut Vec<u8>) {
    let mut head = [0_u8; varint::MAX_VARINT_BYTES];
    let end = varint::put_at(u64::from(srid), &mut head, 0);
    put_parts(tag::GEOMETRY, [&head[..end], wkb], out);
}

fn put_broken_text(bytes: &[u8], charset: &str, out: &mut Vec<u8>) {
    let mut head = Vec::with_capacity(charset.len() + 2);
    varint::put(charset.len() as u64, &mut head);
    head.extend_from_slice(charset.as_bytes());
    put_parts(tag::BROKEN_TEXT, [&head, bytes], out);
}

fn put_parts(tag: u8, parts: [&[u8]; 2], out: &mut Vec<u8>) {
    out.push(tag);
    varint::put((parts[0].len() + parts[1].len()) as u64, out);
    parts.iter().for_each(|part| out.extend_from_slice(part));
}
