//! The exact text of one value, read back: the inverse of what findings show, kind by kind.
//!
//! Readers here may be lax: the caller prints what was read and compares, so that no second spelling passes.

use super::read_special;
use crate::canon::{parse_network, write_text};
use crate::cell::{Cell, Network, Temporal, Ticks};
use crate::temporal;

/// A kind whose values have one exact text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaf {
    /// True and false.
    Boolean,
    /// Integers and decimals, NaN and infinities.
    Number,
    /// Doubles.
    Float,
    /// Text.
    Text,
    /// JSON's text.
    Json,
    /// Labels.
    Enum,
    /// Bytes in hex.
    Bytes,
    /// UUIDs.
    Uuid,
    /// Bits as 0 and 1.
    Bit,
    /// Dates, BC and infinities too.
    Date,
    /// Times.
    Time,
    /// Times with their offset.
    TimeTz,
    /// Local timestamps, BC and infinities too.
    Timestamp,
    /// Instants, BC and infinities too.
    Instant,
    /// Intervals in ISO 8601's form.
    Interval,
    /// Addresses, and for hardware addresses their bytes.
    Network(Network, usize),
    /// SRID and WKB in hex.
    Geometry,
    /// Counts of the smallest unit.
    Money,
}

/// Room for the bytes of a value.
#[derive(Clone, Debug, Default)]
pub(crate) struct LeafRoom {
    bytes: Vec<u8>,
    address: [u8; 16],
}

impl Leaf {
    /// By its name in a `structured_json` type.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "boolean" => Self::Boolean,
            "number" => Self::Number,
            "float" => Self::Float,
            "text" => Self::Text,
            "json" => Self::Json,
            "enum" => Self::Enum,
            "bytes" => Self::Bytes,
            "uuid" => Self::Uuid,
            "bit" => Self::Bit,
            "date" => Self::Date,
            "time" => Self::Time,
            "timetz" => Self::TimeTz,
            "timestamp" => Self::Timestamp,
            "instant" => Self::Instant,
            "interval" => Self::Interval,
            "inet" => Self::Network(Network::Inet, 0),
            "cidr" => Self::Network(Network::Cidr, 0),
            "macaddr" => Self::Network(Network::Mac, 6),
            "macaddr8" => Self::Network(Network::Mac, 8),
            "geometry" => Self::Geometry,
            "money" => Self::Money,
            _ => return None,
        })
    }

    /// Whether a cell is of this kind.
    pub fn holds(self, cell: &Cell<'_>) -> bool {
        match (self, cell) {
            (Self::Boolean, Cell::Bool(_))
            | (
                Self::Number,
                Cell::Int(_)
                | Cell::Decimal { .. }
                | Cell::BigDecimal(_)
                | Cell::DecimalNan
                | Cell::DecimalInfinity { .. },
            )
            | (Self::Float, Cell::Float(_))
            | (Self::Text, Cell::Text(_))
            | (Self::Json, Cell::Json(_))
            | (Self::Enum, Cell::Enum(_))
            | (Self::Bytes, Cell::Bytes(_))
            | (Self::Uuid, Cell::Uuid(_))
            | (Self::Bit, Cell::Bit { .. })
            | (Self::Date, Cell::Date(_))
            | (Self::Time, Cell::Time(_))
            | (Self::TimeTz, Cell::TimeTz { .. })
            | (Self::Timestamp, Cell::Timestamp(_))
            | (Self::Instant, Cell::Instant(_))
            | (Self::Interval, Cell::Interval { .. })
            | (Self::Geometry, Cell::Geometry { .. })
            | (Self::Money, Cell::Money(_)) => true,
            (_, Cell::TemporalInfinity { kind, .. }) => self.temporal() == Some(*kind),
            (
                Self::Network(kind, bytes),
                Cell::Network {
                    kind: found, address, ..
                },
            ) => kind == *found && (bytes == 0 || bytes == address.len()),
            _ => false,
        }
    }

    const fn temporal(self) -> Option<Temporal> {
        match self {
            Self::Date => Some(Temporal::Date),
            Self::Timestamp => Some(Temporal::Timestamp),
            Self::Instant => Some(Temporal::Instant),
            Self::Interval => Some(Temporal::Interval),
            _ => None,
        }
    }

    /// The value whose exact text this is; `None` where no value has it.
    pub(crate) fn read<'a>(self, text: &'a str, room: &'a mut LeafRoom) -> Option<Cell<'a>> {
        let cell = self.lax(text, room)?;
        let mut again = String::with_capacity(text.len());
        write_leaf(&cell, &mut again);
        (again == text).then_some(cell)
    }

    fn lax<'a>(self, text: &'a str, room: &'a mut LeafRoom) -> Option<Cell<'a>> {
        Some(match self {
            Self::Boolean => Cell::Bool(text == "true"),
            Self::Number => match read_special(text) {
                Some(special) => special,
                None => Cell::BigDecimal(crate::number::Digits::parse(text).map(|_| text)?),
            },
            Self::Float => Cell::Float(read_float(text)?),
            Self::Text => Cell::Text(text),
            Self::Json => Cell::Json(text),
            Self::Enum => Cell::Enum(text),
            Self::Bytes => {
                unhex(text, &mut room.bytes)?;
                Cell::Bytes(&room.bytes)
            }
            Self::Uuid => Cell::Uuid(super::parse_uuid(text.as_bytes(), false)?),
            Self::Bit => read_bits(text, &mut room.bytes)?,
            Self::Time => Cell::Time(read_time(text)?),
            Self::TimeTz => read_time_tz(text)?,
            Self::Date | Self::Timestamp | Self::Instant => self.read_moment(text)?,
            Self::Interval => match read_infinity(text, Temporal::Interval) {
                Some(infinity) => infinity,
                None => read_interval(text)?,
            },
            Self::Network(kind, bytes) => parse_network(kind, bytes, text, &mut room.address)?,
            Self::Geometry => {
                let (srid, wkb) = text.strip_prefix("SRID=")?.split_once(';')?;
                unhex(wkb, &mut room.bytes)?;
                Cell::Geometry {
                    srid: srid.parse().ok()?,
                    wkb: &room.bytes,
                }
            }
            Self::Money => Cell::Money(text.parse().ok()?),
        })
    }

    fn read_moment(self, text: &str) -> Option<Cell<'static>> {
        let kind = self.temporal()?;
        if let Some(infinity) = read_infinity(text, kind) {
            return Some(infinity);
        }
        let (body, before_christ) = text.strip_suffix(" BC").map_or((text, false), |body| (body, true));
        let (date, time) = match kind {
            Temporal::Date => (body, None),
            Temporal::Timestamp => body.split_once(' ').map(|(date, time)| (date, Some(time)))?,
            Temporal::Interval => return None,
            Temporal::Instant => body
                .strip_suffix("+00")?
                .split_once(' ')
                .map(|(date, time)| (date, Some(time)))?,
        };
        let days = read_day(date, before_christ)?;
        let Some(time) = time else {
            return Some(Cell::Date(days));
        };
        let ticks = temporal::join(days, read_time(time)?)?;
        Some(if kind == Temporal::Instant {
            Cell::Instant(ticks)
        } else {
            Cell::Timestamp(ticks)
        })
    }
}

fn read_infinity(text: &str, kind: Temporal) -> Option<Cell<'static>> {
    let negative = match text {
        "infinity" => false,
        "-infinity" => true,
        _ => return None,
    };
    Some(Cell::TemporalInfinity { kind, negative })
}

/// Appends a value's exact text; intervals in ISO 8601's form.
pub(crate) fn write_leaf(cell: &Cell<'_>, out: &mut String) {
    match *cell {
        Cell::Interval { months, days, micros } => temporal::write_iso_interval(months, days, micros, out),
        _ => {
            write_text(cell, out);
        }
    }
}

fn read_float(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => text.parse().ok(),
    }
}

fn unhex(text: &str, out: &mut Vec<u8>) -> Option<()> {
    out.clear();
    let pairs = text.as_bytes().chunks_exact(2);
    let odd = !pairs.remainder().is_empty();
    for pair in pairs {
        let digit = |byte: u8| char::from(byte).to_digit(16);
        out.push((digit(pair[0])? * 16 + digit(pair[1])?) as u8);
    }
    (!odd).then_some(())
}

fn read_bits<'a>(text: &str, out: &'a mut Vec<u8>) -> Option<Cell<'a>> {
    out.clear();
    out.resize(text.len().div_ceil(8), 0);
    for (index, digit) in text.bytes().enumerate() {
        match digit {
            b'1' => out[index / 8] |= 0x80 >> (index % 8),
            b'0' => {}
            _ => return None,
        }
    }
    Some(Cell::Bit {
        bits: u32::try_from(text.len()).ok()?,
        bytes: out,
    })
}

fn read_day(text: &str, before_christ: bool) -> Option<i64> {
    let mut parts = text.rsplitn(3, '-');
    let day = parts.next()?.parse().ok()?;
    let month = parts.next()?.parse().ok()?;
    let shown: i64 = parts.next()?.parse().ok()?;
    temporal::days(if before_christ { 1 - shown } else { shown }, month, day)
}

fn read_time(text: &str) -> Option<Ticks> {
    let (body, negative) = text.strip_prefix('-').map_or((text, false), |body| (body, true));
    let mut parts = body.splitn(3, ':');
    let hours: i128 = parts.next()?.parse().ok()?;
    let minutes: i128 = parts.next()?.parse().ok()?;
    let (seconds, fraction) = parts.next().map(|text| text.split_once('.').unwrap_or((text, "")))?;
    let whole = (hours.checked_mul(60)?.checked_add(minutes)?)
        .checked_mul(60)?
        .checked_add(seconds.parse().ok()?)?;
    let digits = format!("{fraction:0<9}");
    let nanos = whole
        .checked_mul(1_000_000_000)?
        .checked_add(digits.get(..9).filter(|_| fraction.len() <= 9)?.parse().ok()?)?;
    let nanos = if negative { -nanos } else { nanos };
    Some(Ticks {
        micros: i64::try_from(nanos.div_euclid(1000)).ok()?,
        nanos: nanos.rem_euclid(1000) as u16,
    })
}

fn read_time_tz(text: &str) -> Option<Cell<'static>> {
    let at = text.rfind(['+', '-']).filter(|at| *at > 0)?;
    let (time, zone) = text.split_at(at);
    let mut seconds = 0_i32;
    for (part, unit) in zone[1..].splitn(3, ':').zip([3600, 60, 1]) {
        seconds = seconds.checked_add(part.parse::<i32>().ok()?.checked_mul(unit)?)?;
    }
    Some(Cell::TimeTz {
        local: read_time(time)?,
        offset_seconds: if zone.starts_with('-') { -seconds } else { seconds },
    })
}

/// `P1Y2M3DT4H5M6.789S`: years and months are months, the clock's parts are microseconds, days stay days.
fn read_interval(text: &str) -> Option<Cell<'static>> {
    let mut rest = text.strip_prefix('P')?;
    let (mut months, mut days, mut micros, mut clock) = (0_i64, 0_i64, 0_i128, false);
    while !rest.is_empty() {
        if let Some(behind) = rest.strip_prefix('T') {
            (rest, clock) = (behind, true);
            continue;
        }
        let end = rest.find(|next: char| next.is_ascii_uppercase())?;
        let (number, unit) = (&rest[..end], rest.as_bytes()[end]);
        rest = &rest[end + 1..];
        match (clock, unit) {
            (false, b'Y') => months = months.checked_add(number.parse::<i64>().ok()?.checked_mul(12)?)?,
            (false, b'M') => months = months.checked_add(number.parse().ok()?)?,
            (false, b'D') => days = number.parse().ok()?,
            (true, b'H') => micros = micros.checked_add(number.parse::<i128>().ok()?.checked_mul(3_600_000_000)?)?,
            (true, b'M') => micros = micros.checked_add(number.parse::<i128>().ok()?.checked_mul(60_000_000)?)?,
            (true, b'S') => micros = micros.checked_add(read_seconds(number)?)?,
            _ => return None,
        }
    }
    Some(Cell::Interval {
        months: months.try_into().ok()?,
        days: days.try_into().ok()?,
        micros: micros.try_into().ok()?,
    })
}

fn read_seconds(text: &str) -> Option<i128> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{fraction:0<6}");
    let part: i128 = digits.get(..6).filter(|_| fraction.len() <= 6)?.parse().ok()?;
    let micros = whole.parse::<i128>().ok()?.checked_mul(1_000_000)?;
    Some(if whole.starts_with('-') {
        micros - part
    } else {
        micros + part
    })
}
