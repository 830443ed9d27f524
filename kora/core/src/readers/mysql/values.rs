//! Values of the binary protocol that need more than copying: days, durations, decimals, bits, UUIDs.

use super::reply::Fields;
use super::wire::protocol;
use crate::canon::StructureBuilder;
use crate::cell::{Cell, Ticks};
use crate::error::Result;
use crate::temporal::{days, DAY_MICROS};
use std::net::IpAddr;

/// Bytes of digits and a point that always fit 64 bits.
const SHORT_BYTES: usize = 19;
/// Digits that always fit 128 bits.
const SMALL_DIGITS: usize = 38;

/// 838 hours: no server has a longer TIME, and one of billions of days would not fit its microseconds.
const MAX_DURATION_DAYS: u32 = 34;

/// Year, month, day and the microseconds since that midnight. What is not sent is zero.
pub struct Moment {
    year: u16,
    month: u8,
    day: u8,
    micros: i64,
}

impl Moment {
    /// Reads 0, 4, 7 or 11 bytes behind their length.
    pub fn read(fields: &mut Fields<'_>) -> Result<Self> {
        let length = fields.byte()?;
        let mut moment = Self {
            year: 0,
            month: 0,
            day: 0,
            micros: 0,
        };
        if !matches!(length, 0 | 4 | 7 | 11) {
            return Err(protocol(format!("a moment of {length} bytes")));
        }
        if length >= 4 {
            moment.year = fields.number_2()?;
            [moment.month, moment.day] = fields.array()?;
        }
        if length >= 7 {
            moment.micros = clock(fields.array()?)?;
        }
        if length == 11 {
            moment.micros += fraction(fields.number_4()?)?;
        }
        Ok(moment)
    }

    /// As a DATE.
    pub fn date(&self) -> Cell<'static> {
        match days(self.year.into(), self.month, self.day) {
            Some(days) => Cell::Date(days),
            None => Cell::ImpossibleDate {
                year: self.year.into(),
                month: self.month,
                day: self.day,
            },
        }
    }

    /// As a DATETIME, or as a TIMESTAMP of a session in UTC.
    pub fn timestamp(&self, make: fn(Ticks) -> Cell<'static>) -> Cell<'static> {
        match days(self.year.into(), self.month, self.day) {
            Some(days) => make(Ticks::from_micros(days * DAY_MICROS + self.micros)),
            None => Cell::ImpossibleTimestamp {
                year: self.year.into(),
                month: self.month,
                day: self.day,
                micros: self.micros,
            },
        }
    }
}

/// A duration: sign, days and a clock; up to ±838:59:59.999999.
pub fn duration(fields: &mut Fields<'_>) -> Result<Cell<'static>> {
    let length = fields.byte()?;
    if !matches!(length, 0 | 8 | 12) {
        return Err(protocol(format!("a duration of {length} bytes")));
    }
    if length == 0 {
        return Ok(Cell::Time(Ticks::from_micros(0)));
    }
    let negative = fields.byte()? != 0;
    let days = fields.number_4()?;
    if days > MAX_DURATION_DAYS {
        return Err(protocol(format!("a duration of {days} days")));
    }
    let mut micros = i64::from(days) * DAY_MICROS + clock(fields.array()?)?;
    if length == 12 {
        micros += fraction(fields.number_4()?)?;
    }
    Ok(Cell::Time(Ticks::from_micros(if negative { -micros } else { micros })))
}

fn clock([hours, minutes, seconds]: [u8; 3]) -> Result<i64> {
    match hours < 24 && minutes < 60 && seconds < 60 {
        true => Ok((i64::from(hours) * 3600 + i64::from(minutes) * 60 + i64::from(seconds)) * 1_000_000),
        false => Err(protocol(format!("a clock at {hours}:{minutes}:{seconds}"))),
    }
}

fn fraction(micros: u32) -> Result<i64> {
    match micros < 1_000_000 {
        true => Ok(micros.into()),
        false => Err(protocol(format!("{micros} microseconds within a second"))),
    }
}

/// A DECIMAL, which is sent as its text.
#[inline]
pub fn decimal(bytes: &[u8]) -> Result<Cell<'_>> {
    let (negative, digits) = match bytes.split_first() {
        Some((b'-', rest)) => (true, rest),
        _ => (false, bytes),
    };
    if let Some((coefficient, scale)) = short_decimal(digits) {
        return Ok(Cell::Decimal {
            negative: negative && coefficient != 0,
            coefficient: u128::from(coefficient),
            scale,
        });
    }
    let (mut coefficient, mut scale, mut count, mut behind_point) = (0_u128, 0_u32, 0_usize, false);
    for (place, byte) in digits.iter().enumerate() {
        match byte {
            b'0'..=b'9' => {
                count += 1;
                scale += u32::from(behind_point);
                coefficient = coefficient.wrapping_mul(10).wrapping_add(u128::from(byte - b'0'));
            }
            b'.' if !behind_point && place > 0 && place + 1 < digits.len() => behind_point = true,
            _ => return Err(no_decimal(bytes)),
        }
    }
    if count == 0 {
        return Err(no_decimal(bytes));
    }
    if count <= SMALL_DIGITS {
        return Ok(Cell::Decimal {
            negative: negative && coefficient != 0,
            coefficient,
            scale,
        });
    }
    let text = std::str::from_utf8(bytes).map_err(|_| no_decimal(bytes))?;
    Ok(Cell::BigDecimal(text))
}

/// Coefficient and scale of a number that surely fits 64 bits; `None` for a longer one, and for what is no number.
#[inline]
fn short_decimal(digits: &[u8]) -> Option<(u64, u32)> {
    if digits.is_empty() || digits.len() > SHORT_BYTES {
        return None;
    }
    let (mut coefficient, mut point) = (0_u64, None);
    for (place, byte) in digits.iter().enumerate() {
        match byte {
            b'0'..=b'9' => coefficient = coefficient * 10 + u64::from(byte - b'0'),
            b'.' if point.is_none() && place > 0 && place + 1 < digits.len() => point = Some(place),
            _ => return None,
        }
    }
    let behind = point.map_or(0, |place| digits.len() - 1 - place);
    Some((coefficient, behind as u32))
}

#[cold]
fn no_decimal(bytes: &[u8]) -> crate::error::Error {
    protocol(format!("a decimal of {} bytes that is no number", bytes.len()))
}

/// Appends a BIT's bytes with its first bit in front: the server sends a number, whose spare bits come first.
pub fn bits(bits: u32, bytes: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let length = bits.div_ceil(8) as usize;
    let number = bytes.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    if bytes.len() != length || number.checked_shr(bits).is_some_and(|spare| spare != 0) {
        return Err(protocol(format!("a BIT({bits}) of {} bytes", bytes.len())));
    }
    let shifted = number << (length as u32 * 8 - bits);
    out.extend_from_slice(&shifted.to_be_bytes()[8 - length..]);
    Ok(())
}

/// A UUID's 36 characters.
pub fn uuid(bytes: &[u8]) -> Result<Cell<'static>> {
    let malformed = || protocol("a UUID that is not 36 hexadecimal characters");
    let mut value = [0_u8; 16];
    let mut digits = bytes
        .iter()
        .filter(|byte| **byte != b'-')
        .map(|byte| char::from(*byte).to_digit(16));
    for slot in &mut value {
        let (high, low) = (digits.next().flatten(), digits.next().flatten());
        let (high, low) = (high.ok_or_else(malformed)?, low.ok_or_else(malformed)?);
        *slot = (high << 4 | low) as u8;
    }
    match bytes.len() == 36 && digits.next().is_none() {
        true => Ok(Cell::Uuid(value)),
        false => Err(malformed()),
    }
}

/// Appends the body of a set's cell. Labels stand between commas, which no label may hold.
pub fn set(labels: &str, builder: &mut StructureBuilder, out: &mut Vec<u8>) -> Result<()> {
    builder.clear();
    builder.begin_set()?;
    for label in labels.split(',').filter(|label| !label.is_empty()) {
        builder.label(label)?;
    }
    builder.end()?;
    if let Cell::Structured { body, .. } = builder.finish()? {
        out.extend_from_slice(body);
    }
    Ok(())
}

/// Appends the body of a vector's cell: a list of singles, which both servers keep little-endian.
pub fn vector(bytes: &[u8], builder: &mut StructureBuilder, out: &mut Vec<u8>) -> Result<()> {
    let singles = bytes.chunks_exact(4);
    if !singles.remainder().is_empty() {
        return Err(protocol("a vector that ends within a number"));
    }
    builder.clear();
    builder.begin_list()?;
    for single in singles {
        let [a, b, c, d] = *single else { continue };
        builder.push(&Cell::Float(f32::from_le_bytes([a, b, c, d]).into()))?;
    }
    builder.end()?;
    if let Cell::Structured { body, .. } = builder.finish()? {
        out.extend_from_slice(body);
    }
    Ok(())
}

/// Appends the 4 or 16 bytes of an address.
pub fn inet(bytes: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let text = std::str::from_utf8(bytes).ok();
    match text.and_then(|text| text.parse::<IpAddr>().ok()) {
        Some(IpAddr::V4(address)) => out.extend_from_slice(&address.octets()),
        Some(IpAddr::V6(address)) => out.extend_from_slice(&address.octets()),
        None => return Err(protocol("an address that is none")),
    }
    Ok(())
}

/// A geometry: four bytes of SRID, then well-known binary, which both servers keep little-endian.
pub fn geometry(bytes: &[u8]) -> Result<Cell<'_>> {
    match bytes.split_first_chunk::<4>() {
        Some((srid, wkb @ [1, ..])) => Ok(Cell::Geometry {
            srid: u32::from_le_bytes(*srid),
            wkb,
        }),
        _ => Err(protocol(
            "a geometry that does not begin with an SRID and little-endian bytes",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_keep_every_digit() {
        let small = decimal(b"-0.50").unwrap();
        let expected = Cell::Decimal {
            negative: true,
            coefficient: 50,
            scale: 2,
        };
        assert_eq!(small, expected);
        let zero = Cell::Decimal {
            negative: false,
            coefficient: 0,
            scale: 1,
        };
        assert_eq!(decimal(b"-0.0").unwrap(), zero);
        let long = "9".repeat(65);
        assert_eq!(decimal(long.as_bytes()).unwrap(), Cell::BigDecimal(&long));
        for text in [&b""[..], b"-", b".5", b"5.", b"1.2.3", b"1e3", b"NaN"] {
            assert!(decimal(text).is_err());
        }
    }

    #[test]
    fn bits_are_left_aligned() {
        let mut out = Vec::new();
        bits(10, &[0x02, 0x01], &mut out).unwrap();
        assert_eq!(out, [0x80, 0x40]);
        out.clear();
        bits(64, &[0xff; 8], &mut out).unwrap();
        assert_eq!(out, [0xff; 8]);
        assert!(bits(10, &[0xff, 0xff], &mut out).is_err());
        assert!(bits(10, &[0xff], &mut out).is_err());
    }

    #[test]
    fn durations_go_beyond_a_day_both_ways() {
        let bytes = [12, 1, 34, 0, 0, 0, 22, 59, 59, 0x3f, 0x42, 0x0f, 0];
        let cell = duration(&mut Fields(&bytes)).unwrap();
        assert_eq!(cell, Cell::Time(Ticks::from_micros(-3_020_399_999_999)));
        assert!(duration(&mut Fields(&[8, 0, 0, 0, 0, 0, 24, 0, 0])).is_err());
        assert!(duration(&mut Fields(&[8, 0, 35, 0, 0, 0, 0, 0, 0])).is_err());
        assert!(duration(&mut Fields(&[8, 0, 0, 0, 0, 7, 0, 0, 0])).is_err());
    }

    #[test]
    fn days_that_no_calendar_has_keep_their_time() {
        let moment = Moment::read(&mut Fields(&[7, 0xe4, 0x07, 2, 31, 10, 0, 1])).unwrap();
        let expected = Cell::ImpossibleTimestamp {
            year: 2020,
            month: 2,
            day: 31,
            micros: 36_001_000_000,
        };
        assert_eq!(moment.timestamp(Cell::Timestamp), expected);
        let zero = Moment::read(&mut Fields(&[0])).unwrap();
        assert!(matches!(
            zero.date(),
            Cell::ImpossibleDate {
                year: 0,
                month: 0,
                day: 0
            }
        ));
    }
}
