//! The columns that rows are encoded for: a type as `CREATE TABLE` spells it, and what its modifier allows.
use crate::error::{Error, Result};

/// `255.255.255.255`, and an IPv6 address whose last part is one of IPv4.
const LONGEST_INET4: usize = 15;
const LONGEST_INET6: usize = 45;
/// Of a vector, on either server.
const MOST_SINGLES: usize = 16_383;

/// A column type of MariaDB or MySQL with its modifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetType {
    /// Whole numbers between two bounds.
    Integer(i128, i128),
    /// `year`: 1901 to 2155, and 0000.
    Year,
    /// `decimal(p,s)`: most digits in front of the point and behind it.
    Decimal(usize, usize),
    /// `float`.
    Float,
    /// `double`.
    Double,
    /// Text of at most so many characters (`varchar`) and bytes (`text` and its sizes).
    Text {
        /// Most characters; `None` where only bytes count.
        characters: Option<usize>,
        /// Most bytes.
        bytes: usize,
        /// `char`: blanks at the end are not kept.
        padded: bool,
    },
    /// Bytes, at most so many.
    Bytes(usize),
    /// `binary(n)`: exactly so many.
    FixedBytes(usize),
    /// `bit(n)`.
    Bit(u32),
    /// `date`.
    Date,
    /// `time` with digits of a second.
    Time(u32),
    /// `datetime` likewise.
    DateTime(u32),
    /// `timestamp` likewise.
    Timestamp(u32),
    /// `json`.
    Json,
    /// `enum` with its labels.
    Enum(Vec<String>),
    /// `set` with its labels.
    Set(Vec<String>),
    /// `uuid`.
    Uuid,
    /// `inet4`, `inet6`: an address as text of at most so many bytes.
    Address(usize),
    /// `geometry` of any shape.
    Geometry,
    /// `vector` of so many singles.
    Vector(usize),
}

impl TargetType {
    /// Reads a type.
    pub(super) fn parse(column: usize, text: &str) -> Result<Self> {
        let broken = || Error::Usage(format!("{text:?} is not a column type"));
        let lowered = text.trim().to_ascii_lowercase();
        let (name, rest) = lowered.split_once('(').unwrap_or((lowered.as_str(), ""));
        let name = name.trim();
        if matches!(name, "enum" | "set") {
            let labels = labels(text).ok_or_else(broken)?;
            return Ok(if name == "enum" {
                Self::Enum(labels)
            } else {
                Self::Set(labels)
            });
        }
        let inside = rest.split_once(')').map_or("", |(inside, _)| inside);
        let modifiers: Vec<usize> = inside
            .split(',')
            .filter(|part| !part.trim().is_empty())
            .map(|part| part.trim().parse().map_err(|_| broken()))
            .collect::<Result<_>>()?;
        let unsigned = lowered.contains(" unsigned");
        let bare = name.strip_suffix(" unsigned").unwrap_or(name).trim_end();
        if let Some(bits) = integer_bits(bare) {
            return Ok(integer(bits, unsigned));
        }
        Self::modified(bare, &modifiers).unwrap_or_else(|| {
            Err(Error::Unsupported {
                column: column.to_string(),
                type_name: text.to_owned(),
            })
        })
    }

    /// Types other than integers and lists of labels; `None` for an unknown name.
    fn modified(name: &str, modifiers: &[usize]) -> Option<Result<Self>> {
        let misfit = || Error::Usage(format!("{name}: a modifier that this type cannot have"));
        let length = || match modifiers {
            [length] => Ok(*length),
            _ => Err(misfit()),
        };
        let digits = || match modifiers {
            [] => Ok(0),
            [digits @ 0..=6] => Ok(*digits as u32),
            _ => Err(misfit()),
        };
        let text = |bytes: usize| Self::Text {
            characters: None,
            bytes,
            padded: false,
        };
        let characters = |padded: bool| {
            length().map(|characters| Self::Text {
                characters: Some(characters),
                bytes: characters.saturating_mul(4),
                padded,
            })
        };
        Some(match name {
            "decimal" => match modifiers {
                [] => Ok(Self::Decimal(10, 0)),
                [precision @ 1..=65] => Ok(Self::Decimal(*precision, 0)),
                [precision @ 1..=65, scale @ 0..=38] if scale <= precision => {
                    Ok(Self::Decimal(precision - scale, *scale))
                }
                _ => Err(misfit()),
            },
            "float" => Ok(Self::Float),
            "double" => Ok(Self::Double),
            "year" => Ok(Self::Year),
            "char" => characters(true),
            "varchar" => characters(false),
            "tinytext" => Ok(text(255)),
            "text" => Ok(text(65_535)),
            "mediumtext" => Ok(text((1 << 24) - 1)),
            "longtext" => Ok(text(u32::MAX as usize)),
            "binary" => length().map(Self::FixedBytes),
            "varbinary" => length().map(Self::Bytes),
            "tinyblob" => Ok(Self::Bytes(255)),
            "blob" => Ok(Self::Bytes(65_535)),
            "mediumblob" => Ok(Self::Bytes((1 << 24) - 1)),
            "longblob" => Ok(Self::Bytes(u32::MAX as usize)),
            "bit" => match modifiers {
                [] => Ok(Self::Bit(1)),
                [bits @ 1..=64] => Ok(Self::Bit(*bits as u32)),
                _ => Err(misfit()),
            },
            "date" => Ok(Self::Date),
            "time" => digits().map(Self::Time),
            "datetime" => digits().map(Self::DateTime),
            "timestamp" => digits().map(Self::Timestamp),
            "json" => Ok(Self::Json),
            "uuid" => Ok(Self::Uuid),
            "inet4" => Ok(Self::Address(LONGEST_INET4)),
            "inet6" => Ok(Self::Address(LONGEST_INET6)),
            "geometry" => Ok(Self::Geometry),
            "vector" => match modifiers {
                [singles @ 1..=MOST_SINGLES] => Ok(Self::Vector(*singles)),
                _ => Err(misfit()),
            },
            _ => return None,
        })
    }
}

fn integer_bits(name: &str) -> Option<u32> {
    Some(match name {
        "tinyint" => 8,
        "smallint" => 16,
        "mediumint" => 24,
        "int" => 32,
        "bigint" => 64,
        _ => return None,
    })
}

fn integer(bits: u32, unsigned: bool) -> TargetType {
    if unsigned {
        TargetType::Integer(0, (1_i128 << bits) - 1)
    } else {
        TargetType::Integer(-(1_i128 << (bits - 1)), (1_i128 << (bits - 1)) - 1)
    }
}

/// The labels of `enum('a','b')`, quotes in them doubled.
fn labels(text: &str) -> Option<Vec<String>> {
    let inside = text.trim().split_once('(')?.1.strip_suffix(')')?;
    let mut found = Vec::new();
    let mut rest = inside.trim();
    loop {
        rest = rest.strip_prefix('\'')?;
        let mut label = String::new();
        loop {
            let (part, behind) = rest.split_once('\'')?;
            label.push_str(part);
            match behind.strip_prefix('\'') {
                Some(more) => {
                    label.push('\'');
                    rest = more;
                }
                None => {
                    rest = behind.trim_start();
                    break;
                }
            }
        }
        found.push(label);
        match rest.strip_prefix(',') {
            Some(more) => rest = more.trim_start(),
            None => return rest.is_empty().then_some(found),
        }
    }
}
