//! The columns that rows are encoded for: a type's name and what its modifier allows.

use super::nested::NestedTarget;
use crate::cell::Network;
use crate::error::{Error, Result};
use crate::readers::postgres::types::OPAQUE;

/// A PostgreSQL column type with its modifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetType {
    /// `bool`.
    Bool,
    /// `int2`.
    Int2,
    /// `int4`.
    Int4,
    /// `int8`.
    Int8,
    /// `oid`.
    Oid,
    /// `float4`.
    Float4,
    /// `float8`.
    Float8,
    /// `numeric`, with precision and scale where it has them.
    Numeric(Option<(i32, i32)>),
    /// `text`, `citext`, `varchar` with its most characters.
    Text(Option<usize>),
    /// `bpchar` with its number of characters.
    PaddedText(Option<usize>),
    /// `name`: 63 bytes.
    Name,
    /// `bytea`.
    Bytes,
    /// `uuid`.
    Uuid,
    /// `bit` with exactly so many.
    Bit(Option<usize>),
    /// `varbit` with its most bits.
    VarBit(Option<usize>),
    /// `date`.
    Date,
    /// `time` with digits of a second.
    Time(u32),
    /// `timetz` likewise.
    TimeTz(u32),
    /// `timestamp` likewise.
    Timestamp(u32),
    /// `timestamptz` likewise.
    Instant(u32),
    /// `interval` likewise, of a server where every one is finite.
    Interval(u32),
    /// `interval17`: the same of a server that has infinite ones.
    EndlessInterval(u32),
    /// `json`.
    Json,
    /// `jsonb`.
    Jsonb,
    /// Any enumeration.
    Enum,
    /// `inet`, `cidr`; `macaddr` and `macaddr8` with their bytes.
    Network(Network, usize),
    /// `money`.
    Money,
    /// `"char"`.
    Char,
    /// `xid8`, `pg_lsn`.
    Uint8,
    /// `jsonpath`.
    JsonPath,
    /// A type of the server's own, by its name, whose bytes come as another server sent them.
    Opaque(&'static str),
    /// A value made of values.
    Nested(Box<NestedTarget>),
}

impl TargetType {
    /// Reads `name` or `name(modifier)` or `name(modifier,modifier)`.
    pub(super) fn parse(column: usize, text: &str) -> Result<Self> {
        if let Some(nested) = NestedTarget::parse(text) {
            return Ok(Self::Nested(Box::new(nested)));
        }
        let (name, modifiers) = split(text).ok_or_else(|| Error::Usage(format!("{text:?} is not a column type")))?;
        let misfit = || Error::Usage(format!("{text:?}: a modifier that this type cannot have"));
        let one = || match modifiers.as_slice() {
            [] => Ok(None),
            [length] => usize::try_from(*length)
                .ok()
                .filter(|length| *length > 0)
                .map(Some)
                .ok_or_else(misfit),
            _ => Err(misfit()),
        };
        let fraction = || match modifiers.as_slice() {
            [] => Ok(6),
            [digits @ 0..=6] => Ok(digits.unsigned_abs()),
            _ => Err(misfit()),
        };
        let bare = |found: Self| if modifiers.is_empty() { Ok(found) } else { Err(misfit()) };
        match name {
            "bool" => bare(Self::Bool),
            "int2" => bare(Self::Int2),
            "int4" => bare(Self::Int4),
            "int8" => bare(Self::Int8),
            "oid" | "xid" | "cid" => bare(Self::Oid),
            "xid8" | "pg_lsn" => bare(Self::Uint8),
            "jsonpath" => bare(Self::JsonPath),
            "inet" => bare(Self::Network(Network::Inet, 0)),
            "cidr" => bare(Self::Network(Network::Cidr, 0)),
            "macaddr" => bare(Self::Network(Network::Mac, 6)),
            "macaddr8" => bare(Self::Network(Network::Mac, 8)),
            "money" => bare(Self::Money),
            "char" => bare(Self::Char),
            "float4" => bare(Self::Float4),
            "float8" => bare(Self::Float8),
            "numeric" => match modifiers.as_slice() {
                [] => Ok(Self::Numeric(None)),
                [precision @ 1..=1000] => Ok(Self::Numeric(Some((*precision, 0)))),
                [precision @ 1..=1000, scale @ -1000..=1000] => Ok(Self::Numeric(Some((*precision, *scale)))),
                _ => Err(misfit()),
            },
            "text" | "citext" | "xml" => bare(Self::Text(None)),
            "varchar" => Ok(Self::Text(one()?)),
            "bpchar" => Ok(Self::PaddedText(one()?)),
            "name" => bare(Self::Name),
            "bytea" => bare(Self::Bytes),
            "uuid" => bare(Self::Uuid),
            "bit" => Ok(Self::Bit(one()?)),
            "varbit" => Ok(Self::VarBit(one()?)),
            "date" => bare(Self::Date),
            "time" => Ok(Self::Time(fraction()?)),
            "timetz" => Ok(Self::TimeTz(fraction()?)),
            "timestamp" => Ok(Self::Timestamp(fraction()?)),
            "timestamptz" => Ok(Self::Instant(fraction()?)),
            "interval" => Ok(Self::Interval(fraction()?)),
            "interval17" => Ok(Self::EndlessInterval(fraction()?)),
            "json" => bare(Self::Json),
            "jsonb" => bare(Self::Jsonb),
            "enum" => bare(Self::Enum),
            _ => match OPAQUE.into_iter().find(|known| *known == name) {
                Some(known) => bare(Self::Opaque(known)),
                None => Err(Error::Unsupported {
                    column: column.to_string(),
                    type_name: text.to_owned(),
                }),
            },
        }
    }
}

fn split(text: &str) -> Option<(&str, Vec<i32>)> {
    let Some((name, rest)) = text.split_once('(') else {
        return Some((text.trim(), Vec::new()));
    };
    let modifiers = rest
        .trim_end()
        .strip_suffix(')')?
        .split(',')
        .map(|part| part.trim().parse().ok());
    Some((name.trim(), modifiers.collect::<Option<_>>()?))
}
