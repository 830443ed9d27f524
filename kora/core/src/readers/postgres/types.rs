//! Field decoders: the binary send format of each `pg_type`, as its `*_send` function in PostgreSQL writes it.

use super::wire::protocol;
use crate::canon::{encode_cell, encode_here, put_utf8};
use crate::cell::{Cell, Network, Temporal, Ticks};
use crate::error::{Error, Result};
use crate::temporal;

/// Days from 1970-01-01 to 2000-01-01, PostgreSQL's epoch.
pub const EPOCH_DAYS: i64 = 10_957;
/// The same in microseconds.
pub const EPOCH_MICROS: i64 = EPOCH_DAYS * 86_400_000_000;

/// Types of the server's own whose binary form is the same on every server and names no object of one. They are carried
/// as those bytes, to PostgreSQL alone.
pub const OPAQUE: [&str; 5] = ["tsvector", "tsquery", "txid_snapshot", "pg_snapshot", "tid"];
/// What stands for an infinite interval from PostgreSQL 17 on (`INTERVAL_NOEND`, `INTERVAL_NOBEGIN`): months, days,
/// microseconds. An older server takes the same as a very long interval.
pub const ENDLESS: [(i32, i32, i64); 2] = [(i32::MAX, i32::MAX, i64::MAX), (i32::MIN, i32::MIN, i64::MIN)];

/// How a column's fields are decoded. Chosen once per column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// `bool`.
    Bool,
    /// `int2`.
    Int2,
    /// `int4`.
    Int4,
    /// `int8`.
    Int8,
    /// `oid`, `xid`, `cid`, unsigned.
    Oid,
    /// `float4`.
    Float4,
    /// `float8`.
    Float8,
    /// `numeric`.
    Numeric,
    /// `text`, `varchar`, `name`, `citext`, `xml`.
    Text,
    /// `bpchar`: its trailing spaces are not data.
    PaddedText,
    /// `bytea`.
    Bytes,
    /// `uuid`.
    Uuid,
    /// `bit`, `varbit`.
    Bit,
    /// `date`.
    Date,
    /// `time`.
    Time,
    /// `timetz`.
    TimeTz,
    /// `timestamp`.
    Timestamp,
    /// `timestamptz`.
    Instant,
    /// `interval` of a server before 17, where every value is finite.
    Interval,
    /// `interval17`: `interval` as PostgreSQL 17 and later have it, with infinities.
    EndlessInterval,
    /// `json`.
    Json,
    /// `jsonb`.
    Jsonb,
    /// `enum`, whatever its own name.
    Enum,
    /// `inet`.
    Inet,
    /// `cidr`.
    Cidr,
    /// `macaddr`, `macaddr8`.
    Mac,
    /// `money`.
    Money,
    /// `"char"`: one byte.
    Char,
    /// `xid8`, `pg_lsn`, unsigned.
    Uint8,
    /// `jsonpath`: its text behind a version.
    JsonPath,
    /// A type of the server's own whose bytes nobody else reads, as it sends them.
    Opaque,
    /// A value made of values, which [`super::nested`] decodes.
    Nested,
}

impl ColumnKind {
    /// By `pg_type.typname` (any enumeration as `enum`), without a modifier. `None` for what has no decoder.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "bool" => Self::Bool,
            "int2" => Self::Int2,
            "int4" => Self::Int4,
            "int8" => Self::Int8,
            "oid" | "xid" | "cid" => Self::Oid,
            "xid8" | "pg_lsn" => Self::Uint8,
            "float4" => Self::Float4,
            "float8" => Self::Float8,
            "numeric" => Self::Numeric,
            "text" | "varchar" | "name" | "citext" | "xml" => Self::Text,
            "bpchar" => Self::PaddedText,
            "bytea" => Self::Bytes,
            "uuid" => Self::Uuid,
            "bit" | "varbit" => Self::Bit,
            "date" => Self::Date,
            "time" => Self::Time,
            "timetz" => Self::TimeTz,
            "timestamp" => Self::Timestamp,
            "timestamptz" => Self::Instant,
            "interval" => Self::Interval,
            "interval17" => Self::EndlessInterval,
            "json" => Self::Json,
            "jsonb" => Self::Jsonb,
            "enum" => Self::Enum,
            "inet" => Self::Inet,
            "cidr" => Self::Cidr,
            "macaddr" | "macaddr8" => Self::Mac,
            "money" => Self::Money,
            "char" => Self::Char,
            "jsonpath" => Self::JsonPath,
            name if OPAQUE.contains(&name) => Self::Opaque,
            _ => return None,
        })
    }

    /// A field's cell. `Numeric` is decoded by [`super::numeric`] and `Nested` by [`super::nested`], for they need memory.
    #[inline(always)]
    pub fn decode<'a>(self, bytes: &'a [u8]) -> Result<Cell<'a>> {
        Ok(match self {
            Self::Bool => match fixed::<1>(bytes)? {
                [0] => Cell::Bool(false),
                [1] => Cell::Bool(true),
                _ => return Err(protocol("a boolean that is neither 0 nor 1")),
            },
            Self::Int2 => Cell::Int(i16::from_be_bytes(fixed(bytes)?).into()),
            Self::Int4 => Cell::Int(i32::from_be_bytes(fixed(bytes)?).into()),
            Self::Int8 => Cell::Int(i64::from_be_bytes(fixed(bytes)?).into()),
            Self::Oid => Cell::Int(u32::from_be_bytes(fixed(bytes)?).into()),
            Self::Float4 => Cell::Float(f32::from_be_bytes(fixed(bytes)?).into()),
            Self::Float8 => Cell::Float(f64::from_be_bytes(fixed(bytes)?)),
            Self::Numeric => return Err(protocol("a numeric has its own decoder")),
            Self::Text => text(bytes, Cell::Text),
            Self::PaddedText => text(without_padding(bytes), Cell::Text),
            Self::Bytes | Self::Opaque => Cell::Bytes(bytes),
            Self::Uuid => Cell::Uuid(fixed(bytes)?),
            Self::Bit => bit(bytes)?,
            Self::Date => date(i32::from_be_bytes(fixed(bytes)?)),
            Self::Time => Cell::Time(Ticks::from_micros(i64::from_be_bytes(fixed(bytes)?))),
            Self::TimeTz => time_tz(fixed(bytes)?),
            Self::Timestamp => moment(i64::from_be_bytes(fixed(bytes)?), Temporal::Timestamp)?,
            Self::Instant => moment(i64::from_be_bytes(fixed(bytes)?), Temporal::Instant)?,
            Self::Interval => interval(fixed(bytes)?),
            Self::EndlessInterval => endless_interval(fixed(bytes)?),
            Self::Json => text(bytes, Cell::Json),
            Self::Jsonb => match bytes {
                [1, json @ ..] => text(json, Cell::Json),
                _ => return Err(protocol("a jsonb of a version other than 1")),
            },
            Self::JsonPath => match bytes {
                [1, path @ ..] => text(path, Cell::Text),
                _ => return Err(protocol("a jsonpath of a version other than 1")),
            },
            Self::Enum => text(bytes, Cell::Enum),
            Self::Inet => network(Network::Inet, bytes)?,
            Self::Cidr => network(Network::Cidr, bytes)?,
            Self::Mac => Cell::Network {
                kind: Network::Mac,
                prefix: 0,
                address: bytes,
            },
            Self::Money => Cell::Money(i64::from_be_bytes(fixed(bytes)?)),
            Self::Char => Cell::Bytes(fixed::<1>(bytes).map(|_| bytes)?),
            Self::Uint8 => Cell::Int(u64::from_be_bytes(fixed(bytes)?).into()),
            Self::Nested => return Err(protocol("a nested value has its own decoder")),
        })
    }

    /// Appends a field's canonical cell: what [`Self::decode`] and [`encode_cell`] do one after the other, for the usual
    /// kinds without a cell in memory between them.
    #[inline(always)]
    pub fn encode(self, bytes: &[u8], out: &mut Vec<u8>) -> Result<()> {
        macro_rules! known {
            ($($kind:ident),*) => {
                match self {
                    $(Self::$kind => encode_here(&Self::$kind.decode(bytes)?, out),)*
                    Self::Text if put_utf8(bytes, out) => Ok(()),
                    other => encode_cell(&other.decode(bytes)?, out),
                }
            };
        }
        known!(Bool, Int2, Int4, Int8, Float4, Float8, Date, Timestamp, Instant, Bytes, Uuid)
    }
}

#[inline(always)]
fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N]> {
    bytes.try_into().map_err(|_| wrong_length(bytes.len(), N))
}

#[cold]
fn wrong_length(found: usize, expected: usize) -> Error {
    protocol(format!(
        "a field of {found} bytes where its type has {expected}: is the column of the type that was named?"
    ))
}

#[inline(always)]
fn text<'a>(bytes: &'a [u8], make: impl FnOnce(&'a str) -> Cell<'a>) -> Cell<'a> {
    match std::str::from_utf8(bytes) {
        Ok(text) => make(text),
        Err(_) => Cell::BrokenText { bytes, charset: "utf8" },
    }
}

/// Family, bits of the prefix, whether it is a `cidr`, length and bytes of the address: `network_send`.
fn network(kind: Network, bytes: &[u8]) -> Result<Cell<'_>> {
    match bytes {
        [_, prefix, _, length, address @ ..] if usize::from(*length) == address.len() => Ok(Cell::Network {
            kind,
            prefix: *prefix,
            address,
        }),
        _ => Err(protocol("a network address of another length than it says")),
    }
}

#[inline(always)]
fn without_padding(bytes: &[u8]) -> &[u8] {
    let kept = bytes.iter().rposition(|byte| *byte != b' ').map_or(0, |last| last + 1);
    &bytes[..kept]
}

#[inline(always)]
fn bit(bytes: &[u8]) -> Result<Cell<'_>> {
    let Some((length, bytes)) = bytes.split_first_chunk::<4>() else {
        return Err(protocol("a bit string without its length"));
    };
    let bits = u32::from_be_bytes(*length);
    match bytes.len() == bits.div_ceil(8) as usize {
        true => Ok(Cell::Bit { bits, bytes }),
        false => Err(protocol("a bit string of another length than it says")),
    }
}

#[inline(always)]
fn date(days: i32) -> Cell<'static> {
    match days {
        i32::MIN => Cell::TemporalInfinity {
            kind: Temporal::Date,
            negative: true,
        },
        i32::MAX => Cell::TemporalInfinity {
            kind: Temporal::Date,
            negative: false,
        },
        _ => Cell::Date(i64::from(days) + EPOCH_DAYS),
    }
}

#[inline(always)]
fn moment(micros: i64, kind: Temporal) -> Result<Cell<'static>> {
    match micros {
        i64::MIN => return Ok(Cell::TemporalInfinity { kind, negative: true }),
        i64::MAX => return Ok(Cell::TemporalInfinity { kind, negative: false }),
        _ => {}
    }
    let Some(since_1970) = micros.checked_add(EPOCH_MICROS) else {
        return last_years(micros);
    };
    let ticks = Ticks::from_micros(since_1970);
    Ok(match kind {
        Temporal::Instant => Cell::Instant(ticks),
        Temporal::Timestamp | Temporal::Date | Temporal::Interval => Cell::Timestamp(ticks),
    })
}

/// PostgreSQL's last thirty years (294247 to 294276) do not fit 64 bits of microseconds since 1970: day and clock apart.
#[cold]
fn last_years(micros: i64) -> Result<Cell<'static>> {
    let (year, month, day) = temporal::civil(micros.div_euclid(temporal::DAY_MICROS) + EPOCH_DAYS);
    Ok(Cell::ImpossibleTimestamp {
        year: i32::try_from(year).map_err(|_| protocol("a timestamp beyond every calendar"))?,
        month,
        day,
        micros: micros.rem_euclid(temporal::DAY_MICROS),
    })
}

#[inline(always)]
fn time_tz(bytes: [u8; 12]) -> Cell<'static> {
    let [a, b, c, d, e, f, g, h, zone @ ..] = bytes;
    let local = Ticks::from_micros(i64::from_be_bytes([a, b, c, d, e, f, g, h]));
    // PostgreSQL counts zones westwards.
    Cell::TimeTz {
        local,
        offset_seconds: i32::from_be_bytes(zone).wrapping_neg(),
    }
}

#[inline(always)]
fn interval(bytes: [u8; 16]) -> Cell<'static> {
    let [a, b, c, d, e, f, g, h, i, j, k, l, months @ ..] = bytes;
    Cell::Interval {
        months: i32::from_be_bytes(months),
        days: i32::from_be_bytes([i, j, k, l]),
        micros: i64::from_be_bytes([a, b, c, d, e, f, g, h]),
    }
}

fn endless_interval(bytes: [u8; 16]) -> Cell<'static> {
    let found = interval(bytes);
    match found {
        Cell::Interval { months, days, micros } if ENDLESS.contains(&(months, days, micros)) => {
            Cell::TemporalInfinity {
                kind: Temporal::Interval,
                negative: months < 0,
            }
        }
        finite => finite,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_not_data_but_other_blanks_are() {
        assert_eq!(ColumnKind::PaddedText.decode(b" a\t  ").unwrap(), Cell::Text(" a\t"));
        assert_eq!(ColumnKind::PaddedText.decode(b"   ").unwrap(), Cell::Text(""));
    }

    #[test]
    fn a_single_is_widened_exactly() {
        let bytes = 0.1_f32.to_be_bytes();
        let cell = ColumnKind::Float4.decode(&bytes).unwrap();
        assert_eq!(cell, Cell::Float(0.100_000_001_490_116_12));
    }

    #[test]
    fn text_that_is_not_utf8_stays_as_bytes() {
        let cell = ColumnKind::Text.decode(b"caf\xe9").unwrap();
        assert_eq!(
            cell,
            Cell::BrokenText {
                bytes: b"caf\xe9",
                charset: "utf8"
            }
        );
    }

    #[test]
    fn moments_beyond_the_cell_are_kept_as_day_and_clock_and_never_wrapped() {
        let last = i64::MAX - EPOCH_MICROS;
        assert_eq!(
            ColumnKind::Instant.decode(&last.to_be_bytes()).unwrap(),
            Cell::Instant(Ticks::from_micros(i64::MAX))
        );
        let beyond = Cell::ImpossibleTimestamp {
            year: 294_247,
            month: 1,
            day: 10,
            micros: 14_454_775_808,
        };
        assert_eq!(ColumnKind::Instant.decode(&(last + 1).to_be_bytes()).unwrap(), beyond);
        assert_eq!(ColumnKind::Timestamp.decode(&(last + 1).to_be_bytes()).unwrap(), beyond);
    }

    #[test]
    fn a_field_of_the_wrong_size_is_a_protocol_violation() {
        for (name, bytes) in [
            ("int8", &[0; 4][..]),
            ("uuid", &[0; 15]),
            ("bit", &[0, 0, 0, 9, 0]),
            ("jsonb", b"\x02{}"),
        ] {
            let kind = ColumnKind::from_name(name).unwrap();
            assert!(matches!(kind.decode(bytes), Err(Error::Protocol { .. })), "{name}");
        }
    }
}
