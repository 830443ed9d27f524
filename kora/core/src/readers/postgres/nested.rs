//! Values made of values: arrays, ranges, composite types, `hstore` and the geometric types, as their `*_send` functions
//! write them. Lengths are checked against the field before anything is read.

use super::numeric::{self, Decoded};
use super::types::ColumnKind;
use super::wire::protocol;
use crate::canon::{Dimension, StructureBuilder};
use crate::cell::Cell;
use crate::error::Result;
use crate::type_expr::TypeExpr;

/// `MAXDIM` of PostgreSQL.
const MAX_DIMENSIONS: i32 = 6;

/// How one field is decoded, whatever it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FieldKind {
    /// A value without parts.
    Scalar(ColumnKind),
    /// A value made of values.
    Nested(NestedKind),
}

/// How a field that is made of fields is decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NestedKind {
    /// `anyarray`.
    Array(Box<FieldKind>),
    /// `anyrange`.
    Range(Box<FieldKind>),
    /// `anymultirange`.
    Multirange(Box<FieldKind>),
    /// A composite type with its fields in order.
    Composite(Vec<(String, FieldKind)>),
    /// The extension's map from text to text.
    Hstore,
    /// A geometric type of so many doubles, by their names.
    Doubles(&'static [&'static str]),
    /// `polygon`: a list of points.
    Polygon,
    /// `path`: whether it is closed, and its points.
    Path,
}

/// The fields of a point, and of a path.
pub(crate) const POINT: &[&str] = &["x", "y"];
pub(crate) const CLOSED: &str = "closed";
pub(crate) const POINTS: &str = "points";

/// The doubles of the geometric types that have a fixed number of them. Sources: `point_send` and its neighbours.
pub(crate) fn doubles(name: &str) -> Option<&'static [&'static str]> {
    Some(match name {
        "point" => POINT,
        "line" => &["a", "b", "c"],
        "lseg" | "box" => &["x1", "y1", "x2", "y2"],
        "circle" => &["x", "y", "r"],
        _ => return None,
    })
}

impl FieldKind {
    /// Reads a column's type: a `pg_type` name, or `array<…>`, `range<…>`, `multirange<…>`, `composite<"field" …>`.
    /// `None` for what has no decoder.
    pub fn parse(text: &str) -> Option<Self> {
        Self::from_expr(&TypeExpr::parse(text)?)
    }

    fn from_expr(expr: &TypeExpr) -> Option<Self> {
        let only = || expr.only().and_then(Self::from_expr).map(Box::new);
        if let Some(names) = doubles(&expr.head) {
            return Some(Self::Nested(NestedKind::Doubles(names)));
        }
        Some(Self::Nested(match expr.head.as_str() {
            "array" => NestedKind::Array(only()?),
            "range" => NestedKind::Range(only()?),
            "multirange" => NestedKind::Multirange(only()?),
            "hstore" => NestedKind::Hstore,
            "polygon" => NestedKind::Polygon,
            "path" => NestedKind::Path,
            "composite" => {
                let read = |(name, field): (&str, &TypeExpr)| Some((name.to_owned(), Self::from_expr(field)?));
                NestedKind::Composite(expr.fields()?.into_iter().map(read).collect::<Option<_>>()?)
            }
            scalar => {
                return ColumnKind::from_name(scalar)
                    .filter(|_| expr.arguments.is_empty())
                    .map(Self::Scalar)
            }
        }))
    }
}

/// What one field is cut from.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn word(&mut self) -> Result<i32> {
        let Some((word, rest)) = self.0.split_first_chunk::<4>() else {
            return Err(cut());
        };
        self.0 = rest;
        Ok(i32::from_be_bytes(*word))
    }

    /// A length and so many bytes; `None` for NULL.
    fn field(&mut self) -> Result<Option<&'a [u8]>> {
        let length = self.word()?;
        if length == -1 {
            return Ok(None);
        }
        let field = usize::try_from(length)
            .ok()
            .and_then(|length| self.0.split_at_checked(length));
        let (field, rest) = field.ok_or_else(cut)?;
        self.0 = rest;
        Ok(Some(field))
    }

    fn end(&self) -> Result<()> {
        match self.0.is_empty() {
            true => Ok(()),
            false => Err(protocol("bytes behind the last part of a nested value")),
        }
    }
}

#[cold]
fn cut() -> crate::error::Error {
    protocol("a nested value that ends before its parts do")
}

impl NestedKind {
    /// Builds the value of a field; `digits` is room for numbers beyond 128 bits.
    pub fn decode(&self, field: &[u8], builder: &mut StructureBuilder, digits: &mut String) -> Result<()> {
        let mut bytes = Bytes(field);
        match self {
            Self::Array(element) => array(element, &mut bytes, builder, digits)?,
            Self::Range(bound) => range(bound, &mut bytes, builder, digits)?,
            Self::Multirange(bound) => {
                builder.begin_multirange()?;
                for _ in 0..bytes.word()? {
                    let mut part = Bytes(bytes.field()?.ok_or_else(cut)?);
                    range(bound, &mut part, builder, digits)?;
                    part.end()?;
                    builder.end()?;
                }
            }
            Self::Composite(fields) => composite(fields, &mut bytes, builder, digits)?,
            Self::Hstore => hstore(&mut bytes, builder)?,
            Self::Doubles(names) => named_doubles(names, &mut bytes, builder)?,
            Self::Polygon => points(&mut bytes, builder)?,
            Self::Path => {
                let Some((closed @ (0 | 1), rest)) = bytes.0.split_first() else {
                    return Err(protocol("a path that is neither open nor closed"));
                };
                bytes.0 = rest;
                builder.begin_struct()?;
                builder.field(CLOSED)?;
                builder.push(&Cell::Bool(*closed == 1))?;
                builder.field(POINTS)?;
                points(&mut bytes, builder)?;
                builder.end()?;
            }
        }
        bytes.end()?;
        builder.end()
    }
}

fn part(kind: &FieldKind, field: Option<&[u8]>, builder: &mut StructureBuilder, digits: &mut String) -> Result<()> {
    let Some(field) = field else {
        return builder.push(&Cell::Null);
    };
    match kind {
        FieldKind::Nested(nested) => nested.decode(field, builder, digits),
        FieldKind::Scalar(ColumnKind::Numeric) => match numeric::decode(field)? {
            Decoded::Cell(cell) => builder.push(&cell),
            Decoded::Long(number) => {
                digits.clear();
                number.write(digits)?;
                builder.push(&Cell::BigDecimal(digits))
            }
        },
        FieldKind::Scalar(scalar) => builder.push(&scalar.decode(field)?),
    }
}

/// Dimensions, a flag for NULLs, the element's OID; length and lower bound of each dimension; the elements.
fn array(
    element: &FieldKind,
    bytes: &mut Bytes<'_>,
    builder: &mut StructureBuilder,
    digits: &mut String,
) -> Result<()> {
    let count = bytes.word()?;
    let (_has_nulls, _oid) = (bytes.word()?, bytes.word()?);
    if !(0..=MAX_DIMENSIONS).contains(&count) {
        return Err(protocol(format!("an array of {count} dimensions")));
    }
    let (mut dimensions, mut elements) = (Vec::with_capacity(count as usize), 1_u64);
    for _ in 0..count {
        let (length, lower) = (bytes.word()?, bytes.word()?);
        let length = u32::try_from(length).map_err(|_| cut())?;
        elements = elements.saturating_mul(u64::from(length));
        dimensions.push(Dimension { length, lower });
    }
    if count == 0 || elements == 0 {
        return builder.begin_list();
    }
    builder.begin_array(&dimensions)?;
    // Each element takes four bytes at least: a false count ends where the field does.
    for _ in 0..elements {
        part(element, bytes.field()?, builder, digits)?;
    }
    Ok(())
}

/// Flags, whose bits are those of [`crate::canon::range`], and the bounds that there are.
fn range(bound: &FieldKind, bytes: &mut Bytes<'_>, builder: &mut StructureBuilder, digits: &mut String) -> Result<()> {
    let (&flags, rest) = bytes.0.split_first().ok_or_else(cut)?;
    bytes.0 = rest;
    builder.begin_range(flags)?;
    while !bytes.0.is_empty() {
        part(bound, bytes.field()?, builder, digits)?;
    }
    Ok(())
}

fn composite(
    fields: &[(String, FieldKind)],
    bytes: &mut Bytes<'_>,
    builder: &mut StructureBuilder,
    digits: &mut String,
) -> Result<()> {
    let count = bytes.word()?;
    if usize::try_from(count) != Ok(fields.len()) {
        return Err(protocol(format!(
            "a composite value of {count} fields whose type has {}",
            fields.len()
        )));
    }
    builder.begin_struct()?;
    for (name, kind) in fields {
        let _oid = bytes.word()?;
        builder.field(name)?;
        part(kind, bytes.field()?, builder, digits)?;
    }
    Ok(())
}

/// The fields of an open struct.
fn named_doubles(names: &[&str], bytes: &mut Bytes<'_>, builder: &mut StructureBuilder) -> Result<()> {
    builder.begin_struct()?;
    for name in names {
        let Some((double, rest)) = bytes.0.split_first_chunk::<8>() else {
            return Err(cut());
        };
        bytes.0 = rest;
        builder.field(name)?;
        builder.push(&Cell::Float(f64::from_be_bytes(*double)))?;
    }
    Ok(())
}

/// A count and so many points; the list is left open.
fn points(bytes: &mut Bytes<'_>, builder: &mut StructureBuilder) -> Result<()> {
    builder.begin_list()?;
    // Each point takes sixteen bytes: a false count ends where the field does.
    for _ in 0..bytes.word()? {
        named_doubles(POINT, bytes, builder)?;
        builder.end()?;
    }
    Ok(())
}

/// Pairs in the extension's own order, by length; here by their keys' bytes, which is everybody's.
fn hstore(bytes: &mut Bytes<'_>, builder: &mut StructureBuilder) -> Result<()> {
    let count = bytes.word()?;
    let mut pairs = Vec::new();
    for _ in 0..count {
        pairs.push((bytes.field()?.ok_or_else(cut)?, bytes.field()?));
    }
    pairs.sort_unstable();
    builder.begin_map()?;
    for (key, value) in pairs {
        builder.push(&ColumnKind::Text.decode(key)?)?;
        match value {
            Some(value) => builder.push(&ColumnKind::Text.decode(value)?)?,
            None => builder.push(&Cell::Null)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canon::display;
    use crate::error::Error;

    fn shown(kind: &str, hex_bytes: &str) -> std::result::Result<String, Error> {
        let Some(FieldKind::Nested(nested)) = FieldKind::parse(kind) else {
            panic!("{kind} has no decoder");
        };
        let mut builder = StructureBuilder::default();
        nested.decode(
            &hex::decode(hex_bytes.replace(' ', "")).unwrap(),
            &mut builder,
            &mut String::new(),
        )?;
        Ok(display(&builder.finish()?).1.unwrap())
    }

    #[test]
    fn nested_fields_decode_as_the_server_sends_them() {
        for (kind, bytes, text) in [
            ("array<int4>", "00000000 00000000 00000017", "[]"),
            (
                "array<int2>",
                "00000001 00000001 00000015 00000002 00000001 00000002 0007 ffffffff",
                "[7,null]",
            ),
            (
                "array<text>",
                "00000001 00000000 00000019 00000001 fffffffe 00000001 61",
                r#"{"bounds":[[-2,-2]],"elements":["a"]}"#,
            ),
            (
                "range<int4>",
                "02 00000004 00000001 00000004 0000000a",
                r#"{"lower":1,"upper":10,"bounds":"[)"}"#,
            ),
            ("range<numeric>", "01", r#"{"empty":true}"#),
            (
                "multirange<int4>",
                "00000001 00000001 18",
                r#"[{"lower":null,"upper":null,"bounds":"()"}]"#,
            ),
            (
                r#"composite<"a" int4,"b ""c" text>"#,
                "00000002 00000017 00000004 00000005 00000019 ffffffff",
                r#"{"a":5,"b \"c":null}"#,
            ),
            (
                "hstore",
                "00000002 00000001 62 ffffffff 00000002 6161 00000001 78",
                r#"{"aa":"x","b":null}"#,
            ),
            ("point", "3ff0000000000000 8000000000000000", r#"{"x":1.0,"y":-0.0}"#),
            (
                "polygon",
                "00000001 3ff0000000000000 8000000000000000",
                r#"[{"x":1.0,"y":-0.0}]"#,
            ),
            (
                "path",
                "01 00000001 3ff0000000000000 0000000000000000",
                r#"{"closed":true,"points":[{"x":1.0,"y":0.0}]}"#,
            ),
        ] {
            assert_eq!(shown(kind, bytes).unwrap(), text, "{kind}");
        }
    }

    #[test]
    fn lengths_that_lie_are_refused_before_anything_is_allocated() {
        for (kind, bytes) in [
            ("array<int4>", "00000007 00000000 00000017"),
            ("array<int4>", "00000001 00000000 00000017 7fffffff 00000001"),
            (
                "array<int4>",
                "00000002 00000000 00000017 7fffffff 00000001 7fffffff 00000001",
            ),
            ("array<int4>", "00000000 00000000 00000017 00"),
            ("range<int4>", "02"),
            ("range<int4>", ""),
            ("multirange<int4>", "7fffffff"),
            ("composite<\"a\" int4>", "00000002"),
            ("hstore", "7fffffff"),
            ("hstore", "00000001 ffffffff 00000000"),
            ("point", "3ff0000000000000"),
            ("polygon", "7fffffff"),
            ("polygon", "00000001 3ff0000000000000"),
            ("path", "02 00000000"),
            ("path", ""),
        ] {
            assert!(shown(kind, bytes).is_err(), "{kind} {bytes}");
        }
    }

    #[test]
    fn a_type_with_an_undecodable_part_has_no_decoder() {
        for kind in [
            "array<gtsvector>",
            "composite<\"a\" int4,\"b\" regclass>",
            "range<>",
            "array<int4,int4>",
            "int4<text>",
        ] {
            assert_eq!(FieldKind::parse(kind), None, "{kind}");
        }
    }
}
