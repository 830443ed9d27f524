//! `structured_json(type)`: JSON text that stands for a nested value of a given type.
//!
//! The text is the one that [`crate::canon`] writes, and the type says what its strings and objects mean. Reading is
//! followed by printing: a text in any other spelling (spaces, another order, `1.0` for 1) disobeys.

use super::leaf::{Leaf, LeafRoom};
use crate::canon::{range, write_structure, Dimension, StructureBuilder};
use crate::cell::{Cell, Structure};
use crate::type_expr::TypeExpr;

/// The type of a nested value.
#[derive(Clone, Debug, PartialEq)]
pub enum Nested {
    /// A value without parts.
    Leaf(Leaf),
    /// Elements.
    List(Box<Nested>),
    /// Elements in any dimensions.
    Array(Box<Nested>),
    /// Two bounds.
    Range(Box<Nested>),
    /// Ranges.
    Multirange(Box<Nested>),
    /// Named fields in order.
    Struct(Vec<(String, Nested)>),
    /// Keys and values.
    Map(Box<Nested>, Box<Nested>),
    /// Alternatives.
    Union(Vec<(String, Nested)>),
    /// Labels.
    Set,
}

/// Room for a value that is read.
#[derive(Clone, Debug, Default)]
pub(crate) struct NestedRoom {
    builder: StructureBuilder,
    leaf: LeafRoom,
    again: String,
}

impl Nested {
    /// Reads a type; `None` where the text names none, or none with parts.
    pub fn parse(text: &str) -> Option<Self> {
        Self::from_expr(&TypeExpr::parse(text)?).filter(|nested| !matches!(nested, Self::Leaf(_)))
    }

    fn from_expr(expr: &TypeExpr) -> Option<Self> {
        let only = || expr.only().and_then(Self::from_expr).map(Box::new);
        let fields = || {
            let fields = expr.fields()?;
            let read = |(name, field): (&str, &TypeExpr)| Some((name.to_owned(), Self::from_expr(field)?));
            fields.into_iter().map(read).collect::<Option<Vec<_>>>()
        };
        Some(match expr.head.as_str() {
            "list" => Self::List(only()?),
            "array" => Self::Array(only()?),
            "range" => Self::Range(only()?),
            "multirange" => Self::Multirange(only()?),
            "struct" => Self::Struct(fields()?),
            "union" => Self::Union(fields()?),
            "map" => match expr.arguments.as_slice() {
                [key, value] => Self::Map(
                    Box::new(Self::from_expr(&key.expr)?),
                    Box::new(Self::from_expr(&value.expr)?),
                ),
                _ => return None,
            },
            "set" => expr.arguments.is_empty().then_some(Self::Set)?,
            leaf => Self::Leaf(Leaf::from_name(leaf).filter(|_| expr.arguments.is_empty())?),
        })
    }

    /// Whether a structured cell may be one of this type: its outermost structure is.
    pub fn holds(&self, structure: Structure) -> bool {
        matches!(
            (self, structure),
            (Self::List(_), Structure::List)
                | (Self::Array(_), Structure::List | Structure::Array)
                | (Self::Range(_), Structure::Range)
                | (Self::Multirange(_), Structure::Multirange)
                | (Self::Struct(_), Structure::Struct)
                | (Self::Map(..), Structure::Map)
                | (Self::Union(_), Structure::Union)
                | (Self::Set, Structure::Set)
        )
    }

    /// The value that a text stands for; `None` where it disobeys.
    pub(crate) fn read<'a>(&self, text: &str, room: &'a mut NestedRoom) -> Option<Cell<'a>> {
        room.builder.clear();
        let mut parser = Parser {
            text,
            at: 0,
            builder: &mut room.builder,
            leaf: &mut room.leaf,
        };
        parser.structure(self)?;
        (parser.at == text.len()).then_some(())?;
        let cell = room.builder.finish().ok()?;
        let Cell::Structured { structure, body } = cell else {
            return None;
        };
        room.again.clear();
        write_structure(structure, body, &mut room.again);
        (room.again == text).then_some(cell)
    }
}

struct Parser<'t, 'r> {
    text: &'t str,
    at: usize,
    builder: &'r mut StructureBuilder,
    leaf: &'r mut LeafRoom,
}

impl<'t> Parser<'t, '_> {
    fn take(&mut self, expected: &str) -> bool {
        let found = self.text[self.at..].starts_with(expected);
        self.at += if found { expected.len() } else { 0 };
        found
    }

    fn must(&mut self, expected: &str) -> Option<()> {
        self.take(expected).then_some(())
    }

    fn value(&mut self, shape: &Nested) -> Option<()> {
        if self.take("null") {
            return self.builder.push(&Cell::Null).ok();
        }
        match shape {
            Nested::Leaf(leaf) => self.leaf(*leaf),
            _ => self.structure(shape),
        }
    }

    /// A JSON string's content.
    fn string(&mut self) -> Option<String> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        self.must("\"")?;
        while *bytes.get(self.at)? != b'"' {
            self.at += 1 + usize::from(bytes[self.at] == b'\\');
        }
        self.at += 1;
        serde_json::from_str(self.text.get(start..self.at)?).ok()
    }

    /// What stands up to the next comma or bracket: a number, or a word.
    fn token(&mut self) -> &'t str {
        let rest = &self.text[self.at..];
        let token = &rest[..rest.find([',', ']', '}']).unwrap_or(rest.len())];
        self.at += token.len();
        token
    }

    fn leaf(&mut self, leaf: Leaf) -> Option<()> {
        let quoted = self.text[self.at..].starts_with('"');
        let bare = matches!(leaf, Leaf::Boolean | Leaf::Number | Leaf::Float);
        if !quoted {
            let token = bare.then(|| self.token())?;
            let cell = leaf.read(token, self.leaf)?;
            return self.builder.push(&cell).ok();
        }
        let text = self.string()?;
        let cell = leaf.read(&text, self.leaf)?;
        self.builder.push(&cell).ok()
    }

    fn structure(&mut self, shape: &Nested) -> Option<()> {
        match shape {
            Nested::Leaf(_) => return None,
            Nested::Array(element) if self.take("{\"bounds\":[") => self.array(element)?,
            Nested::List(element) | Nested::Array(element) => {
                self.builder.begin_list().ok()?;
                self.must("[")?;
                self.elements(element)?;
            }
            Nested::Range(bound) => self.range(bound)?,
            Nested::Multirange(bound) => {
                self.builder.begin_multirange().ok()?;
                self.must("[")?;
                self.separated("]", |parser| {
                    parser.range(bound)?;
                    parser.builder.end().ok()
                })?;
            }
            Nested::Struct(fields) => self.fields(fields)?,
            Nested::Map(key, value) => self.map(key, value)?,
            Nested::Union(alternatives) => self.union(alternatives)?,
            Nested::Set => {
                self.builder.begin_set().ok()?;
                self.must("[")?;
                self.separated("]", |parser| {
                    let label = parser.string()?;
                    parser.builder.label(&label).ok()
                })?;
            }
        }
        self.builder.end().ok()
    }

    /// Parts with commas between them, up to and with the closing text.
    fn separated(&mut self, close: &str, mut part: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        if self.take(close) {
            return Some(());
        }
        loop {
            part(self)?;
            if self.take(close) {
                return Some(());
            }
            self.must(",")?;
        }
    }

    fn elements(&mut self, element: &Nested) -> Option<()> {
        self.separated("]", |parser| parser.value(element))
    }

    fn array(&mut self, element: &Nested) -> Option<()> {
        let mut dimensions = Vec::new();
        self.separated("]", |parser| {
            parser.must("[")?;
            let lower: i32 = parser.token().parse().ok()?;
            parser.must(",")?;
            let last: i64 = parser.token().parse().ok()?;
            parser.must("]")?;
            dimensions.push(Dimension {
                lower,
                length: (last - i64::from(lower) + 1).try_into().ok()?,
            });
            Some(())
        })?;
        self.must(",\"elements\":[")?;
        self.builder.begin_array(&dimensions).ok()?;
        self.elements(element)?;
        self.must("}")
    }

    /// The bounds come after the values that they describe: they are looked for first.
    fn range(&mut self, bound: &Nested) -> Option<()> {
        if self.take("{\"empty\":true}") {
            return self.builder.begin_range(range::EMPTY).ok();
        }
        let start = self.at;
        let mut flags = 0;
        for (name, infinite) in [
            ("{\"lower\":", range::LOWER_INFINITE),
            (",\"upper\":", range::UPPER_INFINITE),
        ] {
            self.must(name)?;
            if self.take("null") {
                flags |= infinite;
            } else {
                self.skip_value()?;
            }
        }
        self.must(",\"bounds\":\"")?;
        flags |= if self.take("[") {
            range::LOWER_INCLUSIVE
        } else {
            self.must("(").map(|()| 0)?
        };
        flags |= if self.take("]") {
            range::UPPER_INCLUSIVE
        } else {
            self.must(")").map(|()| 0)?
        };
        self.must("\"}")?;
        let end = std::mem::replace(&mut self.at, start);
        self.builder.begin_range(flags).ok()?;
        for name in ["{\"lower\":", ",\"upper\":"] {
            self.must(name)?;
            if !self.take("null") {
                self.value(bound)?;
            }
        }
        self.at = end;
        Some(())
    }

    /// Passes over one JSON value of any shape.
    fn skip_value(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            match self.text.as_bytes().get(self.at)? {
                b'"' => {
                    self.string()?;
                }
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    depth = depth.checked_sub(1)?;
                    self.at += 1;
                }
                b',' | b':' if depth > 0 => {
                    self.at += 1;
                    continue;
                }
                _ => {
                    let rest = &self.text[self.at..];
                    let end = rest.find([',', ']', '}', '{', '[', '"', ':'])?;
                    (end > 0).then_some(())?;
                    self.at += end;
                }
            }
            if depth == 0 {
                return Some(());
            }
        }
    }

    fn fields(&mut self, fields: &[(String, Nested)]) -> Option<()> {
        self.builder.begin_struct().ok()?;
        self.must("{")?;
        for (index, (name, field)) in fields.iter().enumerate() {
            if index > 0 {
                self.must(",")?;
            }
            (self.string()? == *name).then_some(())?;
            self.must(":")?;
            self.builder.field(name).ok()?;
            self.value(field)?;
        }
        self.must("}")
    }

    fn map(&mut self, key: &Nested, value: &Nested) -> Option<()> {
        self.builder.begin_map().ok()?;
        if self.take("{") {
            return self.separated("}", |parser| {
                let name = parser.string()?;
                parser.builder.push(&Cell::Text(&name)).ok()?;
                parser.must(":")?;
                parser.value(value)
            });
        }
        self.must("[")?;
        self.separated("]", |parser| {
            parser.must("[")?;
            parser.value(key)?;
            parser.must(",")?;
            parser.value(value)?;
            parser.must("]")
        })
    }

    fn union(&mut self, alternatives: &[(String, Nested)]) -> Option<()> {
        self.must("{")?;
        let name = self.string()?;
        self.must(":")?;
        let (_, value) = alternatives.iter().find(|(alternative, _)| *alternative == name)?;
        self.builder.begin_union(&name).ok()?;
        self.value(value)?;
        self.must("}")
    }
}
