//! Nested columns: each row's parts go into one structured cell, whose bytes are kept for the batch.
use super::column::{self, Column};
use super::kinds::DuckKind;
use crate::canon::StructureBuilder;
use crate::cell::{Cell, Structure};
use crate::error::{Error, Result};
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_buffer::{NullBuffer, ScalarBuffer};
use arrow_schema::DataType;

/// The structured values of one column of one batch.
pub struct Nested {
    nulls: Option<NullBuffer>,
    structure: Structure,
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Nested {
    /// Takes an array apart, row by row.
    ///
    /// # Errors
    /// `Unsupported` for a layout that the type does not have, `Limit` for a value beyond a structure's bounds.
    pub fn new(name: &str, kind: &DuckKind, array: &ArrayRef) -> Result<Self> {
        let part = Part::new(name, kind, array)?;
        let mut made = Self {
            nulls: array.nulls().cloned(),
            structure: structure_of(kind),
            bytes: Vec::new(),
            ends: Vec::with_capacity(array.len()),
        };
        let mut builder = StructureBuilder::default();
        for row in 0..array.len() {
            if array.is_valid(row) {
                part.write(row, &mut builder)?;
                if let Cell::Structured { body, .. } = builder.finish()? {
                    made.bytes.extend_from_slice(body);
                }
            }
            made.ends.push(made.bytes.len());
        }
        Ok(made)
    }

    /// The value of row `index`.
    pub fn cell(&self, index: usize) -> Cell<'_> {
        if self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(index)) {
            return Cell::Null;
        }
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        Cell::Structured {
            structure: self.structure,
            body: &self.bytes[start..self.ends[index]],
        }
    }
}

fn structure_of(kind: &DuckKind) -> Structure {
    match kind {
        DuckKind::Struct(_) => Structure::Struct,
        DuckKind::Map(_) => Structure::Map,
        DuckKind::Union(_) => Structure::Union,
        _ => Structure::List,
    }
}

/// Whether a column of `kind` may arrive as `data`.
pub fn check(name: &str, kind: &DuckKind, data: &DataType) -> Result<()> {
    use DataType as D;
    match (kind, data) {
        (DuckKind::Scalar(kind), data) => column::check(name, *kind, data),
        (DuckKind::List(element), D::List(field) | D::LargeList(field)) => check(name, element, field.data_type()),
        (DuckKind::Array(element, length), D::FixedSizeList(field, size))
            if usize::try_from(*size).is_ok_and(|size| size == *length) =>
        {
            check(name, element, field.data_type())
        }
        (DuckKind::Struct(fields), D::Struct(found)) if fields.len() == found.len() => fields
            .iter()
            .zip(found)
            .try_for_each(|((_, kind), field)| check(name, kind, field.data_type())),
        (DuckKind::Map(pair), D::Map(entries, _)) => match entries.data_type() {
            D::Struct(found) if found.len() == 2 => {
                check(name, &pair.0, found[0].data_type())?;
                check(name, &pair.1, found[1].data_type())
            }
            _ => Err(unexpected(name, kind, data)),
        },
        (DuckKind::Union(members), D::Struct(found)) if found.len() == 2 => match found[1].data_type() {
            D::Union(fields, _) if fields.len() == members.len() => members
                .iter()
                .zip(fields.iter())
                .try_for_each(|((_, kind), (_, field))| check(name, kind, field.data_type())),
            _ => Err(unexpected(name, kind, data)),
        },
        _ => Err(unexpected(name, kind, data)),
    }
}

fn unexpected(name: &str, kind: &DuckKind, data: &DataType) -> Error {
    Error::Unsupported {
        column: name.to_owned(),
        type_name: format!("{kind:?} as Arrow {data}"),
    }
}

/// One array of the tree.
enum Part {
    Scalar(Column),
    List {
        nulls: Option<NullBuffer>,
        offsets: Vec<usize>,
        element: Box<Part>,
    },
    Struct {
        nulls: Option<NullBuffer>,
        fields: Vec<(String, Part)>,
    },
    Map {
        nulls: Option<NullBuffer>,
        offsets: Vec<usize>,
        pair: Box<(Part, Part)>,
    },
    Union {
        alternatives: ScalarBuffer<i8>,
        members: Vec<(String, Part)>,
    },
}

impl Part {
    fn new(name: &str, kind: &DuckKind, array: &ArrayRef) -> Result<Self> {
        check(name, kind, array.data_type())?;
        let nulls = array.nulls().cloned();
        Ok(match kind {
            DuckKind::Scalar(kind) => Self::Scalar(Column::scalar(name, *kind, array)?),
            DuckKind::List(element) => {
                let (offsets, values) = match array.as_list_opt::<i32>() {
                    Some(list) => (lengths(list.offsets().iter().map(|end| i64::from(*end))), list.values()),
                    None => {
                        let list = array.as_list::<i64>();
                        (lengths(list.offsets().iter().copied()), list.values())
                    }
                };
                let element = Box::new(Self::new(name, element, values)?);
                Self::List {
                    nulls,
                    offsets,
                    element,
                }
            }
            DuckKind::Array(element, size) => {
                let list = array.as_fixed_size_list();
                let first = list.value_offset_at(0);
                let offsets = (0..=list.len()).map(|row| first + row * size).collect();
                let element = Box::new(Self::new(name, element, list.values())?);
                Self::List {
                    nulls,
                    offsets,
                    element,
                }
            }
            DuckKind::Struct(fields) => {
                let columns = array.as_struct().columns();
                let fields = Self::named(name, fields, columns.iter())?;
                Self::Struct { nulls, fields }
            }
            DuckKind::Map(pair) => {
                let map = array.as_map();
                let offsets = lengths(map.offsets().iter().map(|end| i64::from(*end)));
                let key = Self::new(name, &pair.0, map.keys())?;
                let pair = Box::new((key, Self::new(name, &pair.1, map.values())?));
                Self::Map { nulls, offsets, pair }
            }
            DuckKind::Union(members) => {
                let union = array.as_struct().column(1).as_union();
                let codes: Vec<i8> = union.fields().iter().map(|(code, _)| code).collect();
                if codes
                    .iter()
                    .enumerate()
                    .any(|(place, code)| usize::try_from(*code) != Ok(place))
                {
                    return Err(unexpected(name, kind, array.data_type()));
                }
                let children: Vec<ArrayRef> = codes.iter().map(|code| union.child(*code).clone()).collect();
                Self::Union {
                    alternatives: union.type_ids().clone(),
                    members: Self::named(name, members, children.iter())?,
                }
            }
        })
    }

    fn named<'a>(
        name: &str,
        kinds: &[(String, DuckKind)],
        arrays: impl Iterator<Item = &'a ArrayRef>,
    ) -> Result<Vec<(String, Part)>> {
        kinds
            .iter()
            .zip(arrays)
            .map(|((field, kind), array)| Ok((field.clone(), Self::new(name, kind, array)?)))
            .collect()
    }

    /// Adds the value of row `row` to what the builder has open.
    fn write(&self, row: usize, builder: &mut StructureBuilder) -> Result<()> {
        let missing = |nulls: &Option<NullBuffer>| nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
        match self {
            Self::Scalar(column) => return builder.push(&column.cell(row)?),
            Self::List { nulls, .. } | Self::Struct { nulls, .. } | Self::Map { nulls, .. } if missing(nulls) => {
                return builder.push(&Cell::Null);
            }
            Self::List { offsets, element, .. } => {
                builder.begin_list()?;
                (offsets[row]..offsets[row + 1]).try_for_each(|place| element.write(place, builder))?;
            }
            Self::Struct { fields, .. } => {
                builder.begin_struct()?;
                for (name, part) in fields {
                    builder.field(name)?;
                    part.write(row, builder)?;
                }
            }
            Self::Map { offsets, pair, .. } => {
                builder.begin_map()?;
                for place in offsets[row]..offsets[row + 1] {
                    pair.0.write(place, builder)?;
                    pair.1.write(place, builder)?;
                }
            }
            Self::Union { alternatives, members } => {
                let place = usize::try_from(alternatives[row]).unwrap_or(usize::MAX);
                let (name, part) = members.get(place).ok_or_else(|| Error::Protocol {
                    engine: "duckdb",
                    message: "a union's value under an alternative that its type does not have".to_owned(),
                })?;
                builder.begin_union(name)?;
                part.write(row, builder)?;
            }
        }
        builder.end()
    }
}

/// Offsets, which Arrow guarantees to be ascending and within the values.
fn lengths(offsets: impl Iterator<Item = i64>) -> Vec<usize> {
    offsets.map(|end| usize::try_from(end).unwrap_or(0)).collect()
}
