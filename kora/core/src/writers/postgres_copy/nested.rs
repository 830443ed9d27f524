//! Values made of values in the binary form that `array_recv`, `range_recv`, `record_recv` and their neighbours take.
//!
//! Elements carry their type's OID. Of a type that a user made the server (from version 14 on) takes any, so 0 stands
//! there; the built-in ones must be exact.

use super::fields::{self, Outcome};
use super::target::TargetType;
use crate::canon::{Dimension, Shape, StructureReader};
use crate::cell::{Cell, Structure};
use crate::error::Result as CoreResult;
use crate::readers::postgres::nested::{doubles, CLOSED, POINT, POINTS};
use crate::type_expr::TypeExpr;

/// `MAXDIM` of PostgreSQL.
const MAX_DIMENSIONS: usize = 6;

/// A column of values made of values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NestedTarget {
    /// An array of these.
    Array(Part),
    /// `int2vector`, `oidvector`: an array of one dimension that begins at 0, also where it is empty.
    Vector(Part),
    /// A range over these.
    Range(Part),
    /// A multirange over these.
    Multirange(Part),
    /// A composite type with its fields in order.
    Composite(Vec<(String, Part)>),
    /// The extension's map from text to text.
    Hstore,
    /// A geometric type of so many doubles, by their names.
    Doubles(&'static [&'static str]),
    /// A list of points.
    Polygon,
    /// Whether it is closed, and a list of points.
    Path,
}

/// The type of an element, a bound or a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    target: Box<TargetType>,
    oid: u32,
}

impl NestedTarget {
    /// Reads a nested type; `None` for what is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::from_expr(&TypeExpr::parse(text)?)
    }

    fn from_expr(expr: &TypeExpr) -> Option<Self> {
        if let Some(names) = doubles(&expr.head) {
            return Some(Self::Doubles(names));
        }
        Some(match expr.head.as_str() {
            "array" => Self::Array(Part::from_expr(expr.only()?)?),
            "range" => Self::Range(Part::from_expr(expr.only()?)?),
            "multirange" => Self::Multirange(Part::from_expr(expr.only()?)?),
            "int2vector" => Self::Vector(Part::from_expr(&TypeExpr::parse("int2")?)?),
            "oidvector" => Self::Vector(Part::from_expr(&TypeExpr::parse("oid")?)?),
            "hstore" => Self::Hstore,
            "polygon" => Self::Polygon,
            "path" => Self::Path,
            "composite" => {
                let read = |(name, field): (&str, &TypeExpr)| Some((name.to_owned(), Part::from_expr(field)?));
                Self::Composite(expr.fields()?.into_iter().map(read).collect::<Option<_>>()?)
            }
            _ => return None,
        })
    }
}

impl Part {
    fn from_expr(expr: &TypeExpr) -> Option<Self> {
        let target = match NestedTarget::from_expr(expr) {
            Some(nested) => TargetType::Nested(Box::new(nested)),
            None if expr.arguments.is_empty() => TargetType::parse(0, &expr.head).ok()?,
            None => return None,
        };
        Some(Self {
            oid: oid(expr),
            target: Box::new(target),
        })
    }

    /// Length and bytes; −1 for NULL.
    fn put(&self, cell: Option<&Cell<'_>>, out: &mut Vec<u8>) -> Outcome {
        let length_at = out.len();
        out.extend_from_slice(&(-1_i32).to_be_bytes());
        match cell {
            None | Some(Cell::Null) => Ok(()),
            Some(cell) => {
                fields::encode(&self.target, cell, out)?;
                put_length(length_at, out)
            }
        }
    }
}

fn put_length(length_at: usize, out: &mut [u8]) -> Outcome {
    let length = i32::try_from(out.len() - length_at - 4).map_err(|_| "longer than 1 GB".to_owned())?;
    out[length_at..length_at + 4].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

/// Types of `pg_type.dat` with their OIDs and those of their arrays, which no release changes.
const BUILT_IN: [(&str, u32, u32); 63] = [
    ("bool", 16, 1000),
    ("bytea", 17, 1001),
    ("char", 18, 1002),
    ("name", 19, 1003),
    ("int8", 20, 1016),
    ("int2", 21, 1005),
    ("int4", 23, 1007),
    ("text", 25, 1009),
    ("oid", 26, 1028),
    ("xid", 28, 1011),
    ("cid", 29, 1012),
    ("json", 114, 199),
    ("xml", 142, 143),
    ("point", 600, 1017),
    ("lseg", 601, 1018),
    ("box", 603, 1020),
    ("line", 628, 629),
    ("cidr", 650, 651),
    ("float4", 700, 1021),
    ("float8", 701, 1022),
    ("circle", 718, 719),
    ("macaddr8", 774, 775),
    ("money", 790, 791),
    ("macaddr", 829, 1040),
    ("inet", 869, 1041),
    ("bpchar", 1042, 1014),
    ("varchar", 1043, 1015),
    ("date", 1082, 1182),
    ("time", 1083, 1183),
    ("timestamp", 1114, 1115),
    ("timestamptz", 1184, 1185),
    ("interval", 1186, 1187),
    ("timetz", 1266, 1270),
    ("bit", 1560, 1561),
    ("varbit", 1562, 1563),
    ("numeric", 1700, 1231),
    ("uuid", 2950, 2951),
    ("jsonb", 3802, 3807),
    ("xid8", 5069, 271),
    ("int2vector", 22, 1006),
    ("tid", 27, 1010),
    ("oidvector", 30, 1013),
    ("path", 602, 1019),
    ("polygon", 604, 1027),
    ("interval17", 1186, 1187),
    ("txid_snapshot", 2970, 2949),
    ("pg_lsn", 3220, 3221),
    ("tsvector", 3614, 3643),
    ("tsquery", 3615, 3645),
    ("jsonpath", 4072, 4073),
    ("pg_snapshot", 5038, 5039),
    ("range<int4>", 3904, 3905),
    ("range<numeric>", 3906, 3907),
    ("range<timestamp>", 3908, 3909),
    ("range<timestamptz>", 3910, 3911),
    ("range<date>", 3912, 3913),
    ("range<int8>", 3926, 3927),
    ("multirange<int4>", 4451, 6150),
    ("multirange<numeric>", 4532, 6151),
    ("multirange<timestamp>", 4533, 6152),
    ("multirange<timestamptz>", 4534, 6153),
    ("multirange<date>", 4535, 6155),
    ("multirange<int8>", 4536, 6157),
];

/// The OID of a built-in type or of an array of one; 0 for types that are not built in.
fn oid(expr: &TypeExpr) -> u32 {
    match expr.head.as_str() {
        "array" => expr.only().and_then(built_in).map_or(0, |(_, _, array)| *array),
        _ => built_in(expr).map_or(0, |(_, own, _)| *own),
    }
}

/// The entry of a type; its modifier does not count.
fn built_in(expr: &TypeExpr) -> Option<&'static (&'static str, u32, u32)> {
    let bare = |expr: &TypeExpr| expr.head.split('(').next().unwrap_or_default().trim().to_owned();
    let name = match (expr.head.as_str(), expr.only()) {
        (head @ ("range" | "multirange"), Some(bound)) => format!("{head}<{}>", bare(bound)),
        _ => bare(expr),
    };
    BUILT_IN.iter().find(|(known, _, _)| *known == name)
}

/// Appends the field without its length.
pub(super) fn encode(target: &NestedTarget, cell: &Cell<'_>, out: &mut Vec<u8>) -> Outcome {
    let Cell::Structured { structure, body } = *cell else {
        return Err(format!("{} does not fit a nested type", cell.kind()));
    };
    let (shape, mut parts) = StructureReader::new(structure, body).map_err(|error| error.to_string())?;
    match (target, structure, &shape) {
        (NestedTarget::Array(part), Structure::List, _) => list(part, &mut parts, out),
        (NestedTarget::Array(part), Structure::Array, Shape::Dimensions(dimensions)) => {
            array(part, dimensions, &mut parts, out)
        }
        (NestedTarget::Vector(part), Structure::List, _) if parts.is_done() => {
            array(part, &[Dimension { length: 0, lower: 0 }], &mut parts, out)
        }
        (NestedTarget::Vector(part), Structure::Array, Shape::Dimensions(dimensions))
            if matches!(dimensions.as_slice(), [Dimension { lower: 0, .. }]) =>
        {
            array(part, dimensions, &mut parts, out)
        }
        (NestedTarget::Range(part), Structure::Range, Shape::Range(flags)) => {
            out.push(*flags);
            each(&mut parts, |cell| part.put(Some(cell), out))
        }
        (NestedTarget::Multirange(part), Structure::Multirange, _) => multirange(part, &mut parts, out),
        (NestedTarget::Composite(fields), Structure::Struct, _) => composite(fields, &mut parts, out),
        (NestedTarget::Doubles(names), Structure::Struct, _) => geometric(names, &mut parts, out),
        (NestedTarget::Polygon, Structure::List, _) => points(&mut parts, out),
        (NestedTarget::Path, Structure::Struct, _) => path(&mut parts, out),
        (NestedTarget::Hstore, Structure::Map, _) => hstore(&mut parts, out),
        _ => Err(format!("{} does not fit this nested type", cell.kind())),
    }
}

/// Gives every part to `put`.
fn each(parts: &mut StructureReader<'_>, mut put: impl FnMut(&Cell<'_>) -> Outcome) -> Outcome {
    let mut digits = String::new();
    while let Some(cell) = said(parts.value(&mut digits))? {
        put(&cell)?;
    }
    Ok(())
}

fn said<T>(outcome: CoreResult<T>) -> Result<T, String> {
    outcome.map_err(|error| error.to_string())
}

/// One dimension that begins at 1, or none where there is no element.
fn list(part: &Part, parts: &mut StructureReader<'_>, out: &mut Vec<u8>) -> Outcome {
    let mut length = 0_u32;
    each(&mut parts.clone(), |_| {
        length += 1;
        Ok(())
    })?;
    let one = [Dimension { length, lower: 1 }];
    array(part, if length == 0 { &[] } else { &one }, parts, out)
}

fn array(part: &Part, dimensions: &[Dimension], parts: &mut StructureReader<'_>, out: &mut Vec<u8>) -> Outcome {
    if dimensions.len() > MAX_DIMENSIONS {
        return Err(format!("an array of {} dimensions, PostgreSQL has 6", dimensions.len()));
    }
    let mut word = |value: u32| out.extend_from_slice(&value.to_be_bytes());
    word(dimensions.len() as u32);
    word(0); // whether there are NULLs, which the server finds out by itself
    word(part.oid);
    for dimension in dimensions {
        word(dimension.length);
        word(dimension.lower as u32);
    }
    each(parts, |cell| part.put(Some(cell), out))
}

fn multirange(part: &Part, parts: &mut StructureReader<'_>, out: &mut Vec<u8>) -> Outcome {
    let (count_at, mut count) = (out.len(), 0_u32);
    out.extend_from_slice(&[0; 4]);
    let range = NestedTarget::Range(part.clone());
    each(parts, |cell| {
        count += 1;
        let length_at = out.len();
        out.extend_from_slice(&[0; 4]);
        encode(&range, cell, out)?;
        put_length(length_at, out)
    })?;
    out[count_at..count_at + 4].copy_from_slice(&count.to_be_bytes());
    Ok(())
}

/// The next field's value, which must stand under this name.
fn field(name: &str, parts: &mut StructureReader<'_>, put: impl FnOnce(&Cell<'_>) -> Outcome) -> Outcome {
    if said(parts.name())? != Some(name) {
        return Err("a struct whose fields are not those of the type".into());
    }
    let mut digits = String::new();
    match said(parts.value(&mut digits))? {
        Some(cell) => put(&cell),
        None => Err("a struct with a field too few".into()),
    }
}

fn complete(parts: &StructureReader<'_>) -> Outcome {
    match parts.is_done() {
        true => Ok(()),
        false => Err("a struct with more fields than the type".into()),
    }
}

fn composite(fields: &[(String, Part)], parts: &mut StructureReader<'_>, out: &mut Vec<u8>) -> Outcome {
    out.extend_from_slice(&(fields.len() as u32).to_be_bytes());
    for (name, part) in fields {
        out.extend_from_slice(&part.oid.to_be_bytes());
        field(name, parts, |cell| part.put(Some(cell), out))?;
    }
    complete(parts)
}

fn geometric(names: &[&str], parts: &mut StructureReader<'_>, out: &mut Vec<u8>) -> Outcome {
    for name in names {
        field(name, parts, |cell| fields::encode(&TargetType::Float8, cell, out))?;
    }
    complete(parts)
}

/// Their number, and each point's doubles.
fn points(parts: &mut StructureReader<'_>, out: &mut Vec<u8>) -> Outcome {
    let (count_at, mut count) = (out.len(), 0_u32);
    out.extend_from_slice(&[0; 4]);
    let point = NestedTarget::Doubles(POINT);
    each(parts, |cell| {
        count += 1;
        encode(&point, cell, out)
    })?;
    out[count_at..count_at + 4].copy_from_slice(&count.to_be_bytes());
    Ok(())
}

fn path(parts: &mut StructureReader<'_>, out: &mut Vec<u8>) -> Outcome {
    field(CLOSED, parts, |cell| fields::encode(&TargetType::Bool, cell, out))?;
    field(POINTS, parts, |cell| encode(&NestedTarget::Polygon, cell, out))?;
    complete(parts)
}

fn hstore(parts: &mut StructureReader<'_>, out: &mut Vec<u8>) -> Outcome {
    let (count_at, mut values) = (out.len(), 0_u32);
    out.extend_from_slice(&[0; 4]);
    let text = Part {
        target: Box::new(TargetType::Text(None)),
        oid: 0,
    };
    each(parts, |cell| {
        values += 1;
        text.put(Some(cell), out)
    })?;
    out[count_at..count_at + 4].copy_from_slice(&(values / 2).to_be_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_and_ranges_have_the_oids_of_the_server_and_types_of_users_none() {
        for (expression, expected) in [
            ("int4", 23),
            ("numeric(10,2)", 1700),
            ("range<date>", 3912),
            ("array<int4>", 1007),
            ("array<varchar(5)>", 1015),
            ("array<range<date>>", 3913),
            ("array<enum>", 0),
            (r#"composite<"a" int4>"#, 0),
        ] {
            let found = TypeExpr::parse(expression).map(|expr| oid(&expr));
            assert_eq!(found, Some(expected), "{expression}");
        }
    }
}
