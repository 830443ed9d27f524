//! Which bytes a column's values have, and what they mean: the protocol's type beside the catalog's.

use super::charsets::Charset;
use super::reply::ColumnDefinition;
use crate::error::{Error, Result};

const UNTEXTED: u16 = 63;

/// What the caller says that a column holds.
#[derive(Clone, Debug)]
pub enum ColumnKind {
    /// As the result set describes it: for small queries.
    Described,
    /// Any integer, YEAR too.
    Integer,
    /// DECIMAL.
    Decimal,
    /// FLOAT and DOUBLE.
    Float,
    /// BIT of so many bits.
    Bit(u32),
    /// DATE.
    Date,
    /// TIME, a duration.
    Time,
    /// DATETIME.
    Timestamp,
    /// TIMESTAMP, in a session in UTC.
    Instant,
    /// CHAR, VARCHAR, TEXT.
    Text(Charset),
    /// Text that is JSON.
    Json(Charset),
    /// BINARY, VARBINARY, BLOB.
    Bytes,
    /// ENUM without an empty label: the empty text is the invalid value, index 0.
    Enum(Charset),
    /// ENUM whose label stands behind `1`, the invalid value being `0`: for one that has an empty label.
    MarkedEnum(Charset),
    /// SET without an empty label.
    Set(Charset),
    /// MariaDB's UUID, which is sent as text.
    Uuid,
    /// MariaDB's INET4 and INET6, which are sent as text.
    Inet,
    /// A geometry: its SRID and well-known binary.
    Geometry,
    /// VECTOR: singles in a row.
    Vector,
}

impl ColumnKind {
    /// By name: `integer`, `decimal`, `float`, `bit(8)`, `date`, `time`, `datetime`, `timestamp`, `bytes`, `uuid`,
    /// `inet`, `geometry`, `vector`, `text:utf8mb4`, `json:utf8mb4`, `enum:latin1`, `marked enum:latin1`, `set:latin1`, or empty for what the result set says.
    pub fn from_name(name: &str) -> Option<Self> {
        if let Some((kind, charset)) = name.split_once(':') {
            let charset = Charset::from_name(charset)?;
            return Some(match kind {
                "text" => Self::Text(charset),
                "json" => Self::Json(charset),
                "enum" => Self::Enum(charset),
                "marked enum" => Self::MarkedEnum(charset),
                "set" => Self::Set(charset),
                _ => return None,
            });
        }
        Some(match name {
            "" => Self::Described,
            "integer" => Self::Integer,
            "decimal" => Self::Decimal,
            "float" => Self::Float,
            "date" => Self::Date,
            "time" => Self::Time,
            "datetime" => Self::Timestamp,
            "timestamp" => Self::Instant,
            "bytes" => Self::Bytes,
            "uuid" => Self::Uuid,
            "inet" => Self::Inet,
            "geometry" => Self::Geometry,
            "vector" => Self::Vector,
            _ => {
                let bits = name.strip_prefix("bit(")?.strip_suffix(')')?.parse().ok()?;
                return (1..=64).contains(&bits).then_some(Self::Bit(bits));
            }
        })
    }
}

/// How the protocol sends a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Physical {
    /// One byte.
    Int1 {
        /// Without a sign.
        unsigned: bool,
    },
    /// Two bytes.
    Int2 {
        /// Without a sign.
        unsigned: bool,
    },
    /// Four bytes.
    Int4 {
        /// Without a sign.
        unsigned: bool,
    },
    /// Eight bytes.
    Int8 {
        /// Without a sign.
        unsigned: bool,
    },
    /// A single.
    Float4,
    /// A double.
    Float8,
    /// A day, with a time behind it or not.
    Moment,
    /// A duration.
    Duration,
    /// A length and bytes.
    String,
    /// Nothing: the column is NULL throughout.
    Nothing,
}

/// One column's two sides, known to fit each other.
#[derive(Clone, Debug)]
pub struct Column {
    /// On the wire.
    pub physical: Physical,
    /// In meaning.
    pub kind: ColumnKind,
}

impl Column {
    /// Puts both sides together.
    ///
    /// Errors: [`Error::Unsupported`] for a type that the protocol sends in a way that is not known here,
    /// [`Error::Usage`] where the column is not of the type that was named.
    pub fn new(position: usize, kind: &ColumnKind, definition: &ColumnDefinition) -> Result<Self> {
        let unsigned = definition.unsigned();
        let physical = match definition.type_code {
            1 => Physical::Int1 { unsigned },
            2 => Physical::Int2 { unsigned },
            13 => Physical::Int2 { unsigned: true },
            3 | 9 => Physical::Int4 { unsigned },
            8 => Physical::Int8 { unsigned },
            4 => Physical::Float4,
            5 => Physical::Float8,
            6 => Physical::Nothing,
            7 | 10 | 12 => Physical::Moment,
            11 => Physical::Duration,
            0 | 15 | 16 | 242 | 245..=255 => Physical::String,
            other => {
                return Err(Error::Unsupported {
                    column: position.to_string(),
                    type_name: format!("protocol type {other}"),
                })
            }
        };
        let kind = match kind {
            ColumnKind::Described => described(definition),
            named => named.clone(),
        };
        let column = Self { physical, kind };
        match column.fits(definition.type_code) {
            true => Ok(column),
            false => Err(Error::Usage(format!(
                "column {position} is of protocol type {}, which does not hold {:?}",
                definition.type_code, column.kind
            ))),
        }
    }

    fn fits(&self, type_code: u8) -> bool {
        let decimal = matches!(type_code, 0 | 246);
        match &self.kind {
            _ if self.physical == Physical::Nothing => true,
            ColumnKind::Described => false,
            ColumnKind::Integer => matches!(
                self.physical,
                Physical::Int1 { .. } | Physical::Int2 { .. } | Physical::Int4 { .. } | Physical::Int8 { .. }
            ),
            ColumnKind::Decimal => decimal,
            ColumnKind::Float => matches!(self.physical, Physical::Float4 | Physical::Float8),
            ColumnKind::Bit(_) => type_code == 16,
            ColumnKind::Date => type_code == 10,
            ColumnKind::Timestamp => type_code == 12,
            ColumnKind::Instant => type_code == 7,
            ColumnKind::Time => type_code == 11,
            ColumnKind::Geometry => type_code == 255,
            ColumnKind::Bytes
            | ColumnKind::Text(_)
            | ColumnKind::Json(_)
            | ColumnKind::Enum(_)
            | ColumnKind::MarkedEnum(_)
            | ColumnKind::Set(_)
            | ColumnKind::Inet
            | ColumnKind::Vector
            | ColumnKind::Uuid => self.physical == Physical::String && !decimal && type_code != 16,
        }
    }
}

/// A small query's column, in a session whose texts arrive in UTF-8.
fn described(definition: &ColumnDefinition) -> ColumnKind {
    match definition.type_code {
        1 | 2 | 3 | 8 | 9 | 13 => ColumnKind::Integer,
        0 | 246 => ColumnKind::Decimal,
        4 | 5 => ColumnKind::Float,
        7 => ColumnKind::Instant,
        10 => ColumnKind::Date,
        11 => ColumnKind::Time,
        12 => ColumnKind::Timestamp,
        16 => ColumnKind::Bit(definition.length.clamp(1, 64)),
        245 => ColumnKind::Json(Charset::Utf8),
        _ if definition.collation == UNTEXTED => ColumnKind::Bytes,
        _ => ColumnKind::Text(Charset::Utf8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition(type_code: u8) -> ColumnDefinition {
        ColumnDefinition {
            collation: UNTEXTED,
            length: 1,
            type_code,
            flags: 0,
        }
    }

    #[test]
    fn names_that_are_not_known_have_no_kind() {
        for name in ["xml", "text", "text:swe7", "bit(0)", "bit(65)", "bit", "list:utf8mb4"] {
            assert!(ColumnKind::from_name(name).is_none(), "{name}");
        }
    }

    #[test]
    fn a_column_of_another_type_than_was_named_is_refused() {
        for (name, type_code) in [
            ("integer", 253),
            ("text:utf8mb4", 246),
            ("date", 12),
            ("timestamp", 12),
            ("bytes", 16),
        ] {
            let kind = ColumnKind::from_name(name).unwrap();
            assert!(matches!(
                Column::new(0, &kind, &definition(type_code)),
                Err(Error::Usage(_))
            ));
        }
        let unknown = Column::new(0, &ColumnKind::Described, &definition(14));
        assert!(matches!(unknown, Err(Error::Unsupported { .. })));
    }
}
